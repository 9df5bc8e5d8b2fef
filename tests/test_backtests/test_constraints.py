"""Laws of bounds on weights, by hypothesis, and figures by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.constraints import cap_groups, cap_names, cap_turnover, long_only, neutral, target_volatility
from backtests.schemas import WEIGHTS
from research.errors import SchemaError, UsageError

D = date(2025, 3, 3)


def table(rows: list[list[float]]) -> pl.DataFrame:
    """One list a session, one weight a name; zero stands for no row."""
    return WEIGHTS.frame(
        {"session": D + timedelta(days=t), "symbol": f"S{k:02d}", "weight": w} for t, row in enumerate(rows) for k, w in enumerate(row) if w
    )


def dense(frame: pl.DataFrame, days: int, names: int) -> np.ndarray:
    out = np.zeros((days, names))
    for session, symbol, w in frame.rows():
        out[(session - D).days, int(symbol[1:])] = w
    return out


books = st.integers(1, 8).flatmap(
    lambda m: st.lists(st.lists(st.integers(-20, 20).map(lambda x: x / 20), min_size=m, max_size=m), min_size=1, max_size=6)
)


@settings(deadline=None, max_examples=80)
@given(books, st.sampled_from([0.05, 0.2, 0.5]))
def test_caps_by_name_hold_and_what_is_cut_goes_to_the_same_side(rows: list[list[float]], cap: float) -> None:
    before = np.array(rows)
    plain, spread = (dense(cap_names(table(rows), cap, redistribute=r), *before.shape) for r in (False, True))
    assert np.abs(plain).max(initial=0) <= cap and np.abs(spread).max(initial=0) <= cap * (1 + 1e-12)
    assert np.array_equal(plain, np.clip(before, -cap, cap))
    for sign in (1, -1):
        was, now = (np.maximum(sign * x, 0) for x in (before, spread))
        expected = np.minimum(was.sum(axis=1), cap * (was > 0).sum(axis=1))
        assert now.sum(axis=1) == pytest.approx(expected, abs=1e-12), "a side keeps its sum, or all of it is at the cap"


@settings(deadline=None, max_examples=80)
@given(books, st.sampled_from([0.1, 0.6]))
def test_no_group_is_above_its_cap_and_proportions_stay(rows: list[list[float]], cap: float) -> None:
    before = np.array(rows)
    m = before.shape[1]
    groups = pl.DataFrame({"symbol": [f"S{k:02d}" for k in range(m)], "group": ["even" if k % 2 == 0 else "odd" for k in range(m)]})
    after = dense(cap_groups(table(rows), groups, cap), *before.shape)
    for part in (slice(0, None, 2), slice(1, None, 2)):
        total = np.abs(before[:, part]).sum(axis=1, keepdims=True)
        scale = np.minimum(1, cap / np.maximum(total, 1e-300))
        assert after[:, part] == pytest.approx(before[:, part] * scale, abs=1e-12)


@settings(deadline=None, max_examples=80)
@given(books, st.sampled_from([0.1, 0.5, 3.0]))
def test_turnover_is_capped_and_the_target_is_approached(rows: list[list[float]], cap: float) -> None:
    frame = table(rows)
    stated = sorted(frame["session"].unique().to_list())
    after, target = (dense(f, len(rows), len(rows[0])) for f in (cap_turnover(frame, cap), frame))
    held = np.zeros(len(rows[0]))
    for day in stated:
        t = (day - D).days
        assert np.abs(after[t] - held).sum() <= cap + 1e-12
        assert np.abs(target[t] - after[t]).sum() <= np.abs(target[t] - held).sum() + 1e-12
        if np.abs(target[t] - held).sum() <= cap:
            assert after[t] == pytest.approx(target[t])
        held = after[t]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(3, 12), st.booleans())
def test_neutral_weights_have_no_exposure_and_the_same_gross(seed: int, m: int, sectors: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(3, m)).tolist()
    exposures = {"symbol": [f"S{k:02d}" for k in range(m)], "beta": rng.normal(1, 0.3, m)}
    if sectors:
        exposures["sector"] = [f"g{k % 2}" for k in range(m)]
    after = dense(neutral(table(rows), pl.DataFrame(exposures)), 3, m)
    for t in range(3):
        if np.abs(after[t]).sum() == 0:
            continue
        assert after[t].sum() == pytest.approx(0, abs=1e-9)
        assert after[t] @ exposures["beta"] == pytest.approx(0, abs=1e-9)
        assert np.abs(after[t]).sum() == pytest.approx(np.abs(rows[t]).sum())
        if sectors:
            assert after[t][::2].sum() == pytest.approx(0, abs=1e-9)


def test_dollar_neutral_by_hand_and_a_book_that_is_all_market() -> None:
    assert dense(neutral(table([[0.5, 0.3, 0.1]])), 1, 3)[0] == pytest.approx(np.array([0.2, 0.0, -0.2]) * 0.9 / 0.4)
    assert not dense(neutral(table([[0.3, 0.3, 0.3]])), 1, 3).any()
    unknown = neutral(table([[0.5, 0.3, 0.1]]), pl.DataFrame({"symbol": ["S00", "S01"], "beta": [1.0, 2.0]}), dollar=False)
    assert dense(unknown, 1, 3)[0][2] == 0


def test_the_volatility_forecast_meets_the_target() -> None:
    rng = np.random.default_rng(3)
    days = [D + timedelta(days=k) for k in range(-80, 2)]
    changes = rng.normal(0, 0.02, (len(days), 2))
    returns = pl.DataFrame({"session": days * 2, "symbol": ["S00"] * len(days) + ["S01"] * len(days), "realized_return": changes.T.ravel()})
    after = dense(target_volatility(table([[0.6, -0.4]]), returns, 0.10, window=60), 1, 2)[0]
    past = changes[80 - 59 : 81]  # sessions up to the decision's own
    assert np.std(past @ after, ddof=1) * np.sqrt(252) == pytest.approx(0.10)
    assert after[0] / after[1] == pytest.approx(-1.5)
    later = returns.with_columns(realized_return=pl.when(pl.col("session") > D).then(9.0).otherwise("realized_return"))
    assert dense(target_volatility(table([[0.6, -0.4]]), later, 0.10), 1, 2)[0] == pytest.approx(after), "later returns change nothing"
    bounded = dense(target_volatility(table([[0.6, -0.4]]), returns, 5.0, max_gross=1.5), 1, 2)[0]
    assert np.abs(bounded).sum() == pytest.approx(1.5)


def test_long_only_keeps_the_rows_it_empties() -> None:
    assert long_only(table([[0.5, -0.5]]))["weight"].to_list() == [0.5, 0.0]


def test_wrong_input_is_answered_with_a_sentence() -> None:
    frame = table([[0.5, 0.5]])
    for call in (lambda: cap_names(frame, 0.0), lambda: cap_turnover(frame, -1.0), lambda: target_volatility(frame, frame, 0.0)):
        with pytest.raises(UsageError, match="expected a positive fraction"):
            call()
    with pytest.raises(UsageError, match="S00 stands in two groups"):
        cap_groups(frame, pl.DataFrame({"symbol": ["S00", "S00"], "group": ["a", "b"]}), 0.1)
    with pytest.raises(UsageError, match="something to be neutral to"):
        neutral(frame, dollar=False)
    with pytest.raises(SchemaError, match="a column symbol"):
        neutral(frame, pl.DataFrame({"name": ["S00"], "beta": [1.0]}))
    with pytest.raises(SchemaError, match="text for groups"):
        neutral(frame, pl.DataFrame({"symbol": ["S00"], "since": [D]}))
