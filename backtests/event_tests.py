"""Significance tests of event studies: pure functions of arrays, one event a row, NaN where missing.

N is the number of events, L the days of the tested window, T the estimation days, k the parameters of the normal-return model.
Every function counts the events (or days) that are valid, in the numerator and in the denominator, and is keyed by event: two events
of one firm are two rows. A statistic that cannot be computed (one event, no dispersion, too few degrees of freedom) is ``None``,
never infinite or NaN. P-values are two-sided.

What each test assumes is in the table of ``docs/event_study.md`` and in each docstring. The tests on ranks are in
:mod:`backtests.rank_tests`, those that resample in :mod:`backtests.bootstrap_tests`, portfolios of calendar days in
:mod:`backtests.calendar_time`.

References
----------
Boehmer, E., Musumeci, J. & Poulsen, A. (1991), Event-study methodology under conditions of event-induced variance, Journal of Financial
    Economics 30, 253-272.
Brown, S. & Warner, J. (1980), Measuring security price performance, Journal of Financial Economics 8, 205-258.
Cowan, A. (1992), Nonparametric event study tests, Review of Quantitative Finance and Accounting 2, 343-358.
Hall, P. (1992), On the removal of skewness by transformation, Journal of the Royal Statistical Society B 54, 221-228.
Kolari, J. & Pynnönen, S. (2010), Event study testing with cross-sectional correlation of abnormal returns, Review of Financial Studies 23,
    3996-4025.
Lamb, R. (1995), An exposure-based analysis of property-liability insurer stock values around Hurricane Andrew, Journal of Risk and
    Insurance 62, 111-123.
Patell, J. (1976), Corporate forecasts of earnings per share and stock price behavior, Journal of Accounting Research 14, 246-276.
Wilcoxon, F. (1945), Individual comparisons by ranking methods, Biometrics Bulletin 1, 80-83.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, mean_test, normal, spread, student
from backtests.rank_tests import average_ranks
from backtests.residuals import Rows, each_block

__all__ = [
    "EXACT",
    "adjusted_patell",
    "bmp",
    "brown_warner",
    "cross_sectional",
    "daily_average",
    "daily_variance",
    "generalized_sign",
    "kolari_pynnonen",
    "lamb",
    "patell",
    "positive_share",
    "sign",
    "skewness_adjusted",
    "time_series",
    "wilcoxon",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: below this many events Wilcoxon's distribution is enumerated, as R does
EXACT = 50


def cross_sectional(car: Floats, mean: float | None = None) -> Outcome:
    """Student's t of the mean cumulative abnormal return: mean(CAR) / (s(CAR) / √N), t(N − 1).

    Allows the event to change the variance. Assumes independent events of equal variance; not for events that share days or for
    samples in which a few volatile firms dominate (prefer :func:`bmp`).

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns; NaN rows are left out.
    mean
        The mean CAR where it is not that of ``car``: the sum of the days' means, by some.
    """
    valid = car[~np.isnan(car)]
    deviation = spread(valid)
    if mean is None or deviation is None:
        return mean_test(car)
    return student(math.sqrt(len(valid)) * mean / deviation, len(valid) - 1, len(valid))


def time_series(aar: Floats, series: Floats, n_events: int, df: float | None = None) -> Outcome:
    """Crude dependence adjustment of Brown & Warner (1980): ΣAAR / (√L · s), t(D − 1).

    s is the standard deviation (about its mean, divisor D − 1) of the average residual over the D estimation days. Averaging before the
    deviation is taken lets events that share day 0 be correlated. Assumes that the event leaves the variance as it was and
    no autocorrelation of the average; low power when event dates differ.

    Parameters
    ----------
    aar
        (L,) average abnormal return of each day of the tested window; NaN days are left out.
    series
        (T,) average residual of each estimation day, by day relative to the event: :func:`daily_average` of the residuals.
    n_events
        Events with a return in the window.
    df
        Degrees of freedom; D − 1 by default.
    """
    return lamb(aar, series, np.ones(len(aar)), n_events, df)


def lamb(aar: Floats, series: Floats, forecast_error: Floats, n_events: int, df: float | None = None) -> Outcome:
    """Crude dependence adjustment with the forecast error of each day, Lamb (1995): Σ (AAR / √f) / (√L · s), t(D − 1).

    f(t) = 1 + 1/T + (Rm − mean)²/SSm of the portfolio of events; s as in :func:`time_series`, which it equals but for f. For events that
    share day 0, on days on which the market moved far. Over several days it leaves out that they share their estimation error.

    Parameters
    ----------
    aar, series, n_events, df
        As for :func:`time_series`.
    forecast_error
        (L,) f of each day.
    """
    series = series[~np.isnan(series)]
    days = int((~np.isnan(aar)).sum())
    deviation = spread(series)
    if deviation is None or days == 0:
        return Outcome(None, None, None, n_events)
    total = float(np.nansum(aar / np.sqrt(forecast_error)))
    return student(total / (math.sqrt(days) * deviation), len(series) - 1 if df is None else df, n_events)


def brown_warner(aar: Floats, variance: Floats, df: float, n_events: int) -> Outcome:
    """Brown & Warner (1980) without dependence adjustment: ΣAAR / √(Σ over days of Σσ² / N(t)²), t(mean T − 1).

    The variance of a day's mean is that of independent events with the sigma of their estimation windows. Assumes that the event leaves the
    variance as it was, and independent events: where they share days use :func:`time_series`. Volatile securities dominate it (then
    :func:`patell`).

    Parameters
    ----------
    aar, n_events
        As for :func:`time_series`.
    variance
        (L,) variance of each day's average: :func:`daily_variance`.
    df
        Degrees of freedom, the mean number of estimation days less one.
    """
    known = ~np.isnan(aar)
    total = float(variance[known].sum())
    if not total > 0 or df <= 0:
        return Outcome(None, None, None, n_events)
    return student(float(aar[known].sum()) / math.sqrt(total), df, n_events)


def patell(scar: Floats, df: Floats) -> Outcome:
    """Patell (1976): Σ SCAR / √(Σ df / (df − 2)), standard normal; df = T − k of each event.

    Assumes independent events and a variance that the event does not change: at twice the variance a 5 % test rejects 16.6 %.

    Parameters
    ----------
    scar
        (N,) CAR over its own forecast standard deviation (for one day the abnormal return over √(1 + 1/T + (Rm − mean)²/SSm) · sigma).
    df
        (N,) degrees of freedom of sigma, infinite where it is known; events with df ≤ 2 have no finite variance and are left out.
    """
    valid = ~np.isnan(scar) & (df > 2)
    n = int(valid.sum())
    if n == 0:
        return Outcome(None, None, None, 0)
    return normal(float(scar[valid].sum() / np.sqrt((1.0 / (1.0 - 2.0 / df[valid])).sum())), n)


def adjusted_patell(scar: Floats, df: Floats, correlation: float) -> Outcome:
    """Patell's test with the correlation of events: Z / √(1 + (N − 1) r), standard normal (Kolari & Pynnönen 2010).

    Allows cross-correlation, and assumes as :func:`patell` that the event leaves the variance as it was; where it may not, use
    :func:`kolari_pynnonen`. Null when 1 + (N − 1) r is not positive.

    Parameters
    ----------
    scar, df
        As for :func:`patell`.
    correlation
        r, as for :func:`kolari_pynnonen`.
    """
    plain = patell(scar, df)
    inflation = 1.0 + (plain.n_events - 1) * correlation
    if plain.statistic is None or not inflation > 0:
        return Outcome(None, None, None, plain.n_events)
    return normal(plain.statistic / math.sqrt(inflation), plain.n_events)


def skewness_adjusted(car: Floats) -> Outcome:
    """Skewness-adjusted t of Hall (1992): √N (S + γS²/3 + γ²S³/27 + γ/(6N)), standard normal.

    S = mean / s and γ = N Σ(x − mean)³ / ((N − 1)(N − 2) s³) of the values. The cubic is monotone in S, so that the adjustment never
    reverses the order of two samples. For long windows and buy-and-hold returns, which are skewed to the right. Assumes independent
    events; below about 20 events use :func:`backtests.bootstrap_tests.skewness_bootstrap`.

    Parameters
    ----------
    car
        (N,) cumulative abnormal or buy-and-hold returns; NaN rows are left out.
    """
    valid = car[~np.isnan(car)]
    n = len(valid)
    deviation = spread(valid) if n > 2 else None
    if deviation is None:
        return Outcome(None, None, None, n)
    mean = float(valid.mean())
    ratio = mean / deviation
    centred = valid - mean
    skewness = n * float((centred * centred) @ centred) / ((n - 1.0) * (n - 2.0) * deviation**3)
    return normal(math.sqrt(n) * (ratio + skewness * ratio**2 / 3.0 + skewness**2 * ratio**3 / 27.0 + skewness / (6.0 * n)), n)


def bmp(scar: Floats) -> Outcome:
    """Boehmer, Musumeci & Poulsen (1991): mean(SCAR) / (s(SCAR) / √N), t(N − 1).

    The standardised cross-sectional test: allows event-induced variance and events of unequal variance. Assumes independent events; a mean
    residual correlation of 0.03 makes it reject 21 % at N = 50 (then :func:`kolari_pynnonen`).

    Parameters
    ----------
    scar
        (N,) CAR over its own exact forecast standard deviation; NaN rows are left out.
    """
    return mean_test(scar)


def kolari_pynnonen(scar: Floats, correlation: float, n_correlated: int | None = None) -> Outcome:
    """Kolari & Pynnönen (2010): BMP · √((1 − r) / (1 + (N − 1) r)), t(N − 1).

    Allows event-induced variance and cross-correlation. ``correlation`` is r, the mean correlation of two events' abnormal returns in the
    tested window: that of :mod:`backtests.cross_correlation`. Assumes that correlation in the event window is what it
    was in the estimation window; null when 1 + (N − 1) r is not positive.

    Parameters
    ----------
    scar
        (N,) as for :func:`bmp`.
    correlation
        r; NaN (no two events share an estimation day) counts as unknown and gives null.
    n_correlated
        N in the correction; that of ``scar`` by default.
    """
    plain = mean_test(scar)
    inflation = 1.0 + ((plain.n_events if n_correlated is None else n_correlated) - 1) * correlation
    if plain.statistic is None or not (inflation > 0 and correlation < 1):
        return Outcome(None, None, None, plain.n_events)
    return student(plain.statistic * math.sqrt((1.0 - correlation) / inflation), plain.n_events - 1, plain.n_events)


def sign(car: Floats, scale: float = 1.0) -> Outcome:
    """Sign test: (w − N/2) / √(N/4), standard normal; w of N non-zero CARs are positive.

    Assumes a median of zero, hence symmetry; daily abnormal returns are skewed to the right, which makes it reject downwards
    (prefer :func:`generalized_sign`). The normal approximation needs N above about 20.

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns.
    scale
        Factor on w; 1 by the papers.
    """
    moved = car[~np.isnan(car) & (car != 0)]
    n = len(moved)
    if n == 0:
        return Outcome(None, None, None, 0)
    return normal((scale * float((moved > 0).sum()) - n / 2.0) / math.sqrt(n / 4.0), n)


def generalized_sign(car: Floats, share: Floats, scale: float = 1.0) -> Outcome:
    """Generalised sign test of Cowan (1992): (w − N p) / √(N p (1 − p)), standard normal.

    p is the mean over events of the share of positive abnormal returns in the estimation window, so that skewness does no harm.
    Assumes independent events; for windows of many days p of single days is a poor guide to the sign of a sum.

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns.
    share
        (N,) from :func:`positive_share`.
    scale
        Factor on w; 1 by the papers.
    """
    valid = ~np.isnan(car) & ~np.isnan(share)
    n = int(valid.sum())
    if n == 0:
        return Outcome(None, None, None, 0)
    p = float(share[valid].mean())
    if not 0.0 < p < 1.0:
        return Outcome(None, None, None, n)
    return normal((scale * float((car[valid] > 0).sum()) - n * p) / math.sqrt(n * p * (1.0 - p)), n)


def wilcoxon(car: Floats) -> Outcome:
    """Signed-rank test of Wilcoxon (1945); the statistic is W⁺, the sum of the ranks of |CAR| over positive CARs.

    Exact below 50 events without ties or zeros, else normal with tie correction and continuity correction; zeros are left out.
    Assumes a symmetric distribution about zero and independent events.

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns.
    """
    valid = car[~np.isnan(car)]
    moved = valid[valid != 0]
    n = len(moved)
    if n == 0:
        return Outcome(None, None, None, 0)
    ranks = average_ranks(np.abs(moved)[None, :])[0]
    _, ties = np.unique(ranks, return_counts=True)
    statistic = float(ranks[moved > 0].sum())
    if n < EXACT and n == len(valid) and ties.max() == 1:
        return _exact(n, statistic)
    distance = abs(statistic - n * (n + 1) / 4.0)
    variance = n * (n + 1) * (2 * n + 1) / 24.0 - float((ties**3 - ties).sum()) / 48.0
    p_value = normal(max(0.0, distance - 0.5) / math.sqrt(variance), n).p_value or 0.0
    above = statistic - n * (n + 1) / 4.0 > 0.0
    return Outcome(statistic, p_value, None, n, p_value / 2.0 if above else 1.0 - p_value / 2.0)


def daily_average(values: Floats) -> Floats:
    """Return (D,) the mean of each column of an (N, D) array over its valid events; NaN where there is none."""
    missing = np.isnan(values)
    if len(values) and not missing.any():
        return np.asarray(values.mean(axis=0))
    counts = len(values) - missing.sum(axis=0)
    return np.asarray(np.where(missing, 0.0, values).sum(axis=0) / np.where(counts > 0, counts, np.nan))


def daily_variance(sigma: Floats, valid: npt.NDArray[np.bool_], everyone: bool = False) -> Floats:
    """Return (L,) Σσ² / N(t)² over the valid events of each day: the variance of the mean of independent events; zero where there is none.

    Parameters
    ----------
    sigma
        (N,) residual standard deviations.
    valid
        (N, L) whether an event has a return on the day.
    everyone
        Count all N events on days on which some are missing.
    """
    squares = np.square(sigma)
    counts = np.array([np.count_nonzero(column) for column in valid.T], dtype=np.float64)
    if everyone or (counts == len(sigma)).all():
        return np.where(counts > 0, squares.sum() / max(len(sigma), 1) ** 2, 0.0)
    return np.array([squares[column].sum() for column in valid.T]) / np.square(np.maximum(counts, 1.0))


def positive_share(residuals: Rows) -> Floats:
    """Return (N,) the share of valid estimation days with a positive residual; NaN where no day is valid."""

    def share(rows: slice) -> Floats:
        block = residuals[rows]
        days = (~np.isnan(block)).sum(axis=1)
        return np.asarray((block > 0).sum(axis=1) / np.where(days > 0, days, np.nan), dtype=np.float64)

    return np.concatenate([np.zeros(0), *each_block(len(residuals), share)])


def _exact(n: int, statistic: float) -> Outcome:
    """Return W⁺ with its exact p-values: each of the ranks 1 .. n counts with probability 1/2."""
    chances = np.ones(1)
    for rank in range(1, n + 1):
        wider = np.zeros(len(chances) + rank)
        wider[: len(chances)] += chances / 2.0
        wider[rank:] += chances / 2.0
        chances = wider
    lower = min(round(statistic), n * (n + 1) // 2 - round(statistic))
    two_sided = min(1.0, 2.0 * float(chances[: lower + 1].sum()))
    return Outcome(statistic, two_sided, None, n, min(1.0, float(chances[round(statistic) :].sum())))
