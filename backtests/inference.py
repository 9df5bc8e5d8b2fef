"""Standard errors that know observations overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["MeanEstimate", "newey_west_mean"]


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean with its HAC standard error, t-statistic, two-sided p-value (normal), 95 % interval and number of observations."""

    mean: float | None
    std_error: float | None
    t: float | None
    p_value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int


def newey_west_mean(values: ArrayLike, lags: int) -> MeanEstimate:
    r"""Return the mean of a series and its Newey–West standard error.

    .. math:: \hat V = \frac{1}{n^2} \Big( \sum_t u_t^2 + 2 \sum_{l=1}^{L} \big(1 - \tfrac{l}{L+1}\big) \sum_{t>l} u_t u_{t-l} \Big)

    Parameters
    ----------
    values
        Observations in time order; NaN ones are left out.
    lags
        ``L``; for returns over ``h`` overlapping sessions at least ``h - 1``.

    Returns
    -------
    MeanEstimate
        Everything but ``n`` is ``None`` where it cannot be computed: no observation, or for the error fewer than three or no spread.

    References
    ----------
    Newey, W. K. and West, K. D. (1987). A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance
    matrix. Econometrica 55, 703-708.
    """
    from scipy.stats import norm

    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    n = int(x.size)
    if n == 0:
        return MeanEstimate(None, None, None, None, None, None, 0)
    mean = float(x.mean())
    u = x - mean
    long_run = float(u @ u)
    for lag in range(1, min(lags, n - 1) + 1):
        long_run += 2 * (1 - lag / (lags + 1)) * float(u[lag:] @ u[:-lag])
    if n < 3 or long_run <= 1e-30:
        return MeanEstimate(mean, None, None, None, None, None, n)
    error = float(np.sqrt(long_run)) / n
    t, half = mean / error, float(norm.ppf(0.975)) * error
    return MeanEstimate(mean, error, t, float(2 * norm.sf(abs(t))), mean - half, mean + half, n)
