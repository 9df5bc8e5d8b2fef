"""What a company's results say of it: what the profit did, against the year before, decides.

In 「营业收入52亿元,同比增长3%;净利润1.3亿元,同比下降19%」 two words of the lexicon cancel; a reader sees that less was earned.

1. Where the change of a profit or a loss is told behind its name, it is one term: more profit is good, more loss bad, and a change of a
   quarter or more weighs most.
2. A profit beside a loss of the year before is a return to profit, a loss beside a profit the opposite; two profits are compared, the
   higher end of a forecast with what was.
3. What revenue did in a sentence that also tells the profit is worth little.

Chinese only; figures of English results are read by :mod:`research.tone_figures`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Result", "results"]


class Result(NamedTuple):
    """Where a result is told, what it is worth in [-1, 1], and its words."""

    start: int
    end: int
    score: float
    why: str


_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_AMOUNT = rf"-?{_NUMBER}(?:[万亿]{{1,2}})?[美港日欧]?元?"
_AMOUNTS = rf"{_AMOUNT}(?:(?:左右|上下)?(?:[-~至到—]{{1,2}}|-){_AMOUNT})?(?:人民币|左右|上下|以上)?"
_BEFORE = r"(?:去年|上年|上一年度?|前年|20\d\d年)(?:度|全年)?(?:同期)?"
_PROFIT = r"(?P<kind>净利润?|净盈利|盈利|净赚|净亏损?额?|亏损额?|溢利|利润总额|营业利润|纯利)"
_TOLD = r"(?:总额|规模|金额)?(?:将|约|为|达到?|录得|分?别?为|实现|预计|预期|合计|大?约|超过?|近|不低于|不超过){0,3}"
_COMPARED = (
    rf"(?:(?:预计|将|较|与|比|相比)*(?:同比|按年|{_BEFORE}(?:相比)?)|[较比]{_BEFORE})"
    r"(?:将|预计|大幅|显著|小幅|明显|略有?|微|继续|均|法定披露数据|重述后|重组后|相比){0,3}"
)
_CHANGE = re.compile(
    rf"{_PROFIT}{_TOLD}(?:{_AMOUNTS})?(?:\([^()]{{0,30}}\))?(?:,?(?P<compared>{_COMPARED})(?:变动(?:幅度)?[为:]?)?|(?:预计?|大幅|小幅|略|微))?"
    rf"(?P<way>增长|增加|上升|提升|扩大|大增|倍增|暴增|激增|飙升|上涨|增亏|增|升|翻|下降|减少|下滑|下跌|降低|收窄|缩小|大降|骤降|锐减|大减|大跌|暴跌|减亏|减|降|跌)"
    rf"(?:约|近|逾|超过?|达|幅度?为?|[了至为]){{0,2}}(?:(?P<tenths>[一二两三四五六七八九1-9])成|(?P<size>{_NUMBER})?(?P<unit>%|倍|个?百分点)?)"
)
_TURN = re.compile(
    rf"{_PROFIT}{_TOLD}(?P<amount>{_AMOUNTS})(?:\([^()]{{0,30}}\))?[,(]?(?:而|较|相比|对比|比)*{_BEFORE}(?:则|净|录得|为|系|的){{0,3}}(?P<then>亏损|盈利|净?亏|净?赚|净利润?|溢利)(?:总额|额)?(?:约|为|系)?(?P<past>{_AMOUNT})?(?!同比)"
)
_LOSSES, _FALLING = re.compile("亏"), re.compile("[降减跌缩窄]|下滑")
_WAY = r"(?:增长|增加|上升|提升|增|升|下降|减少|下滑|降低|减|降)"
_REVENUE = re.compile(
    rf"(?:营业总?收入|营收|收入|销售额|收益){_TOLD}(?:{_AMOUNTS})?(?:,?{_COMPARED}{_WAY}(?:{_NUMBER}(?:%|倍))?|{_WAY}[近逾超约]?(?:{_NUMBER}%|[一二两三四五六七八九]成))"
)
_TENTHS = {char: digit for digits in ("一二三四五六七八九", "123456789") for digit, char in enumerate(digits, 1)} | {"两": 2}
_UNITS = {"万": 1e4, "亿": 1e8, "万亿": 1e12, "亿万": 1e12, "万万": 1e8, "亿亿": 1e16}
_FLAT, _PER, _MOST, _UNSAID = 0.4, 2.0, 0.9, 0.6
_REVENUE_BESIDE, _TURNED = 0.15, 0.8


def results(plain: str) -> list[Result]:
    """Return what the profits told in a text say, and the revenue beside them, in order; they do not overlap.

    Parameters
    ----------
    plain
        A text as :func:`research.cleaning.plain` returns it.
    """
    if "利" not in plain and "亏" not in plain and "净赚" not in plain:
        return []
    found = [_turned(match) for match in _TURN.finditer(plain)]
    for match in _CHANGE.finditer(plain):
        told = match["compared"] or match["tenths"] or match["unit"] in ("%", "倍")
        if told and all(match.end() <= one.start or match.start() >= one.end for one in found):
            found.append(_changed(match))
    beside = [
        Result(match.start(), match.end(), -_REVENUE_BESIDE if _FALLING.search(match.group()) else _REVENUE_BESIDE, match.group()[-8:])
        for match in (_REVENUE.finditer(plain) if found else ())
        if any("。" not in plain[min(match.end(), one.end) : max(match.start(), one.start)] for one in found)
        and all(match.end() <= one.start or match.start() >= one.end for one in found)
    ]
    return sorted([*found, *beside])


def _turned(match: re.Match[str]) -> Result:
    now = match["amount"].startswith("-") or _LOSSES.search(match["kind"]) is not None
    then = _LOSSES.search(match["then"]) is not None
    score = 0.0 if now == then else -_TURNED if now else _TURNED
    if now == then and match["past"]:
        here, past = max(_yuan(amount) for amount in re.findall(_AMOUNT, match["amount"])), _yuan(match["past"])
        if past and here != past:
            worth = min(_MOST, _FLAT + _PER * abs(here / past - 1))
            score = worth if (here > past) is not now else -worth
    return Result(match.start(), match.end(), score, f"{match['kind']}·{match['then']}")


def _yuan(amount: str) -> float:
    """Return the size of an amount as it is written; one without a unit is taken in yuan."""
    number = re.search(_NUMBER, amount)
    unit = re.search(r"[万亿]{1,2}", amount)
    return (float(number.group().replace(",", "")) if number else 0.0) * (_UNITS[unit.group()] if unit else 1.0)


def _changed(match: re.Match[str]) -> Result:
    size = None
    if match["tenths"]:
        size = _TENTHS[match["tenths"]] / 10
    elif match["size"] and match["unit"] in ("%", "倍"):
        size = float(match["size"].replace(",", "")) / (1 if match["unit"] == "倍" else 100)
    worth = _UNSAID if size is None else min(_MOST, _FLAT + _PER * size)
    more = match["way"] == "增亏" or not _FALLING.search(match["way"])
    loss = _LOSSES.search(match["kind"] + match["way"]) is not None
    if loss and not more:
        worth *= 0.5  # less of a loss is still one
    return Result(match.start(), match.end(), worth if more is not loss else -worth, f"{match['kind']}·{match['way']}")
