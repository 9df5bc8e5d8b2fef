"""Abnormal returns of a sub-window of the event window, an event a row: cumulated, standardised, bought and held.

References
----------
Campbell, J., Lo, A. & MacKinlay, A. (1997), The Econometrics of Financial Markets, chapter 4.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backtests.normal_returns import AbnormalReturns

__all__ = ["window_bhar", "window_car", "window_scar"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def window_car(returns: AbnormalReturns, first: int, last: int) -> tuple[Floats, Floats, Ints]:
    """Cumulate abnormal returns over columns ``first`` .. ``last`` (both included) of the event window.

    Returns
    -------
    car
        (E,) sum over the valid days; NaN when there is none.
    std_error
        (E,) its exact forecast standard deviation, sigma · √(L + L²/T + (Σ(Rm − mean))²/SSm) over the L valid days,
        the square root of sigma² (L + ι'X*(X'X)⁻¹X*'ι) (Campbell, Lo & MacKinlay 1997, eq. 4.4.9).
    n_days
        (E,) L.
    """
    abnormal, score = returns.abnormal[:, first : last + 1], returns.scores[:, first : last + 1]
    car = abnormal.sum(axis=1)
    n_days = np.full(len(car), last - first + 1)
    if np.isnan(car).any():
        valid = ~np.isnan(abnormal)
        n_days = valid.sum(axis=1)
        car = np.where(n_days > 0, np.where(valid, abnormal, 0.0).sum(axis=1), np.nan)
        score = np.where(valid[:, :, None], score, 0.0)
    length = np.where(n_days > 0, n_days, np.nan).astype(np.float64)
    variance = length + np.square(length) * returns.mean_variance + np.square(score.sum(axis=1)).sum(axis=1)
    return car, returns.sigma * np.sqrt(variance), n_days


def window_scar(returns: AbnormalReturns, first: int, last: int, forecast_error: bool) -> Floats:
    """Return (E,) the sum of the days' standardised abnormal returns over √L; NaN where there is none.

    The days' estimation error is common to them, which this leaves out: CAR over the ``std_error`` of :func:`window_car` is exact.

    Parameters
    ----------
    returns
        Of E events.
    first, last
        Columns of the event window, both included.
    forecast_error
        Whether a day is divided by its forecast standard deviation; else by sigma.
    """
    abnormal = returns.abnormal[:, first : last + 1]
    scaled = abnormal / (returns.forecast_std[:, first : last + 1] if forecast_error else returns.sigma[:, None])
    valid = ~np.isnan(scaled)
    n_days = valid.sum(axis=1)
    return np.asarray(np.where(valid, scaled, 0.0).sum(axis=1) / np.sqrt(np.where(n_days > 0, n_days, np.nan)))


def window_bhar(returns: AbnormalReturns, first: int, last: int, log: bool) -> Floats:
    """Return (E,) buy-and-hold abnormal returns: Π(1 + R) − Π(1 + E[R]) over the valid days; NaN where there is none.

    Parameters
    ----------
    returns
        Of E events.
    first, last
        Columns of the event window, both included.
    log
        Whether returns are log returns, which compound by their sum.
    """
    held, normal = (np.zeros(len(returns.abnormal)) if log else np.ones(len(returns.abnormal)) for _ in range(2))
    some = np.zeros(len(held), dtype=bool)
    # a day at a time: the events' days stand side by side
    for day in range(first, last + 1):
        known = ~np.isnan(returns.abnormal[:, day])
        some |= known
        for total, values in ((held, returns.realized[:, day]), (normal, returns.expected[:, day])):
            if log:
                np.add(total, values, out=total, where=known)
            else:
                np.multiply(total, 1.0 + values, out=total, where=known)
    return np.where(some, np.exp(held) - np.exp(normal) if log else held - normal, np.nan)
