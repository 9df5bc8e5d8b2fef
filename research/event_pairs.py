"""Which (group, subject) pairs of an article are its events: how likely an expert would list each.

1. Every wording of the taxonomy that the text does not deny, and every sentence that reads like an event of a group
   (:mod:`research.event_grams`), is tied to the subjects it may belong to (:func:`research.event_subjects.options`).
2. :func:`gather` collects these ties by group and subject.
3. :func:`research.event_evidence.evidence` says what speaks for each pair.
4. :func:`likely` turns that into probabilities with the logistic weights of ``event_weights.json``, one set for moves of prices and one
   for what else happens, fitted on articles written and labelled for this project (``build_event_weights.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

from research.event_ties import Tie

__all__ = ["Pair", "gather", "likely", "weighed_as"]


@dataclass(slots=True)
class Pair:
    """All ties of one group to one subject."""

    group: str
    symbol: str | None
    ties: list[Tie] = field(default_factory=list)

    @property
    def confidence(self) -> float:
        """Confidence of the likeliest reading in which the pair's subject is the subject, 0 when there is none."""
        return max((tie.found.confidence for tie in self.ties if tie.chosen), default=0.0)

    @property
    def best(self) -> Tie:
        """The tie that stands for the pair: a wording, not a mere likeness, then the surest, the earliest of equals."""
        return max(self.ties, key=lambda t: (not t.found.name.endswith(".unspecified"), t.chosen, t.found.confidence, -t.found.at))


def gather(ties: Sequence[Tie]) -> list[Pair]:
    """Return the pairs of one article, in order of appearance."""
    pairs: dict[tuple[str, str | None], Pair] = {}
    for tie in ties:
        key = (tie.found.name.split(".")[0], tie.found.symbol)
        pairs.setdefault(key, Pair(*key)).ties.append(tie)
    return list(pairs.values())


def weighed_as(group: str) -> str:
    """Return which set of weights is for a group: ``move`` or ``event``."""
    return "move" if group == "price_move" else "event"


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, Mapping[str, float]]:
    found: Mapping[str, Mapping[str, float]] = json.loads(
        resources.files("research.data").joinpath("event_weights.json").read_text(encoding="utf-8")
    )
    return found


def likely(rows: Sequence[tuple[Pair, Mapping[str, float]]]) -> list[float]:
    """Return the probability that an expert lists each pair of one article, given the evidence for it."""
    return [1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, _log_odds(_weights()[weighed_as(pair.group)], row))))) for pair, row in rows]


def _log_odds(weights: Mapping[str, float], row: Mapping[str, float]) -> float:
    return weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in row.items())
