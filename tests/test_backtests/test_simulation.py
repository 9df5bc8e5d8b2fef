"""The simulation against an account kept in plain python, five lines of ledger by hand, and laws."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from backtests.costs import Costs, costs
from backtests.rules import rules_of
from backtests.schemas import METRICS, ORDERS, PORTFOLIO
from backtests.simulation import run
from research.errors import SchemaError, UnknownSymbolError, UsageError
from research.schemas import BARS


def weekdays(n: int, start: date = date(2023, 7, 3)) -> list[date]:
    days: list[date] = []
    while len(days) < n:
        if start.weekday() < 5:
            days.append(start)
        start += timedelta(days=1)
    return days


def bar(symbol: str, session: date, open_: float | None, close: float, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": symbol, "session": session, "open": open_, "close": close, "volume": 1e6, "adj_factor": 1.0, "suspended": False,
        "currency": {"SS": "CNY", "SZ": "CNY", "BJ": "CNY", "HK": "HKD"}.get(symbol[-2:], "USD"), "source": "test",
        "available_at": datetime(session.year, session.month, session.day, 7, tzinfo=UTC),
    }  # fmt: skip
    return row | more


def weight(session: date, symbol: str, value: float) -> dict[str, object]:
    return {"session": session, "symbol": symbol, "weight": value}


def weights(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"session": pl.Date, "symbol": pl.String, "weight": pl.Float64})


def names(market: str, m: int) -> list[str]:
    if market == "cn":
        return ["600101.SS", "688102.SS", "000103.SZ", "430104.BJ", "510105.SS", "300106.SZ", "600107.SS", "688108.SS"][:m]
    return [f"{900 + k:04d}.HK" for k in range(m)] if market == "hk" else [f"AA{chr(65 + k)}" for k in range(m)]


def random_market(market: str, seed: int, n: int = 60, m: int = 8, dividends: bool = True) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars with gaps, suspensions, limits, dividends, a delisting and a late listing; weights that are not always feasible."""
    rng = np.random.default_rng(seed)
    days, rows, symbols = weekdays(n), [], names(market, m)
    for k, symbol in enumerate(symbols):
        close, factor = 5 + 40 * rng.random(), 1.0
        first, last = (10 if k == 1 else 0), (n - 30 if k == 2 else n)
        for i in range(first, last):
            if rng.random() < 0.02:
                continue
            paused = rng.random() < 0.04
            if dividends and rng.random() < 0.03:
                factor *= 1 + 0.04 * rng.random()
                close /= 1.02
            up, down = round(close * 1.1, 2), round(close * 0.9, 2)
            open_ = min(max(round(close * (1 + rng.normal(0, 0.02)), 2), down), up)
            if rng.random() < 0.05:
                open_ = up if rng.random() < 0.5 else down
            if paused:
                rows.append(bar(symbol, days[i], None, close, suspended=True, adj_factor=factor, volume=0.0))
                continue
            close = min(max(round(open_ * (1 + rng.normal(0, 0.02)), 2), down), up)
            limits = {} if rng.random() < 0.1 else {"limit_up": up, "limit_down": down}
            rows.append(bar(symbol, days[i], open_, close, adj_factor=factor, **limits))
    targets = []
    for i in range(2, n, 4):
        raw = rng.normal(size=m) if market != "cn" or seed % 3 == 0 else rng.random(m)
        raw *= rng.random(m) < 0.7
        gross = {"cn": 1.0, "hk": 1.6, "us": 2.0}[market] * (0.5 + 0.5 * rng.random())
        if np.abs(raw).sum() > 0:
            targets += [
                weight(days[i], s, gross * x / np.abs(raw).sum()) for s, x in zip(symbols, raw, strict=True) if x != 0 or rng.random() < 0.3
            ]
    frame = pl.DataFrame(rows, schema_overrides={"limit_up": pl.Float64, "limit_down": pl.Float64, "open": pl.Float64})
    return BARS.validate(frame), weights(targets)


class Account:
    """An account kept share by share with dictionaries: the oracle. Nothing here is taken from the simulation."""

    def __init__(self, market: str, costs: Costs, cash: float, delisting_after: int, haircut: float) -> None:
        self.rules, self.costs, self.cash, self.wait, self.haircut = rules_of(market), costs, cash, delisting_after, haircut
        self.debt = 0.0
        self.shares: dict[str, float] = {}
        self.fills: list[tuple[object, ...]] = []
        self.navs: list[float] = []
        self.costs_paid: list[float] = []

    def fee(self, symbol: str, day: date, shares: float, price: float, sale: bool) -> tuple[float, float, float]:
        c, value = self.costs, shares * price
        side = "sell" if sale else "buy"
        commission = max(c.minimum_commission, c.commission * value)
        if c.is_exempt(symbol):
            duty = levy = 0.0
        else:
            duty, levy = value * c.rate(f"stamp_duty_{side}", day), value * c.rate(f"levy_{side}", day)
        if sale:
            levy += min(c.rate("share_fee_cap", day), c.rate("share_fee_sell", day) * shares)
        return commission, duty, levy

    def lots(self, symbol: str, shares: float) -> float:
        least, step = self.rules.lot(symbol)
        rounded = math.floor(shares / step + 1e-9) * step
        return float(rounded) if rounded >= least else 0.0

    def affordable(self, symbol: str, day: date, shares: float, price: float) -> float:
        """Largest number of lots that cash pays for, by bisection."""
        least, step = self.rules.lot(symbol)

        def cost(q: float) -> float:
            return q * price + sum(self.fee(symbol, day, q, price, False))

        low, high = 0, int(shares // step) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if cost(middle * step) <= self.cash else (low, middle)
        return float(low * step) if low * step >= least and cost(low * step) <= self.cash else 0.0

    def play(self, bars: pl.DataFrame, targets: pl.DataFrame) -> None:
        book = {(r["symbol"], r["session"]): r for r in bars.iter_rows(named=True)}
        wanted: dict[date, dict[str, float]] = {}
        for r in targets.iter_rows(named=True):
            wanted.setdefault(r["session"], {})[r["symbol"]] = r["weight"]
        calendar, symbols, start = sorted({k[1] for k in book}), sorted({s for w in wanted.values() for s in w}), min(wanted)
        last: dict[str, float] = {}  # last total-return close
        factor: dict[str, float] = {}
        absent = dict.fromkeys(symbols, 0)
        previous: date | None = None
        spread = self.costs.half_spread / 1e4
        for day in calendar:
            bought: set[str] = set()
            today = {s: book.get((s, day)) for s in symbols}
            if previous is not None and previous >= start:
                absent = {s: 0 if today[s] else absent[s] + 1 for s in symbols}
            elif day > start:
                absent = {s: 0 if today[s] else 1 for s in symbols}
            paid = 0.0
            for s in symbols:
                if self.shares.get(s, 0.0) < 0 and previous is not None:
                    owed = -self.shares[s] / factor[s] * last[s] * self.costs.borrow_rate * (day - previous).days / 365
                    self.debt, paid = self.debt + owed, paid + owed
            settled = min(self.debt, self.cash)
            self.cash, self.debt = self.cash - settled, self.debt - settled
            for s in symbols:  # a dividend or split turns into more shares
                row = today[s]
                if row:
                    if s in factor and self.shares.get(s):
                        self.shares[s] *= row["adj_factor"] / factor[s]
                    factor[s] = row["adj_factor"]
            opens = {s: r["open"] for s, r in today.items() if r and not r["suspended"] and r["open"] is not None}
            mark = {s: opens.get(s, last[s] / factor[s] if s in last else None) for s in symbols}
            if day > start:
                nav = self.cash - self.debt + sum(q * mark[s] for s, q in self.shares.items() if q)
                due = [d for d in wanted if (previous is None or d >= previous) and d < day]
                goals = wanted[max(due)] if due else None
                gone = [s for s in symbols if self.shares.get(s) and absent[s] >= self.wait]
                for s in gone:
                    price = last[s] / factor[s] * (1 - self.haircut if self.shares[s] > 0 else 1)
                    self.fills.append((day, s, -self.shares[s], -self.shares[s], price, 0.0, 0.0, 0.0, 0.0, None))
                    self.cash += self.shares.pop(s) * price
                if goals is not None:
                    live = [s for s in symbols if s not in gone and (goals.get(s, 0.0) != 0 or self.shares.get(s))]
                    key = {s: goals.get(s, 0.0) * nav - self.shares.get(s, 0.0) * (mark[s] or 0.0) if mark[s] else math.inf for s in live}
                    for s in sorted(live, key=lambda s: (key[s], s)):
                        paid += self.order(s, day, goals.get(s, 0.0), nav, mark[s], opens.get(s), today[s], spread, bought)
            for s, row in today.items():
                if row and not row["suspended"]:
                    last[s] = row["close"] * row["adj_factor"]
            if day > start:
                self.navs.append(self.cash - self.debt + sum(q * last[s] / factor[s] for s, q in self.shares.items() if q))
                self.costs_paid.append(paid)
            previous = day

    def order(
        self,
        s: str,
        day: date,
        goal: float,
        nav: float,
        mark: float | None,
        open_: float | None,
        row: dict[str, float] | None,
        spread: float,
        bought: set[str],
    ) -> float:
        held = self.shares.get(s, 0.0)

        def note(asked: float, done: float, price: float | None, fees: tuple[float, float, float], slip: float, why: str | None) -> float:
            self.fills.append((day, s, asked, done, price, *fees, slip, why))
            return sum(fees) + slip

        none = (0.0, 0.0, 0.0)
        if mark is None:
            return note(0.0, 0.0, None, none, 0.0, "suspended")
        wish = goal * nav / mark - held
        if abs(wish) <= 1e-9 * max(1.0, abs(held)):
            return 0.0
        if open_ is None or row is None:
            return note(wish, 0.0, None, none, 0.0, "suspended")
        banned = goal < 0 and not self.rules.short_selling
        asked = abs(wish) if goal == 0 or banned else self.lots(s, abs(wish))
        if asked == 0:
            return note(wish, 0.0, None, none, 0.0, "lot")
        up = row["limit_up"] if self.rules.price_limits and row["limit_up"] is not None else math.inf
        down = row["limit_down"] if self.rules.price_limits and row["limit_down"] is not None else 0.0
        if wish > 0:
            if open_ >= up:
                return note(asked, 0.0, None, none, 0.0, "limit_up")
            price = min(open_ * (1 + spread), up)
            done, why = asked, None
            if asked * price + sum(self.fee(s, day, asked, price, False)) > self.cash:
                done, why = self.affordable(s, day, asked, price), "cash"
                if done == 0:
                    return note(asked, 0.0, None, none, 0.0, "cash")
            fees = self.fee(s, day, done, price, False)
            self.cash -= done * price + sum(fees)
            self.shares[s] = 0.0 if goal == 0 and why is None else held + done
            bought.add(s)
            return note(asked, done, price, fees, done * (price - open_), why)
        done, why = (held, "no_short") if banned else (asked, None)
        if done > 0 and open_ <= down:
            done, why = 0.0, "limit_down"
        if done == 0:
            return note(-asked, 0.0, None, none, 0.0, why)
        price = max(open_ * (1 - spread), down)
        fees = self.fee(s, day, done, price, True)
        if sum(fees) > done * price:
            return note(-asked, 0.0, None, none, 0.0, "cash")
        self.cash += done * price - sum(fees)
        self.shares[s] = 0.0 if goal == 0 or banned else held - done
        return note(-asked, -done, price, fees, done * (open_ - price), why)


@pytest.mark.parametrize("market", ["cn", "hk", "us"])
@pytest.mark.parametrize("seed", range(9))
def test_every_fill_fee_and_balance_equals_the_account_kept_by_hand(market: str, seed: int) -> None:
    bars, targets = random_market(market, seed)
    charged = costs(market)
    cash = [10_000_000.0, 300_000.0, 40_000.0][seed % 3]
    haircut = 0.3 if seed % 2 else 0.0
    oracle = Account(market, charged, cash, 5, haircut)
    oracle.play(bars, targets)
    result = run(targets, bars, market=market, costs=charged, cash=cash, delisting_after=5, haircut=haircut)

    columns = ["session", "symbol", "requested", "filled", "fill_price", "commission", "stamp_duty", "transfer_fee", "slippage", "reason"]
    came = result.orders.select(columns).rows()
    expected = sorted(oracle.fills, key=lambda r: (r[0], r[1]))
    assert [(r[0], r[1], r[-1]) for r in came] == [(r[0], r[1], r[-1]) for r in expected]
    for mine, theirs in zip(came, expected, strict=True):
        assert (mine[4] is None) == (theirs[4] is None), (mine, theirs)
        numbers = [[x or 0.0 for x in side[2:9]] for side in (mine, theirs)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-9, abs=1e-6), (mine, theirs)
    assert result.portfolio["nav"].to_numpy() * cash == pytest.approx(oracle.navs, rel=1e-9)
    before = np.concatenate([[cash], oracle.navs[:-1]])
    assert result.portfolio["cost"].to_numpy() == pytest.approx(np.array(oracle.costs_paid) / before, rel=1e-9, abs=1e-15)


def test_the_random_markets_meet_every_reason_and_status() -> None:
    seen: set[object] = set()
    for market, cash in (("cn", 40_000.0), ("cn", 10_000_000.0), ("us", 40_000.0)):
        for seed in range(4):
            bars, targets = random_market(market, seed)
            orders = run(targets, bars, market=market, costs=costs(market), cash=cash).orders
            ORDERS.validate(orders)
            seen |= set(orders["reason"].to_list()) | set(orders["status"].to_list())
            assert orders.filter((pl.col("status") != "filled") & pl.col("reason").is_null()).is_empty(), (
                "every order that was cut says why"
            )
    assert seen >= {"filled", "partial", "rejected", None, "limit_up", "limit_down", "suspended", "lot", "cash", "no_short"}


def test_five_lines_of_ledger_by_hand() -> None:
    """Buy 100 % of one name on the mainland, sell it all; every figure worked out with a pencil."""
    d = weekdays(5, date(2023, 8, 24))  # Thu 24, Fri 25, Mon 28 (stamp duty halves), Tue 29, Wed 30
    bars = BARS.frame(
        [
            bar("600001.SS", d[0], 10.0, 10.0),
            bar("600001.SS", d[1], 10.0, 11.0),
            bar("600001.SS", d[2], 11.0, 12.0),
            bar("600001.SS", d[3], 12.0, 12.0),
            bar("600001.SS", d[4], 12.0, 9.0),
        ]
    )
    charged = replace(costs("cn"), half_spread=10.0)
    result = run(
        weights([weight(d[0], "600001.SS", 1.0), weight(d[1], "600001.SS", 0.5), weight(d[2], "600001.SS", 0.0)]),
        bars,
        market="cn",
        costs=charged,
        cash=100_000.0,
    )
    # 1. Fri: 10,000 shares wanted; at 10.01 with fees of 0.026 % cash pays for 9,900 (99,099 + 24.77475 + 0.99099 = 99,124.76574).
    # 2. Mon: open 11: nav = 875.23426 + 9,900 x 11 = 109,775.23426; half of it is 4,989.78 shares; sell 4,910.2 -> 4,900 at 10.989 = 53,846.10.
    #    commission 13.461525, stamp duty 0.05 % 26.92305, transfer 0.538461.
    # 3. Tue: sell the other 5,000 at 11.988 = 59,940: commission 14.985, stamp duty 29.97, transfer 0.5994.
    rows = result.orders.select(
        "requested", "filled", "fill_price", "commission", "stamp_duty", "transfer_fee", "slippage", "status", "reason"
    ).rows()
    expected = [
        (10_000.0, 9_900.0, 10.01, 24.77475, 0.0, 0.99099, 99.0, "partial", "cash"),
        (-4_900.0, -4_900.0, 10.989, 13.461525, 26.92305, 0.538461, 53.9, "filled", None),
        (-5_000.0, -5_000.0, 11.988, 14.985, 29.97, 0.5994, 60.0, "filled", None),
    ]
    for came, wanted in zip(rows, expected, strict=True):
        assert came[:7] == pytest.approx(wanted[:7], rel=1e-12)
        assert came[7:] == wanted[7:]
    cash = [100_000 - 99_124.76574]
    cash.append(cash[0] + 53_846.10 - 40.923036)
    cash.append(cash[1] + 59_940 - 45.5544)
    nav = [cash[0] + 9_900 * 11, cash[1] + 5_000 * 12, cash[2], cash[2]]
    assert result.portfolio["nav"].to_list() == pytest.approx([x / 100_000 for x in nav], rel=1e-12)
    assert result.portfolio["turnover"].to_list() == pytest.approx([99_000 / 100_000, 53_900 / nav[0], 60_000 / nav[1], 0.0], rel=1e-12)
    assert result.portfolio["gross_exposure"].to_list() == pytest.approx([108_900 / nav[0], 60_000 / nav[1], 0.0, 0.0], rel=1e-12)


def test_zero_weights_keep_the_value_at_one() -> None:
    bars, targets = random_market("cn", 1)
    result = run(targets.with_columns(weight=pl.lit(0.0)), bars, market="cn", costs=costs("cn"))
    assert set(result.portfolio["nav"].to_list()) == {1.0}
    assert result.orders.is_empty()


@pytest.mark.parametrize("market", ["cn", "hk", "us"])
def test_more_fees_never_raise_the_net_return(market: str) -> None:
    # A large account, so that lots and minimum fees do not decide which shares are held.
    for seed in range(4):
        bars, targets = random_market(market, seed)
        free = targets.with_columns(pl.col("weight") * 0.8)
        ends = [run(free, bars, market=market, costs=costs(market).scaled(k), cash=1e9).portfolio["nav"][-1] for k in (0.0, 1.0, 2.0, 4.0)]
        assert ends == sorted(ends, reverse=True)


def test_net_plus_cost_is_gross_and_value_chains() -> None:
    bars, targets = random_market("us", 3)
    portfolio = run(targets, bars, market="us", costs=costs("us")).portfolio
    PORTFOLIO.validate(portfolio)
    assert (portfolio["net_return"] + portfolio["cost"] - portfolio["gross_return"]).abs().max() < 1e-15
    assert np.cumprod(1 + portfolio["net_return"].to_numpy()) == pytest.approx(portfolio["nav"].to_numpy(), rel=1e-12)
    free = run(targets, bars, market="us", costs=costs("us").scaled(0)).portfolio
    assert free["cost"].max() == 0 and free["gross_return"].equals(free["net_return"])


def test_the_order_of_rows_does_not_matter() -> None:
    bars, targets = random_market("cn", 4)
    kwargs = {"market": "cn", "costs": costs("cn"), "seed": 7}
    first = run(targets, bars, **kwargs)
    second = run(targets.sample(fraction=1, shuffle=True, seed=1), bars.sample(fraction=1, shuffle=True, seed=2), **kwargs)
    assert first.portfolio.equals(second.portfolio)
    assert first.orders.equals(second.orders)
    assert first.metrics.equals(second.metrics)


@pytest.mark.parametrize("seed", [2, 5])
def test_truncation_later_bars_change_nothing_earlier(seed: int) -> None:
    bars, targets = random_market("cn", seed)
    whole = run(targets, bars, market="cn", costs=costs("cn"), delisting_after=5, haircut=0.2)
    for session in whole.portfolio["session"].gather_every(7).to_list():
        past = bars.filter(pl.col("session") <= session)
        known = targets.filter(pl.col("symbol").is_in(past["symbol"].unique().to_list()))
        part = run(known, past, market="cn", costs=costs("cn"), delisting_after=5, haircut=0.2)
        if known.height == targets.height:
            assert part.portfolio.equals(whole.portfolio.filter(pl.col("session") <= session))
            assert part.orders.equals(whole.orders.filter(pl.col("session") <= session))


def test_nothing_is_sold_in_the_session_it_was_bought_in_and_limits_hold() -> None:
    for seed in range(4):
        bars, targets = random_market("cn", seed)
        orders = run(targets, bars, market="cn", costs=costs("cn")).orders
        assert orders.select("session", "symbol").is_unique().all(), "one order a session and symbol, so T+1 cannot be broken"
        done = orders.filter(pl.col("filled") != 0).join(bars, on=["session", "symbol"])
        assert done.filter(pl.col("suspended")).is_empty()
        assert done.filter((pl.col("filled") > 0) & (pl.col("open") >= pl.col("limit_up"))).is_empty()
        assert done.filter((pl.col("filled") < 0) & (pl.col("open") <= pl.col("limit_down"))).is_empty()
        assert done.filter((pl.col("fill_price") > pl.col("limit_up")) | (pl.col("fill_price") < pl.col("limit_down"))).is_empty()
        main = done.filter((pl.col("filled") > 0) & ~pl.col("symbol").str.starts_with("688") & ~pl.col("symbol").str.ends_with(".BJ"))
        assert (main["filled"] % 100).abs().max() == 0
        held = orders.sort("session").with_columns(pl.col("filled").cum_sum().over("symbol"))
        if bars["adj_factor"].max() == 1.0:
            assert held["filled"].min() >= -1e-9


def test_t_plus_1_binds_when_a_day_has_two_rows() -> None:
    """The public run has one row a session; the engine itself is asked for two, morning and afternoon."""
    from backtests.layout import layout_of
    from backtests.simulation import _simulate

    d = weekdays(4)
    bars = BARS.frame([bar("600001.SS", day, 10.0, 10.0) for day in d])
    layout = layout_of(
        weights([weight(day, "600001.SS", x) for day, x in zip(d[:3], (0.5, 0.0, 0.0), strict=True)]),
        bars,
        rules_of("cn"),
        costs("cn"),
        20,
        0.0,
    )
    twice = replace(layout, day=np.array([1, 1, 2]))
    fills = _simulate(twice, rules_of("cn"), costs("cn"), 1e6).fills
    assert list(zip(fills["requested"], fills["filled"], fills["reason"], strict=True)) == [
        (50_000.0, 50_000.0, 0),
        (-50_000.0, 0.0, 4),
        (-50_000.0, -50_000.0, 0),
    ]


def test_machine_code_and_python_write_the_same_ledger() -> None:
    from backtests.layout import layout_of
    from backtests.simulation import _simulate

    for market, cash in (("cn", 300_000.0), ("us", 40_000.0), ("us", 1e7)):
        for seed in range(3):
            bars, targets = random_market(market, seed)
            layout = layout_of(targets, bars, rules_of(market), costs(market), 5, 0.2)
            slow, fast = (_simulate(layout, rules_of(market), costs(market), cash, compiled) for compiled in (False, True))
            for name in slow.fills:
                np.testing.assert_array_equal(slow.fills[name], fast.fills[name])
            for mine, theirs in ((slow.cash, fast.cash), (slow.units, fast.units), (slow.borrow, fast.borrow)):
                np.testing.assert_array_equal(mine, theirs)


def test_vectorbt_values_the_account_the_same() -> None:
    from backtests.accounts import portfolio_table
    from backtests.layout import layout_of
    from backtests.simulation import _simulate

    bars, targets = random_market("us", 6)
    charged = replace(costs("us"), borrow_rate=0.0)
    layout = layout_of(targets, bars, rules_of("us"), charged, 20, 0.0)
    layout = replace(layout, close=np.nan_to_num(layout.close, nan=1.0))
    account = _simulate(layout, rules_of("us"), charged, 1e6)
    mine = portfolio_table(layout, account, 1e6)["nav"].to_numpy() * 1e6
    assert mine == pytest.approx(account.book.value().to_numpy(), rel=1e-12)
    fees = account.fills["commission"] + account.fills["stamp_duty"] + account.fills["transfer_fee"]
    assert account.book.orders.records["fees"].sum() == pytest.approx(fees.sum(), rel=1e-12)


def test_a_dividend_is_worth_the_same_as_a_higher_price() -> None:
    d = weekdays(6)
    prices = [20.0, 20.0, 20.5, 21.0, 21.5, 22.0]
    plain = [bar("AAA", day, p, p) for day, p in zip(d, prices, strict=True)]
    # From the fourth session on the price is 5 % lower and the factor makes up for it.
    paid = [
        bar("AAA", day, p * (0.95 if i >= 3 else 1), p * (0.95 if i >= 3 else 1), adj_factor=1 / 0.95 if i >= 3 else 1.0)
        for i, (day, p) in enumerate(zip(d, prices, strict=True))
    ]
    target = weights([weight(d[0], "AAA", 0.5)])
    navs = [run(target, BARS.frame(rows), market="us", costs=costs("us")).portfolio["nav"] for rows in (plain, paid)]
    assert navs[0].to_list() == pytest.approx(navs[1].to_list(), rel=1e-12)


def test_a_suspended_name_is_frozen_and_a_delisted_one_is_settled() -> None:
    d = weekdays(12)
    other = [bar("600002.SS", day, 5.0, 5.0) for day in d]
    gone = [bar("600001.SS", day, 10.0, 10.0 + i) for i, day in enumerate(d[:4])]
    frozen = [*gone, *(bar("600001.SS", day, None, 13.0, suspended=True) for day in d[4:])]
    target = weights([weight(d[0], "600001.SS", 0.5), weight(d[0], "600002.SS", 0.0), weight(d[6], "600002.SS", 0.1)])
    free = costs("cn").scaled(0)
    kept = run(target, BARS.frame(other + frozen), market="cn", costs=free, cash=1e6)
    assert kept.portfolio["nav"].to_list()[2:] == pytest.approx([1.15] * 9)
    assert kept.orders.filter(pl.col("symbol") == "600001.SS")["reason"].to_list() == [None, "suspended"]
    sold = run(target, BARS.frame(other + gone), market="cn", costs=free, cash=1e6, delisting_after=4, haircut=0.5)
    settled = sold.orders.filter(pl.col("symbol") == "600001.SS").rows(named=True)[-1]
    assert (settled["session"], settled["filled"], settled["fill_price"], settled["commission"]) == (d[7], -50_000.0, 6.5, 0.0)
    assert sold.portfolio["nav"].to_list() == pytest.approx([1.05, 1.10, 1.15, 1.15, 1.15, 1.15, 0.825, 0.825, 0.825, 0.825, 0.825])


def test_a_short_position_pays_borrow_by_calendar_day() -> None:
    d = weekdays(6, date(2023, 7, 6))  # Thu, Fri, Mon …
    bars = BARS.frame([bar("AAA", day, 10.0, 10.0) for day in d])
    charged = replace(costs("us").scaled(0), borrow_rate=0.0365)
    portfolio = run(weights([weight(d[0], "AAA", -0.5)]), bars, market="us", costs=charged, cash=1e6).portfolio
    daily = 500_000 * 0.0365 / 365
    assert portfolio["nav"].to_list() == pytest.approx(
        [1.0, 1 - 3 * daily / 1e6, 1 - 4 * daily / 1e6, 1 - 5 * daily / 1e6, 1 - 6 * daily / 1e6], rel=1e-12
    )


def test_the_benchmark_is_compared() -> None:
    bars, targets = random_market("us", 2, dividends=False)
    result = run(targets, bars, market="us", costs=costs("us"), benchmark="AAA")
    METRICS.validate(result.metrics)
    assert {"beta", "annual_alpha", "tracking_error", "information_ratio"} <= set(result.metrics["metric"].to_list())
    assert result.benchmark is not None
    assert result.benchmark["session"].equals(result.portfolio["session"])


def test_wrong_input_is_answered_with_a_sentence() -> None:
    d = weekdays(5)
    bars = BARS.frame([bar("600001.SS", day, 10.0, 10.0) for day in d])
    good, charged = weights([weight(d[0], "600001.SS", 0.5)]), costs("cn")
    with pytest.raises(UnknownSymbolError, match=r"without bars \(600009\.SS\)"):
        run(weights([weight(d[0], "600009.SS", 0.5)]), bars, market="cn", costs=charged)
    with pytest.raises(SchemaError, match="NaN"):
        run(weights([weight(d[0], "600001.SS", math.nan)]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match=r"gross of 1\.2000; expected at most 1 of net asset value"):
        run(weights([weight(d[0], "600001.SS", 1.2)]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="before the first fill"):
        run(weights([weight(d[-1], "600001.SS", 0.5)]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="no rows"):
        run(good.clear(), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="expected one of cn, hk, us"):
        run(good, bars, market="jp", costs=charged)
    with pytest.raises(UsageError, match="same market"):
        run(good, bars, market="cn", costs=costs("us"))
    with pytest.raises(UsageError, match="positive amount of CNY"):
        run(good, bars, market="cn", costs=charged, cash=0.0)
    with pytest.raises(UnknownSymbolError, match="benchmark"):
        run(good, bars, market="cn", costs=charged, benchmark="000300.SS")
    with pytest.raises(UsageError, match="begins on 2008"):
        old = weekdays(3, date(2005, 1, 3))
        run(
            weights([weight(old[0], "600001.SS", 0.5)]),
            BARS.frame([bar("600001.SS", day, 10.0, 10.0) for day in old]),
            market="cn",
            costs=charged,
        )


def test_importing_the_package_does_not_load_vectorbt() -> None:
    code = "import sys, backtests.simulation, backtests.report, backtests.plots; sys.exit(int('vectorbt' in sys.modules or 'plotly' in sys.modules or 'pandas' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_symbol_in_another_currency_is_refused():
    days = weekdays(3)
    shares = [
        bar(symbol, day, 1.0, 1.0, currency=currency) for symbol, currency in (("900901.SS", "USD"), ("600001.SS", "CNY")) for day in days
    ]
    with pytest.raises(UsageError, match=r"900901\.SS are in USD .* in CNY"):
        run(weights([weight(days[0], "900901.SS", 0.5)]), BARS.frame(shares), market="cn", costs=costs("cn"))


def test_bars_without_opens_are_refused_instead_of_never_filled():
    days = weekdays(5)
    shares = BARS.frame([bar("600001.SS", day, None, 10.0) for day in days])
    with pytest.raises(UsageError, match="has an open"):
        run(weights([weight(days[0], "600001.SS", 0.5)]), shares, market="cn", costs=costs("cn"))


def test_a_name_that_returns_after_it_was_settled_is_named_in_the_notes():
    """Vendors that drop suspended days make a long suspension look like a delisting; what it cost is not in the account."""
    days = weekdays(30)
    gone = [bar("600001.SS", day, 10.0, 10.0) for day in days[:3]] + [bar("600001.SS", day, 5.0, 5.0) for day in days[20:]]
    other = [bar("600002.SS", day, 10.0, 10.0) for day in days]
    target = weights([weight(days[0], "600001.SS", 1.0)])
    early = run(target, BARS.frame(gone + other), market="cn", costs=costs("cn").scaled(0), cash=1e4, delisting_after=5)
    late = run(target, BARS.frame(gone + other), market="cn", costs=costs("cn").scaled(0), cash=1e4, delisting_after=25)
    assert early.portfolio["nav"][-1] == pytest.approx(1.0) and any("traded again later (600001.SS)" in note for note in early.notes)
    assert late.portfolio["nav"][-1] == pytest.approx(0.5) and not any("traded again" in note for note in late.notes)
