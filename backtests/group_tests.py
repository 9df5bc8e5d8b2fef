"""Two groups of events compared: whether the effect of one is larger than that of the other.

References
----------
Janssen, A. (1997), Studentized permutation tests for non-i.i.d. hypotheses and the generalized Behrens-Fisher problem, Statistics &
    Probability Letters 36, 9-21.
Welch, B. (1947), The generalization of "Student's" problem when several different population variances are involved, Biometrika 34, 28-35.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, student

__all__ = ["permutation", "welch"]

Floats = npt.NDArray[np.float64]

_CHUNK = 64


def welch(first: Floats, second: Floats) -> Outcome:
    """Welch's t of the difference of two means: (x̄ − ȳ) / √(s²/n + r²/m), with Satterthwaite's degrees of freedom.

    Allows the groups unequal variances; assumes independent events, within and between the groups. Not for groups that stand on the
    same days, whose difference it takes to be noisier than it is.

    Parameters
    ----------
    first, second
        (N,), (M,) CARs of the two groups; NaN is left out.
    """
    a, b = first[~np.isnan(first)], second[~np.isnan(second)]
    n, m = len(a), len(b)
    if min(n, m) < 2:
        return Outcome(None, None, None, n + m)
    va, vb = float(a.var(ddof=1)) / n, float(b.var(ddof=1)) / m
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    if not va + vb > (1e-12 * largest) ** 2:
        return Outcome(None, None, None, n + m)
    df = (va + vb) ** 2 / (va**2 / (n - 1) + vb**2 / (m - 1))
    return student((float(a.mean()) - float(b.mean())) / math.sqrt(va + vb), df, n + m)


def permutation(first: Floats, second: Floats, draws: int, seed: int) -> Outcome:
    """Permutation test of Welch's t: labels are dealt out anew; p = (1 + #{|t*| ≥ |t|}) / (1 + draws).

    Studentised, so that it keeps its size in large samples also where variances differ (Janssen 1997); exact in any sample when the groups
    have one distribution. Assumes independent events.

    Parameters
    ----------
    first, second
        As for :func:`welch`.
    draws, seed
        Number of deals, and the seed of the generator.
    """
    plain = welch(first, second)
    if plain.statistic is None:
        return plain
    a, b = first[~np.isnan(first)], second[~np.isnan(second)]
    n, m = len(a), len(b)
    pooled = np.concatenate([a, b])
    pooled = pooled - pooled.mean()
    total, squares = float(pooled.sum()), float(np.square(pooled).sum())
    rng = np.random.default_rng(seed)
    observed = abs(plain.statistic) * (1.0 - 1e-9)
    hits = above = 0
    for start in range(0, draws, _CHUNK):
        dealt = rng.permuted(np.tile(pooled, (min(_CHUNK, draws - start), 1)), axis=1)[:, :n]
        sa, qa = dealt.sum(axis=1), np.einsum("dn,dn->d", dealt, dealt)
        sb, qb = total - sa, squares - qa
        variance = (qa - sa**2 / n) / ((n - 1.0) * n) + (qb - sb**2 / m) / ((m - 1.0) * m)
        difference = sa / n - sb / m
        # a deal without any spread is infinitely far out
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(variance > 1e-24 * squares, difference / np.sqrt(np.abs(variance)), np.sign(difference) * np.inf)
        hits += int((np.abs(t) >= observed).sum())
        above += int((t >= plain.statistic - 1e-9 * abs(plain.statistic)).sum())
    return Outcome(plain.statistic, (1 + hits) / (1 + draws), None, n + m, (1 + above) / (1 + draws))
