"""When a signal is due: every decision instant of its market since a date that has no finished run yet."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from research.calendar import MARKETS
from research.calendar import sessions as calendar_sessions
from research.errors import UsageError
from research.store import Store
from signals.pointintime import cutoffs
from signals.recipes import recipe, signal_of
from signals.schemas import RUNS

__all__ = ["Decision", "Job", "due", "next_due", "read_jobs"]

#: calendar days past the instant that surely hold two further sessions
_AHEAD = timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Job:
    """A signal to write for every session of a market from ``since`` on, ``lead`` before the next open."""

    signal: str
    mic: str
    since: date
    lead: timedelta


@dataclass(frozen=True, slots=True)
class Decision:
    """One run that is due."""

    signal: str
    mic: str
    session: date
    asof: datetime


def read_jobs(path: Path, store: Store | None = None) -> list[Job]:
    """Return the ``[[job]]`` tables of a TOML file: ``signal``, ``market``, ``since``, ``lead_minutes`` (default 30).

    With ``store`` the models of that home are known beside the recipes.

    Raises
    ------
    UsageError
        For a file that is no TOML, has no job, or a job with a missing or unknown value.
    """
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML ({error}); expected [[job]] tables.") from None
    tables = config.get("job")
    if not isinstance(tables, list) or not tables:
        raise UsageError(f"{path} has no [[job]] table; expected signal, market and since in each.")
    return [_job(path, number, table, store) for number, table in enumerate(tables, 1)]


def due(jobs: Sequence[Job], now: datetime, store: Store) -> list[Decision]:
    """Return the decisions whose instant has passed and that have no finished run, oldest first."""
    runs = store.read(RUNS).filter(pl.col("status") == "done")
    done = set(runs.select("command", "asof").rows())
    found = []
    for job in jobs:
        clock = cutoffs(calendar_sessions(job.mic, job.since, now.date() + _AHEAD), lead=job.lead)
        for session, asof in clock.filter(pl.col("asof") <= now).select("session", "asof").rows():
            if (_command(job), asof) not in done:
                found.append(Decision(job.signal, job.mic, session, asof))
    return sorted(found, key=lambda d: (d.asof, d.signal, d.mic))


def next_due(jobs: Sequence[Job], now: datetime) -> datetime:
    """Return the first decision instant after ``now``."""
    instants: list[datetime] = []
    for job in jobs:
        clock = cutoffs(calendar_sessions(job.mic, now.date() - _AHEAD, now.date() + _AHEAD), lead=job.lead)
        instants += clock.filter(pl.col("asof") > now)["asof"].to_list()
    return min(instants)


def _command(job: Job) -> str:
    return f"signal {job.signal} {job.mic}"


def _job(path: Path, number: int, table: Any, store: Store | None) -> Job:
    where = f"{path}, job {number}"
    if not isinstance(table, dict):
        raise UsageError(f"{where} came as {table!r}; expected a [[job]] table with signal, market and since.")
    missing = [key for key in ("signal", "market", "since") if key not in table]
    if missing:
        raise UsageError(f"{where} has no {missing[0]}; expected signal, market and since.")
    unknown = sorted(set(table) - {"signal", "market", "since", "lead_minutes"})
    if unknown:
        raise UsageError(f"{where} has {unknown[0]}; expected signal, market, since and, where it is not 30, lead_minutes.")
    if not isinstance(table["market"], str) or table["market"] not in MARKETS:
        raise UsageError(f"{where} has market {table['market']!r}; expected one of {', '.join(MARKETS)}.")
    if not isinstance(table["signal"], str):
        raise UsageError(f'{where} has signal = {table["signal"]!r}; expected a name such as "tone@1".')
    since = table["since"]
    try:
        # a TOML date and time is a date too
        since = since if type(since) is date else date.fromisoformat(str(since))
    except ValueError:
        raise UsageError(f"{where} has since = {table['since']!r}; expected a date such as 2026-01-05.") from None
    lead = table.get("lead_minutes", 30)
    # A decision after the open it trades at could not have been made; a day is longer than any night.
    if isinstance(lead, bool) or not isinstance(lead, int | float) or not 0 <= lead <= 24 * 60:
        raise UsageError(f"{where} has lead_minutes = {lead!r}; expected minutes before the open, from 0 to 1440.")
    name = (recipe(table["signal"]) if store is None else signal_of(store, table["signal"])).name
    return Job(name, MARKETS[table["market"]], since, timedelta(minutes=float(lead)))
