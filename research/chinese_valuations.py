"""Valuations stated in Chinese: price-earnings and other ratios of indices and industries, their changes, their place in history.

The ratio (PE, 市净率, 股息率, 风险溢价 …) holds until another comes, also over the next sentence of a paragraph:
``汽车PE抬升1.36至25.4倍(历史分位58.3%),电力设备抬升0.83至17.6倍``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from research.chinese_names import INDUSTRIES, clause_at, names, noun
from research.moves import Span
from research.numbers import NUMBER, Measure, qualifier
from research.patterns import presence
from research.sentences import Sentence

__all__ = ["TRIGGER", "ValuationContext", "find"]

#: a paragraph without any of these states no valuation
TRIGGER = presence(r"(?<![A-Za-z])(?:PE|PB|PS|ERP)(?![A-Za-z])|市盈率|市净率|市销率|估值|分位|股息率|风险溢价")

_RATIO = re.compile(
    r"(?:动态|静态|滚动)?(?:(?<![A-Za-z])(?:PE|PB|PS|ERP)(?![A-Za-z])|市盈率|市净率|市销率|估值(?!分位|水平的)|股息率|股权风险溢价|风险溢价)(?:\s?\(?(?:TTM|LYR|LF|MRQ|ttm|lf)\)?)?(?:估值)?(?:水平)?(?:中位数)?"
)
_YIELD = re.compile(r"股息率|溢价|ERP")
_UP = r"上行|上涨|上升|回升|抬升|提升|扩张|提高|增加|走高|上移|反弹|升|涨"
_DOWN = r"下行|下跌|下降|回落|下滑|收缩|降低|减少|走低|下移|压缩|降|跌|低"
_WAY = re.compile(rf"(?:{_UP}|{_DOWN})(?=(?:了|约|近|至|到|为|仅|\s)*$)")
_TO = re.compile(r"(?:至|到|为|在|达到?|是|报|收于|收|约|仅|只有|:|\(|分别为?|依次为?)(?:了|约|近|仅|\s)*$")
_FROM = re.compile(r"[由从自]\s*$")
_DIGITS = re.compile(
    rf"(?<![\dA-Za-z.])(?P<digits>[-−]?{NUMBER})\s?(?P<unit>倍|[xX](?![A-Za-z])|%|个百分点|个?[bB][pP]|)(?P<tail>(?:的|左右|附近)?)"
)
_NO_VALUE = re.compile(r"\s?(?:年|月|日|号|个(?!百分点)|家|只|[亿万]|点|周|期|季|成(?!长)|[A-Za-z]|[-—~至到]\d+\s?[月日年])")
_PERCENTILE = re.compile(r"(?:的)?(?:近?[一二三五十\d]+年)?(?:历史)?(?:估值)?(?:水平)?(?:的)?(?:百?分位)")
_PERCENTILE_BEFORE = re.compile(
    r"分位(?:数|点|值|水平)?(?:[^,。;%\d]{0,8}?)(?:为|在|至|到|达|约|:|是|仅|处于|升至|降至)*(?:了|约|近|仅|\s)*$"
)
_NOISE = re.compile(
    r"^(?:位?数|分位数?|对应|[\s,、;:。()%]+|附近|左右|处于|处在|位于|落在|回到|回升至|升至|降至|历史|当前|最新|截至[^,]{1,16}(?:,|$)|近?(?:20\d\d|[一二三五十\d]{1,2})年(?:以来)?|自20\d\d年以来|的)+|(?:的|,|:|\(|\)|\s|由|从|估值)+$"
)
#: 估值分位居前的是|房地产|98.2%、|钢铁(|85.3%
_ITEM = re.compile(r"(?:为|是|有|、|,|和|与|:|;|^|\)|看|以)(?P<name>[一-鿿A-Z]{2,6})\(?$")
_ONWARD = re.compile(r"(?:[上下]升?降?[升降行移]?|回升|回落|抬升|提升|上升|下降|升|降)?[至到](?:了)?")
_RANK = re.compile(
    r"(?:估值|PE|PB|市盈率|市净率)[^,。;\d]{0,10}?(?:排名|排序|排在|居|,)+(?:前|最前)(?:列|[一二两三四五六七八九十\d]+)?(?:名|位)?(?:的)?(?:[^,。;]{0,4}行业|板块)?(?:分别|依次)?(?:为|是|有|:)(?P<names>[^,。;]+)"
)


@dataclass(slots=True)
class ValuationContext:
    """The ratio and the subject the sentence before was about."""

    ratio: str = ""
    subject: str = ""
    symbol: str | None = None


def find(plain: str, sentence: Sentence, inside: Sequence[Span], context: ValuationContext) -> Iterator[Measure]:
    """Yield the valuations of one sentence; ``context`` is carried on to the next of its paragraph."""
    text = plain[sentence.start : sentence.end]
    yield from _ranks(plain, sentence)
    if not context.ratio and not TRIGGER.search(text):
        return
    ratio, subject, symbol, kind = context.ratio, context.subject, context.symbol, ""
    listed: list[str] = []
    last, place = sentence.start, 0
    covered = [(s.start, s.end) for s in inside]
    for match in _DIGITS.finditer(plain, sentence.start, sentence.end):
        if (_NO_VALUE.match(plain, match.end("unit")) and not match["unit"]) or any(a <= match.start("digits") < b for a, b in covered):
            continue
        gap = plain[last : match.start("digits")]
        tail = plain[match.end("unit") : match.end() + 20]
        found = list(_RATIO.finditer(gap))
        name_gap = gap
        inner = ""
        if found:
            if ratio != found[-1].group():
                place = 0
            ratio, name_gap = found[-1].group(), gap[: found[-1].start()]
            if not noun(re.split(r"[,;:。]", name_gap)[-1]) and found[0].start():
                name_gap = gap[: found[0].start()]
            bracket = re.match(r"\s?\((?P<name>[一-鿿A-Z]{2,12})\)", gap[found[-1].end() :])
            inner = bracket["name"] if bracket else ""
        behind = _PERCENTILE.match(tail)
        item = _ITEM.search(gap) if match["unit"] in {"%", "倍", "x"} else None
        in_brackets = item is not None and item["name"] in INDUSTRIES and match["unit"] == "%" and ("分位" in gap or kind == "percentile")
        in_list = item is not None and item["name"] in INDUSTRIES and match["unit"] in {"倍", "x"} and bool(ratio or _RATIO.search(gap))
        is_percentile = (
            in_brackets
            or (kind == "percentile" and bool(_ONWARD.fullmatch(gap.strip())))
            or bool(behind or _PERCENTILE_BEFORE.search(gap))
            or (kind == "percentile" and gap in ("、", "和", "/"))
        )
        way = _WAY.search(gap)
        joined = gap.strip() in ("、", "和", "/", "与")
        clause, _ = clause_at(plain, sentence, match.start())
        reached = bool(_TO.search(gap)) and not way
        what = ""
        if is_percentile:
            what = "percentile"
        elif _FROM.search(gap) and ratio:
            what, name_gap = "level", _FROM.sub("", name_gap)
        elif (
            ratio
            and way
            and not re.search(r"[至到]\s*$", gap)
            and match["unit"] in {"", "倍", "x", "X", "个百分点", "bp", "BP", "个bp", "个BP"}
        ):
            what, name_gap = "change", name_gap[: way.start()] if not found else name_gap
        elif ratio and (
            reached or (way is not None and re.search(r"[至到]\s*$", gap)) or (found and not gap[found[-1].end() :].strip(" (:"))
        ):
            what = "level" if match["unit"] in {"倍", "x", "X"} or (match["unit"] == "%") == bool(_YIELD.search(ratio)) else ""
        elif ratio and joined and kind in {"level", "change"}:
            what = kind
        elif (
            _YIELD.search(ratio)
            and not match["unit"]
            and re.fullmatch(r"[\s,、上:和]*[一-鿿]{2,6}", gap[found[-1].end() if found else 0 :])
        ):
            what, name_gap = "level", gap[found[-1].end() if found else 0 :].strip("上,、 :和")
        if in_list:
            what = "level"
        if not what:
            if found or (gap.strip(" 、,") and kind):
                listed = []
            last, kind = match.end(), ""
            continue
        own = (
            inner or (item["name"] if item is not None and (in_brackets or in_list) else "") or (_own_name(name_gap) if not joined else "")
        )
        if own:
            subject, place = own, 0
            symbol = next((s.symbol for s in reversed(inside) if last <= s.start < match.start()), None)
            listed = [] if inner or in_brackets or in_list else _all_names(name_gap)
        if joined:
            place += 1
        elif what != kind:
            place = 0
        last, kind = match.end(), what
        several = listed and len(listed) > 1
        if several and place >= len(listed):
            continue
        whose = listed[place] if several else subject
        if not whose and not found:
            continue
        mine = next((s.symbol for s in inside if plain[s.start : s.end] == whose), None) if several else symbol
        value, unit = float(match["digits"].replace(",", "").replace("−", "-")), "times"
        if what == "percentile" or match["unit"] in {"%", "个百分点"} or (_YIELD.search(ratio) and not match["unit"]):
            value, unit = float(f"{value / 100:.12g}"), "fraction"
        elif match["unit"].lower().endswith("bp"):
            value, unit = float(f"{value / 10_000:.12g}"), "fraction"
        if what == "change" and way and re.search(_DOWN, way.group()):
            value = -abs(value)
        name = f"{whose} {ratio}".strip() + (" 变动" if what == "change" else "")
        table = "valuation_percentile" if what == "percentile" else "valuation_level"
        start = (
            match.start() - len(item[0]) + item.start("name") - item.start() if item is not None and (in_brackets or in_list) else clause
        )
        end = match.end("unit") + (behind.end() if behind else 0)
        about = qualifier(gap[-3:], "左右" if tail.startswith(("左右", "附近", "分位附近")) else "")
        yield Measure(table, name, mine, value, unit, about, start, end, match.start("digits"))
    context.ratio, context.subject, context.symbol = ratio, subject, symbol


def _own_name(gap: str) -> str:
    piece = re.split(r"[,;:。(]", _NOISE.sub("", re.sub(r"\((?:整体法|TTM|中位数)\)", "", gap)))[-1]
    piece = _NOISE.sub("", noun(re.sub(rf"(?:{_UP}|{_DOWN}|仍|平?均|继续|小幅|大幅)+(?:至|到|了)?$", "", piece)))
    return "" if re.search(r"分位|历史|水平|[,。]|^\W*$|^(?:一周|本周|较)", piece) or _TO.fullmatch(piece) else piece


def _all_names(gap: str) -> list[str]:
    piece = re.split(r"[,;:。(]", _NOISE.sub("", gap))[-1]
    for count in range(12, 1, -1):
        if found := names(piece, count):
            return found
    return []


def _ranks(plain: str, sentence: Sentence) -> Iterator[Measure]:
    """Yield the order in which a sentence lists the dearest industries."""
    for match in _RANK.finditer(plain, sentence.start, sentence.end):
        at = match.start("names")
        for place, name in enumerate(re.split(r"、|和|与|及", match["names"]), 1):
            own = noun(name)
            if own and not re.search(r"\d", own) and len(own) <= 8:
                yield Measure("valuation_level", f"{own} 估值排名", None, float(place), "rank", "exact", match.start(), match.end(), at)
            at += len(name) + 1
