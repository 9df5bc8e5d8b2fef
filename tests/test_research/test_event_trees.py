"""Boosted trees of evidence: a tree walked by hand, scikit-learn's own answers, the file."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from research import event_pairs
from research.data import build_event_weights as build
from research.event_grams import GROUPS
from research.event_pairs import Pair
from research.event_trees import Trees, tabled


def hand_made(bias=-1.0):
    """``headline <= 0.5`` leads to -2, else the trait of the group: at most 0.3 is 1, more is 4; a second tree is one leaf of 0.25."""
    traits = np.zeros((len(GROUPS), 1))
    traits[GROUPS.index("mna")] = 0.4
    return Trees(
        names=np.array(["headline", "said"]), traits=traits, roots=np.array([0, 5]), feature=np.array([0, 0, 2, 0, 0, 0]),
        threshold=np.array([0.5, 0.0, 0.3, 0.0, 0.0, 0.0]), children=np.array([[2, 1], [1, 1], [4, 3], [3, 3], [4, 4], [5, 5]]),
        value=np.array([0.0, -2.0, 0.0, 1.0, 4.0, 0.25]), bias=np.array(bias), depth=np.array(2),
    )  # fmt: skip


def test_a_tree_by_hand():
    rows = [("mna", {}), ("earnings", {"headline": 1.0, "unknown": 9.0}), ("mna", {"headline": 1.0}), ("mna", {"headline": 0.5})]
    assert hand_made().log_odds(rows).tolist() == [-2.75, 0.25, 3.25, -2.75]
    assert hand_made().log_odds([]).tolist() == []


def test_a_table_of_evidence():
    traits = np.arange(2.0 * len(GROUPS)).reshape(-1, 2)
    group = GROUPS[3]
    assert tabled([(group, {"b": 2.0, "c": 5.0}), (group, {})], ["a", "b"], traits).tolist() == [[0.0, 2.0, 6.0, 7.0], [0.0, 0.0, 6.0, 7.0]]


def test_planted_trees_answer_as_scikit_learn_does():
    random = np.random.default_rng(3)
    table = np.round(random.normal(size=(900, 6)), 2)
    listed = (table[:, 0] * table[:, 1] + (table[:, 5] > 0.5) + random.normal(size=900) > 0.4).astype(int)
    model = HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=7, min_samples_leaf=10, random_state=0).fit(
        table[:600], listed[:600]
    )
    found = build.planted(model, ["a", "b", "c", "d"], np.zeros((len(GROUPS), 2)))
    assert found.grown(table) == pytest.approx(model.decision_function(table), abs=1e-9)
    assert found.grown(table).std() > 0.5  # they do tell rows apart


def test_the_file_holds_arrays_and_the_same_trees_the_same_bytes(tmp_path):
    hand_made().save(tmp_path / "one.npz")
    hand_made().save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with (tmp_path / "one.npz").open("rb") as file:
        held = Trees.load(file)
    assert held.names.tolist() == ["headline", "said"] and held.log_odds([("mna", {"headline": 1.0})]).tolist() == [3.25]
    np.savez(tmp_path / "three.npz", names=np.array([{}], dtype=object))
    with (tmp_path / "three.npz").open("rb") as file, pytest.raises(ValueError, match="allow_pickle"):
        Trees.load(file)


def test_moves_have_trees_of_their_own_and_what_the_rules_select_a_step(monkeypatch):
    monkeypatch.setattr(event_pairs, "_grown", lambda kind: hand_made({"move": 2.0, "event": -1.0}[kind]))
    rows = [
        (Pair("mna", "A"), {"headline": 1.0}),
        (Pair("price_move", "B"), {"headline": 1.0}),
        (Pair("mna", "B"), {"ruled": 1.0}),
    ]
    odds = np.array([3.25, 3.25, -2.75 + event_pairs.RULED])
    assert event_pairs.likely(rows) == pytest.approx(1 / (1 + np.exp(-odds)))
    assert event_pairs.likely([]) == []
