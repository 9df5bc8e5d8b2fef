"""Daily prices of mainland, Hong Kong and US securities, through ``akshare`` (Eastmoney's quotes).

Raw and back-adjusted prices are asked for, and ``adj_factor`` is made of the two (:mod:`research.sources.affine`). Both are rounded, so a
step of it is right within some parts in ten thousand. Where the factor of a mainland or Hong Kong share steps, its stated distributions are
asked for as well, and the mainland's rights issues where those do not explain it (:mod:`research.sources.akshare_reference`): a step that
agrees with them takes their exact value, the others stay and are flagged.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from research.bar_checks import FLAGS
from research.corporate_actions import step
from research.errors import SourceError, UsageError
from research.sources.affine import total_return_factor
from research.sources.akshare_reference import RIGHTS, distributions_of, rights_issues
from research.sources.bars import FAILURES, Bars, collect
from research.sources.vendor import Caller, Pace, brief, each

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PACE", "bars"]

#: Eastmoney drops the connections of who asks faster
PACE = Pace(workers=2, per_second=3.0)

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

#: how far an estimated step may lie from the stated one to take its value: the estimated reference price is within half a tick (two
#: decimals), but for steps that are smaller than one; the relative floor is what returns are held to
_TICK, _FLOOR = 0.015, 1e-4

_MAINLAND = r"(?:6\d{5}\.SS|[03]\d{5}\.SZ|(?:[48]\d|92)\d{4}\.BJ)"
_SHARE = rf"{_MAINLAND}|\d{{4}}\.HK"


def bars(
    symbols: Iterable[str],
    start: date,
    end: date,
    *,
    spans: Mapping[str, tuple[date, date]] = MappingProxyType({}),
    seen_at: datetime | None = None,
    pace: Pace = PACE,
    advance: Callable[[int], object] = lambda n: None,
) -> Bars:
    """Fetch daily bars of ``symbols`` from ``start`` to ``end``, both included.

    Mainland shares (``stock_zh_a_hist``), mainland funds (``fund_etf_hist_em``), Hong Kong (``stock_hk_hist``) and US
    (``stock_us_hist``) shares come raw and back-adjusted; indices (``stock_zh_index_daily_em``, ``index_global_hist_em``) have a factor of
    1.0. Mainland volumes are counted in lots of 100 and stored in shares.

    Parameters
    ----------
    symbols
        As Yahoo writes them; doubled ones count once.
    start, end
        Exchange-local dates.
    spans
        Symbol to a first and a last day of its own.
    seen_at
        When this is run: a session that has not closed by then is set aside.
    pace
        How often and how many at once.
    advance
        Called with the number of symbols done.

    Returns
    -------
    Bars
        ``failures`` says which symbols gave nothing and why; one symbol's failure never costs the others. ``flags`` says whose steps of the
        factor are estimates, by the rule ``distribution``.

    Raises
    ------
    UsageError
        When ``end`` is before ``start``.
    """
    if end < start:
        raise UsageError(f"Bars were asked from {start} to {end}; expected the start not to be after the end.")
    caller = Caller(pace, passing=lambda error: isinstance(error, ValueError | OSError))
    rights = _Rights(caller)

    def one(symbol: str) -> tuple[pl.DataFrame, list[dict[str, object]]]:
        rows = _history(symbol, *spans.get(symbol, (start, end)), partial(_asked, caller, symbol))
        return _exact(symbol, rows, caller, rights)

    done, failed = each(dict.fromkeys(symbols), one, workers=pace.workers, reason=_reason, advance=advance)
    schema = {"symbol": pl.String, "session": pl.Date}
    rows = pl.concat([table for table, _ in done], how="diagonal") if done else pl.DataFrame(schema=schema)
    found = collect(rows, source="akshare", seen_at=seen_at)
    remarks = pl.DataFrame([remark for _, remarks in done for remark in remarks], schema=FLAGS)
    flags = pl.concat([found.flags, remarks]).sort("symbol", "session", "rule", nulls_last=False)
    failures = [{"symbol": symbol, "reason": reason} for symbol, reason in failed]
    return Bars(found.bars, found.quarantine, flags, pl.DataFrame(failures, schema=FAILURES))


_Ask = Callable[["Callable[[], pd.DataFrame]"], "pd.DataFrame"]


def _history(symbol: str, start: date, end: date, ask: _Ask) -> pl.DataFrame:
    import akshare as ak

    first, last = start.strftime("%Y%m%d"), end.strftime("%Y%m%d")
    code, _, suffix = symbol.partition(".")
    lot = 1.0
    fetch: Callable[..., pd.DataFrame]
    if re.fullmatch(r"\d{6}\.(SS|SZ|BJ)", symbol):
        lot = _MAINLAND_LOT
        if re.fullmatch(r"000\d{3}\.SS|399\d{3}\.SZ|899\d{3}\.BJ", symbol):
            market = {"SS": "sh", "SZ": "sz", "BJ": "bj"}[suffix]
            return _rows(symbol, ask(partial(ak.stock_zh_index_daily_em, f"{market}{code}", first, last)), None, start, end, lot)
        if re.fullmatch(r"9\d{5}\.SS|2\d{5}\.SZ", symbol):
            raise SourceError(
                f"akshare has no history of the B share {symbol}; expected an A share, a fund or an index: take it from yahoo."
            )
        fetch = ak.fund_etf_hist_em if re.fullmatch(r"5\d{5}\.SS|1[568]\d{4}\.SZ", symbol) else ak.stock_zh_a_hist
        fetch = partial(fetch, code, "daily", first, last)
    elif suffix == "HK":
        fetch = partial(ak.stock_hk_hist, code.zfill(5), "daily", first, last)
    elif symbol in _INDICES:
        return _rows(symbol, ask(partial(ak.index_global_hist_em, _INDICES[symbol])), None, start, end, lot)
    elif re.fullmatch(r"[A-Z]{1,5}(-[A-Z])?", symbol):
        return _american(symbol, start, end, ask)
    else:
        raise SourceError(
            f"akshare has no daily history for {symbol}; expected a mainland, Hong Kong or US symbol or one of "
            f"{', '.join(_INDICES)}: take it from yahoo or a file."
        )
    raw, back = (ask(partial(fetch, adjust=adjust)) for adjust in ("", "hfq"))
    return _rows(symbol, raw, back, start, end, lot)


def _american(symbol: str, start: date, end: date, ask: _Ask) -> pl.DataFrame:
    """Try the exchanges in turn: Eastmoney wants the exchange's number, which a symbol does not tell."""
    import akshare as ak

    first, last = start.strftime("%Y%m%d"), end.strftime("%Y%m%d")
    for market in _US_MARKETS:
        code = f"{market}.{symbol.replace('-', '_')}"
        with contextlib.suppress(_EmptyAnswer):
            raw, back = (ask(partial(ak.stock_us_hist, code, "daily", first, last, adjust)) for adjust in ("", "hfq"))
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
        adjusted = _table(back)
        lacking = [name for name in four if name not in table.columns or name not in adjusted.columns]
        if lacking:
            raise SourceError(f"akshare's tables of {symbol} lack {', '.join(lacking)}; expected four prices a day: update akshare.")
        both = table.select("session", *four).join(adjusted.select("session", *four), on="session", suffix="_back").drop_nulls()
        both = both.filter(pl.all_horizontal(pl.col(name) > 0 for name in four))
        both = both.unique("session", keep="first", maintain_order=True).sort("session")
        factor = total_return_factor(both.select(four).to_numpy(), both.select(f"{name}_back" for name in four).to_numpy())
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


class _Rights:
    """The mainland's rights issues, asked for once a run, and not before a step needs them."""

    def __init__(self, caller: Caller) -> None:
        self._caller, self._lock, self.failure = caller, threading.Lock(), ""
        self._held: pl.DataFrame | None = None

    def of(self, symbol: str) -> pl.DataFrame:
        """Return ``ex_date, rights, subscription`` of one share; none when the list does not come, and ``failure`` says why."""
        with self._lock:
            if self._held is None:
                try:
                    self._held = rights_issues(self._caller)
                except Exception as error:
                    self._held, self.failure = pl.DataFrame(schema=RIGHTS), f" Rights issues did not come ({brief(error)})."
            return self._held.filter(pl.col("symbol") == symbol).drop("symbol")


def _exact(symbol: str, rows: pl.DataFrame, caller: Caller, rights: _Rights) -> tuple[pl.DataFrame, list[dict[str, object]]]:
    """Give the estimated steps the value the stated distributions imply, where both agree; say which stay estimates."""
    if "adj_factor" not in rows.columns:
        return rows, []
    priced = pl.col("adj_factor").is_not_null() & (pl.col("close") > 0)
    moved = rows.filter(priced).select(
        "session", "close", _before=pl.col("close").shift(1), _step=(pl.col("adj_factor") / pl.col("adj_factor").shift(1)).fill_null(1.0)
    )
    stepped = moved.filter((pl.col("_step") - 1).abs() > 1e-9)
    if stepped.is_empty():
        return rows, []
    if not re.fullmatch(_SHARE, symbol):
        reason = f"{stepped.height} steps of the factor are estimated from rounded prices; returns on those days may be off by 0.05 %."
        return rows, [{"symbol": symbol, "session": None, "rule": "distribution", "reason": reason}]
    try:
        stated = distributions_of(symbol, caller).select("ex_date", "cash", "shares")
    except Exception as error:
        reason = f"The distributions did not come ({brief(error)}): {stepped.height} steps of the factor are estimates from rounded prices."
        return rows, [{"symbol": symbol, "session": None, "rule": "distribution", "reason": reason}]
    judged, failure = _judged(moved, stated), ""
    if not judged["_agrees"].all() and re.fullmatch(_MAINLAND, symbol):
        judged, failure = _judged(moved, pl.concat([stated, rights.of(symbol)], how="diagonal")), rights.failure
    exact = pl.when(pl.col("_agrees") & pl.col("_implied").is_not_null()).then("_implied").otherwise("_step")
    factor = judged.select("session", adj_factor=exact.cum_prod())
    text = "The adjusted prices step by {:.5f} and the stated distributions by {:.5f}; the former was taken.{}"
    remarks: list[dict[str, object]] = [
        {"symbol": symbol, "session": session, "rule": "distribution", "reason": text.format(estimate, implied or 1.0, failure)}
        for session, estimate, implied in judged.filter(~pl.col("_agrees")).select("session", "_step", "_implied").rows()
    ]
    return rows.drop("adj_factor").join(factor, on="session", how="left", maintain_order="left"), remarks


def _judged(moved: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """Add ``_implied``, the step the stated actions make on the session they show, and ``_agrees``: both say the same, or nothing."""
    zero = [pl.lit(0.0).alias(name) for name in ("rights", "subscription") if name not in stated.columns]
    amounts = stated.with_columns(*zero).with_columns(pl.col("cash", "shares", "rights", "subscription").fill_null(0.0))
    at = amounts.sort("ex_date").join_asof(
        moved.select("session").sort("session"), left_on="ex_date", right_on="session", strategy="forward", coalesce=False
    )
    summed = (
        at.drop_nulls("session")
        .group_by("session")
        .agg(pl.col("cash", "shares", "rights").sum(), paid=(pl.col("rights") * pl.col("subscription")).sum())
    )
    joined = moved.join(summed, on="session", how="left", maintain_order="left")
    implied = step(*(pl.col(name) for name in ("_before", "cash", "shares", "rights", "paid")))
    near = (pl.col("_step") / pl.col("_implied") - 1).abs() <= pl.max_horizontal(pl.lit(_FLOOR), _TICK / pl.col("_before"))
    still = pl.col("_implied").is_null() & ((pl.col("_step") - 1).abs() <= 1e-9)
    # An action before the first bar has no step to compare with.
    return joined.with_columns(_implied=implied).with_columns(_agrees=near.fill_null(False) | still | pl.col("_before").is_null())


class _EmptyAnswer(SourceError):
    def __init__(self, symbol: str) -> None:
        super().__init__(
            f"akshare gave no prices of {symbol} for these dates; expected at least one session: check the symbol and the dates."
        )


def _asked(caller: Caller, symbol: str, request: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Send one request; some of akshare's functions set no time-out and would hang for ever."""
    try:
        frame = caller.ask(request, bounded=True)
    except TypeError:
        # akshare reads into the answer without looking: one whose data are null ends here.
        raise _EmptyAnswer(symbol) from None
    if frame is None or frame.empty:
        raise _EmptyAnswer(symbol)
    return frame


def _reason(symbol: str, error: Exception) -> str:
    if isinstance(error, SourceError):
        return str(error)
    if isinstance(error, ValueError):
        return f"akshare's answer for {symbol} is not in the form expected ({brief(error)}): run it again later."
    if isinstance(error, OSError):
        return f"akshare could not reach its source for {symbol} ({brief(error)}): check the connection."
    return f"akshare failed on {symbol} ({brief(error)}); expected prices: update akshare or run it again."
