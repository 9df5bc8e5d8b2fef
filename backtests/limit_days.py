"""Days on which a share is locked at its price limit: the price stops short of what the news is worth, and the rest follows later.

A session is locked when it closes at ``limit_up`` or ``limit_down``, or is a one-price day of a mainland share (:func:`locked_days`). With
``EventStudy(locked="carry")`` event time from day 0 on counts sessions that end free: a locked run and the session that ends it are one
day of event time, whose return is compounded over them and is compared with the normal return compounded over the same sessions
(:func:`event_sessions`, :func:`carried`). A suspension inside a locked run belongs to the run.

The forecast variance of a day that spans m returns is sigma² (m + m²/T + (Σ(Rm − mean))²/SSm), and that of a CAR follows with L the number
of returns it holds: exact, up to compounding.

References
----------
Kim, K. & Rhee, S. (1997), Price limit performance: evidence from the Tokyo Stock Exchange, Journal of Finance 52, 885-901.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.normal_returns import AbnormalReturns
from research.prices import board_limit

__all__ = ["LOCKED", "carried", "event_sessions", "locked_days", "locked_matrix", "unfree"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: columns of :func:`locked_days`
LOCKED = {"symbol": pl.String, "session": pl.Date, "kind": pl.String}

#: a price this near the limit is at it: half the tick of a mainland share, or rounding of adjusted prices
_TICK, _RELATIVE = 0.005, 1e-6

#: the least move of a one-price day that is a limit's: the narrowest limit (5 %) less the rounding of a low price
_LEAST_MOVE = 0.045


def locked_days(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the sessions that end locked: ``symbol, session, kind``, sorted.

    ``limit_up``, ``limit_down``: traded, and closed at the limit the bar names, within half a cent. ``one_price``: traded, the bar names no
    limit, the board has one, and open, high, low and close are one price at least 4.5 % from the close before (adjusted).

    Parameters
    ----------
    bars
        The ``bars`` table.
    """
    slack = pl.max_horizontal(pl.lit(_TICK), pl.col("close") * _RELATIVE) * (1.0 + 1e-9)
    traded, keys = ~pl.col("suspended"), ("symbol", "session")
    named = (
        bars.filter(traded & ((pl.col("close") >= pl.col("limit_up") - slack) | (pl.col("close") <= pl.col("limit_down") + slack)))
        .select(*keys, kind=pl.when(pl.col("close") >= pl.col("limit_up") - slack).then(pl.lit("limit_up")).otherwise(pl.lit("limit_down")))
    )  # fmt: skip
    prices = ("open", "high", "low", "close")
    one = pl.min_horizontal(*prices) == pl.max_horizontal(*prices)
    nameless = pl.col("limit_up").is_null() & pl.col("limit_down").is_null()
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in prices)
    single = bars.filter(traded & nameless & whole & one).select(*keys)
    single = single.filter(board_limit(pl.col("symbol"), pl.col("session")).is_not_null())
    if single.height:
        # how far they moved; only the few symbols that have such a day are looked at
        held = bars.filter(pl.col("symbol").is_in(single["symbol"].unique().implode()) & traded).sort(keys)
        value = pl.col("close") * pl.col("adj_factor")
        moved = held.with_columns(_move=(value / value.shift(1)).over("symbol") - 1.0).filter(pl.col("_move").abs() >= _LEAST_MOVE)
        single = single.join(moved.select(*keys), on=keys, how="semi")
    found = pl.concat([named, single.select(*keys, kind=pl.lit("one_price"))])
    return found.sort(keys).cast(LOCKED)  # type: ignore[arg-type]


def locked_matrix(locked: pl.DataFrame, symbols: pl.Series, sessions: npt.NDArray[np.datetime64], left: int, right: int) -> Bools:
    """Return (symbols, left + S + right) whether a session of the grid is locked."""
    filled = np.zeros((len(symbols), left + len(sessions) + right), dtype=bool)
    own = locked.filter(pl.col("symbol").is_in(symbols.implode()))
    row = np.searchsorted(symbols.to_numpy(), own["symbol"].to_numpy()) if own.height else np.zeros(0, dtype=np.int64)
    days = own["session"].to_numpy().astype("datetime64[D]")
    day = np.searchsorted(sessions, days)
    inside = (day < len(sessions)) & (sessions[np.minimum(day, len(sessions) - 1)] == days)
    filled[row[inside], day[inside] + left] = True
    return filled


def unfree(locked: Bools, realized: Floats) -> Bools:
    """Return (symbols, S) whether a session ends without a free price: locked, or without a return in a run that began locked.

    Parameters
    ----------
    locked
        (symbols, S).
    realized
        (symbols, S) returns, NaN where a security did not trade.
    """
    traded = np.isfinite(realized) | locked
    last = np.maximum.accumulate(np.where(traded, np.arange(locked.shape[1]), 0), axis=1)
    return np.asarray(np.take_along_axis(locked, last, axis=1))


def event_sessions(closed: Bools, zero: int, length: int) -> Ints:
    """Return (E, length) the column of each day of event time: as they come before day 0, from then on the sessions that end free.

    Parameters
    ----------
    closed
        (E, W) :func:`unfree` over each event's sessions from the start of its window on; W sessions are more than the window.
    zero
        Column of day 0.
    length
        Days of event time; −1 stands where the sessions end before it.
    """
    n_events, width = closed.shape
    before = np.tile(np.arange(min(zero, length)), (n_events, 1))
    free = ~closed[:, zero:]
    rank = np.cumsum(free, axis=1) - 1
    found = np.full((n_events, max(0, length - zero)), -1, dtype=np.int64)
    event, column = np.nonzero(free & (rank < found.shape[1]))
    found[event, rank[event, column]] = column + zero
    return np.concatenate([before, found], axis=1) if width else found


def carried(arrays: AbnormalReturns, ends: Ints, log: bool) -> AbnormalReturns:
    """Return the events with each day of event time spanning the sessions since the day before.

    Parameters
    ----------
    arrays
        E events over W sessions.
    ends
        (E, L) from :func:`event_sessions`.
    log
        Whether returns are log returns, which compound by their sum.
    """
    n_events, length = ends.shape
    width = arrays.abnormal.shape[1]
    # the day each session belongs to: as many ends lie before it; sessions after the last end belong to none
    is_end = np.zeros((n_events, width), dtype=np.int64)
    event, day = np.nonzero(ends >= 0)
    is_end[event, ends[event, day]] = 1
    belongs = np.cumsum(is_end, axis=1) - is_end
    known = np.isfinite(arrays.abnormal) & (belongs < (ends >= 0).sum(axis=1)[:, None])
    place = (np.arange(n_events)[:, None] * length + belongs)[known]

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(place, values[known], minlength=n_events * length), dtype=np.float64).reshape(n_events, length)

    def compounded(values: Floats) -> Floats:
        if log:
            return summed(values)
        # a return of −100 % or below has no logarithm: it stays −1 through its run
        lost = summed((values <= -1.0).astype(np.float64)) > 0.5
        return np.where(lost, -1.0, np.expm1(summed(np.log1p(np.maximum(values, -1.0 + 1e-15)))))

    spans = np.rint(summed(np.ones_like(arrays.abnormal)))
    present = spans > 0
    single = spans == 1
    # one return is itself: no rounding where nothing was carried
    realized, expected = (
        np.where(present, np.where(single, summed(values), compounded(values)), np.nan) for values in (arrays.realized, arrays.expected)
    )
    # a day without a return still has the market's
    empty = ~present & (ends >= 0)
    expected[empty] = np.take_along_axis(arrays.expected, np.maximum(ends, 0), axis=1)[empty]
    scores = (
        np.stack([summed(arrays.scores[:, :, j]) for j in range(arrays.scores.shape[2])], axis=2)
        if arrays.scores.size
        else np.empty((n_events, length, 0))
    )
    # the mean's error is common to all returns of all days; the days' own errors are not
    common = spans * np.sqrt(arrays.mean_variance)[:, None]
    longer = spans > 1
    order = np.cumsum(longer, axis=1) - 1
    own = np.zeros((n_events, length, int(longer.sum(axis=1).max(initial=0))))
    event, day = np.nonzero(longer)
    own[event, day, order[event, day]] = np.sqrt(spans[event, day] - 1.0)
    return replace(
        arrays,
        realized=realized,
        expected=expected,
        abnormal=realized - expected,
        scores=np.concatenate([scores, common[:, :, None], own], axis=2),
        mean_variance=np.zeros(n_events),
    )
