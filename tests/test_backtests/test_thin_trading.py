"""Betas of thin trading, returns across gaps, matched portfolios and GARCH, each against loops or another implementation."""

from __future__ import annotations

import math
from datetime import date, timedelta
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest

from backtests import thin_trading as tt
from backtests.event_study import EventStudy
from backtests.garch import garch_fit, garch_market
from backtests.normal_returns import estimate
from research.errors import UsageError

E, T = 4, 120


def sample(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    market = np.convolve(rng.normal(0.0005, 0.01, T + 3), [0.7, 0.3], mode="valid")[: T + 2]
    regressors = np.repeat(np.stack([market[:-2], market[1:-1], market[2:]])[:, None], E, axis=1)
    realized = 0.6 * regressors[1] + 0.4 * regressors[0] + rng.normal(0, 0.01, (E, T))
    realized[1, 7:12] = np.nan
    return realized, regressors


def slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0])


def test_scholes_williams_by_loops():
    realized, (lag, same, lead) = sample()
    found = tt.scholes_williams(realized, np.stack([lag, same, lead]))
    for i in range(E):
        kept = ~np.isnan(realized[i])
        y, xs = realized[i][kept], [x[i][kept] for x in (lag, same, lead)]
        rho = np.corrcoef(xs[0], xs[1])[0, 1]
        beta = sum(slope(x, y) for x in xs) / (1 + 2 * rho)
        alpha = y.mean() - beta * xs[1].mean()
        sigma = math.sqrt(((y - alpha - beta * xs[1]) ** 2).sum() / (len(y) - 2))
        np.testing.assert_allclose([found.alpha[i], found.betas[i, 0], found.sigma[i]], [alpha, beta, sigma], rtol=1e-9)


def test_dimson_by_loops():
    realized, (lag, same, lead) = sample(1)
    found = tt.dimson(realized, np.stack([lag, same, lead]))
    for i in range(E):
        kept = ~np.isnan(realized[i])
        y = realized[i][kept]
        design = np.column_stack([np.ones(kept.sum()), lag[i][kept], same[i][kept], lead[i][kept]])
        beta = np.linalg.lstsq(design, y, rcond=None)[0][1:].sum()
        alpha = y.mean() - beta * same[i][kept].mean()
        sigma = math.sqrt(((y - alpha - beta * same[i][kept]) ** 2).sum() / (len(y) - 4))
        np.testing.assert_allclose([found.alpha[i], found.betas[i, 0], found.sigma[i]], [alpha, beta, sigma], rtol=1e-9)
    # a beta of 0.6 + 0.4 that one day's regression does not see
    assert abs(found.betas.mean() - 1.0) < abs(estimate("market", realized, same[None]).betas.mean() - 1.0)


def test_the_market_is_compounded_over_a_gap():
    realized = np.array([[0.01, np.nan, np.nan, 0.05, 0.02, 0.03], [np.nan, 0.01, 0.02, 0.01, np.nan, 0.04]])
    market = np.array([0.01, 0.02, -0.01, 0.03, np.nan, 0.01])
    gap = 1.02 * 0.99 * 1.03 - 1
    expected = np.array([[0.01, np.nan, np.nan, gap, np.nan, 0.01], [np.nan, 0.02, -0.01, 0.03, np.nan, np.nan]])
    np.testing.assert_allclose(tt.across_gaps(realized, market, log=False), expected)
    summed = np.array([0.01, np.nan, np.nan, 0.04, np.nan, 0.01])
    np.testing.assert_allclose(tt.across_gaps(realized, market, log=True)[0], summed)
    np.testing.assert_allclose(tt.leads_and_lags(market[:3]), [[np.nan, 0.01, 0.02], [0.01, 0.02, -0.01], [0.02, -0.01, np.nan]])


DAYS = [date(2022, 1, 3) + timedelta(days=i) for i in range(100)]


def frames(seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.01, 100)
    matrix = market + rng.normal(0, 0.01, (3, 100))
    matrix[0, 70:73] = np.nan
    matrix[0, 30:32] = np.nan
    returns = pl.DataFrame({"session": DAYS * 3, "symbol": np.repeat(["A", "B", "P"], 100), "realized_return": matrix.ravel()})
    events = pl.DataFrame({"event_id": ["a", "b"], "symbol": ["A", "B"], "session": [DAYS[72], DAYS[80]], "match": ["P", None]})
    return (
        events,
        returns.with_columns(pl.col("realized_return").fill_nan(None)),
        pl.DataFrame({"session": DAYS, "realized_return": market}),
        matrix,
        market,
    )


def test_a_study_trade_to_trade():
    events, returns, index, matrix, market = frames()
    study = EventStudy(estimation=(-60, -6), window=(-1, 2), min_obs=30, gaps="compounded")
    found = study.fit_returns(events, returns, index)
    x = tt.across_gaps(matrix, market, log=False)[0]
    y = matrix[0]
    rows = slice(12, 67)
    kept = ~np.isnan(y[rows])
    beta, alpha = np.polyfit(x[rows][kept], y[rows][kept], 1)
    own = found.event_returns.filter(pl.col("event_id") == "a")
    assert own["abnormal_return"].null_count() == 2
    assert own.filter(pl.col("tau") == 1)["abnormal_return"][0] == pytest.approx(y[73] - alpha - beta * (np.prod(1 + market[70:74]) - 1))
    with pytest.raises(UsageError, match="Gaps came as 'compounded' with model 'constant'"):
        EventStudy(model="constant", gaps="compounded")


def test_a_study_against_matched_portfolios():
    events, returns, index, matrix, _ = frames()
    found = EventStudy(model="matched", estimation=(-60, -6), window=(0, 5), min_obs=30).fit_returns(events, returns, index)
    assert found.dropped.rows() == [("b", "B", "no matched returns")]
    own = found.event_returns.drop_nulls("abnormal_return")
    np.testing.assert_allclose(own["abnormal_return"], (matrix[0] - matrix[2])[73:78])
    gap = (matrix[0] - matrix[2])[12:67]
    assert found.events["sigma"][0] == pytest.approx(np.nanstd(gap, ddof=1))


@pytest.mark.parametrize("model", ["scholes_williams", "dimson"])
def test_studies_of_thin_trading_run(model):
    events, returns, index, _, market = frames()
    found = EventStudy(model=model, estimation=(-60, -6), window=(0, 2), min_obs=30).fit_returns(events, returns, index)
    row = found.event_returns.filter(pl.col("event_id") == "b", pl.col("tau") == 0).row(0, named=True)
    event = found.events.filter(pl.col("event_id") == "b").row(0, named=True)
    assert row["expected_return"] == pytest.approx(event["alpha"] + event["beta"] * market[80])
    assert found.tests()["statistic"].null_count() < found.tests().height


@pytest.mark.skipif(find_spec("arch") is not None, reason="arch is installed")
def test_garch_without_its_package_says_what_to_install():
    with pytest.raises(UsageError, match="pip install arch"):
        garch_fit(np.zeros(10), np.zeros(10))


@pytest.mark.skipif(find_spec("arch") is None, reason="arch is not installed")
def test_garch_finds_planted_parameters():
    rng = np.random.default_rng(3)
    n = 4000
    market, h, shocks = rng.normal(0, 0.01, n), 1e-4, np.empty(n)
    for t in range(n):
        shocks[t] = math.sqrt(h) * rng.normal()
        h = 5e-6 + 0.1 * shocks[t] ** 2 + 0.85 * h
    realized = 0.0002 + 1.2 * market + shocks
    found = garch_fit(realized, market)
    assert (found.converged, found.inside) == (True, True)
    np.testing.assert_allclose([found.beta, found.arch, found.garch], [1.2, 0.1, 0.85], atol=0.05)
    model = garch_market(realized[None], market[None, None])
    assert model.betas[0, 0] == found.beta
    np.testing.assert_allclose(model.residuals[0], realized - found.alpha - found.beta * market)
