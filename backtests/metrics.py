"""Performance of a net asset value, each figure with its uncertainty and the way it was computed.

Standard errors of means and ratios come from the statistic's influence function and a Newey–West long-run variance (Bartlett
weights, lag ⌊4 (n/100)^(2/9)⌋), which for the Sharpe ratio is the estimator of Lo (2002), "The Statistics of Sharpe Ratios",
Financial Analysts Journal 58(4). Figures that depend on the order of returns get a stationary bootstrap (Politis and Romano 1994).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from backtests.inference import bootstrap_indices
from backtests.schemas import METRICS, PORTFOLIO
from backtests.simulation_inputs import checked
from research.errors import UsageError

__all__ = ["PERIODS", "SHARPE_METHOD", "performance", "sharpe_error"]

#: sessions a year, long-run averages of each exchange's calendar
PERIODS = MappingProxyType({"cn": 243, "hk": 246, "us": 252, "crypto": 365})

#: how the error of every Sharpe ratio of a portfolio is computed
SHARPE_METHOD = "standard error after Lo (2002), Newey–West"

_Z = 1.959963984540054
_DRAWS = 500
_TOGETHER = 50


def performance(portfolio: pl.DataFrame, *, market: str = "us", benchmark: pl.DataFrame | None = None, seed: int = 0) -> pl.DataFrame:
    """Summarise a ``portfolio`` table.

    Parameters
    ----------
    portfolio
        The ``portfolio`` table.
    market
        Sets the number of sessions a year: 243 (``cn``), 246 (``hk``), 252 (``us``), 365 (``crypto``).
    benchmark
        Columns ``session, benchmark_return``; adds alpha, beta, tracking error and information ratio over the sessions both have.
    seed
        Seeds the bootstrap.

    Returns
    -------
    The ``metrics`` table. A figure that cannot be computed (too few sessions, no variation) is null, never zero. Returns are net
    of costs, the risk-free rate is taken as zero, drawdowns are negative fractions.

    Raises
    ------
    UsageError
        For a market whose sessions a year are not known.

    Notes
    -----
    The Sharpe ratio of a year is the ratio of a session times √P: exact for uncorrelated returns, stated as such.
    """
    if market not in PERIODS:
        raise UsageError(f"market came as {market!r}; expected one of {', '.join(PERIODS)}.")
    portfolio = checked(PORTFOLIO, portfolio).sort("session")
    if portfolio["session"].n_unique() < portfolio.height:
        PORTFOLIO.validate(portfolio)  # says which
    periods = PERIODS[market]
    net = portfolio["net_return"].to_numpy()
    rows = [*_moments(net, periods), *_paths(net, periods, seed), *_trading(portfolio, periods)]
    if benchmark is not None:
        paired = portfolio.select("session", "net_return").join(benchmark, on="session", how="inner").drop_nulls().sort("session")
        rows += _relative(paired["net_return"].to_numpy(), paired["benchmark_return"].to_numpy(), periods)
    return checked(METRICS, pl.DataFrame(rows, schema=METRICS.schema))


def sharpe_error(returns: np.ndarray) -> float | None:
    r"""Return the standard error of mean over standard deviation (n − 1) of ``returns``, for one period.

    Lo (2002): the Newey–West error of the mean of the influence :math:`d_t / \sigma - SR\,(d_t^2 - \sigma^2) / (2 \sigma^2)` with
    :math:`d_t = r_t - \bar r`. It allows for returns that follow each other, for skewness and for fat tails. ``None`` for fewer than two
    returns or without spread.

    Parameters
    ----------
    returns
        Returns of equal periods, fractions, none missing.
    """
    values = np.asarray(returns, dtype=float)
    if len(values) < 2:
        return None
    sigma = float(values.std(ddof=1))
    if _flat(values, sigma):
        return None
    deviation = values - values.mean()
    ratio = float(values.mean()) / sigma
    return _hac(deviation / sigma - ratio / (2 * sigma**2) * (deviation**2 - sigma**2))


def _flat(values: np.ndarray, sigma: float) -> bool:
    """Whether a spread is no more than rounding."""
    return bool(sigma <= 1e-14 * max(1.0, float(np.abs(values).max())))


def _row(
    metric: str,
    value: float | None,
    n: int,
    method: str,
    std_error: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any]:
    def known(number: float | None) -> float | None:
        return float(number) if number is not None and np.isfinite(number) else None

    if low is None and high is None and known(value) is not None and known(std_error) is not None:
        assert value is not None and std_error is not None
        low, high = value - _Z * std_error, value + _Z * std_error
    return {
        "metric": metric,
        "value": known(value),
        "std_error": known(std_error),
        "ci_low": known(low),
        "ci_high": known(high),
        "n": n,
        "method": method,
    }


def _hac(influence: np.ndarray) -> float:
    """Return the Newey–West standard error of the mean of ``influence``."""
    n = len(influence)
    centred = influence - influence.mean()
    lags = int(4 * (n / 100) ** (2 / 9))
    variance = centred @ centred / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (centred[lag:] @ centred[:-lag]) / n
    return float(np.sqrt(max(variance, 0.0) / n))


def _moments(net: np.ndarray, periods: int) -> list[dict[str, Any]]:
    n = len(net)
    hac = "Newey–West"
    texts = {
        "annual_return": f"geometric: (Π(1+r))^({periods}/n) − 1; {hac} interval of the mean log return",
        "annual_volatility": f"standard deviation (n−1) of net returns × √{periods}; {hac}",
        "sharpe": f"mean / standard deviation × √{periods}, risk-free rate 0; {SHARPE_METHOD}",
        "hit_rate": "share of sessions with a positive net return among those that are not zero; Wilson interval",
        "skewness": "third standardised moment; standard error √(6/n) of a normal sample",
        "excess_kurtosis": "fourth standardised moment − 3; standard error √(24/n) of a normal sample",
    }
    if n < 2:
        return [_row(metric, None, n, text) for metric, text in texts.items()]
    logs = np.log1p(net)
    centre, error = periods * logs.mean(), periods * _hac(logs)
    total = np.expm1(centre)
    sigma = net.std(ddof=1)
    moved = net[net != 0]
    rows = [
        _row(
            "annual_return",
            total,
            n,
            texts["annual_return"],
            np.exp(centre) * error,
            np.expm1(centre - _Z * error),
            np.expm1(centre + _Z * error),
        )
    ]
    error_of_ratio = sharpe_error(net)
    if error_of_ratio is not None:
        deviation = net - net.mean()
        root = np.sqrt(periods)
        spread_error = _hac((deviation**2 - sigma**2) / (2 * sigma)) * root
        rows.append(_row("annual_volatility", sigma * root, n, texts["annual_volatility"], spread_error))
        rows.append(_row("sharpe", net.mean() / sigma * root, n, texts["sharpe"], error_of_ratio * root))
        standard = deviation / net.std()
        shape = [
            _row("skewness", (standard**3).mean(), n, texts["skewness"], np.sqrt(6 / n)),
            _row("excess_kurtosis", (standard**4).mean() - 3, n, texts["excess_kurtosis"], np.sqrt(24 / n)),
        ]
    else:
        rows += [_row("annual_volatility", 0.0, n, texts["annual_volatility"]), _row("sharpe", None, n, texts["sharpe"])]
        shape = [_row(metric, None, n, texts[metric]) for metric in ("skewness", "excess_kurtosis")]
    return [*rows, _hit_rate(moved, texts["hit_rate"]), *shape]


def _hit_rate(moved: np.ndarray, text: str) -> dict[str, Any]:
    n = len(moved)
    if n == 0:
        return _row("hit_rate", None, 0, text)
    share = float((moved > 0).mean())
    centre, scale = share + _Z**2 / (2 * n), 1 + _Z**2 / n
    half = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return _row("hit_rate", share, n, text, np.sqrt(share * (1 - share) / n), (centre - half) / scale, (centre + half) / scale)


def _paths(net: np.ndarray, periods: int, seed: int) -> list[dict[str, Any]]:
    """Sortino ratio, maximum drawdown and Calmar ratio, with stationary-bootstrap intervals."""
    n = len(net)
    block = max(1.0, n ** (1 / 3))
    how = f"; stationary bootstrap, {_DRAWS} draws, mean block {block:.0f} sessions"
    texts = {
        "sortino": f"mean / root mean square of negative net returns × √{periods}" + how,
        "max_drawdown": "lowest value of nav / running peak − 1 (the start counts as a peak)" + how,
        "calmar": "annual return / |maximum drawdown|" + how,
    }
    if n < 2:
        return [_row(metric, None, n, text) for metric, text in texts.items()]
    point = _path_values(net[None, :], periods)
    if n < 20:
        return [
            _row(metric, point[metric][0], n, text.removesuffix(how) + "; no interval below 20 sessions") for metric, text in texts.items()
        ]
    indices = bootstrap_indices(n, block, _DRAWS, "stationary", np.random.default_rng(seed))
    # A few draws at a time stay in the processor's cache.
    parts = [_path_values(net[indices[k : k + _TOGETHER]], periods) for k in range(0, _DRAWS, _TOGETHER)]
    drawn = {metric: np.concatenate([part[metric] for part in parts]) for metric in texts}
    rows = []
    for metric, text in texts.items():
        sample = drawn[metric][np.isfinite(drawn[metric])]
        # A statistic that most resamples cannot have (no losing session) has no honest interval either.
        enough = len(sample) >= 0.9 * _DRAWS and np.isfinite(point[metric][0])
        low, high = np.quantile(sample, [0.025, 0.975]) if enough else (None, None)
        rows.append(_row(metric, point[metric][0], n, text, float(sample.std(ddof=1)) if enough else None, low, high))
    return rows


def _path_values(returns: np.ndarray, periods: int) -> dict[str, np.ndarray]:
    level = np.cumprod(1 + returns, axis=1)
    peak = np.maximum(np.maximum.accumulate(level, axis=1), 1.0)
    drawdown = np.minimum((level / peak).min(axis=1) - 1, 0.0)
    downside = np.sqrt((np.minimum(returns, 0.0) ** 2).mean(axis=1))
    annual = level[:, -1] ** (periods / returns.shape[1]) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        sortino = np.where(downside > 0, returns.mean(axis=1) / downside * np.sqrt(periods), np.nan)
        calmar = np.where(drawdown < 0, annual / -drawdown, np.nan)
    return {"sortino": sortino, "max_drawdown": drawdown, "calmar": calmar}


def _trading(portfolio: pl.DataFrame, periods: int) -> list[dict[str, Any]]:
    n = portfolio.height
    out = []
    for metric, column, text in (
        ("annual_turnover", "turnover", f"mean turnover of a session, both sides × {periods}; Newey–West"),
        ("annual_cost", "cost", f"mean cost of a session × {periods}: what costs take off the gross return a year; Newey–West"),
    ):
        values = portfolio[column].to_numpy()
        out.append(_row(metric, values.mean() * periods if n else None, n, text, _hac(values) * periods if n >= 2 else None))
    return out


def _relative(net: np.ndarray, market: np.ndarray, periods: int) -> list[dict[str, Any]]:
    n = len(net)
    texts = {
        "beta": "slope of net return on benchmark return, least squares; Newey–West",
        "annual_alpha": f"intercept of the same regression × {periods}; Newey–West",
        "tracking_error": f"standard deviation (n−1) of net − benchmark return × √{periods}",
        "information_ratio": f"mean / standard deviation of net − benchmark return × √{periods}; {SHARPE_METHOD}",
    }
    active = net - market
    if n < 3 or market.std() == 0 or active.std() == 0:
        return [_row(metric, None, n, text) for metric, text in texts.items()]
    centred = market - market.mean()
    variance = (centred**2).mean()
    beta = float((centred * net).mean() / variance)
    alpha = float(net.mean() - beta * market.mean())
    residual = net - alpha - beta * market
    sigma = active.std(ddof=1)
    deviation = active - active.mean()
    error = sharpe_error(active)
    return [
        _row("beta", beta, n, texts["beta"], _hac(centred * residual / variance)),
        _row(
            "annual_alpha", alpha * periods, n, texts["annual_alpha"], _hac(residual * (1 - market.mean() * centred / variance)) * periods
        ),
        _row(
            "tracking_error",
            sigma * np.sqrt(periods),
            n,
            texts["tracking_error"],
            _hac((deviation**2 - sigma**2) / (2 * sigma)) * np.sqrt(periods),
        ),
        _row(
            "information_ratio",
            active.mean() / sigma * np.sqrt(periods),
            n,
            texts["information_ratio"],
            None if error is None else error * np.sqrt(periods),
        ),
    ]
