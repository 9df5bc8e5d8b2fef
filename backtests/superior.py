"""Is the best of the tried variants better than its benchmark, and which of them are: reality check, SPA, step-down.

All resample whole periods in blocks, so that variants keep their correlation and returns their dependence over time. p-values are
one-sided, (1 + #{draws that reach the statistic}) / (1 + draws).

References
----------
Hansen, P. R. (2005). A test for superior predictive ability. Journal of Business and Economic Statistics 23, 365-380.
Romano, J. P. and Wolf, M. (2005). Stepwise multiple testing as formalized data snooping. Econometrica 73, 1237-1282.
Romano, J. P. and Wolf, M. (2016). Efficient computation of adjusted p-values for resampling-based stepdown multiple testing. Statistics and
    Probability Letters 113, 38-40.
White, H. (2000). A reality check for data snooping. Econometrica 68, 1097-1126.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.inference import Bootstrap, block_length, bootstrap_shares
from research.errors import EstimationError

__all__ = ["SuperiorAbility", "common_block", "reality_check", "stepdown", "superior_ability"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SuperiorAbility:
    """Hansen's test that no variant beats the benchmark.

    Attributes
    ----------
    statistic
        max(0, max √T d̄ / ω) with the mean d̄ of a variant's gains and the standard deviation ω of √T d̄; without ω when not studentised.
    p_lower, p_consistent, p_upper
        p-values when variants that did worse than the benchmark count as such, are told from bad luck by the law of the iterated
        logarithm (the one to read), or all count as equal to it (the most cautious).
    best
        Column of the variant with the largest statistic.
    n_periods, n_variants, block, draws
        Size of the data, (mean) block length, resamples.
    """

    statistic: float
    p_lower: float
    p_consistent: float
    p_upper: float
    best: int
    n_periods: int
    n_variants: int
    block: float
    draws: int


def superior_ability(
    gains: Floats,
    *,
    block: float | None = None,
    method: Bootstrap = "stationary",
    draws: int = 999,
    seed: int = 0,
    studentised: bool = True,
) -> SuperiorAbility:
    """Test that none of the variants has an expected gain above zero.

    Parameters
    ----------
    gains
        (T, K) return of each variant less that of the benchmark, in time order; cash as the benchmark leaves the return itself.
    block
        (Mean) block length; by default :func:`common_block`.
    method, draws, seed
        As in :func:`backtests.inference.bootstrap_mean`.
    studentised
        Divide by ω, so that a variant is not the best for being the most volatile. ω is the stationary bootstrap's own variance of the
        mean (Hansen 2005, appendix), with the mean block for both methods. A variant without spread is left out of the maximum.

    Raises
    ------
    EstimationError
        For fewer than 10 periods, no variant with spread, or a value that is not finite.
    """
    x = _checked(gains)
    length = common_block(x, method) if block is None else block
    means, deviation = x.mean(axis=0), x - x.mean(axis=0)
    n = len(x)
    omega = np.sqrt(_bootstrap_variance(deviation, length))
    usable = omega > 0
    drawn = (bootstrap_shares(n, length, draws, method, seed) @ deviation)[:, usable]
    scale = omega[usable] if studentised else np.ones(int(usable.sum()))
    observed = math.sqrt(n) * means[usable] / scale
    statistic = max(0.0, float(observed.max()))
    bound = -omega[usable] * math.sqrt(2 * math.log(math.log(n)) / n)
    kept = means[usable]

    def p_value(left: Floats) -> float:
        """Return the p-value when the variants' means ``left`` (zero: recentred) stay in the draws."""
        return _share(np.maximum(0.0, (math.sqrt(n) * (drawn + left) / scale).max(axis=1)), statistic)

    lower, consistent, upper = p_value(np.minimum(kept, 0.0)), p_value(np.where(kept < bound, kept, 0.0)), p_value(np.zeros_like(kept))
    best = int(np.flatnonzero(usable)[observed.argmax()])
    return SuperiorAbility(statistic, lower, consistent, upper, best, n, x.shape[1], length, draws)


def reality_check(gains: Floats, *, block: float | None = None, method: Bootstrap = "stationary", draws: int = 999, seed: int = 0) -> float:
    """Return the p-value of White's reality check: the SPA without studentising, every variant recentred.

    Poor and volatile variants in the set make it insensitive; :func:`superior_ability` is the better test.
    """
    return superior_ability(gains, block=block, method=method, draws=draws, seed=seed, studentised=False).p_upper


def stepdown(gains: Floats, *, block: float | None = None, method: Bootstrap = "stationary", draws: int = 999, seed: int = 0) -> Floats:
    """Return Romano and Wolf's step-down p-value of each variant, one-sided, studentised.

    The variants with a p-value of at most α are those that beat the benchmark, with a probability of at most α that any of them does not.

    Parameters
    ----------
    gains, block, method, draws, seed
        As in :func:`superior_ability`.

    Returns
    -------
    (K,) array, NaN for a variant without spread.
    """
    x = _checked(gains)
    length = common_block(x, method) if block is None else block
    deviation = x - x.mean(axis=0)
    omega = np.sqrt(_bootstrap_variance(deviation, length))
    adjusted = np.full(x.shape[1], np.nan)
    usable = np.flatnonzero(omega > 0)
    root = math.sqrt(len(x))
    observed = root * x.mean(axis=0)[usable] / omega[usable]
    drawn = root * (bootstrap_shares(len(x), length, draws, method, seed) @ deviation)[:, usable] / omega[usable]
    order = np.argsort(-observed, kind="stable")
    # maxima over the variants that are not rejected yet: from the last in the order backwards
    maxima = np.maximum.accumulate(drawn[:, order][:, ::-1], axis=1)[:, ::-1]
    shares = [_share(maxima[:, step], float(observed[variant])) for step, variant in enumerate(order)]
    adjusted[usable[order]] = np.maximum.accumulate(shares)
    return adjusted


def common_block(gains: Floats, method: Bootstrap = "stationary") -> float:
    """Return the median over variants of :func:`backtests.inference.block_length`: one length for all, since they are drawn together."""
    return float(np.median([block_length(column, method) for column in np.asarray(gains).T]))


def _share(drawn: Floats, statistic: float) -> float:
    # a draw that equals the observation up to rounding counts as reaching it
    return (1.0 + int((drawn >= statistic - 1e-12 * abs(statistic)).sum())) / (1.0 + len(drawn))


def _checked(gains: Floats) -> Floats:
    x = np.asarray(gains, dtype=float)
    if x.ndim != 2 or x.shape[0] < 10 or x.shape[1] < 1:
        raise EstimationError(f"The gains came with shape {x.shape}; expected at least 10 periods of at least 1 variant.")
    if not np.isfinite(x).all():
        raise EstimationError(
            f"{int((~np.isfinite(x)).sum())} gains are not finite; expected one for every variant and period: put 0 where it held nothing."
        )
    if not (x.std(axis=0) > 1e-14 * np.maximum(1.0, np.abs(x).max(axis=0))).any():
        raise EstimationError(f"None of the {x.shape[1]} variants has a return that varies; expected at least one.")
    return x


def _bootstrap_variance(deviation: Floats, block: float) -> Floats:
    """Return the variance of √T times the mean under the stationary bootstrap: γ0 + 2 Σ κ(i) γ(i); zero without spread."""
    n = len(deviation)
    # autocovariances by Fourier transform, padded so that they do not wrap around
    width = 1 << (2 * n - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(deviation, width, axis=0)) ** 2
    covariance = np.fft.irfft(spectrum, width, axis=0)[:n] / n
    lag, stay = np.arange(1, n), 1 - 1 / block
    kappa = (1 - lag / n) * stay**lag + lag / n * stay ** (n - lag)
    variance = covariance[0] + 2 * kappa @ covariance[1:]
    flat = deviation.std(axis=0) <= 1e-14 * np.maximum(1.0, np.abs(deviation).max(axis=0))
    return np.asarray(np.where(flat, 0.0, np.maximum(variance, 0.0)))
