"""Figures: what they draw equals the tables, and nothing from data is markup."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from backtests import study_plots

AVERAGE = pl.DataFrame(
    {
        "group": ["<b>a", "<b>a", "b", "b"],
        "tau": pl.Series([0, 1, 0, 1], dtype=pl.Int32),
        "n_events": pl.Series([3, 3, 1, 1], dtype=pl.Int32),
        "aar": [0.01, 0.02, 0.03, None],
        "caar": [0.01, 0.03, 0.03, 0.03],
        "std_error": [0.002, 0.004, None, None],
    }
)
EVENTS = pl.DataFrame(
    {
        "event_id": ["e1", "e2"],
        "symbol": ["<i>X", "Y"],
        "group": ["<b>a", "b"],
        "day0": [date(2024, 1, 2), date(2024, 1, 3)],
        "car": [0.05, -0.02],
        "car_std_error": [0.01, 0.02],
        "t": [5.0, -1.0],
    }
)
RETURNS = pl.DataFrame(
    {
        "event_id": ["e1", "e1", "e2", "e2"],
        "symbol": ["<i>X", "<i>X", "Y", "Y"],
        "tau": pl.Series([0, 1, 0, 1], dtype=pl.Int32),
        "abnormal_return": [0.01, 0.02, 0.03, None],
    }
)


def test_caar_draws_a_line_and_a_band_for_each_group():
    band_a, line_a, band_b, line_b = study_plots.caar(AVERAGE).data
    assert list(line_a.y) == [0.01, 0.03]
    assert list(line_b.y) == [0.03, 0.03]
    half = 1.959963984540054
    assert list(band_a.y) == pytest.approx([0.01 + half * 0.002, 0.03 + half * 0.004, 0.03 - half * 0.004, 0.01 - half * 0.002])
    assert not band_b.y
    assert line_a.name == "&lt;b&gt;a"


def test_aar_draws_bars_with_errors():
    figure = study_plots.aar(AVERAGE, RETURNS, EVENTS)
    assert [list(bar.y) for bar in figure.data] == [[0.01, 0.02], [0.03, None]]
    assert figure.layout.barmode == "group"


def test_cars_are_sorted_and_the_least_significant_are_left_out():
    first, second = study_plots.cars(EVENTS).data
    assert (list(first.y), list(second.y)) == ([0.05], [-0.02])
    assert (list(first.x), list(second.x)) == ([2], [1])
    assert first.text == ("&lt;i&gt;X 2024-01-02 (e1)",)
    only = study_plots.cars(EVENTS, limit=1)
    assert len(only.data) == 1
    assert "1 left out" in only.layout.title.text


def test_many_groups_are_drawn_in_panels_of_their_own():
    many = pl.concat([AVERAGE.filter(pl.col("group") == "<b>a").with_columns(group=pl.lit(f"g{i}")) for i in range(7)])
    figure = study_plots.caar(many)
    lines = [trace for trace in figure.data if not trace.name.endswith("band")]
    assert [trace.name for trace in lines] == [f"g{i}" for i in range(7)]
    assert all(list(trace.y) == [0.01, 0.03] for trace in lines)
    assert len({trace.xaxis for trace in lines}) == 7


def test_panels_are_those_of_most_events_each_on_its_own_scale():
    first = AVERAGE.filter(pl.col("group") == "<b>a")
    sizes = [5, 50, 7, 40, 3, 30, 9, 20, 2, 11, 12]
    parts = [
        first.with_columns(
            group=pl.lit(f"g{i:02d}"), n_events=pl.lit(n, dtype=pl.Int32), caar=pl.col("caar") * n, std_error=pl.col("std_error") * n
        )
        for i, n in enumerate(sizes)
    ]
    figure = study_plots.caar(pl.concat(parts))
    lines = [trace for trace in figure.data if not trace.name.endswith("band")]
    largest = sorted(range(len(sizes)), key=lambda i: -sizes[i])[:9]
    assert [trace.name for trace in lines] == [f"g{i:02d}" for i in largest]
    assert [list(trace.y) for trace in lines] == [[0.01 * sizes[i], 0.03 * sizes[i]] for i in largest]
    assert "9 groups of most events of 11" in figure.layout.title.text
    axes = [figure.layout["yaxis" + trace.yaxis[1:]] for trace in lines]
    assert len({trace.yaxis for trace in lines}) == 9 and all(axis.matches is None for axis in axes)
