"""The commands about a signal, through the store, on a large synthetic home: time and peak memory of each, a process of its own.

    python benchmarks/backtest.py [--names 5000] [--sessions 2500] [--mentions 1000000] [--home FOLDER] [--report]

Bars are those of `benchmarks/simulation.py`; mentions fall on random names and days. The home is made once (a minute, and more memory than
the commands) and kept where `--home` names a folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from simulation import market

from research.schemas import BARS, MENTIONS
from research.store import Store


def fill(home: Path, names: int, sessions: int, mentions: int) -> None:
    """Make the home: bars and mentions only."""
    store = Store(home)
    bars = market(names, sessions)[0].with_columns(pl.col("symbol").cast(pl.String))
    symbols, days = bars["symbol"].unique().sort(), bars["session"].unique().sort()
    store.append(BARS, bars)
    del bars
    rng = np.random.default_rng(0)
    seconds = pl.Series(rng.integers(0, 86_400, mentions) * 1_000_000).cast(pl.Duration("us"))
    told = days.gather(rng.integers(0, sessions - 1, mentions)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + seconds
    frame = pl.DataFrame(
        {
            "doc_id": [f"{i:032x}" for i in range(mentions)], "symbol": symbols.gather(rng.integers(0, names, mentions)),
            "relevance": rng.random(mentions), "sentiment": rng.uniform(-1, 1, mentions), "available_at": told,
        }
    ).with_columns(
        surfaces=pl.lit(["x"]), in_headline=pl.lit(True), first_offset=pl.lit(0, dtype=pl.Int32), n_mentions=pl.lit(1, dtype=pl.Int32),
        role=pl.lit("subject"), confidence=pl.lit(1.0), annotator=pl.lit("made@1"),
    )  # fmt: skip
    store.append(MENTIONS, frame.select(*MENTIONS.schema))


def measured(*words: str) -> str:
    """Run `tidings` with these words; return what it took."""
    began = time.perf_counter()
    done = subprocess.Popen([sys.executable, "-m", "tidings", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(done.pid, 0)
    wall = time.perf_counter() - began
    told = "" if status == 0 else f"   ENDED WITH {os.waitstatus_to_exitcode(status)}"
    processor = used.ru_utime + used.ru_stime
    return f"{words[0]:<10} {wall:7.1f} s wall {processor:7.1f} s processor   peak {used.ru_maxrss / 2**20:5.2f} GiB{told}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=2500)
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--report", action="store_true", help="a backtest with a report too, twenty draws of each comparison with chance")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = asked.home or Path(folder) / "home"
        if not home.exists():
            fill(home, asked.names, asked.sessions, asked.mentions)
        days = Store(home).scan("bars").select(first=pl.col("session").min(), last=pl.col("session").max()).collect().row(0)
        span = ["--signal", "tone@1", "--start", str(days[0]), "--end", str(days[1]), "--market", "cn", "--home", str(home)]
        print(f"{asked.names} symbols x {asked.sessions} sessions, {asked.mentions:,} mentions")
        print(measured("backtest", *span, "--max-weight", "0.05"), flush=True)
        print(measured("signal", "--asof", f"{days[1]}T09:00+08:00", "--home", str(home)), flush=True)
        print(measured("evaluate", *span), flush=True)
        if asked.report:
            print(measured("backtest", *span, "--max-weight", "0.05", "--draws", "20", "--report", f"{folder}/report.html"), flush=True)


if __name__ == "__main__":
    main()
