"""Which listing of a company a text means, and when a name beside digits is no share at all.

A share that is listed twice goes to the listing :mod:`research.venues` finds meant; here are the words joined to a name (:func:`named`,
:func:`relisted`), those for funds, currencies, rates and futures. Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from research.patterns import Finder

__all__ = [
    "MAINLAND",
    "NEW_YORK",
    "abroad",
    "bare",
    "bond",
    "chicago",
    "country_of",
    "currency",
    "domestic",
    "hong_kong",
    "in_hong_kong",
    "named",
    "other_index",
    "other_rate",
    "rank",
    "rates",
    "relisted",
    "yields",
]

MAINLAND, NEW_YORK = ("XSHG", "XSHE", "BJSE"), ("XNYS", "XNAS")
_EUROPE = ("XAMS", "XBRU", "XCSE", "XDUB", "XETR", "XHEL", "XLON", "XMAD", "XMIL", "XOSL", "XPAR", "XSTO", "XSWX")

_HONG_KONG_CUE = re.compile(r"港股(?!份)|[Hh]股|港元|港交所|恒指|恒生|恒科|南向|\.HK|Hong Kong")
_SHARES_RIGHT = re.compile(
    r"^\s?\(?-?(?:(?P<a>A股)|(?P<h>H股|港股(?!份))|(?P<n>美股|ADR|ADS)(?![A-Za-z])|(?P<t>台股)|(?P<e>欧股|英股|德股))"
)
_SHARES_LEFT = re.compile(r"(?:(?P<a>A股)|(?P<h>港股)|(?P<n>美股|中概股))(?:公司|龙头|巨头|上市)?$")
_NEW_YORK_CUE = re.compile(
    r"美股|ADR|ADS|华尔街|纳指|纳斯达克|道指|标普|纽约|纽交所|费城半导体|费半|盘前|(?<![开收])盘后|中概|"
    r"Nasdaq|NYSE|Wall Street|New York|[A-Z]\.[NO]\b|premarket"
)
_CLAUSE = re.compile(r"[^。;；\n]*")
#: what goes before a place counts over this many characters
_LEFT = 300
_MAINLAND_CUE = re.compile(r"A股|沪指|沪深|深成指|创业板|科创板|港股|恒指|恒生")
_SHANGHAI_CUE = re.compile(r"A股|沪指|沪深|深成指|创业板|科创板|两市|上交所|深交所")

_MAINLAND_FUTURES = re.compile(
    r"国内(?:商品)?期[货市]|商品期货(?!交易委)|内盘|主力合约|上期所|大商所|郑商所|广期所|(?<!美股)夜盘|沪[金银铜铝锌铅镍锡]"
)
_MAIN_CONTRACT = re.compile(r"(?:期货)?主力")
_FUTURES_ABROAD = re.compile(r"外盘|纽约|COMEX|NYMEX|WTI|布伦特|布油|美油|国际|现货|伦敦|LME|ICE|美股|美元")
_CHICAGO = re.compile(r"CBOT|芝加哥|芝商所|美豆|美麦|美玉米|USDA|美国农业部|蒲式耳|短吨|外盘")
_CHICAGO_UNIT = re.compile(r"短吨|蒲式耳|美分")
_DALIAN = re.compile(rf"大商所|大连|连[豆粕]|连盘|{_MAINLAND_FUTURES.pattern}")
_SECTOR = re.compile(
    r"^(?:指数)?(?:的)?(?:房地产|地产|金融|银行|能源|科技|信息技术|医疗|医药|保健|消费|可选消费|必需消费|工业|原材料|材料|公用事业|通信|电信|软件|"
    r"半导体|汽车|IT|生物科技|互联网|保险|券商|证券|黄金|金属|零售|运输|航空|住宅|建筑)(?:服务|设备|保健|用品|行业|业|类|股|股票|生产商)*(?:分类|分项)?(?:指数|板块)"
)
_SECTOR_EN = re.compile(
    r"(?:\s[Ii]ndex)?\s(?:of\s(?!(?:small|big|larg|major|leading|lead|top|mid|blue)[a-z]*\s)[a-z]+\s(?:stocks|companies|shares)|"
    r"(?:[Ii]ndustrials?|[Ee]nergy|[Ff]inancials?|(?:[Ii]nformation\s)?[Tt]ech(?:nology)?|[Hh]ealth[\s-]?[Cc]are|[Mm]aterials|[Uu]tilities|"
    r"[Cc]onsumer\s(?:[Ss]taples|[Dd]iscretionary)|[Cc]ommunications?\s[Ss]ervices|[Rr]eal\s[Ee]state|[Bb]anks?|[Ss]oftware|[Ss]emiconductors?|"
    r"[Rr]etail(?:ing)?|[Aa]irlines?|[Hh]omebuild(?:ing|ers?))\s(?:[Ii]ndex|[Ss]ector|[Ss]ub-?[Ii]ndex|[Gg]auge|[Gg]roup)\b)"
)
_SUBINDEX = re.compile(r"^[一-鿿]{1,16}?(?:[子分]|分[类项])指数|^[一-鿿]{0,6}银行(?:股)?指数")
#: rules of a board, not its index: 创业板涨跌幅限制, 创业板跌停家数
_BOARD_RULES = re.compile(r"^(?:涨跌幅|[涨跌]停)")
#: one name, several currencies: country -> symbol; the first is meant where no country is named
_NAMESAKES: Mapping[str, Mapping[str, str]] = {
    "比索": {"墨西哥": "MXN=X", "智利": "CLP=X", "阿根廷": "ARS=X", "哥伦比亚": "COP=X", "菲律宾": "PHP=X"},
    "克朗": {"瑞典": "SEK=X", "挪威": "NOK=X", "丹麦": "DKK=X", "捷克": "CZK=X"},
    "卢比": {"印度": "INR=X", "巴基斯坦": "PKR=X", "斯里兰卡": "LKR=X"},
}
_TERMS = {"10": "^TNX", "十": "^TNX", "30": "^TYX", "三十": "^TYX", "5": "^FVX", "五": "^FVX", "2": "2YY=F", "两": "2YY=F"}
_TERM = re.compile(
    r"(?<![\d二三四五美中日德英法债])(?P<term>10|十|30|三十|5|五|2|两)年期(?=(?:品种|收益率|的)?(?:则|仅|也|亦|同步|微|小幅|一度|盘中)*(?:[上下]行|[涨跌报升降持走收]))"
)
_AMERICAN = re.compile(r"美债|美国(?:[\d一二两三五十]+年期)?国债")
_OTHERS_BONDS = re.compile(r"[日德英法意中]债|活跃券|国开|(?:日本|德国|英国|法国|意大利|中国|澳大利亚|韩国)[^,。;]{0,8}(?:国债|收益率)")
_SECOND = re.compile(
    r"\s?(?:\([^()]{0,14}\))?(?P<first>[AH港美]股|ADR)(?:[^。!?;\n、]{1,24},|[^。!?;\n、,]{0,6}[涨跌升降挫][^。!?;\n、,]{1,8}、)(?:其在?|而|公司|此前|隔夜|前一晚|昨夜)*(?P<second>[AH港美]股|ADR)"
    r"(?:盘[前中后]|[今昨]日|隔夜|昨夜|午后|早盘|收盘|一度|则|也|亦|同步|大幅|价)*[涨跌升挫重飙暴大收高低下上]"
)
_LISTED: Mapping[str, tuple[str, ...]] = {
    "A股": MAINLAND,
    "H股": ("XHKG",),
    "港股": ("XHKG",),
    "美股": NEW_YORK,
    "ADR": NEW_YORK,
    "美国存托股份": NEW_YORK,
    "美国存托凭证": NEW_YORK,
}
#: A股 at the head of a clause is the market, unless the H share was just told of; 美股盘前跌2% speaks of a share
_BARE = Finder.of(
    r"(?:(?:该股|公司|其)(?:在|隔夜|[今昨][日天夜晚])?(?P<own>)|(?<=[,;]))"
    r"(?P<share>(?(own)(?:[AH港美]股|ADR|美国存托(?:股份|凭证))|(?:[AH]股|美股(?=盘[前后]))))"
    r"(?=(?:盘[前中后]|今日|昨日|午后|早盘|午间|收盘|一度|则|也|亦|仍|再|同步|大幅|[小微大])*(?:[涨跌升挫]|[高低]开|收[涨跌高低]|走[高低]))"
)
_AFTER = 24
_AFTER_H = re.compile(r"(?<=股|司|,)H股[^,。;]{1,14}%,\Z")
_COUNTRY_LEFT = re.compile(
    r"(?:法国|法债|意大利|西班牙|葡萄牙|希腊|荷兰|瑞士|瑞典|挪威|澳大利亚|澳洲|新西兰|韩国|加拿大|印度|印尼|巴西|墨西哥|土耳其|俄罗斯|英国|德国|日本|中国"
    r"|马来西亚|泰国|越南|菲律宾|南非|波兰|匈牙利|智利|阿根廷|埃及|巴基斯坦|以色列|沙特|欧元区|新加坡)(?:的)?(?:指标|基准)?$"
    r"|(?:Australian?|Germany?|Japan(?:ese)?|Britain|British|U\.K\.|\bUK|Ital(?:y|ian)|France|French|Spain|Spanish|Gree(?:ce|k)|Canad(?:a|ian)"
    r"|China|Chinese|Indian?|Korean?|New Zealand)(?:['’]s)?(?: benchmark)? $"
)
#: a day or date is not Japan (今日央行, 8日债市), nor is 其中国债 China
_COUNTRIES = re.compile(
    r"(?<!其)中国|美(?:国|债|股|联储)|日本|(?<![\d今昨当周本前次同明近每])日债|英[国债]|德[国债]|法国|韩国|意大利|西班牙|葡萄牙|希腊|瑞士|瑞典|挪威|澳大利亚|新西兰"
    r"|加拿大|印度|印尼|巴西|墨西哥|土耳其|俄罗斯|马来西亚|泰国|越南|菲律宾|南非|波兰|匈牙利|智利|阿根廷|埃及|巴基斯坦|以色列|沙特|欧元区|新加坡"
)
_AGENCY = re.compile(
    r"^(?:全球)?(?:则|也|还|曾|又|随后|近日|日前|此前|方面)?"
    r"(?::(?![+\-\d]|[涨跌])|称|表示|认为|指出|预计|确认|警告|评级|维持|给出|首席|经济学家|分析师|信评|(?:在|的)?(?:一份|最新|近期)的?(?:评论|报告|点评|研报|声明)|[将把][^,。]{0,14}(?:评级|展望)|[上下]调(?!\d|至\d))"
)
_DIGITS_LEFT = re.compile(r"(?<!\d)(?:\d{2}|H\d)$")
_DIGITS_RIGHT = re.compile(r"^(?:\d{2}|[A-Z]\d)(?![\d.:%年月日号万亿个只家])")
_SERIAL_RIGHT = re.compile(r"^0\d(?![\d.:%年月日号])")
_CONVERTIBLE = re.compile(r"^(?:转债|转\d|EB\d|CB\d|可转债|可交换债)")


def hong_kong(text: str, start: int = 0, end: int | None = None) -> bool:
    """Return whether ``text[start:end]`` speaks of Hong Kong's market."""
    return bool(_HONG_KONG_CUE.search(text, start, len(text) if end is None else end))


def in_hong_kong(text: str, headline: int, start: int, end: int) -> bool:
    """Return whether ``text[start:end]`` is named as listed in Hong Kong; the first ``headline`` characters are the headline.

    Words right beside it say so, else the headline; where that speaks of the mainland's market as well, the last cue before the name.
    """
    if hong_kong(text, max(0, start - 6), start) or hong_kong(_CLAUSE.match(text, end, end + 12)[0]):  # type: ignore[index]
        return True
    if not hong_kong(text, 0, headline) or not _SHANGHAI_CUE.search(text, 0, headline):
        return hong_kong(text, 0, headline)
    left = text[max(text.rfind("\n", 0, start) + 1, start - _LEFT) : start]
    return _last(_HONG_KONG_CUE, left) > _last(_SHANGHAI_CUE, left)


def named(left: str, right: str) -> tuple[str, ...]:
    """Return the markets that the words joined to a name say outright: 中国平安H股, 港股美团, 阿里巴巴ADR; none, where they do not.

    >>> named("", "H股跌2%"), named("美股", "跌2%"), named("", "跌2%")
    (('XHKG',), ('XNYS', 'XNAS'), ())
    """
    match = _SHARES_RIGHT.match(right) or _SHARES_LEFT.search(left)
    if match is None:
        return ()
    markets = {"a": MAINLAND, "h": ("XHKG",), "n": NEW_YORK, "t": ("XTAI",), "e": _EUROPE}
    return next(mics for group, mics in markets.items() if match.groupdict().get(group))


def domestic(text: str, start: int, end: int) -> bool:
    """Return whether a commodity named from ``start`` to ``end`` is the mainland's contract.

    What follows says so (白银主力合约), else the paragraph before, which speaks last of the mainland's futures rather than of those abroad.
    """
    left = text[max(text.rfind("\n", 0, start) + 1, start - _LEFT) : start]
    if _MAIN_CONTRACT.match(text, end) and not _FUTURES_ABROAD.search(re.split(r"[,;。]", left)[-1]):
        return True
    return _last(_MAINLAND_FUTURES, left) > _last(_FUTURES_ABROAD, left)


def chicago(text: str, start: int, end: int) -> bool:
    """Return whether a grain named from ``start`` to ``end`` is Chicago's contract: the paragraph last spoke of it, or its unit follows.

    >>> chicago("芝加哥豆粕涨3%", 3, 5), chicago("豆粕涨3%,报每短吨395美元", 0, 2), chicago("豆粕涨3%", 0, 2)
    (True, True, False)
    """
    left = text[max(text.rfind("\n", 0, start) + 1, start - _LEFT) : start]
    told = _last(_CHICAGO, left), _last(_DALIAN, left)
    return told[0] > told[1] or (told[0] == told[1] and bool(_CHICAGO_UNIT.search(text[end : end + 24].partition("。")[0])))


def abroad(text: str, start: int, end: int) -> bool:
    """Return whether the paragraph of ``start``, up to ``end``, last speaks of New York rather than of a Chinese market."""
    left = text[max(text.rfind("\n", 0, start) + 1, start - _LEFT) : end].partition("\n")[0]
    return _last(_NEW_YORK_CUE, left) > _last(_MAINLAND_CUE, left)


def rank(hong_kong: bool, new_york: bool) -> Mapping[str, int]:
    """Return the order of markets a shared name goes to: Hong Kong, or New York, where the words say so; else the mainland."""
    markets = [NEW_YORK, ("XHKG",), MAINLAND] if new_york else [MAINLAND, NEW_YORK, ("XHKG",)]
    ordered = [("XHKG",), *[m for m in markets if m != ("XHKG",)]] if hong_kong else markets
    return {mic: place for place, group in enumerate(ordered) for mic in group}


_SECOND_WORDS = ("H股", "A股", "港股", "美股", "ADR", "美国存托", "listed", "Hong Kong ")
#: "its Hong Kong shares", "the company's U.S.-listed shares"
_BARE_EN = re.compile(
    r"\b(?:its|their|the\s(?:\w+\s)?company's)\s(?:(?P<hong_kong>Hong\sKong)|U\.?S\.?|American|New\sYork)[-\s](?:listed\s|traded\s)?"
    r"(?:shares|stock|depositary\sreceipts|ADRs)\b",
    re.IGNORECASE,
)


def bond(left: str, right: str) -> bool:
    """Return whether the digits around a company's name make it a bond: 22万科02, H1碧地03, 万科06, 闻泰转债.

    >>> bond("“22", "02”盘中涨"), bond("", "转债"), bond("", "06"), bond("2025年", "10月")
    (True, True, True, False)
    """
    both = _DIGITS_LEFT.search(left) and _DIGITS_RIGHT.match(right)
    return bool(both or _SERIAL_RIGHT.match(right) or _CONVERTIBLE.match(right))


def other_index(surface: str, right: str, left: str = "") -> bool:
    """Return whether what is beside the name of an index makes it another one, the agency of that name, or a company's listing.

    >>> other_index("NIFTY", "房地产指数下跌2.7%"), other_index("标普", "跌1%")
    (True, False)
    >>> other_index("欧股", "跌幅扩大", "Stellantis"), other_index("道琼斯", ")", "(")
    (True, True)
    >>> other_index("S&P 500", " energy index fell"), other_index("Russell 2000", " index of smaller stocks")
    (True, False)
    """
    if surface.endswith("股") and re.search(r"[一-鿿A-Za-z]$", left) and re.match(r"股价|[涨跌]幅", right):
        return True
    if surface in ("道琼斯", "Dow Jones") and (
        (left.endswith("(") and right.startswith(")")) or left.endswith("据") or re.match("报道|通讯|援引", right)
    ):
        return True
    if surface.isascii() and _SECTOR_EN.match(right):
        return True
    return bool(_SECTOR.match(right) or _SUBINDEX.match(right) or (surface == "创业板" and _BOARD_RULES.match(right)))


def rates(right: str) -> bool:
    """Return whether what follows 标普 is what an agency does: 标普:预计政府, 标普把展望下调."""
    return bool(_AGENCY.match(right))


def currency(surface: str, text: str, start: int) -> str | None:
    """Return the symbol of a currency several countries call so (比索, 克朗, 卢比), by the country named last before it.

    One of its paragraph counts, then one of the text before, then the first behind.

    >>> currency("比索", "智利占进口的七成。该国比索升值1.1%", 11), currency("卢比", "卢比逼近98关口", 0), currency("美元", "美元", 0)
    ('CLP=X', 'INR=X', None)
    >>> currency("比索", "比索跌两成,阿根廷股市腰斩", 0)
    'ARS=X'
    """
    countries = _NAMESAKES.get(surface)
    if countries is None:
        return None
    left = text[max(text.rfind("\n", 0, start) + 1, start - _LEFT) : start]
    for before in (left, text[:start]):
        near = {country: before.rfind(country) for country in countries}
        named = max(near, key=lambda c: near[c])
        if near[named] >= 0:
            return countries[named]
    behind = [(at, country) for country in countries if (at := text.find(country, start)) >= 0]
    return countries[min(behind)[1]] if behind else next(iter(countries.values()))


def yields(text: str) -> list[tuple[str, int, int]]:
    """Return symbol, start and end of Treasury yields that only their term names, behind one named in full in the sentence.

    >>> yields("两年期美债收益率上行9个基点,十年期仅上行3个基点"), yields("日债收益率走高,10年期涨至2.5%")
    ([('^TNX', 15, 18)], [])
    """
    if "美债" not in text and "美国国债" not in text:
        return []
    found = []
    for match in _TERM.finditer(text):
        sentence = text[max(text.rfind("。", 0, match.start()), text.rfind("\n", 0, match.start())) + 1 : match.start()]
        if _AMERICAN.search(sentence) and not _OTHERS_BONDS.search(sentence):
            found.append((_TERMS[match["term"]], match.start(), match.end()))
    return found


def relisted(right: str) -> tuple[tuple[str, ...], int, int] | None:
    """Return the markets, start and end of the second listing in what follows a company: 中冶[A股跌停,港股重挫]; ``None`` without one.

    >>> relisted("A股跌停,港股重挫15%"), relisted("A股跌停,港股市场重挫")
    ((('XHKG',), 5, 7), None)
    """
    match = _SECOND.match(right)
    if match is None or _LISTED[match["first"]] == _LISTED[match["second"]]:
        return None
    return _LISTED[match["second"]], match.start("second"), match.end("second")


def bare(text: str) -> list[tuple[tuple[str, ...], int, int]]:
    """Return the markets, start and end of each listing that moves and bears no name: 甲低开2%;[H股]跌5%, 该股[A股]涨停.

    >>> bare("甲低开2%;H股跌5%"), bare("甲H股跌5%,A股收涨"), bare("该股A股涨3%")
    ([(('XHKG',), 6, 8)], [], [(('XSHG', 'XSHE', 'BJSE'), 2, 4)])
    """
    if not any(word in text for word in _SECOND_WORDS):
        return []
    found = [
        (_LISTED[m["share"]], m.start("share"), m.end("share"))
        for m in _BARE.finditer(text)
        if m["own"] is not None or m["share"] != "A股" or _AFTER_H.search(text, max(0, m.start() - _AFTER), m.start())
    ]
    if "listed" in text or "Hong Kong " in text:
        found += [(("XHKG",) if m["hong_kong"] else NEW_YORK, m.start(), m.end()) for m in _BARE_EN.finditer(text)]
    return found


def other_rate(left: str, country: str = "美国") -> bool:
    """Return whether a yield whose name tells no country is not that of ``country``: the country last named in its sentence is another.

    >>> other_rate("法国"), other_rate("Australia’s "), other_rate("印度央行降息,"), other_rate("美国通胀回落,")
    (True, True, True, False)
    >>> other_rate("中国央行降准,", "中国"), other_rate("美债抛售,", "中国"), other_rate("法国之外,美国", "美国")
    (False, True, False)
    """
    if _COUNTRY_LEFT.search(left):
        return not left.rstrip("的指标基准").endswith(country)
    named = country_of(re.split(r"[。\n]", left)[-1])
    return named is not None and named != country[0]


def country_of(text: str) -> str | None:
    """Return the first character of the country last named in a text, by its name, its bonds, its shares.

    >>> country_of("美债抛售,"), country_of("美股收涨。中国央行降准"), country_of("收涨"), country_of("8日债市走强,今日央行")
    ('美', '中', None, None)
    """
    named = [match.group() for match in _COUNTRIES.finditer(text)]
    return named[-1][0] if named else None


def _last(pattern: re.Pattern[str], text: str) -> int:
    return max((m.start() for m in pattern.finditer(text)), default=-1)
