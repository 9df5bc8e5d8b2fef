"""What the dates in a text mean: spans, the publication instant, and the trading session a stated move belongs to.

``find`` (module :mod:`research.phrases`) and ``publication`` (module :mod:`research.publication`) are re-exported here;
``session_of`` maps a resolved day and its clue words to a session of a symbol's market.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from research.calendar import mic_of, sessions_within, zone_of
from research.errors import CalendarError
from research.patterns import presence
from research.phrases import DateSpan, find
from research.publication import Publication, publication

__all__ = ["DateSpan", "Publication", "find", "publication", "session_of"]

_CLOSING = presence(
    r"(?<!临近)(?<!接近)收盘(?!前)|(?<!临近)收市|报收|收[涨跌高低平于报盤漲]|隔夜|昨[夜晚]"
    r"|\bclos(?:e|ed|es|ing)\b|\bsettled?\b|\b(?:ended|finished)\b|\bovernight\b|\blast night\b",
    re.IGNORECASE,
)
_PREMARKET = re.compile(r"盘前|盤前|\bpre-?market\b|\bbefore (?:the (?:bell|open)\b|regular trading|markets? open)", re.IGNORECASE)
_INTRADAY = presence(
    r"盘中|日内|一度|早盘|午盘|尾盘|开盘|高开|低开|现[涨跌报]|盤中|開盤|尾盤|早盤"
    r"|\bintraday\b|\bso far\b|\bat the open\b|\bopened\b|\b(?:mid)?(?:morning|afternoon|day) trad",
    re.IGNORECASE,
)
_OVERNIGHT = re.compile(r"隔夜|昨夜|昨晚|\bovernight\b|\blast night\b", re.IGNORECASE)
_NIGHT_SESSION = re.compile(r"夜盘|夜盤|夜市|(?<!\d)23[:点时]0{0,2}收盘|\bnight session\b", re.IGNORECASE)
_BEIJING = re.compile(r"北京时间|北京時間|\bBeijing time\b", re.IGNORECASE)
_EARLY = re.compile(r"凌晨|清晨|早间|早間|今晨|今早|\bearly (?:on )?\b", re.IGNORECASE)
_LATE = re.compile(r"晚间|晚間|晚上|今晚|深夜|当晚|當晚|日晚|周[一二三四五六日]晚|\bevening\b", re.IGNORECASE)
_CHINA_FUTURES = ("SHFE:", "DCE:", "CZCE:", "INE:", "GFEX:")
_BEIJING_ZONE = "Asia/Shanghai"
#: trades nearly around the clock, though its exchange's shares do not: its days are those of the futures
_AS_FUTURES = frozenset({"DX-Y.NYB"})
#: an article whose publication is looser than this cannot date a move that the text does not date
_LOOSEST = timedelta(days=3)
#: a text that tells the close this long before it carries the time of its first version; one that tells the opening, that of its draft
_WINDING_UP, _CALLED = timedelta(minutes=60), timedelta(minutes=40)
#: the same of a market that opens after noon in China, where its close of the day before is no news any more; and of an opening whose day
#: the text names
_WINDING_UP_ABROAD, _CALLED_BY_DAY = timedelta(minutes=120), timedelta(hours=2)
_WEEKDAY = re.compile(r"(?:周|星期|礼拜)[一二三四五六日天]|day\b", re.IGNORECASE)
_OPENING = re.compile(r"开盘|[高低]开|开[涨跌平]|\bopen(?:ed|s)\b")
#: how long before its shares the futures of the mainland begin to trade in the morning
_FUTURES_FIRST = timedelta(minutes=30)
#: a market that opens before noon of the text's own zone shares its days
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class _Days:
    """The sessions of one market in order, with their opens and closes as UTC instants."""

    days: Sequence[date]
    opens: Sequence[datetime]
    closes: Sequence[datetime]

    def on_or_before(self, day: date) -> int:
        return bisect_right(self.days, day) - 1

    def opened(self, instant: datetime) -> int:
        return bisect_right(self.opens, instant) - 1

    def closed(self, instant: datetime) -> int:
        return bisect_right(self.closes, instant) - 1

    def after(self, day: date) -> int:
        return bisect_right(self.days, day)

    def at(self, index: int) -> date | None:
        return self.days[index] if 0 <= index < len(self.days) else None


def session_of(
    first: date | DateSpan | None, phrase: str, symbol: str, published_at: datetime, *, not_before: datetime | None = None
) -> date | None:
    """Return the session of ``symbol``'s market that a stated one-day move belongs to.

    Parameters
    ----------
    first
        The day the text gives: a :class:`DateSpan` (its ``zone`` and ``text`` are used; of several days the last counts), a bare
        ``date`` (taken as the market's own day unless ``phrase`` says otherwise), or ``None`` when the text gives none.
    phrase
        The clause that states the move: 收盘, 盘前, 盘中, 隔夜, 北京时间, 凌晨, 夜盘 and their English kin are read from it.
    symbol
        Yahoo-style symbol; its market and zone come from :func:`research.calendar.mic_of`.
    published_at
        Publication instant, aware; the upper end when only a day or an interval is known.
    not_before
        Lower end of the publication interval (``published_not_before``); ``published_at`` when omitted. A session counts as
        *running* only if it had opened by then, so that a text dated only by its day is not taken to be written at midnight.

    Returns
    -------
    date or None
        Exchange-local session. ``None`` when the day lies after publication, when the calendar does not cover it, or when
        the text gives no day and its publication is known only within three days or worse.

    Notes
    -----
    1. 夜盘 of Chinese futures: the session after the evening it starts on (Friday night belongs to Monday); of New York's shares (the
       trading from 20:00 to 04:00) the session it leads to.
    2. A Beijing day or part of a day (北京时间20日凌晨) for a market elsewhere: the last session open by that instant.
    3. A day: that session, or the last one before it; stepped back while it cannot have happened at publication
       (a closing move needs the close, its last hour, or its day named; an intraday one the open; a pre-market one the day).
    4. No day: the session running at publication or the last one closed; with closing words the last one closed.
    """
    earliest = published_at if not_before is None else min(not_before, published_at)
    day = first.last if isinstance(first, DateSpan) else first
    clue = f"{first.text} {phrase}" if isinstance(first, DateSpan) else phrase
    if published_at.tzinfo is None or earliest.tzinfo is None:
        raise CalendarError(f"published_at came without a zone ({published_at}); expected an aware datetime, such as one in UTC.")
    mic = "CMES" if symbol in _AS_FUTURES else mic_of(symbol)
    market = zone_of(mic)
    spoken = ZoneInfo(first.zone) if isinstance(first, DateSpan) else market
    if day is not None and day > max(published_at.astimezone(z).date() for z in (market, spoken, ZoneInfo(_BEIJING_ZONE))):
        return None
    try:
        if mic in ("24/7", "24/5"):
            return _around_the_clock(day, mic, published_at, earliest)
        if symbol.startswith(_CHINA_FUTURES) and _NIGHT_SESSION.search(clue):
            return _night_session(day, clue, published_at, mic)
        if day is None and mic in ("XNYS", "XNAS") and _NIGHT_SESSION.search(clue):
            return _overnight(published_at, mic)
        lead = _FUTURES_FIRST if symbol.startswith(_CHINA_FUTURES) else timedelta(0)
        return _exchange_session(day, clue, published_at, earliest, mic, spoken, isinstance(first, DateSpan), lead)
    except CalendarError:
        return None


def _exchange_session(
    day: date | None, clue: str, latest: datetime, earliest: datetime, mic: str, spoken: ZoneInfo, known_zone: bool, lead: timedelta
) -> date | None:
    market = zone_of(mic)
    days = _days(mic, (day or latest.astimezone(market).date()).year)
    # A text known only by its day is rarely written in that day's last two hours.
    written = latest - min(timedelta(hours=2), (latest - earliest) / 10)
    closing, premarket = bool(_CLOSING.search(clue)), bool(_PREMARKET.search(clue))
    intraday = bool(_INTRADAY.search(clue)) and not closing
    if premarket:
        ceiling = days.on_or_before(earliest.astimezone(market).date())
    elif closing:
        ceiling = days.closed(written)
        if latest == earliest and not _OVERNIGHT.search(clue):
            ceiling = max(ceiling, _told_early(days, latest, day, spoken, clue))
    else:
        opened = earliest + lead
        if latest == earliest and day is not None and days.at(days.opened(latest) + 1) == day:
            opened = latest + _CALLED_BY_DAY
        elif latest == earliest and _OPENING.search(clue):
            opened = latest + _CALLED
        ceiling = max(days.closed(written), days.opened(opened))
    if day is None:
        return days.at(ceiling) if latest - earliest < _LOOSEST else None
    foreign = market.key not in (_BEIJING_ZONE, "Asia/Hong_Kong")
    beijing = bool(_BEIJING.search(clue)) or (known_zone and spoken.key == _BEIJING_ZONE and bool(_EARLY.search(clue)))
    if _OVERNIGHT.search(clue) and foreign:
        wanted = (
            days.opened(_instant(day + timedelta(days=1), 9, _BEIJING_ZONE))
            if beijing or spoken.key == _BEIJING_ZONE
            else days.on_or_before(day)
        )
    elif beijing and foreign:
        late = bool(_LATE.search(clue)) or premarket or (intraday and not _EARLY.search(clue))
        wanted = days.opened(_instant(day, 23.9 if late else 9, _BEIJING_ZONE))
    else:
        wanted = days.on_or_before(day)
    return days.at(min(wanted, ceiling))


def _told_early(days: _Days, written: datetime, day: date | None, spoken: ZoneInfo, clue: str) -> int:
    """Return the session whose close is told though it is not over: in its last hours, or where the text names the day."""
    running = days.opened(written)
    session = days.at(running)
    if session is None or days.closed(written) >= running:
        return running
    opens = days.opens[running].astimezone(spoken)
    named = day == session == opens.date() and (opens.time() < _NOON or bool(_WEEKDAY.search(clue)))
    early = _WINDING_UP_ABROAD if opens.astimezone(ZoneInfo(_BEIJING_ZONE)).time() >= _NOON else _WINDING_UP
    return running if named or days.closed(written + early) >= running else running - 1


def _night_session(day: date | None, clue: str, published_at: datetime, mic: str) -> date | None:
    local = published_at.astimezone(ZoneInfo(_BEIJING_ZONE))
    evening = day if day is not None else local.date() - timedelta(days=local.hour < 21)
    if day is not None and _EARLY.search(clue):
        evening -= timedelta(days=1)
    days = _days(mic, evening.year)
    # No night session starts on a day without a day session: fall back to the last evening that had one.
    held = days.at(days.on_or_before(evening))
    return None if held is None else days.at(days.after(held))


def _overnight(published_at: datetime, mic: str) -> date | None:
    """Return the New York session that the trading of the night leads to: the next one to close, if its day has begun in Beijing."""
    days = _days(mic, published_at.year)
    ahead = days.at(days.closed(published_at) + 1)
    return (
        ahead
        if ahead is not None and ahead <= published_at.astimezone(ZoneInfo(_BEIJING_ZONE)).date()
        else days.at(days.closed(published_at))
    )


def _around_the_clock(day: date | None, mic: str, latest: datetime, earliest: datetime) -> date | None:
    if day is None:
        if latest - earliest >= _LOOSEST:
            return None
        day = (earliest + (latest - earliest) / 2).astimezone(UTC).date()
    if mic == "24/5" and day.weekday() > 4:
        day -= timedelta(days=day.weekday() - 4)
    return day


def _instant(day: date, hour: float, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)) + timedelta(hours=hour)


@lru_cache(maxsize=256)
def _days(mic: str, year: int) -> _Days:
    """Sessions of a year and the month on either side of it, as far as they are known."""
    frame = sessions_within(mic, date(year - 1, 12, 1), date(year + 1, 1, 31))
    return _Days(frame["session"].to_list(), frame["open_at"].to_list(), frame["close_at"].to_list())
