"""Bars and weights as matrices: what a run of :mod:`backtests.simulation` works on, and the columns of its arrays.

Row = session from the first fill on, column = symbol in alphabetical order; prices are real ones, in the currency of the name. A matrix of
one row stands for all rows. What is known of a session t (volumes, volatility, amounts) enters rows after t only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.bar_grid import rows_of
from backtests.conditions import fees_by_session, terms_of_names, tick_tables
from backtests.costs import Costs
from backtests.exchange_rates import rates
from backtests.execution import Execution
from backtests.liquidity import WINDOW, known_before
from backtests.rules import Rules
from backtests.symbol_codes import coded, run_starts
from backtests.terms import terms_by_symbol
from research.calendar import mic_of, sessions_within
from research.errors import UsageError
from research.schemas import BARS

__all__ = ["Layout", "layout_of", "market_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_MARKETS = {"XSHG": "cn", "XSHE": "cn", "BJSE": "cn", "XHKG": "hk", "XNYS": "us", "XNAS": "us", "24/7": "crypto"}
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """Matrices of a run: n rows by m columns; the arrays of :func:`backtests.engine.simulate`, in its order from ``day`` on."""

    sessions: list[date]
    symbols: list[str]
    decided: list[date | None]
    unlimited: float
    unknown_volume: float
    stray: int
    day: Ints
    gap: Floats
    opens: Bools
    price: Floats
    buy_at: Floats
    sell_at: Floats
    close: Floats
    factor: Floats
    up: Floats
    down: Floats
    half: Floats
    impact: Floats
    cap: Floats
    fx_open: Floats
    fx_close: Floats
    fx_before: Floats
    rebalance: Bools
    pointer: Ints
    columns: Ints
    weights: Floats
    fees: Floats
    rates: Floats
    amounts: Floats
    codes: Ints
    versions: Ints
    uppers: Floats
    sizes: Floats
    close_before: Floats
    factor_before: Floats


def market_of(symbol: str) -> str | None:
    """Return the market whose rules and costs a symbol has; None where there are none for it.

    >>> [market_of(s) for s in ("600519.SS", "0700.HK", "NVDA", "BTC-USD", "7203.T")]
    ['cn', 'hk', 'us', 'crypto', None]
    """
    return _MARKETS.get(mic_of(symbol))


def layout_of(
    weights: pl.DataFrame,
    bars: pl.DataFrame,
    markets: tuple[tuple[Rules, Costs], ...],
    execution: Execution,
    base: str,
    terms: pl.DataFrame | None = None,
    placed: tuple[list[str], Ints] | None = None,
    found: tuple[list[str], Ints] | None = None,
) -> Layout:
    """Lay ``bars`` and ``weights`` (validated, weights sorted by session and symbol) out from the first fill on.

    With one market every symbol belongs to it; with several each to its own exchange's. ``placed`` and ``found``, of the weights and of
    the bars, are what :func:`backtests.symbol_codes.coded` returns of their symbols, when it is known already.

    Raises
    ------
    UsageError
        When the bars end before the first fill, no bar that traded has a price to fill at, a weight's session is no session, a rate of
        exchange is missing, or a cost schedule begins after the first fill.
    """
    symbols, columns = coded(weights["symbol"]) if placed is None else placed
    known, codes_of_bars = coded(bars["symbol"]) if found is None else found
    m = len(symbols)
    first: date = weights["session"].min()  # type: ignore[assignment]
    home = _home(symbols, markets)
    place = {symbol: k for k, symbol in enumerate(symbols)}
    own = np.array([place.get(symbol, -1) for symbol in known], dtype=np.int64)
    calendar, opened = _calendar(bars["session"], known, codes_of_bars, symbols, home, len(markets))
    held, col = bars, codes_of_bars
    if known != symbols:
        col = own[col]
        if own.min() < 0:
            held, col = bars.drop("symbol", "available_at", "source", strict=False).filter(pl.Series(col >= 0)), col[col >= 0]
    numbers = calendar.to_physical().to_numpy().astype(np.int64)
    start = int(np.searchsorted(numbers, (first - _EPOCH).days, side="right"))
    if start == len(numbers):
        raise UsageError(
            f"Bars end on {calendar.max()!s}, before the first fill: weights start on {first!s} and fill at the next open; "
            "extend the bars or start earlier."
        )
    stray = _require_sessions(weights["session"].unique().sort(), calendar, symbols)
    lead = min(start, WINDOW + 1)
    sessions, day = calendar[start:].to_list(), numbers[start:]
    n = len(day)

    currencies, quoted = coded(held["currency"])
    currency = np.zeros(m, dtype=np.int64)
    if len(currencies) > 1:
        currency[col[::-1]] = quoted[::-1]  # what is written last stands: the first bar of each name
    earlier = held.select("session", "close", "adj_factor", "suspended", _col=pl.Series(col)).filter(pl.col("session") <= first)
    kept, key = _within(rows_of(held["session"], numbers[start - lead :]), col, m)
    size = (n + lead) * m
    # Every cell once, in order: the columns are the matrices.
    dense = len(key) == size and bool((key[1:] > key[:-1]).all())
    if not dense and key.size and np.bincount(key).max() > 1:
        BARS.validate(bars)  # says which

    def column_of(column: str) -> pl.Series:
        return held[column][kept] if isinstance(kept, slice) else held[column].filter(kept)

    trades = ~column_of("suspended").to_numpy()

    def matrix(column: str, where: Bools | None = None) -> Floats:
        if dense:
            values = column_of(column).to_numpy(writable=where is None)
            return (values if where is None else np.where(where, values, np.nan)).reshape(n + lead, m)
        values = column_of(column).to_numpy()
        out = np.full(size, np.nan)
        out[key if where is None else key[where]] = values if where is None else values[where]
        return out.reshape(n + lead, m)

    close, factor = matrix("close", trades), matrix("adj_factor")
    price, buy_at, sell_at = _fill_prices(execution, matrix, trades, close, lead)
    if not np.isfinite(price).any() and trades[key >= lead * m].any():
        word = {"open": "an open", "close": "a close", "vwap": "an amount and a volume"}[execution.fill]
        raise UsageError(
            f"None of the {int(trades[key >= lead * m].sum())} bars after {first!s} has {word}, and orders fill there; "
            "expected bars with one: load prices that have it, or map its column."
        )
    up = down = np.full((1, m), np.nan)
    unlimited = 0.0
    limited = np.array([markets[k][0].price_limits for k in home])
    if limited.any():
        up, down = matrix("limit_up")[lead:], matrix("limit_down")[lead:]
        if not limited.all():
            up[:, ~limited], down[:, ~limited] = np.nan, np.nan
        tradable = np.isfinite(price) & limited
        bare = np.count_nonzero(tradable & ~(np.isfinite(up) & np.isfinite(down)))
        unlimited = float(bare / np.count_nonzero(tradable)) if tradable.any() else 1.0
    volumes = known_before(matrix, trades, close, factor, home, markets, execution, lead)
    fx_open, fx_close, fx_before = rates(bars, currencies, base, sessions)
    decided, rebalance, pointer, chosen = _targets(weights, day)
    by_symbol = terms_by_symbol(terms)
    amounts, codes, tables = terms_of_names(symbols, home, currency.tolist(), markets, sessions, by_symbol)
    versions, uppers, sizes = tick_tables(tables)
    return Layout(
        sessions=sessions,
        symbols=symbols,
        decided=decided,
        unlimited=unlimited,
        unknown_volume=volumes.unknown,
        stray=stray,
        day=day,
        gap=np.diff(day, prepend=day[0]).astype(np.float64),
        opens=opened[start:],
        price=price,
        buy_at=buy_at,
        sell_at=sell_at,
        close=close[lead:],
        factor=factor[lead:],
        up=up,
        down=down,
        half=volumes.half,
        impact=volumes.impact,
        cap=volumes.cap,
        fx_open=fx_open,
        fx_close=fx_close,
        fx_before=fx_before,
        rebalance=rebalance,
        pointer=pointer,
        columns=columns[chosen],
        weights=weights["weight"].to_numpy(writable=True)[chosen],
        fees=fees_by_session(sessions, markets),
        rates=np.array([[c.commission, c.minimum_commission, c.duty_rounding, c.spread_floor] for _, c in markets]),
        amounts=amounts,
        codes=codes,
        versions=versions,
        uppers=uppers,
        sizes=sizes,
        close_before=_last(earlier.filter(~pl.col("suspended")), pl.col("close") * pl.col("adj_factor"), m),
        factor_before=_last(earlier, pl.col("adj_factor"), m),
    )


def _home(symbols: list[str], markets: tuple[tuple[Rules, Costs], ...]) -> Ints:
    """Return the number of each symbol's market."""
    if len(markets) == 1:
        return np.zeros(len(symbols), np.int64)
    names = [rules.market for rules, _ in markets]
    for symbol in symbols:
        if market_of(symbol) not in names:
            raise UsageError(
                f"{symbol} belongs to market {market_of(symbol) or mic_of(symbol)!r}, and costs came for {', '.join(names)}; "
                "expected costs of its market among them: add them, or drop the symbol."
            )
    return np.array([names.index(market_of(symbol) or "") for symbol in symbols], dtype=np.int64)


def _calendar(days: pl.Series, known: list[str], codes: Ints, symbols: list[str], home: Ints, count: int) -> tuple[pl.Series, Bools]:
    """Return the sessions of all symbols that trade where the weighted ones do, and in which of them each market is open.

    ``days`` are the sessions of the bars, ``codes`` the places of their symbols among the ``known``.
    """
    if count == 1 and known == symbols:
        calendar = days.unique().sort()
        return calendar, np.ones((len(calendar), 1), dtype=bool)
    open_days = []
    for k in range(count):
        mine = {symbol for symbol, h in zip(symbols, home, strict=True) if h == k}
        mics = {mic_of(symbol) for symbol in mine}
        there = np.array([symbol in mine or mic_of(symbol) in mics for symbol in known])
        # Most often all of them: then nothing has to be looked for.
        open_days.append((days if there.all() else days.filter(pl.Series(there[codes]))).unique())
    calendar = pl.concat(open_days).unique().sort()
    return calendar, np.ascontiguousarray(np.column_stack([calendar.is_in(each.implode()).to_numpy() for each in open_days]))


def _require_sessions(days: pl.Series, calendar: pl.Series, symbols: list[str]) -> int:
    """Refuse weights of a day that is no session; return how many sessions of the bars no exchange calendar knows."""
    mics = sorted({mic_of(symbol) for symbol in symbols})
    first, last = min(days.min(), calendar.min()), calendar.max()  # type: ignore[type-var]
    official = pl.concat([sessions_within(mic, first, last)["session"] for mic in mics]).unique()  # type: ignore[arg-type]
    inside = days.filter(days <= last)
    odd = inside.filter(~inside.is_in(calendar.implode()) & ~inside.is_in(official.implode()))
    if len(odd) and not official.is_empty():
        raise UsageError(
            f"Weights are decided on {odd[0]}, which is no session of {', '.join(mics)} and of no bar ({len(odd)} such days); "
            "expected sessions: move them to the session before, as `research.sessions` lists them."
        )
    return int((~calendar.is_in(official.implode())).sum()) if len(official) else 0


def _within(rows: Ints, col: Ints, m: int) -> tuple[slice | pl.Series, Ints]:
    """Return which bars have a row, and the cell of each of them."""
    keep = rows >= 0
    start = int(keep.argmax()) if len(keep) else 0
    if keep[start:].all():  # all of them; or, sorted by session, the last ones
        return slice(start, None), rows[start:] * m + col[start:]
    return pl.Series(keep), rows[keep] * m + col[keep]


def _fill_prices(
    execution: Execution, matrix: Callable[..., Floats], trades: Bools, close: Floats, lead: int
) -> tuple[Floats, Floats, Floats]:
    """Return the prices orders fill at, and those whose touching a limit blocks a purchase and a sale."""
    if execution.fill == "close":
        return close[lead:], close[lead:], close[lead:]
    if execution.fill == "open":
        price: Floats = matrix("open", trades)[lead:]
        return price, price, price
    amount, volume, low, high = (matrix(name, trades)[lead:] for name in ("amount", "volume", "low", "high"))
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(volume > 0, amount / volume, np.nan)
        outside = (price < low * 0.995) | (price > high * 1.005)
    if outside.any() and outside.mean(where=np.isfinite(price)) > 0.01:
        raise UsageError(
            f"The amount over the volume lies outside the day's range on {outside.mean(where=np.isfinite(price)):.0%} of the bars; "
            "expected currency units over shares, unadjusted: check whether volumes are in lots, or prices adjusted."
        )
    inside = np.fmax(np.fmin(price, high), low)
    price = np.where(np.isfinite(price), inside, np.nan)
    # A price limit stops an order of the whole day only where the day never left it.
    return price, np.where(np.isfinite(low), low, price), np.where(np.isfinite(high), high, price)


def _targets(weights: pl.DataFrame, day: Ints) -> tuple[list[date | None], Bools, Ints, Bools | slice]:
    """Return for each row the session its targets were decided in, whether it has any, where they begin, and which of ``weights`` count.

    Targets of two dates before the same fill are superseded by the later one.
    """
    when = weights["session"].to_physical().to_numpy()
    starts = run_starts(when)
    days, sizes = when[starts].astype(np.int64), np.diff(starts, append=len(when))
    row = np.searchsorted(day, days, side="right")
    stands = np.append(row[1:] != row[:-1], True) & (row < len(day))
    count = np.zeros(len(day), dtype=np.int64)
    count[row[stands]] = sizes[stands]
    pointer = np.concatenate([[0], np.cumsum(count)])
    found = {r: _EPOCH + timedelta(days=d) for r, d in zip(row[stands].tolist(), days[stands].tolist(), strict=True)}
    # Most often all that are filled stand, and nothing has to be picked.
    chosen = slice(0, pointer[-1]) if stands[: int(stands.sum())].all() else np.repeat(stands, sizes)
    return [found.get(r) for r in range(len(day))], count > 0, pointer, chosen


def _last(earlier: pl.DataFrame, value: pl.Expr, m: int) -> Floats:
    """Return the latest value of each column of names; NaN where there is none."""
    found = earlier.select("_col", "session", _value=value).sort("session").group_by("_col").agg(pl.col("_value").last())
    out = np.full(m, np.nan)
    out[found["_col"].to_numpy()] = found["_value"].to_numpy()
    return out
