"""Daily prices from Yahoo Finance, through ``yfinance``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from research import calendar
from research.bar_checks import against_distributions
from research.errors import SourceError, UsageError
from research.sources.bars import FAILURES, Bars, collect
from research.sources.vendor import Caller, Pace, brief, each

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PACE", "bars"]

#: Yahoo answers 429 for minutes to who asks much faster
PACE = Pace(timeout=15.0, workers=4, per_second=4.0)

_COLUMNS = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close", "Volume": "volume"}
_NEEDED = ("Close", "Adj Close")
#: currencies Yahoo quotes in hundredths: its code -> ISO code
_HUNDREDTHS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
_STATED = {"symbol": pl.String, "ex_date": pl.Date, "cash": pl.Float64, "shares": pl.Float64}


def bars(
    symbols: Iterable[str],
    start: date,
    end: date,
    *,
    spans: Mapping[str, tuple[date, date]] = MappingProxyType({}),
    splits_until: date | None = None,
    seen_at: datetime | None = None,
    session: Any = None,
    pace: Pace = PACE,
    advance: Callable[[int], object] = lambda n: None,
) -> Bars:
    """Fetch daily bars of ``symbols`` from ``start`` to ``end``, both included.

    Yahoo's ``Close`` (``auto_adjust=False``) is already divided by every split that came after the day, and its volume multiplied, so a
    later fetch rewrites both. Here the splits inside what was fetched are undone: prices and volumes are those of the day, and a split is
    a step of ``adj_factor`` like a dividend. The factor is ``Adj Close`` over the price of the day, 1.0 at the first session: returns are
    those of Yahoo's adjusted series. Where its steps differ by more than 1e-4 from what the stated dividends and splits imply, a flag of
    the rule ``distribution`` says so.

    Parameters
    ----------
    symbols
        As Yahoo writes them; doubled ones count once.
    start, end
        Exchange-local dates.
    spans
        Symbol to a first and a last day of its own.
    splits_until
        The last day to look for splits, so that prices of a window in the past are the ones traded then; the caller's today serves. By
        default ``end``: a split after it is then still in the prices (the returns are right either way).
    seen_at
        When this is run: a session that has not closed by then is set aside.
    session
        A ``curl_cffi`` session to use instead of yfinance's own.
    pace
        How often and how many at once.
    advance
        Called with the number of symbols done.

    Returns
    -------
    Bars
        ``failures`` says which symbols gave nothing and why; one symbol's failure never costs the others.

    Raises
    ------
    UsageError
        When ``end`` is before ``start``.
    """
    from yfinance.data import YfData

    if end < start:
        raise UsageError(f"Bars were asked from {start} to {end}; expected the start not to be after the end.")
    # yfinance remembers answers for the life of the process, broken ones too: every run, and every try, would read the same one.
    forget = YfData.cache_get.cache_clear
    caller = Caller(pace, passing=_is_passing, limited=_is_limited, forget=forget)
    forget()

    def one(symbol: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        if ":" in symbol:
            raise SourceError(f"Yahoo has no symbol like {symbol}; expected one such as NVDA or 600519.SS.")
        first, last = spans.get(symbol, (start, end))
        history, currency = caller.ask(lambda: _history(symbol, first, max(last, splits_until or last), session, pace.timeout))
        rows, stated = _table(symbol, history, currency)
        rows = rows.filter(pl.col("session").is_between(first, last))
        if rows.is_empty():
            raise SourceError(f"Yahoo gave no prices of {symbol} from {first} to {last}; expected at least one session: check the dates.")
        return rows, stated

    def reason(symbol: str, error: Exception) -> str:
        return _reason(symbol, *spans.get(symbol, (start, end)), error)

    with _raising():
        done, failed = each(dict.fromkeys(symbols), one, workers=pace.workers, reason=reason, advance=advance)
    schema = {"symbol": pl.String, "session": pl.Date}
    rows = pl.concat([table for table, _ in done], how="diagonal") if done else pl.DataFrame(schema=schema)
    found = collect(rows, source="yahoo", seen_at=seen_at)
    stated = pl.concat([pl.DataFrame(schema=_STATED), *(table for _, table in done)])
    flags = pl.concat([found.flags, against_distributions(found.bars, stated)]).sort("symbol", "session", "rule", nulls_last=False)
    failures = [{"symbol": symbol, "reason": reason} for symbol, reason in failed]
    return Bars(found.bars, found.quarantine, flags, pl.DataFrame(failures, schema=FAILURES))


def _history(symbol: str, start: date, until: date, session: Any, timeout: float) -> tuple[pd.DataFrame, str | None]:
    """Return yfinance's frame and the currency of its prices."""
    import yfinance

    ticker = yfinance.Ticker(symbol, session=session)
    # Saves yfinance a request for the zone, and for an unknown symbol several more; it only places the interval's ends,
    # which are wider than asked for: Yahoo excludes the end, and the zone of an unknown exchange is a guess.
    ticker._tz = calendar.zone_of(calendar.mic_of(symbol)).key
    history = ticker.history(
        start=start - timedelta(days=1), end=until + timedelta(days=1), auto_adjust=False, actions=True, timeout=timeout
    )
    return history, ticker.history_metadata.get("currency")


@contextmanager
def _raising() -> Iterator[None]:
    """Have yfinance raise instead of printing and returning an empty frame; its switch is global, so it is put back."""
    import yfinance

    logger = logging.getLogger("yfinance")
    hidden, level = yfinance.config.debug.hide_exceptions, logger.level
    yfinance.config.debug.hide_exceptions = False
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        yfinance.config.debug.hide_exceptions = hidden
        logger.setLevel(level)


def _is_passing(error: BaseException) -> bool:
    """Return whether another try may help: not for a symbol or a date Yahoo does not have."""
    from yfinance.exceptions import YFDataException, YFRateLimitError

    # A broken answer fails to parse (ValueError); curl's and the system's errors of transport are OSErrors.
    return isinstance(error, YFRateLimitError | YFDataException | ValueError | OSError)


def _is_limited(error: BaseException) -> bool:
    from yfinance.exceptions import YFRateLimitError

    return isinstance(error, YFRateLimitError)


def _reason(symbol: str, start: date, end: date, error: Exception) -> str:
    from yfinance.exceptions import YFRateLimitError, YFTickerMissingError

    if isinstance(error, SourceError):
        return str(error)
    if isinstance(error, YFRateLimitError):
        return f"Yahoo refused {symbol} for too many requests (429); expected prices: wait some minutes and run it again."
    if isinstance(error, YFTickerMissingError):
        return f"Yahoo has no prices of {symbol} from {start} to {end}; expected a symbol it knows: check the spelling and the dates."
    if isinstance(error, ValueError):
        return f"Yahoo's answer for {symbol} is not the JSON expected ({brief(error)}): run it again later."
    if isinstance(error, OSError):
        return f"Yahoo could not be reached for {symbol} ({brief(error)}): check the connection and run it again."
    return f"Yahoo's answer for {symbol} could not be read ({brief(error)}); expected prices: check the symbol, or run it again later."


def _table(symbol: str, history: pd.DataFrame, currency: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows as :func:`collect` takes them, the splits inside them undone, and the distributions stated with them."""
    lacking = [name for name in _NEEDED if name not in history]
    if lacking:
        came = ", ".join(map(str, history.columns)) or "(none)"
        raise SourceError(f"Yahoo's table of {symbol} has columns {came} and no {' and '.join(lacking)}: update yfinance.")
    data: dict[str, Any] = {ours: history[theirs].to_numpy(dtype=float) for theirs, ours in _COLUMNS.items() if theirs in history}
    # The index is midnight in the exchange's zone: its wall-clock date is the session.
    data["session"] = [stamp.date() for stamp in history.index]
    for theirs, ours in (("Stock Splits", "_split"), ("Dividends", "_cash")):
        data[ours] = history[theirs].to_numpy(dtype=float) if theirs in history else [0.0] * len(history)
    schema = {"session": pl.Date} | {name: pl.Float64 for name in data if name != "session"}
    rows = pl.DataFrame({name: data[name] for name in schema}, schema=schema).sort("session")
    unit = 0.01 if currency in _HUNDREDTHS else 1.0
    # The product of the splits after a session: what one share of that day has become.
    ratio = pl.when(pl.col("_split") > 0).then("_split").otherwise(1.0)
    later = ratio.cum_prod(reverse=True) / ratio
    prices = [(pl.col(name) * later * unit).alias(name) for name in ("open", "high", "low", "close") if name in data]
    volume = [(pl.col("volume") / later).alias("volume")] if "volume" in data else []
    iso = _HUNDREDTHS.get(currency, currency) if currency is not None else None
    # Yahoo states a dividend for a share of today; before the split of its own day it was held on fewer shares.
    stated = rows.select(
        symbol=pl.lit(symbol), ex_date="session", cash=pl.col("_cash").fill_nan(0.0) * later * ratio * unit, shares=ratio - 1
    ).filter((pl.col("cash") > 0) | (pl.col("shares") != 0))
    rows = rows.with_columns(
        pl.lit(symbol).alias("symbol"),
        *prices,
        *volume,
        (pl.col("adj_close") * unit).alias("adj_close"),
        pl.lit(iso, dtype=pl.String).alias("currency"),
    )
    return rows.drop("_split", "_cash"), stated
