"""Whose event a sentence tells: a linear model of the characters around a name, for grammar no list of relations foresees.

Each tie (:mod:`research.event_ties`) shows its sentence from one side, a view: round the name of its subject, or, where the sentence does
not name him, as it stands. The name is masked, other names by another mask; a character is another one in front of the name in its clause,
behind it, or in a clause beside it. A view is the bag of its one to three neighbouring characters, hashed as in
:mod:`research.event_grams`; how the subject is tied to the words is added. The weights are fitted on the sentences that readers gave as
evidence (``build_event_weights.py``): the log-odds hold for a sentence that tells the group of somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from research.chinese_names import clause_at
from research.event_grams import GROUPS, SIZE, hashed
from research.event_pairs import Pair
from research.event_ties import Tie
from research.moves import Span
from research.sentences import Sentence, by_part

__all__ = ["HEADS", "Owners", "Views", "head", "shipped", "views"]

RELATIONS = (
    "clause", "sentence", "after", "actor", "headline", "topic", "opener", "focus", "its", "title", "market", "nobody", "move", "level",
)  # fmt: skip
#: ways a subject is tied to the words: each relation, for a subject that is not the likeliest and for one that is
HEADS = 2 * len(RELATIONS)
_LONGEST = 3
#: characters read on each side of a name, and in the clauses on each side of its own
_NEAR, _BESIDE = 16, 24
_OWN, _OTHER = ord("▮"), ord("▯")
#: where a character stands: clauses before the name's, in front of it, behind it, clauses behind; in a sentence seen for nobody, or for
#: somebody named elsewhere; above the 21 bits of a code point
_BEFORE, _FRONT, _BEHIND, _PAST, _NOBODYS, _CARRIED = (np.uint64(zone << 21) for zone in range(1, 7))


@dataclass(frozen=True, slots=True)
class Views:
    """The views of an article: places of their grams, view by view, how many grams each has, and the view of each tie by pair."""

    places: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    of_ties: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Owners:
    """Weights (groups, SIZE) of the grams, (groups, HEADS) of the ways subjects are tied, and intercepts (groups,)."""

    weights: npt.NDArray[np.float32]
    heads: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float32]

    def log_odds(self, plain: str, names: Sequence[Span], parts: Sequence[Sentence], pairs: Sequence[Pair]) -> list[list[float]]:
        """Return for each pair, and each of its ties, the log-odds that its subject is whose event the sentence tells."""
        return self.of_views(views(plain, names, parts, pairs), pairs)

    def of_views(self, seen: Views, pairs: Sequence[Pair]) -> list[list[float]]:
        """Return the log-odds of ties whose views are known, see :meth:`log_odds`."""
        places: dict[tuple[int, int], int] = {}
        for pair, of_pair in zip(pairs, seen.of_ties, strict=True):
            for view in of_pair:
                places.setdefault((view, GROUPS.index(pair.group)), len(places))
        if not places:
            return []
        view, group = np.array(list(places)).T
        size = seen.sizes[view]
        whose, ends = np.repeat(np.arange(len(view)), size), size.cumsum()
        grams = seen.places[np.arange(len(whose)) + (seen.sizes.cumsum()[view] - ends)[whose]]
        sums = np.bincount(whose, self.weights.ravel().take(grams + (group * SIZE)[whose]), minlength=len(view))
        odds = (sums / np.sqrt(np.maximum(1, size)) + self.intercepts[group]).tolist()
        rows = []
        for pair, of_pair in zip(pairs, seen.of_ties, strict=True):
            column = GROUPS.index(pair.group)
            ways = self.heads[column].tolist()
            rows.append([odds[places[one, column]] + ways[head(tie)] for one, tie in zip(of_pair, pair.ties, strict=True)])
        return rows


def head(tie: Tie) -> int:
    """Return which of ``HEADS`` a tie has."""
    return 2 * RELATIONS.index(tie.relation) + tie.chosen


def views(plain: str, names: Sequence[Span], parts: Sequence[Sentence], pairs: Sequence[Pair]) -> Views:
    """Return the views of all ties of an article.

    Parameters
    ----------
    plain, names, parts
        Its text as :func:`research.cleaning.plain` gives it, the names in it by place, its sentences.
    pairs
        Its pairs; a subject is named wherever one of the names it has in this text stands.
    """
    surfaces = _surfaces(names)
    codes = np.frombuffer(plain.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    codes[(codes >= 48) & (codes <= 57)] = 48
    keep = np.ones(len(codes), dtype=bool)  # a number is one digit, a name one mask
    keep[1:] = (codes[1:] != 48) | (codes[:-1] != 48)
    for name in names:
        codes[name.start], keep[name.start], keep[name.start + 1 : name.end] = _OTHER, True, False
    inside = by_part(names, parts)
    known: dict[tuple[int, str | None, bool], int] = {}
    drawn: list[npt.NDArray[np.uint64]] = []
    of_ties: list[list[int]] = []
    for pair in pairs:
        own = surfaces.get(pair.symbol or "", frozenset())
        row = []
        for tie in pair.ties:
            part, there = parts[tie.part], inside[tie.part] if own else ()
            named = any(name.surface in own for name in there)
            key = (tie.part, pair.symbol if named else None, pair.symbol is None)
            if key not in known:
                known[key] = len(drawn)
                if named:
                    drawn.append(_around(plain, codes, keep, part, [name for name in there if name.surface in own]))
                else:
                    line = codes[part.start : part.end][keep[part.start : part.end]]
                    drawn.append(line + (_NOBODYS if pair.symbol is None else _CARRIED))
            row.append(known[key])
        of_ties.append(row)
    flat = np.concatenate(drawn) if drawn else np.zeros(0, dtype=np.uint64)
    places, owners = hashed(flat, np.repeat(np.arange(len(drawn)), [len(one) for one in drawn]), _LONGEST)
    return Views(places[np.argsort(owners, kind="stable")], np.bincount(owners, minlength=len(drawn)), of_ties)


def _surfaces(names: Iterable[Span]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        found.setdefault(name.symbol, set()).add(name.surface)
    return {symbol: frozenset(surfaces) for symbol, surfaces in found.items()}


def _around(
    plain: str, codes: npt.NDArray[np.uint64], keep: npt.NDArray[np.bool_], part: Sentence, own: Sequence[Span]
) -> npt.NDArray[np.uint64]:
    """Return the characters around the first of the names a subject has in a sentence, each marked by where it stands."""
    first, end = own[0].start, own[0].end
    opens, closes = clause_at(plain, part, first)
    closes = max(closes, min(end, part.end))
    low, high = max(part.start, opens - _BESIDE), min(part.end, closes + _BESIDE)
    line, kept = codes[low:high].copy(), keep[low:high].copy()
    line[: opens - low] += _BEFORE
    line[opens - low : first - low] += _FRONT
    line[first - low : closes - low] += _BEHIND
    line[closes - low :] += _PAST
    kept[opens - low : max(opens, first - _NEAR) - low] = False
    kept[end + _NEAR - low : closes - low] = False
    for name in own:
        if low <= name.start < high:
            line[name.start - low] = _OWN
    return np.asarray(line[kept])


@lru_cache(maxsize=1)
def shipped() -> Owners:
    """Return the weights that come with the package."""
    with resources.files("research.data").joinpath("event_owners.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        weights = held["weights"].T.astype(np.float32) * held["scale"].astype(np.float32)[:, None]
        return Owners(np.ascontiguousarray(weights), held["heads"].T.astype(np.float32), held["intercepts"].astype(np.float32))
