"""Calendar-time portfolios: the events that stand in their window on a day, held together, so that correlated events are one observation.

References
----------
Fama, E. (1998), Market efficiency, long-term returns, and behavioral finance, Journal of Financial Economics 49, 283-306.
Jaffe, J. (1974), Special information and insider trading, Journal of Business 47, 410-428.
Newey, W. & West, K. (1987), A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix,
    Econometrica 55, 703-708.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, student

__all__ = ["calendar_time", "cohort_totals", "hac_variance", "portfolio"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def cohort_totals(abnormal: Floats, cohort: Ints) -> tuple[Floats, Ints]:
    """Return (C, L) sums of the abnormal returns of each cohort's events on each day of the window, and how many there are.

    Parameters
    ----------
    abnormal
        (N, L) abnormal returns, NaN where missing.
    cohort
        (N,) numbers from 0; events of one cohort stand on the same calendar days.
    """
    n_cohorts = int(cohort.max(initial=-1)) + 1
    everyone = np.bincount(cohort, minlength=n_cohorts)
    totals, counts = np.empty((n_cohorts, abnormal.shape[1])), np.empty((n_cohorts, abnormal.shape[1]), dtype=np.int64)
    for column, values in enumerate(abnormal.T):
        valid = ~np.isnan(values)
        if valid.all():
            totals[:, column], counts[:, column] = np.bincount(cohort, values, minlength=n_cohorts), everyone
        else:
            totals[:, column] = np.bincount(cohort[valid], values[valid], minlength=n_cohorts)
            counts[:, column] = np.bincount(cohort[valid], minlength=n_cohorts)
    return totals, counts


def portfolio(totals: Floats, counts: Ints, days: Ints) -> tuple[Ints, Floats, Ints]:
    """Return the equally weighted abnormal return of each calendar day on which an event is in its window.

    Parameters
    ----------
    totals, counts
        (C, L) from :func:`cohort_totals`.
    days
        (C, L) calendar day of each, as a number; negative outside the calendar.

    Returns
    -------
    day, mean, n_events
        (D,) each, days increasing.
    """
    held = (counts > 0) & (days >= 0)
    if not held.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64)
    number = np.bincount(days[held], counts[held])
    sums = np.bincount(days[held], totals[held])
    day = np.flatnonzero(number)
    return day, sums[day] / number[day], number[day].astype(np.int64)


def hac_variance(day: Ints, values: Floats, lags: int) -> float:
    """Return the Newey-West variance of the mean of ``values``: (γ(0) + 2 Σ (1 − k/(K + 1)) γ(k)) / (D (D − 1)).

    γ(k) sums the products of deviations k *calendar* days apart; days without a value are skipped, not closed up. The divisor makes it
    s²/D without lags.

    Parameters
    ----------
    day
        (D,) day numbers, increasing.
    values
        (D,) the series.
    lags
        K, not negative.
    """
    deviation = values - values.mean()
    dense = np.zeros(int(day[-1] - day[0]) + 1)
    dense[day - day[0]] = deviation
    total = float(dense @ dense)
    for lag in range(1, min(lags, len(dense) - 1) + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(dense[lag:] @ dense[:-lag])
    return total / (len(values) * (len(values) - 1.0))


def calendar_time(totals: Floats, counts: Ints, days: Ints, n_events: int, lags: int | None = None) -> Outcome:
    """Calendar-time portfolio: mean of the daily portfolio's abnormal return over its Newey-West standard error, t(D − 1).

    Every event is held, with equal weight, on the days of its window (Jaffe 1974; Fama 1998). Correlation between events of a day
    goes into the portfolio's variance; K = L − 1 lags allow for what the overlap of windows and autocorrelation carry over. The mean is
    over days, not over events: a day with one event counts as much as one with a hundred. Null with fewer than two days, and when the
    days are no more than one window's (all events share day 0). Low power where many events fall on few days.

    Parameters
    ----------
    totals, counts, days
        As for :func:`portfolio`.
    n_events
        Events with a return in the window.
    lags
        K; L − 1 by default.
    """
    day, mean, _ = portfolio(totals, counts, days)
    length = totals.shape[1]
    if len(day) <= max(1, length):
        return Outcome(None, None, None, n_events)
    variance = hac_variance(day, mean, length - 1 if lags is None else lags)
    if not variance > 1e-24 * float(np.square(mean).max()):
        return Outcome(None, None, None, n_events)
    return student(float(mean.mean()) / math.sqrt(variance), len(day) - 1, n_events)
