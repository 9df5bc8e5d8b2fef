"""Abnormal volume and volatility: slow formulas, scipy, and sizes under fat tails."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats
from test_event_study import DAYS, STUDY, bars_of, close_of, events_of
from test_study_result import result

from backtests.activity import VOLATILITY_TESTS, VOLUME_TESTS, Spread, abnormal_volume, log_volume
from backtests.normal_returns import estimate, forecast
from research.errors import SchemaError, UsageError


def test_volatility_tests_by_slow_formulas():
    study = result()
    found = study.volatility([(0, 1)])
    assert found.height == 2 * len(VOLATILITY_TESTS)
    rows = study.events.with_row_index().filter(pl.col("group") == "up")
    event_u, before_u, avar, logs = [], [], [], []
    z_top = z_bottom = 0.0
    for number, df, n_obs, sigma in rows.select("index", "df", "n_obs", "sigma").iter_rows():
        own = [
            study.arrays.abnormal[number, c] / study.arrays.forecast_std[number, c]
            for c in (2, 3)
            if not np.isnan(study.arrays.abnormal[number, c])
        ]
        residuals = study.arrays.residuals[number] / sigma * math.sqrt(n_obs / df)
        before_u += [v for v in residuals if v == v]
        event_u += own
        if not own:
            continue
        for u in own:
            z_top += u**2 * (df - 2) / df - 1
            z_bottom += 2 * (df - 1) / (df - 4)
        avar.append(np.mean(np.square(own)) - 1)
        pairs = [residuals[i : i + 2] for i in range(len(residuals) % 2, len(residuals), 2)]
        blocks = [np.mean(np.square(p[~np.isnan(p)])) for p in pairs if not np.isnan(p).all()]
        logs.append(np.log(np.mean(np.square(own))) - np.mean(np.log(blocks)))
    of = {row["test"]: row for row in found.filter(pl.col("group") == "up").iter_rows(named=True)}
    assert of["patell_u"]["statistic"] == pytest.approx(z_top / math.sqrt(z_bottom), rel=1e-10)
    for name, values in (("avar_t", avar), ("log_avar_t", logs)):
        theirs = stats.ttest_1samp(values, 0.0)
        assert (of[name]["statistic"], of[name]["p_value"]) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))
    levene = stats.levene(event_u, before_u, center="median")
    assert (of["brown_forsythe"]["statistic"], of["brown_forsythe"]["p_value"]) == (
        pytest.approx(levene.statistic),
        pytest.approx(levene.pvalue),
    )
    ratio = np.mean(np.square(event_u))
    assert of["f_ratio"]["statistic"] == pytest.approx(ratio)
    assert of["f_ratio"]["p_greater"] == pytest.approx(stats.f.sf(ratio, len(event_u), rows["df"].sum()))
    assert of["avar_t"]["variance_ratio"] == pytest.approx(1.0 + z_top / len(event_u))
    # the planted 6 % of day 0 is a rise of the second moment too
    on_day = study.volatility([(0, 0)], ["volatility_rank"])
    assert on_day.filter(pl.col("group") == "up")["p_greater"].item() < 0.05


def draws(tails: float, variance: float, n_draws: int = 150, n: int = 40) -> dict[str, float]:
    """Return the share of one-sided 5 % rejections over one day, of normal (0) or Student's t residuals."""
    rng = np.random.default_rng(3)
    hits = dict.fromkeys(VOLATILITY_TESTS, 0)
    for _ in range(n_draws):
        market = rng.normal(0, 0.01, (n, 101))
        noise = rng.normal(size=(n, 101)) if tails == 0 else rng.standard_t(tails, (n, 101)) / math.sqrt(tails / (tails - 2))
        noise[:, 100] *= math.sqrt(variance)
        returns = market + 0.02 * noise
        arrays = forecast(estimate("market", returns[:, :100], market[None, :, :100]), returns[:, 100:], market[None, :, 100:])
        spread = Spread.of(arrays)
        for name in VOLATILITY_TESTS:
            hits[name] += spread.run(name, 0, 0).one_sided()[0] < 0.05
    return {name: n / n_draws for name, n in hits.items()}


def test_size_and_power_of_volatility_tests():
    bound = 0.05 + 3.3 * math.sqrt(0.05 * 0.95 / 150)
    plain = draws(0, 1.0)
    assert max(plain.values()) < bound
    fat = draws(5, 1.0)
    robust = ("avar_t", "log_avar_t", "brown_forsythe", "volatility_rank")
    assert max(fat[name] for name in robust) < bound
    # what the docstring says of the other two
    assert min(fat["patell_u"], fat["f_ratio"]) > 0.1
    assert min(draws(5, 4.0)[name] for name in robust) > 0.6


def market_of_volume(planted: float = 0.0) -> pl.DataFrame:
    parts = [bars_of("000300.SS", DAYS, 0)]
    common = np.random.default_rng(99).normal(0, 0.3, len(DAYS))
    for i in range(12):
        own = np.random.default_rng(i).normal(0, 0.4, len(DAYS)) + common
        own[60] += planted if i < 8 else 0.0
        parts.append(bars_of(f"60000{i:02d}.SS"[-9:], DAYS, i).with_columns(volume=pl.Series(1e6 * np.exp(own)), adj_factor=pl.lit(1.0)))
    return pl.concat(parts)


def volume_events() -> pl.DataFrame:
    return events_of(*((f"e{i}", f"60000{i:02d}.SS"[-9:], close_of(DAYS[59])) for i in range(8)))


def test_volume_is_measured_in_logs_against_the_market_of_volume():
    bars = market_of_volume(math.log(3.0))
    found = abnormal_volume(STUDY, volume_events(), bars, "000300.SS")
    assert found.average.filter(pl.col("tau") == 0)["aar"].item() == pytest.approx(math.log(3.0) * 4 / 12, abs=0.35)
    symbol = volume_events()["symbol"][2]
    own = bars.filter(pl.col("symbol") == symbol).sort("session")["volume"].log1p().to_numpy()
    whole = (
        bars.filter(pl.col("symbol") != "000300.SS")
        .group_by("session")
        .agg(pl.col("volume").log1p().mean())
        .sort("session")["volume"]
        .to_numpy()
    )
    beta, alpha = np.polyfit(whole[15:55], own[15:55], 1)
    row = found.event_returns.filter(pl.col("event_id") == "e2")
    np.testing.assert_allclose(row["abnormal_return"], (own - alpha - beta * whole)[57:65], rtol=1e-8, atol=1e-12)
    constant = abnormal_volume(replace(STUDY, model="constant"), volume_events(), bars, "000300.SS")
    row = constant.event_returns.filter(pl.col("event_id") == "e2")
    np.testing.assert_allclose(row["abnormal_return"], (own - own[15:55].mean())[57:65], rtol=1e-8, atol=1e-12)
    tests = constant.tests([(0, 0)], VOLUME_TESTS)
    assert tests["p_value"].null_count() == 0
    with pytest.raises(UsageError, match="Model 'garch' came for volume"):
        abnormal_volume(replace(STUDY, model="garch"), volume_events(), bars, "000300.SS")


def test_log_volume_of_turnover_amount_and_splits():
    bars = bars_of("600001.SS", DAYS[:4], 0, suspended=(2,))
    plain = log_volume(bars.with_columns(volume=pl.Series([1e6, 2e6, 0.0, 1e6]), adj_factor=pl.Series([1.0, 2.0, 2.0, 2.0])))
    assert plain["realized_return"].to_list() == [
        pytest.approx(math.log1p(1e6)),
        pytest.approx(math.log1p(1e6)),
        None,
        pytest.approx(math.log1p(5e5)),
    ]
    amount = log_volume(bars.with_columns(amount=pl.Series([5.0, 6.0, 0.0, 7.0])))
    assert amount["realized_return"].to_list()[0] == pytest.approx(math.log(6.0))
    shares = pl.DataFrame({"symbol": ["600001.SS"] * 2, "session": [DAYS[0], DAYS[3]], "shares": [1e8, 2e8]})
    turnover = log_volume(bars, shares)["realized_return"].to_list()
    assert turnover[1] == pytest.approx(math.log(1.0 + 0.000255))
    assert turnover[3] == pytest.approx(math.log(0.5 + 0.000255))
    with pytest.raises(SchemaError, match="not positive"):
        log_volume(bars, shares.with_columns(shares=pl.lit(0.0)))


def test_volatility_windows_and_names_are_checked():
    with pytest.raises(UsageError, match="Test 'levene' is not known"):
        result().volatility(tests=["levene"])
    with pytest.raises(UsageError, match=r"Window 0 \.\. 9 came"):
        result().volatility([(0, 9)])
