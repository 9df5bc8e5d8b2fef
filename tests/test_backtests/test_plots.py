from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from backtests import plots
from backtests.schemas import PORTFOLIO
from research.errors import SchemaError

DAYS = [date(2024, 1, 1) + timedelta(days=k) for k in range(4)]
PORTFOLIO_ROWS = pl.DataFrame(
    {"session": DAYS, "gross_return": [0.0, 0.11, -0.09, 0.01], "cost": [0.0, 0.01, 0.01, 0.01], "net_return": [0.0, 0.1, -0.1, 0.0], "turnover": [0.0, 1.0, 0.5, 0.1],
     "gross_exposure": [0.0, 1.0, 0.9, 0.9], "net_exposure": [0.0, 0.0, 0.1, 0.1], "nav": [1.0, 1.1, 0.99, 0.99]},
    schema=PORTFOLIO.schema,
)  # fmt: skip
IC = pl.DataFrame({"horizon": [5, 1], "ic": [0.02, 0.05], "std_error": [0.01, 0.01]})
QUANTILES = pl.DataFrame({"quantile": [2, 1], "mean_forward_return": [0.01, -0.01], "ci_low": [0.0, -0.02], "ci_high": [0.02, 0.0]})
PLANTED = pl.DataFrame(
    {
        "event_type": ["a.<b>", "b.c"],
        "planted": [0.02, -0.01],
        "measured": [0.019, None],
        "ci_low": [0.01, None],
        "ci_high": [0.03, None],
        "n": [40, 0],
    }
)
COUNTS = pl.DataFrame({"session": DAYS, "documents": [1, 2, 3, 4], "events": [0, 1, 0, 1]})


def test_net_asset_value_and_drawdown() -> None:
    figure = plots.nav_and_drawdown(
        PORTFOLIO_ROWS.reverse(), benchmark=pl.DataFrame({"session": DAYS, "benchmark_return": [None, 0.1, 0.0, 0.1]})
    )
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines["net asset value"] == [1.0, 1.1, 0.99, 0.99]
    assert lines["before costs"] == pytest.approx([1.0, 1.11, 1.0101, 1.020201])
    assert lines["benchmark"] == pytest.approx([1.0, 1.1, 1.1, 1.21])
    assert lines["drawdown"] == pytest.approx([0.0, 0.0, -0.1, -0.1])


def test_values_are_those_of_the_frame_sorted() -> None:
    decay = plots.ic_decay(IC).data[0]
    assert (list(decay.x), list(decay.y)) == ([1, 5], [0.05, 0.02])
    assert list(decay.error_y.array) == pytest.approx([0.0196, 0.0196])
    bars = plots.quantile_spread(QUANTILES).data[0]
    assert (list(bars.x), list(bars.y), list(bars.error_y.array), list(bars.error_y.arrayminus)) == (
        ["1", "2"],
        [-0.01, 0.01],
        [0.01, 0.01],
        [0.01, 0.01],
    )
    measured, planted = plots.planted_vs_measured(PLANTED).data
    assert list(planted.x) == [-0.01, 0.02] and list(measured.x) == [None, 0.019]
    assert list(measured.y) == ["b.c (n=0)", "a.&lt;b&gt; (n=40)"]
    assert [trace.name for trace in plots.coverage(COUNTS).data] == ["documents", "events"]
    assert [list(trace.y) for trace in plots.turnover_and_exposure(PORTFOLIO_ROWS).data][2] == [0.0, 1.0, 0.5, 0.1]


FIGURES: list[Callable[[], object]] = [
    lambda: plots.nav_and_drawdown(PORTFOLIO_ROWS),
    lambda: plots.turnover_and_exposure(PORTFOLIO_ROWS),
    lambda: plots.ic_decay(IC),
    lambda: plots.quantile_spread(QUANTILES),
    lambda: plots.coverage(COUNTS),
    lambda: plots.planted_vs_measured(PLANTED),
]


@pytest.mark.parametrize("make", FIGURES)
def test_one_style_and_the_same_json_twice(make: Callable[[], object]) -> None:
    first, second = make().to_json(), make().to_json()  # type: ignore[attr-defined]
    assert first == second
    layout = json.loads(first)["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert layout["font"]["color"] == plots.COLOURS["grey"]


def test_empty_frames_still_make_a_figure() -> None:
    plots.nav_and_drawdown(PORTFOLIO_ROWS.clear())
    plots.ic_decay(IC.clear())
    plots.planted_vs_measured(PLANTED.clear())
    plots.coverage(COUNTS.clear())


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="quantile_spread, column mean_forward_return"):
        plots.quantile_spread(IC.rename({"horizon": "quantile"}))
    with pytest.raises(SchemaError, match="at least one count"):
        plots.coverage(pl.DataFrame({"session": DAYS}))
