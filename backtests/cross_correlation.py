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
from typing import Any

import numpy as np
import numpy.typing as npt

from backtests.residuals import Rows, each_block

__all__ = ["pairwise_correlation", "residual_correlation", "residual_moments", "window_overlap"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: events paired with all others at once
_BLOCK = 2048

#: pairs of events worked on at once
_PAIRS = 2**22

#: a mean this much smaller than the spread is rounding error
_ROUNDING = 1e-12


def residual_correlation(residuals: Rows, cohort: Ints, days: Ints) -> float:
    """Return the mean correlation of two events' residuals on the calendar days they share.

    Each event's residuals are centred and scaled to unit mean square, z; the mean is that of z(i,t) z(j,t) over all pairs i ≠ j and all
    calendar days t both have. When all events share the estimation window this is the mean of the pairwise correlations. It costs one pass:
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
    return residual_moments(residuals, cohort, days)[1]


def residual_moments(residuals: Rows, cohort: Ints, days: Ints) -> tuple[Floats, float]:
    """Return the mean residual of each day relative to the event, and :func:`residual_correlation`: both in one reading of the residuals.

    Parameters
    ----------
    residuals, cohort, days
        As for :func:`residual_correlation`.

    Returns
    -------
    series
        (T,) NaN on days on which no event has a residual.
    correlation
        A number, or NaN.
    """
    n_calendar = int(days.max()) + 1 if days.size else 0
    # a sort of two-byte numbers is a count
    order = np.argsort(cohort.astype(np.uint16) if len(days) < 2**16 else cohort, kind="stable")

    def block(place: slice) -> tuple[Any, ...]:
        rows = order[place]
        z = residuals[rows]
        totals = z.sum(axis=1)
        valid = None
        n_days = np.full(len(rows), z.shape[1])
        if np.isnan(totals).any():
            valid = ~np.isnan(z)
            n_days = np.maximum(valid.sum(axis=1), 1)
            z = np.where(valid, z, 0.0)
            totals = z.sum(axis=1)
        of_day = z.sum(axis=0), len(rows) if valid is None else valid.sum(axis=0)
        norm = np.sqrt(np.vecdot(z, z) / n_days)
        centre = totals / n_days
        # residuals of a regression have no mean to take out; those of a model that is given do
        if (np.abs(centre) > _ROUNDING * norm).any():
            z = z - centre[:, None] if valid is None else np.where(valid, z - centre[:, None], 0.0)
            norm = np.sqrt(np.vecdot(z, z) / n_days)
        z *= np.divide(1.0, norm, out=np.ones(len(norm)), where=norm > 0)[:, None]
        # first within cohorts, which share their columns' days, then over the calendar: the second step is small
        starts = np.flatnonzero(np.diff(cohort[rows], prepend=-1))
        where = np.maximum(days[cohort[rows][starts]], 0).ravel()
        sums = np.bincount(where, np.add.reduceat(z, starts, axis=0).ravel(), minlength=n_calendar)
        if valid is None:
            number = np.repeat(np.diff(starts, append=len(rows)), z.shape[1])
        else:
            number = np.add.reduceat(valid, starts, axis=0, dtype=np.int64).ravel()
        counts = np.bincount(where, number, minlength=n_calendar)
        return *of_day, sums, counts, float(n_days[norm > 0].sum())

    total, known = np.zeros(residuals.shape[1]), np.zeros(residuals.shape[1])
    sums, counts, own = np.zeros(n_calendar), np.zeros(n_calendar), 0.0
    for day_total, day_known, part, number, squares in each_block(len(order), block):
        total += day_total
        known += day_known
        sums += part
        counts += number
        own += squares
    pairs = float((counts * (counts - 1.0)).sum())
    series = total / np.where(known > 0, known, np.nan)
    return series, (float(np.square(sums).sum()) - own) / pairs if pairs > 0 else math.nan


def pairwise_correlation(residuals: Floats) -> float:
    """Return the mean over pairs of events of the correlation of their residuals, each over the columns both have.

    Columns are days relative to the event: right when all events share day 0 (Kolari & Pynnönen 2010). One pass where nothing is missing;
    else every pair is formed, by products of matrices (N = 5,000 and T = 250: about three seconds).

    Parameters
    ----------
    residuals
        (N, T) estimation-window residuals.

    Returns
    -------
    float
        NaN when no pair has a correlation.
    """
    valid = ~np.isnan(residuals)
    some = valid.any(axis=1)
    x, valid = residuals[some], valid[some]
    counts = valid.sum(axis=1)
    x = np.where(valid, x - (np.where(valid, x, 0.0).sum(axis=1) / counts)[:, None], 0.0)
    spread = np.sqrt(np.square(x).sum(axis=1))
    moved = spread > 0
    x, valid = x[moved] / spread[moved, None], valid[moved]
    n = len(x)
    if n < 2:
        return math.nan
    if valid.all():
        return (float(np.square(x.sum(axis=0)).sum()) - n) / (n * (n - 1.0))
    mask, squares = valid.astype(np.float64), np.square(x)
    total, pairs = 0.0, 0
    step = max(1, min(_BLOCK, _PAIRS // n))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        days = mask[rows] @ mask.T
        with np.errstate(divide="ignore", invalid="ignore"):
            mine, theirs = x[rows] @ mask.T / days, mask[rows] @ x.T / days
            own, other = squares[rows] @ mask.T / days - mine**2, mask[rows] @ squares.T / days - theirs**2
            known = (days > 1) & (own > _ROUNDING**2) & (other > _ROUNDING**2)
            r = (x[rows] @ x.T / days - mine * theirs) / np.sqrt(np.where(known, own * other, np.nan))
        known[np.arange(len(r)), np.arange(start, start + len(r))] = False
        total += float(r[known].sum())
        pairs += int(known.sum())
    return total / pairs if pairs else math.nan


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
    n, length = valid.shape
    # two sums of unit-variance days correlate by shared days / √(L_i L_j): weigh each day by 1/√L
    if valid.all():
        total = np.asarray(np.repeat(np.bincount(cohort, minlength=len(days))[:, None] / math.sqrt(length), length, axis=1))
    else:
        lengths = valid.sum(axis=1)
        n = int((lengths > 0).sum())
        weights = 1.0 / np.sqrt(np.where(lengths > 0, lengths, 1))
        total = np.stack([np.bincount(cohort, weights * column, minlength=len(days)) for column in valid.T], axis=1)
    if n < 2:
        return 0.0
    inside = days >= 0
    sums = np.asarray(np.bincount(days[inside], total[inside]), dtype=np.float64)
    # an event's own days weigh L · 1/L
    shared: float = (float(np.square(sums).sum()) - n) / (n * (n - 1.0))
    return max(0.0, shared)
