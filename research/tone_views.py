"""How good or bad the words around a name are for it: a linear model of characters, for wordings no lexicon foresees.

An instrument is seen where it is named, at most eight times: the characters of the sentence in front of the name and behind it, the name
masked, other names by another mask, a number reduced to one digit, each character marked by the side it stands on. A view is the bag of
its one to three neighbouring characters, hashed as in :mod:`research.event_grams`. An instrument's log-odds to be spoken well of, and
badly, are its views' sums of weights, each divided by the root of its view's size and by that of the number of views. The weights are
fitted on articles written for this project (``build_tone_weights.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
from scipy import sparse

from research.event_grams import SIZE, hashed
from research.moves import Span
from research.sentences import Sentence, index_at

__all__ = ["WAYS", "Drawn", "Views", "bagged", "drawn", "shipped"]

#: columns of the log-odds
WAYS = ("bad", "good")
_LONGEST = 3
#: characters in front of a name and behind it, views of one instrument
_FRONT, _BEHIND, _MOST = 20, 36, 8
_OWN, _OTHER, _DIGIT = ord("▮"), ord("▯"), ord("0")
#: where a character stands, above the 21 bits of a code point
_BEFORE, _AFTER = (np.uint64(side << 21) for side in (1, 2))

#: the characters of one view
Drawn = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Views:
    """Weights (SIZE, 2) of the grams and intercepts (2,): one column for each of :data:`WAYS`."""

    weights: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float32]

    def log_odds(self, seen: Sequence[Sequence[Drawn]]) -> npt.NDArray[np.float64]:
        """Return a row for each instrument, given its views: log-odds that it is spoken badly of, and well."""
        return np.asarray(bagged(seen) @ self.weights + self.intercepts, dtype=np.float64)


def drawn(plain: str, spans: Sequence[Span], parts: Sequence[Sentence]) -> dict[str, list[Drawn]]:
    """Return the views of every instrument of a text, by symbol.

    Parameters
    ----------
    plain, spans, parts
        The text as :func:`research.cleaning.plain` gives it, the names in it by place, its sentences.
    """
    codes = np.frombuffer(plain.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    codes[(codes >= ord("0")) & (codes <= ord("9"))] = _DIGIT
    keep = np.ones(len(codes), dtype=bool)  # a number is one digit, a name one mask
    keep[1:] = (codes[1:] != _DIGIT) | (codes[:-1] != _DIGIT)
    for span in spans:
        codes[span.start], keep[span.start], keep[span.start + 1 : span.end] = _OTHER, True, False
    found: dict[str, list[Drawn]] = {}
    for span in spans:
        views = found.setdefault(span.symbol, [])
        if len(views) == _MOST:
            continue
        part = parts[index_at(parts, span.start)]
        low, high = max(part.start, span.start - _FRONT), max(span.end, min(part.end, span.end + _BEHIND))
        views.append(
            np.concatenate(
                [
                    codes[low : span.start][keep[low : span.start]] + _BEFORE,
                    np.array([_OWN], dtype=np.uint64),
                    codes[span.end : high][keep[span.end : high]] + _AFTER,
                ]
            )
        )
    return found


def bagged(seen: Sequence[Sequence[Drawn]]) -> sparse.csr_array:
    """Return the grams of instruments, given their views, a row each: how often each stands there, by the sizes of the views."""
    views = [view for of_one in seen for view in of_one]
    if not views:
        return sparse.csr_array((len(seen), SIZE), dtype=np.float32)
    places, owners = hashed(np.concatenate(views), np.repeat(np.arange(len(views)), [len(view) for view in views]), _LONGEST)
    sizes = np.bincount(owners, minlength=len(views))
    times = np.array([len(of_one) for of_one in seen])
    whose = np.repeat(np.arange(len(seen)), times)
    worth = 1.0 / np.sqrt(np.maximum(1, sizes) * times[whose])
    table = (worth[owners].astype(np.float32), (whose[owners].astype(np.int32), places.astype(np.int32)))
    return sparse.csr_array(table, shape=(len(seen), SIZE))


@lru_cache(maxsize=1)
def shipped() -> Views:
    """Return the weights that come with the package."""
    with resources.files("research.data").joinpath("tone_views.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        return Views(held["weights"].astype(np.float32) * held["scale"].astype(np.float32), held["intercepts"].astype(np.float32))
