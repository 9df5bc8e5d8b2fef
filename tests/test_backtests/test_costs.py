from __future__ import annotations

from datetime import date

import pytest

from backtests.costs import costs
from research.errors import UsageError


@pytest.mark.parametrize(
    ("market", "schedule", "day", "rate"),
    [
        ("cn", "stamp_duty_sell", date(2023, 8, 27), 0.001),
        ("cn", "stamp_duty_sell", date(2023, 8, 28), 0.0005),
        ("cn", "stamp_duty_buy", date(2024, 1, 2), 0.0),
        ("cn", "levy_buy", date(2022, 4, 28), 0.00002),
        ("cn", "levy_sell", date(2022, 4, 29), 0.00001),
        ("hk", "stamp_duty_buy", date(2021, 7, 30), 0.001),
        ("hk", "stamp_duty_buy", date(2021, 8, 2), 0.0013),
        ("hk", "stamp_duty_sell", date(2023, 11, 17), 0.001),
        ("hk", "levy_sell", date(2023, 6, 1), 0.0000270 + 0.0000015 + 0.0000565),
        ("us", "levy_sell", date(2024, 5, 22), 27.8e-6),
        ("us", "levy_sell", date(2025, 6, 2), 0.0),
        ("us", "levy_buy", date(2025, 6, 2), 0.0),
        ("us", "share_fee_sell", date(2024, 2, 1), 0.000166),
        ("us", "share_fee_sell", date(2026, 9, 30), 0.000195),
        ("us", "share_fee_sell", date(2026, 10, 1), 0.0),
        ("us", "share_fee_sell", date(2027, 1, 4), 0.000195),
        ("us", "levy_sell", date(2022, 5, 13), 5.1e-6),
        ("us", "levy_sell", date(2022, 5, 16), 22.9e-6),
        ("us", "levy_sell", date(2026, 4, 2), 0.0),
        ("us", "levy_sell", date(2026, 4, 6), 20.6e-6),
    ],
)
def test_schedules(market: str, schedule: str, day: date, rate: float) -> None:
    assert costs(market).rate(schedule, day) == pytest.approx(rate, rel=1e-12, abs=0)


def test_scaled_multiplies_everything_and_only_that() -> None:
    plain, double = costs("hk"), costs("hk").scaled(2.0)
    for name in ("commission", "minimum_commission", "half_spread", "borrow_rate", "financing_rate", "spread_floor", "duty_rounding"):
        assert getattr(double, name) == 2 * getattr(plain, name)
    day = date(2024, 1, 2)
    for name in ("stamp_duty_buy", "stamp_duty_sell", "levy_buy", "levy_sell", "share_fee_sell", "share_fee_cap"):
        assert double.rate(name, day) == 2 * plain.rate(name, day)
    assert (double.market, double.exempt, double.assumptions) == (plain.market, plain.exempt, plain.assumptions)
    with pytest.raises(UsageError, match="at least 0"):
        plain.scaled(-1)


def test_funds_are_exempt_on_the_mainland() -> None:
    assert [costs("cn").is_exempt(s) for s in ("510300.SS", "159915.SZ", "600519.SS", "000001.SZ", "588000.SS")] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert not costs("us").is_exempt("SPY")


def test_hong_kong_settlement_and_duty_of_funds() -> None:
    hk = costs("hk")
    before, after = date(2025, 6, 27), date(2025, 6, 30)
    assert [hk.rate("settlement", d) for d in (before, after)] == [0.00002, 0.000042]
    assert [hk.rate("settlement_minimum", d) for d in (before, after)] == [2.0, 0.0]
    assert hk.duty_free_since("3033.HK") == date(2015, 2, 13) and hk.duty_free_since("9988.HK") is None


def test_liquidity_states_its_assumptions() -> None:
    for market in ("cn", "hk", "us", "crypto"):
        plain, liquid = costs(market), costs(market, liquidity=True)
        assert plain.impact == 0 and not plain.spread_tiers and "no market impact" in plain.assumptions
        assert liquid.impact > 0 and "no market impact" not in liquid.assumptions
        amounts, halves = zip(*liquid.spread_tiers, strict=True)
        assert list(amounts) == sorted(amounts, reverse=True) and list(halves) == sorted(halves), "the richer, the narrower"
    assert costs("crypto").currency == "USD"


def test_a_day_before_the_schedule_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="begins on 2012-07-01; 2010-01-04 came"):
        costs("us").rate("levy_sell", date(2010, 1, 4))
    with pytest.raises(UsageError, match="expected one of cn, hk, us, crypto"):
        costs("jp")
