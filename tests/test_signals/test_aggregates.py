from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from signals import aggregates


@pytest.mark.parametrize("at_once", [1, 7, 29, 500])
def test_blocks_of_sessions_are_the_whole(at_once):
    rng = np.random.default_rng(at_once)
    n = 900
    day = rng.integers(0, 30, n)
    frame = pl.DataFrame(
        {
            "session": [date(2024, 1, 1) + timedelta(days=int(d)) for d in day],
            "asof": day + rng.integers(0, 2, n),
            "sector": [None if rng.random() < 0.1 else str(k) for k in rng.integers(0, 4, n)],
            "x": [None if rng.random() < 0.3 else float(v) for v in rng.normal(size=n)],
        }
    )
    expressions = {
        "a": aggregates.others_mean("x"), "b": aggregates.relative("x", "sector"), "c": aggregates.section_dispersion("x"),
        "d": aggregates.share("x", "sector"),
    }  # fmt: skip
    whole, blocks = frame.select(**expressions), aggregates.by_sessions(frame, expressions, at_once=at_once)
    assert whole.columns == blocks.columns
    for name in whole.columns:
        assert blocks[name].is_null().equals(whole[name].is_null()), name
        assert blocks[name].drop_nulls().to_list() == pytest.approx(whole[name].drop_nulls().to_list(), rel=1e-10, abs=1e-12), name
