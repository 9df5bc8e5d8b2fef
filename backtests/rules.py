"""What an exchange lets an investor do, as data: lots, settlement, price limits, short sales.

The limits themselves are prices of a day and come with the bars (``limit_up``, ``limit_down``); the rules say whether a market
has them. Every provision names the day it took effect and where it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from research.errors import UsageError

__all__ = ["Lot", "Provision", "Rules", "rules_of"]


@dataclass(frozen=True, slots=True)
class Lot:
    """Order sizes of the symbols that match ``pattern``: at least ``minimum`` shares, then multiples of ``step``."""

    pattern: str
    minimum: int
    step: int


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
        ``cn``, ``hk`` or ``us``.
    lots
        Order sizes; the first pattern that matches a symbol counts.
    t_plus_1
        Shares bought in a session cannot be sold in it.
    price_limits
        No purchase at an open at or above ``limit_up``, no sale at an open at or below ``limit_down``.
    short_selling
        Whether a negative weight may be held. Where it may not, a sale ends at a position of zero.
    max_gross
        Largest sum of absolute weights of a session.
    provisions
        The same in words, dated and sourced.
    """

    market: str
    lots: tuple[Lot, ...]
    t_plus_1: bool
    price_limits: bool
    short_selling: bool
    max_gross: float
    provisions: tuple[Provision, ...]

    def lot(self, symbol: str) -> tuple[int, int]:
        """Return (minimum, step) of an order in ``symbol``, in shares.

        >>> [rules_of("cn").lot(s) for s in ("600519.SS", "688981.SS", "430047.BJ")]
        [(100, 100), (200, 1), (100, 1)]
        """
        for lot in self.lots:
            if re.search(lot.pattern, symbol):
                return lot.minimum, lot.step
        return 1, 1


_MAINLAND = Rules(
    market="cn",
    lots=(Lot(r"^68[89]\d{3}\.SS$", 200, 1), Lot(r"\.BJ$", 100, 1), Lot(r"", 100, 100)),
    t_plus_1=True,
    price_limits=True,
    short_selling=False,
    max_gross=1.0,
    provisions=(
        Provision(
            "Shares bought in a session can be sold from the next session on.",
            date(1995, 1, 1),
            "SSE and SZSE Trading Rules, chapter on settlement of A-shares",
        ),
        Provision(
            "Main board ±10 % of the previous close (±5 % for risk-warned shares).",
            date(1996, 12, 16),
            "CSRC notice of 13 December 1996; SSE and SZSE Trading Rules",
        ),
        Provision("STAR Market ±20 %.", date(2019, 7, 22), "SSE special trading rules for the STAR Market (2019)"),
        Provision("ChiNext ±20 %.", date(2020, 8, 24), "SZSE special trading rules for ChiNext (2020)"),
        Provision("Beijing ±30 %.", date(2021, 11, 15), "BSE Trading Rules (2021)"),
        Provision(
            "Purchases in lots of 100 shares; an odd remainder is sold in one order.", date(1990, 12, 19), "SSE and SZSE Trading Rules"
        ),
        Provision(
            "STAR Market: at least 200 shares, then by one share.",
            date(2019, 7, 22),
            "SSE special trading rules for the STAR Market (2019)",
        ),
        Provision("Beijing: at least 100 shares, then by one share.", date(2021, 11, 15), "BSE Trading Rules (2021)"),
        Provision(
            "No short sale: securities lending is not modelled, and new lending by CSF has been suspended.",
            date(2024, 7, 11),
            "CSRC announcement of 10 July 2024",
        ),
    ),
)

_HONG_KONG = Rules(
    market="hk",
    lots=(Lot(r"", 100, 100),),
    t_plus_1=False,
    price_limits=False,
    short_selling=True,
    max_gross=2.0,
    provisions=(
        Provision(
            "Board lots are set by each issuer; 100 shares stands for all of them here.",
            date(1986, 4, 2),
            "assumption; HKEX publishes board lots security by security",
        ),
        Provision(
            "Short sales are taken as covered by borrowed stock of a designated security; the borrow fee is part of the costs.",
            date(1994, 1, 3),
            "Rules of the Exchange, Eleventh Schedule",
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
    provisions=(
        Provision(
            "Whole shares only; fractional trading is off.", date(2001, 4, 9), "assumption; odd lots of single shares trade on every venue"
        ),
        Provision(
            "Short sales are taken as located and borrowed; the borrow fee is part of the costs.",
            date(2005, 1, 3),
            "Regulation SHO, 17 CFR 242.203",
        ),
        Provision(
            "Gross exposure of at most twice net asset value (50 % initial margin).", date(1974, 1, 3), "Regulation T, 12 CFR 220.12"
        ),
    ),
)

_RULES = MappingProxyType({rules.market: rules for rules in (_MAINLAND, _HONG_KONG, _UNITED_STATES)})


def rules_of(market: str) -> Rules:
    """Return the rules of ``cn``, ``hk`` or ``us``; raise :class:`~research.errors.UsageError` for another name."""
    if market not in _RULES:
        raise UsageError(f"market came as {market!r}; expected one of {', '.join(_RULES)}.")
    return _RULES[market]
