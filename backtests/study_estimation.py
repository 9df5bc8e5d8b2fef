"""From placed events to abnormal returns: windows of the return matrix, estimated and forecast block by block.

The blocks hold thousands of events each; nothing loops over events. :func:`carry_locked` redoes the few events that meet a price limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.conventions import conventions_of
from backtests.event_windows import Clock, Market, codes, instants, return_matrix, windows
from backtests.garch import garch_market
from backtests.limit_days import carried, event_sessions, locked_matrix, unfree
from backtests.normal_returns import AbnormalReturns, NormalModel, empty_like, estimate, forecast, over_window, place, stack, take
from backtests.residuals import Line, Panel, Residuals, each_block
from backtests.thin_trading import across_gaps, dimson, leads_and_lags, scholes_williams
from research.calendar import mic_of, sessions_within
from research.errors import CalendarError

if TYPE_CHECKING:
    from backtests.event_study import EventStudy

__all__ = ["Inputs", "abnormal_returns", "carry_locked", "clock_of", "locked_counts", "opens_of", "stack_ragged"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: models whose estimation takes the market's lead and lag, and whose forecast does not
_LAGGED = ("scholes_williams", "dimson")

#: a run of locked sessions is followed so far
_LONGEST_RUN = 256


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a study was fitted on, so that it can be fitted again with other settings.

    Attributes
    ----------
    events
        event_id, symbol, group, at, match, reason, weight, market (number of its grid), row (session of day 0).
    markets
        The grids.
    returns
        session, symbol, realized_return.
    factors
        As given; ``None`` without.
    locked
        symbol, session of the days locked at a price limit; ``None`` where limits are not known.
    """

    events: pl.DataFrame
    markets: tuple[Market, ...]
    returns: pl.DataFrame
    factors: pl.DataFrame | None
    locked: pl.DataFrame | None


def _pads(study: EventStudy) -> Window:
    """Columns of NaN before and after the grid that keep every window inside."""
    return max(0, -study.estimation[0]), max(0, study.window[1])


def abnormal_returns(study: EventStudy, grid: Market, events: pl.DataFrame, returns: pl.DataFrame) -> AbnormalReturns:
    """Estimate and forecast all events of one grid, block by block."""
    left, right = _pads(study)
    matched = study.model == "matched"
    held = pl.concat([events["symbol"], events["match"].drop_nulls()]) if matched else events["symbol"]
    symbols = held.unique().sort()
    risk_free = np.pad(grid.risk_free, (left, right), constant_values=np.nan)
    realized = return_matrix(returns, symbols, grid.sessions, left, right)
    if grid.names:
        realized -= risk_free
    padded = np.pad(_regressors(study, grid), ((0, 0), (left, right)), constant_values=np.nan)
    rows = codes(events["symbol"], symbols)
    own = codes(events["match"], symbols) if matched else rows
    # a regressor of the security's own: the portfolio it is matched to, or the market over the days its return spans
    each = realized if matched else across_gaps(realized, padded[0], study.returns == "log") if study.gaps == "compounded" else None
    panel = Panel(realized, padded, each, rows, own, events["row"].to_numpy() + left)
    lagged = study.model in _LAGGED

    def block(chosen: slice) -> AbnormalReturns:
        before, x_before = panel.windows(chosen, *study.estimation)
        model = _estimate(study, before, x_before)
        if conventions_of(study.conventions).regressor_moments == "window":
            model = over_window(model, x_before[1:2] if lagged else x_before)
        during, x_during = panel.windows(chosen, *study.window)
        return forecast(model, during, x_during[1:2] if lagged else x_during)

    arrays = empty_like(block(slice(0, 1)), len(rows))
    for _ in each_block(len(rows), lambda chosen: place(arrays, chosen, block(chosen))):
        pass
    # the market's lead and lag only say which days count
    betas = np.pad(arrays.betas, ((0, 0), (1, 1))) if lagged else arrays.betas
    arrays = replace(arrays, estimated=Residuals.of(Line(panel, study.estimation, arrays.alpha, betas)))
    if grid.names:
        rate = windows(risk_free, panel.zero + study.window[0], study.window[1] - study.window[0] + 1)
        arrays = replace(arrays, realized=arrays.realized + rate, expected=arrays.expected + rate)
    return arrays


def _regressors(study: EventStudy, grid: Market) -> Floats:
    """Return (K, S) the regressors of the grid's sessions that are common to all events."""
    if study.model in ("constant", "factors"):
        return grid.factors
    return leads_and_lags(grid.market) if study.model in _LAGGED else grid.market[None, :]


def _estimate(study: EventStudy, realized: Floats, regressors: Sequence[Floats]) -> NormalModel:
    match study.model:
        case "scholes_williams":
            return scholes_williams(realized, np.stack(regressors))
        case "dimson":
            return dimson(realized, np.stack(regressors))
        case "garch":
            return garch_market(realized, np.stack(regressors))
        case _:
            return estimate(study.model, realized, regressors)


def clock_of(study: EventStudy, grids: Sequence[Market], used: pl.DataFrame, moved: Ints) -> Clock:
    """Return where each event stands in calendar time.

    Parameters
    ----------
    study, grids
        The study and its markets.
    used
        The events, with ``market``, ``row`` and ``_moved``, their row of ``moved`` (null where days are sessions as they come).
    moved
        (A, L) session on the event's grid that each day of the event window ends with, -1 where there is none.
    """
    left, right = _pads(study)
    sessions = np.unique(np.concatenate([grid.sessions for grid in grids]))
    width = left + max(len(grid.sessions) for grid in grids) + right
    numbers = np.full((len(grids), width), -1, dtype=np.int64)
    for number, grid in enumerate(grids):
        numbers[number, left : left + len(grid.sessions)] = np.searchsorted(sessions, grid.sessions)
    market, row = used["market"].to_numpy().astype(np.int64), used["row"].to_numpy() + left
    at = used["_moved"].fill_null(-1).to_numpy()
    events = np.flatnonzero(at >= 0)
    if not len(events):
        return Clock(sessions, numbers, market, row)
    # an event whose days are not the sessions as they come has a calendar of its own
    own = numbers[market[events]]
    ends = moved[at[events]]
    calendar = np.where(ends >= 0, np.take_along_axis(own, np.clip(ends + left, 0, width - 1), axis=1), -1)
    np.put_along_axis(own, row[events, None] + np.arange(study.window[0], study.window[1] + 1), calendar, axis=1)
    market[events] = len(grids) + np.arange(len(events))
    return Clock(sessions, np.concatenate([numbers, own]), market, row)


def opens_of(benchmark: str, grid: Market) -> npt.NDArray[np.datetime64]:
    """Return when each session of the grid opened by the calendar of the benchmark's exchange (``datetime64[us]``, UTC).

    Raises
    ------
    CalendarError
        When the calendar does not know a session of the grid.
    """
    mic = mic_of(benchmark)
    known = sessions_within(mic, grid.sessions[0].item(), grid.sessions[-1].item())
    joined = pl.DataFrame({"session": pl.Series(grid.sessions).cast(pl.Date)}).join(known, on="session", how="left", maintain_order="left")
    absent = joined.filter(pl.col("open_at").is_null())
    if absent.height:
        raise CalendarError(
            f"{absent.height} sessions of benchmark {benchmark!r}, such as {absent['session'][0]}, are none of {mic}; "
            "expected its calendar's sessions for alignment='open': check the bars, or use alignment='close'."
        )
    return instants(joined["open_at"])


def stack_ragged(parts: Sequence[AbnormalReturns]) -> AbnormalReturns:
    """Return the events of all ``parts``, in order, whose scores may differ in width."""
    width = max((part.scores.shape[2] for part in parts), default=0)
    return stack(
        [
            replace(part, scores=np.pad(part.scores, ((0, 0), (0, 0), (0, width - part.scores.shape[2]))))
            if part.scores.shape[2] < width
            else part
            for part in parts
        ]
    )


def locked_counts(study: EventStudy, grid: Market, events: pl.DataFrame, locked: pl.DataFrame) -> Ints:
    """Return (E,) how many sessions of each event's window from day 0 on are locked at a price limit."""
    left, right = _pads(study)
    symbols = events["symbol"].unique().sort()
    if study.window[1] < 0:
        return np.zeros(events.height, dtype=np.int64)
    held = np.cumsum(locked_matrix(locked, symbols, grid.sessions, left + 1, right), axis=1)
    zero, row = events["row"].to_numpy() + left, codes(events["symbol"], symbols)
    return np.asarray(held[row, zero + study.window[1] + 1] - held[row, zero + max(0, study.window[0])], dtype=np.int64)


def carry_locked(
    study: EventStudy, grid: Market, events: pl.DataFrame, returns: pl.DataFrame, locked: pl.DataFrame, arrays: AbnormalReturns
) -> tuple[AbnormalReturns, Ints, Ints]:
    """Let each day from day 0 on last until the security trades freely (:mod:`backtests.limit_days`).

    Returns
    -------
    arrays
        Of all events.
    changed
        (A,) rows of the events that met a limit.
    ends
        (A, L) session, on the grid, that each day of their windows ends with; -1 where there is none.
    """
    first, last = study.window
    length, zero_column = last - first + 1, -first
    left, right = _pads(study)
    nothing = arrays, np.zeros(0, dtype=np.int64), np.zeros((0, length), dtype=np.int64)
    if first > 0 or last < 0:
        return nothing
    symbols = events["symbol"].unique().sort()
    marked = locked_matrix(locked, symbols, grid.sessions, left, right + _LONGEST_RUN)
    closed = unfree(marked, return_matrix(returns, symbols, grid.sessions, left, right + _LONGEST_RUN))
    rows, zero = codes(events["symbol"], symbols), events["row"].to_numpy() + left
    changed = np.flatnonzero(_slices(closed, zero, last + 1, rows).any(axis=1))
    if not len(changed):
        return nothing
    extra = 4
    while True:
        ends = event_sessions(_slices(closed, zero[changed] + first, length + extra, rows[changed]), zero_column, length)
        if extra >= _LONGEST_RUN or (ends >= 0).all():
            break
        extra *= 2
    # days beyond the last session of the grid end nowhere
    session = np.where(ends >= 0, ends + (zero[changed] - left + first)[:, None], -1)
    ends = np.where(session < len(grid.sessions), ends, -1)
    longer = replace(study, window=(first, last + extra), locked="keep")
    redone = carried(abnormal_returns(longer, grid, events[changed], returns), ends, study.returns == "log")
    added = redone.scores.shape[2] - arrays.scores.shape[2]
    whole = take(replace(arrays, scores=np.pad(arrays.scores, ((0, 0), (0, 0), (0, added)))), np.arange(len(zero)))
    # the estimation window is the same, and so are its residuals
    place(whole, changed, redone)
    return whole, changed, np.where(ends >= 0, session, -1)


def _slices(matrix: npt.NDArray[np.bool_], starts: Ints, length: int, rows: Ints) -> npt.NDArray[np.bool_]:
    return np.asarray(np.lib.stride_tricks.sliding_window_view(matrix, length, axis=1)[rows, starts])
