"""The grid of a panel: every session of a symbol from its first one on, so that a row's place follows from its symbol and session.

Laying rows on the grid by their place is a join that compares no text.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from signals.pointintime import calendar_of

__all__ = ["by_symbol", "grid", "laid"]

#: more days than a date has since 1970, so that market and day make one number
_DAYS = 1 << 24
_DAY = pl.col("session").to_physical().cast(pl.Int64)


def grid(seen: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return ``session, symbol, asof``: every session of a symbol's market from its first row of ``seen`` (``symbol, session``) on.

    Sorted by symbol and session; symbols of markets that ``cutoffs`` does not have are left out.
    """
    first = seen.group_by("symbol").agg(first=pl.col("session").min()).sort("symbol")
    market = _markets(cutoffs)
    first = first.with_columns(_market=calendar_of(first["symbol"]).replace_strict(market, default=None, return_dtype=pl.Int64))
    first = first.drop_nulls("_market")
    clock = cutoffs.sort("mic", "session")
    days = clock.select(pl.col("mic").replace_strict(market, return_dtype=pl.Int64) + _DAY).to_series().to_numpy()
    began = np.searchsorted(days, first.select(pl.col("_market") + pl.col("first").to_physical().cast(pl.Int64)).to_series().to_numpy())
    counts = np.searchsorted(days, (first["_market"] + _DAYS).to_numpy()) - began
    # Row of the grid less what is constant for a symbol = place on the clock.
    place = pl.Series(np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - began, counts), dtype=pl.UInt32)
    symbols = first["symbol"].gather(np.repeat(np.arange(first.height), counts))
    return pl.DataFrame([clock["session"].gather(place), symbols, clock["asof"].gather(place)])


def laid(frame: pl.DataFrame, rows: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame``, a :func:`grid` and maybe other columns, with the columns of ``rows`` (one row a ``symbol, session``) beside it.

    Null where ``rows`` has no row; a row of ``rows`` that is not on the grid is left out.
    """
    starts = _starts(frame).with_row_index("_symbol")
    market = _markets(cutoffs)
    starts = starts.with_columns(_market=calendar_of(starts["symbol"]).replace_strict(market, return_dtype=pl.Int64))
    clock = cutoffs.sort("mic", "session").select(
        _day=pl.col("mic").replace_strict(market, return_dtype=pl.Int64) + _DAY, _place=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    # Row of the grid = place on the clock + what is constant for a symbol.
    starts = starts.with_columns(_day=pl.col("_market") + _DAY).join(clock, on="_day", how="left", maintain_order="left")
    starts = starts.select("symbol", "_market", "_start", _shift=pl.col("_start") - pl.col("_place"))
    at = (
        rows.select("symbol", "session")
        .with_row_index("_from")
        .join(starts, on="symbol", how="inner")
        .with_columns(_day=pl.col("_market") + _DAY)
        .join(clock, on="_day", how="inner")
        .select("_from", "_start", _at=pl.col("_place") + pl.col("_shift"))
        .filter(pl.col("_at") >= pl.col("_start"))
    )
    source = np.full(frame.height, rows.height, dtype=np.uint32)
    source[at["_at"].to_numpy()] = at["_from"].to_numpy()
    index = pl.select(_from=pl.when(pl.lit(pl.Series(source)) < rows.height).then(pl.lit(pl.Series(source))))["_from"]
    return frame.hstack(rows.select(pl.all().exclude("symbol", "session").gather(index)))


def by_symbol(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame that is sorted by symbol with the symbols as ascending numbers: windows over them need no comparison of text."""
    return frame.with_columns(symbol=pl.col("symbol").rle_id().set_sorted())


def _markets(cutoffs: pl.DataFrame) -> dict[str, int]:
    """Return of each market the number that its days begin at, ascending by name."""
    return {mic: number * _DAYS for number, mic in enumerate(cutoffs["mic"].unique().sort().to_list())}


def _starts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, _start, session``: the first row of each symbol."""
    runs = frame["symbol"].rle().struct.unnest()
    starts = runs.select(symbol="value", _start=(pl.col("len").cum_sum() - pl.col("len")).cast(pl.Int64))
    return starts.with_columns(session=frame["session"].gather(starts["_start"]))
