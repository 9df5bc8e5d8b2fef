"""Named signals, and the job that writes one for a decision instant.

A recipe turns what was available into a feature; :func:`generate` reads the store as of an instant, applies the recipe, and appends the
scores of the session that is decided then, with a run record. The same instant twice is a no-op.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

import polars as pl

from research.calendar import known_span
from research.calendar import sessions as calendar_sessions
from research.errors import UsageError
from research.schemas import content_id
from research.store import Store, Written, as_instant
from signals.features import decayed_sum, rolling_sum
from signals.panel import panel
from signals.pointintime import LEAD, calendar_of
from signals.schemas import RUNS, SIGNALS
from signals.transforms import zscore

__all__ = ["RECIPES", "Recipe", "Run", "code_version", "generate", "history", "of_equities", "recipe"]

#: days of calendar before the first news, so that it falls into a session of its own
_MARGIN = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named signal.

    ``feature`` gives an expression over a panel, ``horizon`` the sessions it is about; a symbol without news for ``memory`` sessions
    leaves the cross-section.
    """

    name: str
    horizon: int
    memory: int
    feature: Callable[[], pl.Expr]
    meaning: str

    def scores(self, frame: pl.DataFrame, run_id: str = "") -> pl.DataFrame:
        """Return the ``signals`` table of a panel."""
        features = frame.with_columns(self.feature().alias("_feature"), rolling_sum("n_mentions", self.memory).alias("_news"))
        features = features.filter(pl.col("_news") > 0)
        return zscore(features, "_feature", name=self.name, horizon=self.horizon, run_id=run_id)


RECIPES = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe("tone@1", 5, 20, lambda: decayed_sum("net_tone", 2), "tone of the news, relevance-weighted, half-life of 2 sessions"),
            Recipe("events@1", 5, 20, lambda: decayed_sum("event_tone", 2), "tone of typed events by novelty, half-life of 2 sessions"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Run:
    """What a job did: its record, the rows it decided, what was written (empty when the run was already there), and what was not."""

    run_id: str
    scores: pl.DataFrame
    written: tuple[Written, ...]
    note: str | None = None


def recipe(name: str) -> Recipe:
    """Return a named recipe or raise :class:`~research.errors.UsageError` with the names there are."""
    if name not in RECIPES:
        raise UsageError(f"Signal {name!r} is not known; expected one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def history(events: pl.DataFrame, mentions: pl.DataFrame, sessions: pl.DataFrame, name: str, *, lead: timedelta = LEAD) -> pl.DataFrame:
    """Return the ``signals`` table of every session in ``sessions`` as the scheduled job would have written it, one pass over all."""
    return recipe(name).scores(panel(events, mentions, sessions, lead=lead))


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
        Recipe.
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
        decided before, at another instant, keeps its rows: ``note`` says so, and the run's record.
    """
    cut, chosen, view = as_instant(asof), recipe(name), store.at()
    config = content_id(chosen.name, chosen.horizon, chosen.memory, *mics)
    run_id = content_id("signal", name, cut.isoformat(), config)
    done = store.read(RUNS).filter(pl.col("run_id") == run_id)
    if done.height:
        return Run(run_id, store.read(SIGNALS).filter(pl.col("run_id") == run_id), ())
    instruments = view.read("instruments")
    mentions, events = (of_equities(view.read(name, asof=cut), instruments) for name in ("mentions", "events"))
    scores = _latest(chosen, events, mentions, cut, mics, run_id)
    before = store.read(SIGNALS).filter((pl.col("signal") == name) & (pl.col("asof") != cut))
    taken = scores.join(before, on=SIGNALS.key, how="semi")
    signals_written = store.append(SIGNALS, scores.join(taken, on=SIGNALS.key, how="anti", maintain_order="left"))
    note = _kept(taken, before)
    record = {
        "run_id": run_id, "command": " ".join(["signal", name, *mics]), "asof": cut,
        "started_at": now, "finished_at": now, "status": "done",
        "config_hash": config, "code_version": code_version(), "table_versions": json.dumps(view.versions(), sort_keys=True),
        "rows_written": signals_written.added, "error": note,
    }  # fmt: skip
    return Run(run_id, scores, (signals_written, store.append(RUNS, RUNS.frame([record]))), note)


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


def _latest(chosen: Recipe, events: pl.DataFrame, mentions: pl.DataFrame, asof: datetime, mics: Sequence[str], run_id: str) -> pl.DataFrame:
    """Return the scores decided at ``asof``, each market a cross-section of its own: Shanghai and Hong Kong open at the same instant."""
    if mentions.is_empty():
        return SIGNALS.empty()
    markets = calendar_of(mentions["symbol"])
    start = mentions.select(pl.col("available_at").min()).item().date() - _MARGIN
    parts = [SIGNALS.empty()]
    for mic in sorted(set(mics) or set(markets.drop_nulls())):
        # A document dated before the calendar begins (a vendor's zero is 1970) is used nowhere.
        earliest, _ = known_span(mic)
        calendar = calendar_sessions(mic, start if earliest is None else max(start, earliest), asof.date() + timedelta(days=1))
        scores = chosen.scores(panel(events, mentions, calendar, asof=asof), run_id)
        newest = calendar.filter(pl.col("open_at") <= asof)["session"].max()
        parts.append(scores.filter(pl.col("session") == newest))
    return pl.concat(parts).sort("session", "symbol")


def code_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("tidings")
    except PackageNotFoundError:
        return "unknown"
