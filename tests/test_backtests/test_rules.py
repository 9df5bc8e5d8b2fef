from __future__ import annotations

import dataclasses
from datetime import date

import polars as pl
import pytest

from backtests.fund_limits import WIDE_SINCE
from backtests.rules import rules_of
from research.errors import UsageError
from research.price_limits import board_limit


def test_rules_are_dated_sourced_and_frozen() -> None:
    for market in ("cn", "hk", "us", "crypto"):
        rules = rules_of(market)
        assert rules.market == market
        assert rules.provisions and all(p.text and p.source and p.since < date(2026, 1, 1) for p in rules.provisions)
        with pytest.raises(dataclasses.FrozenInstanceError):
            rules.max_gross = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("market", "symbol", "expected"),
    [
        ("cn", "600519.SS", (100, 100)),
        ("cn", "300750.SZ", (100, 100)),
        ("cn", "688981.SS", (200, 1)),
        ("cn", "689009.SS", (200, 1)),
        ("cn", "430047.BJ", (100, 1)),
        ("hk", "0700.HK", (100, 100)),
        ("us", "NVDA", (1, 1)),
    ],
)
def test_lots(market: str, symbol: str, expected: tuple[int, int]) -> None:
    assert rules_of(market).lot(symbol) == expected


def test_what_each_market_allows() -> None:
    cn, hk, us = (rules_of(m) for m in ("cn", "hk", "us"))
    assert (cn.t_plus_1, cn.price_limits, cn.short_selling, cn.max_gross) == (True, True, False, 1.0)
    assert not hk.t_plus_1 and not us.t_plus_1 and hk.short_selling and us.short_selling


def test_the_limit_rows_say_what_the_limits_of_the_bars_are_computed_with() -> None:
    codes = ("600519.SS", "688981.SS", "000001.SZ", "300750.SZ", "430047.BJ", "900901.SS", "200002.SZ")
    days = [
        date(1996, 12, 16),
        date(2009, 10, 30),
        date(2019, 7, 22),
        date(2020, 8, 21),
        date(2020, 8, 24),
        date(2021, 11, 15),
        date(2025, 1, 2),
        date(2026, 7, 3),
        date(2026, 7, 6),
    ]
    for special in (False, True):
        for symbol in codes:
            for day in days:
                frame = pl.DataFrame({"symbol": [symbol], "session": [day], "special": [special]})
                expected = frame.select(board_limit(pl.col("symbol"), pl.col("session"), pl.col("special"))).item()
                if symbol == "300750.SZ" and day < date(2009, 10, 30):
                    continue  # before ChiNext there was no such share
                assert rules_of("cn").limit(symbol, day, special) == expected, (symbol, day, special)
    assert [rules_of("cn").limit("588000.SS", day) for day in (date(2020, 8, 21), WIDE_SINCE)] == [10, 20]


@pytest.mark.parametrize(
    ("market", "symbol", "day", "price", "tick"),
    [
        ("hk", "0700.HK", date(2025, 8, 1), 15.0, 0.02),
        ("hk", "0700.HK", date(2025, 8, 4), 15.0, 0.01),
        ("hk", "0700.HK", date(2025, 8, 1), 49.95, 0.05),
        ("hk", "0700.HK", date(2025, 8, 4), 49.98, 0.02),
        ("hk", "0700.HK", date(2025, 8, 4), 60.0, 0.05),
        ("hk", "0700.HK", date(2025, 8, 4), 0.2, 0.001),
        ("hk", "0700.HK", date(2025, 8, 4), 600.0, 0.5),
        ("hk", "2800.HK", date(2020, 5, 29), 25.0, 0.05),
        ("hk", "2800.HK", date(2020, 6, 1), 25.0, 0.02),
        ("hk", "2800.HK", date(2026, 1, 2), 25.0, 0.02),
        ("hk", "2800.HK", date(2026, 8, 3), 9.0, 0.005),
        ("hk", "2800.HK", date(2026, 8, 3), 6000.0, 1.0),
        ("hk", "0700.HK", date(2026, 7, 31), 5.0, 0.01),
        ("hk", "0700.HK", date(2026, 8, 3), 5.0, 0.005),
        ("hk", "0700.HK", date(2026, 8, 3), 0.3, 0.005),
        ("hk", "0700.HK", date(2026, 8, 3), 0.2, 0.001),
        ("cn", "600519.SS", date(2024, 1, 2), 1700.0, 0.01),
        ("cn", "510300.SS", date(2024, 1, 2), 3.5, 0.001),
        ("us", "NVDA", date(2024, 1, 2), 130.0, 0.01),
        ("us", "NVDA", date(2024, 1, 2), 0.5, 0.0001),
        ("crypto", "BTC-USD", date(2024, 1, 2), 40_000.0, 0.0),
    ],
)
def test_ticks_by_price_and_day(market: str, symbol: str, day: date, price: float, tick: float) -> None:
    assert rules_of(market).tick(symbol, day, price) == tick


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        (0.25, 0.001), (0.255, 0.005), (10.0, 0.005), (10.01, 0.01), (20.0, 0.01), (20.02, 0.02), (50.0, 0.02), (50.05, 0.05),
        (100.0, 0.05), (100.1, 0.1), (200.0, 0.1), (200.2, 0.2), (500.0, 0.2), (500.5, 0.5), (1000.0, 0.5), (1001.0, 1.0),
        (2000.0, 1.0), (2002.0, 2.0), (5000.0, 2.0), (5005.0, 5.0), (9995.0, 5.0),
    ],
)  # fmt: skip
def test_a_band_of_the_hong_kong_schedule_holds_its_upper_end(price: float, tick: float) -> None:
    assert rules_of("hk").tick("0005.HK", date(2026, 9, 1), price) == tick


def test_an_unknown_market_is_named() -> None:
    with pytest.raises(UsageError, match="'jp'; expected one of cn, hk, us, crypto"):
        rules_of("jp")
