"""Significance tests of event studies: pure functions of arrays, one event a row, NaN where missing.

N is the number of events, L the days of the tested window, T the estimation days, k the parameters of the normal-return model.
Every function counts the events (or days) that are valid, in the numerator and in the denominator, and is keyed by event: two events
of one firm are two rows. A statistic that cannot be computed (one event, no dispersion, too few degrees of freedom) is ``None``,
never infinite or NaN. P-values are two-sided.

What each assumes about the events:

===================  ==========================  =====================  ==================
test                 event-induced variance      cross-correlation      distribution of AR
===================  ==========================  =====================  ==================
cross_sectional      allowed                     none                   N large
time_series          none                        allowed, common day 0  normal
patell               none                        none                   normal
bmp                  allowed                     none                   N large
kolari_pynnonen      allowed                     allowed                N large
sign                 allowed                     none                   symmetric
generalized_sign     allowed                     none                   any
corrado_rank         little                      allowed, common day 0  any
wilcoxon             allowed                     none                   symmetric
wild_bootstrap       allowed                     none                   symmetric
===================  ==========================  =====================  ==================

References
----------
Boehmer, E., Musumeci, J. & Poulsen, A. (1991), Event-study methodology under conditions of event-induced variance, Journal of Financial
    Economics 30, 253-272.
Brown, S. & Warner, J. (1980), Measuring security price performance, Journal of Financial Economics 8, 205-258.
Corrado, C. (1989), A nonparametric test for abnormal security-price performance in event studies, Journal of Financial Economics 23,
    385-395.
Corrado, C. & Zivney, T. (1992), The specification and power of the sign test in event study hypothesis tests using daily stock returns,
    Journal of Financial and Quantitative Analysis 27, 465-478.
Cowan, A. (1992), Nonparametric event study tests, Review of Quantitative Finance and Accounting 2, 343-358.
Kolari, J. & Pynnönen, S. (2010), Event study testing with cross-sectional correlation of abnormal returns, Review of Financial Studies 23,
    3996-4025.
Patell, J. (1976), Corporate forecasts of earnings per share and stock price behavior, Journal of Accounting Research 14, 246-276.
Wilcoxon, F. (1945), Individual comparisons by ranking methods, Biometrics Bulletin 1, 80-83.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "TESTS",
    "Outcome",
    "average_ranks",
    "bmp",
    "corrado_rank",
    "cross_sectional",
    "daily_average",
    "generalized_sign",
    "kolari_pynnonen",
    "patell",
    "positive_share",
    "rank_sums",
    "residual_correlation",
    "sign",
    "time_series",
    "wilcoxon",
    "wild_bootstrap",
    "window_overlap",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: the tests ``EventStudyResult.tests`` runs when none is named
TESTS = (
    "cross_sectional",
    "time_series",
    "patell",
    "bmp",
    "kolari_pynnonen",
    "sign",
    "generalized_sign",
    "corrado_rank",
    "wilcoxon",
)

#: a standard deviation this much smaller than the values is rounding error
_ROUNDING = 1e-12

#: rows ranked at once: their arrays stay in the processor's cache
_BLOCK = 2048

#: below this many events Wilcoxon's distribution is enumerated, as R does
_EXACT = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test found.

    Attributes
    ----------
    statistic, p_value
        Test statistic and two-sided p-value; ``None`` where they cannot be computed.
    df
        Degrees of freedom of Student's t; ``None`` for the normal and for exact distributions.
    n_events
        Events used.
    """

    statistic: float | None
    p_value: float | None
    df: float | None
    n_events: int


def cross_sectional(car: Floats) -> Outcome:
    """Student's t of the mean cumulative abnormal return: mean(CAR) / (s(CAR) / √N), t(N − 1).

    Allows the event to change the variance. Assumes independent events of equal variance; not for events that share days or for
    samples in which a few volatile firms dominate (prefer :func:`bmp`).

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns; NaN rows are left out.
    """
    return _mean_test(car)


def time_series(abnormal: Floats, series: Floats) -> Outcome:
    """Crude dependence adjustment of Brown & Warner (1980): ΣAAR / (√L · s), t(D − 1).

    s is the standard deviation (about its mean, divisor D − 1) of the average residual over the D estimation days. Averaging before the
    deviation is taken lets events that share day 0 be correlated. Assumes that the event leaves the variance as it was and
    no autocorrelation of the average; low power when event dates differ.

    Parameters
    ----------
    abnormal
        (N, L) abnormal returns of the tested window.
    series
        (T,) average residual of each estimation day, by day relative to the event: :func:`daily_average` of the residuals.
    """
    aar = daily_average(abnormal)
    series = series[~np.isnan(series)]
    used = int((~np.isnan(abnormal)).any(axis=1).sum())
    days = int((~np.isnan(aar)).sum())
    spread = _spread(series)
    if spread is None or days == 0:
        return Outcome(None, None, None, used)
    return _student(float(np.nansum(aar)) / (math.sqrt(days) * spread), len(series) - 1, used)


def patell(scar: Floats, df: Floats) -> Outcome:
    """Patell (1976): Σ SCAR / √(Σ df / (df − 2)), standard normal; df = T − k of each event.

    Assumes independent events and a variance that the event does not change: at twice the variance a 5 % test rejects 16.6 %.

    Parameters
    ----------
    scar
        (N,) CAR over its own forecast standard deviation (for one day the abnormal return over √(1 + 1/T + (Rm − mean)²/SSm) · sigma).
    df
        (N,) degrees of freedom of sigma; events with df ≤ 2 have no finite variance and are left out.
    """
    valid = ~np.isnan(scar) & (df > 2)
    n = int(valid.sum())
    if n == 0:
        return Outcome(None, None, None, 0)
    return _normal(float(scar[valid].sum() / np.sqrt((df[valid] / (df[valid] - 2.0)).sum())), n)


def bmp(scar: Floats) -> Outcome:
    """Boehmer, Musumeci & Poulsen (1991): mean(SCAR) / (s(SCAR) / √N), t(N − 1).

    The standardised cross-sectional test: allows event-induced variance and events of unequal variance. Assumes independent events; a mean
    residual correlation of 0.03 makes it reject 21 % at N = 50 (then :func:`kolari_pynnonen`).

    Parameters
    ----------
    scar
        (N,) CAR over its own exact forecast standard deviation; NaN rows are left out.
    """
    return _mean_test(scar)


def kolari_pynnonen(scar: Floats, correlation: float) -> Outcome:
    """Kolari & Pynnönen (2010): BMP · √((1 − r) / (1 + (N − 1) r)), t(N − 1).

    Allows event-induced variance and cross-correlation. ``correlation`` is r, the mean correlation of two events' abnormal returns in the
    tested window: :func:`residual_correlation` × :func:`window_overlap`. Assumes that correlation in the event window is what it
    was in the estimation window; null when 1 + (N − 1) r is not positive.

    Parameters
    ----------
    scar
        (N,) as for :func:`bmp`.
    correlation
        r; NaN (no two events share an estimation day) counts as unknown and gives null.
    """
    plain = _mean_test(scar)
    inflation = 1.0 + (plain.n_events - 1) * correlation
    if plain.statistic is None or not (inflation > 0 and correlation < 1):
        return Outcome(None, None, None, plain.n_events)
    return _student(plain.statistic * math.sqrt((1.0 - correlation) / inflation), plain.n_events - 1, plain.n_events)


def sign(car: Floats) -> Outcome:
    """Sign test: (w − N/2) / √(N/4), standard normal; w of N non-zero CARs are positive.

    Assumes a median of zero, hence symmetry; daily abnormal returns are skewed to the right, which makes it reject downwards
    (prefer :func:`generalized_sign`). The normal approximation needs N above about 20.

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns.
    """
    moved = car[~np.isnan(car) & (car != 0)]
    n = len(moved)
    if n == 0:
        return Outcome(None, None, None, 0)
    return _normal((float((moved > 0).sum()) - n / 2.0) / math.sqrt(n / 4.0), n)


def generalized_sign(car: Floats, share: Floats) -> Outcome:
    """Generalised sign test of Cowan (1992): (w − N p) / √(N p (1 − p)), standard normal.

    p is the mean over events of the share of positive abnormal returns in the estimation window, so that skewness does no harm.
    Assumes independent events; for windows of many days p of single days is a poor guide to the sign of a sum.

    Parameters
    ----------
    car
        (N,) cumulative abnormal returns.
    share
        (N,) from :func:`positive_share`.
    """
    valid = ~np.isnan(car) & ~np.isnan(share)
    n = int(valid.sum())
    if n == 0:
        return Outcome(None, None, None, 0)
    p = float(share[valid].mean())
    if not 0.0 < p < 1.0:
        return Outcome(None, None, None, n)
    return _normal((float((car[valid] > 0).sum()) - n * p) / math.sqrt(n * p * (1.0 - p)), n)


def corrado_rank(z: Floats, columns: slice, n_events: int) -> Outcome:
    """Rank test of Corrado (1989), in the form that admits missing returns (Corrado & Zivney 1992), standard normal.

    With Z of :func:`rank_sums` and S² the mean of Z² over all D estimation and event days, a day's statistic is Z(t) / S and that of a
    window of L days is ΣZ / (√L · S). With no missing return the day's statistic is that of 1989, (mean rank − its expectation) / its
    standard deviation.

    Needs no distribution of returns, and takes correlation between events that share day 0 into S. An event that multiplies the
    variance disturbs it moderately; over long windows a shift spread over many days is found late.

    Parameters
    ----------
    z
        (D,) from :func:`rank_sums`, estimation days before event days; NaN where no event is valid.
    columns
        The tested days among the D.
    n_events
        Events with a valid return on a tested day.
    """
    known = z[~np.isnan(z)]
    tested = z[columns][~np.isnan(z[columns])]
    spread = math.sqrt(float(np.square(known).mean())) if len(known) else 0.0
    if spread <= _ROUNDING or not len(tested):
        return Outcome(None, None, None, n_events)
    return _normal(float(tested.sum()) / (math.sqrt(len(tested)) * spread), n_events)


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
    if n < _EXACT and n == len(valid) and ties.max() == 1:
        return Outcome(statistic, _signed_rank_p(n, statistic), None, n)
    distance = abs(statistic - n * (n + 1) / 4.0)
    variance = n * (n + 1) * (2 * n + 1) / 24.0 - float((ties**3 - ties).sum()) / 48.0
    return Outcome(statistic, _normal(max(0.0, distance - 0.5) / math.sqrt(variance), n).p_value, None, n)


def wild_bootstrap(scar: Floats, draws: int, seed: int) -> Outcome:
    """Sign-flipping (Rademacher) bootstrap of the BMP statistic; p = (1 + #{|t*| ≥ |t|}) / (1 + draws).

    For small samples far from normal: only symmetry about zero under the null is assumed, and independent events.

    Parameters
    ----------
    scar
        (N,) as for :func:`bmp`.
    draws
        Number of sign vectors.
    seed
        Seed of the generator.
    """
    values = scar[~np.isnan(scar)]
    n = len(values)
    statistic = _mean_test(values).statistic
    if statistic is None:
        return Outcome(None, None, None, n)
    rng = np.random.default_rng(seed)
    # flipping signs leaves the sum of squares, so that t is monotone in the mean: |t*| ≥ |t| exactly when |mean*| ≥ |mean|
    observed = abs(float(values.sum())) * (1.0 - 1e-12)
    hits = 0
    for start in range(0, draws, 64):
        signs = rng.integers(0, 2, size=(min(64, draws - start), n), dtype=np.int8)
        hits += int((np.abs(2.0 * (signs @ values) - values.sum()) >= observed).sum())
    return Outcome(statistic, (1 + hits) / (1 + draws), None, n)


def daily_average(values: Floats) -> Floats:
    """Return (D,) the mean of each column of an (N, D) array over its valid events; NaN where there is none."""
    missing = np.isnan(values)
    counts = len(values) - missing.sum(axis=0)
    return np.asarray(np.where(missing, 0.0, values).sum(axis=0) / np.where(counts > 0, counts, np.nan))


def positive_share(residuals: Floats) -> Floats:
    """Return (N,) the share of valid estimation days with a positive residual; NaN where no day is valid."""
    days = (~np.isnan(residuals)).sum(axis=1)
    return np.asarray((residuals > 0).sum(axis=1) / np.where(days > 0, days, np.nan), dtype=np.float64)


def residual_correlation(residuals: Floats, cohort: Ints, days: Ints) -> float:
    """Return the mean correlation of two events' residuals on the calendar days they share.

    Each event's residuals are scaled to unit mean square, z; the mean is that of z(i,t) z(j,t) over all pairs i ≠ j and all calendar days t
    both have. When all events share the estimation window this is the mean of the pairwise correlations. It costs one pass:
    Σ over pairs on a day = (Σz)² − Σz².

    Parameters
    ----------
    residuals
        (N, T) estimation-window residuals.
    cohort
        (N,) numbers from 0; events of one cohort stand on the same calendar days.
    days
        (C, T) calendar day of each cohort's columns, as numbers; negative outside the calendar, where nothing is valid.

    Returns
    -------
    float
        NaN when no two events share a day.
    """
    valid = ~np.isnan(residuals)
    z = np.where(valid, residuals, 0.0)
    n_days = valid.sum(axis=1)
    norm = np.sqrt(np.einsum("et,et->e", z, z) / np.where(n_days > 0, n_days, 1))
    z /= np.where(norm > 0, norm, 1.0)[:, None]
    products, pairs = _shared(z, valid, cohort, days)
    return products / pairs if pairs > 0 else math.nan


def window_overlap(valid: npt.NDArray[np.bool_], cohort: Ints, days: Ints) -> float:
    """Return the mean share of the tested window that two events have in common, in calendar time.

    1 when all events share day 0, 0 when no two windows meet. Abnormal returns of different days are independent, so the correlation
    of two CARs is that of their residuals times this share (Kolari, Pape & Pynnönen 2018, partially overlapping event windows).

    Parameters
    ----------
    valid
        (N, L) whether the abnormal return exists.
    cohort, days
        As for :func:`residual_correlation`, (C, L).
    """
    lengths = valid.sum(axis=1)
    n = int((lengths > 0).sum())
    # two sums of unit-variance days correlate by shared days / √(L_i L_j): weigh each day by 1/√L
    weights = np.where(valid, 1.0 / np.sqrt(np.where(lengths > 0, lengths, 1))[:, None], 0.0)
    products, _ = _shared(weights, valid, cohort, days)
    return max(0.0, products / (n * (n - 1.0))) if n > 1 else 0.0


def _shared(values: Floats, valid: npt.NDArray[np.bool_], cohort: Ints, days: Ints) -> tuple[float, float]:
    """Return Σ over calendar days and pairs i ≠ j of v_i v_j, and the number of such pairs; ``values`` are 0 where not valid."""
    order = np.argsort(cohort, kind="stable")
    ordered = cohort[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, dtype=np.int64)
    if not len(starts):
        return 0.0, 0.0
    where = np.maximum(days[ordered[starts]], 0).ravel()
    # first within cohorts, which share their columns' days, then over the calendar: the second step is small
    sums = np.bincount(where, np.add.reduceat(values[order], starts, axis=0).ravel())
    counts = np.bincount(where, np.add.reduceat(valid[order], starts, axis=0, dtype=np.int64).ravel())
    own = float(np.einsum("et,et->", values, values))
    return float(np.square(sums).sum()) - own, float((counts * (counts - 1.0)).sum())


def rank_sums(series: Floats) -> Floats:
    """Return (D,) the sum of a day's centred ranks over the √ of its number of valid events; NaN where there is none.

    The rank of an event's day among its M valid days is centred as rank / (M + 1) − 1/2.

    Parameters
    ----------
    series
        (N, D) abnormal returns, estimation and event days together.
    """
    sums, counts = np.zeros(series.shape[1]), np.zeros(series.shape[1])
    for start in range(0, len(series), _BLOCK):
        block = series[start : start + _BLOCK]
        valid = ~np.isnan(block)
        scores = average_ranks(block) / (valid.sum(axis=1) + 1.0)[:, None] - 0.5
        sums += np.where(valid, scores, 0.0).sum(axis=0)
        counts += valid.sum(axis=0)
    return np.asarray(sums / np.sqrt(np.where(counts > 0, counts, np.nan)))


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


def _signed_rank_p(n: int, statistic: float) -> float:
    """Return the exact two-sided p-value of W⁺: each of the ranks 1 .. n counts with probability 1/2."""
    chances = np.ones(1)
    for rank in range(1, n + 1):
        wider = np.zeros(len(chances) + rank)
        wider[: len(chances)] += chances / 2.0
        wider[rank:] += chances / 2.0
        chances = wider
    lower = min(round(statistic), n * (n + 1) // 2 - round(statistic))
    return min(1.0, 2.0 * float(chances[: lower + 1].sum()))


def _mean_test(values: Floats) -> Outcome:
    valid = values[~np.isnan(values)]
    n = len(valid)
    spread = _spread(valid)
    if spread is None:
        return Outcome(None, None, None, n)
    return _student(float(valid.mean()) / (spread / math.sqrt(n)), n - 1, n)


def _spread(values: Floats) -> float | None:
    """Return the standard deviation with divisor n − 1; None below two values or when it is rounding error."""
    if len(values) < 2:
        return None
    spread = float(values.std(ddof=1))
    return spread if spread > _ROUNDING * float(np.abs(values).max()) else None


def _student(statistic: float, df: float, n_events: int) -> Outcome:
    from scipy import special

    return Outcome(statistic, float(2.0 * special.stdtr(df, -abs(statistic))), float(df), n_events)


def _normal(statistic: float, n_events: int) -> Outcome:
    from scipy import special

    return Outcome(statistic, float(2.0 * special.ndtr(-abs(statistic))), None, n_events)
