"""Numbers the text states: moves of instruments, flows of money, valuations, figures of economy, industry and company.

:func:`extract` reads each document once, sentence by sentence. Moves come from :mod:`research.moves`, every other number from
:mod:`research.measures`; both work on :func:`research.cleaning.plain`, and quotes are cut from the original with the same offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from research import measures, moves
from research.chinese_names import INDUSTRIES, noun
from research.move_dates import LONGER, Dates, sentence_at
from research.moves import Span
from research.schemas import DOCUMENTS, FACTS, content_id
from research.sentences import read

__all__ = ["extract", "spans_by_document"]

#: no share of a mainland exchange may fall further in a session (limits of 5, 10, 20 and 30 %)
_DEEPEST_FALL = -0.305


#: figures told of a month, quarter or year, and what of them is set or quoted each day
_OF_PERIOD = frozenset({"macro_value", "industry_value", "company_value"})
_DAILY = re.compile(r"收益率|利率|汇率|中间价|价|LPR|MLF|SLF|PSL|回购|投放|回笼|(?i:SHIBOR)|R007|利差|BDI|CFI")


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
    for doc_id, *named in spans.select(columns).sort("doc_id", "start", "end").rows():
        found.setdefault(doc_id, []).append(Span._make(named))
    return found


def _of_document(document: Mapping[str, Any], spans: list[Span]) -> Iterable[dict[str, Any]]:
    text = document["headline"] + "\n" + document["body"]
    plain, parts = read(document["headline"], document["body"])
    context = Dates(plain, document, parts)
    told = moves.find(plain, spans, parts)
    found = measures.find(plain, spans, parts, {move.at for move in told if move.symbol is not None})
    # A listed move of an industry is read with its list; of the other numbers the reader of moves is surer.
    listed = {measure.at for measure in found if measure.kind in {"sector_move", "index_move"}}
    claimed = {move.at for move in told} - listed
    sessions: dict[tuple[int, str | None], tuple[str, date | None]] = {}  # how a sentence calls what moved, and in which session it did
    for move in told:
        if move.at in listed:
            continue
        if move.basis not in LONGER and move.value < _DEEPEST_FALL and (move.symbol or "").endswith((".SS", ".SZ", ".BJ")):
            move = replace(move, basis="other")
        kind = _kind(move, document["kind"])
        move = context.with_day_part(move)
        sentence = sentence_at(parts, move.at)
        start, end = context.of_move(sentence, move)
        if move.basis == "ytd" and end is not None and end.year < document["published_at"].year:
            move = replace(move, basis="other")  # 2021年,…全年升值: over with
        if move.basis not in LONGER:
            sessions[sentence.start, move.symbol] = (move.subject, end)
        if move.basis is None and context.running(move.symbol, end):
            move = replace(move, basis="intraday")
        place = (move.start, move.end)
        yield _row(
            document, text, kind, move.subject, move.symbol, start, end,
            moves.quoted(move), "fraction", move.qualifier, move.basis, place, move.at,
        )  # fmt: skip
    for measure in found:
        if measure.at in claimed:
            continue
        sentence = sentence_at(parts, measure.at)
        periodic = (
            measure.kind in _OF_PERIOD and measure.unit != "points" and "/" not in measure.unit and not _DAILY.search(measure.subject)
        )
        start, end = context.figures.of_figure(sentence, measure.at, before=measure.subject.endswith(" 前值"), periodic=periodic)
        called, session = sessions.get((sentence.start, measure.symbol), ("", None))
        if measure.symbol is not None and "/" in measure.unit and (end is None or measure.subject == called):
            start, end = None, session  # the price that goes with a move
        place = (measure.start, measure.end)
        yield _row(
            document, text, measure.kind, measure.subject, measure.symbol, start, end,
            measure.value, measure.unit, measure.qualifier, measure.basis, place, measure.at,
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
        if noun(move.subject) in INDUSTRIES:
            return "sector_move"
        return (
            "index_move"
            if move.subject.endswith(("指数", "股市", "大盘", "股指", "全A", "ETF", "期货", "合约", "T+D")) or document_kind == "report"
            else "sector_move"
        )
    # A research report looks back over its period: an index move it does not date is not known to be one session's.
    period = move.basis in LONGER or (document_kind == "report" and move.basis is None)
    if period and _INDEX.search(move.symbol):
        return "index_move"
    # A report's weekly or monthly change of a good's price is a figure of the industry that makes or uses it.
    return "industry_value" if document_kind == "report" and move.basis in LONGER and _GOOD.search(move.symbol) else "price_move"


_INDEX = re.compile(r"^\^|^399\d{3}\.SZ|^980\d{3}\.SZ|^(?:000|93|95)\d+\.SS|\.WI$|^899\d{3}\.BJ|^BDI$|^HSTECH\.HK$")
_GOOD = re.compile(r"=F$|^(?:SHFE|LME|DCE|CZCE|INE|GFEX):|^BDI$")
