"""Which way two stated figures go: "13.1 mn from 8.7 mn", "a loss of 0.4 mn compared to a loss of 1.9 mn", "from 10 % to 6 %".

1. Amounts are found with their unit and the sign the words around them give (``loss``, ``negative``); years, days and what stands in
   brackets are none; of an amount told in two currencies the first counts.
2. Two neighbours with a comparing word between (or ``from`` and ``to`` around them) are one comparison.
3. It says ``up``, ``down`` or ``level``, and whether what is counted is better small (costs, debt).

English only: Chinese states the direction in words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["comparisons"]

_CURRENCY = r"(?:eur|euros?|usd|us\$|sek|dkk|nok|gbp|chf|rub|inr|rs|hk\$|\$|€|£|¥|₹)"
_UNITS = {
    "k": 1e3, "thousand": 1e3, "lakh": 1e5, "m": 1e6, "mn": 1e6, "mln": 1e6, "million": 1e6, "cr": 1e7, "crore": 1e7,
    "bn": 1e9, "bln": 1e9, "billion": 1e9,
}  # fmt: skip
_RATES = ("%", "pct", "percent", "per cent")
_BRACKETS = re.compile(r"\([^()]{0,200}\)")
_AMOUNT = re.compile(
    rf"(?P<currency>{_CURRENCY}\s?)?(?<![\w.,])(?P<minus>-)?(?P<number>\d+(?:,\d{{1,2}}(?!\d)|(?:\s?,\d{{3}})*(?:\s?\.\d+)?))"
    rf"[\s-]?(?P<unit>{'|'.join(sorted(map(re.escape, (*_UNITS, *_RATES)), key=len, reverse=True))})?(?![\w])"
    rf"(?P<after>\s?{_CURRENCY}(?!\s?[\w.]))?"
)
_GLUED = re.compile(rf"({_CURRENCY})(?=\d)|(?<=\d)(?=(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})\b)")
_MONTH = re.compile(r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?\s$|\b(?:q|quarter of|half of|year|in)\s$")
_DAY = re.compile(r"\s(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|months?|days?|years?|quarters?|weeks?)")
_THAN = re.compile(
    r"\b(?:compared|comparing|comparison|versus|vs|against|(?<!more )(?<!less )than|as opposed to|instead of)\b[^;]{0,70}$"
    r"|\bfrom\b[^,;]{0,40}$|\bwhile\b.*\b(?:was|were)\b"
)
_CUES = re.compile(r"\b(?:compar|versus|vs|against|than|opposed|instead|from|while)")
_TO = re.compile(r"\bto\b")
_FROM = re.compile(r"\bfrom\b[^,;]{0,20}$")
_ENDS = re.compile(r"[;!?]|\.\s")
_LOSS = re.compile(r"\b(?:loss(?:es)?|deficit)\b")
_BELOW_ZERO = re.compile(r"\b(?:negative|minus)\W{0,2}$")
_GAIN = re.compile(r"\b(?:profits?|income|surplus|earnings|gain)\b")
_COST = re.compile(
    r"\b(?:costs?|expenses?|expenditures?|debts?|borrowings|liabilities|gearing|unemployment|jobless|inflation|defaults?|npas?|impairments?|charges|claims|errors?)\b"
)
#: from here on a number without a unit is told in full
_SPELLED = 10_000
#: characters before an amount that may name what it counts
_REACH = 60
#: characters before an amount that may be said of it alone
_NEXT = 26
#: characters between two amounts that are compared
_FAR = 110


@dataclass(frozen=True, slots=True)
class _Amount:
    start: int
    end: int
    number: float
    unit: float | None
    rate: bool
    sign: int
    below: bool


def comparisons(text: str) -> list[str]:
    """Return what the comparisons of a lower-case English text say, in order.

    Parameters
    ----------
    text
        One line in normal form (:func:`research.cleaning.plain`, lower case).

    Returns
    -------
    list of str
        For each comparison ``up``, ``down`` or ``level``, with ``less is better`` behind it where costs and the like are counted.
    """
    if not _CUES.search(text) or not any(mark in text for mark in "0123456789"):
        return []
    text = _GLUED.sub(lambda match: match.group() + " ", _BRACKETS.sub(lambda match: " " * len(match.group()), text))
    amounts = _amounts(text)
    found: list[tuple[int, str]] = []
    for rate in (False, True):
        same, used = [one for one in amounts if one.rate is rate], -1
        for earlier, later in pairwise(same):
            pair = _ordered(text, earlier, later) if earlier.start > used else None
            if pair:
                used = later.start
                found.append((earlier.start, _said(text[max(0, earlier.start - _REACH) : earlier.start], *pair, earlier)))
    return [said for _, said in sorted(found)]


def _ordered(text: str, earlier: _Amount, later: _Amount) -> tuple[_Amount, _Amount] | None:
    """Return (now, then) of two amounts that are compared."""
    between = text[earlier.end : later.start]
    if len(between) > _FAR or _ENDS.search(between):
        return None
    if _FROM.search(text[max(0, earlier.start - _NEXT) : earlier.start]):
        return (later, earlier) if _TO.search(between) else None
    return (earlier, later) if _THAN.search(between) else None


def _said(before: str, now: _Amount, then: _Amount, first: _Amount) -> str:
    # "12.7 compared to 17.7 million": the unit is said once.
    units = (now.unit or then.unit, then.unit or now.unit) if max(now.number, then.number) < _SPELLED else (now.unit, then.unit)
    signed = [
        (-1 if one.below else one.sign or first.sign or 1) * one.number * (unit or 1.0)
        for one, unit in zip((now, then), units, strict=True)
    ]
    rise = signed[0] - signed[1]
    way = "up" if rise > 0 else "down" if rise < 0 else "level"
    return f"{way} less is better" if _COST.search(before) else way


def _amounts(text: str) -> list[_Amount]:
    found: list[_Amount] = []
    for match in _AMOUNT.finditer(text):
        number, unit = match["number"], match["unit"]
        bare = not unit and not match["currency"] and not match["after"]
        whole = re.sub(r"\s", "", number)
        value = float(whole.replace(",", "." if re.fullmatch(r"\d+,\d{1,2}", whole) else ""))
        if bare and (
            (number.isdigit() and 1900 <= value <= 2100)
            or (value <= 31 and _MONTH.search(text[max(0, match.start() - _NEXT) : match.start()]))
            or _DAY.match(text, match.end())
        ):
            continue
        last = found[-1] if found else None
        if last and match["currency"] and not text[last.end : match.start()].strip(" ,"):
            continue
        before = text[max(last.end if last else 0, match.start() - _REACH) : match.start()]
        after = text[match.end() : match.end() + 14]
        found.append(
            _Amount(
                match.start(),
                match.end(),
                value,
                _UNITS.get(unit or ""),
                unit in _RATES,
                _sign(before, after),
                bool(match["minus"] or _BELOW_ZERO.search(before)),
            )
        )
    return found


def _sign(before: str, after: str) -> int:
    """Return -1 after (or right before) a loss, 1 at a profit, 0 where neither is named: the nearer word decides."""
    behind = re.match(r"\s?(?:net |pre-tax |operating )?(loss|deficit|profit|surplus)\b", after)
    if behind:
        return -1 if behind[1] in ("loss", "deficit") else 1
    losses, gains = [m.start() for m in _LOSS.finditer(before)], [m.start() for m in _GAIN.finditer(before)]
    if not losses and not gains:
        return 0
    return -1 if max(losses, default=-1) > max(gains, default=-1) else 1
