from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from research.reconcile import CAUSES, RECONCILED, agreement, reconcile, summary
from research.schemas import BARS, FACTS, INSTRUMENTS

KNOWN = datetime(2024, 1, 10, tzinfo=UTC)
D2, D3, D4, D5, D8 = (date(2024, 1, day) for day in (2, 3, 4, 5, 8))


def bar(symbol: str, day: date, close: float, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    row = {"symbol": symbol, "session": day, "high": high, "low": low, "close": close, "volume": 1.0, "adj_factor": 1.0, "suspended": False}
    return row | {"currency": "CNY", "available_at": KNOWN, "source": "t"} | more


# Changes of 600519.SS: +3.00 % on the 3rd, -2.00 % on the 4th (low -6 %, high +2 %), +10 % (the limit) on the 5th, suspended on the 8th.
BARS_TABLE = BARS.frame(
    [
        bar("600519.SS", D2, 100.0),
        bar("600519.SS", D3, 103.0, 99.0, 104.0),
        bar("600519.SS", D4, 100.94, 96.82, 105.06),
        bar("600519.SS", D5, 111.03, 100.0, 111.03),
        bar("600519.SS", D8, 111.03, volume=0.0, suspended=True),
        bar("0700.HK", D2, 100.0),
        bar("0700.HK", D3, 107.0),
        bar("NVDA", D2, 100.0),
        bar("NVDA", D3, 101.0, adj_factor=1.02),
    ]
)


def fact(value: float, day: date | None = D3, *, symbol: str | None = "600519.SS", qualifier: str = "exact", **more: Any) -> dict[str, Any]:
    row = {"fact_id": "f", "doc_id": "d", "kind": "price_move", "subject": "s", "symbol": symbol, "end_date": day, "value": value}
    return row | {"unit": "fraction", "qualifier": qualifier, "basis": "close", "quote": "q", "available_at": KNOWN} | more


def judged(row: dict[str, Any], instruments: pl.DataFrame | None = None) -> dict[str, Any]:
    found = reconcile(FACTS.frame([row]), BARS_TABLE, instruments=instruments)
    assert found.height == 1
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("value", "day", "qualifier", "verdict"),
    [
        (0.03, D3, "exact", "agree"),
        (0.0314, D3, "exact", "agree"),
        (0.0316, D3, "exact", "disagree"),
        (-0.02, D4, "exact", "agree"),
        (0.02, D3, "over", "agree"),
        (0.03, D3, "over", "agree"),
        (0.035, D3, "over", "disagree"),
        (-0.01, D4, "over", "agree"),
        (0.01, D4, "over", "disagree"),
        (0.035, D3, "near", "agree"),
        (0.025, D3, "near", "disagree"),
        (0.045, D3, "near", "disagree"),
        (0.034, D3, "about", "agree"),
        (0.026, D3, "about", "agree"),
        (0.036, D3, "about", "disagree"),
        (0.10, D5, "limit", "agree"),
        (0.10, D3, "limit", "disagree"),
        (-0.10, D5, "limit", "disagree"),
    ],
)
def test_qualifiers_are_bounds(value: float, day: date, qualifier: str, verdict: str) -> None:
    assert judged(fact(value, day, qualifier=qualifier))["verdict"] == verdict


def test_the_row() -> None:
    found = judged(fact(0.031))
    assert list(found) == list(RECONCILED)
    assert found["realized"] == pytest.approx(0.03)
    assert found["difference"] == pytest.approx(-0.001)
    assert found["cause"] is None


@pytest.mark.parametrize(
    ("value", "qualifier", "verdict", "realized"),
    [
        (-0.05, "over", "agree", -0.06),
        (-0.06, "exact", "agree", -0.06),
        (-0.03, "exact", "agree", -0.06),  # the day went through it
        (-0.07, "over", "disagree", -0.06),
        (0.03, "over", "disagree", 0.02),
        (0.02, "about", "agree", 0.02),
        (-0.065, "near", "agree", -0.06),
    ],
)
def test_intraday_moves_are_judged_by_the_range(value: float, qualifier: str, verdict: str, realized: float) -> None:
    found = judged(fact(value, D4, qualifier=qualifier, basis="intraday"))
    assert found["verdict"] == verdict
    assert found["realized"] == pytest.approx(realized, abs=1e-6)


TWINS = INSTRUMENTS.frame(
    [
        {"symbol": "600519.SS", "valid_from": date(2001, 1, 1), "name": "n", "mic": "XSHG", "asset_class": "equity", "currency": "CNY", "aliases": [], "twin": "0700.HK"},
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "day", "basis", "cause"),
    [
        (-0.02, D5, "close", "previous session"),
        (-0.02, D3, "close", "next session"),
        (-0.03, D3, "close", "wrong sign"),
        (0.07, D3, "close", "other listing"),
        (-0.045, D4, "close", "intraday against close"),
        (0.50, D3, "close", None),
        (0.03, D3, None, None),
    ],
)
def test_causes(value: float, day: date, basis: str | None, cause: str | None) -> None:
    assert judged(fact(value, day, basis=basis), TWINS)["cause"] == cause


def test_without_instruments_no_other_listing_is_tried() -> None:
    assert judged(fact(0.07))["cause"] is None


def test_a_price_return_on_an_ex_day_agrees() -> None:
    found = judged(fact(0.01, D3, symbol="NVDA"))
    assert (found["verdict"], found["cause"]) == ("agree", "price return")
    assert found["realized"] == pytest.approx(0.01)
    assert judged(fact(0.0302, D3, symbol="NVDA"))["cause"] is None


@pytest.mark.parametrize(
    ("row", "verdict", "cause"),
    [
        (fact(0.03, date(2024, 1, 6)), "no_bar", None),
        (fact(0.10, date(2024, 1, 6)), "no_bar", "previous session"),
        (fact(0.00, D8), "no_bar", None),
        (fact(0.03, D2), "no_bar", "next session"),
        (fact(0.03, D3, symbol="AAPL"), "no_bar", None),
        (fact(0.03, None), "not_comparable", None),
        (fact(0.03, D3, basis="after_hours"), "not_comparable", None),
        (fact(0.08, D3, symbol="0700.HK", basis="intraday"), "not_comparable", None),
        (fact(-0.01, D3, symbol="0700.HK", basis="intraday", qualifier="over"), "not_comparable", None),
    ],
)
def test_what_cannot_be_compared(row: dict[str, Any], verdict: str, cause: str | None) -> None:
    found = judged(row)
    assert (found["verdict"], found["cause"]) == (verdict, cause)
    assert found["realized"] is None


def test_only_one_day_moves_of_a_symbol_are_judged() -> None:
    rows = [
        fact(0.03, fact_id="a"),
        fact(0.03, fact_id="b", start_date=D3),
        fact(0.03, fact_id="c", start_date=D2),
        fact(0.03, fact_id="d", basis="week"),
        fact(0.03, fact_id="e", symbol=None),
        fact(0.03, fact_id="g", kind="index_move"),
    ]
    assert reconcile(FACTS.frame(rows), BARS_TABLE)["fact_id"].to_list() == ["a", "b"]
    empty = reconcile(FACTS.empty(), BARS_TABLE)
    assert empty.schema == RECONCILED
    assert reconcile(FACTS.frame(rows), BARS.empty())["verdict"].to_list() == ["no_bar", "no_bar"]


def test_summary() -> None:
    rows = [fact(0.03, fact_id="a"), fact(0.031, fact_id="b"), fact(-0.03, fact_id="c"), fact(0.9, fact_id="d")]
    found = summary(reconcile(FACTS.frame(rows), BARS_TABLE))
    assert found.select("verdict", "cause", "n", "share").rows() == [
        ("agree", None, 2, 0.5),
        ("disagree", "wrong sign", 1, 0.25),
        ("disagree", None, 1, 0.25),
    ]
    assert found["median_difference"][0] == pytest.approx(0.0005)


def test_of_a_day_without_a_range_the_close_can_only_confirm() -> None:
    """0700.HK closed 7 % up; its high and low are not known."""
    for value, qualifier in ((0.03, "exact"), (0.07, "exact"), (0.05, "over"), (0.07, "about")):
        found = judged(fact(value, D3, symbol="0700.HK", basis="intraday", qualifier=qualifier))
        assert (found["verdict"], found["realized"]) == ("agree", pytest.approx(0.07))


def test_an_intraday_move_on_an_ex_day_may_be_of_the_price() -> None:
    day = bar("NVDA", D4, 101.0, 99.99, 104.03, adj_factor=1.04)
    bars = pl.concat([BARS_TABLE, BARS.frame([day])])
    # Of the price +3 %; of the value (1.04 / 1.02) +5.02 %.
    for value, verdict in ((0.03, "agree"), (0.0502, "agree"), (0.0703, "disagree")):
        found = reconcile(FACTS.frame([fact(value, D4, symbol="NVDA", basis="intraday", qualifier="over")]), bars)
        assert found["verdict"].item() == verdict


# One symbol, Friday to Friday: +1, -0.5, +4, +0.5, -1, +2.7 percent; then what a text may say of the last day.
WEEK = (date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 6), date(2024, 3, 7), date(2024, 3, 8))
MOVES = (0.01, -0.005, 0.04, 0.005, -0.01, 0.027)


def week() -> pl.DataFrame:
    close, rows = 100.0, [bar("AAA", date(2024, 2, 29), 100.0, 100.0, 100.0)]
    for day, move in zip(WEEK, MOVES, strict=True):
        close *= 1 + move
        rows.append(bar("AAA", day, close, close * 0.999, close * 1.001))
    return BARS.frame(rows)


@pytest.mark.parametrize(
    ("value", "qualifier", "cause"),
    [
        (0.04, "exact", "earlier session"),
        (0.04, "about", "earlier session"),
        (0.995 * 1.04 * 1.005 * 0.99 * 1.027 - 1, "exact", "horizon"),  # since the close of the week before
        (1.01 * 0.995 * 1.04 * 1.005 * 0.99 * 1.027 - 1, "exact", "horizon"),  # since the close of the month before
        (0.02, "about", "truncated"),
        (0.0300, "exact", "vendor's close"),
        (-0.027, "exact", "wrong sign"),
        (-0.01, "exact", "previous session"),
        (0.09, "exact", None),
        (0.04, "over", None),
        (0.0052, "exact", None),  # too small to tell which session was meant
    ],
)
def test_likely_causes_further_away(value: float, qualifier: str, cause: str | None) -> None:
    found = reconcile(FACTS.frame([fact(value, WEEK[-1], symbol="AAA", qualifier=qualifier)]), week())
    assert found.select("verdict", "cause").row(0) == ("disagree", cause)
    assert cause is None or cause in CAUSES


def test_agreement_counts_the_close_and_the_day_apart_and_whole_percentages_both_ways() -> None:
    rows = [
        fact(0.03, fact_id="a"),
        fact(0.034, fact_id="b", qualifier="about"),
        fact(0.50, fact_id="c"),
        fact(0.03, fact_id="d", symbol="AAPL"),
        fact(-0.06, D4, fact_id="e", basis="intraday"),
        fact(0.03, D3, fact_id="f", basis="after_hours"),
    ]
    found = agreement(reconcile(FACTS.frame(rows), BARS_TABLE))
    assert found.columns == ["basis", "stated", "with_bar", "agree", "share", "agree_strict", "share_strict"]
    assert found.rows() == [
        ("close", 5, 3, 2, pytest.approx(2 / 3), 1, pytest.approx(1 / 3)),
        ("intraday", 1, 1, 1, 1.0, 1, 1.0),
        ("all", 6, 4, 3, 0.75, 2, 0.5),
    ]
    assert agreement(reconcile(FACTS.empty(), BARS_TABLE))["share"].to_list() == [None, None, None]
