"""How many figures of long random runs equal an account kept by hand, and how far the two are apart.

    .venv/bin/python benchmarks/oracle.py [--sessions 500] [--seeds 3]

The account is `tests/test_backtests/ledger.py`: dictionaries and one loop over orders, written apart from the engine. Markets are random,
with gaps, suspensions, price limits, splits, dividends, delistings and late listings; a line is a combination of market and execution. It
ends with exit code 1 when orders differ in number, name, day or reason, or a figure by more than 1e-9 of itself (amounts of money: or by
more than a millionth of a currency unit, which is what is left when large amounts cancel).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "test_backtests"))

_AMOUNT = 1e-6
_RELATIVE = 1e-9


def main() -> None:
    """Print a line a case: sessions, orders, fills, fees, balances compared, and the largest relative difference of each kind."""
    import polars as pl
    from test_simulation_ledger import CASES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()

    print("| case | sessions | orders | filled | fees and spreads | balances | largest difference |")
    print("|---|---|---|---|---|---|---|")
    total, bad = {"sessions": 0, "orders": 0, "filled": 0, "fees": 0, "balances": 0}, []
    worst = 0.0
    for name in CASES:
        found = pl.DataFrame([_counted(name, seed, asked.sessions) for seed in range(asked.seeds)])
        counts = {key: int(found[key].sum()) for key in total}
        apart = found["apart"].max()
        worst = max(worst, apart)
        bad += [name] * (not found["same"].all() or apart > _RELATIVE)
        total = {key: value + counts[key] for key, value in total.items()}
        print(f"| {name} | " + " | ".join(f"{value:,}" for value in counts.values()) + f" | {apart:.1e} |", flush=True)
    print("| all | " + " | ".join(f"{value:,}" for value in total.values()) + f" | {worst:.1e} |")
    if bad:
        sys.exit(f"Not equal: {', '.join(bad)}.")


def _counted(name: str, seed: int, sessions: int) -> dict[str, object]:
    """Return how much of a run was compared, whether the orders are the same, and the largest relative difference of a figure."""
    import numpy as np
    from test_simulation_ledger import CASES, CHARGES, COLUMNS, play

    result, oracle = play(CASES[name], seed, n=sessions)
    mine = result.orders.select(COLUMNS).rows()
    theirs = sorted(oracle.fills, key=lambda row: (row[0], row[1]))
    same = [(row[0], row[1], row[-1]) for row in mine] == [(row[0], row[1], row[-1]) for row in theirs]
    apart = [1.0]
    if same:
        figures = [np.array([[np.nan if x is None else x for x in row[2:9]] for row in rows], dtype=float) for rows in (mine, theirs)]
        navs = np.array(oracle.navs)
        cash = result.portfolio["nav"].to_numpy() * (1 - result.portfolio["net_exposure"].to_numpy()) * result.cash
        charges = np.array([[row[kind] for kind in CHARGES] for row in oracle.charges])
        apart = [
            _apart(*figures, _AMOUNT),
            _apart(result.portfolio["nav"].to_numpy() * result.cash, navs, 0.0),
            # a balance near zero is what is left of two large ones: it is held against the net asset value
            float(np.max(np.abs(cash - np.array(oracle.cash_path)) / navs)),
            _apart(result.charges.select(CHARGES).to_numpy(), charges, _AMOUNT),
        ]
    return {
        "sessions": len(oracle.navs), "orders": len(mine), "filled": sum(row[3] != 0 for row in mine),
        "fees": 4 * len(mine) + len(CHARGES) * len(oracle.navs), "balances": 2 * len(oracle.navs), "same": same, "apart": max(apart),
    }  # fmt: skip


def _apart(mine, theirs, least: float) -> float:  # type: ignore[no-untyped-def]
    """Return the largest relative difference; what differs by no more than ``least`` is equal. NaN equals NaN."""
    import numpy as np

    if not np.array_equal(np.isnan(mine), np.isnan(theirs)):
        return float("inf")
    difference = np.abs(np.nan_to_num(mine - theirs))
    relative = np.where(difference <= least, 0.0, difference / np.maximum(np.abs(np.nan_to_num(theirs)), 1e-300))
    return float(relative.max(initial=0.0))


if __name__ == "__main__":
    main()
