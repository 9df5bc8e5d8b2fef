from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from evaluation_data import frames, noise, panel
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.persistence import rank_autocorrelation, rank_autocorrelation_series
from backtests.predictive import grouped_coefficient, information_coefficient
from backtests.quantiles import members, quantile_returns, quantile_series, quantile_turnover, spread_returns
from research.errors import SchemaError, UsageError

NAN = float("nan")


def days(n: int) -> list[date]:
    return [date(2024, 1, 1 + k) for k in range(n)]


def test_figures_equal_alphalens_s():
    """alphalens-reloaded 0.5.1 on the same frame. It halves the spread; here it is the difference."""
    scores, labels = frames(*panel())
    daily = information_coefficient(scores, labels).daily["ic"]
    assert [daily.mean(), daily.std(), daily[0], daily[17]] == pytest.approx(
        [0.07320292286423427, 0.2163000327318923, -0.043521287362894415, 0.29051383399209485], rel=1e-10
    )
    groups = pl.DataFrame({"symbol": [f"S{j:02d}" for j in range(23)], "group": ["a" if j % 2 else "b" for j in range(23)]})
    by_group = grouped_coefficient(scores, labels, groups, "group")
    assert by_group["mean_ic"].to_list() == pytest.approx([0.09729466886987957, 0.04781543419482679], rel=1e-10)
    found = dict(quantile_returns(scores, labels).select("quantile", "mean_forward_return").rows())
    expected = [-0.0018667664441744934, -0.0017634392768398396, -0.00026363427894430554, 0.0032675260583258673, 0.00038512661550842056]
    assert [found[str(q)] for q in range(1, 6)] == pytest.approx(expected, rel=1e-10)
    assert found["spread"] == pytest.approx(expected[4] - expected[0])
    assert members(scores)["quantile"].value_counts().sort("quantile")["count"].to_list() == [201, 161, 200, 160, 198]
    turnover = {(1, 1): 0.4427350427350427, (1, 3): 0.6828828828828829, (5, 1): 0.4166666666666667, (5, 3): 0.6513513513513514}
    for (q, lag), value in turnover.items():
        assert quantile_turnover(scores, lag=lag).filter(pl.col("quantile") == q)["turnover"].mean() == pytest.approx(value)
    for lag, value in {1: 0.6788261438153254, 3: 0.2762357874679778}.items():
        assert rank_autocorrelation(scores, lags=(lag,))["autocorrelation"][0] == pytest.approx(value)


def sparse(seed: int, shape: tuple[int, int] = (12, 14)) -> tuple[np.ndarray, np.ndarray]:
    """Return scores with ties and absent rows, and returns with absent rows of their own."""
    x, y = np.round(noise(seed, *shape), 1), 0.02 * noise(seed + 1, *shape)
    return np.where(noise(seed + 2, *shape) > 0.8, NAN, x), np.where(noise(seed + 3, *shape) > 1.2, NAN, y)


@pytest.mark.parametrize(("seed", "quantiles"), [(1, 2), (2, 3), (3, 5), (4, 7)])
def test_returns_equal_a_loop_with_pandas_qcut(seed, quantiles):
    x, y = sparse(seed)
    scores, labels = frames(x, y)
    expected: dict[str, list[float]] = {}
    for t in range(len(x)):
        row = pd.Series(x[t]).dropna()
        if len(row) < quantiles:
            continue
        # edges by pandas, places by its rule: above the edge below, up to the edge above
        edges = row.quantile(np.linspace(0, 1, quantiles + 1)).to_numpy()
        place = 1 + (row.to_numpy()[:, None] > edges[1:-1]).sum(axis=1)
        means = {}
        for q in range(1, quantiles + 1):
            held = [y[t, j] for j, p in zip(row.index, place, strict=True) if p == q and np.isfinite(y[t, j])]
            if held:
                means[str(q)] = float(np.mean(held))
        if "1" in means and str(quantiles) in means:
            means["spread"] = means[str(quantiles)] - means["1"]
        for name, value in means.items():
            expected.setdefault(name, []).append(value)
    found = quantile_series(scores, labels, quantiles=quantiles)
    for name, values in expected.items():
        assert found.filter(pl.col("quantile") == name)["forward_return"].to_list() == pytest.approx(values), name


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_turnover_and_autocorrelation_equal_a_loop(lag):
    from scipy.stats import pearsonr, rankdata

    x, y = sparse(9)
    x[4] = NAN  # a session without news is none of the score's sessions
    scores, _ = frames(x, y)
    held = members(scores, quantiles=3)
    sets = {key: set(part["symbol"]) for key, part in held.partition_by("session", "quantile", as_dict=True).items()}
    sessions = scores["session"].unique().sort().to_list()
    expected, correlations = {}, {}
    for before, now in zip(sessions, sessions[lag:], strict=False):
        for q in (1, 2, 3):
            new, old = sets.get((now, q), set()), sets.get((before, q), set())
            if new and old:
                expected[(q, now)] = len(new - old) / len(new)
        ranks = []
        for day in (now, before):
            part = scores.filter(pl.col("session") == day)
            ranks.append(dict(zip(part["symbol"], rankdata(part["score"]), strict=True)))
        both = sorted(set(ranks[0]) & set(ranks[1]))
        correlations[now] = pearsonr([ranks[0][s] for s in both], [ranks[1][s] for s in both]).statistic
    found = quantile_turnover(scores, quantiles=3, lag=lag)
    assert {(q, day): v for q, day, v in found.rows()} == pytest.approx(expected)
    series = rank_autocorrelation_series(scores, lag=lag)
    assert dict(series.select("session", "autocorrelation").rows()) == pytest.approx(correlations)


def test_equal_scores_stay_together_and_make_no_order():
    tied = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0], [2.0] * 6, [1.0, 2.0, 3.0, NAN, NAN, NAN]])
    scores, labels = frames(tied, np.full(tied.shape, 0.01))
    found = members(scores, quantiles=4)
    # five zeros lie up to every edge; the equal session and the one of three symbols are not cut
    assert found.select("symbol", "quantile").rows() == [*((f"S{j:02d}", 1) for j in range(5)), ("S05", 4)]
    assert quantile_returns(scores, labels, quantiles=4)["n"].to_list() == [1, 0, 0, 1, 1]


def test_the_spread_portfolio_by_hand():
    x = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [NAN] * 4, [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]])
    y = np.array([[0.0, 0.01, 0.02, 0.05], [0.03, 0.0, 0.0, 0.01], [0.1] * 4, [0.01, 0.0, 0.0, 0.02], [0.5] * 4])
    scores, labels = frames(x, y, horizons=(1, 2))
    each = spread_returns(scores, labels, horizon=1, quantiles=4, cost=0.001)
    # long S03, short S00 at first: two bought; turned round: four; nothing held: two; again: two; turned round: four
    assert each["turnover"].to_list() == pytest.approx([2.0, 4.0, 2.0, 2.0, 4.0])
    assert each["gross_return"].to_list() == pytest.approx([0.05, 0.02, 0.0, 0.01, 0.0])
    assert each["net_return"].to_list() == pytest.approx([0.048, 0.016, -0.002, 0.008, -0.004])
    assert each["session"].to_list() == days(5)
    # sessions 0, 2 and 4 of two sessions each: the second finds no score
    every_other = spread_returns(scores, labels, horizon=2, quantiles=4)
    assert every_other["session"].to_list() == [days(5)[0], days(5)[2], days(5)[4]]
    assert every_other["net_return"].to_list() == pytest.approx([0.05, 0.0, 0.0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6))
def test_only_the_order_of_scores_counts_and_not_that_of_rows(seed, quantiles):
    rng = np.random.default_rng(seed)
    x, y = np.round(rng.normal(size=(5, 9)), 1), rng.normal(size=(5, 9)) / 50
    scores, labels = frames(x, y)
    changed, _ = frames(np.arctan(x / 2) * 7 + 1, y)
    shuffled = changed.sample(fraction=1.0, shuffle=True, seed=seed)
    assert members(shuffled, quantiles=quantiles).equals(members(scores, quantiles=quantiles))
    mixed = labels.sample(fraction=1.0, shuffle=True, seed=seed)
    one, other = (information_coefficient(*pair).daily for pair in ((scores, labels), (shuffled, mixed)))
    assert one.drop("ic").equals(other.drop("ic")) and one["ic"].to_list() == pytest.approx(other["ic"].to_list(), abs=1e-12)
    assert quantile_returns(scores, labels, quantiles=quantiles).equals(quantile_returns(shuffled, mixed, quantiles=quantiles))


def test_bad_input_says_what_is_wrong():
    scores, labels = frames(*sparse(1))
    with pytest.raises(UsageError, match="at least 2"):
        members(scores, quantiles=1)
    with pytest.raises(UsageError, match="lag came as 0"):
        quantile_turnover(scores, lag=0)
    with pytest.raises(UsageError, match="lag came as 0"):
        rank_autocorrelation(scores, lags=(0,))
    with pytest.raises(UsageError, match="the labels have 1"):
        spread_returns(scores, labels, horizon=5)
    with pytest.raises(UsageError, match="cost"):
        spread_returns(scores, labels, horizon=1, cost=-0.1)
    for broken, column in (
        (labels.with_columns(forward_return=pl.lit(NAN)), "forward_return"),
        (labels.with_columns(forward_return=pl.lit(-2.0)), "forward_return"),
        (pl.concat([labels, labels.head(1)]), r"session\+symbol\+horizon"),
    ):
        with pytest.raises(SchemaError, match=column):
            information_coefficient(scores, broken)
    for broken, column in (
        (scores.with_columns(score=pl.lit(None, dtype=pl.Float64)), "score"),
        (scores.drop("symbol"), "symbol"),
        (pl.concat([scores, scores.head(1)]), r"signal\+session\+symbol"),
    ):
        with pytest.raises(SchemaError, match=column):
            members(broken)


def test_of_nothing_there_is_nothing():
    scores, labels = frames(*sparse(1))
    none = scores.clear()
    assert members(none).is_empty() and quantile_turnover(none).is_empty() and rank_autocorrelation_series(none).is_empty()
    assert information_coefficient(none, labels).summary["mean_ic"].to_list() == [None]
    assert quantile_returns(none, labels)["n"].to_list() == [0] * 6
    assert spread_returns(none, labels, horizon=1).is_empty()
    assert quantile_turnover(scores, lag=100).is_empty() and rank_autocorrelation(scores, lags=(100,))["n"].to_list() == [0]
    assert quantile_returns(scores, labels.clear()).is_empty()
