"""Tone of a bond yield that moves: towards the bond, whose price falls when its yield rises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from research.moves import RATE, Span
from research.tone_markets import PRICED
from research.tone_terms import Term

__all__ = ["Yielded", "of_yield", "yielded"]

_YIELD = re.compile(r"收益率|殖利率|孳息|息率|利率|\byields?\b", re.IGNORECASE)
#: a bond by its term alone, as it stands beside yields named in full: 30年期
_TERM = re.compile(r"(?:\d+|[一二两三四五七十]+)年期")
_UP = (
    r"[上攀]升|上[行扬涨冲]|走高|[急跳飙飚回拉抬蹿冲抽弹大猛重][升涨高]|反弹|飙|跳(?![水])|站上|突破|冲[上破至到]|升|涨|高[见至]"
    r"|\b(?:rose|ris(?:es?|ing)|jump(?:ed|ing)|climb(?:s|ed|ing)|surg(?:ed|ing)|gain(?:s|ed)|advanced|spiked|topped|increased"
    r"|edged (?:up|higher)|higher)\b"
)
_DOWN = (
    r"下[行跌滑降挫探坠]|走低|回落|跳水|俯冲|[急骤暴大重][跌挫降]|失守|击穿|滑[至到向]|[跌降挫坠滑]"
    r"|\b(?:fell|fall(?:s|ing)?|dropp(?:ed|ing)|slid(?:ing)?|declin(?:es?|ed|ing)|tumbl(?:ed|ing)|plunged|sank|eased|dipp(?:ed|ing)|slipp(?:ed|ing)|lower)\b"
)
_WAY = re.compile(rf"(?P<up>{_UP})|(?P<down>{_DOWN})", re.IGNORECASE)
_POINTS = re.compile(r"^[^,。;:\d]{0,12}?(?P<points>\d+(?:\.\d+)?)\s?(?:个?基点|个?[Bb][Pp][Ss]?|basis points)")
_LEVEL = re.compile(r"^[^,。;:\d]{0,8}?\d[\d.]*%")
#: what came of a move that turned: 先升3个基点,随后转为下跌
_TURNED = re.compile(r"(?:转(?:为|而|头)?|随后|之后|最终|尾盘|收盘|反|再)[^,。;]{0,3}$")
_END = re.compile(r"[。;!?\n]|, (?:and|while|as)\b")
#: what is said of the bonds themselves
_OF_BONDS = re.compile(r"抛售|崩|sell-?off", re.IGNORECASE)
#: how far behind a name its move is looked for, and how far before a word its yield
_REACH, _BEFORE = 48, 40
#: score of a move without its size, least of one with it, basis points of a full one and of one that counts as a move
_PLAIN, _LEAST, _FULL, _FLAT = 0.7, 0.5, 25.0, 1.0


class Yielded(NamedTuple):
    """A move of the yield of ``symbol``; ``score`` in [-1, 1] is towards the bond."""

    symbol: str
    start: int
    end: int
    score: float
    why: str


def yielded(plain: str, spans: Sequence[Span]) -> Iterator[Yielded]:
    """Yield the moves of yields told right behind their names, in order: one a name, the last where it turned.

    >>> [(y.symbol, y.score) for y in yielded("10年期美债收益率上行5个基点", [Span("^TNX", "10年期美债收益率", 0, 9)])]
    [('^TNX', -0.6)]
    """
    for place, span in enumerate(spans):
        if not RATE.fullmatch(span.symbol):
            continue
        after = spans[place + 1].start if place + 1 < len(spans) else len(plain)
        stop = min(after, span.end + _REACH)
        ended = _END.search(plain, span.end, stop)
        stop = ended.start() if ended else stop
        moved = _moved(plain, span, stop)
        if moved is not None:
            yield moved


def _moved(plain: str, span: Span, stop: int) -> Yielded | None:
    ways = list(_WAY.finditer(plain, span.end, stop))
    if not ways:
        return None
    way = next((one for one in reversed(ways) if _TURNED.search(plain, span.end, one.start())), ways[0])
    rest = plain[way.end() : min(len(plain), way.end() + 24)]
    points = _POINTS.match(rest)
    told = _YIELD.search(span.surface) or _TERM.fullmatch(span.surface) or _YIELD.search(plain, span.end, way.start())
    if not told and points is None and not _LEVEL.match(rest):
        return None
    size = _PLAIN
    if points is not None:
        amount = float(points["points"])
        size = (_LEAST + (1 - _LEAST) * min(1.0, amount / _FULL)) * min(1.0, amount / _FLAT)
    score = -size if way["up"] else size
    end = way.end() + (points.end() if points is not None else 0)
    return Yielded(span.symbol, way.start(), end, round(score, 4), f"yield {'+' if way['up'] else '-'}")


def of_yield(plain: str, symbol: str, hit: Term) -> bool:
    """Return whether a term that tells how a price moved is said of the yield of ``symbol``, not of its bond."""
    if not RATE.fullmatch(symbol) or not PRICED.search(plain, hit.start, hit.end) or _OF_BONDS.search(plain, hit.start, hit.end):
        return False
    return bool(_YIELD.search(plain, max(0, hit.start - _BEFORE), hit.start))
