"""Tables read out of what the engine of :mod:`backtests.simulation` did."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.layout import Layout
from backtests.schemas import ORDERS, PORTFOLIO
from research.errors import DataError

__all__ = ["benchmark_returns", "orders_table", "portfolio_table"]

def orders_table(layout: Layout, ledger: np.ndarray) -> pl.DataFrame:
    row, col = ledger[:, _ROW].astype(int), ledger[:, _COL].astype(int)
    last: list[date | None] = []
    for day in layout.decided:
        last.append(day if day is not None else (last[-1] if last else None))
    frame = pl.DataFrame(
        {
            "session": [layout.sessions[i] for i in row],
            "symbol": [layout.symbols[k] for k in col],
            "decided_session": [last[i] for i in row],
            "requested": ledger[:, _REQUESTED],
            "filled": ledger[:, _FILLED],
            "fill_price": ledger[:, _PRICE],
            "commission": ledger[:, _COMMISSION],
            "stamp_duty": ledger[:, _STAMP],
            "transfer_fee": ledger[:, _LEVY],
            "slippage": ledger[:, _SLIPPAGE],
            "reason": [_REASONS[int(code)] for code in ledger[:, _REASON]],
        },
        schema={name: dtype for name, dtype in ORDERS.schema.items() if name != "status"},
    )
    status = (
        pl.when(pl.col("filled") == 0)
        .then(pl.lit("rejected"))
        .when(pl.col("reason").is_not_null())
        .then(pl.lit("partial"))
        .otherwise(pl.lit("filled"))
    )
    return ORDERS.validate(
        frame.with_columns(pl.col("fill_price").fill_nan(None), status=status).select(*ORDERS.schema).sort("session", "symbol")
    )


def portfolio_table(
    layout: Layout, ledger: np.ndarray, cash_path: np.ndarray, units: np.ndarray, borrow: np.ndarray, cash: float
) -> pl.DataFrame:
    position = np.where(units != 0, units * np.where(units != 0, layout.close, 0.0), 0.0)
    nav = cash_path + position.sum(axis=1)
    broke = np.flatnonzero(nav <= 0)
    if broke.size:
        raise DataError(
            f"Net asset value fell to {nav[broke[0]]:.2f} on {layout.sessions[broke[0]]}; expected it to stay positive: lower the gross of the weights."
        )
    before = np.concatenate([[cash], nav[:-1]])
    rows = ledger[:, _ROW].astype(int)
    n = len(nav)
    paid = np.bincount(rows, weights=ledger[:, _COMMISSION : _SLIPPAGE + 1].sum(axis=1), minlength=n) + borrow
    # Slippage is part of the cost, so turnover is at the price before it: value at the fill, less what the spread took, signed by side.
    price = np.where(ledger[:, _FILLED] != 0, ledger[:, _PRICE], 0.0)
    traded = np.abs(ledger[:, _FILLED]) * price - np.sign(ledger[:, _FILLED]) * ledger[:, _SLIPPAGE]
    net, cost = nav / before - 1, paid / before
    frame = pl.DataFrame(
        {
            "session": layout.sessions,
            "gross_return": net + cost,
            "cost": cost,
            "net_return": net,
            "turnover": np.bincount(rows, weights=traded, minlength=n) / before,
            "gross_exposure": np.abs(position).sum(axis=1) / nav,
            "net_exposure": position.sum(axis=1) / nav,
            "nav": nav / cash,
        },
        schema=PORTFOLIO.schema,
    )
    return PORTFOLIO.validate(frame)


def benchmark_returns(bars: pl.DataFrame, symbol: str, sessions: pl.Series) -> pl.DataFrame:
    """Return total returns of ``symbol`` between consecutive ``sessions``; null before its first bar, the last price where a bar is missing."""
    level = (
        bars.filter((pl.col("symbol") == symbol) & ~pl.col("suspended"))
        .sort("session")
        .select("session", _level=pl.col("close") * pl.col("adj_factor"))
    )
    before = level.filter(pl.col("session") < sessions.min()).tail(1)["_level"]
    wanted = sessions.to_frame("session").join_asof(level, on="session", strategy="backward")
    previous = pl.col("_level").shift(1, fill_value=before[0] if len(before) else None)
    return wanted.select("session", benchmark_return=pl.col("_level") / previous - 1)


