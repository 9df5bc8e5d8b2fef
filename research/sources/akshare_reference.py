"""What bars are checked against, through ``akshare``: the mainland's trading days and the distributions companies state.

Lists of codes and names are in :mod:`research.sources.exchange_lists`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from research.errors import SourceError
from research.sources.bars import FAILURES, canonical_symbol
from research.sources.vendor import Caller, Pace, brief, each, quiet

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DISTRIBUTIONS",
    "RIGHTS",
    "board_lots",
    "calendar_differences",
    "distributions",
    "distributions_of",
    "rights_issues",
    "trading_days",
]

#: columns of :func:`distributions`
DISTRIBUTIONS = {"symbol": pl.String, "ex_date": pl.Date, "announced": pl.Date, "cash": pl.Float64, "shares": pl.Float64}
#: columns of :func:`rights_issues`
RIGHTS = {"symbol": pl.String, "ex_date": pl.Date, "rights": pl.Float64, "subscription": pl.Float64}

#: an amount of a plan in Hong Kong: its currency, number and unit, and what it comes to in Hong Kong dollars
_AMOUNT = re.compile(r"(港币|港元|人民币|美元|英镑|欧元|日元|新加坡元|加元|澳元)([\d.]+)(元|仙)?(?:[(（]相当于港[币元]([\d.]+)元)?")
_BONUS = re.compile(r"每([\d.]*)股送(?:红股)?([\d.]+)股")

_PACE = Pace(workers=2, per_second=3.0)


def trading_days(*, pace: Pace = _PACE) -> list[date]:
    """Return the mainland's trading days as Sina lists them (``tool_trade_date_hist_sina``), sorted; planned ones among them.

    Raises
    ------
    SourceError
        When the list does not come.
    """
    import akshare as ak

    days = [
        _day(day)
        for (day,) in _rows("list of trading days", _frame(pace, "list of trading days", ak.tool_trade_date_hist_sina), "trade_date")
    ]
    return sorted({day for day in days if day is not None})


def calendar_differences(days: Iterable[date], sessions: pl.DataFrame) -> pl.DataFrame:
    """Return ``session, held_by`` of days that are in one list alone, within the span of both; ``held_by`` is ``list`` or ``calendar``.

    ``sessions`` is the ``sessions`` table of one market.
    """
    listed = pl.DataFrame({"session": sorted(set(days))}, schema={"session": pl.Date})
    known = sessions.select("session").unique()
    spans = [frame["session"] for frame in (listed, known)]
    if any(span.is_empty() for span in spans):
        return pl.DataFrame(schema={"session": pl.Date, "held_by": pl.String})
    low, high = max(span.min() for span in spans), min(span.max() for span in spans)  # type: ignore[type-var]
    alone = [
        mine.join(other, on="session", how="anti").with_columns(held_by=pl.lit(name))
        for mine, other, name in ((listed, known, "list"), (known, listed, "calendar"))
    ]
    return pl.concat(alone).filter(pl.col("session").is_between(low, high)).sort("session")


def distributions(
    symbols: Iterable[str], *, pace: Pace = _PACE, advance: Callable[[int], object] = lambda n: None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the distributions of mainland and Hong Kong shares, and why others gave none.

    From ``stock_fhps_detail_em`` and ``stock_hk_dividend_payout_em``; rights issues are apart (:func:`rights_issues`).

    Returns
    -------
    tuple of DataFrame
        ``symbol, ex_date, announced, cash, shares``: yuan (Hong Kong: dollars) and new shares (bonus and conversion) for one share held,
        sorted; plans without an ex-date are left out, and so are those of Hong Kong whose words do not give an amount in Hong Kong
        dollars (shares of another company, another currency without its worth). And ``symbol, reason`` of the failures.
    """
    caller = Caller(pace, passing=lambda error: isinstance(error, ValueError | OSError))
    done, failed = each(
        dict.fromkeys(symbols),
        lambda symbol: distributions_of(symbol, caller),
        workers=pace.workers,
        reason=lambda symbol, error: _sentence(f"list of distributions of {symbol}", error),
        advance=advance,
    )
    table = pl.concat([pl.DataFrame(schema=DISTRIBUTIONS), *done]).sort("symbol", "ex_date")
    return table, pl.DataFrame([{"symbol": symbol, "reason": reason} for symbol, reason in failed], schema=FAILURES)


def distributions_of(symbol: str, caller: Caller) -> pl.DataFrame:
    """Return the distributions of one share; raise whatever the request ends with."""
    import akshare as ak

    name = f"list of distributions of {symbol}"
    if re.fullmatch(r"\d{4}\.HK", symbol):
        return _hong_kong(symbol, name, caller)
    if not re.fullmatch(r"\d{6}\.(SS|SZ|BJ)", symbol):
        raise SourceError(f"akshare has no {name}; expected a mainland or Hong Kong share such as 600519.SS.")
    try:
        frame = caller.ask(partial(ak.stock_fhps_detail_em, symbol[:6]), bounded=True)
    except TypeError:
        # A share that never paid anything: the service answers with a null.
        return pl.DataFrame(schema=DISTRIBUTIONS)
    found = []
    columns = ("除权除息日", "最新公告日期", "现金分红-现金分红比例", "送转股份-送转总比例")
    for ex_day, announced, cash, shares in _rows(name, frame, *columns):
        day = _day(ex_day)
        # Both are stated for ten shares.
        per_share = [0.0 if value is None or value != value else float(value) / 10 for value in (cash, shares)]
        if day is not None and any(per_share):
            found.append({"symbol": symbol, "ex_date": day, "announced": _day(announced), "cash": per_share[0], "shares": per_share[1]})
    return pl.DataFrame(found, schema=DISTRIBUTIONS).sort("ex_date")


def _hong_kong(symbol: str, name: str, caller: Caller) -> pl.DataFrame:
    import akshare as ak

    frame = caller.ask(partial(ak.stock_hk_dividend_payout_em, symbol[:4].zfill(5)), bounded=True)
    found = []
    for ex_day, announced, words in _rows(name, frame, "除净日", "最新公告日期", "分红方案"):
        day, plan = _day(ex_day), plan_of(str(words))
        if day is not None and plan is not None:
            found.append({"symbol": symbol, "ex_date": day, "announced": _day(announced), "cash": plan[0], "shares": plan[1]})
    return pl.DataFrame(found, schema=DISTRIBUTIONS).sort("ex_date")


def plan_of(words: str) -> tuple[float, float] | None:
    """Return Hong Kong dollars and new shares for one share held, as the words of a plan give them; ``None`` where they do not.

    >>> plan_of("每股派港币2.4元"), plan_of("每股派人民币2.276元(相当于港币2.52元)"), plan_of("每股派美元10仙(相当于港币0.78元(计算值))")
    ((2.4, 0.0), (2.52, 0.0), (0.78, 0.0))
    >>> plan_of("每10股送1股"), plan_of("每股派港币0.5元,特别股息港币20仙"), plan_of("每股派美元0.1元"), plan_of("每21股分派1股乙公司股份")
    ((0.0, 0.1), (0.7, 0.0), None, None)
    """
    text = re.sub(r"\s", "", words)
    amounts = _AMOUNT.findall(text)
    bonus = _BONUS.search(text)
    foreign = [worth for currency, _, _, worth in amounts if not currency.startswith("港") and not worth]
    if foreign or not (amounts or bonus):
        return None
    cash = 0.0
    for currency, number, unit, worth in amounts:
        cash += float(number) / (100 if unit == "仙" else 1) if currency.startswith("港") else float(worth)
    return round(cash, 9), float(bonus[2]) / float(bonus[1] or 1) if bonus else 0.0


def rights_issues(caller: Caller) -> pl.DataFrame:
    """Return the rights issues (配股) of all mainland shares (``stock_pg_em``), sorted; raise whatever the request ends with.

    Returns
    -------
    DataFrame
        ``symbol, ex_date, rights, subscription``: shares offered for one share held, and the price of one. The source states the record
        day; trading stops for the subscription, and the share goes ex on the first session after it.
    """
    import akshare as ak

    frame = caller.ask(ak.stock_pg_em, bounded=True)
    found = []
    for code, words, price, record in _rows("list of rights issues", frame, "股票代码", "配股比例", "配股价", "股权登记日"):
        ratio, day = re.search(r"配([\d.]+)", str(words)), _day(record)
        if ratio is not None and day is not None and price == price and float(price) > 0 and re.fullmatch(r"\d{6}", str(code)):
            symbol = canonical_symbol(str(code))
            found.append(
                {"symbol": symbol, "ex_date": day + timedelta(days=1), "rights": float(ratio[1]) / 10, "subscription": float(price)}
            )
    return pl.DataFrame(found, schema=RIGHTS).sort("symbol", "ex_date")


def board_lots(
    symbols: Iterable[str], *, pace: Pace = _PACE, advance: Callable[[int], object] = lambda n: None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the board lots of Hong Kong shares as they are now (``stock_hk_security_profile_em``), and why others gave none.

    Returns
    -------
    tuple of DataFrame
        ``symbol, lot`` in shares, sorted: a ``terms`` table of :func:`backtests.run`. And ``symbol, reason`` of the failures. An issuer
        may change its lot; the source does not say since when it is the one of today.
    """
    import akshare as ak

    caller = Caller(pace, passing=lambda error: isinstance(error, ValueError | OSError))

    def one(symbol: str) -> dict[str, object]:
        name = f"profile of {symbol}"
        if not re.fullmatch(r"\d{4}\.HK", symbol):
            raise SourceError(f"akshare has no {name}; expected a Hong Kong share such as 0700.HK.")
        frame = caller.ask(partial(ak.stock_hk_security_profile_em, symbol[:4].zfill(5)), bounded=True)
        lots = [float(lot) for (lot,) in _rows(name, frame, "每手股数") if lot is not None and lot == lot]
        if not lots or lots[0] < 1:
            raise SourceError(f"The {name} has no board lot; expected a number of shares.")
        return {"symbol": symbol, "lot": lots[0]}

    chosen = dict.fromkeys(symbols)
    done, failed = each(
        chosen, one, workers=pace.workers, reason=lambda symbol, error: _sentence(f"profile of {symbol}", error), advance=advance
    )
    table = pl.DataFrame(done, schema={"symbol": pl.String, "lot": pl.Float64}).sort("symbol")
    return table, pl.DataFrame([{"symbol": symbol, "reason": reason} for symbol, reason in failed], schema=FAILURES)


def _frame(pace: Pace, name: str, request: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    caller = Caller(pace, passing=lambda error: isinstance(error, ValueError | OSError | IndexError))
    try:
        with quiet():
            return caller.ask(request, bounded=True)
    except Exception as error:
        raise SourceError(_sentence(name, error)) from None


def _sentence(name: str, error: Exception) -> str:
    if isinstance(error, SourceError):
        return str(error)
    # A body that is no JSON is a ValueError and an OSError at once.
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return f"The {name} could not be reached ({brief(error)}): check the connection."
    return f"The {name} is not in the form expected ({brief(error)}): run it again later, or update akshare."


def _rows(name: str, frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise SourceError(
            f"The {name} came without {', '.join(lacking)}; it has {', '.join(map(str, frame.columns[:12]))}: update akshare."
        )
    return list(zip(*(frame[column].tolist() for column in columns), strict=True))


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
