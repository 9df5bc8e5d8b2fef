"""The fit of the event weights: what two readers list, by hand; trees against the shares they are grown on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from research.data import build_event_weights as build
from research.event_grams import GROUPS

ROW = {
    "entities": [{"symbol": "A", "alt_symbols": ["A.HK"]}, {"symbol": None, "name": "甲"}],
    "events": [{"type": "earnings", "subject": "A", "evidence": ""}, {"type": "mna", "subject": "甲", "evidence": ""}],
    "second": [{"type": "earnings", "subject": "A.HK", "evidence": ""}, {"type": "buyback", "subject": "A", "evidence": ""}],
}


def labelled(row):
    return build.Labelled({}, [], {}, sparse.csr_matrix((0, 1)), np.zeros((0, 1), dtype=bool), build._readings(row), {})


def test_share_of_the_readers():
    both = labelled(ROW)
    assert both.share("earnings", "A") == both.share("earnings", "A.HK") == 1.0  # two listings of one company
    assert both.share("buyback", "A") == both.share("mna", None) == 0.5
    assert both.share("mna", "A") == both.share("earnings", None) == 0.0
    assert labelled({**ROW, "second": None}).share("mna", None) == 1.0  # one reader decides alone


def test_shares_are_that_much_of_both_classes():
    values = np.random.default_rng(7).normal(size=(400, 2))
    shares = np.where(values[:, 0] > 0.4, 1.0, np.where(values[:, 0] > -0.4, 0.5, 0.0))
    traits = np.zeros((len(GROUPS), 2))
    found = build.grown([("mna", {"one": a, "two": b}) for a, b in values], shares, traits)
    odds = found.log_odds([("mna", {"one": a}) for a in (-1.0, 0.0, 1.0)])
    # 1 / (1 + exp(-odds)) is the share itself, pulled a little to the middle by the penalty on leaves
    assert 1 / (1 + np.exp(-odds)) == pytest.approx([0.0, 0.5, 1.0], abs=0.06)


def test_the_same_shares_grow_the_same_trees(tmp_path):
    values = np.random.default_rng(3).normal(size=(300, 3))
    rows, shares = [("mna", {"one": a, "two": b, "three": c}) for a, b, c in values], (values[:, 0] > values[:, 1]).astype(float)
    for name in ("one", "two"):
        build.grown(rows, shares, np.zeros((len(GROUPS), 2))).save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_traits_of_a_group():
    mna, earnings = GROUPS.index("mna"), GROUPS.index("earnings")
    found = build._traits([(mna, True, 1.0), (mna, False, 0.5), (mna, False, 0.0), (earnings, False, 1.0)])
    assert found[mna].tolist() == [(1.5 + 1) / (3 + 4), (1.0 + 1) / (1.5 + 4)]
    assert found[earnings].tolist() == [(1.0 + 1) / (1 + 4), 1 / (1.0 + 4)]
    assert found[GROUPS.index("buyback")].tolist() == [0.25, 0.25]


def test_rare_grams_weigh_more():
    times = [9, 9, 6, 1]
    table = sparse.csr_matrix(np.array([[float(row < n) for n in times] for row in range(9)]))
    inverse = [np.log(10 / (n + 1)) + 1 for n in times]
    usual = (inverse[0] + inverse[1] + inverse[2]) / 3  # in more than five sentences
    assert build._rarity([table]) == pytest.approx([np.sqrt(one / usual) for one in inverse])
