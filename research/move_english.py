"""Whose move an English expression is: the name before it, the one "its shares" goes back to, or the one "a 5% drop in" leads to.

Used by :mod:`research.moves`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.move_grammar import EN_FILLER, EN_OF_FIGURES, EN_REFUSED, Expression
from research.move_subjects import Span, Subject, group
from research.sentences import Sentence

__all__ = ["own_price", "subject"]

#: "and its shares", "sending the stock", "when the company's stock": the price of whom the sentence is about
_EN_OWN = re.compile(
    r"\b(?:its|their|whose|the(?:\s(?:[\w-]+\s){0,3}?(?:company|firm|bank|lender|retailer|airline|insurer|giant|operator|provider|miner|[a-z]*maker)['’]s)?)\s"
    r"(?:(?:U\.?S\.?|Hong\sKong|London|New\sYork)[-\s]listed\s|class\s[A-C]\s|American\s)?"
    r"(?:shares?|stock(?:\sprice)?|adrs?|depositary\sreceipts)\b(?!\s(?:market|exchange|index|buyback|sale|split|offering))",
    re.IGNORECASE,
)
_LEGAL = r"(?:\s(?:Inc|Corp|Co|Ltd|Plc|plc|PLC|AG|SA|SE|NV|ASA|Oyj|Holdings?|Group|Company)\b\.?)*(?:\s\([^()%]*\))?"
#: "Acme, which slid 5% on Wednesday after a report, recovered 2%": an aside about the name before it; "they had closed 5% lower"
_EN_ASIDE = re.compile(rf"{_LEGAL},\s(?:which|who|whose)\s")
#: "Acme, a supplier that counts Globex as its customer, has": who else is named in it is not what moves
_EN_APPOSED = re.compile(rf"{_LEGAL},\s(?:which|who|whose|an?|the|one\sof|\w*maker\sof|owner\sof)\s[^,;%()]{{2,120}},")
#: ", the Nasdaq," is no aside
_OWN_ASIDE = 8
_EN_SHORT_ASIDE = re.compile(rf"\A{_LEGAL},[^,%\d]{{1,60}},|\([^()%]*\)")
_EN_THEY = re.compile(r"[;,.]\s(?:but\s|and\s|while\s|though\s)?(?:they|it)(?:\s(?:had|has|have|was|were|is|are))?\s\Z", re.IGNORECASE)
_PARTICIPLE = re.compile(r"(?:closing|ending|finishing|settling)\b")
#: "the index's biggest decliner, down 6%": a place among others
_EN_RANKED = re.compile(
    rf"{_LEGAL}\s(?:shares\s|stock\s)?(?:(?:was|were|is|are|had|has|have|posted|suffered|saw|recorded|ranked|became)\s(?:among\s|one\sof\s|again\s|also\s|by\sfar\s)*"
    r"(?:the\s|its\s|their\s)?(?:[\w-]+\s){0,2}?(?:biggest|largest|best|worst|steepest|sharpest|top|leading|main)[\s-](?:[\w-]+[\s-]){0,2}?"
    r"(?:gain(?:s|ers?)?|declin(?:es?|ers?)|drops?|loss(?:es)?|losers?|performers?|performing|risers?|fallers?|laggards?|winners?|advance(?:s|rs?)?|falls?|jumps?|rises?)"
    r"|(?:led|topped|paced|headed)\s(?:the\s)?(?:gain(?:s|ers)|declin(?:es?|ers)|loss(?:es)|losers|fallers|laggards|winners|advance(?:s|rs)?|rally))\b[^.;%]{0,100}?,\s\Z"
)
#: "had a gain of 2%", "led the index with a 3% gain", "closed with a decline of 1%", "'s 3% loss"
_EN_HAD = re.compile(
    rf"{_LEGAL}(?:['’]s?\s(?:shares['’]?\s|stock\s)?"
    r"|\s(?:shares\s|stock\s)?(?:had|notched|scored|managed|suffered|logged|enjoyed)\s(?:an?|the\s[\w-]+)\s(?:[\w-]+\s){0,2}"
    r"|\s(?:shares\s|stock\s)?(?:led|topped|paced|headed)\s[^,.;%]{0,50}?with\s(?:an?\s)?(?:[\w-]+\s){0,2}"
    r"|[^.;%]{0,100}?\b(?:end|clos|finish)(?:ed|ing)\s(?:the\s)?(?:day|session|week|month|quarter|year)\swith\s(?:an?\s)?(?:[\w-]+\s){0,2})\Z"
)
#: "following a 9% decline", "after falling 2%": what the same subject did before
_EN_BEFORE_THAT = re.compile(r"\b(?:after|following|having|extending|adding\sto|from|on\stop\sof)\s(?:an?\s|the\s|its\s)?\Z", re.IGNORECASE)
#: "clawed that back to close up 2%": the end of a way told before
_EN_TO_CLOSE = re.compile(
    r"\b(?:points?|losses|gains?|down|up|lower|higher|fell|rose|rebounded|reversed|recovered|swung|rallied|dropped|slid|jumped)\b[^.;%]*?\s"
    r"(?:to|and|before)\s(?:clos|end|finish|settl)(?:e|ed|ing)?\s(?:the\s(?:day|session)\s)?\Z"
)
#: "After rising 8% yesterday, Acme ...": said before it is told of whom
_EN_AHEAD, _EN_COMMA = re.compile(r"(?:After|Having|Despite)\s(?:\w+\s){0,2}?\Z"), re.compile(r"[^,;%]{0,40},\s(?:the\s)?")
_EN_OF_OTHERS = re.compile(r"['’]s?\s(?!shares|stock)|\s(?:sales|revenue|profit|orders|output)\b")
#: "to $71.20 a barrel": where a price went
_EN_LEVEL = re.compile(
    r"\b(?:to|at)\s(?:an?\s(?:[\w-]+\s){1,2})?(?:[A-Z]{1,2})?[$€£¥]?\d[\d,.]*\d(?:\s(?:points|yen|yuan|won|euros?|pounds?|pence|cents|francs|kronor|rupees|per\sdollar))?"
    r"(?:\s(?:an?|per)\s(?:barrel|(?:troy\s)?ounce|(?:metric\s)?ton(?:ne)?|pound|bushel|share|dollar|coin))?"
)
#: "futures slipped 0.2% after the index climbed 0.7%": another than the contract named
_EN_THE_INDEX = re.compile(r"\bthe\s(?:underlying\s|cash\s)?(?:index|gauge|benchmark|average|measure)\s\Z", re.IGNORECASE)
#: contracts on an index no symbol is known for: futures on Australia's S&P/ASX 200
_EN_FUTURES_ON = re.compile(
    r"\bfutures\s(?:contracts\s)?(?:on|for|tied\sto|linked\sto|tracking)\s(?:the\s)?(?:[\w’']+\s)?\Z", re.IGNORECASE
)
_EN_FUTURES = re.compile(r"(?:\sIndex|\sindex)?\s(?:futures|contracts)\b")
_EN_OBJECT = re.compile(r"\b(?:in|with|by|from|of|against|to|for|over|buy|acquire|and)\s(?:the\s)?\Z", re.IGNORECASE)
_EN_GOES_ON = re.compile(r"\b(?:and|but|then|while|to)\b")
#: "Acme (down 2%), Globex (off 1%)": of the name right before alone
_EN_OPENED = re.compile(rf"{_LEGAL}\s?[(](?:[A-Z.:]+[,;]?\s)?\Z")
#: the words between "a 5% drop in" and the name; what follows the name
_NEXT = 12
_OBJECT = re.compile(
    r"(?:\s\([A-Z.:\s]+\))?(?:['’]s?)?\s(?:shares?|stock|futures|prices?|index|composite)\b|(?:\s\([A-Z.:\s]+\))?[,.;]|\Z|\s(?:on|as|after|in)\b",
    re.IGNORECASE,
)
#: prices that have no figures but their own
_PRICE = re.compile(r"^\^|=F$|=X$|-USD$|DX-Y")


def subject(
    plain: str,
    sentence: Sentence,
    expression: Expression,
    inside: Sequence[Span],
    last: Subject | None,
    last_end: int,
) -> Subject | None:
    """Return whose move ``expression`` is as far as its own sentence tells; ``last`` is whose the move before ``last_end`` was."""
    found = _subject(plain, sentence, expression, inside, last, last_end)
    if found is None or (len(expression.values) > 1 and len(found) != len(expression.values)):
        return None
    symbol, surface, start = found[-1]
    if symbol and symbol.startswith("^") and start >= sentence.start:
        contracts = _EN_FUTURES_ON.search(plain, sentence.start, start) or _EN_FUTURES.match(plain, start + len(surface))
        if contracts:
            return None
    if expression.verb in EN_OF_FIGURES and not (symbol and _PRICE.search(symbol)):
        return None
    return found


def _subject(
    plain: str,
    sentence: Sentence,
    expression: Expression,
    inside: Sequence[Span],
    last: Subject | None,
    last_end: int,
) -> Subject | None:
    at = expression.start
    if expression.verb == "in":  # a 5% drop in Apple shares
        after = next((s for s in inside if expression.end <= s.start <= expression.end + _NEXT), None)
        return [(after.symbol, after.surface, after.start)] if after is not None and _OBJECT.match(plain, after.end) else None
    local = _without_apposed(plain, [s for s in inside if s.end <= at], at)
    if not local:
        return _ahead(plain, sentence, expression, inside)
    nearest = local[-1]
    listed = expression.verb == "listed"
    if _EN_OPENED.fullmatch(plain, nearest.end, at + listed):
        return [(nearest.symbol, nearest.surface, nearest.start)]
    if listed:
        return None
    if expression.verb == "of":
        return _of_noun(plain, local, expression, last, last_end)
    since = max(nearest.end, last_end)
    if nearest.symbol.endswith("=F") and _EN_THE_INDEX.search(plain, since, at):
        return None
    own = own_price(plain[since:at])
    if own is not None and not EN_FILLER.sub("", plain[since + own : at]):
        if nearest.start < last_end and last is not None:
            return last
        object_ = nearest.start < last_end or _EN_OBJECT.search(plain, sentence.start, nearest.start)
        owner = next((s for s in local if s.role != "source"), nearest) if object_ else nearest
        return [(owner.symbol, owner.surface, owner.start)]
    ranked = next((s for s in reversed(local) if _EN_RANKED.match(plain, s.end, at)), None)
    if ranked is not None:
        return None if EN_REFUSED.search(plain, ranked.end, at) else group(plain, local[: local.index(ranked) + 1], expression)
    if nearest.start < last_end:
        # "Nvidia fell 2% and was down 3% for the week": the same subject goes on.
        between = _EN_LEVEL.sub("", plain[last_end:at])
        if last is not None and (_EN_THEY.search(between) or (_EN_ASIDE.match(plain[nearest.end : last_end]) and between.endswith(", "))):
            return last
        said = _EN_GOES_ON.sub("", between)
        return last if last is not None and not EN_FILLER.sub("", said) else None
    apposed = _EN_APPOSED.match(plain, nearest.end, at)
    gap = plain[apposed.end() : at] if apposed else _EN_SHORT_ASIDE.sub(" ", plain[nearest.end : at])
    gap = _EN_LEVEL.sub(" ", gap)
    rest = EN_FILLER.sub("", gap)
    if _PARTICIPLE.match(plain, at) and plain[:at].endswith(", ") and not EN_REFUSED.search(gap):
        return group(plain, local, expression)
    if rest and not EN_REFUSED.search(gap) and _EN_TO_CLOSE.search(gap):
        return group(plain, local, expression)
    if rest and (EN_REFUSED.search(gap) or not (re.search(r"\b(?:shares?|stock)\b", gap, re.IGNORECASE) and len(gap) <= 60)):
        return None
    return group(plain, local, expression)


def _without_apposed(plain: str, local: Sequence[Span], at: int) -> list[Span]:
    """Return ``local`` without what is named in an aside about another name, right before the move: Acme, whose rival is Globex, fell."""
    for place, span in enumerate(local[:-1]):
        aside = _EN_APPOSED.match(plain, span.end, at)
        named_in = aside and local[place + 1].end < aside.end() and local[place + 1].start > span.end + _OWN_ASIDE
        if aside and named_in and not EN_FILLER.sub("", plain[aside.end() : at]):
            return list(local[: place + 1])
    return list(local)


def _ahead(plain: str, sentence: Sentence, expression: Expression, inside: Sequence[Span]) -> Subject | None:
    """Return whom a sentence that begins with a move names behind it: After rising 8% yesterday, Acme was up another 2%."""
    comma = _EN_COMMA.match(plain, expression.end, sentence.end)
    after = next((s for s in inside if comma and s.start == comma.end()), None)
    if after is None or not _EN_AHEAD.fullmatch(plain, sentence.start, expression.start) or _EN_OF_OTHERS.match(plain, after.end):
        return None
    return [(after.symbol, after.surface, after.start)]


def _of_noun(plain: str, local: Sequence[Span], expression: Expression, last: Subject | None, last_end: int) -> Subject | None:
    """Return whose "5% drop" or "gain of 2%" it is: that of the name it is told of, or what the name of the move before it did earlier."""
    nearest, at = local[-1], expression.start
    if nearest.start < last_end:
        said = _EN_BEFORE_THAT.sub("", _EN_LEVEL.sub("", plain[last_end:at]))
        return last if _EN_BEFORE_THAT.search(plain, last_end, at) and not EN_FILLER.sub("", said) else None
    had = next((s for s in reversed(local) if _EN_HAD.match(plain, s.end, at)), None)
    if had is None or EN_REFUSED.search(plain, had.end, at):
        return None
    return group(plain, local[: local.index(had) + 1], expression)


def own_price(said: str) -> int | None:
    """Return where in ``said`` the last words for a company's own price end: "... and its shares", "sending the stock".

    >>> own_price("'s revenue rose and its shares "), own_price(" shares ")
    (30, None)
    """
    return max((m.end() for m in _EN_OWN.finditer(said)), default=None)
