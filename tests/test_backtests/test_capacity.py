"""The capacity curve: each point is a run with that cash, a cap and impact; the crossings by hand."""

from dataclasses import replace

import polars as pl
import pytest
from trading_market import bars as made_bars
from trading_market import weights

from backtests.capacity import _crossing, capacity
from backtests.costs import costs
from backtests.execution import Execution
from backtests.schemas import WEIGHTS
from backtests.simulation import run
from research.errors import UsageError


@pytest.fixture(scope="module")
def lucky():
    """A portfolio that knows the next day's best name: something that capital can eat."""
    bars = made_bars(volume=1e5)
    seen = bars.with_columns(_next=(pl.col("close") / pl.col("open") - 1).shift(-1).over("symbol", order_by="session")).drop_nulls("_next")
    top = seen.filter(pl.col("_next") == pl.col("_next").max().over("session")).unique("session", keep="first", maintain_order=True)
    chosen = WEIGHTS.validate(top.select("session", "symbol", weight=pl.lit(1.0)).sort("session"))
    return run(chosen, bars, market="us", costs=costs("us"), cash=1e5), bars


def test_every_point_is_a_run_of_its_own(lucky):
    ran, bars = lucky
    found = capacity(ran, bars, capitals=[1e5, 1e7], participation=0.05, impact=0.8)
    for row in found.curve.to_dicts():
        alone = run(
            ran.weights,
            bars,
            market="us",
            costs=replace(ran.costs, impact=0.8),
            cash=row["capital"],
            execution=Execution(participation=0.05),
        )
        metrics = dict(alone.metrics.select("metric", "value").rows())
        for name in ("annual_return", "sharpe", "annual_cost", "annual_turnover"):
            assert row[name] == pytest.approx(metrics[name], rel=1e-9), name
    small = run(ran.weights, bars, market="us", costs=ran.costs, cash=1e5)
    assert found.sharpe == pytest.approx(dict(small.metrics.select("metric", "value").rows())["sharpe"])


def test_more_money_earns_less_and_leaves_more_unfilled(lucky):
    ran, bars = lucky
    found = capacity(ran, bars, capitals=[10.0**k for k in range(4, 10)])
    assert found.curve["sharpe"].is_sorted(descending=True) or found.zero is not None
    assert found.curve["unfilled"].to_list() == sorted(found.curve["unfilled"].to_list()) and found.curve["unfilled"][-1] > 0.5
    assert found.half is not None and 1e4 < found.half < 1e9
    assert found.zero is None or found.half < found.zero
    assert "at most 10% of the mean volume" in found.note
    assert {len(trace.x) for trace in found.plot().data} == {found.curve.filter(pl.col("unfilled") <= 0.5).height}


def test_crossings_by_hand():
    curve = pl.DataFrame({"capital": [1e6, 1e8, 1e10], "sharpe": [2.0, 1.0, -1.0]})
    assert _crossing(curve, 1.5) == pytest.approx(1e7), "half way in the logarithm"
    assert _crossing(curve, 0.0) == pytest.approx(1e9)
    assert _crossing(curve, 3.0) is None and _crossing(curve, -2.0) is None
    assert _crossing(curve.with_columns(sharpe=pl.Series([2.0, None, -2.0])), 0.0) == pytest.approx(1e8)


def test_what_earns_nothing_has_no_capacity():
    bars = made_bars()
    ran = run(weights().with_columns(pl.col("weight") * 1.0), bars, market="us", costs=costs("us").scaled(400))
    assert dict(ran.metrics.select("metric", "value").rows())["sharpe"] < 0
    found = capacity(ran, bars, capitals=[1e6])
    assert (found.half, found.zero) == (None, None) and "no capacity to speak of" in found.note


def test_where_nothing_is_traded_nothing_is_filled(lucky):
    ran, bars = lucky
    found = capacity(ran, bars.with_columns(volume=pl.lit(0.0)), capitals=[1e6])
    assert found.curve.select("sharpe", "annual_turnover", "unfilled").rows() == [(None, 0.0, 1.0)]


def test_wrong_arguments_are_refused(lucky):
    ran, bars = lucky
    for wrong in ({"capitals": []}, {"capitals": [2.0, 1.0]}, {"capitals": [-1.0]}):
        with pytest.raises(UsageError, match="rising order"):
            capacity(ran, bars, **wrong)
    with pytest.raises(UsageError, match="participation and impact"):
        capacity(ran, bars, participation=0.0)
