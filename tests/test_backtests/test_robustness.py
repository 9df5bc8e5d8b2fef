"""The robustness suite against separate runs, slow draws and laws."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from trading_market import result, scores

from backtests.costs import costs
from backtests.holdings import daily_pnl
from backtests.robustness import random_entries, robustness, shuffled_signals
from backtests.schemas import WEIGHTS
from backtests.simulation import run
from backtests.targets import Targets, laid_out, outcome_of, targets_of
from research.errors import UsageError


def yearly(net, periods: int = 252) -> float:
    values = np.array(net)
    return float(values.mean() / values.std(ddof=1) * periods**0.5)


@pytest.fixture(scope="module")
def found():
    ran, bars = result()
    return ran, bars, robustness(ran, bars, draws=40, seed=3, parts=2, best=2)


def value(table: pl.DataFrame, check: str, metric: str = "sharpe") -> float:
    return table.filter((pl.col("check") == check) & (pl.col("metric") == metric))["value"].item()


def test_each_check_is_what_a_run_by_hand_gives(found):
    ran, bars, made = found
    net = ran.portfolio["net_return"].to_list()
    assert set(made.table.filter(pl.col("metric") == "sharpe")["base"].round(9)) == {round(yearly(net), 9)}
    doubled = run(ran.weights, bars, market="us", costs=costs("us").scaled(2))
    assert value(made.table, "doubled costs") == pytest.approx(yearly(doubled.portfolio["net_return"]))
    days = bars["session"].unique().sort().to_list()
    moved = {day: days[days.index(day) + 1] for day in ran.weights["session"].unique().to_list() if day != days[-1]}
    later = ran.weights.filter(pl.col("session") < days[-2]).with_columns(pl.col("session").replace_strict(moved))
    late = run(later, bars, market="us", costs=costs("us"))
    assert value(made.table, "one session later") == pytest.approx(yearly(late.portfolio["net_return"]))
    half = len(net) // 2 + len(net) % 2
    sessions = ran.portfolio["session"]
    assert value(made.table, f"{sessions[0]} to {sessions[half - 1]}") == pytest.approx(yearly(net[:half]))
    assert value(made.table, "without the 2 best sessions") == pytest.approx(yearly(sorted(net)[:-2]))
    assert value(made.table, "without the 2 best sessions") < yearly(net)


def test_without_the_best_names_is_the_result_less_what_they_earned(found):
    ran, bars, made = found
    pnl = daily_pnl(ran, bars)
    earned = {name: sum(part["pnl"]) for (name,), part in pnl.group_by("symbol")}
    best = sorted(earned, key=lambda name: -earned[name])[:2]
    nav, net = [1.0, *ran.portfolio["nav"].to_list()], []
    for k, row in enumerate(ran.portfolio.to_dicts()):
        theirs = pnl.filter((pl.col("session") == row["session"]) & pl.col("symbol").is_in(best))["pnl"].sum()
        net.append(row["net_return"] - theirs / (nav[k] * ran.cash))
    assert value(made.table, "without the 2 best names") == pytest.approx(yearly(net))
    note = made.table.filter(pl.col("check") == "without the 2 best names")["note"][0]
    assert note == ", ".join(best)


def test_draws_are_seeded_and_the_result_is_placed_among_them(found):
    ran, bars, made = found
    again = robustness(ran, bars, draws=40, seed=3, parts=2, best=2)
    assert again.table.equals(made.table) and again.draws.equals(made.draws)
    other = robustness(ran, bars, draws=40, seed=4, parts=2, best=2)
    assert not other.draws.equals(made.draws)
    base = yearly(ran.portfolio["net_return"])
    for check in ("random entry, same turnover", "shuffled signals"):
        drawn = made.draws.filter(pl.col("check") == check)["sharpe"].to_numpy()
        row = made.table.filter((pl.col("check") == check) & (pl.col("metric") == "sharpe")).row(0, named=True)
        assert (row["n"], row["base"]) == (40, pytest.approx(base))
        assert row["value"] == pytest.approx(np.median(drawn))
        assert row["p_value"] == pytest.approx((1 + (drawn >= base).sum()) / 41)
        assert row["low"] <= row["value"] <= row["high"]


def test_random_entry_keeps_names_sizes_and_turnover(found):
    ran, bars, _ = found
    layout = laid_out(bars, bars["symbol"].unique().to_list(), ran.weights["session"].min(), ran.markets)
    targets = targets_of(ran.weights, layout)
    n = len(targets.decided)

    def rows(each: Targets):
        return [
            (bool(each.decided[i]), sorted(zip(each.columns[a:b].tolist(), each.weights[a:b].tolist(), strict=True)))
            for i, (a, b) in enumerate(zip(each.pointer[:-1], each.pointer[1:], strict=True))
        ]

    mine = rows(targets)
    for each in random_entries(targets, 5, np.random.default_rng(0)):
        moved = rows(each)
        assert moved != mine
        assert any(moved == mine[n - k :] + mine[: n - k] for k in range(1, n))
        drawn, own = (outcome_of(layout, x, ran.costs).turnover.sum() for x in (each, targets))
        assert drawn == pytest.approx(own, rel=0.15), "but for the seam and days without prices"
    single = Targets(np.zeros(2, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(1, bool))
    assert list(random_entries(single, 3, np.random.default_rng(0))) == [], "one session cannot be moved"


def test_shuffled_signals_keep_weights_and_sessions_and_draw_from_the_eligible():
    targets = Targets(np.array([0, 2, 2, 3]), np.array([0, 1, 2]), np.array([0.5, -0.5, 1.0]), np.array([True, False, True]))
    eligible = np.zeros((3, 5), bool)
    eligible[0, 3], eligible[2, [3, 4]] = True, True
    seen = [set(), set()]
    for each in shuffled_signals(targets, eligible, 200, np.random.default_rng(0)):
        assert each.weights.tolist() == [0.5, -0.5, 1.0] and each.pointer.tolist() == [0, 2, 2, 3]
        assert len(set(each.columns[:2])) == 2
        seen[0] |= set(each.columns[:2].tolist())
        seen[1] |= set(each.columns[2:].tolist())
    assert seen == [{0, 1, 3}, {2, 3, 4}]


def test_a_signal_that_knows_the_next_day_beats_every_draw():
    ran, bars = result()
    days = bars.with_columns(_next=(pl.col("close") / pl.col("open") - 1).shift(-1).over("symbol", order_by="session")).drop_nulls("_next")
    top = days.filter(pl.col("_next") == pl.col("_next").max().over("session")).unique("session", keep="first", maintain_order=True)
    omniscient = run(
        WEIGHTS.validate(top.select("session", "symbol", weight=pl.lit(1.0)).sort("session")), bars, market="us", costs=costs("us")
    )
    table = robustness(omniscient, bars, draws=40).table.filter(pl.col("metric") == "sharpe").drop_nulls("p_value")
    assert table["p_value"].to_list() == pytest.approx([1 / 41, 1 / 41])
    assert ran.portfolio.height > 60


def test_later_news_is_decided_again_or_the_check_says_what_it_needs(found):
    ran, bars, made = found
    row = made.table.filter(pl.col("check") == "news 1 hour later").row(0, named=True)
    assert row["value"] is None and "pass delayed" in row["note"]
    asked = []

    def delayed(later: timedelta) -> pl.DataFrame:
        asked.append(later)
        return ran.weights

    again = robustness(ran, bars, delayed=delayed, latency=timedelta(hours=2), draws=0)
    assert asked == [timedelta(hours=2)] and again.draws.is_empty()
    assert value(again.table, "news 2 hours later") == pytest.approx(yearly(ran.portfolio["net_return"]))
    none = robustness(ran, bars, delayed=lambda later: WEIGHTS.empty(), draws=0).table
    assert "no target left" in none.filter(pl.col("check") == "news 1 hour later")["note"][0]


def test_scores_say_who_could_have_been_chosen():
    ran, bars = result("cn")
    made = robustness(ran, bars, scores=scores("cn"), draws=5)
    assert made.table.filter(pl.col("check") == "shuffled signals")["n"].to_list() == [5] * 4
    assert made.plot().data[0].y[0] == "shuffled signals"


def test_counts_below_their_least_are_refused(found):
    ran, bars, _ = found
    for wrong in ({"parts": 0}, {"best": 0}, {"draws": -1}):
        with pytest.raises(UsageError, match="parts, best and draws"):
            robustness(ran, bars, **wrong)


def test_a_check_on_too_few_sessions_says_so():
    ran, bars = result()
    last = ran.portfolio["session"].sort()[14]
    short = run(ran.weights.filter(pl.col("session") < last), bars.filter(pl.col("session") <= last), market="us", costs=costs("us"))
    table = robustness(short, bars.filter(pl.col("session") <= last), draws=3, seed=1).table.filter(pl.col("metric") == "sharpe")
    assert table["value"].is_null().all() and table["note"].str.contains("fewer than 20 sessions|needs the news").all()


def test_another_turnover_of_random_entries_is_noted(found):
    ran, bars, made = found
    rows = made.table.filter(pl.col("check") == "random entry, same turnover")
    turnover = rows.filter(pl.col("metric") == "annual_turnover").row(0, named=True)
    assert abs(turnover["value"] / turnover["base"] - 1) < 0.1 and set(rows["note"]) == {""}
    # half of the names are held in the first half only, and do not trade after it: begun later they cannot be bought
    middle = bars["session"].unique().sort()[45]
    early = pl.col("session") <= middle
    gone = bars.filter((pl.col("symbol") < "TTE") | early)
    weights = ran.weights.filter(early == (pl.col("symbol") >= "TTE"))
    cut = run(weights, gone, market="us", costs=costs("us"))
    noted = robustness(cut, gone, draws=40, seed=3).table.filter(pl.col("check") == "random entry, same turnover")
    other = noted.filter(pl.col("metric") == "annual_turnover").row(0, named=True)
    assert other["value"] < 0.9 * other["base"]
    assert set(noted["note"]) == {"not the same turnover: at some time names could not be traded"}
