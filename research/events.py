"""Typed events: what happened, to which instrument, when, in whose words.

1. :mod:`research.event_types` holds the taxonomy and finds the words of all types in one pass.
2. :func:`find` judges each place: whether the text says it happened (:mod:`research.modality`), whose event it is, where it stands.
3. :mod:`research.event_moves` adds the moves of prices a text is about.
4. :func:`select` keeps what an expert would list as the events of the article: one a group and subject, few an article.

Confidence is a product of six factors, cut at 1:

- trust in the wording: ``level`` of the type in ``events.toml``;
- modality: denied 0, look back 0.4, conditional 0.6, somebody's opinion 0.65, planned 0.7;
- place: headline 1.25, lead 1.1, body 0.9, body of a long text 0.85;
- subject: named beside it 1, after it or taken over from the headline 0.9, by a pronoun 0.8, unknown in passing 0.65;
- salience of the subject: 1 in the headline, else 0.55 to 1 with its relevance; market-wide background of a company's news 0.7;
- repetition: 5 % more for each further sentence that says so, three at most.

Below 0.3 nothing is reported; above 0.6 it is stated of what the text is about.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import polars as pl

from research import cleaning, dates, event_moves, event_subjects, modality
from research.event_types import EventType, Found, Hit, hits, taxonomy
from research.facts import spans_by_document
from research.moves import Span
from research.schemas import DOCUMENTS, EVENTS, MENTIONS, content_id
from research.sentences import Sentence, sentences, within

__all__ = ["ANNOTATOR", "EventType", "Found", "extract", "find", "select", "taxonomy"]

ANNOTATOR = "events@2"
_FLOOR = 0.3
#: most events of an article, of one instrument in it that its headline does not name, and market-wide ones
_MOST, _MOST_ASIDE, _MOST_WIDE = 6, 2, 3
#: groups of markets and states
_WIDE = frozenset({"macro_data", "central_bank", "fiscal_trade_policy", "geopolitics", "commodity_supply_demand"})
#: relevance of an instrument a text is about; factor on market-wide background
_ABOUT, _BACKGROUND = 0.6, 0.7
#: groups that befall states, authorities and persons as well
_OF_ANYBODY = frozenset({"regulation_investigation", "litigation_settlement", "accident_operations", "default_credit"})
#: groups that report on a period by their nature
_PERIOD = frozenset({"earnings", "dividend", "macro_data"})
_LONG = 1_200
_LONGEST = 200
#: how much of the body dates what its headline says
_OPENING = 40
#: without one of these nothing is dated
_DATED = re.compile(
    r"\d[月日号./-]|[日周昨今前]|星期|礼拜|隔夜|上午|下午|晚间|day|morning|night|week|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.IGNORECASE,
)
_HEADLINE, _LEAD, _BODY, _LONG_BODY = 1.25, 1.1, 0.9, 0.85
#: somebody the master does not know: who the headline or lead is about (or a market), in passing
_UNNAMED, _NOBODY = 0.9, 0.65


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
        At most one row for each document, group and subject; ``symbol`` is null for market-wide events and for subjects
        without an instrument; ``evidence`` is cut from the original text, at most 200 characters. Sorted by document and place.

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
    quoted = {symbol for symbol, row in mentions.items() if row["role"] == "source"}
    heard = [span for span in spans if span.symbol not in quoted]
    company = _about_company(mentions)
    typed = [
        one.weighed(_salience(one.symbol, mentions, company=company and not one.headline and one.name.split(".")[0] in _WIDE))
        for one in find(plain, heard, parts, event_subjects.topic_of(mentions), document["language"], document["published_at"])
    ]
    moved = event_moves.find(plain, spans, parts, mentions)
    return [_row(document, text, plain, one, mentions) for one in select([*typed, *moved], mentions)]


def select(found: Sequence[Found], mentions: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """Return the events of one article: the surest a group and subject, at most six, few of instruments named in passing.

    Repeated statements make one event surer; those below the floor are left out. Ordered by place.
    """
    said = Counter((one.name, one.symbol, one.start) for one in found)
    times = Counter((name, symbol) for name, symbol, _ in said)
    best: dict[tuple[str, str | None], Found] = {}
    for one in sorted(found, key=lambda f: (-f.confidence, f.at, f.name)):
        best.setdefault((one.name, one.symbol), one)
    for name, symbol in list(best):
        if any((other, symbol) in best for other in _unless().get(name, ())):
            del best[name, symbol]
    if not best:
        return []
    groups: set[tuple[str, str | None]] = set()
    per: Counter[str | None] = Counter()
    kept: list[Found] = []
    surer = [one.repeated(times[one.name, one.symbol]) for one in best.values()]
    for one in sorted(surer, key=lambda f: (-f.confidence, f.at, f.name)):
        key = (one.name.split(".")[0], one.symbol)
        mention = mentions.get(one.symbol or "")
        most = _MOST_WIDE if one.symbol is None else _MOST if mention and mention["in_headline"] else _MOST_ASIDE
        unresolved = one.symbol is None and key[0] not in _WIDE and any(group == key[0] for group, _ in groups)
        if one.confidence < _FLOOR or key in groups or unresolved or per[one.symbol] >= most or len(kept) >= _MOST:
            continue
        groups.add(key)
        per[one.symbol] += 1
        kept.append(one)
    return sorted(kept, key=lambda f: (f.at, f.name, f.symbol or ""))


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
        Years before it mark a look back.

    Notes
    -----
    Confidence is that of each place alone: :func:`extract` also weighs how much the text is about the subject, and repetition.
    """
    said_of = hits(plain, language)
    if not said_of:
        return []
    english = language == "en"
    subjects = event_subjects.heard(plain, spans, topic)
    if not english:
        unlisted = event_subjects.actors(plain, spans)
        if topic is None and not any(span.start < parts[0].end for span in subjects):
            topic = event_subjects.UNLISTED  # the headline is about somebody the master does not know
        subjects = sorted([*subjects, *unlisted], key=lambda span: span.start)
    lead = _lead_end(parts)
    denied: set[str] = set()
    found: list[Found] = []
    settled: set[tuple[str, int]] = set()
    for hit in said_of:
        if _named(spans, hit):
            continue
        kind, group = hit.kind, hit.kind.name.split(".")[0]
        sentence = parts[max(0, bisect_right(parts, hit.start, key=lambda part: part.start) - 1)]
        if (kind.name, sentence.start) in settled:
            continue  # one sentence says a thing once
        place = modality.Place(hit.start, hit.end, kind.plan, group in _PERIOD, kind.market, kind.ends)
        said = modality.judge(plain, sentence, place, published_at.year, english=english)
        if sentence.headline and not said:
            denied.add(kind.name)  # what the headline denies is no event of the body either
        if not said or kind.name in denied:
            continue
        where = _HEADLINE if sentence.headline else _LEAD if sentence.end <= lead else _LONG_BODY if len(plain) > _LONG else _BODY
        symbol, sure = None, 1.0
        if not kind.market:
            earlier = bisect_left(subjects, sentence.start, key=lambda span: span.start)
            last = subjects[earlier - 1] if earlier else None
            inside = within(subjects, sentence.start, sentence.end)
            symbol, sure = event_subjects.subject(plain, hit, sentence, inside, topic, last)
        if symbol is None and not kind.market:
            unknown = where < _LEAD and group in event_subjects.COMPANY and topic != event_subjects.UNLISTED
            if unknown and group not in _OF_ANYBODY:
                continue  # a company the master does not know, in passing
            sure *= _NOBODY if unknown else _UNNAMED
        confidence = round(min(1.0, kind.level * said * where * sure), 4)
        if symbol is not None or kind.market:
            settled.add((kind.name, sentence.start))
        found.append(Found(kind.name, symbol, confidence, sentence.start, sentence.end, kind.prior, hit.start, sentence.headline))
    return found


def _named(spans: Sequence[Span], hit: Hit) -> bool:
    """Return whether the words are part of a name: Summit Basket holds no summit."""
    index = bisect_right(spans, hit.start, key=lambda span: span.start) - 1
    return index >= 0 and spans[index].end >= hit.end


def _about_company(mentions: Mapping[str, Mapping[str, Any]]) -> bool:
    named = [symbol for symbol, row in mentions.items() if row["in_headline"] and row["role"] != "source"]
    return bool(named) and not any(event_subjects.NO_COMPANY.match(symbol) for symbol in named)


def _lead_end(parts: Sequence[Sentence]) -> int:
    """Return where the lead ends: the first two sentences below the headline."""
    body = [part for part in parts if not part.headline]
    return body[min(1, len(body) - 1)].end if body else 0


def _salience(symbol: str | None, mentions: Mapping[str, Mapping[str, Any]], *, company: bool) -> float:
    """Return how much a text is about a subject; what befalls markets is background where the headline names only companies."""
    if symbol is None and company:
        return _BACKGROUND
    mention = mentions.get(symbol or "")
    if mention is None or mention["in_headline"]:
        return 1.0
    highest = max((m["relevance"] for m in mentions.values() if m["role"] != "source"), default=0.0)
    return float(0.55 + 0.45 * min(1.0, mention["relevance"] / max(highest, _ABOUT)))


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
    """Return the one day named nearest before the event's word in its evidence, else after it; a headline without one takes the lead's.

    A day something begins to hold (周一起停牌) is not the day it was said.
    """
    spans = _days(plain, found.start, found.end, document)
    before = [d for d in spans if d[0] <= found.at]
    if before or spans:
        return (before[-1] if before else spans[0])[1]
    line = plain.find("\n") + 1
    if not found.start < line:
        return None
    lead = _days(plain, line, min(len(plain), line + _OPENING), document)
    return lead[0][1] if lead else None


def _days(plain: str, start: int, end: int, document: Mapping[str, Any]) -> list[tuple[int, date]]:
    if not _DATED.search(plain, start, end):
        return []
    spans = dates.find(plain[start:end], document["published_at"])
    return [(start + d.start, d.last) for d in spans if d.first == d.last and plain[start + d.end : start + d.end + 1] != "起"]
