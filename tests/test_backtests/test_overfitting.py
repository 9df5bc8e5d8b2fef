from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from evaluation_data import noise
from scipy.stats import linregress, rankdata

from backtests.overfitting import overfitting
from research.errors import EstimationError, UsageError


def by_loops(x: np.ndarray, blocks: int, statistic: str) -> tuple[list[float], list[float], list[float]]:
    """The paper's algorithm, choice by choice."""

    def value(part: np.ndarray) -> np.ndarray:
        return part.mean(axis=0) / part.std(axis=0, ddof=1) if statistic == "sharpe" else part.mean(axis=0)

    parts, logits, inside, outside = np.array_split(x, blocks), [], [], []
    for chosen in combinations(range(blocks), blocks // 2):
        train = value(np.concatenate([parts[b] for b in chosen]))
        test = value(np.concatenate([parts[b] for b in range(blocks) if b not in chosen]))
        best = int(train.argmax())
        omega = rankdata(test)[best] / (x.shape[1] + 1)
        logits.append(np.log(omega / (1 - omega)))
        inside.append(train[best])
        outside.append(test[best])
    return logits, inside, outside


@pytest.mark.parametrize(("n", "blocks", "statistic"), [(60, 6, "sharpe"), (61, 6, "mean"), (47, 4, "sharpe")])
def test_it_equals_a_loop_over_the_choices(n, blocks, statistic):
    x = 0.3 + noise(4, n, 7)
    found = overfitting(x, blocks=blocks, statistic=statistic)
    logits, inside, outside = by_loops(x, blocks, statistic)
    assert found.logits == pytest.approx(np.array(logits))
    assert found.in_sample == pytest.approx(np.array(inside)) and found.out_of_sample == pytest.approx(np.array(outside))
    line = linregress(inside, outside)
    assert (found.slope, found.intercept, found.r_squared) == pytest.approx((line.slope, line.intercept, line.rvalue**2))
    assert found.probability == np.mean(np.array(logits) <= 0) and found.probability_of_loss == np.mean(np.array(outside) < 0)


def test_noise_overfits_half_of_the_time():
    found = [overfitting(np.random.default_rng(k).normal(size=(400, 30)), blocks=10).probability for k in range(30)]
    # one set of noise gives anything between 0.1 and 0.9; the mean of 30 has a standard error of about 0.035
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)
    assert np.std(found) > 0.05


def test_skill_does_not_overfit_and_a_reversal_does():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.01, (600, 20))
    x[:, 3] += 0.005
    found = overfitting(x)
    assert found.probability == 0.0 and found.probability_of_loss == 0.0 and len(found.logits) == 12_870
    # every variant earns in one quarter what it loses in the others: what was best in training is not in the test
    fitted = rng.normal(0, 0.001, (400, 8))
    for j in range(8):
        fitted[:, j] -= 0.01
        fitted[j * 50 : (j + 1) * 50, j] += 0.08
    assert overfitting(fitted, blocks=8).probability > 0.9


def test_ties_and_flat_variants_are_no_better_than_the_median():
    same = np.repeat(noise(1, 40, 1), 5, axis=1)
    assert overfitting(same, blocks=4).probability == 1.0, "copies of one variant: the best is always the median"
    idle = overfitting(np.zeros((40, 3)), blocks=4)
    assert idle.probability == 1.0 and idle.slope is None and idle.probability_of_loss == 0.0


def test_too_little_is_refused():
    with pytest.raises(UsageError, match="even number"):
        overfitting(noise(1, 40, 3), blocks=5)
    with pytest.raises(EstimationError, match="at least 32 periods"):
        overfitting(noise(1, 31, 3))
    with pytest.raises(EstimationError, match="at least 2 variants"):
        overfitting(noise(1, 40, 1))
    holes = noise(1, 40, 3)
    holes[3, 1] = np.nan
    with pytest.raises(EstimationError, match="1 returns are not finite"):
        overfitting(holes)
