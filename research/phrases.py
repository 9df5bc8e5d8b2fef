"""Date phrases of Chinese and English financial text, resolved against a reference instant.

The way through, in order:

1. :func:`research.phrase_grammar.read`: one combined regular expression cuts the text into phrases and zone or place words.
2. ``_ranges`` and ``_pairs``: the two ends of a range, a weekday beside its date, a week beside its range become one phrase.
3. ``_Zones``: a zone word beside a phrase sets its zone (北京时间, ET); else the nearest market word of the sentence does (美股).
4. ``_days``: each phrase becomes calendar days. What the text leaves out is the most recent past; a future day needs a word that says so.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from research import phrase_grammar as grammar
from research import phrase_words as lexis
from research.errors import DataError
from research.phrase_grammar import Phrase

__all__ = ["DateSpan", "find"]


@dataclass(frozen=True, slots=True)
class DateSpan:
    """A phrase of a text and the days it stands for.

    ``start`` and ``end`` are character offsets (end exclusive) and ``text`` what stands there, with its zone word and part of the day
    (``北京时间20日凌晨``). ``first`` to ``last`` are calendar days in ``zone`` (an IANA name), both included. ``rule`` names how they were
    found, joined by ``+`` (``weekday+month-day``, ``as-of+month-day``, ``month-day+future``). ``conflict`` is true when a weekday and a
    date stand side by side and disagree; the date is kept.
    """

    start: int
    end: int
    text: str
    first: date
    last: date
    zone: str
    rule: str
    conflict: bool = False


_RANGE_GAP = re.compile(r"\s?(?:-{1,2}|–|—{1,2}|~|至|到|\sto\s|\sthrough\s)\s?")
_PAIR_GAP = re.compile(r"\s{0,2}\(?\s?|,\s")
_ZONE_BEFORE_GAP = re.compile(r"[\s:(]{0,2}(?:on\s|于)?")
_ZONE_AFTER_GAP = re.compile(
    r"(?:[\s,(]|at|凌晨|上午|下午|晚间?|早间?|[ap]\.?m\.?|\d{1,2}[:点时]\d\d(?::\d\d)?分?|\d{1,2}点?)*", re.IGNORECASE
)
_NEAR = 30
#: how long after a month of a given year the day that goes on from it may lie
_GOES_ON = timedelta(days=120)
_AFTER = 6  # a market word before a date (its subject) is worth this many characters more than one after it


def find(text: str, reference: datetime, zone: str = "Asia/Shanghai") -> list[DateSpan]:
    """Return the date phrases of ``text`` in order, as days.

    Parameters
    ----------
    text
        Any text; offsets refer to it. Full-width digits and the traditional forms of the words used are understood.
    reference
        When the text was written (aware): the day relative phrases count from and the bound of the past.
    zone
        IANA zone the writer lives in. Weekdays and dates near a market word (美股) are meant in that market's zone, an explicit zone
        word (美东时间, ET) decides; 今日 and 昨日 are always the writer's.

    Returns
    -------
    list of DateSpan
        Sorted by ``start``, not overlapping. Days no calendar has (2月30日) are left out.

    Raises
    ------
    DataError
        When ``reference`` has no zone.

    Notes
    -----
    A month or day without a year is its most recent past occurrence, or the one after a month of a given year in the same sentence
    (2024年7月底…8月5日); a bare or 本周 weekday the most recent one, today included; 上周五
    the Friday of the previous week (Monday to Sunday). Where a word such as 将于, 预计在, "will … on" or a following 前 says future, it is
    the next occurrence, unless that is over nine months away. A period under way ends at the reference day.
    """
    if reference.tzinfo is None:
        raise DataError(f"The reference {reference} came without a zone; expected an aware datetime, such as one in UTC.")
    plain = text.translate(lexis.TRADITIONAL)
    phrases, words = grammar.read(plain)
    phrases = _pairs(_ranges(phrases, plain), plain)
    if not phrases:
        return []
    zones = _Zones(plain, words, zone)
    spans = []
    years: tuple[int, date] | None = None  # where a sentence begins that has named a month of a given year, and when that month began
    for phrase in phrases:
        name, start, end, explicit = zones.of(phrase)
        bound = reference.astimezone(ZoneInfo(name)).date()
        if not explicit:
            bound = max(bound, reference.astimezone(ZoneInfo(zone)).date())
        future = lexis.says_future(plain, max(zones.sentence(start), start - 48), start, end)
        days = _days(phrase, bound, future)
        if days is None:
            continue
        first, last, rule = days
        if years is not None and zones.sentence(start) == years[0] and _yearless(phrase):
            first, last, rule = _in_the_year_above(phrase, first, last, rule, years[1], bound)
        if phrase.unit in ("day", "month") and phrase.year is not None:
            years = (zones.sentence(start), first)
        if not explicit and first > reference.astimezone(ZoneInfo(name)).date() and not future:
            name = zone  # the market has not reached that day: it is the writer's
        if phrase.unit in ("day", "weekday") and first == last and (rule == "week-ending" or lexis.week_ending(plain, start, end)):
            first, rule = last - timedelta(days=last.weekday()), "week-ending"
        if lexis.AS_OF.search(plain, max(0, start - 24), start):
            rule = f"as-of+{rule}"
        conflict = phrase.beside is not None and first.weekday() != phrase.beside
        spans.append(DateSpan(start, end, text[start:end], first, last, name, rule, conflict))
    return _same_week(spans)


def _same_week(spans: list[DateSpan]) -> list[DateSpan]:
    """Give a bare 本周 the days that 本周(7月22日-7月26日) elsewhere in the text states: weeklies often appear on the Monday after."""
    stated = next((s for s in spans if s.rule == "week+range" and s.text[:2] in ("本周", "本週")), None)
    if stated is None:
        return spans
    return [
        replace(s, first=stated.first, last=stated.last, rule="week+range-elsewhere") if s.text in ("本周", "本週") else s for s in spans
    ]


# --- 2. phrases that belong together


def _ranges(phrases: list[Phrase], plain: str) -> list[Phrase]:
    joined: list[Phrase] = []
    for phrase in phrases:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.until is None
            and _same_kind(before, phrase)
            and _RANGE_GAP.fullmatch(plain, before.end, phrase.start)
        ):
            joined[-1] = replace(before, end=phrase.end, until=phrase, rule="range")
        else:
            joined.append(phrase)
    return joined


def _same_kind(first: Phrase, last: Phrase) -> bool:
    if first.unit == "day" and first.day_end is not None:
        return False
    return first.unit == last.unit and first.unit in ("day", "month", "weekday", "year", "quarters")


def _pairs(phrases: list[Phrase], plain: str) -> list[Phrase]:
    paired: list[Phrase] = []
    for phrase in phrases:
        before = paired[-1] if paired else None
        both = None if before is None else _pair(before, phrase, plain)
        if both is None:
            paired.append(phrase)
        else:
            paired[-1] = both
    return paired


def _pair(before: Phrase, after: Phrase, plain: str) -> Phrase | None:
    gap = plain[before.end : after.start]
    if not _PAIR_GAP.fullmatch(gap):
        return None
    end = after.end + (gap.count("(") and plain[after.end : after.end + 1] == ")")
    units = (before.unit, after.unit)
    if units == ("day", "week") and not gap and plain.startswith("当周", after.start):
        return replace(before, end=after.end, rule="week-ending")
    if units == ("weekday", "day") and after.until is None and before.until is None:
        return replace(after, start=before.start, end=end, beside=before.weekday, rule=f"weekday+{after.rule}")
    if units == ("day", "weekday") and before.until is None and after.until is None and "," not in gap and after.shift is None:
        return replace(before, end=end, beside=after.weekday, rule=f"{before.rule}+weekday")
    if units == ("week", "day") and after.until is not None and "(" in gap:
        return replace(after, start=before.start, end=end, rule="week+range")
    if units == ("week", "day") and after.day_end is not None and "(" in gap:
        return replace(after, start=before.start, end=end, rule="week+range")
    return None


# --- 3. zones


class _Zones:
    """Which zone a phrase is meant in, and where its sentence begins."""

    def __init__(self, plain: str, words: list[tuple[int, int, str]], base: str) -> None:
        self._plain, self._base = plain, base
        self._zones = [w for w in words if w[2] == "zone"]
        self._places = [w for w in words if w[2] == "place"]
        self._ends = [m.end() for m in lexis.SENTENCE_END.finditer(plain)]

    def sentence(self, offset: int) -> int:
        index = bisect_right(self._ends, offset)
        return self._ends[index - 1] if index else 0

    def of(self, phrase: Phrase) -> tuple[str, int, int, bool]:
        """Return (zone, start, end, explicit): the offsets with the zone word and the part of the day."""
        start, end = phrase.start, phrase.end
        while (part := lexis.PART_OF_DAY.match(self._plain, end)) and phrase.unit in ("day", "weekday", "relative"):
            end = part.end()
        found = None
        first = bisect_left(self._zones, (start,))
        for left, right, _ in self._zones[max(0, first - 1) : first + 2]:
            if left > end + _NEAR:
                break
            if right <= start and _ZONE_BEFORE_GAP.fullmatch(self._plain, right, start):
                found, start = (left, right), left
            elif left >= end and _ZONE_AFTER_GAP.fullmatch(self._plain, end, left):
                closed = self._plain[right : right + 1] == ")" and "(" in self._plain[end:left]
                found, end = (left, right), right + closed
                break
        if found is not None and phrase.unit in ("day", "weekday", "relative"):
            named = lexis.zone_named(self._plain[found[0] : found[1]]) or self._place(start, end, _NEAR * 2)
            return named or self._base, start, end, True
        if phrase.unit in ("day", "weekday"):
            return self._place(start, end, _NEAR) or self._base, start, end, False
        return self._base, start, end, False

    def _place(self, start: int, end: int, near: int) -> str | None:
        """Return the zone of the market word nearest to the phrase inside its sentence, those before it preferred."""
        low = max(self.sentence(start), start - near)
        index = bisect_right(self._ends, end - 1)
        high = min(self._ends[index] if index < len(self._ends) else len(self._plain), end + near)
        best: tuple[int, int, str] | None = None
        for left, right, _ in self._places[bisect_left(self._places, (low,)) : bisect_left(self._places, (high,))]:
            gap = start - right if right <= start else left - end + _AFTER if left >= end else -1
            if gap >= 0 and right <= high and (best is None or gap < best[0]):
                best = (gap, left, self._plain[left:right])
        return None if best is None else lexis.zone_named(best[2])


# --- 4. days


def _days(phrase: Phrase, bound: date, future: bool) -> tuple[date, date, str] | None:
    """Return (first, last, rule) of a phrase; ``None`` for a day that does not exist."""
    if phrase.until is not None:
        return _range_days(phrase, bound, future)
    found = _RESOLVERS[phrase.unit](phrase, bound, future)
    if found is None:
        return None
    first, last = found
    if first <= bound < last and not future and phrase.unit != "weekday":
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
    end = _days(until, bound, future)
    if end is None:
        return None
    if head.unit == "day" and head.month is None:
        head = replace(head, month=end[1].month if (head.day or 0) <= end[1].day else None)
    if head.unit == "weekday":
        first: date = end[1] - timedelta(
            days=(until.weekday - head.weekday) % 7 if until.weekday is not None and head.weekday is not None else 0
        )
        return first, end[1], phrase.rule + ("+future" if first > bound else "")
    begin = _days(head, end[1], False)
    if begin is None or begin[0] > end[1]:
        return None
    return begin[0], end[1], phrase.rule + ("+future" if begin[0] > bound else "")


def _yearless(phrase: Phrase) -> bool:
    return phrase.unit == "day" and phrase.month is not None and phrase.year is None and phrase.shift is None and phrase.until is None


def _in_the_year_above(phrase: Phrase, first: date, last: date, rule: str, named: date, bound: date) -> tuple[date, date, str]:
    """Return the day that goes on from a month of a given year in the same sentence: 2023年7月底加息,引发8月5日的暴跌."""
    options = (_valid(year, phrase.month or 0, phrase.day or 0) for year in (named.year, named.year + 1))
    told = next((d for d in options if d is not None and named <= d <= min(bound, named + _GOES_ON)), None)
    if told is None or told == first or first != last:
        return first, last, rule
    return told, told, f"{rule}+year-above"


def _valid(year: int, month: int, day: int) -> date | None:
    return date(year, month, day) if 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1] else None


def _given_year(phrase: Phrase, bound: date) -> int | None:
    return phrase.year if phrase.year is not None else None if phrase.shift is None else bound.year + phrase.shift


def _choose(past: date | None, ahead: date | None, bound: date, future: bool) -> date | None:
    """Take the past occurrence, or the coming one when the text says future and it is not over nine months off."""
    if future and ahead is not None and ((ahead - bound).days <= 270 or past is None):
        return ahead
    return past


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
        if future and date(year, end, monthrange(year, end)[1]) < bound:
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
                given += 1
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
