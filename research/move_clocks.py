"""Sessions that do not follow the day of the writer: night sessions of Chinese futures, contracts that trade around the clock.

1. A night session belongs to the day after the evening it begins on: :func:`in_night` by the words, :func:`at_night` by the clock;
2. a contract of New York settles hours before its session ends: :func:`settled`;
3. what trades around the clock has the session of the New York moves told before it while that day is not over there: :func:`wound_up`.
   A wrap of Monday's trading tells Monday's gold, though gold trades on while it is written.

Used by :mod:`research.move_dates`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from research.calendar import mic_of, sessions_within

__all__ = ["around_the_clock", "at_night", "hours", "in_night", "opens_later", "settled", "wound_up"]

_CHINA_FUTURES = ("SHFE:", "INE:", "DCE:", "CZCE:", "GFEX:")
#: Guangzhou has no night session
_HELD_AT_NIGHT = _CHINA_FUTURES[:-1]
#: when the night session of Chinese futures runs (Beijing); when New York has settled its contracts, hours before their session ends
_NIGHT, _DAWN, _SETTLED = time(21), time(2, 35), time(14)
#: the first of them settles; their next session begins
_FIRST_SETTLED, _REOPENED = time(13), time(17)
#: a settled contract of New York trades on in Asia from here (New York)
_ASIA = time(20)
_FIRST_TRADES = time(4)
_SATURDAY = 5
_BEIJING, _NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
_NIGHT_WORD = re.compile(r"夜盘|夜市|(?<!\d)23[:点时]0{0,2}收盘")
_DAYTIME = re.compile(r"早盘|日盘|上午|午[前后间盘]|下午|白天|(?<!\d)(?:9|1[0-5])(?:[时点]|:\d\d)")
#: trading in Asia or at an open, unless the text has gone on to New York: 亚洲早盘见新高,纽约尾盘跌0.6%
_IN_ASIA = re.compile(r"(?s:(?:亚[市盘洲太]|早盘|早间|开盘|\bAsian?\b)(?!.*(?:纽约|美股)[^,。;]{0,4}(?:尾盘|收盘|午后|时段|盘[中后])))")


def around_the_clock(symbol: str) -> bool:
    """Return whether a symbol trades through most of the night: futures of New York, currencies, coins.

    >>> around_the_clock("GC=F"), around_the_clock("BTC-USD"), around_the_clock("^GSPC"), around_the_clock("SHFE:AU")
    (True, True, False, False)
    """
    return mic_of(symbol) in ("CMES", "24/7", "24/5") or symbol == "DX-Y.NYB"


def in_night(symbol: str, said: str) -> bool:
    """Return whether ``said``, a sentence as far as its number, speaks last of the night session of a Chinese contract.

    >>> in_night("SHFE:AU", "昨晚的夜盘中,沪金"), in_night("SHFE:AU", "夜盘走高,日盘沪金"), in_night("GC=F", "夜盘中金价")
    (True, False, False)
    """
    return (
        symbol.startswith(_CHINA_FUTURES)
        and bool(_NIGHT_WORD.search(said))
        and not _DAYTIME.search(said, max(m.end() for m in _NIGHT_WORD.finditer(said)))
    )


def at_night(symbol: str, basis: str | None, said: str, instant: datetime) -> bool:
    """Return whether ``instant`` lies in the night session of a Chinese contract, and ``said`` names no other part of the day.

    A close told in the evening is that of the day: the night session has just begun.
    """
    if not symbol.startswith(_HELD_AT_NIGHT) or _NIGHT_WORD.search(said) or _DAYTIME.search(said):
        return False
    clock = instant.astimezone(_BEIJING).time()
    return (clock >= _NIGHT and basis != "close") or clock < _DAWN


def settled(symbol: str, basis: str | None, said: str, instant: datetime, *, wrap: bool) -> date | None:
    """Return the day in New York whose session a contract has settled though its market is open.

    ``wrap`` tells whether the text may sum up a day, as one of a headline alone does not.
    """
    if basis not in ("close", "intraday", None) or not symbol.endswith(("=F", "DX-Y.NYB")):
        return None
    local = instant.astimezone(_NEW_YORK)
    if basis == "close":
        return local.date() if local.time() >= _FIRST_SETTLED else None
    summed = wrap and local.weekday() < _SATURDAY and local.time() < _ASIA and not _IN_ASIA.search(said)
    return local.date() if summed and local.time() >= (_SETTLED if basis is None else _REOPENED) else None


def wound_up(symbol: str, told: date | None, said: str, instant: datetime) -> bool:
    """Return whether what trades around the clock has the session of the New York moves told last before it.

    That is so once the session has closed, as long as its day (of a Friday, the day after) is not over in New York and ``said`` speaks of
    no other time.
    """
    if told is None or not around_the_clock(symbol) or _IN_ASIA.search(said):
        return False
    found = hours("XNYS", told)
    local = instant.astimezone(_NEW_YORK).date()
    over = found is not None and instant >= found[1]
    return over and (local == told or (local.weekday() == _SATURDAY and (local - told).days == 1))


def opens_later(instant: datetime | None) -> bool:
    """Return whether a text was written on a New York morning before the open."""
    if instant is None:
        return False
    local = instant.astimezone(_NEW_YORK)
    found = hours("XNYS", local.date())
    return found is not None and local.time() >= _FIRST_TRADES and instant < found[0]


def hours(mic: str, session: date) -> tuple[datetime, datetime] | None:
    """Return when a session opened and closed; ``None`` for a day that is none."""
    return _year(mic, session.year).get(session)


@lru_cache(maxsize=256)
def _year(mic: str, year: int) -> Mapping[date, tuple[datetime, datetime]]:
    found = sessions_within(mic, date(year, 1, 1), date(year, 12, 31))
    return {session: (opens, closes) for session, opens, closes in found.select("session", "open_at", "close_at").iter_rows()}
