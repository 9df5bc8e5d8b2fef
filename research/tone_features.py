"""What a tone model looks at: hashed n-grams of a text and of the places around its target.

1. :func:`_seen` masks the target and the other names that lines with the same text bring along.
2. A text becomes units: characters (Chinese, every number one of them) or words (English). All units of a batch stand in one array.
3. Each block of features is a set of runs of units, hashed to 64 bits:

   ========== ==========================================================================================
   whole      runs of 1 to 3 units (Chinese) or 1 to 2 (English)
   near       the same inside the clauses that hold the target
   after      runs behind the target, up to the end of the clause or the next name; ``before`` likewise
   name       the target's own words, its place, its count, and how it stands to the other names
   letters    runs of 3 to 5 letters inside English words
   outline    runs of what is left when only names, lexicon words (as + or −), marks and joining words stay
   figures    which way two stated figures go (English, :mod:`research.tone_figures`)
   tone       without a target: the tone by the rules (:func:`research.sentiment.score_lines`), which holds for texts of any kind
   label      what a label's name may be found by: single units, and words of kinds of events (:mod:`research.tone_synonyms`)
   ========== ==========================================================================================

Nothing here is learned; :mod:`research.tone_model` weighs the features.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from research import cleaning, tone_synonyms
from research.sentiment import score_lines
from research.tone_figures import comparisons
from research.tone_lines import check, target_of
from research.tone_terms import lexicon, lexicon_terms

__all__ = ["BLOCKS", "PARTS", "Features", "features", "name_units", "synonym_units"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

BLOCKS = ("whole", "near", "after", "before", "name", "letters", "outline", "figures", "tone")
#: those a machine learns from, and the one that knows labels by their names
PARTS = (*BLOCKS, "label")

_TARGET, _OTHER = "\ue000", "\ue001"
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_SPACE = re.compile(r"\s+")
_HAN = re.compile(r"[一-龥]")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*%?|[\ue000\ue001]|[%$,;:?!()]|-(?=\s)|\.(?=\s)")
_ENDS_ZH = np.array(sorted(map(ord, ",;:。!?\n ")), dtype=np.uint32)
_ENDS_EN = frozenset(
    [",", ";", ":", "?", "!", "-", ".", "but", "while", "as", "amid", "whereas", "however", "although", "though", "despite"]
)
_JOINING_EN = frozenset(
    [",", ":", ";", "?", "-", "but", "as", "while", "on", "after", "from", "to", "over", "against", "vs", "and", "despite", "for", "by",
     "in", "of", "with", "at", "than", "ahead", "not", "no", "may", "could", "if", "says", "said", "unlike", "like", "instead"]
)  # fmt: skip
_REACH = {True: 12, False: 8}
#: block -> lengths of its runs, in Chinese characters and in English words
_ORDERS: Mapping[str, Mapping[bool, tuple[int, ...]]] = {
    "whole": {True: (1, 2, 3), False: (1, 2)},
    "near": {True: (1, 2, 3), False: (1, 2, 3)},
    "after": {True: (1, 2), False: (1, 2)},
    "before": {True: (1, 2), False: (1, 2)},
    "label": {True: (1,), False: (1,)},
    "outline": {True: (1, 2, 3, 4), False: (1, 2, 3, 4, 5)},
}
_FAR = 1 << 40
#: a tone counts once for each of these it exceeds
_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Features:
    """Features of a batch of rows: for each block the row and the hash of every occurrence, in no particular order."""

    rows: Mapping[str, Ints]
    hashes: Mapping[str, Hashes]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One row as it is read: normal form with names masked, the target's and all names, whether it stands only inside a longer name."""

    text: str
    name: str
    names: tuple[str, ...]
    nested: bool
    chinese: bool


@dataclass(frozen=True, slots=True)
class _Units:
    """Units of the rows of one language, end to end."""

    words: Sequence[str]
    codes: Hashes
    row: Ints
    first: Mask
    ends: Mask
    target: Mask
    other: Mask


class _Found:
    """Collects the occurrences of each block."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Ints]] = {block: [] for block in PARTS}
        self._hashes: dict[str, list[Hashes]] = {block: [] for block in PARTS}

    def add(self, block: str, rows: Ints, hashes: Hashes) -> None:
        self._rows[block].append(rows)
        self._hashes[block].append(hashes)

    def done(self) -> Features:
        return Features(
            {block: np.concatenate(parts) if parts else np.zeros(0, np.int64) for block, parts in self._rows.items()},
            {block: np.concatenate(parts) if parts else np.zeros(0, np.uint64) for block, parts in self._hashes.items()},
        )


def features(rows: Sequence[Mapping[str, Any]], *, batch: int = 2_000) -> Iterator[tuple[slice, Features]]:
    """Yield the features of ``rows``, batch after batch, with the slice of rows they belong to.

    Parameters
    ----------
    rows
        Mappings with ``text``; ``target`` and ``lang`` (``zh…`` or ``en``; where missing, Han characters decide) where known. Rows with the
        same text tell each other which names it holds.
    batch
        Rows read at a time; the features of a row do not depend on it.

    Raises
    ------
    DataError
        When a text is no string or a target no name.
    """
    check(rows)
    names: dict[str, set[str]] = {}
    for row in rows:
        names.setdefault(row["text"], set()).add(_normal(target_of(row)))
    ordered = {text: tuple(sorted((n for n in found if n), key=lambda n: (-len(n), n))) for text, found in names.items()}
    whole = [place for place, row in enumerate(rows) if not target_of(row)]
    tones = np.zeros(len(rows))
    tones[whole] = [scored["sentiment"] for scored in score_lines([rows[place] for place in whole])]
    for start in range(0, len(rows), batch):
        part = slice(start, min(start + batch, len(rows)))
        yield part, _of(_seen(rows[part], ordered), tones[part])


def name_units(label: str) -> Hashes:
    """Return the hashes by which the single units of a label's name stand in the block ``label``: characters (Chinese) or words."""
    name = _normal(label)
    codes = _spread(np.array(list(map(ord, name)), dtype=np.uint32)) if _HAN.search(name) else [_code(word) for word in _WORD.findall(name)]
    hashes: Hashes = np.array(codes, dtype=np.uint64) + _SALTS[1]
    return hashes


def synonym_units(label: str) -> Hashes:
    """Return the hashes by which a label's synonyms (:func:`research.tone_synonyms.synonyms`) stand in the block ``label``."""
    hashes: Hashes = np.array([_code("\4" + word) for word in tone_synonyms.synonyms(label)], dtype=np.uint64)
    return hashes


def _normal(text: str) -> str:
    return _SPACE.sub(" ", cleaning.plain(text)).strip().lower()


def _seen(rows: Sequence[Mapping[str, Any]], names: Mapping[str, tuple[str, ...]]) -> list[_Seen]:
    plain: dict[str, tuple[str, re.Pattern[str] | None]] = {}
    found = []
    for row in rows:
        text, lang = row["text"], row.get("lang")
        if text not in plain:
            pattern = re.compile("|".join(map(re.escape, names[text]))) if names[text] else None
            plain[text] = (_normal(text), pattern)
        normal, pattern = plain[text]
        chinese = str(lang).startswith("zh") if lang else bool(_HAN.search(normal))
        name = _normal(target_of(row))
        if not name or pattern is None:
            found.append(_Seen(normal, "", (), False, chinese))
            continue
        masked = pattern.sub(lambda m, own=name: _TARGET if m.group() == own else _OTHER, normal)  # type: ignore[misc]
        nested = _TARGET not in masked and name in normal
        found.append(_Seen(normal.replace(name, _TARGET) if nested else masked, name, names[text], nested, chinese))
    return found


def _of(seen: Sequence[_Seen], tones: Floats) -> Features:
    found = _Found()
    for chinese in (True, False):
        index = np.array([place for place, one in enumerate(seen) if one.chinese is chinese and one.text], dtype=np.int64)
        if len(index):
            units = _characters(seen, index) if chinese else _words(seen, index)
            if len(units.codes):
                _runs(units, chinese, found)
                _outline(units, chinese, found)
                if not chinese:
                    _letters(units, found)
    _put(found, "name", ((place, "\2" + word) for place, one in enumerate(seen) if one.name for word in _of_name(one)))
    _put(found, "figures", ((place, "\3" + way) for place, one in enumerate(seen) if not one.chinese for way in comparisons(one.text)))
    _put(found, "label", ((place, "\4" + word) for place, one in enumerate(seen) if one.chinese for word in tone_synonyms.found(one.text)))
    _tones(tones, found)
    return found.done()


def _characters(seen: Sequence[_Seen], index: Ints) -> _Units:
    texts = [_DIGITS.sub("0", seen[place].text) for place in index.tolist()]
    joined = "".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    row, first = _layout(index, [len(text) for text in texts])
    return _Units(joined, _spread(codes), row, first, np.isin(codes, _ENDS_ZH), codes == ord(_TARGET), codes == ord(_OTHER))


def _words(seen: Sequence[_Seen], index: Ints) -> _Units:
    texts = [_WORD.findall(seen[place].text) for place in index.tolist()]
    words = [("0%" if w[-1] == "%" else "0") if w[0].isdigit() else w for text in texts for w in text]
    row, first = _layout(index, [len(text) for text in texts])
    codes = np.fromiter((_code(w) for w in words), dtype=np.uint64, count=len(words))
    ends = np.fromiter((w in _ENDS_EN for w in words), dtype=np.bool_, count=len(words))
    target = np.fromiter((w == _TARGET for w in words), dtype=np.bool_, count=len(words))
    other = np.fromiter((w == _OTHER for w in words), dtype=np.bool_, count=len(words))
    return _Units(words, codes, row, first, ends, target, other)


def _layout(index: Ints, lengths: Sequence[int]) -> tuple[Ints, Mask]:
    row = np.repeat(index, lengths)
    return row, np.diff(row, prepend=-1) != 0


_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


#: keeps runs of different lengths apart
_SALTS = np.arange(8, dtype=np.uint64) * _SECOND


def _mix(values: Hashes) -> Hashes:
    """Spread 64-bit values (the finaliser of splitmix64: Steele, Lea and Flood, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed


def _spread(codes: npt.NDArray[np.uint32]) -> Hashes:
    return _mix(codes.astype(np.uint64) * _STEP)


_JOINING_ZH = _spread(np.array(sorted(map(ord, ",;:。!?不未没但而被对与和" + _TARGET + _OTHER)), dtype=np.uint32))


@lru_cache(maxsize=1 << 18)
def _code(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _grams(codes: Hashes, orders: Sequence[int]) -> Iterator[tuple[int, Hashes]]:
    """Yield (n, hash of the run of n units beginning at each place)."""
    running = codes
    for n in range(1, max(orders) + 1):
        if n > 1:
            running = _mix(running[:-1] * _STEP + codes[n - 1 :])
        if n in orders:
            yield n, running + _SALTS[n]


def _add_runs(units: _Units, block: str, chinese: bool, allowed: Mask | None, found: _Found) -> None:
    for n, hashes in _grams(units.codes, _ORDERS[block][chinese]):
        last = len(hashes)
        kept = units.row[:last] == units.row[n - 1 :]
        if allowed is not None:
            kept &= allowed[:last] & allowed[n - 1 :]
        found.add(block, units.row[:last][kept], hashes[kept])


def _runs(units: _Units, chinese: bool, found: _Found) -> None:
    _add_runs(units, "whole", chinese, None, found)
    _add_runs(units, "label", chinese, None, found)
    if not units.target.any():
        return
    clause = np.cumsum(units.ends | units.first)
    held = np.zeros(clause[-1] + 1, dtype=np.bool_)
    held[clause[units.target]] = True
    _add_runs(units, "near", chinese, held[clause], found)
    # A second cut at every other name: what stands behind it is said of that one.
    piece = np.cumsum(units.ends | units.first | units.other)
    place = np.arange(len(units.codes))
    back = np.maximum.accumulate(np.where(units.target, place, -1))
    ahead = np.minimum.accumulate(np.where(units.target, place, _FAR)[::-1])[::-1]
    after = (back >= 0) & (place - back <= _REACH[chinese]) & (piece == piece[np.maximum(back, 0)])
    inside = np.minimum(ahead, len(place) - 1)
    before = (ahead < _FAR) & (ahead - place <= _REACH[chinese]) & (piece == piece[inside])
    _add_runs(units, "after", chinese, after, found)
    _add_runs(units, "before", chinese, before, found)


def _letters(units: _Units, found: _Found) -> None:
    unique, which = np.unique(units.codes, return_inverse=True)
    spelled = {_code(word): word for word in set(units.words)}
    runs = [_letter_runs(spelled[code]) for code in unique.tolist()]
    lengths = np.array([len(run) for run in runs], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    flat = np.fromiter((code for run in runs for code in run), dtype=np.uint64, count=int(lengths.sum()))
    counts = lengths[which]
    offset = np.repeat(starts[which] - (np.cumsum(counts) - counts), counts)
    found.add("letters", np.repeat(units.row, counts), flat[offset + np.arange(len(offset))])


@lru_cache(maxsize=1 << 16)
def _letter_runs(word: str) -> tuple[int, ...]:
    if len(word) < 3 or not word[0].isalpha():
        return ()
    framed = f" {word} "
    return tuple(_code("\0" + framed[i : i + n]) for n in (3, 4, 5) for i in range(len(framed) - n + 1))


def _outline(units: _Units, chinese: bool, found: _Found) -> None:
    codes = _kinds_zh(units) if chinese else np.fromiter(map(_kind_en, units.words), dtype=np.uint64, count=len(units.words))
    kept = np.flatnonzero(codes)
    if not len(kept):
        return
    codes, row, target = codes[kept], units.row[kept], units.target[kept]
    targeted = np.zeros(int(units.row.max()) + 1, dtype=np.bool_)
    targeted[units.row[units.target]] = True
    counted = np.cumsum(np.concatenate([[0], target]))
    for n, hashes in _grams(codes, [n for n in _ORDERS["outline"][chinese] if n <= len(codes)]):
        last = len(hashes)
        good = row[:last] == row[n - 1 :]
        if n > 1:
            # Where there is a target, a run says something only if it holds it.
            good &= (counted[n:] > counted[:-n]) | ~targeted[row[:last]]
        found.add("outline", row[:last][good], hashes[good])


@lru_cache(maxsize=1 << 16)
def _kind_en(word: str) -> int:
    """Return the code of what stays of a word in the outline, 0 when nothing does."""
    weight = lexicon("en").get(word, 0.0)
    if weight:
        return _code("\1+" if weight > 0 else "\1-")
    return _code("\1" + word) if word in (_TARGET, _OTHER) or word in _JOINING_EN else 0


def _kinds_zh(units: _Units) -> Hashes:
    text = str(units.words)
    codes = np.where(np.isin(units.codes, _JOINING_ZH), units.codes, np.uint64(0))
    terms = np.array(lexicon_terms(text), dtype=np.float64).reshape(-1, 3)
    starts, ends = terms[:, 0].astype(np.int64), terms[:, 1].astype(np.int64)
    inside = units.row[starts] == units.row[ends - 1]
    codes[starts[inside]] = np.where(terms[inside, 2] > 0, np.uint64(_code("\1+")), np.uint64(_code("\1-")))
    return codes


def _put(found: _Found, block: str, said: Iterable[tuple[int, str]]) -> None:
    coded = [(place, _code(word)) for place, word in said]
    found.add(block, np.array([place for place, _ in coded], dtype=np.int64), np.array([code for _, code in coded], dtype=np.uint64))


def _tones(tones: Floats, found: _Found) -> None:
    for step in _STEPS:
        for sign, mark in ((1, "+"), (-1, "-")):
            rows = np.flatnonzero(sign * tones > step)
            found.add("tone", rows, np.full(len(rows), _code(f"\5{mark}{step}"), dtype=np.uint64))


def _of_name(one: _Seen) -> list[str]:
    name, text = one.name, one.text
    pieces = [name[i : i + 2] for i in range(len(name) - 1)] + [name[-2:] + "$"] if _HAN.search(name) else name.split()
    own, other = text.find(_TARGET), text.find(_OTHER)
    count = min(len(one.names), 4)
    inside = any(name != longer and name in longer for longer in one.names)
    holds = any(name != shorter and shorter in name for shorter in one.names)
    first = other < 0 or own < other
    stands = [
        f"names {count}", f"inside {inside} holds {holds}", f"inside {inside} holds {holds} of {count}", f"nested {one.nested}",
        f"tenth {min(9, own * 10 // len(text)) if own >= 0 else 'none'}", f"first {first}", f"first {first} of {count}",
        f"times {min(text.count(_TARGET), 5)}", f"behind {text[:own].count(_OTHER) if own >= 0 else 'none'}",
    ]  # fmt: skip
    if own >= 0 and not text[own + 1 :].strip(" .?!" + _OTHER):
        stands.append("last")
    return [name, *pieces, *stands]
