"""Figures stated in Chinese sentences: flows of money, valuations, figures of economy, industry and company.

Each finder reads one sentence and yields :class:`~research.numbers.Measure` values in base units. The sign of a flow is that of money
going in; of a growth rate, that of growth: ``降幅扩大至0.8%`` is -0.008, ``净流出额缩小79.1亿元`` is a change of +7.91e9 in the net flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from research.moves import Span
from research.numbers import NUMBER, Measure, amount, amount_pattern, number, qualifier
from research.sentences import Sentence, clauses, within

__all__ = ["find"]


_TRIGGER = re.compile(
    r"净(?:流[入出]|买入|卖出|申购|赎回|增持|减持)|[增减]持|新成立|新发|PE|PB|市盈率|市净率|估值|分位|同比|环比|增速|增幅|降幅|分别|利润率|CPI|PPI|PMI|GDP|生产总值|失业|通胀|利润|出货|订单|销量|产量|营收|收入|净利"
)

# ---------------------------------------------------------------- flows
_ACTION = r"(?:净流入|净流出|净买入|净卖出|净申购|净赎回|净增持|净减持|增持|减持)"
_LINK = r"(?:额|规模|金额|份额|资金)?(?:缩小|扩大|收窄|增加|减少)?(?:达到?|为|合计|约|了|超过?|近|至|\s)*"
_FLOW = re.compile(
    rf"(?P<action>{_ACTION})(?P<link>{_LINK}){amount_pattern()}(?P<more>(?:(?:、|和|,)\s*(?:{_ACTION})?[-+−]?{NUMBER}\s?(?:万亿|亿|万)?(?:元|份|股|美元|港元))*)"
)
_MORE = re.compile(rf"(?P<action>{_ACTION})?{amount_pattern()}")
_OUT = re.compile(r"出|赎回|减持")
_OWNERS = (
    ("northbound_flow", re.compile(r"北上|北向|沪股通|深股通|陆股通")),
    ("southbound_flow", re.compile(r"南下|南向|港股通")),
    ("margin_flow", re.compile(r"融资资金|融资余额|融资买入|两融|融资客|融资净")),
    ("etf_flow", re.compile(r"ETF")),
    ("insider_trade", re.compile(r"股东|高管|董监高|实控人|产业资本|大股东")),
)  # fmt: skip
_PLANNED = re.compile(rf"计划(?P<action>[增减]持)(?:规模|金额)?(?:为|达|约)*{amount_pattern()}")
_NEW_FUND = re.compile(
    rf"(?:新成立|新发行?)(?P<subject>[^,。;\d]{{0,16}}?)(?:基金|产品)?(?:规模|份额)?(?:为|达|共|约|合计)*{amount_pattern()}(?:,较(?:前期|上周|上期|前一周)(?P<way>上升|增加|下降|减少|回升|回落){amount_pattern('2')})?"
)
_LISTED = re.compile(
    r"(?:为|买入|卖出|流入|流出|申购|赎回|包括|有|中|,|:|是|^)?(?P<names>[^,。;:()\d为]{2,14}(?:、[^、,。;:()]{2,14})+?)(?:等)?(?:行业|板块)?(?:,|$)"
)
_ONE_SECTOR = re.compile(r"集中(?:买入|卖出|流入|流出|加仓|减仓)(?P<name>[^,、。;]{2,10}?)(?:等|行业|板块)?[,]")

# ---------------------------------------------------------------- valuations
_RATIO = r"(?P<ratio>(?:PE|PB|PS|市盈率|市净率|市销率|估值)(?:\s?[(]?(?:TTM|LYR)[)]?)?(?:水平)?)"
_VALUED = re.compile(rf"{_RATIO}(?P<way>上行|下行|上涨|下跌|上升|下降|回升|回落)(?P<change>{NUMBER})(?:倍)?至(?P<level>{NUMBER})")
_LEVEL = re.compile(rf"{_RATIO}(?:约?为|达到?|在|约|仅|升至|降至|:)+(?P<level>{NUMBER})(?:倍|x)?(?!\d*(?:%|年|月))")
_CHANGED = re.compile(
    rf"较(?:上周|前一周|上期|前期|上月)(?P<way>上行|下行|上涨|下跌|上升|下降)(?P<change>{NUMBER})(?!\s?(?:%|亿|个百分点))"
)
_PERCENTILE = re.compile(rf"(?P<digits>{NUMBER})\s?%(?:的)?(?:历史)?(?:估值)?分位")

# ---------------------------------------------------------------- growth rates and levels
_RATE_WORD = (
    r"(?:增长|上升|下降|下滑|提升|上行|下行|回落|减少|增加|提高|扩大|收窄|降低|下跌|上涨|转正|转负|回升|攀升|放缓|加快|跌|涨|增|降|持平)"
)
_RATE = re.compile(
    rf"(?P<word>{_RATE_WORD})?(?P<half>(?:了|约|近|超过?|逾)*{NUMBER}\s?个百分点)?(?P<link>(?:测算值|数值|达到|累计|同比|环比|至|为|达|到|录得|仅|约|近|超过|超|逾|了|分别|为|:|\s)*)"
    rf"(?P<values>[-+−]?{NUMBER}\s?(?:%|倍|个百分点)(?:(?:、|/|和|,)\s*[-+−]?{NUMBER}\s?(?:%|倍|个百分点))*)"
)
_VALUE = re.compile(rf"(?P<sign>[-+−]?)(?P<digits>{NUMBER})\s?(?P<unit>%|倍|个百分点)")
_GROWTH = re.compile(r"同比|环比|增速|增幅|降幅|增长|下降|利润率|占比|CPI|PPI|PMI|失业率|通胀|收益率|增长面|渗透率|毛利率|净利率")
_FALL = re.compile(r"下降|下滑|下行|回落|减少|降低|下跌|放缓|跌|降|转负")
_FIGURE = re.compile(
    rf"(?P<link>(?:总额|金额|累计|合计|规模|总规模|持平为|分别为|为|达到?|实现|录得|超过?|约|近|共)+)(?P<values>{amount_pattern()}(?:/[片吨桶台股])?(?:(?:、|和)\s*{NUMBER}(?:美元|元|亿元|万元)(?:/[片吨桶台股])?)*)"
)
_FIGURE_PLAIN = re.compile(rf"(?P<link>(?:利润|收入|营收|净利|总额|订单量?|出货[量额]|销量|产量|保费))(?P<values>{amount_pattern()})")
_FIGURES = re.compile(amount_pattern() + r"(?:/[片吨桶台股])?")
_MACRO = re.compile(
    r"CPI|PPI|PMI|GDP|国内生产总值|工业企业|规模以上|规上|失业|社融|M[12]|零售总额|社会消费品|进出口|出口|进口|通胀|固定资产投资|财政|工业增加值|非农|消费者信心|营业收入利润率|单\d月|城镇"
)
_INDUSTRY = re.compile(
    r"行业|制造业|采矿业|产业|板块|面板|出货|订单|产量|销量|冶炼|设备|TMT|资源品|消费|样本|A股|中报|增长面|造纸|汽车|电子|电力|煤炭|价格|保费|市场"
)
_SUBJECT_END = re.compile(rf"(?:累计|月|季|三个月滚动|滚动)?(?:同比|环比)|增速|增幅|降幅|{_RATE_WORD}|分别|达|为|实现|录得|总额|累计|合计")
_NAMES = re.compile(
    r"(?:其中|另外|此外|而|且)?(?P<names>[^,。;:()]*?(?:、|和|与|及)[^,。;:()]*?)(?:行业|板块)?(?:的)?(?:利润|收入|营收|产量|销量|价格)?(?:同比|环比)?分别"
)


def find(plain: str, spans: Sequence[Span], sentences: Sequence[Sentence]) -> Iterator[Measure]:
    """Yield the measures of ``sentences``; one number may come twice, the surer reading first."""
    before = ""
    for sentence in sentences:
        text = plain[sentence.start : sentence.end]
        if any(c.isdigit() for c in text) and _TRIGGER.search(text):
            yield from _in_sentence(plain, sentence, within(spans, sentence.start, sentence.end), before)
        before = text


def _in_sentence(plain: str, sentence: Sentence, inside: Sequence[Span], before: str) -> Iterator[Measure]:
    yield from _funds(plain, sentence)
    yield from _planned(plain, sentence)
    yield from _flows(plain, sentence, inside, before)
    yield from _valuations(plain, sentence, inside)
    yield from _rates(plain, sentence, inside)
    yield from _figures(plain, sentence, inside)


def _symbol(inside: Sequence[Span], start: int, end: int) -> str | None:
    named = [s for s in inside if start <= s.start < end]
    return named[-1].symbol if named else None


# ---------------------------------------------------------------- flows


def _funds(plain: str, sentence: Sentence) -> Iterator[Measure]:
    for match in _NEW_FUND.finditer(plain, sentence.start, sentence.end):
        if not match["unit"]:
            continue
        value, unit = amount(match["sign"], match["digits"], match["scale"], match["unit"])
        subject = match["subject"] or "基金"
        yield Measure("new_fund_issuance", subject, None, value, unit, "exact", match.start(), match.end(), match.start("digits"))
        if match["way"]:
            change, unit = amount(
                "-" if match["way"] in {"下降", "减少", "回落"} else "", match["digits2"], match["scale2"], match["unit2"]
            )
            yield Measure("new_fund_issuance", subject, None, change, unit, "exact", match.start(), match.end(), match.start("digits2"))


def _planned(plain: str, sentence: Sentence) -> Iterator[Measure]:
    for match in _PLANNED.finditer(plain, sentence.start, sentence.end):
        value, unit = amount("-" if match["action"] == "减持" else "", match["digits"], match["scale"], match["unit"], "CNY")
        yield Measure(
            "insider_trade", "计划" + match["action"], None, value, unit, "exact", match.start(), match.end(), match.start("digits")
        )


def _flows(plain: str, sentence: Sentence, inside: Sequence[Span], before: str) -> Iterator[Measure]:
    for match in _FLOW.finditer(plain, sentence.start, sentence.end):
        if not match["scale"] and not match["unit"]:
            continue
        values = _flow_values(match)
        lead = plain[sentence.start : match.start()]
        names = _names_before(lead, len(values))
        kind, subject = _owner(lead, match["action"], before)
        quote = max(sentence.start, match.start() - 40) if len(values) > 1 or not lead else _clause_start(plain, sentence, match.start(), 1)
        if len(values) > 1 and len(names) == len(values):
            kind = "etf_flow" if any("ETF" in n for n in names) else "sector_flow"
            for name, (value, unit, at) in zip(names, values, strict=True):
                place = plain.find(name, sentence.start)
                yield Measure(
                    kind, name, _symbol(inside, place, place + len(name)), value, unit, qualifier(match["link"]), quote, match.end(), at
                )
            continue
        single = _ONE_SECTOR.search(lead + ",")
        if single and len(values) == 1 and kind != "etf_flow":
            kind, subject = "sector_flow", single["name"]
        if kind is None:
            continue
        symbol = _symbol(inside, quote, match.start()) if kind in {"etf_flow", "insider_trade"} else None
        for value, unit, at in values:
            yield Measure(kind, subject, symbol, value, unit, qualifier(match["link"]), quote, match.end(), at)


def _flow_values(match: re.Match[str]) -> list[tuple[float, str, int]]:
    sign = -1 if _OUT.search(match["action"]) else 1
    if re.search(r"缩小|收窄|减少", match["link"]):
        sign = -sign
    value, unit = amount("", match["digits"], match["scale"], match["unit"], "CNY")
    found = [(sign * value, unit, match.start("digits"))]
    base = match.start("more")
    for more in _MORE.finditer(match["more"]):
        if more["action"]:
            sign = -1 if _OUT.search(more["action"]) else 1
        value, unit = amount("", more["digits"], more["scale"], more["unit"], "CNY")
        found.append((sign * value, unit, base + more.start("digits")))
    return found


def _names_before(lead: str, count: int) -> list[str]:
    if count < 2:
        return []
    lead = re.sub(r"(?:分别|依次|等|行业|板块|总体|[,]|规模|额)+$", "", lead)
    piece = re.split(
        r"[,;:]|(?:主要|集中)?(?:买入|卖出|流入|流出|申购|赎回)(?:规模)?(?:较高的?|最高的?|居前的?)?(?:的)?(?:行业)?(?:为|包括|有)?|为|包括",
        lead,
    )[-1]
    names = [n.strip() for n in re.split(r"、|和|与|及", piece) if n.strip()]
    return names[-count:] if len(names) >= count else []


def _owner(lead: str, action: str, before: str) -> tuple[str | None, str]:
    latest: tuple[int, str, str] | None = None
    for kind, pattern in _OWNERS:
        for match in pattern.finditer(lead):
            if latest is None or match.start() >= latest[0]:
                latest = (match.start(), kind, match.group())
    if latest is None and "持" in action and re.search(r"股东|高管", before):
        return "insider_trade", "股东"
    if latest is None:
        return None, ""
    if latest[1] == "etf_flow":
        name = re.search(r"([^,、。;:分]{0,12}ETF)[^,]{0,4}$", lead) or re.search(r"([^,、。;:分]{0,12}ETF)", lead)
        return latest[1], name[1] if name else "ETF"
    return latest[1], latest[2]


def _clause_start(plain: str, sentence: Sentence, at: int, extra: int) -> int:
    starts = [a for a, _ in clauses(plain, sentence.start, sentence.end) if a <= at]
    return starts[max(0, len(starts) - 1 - extra)] if starts else sentence.start


# ---------------------------------------------------------------- valuations


def _valuations(plain: str, sentence: Sentence, inside: Sequence[Span]) -> Iterator[Measure]:
    text = plain[sentence.start : sentence.end]
    if not re.search(r"PE|PB|PS|市盈率|市净率|市销率|估值|分位", text):
        return
    subject: tuple[str, str | None, int] | None = None
    for match in sorted(
        (*_VALUED.finditer(plain, sentence.start, sentence.end), *_LEVEL.finditer(plain, sentence.start, sentence.end)),
        key=lambda m: m.start(),
    ):
        start = _clause_start(plain, sentence, match.start(), 0)
        name = plain[start : match.start()].strip() or text[:12]
        subject = (name + " " + match["ratio"], _symbol(inside, start, match.start()), start)
        yield Measure(
            "valuation_level", subject[0], subject[1], number(match["level"]), "times", "exact", start, match.end(), match.start("level")
        )
        if "change" in match.re.groupindex:
            sign = -1 if _FALL.search(match["way"]) else 1
            yield Measure(
                "valuation_level",
                subject[0] + " 变动",
                subject[1],
                sign * number(match["change"]),
                "times",
                "exact",
                start,
                match.end(),
                match.start("change"),
            )
    for match in _CHANGED.finditer(plain, sentence.start, sentence.end):
        if subject:
            sign = -1 if _FALL.search(match["way"]) else 1
            yield Measure(
                "valuation_level",
                subject[0] + " 变动",
                subject[1],
                sign * number(match["change"]),
                "times",
                "exact",
                subject[2],
                match.end(),
                match.start("change"),
            )
    for match in _PERCENTILE.finditer(plain, sentence.start, sentence.end):
        start = (
            subject[2]
            if subject and subject[2] < match.start() and match.start() - subject[2] < 80
            else _clause_start(plain, sentence, match.start(), 0)
        )
        name = subject[0] if subject else plain[start : match.start()].strip() or "估值"
        yield Measure(
            "valuation_percentile",
            name,
            subject[1] if subject else _symbol(inside, start, match.start()),
            number(match["digits"]) / 100,
            "fraction",
            "exact",
            start,
            match.end(),
            match.start("digits"),
        )


# ---------------------------------------------------------------- growth rates and levels


def _rates(plain: str, sentence: Sentence, inside: Sequence[Span]) -> Iterator[Measure]:
    for start, end in clauses(plain, sentence.start, sentence.end):
        for match in _RATE.finditer(plain, start, end):
            context = plain[max(sentence.start, match.start() - 26) : match.end("link")]
            if not _GROWTH.search(context):
                continue
            begin = start
            subject = _named(plain[start : match.start()])
            if not subject:
                begin = _clause_start(plain, sentence, match.start(), 2)
                subject = _named(plain[begin : match.start()]) or plain[begin : match.start()].strip()
            kind, symbol = _classify(plain, sentence, begin, match.start(), inside, subject)
            if kind is None:
                continue
            values = list(_VALUE.finditer(plain, match.start("values"), match.end("values")))
            names = _zip_names(plain[start : match.start("values")], len(values))
            for index, one in enumerate(values):
                value = _signed(plain, start, match, one)
                unit = "fraction"
                name = names[index] if names else subject
                yield Measure(kind, name, symbol, value, unit, qualifier(match["link"]), begin, match.end(), one.start("digits"))
            if match["half"]:
                half = re.search(NUMBER, match["half"])
                if half:
                    sign = -1 if re.search(r"收窄|下降|回落|降低|减少", match["word"] or "") else 1
                    yield Measure(
                        kind,
                        subject + " 变动",
                        symbol,
                        float(f"{sign * number(half.group()) / 100:.10g}"),
                        "fraction",
                        "exact",
                        begin,
                        match.end(),
                        match.start("half") + half.start(),
                    )


def _signed(plain: str, start: int, match: re.Match[str], one: re.Match[str]) -> float:
    size = number(one["digits"]) / (1.0 if one["unit"] == "倍" else 100.0)
    size = float(f"{size:.10g}")
    if one["sign"] in {"-", "−"}:
        return -size
    reached = "至" in match["link"] or match["link"].startswith("到")
    context = plain[max(start, match.start() - 8) : match.start()]
    if "降幅" in context or "跌幅" in context:
        return -size
    if match["word"] and _FALL.search(match["word"]) and not reached:
        return -size
    return size


def _zip_names(lead: str, count: int) -> list[str]:
    if count < 2:
        return []
    match = _NAMES.search(lead)
    if not match:
        return []
    names = [n for n in re.split(r"、|和|与|及", match["names"]) if n]
    return names[-count:] if len(names) >= count else []


def _named(lead: str) -> str:
    """Return the noun phrase in front of the words of growth."""
    cut = _SUBJECT_END.search(lead)
    return (lead[: cut.start()] if cut else lead).strip('的 ,、()“”"')[-24:]


def _classify(plain: str, sentence: Sentence, begin: int, at: int, inside: Sequence[Span], subject: str) -> tuple[str | None, str | None]:
    local = plain[begin:at]
    symbol = _symbol(inside, begin, at)
    if symbol is not None and not _MACRO.search(local):
        return "company_value", symbol
    whole = plain[sentence.start : at]
    if _MACRO.search(local):
        return "macro_value", None
    if _INDUSTRY.search(local):
        return "industry_value", None
    first = inside[0] if inside and inside[0].start < at else None
    if first is not None:
        return "company_value", first.symbol
    if _MACRO.search(whole):
        return "macro_value", None
    return ("industry_value", None) if _INDUSTRY.search(whole) and subject else (None, None)


def _figures(plain: str, sentence: Sentence, inside: Sequence[Span]) -> Iterator[Measure]:
    for start, end in clauses(plain, sentence.start, sentence.end):
        for pattern in (_FIGURE, _FIGURE_PLAIN):
            for match in pattern.finditer(plain, start, end):
                if not match["unit"] or (match["unit"] in {"%", "个百分点", "点", "个", "人", "部"} and not match["scale"]):
                    continue
                subject = _named(plain[start : match.end("link")]) or _named(
                    plain[_clause_start(plain, sentence, match.start(), 1) : match.start()]
                )
                kind, symbol = _classify(plain, sentence, start, match.end("link"), inside, subject)
                if kind is None or not subject:
                    continue
                for one in _FIGURES.finditer(plain, match.start("values"), match.end("values")):
                    value, unit = amount(one["sign"], one["digits"], one["scale"], one["unit"])
                    yield Measure(kind, subject, symbol, value, unit, qualifier(match["link"]), start, match.end(), one.start("digits"))
