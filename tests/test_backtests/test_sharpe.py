from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from backtests.sharpe import (
    SharpeRatio,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_ratio,
)
from research.errors import UsageError

RETURNS = np.array([0.012, -0.004, 0.007, -0.011, 0.019, 0.003, -0.002, 0.008, -0.015, 0.006, 0.010, -0.001])
DAYS = 250


def ratio(annual: float, n: int, skewness: float = 0.0, kurtosis: float = 3.0) -> SharpeRatio:
    value = annual / math.sqrt(DAYS)
    error = math.sqrt((1 - skewness * value + (kurtosis - 1) / 4 * value**2) / (n - 1))
    return SharpeRatio(value, n, skewness, kurtosis, error)


def test_moments_are_scipy_s():
    found = sharpe_ratio(RETURNS)
    assert found.value == pytest.approx(RETURNS.mean() / RETURNS.std(ddof=1))
    assert (found.skewness, found.kurtosis) == pytest.approx((stats.skew(RETURNS), stats.kurtosis(RETURNS, fisher=False)))


def test_probabilities_equal_skfolio_s():
    """skfolio 1.12.2: probabilistic_sharpe_ratio and deflated_sharpe_ratio of the same returns."""
    found = sharpe_ratio(RETURNS)
    assert probabilistic_sharpe(found) == pytest.approx(0.8064245592838788, rel=1e-12)
    assert probabilistic_sharpe(found, 0.1) == pytest.approx(0.7084146453389124, rel=1e-12)
    tried = np.array([0.05, 0.2, -0.1, 0.22, 0.0])
    assert deflated_sharpe(found, 5, float(tried.std(ddof=1))) == pytest.approx(0.6382620453375895, rel=1e-12)
    assert [expected_maximum_sharpe(n, s) for n, s in ((10, 0.05), (100, 0.05), (2.5, 0.2))] == pytest.approx(
        [0.0787299150672875, 0.12653014466008425, 0.14249062573502466], rel=1e-12
    )


def test_the_formula_by_hand():
    sr, n, g3, g4 = 0.1, 101, -0.5, 5.0
    found = SharpeRatio(sr, n, g3, g4, math.sqrt((1 + 0.05 + 0.01) / 100))
    assert probabilistic_sharpe(found) == pytest.approx(NormalDist().cdf(0.1 * 10 / math.sqrt(1.06)))


def test_the_papers_examples():
    """Bailey & López de Prado: 2.73 years for 2 against 1 (2012); 100 trials leave 0.90, 46 leave 0.95 (2014)."""
    assert minimum_track_record(ratio(2.0, 500), 1 / math.sqrt(DAYS)) / DAYS == pytest.approx(2.73, abs=0.005)
    found, spread = ratio(2.5, 1250, -3.0, 10.0), math.sqrt(0.5 / DAYS)
    assert expected_maximum_sharpe(100, spread) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(found, 100, spread) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(found, 46, spread) == pytest.approx(0.9505, abs=5e-5)


def test_after_the_minimum_track_record_the_probability_is_the_confidence():
    found = sharpe_ratio(RETURNS)
    n = minimum_track_record(found, 0.05, 0.9)
    spread = found.std_error * math.sqrt(found.n - 1)
    assert NormalDist().cdf((found.value - 0.05) * math.sqrt(n - 1) / spread) == pytest.approx(0.9)


def test_it_falls_with_the_number_of_trials_and_their_spread():
    found = ratio(1.5, 750)
    by_trials = [deflated_sharpe(found, n, 0.03) for n in (1, 2, 5, 20, 100, 1000)]
    assert all(later < earlier for earlier, later in pairwise(by_trials))
    assert by_trials[0] == probabilistic_sharpe(found)
    assert deflated_sharpe(found, 20, 0.05) < deflated_sharpe(found, 20, 0.03)


def test_the_expected_maximum_is_that_of_simulated_trials():
    best = np.random.default_rng(0).normal(size=(20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(50, 1.0) == pytest.approx(best, rel=0.02)
    assert expected_maximum_sharpe(1.01, 1.0) == 0.0, "an approximation below zero is no hurdle"


def test_skilless_returns_exceed_zero_as_often_as_the_probability_says():
    rng = np.random.default_rng(2)
    high = sum(probabilistic_sharpe(sharpe_ratio(rng.normal(0, 0.01, 250))) > 0.95 for _ in range(400))
    assert stats.binom.ppf(0.001, 400, 0.05) <= high <= stats.binom.ppf(0.999, 400, 0.05)


def test_nothing_is_said_of_nothing():
    for returns in ([], [0.1], [0.1, 0.2], [0.01] * 20, [0.0] * 20):
        found = sharpe_ratio(returns)
        assert found.value is None and probabilistic_sharpe(found) is None and minimum_track_record(found) is None
        assert deflated_sharpe(found, 3, 0.1) is None
    assert minimum_track_record(ratio(-0.5, 100)) is None, "no length makes a loss a gain"
    assert sharpe_ratio([0.1, math.nan, 0.2, 0.15]).n == 3
    for n, spread in ((0.5, 0.1), (5, -0.1), (math.nan, 0.1)):
        with pytest.raises(UsageError, match="at least 1 trial"):
            expected_maximum_sharpe(n, spread)
    with pytest.raises(UsageError, match="confidence"):
        minimum_track_record(ratio(1, 100), confidence=1.0)
