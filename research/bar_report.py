"""What stored bars are worth: every finding of :mod:`research.bar_checks`, with what the other tables know of listings and ST marks."""

from __future__ import annotations

from datetime import date

import polars as pl

from research.bar_checks import validate
from research.treatments import spans, unknown

__all__ = ["findings", "lines", "listing_days"]

#: how a first day that is not known is written in the security master
_NO_DAY = date(1990, 1, 1)


def listing_days(instruments: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, list_date`` of the equities whose first day the master knows, sorted."""
    first = instruments.filter(pl.col("asset_class") == "equity").group_by("symbol").agg(list_date=pl.col("valid_from").min())
    return first.filter(pl.col("list_date") > _NO_DAY).sort("symbol")


def findings(bars: pl.DataFrame, instruments: pl.DataFrame, treatments: pl.DataFrame) -> pl.DataFrame:
    """Return :func:`research.bar_checks.validate` of the bars under the listing days and the marks of special treatment that are known."""
    return validate(bars, listings=listing_days(instruments), special=spans(treatments))


def lines(bars: pl.DataFrame, instruments: pl.DataFrame, treatments: pl.DataFrame) -> list[str]:
    """Return what ``tidings check`` prints of stored bars: one line a rule, and one for the shares whose ST mark nobody knows."""
    counted = findings(bars, instruments, treatments).group_by("rule").len().sort("rule").rows()
    said = [f"bars         {n:>8,} flagged: {rule}" for rule, n in counted]
    blind = unknown(bars, treatments)
    if blind.height:
        first, last = blind.select(pl.col("first").min().cast(pl.String), pl.col("last").max().cast(pl.String)).row(0)
        said.append(
            f"treatments   {blind['sessions'].sum():>8,} bars of {blind.height:,} main-board shares ({first} … {last}) "
            "have no known ST mark: their limit is taken as the board's, wider than an ST share's; "
            "`tidings instruments refresh` adds what the exchanges list, `tidings instruments treatment FILE` your own dates."
        )
    return said
