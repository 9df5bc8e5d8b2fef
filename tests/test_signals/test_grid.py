"""Rows laid on the grid by their place, against a join by text."""

import numpy as np
import polars as pl
import pytest
from small_market import BOTH, SYMBOLS, tables

from research.prices import returns
from signals.closed_bars import closed_bars
from signals.grid import by_symbol, grid, laid
from signals.pointintime import cutoffs

CLOCK = cutoffs(pl.concat(BOTH))
KEY = ["symbol", "session"]


def drawn(seed, n):
    rng = np.random.default_rng(seed)
    days = CLOCK["session"].unique().sort()
    rows = pl.DataFrame({"symbol": rng.choice([*SYMBOLS, "NVDA"], n), "session": days.gather(rng.integers(0, len(days), n))})
    rows = rows.unique(KEY, keep="first", maintain_order=True)
    return rows.with_columns(
        x=pl.Series([None if rng.random() < 0.2 else float(rng.normal()) for _ in range(rows.height)], dtype=pl.Float64)
    )


@pytest.mark.parametrize("seed", range(10))
def test_rows_laid_by_place_are_a_left_join(seed):
    frame = grid(drawn(seed, 12).select(KEY), CLOCK)
    assert frame.equals(frame.sort(KEY)) and frame.select(KEY).is_unique().all()
    rows = drawn(seed + 100, 300)
    assert laid(frame, rows, CLOCK).equals(frame.join(rows, on=KEY, how="left", maintain_order="left"))


def test_nothing_laid_on_something_and_something_on_nothing():
    frame, rows = grid(drawn(1, 12).select(KEY), CLOCK), drawn(2, 30)
    assert laid(frame, rows.head(0), CLOCK)["x"].null_count() == frame.height
    assert laid(frame.head(0), rows, CLOCK).is_empty()


def test_symbols_become_ascending_numbers():
    frame = grid(drawn(3, 40).select(KEY), CLOCK)
    assert by_symbol(frame)["symbol"].equals((frame["symbol"].rank("dense") - 1).rename("symbol"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_returns_on_the_grid_are_the_returns_of_the_bars_that_had_arrived(seed):
    bars = tables(seed)["bars"]
    mic = pl.when(pl.col("symbol").str.ends_with(".HK")).then(pl.lit("XHKG")).otherwise(pl.lit("XSHG"))
    known = bars.with_columns(mic=mic).join(CLOCK, on=["mic", "session"]).filter(pl.col("available_at") < pl.col("asof"))
    expected = returns(known.select(bars.columns)).drop_nulls().sort(KEY)
    found = closed_bars(bars, CLOCK).select(*KEY, "realized_return").drop_nulls()
    assert expected.height > 200 and found.equals(expected)
