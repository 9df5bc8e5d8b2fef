"""Moves of prices that are events: of what the headline names, of what leads the text, and extremes.

A move is measured in units of what is large for a session of its kind (an index 1 %, a currency 0.5 %, a commodity 1.5 %, a coin 4 %,
a share 3 %). One unit is enough for the instruments a text is about (half of it in the headline), three for others. Moves over a week
or longer count for instruments of the headline only. Words without a number (涨停, 暴跌, plunges) count behind an instrument of the
headline. Sectors and baskets no symbol stands for give an event without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from research import moves
from research.event_types import Found
from research.moves import Move, Span
from research.sentences import Sentence, clauses, index_at, within

__all__ = ["OVER", "Stated", "candidates", "find", "unit"]

_UNITS = (
    (re.compile(r".*=X$|DX-Y"), 0.005),
    (re.compile(r".*-USD$"), 0.04),
    (re.compile(r"\^|399\d{3}\.SZ|000\d{3}\.SS"), 0.01),
    (re.compile(r".*=F$|[A-Z]+:"), 0.015),
)
_SHARE = 0.03
#: most price events of an article; most of instruments it is not about
_MOST, _MOST_ASIDE = 4, 1
_CENTRAL = 0.6
#: least relevance of an instrument a text is about, when its headline does not name it
_ABOUT = 0.35
_EXTREME = 3.0
_LONGEST = 200
#: trust in a move that alone would be no event
_PASSING = 0.3
_SECTOR = re.compile(r"(?:板块|指数|概念股?|个股|股|巨头|基金|债券|国债|sector|stocks|index|shares)$", re.IGNORECASE)
_STRONG = re.compile(
    r"^(?:(?:股价|价格|夜盘|盘中|盘前|盘后|尾盘|早盘|午后|周[一二三四五]|今日|昨日|一夜|一度|逆市|逆势|持续|集体|再度|大幅|,)*)(?:(?P<up>涨停|暴涨|大涨|飙升|狂飙|创(?:历史)?新高|新高|急升|劲升|急弹)"
    r"|(?P<down>跌停|暴跌|大跌|重挫|崩跌|跳水|创[^,。;]{0,6}新低|跌破|跌至|闪崩|急挫|转跌|挫))"
    r"|^ (?:shares |stock )?(?:(?P<eup>soars?|surges?|jumps?|rall(?:y|ies))|(?P<edown>plunges?|tumbles?|slumps?|sinks?|slides?))\b",
    re.IGNORECASE,
)
_CROWD = re.compile(
    r"(?:股市|[美港AaHh日韩欧]股|[一-鿿]股|指数|板块|巨头|概念|新兴市场|期货|债|汇率|货币|币圈|加密|stocks|shares|markets?|bonds)[^,。;]{0,10}"
    r"(?:(?P<up>暴涨|大涨|飙升|狂飙|反弹|涨停|新高|收高|齐涨|普涨|(?:全线|集体)(?:收涨|上涨|走高)|上扬|走强|领涨|\b(?:rall(?:y|ies)|surges?|soars?|jumps?|rises?)\b)"
    r"|(?P<down>暴跌|大跌|重挫|崩跌|崩盘|跳水|新低|跌停|收低|齐跌|普跌|(?:全线|集体)(?:收跌|下跌|走低)|走弱|下挫|领跌|转跌|蒸发|\b(?:plunges?|tumbles?|slumps?|sinks?|falls?|sell-?off)\b))"
    r"|(?P<before>重挫|血洗|打压)[^,。;]{0,4}(?:[一-鿿]股|板块)",
    re.IGNORECASE,
)
#: a move that is said to end
OVER = re.compile(r"[^,。;]{0,4}(?:有望|或将|或|将|已|可能)?(?:结束|终结|止步|告一段落|见底)")
_LIMIT = re.compile(r"涨停|跌停")
_UNSURE = re.compile(r"若|如果|假如|可能|或将|预计|认为|会|能否|何时|为何没有|未|没有")
_RECORD = re.compile(r"最大|新高|新低|以来|历史|首次|首个|史上|纪录")


@dataclass(frozen=True, slots=True)
class Stated:
    """A move of prices a text states: ``size`` in units, ``basis`` of :class:`research.moves.Move`, whether its sentence tells a record."""

    found: Found
    size: float
    chosen: bool
    basis: str | None
    record: bool


def unit(symbol: str) -> float:
    """Return what is a large move of one session for a symbol's kind of instrument, as a fraction.

    >>> unit("^GSPC"), unit("BTC-USD"), unit("0700.HK")
    (0.01, 0.04, 0.03)
    """
    return next((size for pattern, size in _UNITS if pattern.match(symbol)), _SHARE)


def find(plain: str, spans: Sequence[Span], parts: Sequence[Sentence], mentions: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """Return the price events of one text, at most four, the surest first: the chosen ones of :func:`candidates`."""
    return [one.found for one in candidates(plain, spans, parts, mentions) if one.chosen]


def candidates(plain: str, spans: Sequence[Span], parts: Sequence[Sentence], mentions: Mapping[str, Mapping[str, Any]]) -> list[Stated]:
    """Return every move the text states, those among the surest chosen and first.

    Parameters
    ----------
    plain, spans, parts
        Text as :func:`research.cleaning.plain` gives it, the instruments named in it, its sentences.
    mentions
        Rows of ``mentions`` of this document by symbol.
    """
    highest = max((m["relevance"] for m in mentions.values() if m["role"] != "source"), default=0.0)
    body = [part for part in parts if not part.headline]
    lead = body[min(1, len(body) - 1)].end if body else 0
    ranked: list[tuple[float, float, bool, Found]] = []
    stated: list[tuple[Found, float, str | None]] = []
    for move in moves.find(plain, spans, parts) if "%" in plain else ():
        sentence = parts[index_at(parts, move.at)]
        if move.symbol is None:
            aside, confidence, size = False, _of_sector(plain, move, sentence, lead), abs(move.value) / _SHARE
            if not _SECTOR.search(move.subject):
                continue
        else:
            mention = mentions.get(move.symbol)
            if not move.value or (mention and mention["role"] == "source"):
                continue
            size = abs(move.value) / unit(move.symbol)
            aside, confidence = _of_instrument(move, mention, sentence, size, highest, lead)
        one = _event(move.symbol, moves.quoted(move), confidence or _PASSING, sentence, move)
        stated.append((one, size, move.basis))
        if confidence:
            ranked.append((confidence, size, aside, one))
    sure = {one.symbol for _, _, _, one in ranked}
    for said in _in_words(plain, spans, parts, mentions):
        if said.symbol not in sure:
            stated.append((said, 1.0, None))
            ranked.append((said.confidence, 1.0, False, said))
    surest = {id(one) for one in _surest(ranked)}
    found = [Stated(one, size, id(one) in surest, basis, bool(_RECORD.search(plain, one.start, one.end))) for one, size, basis in stated]
    return sorted(found, key=lambda one: (not one.chosen, -one.found.confidence, one.found.at))


def _surest(ranked: list[tuple[float, float, bool, Found]]) -> list[Found]:
    kept: list[Found] = []
    seen: set[str | None] = set()
    asides = 0
    for _, _, aside, one in sorted(ranked, key=lambda r: (-r[0], -r[1], r[3].at)):
        if one.symbol in seen or len(kept) >= _MOST or (aside and asides >= _MOST_ASIDE):
            continue
        seen.add(one.symbol)
        asides += aside
        kept.append(one)
    return kept


def _of_instrument(
    move: Move, mention: Mapping[str, Any] | None, sentence: Sentence, size: float, highest: float, lead: int
) -> tuple[bool, float]:
    """Return (whether the text is about something else, confidence or 0)."""
    daily = move.basis in ("close", "intraday", "after_hours", None)
    named = bool(mention and mention["in_headline"])
    if sentence.headline:
        return False, 0.95 if size >= 0.5 else 0.0
    if named:
        return False, (0.75 if daily else 0.55) if size >= (0.5 if daily else 2.0) else 0.0
    if not daily:
        return True, 0.0
    leads = sentence.end <= lead and unit(move.symbol or "") != _SHARE
    central = mention is None or mention["relevance"] >= max(_ABOUT, _CENTRAL * highest)
    if central or leads:
        return False, 0.7 if size >= 1.0 else 0.0
    return True, 0.55 if size >= _EXTREME else 0.0


def _of_sector(plain: str, move: Move, sentence: Sentence, lead: int) -> float:
    """Return the confidence in an event of something without a symbol: in the headline or lead, or named in the headline."""
    if not _SECTOR.search(move.subject) or abs(move.value) < 0.01:
        return 0.0
    word = _SECTOR.sub("", move.subject)[-2:]
    headline = plain.partition("\n")[0]
    return 0.6 if sentence.headline or sentence.end <= lead or (len(word) == 2 and word in headline) else 0.0


def _in_words(plain: str, spans: Sequence[Span], parts: Sequence[Sentence], mentions: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    found = _of_headline(plain, spans, parts)
    for span in spans:
        mention = mentions.get(span.symbol)
        said = (
            _STRONG.match(plain[span.end : span.end + 24])
            if mention is not None and mention["in_headline"] and span.role != "source"
            else None
        )
        if said is None:
            continue
        sentence = parts[index_at(parts, span.start)]
        if span.end + said.end() > sentence.end or _UNSURE.search(plain, sentence.start, span.end + said.end()):
            continue
        if OVER.match(plain, span.end + said.end(), sentence.end):
            continue
        move = Move(
            span.symbol, span.surface, 1.0 if said["up"] or said["eup"] else -1.0, "approx", None, span.start, sentence.end, span.end
        )
        up = moves.quoted(move) > 0
        confidence = 0.9 if _LIMIT.search(said.group()) else 0.7 if sentence.headline else 0.5
        name, prior = ("price_move.up", 0.6) if up else ("price_move.down", -0.6)
        found.append(Found(name, span.symbol, confidence, sentence.start, sentence.end, prior, span.end))
    return found


def _of_headline(plain: str, spans: Sequence[Span], parts: Sequence[Sentence]) -> list[Found]:
    """Return the move of a market or basket without a symbol that a clause of the headline speaks of: 美股全线跳水."""
    for sentence in parts:
        if not sentence.headline:
            break
        if any(span.role != "source" for span in within(spans, 0, sentence.end)):
            break
        for start, end in clauses(plain, sentence.start, sentence.end):
            said = _CROWD.search(plain, start, end)
            if said is None or _UNSURE.search(plain, start, said.end()):
                continue
            up = bool(said["up"])
            return [
                Found(
                    "price_move.up" if up else "price_move.down", None, 0.6, sentence.start, sentence.end, 0.6 if up else -0.6, said.start()
                )
            ]
    return []


def _event(symbol: str | None, value: float, confidence: float, sentence: Sentence, move: Move) -> Found:
    start, end = (sentence.start, sentence.end) if sentence.end - sentence.start <= _LONGEST else (move.start, move.end)
    name, prior = ("price_move.up", 0.5) if value > 0 else ("price_move.down", -0.5)
    return Found(name, symbol, confidence, start, end, max(-1.0, min(1.0, prior + 5 * value)), move.at)
