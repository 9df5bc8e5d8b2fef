"""Codes of instruments in a text: ``600519.SH``, ``(00700.HK)``, ``NASDAQ: NVDA``, ``$AAPL``, ``TSLA.O``.

Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from research.patterns import Finder

__all__ = ["Code", "find", "is_fund"]

_CODE = re.compile(
    r"(?<![\w.])(?P<cn>\d{6})\.(?P<ex>SH|SS|SZ|BJ)\b"
    r"|(?<![A-Za-z])(?P<ex2>SH|SZ|BJ|sh|sz|bj)\.?(?P<cn2>\d{6})(?!\d)"
    r"|(?<![\w.])0{0,2}(?P<hk>\d{1,5})\.HK\b"
    r"|(?:NASDAQ|Nasdaq|NYSE|AMEX|纳斯达克|纽交所|纽约证券交易所|美股代码|美股)\s?:\s?(?P<us>[A-Z]{1,5}(?:[.-][AB])?)(?![A-Za-z])"
    r"|(?:HKEX|SEHK|HKG|港交所|港股代码|港股)\s?:\s?(?P<hk2>\d{4,5})(?!\d)"
    r"|\$(?P<cash>[A-Z]{1,5}(?:[.-][AB])?)(?![A-Za-z])"
    r"|(?<![\w.])(?P<us2>[A-Z]{1,5})\.(?:US|OQ|N|O)(?![A-Za-z.])"
    r"|\((?P<bare>\d{6})\)"
    r"|\((?P<home>[A-Z0-9]{1,6}(?:-[AB])?\.(?:KS|KQ|TW|TWO|T|L|DE|PA|AS|MI|MC|SW|CO|ST|HE|OL|BR|AX|TO|SI|NS))\)"
    r"|\((?P<tick>[A-Z]{1,5}(?:[.-][AB])?)\)"
)
#: every code holds one of these, no further than this behind its beginning
_AHEAD = 10
_ANYWHERE = Finder.of(
    r"\d\.(?:S[HSZ]|BJ|HK)|\([A-Z0-9]{1,6}(?:-[AB])?\.[A-Z]|[A-Z]\.[UON]|(?:SH|SZ|BJ|sh|sz|bj)\.?\d|:\s?[A-Z\d]|\$[A-Z]|\([A-Z\d]"
)

_SHARE = re.compile(r"(?:60[0135]|68[89])\d{3}\.SS|(?:00[0-3]|30[0-2])\d{3}\.SZ|(?:4[23]|8[378]|92)\d{4}\.BJ")
_FUND = re.compile(r"(?:5[0168]\d{4})\.SS|(?:15|16|18)\d{4}\.SZ")


@dataclass(frozen=True, slots=True)
class Code:
    """A code at ``text[start:end]``, parentheses included.

    ``sure`` unless it is a bare ticker in parentheses, as in 人工智能(AI); ``known`` when its writing alone shows that it is an
    instrument, whether or not a security master holds it: it names its exchange and fits that exchange's numbering.
    """

    start: int
    end: int
    symbol: str
    sure: bool
    known: bool


def find(text: str) -> list[Code]:
    """Return every code in ``text``, in order, with its symbol as Yahoo writes it.

    >>> [c.symbol for c in find("贵州茅台(600519.SH)、腾讯(00700.HK)、NASDAQ: NVDA、$AAPL、特斯拉(TSLA.O)、宁德时代(300750)")]
    ['600519.SS', '0700.HK', 'NVDA', 'AAPL', 'TSLA', '300750.SZ']
    """
    found: list[Code] = []
    end = 0
    for hint in _ANYWHERE.finditer(text):
        for start in range(max(end, hint.start() - _AHEAD), hint.end()):
            m = _CODE.match(text, start) if start >= end else None
            if m is not None:
                found.append(Code(start, m.end(), _symbol(m), m["tick"] is None, _known(m, text)))
                end = m.end()
    return found


def is_fund(symbol: str) -> bool:
    """Return whether a mainland code is that of a fund traded on the exchange.

    >>> is_fund("589070.SS"), is_fund("600519.SS")
    (True, False)
    """
    return bool(_FUND.match(symbol))


def _known(match: re.Match[str], text: str) -> bool:
    """Return whether the writing of a code is enough: its exchange named, its number one of that exchange's shares or funds."""
    symbol = _symbol(match)
    if match["cn"] or match["cn2"]:
        return bool(_SHARE.match(symbol) or _FUND.match(symbol))
    if match["bare"]:  # a fund's code without its exchange, behind a fund's name
        return bool(_FUND.match(symbol)) and "ETF" in text[max(0, match.start() - 10) : match.start()]
    if match["us2"]:
        return text[max(0, match.start() - 1) : match.start()] == "(" and text[match.end() : match.end() + 1] == ")"
    return bool(match["hk"] or match["hk2"])


def _symbol(match: re.Match[str]) -> str:
    """Return the symbol, as Yahoo writes it, of a match of :data:`_CODE`."""
    code = match["cn"] or match["cn2"] or match["bare"]
    if code:
        exchange = (match["ex"] or match["ex2"] or "").upper()
        exchange = "SS" if exchange == "SH" else exchange or {"6": "SS", "5": "SS", "0": "SZ", "3": "SZ", "1": "SZ"}.get(code[0], "BJ")
        return f"{code}.{exchange}"
    if match["hk"] or match["hk2"]:
        return f"{int(match['hk'] or match['hk2']):04d}.HK"
    if match["home"]:
        return match["home"]
    return (match["us"] or match["us2"] or match["cash"] or match["tick"]).replace(".", "-")
