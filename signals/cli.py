"""Commands of :mod:`signals`: signal, schedule."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from research.cli import Home
from research.console import say
from research.errors import DataError, UsageError

__all__ = ["mount"]

_HOME = Path("tidings-home")


def mount(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    app.command("signal")(signal)
    app.command("schedule")(schedule)


def signal(
    asof: Annotated[str, typer.Option(help="Decision instant, ISO 8601 with offset; only what was available before it is read.")],
    name: Annotated[str, typer.Option("--signal", help="Name of the signal.")] = "tone@1",
    again: Annotated[
        bool, typer.Option("--replay", help="Build a past run again from the table versions it read, and compare bit for bit.")
    ] = False,
    market: Annotated[list[str] | None, typer.Option(help="With --replay: market identifier the run named; repeat it.")] = None,
    home: Home = _HOME,
) -> None:
    """Write the signal of the session decided at --asof; the same instant twice gives the same bytes."""
    from research.store import Store
    from signals.publish import generate, replay

    if again:
        same = replay(Store(home), name, asof, mics=tuple(market or ()))
        say(f"signals      {same.height:>8,} rows replayed, equal bit for bit")
        return
    if market:
        raise UsageError("--market came without --replay; a scheduled job names its market in the configuration of `tidings schedule`.")
    run = generate(Store(home), name, asof, now=datetime.now(UTC))
    say(run.written or f"signals      run {run.run_id[:12]} was written before; nothing new")
    if run.note:
        raise DataError(run.note)


def schedule(
    config: Annotated[Path, typer.Option(help="TOML file with [[job]] tables: signal, market, since, lead_minutes.")],
    once: Annotated[bool, typer.Option("--once/--forever", help="Catch up and end, or go on waiting for the next cut-off.")] = True,
    now: Annotated[str | None, typer.Option(help="Pretend it is this instant (ISO 8601 with offset).")] = None,
    home: Home = _HOME,
) -> None:
    """Run the configured signals by the exchange's calendar, and catch up what was missed.

    Minimal: it runs the decisions that are due in order and ends, or with --forever sleeps until the next one.
    """
    import time

    from research.store import Store, as_instant
    from signals.publish import generate
    from signals.schedule import due, next_due, read_jobs

    store = Store(home)
    jobs = read_jobs(config, store)
    while True:
        instant = as_instant(now) if now else datetime.now(UTC)
        decisions = due(jobs, instant, store)
        for decision in decisions:
            run = generate(store, decision.signal, decision.asof, now=instant, mics=(decision.mic,))
            say([f"{decision.signal} {decision.mic} {decision.session} as of {decision.asof.isoformat()}", *run.written])
            if run.note:
                print(f"note: {run.note}", file=sys.stderr)
        if not decisions:
            say("schedule     nothing is due")
        if once or now:
            return
        following = next_due(jobs, instant)
        time.sleep(max(1.0, min(600.0, (following - datetime.now(UTC)).total_seconds())))
