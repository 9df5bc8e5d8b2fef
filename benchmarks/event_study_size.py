"""Rejection rates of every test at 5 %: size without an effect, power with one, and what breaks them.

Returns are a market factor plus residuals of Student's t with 4 degrees of freedom; in the clustered runs all events share day 0 and
residuals share a common factor (mean correlation 0.03). The market model is estimated as in a study.

Run: python benchmarks/event_study_size.py [--draws N] [--events N] [--days N] [--seed N]
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from backtests.conventions import CONVENTIONS
from backtests.event_windows import Clock
from backtests.normal_returns import estimate, forecast
from backtests.study_tests import RESAMPLED, TESTS, Sample

WINDOW = (-1, 1)

#: name, abnormal return on day 0, variance of the event days, share of residual variance that is common, whether day 0 is shared
SCENARIOS = (
    ("no effect", 0.0, 1.0, 0.0, False),
    ("+0.5 %", 0.005, 1.0, 0.0, False),
    ("+1 %", 0.01, 1.0, 0.0, False),
    ("variance x 2", 0.0, 2.0, 0.0, False),
    ("clustered", 0.0, 1.0, 0.03, True),
)


def rejections(
    effect: float, variance: float, common: float, clustered: bool, args: argparse.Namespace, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of p < 5 % over day 0 and over the whole window."""
    rng = np.random.default_rng(args.seed)
    n, days, length = args.events, args.days, WINDOW[1] - WINDOW[0] + 1
    width = days + length
    spread = 0 if clustered else 3 * n
    calendar = np.datetime64("2000-01-01") + np.arange(width + spread)
    hits = np.zeros((2, len(names)))
    for draw in range(args.draws):
        starts = np.zeros(n, dtype=np.int64) if clustered else rng.integers(0, spread, n)
        columns = starts[:, None] + np.arange(width)
        market = rng.normal(0.0003, 0.01, len(calendar))
        shared = rng.normal(size=len(calendar))
        noise = rng.standard_t(4, (n, width)) / math.sqrt(2.0)
        noise = math.sqrt(common) * shared[columns] + math.sqrt(1.0 - common) * noise
        noise[:, days:] *= math.sqrt(variance)
        x = market[columns]
        returns = rng.uniform(0.5, 1.5, (n, 1)) * x + 0.02 * rng.uniform(0.5, 1.5, (n, 1)) * noise
        returns[:, days - WINDOW[0]] += effect
        model = estimate("market", returns[:, :days], x[None, :, :days])
        arrays = forecast(model, returns[:, days:], x[None, :, days:])
        clock = Clock(calendar, np.arange(len(calendar))[None, :], np.zeros(n, dtype=np.int64), starts + days - WINDOW[0])
        estimation = (WINDOW[0] - days, WINDOW[0] - 1)
        sample = Sample.of(estimation, WINDOW, arrays, clock, names, seed=draw, log=False, conventions=CONVENTIONS["textbook"])
        for row, window in enumerate(((0, 0), WINDOW)):
            hits[row] += [o.p_value is not None and o.p_value < 0.05 for o in sample.run(names, window)]
    return hits[0] / args.draws, hits[1] / args.draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parametric", action="store_true", help="leave the resampling tests out")
    args = parser.parse_args()
    names = TESTS if args.parametric else (*TESTS, *RESAMPLED)
    found = [rejections(*scenario, args, names) for _, *scenario in SCENARIOS]
    print(f"{args.events} events, {args.days} days, {args.draws} draws, seed {args.seed}; day 0 / days -1 to 1, % of p < 5 %\n")
    print("| test | " + " | ".join(name for name, *_ in SCENARIOS) + " |")
    print("|---|" + "---|" * len(SCENARIOS))
    for number, name in enumerate(names):
        cells = (f"{100 * day[number]:.1f} / {100 * whole[number]:.1f}" for day, whole in found)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
