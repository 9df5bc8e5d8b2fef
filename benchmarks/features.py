"""The feature library on a synthetic market: symbols × sessions of a panel, with mentions, events, documents, facts and bars.

Run: python benchmarks/features.py [--symbols N] [--sessions N] [--mentions N] [--no-bars] [--at-once N] [--write FOLDER]

Prints seconds, seconds of processor time and the peak of memory. With --at-once the rows come so many symbols at a time and are written to
the folder, or dropped. All data is made here from a seed.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from research.calendar import sessions
from research.schemas import BARS, DOCUMENTS, EVENTS, FACTS, INSTRUMENTS, MENTIONS
from signals.library import library, library_parts
from signals.pointintime import cutoffs

KINDS = ("earnings.beat", "guidance.cut", "mna.offer", "buyback.plan", "analyst_rating.upgrade")
SECTORS = ("Energy", "Materials", "Industrials", "Financials", "Health Care", "Utilities")


def symbols(n: int) -> pl.Series:
    codes = [*range(600000, 606000), *range(688000, 690000)]
    return pl.Series("symbol", [f"{code}.SS" for code in codes[:n]])


def made(names: pl.Series, calendar: pl.DataFrame, n: int, seed: int) -> dict[str, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    first, last = calendar["open_at"].min(), calendar["close_at"].max()
    n_docs = int(n / 1.4)
    at = pl.Series(rng.integers(0, int((last - first).total_seconds()), n_docs)) * 1_000_000
    at = (at + int(first.timestamp() * 1e6)).cast(pl.Datetime("us", "UTC"))
    ids = pl.int_range(n_docs, eager=True).cast(pl.String)
    documents = pl.DataFrame(
        {"doc_id": ids, "available_at": at, "novelty": rng.random(n_docs), "story_id": ids.gather(np.arange(n_docs) // 2 * 2)}
    ).with_columns(
        kind=pl.lit("news"), source=pl.lit("s") + (pl.int_range(pl.len()) % 20).cast(pl.String), url=pl.lit(None, dtype=pl.String),
        language=pl.lit("en"), headline=pl.lit("h"), body=pl.lit(""), published_at="available_at", published_precision=pl.lit("minute"),
        published_not_before="available_at", published_not_after="available_at", first_seen_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
    )  # fmt: skip
    # Attention is concentrated: a symbol's chance falls with its rank.
    chance = 1 / (np.arange(len(names)) + 50.0)
    of = rng.choice(len(names), size=int(n * 1.03), p=chance / chance.sum())
    doc = np.concatenate([np.arange(n_docs), rng.integers(0, n_docs, len(of) - n_docs)])
    mentions = pl.DataFrame({"doc_id": ids.gather(doc), "symbol": names.gather(of), "available_at": at.gather(doc)})
    mentions = mentions.unique(["doc_id", "symbol"], keep="first", maintain_order=True).head(n)
    draw = {name: rng.random(mentions.height) for name in ("relevance", "confidence")}
    mentions = mentions.with_columns(
        surfaces=pl.lit(["x"]), in_headline=pl.lit(True), first_offset=pl.lit(0, dtype=pl.Int32), n_mentions=pl.lit(1, dtype=pl.Int32),
        role=pl.lit("subject"), sentiment=pl.Series(rng.uniform(-1, 1, mentions.height)), annotator=pl.lit("t@1"),
        **{k: pl.Series(v) for k, v in draw.items()},
    )  # fmt: skip
    events = mentions.head(n // 4).select(
        "doc_id", "symbol", "role", "available_at", "sentiment", "relevance", "confidence", "annotator",
        event_id="doc_id", event_type=pl.Series(rng.choice(KINDS, min(n // 4, mentions.height))), event_date=pl.lit(None, dtype=pl.Date),
        novelty=pl.lit(1.0), evidence=pl.lit("q"),
    ).unique("event_id", keep="first")  # fmt: skip
    facts = documents.head(n // 100).select(
        "doc_id", "available_at", fact_id="doc_id", kind=pl.lit("sector_flow"), subject=pl.Series(rng.choice(SECTORS, min(n // 100, n_docs))),
        value=pl.lit(1e9), unit=pl.lit("CNY"), qualifier=pl.lit("exact"), quote=pl.lit("q"),
    )  # fmt: skip
    instruments = pl.DataFrame({"symbol": names}).with_columns(
        valid_from=pl.lit(calendar["session"].min() - timedelta(days=400)), name="symbol", mic=pl.lit("XSHG"), asset_class=pl.lit("equity"),
        currency=pl.lit("CNY"), sector=pl.Series(rng.choice(SECTORS, len(names))), aliases=pl.lit([], dtype=INSTRUMENTS.schema["aliases"]),
    )  # fmt: skip
    tables = {"documents": DOCUMENTS, "mentions": MENTIONS, "events": EVENTS, "facts": FACTS, "instruments": INSTRUMENTS}
    frames = {"documents": documents, "mentions": mentions, "events": events, "facts": facts, "instruments": instruments}
    return {name: tables[name].validate(frame) for name, frame in frames.items()}


def bars(names: pl.Series, calendar: pl.DataFrame, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"symbol": names}).join(calendar.select("session", available_at="close_at"), how="cross")
    close = pl.Series(rng.uniform(9, 11, frame.height))
    return BARS.validate(
        frame.with_columns(
            close=close, volume=pl.Series(rng.uniform(1e5, 1e6, frame.height)), adj_factor=pl.lit(1.0), suspended=pl.lit(False),
            currency=pl.lit("CNY"), source=pl.lit("s"),
        )
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=3000)
    parser.add_argument("--sessions", type=int, default=1250)
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--no-bars", action="store_true")
    parser.add_argument("--at-once", type=int)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    calendar = sessions("XSHG", "2012-01-04", "2026-06-30").head(options.sessions + 1)
    names = symbols(options.symbols)
    tables = made(names, calendar, options.mentions, seed=1)
    prices = None if options.no_bars else bars(names, calendar, seed=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start, busy = time.perf_counter(), time.process_time()
    given = {"bars": prices, **{k: tables[k] for k in ("documents", "facts", "instruments")}}
    if options.at_once:
        parts = library_parts(tables["events"], tables["mentions"], calendar, at_once=options.at_once, **given)
    else:
        parts = iter([library(tables["events"], tables["mentions"], calendar, **given)])
    rows = width = seen = 0
    size = 0.0
    for number, part in enumerate(parts):
        rows, width, seen, size = rows + part.height, part.width, seen + part["symbol"].n_unique(), size + part.estimated_size() / 2**30
        if options.write is not None:
            part.write_parquet(options.write / f"{number:05d}.parquet", compression="lz4")
    took, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{tables['mentions'].height:,} mentions, {cutoffs(calendar).height:,} sessions, {seen:,} symbols")
    print(
        f"{rows:,} rows × {width - 3} features in {took:.1f} s ({busy:.0f} s of processor time); {size:.1f} GiB of rows, "
        f"peak {peak:.1f} GiB ({before:.1f} before)"
    )


if __name__ == "__main__":
    main()
