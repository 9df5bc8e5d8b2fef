"""Trading calendars: which sessions a market holds, and when each opens and closes.

The dates come from ``exchange_calendars``; this module turns them into frames, guards the end of what is known, and says
which market a symbol trades on.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import polars as pl

from research.errors import CalendarError
from research.schemas import INSTANT, SESSIONS

__all__ = ["MARKETS", "mic_of", "session_after", "session_at", "sessions", "zone_of"]

#: market name on the command line -> market identifier
MARKETS = MappingProxyType({"cn": "XSHG", "hk": "XHKG", "us": "XNYS"})

_ZONES = MappingProxyType(
    {
        "XSHG": "Asia/Shanghai",
        "XSHE": "Asia/Shanghai",
        "BJSE": "Asia/Shanghai",
        "XHKG": "Asia/Hong_Kong",
        "XNYS": "America/New_York",
        "XNAS": "America/New_York",
        "XTKS": "Asia/Tokyo",
        "XKRX": "Asia/Seoul",
        "XLON": "Europe/London",
        "XPAR": "Europe/Paris",
        "XETR": "Europe/Berlin",
        "XAMS": "Europe/Amsterdam",
        "XMIL": "Europe/Rome",
        "XSWX": "Europe/Zurich",
        "XTAI": "Asia/Taipei",
        "XASX": "Australia/Sydney",
        "XTSE": "America/Toronto",
        "CMES": "America/Chicago",
        "24/7": "UTC",
    }
)

#: markets that follow another one's calendar
_FOLLOWS = MappingProxyType({"XSHE": "XSHG", "BJSE": "XSHG", "XNAS": "XNYS"})

_SUFFIXES = MappingProxyType(
    {
        "SS": "XSHG", "SZ": "XSHE", "BJ": "BJSE", "HK": "XHKG", "T": "XTKS", "KS": "XKRX", "KQ": "XKRX", "L": "XLON",
        "PA": "XPAR", "DE": "XETR", "AS": "XAMS", "MI": "XMIL", "SW": "XSWX", "TW": "XTAI", "TWO": "XTAI", "AX": "XASX", "TO": "XTSE",
    }
)  # fmt: skip

_INDEX_MARKETS = MappingProxyType(
    {"^HSI": "XHKG", "^HSCE": "XHKG", "^HSTECH": "XHKG", "^N225": "XTKS", "^KS11": "XKRX", "^FTSE": "XLON", "^GDAXI": "XETR", "^FCHI": "XPAR", "^TWII": "XTAI", "^AXJO": "XASX", "^GSPTSE": "XTSE"}
)


def mic_of(symbol: str) -> str:
    """Return the market identifier whose calendar ``symbol`` (Yahoo style) trades on.

    >>> [mic_of(s) for s in ("600519.SS", "300750.SZ", "0700.HK", "NVDA", "^GSPC", "GC=F", "BTC-USD", "SHFE:AG")]
    ['XSHG', 'XSHE', 'XHKG', 'XNYS', 'XNYS', 'CMES', '24/7', 'XSHG']
    """
    if symbol.startswith("^"):
        return _INDEX_MARKETS.get(symbol, "XNYS")
    if symbol.split(":")[0] in {"SHFE", "DCE", "CZCE", "INE", "GFEX", "CFFEX"}:
        return "XSHG"
    if symbol.startswith("LME:"):
        return "XLON"
    if symbol.endswith("=F"):
        return "CMES"
    if re.fullmatch(r"[A-Z0-9]+-USD[TC]?|[A-Z]{3,6}=X", symbol):
        return "24/7"
    return _SUFFIXES.get(symbol.rpartition(".")[2], "XNYS") if "." in symbol else "XNYS"


def zone_of(mic: str) -> ZoneInfo:
    """Return the time zone of a market; raise :class:`~research.errors.CalendarError` for an unknown one."""
    if mic not in _ZONES:
        raise CalendarError(f"Market {mic!r} is not known; expected one of {', '.join(_ZONES)}.")
    return ZoneInfo(_ZONES[mic])


def sessions(mic: str, start: date | str, end: date | str) -> pl.DataFrame:
    """Return the ``sessions`` table of one market, both dates included.

    Parameters
    ----------
    mic
        Market identifier; Shenzhen and Beijing follow Shanghai, Nasdaq follows New York.
    start, end
        Exchange-local dates (or ISO strings).

    Raises
    ------
    CalendarError
        For an unknown market, an inverted range, or dates past the end of what the exchange has announced:
        guessed holidays would put trades on days that do not exist.
    """
    zone_of(mic)
    first, last = _as_date(start), _as_date(end)
    if last < first:
        raise CalendarError(f"Sessions were asked from {first} to {last}; expected the start not to be after the end.")
    frame = _calendar(_FOLLOWS.get(mic, mic), first.year, last.year, last)
    inside = frame.filter(pl.col("session").is_between(first, last)).with_columns(mic=pl.lit(mic))
    return SESSIONS.validate(inside.select(*SESSIONS.schema))


def session_after(sessions: pl.DataFrame, instants: pl.Series, mic: str | None = None) -> pl.DataFrame:
    """Return, for each instant, the first session that opens strictly after it.

    ``sessions`` holds one market (or ``mic`` selects it); ``instants`` is ``Datetime('us','UTC')``.
    The result has columns ``instant, session, open_at, close_at`` in the order of ``instants``; null where the calendar has ended.
    """
    calendar = sessions if mic is None else sessions.filter(pl.col("mic") == mic)
    left = pl.DataFrame({"instant": instants.cast(INSTANT)}).with_row_index("_row").sort("instant")
    right = calendar.select("session", "open_at", "close_at").sort("open_at")
    joined = left.join_asof(right, left_on="instant", right_on="open_at", strategy="forward", allow_exact_matches=False)
    return joined.sort("_row").drop("_row")


def session_at(sessions: pl.DataFrame, instants: pl.Series, mic: str | None = None) -> pl.DataFrame:
    """Return, for each instant, the last session whose open is not after it; columns as :func:`session_after`."""
    calendar = sessions if mic is None else sessions.filter(pl.col("mic") == mic)
    left = pl.DataFrame({"instant": instants.cast(INSTANT)}).with_row_index("_row").sort("instant")
    right = calendar.select("session", "open_at", "close_at").sort("open_at")
    return left.join_asof(right, left_on="instant", right_on="open_at", strategy="backward").sort("_row").drop("_row")


def _as_date(value: date | str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise CalendarError(f"A date came as {value!r}; expected YYYY-MM-DD.") from None


@lru_cache(maxsize=64)
def _calendar(mic: str, first_year: int, last_year: int, last: date) -> pl.DataFrame:
    import exchange_calendars
    import pandas as pd

    factory = exchange_calendars.calendar_utils._default_calendar_factories[mic]
    earliest, latest = factory.bound_min(), factory.bound_max()
    if latest is not None and last > latest.date():
        raise CalendarError(f"Sessions of {mic} were asked to {last}; the exchange's holidays are known only to {latest.date()}: end there, or update exchange_calendars.")
    start = pd.Timestamp(first_year, 1, 1)
    end = pd.Timestamp(last_year, 12, 31)
    if earliest is not None:
        start = max(start, earliest)
    if latest is not None:
        end = min(end, latest)
    # One session is not enough for exchange_calendars; a week of margin keeps every request legal.
    margin = timedelta(days=7)
    lower = start if earliest is not None and start - margin < earliest else start - margin
    schedule = exchange_calendars.get_calendar(mic, start=lower, end=end).schedule
    return pl.DataFrame(
        {
            "session": [stamp.date() for stamp in schedule.index],
            "open_at": schedule["open"].dt.tz_convert("UTC").dt.to_pydatetime().tolist(),
            "close_at": schedule["close"].dt.tz_convert("UTC").dt.to_pydatetime().tolist(),
        },
        schema={"session": pl.Date, "open_at": INSTANT, "close_at": INSTANT},
    )
