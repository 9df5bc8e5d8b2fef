"""A trained tone: hashed n-grams around a target, one linear model, stored as numbers and words.

1. :func:`research.tone_features.features` reads the rows; a model knows the features it was trained on by their 64-bit hash.
2. :meth:`Vocabulary.matrix` weighs them, block by block, by ``(1 + log count) · idf`` and gives each row of a block one length.
3. :meth:`ToneModel.logits` multiplies with the weights; :meth:`ToneModel.probabilities` divides by one temperature before the softmax.

Lines none of which names a target are scored by the twin that was trained without targets.

:func:`research.tone_training.train` makes a model. A stored one is an ``.npz`` of arrays, read without pickle and without scikit-learn.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from research import tone_synonyms
from research.errors import SourceError
from research.tone_features import PARTS, features
from research.tone_lines import target_of
from research.tone_terms import lexicon

__all__ = ["ToneModel", "Vocabulary", "lexicon_digest", "load"]

_FORMAT = "tidings tone model 4"
#: length of a row in each block where it is not 1: runs of the outline are few and would outweigh the words themselves
_LENGTHS = {"outline": 0.5}
#: what each step of the rules' tone is worth
_TONED = 0.3
#: what a unit of a label's name is worth where it stands in the text, before the mixture weighs it
_NAMED = 0.1

#: from a label as a string to a label as it stood in the lines
_OUTSIDE: Mapping[str, Callable[[str], Any]] = {"str": str, "int": int, "bool": "True".__eq__}

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


def lexicon_digest() -> str:
    """Return a digest of the shipped lexicons: a model that saw their words as + and − fits no others."""
    text = repr([sorted(lexicon(language).items()) for language in ("en", "zh")] + [tone_synonyms.words()])
    return blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known features of one block.

    Attributes
    ----------
    hashes
        Sorted, unique, shape (n_features,).
    idf
        ``log((1 + n_rows) / (1 + n_rows with it)) + 1``, same shape.
    starts
        Place of the first hash whose leading ``bits`` bits are at least i, shape (2 ** bits + 1,).
    """

    hashes: Hashes
    idf: Singles
    starts: Ints
    bits: int

    @classmethod
    def of(cls, hashes: Hashes, idf: Singles) -> Vocabulary:
        """Index sorted hashes by their leading bits, some four times as many buckets as hashes."""
        bits = max(4, len(hashes).bit_length() + 2)
        edges = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        return cls(hashes, idf, np.append(np.searchsorted(hashes, edges), len(hashes)), bits)

    def find(self, hashes: Hashes) -> Ints:
        """Return the column of each hash, -1 where it is not known."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, dtype=np.int64)
        bucket = (hashes >> np.uint64(64 - self.bits)).astype(np.int64)
        first, last = self.starts[bucket], self.starts[bucket + 1]
        found = np.full(len(hashes), -1, dtype=np.int64)
        open_ = np.flatnonzero(first < last)
        step = 0
        while len(open_):
            place = first[open_] + step
            hit = self.hashes[place] == hashes[open_]
            found[open_[hit]] = place[hit]
            step += 1
            open_ = open_[~hit & (place + 1 < last[open_])]
        return found

    def matrix(self, rows: Ints, columns: Ints, n_rows: int, block: str) -> Any:
        """Return occurrences (``columns`` from :meth:`find`) as a CSR matrix (n_rows, n_features) with rows of equal length.

        A value is ``(1 + log count) · idf``; in the block ``name`` every feature present is worth the same, in ``tone`` every step 0.3
        whatever else the row holds. In the block ``label`` a value is ``0.1 · (idf - 1)`` and rows keep their length: two
        words in the text that speak for a label are worth more than one.
        """
        from scipy.sparse import csr_matrix

        known = columns >= 0
        ones = np.ones(int(known.sum()), dtype=np.float32)
        matrix = csr_matrix((ones, (rows[known], columns[known])), shape=(n_rows, len(self.hashes)))
        if block == "label":
            matrix.data = (_NAMED * (self.idf[matrix.indices] - 1)).astype(np.float32)
            return matrix
        if block == "tone":
            matrix.data[:] = _TONED
            return matrix
        if block != "name":
            matrix.data = (1 + np.log(matrix.data)) * self.idf[matrix.indices]
        else:
            matrix.data[:] = 1
        owner = np.repeat(np.arange(n_rows), np.diff(matrix.indptr))
        length = np.sqrt(np.bincount(owner, weights=matrix.data.astype(np.float64) ** 2, minlength=n_rows))
        matrix.data = (matrix.data * (_LENGTHS.get(block, 1.0) / np.maximum(length, 1e-12))[owner]).astype(np.float32)
        return matrix


@dataclass(frozen=True, slots=True)
class ToneModel:
    """A fitted model.

    Attributes
    ----------
    labels
        What it tells apart, sorted.
    vocabulary
        Known features of each block.
    weights
        Of each block: logits a feature adds, shape (n_features, n_labels).
    intercept
        Shape (n_labels,).
    temperature
        Logits are divided by it before the softmax.
    kind
        What a label is in the lines: ``str``, ``int`` or ``bool``.
    blind
        The model fitted to the same rows without targets, for rows none of which has one; ``None`` where no training row had a target.
    """

    labels: tuple[str, ...]
    vocabulary: Mapping[str, Vocabulary]
    weights: Mapping[str, Singles]
    intercept: Floats
    temperature: float
    kind: str = "str"
    blind: ToneModel | None = None

    def _suited(self, rows: Sequence[Mapping[str, Any]]) -> ToneModel:
        return self if self.blind is None or any(target_of(row) for row in rows) else self.blind

    def logits(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """Return the logit of each label, shape (n_rows, n_labels)."""
        suited = self._suited(rows)
        total = np.tile(suited.intercept, (len(rows), 1))
        for part, read in features(rows):
            for block, words in suited.vocabulary.items():
                matrix = words.matrix(read.rows[block], words.find(read.hashes[block]), part.stop - part.start, block)
                total[part] += matrix @ suited.weights[block]
        return total

    def probabilities(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """Return the probability of each label, shape (n_rows, n_labels)."""
        logits = self.logits(rows) / self._suited(rows).temperature
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        scaled: Floats = raised / raised.sum(axis=1, keepdims=True)
        return scaled

    def score(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return each row's ``id`` with its most probable ``label`` and the ``probabilities`` of all labels, in order."""
        chances = self.probabilities(rows)
        best = np.argmax(chances, axis=1).tolist()
        outside = [_OUTSIDE[self.kind](label) for label in self.labels]
        found: list[dict[str, Any]] = []
        for row, place, chance in zip(rows, best, np.round(chances, 6).tolist(), strict=True):
            found.append({"id": row.get("id"), "label": outside[place], "probabilities": dict(zip(self.labels, chance, strict=True))})
        return found

    def save(self, path: str | Path) -> None:
        """Write the model as an ``.npz`` of arrays; the same model gives the same bytes."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "format": np.array(_FORMAT), "lexicon": np.array(lexicon_digest()), "labels": np.array(self.labels),
            "kind": np.array(self.kind), "blind": np.array(self.blind is not None),
        } | self._arrays("")  # fmt: skip
        if self.blind is not None:
            arrays |= self.blind._arrays("blind_")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        Path(path).write_bytes(buffer.getvalue())

    def _arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        arrays: dict[str, npt.NDArray[Any]] = {
            f"{prefix}intercept": self.intercept,
            f"{prefix}temperature": np.array(self.temperature),
        }
        for block in PARTS:
            arrays[f"{prefix}{block}_hashes"] = self.vocabulary[block].hashes
            arrays[f"{prefix}{block}_idf"] = self.vocabulary[block].idf
            arrays[f"{prefix}{block}_weights"] = self.weights[block]
        return arrays


def load(path: str | Path) -> ToneModel:
    """Read a model that :meth:`ToneModel.save` wrote; nothing in the file is executed.

    Raises
    ------
    SourceError
        When the file is not such a model, or was made with other lexicons.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["format"]) != _FORMAT:
                raise SourceError(f"{path} holds {stored['format']}, expected {_FORMAT!r}; train it again with this version.")
            if str(stored["lexicon"]) != lexicon_digest():
                raise SourceError(f"{path} was trained with other lexicons than this version has; train it again with this version.")
            model = _of(stored, "")
            return replace(model, blind=_of(stored, "blind_")) if stored["blind"] else model
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise SourceError(f"{path} is not a tone model ({error}); expected a file written by `tidings sentiment train`.") from error


def _of(stored: Mapping[str, Any], prefix: str) -> ToneModel:
    return ToneModel(
        tuple(str(label) for label in stored["labels"]),
        {block: Vocabulary.of(stored[f"{prefix}{block}_hashes"], stored[f"{prefix}{block}_idf"]) for block in PARTS},
        {block: stored[f"{prefix}{block}_weights"] for block in PARTS},
        stored[f"{prefix}intercept"],
        float(stored[f"{prefix}temperature"]),
        str(stored["kind"]),
    )
