"""Trading calendars: which sessions a market holds, and when each opens and closes.

The dates come from ``exchange_calendars``, or for the release the project pins from ``data/sessions_<release>.parquet``, which holds the
same sessions ready made; this module turns them into frames, guards the end of what is known, and says which market a symbol trades on.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from research.errors import CalendarError
from research.schemas import INSTANT, SESSIONS

__all__ = [
    "MARKETS",
    "SHIPPED_YEARS",
    "built",
    "followed",
    "known_span",
    "markets",
    "mic_of",
    "parse_date",
    "session_after",
    "session_at",
    "sessions",
    "sessions_within",
    "with_breaks",
    "zone_of",
]

#: first and last year of the sessions that come with this package
SHIPPED_YEARS = (1990, 2029)

#: market name on the command line -> market identifier
MARKETS = MappingProxyType({"cn": "XSHG", "hk": "XHKG", "us": "XNYS", "crypto": "24/7"})

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
        "XSES": "Asia/Singapore",
        "XBOM": "Asia/Kolkata",
        "XBRU": "Europe/Brussels",
        "XMAD": "Europe/Madrid",
        "XLIS": "Europe/Lisbon",
        "XDUB": "Europe/Dublin",
        "XWBO": "Europe/Vienna",
        "XSTO": "Europe/Stockholm",
        "XCSE": "Europe/Copenhagen",
        "XHEL": "Europe/Helsinki",
        "XOSL": "Europe/Oslo",
        "XNZE": "Pacific/Auckland",
        "XBKK": "Asia/Bangkok",
        "XIDX": "Asia/Jakarta",
        "XKLS": "Asia/Kuala_Lumpur",
        "XPHS": "Asia/Manila",
        "XSTC": "Asia/Ho_Chi_Minh",
        "XSAU": "Asia/Riyadh",
        "XIST": "Europe/Istanbul",
        "XWAR": "Europe/Warsaw",
        "XTAE": "Asia/Jerusalem",
        "XJSE": "Africa/Johannesburg",
        "XLME": "Europe/London",
        "BVMF": "America/Sao_Paulo",
        "XMEX": "America/Mexico_City",
        "24/5": "UTC",
        "24/7": "UTC",
    }
)

#: markets that follow another one's calendar. London's metals keep England's bank holidays; of Ho Chi Minh City no calendar is known, so
#: that every weekday counts, its dozen of holidays a year among them.
_FOLLOWS = MappingProxyType({"XSHE": "XSHG", "BJSE": "XSHG", "XNAS": "XNYS", "XLME": "XLON", "XSTC": "24/5"})

#: days exchange_calendars 4.13 takes for sessions: before Shanghai opened; super typhoon Saola and the black rainstorm a week later
_CLOSED = MappingProxyType({"XSHG": tuple(date(1990, 12, day) for day in range(3, 19)), "XHKG": (date(2023, 9, 1), date(2023, 9, 8))})

#: lunch by market: first day, when trading stops, when it goes on; minutes of the day there, from the exchanges' trading hours
_BREAKS = MappingProxyType(
    {
        "XSHG": ((date(1990, 12, 19), 690, 780),),
        "XHKG": ((date(1986, 4, 2), 750, 870), (date(2011, 3, 7), 720, 810), (date(2012, 3, 5), 720, 780)),
        "XTKS": ((date(1991, 4, 30), 660, 750), (date(2011, 11, 21), 690, 750)),
    }
)

_SUFFIXES = MappingProxyType(
    {
        "SS": "XSHG", "SZ": "XSHE", "BJ": "BJSE", "HK": "XHKG", "T": "XTKS", "KS": "XKRX", "KQ": "XKRX", "L": "XLON",
        "PA": "XPAR", "DE": "XETR", "AS": "XAMS", "MI": "XMIL", "SW": "XSWX", "TW": "XTAI", "TWO": "XTAI", "AX": "XASX", "TO": "XTSE",
        "SI": "XSES", "NS": "XBOM", "BO": "XBOM", "BR": "XBRU", "MC": "XMAD", "LS": "XLIS", "IR": "XDUB", "VI": "XWBO", "ST": "XSTO",
        "CO": "XCSE", "HE": "XHEL", "OL": "XOSL", "NZ": "XNZE", "SA": "BVMF", "MX": "XMEX", "BK": "XBKK", "JK": "XIDX", "KL": "XKLS",
        "PS": "XPHS", "VN": "XSTC", "SR": "XSAU", "IS": "XIST", "WA": "XWAR", "TA": "XTAE", "JO": "XJSE", "WI": "XSHG", "FGI": "XSHG",
    }
)  # fmt: skip

_INDEX_MARKETS = MappingProxyType(
    {
        "^VHSI": "XHKG", "^CNXAUTO": "XBOM", "^CNXIT": "XBOM", "^CNXPHARMA": "XBOM", "^NSEBANK": "XBOM", "^SDAXI": "XETR",
        "^TECDAX": "XETR", "^MERV": "BVMF", "^N100": "XPAR",
        "^HSI": "XHKG", "^HSCE": "XHKG", "^HSTECH": "XHKG", "^N225": "XTKS", "^TOPX": "XTKS", "^KS11": "XKRX", "^KS200": "XKRX",
        "^KQ11": "XKRX", "^FTSE": "XLON", "^FTMC": "XLON", "^GDAXI": "XETR", "^MDAXI": "XETR", "^FCHI": "XPAR", "^TWII": "XTAI",
        "^AXJO": "XASX", "^AORD": "XASX", "^GSPTSE": "XTSE", "^STOXX50E": "XETR", "^STOXX": "XETR", "^AEX": "XAMS", "^IBEX": "XMAD",
        "^SSMI": "XSWX", "^OMXC25": "XCSE", "^OMX": "XSTO", "^OMXH25": "XHEL", "^BFX": "XBRU", "^ATX": "XWBO", "^NZ50": "XNZE",
        "^BSESN": "XBOM", "^NSEI": "XBOM", "^STI": "XSES", "^JKSE": "XIDX", "^KLSE": "XKLS", "^SET.BK": "XBKK", "^VNINDEX": "XSTC",
        "^BVSP": "BVMF", "^MXX": "XMEX",
    }
)  # fmt: skip

#: symbols whose writing does not show their market: yields, freight, gas in Amsterdam, the dollar index
_SINGLE = MappingProxyType(
    {
        "CN10Y": "XSHG", "CN30Y": "XSHG", "JP10Y": "XTKS", "JP30Y": "XTKS", "DE10Y": "XETR", "GB10Y": "XLON", "BDI": "XLON",
        "TTF=F": "XAMS", "DX-Y.NYB": "XNYS",
    }
)  # fmt: skip


def mic_of(symbol: str) -> str:
    """Return the market identifier whose calendar ``symbol`` (Yahoo style) trades on.

    A symbol without a known suffix trades on the New York calendar; currencies on every weekday, coins on every day.

    >>> [mic_of(s) for s in ("600519.SS", "300750.SZ", "0700.HK", "NVDA", "^GSPC", "GC=F", "BTC-USD", "EURUSD=X", "SHFE:AG")]
    ['XSHG', 'XSHE', 'XHKG', 'XNYS', 'XNYS', 'CMES', '24/7', '24/5', 'XSHG']
    """
    if symbol in _SINGLE:
        return _SINGLE[symbol]
    if symbol.startswith("^HS"):
        return "XHKG"
    if symbol.startswith("^SX"):  # sectors of the STOXX 600
        return "XETR"
    if symbol.startswith("^"):
        return _INDEX_MARKETS.get(symbol, "XNYS")
    if symbol.split(":")[0] in {"SHFE", "DCE", "CZCE", "INE", "GFEX", "CFFEX"}:
        return "XSHG"
    if symbol.startswith("HKFE:"):
        return "XHKG"
    if symbol.startswith("LME:"):
        return "XLME"
    if symbol.endswith("=F"):
        return "CMES"
    if symbol.endswith("=X"):
        return "24/5"
    if re.fullmatch(r"[A-Z0-9]+-(?:USD[TC]?|EUR|GBP|JPY|BTC)", symbol):
        return "24/7"
    return _SUFFIXES.get(symbol.rpartition(".")[2], "XNYS") if "." in symbol else "XNYS"


def markets() -> tuple[str, ...]:
    """Return the identifiers of all markets known, sorted."""
    return tuple(sorted(_ZONES))


def followed(mic: str) -> str:
    """Return the market whose calendar ``mic`` follows: itself for most.

    >>> followed("XSHE"), followed("XHKG")
    ('XSHG', 'XHKG')
    """
    return _FOLLOWS.get(mic, mic)


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
        For an unknown market, an inverted range, or dates before or past what the calendar knows:
        guessed holidays would put trades on days that do not exist.
    """
    first, last = parse_date(start), parse_date(end)
    if last < first:
        raise CalendarError(f"Sessions were asked from {first} to {last}; expected the start not to be after the end.")
    earliest, latest = known_span(mic)
    if latest is not None and last > latest:
        raise CalendarError(
            f"Sessions of {mic} were asked to {last}; the exchange's holidays are known only to {latest}: "
            "end there, or update exchange_calendars."
        )
    if earliest is not None and first < earliest:
        raise CalendarError(f"Sessions of {mic} were asked from {first}; its calendar is known only from {earliest}: start there.")
    # Whole decades at a time: few distinct calendars are built, whatever dates are asked for.
    frame = _calendar(followed(mic), first.year // 10 * 10, last.year // 10 * 10 + 9)
    inside = frame.filter(pl.col("session").is_between(first, last)).with_columns(mic=pl.lit(mic))
    return SESSIONS.validate(inside.select(*SESSIONS.schema))


def known_span(mic: str) -> tuple[date | None, date | None]:
    """Return the first and last date the calendar of ``mic`` is known for; ``None`` where it has no such end.

    >>> known_span("24/7")
    (None, None)
    """
    zone_of(mic)
    shipped = _shipped(followed(mic))
    if shipped is not None:
        return shipped.earliest, shipped.latest
    factory = _factory(followed(mic))
    earliest, latest = factory.bound_min(), factory.bound_max()
    return (None if earliest is None else earliest.date()), (None if latest is None else latest.date())


def sessions_within(mic: str, start: date, end: date) -> pl.DataFrame:
    """Return the sessions between two dates as far as the calendar is known: empty, never an error, where it is not."""
    earliest, latest = known_span(mic)
    first = start if earliest is None else max(start, earliest)
    last = end if latest is None else min(end, latest)
    try:
        return sessions(mic, first, last) if first <= last else SESSIONS.empty()
    except CalendarError:
        return SESSIONS.empty()


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


def with_breaks(sessions: pl.DataFrame) -> pl.DataFrame:
    """Add ``break_at`` and ``resume_at``, the lunch break of each session; null where the market has none, or closes before it ends.

    >>> day = with_breaks(sessions("XHKG", "2024-02-08", "2024-02-09"))
    >>> day.select(pl.col("break_at", "resume_at").dt.convert_time_zone("Asia/Hong_Kong").dt.to_string("%H:%M")).rows()
    [('12:00', '13:00'), (None, None)]
    """
    parts = [sessions.clear().with_columns(break_at=pl.lit(None, dtype=INSTANT), resume_at=pl.lit(None, dtype=INSTANT))]
    for (mic,), rows in sessions.partition_by("mic", as_dict=True, maintain_order=True).items():
        zone = zone_of(str(mic)).key
        ends: list[pl.Expr] = []
        for place in (1, 2):
            minutes = pl.lit(None, dtype=pl.Int64)
            for rule in _BREAKS.get(followed(str(mic)), ()):
                minutes = pl.when(pl.col("session") >= rule[0]).then(rule[place]).otherwise(minutes)
            local = pl.col("session").cast(pl.Datetime("us")) + pl.duration(minutes=minutes)
            ends.append(local.dt.replace_time_zone(zone).dt.convert_time_zone("UTC").cast(INSTANT))
        held = rows.with_columns(break_at=ends[0], resume_at=ends[1])
        inside = (pl.col("open_at") < pl.col("break_at")) & (pl.col("resume_at") < pl.col("close_at"))
        parts.append(held.with_columns(pl.when(inside).then(pl.col(name)).alias(name) for name in ("break_at", "resume_at")))
    return pl.concat(parts)


def parse_date(value: date | str) -> date:
    """Return a date from a date or ``YYYY-MM-DD``; raise :class:`~research.errors.CalendarError` for anything else."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise CalendarError(f"A date came as {value!r}; expected YYYY-MM-DD.") from None


def _factory(mic: str) -> Any:
    import exchange_calendars

    return exchange_calendars.calendar_utils._default_calendar_factories[mic]


@dataclass(frozen=True, slots=True)
class _Shipped:
    """Sessions of one market as they come with this package, and the span its calendar is known for."""

    frame: pl.DataFrame
    earliest: date | None
    latest: date | None


@lru_cache(maxsize=1)
def _shipped_table() -> pl.DataFrame | None:
    """Return what ``data/build_sessions.py`` stored for the installed exchange_calendars; ``None`` for another release of it.

    Building a decade of one calendar takes 0.02 to 1.5 s, and importing what builds it half a second: longer than reading a day's news.
    """
    stored = resources.files("research.data").joinpath(f"sessions_{version('exchange_calendars')}.parquet")
    return pl.read_parquet(stored.read_bytes()) if stored.is_file() else None


@lru_cache(maxsize=64)
def _shipped(mic: str) -> _Shipped | None:
    table = _shipped_table()
    rows = None if table is None else table.filter(pl.col("mic") == mic)
    if rows is None or rows.is_empty():
        return None
    session = pl.col("gap").cast(pl.Int32).cum_sum().cast(pl.Date)
    midnight = session.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    frame = rows.select(session=session, open_at=midnight + pl.duration(minutes="opens"), close_at=midnight + pl.duration(minutes="closes"))
    return _Shipped(frame.cast({"open_at": INSTANT, "close_at": INSTANT}), rows["known_from"][0], rows["known_to"][0])


@lru_cache(maxsize=64)
def _calendar(mic: str, first_year: int, last_year: int) -> pl.DataFrame:
    shipped = _shipped(mic)
    if shipped is not None and first_year >= SHIPPED_YEARS[0] and last_year <= SHIPPED_YEARS[1]:
        return shipped.frame.filter(pl.col("session").dt.year().is_between(first_year, last_year))
    return built(mic, first_year, last_year)


def built(mic: str, first_year: int, last_year: int) -> pl.DataFrame:
    """Return ``session, open_at, close_at`` of whole years as ``exchange_calendars`` has them now; ``mic`` follows no other market.

    Raises
    ------
    CalendarError
        When ``exchange_calendars`` fails on its own rules, as release 4.13 does for Tel Aviv across its change of week in 2026.
    """
    import pandas as pd

    factory = _factory(mic)
    earliest, latest = factory.bound_min(), factory.bound_max()
    start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31)
    start = start if earliest is None else max(start, earliest)
    end = end if latest is None else min(end, latest)
    with warnings.catch_warnings():
        # exchange_calendars reads values of zoned pandas columns, which pandas 3.1 announces to change; the values are right.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            schedule = factory(start=start, end=end).schedule
        except ValueError as error:
            raise CalendarError(
                f"exchange_calendars cannot build the sessions of {mic} from {first_year} to {last_year} ({str(error)[:80]} …); "
                "expected a calendar: ask for other years, or update exchange_calendars."
            ) from None
    frame = pl.DataFrame(
        {
            "session": [stamp.date() for stamp in schedule.index],
            "open_at": schedule["open"].dt.tz_convert("UTC").dt.to_pydatetime().tolist(),
            "close_at": schedule["close"].dt.tz_convert("UTC").dt.to_pydatetime().tolist(),
        },
        schema={"session": pl.Date, "open_at": INSTANT, "close_at": INSTANT},
    )
    return frame.filter(~pl.col("session").is_in(_CLOSED.get(mic, ())))
