"""Event studies in minutes: the same study on a grid of intraday bars.

A bar is known by the instant it ends. Bar 0 of an event is the first bar of the benchmark that ends strictly after the event was available:
the bar it fell into, or the first of the next session. Bars are counted, so minutes are minutes of trading: lunch, nights and holidays
have none. The first return of a session spans the night.

Volatility has a shape over the day, high at the open and the close: an event at the open looks large beside an estimation window of all
hours. Tests that take their variance from the cross-section (``bmp``, ``kolari_pynnonen``, ``grank_t``) bear it; ``patell`` and
``time_series`` do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from backtests.event_windows import instants, require
from research.calendar import mic_of, zone_of
from research.errors import SchemaError, UnknownSymbolError, UsageError
from research.schemas import INSTANT

if TYPE_CHECKING:
    from backtests.event_study import EventStudy, EventStudyResult

__all__ = ["IntradayResult", "intraday_study"]

Window = tuple[int, int]

_ORIGIN = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, repr=False)
class IntradayResult:
    """What an intraday study found.

    Attributes
    ----------
    minutes
        Length of a bar.
    average
        group, minute (start of the bar, from the start of bar 0, in minutes of trading), n_events, aar, caar, std_error.
    event_returns
        event_id, symbol, minute, at (end of the bar), realized_return, expected_return, abnormal_return, forecast_std.
    events
        As in :class:`~backtests.study_result.EventStudyResult`, with ``at0``, the end of bar 0, in place of ``day0``.
    dropped, warnings
        As there; warnings speak of bars as of days.
    result
        The study itself, on bars numbered as if they were days.
    """

    minutes: int
    average: pl.DataFrame
    event_returns: pl.DataFrame
    events: pl.DataFrame
    dropped: pl.DataFrame
    warnings: tuple[str, ...]
    result: EventStudyResult

    def __repr__(self) -> str:
        """Say what was studied, in a line."""
        return f"IntradayResult({self.events.height} events, {self.dropped.height} dropped, bars of {self.minutes} minutes)"

    def tests(self, windows: Sequence[Window] | None = None, tests: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the ``event_tests`` table with windows in minutes, [start, end).

        Parameters
        ----------
        windows
            Multiples of the bar's length, such as (0, 30) for the first half hour. Default: the whole, and its part from minute 0 on.
        tests
            As for :meth:`backtests.study_result.EventStudyResult.tests`.
        """
        first, last = self.result.study.window
        whole = (first * self.minutes, (last + 1) * self.minutes)
        asked = [whole, (0, whole[1])] if windows is None else windows
        found = self.result.tests([_bars(window, self.minutes) for window in dict.fromkeys(asked)], tests)
        return found.with_columns(window_start=pl.col("window_start") * self.minutes, window_end=(pl.col("window_end") + 1) * self.minutes)


def intraday_study(
    study: EventStudy,
    events: pl.DataFrame,
    bars: pl.DataFrame,
    benchmark: str,
    *,
    minutes: int,
    window: Window,
    estimation: Window,
    group: str | None = None,
    overnight: Literal["keep", "drop"] = "keep",
) -> IntradayResult:
    """Study ``events`` on intraday bars.

    Parameters
    ----------
    study
        Model, min_obs (in bars), conventions and seed; its windows are not used.
    events
        As for :meth:`backtests.event_study.EventStudy.fit`.
    bars
        ``symbol``, ``at`` (end of the bar, an instant), ``close`` (positive; adjusted, where the bars span a distribution).
    benchmark
        Symbol whose bars are the grid.
    minutes
        Length of a bar; tells bars from minutes, and is not checked against ``at``, since sessions pause.
    window, estimation
        Minutes of trading from the start of bar 0, [start, end), multiples of ``minutes``.
    group
        As for ``fit``.
    overnight
        Whether the first return of a session, which spans the night, is kept. An event after hours is answered in that very return, so
        that without it only what follows the open is studied.

    Raises
    ------
    UnknownSymbolError, SchemaError, UsageError, EstimationError
        As for ``fit``; for windows that are no multiples of ``minutes``.
    """
    if minutes < 1 or overnight not in ("keep", "drop"):
        raise UsageError(f"Minutes came as {minutes} and overnight as {overnight!r}; expected at least 1, and keep or drop.")
    require(bars, "bars", {"symbol": pl.String, "at": INSTANT, "close": pl.Float64})
    require(events, "events", {"event_id": pl.String, "symbol": pl.String, "available_at": INSTANT}, nulls=("symbol",))
    if bars.select(pl.struct("symbol", "at").is_duplicated().any()).item():
        raise SchemaError("bars", "symbol+at", "bars that share a key", "one row a key")
    zone = str(zone_of(mic_of(benchmark)))
    rows = bars.sort("symbol", "at").with_columns(session=pl.col("at").dt.convert_time_zone(zone).dt.date())
    change = pl.when(pl.col("close").shift(1) > 0).then(pl.col("close") / pl.col("close").shift(1) - 1.0).over("symbol")
    opens = (pl.col("session") != pl.col("session").shift(1)).fill_null(True).over("symbol")
    rows = rows.with_columns(realized_return=change if overnight == "keep" else pl.when(~opens).then(change))
    grid = rows.filter(pl.col("symbol") == benchmark).select("at", "realized_return").sort("at")
    if not grid.height:
        raise UnknownSymbolError(f"Benchmark {benchmark!r} has no bars: load them, or name another benchmark.")
    # bar i stands as the i-th day: the study counts sessions, whatever they are
    numbered = grid.select("at", session=pl.lit(_ORIGIN) + pl.duration(days=pl.int_range(pl.len())))
    placed = np.searchsorted(instants(grid["at"]), instants(events["available_at"]), side="right")
    days = pl.Series(np.datetime64(_ORIGIN) + placed).cast(pl.Date)
    result = replace(study, window=_bars(window, minutes), estimation=_bars(estimation, minutes), locked="keep").fit_returns(
        events.with_columns(session=days),
        rows.select("symbol", "at", "realized_return").join(numbered, on="at").drop("at"),
        grid.join(numbered, on="at").select("session", "realized_return"),
        group,
    )
    minute = (pl.col("tau") * minutes).alias("minute")
    numbered = numbered.rename({"at": "_at"})
    returns = result.event_returns.join(numbered, on="session", how="left", maintain_order="left")
    told = result.events.join(numbered, left_on="day0", right_on="session", how="left", maintain_order="left")
    figures = ("realized_return", "expected_return", "abnormal_return", "forecast_std")
    return IntradayResult(
        minutes=minutes,
        average=result.average.select("group", minute, "n_events", "aar", "caar", "std_error"),
        event_returns=returns.select("event_id", "symbol", minute, pl.col("_at").alias("at"), *figures),
        events=told.with_columns(at0="_at").drop("_at", "day0"),
        dropped=result.dropped,
        warnings=result.warnings,
        result=result,
    )


def _bars(window: Window, minutes: int) -> Window:
    """Return the first and last bar of [start, end) minutes."""
    start, end = window
    if start % minutes or end % minutes or end <= start:
        raise UsageError(f"A window came as {start} .. {end} minutes; expected multiples of {minutes}, the length of a bar, in order.")
    return start // minutes, end // minutes - 1
