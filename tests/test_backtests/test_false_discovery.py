from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from backtests.false_discovery import null_share, storey
from backtests.multiple_testing import benjamini_hochberg, benjamini_yekutieli
from research.errors import UsageError

P = np.array([0.001, 0.8, 0.02, 0.3, 0.004, 0.6, 0.049, 0.01])


def test_by_hand():
    # two of eight above 0.5: (1 + 2) / (8 × 0.5)
    assert null_share(P) == 0.75
    assert storey(P) == pytest.approx(0.75 * false_discovery_control(P))


def test_the_other_two_are_scipy_s():
    assert benjamini_hochberg(P) == pytest.approx(false_discovery_control(P))
    assert benjamini_yekutieli(P) == pytest.approx(false_discovery_control(P, method="by"))


def test_true_nulls_are_all_of_them_and_holes_are_none():
    uniform = np.random.default_rng(0).random(4000)
    assert null_share(uniform) == pytest.approx(1.0, abs=0.05)
    holed = np.append(P, np.nan)
    assert null_share(holed) == null_share(P) and np.isnan(storey(holed)[-1])
    assert null_share(np.array([])) == 1.0 and storey(np.array([])).size == 0
    with pytest.raises(UsageError, match="between 0 and 1"):
        null_share(P, 1.0)


def test_the_rate_of_false_discoveries_keeps_its_level():
    rng, shares = np.random.default_rng(1), []
    for _ in range(200):
        z = rng.normal(size=200)
        z[:60] += 3.0
        from scipy.stats import norm

        found = storey(norm.sf(z)) <= 0.1
        shares.append(found[60:].sum() / max(1, found.sum()))
    assert np.mean(shares) == pytest.approx(0.1, abs=0.012), "neither above the level nor far below: the null share is used"
