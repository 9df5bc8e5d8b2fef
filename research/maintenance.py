"""Upkeep of a home: what was written when, one file where there were many, old files away, and what a run read.

Insert-only tables collect one file a write. :func:`compact` rewrites a table in storage order without changing a row; the files it
replaces stay, since older versions consist of them. :func:`vacuum` deletes such files, and those a killed writer left, but keeps what
a version needs that a stored run refers to. :func:`replay` opens a home as a run read it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from research import schemas
from research.errors import StoreError, UsageError
from research.schemas import INSTANT, Table
from research.store import Store, commit_settings
from research.store_files import n_pieces, written
from research.store_layout import described

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = [
    "HISTORY",
    "RETENTION",
    "Compacted",
    "Vacuumed",
    "compact",
    "declaration",
    "history",
    "referred",
    "replay",
    "stored_tables",
    "vacuum",
]

#: how long a file stays after it was replaced, or after a writer that never committed wrote it
RETENTION = timedelta(days=7)

#: columns of the frame :func:`history` returns
HISTORY: dict[str, Any] = {"table": pl.String, "version": pl.Int64, "written_at": INSTANT, "operation": pl.String, "rows_added": pl.Int64}

_ATTEMPTS = 16


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: files and bytes before and after, rows (the same before and after), the version it made."""

    table: str
    rows: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    version: int

    def __str__(self) -> str:
        """One line: table, rows, files, megabytes."""
        if self.files_before == self.files_after:
            return f"{self.table:<12} {self.rows:>8,} rows   {self.files_before} files, nothing to do"
        sizes = f"{self.bytes_before / 1e6:,.1f} -> {self.bytes_after / 1e6:,.1f} MB"
        return f"{self.table:<12} {self.rows:>8,} rows   {self.files_before} -> {self.files_after} files   {sizes}   version {self.version}"


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """What a vacuum deleted (or, in a trial, would delete): files and bytes; the versions that were kept for runs."""

    table: str
    files: int
    size: int
    kept: tuple[int, ...]

    def __str__(self) -> str:
        """One line: table, files, megabytes, versions kept."""
        kept = f"   versions kept for runs: {', '.join(map(str, self.kept))}" if self.kept else ""
        return f"{self.table:<12} {self.files:>8,} files   {self.size / 1e6:,.1f} MB{kept}"


def stored_tables(store: Store) -> list[str]:
    """Return the names of the tables that are stored under a home, declared in this package or not, sorted."""
    if not store.home.is_dir():
        raise UsageError(f"There is no home folder at {store.home}; name one that holds tables with --home.")
    return sorted(path.parent.name for path in store.home.glob("*/_delta_log"))


def declaration(store: Store, table: str) -> Table:
    """Return how a stored table is laid out: its declaration in this package, or, of another package's table, what its log tells of it."""
    stored = _opened(store, table)
    return schemas.TABLES[table] if table in schemas.TABLES else described(table, stored)


def history(store: Store, table: str) -> pl.DataFrame:
    """Return what was written to a table, one row a version, the newest last; columns as in ``HISTORY``."""
    rows = [
        {
            "table": table,
            "version": entry["version"],
            "written_at": datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
            "operation": entry.get("tidings") or entry["operation"].lower(),
            "rows_added": entry.get("rows", entry.get("operationMetrics", {}).get("num_added_rows")),
        }
        for entry in _opened(store, table).history()
    ]
    return pl.DataFrame(rows, schema=HISTORY, orient="row").sort("version")


def compact(store: Store, table: Table, *, now: datetime) -> Compacted:
    """Rewrite a table in storage order into as few files as its size asks for; its rows stay the same, older versions readable.

    Parameters
    ----------
    store
        Home.
    table
        The table.
    now
        The instant the replaced files are marked with: :func:`vacuum` counts its retention from it.

    Raises
    ------
    StoreError
        When others commit faster than the rewriting goes, when the disk is full, or when the files do not hold the rows the log says.
    """
    from deltalake import Schema
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import RemoveAction

    for _ in range(_ATTEMPTS):
        stored = _opened(store, table.name)
        old = pl.DataFrame(stored.get_add_actions()).select("path", "size_bytes", "num_records")
        size, rows = int(old["size_bytes"].sum()), int(old["num_records"].sum())
        same = Compacted(table.name, rows, old.height, old.height, size, size, int(stored.version()))
        if old.height <= 1:
            return same
        frame = pl.scan_delta(stored).collect()
        if frame.height != rows:
            raise StoreError(
                f"Table {table.name} of {store.home} holds {frame.height} rows and its log says {rows}; nothing was changed: "
                "restore the folder."
            )
        if n_pieces(table, frame) >= old.height:
            return same
        gone = [RemoveAction(path, False, int(now.timestamp() * 1000), bytes_) for path, bytes_, _ in old.rows()]
        try:
            with written(store.home / table.name, table, frame, data_change=False) as files:
                # Committed against the version that was read: a commit in between makes this one fail.
                stored.create_write_transaction([*files, *gone], "append", Schema.from_arrow(frame.schema), **commit_settings("compact", 0))
        except CommitFailedError:
            continue
        except (DeltaError, OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(
                f"Table {table.name} in {store.home} could not be compacted ({str(error).splitlines()[0][:160]}); it is as it was: "
                "check the disk's space, then run again."
            ) from error
        made = sum(file.size or 0 for file in files)
        return Compacted(table.name, rows, old.height, len(files), size, made, int(stored.version()) + 1)
    raise StoreError(f"Table {table.name} in {store.home} was being written by others for {_ATTEMPTS} attempts in a row; compact it later.")


def vacuum(
    store: Store,
    table: str,
    *,
    retention: timedelta = RETENTION,
    keep: Mapping[str, Collection[int]] | None = None,
    trial: bool = False,
) -> Vacuumed:
    """Delete the files of a table that its newest version does not consist of and that nothing else needs.

    Parameters
    ----------
    store
        Home.
    table
        Name of a stored table.
    retention
        Files that were replaced, or written and never committed, less than this ago stay. A shorter time than the longest write takes
        would delete the files of a write that is under way.
    keep
        Versions to keep readable, by table; by default those that stored runs refer to (:func:`referred`). An empty mapping keeps
        only the newest.
    trial
        Delete nothing, only say what would go.

    Raises
    ------
    UsageError
        For a negative retention.
    """
    from deltalake.exceptions import DeltaError

    if retention < timedelta(0):
        raise UsageError(f"The retention came as {retention}; expected a time of zero or more.")
    stored = _opened(store, table)
    wanted = referred(store) if keep is None else keep
    versions = sorted({v for v in wanted.get(table, ()) if 0 <= v <= stored.version()})
    # delta-rs counts in whole hours; rounding up keeps more, never less.
    hours = -int(-retention.total_seconds() // 3600)
    asked: dict[str, Any] = {"retention_hours": hours, "enforce_retention_duration": False, "full": True, "keep_versions": versions or None}
    try:
        # The log goes on naming files that are gone already.
        found = [path for name in stored.vacuum(dry_run=True, **asked) if (path := store.home / table / name).exists()]
        size = sum(path.stat().st_size for path in found)
        if found and not trial:
            stored.vacuum(dry_run=False, **asked)
    except (DeltaError, OSError) as error:
        raise StoreError(f"Table {table} in {store.home} could not be vacuumed ({str(error).splitlines()[0][:160]}); run again.") from error
    return Vacuumed(table, len(found), size, tuple(versions))


def referred(store: Store) -> dict[str, tuple[int, ...]]:
    """Return the versions that stored runs read, by table: every ``table_versions`` of the ``runs`` table."""
    found: dict[str, set[int]] = {}
    for versions in _manifests(store).values():
        for table, version in versions.items():
            found.setdefault(table, set()).add(version)
    return {table: tuple(sorted(found[table])) for table in sorted(found)}


def replay(store: Store, run_id: str) -> Store:
    """Return a view of the home at the versions the run read.

    Raises
    ------
    UsageError
        When no such run is stored.
    """
    runs = _manifests(store)
    if run_id not in runs:
        raise UsageError(f"Run {run_id!r} is not stored in {store.home}; expected one of {len(runs)} run_ids in its runs table.")
    return store.at(runs[run_id])


def _manifests(store: Store) -> dict[str, dict[str, int]]:
    if "runs" not in stored_tables(store):
        return {}
    rows = pl.scan_delta(_opened(store, "runs")).select("run_id", "table_versions").collect().sort("run_id").rows()
    try:
        return {run_id: {str(table): int(version) for table, version in json.loads(text).items()} for run_id, text in rows}
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(
            f"The runs table of {store.home} has a table_versions that is not a JSON object of versions ({error}); restore the folder."
        ) from error


def _opened(store: Store, table: str) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if table not in stored_tables(store):
        raise UsageError(f"Table {table!r} is not stored in {store.home}; expected one of {', '.join(stored_tables(store)) or '(none)'}.")
    try:
        return DeltaTable(str(store.home / table))
    except DeltaError as error:
        raise StoreError(
            f"Table {table} of {store.home} cannot be opened ({str(error).splitlines()[0][:160]}); its log is damaged: restore the folder."
        ) from error
