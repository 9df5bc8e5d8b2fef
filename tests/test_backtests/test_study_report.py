"""The sections of a report: what they state is what the study did, and a report can be written of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_event_study import DAYS, STUDY, panel
from test_sensitivity import study

from backtests.power import minimum_detectable_effect
from backtests.report import write_report
from backtests.study_report import method_statement, robustness_sections, study_sections


def test_the_method_is_stated_as_it_was_done():
    events, returns, index, *_ = panel()
    text = method_statement(STUDY.fit_returns(events, returns, index))
    assert "simple returns less their expectation, the market model R = alpha + beta Rm" in text
    assert "over trading days -45 to -6 relative to day 0, with at least 20 valid days. The event window is days -3 to 4" in text
    assert "Conventions: textbook" in text
    log = replace(STUDY, returns="log", model="constant", overlap="first", alignment="open").fit_returns(events, returns, index)
    other = method_statement(log)
    for part in (
        "log returns",
        "the mean of the estimation window",
        "opens strictly after",
        "of an earlier event of their security are left out",
    ):
        assert part in other


def test_sections_hold_the_figures_of_the_study():
    result = study(effect=0.03)
    method, effect, tests, validity = study_sections(result, [(0, 0), (-5, 5)])
    assert "40 of 40 events are used" in method.text
    caption, table = effect.tables[0]
    assert caption == "Cumulative abnormal returns"
    row = table.filter(pl.col("group") == "a", pl.col("days") == "0 … 0").row(0, named=True)
    car = result.car((0, 0))[(result.events["group"] == "a").to_numpy()]
    assert row["mean CAR"]["text"] == f"{car.mean():.2%}".replace("-", "−") and row["mean CAR"]["value"] == pytest.approx(car.mean())
    assert row["positive"]["text"] == f"{(car > 0).mean():.0%}"
    assert tests.tables[1][1].equals(result.tests([(0, 0), (-5, 5)]))
    assert "2 groups were tried" in validity.text
    assert next(caption for caption, _ in validity.tables).startswith("Step-down p-values")
    assert len(effect.figures) == 3


def test_dropped_events_are_counted_by_reason():
    events, returns, index, *_ = panel()
    early = events.head(1).with_columns(event_id=pl.lit("early"), session=pl.lit(DAYS[3]))
    method, *_ = study_sections(STUDY.fit_returns(pl.concat([events, early]), returns, index))
    assert "8 of 9 events are used" in method.text
    reasons = dict(method.tables)["Events left out, by reason"]
    assert reasons.rows() == [("estimation window too short", 1)]


def test_robustness_sections_and_the_report(tmp_path):
    result = study(effect=0.03, drift=0.03)
    parts = robustness_sections(result, draws=40, days=15)
    assert [part.title for part in parts] == ["Sensitivity", "Placebo dates", "Before day 0", "Power"]
    sensitivity, placebo, before, power = parts
    assert len(sensitivity.figures) == 2
    assert "drawn independently" in placebo.text
    assert dict(before.tables)["Drift and reaction"]["group"].to_list() == ["a", "b"]
    table = dict(power.tables)["Minimum detectable effect"]
    sigma = float(np.sqrt(np.square(result.events.filter(pl.col("group") == "a")["sigma"].to_numpy()).mean()))
    assert table["one day"][0]["text"] == f"{minimum_detectable_effect(20, sigma):.2%}"
    path = write_report(tmp_path / "study.html", *study_sections(result), *parts, title="A study")
    page = path.read_text("utf-8")
    for title in ("Method and sample", "Effect", "Tests", "Validity", "Sensitivity", "Placebo dates", "Before day 0", "Power"):
        assert f">{title}<" in page


def test_clustered_events_get_shifted_placebos():
    parts = robustness_sections(study(n=20, same_day=True), draws=20, days=10)
    assert "all moved by one number of sessions" in parts[1].text


@pytest.mark.filterwarnings("error")
def test_one_event_is_reported_without_figures_it_does_not_bear(tmp_path):
    events, returns, index, *_ = panel()
    result = STUDY.fit_returns(events.head(1), returns, index)
    path = write_report(tmp_path / "one.html", *study_sections(result), *robustness_sections(result, draws=5, days=5), title="One")
    assert "1 of 1 events are used" in path.read_text("utf-8")
