"""Scores held against what followed: scipy, hand-worked books, and dates made wrong."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from backtests.costs import costs
from backtests.holdout import accuracy, book, moved, order, outcomes_of, shuffled, sided

DAYS = [date(2024, 1, 8) + timedelta(days=i) for i in range(60)]
CHANCE = {"horizon": 1, "draws": 199, "seed": 1}


def rows(seed, n_symbols=8, effect=0.0):
    rng = np.random.default_rng(seed)
    made = []
    for day in DAYS:
        for k in range(n_symbols):
            score = float(rng.standard_normal())
            made.append((day, f"S{k}", score, effect * score + float(rng.standard_normal()) * 0.02))
    return pl.DataFrame(made, schema=["session", "symbol", "score", "forward_return"], orient="row")


def labels(frame, horizon=1):
    return frame.select("session", "symbol", pl.lit(horizon, dtype=pl.Int16).alias("horizon"), "forward_return")


def test_order_inside_sessions_is_the_mean_of_scipys_correlations():
    frame = rows(1)
    want = np.mean([spearmanr(part["score"], part["forward_return"])[0] for part in frame.partition_by("session")])
    found = order(frame, wide=True, **CHANCE)
    assert found.value == pytest.approx(want) and found.n_sessions == 60 and found.ci_low < want < found.ci_high


def test_order_over_all_rows_is_scipys_correlation_and_its_interval_covers_the_truth():
    frame = rows(2)
    found = order(frame, wide=False, **CHANCE)
    assert found.value == pytest.approx(spearmanr(frame["score"], frame["forward_return"])[0])
    covered = sum((f := order(rows(seed, 3), wide=False, **CHANCE)).ci_low <= 0 <= f.ci_high for seed in range(60))
    assert covered >= 52  # 95 % of 60 is 57; fewer than 52 has a probability of 1 %


def test_an_effect_is_found():
    found = order(rows(3, effect=0.01), wide=False, **CHANCE)
    assert found.ci_low > 0.2 and found.p_value == pytest.approx(1 / 200)


def test_constant_scores_and_too_few_rows_have_no_order():
    assert order(rows(1).with_columns(score=pl.lit(1.0)), wide=False, **CHANCE).value is None
    assert order(rows(1).head(2), wide=True, **CHANCE).value is None
    assert accuracy(sided(rows(1).head(2), True), **CHANCE).value is None


def test_sides_are_of_the_sessions_median_or_of_zero():
    frame = pl.DataFrame({"session": [DAYS[0]] * 3 + [DAYS[1]] * 2, "symbol": list("ABCAB"), "score": [1.0, 2.0, 3.0, 5.0, 5.0]})
    assert sided(frame, True)["side"].to_list() == [-1.0, 0.0, 1.0, 1.0, 1.0]  # equal scores say the same of every name
    assert sided(frame.with_columns(pl.col("score") - 2), False)["side"].to_list() == [-1.0, 0.0, 1.0, 1.0, 1.0]


def test_accuracy_by_hand():
    frame = pl.DataFrame(
        {
            "session": [DAYS[i // 2] for i in range(8)], "symbol": list("AB") * 4, "side": [1.0, -1.0, 1.0, 0.0, -1.0, -1.0, 1.0, 1.0],
            "forward_return": [0.01, 0.02, 0.0, 0.03, -0.04, 0.001, 0.02, 0.004],
        }
    )  # fmt: skip
    # right, wrong, (no move), (no side), right, wrong, right, right
    found = accuracy(frame, **CHANCE)
    assert (found.value, found.n_rows, found.n_sessions) == (pytest.approx(4 / 6), 6, 3)
    assert accuracy(frame, beyond=0.005, **CHANCE).value == pytest.approx(3 / 4)


def test_a_book_held_two_sessions_by_hand():
    sessions = DAYS[:5]
    day = sessions[1]
    frame = pl.DataFrame({"session": [day, day], "symbol": ["A", "B"], "side": [1.0, -1.0]})
    paths = pl.DataFrame(
        {
            "session": [day] * 4, "symbol": list("AABB"), "horizon": pl.Series([1, 2, 1, 2], dtype=pl.Int16),
            "forward_return": [0.02, 0.05, -0.01, 0.03],
        }
    )  # fmt: skip
    fees = costs("us")
    found = book(frame, paths, sessions, horizon=2, costs=fees, most_weight=0.25, long_only=False)
    w = 0.25 / 2  # capped, and half of the capital follows each decision
    assert found["session"].to_list() == sessions[2:4]
    assert found["gross_return"].to_list() == pytest.approx([w * (0.02 + 0.01), w * (0.03 - 0.04)])
    buy, sell = 2e-4, 2e-4 + 8.0e-6
    borrow = w * 0.003 / 365
    assert found["cost"].to_list() == pytest.approx([w * (buy + sell) + borrow, w * (1.05 * sell + 1.03 * buy) + borrow])
    assert found["turnover"].to_list() == pytest.approx([2 * w, w * (1.05 + 1.03)])
    assert found["net_return"].to_list() == pytest.approx((found["gross_return"] - found["cost"]).to_list())
    long = book(frame, paths, sessions, horizon=2, costs=fees, most_weight=0.25, long_only=True)
    assert long["gross_return"].to_list() == pytest.approx([w * 0.02, w * 0.03])


def test_a_book_without_positions_is_empty():
    frame = rows(1).with_columns(side=pl.lit(0.0))
    assert book(frame, labels(frame), DAYS, horizon=1, costs=costs("us"), most_weight=0.1, long_only=False).is_empty()


@pytest.mark.parametrize("wide", [True, False])
def test_shuffled_dates_are_worth_nothing_where_the_true_ones_are(wide):
    frame = rows(5, effect=0.02)
    grid = outcomes_of(labels(frame), 1, DAYS)
    drawn = shuffled(frame, grid, wide=wide, draws=200, seed=0)
    assert len(drawn) == 200 and abs(drawn.mean()) < 0.02
    assert order(frame, wide=wide, **CHANCE).value > np.quantile(drawn, 0.999)


def test_sparse_outcomes_are_shuffled_among_the_rows():
    frame = rows(6, effect=0.02).filter(pl.int_range(pl.len()) % 5 == 0)
    grid = outcomes_of(labels(frame), 1, DAYS)
    drawn = shuffled(frame, grid, wide=False, draws=100, seed=0)
    assert len(drawn) == 100 and abs(drawn.mean()) < 0.05


def test_returns_of_other_sessions():
    frame = rows(7)
    grid = outcomes_of(labels(frame), 1, DAYS)
    later = moved(frame, grid, 1)
    assert later.height == frame.height - 8  # the last session has no later one
    want = frame.filter(pl.col("session") == DAYS[1])["forward_return"].to_list()
    assert later.filter(pl.col("session") == DAYS[0])["forward_return"].to_list() == want
    assert moved(frame, grid, 50).is_empty()  # too few rows meet a return
