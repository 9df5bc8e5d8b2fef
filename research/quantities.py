"""Numbers in Chinese text with their scale, unit and what a price is for: ``11.25万元/吨``, ``-46.9亿``, ``3.6个BP``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

from research.numbers import NUMBER

__all__ = ["EACH", "Quantity", "each", "quantities", "runs"]

_SCALES = MappingProxyType({"万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4, "千": 1e3, "": 1.0})
_UNITS = MappingProxyType(
    {
        "元": "CNY", "人民币": "CNY", "元人民币": "CNY", "美元": "USD", "美金": "USD", "港元": "HKD", "港币": "HKD",
        "澳门元": "MOP", "澳门币": "MOP",
        "日元": "JPY", "欧元": "EUR", "英镑": "GBP", "韩元": "KRW", "加元": "CAD", "澳元": "AUD", "新台币": "TWD",
        "林吉特": "MYR", "马币": "MYR", "兰特": "ZAR", "卢比": "INR", "卢布": "RUB", "瑞郎": "CHF", "瑞士法郎": "CHF",
        "瑞典克朗": "SEK", "丹麦克朗": "DKK",
        "挪威克朗": "NOK", "新元": "SGD", "新加坡元": "SGD", "里拉": "TRY", "雷亚尔": "BRL", "泰铢": "THB", "纽元": "NZD", "台币": "TWD",
        "份": "units", "股": "shares", "手": "lots", "倍": "times", "x": "times", "X": "times", "点": "points",
        "%": "fraction", "pct": "fraction", "个百分点": "fraction", "百分点": "fraction", "个点": "fraction", "个BP": "bp",
        "BP": "bp", "bp": "bp",
        "个bp": "bp", "bps": "bp", "BPs": "bp", "个基点": "bp", "基点": "bp", "载重吨": "DWT", "修正总吨": "CGT", "吨": "tonnes",
        "公斤": "kg",
        "个": "pieces", "片": "pieces", "台": "pieces", "辆": "pieces", "部": "pieces", "架": "pieces", "艘": "pieces",
        "颗": "pieces", "件": "pieces",
        "套": "pieces", "头": "pieces", "只": "pieces", "条": "pieces", "块": "pieces", "箱": "pieces", "标准箱": "TEU",
        "TEU": "TEU", "瓶": "pieces",
        "张": "pieces", "人": "persons", "人次": "persons", "户": "accounts", "家": "companies", "单": "pieces", "桶": "barrels",
        "平方米": "m2", "平方公里": "km2", "平": "m2", "立方米": "m3", "方": "m3", "千瓦时": "kWh", "度": "kWh", "千瓦": "kW", "瓦": "W",
        "GW": "GW", "MW": "MW", "GWh": "GWh", "MWh": "MWh", "kWh": "kWh", "重量箱": "weight cases", "重箱": "weight cases",
    }
)  # fmt: skip
_PER = MappingProxyType(
    {"吨": "tonne", "公斤": "kg", "千克": "kg", "斤": "jin", "克": "g", "片": "piece", "瓦": "W", "W": "W", "w": "W", "Wh": "Wh",
    "kWh": "kWh",
     "千瓦时": "kWh", "度": "kWh", "桶": "barrel", "盎司": "ounce", "平方米": "m2", "平": "m2", "立方米": "m3", "方": "m3", "瓶": "bottle",
     "箱": "case", "重箱": "weight case", "重量箱": "weight case", "股": "share", "台": "piece", "个": "piece", "套": "piece",
     "只": "piece", "张": "piece",
     "件": "piece", "颗": "piece", "条": "piece", "架": "piece", "辆": "piece", "头": "piece", "羽": "piece", "枚": "piece",
     "FEU": "FEU", "TEU": "TEU", "天": "day", "日": "day",
     "kg": "kg", "公里": "km", "百万英热": "MMBtu", "百万英热单位": "MMBtu", "蒲式耳": "bushel", "磅": "pound", "月": "month"}
)  # fmt: skip


def _longest(words: MappingProxyType[str, str]) -> str:
    return "|".join(sorted((re.escape(w) for w in words), key=len, reverse=True))


_PATTERN = re.compile(
    rf"(?P<sign>(?<![\d%元倍点吨年月日亿万千百股份手桶人A-Za-z])[-−]|\+|)(?<![A-Za-z\d.])(?<![A-Za-z]-)(?P<digits>{NUMBER})(?![A-Za-z]?\d)"
    rf"\s?(?P<scale>万亿|千亿|百亿|千万|百万|亿|万|千|)(?P<more>多|余|)(?P<unit>{_longest(_UNITS)}|)(?:/(?P<per>{_longest(_PER)}))?"
)
#: what follows a bare number that is no value: dates, ordinals, names of contracts and models
_NO_VALUE = re.compile(
    r"\s?(?:年|月|日|号|时(?!代)|季|周|期|届|版|代|级|大[^幅]|寸|英寸|毫米|mm|nm|纳米|米|线|次|名|位|强|天|个(?:交易)?[日月年]|分位|分钟|秒|点钟|[A-Za-z]|只|城|省|国|行业|板块|股|手|类|项|条|轮|批|折|岁|层|楼|:\d|[-—~至到]\d+\s?[月日年季])"
)
_COUNTERS = frozenset("股手个家只户条人台部套张件头方单平度块")
_RANGE = re.compile(r"\s?[-—~至到]{1,2}\s?")
_MOVED_BY = re.compile(
    r"(?:从|由|自|增[加长]?|减少?|提[高升]|扩大|缩小|收窄|放缓|加快|[上下][升降涨跌调修行]|回[升落]|[上下]?[涨跌升降])(?:了|约|近|逾|超)?\Z"
)
_JOINT = re.compile(r"\s*(?:、|/|和|与|及|以及|,)\s*")


#: 跌到每吨约|7.6万元; of a share more is told than its price
EACH = re.compile(
    rf"每(?P<per>{_longest(MappingProxyType({k: v for k, v in _PER.items() if k not in '股天日月'}))})(?=(?:约|近|超|逾|的)?\s?\Z)"
)
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number; ``value`` is in base units (fraction, CNY, pieces, …), without a sign the text does not write.

    ``unit`` is ``""`` for a bare number, ``"change"`` is never one: ``points`` tells percentage points and basis points from percent.
    ``bound`` is the qualifier of an end of a range, ``over`` of the lower and ``limit`` of the upper, and else empty.
    """

    start: int
    end: int
    at: int
    value: float
    unit: str
    points: bool
    scaled: bool
    written: str
    bound: str = ""

    @property
    def money(self) -> bool:
        """Whether it counts money, fund units or shares, or is a bare number of 亿."""
        return self.unit in {"CNY", "USD", "HKD", "units", "shares"} or (self.scaled and not self.unit)


def quantities(plain: str, start: int, end: int) -> list[Quantity]:
    """Return the numbers of ``plain[start:end]`` that may be values; dates, ordinals and model numbers are left out.

    >>> [(q.value, q.unit) for q in quantities("2月销量12.2万辆,均价11.25万元/吨,上行3.6个BP", 0, 31)]
    [(122000.0, 'pieces'), (112500.0, 'CNY/tonne'), (0.00036, 'fraction')]
    """
    found = list(_found(plain, start, end))
    for place, (one, other) in enumerate(pairwise(found)):
        mark = _RANGE.fullmatch(plain, one.end, other.start)
        # 增加5亿元至38亿元: by how much, and to what
        if (
            mark is None
            or one.unit not in ("", other.unit)
            or (mark.group().strip() in "至到" and _MOVED_BY.search(plain, start, one.start))
        ):
            continue
        # 48.0亿-48.1亿美元, 35-38万吨: both ends of a range are of what the second says
        shared = 1.0 if one.scaled or one.unit else abs(other.value) / float(other.written.lstrip("+-−").replace(",", "") or 1)
        lower = replace(one, unit=other.unit, value=float(f"{one.value * shared:.12g}"), scaled=other.scaled or one.scaled)
        if other.unit and 0 < lower.value < other.value:
            found[place : place + 2] = [replace(lower, bound=found[place].bound or "over"), replace(other, bound="limit")]
    return found


def _found(plain: str, start: int, end: int) -> Iterator[Quantity]:
    for match in _PATTERN.finditer(plain, start, end):
        unit, per, scale = _UNITS.get(match["unit"], ""), match["per"], match["scale"]
        tail = plain[match.end() : match.end() + 6]
        if not unit and not scale and _NO_VALUE.match(tail):
            continue
        # 10股派, 5个交易日, 3家公司, 1台: a count of the thing named next, unless the clause ends here
        if not scale and not per and match["unit"] in _COUNTERS and tail and tail[0] not in ",。;、)(;:和与及/ ":
            continue
        points = unit == "bp" or match["unit"] in {"个百分点", "百分点", "个点"}
        value = float(match["digits"].replace(",", "")) * _SCALES[scale]
        value /= 100.0 if unit == "fraction" else 10_000.0 if unit == "bp" else 1.0
        unit = "fraction" if unit == "bp" else f"{unit}/{_PER[per]}" if per and unit else unit
        value = float(f"{value:.12g}")
        yield Quantity(
            match.start(), match.end(), match.start("digits"), -value if match["sign"] in {"-", "−"} else value, unit, points, bool(scale),
            match["sign"] + match["digits"],
        )  # fmt: skip


def each(plain: str, start: int, found: Sequence[Quantity]) -> list[Quantity]:
    """Return ``found`` with what an amount of money is for, where that is said in front of it: 每吨7.6万元 is 76,000 CNY/tonne."""
    told: list[Quantity] = []
    per = ""
    for one in found:
        match = EACH.search(plain, start, one.start) if "每" in plain[start : one.start] else None
        per = per if one.bound == "limit" else _PER[match["per"]] if match else ""
        told.append(replace(one, unit=f"{one.unit}/{per}") if per and _CURRENCY.fullmatch(one.unit) else one)
        start = one.end
    return told


def runs(plain: str, found: list[Quantity], joint: re.Pattern[str] = _JOINT) -> list[list[Quantity]]:
    """Group neighbouring quantities that only a separator parts: ``1.2%、3.4%和5%`` is one run."""
    groups: list[list[Quantity]] = []
    for one in found:
        last = groups[-1][-1] if groups else None
        gap = plain[last.end : one.start] if last else ""
        if last is not None and joint.fullmatch(gap) and gap.strip() and _alike(last, one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _alike(one: Quantity, other: Quantity) -> bool:
    return one.unit == other.unit or not one.unit or not other.unit
