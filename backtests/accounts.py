"""Tables read out of what the engine of :mod:`backtests.simulation` did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.layout import Layout
from backtests.rules import Rules
from backtests.schemas import ORDERS, PORTFOLIO
from research.errors import DataError

__all__ = ["FILLS", "Account", "benchmark_returns", "notes_on", "orders_table", "portfolio_table"]

Floats = npt.NDArray[np.float64]

#: columns of the engine's ledger, in order
FILLS = ("row", "col", "requested", "filled", "fill_price", "commission", "stamp_duty", "transfer_fee", "slippage", "reason")

#: reason codes of the engine, in the words of the ``orders`` table
_REASONS = (None, "limit_up", "limit_down", "suspended", "t_plus_1", "lot", "cash", "no_short")


@dataclass(frozen=True, slots=True)
class Account:
    """What the engine left behind.

    Parameters
    ----------
    fills
        One array a name of :data:`FILLS`, in the order the orders were worked in; real shares and prices.
    cash, borrow
        After each row: cash less borrow fees still owed; borrow fees of the row. Currency units.
    units
        Positions after each row, total-return units, of shape (sessions, symbols).
    book
        vectorbt's portfolio.
    """

    fills: dict[str, Floats]
    cash: Floats
    borrow: Floats
    units: Floats
    book: Any


def orders_table(layout: Layout, account: Account) -> pl.DataFrame:
    """Return the ``orders`` table: one row for every order, those that were rejected included."""
    row, col = account.fills["row"].astype(int), account.fills["col"].astype(int)
    last: list[date | None] = []
    for day in layout.decided:
        last.append(day if day is not None else (last[-1] if last else None))
    frame = pl.DataFrame(
        {
            "session": [layout.sessions[i] for i in row],
            "symbol": [layout.symbols[k] for k in col],
            "decided_session": [last[i] for i in row],
            **{name: account.fills[name] for name in FILLS[2:9]},
            "reason": [_REASONS[int(code)] for code in account.fills["reason"]],
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


def portfolio_table(layout: Layout, account: Account, cash: float) -> pl.DataFrame:
    """Return the ``portfolio`` table of an account that began with ``cash``.

    Raises
    ------
    DataError
        When the net asset value falls to zero or below.
    """
    # A name that was never held may have no close yet.
    position = account.units * np.where(account.units != 0, layout.close, 0.0)
    net_value = _summed(position)
    nav = account.cash + net_value
    broke = np.flatnonzero(nav <= 0)
    if broke.size:
        raise DataError(
            f"Net asset value fell to {nav[broke[0]]:.2f} on {layout.sessions[broke[0]]}; expected it to stay positive: "
            "lower the gross of the weights."
        )
    before = np.concatenate([[cash], nav[:-1]])
    rows, n = account.fills["row"].astype(int), len(nav)
    charged = sum(account.fills[name] for name in ("commission", "stamp_duty", "transfer_fee", "slippage"))
    paid = np.bincount(rows, weights=charged, minlength=n) + account.borrow
    # Slippage is part of the cost, so turnover is at the price before it: value at the fill, less what the spread took, signed by side.
    price = np.where(account.fills["filled"] != 0, account.fills["fill_price"], 0.0)
    traded = np.abs(account.fills["filled"]) * price - np.sign(account.fills["filled"]) * account.fills["slippage"]
    net, cost = nav / before - 1, paid / before
    frame = pl.DataFrame(
        {
            "session": layout.sessions,
            "gross_return": net + cost,
            "cost": cost,
            "net_return": net,
            "turnover": np.bincount(rows, weights=traded, minlength=n) / before,
            "gross_exposure": _summed(np.abs(position)) / nav,
            "net_exposure": net_value / nav,
            "nav": nav / cash,
        },
        schema=PORTFOLIO.schema,
    )
    return PORTFOLIO.validate(frame)


def _summed(values: Floats) -> Floats:
    """Sum each row from left to right: numpy's pairwise sum would round differently with the columns of names that come later."""
    totals: Floats = np.cumsum(values, axis=1)[:, -1]
    return totals


def benchmark_returns(bars: pl.DataFrame, symbol: str, sessions: pl.Series) -> pl.DataFrame:
    """Return ``session, benchmark_return``: total returns of ``symbol`` between consecutive ``sessions``.

    Null before its first bar; where a bar is missing the last price stands.
    """
    level = (
        bars.filter((pl.col("symbol") == symbol) & ~pl.col("suspended"))
        .sort("session")
        .select("session", _level=pl.col("close") * pl.col("adj_factor"))
    )
    before = level.filter(pl.col("session") < sessions.min()).tail(1)["_level"]
    wanted = sessions.to_frame("session").join_asof(level, on="session", strategy="backward")
    previous = pl.col("_level").shift(1, fill_value=before[0] if len(before) else None)
    return wanted.select("session", benchmark_return=pl.col("_level") / previous - 1)


def notes_on(layout: Layout, account: Account, rules: Rules, costs: Costs, delisting_after: int, haircut: float) -> tuple[str, ...]:
    """Return what a reader of the result should know: conventions, costs, names that were settled and came back, days without limits."""
    notes = [
        "Targets of a session fill at the next open; dividends are reinvested in the name that paid them.",
        f"Costs: {costs.assumptions}." if costs.assumptions else "Costs are the caller's.",
        f"A name without bars for {delisting_after} sessions is settled at its last close" + (f" less {haircut:.0%}." if haircut else "."),
    ]
    back = _came_back(layout, account)
    if back:
        notes.append(
            f"{len(back)} of the names settled so traded again later ({', '.join(back[:5])}{' …' if len(back) > 5 else ''}): "
            "they were suspended, not gone, and the move over the suspension is missing; raise delisting_after to hold through it."
        )
    if rules.price_limits and layout.unlimited > 0:
        notes.append(f"{layout.unlimited:.1%} of the traded bars carry no limit prices: on those no price limit was applied.")
    return tuple(notes)


def _came_back(layout: Layout, account: Account) -> list[str]:
    """Return the symbols that were settled as delisted and have a price later on: known in hindsight only, so said and not acted on."""
    row, col = account.fills["row"].astype(int), account.fills["col"].astype(int)
    settled = np.isfinite(layout.settle[row, col]) & (account.fills["filled"] != 0)
    pairs = zip(row[settled].tolist(), col[settled].tolist(), strict=True)
    return sorted({layout.symbols[k] for i, k in pairs if np.isfinite(layout.price[i:, k]).any()})
