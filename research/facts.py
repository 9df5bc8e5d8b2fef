"""Numbers the text states: moves of instruments, flows of money, valuations, figures of economy, industry and company.

:func:`extract` reads each document once, sentence by sentence. Moves come from :mod:`research.moves`, every other number from
:mod:`research.measures`; both work on :func:`research.cleaning.plain`, and quotes are cut from the original with the same offsets.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from research import cleaning, dates, measures, move_grammar, moves
from research.calendar import mic_of, sessions_within
from research.moves import Span
from research.schemas import DOCUMENTS, FACTS, content_id
from research.sentences import Sentence, sentences

__all__ = ["extract", "spans_by_document"]

#: bases of more than one session: such a move of an index is an ``index_move``, not a session's ``price_move``
_PERIOD = frozenset({"week", "month", "ytd", "other"})
#: no share of a mainland exchange may fall further in a session (limits of 5, 10, 20 and 30 %)
_DEEPEST_FALL = -0.305
_SPOKEN: Mapping[str, str] = MappingProxyType({"close": " 收盘", "intraday": " 盘中", "after_hours": " 盘后"})
_FIRST_DAY: Mapping[str, Callable[[date], date]] = MappingProxyType(
    {
        "week": lambda day: day - timedelta(days=day.weekday()),
        "month": lambda day: day.replace(day=1),
        "ytd": lambda day: day.replace(month=1, day=1),
    }
)
#: sentences before an undated move that may date it
_LOOK_BACK = 12
#: the break at noon is no close
_NOON = re.compile(r"(?:午间|午盘|早盘|半日|中午)(?:收盘|收市|收(?=[涨跌报]))")
_SINCE = re.compile(r"(?:以|至今|起|之)?来|以后|至今|后的?首次")
_CHINA_FUTURES = ("SHFE:", "INE:", "DCE:", "CZCE:", "GFEX:")
#: when the night session of Chinese futures runs (Beijing); when New York has settled its contracts, hours before their session ends
_NIGHT, _DAWN, _SETTLED = time(21), time(2, 35), time(14)
_BEIJING, _NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
_GOES_ON = re.compile(r"其中|同日|当日|当天|消息公布后|受此影响|that day|the same day", re.IGNORECASE)


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
    context = _Dates(plain, document, parts)
    claimed: set[int] = set()
    for move in moves.find(plain, spans, parts):
        claimed.add(move.at)
        if move.basis not in _PERIOD and move.value < _DEEPEST_FALL and (move.symbol or "").endswith((".SS", ".SZ", ".BJ")):
            move = replace(move, basis="other")
        kind = _kind(move, document["kind"])
        move = context.with_day_part(move)
        start, end = context.of_move(_sentence_at(parts, move.at), move)
        if move.basis is None and context.running(move.symbol, end):
            move = replace(move, basis="intraday")
        place = (move.start, move.end)
        yield _row(
            document, text, kind, move.subject, move.symbol, start, end,
            move.value, "fraction", move.qualifier, move.basis, place, move.at,
        )  # fmt: skip
    for measure in measures.find(plain, spans, parts, claimed):
        start, end = context.of_sentence(_sentence_at(parts, measure.at))
        place = (measure.start, measure.end)
        yield _row(
            document, text, measure.kind, measure.subject, measure.symbol, start, end,
            measure.value, measure.unit, measure.qualifier, None, place, measure.at,
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


def _kind(move: moves.Move, document_kind: str) -> str:
    if move.symbol is None:
        return (
            "index_move"
            if move.subject.endswith(("指数", "股市", "大盘", "股指", "全A", "ETF", "期货", "合约")) or document_kind == "report"
            else "sector_move"
        )
    # A research report looks back over its period: an index move it does not date is not known to be one session's.
    period = move.basis in _PERIOD or (document_kind == "report" and move.basis is None)
    return "index_move" if period and _is_index(move.symbol) else "price_move"


def _is_index(symbol: str) -> bool:
    return symbol.startswith(("^", "399")) or (symbol.startswith("000") and symbol.endswith(".SS"))


def _sentence_at(parts: list[Sentence], at: int) -> Sentence:
    return parts[max(0, bisect_right(parts, at, key=lambda part: part.start) - 1)]


def _written(document: Mapping[str, Any]) -> datetime:
    """Return the instant a document is taken to have been written at the earliest, to date what it does not date.

    That is the lower end of its publication. A bare headline whose lower end says nothing, but whose collector measured when it first
    appeared, is read as of that moment: a wire's line lives for minutes, and a list of headlines is polled because it changes.
    An article with a body may be days old when a list first shows it and is not read so.
    """
    measured = document["first_seen_at"] is not None and document["published_precision"] == "interval"
    not_before: datetime = document["published_not_before"]
    return max(not_before, document["published_at"]) if measured and not document["body"].strip() else not_before


@lru_cache(maxsize=4096)
def _hours(mic: str, session: date) -> tuple[datetime, datetime] | None:
    found = sessions_within(mic, session, session)
    return None if found.is_empty() else (found["open_at"][0], found["close_at"][0])


class _Dates:
    """The day each sentence of one document speaks of; sentences are looked at only when asked for."""

    def __init__(self, plain: str, document: Mapping[str, Any], parts: Sequence[Sentence]) -> None:
        self._plain = plain
        self._published_at: datetime = document["published_at"]
        self._not_before: datetime = _written(document)
        self._bare = not document["body"].strip()
        exact = document["published_precision"] in ("second", "minute")
        self._instant: datetime | None = self._published_at if exact or self._not_before == self._published_at else None
        self._zone = "America/New_York" if document["language"] == "en" else "Asia/Shanghai"
        self._parts = parts
        self._found: dict[int, list[dates.DateSpan]] = {}

    def spans(self, sentence: Sentence) -> list[dates.DateSpan]:
        """Return the date expressions of a sentence; offsets count from its start."""
        if sentence.start not in self._found:
            self._found[sentence.start] = dates.find(self._plain[sentence.start : sentence.end], self._published_at, self._zone)
        return self._found[sentence.start]

    def with_day_part(self, move: moves.Move) -> moves.Move:
        """Return ``move`` with the part of the day a bare headline last named before it: its sentences belong together."""
        if move.basis is not None or not self._bare:
            return move
        if "夜盘" in self._plain[move.start : move.at] and mic_of(move.symbol or "") == "XNYS":
            return replace(move, basis="after_hours")
        part = move_grammar.day_part(self._plain[: move.at])
        return move if part is None else replace(move, basis=part)

    def running(self, symbol: str | None, session: date | None) -> bool:
        """Return whether ``session`` of the symbol's market was open when the text was written: the move was not yet its close."""
        if symbol is None or session is None or self._instant is None:
            return False
        hours = _hours(mic_of(symbol), session)
        return hours is not None and hours[0] <= self._instant < hours[1]

    def of_move(self, sentence: Sentence, move: moves.Move) -> tuple[date | None, date | None]:
        """Return (first, last) day of a move; a one-session move has only the last, the session of its market."""
        if move.basis in _PERIOD:
            last = self._session(None, "", move.symbol)
            return (_FIRST_DAY[move.basis](last) if last and move.basis in _FIRST_DAY else None), last
        said = self._plain[: move.at] if self._bare else self._plain[move.start : move.at]
        spoken = " 盘前" if move.basis == "after_hours" and move_grammar.before_open(said) else _SPOKEN.get(move.basis or "", "")
        phrase = _NOON.sub("午盘", self._plain[move.start : min(sentence.end, move.end + 12)]) + spoken
        day = self._day(sentence, move.at)
        if move.symbol is None:
            return None, day.last if day else None
        if day is None and self._at_night(move.symbol):
            phrase += " 夜盘"
        session = self._settled(move) if day is None else None
        session = session or self._session(day, phrase, move.symbol)
        if session is None and day is None:
            # The publication is too loose to date the move: the last day the text named before it has to do.
            session = self._session(self._latest(sentence), phrase, move.symbol)
        return None, session

    def _at_night(self, symbol: str | None) -> bool:
        """Return whether the text was written while the night session of a Chinese contract ran: its moves belong to the next day."""
        if self._instant is None or symbol is None or not symbol.startswith(_CHINA_FUTURES):
            return False
        clock = self._instant.astimezone(_BEIJING).time()
        return clock >= _NIGHT or clock < _DAWN

    def _settled(self, move: moves.Move) -> date | None:
        """Return the session of a New York contract that has settled though its market is open."""
        if self._instant is None or move.basis != "close" or not (move.symbol or "").endswith("=F"):
            return None
        local = self._instant.astimezone(_NEW_YORK)
        return self._session(local.date(), "", move.symbol) if local.time() >= _SETTLED else None

    def of_sentence(self, sentence: Sentence) -> tuple[date | None, date | None]:
        """Return (first, last) day of the first dated expression of a sentence."""
        found = self.spans(sentence)
        return (found[0].first, found[0].last) if found else (None, None)

    def _session(self, day: dates.DateSpan | date | None, phrase: str, symbol: str | None) -> date | None:
        if symbol is None:
            return None
        return dates.session_of(day, phrase, symbol, self._published_at, not_before=self._not_before)

    def _day(self, sentence: Sentence, at: int) -> dates.DateSpan | None:
        """Return the single day named nearest before ``at``; a sentence that says 其中 or 当日 goes on with the one before."""
        before = [d for d in self.spans(sentence) if sentence.start + d.start < at and d.first == d.last]
        before = [d for d in before if not _SINCE.match(self._plain, sentence.start + d.end)]
        if before:
            return before[-1]
        place = bisect_right(self._parts, sentence.start, key=lambda part: part.start) - 1
        if place > 0 and _GOES_ON.match(self._plain, sentence.start):
            earlier = [d for d in self.spans(self._parts[place - 1]) if d.first == d.last]
            return earlier[-1] if earlier else None
        return None

    def _latest(self, sentence: Sentence) -> dates.DateSpan | None:
        place = bisect_right(self._parts, sentence.start, key=lambda part: part.start) - 1
        for part in reversed(self._parts[max(0, place - _LOOK_BACK) : place]):
            days = [d for d in self.spans(part) if d.first == d.last]
            if days:
                return days[-1]
        return None
