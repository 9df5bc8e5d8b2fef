"""Laws of an event study that hold whatever the data, and bad input: a reason, an error or a null, never a figure that is not finite."""

from __future__ import annotations

import importlib.util
import math
from argparse import Namespace
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_event_study import DAYS, STUDY, long_returns, panel

from backtests.event_study import EventStudy
from backtests.study_tests import RESAMPLED, TESTS
from research.errors import EstimationError, TidingsError

SEEDS = st.integers(0, 10**6)


def moved(frame: pl.DataFrame, change: pl.Expr) -> pl.DataFrame:
    return frame.with_columns(realized_return=change)


def abnormal(result) -> np.ndarray:
    return result.event_returns["abnormal_return"].to_numpy()


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, constant=st.floats(-0.05, 0.05), model=st.sampled_from(["market", "scholes_williams", "dimson", "constant"]))
def test_a_constant_is_taken_by_the_intercept(seed, constant, model):
    events, returns, index, *_ = panel(seed)
    study = replace(STUDY, model=model)
    plain = study.fit_returns(events, returns, index)
    own = study.fit_returns(events, moved(returns, pl.col("realized_return") + constant), index)
    market = study.fit_returns(events, returns, moved(index, pl.col("realized_return") + constant))
    for other in (own, market):
        np.testing.assert_allclose(abnormal(other), abnormal(plain), atol=1e-12)
        np.testing.assert_allclose(other.events["sigma"], plain.events["sigma"], rtol=1e-8)
    np.testing.assert_allclose(own.events["alpha"], plain.events["alpha"] + constant, atol=1e-12)


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, constant=st.floats(-0.05, 0.05))
def test_factors_may_be_moved_scaled_and_mixed(seed, constant):
    events, returns, index, *_ = panel(seed)
    rng = np.random.default_rng([seed, 1])
    factors = index.rename({"realized_return": "market"}).with_columns(size=pl.Series(rng.normal(0, 0.01, len(DAYS))))
    study = replace(STUDY, model="factors")
    plain = study.fit_returns(events, returns, index, factors=factors)
    mixed = factors.select("session", a=pl.col("market") * 3 + constant, b=pl.col("size") - 2 * pl.col("market") + constant)
    other = study.fit_returns(events, returns, index, factors=mixed)
    np.testing.assert_allclose(abnormal(other), abnormal(plain), atol=1e-11)
    np.testing.assert_allclose(other.events["car_std_error"], plain.events["car_std_error"], rtol=1e-8)
    # a return that both have in common is no news to a model that subtracts the market
    adjusted = replace(STUDY, model="market_adjusted")
    common = pl.DataFrame({"session": DAYS, "common": rng.normal(0, 0.02, len(DAYS))})
    both = [frame.join(common, on="session").with_columns(pl.col("realized_return") + pl.col("common")) for frame in (returns, index)]
    np.testing.assert_allclose(
        abnormal(adjusted.fit_returns(events, *both)), abnormal(adjusted.fit_returns(events, returns, index)), atol=1e-12
    )


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, cut=st.integers(1, 7))
def test_splitting_an_event_file_and_pooling_is_the_same(seed, cut):
    events, returns, index, *_ = panel(seed)
    whole = STUDY.fit_returns(events, returns, index)
    parts = [STUDY.fit_returns(part, returns, index) for part in (events.head(cut), events.tail(len(events) - cut))]
    assert_frame_equal(pl.concat([part.events for part in parts]).sort("event_id"), whole.events, rel_tol=1e-12)
    returns_of = pl.concat([part.event_returns for part in parts]).sort("event_id", "tau")
    assert_frame_equal(returns_of, whole.event_returns.sort("event_id", "tau"), rel_tol=1e-12)
    pooled = (
        pl.concat([part.average for part in parts])
        .group_by("tau")
        .agg(n_events=pl.col("n_events").sum(), aar=(pl.col("aar") * pl.col("n_events")).sum() / pl.col("n_events").sum())
        .sort("tau")
    )
    kept = whole.average.filter(pl.col("n_events") > 0)
    np.testing.assert_allclose(pooled.filter(pl.col("n_events") > 0)["aar"], kept["aar"], atol=1e-13)
    # and so is naming the parts as groups
    labelled = events.with_columns(half=pl.Series(["a" if i < cut else "b" for i in range(len(events))]))
    grouped = STUDY.fit_returns(labelled, returns, index, group="half")
    for label, part in zip("ab", parts, strict=True):
        own = grouped.tests().filter(pl.col("group") == label).drop("group")
        assert_frame_equal(own, part.tests().drop("group"), rel_tol=1e-9)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, scale=st.floats(0.2, 5))
def test_scaled_returns_scale_cars_and_turned_ones_turn_them(seed, scale):
    events, returns, index, *_ = panel(seed)
    plain = STUDY.fit_returns(events, returns, index)
    scaled = STUDY.fit_returns(events, moved(returns, pl.col("realized_return") * scale), moved(index, pl.col("realized_return") * scale))
    for name in ("car", "car_std_error", "sigma", "alpha"):
        np.testing.assert_allclose(scaled.events[name], plain.events[name] * scale, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(scaled.events["t"], plain.events["t"], rtol=1e-8)
    turned = STUDY.fit_returns(events, moved(returns, -pl.col("realized_return")), moved(index, -pl.col("realized_return")))
    np.testing.assert_allclose(turned.events["car"], -plain.events["car"], rtol=1e-9, atol=1e-15)
    # compounding is not symmetric, and on a tie a sign has no side
    symmetric = [name for name in TESTS if name not in ("bhar", "sign", "generalized_sign", "wilcoxon")]
    here, there = plain.one_sided(tests=symmetric), turned.one_sided(tests=symmetric)
    np.testing.assert_allclose(here["p_greater"].to_numpy(), there["p_less"].to_numpy(), atol=1e-8)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, days=st.integers(1, 4000))
def test_names_and_dates_carry_no_information(seed, days):
    events, returns, index, *_ = panel(seed)
    plain = STUDY.fit_returns(events, returns, index)
    later = pl.col("session") + timedelta(days=days)
    named = "x" + pl.col("symbol").str.reverse()
    other = STUDY.fit_returns(
        events.with_columns(later, symbol=named), returns.with_columns(later, symbol=named), index.with_columns(session=later)
    )
    assert_frame_equal(other.tests(), plain.tests(), rel_tol=1e-9)


# ------------------------------------------------------------------------------------------------------- bad input


def finite(result) -> None:
    """Every figure is finite or null."""
    frames = [result.events, result.event_returns, result.average, result.tests(tests=[*TESTS, *RESAMPLED]), result.one_sided()]
    frames += [result.differences(draws=9), result.romano_wolf(draws=9), result.joint(), result.adjusted(), result.volatility()]
    for frame in frames:
        for name, dtype in frame.schema.items():
            if dtype.is_float():
                known = frame[name].drop_nulls()
                assert known.is_finite().all(), (name, frame.filter(~pl.col(name).is_finite()).head(3))
    p_values = pl.concat([frame["p_value"] for frame in frames if "p_value" in frame.columns]).drop_nulls()
    assert p_values.is_between(0.0, 1.0).all()


@settings(max_examples=12, deadline=None)
@given(
    seed=SEEDS,
    kind=st.sampled_from(["nan", "inf", "zero", "huge", "constant", "sparse", "minus one", "same"]),
    model=st.sampled_from(["market", "constant", "market_adjusted"]),
)
def test_no_figure_is_infinite_whatever_comes(seed, kind, model):
    events, _, index, matrix, _ = panel(seed)
    rng = np.random.default_rng([seed, 1])
    bad = rng.random(matrix.shape) < 0.3
    match kind:
        case "nan":
            matrix[bad] = np.nan
        case "inf":
            matrix[bad & (rng.random(matrix.shape) < 0.1)] = np.inf
        case "zero":
            matrix[:, -60:] = 0.0
        case "huge":
            matrix[bad & (rng.random(matrix.shape) < 0.1)] = 1e12
        case "constant":
            matrix[:] = 0.001
        case "sparse":
            matrix[rng.random(matrix.shape) < 0.9] = np.nan
        case "minus one":
            matrix[bad] = -1.0
        case _:
            matrix[:] = matrix[0] if np.isfinite(matrix[0]).any() else 0.0
    frame = long_returns(np.asarray(matrix), DAYS)
    if rng.random() < 0.3:
        index = index.with_columns(realized_return=pl.when(pl.Series(rng.random(len(DAYS)) < 0.5)).then("realized_return"))
    study = EventStudy(model=model, estimation=(-45, -6), window=(-3, 4), min_obs=5)
    try:
        result = study.fit_returns(events, frame, index, group="kind")
    except EstimationError as error:
        assert "None of the 8 events can be used" in str(error)
        return
    finite(result)
    assert result.events.height + result.dropped.height == events.height


def test_each_kind_of_bad_event_has_its_reason():
    events, returns, index, *_ = panel()
    sound = events.row(3, named=True)
    days = {event["event_id"]: event["session"] for event in events.iter_rows(named=True)}

    def gone(symbol: str, event: str, first: int, last: int) -> pl.Expr:
        inside = pl.col("session").is_between(days[event] + timedelta(days=first), days[event] + timedelta(days=last))
        return (pl.col("symbol") == symbol) & inside

    value = (
        pl.when(gone("S00", "e0", -3, 4)).then(None)  # all of the event window
        .when(gone("S01", "e1", -60, -8)).then(None)  # nearly all of the estimation window
        .when(gone("S02", "e2", -60, -6)).then(0.0)  # no variance
        .otherwise("realized_return")
    )  # fmt: skip
    returns = returns.with_columns(realized_return=value)
    returns = returns.filter(~((pl.col("symbol") == "S04") & (pl.col("session") < days["e4"] + timedelta(days=1))))
    more = [
        ("e3", sound["symbol"], sound["session"], sound["kind"]),
        ("f3", sound["symbol"], sound["session"], sound["kind"]),
        ("nobody", "S99", sound["session"], sound["kind"]),
        ("nameless", None, sound["session"], sound["kind"]),
        ("holiday", "S05", days["e5"], sound["kind"]),
        ("early", "S06", DAYS[3], sound["kind"]),
        ("late", "S06", DAYS[-1] + timedelta(days=9), sound["kind"]),
    ]
    frame = pl.concat([events, pl.DataFrame(more, schema=events.schema, orient="row")])
    found = STUDY.fit_returns(frame.filter(pl.col("event_id") != "e5"), returns, index.filter(pl.col("session") != days["e5"]))
    reasons = dict(found.dropped.select("event_id", "reason").iter_rows())
    expected = {
        "e0": "no return in the event window", "e1": "estimation window too short", "e2": "zero variance", "e4": "event before listing",
        "e3": "duplicate event", "f3": "duplicate event", "nobody": "no bars", "nameless": "no symbol", "holiday": "day 0 is not a session",
        "early": "estimation window too short", "late": "after the last bar",
    }  # fmt: skip
    assert reasons.items() >= expected.items()
    assert found.events.height + found.dropped.height == frame.height - 1


def test_a_day_without_the_benchmark_is_a_day_without_a_return():
    events, returns, index, *_ = panel()
    event = events.row(0, named=True)
    hole = index.with_columns(realized_return=pl.when(pl.col("session") != event["session"]).then("realized_return"))
    found = STUDY.fit_returns(events, returns, hole)
    row = found.event_returns.filter(pl.col("event_id") == event["event_id"], pl.col("tau") == 0).row(0, named=True)
    assert (row["expected_return"], row["abnormal_return"]) == (None, None)
    finite(found)


def test_a_factor_that_never_moves_has_its_reason():
    events, returns, index, *_ = panel()
    factors = index.rename({"realized_return": "market"}).with_columns(still=pl.lit(0.01))
    with pytest.raises(EstimationError, match="regressors that do not vary or are collinear"):
        replace(STUDY, model="factors").fit_returns(events, returns, index, factors=factors)
    flat = index.with_columns(realized_return=pl.lit(0.001))
    with pytest.raises(EstimationError, match="regressors that do not vary or are collinear"):
        STUDY.fit_returns(events, returns, flat)


@pytest.mark.parametrize("event", range(3))
def test_one_event_alone_is_told_or_tested(event):
    events, returns, index, *_ = panel()
    try:
        finite(STUDY.fit_returns(events[event], returns, index))
    except TidingsError as error:
        pytest.fail(f"one sound event was refused: {error}")


# ---------------------------------------------------------------------------------------------------- size and power


def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "event_study_size.py"
    spec = importlib.util.spec_from_file_location("event_study_size", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


#: tests that do not keep their size when the event doubles the variance, and when events share day 0 and correlate
BROKEN = {
    "variance x 2": {"brown_warner", "time_series", "lamb", "patell", "adjusted_patell", "corrado_rank", "campbell_wasley"},
    "clustered": {
        "cross_sectional", "skewness_adjusted", "brown_warner", "patell", "bmp", "sign", "generalized_sign", "grank_z", "wilcoxon", "bhar",
    },
}  # fmt: skip


@pytest.mark.parametrize("scenario", ["no effect", "+1 %", "variance x 2", "clustered"])
def test_rejection_rates_on_fat_tails(scenario):
    module = benchmark()
    setting = next(rest for name, *rest in module.SCENARIOS if name == scenario)
    draws = 120
    args = Namespace(draws=draws, events=40, days=80, seed=11, one_sided=False)
    rates = dict(zip(TESTS, module.rejections(*setting, args, TESTS, module.simulated)[0], strict=True))
    if scenario == "+1 %":
        assert min(rates.values()) > 0.6
        return
    # a sign's distribution has steps, a skewness-adjusted t is a little liberal: three standard errors about 6.5 %
    bound = 0.065 + 3.0 * math.sqrt(0.065 * 0.935 / draws)
    broken = BROKEN.get(scenario, set())
    assert {name: rate for name, rate in rates.items() if rate > bound and name not in broken} == {}
    clear = {"patell": 0.08, "brown_warner": 0.08} if scenario == "variance x 2" else {"bmp": 0.1, "grank_z": 0.1} if broken else {}
    assert {name: rates[name] for name, least in clear.items() if rates[name] < least} == {}


MARKET = Path(__file__).parents[3] / "shared" / "market" / "bars_us_2015_2024.parquet"


@pytest.mark.skipif(not MARKET.exists(), reason="real prices are not published with the code")
def test_rejection_rates_on_real_returns():
    module = benchmark()
    names = ("cross_sectional", "patell", "bmp", "kolari_pynnonen", "generalized_sign", "corrado_rank", "grank_t")
    args = Namespace(draws=50, events=50, days=239, seed=5, one_sided=False)
    source = module.Real(MARKET)
    found = {}
    for name, *setting in (row for row in module.SCENARIOS if row[0] != "+0.5 %"):
        found[name] = dict(zip(names, module.rejections(*setting, args, names, source)[0], strict=True))
    bound = 0.05 + 3.3 * math.sqrt(0.05 * 0.95 / 50)
    assert max(found["no effect"].values()) < bound
    assert min(found["+1 %"].values()) > 0.65
    assert found["variance x 2"]["patell"] > 0.07
    assert found["variance x 2"]["bmp"] < bound
    assert found["clustered"]["kolari_pynnonen"] < bound
