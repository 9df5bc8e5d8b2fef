"""Generalised rank tests: the tested window is one more day beside the estimation days.

References
----------
Kolari, J. & Pynnönen, S. (2011), Nonparametric rank tests for event studies, Journal of Empirical Finance 18, 953-971.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, normal
from backtests.rank_tests import average_ranks, bounded
from backtests.residuals import Rows, each_block

__all__ = ["GeneralizedRanks", "generalized_ranks", "grank_t", "grank_z", "granks"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: a spread this much smaller than the largest rank is rounding error
_ROUNDING = 1e-12


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

    residuals: Rows
    sigma: Floats
    sums: Floats
    n_days: Floats


def generalized_ranks(residuals: Rows, sigma: Floats) -> GeneralizedRanks:
    """Rank the standardised residuals of each event, once for all windows.

    Parameters
    ----------
    residuals
        (N, T) estimation-window residuals.
    sigma
        (N,) residual standard deviations.
    """

    def ranked(rows: slice) -> tuple[Floats, Floats]:
        block = residuals[rows]
        n_days = (~np.isnan(block)).sum(axis=1).astype(np.float64)
        return np.nansum(average_ranks(block) / (n_days[:, None] + 2.0), axis=0), n_days

    sums, days = np.zeros(residuals.shape[1]), [np.zeros(0)]
    for part, n_days in each_block(len(residuals), ranked):
        sums += part
        days.append(n_days)
    return GeneralizedRanks(residuals, sigma, sums, np.concatenate(days))


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
    return bounded(float(means[-1]) / math.sqrt(variance), days, n), z


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
    rows = np.flatnonzero(chosen)

    def lifted(place: slice) -> tuple[Floats, Ints, float]:
        block = rows[place] if not whole else place
        residuals, weight, n_days = ranks.residuals[block], weights[block], ranks.n_days[block]
        # theirs are residuals over sigma: the comparison is the same in units of the return
        value = (scar[block] / deviation * ranks.sigma[block])[:, None]
        below, equal = value < residuals, value == residuals
        # the window lifts each day above it by one rank, and a tie by half
        lift = weight @ below + weight @ equal / 2.0
        own = weight * (n_days - below.sum(axis=1) - equal.sum(axis=1) / 2.0 + 1.0) - 0.5
        return lift, (~np.isnan(residuals)).sum(axis=0), float(own.sum())

    sums, counts, zero = sums.copy(), np.zeros(len(sums)), 0.0
    for lift, known, own in each_block(n, lifted):
        sums += lift
        counts += known
        zero += own
    days = ranks.n_days[chosen] + 1.0
    return sums - 0.5 * counts, counts, zero, n, float(((days - 1.0) / (12.0 * (days + 1.0))).sum())
