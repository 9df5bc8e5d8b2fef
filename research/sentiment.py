"""Tone of a text towards each instrument it names: words, negation, intensity and stated moves around every naming.

1. Sentences are cut into clauses at commas and at contrasts (但, 而, however …).
2. Lexicon terms of a clause count for the instruments named in it; in a clause that names none, for those of the clause before; in a
   sentence that names none, for the only one of the text. What a clause says of the price of a market or a group of shares that is no
   instrument here (港股走低, 概念股大跌) counts for nobody, what one does with another for whom it is news (甲:股东乙减持, 乙起诉甲).
3. A negation before a term turns it round and weakens it, so does what ends a fall behind it; an adverb of degree scales it.
4. A stated one-session move counts by its sign and size; a multi-day move counts less.
5. An event (``buyback.plan``, ``guidance.cut`` …) counts once for its subject, by the prior of its type.
6. Results count by what the profit did (:mod:`research.tone_results`).
7. What the headline says weighs double, or the first sentence under one that only announces (某公司公告). The sum ``s`` becomes
   ``tanh(s / sqrt(w))`` with ``w`` the weight of all evidence, so that repetition saturates and contradiction cancels.
8. In an article all this is evidence beside the words around the names, weighed by :mod:`research.tone_articles`.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import polars as pl

from research import cleaning, events, moves, roles, tone_articles, tone_views
from research.facts import spans_by_document
from research.moves import Span
from research.patterns import Finder, presence
from research.schemas import DOCUMENTS
from research.sentences import Sentence, by_part, clauses, index_at, is_article, read, within
from research.tone_articles import Told
from research.tone_deals import bids, listed_with, of_deal, suing
from research.tone_evidence import HEADLINE_WEIGHT, Evidence
from research.tone_lines import check, target_of
from research.tone_markets import PRICED, of_economy, of_market
from research.tone_results import results
from research.tone_terms import Term, terms
from research.tone_yields import of_yield, yielded

__all__ = ["TONES_SCHEMA", "score_lines", "told_of_article", "tones"]

TONES_SCHEMA = {"doc_id": pl.String, "symbol": pl.String, "sentiment": pl.Float64, "confidence": pl.Float64, "explanation": pl.String}

_CONTRAST = Finder.of(
    r"但是?|不过|然而|却|反而|而(?=[一-龥]{2,}[涨跌升降])|\b(?:but|however|while|whereas|although|despite)\b", re.IGNORECASE
)
#: a group of shares called after one company
_GROUP_RIGHT = re.compile(r"[”\"]?(?:概念|系|(?:产业|供应)?链)")
_JOINED = re.compile(
    r"[、和与及/&\s,]?|以及|[(][^()]*[)]、?"
    r"|(?:\s(?:Inc|Corp|Co|Ltd|Plc|plc|PLC|AG|SA|SE|NV|Holdings?|Group)\b\.?)*(?:\s[(][A-Z.:\s]{1,14}[)])?(?:,\s|,?\s(?:and|&)\s)(?:the\s)?"
)
#: the end of an English list of names
_AND_LAST = re.compile(r"\s(?:and|&)\s")
_AND_ANOTHER = re.compile(r"(?:\s(?:Inc|Corp|Co|Ltd|Plc|plc|PLC|AG|SA|SE|NV|Holdings?|Group)\b\.?)*,?\s(?:and|&)\s(?:the\s)?[A-Z]")
_CAUSE = re.compile(r"随着?|因|受|由于")
#: "Gold hits a high as the conflict drags on": a price moves for what is said of others
_REASON = re.compile(r"\s(?:as|amid|after|because)\s")
#: moves smaller than this are hardly one
_FLAT = 0.002
_PRICE = re.compile(r"^\^|=F$|=X$|-USD$|DX-Y")
_HYPOTHETICAL = presence(r"若|如果|假如|倘若|一旦|可能|或将|担心|是否|\b(?:if|could|may|might)\b", re.IGNORECASE)
#: a headline that only says what follows: 某公司公告, 某公司发布2018年年报
_ANNOUNCES = re.compile(
    r"[^,。;:!?()、\s]{2,8}:?(?:今日|晚间|午间|盘后|早间)?(?:发布|披露|公布|刊登)?[^,。;:!?、增减盈亏升降]{0,12}?(?:公告|[年季中]报|快报|预告|财报|简报|报告|业绩)(?:出炉|发布)?"
)
_SCALE = 1.1
#: events that the results themselves tell
_COMPARED = frozenset({"earnings.growth", "earnings.decline"})
#: types whose prior is smaller say nothing about the tone
_LEAST_PRIOR = 0.3
#: a smaller tone is called neutral
_LEAST_TONE = 0.1
#: a line carries no date: nothing in it counts as a look back
_NO_DATE = datetime(1, 1, 1, tzinfo=UTC)
#: document, symbol, sentiment, confidence, explanation
_Tone = tuple[str, str, float, float, str]


def tones(documents: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return the tone of each document towards each instrument named in it.

    Parameters
    ----------
    documents
        ``documents`` table.
    spans
        ``doc_id, symbol, surface, start, end, in_headline, role``.

    Returns
    -------
    polars.DataFrame
        ``doc_id, symbol, sentiment`` in [-1, 1] towards the instrument's own price (of a currency the named one, of a yield its bond),
        ``confidence`` in [0, 1] (0 without evidence; in an article the probability of a tone), ``explanation`` (the strongest words and
        moves with what they were worth). One row per named instrument, no nulls, by document and symbol.
    """
    DOCUMENTS.validate(documents)
    named = spans_by_document(spans)
    rows: list[_Tone] = []
    articles: list[tuple[str, Told]] = []
    for document in documents.sort("doc_id").iter_rows(named=True):
        found = named.get(document["doc_id"], [])
        if found and is_article(document["language"], document["body"]):
            told = told_of_article(document, found)
            articles += [(document["doc_id"], one) for one in told]
            rows += [
                (document["doc_id"], symbol, 0.0, 0.0, "") for symbol in {span.symbol for span in found} - {one.symbol for one in told}
            ]
        elif found:
            rows += _of_document(document, found)
    read_ = tone_articles.likely([one for _, one in articles])
    rows += [(doc_id, one.symbol, *tone) for (doc_id, one), tone in zip(articles, read_, strict=True)]
    return pl.DataFrame(rows, schema=TONES_SCHEMA, orient="row").sort("doc_id", "symbol")


def told_of_article(document: Mapping[str, Any], spans: Sequence[Span]) -> list[Told]:
    """Return what a row of ``documents`` tells of each instrument named in it, those that are only quoted left out."""
    plain, parts = read(document["headline"], document["body"])
    quoted = {s.symbol for s in spans if s.role != "source"}
    sums = _weighed(document, spans)
    rules = {symbol: _row("", "", total)[2] for symbol, total in sums.items()}
    told = tone_articles.told(plain, len(document["headline"]), spans, tone_views.drawn(plain, spans, parts), sums, rules)
    return [one for one in told if one.symbol in quoted]


def score_lines(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tone of each line by the rules alone, in order.

    Parameters
    ----------
    rows
        Mappings with ``text``; ``target`` (a name in the text) where the tone towards one is meant; ``id`` and ``lang`` where known.
        Other lines with the same text name what else the text speaks of.

    Returns
    -------
    list of dict
        ``id``, ``label`` (``positive``, ``neutral``, ``negative``), ``sentiment`` in [-1, 1], ``confidence`` in [0, 1], ``explanation``.

    Raises
    ------
    DataError
        When a text is no string or a target no name.
    """
    check(rows)
    names: dict[str, set[str]] = {}
    for row in rows:
        names.setdefault(row["text"], set()).add(target_of(row))
    scored = []
    for row in rows:
        tone = _of_line(row, names[row["text"]])
        label = "positive" if tone[2] > _LEAST_TONE else "negative" if tone[2] < -_LEAST_TONE else "neutral"
        scored.append({"id": row.get("id"), "label": label, "sentiment": tone[2], "confidence": tone[3], "explanation": tone[4]})
    return scored


def _of_line(row: Mapping[str, Any], names: Iterable[str]) -> _Tone:
    text = row["text"]
    plain = cleaning.plain(text)
    target = target_of(row)
    if target:
        spans = _named(plain, names)
        if any(span.symbol == target for span in spans):
            language = row.get("lang") or cleaning.language(text)
            document = {"doc_id": "", "headline": text, "body": "", "language": language, "published_at": _NO_DATE}
            return next(tone for tone in _of_document(document, spans) if tone[1] == target)
    total = Evidence()
    for hit in terms(plain, []):
        total.add(hit.score, 1.0, hit.why)
    return _row("", "", total)


def _named(plain: str, names: Iterable[str]) -> list[Span]:
    """Return where the names stand, the longer one where two overlap."""
    by_form = {cleaning.plain(name).strip(): name for name in sorted(names)}
    forms = sorted((form for form in by_form if form), key=lambda form: (-len(form), form))
    if not forms:
        return []
    pattern = re.compile("|".join(re.escape(form) for form in forms))
    return [Span(by_form[m.group()], m.group(), m.start(), m.end()) for m in pattern.finditer(plain)]


def _of_document(document: Mapping[str, Any], spans: Sequence[Span]) -> Iterable[_Tone]:
    quoted = {s.symbol for s in spans if s.role != "source"}
    for symbol, total in _weighed(document, spans).items():
        # An agency or broker that is only quoted has no tone of its own.
        yield _row(document["doc_id"], symbol, total if symbol in quoted else Evidence())


def _weighed(document: Mapping[str, Any], spans: Sequence[Span]) -> dict[str, Evidence]:
    """Return what a text says for and against each instrument named in it."""
    plain, parts = read(document["headline"], document["body"])
    sues = suing(plain, spans)
    sums: dict[str, Evidence] = {symbol: Evidence(suing=symbol in sues) for symbol in sorted({s.symbol for s in spans})}
    stated = moves.find(plain, spans, parts)
    # A word inside a name (安克创新), of how it has run (三连板某公司) or of a stated move says nothing more.
    earned, of_yields = results(plain), list(yielded(plain, spans))
    covered = sorted(
        [(one.start, one.end) for group in (stated, earned, of_yields) for one in group]
        + [(roles.run_before(plain, s.start), s.end) for s in spans]
    )
    hits = [hit for hit in terms(plain, covered) if not of_economy(plain, hit)]
    only = _only(spans, len(document["headline"]))
    line = _line(document["headline"], parts)
    for move in stated:
        if move.symbol is not None:
            share = 1.0 if move.basis in ("close", "intraday", "after_hours", None) else 0.5
            weight = share * (HEADLINE_WEIGHT if move.start <= line else 1.0)
            value = -move.value if _to_the_dollar(move.symbol, move.subject) else move.value
            score = math.copysign(min(1.0, 0.5 + 5 * abs(value)) * min(1.0, abs(value) / _FLAT), value)
            sums[move.symbol].add(score, weight, f"{move.value:+.2%}", "move")
    for moved in of_yields:
        sums[moved.symbol].add(moved.score, HEADLINE_WEIGHT if moved.start <= line else 1.0, moved.why, "move")
    earners: set[str] = set()
    for result in earned:
        told = parts[index_at(parts, result.start)]
        owner = _earner(within(spans, told.start, told.end), result.start, only)
        if owner is not None:
            earners.add(owner)
            sums[owner].add(result.score, HEADLINE_WEIGHT if result.start < line else 1.0, result.why, "result")
    _weigh_events(plain, spans, parts, document, line, earners, sums)
    for told_of in bids(plain, spans):
        sums[told_of.symbol].add(told_of.score, HEADLINE_WEIGHT if told_of.start < line else 1.0, told_of.why, "deal")
    for sentence, inside, local in zip(parts, by_part(spans, parts), by_part(hits, parts), strict=True):
        if local and (inside or only is not None):
            _weigh(plain, sentence, inside, local, line, only, sums)
    return sums


def _earner(inside: Sequence[Span], at: int, only: str | None) -> str | None:
    """Return whose result is told at a place: of the last one named before it in its sentence, in a bare one of the text's only company."""
    before = [span.symbol for span in inside if span.end <= at and span.role not in ("source", "counterparty")]
    return before[-1] if before else only if not inside else None


def _only(spans: Sequence[Span], headline: int) -> str | None:
    """Return the one instrument a text is about, named in its headline: a sentence that names nobody is said of it."""
    acting = [span for span in spans if span.role not in ("source", "counterparty")]
    return acting[0].symbol if acting and acting[0].start < headline and all(span.symbol == acting[0].symbol for span in acting) else None


def _line(headline: str, parts: Sequence[Sentence]) -> int:
    """Return how far what weighs double reaches: the headline, and the first sentence under one that only says what follows."""
    lead = next((part.end for part in parts if not part.headline), 0)
    return max(len(headline), lead if _ANNOUNCES.fullmatch(headline) else 0)


def _weigh_events(
    plain: str, spans: Sequence[Span], parts: Sequence[Sentence], document: Mapping[str, Any], line: int,
    earners: Set[str], sums: dict[str, Evidence],
) -> None:  # fmt: skip
    topic = next((s.symbol for s in spans if s.start < len(document["headline"]) and s.role != "source"), None)
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for event in events.find(plain, spans, parts, topic, document["language"], document["published_at"], _tells):
        if event.symbol in sums and not (event.symbol in earners and event.name in _COMPARED):
            weight = event.confidence * (HEADLINE_WEIGHT if event.start <= line else 1.0)
            for symbol in listed_with(plain, spans, event):
                key = (symbol, event.name)
                best[key] = max(best.get(key, (0.0, 0.0)), (weight, event.prior))
    for (symbol, name), (weight, prior) in sorted(best.items()):
        sums[symbol].add(prior, weight, name, "event")


def _tells(kind: events.EventType) -> bool:
    """Return whether a type of event says something of an instrument's tone."""
    return abs(kind.prior) >= _LEAST_PRIOR and not kind.market


def _row(doc_id: str, symbol: str, total: Evidence) -> _Tone:
    if total.weight == 0:
        return doc_id, symbol, 0.0, 0.0, ""
    # One weak word about a name in passing is hardly evidence: it is shrunk towards neutral.
    thin = min(1.0, total.absolute / 0.8) ** 2
    tone = thin * math.tanh(_SCALE * total.score / math.sqrt(max(1.0, total.weight)))
    agreement = abs(total.score) / total.absolute if total.absolute else 0.0
    confidence = (1 - math.exp(-total.absolute)) * (0.5 + 0.5 * agreement)
    return doc_id, symbol, round(tone, 6) + 0.0, round(confidence, 6), total.explanation()


def _weigh(
    plain: str, sentence: Sentence, inside: Sequence[Span], hits: Sequence[Term], line: int, only: str | None, sums: dict[str, Evidence]
) -> None:
    scale = HEADLINE_WEIGHT if sentence.start < line else 1.0
    pieces = _pieces(plain, sentence, inside)
    current: list[str] = [only] if only is not None and not inside else []
    opening: list[Term] = []
    distance = 0.7 if current else 1.0
    for start, end in pieces:
        named, local = within(inside, start, end), within(hits, start, end)
        if named:
            distance = 1.0
            current = _share(plain, local, named, current, scale, sums)
            for hit in opening:
                for symbol in current:
                    sums[symbol].add(_towards(plain, symbol, hit), 0.4 * scale, hit.why)
            opening = []
            continue
        local = [hit for hit in local if not of_market(plain, start, hit)]
        if current:
            distance *= 0.7 if only is None or sentence.headline else 0.9
            damp = 0.5 if _HYPOTHETICAL.search(plain, start, end) else 1.0
            for hit in local:
                for symbol in current:
                    sums[symbol].add(_towards(plain, symbol, hit), distance * damp * scale, hit.why)
        else:
            opening = local


def _share(
    plain: str, hits: Sequence[Term], named: Sequence[Span], carried: Sequence[str], scale: float, sums: dict[str, Evidence]
) -> list[str]:
    """Give each term of one clause to the instruments it is said of: those before it up to the previous term, else the next one.

    What is done with another (甲:中标乙某项目) is said of the one ``carried`` from the clause before.
    """
    acting = [s for s in named if s.role != "source"]
    symbols = sorted({s.symbol for s in acting or named})
    sues = {symbol for symbol in symbols if sums[symbol].suing}
    for place, hit in enumerate(hits):
        before = bisect_right(acting, hit.start, key=lambda span: span.end)
        if before:
            # A list ("A、B") shares what stands before or behind it; otherwise the nearest name takes it.
            nearest = acting[before - 1]
            if _CAUSE.search(plain, nearest.end, hit.start) and of_market(plain, nearest.end, hit):
                continue
            if _PRICE.search(nearest.symbol) and _REASON.search(plain, nearest.end, hit.start):
                continue
            other = _GROUP_RIGHT.match(plain, nearest.end) and PRICED.search(plain, hit.start, hit.end)
            if other or (place and hits[place - 1].end > nearest.end and of_market(plain, hits[place - 1].end, hit)):
                continue
            deal = of_deal(plain, hit, acting, before, carried, sues)
            if deal is not None:
                for symbol in deal:
                    sums[symbol].add(hit.score, scale, hit.why)
                continue
            targets = [nearest]
            for span in (acting[k] for k in range(before - 2, -1, -1)):
                if _JOINED.fullmatch(plain, span.end, targets[-1].start) is None:
                    break
                targets.append(span)
        elif carried and (acting or named)[0].role == "counterparty":
            for symbol in carried:
                sums[symbol].add(hit.score, scale, hit.why)
            continue
        else:
            targets = [(acting or named)[0]]
            for span in acting[1:]:
                if _JOINED.fullmatch(plain, targets[-1].end, span.start) is None:
                    break
                targets.append(span)
        for symbol, surface in sorted({span.symbol: span.surface for span in targets}.items()):
            turned = PRICED.search(plain, hit.start, hit.end) and _to_the_dollar(symbol, surface)
            sums[symbol].add(-hit.score if turned else _towards(plain, symbol, hit), scale, hit.why)
    return symbols


def _towards(plain: str, symbol: str, hit: Term) -> float:
    """Return the score of a term towards the price of ``symbol``: that of a bond falls when its yield rises."""
    return -hit.score if of_yield(plain, symbol, hit) else hit.score


def _to_the_dollar(symbol: str, surface: str) -> bool:
    """Return whether a name is that of a pair which falls when the currency of its symbol rises: 美元兑日元 of ``JPY=X``."""
    return moves.per_dollar(symbol) and moves.dollar_first(surface)


def _pieces(plain: str, sentence: Sentence, inside: Sequence[Span]) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    lists = _lists(plain, sentence, inside)
    for start, end in clauses(plain, sentence.start, sentence.end):
        if pieces and any(a < start <= b for a, b in lists):
            start = pieces.pop()[0]  # a comma inside a list of names: Acme Inc., Globex and Initech fell
        first = start
        for match in _CONTRAST.finditer(plain, start, end):
            if match.start() > first:
                pieces.append((first, match.start()))
                first = match.start()
        pieces.append((first, end))
    return pieces


def _lists(plain: str, sentence: Sentence, inside: Sequence[Span]) -> list[tuple[int, int]]:
    """Return where the English lists of names of a sentence begin and end: those with "and", those at its head (Acme, Globex fall)."""
    found: list[tuple[int, int]] = []
    if not inside or not plain[inside[0].start].isascii():
        return found
    first, sure = 0, False
    for place in range(1, len(inside) + 1):
        gap = plain[inside[place - 1].end : inside[place].start] if place < len(inside) else ""
        if gap.isascii() and " " in gap and _JOINED.fullmatch(gap):
            sure = sure or bool(_AND_LAST.search(gap))
            continue
        sure = sure or inside[first].start == sentence.start or bool(_AND_ANOTHER.match(plain, inside[place - 1].end))
        if place - first > 1 and sure:
            found.append((inside[first].start, inside[place - 1].end))
        first, sure = place, False
    return found
