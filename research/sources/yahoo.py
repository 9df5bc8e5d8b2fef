"""Daily prices from Yahoo Finance, through ``yfinance``."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from research import calendar
from research.errors import UsageError
from research.sources.bars import FAILURES, Bars, collect

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bars"]

_COLUMNS = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close", "Volume": "volume"}
#: currencies Yahoo quotes in hundredths: its code -> ISO code
_HUNDREDTHS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}


def bars(
    symbols: Iterable[str],
    start: date,
    end: date,
    *,
    splits_until: date | None = None,
    seen_at: datetime | None = None,
    session: Any = None,
    attempts: int = 3,
    wait: float = 1.0,
    timeout: float = 15.0,
) -> Bars:
    """Fetch daily bars of ``symbols`` from ``start`` to ``end``, both included.

    Yahoo's ``Close`` (``auto_adjust=False``) is already divided by every split that came after the day, and its volume multiplied, so a
    later fetch rewrites both. Here the splits inside what was fetched are undone: prices and volumes are those of the day, and a split is
    a step of ``adj_factor`` like a dividend. The factor is ``Adj Close`` over the price of the day, 1.0 at the first session; it chains
    into total returns whatever the base.

    Parameters
    ----------
    symbols
        As Yahoo writes them; doubled ones count once.
    start, end
        Exchange-local dates.
    splits_until
        The last day to look for splits, so that prices of a window in the past are the ones traded then; the caller's today serves. By
        default ``end``: a split after it is then still in the prices (the returns are right either way).
    seen_at
        When this is run: a session that has not closed by then is set aside.
    session
        A ``curl_cffi`` session to use instead of yfinance's own.
    attempts, wait, timeout
        How often a symbol is tried, the first pause in seconds (it doubles up to 30 s, with jitter), and the time-out of one request.

    Returns
    -------
    Bars
        ``failures`` says which symbols gave nothing and why; one symbol's failure never costs the others.

    Raises
    ------
    UsageError
        When ``end`` is before ``start``.
    """
    if end < start:
        raise UsageError(f"Bars were asked from {start} to {end}; expected the start not to be after the end.")
    tables, failures = [], []
    until = max(end, splits_until or end)
    for symbol in dict.fromkeys(symbols):
        if ":" in symbol:
            failures.append({"symbol": symbol, "reason": f"Yahoo has no symbol like {symbol}; expected one such as NVDA or 600519.SS."})
            continue
        try:
            history, currency = _history(symbol, start, until, session, attempts, wait, timeout)
        # Whatever the library raises for this symbol (it has no one error type), the others are still fetched.
        except Exception as error:
            failures.append({"symbol": symbol, "reason": _reason(symbol, start, end, error)})
            continue
        table = _table(symbol, history, currency).filter(pl.col("session").is_between(start, end))
        if table.is_empty():
            reason = f"Yahoo gave no prices of {symbol} from {start} to {end}; expected at least one session: check the dates."
            failures.append({"symbol": symbol, "reason": reason})
            continue
        tables.append(table)
    schema = {"symbol": pl.String, "session": pl.Date}
    found = collect(pl.concat(tables) if tables else pl.DataFrame(schema=schema), source="yahoo", seen_at=seen_at)
    return Bars(found.bars, found.quarantine, found.flags, pl.DataFrame(failures, schema=FAILURES))


def _history(
    symbol: str, start: date, until: date, session: Any, attempts: int, wait: float, timeout: float
) -> tuple[pd.DataFrame, str | None]:
    """Return yfinance's frame and the currency of its prices; try again after a rate limit, a broken answer or a lost connection."""
    import tenacity
    import yfinance
    from yfinance.data import YfData

    def forget(_: tenacity.RetryCallState) -> None:
        # yfinance remembers answers for the life of the process, broken ones too: without this every try would read the same one.
        YfData.cache_get.cache_clear()

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_passing),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_exponential(multiplier=wait, max=30) + tenacity.wait_random(0, wait),
        before_sleep=forget,
        reraise=True,
    )
    with _raising():
        for attempt in retrying:
            with attempt:
                ticker = yfinance.Ticker(symbol, session=session)
                # Saves yfinance a request for the zone, and for an unknown symbol several more; it only places the interval's ends,
                # which are wider than asked for: Yahoo excludes the end, and the zone of an unknown exchange is a guess.
                ticker._tz = calendar.zone_of(calendar.mic_of(symbol)).key
                history = ticker.history(
                    start=start - timedelta(days=1), end=until + timedelta(days=1), auto_adjust=False, actions=True, timeout=timeout
                )
                return history, ticker.history_metadata.get("currency")
    raise AssertionError("tenacity either returns or raises")


@contextmanager
def _raising() -> Iterator[None]:
    """Have yfinance raise instead of printing and returning an empty frame; its switch is global, so it is put back."""
    import yfinance

    logger = logging.getLogger("yfinance")
    hidden, level = yfinance.config.debug.hide_exceptions, logger.level
    yfinance.config.debug.hide_exceptions = False
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        yfinance.config.debug.hide_exceptions = hidden
        logger.setLevel(level)


def _is_passing(error: BaseException) -> bool:
    """Return whether another try may help: not for a symbol or a date Yahoo does not have."""
    from yfinance.exceptions import YFDataException, YFRateLimitError

    # A broken answer fails to parse (ValueError); curl's and the system's errors of transport are OSErrors.
    return isinstance(error, YFRateLimitError | YFDataException | ValueError | OSError)


def _reason(symbol: str, start: date, end: date, error: Exception) -> str:
    from yfinance.exceptions import YFRateLimitError, YFTickerMissingError

    if isinstance(error, YFRateLimitError):
        return f"Yahoo refused {symbol} for too many requests (429); expected prices: wait some minutes and run it again."
    if isinstance(error, YFTickerMissingError):
        return f"Yahoo has no prices of {symbol} from {start} to {end}; expected a symbol it knows: check the spelling and the dates."
    if isinstance(error, ValueError):
        return f"Yahoo's answer for {symbol} is not the JSON expected ({_brief(error)}): run it again later."
    if isinstance(error, OSError):
        return f"Yahoo could not be reached for {symbol} ({_brief(error)}): check the connection and run it again."
    return f"Yahoo's answer for {symbol} could not be read ({_brief(error)}); expected prices: check the symbol, or run it again later."


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _table(symbol: str, history: pd.DataFrame, currency: str | None) -> pl.DataFrame:
    """Return the rows as :func:`collect` takes them, the splits inside them undone."""
    data: dict[str, Any] = {ours: history[theirs].to_numpy(dtype=float) for theirs, ours in _COLUMNS.items() if theirs in history}
    # The index is midnight in the exchange's zone: its wall-clock date is the session.
    data["session"] = [stamp.date() for stamp in history.index]
    data["_split"] = history["Stock Splits"].to_numpy(dtype=float) if "Stock Splits" in history else [0.0] * len(history)
    unit = 0.01 if currency in _HUNDREDTHS else 1.0
    schema = {"session": pl.Date, "_split": pl.Float64} | {ours: pl.Float64 for ours in _COLUMNS.values() if ours in data}
    rows = pl.DataFrame({name: data[name] for name in schema}, schema=schema).sort("session")
    # The product of the splits after a session: what one share of that day has become.
    ratio = pl.when(pl.col("_split") > 0).then("_split").otherwise(1.0)
    later = ratio.cum_prod(reverse=True) / ratio
    prices = [(pl.col(name) * later * unit).alias(name) for name in ("open", "high", "low", "close")]
    iso = _HUNDREDTHS.get(currency, currency) if currency is not None else None
    return rows.with_columns(
        pl.lit(symbol).alias("symbol"),
        *prices,
        (pl.col("adj_close") * unit).alias("adj_close"),
        (pl.col("volume") / later).alias("volume"),
        pl.lit(iso, dtype=pl.String).alias("currency"),
    ).drop("_split")
