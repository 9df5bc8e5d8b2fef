"""Several hypotheses at once: p-values adjusted so that the error over the whole family keeps its level.

NaN p-values stay NaN and are no members of the family.

References
----------
Benjamini, Y. & Hochberg, Y. (1995), Controlling the false discovery rate, Journal of the Royal Statistical Society B 57, 289-300.
Benjamini, Y. & Yekutieli, D. (2001), The control of the false discovery rate in multiple testing under dependency, Annals of Statistics 29,
    1165-1188.
Hochberg, Y. (1988), A sharper Bonferroni procedure for multiple tests of significance, Biometrika 75, 800-802.
Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65-70.
Hommel, G. (1988), A stagewise rejective multiple test procedure based on a modified Bonferroni test, Biometrika 75, 383-386.
Romano, J. & Wolf, M. (2005), Exact and approximate stepdown methods for multiple hypothesis testing, Journal of the American Statistical
    Association 100, 94-108.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["benjamini_hochberg", "benjamini_yekutieli", "bonferroni", "hochberg", "holm", "hommel", "romano_wolf"]

Floats = npt.NDArray[np.float64]


def bonferroni(p_values: Floats) -> Floats:
    """Return m p: family-wise error under any dependence; :func:`holm` is never larger."""
    return _adjusted(p_values, lambda p: p * len(p))


def hochberg(p_values: Floats) -> Floats:
    """Return Hochberg's step-up p-values, min over j ≥ i of (m − j + 1) p(j): family-wise error of independent tests."""
    return _adjusted(p_values, lambda p: np.minimum.accumulate((p * np.arange(len(p), 0, -1))[::-1])[::-1])


def hommel(p_values: Floats) -> Floats:
    """Return Hommel's p-values: Simes' test of every intersection; family-wise error of independent or positively dependent tests.

    Never larger than :func:`hochberg`'s. Quadratic in the number of tests.
    """
    return _adjusted(p_values, _hommel)


def benjamini_yekutieli(p_values: Floats) -> Floats:
    """Return :func:`benjamini_hochberg`'s p-values times Σ 1/j before their cut at one: false discovery rate under any dependence."""

    def step(p: Floats) -> Floats:
        ranks = np.arange(1, len(p) + 1)
        return np.asarray(np.minimum.accumulate((p * len(p) * (1.0 / ranks).sum() / ranks)[::-1])[::-1])

    return _adjusted(p_values, step)


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


def _hommel(p: Floats) -> Floats:
    """Return Hommel's p-values of increasing ``p``."""
    m = len(p)
    ranks = np.arange(1, m + 1)
    adjusted = np.full(m, (m * p / ranks).min()) if m else p
    # the closed procedure: intersections of j hypotheses, the largest first
    for j in range(m - 1, 1, -1):
        low, high = p[: m - j + 1], p[m - j + 1 :]
        simes = (j * high / np.arange(2, j + 1)).min()
        bound = np.concatenate([np.minimum(j * low, simes), np.full(j - 1, np.minimum(j * low, simes)[-1])])
        adjusted = np.maximum(adjusted, bound)
    return np.asarray(np.maximum(adjusted, p))
