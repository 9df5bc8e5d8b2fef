"""Tests whose null distribution is drawn from the sample: p = (1 + #{draws at least as far out}) / (1 + draws).

References
----------
Cameron, C., Gelbach, J. & Miller, D. (2008), Bootstrap-based improvements for inference with clustered errors, Review of Economics and
    Statistics 90, 414-427.
Johnson, N. (1978), Modified t tests and confidence intervals for asymmetrical populations, Journal of the American Statistical Association
    73, 536-544.
Lyon, J., Barber, B. & Tsai, C. (1999), Improved methods for tests of long-run abnormal stock returns, Journal of Finance 54, 165-201.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from backtests.outcomes import Outcome, mean_test, spread

__all__ = ["block_bootstrap", "block_sums", "cluster_flips", "skewness_bootstrap", "wild_bootstrap"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: draws made at once
_CHUNK = 64

#: fewest events of a resample of :func:`skewness_bootstrap`
_LEAST = 10


def wild_bootstrap(scar: Floats, draws: int, seed: int) -> Outcome:
    """Sign-flipping (Rademacher) bootstrap of the BMP statistic, symmetric.

    For small samples far from normal: only symmetry about zero under the null is assumed, and independent events.

    Parameters
    ----------
    scar
        (N,) as for :func:`backtests.event_tests.bmp`.
    draws
        Number of sign vectors.
    seed
        Seed of the generator.
    """
    values = scar[~np.isnan(scar)]
    n = len(values)
    statistic = mean_test(values).statistic
    if statistic is None:
        return Outcome(None, None, None, n)
    rng = np.random.default_rng(seed)
    # flipping signs leaves the sum of squares, so that t is monotone in the mean: |t*| ≥ |t| exactly when |mean*| ≥ |mean|
    total = float(values.sum())
    observed, signed = abs(total) * (1.0 - 1e-12), total - 1e-12 * abs(total)
    hits = above = 0
    for start in range(0, draws, _CHUNK):
        bits = rng.integers(0, 256, size=(min(_CHUNK, draws - start), (n + 7) // 8), dtype=np.uint8)
        signs = np.unpackbits(bits, axis=1, count=n).astype(np.float64)
        sums = 2.0 * (signs @ values) - total
        hits += int((np.abs(sums) >= observed).sum())
        above += int((sums >= signed).sum())
    return Outcome(statistic, (1 + hits) / (1 + draws), None, n, (1 + above) / (1 + draws))


def block_bootstrap(scar: Floats, block: Ints, draws: int, seed: int) -> Outcome:
    """Bootstrap of the mean SCAR over blocks of calendar time.

    Events of one block stay together: B of the B blocks are drawn with replacement, and the statistic is the mean over its
    cluster-robust standard error, m / √(B/(B − 1) Σ(S_b − m n_b)² / N²), with S_b and n_b sum and number of a block's SCARs. Draws are
    centred at the sample's mean; the p-value is two-sided with equal tails.

    Allows event-induced variance and any correlation within a block; blocks are taken to be independent, so they must be longer than the
    window. Null with fewer than two blocks; few blocks (below about 10) make it reject too often.

    Parameters
    ----------
    scar
        (N,) as for :func:`backtests.event_tests.bmp`.
    block
        (N,) the number of each event's block.
    draws, seed
        As for :func:`wild_bootstrap`.
    """
    sums, counts = block_sums(scar, block)
    n, n_blocks = int(counts.sum()), len(sums)
    if n_blocks < 2:
        return Outcome(None, None, None, n)
    factor = n_blocks / (n_blocks - 1.0)
    mean = sums.sum() / n
    squares = float(np.square(sums - mean * counts).sum())
    if not squares > 1e-24 * float(np.square(sums).sum()):
        return Outcome(None, None, None, n)
    statistic = float(sums.sum() / math.sqrt(factor * squares))
    rng = np.random.default_rng(seed)
    moments = np.stack([sums, counts, sums**2, sums * counts, counts**2], axis=1)
    found = []
    for start in range(0, draws, _CHUNK):
        weights = rng.multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks), size=min(_CHUNK, draws - start))
        total, number, ss, sn, nn = (weights @ moments).T
        drawn = total / number
        variance = factor * (ss - 2.0 * drawn * sn + np.square(drawn) * nn)
        usable = variance > 1e-12 * ss
        found.append((total - mean * number)[usable] / np.sqrt(variance[usable]))
    return _equal_tails(statistic, np.concatenate(found), n)


def skewness_bootstrap(values: Floats, draws: int, seed: int, share: float = 0.25) -> Outcome:
    """Bootstrapped skewness-adjusted t of Lyon, Barber & Tsai (1999): √N (S + γS²/3 + γ/(6N)) with S = mean / s.

    The adjustment is Johnson's (1978). Resamples of ``share`` · N events (at least ten, at most N) give the distribution of the
    statistic, centred at the sample's mean; the p-value is two-sided with equal tails. For buy-and-hold abnormal returns over
    months, which are skewed to the right. Assumes independent events: not for windows that
    overlap in calendar time (then a calendar-time portfolio).

    Parameters
    ----------
    values
        (N,) buy-and-hold or cumulative abnormal returns; NaN rows are left out.
    draws, seed
        As for :func:`wild_bootstrap`.
    share
        Size of a resample relative to the sample; a quarter in the paper.
    """
    valid = values[~np.isnan(values)]
    n = len(valid)
    if n < 3 or spread(valid) is None:
        return Outcome(None, None, None, n)
    statistic = float(_johnson(valid[None, :], 0.0)[0])
    size = min(n, max(_LEAST, math.ceil(share * n)))
    rng = np.random.default_rng(seed)
    mean = float(valid.mean())
    drawn = [
        _johnson(valid[rng.integers(0, n, size=(min(_CHUNK, draws - start), size), dtype=np.int32)], mean)
        for start in range(0, draws, _CHUNK)
    ]
    found = np.concatenate(drawn)
    return _equal_tails(statistic, found[~np.isnan(found)], n)


def _johnson(samples: Floats, centre: float) -> Floats:
    """Return √n (S + γS²/3 + γ/(6n)) of each row, S about ``centre``; NaN for a row without spread."""
    n = samples.shape[1]
    mean = samples.mean(axis=1)
    deviations = samples - mean[:, None]
    squares = deviations * deviations
    deviation = np.sqrt(squares.sum(axis=1) / (n - 1.0))
    deviation = np.where(deviation > 1e-12 * np.abs(samples).max(axis=1), deviation, np.nan)
    skewness = np.einsum("dn,dn->d", squares, deviations) / n / deviation**3
    ratio = (mean - centre) / deviation
    return np.asarray(math.sqrt(n) * (ratio + skewness * ratio**2 / 3.0 + skewness / (6.0 * n)))


def block_sums(values: Floats, block: Ints) -> tuple[Floats, Floats]:
    """Return sum and number of the valid values of each block that has one."""
    valid = ~np.isnan(values)
    _, number = np.unique(block[valid], return_inverse=True)
    return np.bincount(number, values[valid]).astype(np.float64), np.bincount(number).astype(np.float64)


def cluster_flips(sums: Floats, counts: Floats, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Return cluster-robust t of several groups, and the same under random signs of the blocks they share.

    A block's sign is drawn once for all groups, so that the draws keep the dependence between groups that stand on the same days
    (wild cluster bootstrap with Rademacher weights, Cameron, Gelbach & Miller 2008).

    Parameters
    ----------
    sums, counts
        (G, B) sum and number of each group's values in each block.
    draws, seed
        As for :func:`wild_bootstrap`.

    Returns
    -------
    statistics
        (G,) NaN for a group with fewer than two blocks or no dispersion.
    flipped
        (draws, G).
    """
    own = (counts > 0).sum(axis=1)
    n = counts.sum(axis=1)
    factor = own / np.where(own > 1, own - 1.0, np.nan)
    ss, nn = np.square(sums).sum(axis=1), np.square(counts).sum(axis=1)

    def studentised(totals: Floats, cross: Floats) -> Floats:
        mean = totals / np.where(n > 0, n, np.nan)
        variance = factor * (ss - 2.0 * mean * cross + np.square(mean) * nn)
        return np.asarray(totals / np.sqrt(np.where(variance > 1e-24 * ss, variance, np.nan)))

    signs = 2.0 * np.random.default_rng(seed).integers(0, 2, size=(draws, sums.shape[1])).astype(np.float64) - 1.0
    return studentised(sums.sum(axis=1), (sums * counts).sum(axis=1)), studentised(signs @ sums.T, signs @ (sums * counts).T)


def _equal_tails(statistic: float, drawn: Floats, n: int) -> Outcome:
    if not len(drawn):
        return Outcome(statistic, None, None, n)
    above = (1 + int((drawn >= statistic).sum())) / (1 + len(drawn))
    below = (1 + int((drawn <= statistic).sum())) / (1 + len(drawn))
    return Outcome(statistic, min(1.0, 2.0 * min(above, below)), None, n, above)
