"""Standard errors that know observations overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["MeanEstimate", "newey_west_mean"]


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean with its HAC standard error, t-statistic, two-sided p-value, 95 % interval and number of observations."""

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

    The error is itself an estimate, from few independent pieces when ``b = (L + 1) / n`` is not small, and on average too small by the
    mean it subtracts. p-value and interval therefore take Student's t with ``1.5 / b`` degrees of freedom (the Bartlett kernel's) and the
    error divided by :math:`\sqrt{1 - b + b^2 / 3}`; with few lags and many observations that is the normal distribution.

    Parameters
    ----------
    values
        Observations in time order; NaN ones are left out.
    lags
        ``L``. For returns over ``h`` overlapping sessions ``h - 1`` is too few: the weights then halve the overlap they are to measure.
        With ``3 (h - 1)`` a true null is rejected about as often as the p-value says.

    Returns
    -------
    MeanEstimate
        Everything but ``n`` is ``None`` where it cannot be computed: no observation, or for the error fewer than three, no more of them
        than lags, or no spread.

    References
    ----------
    Newey, W. K. and West, K. D. (1987). A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance
    matrix. Econometrica 55, 703-708.
    Kiefer, N. M. and Vogelsang, T. J. (2005). A new asymptotic theory for heteroskedasticity-autocorrelation robust tests. Econometric
    Theory 21, 1130-1164.
    Lazarus, E., Lewis, D. J., Stock, J. H. and Watson, M. W. (2018). HAR inference: recommendations for practice. Journal of Business
    and Economic Statistics 36, 541-559.
    """
    from scipy.stats import t as student

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
    if n < 3 or lags >= n or long_run <= 1e-30:
        return MeanEstimate(mean, None, None, None, None, None, n)
    error = float(np.sqrt(long_run)) / n
    share = (lags + 1) / n
    freedom, honest = 1.5 / share, error / float(np.sqrt(1 - share + share**2 / 3))
    half = float(student.ppf(0.975, freedom)) * honest
    return MeanEstimate(mean, error, mean / error, float(2 * student.sf(abs(mean) / honest, freedom)), mean - half, mean + half, n)
