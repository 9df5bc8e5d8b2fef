"""Whether the words beside a name settle what it is: a doubtful name that counts after all, a sure one that is part of another's.

Asked by :class:`research.linking.Linker` at each place where a name stands; texts are expected to have gone through
:func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from research import listings, roles

__all__ = ["RATES", "Instrument", "agency", "another", "joined", "settled", "tail", "unit"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the words are judged by: market, class, and what kind of quoted house it is, where it is one."""

    mic: str
    asset_class: str
    quoter: str | None


#: yields a name without a country may mean
RATES = {"^TNX": "美国", "CN10Y": "中国"}
_SEPARATOR = re.compile(r"[、,和与及以暨/\s]{1,2}(?:以及)?")
_AMOUNT = re.compile(r"[\d万亿千百几多余数]\s?$|[A-Za-z一-鿿][/兑对]$|以$|[每为]$")  # the unit of an amount, one side of a pair
_DIGITS = re.compile(r"\d[万亿]{0,2}\s?$")
_UNIT_RIGHT = re.compile(r"^(?:/|计价|计值|结算|每|[兑对][A-Za-z一-鿿]{2,4}(?:汇率)?[^A-Za-z一-鿿]*$)")
_SHARE_RIGHT = re.compile(r"^(?:股价|目标价|股份有限公司|(?:今日|午后|早盘|尾盘|盘中)?(?:涨停|跌停|涨超|跌超)|\d?连板)")
#: results with a figure: 白云机场赚4.42亿元; a word for a trade has none (机器人业绩爆发)
_RESULTS_RIGHT = re.compile(
    r"^(?:20\d\d年|去年|今年|上半年|前三季度|[一二三四]季度|全年|则|也)*(?:净?[赚亏]|(?:归母)?净利润?|营收|营业收入|盈利)[^,。;]{0,8}\d"
)
#: what only a share does: a sector rises too (机器人涨超3%), but has no listing and is not sealed at the limit
_SHARE_MOVES = re.compile(
    r"^(?:[AHB]股|港股|(?:今日|午后|早盘|尾盘|盘中|盘[前后]|收盘|一度|也|则|均|跟|大|收|微|续|上|下|拉升|由涨停|触及)*(?:[涨跌](?:[逾近幅约]|\d|停)|涨停|跌停|封板|封死?[涨跌]停))"
)
_SECTOR_NAMES = frozenset({"机器人", "太阳能", "农产品", "电子城", "新能源", "国际医学", "生物谷", "数据港", "新产业", "珠海港", "汽车街"})
#: Snap fell 27%: a word with a capital does that only as a share
_FIGURE_RIGHT = re.compile(
    r"^\s(?:(?:shares|stock)\s)?(?:rose|fell|gained|jumped|surged|slumped|plunged|dropped|slid|climbed|tumbled|advanced|declined|soared|sank|lost|added|shed)"
    r"\s(?:more\sthan\s|as\smuch\sas\s|about\s|nearly\s)?\d"
)
_CHINESE = re.compile(r"[一-鿿]")
_ARM = re.compile(r"^(?:期货|基金|信托|理财)")
#: a figure of speech: a Netflix for books, the Amazon of India
_LIKE_LEFT, _LIKE_RIGHT = re.compile(r"(?:^|[\s“\"])(?:an?|the)\s$"), re.compile(r"^\s(?:for\s[a-z]|of\s[A-Za-z])")
#: a firm of a province or town that bears a foreign house's name by chance: 湖南省星展投资有限公司
_REGION_LEFT, _FIRM_RIGHT = re.compile(r"[省市县]$"), re.compile(r"^[一-鿿]{2,10}有限(?:责任)?公司")
_FUND_RIGHT = re.compile(r"^(?:指数|主题|期货|现货)?(?:ETF|LOF|QDII)")
_PLANT_RIGHT = re.compile(
    r"^(?:活跃)?(?:钻井|钻机|管道|管线|发电|电厂|平台|类股|概念|首饰|饰品|珠宝|矿(?!石)|行业|板块|运输|储罐|油轮|买家|进口|日产量|产能)"
)
#: a grain or metal behind the exchange that trades it: CBOT玉米
_TRADED_LEFT = re.compile(r"(?:CBOT|COMEX|NYMEX|芝加哥期货交易所|纽约商品交易所)[)）]?\s?$")
#: palm oil, Umbra Oil
_OTHER_OIL_LEFT = re.compile(
    r"\b(?:[Pp]alm|[Ss]oy(?:bean|a)?|[Oo]live|[Ff]uel|[Hh]eating|[Cc]ooking|[Vv]egetable|[Ee]dible|[Ss]unflower|[Rr]apeseed|[Cc]anola|[Cc]orn|[Cc]oconut|"
    r"[Mm]entha|[Cc]astor|[Mm]ustard|[Gg]roundnut|[Pp]eanut|[Ss]esame|[Kk]ernel|[Hh]emp|[Gg]as|[Ff]ish|[Mm]otor|[Ee]ngine) \Z"
    r"|\b(?!(?:Crude|Brent|Asian?|Global|World|Why|And|But|While|Spot)\b)[A-Z][\w&.'’-]* \Z"
)
#: who deals in it: oil majors, gold miners
_TRADE_RIGHT = re.compile(
    r"^\s(?:majors?|giants?|marketing|compan(?:y|ies)|firms?|producers?|explorers?|refiners?|drillers?|miners?|workers?|industry|sector|stocks|shares|fields?|rigs?)\b"
)
_GOLD_RIGHT = re.compile(r"^(?:销量|产量|柜台|金条|回收|门店|产品|业务|资源量)")
#: what a field or a plant yields a day: 日产30万桶
_DAILY_RIGHT = re.compile(r"^\s?\d[\d.,]*[万亿余多]*(?:桶|吨|标准|立方|方|枚|片|台|件|单|[公千]?斤|千瓦|升|箱|瓶)")
_RUNS_ON = re.compile(r"[一-鿿A-Za-z\d](?<![的和与及是而])$")
_BAND = re.compile(r"^-\d")
_INDEX_RIGHT = re.compile(r"^\s?[A-Z]{0,4}\s?[一-鿿A-Z\d]{0,10}?(?:指数|ETF)")
#: a medium that is only where somebody wrote: 在微博晒出, 一条微博
_POST_LEFT = re.compile(r"(?:[在于]|[条篇则]|通过|个人|认证|发布?|官方|登录|刷|其)$")
_POST_RIGHT = re.compile(
    r"^(?:上(?![涨市周月季年半午调架升修演线诉榜交缴任下]|一[季年财周个月]|个[周月季财])|晒|发[文布帖]"
    r"|账号|热搜|话题|博主|网友|大V|截图|平台上|号|频道|播客|认证|昵称|评论区|留言)"
)
_PLATFORMS = frozenset({"YouTube", "Instagram", "Facebook", "脸书", "推特", "快手", "B站"})
_PLACE_LEFT = re.compile(r"(?:在|登陆|登录|赴|挂牌|转战|转板至?|冲刺|敲开|叩响)(?:美国)?$")
_RATING = re.compile(r"评级|降级|升级|展望|垃圾级|投资级|信用|违约|主权|观察名单|穆迪|惠誉|发债|债务")
_BARE_AGENCY = frozenset({"标普", "标准普尔"})


def unit(what: Instrument, text: str, start: int, end: int, *, sure: bool = False) -> bool:
    """Return whether a currency is the unit of an amount (83.14美元) or one side of a pair (瑞典克朗/美元).

    Of a name that is ``sure`` (丹麦克朗, 美元指数) only digits before it make a unit.
    """
    if what.asset_class != "fx":
        return False
    if sure:
        return bool(_DIGITS.search(text, max(0, start - 3), start)) and not text[start:end].endswith(("指数", "汇率"))
    return bool(_AMOUNT.search(text, max(0, start - 3), start) or _UNIT_RIGHT.match(text[end : end + 8]))


def agency(text: str, start: int, end: int) -> bool:
    """Return whether 标普 is the house that rates, not the index.

    >>> agency("标普把展望下调至负面", 0, 2), agency("标普:预计政府会出手", 0, 2), agency("标普涨1%,评级不变", 0, 2)
    (True, True, False)
    """
    if text[start:end] not in _BARE_AGENCY:
        return False
    right = text[end : end + 40]
    if listings.rates(right):
        return True
    if roles.move_cue("", right) or re.match(r"\d(?!\d?月)|指数|[AB]?股|期货", right):
        return False
    return bool(_RATING.search(re.split(r"[。\n]", right)[0]) or _RATING.search(re.split(r"[。\n]", text[max(0, start - 16) : start])[-1]))


def another(what: Instrument, symbol: str, text: str, start: int, end: int, *, behind_name: bool = False) -> bool:
    """Return whether what is beside it makes it another name: a bond, a fund of the mainland, an unlisted arm of a broker.

    ``behind_name`` tells that a company's name ends where it starts: 台股 of 台积电台股 is a listing, no index.
    """
    surface, left, right = text[start:end], text[max(0, start - 8) : start], text[end : end + 32]
    if what.asset_class in ("index", "commodity") and _FUND_RIGHT.match(right):
        return True
    if symbol in RATES:
        country = RATES[symbol]
        if country[0] in surface:
            return False
        headed = listings.country_of(text[: max(0, text.find("\n"))])  # 印度央行降息\n…,10年期国债收益率下行
        elsewhere = headed is not None and all(headed != other[0] for other in RATES.values()) and country[0] not in text[:start]
        return elsewhere or listings.other_rate(text[max(0, start - 24) : start], country)
    if what.asset_class == "commodity":
        plants = surface.lower().startswith("oil") and _OTHER_OIL_LEFT.search(text, max(0, start - 24), start)
        if plants or (surface.isascii() and _TRADE_RIGHT.match(right)):
            return True
        return bool(_PLANT_RIGHT.match(right) or (surface == "黄金" and _GOLD_RIGHT.match(right)))
    if what.asset_class == "index":
        place = surface == "纳斯达克" and _PLACE_LEFT.search(left)
        return bool((behind_name and surface.endswith("股")) or place or listings.other_index(surface, right, left[-3:]))
    if what.asset_class != "equity":
        return False
    if surface == "日产" and _DAILY_RIGHT.match(right):
        return True
    if surface.isascii() and _LIKE_LEFT.search(left) and _LIKE_RIGHT.match(right):
        return True
    if what.mic in (*listings.MAINLAND, "XHKG") and (listings.bond(left[-3:], right) or roles.fund_product(right)):
        return True
    if (what.quoter == "medium" or surface in _PLATFORMS) and (_POST_RIGHT.match(right) or (surface == "微博" and _POST_LEFT.search(left))):
        return True
    if what.mic not in (*listings.MAINLAND, "XHKG", "XNYS", "XNAS") and _REGION_LEFT.search(left) and _FIRM_RIGHT.match(right):
        return True
    if (symbol == "MSCI" and _INDEX_RIGHT.match(right)) or (surface.isupper() and _BAND.match(right)):
        return True
    return what.quoter is not None and bool(_ARM.match(right))


def settled(what: Instrument, text: str, start: int, end: int, *, official: bool, ticker: bool, company: int) -> bool:
    """Return whether the words around a doubtful name settle it.

    Parameters
    ----------
    what
        The instrument it would be.
    text, start, end
        The place; ``end`` exclusive.
    official
        It is the instrument's own name, no alias.
    ticker
        It is the instrument's symbol in New York.
    company
        How many sure New York companies the document names.
    """
    left, right = text[max(0, start - 12) : start], text[end : end + 24]
    if what.quoter and roles.role_at(text, start, end, in_headline=False, quoter=True) == "source":
        return True
    if what.asset_class == "fx":
        return not unit(what, text, start, end) and (roles.move_cue(left, right) or roles.currency_cue(right))
    if tail(what, text, start):
        return False
    if text[start:end] == "半导体指数":  # Philadelphia's where the text is about New York
        return roles.move_cue(left, right) and listings.abroad(text, start, end)
    if what.asset_class == "crypto" and text[start:end].isascii() and not _CHINESE.search(left[-2:] + right[:2]):
        return bool(_FIGURE_RIGHT.match(right))  # Optimism rose
    if what.asset_class != "equity":
        return roles.move_cue(left, right) or (what.asset_class == "commodity" and bool(_TRADED_LEFT.search(left)))
    came = text[start:end]
    if what.mic in listings.MAINLAND:
        own = came not in _SECTOR_NAMES and (_SHARE_MOVES.match(right) or _RESULTS_RIGHT.match(right))
        return bool(own or _SHARE_RIGHT.match(right)) or roles.notice(text, start, end)
    # Latin letters amid Chinese are no ordinary word
    amid = came.isascii() and not left.endswith("(") and bool(_CHINESE.search(left[-2:] + right[:2]))
    firm = official and came[0].isupper() and ((len(came) > 4 and what.mic in listings.NEW_YORK) or (len(came) > 3 and what.mic == "XHKG"))
    if amid and ((ticker and len(came) > 3) or firm):
        return True
    if official and came[0].isupper() and _FIGURE_RIGHT.match(right):
        return True
    if roles.corporate_cue(right) or ((amid or not came.isascii()) and roles.move_cue("", right)):
        return True
    return not came.isascii() and what.mic in listings.NEW_YORK and company >= 3


def tail(what: Instrument, text: str, start: int) -> bool:
    """Return whether the doubtful name of a fund is no more than the end of a longer one: 生物科技ETF is not 科技ETF."""
    return what.asset_class == "etf" and bool(_RUNS_ON.search(text, max(0, start - 2), start))


def joined(between: str) -> bool:
    """Return whether what is between two names makes them neighbours in an enumeration: 拓斯达、机器人."""
    return bool(_SEPARATOR.fullmatch(between)) and not between.isspace()
