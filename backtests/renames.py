"""Bars of an issuer that changed its symbol, made one series under the last one."""

from __future__ import annotations

import polars as pl

from research.errors import UsageError
from research.schemas import BARS, Column, Table

__all__ = ["RENAMES", "renamed"]

RENAMES = Table(
    "renames",
    ("symbol",),
    (
        Column("symbol", pl.String, "symbol until the change"),
        Column("successor", pl.String, "symbol from the change on"),
        Column("session", pl.Date, "first session under the successor's symbol"),
        Column("ratio", pl.Float64, "shares of the successor for one share; null for 1", null=True, above=0),
    ),
)


def renamed(frame: pl.DataFrame, renames: pl.DataFrame, *, weights: bool = False) -> pl.DataFrame:
    """Return bars (or weights) in which every symbol is the one its issuer has at the end.

    Bars of the old symbol before the change become the successor's; its factor goes on from theirs, times the ratio, so that a position is
    carried over and nothing is traded. Bars of the old symbol from the change on are dropped, and so are the successor's before it
    (another issuer had the symbol). Chains (A to B, later B to C) are followed.

    Parameters
    ----------
    frame
        The ``bars`` table, or the ``weights`` table with ``weights=True``.
    renames
        The table :data:`RENAMES`.

    Raises
    ------
    UsageError
        When a symbol comes back to itself.
    SchemaError
        When a table does not fit, or two symbols claim the same bar.
    """
    rows = RENAMES.validate(renames).sort("session", "symbol").rows(named=True)
    seen: set[str] = set()
    for row in rows:
        seen.add(row["symbol"])
        if row["successor"] in seen:
            raise UsageError(
                f"{row['successor']} is named as successor on {row['session']} and had been renamed before; expected symbols that do not "
                "come back: give the later issuer a symbol of its own."
            )
        old, new, first = pl.col("symbol") == row["symbol"], pl.col("symbol") == row["successor"], pl.col("session") >= row["session"]
        if weights:
            frame = frame.with_columns(symbol=pl.when(old).then(pl.lit(row["successor"])).otherwise("symbol"))
            continue
        frame = frame.filter(~((old & first) | (new & ~first)))
        last = frame.filter(old).sort("session")["adj_factor"].tail(1)
        begins = frame.filter(new).sort("session")["adj_factor"].head(1)
        scale = (last[0] / begins[0] if len(last) and len(begins) else 1.0) * (row["ratio"] or 1.0)
        frame = frame.with_columns(
            symbol=pl.when(old).then(pl.lit(row["successor"])).otherwise("symbol"),
            adj_factor=pl.when(new).then(pl.col("adj_factor") * scale).otherwise("adj_factor"),
        )
    if weights:
        return frame.group_by("session", "symbol").agg(pl.col("weight").sum()).sort("session", "symbol")
    return BARS.validate(frame.sort("symbol", "session"))
