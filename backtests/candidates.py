"""What each variant of a protocol says about the rows of a market: rules at once, models through time.

A rule is a feature, or an arithmetic of features whose scale is what the rows up to the session had. A model is fitted for the first time
when the training sessions have ended, then again through validation and test (:func:`signals.model.through_time`): it never sees a label
that had not ended. Returns it learns from are less the mean of their session where sessions have several names.

What is not in the protocol is decided on the training sessions (:func:`is_wide`, the columns a model gets, how small a leaf may be) or on
validation (whether a variant has scores enough), so that rows that come later change no score of an earlier row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import numpy as np
import polars as pl

from backtests.news_rows import NewsRows
from backtests.protocol import Protocol, Variant
from research.errors import DataError, EstimationError
from signals.model import Target, gradient_boosting, logistic, ridge, text_tone, through_time

__all__ = ["Windows", "candidate_scores", "features_wanted", "is_wide", "windows_of"]

_KEY = ["session", "symbol"]
#: fewest sessions of any of the windows
_LEAST = 5
#: fewest sessions of a test of what needs no fit
_FEWEST = 3
#: least share of the rows of validation with a return a variant needs a score for
_COVERAGE = 0.25
#: fewest rows of a leaf, and texts with a charged word, however few rows there are
_LEAST_LEAF, _LEAST_ARTICLES = 20, 5


@dataclass(frozen=True, slots=True)
class Windows:
    """First sessions of validation and test, and how many sessions with rows and returns each window has."""

    validation: date
    test: date
    n_train: int
    n_validation: int
    n_test: int


def windows_of(rows: pl.DataFrame, protocol: Protocol) -> Windows:
    """Cut the sessions that have rows with a return into train, validation and test.

    Where one of them would have fewer than five sessions all are the test: what needs no fit can be judged, and nothing is chosen.

    Raises
    ------
    EstimationError
        When there are fewer than three sessions.
    """
    sessions = rows.drop_nulls("forward_return")["session"].unique().sort()
    n = sessions.len()
    train, validation = round(n * protocol.train), round(n * protocol.validation)
    if protocol.begins is not None:
        train = int((sessions < protocol.begins[0]).sum())
        validation = int((sessions < protocol.begins[1]).sum()) - train
    sizes = (train, validation, n - train - validation)
    if n < _FEWEST:
        span = f", {sessions[0]} and {sessions[-1]}" if n else ""
        raise EstimationError(
            f"{n} sessions have news and a return{span}; expected at least {_FEWEST}, and {_LEAST} each to train, validate and test a "
            "model: bring a longer file, or bars that reach further."
        )
    if min(sizes) < _LEAST:
        return Windows(sessions[0], sessions[0], 0, 0, n)
    return Windows(sessions[train], sessions[train + validation], *sizes)


def is_wide(rows: pl.DataFrame, windows: Windows, protocol: Protocol) -> bool:
    """Return whether the median training session has names enough for ranks within sessions; without training, the median of all."""
    known = rows.drop_nulls("forward_return")
    if windows.n_train:
        known = known.filter(pl.col("session") < windows.validation)
    return float(np.median(known.group_by("session").len()["len"].to_numpy())) >= protocol.cross_section


def features_wanted(protocol: Protocol) -> list[str]:
    """Return the features any variant of a protocol uses."""
    named = [s.get("feature") for s in (v.settings for v in protocol.variants)]
    lists = [name for v in protocol.variants for name in v.settings.get("features", ())]
    return list(dict.fromkeys([*protocol.features, *(name for name in named if name), *lists]))


def candidate_scores(
    market: NewsRows, windows: Windows, protocol: Protocol, *, progress: Callable[[int], object] | None = None
) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """Return ``session, symbol, score`` of every variant (above zero is long), and why the others have none."""
    wide = is_wide(market.rows, windows, protocol)
    learning = _learning(market, wide)
    asked = market.rows.filter((pl.col("session") >= windows.validation) & pl.col("forward_return").is_not_null())
    if windows.n_train:
        asked = asked.filter(pl.col("session") < windows.test)
    scores: dict[str, pl.DataFrame] = {}
    failed: dict[str, str] = {}
    for variant in protocol.variants:
        try:
            found = _scores(variant, market, windows, protocol, wide, learning, scores)
            known = found.filter(pl.col("score").is_not_null() & pl.col("score").is_finite()).select(*_KEY, "score").sort(_KEY)
            answered = asked.join(known, on=_KEY, how="semi").height
            if answered < _COVERAGE * asked.height:
                where = "validation" if windows.n_train else "the test"
                raise EstimationError(f"it has a score for {answered} of {asked.height} rows of {where}")
            scores[variant.name] = known
        except DataError as error:
            failed[variant.name] = str(error)
        if progress is not None:
            progress(1)
    return scores, failed


def _scores(
    variant: Variant, market: NewsRows, windows: Windows, protocol: Protocol, wide: bool, learning: pl.DataFrame,
    known: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:  # fmt: skip
    rows, said = market.rows, variant.settings
    if variant.kind == "constant":
        return rows.select(*_KEY, score=pl.lit(1.0))
    if variant.kind == "feature":
        return rows.select(*_KEY, score=pl.col(said["feature"]))
    if variant.kind == "product":
        return rows.select(*_KEY, score=pl.fold(pl.lit(1.0), lambda a, b: a * b, [pl.col(name) for name in said["features"]]))
    if variant.kind == "equal":
        return _mean_of(rows.select(*_KEY, *said["features"]), said["features"])
    if variant.kind == "mean":
        absent = [name for name in said["of"] if name not in known]
        if absent:
            raise EstimationError(f"{absent[0]} has no scores to take the mean of")
        joined = rows.select(_KEY)
        for name in said["of"]:
            joined = joined.join(known[name].rename({"score": name}), on=_KEY, how="left")
        return _mean_of(joined.drop_nulls(said["of"]), said["of"])
    return _fitted(variant, market, windows, protocol, wide, learning)


def _fitted(variant: Variant, market: NewsRows, windows: Windows, protocol: Protocol, wide: bool, learning: pl.DataFrame) -> pl.DataFrame:
    said = variant.settings
    if not windows.n_train:
        raise EstimationError(f"{windows.n_test} sessions are too few to fit, choose and test; expected at least {_LEAST} of each")
    estimator: Any
    target: Target = "rank" if wide else "return"
    middle = 0.0
    columns: list[str] | str
    features = market.rows
    trained = features.filter(pl.col("session") < windows.validation)
    if variant.kind == "sestm":
        least = max(_LEAST_ARTICLES, ceil(said["article_share"] * trained["text"].count()))
        estimator = text_tone(n_words=said["n_words"], penalty=said["penalty"], min_articles=least)
        columns, target, middle = "text", "return", 0.5
    else:
        features, columns = _complete(market.rows, market.columns, windows.validation)
        if variant.kind == "ridge":
            estimator = ridge(said["alpha"])
        elif variant.kind == "logistic":
            estimator, target, middle = logistic(said["c"]), "sign", 0.5
        else:
            least = max(_LEAST_LEAF, int(said["leaf_share"] * trained.height))
            estimator = gradient_boosting(leaves=said["leaves"], rounds=said["rounds"], rate=said["rate"], min_leaf=least)
    labelled = set(learning["session"].unique())
    features = features.filter(pl.col("session").is_in(list(labelled)))
    done = through_time(
        estimator, features, learning, columns, target=target, refit=protocol.refit,
        min_sessions=max(1, windows.n_train - market.horizon - 1), seed=protocol.seed,
    )  # fmt: skip
    return done.scores.select(*_KEY, score=pl.col("score") - middle)


def _learning(market: NewsRows, wide: bool) -> pl.DataFrame:
    """Return the labels models learn from: of rows, less the session's mean where it has several names."""
    labels = market.rows.drop_nulls("forward_return").select(*_KEY, "forward_return", "ends_at")
    if not wide:
        return labels
    return labels.with_columns(pl.col("forward_return") - pl.col("forward_return").mean().over("session"))


def _complete(rows: pl.DataFrame, columns: tuple[str, ...], until: date) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows without gaps or far-off values, by what the training sessions had, and the columns half of them had."""
    seen = rows.filter(pl.col("session") < until)
    kept = [name for name in columns if seen[name].is_not_null().mean() >= 0.5]  # type: ignore[operator]
    if not kept:
        raise EstimationError(f"none of {len(columns)} features has a value in half of the {seen.height} training rows")
    low, high, middle = (seen.select(pl.col(kept).quantile(q, "linear")).row(0, named=True) for q in (0.01, 0.99, 0.5))
    filled = [pl.col(name).fill_null(middle[name]).clip(low[name], high[name]) for name in kept]
    return rows.with_columns(filled), kept


def _mean_of(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return the mean of the columns, each over the root mean square its values had in all sessions up to the row's own; nulls left out."""
    daily = rows.group_by("session").agg(
        *(pl.col(name).pow(2).sum().alias(f"_s{k}") for k, name in enumerate(columns)),
        *(pl.col(name).count().cast(pl.Float64).alias(f"_n{k}") for k, name in enumerate(columns)),
    )
    past = daily.sort("session").with_columns(pl.exclude("session").cum_sum())
    joined = rows.join(past, on="session", how="left")
    scaled = []
    for k, name in enumerate(columns):
        size = (pl.col(f"_s{k}") / pl.col(f"_n{k}")).sqrt()
        scaled.append(pl.when(size > 0).then(pl.col(name) / size).alias(f"_z{k}"))
    return joined.with_columns(scaled).select(*_KEY, score=pl.mean_horizontal([f"_z{k}" for k in range(len(columns))]))
