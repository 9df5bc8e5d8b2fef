from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.errors import SchemaError, UsageError
from signals import transforms
from signals.transforms import neutralise, standardise, winsorise, zscore


def frame(seed, sizes=(12, 30, 3), groups=3):
    """Cross-sections of several sizes in mixed order, with nulls, an exposure of a large scale and one that is constant in a section."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "session": date(2024, 1, 1) + timedelta(days=k),
            "asof": datetime(2024, 1, 2, tzinfo=UTC) + timedelta(days=k),
            "symbol": f"S{i}",
            "x": None if rng.random() < 0.1 else float(rng.normal()),
            "size": float(20 + 3 * rng.normal()),
            "amount": float(1e9 * rng.random()),
            "flat": 0.1 if k == 0 else float(rng.normal()),
            "sector": None if rng.random() < 0.1 else f"g{rng.integers(groups)}",
        }
        for k, n in enumerate(sizes)
        for i in range(n)
    ]
    return pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=seed)


def by_lstsq(rows, exposures, by):
    """Residuals of one cross-section by numpy's least squares on a full set of dummies."""
    kept = rows.drop_nulls(["x", *exposures, *([by] if by else [])])
    if kept.is_empty():
        return {}
    dummies = kept.select(by).to_dummies().to_numpy().astype(float) if by else np.ones((kept.height, 1))
    design = np.column_stack([dummies, *(kept[name].to_numpy() for name in exposures)])
    scaled = design / np.abs(design).max(axis=0)
    beta, _, rank, _ = np.linalg.lstsq(scaled, kept["x"].to_numpy(), rcond=1e-9)
    if kept.height <= rank:
        return {}
    return dict(zip(kept["symbol"], kept["x"].to_numpy() - scaled @ beta, strict=True))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([[], ["size"], ["size", "amount", "flat"], ["size", "size"]]),
    st.sampled_from([None, "sector"]),
)
def test_the_residual_equals_numpys_least_squares(seed, exposures, by):
    rows = frame(seed)
    named = list(dict.fromkeys(exposures))
    found = rows.with_columns(residual=neutralise(rows, "x", exposures, by=by))
    for _, section in found.group_by("session"):
        expected = by_lstsq(section, named, by)
        for symbol, value in section.select("symbol", "residual").rows():
            if symbol in expected:
                assert value == pytest.approx(expected[symbol], abs=1e-8)
            else:
                assert value is None


def test_the_residual_is_orthogonal_to_what_was_taken_out():
    rows = frame(1, sizes=(200,)).drop_nulls()
    residual = neutralise(rows, "x", ["size", "amount"], by="sector")
    assert rows.with_columns(r=residual).group_by("sector").agg(pl.col("r").mean().abs())["r"].max() < 1e-12
    assert abs(np.corrcoef(residual, rows["size"])[0, 1]) < 1e-10
    assert residual.name == "x" and residual.std() < rows["x"].std()


def test_a_feature_that_is_all_exposure_leaves_nothing_and_a_small_section_nulls():
    rows = frame(2, sizes=(20,)).with_columns(x=3 * pl.col("size") - 1)
    assert neutralise(rows, "x", ["size"]).abs().max() < 1e-10
    assert neutralise(rows.head(2), "x", ["size"]).to_list() == [None, None]
    assert neutralise(rows.head(0), "x", ["size"]).to_list() == []
    nulls = rows.with_columns(x=pl.lit(None, dtype=pl.Float64))
    assert neutralise(nulls, "x", ["size"]).null_count() == 20
    with pytest.raises(SchemaError, match="nose"):
        neutralise(rows, "x", ["nose"])


def test_one_session_does_not_change_another():
    rows = frame(3)
    first = pl.col("session") == date(2024, 1, 1)
    whole = rows.with_columns(r=neutralise(rows, "x", ["size"], by="sector")).filter(first)
    alone = rows.filter(first)
    assert whole["r"].equals(neutralise(alone, "x", ["size"], by="sector"), null_equal=True)


def test_standardise_by_hand():
    rows = frame(4, sizes=(4,)).with_columns(x=pl.Series([2.0, 4.0, None, 6.0]))
    assert rows.select(standardise("x"))["x"].to_list() == [-1.0, 0.0, None, 1.0]
    for flat in ([3.0, 3.0, 3.0, None], [1.0, None, None, None]):
        assert rows.with_columns(x=pl.Series(flat)).select(standardise("x"))["x"].to_list() == [None] * 4


def test_winsorise_equals_numpys_quantiles():
    rows = frame(5, sizes=(40,))
    values = np.array(rows["x"].drop_nulls())
    low, high = np.quantile(values, [0.1, 0.9])
    found = rows.select(winsorise("x", 0.1))["x"]
    assert found.drop_nulls().to_list() == pytest.approx(np.clip(values, low, high).tolist())
    assert found.null_count() == rows["x"].null_count()
    with pytest.raises(UsageError, match="fraction"):
        winsorise("x", 0.5)


@pytest.mark.parametrize("at_once", [1, 20, 44])
def test_scores_of_some_sessions_at_a_time_are_those_of_all(monkeypatch, at_once):
    rows = frame(5)
    whole = zscore(rows, "x", name="x@1", horizon=3, share=0.1, run_id="r")
    monkeypatch.setattr(transforms, "_AT_ONCE", at_once)
    found = zscore(rows, "x", name="x@1", horizon=3, share=0.1, run_id="r")
    assert found.equals(whole) and found.height > 20
    assert found.select("signal", "horizon", "run_id").unique().rows() == [("x@1", 3, "r")]
    assert zscore(rows.clear(), "x", name="x@1", horizon=3).equals(whole.clear())
    for bad in (rows.with_columns(session=pl.lit(None, dtype=pl.Date)), pl.concat([rows, rows])):
        with pytest.raises(SchemaError):
            zscore(bad, "x", name="x@1", horizon=3)
