"""Whose event it is: the instrument, or the actor no symbol stands for, that the words of an event belong to.

:func:`subject` takes the nearest name before the words in their sentence, then one right after them, then the article's topic
(:mod:`research.event_actors`). Flows belong to what is bought or sold, ratings to what they name and never to the house that gives them,
market statistics to nobody. :func:`options` names everybody else the words may belong to.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from research import roles
from research.event_actors import UNLISTED, announces, no_company
from research.event_types import Hit
from research.moves import Span
from research.names import quoters
from research.sentences import START, Sentence, within

__all__ = ["COMPANY", "PRODUCT", "Scene", "options", "subject"]

#: groups whose subject is a company: an index, a currency, a commodity or a coin next to the word is not it
COMPANY = frozenset(
    {
        "earnings", "guidance", "mna", "buyback", "dividend", "share_offering_ipo", "shareholder_reduction",
        "insider_management_change", "capex_investment", "product_launch", "contract_partnership", "layoffs_restructuring",
        "litigation_settlement", "accident_operations", "regulation_investigation", "default_credit",
    }
)  # fmt: skip
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
PRODUCT = re.compile(r"(?:相关|概念|现货)?(?:ETF|基金|概念|板块|矿企|矿业股|股(?![价份东权票息本市民指])|\s(?:ETFs?|miners)\b)")
_PRONOUN = re.compile(
    r"公司|该[股行集]|集团|本行|其|\b(?:the (?:company|firm|group|bank|maker|retailer|chipmaker)|it|its|it's)\b", re.IGNORECASE
)
#: opens a clause about the company named last
_ITS = re.compile(r"(?:而|但|同时|此外|不过|并且|且)?(?:其(?![中他余实次])|该(?:公司|行|股|集团|企业|机构|平台|车企|药企|银行|基金))")
#: a demonstrative means the company named last, not the one the article is about
_THAT = re.compile(r"该(?:公司|股|行|集团|企业|车企|药企|机构|平台|厂商|巨头)|这家[^,。;]{0,8}(?:公司|企业|巨头|厂商|集团|银行|车企|药企)")
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
#: what an exchange asks of those who trade a contract is asked of no company
_MARGIN = re.compile(r"(?:交易)?保证金(?:比例|标准|水平)?|涨跌停板|交易限额|开仓")
#: what flows into or out of a fund by the name that stands before it, where who buys or sells would be named
_FLOWS = re.compile(r"净?(?:流入|流出|申购|赎回)|失血|吸金")
_FUND = re.compile(r"(?:ETF|(?<![本该])基金(?!公司|经理))[^,。;]{0,14}$")
#: right in front of who does it to the one named before: 获Y增持, 遭Y减持
_SUFFERED = re.compile(r"(?:获得?|遭到?|受到?|被)(?:The )?$", re.IGNORECASE)
#: who is supplied wins no order: 将向Z供应, 为Z代工
_SUPPLIES = re.compile(r"[^,。;]{0,30}?(?:供应|供货|供电|供气|提供|交付|代工|授权|输送|发运|销售)")
_TO_WHOM = re.compile(r"(?:(?<!方)向|(?<![因成作认称])为|给|替)$")
#: joins partners
_WITH = re.compile(r"\s?[、与和同及]\s?")
#: right in front of who holds the shares that are bought or sold: 股东X拟减持
_HOLDER = re.compile(r"(?:股东|控制人|实控人|行动人)$")
#: right in front of whom the company the text is about deals with: 公司拟与X签订, 公司全资子公司与江苏X
_PARTNER = re.compile(r"公司(?:全资子公司|控股子公司|及[^,。;]{1,6}|拟|已|将|近日|日前|分别)*[与和同向][一-鿿]{0,2}$")
#: ends the news before another one in the same headline
_NEXT_NEWS = re.compile(r"(?<=[一-鿿])\s(?=[一-鿿A-Z])")
#: right in front of whose order is won
_WON_FROM = re.compile(r"(?:拿下|斩获|赢得|收到|接到|揽下|获得?)了?$")
#: right in front of where a manager comes from: Y任命X的Z为总裁
_HIRED_FROM = re.compile(r"(?:任命|聘任|聘请|委任|聘用|挖来)了?[前原]?$")
_WIDE = re.compile(r"全球|行业|全国|国内|全行业|市场(?!份额)|中国[^,。;]{0,6}市场|整体|worldwide|global|industry", re.IGNORECASE)
_BASKET = re.compile(r"板块|[一-鿿]股(?![价份东权票息本市民指])|概念|基金|债|市场|sector|stocks|equities", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scene:
    """A sentence and who may act in it.

    ``inside`` are the subjects that may be, named in the sentence, by start; those of :func:`research.event_actors.actors` have the symbol
    ``UNLISTED``. ``own`` are those that stand for themselves, not for a fund or a basket. ``last`` is the name before the sentence,
    ``opener`` and ``latest`` the first company of the last sentence that names one, and the company named last. ``demonstrative``: it
    points at a company (该公司).
    """

    sentence: Sentence
    inside: Sequence[Span]
    own: Sequence[Span]
    last: Span | None
    opener: Span | None
    latest: Span | None
    demonstrative: bool

    @classmethod
    def of(cls, plain: str, sentence: Sentence, subjects: Sequence[Span]) -> Scene:
        """Return the scene of a sentence, ``subjects`` being all names of the text by start."""
        inside = within(subjects, sentence.start, sentence.end)
        first = bisect_left(subjects, sentence.start, key=START)
        near = [s for s in subjects[max(0, first - 8) : first] if sentence.start - s.end <= _FOCUS and not no_company(s.symbol)]
        opener = None
        if near:
            stop = max(plain.rfind(mark, near[0].start, near[-1].start) for mark in "。;!?\n")
            opener = next(s for s in near if s.start > stop)
        return cls(
            sentence, inside, [s for s in inside if not PRODUCT.match(plain, s.end)], subjects[first - 1] if first else None,
            opener, near[-1] if near else None, _THAT.search(plain, sentence.start, sentence.end) is not None,
        )  # fmt: skip


def subject(plain: str, hit: Hit, scene: Scene, topic: str | None) -> tuple[str | None, float]:
    """Return (symbol or None, factor on the confidence) of the event at ``hit``.

    Parameters
    ----------
    plain, hit, scene
        Text, words of the event, the sentence they stand in.
    topic
        What the article is about: a symbol, ``UNLISTED`` or None. A pronoun means the name before the sentence where the article is about
        no instrument.
    """
    sentence, last = scene.sentence, scene.last
    group = hit.kind.name.split(".")[0]
    company = group in COMPANY
    around = max(sentence.start, hit.start - 2), min(sentence.end, hit.end + _NEAR)
    if group == "regulation_investigation" and _MARGIN.search(plain, *around):
        return None, 1.0
    if group in _JUDGED and topic in quoters():
        topic = None  # an article on what a house says of others
    own, named = scene.own, scene.inside
    if company:
        own, named = ([s for s in all_of if not no_company(s.symbol) or _CONSTITUENTS.match(plain, s.end)] for all_of in (own, named))
        if (teller := _announcer(plain, scene, own, group)) is not None:
            return teller.symbol, 1.0
        if topic and not no_company(topic):
            partners = {s.symbol for s in own if s.symbol != topic and _PARTNER.search(plain, max(sentence.start, s.start - 18), s.start)}
            own = [s for s in own if s.symbol not in partners]
    if group == "contract_partnership":
        own, named = ([s for s in all_of if not _supplied(plain, s)] for all_of in (own, named))
        own = own if own[1:] == [] else [own[0], *(s for s in own[1:] if not _follows(_WON_FROM, plain, s))]
    if group == "insider_management_change":
        own = [s for s in own if not _follows(_HIRED_FROM, plain, s)] or own
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
        own = [s for s in own if s.symbol and not _follows(_HOLDER, plain, s)]
        held = next((s for s in own if group in COMPANY and hit.end <= s.start <= hit.end + 1), None)  # 增持了X
        if held is not None:
            return held.symbol, 1.0
    if group == "commodity_supply_demand":  # of a commodity, never of who trades in it
        own, topic = [s for s in own if no_company(s.symbol)], topic if topic and no_company(topic) else None
    before = [s for s in own if s.end <= hit.end]
    before = [s for s in before if not _SUFFERED.search(plain, max(sentence.start, s.start - 6), s.start)] or before
    if topic == UNLISTED:  # instruments stand here as examples: only what opens the sentence or stands in the clause of the words
        clause = max(plain.rfind(mark, sentence.start, hit.start) for mark in ",;:")
        before = [s for s in before if s.start > clause or s.start - sentence.start <= 2]
    that = max((match.start() for match in _THAT.finditer(plain, sentence.start, hit.end)), default=-1) if scene.demonstrative else -1
    if that >= 0 and last is not None and sentence.start - last.end <= _RECENT and not any(s.end > that for s in before):
        antecedent = next((s for s in reversed(before) if s.end <= that), last)
        if not (company and no_company(antecedent.symbol)):
            return antecedent.symbol or None, 0.9
    if before:
        near = next((s for s in reversed(before) if s.role != "counterparty"), before[-1])
        if near.role == "counterparty" and topic and near.symbol != topic:
            return topic, 0.9
        if roles.subsidiary(plain[near.end : near.end + 6]):
            return None, 0.9
        if hit.kind.name == "contract_partnership.cooperate":
            near = _first_partner(plain, before, near)
        return near.symbol or None, 1.0 if hit.start - near.end <= _NEAR else 0.9
    after = [s for s in own if s.start >= hit.start and s.start - hit.end <= _REACH]
    if company and sentence.headline:  # a blank parts the news of a headline: X合并案告吹 Y新品跳票
        reached = [s for s in after if not _NEXT_NEWS.search(plain, hit.end, s.start + 1)]
        if after and not reached and topic == after[0].symbol:
            return None, 0.9
        after = reached
    if after:
        return after[0].symbol or None, 0.9
    nobody = not topic or (company and no_company(topic))
    if nobody and company and last is not None and not own and sentence.start - last.end <= _RECENT and not no_company(last.symbol):
        return last.symbol or None, 0.85 if _PRONOUN.search(plain, sentence.start, hit.start) else 0.7
    if topic is not None and not (company and no_company(topic)):
        return topic or None, 0.9 if not own or _PRONOUN.search(plain, sentence.start, sentence.end) else 0.6
    return None, 1.0


def options(plain: str, hit: Hit, scene: Scene, topic: str | None, chosen: str | None, headed: Sequence[str] = ()) -> dict[str | None, str]:
    """Return every subject the event at ``hit`` may belong to and how it is tied to the words, the likeliest (``chosen``) first.

    See :func:`subject` for the arguments; ``headed`` are the instruments of the headline.
    Relations: ``clause`` and ``sentence`` (named before the words), ``after``, ``headline`` (any name of the headline the words stand in),
    ``topic``, ``opener`` and ``focus`` (the ``opener`` and ``latest`` of the scene; ``its`` where a pronoun opens the sentence or clause),
    ``title`` (named in the headline), ``actor`` (somebody without a symbol), ``market``, ``nobody``.
    """
    sentence, own, opener, latest = scene.sentence, scene.own, scene.opener, scene.latest
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
    if opener is not None and latest is not None:
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


def _announcer(plain: str, scene: Scene, own: Sequence[Span], group: str) -> Span | None:
    """Return the company that opens a headline with its code and a colon, unless what it tells is what another listed one does."""
    begins = announces(plain, own[0].end) if scene.sentence.headline and own and own[0] is scene.inside[0] else 0
    if not begins or not own[0].symbol:
        return None
    another = any(span.symbol and span.start == begins for span in own)
    return None if another and group not in _OF_SHARES else own[0]


def _supplied(plain: str, span: Span) -> bool:
    """Return whether a name is of who receives a delivery: 将向Z供应."""
    return bool(_TO_WHOM.search(plain, max(0, span.start - 2), span.start) and _SUPPLIES.match(plain, span.end))


def _first_partner(plain: str, before: Sequence[Span], near: Span) -> Span:
    """Return the first of the names the text joins to ``near``: who is named first acts (X、Y与Z合作)."""
    for span in reversed(before[: before.index(near)]):
        if not _WITH.fullmatch(plain, span.end, near.start):
            break
        near = span
    return near


def _follows(words: re.Pattern[str], plain: str, span: Span) -> bool:
    """Return whether ``words`` stand right in front of a name."""
    return words.search(plain, max(0, span.start - 4), span.start) is not None


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
