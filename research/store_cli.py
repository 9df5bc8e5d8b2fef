"""Commands of a home's upkeep: ``tidings store history | compact | vacuum``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from research.console import say
from research.errors import UsageError

__all__ = ["store_app"]

_Home = Annotated[Path, typer.Option("--home", help="Folder of the tables.")]
_HOME = Path("tidings-home")
_Tables = Annotated[list[str] | None, typer.Argument(help="Tables (default: every stored one).")]

store_app = typer.Typer(help="Upkeep of a home: history, compaction, vacuum.", no_args_is_help=True, rich_markup_mode=None)


@store_app.command("history")
def store_history(tables: _Tables = None, home: _Home = _HOME) -> None:
    """List the versions of tables: when each was written, by which operation, rows added."""
    from research import maintenance
    from research.store import Store

    store = Store(home)
    for name in tables or maintenance.stored_tables(store):
        for _, version, written, operation, rows in maintenance.history(store, name).rows():
            say(f"{name:<12} version {version:>5}   {written:%Y-%m-%d %H:%M:%S}   {operation:<12} {rows or 0:>10,} rows added")


@store_app.command("compact")
def store_compact(tables: _Tables = None, home: _Home = _HOME) -> None:
    """Rewrite tables of many small files into few, in storage order; no row changes, older versions stay readable."""
    from research import maintenance
    from research.store import Store

    store = Store(home)
    for name in tables or maintenance.stored_tables(store):
        say([str(maintenance.compact(store, maintenance.declaration(store, name), now=datetime.now(UTC)))])


@store_app.command("vacuum")
def store_vacuum(
    tables: _Tables = None,
    older_than: Annotated[float, typer.Option(help="Days a replaced or never committed file stays.")] = 7.0,
    forget_runs: Annotated[bool, typer.Option("--forget-runs", help="Also drop versions that only stored runs refer to.")] = False,
    trial: Annotated[bool, typer.Option("--trial", help="Delete nothing, say what would go.")] = False,
    home: _Home = _HOME,
) -> None:
    """Delete files no current table consists of; what a stored run read stays readable unless --forget-runs."""
    from research import maintenance
    from research.store import Store

    if not 0 <= older_than <= 36_500:
        raise UsageError(f"--older-than came as {older_than:g}; expected days from 0 to 36500.")
    store = Store(home)
    for name in tables or maintenance.stored_tables(store):
        say([maintenance.vacuum(store, name, retention=timedelta(days=older_than), keep={} if forget_runs else None, trial=trial)])
