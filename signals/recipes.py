"""Named signals: what a scheduled job may be asked for, and how its scores are made from what was available.

A :class:`Recipe` is an expression: over the panel, or over features of the library. A :class:`StoredSignal` is a fitted model that was put
into a home (:func:`store_model`) with the horizon it is about. Both say which tables they need, form a frame and score it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import polars as pl

from research.errors import SourceError, UsageError
from research.schemas import content_id
from research.store import Store, write_atomically
from signals.features import decayed_sum, rolling_sum
from signals.grid import by_symbol
from signals.library import library_parts
from signals.panel import panel
from signals.pointintime import LEAD, cutoffs
from signals.stored_models import LinearModel, TextModel, dumps, loads
from signals.texts import session_texts
from signals.transforms import zscore

__all__ = ["FEATURE_RECIPES", "RECIPES", "Recipe", "StoredSignal", "recipe", "signal_of", "store_model"]

_SECTION = ("session", "asof")
_FOLDER = "models"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named signal.

    Attributes
    ----------
    name, meaning
        ``name@version``, and what it says.
    horizon
        Sessions it is about.
    memory
        A symbol without news for so many sessions leaves the cross-section.
    feature
        Gives the expression: over a :func:`signals.panel.panel`, or, with ``columns``, over those features of the rows that have news.
    columns
        Features of :func:`signals.library.library`; ``memory`` is then 5 or 20.
    needs
        Tables beside events and mentions.
    """

    name: str
    horizon: int
    memory: int
    feature: Callable[[], pl.Expr]
    meaning: str
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What a run's configuration hash is made of."""
        return (self.name, self.horizon, self.memory)

    def frame(
        self, events: pl.DataFrame, mentions: pl.DataFrame, sessions: pl.DataFrame, *, documents: pl.DataFrame | None = None,
        bars: pl.DataFrame | None = None, lead: timedelta = LEAD, asof: datetime | str | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        """Return the frame :meth:`scores` takes: the columns of the panel it uses, or features."""
        _require(self.name, self.needs, documents, bars)
        if not self.columns:
            used = {*self.feature().meta.root_names(), "n_mentions"} - {"symbol", "session"}
            return panel(events, mentions, sessions, columns=sorted(used), lead=lead, asof=asof)
        names = [*self.columns, f"news_{self.memory}"]
        texts, prices = (table if name in self.needs else None for name, table in (("documents", documents), ("bars", bars)))
        parts = library_parts(events, mentions, sessions, documents=texts, bars=prices, names=names, lead=lead, asof=asof)
        return pl.concat(parts)

    def scores(self, frame: pl.DataFrame, run_id: str = "", *, session: date | None = None) -> pl.DataFrame:
        """Return the ``signals`` table of a frame of :meth:`frame`; of one session only when it is named."""
        if self.columns:
            told = frame.filter(pl.col(f"news_{self.memory}") > 0)
            features = told.select("session", "symbol", "asof", self.feature().alias("_feature"))
        else:
            told = by_symbol(frame).select(self.feature().alias("_feature"), _told=rolling_sum("n_mentions", self.memory) > 0)
            features = frame.select("session", "symbol", "asof").hstack(told).filter("_told")
        if session is not None:
            features = features.filter(pl.col("session") == session)
        return zscore(features, "_feature", name=self.name, horizon=self.horizon, run_id=run_id)


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A fitted model of a home under a name; attributes as in :class:`Recipe`.

    A linear model scores the features of the rows with news in ``memory`` sessions, a text model the texts of the session itself.
    """

    name: str
    horizon: int
    memory: int
    model: LinearModel | TextModel

    @property
    def needs(self) -> tuple[str, ...]:
        """Tables beside events and mentions."""
        return ("documents",) if isinstance(self.model, TextModel) else ("documents", "bars")

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What a run's configuration hash is made of: the model's own numbers among it."""
        return (self.name, self.horizon, self.memory, content_id(dumps(self.model)))

    def frame(
        self, events: pl.DataFrame, mentions: pl.DataFrame, sessions: pl.DataFrame, *, documents: pl.DataFrame | None = None,
        bars: pl.DataFrame | None = None, lead: timedelta = LEAD, asof: datetime | str | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        """Return features, or ``session, symbol, asof, text``."""
        _require(self.name, self.needs, documents, bars)
        if isinstance(self.model, TextModel):
            assert documents is not None
            return session_texts(mentions, documents, cutoffs(sessions, lead=lead, asof=asof))
        names = list(dict.fromkeys([*self.model.columns, f"news_{self.memory}"]))
        parts = library_parts(events, mentions, sessions, documents=documents, bars=bars, names=names, lead=lead, asof=asof)
        return pl.concat(parts)

    def scores(self, frame: pl.DataFrame, run_id: str = "", *, session: date | None = None) -> pl.DataFrame:
        """Return the ``signals`` table of a frame of :meth:`frame`; nothing that was decided before the model had learned."""
        through = datetime.fromisoformat(self.model.fitted_through)
        later = frame.filter(pl.col("asof") > pl.lit(through))
        if session is not None:
            later = later.filter(pl.col("session") == session)
        if isinstance(self.model, TextModel):
            said = pl.Series("_feature", self.model.score(later["text"].to_list()) if later.height else [], dtype=pl.Float64)
        else:
            later = later.filter(pl.col(f"news_{self.memory}") > 0)
            said = self.model.score(later).alias("_feature")
        return zscore(later.with_columns(said), "_feature", name=self.name, horizon=self.horizon, run_id=run_id)


#: signals over the panel: events and mentions are enough
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        made.name: made
        for made in (
            Recipe("tone@1", 5, 20, lambda: decayed_sum("net_tone", 2), "tone of the news, relevance-weighted, half-life of 2 sessions"),
            Recipe("events@1", 5, 20, lambda: decayed_sum("event_tone", 2), "tone of typed events by novelty, half-life of 2 sessions"),
        )
    }
)


def _z(value: pl.Expr) -> pl.Expr:
    """Return the value centred and scaled inside its cross-section; null where that has no spread."""
    spread = value.std()
    return pl.when(spread > 1e-12).then((value - value.mean()) / spread).over(_SECTION)


def _attention_reversal() -> pl.Expr:
    return pl.col("news_abnormal_60") * pl.col("reversal_5")


#: signals over features of the library
FEATURE_RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        made.name: made
        for made in (
            Recipe(
                "novel_tone@1", 5, 20, lambda: pl.col("novel_tone_5"),
                "tone of the news, each document by its novelty, half-life of 5 sessions", ("novel_tone_5",), ("documents",),
            ),
            Recipe(
                "event_drift@1", 20, 20, lambda: pl.col("event_tone_5"),
                "drift over 20 sessions after typed events: their tone by novelty, half-life of 5 sessions", ("event_tone_5",), (),
            ),
            Recipe(
                "attention_reversal@1", 5, 5, _attention_reversal,
                "reversal of the last 5 sessions' return, the stronger the more unusual the attention", ("news_abnormal_60", "reversal_5"),
                ("bars",),
            ),
            Recipe(
                "combined@1", 5, 20,
                lambda: pl.mean_horizontal(_z(pl.col("novel_tone_5")), _z(pl.col("event_tone_5")), _z(_attention_reversal())),
                "mean of the places novel tone, event drift and attention reversal give a symbol",
                ("novel_tone_5", "event_tone_5", "news_abnormal_60", "reversal_5"), ("documents", "bars"),
            ),
        )
    }
)  # fmt: skip


def recipe(name: str) -> Recipe:
    """Return a named recipe or raise :class:`~research.errors.UsageError` with the names there are."""
    found = RECIPES.get(name) or FEATURE_RECIPES.get(name)
    if found is None:
        raise UsageError(
            f"Signal {name!r} is not known; expected one of {', '.join([*RECIPES, *FEATURE_RECIPES])}, or a model of the home."
        )
    return found


def signal_of(store: Store, name: str) -> Recipe | StoredSignal:
    """Return the recipe, or the model of the home, that goes by ``name``."""
    path = _path(store, name)
    return _read(path, name) if name not in {**RECIPES, **FEATURE_RECIPES} and path.is_file() else recipe(name)


def store_model(store: Store, name: str, model: LinearModel | TextModel, *, horizon: int, memory: int = 20) -> Path:
    """Put a fitted model into a home, to be asked for by name; return its file.

    Parameters
    ----------
    store
        Home of the tables.
    name
        ``name@version``. A name that is taken stays what it is: a model that learned more is another version.
    model
        Of :func:`signals.stored_models.frozen`.
    horizon, memory
        As in :class:`Recipe`.

    Raises
    ------
    UsageError
        For a name without version, of a recipe, or of another model; a horizon below 1; a memory the library has no feature for.
    """
    base, _, version = name.partition("@")
    if not base or not version or not (base + version).replace("_", "").replace("-", "").replace(".", "").isalnum():
        raise UsageError(f"A model came named {name!r}; expected name@version of letters and digits, such as ridge@1.")
    if name in RECIPES or name in FEATURE_RECIPES:
        raise UsageError(f"{name} is a recipe of the package; store the model under another name.")
    if horizon < 1 or memory not in (5, 20):
        raise UsageError(f"horizon came as {horizon} and memory as {memory}; expected at least 1 session, and a memory of 5 or 20.")
    text = json.dumps({"horizon": horizon, "memory": memory, "model": dumps(model)}, sort_keys=True, ensure_ascii=False)
    if not store.home.is_dir():
        raise UsageError(f"There is no home {store.home}; ingest documents first.")
    path = _path(store, name)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise UsageError(f"Home {store.home} has another model named {name}; store this one under a new version.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return path


def _path(store: Store, name: str) -> Path:
    return store.home / _FOLDER / f"{Path(name).name}.json"


def _read(path: Path, name: str) -> StoredSignal:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return StoredSignal(name, int(said["horizon"]), int(said["memory"]), loads(said["model"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path} cannot be read as a model ({error}); expected what signals.recipes.store_model wrote.") from error


def _require(name: str, needs: tuple[str, ...], documents: pl.DataFrame | None, bars: pl.DataFrame | None) -> None:
    given = {"documents": documents, "bars": bars}
    absent = [table for table in needs if given[table] is None]
    if absent:
        raise UsageError(f"Signal {name} needs the table {absent[0]}, which did not come; pass it, or ask for {', '.join(RECIPES)}.")
