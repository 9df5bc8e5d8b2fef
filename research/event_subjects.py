"""Whose event it is: the instrument, or the actor no symbol stands for, that the words of an event belong to.

1. Quoted houses and commentators are never subjects (:func:`heard`).
2. Actors the security master does not know (OpenAI, 某某农商行) count like instruments, without a symbol (:func:`actors`).
3. :func:`subject` takes the nearest name before the words in their sentence, then one right after them, then the article's topic.
   Flows belong to what is bought or sold, ratings never to the house that gives them, market statistics to nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

from research import roles
from research.event_types import Hit
from research.instruments import shipped
from research.linking import BEFORE_LISTING
from research.moves import Span
from research.names import of_row, quoters, spelling
from research.sentences import Sentence

__all__ = ["COMPANY", "NO_COMPANY", "UNLISTED", "actors", "arms", "digest", "heard", "known", "options", "subject", "topic_of", "venues"]

#: symbol of an actor without one
UNLISTED = ""
#: groups whose subject is a company: an index, a currency, a commodity or a coin next to the word is not it
COMPANY = frozenset(
    {
        "earnings", "guidance", "mna", "buyback", "dividend", "share_offering_ipo", "shareholder_reduction",
        "insider_management_change", "capex_investment", "product_launch", "contract_partnership", "layoffs_restructuring",
        "litigation_settlement", "accident_operations", "regulation_investigation", "default_credit",
    }
)  # fmt: skip
NO_COMPANY = re.compile(r"\^|[A-Z]+:|399\d{3}\.SZ|000\d{3}\.SS|5\d{5}\.SS|15\d{4}\.SZ|.*(?:=[FX]|-USD)$|DX-Y")
#: what is done to shares happens to who issued them, not to who holds or rates them
_OF_SHARES = frozenset({"shareholder_reduction", "insider_management_change", "analyst_rating"})
#: what houses and their clients say and do about others
_JUDGED = frozenset({"analyst_rating", "fund_flow_positioning"})
#: how far behind its word an event may name its subject, and how near in front of the word a subject is sure
_REACH, _NEAR = 40, 30
#: how far behind what is rated its rating may stand
_BESIDE = 8
#: how far back a pronoun reaches
_RECENT = 100
#: how far back a company may be what a sentence without a subject goes on about
_FOCUS = 220
#: right behind an index these make it stand for its companies
_CONSTITUENTS = re.compile(r"\s?(?:指数)?(?:的)?(?:企业|公司|成分股|成份股|companies|constituents|members)", re.IGNORECASE)
#: right behind an instrument these make it a fund or a basket of others: 比特币ETF, 黄金股
_PRODUCT = re.compile(r"(?:相关|概念|现货)?(?:ETF|基金|概念|板块|矿企|矿业股|股(?![价份东权票息本市民指])|\s(?:ETFs?|miners)\b)")
_PRONOUN = re.compile(
    r"公司|该[股行集]|集团|本行|其|\b(?:the (?:company|firm|group|bank|maker|retailer|chipmaker)|it|its|it's)\b", re.IGNORECASE
)
#: opens a clause about the company named last
_ITS = re.compile(r"(?:而|但|同时|此外|不过|并且|且)?(?:其(?![中他余实次])|该(?:公司|行|股|集团|企业|机构|平台|车企|药企|银行|基金))")
#: right behind a company's name these make it a subsidiary's; insurers and banks answer for theirs
_ARM = re.compile(r"(?:财险|信托|租赁|金租|理财|期货|基金(?!经理)|资管|创投|物业|保理|小贷|消费金融|消金)")
#: an exchange in the place where shares are listed is no actor: 向港交所递交, 登陆纳斯达克
_VENUES = frozenset({"0388.HK", "NDAQ", "ICE", "CME", "^IXIC", "LSEG.L", "8697.T"})
_LISTS = re.compile(r"^[^,。;]{0,6}(?:上市|递|挂牌|主板|IPO|聆讯|招股|披露|信息|公告|提交|交易)|^$")
_TO_LIST = re.compile(r"(?:向|在|于|登陆|赴|闯|冲刺|递表|叩|敲|转战|上市|获|经|据|通过|和|、)$")
#: a demonstrative means the company named last, not the one the article is about
_THAT = re.compile(r"该(?:公司|股|行|集团|企业|车企|药企|机构|平台|厂商|巨头)|这家[^,。;]{0,8}(?:公司|企业|巨头|厂商|集团|银行|车企|药企)")
#: who judges another's news is not whose news it is
_COMMENTS = re.compile(
    r"^(?:\([^()]{0,20}\))?(?:集团|公司|证券)?(?:分析师|策略师|首席|最新|近日|随后|则|也)*"
    r"(?:认为|指出|点评|评论|判断|在[^,。;]{0,8}(?:点评|研报|报告|纪要)|研报|发布(?:研报|报告)|分析(?:师|称)|预计|预期)"
    r"|^(?:['’]s)? (?:(?:equity|senior|research) )*(?:analysts?|strategists?|economists?|said in a (?:research )?note)\b",
    re.IGNORECASE,
)
#: what is rated, before its rating or behind what is done to it: 将部分国有行的评级维持在, 下调了印尼的主权评级
_RATED = re.compile(
    r"(?:将|把(?!握)|对(?!手)|维持|给予)(?![至为到])([^,。;:“”\" ]{2,14}?)"
    r"(?:的?(?:股票)?(?:评级|目标价|12个月|“)|由“|从“|(?:的?股票)?(?:上调|下调|调[高低升降]|降|升)[至到])"
    r"|(?:[上下]调|调[高低升降])了?(?:对)?(?![至为到从由])([^,。;:“”\" ]{2,10}?)的?(?:主权|信用|长期|主体|评级|展望|目标价)"
)
#: words there for what the text is about anyway, and for what is rated of it
_ITSELF = re.compile(
    r"[AH]{1,2}股|该|其|本|这|公司|股票|个股|股价|评级|目标|预[测期估]|盈利|收入|[均油金铜银]价|全年|下半年|上半年|年[底末初]|未来|月|季|\d|立场|观点|看法|它|"
    r"买入|增持|减持|卖出|持有|中性|跑赢|跑输|优于|强于|与大|推荐|强烈|初始|首次"
)
_ANALYSTS_AT = re.compile(r"\b(?:analysts?|strategists?|economists?) (?:at|from|with) $", re.IGNORECASE)
#: a Latin name in Chinese text that does something, and a Chinese firm that opens the headline
_LATIN = re.compile(r"(?<![A-Za-z0-9.])[A-Za-z]*[A-Z][A-Za-z]*(?:\.[a-z]{2,3})?(?![A-Za-z])")
_LATIN_LETTERS = re.compile(r"[A-Za-z]{3}")
_ABBREVIATION = re.compile(
    r"[A-Z]{1,3}$|(?:AIGC|EBITDA|SaaS|FOMC|WIND|Wind|IPO|CEO|CFO|CTO|COO|ETF|GDP|CPI|PPI|PMI|APP|App|AGI|LLM|GPU|TPU|Token|Agent|Agents)$"
)
_ACTS = re.compile(
    r"(?:公司|此前|已|正|将|也|还|在|则|本周|周[一二三四五六日]|昨日|今日|去年|今年|最新|近日)*"
    r"(?:宣布|推出|发布|计划|联合|获|拟|创始人|CEO|首席|的CEO|旗下|完成|启动|招聘|签署|收购|融资|估值|新品|IPO|上市|营收|收入|亏损|裁员|起诉|与|和|估|投资|股权|股东|冲刺|递交|提交|成立|实现|拥有|获得|出售|停止|关闭|官宣|的(?:净?利润|收入|营收|业绩|毛利|估值|产品|股东|创始人|用户))"
)
_CHINESE_ACTOR = re.compile(
    r"(?:^|[,:!?\s“丨|])([一-丧丩-鿿]{2,8}?(?:农商行|农商银行|银行|集团|科技|汽车|证券|保险|财险|人寿|药业|股份|电子|能源|航空|地产|大学|基金会))(?=[^,。]{2})"
    r"|(?:^|[“、;])([一-丧丩-鿿]{1,4}[^国色惠字网费链技老]金融|[一-丧丩-鿿]{2,5}(?:金服|财富|网贷|信托))(?=[^,。]{2})"
)
_CHINESE = re.compile(r"[一-鿿]")
_CLAUSE_BEGINS = re.compile(r"(?<=[,。;:!?\n“])([一-鿿]{2})")
#: words clauses begin with that are nobody's name
_ORDINARY = re.compile(
    r"目前|此外|同时|其中|公司|但是|因此|如果|对于|随着|由于|不过|然而|尽管|虽然|数据|分析|市场|投资|今年|去年|本周|上周|昨日|今日|周[一二三四五六日]|"
    r"美国|中国|日本|韩国|欧洲|印度|香港|全球|国内|海外|行业|经济|政策|监管|央行|机构|资金|外资|股价|股市|美股|港股|[AB]股|板块|指数|金价|油价|价格|黄金|白银|美元|"
    r"这[一个些是家]|那么|一个|一家|两家|多家|我们|他们|自己|如何|为何|什么|怎么|不是|没有|可能|未来|当前|近期|最新|最近|年内|业绩|净利|营收|收入|利润|财报|"
    r"需求|供应|库存|产量|产品|技术|企业|集团|银行|基金|股东|高管|员工|用户|消费|价值|风险|预期|增长|利率|通胀|降息|关税|大模|模型|人工|智能|还有|就是|只是|也是|而是|可以|已经|正在|一方|从而|以及|或者|因为|所以|包括|成为|开始|继续|表示|认为|宣布|发布|推出"
)
#: headlines of lists of news, and what parts the items of one; least length of a heading, and how far down the body it stands
_DIGEST = re.compile(
    r"(?:早报|晚报|日报|早餐|24小时)(?:】|\]|\s?[:|丨︱])|早餐\s?(?:FM|\|)|(?:情报局?|舆情|每周动态|要闻|公告(?:精选|集锦|掘金|汇总|速递))\s?[:|丨︱]"
    r"|要闻(?:速递|回顾|汇总)|(?:重要)?新闻汇总|(?:公司|隔夜)要闻"
)
_ITEMS = re.compile(r"[;|丨︱]")
_HEADING, _DOWN = 6, 100
#: what an exchange asks of those who trade a contract is asked of no company
_MARGIN = re.compile(r"(?:交易)?保证金(?:比例|标准|水平)?|涨跌停板|交易限额|开仓")
#: what flows into or out of a fund by the name that stands before it, where who buys or sells would be named
_FLOWS = re.compile(r"净?(?:流入|流出|申购|赎回)|失血|吸金")
_FUND = re.compile(r"(?:ETF|(?<![本该])基金(?!公司|经理))[^,。;]{0,14}$")
_WIDE = re.compile(r"全球|行业|全国|国内|全行业|市场(?!份额)|中国[^,。;]{0,6}市场|整体|worldwide|global|industry", re.IGNORECASE)
_BASKET = re.compile(r"板块|[一-鿿]股(?![价份东权票息本市民指])|概念|基金|债|市场|sector|stocks|equities", re.IGNORECASE)


def heard(plain: str, spans: Sequence[Span], topic: str | None) -> list[Span]:
    """Return the spans that may be subjects: without quoted ones and without instruments that only judge here (X认为, analysts at X)."""
    return [span for span in spans if span.role != "source" and not _comments(plain, span, topic) and not _venue(plain, span)]


def arms(plain: str, spans: Sequence[Span]) -> list[Span]:
    """Return the spans; a name that begins a subsidiary's (比亚迪财险, 美的物业) is an actor without a symbol.

    >>> [span.symbol for span in arms("比亚迪财险盈利,比亚迪涨", [Span("A", "比亚迪", 0, 3), Span("A", "比亚迪", 8, 11)])]
    ['', 'A']
    """
    return [replace(span, symbol=UNLISTED, role="company") if _ARM.match(plain, span.end) else span for span in spans]


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
    least twice. A name that stands mostly right behind an instrument's is its product (英伟达Blackwell) and does not count. The role
    ``company`` marks those whose name shows that they are one.
    """
    line = max(0, plain.find("\n"))
    names = _latin(plain, line, spans)
    names |= known(plain, day)
    names |= {match.group(1) or match.group(2) for match in _CHINESE_ACTOR.finditer(plain, 0, line)}
    others = _repeated(plain, line) - names
    if not names and not others:
        return []
    taken = _covered(plain, spans, margin=1)
    found = []
    for match in re.finditer("|".join(re.escape(name) for name in sorted(names | others, key=lambda name: (-len(name), name))), plain):
        before = plain[match.start() - 1] if match.start() else "\n"
        if before != "(" and (before in "而但据" or not _CHINESE.match(before)) and 1 not in taken[match.start() : match.end()]:
            role = "company" if match.group() in names else "subject"
            found.append(Span(UNLISTED, match.group(), match.start(), match.end(), role))
    return found


def known(plain: str, day: date) -> set[str]:
    """Return the companies a text names of which the package knows that no share bears their name on ``day``."""
    automaton, listings = _unlisted()
    return {
        plain[start:end]
        for index, start, end in automaton.find_matches_as_indexes(plain, overlapping=True)
        if not any(first <= day <= last for first, last in listings[index])
    }


@lru_cache(maxsize=1)
def _unlisted() -> tuple[Any, tuple[tuple[tuple[date, date], ...], ...]]:
    """Return an automaton of companies by name and, for each name, the days on which a share bears it: none, or the life of a listing."""
    from ahocorasick_rs import AhoCorasick

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


def _latin(plain: str, line: int, spans: Sequence[Span]) -> set[str]:
    """Return the Latin names that act: in the headline, or at least twice; without products, which stand behind an instrument's name."""
    if not _LATIN_LETTERS.search(plain):
        return set()
    ends = {span.end for span in spans}
    inside = _covered(plain, spans)
    acts: Counter[str] = Counter()
    products: Counter[str] = Counter()
    for match in _LATIN.finditer(plain):
        name, start = match.group(), match.start()
        if match.end() - start < 3 or _ABBREVIATION.match(name) or inside[start]:
            continue
        if start in ends or (start - 1 in ends and plain[start - 1] in "的 "):
            products[name] += 1
        elif _ACTS.match(plain, match.end()):
            acts[name] += 1 + (start < line)
    return {name for name, times in acts.items() if times >= 2 and times > 2 * products[name]}


def _repeated(plain: str, line: int) -> set[str]:
    """Return the Chinese words of the headline with which clauses of the body begin at least twice."""
    begins = Counter(_CLAUSE_BEGINS.findall(plain, line))
    headline = plain[:line]
    found = set()
    for at in range(line - 1):
        pair = headline[at : at + 2]
        if begins.get(pair, 0) < 2 or _ORDINARY.match(pair):
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


def subject(
    plain: str, hit: Hit, sentence: Sentence, inside: Sequence[Span], topic: str | None, last: Span | None = None
) -> tuple[str | None, float]:
    """Return (symbol or None, factor on the confidence) of the event at ``hit``.

    Parameters
    ----------
    plain, hit, sentence
        Text, words of the event, sentence they stand in.
    inside
        Subjects that may be, named in the sentence, by start; those of :func:`actors` have the symbol ``UNLISTED``.
    topic
        What the article is about: a symbol, ``UNLISTED`` or None.
    last
        The name before this sentence; a pronoun means it where the article is about no instrument.
    """
    group = hit.kind.name.split(".")[0]
    company = group in COMPANY
    around = max(sentence.start, hit.start - 2), min(sentence.end, hit.end + _NEAR)
    if group == "regulation_investigation" and _MARGIN.search(plain, *around):
        return None, 1.0
    if group in _JUDGED and topic in quoters():
        topic = None  # an article on what a house says of others
    own = [s for s in inside if not (company and NO_COMPANY.match(s.symbol)) or _CONSTITUENTS.match(plain, s.end)]
    own, named = [s for s in own if not _PRODUCT.match(plain, s.end)], own
    if hit.kind.name == "fund_flow_positioning.leverage":
        return (own[-1].symbol or None, 0.9) if own else (None, 1.0)
    if group == "fund_flow_positioning":
        return _flow(plain, hit, sentence, own, topic, basket=bool(named and not own))
    if named and not own:
        return None, 1.0  # a fund or basket, not what it holds
    if group == "tech_industry_trend" and _WIDE.search(plain, max(sentence.start, hit.start - 16), hit.start):
        return None, 1.0
    if group == "analyst_rating":  # houses rate others
        own = [s for s in own if s.symbol not in quoters()] or ([] if topic else own)
    if (group == "analyst_rating" or hit.kind.name == "default_credit.rating_cut") and _other_rated(plain, hit, sentence, own):
        return None, 0.9
    if plain.startswith("认购", hit.start):  # who subscribes stands before it, who issues behind
        own = [s for s in own if hit.end <= s.start <= hit.end + _REACH] or own
    if group in _OF_SHARES and any(s.symbol for s in own):
        own = [s for s in own if s.symbol]
    if group == "commodity_supply_demand":  # of a commodity, never of who trades in it
        own, topic = [s for s in own if NO_COMPANY.match(s.symbol)], topic if topic and NO_COMPANY.match(topic) else None
    before = [s for s in own if s.end <= hit.end]
    if topic == UNLISTED:  # instruments stand here as examples: only what opens the sentence or stands in the clause of the words
        clause = max(plain.rfind(mark, sentence.start, hit.start) for mark in ",;:")
        before = [s for s in before if s.start > clause or s.start - sentence.start <= 2]
    that = max((match.start() for match in _THAT.finditer(plain, sentence.start, hit.end)), default=-1)
    if that >= 0 and last is not None and sentence.start - last.end <= _RECENT and not any(s.end > that for s in before):
        antecedent = next((s for s in reversed(before) if s.end <= that), last)
        if not (company and NO_COMPANY.match(antecedent.symbol)):
            return antecedent.symbol or None, 0.9
    if before:
        near = next((s for s in reversed(before) if s.role != "counterparty"), before[-1])
        if near.role == "counterparty" and topic and near.symbol != topic:
            return topic, 0.9
        if roles.subsidiary(plain[near.end : near.end + 6]):
            return None, 0.9
        return near.symbol or None, 1.0 if hit.start - near.end <= _NEAR else 0.9
    after = [s for s in own if s.start >= hit.start and s.start - hit.end <= _REACH]
    if after:
        return after[0].symbol or None, 0.9
    nobody = not topic or (company and NO_COMPANY.match(topic))
    if nobody and company and last is not None and not own and sentence.start - last.end <= _RECENT and not NO_COMPANY.match(last.symbol):
        return last.symbol or None, 0.85 if _PRONOUN.search(plain, sentence.start, hit.start) else 0.7
    if topic is not None and not (company and NO_COMPANY.match(topic)):
        return topic or None, 0.9 if not own or _PRONOUN.search(plain, sentence.start, sentence.end) else 0.6
    return None, 1.0


def options(
    plain: str,
    hit: Hit,
    sentence: Sentence,
    inside: Sequence[Span],
    topic: str | None,
    earlier: Sequence[Span],
    chosen: str | None,
    headed: Sequence[str] = (),
) -> dict[str | None, str]:
    """Return every subject the event at ``hit`` may belong to and how it is tied to the words, the likeliest (``chosen``) first.

    See :func:`subject` for the arguments; ``earlier`` are the names before the sentence, ``headed`` the instruments of the headline.
    Relations: ``clause`` and ``sentence`` (named before the words), ``after``, ``headline`` (any name of the headline the words stand in),
    ``topic``, ``opener`` (the first company of the last sentence that names one) and ``focus`` (the company named last; ``its`` where a
    pronoun opens the sentence or clause), ``title`` (named in the headline), ``actor`` (somebody without a symbol), ``market``, ``nobody``.
    """
    own = [s for s in inside if not _PRODUCT.match(plain, s.end)]
    clause = max(plain.rfind(mark, sentence.start, hit.start) for mark in ",;:")
    ties: dict[str | None, str] = {}
    for span in reversed([s for s in own if s.end <= hit.end]):
        ties.setdefault(span.symbol or None, "actor" if not span.symbol else "clause" if span.start > clause else "sentence")
    for span in own:
        if hit.end <= span.start <= hit.end + _REACH:
            ties.setdefault(span.symbol or None, "after" if span.symbol else "actor")
    if sentence.headline:
        for span in own:
            ties.setdefault(span.symbol or None, "headline" if span.symbol else "actor")
    if topic is not None:
        ties.setdefault(topic or None, "topic" if topic else "actor")
    near = [s for s in earlier[-8:] if sentence.start - s.end <= _FOCUS and not NO_COMPANY.match(s.symbol)]
    if near:
        stop = max(plain.rfind(mark, 0, near[-1].start) for mark in "。;!?\n")
        opener, latest = next(s for s in near if s.start > stop), near[-1]
        its = any(_ITS.match(plain, start, hit.end) for start in (sentence.start, clause + 1) if start >= sentence.start)
        first_named = "its" if its and opener.symbol == latest.symbol else "opener"
        ties.setdefault(opener.symbol or None, first_named if opener.symbol else "actor")
        ties.setdefault(latest.symbol or None, ("its" if its else "focus") if latest.symbol else "actor")
    for symbol in headed:
        ties.setdefault(symbol, "title")
    if hit.kind.market:
        ties[None] = "market"
    ties.setdefault(None, "nobody")
    first = ties.get(chosen, "topic")
    return {chosen: first} | {symbol: relation for symbol, relation in ties.items() if symbol != chosen}


def _other_rated(plain: str, hit: Hit, sentence: Sentence, own: Sequence[Span]) -> bool:
    """Return whether the words rate a sector, a state or somebody the master does not know: 将部分国有行的评级维持在, 下调印尼主权评级."""
    found = [
        match
        for match in _RATED.finditer(plain, sentence.start, sentence.end)
        if match.start() <= hit.end and hit.start <= match.end() + _BESIDE
    ]
    if not found or _ITSELF.match(found[-1].group(1) or found[-1].group(2)):
        return False
    return not any(found[-1].start() <= span.start < found[-1].end() for span in own)


def _flow(plain: str, hit: Hit, sentence: Sentence, own: Sequence[Span], topic: str | None, *, basket: bool) -> tuple[str | None, float]:
    """Return what is bought or sold: named behind the words, before them in their clause, or the topic."""
    ends = [place for mark in ",;。" if (place := plain.find(mark, hit.end, sentence.end)) >= 0]
    clause_end = min(ends, default=sentence.end)
    clause = max(plain.rfind(mark, sentence.start, hit.start) for mark in ",;。")
    behind = [s for s in own if hit.end <= s.start < clause_end and s.symbol]
    if behind:
        return behind[0].symbol, 1.0
    within = [s for s in own if clause < s.start and s.end <= hit.end and s.symbol]
    if within:
        return within[-1].symbol, 1.0
    if _FLOWS.match(plain, hit.start) and _FUND.search(plain[max(sentence.start, clause + 1) : hit.start]):
        return None, 1.0
    if basket or _BASKET.search(plain, hit.end, min(clause_end, hit.end + 24)):
        return None, 1.0
    if own and own[0].symbol:
        near = [s for s in own if s.end <= hit.end and s.symbol]
        return (near[-1] if near else own[0]).symbol, 0.8
    return (topic, 0.9) if topic else (None, 1.0)
