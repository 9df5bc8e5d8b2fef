"""Build ``sessions_<release>.parquet``: the sessions of every market, as the installed exchange_calendars has them.

Run it after the pinned release of exchange_calendars changes, and delete the file of the old one::

    python research/data/build_sessions.py

One row a session: ``mic``; ``gap``, days since the row before (since 1970-01-01 in a market's first row); ``opens`` and ``closes``,
minutes from midnight UTC of the session's date; ``known_from`` and ``known_to``, the span of the calendar. Markets that follow another
one are left out, and those whose calendar cannot be built: :mod:`research.calendar` computes them when asked.
"""

from __future__ import annotations

from datetime import date
from importlib.metadata import version
from pathlib import Path

import polars as pl

from research import calendar
from research.errors import CalendarError

__all__ = ["build", "main"]

HERE = Path(__file__).parent


def build(mic: str) -> pl.DataFrame:
    """Return the rows of one market; empty when its calendar cannot be built."""
    earliest, latest = calendar.known_span(mic)
    try:
        # In one piece: built by decades, exchange_calendars opens Seoul an hour late on the last session of 2009.
        frame = calendar.built(mic, *calendar.SHIPPED_YEARS)
    except CalendarError as error:
        print(f"{mic} is left out: {error}")
        return pl.DataFrame()
    day = pl.col("session").cast(pl.Int32)
    midnight = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.select(
        mic=pl.lit(mic),
        gap=day.diff().fill_null(day.first()).cast(pl.Int16),
        opens=(pl.col("open_at") - midnight).dt.total_minutes().cast(pl.Int16),
        closes=(pl.col("close_at") - midnight).dt.total_minutes().cast(pl.Int16),
        known_from=pl.lit(earliest, dtype=pl.Date),
        known_to=pl.lit(latest, dtype=pl.Date),
    )


def main() -> None:
    """Write the file of the installed release."""
    own = sorted({calendar.followed(mic) for mic in calendar.markets()})
    frame = pl.concat([rows for mic in own if (rows := build(mic)).height])
    path = HERE / f"sessions_{version('exchange_calendars')}.parquet"
    frame.write_parquet(path, compression="zstd", compression_level=22)
    print(f"{path.name}: {frame['mic'].n_unique()} markets, {frame.height:,} sessions to {date(calendar.SHIPPED_YEARS[1], 12, 31)}")


if __name__ == "__main__":
    main()
