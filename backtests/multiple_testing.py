"""Several hypotheses at once: p-values adjusted so that the error over the whole family keeps its level.

NaN p-values stay NaN and are no members of the family.

References
----------
Benjamini, Y. & Hochberg, Y. (1995), Controlling the false discovery rate, Journal of the Royal Statistical Society B 57, 289-300.
Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65-70.
Romano, J. & Wolf, M. (2005), Exact and approximate stepdown methods for multiple hypothesis testing, Journal of the American Statistical
    Association 100, 94-108.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["benjamini_hochberg", "holm", "romano_wolf"]

Floats = npt.NDArray[np.float64]


def holm(p_values: Floats) -> Floats:
    """Return Holm's step-down p-values, max over j ≤ i of (m − j + 1) p(j): family-wise error under any dependence."""
    return _adjusted(p_values, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return Benjamini & Hochberg's step-up p-values, min over j ≥ i of m p(j) / j.

    Controls the false discovery rate of independent or positively dependent tests.
    """
    return _adjusted(p_values, lambda p: np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1])


def romano_wolf(statistics: Floats, drawn: Floats) -> Floats:
    """Return Romano & Wolf's step-down p-values from draws of the joint null distribution, two-sided.

    The largest |t| is compared with the draws' maxima over all hypotheses, the next with those over the remaining ones, and so on;
    adjusted p-values do not decrease on the way. Controls the family-wise error and, unlike :func:`holm`, gains where tests are
    correlated; it needs draws that keep their dependence (:func:`backtests.bootstrap_tests.cluster_flips`).

    Parameters
    ----------
    statistics
        (G,) observed, NaN where a hypothesis has none.
    drawn
        (draws, G) under the null.
    """
    adjusted = np.full(len(statistics), np.nan)
    order = np.argsort(-np.abs(statistics), kind="stable")
    order = order[~np.isnan(statistics[order])]
    absolute = np.abs(np.nan_to_num(drawn))
    largest = 0.0
    for step, group in enumerate(order):
        maxima = absolute[:, order[step:]].max(axis=1)
        # a draw that equals the observation up to rounding counts as reaching it
        reached = int((maxima >= abs(statistics[group]) * (1.0 - 1e-12)).sum())
        largest = max(largest, (1.0 + reached) / (1.0 + len(drawn)))
        adjusted[group] = largest
    return adjusted


def _adjusted(p_values: Floats, step: Callable[[Floats], Floats]) -> Floats:
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    adjusted = np.full(len(p_values), np.nan)
    adjusted[order] = np.minimum(1.0, step(p_values[order]))
    return adjusted
