"""Stated price moves: which percentage belongs to which instrument, over which span of time.

1. :func:`find` walks over the sentences that hold a percent sign and a word of motion.
2. Each *expression* (``涨超2%``, ``涨幅为1.56%``, ``(+6.23%)``, ``fell 10%``) gives direction, values, qualifier.
3. The *subject* is looked for in the same clause, then among the clauses before it, then in the headline;
   a noun phrase that is no known instrument keeps the number from being given to a neighbour.
4. The *basis* comes from the nearest time word that is still in force.

Growth rates, margins, prices of goods, forecasts and conditions are refused: a wrong number costs more than a missing one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from research.move_grammar import (
    CUE,
    DAY_WORD,
    DAYS,
    EN_FILLER,
    EN_REFUSED,
    FILLER,
    FRAME,
    HYPOTHETICAL,
    JOINER,
    OTHER_NOUN,
    PERCENT_SIGN,
    PERIODS,
    PREPOSITION,
    PRICE_NOUN,
    PRICE_ONLY,
    REFUSED,
    WEAK,
    YEAR_ON_YEAR,
    Expression,
    expressions,
)
from research.sentences import Sentence, clauses, within

__all__ = ["Move", "Span", "find"]


@dataclass(frozen=True, slots=True)
class Span:
    """One naming of an instrument in a text."""

    symbol: str
    surface: str
    start: int
    end: int
    role: str = "subject"


@dataclass(frozen=True, slots=True)
class Move:
    """One stated move.

    ``value`` is a signed fraction; ``symbol`` is ``None`` when only a noun phrase (``subject``) is known; ``start, end`` bound the
    quote; ``at`` is where the number stands; ``basis`` is ``None`` when the text does not say.
    """

    symbol: str | None
    subject: str
    value: float
    qualifier: str
    basis: str | None
    start: int
    end: int
    at: int


def find(plain: str, spans: Sequence[Span], sentences: Sequence[Sentence]) -> list[Move]:
    """Return the moves stated in ``plain``, in order of appearance.

    Parameters
    ----------
    plain
        Text as :func:`research.cleaning.plain` gives it.
    spans
        Instruments named in it, sorted by ``start``.
    sentences
        Its sentences.
    """
    # A currency right behind a number is its unit (83.14美元), not what moves.
    spans = [s for s in spans if s.start == 0 or plain[s.start - 1] not in "0123456789亿万千百"]
    found: list[Move] = []
    topic: Span | None = None
    for sentence in sentences:
        inside = within(spans, sentence.start, sentence.end)
        text = plain[sentence.start : sentence.end]
        if PERCENT_SIGN.search(text) and CUE.search(text):
            moves = _in_sentence(plain, sentence, inside, spans, topic)
            found += moves
        topic = next((s for s in inside if s.role != "source"), inside[0] if inside else topic)
    return found


def _in_sentence(plain: str, sentence: Sentence, inside: Sequence[Span], spans: Sequence[Span], topic: Span | None) -> list[Move]:
    pieces = clauses(plain, sentence.start, sentence.end)
    found: list[Move] = []
    last_end, last_subject = sentence.start, None
    period: str | None = None
    for expression in expressions(plain, sentence):
        clause = next(((a, b) for a, b in pieces if a <= expression.start < b), (sentence.start, sentence.end))
        subject = _subject(plain, sentence, pieces, clause, expression, inside, last_subject, last_end)
        if subject is None:
            subject = _from_context(plain, sentence, clause, expression, spans, topic, bool(inside))
        if subject is None or _refused(plain, sentence, clause, expression, subject):
            last_end = expression.end
            continue
        basis = _basis(plain, sentence, clause, expression, last_end)
        # "甲本周跌1%,乙跌2%": the period of the first move goes on until a word for a day.
        if not found and basis in _PERIOD_NAMES and subject[0][2] >= clause[0]:
            period = basis
        elif (
            basis is None
            and period is not None
            and subject[0][2] >= clause[0]
            and not DAY_WORD.search(plain, sentence.start, expression.start)
        ):
            basis = period
        found += _moves(plain, sentence, expression, subject, basis)
        last_end, last_subject = expression.end, subject
    return found


_OTHER_NAME = re.compile(r"[A-Z][A-Za-z]{2,}|ETF|基金|信托")
_RATE = re.compile(r"\^(?:TNX|TYX|FVX|IRX)|2YY=F|[A-Z]{2}\d{2}Y")
_SHARE = re.compile(r"[A-Z]+(?:-[A-Z])?|[A-Z0-9-]+\.[A-Z]{1,3}")
_GOODS = re.compile(r"(?<!股)(?<!收盘)价格?$|期货$|合约$")
_WHOLE = re.compile(r"\d+\s?(?:%|个点|per\s?cent)", re.IGNORECASE)
_PERIOD_NAMES = frozenset({"week", "month", "ytd"})

#: (symbol, surface, start) of each part of a subject
_Subject = list[tuple[str | None, str, int]]


def _subject(
    plain: str,
    sentence: Sentence,
    pieces: Sequence[tuple[int, int]],
    clause: tuple[int, int],
    expression: Expression,
    inside: Sequence[Span],
    last: _Subject | None,
    last_end: int,
) -> _Subject | None:
    before = [s for s in inside if s.end <= expression.start + (1 if expression.bracket else 0)]
    if expression.bracket:
        inner = [s for s in inside if expression.start < s.start < expression.end]
        near = inner or [s for s in before if expression.start - s.end <= 2]
        return [(near[-1].symbol, near[-1].surface, near[-1].start)] if near else None
    local = [s for s in before if s.start >= clause[0]]
    if expression.english:
        return _english_subject(plain, sentence, expression, before, last, last_end)
    if local:
        nearest = local[-1]
        gap = plain[nearest.end : expression.start]
        if (
            _carries(gap, expression)
            and not _of_goods(nearest, gap)
            and not (nearest.start < last_end and last is not None and _names_other(plain[last_end : expression.start]))
        ):
            return _group(plain, local, expression)
        return _named_otherwise(plain, max(clause[0], last_end), expression)
    opening = plain[max(clause[0], last_end) : expression.start]
    reversed_ = _reversed(plain, expression, inside)
    if reversed_:
        return reversed_
    if _rest(opening) and not _only_price(opening) and not PREPOSITION.match(opening.strip()):
        return _named_otherwise(plain, max(clause[0], last_end), expression)
    if expression.verb in WEAK and not PRICE_ONLY.search(opening):
        return None
    if last is not None and last_end <= clause[0] and not any(s.start >= last_end for s in before):
        return last
    if len(expression.values) > 1 and re.search(r"分别|依次", plain[clause[0] : expression.end]):
        listed = _listed(plain, pieces, clause, before, len(expression.values))
        if listed:
            return listed
    return _earlier_clause(plain, pieces, clause, before)


def _listed(plain: str, pieces: Sequence[tuple[int, int]], clause: tuple[int, int], before: Sequence[Span], count: int) -> _Subject | None:
    """Return the names of the clause before (``甲和乙领跌,分别下跌1%和2%``); a name that is no instrument keeps its place."""
    earlier = [p for p in pieces if p[1] <= clause[0]]
    if not earlier:
        return None
    start, end = earlier[-1]
    names = [m for m in re.finditer(r"[^、和与及]+", plain[start:end])][-count:]
    if len(names) != count:
        return None
    found: _Subject = []
    for name in names:
        span = next((s for s in before if start + name.start() <= s.start < start + name.end()), None)
        text = re.sub(r"(?:领涨|领跌|相对抗跌|抗跌|涨幅|跌幅|表现|居前|等).*$", "", name.group()).strip()
        found.append((span.symbol, span.surface, span.start) if span else (None, text, start + name.start()))
    return found


def _rest(text: str) -> str:
    return FILLER.sub("", text)


def _only_price(opening: str) -> bool:
    """Tell whether the opening of a clause says no more than that a price moved: 股价, 消息公布后公司股价; not 某公司 Vistry股价."""
    return bool(PRICE_ONLY.search(opening)) and not _OTHER_NAME.search(opening)


def _names_other(text: str) -> bool:
    return bool(OTHER_NOUN.search(text))


def _carries(gap: str, expression: Expression) -> bool:
    """Tell whether a move behind ``gap`` still belongs to the instrument before the gap."""
    rest = _rest(gap)
    if not rest:
        return True
    if REFUSED.search(gap):
        return False
    if re.match(r"等(?:[^,]{0,18}(?:股|公司|企业|个股|成分股|巨头|品种|指数))?", gap) and len(rest) <= 18:
        return True
    if expression.verb in WEAK:
        return bool(PRICE_NOUN.search(gap)) and len(rest) <= 12
    return len(rest) <= 40 and (bool(PRICE_NOUN.search(gap)) or bool(PREPOSITION.match(gap.lstrip("的"))))


def _of_goods(nearest: Span, gap: str) -> bool:
    """Tell whether the price behind a company's name is that of goods: 洲际交易所(ICE)阿拉比卡咖啡价格."""
    said = _rest(gap)
    return (
        len(said) > 2
        and bool(_SHARE.fullmatch(nearest.symbol))
        and bool(_GOODS.search(gap.strip()))
        and bool(_rest(_GOODS.sub("", gap.strip())))
    )


def _group(plain: str, local: Sequence[Span], expression: Expression) -> _Subject:
    group = [local[-1]]
    for span in reversed(local[:-1]):
        joiner = plain[span.end : group[0].start]
        if not JOINER.fullmatch(joiner):
            break
        group.insert(0, span)
    return [(s.symbol, s.surface, s.start) for s in group]


def _named_otherwise(plain: str, start: int, expression: Expression) -> _Subject | None:
    """Return the noun phrase of an index, sector or fund that is not a known instrument."""
    nouns = list(OTHER_NOUN.finditer(plain, start, expression.start))
    if not nouns or expression.verb in WEAK:
        return None
    noun = nouns[-1]
    if _rest(plain[noun.end() : expression.start]):
        return None
    return [(None, noun["noun"], noun.start())]


def _reversed(plain: str, expression: Expression, inside: Sequence[Span]) -> _Subject | None:
    after = next((s for s in inside if s.start >= expression.end), None)
    if after is not None and re.fullmatch(r"的[^,、。%]{0,4}", plain[expression.end : after.start]):
        return [(after.symbol, after.surface, after.start)]
    return None


def _earlier_clause(plain: str, pieces: Sequence[tuple[int, int]], clause: tuple[int, int], before: Sequence[Span]) -> _Subject | None:
    """Return the topic an elided subject continues: the instrument that opens the nearest earlier clause, else the sentence's first."""
    if not before:
        noun = None
        for start, end in pieces:
            if end <= clause[0]:
                noun = OTHER_NOUN.search(plain, start, end) or noun
        return [(None, noun["noun"], noun.start())] if noun else None
    for start, end in reversed([p for p in pieces if p[1] <= clause[0]]):
        named = [s for s in before if start <= s.start < end]
        if not named:
            continue
        opening = [s for s in named if not _rest(plain[start : s.start]) and not FRAME.search(plain[s.end : end])]
        pick = (
            opening[:1]
            or [
                s
                for s in named
                if re.match(r"(?:\S{0,6}(?:指数|期货|价格|股价|期价|合约))?(?:报|收|上涨|下跌|涨|跌|日内|明显|强势)", plain[s.end : end])
            ][-1:]
        )
        if pick:
            return [(pick[0].symbol, pick[0].surface, pick[0].start)]
    first = before[0]
    return [(first.symbol, first.surface, first.start)]


def _from_context(
    plain: str,
    sentence: Sentence,
    clause: tuple[int, int],
    expression: Expression,
    spans: Sequence[Span],
    topic: Span | None,
    named: bool,
) -> _Subject | None:
    """Return the subject of a move in a sentence that leaves it out."""
    opening = plain[clause[0] : expression.start]
    if sentence.headline and not named and not _rest(opening):
        line = plain.find("\n")
        rest = [s for s in spans if s.start < (line if line >= 0 else len(plain))]
        return [(rest[0].symbol, rest[0].surface, sentence.start)] if rest else None
    if named or topic is None or topic.role == "source" or not _only_price(opening):
        return None
    return [(topic.symbol, topic.surface, clause[0])]


def _english_subject(
    plain: str, sentence: Sentence, expression: Expression, before: Sequence[Span], last: _Subject | None, last_end: int
) -> _Subject | None:
    local = [s for s in before if s.start >= last_end or s.start >= sentence.start]
    if not local:
        return None
    nearest = local[-1]
    gap = plain[nearest.end : expression.start]
    if nearest.start < last_end:
        # "Nvidia fell 2% and was down 3% for the week": the same subject goes on.
        return (
            last
            if last is not None and not EN_FILLER.sub("", re.sub(r"\b(?:and|but|then|while)\b", "", plain[last_end : expression.start]))
            else None
        )
    gap = re.sub(r"^,[^,%\d]{1,60},", " ", gap)
    rest = EN_FILLER.sub("", gap)
    if rest and (EN_REFUSED.search(gap) or not (re.search(r"\b(?:shares?|stock)\b", gap, re.IGNORECASE) and len(gap) <= 60)):
        return None
    return _group(plain, local, expression)


def _refused(plain: str, sentence: Sentence, clause: tuple[int, int], expression: Expression, subject: _Subject) -> bool:
    start = max(sentence.start, min(subject[0][2], expression.start)) if len(subject) == 1 else clause[0]
    surface_end = subject[-1][2] + len(subject[-1][1]) if subject[-1][2] >= sentence.start else clause[0]
    gap = plain[max(surface_end, sentence.start) : expression.start] if surface_end <= expression.start else ""
    tail = plain[expression.end : expression.end + 24]
    if expression.english:
        return bool(EN_REFUSED.search(gap) or HYPOTHETICAL.search(plain[clause[0] : expression.start]) or YEAR_ON_YEAR.match(tail))
    local = plain[max(clause[0], start) : expression.start]
    if REFUSED.search(local[len(subject[0][1]) :] if start >= clause[0] and len(subject) == 1 else gap) and not PRICE_NOUN.search(gap):
        return True
    # a yield that rises to 1.9% has that level; it has not moved by it
    if subject[0][0] and _RATE.fullmatch(subject[0][0]) and "至" in plain[expression.start : expression.end]:
        return True
    if tail[:1] == "?" and not _rest(local):
        return True  # 只跌15%?
    condition = re.search(r"若|如果|假如|倘若|一旦|假设", plain[sentence.start : expression.start])
    return bool(condition or HYPOTHETICAL.search(gap) or re.match(r"的(?:概率|可能|空间|目标|预期|关税|税率|股份|股权)", tail))


def _basis(plain: str, sentence: Sentence, clause: tuple[int, int], expression: Expression, last_end: int) -> str | None:
    """Return the span of time nearest to a move: said in its own clause, else at the head of its sentence."""
    local = plain[max(clause[0], last_end) : expression.end]
    if expression.english:
        local += " " + plain[expression.end : min(sentence.end, expression.end + 40)]
    *sure, (vague, cumulative) = PERIODS
    named = next((name for name, pattern in sure if pattern.search(local)), None)
    if named is not None:
        return named
    if DAY_WORD.search(local):
        return _last_day_word(local)
    opening = plain[sentence.start : max(clause[0], sentence.start)]
    period = next((name for name, pattern in sure if _governs(opening, pattern)), None)
    if cumulative.search(local):
        return period or vague
    return _last_day_word(local) or period or _last_day_word(opening)


def _last_day_word(said: str) -> str | None:
    """Return the part of the day named last: a share that opened at its limit and closed there closed there."""
    last = [(match.start(), name) for name, pattern in DAYS for match in pattern.finditer(said)]
    return max(last)[1] if last else None


def _governs(opening: str, pattern: re.Pattern[str]) -> bool:
    """Tell whether a time word ("本周,") at the head of a clause before still holds: no word for a day has taken over."""
    found = list(pattern.finditer(opening))
    return bool(found) and _scopes(opening, found[-1]) and not DAY_WORD.search(opening, found[-1].end())


def _scopes(opening: str, period: re.Match[str]) -> bool:
    """Tell whether a period stands at the head of its clause (it then governs what follows), not inside another statement."""
    head = re.split(r"[,:;]", opening[: period.start()])[-1]
    tail = re.split(r"[,:;]", opening[period.end() :])[0]
    return not _rest(head) and "%" not in tail


def _moves(plain: str, sentence: Sentence, expression: Expression, subject: _Subject, basis: str | None) -> list[Move]:
    pairs = _zipped(plain, expression, subject)
    first = min((part[2] for part in subject if sentence.start <= part[2]), default=expression.start)
    start = min(first, expression.start)
    if start < sentence.start:
        start = expression.start
    end = max(expression.end, max((p[2] + len(p[1]) for p in subject if p[2] >= expression.start), default=0))
    if end - start > 200:
        start = max(start, expression.start - 60)
    return [
        Move(symbol, surface, value, _rounded(plain, at, expression.qualifier), basis, start, end, at)
        for (symbol, surface, _), (value, at) in pairs
    ]


def _rounded(plain: str, at: int, qualifier: str) -> str:
    """Return the qualifier of a number: a whole percentage is a rounded one, so that it is only about right."""
    return "about" if qualifier == "exact" and _WHOLE.match(plain, at) else qualifier


def _zipped(plain: str, expression: Expression, subject: _Subject) -> list[tuple[tuple[str | None, str, int], tuple[float, int]]]:
    """Pair the i-th name of a list with the i-th number; names no instrument is known for still take their place."""
    if len(expression.values) == 1:
        return [(part, expression.values[0]) for part in subject]
    end = subject[-1][2] + len(subject[-1][1])
    names = re.split(r"、|和|与|以及|及|,| and ", plain[subject[0][2] : end])
    if len(names) == len(expression.values) or len(subject) == len(expression.values):
        if len(subject) == len(expression.values):
            return list(zip(subject, expression.values, strict=True))
        offset, pairs = subject[0][2], []
        for name, value in zip(names, expression.values, strict=True):
            at = plain.index(name, offset)
            pairs += [(part, value) for part in subject if at <= part[2] < at + len(name)]
            offset = at + len(name)
        return pairs
    return [(part, expression.values[0]) for part in subject] if len(subject) == 1 else []
