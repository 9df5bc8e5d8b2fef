"""What an exchange lets an investor do, as data: lots, ticks, settlement, price limits, short sales.

Every row names the day it took effect and where it is written; a source that ends in "(from memory)" was not looked up again, every other
one was checked in November 2026 against the document or a report of it. The price limits of a day come with the bars (``limit_up``,
``limit_down``), where :func:`research.prices.with_limits` and :func:`backtests.fund_limits.with_fund_limits` put them; the rows here say
which they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from research.errors import UsageError

__all__ = ["Limit", "Lot", "Provision", "Rules", "SameDay", "Ticks", "rules_of"]


@dataclass(frozen=True, slots=True)
class Lot:
    """Order sizes of the symbols that match ``pattern``: at least ``minimum`` shares, then multiples of ``step``."""

    pattern: str
    minimum: float
    step: float


@dataclass(frozen=True, slots=True)
class Limit:
    """From ``since`` on a matching symbol trades within ``percent`` of its reference price; ``special`` under special treatment (ST)."""

    pattern: str
    since: date
    percent: int
    special: int
    source: str


@dataclass(frozen=True, slots=True)
class Ticks:
    """From ``since`` on prices of a matching symbol are multiples of a tick: ``bands`` holds (price below, tick), lowest first."""

    pattern: str
    since: date
    bands: tuple[tuple[float, float], ...]
    source: str


@dataclass(frozen=True, slots=True)
class SameDay:
    """From ``since`` on a matching symbol may be sold in the session it was bought in, although its market settles T+1."""

    pattern: str
    since: date
    source: str


@dataclass(frozen=True, slots=True)
class Provision:
    """One rule in words, the day it took effect, and its source."""

    text: str
    since: date
    source: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Trading rules of one market.

    Parameters
    ----------
    market
        ``cn``, ``hk``, ``us`` or ``crypto``.
    lots
        Order sizes; the first pattern that matches a symbol counts.
    t_plus_1
        Shares bought in a session cannot be sold in it.
    price_limits
        No purchase at a price at or above ``limit_up``, no sale at a price at or below ``limit_down``.
    short_selling
        Whether a negative weight may be held. Where it may not, a sale ends at a position of zero.
    max_gross
        Largest sum of absolute weights of a session.
    provisions
        The same in words, dated and sourced.
    limits, ticks, same_day
        Price limits, tick tables and exceptions from T+1; of the rows that match symbol and day the last one counts.
    lots_assumed
        The lots stand for ones that are set security by security: pass ``terms`` to the run.
    """

    market: str
    lots: tuple[Lot, ...]
    t_plus_1: bool
    price_limits: bool
    short_selling: bool
    max_gross: float
    provisions: tuple[Provision, ...]
    limits: tuple[Limit, ...] = ()
    ticks: tuple[Ticks, ...] = ()
    same_day: tuple[SameDay, ...] = ()
    lots_assumed: bool = False

    def lot(self, symbol: str) -> tuple[float, float]:
        """Return (minimum, step) of an order in ``symbol``, in shares.

        >>> [rules_of("cn").lot(s) for s in ("600519.SS", "688981.SS", "430047.BJ")]
        [(100, 100), (200, 1), (100, 1)]
        """
        for lot in self.lots:
            if re.search(lot.pattern, symbol):
                return lot.minimum, lot.step
        return 1, 1

    def limit(self, symbol: str, day: date, special: bool = False) -> int | None:
        """Return the price limit of ``symbol`` on ``day`` in percent; None where there is none.

        >>> [rules_of("cn").limit("300750.SZ", day) for day in (date(2020, 8, 21), date(2020, 8, 24))]
        [10, 20]
        """
        rows = [row for row in self.limits if row.since <= day and re.search(row.pattern, symbol)]
        return None if not rows else rows[-1].special if special else rows[-1].percent

    def tick_table(self, symbol: str, day: date) -> Ticks | None:
        """Return the tick table of ``symbol`` on ``day``; None where prices are continuous.

        >>> [rules_of("hk").tick("0700.HK", date(2025, 8, day), 30.0) for day in (1, 4)]
        [0.05, 0.02]
        """
        rows = [row for row in self.ticks_of(symbol) if row.since <= day]
        return rows[-1] if rows else None

    def ticks_of(self, symbol: str) -> tuple[Ticks, ...]:
        """Return the tick tables ``symbol`` ever had, in the order of the rows."""
        return tuple(row for row in self.ticks if re.search(row.pattern, symbol))

    def tick(self, symbol: str, day: date, price: float) -> float:
        """Return the tick of ``symbol`` at ``price`` on ``day``; 0 where prices are continuous."""
        table = self.tick_table(symbol, day)
        return 0.0 if table is None else next((tick for upper, tick in table.bands if price < upper), table.bands[-1][1])

    def same_day_since(self, symbol: str) -> date | None:
        """Return the day from which ``symbol`` may be sold in the session it was bought in; None where it may not.

        >>> [rules_of("cn").same_day_since(s) for s in ("600519.SS", "513100.SS", "510300.SS")]
        [None, datetime.date(2015, 1, 19), None]
        """
        if not self.t_plus_1:
            return date.min
        return min((row.since for row in self.same_day if re.search(row.pattern, symbol)), default=None)


_ANY = float("inf")
_CENT = ((_ANY, 0.01),)
_STAR, _CHINEXT, _BEIJING = r"^68[89]\d{3}\.SS$", r"^30\d{4}\.SZ$", r"^[489]\d{5}\.BJ$"
_MAIN = r"^(?:60\d{4}|900\d{3})\.SS$|^(?:00[0-4]\d{3}|200\d{3})\.SZ$"
_FUND = r"^5\d{5}\.SS$|^1[568]\d{4}\.SZ$"
_TURNAROUND = (
    "SSE and SZSE Trading Rules, article 3.1.5 as amended on 9 January 2015: bond, money-market, gold and cross-border funds (from memory)"
)

_MAINLAND = Rules(
    market="cn",
    lots=(Lot(_STAR, 200, 1), Lot(r"\.BJ$", 100, 1), Lot(r"", 100, 100)),
    t_plus_1=True,
    price_limits=True,
    short_selling=False,
    max_gross=1.0,
    limits=(
        Limit(_MAIN, date(1996, 12, 16), 10, 10, "CSRC notice of 13 December 1996; SSE and SZSE Trading Rules (from memory)"),
        Limit(_MAIN, date(1998, 4, 22), 10, 5, "SSE and SZSE listing rules of 1998: special treatment (from memory)"),
        Limit(_MAIN, date(2026, 7, 6), 10, 10, "SSE and SZSE Trading Rules (2026): SSE notice 41 and SZSE notice 551, 24 April 2026"),
        Limit(_FUND, date(1996, 12, 16), 10, 10, "CSRC notice of 13 December 1996; SSE and SZSE Trading Rules (from memory)"),
        Limit(_CHINEXT, date(2009, 10, 30), 10, 5, "SZSE Trading Rules (from memory)"),
        Limit(_CHINEXT, date(2020, 8, 24), 20, 20, "SZSE special trading rules for ChiNext (2020)"),
        Limit(_STAR, date(2019, 7, 22), 20, 20, "SSE special trading rules for the STAR Market (2019)"),
        Limit(r"^58[89]\d{3}\.SS$", date(2020, 8, 24), 20, 20, "SSE rules on funds that follow STAR shares (2020) (from memory)"),
        Limit(_BEIJING, date(2021, 11, 15), 30, 30, "BSE Trading Rules (2021)"),
    ),
    ticks=(
        Ticks(r"\.(SS|SZ|BJ)$", date(1990, 12, 19), _CENT, "SSE, SZSE and BSE Trading Rules: A-shares 0.01 CNY (from memory)"),
        Ticks(_FUND, date(2003, 3, 3), ((_ANY, 0.001),), "SSE and SZSE notices of February 2003: funds 0.001 CNY (from memory)"),
        Ticks(r"^900\d{3}\.SS$", date(1992, 2, 21), ((_ANY, 0.001),), "SSE Trading Rules: B-shares 0.001 USD (from memory)"),
    ),
    same_day=(
        SameDay(r"^511\d{3}\.SS$", date(2015, 1, 19), _TURNAROUND),
        SameDay(r"^(?:513|520)\d{3}\.SS$|^510900\.SS$", date(2015, 1, 19), _TURNAROUND),
        SameDay(r"^518\d{3}\.SS$|^1599(?:34|37)\.SZ$", date(2015, 1, 19), _TURNAROUND),
        SameDay(r"^1599(?:20|41)\.SZ$", date(2015, 1, 19), _TURNAROUND),
    ),
    provisions=(
        Provision(
            "Shares bought in a session can be sold from the next session on.",
            date(1995, 1, 1),
            "SSE and SZSE Trading Rules, chapter on settlement of A-shares (from memory)",
        ),
        Provision(
            "Main board ±10 % of the previous close.",
            date(1996, 12, 16),
            "CSRC notice of 13 December 1996; SSE and SZSE Trading Rules (from memory)",
        ),
        Provision(
            "Main board ±5 % for shares under special treatment, until 5 July 2026; ±10 % since.",
            date(1998, 4, 22),
            "SSE and SZSE listing rules of 1998 (from memory); Trading Rules of 2026: SSE notice 41, SZSE notice 551",
        ),
        Provision("STAR Market ±20 %.", date(2019, 7, 22), "SSE special trading rules for the STAR Market (2019)"),
        Provision("ChiNext ±20 %.", date(2020, 8, 24), "SZSE special trading rules for ChiNext (2020)"),
        Provision("Beijing ±30 %.", date(2021, 11, 15), "BSE Trading Rules (2021)"),
        Provision(
            "Purchases in lots of 100 shares; an odd remainder is sold in one order.",
            date(1990, 12, 19),
            "SSE and SZSE Trading Rules (from memory)",
        ),
        Provision(
            "STAR Market: at least 200 shares, then by one share.",
            date(2019, 7, 22),
            "SSE special trading rules for the STAR Market (2019)",
        ),
        Provision("Beijing: at least 100 shares, then by one share.", date(2021, 11, 15), "BSE Trading Rules (2021) (from memory)"),
        Provision("Bond, money-market, gold and cross-border funds may be sold the day they are bought.", date(2015, 1, 19), _TURNAROUND),
        Provision(
            "No short sale: securities lending is not modelled, and new lending by CSF has been suspended.",
            date(2024, 7, 11),
            "CSRC announcement of 10 July 2024",
        ),
    ),
)


def _through(*bands: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Return bands that hold their upper end: the Second Schedule reads "over 10.00 to 20.00"."""
    return tuple((upper + 1e-9, tick) for upper, tick in bands)


_HK_HIGH = _through((200.0, 0.1), (500.0, 0.2), (1000.0, 0.5), (2000.0, 1.0), (5000.0, 2.0), (_ANY, 5.0))
_HK_2006 = (*_through((0.25, 0.001), (0.5, 0.005), (10.0, 0.01), (20.0, 0.02), (100.0, 0.05)), *_HK_HIGH)
_HK_2025 = (*_through((0.25, 0.001), (0.5, 0.005), (20.0, 0.01), (50.0, 0.02), (100.0, 0.05)), *_HK_HIGH)
_HK_2026 = (*_through((0.25, 0.001), (10.0, 0.005), (20.0, 0.01), (50.0, 0.02), (100.0, 0.05)), *_HK_HIGH)
_HK_FUNDS = _through(
    (1.0, 0.001), (5.0, 0.002), (10.0, 0.005), (20.0, 0.01), (100.0, 0.02), (200.0, 0.05), (500.0, 0.1), (1000.0, 0.2), (2000.0, 0.5),
    (_ANY, 1.0),
)  # fmt: skip

_HONG_KONG = Rules(
    market="hk",
    lots=(Lot(r"", 100, 100),),
    lots_assumed=True,
    t_plus_1=False,
    price_limits=False,
    short_selling=True,
    max_gross=2.0,
    ticks=(
        Ticks(r"\.HK$", date(2006, 7, 24), _HK_2006, "Rules of the Exchange, Second Schedule, part A (the day from memory)"),
        Ticks(r"\.HK$", date(2025, 8, 4), _HK_2025, "HKEX reduction of minimum spreads, phase 1 (10 to 50 HKD)"),
        Ticks(r"\.HK$", date(2026, 8, 3), _HK_2026, "HKEX reduction of minimum spreads, phase 2 (0.50 to 10 HKD)"),
        Ticks(
            r"^(28[0-4]\d|3[01]\d\d|9[01]\d\d|98[0-4]\d|7[2357]\d\d|82[89]\d\d|83[01]\d\d)\.HK$",
            date(2020, 6, 1),
            _HK_FUNDS,
            "Rules of the Exchange, Second Schedule, part D: exchange-traded funds (the day, and the codes of funds, from memory)",
        ),
    ),
    provisions=(
        Provision(
            "Board lots are set by each issuer; 100 shares stands for all that the run's terms do not name.",
            date(1986, 4, 2),
            "assumption; HKEX publishes board lots security by security",
        ),
        Provision("Shares bought in a session can be sold in it.", date(1986, 4, 2), "Rules of the Exchange (from memory)"),
        Provision(
            "Prices are multiples of the spread table's tick, narrower from 10 to 50 HKD since 4 August 2025 and "
            "from 0.50 to 10 HKD since 3 August 2026.",
            date(2006, 7, 24),
            "Rules of the Exchange, Second Schedule; HKEX reduction of minimum spreads, phases 1 and 2",
        ),
        Provision(
            "Short sales are taken as covered by borrowed stock of a designated security; the borrow fee is part of the costs.",
            date(1994, 1, 3),
            "Rules of the Exchange, Eleventh Schedule (from memory)",
        ),
        Provision("Gross exposure of at most twice net asset value.", date(1994, 1, 3), "assumption in line with a 50 % initial margin"),
    ),
)

_UNITED_STATES = Rules(
    market="us",
    lots=(Lot(r"", 1, 1),),
    t_plus_1=False,
    price_limits=False,
    short_selling=True,
    max_gross=2.0,
    ticks=(
        Ticks(r"", date(2001, 4, 9), _CENT, "SEC order on decimal pricing, June 2000 (from memory)"),
        Ticks(r"", date(2006, 1, 31), ((1.0, 0.0001), (_ANY, 0.01)), "Regulation NMS, rule 612, 17 CFR 242.612"),
    ),
    provisions=(
        Provision(
            "Whole shares only; fractional trading is off.", date(2001, 4, 9), "assumption; odd lots of single shares trade on every venue"
        ),
        Provision(
            "Short sales are taken as located and borrowed, unless the run's terms say a name is not shortable; "
            "the borrow fee is part of the costs.",
            date(2005, 1, 3),
            "Regulation SHO, 17 CFR 242.203 (from memory)",
        ),
        Provision(
            "Gross exposure of at most twice net asset value (50 % initial margin).",
            date(1974, 1, 3),
            "Regulation T, 12 CFR 220.12 (from memory)",
        ),
    ),
)

_CRYPTO = Rules(
    market="crypto",
    lots=(Lot(r"", 1e-6, 1e-6),),
    t_plus_1=False,
    price_limits=False,
    short_selling=False,
    max_gross=1.0,
    provisions=(
        Provision(
            "Every calendar day is a session; it opens at 00:00 UTC.", date(2010, 7, 17), "convention of spot venues and data vendors"
        ),
        Provision("Spot only: a position cannot be negative.", date(2010, 7, 17), "assumption"),
        Provision("Amounts in steps of one millionth of a coin.", date(2010, 7, 17), "assumption; venues set steps pair by pair"),
    ),
)

_RULES = MappingProxyType({rules.market: rules for rules in (_MAINLAND, _HONG_KONG, _UNITED_STATES, _CRYPTO)})


def rules_of(market: str) -> Rules:
    """Return the rules of ``cn``, ``hk``, ``us`` or ``crypto``; raise :class:`~research.errors.UsageError` for another name."""
    if market not in _RULES:
        raise UsageError(f"market came as {market!r}; expected one of {', '.join(_RULES)}.")
    return _RULES[market]
