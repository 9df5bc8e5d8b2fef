"""Rejection rates of every test at 5 %: size without an effect, power with one, and what breaks them.

Without --prices returns are simulated: a market factor plus residuals of Student's t with 4 degrees of freedom; in the clustered runs all
events share day 0 and residuals share a common factor (mean correlation 0.03). With --prices securities and dates are drawn from real
returns, as Brown & Warner (1985) did: the market is the equally weighted mean of all securities, an effect is added to day 0, a larger
variance moves the event days' returns away from the market's, and in the clustered runs all securities have one date.

Run: python benchmarks/event_study_size.py [--draws N] [--events N] [--days N] [--seed N] [--prices FILE.parquet] [--one-sided]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from backtests.conventions import CONVENTIONS
from backtests.event_windows import Clock
from backtests.normal_returns import estimate, forecast
from backtests.study_tests import RESAMPLED, TESTS, Sample

WINDOW = (-1, 1)

#: name, abnormal return on day 0, variance of the event days, share of simulated residual variance that is common, whether day 0 is shared
SCENARIOS = (
    ("no effect", 0.0, 1.0, 0.0, False),
    ("+0.5 %", 0.005, 1.0, 0.0, False),
    ("+1 %", 0.01, 1.0, 0.0, False),
    ("variance x 2", 0.0, 2.0, 0.0, False),
    ("clustered", 0.0, 1.0, 0.03, True),
)

#: returns (N, days + window), the market on the same days, first column of each event, number of columns
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, int]


def simulated(rng: np.random.Generator, n: int, width: int, common: float, clustered: bool, variance: float, days: int) -> Drawn:
    """Draw returns with fat tails."""
    spread = 0 if clustered else 3 * n
    starts = np.zeros(n, dtype=np.int64) if clustered else rng.integers(0, spread, n)
    columns = starts[:, None] + np.arange(width)
    market = rng.normal(0.0003, 0.01, width + spread)
    shared = rng.normal(size=width + spread)
    noise = rng.standard_t(4, (n, width)) / math.sqrt(2.0)
    noise = math.sqrt(common) * shared[columns] + math.sqrt(1.0 - common) * noise
    noise[:, days:] *= math.sqrt(variance)
    x = market[columns]
    return rng.uniform(0.5, 1.5, (n, 1)) * x + 0.02 * rng.uniform(0.5, 1.5, (n, 1)) * noise, x, starts, width + spread


class Real:
    """Returns of a file of prices (symbol, session, close, optionally adj_close), drawn without regard to any event."""

    def __init__(self, path: Path) -> None:
        table = pl.read_parquet(path)
        price = "adj_close" if "adj_close" in table.columns else "close"
        rows = (
            table.select("symbol", "session", price)
            .unique(["symbol", "session"], keep="last", maintain_order=True)
            .sort("symbol", "session")
        )
        wide = rows.pivot(on="symbol", index="session", values=price)
        values = wide.sort("session").drop("session").to_numpy().T
        with np.errstate(invalid="ignore", divide="ignore"):
            self.returns = values[:, 1:] / values[:, :-1] - 1.0
        self.returns[~np.isfinite(self.returns)] = np.nan
        # a session with few securities is no session
        self.returns = self.returns[:, np.isfinite(self.returns).sum(axis=0) >= 0.2 * len(self.returns)]
        self.market = np.nanmean(self.returns, axis=0)

    def __call__(self, rng: np.random.Generator, n: int, width: int, common: float, clustered: bool, variance: float, days: int) -> Drawn:
        n_symbols, n_sessions = self.returns.shape
        room = n_sessions - width + 1
        day = int(rng.integers(0, room))
        rows, starts = [], []
        for symbol in rng.permutation(n_symbols):
            start = day if clustered else int(rng.integers(0, room))
            own = self.returns[symbol, start : start + width]
            # at most a tenth of the estimation window missing, and every event day there
            if np.isfinite(own[:days]).sum() >= 0.9 * days and np.isfinite(own[days:]).all():
                rows.append(own)
                starts.append(start)
            if len(rows) == n:
                break
        begins = np.array(starts)
        returns = np.stack(rows).copy()
        x = self.market[begins[:, None] + np.arange(width)]
        returns[:, days:] += (math.sqrt(variance) - 1.0) * (returns[:, days:] - x[:, days:])
        return returns, x, begins, n_sessions


def rejections(
    effect: float,
    variance: float,
    common: float,
    clustered: bool,
    args: argparse.Namespace,
    names: tuple[str, ...],
    draw_from: Callable[..., Drawn],
) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of p < 5 % over day 0 and over the whole window."""
    rng = np.random.default_rng(args.seed)
    n, days, length = args.events, args.days, WINDOW[1] - WINDOW[0] + 1
    hits = np.zeros((2, len(names)))
    for draw in range(args.draws):
        returns, x, starts, width = draw_from(rng, n, days + length, common, clustered, variance, days)
        returns[:, days - WINDOW[0]] += effect
        model = estimate("market", returns[:, :days], x[None, :, :days])
        arrays = forecast(model, returns[:, days:], x[None, :, days:])
        calendar = np.datetime64("2000-01-01") + np.arange(width)
        clock = Clock(calendar, np.arange(width)[None, :], np.zeros(len(starts), dtype=np.int64), starts + days - WINDOW[0])
        estimation = (WINDOW[0] - days, WINDOW[0] - 1)
        sample = Sample.of(estimation, WINDOW, arrays, clock, names, seed=draw, log=False, conventions=CONVENTIONS["textbook"])
        for row, window in enumerate(((0, 0), WINDOW)):
            p = [o.one_sided()[0] if args.one_sided else o.p_value for o in sample.run(names, window)]
            hits[row] += [value is not None and value < 0.05 for value in p]
    return hits[0] / args.draws, hits[1] / args.draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prices", type=Path, help="Parquet file of real prices to draw from")
    parser.add_argument("--one-sided", action="store_true", help="against a positive effect, as Brown & Warner")
    parser.add_argument("--parametric", action="store_true", help="leave the resampling tests out")
    args = parser.parse_args()
    names = TESTS if args.parametric else (*TESTS, *RESAMPLED)
    source = simulated if args.prices is None else Real(args.prices)
    found = [rejections(*scenario, args, names, source) for _, *scenario in SCENARIOS]
    tails = "one-sided" if args.one_sided else "two-sided"
    print(f"{args.events} events, {args.days} days, {args.draws} draws, seed {args.seed}, {args.prices or 'simulated'}, {tails};")
    print("day 0 / days -1 to 1, % of p < 5 %\n")
    print("| test | " + " | ".join(name for name, *_ in SCENARIOS) + " |")
    print("|---|" + "---|" * len(SCENARIOS))
    for number, name in enumerate(names):
        cells = (f"{100 * day[number]:.1f} / {100 * whole[number]:.1f}" for day, whole in found)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
