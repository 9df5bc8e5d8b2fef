"""When an article was published: from its stamp, its dateline, or what its text mentions.

The evidence is tried in this order, and ``rule`` names what was used:

1. the stamp the format carries (``stamp:second``, ``stamp:minute``, ``stamp:day``);
2. a published line or a dateline near the beginning of the text (``header``, ``dateline``):
   「发布时间:…」, 「…4月20日讯」, ``April 19 (Agency)``;
3. the latest past date the text mentions, below, and the collector's clock, above (``mentions``, ``seen``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from research.errors import DataError
from research.phrase_words import TRADITIONAL, month_number, number, zone_named
from research.phrases import DateSpan, find

__all__ = ["Publication", "publication"]

#: lower bound of an article about which nothing is known
_UNBOUNDED = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = 120
_SLASHED = re.compile(r"\b(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}\b")
_TICK = timedelta(microseconds=1)
#: a yearless dateline this little after the collector's clock is that day, not the same day a year before
_SKEW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Publication:
    """Publication as claimed: an instant, how exact it is, and the interval it lies in (aware, UTC, both ends included).

    ``published_at`` is the claimed instant (precision ``second`` and ``minute``) or the upper end (``day`` and ``interval``).
    ``not_before`` is 1970-01-01 when nothing bounds it. ``conflict`` is true when the evidence contradicts itself or the collector's clock.
    """

    published_at: datetime
    precision: str
    not_before: datetime
    not_after: datetime
    rule: str
    conflict: bool = False


_NUMERIC = re.compile(
    r"(?P<y>(?:19|20)\d\d)(?:年|[-/.]|(?=\d{4}(?!\d)))\s?(?P<m>\d{1,2}?)(?:月|[-/.]|(?=\d\d(?!\d)))\s?(?P<d>\d{1,2})日?"
    r"(?:[T\s,]*(?P<H>[01]?\d|2[0-4])[:时点](?P<M>[0-5]\d)(?:[:分](?P<S>[0-5]\d|60)(?:[.,](?P<f>\d{1,9}))?)?[分秒]?)?"
    r"\s*(?P<z>Z|[A-Z]{2,4}|北京时间|[+-]\d\d(?::?\d\d)?)?"
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")
_RFC_822 = re.compile(r"(?:[A-Za-z]{3},?\s+)?\d{1,2}[\s-]|[A-Z][a-z]{2}\s[A-Z][a-z]{2}\s+\d")
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?")
_VERB = (
    r"(?:凌晨|早间|上午|中午|午间|下午|晚间|晚|深夜)?\s?(?:讯|电(?!力|动|商|子|影|视|池|网|价|话|信|站|机|器)|消息|快讯"
    r"|专电|综合[讯报消电])"
)
_DATELINE = re.compile(
    rf"(?:(?P<y>(?:19|20)\d\d)年)?(?P<m>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?P<d>3[01]|[12]\d|0?[1-9]|三十一?"
    rf"|二?十[一二三四五六七八九]?|[一二三四五六七八九])日"
    rf"\s?(?:\((?:周|星期)[一二三四五六日天]\)|(?:周|星期)[一二三四五六日天])?\s?{_VERB}"
)
_CITED = re.compile(r"(?:据|援引|引述|当地时间|美东时间)[^。,;\n]{0,16}$")
_ENGLISH_DATELINE = re.compile(
    r"(?P<m>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?\s"
    r"(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?:,?\s(?P<y>(?:19|20)\d\d))?\s?,?\s?(?:\([A-Z][\w .&/-]{1,30}\)"
    r"|/[A-Z][\w. -]{2,30}/|--\s|—\s|–\s|:\s)"
)
_LABEL = (
    r"(?:发[布表][于时间日期在]*|刊登于?|更新(?:时间|于)?|时间|日期|[Pp]ublished(?:\s(?:on|at))?|[Uu]pdated(?:\s(?:on|at))?"
    r"|[Dd]ate|[Pp]osted(?:\s(?:on|at))?)\s?[::]?\s?"
)
_LABELLED = re.compile(rf"{_LABEL}(?=(?:19|20)\d\d[-/.年])")
_LABELLED_ENGLISH = re.compile(rf"{_LABEL}(?=(?:[A-Z][a-z]{{2,8}}\.?\s\d|\d{{1,2}}\s[A-Z]))")
_OWN_LINE = re.compile(r"(?:^|\n)[\s\-·|•]*(?=(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s|$|[^\d,,。]{0,3}\d{1,2}:))")
_RELATIVE = (
    "weekday",
    "relative-weekday",
    "relative-day",
    "overnight",
    "recently",
    "week",
    "range-elsewhere",
    "relative-month",
    "relative-quarter",
    "relative-year",
    "relative-week",
    "year-to-date",
)


def publication(headline: str, body: str, stamp: datetime | str | None, zone: str, seen_at: datetime | None) -> Publication | None:
    """Return when an article was published, or ``None`` when nothing says so.

    Parameters
    ----------
    headline, body
        The text; datelines are looked for at the beginning of the body, in the headline last.
    stamp
        What the format carries: an aware datetime, or RFC 822, ISO 8601, ``2024-07-29``, ``2024/7/29 15:30``, ``20260207 06:08``,
        ``2024年7月29日 15:30``, seconds or milliseconds since 1970. One that cannot be read is passed over.
    zone
        IANA zone of times and days that name none.
    seen_at
        When a collector held the text (aware), or ``None`` for a back-fill. Nothing is published after it: where a stamp or dateline
        says so, ``conflict`` is set and the interval ends there.

    Returns
    -------
    Publication or None
        ``None`` without stamp, without ``seen_at`` and without a dateline that names its year.

    Raises
    ------
    DataError
        When ``seen_at`` has no zone.

    Notes
    -----
    A day is the whole day in ``zone``. A dateline without a year takes the year a weekday beside a date in the text fixes, else the year
    of a full date within a month of it, else the most recent past one.
    """
    if seen_at is not None and seen_at.tzinfo is None:
        raise DataError(f"seen_at came without a zone ({seen_at}); expected an aware datetime, such as 2024-04-20T12:00:00+08:00.")
    seen = None if seen_at is None else seen_at.astimezone(UTC)
    read = _stamped(stamp, zone)
    if read is None:
        read = _dated(headline, body, zone, seen)
    if read is not None and (seen is None or read.not_before <= seen):
        return read if seen is None else _capped(read, seen)
    if seen is None:
        return None
    return _bounded(headline, body, zone, seen, read)


def _capped(read: Publication, seen: datetime) -> Publication:
    """End the interval at the collector's clock."""
    if read.not_after <= seen:
        return read
    published = min(read.published_at, seen)
    return Publication(published, read.precision, read.not_before, seen, read.rule, read.conflict)


def _bounded(headline: str, body: str, zone: str, seen: datetime, contradicted: Publication | None) -> Publication:
    """Bound from below by the latest past date mentioned, from above by the collector's clock."""
    latest, rule = _UNBOUNDED, "seen"
    text = f"{headline}\n{body}"
    for span in find(text, seen, zone):
        if text[span.start - 1 : span.start] in ("自", "从", "從") and span.start:
            continue  # 自4月9日起 is announced before it begins
        if span.rule.rpartition("+")[2] in _RELATIVE or "future" in span.rule or (span.conflict and contradicted is None):
            continue
        begins = _start_of(span.first, span.zone)
        if latest < begins <= seen:
            latest, rule = begins, "mentions"
    if contradicted is None:
        return Publication(seen, "interval", latest, seen, rule)
    return Publication(seen, "interval", latest, seen, f"{contradicted.rule}-after-seen+{rule}", True)


# --- stamps


def _stamped(stamp: datetime | str | None, zone: str) -> Publication | None:
    if stamp is None:
        return None
    if isinstance(stamp, datetime):
        return _exactly(stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=ZoneInfo(zone)), "second", "stamp:second")
    text = stamp.strip()
    if _EPOCH.fullmatch(text):
        return _exactly(datetime.fromtimestamp(int(text[:10]), UTC), "second", "stamp:second")
    numeric = _NUMERIC.fullmatch(text)
    if numeric is not None:
        return _numeric(numeric, zone, "stamp")
    if not _RFC_822.match(text):
        return _worded(text, zone, "stamp")
    timed = re.search(r"\d:\d", text) is not None
    try:
        instant = parsedate_to_datetime(text if timed else f"{text} 00:00:00")
    except ValueError:
        return None
    if not timed:
        return _whole_day(instant.date(), zone, "stamp:day")
    precision = "second" if re.search(r":\d\d:\d\d", text) else "minute"
    return _exactly(instant if instant.tzinfo is not None else instant.replace(tzinfo=ZoneInfo(zone)), precision, f"stamp:{precision}")


def _numeric(match: re.Match[str], zone: str, rule: str) -> Publication | None:
    """Read a date written in digits, with or without a time and a zone."""
    try:
        day = date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError:
        return None
    if match["H"] is None:
        return _whole_day(
            day,
            _named(match["z"], zone) if match["z"] and not _OFFSET.fullmatch(match["z"]) else zone,
            f"{rule}:day" if rule == "stamp" else rule,
        )
    seconds = int(match["H"]) * 3600 + int(match["M"]) * 60 + int(match["S"] or 0)
    offset = _OFFSET.fullmatch(match["z"] or "")
    if offset is not None:
        shift = (int(offset[2]) * 60 + int(offset[3] or 0)) * (1 if offset[1] == "+" else -1)
        instant = datetime.combine(day, time(), UTC) + timedelta(seconds=seconds, minutes=-shift)
    else:
        name = _named(match["z"], zone)
        instant = datetime.combine(day, time(), ZoneInfo(name)) + timedelta(seconds=seconds)
    if match["f"]:
        instant += timedelta(microseconds=int(match["f"][:6].ljust(6, "0")))
    precision = "minute" if match["S"] is None else "second"
    return _exactly(instant, precision, f"{rule}:{precision}")


def _named(word: str | None, zone: str) -> str:
    if not word:
        return zone
    return "UTC" if word == "Z" else zone_named(word) or zone


def _worded(text: str, zone: str, rule: str) -> Publication | None:
    """Read ``Apr 19, 2024 3:30 PM ET`` and the like: a full date in words, with or without a time.

    ``01/05/2024`` is nothing: January or May depends on who wrote it, and the wrong one is months of look-ahead.
    """
    either_way = _SLASHED.search(text)
    if either_way is not None and max(int(either_way[1]), int(either_way[2])) <= 12 and either_way[1] != either_way[2]:
        return None
    spans = [s for s in find(text, datetime(2100, 1, 1, tzinfo=UTC), zone) if s.rule.endswith("full-date") and s.first == s.last]
    if len(spans) != 1:
        return None
    clock = re.search(r"\b(\d{1,2}):(\d\d)(?::(\d\d))?\s*([AaPp]\.?[Mm])?", text)
    if clock is None:
        return _whole_day(spans[0].first, zone, f"{rule}:day")
    hour = int(clock[1]) % 12 + 12 * (clock[4][0] in "Pp") if clock[4] else int(clock[1])
    named = re.search(r"\b(?:[ECP][SD]?T|UTC|GMT|BST|HKT|JST|KST)\b", text)
    name = _named(named.group(), zone) if named else spans[0].zone
    precision = "minute" if clock[3] is None else "second"
    instant = datetime.combine(spans[0].first, time(), ZoneInfo(name)) + timedelta(
        hours=hour, minutes=int(clock[2]), seconds=int(clock[3] or 0)
    )
    return _exactly(instant, precision, f"{rule}:{precision}")


def _exactly(instant: datetime, precision: str, rule: str) -> Publication:
    at = instant.astimezone(UTC)
    end = at.replace(second=0, microsecond=0) + timedelta(minutes=1) - _TICK if precision == "minute" else at
    return Publication(at, precision, at, end, rule)


def _whole_day(day: date, zone: str, rule: str, conflict: bool = False) -> Publication:
    end = _start_of(day + timedelta(days=1), zone) - _TICK
    return Publication(end, "day", _start_of(day, zone), end, rule, conflict)


def _start_of(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


# --- datelines


def _dated(headline: str, body: str, zone: str, seen: datetime | None) -> Publication | None:
    """Read the published line or the dateline at the beginning of the body, or of the headline."""
    for text in (body[:_HEAD], headline[:_HEAD]):
        plain = text.translate(TRADITIONAL)
        found = _header(plain, zone) or _dateline(plain, headline, body, zone, seen)
        if found is not None:
            return found
    return None


def _header(plain: str, zone: str) -> Publication | None:
    for pattern in (_LABELLED, _OWN_LINE):
        mark = pattern.search(plain)
        match = None if mark is None else _NUMERIC.match(plain, mark.end())
        if match is not None:
            return _numeric(match, zone, "header")
    mark = _LABELLED_ENGLISH.search(plain)
    return None if mark is None else _worded(plain[mark.end() : mark.end() + 40].split("\n")[0], zone, "header")


def _dateline(plain: str, headline: str, body: str, zone: str, seen: datetime | None) -> Publication | None:
    for pattern in (_DATELINE, _ENGLISH_DATELINE):
        for match in pattern.finditer(plain):
            if _CITED.search(plain, max(0, match.start() - 24), match.start()):
                continue
            month = number(match["m"]) if pattern is _DATELINE else month_number(match["m"])
            day = number(match["d"])
            if match["y"]:
                return _on(int(match["y"]), month, day, zone, "dateline")
            if seen is None:
                return None
            return _without_year(month, day, f"{headline}\n{body}", zone, seen)
    return None


def _on(year: int, month: int, day: int, zone: str, rule: str) -> Publication | None:
    try:
        return _whole_day(date(year, month, day), zone, rule)
    except ValueError:
        return None


def _without_year(month: int, day: int, text: str, zone: str, seen: datetime) -> Publication | None:
    """Find the year of a dateline: by a weekday beside a date, by a full date near it, else the most recent past one."""
    today = seen.astimezone(ZoneInfo(zone)).date()
    choices = []
    for year in range(today.year + 1, today.year - 9, -1):
        try:
            choices.append(date(year, month, day))
        except ValueError:
            continue
    ahead = [d for d in choices if today < d <= today + _SKEW]
    past = [d for d in choices if d <= today]
    options = ahead + past[:7]
    if not options:
        return None
    spans = find(text, datetime.combine(options[0], time(23, 59), ZoneInfo(zone)), zone)
    dated = [
        s
        for s in spans
        if "weekday" in s.rule and "day-of-month" not in s.rule and "-" in s.rule and "+" in s.rule and "relative" not in s.rule
    ]
    if any("full-date" not in s.rule for s in dated):
        fitting = [d for d in options if not any(s.conflict for s in _pairs_of(text, d, zone))]
        if fitting and fitting[0] != options[0]:
            return _whole_day(fitting[0], zone, "dateline+weekday")
        if not fitting:
            return _whole_day(options[0], zone, "dateline", True)
        return _whole_day(options[0], zone, "dateline+weekday")
    full = [s.first for s in spans if s.rule.endswith("full-date") and s.first <= today]
    near = [d for d in options if any(abs((d - f).days) <= 31 for f in full)]
    if near:
        return _whole_day(near[0], zone, "dateline+full-date")
    return _whole_day(options[0], zone, "dateline")


def _pairs_of(text: str, day: date, zone: str) -> list[DateSpan]:
    spans = find(text, datetime.combine(day, time(23, 59), ZoneInfo(zone)), zone)
    return [s for s in spans if "weekday+month-day" in s.rule or "month-day+weekday" in s.rule]
