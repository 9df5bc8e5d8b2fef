"""Bars and weights as matrices: what a run of :mod:`backtests.simulation` works on, and the columns of its arrays.

Row = session from the first fill on, column = symbol in alphabetical order. Prices are in real shares, closes and marks in
total-return units (``price × adj_factor``); see the conventions of :mod:`backtests.simulation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.rules import Rules
from research.calendar import mic_of
from research.errors import UsageError

__all__ = ["Layout", "layout_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: columns of ``Layout.fees``
_SCHEDULES = ("stamp_duty_buy", "stamp_duty_sell", "levy_buy", "levy_sell", "share_fee_sell", "share_fee_cap")


@dataclass(frozen=True, slots=True)
class Layout:
    """Matrices of a run: n rows (fills happen at a row's open) by m columns. Prices are in real shares, closes in units."""

    sessions: list[date]
    symbols: list[str]
    decided: list[date | None]
    day: Ints
    gap_days: Floats
    price: Floats
    factor: Floats
    mark: Floats
    close: Floats
    buy_price: Floats
    sell_price: Floats
    can_buy: Bools
    can_sell: Bools
    rebalance: Bools
    target: Floats
    settle: Floats
    fees: Floats
    lots: Floats
    unlimited: float


def layout_of(weights: pl.DataFrame, bars: pl.DataFrame, rules: Rules, costs: Costs, delisting_after: int, haircut: float) -> Layout:
    """Lay ``bars`` and ``weights`` (validated, sorted by session and symbol) out from the first fill on.

    Raises
    ------
    UsageError
        When the bars end before the first fill, no bar that traded has an open, or a cost schedule begins after it.
    """
    symbols = sorted(weights["symbol"].unique().to_list())
    first = weights["session"].min()
    mics = {mic_of(symbol) for symbol in symbols} | set(symbols)
    trades_there = [symbol for symbol in bars["symbol"].unique().to_list() if symbol in mics or mic_of(symbol) in mics]
    calendar = bars.filter(pl.col("symbol").is_in(trades_there))["session"].unique().sort()
    # One row before the first fill gives the last closes; the rows that count start after it.
    sessions = [day for day in calendar.to_list() if day > first]
    if not sessions:
        raise UsageError(
            f"Bars end on {calendar.max()!s}, before the first fill: weights start on {first!s} and fill at the next open; "
            "extend the bars or start earlier."
        )
    axis = pl.DataFrame({"session": sessions}, schema={"session": pl.Date})
    held = bars.filter(pl.col("symbol").is_in(symbols))
    traded = held.filter(~pl.col("suspended"))
    adjusted = traded.with_columns(_adjusted=pl.col("close") * pl.col("adj_factor"))

    due = traded.filter(pl.col("session") > first)
    if due.height and due["open"].null_count() == due.height:
        raise UsageError(
            f"None of the {due.height} bars after {first!s} has an open, and orders fill at the open; "
            "expected bars with one: load prices that have opens, or map their column."
        )

    present = _matrix(held.with_columns(_one=pl.lit(1.0)), "_one", axis, symbols)
    price = _matrix(traded, "open", axis, symbols)
    before = adjusted.filter(pl.col("session") <= first).sort("session").group_by("symbol", maintain_order=True).last()
    close = _carried(_matrix(adjusted, "_adjusted", axis, symbols), _by_symbol(before, "_adjusted", symbols))
    factor = _matrix(held, "adj_factor", axis, symbols)
    earlier = held.filter(pl.col("session") <= first).sort("session").group_by("symbol", maintain_order=True).last()
    factor = _carried(factor, _by_symbol(earlier, "adj_factor", symbols))
    last_close = np.vstack([_by_symbol(before, "_adjusted", symbols), close[:-1]])

    tradable = np.isfinite(price)
    up, down = _matrix(held, "limit_up", axis, symbols), _matrix(held, "limit_down", axis, symbols)
    unlimited = float(np.mean(~(np.isfinite(up) & np.isfinite(down))[tradable])) if tradable.any() else 1.0
    if not rules.price_limits:
        up[:], down[:] = np.nan, np.nan
    tick = 1e-9
    spread = costs.half_spread * 1e-4
    with np.errstate(invalid="ignore"):
        can_buy = tradable & ~(price >= up - tick)
        can_sell = tradable & ~(price <= down + tick)
        # The spread never carries a fill beyond the price the exchange allows.
        buy_price = np.fmin(price * (1 + spread), np.where(can_buy, up, np.nan))
        sell_price = np.fmax(price * (1 - spread), np.where(can_sell, down, np.nan))

    decided: list[date | None] = [None] * len(sessions)
    target = np.zeros(price.shape)
    column = {symbol: k for k, symbol in enumerate(symbols)}
    ordered = np.array(sessions, dtype="datetime64[D]")
    for day, group in weights.group_by("session", maintain_order=True):
        row = int(np.searchsorted(ordered, np.datetime64(day[0], "D"), side="right"))
        if row >= len(sessions):
            continue
        decided[row] = day[0]
        target[row] = 0.0
        target[row, [column[s] for s in group["symbol"].to_list()]] = group["weight"].to_numpy()

    days = np.array([day.toordinal() for day in sessions], dtype=np.int64)
    return Layout(
        sessions=sessions,
        symbols=symbols,
        decided=decided,
        day=days,
        gap_days=np.diff(days, prepend=days[0]).astype(np.float64),
        price=price,
        factor=factor,
        mark=np.where(tradable, price * factor, last_close),
        close=close,
        buy_price=buy_price,
        sell_price=sell_price,
        can_buy=can_buy,
        can_sell=can_sell,
        rebalance=np.array([day is not None for day in decided]),
        target=target,
        settle=np.where(_missing_run(present) >= delisting_after, last_close * (1 - haircut), np.nan),
        fees=_fee_schedule(sessions, costs),
        lots=np.array([[*map(float, rules.lot(symbol)), float(costs.is_exempt(symbol))] for symbol in symbols]),
        unlimited=unlimited,
    )


def _matrix(frame: pl.DataFrame, column: str, axis: pl.DataFrame, symbols: list[str]) -> Floats:
    """Return ``column`` as float64 of shape (sessions, symbols); NaN where there is no value."""
    out = np.full((axis.height, len(symbols)), np.nan)
    rows = axis.with_row_index("_row")
    columns = pl.DataFrame({"symbol": symbols, "_col": range(len(symbols))}, schema={"symbol": pl.String, "_col": pl.UInt32})
    placed = frame.select("session", "symbol", column).drop_nulls(column).join(rows, on="session").join(columns, on="symbol")
    out[placed["_row"].to_numpy(), placed["_col"].to_numpy()] = placed[column].to_numpy()
    return out


def _by_symbol(frame: pl.DataFrame, column: str, symbols: list[str]) -> Floats:
    found = dict(zip(frame["symbol"].to_list(), frame[column].to_list(), strict=True))
    return np.array([found.get(symbol, np.nan) for symbol in symbols], dtype=np.float64)


def _carried(matrix: Floats, before: Floats) -> Floats:
    """Carry the last known value of each column down, starting from ``before``."""
    full = np.vstack([before, matrix])
    rows = np.where(np.isfinite(full), np.arange(len(full))[:, None], 0)
    np.maximum.accumulate(rows, axis=0, out=rows)
    return full[rows, np.arange(full.shape[1])][1:]


def _missing_run(present: Floats) -> Ints:
    """Return, for each cell, how many rows in a row (itself included) have had no bar."""
    rows = np.arange(1, len(present) + 1)[:, None]
    last = np.where(np.isfinite(present), rows, 0)
    np.maximum.accumulate(last, axis=0, out=last)
    return rows - last


def _fee_schedule(sessions: list[date], costs: Costs) -> Floats:
    return np.array([[costs.rate(name, day) for name in _SCHEDULES] for day in sessions])
