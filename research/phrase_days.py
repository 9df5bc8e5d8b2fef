"""The calendar days a date phrase stands for, against the day it was written: what the text leaves out is the most recent past."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from research.phrase_grammar import Phrase

__all__ = ["days_of", "in_the_year_above", "yearless"]

#: how long after a month of a given year the day that goes on from it may lie
_GOES_ON = timedelta(days=120)


def days_of(phrase: Phrase, bound: date, future: bool) -> tuple[date, date, str] | None:
    """Return (first, last, rule) of a phrase; ``None`` for a day that does not exist."""
    if phrase.until is not None:
        return _range_days(phrase, bound, future)
    found = _RESOLVERS[phrase.unit](phrase, bound, future)
    if found is None:
        return None
    first, last = found
    # 2022-2025年 reaches over the years to come by its own words
    ahead = phrase.year is not None and last.year > bound.year
    if first <= bound < last and not future and not ahead and phrase.unit != "weekday":
        last = bound
    if last < first:
        return None
    return first, last, phrase.rule + ("+future" if first > bound else "")


def _range_days(phrase: Phrase, bound: date, future: bool) -> tuple[date, date, str] | None:
    until, head = phrase.until, replace(phrase, until=None)
    assert until is not None
    if head.unit == "weekday" and until.shift is None:
        until = replace(until, shift=head.shift)
    if until.year is None and until.shift is None and (head.year is not None or head.shift is not None) and head.unit != "weekday":
        until = replace(until, year=head.year, shift=head.shift)
        if until.month is not None and head.month is not None and until.month < head.month:
            until = replace(
                until, year=None if until.year is None else until.year + 1, shift=None if until.shift is None else until.shift + 1
            )
    if until.unit == "day" and until.month is None:
        until = replace(until, month=head.month)
    end = days_of(until, bound, future)
    if end is None:
        return None
    if head.unit == "day" and head.month is None:
        head = replace(head, month=end[1].month if (head.day or 0) <= end[1].day else None)
    if head.unit == "weekday":
        first: date = end[1] - timedelta(
            days=(until.weekday - head.weekday) % 7 if until.weekday is not None and head.weekday is not None else 0
        )
        return first, end[1], phrase.rule + ("+future" if first > bound else "")
    begin = days_of(head, end[1], False)
    if begin is None or begin[0] > end[1]:
        return None
    return begin[0], end[1], phrase.rule + ("+future" if begin[0] > bound else "")


def yearless(phrase: Phrase) -> bool:
    """Tell whether a phrase is a month and a day without a year: 8月5日."""
    return phrase.unit == "day" and phrase.month is not None and phrase.year is None and phrase.shift is None and phrase.until is None


def in_the_year_above(
    phrase: Phrase, first: date, last: date, rule: str, named: date, bound: date, *, beside: bool = False
) -> tuple[date, date, str]:
    """Return the day that goes on from a month of a given year in the same sentence: 2023年7月底加息,引发8月5日的暴跌.

    One named ``beside`` it is of the same year (2008年4月24日与9月19日), so is any other of a year before the last one.
    """
    options = (_valid(year, phrase.month or 0, phrase.day or 0) for year in (named.year, named.year + 1))
    same = beside or named.year < bound.year - 1
    until = max(named + _GOES_ON, date(named.year, 12, 31)) if same else named + _GOES_ON
    told = next((d for d in options if d is not None and named <= d <= min(bound, until)), None)
    if told is None or told == first or first != last:
        return first, last, rule
    return told, told, f"{rule}+year-above"


def _valid(year: int, month: int, day: int) -> date | None:
    return date(year, month, day) if 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1] else None


def _given_year(phrase: Phrase, bound: date) -> int | None:
    return phrase.year if phrase.year is not None else None if phrase.shift is None else bound.year + phrase.shift


def _choose(past: date | None, ahead: date | None, bound: date, future: bool) -> date | None:
    """Take the past occurrence, or the coming one when the text says future and it is not over nine months off."""
    if future and ahead is not None and (_soon(ahead, bound) or past is None):
        return ahead
    return past


def _soon(ahead: date, bound: date) -> bool:
    """Tell whether a day is at most nine months off: 12月: 预计11月失业率 is of the month just over."""
    return (ahead - bound).days <= 270


def _day(phrase: Phrase, bound: date, future: bool) -> tuple[date, date] | None:
    day = phrase.day or 0
    year = _given_year(phrase, bound)
    if year is not None and phrase.month is not None:
        first = _valid(year, phrase.month, day)
    elif phrase.month is not None:
        # Eight years reach over 1900-like gaps between leap days.
        options = [d for y in range(bound.year - 8, bound.year + 9) if (d := _valid(y, phrase.month, day))]
        first = _choose(
            max((d for d in options if d <= bound), default=None), min((d for d in options if d >= bound), default=None), bound, future
        )
    else:
        months = [divmod(bound.year * 12 + bound.month - 1 + k, 12) for k in range(-2, 3)]
        options = [d for y, m in months if (d := _valid(y, m + 1, day))]
        first = _choose(
            max((d for d in options if d <= bound), default=None), min((d for d in options if d >= bound), default=None), bound, future
        )
    if first is None:
        return None
    last = first if phrase.day_end is None else _valid(first.year, first.month, phrase.day_end)
    return None if last is None else (first, last)


def _month(phrase: Phrase, bound: date, future: bool) -> tuple[date, date] | None:
    month = phrase.month or 1
    end = phrase.month_end or month
    year = _given_year(phrase, bound)
    if year is None:
        year = bound.year if date(bound.year, end, 1) <= bound else bound.year - 1
        if future and date(year, end, monthrange(year, end)[1]) < bound and _soon(date(year + 1, end, monthrange(year + 1, end)[1]), bound):
            year += 1
        if end < month and phrase.month_end:
            return _edged(date(year - 1, month, 1), date(year, end, monthrange(year, end)[1]), phrase.edge, bound)
    last_year = year + (end < month)
    return _edged(date(year, month, 1), date(last_year, end, monthrange(last_year, end)[1]), phrase.edge, bound)


def _relmonth(phrase: Phrase, bound: date, future: bool) -> tuple[date, date] | None:
    year, month = divmod(bound.year * 12 + bound.month - 1 + (phrase.shift or 0), 12)
    if phrase.day is not None:
        day = _valid(year, month + 1, phrase.day)
        return None if day is None else (day, day)
    return _edged(date(year, month + 1, 1), date(year, month + 1, monthrange(year, month + 1)[1]), phrase.edge, bound)


def _edged(first: date, last: date, edge: str, bound: date) -> tuple[date, date]:
    """Cut a period down to its beginning, end or third; 以来 runs it to the reference day."""
    if edge.endswith(("以来", "至今")):
        return (last if edge[0] in "年底末" and edge[:2] != "年初" and len(edge) > 2 else first), bound
    if edge.endswith(("底", "末")):
        return last, last
    if edge.endswith("初") or edge == "上旬":
        return (first, first + timedelta(days=9)) if (last - first).days < 40 else (first, first + timedelta(days=30))
    if edge == "中旬":
        return first + timedelta(days=10), first + timedelta(days=19)
    if edge == "下旬":
        return first + timedelta(days=20), last
    if edge == "年中":
        return date(first.year, 6, 1), date(first.year, 7, 31)
    return first, last


def _quarters(phrase: Phrase, bound: date, future: bool) -> tuple[date, date]:
    if phrase.month is None:  # 上季度, last quarter
        year, quarter = divmod(bound.year * 4 + (bound.month - 1) // 3 + (phrase.shift or 0), 4)
        head = tail = quarter + 1
    else:
        head, tail = phrase.month, phrase.month_end or phrase.month
        given = _given_year(phrase, bound)
        if given is None:
            started = date(bound.year, 3 * (tail if phrase.rule == "quarters" else head) - 2, 1) <= bound
            given = bound.year if started else bound.year - 1
            if future and date(given, 3 * tail, monthrange(given, 3 * tail)[1]) < bound:
                given += _soon(date(given + 1, 3 * tail, monthrange(given, 3 * tail)[1]), bound)
        year = given
    return date(year, 3 * head - 2, 1), date(year, 3 * tail, monthrange(year, 3 * tail)[1])


def _years(phrase: Phrase, bound: date, future: bool) -> tuple[date, date]:
    year = _given_year(phrase, bound) or bound.year
    first = phrase.day if phrase.day is not None else year
    return _edged(date(min(first, year), 1, 1), date(year, 12, 31), phrase.edge, bound)


def _weekday(phrase: Phrase, bound: date, future: bool) -> tuple[date, date] | None:
    weekday = phrase.weekday or 0
    start = bound - timedelta(days=(bound.weekday() + 1) % 7 if phrase.sunday_weeks else bound.weekday())
    offset = (weekday + 1) % 7 if phrase.sunday_weeks else weekday
    if phrase.shift:
        day = start + timedelta(days=7 * phrase.shift + offset)
    elif future:
        day = start + timedelta(days=offset)
        if day < bound and phrase.shift is None:
            day += timedelta(days=7)
    else:
        day = bound - timedelta(days=(bound.weekday() - weekday) % 7)
    if phrase.edge:  # a weekend
        saturday = day - timedelta(days=1)
        return saturday, day
    return day, day


def _week(phrase: Phrase, bound: date, future: bool) -> tuple[date, date]:
    monday = bound - timedelta(days=bound.weekday()) + timedelta(days=7 * (phrase.shift or 0))
    return monday, monday + timedelta(days=6)


def _relative(phrase: Phrase, bound: date, future: bool) -> tuple[date, date]:
    if phrase.edge:
        return bound - timedelta(days=7), bound
    day = bound + timedelta(days=phrase.shift or 0)
    return day, day


_RESOLVERS: dict[str, Callable[[Phrase, date, bool], tuple[date, date] | None]] = {
    "day": _day, "month": _month, "relmonth": _relmonth, "quarters": _quarters, "year": _years,
    "weekday": _weekday, "week": _week, "relative": _relative,
}  # fmt: skip
