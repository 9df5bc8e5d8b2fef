"""Whose event a sentence tells: a linear model of the characters around a name, for grammar no list of relations foresees.

Each tie (:mod:`research.event_ties`) shows its sentence from one side, a :class:`View`: round the name of its subject, or, where the
sentence does not name him, as it stands. The name is masked, other names by another mask; a character is another one in front of the name
in its clause, behind it, or in a clause beside it. A view is the bag of its one to three neighbouring characters, hashed as in
:mod:`research.event_grams`; how the subject is tied to the words is added. The weights are fitted on the sentences that readers gave as
evidence (``build_event_weights.py``): the log-odds hold for a sentence that tells the group of somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from research.event_grams import GROUPS, hashed, pooled
from research.event_pairs import Pair
from research.event_ties import Tie
from research.moves import Span
from research.sentences import Sentence, within

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
_MARKS = tuple(map(ord, ",;:。"))
#: where a character stands: clauses before the name's, in front of it, behind it, clauses behind; in a sentence seen for nobody, or for
#: somebody named elsewhere
_BEFORE, _FRONT, _BEHIND, _PAST, _NOBODYS, _CARRIED = range(1, 7)
#: code points need 21 bits
_ZONE = np.uint64(21)


@dataclass(slots=True)
class Views:
    """The views of an article: its grams as (place, view they belong to), grams of each view, and the view of each tie by pair."""

    places: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.float64]
    of_ties: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Owners:
    """Weights (SIZE, groups) of the grams, (HEADS, groups) of the ways subjects are tied, and intercepts (groups,)."""

    weights: npt.NDArray[np.float32]
    heads: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float32]

    def log_odds(self, plain: str, names: Sequence[Span], parts: Sequence[Sentence], pairs: Sequence[Pair]) -> list[list[float]]:
        """Return for each pair, and each of its ties, the log-odds that its subject is whose event the sentence tells."""
        seen = views(plain, names, parts, pairs)
        return self.of_views(seen, pairs)

    def of_views(self, seen: Views, pairs: Sequence[Pair]) -> list[list[float]]:
        """Return the log-odds of ties whose views are known, see :meth:`log_odds`."""
        if not pairs:
            return []
        sums = pooled(self.weights, seen.places, seen.owners, seen.sizes)
        group = np.repeat([GROUPS.index(pair.group) for pair in pairs], [len(pair.ties) for pair in pairs])
        heads = [head(tie) for pair in pairs for tie in pair.ties]
        odds = sums[[view for of_pair in seen.of_ties for view in of_pair], group] + self.heads[heads, group] + self.intercepts[group]
        ends = np.cumsum([len(pair.ties) for pair in pairs])[:-1]
        return [one.tolist() for one in np.split(odds.astype(np.float64), ends)]


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
    known: dict[tuple[int, str | None, bool], int] = {}
    drawn: list[npt.NDArray[np.uint64]] = []
    of_ties: list[list[int]] = []
    for pair in pairs:
        own = surfaces.get(pair.symbol or "", frozenset())
        row = []
        for tie in pair.ties:
            part = parts[tie.part]
            inside = within(names, part.start, part.end)
            named = any(name.surface in own for name in inside)
            key = (tie.part, pair.symbol if named else None, pair.symbol is None)
            if key not in known:
                known[key] = len(drawn)
                drawn.append(_drawn(codes, part, inside, own if named else (), _NOBODYS if pair.symbol is None else _CARRIED))
            row.append(known[key])
        of_ties.append(row)
    flat = np.concatenate(drawn) if drawn else np.zeros(0, dtype=np.uint64)
    places, owners = hashed(flat, np.repeat(np.arange(len(drawn)), [len(one) for one in drawn]), _LONGEST)
    return Views(places, owners, np.maximum(1.0, np.bincount(owners, minlength=len(drawn)).astype(np.float64)), of_ties)


def _surfaces(names: Iterable[Span]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        found.setdefault(name.symbol, set()).add(name.surface)
    return {symbol: frozenset(surfaces) for symbol, surfaces in found.items()}


def _drawn(
    codes: npt.NDArray[np.uint64], part: Sentence, inside: Sequence[Span], own: Iterable[str], unnamed: int
) -> npt.NDArray[np.uint64]:
    """Return the characters of one view, names masked, numbers one digit, each marked by where it stands."""
    line = codes[part.start : part.end].copy()
    keep = np.ones(len(line), dtype=bool)
    keep[1:] = (line[1:] != 48) | (line[:-1] != 48)
    stops = np.flatnonzero(np.isin(line, _MARKS))
    places: list[int] = []
    end = 0
    for name in inside:
        start = name.start - part.start
        line[start : name.end - part.start] = _OWN if name.surface in own else _OTHER
        keep[start + 1 : name.end - part.start] = False
        if name.surface in own:
            end = end or name.end - part.start
            places.append(start)
    if not places:
        return np.asarray((line + np.uint64(unnamed << 21))[keep])
    first, at = places[0], np.arange(len(line))
    opens = int(stops[stops < first].max(initial=-1)) + 1
    closes = int(stops[stops >= end].min(initial=len(line)))
    zone = np.select([at < opens, at < first, at <= closes], [_BEFORE, _FRONT, _BEHIND], _PAST).astype(np.uint64)
    zone[places] = 0
    keep &= (at >= np.where(zone == _BEFORE, opens - _BESIDE, first - _NEAR)) & (
        at < np.where(zone == _PAST, closes + 1 + _BESIDE, end + _NEAR)
    )
    return np.asarray((line + (zone << _ZONE))[keep])


@lru_cache(maxsize=1)
def shipped() -> Owners:
    """Return the weights that come with the package."""
    with resources.files("research.data").joinpath("event_owners.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        weights = held["weights"].astype(np.float32) * held["scale"].astype(np.float32)
        return Owners(weights, held["heads"].astype(np.float32), held["intercepts"].astype(np.float32))
