"""Windows counted in a security's own rows, instead of the market's sessions: what some programs do.

Where a security did not trade on some sessions of the market, its windows then reach further back in calendar time and hold as many returns
as asked for; each is compared with the market over the days it spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from backtests.event_study import EventStudy
from backtests.event_windows import Clock, return_matrix
from backtests.normal_returns import stack, take
from backtests.residuals import Line
from backtests.study_result import EventStudyResult
from backtests.study_tables import average, cautions
from backtests.thin_trading import across_gaps
from research.errors import EstimationError

__all__ = ["fit_own_rows", "gapped", "over_longer"]


def gapped(events: pl.DataFrame, returns: pl.DataFrame, market: pl.DataFrame) -> bool:
    """Return whether a security of ``events`` lacks a session of the market between its first and its last row.

    Parameters
    ----------
    events, returns, market
        As for :meth:`backtests.event_study.EventStudy.fit_returns`; a row of ``returns`` with a null return is a row.
    """
    own = returns.filter(pl.col("symbol").is_in(events["symbol"].implode())).join(market.select("session"), on="session", how="semi")
    spans = own.group_by("symbol").agg(pl.len().alias("rows"), first=pl.col("session").min(), last=pl.col("session").max())
    sessions = market["session"].sort()
    places = [sessions.search_sorted(spans[name]) for name in ("first", "last")]
    return bool((places[1].cast(pl.Int64) - places[0].cast(pl.Int64) + 1 != spans["rows"].cast(pl.Int64)).any())


def fit_own_rows(
    study: EventStudy,
    events: pl.DataFrame,
    returns: pl.DataFrame,
    market: pl.DataFrame,
    group: str | None = None,
    factors: pl.DataFrame | None = None,
) -> EventStudyResult:
    """Study ``events`` with windows that count each security's own rows.

    Parameters
    ----------
    study
        How it is done.
    events, returns, market, group, factors
        As for :meth:`backtests.event_study.EventStudy.fit_returns`. A security is estimated on the sessions it has a row of; the market's
        return there is compounded since its row before.

    Raises
    ------
    EstimationError, SchemaError, UsageError
        As for :meth:`backtests.event_study.EventStudy.fit_returns`.
    """
    ordered = market.sort("session")
    sessions = ordered["session"].to_numpy().astype("datetime64[D]")
    growth = ordered["realized_return"].fill_null(float("nan")).to_numpy()
    parts, lost = [], []
    for symbol in events["symbol"].drop_nulls().unique().sort():
        own = returns.filter(pl.col("symbol") == symbol).join(market.select("session"), on="session", how="semi").sort("session")
        chosen = events.filter(pl.col("symbol") == symbol)
        if not own.height:
            lost.append(chosen.select("event_id", "symbol", reason=pl.lit("no bars")))
            continue
        # every row counts, also the first, which has no return
        present = return_matrix(own.with_columns(realized_return=pl.lit(0.0)), pl.Series([symbol]), sessions, 0, 0)
        spanned = across_gaps(present, growth, study.returns == "log")[0]
        index = own.select("session", realized_return=pl.Series(spanned[~np.isnan(present[0])]).fill_nan(None))
        try:
            parts.append(study.fit_returns(chosen, own, index, group, factors))
        except EstimationError:
            lost.append(chosen.select("event_id", "symbol", reason=pl.lit("not enough rows of its own")))
    if not parts:
        raise EstimationError(f"None of the {events.height} events can be used on their securities' own rows: load more prices.")
    return _together(study, parts, lost)


def _together(study: EventStudy, parts: Sequence[EventStudyResult], lost: Sequence[pl.DataFrame]) -> EventStudyResult:
    """Return one result of several, each on a calendar of its own."""
    sessions = np.unique(np.concatenate([part.clock.sessions for part in parts]))
    width = max(part.clock.numbers.shape[1] for part in parts)
    numbers = np.full((len(parts), width), -1, dtype=np.int64)
    for number, part in enumerate(parts):
        (own,) = part.clock.numbers
        numbers[number, : len(own)] = np.where(own >= 0, np.searchsorted(sessions, part.clock.sessions)[own], -1)
    market = np.repeat(np.arange(len(parts)), [part.events.height for part in parts])
    events = pl.concat([part.events for part in parts]).with_row_index("_row").sort("event_id", "symbol")
    order = events["_row"].to_numpy().astype(np.intp)
    events = events.drop("_row")
    arrays = take(stack([part.arrays for part in parts]), order)
    clock = Clock(sessions, numbers, market, np.concatenate([part.clock.row for part in parts])).take(order)
    return replace(
        parts[0],
        study=study,
        events=events,
        average=average(study.window, events, arrays.abnormal),
        dropped=pl.concat([*(part.dropped for part in parts), *lost]).sort("event_id", "symbol", "reason"),
        warnings=cautions(study.window, events, arrays, clock),
        arrays=arrays,
        clock=clock,
        inputs=None,  # the parts were fitted on rows of their own: there is no one panel to refit
    )


def over_longer(short: EventStudyResult, long: EventStudyResult) -> EventStudyResult:
    """Return ``short`` with its residuals, and their number of days, over the estimation window of ``long``.

    For comparison with a program that fits the last days of a window and counts all of them afterwards. The line and sigma stay those of
    the shorter window, also out of it. ``short`` itself where the two do not hold the same events.

    Parameters
    ----------
    short, long
        One study with two estimation windows.
    """
    if not short.events.select("event_id", "symbol").equals(long.events.select("event_id", "symbol")):
        return short
    residuals = short.arrays.estimated
    pairs = list(zip(residuals.sources, long.arrays.estimated.sources, strict=True))
    lines = [replace(wide, alpha=own.alpha, betas=own.betas) for own, wide in pairs if isinstance(own, Line) and isinstance(wide, Line)]
    if len(lines) < len(pairs) or any(len(own) != len(wide) for own, wide in pairs):
        return short
    estimated = replace(residuals, sources=tuple(lines))
    arrays = replace(short.arrays, estimated=estimated, n_obs=long.arrays.n_obs, df=long.arrays.df)
    return replace(short, study=replace(short.study, estimation=long.study.estimation), arrays=arrays)
