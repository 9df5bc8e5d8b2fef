"""SESTM against a slow reading of the paper, and against what was planted in articles drawn from its model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from research.errors import EstimationError, SchemaError, TidingsError, UsageError
from signals.sestm import SESTM, score_articles, screen_words
from signals.simulated_articles import simulated_articles
from signals.word_counts import tokens


def slow_screen(counts, returns, alpha_plus, alpha_minus, kappa):
    n, words = counts.shape
    overall = sum(r > 0 for r in returns) / n
    chosen = []
    for j in range(words):
        holders = [i for i in range(n) if counts[i, j] > 0]
        if len(holders) < kappa:
            continue
        share = sum(returns[i] > 0 for i in holders) / len(holders)
        if (share >= overall + alpha_plus or share <= overall - alpha_minus) and share != overall:
            chosen.append(j)
    return chosen


def slow_topics(counts, returns, chosen):
    """The paper's D W' (W W')^-1 by least squares, article by article and word by word."""
    n = len(returns)
    lhs, rhs = [], []
    for i in range(n):
        total = sum(counts[i, j] for j in chosen)
        if total == 0:
            continue
        below, equal = sum(r < returns[i] for r in returns), sum(r == returns[i] for r in returns)
        rank = (below + (equal + 1) / 2) / n
        lhs.append([rank, 1 - rank])
        rhs.append([counts[i, j] / total for j in chosen])
    solution = np.linalg.lstsq(np.array(lhs), np.array(rhs), rcond=None)[0]
    clipped = [[max(x, 0.0) for x in row] for row in solution]
    return np.array([[x / sum(row) for x in row] for row in clipped])


def slow_score(count, topics, penalty):
    total = sum(count)

    def loss(p):
        words = sum(d * np.log(p * a + (1 - p) * b) for d, a, b in zip(count, *topics, strict=True) if d > 0 and a + b > 0)
        return -(words / total if total else 0.0) - penalty * np.log(p * (1 - p))

    return minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-11}).x


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.05, 1.0, 5.0])
def test_it_equals_the_slow_reading(seed, penalty):
    data = simulated_articles(150, n_charged=12, n_neutral=10, words_charged=3, words_neutral=6, seed=seed)
    returns = np.round(data.returns, 1)  # with ties
    model = SESTM(alpha_plus=0.06, alpha_minus=0.09, min_articles=15, penalty=penalty).fit(data.counts, returns)
    chosen = slow_screen(data.counts, returns, 0.06, 0.09, 15)
    assert np.flatnonzero(model.screen_.charged).tolist() == chosen
    topics = slow_topics(data.counts, returns, chosen)
    np.testing.assert_allclose(model.topics_, topics, atol=1e-12)
    fresh = simulated_articles(60, n_charged=12, n_neutral=10, words_charged=3, words_neutral=6, seed=seed + 100).counts
    expected = [slow_score(row[chosen], topics, penalty) for row in fresh]
    np.testing.assert_allclose(model.predict(fresh), expected, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(1e-4, 20))
def test_a_score_is_where_the_derivative_is_zero(seed, penalty):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.7, (8, 5)) * rng.integers(1, 40)
    topics = rng.dirichlet(np.full(5, 0.3), 2)
    p = score_articles(sparse.csr_array(counts.astype(float)), topics, penalty=penalty)
    assert ((p > 0) & (p < 1)).all()

    def value(count, q):
        known = count > 0
        mix = q * topics[0][known] + (1 - q) * topics[1][known]
        return (count[known] @ np.log(mix)) / max(count.sum(), 1) + penalty * np.log(q * (1 - q))

    for count, q in zip(counts, p, strict=True):
        for step in (-1e-3, 1e-3):
            if 0 < q + step < 1:
                assert value(count, q + step) <= value(count, q) + 1e-12
    assert (p[counts.sum(axis=1) == 0] == 0.5).all()


def planted(data):
    """What the topics estimate when the rank of the return stands for the tone: F ± rho T."""
    n = data.tone.size
    rank = (np.argsort(np.argsort(data.returns)) + 1) / n
    rho = 12 / n * ((data.tone - 0.5) @ (rank - 0.5))
    frequency, tone = data.topics.mean(axis=0), (data.topics[0] - data.topics[1]) / 2
    return np.stack([frequency + rho * tone, frequency - rho * tone])


def error_of_topics(data, model):
    """L1 distance of each topic from what was planted, over all words."""
    found = np.zeros((2, data.counts.shape[1]))
    found[:, model.screen_.charged] = model.topics_
    wanted = np.zeros_like(found)
    wanted[:, : data.topics.shape[1]] = planted(data)
    return np.abs(found - wanted).sum(axis=1).max()


def test_planted_topics_and_scores_are_recovered():
    data, fresh = simulated_articles(8000, seed=1), simulated_articles(3000, seed=2)
    model = SESTM(n_words=30, min_articles=50).fit(sparse.csr_array(data.counts), data.returns)
    charged = model.screen_.charged
    assert charged[:60].sum() >= 56
    assert charged[60:].sum() <= 4
    assert error_of_topics(data, model) < 0.12
    # Nobody can do better than with the planted topics: what is lost by learning them is small.
    oracle = score_articles(sparse.csr_array(fresh.counts[:, :60].astype(float)), fresh.topics, penalty=0.1)
    best = spearmanr(oracle, fresh.tone).statistic
    mine = spearmanr(model.predict(fresh.counts), fresh.tone).statistic
    assert best > 0.865
    assert mine > best - 0.01
    assert model.score(fresh.counts, fresh.returns) > 0.4


def test_the_error_falls_as_articles_grow():
    def mean_error(n):
        runs = [simulated_articles(n, n_neutral=20, seed=s) for s in range(3)]
        return np.mean([error_of_topics(d, SESTM(n_words=30, min_articles=20).fit(d.counts, d.returns)) for d in runs])

    assert mean_error(16000) < 0.5 * mean_error(1000)


def test_returns_without_words_are_not_predicted():
    data, fresh = simulated_articles(4000, seed=3), simulated_articles(4000, seed=4)
    shuffled = np.random.default_rng(0).permutation(data.returns)
    model = SESTM(n_words=30).fit(data.counts, shuffled)
    assert abs(model.score(fresh.counts, fresh.returns)) < 0.15


def test_sparse_equals_dense_and_rows_are_scored_by_themselves():
    data = simulated_articles(500, seed=5)
    dense, thin = (SESTM().fit(x, data.returns) for x in (data.counts, sparse.csr_matrix(data.counts)))
    assert dense.topics_.tolist() == thin.topics_.tolist()
    together = dense.predict(data.counts[:20])
    assert together.tolist() == thin.predict(sparse.csc_array(data.counts[:20])).tolist()
    assert [dense.predict(data.counts[i : i + 1])[0] for i in range(20)] == together.tolist()


def test_words_that_tie_with_the_last_are_charged():
    # Each of the first three words is in two articles that rose; the fourth in the two that fell.
    counts = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 2], [0, 0, 0, 1]])
    screen = screen_words(sparse.csr_array(counts), np.array([0.1, 0.2, -0.1, -0.2]), n_words=1, min_articles=2)
    assert screen.charged.tolist() == [True] * 4
    assert screen.articles.tolist() == [2] * 4
    assert screen.positive_share.tolist() == [1, 1, 1, 0]


def test_it_is_an_estimator_of_scikit_learn():
    model = SESTM(n_words=7, penalty=2.0)
    assert clone(model).get_params() == model.get_params() == {
        "alpha_plus": 0.05, "alpha_minus": 0.05, "n_words": 7, "min_articles": 10, "penalty": 2.0,
    }  # fmt: skip
    assert model.set_params(penalty=3.0).penalty == 3.0
    data = simulated_articles(600, seed=6)
    search = GridSearchCV(SESTM(), {"n_words": [5, 30], "penalty": [0.5, 5.0]}, cv=3).fit(data.counts, data.returns)
    assert search.best_params_["n_words"] == 30


#: checks that want a ValueError where a sentence of our own is raised, or hand over returns that are all positive: no word can be charged
ELSEWHERE = dict.fromkeys(
    [
        "check_positive_only_tag_during_fit",
        "check_fit_non_negative",
        "check_requires_y_none",
        "check_estimators_dtypes",
        "check_fit2d_1sample",
    ],
    "raises a TidingsError",
)


def test_it_passes_the_checks_of_scikit_learn():
    model = SESTM(alpha_plus=0.0, alpha_minus=0.0, min_articles=1)
    results = check_estimator(model, on_fail=None, on_skip=None, expected_failed_checks=ELSEWHERE)
    assert [r["check_name"] for r in results if r["status"] == "failed"] == []
    assert all(isinstance(r["exception"], TidingsError) for r in results if r["status"] == "xfail")
    assert sum(r["status"] == "passed" for r in results) > 30


def test_bad_input_is_one_sentence():
    data = simulated_articles(200, seed=7)
    with pytest.raises(EstimationError, match="1 returns are missing"):
        SESTM().fit(data.counts, np.where(np.arange(200) == 3, np.nan, data.returns))
    with pytest.raises(UsageError, match="No returns came"):
        SESTM().fit(data.counts, None)
    with pytest.raises(SchemaError, match="counts from 0 up"):
        SESTM().fit(-data.counts, data.returns)
    with pytest.raises(EstimationError, match="None of 0 words in at least 500 articles"):
        SESTM(min_articles=500).fit(data.counts, data.returns)
    with pytest.raises(EstimationError, match="None of"):
        SESTM(min_articles=1).fit(data.counts, np.ones(200))
    with pytest.raises(UsageError, match="penalty came as 0"):
        SESTM(penalty=0).fit(data.counts, data.returns)
    with pytest.raises(UsageError, match="came as -1"):
        SESTM(alpha_plus=-1).fit(data.counts, data.returns)


def test_tokens_of_both_scripts():
    assert tokens("贵州茅台Q3净利升12%,超预期") == ["贵州", "州茅", "茅台", "净利", "利升", "超预", "预期"]
    assert tokens("U.S. shares don't re-rate; x 5G 涨") == ["shares", "don't", "re-rate", "涨"]
    assert tokens("") == []
