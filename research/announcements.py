"""The company whose announcement a paragraph of Chinese text tells: its figures are that company's where nobody else is named.

An announcement begins with the name of a listed company and what it does (甲晚间公告, 甲:…, 甲在港交所公告, 甲发布2月产销快报).
What follows in the paragraph is part of it where it goes on from it (其中, 同时, 公司, 报告期, a period), until another company is named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.moves import Span
from research.sentences import Sentence

__all__ = ["EQUITY", "announcer", "goes_on"]

#: symbols of companies
EQUITY = re.compile(r"^(?!(?:399|899|980)\d{3}\.|HSTECH|DX-Y)[A-Z0-9-]+\.(?!SS|WI)[A-Z]{1,3}$|^6\d{5}\.SS$|^(?!BDI$)[A-Z]{1,5}(?:-[A-Z])?$")
#: 甲:…, 甲晚间公告, 甲在港交所公告, 甲发布2月产销快报; not the study or the index of one
_ANNOUNCED = re.compile(
    r"\s?(?:[(][^()]{1,20}[)])?\s?(?::|[^,。;:%]{0,14}?(?:公告|披露|(?:公布|发布)(?![^,。;:]{0,16}(?:研究?报|调查|白皮书|指数|预测|展望|数据显示))))"
)
_LED_IN = re.compile(r"[【\s]*(?:[一-龥]{0,6}上市公司)?")
#: how a sentence goes on from an announcement
_OF_IT = re.compile(r"其中|同时|此外|另外|本?公司|该公司|期内|本期|报告期|累计")
_ITS_PERIOD = re.compile(r"当月|单月|全年|截至|20\d\d年|[第前上下][一二三四半\d]|[一二三四]季|\d{1,2}(?:[-—~至]\d{1,2})?月|今年|去年")


def announcer(plain: str, sentence: Sentence, inside: Sequence[Span], before: Span | None) -> Span | None:
    """Return the company whose announcement a paragraph tells, from the sentence it begins on until another company is named."""
    named = [s for s in inside if s.role != "source" and EQUITY.search(s.symbol) and plain[max(0, s.start - 1) : s.start] != "在"]
    if named and _LED_IN.fullmatch(plain, sentence.start, named[0].start) and _ANNOUNCED.match(plain, named[0].end):
        return named[0]
    return None if before is None or any(s.symbol != before.symbol for s in named) else before


def goes_on(plain: str, sentence: Sentence, company: Span) -> bool:
    """Tell whether a sentence of a paragraph with an announcement is part of it, and not of what is said beside it."""
    if sentence.start <= company.start or plain[sentence.start - 1] == ";" or _OF_IT.match(plain, sentence.start):
        return True
    opens = _LED_IN.fullmatch(plain, plain.rfind("\n", 0, company.start) + 1, company.start) is not None
    return opens and _ITS_PERIOD.match(plain, sentence.start) is not None
