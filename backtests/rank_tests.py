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
Luoma, T. (2011), A variety of nonparametric tests for event studies, University of Vaasa.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, normal, student
from backtests.residuals import Beside, Rows, each_block

__all__ = [
    "RankMeans",
    "average_ranks",
    "bounded",
    "campbell_wasley",
    "common_rank",
    "corrado_rank",
    "median_signs",
    "rank_sums",
    "restandardised",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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
    days too; W √((D − 2) / (D − 1 − W²)) is Student's t with D − 2 degrees of freedom (Luoma 2011).

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
    return bounded(scaled, days, n_events)


@dataclass(frozen=True, slots=True)
class RankMeans:
    """Ranks of the days of all events together, not centred for each: what :func:`common_rank` needs.

    Attributes
    ----------
    sums, counts
        (D,) sum of a day's ranks, and valid events.
    centre
        Mean over events of their mean rank, (M + 1) / 2.
    """

    sums: Floats
    counts: Floats
    centre: float

    @classmethod
    def of(cls, series: Rows) -> RankMeans:
        """Rank the D days of each of N events."""

        def ranked(rows: slice) -> tuple[Floats, Ints]:
            ranks = average_ranks(series[rows])
            valid = ~np.isnan(ranks)
            days = valid.sum(axis=1)
            held = days > 0
            own = np.array([((days[held] + 1.0) / 2.0).sum(), held.sum()])
            return np.append(np.where(valid, ranks, 0.0).sum(axis=0), own[0]), np.append(valid.sum(axis=0), own[1])

        sums, counts = np.zeros(series.shape[1] + 1), np.zeros(series.shape[1] + 1)
        for part, known in each_block(len(series), ranked):
            sums += part
            counts += known
        return cls(sums[:-1], counts[:-1], float(sums[-1] / max(counts[-1], 1.0)))


def common_rank(ranks: RankMeans, columns: Ints, n_events: int, n_days: float) -> Outcome:
    """Rank test over several days with ranks about one mean of all events: √L (mean rank − centre) / √(Σ (day's mean − centre)² / n_days).

    As :func:`corrado_rank` where all events have as many days; where they have not, an event of more days has larger ranks and pulls the
    mean. Standard normal; kept to reproduce what is printed elsewhere.

    Parameters
    ----------
    ranks
        From :meth:`RankMeans.of`.
    columns, n_events
        As for :func:`corrado_rank`.
    n_days
        What the squares are divided by, the mean number of valid days.
    """
    known = ranks.counts > 0
    squares = float(np.square(ranks.sums[known] / ranks.counts[known] - ranks.centre).sum())
    tested = float(ranks.counts[columns].sum())
    if not tested > 0 or not squares > (_ROUNDING * ranks.centre) ** 2:
        return Outcome(None, None, None, n_events)
    distance = float(ranks.sums[columns].sum()) / tested - ranks.centre
    return normal(math.sqrt(len(columns)) * distance / math.sqrt(squares / n_days), n_events)


def _tested(z: Floats, columns: slice | Ints) -> tuple[Floats, float | None, int]:
    """Return the known Z of the tested days, the root mean square of all of them (None when it vanishes), and their number."""
    known = z[~np.isnan(z)]
    tested = z[columns][~np.isnan(z[columns])]
    deviation = math.sqrt(float(np.square(known).mean())) if len(known) else 0.0
    return tested, deviation if deviation > _ROUNDING else None, len(known)


def bounded(scaled: float, days: int, n_events: int) -> Outcome:
    """Return the t of a day over a root mean square that contains it: Z √((D − 2) / (D − 1 − Z²)), t(D − 2)."""
    left = days - 1.0 - scaled**2
    if days < 3 or left <= 0:
        return Outcome(None, None, None, n_events)
    return student(scaled * math.sqrt((days - 2.0) / left), days - 2.0, n_events)


def restandardised(residuals: Rows, sigma: Floats, abnormal: Floats, forecast_std: Floats) -> Beside:
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
    return Beside(residuals, scaled / np.where(deviation > 0, deviation, 1.0), sigma)


def median_signs(series: Rows, scaled: bool = False) -> Floats:
    """Return (D,) Σ sign(x − the event's median) / √N(t) of each day; NaN where no event is valid.

    Parameters
    ----------
    series
        (N, D) abnormal returns, estimation and event days together.
    scaled
        Take N times the mean of the valid signs for their sum.
    """

    def signs(rows: slice) -> tuple[Floats, Ints]:
        block = series[rows]
        valid = ~np.isnan(block)
        complete = bool(valid.all())
        some = np.ones(len(block), dtype=bool) if complete else valid.any(axis=1)
        median = np.full(len(block), np.nan)
        median[some] = np.median(block, axis=1) if complete else np.nanmedian(block[some], axis=1)
        return np.where(valid, np.sign(block - median[:, None]), 0.0).sum(axis=0), valid.sum(axis=0)

    sums, counts = _summed(series, signs)
    some = np.where(counts > 0, counts, np.nan)
    return np.asarray(sums * (len(series) / some if scaled else 1.0) / np.sqrt(some))


def rank_sums(series: Rows, raw: bool = False, scaled: bool = False) -> Floats:
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

    def scores_of(rows: slice) -> tuple[Floats, Ints]:
        block = series[rows]
        valid = ~np.isnan(block)
        n_days = valid.sum(axis=1)[:, None]
        ranks = average_ranks(block)
        scores = ranks - (n_days + 1.0) / 2.0 if raw else ranks / (n_days + 1.0) - 0.5
        return np.where(valid, scores, 0.0).sum(axis=0), valid.sum(axis=0)

    sums, counts = _summed(series, scores_of)
    some = np.where(counts > 0, counts, np.nan)
    if scaled:
        sums *= len(series) / some
    return np.asarray(sums / some if raw else sums / np.sqrt(some))


def _summed(series: Rows, work: Callable[[slice], tuple[Floats, Ints]]) -> tuple[Floats, Floats]:
    """Return the sums and counts of each day that ``work`` finds in the blocks of ``series``."""
    sums, counts = np.zeros(series.shape[1]), np.zeros(series.shape[1])
    for part, known in each_block(len(series), work):
        sums += part
        counts += known
    return sums, counts


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
