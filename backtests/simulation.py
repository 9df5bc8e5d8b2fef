"""Turn target weights into orders, fills, costs and a net asset value, under the rules of an exchange.

1. :func:`backtests.layout.layout_of` lays bars and weights out as matrices (row = session, column = symbol).
2. :func:`backtests.engine.simulate` works the orders, as machine code kept in a cache on disk (:func:`warm` fills it).
3. :func:`backtests.accounts.orders_table` and ``portfolio_table`` read tables back out of what happened.
4. :func:`replay` hands the fills to ``vectorbt``, whose own account has to come to the same cash and value; its analysis comes with it.

Conventions
-----------
*Clock.* A target of session t becomes a number of shares at the close of the session before the fill, from the net asset value and the
price then; it fills at the open of the next session (:class:`backtests.execution.Execution` has the other choices). Sales are worked first,
then purchases (smallest first), each with its fees against the cash that is really there: cash is never negative.

*Dividends and splits.* The account is kept in total-return units: one unit is ``adj_factor`` shares, so ``units × adj_factor × open`` is a
position's value. Dividends are thereby reinvested in the name that paid them, free of cost, on the ex-date. Lots, limits, ticks, minimum
fees and the ``orders`` table are in real shares and real prices, in the currency of the name.

*Suspended* names cannot be traded and are frozen at their last close. *Delisted*: when a held name has had no bar for ``delisting_after``
sessions of its market in a row, the position is settled at its last close less ``haircut`` (a short position at the last close), without
fees. Waiting makes the result a function of the past only: whether a bar will come back is not known on the day it is missing.

*Currencies.* With names in several currencies cash is kept in the base currency: a fill converts at the session's opening rate (or the
last close), positions are valued at its closing rate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from backtests.accounts import Account, benchmark_returns, charges_table, notes_on, orders_table, portfolio_table
from backtests.costs import Costs
from backtests.execution import Execution
from backtests.layout import Layout, layout_of
from backtests.metrics import performance
from backtests.rules import Rules, rules_of
from backtests.schemas import WEIGHTS
from backtests.simulation_inputs import checked, placed, require_inputs, require_timely
from backtests.symbol_codes import coded
from backtests.terms import terms_by_symbol
from research.errors import UsageError
from research.schemas import BARS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Backtest", "account_of", "replay", "replayed", "run", "warm"]

_PLAIN = Execution()


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a run of :func:`run` found.

    Parameters
    ----------
    portfolio, orders, metrics, weights
        Tables ``portfolio``, ``orders``, ``metrics`` and the ``weights`` that were run.
    market
        ``cn``, ``hk``, ``us`` or ``crypto``; the first of several.
    cash
        Net asset value at the start, base currency.
    rules, costs
        What was applied; the first market's of several.
    benchmark
        Columns ``session, benchmark_return`` (total return, close to close), when one was named.
    notes
        What a reader must know: assumptions made, data that was missing.
    charges
        Columns ``session, commission, stamp_duty, transfer_fee, slippage, borrow, financing``: what each session paid, base currency.
    base
        Currency of cash and net asset value.
    markets
        Rules and costs of every market.
    execution
        How orders were worked.
    terms, delisting_after, haircut
        As they were given.
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
    charges: pl.DataFrame | None = None
    base: str = ""
    markets: tuple[tuple[Rules, Costs], ...] = ()
    execution: Execution = _PLAIN
    terms: pl.DataFrame | None = None
    delisting_after: int = 60
    haircut: float = 0.0

    def plot(self) -> Figure:
        """Return the figure of net asset value and drawdown."""
        from backtests.plots import nav_and_drawdown

        return nav_and_drawdown(self.portfolio, benchmark=self.benchmark)


def run(
    weights: pl.DataFrame,
    bars: pl.DataFrame,
    *,
    market: str,
    costs: Costs | Sequence[Costs],
    cash: float = 10_000_000.0,
    seed: int = 0,
    rules: Rules | Sequence[Rules] | None = None,
    benchmark: str | None = None,
    delisting_after: int = 60,
    haircut: float = 0.0,
    execution: Execution = _PLAIN,
    terms: pl.DataFrame | None = None,
    base: str | None = None,
) -> Backtest:
    """Simulate ``weights`` on ``bars`` under the rules and costs of a market.

    Parameters
    ----------
    weights
        The ``weights`` table. On a session with rows, symbols without a row have target zero; a session without rows keeps the
        holdings. Targets decided in the last session of the bars are never filled. Targets of two dates that fall before the
        same open (a weekend) are superseded by the later one. A further column ``asof`` (UTC instants) says when each was decided, and is
        held against the open of its fill.
    bars
        The ``bars`` table; sessions are those of all symbols that trade in the markets of the weighted symbols. Exchange rates among
        them (``HKDCNY=X``) convert names in another currency than the base.
    market
        ``cn``, ``hk``, ``us`` or ``crypto``: which rules apply, and how many sessions a year has (243, 246, 252, 365).
    costs
        :func:`backtests.costs.costs` of the market, or a variation of it. Several of them, ``market`` among them, make a portfolio over
        markets: each symbol has the rules and costs of its own exchange.
    cash
        Net asset value at the start, base currency.
    seed
        Seeds the bootstrap of those metrics that have no closed-form standard error; the simulation itself is not random.
    rules
        Rules that replace a market's own (board lots, short sales …).
    benchmark
        Symbol in ``bars`` to compare with, as it is quoted; adds alpha, beta, tracking error and information ratio to the metrics.
    delisting_after, haircut
        See the module's conventions.
    execution
        Fill price, sizing, what becomes of blocked orders, volume cap.
    terms
        :data:`backtests.terms.TERMS`: board lots, same-day sale, borrowing of single names; Hong Kong's lots differ by name.
    base
        Currency of the account; that of the first costs by default.

    Returns
    -------
    Backtest
        Its ``portfolio`` begins with the first session after the first weight; ``gross_return = net_return + cost``; turnover is the
        value of all fills, both sides, before slippage, over the previous net asset value; ``cost`` also carries borrow and financing.

    Raises
    ------
    SchemaError
        When a table does not fit, NaN weights and negative volumes included.
    UnknownSymbolError
        When a weighted symbol or the benchmark has no bars.
    UsageError
        For a gross above the market's cap, cash that is not positive, an unknown market, a weighted symbol quoted in another currency
        than its costs', a weight of a day that is no session or decided after the open it fills at, missing exchange rates, or bars that
        end before the first fill or have no price there.
    DataError
        When the net asset value falls to zero or below.
    """
    markets = _markets(market, costs, rules)
    base = markets[0][1].currency if base is None else base
    bars = checked(BARS, bars)
    asof = weights.select("session", "symbol", "asof") if "asof" in weights.columns else None
    WEIGHTS.require_polars(weights)
    weights, symbols, places = placed(checked(WEIGHTS, weights.drop("asof", strict=False)))
    found = coded(bars["symbol"])
    require_inputs(weights, symbols, bars, found[0], markets, cash, delisting_after, haircut, benchmark)
    layout = layout_of(weights, bars, markets, execution, base, terms, (symbols, places), found)
    if asof is not None:
        require_timely(asof, layout.sessions, execution)
    account = account_of(layout, markets[0][1], execution, cash, delisting_after, haircut)
    portfolio = portfolio_table(layout, account, cash)
    compared = None if benchmark is None else benchmark_returns(bars, benchmark, portfolio["session"])
    named = {symbol for symbol, row in terms_by_symbol(terms).items() if row["lot"] is not None}
    return Backtest(
        portfolio=portfolio,
        orders=orders_table(layout, account),
        metrics=performance(portfolio, market=market, benchmark=compared, seed=seed),
        weights=weights,
        market=market,
        cash=float(cash),
        rules=markets[0][0],
        costs=markets[0][1],
        benchmark=compared,
        notes=notes_on(layout, account, markets, execution, base, delisting_after, haircut, named),
        charges=charges_table(layout, account),
        base=base,
        markets=markets,
        execution=execution,
        terms=terms,
        delisting_after=delisting_after,
        haircut=haircut,
    )


def _markets(market: str, costs: Costs | Sequence[Costs], rules: Rules | Sequence[Rules] | None) -> tuple[tuple[Rules, Costs], ...]:
    """Return rules and costs of every market, those of ``market`` first."""
    home = rules_of(market)
    given = [costs] if isinstance(costs, Costs) else list(costs)
    own = {r.market: r for r in ([] if rules is None else [rules] if isinstance(rules, Rules) else rules)}
    if isinstance(costs, Costs) and (costs.market != market or not own.keys() <= {market}):
        other = costs.market if costs.market != market else next(iter(own.keys() - {market}))
        raise UsageError(
            f"Costs or rules of market {other!r} came with market {market!r}; expected the same market: pass costs({market!r})."
        )
    if home.market not in [c.market for c in given] or len({c.market for c in given}) < len(given):
        raise UsageError(
            f"Costs came for {', '.join(c.market for c in given) or 'no market'}; expected one for each market, {market!r} among them."
        )
    first = sorted(given, key=lambda c: c.market != market)
    return tuple((own.get(c.market, rules_of(c.market)), c) for c in first)


def account_of(layout: Layout, costs: Costs, execution: Execution, cash: float, delisting_after: int, haircut: float) -> Account:
    """Return what the engine did with the targets of ``layout``; ``costs`` are the home market's, whose financing rate holds."""
    from backtests.engine import simulate

    n, m = layout.price.shape
    waits = execution.blocked == "wait" or layout.opens.shape[1] > 1
    # A settlement ends a position that only a rebalancing can have opened.
    most = n * m if waits else max(1, min(2 * int(layout.rebalance.sum()) * m, n * m))
    numbers, entries = np.empty((7, most)), np.empty((4, most), dtype=np.int32)
    policy = ("shrink", "wait", "die").index(execution.blocked)
    options = np.array(
        [policy, execution.sizing == "fill", execution.on_tick, delisting_after, haircut, costs.financing_rate, cash], dtype=np.float64
    )
    written, *paths = simulate(
        *(layout.day, layout.gap, layout.opens, layout.price, layout.buy_at, layout.sell_at, layout.close, layout.factor, layout.up),
        *(layout.down, layout.half, layout.impact, layout.cap, layout.fx_open, layout.fx_close, layout.fx_before, layout.rebalance),
        *(layout.pointer, layout.columns, layout.weights, layout.fees, layout.rates, layout.amounts, layout.codes, layout.versions),
        *(layout.uppers, layout.sizes, layout.close_before, layout.factor_before, options, numbers, entries),
    )
    row, col, reason, turn = entries[:, :written]
    path, nav, gross, net, charges, traded, units = paths
    return Account(numbers[:, :written], row, col, reason, turn, path, nav, gross, net, traded, charges, units)


def warm() -> str:
    """Compile the engine, or load it from numba's cache, and return a line that says which and how long it took.

    The first compilation on a machine takes tens of seconds, a load from the cache less than one. A run does the same unasked.
    """
    from datetime import date

    from backtests.costs import costs
    from backtests.engine import simulate

    began = time.perf_counter()
    days = [date(2024, 1, 2), date(2024, 1, 3)]
    bars = pl.DataFrame(
        {
            "symbol": "A", "session": days, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0, "amount": 1.0,
            "adj_factor": 1.0, "suspended": False, "limit_up": None, "limit_down": None, "currency": "USD", "available_at": None,
            "source": "none",
        },
        schema_overrides=BARS.schema,
    )  # fmt: skip
    weights = pl.DataFrame({"session": days[:1], "symbol": ["A"], "weight": [0.0]})
    charged = costs("us")
    account_of(layout_of(weights, bars, ((rules_of("us"), charged),), Execution(), "USD"), charged, Execution(), 1.0, 1, 0.0)
    compiled = sum(simulate.stats.cache_misses.values())
    how = "compiled and cached" if compiled else "loaded from the cache"
    return f"engine       {how} in {time.perf_counter() - began:.1f} s"


def replay(result: Backtest, bars: pl.DataFrame) -> Any:
    """Return a run as a ``vectorbt`` portfolio, for its analysis of trades and drawdowns; see :func:`replayed`.

    Parameters
    ----------
    result
        What :func:`run` returned.
    bars
        The ``bars`` table it ran on.
    """
    layout = layout_of(result.weights, checked(BARS, bars), result.markets, result.execution, result.base, result.terms)
    account = account_of(layout, result.costs, result.execution, result.cash, result.delisting_after, result.haircut)
    return replayed(layout, account, result.cash)


def replayed(layout: Layout, account: Account, cash: float) -> Any:
    """Return the ``vectorbt`` portfolio of the fills: ``Portfolio.from_orders`` with their sizes, prices, fees and turns.

    vectorbt keeps its own cash and positions, so its ``cash()`` and ``value()`` check the engine's; it knows no borrow fees and no
    interest, which differ by :attr:`Account.charges`. Its analysis of trades and drawdowns comes with it. Import takes seconds.
    """
    import pandas as pd
    import vectorbt as vbt

    n, m = layout.price.shape
    rate = layout.fx_open[account.row, layout.codes[account.col, 1]]
    unit = np.vstack([layout.factor_before, layout.factor])
    for i in range(1, n + 1):
        unit[i] = np.where(np.isfinite(unit[i]), unit[i], unit[i - 1])
    factor = unit[account.row + 1, account.col]
    size, price, fees = np.full((n, m), np.nan), np.ones((n, m)), np.zeros((n, m))
    turns = np.full((n, m), m, dtype=np.int64)
    done = account.numbers[1] != 0
    row, col = account.row[done], account.col[done]
    # A settlement for nothing has a price of zero, which vectorbt does not take.
    size[row, col] = (account.numbers[1] / factor)[done]
    price[row, col] = np.maximum((account.numbers[2] * factor * rate)[done], 1e-300)
    fees[row, col] = (account.numbers[3:6].sum(axis=0) * rate)[done]
    turns[row, col] = account.turn[done]
    level = np.vstack([layout.close_before, layout.close * unit[1:]])
    for i in range(1, n + 1):
        level[i] = np.where(np.isfinite(level[i]), level[i], level[i - 1])
    close = level[1:] * layout.fx_close[:, layout.codes[:, 1]]
    return vbt.Portfolio.from_orders(
        pd.DataFrame(np.nan_to_num(close, nan=1.0), columns=layout.symbols),
        size=size,
        price=price,
        fixed_fees=fees,
        init_cash=float(cash),
        cash_sharing=True,
        group_by=True,
        call_seq=np.argsort(turns, axis=1, kind="stable"),
        freq="1D",
    )
