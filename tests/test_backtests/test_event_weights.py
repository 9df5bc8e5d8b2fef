from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.event_weights import event_weights
from research.errors import SchemaError, UsageError

DAYS = [date(2025, 3, 3) + timedelta(days=k) for k in range(14) if (date(2025, 3, 3) + timedelta(days=k)).weekday() < 5]
SESSIONS = pl.Series(DAYS)


def entries(rows: list[tuple[int, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        {"session": [DAYS[t] for t, _, _ in rows], "symbol": [s for _, s, _ in rows], "score": [v for _, _, v in rows]},
        schema={"session": pl.Date, "symbol": pl.String, "score": pl.Float64},
    )


def slow(rows: list[tuple[int, str, float]], holding: int, half_life: float | None, size: float | None) -> dict[tuple[date, str], float]:
    """The same by walking through the days."""
    out: dict[tuple[date, str], float] = {}
    held: set[str] = set()
    for t, day in enumerate(DAYS):
        view: dict[str, float] = {}
        for start, symbol, score in rows:
            if 0 <= t - start < holding:
                decay = 1.0 if half_life is None else 0.5 ** ((t - start) / half_life)
                view[symbol] = view.get(symbol, 0.0) + score * decay
        total = sum(abs(v) for v in view.values())
        scale = (1.0 / total if total > 0 else 0.0) if size is None else min(size, 1.0 / total if total > 0 else 0.0)
        for symbol in view.keys() | held:
            out[day, symbol] = view.get(symbol, 0.0) * scale
        held = set(view)
    return out


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ABC"), st.sampled_from([-1.0, 0.5, 2.0])), min_size=1, max_size=12),
    st.integers(1, 5),
    st.sampled_from([None, 1.0, 3.0]),
    st.sampled_from([None, 0.1]),
)
def test_equals_a_walk_through_the_days(
    rows: list[tuple[int, str, float]], holding: int, half_life: float | None, size: float | None
) -> None:
    came = event_weights(entries(rows), SESSIONS, holding=holding, half_life=half_life, size=size)
    assert {(s, n): w for s, n, w in came.rows()} == pytest.approx(slow(rows, holding, half_life, size), abs=1e-12)
    gross = came.group_by("session").agg(pl.col("weight").abs().sum())["weight"]
    assert gross.max() <= 1 + 1e-12  # type: ignore[operator]


def test_a_name_is_let_go_with_a_row_of_zero() -> None:
    came = event_weights(entries([(0, "A", 1.0), (1, "B", -1.0)]), SESSIONS, holding=2, size=0.1)
    assert came.rows() == [
        (DAYS[0], "A", 0.1), (DAYS[1], "A", 0.1), (DAYS[1], "B", -0.1), (DAYS[2], "A", 0.0), (DAYS[2], "B", -0.1), (DAYS[3], "B", 0.0),
    ]  # fmt: skip
    assert event_weights(entries([(1, "B", -1.0)]), SESSIONS, holding=2, long_only=True).is_empty()


def test_wrong_input_is_answered_with_a_sentence() -> None:
    good = entries([(0, "A", 1.0)])
    with pytest.raises(UsageError, match="at least 1 session"):
        event_weights(good, SESSIONS, holding=0)
    with pytest.raises(UsageError, match="half_life came as -1"):
        event_weights(good, SESSIONS, holding=1, half_life=-1.0)
    with pytest.raises(UsageError, match="of days that are no session"):
        event_weights(good.with_columns(session=pl.lit(date(2025, 3, 8))), SESSIONS, holding=1)
    with pytest.raises(SchemaError, match="a column score"):
        event_weights(good.drop("score"), SESSIONS, holding=1)
    with pytest.raises(SchemaError, match="never NaN"):
        event_weights(good.with_columns(score=pl.lit(float("nan"))), SESSIONS, holding=1)
