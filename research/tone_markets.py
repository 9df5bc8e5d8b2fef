"""Terms that tell how a market, a group of shares or a figure of the economy moved: they are said of no instrument beside them."""

from __future__ import annotations

import re

from research.patterns import presence
from research.tone_terms import Term

__all__ = ["PRICED", "of_economy", "of_market"]

#: what is said of prices: it may be said of a market that is no instrument here
PRICED = presence(
    r"[涨跌升挫飙]|走[强弱高低软]|跳水|回落|新[高低]|连[板阳]|拉升|冲高|企稳|失守|突破|站上|[上下]行|崩|抛售"
    r"|\b(?:rose|ris(?:es?|ing)|fell|fall(?:s|ing)?|gain(?:s|ed)?|drop(?:s|ped)?|jump(?:s|ed)?|surg(?:es?|ed)|climb(?:s|ed)?|slid|tumbl(?:es?|ed)"
    r"|slump(?:s|ed)?|rall(?:y|ies|ied)|strengthen(?:s|ed)?|weaken(?:s|ed)?)\b",
    re.IGNORECASE,
)
_MARKET = re.compile(
    r"(?:(?<![该其司团个新])股(?:[市指]|债汇?|多股|普遍)?|股票指数|[美日欧德英中国]债|收益率|指数|板块|概念|赛道|产业链|行业|市场|资产|货币|商品|金属|期货|期指|有色"
    r"|硬件|算力|创业板|科创板|[美日欧]元|人民币|英镑|[原布燃]油|[油金银铜铝煤]价|黄金|白银|铜|铝)"
    r"(?:盘[中前后初]|日内|全线|普遍|集体|一度|盘初|持续|继续|大幅|小幅|再度|齐|双双|也|则|均|普|微|转|续)*"
)
#: how a figure is said to move, up to the word of it
_ECONOMY = re.compile(r"(?:通胀率?|失业率|物价|[CP]PI)(?:同比|环比|年率|或|将|恐|料|可能|进一步|持续|继续|也|则|再|已|会|大幅|小幅|略)*\Z")


def of_market(plain: str, start: int, hit: Term) -> bool:
    """Return whether a term tells of the price of a market or a group of shares that is named from ``start`` on: 港股走低, 概念股大跌."""
    return bool(PRICED.search(plain, hit.start, hit.end)) and any(m.end() == hit.start for m in _MARKET.finditer(plain, start, hit.start))


def of_economy(plain: str, hit: Term) -> bool:
    """Return whether a term tells how a figure of the economy moved, which is good or bad of nobody: 土耳其通胀或升至20%."""
    return bool(PRICED.search(hit.why) and _ECONOMY.search(plain, max(0, hit.start - 12), hit.start))
