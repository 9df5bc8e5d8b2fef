"""Quantile portfolios of a score: their returns, the spread between the ends, and how much of them changes from session to session.

A quantile holds the symbols between two quantiles of the session's scores (linear interpolation, the upper end belongs to the quantile), as
``pandas.qcut`` and alphalens do. Equal scores share a quantile, so that no order is made up: heavy ties leave a quantile empty. The cut
uses scores alone, never whether a label exists.
"""

from __future__ import annotations

from itertools import islice

import numpy as np
import polars as pl

from backtests.cross_sections import quantile_groups
from backtests.inference import newey_west_mean
from backtests.labels import Labels
from backtests.scored import ESTIMATE, by_horizon, estimate_row, hac_lags, horizons_of, rows_before, run_lengths, scores_of, sessions_of
from research.errors import UsageError

__all__ = ["members", "quantile_returns", "quantile_series", "quantile_turnover", "spread_returns"]


def members(score: pl.DataFrame, *, quantiles: int = 5) -> pl.DataFrame:
    """Return the quantile of every symbol: ``session, symbol, quantile`` (1 is lowest).

    A session with fewer symbols than quantiles, or with equal scores only, has no rows.

    Parameters
    ----------
    score
        ``signals`` table of one signal.
    quantiles
        Number of groups, at least 2.
    """
    return _members(scores_of(score), quantiles).select("session", "symbol", "quantile").drop_nulls()


def quantile_series(score: pl.DataFrame, labels: Labels, *, quantiles: int = 5) -> pl.DataFrame:
    """Return the mean forward return of each quantile in each session.

    Returns
    -------
    DataFrame
        ``horizon, quantile, session, forward_return, n_symbols``, where ``quantile`` is ``1`` … or ``spread``, the highest less the lowest
        in the sessions that have both.
    """
    parts = [_means(part) for part in by_horizon(_members(scores_of(score), quantiles), labels)]
    return _series(pl.concat([_NO_MEANS, *parts]), quantiles)


def quantile_returns(score: pl.DataFrame, labels: Labels, *, quantiles: int = 5) -> pl.DataFrame:
    """Return the mean forward return of each score quantile, and of the top minus the bottom one.

    Means of a session (:func:`quantile_series`) are averaged over sessions with Newey–West errors.

    Returns
    -------
    DataFrame
        ``horizon, quantile`` (String: ``1`` … and ``spread``), ``mean_forward_return, std_error, t, p_value, ci_low, ci_high, n`` sessions.
    """
    return _summary(quantile_series(score, labels, quantiles=quantiles), horizons_of(labels), quantiles)


def quantile_turnover(score: pl.DataFrame, *, quantiles: int = 5, lag: int = 1) -> pl.DataFrame:
    """Return the share of a quantile's symbols that were not in it ``lag`` of the score's sessions before.

    Returns
    -------
    DataFrame
        ``quantile, session, turnover``; none for the first ``lag`` sessions, nor where the quantile was empty.
    """
    held = _members(scores_of(score), quantiles)
    row = rows_before(held, lag)
    days, counts = held["session"].unique(maintain_order=True), run_lengths(held, "session")
    group = held["quantile"].fill_null(0).to_numpy().astype(np.int64)
    cell = np.repeat(np.arange(len(days)), counts) * (quantiles + 1) + group
    stayed = np.bincount(cell, (row >= 0) & (group[row] == group), len(days) * (quantiles + 1)).reshape(-1, quantiles + 1)
    size = np.bincount(cell, minlength=stayed.size).reshape(stayed.shape)
    known = size > 0
    known[lag:] &= size[: max(0, len(days) - lag)] > 0
    known[:lag], known[:, 0] = False, False
    found, at = np.nonzero(known.T)
    return pl.DataFrame(
        {"quantile": found, "session": days.gather(at), "turnover": 1 - (stayed.T[known.T] / size.T[known.T])},
        schema={"quantile": pl.Int32, "session": pl.Date, "turnover": pl.Float64},
    )


def spread_returns(score: pl.DataFrame, labels: Labels, *, horizon: int, quantiles: int = 5, cost: float = 0.0) -> pl.DataFrame:
    """Return the returns of a portfolio that holds the top quantile and is short the bottom one, periods end to end.

    It is formed in every ``horizon``-th session of the labels, one long and one short, equally weighted, and held over the label. A period
    without both ends holds nothing and returns zero. The labels start at an open and end at a close: what happens overnight between two
    periods is nobody's. It knows no lots, limits or borrowing; for those see :func:`backtests.simulation.run`.

    Parameters
    ----------
    score, labels, quantiles
        As in :func:`quantile_series`.
    horizon
        One of the labels' horizons, in sessions.
    cost
        Cost of trading, a fraction of the traded value.

    Returns
    -------
    DataFrame
        ``session`` (of the decision), ``gross_return, turnover`` (Σ|change of weight|, 4 at most), ``cost, net_return``; from the first
        session of the grid that holds something to the last.
    """
    if not cost >= 0:
        raise UsageError(f"cost came as {cost}; expected a fraction of the traded value, 0 or more.")
    known = horizons_of(labels)
    if horizon not in known:
        raise UsageError(f"horizon came as {horizon}; the labels have {', '.join(map(str, known)) or 'none'}.")
    held = next(islice(by_horizon(_members(scores_of(score), quantiles), labels), known.index(horizon), None))
    days = sessions_of(labels, horizon).to_frame("session")
    return _spread(held, days, horizon, quantiles, cost)


def _members(scores: pl.DataFrame, quantiles: int) -> pl.DataFrame:
    """Return the scores with a column ``quantile``, null where the session has no order to cut."""
    if quantiles < 2:
        raise UsageError(f"quantiles came as {quantiles}; expected at least 2.")
    if scores.is_empty():
        return scores.with_columns(quantile=pl.lit(None, dtype=pl.Int32))
    group = quantile_groups(scores["score"].to_numpy(), run_lengths(scores, "session"), quantiles)
    return scores.with_columns(quantile=pl.Series(group, dtype=pl.Int32).replace(0, None))


_NO_MEANS = pl.DataFrame(
    schema={"horizon": pl.Int16, "quantile": pl.Int32, "session": pl.Date, "forward_return": pl.Float64, "n_symbols": pl.Int64}
)


def _means(held: pl.DataFrame) -> pl.DataFrame:
    return (
        held.drop_nulls("quantile")
        .group_by("horizon", "quantile", "session")
        .agg(pl.col("forward_return").mean(), n_symbols=pl.len().cast(pl.Int64))
        .sort("horizon", "quantile", "session")
    )


def _series(means: pl.DataFrame, quantiles: int) -> pl.DataFrame:
    top, bottom = (means.filter(pl.col("quantile") == q).drop("quantile") for q in (quantiles, 1))
    spread = top.join(bottom, on=["horizon", "session"], suffix="_low").select(
        "horizon",
        pl.lit("spread").alias("quantile"),
        "session",
        pl.col("forward_return") - pl.col("forward_return_low"),
        pl.col("n_symbols") + pl.col("n_symbols_low"),
    )
    return pl.concat([means.with_columns(pl.col("quantile").cast(pl.String)), spread.sort("horizon", "session")])


def _summary(series: pl.DataFrame, horizons: list[int], quantiles: int) -> pl.DataFrame:
    parts = {key: part["forward_return"] for key, part in series.partition_by("horizon", "quantile", as_dict=True).items()}
    rows = []
    for horizon in horizons:
        for name in [*(str(q) for q in range(1, quantiles + 1)), "spread"]:
            values = parts.get((horizon, name), pl.Series([], dtype=pl.Float64))
            estimate = newey_west_mean(values, hac_lags(values.len(), horizon))
            rows.append({"horizon": horizon, "quantile": name, **estimate_row(estimate, "mean_forward_return")})
    return pl.DataFrame(rows, schema={"horizon": pl.Int16, "quantile": pl.String, "mean_forward_return": pl.Float64, **ESTIMATE})


def _spread(held: pl.DataFrame, days: pl.DataFrame, horizon: int, quantiles: int, cost: float) -> pl.DataFrame:
    grid = days.gather_every(horizon).with_columns(_at=pl.int_range(pl.len(), dtype=pl.Int64))
    ends = (
        held.filter(pl.col("quantile").is_in([1, quantiles]))
        .join(grid, on="session", how="inner")
        .with_columns(_n=pl.len().over("session", "quantile"), _sides=pl.col("quantile").n_unique().over("session"))
        .filter(pl.col("_sides") == 2)
        .with_columns(weight=pl.when(pl.col("quantile") == quantiles).then(1.0).otherwise(-1.0) / pl.col("_n"))
        # sums of floats depend on their order
        .sort("_at", "symbol")
    )
    earned = ends.group_by("_at").agg(gross_return=(pl.col("weight") * pl.col("forward_return")).sum())
    now = ends.select("_at", "symbol", "weight")
    changed = pl.concat([now, now.with_columns(pl.col("_at") + 1, -pl.col("weight"))])
    traded = changed.group_by("_at", "symbol").agg(pl.col("weight").sum()).sort("_at", "symbol")
    traded = traded.group_by("_at").agg(turnover=pl.col("weight").abs().sum())
    return (
        grid.filter(pl.col("_at").is_between(pl.lit(now["_at"].min()), pl.lit(now["_at"].max())))
        .join(earned, on="_at", how="left")
        .join(traded, on="_at", how="left")
        .sort("session")
        .with_columns(pl.col("gross_return", "turnover").fill_null(0.0))
        .with_columns(cost=cost * pl.col("turnover"))
        .select("session", "gross_return", "turnover", "cost", net_return=pl.col("gross_return") - pl.col("cost"))
    )
