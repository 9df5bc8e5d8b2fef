import math
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.errors import UsageError
from signals import features, transforms

value = st.one_of(st.none(), st.floats(-5, 5, allow_nan=False).map(lambda v: round(v, 3)))


def frame(values):
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(len(values))]
    return pl.DataFrame({"symbol": ["A"] * len(values), "session": days, "x": values}, schema_overrides={"x": pl.Float64})


def slow(values, half_life):
    """Direct double sum: numerator and denominator of the decayed mean at every session."""
    out = []
    for t in range(len(values)):
        terms = [(0.5 ** ((t - k) / half_life), v) for k, v in enumerate(values[: t + 1]) if v is not None]
        out.append((sum(w * v for w, v in terms), sum(w for w, _ in terms)))
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(value, min_size=1, max_size=30), st.sampled_from([0.5, 1.0, 3.0, 10.0]))
def test_decayed_sum_and_mean_equal_the_double_sum(values, half_life):
    out = frame(values).select(s=features.decayed_sum("x", half_life), m=features.decayed_mean("x", half_life))
    for (top, bottom), s, m in zip(slow(values, half_life), out["s"], out["m"], strict=True):
        assert s == pytest.approx(top, abs=1e-9)
        if bottom > 1e-12:
            assert m == pytest.approx(top / bottom, abs=1e-6)
        else:
            assert m is None


@settings(max_examples=40, deadline=None)
@given(st.lists(value, min_size=2, max_size=25), st.integers(1, 24))
def test_every_feature_ignores_later_rows(values, cut):
    cut = min(cut, len(values) - 1)
    expressions = [
        features.decayed_sum("x", 3).alias("a"),
        features.decayed_mean("x", 3).alias("b"),
        features.last("x").alias("c"),
        features.change("x", 2).alias("d"),
        features.rolling_sum("x", 4).alias("e"),
        features.dispersion("x", 4).alias("f"),
        features.abnormal_count("x", 4).alias("g"),
        features.sessions_since("x").alias("h"),
    ]
    whole = frame(values).select(expressions).head(cut)
    short = frame(values[:cut]).select(expressions)
    assert whole.equals(short)


def test_features_do_not_depend_on_row_order_or_on_other_symbols():
    a, b = frame([1.0, None, 3.0]), frame([9.0, 9.0, 9.0]).with_columns(symbol=pl.lit("B"))
    mixed = pl.concat([b, a]).reverse().with_columns(y=features.decayed_sum("x", 2)).filter(pl.col("symbol") == "A").sort("session")
    assert mixed["y"].to_list() == pytest.approx([s for s, _ in slow([1.0, None, 3.0], 2)])


def test_hand_worked_counts():
    out = frame([0.0, 2.0, 0.0, 4.0]).select(
        since=features.sessions_since("x"), abnormal=features.abnormal_count("x", 2), rolled=features.rolling_sum("x", 2)
    )
    assert out["since"].to_list() == [None, 0.0, 1.0, 0.0]
    assert out["rolled"].to_list() == [0.0, 2.0, 2.0, 4.0]
    # usual counts before each session: none, 0, 1, 1
    assert out["abnormal"].to_list() == [None, 2.0, pytest.approx(-1 / math.sqrt(2)), pytest.approx(3 / math.sqrt(2))]


def test_bad_windows_are_refused():
    with pytest.raises(UsageError, match="half_life came as 0"):
        features.decayed_mean("x", 0)
    with pytest.raises(UsageError, match="at least 1"):
        features.rolling_sum("x", 0)


def section(values):
    at = datetime(2024, 1, 2, tzinfo=UTC)
    return pl.DataFrame(
        {
            "session": [date(2024, 1, 1)] * len(values),
            "symbol": [f"S{i}" for i in range(len(values))],
            "asof": [at] * len(values),
            "x": values,
        },
        schema_overrides={"asof": pl.Datetime("us", "UTC"), "x": pl.Float64},
    )


def test_zscore_by_hand():
    out = transforms.zscore(section([1.0, 2.0, 3.0, None]), "x", name="x@1", horizon=5, share=0.0)
    assert dict(zip(out["symbol"], out["score"], strict=True)) == {"S0": -1.0, "S1": 0.0, "S2": 1.0}
    assert out["horizon"].to_list() == [5, 5, 5]


def test_no_spread_no_score():
    assert transforms.zscore(section([2.0, 2.0, 2.0]), "x", name="x@1", horizon=1).is_empty()
    assert transforms.zscore(section([2.0]), "x", name="x@1", horizon=1).is_empty()
    with pytest.raises(UsageError, match="name@version"):
        transforms.zscore(section([1.0, 2.0]), "x", name="x", horizon=1)


def test_rank_spans_minus_one_to_one():
    assert section([5.0, 1.0, 5.0, None]).select(r=transforms.rank("x"))["r"].to_list() == [0.5, -1.0, 0.5, None]
