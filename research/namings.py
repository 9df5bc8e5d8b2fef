"""Names found in a text before it is settled what they mean, and the codes that settle them.

Used by :mod:`research.linking`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date

from research import codes
from research.names import Name, former_tickers

__all__ = ["Naming", "renamed", "with_codes"]

_OPENING = re.compile(r"\s?\(?$")
_LEGAL_FORM = re.compile(r"(?:集团)?(?:股份有限公司|有限责任公司|有限公司|公司)?\s?\(?$")  # between a name and its code
#: the words a ticker in brackets stands behind: Time Warner (T)
_CAPITALS = re.compile(r"(?:[A-Z][\w&.'’-]*\s)*[A-Z][\w&.'’-]*\s\Z")
#: what brackets hold besides
_NO_TICKERS = frozenset(
    ["A", "B", "C", "D", "E", "AI", "AR", "CEO", "CFO", "CPI", "ESG", "ETF", "EU", "EV", "GDP", "IPO", "IT", "PC", "TV", "UK", "US", "VR"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Naming:
    """A place in a text where a name was found, and what it may mean."""

    start: int
    end: int
    names: tuple[Name, ...]  # the instruments it may mean; never empty
    code: str | None = None  # symbol a code beside it says it is
    usual: str | None = None  # symbol a code says the same name is elsewhere


def with_codes(found: list[Naming], found_codes: Sequence[codes.Code], text: str) -> list[Naming]:
    """Let a code settle the name right before it and its like elsewhere, and count as a span of its own where it stands alone."""
    if not found_codes:
        return found
    out = list(found)
    ends = {s.end: i for i, s in enumerate(out)}
    beside: list[tuple[int, int]] = []
    settled: dict[tuple[Name, ...], str | None] = {}
    taken = {position for s in out for position in range(s.start, s.end)}
    printed = _prints_tickers(found_codes, out, ends, text)
    for code in found_codes:
        index = ends.get(_OPENING.search(text, max(0, code.start - 2), code.start).start())  # type: ignore[union-attr]
        if index is None:
            index = ends.get(_LEGAL_FORM.search(text, max(0, code.start - 12), code.start).start())  # type: ignore[union-attr]
        if index is not None and (code.sure or code.symbol in {n.symbol for n in out[index].names}):
            names = out[index].names
            out[index] = Naming(out[index].start, out[index].end, names, code.symbol)
            settled[names] = code.symbol if settled.get(names, code.symbol) == code.symbol else None
            beside.append((code.start, code.end))
        elif (code.sure or (printed and _behind_other(code, text))) and taken.isdisjoint(range(code.start, code.end)):
            name = Name(code.symbol, code.symbol, False, date.min, date.max, True)
            bare = text[code.start] == "("
            out.append(Naming(code.start + bare, code.end - (bare and text[code.end - 1] == ")"), (name,), code.symbol))
    # the ticker in 阿里巴巴(BABA) is the code of that name, not another naming
    free = [s for s in out if not any(start <= s.start and s.end <= end for start, end in beside)]
    free = [s if s.code else replace(s, usual=settled.get(s.names)) for s in free]
    return sorted(free, key=lambda s: s.start)


def _prints_tickers(found_codes: Sequence[codes.Code], found: Sequence[Naming], ends: Mapping[int, int], text: str) -> bool:
    """Return whether a text prints tickers in brackets: one stands behind a name it belongs to, as in Apple (AAPL)."""
    bare = [(code, ends.get(code.start - 1)) for code in found_codes if not code.sure and text[max(0, code.start - 1)] == " "]
    return any(index is not None and code.symbol in {n.symbol for n in found[index].names} for code, index in bare)


def _behind_other(code: codes.Code, text: str) -> bool:
    """Return whether a bare ticker in brackets stands behind another's name, which it is no short form of: Time Warner (T)."""
    words = _CAPITALS.search(text, max(0, code.start - 40), code.start)
    if words is None or code.symbol in _NO_TICKERS:
        return False
    initials = "".join(word[0] for word in words.group().split())
    return not initials.endswith(code.symbol) and not code.symbol.endswith(initials)  # Securities and Exchange Commission (SEC)


def renamed(code: codes.Code, day: date, named: Set[str]) -> codes.Code:
    """Return a code under its issuer's ticker of now: by day, or where the text names that issuer (巴里克黄金(GOLD.N))."""
    symbol, last = former_tickers().get(code.symbol, (code.symbol, date.min))
    return replace(code, symbol=symbol) if day <= last or symbol in named else code
