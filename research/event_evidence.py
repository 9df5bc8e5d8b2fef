"""Evidence for each (group, subject) pair of an article: how it is told, how much the article is about it, what competes with it.

:func:`evidence` describes a pair by numbers of a few kinds, each documented where it is made:

- the strongest wording of each kind of tie in headline, lead and body, and how often it is said;
- how much its sentences, and the article as a whole, read like its group (:mod:`research.event_grams`);
- how much the article is about the subject, how far off it is named, and what else the article tells of it;
- rivals: other subjects of the group, other names its words could belong to;
- whose event its sentences tell by the characters around the names (:mod:`research.event_owners`);
- for a move of prices, how it stands among the moves of the article (:mod:`research.event_moves`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from research import event_actors, event_subjects
from research.event_grams import GROUPS
from research.event_pairs import Pair
from research.event_ties import Scores, Tie

__all__ = ["Ruled", "evidence"]

Ruled = Set[tuple[str, str | None]]
#: headlines of texts that explain, offer or list, and report nothing
_GUIDE = re.compile(
    r"怎么(?:办|看|做|用|选|买|算|写|样|回事|申请|开通)|如何(?:办理|选择?|看待?|用|做|写|计算|申请|区分|理解|挑)|什么是|是什么|一文[看读]?懂|一次说清|一篇就够|攻略|指南"
    r"|问答|教程|招聘|招募|须知|流程|范本|入门|科普|小白|课堂|训练营|考试|网站地图|免责声明|简章|手册"
)
#: from this confidence on another subject of a group is a rival
_RIVAL = 0.3
#: relations to a company named before the sentence; those that depend on what else a sentence names; those that tell chosen ties apart
_CARRIED = frozenset({"opener", "focus", "its"})
_CHOOSABLE = frozenset({"clause", "sentence", "actor", "nobody"})
_CONTEXTS = _CARRIED | _CHOOSABLE | {"topic"}
#: log-odds of a rival where there is none
_ALONE = -6.0
_DAILY = ("close", "intraday", "after_hours", "none")


def evidence(
    headline: str,
    pairs: Sequence[Pair],
    mentions: Mapping[str, Mapping[str, Any]],
    scores: Scores,
    ruled: Ruled,
    odds: Sequence[Sequence[float]],
) -> list[dict[str, float]]:
    """Return the evidence for each pair of an article, by name; what is absent is 0.

    Parameters
    ----------
    headline, pairs
        Its headline, and all its pairs.
    mentions
        Rows of ``mentions`` of the article by symbol.
    scores
        Probability of each group for each sentence, see :meth:`research.event_grams.Grams.scores`.
    ruled
        The pairs that the rules for short texts would select.
    odds
        For each pair and each of its ties, the log-odds that the event is its subject's, see :meth:`research.event_owners.Owners.log_odds`.
    """
    told, beside, foremost = [pair.confidence for pair in pairs], _beside(pairs), [_foremost(pair.ties) for pair in pairs]
    guide = float(_GUIDE.search(headline) is not None)
    read = _of_texts(scores, {pair.group for pair in pairs})
    highest = max((mention["relevance"] for mention in mentions.values()), default=0.0)
    headless = not any(mention["in_headline"] for mention in mentions.values())
    standings = _standings([tie for pair in pairs for tie in pair.ties if tie.move is not None])
    of_group: dict[str, list[float]] = {}
    of_symbol: dict[str | None, list[tuple[float, str]]] = {}
    for pair, own in zip(pairs, told, strict=True):
        of_group.setdefault(pair.group, []).append(own)
        of_symbol.setdefault(pair.symbol, []).append((own, pair.group))
    rows = []
    for pair, first, own, context, owner in zip(pairs, foremost, told, beside, _of_owners(pairs, foremost, odds), strict=True):
        rivals = of_group[pair.group]
        row = {
            "chosen": own,
            "ruled": float((pair.group, pair.symbol) in ruled),
            "behind": max(rivals) - own,
            "rivals": math.log1p(sum(other > _RIVAL for other in rivals) - (own > _RIVAL)),
            "elsewhere": max((other for other, group in of_symbol[pair.symbol] if group != pair.group), default=0.0),
            "pairs": math.log1p(len(pairs)) / 3,
            "guide": guide,
        }
        row |= (
            read[pair.group]
            | context
            | owner
            | _of_ties(pair.ties, first)
            | _of_subject(pair, mentions.get(pair.symbol or ""), highest, headless=headless)
        )
        if pair.group == "price_move":
            row |= _of_moves(pair.ties, first, standings, len(scores))
        rows.append(row)
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


def _of_owners(pairs: Sequence[Pair], foremost: Sequence[Tie], odds: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """Return for each pair how likely the characters around the names make it the owner of what its sentences tell.

    At most, in its foremost sentence, and in the sentence that most likely tells its group of it: there also by how much it is likelier
    than any other subject of the group, and how much the sentence reads like the group.
    """
    of_sentence: dict[tuple[str, int], dict[str | None, float]] = {}
    for pair, row in zip(pairs, odds, strict=True):
        for tie, own in zip(pair.ties, row, strict=True):
            likeliest = of_sentence.setdefault((pair.group, tie.part), {})
            likeliest[pair.symbol] = max(own, likeliest.get(pair.symbol, own))
    rows = []
    for pair, first, row in zip(pairs, foremost, odds, strict=True):
        told, own, tie = max(
            ((tie.gram / (1.0 + math.exp(-own)), own, tie) for tie, own in zip(pair.ties, row, strict=True)), key=lambda one: one[:2]
        )
        others = [other for symbol, other in of_sentence[pair.group, tie.part].items() if symbol != pair.symbol]
        rows.append(
            {
                "owner": max(row),
                "owner:first": of_sentence[pair.group, first.part][pair.symbol],
                "owner:told": told,
                "owner:there": own,
                "owner:lead": own - max(others, default=_ALONE),
                "owner:gram": tie.gram,
            }
        )
    return rows


def _of_ties(ties: Sequence[Tie], foremost: Tie) -> dict[str, float]:
    """Return how a pair is told.

    The strongest wording of each kind of tie, how often, how much its sentences read like its group, how many sentences off its subject
    is named: the longer a list of news, the less its topic is what a sentence without a name is about.
    """
    row: dict[str, float] = {}
    for tie in ties:
        key = f"{tie.relation}:{tie.place}"
        row[key] = max(row.get(key, 0.0), tie.strength)
    chosen = [tie for tie in ties if tie.chosen]
    row["chosen:headline"] = max((tie.found.confidence for tie in chosen if tie.place == "headline"), default=0.0)
    row["gram"] = max(tie.gram for tie in ties)
    row["gram:chosen"] = max((tie.gram for tie in chosen), default=0.0)
    row["gram:logit"] = _logit(row["gram"]) / 4
    row["first:gram"], row["first:rank"] = math.log(foremost.gram + 1e-3) / 4, foremost.rank
    row["worded"] = float(any(not tie.found.name.endswith(".unspecified") for tie in ties))
    row["said"] = math.log1p(len({tie.found.start for tie in chosen}))
    row["tied"] = math.log1p(len({tie.found.start for tie in ties if tie.relation != "nobody"}))
    row["strength"] = max(tie.strength for tie in ties)
    row["away"] = math.log1p(min(tie.away for tie in ties)) / 2
    topical = [tie.away for tie in ties if tie.relation == "topic"]
    row["topic:distance"] = math.log1p(min(topical)) / 2 if topical else 0.0
    row["first:away"] = math.log1p(foremost.away) / 2
    return row


def _foremost(ties: Sequence[Tie]) -> Tie:
    """Return the tie that tells a pair best: likeliest subject, strong wording, a sentence that reads like it, near the top."""
    top = {"headline": 0.3, "lead": 0.1}
    return max(ties, key=lambda tie: (tie.chosen + tie.strength + tie.gram + top.get(tie.place, 0.0), -tie.found.at))


@dataclass(frozen=True, slots=True)
class _Standings:
    """The moves of an article: place of each by size and by telling, instruments that moved; by sentence how many, and the first's."""

    sizes: Mapping[float, int]
    order: Mapping[int, int]
    symbols: int
    told: Mapping[int, tuple[int, str | None]]


def _standings(moves: Sequence[Tie]) -> _Standings:
    sizes = sorted({-round(tie.move.size, 6) for tie in moves if tie.move is not None})
    order = sorted({tie.found.at for tie in moves})
    told: dict[int, tuple[int, str | None]] = {}
    for tie in sorted(moves, key=lambda tie: tie.found.at):
        times, first = told.get(tie.part, (0, tie.found.symbol))
        told[tie.part] = (times + 1, first)
    return _Standings(
        {size: place for place, size in enumerate(sizes, 1)}, {at: place for place, at in enumerate(order, 1)},
        len({tie.found.symbol for tie in moves}), told,
    )  # fmt: skip


def _of_moves(ties: Sequence[Tie], foremost: Tie, standings: _Standings, sentences: int) -> dict[str, float]:
    """Return how a move of prices stands among the moves of an article of so many sentences.

    Its size in units and rank by size, its place in the order of telling, the number of instruments that moved, the fewest moves told in
    one sentence with it, whether one of its sentences begins with it, holds a record, which sessions it speaks of.
    """
    row = {"depth": foremost.part / max(1, sentences - 1)}
    own, stated = [tie for tie in ties if tie.move is not None], [tie.move for tie in ties if tie.move is not None]
    if not own:
        return row
    told = [standings.told[part] for part in {tie.part for tie in own}]
    bases = {basis if (basis := move.basis or "none") in _DAILY else "long" for move in stated}
    row |= {
        "move:size": min(max(move.size for move in stated), 6.0) / 3,
        "move:rank": 1.0 / min(standings.sizes[-round(move.size, 6)] for move in stated),
        "move:order": 1.0 / min(standings.order[tie.found.at] for tie in own),
        "move:many": math.log1p(standings.symbols),
        "move:list": math.log1p(min(times for times, _ in told)),
        "move:first": float(any(first == own[0].found.symbol for _, first in told)),
        "move:record": float(any(move.record for move in stated)),
    }
    return row | {f"move:{basis}": 1.0 for basis in bases if basis != "long"} | {"move:long": float(bases == {"long"})}


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
    instrument = event_actors.no_company(pair.symbol)
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
