"""What a significance test found, and the p-values of Student's t and the normal distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Outcome", "mean_test", "normal", "spread", "student"]

Floats = npt.NDArray[np.float64]

#: a standard deviation this much smaller than the values is rounding error
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test found.

    Attributes
    ----------
    statistic, p_value
        Test statistic and two-sided p-value; ``None`` where they cannot be computed.
    df
        Degrees of freedom of Student's t; ``None`` for the normal and for exact and resampled distributions.
    n_events
        Events used.
    p_greater
        One-sided p-value against a positive effect, where it is not half of the two-sided one; ``None`` otherwise.
    """

    statistic: float | None
    p_value: float | None
    df: float | None
    n_events: int
    p_greater: float | None = None

    def one_sided(self) -> tuple[float | None, float | None]:
        """Return the p-values against a positive and against a negative effect; of an exact or resampled test the former is its own."""
        if self.statistic is None or self.p_value is None:
            return None, None
        if self.p_greater is not None:
            return self.p_greater, min(1.0, max(0.0, 1.0 - self.p_greater))
        greater = self.p_value / 2.0 if self.statistic > 0 else 1.0 - self.p_value / 2.0
        return greater, 1.0 - greater


def student(statistic: float, df: float, n_events: int) -> Outcome:
    """Return the outcome of a statistic that is Student's t with ``df`` degrees of freedom under the null."""
    from scipy import special

    return Outcome(statistic, float(2.0 * special.stdtr(df, -abs(statistic))), float(df), n_events)


def normal(statistic: float, n_events: int) -> Outcome:
    """Return the outcome of a statistic that is standard normal under the null."""
    from scipy import special

    return Outcome(statistic, float(2.0 * special.ndtr(-abs(statistic))), None, n_events)


def mean_test(values: Floats) -> Outcome:
    """Student's t of a mean, mean / (s / √N), t(N − 1), over the values that are not NaN."""
    valid = values[~np.isnan(values)]
    n = len(valid)
    deviation = spread(valid)
    if deviation is None:
        return Outcome(None, None, None, n)
    return student(float(valid.mean()) / (deviation / math.sqrt(n)), n - 1, n)


def spread(values: Floats) -> float | None:
    """Return the standard deviation with divisor n − 1; None below two values or when it is rounding error."""
    if len(values) < 2:
        return None
    deviation = float(values.std(ddof=1))
    return deviation if deviation > _ROUNDING * float(np.abs(values).max()) else None
