"""Any scikit-learn estimator through time: fitted on what had ended, asked about what is open.

:func:`through_time` goes over the sessions in order. At every ``refit``-th it takes the instant that session is decided at, fits a fresh
clone on the rows whose label had ended strictly before it, and scores the rows of that session and the following ones until the next refit.
A label reaches it as an argument and is used only after its ``ends_at``: a row is never scored by a model that saw a label open then.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import EstimationError, LookAheadError, SchemaError, UsageError
from research.schemas import INSTANT
from signals.sample_weights import average_uniqueness

__all__ = ["Target", "ThroughTime", "gradient_boosting", "labelled", "logistic", "ridge", "text_tone", "through_time"]

Target = Literal["return", "rank", "sign"]

_KEY = ["session", "symbol"]
_SCORES: dict[str, Any] = {"session": pl.Date, "symbol": pl.String, "asof": INSTANT, "score": pl.Float64, "fitted_through": INSTANT}
_FITS: dict[str, Any] = {"session": pl.Date, "cutoff": INSTANT, "fitted_through": INSTANT, "n_rows": pl.Int64, "n_sessions": pl.Int64}


@dataclass(frozen=True, slots=True)
class ThroughTime:
    """What an estimator said, session by session.

    Attributes
    ----------
    scores
        ``session, symbol, asof, score, fitted_through`` from the first fit on, sorted by session and symbol. ``fitted_through`` is the
        latest ``ends_at`` the model was fitted on, always before ``asof``; ``score`` is null where a feature is.
    fits
        One row per fit: ``session`` it was made in, ``cutoff``, ``fitted_through``, ``n_rows`` and ``n_sessions`` trained on.
    models
        The fitted estimator of each row of ``fits``.
    """

    scores: pl.DataFrame
    fits: pl.DataFrame
    models: tuple[Any, ...]


def through_time(
    estimator: Any,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    columns: Sequence[str] | str,
    *,
    target: Target = "return",
    refit: int = 20,
    min_sessions: int = 60,
    window: int | None = None,
    embargo: int = 0,
    weighting: Literal["equal", "uniqueness"] = "equal",
    missing: Literal["drop", "keep"] = "drop",
    seed: int = 0,
) -> ThroughTime:
    """Fit an estimator again and again and return what it says about the sessions that follow.

    Parameters
    ----------
    estimator
        Anything with ``fit`` and ``predict`` (or ``predict_proba``: the score is then the probability of a positive return). It is cloned,
        never changed.
    features
        ``session, symbol, asof`` and the feature columns.
    labels
        ``session, symbol, forward_return, ends_at`` of one horizon. Null and NaN returns are not trained on.
    columns
        Float columns, handed over as a matrix in this order; or the name of one String column, handed over as a list of texts.
    target
        ``return``; ``rank`` of the return in its cross-section (rows that share session and asof), from -1 to 1, 0 when alone;
        ``sign``, whether the return is above zero (needed by a classifier).
    refit
        Sessions between fits. The first fit is made in the first session before which ``min_sessions`` sessions have a label that ended.
    min_sessions
        See ``refit``.
    window
        Train on the latest ``window`` such sessions; on all without it.
    embargo
        Sessions before each fit that are not trained on, ended or not.
    weighting
        ``uniqueness`` weighs rows by :func:`~signals.sample_weights.average_uniqueness`, computed anew on each training set.
    missing
        ``drop`` neither trains on nor scores rows where a feature is null or NaN; ``keep`` hands them over as NaN (gradient boosting).
    seed
        Set as every ``random_state`` of the estimator.

    Raises
    ------
    EstimationError
        There are fewer labelled sessions than ``min_sessions``, a fit does not converge, or the estimator refuses its training rows; the
        sentence says in which session.
    """
    from threadpoolctl import threadpool_limits

    for name, value, least in (
        ("refit", refit, 1),
        ("min_sessions", min_sessions, 1),
        ("window", 1 if window is None else window, 1),
        ("embargo", embargo, 0),
    ):
        if value < least:
            raise UsageError(f"{name} came as {value}; expected at least {least}.")
    for name, word, words in (
        ("target", target, get_args(Target)), ("weighting", weighting, ("equal", "uniqueness")), ("missing", missing, ("drop", "keep")),
    ):  # fmt: skip
        if word not in words:
            raise UsageError(f"{name} came as {word!r}; expected one of {', '.join(words)}.")
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names or set(names) & {*_KEY, "asof", "forward_return", "ends_at"}:
        raise UsageError(f"The columns came as {names}; expected names of features.")
    rows = _complete(labelled(features, labels, names), names, missing)
    text = isinstance(columns, str) and rows.schema[columns] == pl.String
    model = _seeded(estimator, seed)
    if hasattr(model, "predict_proba") and target != "sign":
        raise UsageError(f"{type(model).__name__} is a classifier and the target came as {target!r}; expected 'sign'.")
    calendar = rows.group_by("session").agg(opens=pl.col("asof").min()).sort("session")
    sessions, opens = calendar["session"], calendar["opens"]
    number = rows["session"].rank("dense").cast(pl.Int64) - 1
    rows = rows.with_columns(_n=number)
    trainable = rows.filter(pl.col("forward_return").is_not_null() & pl.col("_usable"))
    begin = _first_fit(trainable, opens, min_sessions, embargo)
    scores, fits, models = [], [], []
    # One thread: sums split over threads differ in their last bits from one machine to the next.
    with threadpool_limits(limits=1):
        for n in range(begin, len(sessions), refit):
            cutoff: datetime = opens[n]
            train = trainable.filter((pl.col("ends_at") < cutoff) & (pl.col("_n") < n - embargo))
            if window is not None:
                kept = train["_n"].unique().sort().tail(window)
                train = train.filter(pl.col("_n") >= kept.min())
            fitted = _fitted(model, train, names, text, target, weighting, opens.filter(opens <= cutoff), sessions[n])
            through: Any = train["ends_at"].max()
            fits.append((sessions[n], cutoff, through, train.height, train["_n"].n_unique()))
            models.append(fitted)
            open_rows = rows.filter(pl.col("_n").is_between(n, n + refit - 1))
            scores.append(_scored(fitted, open_rows, names, text).with_columns(fitted_through=pl.lit(through, dtype=INSTANT)))
    said = pl.concat(scores).select(*_SCORES).sort(_KEY)
    late = said.filter(pl.col("fitted_through") >= pl.col("asof"))
    if late.height:
        raise LookAheadError(f"Session {late['session'][0]} is decided at {late['asof'][0]}, before an earlier session of another market; "
                             "run each market by itself.")  # fmt: skip
    return ThroughTime(said, pl.DataFrame(fits, schema=_FITS, orient="row"), tuple(models))


def labelled(features: pl.DataFrame, labels: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return the feature rows with ``forward_return`` (NaN as null) and ``ends_at``, sorted by session and symbol.

    Raises
    ------
    SchemaError
        A column is missing, or a (session, symbol) occurs twice: labels of several horizons have to be filtered to one.
    LookAheadError
        A label ends before it is decided.
    """
    for table, frame, needed in (
        ("features", features, [*_KEY, "asof", *columns]),
        ("labels", labels, [*_KEY, "forward_return", "ends_at"]),
    ):
        lacking = [name for name in needed if name not in frame.columns]
        if lacking:
            raise SchemaError(table, lacking[0], f"columns {', '.join(frame.columns)}", ", ".join(needed))
        twice = frame.select(pl.struct(_KEY).is_duplicated().any()).item() if frame.height else False
        if twice:
            example = frame.filter(pl.struct(_KEY).is_duplicated()).select(_KEY).sort(_KEY).row(0)
            raise SchemaError(table, "session, symbol", "a pair twice", "each once (filter labels to one horizon)", example)
    known = labels.select(*_KEY, pl.col("forward_return").cast(pl.Float64).fill_nan(None), pl.col("ends_at").cast(INSTANT))
    rows = features.select(*_KEY, pl.col("asof").cast(INSTANT), *columns).join(known, on=_KEY, how="left").sort(_KEY)
    early = rows.filter(pl.col("ends_at") <= pl.col("asof"))
    if early.height:
        raise LookAheadError(f"The label of {early['symbol'][0]} in {early['session'][0]} ends at {early['ends_at'][0]}, "
                             f"not after its decision at {early['asof'][0]}; check which instants came.")  # fmt: skip
    return rows.with_columns(forward_return=pl.when(pl.col("ends_at").is_not_null()).then("forward_return"))


def ridge(alpha: float = 1.0) -> Any:
    """Return a ridge regression on standardised features; ``alpha`` is the penalty on the squared coefficients."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge(alpha=alpha))


def logistic(c: float = 1.0) -> Any:
    """Return a logistic regression on standardised features with an inverse penalty of ``c`` (target ``sign``)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))


def gradient_boosting(*, leaves: int = 15, rate: float = 0.05, rounds: int = 200, min_leaf: int = 100) -> Any:
    """Return histogram gradient boosting for ``return`` or ``rank``; it takes missing features (``missing="keep"``)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    # Early stopping would hold out rows at random, across time.
    return HistGradientBoostingRegressor(
        max_leaf_nodes=leaves, learning_rate=rate, max_iter=rounds, min_samples_leaf=min_leaf, early_stopping=False
    )


def text_tone(**parameters: Any) -> Any:
    """Return :class:`~signals.sestm.SESTM` behind a word count that learns its vocabulary with it; pass the name of a text column."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline

    from signals.sestm import SESTM
    from signals.word_counts import tokens

    return make_pipeline(CountVectorizer(analyzer=tokens), SESTM(**parameters))


def _complete(rows: pl.DataFrame, names: Sequence[str], missing: str) -> pl.DataFrame:
    """Add ``_usable``, and turn null numbers to NaN."""
    texts = [name for name in names if rows.schema[name] == pl.String]
    if texts and len(names) > 1:
        raise UsageError(f"Column {texts[0]} holds text; expected one text column by its name, or numbers only.")
    if texts:
        return rows.with_columns(_usable=pl.col(texts[0]).is_not_null())
    rows = rows.with_columns(pl.col(names).cast(pl.Float64).fill_null(float("nan")))
    unbounded = [name for name in names if rows[name].is_infinite().any()]
    if unbounded:
        raise SchemaError("features", unbounded[0], "an infinite value", "finite numbers or nulls")
    usable = pl.lit(True) if missing == "keep" else ~pl.any_horizontal(pl.col(names).is_nan())
    return rows.with_columns(_usable=usable)


def _first_fit(trainable: pl.DataFrame, opens: pl.Series, min_sessions: int, embargo: int) -> int:
    """Return the number of the first session decided after ``min_sessions`` sessions have a label that ended.

    A session counts from its first label that ended: what comes later does not change when it was.
    """
    ends = trainable.group_by("_n").agg(pl.col("ends_at").min()).sort("_n")
    for n in range(min_sessions, len(opens)):
        known = ends.filter((pl.col("ends_at") < opens[n]) & (pl.col("_n") < n - embargo)).height
        if known >= min_sessions:
            return n
    raise EstimationError(
        f"Labels of {ends.height} of {len(opens)} sessions came; expected {min_sessions} sessions with a label that ended before another "
        "session is decided: bring more history or lower min_sessions."
    )


def _seeded(estimator: Any, seed: int) -> Any:
    from sklearn.base import clone

    if not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise UsageError(f"A {type(estimator).__name__} came as the estimator; expected a scikit-learn estimator.")
    fresh = clone(estimator)
    states = {name: seed for name in fresh.get_params() if name.split("__")[-1] == "random_state"}
    return fresh.set_params(**states)


def _fitted(
    model: Any, train: pl.DataFrame, names: list[str], text: bool, target: Target, weighting: str, clock: pl.Series, session: date
) -> Any:
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    fresh = clone(model)
    y = _goal(train, target)
    if target == "sign" and train.height and y.min() == y.max():
        raise EstimationError(
            f"The fit of session {session} has {train.height} rows whose returns are all {'above' if y[0] else 'not above'} zero; expected "
            "both signs: bring more history or a longer window."
        )
    weights = {} if weighting == "equal" else _weight_argument(fresh, average_uniqueness(train, clock))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return fresh.fit(_inputs(train, names, text), y, **weights)
        except ConvergenceWarning as error:
            why = str(error).splitlines()[0].rstrip(": ")
            raise EstimationError(
                f"The fit of session {session} on {train.height} rows did not converge ({why}); raise its iterations or scale its features."
            ) from error
        except ValueError as error:
            raise EstimationError(f"The fit of session {session} on {train.height} rows failed: {error}") from error


def _weight_argument(model: Any, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    from sklearn.utils.validation import has_fit_parameter

    steps = getattr(model, "steps", None)
    last = model if steps is None else steps[-1][1]
    if not has_fit_parameter(last, "sample_weight"):
        raise UsageError(f"{type(last).__name__} takes no sample weights; expected weighting='equal'.")
    return {"sample_weight" if steps is None else f"{steps[-1][0]}__sample_weight": weights}


def _goal(train: pl.DataFrame, target: Target) -> NDArray[Any]:
    value = pl.col("forward_return")
    if target == "sign":
        return train.select(value > 0).to_series().to_numpy().astype(np.int64)
    if target == "rank":
        n = pl.len()
        placed = pl.when(n > 1).then(2 * (value.rank("average") - 1) / (n - 1) - 1).otherwise(0.0)
        value = placed.over("session", "asof")
    return train.select(value).to_series().to_numpy()


def _inputs(rows: pl.DataFrame, names: list[str], text: bool) -> Any:
    return rows[names[0]].to_list() if text else np.ascontiguousarray(rows.select(names).to_numpy())


def _scored(model: Any, rows: pl.DataFrame, names: list[str], text: bool) -> pl.DataFrame:
    """Add ``score``, session by session: the last bit of a product of matrices depends on how many rows go in."""
    usable = rows.filter(pl.col("_usable"))
    say = (lambda x: model.predict_proba(x)[:, 1]) if hasattr(model, "predict_proba") else model.predict
    said = [say(_inputs(part, names, text)) for part in usable.partition_by("session", maintain_order=True)]
    scores = pl.Series("score", np.concatenate([np.empty(0), *said]), dtype=pl.Float64)
    return rows.join(usable.select(*_KEY).with_columns(scores), on=_KEY, how="left")
