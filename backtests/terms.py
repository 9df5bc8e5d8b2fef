"""What is known of single names and cannot be told from their symbols: board lots, same-day sale, whether a share can be borrowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from research.schemas import Column, Table

__all__ = ["TERMS", "terms_by_symbol"]

TERMS = Table(
    "terms",
    ("symbol",),
    (
        Column("symbol", pl.String, "instrument"),
        Column("lot", pl.Float64, "board lot: least order and step, shares; null for the market's rule", null=True, above=0),
        Column("same_day", pl.Boolean, "may be sold in the session it was bought in; null for the market's rule", null=True),
        Column("shortable", pl.Boolean, "can be located and borrowed; null for the market's rule", null=True),
        Column("borrow_rate", pl.Float64, "yearly borrow fee, fraction; null for the costs' rate", null=True, low=0),
    ),
)


def terms_by_symbol(terms: pl.DataFrame | None) -> Mapping[str, dict[str, Any]]:
    """Return the rows of a ``terms`` table by symbol; empty for None.

    Raises
    ------
    SchemaError
        When the table does not fit.
    """
    if terms is None:
        return {}
    return {row["symbol"]: row for row in TERMS.validate(terms).iter_rows(named=True)}
