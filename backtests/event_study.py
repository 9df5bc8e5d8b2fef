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

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.conventions import Conventions, conventions_of
from backtests.event_windows import (
    Clock,
    Market,
    assigned,
    benchmark_market,
    codes,
    given_market,
    instants,
    mark,
    read_events,
    require,
    return_matrix,
    windows,
    with_factors,
)
from backtests.garch import garch_market
from backtests.normal_returns import (
    AbnormalReturns,
    NormalModel,
    empty_like,
    estimate,
    forecast,
    over_window,
    parameters,
    place,
    stack,
    take,
)
from backtests.study_result import EventStudyResult
from backtests.study_tables import average, cautions, event_returns, event_rows, unusable
from backtests.thin_trading import across_gaps, dimson, leads_and_lags, scholes_williams
from research.calendar import zone_of
from research.errors import EstimationError, UsageError
from research.prices import returns as total_returns
from research.schemas import INSTANT

__all__ = ["EventStudy", "EventStudyResult"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: models whose estimation takes the market's lead and lag, and whose forecast does not
_LAGGED = ("scholes_williams", "dimson")

#: events estimated at once: the blocks' arrays stay in the processor's cache
_BLOCK = 2048

#: blocks worked on at once
_THREADS = 2


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

    def __post_init__(self) -> None:
        least = parameters(self.model, 1) + 1
        if self.returns not in ("simple", "log"):
            raise UsageError(f"Returns came as {self.returns!r}; expected simple or log.")
        if self.gaps not in ("one_day", "compounded") or (self.gaps == "compounded" and self.model not in ("market", "market_adjusted")):
            raise UsageError(f"Gaps came as {self.gaps!r} with model {self.model!r}; expected one_day, or compounded with a market model.")
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
    ) -> EventStudyResult:
        """Study ``events`` on total returns of ``bars``.

        Parameters
        ----------
        events
            ``event_id``, ``symbol``, ``available_at`` and, for ``group``, that column.
        bars
            The ``bars`` table; ``available_at`` is the close of the session.
        benchmark
            Symbol of the market index, whose sessions are the grid; or one for each market, by market identifier
            (``{"XSHG": "000300.SS", "XHKG": "^HSI"}``; Shenzhen and Beijing follow Shanghai, Nasdaq follows New York).
        group
            Column of ``events`` whose values are studied apart.
        factors
            For ``model="factors"``: ``session``, the regressors as Float64 columns, optionally ``risk_free``.

        Raises
        ------
        UnknownSymbolError, CalendarError
            When a benchmark has no bars, or its market is not known.
        EstimationError
            When no event came, or none can be used.
        SchemaError, UsageError
            When a table or the arguments do not fit.
        """
        require(bars, "bars", {"symbol": pl.String, "session": pl.Date, "available_at": INSTANT, "suspended": pl.Boolean})
        frame = read_events(events, "available_at", group)
        by_market = dict(benchmark) if isinstance(benchmark, Mapping) else {"": benchmark}
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
        realized = total_returns(bars.filter(pl.col("symbol").is_in(wanted.implode())))
        if self.returns == "log":
            realized = realized.with_columns(pl.col("realized_return").log1p())
        markets: list[Market] = []
        placed: list[pl.DataFrame] = []
        for key in sorted(set(frame["market"].drop_nulls())):
            market, closes = benchmark_market(bars, realized, by_market[key])
            own = frame.filter(pl.col("market") == key)
            # the first close strictly after the event: one that was known at the close itself is acted on the session after
            row = np.searchsorted(closes, instants(own["at"]), side="right")
            placed.append(own.with_columns(market=pl.lit(len(markets)), row=pl.Series(row.astype(np.int64))))
            markets.append(market)
        unplaced = frame.filter(pl.col("market").is_null()).with_columns(
            market=pl.lit(None, dtype=pl.Int32), row=pl.lit(None, dtype=pl.Int64)
        )
        return self._study(pl.concat([*placed, unplaced]), markets, realized, factors)

    def fit_returns(
        self,
        events: pl.DataFrame,
        returns: pl.DataFrame,
        market: pl.DataFrame,
        group: str | None = None,
        factors: pl.DataFrame | None = None,
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
        group, factors
            As for :meth:`fit`.

        Raises
        ------
        EstimationError, SchemaError, UsageError
            As for :meth:`fit`.
        """
        require(returns, "returns", {"session": pl.Date, "symbol": pl.String, "realized_return": pl.Float64}, nulls=("realized_return",))
        grid = given_market(market)
        frame = read_events(events, "session", group)
        days = frame["at"].to_numpy().astype("datetime64[D]")
        row = np.searchsorted(grid.sessions, days)
        off_grid = (row < len(grid.sessions)) & (grid.sessions[np.minimum(row, len(grid.sessions) - 1)] != days)
        frame = frame.with_columns(market=pl.lit(0), row=pl.Series(row.astype(np.int64)))
        frame = mark(frame, pl.Series(off_grid), "day 0 is not a session")
        return self._study(frame, [grid], returns, factors)

    def _study(
        self, events: pl.DataFrame, markets: Sequence[Market], returns: pl.DataFrame, factors: pl.DataFrame | None
    ) -> EventStudyResult:
        if (factors is not None) != (self.model == "factors"):
            came = "without" if factors is None else "with"
            raise UsageError(f"Model {self.model!r} came {came} factors; expected them with model='factors', and only there.")
        grids = [market if factors is None else with_factors(market, factors) for market in markets]
        span = returns.group_by("symbol").agg(_first=pl.col("session").min(), _last=pl.col("session").max())
        events = events.join(span, on="symbol", how="left", maintain_order="left")
        events = mark(events, pl.col("_first").is_null(), "no bars")
        if self.model == "matched":
            events = mark(events, pl.col("match").is_null() | ~pl.col("match").is_in(span["symbol"].implode()), "no matched returns")
        frames = [events.filter(pl.col("market").is_null())]
        parts: list[AbnormalReturns] = []
        for number, grid in enumerate(grids):
            chosen = self._inside(events.filter(pl.col("market") == number), grid)
            sound = chosen.filter(pl.col("reason").is_null())
            # one security on one day has one return: a second report of it is no second observation
            sound = mark(sound, ~pl.struct("symbol", "group", "row").is_first_distinct(), "duplicate event")
            frames += [chosen.filter(pl.col("reason").is_not_null()), sound.filter(pl.col("reason").is_not_null())]
            sound = sound.filter(pl.col("reason").is_null()).sort("event_id", "symbol")
            if sound.height:
                arrays = self._abnormal(grid, sound, returns)
                sound = sound.with_columns(reason=unusable(arrays, self.min_obs))
                good = sound["reason"].is_null().to_numpy()
                parts.append(arrays if good.all() else take(arrays, good))
                frames.append(sound)
        everything = pl.concat(frames)
        dropped = (
            everything.filter(pl.col("reason").is_not_null()).select("event_id", "symbol", "reason").sort("event_id", "symbol", "reason")
        )
        used = everything.filter(pl.col("reason").is_null()).with_row_index("_position").sort("event_id", "symbol")
        if not used.height:
            counts = dropped["reason"].value_counts(sort=True).sort("count", "reason", descending=[True, False])
            told = ", ".join(f"{n} {reason}" for reason, n in counts.iter_rows())
            raise EstimationError(f"None of the {dropped.height} events can be used ({told}): load more prices, or choose shorter windows.")
        order = used["_position"].to_numpy().astype(np.intp)
        stacked = stack(parts)
        arrays = stacked if np.array_equal(order, np.arange(len(order))) else take(stacked, order)
        arrays = self._rescaled(arrays)
        clock = self._clock(grids, used)
        rules = conventions_of(self.conventions)
        events = event_rows(self.window, self.returns == "log", used, arrays, clock, grids[0].names, rules.event_forecast_error)
        return EventStudyResult(
            study=self,
            events=events,
            event_returns=event_returns(self.window, events, arrays, clock),
            average=average(self.window, events, arrays.abnormal),
            dropped=dropped,
            warnings=cautions(self.window, events, arrays, clock),
            arrays=arrays,
            clock=clock,
        )

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

    @property
    def _pads(self) -> Window:
        """Columns of NaN before and after the grid that keep every window inside."""
        return max(0, -self.estimation[0]), max(0, self.window[1])

    def _abnormal(self, grid: Market, events: pl.DataFrame, returns: pl.DataFrame) -> AbnormalReturns:
        """Estimate and forecast all events of one grid, block by block."""
        left, right = self._pads
        matched = self.model == "matched"
        held = pl.concat([events["symbol"], events["match"].drop_nulls()]) if matched else events["symbol"]
        symbols = held.unique().sort()
        risk_free = np.pad(grid.risk_free, (left, right), constant_values=np.nan)
        realized = return_matrix(returns, symbols, grid.sessions, left, right)
        if grid.names:
            realized -= risk_free
        padded = np.pad(self._regressors(grid), ((0, 0), (left, right)), constant_values=np.nan)
        rows = codes(events["symbol"], symbols)
        own = codes(events["match"], symbols) if matched else rows
        # a regressor of the security's own: the portfolio it is matched to, or the market over the days its return spans
        each = realized if matched else across_gaps(realized, padded[0], self.returns == "log") if self.gaps == "compounded" else None
        zero = events["row"].to_numpy() + left

        def block(start: int) -> AbnormalReturns:
            row, day = rows[start : start + _BLOCK], zero[start : start + _BLOCK]
            gathered = []
            for first, last in (self.estimation, self.window):
                length = last - first + 1
                if each is None:
                    xs = (
                        np.stack([windows(series, day + first, length) for series in padded])
                        if len(padded)
                        else np.empty((0, len(row), length))
                    )
                else:
                    xs = windows(each, day + first, length, own[start : start + _BLOCK])[None]
                gathered.append((windows(realized, day + first, length, row), xs))
            (before, x_before), (during, x_during) = gathered
            model = self._estimate(before, x_before)
            if conventions_of(self.conventions).regressor_moments == "window":
                model = over_window(model, x_before)
            return forecast(model, during, x_during[1:2] if self.model in _LAGGED else x_during)

        head = block(0)
        starts = range(_BLOCK, len(rows), _BLOCK)
        if not starts:
            arrays = head
        else:
            arrays = empty_like(head, len(rows))
            place(arrays, 0, head)
            # numpy lets go of the interpreter inside its loops, and each block writes rows of its own
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(lambda start: place(arrays, start, block(start)), starts))
        if grid.names:
            rate = windows(risk_free, zero + self.window[0], self.window[1] - self.window[0] + 1)
            arrays = replace(arrays, realized=arrays.realized + rate, expected=arrays.expected + rate)
        return arrays

    def _regressors(self, grid: Market) -> Floats:
        """Return (K, S) the regressors of the grid's sessions that are common to all events."""
        if self.model in ("constant", "factors"):
            return grid.factors
        return leads_and_lags(grid.market) if self.model in _LAGGED else grid.market[None, :]

    def _estimate(self, realized: Floats, regressors: Floats) -> NormalModel:
        match self.model:
            case "scholes_williams":
                return scholes_williams(realized, regressors)
            case "dimson":
                return dimson(realized, regressors)
            case "garch":
                return garch_market(realized, regressors)
            case _:
                return estimate(self.model, realized, regressors)

    def _clock(self, grids: Sequence[Market], used: pl.DataFrame) -> Clock:
        left, right = self._pads
        sessions = np.unique(np.concatenate([grid.sessions for grid in grids]))
        numbers = np.full((len(grids), left + max(len(grid.sessions) for grid in grids) + right), -1, dtype=np.int64)
        for number, grid in enumerate(grids):
            numbers[number, left : left + len(grid.sessions)] = np.searchsorted(sessions, grid.sessions)
        return Clock(sessions, numbers, used["market"].to_numpy().astype(np.int64), used["row"].to_numpy() + left)
