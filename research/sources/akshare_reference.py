"""What bars are checked against, through ``akshare``: the mainland's trading days and the distributions companies state.

Lists of codes and names are in :mod:`research.sources.exchange_lists`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from research.errors import SourceError
from research.sources.bars import FAILURES
from research.sources.vendor import Caller, Pace, brief, each, quiet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DISTRIBUTIONS", "calendar_differences", "distributions", "distributions_of", "trading_days"]

#: columns of :func:`distributions`
DISTRIBUTIONS = {"symbol": pl.String, "ex_date": pl.Date, "announced": pl.Date, "cash": pl.Float64, "shares": pl.Float64}

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
    """Return the distributions of mainland shares (``stock_fhps_detail_em``), and why others gave none.

    Returns
    -------
    tuple of DataFrame
        ``symbol, ex_date, announced, cash, shares``: yuan and new shares (bonus and conversion) for one share held, sorted; plans without
        an ex-date are left out, rights issues are not stated by the source. And ``symbol, reason`` of the failures.
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
    if not re.fullmatch(r"\d{6}\.(SS|SZ|BJ)", symbol):
        raise SourceError(f"akshare has no {name}; expected a mainland share such as 600519.SS.")
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
