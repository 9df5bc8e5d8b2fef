"""Daily prices of mainland, Hong Kong and US securities, through ``akshare`` (Eastmoney's quotes).

Eastmoney's adjusted prices are not prices times a factor. Back-adjusted (``hfq``) ones are an affine map of the raw ones,

.. math:: H_t = a_t P_t + b_t

where *a* grows with bonus shares and *b* with cash, so that the ratio *H/P* moves on ordinary days too and returns computed from it are
damped. ``total_return_factor`` recovers the map of each stretch between two distributions and from it the reference price after a
distribution, which is what the factor needs.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import threading
import warnings
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import SourceError, UsageError
from research.sources.bars import FAILURES, Bars, collect

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bars", "total_return_factor"]

#: column of akshare's tables -> ours
_COLUMNS = {
    "日期": "session", "开盘": "open", "今开": "open", "收盘": "close", "最新价": "close", "最高": "high", "最低": "low",
    "成交量": "volume", "成交额": "amount", "date": "session", "open": "open", "close": "close", "high": "high", "low": "low",
    "volume": "volume", "amount": "amount",
}  # fmt: skip

#: index of another market (Yahoo's symbol) -> the name akshare takes
_INDICES = MappingProxyType(
    {
        "^HSI": "恒生指数", "^GSPC": "标普500", "^DJI": "道琼斯", "^NDX": "纳斯达克", "^N225": "日经225", "^KS11": "韩国KOSPI",
        "^FTSE": "英国富时100", "^GDAXI": "德国DAX30", "^FCHI": "法国CAC40",
    }
)  # fmt: skip

#: Eastmoney's number of a US exchange: Nasdaq, NYSE, NYSE Arca and American
_US_MARKETS = ("105", "106", "107")

#: shares in the unit of volume Eastmoney uses for mainland securities
_MAINLAND_LOT = 100.0

#: a session this many standard deviations off the line of its stretch begins a new one
_DEVIATIONS = 4.5

#: how far the slope may lie from the guess, relative: bonus issues change it by tens of percent
_SLOPE_SPREAD = 0.5


def bars(
    symbols: Iterable[str],
    start: date,
    end: date,
    *,
    seen_at: datetime | None = None,
    attempts: int = 3,
    wait: float = 1.0,
    timeout: float = 30.0,
) -> Bars:
    """Fetch daily bars of ``symbols`` from ``start`` to ``end``, both included.

    Mainland shares (``stock_zh_a_hist``), mainland funds (``fund_etf_hist_em``), Hong Kong (``stock_hk_hist``) and US
    (``stock_us_hist``) shares come raw and back-adjusted, and ``adj_factor`` is made of the two (:func:`total_return_factor`); indices
    (``stock_zh_index_daily_em``, ``index_global_hist_em``) have a factor of 1.0. Mainland volumes are counted in lots of 100 and stored
    in shares.

    Parameters
    ----------
    symbols
        As Yahoo writes them; doubled ones count once.
    start, end
        Exchange-local dates.
    seen_at
        When this is run: a session that has not closed by then is set aside.
    attempts, wait, timeout
        How often a request is tried, the first pause in seconds (it doubles up to 30 s, with jitter), and the seconds after which one
        that hangs is given up.

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
    for symbol in dict.fromkeys(symbols):
        try:
            tables.append(_history(symbol, start, end, _Caller(attempts, wait, timeout)))
        except SourceError as error:
            failures.append({"symbol": symbol, "reason": str(error)})
    schema = {"symbol": pl.String, "session": pl.Date}
    rows = pl.concat(tables, how="diagonal") if tables else pl.DataFrame(schema=schema)
    found = collect(rows, source="akshare", seen_at=seen_at)
    return Bars(found.bars, found.quarantine, found.flags, pl.DataFrame(failures, schema=FAILURES))


def total_return_factor(raw: NDArray[np.float64], back_adjusted: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return the cumulative total-return factor, 1.0 at the first session, from raw and affinely back-adjusted prices.

    1. Sessions are gone through in order; a session joins the stretch before it when its prices lie on the stretch's line
       :math:`H = aP + b` up to the rounding of both (a stretch too flat to tell its slope borrows the one before);
    2. where they do not, a new stretch begins: a distribution went ex. Its line, inverted at the last adjusted close, is the reference
       price :math:`R = (H_{t-1} - b_t)/a_t`, and the factor grows by :math:`P_{t-1}/R`.

    Prices adjusted by a factor alone are the case *b* = 0. A distribution smaller than the rounding of the prices is not seen.

    Parameters
    ----------
    raw, back_adjusted
        Prices of one symbol, shape (sessions, 4), same order in both, the close in the last column; no NaN.

    Returns
    -------
    ndarray
        Shape (sessions,).

    Examples
    --------
    A cash dividend of 1 at a close of 10, adjusted by adding it: the reference is 9, the factor 10/9.

    >>> raw = np.array([[10.0, 10.2, 9.8, 10.1], [10.1, 10.1, 9.7, 10.0], [9.0, 9.3, 8.9, 9.2]])
    >>> total_return_factor(raw, raw + np.array([[0.0], [0.0], [1.0]])).round(4).tolist()
    [1.0, 1.0, 1.1111]
    """
    count = len(raw)
    factor = np.ones(count)
    if count == 0:
        return factor
    # Variance of a rounded number: its tick squared over 12. The slope is near the ratio, which stands in until it is known.
    tick, step = _tick(raw), _tick(back_adjusted)
    # (Back-adjusted prices that are not positive are the vendor's slip, and do occur.)
    ratio = float(np.median(back_adjusted / raw))
    ratio = ratio if ratio > 0 else 1.0
    noise = (ratio**2 * tick**2 + step**2) / 12
    lines = [_Line(ratio, noise)]
    begins = [0]
    for now in range(count):
        if now and lines[-1].misfit(raw[now], back_adjusted[now]) > _DEVIATIONS:
            lines.append(_Line(lines[-1].slope, noise))
            begins.append(now)
        lines[-1].add(raw[now], back_adjusted[now])
    for now, line in zip(begins[1:], lines[1:], strict=True):
        reference = line.inverse(back_adjusted[now - 1, 3])
        close = raw[now - 1, 3]
        # Less than a tick is rounding, not a distribution.
        if reference > 0 and abs(reference - close) > 0.75 * tick:
            factor[now:] *= close / reference
    return factor


class _Line:
    """Least squares of adjusted on raw prices, updated row by row, with a slope expected near ``guess`` until the data tell it."""

    def __init__(self, guess: float, noise: float) -> None:
        self.guess, self.noise, self.weight = guess, noise, noise / (_SLOPE_SPREAD * guess) ** 2
        self.count, self.x, self.y, self.xx, self.xy = 0, 0.0, 0.0, 0.0, 0.0

    def add(self, prices: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Update the means and the centred sums (Welford)."""
        for price, value in zip(prices.tolist(), values.tolist(), strict=True):
            self.count += 1
            away = price - self.x
            self.x += away / self.count
            self.y += (value - self.y) / self.count
            self.xx += away * (price - self.x)
            self.xy += away * (value - self.y)

    @property
    def slope(self) -> float:
        """The slope, between the guess and the data by the evidence there is."""
        return (self.xy + self.weight * self.guess) / (self.xx + self.weight)

    def inverse(self, value: float) -> float:
        """Return the raw price that maps to ``value``."""
        return float(self.x + (value - self.y) / self.slope)

    def misfit(self, prices: NDArray[np.float64], values: NDArray[np.float64]) -> float:
        """Return how many standard deviations of the prediction the row's mean lies off the line."""
        away = float(prices.mean()) - self.x
        miss = abs(float(values.mean()) - self.y - self.slope * away)
        # Equal prices are rounded alike: only different ones average out.
        variance = self.noise * (1 / len(set(prices.tolist())) + 1 / self.count + away**2 / (self.xx + self.weight))
        return miss / math.sqrt(variance)


def _tick(prices: NDArray[np.float64]) -> float:
    return 0.01 if bool(np.all(np.abs(prices * 100 - np.round(prices * 100)) < 1e-6)) else 0.001


def _history(symbol: str, start: date, end: date, call: _Caller) -> pl.DataFrame:
    import akshare as ak

    first, last = start.strftime("%Y%m%d"), end.strftime("%Y%m%d")
    code, _, suffix = symbol.partition(".")
    lot = 1.0
    fetch: Callable[..., pd.DataFrame]
    if re.fullmatch(r"\d{6}\.(SS|SZ|BJ)", symbol):
        lot = _MAINLAND_LOT
        if re.fullmatch(r"000\d{3}\.SS|399\d{3}\.SZ|899\d{3}\.BJ", symbol):
            market = {"SS": "sh", "SZ": "sz", "BJ": "bj"}[suffix]
            raw = call(symbol, partial(ak.stock_zh_index_daily_em, f"{market}{code}", first, last))
            return _rows(symbol, raw, None, start, end, lot)
        if re.fullmatch(r"9\d{5}\.SS|2\d{5}\.SZ", symbol):
            raise SourceError(
                f"akshare has no history of the B share {symbol}; expected an A share, a fund or an index: take it from yahoo."
            )
        if re.fullmatch(r"5\d{5}\.SS|1[568]\d{4}\.SZ", symbol):
            fetch = partial(ak.fund_etf_hist_em, code, "daily", first, last)
        else:
            fetch = partial(ak.stock_zh_a_hist, code, "daily", first, last, timeout=call.timeout)
    elif suffix == "HK":
        fetch = partial(ak.stock_hk_hist, code.zfill(5), "daily", first, last)
    elif symbol in _INDICES:
        return _rows(symbol, call(symbol, partial(ak.index_global_hist_em, _INDICES[symbol])), None, start, end, lot)
    elif re.fullmatch(r"[A-Z]{1,5}(-[A-Z])?", symbol):
        return _american(symbol, start, end, call)
    else:
        raise SourceError(
            f"akshare has no daily history for {symbol}; expected a mainland, Hong Kong or US symbol or one of "
            f"{', '.join(_INDICES)}: take it from yahoo or a file."
        )
    raw, back = (call(symbol, partial(fetch, adjust=adjust)) for adjust in ("", "hfq"))
    return _rows(symbol, raw, back, start, end, lot)


def _american(symbol: str, start: date, end: date, call: _Caller) -> pl.DataFrame:
    """Try the exchanges in turn: Eastmoney wants the exchange's number, which a symbol does not tell."""
    import akshare as ak

    first, last = start.strftime("%Y%m%d"), end.strftime("%Y%m%d")
    for market in _US_MARKETS:
        code = f"{market}.{symbol.replace('-', '_')}"
        with contextlib.suppress(_EmptyAnswer):
            raw, back = (call(symbol, partial(ak.stock_us_hist, code, "daily", first, last, adjust)) for adjust in ("", "hfq"))
            return _rows(symbol, raw, back, start, end, 1.0)
    raise _EmptyAnswer(symbol)


def _rows(symbol: str, raw: pd.DataFrame, back: pd.DataFrame | None, start: date, end: date, lot: float) -> pl.DataFrame:
    """Return the rows as :func:`collect` takes them."""
    table = _table(raw).filter(pl.col("session").is_between(start, end)).sort("session")
    if table.is_empty():
        raise _EmptyAnswer(symbol)
    if "volume" in table.columns:
        table = table.with_columns(pl.col("volume") * lot)
    if back is not None:
        four = ("open", "high", "low", "close")
        both = table.select("session", *four).join(_table(back).select("session", *four), on="session", suffix="_back").drop_nulls()
        both = both.unique("session", keep="first", maintain_order=True).sort("session")
        raw_prices = both.select(four).to_numpy()
        factor = total_return_factor(raw_prices, both.select(f"{name}_back" for name in four).to_numpy())
        table = table.join(both.select("session", adj_factor=pl.Series(factor)), on="session", how="left", maintain_order="left")
    return table.with_columns(symbol=pl.lit(symbol))


def _table(frame: pd.DataFrame) -> pl.DataFrame:
    named = {_COLUMNS[name]: frame[name] for name in frame.columns if name in _COLUMNS}
    if not {"session", "close"} <= named.keys():
        raise SourceError(f"akshare's table has columns {', '.join(map(str, frame.columns))}; expected a date and a close: update akshare.")
    # US and index dates come as text, the others as dates.
    days = [str(day)[:10] for day in named.pop("session")]
    numbers = {name: column.to_numpy(dtype=float) for name, column in named.items()}
    return pl.DataFrame({"session": days, **numbers}).with_columns(
        pl.col("session").str.to_date(strict=False), pl.col(pl.Float64).fill_nan(None)
    )


class _EmptyAnswer(SourceError):
    def __init__(self, symbol: str) -> None:
        super().__init__(
            f"akshare gave no prices of {symbol} for these dates; expected at least one session: check the symbol and the dates."
        )


class _Caller:
    """Calls akshare: quietly, for a bounded time, again after a broken answer; every failure becomes a sentence."""

    def __init__(self, attempts: int, wait: float, timeout: float) -> None:
        self.attempts, self.wait, self.timeout = attempts, wait, timeout

    def __call__(self, symbol: str, request: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        import tenacity

        retrying = tenacity.Retrying(
            # A broken answer fails to parse (ValueError); errors of transport are OSErrors.
            retry=tenacity.retry_if_exception_type((ValueError, OSError)),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=tenacity.wait_exponential(multiplier=self.wait, max=30) + tenacity.wait_random(0, self.wait),
            reraise=True,
        )
        try:
            frame = retrying(self._bounded, request)
        except ValueError as error:
            raise SourceError(f"akshare's answer for {symbol} is not in the form expected ({_brief(error)}): run it again later.") from None
        except OSError as error:
            raise SourceError(f"akshare could not reach its source for {symbol} ({_brief(error)}): check the connection.") from None
        except TypeError:
            # akshare reads into the answer without looking: one whose data are null ends here.
            raise _EmptyAnswer(symbol) from None
        except Exception as error:
            raise SourceError(f"akshare failed on {symbol} ({_brief(error)}); expected prices: update akshare or run it again.") from None
        if frame is None or frame.empty:
            raise _EmptyAnswer(symbol)
        return frame

    def _bounded(self, request: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Run the request in a thread of its own: some of akshare's functions set no time-out, and would hang for ever."""
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["frame"] = request()
            except Exception as error:
                outcome["error"] = error

        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            thread.join(self.timeout)
        if thread.is_alive():
            raise TimeoutError(f"no answer within {self.timeout:g} s")
        if "error" in outcome:
            raise outcome["error"]
        frame: pd.DataFrame = outcome["frame"]
        return frame


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
