"""Which (group, subject) pairs of an article are its events: the evidence for each, and how likely an expert would list it.

1. Every wording of the taxonomy that the text does not deny, and every sentence that reads like an event of a group
   (:mod:`research.event_grams`), is tied to the subjects it may belong to (:func:`research.event_subjects.options`).
2. :func:`gather` collects these ties by group and subject.
3. :func:`evidence` says how strong the best wording of each kind of tie is in headline, lead and body, how often it is said, how much the
   article is about the subject, and what competes with it.
4. :func:`likely` turns that into probabilities with the logistic weights of ``event_weights.json``, fitted on articles written and labelled
   for this project (``build_event_weights.py``). How much the text reads like a group speaks for the group's likeliest subject only;
   further subjects need more evidence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from research import event_subjects
from research.event_grams import GROUPS
from research.event_ties import Scores, Tie

__all__ = ["Pair", "Ruled", "evidence", "gather", "likely"]

Ruled = Set[tuple[str, str | None]]
#: from this confidence on another subject of a group is a rival
_RIVAL = 0.3
#: share of the log-odds of the sentence that reads most like a group that its likeliest subject gets, from which log-odds on
_READ, _NEUTRAL = 0.25, -2.0
#: log-odds of a further subject of a group
_FURTHER = -1.0
#: relations to a company named before the sentence; those that depend on what else a sentence names; those that tell chosen ties apart
_CARRIED = frozenset({"opener", "focus", "its"})
_CHOOSABLE = frozenset({"clause", "sentence", "actor", "nobody"})
_CONTEXTS = _CARRIED | _CHOOSABLE | {"topic"}


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


def evidence(pairs: Sequence[Pair], mentions: Mapping[str, Mapping[str, Any]], scores: Scores, ruled: Ruled) -> list[dict[str, float]]:
    """Return the evidence for each pair of an article, by name; what is absent is 0.

    Parameters
    ----------
    pairs
        All pairs of the article.
    mentions
        Rows of ``mentions`` of the article by symbol.
    scores
        Probability of each group for each sentence, see :meth:`research.event_grams.Grams.scores`.
    ruled
        The pairs that the rules for short texts would select.
    """
    told, beside = [pair.confidence for pair in pairs], _beside(pairs)
    read = _of_texts(scores, {pair.group for pair in pairs})
    highest = max((mention["relevance"] for mention in mentions.values()), default=0.0)
    headless = not any(mention["in_headline"] for mention in mentions.values())
    moves = [tie for pair in pairs for tie in pair.ties if tie.relation == "move"]
    sizes, order = sorted({-round(tie.size, 6) for tie in moves}), sorted({tie.found.at for tie in moves})
    rows = []
    for pair, own, context in zip(pairs, told, beside, strict=True):
        others = [other for rival, other in zip(pairs, told, strict=True) if rival.group == pair.group and rival is not pair]
        row = {"chosen": own, "ruled": float((pair.group, pair.symbol) in ruled)}
        row["behind"] = max(0.0, max(others, default=0.0) - own)
        row["rivals"] = math.log1p(sum(other > _RIVAL for other in others))
        subject = _of_subject(pair, mentions.get(pair.symbol or ""), highest, headless=headless)
        rows.append(row | read[pair.group] | context | _of_ties(pair.ties) | _of_moves(pair.ties, sizes, order) | subject)
    return rows


def _beside(pairs: Sequence[Pair]) -> list[dict[str, float]]:
    """Return for each pair the strongest tie by what else its words could belong to.

    A topic where another company was just named (``topic:away``) or not, a name alone in its clause or one of many, a company named
    before in a sentence with names of its own or bare.
    """
    sharing: dict[tuple[str, int], list[tuple[int, Tie]]] = {}
    for index, pair in enumerate(pairs):
        for tie in pair.ties:
            if tie.relation in _CONTEXTS:
                sharing.setdefault((tie.found.name, tie.found.start), []).append((index, tie))
    rows: list[dict[str, float]] = [{} for _ in pairs]
    for ties in sharing.values():
        relations = [tie.relation for _, tie in ties]
        named = "clause" in relations or "sentence" in relations
        context = {
            "topic": "away" if _CARRIED.intersection(relations) else "near",
            "clause": "many" if relations.count("clause") > 1 else "one",
            "sentence": "clause" if "clause" in relations else "bare",
        }
        for index, tie in ties:
            key = f"{tie.relation}:{context.get(tie.relation, 'named' if named else 'bare')}"
            key += ":body" * (tie.relation == "topic" and tie.place == "body")
            key += ":chosen" * (tie.chosen and tie.relation in _CHOOSABLE)
            rows[index][key] = max(rows[index].get(key, 0.0), tie.strength)
    return rows


def _of_ties(ties: Sequence[Tie]) -> dict[str, float]:
    """Return how a pair is told: the strongest wording of each kind of tie, how often, and how much its sentences read like its group."""
    row: dict[str, float] = {}
    for tie in ties:
        key = f"{tie.relation}:{tie.place}"
        row[key] = max(row.get(key, 0.0), tie.strength)
    chosen = [tie for tie in ties if tie.chosen]
    row["chosen:headline"] = max((tie.found.confidence for tie in chosen if tie.place == "headline"), default=0.0)
    row["gram"] = max(tie.gram for tie in ties)
    row["gram:chosen"] = max((tie.gram for tie in chosen), default=0.0)
    row["gram:logit"] = _logit(row["gram"]) / 4
    row["worded"] = float(any(not tie.found.name.endswith(".unspecified") for tie in ties))
    row["said"] = math.log1p(len({tie.found.start for tie in chosen}))
    row["tied"] = math.log1p(len({tie.found.start for tie in ties if tie.relation != "nobody"}))
    row["strength"] = max(tie.strength for tie in ties)
    return row


def _of_moves(ties: Sequence[Tie], sizes: Sequence[float], order: Sequence[int]) -> dict[str, float]:
    """Return how a move of prices stands among those of the article: ``sizes`` negative and ``order`` of all, both ascending."""
    moves = [tie for tie in ties if tie.relation == "move"]
    if not moves:
        return {}
    return {
        "move:size": min(max(tie.size for tie in moves), 6.0) / 3,
        "move:rank": 1.0 / (1 + min(sizes.index(-round(tie.size, 6)) for tie in moves)),
        "move:order": 1.0 / (1 + min(order.index(tie.found.at) for tie in moves)),
        "move:many": math.log1p(len(order)),
    }


def _of_texts(scores: Scores, groups: Set[str]) -> dict[str, dict[str, float]]:
    """Return how much the article reads like each group: its likeliest sentence, its share and rank in all sentences together."""
    peaks, sums = scores.max(axis=0, initial=0.0).tolist(), scores.sum(axis=0).tolist()
    total = max(sum(sums), 1e-6)
    rows = {}
    for group in groups:
        column = GROUPS.index(group)
        rank = 1 + sum(other > sums[column] for other in sums)
        rows[group] = {"text": _logit(peaks[column]) / 4, "text:share": sums[column] / total, "text:rank": 1.0 / rank}
    return rows


def _of_subject(pair: Pair, mention: Mapping[str, Any] | None, highest: float, *, headless: bool) -> dict[str, float]:
    """Return how much the article is about the subject of a pair; ``highest`` is the greatest relevance of all mentions."""
    company = pair.group in event_subjects.COMPANY
    if pair.symbol is None:
        return {"null": 1.0, "null:company": float(company), "null:headless": float(headless)}
    if mention is None:
        return {}
    instrument = bool(event_subjects.NO_COMPANY.match(pair.symbol))
    return {
        "headline": float(mention["in_headline"]),
        "relevance": float(mention["relevance"]),
        "top": float(mention["relevance"] >= highest),
        "mentions": math.log1p(mention["n_mentions"]),
        "instrument": float(instrument),
        "misfit": float(instrument and company),
    }


def _logit(probability: float) -> float:
    return math.log(max(probability, 1e-4) / (1.0001 - probability))


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, float]:
    found: Mapping[str, float] = json.loads(resources.files("research.data").joinpath("event_weights.json").read_text(encoding="utf-8"))
    return found


def likely(rows: Sequence[tuple[Pair, Mapping[str, float]]]) -> list[float]:
    """Return the probability that an expert lists each pair of one article, given the evidence for all of them."""
    odds = [_log_odds(row) for _, row in rows]
    first: dict[str, int] = {}
    for index, (pair, _) in enumerate(rows):
        if odds[index] > odds[first.setdefault(pair.group, index)]:
            first[pair.group] = index
    for index, (pair, row) in enumerate(rows):
        odds[index] += _READ * (4 * row["text"] - _NEUTRAL) if first[pair.group] == index else _FURTHER
    return [1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, one)))) for one in odds]


def _log_odds(row: Mapping[str, float]) -> float:
    weights = _weights()
    return weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in row.items())
