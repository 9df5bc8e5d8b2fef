"""A trained tone: n-grams around a target, logistic regression, calibrated, stored as numbers only.

1. :func:`tokens` masks the target and cuts the text into character 1- to 3-grams (Chinese) or word 1- and 2-grams with word beginnings
   (English); the clauses that hold the target give a second, marked set.
2. :func:`train` weighs them by TF-IDF, fits a multinomial logistic regression, and scales its logits by one temperature found on
   folds that keep every text on one side.
3. :class:`ToneModel` predicts with a sparse product of its own; a stored model is an ``.npz`` of arrays, read without pickle.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from research import cleaning
from research.errors import DataError, SourceError

__all__ = ["ToneModel", "load", "tokens", "train"]

_MASK = "\ue000"
_FORMAT = "tidings tone model 1"
_CLAUSE = re.compile(
    r"[,;:。!?!?\n]+|\s-\s|\b(?:but|while|as|amid|whereas|however|although|though|despite)\b|但是?|而|不过|却|然而", re.IGNORECASE
)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:\.\d+)?%?|\ue000|[%$]")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_SPACE = re.compile(r"\s+")
_HAN = re.compile(r"[一-龥]")

Floats = npt.NDArray[np.float64]


def tokens(text: str, target: str | None = None, lang: str | None = None) -> Counter[str]:
    """Return the features of a text, seen from ``target`` if one is given.

    Features of the clauses around the target carry the prefix ``@``. ``lang`` is ``zh`` or ``en``; when omitted, Han characters decide.

    >>> sorted(t for t in tokens("Acme jumps, Bolt falls", "Acme") if t.startswith("@") and " " not in t and len(t) > 4)
    ['@jumps']
    """
    plain = _SPACE.sub(" ", cleaning.plain(text)).strip().lower()
    name = _SPACE.sub(" ", cleaning.plain(target)).strip().lower() if target else ""
    masked = plain.replace(name, f" {_MASK} " if name.isascii() else _MASK) if name else plain
    chinese = lang.startswith("zh") if lang else bool(_HAN.search(plain))
    cut = _characters if chinese else _words
    found = Counter(cut(masked))
    if name and _MASK in masked:
        for clause in _CLAUSE.split(masked):
            if _MASK in clause:
                found.update("@" + token for token in cut(clause))
    return found


def _characters(text: str) -> list[str]:
    text = _DIGITS.sub("0", text)
    return [text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)]


def _words(text: str) -> list[str]:
    words = [("0%" if word.endswith("%") else "0") if word[0].isdigit() else word for word in _WORD.findall(text)]
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    stems = [word[:4] + "*" for word in words if len(word) > 5]
    return words + pairs + stems


@dataclass(frozen=True, slots=True)
class ToneModel:
    """A fitted model.

    Attributes
    ----------
    labels
        What it tells apart, sorted.
    vocabulary
        Feature -> column.
    idf
        Inverse document frequency of each column, shape (n_features,).
    weights
        Logits a feature adds, shape (n_features, n_labels).
    intercept
        Shape (n_labels,).
    temperature
        Logits are divided by it before the softmax.
    """

    labels: tuple[str, ...]
    vocabulary: Mapping[str, int]
    idf: Floats
    weights: Floats
    intercept: Floats
    temperature: float

    def probabilities(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """Return the probability of each label, shape (n_rows, n_labels)."""
        logits = np.empty((len(rows), len(self.labels)))
        for place, row in enumerate(rows):
            index, value = _vector(_tokens_of(row, place), self.vocabulary, self.idf)
            logits[place] = self.intercept + value @ self.weights[index]
        return _softmax(logits / self.temperature)

    def score(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return each row's ``id`` with its most probable ``label`` and the ``probabilities`` of all labels, in order."""
        chances = self.probabilities(rows)
        found: list[dict[str, Any]] = []
        for row, chance in zip(rows, chances, strict=True):
            best = int(np.argmax(chance))
            shares = {label: round(float(p), 6) for label, p in zip(self.labels, chance, strict=True)}
            found.append({"id": row.get("id"), "label": self.labels[best], "probabilities": shares})
        return found

    def save(self, path: str | Path) -> None:
        """Write the model as an ``.npz`` of arrays; the same model gives the same bytes."""
        ordered = sorted(self.vocabulary, key=lambda token: self.vocabulary[token])
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            format=np.array(_FORMAT),
            labels=np.array(self.labels),
            vocabulary=np.frombuffer("\0".join(ordered).encode("utf-8", "surrogatepass"), dtype=np.uint8),
            idf=self.idf,
            weights=self.weights,
            intercept=self.intercept,
            temperature=np.array(self.temperature),
        )
        Path(path).write_bytes(buffer.getvalue())


def load(path: str | Path) -> ToneModel:
    """Read a model that :meth:`ToneModel.save` wrote; nothing in the file is executed.

    Raises
    ------
    SourceError
        When the file is not such a model.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["format"]) != _FORMAT:
                raise SourceError(f"{path} holds {stored['format']}, expected {_FORMAT!r}; train it again with this version.")
            words = bytes(stored["vocabulary"]).decode("utf-8", "surrogatepass").split("\0")
            return ToneModel(
                tuple(str(label) for label in stored["labels"]),
                {word: place for place, word in enumerate(words)},
                stored["idf"], stored["weights"], stored["intercept"], float(stored["temperature"]),
            )  # fmt: skip
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise SourceError(f"{path} is not a tone model ({error}); expected a file written by `tidings sentiment train`.") from error


def train(rows: Sequence[Mapping[str, Any]], seed: int, *, penalty: float = 8.0, min_count: int = 2) -> ToneModel:
    """Fit a model to labelled rows.

    Parameters
    ----------
    rows
        Mappings with ``text`` and ``label``; ``target`` and ``lang`` where known. Any set of two or more labels.
    seed
        Orders the folds of the calibration.
    penalty
        Inverse strength of the L2 penalty.
    min_count
        Features in fewer texts are left out.

    Raises
    ------
    DataError
        When a row has no text or label, or all labels are equal.
    """
    if not rows:
        raise DataError("No rows came to train on; expected lines with text and label.")
    counts = [_tokens_of(row, place) for place, row in enumerate(rows)]
    for place, row in enumerate(rows):
        if row.get("label") is None:
            raise DataError(f"Row {place} (id {row.get('id')!r}) has no label; expected one in every line to train on.")
    named = [str(row["label"]) for row in rows]
    labels = tuple(sorted(set(named)))
    if len(labels) < 2:
        raise DataError(f"All {len(rows)} rows carry the label {labels[0]!r}; expected at least two labels.")
    classes = np.array([labels.index(label) for label in named])
    seen = Counter(token for count in counts for token in count)
    least = min_count if len(rows) >= 50 else 1
    kept = sorted(token for token, n in seen.items() if n >= least)
    vocabulary = {token: place for place, token in enumerate(kept)}
    idf = np.array([math.log((1 + len(rows)) / (1 + seen[token])) + 1 for token in kept])
    matrix = _matrix(counts, vocabulary, idf)
    weights, intercept = _fit(matrix, classes, len(labels), penalty)
    temperature = _temperature(matrix, classes, len(labels), penalty, [str(row["text"]) for row in rows], seed)
    return ToneModel(labels, vocabulary, idf, weights, intercept, temperature)


def _tokens_of(row: Mapping[str, Any], place: int) -> Counter[str]:
    text = row.get("text")
    if not isinstance(text, str):
        raise DataError(f"Row {place} (id {row.get('id')!r}) has the text {text!r}; expected a string.")
    return tokens(text, row.get("target"), row.get("lang"))


def _vector(count: Counter[str], vocabulary: Mapping[str, int], idf: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return (columns, values): sublinear TF-IDF, the tokens of the whole text and those of the target's clauses each of length 1."""
    parts: list[tuple[int, float, bool]] = []
    for token in sorted(count):
        column = vocabulary.get(token)
        if column is not None:
            parts.append((column, (1 + math.log(count[token])) * idf[column], token.startswith("@")))
    index = np.array([p[0] for p in parts], dtype=np.int64)
    value = np.array([p[1] for p in parts], dtype=np.float64)
    near = np.array([p[2] for p in parts], dtype=bool)
    for mask in (near, ~near):
        length = float(np.sqrt(np.sum(value[mask] ** 2)))
        if length:
            value[mask] /= length
    return index, value


def _matrix(counts: Sequence[Counter[str]], vocabulary: Mapping[str, int], idf: Floats) -> Any:
    from scipy.sparse import csr_matrix

    vectors = [_vector(count, vocabulary, idf) for count in counts]
    ends = np.cumsum([0] + [len(index) for index, _ in vectors])
    columns = np.concatenate([index for index, _ in vectors])
    values = np.concatenate([value for _, value in vectors])
    return csr_matrix((values, columns, ends), shape=(len(counts), len(vocabulary)))


def _fit(matrix: Any, classes: npt.NDArray[np.int64], n_labels: int, penalty: float) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=penalty, max_iter=400, tol=1e-4)
    model.fit(matrix, classes)
    weights = np.zeros((matrix.shape[1], n_labels))
    intercept = np.full(n_labels, -1e3)
    if len(model.classes_) == 2:
        # The two-class form keeps one row: the logit of the second class against zero.
        first, second = model.classes_
        intercept[first] = 0.0
        weights[:, second], intercept[second] = model.coef_[0], model.intercept_[0]
    else:
        weights[:, model.classes_], intercept[model.classes_] = model.coef_.T, model.intercept_
    return weights, intercept


def _temperature(matrix: Any, classes: npt.NDArray[np.int64], n_labels: int, penalty: float, texts: Sequence[str], seed: int) -> float:
    """Return the temperature that minimises the log loss of out-of-fold logits; 1 when there is too little to tell."""
    from scipy.optimize import minimize_scalar

    unique = sorted(set(texts))
    if len(unique) < 50:
        return 1.0
    order = np.random.default_rng(seed).permutation(len(unique))
    fold_of = {text: int(place) % 3 for text, place in zip(unique, order, strict=True)}
    folds = np.array([fold_of[text] for text in texts])
    logits = np.empty((len(texts), n_labels))
    for fold in range(3):
        rest = folds != fold
        if len(set(classes[rest].tolist())) < 2:
            return 1.0
        weights, intercept = _fit(matrix[rest], classes[rest], n_labels, penalty)
        logits[~rest] = matrix[~rest] @ weights + intercept

    def loss(log_temperature: float) -> float:
        chance = _softmax(logits / math.exp(log_temperature))[np.arange(len(classes)), classes]
        return float(-np.mean(np.log(np.maximum(chance, 1e-12))))

    found = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    return float(math.exp(found.x))


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: Floats = raised / raised.sum(axis=1, keepdims=True)
    return scaled
