"""Moves of prices told without a percentage: a limit, a level that is crossed, points, basis points of a yield.

Each is a possible event of the instrument its clause speaks of; how likely an expert would list it is weighed with all other evidence
(:mod:`research.event_pairs`). Levels count for instruments that are quoted in levels, for shares only where the clause speaks of the
price. A yield of a bond no symbol stands for gives an event without one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from research import event_actors
from research.event_types import Found
from research.moves import RATE, Span
from research.sentences import Sentence, index_at, within

__all__ = ["DOWN", "LIMIT", "UP", "told"]

#: trust in a move told this way
_TRUST = 0.3
#: what takes a price over a level, and under one
UP = (
    r"升破|突破|涨破|站上|站稳|重返|重回|收复|冲破|冲上|摸到|摸高|升至|升到|涨至|涨到|攀升至|飙升至|蹿升至|拉升至|高见|重上|涨回|"
    r"反弹至|回升至|升穿"
)
DOWN = r"跌破|跌穿|失守|击穿|下破|跌至|跌到|下探至?|回落至|坠至|降至|跌落|滑落至|低见|失手"
#: patterns begin with plain words, not with groups: the engine can skip what begins with none of them
LIMIT = re.compile(r"[涨跌]停(?!潮|家|股|制度|限制|价|幅|打开)")
_TOLD = (
    LIMIT,
    re.compile(rf"(?:{UP}|{DOWN})(?:了|每[吨桶盎司千克]{{1,2}})?[^,。;%\d]{{0,8}}\d[\d,.]*(?:万|亿)?(?P<share>%|个百分点)?"),
    re.compile(r"[涨升弹跌挫泻](?:幅)?(?:超过?|逾|近|约|了)?\d[\d,.]*[余多]?点(?!位)"),
    re.compile(r"[较比]发行价[^,。;]{0,6}(?P<way>[涨高升跌低])[^,。;]{0,6}\d[\d.]*%"),
)
_YIELD = re.compile(
    r"(?:收益率|孳息率?)[^。;]{0,24}?(?P<way>上行|上升|升|涨|飙|攀|触及|突破|站上|下行|下跌|跌|降|回落|俯冲)[^,。;]{0,14}\d[\d.]*(?:个基点|bps?|%)"
)
_RISES = re.compile(rf"涨停|{UP}|[涨升弹高飙攀]|上行|上升|触及|突破|站上")
_PRICE = re.compile(r"股价|收[报盘于在]|报\d|盘中|盘前|盘后|开盘|封|收|该股|板")
_UNSURE = re.compile(r"若|如果|假如|可能|或将|预计|认为|会否|能否|未能|没有|目标|有望|看[到至]")
_SHARES = re.compile(r"股价|该股|公司股份|封|板")


def told(plain: str, spans: Sequence[Span], parts: Sequence[Sentence], topic: str | None) -> list[Found]:
    """Return the moves told without a percentage, one an instrument and sentence, by place.

    The arguments are those of :func:`research.event_ties.ties`.
    """
    found: dict[tuple[str | None, int], Found] = {}
    heard = [span for span in spans if span.role != "source"]
    matches = sorted((match for pattern in _TOLD for match in pattern.finditer(plain)), key=lambda match: match.start())
    for match in (*matches, *_YIELD.finditer(plain)):
        sentence = parts[index_at(parts, match.start())]
        if _UNSURE.search(plain, max(sentence.start, match.start() - 16), match.end()):
            continue
        said = match.groupdict()
        if match.re is _YIELD:
            known = [s for s in within(heard, max(sentence.start, match.start() - 12), match.end()) if RATE.fullmatch(s.symbol)]
            symbol: str | None = known[-1].symbol if known else None
        else:
            symbol = _owner(plain, match, sentence, heard, topic)
            if symbol is None or said.get("share"):
                continue
        up = _RISES.match(said.get("way") or match.group())
        name, prior = ("price_move.up", 0.5) if up else ("price_move.down", -0.5)
        found.setdefault(
            (symbol, sentence.start),
            Found(name, symbol, _TRUST, sentence.start, sentence.end, prior, match.start(), sentence.headline),
        )
    return sorted(found.values(), key=lambda one: one.at)


def _owner(plain: str, match: re.Match[str], sentence: Sentence, heard: Sequence[Span], topic: str | None) -> str | None:
    """Return the instrument a limit or level belongs to: the nearest before it in its sentence, else what the article is about."""
    before = within(heard, sentence.start, match.start())
    clause = max(plain.rfind(mark, sentence.start, match.start()) for mark in ",;")
    of_price = bool(_PRICE.search(plain, max(clause, sentence.start), min(len(plain), match.end() + 8)))
    if before:
        symbol = before[-1].symbol
    elif topic and _SHARES.search(plain, sentence.start, match.end() + 1):
        symbol = topic
    else:
        return None
    if not symbol or (not event_actors.no_company(symbol) and match.re is not LIMIT and not of_price):
        return None
    return symbol
