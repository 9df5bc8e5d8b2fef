"""Rank tests of several days and generalised ranks against loops over events and days, and their size under a null."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from backtests import generalized_ranks as gr
from backtests import rank_tests as rt
from backtests.outcomes import Outcome

N, T, L = 12, 60, 6


def sample(seed: int = 0, missing: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(0.01, 0.03, N)
    residuals = sigma[:, None] * rng.standard_t(5, (N, T))
    abnormal = sigma[:, None] * (0.4 + rng.standard_t(5, (N, L)))
    if missing:
        residuals[rng.random(residuals.shape) < 0.07] = np.nan
        abnormal[2, 3] = np.nan
    return residuals, abnormal, sigma


def ranks_of(values: list[float]) -> list[float]:
    return [sum(w < v for w in values) + (1 + sum(w == v for w in values)) / 2 for v in values]


def grank_by_loops(residuals: np.ndarray, sigma: np.ndarray, scar: np.ndarray) -> tuple[float, float, int]:
    events = [i for i in range(len(scar)) if scar[i] == scar[i]]
    deviation = math.sqrt(sum((scar[i] - np.mean(scar[events])) ** 2 for i in events) / (len(events) - 1))
    scores: dict[int, list[float]] = {}
    variance = 0.0
    for i in events:
        days = [t for t in range(residuals.shape[1]) if residuals[i, t] == residuals[i, t]]
        ranks = ranks_of([residuals[i, t] / sigma[i] for t in days] + [scar[i] / deviation])
        total = len(ranks)
        for t, rank in zip([*days, -1], ranks, strict=True):
            scores.setdefault(t, []).append(rank / (total + 1) - 0.5)
        variance += (total - 1) / (12 * (total + 1))
    means = {t: sum(u) / len(u) for t, u in scores.items()}
    spread = math.sqrt(sum(len(scores[t]) / len(events) * means[t] ** 2 for t in scores) / len(scores))
    z, days = means[-1] / spread, len(scores)
    return z * math.sqrt((days - 2) / (days - 1 - z**2)), sum(scores[-1]) / math.sqrt(variance), days - 2


@pytest.mark.parametrize("absent", [0, 2])
def test_generalised_ranks_by_loops(absent):
    residuals, abnormal, sigma = sample()
    scar = np.nansum(abnormal, axis=1) / sigma / math.sqrt(L)
    scar[:absent] = np.nan
    residuals[:, 5] = np.nan
    t, z, df = grank_by_loops(residuals, sigma, scar)
    ranks = gr.generalized_ranks(residuals, sigma)
    found = gr.grank_t(ranks, scar)
    assert (found.statistic, found.df, found.n_events) == (pytest.approx(t, rel=1e-11), df, N - absent)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), df))
    assert gr.grank_z(ranks, scar).statistic == pytest.approx(z, rel=1e-11)


def test_generalised_ranks_share_the_rank_of_a_tie():
    residuals, scar = np.array([[-1.0, 0.0, 1.0, 2.0], [0.5, -0.5, 1.5, 0.25]]), np.array([2.0, 2.0 - math.sqrt(2)])
    residuals[0, 3] = scar[0] / scar.std(ddof=1)
    t, z, _ = grank_by_loops(residuals, np.ones(2), scar)
    ranks = gr.generalized_ranks(residuals, np.ones(2))
    assert (gr.grank_t(ranks, scar).statistic, gr.grank_z(ranks, scar).statistic) == (pytest.approx(t), pytest.approx(z))


def test_campbell_wasley_by_hand():
    residuals, abnormal, _ = sample(1)
    z = rt.rank_sums(np.concatenate([residuals, abnormal], axis=1))
    days, spread = T + L, math.sqrt(np.mean(z**2))
    scaled = z[T : T + 4].sum() / math.sqrt(4 * (days - 4) / (days - 1)) / spread
    found = rt.campbell_wasley(z, slice(T, T + 4), N)
    assert found.statistic == pytest.approx(scaled * math.sqrt((days - 2) / (days - 1 - scaled**2)), rel=1e-12)
    assert found.df == days - 2
    # for one day it is Corrado's statistic, corrected for being part of its own spread
    one, corrado = rt.campbell_wasley(z, slice(T, T + 1), N).statistic, rt.corrado_rank(z, slice(T, T + 1), N).statistic
    assert one == pytest.approx(corrado * math.sqrt((days - 2) / (days - 1 - corrado**2)), rel=1e-12)


def test_the_variance_of_a_sum_of_ranks_is_exact():
    rng = np.random.default_rng(2)
    u = np.argsort(rng.random((20_000, 30)), axis=1) + 1
    centred = u / 31 - 0.5
    assert np.var(centred[:, :10].sum(axis=1)) == pytest.approx(10 * np.var(centred[:, 0]) * 20 / 29, rel=0.05)


def test_restandardised_event_days_have_unit_spread():
    residuals, abnormal, sigma = sample(3)
    std = np.where(np.isnan(abnormal), np.nan, sigma[:, None] * 1.01)
    found = rt.restandardised(residuals, sigma, abnormal, std)[:]
    np.testing.assert_allclose(found[:, :T], residuals / sigma[:, None])
    np.testing.assert_allclose(np.nanstd(found[:, T:], axis=0, ddof=1), 1.0)
    # three times the variance of the event days is no information
    np.testing.assert_allclose(rt.restandardised(residuals, sigma, abnormal * math.sqrt(3), std)[:][:, T:], found[:, T:])


def test_sign_test_of_corrado_and_zivney_by_loops():
    residuals, abnormal, _ = sample(4)
    series = np.concatenate([residuals, abnormal], axis=1)
    daily = []
    for t in range(T + L):
        signs = [np.sign(row[t] - np.median(row[~np.isnan(row)])) for row in series if row[t] == row[t]]
        daily.append(sum(signs) / math.sqrt(len(signs)))
    expected = daily[T] / math.sqrt(np.mean(np.square(daily)))
    assert rt.corrado_rank(rt.median_signs(series), slice(T, T + 1), N).statistic == pytest.approx(expected, rel=1e-12)


def test_raw_ranks_are_the_letter_of_corrado():
    residuals, abnormal, _ = sample(5, missing=False)
    series = np.concatenate([residuals, abnormal], axis=1)
    statistics = [rt.corrado_rank(rt.rank_sums(series, raw=raw), slice(T, T + 3), N).statistic for raw in (False, True)]
    assert statistics[0] == pytest.approx(statistics[1], rel=1e-12)


def test_scaled_sums_by_loops():
    """A sum is the mean of the valid events times the number of all, and the squares are divided by an event's mean number of days."""
    residuals, abnormal, _ = sample(8)
    series = np.concatenate([residuals, abnormal], axis=1)
    valid = ~np.isnan(series)
    ranks = np.array([stats.rankdata(row, nan_policy="omit") for row in series])
    for raw, power in ((True, 1.0), (False, 0.5)):
        daily = []
        for t in range(T + L):
            scores = [
                ranks[i, t] - (valid[i].sum() + 1) / 2 if raw else ranks[i, t] / (valid[i].sum() + 1) - 0.5 for i in range(N) if valid[i, t]
            ]
            daily.append(np.mean(scores) * N / len(scores) ** power)
        days = valid.sum(axis=1).mean()
        expected = daily[T + 3] / math.sqrt(sum(v**2 for v in daily) / days)
        found = rt.corrado_rank(rt.rank_sums(series, raw, scaled=True), slice(T + 3, T + 4), N, days)
        assert found.statistic == pytest.approx(expected, rel=1e-12)
    signs = [np.mean([np.sign(row[t] - np.nanmedian(row)) for row in series if row[t] == row[t]]) * N for t in range(T + L)]
    np.testing.assert_allclose(rt.median_signs(series, scaled=True), np.array(signs) / np.sqrt(valid.sum(axis=0)), rtol=1e-12)


def test_what_cannot_be_computed_is_null():
    nothing = Outcome(None, None, None, 1)
    ranks = gr.generalized_ranks(np.ones((1, 5)), np.ones(1))
    assert gr.grank_t(ranks, np.array([1.0])) == gr.grank_z(ranks, np.array([1.0])) == nothing
    none = gr.generalized_ranks(np.full((2, 5), np.nan), np.ones(2))
    assert gr.grank_t(none, np.array([1.0, 2.0])).statistic is None
    assert rt.campbell_wasley(np.array([0.1, -0.1]), slice(0, 2), 1) == nothing
    assert rt.campbell_wasley(np.zeros(4), slice(3, 4), 1) == nothing


@pytest.mark.parametrize(("variance", "power"), [(1.0, False), (3.0, False), (1.0, True)])
def test_size_and_power(variance, power):
    rng = np.random.default_rng(6)
    hits = np.zeros(2)
    draws = 300
    for _ in range(draws):
        residuals = rng.standard_t(4, (30, 100)) / math.sqrt(2)
        scar = math.sqrt(variance) * rng.standard_t(4, 30) / math.sqrt(2) + 0.8 * power
        ranks = gr.generalized_ranks(residuals, np.ones(30))
        hits += [gr.grank_t(ranks, scar).p_value < 0.05, gr.grank_z(ranks, scar).p_value < 0.05]
    low, high = (0.9, 1.0) if power else (0.02, 0.09)
    assert (low <= hits / draws).all()
    assert (hits / draws <= high).all()
