"""Average uniqueness against a loop over bars, and its laws."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.errors import SchemaError
from research.schemas import INSTANT
from signals.sample_weights import average_uniqueness

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def labels(triples):
    return pl.DataFrame(
        [(s, BEGIN + a * HOUR, BEGIN + (a + h) * HOUR) for s, a, h in triples],
        schema={"symbol": pl.String, "asof": INSTANT, "ends_at": INSTANT},
        orient="row",
    )


def slow(frame, clock=()):
    """Bar by bar, label by label."""
    starts = sorted({*frame["asof"].to_list(), *clock})
    bars = list(zip(starts, [*starts[1:], datetime.max.replace(tzinfo=UTC)], strict=True))

    def alive(row, bar):
        return row["asof"] <= bar[0] < row["ends_at"]

    rows = frame.to_dicts()
    out = []
    for row in rows:
        shares = [1 / sum(alive(other, bar) for other in rows if other["symbol"] == row["symbol"]) for bar in bars if alive(row, bar)]
        out.append(sum(shares) / len(shares))
    return out


triples = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=25)


@settings(deadline=None, max_examples=80)
@given(triples, st.lists(st.integers(-5, 60), max_size=10))
def test_it_equals_the_loop(rows, clock):
    frame, instants = labels(rows), [BEGIN + k * HOUR for k in clock]
    given_clock = pl.Series(instants, dtype=INSTANT)
    np.testing.assert_allclose(average_uniqueness(frame, given_clock), slow(frame, instants), rtol=1e-12)
    np.testing.assert_allclose(average_uniqueness(frame), slow(frame), rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(triples)
def test_the_shares_add_up_to_the_bars_covered(rows):
    frame = labels(rows)
    hours = pl.Series([BEGIN + k * HOUR for k in range(60)], dtype=INSTANT)
    length = (frame["ends_at"] - frame["asof"]).dt.total_hours().to_numpy()
    covered = {(s, t) for s, a, h in rows for t in range(a, a + h)}
    unique = average_uniqueness(frame, hours)
    assert np.isclose((unique * length).sum(), len(covered))
    assert ((unique > 0) & (unique <= 1 + 1e-12)).all()


def test_by_hand():
    # A: hours 0-2 and 1-3 share one of two bars each; B does not meet A's.
    frame = labels([("A", 0, 2), ("A", 1, 2), ("B", 0, 2)])
    clock = pl.Series([BEGIN + k * HOUR for k in range(4)], dtype=INSTANT)
    assert average_uniqueness(frame, clock).tolist() == [0.75, 0.75, 1.0]
    assert average_uniqueness(frame.clear()).tolist() == []


def test_bad_input_is_one_sentence():
    frame = labels([("A", 0, 2)])
    with pytest.raises(SchemaError, match="column ends_at: came columns symbol, asof"):
        average_uniqueness(frame.drop("ends_at"))
    with pytest.raises(SchemaError, match="1 nulls"):
        average_uniqueness(frame.with_columns(ends_at=pl.lit(None, dtype=INSTANT)))
