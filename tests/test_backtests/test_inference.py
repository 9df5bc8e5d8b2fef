from __future__ import annotations

import numpy as np
import pytest
from evaluation_data import autoregression
from scipy.stats import binom

from backtests.inference import block_length, bootstrap_indices, bootstrap_mean, bootstrap_shares
from research.errors import UsageError

#: seed, n, coefficient -> stationary and circular block of arch 8.0 (`arch.bootstrap.optimal_block_length`)
ARCH_BLOCKS = {
    (0, 200, 0.0): (2.897126940189145, 3.3163824709194687),
    (1, 200, 0.5): (7.326064732657142, 8.386250641340299),
    (2, 500, 0.8): (17.106378172953026, 19.58191473308277),
    (3, 60, -0.4): (2.1439543374480414, 2.4542150654607653),
    (4, 30, 0.9): (4.115057511655484, 4.710564942518106),
}


@pytest.mark.parametrize("case", list(ARCH_BLOCKS))
def test_the_block_length_is_arch_s(case):
    x = autoregression(*case)
    assert (block_length(x), block_length(x, "circular")) == pytest.approx(ARCH_BLOCKS[case], rel=1e-10)


def test_a_short_or_a_flat_series_has_blocks_of_one():
    assert block_length(np.arange(8.0)) == 1.0
    assert block_length(np.full(50, 0.3)) == 1.0


def stationary_variance(x: np.ndarray, block: float) -> float:
    """Politis & Romano (1994), lemma 1: the exact variance of the mean, from circular autocovariances."""
    n, u, stay = len(x), x - x.mean(), 1 - 1 / block
    total = u @ u / n
    for lag in range(1, n):
        total += 2 * (1 - lag / n) * stay**lag * float(u @ np.roll(u, -lag)) / n
    return total / n


def circular_variance(x: np.ndarray, block: int) -> float:
    """The drawn mean is that of n / block independent blocks, each of n equally likely ones."""
    means = np.convolve(np.concatenate([x, x[: block - 1]]), np.ones(block) / block, "valid")
    return float(means.var()) / (len(x) // block)


def test_bootstrap_errors_equal_their_closed_forms_and_arch_s():
    x = autoregression(1, 200, 0.5)
    drawn = bootstrap_mean(x, block=6, draws=20_000)
    # the relative standard error of a standard deviation from 20,000 draws is 0.5 %; arch's 40,000 draws gave 0.1212
    assert drawn.std_error == pytest.approx(stationary_variance(x, 6) ** 0.5, rel=0.02)
    assert drawn.std_error == pytest.approx(0.12120448457209142, rel=0.025)
    even = bootstrap_mean(x, method="circular", block=8, draws=20_000)
    assert even.std_error == pytest.approx(circular_variance(x, 8) ** 0.5, rel=0.02)


def test_interval_and_p_value_agree():
    rng = np.random.default_rng(0)
    rejected = 0
    for k in range(200):
        found = bootstrap_mean(rng.normal(0.1, 1.0, 120), draws=199, seed=k)
        rejected += found.p_value <= 0.05
        if abs(found.p_value - 0.05) > 0.011:
            assert (found.p_value < 0.05) == (found.ci_low > 0 or found.ci_high < 0)
    assert 20 < rejected < 100


@pytest.mark.parametrize("method", ["stationary", "circular"])
def test_a_true_null_over_overlapping_horizons_is_rejected_about_as_often_as_stated(method):
    rng, rejected = np.random.default_rng(5), 0
    for k in range(300):
        noise = np.convolve(rng.normal(size=504), np.ones(5), "valid")
        rejected += bootstrap_mean(noise, method=method, least=5, draws=199, seed=k).p_value <= 0.05
    # blocks cut some of the dependence: up to twice the level is what 500 sessions give
    assert binom.ppf(0.001, 300, 0.05) <= rejected <= binom.ppf(0.999, 300, 0.10)


def test_circular_blocks_are_runs_that_wrap_around():
    indices = bootstrap_indices(10, 4, 50, "circular", np.random.default_rng(0))
    assert indices.shape == (50, 10)
    for row in indices:
        for block in (row[:4], row[4:8], row[8:]):
            assert (np.diff(block) % 10 == 1).all()


def test_stationary_blocks_have_their_mean_length():
    indices = bootstrap_indices(1000, 5, 200, "stationary", np.random.default_rng(0))
    broken = (np.diff(indices, axis=1) % 1000 != 1).mean()
    assert broken == pytest.approx(0.2 * 0.999, abs=0.005)


def test_shares_are_the_indices_counted():
    shares = bootstrap_shares(30, 4, 7, "stationary", seed=3)
    indices = bootstrap_indices(30, 4, 7, "stationary", np.random.default_rng(3))
    x = autoregression(1, 30, 0.2)
    assert shares @ x == pytest.approx(x[indices].mean(axis=1))
    assert shares.sum(axis=1) == pytest.approx(np.ones(7))


def test_nothing_is_drawn_from_nothing():
    assert bootstrap_mean([]).mean is None
    assert bootstrap_mean([0.1, 0.2]).std_error is None
    assert bootstrap_mean([0.1] * 30).std_error is None
    assert bootstrap_mean([0.1, np.nan, 0.3, 0.2], least=20).std_error is None
    assert bootstrap_mean([0.1, np.nan, 0.3, 0.2]).n == 3
    assert bootstrap_mean(autoregression(0, 50, 0.0), seed=1) == bootstrap_mean(autoregression(0, 50, 0.0), seed=1)
    with pytest.raises(UsageError, match="block came as 0"):
        bootstrap_indices(10, 0, 5, "stationary", np.random.default_rng(0))
    with pytest.raises(UsageError, match="stationary or circular"):
        bootstrap_indices(10, 2, 5, "moving", np.random.default_rng(0))
