"""What every position earned, session by session, read back from a backtest's orders and the bars.

The sum over names is the change of the net asset value up to what no name earned (borrow fees, interest): the remainder is shown where it
is used, never spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.layout import layout_of
from backtests.simulation import Backtest

__all__ = ["Unpriced", "daily_pnl", "round_trips", "session_remainder", "unpriced"]

Floats = npt.NDArray[np.float64]

#: columns of an order that are paid beside its price
_FEES = ("commission", "stamp_duty", "transfer_fee")

_SCHEMA = {
    "session": pl.Date, "symbol": pl.String, "decided_session": pl.Date, "held_since": pl.Date, "value": pl.Float64,
    "overnight": pl.Float64, "intraday": pl.Float64, "fees": pl.Float64, "pnl": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unpriced:
    """What is held at the end without a recent price: the last session, how many names, and their share of net asset value."""

    session: date
    names: int
    share: float


def daily_pnl(result: Backtest, bars: pl.DataFrame) -> pl.DataFrame:
    """Return what each name earned in each session it was held or traded, currency units of the account.

    Returns
    -------
    DataFrame
        Sorted by session and symbol. ``decided_session``: the decision behind the position at the close; ``held_since``: the one behind
        the position before the open (null: none). ``value`` at the close; ``overnight`` from the last close to the open, on what was
        held before; ``intraday`` the rest, fees and spread of the session's orders included; ``fees`` of the orders; ``pnl`` =
        overnight + intraday = change of value less what was paid for purchases plus what sales brought, less fees.
    """
    filled = result.orders.filter(pl.col("filled") != 0)
    if filled.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    layout = layout_of(result.weights, bars, result.markets, result.execution, result.base)
    sessions, symbols = pl.Series(layout.sessions, dtype=pl.Date), pl.Series(layout.symbols, dtype=pl.String)
    row = sessions.search_sorted(filled["session"]).to_numpy()
    col = symbols.search_sorted(filled["symbol"]).to_numpy()
    unit = _carried(layout.factor, layout.factor_before)
    level = _carried(layout.close * unit, layout.close_before)
    currency = layout.codes[:, 1]
    opened, closed_at = layout.fx_open[:, currency], layout.fx_close[:, currency]
    shape = (len(sessions), len(symbols))
    change, paid, fees = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    shares, price, charged = (filled.select(expr).to_series().to_numpy() for expr in ("filled", "fill_price", pl.sum_horizontal(_FEES)))
    np.add.at(change, (row, col), shares / unit[row, col])
    np.add.at(paid, (row, col), shares * price * opened[row, col])
    np.add.at(fees, (row, col), charged * opened[row, col])
    units = np.cumsum(change, axis=0)
    units[np.abs(units) <= 1e-9 * np.maximum.accumulate(np.abs(units), axis=0)] = 0.0
    value = units * np.where(units != 0, level * closed_at, 0.0)
    before, held = _shifted(value), _shifted(units)
    pnl = value - before - paid - fees
    open_level = np.where(np.isfinite(layout.price), layout.price * unit, np.vstack([layout.close_before, level[:-1]]))
    overnight = np.where(held != 0, held * np.where(held != 0, open_level * opened, 0.0) - before, 0.0)
    decision = _decisions(result, sessions)
    earlier = np.concatenate([[-1], decision[:-1]])
    i, k = np.nonzero((units != 0) | (held != 0) | (change != 0))
    days = result.weights["session"].unique().sort()
    closed = units[i, k] == 0
    return pl.DataFrame(
        {
            "session": sessions.gather(i), "symbol": symbols.gather(k),
            "decided_session": _gathered(days, np.where(closed, earlier[i], decision[i])),
            "held_since": _gathered(days, np.where(held[i, k] != 0, earlier[i], -1)),
            "value": value[i, k], "overnight": overnight[i, k], "intraday": (pnl - overnight)[i, k], "fees": fees[i, k], "pnl": pnl[i, k],
        },
        schema=_SCHEMA,
    ).sort("session", "symbol")  # fmt: skip


def session_remainder(result: Backtest, pnl: pl.DataFrame) -> pl.DataFrame:
    """Return ``session, change, remainder``: the change of the net asset value, and the part that no name of ``pnl`` earned."""
    nav = pl.col("nav") * result.cash
    changes = result.portfolio.sort("session").select("session", change=nav - nav.shift(1, fill_value=result.cash))
    earned = pnl.group_by("session").agg(pl.col("pnl").sum())
    joined = changes.join(earned, on="session", how="left", maintain_order="left")
    return joined.select("session", "change", remainder=pl.col("change") - pl.col("pnl").fill_null(0.0))


def unpriced(result: Backtest, pnl: pl.DataFrame, bars: pl.DataFrame, after: int = 5) -> Unpriced:
    """Return what is held at the last session in names that did not trade in the ``after`` sessions before it, nor in it.

    Such a position stands in the net asset value at its last close: what happened to the name since is not in the result.

    Parameters
    ----------
    result, bars
        A run, and the bars it ran on.
    pnl
        :func:`daily_pnl` of both.
    after
        Sessions.
    """
    sessions = result.portfolio["session"].sort()
    last = sessions[-1]
    since = sessions[max(0, len(sessions) - 1 - after)]
    traded = bars.filter(pl.col("session").is_between(since, last) & ~pl.col("suspended"))["symbol"].unique()
    held = pnl.filter((pl.col("session") == last) & (pl.col("value") != 0) & ~pl.col("symbol").is_in(traded.implode()))
    worth = result.portfolio.filter(pl.col("session") == last)["nav"][0] * result.cash
    return Unpriced(last, held["symbol"].n_unique(), float(held["value"].abs().sum()) / worth)


def round_trips(pnl: pl.DataFrame) -> pl.DataFrame:
    """Return every position from its first fill to its exit, or to the end.

    Parameters
    ----------
    pnl
        :func:`daily_pnl`.

    Returns
    -------
    DataFrame
        ``symbol, side`` (long or short), ``decided`` (the decision that opened it), ``opened, closed`` (null: still held), ``sessions``
        (sessions it was held into or out of), ``invested`` (largest absolute value at a close; the absolute result where it never saw
        one), ``pnl``, ``trade_return`` (pnl / invested), sorted by pnl. The sum of ``pnl`` is that of the input.
    """
    side = pl.col("value").sign()
    ordered = pnl.sort("symbol", "session").with_columns(_side=side, _before=side.shift(1, fill_value=0.0).over("symbol"))
    opens = (pl.col("_side") != pl.col("_before")) & ((pl.col("_side") != 0) | (pl.col("_before") == 0))
    numbered = ordered.with_columns(_trip=opens.cast(pl.Int64).cum_sum().over("symbol"))
    return (
        numbered.group_by("symbol", "_trip", maintain_order=True)
        .agg(
            side=pl.when(pl.col("_side").first() < 0).then(pl.lit("short")).otherwise(pl.lit("long")),
            decided=pl.col("decided_session").first(),
            opened=pl.col("session").first(),
            closed=pl.when(pl.col("_side").last() == 0).then(pl.col("session").last()),
            sessions=pl.len().cast(pl.Int64),
            invested=pl.col("value").abs().max(),
            pnl=pl.col("pnl").sum(),
        )
        .with_columns(invested=pl.when(pl.col("invested") > 0).then("invested").otherwise(pl.col("pnl").abs()))
        .with_columns(trade_return=pl.when(pl.col("invested") > 0).then(pl.col("pnl") / pl.col("invested")).otherwise(0.0))
        # a position that turned around ended where the next began
        .sort("symbol", "opened")
        .with_columns(closed=pl.coalesce("closed", pl.col("opened").shift(-1).over("symbol")))
        .drop("_trip")
        .sort("pnl", "symbol", "opened", descending=[True, False, False])
    )


def _shifted(matrix: Floats) -> Floats:
    return np.vstack([np.zeros((1, matrix.shape[1])), matrix[:-1]])


def _carried(matrix: Floats, before: Floats) -> Floats:
    """Carry the last known value of each column down, starting from ``before``."""
    full = np.vstack([before, matrix])
    rows = np.where(np.isfinite(full), np.arange(len(full))[:, None], 0)
    np.maximum.accumulate(rows, axis=0, out=rows)
    carried: Floats = full[rows, np.arange(full.shape[1])]
    return carried[1:]


def _decisions(result: Backtest, sessions: pl.Series) -> npt.NDArray[np.int64]:
    """Return for each session the position, among the decided sessions, of the decision in force at its close; -1 for none."""
    decided = result.weights["session"].unique().sort().to_numpy()
    # the latest decision of a session before this one
    return np.searchsorted(decided, sessions.to_numpy(), side="left").astype(np.int64) - 1


def _gathered(days: pl.Series, at: npt.NDArray[np.int64]) -> pl.Series:
    found = days.gather(np.maximum(at, 0))
    return found.to_frame("day").select(pl.when(pl.Series(at >= 0)).then("day")).to_series()
