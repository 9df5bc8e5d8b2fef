"""How the machines of a tone model are mixed, from logits of rows none of them has seen."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["mixture", "offsets", "temperature"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: labels of fewer rows are not moved
_LEAST_ROWS = 50
#: L2 penalties of the machines' weights and of the labels' biases
_WEIGHTS, _BIASES = 0.01, 1.0


def mixture(parts: Floats, classes: Ints) -> tuple[Floats, Floats]:
    """Return one weight a machine and one bias a label.

    They maximise the likelihood of the labels under the softmax of ``parts @ weights + biases``. A row counts ``1 / sqrt(n)`` with n the
    rows of its label, half way between rows and labels being of equal worth. Sharing the weights among the labels keeps a label of a
    handful of rows from being fitted to them.

    Parameters
    ----------
    parts
        Logits by each machine, shape (n_rows, n_labels, n_machines).
    classes
        Place of each row's label, shape (n_rows,).
    """
    from scipy.optimize import minimize

    _, n_labels, n_machines = parts.shape
    rows = np.arange(len(classes))
    worth = np.bincount(classes, minlength=n_labels)[classes] ** -0.5
    worth *= len(worth) / worth.sum()

    def loss(values: Floats) -> tuple[float, Floats]:
        weights, biases = values[:n_machines], values[n_machines:]
        logits = parts @ weights + biases
        logits -= logits.max(axis=1, keepdims=True)
        raised = np.exp(logits)
        total = raised.sum(axis=1)
        missed = raised * (worth / total)[:, None]
        missed[rows, classes] -= worth
        value = float(worth @ (np.log(total) - logits[rows, classes]) + _BIASES * biases @ biases / 2 + _WEIGHTS * weights @ weights / 2)
        slope = np.concatenate([np.einsum("nl,nlk->k", missed, parts) + _WEIGHTS * weights, missed.sum(axis=0) + _BIASES * biases])
        return value, slope

    start = np.concatenate([np.ones(n_machines), np.zeros(n_labels)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found[:n_machines], found[n_machines:]


def offsets(logits: Floats, classes: Ints) -> Floats:
    """Return one offset a label by coordinate ascent, rarest first, on a macro-F1 that a few lucky rows cannot lift.

    Each F1 is ``2 tp / (n_true + n_said + 4)``: the 4 keeps a label of a handful of rows from being chased. Offsets of common labels stay
    0 unless they gain more than they cost (0.004 a standard deviation of the logits); those of labels of fewer than 50 rows stay 0.
    """
    n_labels = logits.shape[1]
    found = np.zeros(n_labels)
    scale = float(logits.std())
    if scale == 0:
        return found
    true = np.bincount(classes, minlength=n_labels)
    steps = np.linspace(-1, 2, 31) * scale
    for _ in range(2):
        for label in np.argsort(true, kind="stable").tolist():
            if true[label] < _LEAST_ROWS:
                continue
            moved = logits + found
            moved[:, label] = -np.inf
            rival, strength = moved.argmax(axis=1), moved.max(axis=1)
            gains = []
            for step in steps.tolist():
                said = np.where(logits[:, label] + step > strength, label, rival)
                hit = np.bincount(classes[said == classes], minlength=n_labels)
                gains.append(float(np.mean(2 * hit / (true + np.bincount(said, minlength=n_labels) + 4))) - 0.004 * abs(step) / scale)
            found[label] = steps[int(np.argmax(gains))]
    return found


def temperature(logits: Floats, classes: Ints) -> float:
    """Return the temperature that minimises the log loss."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        scaled = logits / math.exp(log_temperature)
        most = scaled.max(axis=1)
        total = most + np.log(np.exp(scaled - most[:, None]).sum(axis=1))
        return float(np.mean(total - scaled[np.arange(len(classes)), classes]))

    return math.exp(float(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))
