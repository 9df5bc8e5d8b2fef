"""A run with mainland rules beside a bare `vectorbt.Portfolio.from_orders` of the same size, in one process, and the memory of a large one.

    python benchmarks/simulation.py [--names 500] [--sessions 2500] [--rounds 7]
    python benchmarks/simulation.py --names 5000 --memory

Bars are synthetic: random walks with limits, suspensions and volumes; every name gets a new weight in every session. vectorbt runs target
percentages with shared cash and automatic call sequence, warm, no rules and no tables. Ours is the whole of `backtests.run`: validation,
rules, costs, tables, metrics. Rounds alternate; the least of each is compared, since other load only adds.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import polars as pl

from backtests.costs import costs
from backtests.execution import Execution
from backtests.layout import layout_of
from backtests.rules import rules_of
from backtests.simulation import account_of, run, warm
from research.calendar import sessions


def market(m: int, n: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return bars and daily weights of ``m`` synthetic mainland names over ``n`` sessions."""
    rng = np.random.default_rng(seed)
    days = sessions("XSHG", "2010-01-01", "2026-06-30")["session"][-n:]
    names = pl.Series([f"{600000 + k:06d}.SS" if k < 4000 else f"{k - 3999:06d}.SZ" for k in range(m)]).sort()
    close = np.round(20 * np.exp(np.cumsum(np.clip(rng.normal(0, 0.02, (n, m)), -0.09, 0.09), axis=0)), 2).clip(1.0)
    before = np.vstack([np.full((1, m), 20.0), close[:-1]])
    up, down = np.round(before * 1.1, 2), np.round(before * 0.9, 2)
    opened = np.clip(np.round(before * (1 + rng.normal(0, 0.008, (n, m))), 2), down, up)
    place = pl.Series(np.tile(np.arange(m, dtype=np.uint32), n))
    keys = {"session": days.gather(pl.Series(np.repeat(np.arange(n, dtype=np.uint32), m))), "symbol": names.gather(place)}
    bars = pl.DataFrame(keys | {"open": opened.ravel(), "close": close.ravel(), "suspended": rng.random(n * m) < 0.01}).select(
        "symbol", "session", "open",
        high=pl.max_horizontal("open", "close"), low=pl.min_horizontal("open", "close"), close=pl.col("close"),
        volume=pl.Series(rng.uniform(5e5, 5e6, n * m)), amount=pl.lit(None, dtype=pl.Float64), adj_factor=pl.lit(1.0),
        suspended=pl.col("suspended"), limit_up=pl.Series(up.ravel()), limit_down=pl.Series(down.ravel()), currency=pl.lit("CNY"),
        available_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.duration(hours=7),
        source=pl.lit("synthetic"),
    )  # fmt: skip
    weight = rng.random((n, m))
    return bars, pl.DataFrame(keys | {"weight": (weight / weight.sum(axis=1, keepdims=True)).ravel()})


def bare(close: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the (wall, processor) seconds `from_orders` takes."""
    import pandas as pd
    import vectorbt as vbt

    frame = pd.DataFrame(close)
    began = _now()
    vbt.Portfolio.from_orders(
        frame,
        size=weight,
        size_type="targetpercent",
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        fees=0.0003,
        init_cash=1e9,
        freq="1D",
    )
    return _now() - began


def _now() -> np.ndarray:
    """Return (wall, processor) seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=2500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true", help="one run and its memory; no comparison")
    asked = parser.parse_args()
    bars, weights = market(asked.names, asked.sessions)
    print(warm())
    charged = costs("cn")
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if asked.memory:
        began = time.perf_counter()
        result = run(weights, bars, market="cn", costs=costs("cn", liquidity=True), cash=1e10, execution=Execution(participation=0.1))
        took = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{asked.names} x {asked.sessions}: {result.orders.height:,} orders in {took:.1f} s with cap and impact")
        print(f"peak memory {peak:.1f} GB, of which the inputs took {made:.1f} GB at their peak")
        return
    close = bars["close"].to_numpy().reshape(asked.sessions, -1)
    weight = weights["weight"].to_numpy().reshape(asked.sessions, -1)
    bare(close, weight)
    theirs, whole, engine = [], [], []
    layout = layout_of(weights, bars, ((rules_of("cn"), charged),), Execution(), "CNY")
    for _ in range(asked.rounds):
        theirs.append(bare(close, weight))
        began = _now()
        result = run(weights, bars, market="cn", costs=charged, cash=1e9)
        whole.append(_now() - began)
        began = _now()
        account_of(layout, charged, Execution(), 1e9, 60, 0.0)
        engine.append(_now() - began)
    print(f"{asked.names} x {asked.sessions}, {result.orders.height:,} orders, least of {asked.rounds} rounds: wall, processor")
    least = np.min(theirs, axis=0)
    for name, found in (("vectorbt.from_orders", theirs), ("engine alone", engine), ("backtests.run", whole)):
        wall, processor = np.min(found, axis=0)
        print(f"{name:<22} {wall:6.2f} s {wall / least[0]:5.2f} times   {processor:6.2f} s {processor / least[1]:5.2f} times")


if __name__ == "__main__":
    main()
