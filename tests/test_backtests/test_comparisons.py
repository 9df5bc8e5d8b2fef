"""Calendar-time portfolios, groups compared and families of hypotheses, against loops, statsmodels and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from backtests import calendar_time as ct
from backtests import group_tests as gt
from backtests import multiple_testing as mt
from backtests.outcomes import Outcome


def own_days(abnormal):
    """Each event is a cohort."""
    return ct.cohort_totals(abnormal, np.arange(len(abnormal)))


def test_portfolio_by_hand():
    abnormal = np.array([[0.01, 0.02], [0.03, np.nan], [0.05, 0.07]])
    days = np.array([[3, 4], [4, 5], [8, -1]])
    day, mean, n_events = ct.portfolio(*own_days(abnormal), days)
    assert day.tolist() == [3, 4, 8]
    np.testing.assert_allclose(mean, [0.01, 0.025, 0.05])
    assert n_events.tolist() == [1, 2, 1]
    with_empty = ct.portfolio(*own_days(abnormal[:0]), days[:0])
    assert [len(part) for part in with_empty] == [0, 0, 0]


@pytest.mark.parametrize("lags", [0, 3])
def test_newey_west_agrees_with_statsmodels(lags):
    values = np.random.default_rng(0).normal(0.1, 1, 80)
    fitted = sm.OLS(values, np.ones(80)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    assert ct.hac_variance(np.arange(80), values, lags) == pytest.approx(fitted.bse[0] ** 2, rel=1e-10)
    # days without events are no neighbours
    gapped = np.array([0, 1, 5, 6, 20])
    v = values[:5] - values[:5].mean()
    expected = (v @ v + 2 * 0.5 * (v[0] * v[1] + v[2] * v[3])) / 20
    assert ct.hac_variance(gapped, values[:5], 1) == pytest.approx(expected)


def test_cohorts_are_their_events():
    rng = np.random.default_rng(8)
    abnormal, cohort = rng.normal(size=(30, 4)), rng.integers(0, 6, 30)
    abnormal[rng.random(abnormal.shape) < 0.2] = np.nan
    days = rng.integers(0, 9, 6)[:, None] + np.arange(4)
    days[2, 3] = -1
    held = [(days[cohort[i], t], abnormal[i, t]) for i in range(30) for t in range(4)]
    held = [(d, value) for d, value in held if value == value and d >= 0]
    expected = {d: [value for other, value in held if other == d] for d, _ in held}
    day, mean, n_events = ct.portfolio(*ct.cohort_totals(abnormal, cohort), days)
    assert day.tolist() == sorted(expected) and n_events.tolist() == [len(expected[d]) for d in day]
    np.testing.assert_allclose(mean, [np.mean(expected[d]) for d in day], rtol=1e-12)


def test_calendar_time_by_hand():
    rng = np.random.default_rng(1)
    days = rng.integers(0, 50, 40)[:, None] + np.arange(3)
    abnormal = rng.normal(0.1, 1, (40, 3))
    day, mean, _ = ct.portfolio(*own_days(abnormal), days)
    found = ct.calendar_time(*own_days(abnormal), days, 40)
    assert found.statistic == pytest.approx(mean.mean() / math.sqrt(ct.hac_variance(day, mean, 2)))
    assert (found.df, found.n_events) == (len(day) - 1, 40)
    assert ct.calendar_time(*own_days(abnormal[:, :1]), np.zeros((40, 1), dtype=np.int64), 40) == Outcome(None, None, None, 40)
    assert ct.calendar_time(*own_days(np.full((3, 2), 0.1)), np.arange(6).reshape(3, 2), 3).statistic is None


def test_calendar_time_bears_correlation_of_a_day():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        days = rng.integers(0, 60, 200)[:, None]
        abnormal = rng.normal(size=200)[:, None] + rng.normal(size=60)[days]
        hits += ct.calendar_time(*own_days(abnormal), days, 200).p_value < 0.05
    assert 0.02 < hits / 300 < 0.09


def test_welch_agrees_with_scipy():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.5, 1, 20), np.append(rng.normal(0, 3, 12), np.nan)
    found, expected = gt.welch(a, b), stats.ttest_ind(a, b[:-1], equal_var=False)
    assert (found.statistic, found.p_value, found.df) == tuple(pytest.approx(v) for v in (expected.statistic, expected.pvalue, expected.df))
    assert found.n_events == 32
    assert gt.welch(a, b[:1]) == gt.permutation(a, b[:1], 10, 0) == Outcome(None, None, None, 21)
    assert gt.welch(np.ones(3), np.ones(3)).statistic is None


def test_permutation_agrees_with_enumeration():
    from itertools import combinations

    a, b = np.array([1.2, 0.4, 2.2, 0.9]), np.array([0.1, -0.6, 0.8, 0.3, -1.0])
    pooled = np.concatenate([a, b])
    observed = abs(gt.welch(a, b).statistic)
    hits = [abs(gt.welch(pooled[list(c)], np.delete(pooled, list(c))).statistic) >= observed - 1e-9 for c in combinations(range(9), 4)]
    found = gt.permutation(a, b, 20_000, seed=4)
    assert found.p_value == pytest.approx(np.mean(hits), abs=0.01)
    assert found.statistic == pytest.approx(gt.welch(a, b).statistic)
    assert gt.permutation(a, b, 200, seed=4) == gt.permutation(a, b, 200, seed=4)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (mt.bonferroni, "bonferroni"), (mt.holm, "holm"), (mt.hochberg, "simes-hochberg"), (mt.hommel, "hommel"),
        (mt.benjamini_hochberg, "fdr_bh"), (mt.benjamini_yekutieli, "fdr_by"),
    ],
)  # fmt: skip
def test_adjusted_p_values_agree_with_statsmodels(ours, theirs):
    for few in (1, 2, 5):
        some = np.random.default_rng(few).random(few) ** 2
        np.testing.assert_allclose(ours(some), multipletests(some, method=theirs)[1], rtol=1e-12)
    p_values = np.random.default_rng(5).random(30) ** 3
    expected = multipletests(p_values, method=theirs)[1]
    np.testing.assert_allclose(ours(p_values), expected)
    np.testing.assert_allclose(ours(np.insert(p_values, 4, np.nan)), np.insert(expected, 4, np.nan))
    assert len(ours(np.zeros(0))) == 0


def test_romano_wolf_by_hand():
    drawn = np.array([[1.0, 3.0, 0.2], [2.5, 0.1, 0.3], [-0.5, -1.0, 0.9], [0.2, 0.1, -2.0]])
    found = mt.romano_wolf(np.array([2.0, -2.8, np.nan]), drawn[:, :3])
    # the largest first: |−2.8| against the maxima over both (3.0, 2.5, 1.0, 0.2), then 2.0 against its own draws, never below the first
    np.testing.assert_allclose(found, [(1 + 1) / 5, (1 + 1) / 5, np.nan])


def test_romano_wolf_controls_the_family_and_gains_on_holm():
    rng = np.random.default_rng(6)
    common = rng.normal(size=(4000, 1))
    drawn = 0.95 * common + math.sqrt(1 - 0.95**2) * rng.normal(size=(4000, 10))
    observed = drawn[:300]
    family = np.array([np.nanmin(mt.romano_wolf(row, drawn)) for row in observed])
    assert (family < 0.05).mean() == pytest.approx(0.05, abs=0.035)
    holm = np.array([mt.holm(2 * stats.norm.sf(np.abs(row))).min() for row in observed])
    assert family.mean() < holm.mean()
