"""What positions earned: a hand-worked account, a slow account in dictionaries, and the law that it adds up to the net asset value."""

from datetime import UTC, date, datetime
from itertools import pairwise

import polars as pl
import pytest
from trading_market import result

from backtests.costs import costs
from backtests.holdings import daily_pnl, round_trips, session_remainder, unpriced
from backtests.schemas import WEIGHTS
from backtests.simulation import run
from research.schemas import BARS


def slow(ran, bars: pl.DataFrame) -> dict[tuple[date, str], float]:
    """The result of each name and session, one order and one day after another."""
    close, factor = {}, {}
    for row in bars.sort("session").to_dicts():
        close.setdefault(row["symbol"], []).append((row["session"], None if row["suspended"] else row["close"] * row["adj_factor"]))
        factor.setdefault(row["symbol"], []).append((row["session"], row["adj_factor"]))

    def last(series, day):
        known = [value for when, value in series if when <= day and value is not None]
        return known[-1] if known else 0.0

    found = {}
    days = ran.portfolio["session"].to_list()
    for symbol in ran.orders["symbol"].unique().sort().to_list():
        units, value = 0.0, 0.0
        for day in days:
            cash = 0.0
            for order in ran.orders.filter((pl.col("symbol") == symbol) & (pl.col("session") == day) & (pl.col("filled") != 0)).to_dicts():
                units += order["filled"] / last(factor[symbol], day)
                cash -= order["filled"] * order["fill_price"] + order["commission"] + order["stamp_duty"] + order["transfer_fee"]
            units = 0.0 if abs(units) < 1e-6 else units
            now = units * last(close[symbol], day)
            if cash or units or value:
                found[day, symbol] = now - value + cash
            value = now
    return found


@pytest.mark.parametrize("market", ["us", "cn"])
def test_equals_a_slow_account_and_adds_up(market):
    ran, bars = result(market)
    pnl = daily_pnl(ran, bars)
    expected = slow(ran, bars)
    assert {(row["session"], row["symbol"]) for row in pnl.to_dicts()} == set(expected)
    for row in pnl.to_dicts():
        assert row["pnl"] == pytest.approx(expected[row["session"], row["symbol"]], abs=1e-5)
        assert row["pnl"] == pytest.approx(row["overnight"] + row["intraday"], abs=1e-6)
    rest = session_remainder(ran, pnl)
    borrow = ran.charges["borrow"] + ran.charges["financing"]
    assert rest["remainder"].to_list() == pytest.approx((-borrow).to_list(), abs=1e-5)
    assert rest["change"].sum() == pytest.approx((ran.portfolio["nav"][-1] - 1) * ran.cash)


def test_overnight_belongs_to_the_decision_before():
    days = [date(2024, 1, day) for day in (2, 3, 4, 5)]
    prices = [(10.0, 10.0), (10.0, 11.0), (12.0, 12.0), (13.0, 12.5)]
    rows = [
        {"symbol": "TTA", "session": day, "open": o, "close": c, "adj_factor": 1.0, "volume": 1e6, "suspended": False, "currency": "USD",
         "available_at": datetime(2024, 1, day.day, 22, tzinfo=UTC), "source": "test"}
        for day, (o, c) in zip(days, prices, strict=True)
    ]  # fmt: skip
    bars = BARS.frame(rows)
    weights = WEIGHTS.frame([{"session": days[0], "symbol": "TTA", "weight": 0.5}, {"session": days[2], "symbol": "TTA", "weight": 0.0}])
    ran = run(weights, bars, market="us", costs=costs("us").scaled(0), cash=1000.0)
    pnl = daily_pnl(ran, bars)
    # 50 shares: bought at 10 (to 11), 11 to 12 overnight, 12 to 12 by day, sold at 13 the next open
    assert pnl.select("overnight", "intraday", "pnl", "value").rows() == [
        (0.0, 50.0, 50.0, 550.0),
        (50.0, 0.0, 50.0, 600.0),
        (50.0, 0.0, 50.0, 0.0),
    ]
    assert pnl.select("held_since", "decided_session").rows() == [(None, days[0]), (days[0], days[0]), (days[0], days[0])]
    (trip,) = round_trips(pnl).to_dicts()
    assert trip == {
        "symbol": "TTA", "side": "long", "decided": days[0], "opened": days[1], "closed": days[3], "sessions": 3, "invested": 600.0,
        "pnl": 150.0, "trade_return": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize("market", ["us", "cn"])
def test_round_trips_part_the_result(market):
    ran, bars = result(market)
    pnl = daily_pnl(ran, bars)
    trips = round_trips(pnl)
    assert trips["pnl"].sum() == pytest.approx(pnl["pnl"].sum())
    assert trips["pnl"].is_sorted(descending=True)
    assert trips["sessions"].sum() == pnl.height
    for part in trips.sort("symbol", "opened").partition_by("symbol"):
        rows = part.to_dicts()
        assert all(a["opened"] < a["closed"] <= b["opened"] for a, b in pairwise(rows))
    assert set(trips["side"]) == ({"long", "short"} if market == "us" else {"long"})


def test_a_run_without_fills_earned_nothing():
    ran, bars = result("us", cash=1.0)
    assert ran.orders.filter(pl.col("filled") != 0).is_empty()
    pnl = daily_pnl(ran, bars)
    assert pnl.is_empty() and round_trips(pnl).is_empty()
    assert session_remainder(ran, pnl)["remainder"].abs().max() == 0


@pytest.mark.parametrize(
    ("last_bar", "suspended", "after", "names"), [(14, False, 5, 0), (4, False, 5, 1), (4, True, 5, 1), (4, False, 12, 0)]
)
def test_what_stands_at_an_old_price_is_counted(last_bar, suspended, after, names):
    from research.calendar import sessions

    days = sessions("XNYS", "2024-01-02", "2024-01-31")["session"].to_list()[:15]
    rows = []
    for symbol, end in (("AAA", 14), ("BBB", last_bar)):
        for k, day in enumerate(days):
            if k > end and not suspended:
                continue
            rows.append(
                {
                    "symbol": symbol, "session": day, "open": 10.0, "close": 10.0, "adj_factor": 1.0, "volume": 0.0 if k > end else 1e6,
                    "suspended": k > end, "currency": "USD", "available_at": datetime(day.year, day.month, day.day, 21, tzinfo=UTC),
                    "source": "test",
                }
            )  # fmt: skip
    bars = BARS.frame(rows)
    weights = WEIGHTS.frame([{"session": days[0], "symbol": symbol, "weight": share} for symbol, share in (("AAA", 0.25), ("BBB", 0.5))])
    ran = run(weights, bars, market="us", costs=costs("us").scaled(0), cash=100_000.0)
    found = unpriced(ran, daily_pnl(ran, bars), bars, after)
    assert (found.session, found.names) == (days[-1], names)
    assert found.share == pytest.approx(0.5 * names)
