"""Several signals into one: equal weights, weights by information coefficient, ridge stacking; and smoothing against turnover.

Members are columns of a features frame. Each is first a z-score in its cross-section (the rows that share session and asof; centred,
ddof 1, not winsorised), so that weights compare. A member that is null, or does not vary in the section, is null there. What is
learned from labels is learned at the instant a session is decided, from labels that had ended strictly before it; the labels of a session
end together, so run each market by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from research.errors import SchemaError, UsageError
from signals.features import decayed_mean
from signals.model import labelled, ridge, through_time

__all__ = ["Combination", "equal_weighted", "ic_weighted", "ridge_stacked", "smoothed", "turnover_smoothed"]

_KEY = ["session", "symbol"]
_SECTION = ("session", "asof")
_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class Combination:
    """A combined score.

    Attributes
    ----------
    scores
        ``session, symbol, asof, score`` for every row of the features, sorted by session and symbol; null where there is no view.
    weights
        ``session`` and one column per member: the weights of that session (for :func:`turnover_smoothed`, ``half_life``).
    """

    scores: pl.DataFrame
    weights: pl.DataFrame


def equal_weighted(features: pl.DataFrame, columns: Sequence[str]) -> Combination:
    """Return the mean of the members' z-scores; members that are null are left out of a row's mean."""
    rows = _members(features, columns)
    weights = rows.select("session").unique().sort("session").with_columns(pl.lit(1 / len(columns)).alias(name) for name in columns)
    return _weighted(rows, weights, columns)


def ic_weighted(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    columns: Sequence[str],
    *,
    window: int = 250,
    min_sessions: int = 60,
    floor: float | None = None,
) -> Combination:
    r"""Return :math:`\sum_k w_k z_k / \sum_k |w_k|`, with :math:`w_k` the member's mean rank correlation with returns over the past.

    Parameters
    ----------
    features
        ``session, symbol, asof`` and the members.
    labels
        ``session, symbol, forward_return, ends_at`` of one horizon.
    columns
        Members.
    window
        Sessions the mean is taken over: of those whose labels had ended before the session's first ``asof``, the latest ``window``.
    min_sessions
        With fewer the weights, and the scores, are null.
    floor
        Weights below are taken as 0: ``floor=0`` never turns a member around. Without it a member that was wrong is turned around.

    Notes
    -----
    The sums run over the members that are not null in a row. A session's correlation counts from three symbols, with some spread in both.
    """
    _at_least(window=window, min_sessions=min_sessions)
    rows = labelled(_members(features, columns), labels, columns)
    _ended_together(rows)
    ranked = [
        pl.corr(
            pl.when(pl.col("forward_return").is_not_null()).then(pl.col(name)).rank("average"),
            pl.when(pl.col(name).is_not_null()).then(pl.col("forward_return")).rank("average"),
        ).alias(name)
        for name in columns
    ]
    enough = [((pl.col(name).is_not_null() & pl.col("forward_return").is_not_null()).sum() >= 3).alias(f"_{name}") for name in columns]
    daily = (
        rows.group_by("session")
        .agg(*ranked, *enough, ends_at=pl.col("ends_at").max())
        .sort("session")
        .with_columns(pl.when(pl.col(f"_{name}")).then(pl.col(name).fill_nan(None)).alias(name) for name in columns)
    )
    weights = _trailing_means(daily, _opens(rows), columns, window, min_sessions)
    if floor is not None:
        weights = weights.with_columns(pl.when(pl.col(name) < floor).then(0.0).otherwise(name).alias(name) for name in columns)
    return _weighted(rows, weights, columns)


def ridge_stacked(
    features: pl.DataFrame, labels: pl.DataFrame, columns: Sequence[str], *, alpha: float = 1.0, **through: Any
) -> Combination:
    """Return what a ridge regression of the return's rank on the members' z-scores predicts; a null member counts as 0 (no view).

    ``through`` goes to :func:`~signals.model.through_time`: ``refit``, ``min_sessions``, ``window``, ``embargo``, ``weighting``. The
    weights are the coefficients on the z-scores, in force from their session on.
    """
    rows = _members(features, columns).with_columns(pl.col(list(columns)).fill_null(0.0))
    result = through_time(ridge(alpha), rows, labels, list(columns), target="rank", **through)
    slopes = [model[1].coef_ / model[0].scale_ for model in result.models]
    weights = pl.DataFrame({"session": result.fits["session"], **{name: [float(s[k]) for s in slopes] for k, name in enumerate(columns)}})
    scores = rows.select(*_KEY, "asof").join(result.scores.select(*_KEY, "score"), on=_KEY, how="left").sort(_KEY)
    return Combination(scores, weights)


def smoothed(column: str, half_life: float) -> pl.Expr:
    """Return the exponentially decayed mean of a score over a symbol's own rows, gaps left out: turnover falls as ``half_life`` rises."""
    return decayed_mean(column, half_life)


def turnover_smoothed(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    column: str,
    *,
    horizon: int,
    cost: float,
    half_lives: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 20.0),
    refit: int = 20,
    window: int = 250,
    min_sessions: int = 60,
) -> Combination:
    r"""Return the score smoothed with the half-life that paid best, after costs, in the past.

    Parameters
    ----------
    features
        ``session, symbol, asof`` and ``column``.
    labels
        ``session, symbol, forward_return, ends_at`` of one horizon.
    column
        The score to smooth.
    horizon
        Sessions of the labels: a return over h sessions counts as 1/h a session.
    cost
        Cost of trading, fraction of the amount traded.
    half_lives
        Candidates; the score itself (no smoothing, written 0) is always one.
    refit, window, min_sessions
        The choice is made every ``refit`` sessions, from the latest ``window`` sessions whose labels had ended before the session's first
        ``asof``; from ``min_sessions`` such sessions on (scores are null before).

    Notes
    -----
    A candidate is judged by the mean over sessions of :math:`\sum_i w_i r_i / h - c \sum_i |w_i - w_i^{-}|` with
    :math:`w = z / \sum |z|` its weights in a session and :math:`w^{-}` those of the symbols in the session before. Equal values go to the
    longer half-life.
    """
    _at_least(window=window, min_sessions=min_sessions, refit=refit, horizon=horizon)
    if not cost >= 0 or not half_lives or min(half_lives) <= 0:
        raise UsageError(f"cost and half_lives came as {cost} and {list(half_lives)}; expected a cost from 0 up and positive half-lives.")
    candidates = {0.0: pl.col(column), **{float(h): smoothed(column, h) for h in sorted(half_lives)}}
    names = [f"h{h:g}" for h in candidates]
    if column not in features.columns:
        raise SchemaError("features", column, f"columns {', '.join(features.columns)}", f"a column {column}")
    smooth = features.sort(_KEY).with_columns(value.alias(name) for name, value in zip(names, candidates.values(), strict=True))
    rows = labelled(_members(smooth, names), labels, names)
    _ended_together(rows)
    daily = _net_returns(rows, names, horizon, cost)
    opens = _opens(rows)
    net = _trailing_means(daily, opens, names, window, min_sessions)
    table = net.select(names).to_numpy()
    known = np.flatnonzero(np.isfinite(table).all(axis=1))
    begin = int(known[0]) if known.size else len(table)
    # Held from one choice to the next; argmax of the reversed row gives ties to the longest half-life.
    held = np.maximum(begin + (np.arange(len(table)) - begin) // refit * refit, 0)
    best = len(names) - 1 - np.argmax(np.nan_to_num(table[:, ::-1], nan=-np.inf), axis=1)
    chosen = np.where(np.arange(len(table)) >= begin, best[np.minimum(held, len(table) - 1)], -1)
    lives = np.array([*candidates, np.nan])[chosen]
    weights = opens.select("session").with_columns(half_life=pl.Series(lives).fill_nan(None), _pick=pl.Series(chosen))
    picked = pl.coalesce(pl.when(pl.col("_pick") == k).then(pl.col(name)) for k, name in enumerate(names))
    scores = rows.join(weights, on="session", how="left").select(*_KEY, "asof", score=picked).sort(_KEY)
    return Combination(scores, weights.drop("_pick"))


def _members(features: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return ``session, symbol, asof`` and the z-scores of the columns, sorted by session and symbol."""
    if not columns or len(set(columns)) < len(columns):
        raise UsageError(f"The members came as {list(columns)}; expected at least one, each once.")
    for name in (*_KEY, "asof", *columns):
        if name not in features.columns:
            raise SchemaError("features", name, f"columns {', '.join(features.columns)}", "session, symbol, asof and the members")
    scaled = []
    for name in columns:
        value = pl.col(name).cast(pl.Float64).fill_nan(None)
        spread = value.std().over(_SECTION)
        scaled.append(pl.when(spread > _FLAT).then((value - value.mean().over(_SECTION)) / spread).alias(name))
    return features.sort(_KEY).select(*_KEY, "asof", *scaled)


def _opens(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("session").agg(opens=pl.col("asof").min()).sort("session")


def _trailing_means(daily: pl.DataFrame, opens: pl.DataFrame, names: Sequence[str], window: int, min_sessions: int) -> pl.DataFrame:
    """Return, for each session, the mean of each column over the latest sessions of ``daily`` that had ended before it opened.

    ``daily`` holds ``session, ends_at`` and the columns; a null of one column leaves the session out of that column's mean only.
    """
    out = opens.select("session")
    for name in names:
        known = daily.filter(pl.col(name).is_not_null() & pl.col("ends_at").is_not_null()).sort("ends_at", "session")
        value = known[name].to_numpy()
        ended = np.searchsorted(known["ends_at"].to_numpy(), opens["opens"].to_numpy(), side="left")
        total = np.concatenate([[0.0], np.cumsum(value)])
        count = np.minimum(ended, window)
        mean = np.full(len(ended), np.nan)
        np.divide(total[ended] - total[ended - count], count, out=mean, where=count >= min_sessions)
        out = out.with_columns(pl.Series(name, mean).fill_nan(None))
    return out


def _weighted(rows: pl.DataFrame, weights: pl.DataFrame, columns: Sequence[str]) -> Combination:
    joined = rows.select(*_KEY, "asof", *columns).join(weights.rename({name: f"_w_{name}" for name in columns}), on="session", how="left")
    terms = [pl.col(name) * pl.col(f"_w_{name}") for name in columns]
    size = [pl.when(pl.col(name).is_not_null()).then(pl.col(f"_w_{name}").abs()) for name in columns]
    mass = pl.sum_horizontal(size)
    known = pl.any_horizontal(term.is_not_null() for term in terms)
    score = pl.when(known & (mass > 0)).then(pl.sum_horizontal(terms) / mass)
    return Combination(joined.select(*_KEY, "asof", score=score).sort(_KEY), weights)


def _net_returns(rows: pl.DataFrame, names: Sequence[str], horizon: int, cost: float) -> pl.DataFrame:
    """Return ``session, ends_at`` and each candidate's return less the cost of its turnover."""
    weights = [(pl.col(name) / pl.col(name).abs().sum().over("session")).fill_null(0.0).fill_nan(0.0).alias(name) for name in names]
    held = rows.with_columns(weights).with_columns(_n=pl.col("session").rank("dense").cast(pl.Int64))
    before = held.select("symbol", pl.col("_n") + 1, *(pl.col(name).alias(f"_{name}") for name in names))
    both = held.join(before, on=["symbol", "_n"], how="full", coalesce=True).filter(pl.col("_n") <= held["_n"].max())
    earned = pl.col("forward_return").fill_null(0.0) / horizon
    net = []
    for name in names:
        weight, old = pl.col(name).fill_null(0.0), pl.col(f"_{name}").fill_null(0.0)
        net.append(((weight * earned).sum() - cost * (weight - old).abs().sum()).alias(name))
    daily = (
        both.sort("_n", "symbol")
        .group_by("_n", maintain_order=True)
        .agg(*net, session=pl.col("session").max(), ends_at=pl.col("ends_at").max())
    )
    return daily.select("session", "ends_at", *names).sort("session")


def _ended_together(rows: pl.DataFrame) -> None:
    """Refuse labels of one session that end at several instants: part of a session would be judged before the rest of it was known."""
    several = rows.group_by("session").agg(n=pl.col("ends_at").drop_nulls().n_unique()).filter(pl.col("n") > 1).sort("session")
    if several.height:
        session, n = several.row(0)
        raise SchemaError("labels", "ends_at", f"{n} instants in one session", "one: run each market by itself", session)


def _at_least(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise UsageError(f"{name} came as {value}; expected at least 1.")
