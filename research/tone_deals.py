"""Tone of deals and lists: of whom a term is said that tells what one does with another, and with whom a subject shares its news.

A word of good or bad news counts for the name before it, but 甲获乙增持, 甲与乙签订合同, 甲股东乙减持, 甲:乙拟减持, 乙减持甲 and 乙起诉甲
are all news of 甲. A bid is good for who is to be bought, a share of the market that is won bad for who had it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from research import events, roles
from research.moves import Span
from research.patterns import presence
from research.sentences import within
from research.tone_terms import Term

__all__ = ["Bid", "bids", "listed_with", "of_deal", "of_suit", "suing"]

#: between the names of a list
_LISTED = re.compile(r"(?:[(][^()]*[)])?(?:[、和与及]|以及|等)")
#: groups of events between two sides
_OF_TWO = frozenset({"mna", "litigation_settlement", "contract_partnership", "shareholder_reduction"})
#: who is to be bought: 拟全面收购某公司, 向某公司提出收购要约
_BOUGHT_LEFT = presence(
    r"(?<!不再)(?<!放弃)(?<!终止)(?<!取消)(?:将|拟|计划|同意|宣布|要约|全面|现金|洽购|求购)(?:以[^,。;]{1,14})?(?:收购|私有化)$|(?<!放弃)(?<!取消)向$"
)
_OFFERED_RIGHT = re.compile(r"(?:集团|公司)?(?:提出|发出|开出)[^,。;]{0,12}(?:收购|要约|私有化)")
#: who loses what another takes: has won share from Acme
_SHARE_LOST_LEFT = presence(
    r"\b(?:grabb|tak|took|won|winn|gain|stole|steal|captur)\w*\s(?:more\s|some\s)?(?:market\s)?share\sfrom\s(?:(?:its\s)?rivals?\s(?:like|such\sas|including)\s)?\Z"
)
#: what a bid says of who is to be bought, and a lost share of the market of who had it
_BID, _SHARE_LOST = 0.7, -0.5
#: a suit is bad for who is sued: 甲起诉乙
_SUES_RIGHT = re.compile(
    r"(?:集团|公司|股份)?(?:今日|已|拟|将|正式|再次|再度|向[^,。;]{1,12}法院)*(?:起诉(?!书)|状告|控告|诉(?=[一-龥]{2,12}(?:侵权|案))|对[^,。;]{1,16}提起(?:诉讼|仲裁))"
)
_SUED_LEFT = re.compile(r"[对将把向]$")
#: holders trade shares of another: 甲:股东乙减持, 甲股东乙拟清仓, 乙减持甲
_TRADES = frozenset({"减持", "增持", "清仓", "清仓减持", "清仓式减持"})
_HOLDER = re.compile(r":?(?:[^,。;:]{0,10}股东)?")
_COLON_BEFORE = re.compile(r":[^,。;:]{0,12}$")
_BESIDE, _FAR = 3, 14
_AGREES = re.compile(r"签[订署约]|合同|订单|大单")
_SUIT = re.compile(r"诉|状告|控告|仲裁|侵犯|侵权|litigation_settlement\.sue")


class Bid(NamedTuple):
    """Whom a deal is good or bad for without a word of tone: where it is named, what it is worth in [-1, 1], and why."""

    symbol: str
    start: int
    score: float
    why: str


def bids(plain: str, spans: Sequence[Span]) -> Iterator[Bid]:
    """Yield the names that somebody bids for, and those that lose a share of their market."""
    for span in spans:
        left = _BOUGHT_LEFT.search(plain, max(0, span.start - 18), span.start)
        if left and (plain[span.start - 1] != "向" or _OFFERED_RIGHT.match(plain, span.end)):
            yield Bid(span.symbol, span.start, _BID, "bid")
        if _SHARE_LOST_LEFT.search(plain, max(0, span.start - 72), span.start):
            yield Bid(span.symbol, span.start, _SHARE_LOST, "share lost")


def suing(plain: str, spans: Sequence[Span]) -> frozenset[str]:
    """Return who sues another."""
    return frozenset(
        span.symbol
        for span in spans
        if _SUES_RIGHT.match(plain, span.end) and not _SUED_LEFT.search(plain, max(0, span.start - 1), span.start)
    )


def of_suit(why: str) -> bool:
    """Return whether a term, or a type of event, is one of suits: it says nothing bad of who sues."""
    return _SUIT.search(why) is not None


def of_deal(plain: str, hit: Term, acting: Sequence[Span], before: int, carried: Sequence[str], sues: Set[str]) -> Sequence[str] | None:
    """Return of whom a term is said that tells what the name before it does with another; ``None`` where it tells no such thing.

    甲获乙增持 and 甲与乙签订合同 are said of 甲, 甲股东乙减持 and 甲:乙拟减持 of 甲, 乙减持甲 and 乙起诉甲 of 甲.
    """
    nearest, earlier = acting[before - 1], [span.symbol for span in acting[: before - 1]][-1:]
    left = plain[max(0, nearest.start - 3) : nearest.start]
    if nearest.role == "counterparty" and roles.agent(left):
        return earlier
    if nearest.role == "counterparty" and _AGREES.search(hit.why) and left.endswith(("与", "和", "同", "向")):
        return earlier or carried
    if hit.why in _TRADES:
        behind = next((span.symbol for span in acting[before:] if span.start - hit.end <= _BESIDE), None)
        if behind is not None:
            return [behind]
        if earlier:
            return earlier if _HOLDER.fullmatch(plain, acting[before - 2].end, nearest.start) else None
        return carried or None if _COLON_BEFORE.search(plain, max(0, nearest.start - _FAR), nearest.start) else None
    if nearest.symbol in sues and of_suit(hit.why):
        return earlier if left.endswith(("被", "遭", "由")) else [span.symbol for span in acting[before:]][:1]
    return None


def listed_with(plain: str, spans: Sequence[Span], event: events.Found) -> Sequence[str]:
    """Return the subject of an event and those of its list, 甲、乙和丙; of deals and suits, in which two sides stand together, it alone."""
    subject = event.symbol or ""
    if event.name.split(".")[0] in _OF_TWO:
        return [subject]
    named = [span for span in within(spans, event.start, event.end) if span.role != "source"]
    places = [place for place, span in enumerate(named) if span.symbol == subject]
    if not places:
        return [subject]
    first = last = min(places, key=lambda place: abs(named[place].start - event.at))
    while first and _LISTED.fullmatch(plain, named[first - 1].end, named[first].start):
        first -= 1
    while last + 1 < len(named) and _LISTED.fullmatch(plain, named[last].end, named[last + 1].start):
        last += 1
    if not any("、" in plain[a.end : b.start] for a, b in itertools.pairwise(named[first : last + 1])):
        return [subject]  # 甲和乙 may be two sides
    return list(dict.fromkeys(span.symbol for span in named[first : last + 1]))
