"""An account kept share by share with dictionaries, and random markets to try it on: the oracle of the simulation.

Nothing here is taken from the simulation; rates, lots and ticks are looked up in the same tables a reader would use.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.rules import Rules
from research.schemas import BARS

CURRENCIES = {"SS": "CNY", "SZ": "CNY", "BJ": "CNY", "HK": "HKD"}
NAMES = {
    "cn": ["600101.SS", "688102.SS", "000103.SZ", "430104.BJ", "510105.SS", "300106.SZ", "600107.SS", "688108.SS"],
    "hk": ["0900.HK", "0901.HK", "0902.HK", "2800.HK", "0904.HK", "0905.HK", "0906.HK", "3033.HK"],
    "us": ["AAA", "AAB", "AAC", "AAD", "AAE", "AAF", "AAG", "AAH"],
    "crypto": ["BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD"],
    "funds": ["510300.SS", "513100.SS", "518880.SS", "588000.SS", "159915.SZ", "511260.SS"],
    "world": ["600101.SS", "688102.SS", "510105.SS", "0900.HK", "2800.HK", "AAA", "AAB", "BTC-USD"],
}


def weekdays(n: int, start: date = date(2023, 7, 3), every: bool = False) -> list[date]:
    days: list[date] = []
    while len(days) < n:
        if every or start.weekday() < 5:
            days.append(start)
        start += timedelta(days=1)
    return days


def market_of(symbol: str) -> str:
    if symbol.endswith("-USD"):
        return "crypto"
    return {"CNY": "cn", "HKD": "hk"}.get(CURRENCIES.get(symbol[-2:], ""), "us")


def bar(symbol: str, session: date, open_: float | None, close: float, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": symbol, "session": session, "open": open_, "close": close, "volume": 1e6, "adj_factor": 1.0, "suspended": False,
        "currency": CURRENCIES.get(symbol[-2:], "USD"), "source": "test",
        "available_at": datetime(session.year, session.month, session.day, 7, tzinfo=UTC),
    }  # fmt: skip
    return row | more


def weight(session: date, symbol: str, value: float) -> dict[str, object]:
    return {"session": session, "symbol": symbol, "weight": value}


def weights(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"session": pl.Date, "symbol": pl.String, "weight": pl.Float64})


def random_market(
    market: str, seed: int, n: int = 60, m: int = 8, dividends: bool = True, start: date = date(2023, 7, 3)
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars with gaps, suspensions, limits, dividends, splits, a delisting and a late listing; weights that are not always feasible."""
    rng = np.random.default_rng(seed)
    symbols = NAMES[market][:m]
    days, rows = weekdays(n, start, every=market in ("crypto", "world")), []
    for k, symbol in enumerate(symbols):
        close, factor = 5 + 40 * rng.random(), 1.0
        digits = 3 if symbol[0] in "15" and symbol.endswith(("SS", "SZ")) else 2
        size = 10 ** rng.uniform(4, 6.5)
        first, last = (10 if k == 1 else 0), (n - 30 if k == 2 else n)
        for i in range(first, last):
            if market == "world" and market_of(symbol) != "crypto" and (days[i].weekday() > 4 or (i % 37 == 5 and symbol.endswith("HK"))):
                continue
            if rng.random() < 0.02:
                continue
            paused = rng.random() < 0.04
            if dividends and rng.random() < 0.03:
                step = 2.0 if rng.random() < 0.2 else 1 + 0.04 * rng.random()
                factor, close = factor * step, max(round(close / step, digits), 0.5)
            up, down = round(close * 1.1, digits), round(close * 0.9, digits)
            open_ = min(max(round(close * (1 + rng.normal(0, 0.02)), digits), down), up)
            if rng.random() < 0.05:
                open_ = up if rng.random() < 0.5 else down
            if paused:
                rows.append(bar(symbol, days[i], None, close, suspended=True, adj_factor=factor, volume=0.0))
                continue
            close = min(max(round(open_ * (1 + rng.normal(0, 0.02)), digits), down), up)
            limits = {} if rng.random() < 0.1 else {"limit_up": up, "limit_down": down}
            high, low = max(open_, close), min(open_, close)
            volume = None if rng.random() < 0.03 else float(round(size * rng.lognormal(0, 0.5)))
            amount = None if volume is None or rng.random() < 0.05 else volume * (low + (high - low) * rng.random())
            rows.append(bar(symbol, days[i], open_, close, adj_factor=factor, high=high, low=low, volume=volume, amount=amount, **limits))
    if market == "world":
        for pair, level in (("HKDUSD=X", 0.128), ("CNY=X", 7.2)):
            for i, day in enumerate(days):
                if day.weekday() < 5 and (i == 0 or rng.random() > 0.05):
                    rows.append(bar(pair, day, level * (1 + rng.normal(0, 0.002)), level := level * (1 + rng.normal(0, 0.003)), volume=0.0))
    targets = []
    long_only = market in ("crypto", "funds")
    for i in range(2, n, 4):
        raw = rng.random(len(symbols)) if long_only or (market == "cn" and seed % 3) else rng.normal(size=len(symbols))
        raw *= rng.random(len(symbols)) < 0.7
        gross = {"hk": 1.6, "us": 2.0, "world": 1.6}.get(market, 1.0) * (0.5 + 0.5 * rng.random())
        if np.abs(raw).sum() > 0:
            targets += [
                weight(days[i], s, gross * x / np.abs(raw).sum()) for s, x in zip(symbols, raw, strict=True) if x != 0 or rng.random() < 0.3
            ]
    floats = dict.fromkeys(("limit_up", "limit_down", "open", "high", "low", "volume", "amount"), pl.Float64)
    return BARS.validate(pl.DataFrame(rows, schema_overrides=floats, infer_schema_length=None)), weights(targets)


class Ledger:
    """One account; ``play`` goes through the days, ``fills`` are the orders it saw."""

    def __init__(
        self,
        markets: Sequence[tuple[Rules, Costs]],
        cash: float,
        delisting_after: int = 60,
        haircut: float = 0.0,
        execution: Execution = Execution(),  # noqa: B008
        terms: dict[str, dict[str, object]] | None = None,
        base: str | None = None,
    ) -> None:
        self.by_market = {rules.market: (rules, costs) for rules, costs in markets}
        self.only = markets[0] if len(markets) == 1 else None
        self.financing = markets[0][1].financing_rate
        self.base = base or markets[0][1].currency
        self.cash, self.wait, self.haircut, self.how, self.terms = cash, delisting_after, haircut, execution, terms or {}
        self.debt = 0.0
        self.shares: dict[str, float] = {}
        self.goal: dict[str, float] = {}
        self.waiting: set[str] = set()
        self.fills: list[tuple[object, ...]] = []
        self.navs: list[float] = []
        self.cash_path: list[float] = []
        self.charges: list[dict[str, float]] = []

    # what applies to a name
    def market(self, s: str) -> tuple[Rules, Costs]:
        return self.only or self.by_market[market_of(s)]

    def lot(self, s: str) -> tuple[float, float]:
        own = self.terms.get(s, {}).get("lot")
        return (own, own) if own is not None else self.market(s)[0].lot(s)  # type: ignore[return-value]

    def may_be_short(self, s: str) -> bool:
        return self.market(s)[0].short_selling and self.terms.get(s, {}).get("shortable") is not False

    def round_lots(self, s: str, shares: float) -> float:
        least, step = self.lot(s)
        rounded = math.floor(shares / step + max(1e-9, 1e-12 * shares / step)) * step
        return rounded if rounded >= least - 1e-12 else 0.0

    def fee(self, s: str, day: date, shares: float, price: float, sale: bool) -> tuple[float, float, float]:
        c, value = self.market(s)[1], shares * price
        side = "sell" if sale else "buy"
        duty = levy = 0.0
        if not c.is_exempt(s):
            since = c.duty_free_since(s)
            if since is None or day < since:
                duty = value * c.rate(f"stamp_duty_{side}", day)
                if c.duty_rounding:
                    duty = math.ceil(duty / c.duty_rounding - 1e-9) * c.duty_rounding
            levy = value * c.rate(f"levy_{side}", day)
            if c.rate("settlement", day) > 0:
                settled = max(value * c.rate("settlement", day), c.rate("settlement_minimum", day))
                levy += min(settled, c.rate("settlement_cap", day))
        if sale:
            levy += min(c.rate("share_fee_cap", day), c.rate("share_fee_sell", day) * shares)
        return max(c.minimum_commission, c.commission * value), duty, levy

    def history(self, s: str, today: date) -> list[dict[str, object] | None]:
        """Bars of the 21 sessions before a day, as far as the run looks back; None where there was no trade."""
        i = self.calendar.index(today)
        return [self.traded(s, day) for day in self.calendar[max(self.begins, i - 21) : i]]

    def traded(self, s: str, day: date) -> dict[str, object] | None:
        row = self.book.get((s, day))
        return row if row and not row["suspended"] else None

    def daily_volume(self, s: str, today: date) -> float | None:
        past = [r["volume"] / r["adj_factor"] for r in self.history(s, today)[-20:] if r and r["volume"] is not None]  # type: ignore[operator]
        return sum(past) / len(past) * self.factor[s] if past else None

    def daily_amount(self, s: str, today: date) -> float | None:
        past = []
        for r in self.history(s, today)[-20:]:
            if r and r["amount"] is not None:
                past.append(r["amount"])
            elif r and r["volume"] is not None:
                past.append(r["volume"] * r["close"])  # type: ignore[operator]
        return sum(past) / len(past) if past else None  # type: ignore[arg-type]

    def volatility(self, s: str, today: date) -> float | None:
        i = self.calendar.index(today)
        levels = [
            (k, r["close"] * r["adj_factor"])  # type: ignore[operator]
            for k in range(self.begins, i)
            if (r := self.traded(s, self.calendar[k]))
        ]
        changes = [b / a - 1 for (_, a), (k, b) in pairwise(levels) if k >= i - 20]
        return statistics.stdev(changes) if len(changes) >= 10 else None

    def price(self, s: str, day: date, shares: float, quoted: float, sale: bool) -> float:
        rules, c = self.market(s)
        half = c.half_spread
        if c.spread_tiers:
            amount = self.daily_amount(s, day)
            half = next((points for least, points in c.spread_tiers if amount is not None and amount >= least), half)
        tick = rules.tick(s, day, quoted)
        if tick and abs(quoted / tick - round(quoted / tick)) >= 1e-6:
            tick = 0.0
        away = max(quoted * half / 1e4, c.spread_floor * tick)
        if c.impact:
            sigma, volume = self.volatility(s, day), self.daily_volume(s, day)
            if sigma and volume:
                away += c.impact * sigma * math.sqrt(shares / volume) * quoted
        row = self.book[s, day]
        if sale:
            at = max(quoted - away, 0.0)
            if self.how.on_tick and tick:
                at = math.floor(at / tick + 1e-6) * tick
            return max(at, row["limit_down"]) if rules.price_limits and row["limit_down"] is not None else at  # type: ignore[type-var,return-value]
        at = quoted + away
        if self.how.on_tick and tick:
            at = math.ceil(at / tick - 1e-6) * tick
        return min(at, row["limit_up"]) if rules.price_limits and row["limit_up"] is not None else at  # type: ignore[type-var,return-value]

    def rates(self, bars: pl.DataFrame, day: date, when: str) -> dict[str, float]:
        """What one unit of each currency is worth, by two pairs only: HKDUSD=X, and CNY=X (yuan for a dollar)."""
        out = {self.base: 1.0}
        if self.only:
            return out
        for currency, pair, invert in (("HKD", "HKDUSD=X", False), ("CNY", "CNY=X", True)):
            past = [d for d in self.pairs[pair] if d < day]
            before = self.pairs[pair][max(past)]["close"] if past else self.pairs[pair][day]["open"]
            row = self.pairs[pair].get(day)
            level = row[when] if row else before
            out[currency] = 1 / level if invert else level
        return out

    def play(self, bars: pl.DataFrame, targets: pl.DataFrame) -> None:
        self.read(bars, targets)
        for day in self.calendar:
            if day <= min(self.wanted):
                self.remember(day)
            else:
                self.trade(bars, day)
            self.previous = day

    def read(self, bars: pl.DataFrame, targets: pl.DataFrame) -> None:
        self.book = {(r["symbol"], r["session"]): r for r in bars.iter_rows(named=True) if not r["symbol"].endswith("=X")}
        self.pairs: dict[str, dict[date, dict[str, float]]] = {}
        for r in bars.iter_rows(named=True):
            if r["symbol"].endswith("=X"):
                self.pairs.setdefault(r["symbol"], {})[r["session"]] = r
        self.wanted: dict[date, dict[str, float]] = {}
        for r in targets.iter_rows(named=True):
            self.wanted.setdefault(r["session"], {})[r["symbol"]] = r["weight"]
        self.calendar, self.symbols = sorted({k[1] for k in self.book}), sorted({s for w in self.wanted.values() for s in w})
        self.begins = max(0, next(i for i, d in enumerate(self.calendar) if d > min(self.wanted)) - 21)
        self.trading = {(self.place(s), d) for s, d in self.book}
        self.last: dict[str, float] = {}  # last total-return close
        self.factor: dict[str, float] = {}
        self.absent = dict.fromkeys(self.symbols, 0)
        self.previous: date | None = None
        self.nav, self.old = self.cash, {self.base: 1.0}

    def place(self, s: str) -> str:
        return "" if self.only else market_of(s)

    def money(self, s: str) -> str:
        return self.market(s)[1].currency

    def level(self, s: str) -> float | None:
        """The last close in today's shares."""
        return self.last[s] / self.factor[s] if s in self.last else None

    def remember(self, day: date) -> None:
        for s in self.symbols:
            if row := self.book.get((s, day)):
                self.factor[s] = row["adj_factor"]
                if not row["suspended"]:
                    self.last[s] = row["close"] * row["adj_factor"]

    def trade(self, bars: pl.DataFrame, day: date) -> None:
        """One session: interest, splits, settlements, orders in their sequence, the value at the close."""
        self.paid = dict.fromkeys(("commission", "stamp_duty", "transfer_fee", "slippage", "borrow", "financing"), 0.0)
        now, end = self.rates(bars, day, "open"), self.rates(bars, day, "close")
        if self.navs:
            self.accrue(day)
        else:
            self.old = self.rates(bars, self.previous or day, "close")
        self.split(day)
        quoted = {s: self.quote(s, day) for s in self.symbols}
        before = {s: None if (at := self.level(s)) is None else at * self.old[self.money(s)] for s in self.symbols}
        due = [d for d in self.wanted if (self.previous is None or d >= self.previous) and d < day]
        value = self.nav
        if due and self.how.sizing == "fill":
            for s in self.symbols:
                at = quoted[s] if quoted[s] is not None else self.level(s)
                before[s] = None if at is None else at * now[self.money(s)]
            value = self.cash - self.debt + sum(self.shares.get(s, 0.0) * (before[s] or 0.0) for s in self.symbols)
        gone = self.settle(day, now)
        if due:
            live = self.aim(self.wanted[max(due)], gone, value, before)
        else:
            live = [s for s in self.symbols if s in self.waiting and s not in gone]
        self.waiting = {s for s in live if (self.place(s), day) not in self.trading}
        live = [s for s in live if s not in self.waiting]
        size = {
            s: (self.goal[s] - self.shares.get(s, 0.0)) * at if s in self.goal and (at := before[s]) else math.inf for s in live
        }  # sales first, the largest of them; then purchases, the smallest first
        for s in sorted(live, key=lambda s: (size[s], s)):
            self.order(s, day, quoted[s], self.book.get((s, day)), now[self.money(s)])
        for s in self.symbols:
            if row := self.traded(s, day):
                self.last[s] = row["close"] * row["adj_factor"]  # type: ignore[operator]
        held = sum(q * self.last[s] / self.factor[s] * end[self.money(s)] for s, q in self.shares.items() if q)
        self.nav, self.old = self.cash - self.debt + held, end
        self.navs.append(self.nav)
        self.cash_path.append(self.cash - self.debt)
        self.charges.append(self.paid)

    def accrue(self, day: date) -> None:
        """Interest on longs above net asset value, fees on borrowed shares; what cash cannot pay is owed."""
        worth = {s: q * self.last[s] / self.factor[s] * self.old[self.money(s)] for s, q in self.shares.items() if q}
        years = (day - self.previous).days / 365 if self.previous else 0.0
        long = sum(value for value in worth.values() if value > 0)
        self.paid["financing"] = max(0.0, long - self.nav) * self.financing * years
        for s, value in worth.items():
            if value < 0:
                own = self.terms.get(s, {}).get("borrow_rate")
                self.paid["borrow"] -= value * (self.market(s)[1].borrow_rate if own is None else own) * years  # type: ignore[operator]
        self.debt += self.paid["financing"] + self.paid["borrow"]

    def split(self, day: date) -> None:
        """Pay what is owed; a dividend or split turns into more shares; a name without a bar is counted as absent."""
        settled = min(self.debt, self.cash)
        self.cash, self.debt = self.cash - settled, self.debt - settled
        for s in self.symbols:
            row = self.book.get((s, day))
            if row is None:
                self.absent[s] += (self.place(s), day) in self.trading
                continue
            ratio = row["adj_factor"] / self.factor.get(s, row["adj_factor"])
            if self.shares.get(s):
                self.shares[s] *= ratio
            if s in self.goal:
                self.goal[s] *= ratio
            self.factor[s], self.absent[s] = row["adj_factor"], 0

    def settle(self, day: date, now: dict[str, float]) -> list[str]:
        """Close what has been absent too long at its last close, less the haircut; return the names."""
        gone = [s for s in self.symbols if self.shares.get(s) and self.absent[s] >= self.wait]
        for s in gone:
            price = self.last[s] / self.factor[s] * (1 - self.haircut if self.shares[s] > 0 else 1)
            self.fills.append((day, s, -self.shares[s], -self.shares[s], price, 0.0, 0.0, 0.0, 0.0, None))
            self.cash += self.shares.pop(s) * price * now[self.money(s)]
            self.waiting.discard(s)
        return gone

    def aim(self, goals: dict[str, float], gone: list[str], value: float, before: dict[str, float | None]) -> list[str]:
        """Turn weights into numbers of shares; return the names that are to be worked."""
        live = [s for s in self.symbols if s not in gone and (goals.get(s, 0.0) != 0 or self.shares.get(s))]
        self.goal = {}
        for s in live:
            at = before[s]
            if goals.get(s, 0.0) == 0:
                self.goal[s] = 0.0
            elif at is not None:
                self.goal[s] = goals[s] * value / at
        return live

    def quote(self, s: str, day: date) -> float | None:
        row = self.traded(s, day)
        if row is None:
            return None
        if self.how.fill != "vwap":
            return row[self.how.fill]  # type: ignore[return-value]
        if not row["volume"] or row["amount"] is None:
            return None
        return max(min(row["amount"] / row["volume"], row["high"]), row["low"])  # type: ignore[operator,type-var]

    def note(
        self, s: str, day: date, rate: float, asked: float, done: float = 0.0, price: float | None = None,
        fees: Sequence[float] = (0.0, 0.0, 0.0), slip: float = 0.0, why: str | None = None,
    ) -> None:  # fmt: skip
        """Write an order down, and what it paid."""
        self.fills.append((day, s, asked, done, price, *fees, slip, why))
        for name, amount in zip(("commission", "stamp_duty", "transfer_fee", "slippage"), (*fees, slip), strict=True):
            self.paid[name] += amount * rate
        if self.how.blocked == "wait" and why in ("limit_up", "limit_down", "suspended", "t_plus_1", "adv_cap"):
            self.waiting.add(s)

    def order(self, s: str, day: date, quoted: float | None, row: dict[str, float] | None, rate: float) -> None:
        held = self.shares.get(s, 0.0)
        if s not in self.goal:
            self.fills.append((day, s, 0.0, 0.0, None, 0.0, 0.0, 0.0, 0.0, "suspended"))
            return
        goal = self.goal[s]
        wish = goal - held
        if abs(wish) <= 1e-9 * max(1.0, abs(held)):
            return
        if quoted is None or row is None:
            return self.note(s, day, rate, wish, why="suspended")
        banned = goal < 0 and not self.may_be_short(s)
        asked = abs(wish) if goal == 0 or banned else self.round_lots(s, abs(wish))
        if asked == 0:
            return self.note(s, day, rate, wish, why="lot")
        cap = None
        if self.how.participation is not None:
            volume = self.daily_volume(s, day) if self.how.volume == "trailing" else row["volume"]
            cap = None if volume is None else self.how.participation * volume
        if wish > 0:
            return self.buy(s, day, quoted, row, rate, asked, cap)
        return self.sell(s, day, quoted, row, rate, asked, cap, banned)

    def buy(
        self, s: str, day: date, quoted: float, row: dict[str, float], rate: float, asked: float, cap: float | None
    ) -> None:  # fmt: skip
        limited = self.market(s)[0].price_limits and row["limit_up"] is not None
        if limited and (row["low"] if self.how.fill == "vwap" else quoted) >= row["limit_up"]:
            return self.note(s, day, rate, asked, why="limit_up")
        done, why = asked, None
        if cap is not None and done > cap:
            done, why = self.round_lots(s, cap), "adv_cap"

        def total(q: float) -> float:
            at = self.price(s, day, q, quoted, False)
            return (q * at + sum(self.fee(s, day, q, at, False))) * rate

        if total(done) > self.cash:
            why, step = "cash", self.lot(s)[1]
            low, high = 0, math.floor(done / step + max(1e-9, 1e-12 * done / step)) + 1
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if total(middle * step) <= self.cash else (low, middle)
            done = self.round_lots(s, low * step)
        if done == 0 or (why and self.how.blocked == "die"):
            return self.note(s, day, rate, asked, why=why)
        price = self.price(s, day, done, quoted, False)
        fees = self.fee(s, day, done, price, False)
        self.cash -= (done * price + sum(fees)) * rate
        self.shares[s] = 0.0 if self.goal[s] == 0 and why is None else self.shares.get(s, 0.0) + done
        return self.note(s, day, rate, asked, done, price, fees, done * (price - quoted), why)

    def sell(
        self, s: str, day: date, quoted: float, row: dict[str, float], rate: float, asked: float, cap: float | None, banned: bool
    ) -> None:  # fmt: skip
        held = self.shares.get(s, 0.0)
        done, why, everything = asked, None, self.goal[s] == 0
        if banned:
            done, why, everything = max(held, 0.0), "no_short", True
        limited = self.market(s)[0].price_limits and row["limit_down"] is not None
        if done > 0 and limited and (row["high"] if self.how.fill == "vwap" else quoted) <= row["limit_down"]:
            done, why = 0.0, "limit_down"
        if cap is not None and done > cap:
            done, why, everything = self.round_lots(s, cap), "adv_cap", False
        if done == 0 or (why and self.how.blocked == "die"):
            return self.note(s, day, rate, -asked, why=why)
        price = self.price(s, day, done, quoted, True)
        fees = self.fee(s, day, done, price, True)
        if sum(fees) > done * price:
            return self.note(s, day, rate, -asked, why="cash")
        self.cash += (done * price - sum(fees)) * rate
        self.shares[s] = 0.0 if everything else held - done
        return self.note(s, day, rate, -asked, -done, price, fees, done * (quoted - price), why)
