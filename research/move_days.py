"""The day a text names for a number: nearest before it, at the head of its paragraph, or counted from another day.

1. :meth:`NamedDays.of` looks for the single day named nearest before the number, in its sentence and in those it goes on from;
2. a day that only measures (自11月1日起, 较7月10日的高点), or that its clause has left (昨日一度涨2%,现跌1%), is no day of the number;
3. words that count from another day (当天, 次日, 前一交易日) are resolved by the day before them, or leave the number undated.

Used by :mod:`research.move_dates`, which finds the session.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from research import dates, move_grammar
from research.patterns import Finder, presence
from research.sentences import Sentence, index_at

__all__ = ["ASIDE_EN", "FIRST_DAY", "NOW", "Day", "NamedDays"]

#: sentences before an undated move that may date it
_LOOK_BACK = 12
#: a sentence that ends so goes on in the next; with a comma where it was too long to be read at once
_GOING_ON = ";;,、"
#: sentences one may go on with through others before they are read in order, so that no list is too long to be read
_IN_ORDER = 20
#: a day at the head of a paragraph holds for this many sentences
_HEADED = 5
#: so does the day of a sentence as short as this, that tells no number: 真正的逆转发生在9日。
_SHORT = 40
_ABSOLUTE = re.compile(r"周|星期|\d日")
#: 26日晚间,一则公告…: what moves next does so on another day
_LATE = re.compile(r"[^,。%]{0,4}(?:晚|盘后|深夜|收盘后)")
_HEAD = re.compile(
    r"(?:【[^】]*】)?(?:[^,。\d%]{0,8}的|到了?|当地时间|美东时间)?"
    r"(?:(?:上|本)?(?:周|星期)[一二三四五六日天](?:[(](?:\d{1,2}月)?\d{1,2}日[)])?|(?:\d{1,2}月)?\d{1,2}日)"
)
#: sentences before one with 次日 that may name the day it counts from
_COUNT_BACK = 3
#: the end of a month or year is a stretch of days, though it is resolved to its last: 去年末的交流里
_EDGE = re.compile(r"[年月季][末底初]$")
_SINCE = re.compile(
    r"(?:以|至今|起|之)?来|以后|至今|后的?首次|的(?:[涨跌][幅势]|反弹|[大暴][涨跌])(?=[,。;])"
    r"|的?(?:历史|收盘|盘中|此前|阶段性?|年内|创下的?)*(?:[前新]?[高低](?![开走])|高位|低位|纪录|记录|峰值|水平|收盘价|均价|(?<=的)\d)"
)
#: the first session of a share
FIRST_DAY = re.compile(r"(?<![节假])(?<!节后)(?<!假后)(?<!假期后)首日|(?:上市|挂牌)当[天日]")
#: 2日上市的某公司涨3%, 跟着上周五反弹的美股走: what it is known for
_KNOWN_FOR = re.compile(
    r"(?:在[^,。%]{1,8})?(?:上市|挂牌|登陆|招股|复牌)[^,。%]{0,8}的(?=[一-龥A-Za-z])"
    r"|(?:强势|大幅|集体)?(?:反弹|上涨|下跌|[大暴飙][涨跌]|回落|走[高低强弱])(?:(?:了|近|超|逾|约)?[\d.]+%)?的(?!是)(?=[一-龥A-Za-z])"
)
#: 而2月6日时,它还只有728点
_BACK_WHEN = re.compile(r"时(?=[,它还仅只才曾])")
#: 报告公布当日: the day the story began
_STORY = re.compile(r"(?:公布|发布|披露|宣布|出炉|公告|官宣|落地|消息)(?:的)?\Z")
#: sentences of an article that may name that day
_LEAD = 4
_BEIJING = ZoneInfo("Asia/Shanghai")
_GOES_ON = re.compile(
    r"其中|同[一日]|受此影响|(?:消息|数据|报告|财报|业绩|决议|声明|公告|讲话)(?:公布|发布|传出|披露|出炉|落地)?之?后"
    r"|that day|the same day",
    re.IGNORECASE,
)
#: words that count from a day named before them
_COUNTED = Finder.of(
    r"(?P<same>[当同那][天日]|同一个?(?:交易)?[日天])|(?P<next>(?<!节)次日|翌日|(?<!连续)(?<!连)第二[天日]|次一?个?交易日|接下来的?一个?交易日)"
    r"|(?P<before>(?<![较比])[前上](?:一个?)?交易日(?!收)|(?<![较比之以])前一[天日]|(?<![较比之以自从])前一[晚夜](?![^,。%]{1,8}的)|(?<![一-龥])(?:[就而]?在)?一[天日]之?前)"
)
#: a month at the head of what happened in it: 2025年6月,…; 5月把…
_BACK_THEN = re.compile(r",|的?那[一次年回]|时[,的]|期间")
_LONG_OVER, _RECENT = timedelta(days=45), timedelta(days=45)
_HAPPENED = re.compile(r"[,:把将被在以因由对向曾]|发布|公布|宣布|推出")
#: a sentence that speaks of the moment it was written, or of another time than the one before
NOW = re.compile(r"截至|发稿|目前|当前|最新|此后|随后|后来|如今|现[涨跌报]|盘[前后]|夜盘|隔夜|这[一次]|去年|今年|上周|本周|累计|以来")
#: a sentence that leaves the day its paragraph began with
_ELSEWHEN = re.compile(r"截至|发稿|目前|当前|最新|后来|如今|现[涨跌报]|夜盘|隔夜|这[一次]|去年|今年|上周|本周|累计|过去|全[周月年]")
#: what a whole week or month ago is told of: 甲公司上周公布财报,股价一度涨10%
_ANOTHER_WEEK = presence(
    r"(?:[一两二三几]个?(?:周|星期|月)|[两三四五六七八九十几]天)之?前|(?<![较比])上(?:周(?![一二三四五六日天末])|个?月(?!\d)|个?季度?)(?=[^,。;]{0,2}[也曾就还又才][^,。;]*,|表示|称|宣布|公布|发布|披露|推出|报告|因)"
    r"|\b(?:last|earlier this) (?:week|month|quarter)\b|\bearlier this year\b",
    re.IGNORECASE,
)
#: English names days in asides (", which reported late Wednesday,") and as bounds ("until Monday"), and often behind the number
ASIDE_EN = re.compile(r",\s(?:which|who|whose|that)\s[^,]*,|\([^()]*\)")
_BOUND = re.compile(r"\b(?:until|since|before|through|by|from|next|to|due|than)\s(?:late\s|early\s|the\s)?\Z", re.IGNORECASE)
_BEHIND = re.compile(
    r"[\d.]*(?:%|\sper\s?cent)(?:\s(?:gain|rise|jump|rally|surge|advance|climb|rebound|bounce|drop|fall|decline|slide|plunge|slump|tumble|loss|rout))?"
    r"(?:\s(?:to|at)\s[^\s]+(?:\s(?:cents|pence|euros|an?\s\w+))?)?(?:\s(?:lower|higher|in\s(?:early|late|morning|afternoon|midday|extended|premarket|after-hours)?\s?trading))?"
    r"(?:\sin\s(?:New\sYork|London|Hong\sKong|Tokyo))?,?(?:\son|\slate|\searly)?\s",
    re.IGNORECASE,
)
#: "rose 2% after falling 3%", "following a 9% decline": of some time before, unless earlier on the day
_EN_BEFORE_THAT = re.compile(
    r"\b(?:after|following|having|extending|adding\sto|on\stop\sof)\s(?:an?\s|the\s|its\s)?(?:[a-z]+ing\s)?"
    r"(?:(?:more\sthan|nearly|almost|about|around)\s)?\Z",
    re.IGNORECASE,
)
_EN_EARLIER = re.compile(r"[\d.]*(?:%|\sper\s?cent)[^,.;]{0,24}\bearlier\b", re.IGNORECASE)
_LONG_PAST = timedelta(days=4)
#: 上周三,也就是感恩节前一天: another word for the day before it
_APPOSED = re.compile(r"[,(、]?(?:也就是|也即|即|正是|恰是)[^,。]{0,12}")
#: 自11月1日起
_FROM, _ON = re.compile(r"[自从]\Z"), re.compile(r"起(?![初先])")
#: 继周四跌10%之后,又跌1%: the day of the first move only
_AFTER_THAT = re.compile(r"[^,。]*?后")
#: a clause that speaks of the moment of writing, and of the trading before the open
_RIGHT_NOW = re.compile(r"现(?:[涨跌报]|[上下]?[涨跌])|截至发稿|发稿时")
_LEFT_OFF = re.compile(r"(?<!开)盘后|收盘|收[涨跌]")


@dataclass(frozen=True, slots=True)
class Day:
    """What the text says of the day of a move: the day, how many sessions from it, and whether it can be known at all."""

    span: dates.DateSpan | None = None
    step: int = 0
    known: bool = True


class NamedDays:
    """The days the sentences of one text name; they are looked for only when asked for.

    Parameters
    ----------
    plain
        Text as :func:`research.cleaning.plain` gives it.
    parts
        Its sentences.
    published_at
        Its publication, aware; the upper end when only a day or an interval is known.
    english
        Whether it is in English, where days often follow their numbers.
    exact
        Whether the moment of publication is known, so that words for now speak of it.
    """

    def __init__(self, plain: str, parts: Sequence[Sentence], published_at: datetime, *, english: bool, exact: bool) -> None:
        self._plain = plain
        self._parts = parts
        self._published_at = published_at
        self._english = english
        self._exact = exact
        self._found: dict[int, list[dates.DateSpan]] = {}
        self._told: dict[tuple[int, int], Day] = {}
        self._reach: dict[int, int] = {}

    def spans(self, sentence: Sentence) -> list[dates.DateSpan]:
        """Return the date expressions of a sentence; offsets count from its start."""
        if sentence.start not in self._found:
            zone = "America/New_York" if self._english else "Asia/Shanghai"
            self._found[sentence.start] = dates.find(self._plain[sentence.start : sentence.end], self._published_at, zone)
        return self._found[sentence.start]

    def _single(self, sentence: Sentence, at: int) -> list[dates.DateSpan]:
        """Return the single days named in a sentence before ``at``, in order."""
        days = [d for d in self.spans(sentence) if sentence.start + d.start < at and d.first == d.last and not _EDGE.search(d.text)]
        if self._english:
            asides = [m.span() for m in ASIDE_EN.finditer(self._plain, sentence.start, at)]
            days = [d for d in days if not any(a <= sentence.start + d.start < b for a, b in asides)]
            days = [d for d in days if self._plain[sentence.start + d.end : sentence.start + d.end + 2] not in ("'s", "’s")]
        days = [d for d in days if not self._known_for(sentence.start + d.end, at)]
        return [d for d in days if not self._compared(sentence.start + d.start, sentence.start + d.end) and not self._left(sentence, d, at)]

    def _known_for(self, end: int, at: int) -> bool:
        """Return whether the day that ends at ``end`` only tells when a share was listed, and the number is not of its first session."""
        known = _KNOWN_FOR.match(self._plain, end)
        return known is not None and known.end() <= at and not FIRST_DAY.search(self._plain, end, at)

    def _left(self, sentence: Sentence, day: dates.DateSpan, at: int) -> bool:
        """Return whether the clause of ``at`` has moved on from a day named before it: 昨日一度涨2%,现跌1%; 继周四跌10%之后再跌1%."""
        start, end = sentence.start + day.start, sentence.start + day.end
        if self._plain[start - 1 : start] == "继" and "%" in self._plain[end:at] and _AFTER_THAT.match(self._plain, end, at):
            return True
        clause = max(self._plain.rfind(mark, sentence.start, at) for mark in ",,;")
        if not self._exact or start >= clause or "%" not in self._plain[end:clause]:
            return False
        if _RIGHT_NOW.search(self._plain, clause, at):
            return day.last < self._published_at.astimezone(_BEIJING).date()
        return "盘前" in self._plain[clause:at] and bool(_LEFT_OFF.search(self._plain, start, clause))

    def _compared(self, start: int, end: int) -> bool:
        """Return whether a day is what a level or a span of time is measured from: 较7月10日的高点, 1月20日以来."""
        if self._english and _BOUND.search(self._plain, max(0, start - 16), start):
            return True
        if _FROM.search(self._plain, max(0, start - 1), start) and _ON.match(self._plain, end):
            return True
        return bool(_SINCE.match(self._plain, end) or _BACK_WHEN.match(self._plain, end)) or self._plain[
            max(0, start - 1) : start
        ] in tuple("较比距")

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
        place = index_at(self._parts, sentence.start)
        earlier = self._parts[place - 1] if place > 0 else None
        return None if earlier is None or "\n" in self._plain[earlier.end : sentence.start] else earlier

    def of(self, sentence: Sentence, at: int) -> Day:
        """Return the day named nearest before ``at``; a sentence behind a semicolon, or with 其中 or 同日, goes on with the one before."""
        key = (sentence.start, at)
        if key not in self._told:
            place = index_at(self._parts, sentence.start)
            for part in self._parts[self._leans(place) : max(0, place - _IN_ORDER)]:
                for asked in {part.end, self._plain.find("%", part.start, part.end), self._plain.rfind("%", part.start, part.end)} - {-1}:
                    self.of(part, asked)
            self._told[key] = self._of(sentence, at)
        return self._told[key]

    def _leans(self, place: int) -> int:
        """Return the first sentence that the day of the one at ``place`` may be taken from, through those between."""
        first = at = place
        while at >= first and at > 0 and (self._parts[at].start, self._parts[at].end) not in self._told:
            if at not in self._reach:
                self._reach[at] = self._reach_of(self._parts[at])
            first = max(0, min(first, at - self._reach[at]))
            at -= 1
        return first

    def _reach_of(self, part: Sentence) -> int:
        """Return how many sentences before one may name its day."""
        if _COUNTED.search(self._plain, part.start, part.end):
            return _COUNT_BACK
        earlier = self._before(part)
        return 0 if earlier is None else int(self._plain[earlier.end - 1] in _GOING_ON or "%" in self._plain[earlier.start : earlier.end])

    def _of(self, sentence: Sentence, at: int) -> Day:
        behind = self._behind(sentence, at) if self._english else None
        if behind is not None:
            return Day(behind)
        if self._english and _EN_BEFORE_THAT.search(self._plain, sentence.start, at) and not _EN_EARLIER.match(self._plain, at):
            return Day(known=False)
        named = self._single(sentence, at)
        counted = [m for m in _COUNTED.finditer(self._plain, sentence.start, at)]
        if counted and named and _APPOSED.fullmatch(self._plain, sentence.start + named[-1].end, counted[-1].start()):
            return Day(named[-1])
        if counted and not (named and sentence.start + named[-1].end > counted[-1].start()):
            return self._counted(sentence, counted[-1], named)
        if named:
            return Day(named[-1])
        earlier = self._before(sentence)
        if earlier is not None and self._plain[earlier.end - 1] in _GOING_ON:
            return self._goes_on(earlier)
        if earlier is not None and _GOES_ON.match(self._plain, sentence.start):
            near = [d for d in self._single(earlier, earlier.end) if abs(self._published_at.date() - d.last) < _RECENT]
            return Day(next(reversed(near), None))
        if _ANOTHER_WEEK.search(self._plain, sentence.start, at) and not sentence.headline:
            return Day(known=False)
        if not self._english and any(self._past_year(sentence, d) for d in self.spans(sentence) if sentence.start + d.start < at):
            return Day(known=False)
        return Day() if earlier is None else self._headed(sentence, at) or self._told_before(sentence, earlier, at)

    def _headed(self, sentence: Sentence, at: int) -> Day | None:
        """Return the day at the head of the paragraph (周三,剧情反转。…) where nothing before ``at`` speaks of another time."""
        place = index_at(self._parts, sentence.start)
        first = place
        while first > 0 and self._before(self._parts[first]) is not None:
            first -= 1
            if place - first > _HEADED:
                return None
        head = self._parts[first]
        day = next((d for d in self._single(head, head.end)), None)
        if first == place or day is None:
            return None
        short = head.end - head.start < _SHORT and "%" not in self._plain[head.start : head.end]
        if not _ABSOLUTE.search(day.text) or (not short and not _HEAD.fullmatch(self._plain, head.start, head.start + day.end)):
            return None
        if _LATE.match(self._plain, head.start + day.end) and "盘后" not in self._plain[sentence.start : at]:
            return None
        others = any(d.last != day.last for part in self._parts[first : place + 1] for d in self._single(part, at))
        return None if others or _ELSEWHEN.search(self._plain, sentence.start, at) else Day(day)

    def _goes_on(self, earlier: Sentence) -> Day:
        """Return the day of what goes on behind the semicolon of ``earlier``: that of its last move, unless its first has none.

        A day in the midst of a list is that of an aside: 甲涨1%,昨日它跌了2%;乙涨3%.
        """
        told = self._plain.rfind("%", earlier.start, earlier.end)
        if told < 0:
            comma = self._plain.find(",", earlier.start, earlier.end)
            aside = comma >= 0 and any(m["before"] for m in _COUNTED.finditer(self._plain, comma, earlier.end))
            return self.of(earlier, comma if aside else earlier.end)  # 甲跌停,前一日刚创新高;乙跌6%
        first = self._plain.find("%", earlier.start, earlier.end)
        if first < told and move_grammar.CUE.search(self._plain, earlier.start, first):
            begun = self.of(earlier, first)
            if begun.known and not begun.step and not self._single(earlier, first):
                return begun
        return self.of(earlier, told)

    def _told_before(self, sentence: Sentence, earlier: Sentence, at: int) -> Day:
        """Return the day of the moves told in the sentence before, long ago, when this one goes on with them."""
        if NOW.search(self._plain, sentence.start, at) or "%" not in self._plain[earlier.start : earlier.end]:
            return Day()
        told = self._plain.rfind("%", earlier.start, earlier.end)
        day = self.of(earlier, told)
        if day.span is None or day.step or not day.known or not move_grammar.CUE.search(self._plain, earlier.start, told):
            return Day()
        # markets tell of the last few days in turn: only a day long past holds for what stands beside it
        return day if day.span.last < (self._published_at - _LONG_PAST).date() else Day()

    def _counted(self, sentence: Sentence, word: re.Match[str], named: Sequence[dates.DateSpan]) -> Day:
        """Resolve 当天, 次日, 前一交易日 from the day before them; one that counts from a whole month cannot be known."""
        if word["before"]:
            return Day(named[-1] if named else None, -1)
        step = 1 if word["next"] else 0
        told = sentence.start + named[-1].end if named else sentence.start
        if word["same"] and (after := next((m for m in _COUNTED.finditer(self._plain, told, word.start()) if m["next"]), None)):
            return self._counted(sentence, after, [d for d in named if sentence.start + d.end <= after.start()])
        if not named and _ANOTHER_WEEK.search(self._plain, sentence.start, word.start()):
            return Day(known=False)
        place = index_at(self._parts, sentence.start)
        reach = self._parts[max(0, place - _COUNT_BACK) : place] if step else [e for e in [self._before(sentence)] if e]
        for part, end in ((sentence, word.start()), *((earlier, earlier.end) for earlier in reversed(reach))):
            near = named if part is sentence else [d for d in [self.of(part, end).span] if d is not None]
            days = [d for d in near if d.last <= self._published_at.astimezone(_BEIJING).date()]
            if days:
                return Day(days[-1], step)
            if any(self._past_month(part, d) for d in self.spans(part) if part.start + d.start < end):
                return Day(known=False)
        if _STORY.search(self._plain, max(0, word.start() - 4), word.start()):
            today = self._published_at.astimezone(_BEIJING).date()
            lead = [
                d for part in self._parts[:_LEAD] for d in self._single(part, part.end) if part.end <= sentence.start and d.last <= today
            ]
            if lead:
                return Day(lead[0], step)
        # a headline counts from the day its story began; what it tells is the news of the day
        return Day(known=not step or sentence.headline)

    def _past_month(self, part: Sentence, span: dates.DateSpan) -> bool:
        """Return whether ``span`` is a month, or a part or an end of one, that is over and in which something happened."""
        long = 5 < (span.last - span.first).days < 40 or bool(_EDGE.search(span.text))
        return long and span.last < self._published_at.date() and bool(_HAPPENED.match(self._plain, part.start + span.end))

    def _past_year(self, part: Sentence, span: dates.DateSpan) -> bool:
        """Return whether ``span`` is a time long over that what follows happened in: 2011年的那一回, 2020年3月,."""
        long = (span.last - span.first).days > 5 and span.last < (self._published_at - _LONG_OVER).date()
        return long and bool(_BACK_THEN.match(self._plain, part.start + span.end))

    def latest(self, sentence: Sentence) -> dates.DateSpan | None:
        """Return the single day named last in the sentences before one."""
        place = index_at(self._parts, sentence.start)
        for part in reversed(self._parts[max(0, place - _LOOK_BACK) : place]):
            days = [d for d in self.spans(part) if d.first == d.last]
            if days:
                return days[-1]
        return None
