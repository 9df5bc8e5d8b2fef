"""Store of 5,000 symbols × 10 years of daily bars (synthetic): write, append again, read ranges; against plain Parquet and DuckDB.

Run: python benchmarks/store.py [--symbols N] [--sessions N] [--repeat N] [--layouts | --groups]

Each step runs in a process of its own: best time of `--repeat` runs, and the peak of its memory. `all, then filter` reads the
whole table and filters in memory: what push-down saves. DuckDB is measured where it is installed. `--layouts` compares the ways the
files could be cut and sorted, `--groups` sizes of the store's row groups.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from deltalake import DeltaTable, WriterProperties, write_deltalake

from research import store_files
from research.maintenance import compact
from research.schemas import BARS
from research.store import Store

FIRST = date(2016, 1, 1)


def days(n: int) -> pl.Series:
    every = pl.date_range(FIRST, FIRST + timedelta(n * 2), eager=True)
    return every.filter(every.dt.weekday() <= 5).head(n)


def symbols(n: int) -> list[str]:
    return [f"{600_000 + i:06d}.SS" for i in range(n)]


def synthetic(n_symbols: int, n_sessions: int, seed: int = 0) -> pl.DataFrame:
    """Return bars in the vendors' order, symbol by symbol."""
    rng, shape = np.random.default_rng(seed), (n_symbols, n_sessions)
    close = np.maximum(np.round(20 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=1)), 2), 0.01)
    opened = np.maximum(np.round(close * (1 + rng.normal(0, 0.005, shape)), 2), 0.01)
    volume = np.round(rng.lognormal(14, 1, shape))
    calendar = days(n_sessions)
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(symbols(n_symbols)).gather(np.repeat(np.arange(n_symbols), n_sessions)),
            "session": pl.concat([calendar] * n_symbols),
            "open": opened.ravel(),
            "high": np.round(np.maximum(opened, close) * 1.01, 2).ravel(),
            "low": np.maximum(np.round(np.minimum(opened, close) * 0.99, 2), 0.01).ravel(),
            "close": close.ravel(),
            "volume": volume.ravel(),
            "amount": np.round(volume * close).ravel(),
        }
    )
    return frame.with_columns(
        adj_factor=pl.lit(1.0), suspended=pl.lit(False), limit_up=(pl.col("close") * 1.1).round(2) + 0.01,
        limit_down=(pl.col("close") * 0.9).round(2) + 0.01, currency=pl.lit("CNY"),
        available_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + timedelta(hours=7), source=pl.lit("synthetic"),
    )  # fmt: skip


def queries(n_symbols: int, n_sessions: int) -> dict[str, tuple[pl.Expr, list[str] | None, str]]:
    """Return name -> (polars predicate, columns, SQL predicate)."""
    calendar = days(n_sessions)
    year = calendar[n_sessions // 2].year
    a, b = date(year, 1, 1), date(year, 12, 31)
    some = symbols(n_symbols)[:: max(1, n_symbols // 50)][:50]
    one, recent = some[len(some) // 2], calendar[-60]
    listed = ", ".join(f"'{s}'" for s in some)
    few = ["symbol", "session", "close"]
    return {
        "a year, 3 columns": (pl.col("session").is_between(a, b), few, f"session BETWEEN '{a}' AND '{b}'"),
        "a year, all columns": (pl.col("session").is_between(a, b), None, f"session BETWEEN '{a}' AND '{b}'"),
        "60 sessions, 3 columns": (pl.col("session") >= recent, few, f"session >= '{recent}'"),
        "one symbol, all columns": (pl.col("symbol") == one, None, f"symbol = '{one}'"),
        "50 symbols, 3 columns": (pl.col("symbol").is_in(some), few, f"symbol IN ({listed})"),
        "50 symbols of a year": (
            pl.col("symbol").is_in(some) & pl.col("session").is_between(a, b),
            None,
            f"symbol IN ({listed}) AND session BETWEEN '{a}' AND '{b}'",
        ),
        "everything": (pl.lit(True), None, "TRUE"),
    }


def offered(frame: pl.LazyFrame, what: str, n_symbols: int, n_sessions: int) -> pl.DataFrame:
    """Return what is offered again: all there already, but for the new session."""
    predicates, last = queries(n_symbols, n_sessions), pl.col("session") == days(n_sessions)[-1]
    chosen = {
        "again: all of it": frame,
        "again: a year": frame.filter(predicates["a year, all columns"][0]),
        "again: 50 symbols": frame.filter(predicates["50 symbols, 3 columns"][0]),
        "again: the last session": frame.filter(last),
        "a new session": frame.filter(last).with_columns(pl.col("session") + timedelta(days=1)),
    }
    return chosen[what].collect()


# One engine each: load(), offer(frame), query(name) on a folder.


class Delta:
    name = "store"

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "home")

    def load(self, frame: pl.DataFrame) -> object:
        return self.store.append(BARS, frame)

    def offer(self, frame: pl.DataFrame) -> object:
        return self.store.append(BARS, frame).added

    def query(self, predicate: pl.Expr, columns: list[str] | None, sql: str) -> pl.DataFrame:
        lazy = self.store.scan(BARS).filter(predicate)
        return (lazy if columns is None else lazy.select(columns)).collect()


class Whole(Delta):
    name = "all, then filter"

    def query(self, predicate: pl.Expr, columns: list[str] | None, sql: str) -> pl.DataFrame:
        found = self.store.scan(BARS).collect().filter(predicate)
        return found if columns is None else found.select(columns)


class Parquet:
    """One file as polars writes it, in the vendors' order; an append reads the keys, and writes a further file."""

    name = "parquet"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "parquet"
        self.folder.mkdir(exist_ok=True)

    def load(self, frame: pl.DataFrame) -> object:
        return frame.write_parquet(self.folder / "0.parquet")

    def offer(self, frame: pl.DataFrame) -> object:
        key = ["symbol", "session"]
        taken = pl.scan_parquet(self.folder / "*.parquet").select(key).join(frame.lazy().select(key), on=key, how="semi")
        new = frame.join(taken.collect(), on=key, how="anti")
        if new.height:
            new.write_parquet(self.folder / f"{len(list(self.folder.iterdir()))}.parquet")
        return new.height

    def query(self, predicate: pl.Expr, columns: list[str] | None, sql: str) -> pl.DataFrame:
        lazy = pl.scan_parquet(self.folder / "*.parquet").filter(predicate)
        return (lazy if columns is None else lazy.select(columns)).collect()


class DuckDB:
    """A DuckDB file; an append is an anti-join, since a primary key on 12.6 million rows costs minutes."""

    name = "duckdb"

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.connection = duckdb.connect(str(folder / "bars.duckdb"))

    def load(self, frame: pl.DataFrame) -> object:
        self.connection.execute("CREATE OR REPLACE TABLE bars AS SELECT * FROM frame")
        return self.connection.execute("CHECKPOINT")

    def offer(self, frame: pl.DataFrame) -> object:
        same = "bars.symbol = frame.symbol AND bars.session = frame.session"
        found = self.connection.execute(f"INSERT INTO bars SELECT * FROM frame WHERE NOT EXISTS (SELECT 1 FROM bars WHERE {same})")
        return found.fetchone()[0]

    def query(self, predicate: pl.Expr, columns: list[str] | None, sql: str) -> pl.DataFrame:
        found = self.connection.execute(f"SELECT {', '.join(columns or ['*'])} FROM bars WHERE {sql}").to_arrow_table()
        return pl.DataFrame(found)


ENGINES = {engine.name: engine for engine in (Delta, Whole, Parquet, DuckDB)}


def seconds(repeat: int, call: Callable[[], Any]) -> tuple[float, Any]:
    best, found = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        found = call()
        best = min(best, time.perf_counter() - start)
    return best, found


def step(engine: str, what: str, folder: Path, n_symbols: int, n_sessions: int, repeat: int) -> dict[str, Any]:
    """Run one step in this process."""
    base = folder / "input.parquet"
    if what == "prepare":
        synthetic(n_symbols, n_sessions).write_parquet(base)
        return {}
    chosen = ENGINES[engine](folder)
    if what == "write":
        frame = pl.read_parquet(base)
        best, _ = seconds(1, partial(chosen.load, frame))
        rows = frame.height
    elif what in ("a new session",) or what.startswith("again"):
        frame = offered(pl.scan_parquet(base), what, n_symbols, n_sessions)
        # A new session is new once.
        best, rows = seconds(1 if what == "a new session" else repeat, partial(chosen.offer, frame))
    else:
        best, found = seconds(1 if what == "everything" else repeat, partial(chosen.query, *queries(n_symbols, n_sessions)[what]))
        rows = found.height
    return {"seconds": best, "rows": rows, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def child(arguments: argparse.Namespace, folder: Path, engine: str, what: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--step", engine, what, str(folder)]
    command += ["--symbols", str(arguments.symbols), "--sessions", str(arguments.sessions), "--repeat", str(arguments.repeat)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def touched(folder: Path, predicate: tuple[str, str, str], columns: list[str] | None) -> tuple[int, int]:
    """Return the bytes of the column chunks whose statistics a range meets, and of all."""
    import pyarrow.parquet as pq

    name, low, high = predicate
    met = total = 0
    for uri in DeltaTable(str(folder / "home" / "bars")).file_uris():
        meta = pq.ParquetFile(uri).metadata
        for g in range(meta.num_row_groups):
            chunks = {meta.row_group(g).column(c).path_in_schema: meta.row_group(g).column(c) for c in range(meta.num_columns)}
            stats = chunks[name].statistics
            total += sum(c.total_compressed_size for c in chunks.values())
            if str(stats.min) <= high and str(stats.max) >= low:
                met += sum(c.total_compressed_size for key, c in chunks.items() if columns is None or key in columns)
    return met, total


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    engines = [name for name in ENGINES if name != "duckdb" or find_spec("duckdb")]
    writers = [name for name in engines if name != "all, then filter"]
    asked = queries(arguments.symbols, arguments.sessions)
    again = ["again: all of it", "again: a year", "again: 50 symbols", "again: the last session"]
    print(f"{'':<26}" + "".join(f"{name:>22}" for name in engines) + "    (seconds · ratio to store · peak MB)")
    for what in ["write", *asked, *again, "a new session"]:
        found = {name: child(arguments, folder, name, what) for name in (engines if what in asked else writers)}
        base = found["store"]["seconds"]
        cells = [
            f"{found[n]['seconds']:>9.3f} {found[n]['seconds'] / base:>5.1f} {found[n]['megabytes']:>6.0f}" if n in found else " " * 22
            for n in engines
        ]
        if len({f["rows"] for f in found.values()}) != 1:
            raise SystemExit(f"{what}: the engines disagree on rows: {found}")
        print(f"{what:<26}" + "".join(cells) + f"   {found['store']['rows']:>12,} rows", flush=True)
    for label, names in (("store", "home"), ("parquet", "parquet")):
        print(f"{label} on disk: {sum(p.stat().st_size for p in (folder / names).rglob('*.parquet')) / 1e6:,.0f} MB")
    year, middle = days(arguments.sessions)[arguments.sessions // 2].year, symbols(arguments.symbols)[arguments.symbols // 2]
    for label, predicate, columns in (
        ("a year, 3 columns", ("session", f"{year}-01-01", f"{year}-12-31"), ["symbol", "session", "close"]),
        ("one symbol", ("symbol", middle, middle), None),
    ):
        met, total = touched(folder, predicate, columns)
        print(f"{label}: statistics leave {met / 1e6:,.1f} of {total / 1e6:,.1f} MB to read ({met / total:.1%})")
    daily(arguments, folder)


def daily(arguments: argparse.Namespace, folder: Path) -> None:
    """A year of daily appends: the cost of each, and of reading before and after compaction."""
    store, frame = Store(folder / "daily"), pl.read_parquet(folder / "input.parquet")
    calendar = days(arguments.sessions)
    split = calendar[-250]
    store.append(BARS, frame.filter(pl.col("session") < split))
    start, times = time.perf_counter(), []
    for day in calendar.filter(calendar >= split):
        begin = time.perf_counter()
        store.append(BARS, frame.filter(pl.col("session") == day))
        times.append(time.perf_counter() - begin)
    print(f"250 daily appends of {arguments.symbols:,} rows: median {np.median(times):.3f} s, {time.perf_counter() - start:.1f} s in all")
    one = queries(arguments.symbols, arguments.sessions)["one symbol, all columns"][0]
    before, _ = seconds(arguments.repeat, lambda: store.scan(BARS).filter(one).collect())
    begin = time.perf_counter()
    done = compact(store, BARS, now=pl.Series([calendar[-1]]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")[0])
    took = time.perf_counter() - begin
    after, _ = seconds(arguments.repeat, lambda: store.scan(BARS).filter(one).collect())
    print(f"compaction: {done.files_before} -> {done.files_after} files in {took:.1f} s; one symbol {before:.3f} s -> {after:.3f} s")


def layouts(arguments: argparse.Namespace, folder: Path) -> None:
    """Time each query on each way of cutting and sorting the files."""
    frame = synthetic(arguments.symbols, arguments.sessions)
    year, bucket = pl.col("session").dt.year(), (pl.col("symbol").hash(0) % 16).cast(pl.Int32)
    by_year = frame.sort(year, "symbol", "session")
    group, plain = 65_536, 1 << 20
    ways: dict[str, tuple[pl.DataFrame, int, list[str] | None]] = {
        "symbol order, groups 1M": (frame, plain, None),
        "session order, groups 1M": (frame.sort("session", "symbol"), plain, None),
        "symbol order, groups 64k": (frame, group, None),
        "partition year, groups 1M": (frame.with_columns(year=year), plain, ["year"]),
        "partition year, groups 64k": (frame.with_columns(year=year), group, ["year"]),
        "16 hash buckets, groups 64k": (frame.with_columns(bucket=bucket), group, ["bucket"]),
        "year order, groups 16k": (by_year, group // 4, None),
        "year order, groups 64k": (by_year, group, None),
        "year order, groups 256k": (by_year, group * 4, None),
    }
    asked = queries(arguments.symbols, arguments.sessions)
    print(f"{'milliseconds':<28}{'write':>8}{'MB':>6}{'files':>6}  " + "  ".join(asked))
    for name, (rows, size, partition) in ways.items():
        path = folder / "layout"
        shutil.rmtree(path, ignore_errors=True)
        settings = WriterProperties(max_row_group_size=size, compression="SNAPPY")
        took, _ = seconds(1, partial(write_deltalake, str(path), rows, partition_by=partition, writer_properties=settings))
        cells = []
        for what, (predicate, columns, _) in asked.items():
            lazy = pl.scan_delta(str(path)).filter(predicate)
            lazy = lazy if columns is None else lazy.select(columns)
            best, _ = seconds(1 if what == "everything" else arguments.repeat, lazy.collect)
            cells.append(f"{best * 1000:>{len(what)}.0f}")
        made = list(path.rglob("*.parquet"))
        size_mb = sum(p.stat().st_size for p in made) / 1e6
        print(f"{name:<28}{took * 1000:>8.0f}{size_mb:>6.0f}{len(made):>6}  " + "  ".join(cells), flush=True)


def groups(arguments: argparse.Namespace, folder: Path) -> None:
    """Time each query on the store with row groups of several sizes, and on a plain file, turn by turn: others use the machine too."""
    frame, asked = synthetic(arguments.symbols, arguments.sessions), queries(arguments.symbols, arguments.sessions)
    asked.pop("everything")
    plain = Parquet(folder)
    plain.load(frame)
    engines: dict[str, Delta | Parquet] = {"plain parquet": plain}
    for size in (1 << 16, 1 << 15, 1 << 14, 1 << 13):
        store_files.ROW_GROUP = size
        engines[f"{size:,}"] = Delta(folder / str(size))
        engines[f"{size:,}"].load(frame)
    best = {(name, what): float("inf") for name in engines for what in asked}
    for _ in range(arguments.repeat):
        for name, engine in engines.items():
            for what, question in asked.items():
                best[name, what] = min(best[name, what], seconds(1, partial(engine.query, *question))[0])
    print(f"{'milliseconds, rows a group':<28}" + "  ".join(asked))
    for name in engines:
        print(f"{name:<28}" + "  ".join(f"{best[name, what] * 1000:>{len(what)}.0f}" for what in asked), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=5_000)
    parser.add_argument("--sessions", type=int, default=2_520)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--layouts", action="store_true")
    parser.add_argument("--groups", action="store_true")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        engine, what, folder = arguments.step
        print(json.dumps(step(engine, what, Path(folder), arguments.symbols, arguments.sessions, arguments.repeat)))
        return
    with TemporaryDirectory(prefix="tidings-store-") as name:
        folder = Path(name)
        print(
            f"{arguments.symbols:,} symbols × {arguments.sessions:,} sessions = {arguments.symbols * arguments.sessions:,} synthetic bars"
        )
        if arguments.layouts or arguments.groups:
            (layouts if arguments.layouts else groups)(arguments, folder)
            return
        # In a child as well: a process begins with the memory peak of the one that started it.
        child(arguments, folder, "parquet", "prepare")
        compare(arguments, folder)


if __name__ == "__main__":
    main()
