from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata

from backtests import cross_sections
from backtests.cross_sections import correlations, mean_ranks, quantile_groups

counts = st.lists(st.integers(1, 12), max_size=15)


@settings(max_examples=60, deadline=None)
@given(counts, st.integers(0, 2**31), st.integers(2, 6), st.sampled_from([1, 7, 30, 1 << 20]))
def test_they_equal_a_loop_whatever_the_block(sizes, seed, quantiles, cells):
    rng = np.random.default_rng(seed)
    count = np.array(sizes, dtype=np.int64)
    x, y = (np.round(rng.normal(size=count.sum()), 1) for _ in range(2))
    edges = np.cumsum(count)[:-1]
    parts = [(a, b) for a, b in zip(np.split(x, edges), np.split(y, edges), strict=True) if len(a)]
    before, cross_sections._CELLS = cross_sections._CELLS, cells
    try:
        ranks, groups = mean_ranks(x, count), quantile_groups(x, count, quantiles)
    finally:
        cross_sections._CELLS = before
    assert ranks.tolist() == [r for a, _ in parts for r in rankdata(a)]
    expected = []
    for a, _ in parts:
        if len(a) < quantiles or a.min() == a.max():
            expected += [0] * len(a)
            continue
        cuts = [np.quantile(a, k / quantiles) for k in range(1, quantiles)]
        # an edge that is a score up to the rounding of k / q is that score
        expected += [1 + sum(v > cut + 1e-9 for cut in cuts) for v in a]
    assert groups.tolist() == expected
    for found, (a, b) in zip(correlations(x, y, count), parts, strict=True):
        if len(a) < 2 or a.min() == a.max() or b.min() == b.max():
            assert np.isnan(found)
        else:
            assert found == pytest.approx(pearsonr(a, b).statistic, abs=1e-9)
