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
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile

from research import move_english
from research.move_grammar import (
    CUE,
    EN_REFUSED,
    HYPOTHETICAL,
    OF_CURRENCY,
    PERCENT_SIGN,
    PRICE_NOUN,
    REFUSED,
    TRADED,
    YEAR_ON_YEAR,
    Expression,
    expressions,
)
from research.move_periods import AGAINST, DAY_WORD, PERIODS, handed_on, last_day_word
from research.move_subjects import SHARE, Span, Subject, joined, subject, unfilled, without_asides
from research.move_topics import Topic, from_context, of_twin
from research.sentences import BATCH, Sentence, by_part, clauses

__all__ = ["RATE", "Move", "Span", "find", "quoted"]


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
    return list(_stated(plain, tuple(spans), tuple(sentences)))


@lru_cache(maxsize=BATCH)  # tone, events and facts ask for the same
def _stated(plain: str, named: tuple[Span, ...], sentences: tuple[Sentence, ...]) -> tuple[Move, ...]:
    # A currency right behind a number is its unit (83.14美元), not what moves.
    spans = [s for s in named if (s.start == 0 or plain[s.start - 1] not in "0123456789亿万千百") and not _CHAIN.match(plain, s.end)]
    spans = joined(plain, spans)
    found: list[Move] = []
    near, told, since = None, 0, 0
    lead = next((s for s in spans if SHARE.fullmatch(s.symbol) and s.role != "source"), None)
    if lead is None or not sentences or not sentences[0].headline or "\n" in plain[: lead.start]:
        lead = None
    for number, (sentence, inside) in enumerate(zip(sentences, by_part(spans, sentences), strict=True)):
        text = plain[sentence.start : sentence.end]
        if PERCENT_SIGN.search(text) and CUE.search(text):
            topic = Topic(near, lead, number - told, "\n" in plain[since : sentence.start], _moved(found, sentences, number, plain))
            listed = found[-1].basis if found and number and plain[sentences[number - 1].end - 1] in ";;" else None
            found += [_summed(plain, sentence, move, listed) for move in _in_sentence(plain, sentence, inside, spans, topic)]
        if inside:
            near, told, since = next((s for s in inside if s.role != "source"), inside[0]), number, sentence.end
    return tuple(found)


def _summed(plain: str, sentence: Sentence, move: Move, listed: str | None) -> Move:
    """Return ``move`` over the period of the list it goes on behind a semicolon: 甲本周累跌1%;乙累跌2%."""
    (_, since), *_, (vague, cumulative) = PERIODS
    said = plain[sentence.start : move.at]
    goes_on = listed in _PERIOD_NAMES and move.basis == vague and cumulative.search(said) and not since.search(said)
    return replace(move, basis=listed) if goes_on else move


def _moved(found: Sequence[Move], sentences: Sequence[Sentence], number: int, plain: str) -> Span | None:
    """Return what the sentence before ``number`` told the move of: behind a semicolon the first of its instruments, else its only one."""
    before = sentences[number - 1] if number else None
    if before is None or "\n" in plain[before.end - 1 : sentences[number].start]:
        return None
    told = [m for m in takewhile(lambda m: m.at >= before.start, reversed(found)) if m.symbol is not None][::-1]
    if not told or (len({m.symbol for m in told}) > 1 and plain[before.end - 1] not in ";;"):
        return None
    return Span(told[0].symbol or "", told[0].subject, told[0].start, told[0].end)


def quoted(move: Move) -> float:
    """Return the move of the symbol's own quotation: ``JPY=X`` counts yen to the dollar and falls when the yen rises.

    >>> quoted(Move("JPY=X", "日元", 0.03, "exact", None, 0, 6, 4)), quoted(Move("JPY=X", "美元兑日元", 0.03, "exact", None, 0, 9, 7))
    (-0.03, 0.03)
    """
    return -move.value if per_dollar(move.symbol) and not dollar_first(move.subject) else move.value


def per_dollar(symbol: str | None) -> bool:
    """Return whether a symbol counts a currency to the dollar, so that it falls when the currency rises: ``JPY=X``, not ``EURUSD=X``."""
    return _PER_DOLLAR.fullmatch(symbol or "") is not None


def dollar_first(name: str) -> bool:
    """Return whether a currency goes by a pair that begins with the dollar: 美元兑日元."""
    return _DOLLAR_FIRST.match(name) is not None


def _in_sentence(plain: str, sentence: Sentence, inside: Sequence[Span], spans: Sequence[Span], topic: Topic) -> list[Move]:
    pieces = clauses(plain, sentence.start, sentence.end)
    found: list[Move] = []
    last_end, last_subject = sentence.start, None
    period: str | None = None
    stated = expressions(plain, sentence)
    stated = sorted([*stated, *_elided(plain, sentence, stated, inside)], key=lambda e: e.start)
    for expression in (_beside(e, inside) for e in stated):
        clause = next(((a, b) for a, b in pieces if a <= expression.start < b), (sentence.start, sentence.end))
        if expression.english:
            whose = move_english.subject(plain, sentence, expression, inside, last_subject, last_end)
        else:
            whose = subject(plain, sentence, pieces, clause, expression, inside, last_subject, last_end)
        if whose is None:
            whose = from_context(plain, sentence, clause, expression, inside, spans, topic)
        if (
            whose is None
            or _refused(plain, sentence, clause, expression, whose, last_end if whose is last_subject else 0)
            or of_twin(plain, clause, expression, whose)
        ):
            last_end = expression.end
            continue
        basis = _basis(plain, sentence, clause, expression, last_end, whose, goes_on=_same(whose, last_subject))
        # "甲本周跌1%,乙跌2%": the period of the first move goes on until a word for a day.
        headed = basis in _PERIOD_NAMES or (basis == "other" and _HEAD_PERIOD.match(plain, sentence.start))
        if not found and headed and whose[0][2] >= clause[0]:
            period = basis
        elif (
            basis is None
            and period is not None
            and whose[0][2] >= clause[0]
            and not DAY_WORD.search(_BRACKETED.sub("", plain[sentence.start : expression.start]))
        ):
            basis = period
        elif basis == "other" and found and found[-1].basis not in _LONGER and _MEANWHILE.search(plain, last_end, expression.start):
            basis = found[-1].basis
        found += _moves(plain, sentence, expression, whose, basis)
        last_end, last_subject = expression.end, whose
    return found


def _elided(plain: str, sentence: Sentence, stated: Sequence[Expression], inside: Sequence[Span]) -> list[Expression]:
    """Return the moves of an English list that leaves the verb out: Qualcomm gained 4.4%, [Broadcom 3.1%] and [Micron 2.2%]."""
    found: list[Expression] = []
    for verb in (e for e in stated if e.english and e.verb != "in" and len(e.values) == 1):
        end = verb.end
        for span in (s for s in inside if s.start >= verb.end):
            match = _NUMBER_BEHIND.match(plain, span.end, sentence.end)
            if match is None or not _AND.fullmatch(plain, end, span.start):
                break
            value = float(f"{float(match['digits']) / 100:.10g}") * (1.0 if verb.values[0][0] > 0 else -1.0)
            found.append(
                replace(verb, start=match.start("digits"), end=match.end(), values=((value, match.start("digits")),), qualifier="exact")
            )
            end = match.end()
    return found


def _beside(expression: Expression, inside: Sequence[Span]) -> Expression:
    """Return ``expression`` without the end of a name it took for a part of its verb: 恒大|涨, not 恒|大涨."""
    name = next((s for s in inside if s.start < expression.start < s.end <= expression.values[0][1]), None)
    return expression if name is None or expression.bracket else replace(expression, start=name.end)


_NUMBER_BEHIND = re.compile(r"(?:\s\([A-Z.:\s]+\))?\s(?P<digits>\d+(?:\.\d+)?|\.\d+)(?:%|\sper\s?cent)")
#: what a tail tells of another day: "... in extended trading after closing at $84", "having closed Monday at ..."
_EN_EARLIER = re.compile(
    r",?\s(?:after|having|from|before)\s(?:clos|end|finish)|\s(?:after(?!\s(?:hours|the\s(?:bell|close)|market))|as(?!\sof|\smuch)|amid|because|despite)\s|%|;|\b(?:worst|best|biggest|largest|steepest|sharpest|lowest|highest|first|longest|(?<!from\sa\s)record)\b|,\s(?:while|but|and)\s",
    re.IGNORECASE,
)
_EN_TAIL = 60
#: "in the fourth quarter, when its shares fell 5%"
_EN_WHEN = re.compile(r"\s?when\s")
#: ", which reports after the close,"
_EN_ASIDE = re.compile(r",\s(?:which|who|whose)\s[^,]*,")
#: "its stake in JPMorgan climbed 19%": what is held, not its price
_HELD = re.compile(
    r"\b(?:stakes?|holdings?|positions?|bets?|investments?|exposure|sales|revenue|profit|orders)\s(?:in|on|of|to|at|from)\s(?:the\s)?\Z",
    re.IGNORECASE,
)
_AND = re.compile(r",?\s(?:and\s)?(?:the\s)?")
#: symbols of yields, not of what is bought at them
RATE = re.compile(r"\^(?:TNX|TYX|FVX|IRX)|2YY=F|[A-Z]{2}\d{2}Y")
_CURRENCY = re.compile(r"=X$|-USD$|DX-Y\.NYB$")
#: what has no share price
_NO_SHARE = re.compile(r"^\^|=F$|=X$|-USD$|^[A-Z]+:")
_SHARE_PRICE = re.compile(r"股价(?!指数)|该股|公司股")
_OF_SHARE = re.compile(r"股[价票]|[该其]股")
#: 车主贴出的报价,…涨幅达七成: what a company or a house asks for its goods
_OF_GOODS = re.compile(
    r"报价(?!\s?[\d于为]|[:])|[售票批单车房租运均]价|保费|保单|租金|(?:加工|手续|服务|管理|配送)费|(?<!股)(?<!收盘)(?<!发行)价格"
)
_PER_DOLLAR = re.compile(r"[A-Z]{3}=X")
_DOLLAR_FIRST = re.compile(r"美元|USD|US dollar|dollar", re.IGNORECASE)
_WHOLE = re.compile(r"\d+\s?(?:%|个点|per\s?cent)", re.IGNORECASE)
_PERIOD_NAMES = frozenset({"week", "month", "ytd"})
_LONGER = _PERIOD_NAMES | {"other"}
_EITHER = re.compile(r"[前后]者")
#: 苹果|链个股, 比特币|ETF: those that supply it, what holds it
_CHAIN = re.compile(r"(?:产业)?链(?:个股|概念|公司|龙头|股)|ETF")
#: 甲隔夜跌1%,而同期纳指跌2%: over the same session
_MEANWHILE = re.compile(r",而?同期")
#: 假期期间(10月1日至8日),
_HEAD_PERIOD = re.compile(r"[^,%。]{0,12}(?:期间|以来|(?:天|日|周|个?月|年)(?:里|内|来|间))(?:\([^)]*\))?,")
#: 股价在财报后上涨7%: some days since, unless one is named
_REPORTED = re.compile(r"在财报后(?!累|已|至今)")
#: 盘前仅涨1%,稍早一度涨近5%
#: 某公司9月跌去17%: no contract of that month, which shares do not have
_IN_MONTH = re.compile(r"(?<![\d年])(?:1[0-2]|[1-9])月份?[里内]?(?=[上下大暴累]?[涨跌])")
_AT_FIRST = re.compile(r"(?:但|而|其|此前|之前|早些时候|稍早|曾|股价)*(?:一度|最多)")
_SETTLES = re.compile(r"[,(]?\s?(?:收于|报收|收报)")
#: 上周|涨势如虹的券商股领跌: what is known of them, not when they fell
_WELL_KNOWN = re.compile(r"[^,%]{0,8}[涨跌升挫][^,%]{0,6}的[一-龥]")
_BRACKETED = re.compile(r"[(][^()]*[)]")
#: what may stand right in front of 掉 where it means a fall, not the end of something done
_FELL_OFF = re.compile(
    r"(?:[已就都便又再也却仅只了才则均曾周月日天里中内此]|股价|盘[前中后初]|[开收]盘|一度|反而|最多|累计|再度|继续|进一步)$"
)
_RANGE = re.compile(r"(?:[至到~-]|—+)\d[\d.]*%")
#: 上一次单日跌幅接近10%是在2024年9月3日: a measure for what follows
_LAST_SEEN = re.compile(r",?还?(?:是在|[要得需须]追溯)")
_THEN = re.compile(r"[就便即则需]|买入|卖出")


def _refused(plain: str, sentence: Sentence, clause: tuple[int, int], expression: Expression, subject: Subject, told: int) -> bool:
    """Return whether ``expression`` is no move of ``subject``, whose last move in the sentence ended at ``told``."""
    start = max(sentence.start, min(subject[0][2], expression.start)) if len(subject) == 1 else clause[0]
    surface_end = subject[-1][2] + len(subject[-1][1]) if subject[-1][2] >= sentence.start else clause[0]
    gap = plain[max(surface_end, sentence.start, told) : expression.start] if surface_end <= expression.start else ""
    tail = plain[expression.end : expression.end + 24]
    if expression.english:
        if _HELD.search(plain, sentence.start, max(sentence.start, subject[0][2])):
            return True
        gap = gap[move_english.own_price(gap) or 0 :]
        return bool(EN_REFUSED.search(gap) or HYPOTHETICAL.search(plain[clause[0] : expression.start]) or YEAR_ON_YEAR.match(tail))
    local = plain[max(clause[0], start) : expression.start]
    if expression.verb == "掉" and surface_end < expression.start and not _FELL_OFF.search(plain, sentence.start, expression.start):
        return True  # 砍掉三成
    if surface_end <= clause[0] and (TRADED.search(plain, clause[0], expression.start + 2) or _EITHER.match(plain, clause[0])):
        gap = local  # the clauses between tell what happened before: 已就租金达成一致,该股今天下跌2.9%
    if (
        surface_end <= clause[0]
        and subject[0][0]
        and SHARE.fullmatch(subject[0][0])
        and _OF_GOODS.search(gap)
        and not _OF_SHARE.search(gap)
    ):
        return True
    stands = start >= clause[0] and len(subject) == 1
    between = local.removeprefix(subject[0][1]) if stands else gap
    if REFUSED.search(without_asides(between)) and not PRICE_NOUN.search(gap):
        return True
    if _SHARE_PRICE.search(local) and subject[0][0] and _NO_SHARE.search(subject[0][0]):
        return True
    if expression.verb in OF_CURRENCY and not (subject[0][0] and _CURRENCY.search(subject[0][0])):
        return True
    # 涨停或涨超10%, 每上涨1%, 上涨1%就买入: no statement of what happened
    if plain[expression.start - 1 : expression.start] in ("或", "每") or _THEN.match(tail):
        return True
    # a yield that rises to 1.9% has that level; it has not moved by it
    if subject[0][0] and RATE.fullmatch(subject[0][0]) and "至" in plain[expression.start : expression.end]:
        return True
    if _RANGE.match(tail):
        return True  # 三家公司已下挫5%至7%
    if tail[:1] == "?" and not unfilled(local):
        return True  # 只跌15%?
    if _LAST_SEEN.match(tail):
        return True
    condition = re.search(r"若|如果|假如|倘若|一旦|假设", plain[sentence.start : expression.start])
    return bool(
        condition or HYPOTHETICAL.search(without_asides(gap)) or re.match(r"的(?:概率|可能|空间|目标|预期|关税|税率|股份|股权)", tail)
    )


def _basis(
    plain: str, sentence: Sentence, clause: tuple[int, int], expression: Expression, last_end: int, whose: Subject, *, goes_on: bool
) -> str | None:
    """Return the span of time nearest to a move: said in its own clause, else at the head of its sentence.

    ``goes_on`` tells whether the move before it was of the same subject: its own 一度 is then one of the same trading.
    """
    local = AGAINST.sub("", plain[max(clause[0], last_end) : expression.end])
    if whose[0][0] and SHARE.fullmatch(whose[0][0]) and _IN_MONTH.search(local):
        return "month"
    if expression.english:
        local = _EN_ASIDE.sub(" ", local)
        tail = _EN_EARLIER.split(plain[expression.end : min(sentence.end, expression.end + _EN_TAIL)])[0]
        local += " " + tail
    if DAY_WORD.search(plain, sentence.start, expression.start):
        local = _REPORTED.sub("", local)
    *sure, (vague, cumulative) = PERIODS
    named = next((name for name, pattern in sure if pattern.search(local)), None)
    if named is not None:
        return named
    if DAY_WORD.search(local):
        outside = goes_on and _AT_FIRST.match(local) and last_day_word(plain[sentence.start : clause[0]]) == "after_hours"
        own = last_day_word(local) or (last_day_word(plain[sentence.start : clause[0]]) if "单日" in local else None)
        return "after_hours" if outside else own
    opening = _BRACKETED.sub("", plain[sentence.start : max(clause[0], sentence.start)])
    opening = _EN_ASIDE.sub(" ", opening) if expression.english else opening
    if expression.english and _EN_WHEN.match(plain, clause[0]):
        named = next((name for name, pattern in sure if pattern.search(opening[-_EN_TAIL:])), None)
        if named is not None:
            return named
    period = next((name for name, pattern in sure if _governs(opening, pattern)), None)
    if cumulative.search(local):
        return period or vague
    own = last_day_word(local) or ("close" if _SETTLES.match(plain, expression.end) else None)
    return own or period or handed_on(last_day_word(opening), whose[0][0])


def _same(one: Subject, other: Subject | None) -> bool:
    return other is not None and [part[0] for part in one] == [part[0] for part in other]


def _governs(opening: str, pattern: re.Pattern[str]) -> bool:
    """Tell whether a time word ("本周,") at the head of a clause before still holds: no word for a day has taken over."""
    found = list(pattern.finditer(opening))
    return bool(found) and _scopes(opening, found[-1]) and not DAY_WORD.search(opening, found[-1].end())


def _scopes(opening: str, period: re.Match[str]) -> bool:
    """Tell whether a period stands at the head of its clause (it then governs what follows), not inside another statement."""
    head = re.split(r"[,:;]", opening[: period.start()])[-1]
    tail = re.split(r"[,:;]", opening[period.end() :])[0]
    return not unfilled(head) and "%" not in tail and not _WELL_KNOWN.match(tail)


def _moves(plain: str, sentence: Sentence, expression: Expression, subject: Subject, basis: str | None) -> list[Move]:
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


def _zipped(plain: str, expression: Expression, subject: Subject) -> list[tuple[tuple[str | None, str, int], tuple[float, int]]]:
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
