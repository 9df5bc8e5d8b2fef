"""Moves of industries and style indices listed in Chinese: ``涨幅前五为汽车(6.24%)、有色金属(4.96%)``, ``传媒3.41、通信-0.29(单位:%)``.

Only names of the industry classification and of style indices are read, and only where a word of motion governs the list, so that no growth
rate of an industry is taken for the move of its shares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from research.chinese_names import INDUSTRIES, clause_at, names, noun
from research.numbers import NUMBER, Measure
from research.patterns import presence
from research.sentences import Sentence

__all__ = ["TRIGGER", "MoveContext", "find"]

#: a sentence without any of these lists no moves
TRIGGER = presence(r"[涨跌]|走平|领先|居前|靠前|依次")

_STYLES = re.compile(
    r"(?:[大中小微]盘|巨潮|国证|申万|中信)?(?:大盘|中盘|小盘|微盘)(?:股|价值|成长|指数)+|(?:红利|价值|成长|周期|消费|金融|稳定|科技|先进制造|北证\d*|万得全A|万得微盘股)(?:风格|指数)"
)
_MOTION = re.compile(r"上涨|下跌|收涨|收跌|领涨|领跌|涨幅|跌幅|涨跌幅|走平|收平|涨|跌|回调|下挫")
_FALL = re.compile(r"下跌|收跌|领跌|跌幅|(?<!涨)跌|回调|下挫")
_GROWTH = re.compile(r"同比|环比|利润|收入|营收|价格|均价|销量|产量|库存|分位|估值|PE|PB|倍|股息率|仓位|持仓|增速|净[买卖流]|占比|成交")
_VALUE = re.compile(
    rf"(?P<name>[一-鿿A-Za-z&0-9]{{2,12}}?)?(?P<open>\(|:)?(?P<sign>[-+−]?)(?<![\d.])(?P<digits>{NUMBER})\s?(?P<unit>%|个百分点|)(?P<close>\)?)"
)
_LIST = re.compile(rf"(?:[-+−]?{NUMBER}\s?%?(?:、|和|及|与|,)?){{2,}}")
_UNIT = re.compile(r"单位:?%|[(]%[)]|涨跌幅")
#: 汽车(2.40%)、煤炭(1.1%)领涨: the word of motion behind the list
_AHEAD = re.compile(
    rf"\)(?:(?:、|和|及|与)[一-鿿]{{2,6}}\([-+−]?{NUMBER}%\))*(?:等)?(?:行业|板块)?(?:均|则|表现)?(?P<motion>领涨|领跌|涨幅|跌幅|上涨|下跌)"
)
_WEEK = re.compile(r"本周|一周|全周|周(?:度)?(?:涨|跌)|上周")
_YEAR = re.compile(r"年初以来|年内|今年以来|年初至今")


@dataclass(slots=True)
class MoveContext:
    """Whether the list goes on in the next sentence of the paragraph, and over which span of time it runs."""

    basis: str | None = None
    percent: bool = False
    motion: str = ""


def find(plain: str, sentence: Sentence, context: MoveContext) -> Iterator[tuple[Measure, str | None]]:
    """Yield the listed moves of one sentence, each with its basis."""
    text = plain[sentence.start : sentence.end]
    if _WEEK.search(text):
        context.basis = "week"
    elif _YEAR.search(text):
        context.basis = "ytd"
    percent = bool(_UNIT.search(text))
    if not (_MOTION.search(text) or (percent and context.motion)):
        return
    last, motion, listed = sentence.start, "", False
    taken: set[int] = set()
    for match in re.finditer(rf"(?P<sign>(?<![\d%])[-−+]?)(?<![\d.A-Za-z])(?P<digits>{NUMBER})\s?(?P<unit>%?)", text):
        at = sentence.start + match.start("digits")
        gap = plain[last : sentence.start + match.start()]
        clause, _ = clause_at(plain, sentence, at)
        if at in taken:
            last = sentence.start + match.end()
            continue
        words = list(_MOTION.finditer(gap))
        if _GROWTH.search(gap):
            motion = ""
            last = sentence.start + match.end()
            continue
        if words:
            motion = words[-1].group()
        elif re.search(r"[。;]", gap) or len(gap) > 20:
            motion = ""
        # 汽车(2.4%)领涨,计算机(1.3%)领跌: the word in front belongs to the list before
        if words and re.search(r"[,;]", gap[words[-1].end() :]) and ")" in gap[: words[-1].start()]:
            motion = ""
        if not motion and text[: match.start()].endswith("(") and (ahead := _AHEAD.match(text, match.end())):
            motion = ahead["motion"]
        if not motion and not (percent and listed):
            last = sentence.start + match.end()
            continue
        if not match["unit"] and not percent:
            continue
        run = _run_at(text, match, percent)
        end = sentence.start + run[-1].end()
        found: list[str] = []
        if len(run) > 1:
            head = re.split(r"[;。]", gap)[-1]
            head = re.sub(r"[,:]?(?:分别|依次|小幅|大幅|微|略|均)*(?:" + _MOTION.pattern + r")?(?:了|为|约)*$", "", head)
            found = names(re.sub(_EDGE, "、", head).strip("、,"), len(run))
            found = found if all(_known(n) for n in found) else []
        if len(run) == 1 or not found:
            run = run[:1]
            own = _name(gap)
            found = [own] if own and _known(own) else []
            end = sentence.start + match.end()
        if found:
            listed = True
            sign = -1 if _FALL.search(motion) else 1
            if motion == "涨跌幅":
                sign = 1
            for name, one in zip(found, run, strict=True):
                value = float(f"{float(one['digits'].replace(',', '')) / 100:.12g}")
                value = (
                    -value if one["sign"] in {"-", "−"} else sign * value if not (percent and not words and motion == "涨跌幅") else value
                )
                where = sentence.start + one.start("digits")
                taken.add(where)
                kind = "sector_move" if name in INDUSTRIES else "index_move"
                yield Measure(kind, name, None, value, "fraction", "exact", clause, end, where), context.basis
        last = end
    context.motion = motion


_EDGE = re.compile(
    r"(?:涨幅|跌幅|领涨|领跌|上涨|下跌|居前|靠前|靠后|落后|居后|垫底|领先|前[一二三四五六七八九十\d]+(?:名|位|大)?|较[大多高]|最[大多高]|表现|较好|较差|主要|行业|板块|指数|的|为|是|有(?!色)|包括|分别|其中|,|:|\(|\))+"
)


def _run_at(text: str, first: re.Match[str], percent: bool) -> list[re.Match[str]]:
    """Return the numbers of the list that begins with ``first``, parted by separators only."""
    run, at = [first], first.end()
    pattern = re.compile(rf"\s*(?:、|和|与|及|/|,)\s*(?P<sign>[-−+]?)(?P<digits>{NUMBER})\s?(?P<unit>%?)")
    while (match := pattern.match(text, at)) and (match["unit"] or percent):
        run.append(match)
        at = match.end()
    return run


def _name(gap: str) -> str:
    piece = re.split(r"[、,;:。]|(?<=\))", gap.rstrip("(: "))[-1]
    piece = re.sub(
        rf"(?:本周|周|单周|则|均|分别|仅|收盘|小幅|大幅|微|略|再|则|几乎|累计)*(?:{_MOTION.pattern})?(?:了|超|近|约|达|幅度?|为)*$",
        "",
        piece.rstrip("(+ "),
    )
    return noun(_EDGE.sub("、", piece).split("、")[-1] or piece)


def _known(name: str) -> bool:
    return name in INDUSTRIES or bool(_STYLES.fullmatch(name))
