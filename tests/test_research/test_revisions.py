"""A vendor that changed the past: hand-worked histories, what is said of them, and what the chained returns are."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research import calendar, prices
from research.schemas import BARS
from research.sources.revisions import REFUSED, revisions

DAYS = calendar.sessions("XSHG", "2024-01-02", "2024-03-29")["session"].to_list()


def bars(
    closes: list[float], factors: list[float] | None = None, *, days: list[date] = DAYS, symbol: str = "600519.SS", currency: str = "CNY"
) -> pl.DataFrame:
    at = datetime(2024, 1, 2, 7, tzinfo=UTC)
    return BARS.frame(
        [
            {"symbol": symbol, "session": day, "open": close, "high": close, "low": close, "close": close, "volume": 1.0, "adj_factor": factor,
             "suspended": False, "currency": currency, "available_at": at, "source": "t"}
            for close, factor, day in zip(closes, factors or [1.0] * len(closes), days, strict=False)
        ]
    )  # fmt: skip


CLOSES = [10.0, 10.2, 10.1, 10.3, 10.4, 10.2, 10.5, 10.6]
STORED = bars(CLOSES)


def told(fetched: pl.DataFrame, stored: pl.DataFrame = STORED) -> list[tuple[date | None, str]]:
    return revisions(stored, fetched).select("session", "rule").rows()


def test_the_same_again_is_nothing() -> None:
    assert told(STORED) == []
    assert told(bars([*CLOSES, 10.7])) == []
    assert told(BARS.empty()) == [] and told(STORED, BARS.empty()) == []


@pytest.mark.parametrize("changed", range(8))
def test_one_corrected_close_is_named_and_spoils_no_level(changed: int) -> None:
    now = [*CLOSES, 10.7]
    now[changed] *= 1.03
    assert told(bars(now)) == [(DAYS[changed], "revised")]
    new = prices.chain(STORED, bars(now))
    assert new.select("session", "close", "adj_factor").rows() == [(DAYS[8], 10.7, 1.0)]


def test_a_rebased_history_is_one_finding_and_chains() -> None:
    now = bars([close / 2 for close in [*CLOSES, 10.7]])
    assert told(now) == [(None, "rebased")]
    new = prices.chain(STORED, now)
    assert new["adj_factor"].to_list() == pytest.approx([2.0])
    assert prices.returns(pl.concat([STORED, new]))["realized_return"][-1] == pytest.approx(10.7 / 10.6 - 1)


def test_cents_rounded_after_a_split_are_no_revision() -> None:
    assert told(bars([round(close / 3, 2) for close in CLOSES])) == [(None, "rebased")]


def test_a_distribution_told_late() -> None:
    """The vendor now knows of a dividend on day 5: one finding; the returns of new bars are the vendor's."""
    now = bars([*CLOSES, 10.7], [1.0] * 5 + [1.05] * 4)
    assert told(now) == [(DAYS[5], "distribution")]
    new = prices.chain(STORED, now)
    assert prices.returns(pl.concat([STORED, new]))["realized_return"][-1] == pytest.approx(10.7 / 10.6 - 1)


def test_bars_that_went_and_bars_that_came() -> None:
    without = STORED.filter(pl.col("session") != DAYS[3])
    assert told(without) == [(DAYS[3], "withdrawn")]
    assert told(STORED, without) == [(DAYS[3], "late")]
    assert prices.chain(without, STORED).select("session", "adj_factor").rows() == [(DAYS[3], 1.0)]


def test_another_security_under_the_same_symbol() -> None:
    found = revisions(STORED, bars([3.0, 3.4, 2.9, 3.3, 2.8, 3.1, 2.7, 3.2]))
    assert found["rule"].to_list() == ["identity"] and "identity" in REFUSED
    assert "7 of 8 shared sessions" in found["reason"][0]


def test_another_currency() -> None:
    assert told(bars(CLOSES, currency="HKD")) == [(None, "currency")]


def test_symbols_are_judged_apart() -> None:
    both = pl.concat([STORED, bars(CLOSES, symbol="000001.SZ")])
    changed = bars([*CLOSES[:-1], 11.0], symbol="000001.SZ")
    assert revisions(both, pl.concat([STORED, changed])).select("symbol", "session").rows() == [("000001.SZ", DAYS[7])]


@settings(deadline=None, max_examples=40)
@given(
    moves=st.lists(st.floats(-0.09, 0.09), min_size=12, max_size=30),
    base=st.floats(0.1, 8.0),
    start=st.floats(0.5, 2.0),
    cut=st.integers(6, 10),
    overlap=st.integers(1, 6),
)
def test_chained_returns_are_the_vendors_whatever_its_base(moves: list[float], base: float, start: float, cut: int, overlap: int) -> None:
    closes = [50.0]
    for move in moves:
        closes.append(closes[-1] * (1 + move))
    whole = bars(closes)
    stored = whole.head(cut)
    fetched = bars([close * base for close in closes[cut - overlap :]], [start] * (len(closes) - cut + overlap), days=DAYS[cut - overlap :])
    joined = pl.concat([stored, prices.chain(stored, fetched)])
    assert prices.returns(joined)["realized_return"].to_list()[1:] == pytest.approx(moves, abs=1e-9)
    assert joined.head(cut).equals(stored)
