"""The day a stated number belongs to: which date the text gives a move, and which session of its market that is.

1. :meth:`Dates.of_move` looks for the single day named nearest before the number, in its sentence and in those it goes on from;
2. words that count from another day (当天, 次日, 前一交易日) are resolved by the day before them, or leave the move undated;
3. :func:`research.dates.session_of` maps the day and the clue words of the clause to a session of the instrument's market.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from research import dates, move_grammar, move_periods, moves
from research.calendar import mic_of, sessions_within, zone_of
from research.errors import CalendarError
from research.sentences import Sentence

__all__ = ["LONGER", "Dates", "sentence_at"]

#: bases of more than one session
LONGER = frozenset({"week", "month", "ytd", "other"})
_SPOKEN: Mapping[str, str] = MappingProxyType({"close": " 收盘", "intraday": " 盘中", "after_hours": " 盘后"})
_FIRST_DAY: Mapping[str, Callable[[date], date]] = MappingProxyType(
    {
        "week": lambda day: day - timedelta(days=day.weekday()),
        "month": lambda day: day.replace(day=1),
        "ytd": lambda day: day.replace(month=1, day=1),
    }
)
#: sentences before an undated move that may date it
_LOOK_BACK = 12
#: sentences before one with 次日 that may name the day it counts from
_COUNT_BACK = 3
#: the break at noon is no close
_NOON = re.compile(r"(?:午间|午盘|早盘|半日|中午)(?:收盘|收市|收(?=[涨跌报]))")
#: the end of a month or year is a stretch of days, though it is resolved to its last: 去年末的交流里
_EDGE = re.compile(r"[年月季][末底初]$")
_SINCE = re.compile(r"(?:以|至今|起|之)?来|以后|至今|后的?首次")
_CHINA_FUTURES = ("SHFE:", "INE:", "DCE:", "CZCE:", "GFEX:")
#: when the night session of Chinese futures runs (Beijing); when New York has settled its contracts, hours before their session ends
_NIGHT, _DAWN, _SETTLED = time(21), time(2, 35), time(14)
#: the first of them settles; their next session begins
_FIRST_SETTLED, _REOPENED = time(13), time(17)
_BEIJING, _NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
_NIGHT_WORD = re.compile(r"夜盘|夜市")
_DAYTIME = re.compile(r"早盘|日盘|上午|午[前后间盘]|下午|白天|(?<!\d)(?:9|1[0-5])(?:[时点]|:\d\d)")
_IN_ASIA = re.compile(r"亚[市盘洲太]|早盘|早间|开盘|\bAsian?\b")
#: a settled contract of New York trades on in Asia from here (New York)
_ASIA = time(20)
_SATURDAY = 5
_GOES_ON = re.compile(r"其中|同[一日]|消息公布后|受此影响|that day|the same day", re.IGNORECASE)
#: words that count from a day named before them
_COUNTED = re.compile(
    r"(?P<same>[当同那][天日]|同一个?(?:交易)?[日天])|(?P<next>次日|翌日|第二[天日]|次一?个?交易日)|(?P<before>(?<![较比])[前上](?:一个?)?交易日(?!收))"
)
#: a month at the head of what happened in it: 2025年6月,…; 5月把…
_HAPPENED = re.compile(r"[,:把将被在以因由对向曾]|发布|公布|宣布|推出")
#: a sentence that speaks of the moment it was written, or of another time than the one before
_NOW = re.compile(r"截至|发稿|目前|当前|最新|此后|随后|后来|如今|现[涨跌报]|盘[前后]|夜盘|隔夜|这[一次]|去年|今年|上周|本周|累计|以来")
#: what a whole week or month ago is told of: 甲公司上周公布财报,股价一度涨10%
_ANOTHER_WEEK = re.compile(
    r"(?<![较比])上(?:周(?![一二三四五六日天末])|个?月(?!\d)|个?季度?)(?=[^,。;]{0,2}[也曾就还又才][^,。;]*,|表示|称|宣布|公布|发布|披露|推出|报告|因)"
    r"|\b(?:last|earlier this) (?:week|month|quarter)\b|\bearlier this year\b",
    re.IGNORECASE,
)
#: English names days in asides (", which reported late Wednesday,") and as bounds ("until Monday"), and often behind the number
_ASIDE_EN = re.compile(r",\s(?:which|who|whose|that)\s[^,]*,|\([^()]*\)")
_BOUND = re.compile(r"\b(?:until|since|before|through|by|from|next|to|due|than)\s(?:late\s|early\s|the\s)?\Z", re.IGNORECASE)
_BEHIND = re.compile(
    r"[\d.]*(?:%|\sper\s?cent)(?:\s(?:to|at)\s[^\s]+(?:\s(?:cents|pence|euros|an?\s\w+))?)?(?:\s(?:lower|higher|in\s(?:early|late|morning|afternoon|midday|extended|premarket|after-hours)?\s?trading))?"
    r"(?:\sin\s(?:New\sYork|London|Hong\sKong|Tokyo))?,?(?:\son|\slate|\searly)?\s",
    re.IGNORECASE,
)
#: what texts of the New York morning say; what speaks of the session before
_PREOPEN = re.compile(
    r"\be-?minis?\b|\bpre-?market\b|\bbefore the (?:opening )?bell\b|\b(?:index|stock|Dow|Nasdaq(?: 100)?|S&P 500) futures\b"
    r"|\b\d{1,2}:\d\d a\.?m\.? ET\b"
    r"|\bopening print\b|\bregular trading\b",
    re.IGNORECASE,
)
_CLOSED = re.compile(r"\bclos(?:ed|ing|e)\b|\bended\b|\bfinished\b|\byesterday\b|\bovernight\b", re.IGNORECASE)
_FIRST_TRADES = time(4)
_LONG_PAST = timedelta(days=4)
_PAID = re.compile(r"盘前|盘后|夜盘")


@dataclass(frozen=True, slots=True)
class _Day:
    """What the text says of the day of a move: the day, how many sessions from it, and whether it can be known at all."""

    span: dates.DateSpan | None = None
    step: int = 0
    known: bool = True


def sentence_at(parts: Sequence[Sentence], at: int) -> Sentence:
    """Return the sentence of ``parts`` that holds the offset ``at``."""
    return parts[max(0, bisect_right(parts, at, key=lambda part: part.start) - 1)]


def _written(document: Mapping[str, Any]) -> datetime:
    """Return the instant a document is taken to have been written at the earliest, to date what it does not date.

    That is the lower end of its publication. A bare headline whose lower end says nothing, but whose collector measured when it first
    appeared, is read as of that moment: a wire's line lives for minutes, and a list of headlines is polled because it changes.
    An article with a body may be days old when a list first shows it and is not read so.
    """
    measured = document["first_seen_at"] is not None and document["published_precision"] == "interval"
    not_before: datetime = document["published_not_before"]
    return max(not_before, document["published_at"]) if measured and not document["body"].strip() else not_before


def _opens_later(written: datetime | None) -> bool:
    """Return whether a text was written on a New York morning before the open."""
    if written is None:
        return False
    local = written.astimezone(_NEW_YORK)
    hours = _hours("XNYS", local.date())
    return hours is not None and local.time() >= _FIRST_TRADES and written < hours[0]


def _hours(mic: str, session: date) -> tuple[datetime, datetime] | None:
    return _year(mic, session.year).get(session)


@lru_cache(maxsize=256)
def _year(mic: str, year: int) -> Mapping[date, tuple[datetime, datetime]]:
    found = sessions_within(mic, date(year, 1, 1), date(year, 12, 31))
    return {session: (opens, closes) for session, opens, closes in found.select("session", "open_at", "close_at").iter_rows()}


class Dates:
    """The day each sentence of one document speaks of; sentences are looked at only when asked for."""

    def __init__(self, plain: str, document: Mapping[str, Any], parts: Sequence[Sentence]) -> None:
        self._plain = plain
        self._published_at: datetime = document["published_at"]
        self._not_before: datetime = _written(document)
        self._english = document["language"] == "en"
        self._bare = not document["body"].strip()
        exact = document["published_precision"] in ("second", "minute")
        self._instant: datetime | None = self._published_at if exact or self._not_before == self._published_at else None
        self._zone = "America/New_York" if document["language"] == "en" else "Asia/Shanghai"
        self._before_bell = self._english and _opens_later(self._instant) and bool(_PREOPEN.search(plain))
        self._parts = parts
        self._found: dict[int, list[dates.DateSpan]] = {}

    def spans(self, sentence: Sentence) -> list[dates.DateSpan]:
        """Return the date expressions of a sentence; offsets count from its start."""
        if sentence.start not in self._found:
            self._found[sentence.start] = dates.find(self._plain[sentence.start : sentence.end], self._published_at, self._zone)
        return self._found[sentence.start]

    def with_day_part(self, move: moves.Move) -> moves.Move:
        """Return ``move`` with the part of the day a bare headline last named before it: its sentences belong together."""
        if move.basis is None and self._before_bell and self._undated(move):
            return replace(move, basis="after_hours")
        if move.basis is not None or not self._bare:
            return move
        if "夜盘" in self._plain[move.start : move.at] and mic_of(move.symbol or "") == "XNYS":
            return replace(move, basis="after_hours")
        part = move_periods.day_part(self._plain[: move.at])
        return move if part is None else replace(move, basis=part)

    def _undated(self, move: moves.Move) -> bool:
        """Return whether a New York move stands in a sentence that names no day and no close."""
        sentence = sentence_at(self._parts, move.at)
        said = self._plain[sentence.start : sentence.end]
        return mic_of(move.symbol or "") in ("XNYS", "XNAS") and not self.spans(sentence) and not _CLOSED.search(said)

    def running(self, symbol: str | None, session: date | None) -> bool:
        """Return whether ``session`` of the symbol's market was open when the text was written: the move was not yet its close."""
        if symbol is None or session is None or self._instant is None:
            return False
        hours = _hours(mic_of(symbol), session)
        return hours is not None and hours[0] <= self._instant < hours[1]

    def of_move(self, sentence: Sentence, move: moves.Move) -> tuple[date | None, date | None]:
        """Return (first, last) day of a move; a one-session move has only the last, the session of its market."""
        if move.basis in LONGER:
            last = self._session(None, "", move.symbol)
            return (_FIRST_DAY[move.basis](last) if last and move.basis in _FIRST_DAY else None), last
        said = self._plain[0 if self._bare else sentence.start : move.at]
        day = self._day(sentence, move.at)
        if move.symbol is None:
            return None, day.span.last if day.span and not day.step else None
        if not day.known:
            return None, None
        if day.step:
            return None, self._stepped(day, move.symbol)
        phrase = self._clue(sentence, move, said)
        if day.span is None and self._at_night(move):
            phrase += " 夜盘"
        session = self._settled(move) if day.span is None else None
        session = session or self._session(day.span, phrase, move.symbol)
        if session is None and day.span is None:
            # The publication is too loose to date the move: the last day the text named before it has to do.
            session = self._session(self._latest(sentence), phrase, move.symbol)
        return None, session

    def _clue(self, sentence: Sentence, move: moves.Move, said: str) -> str:
        """Return the words that place a move in its day: those between the number before it and its own, and its basis."""
        first = max(move.start, self._plain.rfind("%", sentence.start, move.at) + 1)
        tail = sentence.end if self._zone == "America/New_York" else move.end
        outside = [m.group() for m in _PAID.finditer(said)]
        spoken = _SPOKEN.get(move.basis or "", "")
        if move.basis == "after_hours":
            spoken = " 夜盘" if outside[-1:] == ["夜盘"] else " 盘前" if self._before_bell or move_periods.before_open(said) else spoken
        elif move.basis == "intraday" and "盘前" in self._plain[move.end : min(sentence.end, move.end + 12)]:
            spoken = " 盘前"  # 一度跌超9%,盘前现跌6.8%: both before the open
        return _NOON.sub("午盘", self._plain[first : min(tail, move.end + 12)]) + spoken

    def _stepped(self, day: _Day, symbol: str) -> date | None:
        """Return the session ``day.step`` sessions from a day, the publication's when the text names none; null when not yet over."""
        mic = mic_of(symbol)
        today = self._published_at.astimezone(zone_of(mic)).date()
        base = day.span.last if day.span else today
        try:
            found = sessions_within(mic, base - timedelta(days=15), base + timedelta(days=15))["session"].to_list()
        except CalendarError:
            return None
        held = [d for d in found if d > base][:1] if day.step > 0 else [d for d in found if d < base][-1:]
        return held[0] if held and held[0] <= today else None

    def _at_night(self, move: moves.Move) -> bool:
        """Return whether the text was written while the night session of a Chinese contract ran: its moves belong to the next day."""
        if self._instant is None or not (move.symbol or "").startswith(_CHINA_FUTURES):
            return False
        said = self._sentence_to(move)
        if _NIGHT_WORD.search(said):
            return not _DAYTIME.search(said, said.rfind("夜"))
        if _DAYTIME.search(said):
            return False
        clock = self._instant.astimezone(_BEIJING).time()
        return clock >= _NIGHT or clock < _DAWN

    def _settled(self, move: moves.Move) -> date | None:
        """Return the session of a New York contract that has settled though its market is open."""
        if self._instant is None or move.basis not in ("close", "intraday", None) or not (move.symbol or "").endswith(("=F", "DX-Y.NYB")):
            return None
        local = self._instant.astimezone(_NEW_YORK)
        wound_up = not self._bare and local.weekday() < _SATURDAY and local.time() < _ASIA
        settled = (
            local.time() >= _FIRST_SETTLED
            if move.basis == "close"
            else wound_up
            and local.time() >= (_SETTLED if move.basis is None else _REOPENED)
            and not _IN_ASIA.search(self._sentence_to(move))
        )
        return self._session(local.date(), "", move.symbol) if settled else None

    def _sentence_to(self, move: moves.Move) -> str:
        """Return the sentence of a move as far as its number."""
        return self._plain[max(self._plain.rfind(end, 0, move.at) for end in "。\n") + 1 : move.at]

    def of_sentence(self, sentence: Sentence) -> tuple[date | None, date | None]:
        """Return (first, last) day of the first dated expression of a sentence."""
        found = self.spans(sentence)
        return (found[0].first, found[0].last) if found else (None, None)

    def _session(self, day: dates.DateSpan | date | None, phrase: str, symbol: str | None) -> date | None:
        if symbol is None:
            return None
        return dates.session_of(day, phrase, symbol, self._published_at, not_before=self._not_before)

    def _single(self, sentence: Sentence, at: int) -> list[dates.DateSpan]:
        """Return the single days named in a sentence before ``at``, in order."""
        days = [d for d in self.spans(sentence) if sentence.start + d.start < at and d.first == d.last and not _EDGE.search(d.text)]
        if self._english:
            asides = [m.span() for m in _ASIDE_EN.finditer(self._plain, sentence.start, at)]
            days = [d for d in days if not any(a <= sentence.start + d.start < b for a, b in asides)]
        return [d for d in days if not self._compared(sentence.start + d.start, sentence.start + d.end)]

    def _compared(self, start: int, end: int) -> bool:
        """Return whether a day is what a level or a span of time is measured from: 较7月10日的高点, 1月20日以来."""
        if self._english and _BOUND.search(self._plain, max(0, start - 16), start):
            return True
        return bool(_SINCE.match(self._plain, end)) or self._plain[max(0, start - 1) : start] in tuple("较比距")

    def _behind(self, sentence: Sentence, at: int) -> dates.DateSpan | None:
        """Return the day that follows a number in English: fell 3.9% on Nov. 6, rose 2% to $10 Tuesday."""
        for day in self.spans(sentence):
            start = sentence.start + day.start
            if start >= at and day.first == day.last:
                near = _BEHIND.fullmatch(self._plain, at, start)
                return day if near and not self._compared(start, sentence.start + day.end) else None
        return None

    def _before(self, sentence: Sentence) -> Sentence | None:
        """Return the sentence before, unless a paragraph ends there."""
        place = bisect_right(self._parts, sentence.start, key=lambda part: part.start) - 1
        earlier = self._parts[place - 1] if place > 0 else None
        return None if earlier is None or "\n" in self._plain[earlier.end : sentence.start] else earlier

    def _day(self, sentence: Sentence, at: int) -> _Day:
        """Return the day named nearest before ``at``; a sentence behind a semicolon, or with 其中 or 同日, goes on with the one before."""
        behind = self._behind(sentence, at) if self._english else None
        if behind is not None:
            return _Day(behind)
        named = self._single(sentence, at)
        counted = [m for m in _COUNTED.finditer(self._plain, sentence.start, at)]
        if counted and not (named and sentence.start + named[-1].end > counted[-1].start()):
            return self._counted(sentence, counted[-1], named)
        if named:
            return _Day(named[-1])
        earlier = self._before(sentence)
        if earlier is not None and self._plain[earlier.end - 1] in ";;":
            return self._day(earlier, earlier.end)
        if earlier is not None and _GOES_ON.match(self._plain, sentence.start):
            return _Day(next(reversed(self._single(earlier, earlier.end)), None))
        if _ANOTHER_WEEK.search(self._plain, sentence.start, at) and not sentence.headline:
            return _Day(known=False)
        return _Day() if earlier is None else self._told_before(sentence, earlier, at)

    def _told_before(self, sentence: Sentence, earlier: Sentence, at: int) -> _Day:
        """Return the day of the moves told in the sentence before, long ago, when this one goes on with them."""
        if _NOW.search(self._plain, sentence.start, at) or "%" not in self._plain[earlier.start : earlier.end]:
            return _Day()
        told = self._plain.rfind("%", earlier.start, earlier.end)
        day = self._day(earlier, told)
        if day.span is None or day.step or not day.known or not move_grammar.CUE.search(self._plain, earlier.start, told):
            return _Day()
        # markets tell of the last few days in turn: only a day long past holds for what stands beside it
        return day if day.span.last < (self._published_at - _LONG_PAST).date() else _Day()

    def _counted(self, sentence: Sentence, word: re.Match[str], named: Sequence[dates.DateSpan]) -> _Day:
        """Resolve 当天, 次日, 前一交易日 from the day before them; one that counts from a whole month cannot be known."""
        if word["before"]:
            return _Day(named[-1] if named else None, -1)
        step = 1 if word["next"] else 0
        if not named and _ANOTHER_WEEK.search(self._plain, sentence.start, word.start()):
            return _Day(known=False)
        place = bisect_right(self._parts, sentence.start, key=lambda part: part.start) - 1
        reach = self._parts[max(0, place - _COUNT_BACK) : place] if step else [e for e in [self._before(sentence)] if e]
        for part, end in ((sentence, word.start()), *((earlier, earlier.end) for earlier in reversed(reach))):
            near = named if part is sentence else [d for d in [self._day(part, end).span] if d is not None]
            days = [d for d in near if d.last <= self._published_at.astimezone(_BEIJING).date()]
            if days:
                return _Day(days[-1], step)
            if any(self._past_month(part, d) for d in self.spans(part) if part.start + d.start < end):
                return _Day(known=False)
        # a headline counts from the day its story began; what it tells is the news of the day
        return _Day(known=not step or sentence.headline)

    def _past_month(self, part: Sentence, span: dates.DateSpan) -> bool:
        """Return whether ``span`` is a whole month that is over and in which something happened."""
        over = 20 < (span.last - span.first).days < 40 and span.last < self._published_at.date()
        return over and bool(_HAPPENED.match(self._plain, part.start + span.end))

    def _latest(self, sentence: Sentence) -> dates.DateSpan | None:
        place = bisect_right(self._parts, sentence.start, key=lambda part: part.start) - 1
        for part in reversed(self._parts[max(0, place - _LOOK_BACK) : place]):
            days = [d for d in self.spans(part) if d.first == d.last]
            if days:
                return days[-1]
        return None
