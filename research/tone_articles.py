"""Tone of an article towards each instrument in it, calibrated on articles with labels.

A headline says one thing of one company; an article tells background, compares, quotes the other side, so that what its words add up to
says less. Here the sums of the rules (:class:`research.tone_evidence.Evidence`) and the words around the names
(:mod:`research.tone_views`) are evidence for boosted trees, which give the probabilities that the article speaks well and badly of an
instrument. Both are fitted on articles written and labelled for this project (``build_tone_weights.py``). Sentiment is the difference of
the two, less 2/9 on either side, so that a difference of 0.3 is a tone of 0.1, confidence the probability that there is a tone at all.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from research import event_actors, tone_views
from research.event_trees import Trees
from research.moves import Span
from research.tone_evidence import KINDS, Evidence
from research.tone_views import WAYS, Drawn

__all__ = ["NAMES", "Read", "Told", "likely", "tabled", "told"]

#: a difference of probabilities within it is no tone
_NEUTRAL = 2 / 9
#: scale of the sum of the rules
_SCALE = 1.1
_ROLES = ("subject", "counterparty", "passing", "source")
#: how the symbol of an index or a yield is written
_INDEX = re.compile(r"\^|[A-Z]{2}\d+Y$|2YY=F|(?:000|93\d)\d{3}\.SS|(?:399|980)\d{3}\.SZ|899\d{3}\.BJ|HSTECH\.HK")
#: columns of the table the trees read; what each is stands in :func:`tabled`
NAMES = (
    "tone", "rules", "score", "weight", "absolute", "agreement", "reasons", "headline:score",
    *(f"{kind}:{way}" for kind in KINDS for way in ("good", "bad", "times")),
    "move:first", "move:last", "headline", "first", "times", "share", "instruments", "length", "index", "priced",
    *(f"role:{role}" for role in _ROLES),
    *(f"views:{way}" for way in WAYS),
)  # fmt: skip


class Told(NamedTuple):
    """What an article tells of one instrument: the evidence of the rules, its tone by them alone, how the instrument is named in it."""

    symbol: str
    evidence: Evidence
    rules: float
    views: Sequence[Drawn]
    roles: Mapping[str, int]
    headline: bool
    first: float
    share: float
    instruments: int
    length: int


class Read(NamedTuple):
    """Sentiment in [-1, 1], confidence in [0, 1], and the strongest reasons."""

    sentiment: float
    confidence: float
    explanation: str


def told(
    plain: str, headline: int, spans: Sequence[Span], views: Mapping[str, Sequence[Drawn]], evidence: Mapping[str, Evidence],
    rules: Mapping[str, float],
) -> list[Told]:  # fmt: skip
    """Return what an article tells of each of its instruments, by symbol.

    Parameters
    ----------
    plain, headline, spans
        Its text, the length of its headline, the names in it by place.
    views, evidence, rules
        By symbol: the views of :func:`research.tone_views.drawn`, what the rules found, the tone they give.
    """
    times = Counter(span.symbol for span in spans)
    roles: dict[str, Counter[str]] = {symbol: Counter() for symbol in times}
    first: dict[str, int] = {}
    for span in spans:
        roles[span.symbol][span.role] += 1
        first.setdefault(span.symbol, span.start)
    most = max(times.values(), default=1)
    return [
        Told(
            symbol, evidence[symbol], rules[symbol], views[symbol], roles[symbol], first[symbol] < headline,
            first[symbol] / max(1, len(plain)), times[symbol] / most, len(times), len(plain),
        )
        for symbol in sorted(times)
    ]  # fmt: skip


def tabled(rows: Sequence[Told], odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the evidence for each instrument of an article, columns :data:`NAMES`.

    ``tone`` is that of the rules, ``rules`` the same before it is squashed, ``agreement`` how much the pieces agree, ``headline:score``
    what the headline adds; by kind of evidence what speaks for it, against it, and how often; the first and the last stated move; whether
    the headline names it, where it is named first, how often, and as a share of the most frequent; how many instruments the article names,
    its length; whether it is an index or yield, or goods or a currency; how often it is named in each role; the log-odds of its views,
    ``odds``.
    """
    table = np.zeros((len(rows), len(NAMES)))
    for row, one in zip(table, rows, strict=True):
        sums = one.evidence
        kinds = [value for kind in KINDS for value in sums.kinds.get(kind, (0.0, 0.0, 0.0))]
        named, index = sum(one.roles.values()), _INDEX.match(one.symbol) is not None
        row[: -len(WAYS)] = (
            one.rules, _SCALE * sums.score / math.sqrt(max(1.0, sums.weight)), sums.score, sums.weight, sums.absolute,
            abs(sums.score) / sums.absolute if sums.absolute else 0.0, len(sums.reasons), sums.headline,
            *kinds, sums.moves[0] if sums.moves else 0.0, sums.moves[-1] if sums.moves else 0.0,
            one.headline, one.first, math.log1p(named), one.share, math.log1p(one.instruments), math.log(max(50, one.length)),
            index, not index and event_actors.no_company(one.symbol),
            *(one.roles.get(role, 0) / named for role in _ROLES),
        )  # fmt: skip
    table[:, -len(WAYS) :] = odds
    return table


def likely(rows: Sequence[Told]) -> list[Read]:
    """Return the tone towards each instrument; those of many articles are read together."""
    if not rows:
        return []
    odds = tone_views.shipped().log_odds([one.views for one in rows])
    table = tabled(rows, odds)
    bad, good = (1.0 / (1.0 + np.exp(-_grown(way).grown(table))) for way in WAYS)
    return [
        Read(_sentiment(up - down), round(min(1.0, up + down), 6), one.evidence.explanation(around / 4))
        for one, up, down, around in zip(rows, good.tolist(), bad.tolist(), (odds[:, 1] - odds[:, 0]).tolist(), strict=True)
    ]


def _sentiment(difference: float) -> float:
    return round(math.copysign(max(0.0, abs(difference) - _NEUTRAL) / (1 - _NEUTRAL), difference), 6) + 0.0


@cache
def _grown(way: str) -> Trees:
    """Return the trees that come with the package."""
    with resources.files("research.data").joinpath(f"tone_trees_{way}.npz").open("rb") as file:
        return Trees.load(file)
