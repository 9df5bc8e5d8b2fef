"""Typed events: what happened, to which instrument, when, in whose words.

1. :mod:`research.event_types` holds the taxonomy and finds the words of all types in one pass.
2. :mod:`research.event_ties` judges each place: whether the text says it happened, whose event it is, where it stands.
3. :mod:`research.event_moves` adds the moves of prices a text is about, :mod:`research.event_levels` those an article tells without a
   percentage, :mod:`research.event_lines` those a headline does.
4. A short text lists what it says: :func:`select` keeps the surest of each group and subject. An article tells background as well:
   :mod:`research.event_pairs` weighs how likely an expert would list each group and subject (:mod:`research.event_evidence`), and
   the likely ones are kept.

Confidence of an event of an article is that probability; below 0.3 stands only the likeliest subject of a group that has 0.2 for all its
subjects together and 0.3 for none: right in about a quarter of cases. In a short text, or an English one, it is the trust in its place
(:mod:`research.event_ties`) times

- salience of the subject: 1 in the headline, else 0.55 to 1 with its relevance; market-wide background of a company's news 0.7;
- repetition: 5 % more for each further sentence that says so, three at most;

below 0.3 nothing is reported, above 0.6 it is stated of what the text is about.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

import polars as pl

from research import dates, event_actors, event_evidence, event_grams, event_levels, event_lines, event_moves, event_owners, event_pairs
from research.event_moves import Stated
from research.event_pairs import Pair
from research.event_ties import MARKETS, Scores, Tie, lead_end, likenesses, place_of, ties, told
from research.event_types import EventType, Found, refined, taxonomy
from research.facts import spans_by_document
from research.moves import Span
from research.patterns import presence
from research.schemas import DOCUMENTS, EVENTS, MENTIONS, content_id
from research.sentences import Sentence, index_at, is_article, read

__all__ = ["ANNOTATOR", "EventType", "Found", "evidence_of", "extract", "find", "pairs_of", "select", "taxonomy"]

ANNOTATOR = "events@16"
#: least confidence of an event of a short text, least probability of one of an article, and of one of its groups for any subject
_FLOOR, _LISTED, _GROUP_LISTED = 0.3, 0.3, 0.2
#: most events of an article; of a short text, of one instrument in it that its headline does not name, and market-wide ones
_MOST_LISTED = 6
_MOST, _MOST_ASIDE, _MOST_WIDE = 6, 2, 3
#: relevance of an instrument a text is about; factor on market-wide background
_ABOUT, _BACKGROUND = 0.6, 0.7
_LONGEST = 200
#: how much of the body dates what its headline says
_OPENING = 40
#: without one of these nothing is dated
_DATED = presence(
    r"\d[月日号./-]|[日周昨今前]|星期|礼拜|隔夜|上午|下午|晚间|day|morning|night|week|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.IGNORECASE,
)


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
    plain, parts = read(document["headline"], document["body"])
    article = is_article(document["language"], document["body"])
    scores = event_grams.shipped().scores(plain, spans, parts) if article else None
    pairs = _pairs(document, plain, parts, spans, mentions, scores)
    if scores is None:
        chosen = select(_worded(pairs, loose=False), mentions)
    else:
        odds = event_owners.shipped().log_odds(plain, spans, parts, pairs)
        told = evidence_of(document, pairs, mentions, scores, odds)
        chosen = _listed(list(zip(event_pairs.likely(told), (pair for pair, _ in told), strict=True)))
    return [_row(document, text, plain, one, mentions) for one in chosen]


def pairs_of(document: Mapping[str, Any], spans: Sequence[Span], mentions: Mapping[str, Mapping[str, Any]], scores: Scores) -> list[Pair]:
    """Return what an article says, by group and subject.

    Parameters
    ----------
    document, spans, mentions
        A row of ``documents``, the names in it, its rows of ``mentions`` by symbol.
    scores
        Probability of each group for each sentence.
    """
    plain, parts = read(document["headline"], document["body"])
    return _pairs(document, plain, parts, spans, mentions, scores)


def _pairs(
    document: Mapping[str, Any], plain: str, parts: Sequence[Sentence], spans: Sequence[Span],
    mentions: Mapping[str, Mapping[str, Any]], scores: Scores | None,
) -> list[Pair]:  # fmt: skip
    spans = event_actors.announcing(plain, spans)
    mentions = _acting(mentions, spans)
    quoted = {symbol for symbol, row in mentions.items() if row["role"] == "source"}
    issuer = _issuers(mentions)
    heard = [
        span if issuer.get(span.symbol, span.symbol) == span.symbol else span._replace(symbol=issuer[span.symbol])
        for span in spans
        if span.symbol not in quoted
    ]
    company = _about_company(mentions)
    judges = {span.symbol for span in heard} - {span.symbol for span in event_actors.heard(plain, heard, None)}
    aside = judges | event_actors.venues(plain, heard, len(document["headline"]))
    topic = event_actors.topic_of({symbol: row for symbol, row in mentions.items() if symbol not in aside})

    @cache
    def salience(symbol: str | None, group: str, headline: bool) -> float:
        return _salience(symbol, mentions, aside=company and not headline and group in MARKETS)

    typed = ties(plain, heard, parts, topic, document["language"], document["published_at"], scores, salience)
    likeness, lead = likenesses(scores), lead_end(parts)

    def of_price(one: Found, relation: str, move: Stated | None = None) -> Tie:
        part = index_at(parts, one.start)
        gram, rank = likeness(part, "price_move")
        chosen = move is not None and move.chosen
        return Tie(one, relation, place_of(parts[part], lead), one.confidence, chosen, part, gram, rank, move=move)

    moved = [of_price(one.found, "move", one) for one in event_moves.candidates(plain, spans, parts, mentions)]
    if scores is None and document["language"] != "en":
        sure = {tie.found.symbol for tie in moved if tie.chosen}
        said = [one for one in event_lines.told(plain, spans, parts, mentions) if one.symbol not in sure]
        levels = [of_price(one, "level")._replace(chosen=True) for one in said]
    else:
        levels = [of_price(one, "level") for one in (event_levels.told(plain, heard, parts, topic) if scores is not None else ())]
    return event_pairs.gather([*typed, *moved, *levels])


def evidence_of(
    document: Mapping[str, Any],
    pairs: Sequence[Pair],
    mentions: Mapping[str, Mapping[str, Any]],
    scores: Scores,
    odds: Sequence[Sequence[float]],
) -> list[tuple[Pair, dict[str, float]]]:
    """Return the evidence for each pair of an article, see :func:`research.event_evidence.evidence`."""
    ruled = {(one.name.split(".")[0], one.symbol) for one in select(_worded(pairs, loose=True), mentions)}
    return list(zip(pairs, event_evidence.evidence(document["headline"], pairs, mentions, scores, ruled, odds), strict=True))


def _worded(pairs: Sequence[Pair], *, loose: bool) -> list[Found]:
    """Return the likeliest reading of every wording, with or without loose ones; sentences that only read like an event have none."""
    told = [tie for pair in pairs for tie in pair.ties if tie.chosen and (loose or not tie.loose)]
    return [tie.found for tie in told if not tie.found.name.endswith(".unspecified")]


def _listed(weighed: Sequence[tuple[float, Pair]]) -> list[Found]:
    """Return the events an expert would list, by place, six at most.

    The likely pairs, and of a group that is likely to be listed for some subject, though for none alone, the likeliest.
    """
    ranked = sorted(weighed, key=lambda one: (-one[0], one[1].best.found.at, one[1].group))
    nobody: dict[str, float] = {}  # probability that a group is listed for no subject, were its pairs independent
    for probability, pair in ranked:
        nobody[pair.group] = nobody.get(pair.group, 1.0) * (1.0 - probability)
    groups: set[str] = set()
    found: list[Found] = []
    for probability, pair in ranked:
        if probability >= _LISTED or (pair.group not in groups and 1.0 - nobody[pair.group] >= _GROUP_LISTED):
            groups.add(pair.group)
            found.append(pair.best.found._replace(confidence=round(probability, 4)))
    return sorted(found[:_MOST_LISTED], key=lambda one: (one.at, one.name, one.symbol or ""))


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
        unresolved = one.symbol is None and key[0] not in MARKETS and any(group == key[0] for group, _ in groups)
        if one.confidence < _FLOOR or key in groups or unresolved or per[one.symbol] >= most or len(kept) >= _MOST:
            continue
        groups.add(key)
        per[one.symbol] += 1
        kept.append(one)
    return sorted(kept, key=lambda f: (f.at, f.name, f.symbol or ""))


def find(
    plain: str, spans: Sequence[Span], parts: Sequence[Sentence], topic: str | None, language: str, published_at: datetime,
    wanted: Callable[[EventType], bool] = lambda kind: True,
) -> list[Found]:  # fmt: skip
    """Return every typed event of one text, denials left out, in order of appearance; several may share type and subject.

    The arguments are those of :func:`research.event_ties.told`. Confidence is that of each place alone: :func:`extract` also weighs
    how much the text is about the subject, and repetition.
    """
    return told(plain, spans, parts, topic, language, published_at, wanted)


def _issuers(mentions: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    """Return, for symbols one name stands for in this text, the most relevant of them: only prices differ between an issuer's listings."""
    ranked = sorted(mentions.values(), key=lambda m: (-m["relevance"], m["first_offset"], m["symbol"]))
    first: dict[str, str] = {}
    for mention in ranked:
        for surface in mention["surfaces"]:
            first.setdefault(surface, mention["symbol"])
    return {mention["symbol"]: first[mention["surfaces"][0]] for mention in ranked if mention["surfaces"]}


def _acting(mentions: Mapping[str, Mapping[str, Any]], spans: Sequence[Span]) -> Mapping[str, Mapping[str, Any]]:
    """Return the mentions; a name of the headline that the text quotes at no more than every second place is no mere source."""
    suspects = [symbol for symbol, row in mentions.items() if row["role"] == "source" and row["in_headline"]]
    if not suspects:
        return mentions
    said = Counter((span.symbol, span.role == "source") for span in spans)
    acting = {symbol for symbol in suspects if said[symbol, False] >= said[symbol, True]}
    return {symbol: {**row, "role": "subject"} if symbol in acting else row for symbol, row in mentions.items()}


def _about_company(mentions: Mapping[str, Mapping[str, Any]]) -> bool:
    named = [symbol for symbol, row in mentions.items() if row["in_headline"] and row["role"] != "source"]
    return bool(named) and not any(event_actors.no_company(symbol) for symbol in named)


def _salience(symbol: str | None, mentions: Mapping[str, Mapping[str, Any]], *, aside: bool) -> float:
    """Return how much a text is about a subject; ``aside``: what befalls markets, where the headline names only companies."""
    mention = mentions.get(symbol or "")
    if symbol is None:
        return _BACKGROUND if aside else 1.0
    if mention is None or mention["in_headline"]:
        return 1.0
    highest = max((m["relevance"] for m in mentions.values() if m["role"] != "source"), default=0.0)
    return float(0.55 + 0.45 * min(1.0, mention["relevance"] / max(highest, _ABOUT)))


def _row(document: Mapping[str, Any], text: str, plain: str, found: Found, mentions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    evidence = _evidence(text, plain, found)
    event_type = refined(found.name, plain[found.start : found.end])
    mention = mentions.get(found.symbol) if found.symbol is not None else None
    said = mention["sentiment"] if mention is not None and mention["confidence"] else 0.0
    tone = 0.6 * found.prior + 0.4 * said if said else found.prior  # where the text has no tone, its events have theirs
    return {
        "event_id": content_id(document["doc_id"], found.symbol, event_type, evidence),
        "doc_id": document["doc_id"],
        "symbol": found.symbol,
        "event_type": event_type,
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
