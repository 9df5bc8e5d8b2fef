"""SESTM's recovery table, and how long the models of :mod:`signals` take: ``python benchmarks/models.py``.

The articles are drawn from the paper's own model (:func:`signals.simulated_articles.simulated_articles`): 60 charged words of 300, 12 of 92
words of an article charged. For each number of articles, the mean over three seeds of

- charged words found, and neutral words taken for charged,
- the L1 distance of each estimated topic from ``F ± rho T`` (what the paper says it estimates),
- the rank correlation of the scores of 5,000 fresh articles with their planted tone, beside that of scores with the planted topics.
"""

import resource
import sys
import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from scipy import sparse
from scipy.stats import rankdata, spearmanr

from research.schemas import INSTANT
from signals.combine import ic_weighted, turnover_smoothed
from signals.model import gradient_boosting, ridge, through_time
from signals.sestm import SESTM, score_articles
from signals.simulated_articles import simulated_articles

SIZES, SEEDS = (500, 2000, 8000, 32000), (1, 2, 3)


def recovery(n, seed):
    data, fresh = simulated_articles(n, seed=seed), simulated_articles(5000, seed=seed + 1000)
    model = SESTM(n_words=30, min_articles=max(10, n // 100), penalty=0.1).fit(sparse.csr_array(data.counts), data.returns)
    charged = model.screen_.charged
    rho = 12 * np.mean((data.tone - 0.5) * (rankdata(data.returns) / n - 0.5))
    frequency, tone = data.topics.mean(axis=0), (data.topics[0] - data.topics[1]) / 2
    found, planted = np.zeros((2, charged.size)), np.zeros((2, charged.size))
    found[:, charged] = model.topics_
    planted[:, :60] = frequency + rho * tone, frequency - rho * tone
    with_planted = score_articles(sparse.csr_array(fresh.counts[:, :60].astype(float)), fresh.topics, penalty=0.1)
    return (
        charged[:60].sum(), charged[60:].sum(), rho, np.abs(found - planted).sum(axis=1).mean(),
        spearmanr(model.predict(fresh.counts), fresh.tone).statistic, spearmanr(with_planted, fresh.tone).statistic,
    )  # fmt: skip


def market(n_sessions, n_symbols, n_features, horizon=5, seed=0):
    rng = np.random.default_rng(seed)
    midnight = datetime(2015, 1, 1, tzinfo=UTC)
    grid = pl.DataFrame({"t": np.repeat(np.arange(n_sessions), n_symbols), "symbol": [f"S{k:04d}" for k in range(n_symbols)] * n_sessions})
    day = pl.duration(days=pl.col("t"))
    x = rng.normal(size=(grid.height, n_features))
    features = grid.select(
        session=pl.lit(date(2015, 1, 1)) + day, symbol="symbol", asof=(pl.lit(midnight) + day + timedelta(hours=25)).cast(INSTANT)
    ).with_columns(pl.Series(f"x{k}", x[:, k]) for k in range(n_features))
    labels = features.select(
        "session", "symbol", forward_return=pl.Series(0.002 * x[:, 0] + 0.02 * rng.normal(size=grid.height)),
        ends_at=pl.col("asof") + timedelta(days=horizon - 1, hours=6),
    )  # fmt: skip
    return features, labels


def timed(name, run):
    begin = time.perf_counter()
    run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024
    print(f"| {name} | {time.perf_counter() - begin:.1f} s | {peak:.1f} GB |")


def main():
    print(
        "| articles | charged words found of 60 | neutral words taken | rho | L1 error of a topic | rank correlation | with planted topics |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for n in SIZES:
        found, taken, rho, error, rank, best = np.mean([recovery(n, seed) for seed in SEEDS], axis=0)
        print(f"| {n:,} | {found:.1f} | {taken:.1f} | {rho:.2f} | {error:.3f} | {rank:.3f} | {best:.3f} |")
    print("\n| what | time | peak memory so far |\n|---|---:|---:|")
    rng = np.random.default_rng(0)
    many = sparse.random_array((300_000, 50_000), density=0.001, format="csr", rng=rng, data_sampler=lambda size: rng.integers(1, 4, size))
    returns = rng.normal(size=300_000)
    model = SESTM(n_words=100, min_articles=100)
    timed("SESTM fit, 300,000 articles of 50 words, 50,000 words", lambda: model.fit(many, returns))
    timed("SESTM predict, the same", lambda: model.predict(many))
    features, labels = market(2500, 500, 10)
    names = [f"x{k}" for k in range(10)]
    timed("ridge through time, 500 x 2,500, 10 features, 120 fits on 500 sessions",
          lambda: through_time(ridge(), features, labels, names, window=500, min_sessions=100))  # fmt: skip
    timed("gradient boosting through time, the same, 10 fits",
          lambda: through_time(gradient_boosting(), features, labels, names, window=500, min_sessions=100, refit=250))  # fmt: skip
    timed("IC-weighted combination of 10", lambda: ic_weighted(features, labels, names))
    timed("turnover smoothing, six half-lives", lambda: turnover_smoothed(features, labels, "x0", horizon=5, cost=0.001))


if __name__ == "__main__":
    main()
