"""Which (group, subject) pairs of an article are its events: how likely an expert would list each.

1. Every wording of the taxonomy that the text does not deny, and every sentence that reads like an event of a group
   (:mod:`research.event_grams`), is tied to the subjects it may belong to (:func:`research.event_subjects.options`).
2. :func:`gather` collects these ties by group and subject.
3. :func:`research.event_evidence.evidence` says what speaks for each pair; whose event a sentence tells is read from the characters
   around the names (:mod:`research.event_owners`).
4. :func:`likely` turns that into probabilities with boosted trees (:mod:`research.event_trees`), some for moves of prices and some for
   what else happens, grown on articles written and labelled for this project (``build_event_weights.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np

from research.event_ties import Tie
from research.event_trees import Trees

__all__ = ["KINDS", "RULED", "Pair", "gather", "likely", "weighed_as"]

#: what trees are grown for
KINDS = ("move", "event")
#: step of the log-odds for what the rules select: they come from real articles, so it is worth more than written ones can teach
RULED = 0.75


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
    """Return which trees are for a group: ``move`` or ``event``."""
    return "move" if group == "price_move" else "event"


@cache
def _grown(kind: str) -> Trees:
    """Return the trees that come with the package."""
    with resources.files("research.data").joinpath(f"event_trees_{kind}.npz").open("rb") as file:
        return Trees.load(file)


def likely(rows: Sequence[tuple[Pair, Mapping[str, float]]]) -> list[float]:
    """Return the probability that an expert lists each pair of one article, given the evidence for it."""
    odds = np.array([RULED * row.get("ruled", 0.0) for _, row in rows])
    for kind in KINDS:
        of_kind = [place for place, (pair, _) in enumerate(rows) if weighed_as(pair.group) == kind]
        odds[of_kind] += _grown(kind).log_odds([(rows[place][0].group, rows[place][1]) for place in of_kind])
    return [float(one) for one in 1.0 / (1.0 + np.exp(-odds))]
