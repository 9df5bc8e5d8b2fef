"""Rows and findings of price files: what `tidings prices files` would keep, set aside and flag.

    python benchmarks/bar_flags.py FOLDER [--lot 100 for files with `cn` in their name]

Prints one row a file. Files of adjusted prices break the cent rounding that price limits rest on: some of their `limit` findings are the
adjustment's.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl

from research.errors import SourceError
from research.sources.files import read_bars

RULES = ("calendar", "gap", "limit", "listing", "jump", "split", "identity", "high", "low", "duplicate", "currency", "volume")


def main(folder: Path) -> None:
    rows = []
    for path in sorted([*folder.glob("*.parquet"), *folder.glob("*.csv")]):
        began = time.perf_counter()
        try:
            found = read_bars(path, lot=100.0 if "cn" in path.stem else 1.0)
        except SourceError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        counted = dict(found.flags.group_by("rule").len().rows())
        bars = found.bars
        rows.append(
            {
                "file": path.stem,
                "symbols": bars["symbol"].n_unique(),
                "rows": bars.height,
                "set aside": found.quarantine.height,
                "suspended": int(bars["suspended"].sum()),
                **{rule: counted.get(rule, 0) for rule in RULES},
                "seconds": round(time.perf_counter() - began, 1),
            }
        )
    with pl.Config(
        tbl_cols=-1, tbl_rows=-1, tbl_width_chars=220, fmt_str_lengths=40, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True
    ):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
