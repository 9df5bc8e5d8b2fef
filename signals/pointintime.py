"""The join clock: which decision session may use which row.

Session ``t`` is decided at ``asof(t) = open(t+1) - lead``. A row belongs to the first session whose ``asof`` is strictly after its
``available_at``; nothing else in this package looks at a time stamp.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from research.calendar import followed, mic_of
from research.errors import SchemaError
from research.schemas import INSTANT, SESSIONS
from research.store import as_instant

__all__ = ["LEAD", "assign", "assign_everywhere", "calendar_of", "cutoffs"]

#: how long before the next open a decision is made
LEAD = timedelta(minutes=30)


def calendar_of(symbols: pl.Series) -> pl.Series:
    """Return the market identifier whose sessions each symbol trades on (Shenzhen and Beijing as Shanghai, Nasdaq as New York)."""
    distinct = symbols.unique().drop_nulls().to_list()
    mics = [followed(mic_of(symbol)) for symbol in distinct]
    return symbols.cast(pl.String).replace_strict(distinct, mics, default=None, return_dtype=pl.String)


def cutoffs(sessions: pl.DataFrame, *, lead: timedelta = LEAD, asof: datetime | str | None = None) -> pl.DataFrame:
    """Return columns ``mic, session, since, asof``: the instant each session is decided at, and the one of the session before.

    Parameters
    ----------
    sessions
        The ``sessions`` table of one or more markets. The last session of each market has no next open, so it has no cut-off unless
        ``asof`` gives one.
    lead
        How long before the next open the decision is made.
    asof
        Decide now: sessions that open after ``asof`` are dropped, and the last one left is decided at ``asof`` itself.
    """
    frame = SESSIONS.validate(sessions).sort("mic", "session")
    decided = frame.with_columns(
        since=pl.col("open_at") - pl.lit(lead),
        asof=pl.col("open_at").shift(-1).over("mic", order_by="session") - pl.lit(lead),
    )
    if asof is not None:
        now = pl.lit(as_instant(asof), dtype=INSTANT)
        decided = decided.filter(pl.col("open_at") <= now).with_columns(asof=pl.min_horizontal(pl.col("asof"), now))
        last = pl.col("session") == pl.col("session").max().over("mic")
        decided = decided.with_columns(asof=pl.when(last).then(now).otherwise("asof"))
    return decided.filter(pl.col("asof").is_not_null()).select("mic", "session", pl.col("since", "asof").cast(INSTANT))


def assign(rows: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` (with ``symbol`` and ``available_at``) with ``session`` and ``asof`` of the first decision that may use each.

    Every row is kept, in order; ``session`` is null for a row that belongs to no decision in ``cutoffs``: it came after the last one,
    before the first one's own stretch ``since <= available_at < asof``, or its market is not among them.
    """
    _require(rows, "symbol", "available_at")
    return _forward(rows.with_columns(_mic=calendar_of(rows["symbol"])), cutoffs).drop("_mic")


def assign_everywhere(rows: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` once for every market of ``cutoffs``, with ``mic`` and that market's ``session`` and ``asof``.

    For what is about no single symbol, or about one that trades on another calendar: the same document belongs to one decision in
    Shanghai and to another in New York. Rows that belong to no decision of a market are left out there.
    """
    _require(rows, "available_at")
    markets = cutoffs.select(pl.col("mic").alias("_mic").unique(maintain_order=True))
    return _forward(rows.join(markets, how="cross"), cutoffs).drop_nulls("session").rename({"_mic": "mic"})


def _require(rows: pl.DataFrame, *columns: str) -> None:
    for column in columns:
        if column not in rows.columns:
            expected = "a symbol and the instant the row was available at"
            raise SchemaError("rows", column, f"columns {', '.join(rows.columns)}", expected)


def _forward(rows: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    left = rows.with_row_index("_row").sort("available_at")
    right = cutoffs.select(pl.col("mic").alias("_mic"), "session", "since", "asof").sort("asof")
    joined = left.join_asof(
        right, left_on="available_at", right_on="asof", by="_mic", strategy="forward", allow_exact_matches=False, check_sortedness=False
    )
    inside = pl.col("available_at") >= pl.col("since")
    joined = joined.with_columns(pl.when(inside).then(pl.col("session", "asof")))
    return joined.sort("_row").drop("_row", "since")
