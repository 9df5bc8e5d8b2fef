"""A home folder of Delta Lake tables: insert-only, versioned, read as of an instant or as of a version.

::

    home/
      tidings.json          says the folder is ours, and in which layout
      documents/  …         one Delta table each, laid out as in :mod:`research.store_layout`

Every write is one atomic commit. A row whose key is already there is left alone, so a job that is run twice adds nothing, and a job
that was killed half-way is finished by running it again. Upkeep (compaction, vacuum, history, replay) is in :mod:`research.maintenance`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from research import schemas
from research.errors import StoreError, UsageError
from research.schemas import INSTANT, Table
from research.store_files import written
from research.store_layout import conform, described, differences, in_key_order, refuse_misfit, unseen

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Store", "Written", "as_instant"]

_MARKER = "tidings.json"
_LAYOUT = 1
_ATTEMPTS = 64
#: a checkpoint sums up the log every so many commits, so that opening a table reads few files
_CHECKPOINT = 50


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
        self._pins: Mapping[str, int] | None = None
        if self.home.exists():
            self._check_ours()

    def at(self, versions: Mapping[str, int] | None = None) -> Store:
        """Return a view for reading that stays at ``versions`` (default: the newest ones now), whatever others write meanwhile.

        A table that is not among them reads as empty, as it did when the versions were taken: a view at the ``table_versions`` of a
        run reads exactly what the run read.
        """
        view = Store(self.home)
        view._pins = MappingProxyType(dict(self.versions() if versions is None else versions))
        return view

    def append(self, table: Table, frame: pl.DataFrame) -> Written:
        """Insert the rows of ``frame`` whose key is not stored yet, in one commit; existing rows never change.

        Raises
        ------
        SchemaError
            If the frame does not fit the table; nothing is written then.
        StoreError
            If the table cannot be written, or was made by a version of tidings whose columns hold other kinds of values.
        """
        from deltalake.exceptions import CommitFailedError

        if self._pins is not None:
            raise UsageError(f"A view of {self.home} at fixed versions is for reading; append through a Store of its own.")
        frame = table.validate(frame)
        self._claim()
        path = self._path(table)
        for attempt in range(_ATTEMPTS):
            stored = self._open(table)
            if stored is not None:
                refuse_misfit(table, pl.scan_delta(stored).collect_schema(), str(self.home))
            try:
                new = frame if stored is None else unseen(stored, table, frame)
                if new.is_empty() and stored is not None:
                    break
                self._commit(stored, table, new)
                break
            except CommitFailedError:
                # Another writer committed first: look again at what is new.
                if attempt == _ATTEMPTS - 1:
                    raise StoreError(
                        f"Table {table.name} in {self.home} was being written by others for {_ATTEMPTS} attempts in a row; "
                        "run the command again."
                    ) from None
            except (MemoryError, UsageError, StoreError):
                raise
            except Exception as error:  # delta-rs raises the bare class for some failures of the disk
                if stored is None and self._open(table) is not None:
                    continue  # another writer made the table first
                raise StoreError(
                    f"Table {table.name} in {self.home} could not be written ({_first_line(error)}); nothing of this write was added and "
                    "what was there is whole: check the disk's space and the folder's permissions, then run again."
                ) from error
        order = table.clock or table.key[-1]
        span = (new[order].min(), new[order].max()) if new.height else (None, None)
        return Written(table.name, new.height, frame.height, *span, path, 0 if stored is None else int(stored.version()))

    def read(
        self, table: str | Table, *, columns: Sequence[str] = (), where: pl.Expr | None = None, asof: datetime | str | None = None,
        version: int | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        """Return a table, sorted by its key; see :meth:`scan`.

        Parameters
        ----------
        table, asof, version
            As in :meth:`scan`.
        columns
            Names wanted; those of the key come with them. Without it all: what is not named is not read.
        where
            Which rows are wanted. Ranges of key and clock reach the files: what lies outside them is not read.

        Raises
        ------
        UsageError
            When there is no home folder, or a column is not one of the table's.
        StoreError
            Also when a stored file is damaged.
        """
        declared = self._table(table)
        lazy = self.scan(declared, asof=asof, version=version)
        if where is not None:
            lazy = lazy.filter(where)
        if columns:
            lazy = lazy.select(_named(declared, columns, lazy.collect_schema().names()))
        try:
            frame = lazy.collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            wrong = (
                "files of it are gone: they were vacuumed away (read a newer version) or lost (restore the folder)"
                if "No such file" in str(error)
                else "a file of it is damaged: restore the folder from a copy, or read an older version"
            )
            raise StoreError(f"Table {declared.name} of {self.home} cannot be read ({_first_line(error)}); {wrong}.") from error
        return in_key_order(declared, frame)

    def scan(self, table: str | Table, *, asof: datetime | str | None = None, version: int | None = None) -> pl.LazyFrame:
        """Return a lazy table.

        Parameters
        ----------
        table
            Name or declaration. A declared table that was never written is empty; a name that is stored but not declared in
            :mod:`research` (signals, runs) is read as it is stored.
        asof
            Aware instant (or ISO 8601 text with an offset): only rows with ``clock < asof`` are returned, strictly.
        version
            Delta version to read (time travel); the newest by default.

        Raises
        ------
        UsageError
            When there is no home folder.
        """
        declared = self._table(table)
        if not self.home.exists():
            raise UsageError(
                f"There is no home folder at {self.home}; name another one with --home, or fill this one: "
                f"`tidings ingest PATH --home {self.home}`, `tidings prices files PATH --home {self.home}`."
            )
        if version is None and self._pins is not None:
            version = self._pins.get(declared.name, -1)
        stored = None if version == -1 else self._open(declared, version)
        frame = declared.empty().lazy() if stored is None else conform(pl.scan_delta(stored), declared, str(self.home))
        if asof is not None:
            if declared.clock is None:
                raise UsageError(f"Table {declared.name} has no clock, so it cannot be read as of {asof}; read it whole.")
            frame = frame.filter(pl.col(declared.clock) < pl.lit(as_instant(asof), dtype=INSTANT))
        return frame

    def differences(self, table: str | Table) -> list[str]:
        """Return one sentence for each column in which the stored table and its declaration differ; none when it was never written."""
        declared = self._table(table)
        stored = self._open(declared)
        return [] if stored is None else differences(declared, pl.scan_delta(stored).collect_schema())

    def version(self, table: str | Table) -> int | None:
        """Return the newest version of a table (of a view: the one it stays at), or ``None`` when it was never written."""
        if self._pins is not None:
            return self._pins.get(self._table(table).name)
        stored = self._open(self._table(table))
        return None if stored is None else int(stored.version())

    def versions(self) -> dict[str, int]:
        """Return the version of every table of :mod:`research` that was written (of a view: those it stays at)."""
        if self._pins is not None:
            return dict(self._pins)
        found = {name: self.version(name) for name in schemas.TABLES}
        return {name: version for name, version in found.items() if version is not None}

    def _open(self, table: Table, version: int | None = None) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        path = self._path(table)
        try:
            if not (path / "_delta_log").is_dir() or not DeltaTable.is_deltatable(str(path)):
                return None
            newest = DeltaTable(str(path))
        except DeltaError as error:
            raise StoreError(
                f"Table {table.name} of {self.home} cannot be opened ({_first_line(error)}); its log is damaged: restore the folder."
            ) from error
        if version is None or version == newest.version():
            return newest
        try:
            return DeltaTable(str(path), version=version)
        except (DeltaError, OverflowError) as error:
            raise StoreError(
                f"Table {table.name} of {self.home} has no version {version} ({_first_line(error)}); the newest is {newest.version()}."
            ) from error

    def _commit(self, stored: DeltaTable | None, table: Table, rows: pl.DataFrame) -> None:
        """Commit ``rows`` as the version after the one their keys were compared with, or fail: no other commit lies between."""
        from deltalake import Schema
        from deltalake.transaction import create_table_with_add_actions

        schema, path, settings = Schema.from_arrow(rows.schema), self._path(table), commit_settings("append", rows.height)
        with written(path, table, rows) as files:
            if stored is None:
                create_table_with_add_actions(str(path), schema, files, mode="error", **settings)  # type: ignore[arg-type]
                return
            came = {field.name for field in stored.schema().fields}
            if new := [field for field in schema.fields if field.name not in came]:
                stored.alter.add_columns(new, **commit_settings("add columns", 0))
            stored.create_write_transaction(files, "append", schema, **settings)
        stored.update_incremental()
        if stored.version() % _CHECKPOINT == 0:
            # Without it the table is whole, only slower to open.
            with suppress(Exception):
                stored.create_checkpoint()

    def _path(self, table: Table) -> Path:
        return self.home / table.name

    def _table(self, table: str | Table) -> Table:
        if isinstance(table, Table):
            return table
        if table in schemas.TABLES:
            return schemas.TABLES[table]
        # What `signals` and `backtests` stored is read by name too, though this package may not know their declarations.
        stored = self._open(Table(table, (), ())) if table.isidentifier() else None
        if stored is None:
            known = f"expected one of {', '.join(schemas.TABLES)}, a table stored in {self.home}, or a declaration"
            raise UsageError(f"Table {table!r} is not known; {known}.")
        return described(table, stored)

    def _check_ours(self) -> None:
        if not self.home.is_dir():
            raise StoreError(f"Home {self.home} is a file; expected a folder: name another one with --home.")
        marker = self.home / _MARKER
        if not marker.exists():
            # A writer that was killed while it claimed the folder leaves the marker's temporary file.
            if any(not path.name.startswith(f".{_MARKER}.") for path in self.home.iterdir()):
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


def commit_settings(what: str, rows: int) -> dict[str, Any]:
    """Return the settings of every commit: it is the next version or it fails, and it touches no older one.

    A checkpoint that fails must not look like a commit that failed, and a log that is cleaned up can no longer be read as it was.
    """
    from deltalake import CommitProperties, PostCommitHookProperties

    return {
        "commit_properties": CommitProperties(custom_metadata={"tidings": what, "rows": rows}, max_commit_retries=0),
        "post_commithook_properties": PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
    }


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` through a temporary file beside it, so that a reader never sees half of it."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # "x": created anew, with the rights any new file has here
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
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


def _named(table: Table, columns: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the key and ``columns``, in the order of the table."""
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise UsageError(f"Column {unknown[0]!r} of table {table.name} was asked for; expected some of {', '.join(known)}.")
    return [name for name in known if name in table.key or name in columns]


def _short(value: object) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
