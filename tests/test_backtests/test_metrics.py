from __future__ import annotations

import math
import statistics
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import scipy.stats
import statsmodels.api as sm

from backtests.metrics import PERIODS, performance, sharpe_error
from backtests.schemas import METRICS, PORTFOLIO
from research.errors import UsageError


def portfolio(net: list[float] | np.ndarray, cost: float = 0.0001, turnover: float = 0.1) -> pl.DataFrame:
    net = np.asarray(net, dtype=float)
    n = len(net)
    return pl.DataFrame(
        {
            "session": [date(2024, 1, 1) + timedelta(days=k) for k in range(n)],
            "gross_return": net + cost, "cost": [cost] * n, "net_return": net, "turnover": [turnover] * n,
            "gross_exposure": [1.0] * n, "net_exposure": [1.0] * n, "nav": np.cumprod(1 + net),
        },
        schema=PORTFOLIO.schema,
    )  # fmt: skip


def table(frame: pl.DataFrame, **kwargs: object) -> dict[str, dict[str, object]]:
    out = performance(frame, **kwargs)  # type: ignore[arg-type]
    METRICS.validate(out)
    return {row["metric"]: row for row in out.iter_rows(named=True)}


def test_five_returns_by_hand() -> None:
    net = [0.01, -0.02, 0.03, 0.0, -0.01]
    m = table(portfolio(net))
    mean, std = statistics.mean(net), statistics.stdev(net)
    assert m["annual_return"]["value"] == pytest.approx((1.01 * 0.98 * 1.03 * 0.99) ** (252 / 5) - 1)
    assert m["annual_volatility"]["value"] == pytest.approx(std * math.sqrt(252))
    assert m["sharpe"]["value"] == pytest.approx(mean / std * math.sqrt(252))
    assert m["sortino"]["value"] == pytest.approx(mean / math.sqrt((0.02**2 + 0.01**2) / 5) * math.sqrt(252))
    assert m["max_drawdown"]["value"] == pytest.approx(-0.02)
    assert m["calmar"]["value"] == pytest.approx(m["annual_return"]["value"] / 0.02)
    assert (m["hit_rate"]["value"], m["hit_rate"]["n"]) == (0.5, 4)
    assert m["annual_turnover"]["value"] == pytest.approx(25.2)
    assert m["annual_cost"]["value"] == pytest.approx(0.0252)
    assert m["max_drawdown"]["ci_low"] is None, "no interval from five sessions"


def test_against_statsmodels_and_scipy() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0.0005, 0.01, 800)
    net = noise + 0.3 * np.concatenate([[0], noise[:-1]])
    market = 0.5 * net + rng.normal(0, 0.008, 800)
    frame = portfolio(net)
    m = table(frame, market="cn", benchmark=pl.DataFrame({"session": frame["session"], "benchmark_return": market}))
    lags = int(4 * (800 / 100) ** (2 / 9))
    logs = sm.OLS(np.log1p(net), np.ones(800)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    low, high = (math.expm1(243 * (logs.params[0] + sign * 1.959963984540054 * logs.bse[0])) for sign in (-1, 1))
    assert (m["annual_return"]["ci_low"], m["annual_return"]["ci_high"]) == pytest.approx((low, high), rel=1e-9)
    fit = sm.OLS(net, sm.add_constant(market)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    assert (m["beta"]["value"], m["beta"]["std_error"]) == pytest.approx((fit.params[1], fit.bse[1]), rel=1e-9)
    assert (m["annual_alpha"]["value"], m["annual_alpha"]["std_error"]) == pytest.approx((243 * fit.params[0], 243 * fit.bse[0]), rel=1e-9)
    assert m["skewness"]["value"] == pytest.approx(scipy.stats.skew(net))
    assert m["excess_kurtosis"]["value"] == pytest.approx(scipy.stats.kurtosis(net))
    wilson = scipy.stats.binomtest(int((net > 0).sum()), int((net != 0).sum())).proportion_ci(method="wilson")
    assert (m["hit_rate"]["ci_low"], m["hit_rate"]["ci_high"]) == pytest.approx((wilson.low, wilson.high))


def test_the_sharpe_error_is_lo_s_where_returns_are_independent_and_normal() -> None:
    """Lo (2002), equation 9: the variance of the ratio of a session is (1 + SR² / 2) / n."""
    net = np.random.default_rng(0).normal(0.003, 0.01, 20_000)
    m = table(portfolio(net))
    ratio = net.mean() / net.std(ddof=1)
    assert m["sharpe"]["std_error"] == pytest.approx(math.sqrt((1 + ratio**2 / 2) / 20_000 * 252), rel=0.05)


def test_intervals_cover_about_as_often_as_they_say() -> None:
    covered, true = 0, 0.1 * math.sqrt(252)
    for seed in range(120):
        row = table(portfolio(np.random.default_rng(seed).normal(0.001, 0.01, 250)))["sharpe"]
        covered += row["ci_low"] < true < row["ci_high"]  # type: ignore[operator]
    assert 0.90 <= covered / 120 <= 0.99


def test_nothing_is_computed_from_nothing() -> None:
    for net in ([], [0.01]):
        m = table(portfolio(net))
        assert all(m[name]["value"] is None for name in ("annual_return", "sharpe", "sortino", "max_drawdown", "skewness"))
    flat = table(portfolio([0.0] * 30, cost=0.0, turnover=0.0))
    assert flat["annual_return"]["value"] == 0 and flat["annual_volatility"]["value"] == 0 and flat["max_drawdown"]["value"] == 0
    assert all(flat[name]["value"] is None for name in ("sharpe", "sortino", "calmar", "hit_rate"))
    rising = table(portfolio([0.001, 0.002] * 20))
    assert rising["calmar"]["value"] is None and rising["sortino"]["value"] is None


def test_seed_and_market_are_all_that_matters_besides_the_data() -> None:
    frame = portfolio(np.random.default_rng(1).normal(0, 0.01, 100))
    assert performance(frame, seed=4).equals(performance(frame.reverse(), seed=4))
    assert not performance(frame, seed=4).equals(performance(frame, seed=5))
    assert dict(PERIODS) == {"cn": 243, "hk": 246, "us": 252, "crypto": 365}
    with pytest.raises(UsageError, match="expected one of"):
        performance(frame, market="jp")


def test_the_error_of_a_sharpe_ratio_by_the_delta_method() -> None:
    """Lo (2002): the long-run covariance of first and second moments, pushed through mu / sqrt(m2 - mu^2)."""
    rng = np.random.default_rng(5)
    noise = rng.standard_t(5, 400) / 100
    net = 0.0005 + noise + 0.3 * np.concatenate([[0], noise[:-1]])
    n, lags = len(net), int(4 * (len(net) / 100) ** (2 / 9))
    moments = np.column_stack([net, net**2]) - [net.mean(), (net**2).mean()]
    covariance = moments.T @ moments / n
    for lag in range(1, lags + 1):
        shifted = moments[lag:].T @ moments[:-lag] / n
        covariance += (1 - lag / (lags + 1)) * (shifted + shifted.T)
    mean, variance = net.mean(), net.var()
    gradient = np.array([1 / variance**0.5 + mean**2 / variance**1.5, -mean / (2 * variance**1.5)])
    assert sharpe_error(net) == pytest.approx(float(np.sqrt(gradient @ covariance @ gradient / n)), rel=0.003), "n against n - 1"
    m = table(portfolio(net))["sharpe"]
    assert m["std_error"] == pytest.approx(sharpe_error(net) * math.sqrt(252), rel=1e-12)
    assert sharpe_error(np.array([0.01])) is None and sharpe_error(np.full(9, 0.01)) is None
