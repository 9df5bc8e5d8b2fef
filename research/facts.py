"""Numbers the text states: moves of instruments, flows of money, valuations, figures of economy, industry and company.

:func:`extract` reads each document once, sentence by sentence. Moves come from :mod:`research.moves`, every other number from
:mod:`research.measures`; both work on :func:`research.cleaning.plain`, and quotes are cut from the original with the same offsets.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from research import calendar, cleaning, dates, measures, moves
from research.moves import Span
from research.schemas import DOCUMENTS, FACTS, content_id
from research.sentences import Sentence, sentences

__all__ = ["extract", "spans_by_document"]

#: symbols of stock indices: a move over more than one session is then an ``index_move``, not a session's ``price_move``
_PERIOD = frozenset({"week", "month", "ytd", "other"})
_DAILY = frozenset({"close", "intraday", "after_hours", None})


def extract(documents: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return the ``facts`` table of ``documents``.

    Parameters
    ----------
    documents
        ``documents`` table.
    spans
        Where instruments are named: ``doc_id, symbol, surface, start, end, in_headline, role``; offsets refer to
        ``headline + newline + body``.

    Returns
    -------
    polars.DataFrame
        One row a stated number. ``value`` is in base units (fraction, CNY, times, …) with the sign of the flow or move;
        ``end_date`` of a one-session move is the session of the instrument's own market. Sorted by document and place.

    Raises
    ------
    SchemaError
        When ``documents`` does not fit its table.
    """
    DOCUMENTS.validate(documents)
    named = spans_by_document(spans)
    rows: list[dict[str, Any]] = []
    for document in documents.sort("doc_id").iter_rows(named=True):
        rows += _of_document(document, named.get(document["doc_id"], []))
    frame = pl.DataFrame(rows, schema={"_at": pl.Int64, **FACTS.schema})
    # One number said twice in the same words is one fact.
    return FACTS.validate(frame.sort("doc_id", "_at", "fact_id").unique("fact_id", keep="first", maintain_order=True).drop("_at"))


def spans_by_document(spans: pl.DataFrame) -> Mapping[str, list[Span]]:
    """Return the spans of each document, sorted by start."""
    found: dict[str, list[Span]] = {}
    columns = ("doc_id", "symbol", "surface", "start", "end", "role")
    for doc_id, symbol, surface, start, end, role in spans.select(columns).sort("doc_id", "start", "end").iter_rows():
        found.setdefault(doc_id, []).append(Span(symbol, surface, start, end, role))
    return found


def _of_document(document: Mapping[str, Any], spans: list[Span]) -> Iterable[dict[str, Any]]:
    text = document["headline"] + "\n" + document["body"]
    plain = cleaning.plain(text)
    parts = sentences(plain, len(document["headline"]) + 1)
    context = _Dates(plain, document["published_at"])
    taken: list[tuple[int, int]] = []
    for move in moves.find(plain, spans, parts):
        taken.append((move.at, move.end))
        kind = _kind(move)
        sentence = _sentence_at(parts, move.at)
        start, end = context.of_move(sentence, move)
        yield _row(document, text, kind, move.subject, move.symbol, start, end, move.value, "fraction", move.qualifier, move.basis, (move.start, move.end), move.at)
    claimed = {at for at, _ in taken}
    for measure in measures.find(plain, spans, parts, claimed):
        sentence = _sentence_at(parts, measure.at)
        start, end = context.of_sentence(sentence)
        yield _row(
            document, text, measure.kind, measure.subject, measure.symbol, start, end, measure.value, measure.unit, measure.qualifier, None, (measure.start, measure.end), measure.at
        )  # fmt: skip


def _row(
    document: Mapping[str, Any], text: str, kind: str, subject: str, symbol: str | None, start: date | None, end: date | None,
    value: float, unit: str, qualifier: str, basis: str | None, quoted: tuple[int, int], at: int,
) -> dict[str, Any]:  # fmt: skip
    quote = text[quoted[0] : quoted[1]].strip()
    return {
        "_at": at,
        "fact_id": content_id(document["doc_id"], kind, subject, value, quote),
        "doc_id": document["doc_id"],
        "kind": kind,
        "subject": subject,
        "symbol": symbol,
        "start_date": start,
        "end_date": end,
        "value": value,
        "unit": unit,
        "qualifier": qualifier,
        "basis": basis,
        "quote": quote,
        "available_at": document["available_at"],
    }


def _kind(move: moves.Move) -> str:
    if move.symbol is None:
        return "index_move" if move.subject.endswith(("指数", "股市", "大盘", "股指", "ETF", "期货", "合约")) else "sector_move"
    return "index_move" if move.basis in _PERIOD and _is_index(move.symbol) else "price_move"


def _is_index(symbol: str) -> bool:
    return symbol.startswith(("^", "399")) or (symbol.startswith("000") and symbol.endswith(".SS"))


def _sentence_at(parts: list[Sentence], at: int) -> Sentence:
    return parts[max(0, bisect_right(parts, at, key=lambda part: part.start) - 1)]


class _Dates:
    """The day each sentence of one document speaks of; sentences are looked at only when asked for."""

    def __init__(self, plain: str, published_at: datetime) -> None:
        self._plain = plain
        self._published_at = published_at
        self._found: dict[int, list[dates.DateSpan]] = {}

    def spans(self, sentence: Sentence) -> list[dates.DateSpan]:
        """Return the date expressions of a sentence, with offsets in the document."""
        if sentence.start not in self._found:
            self._found[sentence.start] = dates.find(self._plain[sentence.start : sentence.end], self._published_at)
        return self._found[sentence.start]

    def of_move(self, sentence: Sentence, move: moves.Move) -> tuple[date | None, date | None]:
        """Return (first, last) day of a move; a one-session move has only the last, the session of its market."""
        offset = sentence.start
        before = [d for d in self.spans(sentence) if offset + d.start < move.at and d.first == d.last]
        near = before[-1] if before else None
        if move.basis in _PERIOD:
            last = _last_session(move.symbol, self._published_at) if move.symbol else None
            start = {"ytd": lambda d: date(d.year, 1, 1), "month": lambda d: d.replace(day=1), "week": lambda d: d - timedelta(days=d.weekday())}.get(move.basis or "")
            return (start(last) if start and last else None), last
        if move.symbol is None:
            return None, near.last if near else None
        if near is not None:
            session = dates.session_of(near, self._plain[sentence.start : sentence.end], move.symbol, self._published_at)
            if session is not None:
                return None, session
        return None, _last_session(move.symbol, self._published_at)

    def of_sentence(self, sentence: Sentence) -> tuple[date | None, date | None]:
        """Return (first, last) day of the first dated expression of a sentence."""
        found = self.spans(sentence)
        return (found[0].first, found[0].last) if found else (None, None)


def _last_session(symbol: str, instant: datetime) -> date | None:
    """Return the last session of the symbol's market that had opened at ``instant``."""
    mic = calendar.mic_of(symbol)
    opens, days = _opens(mic, instant.year)
    place = bisect_right(opens, instant) - 1
    return days[place] if place >= 0 else None


@lru_cache(maxsize=64)
def _opens(mic: str, year: int) -> tuple[list[datetime], list[date]]:
    frame = calendar.sessions(mic, date(year - 1, 12, 1), date(year, 12, 31))
    return frame["open_at"].to_list(), frame["session"].to_list()
