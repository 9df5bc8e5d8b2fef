"""Bars as matrices, and the labels made of them, against plain loops."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.bar_grid import bar_grid
from backtests.evaluation import evaluate, judged_among
from backtests.labels import forward_returns, returns_ahead
from backtests.predictive import coefficient_errors, grouped_coefficient, hit_rate, information_coefficient
from backtests.quantiles import quantile_returns, quantile_series, spread_returns
from backtests.scored import by_horizon, scores_of
from backtests.trials import TRIALS
from research.calendar import sessions
from research.errors import EstimationError, SchemaError, UsageError
from research.schemas import BARS
from signals.schemas import SIGNALS

CN, HK = sessions("XSHG", "2024-01-02", "2024-02-29"), sessions("XHKG", "2024-01-02", "2024-02-29")
BOTH = pl.concat([CN, HK])
NAMES = ("600001.SS", "600002.SS", "000003.SZ", "0001.HK", "0002.HK")


def market(seed: int, keep: float = 0.8) -> pl.DataFrame:
    """Bars of two markets with days left out, suspensions, absent opens and changing factors, in mixed order."""
    rng = np.random.default_rng(seed)
    rows = []
    for name in NAMES:
        for day in (HK if name.endswith("HK") else CN)["session"]:
            if rng.random() < keep:
                rows.append(
                    {
                        "symbol": name, "session": day, "open": None if rng.random() < 0.1 else float(rng.uniform(5, 20)),
                        "close": float(rng.uniform(5, 20)), "volume": 1.0, "adj_factor": float(rng.uniform(1, 2)),
                        "suspended": bool(rng.random() < 0.1), "currency": "HKD" if name.endswith("HK") else "CNY", "source": "made",
                        "available_at": datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
                    }
                )  # fmt: skip
    return BARS.frame(rows).sample(fraction=1.0, shuffle=True, seed=seed)


def by_loops(bars: pl.DataFrame, horizons: tuple[int, ...]) -> list[tuple[date, str, int, float]]:
    """The labels by the words of the docstring: open of t+1 to the last close up to t+h, where the market has a bar by then."""
    found = []
    for mic, ends in (("XSHG", (".SS", ".SZ")), ("XHKG", (".HK",))):
        days = BOTH.filter(pl.col("mic") == mic)["session"].to_list()
        mine = {(r["symbol"], r["session"]): r for r in bars.iter_rows(named=True) if r["symbol"].endswith(ends) and r["session"] in days}
        covered = max((days.index(day) for _, day in mine), default=-1)
        for name in {symbol for symbol, _ in mine}:
            for t in range(len(days) - 1):
                fill = mine.get((name, days[t + 1]))
                if fill is None or fill["suspended"] or fill["open"] is None:
                    continue
                for h in horizons:
                    if t + h <= covered:
                        last = next(mine[name, days[k]] for k in range(t + h, -1, -1) if (name, days[k]) in mine)
                        value = last["close"] * last["adj_factor"] / (fill["open"] * fill["adj_factor"]) - 1
                        found.append((days[t], name, h, value))
    return sorted(found)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((0.3, 0.8, 1.0)))
def test_labels_are_those_of_a_loop_over_the_bars(seed, keep):
    bars = market(seed, keep)
    labels = forward_returns(bars, BOTH, horizons=(1, 3, 40))
    assert labels.select("session", "symbol", "horizon", "forward_return").rows() == by_loops(bars, (1, 3, 40))
    closes = {(row["mic"], row["session"]): row["close_at"] for row in BOTH.iter_rows(named=True)}
    for row in labels.sample(min(labels.height, 20), seed=seed).iter_rows(named=True):
        mic = "XHKG" if row["symbol"].endswith("HK") else "XSHG"
        days = [day for own, day in sorted(closes) if own == mic]
        assert row["ends_at"] == closes[mic, days[days.index(row["session"]) + row["horizon"]]]


def scores(bars: pl.DataFrame, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    keys = bars.select("session", "symbol").vstack(pl.DataFrame({"session": [CN["session"][3]], "symbol": ["NONE.SS"]}))
    made = keys.with_columns(
        signal=pl.lit("x@1"), asof=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        horizon=pl.lit(3, dtype=pl.Int16), score=pl.Series(np.round(rng.normal(size=keys.height), 1)), run_id=pl.lit(""),
    )  # fmt: skip
    return SIGNALS.validate(made.select(*SIGNALS.schema)).sample(fraction=0.9, shuffle=True, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_every_judgement_is_the_same_of_matrices_and_of_the_table(seed):
    bars = market(seed)
    score, ahead = scores(bars, seed), returns_ahead(bars, BOTH, horizons=(1, 3, 10))
    table = ahead.table()
    assert ahead.horizons == [1, 3, 10] and ahead.height == table.height
    for one, other in zip(by_horizon(scores_of(score), ahead), by_horizon(scores_of(score), table), strict=True):
        assert one.select(other.columns).equals(other) and one.height > 0
    groups = pl.DataFrame({"symbol": NAMES, "side": ["a", "b", "a", "b", None]})
    for judge in (
        lambda labels: information_coefficient(score, labels).daily,
        lambda labels: information_coefficient(score, labels, method="pearson").summary,
        lambda labels: coefficient_errors(score, labels, draws=20),
        lambda labels: hit_rate(score, labels),
        lambda labels: grouped_coefficient(score, labels, groups, "side"),
        lambda labels: quantile_series(score, labels, quantiles=2),
        lambda labels: quantile_returns(score, labels, quantiles=2),
        lambda labels: spread_returns(score, labels, horizon=3, quantiles=2, cost=0.001),
        lambda labels: evaluate(score, labels, market="cn", quantiles=2, draws=20).performance,
    ):
        found = judge(ahead)
        assert found.height > 0 and found.equals(judge(table))


def test_a_judgement_against_a_ledger_is_the_one_that_knew_it_from_the_start():
    bars = market(7)
    score, ahead = scores(bars, 7), returns_ahead(bars, BOTH, horizons=(1, 3))
    alone = evaluate(score, ahead, market="cn", quantiles=2, draws=20)
    ledger = pl.concat([alone.trial.table("2024-03-01T00:00+00:00"), TRIALS.empty()])
    other = ledger.with_columns(trial_id=pl.lit("another"), sharpe=pl.lit(0.5), returns_id=pl.lit("x"))
    ledger = pl.concat([ledger, other])
    later, whole = judged_among(alone, ledger), evaluate(score, ahead, market="cn", quantiles=2, draws=20, trials=ledger)
    assert alone.search is None and later.search is not None and later.search.n_trials == 2
    assert later.search == whole.search and later.performance.equals(whole.performance)
    assert "deflated_sharpe" in later.performance["metric"] and "deflated_sharpe" not in alone.performance["metric"]


def test_scores_without_labels_and_horizons_without_labels_are_told():
    bars = market(1)
    ahead = returns_ahead(bars, BOTH, horizons=(1, 500))
    assert ahead.horizons == [1]
    with pytest.raises(UsageError, match="horizon came as 500; the labels have 1"):
        spread_returns(scores(bars, 1), ahead, horizon=500)
    with pytest.raises(EstimationError, match=r"None of the .* has one of the"):
        evaluate(scores(bars, 1).with_columns(pl.col("session") + timedelta(days=400)), ahead, market="cn")
    with pytest.raises(UsageError, match="horizons came as"):
        returns_ahead(bars, BOTH, horizons=())


def test_cells_by_hand():
    bars = market(2, 1.0).filter(pl.col("symbol").is_in(["600001.SS", "000003.SZ"]))
    grid, cells = bar_grid(bars, CN["session"].head(3))
    assert grid.symbols == ["000003.SZ", "600001.SS"] and grid.shape == (3, 2)
    day = {session: k for k, session in enumerate(CN["session"].head(3))}
    assert cells.tolist() == [day[d] * 2 + (s == "600001.SS") if d in day else -1 for s, d in bars.select("symbol", "session").rows()]
    asked = pl.Series([CN["session"][2], CN["session"][0], date(2023, 1, 1), CN["session"][5]], dtype=pl.Date)
    assert grid.cells(asked, pl.Series(["600001.SS", "X", "600001.SS", "600001.SS"])).tolist() == [5, -1, -1, -1]
    closes = grid.laid(cells, bars["close"].to_numpy(), np.nan, (bars["symbol"] == "600001.SS").to_numpy())
    assert np.isnan(closes[:, 0]).all()
    told = bars.filter(pl.col("symbol") == "600001.SS").sort("session")["close"].head(3).to_list()
    assert closes[:, 1].tolist() == told


def test_two_bars_of_one_key_are_refused():
    bars = market(3)
    doubled = pl.concat([bars, bars.filter(pl.col("symbol") == "600001.SS").head(1)])
    with pytest.raises(SchemaError, match="share a key"):
        forward_returns(doubled, BOTH)
