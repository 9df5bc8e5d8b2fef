"""Typed events: what happened, to which instrument, when, in whose words.

1. :func:`taxonomy` loads ``research/data/events.toml``: groups, types, the words that trigger them, context they need or exclude.
2. The words of all types are found in one pass over the text; context is looked at only around a hit.
3. Denials drop a hit; conditions, plans and look-backs lower its confidence unless the type is itself about plans.
4. The subject is the nearest instrument before the word in its sentence, then the instrument the headline is about.
5. One event is kept for each document, type and subject: the one with the most confidence, the earliest of equals.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

import polars as pl

from research import cleaning, dates, moves
from research.facts import spans_by_document
from research.moves import Span
from research.schemas import DOCUMENTS, EVENT_GROUPS, EVENTS, MENTIONS, content_id
from research.sentences import Sentence, sentences, within

__all__ = ["ANNOTATOR", "EventType", "extract", "taxonomy"]

ANNOTATOR = "events@1"
_FLOOR = 0.25
_WINDOW = 40
#: how far behind its word an event may name its subject
_REACH = 40
_LONGEST = 200

_DENIAL = re.compile(
    r"(?:否认|澄清|不存在|未(?!来)|没有|不会|不再|并非|无(?!锡)|暂无|不属实|拒绝|避免|防止|免于|终止|取消|放弃|"
    r"\b(?:den(?:y|ies|ied)|not|no|never|without|won't|n't|rules? out|rejects?)\b)[^,。;]{0,5}$",
    re.IGNORECASE,
)
_DENIAL_AFTER = re.compile(r"^[^,。;]{0,8}(?:不属实|的传闻|系谣言|为不实|消息不实)")
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
class EventType:
    """One type of the taxonomy; see the head of ``events.toml`` for the meaning of each field."""

    name: str
    definition: str
    words: tuple[str, ...]
    needs: re.Pattern[str] | None
    avoid: re.Pattern[str] | None
    english: re.Pattern[str] | None
    english_avoid: re.Pattern[str] | None
    prior: float
    level: float
    market: bool
    plan: bool


@dataclass(frozen=True, slots=True)
class _Hit:
    kind: EventType
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    symbol: str | None
    confidence: float
    start: int
    end: int
    prior: float
    at: int


@lru_cache(maxsize=1)
def taxonomy() -> tuple[EventType, ...]:
    """Return every event type, ordered by name; the file is checked against ``EVENT_GROUPS``."""
    source = tomllib.loads(resources.files("research.data").joinpath("events.toml").read_text(encoding="utf-8"))
    found = [_type(f"{group}.{name}", entry) for group, types in source.items() for name, entry in types.items()]
    unknown = sorted({kind.name.split(".")[0] for kind in found} - set(EVENT_GROUPS))
    if unknown:
        raise ValueError(f"events.toml holds the groups {', '.join(unknown)}; expected groups of EVENT_GROUPS.")
    return tuple(sorted(found, key=lambda kind: kind.name))


def _type(name: str, entry: Mapping[str, Any]) -> EventType:
    def pattern(key: str) -> re.Pattern[str] | None:
        return re.compile(entry[key], re.IGNORECASE) if entry.get(key) else None

    return EventType(
        name, entry["definition"], tuple(entry.get("words", ())), pattern("needs"), pattern("avoid"), pattern("en"), pattern("en_avoid"),
        float(entry["prior"]), float(entry["level"]), bool(entry.get("market", False)), bool(entry.get("plan", False)),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _matcher() -> tuple[Any, tuple[tuple[EventType, ...], ...]]:
    from ahocorasick_rs import AhoCorasick

    owners: dict[str, list[EventType]] = {}
    for kind in taxonomy():
        for word in kind.words:
            owners.setdefault(word.lower(), []).append(kind)
    words = sorted(owners)
    return AhoCorasick(words), tuple(tuple(owners[word]) for word in words)


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
    best: dict[tuple[str, str | None], _Found] = {}
    found = _typed(plain, parts, spans, topic, document) + _moved(plain, parts, spans, mentions)
    for one in sorted(found, key=lambda f: (f.at, f.name)):
        key = (one.name, one.symbol)
        if key not in best or one.confidence > best[key].confidence:
            best[key] = one
    return [_row(document, text, plain, one, mentions) for one in sorted(best.values(), key=lambda f: (f.at, f.name, f.symbol or ""))]


def _topic(mentions: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the instrument the document is about: named in the headline, the most relevant of these."""
    headline = [m for m in mentions.values() if m["in_headline"] and m["role"] != "source"]
    ranked = sorted(headline, key=lambda m: (-m["relevance"], m["first_offset"], m["symbol"]))
    return ranked[0]["symbol"] if ranked else None


def _typed(plain: str, parts: Sequence[Sentence], spans: Sequence[Span], topic: str | None, document: Mapping[str, Any]) -> list[_Found]:
    found: list[_Found] = []
    index = 0
    hits = _hits_english(plain) if document["language"] == "en" else _hits_chinese(plain)
    for hit in hits:
        while index + 1 < len(parts) and parts[index + 1].start <= hit.start:
            index += 1
        while index and parts[index].start > hit.start:
            index -= 1
        sentence = parts[index]
        if not sentence.start <= hit.start < sentence.end:
            continue
        confidence = _confidence(plain, sentence, hit, document)
        if confidence < _FLOOR:
            continue
        inside = within(spans, sentence.start, sentence.end)
        symbol, sure = (None, 1.0) if hit.kind.market else _subject(plain, sentence, hit, inside, topic)
        confidence *= sure
        if confidence >= _FLOOR:
            found.append(
                _Found(hit.kind.name, symbol, round(min(1.0, confidence), 4), sentence.start, sentence.end, hit.kind.prior, hit.start)
            )
    return found


def _hits_chinese(plain: str) -> list[_Hit]:
    automaton, owners = _matcher()
    lowered = plain.lower() if len(plain.lower()) == len(plain) else plain
    found: list[_Hit] = []
    for index, start, end in automaton.find_matches_as_indexes(lowered, overlapping=True):
        window = plain[max(0, start - _WINDOW) : end + _WINDOW]
        for kind in owners[index]:
            if (kind.needs is None or kind.needs.search(window)) and not (kind.avoid and kind.avoid.search(window)):
                found.append(_Hit(kind, start, end))
    return found


def _hits_english(plain: str) -> list[_Hit]:
    found: list[_Hit] = []
    for kind in taxonomy():
        if kind.english is None:
            continue
        for match in kind.english.finditer(plain):
            window = plain[max(0, match.start() - _WINDOW) : match.end() + _WINDOW]
            if not (kind.english_avoid and kind.english_avoid.search(window)):
                found.append(_Hit(kind, match.start(), match.end()))
    return sorted(found, key=lambda hit: (hit.start, hit.kind.name))


def _confidence(plain: str, sentence: Sentence, hit: _Hit, document: Mapping[str, Any]) -> float:
    clause = max(plain.rfind(mark, sentence.start, hit.start) for mark in ",;。:")
    before = plain[max(sentence.start, clause + 1) : hit.start]
    after = plain[hit.end : min(sentence.end, hit.end + 16)]
    if _DENIAL.search(before) or _DENIAL_AFTER.search(after):
        return 0.0
    value = hit.kind.level
    around = before + plain[hit.start : hit.end]
    if _CONDITION.search(before):
        value *= 0.6
    if not hit.kind.plan and _PLAN.search(before):
        value *= 0.6
    years = [int(year) for year in _YEAR.findall(around)]
    if _PAST.search(before) or (years and max(years) < document["published_at"].year - 1):
        value *= 0.6
    return value + 0.15 if sentence.headline else value


def _subject(plain: str, sentence: Sentence, hit: _Hit, inside: Sequence[Span], topic: str | None) -> tuple[str | None, float]:
    """Return (symbol, factor on the confidence)."""
    own = [s for s in inside if s.role != "source"]
    before = [s for s in own if s.end <= hit.end]
    if before:
        near = before[-1]
        return near.symbol, 1.0 if hit.start - near.end <= 30 else 0.85
    after = [s for s in own if s.start >= hit.start and s.start - hit.end <= _REACH]
    if after:
        return after[0].symbol, 0.9
    if topic is not None:
        return topic, 0.8 if not own else 0.6
    return None, 0.6


def _moved(plain: str, parts: Sequence[Sentence], spans: Sequence[Span], mentions: Mapping[str, Mapping[str, Any]]) -> list[_Found]:
    """Return a price event for the moves a document is about: large ones, and those of instruments in its headline."""
    stated = [m for m in moves.find(plain, spans, parts) if m.symbol is not None and m.value]
    few = len({m.symbol for m in stated}) <= 3
    found = []
    for move in stated:
        mention = mentions.get(move.symbol or "")
        headline = bool(mention and mention["in_headline"])
        if not (few or headline or abs(move.value) >= 0.1):
            continue
        confidence = min(1.0, (0.85 if move.basis in ("close", "intraday", "after_hours", None) else 0.6) + (0.1 if headline else 0.0))
        sentence = next(part for part in parts if part.start <= move.at < part.end)
        start, end = (sentence.start, sentence.end) if sentence.end - sentence.start <= _LONGEST else (move.start, move.end)
        name = "price_move.up" if move.value > 0 else "price_move.down"
        found.append(
            _Found(
                name,
                move.symbol,
                confidence,
                start,
                end,
                max(-1.0, min(1.0, 0.5 * (1 if move.value > 0 else -1) + 5 * move.value)),
                move.at,
            )
        )
    return found


def _row(document: Mapping[str, Any], text: str, plain: str, found: _Found, mentions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
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


def _evidence(text: str, plain: str, found: _Found) -> str:
    start, end = found.start, found.end
    if end - start > _LONGEST:
        start = max(start, found.at - 90)
        end = min(end, start + _LONGEST)
        cut = max(plain.rfind(mark, start, found.at) for mark in ",;:")
        start = cut + 1 if cut >= start else start
    return text[start:end].strip()


def _event_date(plain: str, found: _Found, document: Mapping[str, Any]) -> date | None:
    """Return the one day the evidence names nearest before the event's word, if it names one."""
    spans = [d for d in dates.find(plain[found.start : found.end], document["published_at"]) if d.first == d.last]
    before = [d for d in spans if found.start + d.start <= found.at]
    pick = before[-1] if before else (spans[0] if spans else None)
    return pick.last if pick else None
