"""Mixing, offsets and temperature against direct formulas and answers known beforehand."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from research.tone_mixing import mixture, offsets, temperature


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def drawn(seed, n=4_000, weights=(2.0, 0.5), bias=(0.0, 0.4, -1.0)):
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(n, 3, 2))
    chances = softmax(parts @ np.array(weights) + np.array(bias))
    classes = np.array([rng.choice(3, p=chance) for chance in chances])
    return parts, classes


def test_mixture_finds_the_weights_that_drew_the_labels():
    parts, classes = drawn(1)
    weights, bias = mixture(parts, classes)
    assert np.allclose(weights, [2.0, 0.5], atol=0.15)
    # A row counts 1 / sqrt(n): that takes half the log of a label's share from its bias.
    share = np.bincount(classes) / len(classes)
    assert np.allclose(np.diff(bias), np.diff(np.array([0.0, 0.4, -1.0]) - np.log(share) / 2), atol=0.15)


def test_mixture_of_two_labels_is_a_logistic_regression():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 2))
    classes = np.repeat([0, 1], 250)
    x[classes == 1] += [0.8, 0.3]
    parts = np.stack([np.zeros_like(x), x], axis=1)
    weights, bias = mixture(parts, classes)
    other = LogisticRegression(C=100.0).fit(x, classes)
    assert np.allclose(weights, other.coef_[0], atol=0.02)
    assert abs((bias[1] - bias[0]) - other.intercept_[0]) < 0.02


def test_a_useless_machine_is_left_out():
    parts, classes = drawn(3, weights=(2.0, 0.0))
    weights, _ = mixture(parts, classes)
    assert abs(weights[1]) < 0.1


def test_offsets_lift_the_macro_f1_of_a_label_that_is_never_said():
    rng = np.random.default_rng(4)
    classes = np.repeat([0, 1, 2], [600, 600, 60])
    logits = rng.normal(scale=0.3, size=(1260, 3)) + np.eye(3)[classes]
    logits[:, 2] -= 1.5
    moved = offsets(logits, classes)
    before, after = (f1_score(classes, found.argmax(axis=1), average="macro") for found in (logits, logits + moved))
    assert moved[2] > 0
    assert after > before + 0.2


def test_offsets_of_equal_logits_are_none():
    assert offsets(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])).tolist() == [0.0, 0.0, 0.0]


def test_temperature_undoes_a_scale():
    rng = np.random.default_rng(5)
    logits = rng.normal(scale=2.0, size=(6_000, 3))
    classes = np.array([rng.choice(3, p=chance) for chance in softmax(logits)])
    assert abs(temperature(logits * 4, classes) - 4) < 0.3
