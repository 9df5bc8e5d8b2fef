"""Event study: abnormal returns around dated events, and whether they are more than chance.

1. Day 0 of an event is the first session of the benchmark whose close is strictly after ``available_at`` (:meth:`EventStudy.fit`),
   or the session the caller names (:meth:`EventStudy.fit_returns`); tau counts the benchmark's sessions.
2. Returns become a dense matrix, symbols × sessions; each event's windows are slices of its rows (:mod:`backtests.event_windows`).
3. :func:`backtests.normal_returns.estimate` and :func:`~backtests.normal_returns.forecast` run on blocks of thousands of events.
4. :class:`EventStudyResult` holds the tables; its :meth:`~EventStudyResult.tests` applies :mod:`backtests.event_tests` to any sub-window.

A day on which a security did not trade is null and stays null: it enters neither sums nor counts. The return of the day it resumes spans
the gap (trade to trade) and is compared with one day's normal return.

References
----------
MacKinlay, A. C. (1997), Event studies in economics and finance, Journal of Economic Literature 35, 13-39.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from backtests import event_tests
from backtests.event_windows import (
    Clock,
    Market,
    benchmark_market,
    given_market,
    instants,
    read_events,
    require,
    return_matrix,
    windows,
    with_factors,
)
from backtests.normal_returns import AbnormalReturns, estimate, forecast, parameters, stack, take
from backtests.schemas import EVENT_TESTS
from backtests.study_tables import average, cautions, event_returns, event_rows
from backtests.study_tests import Sample, default_windows
from research.calendar import followed, mic_of, zone_of
from research.errors import EstimationError, UsageError
from research.prices import returns as total_returns
from research.schemas import INSTANT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["EventStudy", "EventStudyResult"]

Window = tuple[int, int]

#: events estimated at once: the blocks' arrays stay in the processor's cache
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class EventStudy:
    """How an event study is done.

    Parameters
    ----------
    model
        Normal-return model: ``market``, ``market_adjusted``, ``constant`` or ``factors`` (see :mod:`backtests.normal_returns`).
    estimation
        First and last tau of the estimation window, both included.
    window
        First and last tau of the event window, both included; after the estimation window.
    min_obs
        Valid estimation days an event needs.
    returns
        ``simple`` or ``log``: in which returns bars are measured, and how returns compound in ``bhar``.
    seed
        Seed of the one random test, ``wild_bootstrap``.

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

    def __post_init__(self) -> None:
        least = parameters(self.model, 1) + 1
        if self.returns not in ("simple", "log"):
            raise UsageError(f"Returns came as {self.returns!r}; expected simple or log.")
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
        frame = _assigned(frame, by_market)
        wanted = pl.concat([frame["symbol"].drop_nulls().unique(), pl.Series(sorted(by_market.values()), dtype=pl.String)]).unique()
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
        frame = _mark(frame, pl.Series(off_grid), "day 0 is not a session")
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
        events = _mark(events, pl.col("_first").is_null(), "no bars")
        frames = [events.filter(pl.col("market").is_null())]
        parts: list[AbnormalReturns] = []
        for number, grid in enumerate(grids):
            chosen = self._inside(events.filter(pl.col("market") == number), grid)
            sound = chosen.filter(pl.col("reason").is_null())
            # one security on one day has one return: a second report of it is no second observation
            sound = _mark(sound, ~pl.struct("symbol", "group", "row").is_first_distinct(), "duplicate event")
            frames += [chosen.filter(pl.col("reason").is_not_null()), sound.filter(pl.col("reason").is_not_null())]
            sound = sound.filter(pl.col("reason").is_null()).sort("event_id", "symbol")
            if sound.height:
                arrays = self._abnormal(grid, sound, returns)
                sound = sound.with_columns(reason=self._unusable(arrays))
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
        clock = self._clock(grids, used)
        events = event_rows(self.window, self.returns == "log", used, arrays, clock, grids[0].names)
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
        events = _mark(events, row >= n, "after the last bar")
        events = _mark(events, events["_first"] > zero, "event before listing")
        return _mark(events, events["_last"] < ends, "after the last bar")

    @property
    def _pads(self) -> Window:
        """Columns of NaN before and after the grid that keep every window inside."""
        return max(0, -self.estimation[0]), max(0, self.window[1])

    def _abnormal(self, grid: Market, events: pl.DataFrame, returns: pl.DataFrame) -> AbnormalReturns:
        """Estimate and forecast all events of one grid, block by block."""
        left, right = self._pads
        symbols = events["symbol"].unique().sort()
        risk_free = np.pad(grid.risk_free, (left, right), constant_values=np.nan)
        realized = return_matrix(returns, symbols, grid.sessions, left, right)
        if grid.names:
            realized -= risk_free
        regressors = grid.factors if self.model == "factors" else grid.market[None, :] if self.model != "constant" else grid.factors
        padded = np.pad(regressors, ((0, 0), (left, right)), constant_values=np.nan)
        rows = events["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy().astype(np.int64)
        zero = events["row"].to_numpy() + left
        parts = []
        for start in range(0, len(rows), _BLOCK):
            row, day = rows[start : start + _BLOCK], zero[start : start + _BLOCK]
            gathered = []
            for first, last in (self.estimation, self.window):
                length = last - first + 1
                xs = np.empty((len(padded), len(row), length))
                for j, series in enumerate(padded):
                    xs[j] = windows(series, day + first, length)
                gathered.append((windows(realized, day + first, length, row), xs))
            (before, x_before), (during, x_during) = gathered
            parts.append(forecast(estimate(self.model, before, x_before), during, x_during))
        arrays = stack(parts)
        if grid.names:
            rate = windows(risk_free, zero + self.window[0], self.window[1] - self.window[0] + 1)
            arrays = replace(arrays, realized=arrays.realized + rate, expected=arrays.expected + rate)
        return arrays

    def _unusable(self, arrays: AbnormalReturns) -> pl.Series:
        """Return why an event's arrays cannot be used, null where they can."""
        short = arrays.n_obs < self.min_obs
        flat = ~np.isfinite(arrays.sigma)
        absent = np.isnan(arrays.abnormal).all(axis=1)
        frame = pl.DataFrame({"short": short | (arrays.df <= 0), "flat": flat, "absent": absent})
        reason = (
            pl.when("short").then(pl.lit("estimation window too short"))
            .when("flat").then(pl.lit("zero variance"))
            .when("absent").then(pl.lit("no return in the event window"))
            .otherwise(pl.lit(None, dtype=pl.String))
        )  # fmt: skip
        return frame.select(reason=reason)["reason"]

    def _clock(self, grids: Sequence[Market], used: pl.DataFrame) -> Clock:
        left, right = self._pads
        sessions = np.unique(np.concatenate([grid.sessions for grid in grids]))
        numbers = np.full((len(grids), left + max(len(grid.sessions) for grid in grids) + right), -1, dtype=np.int64)
        for number, grid in enumerate(grids):
            numbers[number, left : left + len(grid.sessions)] = np.searchsorted(sessions, grid.sessions)
        return Clock(sessions, numbers, used["market"].to_numpy().astype(np.int64), used["row"].to_numpy() + left)


@dataclass(frozen=True, slots=True, repr=False)
class EventStudyResult:
    """What an event study found.

    Attributes
    ----------
    study
        How it was done.
    events
        One row an event, by ``event_id``: symbol, group, day0 (session), alpha, beta (and ``beta_<factor>``), sigma (divisor T − k), df,
        n_obs (valid estimation days), n_days (valid event days), car and its exact forecast standard deviation ``car_std_error``, bhar
        (buy-and-hold: compounded return less compounded normal return), t = car / car_std_error, p_value (two-sided, Student's t with df).
    event_returns
        The ``event_returns`` table; sessions after the end of the bars are left out.
    average
        The ``event_study`` table.
    dropped
        event_id, symbol, reason: the events that are in no other table.
    warnings
        Sentences about what this sample does to the tests.
    arrays, clock
        The same as arrays, a row for each row of ``events``.
    """

    study: EventStudy
    events: pl.DataFrame
    event_returns: pl.DataFrame
    average: pl.DataFrame
    dropped: pl.DataFrame
    warnings: tuple[str, ...]
    arrays: AbnormalReturns
    clock: Clock

    def __repr__(self) -> str:
        """Say what was studied, in a line."""
        groups = ", ".join(self.events["group"].unique().sort().to_list())
        return f"EventStudyResult({self.study.model}, {self.events.height} events, {self.dropped.height} dropped, groups: {groups})"

    def tests(self, windows: Sequence[Window] | None = None, tests: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the ``event_tests`` table: every test of every sub-window and group.

        Parameters
        ----------
        windows
            First and last tau of each sub-window, inside the event window. Default: (0, 0), (0, 1), (−1, 1), the days before, the days
            from 0 on, and the whole, as far as the event window holds them.
        tests
            Names from :data:`backtests.event_tests.TESTS`, or ``wild_bootstrap``. Default: the former.

        Raises
        ------
        UsageError
            For an unknown test, or a window outside the event window.
        """
        names = tuple(event_tests.TESTS if tests is None else dict.fromkeys(tests))
        unknown = [name for name in names if name not in (*event_tests.TESTS, "wild_bootstrap")]
        if unknown:
            raise UsageError(f"Test {unknown[0]!r} is not known; expected one of {', '.join(event_tests.TESTS)}, wild_bootstrap.")
        asked = default_windows(self.study.window) if windows is None else sorted({(int(first), int(last)) for first, last in windows})
        for first, last in asked:
            if not self.study.window[0] <= first <= last <= self.study.window[1]:
                raise UsageError(
                    f"Window {first} .. {last} came; expected one inside the event window {self.study.window[0]} .. {self.study.window[1]}."
                )
        rows = []
        for group in self.events["group"].unique().sort():
            chosen = np.flatnonzero((self.events["group"] == group).to_numpy())
            clock = self.clock.take(chosen)
            sample = Sample.of(
                self.study.estimation,
                self.study.window,
                self.study.seed,
                self.arrays if len(chosen) == self.events.height else take(self.arrays, chosen),
                clock,
                names,
            )
            found = {window: sample.run(names, window) for window in asked}
            for number, name in enumerate(names):
                for window in asked:
                    outcome = found[window][number]
                    rows.append((group, name, *window, outcome.statistic, outcome.p_value, outcome.df, outcome.n_events))
        return EVENT_TESTS.validate(pl.DataFrame(rows, schema=EVENT_TESTS.schema, orient="row"))

    def plot(self) -> Figure:
        """Return the cumulative average abnormal return with its 95 % band, a line a group."""
        from backtests import study_plots

        return study_plots.caar(self.average)

    def plot_aar(self) -> Figure:
        """Return the average abnormal return of each day with its 95 % interval, groups side by side."""
        from backtests import study_plots

        return study_plots.aar(self.average, self.event_returns, self.events)

    def plot_events(self) -> Figure:
        """Return each event's cumulative abnormal return with its 95 % interval, sorted."""
        from backtests import study_plots

        return study_plots.cars(self.events)


def _mark(frame: pl.DataFrame, bad: pl.Expr | pl.Series, reason: str) -> pl.DataFrame:
    """Write ``reason`` on the bad rows that have none yet."""
    return frame.with_columns(reason=pl.when(pl.col("reason").is_null() & bad).then(pl.lit(reason)).otherwise(pl.col("reason")))


def _assigned(events: pl.DataFrame, benchmarks: Mapping[str, str]) -> pl.DataFrame:
    """Add ``market``, the key of the benchmark each event is measured against; null and a reason where there is none."""
    if set(benchmarks) == {""}:
        market = pl.when(pl.col("symbol").is_not_null()).then(pl.lit("")).otherwise(pl.lit(None, dtype=pl.String))
        return events.with_columns(market=market)
    symbols = events["symbol"].drop_nulls().unique().sort().to_list()
    mics = [mic_of(symbol) for symbol in symbols]
    keys = [mic if mic in benchmarks else followed(mic) for mic in mics]
    table = pl.DataFrame(
        {"symbol": symbols, "market": [key if key in benchmarks else None for key in keys]},
        schema={"symbol": pl.String, "market": pl.String},
    )
    events = events.join(table, on="symbol", how="left", maintain_order="left")
    return _mark(events, pl.col("market").is_null(), "no benchmark")
