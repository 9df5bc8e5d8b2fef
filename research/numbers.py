"""Numbers as financial text writes them: percentages, amounts with Chinese or English scales, and how exact they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "NUMBER",
    "PERCENT",
    "QUALIFIERS",
    "Measure",
    "amount",
    "amount_pattern",
    "english_amount",
    "english_amount_pattern",
    "number",
    "qualifier",
]

#: fragment of a regular expression: digits with optional thousands separators and decimals
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"

#: fragment: what follows the digits of a percentage
PERCENT = r"\s?(?:%|个点(?![位子])|per\s?cent\b|pct\b)"

#: fragment: words between a verb and its number that say how exact the number is
QUALIFIERS = (
    r"(?:超过|超出|超|逾|突破|高于|多于|不低于|不少于|至少|接近|逼近|将近|近|大约|约|大概|左右|最多|多达|高达|至多|more than|as much as|"
    r"as many as|up to|over|above|at least|nearly|almost|close to|about|around|roughly|approximately|some|exceeding|another|a further|"
    r"just (?:over|under)|slightly (?:more|less) than|by|an?|the)"
)

_OVER = re.compile(r"超|逾|突破|高于|多于|不低于|不少于|至少|多(?=$)|more than|over\b|above|at least|exceed|north of", re.IGNORECASE)
_AT_MOST = re.compile(r"不(?:超过?|多于|高于|大于)")
_NEAR = re.compile(r"(?<![最附])近(?![日期年月周来])|nearly|almost|close to|just under|less than", re.IGNORECASE)
#: behind a number: 80美元上方, 3000点关口下方, 75美元左右
_ABOVE = re.compile(r"(?:关口|大关)?(?:以上|之上|上方)|多")
_BELOW = re.compile(r"(?:关口|大关)?(?:以下|之下|下方|以内|之内)")
_THEREABOUTS = re.compile(r"左右|上下|(?:关口|大关)?(?:附近|一线)")
_ABOUT = re.compile(r"约|大概|左右|上下|about|around|roughly|approximately|some\b", re.IGNORECASE)

_SCALES = MappingProxyType(
    {
        "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4, "千": 1e3,
        "trillion": 1e12, "tn": 1e12, "billion": 1e9, "bn": 1e9, "b": 1e9, "million": 1e6, "mn": 1e6, "m": 1e6, "thousand": 1e3, "k": 1e3,
    }
)  # fmt: skip

_UNITS = MappingProxyType(
    {
        "元": "CNY", "人民币": "CNY", "元人民币": "CNY", "块": "CNY", "美元": "USD", "美金": "USD", "港元": "HKD", "港币": "HKD",
        "日元": "JPY", "欧元": "EUR", "英镑": "GBP", "韩元": "KRW", "加元": "CAD", "澳元": "AUD", "份": "units", "股": "shares",
        "倍": "times", "点": "points", "载重吨": "DWT", "吨": "tonnes", "个": "pieces", "片": "pieces", "台": "pieces", "辆": "pieces",
        "部": "pieces", "人": "persons", "户": "accounts", "%": "fraction", "个百分点": "fraction", "": "number",
    }
)  # fmt: skip

_SCALE = "|".join(sorted((s for s in _SCALES if not s.isascii()), key=len, reverse=True))
_UNIT = "|".join(sorted((re.escape(u) for u in _UNITS if u), key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class Measure:
    """One stated number; ``start, end`` bound the quote, ``at`` is where its digits stand, ``basis`` the span of a move."""

    kind: str
    subject: str
    symbol: str | None
    value: float
    unit: str
    qualifier: str
    start: int
    end: int
    at: int
    basis: str | None = None


def amount_pattern(name: str = "") -> str:
    """Return a fragment with the groups ``sign, digits, scale, unit`` (each followed by ``name``).

    The Chinese full forms only: ``114.2亿元``, ``-46.9亿``, ``24.8亿份``, ``39.00美元/片``, ``13.4倍``.
    """
    return rf"(?P<sign{name}>[-+−]?)(?P<digits{name}>{NUMBER})\s?(?P<scale{name}>{_SCALE}|)(?P<unit{name}>{_UNIT}|)"


#: what stands before a number and names its currency; a bare ¥ is yuan or yen and is therefore not among them
_BEFORE = MappingProxyType(
    {
        "US$": "USD", "HK$": "HKD", "NT$": "TWD", "A$": "AUD", "C$": "CAD", "S$": "SGD", "NZ$": "NZD", "R$": "BRL", "$": "USD", "€": "EUR",
        "£": "GBP", "₹": "INR", "Rs": "INR", "Rs.": "INR", "₩": "KRW", "USD": "USD", "CNY": "CNY", "RMB": "CNY", "HKD": "HKD", "EUR": "EUR",
        "GBP": "GBP", "JPY": "JPY", "KRW": "KRW", "TWD": "TWD", "INR": "INR", "AUD": "AUD", "CAD": "CAD", "CHF": "CHF", "SGD": "SGD",
    }
)  # fmt: skip

#: what stands behind a number: (unit, worth of one in that unit)
_BEHIND = MappingProxyType(
    {
        "yuan": ("CNY", 1.0), "renminbi": ("CNY", 1.0), "rmb": ("CNY", 1.0), "us dollars": ("USD", 1.0), "u.s. dollars": ("USD", 1.0),
        "hong kong dollars": ("HKD", 1.0), "australian dollars": ("AUD", 1.0), "canadian dollars": ("CAD", 1.0),
        "singapore dollars": ("SGD", 1.0), "taiwan dollars": ("TWD", 1.0), "dollars": ("USD", 1.0), "euros": ("EUR", 1.0),
        "euro": ("EUR", 1.0), "pounds sterling": ("GBP", 1.0), "pounds": ("GBP", 1.0), "yen": ("JPY", 1.0), "won": ("KRW", 1.0),
        "rupees": ("INR", 1.0), "swiss francs": ("CHF", 1.0), "us cents": ("USD", 0.01), "u.s. cents": ("USD", 0.01),
        "cents": ("USD", 0.01), "pence": ("GBP", 0.01), "shares": ("shares", 1.0), "vehicles": ("pieces", 1.0), "cars": ("pieces", 1.0),
        "units": ("pieces", 1.0), "phones": ("pieces", 1.0), "smartphones": ("pieces", 1.0), "aircraft": ("pieces", 1.0),
        "users": ("persons", 1.0), "jobs": ("persons", 1.0), "people": ("persons", 1.0), "workers": ("persons", 1.0),
        "subscribers": ("accounts", 1.0), "accounts": ("accounts", 1.0), "customers": ("accounts", 1.0), "members": ("accounts", 1.0),
        "tonnes": ("tonnes", 1.0), "metric tons": ("tonnes", 1.0), "metric tonnes": ("tonnes", 1.0), "barrels": ("barrels", 1.0),
        "times": ("times", 1.0), "points": ("points", 1.0),
    }
)  # fmt: skip
_ENGLISH_SCALES = MappingProxyType({"bln": 1e9, "trn": 1e12, "mln": 1e6, "t": 1e12})
_PREFIX = "|".join(sorted((re.escape(sign) for sign in _BEFORE), key=len, reverse=True))
_SUFFIX = "|".join(sorted((re.escape(word).replace(r"\ ", r"[\s-]") for word in _BEHIND), key=len, reverse=True))


def english_amount_pattern(name: str = "") -> str:
    """Return a fragment with the groups ``currency, digits, scale, unit`` (each followed by ``name``), to be used without regard to case.

    ``$1.1bn``, ``HK$3.2 billion``, ``31 million yuan``, ``RMB 2.5 trillion``, ``45 cents``, ``206,000 jobs``. Of what it matches
    :func:`english_amount` tells whether it is an amount.
    """
    return (
        rf"(?<![\w$€£¥.,-])(?P<currency{name}>{_PREFIX}|)\s?(?P<digits{name}>{NUMBER})"
        rf"(?:[\s-]?(?P<scale{name}>trillion|billion|million|thousand|trn|bln|mln|bn|tn|mn|[tbmk])(?![a-z]))?"
        rf"(?:\s(?P<unit{name}>{_SUFFIX})(?![a-z]))?"
    )


def english_amount(currency: str, digits: str, scale: str | None, unit: str | None) -> tuple[float, str] | None:
    """Return (value in base units, unit) of the groups of :func:`english_amount_pattern`; ``None`` for a number without a unit.

    A letter is a scale only behind a currency (``5m`` may be metres), and pounds are money only in millions and more.

    >>> english_amount("$", "1.1", "bn", None), english_amount("", "31", "million", "yuan")
    ((1100000000.0, 'USD'), (31000000.0, 'CNY'))
    >>> english_amount("", "5,900", None, "pounds") is None
    True
    """
    unit = unit and re.sub(r"[\s-]", " ", unit.lower())
    letter = scale is not None and len(scale) == 1
    if not currency and (not unit or letter or (unit == "pounds" and not scale)):
        return None
    factor = 1.0 if scale is None else _ENGLISH_SCALES.get(scale.lower()) or _SCALES[scale.lower()]
    signs = {sign.lower(): code for sign, code in _BEFORE.items()}
    base, worth = (signs[currency.lower()], 1.0) if currency else _BEHIND[unit or ""]
    return float(f"{number(digits) * factor * worth:.12g}"), base


def number(digits: str) -> float:
    """Return the value of digits with thousands separators.

    >>> number("37,986.40")
    37986.4
    """
    return float(digits.replace(",", ""))


def amount(sign: str, digits: str, scale: str, unit: str, default: str = "number") -> tuple[float, str]:
    """Return (value in base units, unit) of the groups of :func:`amount_pattern`; ``default`` names a missing unit.

    >>> amount("-", "46.9", "亿", "元")
    (-4690000000.0, 'CNY')
    >>> amount("", "24.5", "", "%")
    (0.245, 'fraction')
    """
    value = number(digits) * _SCALES.get(scale.lower(), 1.0)
    base = _UNITS.get(unit, default) if unit else default
    if base == "fraction" and unit:
        value /= 100
    # Rounding undoes the binary noise of scaling (1.2 x 1e8), so that one text gives one id.
    value = float(f"{value:.12g}")
    return (-value if sign in {"-", "−"} else value), base


def qualifier(before: str, after: str = "") -> str:
    """Return ``exact|over|near|about|limit`` from the words right before and right after a number.

    >>> [qualifier(w) for w in ("涨超", "跌近", "涨约", "涨", "亏损不超过")]
    ['over', 'near', 'about', 'exact', 'limit']
    """
    if _AT_MOST.search(before) or _BELOW.match(after):
        return "limit"
    if _OVER.search(before) or _ABOVE.match(after):
        return "over"
    if _NEAR.search(before):
        return "near"
    return "about" if _ABOUT.search(before) or _THEREABOUTS.match(after) else "exact"
