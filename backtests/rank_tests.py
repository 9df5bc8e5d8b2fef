"""Tests on the ranks (and signs) of abnormal returns: no distribution of returns is assumed.

The rank of an event's day among its M valid days is U = rank / (M + 1) − 1/2; ties share their mean rank. Averaging a day's ranks over
events before the spread over days is taken lets events that share day 0 be correlated.

References
----------
Campbell, C. & Wasley, C. (1993), Measuring security price performance using daily NASDAQ returns, Journal of Financial Economics 33, 73-92.
Corrado, C. (1989), A nonparametric test for abnormal security-price performance in event studies, Journal of Financial Economics 23,
    385-395.
Corrado, C. & Zivney, T. (1992), The specification and power of the sign test in event study hypothesis tests using daily stock returns,
    Journal of Financial and Quantitative Analysis 27, 465-478.
Kolari, J. & Pynnönen, S. (2011), Nonparametric rank tests for event studies, Journal of Empirical Finance 18, 953-971.
Luoma, T. (2011), A variety of nonparametric tests for event studies, University of Vaasa.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, normal, student

__all__ = [
    "GeneralizedRanks",
    "average_ranks",
    "campbell_wasley",
    "corrado_rank",
    "generalized_ranks",
    "grank_t",
    "grank_z",
    "granks",
    "median_signs",
    "rank_sums",
    "restandardised",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: rows ranked at once: their arrays stay in the processor's cache
_BLOCK = 2048

#: a spread this much smaller than the largest rank is rounding error
_ROUNDING = 1e-12


def corrado_rank(z: Floats, columns: slice | Ints, n_events: int, n_days: float | None = None) -> Outcome:
    """Rank test of Corrado (1989), in the form that admits missing returns (Corrado & Zivney 1992), standard normal.

    With Z of :func:`rank_sums` and S² the mean of Z² over all D estimation and event days, a day's statistic is Z(t) / S and that of a
    window of L days is ΣZ / (√L · S) (Cowan 1992; Campbell & Wasley 1993). With no missing return the day's statistic is that of 1989,
    (mean rank − its expectation) / its standard deviation.

    Takes correlation between events that share day 0 into S. An event that multiplies the variance disturbs it moderately (then
    with Z of :func:`restandardised` returns, which is the test of Corrado & Zivney); over long windows a shift of many days is found late.
    With Z of :func:`median_signs` it is the sign test of Corrado & Zivney.

    Parameters
    ----------
    z
        (D,) from :func:`rank_sums` or :func:`median_signs`, estimation days before event days; NaN where no event is valid.
    columns
        The tested days among the D, as a slice or as positions.
    n_events
        Events with a valid return on a tested day.
    n_days
        What ΣZ² is divided by; D by default.
    """
    tested, deviation, days = _tested(z, columns)
    if deviation is None or not len(tested):
        return Outcome(None, None, None, n_events)
    deviation *= math.sqrt(days / n_days) if n_days else 1.0
    return normal(float(tested.sum()) / (math.sqrt(len(tested)) * deviation), n_events)


def campbell_wasley(z: Floats, columns: slice | Ints, n_events: int) -> Outcome:
    """Cumulated rank test of Campbell & Wasley (1993) with the exact variance of a sum of ranks: t(D − 2).

    Ranks of one event add to a constant, so that days are correlated by −1/(D − 1) and ΣZ over L of D days has the variance
    L S² (D − L) / (D − 1), which the 1/√L of :func:`corrado_rank` overstates: W = ΣZ / √(L (D − L) / (D − 1)) / S. S contains the tested
    days too; W √((D − 2) / (D − 1 − W²)) is Student's t with D − 2 degrees of freedom (Luoma 2011; Kolari & Pynnönen 2011).

    For windows of several days, of events that share day 0 or not. Assumes that the event leaves the variance as it was. Null where the
    window takes all days.

    Parameters
    ----------
    z, columns, n_events
        As for :func:`corrado_rank`.
    """
    tested, deviation, days = _tested(z, columns)
    length = len(tested)
    if deviation is None or length == 0 or length >= days:
        return Outcome(None, None, None, n_events)
    scaled = float(tested.sum()) / (math.sqrt(length * (days - length) / (days - 1.0)) * deviation)
    return _bounded(scaled, days, n_events)


@dataclass(frozen=True, slots=True)
class GeneralizedRanks:
    """Ranks of the estimation days, to which :func:`grank_t` adds the window as one more day.

    Attributes
    ----------
    residuals, sigma
        (N, T) residuals, NaN where missing, and (N,) their standard deviation.
    sums
        (T,) Σ over events of rank / (M + 2), ranks within the M estimation days.
    n_days
        (N,) M.
    """

    residuals: Floats
    sigma: Floats
    sums: Floats
    n_days: Floats


def generalized_ranks(residuals: Floats, sigma: Floats) -> GeneralizedRanks:
    """Rank the standardised residuals of each event, once for all windows.

    Parameters
    ----------
    residuals
        (N, T) estimation-window residuals.
    sigma
        (N,) residual standard deviations.
    """
    sums = np.zeros(residuals.shape[1])
    n_days = (~np.isnan(residuals)).sum(axis=1).astype(np.float64)
    for start in range(0, len(residuals), _BLOCK):
        ranks = average_ranks(residuals[start : start + _BLOCK])
        sums += np.nansum(ranks / (n_days[start : start + _BLOCK, None] + 2.0), axis=0)
    return GeneralizedRanks(residuals, sigma, sums, n_days)


def grank_t(ranks: GeneralizedRanks, scar: Floats) -> Outcome:
    """Generalised rank test GRANK-T of Kolari & Pynnönen (2011): t(T − 1) with T estimation days.

    The window is one more day beside the T estimation days: its value is SCAR over the cross-sectional standard *deviation* of SCAR,
    theirs are residuals over sigma. With Ū(t) the mean over the n(t) valid events of rank / (M + 2) − 1/2, S² the mean over the D = T + 1
    days of n(t)/N · Ū(t)²
    and Z = Ū(0)/S the statistic is Z √((D − 2) / (D − 1 − Z²)), t(D − 2).

    Robust to event-induced variance, to cross-correlation of events that share day 0, to autocorrelation and to any distribution of
    returns; the first choice for windows of several days. Not for estimation windows below about 50 days.

    Parameters
    ----------
    ranks
        From :func:`generalized_ranks`.
    scar
        (N,) standardised cumulative abnormal returns; events with NaN are left out.
    """
    return granks(ranks, scar)[0]


def grank_z(ranks: GeneralizedRanks, scar: Floats) -> Outcome:
    """Generalised rank test GRANK-Z of Kolari & Pynnönen (2011): Ū(0) / √(Σ (D − 1) / (12 (D + 1)) / N²), standard normal.

    As :func:`grank_t`, with the variance a uniform rank has instead of the measured one; D = M + 1 of each event. Assumes independent
    events: not for events that share days (there :func:`grank_t`), but more powerful where dates differ.

    Parameters
    ----------
    ranks, scar
        As for :func:`grank_t`.
    """
    return granks(ranks, scar)[1]


def granks(ranks: GeneralizedRanks, scar: Floats) -> tuple[Outcome, Outcome]:
    """Return :func:`grank_t` and :func:`grank_z`, which share all but the last step.

    Parameters
    ----------
    ranks, scar
        As for :func:`grank_t`.
    """
    centred, counts, zero, n, uniform = _window_ranks(ranks, scar)
    nothing = Outcome(None, None, None, n)
    if n < 2 or uniform <= 0:
        return nothing, nothing
    z = normal(zero / math.sqrt(uniform), n)
    known = counts > 0
    means = np.append(centred[known] / counts[known], zero / n)
    weights = np.append(counts[known], n) / n
    days = len(means)
    variance = float((weights * np.square(means)).sum()) / days
    if variance <= _ROUNDING**2:
        return nothing, z
    return _bounded(float(means[-1]) / math.sqrt(variance), days, n), z


def _window_ranks(ranks: GeneralizedRanks, scar: Floats) -> tuple[Floats, Floats, float, int, float]:
    """Return the sums of centred ranks on the estimation days, their counts, that of the window, N, and the sum of its variances."""
    chosen = ~np.isnan(scar) & (ranks.n_days > 0)
    n = int(chosen.sum())
    deviation = float(scar[chosen].std(ddof=1)) if n > 1 else 0.0
    if not deviation > 0:
        return np.zeros(0), np.zeros(0), 0.0, 0 if n == 0 else 1, 0.0
    whole = bool(chosen.all())
    sums = ranks.sums
    if not whole:
        left = ranks.residuals[~chosen]
        sums = sums - np.nansum(average_ranks(left) / (ranks.n_days[~chosen, None] + 2.0), axis=0)
    weights = 1.0 / (ranks.n_days + 2.0)
    sums, counts, zero = sums.copy(), np.zeros(len(sums)), 0.0
    rows = np.flatnonzero(chosen)
    for start in range(0, n, _BLOCK):
        block = rows[start : start + _BLOCK] if not whole else slice(start, min(start + _BLOCK, n))
        residuals, weight = ranks.residuals[block], weights[block]
        # theirs are residuals over sigma: the comparison is the same in units of the return
        value = (scar[block] / deviation * ranks.sigma[block])[:, None]
        below, equal = value < residuals, value == residuals
        # the window lifts each day above it by one rank, and a tie by half
        sums += weight @ below + weight @ equal / 2.0
        valid = ~np.isnan(residuals)
        counts += valid.sum(axis=0)
        zero += float((weight * (ranks.n_days[block] - below.sum(axis=1) - equal.sum(axis=1) / 2.0 + 1.0) - 0.5).sum())
    days = ranks.n_days[chosen] + 1.0
    return sums - 0.5 * counts, counts, zero, n, float(((days - 1.0) / (12.0 * (days + 1.0))).sum())


def _tested(z: Floats, columns: slice | Ints) -> tuple[Floats, float | None, int]:
    """Return the known Z of the tested days, the root mean square of all of them (None when it vanishes), and their number."""
    known = z[~np.isnan(z)]
    tested = z[columns][~np.isnan(z[columns])]
    deviation = math.sqrt(float(np.square(known).mean())) if len(known) else 0.0
    return tested, deviation if deviation > _ROUNDING else None, len(known)


def _bounded(scaled: float, days: int, n_events: int) -> Outcome:
    """Return the t of a day over a root mean square that contains it: Z √((D − 2) / (D − 1 − Z²)), t(D − 2)."""
    left = days - 1.0 - scaled**2
    if days < 3 or left <= 0:
        return Outcome(None, None, None, n_events)
    return student(scaled * math.sqrt((days - 2.0) / left), days - 2.0, n_events)


def restandardised(residuals: Floats, sigma: Floats, abnormal: Floats, forecast_std: Floats) -> Floats:
    """Return (N, T + L) standardised returns whose event days have a cross-sectional standard deviation of one.

    Residuals over sigma, then abnormal returns over their forecast standard deviation and over the standard deviation of that ratio among
    the events of the day (Corrado & Zivney 1992), so that an event that multiplies the variance does not move the ranks. A day with one
    event only is left as it is.
    """
    scaled = abnormal / forecast_std
    valid = ~np.isnan(scaled)
    counts = valid.sum(axis=0)
    centre = np.where(valid, scaled, 0.0).sum(axis=0) / np.where(counts > 0, counts, np.nan)
    squares = np.where(valid, np.square(scaled - centre), 0.0).sum(axis=0)
    deviation = np.sqrt(squares / np.where(counts > 1, counts - 1.0, np.nan))
    return np.concatenate([residuals / sigma[:, None], scaled / np.where(deviation > 0, deviation, 1.0)], axis=1)


def median_signs(series: Floats, scaled: bool = False) -> Floats:
    """Return (D,) Σ sign(x − the event's median) / √N(t) of each day; NaN where no event is valid.

    Parameters
    ----------
    series
        (N, D) abnormal returns, estimation and event days together.
    scaled
        Take N times the mean of the valid signs for their sum.
    """
    sums, counts = np.zeros(series.shape[1]), np.zeros(series.shape[1])
    for start in range(0, len(series), _BLOCK):
        block = series[start : start + _BLOCK]
        valid = ~np.isnan(block)
        complete = bool(valid.all())
        some = np.ones(len(block), dtype=bool) if complete else valid.any(axis=1)
        median = np.full(len(block), np.nan)
        median[some] = np.median(block, axis=1) if complete else np.nanmedian(block[some], axis=1)
        sums += np.where(valid, np.sign(block - median[:, None]), 0.0).sum(axis=0)
        counts += valid.sum(axis=0)
    some = np.where(counts > 0, counts, np.nan)
    return np.asarray(sums * (len(series) / some if scaled else 1.0) / np.sqrt(some))


def rank_sums(series: Floats, raw: bool = False, scaled: bool = False) -> Floats:
    """Return (D,) the sum of a day's centred ranks over the √ of its number of valid events; NaN where there is none.

    The rank of an event's day among its M valid days is centred as rank / (M + 1) − 1/2.

    Parameters
    ----------
    series
        (N, D) abnormal returns, estimation and event days together.
    raw
        Centre as rank − (M + 1)/2 and divide by the number of events, the letter of Corrado (1989): an event of a longer estimation
        window weighs more.
    scaled
        Take N times the mean of the valid ranks for their sum.
    """
    sums, counts = np.zeros(series.shape[1]), np.zeros(series.shape[1])
    for start in range(0, len(series), _BLOCK):
        block = series[start : start + _BLOCK]
        valid = ~np.isnan(block)
        n_days = valid.sum(axis=1)[:, None]
        ranks = average_ranks(block)
        scores = ranks - (n_days + 1.0) / 2.0 if raw else ranks / (n_days + 1.0) - 0.5
        sums += np.where(valid, scores, 0.0).sum(axis=0)
        counts += valid.sum(axis=0)
    some = np.where(counts > 0, counts, np.nan)
    if scaled:
        sums *= len(series) / some
    return np.asarray(sums / some if raw else sums / np.sqrt(some))


def average_ranks(values: Floats) -> Floats:
    """Return the ranks 1, 2, … within each row of an (N, D) array; ties share their mean rank, NaN stays NaN."""
    n_rows, n_columns = values.shape
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    place = np.arange(n_columns)
    starts = np.ones(values.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ranks = np.broadcast_to(place + 1.0, values.shape).copy()
    tied = np.flatnonzero((~starts).any(axis=1))
    if len(tied):
        first = np.maximum.accumulate(np.where(starts[tied], place, 0), axis=1)
        ends = np.ones((len(tied), n_columns), dtype=bool)
        ends[:, :-1] = starts[tied, 1:]
        last = np.minimum.accumulate(np.where(ends, place, n_columns)[:, ::-1], axis=1)[:, ::-1]
        ranks[tied] = (first + last) / 2.0 + 1.0
    ranks[np.isnan(ordered)] = np.nan
    result = np.empty((n_rows, n_columns))
    np.put_along_axis(result, order, ranks, axis=1)
    return result
