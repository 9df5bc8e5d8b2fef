"""Every order, fill, fee, charge and balance of the simulation against an account kept by hand, on every rule set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from ledger import Ledger, random_market

from backtests.costs import Costs, costs
from backtests.execution import Execution
from backtests.rules import rules_of
from backtests.schemas import ORDERS
from backtests.simulation import Backtest, run
from backtests.terms import TERMS

COLUMNS = ["session", "symbol", "requested", "filled", "fill_price", "commission", "stamp_duty", "transfer_fee", "slippage", "reason"]
CHARGES = ("commission", "stamp_duty", "transfer_fee", "slippage", "borrow", "financing")
TERMS_HK = [
    {"symbol": "0900.HK", "lot": 500.0}, {"symbol": "0901.HK", "shortable": False}, {"symbol": "2800.HK", "lot": 500.0},
    {"symbol": "0904.HK", "borrow_rate": 0.12}, {"symbol": "AAA", "shortable": False}, {"symbol": "AAB", "borrow_rate": 0.3},
]  # fmt: skip
PLAIN = Execution()


@dataclass(frozen=True)
class Case:
    names: str
    markets: tuple[str, ...]
    execution: Execution = PLAIN
    liquidity: bool = False
    terms: bool = False
    more: dict[str, float] = field(default_factory=dict)


CASES = {
    "cn": Case("cn", ("cn",)),
    "hk": Case("hk", ("hk",)),
    "us": Case("us", ("us",)),
    "crypto": Case("crypto", ("crypto",)),
    "funds": Case("funds", ("cn",)),
    "world": Case("world", ("us", "cn", "hk", "crypto"), terms=True),
    "cn wait, cap": Case("cn", ("cn",), Execution(blocked="wait", participation=0.05)),
    "cn die, cap": Case("cn", ("cn",), Execution(blocked="die", participation=0.1)),
    "cn close, impact": Case("cn", ("cn",), Execution(fill="close"), liquidity=True),
    "cn vwap, cap of the day": Case("cn", ("cn",), Execution(fill="vwap", participation=0.02, volume="day")),
    "cn sized at the fill": Case("cn", ("cn",), Execution(sizing="fill")),
    "hk on tick, terms": Case("hk", ("hk",), Execution(on_tick=True, participation=0.1), terms=True),
    "hk impact, wait": Case("hk", ("hk",), Execution(blocked="wait", participation=0.03, on_tick=True), liquidity=True, terms=True),
    "us impact, terms": Case("us", ("us",), Execution(participation=0.1), liquidity=True, terms=True),
    "us close, dear": Case("us", ("us",), Execution(fill="close", sizing="fill"), more={"borrow_rate": 0.2, "commission": 0.001}),
    "crypto impact, wait": Case("crypto", ("crypto",), Execution(blocked="wait", participation=0.01), liquidity=True),
    "funds on tick": Case("funds", ("cn",), Execution(on_tick=True, blocked="wait")),
    "world wait, impact": Case("world", ("us", "cn", "hk", "crypto"), Execution(blocked="wait", participation=0.02), liquidity=True),
}
STARTS = (date(2023, 7, 3), date(2021, 6, 1), date(2025, 5, 5))


def play(case: Case, seed: int, n: int = 60) -> tuple[Backtest, Ledger]:
    bars, targets = random_market(case.names, seed, n=n, start=STARTS[seed % 3])
    charged: list[Costs] = [replace(costs(m, liquidity=case.liquidity), **case.more) for m in case.markets]  # type: ignore[arg-type]
    cash = [10_000_000.0, 300_000.0, 40_000.0][(seed + seed // 3) % 3]
    haircut = 0.3 if seed % 2 else 0.0
    terms = TERMS.frame(TERMS_HK) if case.terms else None
    by_symbol = {r["symbol"]: r for r in terms.iter_rows(named=True)} if terms is not None else None
    oracle = Ledger([(rules_of(m), c) for m, c in zip(case.markets, charged, strict=True)], cash, 5, haircut, case.execution, by_symbol)
    oracle.play(bars, targets)
    result = run(
        targets, bars, market=case.markets[0], costs=charged[0] if len(charged) == 1 else charged, cash=cash, delisting_after=5,
        haircut=haircut, execution=case.execution, terms=terms,
    )  # fmt: skip
    return result, oracle


def compare(result: Backtest, oracle: Ledger) -> int:
    """Raise where the two differ by more than 1e-9; return how many figures were compared."""
    came, expected = result.orders.select(COLUMNS).rows(), sorted(oracle.fills, key=lambda r: (r[0], r[1]))
    assert [(r[0], r[1], r[-1]) for r in came] == [(r[0], r[1], r[-1]) for r in expected]
    mine, theirs = (np.array([[np.nan if x is None else x for x in r[2:9]] for r in rows], dtype=float) for rows in (came, expected))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-6)
    before = np.concatenate([[result.cash], oracle.navs[:-1]])
    navs = np.array(oracle.navs)
    portfolio = result.portfolio
    np.testing.assert_allclose(portfolio["nav"].to_numpy() * result.cash, navs, rtol=1e-9)
    cash = portfolio["nav"].to_numpy() * (1 - portfolio["net_exposure"].to_numpy()) * result.cash
    np.testing.assert_allclose(cash / navs, np.array(oracle.cash_path) / navs, rtol=0, atol=1e-9)
    charges = np.array([[row[name] for name in CHARGES] for row in oracle.charges])
    assert result.charges is not None
    np.testing.assert_allclose(result.charges.select(CHARGES).to_numpy(), charges, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(portfolio["cost"].to_numpy(), charges.sum(axis=1) / before, rtol=1e-9, atol=1e-14)
    return mine.size + 3 * len(navs) + charges.size


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", CASES)
def test_every_order_fee_and_balance_equals_the_account_kept_by_hand(name: str, seed: int) -> None:
    result, oracle = play(CASES[name], seed)
    assert compare(result, oracle) > 500
    ORDERS.validate(result.orders)


@pytest.mark.parametrize("name", ["cn wait, cap", "world wait, impact", "hk impact, wait"])
def test_a_long_run_stays_equal(name: str) -> None:
    assert compare(*play(CASES[name], 1, n=300)) > 5_000


def test_the_random_markets_meet_every_reason_and_status() -> None:
    seen: set[object] = set()
    for name in ("cn", "cn wait, cap", "us", "world"):
        for seed in (0, 4):
            orders = play(CASES[name], seed)[0].orders
            seen |= set(orders["reason"].to_list()) | set(orders["status"].to_list())
            cut = orders.filter((pl.col("status") != "filled") & pl.col("reason").is_null())
            assert cut.is_empty(), "every order that was cut says why"
    assert seen >= {"filled", "partial", "rejected", None, "limit_up", "limit_down", "suspended", "lot", "cash", "no_short", "adv_cap"}
