"""Which period a stated figure is of: that of its own clause or bracket, of its sentence, of the list it stands in, or a whole year.

Used by :mod:`research.move_dates`, which dates the moves of prices.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from research import dates
from research.move_days import NamedDays
from research.move_periods import PAST_YEAR
from research.patterns import presence
from research.sentences import Sentence, index_at

__all__ = ["FigurePeriods"]

_BEIJING = ZoneInfo("Asia/Shanghai")
#: days of a period that is a month at least
_A_MONTH = 27
_A_WEEK = timedelta(days=7)
#: 较11月增长, 从10月的2%: a period that measures
_MEASURED_FROM = re.compile(r"(?:[较比从自由]|同比|相比|高于|低于)(?:去年|上年|前年)?\Z")
_ITS_OWN = re.compile(r"的(?:约|近|历史)?|末?时?的约?")
_FORECAST = presence(r"预计|预测|预估|假[定设]|(?<!通胀)(?<![超于及达符合])预期|料|计划|展望|指引|重申|有望|[将会](?=[为在达增降升减至])")
#: 10日在会上指出, 据8日报道: the day something was said is not that of which it was said
_SAID_ON = re.compile(
    r"[^,。;]{0,40}?(?:报道|[日网社]讯|[日社]电|消息|表示|指出|透露|介绍|获悉|公布|发布|披露|公告|宣布|称|通报|召开|举行|印发|上线)"
)
#: a year told of as a whole; the words that name one
_ALL_YEAR = re.compile(r"全年(?!度?(?:目标|计划|任务))")
_YEAR = re.compile(r"(?<![\d较比自从至到—-])20\d\d(?=年(?!以来|至今|[底末初]))|(?<![较比自从])[去今]年(?!以来|至今|[底末初]|同期)")
#: a time that is no date by itself: 2023-24年的, 节后, 前六个月
_SOME_TIME = re.compile(r"\d\s?[年季]|20\d\d|期间|节[前后]|个月|财[年季]|周|全年|[一两三每]年|年均")
#: parts of a list one may go on from
_LIST_BACK = 6
#: how far back the year of 全年 is looked for
_YEAR_BACK = 120
#: months a named period lasts
_LASTS = (
    (re.compile(r"季度?\Z|[Qq][1-4]\Z"), 3),
    (re.compile(r"半年\Z"), 6),
    (re.compile(r"月份?\Z"), 1),
    (re.compile(r"年度?\Z|[去今明]年\Z"), 12),
)


def _in_year(day: date, year: int) -> date:
    """Return the same day of another year: 2024年同期."""
    return date(year, day.month, min(day.day, monthrange(year, day.month)[1]))


def _whole(span: dates.DateSpan) -> date | None:
    """Return the last day of a period under way that a forecast is for; ``None`` where ``span`` names no whole one."""
    months = next((count for pattern, count in _LASTS if pattern.search(span.text)), None)
    if months is None or span.first.day != 1 or (span.first.month - 1) % months:
        return None
    year, month = divmod(span.first.year * 12 + span.first.month - 1 + months, 12)
    return max(span.last, date(year, month + 1, 1) - timedelta(days=1))


class FigurePeriods:
    """The periods the figures of one document are of.

    Parameters
    ----------
    plain, parts, days
        Text as :func:`research.cleaning.plain` gives it, its sentences, the days they name.
    published_at
        Its publication, aware.
    """

    def __init__(self, plain: str, parts: Sequence[Sentence], days: NamedDays, published_at: datetime) -> None:
        self._plain = plain
        self._parts = parts
        self._days = days
        self._published_at = published_at

    def of_figure(self, sentence: Sentence, at: int, *, before: bool = False, periodic: bool = False) -> tuple[date | None, date | None]:
        """Return (first, last) day of the period a figure at ``at`` is of: that of its own clause or bracket, else the sentence's first.

        A period that measures (较2月, 从2月的4.0%) is that of the number right behind it only; the value ``before`` has no other. A
        ``periodic`` figure is of a month, quarter or year, and not of the day it was told.
        """
        spans = self._days.spans(sentence)
        forecast = bool(_FORECAST.search(self._plain, sentence.start, at))
        if periodic:
            spans = [d for d in spans if d.last - d.first > _A_WEEK or not _SAID_ON.match(self._plain, sentence.start + d.end)]
        measuring = [d for d in spans if _MEASURED_FROM.search(self._plain, sentence.start, sentence.start + d.start)]
        opens = max(self._plain.rfind(mark, sentence.start, at) for mark in ",;(、") + 1
        own = [d for d in spans if opens <= sentence.start + d.start < at]
        # a day counts where it opens the clause: 本周净买入95亿元,周四净卖出60亿元
        own = [
            d for d in own if (d.last - d.first).days >= _A_MONTH or not (periodic or self._plain[opens : sentence.start + d.start].strip())
        ]
        found = [d for d in measuring if _ITS_OWN.fullmatch(self._plain, sentence.start + d.end, at)]
        if not found and opens > sentence.start:
            found = [d for d in own if d not in measuring][-1:]
        if not found and not before and (year := self._of_whole_year(sentence, at, forecast=forecast)):
            return year
        if not found and not before and spans and spans[0] not in measuring:
            told_later = set(",;") & set(self._plain[at : max(at, sentence.start + spans[0].start)])
            found = [] if told_later else spans[:1]
        if not found:
            return self._of_list(sentence) if periodic and not before and len(measuring) == len(spans) else (None, None)
        if found[0] is not spans[0] and self._plain.startswith("同期", sentence.start + found[0].end):
            return _in_year(spans[0].first, found[0].first.year), _in_year(spans[0].last, found[0].first.year)
        last = _whole(found[0]) if forecast else None
        return found[0].first, last or found[0].last

    def past_year(self, sentence: Sentence, at: int, *, since: bool) -> tuple[date, date] | None:
        """Return the first and last day of the year gone by that a move at ``at`` is of: 去年上涨60%, 2021年,…全年升值2.3%.

        Without a word for the whole year only a move of more than one session (``since``) is of one.
        """
        clause = max(self._plain.rfind(mark, sentence.start, at) for mark in ",;") + 1
        whole = _ALL_YEAR.search(self._plain, max(clause, sentence.start), at)
        if whole is None and not (since and PAST_YEAR.search(self._plain, max(clause, sentence.start), at)):
            return None
        year = self._year_named(at)
        return (date(year, 1, 1), date(year, 12, 31)) if year is not None and year < self._published_at.year else None

    def _year_named(self, at: int) -> int | None:
        """Return the year named last before ``at`` in its paragraph."""
        low = max(self._plain.rfind("\n", 0, at) + 1, at - _YEAR_BACK)
        words = _YEAR.findall(self._plain, low, at)
        if not words:
            return None
        said = words[-1]
        today = self._published_at.astimezone(_BEIJING).year
        year = today - (said == "去年") if said[-1] == "年" else int(said)
        return year if year <= today else None

    def _of_whole_year(self, sentence: Sentence, at: int, *, forecast: bool) -> tuple[date, date] | None:
        """Return the year of a figure told of 全年 last before ``at``; a year under way is so of a forecast only."""
        told = max((m.start() for m in _ALL_YEAR.finditer(self._plain, sentence.start, at)), default=None)
        spans = [] if told is None else [d for d in self._days.spans(sentence) if sentence.start + d.start < at]
        if told is None or any(sentence.start + d.end >= told for d in spans):
            return None
        today = self._published_at.astimezone(_BEIJING).year
        year = self._year_named(at)
        if forecast and (year is None or year < today - 1 or any(d.first.year == today for d in spans)):
            year = today
        return None if year is None or (year == today and not forecast) else (date(year, 1, 1), date(year, 12, 31))

    def _of_list(self, sentence: Sentence) -> tuple[date | None, date | None]:
        """Return the period of a sentence that names none and goes on from others behind a semicolon: 3月销量4万辆;产量5万辆."""
        if _SOME_TIME.search(self._plain, sentence.start, sentence.end):
            return None, None
        number = index_at(self._parts, sentence.start)
        for before in range(number - 1, max(-1, number - 1 - _LIST_BACK), -1):
            one = self._parts[before]
            if self._plain[one.end - 1] not in ";;" or "\n" in self._plain[one.end : self._parts[before + 1].start]:
                break
            named = [
                d
                for d in self._days.spans(one)
                if not _MEASURED_FROM.search(self._plain, one.start, one.start + d.start)
                and not self._plain.startswith("同期", one.start + d.end)
                and not d.text.endswith(("以来", "至今"))
            ]
            if named:
                last = named[-1]
                return (last.first, last.last) if (last.last - last.first).days >= _A_MONTH else (None, None)
        return None, None
