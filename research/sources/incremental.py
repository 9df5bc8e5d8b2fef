"""Bars into a home, asked for once: what is missing, and an overlap that shows whether the vendor changed the past.

1. :func:`windows` compares what is asked with the stored bars and with the ``fetches`` table, which remembers what was asked before, and
   says for which days each symbol is asked;
2. :func:`fetch` asks a vendor for some symbols at a time, those with missing days first, and stores each batch before the next: a run
   that was interrupted goes on where it was;
3. :func:`add` compares what came with what is stored (:mod:`research.sources.revisions`), keeps every stored bar, chains the new ones, and
   writes findings into ``bar_flags``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

import polars as pl

from research import calendar
from research.errors import DataError
from research.prices import apart, chain
from research.schemas import BAR_FLAGS, BARS, FETCHES, INSTANT, QUARANTINE, content_id
from research.sources.bars import FAILURES, Bars, canonical_symbol
from research.sources.revisions import REFUSED, revisions
from research.store import Store, Written

__all__ = ["OVERLAP", "Added", "Vendor", "add", "fetch", "load", "windows"]

#: sessions that are read again
OVERLAP = 20
#: symbols, or rows of files, stored by one commit
_BATCH, _BATCH_ROWS = 50, 1_000_000
_DAY = timedelta(days=1)


class Vendor(Protocol):
    """What a source of bars is: symbols, a first and a last day, and ``spans`` for symbols with days of their own."""

    def __call__(
        self,
        symbols: Iterable[str],
        start: date,
        end: date,
        *,
        spans: Mapping[str, tuple[date, date]],
        advance: Callable[[int], object],
    ) -> Bars:
        """Return the bars of the symbols, and why others gave none."""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding bars.

    Parameters
    ----------
    written
        One :class:`~research.store.Written` a table.
    flags
        Columns ``symbol, session, rule, reason``: what is odd about bars that were kept.
    revised
        The same of stored bars of which the vendor says otherwise now (:mod:`research.sources.revisions`).
    set_aside
        Why rows went to quarantine.
    left_out
        Columns ``symbol, reason``: symbols (or files) of which nothing was added.
    """

    written: tuple[Written, ...]
    flags: pl.DataFrame
    revised: pl.DataFrame
    set_aside: tuple[str, ...]
    left_out: pl.DataFrame

    def __add__(self, later: Added) -> Added:
        """Return both as one."""
        tables = {one.table: one for one in self.written}
        for one in later.written:
            tables[one.table] = tables[one.table] + one if one.table in tables else one
        frames = [pl.concat([mine, theirs]) for mine, theirs in zip(self._frames(), later._frames(), strict=True)]
        return Added(tuple(tables.values()), frames[0], frames[1], self.set_aside + later.set_aside, frames[2])

    def _frames(self) -> tuple[pl.DataFrame, ...]:
        return self.flags, self.revised, self.left_out

    def lines(self) -> list[str]:
        """Return what a command prints of it: a line a table, what was flagged, and one sentence on a changed past."""
        said = [str(one) for one in self.written if one.table in (BARS.name, QUARANTINE.name)]
        if self.flags.height:
            counted = self.flags.group_by("rule").len().sort("rule").rows()
            said.append("flagged      " + ", ".join(f"{rule} {n:,}" for rule, n in counted) + "   (kept; each is a row of bar_flags)")
        if self.revised.height:
            counted = self.revised.group_by("rule").len().sort("rule").rows()
            symbol, day, rule, reason = self.revised.row(0)
            where = symbol if day is None else f"{symbol} on {day}"
            said.append(
                f"revised      The source changed the past of {self.revised['symbol'].n_unique():,} symbols "
                f"({', '.join(f'{rule} {n:,}' for rule, n in counted)}); stored bars stay as they are, each difference is a row of "
                f"bar_flags; the first, {rule}: {where}: {reason}"
            )
        return said


def windows(
    stored: pl.DataFrame,
    fetches: pl.DataFrame,
    symbols: Sequence[str],
    start: date,
    end: date,
    *,
    overlap: int = OVERLAP,
) -> pl.DataFrame:
    """Return for which days each symbol is to be asked.

    Parameters
    ----------
    stored
        ``symbol, session`` of the stored bars.
    fetches
        The ``fetches`` table of the vendor: days it was asked for are not missing, though it may have had no bar of them.
    symbols, start, end
        What is wanted.
    overlap
        Stored sessions that are asked for again.

    Returns
    -------
    DataFrame
        ``symbol, start, end, missing``: at most two windows a symbol, the later one first, in the order of the symbols. ``missing`` is
        false where the window holds stored days alone. A symbol without stored bars has one window; a window after the stored bars
        begins ``overlap`` sessions before their end whatever lies between, so that the two can be chained.
    """
    asked = {
        name: (low, high) for name, low, high in fetches.group_by("symbol").agg(pl.col("start_date").min(), pl.col("end_date").max()).rows()
    }
    held = {name: days for name, days in stored.group_by("symbol").agg(pl.col("session").sort()).rows()}
    rows: list[tuple[str, date, date, bool]] = []
    for symbol in dict.fromkeys(symbols):
        days: list[date] = held.get(symbol, [])
        if not days:
            rows.append((symbol, start, end, True))
            continue
        low, high = asked.get(symbol, (days[0], days[-1]))
        low, high = min(low, days[0]), max(high, days[-1])
        known = [day for day in days if day <= end][-overlap:]
        if known:
            rows.append((symbol, known[0], end, end > high))
        if start < low:
            rows.append((symbol, start, days[min(overlap, len(days)) - 1], True))
    return pl.DataFrame(rows, schema={"symbol": pl.String, "start": pl.Date, "end": pl.Date, "missing": pl.Boolean}, orient="row")


def fetch(
    store: Store,
    vendor: Vendor,
    symbols: Iterable[str],
    start: date,
    end: date,
    *,
    source: str,
    seen_at: datetime,
    overlap: int = OVERLAP,
    batch: int = _BATCH,
    advance: Callable[[int], object] = lambda n: None,
) -> Added:
    """Ask ``vendor`` for what is missing of ``symbols``, and an overlap, and store it batch by batch.

    Parameters
    ----------
    store
        Home of the tables.
    vendor
        Such as :func:`research.sources.yahoo.bars`, its other options bound.
    symbols, start, end
        What is wanted; both days are included.
    source
        The vendor's name, as in the bars' ``source``.
    seen_at
        When this is run.
    overlap, batch
        Stored sessions asked for again; symbols asked for between two commits.
    advance
        Called with the number of symbols done.

    Returns
    -------
    Added
        ``left_out`` holds the vendor's failures too; none of them is fatal.
    """
    names = list(dict.fromkeys(canonical_symbol(name) for name in symbols))
    stored = _stored(store, names).select("symbol", "session")
    asked = store.read(FETCHES) if store.home.exists() else FETCHES.empty()
    plan = windows(stored, asked.filter(pl.col("source") == source), names, start, end, overlap=overlap)
    # Missing days first; a second window of a symbol after the first of all.
    plan = plan.with_columns(_round=pl.int_range(pl.len()).over("symbol")).sort("_round", ~pl.col("missing"), maintain_order=True)
    total: Added | None = None
    for turn, group in groupby(plan.rows(named=True), key=lambda row: row["_round"]):
        rows = list(group)
        count = advance if turn == 0 else lambda n: None
        for first in range(0, len(rows), batch):
            spans = {row["symbol"]: (row["start"], row["end"]) for row in rows[first : first + batch]}
            found = vendor(list(spans), start, end, spans=spans, advance=count)
            done = add(store, found, seen_at=seen_at)
            given = set(found.bars["symbol"].unique().to_list()) - set(done.left_out["symbol"].to_list())
            store.append(FETCHES, _asked(given, spans, source, seen_at))
            total = done if total is None else total + done
    return total if total is not None else add(store, Bars(BARS.empty(), QUARANTINE.empty(), _no_flags()), seen_at=seen_at)


def add(store: Store, found: Bars, *, seen_at: datetime | None = None) -> Added:
    """Append bars on the base of the stored ones; nothing stored is changed.

    Bars of a symbol that share no session with its stored ones, or that are another security's or in another currency, are left out with
    the reason. Everything that is odd about the others, and about stored bars the source tells otherwise now, is appended to
    ``bar_flags``.
    """
    stored = _stored(store, found.bars["symbol"].unique().to_list())
    revised = revisions(stored, found.bars)
    refused = revised.filter(pl.col("rule").is_in(REFUSED)).select("symbol", "reason").unique("symbol", keep="first", maintain_order=True)
    left_out = pl.concat([found.failures.select(*FAILURES), refused, apart(stored, found.bars)])
    kept = found.bars.join(left_out, on="symbol", how="anti")
    written = [store.append(BARS, chain(stored, kept))]
    if found.quarantine.height:
        written.append(store.append(QUARANTINE, found.quarantine))
    flags = pl.concat([found.flags, revised])
    if flags.height:
        source = pl.col("symbol").replace_strict(
            dict(found.bars.group_by("symbol").agg(pl.col("source").first()).rows()), default=None, return_dtype=pl.String
        )
        rows = flags.with_columns(source=source.fill_null("files"), first_seen_at=pl.lit(seen_at, dtype=INSTANT))
        identity = [content_id("bar_flag", *row) for row in rows.select(_words("source", "symbol", "session", "rule", "reason")).rows()]
        rows = rows.with_columns(flag_id=pl.Series(identity, dtype=pl.String)).unique("flag_id", keep="first", maintain_order=True)
        written.append(store.append(BAR_FLAGS, rows.select(*BAR_FLAGS.schema)))
    return Added(tuple(written), found.flags, revised, tuple(found.quarantine["reason"].to_list()), left_out)


def load(
    store: Store,
    files: Sequence[Path],
    read: Callable[[Path], Bars],
    start: date,
    end: date,
    *,
    advance: Callable[[int], object] = lambda n: None,
) -> Added:
    """Add the bars of files between two days, many files a commit; a file that cannot be read is a row of ``left_out`` by its name.

    Files are taken in their order: where two hold one symbol, the second is chained to the first.
    """
    total: Added | None = None
    waiting: list[Bars] = []
    held: set[str] = set()
    unread: list[dict[str, str]] = []

    def store_waiting() -> None:
        nonlocal total
        parts = [[one.bars for one in waiting], [one.quarantine for one in waiting], [one.flags for one in waiting]]
        empty = (BARS.empty(), QUARANTINE.empty(), _no_flags())
        frames = [pl.concat([schema, *some]) for schema, some in zip(empty, parts, strict=True)]
        done = add(store, Bars(frames[0], frames[1].unique("input_id", keep="first", maintain_order=True), frames[2]))
        total = done if total is None else total + done
        waiting.clear()
        held.clear()

    for path in files:
        try:
            found = read(path)
        except DataError as error:
            unread.append({"symbol": path.name, "reason": str(error)})
            advance(1)
            continue
        inside = found.bars.filter(pl.col("session").is_between(start, end))
        names = set(inside["symbol"].unique().to_list())
        if waiting and (names & held or sum(one.bars.height for one in waiting) + inside.height > _BATCH_ROWS):
            store_waiting()
        waiting.append(Bars(inside, found.quarantine, found.flags))
        held |= names
        advance(1)
    store_waiting()
    assert total is not None
    return total + Added((), _no_flags(), _no_flags(), (), pl.DataFrame(unread, schema=FAILURES))


def _no_flags() -> pl.DataFrame:
    return pl.DataFrame(schema={name: BAR_FLAGS.schema[name] for name in ("symbol", "session", "rule", "reason")})


def _words(*names: str) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.String).fill_null("") for name in names]


def _stored(store: Store, symbols: Sequence[str]) -> pl.DataFrame:
    if not symbols or not store.home.exists():
        return BARS.empty()
    return store.scan(BARS).filter(pl.col("symbol").is_in(symbols)).collect()


def _asked(symbols: set[str], spans: Mapping[str, tuple[date, date]], source: str, seen_at: datetime) -> pl.DataFrame:
    """Return the rows of ``fetches``; a day whose session had not closed yet was not answered."""
    rows = []
    for symbol in sorted(symbols):
        start, end = spans[symbol]
        over = _over(calendar.mic_of(symbol), seen_at)
        rows.append({"symbol": symbol, "source": source, "start_date": start, "end_date": min(end, over), "fetched_at": seen_at})
    for row in rows:
        row["fetch_id"] = content_id("fetch", *(str(value) for value in row.values()))
    return FETCHES.frame(rows)


def _over(mic: str, at: datetime) -> date:
    """Return the last day that was over at an instant: today once the market has closed, else yesterday."""
    today = at.astimezone(calendar.zone_of(mic)).date()
    closes = calendar.sessions_within(mic, today, today)["close_at"].to_list()
    return today if closes and closes[0] <= at else today - _DAY
