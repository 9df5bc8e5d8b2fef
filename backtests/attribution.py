"""Which news earned the money: the result of every position, split over the evidence behind the decision that held it.

1. :func:`backtests.holdings.daily_pnl` gives what each name earned in each session, and which decision held it.
2. :func:`tone_evidence` and :func:`event_evidence` say how much each document added to the score of each (session, symbol).
3. :func:`attribute` gives each result to the documents that pointed the way the position went, in proportion to what they added.
   A position that no document pointed to (it was held for its rank among others) is *unexplained*, and shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from backtests.holdings import daily_pnl, round_trips, session_remainder
from backtests.simulation import Backtest
from research.errors import SchemaError
from research.schemas import DOCUMENTS, EVENTS, MENTIONS
from signals.pointintime import LEAD, assign, calendar_of, cutoffs

__all__ = ["REMAINDER", "UNEXPLAINED", "Attribution", "attribute", "event_evidence", "tone_evidence"]

#: result of positions that no document pointed to
UNEXPLAINED = "unexplained"

#: what no position earned: borrow fees, interest, rounding
REMAINDER = "borrow fees and rounding"

#: sessions whose decisions are split together
_AT_ONCE = 50

_EVIDENCE = {"session": pl.Date, "symbol": pl.String, "doc_id": pl.String, "contribution": pl.Float64}
_SHARES = {"by": pl.String, "pnl": pl.Float64, "share": pl.Float64, "n_documents": pl.Int64, "n_positions": pl.Int64}


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """The total result, four times over.

    Attributes
    ----------
    by_event_type, by_source, by_language, by_instrument
        ``by`` (the name), ``pnl`` (currency units), ``share`` (of the total), ``n_documents``, ``n_positions`` (session × symbol);
        best first, then the rows :data:`UNEXPLAINED` and :data:`REMAINDER`. The ``pnl`` of each table sums to ``total``.
    parts
        ``session, symbol, doc_id, pnl``: the split itself; ``doc_id`` is null for what is unexplained.
    trips
        :func:`backtests.holdings.round_trips`, with ``doc_ids``: the documents behind the opening decision, largest contribution first.
    total
        Change of the net asset value, currency units.
    """

    by_event_type: pl.DataFrame
    by_source: pl.DataFrame
    by_language: pl.DataFrame
    by_instrument: pl.DataFrame
    parts: pl.DataFrame
    trips: pl.DataFrame
    total: float


def tone_evidence(
    mentions: pl.DataFrame, sessions: pl.DataFrame, *, half_life: float = 2.0, lead: timedelta = LEAD, depth: float = 10.0
) -> pl.DataFrame:
    r"""Return what each document adds to the decayed tone of each session: :math:`2^{-k/H} w s`, k sessions after it was known.

    The sum over the documents is ``decayed_sum("net_tone", half_life)`` of :mod:`signals.features`.

    Parameters
    ----------
    mentions, sessions, lead
        As for :func:`signals.panel.panel`; mentions in the role ``source`` add nothing.
    half_life
        Sessions.
    depth
        Half-lives after which a document is forgotten: a thousandth is left of it after ten.

    Returns
    -------
    DataFrame
        ``session, symbol, doc_id, contribution``, sorted.
    """
    known = MENTIONS.validate(mentions).filter(pl.col("role") != "source")
    added = known.with_columns(_added=pl.col("relevance") * pl.col("confidence") * pl.col("sentiment"))
    return _decayed(added, sessions, half_life, lead, depth)


def event_evidence(
    events: pl.DataFrame, sessions: pl.DataFrame, *, half_life: float = 2.0, lead: timedelta = LEAD, depth: float = 10.0
) -> pl.DataFrame:
    """Return what each document's typed events add to the decayed tone of events; arguments and result as of :func:`tone_evidence`."""
    known = EVENTS.validate(events).filter(pl.col("symbol").is_not_null())
    added = known.with_columns(_added=pl.col("relevance") * pl.col("confidence") * pl.col("novelty") * pl.col("sentiment"))
    return _decayed(added, sessions, half_life, lead, depth)


def attribute(
    result: Backtest, bars: pl.DataFrame, evidence: pl.DataFrame, documents: pl.DataFrame, events: pl.DataFrame | None = None
) -> Attribution:
    """Split the result of a run over the news behind it.

    Parameters
    ----------
    result, bars
        A run of :func:`backtests.run`, and the bars it ran on.
    evidence
        ``session, symbol, doc_id, contribution`` (signed: above zero speaks for a long position).
    documents
        ``documents`` table: source and language of each.
    events
        ``events`` table. A document's part goes in equal shares to the types of its events about the symbol; ``no typed event`` without.

    Notes
    -----
    Of the documents behind a decision those whose contribution has the sign of the position share its result in proportion to it; the
    others spoke against the position, and did not make it. The result before the open belongs to the decision that held the position
    overnight, the rest of the session to the one in force at the close; after an exit, to the one that was left.
    """
    for name, dtype in _EVIDENCE.items():
        if evidence.schema.get(name) != dtype:
            raise SchemaError("evidence", name, str(evidence.schema.get(name, "no such column")), str(dtype))
    pnl = daily_pnl(result, bars)
    remainder = float(session_remainder(result, pnl)["remainder"].sum())
    total = float(pnl["pnl"].sum()) + remainder
    pieces = _pieces(pnl)
    parts = _split(pieces, evidence)
    told = DOCUMENTS.validate(documents).select("doc_id", "source", "language")
    labelled = parts.join(told, on="doc_id", how="left", maintain_order="left")
    typed = _typed(labelled, EVENTS.empty() if events is None else events)
    trips = _with_documents(round_trips(pnl), evidence)
    return Attribution(
        by_event_type=_table(typed, "event_type", total, remainder),
        by_source=_table(labelled, "source", total, remainder),
        by_language=_table(labelled, "language", total, remainder),
        by_instrument=_table(labelled.with_columns(by_symbol="symbol"), "by_symbol", total, remainder, explained=True),
        parts=parts.group_by("session", "symbol", "doc_id").agg(pl.col("pnl").sum()).sort("session", "symbol", "doc_id"),
        trips=trips,
        total=total,
    )


def _decayed(added: pl.DataFrame, sessions: pl.DataFrame, half_life: float, lead: timedelta, depth: float) -> pl.DataFrame:
    clock = cutoffs(sessions, lead=lead)
    placed = assign(added.filter(pl.col("_added") != 0), clock).drop_nulls("session")
    placed = placed.with_columns(mic=calendar_of(placed["symbol"]))
    summed = placed.group_by("mic", "session", "symbol", "doc_id").agg(pl.col("_added").sum())
    clock = clock.select("mic", "session").sort("mic", "session").with_columns(_n=pl.int_range(pl.len(), dtype=pl.Int64).over("mic"))
    ages = pl.DataFrame({"_age": range(int(half_life * depth) + 1)}, schema={"_age": pl.Int64})
    known = summed.join(clock, on=["mic", "session"]).drop("session")
    return (
        known.join(ages, how="cross")
        .with_columns(_n=pl.col("_n") + pl.col("_age"))
        .join(clock, on=["mic", "_n"])
        .select("session", "symbol", "doc_id", contribution=pl.col("_added") * (0.5 ** (pl.col("_age") / half_life)))
        .sort("session", "symbol", "doc_id")
    )


def _pieces(pnl: pl.DataFrame) -> pl.DataFrame:
    """Return ``decision, session, symbol, side, pnl``: each session's result in two, each with the decision it belongs to."""
    before = pl.col("value").sign().shift(1, fill_value=0.0).over("symbol", order_by="session")
    sided = pnl.with_columns(_before=before, _after=pl.col("value").sign())
    night = sided.select("session", "symbol", decision="held_since", side="_before", pnl="overnight")
    side = pl.when(pl.col("_after") != 0).then("_after").otherwise("_before")
    day = sided.select("session", "symbol", decision="decided_session", side=side, pnl="intraday")
    return pl.concat([night, day]).filter(pl.col("pnl") != 0)


def _split(pieces: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces split over their documents; ``doc_id`` is null where none pointed the way of the position."""
    columns = ("session", "symbol", "doc_id", "pnl")
    undecided = pieces.filter(pl.col("decision").is_null()).with_columns(doc_id=pl.lit(None, dtype=pl.String))
    decisions = pieces["decision"].drop_nulls().unique().sort()
    parts = [undecided.select(columns)]
    # some decisions at a time: beside each other all pairs of a position and a document would take many times the tables
    for some in (decisions[i : i + _AT_ONCE] for i in range(0, len(decisions), _AT_ONCE)):
        mine = pieces.filter(pl.col("decision").is_between(some[0], some[-1])).with_row_index("_piece")
        told = evidence.filter(pl.col("session").is_between(some[0], some[-1])).rename({"session": "decision"})
        for_it = mine.join(told, on=["decision", "symbol"], maintain_order="left_right").filter(pl.col("contribution") * pl.col("side") > 0)
        size = pl.col("contribution").abs()
        shared = for_it.with_columns(pnl=pl.col("pnl") * size / size.sum().over("_piece"))
        alone = mine.join(shared.select("_piece").unique(), on="_piece", how="anti")
        parts += [shared.select(columns), alone.with_columns(doc_id=pl.lit(None, dtype=pl.String)).select(columns)]
    return pl.concat(parts)


def _typed(labelled: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    types = events.filter(pl.col("symbol").is_not_null()).select("doc_id", "symbol", "event_type").unique().sort("event_type")
    numbered = labelled.with_row_index("_part").join(types, on=["doc_id", "symbol"], how="left", maintain_order="left_right")
    return numbered.with_columns(pnl=pl.col("pnl") / pl.len().over("_part"), event_type=pl.col("event_type").fill_null("no typed event"))


def _table(parts: pl.DataFrame, column: str, total: float, remainder: float, *, explained: bool = False) -> pl.DataFrame:
    named = parts.with_columns(by=pl.col(column) if explained else pl.when(pl.col("doc_id").is_not_null()).then(pl.col(column)))
    rows = (
        named.group_by("by")
        .agg(
            pl.col("pnl").sum(),
            n_documents=pl.col("doc_id").drop_nulls().n_unique().cast(pl.Int64),
            n_positions=pl.struct("session", "symbol").n_unique().cast(pl.Int64),
        )
        .with_columns(_last=pl.col("by").is_null(), by=pl.col("by").fill_null(UNEXPLAINED))
        .sort("_last", "pnl", "by", descending=[False, True, False])
        .drop("_last")
    )
    rest = pl.DataFrame({"by": [REMAINDER], "pnl": [remainder], "n_documents": [0], "n_positions": [0]})
    share = pl.col("pnl") / total if total != 0 else pl.lit(None, dtype=pl.Float64)
    return pl.concat([rows.select(rest.columns), rest]).with_columns(share=share).select(list(_SHARES)).cast(_SHARES)  # type: ignore[arg-type]


def _with_documents(trips: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """Add ``doc_ids``: of each trip the documents that pointed its way at the opening decision, at most three."""
    sign = pl.when(pl.col("side") == "short").then(-1.0).otherwise(1.0)
    joined = trips.with_row_index("_trip").join(evidence.rename({"session": "decided"}), on=["decided", "symbol"], how="inner")
    behind = joined.with_columns(_size=pl.col("contribution") * sign).filter(pl.col("_size") > 0)
    ranked = behind.sort("_trip", "_size", "doc_id", descending=[False, True, False])
    listed = ranked.group_by("_trip", maintain_order=True).agg(doc_ids=pl.col("doc_id").head(3))
    return trips.with_row_index("_trip").join(listed, on="_trip", how="left", maintain_order="left").drop("_trip")
