"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

1. :func:`overfitting` cuts the sessions into an even number of blocks, in time order.
2. Each choice of half the blocks is a training set, the others are its test set.
3. The best variant of a training set has a rank among all variants in the test set; :attr:`Overfitting.logits` holds ln(ω / (1 − ω)) of
   its relative rank ω.
4. The probability of overfitting is the share of choices in which the best in training is no better than the median in the test.

Reference
---------
Bailey, D. H., Borwein, J., López de Prado, M. and Zhu, Q. J. (2017). The probability of backtest overfitting. Journal of Computational
    Finance 20(4), 39-69.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from research.errors import EstimationError, UsageError

__all__ = ["Overfitting", "overfitting"]

Floats = npt.NDArray[np.float64]
Statistic = Literal["sharpe", "mean"]


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What choosing the best variant in one half of the data was worth in the other half.

    Attributes
    ----------
    probability
        Share of choices with a logit of zero or less. Near 0.5 when the variants differ by chance only.
    probability_of_loss
        Share of choices in which the best in training has a statistic below zero in the test.
    slope, intercept, r_squared
        Least squares of the best's test statistic on its training statistic: a slope below zero says that doing better in training goes
        with doing worse after. ``None`` where the training statistics do not vary.
    logits
        (choices,) logit of the relative test rank of the best in training.
    in_sample, out_of_sample
        (choices,) its statistic in training and in the test, of one period.
    n_variants, n_blocks
        Variants and blocks.
    """

    probability: float
    probability_of_loss: float
    slope: float | None
    intercept: float | None
    r_squared: float | None
    logits: Floats
    in_sample: Floats
    out_of_sample: Floats
    n_variants: int
    n_blocks: int


def overfitting(returns: Floats, *, blocks: int = 16, statistic: Statistic = "sharpe") -> Overfitting:
    """Return the probability of backtest overfitting of a set of variants.

    Parameters
    ----------
    returns
        (T, N) returns of every variant tried, in time order, all over the same periods. Blocks are of ⌊T / blocks⌋ or one more.
    blocks
        Even; 16 blocks are 12,870 choices.
    statistic
        ``sharpe``: mean over standard deviation (n − 1), zero where there is no spread; ``mean``.

    Raises
    ------
    UsageError
        For an odd number of blocks, or one outside 2 … 20.
    EstimationError
        For fewer than two variants, fewer than two periods a block, or a value that is not finite.
    """
    x = np.asarray(returns, dtype=float)
    if blocks % 2 or not 2 <= blocks <= 20:
        raise UsageError(f"blocks came as {blocks}; expected an even number from 2 to 20.")
    if x.ndim != 2 or x.shape[1] < 2 or x.shape[0] < 2 * blocks:
        raise EstimationError(
            f"The returns came with shape {x.shape}; expected at least {2 * blocks} periods (two a block) of at least 2 variants."
        )
    if not np.isfinite(x).all():
        raise EstimationError(
            f"{int((~np.isfinite(x)).sum())} returns are not finite; expected one a variant and period: put 0 where it held nothing."
        )
    n_variants = x.shape[1]
    parts = np.array_split(x, blocks)
    sizes = np.array([len(part) for part in parts], dtype=float)
    # centred once for all, so that sums of squares lose no digits to a large mean
    centre = x.mean(axis=0)
    sums = np.array([(part - centre).sum(axis=0) for part in parts])
    squares = np.array([np.square(part - centre).sum(axis=0) for part in parts])
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    train = np.zeros((len(chosen), blocks))
    np.put_along_axis(train, chosen, 1.0, axis=1)
    logits, inside, outside = (np.empty(len(chosen)) for _ in range(3))
    step = max(1, 4_000_000 // n_variants)
    for start in range(0, len(chosen), step):
        picked = train[start : start + step]
        trained = _statistic(picked @ sums, picked @ squares, picked @ sizes, centre, statistic)
        tested = _statistic((1 - picked) @ sums, (1 - picked) @ squares, (1 - picked) @ sizes, centre, statistic)
        best = trained.argmax(axis=1)
        row = np.arange(len(picked))
        own = tested[row, best]
        # mean rank among ties, from 1
        rank = (tested < own[:, None]).sum(axis=1) + ((tested == own[:, None]).sum(axis=1) + 1) / 2
        omega = rank / (n_variants + 1)
        stop = start + len(picked)
        logits[start:stop], inside[start:stop], outside[start:stop] = np.log(omega / (1 - omega)), trained[row, best], own
    slope, intercept, r_squared = _line(inside, outside)
    return Overfitting(
        float((logits <= 0).mean()), float((outside < 0).mean()), slope, intercept, r_squared, logits, inside, outside, n_variants, blocks
    )


def _statistic(sums: Floats, squares: Floats, sizes: Floats, centre: Floats, statistic: Statistic) -> Floats:
    n = sizes[:, None]
    mean = sums / n
    level = mean + centre
    if statistic == "mean":
        return np.asarray(level)
    variance = np.maximum(squares / n - mean**2, 0.0) * n / (n - 1)
    known = variance > 1e-28 * np.maximum(1.0, level**2)
    return np.asarray(np.divide(level, np.sqrt(variance), out=np.zeros_like(level), where=known))


def _line(x: Floats, y: Floats) -> tuple[float | None, float | None, float | None]:
    centred, across = x - x.mean(), y - y.mean()
    variance, total = float(centred @ centred), float(across @ across)
    if variance <= 1e-24 * len(x):
        return None, None, None
    slope = float(centred @ across) / variance
    r_squared = slope**2 * variance / total if total > 1e-24 * len(x) else None
    return slope, float(y.mean()) - slope * float(x.mean()), r_squared
