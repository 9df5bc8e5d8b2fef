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

from research.numbers import NUMBER, PERCENT, QUALIFIERS, number, qualifier
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


_UP = "上涨|收涨|大涨|暴涨|狂涨|飙涨|微涨|累涨|领涨|涨幅|升幅|涨|飙升|飚升|急升|收升|收高|高开|反弹|走高|走强|拉升|冲高|攀升|回升|上升|上行|升"
_DOWN = "下跌|收跌|大跌|暴跌|狂跌|急跌|微跌|累跌|领跌|崩跌|跌幅|降幅|跌|重挫|下挫|收挫|挫|跳水|收低|低开|回撤|回调|走低|走弱|回落|下滑|下行|下探"
#: words that move numbers of any kind; they count only right behind an instrument or the word for its price
_WEAK = frozenset({"攀升", "回升", "上升", "上行", "升", "升幅", "降幅", "回落", "下滑", "下行", "回撤", "走高", "走低", "走强", "走弱"})
_POINTS = rf"(?:{NUMBER}(?:个?点|美元|港元|人民币|元|美分|便士|日元|欧元)(?:/[盎司桶吨克股]+)?[,或、\s(]*(?:涨幅|跌幅|升幅|幅度)?)?"
_ADVERB = rf"(?:了|幅|度|已|均|都|已经|分别|依次|各|为|达到|达|扩大至|扩大到|收窄至|收窄到|至|一度|{QUALIFIERS}|\s)*"
_LIST = rf"(?:(?:、|,|和|与|及|以及)\s*(?:和|及)?\s*{QUALIFIERS}?[-+]?{NUMBER}{PERCENT})*"
_ZH = re.compile(rf"(?P<verb>{_UP}|{_DOWN})(?P<adverb>{_ADVERB}{_POINTS}{_ADVERB})(?P<values>[-+−]?{NUMBER}{PERCENT}{_LIST})(?P<after>以上|左右|上下|多)?")
_BRACKET = re.compile(rf"[(](?P<inner>[^()%]{{0,24}}?)(?P<sign>[-+−]|涨|跌)(?P<word>超|近|约|逾)?(?P<digits>{NUMBER}){PERCENT}[)]")
_ONE = re.compile(rf"[-+−]?({NUMBER}){PERCENT}")

_EN_UP = r"rose|rises|rise|rising|risen|gained|gains|gain|gaining|jumped|jumps|jump|jumping|surged|surges|surge|surging|climbed|climbs|climb|climbing|soared|soars|soar|soaring|rallied|rallies|rally|rallying|advanced|advances|advance|added|adds|leapt|leaps|spiked|spikes|popped|pops|up|higher"
_EN_DOWN = (
    r"fell|falls|fall|falling|fallen|dropped|drops|drop|dropping|slid|slides|slide|sliding|slipped|slips|slip|slipping|sank|sinks|sink|sinking|plunged|plunges|plunge|plunging|tumbled|tumbles|tumble|tumbling|"
    r"declined|declines|decline|declining|lost|loses|lose|losing|shed|sheds|shedding|slumped|slumps|slump|slumping|dipped|dips|dip|eased|eases|crashed|crashes|sinks|plummeted|plummets|retreated|retreats|down|lower"
)
_EN = re.compile(
    rf"\b(?P<verb>{_EN_UP}|{_EN_DOWN})(?P<adverb>(?:\s+(?:sharply|further|modestly|slightly|early|{QUALIFIERS}|\d[\d,.]* points?,?(?: or)?))*)\s+(?P<values>{NUMBER}{PERCENT}(?:(?:,| and|, and) {NUMBER}{PERCENT})*)",
    re.IGNORECASE,
)
_EN_AFTER = re.compile(rf"\b(?:closed?s?|end(?:ed|s)?|finish(?:ed|es)?|trad(?:ed|ing|es)|was|were|is|are|opened)(?P<adverb>(?:\s+{QUALIFIERS})*)\s+(?P<values>{NUMBER}{PERCENT})\s+(?P<verb>higher|lower|up|down)\b", re.IGNORECASE)
_EN_RISES = re.compile(rf"(?:{_EN_UP})$", re.IGNORECASE)

# What may stand between an instrument and its move without naming anything else.
_FILLER = re.compile(
    rf"股价|股份|股票|价格|币价|期价|指数|期货|期铜|现货|主力|合约|连续|主连|综合|ADRs?|ADS|[HAB]股|美股|港股|夜盘|日盘|亚盘|盘中|盘前|盘后|尾盘|早盘|午盘|午后|开盘|收盘|收市|收市后|截至|截止|发稿|"
    rf"一度|仍然|仍|继续|再度|再次|再|又|也|则|却|均|都|已经|已|双双|齐齐|齐|集体|全线|普遍|多数|分别|依次|各|纷纷|日内|当日|当天|当周|今日|今天|昨日|昨天|昨夜|昨晚|今早|隔夜|一夜|一日|近日|"
    rf"(?:本周|上周|周|星期)[一二三四五六日天]|本周|上周|一周|全周|累计|年内|今年以来|今年|年初至今|以来|迄今|本月|日|最多|最大|最高|最深|单日|大幅|小幅|微幅|震荡|应声|随后|随即|短线|直线|强势|走势|"
    rf"走高|走强|走低|走弱|冲高|高开高走|低开低走|由涨转跌|由跌转涨|转涨|转跌|转|率先|小|大|劲|狂|暴|猛|崩|收|报收于?|收于|收报|报价|报|每[吨桶盎司克股]|(?:较|比)?(?:前|上)一?个?交易日|较|集团|控股|公司|有限|"
    rf"(?:上涨|下跌|涨|跌){NUMBER}(?:个?点|美元|港元|元|美分)|涨停|跌停|封板|幅度?|扩大|收窄|{NUMBER}\s?(?:个?点|美元|港元|人民币|元|欧元|英镑|日元|美分|便士)?(?:/(?:盎司|桶|吨|克|股))?|"
    rf"[(][^()]*[)]?|[月年点时分许号]|[\s,.:、\"“”'‘’《》/)+\-•·]"
)
_EN_FILLER = re.compile(
    r"\b(?:shares?|stocks?|stock price|share price|prices?|index|futures|adrs?|ads|inc|corp|ltd|plc|co|group|holdings|on|in|the|an?|early|late|premarket|pre-market|after-hours|afterhours|after|hours|trading|trade|session|today|"
    r"monday|tuesday|wednesday|thursday|friday|yesterday|overnight|morning|afternoon|which|that|had|has|have|were|was|is|are|also|both|all|each|respectively|closed|ended|finished|traded|opened|composite|average|"
    r"at one point|briefly|meanwhile|initially|sharply|to|as|its|listed|hong kong|us|u\.s\.|new york|this|week|month|year)\b|'s?|[\s,.()\d%:;\"“”+-]",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"(?:的?股价)?(?:在|因|受|于|自|从|随|将|由|较|比|经|以|继|遭|创|被|凭|借|伴|跟随|距)")
_PRICE_NOUN = re.compile(r"(?:股价|股份|股票|币价|金价|银价|铜价|油价|期价|价格|收盘价)[^,]{0,12}$")
_PRICE_ONLY = re.compile(r"(?:该股|其股价|公司股价|该公司|股价|股票|币价|the stock|its shares|the shares|shares)", re.IGNORECASE)
_OTHER_NOUN = re.compile(r"(?P<noun>[^\s,.:、()\"“”。;•]{1,24}?(?:指数|板块|概念股?|行业|ETF|股市|大盘|股指|个股|类股|期货|合约))(?=$|[^一-龥]|[收盘午早尾一日本当周今昨昨隔今累全]|[涨跌])")

_REFUSED = re.compile(
    r"同比|环比|年率|营收|营业|收入|净利|利润|盈利|亏损|销量|销售|出货|产量|产能|订单|用户|客户|客流|票房|CPI|PPI|GDP|PMI|通胀|物价|房价|租金|电价|运价|收益率|利率|利差|汇率中间价|毛利|费用|成本|保费|费率|赔付|指引|目标价|"
    r"占比|比例|份额|渗透率|增速|增长|总市值|估值|市盈率|溢价|折价|保证金|限制|库存|关税|税率|薪|工资|就业|失业|人数|预算|支出|投资|敞口|仓位|成交[额量]|换手|偏离值|幅度限制|目标|均价涨|产值|贸易|出口|进口|需求|供应|供给|PE\b|PB\b",
    re.IGNORECASE,
)
_EN_REFUSED = re.compile(
    r"\b(?:revenues?|sales|profits?|income|earnings|margins?|yields?|eps|guidance|inflation|cpi|gdp|pmi|year[- ]over[- ]year|from a year|year on year|deliveries|shipments|output|production|costs?|spending|capex|orders|volumes?|users|subscribers|"
    r"dividend|market share|stake|tariffs?|rates?|price target|target|workforce|staff|jobs|unemployment|exports?|imports?|demand|forecast|bookings|cash|debt)\b",
    re.IGNORECASE,
)
_YEAR_ON_YEAR = re.compile(r"\s*(?:year[- ](?:over|on)[- ]year|yoy|y/y|from a year|from the (?:same|previous|prior)|compared with|a year\b)", re.IGNORECASE)
_HYPOTHETICAL = re.compile(r"若|如果|假如|倘若|一旦|假设|预计|预期将|预测|料将|或将|有望|可能|恐将|恐|需|目标价?|望|\b(?:if|would|could|may|might|will|should|expects?|expected|forecasts?|predicts?|potential)\b", re.IGNORECASE)

_PERIODS = (
    ("other", re.compile(r"从[^,]{0,14}(?:高点|低点|峰值|高位|巅峰)|(?:较|自|比|距)[^,]{0,16}(?:高点|低点|峰值|高位|巅峰|顶峰|以来|财报后)|自[^,]{1,16}以来|过去[^,]{0,3}[一二两三四五六七八九十\d][^,]{0,3}(?:天|日|周|个?月|年)|近\s?[一二两三四五六七八九十\d]+\s?(?:个?交易日|天|日|周|个?月|年)|[一二两三四五六七八九十\d]+(?:天|个交易日|个月|年)内|连续[一二两三四五六七八九十\d]+个?(?:交易日|天|周|月)|一年|期间|财报后|年(?:间|来)|from (?:its|their|a|the) [^,]{0,20}(?:peak|high|low)|since |over the past|in the past|\d+-(?:day|month|year)", re.IGNORECASE)),
    ("ytd", re.compile(r"年内|年初至今|今年以来|今年迄今|今年累计|年初以来|year[- ]to[- ]date|this year|so far in 20\d\d|ytd", re.IGNORECASE)),
    ("month", re.compile(r"本月|当月|月内|上月|上个月|全月|月线|月累计|this month|last month|for the month|monthly", re.IGNORECASE)),
    ("week", re.compile(r"本周(?![一二三四五六日天])|当周|上周(?![一二三四五六日天])|一周|全周|周内|周线|周累计|this week|last week|for the week|weekly|on the week", re.IGNORECASE)),
    ("other", re.compile(r"累[计涨跌]|平均")),
)  # fmt: skip
_DAYS = (
    ("after_hours", re.compile(r"盘后|after[- ]hours|extended trading|post-?market|after the (?:bell|close)", re.IGNORECASE)),
    ("intraday", re.compile(r"盘中|盘前|一度|早盘|午盘|午后|尾盘|盘初|最多|截至发稿|高开|低开|开盘|日内|intraday|premarket|pre-market|early trading|as much as|at one point|briefly|midday|morning trad", re.IGNORECASE)),
    ("close", re.compile(r"收盘|收[涨跌挫升高低]|收报|报收|收于|夜盘收|\bclos(?:ed?|es|ing)\b|\bended\b|finished", re.IGNORECASE)),
)  # fmt: skip
_DAY_WORD = re.compile(r"(?:周|星期)[一二三四五六日天]|今日|昨日|当日|当天|隔夜|单日|日涨幅|一日|一夜|盘中|盘前|盘后|一度|尾盘|收[涨跌]|收盘|\d日|on (?:mon|tues|wednes|thurs|fri)day", re.IGNORECASE)
_FRAME = re.compile(r"(?:方面|来看|之下|其中|此外|与此同时|消息面上)$")
_JOINER = re.compile(r"(?:股份|集团|控股|股价|指数|公司|[(][^()]*[)]|[A-Z]股|[\s\"”“》《])*(?:、(?:[^、,。;%\d]{1,14}、)*|[和与及]|以及|/|\s*(?:,\s*and|and|,|&)\s*)(?:[和与及]|\s)*")
_CUE = re.compile(rf"{_UP}|{_DOWN}|[-+−]\d|\b(?:{_EN_UP}|{_EN_DOWN})\b", re.IGNORECASE)
_PERCENT_SIGN = re.compile(r"%|个点|per\s?cent", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Expression:
    start: int
    end: int
    values: tuple[tuple[float, int], ...]
    qualifier: str
    verb: str
    english: bool
    bracket: bool = False


@dataclass(slots=True)
class _Topic:
    """What an elided subject refers to: the last subject of a move, and the last instrument named."""

    subject: list[tuple[str | None, str, int]]
    start: int


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
    found: list[Move] = []
    topic: _Topic | None = None
    for sentence in sentences:
        inside = within(spans, sentence.start, sentence.end)
        text = plain[sentence.start : sentence.end]
        if _PERCENT_SIGN.search(text) and _CUE.search(text):
            moves = _in_sentence(plain, sentence, inside, spans, topic)
            found += moves
        topic = _topic_after(plain, sentence, inside, topic)
    return found


def _topic_after(plain: str, sentence: Sentence, inside: Sequence[Span], before: _Topic | None) -> _Topic | None:
    if not inside:
        return before
    subjects = [s for s in inside if s.role != "source"] or list(inside)
    first = subjects[0]
    return _Topic([(first.symbol, first.surface, first.start)], first.start)


def _in_sentence(plain: str, sentence: Sentence, inside: Sequence[Span], spans: Sequence[Span], topic: _Topic | None) -> list[Move]:
    pieces = clauses(plain, sentence.start, sentence.end)
    found: list[Move] = []
    last_end, last_subject = sentence.start, None
    for expression in _expressions(plain, sentence):
        clause = next(((a, b) for a, b in pieces if a <= expression.start < b), (sentence.start, sentence.end))
        subject = _subject(plain, sentence, pieces, clause, expression, inside, last_subject, last_end)
        if subject is None:
            subject = _from_context(plain, sentence, clause, expression, spans, topic, bool(inside))
        if subject is None or _refused(plain, sentence, clause, expression, subject):
            last_end = expression.end
            continue
        basis = _basis(plain, sentence, clause, expression, subject, last_end)
        found += _moves(plain, sentence, expression, subject, basis)
        last_end, last_subject = expression.end, subject
    return found


def _expressions(plain: str, sentence: Sentence) -> list[_Expression]:
    found: list[_Expression] = []
    for match in _ZH.finditer(plain, sentence.start, sentence.end):
        verb = match["verb"]
        sign = -1.0 if re.fullmatch(_DOWN, verb) else 1.0
        found.append(_Expression(match.start(), match.end(), _values(match, sign), qualifier(match["adverb"], match["after"] or ""), verb, False))
    for match in _BRACKET.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if match["sign"] in {"-", "−", "跌"} else 1.0
        value = ((sign * number(match["digits"]) / 100, match.start("digits")),)
        found.append(_Expression(match.start(), match.end(), value, qualifier(match["word"] or ""), match["sign"], False, True))
    for pattern in (_EN, _EN_AFTER):
        for match in pattern.finditer(plain, sentence.start, sentence.end):
            sign = 1.0 if _EN_RISES.fullmatch(match["verb"]) else -1.0
            found.append(_Expression(match.start(), match.end(), _values(match, sign), qualifier(match["adverb"]), match["verb"].lower(), True))
    found.sort(key=lambda e: (e.start, -e.end))
    kept: list[_Expression] = []
    for expression in found:
        if kept and expression.start < kept[-1].end:
            if expression.bracket and not kept[-1].bracket:
                kept[-1] = expression
            continue
        kept.append(expression)
    return kept


def _values(match: re.Match[str], sign: float) -> tuple[tuple[float, int], ...]:
    text, base = match["values"], match.start("values")
    return tuple((sign * float(f"{number(one[1]) / 100:.10g}"), base + one.start(1)) for one in _ONE.finditer(text))


#: (symbol, surface, start) of each part of a subject
_Subject = list[tuple[str | None, str, int]]


def _subject(
    plain: str, sentence: Sentence, pieces: Sequence[tuple[int, int]], clause: tuple[int, int], expression: _Expression, inside: Sequence[Span], last: _Subject | None, last_end: int
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
        if _carries(gap, expression) and not (nearest.start < last_end and last is not None and _names_other(plain[last_end : expression.start])):
            return _group(plain, local, expression)
        return _named_otherwise(plain, max(clause[0], last_end), expression)
    opening = plain[max(clause[0], last_end) : expression.start]
    reversed_ = _reversed(plain, expression, inside) if not _rest(opening) else None
    if reversed_:
        return reversed_
    if _rest(opening) and not _PRICE_ONLY.search(opening) and not _PREPOSITION.match(opening.strip()):
        return _named_otherwise(plain, max(clause[0], last_end), expression)
    if expression.verb in _WEAK and not _PRICE_ONLY.search(opening):
        return None
    if last is not None and last_end <= clause[0] and not any(s.start >= last_end for s in before):
        return last
    return _earlier_clause(plain, pieces, clause, before)


def _rest(text: str) -> str:
    return _FILLER.sub("", text)


def _names_other(text: str) -> bool:
    return bool(_OTHER_NOUN.search(text))


def _carries(gap: str, expression: _Expression) -> bool:
    """Tell whether a move behind ``gap`` still belongs to the instrument before the gap."""
    rest = _rest(gap)
    if not rest:
        return True
    if _REFUSED.search(gap):
        return False
    if re.match(r"等(?:[^,]{0,18}(?:股|公司|企业|个股|成分股|巨头|品种|指数))?", gap) and len(rest) <= 18:
        return True
    if expression.verb in _WEAK:
        return bool(_PRICE_NOUN.search(gap)) and len(rest) <= 12
    return len(rest) <= 40 and (bool(_PRICE_NOUN.search(gap)) or bool(_PREPOSITION.match(gap.lstrip("的"))))


def _group(plain: str, local: Sequence[Span], expression: _Expression) -> _Subject:
    group = [local[-1]]
    for span in reversed(local[:-1]):
        joiner = plain[span.end : group[0].start]
        if not _JOINER.fullmatch(joiner):
            break
        group.insert(0, span)
    return [(s.symbol, s.surface, s.start) for s in group]


def _named_otherwise(plain: str, start: int, expression: _Expression) -> _Subject | None:
    """Return the noun phrase of an index, sector or fund that is not a known instrument."""
    nouns = list(_OTHER_NOUN.finditer(plain, start, expression.start))
    if not nouns or expression.verb in _WEAK:
        return None
    noun = nouns[-1]
    if _rest(plain[noun.end() : expression.start]):
        return None
    return [(None, noun["noun"], noun.start())]


def _reversed(plain: str, expression: _Expression, inside: Sequence[Span]) -> _Subject | None:
    after = next((s for s in inside if s.start >= expression.end), None)
    if after is not None and re.fullmatch(r"的(?:[^,、。%]{0,10})?", plain[expression.end : after.start]):
        return [(after.symbol, after.surface, after.start)]
    return None


def _earlier_clause(plain: str, pieces: Sequence[tuple[int, int]], clause: tuple[int, int], before: Sequence[Span]) -> _Subject | None:
    """Return the topic an elided subject continues: the instrument that opens the nearest earlier clause, else the sentence's first."""
    if not before:
        noun = None
        for start, end in pieces:
            if end <= clause[0]:
                noun = _OTHER_NOUN.search(plain, start, end) or noun
        return [(None, noun["noun"], noun.start())] if noun else None
    for start, end in reversed([p for p in pieces if p[1] <= clause[0]]):
        named = [s for s in before if start <= s.start < end]
        if not named:
            continue
        opening = [s for s in named if not _rest(plain[start : s.start]) and not _FRAME.search(plain[s.end : end])]
        pick = opening[:1] or [s for s in named if re.match(r"(?:\S{0,6}(?:指数|期货|价格|股价|期价|合约))?(?:报|收|上涨|下跌|涨|跌|日内|明显|强势)", plain[s.end : end])][-1:]
        if pick:
            return [(pick[0].symbol, pick[0].surface, pick[0].start)]
    first = before[0]
    return [(first.symbol, first.surface, first.start)]


def _from_context(
    plain: str, sentence: Sentence, clause: tuple[int, int], expression: _Expression, spans: Sequence[Span], topic: _Topic | None, named: bool
) -> _Subject | None:
    """Return the subject of a move in a sentence that leaves it out."""
    opening = plain[clause[0] : expression.start]
    if sentence.headline and not named and not _rest(opening):
        line = plain.find("\n")
        rest = [s for s in spans if s.start < (line if line >= 0 else len(plain))]
        return [(rest[0].symbol, rest[0].surface, sentence.start)] if rest else None
    if named or topic is None or not _PRICE_ONLY.search(opening):
        return None
    symbol, surface, _ = topic.subject[0]
    return [(symbol, surface, clause[0])]


def _english_subject(plain: str, sentence: Sentence, expression: _Expression, before: Sequence[Span], last: _Subject | None, last_end: int) -> _Subject | None:
    local = [s for s in before if s.start >= last_end or s.start >= sentence.start]
    if not local:
        return None
    nearest = local[-1]
    gap = plain[nearest.end : expression.start]
    if nearest.start < last_end:
        # "Nvidia fell 2% and was down 3% for the week": the same subject goes on.
        return last if last is not None and not _EN_FILLER.sub("", re.sub(r"\b(?:and|but|then|while)\b", "", plain[last_end : expression.start])) else None
    gap = re.sub(r"^,[^,%\d]{1,60},", " ", gap)
    rest = _EN_FILLER.sub("", gap)
    if rest and (_EN_REFUSED.search(gap) or not (re.search(r"\b(?:shares?|stock)\b", gap, re.IGNORECASE) and len(gap) <= 60)):
        return None
    return _group(plain, local, expression)


def _refused(plain: str, sentence: Sentence, clause: tuple[int, int], expression: _Expression, subject: _Subject) -> bool:
    start = max(sentence.start, min(subject[0][2], expression.start)) if len(subject) == 1 else clause[0]
    surface_end = subject[-1][2] + len(subject[-1][1]) if subject[-1][2] >= sentence.start else clause[0]
    gap = plain[max(surface_end, sentence.start) : expression.start] if surface_end <= expression.start else ""
    tail = plain[expression.end : expression.end + 24]
    if expression.english:
        return bool(_EN_REFUSED.search(gap) or _HYPOTHETICAL.search(plain[clause[0] : expression.start]) or _YEAR_ON_YEAR.match(tail))
    local = plain[max(clause[0], start) : expression.start]
    if _REFUSED.search(local[len(subject[0][1]) :] if start >= clause[0] and len(subject) == 1 else gap) and not _PRICE_NOUN.search(gap):
        return True
    condition = re.search(r"若|如果|假如|倘若|一旦|假设", plain[sentence.start : expression.start])
    return bool(condition or _HYPOTHETICAL.search(gap) or re.match(r"的(?:概率|可能|空间|目标|预期|关税|税率|股份|股权)", tail))


def _basis(plain: str, sentence: Sentence, clause: tuple[int, int], expression: _Expression, subject: _Subject, last_end: int) -> str | None:
    local = plain[max(clause[0], last_end) : expression.end]
    if not expression.english:
        end = next((b for b in [plain.find(",", expression.end, sentence.end)] if b >= 0), sentence.end)
        tail = plain[expression.end : min(end, expression.end + 10)]
    else:
        tail = plain[expression.end : min(sentence.end, expression.end + 40)]
    local_day = _DAY_WORD.search(local)
    for name, pattern in _PERIODS:
        if pattern.search(local) and not (local_day and pattern is _PERIODS[-1][1]):
            return name
    if expression.english:
        for name, pattern in _PERIODS:
            if pattern.search(tail):
                return name
    for name, pattern in _DAYS:
        if pattern.search(local) or (expression.english and pattern.search(tail)):
            return name
    # A time word that opens the sentence ("本周,") holds until a word for a day takes over.
    opening = plain[sentence.start : max(clause[0], sentence.start)]
    if not local_day and opening:
        for name, pattern in _PERIODS[:-1]:
            period = None
            for period in pattern.finditer(opening):  # noqa: B007 - the last match is wanted
                pass
            if period is None or not _scopes(opening, period):
                continue
            if not _DAY_WORD.search(opening, period.end()):
                return name
        for name, pattern in _DAYS:
            if pattern.search(opening):
                return name
    return None


def _scopes(opening: str, period: re.Match[str]) -> bool:
    """Tell whether a period stands at the head of its clause (it then governs what follows), not inside another statement."""
    head = re.split(r"[,:;]", opening[: period.start()])[-1]
    tail = re.split(r"[,:;]", opening[period.end() :])[0]
    return not _rest(head) and "%" not in tail


def _moves(plain: str, sentence: Sentence, expression: _Expression, subject: _Subject, basis: str | None) -> list[Move]:
    if len(expression.values) > 1:
        pairs = _zipped(plain, expression, subject)
    else:
        pairs = [(part, expression.values[0]) for part in subject]
    first = min((part[2] for part in subject if sentence.start <= part[2]), default=expression.start)
    start = min(first, expression.start)
    if start < sentence.start:
        start = expression.start
    end = max(expression.end, max((p[2] + len(p[1]) for p in subject if p[2] >= expression.start), default=0))
    if end - start > 200:
        start = max(start, expression.start - 60)
    return [Move(symbol, surface, value, expression.qualifier, basis, start, end, at) for (symbol, surface, _), (value, at) in pairs]


def _zipped(plain: str, expression: _Expression, subject: _Subject) -> list[tuple[tuple[str | None, str, int], tuple[float, int]]]:
    """Pair the i-th name of a list with the i-th number; names no instrument is known for still take their place."""
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
