"""What a Chinese clause is about: the noun phrase in front of a number, freed of dates, connectives and words of the verb."""

from __future__ import annotations

import re

from research.patterns import presence
from research.sentences import Sentence, clauses

__all__ = ["INDUSTRIES", "before_measure", "clause_at", "names", "noun", "period_only", "pieces", "with_measure"]

#: the industries of the first level of the Shenwan classification (2021 and the names used before), and usual short forms
INDUSTRIES = frozenset(
    [
        "农林牧渔",
        "基础化工",
        "化工",
        "钢铁",
        "有色金属",
        "有色",
        "电子",
        "汽车",
        "家用电器",
        "家电",
        "食品饮料",
        "纺织服饰",
        "纺织服装",
        "轻工制造",
        "轻工",
        "医药生物",
        "医药",
        "公用事业",
        "交通运输",
        "交运",
        "房地产",
        "地产",
        "商贸零售",
        "商业贸易",
        "社会服务",
        "休闲服务",
        "银行",
        "非银金融",
        "非银",
        "综合",
        "建筑材料",
        "建材",
        "建筑装饰",
        "建筑",
        "电力设备",
        "电新",
        "机械设备",
        "机械",
        "国防军工",
        "军工",
        "计算机",
        "传媒",
        "通信",
        "煤炭",
        "采掘",
        "石油石化",
        "石化",
        "环保",
        "美容护理",
        "电气设备",
        "券商",
        "证券",
        "保险",
        "半导体",
        "白酒",
        "新能源",
        "光伏",
        "锂电",
        "芯片",
        "消费",
        "科技",
        "金融",
        "创新药",
        "医疗",
        "游戏",
        "消费电子",
        "半导体设备",
        "电池",
        "电力",
        "旅游",
        "银行业",
        "电力及公用事业",
        "消费者服务",
        "建筑建材",
        "多元金融",
        "小金属",
        "贵金属",
        "工业金属",
        "稀土",
        "人工智能",
        "机器人",
    ]
)

_PERIOD = (
    r"(?:20\d{2}年?[-—~至到]20\d{2}年|(?:今年|去年|前年|本年|20\d{2}年?|\d{2}年)?(?:(?:前|第?[一二三四1-4])季度?|[一二三四]季报|上半年|下半年|全年|年初以来|年内|前\d{1,2}(?:个)?月|前[一二三四五六七八九十]+个?月|\d{1,2}\s?[-—~至到]\s?\d{1,2}\s?月份?"
    r"|\d{1,2}月(?:\d{1,2}日)?份?(?:[-—~至到]\d{1,2}月?\d{1,2}日)?末?)|今年(?:以来)?|去年(?:同期)?|20\d{2}年度?|[本上]?(?:周|星期)[一二三四五六日天](?!福)|本周|上周|当周|\d{1,2}日(?![均线内以])|当月|当日|本月|上月|周内|单周|近一周|一周|全周|截至[^,;。]{1,14}|单?\d{1,2}月|单[一二三四]?季度?|昨日|今日|目前|当前|其余|三个月滚动|滚动|按[^,;。]{1,5}计价|按[^,;。]{1,8}口径)"
)
_OPENING = re.compile(
    rf"(?:【[^】]*】|[(][^()]*[)](?=\S)|[^()]{{0,20}}[)](?=\S)|[\s,、;:。()“”\"'·]+|其中(?!国)|其中(?=国内)|[^,;。]{{0,10}}(?:局|部|委|署|会|所|央行)(?:公布|发布|披露|数据)(?:的|显示)?[,:]?|而|且|同时|此外|另外|以及|并|也|但|则|具体(?:来)?看|分(?:行业|板块|结构|品种|市场)(?:来)?看|(?:行业|板块|个股|价格|品种|宽基|主题|结构|方面)(?:方面|中|上)"
    rf"|[^,:;。]{{1,8}}(?:方面|来看|看)[,:]|我们(?:假[定设]|认为|判断|测算)|{_PERIOD}(?:[,的:]|(?=\S)(?!\d{{1,2}}日))|代表[^,;。的]{{1,8}}的|相比之下|在(?=\S{2})|从而|使得|带动|公布的?|披露的?|数据显示)"
)
_CLOSING = presence(
    rf"(?:[\s,、;:。“”\"'的(]+|{_PERIOD}|累计|合计|同比|环比|周环比|月环比|周度?|月度?|分别|依次|(?<!平)均|也|则|仍|又|再|已|将|预计|(?<!合)约|为|高?达到?|至|进一步|继续|小幅|大幅|明显|略有?|总体|整体|行业|板块|当周|披露|公布|实现|录得|共|全年|等)$"
)
_SPLIT = re.compile(r"、|和|与|以及|及|/")
#: the measure the names of a list share
_SHARED = re.compile(r"(?:[CP]PI|PMI|GDP|ROE|(?:新出口订单|新订单|从业人员|生产|价格|库存|配送时间|商务活动)指数)$")
_RANGE_END = re.compile(r"[\d%元吨台辆股万亿只头桶]")
#: 市场价格再降 最低价5元, 销量为0 摩托车销量2万辆
_BLANK = re.compile(r"(?:(?<=[一-龥%)])|(?<=\d)(?!\s[年月日号季周元亿万千百个家台辆吨股份倍点只人次美港欧英]))\s(?=[一-龥])")


def clause_at(plain: str, sentence: Sentence, at: int) -> tuple[int, int]:
    """Return the clause of ``sentence`` that holds the character ``at``."""
    pieces = clauses(plain, sentence.start, sentence.end)
    return next(((a, b) for a, b in reversed(pieces) if a <= at), (sentence.start, sentence.end))


def noun(text: str) -> str:
    """Return the noun phrase of a piece of text in front of a verb or number.

    >>> noun("其中2月新能源乘用车零售"), noun("同比"), noun("具体来看,1-2月出口累计")
    ('新能源乘用车零售', '', '出口')
    """
    text = text.strip()
    while (match := _OPENING.match(text)) and match.end():
        text = text[match.end() :]
    while match := _CLOSING.search(text):
        text = text[: match.start()]
    return text[-40:]


def period_only(text: str) -> bool:
    """Tell whether a piece of text names nothing: it is empty, a date or a connective."""
    return not noun(text)


def names(text: str, count: int) -> list[str]:
    """Return ``count`` names of a list that ends ``text``, or nothing when it holds fewer.

    >>> names("其中电子、计算机、汽车", 3), names("其中电子", 2)
    (['电子', '计算机', '汽车'], [])
    """
    found = [name for piece in _SPLIT.split(text) if (name := noun(piece))]
    return found[-count:] if len(found) >= count else []


def before_measure(head: str) -> str:
    """Return the list of names in front of the measure they share: 电子、汽车|行业利润."""
    return re.sub(r"(?:行业|板块)?(?:的)?(?:利润|收入|营收|产量|销量|价格|均价|报价|净利润)?(?:分别)?$", "", head)


def with_measure(named: list[str]) -> list[str]:
    """Return the names of a list with the index all of them share, and what it is of: 钢铁、汽车行业PMI; 汽车业新订单指数和从业人员指数."""
    last = _SHARED.search(named[-1]) if named else None
    if last is None:
        return named
    if not last.start() and (first := _SHARED.search(named[0])):
        whose = named[0][: first.start()]
        return [name if name.startswith(whose) else whose + name for name in named]
    return [name if _SHARED.search(name) else name + last.group() for name in named]


def pieces(plain: str, sentence: Sentence, end: int) -> list[tuple[int, int]]:
    """Return the clauses; a dash between the two ends of a range parts none: 1.2亿元—1.5亿元. A headline is also parted by its blanks."""
    found: list[tuple[int, int]] = []
    parts = clauses(plain, sentence.start, end)
    if sentence.headline:
        parts = [piece for a, b in parts for piece in _by_blanks(plain, a, b)]
    for first, last in parts:
        between = plain[found[-1][1] : first] if found else ""
        if between and not between.strip("—") and plain[first].isdigit() and _RANGE_END.match(plain, found[-1][1] - 1):
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _by_blanks(plain: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = [m.start() for m in _BLANK.finditer(plain, start, end)]
    return list(zip([start, *(c + 1 for c in cuts)], [*cuts, end], strict=True))
