"""The simulation: five lines of ledger by hand, laws, refusals, and vectorbt's own account of the same fills."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from ledger import bar, random_market, weekdays, weight, weights

from backtests.accounts import Account
from backtests.costs import Costs, costs
from backtests.execution import Execution
from backtests.layout import Layout, layout_of
from backtests.rules import rules_of
from backtests.schemas import METRICS, PORTFOLIO
from backtests.simulation import account_of as simulated
from backtests.simulation import replay, replayed, run, warm
from research.errors import SchemaError, UnknownSymbolError, UsageError
from research.schemas import BARS


def test_five_lines_of_ledger_by_hand() -> None:
    """Buy 100 % of one name on the mainland, sell it all; every figure worked out with a pencil."""
    d = weekdays(5, date(2023, 8, 24))  # Thu 24, Fri 25, Mon 28 (stamp duty halves), Tue 29, Wed 30
    bars = BARS.frame(
        [
            bar("600001.SS", d[0], 10.0, 10.0),
            bar("600001.SS", d[1], 10.0, 11.0),
            bar("600001.SS", d[2], 11.0, 12.0),
            bar("600001.SS", d[3], 12.0, 12.0),
            bar("600001.SS", d[4], 12.0, 9.0),
        ]
    )
    charged = replace(costs("cn"), half_spread=10.0)
    result = run(
        weights([weight(d[0], "600001.SS", 1.0), weight(d[1], "600001.SS", 0.5), weight(d[2], "600001.SS", 0.0)]),
        bars,
        market="cn",
        costs=charged,
        cash=100_000.0,
    )
    # 1. Fri: 10,000 shares wanted; at 10.01 with fees of 0.026 % cash pays for 9,900 (99,099 + 24.77475 + 0.99099 = 99,124.76574).
    # 2. Mon: open 11: nav = 875.23426 + 9,900 x 11 = 109,775.23426; half of it is 4,989.78 shares; sell 4,910.2 -> 4,900 at 10.989 = 53,846.10.
    #    commission 13.461525, stamp duty 0.05 % 26.92305, transfer 0.538461.
    # 3. Tue: sell the other 5,000 at 11.988 = 59,940: commission 14.985, stamp duty 29.97, transfer 0.5994.
    rows = result.orders.select(
        "requested", "filled", "fill_price", "commission", "stamp_duty", "transfer_fee", "slippage", "status", "reason"
    ).rows()
    expected = [
        (10_000.0, 9_900.0, 10.01, 24.77475, 0.0, 0.99099, 99.0, "partial", "cash"),
        (-4_900.0, -4_900.0, 10.989, 13.461525, 26.92305, 0.538461, 53.9, "filled", None),
        (-5_000.0, -5_000.0, 11.988, 14.985, 29.97, 0.5994, 60.0, "filled", None),
    ]
    for came, wanted in zip(rows, expected, strict=True):
        assert came[:7] == pytest.approx(wanted[:7], rel=1e-12)
        assert came[7:] == wanted[7:]
    cash = [100_000 - 99_124.76574]
    cash.append(cash[0] + 53_846.10 - 40.923036)
    cash.append(cash[1] + 59_940 - 45.5544)
    nav = [cash[0] + 9_900 * 11, cash[1] + 5_000 * 12, cash[2], cash[2]]
    assert result.portfolio["nav"].to_list() == pytest.approx([x / 100_000 for x in nav], rel=1e-12)
    assert result.portfolio["turnover"].to_list() == pytest.approx([99_000 / 100_000, 53_900 / nav[0], 60_000 / nav[1], 0.0], rel=1e-12)
    assert result.portfolio["gross_exposure"].to_list() == pytest.approx([108_900 / nav[0], 60_000 / nav[1], 0.0, 0.0], rel=1e-12)


def test_zero_weights_keep_the_value_at_one() -> None:
    bars, targets = random_market("cn", 1)
    result = run(targets.with_columns(weight=pl.lit(0.0)), bars, market="cn", costs=costs("cn"))
    assert set(result.portfolio["nav"].to_list()) == {1.0}
    assert result.orders.is_empty()


@pytest.mark.parametrize("market", ["cn", "hk", "us"])
def test_more_fees_never_raise_the_net_return(market: str) -> None:
    # A large account, so that lots and minimum fees do not decide which shares are held.
    for seed in range(4):
        bars, targets = random_market(market, seed)
        free = targets.with_columns(pl.col("weight") * 0.8)
        ends = [run(free, bars, market=market, costs=costs(market).scaled(k), cash=1e9).portfolio["nav"][-1] for k in (0.0, 1.0, 2.0, 4.0)]
        assert ends == sorted(ends, reverse=True)


def test_net_plus_cost_is_gross_and_value_chains() -> None:
    bars, targets = random_market("us", 3)
    portfolio = run(targets, bars, market="us", costs=costs("us")).portfolio
    PORTFOLIO.validate(portfolio)
    assert (portfolio["net_return"] + portfolio["cost"] - portfolio["gross_return"]).abs().max() < 1e-15
    assert np.cumprod(1 + portfolio["net_return"].to_numpy()) == pytest.approx(portfolio["nav"].to_numpy(), rel=1e-12)
    free = run(targets, bars, market="us", costs=costs("us").scaled(0)).portfolio
    assert free["cost"].max() == 0 and free["gross_return"].equals(free["net_return"])


@pytest.mark.parametrize("table", ["gaps", "every session", "history before the first weight"])
def test_the_order_of_rows_does_not_matter(table: str) -> None:
    """Bars by session, by symbol and in no order at all, with a bar for every name and session or with gaps."""
    bars, targets = random_market("cn", 4)
    if table != "gaps":
        grid = bars.select("session").unique().join(bars.select("symbol").unique(), how="cross")
        filled = grid.join(bars, on=["session", "symbol"], how="left").sort("symbol", "session")
        filled = filled.with_columns(pl.col("suspended").fill_null(True), pl.col("limit_up", "limit_down").fill_null(0.5))
        kept = [name for name in BARS.schema if name not in ("symbol", "session", "open", "high", "low", "volume", "amount")]
        filled = filled.with_columns(pl.col(kept).fill_null(strategy="forward").over("symbol"))
        bars = filled.with_columns(pl.col(kept).fill_null(strategy="backward").over("symbol")).select(*BARS.schema)
        assert bars.height == bars["session"].n_unique() * bars["symbol"].n_unique()
    if table.startswith("history"):
        targets = targets.filter(pl.col("session") >= bars["session"].unique().sort()[35])
    kwargs = {"market": "cn", "costs": costs("cn", liquidity=True), "seed": 7, "execution": Execution(participation=0.1)}
    mixed = run(targets.sample(fraction=1, shuffle=True, seed=1), bars.sample(fraction=1, shuffle=True, seed=2), **kwargs)
    for ordered in (bars.sort("session", "symbol"), bars.sort("symbol", "session")):
        found = run(targets, ordered, **kwargs)
        assert found.portfolio.equals(mixed.portfolio)
        assert found.orders.equals(mixed.orders)
        assert found.metrics.equals(mixed.metrics)
        assert found.notes == mixed.notes


@pytest.mark.parametrize("seed", [2, 5])
def test_truncation_later_bars_change_nothing_earlier(seed: int) -> None:
    bars, targets = random_market("cn", seed)
    whole = run(targets, bars, market="cn", costs=costs("cn"), delisting_after=5, haircut=0.2)
    for session in whole.portfolio["session"].gather_every(7).to_list():
        past = bars.filter(pl.col("session") <= session)
        known = targets.filter(pl.col("symbol").is_in(past["symbol"].unique().to_list()))
        part = run(known, past, market="cn", costs=costs("cn"), delisting_after=5, haircut=0.2)
        if known.height == targets.height:
            assert part.portfolio.equals(whole.portfolio.filter(pl.col("session") <= session))
            assert part.orders.equals(whole.orders.filter(pl.col("session") <= session))


def test_nothing_is_sold_in_the_session_it_was_bought_in_and_limits_hold() -> None:
    for seed in range(4):
        bars, targets = random_market("cn", seed)
        orders = run(targets, bars, market="cn", costs=costs("cn")).orders
        assert orders.select("session", "symbol").is_unique().all(), "one order a session and symbol, so T+1 cannot be broken"
        done = orders.filter(pl.col("filled") != 0).join(bars, on=["session", "symbol"])
        assert done.filter(pl.col("suspended")).is_empty()
        assert done.filter((pl.col("filled") > 0) & (pl.col("open") >= pl.col("limit_up"))).is_empty()
        assert done.filter((pl.col("filled") < 0) & (pl.col("open") <= pl.col("limit_down"))).is_empty()
        assert done.filter((pl.col("fill_price") > pl.col("limit_up")) | (pl.col("fill_price") < pl.col("limit_down"))).is_empty()
        main = done.filter((pl.col("filled") > 0) & ~pl.col("symbol").str.starts_with("688") & ~pl.col("symbol").str.ends_with(".BJ"))
        assert (main["filled"] % 100).abs().max() == 0
        held = orders.sort("session").with_columns(pl.col("filled").cum_sum().over("symbol"))
        if bars["adj_factor"].max() == 1.0:
            assert held["filled"].min() >= -1e-9


def account_of(
    targets: pl.DataFrame, bars: pl.DataFrame, market: str, cash: float, execution: Execution, charged: Costs | None = None
) -> tuple[Layout, Account]:
    charged = charged or costs(market)
    layout = layout_of(targets, bars, ((rules_of(market), charged),), execution, charged.currency)
    return layout, simulated(layout, charged, execution, cash, 5, 0.2)


@pytest.mark.parametrize(("symbol", "free"), [("600001.SS", False), ("513100.SS", True), ("510300.SS", False)])
def test_t_plus_1_binds_when_a_day_has_two_rows(symbol: str, free: bool) -> None:
    """The public run has one row a session; the engine itself is asked for two, morning and afternoon."""
    d = weekdays(4)
    bars = BARS.frame([bar(symbol, day, 10.0, 10.0) for day in d])
    targets = weights([weight(day, symbol, x) for day, x in zip(d[:3], (0.5, 0.0, 0.0), strict=True)])
    charged = costs("cn")
    layout = layout_of(targets, bars, ((rules_of("cn"), charged),), Execution(), "CNY")
    twice = replace(layout, day=np.array([1, 1, 2]))
    account = simulated(twice, charged, Execution(), 1e6, 5, 0.0)
    blocked = [(50_000.0, 50_000.0, 0), (-50_000.0, 0.0, 4), (-50_000.0, -50_000.0, 0)]
    sold = [(50_000.0, 50_000.0, 0), (-50_000.0, -50_000.0, 0)]
    assert list(zip(*account.numbers[:2].tolist(), account.reason.tolist(), strict=True)) == (sold if free else blocked)


@pytest.mark.parametrize(
    ("names", "market", "execution"),
    [
        ("cn", "cn", Execution()),
        ("cn", "cn", Execution(blocked="wait", participation=0.05, fill="close")),
        ("hk", "hk", Execution(on_tick=True)),
        ("us", "us", Execution(blocked="die", participation=0.2)),
        ("crypto", "crypto", Execution(participation=0.05)),
        ("funds", "cn", Execution(fill="vwap")),
    ],
)
def test_vectorbt_comes_to_the_same_cash_and_value(names: str, market: str, execution: Execution) -> None:
    compared = 0
    for seed in range(3):
        bars, targets = random_market(names, seed)
        charged = replace(costs(market, liquidity=True), borrow_rate=0.0, financing_rate=0.0)
        layout, account = account_of(targets, bars, market, 1e6, execution, charged)
        book = replayed(layout, account, 1e6)
        assert len(book.orders.records) == int((account.numbers[1] != 0).sum())
        np.testing.assert_allclose(book.cash().to_numpy(), account.cash, rtol=1e-9, atol=1e-9 * 1e6)
        np.testing.assert_allclose(book.value().to_numpy(), account.nav, rtol=1e-9)
        fees = (account.numbers[3:6]).sum()
        assert book.orders.records["fees"].sum() == pytest.approx(fees, rel=1e-12)
        compared += len(account.nav)
    assert compared == 3 * len(account.nav)


def test_a_run_is_replayed_in_vectorbt_with_the_settings_it_had() -> None:
    bars, targets = random_market("us", 4)
    charged = replace(costs("us"), borrow_rate=0.0, financing_rate=0.0)
    result = run(targets, bars, market="us", costs=charged, execution=Execution(participation=0.05), delisting_after=5, haircut=0.3)
    value = replay(result, bars).value().to_numpy()
    np.testing.assert_allclose(value[-result.portfolio.height :] / result.cash, result.portfolio["nav"].to_numpy(), rtol=1e-9)


def test_orders_are_sized_before_the_open_they_fill_at() -> None:
    d = weekdays(3)
    bars = BARS.frame([bar("AAA", d[0], 10.0, 10.0), bar("AAA", d[1], 12.5, 12.5), bar("AAA", d[2], 12.5, 12.5)])
    target, free = weights([weight(d[0], "AAA", 0.5)]), costs("us").scaled(0)
    before = run(target, bars, market="us", costs=free, cash=1000.0)
    at_fill = run(target, bars, market="us", costs=free, cash=1000.0, execution=Execution(sizing="fill"))
    assert (before.orders["filled"].to_list(), at_fill.orders["filled"].to_list()) == ([50.0], [40.0])
    assert before.portfolio["gross_exposure"][0] == pytest.approx(0.625)
    assert any("close before" in note for note in before.notes) and any("not known before it" in note for note in at_fill.notes)
    over = run(weights([weight(d[0], "AAA", 1.0)]), bars, market="us", costs=free, cash=1000.0)
    assert over.orders.select("requested", "filled", "reason").row(0) == (100.0, 80.0, "cash"), "cash is never negative"


def test_of_two_decisions_before_one_fill_the_later_one_stands() -> None:
    d = weekdays(6)
    bars = BARS.frame([bar(s, day, 10.0, 10.0) for s in ("600001.SS", "600002.SS") for day in (d[0], d[2], d[3], d[4])])
    targets = [
        weight(d[0], "600001.SS", 0.9),
        weight(d[1], "600002.SS", 0.5),
        weight(d[3], "600001.SS", 0.2),
        weight(d[4], "600001.SS", 0.9),
    ]
    orders = run(weights(targets), bars, market="cn", costs=costs("cn").scaled(0), cash=100_000.0).orders
    assert orders.select("session", "symbol", "decided_session", "filled").rows() == [
        (d[2], "600002.SS", d[1], 5000.0), (d[4], "600001.SS", d[3], 2000.0), (d[4], "600002.SS", d[3], -5000.0),
    ]  # fmt: skip


def test_what_becomes_of_a_blocked_order() -> None:
    """Limit up on the first session; half of the wish on the second and third, by the volume cap."""
    d = weekdays(6)
    shares = [bar("600001.SS", d[0], 10.0, 10.0, volume=20_000.0), bar("600001.SS", d[1], 11.0, 11.0, limit_up=11.0, volume=20_000.0)]
    shares += [bar("600001.SS", day, 11.0, 11.0, limit_up=12.1, limit_down=9.9, volume=20_000.0) for day in d[2:]]
    target, free = weights([weight(d[0], "600001.SS", 0.5)]), costs("cn").scaled(0)

    def filled(blocked: str) -> list[tuple[date, float, float, str, str | None]]:
        how = Execution(blocked=blocked, participation=0.15)  # type: ignore[arg-type]
        orders = run(target, BARS.frame(shares), market="cn", costs=free, cash=100_000.0, execution=how).orders
        return orders.select("session", "requested", "filled", "status", "reason").rows()

    assert filled("shrink") == [(d[1], 5000.0, 0.0, "rejected", "limit_up")]
    assert filled("die") == filled("shrink")
    assert filled("wait") == [
        (d[1], 5000.0, 0.0, "rejected", "limit_up"),
        (d[2], 5000.0, 3000.0, "partial", "adv_cap"),
        (d[3], 2000.0, 2000.0, "filled", None),
    ]
    calm = BARS.frame([bar("600001.SS", day, 10.0, 10.0, volume=20_000.0) for day in d])
    for blocked, expected in (("shrink", (3000.0, "partial")), ("die", (0.0, "rejected"))):
        how = Execution(blocked=blocked, participation=0.15)  # type: ignore[arg-type]
        orders = run(target, calm, market="cn", costs=free, cash=100_000.0, execution=how).orders
        assert orders.select("filled", "status").row(0) == expected


def test_a_name_of_a_closed_exchange_is_worked_when_it_opens() -> None:
    days = weekdays(4, date(2024, 1, 5), every=True)  # Friday to Monday
    rows = [bar("BTC-USD", day, 100.0, 100.0) for day in days] + [bar("AAA", day, 10.0, 10.0) for day in (days[0], days[3])]
    result = run(
        weights([weight(days[0], "BTC-USD", 0.5), weight(days[0], "AAA", 0.5)]), BARS.frame(rows), market="us",
        costs=[costs("us").scaled(0), costs("crypto").scaled(0)], cash=1000.0,
    )  # fmt: skip
    assert result.orders.select("session", "symbol", "filled").rows() == [(days[1], "BTC-USD", 5.0), (days[3], "AAA", 50.0)]


def test_a_portfolio_in_two_currencies_by_hand() -> None:
    """Buy 50 % of a Hong Kong share with yuan: 0.9 yuan a dollar at the decision, 0.92 at the open, 0.95 at the close."""
    d = weekdays(3)
    rows = [bar("0700.HK", day, 300.0, 300.0) for day in d]
    rows += [bar("HKDCNY=X", d[0], 0.91, 0.9), bar("HKDCNY=X", d[1], 0.92, 0.95), bar("HKDCNY=X", d[2], 0.95, 0.95)]
    rows += [bar("600001.SS", day, 10.0, 10.0) for day in d]
    target = weights([weight(d[0], "0700.HK", 0.5), weight(d[0], "600001.SS", 0.1)])
    both = [costs("cn").scaled(0), costs("hk").scaled(0)]
    result = run(target, BARS.frame(rows), market="cn", costs=both, cash=1_000_000.0, benchmark="600001.SS")
    # 500,000 / (300 x 0.9) = 1,851.9 -> 1,800 shares for 300 x 0.92 = 276 yuan; worth 285 at the close.
    assert result.orders.filter(pl.col("symbol") == "0700.HK")["filled"].to_list() == [1800.0]
    assert result.portfolio["nav"].to_list() == pytest.approx([1 + 1800 * 9 / 1e6] * 2, rel=1e-12)
    assert result.base == "CNY" and any("Cash is CNY" in note for note in result.notes)
    with pytest.raises(UsageError, match="no bars convert the two"):
        run(target, BARS.frame([r for r in rows if r["symbol"] != "HKDCNY=X"]), market="cn", costs=both)
    with pytest.raises(UsageError, match="expected one currency"):
        run(target, BARS.frame(rows), market="cn", costs=both[0])
    with pytest.raises(UsageError, match="expected costs of its market among them"):
        run(
            weights([weight(d[0], "7203.T", 0.1)]),
            BARS.frame([*rows, *(bar("7203.T", x, 1.0, 1.0, currency="CNY") for x in d)]),
            market="cn",
            costs=both,
        )


def test_board_lots_come_from_terms_and_the_rest_is_noted() -> None:
    d = weekdays(3)
    rows = BARS.frame([bar(s, day, 10.0, 10.0) for s in ("0700.HK", "0005.HK") for day in d])
    target = weights([weight(d[0], s, 0.5) for s in ("0700.HK", "0005.HK")])
    terms = pl.DataFrame({"symbol": ["0700.HK"], "lot": [400.0]})
    result = run(target, rows, market="hk", costs=costs("hk").scaled(0), cash=22_000.0, terms=terms)
    assert dict(result.orders.select("symbol", "filled").rows()) == {"0700.HK": 800.0, "0005.HK": 1100.0}
    assert any("The board lot of 1 names is assumed" in note and "0005.HK" in note for note in result.notes)


def test_financing_is_paid_on_longs_above_net_value() -> None:
    d = weekdays(4, date(2023, 7, 6))  # Thu, Fri, Mon, Tue
    bars = BARS.frame([bar(s, day, 10.0, 10.0) for s in ("AAA", "BBB") for day in d])
    charged = replace(costs("us").scaled(0), financing_rate=0.0365)
    result = run(weights([weight(d[0], "AAA", 1.5), weight(d[0], "BBB", -0.5)]), bars, market="us", costs=charged, cash=1e6)
    assert result.charges is not None
    nav = [1.0, 1 - 0.0001 * 3 * 0.5]
    nav.append(nav[1] - 0.0001 * (1.5 - nav[1]))
    assert result.charges["financing"].to_list() == pytest.approx([0.0, 150.0, 1e6 * (nav[1] - nav[2])])
    assert result.portfolio["nav"].to_list() == pytest.approx(nav, rel=1e-12)


def test_the_engine_says_whether_it_was_compiled() -> None:
    assert "in " in warm() and any(word in warm() for word in ("compiled and cached", "loaded from the cache"))


def test_a_dividend_is_worth_the_same_as_a_higher_price() -> None:
    d = weekdays(6)
    prices = [20.0, 20.0, 20.5, 21.0, 21.5, 22.0]
    plain = [bar("AAA", day, p, p) for day, p in zip(d, prices, strict=True)]
    # From the fourth session on the price is 5 % lower and the factor makes up for it.
    paid = [
        bar("AAA", day, p * (0.95 if i >= 3 else 1), p * (0.95 if i >= 3 else 1), adj_factor=1 / 0.95 if i >= 3 else 1.0)
        for i, (day, p) in enumerate(zip(d, prices, strict=True))
    ]
    target = weights([weight(d[0], "AAA", 0.5)])
    navs = [run(target, BARS.frame(rows), market="us", costs=costs("us")).portfolio["nav"] for rows in (plain, paid)]
    assert navs[0].to_list() == pytest.approx(navs[1].to_list(), rel=1e-12)


def test_a_suspended_name_is_frozen_and_a_delisted_one_is_settled() -> None:
    d = weekdays(12)
    other = [bar("600002.SS", day, 5.0, 5.0) for day in d]
    gone = [bar("600001.SS", day, 10.0, 10.0 + i) for i, day in enumerate(d[:4])]
    frozen = [*gone, *(bar("600001.SS", day, None, 13.0, suspended=True) for day in d[4:])]
    target = weights([weight(d[0], "600001.SS", 0.5), weight(d[0], "600002.SS", 0.0), weight(d[6], "600002.SS", 0.1)])
    free = costs("cn").scaled(0)
    kept = run(target, BARS.frame(other + frozen), market="cn", costs=free, cash=1e6)
    assert kept.portfolio["nav"].to_list()[2:] == pytest.approx([1.15] * 9)
    assert kept.orders.filter(pl.col("symbol") == "600001.SS")["reason"].to_list() == [None, "suspended"]
    sold = run(target, BARS.frame(other + gone), market="cn", costs=free, cash=1e6, delisting_after=4, haircut=0.5)
    settled = sold.orders.filter(pl.col("symbol") == "600001.SS").rows(named=True)[-1]
    assert (settled["session"], settled["filled"], settled["fill_price"], settled["commission"]) == (d[7], -50_000.0, 6.5, 0.0)
    assert sold.portfolio["nav"].to_list() == pytest.approx([1.05, 1.10, 1.15, 1.15, 1.15, 1.15, 0.825, 0.825, 0.825, 0.825, 0.825])


def test_a_short_position_pays_borrow_by_calendar_day() -> None:
    d = weekdays(6, date(2023, 7, 6))  # Thu, Fri, Mon …
    bars = BARS.frame([bar("AAA", day, 10.0, 10.0) for day in d])
    charged = replace(costs("us").scaled(0), borrow_rate=0.0365)
    portfolio = run(weights([weight(d[0], "AAA", -0.5)]), bars, market="us", costs=charged, cash=1e6).portfolio
    daily = 500_000 * 0.0365 / 365
    assert portfolio["nav"].to_list() == pytest.approx(
        [1.0, 1 - 3 * daily / 1e6, 1 - 4 * daily / 1e6, 1 - 5 * daily / 1e6, 1 - 6 * daily / 1e6], rel=1e-12
    )


def test_the_benchmark_is_compared() -> None:
    bars, targets = random_market("us", 2, dividends=False)
    result = run(targets, bars, market="us", costs=costs("us"), benchmark="AAA")
    METRICS.validate(result.metrics)
    assert {"beta", "annual_alpha", "tracking_error", "information_ratio"} <= set(result.metrics["metric"].to_list())
    assert result.benchmark is not None
    assert result.benchmark["session"].equals(result.portfolio["session"])


def test_wrong_input_is_answered_with_a_sentence() -> None:
    d = weekdays(5)
    bars = BARS.frame([bar("600001.SS", day, 10.0, 10.0) for day in d])
    good, charged = weights([weight(d[0], "600001.SS", 0.5)]), costs("cn")
    with pytest.raises(UnknownSymbolError, match=r"without bars \(600009\.SS\)"):
        run(weights([weight(d[0], "600009.SS", 0.5)]), bars, market="cn", costs=charged)
    with pytest.raises(SchemaError, match="NaN"):
        run(weights([weight(d[0], "600001.SS", math.nan)]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match=r"gross of 1\.2000; expected at most 1 of net asset value"):
        run(weights([weight(d[0], "600001.SS", 1.2)]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="before the first fill"):
        run(weights([weight(d[-1], "600001.SS", 0.5)]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="no rows"):
        run(good.clear(), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="expected one of cn, hk, us, crypto"):
        run(good, bars, market="jp", costs=charged)
    with pytest.raises(UsageError, match="2023-07-08, which is no session of XSHG"):
        run(
            pl.concat([good, weights([weight(date(2023, 7, 8), "600001.SS", 0.1)])]),
            BARS.frame([bar("600001.SS", x, 10.0, 10.0) for x in weekdays(9)]),
            market="cn",
            costs=charged,
        )
    with pytest.raises(SchemaError, match="at least 0"):
        run(good, bars.with_columns(volume=pl.lit(-1.0)), market="cn", costs=charged)
    with pytest.raises(SchemaError, match="share a key"):
        run(good, pl.concat([bars, bars]), market="cn", costs=charged)
    with pytest.raises(SchemaError, match="share a key"):
        run(pl.concat([good, good]), bars, market="cn", costs=charged)
    with pytest.raises(UsageError, match="one for each market"):
        run(good, bars, market="cn", costs=[costs("us")])
    late, soon = (
        good.with_columns(asof=pl.lit(datetime(2023, 7, 4, 1, minute, tzinfo=UTC)).dt.cast_time_unit("us")) for minute in (30, 29)
    )
    with pytest.raises(UsageError, match=r"decided at 2023-07-04 01:30 UTC, not before the open it fills at \(2023-07-04 01:30 UTC\)"):
        run(late, bars, market="cn", costs=charged)
    assert run(soon, bars, market="cn", costs=charged).orders.height == 1
    with pytest.raises(UsageError, match="blocked came as 'drop'"):
        Execution(blocked="drop")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"share of the volume in \(0, 1\]"):
        Execution(participation=0.0)
    lots = bars.with_columns(high=pl.lit(10.1), low=pl.lit(9.9), volume=pl.lit(1e4), amount=pl.lit(1e7))
    with pytest.raises(UsageError, match="whether volumes are in lots"):
        run(good, lots, market="cn", costs=charged, execution=Execution(fill="vwap"))
    with pytest.raises(UsageError, match="same market"):
        run(good, bars, market="cn", costs=costs("us"))
    with pytest.raises(UsageError, match="positive amount of CNY"):
        run(good, bars, market="cn", costs=charged, cash=0.0)
    with pytest.raises(UnknownSymbolError, match="benchmark"):
        run(good, bars, market="cn", costs=charged, benchmark="000300.SS")
    with pytest.raises(UsageError, match="begins on 2008"):
        old = weekdays(3, date(2005, 1, 3))
        run(
            weights([weight(old[0], "600001.SS", 0.5)]),
            BARS.frame([bar("600001.SS", day, 10.0, 10.0) for day in old]),
            market="cn",
            costs=charged,
        )


def test_importing_the_package_does_not_load_vectorbt() -> None:
    code = "import sys, backtests.simulation, backtests.report, backtests.plots; sys.exit(int('vectorbt' in sys.modules or 'numba' in sys.modules or 'plotly' in sys.modules or 'pandas' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_symbol_in_another_currency_is_refused():
    days = weekdays(3)
    shares = [
        bar(symbol, day, 1.0, 1.0, currency=currency) for symbol, currency in (("900901.SS", "USD"), ("600001.SS", "CNY")) for day in days
    ]
    with pytest.raises(UsageError, match=r"900901\.SS are in USD .* in CNY"):
        run(weights([weight(days[0], "900901.SS", 0.5)]), BARS.frame(shares), market="cn", costs=costs("cn"))


def test_bars_without_opens_are_refused_instead_of_never_filled():
    days = weekdays(5)
    shares = BARS.frame([bar("600001.SS", day, None, 10.0) for day in days])
    with pytest.raises(UsageError, match="has an open"):
        run(weights([weight(days[0], "600001.SS", 0.5)]), shares, market="cn", costs=costs("cn"))


def test_a_name_that_returns_after_it_was_settled_is_named_in_the_notes():
    """Vendors that drop suspended days make a long suspension look like a delisting; what it cost is not in the account."""
    days = weekdays(30)
    gone = [bar("600001.SS", day, 10.0, 10.0) for day in days[:3]] + [bar("600001.SS", day, 5.0, 5.0) for day in days[20:]]
    other = [bar("600002.SS", day, 10.0, 10.0) for day in days]
    target = weights([weight(days[0], "600001.SS", 1.0)])
    early = run(target, BARS.frame(gone + other), market="cn", costs=costs("cn").scaled(0), cash=1e4, delisting_after=5)
    late = run(target, BARS.frame(gone + other), market="cn", costs=costs("cn").scaled(0), cash=1e4, delisting_after=25)
    assert early.portfolio["nav"][-1] == pytest.approx(1.0) and any("traded again later (600001.SS)" in note for note in early.notes)
    assert late.portfolio["nav"][-1] == pytest.approx(0.5) and not any("traded again" in note for note in late.notes)


def test_a_frame_of_pandas_is_told_what_to_be():
    import pandas as pd

    with pytest.raises(UsageError, match=r"Table weights came as a pandas DataFrame; expected a polars DataFrame"):
        run(pd.DataFrame({"session": []}), BARS.empty(), market="us", costs=costs("us"))  # type: ignore[arg-type]
