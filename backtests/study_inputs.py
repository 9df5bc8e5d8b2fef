"""What goes into a study: weights and market-wide events; and cases on disk, folders of CSV files read into frames.

The layouts are described in ``docs/event_study.md``. Files are recognised by name, columns by the names those layouts use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from backtests.event_windows import mark
from research.errors import DataError, SchemaError, UsageError

__all__ = ["Case", "market_wide", "read_case", "read_table", "weighed"]

Window = tuple[int, int]

_EVENT = ("event_id", "id_event", "subject_id")
_SECURITY = ("security", "firm_symbol", "security_ticker", "id_firm", "subject_id", "symbol")
_INDEX = ("index_symbol", "market_ticker", "id_market", "market")
_DAY = ("event_date", "EVT_DATE", "date", "session")
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


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV file; columns of dates become dates."""
    return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)


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
    securities = events[_name(events, _SECURITY, "events")].cast(pl.String)
    volume = None
    if (folder / "firm_prices.csv").exists():
        prices = read_table(folder / "firm_prices.csv")
        returns, market = _changes(prices), _changes(read_table(folder / "market_prices.csv"))
        if index is not None:
            market = market.filter(pl.col("symbol") == index)
        if "firm_volume" in prices.columns:
            volume = prices.select("symbol", session="date", realized_return=pl.col("firm_volume").cast(pl.Float64).log1p())
    elif (folder / "panel.csv").exists():
        panel = read_table(folder / "panel.csv")
        returns = panel.select(session="date", symbol=pl.col("subject_id").cast(pl.String), realized_return=pl.col("ret_dlst_adj"))
        market = panel.group_by("date").agg(realized_return=pl.col("vwretd").first()).rename({"date": "session"})
    elif (folder / "firms.csv").exists():
        firms, markets = read_table(folder / "firms.csv"), read_table(folder / "markets.csv")
        returns = firms.select(session="date", symbol=pl.col("id_firm").cast(pl.String), realized_return=pl.col("ret"))
        market = markets.filter(pl.col("id_market") == index).select(session="date", realized_return=pl.col("ret_m"))
    elif (folder / "returns.csv").exists():
        wide = read_table(folder / "returns.csv").rename({"date": "session"})
        table = read_table(folder / "market.csv").rename({"date": "session"}) if (folder / "market.csv").exists() else wide
        column = index or next(name for name in ("SPY", "market", *table.columns) if name in table.columns and name != "session")
        if table is wide and column in securities.to_list():
            raise DataError(f"{folder / 'returns.csv'} holds no market: add market.csv with the columns date and a return.")
        market = table.select("session", realized_return=column)
        returns = wide.drop(column, strict=False).unpivot(index="session", variable_name="symbol", value_name="realized_return")
    else:
        raise DataError(
            f"{folder} holds {', '.join(sorted(p.name for p in folder.glob('*.csv')))}; expected returns.csv or firm_prices.csv."
        )
    market = market.select("session", pl.col("realized_return").cast(pl.Float64)).unique("session", keep="first").sort("session")
    estimation, window = _windows(folder, events, config, market)
    group = next((name for name in _GROUP if name in events.columns), None)
    return Case(
        name=folder.name,
        events=events.select(
            event_id=pl.col(_name(events, _EVENT, "events")).cast(pl.String),
            symbol=securities,
            session=pl.col(_name(events, _DAY, "events")).cast(pl.Date),
            group=pl.lit("all") if group is None else pl.col(group).cast(pl.String),
        ),
        returns=returns.select("session", pl.col("symbol").cast(pl.String), pl.col("realized_return").cast(pl.Float64)),
        market=market,
        factors=_factors(folder),
        estimation=estimation,
        window=window,
        log=str(config.get("return_type", "simple")).startswith("log"),
        models=(_MODELS.get(config["model"], config["model"]),) if "model" in config else (),
        volume=volume,
    )


def _config(folder: Path) -> dict[str, Any]:
    """Return the settings of ``config.json``; without it those that stand beside given answers."""
    if (folder / "config.json").exists():
        found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return found
    if (folder / "expected.json").exists():
        beside = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        return {**beside.get("config", {}), "windows": beside.get("windows", {})}
    return {}


def _windows(folder: Path, events: pl.DataFrame, config: dict[str, Any], market: pl.DataFrame) -> tuple[Window, Window]:
    if "estimation_start" in config:
        zero = market["session"].search_sorted(_date(config["event_start"]))
        ends = [market["session"].search_sorted(_date(config[name])) for name in ("estimation_start", "event_start")]
        lasts = [market["session"].search_sorted(_date(config[name]), side="right") - 1 for name in ("estimation_end", "event_end")]
        estimation, window = ((start - zero, end - zero) for start, end in zip(ends, lasts, strict=True))
        return estimation, window
    if "shift_estimation_window" in events.columns:
        columns = ("event_window_start", "event_window_end", "shift_estimation_window", "estimation_window_length")
        rows = events.select(columns).unique().rows()
        if len(rows) > 1:
            raise DataError(f"The events of {folder} have {len(rows)} different windows; expected the same of all: study them apart.")
        start, end, shift, length = rows[0]
        return (shift - length + 1, shift), (start, end)
    if "estperiod" in config:
        # that program counts prices: the first return and the day of the event are lost to the estimation window
        start, last = int(config["start"]), int(config["start"]) - int(config["gap"]) - 1
        return (last - int(config["estperiod"]) + 3, last), (start, int(config["end"]))
    if config.get("windows"):
        stated = config["windows"]
        return _pair(stated["estimation"]), _pair(stated["event"][0] if isinstance(stated["event"][0], list) else stated["event"])
    last = _WINDOW[0] - _GAP - 1
    return (last - _LENGTH + 1, last), _WINDOW


def _factors(folder: Path) -> pl.DataFrame | None:
    if (folder / "factors.csv").exists():
        table, unit = read_table(folder / "factors.csv"), 1.0
    elif (folder / "factors_percent.csv").exists():
        table, unit = read_table(folder / "factors_percent.csv"), 100.0
    else:
        return None
    day = pl.col("date") if table.schema["date"] == pl.Date else pl.col("date").cast(pl.String).str.to_date("%Y%m%d")
    names = {"Mkt-RF": "market_excess", "SMB": "smb", "HML": "hml", "RMW": "rmw", "CMA": "cma", "Mom": "mom"}
    risk_free = next((name for name in _RISK_FREE if name in table.columns), None)
    columns = {names.get(name, name): pl.col(name).cast(pl.Float64) / unit for name in table.columns if name not in ("date", risk_free)}
    if risk_free is not None:
        columns["risk_free"] = pl.col(risk_free).cast(pl.Float64) / unit
    return table.select(day.alias("session"), **columns)


def _changes(prices: pl.DataFrame) -> pl.DataFrame:
    """Return simple returns of each symbol from one of its own rows to the next."""
    change = pl.col("adjusted").cast(pl.Float64) / pl.col("adjusted").cast(pl.Float64).shift(1).over("symbol") - 1
    return prices.sort("symbol", "date").select("symbol", session="date", realized_return=change)


def _name(table: pl.DataFrame, names: Sequence[str], label: str) -> str:
    for name in names:
        if name in table.columns:
            return name
    raise SchemaError(label, names[0], f"columns {', '.join(table.columns)}", f"one of {', '.join(names)}")


def _only(table: pl.DataFrame, names: Sequence[str], what: str) -> str | None:
    name = next((name for name in names if name in table.columns), None)
    if name is None:
        return None
    values = table[name].unique().sort().to_list()
    if len(values) != 1:
        raise DataError(f"The events name {len(values)} values of {name}; expected {what} common to all: study them apart.")
    return str(values[0])


def _pair(values: Sequence[int]) -> Window:
    return int(values[0]), int(values[1])


def _date(text: str) -> Any:
    return pl.Series([text]).str.to_date()[0]
