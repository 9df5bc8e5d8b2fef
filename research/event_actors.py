"""Who acts in a text: the instruments that may be subjects of its events, actors no symbol stands for, and what it is about.

1. Quoted houses and commentators are never subjects (:func:`heard`).
2. Actors the security master does not know (OpenAI, 某某农商行), and companies not yet or no longer listed, count like instruments,
   without a symbol (:func:`actors`).
3. :func:`cast` puts both together and says what the text is about: an instrument of the headline, somebody without a symbol who comes
   first or far more often, or, in a list of news, nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from ahocorasick_rs import AhoCorasick

from research.instruments import shipped
from research.linking import BEFORE_LISTING
from research.moves import Span
from research.names import of_row, spelling
from research.patterns import Finder, presence
from research.sentences import BATCH

__all__ = ["UNLISTED", "actors", "announces", "announcing", "arms", "cast", "digest", "heard", "known", "no_company", "topic_of", "venues"]

#: symbol of an actor without one
UNLISTED = ""
_NO_COMPANY = re.compile(r"\^|[A-Z]+:|399\d{3}\.SZ|000\d{3}\.SS|5\d{5}\.SS|15\d{4}\.SZ|.*(?:=[FX]|-USD)$|DX-Y")
#: right behind a company's name these make it a subsidiary's; insurers and banks answer for theirs
_ARM = re.compile(r"(?:财险|信托|租赁|金租|理财|期货|基金(?!经理)|资管|创投|物业|保理|小贷|消费金融|消金)")
#: an exchange in the place where shares are listed is no actor: 向港交所递交, 登陆纳斯达克
_VENUES = frozenset({"0388.HK", "NDAQ", "ICE", "CME", "^IXIC", "LSEG.L", "8697.T"})
_LISTS = re.compile(r"^[^,。;]{0,6}(?:上市|递|挂牌|主板|IPO|聆讯|招股|披露|信息|公告|提交|交易)|^$")
_TO_LIST = re.compile(r"(?:向|在|于|登陆|赴|闯|冲刺|递表|叩|敲|转战|上市|获|经|据|通过|和|、)$")
#: who judges another's news is not whose news it is
_COMMENTS = re.compile(
    r"^(?:\([^()]{0,20}\))?(?:集团|公司|证券)?(?:分析师|策略师|首席|最新|近日|随后|则|也)*"
    r"(?:认为|指出|点评|评论|判断|在[^,。;]{0,8}(?:点评|研报|报告|纪要)|研报|发布(?:研报|报告)|分析(?:师|称)|预计|预期)"
    r"|^(?:['’]s)? (?:(?:equity|senior|research) )*(?:analysts?|strategists?|economists?|said in a (?:research )?note)\b",
    re.IGNORECASE,
)
_ANALYSTS_AT = presence(r"\b(?:analysts?|strategists?|economists?) (?:at|from|with) $", re.IGNORECASE)
#: who another one is likened to does nothing himself
_LIKENED = presence(
    r"(?:(?:中国|国内|国产|美国|日本|韩国|印度|欧洲|俄罗斯|东南亚|非洲|拉美|中东|越南|香港|台湾|本土|民间|[AB港美日韩中]股?|AI|互联网|币圈)版的?|界的(?<=[^世]界的)|(?:下|又|另)一[个家]|第二[个家]|"
    r"媲美|比肩|堪比|碾压|对标|赶超|超越|不输|吊打|(?:估值|市值|规模|销量|营收|收入|利润)(?:将|已|首次|一度|有望)*(?:超|反超|超过|逼近|追平))[“‘]?$"
)
#: right behind who opens a headline: what follows is its own news, whoever else it names
_ANNOUNCES = re.compile(r"\((?:\d{4,6}|[A-Z]{1,5})(?:\.[A-Z]{1,3})?\):")
#: what befalls an exchange or agency itself, which is quoted otherwise
_FAILS = re.compile(r"(?:突发|系统|交易|大)*(?:宕机|故障|瘫痪|重启交易|推迟开盘|延迟开盘)")
#: a house's survey is of others
_SURVEYS = re.compile(r"(?:\d+月)?(?:基金经理|投资者|客户)?(?:月度|最新)?调查(?:显示|发现)?[:,]")
#: a Latin name in Chinese text that does something, and a Chinese firm that opens the headline
_LATIN = Finder.of(r"(?<![A-Za-z0-9.])[A-Za-z]*[A-Z][A-Za-z]*(?:\.[a-z]{2,3})?(?![A-Za-z])")
_LATIN_LETTERS = re.compile(r"[A-Za-z]{3}")
_ABBREVIATION = re.compile(
    r"[A-Z]{1,3}$|(?:AIGC|EBITDA|SaaS|FOMC|WIND|Wind|IPO|CEO|CFO|CTO|COO|ETF|GDP|CPI|PPI|PMI|APP|App|AGI|LLM|GPU|TPU|Token|Agent|Agents)$"
)
_ACTS = re.compile(
    r"(?:公司|此前|已|正|将|也|还|在|则|本周|周[一二三四五六日]|昨日|今日|去年|今年|最新|近日)*"
    r"(?:宣布|推出|发布|计划|联合|获|拟|创始人|CEO|首席|的CEO|旗下|完成|启动|招聘|签署|收购|融资|估值|新品|IPO|上市|营收|收入|亏损|裁员|起诉|与|和|估|投资|股权|股东|冲刺|递交|提交|成立|实现|拥有|获得|出售|停止|关闭|官宣|的(?:净?利润|收入|营收|业绩|毛利|估值|产品|股东|创始人|用户))"
)
_CHINESE_ACTOR = re.compile(
    r"(?:^|[,:!?\s“丨|])((?:(?!公司|发行|与)[一-丧丩-鿿]){2,8}?(?:农商行|农商银行|银行|集团|科技|汽车|证券|保险|财险|人寿|药业|股份|电子|能源|航空|地产|大学|基金会))(?=[^,。]{2})"
    r"|(?:^|[“、;])([一-丧丩-鿿]{1,4}[^国色惠字网费链技老]金融|[一-丧丩-鿿]{2,5}(?:金服|财富|网贷|信托))(?=[^,。]{2})"
)
_CHINESE = re.compile(r"[一-鿿]")
_CLAUSE_BEGINS = re.compile(r"[,。;:!?\n“]([一-鿿]{2})")
#: words clauses begin with that are nobody's name
_ORDINARY = re.compile(
    r"目前|此外|同时|其中|公司|但是|因此|如果|对于|随着|由于|不过|然而|尽管|虽然|数据|分析|市场|投资|今年|去年|本周|上周|昨日|今日|周[一二三四五六日]|"
    r"美国|中国|日本|韩国|欧洲|印度|香港|全球|国内|海外|行业|经济|政策|监管|央行|机构|资金|外资|股价|股市|美股|港股|[AB]股|板块|指数|金价|油价|价格|黄金|白银|美元|"
    r"这[一个些是家]|那么|一个|一家|两家|多家|我们|他们|自己|如何|为何|什么|怎么|不是|没有|可能|未来|当前|近期|最新|最近|年内|业绩|净利|营收|收入|利润|财报|"
    r"同比|环比|[较比][上去前]|上年|全年|[上下]半|第?[一二三四]季[度报]|前[一二三]季|[一二三四]是|预计|实现|录得|归属|归母|累计|合计|其[余他]|截至|报告期|本[次公期]|此次|每股|每1|涨幅|跌幅|增幅|降幅|毛利|营业|"
    r"控股|参股|持股|全资|股东|实际|实控|董事|监事|交易|发行|募集|回购|减持|增持|收购|转让|签署|签订|获得|收到|中标|项目|合同|协议|销售|销量|订单|产能|金额|数量|比例|不[超低]|约[占为]|拟|用于|主要|[深上北]交所|交易所|证监会|银保监|法院|[一-鿿]{2}转债|"
    r"需求|供应|库存|产量|产品|技术|企业|集团|银行|基金|股东|高管|员工|用户|消费|价值|风险|预期|增长|利率|通胀|降息|关税|大模|模型|人工|智能|还有|就是|只是|也是|而是|可以|已经|正在|一方|从而|以及|或者|因为|所以|包括|成为|开始|继续|表示|认为|宣布|发布|推出"
)
#: headlines of lists of news, and what parts the items of one; least length of a heading, and how far down the body it stands
_DIGEST = re.compile(
    r"(?:早报|晚报|早餐|24小时)(?:】|\]|\s?[|丨︱])|早餐\s?FM"
    # a newspaper before a colon tells one story: 联合早报:, 新民晚报:
    r"|(?:天眼|财经|金融|投资|盘前|会员|每日|互金|科技|基金|公司|市场|[A港美]股)[早晚]报\s?:|(?:情报局?|舆情|每周动态|要闻|公告(?:精选|集锦|掘金|汇总|速递))\s?[:|丨︱]"
    r"|要闻(?:速递|回顾|汇总)|(?:重要)?新闻汇总|(?:公司|隔夜)要闻"
)
_ITEMS = re.compile(r"[;|丨︱]")
_HEADING, _DOWN = 6, 100


def cast(plain: str, spans: Sequence[Span], topic: str | None, day: date) -> tuple[list[Span], str | None]:
    """Return (who may be a subject in a Chinese text, by start; what the text is about).

    ``topic`` is the instrument the text names most. It gives way to ``UNLISTED`` where the headline is about somebody without a symbol:
    no instrument stands in it, a company that is not listed opens it, or one stands before the instruments and is named more often.
    A list of news is about no company.
    """
    subjects, line = arms(plain, heard(plain, spans, topic)), plain.find("\n")
    unlisted = [*actors(plain, spans, day), *(span for span in subjects if not span.symbol)]
    subjects = [span for span in subjects if span.symbol]
    first = min((span.start for span in subjects), default=line)
    times = Counter(span.symbol for span in subjects)
    ahead = Counter(span.surface for span in unlisted if span.role == "company" and span.surface in plain[: min(first, line)])
    outnumbered = max(ahead.values(), default=0) > (max(times.values()) if first < line else times[topic or ""])
    opened = first > 1 and any(plain.startswith(name, at, line) for name in known(plain[:line], day) for at in (0, 1))
    headless = first >= line or opened
    if outnumbered or (headless and (topic is None or any(span.role == "company" and span.start < line for span in unlisted))):
        topic = UNLISTED
    if topic and digest(plain, line) and not no_company(topic):
        topic = None
    return sorted([*subjects, *unlisted], key=lambda span: span.start), topic


@cache
def no_company(symbol: str) -> bool:
    """Return whether a symbol is that of an index, a currency, a commodity, a coin or a fund.

    >>> no_company("^GSPC"), no_company("GC=F"), no_company("600519.SS")
    (True, True, False)
    """
    return bool(_NO_COMPANY.match(symbol))


def announcing(plain: str, spans: Sequence[Span]) -> list[Span]:
    """Return the spans; a source is a subject where it opens the text with its code (某某证券(002939.SZ):) or breaks down itself."""
    found = []
    for span in spans:
        own = span.role == "source" and ((span.start <= 1 and announces(plain, span.end)) or _FAILS.match(plain, span.end))
        found.append(span._replace(role="subject") if own else span)
    return found


def announces(plain: str, end: int) -> int:
    """Return where the news of a company begins whose name ends at ``end``, a code and a colon standing right behind it; else 0."""
    code = _ANNOUNCES.match(plain, end)
    return code.end() if code else 0


def heard(plain: str, spans: Sequence[Span], topic: str | None) -> list[Span]:
    """Return who may be a subject: not who is quoted, judges or asks (X认为, analysts at X, X调查:), or what another is likened to."""
    acting = [span for span in spans if span.role != "source" and not _comments(plain, span, topic) and not _venue(plain, span)]
    acting = [span for span in acting if not _SURVEYS.match(plain, span.end)]
    return [span for span in acting if not _LIKENED.search(plain, max(0, span.start - 8), span.start)]


def arms(plain: str, spans: Sequence[Span]) -> list[Span]:
    """Return the spans; a name that begins a subsidiary's (比亚迪财险, 美的物业) is an actor without a symbol.

    >>> [span.symbol for span in arms("比亚迪财险盈利,比亚迪涨", [Span("A", "比亚迪", 0, 3), Span("A", "比亚迪", 8, 11)])]
    ['', 'A']
    """
    return [span._replace(symbol=UNLISTED, role="company") if _ARM.match(plain, span.end) else span for span in spans]


def digest(plain: str, line: int) -> bool:
    r"""Return whether a text lists items about many: its headline says so, or a part of it behind the first heads an item of the body.

    >>> digest("某某早餐|2月12日\n甲公司收购乙公司。", 10), digest("甲公司收购乙公司\n周三公告。", 8)
    (True, False)
    """
    if _DIGEST.search(plain, 0, line):
        return True
    items = [item.strip() for item in _ITEMS.split(plain[:line])][1:]
    return any(len(item) >= _HEADING and plain.find(item, line + _DOWN) >= 0 for item in items)


def venues(plain: str, spans: Sequence[Span], line: int) -> set[str]:
    """Return the exchanges that a headline, the first ``line`` characters, names only as the place of a listing: 递表港交所."""
    named = [span for span in spans if span.start < line]
    return {span.symbol for span in named} - {span.symbol for span in named if not _venue(plain, span)}


def _venue(plain: str, span: Span) -> bool:
    if span.symbol not in _VENUES:
        return False
    return bool(_TO_LIST.search(plain, max(0, span.start - 3), span.start) or _LISTS.match(plain[span.end : span.end + 10]))


def _comments(plain: str, span: Span, topic: str | None) -> bool:
    if topic is None or span.symbol == topic:
        return False
    return bool(_COMMENTS.match(plain[span.end : span.end + 40]) or _ANALYSTS_AT.search(plain[max(0, span.start - 24) : span.start]))


def actors(plain: str, spans: Sequence[Span], day: date) -> list[Span]:
    """Return where a Chinese text names actors that are no instruments, in the place of a subject: at the beginning of a clause.

    Well-known companies without a listing count always, also those whose share is not yet or no longer listed on ``day``; other Latin
    names when they act in the headline or at least twice, other Chinese ones when the headline has them and clauses begin with them at
    least twice. What an instrument's name begins with is that one (隆基 of 隆基绿能); a name that stands mostly right behind an
    instrument's is its product (英伟达Blackwell): neither counts. The role
    ``company`` marks those whose name shows that they are one.
    """
    heard_of = _heard_of(plain, day)
    names = heard_of.names | _acting(plain, heard_of.latin, spans)
    surfaces = {span.surface for span in spans} if heard_of.repeated else ()
    short = {word for word in heard_of.repeated if any(surface.startswith(word) for surface in surfaces)}
    every = names | (heard_of.repeated - short)
    if not every:
        return []
    taken = _covered(plain, spans, margin=1)
    found = []
    for start, name in _leftmost_longest(plain, every):
        before, end = plain[start - 1] if start else "\n", start + len(name)
        if before != "(" and (before in "而但据" or not _CHINESE.match(before)) and 1 not in taken[start:end]:
            found.append(Span(UNLISTED, name, start, end, "company" if name in names else "subject"))
    return found


def _leftmost_longest(plain: str, names: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield where the names stand, the longest where several begin, none overlapping: for a few names faster than an automaton."""
    places = []
    for name in names:
        at = plain.find(name)
        while at >= 0:
            places.append((at, -len(name), name))
            at = plain.find(name, at + 1)
    reach = 0
    for at, _, name in sorted(places):
        if at >= reach:
            yield at, name
            reach = at + len(name)


@dataclass(frozen=True, slots=True)
class _HeardOf:
    """Who may act in a text, wherever its instruments stand.

    ``names`` show that they are companies; ``repeated`` begin clauses; ``latin`` are places of Latin names: (name, start, how much it acts
    there: 0 not, 1 in the body, 2 in the headline).
    """

    names: frozenset[str]
    repeated: frozenset[str]
    latin: tuple[tuple[str, int, int], ...]


@lru_cache(maxsize=BATCH)  # tone and events ask for the same
def _heard_of(plain: str, day: date) -> _HeardOf:
    line = max(0, plain.find("\n"))
    chinese = {match.group(1) or match.group(2) for match in _CHINESE_ACTOR.finditer(plain, 0, line)}
    latin = _LATIN.finditer(plain) if _LATIN_LETTERS.search(plain) else ()
    places = tuple(
        (match.group(), match.start(), 1 + (match.start() < line) if _ACTS.match(plain, match.end()) else 0)
        for match in latin
        if match.end() - match.start() >= 3 and not _ABBREVIATION.match(match.group())
    )
    return _HeardOf(known(plain, day) | chinese, frozenset(_repeated(plain, line)), places)


def known(plain: str, day: date) -> frozenset[str]:
    """Return the companies a text names of which the package knows that no share bears their name on ``day``."""
    automaton, listings = _unlisted()
    return frozenset(
        plain[start:end]
        for index, start, end in automaton.find_matches_as_indexes(plain, overlapping=True)
        if not any(first <= day <= last for first, last in listings[index])
    )


@lru_cache(maxsize=1)
def _unlisted() -> tuple[Any, tuple[tuple[tuple[date, date], ...], ...]]:
    """Return an automaton of companies by name and, for each name, the days on which a share bears it: none, or the life of a listing."""
    lines = resources.files("research.data").joinpath("names_unlisted.csv").read_text(encoding="utf-8").split("\n")
    lives: dict[str, list[tuple[date, date]]] = {line: [] for line in lines[1:] if line}
    rows = shipped().filter(asset_class="equity").to_dicts()
    spelled = spelling(rows)
    first: dict[str, date] = {}
    last: dict[str, date] = {}
    for row in rows:
        first.setdefault(row["symbol"], row["valid_from"])
        last[row["symbol"]] = row["valid_to"] or date.max
    for row in rows:
        life = (first[row["symbol"]] - min(BEFORE_LISTING, first[row["symbol"]] - date.min), last[row["symbol"]])
        for name in of_row(row, *life, spelled):
            if not name.needs_context and len(name.text) >= (5 if name.text.isascii() else 3):
                lives.setdefault(name.text, []).append(life)
    return AhoCorasick(list(lives)), tuple(tuple(life) for life in lives.values())


def _covered(plain: str, spans: Sequence[Span], margin: int = 0) -> bytearray:
    """Return a byte for each character: 1 inside a span or within ``margin`` of it."""
    marks = bytearray(len(plain))
    for span in spans:
        first, last = max(0, span.start - margin), min(len(plain), span.end + margin)
        marks[first:last] = b"\x01" * (last - first)
    return marks


def _acting(plain: str, latin: Sequence[tuple[str, int, int]], spans: Sequence[Span]) -> set[str]:
    """Return the Latin names that act: in the headline, or at least twice; without products, which stand behind an instrument's name."""
    if not latin:
        return set()
    ends = {span.end for span in spans}
    inside = _covered(plain, spans)
    acts: Counter[str] = Counter()
    products: Counter[str] = Counter()
    for name, start, weight in latin:
        if inside[start]:
            continue
        if start in ends or (start - 1 in ends and plain[start - 1] in "的 "):
            products[name] += 1
        else:
            acts[name] += weight
    return {name for name, times in acts.items() if times >= 2 and times > 2 * products[name]}


def _repeated(plain: str, line: int) -> set[str]:
    """Return the Chinese words of the headline with which clauses of the body begin at least twice."""
    begins = Counter(_CLAUSE_BEGINS.findall(plain, line))
    headline = plain[:line]
    found = set()
    for at in range(line - 1):
        pair = headline[at : at + 2]
        if begins.get(pair, 0) < 2 or _ORDINARY.match(headline, at):
            continue
        word, times = pair, plain.count(pair, line)
        while at + len(word) < line and _CHINESE.match(headline[at + len(word)]) and len(word) < 6:
            longer = headline[at : at + len(word) + 1]
            if plain.count(longer, line) < 0.6 * times:
                break
            word = longer
        found.add(word)
    return found


def topic_of(mentions: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the instrument a document is about: the most relevant of its headline, else one named far more than others."""
    own = sorted((m for m in mentions.values() if m["role"] != "source"), key=lambda m: (-m["relevance"], m["first_offset"], m["symbol"]))
    headline = [m for m in own if m["in_headline"]]
    if headline:
        return str(headline[0]["symbol"])
    alone = own and own[0]["n_mentions"] >= 3 and (len(own) == 1 or own[0]["relevance"] >= 1.5 * own[1]["relevance"])
    return str(own[0]["symbol"]) if alone else None
