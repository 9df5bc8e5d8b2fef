from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from backtests.rules import rules_of
from research.errors import UsageError


def test_rules_are_dated_sourced_and_frozen() -> None:
    for market in ("cn", "hk", "us"):
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


def test_an_unknown_market_is_named() -> None:
    with pytest.raises(UsageError, match="'jp'; expected one of cn, hk, us"):
        rules_of("jp")
