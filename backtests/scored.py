"""Scores beside what followed: one row a session, horizon and symbol, for everything that judges one signal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.inference import MeanEstimate
from backtests.labels import ForwardReturns, Labels
from backtests.schemas import LABELS
from research.errors import UsageError
from research.schemas import Table
from research.table import in_order
from signals.schemas import SIGNALS

__all__ = [
    "ESTIMATE", "by_horizon", "estimate_row", "hac_lags", "horizons_of", "joined", "labels_of", "rows_before", "rows_in",
    "run_lengths", "scores_of", "sessions_of",
]  # fmt: skip

Ints = npt.NDArray[np.int64]

#: columns of an estimate in a table, after its value
ESTIMATE = {"std_error": pl.Float64, "t": pl.Float64, "p_value": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64, "n": pl.Int64}


def scores_of(score: pl.DataFrame) -> pl.DataFrame:
    """Return ``session, symbol, score`` of a ``signals`` table, sorted.

    Raises
    ------
    UsageError
        When it holds several signals.
    """
    signals = score if _plain(score, SIGNALS, "score", "signal") else SIGNALS.validate(score)
    names = signals.select(pl.col("signal").unique()).to_series().to_list()
    if len(names) > 1:
        raise UsageError(f"The scores hold {len(names)} signals ({', '.join(sorted(names))}); filter to one.")
    found = signals.select("session", "symbol", "score")
    if in_order(found, "session", "symbol", strictly=True):
        return found
    found = found.sort("session", "symbol")
    if not in_order(found, "session", "symbol", strictly=True):
        SIGNALS.validate(score)
    return found


def labels_of(labels: pl.DataFrame) -> pl.DataFrame:
    """Return ``horizon, session, symbol, forward_return`` of a ``labels`` table, sorted by the first three."""
    checked = labels if _plain(labels, LABELS, "forward_return", "horizon") else LABELS.validate(labels)
    found = checked.select("horizon", "session", "symbol", "forward_return").sort("horizon", "session", "symbol")
    if not in_order(found, "horizon", "session", "symbol", strictly=True):
        LABELS.validate(labels)
    return found


def horizons_of(labels: Labels) -> list[int]:
    """Return the horizons of the labels, ascending."""
    return labels.horizons if isinstance(labels, ForwardReturns) else [int(h) for h in labels["horizon"].unique().sort()]


def sessions_of(labels: Labels, horizon: int) -> pl.Series:
    """Return the sessions that have a label of the horizon, ascending."""
    if isinstance(labels, ForwardReturns):
        return labels.sessions(horizon)
    return labels.filter(pl.col("horizon") == horizon).select(pl.col("session").unique().sort()).to_series()


def by_horizon(scores: pl.DataFrame, labels: Labels) -> Iterator[pl.DataFrame]:
    """Yield, for one horizon after the other, the rows that have a score and a label, sorted by session and symbol.

    All horizons at once would take several times the memory of the bars.

    Parameters
    ----------
    scores
        :func:`scores_of`, with more columns or without.
    labels
        ``labels`` table, or :func:`backtests.labels.returns_ahead`.

    Yields
    ------
    DataFrame
        ``horizon, session, symbol, forward_return`` and the other columns of ``scores``.
    """
    if isinstance(labels, ForwardReturns):
        for horizon, values in labels.beside(scores["session"], scores["symbol"]):
            found = pl.Series("forward_return", values)
            told = scores.with_columns(found).filter(found.is_finite()).with_columns(horizon=pl.lit(horizon, dtype=pl.Int16))
            yield told.select(
                "horizon", "session", "symbol", "forward_return", pl.exclude("horizon", "session", "symbol", "forward_return")
            )
        return
    checked = labels_of(labels)
    for horizon in horizons_of(labels):
        yield joined(scores, checked.filter(pl.col("horizon") == horizon))


def joined(scores: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Return the labels of :func:`labels_of` that have a row in ``scores`` (:func:`scores_of`, with more columns), with its columns."""
    row = rows_in(scores, labels["session"], labels["symbol"])
    found = row >= 0
    others = scores.drop("session", "symbol")[row[found]]
    return pl.concat([labels.filter(pl.Series(found, dtype=pl.Boolean)), others], how="horizontal")


def rows_in(scores: pl.DataFrame, session: pl.Series, symbol: pl.Series) -> Ints:
    """Return the position in ``scores`` (sorted by session and symbol) of each pair, or -1.

    A search in whole numbers: several times as fast as a join on a date and a text.
    """
    if scores.is_empty():
        return np.full(len(session), -1)
    names = scores["symbol"].unique().sort()
    kind = pl.Enum(names)

    def number(days: pl.Series, texts: pl.Series) -> Ints:
        place = texts.cast(kind, strict=False).to_physical().cast(pl.Int64)
        return (days.to_physical().cast(pl.Int64) * names.len() + place).fill_null(-(2**62)).to_numpy()

    own, asked = number(scores["session"], scores["symbol"]), number(session, symbol)
    row = np.minimum(np.searchsorted(own, asked), len(own) - 1)
    return np.where(own[row] == asked, row, -1)


def rows_before(scores: pl.DataFrame, lag: int) -> Ints:
    """Return the position of each row's symbol ``lag`` of the scores' own sessions before, or -1.

    Raises
    ------
    UsageError
        For a lag below 1.
    """
    if lag < 1:
        raise UsageError(f"lag came as {lag}; expected at least 1 session.")
    days = scores["session"].unique().sort()
    at = pl.Series(np.searchsorted(days.to_numpy(), scores["session"].to_numpy()) - lag)
    earlier = days.gather(at.clip(lower_bound=0)) if days.len() else days
    return np.where(at.to_numpy() >= 0, rows_in(scores, earlier, scores["symbol"]), -1)


def run_lengths(ordered: pl.DataFrame, *columns: str) -> Ints:
    """Return how many rows each run of equal ``columns`` has, in order."""
    if ordered.is_empty():
        return np.empty(0, dtype=np.int64)
    begins = ordered.select(pl.any_horizontal([pl.col(name) != pl.col(name).shift() for name in columns]).fill_null(True)).to_series()
    return np.diff(np.append(np.flatnonzero(begins.to_numpy()), ordered.height))


def _plain(frame: pl.DataFrame, table: Table, number: str, key: str) -> bool:
    """Whether the columns that are read fit; a frame that does not goes through the table's own check, which says what is wrong."""
    used = ("session", "symbol", number, key)
    if any(frame.schema.get(name) != table.schema[name] for name in used):
        return False
    low = pl.col(number) < (-1.0 if number == "forward_return" else -float("inf"))
    faults = frame.select(
        pl.any_horizontal([pl.col(name).is_null().any() for name in used]) | ~pl.col(number).is_finite().all() | low.any()
    )
    return not faults.item() and (key != "horizon" or frame.filter(pl.col("horizon") < 1).is_empty())


def hac_lags(n: int, horizon: int) -> int:
    """Newey and West's 4 (n/100)^(2/9), but never less than three times the overlap of the labels (see ``newey_west_mean``)."""
    return max(3 * (horizon - 1), int(4 * (n / 100) ** (2 / 9)))


def estimate_row(estimate: MeanEstimate, name: str) -> dict[str, float | int | None]:
    """Return an estimate as a row of :data:`ESTIMATE` columns after the mean, called ``name``."""
    return {
        name: estimate.mean, "std_error": estimate.std_error, "t": estimate.t, "p_value": estimate.p_value,
        "ci_low": estimate.ci_low, "ci_high": estimate.ci_high, "n": estimate.n,
    }  # fmt: skip
