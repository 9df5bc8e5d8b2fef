"""Standard errors that know observations overlap: Newey–West, stationary and circular block bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from research.errors import UsageError

__all__ = ["Bootstrap", "MeanEstimate", "block_length", "bootstrap_indices", "bootstrap_mean", "bootstrap_shares", "newey_west_mean"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bootstrap = Literal["stationary", "circular"]


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean with its standard error, t-statistic, two-sided p-value, 95 % interval and number of observations."""

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


def bootstrap_mean(
    values: ArrayLike, *, method: Bootstrap = "stationary", block: float | None = None, least: float = 1.0, draws: int = 999, seed: int = 0
) -> MeanEstimate:
    """Return the mean of a series with block-bootstrap errors.

    The error is the standard deviation of the drawn means. p-value and interval are symmetric and agree: p is
    (1 + #{|m* − m| ≥ |m|}) / (1 + draws), and the interval is m plus and minus the 95 % quantile of |m* − m|. With blocks that are long
    for the series the error is too small, as Newey and West's is, and here nothing makes up for it: below about 20 blocks trust
    :func:`newey_west_mean`.

    Parameters
    ----------
    values
        Observations in time order; NaN ones are left out.
    method
        ``stationary`` (blocks of geometric length) or ``circular`` (of fixed length); both wrap around the end.
    block
        (Mean) length of a block; by default :func:`block_length`, but at least ``least``.
    least
        For returns over ``h`` overlapping sessions, ``h``.
    draws, seed
        Resamples, and the seed of their generator.

    Returns
    -------
    MeanEstimate
        Everything but mean and ``n`` is ``None`` for fewer than three observations, no spread, or a block as long as the series.
    """
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    n = int(x.size)
    if n == 0:
        return MeanEstimate(None, None, None, None, None, None, 0)
    mean = float(x.mean())
    deviation = x - mean
    if n < 3 or float(deviation @ deviation) <= 1e-30:
        return MeanEstimate(mean, None, None, None, None, None, n)
    length = max(block_length(x, method), least) if block is None else block
    if length >= n:
        return MeanEstimate(mean, None, None, None, None, None, n)
    drawn = deviation[bootstrap_indices(n, length, draws, method, np.random.default_rng(seed))].mean(axis=1)
    error, far = float(drawn.std(ddof=1)), np.abs(drawn)
    half = float(np.quantile(far, 0.95))
    p_value = (1.0 + int((far >= abs(mean)).sum())) / (1.0 + draws)
    return MeanEstimate(mean, error, mean / error, p_value, mean - half, mean + half, n)


def block_length(values: ArrayLike, method: Bootstrap = "stationary") -> float:
    """Return the block length that minimises the mean squared error of the bootstrap variance of the mean.

    At least 1 and at most min(3 √n, n / 3). White noise has blocks near 1.

    Parameters
    ----------
    values
        (n,) finite observations in time order.
    method
        As in :func:`bootstrap_mean`; circular blocks are a factor (3/2)^(1/3) longer.

    References
    ----------
    Politis, D. N. and White, H. (2004). Automatic block-length selection for the dependent bootstrap. Econometric Reviews 23, 53-70.
    Patton, A., Politis, D. N. and White, H. (2009). Correction. Econometric Reviews 28, 372-375.
    """
    x = np.asarray(values, dtype=float)
    n = int(x.size)
    if n < 9:
        return 1.0
    u = x - x.mean()
    quiet = max(5, int(np.log10(n)))
    most = min(int(np.ceil(np.sqrt(n))) + quiet, n - 2)
    lags = np.arange(most + 1)
    products = np.array([u[lag:] @ u[: n - lag] for lag in lags])
    if products[0] <= 1e-30:
        return 1.0
    # Patton's program: a correlation is taken with the sums of squares of the two stretches
    scale = np.array([np.sqrt((u[lag + 1 :] @ u[lag + 1 :]) * (u[: n - lag - 1] @ u[: n - lag - 1])) for lag in lags])
    small = np.abs(products) < 2 * np.sqrt(np.log10(n) / n) * scale
    runs = (start for start in range(most - quiet + 1) if small[start : start + quiet].all())
    first = next(runs, None)
    bandwidth = most if first is None else min(2 * max(first, 1), most)
    k = np.arange(1, bandwidth + 1)
    taper = np.minimum(1.0, 2 * (1 - k / bandwidth))
    covariance = products / n
    slope = 2 * float((taper * k * covariance[1 : bandwidth + 1]).sum())
    long_run = float(covariance[0] + 2 * (taper * covariance[1 : bandwidth + 1]).sum())
    factor = 2.0 if method == "stationary" else 4 / 3
    longest = float(np.ceil(min(3 * np.sqrt(n), n / 3)))
    if long_run**2 <= 1e-30:
        return longest
    return max(1.0, min(float(np.cbrt(2 * slope**2 / (factor * long_run**2) * n)), longest))


def bootstrap_indices(n: int, block: float, draws: int, method: Bootstrap, rng: np.random.Generator) -> Ints:
    """Return resampled positions, (draws, n), of a series of ``n``: blocks that wrap around.

    ``stationary`` begins a new block with probability 1 / ``block`` at each step (Politis and Romano 1994), ``circular`` after every
    ⌈``block``⌉ steps.

    Raises
    ------
    UsageError
        For a block below 1, no draws, or an unknown method.
    """
    if block < 1 or draws < 1:
        raise UsageError(f"block came as {block:g} and draws as {draws}; expected at least 1 of each.")
    position = np.arange(n)
    if method == "stationary":
        fresh = rng.random((draws, n)) < 1 / block
        fresh[:, 0] = True
        starts = rng.integers(0, n, (draws, n))
        begun = np.maximum.accumulate(np.where(fresh, position, 0), axis=1)
        return np.asarray((np.take_along_axis(starts, begun, axis=1) + position - begun) % n)
    if method != "circular":
        raise UsageError(f"method came as {method!r}; expected stationary or circular.")
    length = int(np.ceil(block))
    starts = rng.integers(0, n, (draws, -(-n // length)))
    return np.asarray((np.repeat(starts, length, axis=1)[:, :n] + position % length) % n)


def bootstrap_shares(n: int, block: float, draws: int, method: Bootstrap, seed: int) -> Floats:
    """Return (draws, n): how often each observation is in each resample, over ``n``. Times a (n, K) array it gives all drawn means."""
    indices = bootstrap_indices(n, block, draws, method, np.random.default_rng(seed))
    flat = (indices + n * np.arange(draws)[:, None]).ravel()
    return np.asarray(np.bincount(flat, minlength=draws * n).reshape(draws, n) / n)
