"""The time words of stated moves: the span of sessions a number covers, or the part of the day it belongs to.

Used by :mod:`research.moves` and :mod:`research.move_dates`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.dates import DateSpan

__all__ = ["AGAINST", "DAYS", "DAY_WORD", "PAST_YEAR", "PERIODS", "before_open", "day_part", "handed_on", "last_day_word", "period_named"]

_COUNT = r"[一二两三四五六七八九十\d]"
#: a move of a year gone by: 去年上涨, 2021年累计下跌
PAST_YEAR = re.compile(r"(?:去年|(?<!\d)20\d\d年)(?:累计|共|约|大幅|小幅)?(?:[上下大暴]?[涨跌]|升|贬)")
#: bases of more than one session, the surest first; the last entry gives way to a word for a day
PERIODS = (
    (
        "other",
        re.compile(
            rf"\d{{1,2}}[月日]份?[初中下底末]?以来|\d(?:年|月份?)[之以]后|[较比][^,]{{0,8}}(?:发行价|招股价)[^,]{{0,4}}(?:累计|已)|(?:当|该|本|上|[一二三四1-4])季度?(?:内|度?[上下]?[涨跌]|累)|从[^,]{{0,14}}(?:高点|低点|峰值|高位|巅峰)|(?:较|自|比|距)[^,]{{0,16}}(?:高点|低点|峰值|高位|巅峰|顶峰|以来|财报后|纪录|记录|前高|前低)|"
            rf"较(?:去年|今年|年初|上月|\d{{1,2}}月)[^,%]{{0,8}}的\d|"
            rf"自[^,]{{1,16}}以来|自[^,]{{0,8}}新[高低]|最近[“\"]?{_COUNT}+[”\"]?(?:天|日|周|个?月)|自[^,]{{1,12}}来(?:已|累|,)|(?<![\d月])[两二三四五六七八九十][日天](?:内|间)?(?:累|大|暴|狂|连|飙|涨|跌|升|贬|下|上|收|反|跳|急|猛|挫|崩|泻)|"
            rf"[上下]半年|过去[^,]{{0,3}}{_COUNT}[^,]{{0,3}}(?:天|日|周|个?月|年)|近\s?{_COUNT}+\s?(?:个?交易日|天|日|周|个?月|年)|"
            rf"(?:过去|最近|近)\s?(?!24\s?小时){_COUNT}+\s?个?小时|(?!一天){_COUNT}+(?:天|个交易日|个月|年|周)[内里间]|(?<!第)(?:[两三四五六七八九十]|\d+)个交易日|连续{_COUNT}+个?(?:交易日|天|周|月)|\d日?(?:至|到|-|—|~)(?:\d{{1,2}}月)?\d{{1,2}}日|"
            rf"{PAST_YEAR.pattern}|"
            r"同期|一年|[一-龥]{0,4}期间|(?<!公布)(?<!发布)财报后(?!收|一度|盘|[高低]开|次日)|年(?:间|来)|"
            r"from (?:its|their|a|the) [^,]{0,20}(?:peak|high|low|record (?:of )?\W?\d)|since |"
            r"(?:over|in|during|for) the (?:(?:past|last)(?! 24 hours)|same|first|previous|prior|month|quarter|year\b"
            r"|(?:final|second|third|fourth|opening|closing|latest|current) (?:quarter|half|months?|weeks?|year)"
            r"|(?:two|three|four|five|six|seven|eight|nine|ten|twelve|\d{1,2}) (?:days|sessions|weeks|months|quarters|years))|"
            r"\b(?:last|this|that) quarter\b|\blast year\b|"
            r"in (?:just |a )?(?:little |over |under |less than |more than )*"
            r"(?:a|one|two|three|four|five|six) (?:days?|weeks?|months?|years?)|"
            r"(?:below|above|from|over) (?:its|the|their) (?:ipo|offer(?:ing)?|issue|listing) price|\d+-(?:day|month|year)|"
            r"(?<!far )in (?:january|february|march|april|june|july|august|september|october|november|december|20\d\d)\b(?! \d)",
            re.IGNORECASE,
        ),
    ),
    (
        "ytd",
        re.compile(
            r"今年(?:已|累|来|的?[涨跌升]|上[涨行]|下[跌行])|"
            r"年内|全年|从年初|自年初|年初至今|今年以来|今年迄今|今年累计|年初以来|year[- ]to[- ]date|"
            r"this year|(?:so|thus) far (?:in 20\d\d|this year)|ytd",
            re.IGNORECASE,
        ),
    ),
    (
        "month",
        re.compile(
            r"(?<![\d年])1?\d月份?(?=[,:]|累|狂|暴|飙|大[涨跌]|$)|(?<![\d年])1?\d月份(?=[涨跌])|^1?\d月份?(?![\d初上中下末底])(?![^,]{0,10}(?:期货|合约|主力))|"
            r"在(?:1[0-2]|[1-9])月份?[里内]?(?=[上下大暴累]?[涨跌])|"
            r"[本当]月(?!\d)|单月|月内|上月(?![\d末底])|上个月|全月|月线|月累计|this month|last month|for the month|monthly",
            re.IGNORECASE,
        ),
    ),
    (
        "week",
        re.compile(
            r"本周(?![一二三四五六日天])|那一?周(?![一二三四五六日天末])|当周|这一?周(?!末)|上周(?![一二三四五六日天])|一周(?!之?后)|全周|周内|周线|周累计|"
            r"this week|last week|for the week|weekly|on the week",
            re.IGNORECASE,
        ),
    ),
    ("other", re.compile(r"累[计涨跌]|合计|平均(?!指数|工业)")),
)
DAYS = (
    (
        "after_hours",
        re.compile(
            r"(?<!开)(?<!将[于在])(?<!将[于在]美股)盘后(?![将要才会])|盘前|美股夜盘|"
            r"after[- ]hours|(?:extended|late) trading|(?:post|pre)-?market|after the (?:bell|close)|"
            r"before (?:the (?:bell|open)|regular trading|markets? open)",
            re.IGNORECASE,
        ),
    ),
    (
        "intraday",
        re.compile(
            r"盘中|一度|(?:午间|午盘|早盘|半日|中午|午前)收|早盘|午盘|午后|午前|起初|尾盘|盘初|最多|截至发稿|[高低]开(?![高低]走)|开盘|日内|"
            r"intraday|early trading|as much as|at one point|briefly|midday|morning trad|\b(?:this|in the) morning",
            re.IGNORECASE,
        ),
    ),
    (
        "close",
        re.compile(
            r"(?<!午间)(?<!午盘)(?<!早盘)(?<!半日)(?<!中午)(?<!午前)(?:收盘(?!时[^,%\d]{2,}[,;])|收市|收[涨跌挫升高低报于])|终盘|最终(?=[涨跌收]|[上下][涨跌])|结算价|报收|夜盘收|\bclos(?:ed?|es|ing)\b|\bended\b|\bending\sthe\s(?:day|session)\b|finished",
            re.IGNORECASE,
        ),
    ),
)
#: 较前一交易日收盘上涨: the close it is measured from
AGAINST = re.compile(r"[较比](?:[前上]一?个?交易日|昨[日天]|周[一二三四五])的?收盘价?")
DAY_WORD = re.compile(
    r"(?:周|星期)[一二三四五六日天]|24小时|次日|翌日|第二天|今[天日晨早晚]|昨[天日夜晚]|前天|当日|当天|隔夜|单日|日涨幅|一日|一夜|盘中|盘前|盘后|一度|[尾终]盘|收[涨跌]|收盘|\d日|"
    r"on (?:mon|tues|wednes|thurs|fri)day",
    re.IGNORECASE,
)


def day_part(said: str) -> str | None:
    """Return the part of the day (a basis of :data:`DAYS`) that ``said`` names last, if it names one.

    >>> day_part("美国芯片股盘前上涨。AMD"), day_part("美股收盘,纳指跌1%。阿里"), day_part("阿里")
    ('after_hours', 'close', None)
    """
    return _last((*DAYS, *_WOUND_UP), said)


def last_day_word(said: str) -> str | None:
    """Return the part of the day named last, as :func:`day_part` does, without the headlines that sum up a month or week.

    >>> last_day_word("开盘一字涨停,收盘"), last_day_word("盘后一度")
    ('close', 'after_hours')
    """
    return _last(DAYS, said)


def handed_on(part: str | None, symbol: str | None) -> str | None:
    """Return the part of the day told of another instrument before ``symbol``; what trades by other hours is not before or after them.

    >>> handed_on("after_hours", "MU"), handed_on("after_hours", "BZ=F"), handed_on("close", "BZ=F"), handed_on("after_hours", "NQ=F")
    ('after_hours', None, 'close', 'after_hours')
    """
    return None if part == "after_hours" and symbol and _OTHER_HOURS.search(symbol) else part


def _last(words: tuple[tuple[str, re.Pattern[str]], ...], said: str) -> str | None:
    found = [(match.start(), name, match.group()) for name, pattern in words for match in pattern.finditer(said)]
    # "盘后一度": at some moment of the trading named before
    sure = [one for one in found if not _AT_SOME_MOMENT.fullmatch(one[2])]
    if sure and max(sure)[1] == "after_hours":
        return "after_hours"
    return max(found)[1] if found else None


def period_named(plain: str, start: int, spans: Sequence[DateSpan], at: int, basis: str | None) -> DateSpan | None:
    """Return the week or month, whichever a move of this ``basis`` is of, that the sentence at ``start`` names last before ``at``.

    ``spans`` are the dates of the sentence, their offsets counted from its start. 较9月 is what a move is measured from.
    """
    rules = _PERIOD_RULES.get(basis or "", ())
    named = [s for s in spans if s.rule in rules and start + s.end <= at and plain[start + s.start - 1 : start + s.start] not in _MEASURES]
    return named[-1] if named else None


def before_open(said: str) -> bool:
    """Return whether the trading outside the session that ``said`` names last is the one before it."""
    return max((m.start() for m in _BEFORE_OPEN.finditer(said)), default=-1) > max(
        (m.start() for m in _AFTER_CLOSE.finditer(said)), default=-1
    )


#: rules of :mod:`research.dates` that name a week or a month; what a period stands behind that only measures
_PERIOD_RULES = {"week": ("week",), "month": ("month", "relative-month")}
_MEASURES = ("较", "比", "距")
#: goods, currencies and coins; Chinese futures; shares of exchanges that New York's hours mean nothing to
_OTHER_HOURS = re.compile(r"(?<!^ES)(?<!^NQ)(?<!^YM)(?<!^RTY)=F$|=X$|-USD$|^[A-Z]+:|\.(?:KS|KQ|T|SS|SZ|BJ)$|^\^(?:KS11|N225|HSI)$")
#: a headline that sums up a month or week speaks of it throughout
_AT_SOME_MOMENT = re.compile(r"一度|最多|as much as|at one point|briefly", re.IGNORECASE)
_WOUND_UP = (("month", re.compile(r"1?\d月收官|月线")), ("week", re.compile(r"周收官|周线")))
_BEFORE_OPEN = re.compile(r"盘前|pre-?market|before (?:the (?:bell|open)|regular trading|markets? open)", re.IGNORECASE)
_AFTER_CLOSE = re.compile(r"(?<!开)盘后|after[- ]hours|(?:extended|late) trading|post-?market|after the (?:bell|close)", re.IGNORECASE)
