"""Turn target weights into orders, fills, costs and a net asset value, under the rules of an exchange.

1. :func:`backtests.layout.layout_of` lays bars and weights out as matrices (row = session, column = symbol).
2. :func:`_simulate` runs the order logic of :func:`_engine`; ``vectorbt`` keeps cash, positions and order records.
3. :func:`backtests.accounts.orders_table` and ``portfolio_table`` read tables back out of what happened.

Conventions
-----------
*Clock.* A target of session t fills at the open of the next session. The size uses the net asset value at that open; a name that
does not trade counts at its last close. Sales are worked first (largest first), then purchases (smallest first), each against the
cash that is really there.

*Dividends and splits.* The account is kept in total-return units: one unit is ``1 / adj_factor`` shares, so ``units × open ×
adj_factor`` is a position's value. Dividends are thereby reinvested in the name that paid them, free of cost, on the ex-date. Lots,
limits, minimum fees and the ``orders`` table are in real shares and real prices.

*Suspended* names cannot be traded (the order waits for the next rebalancing) and are frozen at their last close. *Delisted*: when a
held name has had no bar for ``delisting_after`` sessions in a row, the position is settled at its last close less ``haircut`` (a short
position at the last close), without fees. Waiting makes the result a function of the past only: whether a bar will come back is not
known on the day it is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from backtests.accounts import FILLS, Account, benchmark_returns, notes_on, orders_table, portfolio_table
from backtests.costs import Costs
from backtests.layout import Layout, layout_of
from backtests.metrics import performance
from backtests.rules import Rules, rules_of
from backtests.schemas import WEIGHTS
from backtests.simulation_inputs import require_inputs
from research.errors import DataError
from research.schemas import BARS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Backtest", "run"]

#: reason codes
_LIMIT_UP, _LIMIT_DOWN, _SUSPENDED, _T_PLUS_1, _LOT, _CASH, _NO_SHORT = range(1, 8)

#: columns of the ledger, those of :data:`backtests.accounts.FILLS`
_ROW, _COL, _REQUESTED, _FILLED, _PRICE, _COMMISSION, _STAMP, _LEVY, _SLIPPAGE, _REASON = range(10)

#: columns of ``Layout.fees`` and of ``Layout.lots``; the scalars
_STAMP_BUY, _STAMP_SELL, _LEVY_BUY, _LEVY_SELL, _SHARE_FEE, _SHARE_CAP = range(6)
_MINIMUM, _STEP, _EXEMPT = range(3)
_COMMISSION_RATE, _COMMISSION_MIN, _BORROW, _SHORTS, _LOCK = range(5)

#: seconds: compiling vectorbt's loop around the order logic, in every process; plain python for an order, and for a cell of the matrices
_COMPILING, _AN_ORDER, _A_CELL = 15.0, 2e-4, 2e-6


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a run of :func:`run` found.

    Parameters
    ----------
    portfolio, orders, metrics, weights
        Tables ``portfolio``, ``orders``, ``metrics`` and the ``weights`` that were run.
    market
        ``cn``, ``hk`` or ``us``.
    cash
        Net asset value at the start, currency units of the market.
    rules, costs
        What was applied.
    benchmark
        Columns ``session, benchmark_return`` (total return, close to close), when one was named.
    notes
        What a reader must know: assumptions made, data that was missing.
    """

    portfolio: pl.DataFrame
    orders: pl.DataFrame
    metrics: pl.DataFrame
    weights: pl.DataFrame
    market: str
    cash: float
    rules: Rules
    costs: Costs
    benchmark: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def plot(self) -> Figure:
        """Return the figure of net asset value and drawdown."""
        from backtests.plots import nav_and_drawdown

        return nav_and_drawdown(self.portfolio, benchmark=self.benchmark)


def run(
    weights: pl.DataFrame,
    bars: pl.DataFrame,
    *,
    market: str,
    costs: Costs,
    cash: float = 10_000_000.0,
    seed: int = 0,
    rules: Rules | None = None,
    benchmark: str | None = None,
    delisting_after: int = 60,
    haircut: float = 0.0,
) -> Backtest:
    """Simulate ``weights`` on ``bars`` under the rules and costs of a market.

    Parameters
    ----------
    weights
        The ``weights`` table. On a session with rows, symbols without a row have target zero; a session without rows keeps the
        holdings. Targets decided in the last session of the bars are never filled. Targets of two dates that fall before the
        same open (a weekend) are superseded by the later one.
    bars
        The ``bars`` table; sessions are those of all symbols that trade in the markets of the weighted symbols.
    market
        ``cn``, ``hk`` or ``us``: which rules apply, and how many sessions a year has (243, 246, 252).
    costs
        :func:`backtests.costs.costs` of the market, or a variation of it.
    cash
        Net asset value at the start, currency units.
    seed
        Seeds the bootstrap of those metrics that have no closed-form standard error; the simulation itself is not random.
    rules
        Rules that replace the market's own (board lots, short sales …).
    benchmark
        Symbol in ``bars`` to compare with; adds alpha, beta, tracking error and information ratio to the metrics.
    delisting_after, haircut
        See the module's conventions.

    Returns
    -------
    Backtest
        Its ``portfolio`` begins with the first session after the first weight; ``gross_return = net_return + cost``; turnover is the
        value of all fills, both sides, before slippage, over the previous net asset value; ``cost`` also carries borrow fees.

    Raises
    ------
    SchemaError
        When a table does not fit, NaN weights included.
    UnknownSymbolError
        When a weighted symbol or the benchmark has no bars.
    UsageError
        For a gross above the market's cap, cash that is not positive, a weighted symbol quoted in another currency than the costs', or
        bars that end before the first fill or have no open.
    DataError
        When the net asset value falls to zero or below.
    """
    weights = WEIGHTS.validate(weights).sort("session", "symbol")
    bars = BARS.validate(bars)
    rules = rules_of(market) if rules is None else rules
    require_inputs(weights, bars, rules, costs, cash, delisting_after, haircut, benchmark)
    layout = layout_of(weights, bars, rules, costs, delisting_after, haircut)
    account = _simulate(layout, rules, costs, cash)
    orders, portfolio = orders_table(layout, account), portfolio_table(layout, account, cash)
    compared = None if benchmark is None else benchmark_returns(bars, benchmark, portfolio["session"])
    return Backtest(
        portfolio=portfolio,
        orders=orders,
        metrics=performance(portfolio, market=market, benchmark=compared, seed=seed),
        weights=weights,
        market=market,
        cash=float(cash),
        rules=rules,
        costs=costs,
        benchmark=compared,
        notes=notes_on(layout, account, rules, costs, delisting_after, haircut),
    )


def _simulate(layout: Layout, rules: Rules, costs: Costs, cash: float, compiled: bool | None = None) -> Account:
    """Run the engine; ``compiled`` decides for or against machine code instead of the size of the task."""
    import pandas as pd
    import vectorbt as vbt

    n, m = layout.price.shape
    if compiled is None:
        # About as many orders enter positions as leave them.
        compiled = 2 * np.count_nonzero(layout.target) * _AN_ORDER + n * m * _A_CELL > _COMPILING
    plan, fill, settle_row = _engine(compiled)
    # A settlement ends a position that only a rebalancing can have opened.
    most = max(1, min(2 * int(layout.rebalance.sum()) * m, n * m))
    ledger, written = np.empty((most, len(FILLS))), np.zeros(1, np.int64)
    cash_path, units, borrow = np.zeros(n), np.zeros((n, m)), np.zeros(n)
    bought, value_now, owed = np.zeros(m), np.zeros(1), np.zeros(1)
    scalars = np.array([costs.commission, costs.minimum_commission, costs.borrow_rate, float(rules.short_selling), float(rules.t_plus_1)])
    book = vbt.Portfolio.from_order_func(
        pd.DataFrame(layout.close, columns=layout.symbols),
        fill,
        *(layout.price, layout.factor, layout.buy_price, layout.sell_price, layout.can_buy, layout.can_sell),
        *(layout.target, layout.settle, layout.fees, layout.lots, scalars, bought, value_now, ledger, written),
        flexible=True,
        use_numba=compiled,
        pre_segment_func_nb=plan,
        pre_segment_args=(
            *(layout.day, layout.gap_days, layout.mark, layout.close, layout.rebalance, layout.target, layout.settle),
            *(scalars, bought, value_now, borrow, owed),
        ),
        post_segment_func_nb=settle_row,
        post_segment_args=(cash_path, units, owed),
        init_cash=float(cash),
        cash_sharing=True,
        group_by=True,
        max_orders=most,
        max_logs=1,
        fill_pos_record=False,
        freq="1D",
    )
    kept = ledger[: written[0]]
    if len(book.orders.values) != int((kept[:, _FILLED] != 0).sum()):
        raise DataError(
            "The engine and its ledger disagree about the orders filled, which is a defect of the simulation; "
            "expected the same number: please report it with the inputs."
        )
    return Account(dict(zip(FILLS, kept.T, strict=True)), cash_path, borrow, units, book)


@lru_cache(maxsize=2)
def _engine(compiled: bool) -> tuple[Any, Any, Any]:
    """Return (plan a row, fill one order, record the row), machine code or plain python: the same statements either way.

    Inside a function because importing vectorbt takes seconds.
    """
    import numba
    from vectorbt.portfolio import nb
    from vectorbt.portfolio.enums import Direction, SizeType

    njit: Any = numba.njit if compiled else lambda function: function
    both, long_only, amount = int(Direction.Both), int(Direction.LongOnly), int(SizeType.Amount)

    @njit
    def plan(c, day, gap_days, mark, close, rebalance, target, settle, scalars, bought, value_now, borrow, owed):  # type: ignore[no-untyped-def]
        """Charge borrow, value the book at the open, and put the columns in the order they are worked in."""
        i = c.i
        if i == 0 or day[i] != day[i - 1]:
            bought[:] = 0.0
        value, fee = c.last_cash[c.group], 0.0
        for col in range(c.from_col, c.to_col):
            position = c.last_position[col]
            c.last_val_price[col] = mark[i, col]
            if position < 0 and i > 0:
                fee += -position * close[i - 1, col] * scalars[_BORROW] * gap_days[i] / 365.0
            if position != 0:
                value += position * mark[i, col]
        # A fee that cash cannot pay is owed until a later row: vectorbt allows no overdraft.
        owed[0] += fee
        now = min(owed[0], c.last_cash[c.group])
        owed[0] -= now
        c.last_cash[c.group] -= now
        c.last_free_cash[c.group] -= now
        borrow[i] = fee
        value_now[0] = value - now - owed[0]
        keys, columns, count = np.empty(c.group_len), np.empty(c.group_len, np.int64), 0
        for col in range(c.from_col, c.to_col):
            position = c.last_position[col]
            if position != 0 and not np.isnan(settle[i, col]):
                keys[count] = -np.inf
            elif rebalance[i] and (target[i, col] != 0 or position != 0):
                held = position * mark[i, col] if position != 0 else 0.0
                keys[count] = target[i, col] * value_now[0] - held
            else:
                continue
            columns[count] = col
            count += 1
        sequence = columns[:count][np.argsort(keys[:count], kind="mergesort")]
        return (sequence,)

    @njit
    def charges(shares, price, sale, fees, lot, scalars, out):  # type: ignore[no-untyped-def]
        """Write commission, stamp duty and levies of an order into ``out``; return their sum."""
        value = shares * price
        out[0] = max(scalars[_COMMISSION_MIN], scalars[_COMMISSION_RATE] * value)
        out[1] = 0.0 if lot[_EXEMPT] else value * fees[_STAMP_SELL if sale else _STAMP_BUY]
        out[2] = 0.0 if lot[_EXEMPT] else value * fees[_LEVY_SELL if sale else _LEVY_BUY]
        if sale:
            out[2] += min(fees[_SHARE_CAP], fees[_SHARE_FEE] * shares)
        return out[0] + out[1] + out[2]

    @njit
    def note(ledger, written, i, col, requested, filled, price, reason):  # type: ignore[no-untyped-def]
        k = written[0]
        ledger[k, _ROW], ledger[k, _COL], ledger[k, _REQUESTED], ledger[k, _FILLED], ledger[k, _PRICE], ledger[k, _REASON] = (
            i,
            col,
            requested,
            filled,
            price,
            reason,
        )
        ledger[k, _COMMISSION : _SLIPPAGE + 1] = 0.0
        written[0] += 1
        return k

    @njit
    def whole(shares, lot):  # type: ignore[no-untyped-def]
        """Round down to what may be ordered; the margin keeps 3.0 - 1e-16 lots three lots."""
        rounded = np.floor(shares / lot[_STEP] + 1e-9) * lot[_STEP]
        return rounded if rounded >= lot[_MINIMUM] else 0.0

    @njit
    def fill(  # type: ignore[no-untyped-def]
        c, sequence, price, factor, buy_price, sell_price, can_buy, can_sell, target, settle, fees, lots, scalars, bought,
        value_now, ledger, written,
    ):  # fmt: skip
        """Size one order in real shares, cut it to what the rules allow, write it down, and hand it to vectorbt in units."""
        i = c.i
        nothing = nb.order_nothing_nb()
        if c.call_idx >= len(sequence):
            return -1, nothing
        col = sequence[c.call_idx]
        units, unit = c.last_position[col], factor[i, col]
        lot, paid = lots[col], np.zeros(3)

        if units != 0 and not np.isnan(settle[i, col]):
            last = c.last_val_price[col]
            at = settle[i, col] if units > 0 else last
            if at <= 0:
                at = 1e-12 * last  # a total loss: vectorbt needs a positive price
            note(ledger, written, i, col, -units * unit, -units * unit, at / unit, 0)
            return col, nb.order_nb(size=-units, price=at, size_type=amount, direction=both)

        held = units * unit
        if np.isnan(c.last_val_price[col]):
            note(ledger, written, i, col, 0.0, 0.0, np.nan, _SUSPENDED)
            return col, nothing
        goal = target[i, col] * value_now[0] / c.last_val_price[col] * unit
        leaving = target[i, col] == 0
        wish = goal - held
        if abs(wish) <= 1e-9 * max(1.0, abs(held)):
            return col, nothing
        if np.isnan(price[i, col]):
            note(ledger, written, i, col, wish, 0.0, np.nan, _SUSPENDED)
            return col, nothing

        reason = 0
        banned = goal < 0 and not scalars[_SHORTS]
        shares = abs(wish) if leaving or banned else whole(abs(wish), lot)
        if shares == 0:
            note(ledger, written, i, col, wish, 0.0, np.nan, _LOT)
            return col, nothing

        if wish > 0:
            asked = shares
            if not can_buy[i, col]:
                note(ledger, written, i, col, asked, 0.0, np.nan, _LIMIT_UP)
                return col, nothing
            at, cash = buy_price[i, col], c.last_cash[c.group]
            if shares * at + charges(shares, at, False, fees[i], lot, scalars, paid) > cash:
                reason = _CASH
                # The larger of proportional and minimum commission applies, so the smaller of the two solutions fits.
                taxed = at * (1.0 + (0.0 if lot[_EXEMPT] else fees[i, _STAMP_BUY] + fees[i, _LEVY_BUY]))
                fits = min(cash / (taxed + at * scalars[_COMMISSION_RATE]), (cash - scalars[_COMMISSION_MIN]) / taxed)
                shares = whole(min(shares, max(0.0, fits)), lot)
                while shares > 0 and shares * at + charges(shares, at, False, fees[i], lot, scalars, paid) > cash:
                    shares = whole(shares - lot[_STEP], lot)
                if shares <= 0:
                    note(ledger, written, i, col, asked, 0.0, np.nan, _CASH)
                    return col, nothing
            total = charges(shares, at, False, fees[i], lot, scalars, paid)
            k = note(ledger, written, i, col, asked, shares, at, reason)
            ledger[k, _COMMISSION : _LEVY + 1] = paid
            ledger[k, _SLIPPAGE] = shares * (at - price[i, col])
            # A full exit hands over the units themselves, so that nothing is left by rounding.
            size = -units if leaving and reason == 0 else shares / unit
            bought[col] += size
            return col, nb.order_nb(
                size=size, price=at * unit, size_type=amount, direction=both if scalars[_SHORTS] else long_only, fixed_fees=total
            )

        asked, everything = shares, leaving
        if banned:
            shares, reason, everything = held, _NO_SHORT, True
        if shares > 0 and not can_sell[i, col]:
            shares, reason = 0.0, _LIMIT_DOWN
        if shares > 0 and scalars[_LOCK]:
            free = max(0.0, held - bought[col] * unit)
            if shares > free:
                shares, reason, everything = free, _T_PLUS_1, False
        if shares <= 0:
            note(ledger, written, i, col, -asked, 0.0, np.nan, reason)
            return col, nothing
        at = sell_price[i, col]
        total = charges(shares, at, True, fees[i], lot, scalars, paid)
        if total > shares * at:
            note(ledger, written, i, col, -asked, 0.0, np.nan, _CASH)  # the proceeds would not cover the fees
            return col, nothing
        k = note(ledger, written, i, col, -asked, -shares, at, reason)
        ledger[k, _COMMISSION : _LEVY + 1] = paid
        ledger[k, _SLIPPAGE] = shares * (price[i, col] - at)
        size = units if everything else shares / unit
        return col, nb.order_nb(
            size=-size, price=at * unit, size_type=amount, direction=both if scalars[_SHORTS] else long_only, fixed_fees=total
        )

    @njit
    def settle_row(c, cash_path, units, owed):  # type: ignore[no-untyped-def]
        cash_path[c.i] = c.last_cash[c.group] - owed[0]
        units[c.i] = c.last_position

    return plan, fill, settle_row
