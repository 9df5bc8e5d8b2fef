"""How long a sweep of 200 variants takes, beside separate runs of bt and backtrader.

    .venv/bin/python benchmarks/sweep.py [--names 50] [--sessions 1250] [--runs 2] [--python OTHER/bin/python]

Synthetic prices and scores. A variant is a half-life of the score (20 of them) and a number of quantiles (10): weights for every session,
filled at the next open. The sweep is timed whole, from scores to the deflated Sharpe ratio of every variant, with the engine compiled
(its first compilation on a machine is printed apart). The other libraries are not dependencies: `--python` names an interpreter that has
them. Of each a few single runs are timed (prices and weights ready in memory, reports left out) and the mean is multiplied by 200: 200 runs of
their own would take hours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

#: runs in the other interpreter: reads prices and weights, times single runs
OTHER = """
import sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
library, path, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
stored = np.load(path)
days = pd.to_datetime(stored["days"].astype("datetime64[D]"))
names = [f"S{k:03d}" for k in range(stored["open"].shape[1])]
opens, closes = (pd.DataFrame(stored[n], days, names) for n in ("open", "close"))
weights = [pd.DataFrame(stored[f"w{k}"], days, names) for k in range(runs)]
if library == "bt":
    import bt
    def one(w):
        # weights of a session are traded at the next session's price
        algos = [bt.algos.RunDaily(), bt.algos.WeighTarget(w.shift(1).fillna(0.0)), bt.algos.Rebalance()]
        test = bt.Backtest(bt.Strategy("s", algos), opens, initial_capital=1e7, integer_positions=False, progress_bar=False)
        test.run()
        return float(test.strategy.values.iloc[-1])
else:
    import backtrader
    frames = {n: pd.DataFrame({"open": opens[n], "high": np.maximum(opens[n], closes[n]), "low": np.minimum(opens[n], closes[n]),
              "close": closes[n], "volume": 1e6}) for n in names}
    class Targets(backtrader.Strategy):
        params = (("weights", None),)
        def __init__(self):
            self.held = set()
        def next(self):
            row = self.p.weights[len(self) - 1]
            wanted = set(np.flatnonzero(row))
            for k in sorted(self.held | wanted, key=lambda k: row[k] > 0):
                self.order_target_percent(self.datas[k], target=float(row[k]))
            self.held = wanted
    def one(w):
        cerebro = backtrader.Cerebro(stdstats=False)
        for n in names:
            cerebro.adddata(backtrader.feeds.PandasData(dataname=frames[n]), name=n)
        cerebro.broker.setcash(1e7)
        cerebro.broker.setcommission(commission=0.0003)
        cerebro.addstrategy(Targets, weights=w.to_numpy())
        cerebro.run()
        return cerebro.broker.getvalue()
for w in weights:
    began, cpu = time.perf_counter(), time.process_time()
    value = one(w)
    print(f"{time.perf_counter() - began:.3f} {time.process_time() - cpu:.3f} {value:.0f}", flush=True)
"""


def main() -> None:
    """Time the sweep and, with an interpreter that has them, the others; print seconds and ratios."""
    import numpy as np
    import polars as pl

    from backtests.costs import costs
    from backtests.simulation import run, warm
    from backtests.sweep import grid, sweep
    from backtests.weights import quantile_weights
    from signals.features import decayed_mean

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=1250)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--python", type=Path)
    asked = parser.parse_args()

    bars, scores = _made(asked.names, asked.sessions)
    charged = costs("us")
    print(warm())

    @cache
    def smoothed(half_life: float) -> pl.DataFrame:
        return scores.with_columns(score=decayed_mean("score", half_life))

    def make(half_life: float, quantiles: int) -> pl.DataFrame:
        return quantile_weights(smoothed(half_life), quantiles=quantiles, gross=1.0, long_only=True)

    variants = grid(half_life=[0.5 * k for k in range(1, 21)], quantiles=list(range(3, 13)))
    began, cpu = time.perf_counter(), time.process_time()
    found = sweep(make, variants, bars, market="us", costs=charged)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"{len(variants)} variants of {asked.names} names x {asked.sessions} sessions: {wall:.2f} s, {used:.2f} s of processor")

    best = found.best
    again = run(make(best["half_life"], best["quantiles"]), bars, market="us", costs=charged).portfolio["net_return"].to_numpy()
    mine = found.returns.filter(pl.col("variant") == best["variant"])["net_return"].to_numpy()
    print(f"largest difference from backtests.run, best variant: {np.abs(again - mine).max():.1e}", flush=True)
    if asked.python is not None:
        chosen = [make(variants[k * 7]["half_life"], variants[k * 7]["quantiles"]) for k in range(asked.runs)]
        for library, one, one_cpu in _others(asked.python, bars, chosen):
            print(
                f"{library:<11} {one:.2f} s a run ({one_cpu:.2f} of processor, mean of {asked.runs}); x {len(variants)} = "
                f"{one * len(variants):,.0f} s: {one * len(variants) / wall:,.0f} times the sweep, "
                f"{one_cpu * len(variants) / used:,.0f} times by processor",
                flush=True,
            )


def _others(python: Path, bars: pl.DataFrame, chosen: list[pl.DataFrame]) -> Iterator[tuple[str, float, float]]:
    """Yield library, mean seconds and mean processor seconds of one run, of those that run in the other interpreter."""
    import numpy as np
    import polars as pl

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "market.npz"
        wide = {name: bars.pivot(on="symbol", index="session", values=name).sort("session") for name in ("open", "close")}
        names = sorted(wide["open"].columns[1:])
        stored = {name: frame.select(names).to_numpy() for name, frame in wide.items()}
        for k, weights in enumerate(chosen):
            frame = weights.pivot(on="symbol", index="session", values="weight")
            full = wide["open"].select("session").join(frame, on="session", how="left").sort("session").fill_null(0.0)
            absent = [pl.lit(0.0).alias(name) for name in names if name not in full.columns]
            stored[f"w{k}"] = full.with_columns(absent).select(names).to_numpy()
        np.savez(path, days=wide["open"]["session"].to_numpy(), **stored)
        for library in ("bt", "backtrader"):
            words = [str(python), "-c", OTHER, library, str(path), str(len(chosen))]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{library}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            walls, processors = zip(*[map(float, line.split()[:2]) for line in done.stdout.splitlines()], strict=True)
            yield library, sum(walls) / len(walls), sum(processors) / len(processors)


def _made(names: int, sessions: int):  # type: ignore[no-untyped-def]
    """Return synthetic bars and a noisy score of tomorrow's return."""
    import numpy as np
    import polars as pl

    from research.calendar import sessions as calendar
    from research.schemas import BARS

    rng = np.random.default_rng(7)
    listed = calendar("XNYS", "2015-01-01", "2025-12-31").head(sessions)
    days, closes_at = listed["session"].to_numpy(), listed["close_at"].to_list()
    night, day = rng.normal(0, 0.008, (sessions, names)), rng.normal(0.0002, 0.012, (sessions, names))
    close = 50 * np.exp(np.cumsum(night + day, axis=0))
    opened = close / np.exp(day)
    score = np.vstack([day[1:], np.zeros((1, names))]) * 4 + rng.normal(0, 1, (sessions, names))
    symbols = [f"S{k:03d}" for k in range(names)]
    n = sessions * names
    bars = pl.DataFrame(
        {
            "symbol": symbols * sessions, "session": np.repeat(days, names), "open": opened.ravel(),
            "high": np.maximum(opened, close).ravel(), "low": np.minimum(opened, close).ravel(), "close": close.ravel(),
            "volume": [1e6] * n, "amount": (1e6 * close).ravel(), "adj_factor": [1.0] * n, "suspended": [False] * n,
            "limit_up": [None] * n, "limit_down": [None] * n, "currency": ["USD"] * n,
            "available_at": pl.Series(closes_at).gather(np.repeat(np.arange(sessions), names)), "source": ["synthetic"] * n,
        },
        schema_overrides=BARS.schema,
    )  # fmt: skip
    scores = pl.DataFrame({"session": np.repeat(days, names), "symbol": symbols * sessions, "score": score.ravel()})
    return bars, scores


if __name__ == "__main__":
    main()
