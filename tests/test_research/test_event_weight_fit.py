"""The fit of the event weights: what two readers list, by hand; the fit against the classes it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from research.data import build_event_weights as build

ROW = {
    "entities": [{"symbol": "A", "alt_symbols": ["A.HK"]}, {"symbol": None, "name": "甲"}],
    "events": [{"type": "earnings", "subject": "A", "evidence": ""}, {"type": "mna", "subject": "甲", "evidence": ""}],
    "second": [{"type": "earnings", "subject": "A.HK", "evidence": ""}, {"type": "buyback", "subject": "A", "evidence": ""}],
}


def labelled(row):
    return build.Labelled({}, [], {}, sparse.csr_matrix((0, 1)), np.zeros((0, 1), dtype=bool), build._readings(row))


def test_share_of_the_readers():
    both = labelled(ROW)
    assert both.share("earnings", "A") == both.share("earnings", "A.HK") == 1.0  # two listings of one company
    assert both.share("buyback", "A") == both.share("mna", None) == 0.5
    assert both.share("mna", "A") == both.share("earnings", None) == 0.0
    assert labelled({**ROW, "second": None}).share("mna", None) == 1.0  # one reader decides alone


def test_shares_are_that_much_of_both_classes():
    values = np.random.default_rng(7).normal(size=(60, 2))
    shares = np.where(values[:, 0] > 0.4, 1.0, np.where(values[:, 0] > -0.4, 0.5, 0.0))
    found = build._fitted([{"one": a, "two": b, "ruled": 1.0} for a, b in values], shares, 0.5)
    # the slow way: twice each row, once in each class where the readers differ
    rows = np.concatenate([values, values]) / values.std(axis=0)
    classes = np.concatenate([shares > 0.0, shares > 0.5])
    model = LogisticRegression(C=0.25, max_iter=5000).fit(rows, classes)
    assert found["one"] == pytest.approx(model.coef_[0][0] / values[:, 0].std(), abs=2e-3)
    assert found["two"] == pytest.approx(model.coef_[0][1] / values[:, 1].std(), abs=2e-3)
    assert found["bias"] == pytest.approx(model.intercept_[0], abs=2e-3)
    assert "ruled" not in found  # its step is fixed, not fitted


def test_what_no_wording_says_and_no_rule_selects_is_worth_less():
    stepped = build._stepped({"bias": 0.25, "worded": 0.125, "gram": 1.0, "none": 0.000001})
    plain, worded = stepped["bias"], stepped["bias"] + stepped["worded"]
    assert plain == pytest.approx(0.25 - build._WORDED)
    assert worded == pytest.approx(0.25 + 0.125)  # a wording stands where the fit put it
    assert worded + stepped["ruled"] == pytest.approx(0.375 + build._RULED)
    assert stepped["gram"] == 1.0 and "none" not in stepped


def test_rare_grams_weigh_more():
    times = [9, 9, 6, 1]
    table = sparse.csr_matrix(np.array([[float(row < n) for n in times] for row in range(9)]))
    inverse = [np.log(10 / (n + 1)) + 1 for n in times]
    usual = (inverse[0] + inverse[1] + inverse[2]) / 3  # in more than five sentences
    assert build._rarity([table]) == pytest.approx([np.sqrt(one / usual) for one in inverse])
