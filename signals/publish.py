"""Named signals, and the job that writes one for a decision instant.

A recipe turns what was available into a feature; :func:`generate` reads the store as of an instant, applies the recipe, and appends the
scores of the session that is decided then, with a run record. The same instant twice is a no-op.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

import polars as pl

from research.calendar import known_span
from research.calendar import sessions as calendar_sessions
from research.errors import DataError, UsageError
from research.schemas import content_id
from research.store import Store, Written, as_instant
from signals.pointintime import LEAD, calendar_of
from signals.recipes import RECIPES, Recipe, StoredSignal, recipe, signal_of
from signals.schemas import RUNS, SIGNALS

__all__ = ["RECIPES", "Recipe", "Run", "code_version", "generate", "history", "of_equities", "recipe", "replay"]

#: days of calendar before the first news, so that it falls into a session of its own
_MARGIN = timedelta(days=15)
#: the same for features of prices, whose windows reach back before the first news
_PRICES = timedelta(days=420)


@dataclass(frozen=True, slots=True)
class Run:
    """What a job did: its record, the rows it decided, what was written (empty when the run was already there), and what was not."""

    run_id: str
    scores: pl.DataFrame
    written: tuple[Written, ...]
    note: str | None = None


def history(
    events: pl.DataFrame, mentions: pl.DataFrame, sessions: pl.DataFrame, signal: str | Recipe | StoredSignal, *, lead: timedelta = LEAD,
    documents: pl.DataFrame | None = None, bars: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Return the ``signals`` table of every session in ``sessions`` as the scheduled job would have written it, one pass over all.

    ``signal`` is the name of a recipe, or what :func:`signals.recipes.signal_of` found in a home.
    ``documents`` and ``bars`` are needed by the recipes that say so; a sentence names the one that is missing.
    """
    chosen = recipe(signal) if isinstance(signal, str) else signal
    return chosen.scores(chosen.frame(events, mentions, sessions, documents=documents, bars=bars, lead=lead))


def of_equities(frame: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """Return the rows about equities: an index or a commodity has no place in a cross-section of shares.

    A symbol the master does not know stays; so does everything where the master is empty.
    """
    others = instruments.filter(pl.col("asset_class") != "equity").select("symbol").unique()
    return frame.join(others, on="symbol", how="anti", maintain_order="left", nulls_equal=False)


def generate(store: Store, name: str, asof: datetime | str, *, now: datetime, mics: Sequence[str] = ()) -> Run:
    """Write the signal of the session that is decided at ``asof``.

    Parameters
    ----------
    store
        Home of the tables.
    name
        Recipe, or stored model of the home.
    asof
        Decision instant: only rows with ``available_at < asof`` are read.
    now
        Wall clock, for the run record only.
    mics
        Markets; by default every market that has news.

    Returns
    -------
    Run
        With no written tables when a finished run for the same signal, instant and markets is stored already. A session that was
        decided before, at another instant, keeps its rows: ``note`` says so, and the run's record; so it does of an ``asof`` that lies
        ahead of ``now``.

    Raises
    ------
    DataError
        When the home holds no news at all.
    """
    cut, chosen, view = as_instant(asof), signal_of(store, name), store.at()
    run_id, config = _identity(chosen, cut, mics)
    done = store.read(RUNS).filter(pl.col("run_id") == run_id)
    if done.height:
        return Run(run_id, store.read(SIGNALS).filter(pl.col("run_id") == run_id), ())
    if not {"mentions", "events"} & set(view.versions()):
        raise DataError(
            f"Home {store.home} holds no news to decide by; expected mentions: run `tidings ingest PATH --home {store.home}` first."
        )
    scores = _decided(view, chosen, cut, mics, run_id)
    before = store.read(SIGNALS).filter((pl.col("signal") == name) & (pl.col("asof") != cut))
    taken = scores.join(before, on=SIGNALS.key, how="semi")
    signals_written = store.append(SIGNALS, scores.join(taken, on=SIGNALS.key, how="anti", maintain_order="left"))
    ahead = (
        None
        if cut <= now
        else f"{cut.isoformat()} had not come at {now.isoformat()}: news that arrives in between is not in this run, and the run stays."
    )
    note = " ".join(filter(None, (_kept(taken, before), ahead))) or None
    record = {
        "run_id": run_id, "command": " ".join(["signal", name, *mics]), "asof": cut,
        "started_at": now, "finished_at": now, "status": "done",
        "config_hash": config, "code_version": code_version(), "table_versions": json.dumps(view.versions(), sort_keys=True),
        "rows_written": signals_written.added, "error": note,
    }  # fmt: skip
    return Run(run_id, scores, (signals_written, store.append(RUNS, RUNS.frame([record]))), note)


def replay(store: Store, name: str, asof: datetime | str, *, mics: Sequence[str] = ()) -> pl.DataFrame:
    """Build the scores of a past run again from the table versions it read, and return them; nothing is written.

    Raises
    ------
    UsageError
        When no such run is recorded.
    DataError
        When the scores differ, in any bit, from those that are stored: the code or a model changed since, or a stored row did.
    """
    cut, chosen = as_instant(asof), signal_of(store, name)
    run_id, config = _identity(chosen, cut, mics)
    runs = store.read(RUNS).filter((pl.col("command") == " ".join(["signal", name, *mics])) & (pl.col("asof") == cut))
    if runs.is_empty():
        raise UsageError(f"No run of {name} as of {cut.isoformat()} is recorded in {store.home}; expected one that `tidings signal` made.")
    made = runs.row(0, named=True)
    if made["run_id"] != run_id:
        raise DataError(
            f"The run of {name} as of {cut.isoformat()} had configuration {made['config_hash'][:12]}, now it is {config[:12]}: "
            "the recipe or the model changed; expected the same: replay it with the version that made it."
        )
    scores = _decided(store.at(json.loads(made["table_versions"])), chosen, cut, mics, run_id)
    stored = store.read(SIGNALS).filter(pl.col("run_id") == run_id).sort(SIGNALS.key)
    mine = scores.join(stored.select(SIGNALS.key), on=SIGNALS.key, how="semi").sort(SIGNALS.key)
    # Rows of a session that had been decided before were never written.
    if not mine.equals(stored) or (made["error"] is None and mine.height < scores.height):
        raise DataError(
            f"The run of {name} as of {cut.isoformat()} stored {stored.height} rows; replayed from its table versions "
            f"{mine.height - _equal(mine, stored)} of {mine.height} differ: the code changed since version {made['code_version']}; "
            "replay it with that version."
        )
    return mine


def _identity(chosen: Recipe | StoredSignal, cut: datetime, mics: Sequence[str]) -> tuple[str, str]:
    """Return the run's id and the hash of its configuration."""
    config = content_id(*chosen.fingerprint, *mics)
    return content_id("signal", chosen.name, cut.isoformat(), config), config


def _equal(mine: pl.DataFrame, stored: pl.DataFrame) -> int:
    return mine.join(stored, on=mine.columns, how="semi").height


def _decided(view: Store, chosen: Recipe | StoredSignal, cut: datetime, mics: Sequence[str], run_id: str) -> pl.DataFrame:
    """Return the scores of the session decided at ``cut``, from what ``view`` held before it."""
    instruments = view.read("instruments")
    mentions, events = (of_equities(view.read(table, asof=cut), instruments) for table in ("mentions", "events"))
    others = {table: view.read(table, asof=cut) for table in chosen.needs}
    return _latest(chosen, events, mentions, others, cut, mics, run_id)


def _kept(taken: pl.DataFrame, before: pl.DataFrame) -> str | None:
    """Say which rows were not written since their session had been decided before, at another instant; ``None`` when all were."""
    if taken.is_empty():
        return None
    session = taken["session"].max()
    earlier = str(before.filter(pl.col("session") == session)["asof"].dt.strftime("%Y-%m-%dT%H:%M%z").max())
    return (
        f"{taken.height} rows were not written: session {session!s} was already decided as of {earlier}, "
        "and what was decided is never changed; expected one decision a session."
    )


def _latest(
    chosen: Recipe | StoredSignal, events: pl.DataFrame, mentions: pl.DataFrame, others: Mapping[str, pl.DataFrame], asof: datetime,
    mics: Sequence[str], run_id: str,
) -> pl.DataFrame:  # fmt: skip
    """Return the scores decided at ``asof``, each market a cross-section of its own: Shanghai and Hong Kong open at the same instant."""
    if mentions.is_empty():
        return SIGNALS.empty()
    markets = calendar_of(mentions["symbol"])
    margin = _PRICES if "bars" in chosen.needs else _MARGIN
    start = mentions.select(pl.col("available_at").min()).item().date() - margin
    parts = [SIGNALS.empty()]
    for mic in sorted(set(mics) or set(markets.drop_nulls())):
        # A document dated before the calendar begins (a vendor's zero is 1970) is used nowhere.
        earliest, _ = known_span(mic)
        calendar = calendar_sessions(mic, start if earliest is None else max(start, earliest), asof.date() + timedelta(days=1))
        here = {
            name: rows.filter(calendar_of(rows["symbol"]) == mic) if "symbol" in rows.columns else rows for name, rows in others.items()
        }
        frame = chosen.frame(events, mentions, calendar, documents=here.get("documents"), bars=here.get("bars"), asof=asof)
        newest = calendar.filter(pl.col("open_at") <= asof).select(pl.col("session").max()).item()
        if newest is not None:
            parts.append(chosen.scores(frame, run_id, session=newest))
    return pl.concat(parts).sort("session", "symbol")


def code_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("tidings")
    except PackageNotFoundError:
        return "unknown"
