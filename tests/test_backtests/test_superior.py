from __future__ import annotations

import numpy as np
import pytest
from evaluation_data import gains
from scipy.stats import binom

from backtests.inference import bootstrap_shares
from backtests.superior import _bootstrap_variance, common_block, reality_check, stepdown, superior_ability
from research.errors import EstimationError

#: arch 8.0, `SPA(0, -gains, block_size=4, reps=100000)`: lower, consistent and upper p-value; it does not studentise
ARCH = {"stationary": (0.04229, 0.0487, 0.06838), "circular": (0.03818, 0.046, 0.07659)}
#: the variances it computes all the same
ARCH_VARIANCE = (1.9739385207166613, 2.6321176606248495, 2.3090711270995143, 2.9201378136949043, 1.8832023048183675)


@pytest.mark.parametrize("method", ["stationary", "circular"])
def test_p_values_equal_arch_s_within_the_error_of_the_draws(method):
    draws = 20_000
    found = superior_ability(gains(), block=4, method=method, draws=draws, seed=4, studentised=False)
    for ours, theirs in zip((found.p_lower, found.p_consistent, found.p_upper), ARCH[method], strict=True):
        assert ours == pytest.approx(theirs, abs=4 * (theirs * (1 - theirs) * (1 / draws + 1 / 100_000)) ** 0.5)
    assert reality_check(gains(), block=4, method=method, draws=draws, seed=4) == found.p_upper
    assert found.best == 3


def test_the_variance_is_arch_s():
    x = gains()
    assert _bootstrap_variance(x - x.mean(axis=0), 4) == pytest.approx(np.array(ARCH_VARIANCE), rel=1e-10)


def test_the_studentised_test_equals_a_loop():
    x, draws = gains(), 300
    n, k = x.shape
    found = superior_ability(x, block=4, draws=draws, seed=7)
    omega = np.sqrt(ARCH_VARIANCE)
    means = x.mean(axis=0)
    statistic = max(0.0, *(np.sqrt(n) * means / omega))
    shares, counts = bootstrap_shares(n, 4, draws, "stationary", 7), [0, 0, 0]
    for share in shares:
        drawn = share @ x
        bound = [-omega[j] * np.sqrt(2 * np.log(np.log(n)) / n) for j in range(k)]
        centres = (
            [max(0.0, means[j]) for j in range(k)],
            [means[j] if means[j] >= bound[j] else 0.0 for j in range(k)],
            means,
        )
        for i, centre in enumerate(centres):
            counts[i] += max(0.0, *(np.sqrt(n) * (drawn[j] - centre[j]) / omega[j] for j in range(k))) >= statistic
    assert found.statistic == pytest.approx(statistic)
    assert (found.p_lower, found.p_consistent, found.p_upper) == tuple((1 + c) / (1 + draws) for c in counts)


def test_the_steps_are_arch_s():
    """arch 8.0: upper p-values of `SPA` on gains over their standard deviation, without the variants rejected before, 100,000 draws each."""
    draws = 19_999
    p = stepdown(gains() + np.array([0.0, 0.35, 0.0, 0.35, 0.0]), block=4, draws=draws)
    for ours, theirs in zip(p, (0.98581, 0.06194, 0.9999, 0.00028, 1.0), strict=True):
        assert ours == pytest.approx(theirs, abs=4 * (theirs * (1 - theirs) * 6 / 5 / draws) ** 0.5 + 1 / draws)


def test_the_stepdown_equals_a_loop_and_steps():
    x, draws = gains(), 200
    n = len(x)
    t = np.sqrt(n) * x.mean(axis=0) / np.sqrt(ARCH_VARIANCE)
    drawn = np.sqrt(n) * (bootstrap_shares(n, 4, draws, "stationary", 2) @ x - x.mean(axis=0)) / np.sqrt(ARCH_VARIANCE)
    left, last, expected = list(range(5)), 0.0, {}
    while left:
        best = max(left, key=lambda j: t[j])
        last = max(last, (1 + sum(max(row[j] for j in left) >= t[best] for row in drawn)) / (1 + draws))
        expected[best] = last
        left.remove(best)
    assert stepdown(x, block=4, draws=draws, seed=2) == pytest.approx(np.array([expected[j] for j in range(5)]))


def test_the_size_under_the_null():
    rng, rejected = np.random.default_rng(3), {"spa": 0, "check": 0, "stepdown": 0}
    for k in range(300):
        x = rng.normal(size=(120, 6)) + rng.normal(size=(120, 1))
        rejected["spa"] += superior_ability(x, block=1, draws=199, seed=k).p_consistent <= 0.05
        rejected["check"] += reality_check(x, block=1, draws=199, seed=k) <= 0.05
        rejected["stepdown"] += bool((stepdown(x, block=1, draws=199, seed=k) <= 0.05).any())
    low, high = binom.ppf([0.001, 0.999], 300, 0.05)
    assert all(low <= count <= high for count in rejected.values()), rejected


def test_bad_variants_blunt_the_reality_check_but_not_the_spa():
    rng = np.random.default_rng(6)
    good = rng.normal(0.3, 1.0, (150, 1))
    bad = rng.normal(-1.5, 6.0, (150, 40))
    both = np.concatenate([good, bad], axis=1)
    assert superior_ability(both, block=1).p_consistent < 0.05 < reality_check(both, block=1)


def test_a_flat_variant_is_left_out():
    x = np.concatenate([np.zeros((100, 1)), gains()], axis=1)
    found, alone = superior_ability(x, block=4), superior_ability(gains(), block=4)
    assert (found.p_consistent, found.best) == (alone.p_consistent, 4) and found.statistic == pytest.approx(alone.statistic)
    assert np.isnan(stepdown(x, block=4)[0])
    assert common_block(gains()) >= 1.0


def test_too_little_is_refused():
    with pytest.raises(EstimationError, match="at least 10 periods"):
        superior_ability(gains()[:9])
    with pytest.raises(EstimationError, match="not finite"):
        stepdown(np.where(gains() > 2, np.nan, gains()))
    with pytest.raises(EstimationError, match="varies"):
        reality_check(np.full((50, 2), 0.001))
