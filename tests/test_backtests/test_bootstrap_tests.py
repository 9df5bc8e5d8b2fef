"""Resampling tests against loops, enumeration and their size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from backtests import bootstrap_tests as bt
from backtests import event_tests as et
from backtests.outcomes import Outcome


def johnson(values: np.ndarray, centre: float = 0.0) -> float:
    n, mean = len(values), sum(values) / len(values)
    s = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    gamma = sum((v - mean) ** 3 for v in values) / (n * s**3)
    ratio = (mean - centre) / s
    return math.sqrt(n) * (ratio + gamma * ratio**2 / 3 + gamma / (6 * n))


def test_skewness_adjusted_by_hand():
    car = np.append(np.random.default_rng(0).lognormal(0, 1, 25) - 1.2, np.nan)
    x = car[:-1]
    n, s = 25, np.std(x, ddof=1)
    ratio, gamma = x.mean() / s, stats.skew(x, bias=True) * (np.std(x) / s) ** 3 * n**2 / ((n - 1) * (n - 2))
    expected = math.sqrt(n) * (ratio + gamma * ratio**2 / 3 + gamma**2 * ratio**3 / 27 + gamma / (6 * n))
    found = et.skewness_adjusted(car)
    assert found.statistic == pytest.approx(expected, rel=1e-10)
    assert (found.p_value, found.n_events) == (pytest.approx(2 * stats.norm.sf(abs(expected))), 25)
    symmetric = np.array([-2.0, -1, 0, 1, 2]) + 0.5
    assert et.skewness_adjusted(symmetric).statistic == pytest.approx(et.cross_sectional(symmetric).statistic)
    for values in (np.array([1.0, 2.0]), np.ones(5)):
        assert et.skewness_adjusted(values) == Outcome(None, None, None, len(values))


def test_skewness_bootstrap_by_a_loop():
    values = np.random.default_rng(1).lognormal(0, 0.8, 50) - 1.0
    found = bt.skewness_bootstrap(values, 4000, seed=2)
    assert found.statistic == pytest.approx(johnson(values), rel=1e-10)
    rng = np.random.default_rng(3)
    drawn = np.array([johnson(rng.choice(values, 13), values.mean()) for _ in range(4000)])
    tail = min((drawn >= found.statistic).mean(), (drawn <= found.statistic).mean())
    assert found.p_value == pytest.approx(2 * tail, abs=0.03)
    assert bt.skewness_bootstrap(values, 300, seed=2) == bt.skewness_bootstrap(values, 300, seed=2)
    assert bt.skewness_bootstrap(np.array([0.1, 0.1, 0.1]), 100, 0) == Outcome(None, None, None, 3)


def test_skewness_bootstrap_keeps_its_size_where_students_t_does_not():
    rng = np.random.default_rng(4)
    hits = np.zeros(2)
    for i in range(300):
        values = rng.lognormal(0, 1, 60) - math.exp(0.5)
        hits += [stats.ttest_1samp(values, 0).pvalue < 0.05, bt.skewness_bootstrap(values, 399, i).p_value < 0.05]
    student, bootstrapped = hits / 300
    assert bootstrapped < student
    assert 0.02 < bootstrapped < 0.11


def test_block_statistic_is_the_cluster_robust_t():
    rng = np.random.default_rng(5)
    block = rng.integers(0, 9, 70)
    scar = 0.3 + rng.normal(size=70) + rng.normal(size=9)[block]
    scar[3] = np.nan
    kept = ~np.isnan(scar)
    mean, total = scar[kept].mean(), 0.0
    for b in range(9):
        total += sum(scar[i] - mean for i in range(70) if kept[i] and block[i] == b) ** 2
    expected = mean / math.sqrt(9 / 8 * total) * kept.sum()
    found = bt.block_bootstrap(scar, block, 499, seed=1)
    assert (found.statistic, found.n_events) == (pytest.approx(expected, rel=1e-10), 69)
    assert found == bt.block_bootstrap(scar, block, 499, seed=1)
    assert bt.block_bootstrap(scar, np.zeros(70, dtype=np.int64), 99, 0) == Outcome(None, None, None, 69)
    assert bt.block_bootstrap(np.full(4, 0.1), np.arange(4), 99, 0).statistic is None


def test_block_bootstrap_bears_correlation_within_blocks():
    rng = np.random.default_rng(6)
    hits = np.zeros(2)
    block = np.repeat(np.arange(30), 5)
    for i in range(200):
        scar = rng.normal(size=150) + 0.7 * rng.normal(size=30)[block]
        hits += [et.bmp(scar).p_value < 0.05, bt.block_bootstrap(scar, block, 299, i).p_value < 0.05]
    plain, blocked = hits / 200
    assert plain > 0.15
    assert blocked < 0.11


def test_flips_of_clusters_by_a_loop():
    rng = np.random.default_rng(7)
    sums, counts = rng.normal(size=(2, 6)), rng.integers(1, 5, (2, 6)).astype(float)
    counts[1, 4:] = sums[1, 4:] = 0.0
    statistics, flipped = bt.cluster_flips(sums, counts, 50, seed=8)
    signs = 2.0 * np.random.default_rng(8).integers(0, 2, size=(50, 6)) - 1.0

    def t(values: np.ndarray, number: np.ndarray) -> float:
        own = (number > 0).sum()
        mean = values.sum() / number.sum()
        return values.sum() / math.sqrt(own / (own - 1) * sum((v - mean * n) ** 2 for v, n in zip(values, number, strict=True)))

    np.testing.assert_allclose(statistics, [t(sums[g], counts[g]) for g in range(2)])
    np.testing.assert_allclose(flipped, [[t(s * sums[g], counts[g]) for g in range(2)] for s in signs])


def test_one_sided_p_values():
    rng = np.random.default_rng(9)
    scar = rng.normal(0.5, 1, 30)
    for found in (et.bmp(scar), et.wilcoxon(scar), bt.wild_bootstrap(scar, 999, 0)):
        greater, less = found.one_sided()
        assert greater == pytest.approx(found.p_value / 2, abs=0.02)
        assert less == pytest.approx(1 - greater)
    greater, less = et.bmp(-scar).one_sided()
    assert greater == pytest.approx(stats.ttest_1samp(-scar, 0, alternative="greater").pvalue)
    assert et.wilcoxon(scar).p_greater == pytest.approx(stats.wilcoxon(scar, alternative="greater", method="exact").pvalue)
    assert Outcome(None, None, None, 0).one_sided() == (None, None)
