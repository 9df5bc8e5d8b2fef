"""Which listing of a company a naming means: Hong Kong or New York, A or H, Amsterdam or New York.

:func:`chosen` asks these in turn and takes the first that speaks of a market the company is listed on:

1. the word joined to the name (中国平安H股, 阿里巴巴ADR, SAP法兰克福股价);
2. the currency of the price that follows (报139.2港元, 跌至0.69瑞郎);
3. the market named last before it in its sentence, else first behind it before another name;
4. but for A and H, the names beside it that have one listing only (美团、阿里巴巴; SK海力士跌2%,台积电跌1%);
5. a word for a part of the day that New York has not (午间, 午后);
6. the code the text gives the name elsewhere;
7. the market named last in the paragraph, then the one of the headline;
8. who trades while the text is written, for a name whose price moves.

Without any: the mainland, then New York, then Hong Kong. Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from research import listings
from research.patterns import Finder

__all__ = ["Neighbour", "Place", "chosen", "region"]

_EUROPE = frozenset(
    {"XAMS", "XBRU", "XCSE", "XDUB", "XETR", "XHEL", "XLIS", "XLON", "XMAD", "XMIL", "XOSL", "XPAR", "XSTO", "XSWX", "XWBO"}
)
_REGIONS: Mapping[str, str] = {
    **dict.fromkeys(listings.MAINLAND, "mainland"),
    **dict.fromkeys(listings.NEW_YORK, "new_york"),
    **dict.fromkeys(_EUROPE, "europe"),
    **dict.fromkeys(("XTKS", "XKRX", "XASX", "XSES", "XBOM"), "asia"),
    "XHKG": "hong_kong",
    "XTAI": "taiwan",
}
#: where a company of several markets is meant when only its part of the world is known
_IN_ASIA = ("taiwan", "hong_kong", "mainland")
_DEFAULT = ("mainland", "new_york", "hong_kong", "taiwan", "europe")
_ENGLISH = ("new_york", "mainland", "hong_kong", "taiwan", "europe")
#: lists of a trade mix A shares with companies that have none: there a neighbour says nothing
_AH = frozenset({"mainland", "hong_kong"})
_CUE = Finder.of(
    r"(?P<hong_kong>港股(?!份)|(?:登陆|[在于])港交所|港交所(?:主板|挂牌|上市)|[Hh]股|恒生(?!电子|银行)|恒指|恒科|国企指数|南向|港股通|"
    r"香港(?:市场|股市|股票|交易)|\.HK\b|Hong Kong|Hang Seng)"
    r"|(?P<new_york>美股|(?<![A-Z])AD[RS](?![A-Z])|华尔街(?!见闻|日报)|纳指|纳斯达克|道指|标普|纽约|纽交所|费城半导体|费半|盘前|(?<![开收])盘后|中概|美东|"
    r"Nasdaq|NYSE|Wall Street|New York|[A-Z]\.[NO]\b|premarket|U\.?S\.?[- ](?:listed|traded))"
    r"|(?P<mainland>A股|沪指|上证|沪深|深成指|深证|创业板|科创|两市|上交所|深交所|北证)"
    r"|(?P<taiwan>台股|台北|台湾加权|台湾股市|加权指数|新台币|\.TW\b|Taipei|Taiex|TAIEX)"
    r"|(?P<europe>欧股|欧盘|泛欧|北欧|欧元区(?!经济|通胀|GDP|CPI|PMI)|欧洲(?:股市|股指|主要股指|斯托克|STOXX|Stoxx|个股|[^,。;]{0,6}股|三大|早盘|盘初|开盘|收盘)|"
    r"斯托克|STOXX|Stoxx|富时|CAC|DAX|巴黎|阿姆斯特丹|法兰克福|哥本哈根|米兰|马德里|苏黎世|伦敦(?:股|上市|市场|开盘|盘)|英股|德股|法股|"
    r"丹麦股|瑞士股|荷兰股|意大利股|European (?:shares|stocks|markets|equities)|"
    r"[Ii]n (?:London|Paris|Frankfurt|Amsterdam|Copenhagen|Milan|Zurich|Madrid))"
    r"|(?P<asia>亚太|亚洲(?:股|市场|芯片|科技|半导体)|日股|韩股|日经|东京|首尔|韩国综|KOSPI|Kospi|Nikkei|Tokyo|Seoul|"
    r"Asian (?:shares|stocks|markets))"
)
#: the price of one share behind its name
_PRICE = re.compile(
    r"(?:报|收于|收报|[跌升涨降%]至|报收于?|[上下]?调至|目标价至|每股|发行价|招股价|开盘价)\s?[\d,.]+\s?(?:(?P<hong_kong>港元|港币)|(?P<new_york>美元)|(?P<taiwan>新?台币)|"
    r"(?P<europe>欧元|瑞郎|英镑|便士|瑞士法郎|丹麦克朗)|(?P<mainland>元(?!/)|人民币))"
)
#: 京东集团-SW is the name in Hong Kong, 万科A the one in Shenzhen
_MARKED = re.compile(r"(?P<hong_kong>-(?:SW|W|S))\Z|(?<=[一-龥])(?P<mainland>A)\Z")
_REPORTED = re.compile(r"盘[前后](?:将|已)?(?:公布|发布|披露|公告|宣布|交出)")
#: part of the day of the company named before it, wherever that is listed
_OUTSIDE_HOURS = frozenset({"盘前", "盘后"})
#: the other listing of the company named before it: 甲涨2%,其隔夜美股涨4%;
_OTHER_LISTING = re.compile(
    r"(?:[AH港美]股|AD[RS])(?:[今昨前][日天夜晚]|隔夜|盘[前中后]|早盘|午后|收盘|一度|则|也|亦|同步|大幅)*[涨跌升挫收高低]"
)
_BREAK = re.compile(r"午间|午盘|午后|午前|半日|早盘收")
_MOVE = re.compile(r"[涨跌升挫]|走[高低强弱]|[高低]开|rose|fell|gain|drop|jump|slid|surg|tumbl|climb|los[te]|up |down ", re.IGNORECASE)
_PRICED = re.compile(r"股价|涨|跌|挫|shares|stock|rose|fell|jump|drop")
_SENTENCE = Finder.of(r"[。!?！？\n]|(?<=[a-z])\. ")
_SEPARATOR = re.compile(r"(?:集团|控股|-S?W)?(?:[、,和与及]|以及|\s?and\s|,\s?)(?:以及|及)?")
#: what follows a name speaks of it over this many characters
_RIGHT = 60
#: words of a move stand this near behind a neighbour; behind or before the name itself
_NEAR, _BEHIND, _AHEAD = 18, 30, 12
#: a neighbour this far away says nothing
_FAR = 90
#: the paragraph is read back over this many characters
_BACK = 300
_LONDON, _NEW_YORK, _HONG_KONG = (ZoneInfo(z) for z in ("Europe/London", "America/New_York", "Asia/Hong_Kong"))
_LONDON_OPENS, _NEW_YORK_OPENS = time(8), time(9, 30)
_SATURDAY = 5
#: by late morning the night before is told; after the close the day is
_LATE_MORNING, _DAY_TOLD = time(10, 30), time(19)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A naming near by of a share whose market is known: its span and its region."""

    start: int
    end: int
    region: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands: the text, the span, how long the headline is, when and in which language it was published."""

    text: str
    start: int
    end: int
    headline: int
    published_at: datetime
    language: str


def region(mic: str) -> str | None:
    """Return the part of the world a market belongs to, as the steps above speak of it; ``None`` for any other.

    >>> region("XNAS"), region("XTKS"), region("24/7")
    ('new_york', 'asia', None)
    """
    return _REGIONS.get(mic)


def chosen(place: Place, regions: Sequence[str], beside: Sequence[Neighbour] = (), *, usual: str | None = None) -> tuple[str, bool]:
    """Return the region of ``regions`` whose listing a naming means, and whether anything in the text said so.

    Parameters
    ----------
    place
        Where the name stands.
    regions
        The regions the company is listed in; at least one.
    beside
        Namings of shares whose market is known, sorted by ``start``; those of other sentences are not looked at.
    usual
        The region of the code the text gives the name elsewhere, if it gives one.
    """
    others = {n.end for n in beside} if set(regions) >= _AH else set()
    for found in (
        _joined(place),
        _priced(place, beside),
        *_in_sentence(place, beside, others),
        None if set(regions) >= _AH else _neighbour(place, beside),
        "asia" if _broken(place, beside) else None,
        usual,
        _before(place, max(place.text.rfind("\n", 0, place.start) + 1, place.start - _BACK), beside, others, paragraph=True),
        _of_headline(place, regions),
        _trading(place, regions),
    ):
        meant = _among(found, regions)
        if meant is not None:
            return meant, True
    order = _ENGLISH if place.language == "en" else _DEFAULT
    return min(regions, key=lambda r: order.index(r) if r in order else len(order)), False


def _among(found: str | None, regions: Sequence[str]) -> str | None:
    """Return ``found`` where the company is listed there; of Asia, or of the mainland it is not listed on, its listing in Asia."""
    if found in regions or found is None:
        return found
    if found in ("asia", "mainland") and not ("hong_kong" in regions and "mainland" in regions):
        return next((r for r in _IN_ASIA if r in regions), None)
    return None


def _joined(place: Place) -> str | None:
    if mark := _MARKED.search(place.text, place.start, place.end):
        return mark.lastgroup
    markets = listings.named(place.text[max(0, place.start - 6) : place.start], place.text[place.end : place.end + 6])
    if markets:
        return _REGIONS.get(markets[0])
    cue = _CUE.match(place.text, place.end + (place.text[place.end : place.end + 1] in ("在", "的")))
    return cue.lastgroup if cue else None


def _reach(place: Place, beside: Sequence[Neighbour]) -> int:
    """Return how far what follows the name may speak of it: to the end of its sentence, and to the next name."""
    limit = min(len(place.text), place.end + _RIGHT)
    end = _SENTENCE.search(place.text, place.end, limit)
    after = next((n.start for n in beside if n.start >= place.end), limit)
    return min(end.start() if end else limit, max(after, place.end))


def _priced(place: Place, beside: Sequence[Neighbour]) -> str | None:
    found = _PRICE.search(place.text, place.end, _reach(place, beside))
    return found.lastgroup if found else None


def _sentence(place: Place) -> int:
    begun = place.start
    for found in _SENTENCE.finditer(place.text, max(0, place.start - _BACK), place.start):
        begun = found.end()
    return begun if begun < place.start else max(0, place.start - _BACK)


def _in_sentence(place: Place, beside: Sequence[Neighbour], others: Set[int]) -> tuple[str | None, str | None]:
    opening = _sentence(place)
    after = _CUE.search(place.text, place.end, _reach(place, beside))
    return _before(place, opening, beside, others), after.lastgroup if after else None


def _before(place: Place, opening: int, beside: Sequence[Neighbour], names: Set[int], *, paragraph: bool = False) -> str | None:
    """Return the market spoken of last before the name.

    A word right behind one of ``names``, which end there, speaks of that name: 甲港股跌2%,乙涨1%. So do 盘前 and 盘后 in a sentence about a
    share of another market than New York, and the other listing of a company in an item of a list before this one. 盘后公布 is when a
    company reports, wherever it is listed: it speaks of New York only where the ``paragraph`` names no other market.
    """
    last = None
    for found in _CUE.finditer(place.text, opening, place.start):
        if found.start() in names or _aside(place, found, beside):
            continue
        if not _REPORTED.match(place.text, found.start()) or (paragraph and last is None):
            last = found.lastgroup
    return last


def _aside(place: Place, cue: re.Match[str], beside: Sequence[Neighbour]) -> bool:
    text, at = place.text, cue.start()
    outside, other = cue.group() in _OUTSIDE_HOURS, _OTHER_LISTING.match(text, at)
    if not outside and not (other and ";" in text[at : place.start]):
        return False
    item = max(text.rfind(mark, 0, at) for mark in "。;；\n")
    named = [n for n in beside if item < n.start and n.end <= at]
    return bool(named) and named[-1].region != ("new_york" if outside else cue.lastgroup)


def _neighbour(place: Place, beside: Sequence[Neighbour]) -> str | None:
    """Return where the share named nearest before is traded, or behind: one enumerated with the name, or one whose price moves too."""
    opening = _sentence(place)
    before = [n for n in beside if max(opening, place.start - _FAR) <= n.start < place.start]
    end = _SENTENCE.search(place.text, place.end, min(len(place.text), place.end + _FAR))
    limit = end.start() if end else min(len(place.text), place.end + _FAR)
    after = [n for n in beside if place.end <= n.start < limit]
    for one in (*before[-1:], *after[:1]):
        between = place.text[one.end : place.start] if one.start < place.start else place.text[place.end : one.start]
        if _SEPARATOR.fullmatch(between) or _MOVE.search(place.text, one.end, one.end + _NEAR):
            return one.region
    return None


def _broken(place: Place, beside: Sequence[Neighbour]) -> bool:
    """Return whether what follows, up to another name, speaks of a noon break: 该股盘初跌7.4%,午间跌幅收窄."""
    after = next((n.start for n in beside if n.start >= place.end), len(place.text))
    line = place.text.find("\n", place.end)
    limit = min(place.end + _RIGHT, after, line if line >= 0 else len(place.text))
    return bool(_BREAK.search(place.text, place.end, limit))


def _of_headline(place: Place, regions: Sequence[str]) -> str | None:
    """Return the one market of the company's that the headline names; of two, none."""
    named = {found.lastgroup for found in _CUE.finditer(place.text, 0, place.headline)} & set(regions)
    return next(iter(named)) if len(named) == 1 else None


def _trading(place: Place, regions: Sequence[str]) -> str | None:
    """Return who trades while the text is written, or has just closed, where New York does not: for a name whose price moves."""
    if "new_york" not in regions or not (
        _PRICED.search(place.text, place.end, place.end + _BEHIND) or _PRICED.search(place.text, max(0, place.start - _AHEAD), place.start)
    ):
        return None
    if "europe" in regions:
        london, new_york = (place.published_at.astimezone(zone).time() for zone in (_LONDON, _NEW_YORK))
        return "europe" if london >= _LONDON_OPENS and new_york < _NEW_YORK_OPENS else None
    if "hong_kong" in regions and "mainland" not in regions:
        local = place.published_at.astimezone(_HONG_KONG)
        return "hong_kong" if local.weekday() < _SATURDAY and _LATE_MORNING <= local.time() < _DAY_TOLD else None
    return None
