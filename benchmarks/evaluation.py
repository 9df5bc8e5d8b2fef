"""Time information coefficient, quantile returns, turnover and rank autocorrelation of 500 symbols x 2,500 sessions.

    python benchmarks/evaluation.py [--write FOLDER]    # with FOLDER: the same frame as Parquet, for alphalens

With alphalens-reloaded installed beside it in another environment, `python benchmarks/evaluation.py --alphalens FOLDER` times the same there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SESSIONS, SYMBOLS, REPEATS = 2500, 500, 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", type=Path)
    parser.add_argument("--alphalens", type=Path)
    chosen = parser.parse_args()
    steps = alphalens_steps(chosen.alphalens) if chosen.alphalens else our_steps(chosen.write)
    total = 0.0
    for name, step in steps.items():
        best = min(timed(step) for _ in range(1 if chosen.alphalens else REPEATS))
        total += best
        print(f"{name:<16} {best:7.3f} s")
    print(f"{'all':<16} {total:7.3f} s")


def timed(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def our_steps(folder: Path | None) -> dict[str, Callable[[], object]]:
    import polars as pl

    from backtests.persistence import rank_autocorrelation
    from backtests.predictive import information_coefficient
    from backtests.quantiles import quantile_returns, quantile_turnover

    rng = np.random.default_rng(0)
    x = rng.normal(size=SESSIONS * SYMBOLS)
    y = 0.02 * (0.03 * x + rng.normal(size=x.size))
    days = np.datetime64("2010-01-01") + np.arange(SESSIONS)
    keys = pl.DataFrame({"session": np.repeat(days, SYMBOLS), "symbol": [f"S{j:04d}" for j in range(SYMBOLS)] * SESSIONS})
    at = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    horizon = pl.lit(1, dtype=pl.Int16)
    score = keys.with_columns(signal=pl.lit("x@1"), asof=at, horizon=horizon, score=pl.Series(x), run_id=pl.lit(""))
    labels = keys.with_columns(horizon=horizon, forward_return=pl.Series(y), ends_at=at)
    if folder is not None:
        score.write_parquet(folder / "score.parquet")
        labels.write_parquet(folder / "labels.parquet")
    return {
        "ic": lambda: information_coefficient(score, labels),
        "quantiles": lambda: quantile_returns(score, labels),
        "turnover": lambda: quantile_turnover(score),
        "autocorrelation": lambda: rank_autocorrelation(score, lags=(1,)),
    }


def alphalens_steps(folder: Path) -> dict[str, Callable[[], object]]:
    import alphalens
    import pandas as pd

    score, labels = pd.read_parquet(folder / "score.parquet"), pd.read_parquet(folder / "labels.parquet")
    index = pd.MultiIndex.from_arrays([pd.to_datetime(score["session"]), score["symbol"]], names=["date", "asset"])
    frame = pd.DataFrame({"1D": labels["forward_return"].to_numpy(), "factor": score["score"].to_numpy()}, index=index)
    judged = alphalens.performance

    def quantiles() -> object:
        frame["factor_quantile"] = alphalens.utils.quantize_factor(frame, quantiles=5)
        return judged.mean_return_by_quantile(frame, by_date=True, demeaned=False)

    return {
        "ic": lambda: judged.factor_information_coefficient(frame),
        "quantiles": quantiles,
        "turnover": lambda: [judged.quantile_turnover(frame["factor_quantile"], q).mean() for q in range(1, 6)],
        "autocorrelation": lambda: judged.factor_rank_autocorrelation(frame),
    }


if __name__ == "__main__":
    main()
