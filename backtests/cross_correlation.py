"""Correlation between events: how far their residuals move together, and how far their windows share days.

Two events' abnormal returns of one calendar day are correlated; of different days they are not. The mean correlation of two CARs, which
:func:`backtests.event_tests.kolari_pynnonen` and :func:`backtests.event_tests.adjusted_patell` need, is hence
:func:`residual_correlation` × :func:`window_overlap`.

References
----------
Kolari, J. & Pynnönen, S. (2010), Event study testing with cross-sectional correlation of abnormal returns, Review of Financial Studies 23,
    3996-4025.
Kolari, J., Pape, B. & Pynnönen, S. (2018), Event study testing with cross-sectional correlation due to partially overlapping event
    windows, Mays Business School Research Paper 3167271.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["residual_correlation", "window_overlap"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
