"""Moves of prices a line of news tells without a percentage: a level, a record, a run of days, a limit; and names that share a move.

A headline has no room for more, and nothing else to weigh such a wording with (articles: :mod:`research.event_levels`):

1. in each clause of the headline find what tells a move (:data:`_TELLS`);
2. its owner is the last name before it in the clause, with everybody the headline joins to him (白银、伦铜双双创新高);
3. between an index, a commodity, a currency or a coin and the words little may stand, between a company and the words only talk of its
   price: sales at a record are no move;
4. where no instrument has a move, the indices of a market told together (三大指数收跌) have one without a symbol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from research import moves
from research.event_actors import no_company
from research.event_levels import DOWN, LIMIT, UP
from research.event_moves import OVER, unit
from research.event_subjects import PRODUCT
from research.event_types import Found
from research.moves import Move, Span
from research.sentences import Sentence, clauses, within

__all__ = ["told"]

#: trust in a limit or a number, and in other words
_SURE, _TRUST = 0.9, 0.75
_COUNT = "[两二三四五六七八九十\\d]"
_NUMBER = r"[^,。;%\d]{0,4}(?:\d[\d,.]*[百千万亿]*(?![\d%年月日家倍天个次人])|[百千](?=[,。;、!?\s]|$))"
#: these words alone tell a move where they end what is said; 日元走弱推升通胀 and 欧元走强的影响 argue from one
_BARE = r"(?=[,。;!?\s]|$|而|后[,\s])"
_RISES = (
    r"新高(?!度|地|考|职)|最大(?:单日|盘中)?[涨升]幅|最佳(?:单日|单周)?表现|刷新日高|涨停|封板|齐[涨升]|集体[收大]?涨|双双[收大]?涨|全线[收大上]?涨"
    rf"|{_COUNT}连[涨阳升]|连[涨升](?={_COUNT})|(?:暴|大|狂|飙)[涨升]|狂飙|持续(?:上涨|走高|攀升)|(?:走高|走强|上扬|(?<![后再])回升){_BARE}|短线(?:拉升|走高|上扬)|大反弹|剧烈反弹|强劲反弹|(?:{UP}|首破|破){_NUMBER}"
)
_FALLS = (
    r"新低(?!功)|最大(?:单日|盘中)?[跌降]幅|最[差惨](?:单日|单周)?表现|刷新日低|跌停|齐跌|集体[收大下]?[跌挫]|双双[收大下]?[跌挫]|全线[收大下]?[跌挫]"
    rf"|{_COUNT}连[跌阴]|连跌(?={_COUNT})|(?:暴|大|崩|闪)跌|崩盘|闪崩|重挫|急挫|下挫|跳水|持续(?:下跌|走低)|(?:走低|走弱|(?<![后再])(?<!冲高)回落){_BARE}|短线(?:跳水|走低|下挫)|回吐[^,。;]{{0,5}}涨幅|涨幅[^,。;]{{0,3}}回吐|(?:{DOWN}){_NUMBER}"
)
_SHARED = r"(?P<way>[涨升跌])幅?(?:超过?|逾|近|约|达)?(?P<size>\d[\d.]*)%"
_TELLS = re.compile(rf"(?P<up>{_RISES})|(?P<down>{_FALLS})|{_SHARED}")
#: what a clause says of a price that has not gone there, or came back
_UNSURE = re.compile(
    r"随着|由于|若|如果|假如|可能|或[将创]|预计|认为|会否|能否|何时|未能|没有|目标|有望|看[到至涨跌]|逼近|接近|距离?|直逼|迫近|剑指|欲|无惧|避免|防止|阻止|会(?![议员])|将(?![军近])"
)
_BACK = re.compile(r"[^,。;]{0,6}后(?:又|再|迅速|快速|一度)?(?:回落|跳水|转跌|回吐|反弹|回升|收窄|拉升)")
#: talk of a price between a company and the words
_OF_PRICE = re.compile(
    r"(?:的|股价|股份|价格|盘中|盘初|盘前|盘后|收盘|开盘|早盘|午后|尾盘|夜盘|今日|昨日|隔夜|周[一二三四五]|一度|再度?|再次|首次|又|续|均|已|仍|却|依旧|依然|逆[市势]|持续|强势|短线|大幅|快速|直线|冲击|"
    r"一字|封|报|集体|双双|创(?:下|出|近|逾|历史)?|刷新|历史|阶段|上市以?来|[\d近逾]+(?:个[月交易日]+|[年周天日])|\d{0,2}(?:cm|CM|%)|自?\d{4}年(?:\d{1,2}月)?份?以?来|有(?:史|记录|纪录)以来|第?[连续一二三四五六七八九十\d]+[个日天板])*"
)
#: what rises or falls in a clause besides the price of what it names
_OF_ELSE = re.compile(
    r"[产销存]量|库存|需求|供应|出口|进口|成交|持仓|资金|流入|流出|ETF|期权|波动率|市值|预期|指引|溢价|占比|储备|产能|份额|概念|板块|股(?!指|价)|收益率"
)
_INDICES = re.compile(
    r"(?:[三四]大|主要)(?:股指|指数)(?:期货)?(?:早盘|午后|尾盘|盘初|均|全线|集体|小幅|大幅|双双|齐|悉数|缩量|放量)*"
    r"(?:(?P<up>收?涨|收高|高开|反弹|走高|上扬|走强)|(?P<down>收?跌|收低|低开|走低|走弱|下挫|回落|跳水))(?![跌多少停幅]|[高低]走|不一|互现)"
)
_JOINED = re.compile(r"(?:[、/]|和|与|及|以及|\s)?(?:现货|期货|LME|COMEX|纽约|伦敦)?")
#: why it moves stands between a name and its move: 黄金随美元走低而走强
_BECAUSE = re.compile(r"[随因受]")
_CAUSE = re.compile(r"[随因受][^,。;]{2,16}而$")
_BETWEEN = 14


def told(plain: str, spans: Sequence[Span], parts: Sequence[Sentence], mentions: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """Return the moves of the headline, one an instrument, by place; where no instrument has one, that of a market's indices together.

    The arguments are those of :func:`research.event_moves.candidates`.
    """
    sources = {symbol for symbol, row in mentions.items() if row["role"] == "source"}
    found: dict[str, Found] = {}
    for sentence in parts:
        if not sentence.headline:
            break
        for start, end in clauses(plain, sentence.start, sentence.end):
            named = [s for s in within(spans, start, end) if s.role != "source" and s.symbol not in sources]
            for match, owners in _owned(plain, named, start, end):
                for span in owners:
                    one = _event(span, match, sentence)
                    found.setdefault(span.symbol, one)
    shared = () if found else _of_indices(plain, parts)
    return sorted([*found.values(), *shared], key=lambda one: one.at)


def _of_indices(plain: str, parts: Sequence[Sentence]) -> Iterator[Found]:
    """Yield the first move the headline tells of the indices of a market together, which stand for no one of them: 三大指数收跌."""
    for sentence in parts:
        if not sentence.headline:
            break
        for start, end in clauses(plain, sentence.start, sentence.end):
            match = _INDICES.search(plain, start, end)
            if match and not _UNSURE.search(plain, start, match.end()):
                name, prior = ("price_move.up", 0.6) if match["up"] else ("price_move.down", -0.6)
                yield Found(name, None, _TRUST, sentence.start, sentence.end, prior, match.start(), True)
                return


def _owned(plain: str, named: Sequence[Span], start: int, end: int) -> Iterator[tuple[re.Match[str], list[Span]]]:
    """Yield what tells a move in a clause and whose it is."""
    for match in _TELLS.finditer(plain, start, end) if named else ():
        cause = _CAUSE.search(plain, start, match.start())
        at = cause.start() if cause else match.start()
        before = [span for span in named if span.end <= at]
        if not before or _UNSURE.search(plain, start, match.end()) or any(back.match(plain, match.end(), end) for back in (_BACK, OVER)):
            continue
        if LIMIT.match(plain, match.start()) is None and match.group() in ("涨停", "跌停"):
            continue
        owners = _joined(plain, before)
        because = _BECAUSE.search(plain, owners[-1].end, match.start()) and plain.startswith("而", match.end())
        if because or not _near(plain, owners[-1], at):
            continue
        if match["size"]:
            shared = owners if len(owners) > 1 else []  # what is one's alone is read with all percentages
            owners = [span for span in shared if float(match["size"]) / 100 >= unit(span.symbol) / 2]
        yield match, [span for span in owners if not PRODUCT.match(plain, span.end)]


def _joined(plain: str, before: Sequence[Span]) -> list[Span]:
    """Return the last of the names with those the text joins to it, in order."""
    owners = [before[-1]]
    for span in reversed(before[:-1]):
        joined = _JOINED.fullmatch(plain, span.end, owners[0].start)
        # written together they are two only where they are alike: not 韩股三星, not 道琼斯KBW银行指数
        alike = no_company(span.symbol) == no_company(owners[0].symbol) and not owners[0].surface[:1].isascii()
        if joined is None or not (alike or joined.group()):
            break
        owners.insert(0, span)
    return owners


def _near(plain: str, span: Span, at: int) -> bool:
    if not no_company(span.symbol):
        return _OF_PRICE.fullmatch(plain, span.end, at) is not None
    return at - span.end <= _BETWEEN and _OF_ELSE.search(plain, span.end, at) is None


def _event(span: Span, match: re.Match[str], sentence: Sentence) -> Found:
    rises = bool(match["up"]) or match["way"] in ("涨", "升")
    move = Move(span.symbol, span.surface, 0.1 if rises else -0.1, "approx", None, span.start, match.end(), match.start())
    name, prior = ("price_move.up", 0.6) if moves.quoted(move) > 0 else ("price_move.down", -0.6)
    numbered = match["size"] or match.group()[-1:].isdigit() or LIMIT.match(match.group())
    return Found(name, span.symbol, _SURE if numbered else _TRUST, sentence.start, sentence.end, prior, match.start(), True)
