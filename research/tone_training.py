"""Fit a :class:`research.tone_model.ToneModel` to labelled rows.

1. Features in at least two rows make the vocabulary.
2. Two linear machines are fitted one label against the rest, classes weighted to equal mass: a support vector machine, and one on
   features scaled by their log-count ratio (Wang and Manning, 2012, "Baselines and bigrams"). Both are linear in the same features,
   so their mean is one linear model.
3. Folds that keep every text on one side give logits the machines have not seen. From these come one offset a label, where it lifts the
   macro-F1 by more than chance would, and the temperature that makes the probabilities honest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from research.errors import DataError
from research.tone_features import BLOCKS, features
from research.tone_model import ToneModel, Vocabulary

__all__ = ["train"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: fewer texts say too little about offsets and temperature
_LEAST_TEXTS = 50
_FOLDS = 4
#: logit of a label no training row of a fold carries
_NEVER = -4.0


def train(rows: Sequence[Mapping[str, Any]], seed: int, *, penalty: float = 0.5, min_count: int = 2) -> ToneModel:
    """Fit a model to labelled rows.

    Parameters
    ----------
    rows
        Mappings with ``text`` and ``label``; ``target`` and ``lang`` where known. Any set of two or more labels.
    seed
        Orders the folds and the passes of the solver; the same rows and seed give the same model.
    penalty
        Inverse strength of the L2 penalty of both machines.
    min_count
        Features in fewer rows are left out (not below 50 rows).

    Raises
    ------
    DataError
        When a row has no text or label, or all labels are equal.
    """
    if not rows:
        raise DataError("No rows came to train on; expected lines with text and label.")
    for place, row in enumerate(rows):
        if row.get("label") is None:
            raise DataError(f"Row {place} (id {row.get('id')!r}) has no label; expected one in every line to train on.")
        if not isinstance(row.get("text"), str):
            raise DataError(f"Row {place} (id {row.get('id')!r}) has the text {row.get('text')!r}; expected a string.")
    named = [str(row["label"]) for row in rows]
    labels = tuple(sorted(set(named)))
    if len(labels) < 2:
        raise DataError(f"All {len(rows)} rows carry the label {labels[0]!r}; expected at least two labels.")
    place_of = {label: place for place, label in enumerate(labels)}
    classes = np.array([place_of[label] for label in named], dtype=np.int64)
    vocabulary, matrix = _read(rows, min_count if len(rows) >= _LEAST_TEXTS else 1)
    weights, intercept = _fit(matrix, classes, len(labels), penalty, seed)
    temperature = 1.0
    texts = [str(row["text"]) for row in rows]
    if len(set(texts)) >= _LEAST_TEXTS:
        logits = _unseen(matrix, classes, len(labels), penalty, _folds(texts, classes, seed), seed)
        offsets = _offsets(logits, classes)
        intercept += offsets
        temperature = _temperature(logits + offsets, classes)
    ends = np.cumsum([0] + [len(vocabulary[block].hashes) for block in BLOCKS])
    parts = {block: weights[ends[i] : ends[i + 1]].astype(np.float32) for i, block in enumerate(BLOCKS)}
    return ToneModel(labels, vocabulary, parts, intercept, temperature)


def _read(rows: Sequence[Mapping[str, Any]], least: int) -> tuple[dict[str, Vocabulary], Any]:
    """Return the vocabulary and the matrix (n_rows, n_features), block beside block."""
    from scipy.sparse import csr_matrix, hstack

    gathered: dict[str, list[tuple[Ints, npt.NDArray[np.uint64], Ints]]] = {block: [] for block in BLOCKS}
    for part, read in features(rows):
        for block in BLOCKS:
            # Counted within the batch already: long texts repeat themselves.
            unique, which = np.unique(read.hashes[block], return_inverse=True)
            counts = csr_matrix(
                (np.ones(len(which), dtype=np.int64), (read.rows[block], which)), shape=(part.stop - part.start, len(unique))
            )
            owner = np.repeat(np.arange(part.start, part.stop), np.diff(counts.indptr))
            gathered[block].append((owner, unique[counts.indices], counts.data))
    vocabulary, matrices = {}, []
    for block in BLOCKS:
        owner, hashes, times = (np.concatenate(column) for column in zip(*gathered.pop(block), strict=True))
        unique, seen = np.unique(hashes, return_counts=True)
        kept = seen >= least
        idf = (np.log((1 + len(rows)) / (1 + seen[kept])) + 1).astype(np.float32)
        vocabulary[block] = Vocabulary.of(unique[kept], idf)
        columns = np.repeat(vocabulary[block].find(hashes), times)
        matrices.append(vocabulary[block].matrix(np.repeat(owner, times), columns, len(rows), block))
    return vocabulary, hstack(matrices, format="csr", dtype=np.float32)


def _fit(matrix: Any, classes: Ints, n_labels: int, penalty: float, seed: int) -> tuple[Floats, Floats]:
    """Return weights (n_features, n_labels) and intercept (n_labels,) of the mean of both machines; two labels need one column."""
    from sklearn.svm import LinearSVC

    weights, intercept = np.zeros((matrix.shape[1], n_labels)), np.zeros(n_labels)
    for label in range(1 if n_labels == 2 else 0, n_labels):
        mine = classes == label
        if mine.all() or not mine.any():
            intercept[label] = -_NEVER if mine.all() else _NEVER
            continue
        ratio = _log_count_ratio(matrix, mine)
        for scale in (None, ratio):
            machine = LinearSVC(C=penalty, class_weight="balanced", max_iter=5_000, random_state=seed)
            machine.fit(matrix if scale is None else matrix.multiply(scale[None, :]).tocsr(), mine)
            weights[:, label] += machine.coef_[0] * (1.0 if scale is None else scale) / 2
            intercept[label] += float(machine.intercept_[0]) / 2
    return weights, intercept


def _log_count_ratio(matrix: Any, mine: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return ``log(p / sum(p)) - log(q / sum(q))``: p, q the column sums inside and outside the class, plus 1."""
    inside = np.asarray(matrix[mine].sum(axis=0), dtype=np.float64).ravel() + 1
    outside = np.asarray(matrix[~mine].sum(axis=0), dtype=np.float64).ravel() + 1
    ratio: npt.NDArray[np.float32] = np.log((inside / inside.sum()) / (outside / outside.sum())).astype(np.float32)
    return ratio


def _folds(texts: Sequence[str], classes: Ints, seed: int) -> Ints:
    """Return a fold for each row: equal texts together, the rarest labels spread evenly."""
    share = np.bincount(classes)[classes]
    rarest: dict[str, int] = {}
    for text, count in zip(texts, share.tolist(), strict=True):
        rarest[text] = min(count, rarest.get(text, count))
    unique = sorted(rarest)
    shuffled = [unique[place] for place in np.random.default_rng(seed).permutation(len(unique))]
    shuffled.sort(key=lambda text: rarest[text])
    fold_of = {text: place % _FOLDS for place, text in enumerate(shuffled)}
    return np.array([fold_of[text] for text in texts], dtype=np.int64)


def _unseen(matrix: Any, classes: Ints, n_labels: int, penalty: float, folds: Ints, seed: int) -> Floats:
    """Return the logits of each row by machines that have not seen its text."""
    logits = np.empty((len(classes), n_labels))
    for fold in range(_FOLDS):
        held = folds == fold
        weights, intercept = _fit(matrix[~held], classes[~held], n_labels, penalty, seed)
        logits[held] = matrix[held] @ weights + intercept
    return logits


def _offsets(logits: Floats, classes: Ints) -> Floats:
    """Return one offset a label by coordinate ascent, rarest first, on a macro-F1 that a few lucky rows cannot lift.

    Each F1 is ``2 tp / (n_true + n_said + 4)``: the 4 keeps a label of a handful of rows from being chased. Offsets of common labels stay
    0 unless they gain more than they cost (0.004 a standard deviation of the logits).
    """
    n_labels = logits.shape[1]
    offsets = np.zeros(n_labels)
    scale = float(logits.std())
    if scale == 0:
        return offsets
    true = np.bincount(classes, minlength=n_labels)
    steps = np.linspace(-1, 2, 31) * scale
    for _ in range(2):
        for label in np.argsort(true, kind="stable").tolist():
            moved = logits + offsets
            moved[:, label] = -np.inf
            rival, strength = moved.argmax(axis=1), moved.max(axis=1)
            gains = []
            for step in steps.tolist():
                said = np.where(logits[:, label] + step > strength, label, rival)
                hit = np.bincount(classes[said == classes], minlength=n_labels)
                gains.append(float(np.mean(2 * hit / (true + np.bincount(said, minlength=n_labels) + 4))) - 0.004 * abs(step) / scale)
            offsets[label] = steps[int(np.argmax(gains))]
    return offsets


def _temperature(logits: Floats, classes: Ints) -> float:
    """Return the temperature that minimises the log loss."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        scaled = logits / math.exp(log_temperature)
        most = scaled.max(axis=1)
        total = most + np.log(np.exp(scaled - most[:, None]).sum(axis=1))
        return float(np.mean(total - scaled[np.arange(len(classes)), classes]))

    return math.exp(float(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))
