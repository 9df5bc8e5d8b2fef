"""The data files of a stored table: written whole, described for the log, taken away when the write fails.

delta-rs commits; polars writes. A write that the disk refuses then ends in an ordinary error with no half file left behind, and a file
holds the years and row groups that :mod:`research.store_layout` lays out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from research.schemas import INSTANT, Table
from research.store_layout import ROW_GROUP, clustered, dates

if TYPE_CHECKING:
    from deltalake.transaction import AddAction, RemoveAction

__all__ = ["FILE_BYTES", "n_pieces", "pieces", "written"]

#: a write of more than this in memory is cut into several files, by year where the key holds a date
FILE_BYTES = 256 * 2**20

#: the Delta log carries values up to this length; a longer one is cut where it is a lower bound and left out where it is an upper one
_LONGEST = 32

#: commits in which a file is looked for before it is deleted: more than others add between a commit and the look
_LOOK_BACK = 64


def pieces(table: Table, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield ``frame`` in storage order, cut into the files it is stored as."""
    size, found = frame.estimated_size(), dates(table)
    if size <= FILE_BYTES:
        yield clustered(table, frame)
    elif found:
        # Year by year: sorting all of it at once would take as much memory again.
        year = frame[found[0]].dt.year()
        for one in year.unique().sort().to_list():
            yield clustered(table, frame.filter(year == one))
    else:
        rows = max(1, int(frame.height * FILE_BYTES / size))
        ordered = clustered(table, frame)
        yield from (ordered.slice(start, rows) for start in range(0, frame.height, rows))


def n_pieces(table: Table, frame: pl.DataFrame) -> int:
    """Return how many files ``frame`` is stored as."""
    size, found = frame.estimated_size(), dates(table)
    if size <= FILE_BYTES:
        return 1
    return frame[found[0]].dt.year().n_unique() if found else -(-frame.height // max(1, int(frame.height * FILE_BYTES / size)))


@contextmanager
def written(folder: Path, table: Table, frame: pl.DataFrame, *, data_change: bool = True) -> Iterator[list[AddAction | RemoveAction]]:
    """Write ``frame`` into ``folder`` and yield what a commit has to say of its files; without a commit they are deleted again.

    The body is the commit: when it raises, files that no commit names are deleted.

    Raises
    ------
    OSError, polars.exceptions.PolarsError
        When the disk refuses.
    """
    from deltalake.transaction import AddAction

    folder.mkdir(parents=True, exist_ok=True)
    texts = not dates(table)
    made: list[Path] = []
    try:
        actions: list[AddAction | RemoveAction] = []
        for piece in pieces(table, frame):
            path = folder / f"part-{uuid.uuid4()}.parquet"
            made.append(path)
            piece.lazy().sink_parquet(path, compression="zstd" if texts else "snappy", row_group_size=ROW_GROUP, sync_on_close="all")
            info = path.stat()
            stats = json.dumps(_statistics(table, piece), ensure_ascii=False)
            actions.append(AddAction(path.name, info.st_size, {}, int(info.st_mtime * 1000), data_change, stats))
        yield actions
    except BaseException:
        for path in made:
            if not _named(folder / "_delta_log", path.name):
                path.unlink(missing_ok=True)
        raise


def _named(log: Path, name: str) -> bool:
    """Return whether one of the newest commits names a file: an interrupt may come after the commit it seems to prevent."""
    newest = sorted(log.glob("*.json"))[-_LOOK_BACK:]
    return any(name in entry.read_text(encoding="utf-8", errors="replace") for entry in newest)


def _statistics(table: Table, frame: pl.DataFrame) -> dict[str, Any]:
    """Return the record of a file in the Delta log: rows, and of key and clock the smallest and largest value."""
    names = list(dict.fromkeys((*table.key, *([table.clock] if table.clock else []))))
    ends = {name: _ends(frame[name]) for name in names if name in frame.columns}
    return {
        "numRecords": frame.height,
        "minValues": {name: low for name, (low, _) in ends.items() if low is not None},
        "maxValues": {name: high for name, (_, high) in ends.items() if high is not None},
        "nullCount": {name: frame[name].null_count() for name in ends},
    }


def _ends(values: pl.Series) -> Sequence[Any]:
    low, high = values.min(), values.max()
    if isinstance(low, datetime) and isinstance(high, datetime) and values.dtype == INSTANT:
        # The log holds milliseconds: the bounds are widened to the next one.
        return _millis(low), _millis(high + timedelta(microseconds=999))
    if isinstance(low, date) and isinstance(high, date) and values.dtype == pl.Date:
        return low.isoformat(), high.isoformat()
    if isinstance(low, str) and isinstance(high, str):
        return low[:_LONGEST], (high if len(high) <= _LONGEST else None)
    return (low, high) if values.dtype.is_integer() else (None, None)


def _millis(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
