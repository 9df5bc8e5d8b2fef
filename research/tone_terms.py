"""Terms of the lexicon in a text, each with what the words beside it make of its weight.

An adverb of degree scales a term, a negation before it turns it round and weakens it, and so does what ends a fall behind it
(暴跌有望结束) or lifts a burden before it (豁免罚款). A result told beside what was expected of it counts as a term too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from research import modality
from research.patterns import Finder, presence

__all__ = ["Term", "lexicon", "lexicon_terms", "terms"]

_NEGATION = presence(
    r"(?:未能|未曾|未有|尚未|并未|未必是?|并非|不是|不算|未|没有|没|不具备?有?|不再|不会|不|否认|澄清|无|非|避免|防止|(?<!不)排除|免于|缓解|消除|驱散|打消|击退|打脸|反驳|驳斥|减轻|解除|扭转|收窄|(?:结束|终结)[\d一-鿿]{0,2}|(?:击退|打脸|驳斥)[“\"A-Z]{1,3}|难以?|(?:回吐|抹去)[此前早日盘内的全部分大]{0,4}|\b(?:no|not|without|never|denies|denied|n't|cannot|ends?|eases?|lifts?)\s+(?:\w+\s+)?)$",
    re.IGNORECASE,
)
#: a fall or a loss that ends or narrows: 暴跌有望结束, 亏损同比收窄
_EASES = re.compile(
    r"(?:势头?|潮|幅)?[^,。;、]{0,20}?(?:有望|或|将|逐步|同比|明显|大幅)*(结束(?=\W|$)|终结(?=\W|$)|暂缓|放缓|止住|收窄|趋缓|减亏)"
)
#: a rise that ends: 连涨终结
_STOPS = re.compile(r"(?:势头?|市)?(?:或|恐|将|已)*(终结|结束|止步|戛然而止)")
_RISES = re.compile("[涨升阳牛]")
#: a burden that is lifted, wherever its clause says so: 豁免某公司1亿元罚款
_BURDENS = frozenset(
    [
        "罚款", "处罚", "罚单", "惩罚", "诉讼", "指控", "起诉", "调查", "关税", "制裁", "禁令", "限制", "丑闻", "造假", "欺诈",
        "担忧", "忧虑", "疑虑", "恐慌",
    ]
)  # fmt: skip
#: one that is lifted only where hardly a word stands between: 终止剩余1200万股的减持计划, but 终止重组引发减持
_PLEDGES = frozenset(["减持", "平仓", "平仓风险", "质押", "风险警示", "退市风险警示", "其他风险警示", "风险", "冻结", "破产", "破产清算"])
_OWN_WORDS = r"(?:实施|执行|本次|此次|该|上述|剩余|部分|全部|股份|股票|股权|所持|公司|退市|质押|对|其|的|\d[\d.,]*[万亿]?股){0,4}"
_ADJUSTS = frozenset({"上调", "下调", "提高", "降低"})
_LIFTED = re.compile(r"(?:豁免|免除|撤销|撤回|驳回|免于|解除|取消|反驳|驳斥|否认|澄清|缓解|打消|消除|平息|化解)[^,。;:并且后又]{0,40}\Z")
_ENDED = re.compile(rf"(?:终止|放弃|取消|解除|撤销|撤回|缓解|化解|消除){_OWN_WORDS}\Z")
#: the same behind it: 平仓风险已经消除
_LIFTS = re.compile(r"(?:股份|风险|计划|的|已经?|现已|均|完全|全部|得到|予以|获得?|有效){0,4}(?P<how>解除|消除|化解|撤销|终止|取消|释放)")
#: what lifts a burden is no bad word itself
_LIFTING = frozenset({"终止", "取消", "放弃", "撤销", "撤回"})
_BURDEN_BEHIND = re.compile(rf"{_OWN_WORDS}(?:{'|'.join(sorted(_PLEDGES))})")
#: what is said to be untrue: 报道称评级被下调不符事实
_UNTRUE = re.compile(rf"[^。;]{{0,30}}?(?:{modality.UNTRUE})")
_GOES_ON = r"[^,。;]{0,30}?,(?:预计|目前|此次|本次|该事[项件]|上述事[项件]|其|但|暂|短期内)*"
_NONE = r"(?:不|未|没有|无)会?(?:对[^,。;]{1,14}?)?(?:构成|产生|造成|有)?(?:任何|重大|实质性?|直接|不利)*(?:影响|伤害)"
_SMALL = r"影响(?:甚微|有限|较小|不大|很小|极小|轻微)"
#: what is said to have no effect, by its own clause or one that goes on about it: 厂区火灾,对业绩影响有限; 汇率影响较小 is said of another
_NO_EFFECT = re.compile(rf"(?:{_GOES_ON}|[^,。;]{{0,30}}?)(?:{_NONE}|对[^,。;]{{1,14}}?{_SMALL})|(?:{_GOES_ON})?{_SMALL}")
#: what one is guarded against is not said to happen: 以黄金对冲政策失误
_GUARDED = re.compile(r"(?:对冲|抵御|规避|防御|防范)[^,。;]{0,16}\Z")
#: work that is not done together: 与某公司未开展业务合作
_NONE_DONE = re.compile(
    r"(?:未|没有|暂无|尚无|暂?不)(?:与[^,。;]{1,12})?(?:(?:开展|进行|签署|签订|达成|涉及|产生)[^,。;]{0,12}|(?:接到|收到|获得|取得)[^,。;]{0,24})\Z"
)
_DONE = frozenset({"合作", "订单", "签约", "签署", "签订", "购销合同", "合同", "中标", "供货"})
#: what has not come to be: 未出现大幅增长, 不存在违约, 不排除增持
_NONE_SEEN = re.compile(
    r"(?:((?:未|没有)(?:出现|发生|见(?!过))|尚未有|至今没有|不存在|并无|暂无)[^,。;]{0,10}|(不会)[^,。;]{0,4}|(不排除)[^,。;]{0,12})\Z"
)
_NONE_AT_ALL = presence("[未无]|没有|不(?:存在|会|排除)")
#: a result and what was expected of it: 净利润344.6亿美元,市场预期317.6亿美元
_RESULT = Finder.of(
    r"(?:净利润?|营业?利润|经营利润|营收|营业收入|收入|净?销售额?|每股收益|EPS)(?:总额|为|达|报|录得|约)*\s?(?P<came>\d+(?:,\d{3})*(?:\.\d+)?)(?P<unit>万亿|亿|万)?[^,。;\d]{0,6}"
    r"[,(](?:分析师|市场|此前|华尔街)*(?:平均|普遍|一致)?(?:预期|预估|预计|预测)(?:值|为)*\s?(?P<thought>\d+(?:,\d{3})*(?:\.\d+)?)(?P<same>万亿|亿|万)?"
)
_FALLS = re.compile("[跌亏挫]|下[滑降行]|抛[压售]")
_STRONG = presence(
    r"(?:大幅|显著|明显|急剧|剧烈|严重|极度|十分|非常|远|更|最|持续|全面|强烈|"
    r"sharply |significantly |strongly |very |record |biggest |heavily )$",
    re.IGNORECASE,
)
_WEAK = presence(r"(?:小幅|微|略有?|轻微|有所|些许|slightly |modestly |marginally |somewhat )$", re.IGNORECASE)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]")


class Term(NamedTuple):
    """One piece of evidence: where it stands, what it is worth, how it is explained."""

    start: int
    end: int
    score: float
    why: str


@lru_cache(maxsize=4)
def lexicon(language: str) -> Mapping[str, float]:
    """Return term -> tone in [-1, 1] of the shipped lexicon ``zh`` or ``en``; written for this project."""
    text = resources.files("research.data").joinpath(f"lexicon_{language}.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {term: float(weight) for term, weight in rows}


@lru_cache(maxsize=1)
def _matcher() -> tuple[Any, tuple[str, ...], tuple[float, ...]]:
    from ahocorasick_rs import AhoCorasick, MatchKind

    weights = {**lexicon("en"), **lexicon("zh")}
    ordered = tuple(sorted(weights))
    return AhoCorasick(list(ordered), matchkind=MatchKind.LeftmostLongest), ordered, tuple(weights[t] for t in ordered)


def lexicon_terms(plain: str) -> list[tuple[int, int, float]]:
    """Return (start, end, weight) of the lexicon terms in lower-case text, the longest where several begin, none overlapping."""
    automaton, _, weights = _matcher()
    return [(start, end, weights[index]) for index, start, end in automaton.find_matches_as_indexes(plain) if weights[index]]


def terms(plain: str, covered: Sequence[tuple[int, int]]) -> list[Term]:
    """Return the scored lexicon terms of a text outside the ``covered`` ranges: 新高 of 中际旭创新高, no 中标 in 盘中标普."""
    automaton, ordered, weights = _matcher()
    lowered = plain.lower() if len(plain.lower()) == len(plain) else plain
    pieces, reach = [], 0
    for start, end in sorted(covered):
        pieces.append(lowered[reach:start] + "\0" * (end - max(reach, start)))
        reach = max(reach, end)
    found = _against_expected(plain)
    for index, start, end in automaton.find_matches_as_indexes("".join(pieces) + lowered[reach:]):
        term = ordered[index]
        if not weights[index]:  # 限制性股票 hides 限制
            continue
        if term.isascii() and (_ASCII_WORD.match(plain, end) or (start and _ASCII_WORD.match(plain, start - 1))):
            continue
        found.append(_scored(plain, term, weights[index], start, end))
    return sorted(found)


def _against_expected(plain: str) -> list[Term]:
    """Return the results that beat or missed what the text says was expected of them; figures of two units are not compared."""
    found = []
    for match in _RESULT.finditer(plain) if "预" in plain else ():
        came, thought = (float(match[name].replace(",", "")) for name in ("came", "thought"))
        if match["unit"] == match["same"] and 0.2 * thought < came < 5 * thought and came != thought:
            score = 0.7 if came > thought else -0.7
            found.append(Term(match.start(), match.end(), score, f"{match['came']}{'>' if score > 0 else '<'}{match['thought']}"))
    return found


def _none_seen(before: str) -> str:
    """Return the words that say of what follows them that it has not come to be, or is not ruled out; empty where none do."""
    found = _NONE_SEEN.search(before) if _NONE_AT_ALL.search(before) else None
    return next((words for words in found.groups() if words), "") if found else ""


def _void(plain: str, end: int) -> bool:
    """Return whether what is told up to a place is said to be untrue or without effect."""
    near = plain[end : end + 40]
    if "影响" in near or "伤害" in near:
        return _NO_EFFECT.match(near) is not None
    return ("实" in near or "谣" in near or "虚" in near) and _UNTRUE.match(near) is not None


def _scored(plain: str, term: str, weight: float, start: int, end: int) -> Term:
    before = plain[max(0, start - 16) : start] if term.isascii() else plain[max(0, start - 4) : start]
    why = term
    if term in _DONE and _NONE_DONE.search(plain, max(0, start - 30), start):
        return Term(start, end, 0.0, term)
    if weight < 0 and _GUARDED.search(plain, max(0, start - 20), start):
        return Term(start, end, 0.0, f"无·{term}")
    if term in _ADJUSTS and "保证金" in plain[end : end + 16]:
        weight = 0.0  # dearer to trade: neither a better view of who says so nor of what is traded
    elif _STRONG.search(before):
        weight *= 1.3
    elif _WEAK.search(before):
        weight *= 0.6
    negation = _NEGATION.search(before)
    ends = _EASES.match(plain, end) if weight < 0 and _FALLS.search(term) else None
    if weight > 0 and _RISES.search(term):
        ends = _STOPS.match(plain, end)
    if not negation and not ends and (unseen := _none_seen(plain[max(0, start - 16) : start])):
        # what is not ruled out may still come
        told = 0.5 * min(0.0, weight) if unseen == "不排除" else max(0.0, -0.5 * weight)
        return Term(start, end, told, f"{unseen}·{term}")
    if negation or ends:
        weight *= -0.5
        why = f"{before[negation.start() :].strip()}·{term}" if negation else f"{term}·{ends[1]}"  # type: ignore[index]
    elif term in _BURDENS and (lifted := _LIFTED.search(plain, max(0, start - 44), start)):
        weight *= -0.5
        why = f"{lifted.group()[:2]}·{term}"
    elif term in _PLEDGES and (ended := _ENDED.search(plain, max(0, start - 30), start)):
        weight *= -0.5
        why = f"{ended.group()[:2]}·{term}"
    elif (term in _BURDENS or term in _PLEDGES) and (lifts := _LIFTS.match(plain, end)):
        weight *= -0.5
        why = f"{term}·{lifts['how']}"
    elif (weight < 0 and term in _LIFTING and _BURDEN_BEHIND.match(plain, end)) or _void(plain, end):
        return Term(start, end, 0.0, f"无·{term}")
    elif term == "收窄" and _FALLS.search(plain, max(0, start - 24), start):
        weight = -weight
    return Term(start, end, max(-1.0, min(1.0, weight)), why)
