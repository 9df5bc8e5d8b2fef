"""Sweeps: every variant is what a run of its own would be, and the ledger gets all of them."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from trading_market import bars, result, scores, weights

from backtests.costs import costs
from backtests.schemas import WEIGHTS
from backtests.sharpe import deflated_sharpe, sharpe_ratio
from backtests.simulation import run
from backtests.sweep import grid, record_all, sweep, trials_of
from backtests.targets import laid_out, outcome_of, targets_of
from backtests.trials import TRIAL_RETURNS, TRIALS, search_of
from backtests.weights import quantile_weights
from research.errors import UnknownSymbolError, UsageError
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
    found = sweep(make("us"), grid(quantiles=[2, 3, 4], every=[1, 5]), bars(), market="us", costs=costs("us"))
    ratios = [sharpe_ratio(part["net_return"].to_numpy()) for part in found.returns.partition_by("variant", maintain_order=True)]
    spread = float(np.std([ratio.value for ratio in ratios], ddof=1))
    assert found.search.n_trials == 6 and found.search.spread == pytest.approx(spread)
    assert found.table["deflated"].to_list() == pytest.approx([deflated_sharpe(ratio, 6, spread) for ratio in ratios])
    assert found.best["sharpe"] == found.table["sharpe"].max()
    assert (found.table["deflated"] <= found.table["probabilistic"] + 1e-12).all()


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
