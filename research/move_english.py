"""Whose move an English expression is: the name before it, the one "its shares" goes back to, or the one "a 5% drop in" leads to.

Used by :mod:`research.moves`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.move_grammar import EN_FILLER, EN_REFUSED, Expression
from research.move_subjects import Span, Subject, group
from research.sentences import Sentence

__all__ = ["own_price", "subject"]

#: "and its shares", "sending the stock": the price of whom the sentence is about
_EN_OWN = re.compile(
    r"\b(?:its|their|whose|the)\s(?:(?:U\.?S\.?|Hong\sKong|London|New\sYork)[-\s]listed\s|class\s[A-C]\s|American\s)?"
    r"(?:shares?|stock(?:\sprice)?|adrs?|depositary\sreceipts)\b(?!\s(?:market|exchange|index|buyback|sale|split|offering))",
    re.IGNORECASE,
)
#: "Acme, which slid 5% on Wednesday after a report, recovered 2%": an aside about the name before it; "they had closed 5% lower"
_EN_ASIDE = re.compile(r"\A(?:\s[(][^()]*[)])?,\s(?:which|who|whose)\s")
_EN_THEY = re.compile(r"[;,.]\s(?:but\s|and\s|while\s|though\s)?(?:they|it)(?:\s(?:had|has|have|was|were|is|are))?\s\Z", re.IGNORECASE)
_PARTICIPLE = re.compile(r"(?:closing|ending|finishing|settling)\b")
_EN_OBJECT = re.compile(r"\b(?:in|with|by|from|of|against|to|for|over|buy|acquire|and)\s(?:the\s)?\Z", re.IGNORECASE)
_EN_GOES_ON = re.compile(r"\b(?:and|but|then|while|to)\b")
#: the words between "a 5% drop in" and the name; what follows the name
_NEXT = 12
_OBJECT = re.compile(
    r"(?:\s\([A-Z.:\s]+\))?(?:['’]s?)?\s(?:shares?|stock|futures|prices?|index|composite)\b|(?:\s\([A-Z.:\s]+\))?[,.;]|\Z|\s(?:on|as|after|in)\b",
    re.IGNORECASE,
)


def subject(
    plain: str,
    sentence: Sentence,
    expression: Expression,
    inside: Sequence[Span],
    last: Subject | None,
    last_end: int,
) -> Subject | None:
    """Return whose move ``expression`` is as far as its own sentence tells; ``last`` is whose the move before ``last_end`` was."""
    if expression.verb == "in":  # a 5% drop in Apple shares
        after = next((s for s in inside if expression.end <= s.start <= expression.end + _NEXT), None)
        return [(after.symbol, after.surface, after.start)] if after is not None and _OBJECT.match(plain, after.end) else None
    local = [s for s in inside if s.end <= expression.start]
    if not local:
        return None
    nearest = local[-1]
    since = max(nearest.end, last_end)
    own = own_price(plain[since : expression.start])
    if own is not None and not EN_FILLER.sub("", plain[since + own : expression.start]):
        if nearest.start < last_end and last is not None:
            return last
        object_ = nearest.start < last_end or _EN_OBJECT.search(plain, sentence.start, nearest.start)
        owner = next((s for s in local if s.role != "source"), nearest) if object_ else nearest
        return [(owner.symbol, owner.surface, owner.start)]
    if nearest.start < last_end:
        # "Nvidia fell 2% and was down 3% for the week": the same subject goes on.
        between = plain[last_end : expression.start]
        if last is not None and (_EN_THEY.search(between) or (_EN_ASIDE.match(plain[nearest.end : last_end]) and between.endswith(", "))):
            return last
        said = _EN_GOES_ON.sub("", between)
        return last if last is not None and not EN_FILLER.sub("", said) else None
    gap = re.sub(r"^,[^,%\d]{1,60},|\([^()%]*\)", " ", plain[nearest.end : expression.start])
    rest = EN_FILLER.sub("", gap)
    if _PARTICIPLE.match(plain, expression.start) and plain[: expression.start].endswith(", ") and not EN_REFUSED.search(gap):
        return group(plain, local, expression)
    if rest and (EN_REFUSED.search(gap) or not (re.search(r"\b(?:shares?|stock)\b", gap, re.IGNORECASE) and len(gap) <= 60)):
        return None
    return group(plain, local, expression)


def own_price(said: str) -> int | None:
    """Return where in ``said`` the last words for a company's own price end: "... and its shares", "sending the stock".

    >>> own_price("'s revenue rose and its shares "), own_price(" shares ")
    (30, None)
    """
    return max((m.end() for m in _EN_OWN.finditer(said)), default=None)
