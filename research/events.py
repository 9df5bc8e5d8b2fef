"""Typed events: what happened, to which instrument, when, in whose words.

1. :mod:`research.event_types` holds the taxonomy and finds the words of all types in one pass.
2. :func:`find` judges each place: denied, conditional, planned, past; whose event it is.
3. Denials drop a hit; conditions, plans and look-backs lower its confidence unless the type is itself about plans.
4. The subject is the nearest instrument before the word in its sentence, then the instrument the headline is about.
5. One event is kept for each document, type and subject: the one with the most confidence, the earliest of equals.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import polars as pl

from research import cleaning, dates, moves
from research.event_types import EventType, Hit, hits, taxonomy
from research.facts import spans_by_document
from research.moves import Span
from research.schemas import DOCUMENTS, EVENTS, MENTIONS, content_id
from research.sentences import Sentence, sentences, within

__all__ = ["ANNOTATOR", "EventType", "Found", "extract", "find", "taxonomy"]

ANNOTATOR = "events@1"
_FLOOR = 0.3
#: groups whose subject is a company: an index, a currency, a commodity or a coin next to the word is not it
_COMPANY = frozenset(
    {
        "earnings", "guidance", "mna", "buyback", "dividend", "share_offering_ipo", "shareholder_reduction",
        "insider_management_change", "capex_investment", "product_launch", "contract_partnership", "layoffs_restructuring",
        "litigation_settlement", "accident_operations", "regulation_investigation", "default_credit",
    }
)  # fmt: skip
_NO_COMPANY = re.compile(r"\^|[A-Z]+:|399\d{3}\.SZ|000\d{3}\.SS|5\d{5}\.SS|15\d{4}\.SZ|.*(?:=[FX]|-USD)$|DX-Y")
#: how far behind its word an event may name its subject
_REACH = 40
#: a subject nearer than this in front of the word is sure
_NEAR = 30
#: moves that are events: of an instrument the document is about, of any other
_LARGE, _HUGE, _CENTRAL = 0.02, 0.1, 0.6
_LONGEST = 200

_DENIAL = re.compile(
    r"(?:否认|澄清|不存在|未(?!来)|没有|不会|不再|并非|无(?!锡)|暂无|不属实|拒绝|避免|防止|免于|终止|取消|放弃|"
    r"\b(?:den(?:y|ies|ied)|not|no|never|without|won't|n't|rules? out|rejects?)\b)[^,。;]{0,5}$",
    re.IGNORECASE,
)
_DENIAL_AFTER = re.compile(r"^[^,。;]{0,8}(?:不属实|的传闻|系谣言|为不实|消息不实)")
#: anywhere before the word in its clause
_NEVER_DONE = re.compile(
    r"并未|尚未|未曾|未收到|未被|未签|未有|暂无|"
    r"\b(?:scraps?|scrapped|abandon(?:s|ed)?|halts?|halted|suspends?|suspended|cancel(?:s|led|ed)?|delays?|delayed|"
    r"postpones?d?|no plans?)\b",
    re.IGNORECASE,
)
#: anywhere in the sentence
_REFUTED = re.compile(r"否认|澄清|辟谣|不属实|子虚乌有|与事实不符|\b(?:den(?:y|ies|ied)|refut(?:es|ed))\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"若|如果|假如|倘若|一旦|可能|或将|有望|恐|是否|能否|会否|考虑|讨论|传闻|据传|担心|担忧|"
    r"\b(?:if|could|may|might|consider(?:s|ing)?|mull(?:s|ing)?|reportedly|rumou?r|talks? of|whether|fears?)\b",
    re.IGNORECASE,
)
_PLAN = re.compile(
    r"拟|计划|预计|将(?=[^军])|打算|准备|\b(?:plans? to|will|expects? to|to be|aims? to|intends?)\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"去年|前年|此前|曾|当年|历史上|早在|过去|多年|回顾|以往|"
    r"\b(?:last year|previously|earlier this year|years ago|historically|in 20\d\d)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d(?=年)")


@dataclass(frozen=True, slots=True)
class Found:
    """An event in one text: ``start, end`` bound its evidence, ``at`` is where its word stands, ``prior`` the tone of its type."""

    name: str
    symbol: str | None
    confidence: float
    start: int
    end: int
    prior: float
    at: int


@lru_cache(maxsize=1)
def _unless() -> Mapping[str, tuple[str, ...]]:
    return {kind.name: kind.unless for kind in taxonomy() if kind.unless}


def extract(documents: pl.DataFrame, spans: pl.DataFrame, mentions: pl.DataFrame) -> pl.DataFrame:
    """Return the ``events`` table of ``documents``.

    Parameters
    ----------
    documents, mentions
        ``documents`` and ``mentions`` tables; relevance and tone of an event's instrument come from ``mentions``.
    spans
        Where instruments are named: ``doc_id, symbol, surface, start, end, in_headline, role``.

    Returns
    -------
    polars.DataFrame
        One row for each document, type and subject; ``symbol`` is null for market-wide events and for subjects without
        an instrument; ``evidence`` is cut from the original text, at most 200 characters. Sorted by document and place.

    Raises
    ------
    SchemaError
        When a frame does not fit its table.
    """
    DOCUMENTS.validate(documents)
    MENTIONS.validate(mentions)
    named = spans_by_document(spans)
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for row in mentions.iter_rows(named=True):
        known.setdefault(row["doc_id"], {})[row["symbol"]] = row
    rows: list[dict[str, Any]] = []
    for document in documents.sort("doc_id").iter_rows(named=True):
        rows += _of_document(document, named.get(document["doc_id"], []), known.get(document["doc_id"], {}))
    return EVENTS.validate(pl.DataFrame(rows, schema=EVENTS.schema))


def _of_document(document: Mapping[str, Any], spans: Sequence[Span], mentions: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    text = document["headline"] + "\n" + document["body"]
    plain = cleaning.plain(text)
    parts = sentences(plain, len(document["headline"]) + 1)
    topic = _topic(mentions)
    best: dict[tuple[str, str | None], Found] = {}
    found = find(plain, spans, parts, topic, document["language"], document["published_at"]) + _moved(plain, parts, spans, mentions)
    for one in sorted(found, key=lambda f: (f.at, f.name)):
        key = (one.name, one.symbol)
        if key not in best or one.confidence > best[key].confidence:
            best[key] = one
    for name, symbol in list(best):
        if any((other, symbol) in best for other in _unless().get(name, ())):
            del best[name, symbol]
    return [_row(document, text, plain, one, mentions) for one in sorted(best.values(), key=lambda f: (f.at, f.name, f.symbol or ""))]


def _topic(mentions: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the instrument the document is about: named in the headline, the most relevant of these."""
    headline = [m for m in mentions.values() if m["in_headline"] and m["role"] != "source"]
    ranked = sorted(headline, key=lambda m: (-m["relevance"], m["first_offset"], m["symbol"]))
    return ranked[0]["symbol"] if ranked else None


def find(
    plain: str, spans: Sequence[Span], parts: Sequence[Sentence], topic: str | None, language: str, published_at: datetime
) -> list[Found]:
    """Return every typed event of one text, denials left out, in order of appearance; several may share type and subject.

    Parameters
    ----------
    plain, spans, parts
        Text as :func:`research.cleaning.plain` gives it, the instruments named in it, its sentences.
    topic
        Instrument that is the subject of sentences that name none.
    language
        ``en`` selects the English patterns, anything else the Chinese words.
    published_at
        Years well before it mark a look back.
    """
    found: list[Found] = []
    for hit in hits(plain, language):
        sentence = parts[max(0, bisect_right(parts, hit.start, key=lambda part: part.start) - 1)]
        confidence = _confidence(plain, sentence, hit, published_at.year)
        if confidence < _FLOOR:
            continue
        inside = within(spans, sentence.start, sentence.end)
        symbol, sure = (None, 1.0) if hit.kind.market else _subject(plain, hit, inside, topic)
        confidence = round(min(1.0, confidence * sure), 4)
        if confidence >= _FLOOR:
            found.append(Found(hit.kind.name, symbol, confidence, sentence.start, sentence.end, hit.kind.prior, hit.start))
    return found


def _confidence(plain: str, sentence: Sentence, hit: Hit, year: int) -> float:
    clause = max(plain.rfind(mark, sentence.start, hit.start) for mark in ",;。:")
    before = plain[max(sentence.start, clause + 1) : hit.start]
    after = plain[hit.end : min(sentence.end, hit.end + 16)]
    if (
        _DENIAL.search(before)
        or _DENIAL_AFTER.search(after)
        or _NEVER_DONE.search(before)
        or _REFUTED.search(plain, sentence.start, sentence.end)
    ):
        return 0.0
    value = hit.kind.level
    around = before + plain[hit.start : hit.end]
    if _CONDITION.search(before) or "?" in plain[hit.end : sentence.end]:
        value *= 0.6
    if not hit.kind.plan and _PLAN.search(before):
        value *= 0.6
    years = [int(year) for year in _YEAR.findall(around)]
    if _PAST.search(before) or (years and max(years) < year - 1):
        value *= 0.6
    return value + 0.15 if sentence.headline else value


def _subject(plain: str, hit: Hit, inside: Sequence[Span], topic: str | None) -> tuple[str | None, float]:
    """Return (symbol, factor on the confidence)."""
    company = hit.kind.name.split(".")[0] in _COMPANY
    own = [s for s in inside if s.role != "source" and not (company and _NO_COMPANY.match(s.symbol))]
    before = [s for s in own if s.end <= hit.end]
    if before:
        near = before[-1]
        return near.symbol, 1.0 if hit.start - near.end <= _NEAR else 0.85
    after = [s for s in own if s.start >= hit.start and s.start - hit.end <= _REACH]
    if after:
        return after[0].symbol, 0.9
    if topic is not None and not (company and _NO_COMPANY.match(topic)):
        return topic, 0.8 if not own else 0.6
    return None, 0.6


def _moved(plain: str, parts: Sequence[Sentence], spans: Sequence[Span], mentions: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """Return a price event for the moves a document is about: large ones, and those of instruments in its headline."""
    found = []
    for move in moves.find(plain, spans, parts):
        mention = mentions.get(move.symbol or "")
        if move.symbol is None or not move.value or (mention and mention["role"] == "source"):
            continue
        daily = move.basis in ("close", "intraday", "after_hours", None)
        headline = bool(mention and mention["in_headline"])
        large = _LARGE if headline or not mention or mention["relevance"] >= _CENTRAL else _HUGE
        if abs(move.value) < (large if daily else 2 * large):
            continue
        confidence = min(1.0, (0.85 if daily else 0.6) + (0.1 if headline else 0.0))
        sentence = parts[max(0, bisect_right(parts, move.at, key=lambda part: part.start) - 1)]
        start, end = (sentence.start, sentence.end) if sentence.end - sentence.start <= _LONGEST else (move.start, move.end)
        name, prior = ("price_move.up", 0.5) if move.value > 0 else ("price_move.down", -0.5)
        found.append(Found(name, move.symbol, confidence, start, end, max(-1.0, min(1.0, prior + 5 * move.value)), move.at))
    return found


def _row(document: Mapping[str, Any], text: str, plain: str, found: Found, mentions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    evidence = _evidence(text, plain, found)
    mention = mentions.get(found.symbol) if found.symbol is not None else None
    tone = found.prior if mention is None or not mention["confidence"] else 0.6 * found.prior + 0.4 * mention["sentiment"]
    return {
        "event_id": content_id(document["doc_id"], found.symbol, found.name, evidence),
        "doc_id": document["doc_id"],
        "symbol": found.symbol,
        "event_type": found.name,
        "role": mention["role"] if mention else "subject",
        "event_date": _event_date(plain, found, document),
        "available_at": document["available_at"],
        "sentiment": round(max(-1.0, min(1.0, tone)), 6),
        "relevance": mention["relevance"] if mention else 0.5,
        "novelty": document["novelty"],
        "confidence": found.confidence,
        "evidence": evidence,
        "annotator": ANNOTATOR,
    }


def _evidence(text: str, plain: str, found: Found) -> str:
    start, end = found.start, found.end
    if end - start > _LONGEST:
        start = max(start, found.at - 90)
        end = min(end, start + _LONGEST)
        cut = max(plain.rfind(mark, start, found.at) for mark in ",;:")
        start = cut + 1 if cut >= start else start
    return text[start:end].strip()


def _event_date(plain: str, found: Found, document: Mapping[str, Any]) -> date | None:
    """Return the one day the evidence names nearest before the event's word, if it names one."""
    spans = [d for d in dates.find(plain[found.start : found.end], document["published_at"]) if d.first == d.last]
    before = [d for d in spans if found.start + d.start <= found.at]
    pick = before[-1] if before else (spans[0] if spans else None)
    return pick.last if pick else None
