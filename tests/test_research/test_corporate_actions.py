"""Factors of corporate actions, each worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research import prices
from research.bar_checks import against_distributions
from research.corporate_actions import ACTIONS, steps, with_factor
from research.errors import SchemaError
from research.schemas import BARS

DAYS = [date(2024, 6, day) for day in (3, 4, 5, 6, 7)]


def bars(closes: list[float], suspended: tuple[int, ...] = ()) -> pl.DataFrame:
    rows = [
        {"symbol": "600991.SS", "session": DAYS[n], "close": close, "volume": 1.0, "adj_factor": 1.0, "suspended": n in suspended,
         "currency": "CNY", "available_at": datetime(2024, 6, 10, tzinfo=UTC), "source": "t"}
        for n, close in enumerate(closes)
    ]  # fmt: skip
    return BARS.frame(rows)


def actions(*rows: tuple[date, float, float, float, float]) -> pl.DataFrame:
    return pl.DataFrame([("600991.SS", *row) for row in rows], schema=ACTIONS, orient="row")


@pytest.mark.parametrize(
    ("cash", "shares", "rights", "subscription", "reference"),
    [
        (0.5, 0.0, 0.0, 0.0, 9.5),  # 5.00 for ten
        (0.0, 1.0, 0.0, 0.0, 5.0),  # ten for ten
        (0.25, 0.8, 0.0, 0.0, 9.75 / 1.8),  # eight for ten and 2.50 for ten
        (0.0, 0.0, 0.3, 4.0, 11.2 / 1.3),  # three for ten at 4.00
        (0.2, 0.5, 0.3, 6.0, 11.6 / 1.8),  # all of it on one day
        (0.0, -0.9, 0.0, 0.0, 100.0),  # a consolidation, ten into one
    ],
)
def test_the_reference_price(cash: float, shares: float, rights: float, subscription: float, reference: float) -> None:
    """At a close of 10.00; a share that opens and closes at its reference price has earned nothing."""
    one = actions((DAYS[1], cash, shares, rights, subscription))
    found = with_factor(bars([10.0, reference, reference * 1.01]), one)
    assert found["adj_factor"].to_list() == pytest.approx([1.0, 10.0 / reference, 10.0 / reference])
    assert prices.returns(found)["realized_return"].to_list()[1:] == pytest.approx([0.0, 0.01])
    assert against_distributions(found, one).is_empty()
    assert against_distributions(bars([10.0, reference, reference]), one)["session"].to_list() == [DAYS[1]]


def test_actions_on_suspended_days_and_outside_the_bars() -> None:
    """Two actions while it is suspended show together on the session it trades again; those before and after have no step."""
    table = bars([10.0, 10.0, 10.0, 4.9, 4.9], suspended=(1, 2))
    several = actions((date(2024, 5, 2), 1.0, 0, 0, 0), (DAYS[1], 0.2, 0, 0, 0), (DAYS[2], 0.0, 1.0, 0, 0), (date(2024, 7, 1), 9, 0, 0, 0))
    found = steps(table, several)
    assert found.select("session", "before", "cash", "shares").rows() == [(DAYS[3], 10.0, 0.2, 1.0)]
    assert with_factor(table, several)["adj_factor"].to_list() == pytest.approx([1.0] * 3 + [10.0 / 4.9] * 2)
    with pytest.raises(SchemaError, match="symbol, ex_date, cash and shares"):
        steps(table, several.drop("cash"))


@settings(deadline=None, max_examples=40)
@given(
    moves=st.lists(st.floats(-0.2, 0.2), min_size=4, max_size=4),
    held=st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 2), st.floats(0, 0.5), st.floats(1, 20)), min_size=4, max_size=4),
)
def test_the_total_return_is_what_a_holder_earns_who_takes_part(moves: list[float], held: list[tuple[float, float, float, float]]) -> None:
    """A ledger: dividends are reinvested at the reference price, and rights paid for by selling shares at it."""
    closes, shares, worth = [10.0], 1.0, [10.0]
    for move, (cash, new, rights, price) in zip(moves, held, strict=True):
        before = closes[-1]
        reference = (before - cash + rights * price) / (1 + new + rights)
        owned = shares * (1 + new + rights)
        shares = owned + shares * (cash - rights * price) / reference
        closes.append(reference * (1 + move))
        worth.append(shares * closes[-1])
    found = with_factor(bars(closes), actions(*((DAYS[n + 1], *row) for n, row in enumerate(held))))
    value = (found["close"] * found["adj_factor"]).to_list()
    assert value == pytest.approx(worth, rel=1e-9)
