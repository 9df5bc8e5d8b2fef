"""Inputs of an event study as arrays: the session grid of a market, day 0 of each event, windows of a return matrix.

The grid is the benchmark's own sessions. A security's return on another session is not used; its missing return on one is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from research.calendar import followed, mic_of
from research.errors import DataError, EstimationError, SchemaError, UnknownSymbolError, UsageError
from research.schemas import INSTANT

__all__ = [
    "Clock",
    "Market",
    "assigned",
    "benchmark_market",
    "codes",
    "given_market",
    "instants",
    "mark",
    "read_events",
    "require",
    "return_matrix",
    "spans",
    "windows",
    "with_factors",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Market:
    """The sessions events are counted on, and the regressors of each.

    Attributes
    ----------
    sessions
        (S,) trading dates, increasing, ``datetime64[D]``.
    market
        (S,) the benchmark's return; NaN where it is not known.
    factors, names
        (K, S) further regressors and their names.
    risk_free
        (S,) return subtracted from a security's before a factor model is fitted; zero without one.
    """

    sessions: Dates
    market: Floats
    factors: Floats
    names: tuple[str, ...]
    risk_free: Floats


@dataclass(frozen=True, slots=True)
class Clock:
    """Where each event stands in calendar time.

    Attributes
    ----------
    sessions
        (D,) the union of the markets' sessions, ``datetime64[D]``.
    numbers
        (M, P) calendar day, as a position in ``sessions``, of each padded session of each market; −1 outside a market's sessions.
    market, row
        (E,) market of each event, and the padded position of its day 0.
    """

    sessions: Dates
    numbers: Ints
    market: Ints
    row: Ints

    def cohorts(self) -> tuple[Ints, Ints]:
        """Return the first event of each cohort (events of one market and one day 0), and the cohort of each event."""
        key = self.market * self.numbers.shape[1] + self.row
        if len(key) and int(key.max()) < 2**22:
            # a table of the keys: no sort
            first = np.full(int(key.max()) + 1, len(key))
            # written backwards, so that the earliest event of a key stays
            first[key[::-1]] = np.arange(len(key))[::-1]
            held = np.flatnonzero(first < len(key))
            number = np.zeros(len(first), dtype=np.int64)
            number[held] = np.arange(len(held))
            return first[held], number[key]
        _, first, cohort = np.unique(key, return_index=True, return_inverse=True)
        return first, cohort

    def days(self, first: int, last: int, events: Ints | slice = slice(None)) -> Ints:
        """Return the calendar days of tau ``first`` .. ``last`` of ``events``: (E, last − first + 1), −1 outside the sessions."""
        tau = np.arange(first, last + 1)
        return np.asarray(self.numbers[self.market[events, None], self.row[events, None] + tau])

    def take(self, events: Ints) -> Clock:
        """Return the clock of some of the events."""
        return replace(self, market=self.market[events], row=self.row[events])


def require(frame: pl.DataFrame, table: str, columns: Mapping[str, Any], *, nulls: tuple[str, ...] = ()) -> None:
    """Raise :class:`~research.errors.SchemaError` unless ``frame`` has ``columns`` of these dtypes, without nulls except in ``nulls``."""
    for name, dtype in columns.items():
        if name not in frame.columns:
            raise SchemaError(table, name, f"columns {', '.join(frame.columns) or '(none)'}", f"a column {name} ({dtype})")
        if frame.schema[name] != dtype:
            raise SchemaError(table, name, str(frame.schema[name]), str(dtype))
        if name not in nulls and frame[name].null_count():
            example = frame.filter(pl.col(name).is_null()).row(0, named=True)
            raise SchemaError(table, name, f"a null in {frame[name].null_count()} of {frame.height} rows", "no nulls", example)


def read_events(events: pl.DataFrame, clock: str, group: str | None) -> pl.DataFrame:
    """Return events as ``event_id, symbol, group, at, match, reason``, sorted by when they were known.

    Parameters
    ----------
    events
        At least ``event_id``, ``symbol`` and the ``clock`` column.
    clock
        ``available_at`` (an instant) or ``session`` (a date).
    group
        Column to group by; ``None`` puts all events in the group ``all``.

    Returns
    -------
    DataFrame
        ``reason`` says why an event cannot be used, null when nothing is known against it.

    Raises
    ------
    EstimationError
        When there is no event.
    SchemaError, UsageError
        For a missing, mistyped or unknown column.
    """
    dtype: Any = INSTANT if clock == "available_at" else pl.Date
    require(events, "events", {"event_id": pl.String, "symbol": pl.String, clock: dtype}, nulls=("symbol",))
    if group is not None and group not in events.columns:
        raise UsageError(f"Events came without the column {group!r} to group by; expected one of {', '.join(events.columns)}.")
    if not events.height:
        raise EstimationError("No events came; expected at least one row: widen the filter on events or ingest more documents.")
    label = pl.lit("all") if group is None else pl.col(group).cast(pl.String)
    match = pl.col("match").cast(pl.String) if "match" in events.columns else pl.lit(None, dtype=pl.String)
    frame = events.select("event_id", "symbol", group=label, at=pl.col(clock), match=match).sort("at", "event_id", "symbol", "group")
    reason = pl.when(pl.col("symbol").is_null()).then(pl.lit("no symbol")).when(pl.col("group").is_null()).then(pl.lit("no group"))
    doubled = ~pl.struct("event_id", "symbol").is_first_distinct()
    return frame.with_columns(reason=reason.when(doubled).then(pl.lit("duplicate event")).otherwise(pl.lit(None, dtype=pl.String)))


def benchmark_market(bars: pl.DataFrame, returns: pl.DataFrame, symbol: str) -> tuple[Market, Dates]:
    """Return the grid of one benchmark, and when each of its sessions closed (``datetime64[us]``, UTC).

    The sessions are those the benchmark traded in.

    Raises
    ------
    UnknownSymbolError
        When ``bars`` holds no session of the benchmark.
    DataError
        When its ``available_at`` does not increase with the session: then day 0 cannot be told.
    """
    own = bars.filter((pl.col("symbol") == symbol) & ~pl.col("suspended")).select("session", "available_at").sort("session")
    if not own.height:
        held = ", ".join(bars["symbol"].unique().sort().head(5).to_list()) or "no symbol at all"
        raise UnknownSymbolError(f"Benchmark {symbol!r} has no bars; the bars hold {held} …: load its prices, or name another benchmark.")
    if not own["available_at"].is_sorted() or own["available_at"].n_unique() < own.height:
        raise DataError(f"The bars of benchmark {symbol!r} do not become available session by session; expected each session's close.")
    joined = own.join(returns.filter(pl.col("symbol") == symbol).select("session", "realized_return"), on="session", how="left").sort(
        "session"
    )
    return _market(joined["session"], joined["realized_return"]), instants(own["available_at"])


def given_market(market: pl.DataFrame) -> Market:
    """Return the grid of a frame ``session, realized_return``; one row a session."""
    require(market, "market", {"session": pl.Date, "realized_return": pl.Float64}, nulls=("realized_return",))
    ordered = market.select("session", "realized_return").sort("session")
    if not ordered.height or ordered["session"].is_duplicated().any():
        raise SchemaError(
            "market", "session", f"{ordered.height} rows, {ordered['session'].n_unique()} sessions", "at least one row, one row a session"
        )
    return _market(ordered["session"], ordered["realized_return"])


def with_factors(market: Market, factors: pl.DataFrame) -> Market:
    """Return ``market`` with the columns of ``factors`` (session, Float64 returns …, ``risk_free`` optional) on its sessions."""
    require(factors, "factors", {"session": pl.Date})
    names = tuple(name for name in factors.columns if name not in ("session", "risk_free"))
    if not names:
        raise SchemaError(
            "factors", "(any)", f"columns {', '.join(factors.columns)}", "at least one Float64 column besides session and risk_free"
        )
    require(
        factors,
        "factors",
        dict.fromkeys((*names, *(["risk_free"] if "risk_free" in factors.columns else [])), pl.Float64),
        nulls=(*names, "risk_free"),
    )
    if factors["session"].is_duplicated().any():
        raise SchemaError("factors", "session", "a session in several rows", "one row a session")
    joined = pl.DataFrame({"session": market.sessions}).join(factors, on="session", how="left", maintain_order="left")
    risk_free = _floats(joined["risk_free"]) if "risk_free" in factors.columns else np.zeros(len(market.sessions))
    return replace(market, factors=np.stack([_floats(joined[name]) for name in names]), names=names, risk_free=risk_free)


def return_matrix(returns: pl.DataFrame, symbols: pl.Series, sessions: Dates, left: int, right: int) -> Floats:
    """Return (symbols, left + S + right) returns, NaN where there is none, so that every window lies inside.

    Parameters
    ----------
    returns
        ``session, symbol, realized_return``, one row a key; other symbols and sessions are not used.
    symbols
        Distinct symbols, one a row of the result.
    sessions
        (S,) the grid.
    left, right
        Columns of NaN before and after the grid.
    """
    width = left + len(sessions) + right
    # sessions by a table over calendar days, symbols by an enumeration: a join of millions of rows costs ten times as much
    table = np.full(int((sessions[-1] - sessions[0]).astype(np.int64)) + 1, -1, dtype=np.int64)
    table[(sessions - sessions[0]).astype(np.int64)] = np.arange(len(sessions))
    offset = returns["session"].to_physical().to_numpy() - int(sessions[0].astype(np.int64))
    if len(offset) and offset.min() >= 0 and offset.max() < len(table):
        day = table[offset]
    else:
        day = np.where((offset >= 0) & (offset < len(table)), table[np.clip(offset, 0, len(table) - 1)], -1)
    names, lengths = _runs(returns["symbol"])
    row = names.cast(pl.Enum(symbols), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    row = np.repeat(row, lengths)
    whole = bool(len(day) == 0 or (day.min() >= 0 and row.min() >= 0))
    used = np.ones(len(day), dtype=bool) if whole else (day >= 0) & (row >= 0)
    place = row * width + day + left if whole else row[used] * width + day[used] + left
    filled, seen = np.full(len(symbols) * width, np.nan), np.zeros(len(symbols) * width, dtype=bool)
    seen[place] = True
    if np.count_nonzero(seen) < len(place):
        kept = returns.filter(pl.Series(used))
        doubled = kept.filter(pl.struct("symbol", "session").is_duplicated()).select("symbol", "session").row(0, named=True)
        raise SchemaError("returns", "symbol+session", "rows that share a key", "one row a key", doubled)
    values = _floats(returns["realized_return"])
    filled[place] = values if whole else values[used]
    return filled.reshape(len(symbols), width)


def spans(returns: pl.DataFrame) -> pl.DataFrame:
    """Return symbol, _first and _last: the sessions of the first and last row of each symbol, also where the return is null."""
    names, lengths = _runs(returns["symbol"])
    schema = pl.Schema({"symbol": pl.String, "_first": pl.Date, "_last": pl.Date})
    if not len(lengths):
        return pl.DataFrame(schema=schema)
    session = returns["session"].to_physical().to_numpy()
    starts = np.cumsum(lengths) - lengths
    ends = {"_first": np.minimum.reduceat(session, starts), "_last": np.maximum.reduceat(session, starts)}
    table = pl.DataFrame({"symbol": names, **ends}).cast(schema)
    return table.group_by("symbol", maintain_order=True).agg(pl.col("_first").min(), pl.col("_last").max())


def _runs(names: pl.Series) -> tuple[pl.Series, Ints]:
    """Return the names of consecutive equal rows, and how many rows each stands for: in a table sorted by symbol there are few."""
    runs = names.rle().struct
    return runs.field("value"), runs.field("len").cast(pl.Int64).to_numpy()


def windows(series: Floats, starts: Ints, length: int, rows: Ints | None = None) -> Floats:
    """Gather (E, length) slices that begin at ``starts``, of the vector ``series`` or of ``rows`` of the matrix ``series``."""
    slices = np.lib.stride_tricks.sliding_window_view(series, length, axis=-1)
    return np.asarray(slices[starts] if rows is None else slices[rows, starts])


def _market(sessions: pl.Series, returns: pl.Series) -> Market:
    values = _floats(returns)
    return Market(sessions.to_numpy().astype("datetime64[D]"), values, np.empty((0, len(values))), (), np.zeros(len(values)))


def _floats(values: pl.Series) -> Floats:
    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return numbers if np.isfinite(numbers).all() else np.where(np.isfinite(numbers), numbers, np.nan)


def instants(values: pl.Series) -> Dates:
    """Return UTC instants as ``datetime64[us]``."""
    return values.dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")


def codes(names: pl.Series, symbols: pl.Series) -> Ints:
    """Return the position of each name in ``symbols``; an absent name (null) has that of the last, and is told apart by the caller."""
    return names.cast(pl.Enum(symbols)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def mark(frame: pl.DataFrame, bad: pl.Expr | pl.Series, reason: str) -> pl.DataFrame:
    """Write ``reason`` on the bad rows that have none yet."""
    return frame.with_columns(reason=pl.when(pl.col("reason").is_null() & bad).then(pl.lit(reason)).otherwise(pl.col("reason")))


def assigned(events: pl.DataFrame, benchmarks: Mapping[str, str]) -> pl.DataFrame:
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
    return mark(events, pl.col("market").is_null(), "no benchmark")
