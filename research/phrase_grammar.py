"""The grammar of date phrases, Chinese and English: one scanner, and a reader for each kind of phrase; no arithmetic.

False friends are refused here by what stands around them: 20日均线, 7日年化, 3日内, 5月期合约, 每周五, 隔夜利率,
Black Friday, May as a verb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType

from research.patterns import presence
from research.phrase_words import month_number, number, weekday_number

__all__ = ["SCAN", "Phrase", "read"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a phrase says, before it is resolved; ``None`` is what it leaves out."""

    start: int
    end: int
    unit: str  # day, month, quarters, year, weekday, week, relative, span
    rule: str
    year: int | None = None
    shift: int | None = None  # years, quarters, months, weeks or days from the reference
    month: int | None = None
    month_end: int | None = None
    day: int | None = None
    day_end: int | None = None
    weekday: int | None = None
    edge: str = ""  # 初, 末, 上旬 …, 以来
    until: Phrase | None = None  # the other end of a range
    beside: int | None = None  # weekday standing beside the date
    sunday_weeks: bool = False


_CN = "零〇一二三四五六七八九十"
_Y = r"(?:19|20)\d\d"
_M = r"(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])"
_D = r"(?:3[01]|[12]\d|0?[1-9]|三十一?|二?十[一二三四五六七八九]?|[一二三四五六七八九])"
_TO = r"\s?(?:-{1,2}|–|—{1,2}|~|至|到)\s?"
_RY = r"(?:今年|去年|前年|明年|后年|上年|本年)"
_CALM = rf"(?<![\d.{_CN}])"
_EM = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_EML = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_EW = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_EWS = r"(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"

# What follows a bare 20日 when it is a span of days and not a day of the month.
_NOT_DAY = (
    r"(?!均|内|以内|之内|线|年化|移动|平均|游|累计|涨幅|跌幅|以上|以下|新高|新低|高点|低点|最高|最低|波动|滚动|逆回购|期"
    r"|收益|龄|间|里|本(?!公司|报|网)|历|连[涨跌]|换手|乖离|主力|资金|净[流买卖]|元|圆|游戏|后|之后|超)"
)
_NOT_MONTH = (
    r"(?!合约(?!销售|负债)|[^,。、的\s]{0,4}期货(?!市场|公司|业)|期(?!间)|交割|交货|合同|到期"
    r"|线|均|龄|饼|薪|嫂|球|亮|度|票(?![房据])|租(?![金赁])|供(?![应给电气热货])|活|卡|费(?!用)|销(?![售量额])|产能|客单)"
)

_ATOMS = MappingProxyType(
    {
        # --- Chinese
        "ymd": (
            rf"(?<![\d.])(?P<ymd_y>{_Y})(?P<ymd_s>[-/.])\s?(?P<ymd_m>1[0-2]|0?[1-9])(?P=ymd_s)\s?(?P<ymd_d>3[01]|[12]\d"
            rf"|0?[1-9])(?!\d|[-/.]\d)"
        ),
        "md": (
            rf"{_CALM}(?:(?P<md_y>{_Y}|{_RY}"
            rf"|[二〇零一九][{_CN}]{{3}})\s?年?\s?(?:的\s?)?)?(?P<md_m>{_M})\s?月\s?(?P<md_d>{_D})(?:\s?[日号]?{_TO}(?P<md_e>{_D}))?"
            rf"\s?[日号]"
        ),
        "day": (
            rf"{_CALM}(?<![近前第每两几满超逾共再又加连+])(?<!(?<!合)约)(?<!\d月)(?<!过去)(?<!最近)(?<!未来)(?<!连续)(?<!长达)(?<!为期)(?<!不足)("
            rf"?<!历时)(?P<day_d>3[01]|[12]\d|0?[1-9])(?:{_TO}(?P<day_e>3[01]|[12]\d|0?[1-9]))?日{_NOT_DAY}"
        ),
        "month": (
            rf"{_CALM}(?<!近)(?<!过去)(?<!最近)(?:(?P<month_y>{_Y}|{_RY}"
            rf"|[二〇零一九][{_CN}]{{3}})\s?年?\s?(?:的\s?)?)?(?P<month_lead>(?<![此之日目以先])前)?(?P<month_m>{_M})(?:月?份?{_TO}(?P<month_e>{_M}))?(?"
            rf"P<month_n>个)?月份?{_NOT_MONTH}(?P<month_q>以来|至今|上旬|中旬|下旬|[底末初])?"
        ),
        "half": (
            rf"(?<!过去)(?<![近上下每同这])(?:(?P<half_y>{_Y}|{_RY})年?(?:度)?\s?(?:的\s?)?)?(?:(?P<half_h>[上下]半年)"
            rf"|(?P<half_f>前三个?季度?)|第?(?P<half_q>[一二三四1-4])季度|(?P<half_i>首季度?)|(?P<half_l>(?<=年)[Qq][1-4]))"
        ),
        "year": (
            rf"(?<![\d.])(?:(?:(?P<year_a>{_Y})年?{_TO})?(?P<year_y>{_Y})年(?!前|来|期|代|版|款|定存)"
            rf"|(?P<year_r>{_RY}))(?P<year_q>年?[初底末]至今|以来|至今|年?[底末]|年?初|年中)?"
        ),
        "ytd": r"(?<!\d)(?:年初至今|年初以来|年内(?!将|有望))",
        "lastq": r"(?P<lastq_p>上一?|本|下一?)个?季度?(?<=季度)",
        "wkdots": rf"(?<=周\()\s?(?P<wk_m>{_M})[./](?P<wk_d>\d\d?){_TO}(?P<wk_n>{_M})[./](?P<wk_e>\d\d?)(?=\s?\))",
        "weekday": (
            r"(?<![每两二三四五六七八九十几双单半逐一\d第])(?<!(?<!指)数)(?<!每个)(?P<wd_p>上上|[本这上下当])?个?(?:周|星期"
            r"|礼拜)(?P<wd_w>[一二三四五六日天末])(?!均|刊|报|围)(?<!周六(?=福))"
        ),
        "week": r"(?P<week_p>上上|[本这上下当])一?个?(?:周|星期|礼拜)(?![期年岁转末大生])",
        "monthrel": r"(?P<mr_p>上上|[本上下])个?月(?![线均])(?:(?P<mr_d>3[01]|[12]\d|0?[1-9])日|(?P<mr_q>[初底末]|[上中下]旬))?",
        "rel": (
            r"今[日天](?!头条|资本|股市|说法|美国报)|今[晨早晚]|昨[日天晚夜晨](?!重现)|(?<!\d)前天|隔夜(?!利率|逆?回购|拆[借入出]"
            r"|[Ss][Hh]|指数掉期|存|融|质押|资金|SHIBOR|风险敞口)|明[日天](?!系|控股|之)|明[早晚]|后天(?!失|性)"
            r"|(?<![\d易作个节假当截末生目数几多两一二三四五六七八九十])日前|近日(?!点)"
        ),
        # --- English
        "emd": (
            rf"\b(?P<emd_m>{_EM})\b\.?\s+(?P<emd_d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?:\s?(?:-|–|—)\s?(?P<emd_e>3[01]|[12]\d"
            rf"|0?[1-9])(?:st|nd|rd|th)?)?(?![\d%]|[.:]\d|,\d{{3}})(?:\s?,?\s+(?P<emd_y>{_Y})\b)?"
        ),
        "edm": (
            rf"(?<![\d.,$])\b(?P<edm_d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd"
            rf"|th)?[\s-]+(?:of\s+)?(?P<edm_m>{_EM})\b\.?(?:,?[\s-]+(?P<edm_y>{_Y})\b)?"
        ),
        "edmy": rf"(?<![\d/.])(?P<us_m>\d\d?)/(?P<us_d>\d\d?)/(?P<us_y>{_Y})(?![\d/])",
        "emy": rf"\b(?P<emy_m>{_EM})\b\.?,?\s+(?:of\s+)?(?P<emy_y>{_Y})\b",
        "em": (
            rf"(?<=\b[Ii]n )(?P<em_1>{_EML})\b|(?:(?<=\bsince )|(?<=\bSince ))(?P<em_since>{_EML})\b|(?:(?<=\blast )|(?<=\bfor )"
            rf"|(?<=\bby )|(?<=\bthrough )|(?<=\buntil )|(?<=\bearly )|(?<=\blate )|(?<=\bfrom ))(?P<em_2>{_EML})\b"
        ),
        "ewd": (
            rf"(?<!Black )(?<!Good )(?<!Cyber )(?<!Fat )(?<!Ruby )(?<!Giving )(?<!Super )(?<!Ash )\b(?:(?P<ewd_p>[Ll]ast|[Tt]his"
            rf"|[Nn]ext|[Pp]ast)\s+)?(?:(?P<ewd_w>{_EW})|(?P<ewd_s>{_EWS})(?=[.,]{{1,2}}\s+(?:\d|{_EM})))\b"
        ),
        "erel": (
            r"\b(?:[Yy]esterday|(?<!USA )[Tt]oday|[Tt]omorrow|[Tt]onight|[Ll]ast night|[Tt]his (?:morning|afternoon|evening)"
            r"|[Oo]vernight(?!\s+(?:rate|index|repo|lending|deposit|borrow|reverse|fund|indexed|swap|success|delivery)))\b"
        ),
        "eper": (
            r"\b(?P<eper_p>[Ll]ast|[Tt]his|[Nn]ext)\s+(?P<eper_n>week|month|quarter|year)\b(?!')"
            r"|\b(?P<eper_y>[Yy]ear[- ]to[- ]date)\b"
        ),
        "ehalf": (
            rf"\b(?:(?P<eh_h>[Ff]irst|[Ss]econd)[- ]half|(?P<eh_q>[Ff]irst|[Ss]econd|[Tt]hird|[Ff]ourth)[- ]quarter|Q(?P<eh_n>[1-4])"
            rf"|(?P<eh_b>[1-4])Q\s?(?P<eh_z>(?:20)?\d\d)\b|H(?P<eh_m>[12])(?=\s?{_Y}\b))(?:(?:\s+of|,)?\s?(?:(?P<eh_y>{_Y})\b"
            rf"|(?P<eh_r>last year|this year|next year|the year)))?"
        ),
        "eyear": (
            rf"(?:(?<=\b[Ii]n )|(?<=\bsince )|(?<=\bSince )|(?<=\bfor )|(?<=\bduring )|(?<=\bby )|(?<=\bfrom )|(?<=\bthrough )"
            rf"|(?<=\buntil )|(?<=\bof ))(?P<ey_y>{_Y})\b(?!\s?%|[.,:]\d|-\w|\s(?:shares|points|stores|people|employees|units|jobs"
            rf"|workers|others)\b)"
        ),
        # --- words that set a zone
        "zone": (
            r"北京时间|美国?东部?(?:夏令)?时间|美国东部时间|美国?西部?时间|(?:纽约|伦敦|东京|香港|法兰克福|首尔|悉尼)(?:当地)?时间"
            r"|格林[尼威]治(?:标准)?时间|欧洲中部(?:夏令)?时间|当地时间|\b(?:E[SD]?T|P[SD]T|GMT|UTC|BST|CES?T|HKT|JST|KST)\b"
            r"|\b(?:Eastern|New York|Beijing|London|Tokyo|Hong Kong|local) [Tt]ime\b"
        ),
        "place": (
            r"美股|美国|美联储|纽约|纽交所|华尔街|纳斯达克|纳指|道指|道琼斯|标普|费城半导体|芝加哥|白宫|COMEX|NYMEX|A股|沪指|沪深"
            r"|上证|深成指|深证|创业板|科创|北向|央行|沪金|沪银|港股|恒生|恒指|香港|欧股|欧洲(?:央行)?|欧元区|伦敦|英国(?:央行)?|LME|德国|法国"
            r"|法兰克福|日股|日经|东京|日本(?:央行|(?=股|经))|韩国(?:央行)?|韩股|KOSPI|Kospi|首尔"
            r"|印度(?:央行)?|澳洲|澳大利亚|台股|\b(?:Wall Street|Nasdaq"
            r"|NASDAQ|S&P 500|Dow Jones|NYSE|New York|London|FTSE|Tokyo|Nikkei|Hong Kong|Hang Seng|Shanghai|Shenzhen|Beijing"
            r"|Frankfurt|Seoul)\b"
        ),
    }
)

# Where a phrase can begin at all: cheap to search for, so that SCAN is only tried there.
_CANDIDATE = presence(
    r"[今去明后昨][年日天晨早晚夜]|[上下本这当][上个一半周星礼季月年]|前[年天三十一二四五六七八九\d]|第[一二三四1-4]季|首季"
    r"|年[初内]|隔夜|日前|近日|周[一二三四五六日天末]|星期|礼拜"
    rf"|[{_CN}]{{1,4}}(?=[年月季])|(?<=年)[Qq]|(?<=周\()\s?\d"
    r"|(?<![\d.])\d{1,4}(?!\d)(?=\s?[年月日号季Q/\-–—~至到]|\.\d\d?\.|(?:st|nd|rd|th)?[\s-]+(?:of )?[JFMASOND][a-z])"
    r"|\b(?:[JFMASOND][a-z]{2}|[TW][a-z]{2}|[YL]ast|Year|Tod|Tom|Ton|Yes|This |Next |Over|Q[1-4]|H[12]"
    r"|[PEGUBCHJK][SDMTKE]?[SDTC]\b|yest|toda|tomo|toni|over|last |this |next |past |year[- ]to|first[- ]|second[- ]"
    r"|third[- ]|fourth[- ]|local |(?<= )(?:19|20)\d\d\b)"
    rf"|{_ATOMS['zone']}|{_ATOMS['place']}"
)
SCAN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _ATOMS.items()))
_LIST_GAP = re.compile(r"\s?[、,和及与]\s?")
_YEAR_SHIFTS = {"今": 0, "本": 0, "去": -1, "上": -1, "前": -2, "明": 1, "后": 2, "this": 0, "the ": 0, "last": -1, "next": 1}
_WEEK_SHIFTS = {"上上": -2, "上": -1, "下": 1, "last": -1, "next": 1}
_DAY_SHIFTS = {
    "今": 0,
    "昨": -1,
    "前": -2,
    "隔": -1,
    "明": 1,
    "后": 2,
    "yes": -1,
    "tod": 0,
    "tom": 1,
    "ton": 0,
    "las": -1,
    "thi": 0,
    "ove": -1,
}
_QUARTERS = {"first": 1, "second": 2, "third": 3, "fourth": 4}


def read(plain: str) -> tuple[list[Phrase], list[tuple[int, int, str]]]:
    """Cut a text (after :data:`TRADITIONAL`) into phrases and zone or place words ``(start, end, "zone"|"place")``, each in order."""
    phrases: list[Phrase] = []
    words: list[tuple[int, int, str]] = []
    at = 0
    while candidate := _CANDIDATE.search(plain, at):
        match = SCAN.match(plain, candidate.start())
        if match is None:
            at = candidate.start() + 1
            continue
        at = match.end()
        kind = match.lastgroup or ""
        if kind in ("zone", "place"):
            words.append((match.start(), match.end(), kind))
            continue
        phrase = _READERS[kind](match)
        if phrase is None:
            continue
        if (
            kind == "day"
            and phrases
            and phrases[-1].unit == "day"
            and phrases[-1].month
            and _LIST_GAP.fullmatch(plain, phrases[-1].end, phrase.start)
        ):
            phrase = replace(phrase, month=phrases[-1].month, year=phrases[-1].year, shift=phrases[-1].shift)
        phrases.append(phrase)
    return phrases, words


def _year(word: str | None) -> tuple[int | None, int | None]:
    """Split a year word into (year, shift)."""
    if not word:
        return None, None
    if word[0] in _YEAR_SHIFTS:
        return None, _YEAR_SHIFTS[word[0]]
    return number(word), None


def _opt(word: str | None) -> int | None:
    return number(word) if word else None


def _read_ymd(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "day", "full-date", year=int(m["ymd_y"]), month=int(m["ymd_m"]), day=int(m["ymd_d"]))


def _read_md(m: re.Match[str]) -> Phrase:
    year, shift = _year(m["md_y"])
    rule = "month-day" if year is None else "full-date"
    return Phrase(*m.span(), "day", rule, year, shift, number(m["md_m"]), None, number(m["md_d"]), _opt(m["md_e"]))


def _read_day(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "day", "day-of-month", day=int(m["day_d"]), day_end=_opt(m["day_e"]))


def _read_month(m: re.Match[str]) -> Phrase | None:
    year, shift = _year(m["month_y"])
    if m["month_n"] and not (m["month_lead"] and m["month_y"]):
        return None  # 6个月 and 前6个月 are lengths; 今年前6个月 is a period
    month, edge = number(m["month_m"]), m["month_q"] or ""
    if m["month_lead"]:
        return Phrase(*m.span(), "month", "month-range", year, shift, 1, month, edge=edge)
    end = _opt(m["month_e"])
    return Phrase(*m.span(), "month", "month" if end is None else "month-range", year, shift, month, end, edge=edge)


def _read_half(m: re.Match[str]) -> Phrase:
    year, shift = _year(m["half_y"])
    if m["half_h"]:
        first, last, rule = (1, 2, "half-year") if m["half_h"][0] == "上" else (3, 4, "half-year")
    elif m["half_f"]:
        first, last, rule = 1, 3, "quarters"
    else:
        first = number(m["half_q"]) if m["half_q"] else int(m["half_l"][1]) if m["half_l"] else 1
        last, rule = first, "quarter"
    return Phrase(*m.span(), "quarters", rule, year, shift, first, last)


def _read_year(m: re.Match[str]) -> Phrase:
    year, shift = _year(m["year_y"] or m["year_r"])
    phrase = Phrase(*m.span(), "year", "year", year, shift, edge=m["year_q"] or "")
    return replace(phrase, day=int(m["year_a"])) if m["year_a"] else phrase


def _read_ytd(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "year", "year-to-date", shift=0, edge="以来")


def _read_lastq(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "quarters", "relative-quarter", shift=_WEEK_SHIFTS.get(m["lastq_p"][0], 0))


def _read_wkdots(m: re.Match[str]) -> Phrase:
    head = Phrase(*m.span(), "day", "month-day", month=int(m["wk_m"]), day=int(m["wk_d"]))
    return replace(head, until=replace(head, month=int(m["wk_n"]), day=int(m["wk_e"])), rule="range")


def _read_weekday(m: re.Match[str]) -> Phrase:
    prefix, word = m["wd_p"], m["wd_w"]
    shift = None if prefix is None else _WEEK_SHIFTS.get(prefix, 0)
    return Phrase(
        *m.span(),
        "weekday",
        "weekday" if shift in (None, 0) else "relative-weekday",
        shift=shift,
        weekday=weekday_number(word),
        edge="末" if word == "末" else "",
    )


def _read_week(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "week", "week", shift=_WEEK_SHIFTS.get(m["week_p"], 0))


def _read_monthrel(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "relmonth", "relative-month", shift=_WEEK_SHIFTS.get(m["mr_p"], 0), day=_opt(m["mr_d"]), edge=m["mr_q"] or "")


def _read_rel(m: re.Match[str]) -> Phrase:
    word = m.group()
    if word in ("日前", "近日"):
        return Phrase(*m.span(), "relative", "recently", shift=0, edge="近")
    return Phrase(*m.span(), "relative", "overnight" if word == "隔夜" else "relative-day", shift=_DAY_SHIFTS[word[0]])


def _read_emd(m: re.Match[str]) -> Phrase:
    year = _opt(m["emd_y"])
    rule = "month-day" if year is None else "full-date"
    return Phrase(*m.span(), "day", rule, year, None, month_number(m["emd_m"]), None, int(m["emd_d"]), _opt(m["emd_e"]))


def _read_edm(m: re.Match[str]) -> Phrase:
    year = _opt(m["edm_y"])
    return Phrase(
        *m.span(), "day", "month-day" if year is None else "full-date", year, None, month_number(m["edm_m"]), None, int(m["edm_d"])
    )


def _read_us_slashes(m: re.Match[str]) -> Phrase:
    month, day = int(m["us_m"]), int(m["us_d"])
    if month > 12:
        month, day = day, month
    return Phrase(*m.span(), "day", "full-date", int(m["us_y"]), None, month, None, day)


def _read_emy(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "month", "month", int(m["emy_y"]), None, month_number(m["emy_m"]))


def _read_em(m: re.Match[str]) -> Phrase:
    month = month_number(m["em_1"] or m["em_2"] or m["em_since"])
    return Phrase(*m.span(), "month", "month", month=month, edge="以来" if m["em_since"] else "")


def _read_ewd(m: re.Match[str]) -> Phrase:
    prefix = (m["ewd_p"] or "").lower()
    shift = None if not prefix else _WEEK_SHIFTS.get("last" if prefix == "past" else prefix, 0)
    rule = "weekday" if shift in (None, 0) else "relative-weekday"
    return Phrase(*m.span(), "weekday", rule, shift=shift, weekday=weekday_number(m["ewd_w"] or m["ewd_s"]), sunday_weeks=True)


def _read_erel(m: re.Match[str]) -> Phrase:
    word = m.group().lower()
    return Phrase(
        *m.span(), "relative", "overnight" if word in ("overnight", "last night") else "relative-day", shift=_DAY_SHIFTS[word[:3]]
    )


def _read_eper(m: re.Match[str]) -> Phrase:
    if m["eper_y"]:
        return _read_ytd(m)
    unit, shift = m["eper_n"], _WEEK_SHIFTS.get(m["eper_p"].lower(), 0)
    name = {"week": "week", "month": "relmonth", "quarter": "quarters", "year": "year"}[unit]
    return Phrase(*m.span(), name, f"relative-{unit}" if unit != "week" else "week", shift=shift)


def _read_ehalf(m: re.Match[str]) -> Phrase:
    year = _opt(m["eh_y"])
    if m["eh_z"]:
        year = 2000 + int(m["eh_z"][-2:])
    shift = _YEAR_SHIFTS[m["eh_r"][:4]] if m["eh_r"] else None
    if m["eh_h"] or m["eh_m"]:
        half = int(m["eh_m"]) if m["eh_m"] else _QUARTERS[m["eh_h"].lower()]
        return Phrase(*m.span(), "quarters", "half-year", year, shift, 2 * half - 1, 2 * half)
    quarter = int(m["eh_n"] or m["eh_b"] or _QUARTERS[(m["eh_q"] or "first").lower()])
    return Phrase(*m.span(), "quarters", "quarter", year, shift, quarter, quarter)


def _read_eyear(m: re.Match[str]) -> Phrase:
    return Phrase(*m.span(), "year", "year", int(m["ey_y"]))


_READERS = {
    "ymd": _read_ymd, "md": _read_md, "day": _read_day, "month": _read_month, "half": _read_half, "year": _read_year,
    "ytd": _read_ytd, "lastq": _read_lastq, "wkdots": _read_wkdots, "weekday": _read_weekday, "week": _read_week,
    "monthrel": _read_monthrel, "rel": _read_rel, "emd": _read_emd, "edm": _read_edm, "edmy": _read_us_slashes,
    "emy": _read_emy, "em": _read_em, "ewd": _read_ewd, "erel": _read_erel, "eper": _read_eper, "ehalf": _read_ehalf,
    "eyear": _read_eyear,
}  # fmt: skip
