"""The day a stated number belongs to: which date the text gives a move, and which session of its market that is.

1. :meth:`Dates.of_move` asks :class:`research.move_days.NamedDays` for the day the text names for the number;
2. moves before the open, of night sessions and of what trades around the clock have their own rules (:mod:`research.move_clocks`);
3. :func:`research.dates.session_of` maps the day and the clue words of the clause to a session of the instrument's market.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from research import dates, move_clocks, move_periods, moves
from research.calendar import mic_of, sessions_within, zone_of
from research.errors import CalendarError
from research.figure_dates import FigurePeriods
from research.move_days import ASIDE_EN, FIRST_DAY, NOW, Day, NamedDays
from research.sentences import Sentence, index_at

__all__ = ["LONGER", "Dates", "sentence_at"]

#: bases of more than one session
LONGER = frozenset({"week", "month", "ytd", "other"})
#: what of its basis places a move; the trading after the close belongs to a session that is over
_SPOKEN: Mapping[str, str] = MappingProxyType({"close": " 收盘", "intraday": " 盘中", "after_hours": " 盘后收盘"})
_FIRST_DAY: Mapping[str, Callable[[date], date]] = MappingProxyType(
    {
        "week": lambda day: day - timedelta(days=day.weekday()),
        "month": lambda day: day.replace(day=1),
        "ytd": lambda day: day.replace(month=1, day=1),
    }
)
#: the break at noon is no close
_NOON = re.compile(r"(?:午间|午盘|早盘|半日|中午)(?:收盘|收市|收(?=[涨跌报]))")
_BEIJING, _NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
_SUNDAY = 6
_LAST_WEEK = re.compile(r"上(?:周|星期)[一二三四五]|last (?:mon|tues|wednes|thurs|fri)day", re.IGNORECASE)
#: what texts of the New York morning say; what speaks of the session before
_PREOPEN = re.compile(
    r"\be-?minis?\b|\bpre-?market\b|\bbefore the (?:opening )?bell\b|\b(?:index|stock|Dow|Nasdaq(?: 100)?|S&P 500) futures\b"
    r"|\b\d{1,2}:\d\d a\.?m\.? ET\b"
    r"|\bopening print\b|\bregular trading\b|\bearly(?: New York)? trading\b",
    re.IGNORECASE,
)
_EARLY = re.compile(r"\bearly(?: New York)? trading\b", re.IGNORECASE)
_CLOSED = re.compile(r"\bclos(?:ed|ing|e)\b|\bended\b|\bfinished\b|\byesterday\b|\bovernight\b", re.IGNORECASE)
_NEW_YORK_CLOSE = re.compile(r"(?:纽约|美股|纽市)尾盘|late New York trad")
_PAID = re.compile(r"盘前|盘后|夜盘")
_YESTERDAY = re.compile(r"昨[日天夜晚]|隔夜")
_INDEX_FUTURES = frozenset({"ES=F", "NQ=F", "YM=F", "RTY=F"})
#: 德国DAX指数|期货: trades before its shares do
_FUTURES_OF = re.compile(r"(?:指数|股指)?期货")
#: an index without a symbol has the sessions of the market its name begins with
_MARKETS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        symbol: re.compile(rf"(?:MSCI)?(?:{words})")
        for symbol, words in {
            "^GSPC": "美[股国三]|标普|道琼斯|纳斯达克",
            "000001.SS": "A股|沪|深[证成]|中证|国证|创业板|科创",
            "^HSI": "港股|香港|恒生",
            "^N225": "日[股本经]|东证",
            "^KS11": "韩[股国]",
            "^TWII": "台[股湾]",
            "^NSEI": "印度",
            "^STOXX": "[泛北]?欧[股洲元]|[泛北]欧",
            "^FTSE": "英国",
            "^GDAXI": "德国",
            "^FCHI": "法国",
        }.items()
    }
)
#: a wrap whose headline says when it was written: 盘前:…, 美股盘前要闻; what its sentences tell of another time
_BEFORE_THE_BELL = re.compile(r"[【\s]*(?:美股)?盘前(?=[:|丨】\s]|要[闻点]|异动|必读|速[递览]|行情|直击)")
_TOLD_OF = re.compile(r"上周|上月|今年|去年|年内|累计|以来|此前|过去|开盘")
#: characters between two moves of one session
_NEAR = 120
#: how long before its publication the day may lie that an article is about
_LATELY = timedelta(days=3)
#: what a line that calls the open goes on to list moved at the open
_JUST_OPENED = re.compile(r"(?s:(?<!夜盘)(?<!夜盘期货)开盘(?!后|之?前|以来)(?!.*(?:收盘|午后|尾盘|夜盘|隔夜|昨)))")


def _region(symbol: str) -> str:
    """Return the zone of a symbol's market, one for the mainland and Hong Kong, one for Europe, one for the Americas."""
    zone = str(zone_of(mic_of(symbol)))
    return "Asia/Shanghai" if zone == "Asia/Hong_Kong" else zone.split("/")[0] if zone.startswith(("Europe/", "America/")) else zone


def sentence_at(parts: Sequence[Sentence], at: int) -> Sentence:
    """Return the sentence of ``parts`` that holds the offset ``at``."""
    return parts[index_at(parts, at)]


def _written(document: Mapping[str, Any]) -> datetime:
    """Return the instant a document is taken to have been written at the earliest, to date what it does not date.

    That is the lower end of its publication. A bare headline whose lower end says nothing, but whose collector measured when it first
    appeared, is read as of that moment: a wire's line lives for minutes, and a list of headlines is polled because it changes.
    An article with a body may be days old when a list first shows it and is not read so.
    """
    measured = document["first_seen_at"] is not None and document["published_precision"] == "interval"
    not_before: datetime = document["published_not_before"]
    return max(not_before, document["published_at"]) if measured and not document["body"].strip() else not_before


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
        self._before_bell = self._english and move_clocks.opens_later(self._instant) and bool(_PREOPEN.search(plain))
        self._parts = parts
        self._days = NamedDays(plain, parts, self._published_at, english=self._english, exact=self._instant is not None)
        self.figures = FigurePeriods(plain, parts, self._days, self._published_at)
        self._labelled = not self._english and bool(_BEFORE_THE_BELL.match(plain))
        self._opens_later = not self._english and not self._bare and move_clocks.opens_later(self._instant)
        self._last: date | None = None  # session of the last move whose own sentence names no day for it
        self._ahead: int | None = None  # where the paragraph begins whose last New York move was one before today's open
        self._ahead_of_open = False  # whether index futures moved before it in a line of the New York morning
        self._told: date | None = None  # session of the last move dated, where it was one of New York or Europe
        self._latest: tuple[date, str, int] | None = None  # session and region of the last move dated, and where it stands
        self._running: set[str] = set()  # the regions whose running session the text has told of

    def with_day_part(self, move: moves.Move) -> moves.Move:
        """Return ``move`` with the part of the day a bare headline last named before it: its sentences belong together."""
        if self._before_bell and (move.basis is None or self._early(move)) and self._undated(move):
            return replace(move, basis="after_hours")
        if self._opens_later and mic_of(move.symbol or "") in ("XNYS", "XNAS"):
            move = self._before_open(move)
        if self._labelled and move.basis is None and move.symbol is not None and mic_of(move.symbol) in ("XNYS", "XNAS"):
            said = self._sentence_to(move)
            if not _TOLD_OF.search(said) and not move_periods.DAY_WORD.search(said):
                self._ahead = self._plain.rfind("\n", 0, move.at)
                return replace(move, basis="after_hours")
        if move.basis is not None or not self._bare:
            return move
        if "夜盘" in self._plain[move.start : move.at] and mic_of(move.symbol or "") == "XNYS":
            return replace(move, basis="after_hours")
        part = move_periods.handed_on(move_periods.day_part(self._plain[: move.at]), move.symbol)
        return move if part is None else replace(move, basis=part)

    def _before_open(self, move: moves.Move) -> moves.Move:
        """Return ``move`` as one before the open where the New York moves told before it in its paragraph are, and it names no time."""
        paragraph = self._plain.rfind("\n", 0, move.at)
        own = self._plain[max(paragraph, self._plain.rfind("%", 0, move.at), *(self._plain.rfind(m, 0, move.at) for m in "。;")) : move.at]
        if move.basis is None and self._ahead == paragraph and not move_periods.DAY_WORD.search(own):
            return replace(move, basis="after_hours")
        said = self._sentence_to(move)
        ahead = move.basis == "after_hours" and move_periods.before_open(said) and not _YESTERDAY.search(said)
        self._ahead = paragraph if ahead else None
        return move

    def _early(self, move: moves.Move) -> bool:
        """Return whether a move is one of early trading, which before the open is that before the open."""
        sentence = sentence_at(self._parts, move.at)
        return move.basis == "intraday" and bool(_EARLY.search(self._plain, sentence.start, sentence.end))

    def _undated(self, move: moves.Move) -> bool:
        """Return whether a New York move stands in a sentence that names no day and no close."""
        sentence = sentence_at(self._parts, move.at)
        said = ASIDE_EN.sub(" ", self._plain[sentence.start : sentence.end])
        return mic_of(move.symbol or "") in ("XNYS", "XNAS") and not self._days.spans(sentence) and not _CLOSED.search(said)

    def running(self, symbol: str | None, session: date | None) -> bool:
        """Return whether ``session`` of the symbol's market was open when the text was written: the move was not yet its close."""
        if symbol is None or session is None or self._instant is None:
            return False
        hours = move_clocks.hours(mic_of(symbol), session)
        return hours is not None and hours[0] <= self._instant < hours[1]

    def of_move(self, sentence: Sentence, move: moves.Move) -> tuple[date | None, date | None]:
        """Return (first, last) day of a move; a one-session move has only the last, the session of its market.

        The moves of a document are to be asked for in order of appearance: one that names no day may have that of those before it.
        """
        if move.basis in LONGER:
            whole = self.figures.past_year(sentence, move.at, since=move.basis == "other") or self._named_period(sentence, move)
            if whole is not None:
                return whole
            last = self._session(None, "", move.symbol)
            return (_FIRST_DAY[move.basis](last) if last and move.basis in _FIRST_DAY else None), last
        said = self._plain[0 if self._bare else sentence.start : move.at]
        day = self._days.of(sentence, move.at)
        if move.symbol is None:
            market = next((symbol for symbol, name in _MARKETS.items() if name.match(move.subject)), None) if self._bare else None
            if market is not None and day == Day():
                return self.of_move(sentence, replace(move, symbol=market))
            return None, day.span.last if day.span and not day.step else None
        if not day.known or (day == Day() and self._first_day(sentence, move)):
            return None, None
        if day.step:
            return None, self._stepped(day, move.symbol)
        phrase = self._clue(sentence, move, said)
        so_far = said if self._bare else self._sentence_to(move)
        night = move_clocks.in_night(move.symbol, so_far)
        session = None
        if day.span is None:
            night = night or (self._instant is not None and move_clocks.at_night(move.symbol, move.basis, so_far, self._instant))
            session = self._round_the_clock(sentence, move, move.symbol, so_far)
        phrase += " 夜盘" if night else ""
        session = session or self._session(self._of_market(day.span, move.symbol), phrase, move.symbol)
        if day.span is None and self._latest is not None and self._goes_on(move, session):
            session = self._session(self._latest[0], "收盘", move.symbol)
        if session is not None and not move_clocks.around_the_clock(move.symbol):
            self._told = session if _region(move.symbol) in ("America", "Europe") else None
        if session is not None:
            self._latest = session, _region(move.symbol), move.at
            if not sentence.headline and self.running(move.symbol, session):
                self._running.add(_region(move.symbol))
        if move.symbol in _INDEX_FUTURES:
            self._ahead_of_open = self._bare and day.span is None and move.basis != "close" and move_clocks.opens_later(self._instant)
        if session is None and day.span is None:
            # The publication is too loose to date the move: the last day the text named before it has to do.
            session = self._session(self._days.latest(sentence), phrase, move.symbol)
        if session is not None and day.span not in self._days.spans(sentence):
            self._last = session
        return None, session

    def _goes_on(self, move: moves.Move, session: date | None) -> bool:
        """Return whether a move that the running session is found for is one more of the session over that was just told of.

        Once a text has told of the running session, a move of the day before is an aside.
        """
        if self._english or self._bare or self._latest is None or session is None or move.basis is not None:
            return False
        told, region, at = self._latest
        if told >= session or region != _region(move.symbol or "") or region in self._running:
            return False
        said = self._plain[at : move.at]
        near = "\n" not in said and len(said) < _NEAR and not NOW.search(said) and not move_periods.DAY_WORD.search(said)
        return near and self.running(move.symbol, session) and not self._names(session, move.at)

    def _names(self, session: date, at: int) -> bool:
        """Return whether the paragraph names the day of ``session`` not far before ``at``."""
        begun = max(self._plain.rfind("\n", 0, at) + 1, at - 2 * _NEAR)
        parts = self._parts[index_at(self._parts, begun) : index_at(self._parts, at) + 1]
        return any(d.first == d.last == session and part.start + d.start < at for part in parts for d in self._days.spans(part))

    def _first_day(self, sentence: Sentence, move: moves.Move) -> bool:
        """Return whether a move is one of a first session whose month alone is told: 1月挂牌首日涨40%."""
        first = max(sentence.start, self._plain.rfind("%", sentence.start, move.at))
        if self._bare or not FIRST_DAY.search(self._plain, first, move.at):
            return False
        over = self._published_at.date()
        named = (d for d in self._days.spans(sentence) if sentence.start + d.start < move.at)
        return not sentence.headline and any(d.first != d.last and d.last < over for d in named)

    def _clue(self, sentence: Sentence, move: moves.Move, said: str) -> str:
        """Return the words that place a move in its day: those between the number before it and its own, and its basis."""
        first = max(move.start, self._plain.rfind("%", sentence.start, move.at) + 1)
        tail = sentence.end if self._zone == "America/New_York" else move.end
        outside = [m.group() for m in _PAID.finditer(said)]
        spoken = _SPOKEN.get(move.basis or "", "")
        if move.basis == "after_hours":
            ahead = self._before_bell or self._ahead is not None
            spoken = " 夜盘" if outside[-1:] == ["夜盘"] else " 盘前" if ahead or move_periods.before_open(said) else spoken
        elif move.basis == "intraday" and "盘前" in self._plain[move.end : min(sentence.end, move.end + 12)]:
            spoken = " 盘前"  # 一度跌超9%,盘前现跌6.8%: both before the open
        called = self._plain.find(move.subject, move.start, move.at)
        futures = (move.symbol or "").startswith("^") and _FUTURES_OF.match(self._plain, called + len(move.subject))
        if futures or (self._ahead_of_open and move.basis is None and mic_of(move.symbol or "") in ("XNYS", "XNAS")):
            spoken = " 盘前"
        if self._bare and not move_clocks.around_the_clock(move.symbol or "") and _JUST_OPENED.search(said):
            spoken += " 开盘"
        return _NOON.sub("午盘", move_periods.AGAINST.sub("", self._plain[first : min(tail, move.end + 12)])) + spoken

    def _of_market(self, span: dates.DateSpan | None, symbol: str) -> dates.DateSpan | date | None:
        """Return a weekday as the market has it where its day has begun already: Thursday morning in Tokyo, written on Wednesday night.

        What trades around the clock has, in English and without a day, the day of New York.
        """
        mic = mic_of(symbol)
        if span is None:
            return self._instant.astimezone(_NEW_YORK).date() if self._english and mic == "24/7" and self._instant else None
        local = self._published_at.astimezone(zone_of(mic)).date()
        if self._published_at.astimezone(_BEIJING).weekday() == _SUNDAY and _LAST_WEEK.match(span.text) and span.first == span.last:
            week = span.last + timedelta(days=7)  # on a Sunday the last trading week is the one that has just ended
            return week if week < self._published_at.astimezone(_BEIJING).date() else span
        ahead = span.rule.startswith("weekday") and span.first == span.last < local and local.weekday() == span.last.weekday()
        return local if ahead and self._english else span

    def _stepped(self, day: Day, symbol: str) -> date | None:
        """Return the session ``day.step`` sessions from a day, the publication's when the text names none; null when not yet over."""
        mic = mic_of(symbol)
        today = self._published_at.astimezone(zone_of(mic)).date()
        base = day.span.last if day.span else today
        if day.step > 0 and day.span is not None:
            base = self._session(day.span, "", symbol) or base
        try:
            found = sessions_within(mic, base - timedelta(days=15), base + timedelta(days=15))["session"].to_list()
        except CalendarError:
            return None
        if day.span is None and day.step < 0 and base not in found and self._last is not None and self._last in found:
            base = self._last  # told on a Sunday, the day before is that before the session it tells of
        held = [d for d in found if d > base][:1] if day.step > 0 else [d for d in found if d < base][-1:]
        return held[0] if held and held[0] <= today else None

    def _round_the_clock(self, sentence: Sentence, move: moves.Move, symbol: str, said: str) -> date | None:
        """Return the New York session of a contract whose day the text does not name: one settled, or that of the moves told before it."""
        if self._instant is None:
            return None
        day = move_clocks.settled(symbol, move.basis, said, self._instant, wrap=not self._bare)
        if day is not None:
            return self._session(day, "", symbol)
        told = self._told
        if not self._bare and _NEW_YORK_CLOSE.search(self._plain, sentence.start, sentence.end):
            told = self._session(None, "收盘", "^GSPC")
        elif NOW.search(self._plain, sentence.start, move.at):
            return None
        if move_clocks.wound_up(symbol, told, said, self._instant):
            return self._session(told, "", symbol)
        begun = sentence.headline and not self._bare and move_clocks.around_the_clock(symbol)
        return self._session(self._lead(), "", symbol) if begun else None

    def _lead(self) -> dates.DateSpan | None:
        """Return the day an article begins with, where it is one of the last few before its own: 周二,黄金创下十二年来最大跌幅."""
        body = next((part for part in self._parts if not part.headline), None)
        named = [span for span in self._days.spans(body) if span.first == span.last] if body is not None else []
        today = self._published_at.astimezone(_BEIJING).date()
        return named[0] if len({span.last for span in named}) == 1 and today - _LATELY <= named[0].last < today else None

    def _sentence_to(self, move: moves.Move) -> str:
        """Return the sentence of a move as far as its number."""
        return self._plain[max(self._plain.rfind(end, 0, move.at) for end in "。\n") + 1 : move.at]

    def _named_period(self, sentence: Sentence, move: moves.Move) -> tuple[date, date] | None:
        """Return the first day and the last session of the week or month gone by that a move is of: 上周累跌3%, 9月单月下跌2%."""
        today = self._published_at.astimezone(_BEIJING).date()
        span = move_periods.period_named(self._plain, sentence.start, self._days.spans(sentence), move.at, move.basis)
        if span is None or span.last >= today or (move.basis == "week" and today.weekday() == _SUNDAY):
            return None
        return span.first, self._session(span, "收盘", move.symbol) or span.last

    def _session(self, day: dates.DateSpan | date | None, phrase: str, symbol: str | None) -> date | None:
        if symbol is None:
            return None
        return dates.session_of(day, phrase, symbol, self._published_at, not_before=self._not_before)
