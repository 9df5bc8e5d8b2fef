from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research import calendar, price_limits, prices
from research.bar_checks import against_distributions
from research.errors import DataError
from research.schemas import BARS

DAYS = calendar.sessions("XSHG", "2024-01-02", "2024-03-29")["session"].to_list()


def bars(closes: list[float | None], *, symbol: str = "600519.SS", days: list[date] | None = None, **columns: list[Any]) -> pl.DataFrame:
    """Bars of one symbol; a close of None is a suspended session that carries the price before."""
    rows, last = [], 1.0
    for number, close in enumerate(closes):
        last = last if close is None else close
        row = {
            "symbol": symbol, "session": (days or DAYS)[number], "open": last, "high": last, "low": last, "close": last, "volume": 0.0 if close is None else 100.0,
            "adj_factor": 1.0, "suspended": close is None, "currency": "CNY", "available_at": datetime(2024, 1, 2, 7, tzinfo=UTC), "source": "t",
        }  # fmt: skip
        rows.append(row | {name: values[number] for name, values in columns.items()})
    return BARS.frame(rows)


def limit_of(symbol: str, day: date, close: float, *, special: bool = False) -> tuple[float | None, float | None]:
    row = pl.DataFrame({"symbol": [symbol], "session": [day], "close": [close]})
    up, down = prices.limits(pl.col("symbol"), pl.col("session"), pl.col("close"), pl.lit(special))
    return row.select(up.alias("up"), down.alias("down")).row(0)  # type: ignore[return-value]


def test_returns_by_hand() -> None:
    # A split in two on day 3 (the factor doubles), suspended on day 4, 8 % up over the gap.
    found = prices.returns(bars([10.0, 11.0, 5.5, None, 5.94], adj_factor=[1.0, 1.0, 2.0, 2.0, 2.0]))
    assert found.columns == ["symbol", "session", "realized_return"]
    assert found["realized_return"].to_list()[0] is None
    assert found["realized_return"].to_list()[3] is None
    assert found["realized_return"].drop_nulls().to_list() == pytest.approx([0.1, 0.0, 0.08])


def test_returns_of_a_symbol_that_begins_suspended() -> None:
    assert prices.returns(bars([None, 10.0, 11.0]))["realized_return"].to_list() == [None, None, pytest.approx(0.1)]


def test_returns_never_cross_symbols() -> None:
    both = pl.concat([bars([10.0, 11.0]), bars([50.0, 25.0], symbol="000001.SZ")])
    found = prices.returns(both.sample(fraction=1.0, shuffle=True, seed=1))
    assert found["symbol"].to_list() == ["000001.SZ"] * 2 + ["600519.SS"] * 2
    assert found["realized_return"].to_list() == [None, pytest.approx(-0.5), None, pytest.approx(0.1)]


@settings(deadline=None)
@given(
    closes=st.lists(st.one_of(st.none(), st.floats(1, 1000)), min_size=1, max_size=30),
    steps=st.lists(st.floats(1, 2), min_size=30, max_size=30),
)
def test_returns_compound_to_the_total(closes: list[float | None], steps: list[float]) -> None:
    factors, factor = [], 1.0
    for step in steps[: len(closes)]:
        factor *= step
        factors.append(factor)
    table = bars(closes, adj_factor=factors)
    live = [(close, factor) for close, factor in zip(closes, factors, strict=True) if close is not None]
    total = 1.0
    for value in prices.returns(table)["realized_return"].drop_nulls():
        total *= 1 + value
    if live:
        assert total == pytest.approx(live[-1][0] * live[-1][1] / (live[0][0] * live[0][1]), rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(cut=st.integers(1, 9), closes=st.lists(st.floats(1, 100), min_size=10, max_size=10))
def test_later_bars_change_no_earlier_row(cut: int, closes: list[float]) -> None:
    whole, part = bars(closes), bars(closes[:cut])
    assert prices.returns(whole).head(cut).equals(prices.returns(part))
    assert prices.adjusted(whole).head(cut).equals(prices.adjusted(part))
    assert prices.with_limits(whole).head(cut).equals(prices.with_limits(part))


def test_adjusted_prices() -> None:
    found = prices.adjusted(bars([10.0, 5.0], adj_factor=[1.0, 2.2], open=[None, 4.0]))
    assert found.columns == ["symbol", "session", "open", "high", "low", "close", "volume", "suspended"]
    assert found["close"].to_list() == pytest.approx([10.0, 11.0])
    assert found["open"].to_list() == [None, pytest.approx(8.8)]


@pytest.mark.parametrize(
    ("symbol", "day", "close", "expected"),
    [
        ("600519.SS", date(2024, 1, 3), 10.00, (11.00, 9.00)),
        ("600519.SS", date(2024, 1, 3), 10.05, (11.06, 9.05)),  # 11.055 and 9.045: half a cent goes up
        ("600519.SS", date(2024, 1, 3), 3.33, (3.66, 3.00)),
        ("600519.SS", date(2024, 1, 3), 0.05, (0.06, 0.05)),
        ("001289.SZ", date(2024, 1, 3), 10.00, (11.00, 9.00)),
        ("688981.SS", date(2019, 7, 22), 10.00, (12.00, 8.00)),
        ("689009.SS", date(2024, 1, 3), 10.00, (12.00, 8.00)),
        ("300750.SZ", date(2020, 8, 21), 10.00, (11.00, 9.00)),
        ("300750.SZ", date(2020, 8, 24), 10.00, (12.00, 8.00)),
        ("301269.SZ", date(2024, 1, 3), 10.00, (12.00, 8.00)),
        ("430047.BJ", date(2021, 11, 15), 10.00, (13.00, 7.00)),
        ("920047.BJ", date(2025, 1, 3), 10.00, (13.00, 7.00)),
        ("900901.SS", date(2024, 1, 3), 1.00, (1.10, 0.90)),
        ("600000.SS", date(1996, 12, 13), 10.00, (None, None)),
        ("000001.SS", date(2024, 1, 3), 3000.0, (None, None)),  # an index
        ("510300.SS", date(2024, 1, 3), 4.0, (None, None)),
        ("0700.HK", date(2024, 1, 3), 300.0, (None, None)),
        ("NVDA", date(2024, 1, 3), 500.0, (None, None)),
    ],
)
def test_limits_by_board_and_date(symbol: str, day: date, close: float, expected: tuple[float | None, float | None]) -> None:
    assert limit_of(symbol, day, close) == expected


def test_limits_under_special_treatment() -> None:
    assert limit_of("600519.SS", date(2024, 1, 3), 10.0, special=True) == (10.5, 9.5)
    assert limit_of("300750.SZ", date(2024, 1, 3), 10.0, special=True) == (12.0, 8.0)


@settings(deadline=None)
@given(cents=st.integers(1, 500_000), board=st.sampled_from([("600519.SS", 10), ("688981.SS", 20), ("430047.BJ", 30)]))
def test_limits_round_half_up_exactly(cents: int, board: tuple[str, int]) -> None:
    symbol, percent = board
    exact = [Decimal(cents) / 100 * (100 + sign * percent) / 100 for sign in (1, -1)]
    expected = tuple(float(value.quantize(Decimal("0.01"), ROUND_HALF_UP)) for value in exact)
    assert limit_of(symbol, date(2024, 1, 3), cents / 100) == expected


def test_limits_filled_from_the_close_before() -> None:
    found = prices.with_limits(bars([10.0, 11.0, None, 11.5], limit_up=[None, 12.34, None, None]))
    assert found["limit_up"].to_list() == [None, 12.34, 12.1, 12.1]
    assert found["limit_down"].to_list() == [None, 9.0, 9.9, 9.9]


def test_limits_on_the_ex_day_start_from_the_reference_price() -> None:
    found = prices.with_limits(bars([10.0, 5.0], adj_factor=[1.0, 2.0]))
    assert found["limit_up"].to_list() == [None, 5.5]


@pytest.mark.parametrize(
    ("symbol", "listed", "free"),
    [
        ("600519.SS", date(2023, 4, 10), 5),
        ("600519.SS", date(2023, 4, 7), 1),
        ("001289.SZ", date(2024, 1, 2), 5),
        ("688981.SS", date(2019, 7, 22), 5),
        ("300750.SZ", date(2020, 8, 21), 1),
        ("301269.SZ", date(2020, 8, 24), 5),
        ("830799.BJ", date(2021, 11, 15), 1),
        ("920047.BJ", date(2024, 3, 1), 1),
        ("0700.HK", date(2024, 3, 1), None),
        ("510300.SS", date(2024, 3, 1), None),
        ("000300.SS", date(2024, 3, 1), None),
    ],
)
def test_first_sessions_by_board_and_date(symbol: str, listed: date, free: int | None) -> None:
    row = pl.DataFrame({"symbol": [symbol], "listed": [listed]})
    assert row.select(price_limits.first_sessions(pl.col("symbol"), pl.col("listed"))).item() == free


@pytest.mark.parametrize(
    ("symbol", "first", "issue", "up", "down"),
    [
        # Registration: five sessions without a limit, whatever the issue price.
        ("600519.SS", "2024-01-02", 8.0, [None] * 5 + [11.0], [None] * 5 + [9.0]),
        ("688981.SS", "2019-07-22", 8.0, [None] * 5 + [12.0], [None] * 5 + [8.0]),
        ("300750.SZ", "2020-08-24", None, [None] * 5 + [12.0], [None] * 5 + [8.0]),
        # Before: the first day is bound to 144 % and 64 % of the issue price, the second to the board's limit.
        ("600519.SS", "2018-06-11", 8.01, [11.53] + [11.0] * 5, [5.13] + [9.0] * 5),
        ("300750.SZ", "2018-06-11", 25.14, [36.20] + [11.0] * 5, [16.09] + [9.0] * 5),
        ("300750.SZ", "2018-06-11", None, [None] + [11.0] * 5, [None] + [9.0] * 5),
        # Before 2014 a first day had no limit.
        ("600519.SS", "2012-06-11", 8.0, [None] + [11.0] * 5, [None] + [9.0] * 5),
        ("830799.BJ", "2022-06-13", 8.0, [None] + [13.0] * 5, [None] + [7.0] * 5),
    ],
)
def test_a_listing_by_the_rules_of_its_day(
    symbol: str, first: str, issue: float | None, up: list[float | None], down: list[float | None]
) -> None:
    days = calendar.sessions("XSHG", first, f"{int(first[:4])}-12-31")["session"].to_list()[:6]
    listings = pl.DataFrame(
        {"symbol": [symbol], "list_date": [days[0]], "issue_price": [issue]}, schema_overrides={"issue_price": pl.Float64}
    )
    found = prices.with_limits(bars([10.0] * 6, symbol=symbol, days=days), listings=listings)
    assert (found["limit_up"].to_list(), found["limit_down"].to_list()) == (up, down)


def test_a_share_listed_long_ago_or_before_its_first_bar_has_limits() -> None:
    old = pl.DataFrame({"symbol": ["600519.SS"], "list_date": [date(2001, 8, 27)]})
    assert prices.with_limits(bars([10.0] * 3), listings=old)["limit_up"].to_list()[1:] == [11.0, 11.0]


def test_special_treatment_by_dates() -> None:
    special = pl.DataFrame({"symbol": ["600519.SS"], "start": [DAYS[2]], "end": [DAYS[3]]})
    found = prices.with_limits(bars([10.0] * 6), special=special)
    assert found["limit_up"].to_list() == [None, 11.0, 10.5, 10.5, 11.0, 11.0]


def rules(table: pl.DataFrame) -> list[tuple[date, str]]:
    return prices.validate(table).select("session", "rule").rows()


def test_clean_bars_have_no_findings() -> None:
    assert prices.validate(bars([10.0, 10.5, 11.0])).is_empty()
    assert prices.validate(BARS.empty()).is_empty()


def test_each_rule() -> None:
    crossed = bars([10.0, 10.0, 10.0], high=[11.0, 9.5, 11.0], low=[9.0, 9.0, 10.5])
    assert rules(crossed) == [(DAYS[1], "high"), (DAYS[2], "low")]
    assert rules(bars([10.0] * 5 + [11.5])) == [(DAYS[5], "limit")]
    assert rules(bars([10.0, 11.5], symbol="300750.SZ")) == []
    assert rules(bars([10.0, 9.0], limit_up=[None, 11.0], limit_down=[None, 9.5])) == [(DAYS[1], "limit")]
    assert rules(bars([10.0, 21.0], symbol="0700.HK")) == [(DAYS[1], "jump")]
    assert rules(bars([10.0, 10.1], days=[DAYS[0], DAYS[3]])) == [(DAYS[3], "gap")]
    assert prices.validate(bars([10.0, 10.1], days=[DAYS[0], DAYS[3]]))["reason"][0] == f"2 sessions without a bar after {DAYS[0]}."
    twice = pl.concat([bars([10.0, 10.1]), bars([10.0])])
    assert rules(twice) == [(DAYS[0], "duplicate")]


def test_a_holiday_is_no_gap_and_a_split_no_jump() -> None:
    february = [date(2024, 2, 8), date(2024, 2, 19)]
    assert rules(bars([10.0, 10.2], days=february)) == []
    assert rules(bars([10.0, 5.0], adj_factor=[1.0, 2.0])) == []


def test_a_limit_move_of_a_cheap_share_is_within_rounding() -> None:
    # 1.05 -> 1.16 is 10.48 % and exactly the limit price.
    assert limit_of("600519.SS", DAYS[1], 1.05) == (1.16, 0.95)
    assert rules(bars([1.05, 1.16])) == []


def test_chained_factors_continue_on_another_base() -> None:
    whole = bars([10.0, 11.0, 5.6, 5.7], adj_factor=[1.0, 1.0, 2.0, 2.0])
    early = whole.head(2)
    # The later fetch begins at day 2 with a factor of 1 again, and its vendor halves the prices before the split.
    late = bars([5.5, 5.6, 5.7], days=DAYS[1:4])
    new = prices.chain(early, late)
    assert new["session"].to_list() == DAYS[2:4]
    assert prices.returns(pl.concat([early, new])).equals(prices.returns(whole))
    # Loaded the other way round, the earlier bars take the base of the later ones.
    old = prices.chain(late, early)
    assert old["session"].to_list() == DAYS[:1]
    assert prices.returns(pl.concat([old, late])).equals(prices.returns(whole))
    assert prices.chain(early, bars([3.0], symbol="NEW"))["adj_factor"].to_list() == [1.0]
    with pytest.raises(DataError, match="expected an overlap"):
        prices.chain(early, bars([5.6], days=DAYS[2:3]))


def test_a_share_just_listed_may_move_and_one_that_is_known_to_be_old_may_not() -> None:
    wild = bars([10.0, 15.0, 10.0, 15.0, 10.0, 15.0])
    assert rules(wild) == [(day, "listing") for day in DAYS[1:5]] + [(DAYS[5], "limit")]
    listed = pl.DataFrame({"symbol": ["600519.SS"], "list_date": [DAYS[0]]})
    assert prices.validate(wild, listings=listed).select("session", "rule").rows() == [(DAYS[5], "limit")]
    old = pl.DataFrame({"symbol": ["600519.SS"], "list_date": [date(2001, 8, 27)]})
    assert prices.validate(wild, listings=old)["rule"].to_list() == ["limit"] * 5


def test_a_share_under_special_treatment_moves_by_five_percent() -> None:
    table = bars([10.0] * 6 + [10.8])
    special = pl.DataFrame({"symbol": ["600519.SS"], "start": [DAYS[3]], "end": [None]}, schema_overrides={"end": pl.Date})
    assert rules(table) == []
    assert prices.validate(table, special=special).select("session", "rule").rows() == [(DAYS[6], "limit")]


@pytest.mark.parametrize(
    ("closes", "factors", "expected"),
    [
        ([100.0, 50.0], [1.0, 2.0], []),
        ([100.0, 56.0], [1.0, 2.0], []),
        ([100.0, 100.0], [1.0, 2.0], ["split"]),  # the price never fell: the split is in the factor alone
        ([100.0, 25.0], [1.0, 2.0], ["split"]),  # it fell twice by it
        ([10.0, 100.0], [1.0, 0.1], []),  # a consolidation
        ([10.0, 10.0], [1.0, 0.1], ["split"]),
        ([100.0, 97.0], [1.0, 1.03], []),
    ],
)
def test_a_split_applied_twice(closes: list[float], factors: list[float], expected: list[str]) -> None:
    assert prices.validate(bars(closes, symbol="QXMP", adj_factor=factors))["rule"].to_list() == expected


def test_a_symbol_that_may_mean_another_security() -> None:
    days = calendar.sessions("XNYS", "2024-01-02", "2024-12-31")["session"].to_list()
    early, late = days[:3], days[80:83]
    table = bars([50.0, 51.0, 50.0, 3.0, 3.1, 3.0], symbol="QXMP", days=[*early, *late])
    assert prices.validate(table).select("session", "rule").rows() == [(late[0], "gap"), (late[0], "identity")]
    near = bars([50.0, 51.0, 50.0, 30.0, 31.0, 30.0], symbol="QXMP", days=[*early, *late])
    assert prices.validate(near)["rule"].to_list() == ["gap"]


def test_currencies_that_change_or_are_odd() -> None:
    table = bars([10.0] * 3, currency=["CNY", "CNY", "HKD"])
    found = prices.validate(table, currencies={"600519.SS": "CNY"})
    assert found.select("session", "rule").rows() == [(None, "currency"), (DAYS[2], "currency")]
    assert found["reason"].to_list() == ["1 bars are in HKD; the symbol's market trades in CNY.", "The currency changes from CNY to HKD."]


def test_factors_against_stated_distributions_by_hand() -> None:
    """0.50 in cash at a close of 10, then 3 new for 10 held at a close of 9.6: steps of 10/9.5 and 1.3."""
    table = bars([10.0, 9.6, 7.4, 7.4], adj_factor=[1.0, 10 / 9.5, 13 / 9.5, 13 / 9.5])
    stated = pl.DataFrame({"symbol": ["600519.SS"] * 2, "ex_date": [DAYS[1], DAYS[2]], "cash": [0.5, 0.0], "shares": [0.0, 0.3]})
    assert against_distributions(table, stated).is_empty()
    found = against_distributions(table, stated.head(1))
    assert found.select("session", "rule").rows() == [(DAYS[2], "distribution")] and "no distribution is stated" in found["reason"][0]
    off = against_distributions(bars([10.0, 9.6, 7.4], adj_factor=[1.0, 1.0524, 1.0524 * 1.3]), stated)
    assert off["reason"].to_list() == ["The factor steps by 1.0524 and the stated distribution (cash 0.5, new shares 0.0) by 1.052632."]
    assert against_distributions(bars([10.0, 9.6, 7.4], adj_factor=[1.0, 1.0527, 1.0527 * 1.3]), stated).is_empty()
    # One of a day without a bar counts on the next one; one before the first bar has nothing to compare with.
    gap = table.filter(pl.col("session") != DAYS[1])
    assert against_distributions(gap, stated.with_columns(cash=pl.lit(0.0), shares=pl.Series([0.0, 0.3])))["session"].to_list() == [DAYS[2]]
    early = pl.DataFrame({"symbol": ["600519.SS"], "ex_date": [date(2023, 6, 1)], "cash": [1.0], "shares": [0.0]})
    assert against_distributions(bars([10.0, 10.0]), early).is_empty()


@settings(deadline=None, max_examples=40)
@given(
    ratios=st.lists(st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5]), min_size=1, max_size=12),
)
def test_the_base_is_a_ratio_that_occurs_and_the_median_of_five(ratios: list[float]) -> None:
    found = pl.DataFrame({"r": ratios}).select(prices.base(pl.col("r")))["r"].to_list()
    for number, value in enumerate(found):
        window = sorted(ratios[max(0, number - 4) : number + 1])
        middle = {window[(len(window) - 1) // 2], window[len(window) // 2]}
        assert value in middle and (1.0 not in middle or value == 1.0)
