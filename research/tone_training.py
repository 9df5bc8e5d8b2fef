"""Fit a :class:`research.tone_model.ToneModel` to labelled rows.

1. Features in at least two rows make the vocabulary.
2. Two linear machines are fitted one label against the rest, classes weighted to equal mass: a support vector machine, and one on
   features scaled by their log-count ratio (Wang and Manning, 2012, "Baselines and bigrams").
3. A rare label is known by its name before it is known by its rows: a third machine says how much of a label's own name stands in the
   text, a fourth how many words of the same kind of event (:mod:`research.tone_synonyms`), the less the more rows the label has.
4. Folds that keep every text on one side give logits the machines have not seen. :func:`research.tone_mixing.mixture` learns from them
   one weight a machine, equal for all labels, and one bias a label; :func:`research.tone_mixing.offsets` moves a label's logits where
   that lifts the macro-F1 by more than chance would; :func:`research.tone_mixing.temperature` makes the probabilities honest. A label of
   one row is in no fold's rows when it is asked for: it is not said.
5. Where rows have targets, all of it is done again without them: the model's blind twin scores lines that name no target.

All of it is linear in the same features, so the mixture is one linear model. Fewer than 50 texts say too little for step 4: the mean of
the two machines stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from research.errors import DataError
from research.tone_features import BLOCKS, PARTS, features, name_units, synonym_units
from research.tone_lines import check, label_of, target_of
from research.tone_mixing import mixture, offsets, temperature
from research.tone_model import ToneModel, Vocabulary

__all__ = ["CALIBRATED_FROM", "train"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: fewer texts say too little about offsets and temperature
CALIBRATED_FROM = 50
_FOLDS = 4
#: logit of a label no training row of a fold carries
_NEVER = -4.0
#: bias of a label of one row
_UNSAID = -1e3
#: rows of a label at which its synonyms are worth half
_KNOWN = 300


def train(rows: Sequence[Mapping[str, Any]], seed: int, *, penalty: float = 1.0, min_count: int = 2) -> ToneModel:
    """Fit a model to labelled rows.

    Parameters
    ----------
    rows
        Mappings with ``text`` and ``label``; ``target`` and ``lang`` where known. Any set of two or more labels: strings, whole numbers or
        truth values.
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
    check(rows)
    named = [label_of(row, place) for place, row in enumerate(rows)]
    labels = tuple(sorted(set(named)))
    if len(labels) < 2:
        raise DataError(f"All {len(rows)} rows carry the label {labels[0]!r}; expected at least two labels.")
    place_of = {label: place for place, label in enumerate(labels)}
    classes = np.array([place_of[label] for label in named], dtype=np.int64)
    kinds = {type(row["label"]) for row in rows}
    kind = next(iter(kinds)).__name__ if kinds in ({int}, {bool}) else "str"
    model = replace(_model(rows, labels, classes, seed, penalty, min_count), kind=kind)
    if not any(map(target_of, rows)):
        return model
    texts = [{"text": row["text"], "lang": row.get("lang")} for row in rows]
    return replace(model, blind=replace(_model(texts, labels, classes, seed, penalty, min_count), kind=kind))


def _model(
    rows: Sequence[Mapping[str, Any]], labels: tuple[str, ...], classes: Ints, seed: int, penalty: float, min_count: int
) -> ToneModel:
    """Return the model of step 1 to 4; ``classes`` (n_rows,) are places in ``labels``."""
    from scipy.sparse import hstack

    vocabulary, matrices = _read(rows, labels, min_count if len(rows) >= CALIBRATED_FROM else 1)
    matrix = hstack([matrices[block] for block in BLOCKS], format="csr", dtype=np.float32)
    weights, intercept = _fit(matrix, classes, len(labels), penalty, seed)
    times = np.bincount(classes, minlength=len(labels))
    by_name = _speaking([name_units(label) for label in labels], vocabulary["label"])
    by_synonym = _speaking([synonym_units(label) for label in labels], vocabulary["label"]) / (1 + times / _KNOWN)
    texts = [str(row["text"]) for row in rows]
    worth, bias, heat = np.array([0.5, 0.5, 0.0, 0.0]), np.zeros(len(labels)), 1.0
    if len(set(texts)) >= CALIBRATED_FROM:
        parts = np.empty((len(rows), len(labels), 4))
        parts[:, :, :2] = _unseen(matrix, classes, len(labels), penalty, _folds(texts, classes, seed), seed)
        parts[:, :, 2] = matrices["label"] @ by_name
        parts[:, :, 3] = matrices["label"] @ by_synonym
        worth, bias = mixture(parts, classes)
        logits = parts @ worth + bias
        moved = offsets(logits, classes)
        bias += moved
        heat = temperature(logits + moved, classes)
        bias[times < 2] = _UNSAID
    ends = np.cumsum([0] + [len(vocabulary[block].hashes) for block in BLOCKS])
    mixed = worth[0] * weights[0] + worth[1] * weights[1]
    blocks = {block: mixed[ends[i] : ends[i + 1]].astype(np.float32) for i, block in enumerate(BLOCKS)}
    blocks["label"] = (worth[2] * by_name + worth[3] * by_synonym).astype(np.float32)
    return ToneModel(labels, vocabulary, blocks, worth[:2] @ intercept + bias, heat)


def _speaking(units: Sequence[npt.NDArray[np.uint64]], words: Vocabulary) -> Floats:
    """Return weights (n_units, n_labels): 1 for a unit that speaks for the label, less where it speaks for several."""
    weights = np.zeros((len(words.hashes), len(units)))
    for place, mine in enumerate(units):
        found = words.find(mine)
        weights[found[found >= 0], place] = 1
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1)
    return weights


def _read(rows: Sequence[Mapping[str, Any]], labels: Sequence[str], least: int) -> tuple[dict[str, Vocabulary], dict[str, Any]]:
    """Return the vocabulary and the matrix (n_rows, n_features) of each part of the model."""
    from scipy.sparse import csr_matrix

    gathered: dict[str, list[tuple[Ints, npt.NDArray[np.uint64], Ints]]] = {block: [] for block in PARTS}
    for part, read in features(rows):
        for block in PARTS:
            # Counted within the batch already: long texts repeat themselves.
            unique, which = np.unique(read.hashes[block], return_inverse=True)
            counts = csr_matrix(
                (np.ones(len(which), dtype=np.int64), (read.rows[block], which)), shape=(part.stop - part.start, len(unique))
            )
            owner = np.repeat(np.arange(part.start, part.stop), np.diff(counts.indptr))
            gathered[block].append((owner, unique[counts.indices], counts.data))
    vocabulary: dict[str, Vocabulary] = {}
    matrices: dict[str, Any] = {}
    of_labels = np.unique(np.concatenate([units(label) for label in labels for units in (name_units, synonym_units)]))
    for block in PARTS:
        owner, hashes, times = (np.concatenate(column) for column in zip(*gathered.pop(block), strict=True))
        if block == "label":
            named = np.isin(hashes, of_labels)
            owner, hashes, times = owner[named], hashes[named], times[named]
        # A label's name and its synonyms are known without being seen.
        given = of_labels if block == "label" else of_labels[:0]
        unique, seen = np.unique(np.concatenate([hashes, given]), return_counts=True)
        seen -= np.isin(unique, given)
        kept = (seen >= least) | np.isin(unique, given)
        idf = (np.log((1 + len(rows)) / (1 + seen[kept])) + 1).astype(np.float32)
        vocabulary[block] = Vocabulary.of(unique[kept], idf)
        columns = np.repeat(vocabulary[block].find(hashes), times)
        matrices[block] = vocabulary[block].matrix(np.repeat(owner, times), columns, len(rows), block)
    return vocabulary, matrices


def _fit(matrix: Any, classes: Ints, n_labels: int, penalty: float, seed: int) -> tuple[Floats, Floats]:
    """Return weights (2, n_features, n_labels) and intercepts (2, n_labels) of the two machines; two labels need one column."""
    from sklearn.svm import LinearSVC

    weights, intercept = np.zeros((2, matrix.shape[1], n_labels)), np.zeros((2, n_labels))
    for label in range(1 if n_labels == 2 else 0, n_labels):
        mine = classes == label
        if mine.all() or not mine.any():
            intercept[:, label] = -_NEVER if mine.all() else _NEVER
            continue
        for which, scale in enumerate((None, _log_count_ratio(matrix, mine))):
            machine = LinearSVC(C=penalty, class_weight="balanced", max_iter=5_000, random_state=seed)
            machine.fit(matrix if scale is None else matrix.multiply(scale[None, :]).tocsr(), mine)
            weights[which, :, label] = machine.coef_[0] * (1.0 if scale is None else scale)
            intercept[which, label] = float(machine.intercept_[0])
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
    """Return the logits (n_rows, n_labels, 2) of each row by machines that have not seen its text."""
    logits = np.empty((len(classes), n_labels, 2))
    for fold in range(_FOLDS):
        held = folds == fold
        weights, intercept = _fit(matrix[~held], classes[~held], n_labels, penalty, seed)
        for which in (0, 1):
            logits[held, :, which] = matrix[held] @ weights[which] + intercept[which]
    return logits
