"""Storey's q-values: false discovery rate with the share of true nulls estimated.

Benjamini & Hochberg's and Benjamini & Yekutieli's are in :mod:`backtests.multiple_testing`.

Reference
---------
Storey, J. D., Taylor, J. E. and Siegmund, D. (2004). Strong control, conservative point estimation and simultaneous conservative
    consistency of false discovery rates. Journal of the Royal Statistical Society B 66, 187-205.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backtests.multiple_testing import benjamini_hochberg
from research.errors import UsageError

__all__ = ["null_share", "storey"]

Floats = npt.NDArray[np.float64]


def null_share(p_values: Floats, threshold: float = 0.5) -> float:
    """Return the estimated share of true nulls, (1 + #{p > λ}) / (m (1 − λ)), at most 1; NaN p-values are no members. 1 without any.

    >>> null_share(np.array([0.001, 0.002, 0.003, 0.004, 0.2, 0.3, 0.4, 0.7]))
    0.5
    """
    if not 0 < threshold < 1:
        raise UsageError(f"threshold came as {threshold:g}; expected a number between 0 and 1.")
    known = p_values[~np.isnan(p_values)]
    return min(1.0, (1 + int((known > threshold).sum())) / (len(known) * (1 - threshold))) if len(known) else 1.0


def storey(p_values: Floats, threshold: float = 0.5) -> Floats:
    """Return Storey's q-values: the null share times :func:`~backtests.multiple_testing.benjamini_hochberg`'s p-values.

    Never larger than those; right for independent or weakly dependent tests. Of few tests (below about 20) the share is a rough guess.
    """
    return null_share(p_values, threshold) * benjamini_hochberg(p_values)
