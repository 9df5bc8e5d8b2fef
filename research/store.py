"""A home folder of Delta Lake tables: insert-only, versioned, read as of an instant.

::

    home/
      tidings.json          says the folder is ours, and in which layout
      documents/  …         one Delta table each, partition-free

Every write is one atomic commit. A row whose key is already there is left alone, so a job that is run twice adds nothing, and a job
that was killed half-way is finished by running it again.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from research import schemas
from research.errors import StoreError, UsageError
from research.schemas import INSTANT, Table

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Store", "Written", "as_instant"]

_MARKER = "tidings.json"
_LAYOUT = 1
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Written:
    """What one append did: rows added of rows offered, first and last clock (or key) among the added, folder, version."""

    table: str
    added: int
    offered: int
    first: object
    last: object
    path: Path
    version: int

    def __add__(self, later: Written) -> Written:
        """Return both appends to one table as one."""
        one, other = (self, later) if later.added else (later, self)
        if not one.added:
            first, last = other.first, other.last
        else:
            low: Any = (one.first, other.first)
            high: Any = (one.last, other.last)
            first, last = min(low), max(high)
        return Written(self.table, self.added + later.added, self.offered + later.offered, first, last, self.path, later.version)

    def __str__(self) -> str:
        """One line: table, rows, span, path."""
        span = f"{_short(self.first)} … {_short(self.last)}" if self.added else "nothing new"
        return f"{self.table:<12} {self.added:>8,} of {self.offered:,} rows   {span}   {self.path}"


class Store:
    """Tables under one home folder.

    Parameters
    ----------
    home
        The folder. It is made by the first write.

    Raises
    ------
    StoreError
        If ``home`` exists and is not a tidings home: nothing is ever written into somebody else's folder.
    """

    def __init__(self, home: str | Path) -> None:
        self.home = Path(home)
        if self.home.exists():
            self._check_ours()

    def append(self, table: Table, frame: pl.DataFrame) -> Written:
        """Insert the rows of ``frame`` whose key is not stored yet, in one commit; existing rows never change.

        Raises
        ------
        SchemaError
            If the frame does not fit the table; nothing is written then.
        """
        from deltalake.exceptions import CommitFailedError, DeltaError

        frame = table.validate(frame)
        self._claim()
        path = self._path(table)
        for attempt in range(_ATTEMPTS):
            stored = self._open(table)
            new = frame if stored is None else _unseen(stored, table, frame)
            if new.is_empty() and stored is not None:
                break
            try:
                self._commit(stored, table, new)
                break
            except CommitFailedError:
                # Another writer committed first: look again at what is new.
                if attempt == _ATTEMPTS - 1:
                    raise StoreError(
                        f"Table {table.name} in {self.home} was being written by others for {_ATTEMPTS} attempts in a row; "
                        "run the command again."
                    ) from None
            except (DeltaError, OSError) as error:
                if stored is None and self._open(table) is not None:
                    continue  # another writer made the table first
                raise StoreError(
                    f"Table {table.name} in {self.home} could not be written ({_first_line(error)}); nothing was added: "
                    "check the disk and the folder's permissions, then run again."
                ) from error
        order = table.clock or table.key[-1]
        span = (new[order].min(), new[order].max()) if new.height else (None, None)
        # A commit moves the open table on to its own version.
        return Written(table.name, new.height, frame.height, *span, path, 0 if stored is None else int(stored.version()))

    def read(self, table: str | Table, *, asof: datetime | str | None = None, version: int | None = None) -> pl.DataFrame:
        """Return a table, sorted by its key; see :meth:`scan`.

        Raises
        ------
        StoreError
            Also when a stored file is damaged.
        """
        declared = self._table(table)
        lazy = self.scan(declared, asof=asof, version=version)
        try:
            frame = lazy.collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise StoreError(
                f"Table {declared.name} of {self.home} cannot be read ({_first_line(error)}); a file of it is damaged: "
                "restore the folder from a copy, or read an older version."
            ) from error
        return frame.sort(declared.key)

    def scan(self, table: str | Table, *, asof: datetime | str | None = None, version: int | None = None) -> pl.LazyFrame:
        """Return a lazy table.

        Parameters
        ----------
        table
            Name or declaration. A declared table that was never written is empty.
        asof
            Aware instant (or ISO 8601 text with an offset): only rows with ``clock < asof`` are returned, strictly.
        version
            Delta version to read (time travel); the newest by default.
        """
        from deltalake.exceptions import DeltaError

        declared = self._table(table)
        if not self.home.exists():
            raise StoreError(
                f"There is no home folder at {self.home}; run `tidings ingest` or `tidings prices` with --home {self.home} first."
            )
        if self.version(declared) is None:
            frame = declared.empty().lazy()
        else:
            try:
                frame = pl.scan_delta(str(self._path(declared)), version=version)
            except DeltaError as error:
                raise StoreError(
                    f"Table {declared.name} of {self.home} has no version {version} ({_first_line(error)}); "
                    f"the newest is {self.version(declared)}."
                ) from error
            frame = frame.cast({name: dtype for name, dtype in declared.schema.items()})
        if asof is not None:
            if declared.clock is None:
                raise UsageError(f"Table {declared.name} has no clock, so it cannot be read as of {asof}; read it whole.")
            frame = frame.filter(pl.col(declared.clock) < pl.lit(as_instant(asof), dtype=INSTANT))
        return frame

    def version(self, table: str | Table) -> int | None:
        """Return the newest version of a table, or ``None`` when it was never written."""
        stored = self._open(self._table(table))
        return None if stored is None else int(stored.version())

    def versions(self) -> dict[str, int]:
        """Return the version of every table of :mod:`research` that was written."""
        found = {name: self.version(name) for name in schemas.TABLES}
        return {name: version for name, version in found.items() if version is not None}

    def _open(self, table: Table) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        path = self._path(table)
        try:
            if not (path / "_delta_log").is_dir() or not DeltaTable.is_deltatable(str(path)):
                return None
            return DeltaTable(str(path))
        except DeltaError as error:
            raise StoreError(
                f"Table {table.name} of {self.home} cannot be opened ({_first_line(error)}); its log is damaged: restore the folder."
            ) from error

    def _commit(self, stored: DeltaTable | None, table: Table, rows: pl.DataFrame) -> None:
        """Commit ``rows`` as the version after the one their keys were compared with, or fail: no other commit lies between."""
        from deltalake import CommitProperties

        if stored is None:
            rows.write_delta(str(self._path(table)), mode="error")
        else:
            rows.write_delta(stored, mode="append", delta_write_options={"commit_properties": CommitProperties(max_commit_retries=0)})

    def _path(self, table: Table) -> Path:
        return self.home / table.name

    @staticmethod
    def _table(table: str | Table) -> Table:
        if isinstance(table, Table):
            return table
        if table not in schemas.TABLES:
            raise UsageError(f"Table {table!r} is not known; expected one of {', '.join(schemas.TABLES)}, or pass its declaration.")
        return schemas.TABLES[table]

    def _check_ours(self) -> None:
        if not self.home.is_dir():
            raise StoreError(f"Home {self.home} is a file; expected a folder: name another one with --home.")
        marker = self.home / _MARKER
        if not marker.exists():
            if any(self.home.iterdir()):
                raise StoreError(
                    f"Folder {self.home} is not a tidings home (it holds other things and no {_MARKER}); "
                    "name an empty or new folder with --home."
                )
            return
        try:
            layout = json.loads(marker.read_text(encoding="utf-8"))["layout"]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise StoreError(
                f"{marker} cannot be read ({_first_line(error)}); expected layout {_LAYOUT}: restore it or name another folder."
            ) from error
        if layout != _LAYOUT:
            raise StoreError(
                f"Home {self.home} has layout {layout}; this version reads {_LAYOUT}: use the version of tidings that wrote it."
            )

    def _claim(self) -> None:
        marker = self.home / _MARKER
        if marker.exists():
            return
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._check_ours()
            write_atomically(marker, json.dumps({"layout": _LAYOUT}) + "\n")
        except OSError as error:
            raise StoreError(f"Home {self.home} cannot be made ({_first_line(error)}); name a folder you may write with --home.") from error


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` through a temporary file beside it, so that a reader never sees half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def as_instant(value: datetime | str) -> datetime:
    """Return an aware UTC instant from a datetime or ISO 8601 text.

    Raises
    ------
    UsageError
        For text that is no instant, or one without an offset: a naive time means another instant in every zone.

    >>> as_instant("2026-02-06T09:30+08:00").isoformat()
    '2026-02-06T01:30:00+00:00'
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UsageError(f"An instant came as {value!r}; expected ISO 8601 with an offset, such as 2026-02-06T09:30+08:00.") from None
    if value.tzinfo is None:
        raise UsageError(f"The instant {value.isoformat()} has no offset; expected one, such as {value.isoformat()}+08:00.")
    return value.astimezone(UTC)


def _unseen(stored: DeltaTable, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ``frame`` whose key is not in the version of the table that is open."""
    key = list(table.key)
    taken = pl.scan_delta(stored).select(key).join(frame.lazy().select(key), on=key, how="semi").collect(engine="streaming")
    return frame.join(taken, on=key, how="anti", maintain_order="left")


def _short(value: object) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
