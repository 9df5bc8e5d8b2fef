"""Beyond the mean of returns: abnormal trading volume and abnormal volatility around events.

Volume is studied as returns are, in logarithms (:func:`abnormal_volume`). Volatility compares squares of standardised abnormal returns
with those of the estimation window (:func:`abnormal_volatility`).

References
----------
Ajinkya, B. & Jain, P. (1989), The behavior of daily stock market trading volume, Journal of Accounting and Economics 11, 331-359.
Beaver, W. (1968), The information content of annual earnings announcements, Journal of Accounting Research 6 (supplement), 67-92.
Brown, M. & Forsythe, A. (1974), Robust tests for the equality of variances, Journal of the American Statistical Association 69, 364-367.
Campbell, C. & Wasley, C. (1996), Measuring abnormal daily trading volume for samples of NYSE/ASE and NASDAQ securities using parametric
    and nonparametric test statistics, Review of Quantitative Finance and Accounting 6, 309-326.
Landsman, W. & Maydew, E. (2002), Has the information content of quarterly earnings announcements declined in the past three decades?,
    Journal of Accounting Research 40, 797-808.
Patell, J. (1976), Corporate forecasts of earnings per share and stock price behavior, Journal of Accounting Research 14, 246-276.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.event_windows import require
from backtests.normal_returns import AbnormalReturns
from backtests.outcomes import Outcome, mean_test, normal
from backtests.rank_tests import corrado_rank, rank_sums
from research.errors import SchemaError, UsageError

if TYPE_CHECKING:
    from backtests.event_study import EventStudy, EventStudyResult

__all__ = ["VOLATILITY_TESTS", "VOLUME_TESTS", "Spread", "abnormal_volatility", "abnormal_volume", "log_volume"]

Floats = npt.NDArray[np.float64]

#: tests that stay near their size on log volume, which is autocorrelated and not normal: ranks (Campbell & Wasley 1996), and those whose
#: variance is the cross-section's
VOLUME_TESTS = (
    "cross_sectional", "bmp", "kolari_pynnonen", "corrado_rank", "campbell_wasley", "grank_t", "generalized_sign", "wilcoxon",
)  # fmt: skip

VOLATILITY_TESTS = ("patell_u", "f_ratio", "avar_t", "log_avar_t", "brown_forsythe", "volatility_rank")

#: turnover in percent that stands for none (Campbell & Wasley 1996)
_LEAST = 0.000255


def log_volume(bars: pl.DataFrame, shares: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return ``session, symbol, realized_return`` with the logarithm of each bar's volume in place of a return; null on suspended days.

    With ``shares`` log(100 · volume / shares + 0.000255), turnover in percent (Campbell & Wasley 1996); else log(1 + amount) where all
    bars have an amount, else log(1 + volume / adj_factor), which a split does not move.

    Parameters
    ----------
    bars
        The ``bars`` table.
    shares
        ``symbol, session, shares`` outstanding; of a bar without a row the last one known before it, in shares of that day.

    Raises
    ------
    SchemaError
        When shares are not positive.
    """
    rows = bars.sort("session", "symbol")
    if shares is not None:
        require(shares, "shares", {"symbol": pl.String, "session": pl.Date, "shares": pl.Float64})
        if (shares["shares"] <= 0).any():
            raise SchemaError("shares", "shares", "a number that is not positive", "shares outstanding")
        rows = rows.join_asof(shares.sort("session"), on="session", by="symbol", check_sortedness=False)
        value = (100.0 * pl.col("volume") / pl.col("shares") + _LEAST).log()
    elif "amount" in bars.columns and not bars["amount"].null_count():
        value = pl.col("amount").log1p()
    else:
        value = (pl.col("volume") / pl.col("adj_factor")).log1p()
    return rows.select("session", "symbol", realized_return=pl.when(~pl.col("suspended")).then(value)).sort("symbol", "session")


def abnormal_volume(
    study: EventStudy,
    events: pl.DataFrame,
    bars: pl.DataFrame,
    benchmark: str | Mapping[str, str],
    group: str | None = None,
    shares: pl.DataFrame | None = None,
) -> EventStudyResult:
    """Study the volume of ``events`` as ``study`` would their returns: a CAR of 0.7 is twice the normal volume, on one day.

    The market's volume, for ``market`` and ``market_adjusted``, is the mean of log volume over all symbols of ``bars`` but the benchmarks,
    session by session; ``constant`` compares with the firm's own mean (relative volume).

    Log volume is autocorrelated: the variance of a sum of L days is more than L times that of one. :data:`VOLUME_TESTS` bear that;
    ``patell`` over several days does not, and ``bhar`` means nothing here.

    Parameters
    ----------
    study
        Its model is one of ``market``, ``market_adjusted`` and ``constant``.
    events, bars, benchmark, group
        As for :meth:`backtests.event_study.EventStudy.fit`; bars of all symbols that make up the market.
    shares
        As for :func:`log_volume`.

    Raises
    ------
    UsageError
        For another model.
    """
    if study.model not in ("market", "market_adjusted", "constant"):
        raise UsageError(f"Model {study.model!r} came for volume; expected market, market_adjusted or constant.")
    study = replace(study, returns="log", gaps="one_day", locked="keep")
    inputs = study.placed(events, bars, benchmark, group)
    volume = log_volume(bars, shares)
    indices = sorted(benchmark.values()) if isinstance(benchmark, Mapping) else [benchmark]
    whole = volume.filter(~pl.col("symbol").is_in(indices)).group_by("session").agg(pl.col("realized_return").mean()).sort("session")
    markets = []
    for market in inputs.markets:
        grid = pl.DataFrame({"session": pl.Series(market.sessions).cast(pl.Date)})
        mean = grid.join(whole, on="session", how="left", maintain_order="left")["realized_return"]
        markets.append(replace(market, market=mean.fill_null(float("nan")).to_numpy().astype(np.float64)))
    return study.again(replace(inputs, returns=volume, markets=tuple(markets), locked=None))


@dataclass(frozen=True, slots=True)
class Spread:
    """Squares of standardised abnormal returns of one group.

    Attributes
    ----------
    before
        (N, T) residuals of the estimation window over sigma, times √(T/(T − k)): mean square one.
    during
        (N, L) abnormal returns of the event window over their forecast standard deviation.
    df
        (N,) residual degrees of freedom.
    """

    before: Floats
    during: Floats
    df: Floats

    @classmethod
    def of(cls, arrays: AbnormalReturns) -> Spread:
        """Standardise the events of ``arrays``."""
        inflation = np.sqrt(arrays.n_obs / arrays.df) / arrays.sigma
        return cls(arrays.residuals * inflation[:, None], arrays.abnormal / arrays.forecast_std, arrays.df)

    def run(self, name: str, first: int, last: int) -> Outcome:
        """Run one of :data:`VOLATILITY_TESTS` over columns ``first`` .. ``last`` of the event window."""
        during = self.during[:, first : last + 1]
        match name:
            case "patell_u":
                return self._patell_u(during)
            case "f_ratio":
                return self._f_ratio(during)
            case "avar_t":
                return mean_test(_mean(np.square(during)) - 1.0)
            case "log_avar_t":
                return self._log_avar(during)
            case "brown_forsythe":
                return self._brown_forsythe(during)
            case _:
                ranks = rank_sums(np.abs(np.concatenate([self.before, self.during], axis=1)))
                start = self.before.shape[1]
                known = int((~np.isnan(during)).any(axis=1).sum())
                return corrado_rank(ranks, slice(start + first, start + last + 1), known)

    def _patell_u(self, during: Floats) -> Outcome:
        valid = ~np.isnan(during) & (self.df > 4)[:, None]
        n = int(valid.any(axis=1).sum())
        if not n:
            return Outcome(None, None, None, n)
        df = np.broadcast_to(self.df[:, None], during.shape)[valid]
        u = np.square(during[valid]) * (df - 2.0) / df
        return normal(float((u - 1.0).sum() / math.sqrt((2.0 * (df - 1.0) / (df - 4.0)).sum())), n)

    def _f_ratio(self, during: Floats) -> Outcome:
        from scipy import special

        valid = ~np.isnan(during)
        n, above, below = int(valid.any(axis=1).sum()), int(valid.sum()), float(self.df.sum())
        if not above:
            return Outcome(None, None, None, n)
        ratio = float(np.square(during[valid]).sum()) / above
        greater = float(special.fdtrc(above, below, ratio))
        return Outcome(ratio, 2.0 * min(greater, 1.0 - greater), None, n, greater)

    def _log_avar(self, during: Floats) -> Outcome:
        length = during.shape[1]
        blocks = self.before.shape[1] // length
        if not blocks:
            return Outcome(None, None, None, 0)
        used = np.square(self.before[:, self.before.shape[1] - blocks * length :]).reshape(len(during), blocks, length)
        normal_level = _mean(_log(_mean(used)))
        return mean_test(_log(_mean(np.square(during))) - normal_level)

    def _brown_forsythe(self, during: Floats) -> Outcome:
        from scipy import special

        pools = [values[~np.isnan(values)] for values in (during, self.before)]
        n = int((~np.isnan(during)).any(axis=1).sum())
        if min(len(pool) for pool in pools) < 2:
            return Outcome(None, None, None, n)
        distances = [np.abs(pool - np.median(pool)) for pool in pools]
        counts, means = [len(d) for d in distances], [float(d.mean()) for d in distances]
        total, grand = sum(counts), float(np.concatenate(distances).mean())
        between = sum(count * (mean - grand) ** 2 for count, mean in zip(counts, means, strict=True))
        within = sum(float(np.square(d - mean).sum()) for d, mean in zip(distances, means, strict=True))
        if not within > 0:
            return Outcome(None, None, None, n)
        statistic = between / within * (total - 2)
        p_value = float(special.fdtrc(1, total - 2, statistic))
        return Outcome(statistic, p_value, None, n, p_value / 2.0 if means[0] > means[1] else 1.0 - p_value / 2.0)


def abnormal_volatility(result: EventStudyResult, windows: list[tuple[int, int]], tests: list[str] | None = None) -> pl.DataFrame:
    r"""Test whether the variance of abnormal returns is that of the estimation window, by group and sub-window.

    With :math:`u_{it}` the abnormal return over its forecast standard deviation:

    - ``patell_u``: :math:`\sum (u^2 (\nu-2)/\nu - 1) / \sqrt{\sum 2(\nu-1)/(\nu-4)}`, normal (Beaver 1968; Patell 1976). Independent normal
      returns: with fat tails, which daily returns have, it rejects too often by far.
    - ``f_ratio``: mean u² ~ F(number of u, Σν). As the former.
    - ``avar_t``: Student's t of each event's mean u² less one (AVAR, Landsman & Maydew 2002). Any tails, in large samples; skewed.
    - ``log_avar_t``: Student's t of log AVAR less its mean over blocks of as many days of the event's estimation window. Any tails, nearly
      symmetric; the estimation window itself is the null.
    - ``brown_forsythe``: Levene's test about medians of event days against estimation days, F(1, n − 2). Any tails.
    - ``volatility_rank``: Corrado's rank test on |u| beside the estimation window's, normal. Any tails, and correlation between events
      that share day 0.

    All but the last take events as independent; use it where dates cluster.

    Parameters
    ----------
    result
        A study of returns.
    windows
        First and last tau.
    tests
        Names of :data:`VOLATILITY_TESTS`; all by default.

    Returns
    -------
    DataFrame
        group, test, window_start, window_end, variance_ratio (mean u² (ν − 2)/ν: one is normal), statistic, p_value (two-sided),
        p_greater (against a rise), df, n_events.

    Raises
    ------
    UsageError
        For an unknown test, or a window outside the event window.
    """
    names = list(VOLATILITY_TESTS if tests is None else dict.fromkeys(tests))
    unknown = [name for name in names if name not in VOLATILITY_TESTS]
    if unknown:
        raise UsageError(f"Test {unknown[0]!r} is not known; expected one of {', '.join(VOLATILITY_TESTS)}.")
    start, end = result.study.window
    rows = []
    for group, arrays in result.by_group():
        spread = Spread.of(arrays)
        shrink = np.where(spread.df > 2, (spread.df - 2.0) / spread.df, np.nan)[:, None]
        for first, last in windows:
            if not start <= first <= last <= end:
                raise UsageError(f"Window {first} .. {last} came; expected one inside the event window {start} .. {end}.")
            u = (np.square(spread.during) * shrink)[:, first - start : last - start + 1]
            ratio = float(np.nanmean(u)) if np.isfinite(u).any() else None
            for name in names:
                o = spread.run(name, first - start, last - start)
                rows.append((group, name, first, last, ratio, o.statistic, o.p_value, o.one_sided()[0], o.df, o.n_events))
    floats = ("variance_ratio", "statistic", "p_value", "p_greater", "df")
    schema = {
        "group": pl.String, "test": pl.String, "window_start": pl.Int32, "window_end": pl.Int32, **dict.fromkeys(floats, pl.Float64),
        "n_events": pl.Int32,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _mean(values: Floats) -> Floats:
    """Return the mean of the valid values along the last axis; NaN without one."""
    valid = ~np.isnan(values)
    counts = valid.sum(axis=-1)
    return np.asarray(np.where(valid, values, 0.0).sum(axis=-1) / np.where(counts > 0, counts, np.nan))


def _log(values: Floats) -> Floats:
    """Return the logarithm; NaN of zero, a day without any move."""
    return np.asarray(np.log(np.where(values > 0, values, np.nan)))
