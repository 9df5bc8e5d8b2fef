"""Symbols as numbers: whatever the order of the rows, the numbers read back as the texts."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.symbol_codes import coded, run_starts

BLOCKS = st.lists(st.sampled_from(["600000.SS", "000001.SZ", "0700.HK", "A", ""]), max_size=12)


@given(BLOCKS, st.integers(1, 5), st.integers(0, 11), st.booleans())
def test_codes_read_back_as_the_texts(block, times, cut, in_order):
    texts = (block * times)[: max(0, len(block) * times - cut)]
    texts = sorted(texts) if in_order else texts
    values, codes = coded(pl.Series(texts, dtype=pl.String))
    assert values == sorted(set(texts))
    assert [values[k] for k in codes] == texts and codes.dtype == np.int64


@pytest.mark.parametrize("texts", [["B", "A", "C"] * 50, ["A"] * 40 + ["C"] * 60 + ["B"] * 9 + ["A"] * 31, ["A"] * 30])
def test_blocks_and_runs_are_coded_as_any_other_order(texts):
    values, codes = coded(pl.Series(texts))
    mixed = np.random.default_rng(0).permutation(len(texts))
    other, permuted = coded(pl.Series(texts)[mixed])
    assert values == other and codes[mixed].tolist() == permuted.tolist()


@given(st.lists(st.integers(-3, 3), max_size=30))
def test_runs_start_where_the_value_changes(numbers):
    expected = [k for k, number in enumerate(numbers) if k == 0 or number != numbers[k - 1]]
    assert run_starts(np.array(numbers, dtype=np.int32)).tolist() == expected
