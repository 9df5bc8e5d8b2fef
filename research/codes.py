"""Codes of instruments in a text: ``600519.SH``, ``(00700.HK)``, ``NASDAQ: NVDA``, ``$AAPL``, ``TSLA.O``.

Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Code", "find"]

_CODE = re.compile(
    r"(?<![\w.])(?P<cn>\d{6})\.(?P<ex>SH|SS|SZ|BJ)\b"
    r"|(?<![A-Za-z])(?P<ex2>SH|SZ|BJ)\.?(?P<cn2>\d{6})(?!\d)"
    r"|(?<![\w.])0{0,2}(?P<hk>\d{1,5})\.HK\b"
    r"|(?:NASDAQ|Nasdaq|NYSE|AMEX|纳斯达克|纽交所|纽约证券交易所|美股代码|美股)\s?:\s?(?P<us>[A-Z]{1,5}(?:[.-][AB])?)(?![A-Za-z])"
    r"|(?:HKEX|SEHK|HKG|港交所|港股代码|港股)\s?:\s?(?P<hk2>\d{4,5})(?!\d)"
    r"|\$(?P<cash>[A-Z]{1,5}(?:[.-][AB])?)(?![A-Za-z])"
    r"|(?<![\w.])(?P<us2>[A-Z]{1,5})\.(?:US|OQ|N|O)(?![A-Za-z.])"
    r"|\((?P<bare>\d{6})\)"
    r"|\((?P<tick>[A-Z]{1,5}(?:[.-][AB])?)\)"
)
_ANYWHERE = re.compile(r"\d\.(?:S[HSZ]|BJ|HK)|[A-Z]\.[UON]|(?:SH|SZ|BJ)\.?\d|:\s?[A-Z\d]|\$[A-Z]|\([A-Z\d]")


@dataclass(frozen=True, slots=True)
class Code:
    """A code at ``text[start:end]``, parentheses included; ``sure`` unless it is a bare ticker in parentheses, as in 人工智能(AI)."""

    start: int
    end: int
    symbol: str
    sure: bool


def find(text: str) -> list[Code]:
    """Return every code in ``text``, in order, with its symbol as Yahoo writes it; whether the symbol exists is the caller's to know.

    >>> [c.symbol for c in find("贵州茅台(600519.SH)、腾讯(00700.HK)、NASDAQ: NVDA、$AAPL、特斯拉(TSLA.O)、宁德时代(300750)")]
    ['600519.SS', '0700.HK', 'NVDA', 'AAPL', 'TSLA', '300750.SZ']
    """
    if not _ANYWHERE.search(text):
        return []
    return [Code(m.start(), m.end(), _symbol(m), m["tick"] is None) for m in _CODE.finditer(text)]


def _symbol(match: re.Match[str]) -> str:
    """Return the symbol, as Yahoo writes it, of a match of :data:`_CODE`."""
    code = match["cn"] or match["cn2"] or match["bare"]
    if code:
        exchange = match["ex"] or match["ex2"]
        exchange = "SS" if exchange == "SH" else exchange or {"6": "SS", "5": "SS", "0": "SZ", "3": "SZ", "1": "SZ"}.get(code[0], "BJ")
        return f"{code}.{exchange}"
    if match["hk"] or match["hk2"]:
        return f"{int(match['hk'] or match['hk2']):04d}.HK"
    return (match["us"] or match["us2"] or match["cash"] or match["tick"]).replace(".", "-")
