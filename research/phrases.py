"""Date phrases of Chinese and English financial text, resolved against a reference instant.

The way through, in order:

1. :func:`research.phrase_grammar.read`: one combined regular expression cuts the text into phrases and zone or place words.
2. ``_ranges`` and ``_pairs``: the two ends of a range, a weekday beside its date, a week beside its range become one phrase.
3. :class:`research.phrase_zones.Zones`: a zone word beside a phrase sets its zone (北京时间, ET); else the nearest market word of the
   sentence does (美股).
4. :func:`research.phrase_days.days_of`: each phrase becomes calendar days. What the text leaves out is the most recent past; a future
   day needs a word that says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from research import phrase_grammar as grammar
from research import phrase_words as lexis
from research.errors import DataError
from research.phrase_days import days_of, in_the_year_above, yearless
from research.phrase_grammar import Phrase
from research.phrase_zones import Zones

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
    the next occurrence, unless that is over nine months away; so is a day of the next ten that would else lie a year back where what
    follows is arranged beforehand (written on the 30th: 7月31日起停牌). A period under way ends at the reference day.
    """
    if reference.tzinfo is None:
        raise DataError(f"The reference {reference} came without a zone; expected an aware datetime, such as one in UTC.")
    plain = text.translate(lexis.TRADITIONAL)
    phrases, words = grammar.read(plain)
    phrases = _pairs(_ranges(phrases, plain), plain)
    if not phrases:
        return []
    zones = Zones(plain, words, zone)
    spans = []
    years: tuple[int, date] | None = None  # where a sentence begins that has named a month of a given year, and when that month began
    dated: tuple[int, date] | None = None  # where a day of a given year, or of last year, ended, and the day
    for phrase in phrases:
        name, start, end, explicit = zones.of(phrase)
        bound = reference.astimezone(ZoneInfo(name)).date()
        if not explicit:
            bound = max(bound, reference.astimezone(ZoneInfo(zone)).date())
        future = lexis.says_future(plain, max(zones.sentence(start), start - 48), start, end)
        days = days_of(phrase, bound, future)
        if not future and _at_hand(phrase, days, bound) and _TO_COME.match(plain, end):
            days = days_of(phrase, bound, True)
        if days is None:
            continue
        first, last, rule = days
        if yearless(phrase) and dated is not None and _BESIDE.fullmatch(plain, dated[0], start):
            first, last, rule = in_the_year_above(phrase, first, last, rule, dated[1], bound, beside=True)
            dated = (end, first)
        elif years is not None and zones.sentence(start) == years[0] and yearless(phrase):
            first, last, rule = in_the_year_above(phrase, first, last, rule, years[1], bound)
        if phrase.unit == "day" and (phrase.year is not None or phrase.shift) and phrase.until is None:
            dated = (end, first)
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


def _at_hand(phrase: Phrase, days: tuple[date, date, str] | None, bound: date) -> bool:
    """Return whether a month and day read as one of the year before lie only days ahead."""
    yearless_day = phrase.unit == "day" and phrase.month is not None and yearless(phrase) and phrase.until is None
    return yearless_day and days is not None and bound - days[0] >= _YEAR - _AT_HAND


def _same_week(spans: list[DateSpan]) -> list[DateSpan]:
    """Give a bare 本周 the days that 本周(7月22日-7月26日) elsewhere in the text states: weeklies often appear on the Monday after."""
    stated = next((s for s in spans if s.rule == "week+range" and s.text[:2] in ("本周", "本週")), None)
    if stated is None:
        return spans
    return [
        replace(s, first=stated.first, last=stated.last, rule="week+range-elsewhere") if s.text in ("本周", "本週") else s for s in spans
    ]


# --- 2. phrases that belong together

#: what stands between two days of one year: 2008年4月24日与9月19日
#: what is arranged beforehand
_TO_COME = re.compile(r"\s?(?:起|[停复]牌|召开|举行|举办|生效|到期|摘牌|开售|开幕|登陆|挂牌|上市)")
_YEAR, _AT_HAND = timedelta(days=365), timedelta(days=10)
_BESIDE = re.compile(r"[与和及、]|以及")


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
