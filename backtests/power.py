"""Power of a test of a mean CAR, the smallest effect it can find, and the events it needs.

All three take the mean CAR over N events to be normal with standard error sigma √L · √(1 + (N − 1) r) / √N, tested by Student's t with
N − 1 degrees of freedom (noncentral t). Returns have fatter tails and events raise their variance: :func:`backtests.placebo.placebo`
measures the same on the study's own returns.

References
----------
Brown, S. & Warner, J. (1985), Using daily stock returns, Journal of Financial Economics 14, 3-31.
MacKinlay, A. C. (1997), Event studies in economics and finance, Journal of Economic Literature 35, 13-39, section 7.
"""

from __future__ import annotations

import math
from typing import Literal

from research.errors import UsageError

__all__ = ["events_needed", "minimum_detectable_effect", "power"]

Alternative = Literal["two-sided", "greater"]

#: more events than this are not looked for
_MOST = 10_000_000


def power(
    effect: float,
    n_events: int,
    sigma: float,
    *,
    length: int = 1,
    alpha: float = 0.05,
    correlation: float = 0.0,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the probability that the test rejects when the mean CAR is ``effect``.

    Parameters
    ----------
    effect
        Mean CAR over the window, fraction.
    n_events
        N, at least two.
    sigma
        Standard deviation of a day's abnormal return, fraction.
    length
        Days of the window, L.
    alpha
        Level of the test.
    correlation
        r, the mean correlation of two CARs, allowed for by the test (0 for events on different days).
    alternative
        ``two-sided``, or ``greater``.

    Raises
    ------
    UsageError
        For arguments outside their range.

    Examples
    --------
    >>> round(power(0.01, 50, 0.02), 3)
    0.934
    """
    from scipy import stats

    _check(n_events, sigma, length, alpha, correlation, alternative)
    shift = effect / _std_error(n_events, sigma, length, correlation)
    df = n_events - 1
    tails = 1 if alternative == "greater" else 2
    critical = float(stats.t.isf(alpha / tails, df))
    upper = float(stats.nct.sf(critical, df, shift))
    return upper if tails == 1 else upper + float(stats.nct.sf(critical, df, -shift))


def minimum_detectable_effect(
    n_events: int,
    sigma: float,
    *,
    target: float = 0.8,
    length: int = 1,
    alpha: float = 0.05,
    correlation: float = 0.0,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the smallest mean CAR (positive) that is found with probability ``target``.

    Parameters and errors as for :func:`power`.

    Examples
    --------
    >>> round(minimum_detectable_effect(50, 0.02), 5)
    0.00808
    """
    from scipy.optimize import brentq

    _check(n_events, sigma, length, alpha, correlation, alternative)
    if not alpha < target < 1:
        raise UsageError(f"The target power came as {target}; expected more than alpha ({alpha}) and less than 1.")
    unit = _std_error(n_events, sigma, length, correlation)

    def short(multiple: float) -> float:
        reached = power(multiple * unit, n_events, sigma, length=length, alpha=alpha, correlation=correlation, alternative=alternative)
        return reached - target

    top = 8.0
    while short(top) < 0 and top < 1e6:
        top *= 2.0
    return float(brentq(short, 0.0, top, xtol=1e-10)) * unit


def events_needed(
    effect: float,
    sigma: float,
    *,
    target: float = 0.8,
    length: int = 1,
    alpha: float = 0.05,
    correlation: float = 0.0,
    alternative: Alternative = "two-sided",
) -> int | None:
    """Return the fewest events with which ``effect`` is found with probability ``target``; ``None`` when no number suffices.

    Events that correlate by r are worth no more than 1/r independent ones, so that more of them may not help. Parameters and errors as for
    :func:`power`.

    Examples
    --------
    >>> events_needed(0.01, 0.02)
    34
    """
    if effect == 0:
        raise UsageError("The effect came as 0; expected another number.")

    def reached(n: int) -> bool:
        size = effect if alternative == "greater" else abs(effect)
        found = power(size, n, sigma, length=length, alpha=alpha, correlation=correlation, alternative=alternative)
        return found >= target

    if not alpha < target < 1:
        raise UsageError(f"The target power came as {target}; expected more than alpha ({alpha}) and less than 1.")
    low, high = 1, 2
    while not reached(high):
        low, high = high, high * 2
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _std_error(n: int, sigma: float, length: int, correlation: float) -> float:
    return sigma * math.sqrt(length * (1.0 + (n - 1) * correlation) / n)


def _check(n: int, sigma: float, length: int, alpha: float, correlation: float, alternative: str) -> None:
    if n < 2 or not sigma > 0 or length < 1 or not 0 < alpha < 1 or not 0 <= correlation < 1:
        raise UsageError(
            f"N came as {n}, sigma as {sigma}, the length as {length}, alpha as {alpha}, the correlation as {correlation}; expected "
            "at least 2, positive, at least 1, between 0 and 1, and from 0 to below 1."
        )
    if alternative not in ("two-sided", "greater"):
        raise UsageError(f"Alternative came as {alternative!r}; expected two-sided or greater.")
