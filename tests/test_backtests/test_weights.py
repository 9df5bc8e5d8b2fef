from __future__ import annotations

import math
from datetime import date

import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.schemas import WEIGHTS
from backtests.weights import proportional_weights, quantile_weights, rank_weights
from research.errors import SchemaError, UsageError

D = date(2025, 3, 3)


def score(values: list[float | None], session: date = D) -> pl.DataFrame:
    return pl.DataFrame(
        {"session": [session] * len(values), "symbol": [f"S{k:02d}" for k in range(len(values))], "score": values},
        schema={"session": pl.Date, "symbol": pl.String, "score": pl.Float64},
    )


def slow(values: list[float], quantiles: int, gross: float, long_only: bool) -> dict[str, float]:
    """The same by sorting in python."""
    names = sorted((-v, f"S{k:02d}") for k, v in enumerate(values))
    size = len(values) // quantiles
    if size == 0 or (max(values) == min(values) and quantiles > 1):
        return {}
    side = gross if long_only else gross / 2
    out = {name: side / size for _, name in names[:size]}
    return out if long_only else out | {name: -side / size for _, name in names[-size:]}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25), st.integers(2, 6), st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_equals_a_sort_in_python(values: list[float], quantiles: int, gross: float, long_only: bool) -> None:
    frame = score(values)
    came = quantile_weights(frame.sample(fraction=1, shuffle=True, seed=len(values)), quantiles, gross, long_only)
    WEIGHTS.validate(came)
    assert dict(came.select("symbol", "weight").rows()) == pytest.approx(slow(values, quantiles, gross, long_only))
    assert came.equals(quantile_weights(frame, quantiles, gross, long_only))
    if came.height:
        assert came["weight"].abs().sum() == pytest.approx(gross)
        if not long_only:
            assert came["weight"].sum() == pytest.approx(0, abs=1e-12)


def test_sessions_without_a_view_have_no_rows() -> None:
    few = score([1.0, 2.0, None], date(2025, 3, 4))
    flat = score([0.0] * 6, date(2025, 3, 5))
    full = score([1.0, 2.0, 3.0, 4.0, 5.0])
    came = quantile_weights(pl.concat([flat, full, few]), 3)
    assert came["session"].unique().to_list() == [D]
    assert came.select("symbol", "weight").rows() == [("S00", -0.5), ("S04", 0.5)]
    assert proportional_weights(flat).is_empty()
    assert proportional_weights(score([-1.0, -2.0]), long_only=True).is_empty()


def test_proportional_by_hand() -> None:
    came = proportional_weights(score([4.0, 1.0, 1.0, -2.0]), gross=2.0)
    assert dict(came.select("symbol", "weight").rows()) == pytest.approx({"S00": 1.0, "S03": -1.0})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-4, 4).map(float), min_size=2, max_size=25), st.booleans())
def test_ranks_equal_scipy_s(values: list[float], only: bool) -> None:
    came = dict(rank_weights(score(values), gross=0.8, long_only=only).select("symbol", "weight").rows())
    if max(values) == min(values):
        assert not came
        return
    ranks = scipy.stats.rankdata(values) - (0 if only else (len(values) + 1) / 2)
    expected = {f"S{k:02d}": 0.8 * r / abs(ranks).sum() for k, r in enumerate(ranks) if r}
    assert came == pytest.approx(expected)


def test_wrong_input_is_answered_with_a_sentence() -> None:
    with pytest.raises(SchemaError, match="never NaN"):
        quantile_weights(score([1.0, math.nan]))
    with pytest.raises(SchemaError, match="share a key"):
        quantile_weights(pl.concat([score([1.0]), score([2.0])]))
    with pytest.raises(SchemaError, match="a column score"):
        quantile_weights(score([1.0]).drop("score"))
    with pytest.raises(SchemaError, match="Float64"):
        quantile_weights(score([1.0]).with_columns(pl.col("score").cast(pl.Int64)))
    with pytest.raises(UsageError, match="several signals"):
        quantile_weights(score([1.0, 2.0]).with_columns(signal=pl.Series(["a@1", "b@1"])))
    with pytest.raises(UsageError, match="at least 2"):
        quantile_weights(score([1.0]), quantiles=1)
    with pytest.raises(UsageError, match="gross"):
        proportional_weights(score([1.0]), gross=0.0)
