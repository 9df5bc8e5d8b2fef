"""Whose move an expression is: the instrument of its clause, of the clauses and sentences before it, or a name without a symbol.

Used by :mod:`research.moves`; :mod:`research.move_topics` looks beyond the sentence.
A noun phrase that is no known instrument keeps a number from being given to a neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from research.move_grammar import (
    FILLER,
    FRAME,
    JOINER,
    OTHER_NOUN,
    PREPOSITION,
    PRICE_NOUN,
    PRICE_ONLY,
    REFUSED,
    TRADED,
    WEAK,
    Expression,
)
from research.sentences import Sentence

__all__ = ["BOTH", "QUOTED", "SHARE", "Span", "Subject", "group", "joined", "only_price", "subject", "unfilled", "without_asides"]


class Span(NamedTuple):
    """One naming of an instrument in a text."""

    symbol: str
    surface: str
    start: int
    end: int
    role: str = "subject"


#: (symbol, surface, start) of each part of a subject
Subject = list[tuple[str | None, str, int]]


_OTHER_NAME = re.compile(
    r"(?!AD[RS](?![A-Z])|OTC|(?:The|Its?|Shares|But|And|That|Their|Meanwhile|Still|Monday|Tuesday|Wednesday|Thursday|Friday)\b)[A-Z][A-Za-z]{2,}|ETF|基金|信托"
)
_PRONOUN = re.compile(r"它(?!们)|后者|该(?:股|行|公司|集团|指数|合约|币)")
_MARKET_WORD = re.compile(r"[A台港美日韩欧]股")
#: names that may stand side by side before one move without a mark between them are of one kind: 英伟达微软, 道指罗素2000, not 台股台积电
_KIND = re.compile(
    r"(?P<index>\^.+|399\d{3}\.SZ|000\d{3}\.SS|HSTECH\.HK)|(?P<good>.+=F)|(?P<coin>.+-USD)|(?P<share>[A-Z]+(?:-[A-Z])?|[A-Z0-9-]+\.[A-Z]{1,3})"
)
#: 道琼斯|KBW银行指数: who publishes an index
_PUBLISHER = re.compile(r"道琼斯|标普|纳斯达克|富时|恒生|日经|MSCI|罗素")
_CRUDE = frozenset({"CL=F", "BZ=F", "INE:SC"})
_BARE_CRUDE = frozenset({"原油", "原油期货", "原油主力", "原油主力合约"})
_CONTRACT = re.compile(r"\s?(?:(?:\d{1,2}|十?[一二三四五六七八九十])月|\d{3,4}|主力|近月|现货|ICE)?(?:交割)?的?\s?")
#: how a sentence calls the names before it, by how many numbers it has for them
BOTH = {2: re.compile(r"两(?:家|只|者|股|大)|二者|它们|双方"), 3: re.compile(r"三(?:家|只|者)|它们")}
_ASIDE = re.compile(
    r"(?:获得?|拿下|签下|赢得|斩获|接到)[^,。\d%]{1,16}(?:订单|合同)(?=,)"
    r"|(?:受惠|受益|得益|受累|受制)于?[^,。%]{2,24}(?=,)"
    r"|(?:净利息)?(?:收入|营收|利润|盈利|销售额?)[^,。\d%]{0,4}(?:(?:低于|高于|不及|未达|逊于|优于|好于|符合)(?:市场|华尔街)?预期|下[滑降]|减少|萎缩|大增|增长|翻倍)(?=,)"
    r"|(?:公布|发布|披露|交出)[^,。]{0,8}(?:财报|业绩|季报|年报|指引|公告)[^,。]{0,3}之?后"
    r"|(?:指引|展望|业绩|财报|[季年]报)[^,。\d%]{0,6}(?:疲[软弱]|(?:不及|未达|低于|逊于|超出?|优于|好于)(?:市场)?预期|强劲|亮眼|不佳|失望|平淡)(?=[,仍却反])"
    r"|(?:上调|下调|调高|调低|上修|下修|撤回)[^,。\d%]{0,10}(?:指引|展望|预期|预测)(?=,$)"
    r"|(?:公布|发布|宣布|披露|传出|达成|推出|签署)[^,。\d%]{1,14}之?后"
    r"|(?:在|于|随着?|因为?|受|由于|凭|遭|被|得益于)[^,。]*(?:之?后|之际|之下|影响|拖累|提振|带动|推动|打压|刺激|驱动|支撑|冲击|压力|威胁|担忧|预期|传闻|利[好空]|消息"
    r"|(?:情况|背景|局面)下|下(?=$|[,、])|(?:不及|未达|低于|逊于|优于|好于|超出?)(?:市场)?预期|逊色|疲[软弱]|不佳|欠佳|走弱|强劲|亮眼|失色|暗淡|低迷|乏力|好转)"
)
#: 甲因上调全年收入目标涨超11%: what was announced, right before the move
_ANNOUNCED = re.compile(
    r"[因随](?:为|着)?[^,。]{0,6}?(?:上调|下调|上修|下修|调高|调低|公布|发布|宣布|预告|预警|披露|撤回|重申)[^,。]{1,16}?[再又则也]?$"
    r"|因[^,。\d%]{1,12}(?<![利润入量率用本额价格数单])[再又则也]?$"
)
#: (盘后再涨17%): the trading that goes on, about the name whose number stands before the bracket
_AFTERWARDS = re.compile(r"[(](?:但|而|其)?(?:随后)?(?:盘[前后中]|尾盘|夜盘|一度|此前|随后|收盘)")
#: what a foreign company's Chinese name ends with behind its Latin part: Ulta美容, Arista网络
_TRADE = re.compile(
    r"(?:网络|科技|软件|美容|半导体|制药|医药|生物|能源|航空|汽车|娱乐|服饰|零售|银行|金融|材料|电子|系统|实验室|公司|集团|控股|股份)(?=$|[^的和与及])"
)
#: the other party of what a sentence tells of its first name: 甲已与乙达成协议,该股下跌
_PARTY = re.compile(r"[与同和向对给被由将把从]$")
#: 报139美元,升2.5%
QUOTED = re.compile(r"[报于至]\s?[\d,.]+(?:个?点|美元|港元|港币|日元|欧元|元)?,?$")
_EITHER = re.compile(r"[前后]者")
#: 瑞士市场指数SMI: an index and its initials
_INITIALS = re.compile(r"\A[A-Z]{2,5}(?![A-Za-z])")
#: ,小盘股指数跌2%: another index than the one before
_OWN_INDEX = re.compile(r"\s*(?:而|但)?(?:[小大中微]盘股?|[大中小]型股)指数")
#: 德国股市|因|油价|回落|大涨2%: the reason, and that it has been told
_REASON = re.compile(r"(?:因为?|随着?|由于|受)\Z")
_CAUSED = re.compile(
    r"(?:价格?)?(?:大幅|持续|继续|快速|明显)?(?:回落|回升|上涨|下跌|走[高低强弱软]|反弹|[大暴急][涨跌]|飙升|跳水|降温|缓和|上行|下行)(?:而|后|再度|又|则)?"
)
_RELATED = re.compile(r"(?:的|旗下)[^,]{0,12}$")
#: what follows a name that its clause is about
_PREDICATE = re.compile(
    r"(?:\S{0,6}(?:指数|期货|价格|股价|期价|合约))?"
    r"(?:报|收|[上下大暴飙狂急]?[涨跌]|重挫|日内|明显|强势|直线|短线|应声|盘[前中后]|拉升|飙升|跳水|翻[红绿]|由[涨跌]转|(?:也|则)?(?:表示|宣布|公布|披露|预计会|称[将会其]))"
)
_GOES_ON = re.compile(r"也|却|则|仍|还|已|成为|成了|在|继续|接过")
#: what may lead in the name a clause is about: 而甲, 权重股甲, 零售商甲
_LED_IN = re.compile(
    r"(?:而|但|不过|然而|只有|唯有|仅|至于|反观|同为|同时|反?倒是|连)?(?:[一-龥]{1,8}(?:股|商|巨头|龙头|大厂|企业|公司|机构|平台|厂商|之王|一哥))?"
)
#: 周四因为一通电话反弹3%: a day before the reason
#: 31日收涨11%,8月1日回落3%
_DAY = re.compile(r"\d日|[周期][一二三四五]|次日|[今昨][日天]")
_HEAD_DAY = re.compile(r"(?:(?:\d{1,2}月)?\d{1,2}日|[上本]?(?:周|星期)[一二三四五六日天]|[今昨当][日天]|次日|翌日|却|则|也|又|还)*")
#: 多次熔断后收跌14%: what went before the move of the clause before
_THEREAFTER = re.compile(r"[^,]{1,12}[^今以此随]之?后")
SHARE = re.compile(r"[A-Z]+(?:-[A-Z])?|[A-Z0-9-]+\.[A-Z]{1,3}")
_GOODS = re.compile(r"(?<!股)(?<!收盘)价格?$|期货$|合约$")


def subject(
    plain: str,
    sentence: Sentence,
    pieces: Sequence[tuple[int, int]],
    clause: tuple[int, int],
    expression: Expression,
    inside: Sequence[Span],
    last: Subject | None,
    last_end: int,
) -> Subject | None:
    """Return whose move ``expression`` is as far as its own sentence tells: its clause, else the clauses before it."""
    before = [s for s in inside if s.end <= expression.start + (1 if expression.bracket else 0)]
    if expression.bracket:
        inner = [s for s in inside if expression.start < s.start < expression.end]
        near = inner or [s for s in before if expression.start - s.end <= 2]
        if near:
            return [(near[-1].symbol, near[-1].surface, near[-1].start)]
        goes_on = last is not None and len(last) == 1 and expression.start == last_end
        return last if goes_on and _AFTERWARDS.match(plain, expression.start, expression.end) else None
    local = [s for s in before if s.start >= clause[0]]
    if local:
        nearest = local[-1]
        if last is not None and nearest.end <= last_end and not unfilled(plain[last_end : expression.start]):
            return last  # 一度下挫6%后转涨0.4%
        gap = plain[nearest.end : expression.start]
        if nearest.symbol.startswith("^") and nearest.surface.endswith("指数"):
            gap = _INITIALS.sub("", gap)
        elif nearest.surface.isascii() and (trade := _TRADE.match(gap)):
            gap = gap[trade.end() :]
        cause = _cause(plain, local, gap)
        if cause is not None:
            return cause
        if (
            _carries(gap, expression)
            and not _of_goods(nearest, gap)
            and not (nearest.start < last_end and last is not None and _names_other(plain[last_end : expression.start]))
        ):
            return group(plain, local, expression)
        ahead = _before_phrase(plain, local, expression, last_end)
        return ahead or _named_otherwise(plain, max(clause[0], last_end), expression)
    opening = plain[max(clause[0], last_end) : expression.start]
    if _OWN_INDEX.match(opening):
        return _named_otherwise(plain, max(clause[0], last_end), expression)
    reversed_ = _reversed(plain, expression, inside)
    if reversed_:
        return reversed_
    count = len(expression.values)
    if count in BOTH and BOTH[count].search(opening):
        meant = list({s.symbol: s for s in reversed(before) if s.role != "source"}.values())[:count][::-1]
        return [(s.symbol, s.surface, s.start) for s in meant] if len(meant) == count else None
    after = last is not None and _THEREAFTER.fullmatch(opening.strip())
    if unfilled(opening) and not only_price(opening) and not after and not PREPOSITION.match(_headed(opening)):
        return _named_otherwise(plain, max(clause[0], last_end), expression)
    if (
        expression.verb in WEAK
        and not PRICE_ONLY.search(opening)
        and not TRADED.search(opening)
        and not QUOTED.search(plain, sentence.start, clause[0])
        and not (last is not None and _DAY.search(opening))
        and not PRICE_ONLY.search(plain, max((a for a, b in pieces if b <= clause[0]), default=clause[0]), clause[0])
    ):
        return None
    referred = [s for s in before if s.role != "source"]
    either = list({s.symbol: s for s in before}.values())[-2:]
    if len(either) > 1 and (pick := _EITHER.search(opening)):
        one = either[pick.group() == "后者"]
        return [(one.symbol, one.surface, one.start)]
    if last is not None and last_end <= clause[0] and not any(s.start >= last_end for s in before):
        return last
    if len(expression.values) > 1 and re.search(r"分别|依次", plain[clause[0] : expression.end]):
        listed = _listed(plain, pieces, clause, before, len(expression.values))
        if listed:
            return listed
    if "该股" in opening and len(referred) > 1 and _PARTY.search(plain[: referred[-1].start]):
        referred = referred[:1]
    if _PRONOUN.search(opening) and referred:
        return [(referred[-1].symbol, referred[-1].surface, referred[-1].start)]
    return _earlier_clause(plain, pieces, clause, before)


def _cause(plain: str, local: Sequence[Span], gap: str) -> Subject | None:
    """Return whose move it is where the nearest name is that of its reason: 甲因乙回落|大涨2%."""
    if len(local) < 2 or not _CAUSED.fullmatch(gap) or not _REASON.search(plain, local[-2].end, local[-1].start):
        return None
    return [(local[-2].symbol, local[-2].surface, local[-2].start)] if local[-2].role != "source" else None


def _before_phrase(plain: str, local: Sequence[Span], expression: Expression, last_end: int) -> Subject | None:
    """Return the name before a phrase that names another: 甲因拿下乙的订单涨3%."""
    for span in reversed(local[:-1]):
        gap = plain[span.end : expression.start]
        if span.start < last_end:
            return None
        if span.role != "source" and PREPOSITION.match(_headed(gap)) and _carries(gap, expression):
            return [(span.symbol, span.surface, span.start)]
    return None


def _listed(plain: str, pieces: Sequence[tuple[int, int]], clause: tuple[int, int], before: Sequence[Span], count: int) -> Subject | None:
    """Return the names of the clause before (``甲和乙领跌,分别下跌1%和2%``); a name that is no instrument keeps its place."""
    earlier = [p for p in pieces if p[1] <= clause[0]]
    if not earlier:
        return None
    start, end = earlier[-1]
    names = [m for m in re.finditer(r"[^、和与及]+", plain[start:end])][-count:]
    if len(names) != count:
        return None
    found: Subject = []
    for name in names:
        span = next((s for s in before if start + name.start() <= s.start < start + name.end()), None)
        text = re.sub(r"(?:领涨|领跌|相对抗跌|抗跌|涨幅|跌幅|表现|居前|等).*$", "", name.group()).strip()
        found.append((span.symbol, span.surface, span.start) if span else (None, text, start + name.start()))
    return found


def unfilled(text: str) -> str:
    """Return what is left of ``text`` without the words that may stand between an instrument and its move."""
    return FILLER.sub("", text)


def without_asides(text: str) -> str:
    """Return ``text`` without the phrases that give a reason or an occasion: 在公布超预期的收入之后, 因营收不及预期."""
    return _ANNOUNCED.sub("", _ASIDE.sub("", text))


def joined(plain: str, spans: Sequence[Span]) -> list[Span]:
    """Return ``spans`` with the parts of one name made one: 布伦特5月|原油期货, 台积电|台股 (the share in Taipei, not its market)."""
    found: list[Span] = []
    for span in spans:
        before = found[-1] if found else None
        gap = plain[before.end : span.start] if before else ""
        if before and (_market(before, span, gap) or _crude(before, span, gap)):
            found[-1] = before._replace(surface=plain[before.start : span.end], end=span.end)
        else:
            found.append(span)
    return found


def _market(before: Span, span: Span, gap: str) -> bool:
    return not gap and bool(_MARKET_WORD.fullmatch(span.surface) and SHARE.fullmatch(before.symbol))


def _crude(before: Span, span: Span, gap: str) -> bool:
    return {before.symbol, span.symbol} <= _CRUDE and span.surface in _BARE_CRUDE and bool(_CONTRACT.fullmatch(gap))


def only_price(opening: str) -> bool:
    """Tell whether the opening of a clause says no more than that a price moved: 股价, 消息公布后公司股价; not 某公司 Vistry股价."""
    return bool(PRICE_ONLY.search(opening)) and not _OTHER_NAME.search(opening)


def _names_other(text: str) -> bool:
    return bool(OTHER_NOUN.search(text))


def _carries(gap: str, expression: Expression) -> bool:
    """Tell whether a move behind ``gap`` still belongs to the instrument before the gap."""
    rest = unfilled(without_asides(gap))
    if not rest:
        return True
    if REFUSED.search(without_asides(gap)):
        return False
    if (
        re.match(r"(?:等|这?[两三四五六七八九十](?:家|只|大|者))(?:[^,]{0,18}(?:股|公司|企业|个股|成分股|巨头|品种|指数))?", gap)
        and len(rest) <= 18
    ):
        return True
    if expression.verb in WEAK:
        return bool(PRICE_NOUN.search(gap)) and len(rest) <= 12
    return len(rest) <= 40 and (bool(PRICE_NOUN.search(gap)) or bool(PREPOSITION.match(_headed(gap))))


def _headed(text: str) -> str:
    """Return what follows the day at the head of ``text``."""
    bare = text.lstrip("的) ")
    return bare[_HEAD_DAY.match(bare).end() :]  # type: ignore[union-attr]


def _of_goods(nearest: Span, gap: str) -> bool:
    """Tell whether the price behind a company's name is that of goods: 洲际交易所(ICE)阿拉比卡咖啡价格."""
    said = unfilled(gap)
    return (
        len(said) > 1
        and bool(SHARE.fullmatch(nearest.symbol))
        and bool(_GOODS.search(gap.strip()))
        and bool(unfilled(_GOODS.sub("", gap.strip())))
    )


def group(plain: str, local: Sequence[Span], expression: Expression) -> Subject:
    """Return the names enumerated up to the last of ``local``."""
    group = [local[-1]]
    for span in reversed(local[:-1]):
        if not JOINER.fullmatch(plain, span.end, group[0].start) and not _side_by_side(span, group[0]):
            break
        group.insert(0, span)
    return [(s.symbol, s.surface, s.start) for s in group]


def _side_by_side(one: Span, other: Span) -> bool:
    """Tell whether two names without a mark between them are two of a list, and not a market and its share or one name in two words."""
    kinds = _KIND.fullmatch(one.symbol), _KIND.fullmatch(other.symbol)
    alike = kinds[0] is not None and kinds[1] is not None and kinds[0].lastgroup == kinds[1].lastgroup
    named = one.role != "source" and not any(_MARKET_WORD.fullmatch(s.surface) for s in (one, other))
    named = named and not (_PUBLISHER.fullmatch(one.surface) and other.surface.endswith("指数"))
    return one.end == other.start and alike and named and one.symbol != other.symbol


def _named_otherwise(plain: str, start: int, expression: Expression) -> Subject | None:
    """Return the noun phrase of an index, sector or fund that is not a known instrument."""
    nouns = list(OTHER_NOUN.finditer(plain, start, expression.start))
    if not nouns or expression.verb in WEAK:
        return None
    noun = nouns[-1]
    if unfilled(plain[noun.end() : expression.start]):
        return None
    return [(None, noun["noun"], noun.start())]


def _reversed(plain: str, expression: Expression, inside: Sequence[Span]) -> Subject | None:
    after = next((s for s in inside if s.start >= expression.end), None)
    if after is not None and re.fullmatch(r"的[^,、。%]{0,4}", plain[expression.end : after.start]):
        return [(after.symbol, after.surface, after.start)]
    return None


def _earlier_clause(plain: str, pieces: Sequence[tuple[int, int]], clause: tuple[int, int], before: Sequence[Span]) -> Subject | None:
    """Return the topic an elided subject continues: the instrument that opens the nearest earlier clause, else the sentence's first."""
    if not before:
        noun = None
        for start, end in pieces:
            if end <= clause[0]:
                noun = OTHER_NOUN.search(plain, start, end) or noun
        return [(None, noun["noun"], noun.start())] if noun else None
    for start, end in reversed([p for p in pieces if p[1] <= clause[0]]):
        named = [s for s in before if start <= s.start < end]
        # 甲的合作方乙: what follows is about 乙
        own = [s for k, s in enumerate(named) if k + 1 == len(named) or not _RELATED.match(plain, s.end, named[k + 1].start)]
        opening = [
            s
            for s in own
            if (_opens(plain[start : s.start]) or (s is own[0] and s is not named[0])) and not FRAME.search(plain[s.end : end])
        ]
        pick = opening[:1] or [s for s in own if _is_about(plain, start, s, end)][-1:]
        if pick:
            return [(pick[0].symbol, pick[0].surface, pick[0].start)]
    first = next((s for s in before if s.role != "source"), before[0])
    return [(first.symbol, first.surface, first.start)]


def _opens(before: str) -> bool:
    """Tell whether a name behind ``before`` opens its clause: 权重股甲."""
    return not unfilled(_LED_IN.sub("", before.strip(), count=1))


def _is_about(plain: str, start: int, span: Span, end: int) -> bool:
    """Tell whether the clause ``start`` to ``end`` is about ``span``: a predicate follows, and the name is not the object of another."""
    if _PREDICATE.match(plain, span.end, end):
        return True
    return plain[start : span.start].endswith("的") and bool(_GOES_ON.match(plain, span.end, end))
