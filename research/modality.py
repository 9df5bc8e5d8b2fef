"""Whether a text says that something happened: denied, conditional, planned, looked back at, or only somebody's opinion.

:func:`judge` looks at the clause and the sentence around a place and returns one factor in [0, 1]. Chinese negations stand right
before what they deny (未签订, 没有收购…的计划); English ones anywhere before it in the clause (is not part of the inquiry).
Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from research.patterns import presence
from research.sentences import Sentence

__all__ = ["Place", "denies", "judge"]

_CONDITIONAL, _PLANNED, _PAST, _OPINION = 0.6, 0.7, 0.4, 0.65

#: nothing, not the first half of a word
_NOTHING = r"无(?!锡|糖|人|线|论|疑|菌|机|缝|限|烟|氧|铅|息|抵押)"
_NOT = presence(
    r"(?:否认|澄清|不存在|未(?!来|季调|经季)|没有|不会|不再|不打算|并非|并无|均无|暂无|不属实|拒绝|避免|防止|防范|遏制|杜绝|免于|终止|取消|放弃|撤回|暂停|停止|推迟|延期|叫停)[^,。;]{0,8}$|(?:不必|不用|无须|无需|不须|不予|不另行?)(?:再|要|以)?$|(?<![得无莫差])不$|"
    + _NOTHING
    + r"[^,。;]{0,1}$"
)
#: a fine that is waived, however far before it that is said
_WAIVED = re.compile(r"(?:豁免|免除|撤销|驳回)[^,。;]{0,40}$")
_RUMOUR = re.compile(r"[^,。;]{0,10}(?:不属实|的?[”」]?传闻|系谣言|为不实|消息不实)")
_NOT_AFTER = re.compile(r"[^,。;]{0,10}(?:无关|不成立|(?:计划|方案|事项|交易|谈判)[^,。;]{0,4}(?:取消|搁置|终止|告吹|叫停))")
#: what only dates a comparison: 关税风暴以来最大, 疫情来首次; a span of time is none (创两月以来最大, 今年以来)
_YARDSTICK = re.compile(r"[^,。;:创刷为是达至的\d年月周日季今本有近]{0,4}(?:以来|来(?=[最首新]))")
_NEVER_DONE = presence(r"并未|尚[未需待]|从未|[未不]涉及|未(?:[与向对曾被签有]|收到|发生|进行)|暂无|与[^,。;]{0,20}无关")
_NOT_ENGLISH = presence(
    r"\b(?:not(?! only)|never|without|cannot|no(?! (?:less|fewer|later|longer than)\b)|neither|nor|den(?:y|ies|ied|ying)|"
    r"rules? out|ruled out|"
    r"reject(?:s|ed|ing)?|scrap(?:s|ped|ping)?|abandon(?:s|ed)?|halt(?:s|ed)?|suspend(?:s|ed)?|cancel(?:s|led|ed)?|call(?:s|ed) off|"
    r"delay(?:s|ed)?|postpone(?:s|d)?|shelve(?:s|d)?|terminat(?:es|ed)|"
    r"(?:drop(?:s|ped)|end(?:s|ed)) (?:its|the|a|an|plans?|talks|probe))\b|n't\b",
    re.IGNORECASE,
)
_NOT_AFTER_ENGLISH = re.compile(
    r"^[^,.;]{0,30}\b(?:(?:was|were|is|are|been) (?:dropped|denied|cancell?ed|called off|scrapped|closed)|not cancelled)\b"
)
#: negation proper, without words of ending
_NEGATED = presence(
    r"(?:未(?!来|季调|经季)|没有|不会|并非|否认|" + _NOTHING + r")[^,。;]{0,6}$|\b(?:not|never|no plans?)\b|n't\b", re.IGNORECASE
)
#: what says of a report that it is untrue; 信息披露不实 is itself the news
UNTRUE = (
    r"不符(?:合)?事实|与事实不符|不属实|并非事实|子虚乌有|(?:报道|传闻|消息|说法|内容)(?:均|完全)?(?:为)?不实|(?:纯属|系|为)(?:谣言|不实)"
)
_REFUTED = presence(
    rf"否认|澄清(?!强)|辟谣|{UNTRUE}|"
    r"\b(?:den(?:y|ies|ied)|refut(?:es|ed)|untrue|reject(?:s|ed|ing) (?:a |the )?(?:\w+ )?reports?)\b",
    re.IGNORECASE,
)
_CONDITION = presence(
    r"若|如果|传出|待(?=[^,。;]{0,24}(?:核准|批准|审批|通过))|假如|倘若|假设|一旦|可能|或将|有望|恐|是否|能否|会否|考虑|讨论|传闻|据传|担心|担忧|不排除|"
    r"\b(?:if|could|may|might|would|consider(?:s|ing)?|mull(?:s|ing)?|reportedly|rumou?r|talks? of|whether|fears?)\b",
    re.IGNORECASE,
)
#: what would follow from something: 如果设计有误,火箭就会爆炸
_CONSEQUENCE = re.compile(
    r"(?:如果|假如|倘若|要是|一旦)[^。;]{0,60},[^,。;]{0,14}(?:就会|便会|就要|就得|就将|则会|就可以?|即可|可能会)[^,。;]{0,8}$"
)
#: what the reader might do or suffer is no news: 如果您逾期, 你被起诉
_READER = re.compile(r"[你您](?!好)[^,。;]{0,12}$")
_PLAN = presence(
    r"拟|计划|预计|将(?![军于]|[^,。;]{0,24}(?:由|从|自|目标价|评级))|打算|准备|\b(?:plans? to|will|expects? to|to be|aims? to|intends?)\b",
    re.IGNORECASE,
)
_BEFORE = presence(
    r"(?<![较比])(?:去年|前年)(?!同期)|此前|(?<!不)曾(?!任)|当年|历史上|早在|更早|以前|过去|多年|回顾|以往|年代|世纪|随后加|"
    r"\b(?:last year|last month|previously|earlier this year|years ago|historically|in the past|once)\b",
    re.IGNORECASE,
)
#: opens the clause of a headline that gives the reason of what stands before: 股价跌6%,此前遭下调评级
_REASON = re.compile(r"(?<=[,。;])此前")
_YEAR = re.compile(r"(?:19|20)\d\d(?:(?=年)|(?<=\b[Ii]n \d{4})\b)")
_OPINIONS = presence(
    r"认为|预计|预期|料(?!价|理|想)|有望|或许|建议|看好|展望|判断|猜测|分析师|策略师|经济学家|"
    r"\b(?:analysts?|strategists?|economists?|investors? expect)\b",
    re.IGNORECASE,
)
_OPENS_CLAUSE = re.compile(r"[,;。: ](?:(?<! )|(?:but|while|whereas|although|though) )")


class Place(NamedTuple):
    """A wording at ``start`` to ``end`` of a text.

    ``plan``: words of intention do not weaken it; ``period``: it is about a past period by its nature (results, statistics), so that a
    year named is no look back; ``opinion``: opinions of it are worth less than the thing itself; ``ends``: it is itself the end of
    something, so that words of ending (取消, 终止) do not deny it.
    """

    start: int
    end: int
    plan: bool
    period: bool
    opinion: bool
    ends: bool = False


def judge(plain: str, sentence: Sentence, place: Place, year: int, *, english: bool) -> float:
    """Return 0 when the text denies what stands at ``place`` or says what would follow from something, else what weakens it, multiplied.

    Parameters
    ----------
    plain, sentence
        The text and the sentence the place stands in.
    place
        What is judged.
    year
        Of publication; years well before it mark a look back.
    english
        Selects the rules of negation.
    """
    before, lead, rest = _around(plain, sentence, place)
    if _denied(before, plain[place.start : place.end], rest, english=english, ends=place.ends) or _REFUTED.search(
        plain, sentence.start, sentence.end
    ):
        return 0.0
    if _CONSEQUENCE.search(plain[sentence.start : place.start]):
        return 0.0
    factor = 1.0
    if _CONDITION.search(before) or "?" in rest:
        factor *= _CONDITIONAL
    if not place.plan and _PLAN.search(before):
        factor *= _PLANNED
    years = [] if place.period else [int(text) for text in _YEAR.findall(lead)]
    told = before if place.period else _REASON.sub("", lead) if sentence.headline else lead
    if _BEFORE.search(told) or (years and max(years) < year):
        factor *= _PAST
    if not english and _READER.search(before):
        factor *= _PAST
    if place.opinion and not sentence.headline and _OPINIONS.search(plain, sentence.start, sentence.end):
        factor *= _OPINION
    return factor


def denies(plain: str, sentence: Sentence) -> bool:
    """Return whether a sentence says that something is not so: 否认, 澄清, denies."""
    return bool(_REFUTED.search(plain, sentence.start, sentence.end))


def _around(plain: str, sentence: Sentence, place: Place) -> tuple[str, str, str]:
    """Return what stands before the place in its clause, before its end in its sentence, and after it in its sentence."""
    lead = plain[sentence.start : place.start]
    opening = 0
    for mark in _OPENS_CLAUSE.finditer(lead):
        opening = mark.end()
    return lead[opening:], lead + plain[place.start : place.end], plain[place.end : sentence.end]


def _denied(before: str, words: str, after: str, *, english: bool, ends: bool) -> bool:
    if ends:
        return bool(_NEGATED.search(before) or _RUMOUR.match(after))
    if english:
        # The wording itself may hold the negation (founder … no plans to sell), but not at its very beginning (terminates its buyback).
        inside = words.partition(" ")[2]
        return bool(_NOT_ENGLISH.search(before) or re.search(r"\b(?:no|not|never)\b|n't\b", inside) or _NOT_AFTER_ENGLISH.search(after))
    denied = _NOT.search(before) or _NEVER_DONE.search(before) or ("罚" in words and _WAIVED.search(before))
    return bool(denied or _RUMOUR.match(after) or _NOT_AFTER.match(after) or _YARDSTICK.match(after))
