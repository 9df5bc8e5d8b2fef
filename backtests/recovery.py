"""How much of what was planted in the synthetic market the reader and the event study find again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from research.schemas import EVENTS

__all__ = ["Recovery", "recovery"]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Planted against measured.

    Attributes
    ----------
    effects
        One row an event type: ``event_type, days, planted, measured, std_error, ci_low, ci_high, inside, n`` — the mean cumulative abnormal
        return over the days the effect was planted on, with its 95 % t-interval.
    reading
        One row an event type: ``event_type, planted, read, right, recall, precision`` — typed events that the reader found, against
        those that were written.
    """

    effects: pl.DataFrame
    reading: pl.DataFrame


def recovery(
    events: pl.DataFrame, event_returns: pl.DataFrame, truth: pl.DataFrame, effects: pl.DataFrame, *, tolerance: int = 5
) -> Recovery:
    """Set what was planted beside what the reader and the event study found.

    Parameters
    ----------
    events
        First reports the reader extracted.
    event_returns
        Of an event study over those events.
    truth
        ``symbol, event_type, day0`` of every planted event.
    effects
        ``event_type, planted, days``.
    tolerance
        Calendar days between a planted and an extracted event of the same symbol and type that count as the same.
    """
    kinds = EVENTS.validate(events).select("event_id", "event_type")
    spans = effects.select("event_type", "days", "planted")
    cars = (
        event_returns.join(kinds, on="event_id", how="inner")
        .join(spans, on="event_type", how="inner")
        .filter(pl.col("tau").is_between(0, pl.col("days") - 1))
        .group_by("event_type", "event_id")
        .agg(car=pl.col("abnormal_return").sum(), missing=pl.col("abnormal_return").null_count())
        .filter(pl.col("missing") == 0)
        .sort("event_type", "event_id")  # sums depend on the order in the last bit, and bytes must not
    )
    measured = cars.group_by("event_type").agg(
        measured=pl.col("car").mean(), std_error=pl.col("car").std() / pl.len().sqrt(), n=pl.len().cast(pl.Int64)
    )
    frame = spans.join(measured, on="event_type", how="left").sort("event_type").with_columns(pl.col("n").fill_null(0))
    half = _t_quantile(frame["n"].to_numpy()) * frame["std_error"].cast(pl.Float64).to_numpy()
    frame = frame.with_columns(pl.Series("_half", half).fill_nan(None)).with_columns(
        ci_low=pl.col("measured") - pl.col("_half"), ci_high=pl.col("measured") + pl.col("_half")
    )
    inside = pl.col("planted").is_between(pl.col("ci_low"), pl.col("ci_high"))
    columns = ["event_type", "days", "planted", "measured", "std_error", "ci_low", "ci_high", "inside", "n"]
    return Recovery(frame.with_columns(inside=inside).select(columns), _reading(events, truth, tolerance))


def _reading(events: pl.DataFrame, truth: pl.DataFrame, tolerance: int) -> pl.DataFrame:
    read = events.select("event_id", "symbol", "event_type", day=pl.col("available_at").dt.date())
    written = truth.select("event_type", "symbol", day=pl.col("day0")).with_row_index("_written")
    near = (pl.col("day") - pl.col("day_right")).dt.total_days().abs() <= tolerance
    pairs = read.join(written, on=["symbol", "event_type"], how="inner").filter(near)
    found = pairs.group_by("event_type").agg(hit=pl.col("_written").n_unique(), right=pl.col("event_id").n_unique())
    planted = truth.group_by("event_type").agg(planted=pl.len().cast(pl.Int64))
    counts = read.group_by("event_type").agg(read=pl.len().cast(pl.Int64))
    return (
        planted.join(counts, on="event_type", how="left")
        .join(found, on="event_type", how="left")
        .with_columns(pl.col("read", "hit", "right").fill_null(0).cast(pl.Int64))
        .with_columns(
            recall=pl.col("hit") / pl.col("planted"), precision=pl.when(pl.col("read") > 0).then(pl.col("right") / pl.col("read"))
        )
        .select("event_type", "planted", "read", "right", "recall", "precision")
        .sort("event_type")
    )


def _t_quantile(n: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    from scipy.stats import t

    return np.asarray(t.ppf(0.975, np.maximum(n - 1, 1)), dtype=float)
