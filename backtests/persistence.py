"""How long a score lasts: the correlation of its ranks with those of earlier sessions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from backtests.cross_sections import correlations, mean_ranks
from backtests.inference import newey_west_mean
from backtests.scored import ESTIMATE, estimate_row, hac_lags, rows_before, run_lengths, scores_of

__all__ = ["rank_autocorrelation", "rank_autocorrelation_series"]


def rank_autocorrelation_series(score: pl.DataFrame, *, lag: int = 1, min_symbols: int = 3) -> pl.DataFrame:
    """Return, session by session, the correlation of ranks with those ``lag`` of the score's sessions before.

    Ranks are of all symbols of a session, the correlation is over those in both.

    Returns
    -------
    DataFrame
        ``session, autocorrelation, n_symbols``; none where fewer than ``min_symbols`` are in both, or ranks have no spread.
    """
    scores = scores_of(score)
    rank = mean_ranks(scores["score"].to_numpy(), run_lengths(scores, "session"))
    row = rows_before(scores, lag)
    both = np.flatnonzero(row >= 0)
    days = scores.select("session")[both]
    counts = run_lengths(days, "session")
    found = pl.Series(correlations(rank[both], rank[row[both]], counts), dtype=pl.Float64)
    series = days[np.cumsum(counts) - counts].with_columns(autocorrelation=found, n_symbols=pl.Series(counts, dtype=pl.Int64))
    return series.filter((pl.col("n_symbols") >= min_symbols) & pl.col("autocorrelation").is_finite())


def rank_autocorrelation(score: pl.DataFrame, *, lags: Sequence[int] = (1, 5, 20)) -> pl.DataFrame:
    """Return the mean of :func:`rank_autocorrelation_series` at each lag with Newey–West errors: ``lag, autocorrelation, std_error …``."""
    rows = []
    for lag in lags:
        values = rank_autocorrelation_series(score, lag=lag)["autocorrelation"]
        rows.append({"lag": lag, **estimate_row(newey_west_mean(values, hac_lags(values.len(), lag)), "autocorrelation")})
    return pl.DataFrame(rows, schema={"lag": pl.Int16, "autocorrelation": pl.Float64, **ESTIMATE})
