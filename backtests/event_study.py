"""Event study: abnormal returns around dated events, and whether they are more than chance.

1. Day 0 of an event is the first session of the benchmark whose close is strictly after ``available_at`` (:meth:`EventStudy.fit`),
   or the session the caller names (:meth:`EventStudy.fit_returns`); tau counts the benchmark's sessions.
2. Returns become a dense matrix, symbols × sessions; each event's windows are slices of its rows (:mod:`backtests.event_windows`).
3. :func:`backtests.normal_returns.estimate` and :func:`~backtests.normal_returns.forecast` run on blocks of thousands of events.
4. :class:`EventStudyResult` holds the tables; its ``tests`` applies
   every test to any sub-window.

A day on which a security did not trade is null and stays null: it enters neither sums nor counts. The return of the day it resumes spans
the gap (trade to trade) and is compared with one day's normal return, unless ``gaps`` says otherwise.

References
----------
MacKinlay, A. C. (1997), Event studies in economics and finance, Journal of Economic Literature 35, 13-39.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.conventions import Conventions, conventions_of
from backtests.event_windows import (
    Market,
    assigned,
    benchmark_market,
    given_market,
    instants,
    mark,
    read_events,
    require,
    spans,
    with_factors,
)
from backtests.limit_days import locked_days
from backtests.normal_returns import AbnormalReturns, parameters, take
from backtests.study_estimation import Inputs, abnormal_returns, carry_locked, clock_of, locked_counts, opens_of, stack_ragged
from backtests.study_inputs import market_wide, weighed
from backtests.study_result import EventStudyResult
from backtests.study_tables import average, cautions, event_rows, limit_cautions, spaced, unusable
from research.calendar import zone_of
from research.errors import EstimationError, UsageError
from research.prices import returns as total_returns
from research.schemas import INSTANT

__all__ = ["EventStudy", "EventStudyResult"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]


@dataclass(frozen=True, slots=True)
class EventStudy:
    """How an event study is done.

    Parameters
    ----------
    model
        Normal-return model: ``market``, ``market_adjusted``, ``constant``, ``factors``, ``matched`` (events have a column ``match``, the
        symbol of the portfolio or security an event is compared with), ``scholes_williams``, ``dimson`` or ``garch`` (see
        :mod:`backtests.normal_returns`).
    estimation
        First and last tau of the estimation window, both included.
    window
        First and last tau of the event window, both included; after the estimation window.
    min_obs
        Valid estimation days an event needs.
    returns
        ``simple`` or ``log``: in which returns bars are measured, and how returns compound in ``bhar``.
    seed
        Seed of the tests that resample.
    conventions
        ``textbook`` (the papers), ``common_day``, ``estudy2`` or ``sipemu`` (see :mod:`backtests.conventions`), or
        :class:`~backtests.conventions.Conventions` of your own.
    alignment
        Day 0 of an event known at an instant: the first session that ``close``s strictly after it, or the first that ``open``s strictly
        after it (by the exchange's calendar), so that news of the trading day counts to the next.
    overlap
        ``keep`` all events, or only those whose window meets no window of an earlier event of their symbol and group (``first``).
    locked
        Days a share is locked at its price limit: ``keep`` them as they are, or ``carry`` the abnormal return on until the share trades
        freely, event time being counted in free sessions from day 0 on (see :mod:`backtests.limit_days`).
    gaps
        With what a return that spans days without trading is compared: the market's return of the ``one_day`` it ends on, or
        ``compounded`` over the days it spans (trade to trade; models ``market`` and ``market_adjusted``).

    Raises
    ------
    UsageError
        When the arguments do not fit together.

    Examples
    --------
    >>> EventStudy(window=(-1, 1), estimation=(-120, -11)).min_obs
    100
    """

    model: str = "market"
    estimation: Window = (-250, -30)
    window: Window = (-5, 20)
    min_obs: int = 100
    returns: Literal["simple", "log"] = "simple"
    seed: int = 0
    conventions: str | Conventions = "textbook"
    gaps: Literal["one_day", "compounded"] = "one_day"
    alignment: Literal["close", "open"] = "close"
    overlap: Literal["keep", "first"] = "keep"
    locked: Literal["keep", "carry"] = "keep"

    def __post_init__(self) -> None:
        least = parameters(self.model, 1) + 1
        if self.returns not in ("simple", "log"):
            raise UsageError(f"Returns came as {self.returns!r}; expected simple or log.")
        if self.gaps not in ("one_day", "compounded") or (self.gaps == "compounded" and self.model not in ("market", "market_adjusted")):
            raise UsageError(f"Gaps came as {self.gaps!r} with model {self.model!r}; expected one_day, or compounded with a market model.")
        for name, value, known in (
            ("alignment", self.alignment, ("close", "open")),
            ("overlap", self.overlap, ("keep", "first")),
            ("locked", self.locked, ("keep", "carry")),
        ):
            if value not in known:
                raise UsageError(f"{name.capitalize()} came as {value!r}; expected {' or '.join(known)}.")
        conventions_of(self.conventions)
        for name, (first, last) in (("estimation", self.estimation), ("event", self.window)):
            if last < first:
                raise UsageError(f"The {name} window came as {first} .. {last}; expected its first tau not to be after its last.")
        if self.estimation[1] >= self.window[0]:
            raise UsageError(
                f"The estimation window ends at {self.estimation[1]} and the event window begins at {self.window[0]}; "
                "expected the former to end before the latter begins."
            )
        length = self.estimation[1] - self.estimation[0] + 1
        if not least <= self.min_obs <= length:
            raise UsageError(
                f"min_obs came as {self.min_obs}; expected {least} to {length}, the length of the estimation window: change one of the two."
            )

    def fit(
        self,
        events: pl.DataFrame,
        bars: pl.DataFrame,
        benchmark: str | Mapping[str, str],
        group: str | None = None,
        factors: pl.DataFrame | None = None,
        weights: str | None = None,
    ) -> EventStudyResult:
        """Study ``events`` on total returns of ``bars``.

        Parameters
        ----------
        events
            ``event_id``, ``symbol``, ``available_at`` and, for ``group``, that column. An event without a symbol is market-wide: with
            ``model="constant"`` it is measured on the benchmark itself (on each of several), else it is dropped.
        bars
            The ``bars`` table; ``available_at`` is the close of the session.
        benchmark
            Symbol of the market index, whose sessions are the grid; or one for each market, by market identifier
            (``{"XSHG": "000300.SS", "XHKG": "^HSI"}``; Shenzhen and Beijing follow Shanghai, Nasdaq follows New York).
        group
            Column of ``events`` whose values are studied apart.
        factors
            For ``model="factors"``: ``session``, the regressors as Float64 columns, optionally ``risk_free``.
        weights
            Column of ``events`` with positive weights: ``average`` is weighted by them. The tests are not; a weighted mean is tested by
            ``result.regression([], weights="weight")``.

        Raises
        ------
        UnknownSymbolError, CalendarError
            When a benchmark has no bars, or its market is not known.
        EstimationError
            When no event came, or none can be used.
        SchemaError, UsageError
            When a table or the arguments do not fit.
        """
        return self._study(self.placed(events, bars, benchmark, group, factors, weights))

    def placed(
        self,
        events: pl.DataFrame,
        bars: pl.DataFrame,
        benchmark: str | Mapping[str, str],
        group: str | None = None,
        factors: pl.DataFrame | None = None,
        weights: str | None = None,
    ) -> Inputs:
        """Return what :meth:`fit` studies: events with their day 0, total returns, the market's sessions, locked days. As for ``fit``."""
        require(bars, "bars", {"symbol": pl.String, "session": pl.Date, "available_at": INSTANT, "suspended": pl.Boolean})
        by_market = dict(benchmark) if isinstance(benchmark, Mapping) else {"": benchmark}
        if self.model == "constant":
            events = market_wide(events, sorted(by_market.values()))
        frame = weighed(read_events(events, "available_at", group), events, weights)
        for mic in by_market if isinstance(benchmark, Mapping) else ():
            zone_of(mic)
        frame = assigned(frame, by_market)
        wanted = pl.concat(
            [
                frame["symbol"].drop_nulls().unique(),
                frame["match"].drop_nulls().unique(),
                pl.Series(sorted(by_market.values()), dtype=pl.String),
            ]
        ).unique()
        held = bars.filter(pl.col("symbol").is_in(wanted.implode()))
        realized = total_returns(held)
        locked = locked_days(held) if {"limit_up", "limit_down", "open", "high", "low"} <= set(bars.columns) else None
        if self.returns == "log":
            realized = realized.with_columns(pl.col("realized_return").log1p())
        markets: list[Market] = []
        placed: list[pl.DataFrame] = []
        for key in sorted(set(frame["market"].drop_nulls())):
            market, closes = benchmark_market(bars, realized, by_market[key])
            if self.alignment == "open":
                closes = opens_of(by_market[key], market)
            own = frame.filter(pl.col("market") == key)
            # the first close strictly after the event: one that was known at the close itself is acted on the session after
            row = np.searchsorted(closes, instants(own["at"]), side="right")
            placed.append(own.with_columns(market=pl.lit(len(markets)), row=pl.Series(row.astype(np.int64))))
            markets.append(market)
        unplaced = frame.filter(pl.col("market").is_null()).with_columns(
            market=pl.lit(None, dtype=pl.Int32), row=pl.lit(None, dtype=pl.Int64)
        )
        return Inputs(pl.concat([*placed, unplaced]), tuple(markets), realized, factors, locked)

    def fit_returns(
        self,
        events: pl.DataFrame,
        returns: pl.DataFrame,
        market: pl.DataFrame,
        group: str | None = None,
        factors: pl.DataFrame | None = None,
        locked: pl.DataFrame | None = None,
        weights: str | None = None,
    ) -> EventStudyResult:
        """Study ``events`` whose day 0 is known on returns as they are given.

        Parameters
        ----------
        events
            ``event_id``, ``symbol``, ``session`` (day 0, a session of the market) and, for ``group``, that column.
        returns
            ``session``, ``symbol``, ``realized_return`` (fraction, null when missing), simple or log as the study says: nothing is
            converted.
        market
            ``session``, ``realized_return`` of the market; its sessions are the grid.
        group, factors, weights
            As for :meth:`fit`.
        locked
            ``symbol``, ``session`` of the days locked at a price limit (:func:`backtests.limit_days.locked_days`); needed for
            ``locked="carry"``.

        Raises
        ------
        EstimationError, SchemaError, UsageError
            As for :meth:`fit`.
        """
        require(returns, "returns", {"session": pl.Date, "symbol": pl.String, "realized_return": pl.Float64}, nulls=("realized_return",))
        grid = given_market(market)
        frame = weighed(read_events(events, "session", group), events, weights)
        days = frame["at"].to_numpy().astype("datetime64[D]")
        row = np.searchsorted(grid.sessions, days)
        off_grid = (row < len(grid.sessions)) & (grid.sessions[np.minimum(row, len(grid.sessions) - 1)] != days)
        frame = frame.with_columns(market=pl.lit(0), row=pl.Series(row.astype(np.int64)))
        frame = mark(frame, pl.Series(off_grid), "day 0 is not a session")
        if locked is not None:
            require(locked, "locked", {"symbol": pl.String, "session": pl.Date})
        return self._study(Inputs(frame, (grid,), returns, factors, locked))

    def again(self, inputs: Inputs) -> EventStudyResult:
        """Study what another study was fitted on (its ``inputs``) in the way of this one; day 0 stays as it was placed.

        Raises
        ------
        EstimationError, SchemaError, UsageError
            As for :meth:`fit`.
        """
        return self._study(inputs)

    def _study(self, inputs: Inputs) -> EventStudyResult:
        factors, returns = inputs.factors, inputs.returns
        if (factors is not None) != (self.model == "factors"):
            came = "without" if factors is None else "with"
            raise UsageError(f"Model {self.model!r} came {came} factors; expected them with model='factors', and only there.")
        if self.locked == "carry" and inputs.locked is None:
            raise UsageError("locked='carry' came without price limits; expected bars with limits, or a frame of locked days.")
        grids = [market if factors is None else with_factors(market, factors) for market in inputs.markets]
        span = spans(returns)
        events = inputs.events.join(span, on="symbol", how="left", maintain_order="left")
        events = mark(events, pl.col("_first").is_null(), "no bars")
        if self.model == "matched":
            events = mark(events, pl.col("match").is_null() | ~pl.col("match").is_in(span["symbol"].implode()), "no matched returns")
        events = events.with_columns(
            n_locked=pl.lit(None, dtype=pl.Int32),
            n_carried=pl.lit(None, dtype=pl.Int32),
            _moved=pl.lit(None, dtype=pl.Int64),
            day0=pl.lit(None, dtype=pl.Date),
        )
        frames = [events.filter(pl.col("market").is_null())]
        parts: list[AbnormalReturns] = []
        moved = [np.zeros((0, self.window[1] - self.window[0] + 1), dtype=np.int64)]
        for number, grid in enumerate(grids):
            chosen = self._inside(events.filter(pl.col("market") == number), grid)
            sound = chosen.filter(pl.col("reason").is_null())
            # one security on one day has one return: a second report of it is no second observation
            sound = mark(sound, ~pl.struct("symbol", "group", "row").is_first_distinct(), "duplicate event")
            if self.overlap == "first":
                sound = self._without_overlap(sound)
            frames += [chosen.filter(pl.col("reason").is_not_null()), sound.filter(pl.col("reason").is_not_null())]
            sound = sound.filter(pl.col("reason").is_null()).sort("event_id", "symbol")
            sound = sound.with_columns(day0=pl.Series(grid.sessions[sound["row"].to_numpy()]).cast(pl.Date))
            if sound.height:
                arrays = abnormal_returns(self, grid, sound, returns)
                if inputs.locked is not None:
                    sound, arrays, ends = self._limited(grid, sound, inputs, arrays, sum(len(part) for part in moved))
                    moved.append(ends)
                sound = sound.with_columns(reason=unusable(arrays, self.min_obs))
                good = sound["reason"].is_null().to_numpy()
                parts.append(arrays if good.all() else take(arrays, good))
                frames.append(sound)
        everything = pl.concat(frames)
        dropped = (
            everything.filter(pl.col("reason").is_not_null()).select("event_id", "symbol", "reason").sort("event_id", "symbol", "reason")
        )
        used = everything.filter(pl.col("reason").is_null()).with_row_index("_position")
        if len(parts) > 1:
            used = used.sort("event_id", "symbol")
        if not used.height:
            counts = dropped["reason"].value_counts(sort=True).sort("count", "reason", descending=[True, False])
            told = ", ".join(f"{n} {reason}" for reason, n in counts.iter_rows())
            raise EstimationError(f"None of the {dropped.height} events can be used ({told}): load more prices, or choose shorter windows.")
        order = used["_position"].to_numpy().astype(np.intp)
        stacked = stack_ragged(parts)
        arrays = stacked if np.array_equal(order, np.arange(len(order))) else take(stacked, order)
        arrays = self._rescaled(arrays)
        clock = clock_of(self, grids, used, np.concatenate(moved))
        rules = conventions_of(self.conventions)
        events = event_rows(self.window, self.returns == "log", used, arrays, clock, grids[0].names, rules.event_forecast_error)
        return EventStudyResult(
            study=self,
            events=events,
            average=average(self.window, events, arrays.abnormal, events["weight"].to_numpy() if "weight" in events.columns else None),
            dropped=dropped,
            warnings=(*cautions(self.window, events, arrays, clock, used), *limit_cautions(events, self.locked == "carry")),
            arrays=arrays,
            clock=clock,
            inputs=inputs,
        )

    def _limited(
        self, grid: Market, events: pl.DataFrame, inputs: Inputs, arrays: AbnormalReturns, offset: int
    ) -> tuple[pl.DataFrame, AbnormalReturns, Ints]:
        """Count the locked sessions of each event, and carry their returns on where that is asked for."""
        assert inputs.locked is not None
        events = events.with_columns(n_locked=pl.Series(locked_counts(self, grid, events, inputs.locked)).cast(pl.Int32))
        if self.locked == "keep":
            return events, arrays, np.zeros((0, arrays.abnormal.shape[1]), dtype=np.int64)
        arrays, changed, ends = carry_locked(self, grid, events, inputs.returns, inputs.locked, arrays)
        place = np.full(events.height, -1, dtype=np.int64)
        place[changed] = offset + np.arange(len(changed))
        # how many sessions later than otherwise the window ends
        later = np.zeros(events.height, dtype=np.int64)
        last = ends.max(axis=1, initial=-1)
        later[changed] = np.maximum(0, last - events["row"].to_numpy()[changed] - self.window[1])
        moved = pl.Series(place)
        carried = events.with_columns(n_carried=pl.Series(later).cast(pl.Int32), _moved=moved)
        return carried.with_columns(_moved=pl.when(pl.col("_moved") >= 0).then("_moved")), arrays, ends

    def _without_overlap(self, events: pl.DataFrame) -> pl.DataFrame:
        """Mark the events whose window meets that of an earlier one that is kept."""
        length = self.window[1] - self.window[0] + 1
        ordered = events.with_row_index("_place").sort("symbol", "group", "row", "event_id")
        sound = ordered.filter(pl.col("reason").is_null())
        names = sound.select(pl.struct("symbol", "group").rle_id()).to_series().to_numpy()
        kept = spaced(names, sound["row"].to_numpy(), length)
        late = sound["_place"].filter(pl.Series(~kept))
        return mark(events, pl.Series(np.isin(np.arange(events.height), late.to_numpy())), "overlaps an earlier event")

    def _inside(self, events: pl.DataFrame, grid: Market) -> pl.DataFrame:
        """Mark the events that lie outside the life of the grid or of their security."""
        n = len(grid.sessions)
        dates = pl.Series(grid.sessions)
        row = events["row"]
        ends = pl.Series(dates.gather((row + self.window[0]).clip(0, n - 1)))
        zero = dates.gather(row.clip(0, n - 1))
        events = mark(events, row >= n, "after the last bar")
        events = mark(events, events["_first"] > zero, "event before listing")
        return mark(events, events["_last"] < ends, "after the last bar")

    def _rescaled(self, arrays: AbnormalReturns) -> AbnormalReturns:
        """Give sigma the divisor of the conventions."""
        divisor = conventions_of(self.conventions).sigma
        if divisor == "T-k":
            return arrays
        return replace(arrays, sigma=arrays.sigma * np.sqrt(arrays.df / (arrays.n_obs - (divisor == "T-1"))))
