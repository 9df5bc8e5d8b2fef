"""Sweeps: every variant is what a run of its own would be, and the ledger gets all of them."""

import math
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from trading_market import bars, result, scores, weights

from backtests.costs import costs
from backtests.schemas import WEIGHTS
from backtests.sharpe import deflated_sharpe, sharpe_ratio
from backtests.simulation import run
from backtests.sweep import deflated, grid, record_all, sweep, trials_of
from backtests.targets import laid_out, outcome_of, targets_of
from backtests.trials import TRIAL_RETURNS, TRIALS, Search, record, search_of, trial
from backtests.weights import quantile_weights
from research.errors import SchemaError, UnknownSymbolError, UsageError
from research.store import Store


def make(market: str):
    def made(quantiles: int, every: int) -> pl.DataFrame:
        frame = scores(market)
        kept = frame["session"].unique().sort()[::every]
        return quantile_weights(frame.filter(pl.col("session").is_in(kept.implode())), quantiles=quantiles, long_only=market == "cn")

    return made


@pytest.mark.parametrize("market", ["us", "cn"])
def test_every_variant_is_a_run_of_its_own(market):
    priced, axes = bars(market), grid(quantiles=[2, 4], every=[1, 7])
    found = sweep(make(market), axes, priced, market=market, costs=costs(market))
    assert found.table.select("quantiles", "every").rows() == [(2, 1), (2, 7), (4, 1), (4, 7)]
    for row in found.table.to_dicts():
        alone = run(make(market)(row["quantiles"], row["every"]), priced, market=market, costs=costs(market))
        mine = found.returns.filter(pl.col("variant") == row["variant"])
        assert mine["session"].to_list() == alone.portfolio["session"].to_list()
        assert mine["net_return"].to_list() == alone.portfolio["net_return"].to_list()
        metrics = dict(alone.metrics.select("metric", "value").rows())
        for name in ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "annual_turnover", "annual_cost"):
            assert row[name] == pytest.approx(metrics[name], rel=1e-9), name


def test_the_sharpe_ratios_are_deflated_by_the_whole_sweep():
    found = sweep(make("us"), grid(quantiles=[2, 3, 8], every=[1, 5]), bars(), market="us", costs=costs("us"))
    ratios = [sharpe_ratio(part["net_return"].to_numpy()) for part in found.returns.partition_by("variant", maintain_order=True)]
    spread = float(np.std([ratio.value for ratio in ratios], ddof=1))
    assert found.search.n_trials == 6 and found.search.spread == pytest.approx(spread)
    assert found.table["deflated"].to_list() == pytest.approx([deflated_sharpe(ratio, 6, spread) for ratio in ratios])
    assert found.best["sharpe"] == found.table["sharpe"].max()
    assert (found.table["deflated"] <= found.table["probabilistic"] + 1e-12).all()
    later = deflated(found, Search(40, 40.0, spread, "all"))
    assert later.search.n_trials == 40 and later.table.drop("deflated").equals(found.table.drop("deflated"))
    assert later.table["deflated"].to_list() == pytest.approx([deflated_sharpe(ratio, 40, spread) for ratio in ratios])


def test_variants_with_the_same_returns_count_once():
    # of eight names the outer third and the outer quarter are the same two
    axes = grid(quantiles=[3, 4], every=[1, 5])
    found = sweep(make("us"), axes, bars(), market="us", costs=costs("us"))
    assert found.table["sharpe"].n_unique() == 2 and found.table.height == 4
    assert (found.search.n_trials, found.search.effective) == (2, 2.0)
    alone = sweep(make("us"), axes[2:], bars(), market="us", costs=costs("us"))
    assert found.table["deflated"].to_list()[2:] == alone.table["deflated"].to_list()


def test_the_error_of_a_ratio_is_that_of_the_run():
    found = sweep(make("us"), grid(quantiles=[2], every=[1, 7]), bars(), market="us", costs=costs("us"))
    for row in found.table.to_dicts():
        alone = run(make("us")(row["quantiles"], row["every"]), bars(), market="us", costs=costs("us"))
        assert row["std_error"] == pytest.approx(alone.metrics.filter(pl.col("metric") == "sharpe")["std_error"][0], rel=1e-12)


def test_a_variant_that_starts_later_or_holds_nothing_has_the_same_sessions():
    early, late = weights(), weights().filter(pl.col("session") > weights()["session"].unique().sort()[10])
    chosen = {"early": early, "late": late, "none": WEIGHTS.empty()}
    found = sweep(lambda which: chosen[which], grid(which=list(chosen)), bars(), market="us", costs=costs("us"))
    counts = found.returns.group_by("variant").len().sort("variant")["len"].to_list()
    assert len(set(counts)) == 1
    none = found.table.row(2, named=True)
    assert (none["annual_return"], none["sharpe"], none["deflated"]) == (0.0, None, None)
    start = found.returns.filter((pl.col("variant") == 1) & (pl.col("session") <= late["session"].min()))
    assert start["net_return"].to_list() == [0.0] * start.height


def test_the_ledger_gets_every_variant_once(tmp_path):
    store = Store(tmp_path / "home")
    found = sweep(make("us"), grid(quantiles=[2, 4], every=[1, 7]), bars(), market="us", costs=costs("us"))
    tried = trials_of(found, signal="noise@1", horizon=5, config={"note": "test"})
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert record_all(store, tried, evaluated_at=now) == 4
    assert record_all(store, tried, evaluated_at=now) == 0
    assert record_all(store, [], evaluated_at=now) == 0
    ledger = store.read(TRIALS)
    assert ledger.height == 4 and store.read(TRIAL_RETURNS).height == found.returns.height
    assert search_of(ledger).spread == pytest.approx(found.search.spread)
    assert '"quantiles":2' in ledger.sort("config")["config"][0] and '"note":"test"' in ledger["config"][0]


def test_a_variant_that_was_recorded_by_a_run_of_its_own_is_one_trial(tmp_path):
    store, now = Store(tmp_path / "home"), datetime(2026, 1, 1, tzinfo=UTC)
    # the second variant holds nothing before the tenth session of the first
    late = lambda every, skip: make("us")(2, every).filter(pl.col("session") >= bars()["session"].unique().sort()[skip])  # noqa: E731
    alone = run(late(7, 20), bars(), market="us", costs=costs("us")).portfolio
    span = {"start": alone["session"].min(), "end": alone["session"].max()}
    mine = trial(alone, signal="noise@1", market="us", **span, horizon=1, config={"returns": "given"})
    assert record(store, mine, evaluated_at=now).n_trials == 1
    found = sweep(late, grid(every=[1, 7], skip=[0, 20]), bars(), market="us", costs=costs("us"))
    tried = trials_of(found, signal="noise@1", horizon=5)
    assert [each.row["returns_id"] == mine.row["returns_id"] for each in tried] == [False, False, False, True]
    assert record_all(store, tried, evaluated_at=now) == 3
    assert record_all(store, tried, evaluated_at=now) == 0
    assert search_of(store.read(TRIALS)).n_trials == store.read(TRIALS).height == 4
    # the other way round: the row of the run is kept beside that of the sweep, and still counts once
    other = Store(tmp_path / "other")
    record_all(other, tried, evaluated_at=now)
    assert record(other, mine, evaluated_at=now).n_trials == 4 and other.read(TRIALS).height == 5
    assert search_of(other.read(TRIALS), tried=mine).n_trials == 4
    # another signal or market is another trial
    elsewhere = trial(alone, signal="noise@2", market="us", **span, horizon=1, config={"returns": "given"})
    assert record(other, elsewhere, evaluated_at=now).n_trials == 5


def test_the_heat_map_shows_ratio_and_deflated_ratio():
    found = sweep(make("us"), grid(quantiles=[2, 4], every=[1, 7]), bars(), market="us", costs=costs("us"))
    cells = found.plot().data[0]
    assert (list(cells.x), list(cells.y)) == (["2", "4"], ["1", "7"])
    by = {(row["quantiles"], row["every"]): row for row in found.table.to_dicts()}
    assert cells.z[1][0] == pytest.approx(by[2, 7]["sharpe"])
    assert cells.text[1][0] == f"{by[2, 7]['sharpe']:.2f}<br>{by[2, 7]['deflated']:.0%}"
    one = found.plot(x="every", y="quantiles").data[0]
    assert one.z[0][1] == pytest.approx(by[2, 7]["sharpe"])
    with pytest.raises(UsageError, match="two of the parameters quantiles, every"):
        found.plot(x="alpha")


def test_of_more_than_two_parameters_a_cell_is_the_mean():
    chosen = lambda quantiles, every, scale: make("us")(quantiles, every).with_columns(pl.col("weight") * scale)  # noqa: E731
    found = sweep(chosen, grid(quantiles=[2, 4], every=[7], scale=[0.5, 1.0]), bars(), market="us", costs=costs("us"))
    expected = found.table.filter(pl.col("quantiles") == 4)["sharpe"].mean()
    assert found.plot("quantiles", "every").data[0].z[0][1] == pytest.approx(expected)


def test_what_cannot_be_swept_is_refused():
    call = {"bars": bars(), "market": "us", "costs": costs("us")}
    with pytest.raises(UsageError, match="without variants"):
        sweep(make("us"), [], **call)
    with pytest.raises(UsageError, match="expected quantiles, every as in the first"):
        sweep(make("us"), [{"quantiles": 2, "every": 1}, {"quantiles": 2}], **call)
    with pytest.raises(UsageError, match="gross of 3"):
        sweep(lambda k: weights().with_columns(pl.col("weight") * 3), grid(k=[1]), **call)
    with pytest.raises(UsageError, match="None of the 1 variants has a target"):
        sweep(lambda k: WEIGHTS.empty(), grid(k=[1]), **call)
    with pytest.raises(SchemaError, match="came nan in 116 of 116 rows"):
        sweep(lambda k: weights().with_columns(weight=pl.lit(math.nan)), grid(k=[1]), **call)
    with pytest.raises(UnknownSymbolError, match=r"\{'k': 1\} names 1 symbol without bars \(ZZZ\)"):
        sweep(lambda k: weights().with_columns(symbol=pl.lit("ZZZ")).unique("session"), grid(k=[1]), **call)
    with pytest.raises(UsageError, match="2024-01-06, which is no session of XNYS"):
        sweep(lambda k: weights().with_columns(session=pl.lit(date(2024, 1, 6))).unique("symbol"), grid(k=[1]), **call)
    with pytest.raises(SchemaError, match=r"column volume: came -1\.0"):
        sweep(lambda k: weights(), grid(k=[1]), **{**call, "bars": bars().with_columns(volume=pl.lit(-1.0))})
    late = weights().with_columns(asof=pl.lit(datetime(2024, 12, 31, tzinfo=UTC)).dt.cast_time_unit("us"))
    with pytest.raises(UsageError, match="not before the open it fills at"):
        sweep(lambda k: late, grid(k=[1]), **call)
    early = weights().with_columns(asof=pl.col("session").cast(pl.Datetime("us", "UTC")))
    assert sweep(lambda k: early, grid(k=[1]), **call).table.equals(sweep(lambda k: weights(), grid(k=[1]), **call).table)
    with pytest.raises(UsageError, match="market 'cn' came with market 'us'; expected the same"):
        sweep(lambda k: weights(), grid(k=[1]), **{**call, "costs": costs("cn")})
    with pytest.raises(UsageError, match="expected one of cn, hk, us, crypto"):
        sweep(lambda k: weights(), grid(k=[1]), **{**call, "market": "mars"})
    with pytest.raises(UsageError, match="cash came as nan; expected a positive amount of USD"):
        sweep(lambda k: weights(), grid(k=[1]), **call, cash=math.nan)
    with pytest.raises(UsageError, match="came as NoneType; expected the weights"):
        sweep(lambda k: None, grid(k=[1]), **call)  # type: ignore[arg-type,return-value]


def test_targets_over_a_wider_layout_come_to_the_same():
    ran, priced = result("cn")
    layout = laid_out(priced, priced["symbol"].unique().to_list(), ran.weights["session"].min(), ran.markets)
    out = outcome_of(layout, targets_of(ran.weights, layout), ran.costs, cash=ran.cash)
    assert out.net.tolist() == ran.portfolio["net_return"].to_list()
    assert out.cost.tolist() == ran.portfolio["cost"].to_list()
    assert out.turnover.tolist() == ran.portfolio["turnover"].to_list()
    with pytest.raises(UnknownSymbolError, match="1 symbols have no bars"):
        laid_out(priced, ["600000.SS", "609999.SS"], ran.weights["session"].min(), ran.markets)
    small = laid_out(priced, ["600000.SS"], ran.weights["session"].min(), ran.markets)
    with pytest.raises(UnknownSymbolError, match="were not laid out"):
        targets_of(ran.weights, small)
