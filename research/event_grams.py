"""How much a sentence reads like an event of each group: a linear model of characters, for wordings no list foresees.

A sentence is the bag of its one to four neighbouring characters, names of instruments masked and numbers reduced to one digit, each
hashed to one of ``SIZE`` places; a group's score is the sum of its weights over the bag divided by the root of the bag's size. All
sentences of a text are scored by one sparse product. The weights are fitted on articles written for this project
(``build_event_weights.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from research.schemas import EVENT_GROUPS
from research.sentences import Named, Sentence

__all__ = ["GROUPS", "SIZE", "Grams", "bags", "hashed", "shipped"]

SIZE = 1 << 16
_LONGEST = 4
_MASK = ord("▮")
_PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9), np.uint64(0x27D4EB2F165667C5))
#: columns of the scores
GROUPS = EVENT_GROUPS


@dataclass(frozen=True, slots=True)
class Grams:
    """Weights (SIZE, groups) and intercepts (groups,) of the linear model."""

    weights: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float32]

    def scores(self, plain: str, names: Sequence[Named], parts: Sequence[Sentence]) -> npt.NDArray[np.float64]:
        """Return the probability of each group (columns, see ``GROUPS``) for each sentence (rows)."""
        from scipy import sparse

        if not parts:
            return np.zeros((0, len(GROUPS)))
        places, owners, lengths = bags(plain, names, parts)
        shape = len(parts), len(self.weights)
        ends = np.bincount(owners, minlength=len(parts)).cumsum()
        counts = sparse.csr_array((np.ones(len(places), np.float32), places[np.argsort(owners, kind="stable")], np.append(0, ends)), shape)
        logits = (counts @ self.weights) / np.sqrt(lengths)[:, None] + self.intercepts
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -30, 30))))


def bags(
    plain: str, names: Sequence[Named], parts: Sequence[Sentence]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return (place of each gram, sentence it belongs to, number of grams of each sentence), for all sentences of a text."""
    codes = np.frombuffer(plain.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    for name in names:
        codes[name.start : name.end] = _MASK
    digits = (codes >= 48) & (codes <= 57)
    codes[digits] = 48
    keep = np.ones(len(codes), dtype=bool)  # a run of digits or of a masked name is one character
    keep[1:] = ~((codes[1:] == codes[:-1]) & ((codes[1:] == 48) | (codes[1:] == _MASK)))
    owner = np.full(len(codes), -1, dtype=np.int64)
    for index, part in enumerate(parts):
        owner[part.start : part.end] = index
    keep &= owner >= 0
    codes, owner = codes[keep], owner[keep]
    places, owners = hashed(codes, owner, _LONGEST)
    return places, owners, np.maximum(1.0, np.bincount(owners, minlength=len(parts)).astype(np.float64))


def hashed(
    codes: npt.NDArray[np.uint64], owner: npt.NDArray[np.int64], longest: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (place of each gram of up to ``longest`` codes, whom it belongs to); the codes of one owner stand together."""
    places, owners = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    value = np.zeros(len(codes), dtype=np.uint64)
    for n in range(min(longest, len(codes))):
        value = (value[: len(codes) - n] * _PRIMES[0]) ^ ((codes[n:] + np.uint64(n + 1)) * _PRIMES[1])
        within = owner[: len(codes) - n] == owner[n:]
        mixed = (value ^ (value >> np.uint64(29))) * _PRIMES[2]
        places.append(((mixed >> np.uint64(32)) % np.uint64(SIZE)).astype(np.int64)[within])
        owners.append(owner[: len(codes) - n][within])
    return np.concatenate(places), np.concatenate(owners)


@lru_cache(maxsize=1)
def shipped() -> Grams:
    """Return the weights that come with the package."""
    with resources.files("research.data").joinpath("event_grams.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        scale = held["scale"].astype(np.float32)
        return Grams(held["weights"].astype(np.float32) * scale, held["intercepts"].astype(np.float32))
