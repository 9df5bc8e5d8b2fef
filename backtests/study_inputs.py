"""What goes into a study: weights and market-wide events; and cases on disk, folders of CSV files read into frames.

The layouts are described in ``docs/event_study.md``. Files are recognised by name, columns by the names those layouts use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from backtests.event_windows import mark
from backtests.study_columns import canonical, column_of, day_of, days, read_settings, read_table, typed
from research.errors import DataError, SchemaError, UsageError

__all__ = ["Case", "market_wide", "read_case", "weighed"]

Window = tuple[int, int]

_EVENT = ("event_id", "id_event", "subject_id")
_SECURITY = ("security", "firm_symbol", "security_ticker", "id_firm", "subject_id", "symbol")
_INDEX = ("index_symbol", "market_ticker", "id_market", "market")
_DAY = ("event_date", "EVT_DATE", "date", "session")
_DATE = ("date", "session", "day")
_GROUP = ("group", "id_group")
_RISK_FREE = ("risk_free_rate", "risk_free", "RF", "rf", "rf_h15")

#: a study of a folder that states no windows: ten days about day 0, and 250 days that end thirty days before them
_WINDOW: Window = (-10, 10)
_GAP, _LENGTH = 30, 250

_MODELS = {"sim": "market", "mean_adj": "constant", "mrkt_adj": "market_adjusted"}


@dataclass(frozen=True, slots=True)
class Case:
    """What a folder asks for.

    Attributes
    ----------
    name
        Name of the folder.
    events
        event_id, symbol, session, group.
    unread
        event_id, symbol, reason: rows that name no day.
    returns, market
        session, symbol, realized_return; session, realized_return.
    factors
        session, Float64 columns, optionally risk_free; ``None`` without.
    estimation, window
        First and last tau of the two windows.
    log
        Whether returns are log returns.
    models
        Models the folder names; empty when it names none.
    volume
        As ``returns``, with log(1 + volume) in place of the return; ``None`` without.
    """

    name: str
    events: pl.DataFrame
    unread: pl.DataFrame
    returns: pl.DataFrame
    market: pl.DataFrame
    factors: pl.DataFrame | None
    estimation: Window
    window: Window
    log: bool
    models: tuple[str, ...]
    volume: pl.DataFrame | None


def weighed(frame: pl.DataFrame, events: pl.DataFrame, weights: str | None) -> pl.DataFrame:
    """Add ``weight`` to events that were read; null without weights, and a reason where it is not positive.

    Raises
    ------
    UsageError
        When ``events`` have no such column of numbers.
    """
    if weights is None:
        return frame.with_columns(weight=pl.lit(None, dtype=pl.Float64))
    if weights not in events.columns or not events.schema[weights].is_numeric():
        raise UsageError(f"Weights came as {weights!r}; expected a column of numbers, one of {', '.join(events.columns)}.")
    table = events.select("event_id", "symbol", weight=pl.col(weights).cast(pl.Float64)).unique(["event_id", "symbol"], keep="first")
    joined = frame.join(table, on=["event_id", "symbol"], how="left", nulls_equal=True, maintain_order="left")
    bad = pl.col("weight").is_null() | ~pl.col("weight").is_finite() | (pl.col("weight") <= 0)
    return mark(joined, bad, "weight not positive")


def market_wide(events: pl.DataFrame, benchmarks: Sequence[str]) -> pl.DataFrame:
    """Give events without a symbol that of the benchmark, one row for each of several."""
    if "symbol" not in events.columns or not events["symbol"].null_count():
        return events
    wide = events.filter(pl.col("symbol").is_null())
    return pl.concat([events.filter(pl.col("symbol").is_not_null()), *(wide.with_columns(symbol=pl.lit(name)) for name in benchmarks)])


def read_case(folder: Path) -> Case:
    """Read a folder of returns or prices, a market, optionally factors, and events.

    Raises
    ------
    DataError
        When no known layout fits, or events differ in their windows.
    SchemaError
        When a file lacks a column.
    """
    events = read_table(folder / "events.csv")
    config = _config(folder)
    index = _only(events, _INDEX, "a market")
    securities = events[_name(events, _SECURITY, "events")]
    volume = None
    if (folder / "firm_prices.csv").exists():
        prices, indices = (_prices(folder / f"{name}.csv") for name in ("firm_prices", "market_prices"))
        returns, market = _changes(prices), _changes(indices)
        if index is not None:
            market = market.filter(pl.col("symbol") == index)
        elif market["symbol"].n_unique() > 1:
            raise DataError(f"{folder / 'market_prices.csv'} holds {market['symbol'].n_unique()} symbols; name one in events.csv.")
        if "firm_volume" in prices.columns:
            held = typed(prices, ["firm_volume"], "firm_prices.csv")
            volume = held.select("symbol", session="date", realized_return=pl.col("firm_volume").log1p())
    elif (folder / "panel.csv").exists():
        panel = _dated(folder / "panel.csv", {"symbol": _SECURITY}, ["ret_dlst_adj", "vwretd"])
        returns = panel.select(session="date", symbol="symbol", realized_return="ret_dlst_adj")
        market = panel.group_by("date").agg(realized_return=pl.col("vwretd").drop_nulls().first()).rename({"date": "session"})
    elif (folder / "firms.csv").exists():
        firms = _dated(folder / "firms.csv", {"symbol": _SECURITY}, ["ret"])
        markets = _dated(folder / "markets.csv", {"market": _INDEX}, ["ret_m"])
        returns = firms.select(session="date", symbol="symbol", realized_return="ret")
        market = markets.filter(pl.col("market") == index if index is not None else pl.lit(True))
        market = market.select(session="date", realized_return="ret_m")
    elif (folder / "returns.csv").exists():
        wide = _wide(folder / "returns.csv")
        table = _wide(folder / "market.csv") if (folder / "market.csv").exists() else wide
        column = index or next((name for name in ("SPY", "market", *table.columns) if name in table.columns and name != "session"), "")
        if column not in table.columns or (table is wide and column in securities.to_list()):
            raise DataError(f"{folder / 'returns.csv'} holds no market: add market.csv with the columns date and a return.")
        market = table.select("session", realized_return=column)
        returns = wide.drop(column, strict=False).unpivot(index="session", variable_name="symbol", value_name="realized_return")
    else:
        raise DataError(
            f"{folder} holds {', '.join(sorted(p.name for p in folder.glob('*.csv')))}; expected returns.csv or firm_prices.csv."
        )
    # a row written twice is one row; two values of one day are not
    returns = returns.drop_nulls("session").unique(maintain_order=True)
    market = market.select("session", "realized_return").drop_nulls("session").unique("session", keep="first").sort("session")
    estimation, window = _windows(folder, events, config, market)
    group = column_of(events, _GROUP)
    name = column_of(events, _EVENT)
    read = events.select(
        event_id=pl.int_range(1, pl.len() + 1).cast(pl.String) if name is None else pl.col(name),
        symbol=securities,
        session=days(events[_name(events, _DAY, "events")]),
        group=pl.lit("all") if group is None else pl.col(group),
    )
    read = read.with_columns(event_id=pl.col("event_id").fill_null("(none)"))
    unread = read.filter(pl.col("session").is_null()).select("event_id", "symbol", reason=pl.lit("day 0 cannot be read"))
    if unread.height and unread.height == read.height:
        written = events[_name(events, _DAY, "events")][0]
        raise DataError(f"No day of the {read.height} events can be read, such as {written!r}; expected days such as 2020-01-31.")
    return Case(
        name=folder.name,
        events=read.drop_nulls("session"),
        unread=unread,
        returns=returns,
        market=market,
        factors=_factors(folder),
        estimation=estimation,
        window=window,
        log=str(config.get("return_type", "simple")).startswith("log"),
        models=(_MODELS.get(str(config["model"]), str(config["model"])),) if "model" in config else (),
        volume=volume,
    )


def _dated(path: Path, names: Mapping[str, Sequence[str]], numbers: Sequence[str]) -> pl.DataFrame:
    """Read a long table with ``date``, the columns ``names`` and ``numbers``."""
    if not path.exists():
        raise DataError(f"{path} does not exist; expected it beside the other files of {path.parent}.")
    wanted = {"date": _DATE, **names, **{name: (name,) for name in numbers}}
    return typed(canonical(read_table(path), wanted, path.name), numbers, path.name, ["date"])


def _wide(path: Path) -> pl.DataFrame:
    """Read a table with ``session`` and a column of returns a symbol."""
    table = canonical(read_table(path), {"session": _DATE}, path.name)
    return typed(table, [name for name in table.columns if name != "session"], path.name, ["session"])


def _prices(path: Path) -> pl.DataFrame:
    """Read ``symbol, date, adjusted`` and what stands beside them; a row written twice is one row."""
    return _dated(path, {"symbol": ("symbol", "ticker")}, ["adjusted"]).unique(["symbol", "date", "adjusted"], maintain_order=True)


def _config(folder: Path) -> dict[str, Any]:
    """Return the settings of ``config.json``; without it those that stand beside given answers."""
    if (folder / "config.json").exists():
        return read_settings(folder / "config.json")
    beside = read_settings(folder / "expected.json")
    return {**beside.get("config", {}), "windows": beside.get("windows", {})} if beside else {}


def _windows(folder: Path, events: pl.DataFrame, config: dict[str, Any], market: pl.DataFrame) -> tuple[Window, Window]:
    try:
        if "estimation_start" in config:
            sessions = market["session"]
            zero = sessions.search_sorted(day_of(config["event_start"]))
            ends = [sessions.search_sorted(day_of(config[name])) for name in ("estimation_start", "event_start")]
            lasts = [sessions.search_sorted(day_of(config[name]), side="right") - 1 for name in ("estimation_end", "event_end")]
            estimation, window = ((start - zero, end - zero) for start, end in zip(ends, lasts, strict=True))
            return estimation, window
        columns = ("event_window_start", "event_window_end", "shift_estimation_window", "estimation_window_length")
        if set(columns) <= set(events.columns):
            rows = typed(events.select(columns), columns, "events.csv").drop_nulls().unique().rows()
            if len(rows) != 1:
                raise DataError(f"The events of {folder} have {len(rows)} different windows; expected the same of all: study them apart.")
            start, end, shift, length = (int(value) for value in rows[0])
            return (shift - length + 1, shift), (start, end)
        if "estperiod" in config:
            # that program counts prices: the first return and the day of the event are lost to the estimation window
            start, last = int(config["start"]), int(config["start"]) - int(config["gap"]) - 1
            return (last - int(config["estperiod"]) + 3, last), (start, int(config["end"]))
        if config.get("windows"):
            stated = config["windows"]
            return _pair(stated["estimation"]), _pair(stated["event"][0] if isinstance(stated["event"][0], list) else stated["event"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        told = f"lack {error}" if isinstance(error, KeyError) else f"cannot be read ({error})"
        raise DataError(f"The windows in the settings of {folder} {told}; docs/event_study.md says how they are written.") from None
    last = _WINDOW[0] - _GAP - 1
    return (last - _LENGTH + 1, last), _WINDOW


def _factors(folder: Path) -> pl.DataFrame | None:
    path, unit = next(
        ((folder / name, unit) for name, unit in (("factors.csv", 1.0), ("factors_percent.csv", 100.0)) if (folder / name).exists()),
        (None, 1.0),
    )
    if path is None:
        return None
    table = canonical(read_table(path), {"date": _DATE}, path.name)
    numbers = [name for name in table.columns if name != "date"]
    table = typed(table, numbers, path.name, ["date"]).drop_nulls("date").unique("date", keep="first", maintain_order=True)
    names = {"Mkt-RF": "market_excess", "SMB": "smb", "HML": "hml", "RMW": "rmw", "CMA": "cma", "Mom": "mom"}
    risk_free = column_of(table, _RISK_FREE)
    columns = {names.get(name, name): pl.col(name) / unit for name in numbers if name != risk_free}
    if risk_free is not None:
        columns["risk_free"] = pl.col(risk_free) / unit
    return table.select(pl.col("date").alias("session"), **columns)


def _changes(prices: pl.DataFrame) -> pl.DataFrame:
    """Return simple returns of each symbol from one of its own rows to the next."""
    change = pl.col("adjusted") / pl.col("adjusted").shift(1).over("symbol") - 1
    return prices.sort("symbol", "date").select("symbol", session="date", realized_return=change)


def _name(table: pl.DataFrame, names: Sequence[str], label: str) -> str:
    found = column_of(table, names)
    if found is None:
        raise SchemaError(label, names[0], f"columns {', '.join(table.columns)}", f"one of {', '.join(names)}")
    return found


def _only(table: pl.DataFrame, names: Sequence[str], what: str) -> str | None:
    name = column_of(table, names)
    if name is None:
        return None
    values = table[name].drop_nulls().unique().sort().to_list()
    if len(values) != 1:
        raise DataError(f"The events name {len(values)} values of {name}; expected {what} common to all: study them apart.")
    return str(values[0])


def _pair(values: Sequence[int]) -> Window:
    return int(values[0]), int(values[1])
