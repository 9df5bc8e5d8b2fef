"""What each variant of a protocol says about the rows of a market: rules at once, models through time.

A rule is a feature, or an arithmetic of features whose scale is what the rows up to the session had. A model is fitted for the first time
when the training sessions have ended, then again through validation and test (:func:`signals.model.through_time`): it never sees a label
that had not ended. Returns it learns from are less the mean of their session where sessions have several names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import polars as pl

from backtests.news_rows import NewsRows
from backtests.protocol import Protocol, Variant
from research.errors import DataError, EstimationError
from signals.model import Target, gradient_boosting, logistic, ridge, text_tone, through_time

__all__ = ["Windows", "candidate_scores", "features_wanted", "windows_of"]

_KEY = ["session", "symbol"]
#: fewest sessions of any of the windows
_LEAST = 5
#: fewest sessions of a test of what needs no fit
_FEWEST = 3
#: least share of the rows with a return a variant needs a score for
_COVERAGE = 0.25


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


def features_wanted(protocol: Protocol) -> list[str]:
    """Return the features any variant of a protocol uses."""
    named = [s.get("feature") for s in (v.settings for v in protocol.variants)]
    lists = [name for v in protocol.variants for name in v.settings.get("features", ())]
    return list(dict.fromkeys([*protocol.features, *(name for name in named if name), *lists]))


def candidate_scores(
    market: NewsRows, windows: Windows, protocol: Protocol, *, progress: Callable[[int], object] | None = None
) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """Return ``session, symbol, score`` of every variant (above zero is long), and why the others have none."""
    learning = _learning(market, protocol)
    scores: dict[str, pl.DataFrame] = {}
    failed: dict[str, str] = {}
    for variant in protocol.variants:
        try:
            found = _scores(variant, market, windows, protocol, learning, scores)
            known = found.filter(pl.col("score").is_not_null() & pl.col("score").is_finite()).select(*_KEY, "score").sort(_KEY)
            asked = market.rows.filter((pl.col("session") >= windows.validation) & pl.col("forward_return").is_not_null())
            answered = asked.join(known, on=_KEY, how="semi").height
            if answered < _COVERAGE * asked.height:
                raise EstimationError(f"it has a score for {answered} of {asked.height} rows of validation and test: not judged")
            scores[variant.name] = known
        except DataError as error:
            failed[variant.name] = str(error)
        if progress is not None:
            progress(1)
    return scores, failed


def _scores(
    variant: Variant, market: NewsRows, windows: Windows, protocol: Protocol, learning: pl.DataFrame, known: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
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
    return _fitted(variant, market, windows, protocol, learning)


def _fitted(variant: Variant, market: NewsRows, windows: Windows, protocol: Protocol, learning: pl.DataFrame) -> pl.DataFrame:
    said, wide = variant.settings, market.cross_section >= protocol.cross_section
    if not windows.n_train:
        raise EstimationError(f"{windows.n_test} sessions are too few to fit, choose and test; expected at least {_LEAST} of each")
    estimator: Any
    target: Target = "rank" if wide else "return"
    middle = 0.0
    columns: list[str] | str
    features = market.rows
    if variant.kind == "sestm":
        n = market.rows.filter((pl.col("session") < windows.validation) & pl.col("text").is_not_null()).height
        estimator = text_tone(n_words=said["n_words"], penalty=said["penalty"], min_articles=max(5, ceil(0.005 * n)))
        columns, target, middle = "text", "return", 0.5
    else:
        features, columns = _complete(market.rows, market.columns, windows.validation)
        if variant.kind == "ridge":
            estimator = ridge(said["alpha"])
        elif variant.kind == "logistic":
            estimator, target, middle = logistic(said["c"]), "sign", 0.5
        else:
            least = max(20, features.height // 50)
            estimator = gradient_boosting(leaves=said["leaves"], rounds=said["rounds"], rate=said["rate"], min_leaf=least)
    n_sessions = windows.n_train + windows.n_validation + windows.n_test
    refit = max(1, ceil((n_sessions - windows.n_train) / protocol.refits))
    labelled = set(learning["session"].unique())
    features = features.filter(pl.col("session").is_in(list(labelled)))
    done = through_time(
        estimator, features, learning, columns, target=target, refit=refit, min_sessions=max(1, windows.n_train - market.horizon - 1),
        seed=protocol.seed,
    )  # fmt: skip
    return done.scores.select(*_KEY, score=pl.col("score") - middle)


def _learning(market: NewsRows, protocol: Protocol) -> pl.DataFrame:
    """Return the labels models learn from: of rows, less the session's mean where it has several names."""
    labels = market.rows.drop_nulls("forward_return").select(*_KEY, "forward_return", "ends_at")
    if market.cross_section < protocol.cross_section:
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
