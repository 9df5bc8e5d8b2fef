"""Documents per second of the whole ingest on one core, where the time goes, and a jieba + snownlp pipeline on the same articles.

Run: python benchmarks/ingest.py [--peer-python PATH] [--shared FOLDER] [--articles N] [--headlines N] [--growth]

The bars: at least 20 times the peer on full Chinese articles, and 50,560 headlines in under a minute. Rates are of processor time on one
core, so that a busy machine does not change them; the peer is timed in the same way. Texts are made from the embedded synthetic market and,
where the folder of shared texts is there, varied from it; they are written to a temporary folder only. ``--growth`` ingests one, two and
four times the headlines to show that memory stays flat.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CORPUS = ("feed_2026-02-07.txt", "portal_2024-04-20.txt", "report_2024-07-29.txt")
BAR, HEADLINES_BAR = 20.0, 60.0

PEER = """
import json, sys, time
import jieba, jieba.analyse
from snownlp import SnowNLP
jieba.setLogLevel(60)
jieba.initialize(), SnowNLP("好").sentiments, jieba.analyse.extract_tags("市场")
texts = [(row["headline"] + chr(10) + row["body"]) for row in map(json.loads, open(sys.argv[1], encoding="utf-8"))][: int(sys.argv[2])]
began = time.process_time()
for text in texts:
    list(jieba.cut(text)), jieba.analyse.extract_tags(text, topK=20), SnowNLP(text).sentiments
print(json.dumps({"documents": len(texts), "seconds": time.process_time() - began}))
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--peer-python", type=Path, help="interpreter that has jieba and snownlp")
    options.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared", help="folder of shared texts")
    options.add_argument("--articles", type=int, default=5_000)
    options.add_argument("--headlines", type=int, default=50_560)
    options.add_argument("--peer-articles", type=int, default=60, help="how many of the articles the peer reads")
    options.add_argument("--growth", action="store_true")
    options.add_argument("--one", nargs=2, metavar=("FILE", "HOME"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        print(json.dumps(_measure(Path(given.one[0]), Path(given.one[1]))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        articles, headlines, market = folder / "articles.jsonl", folder / "headlines.jsonl", folder / "market.jsonl"
        texts = _synthetic()
        _write(market, texts)
        _write(articles, _full(given.shared, texts, given.articles))
        _write(headlines, _headlines(given.shared, texts, given.headlines))
        found = {what: _run(path, folder) for what, path in (("articles", articles), ("headlines", headlines), ("market", market))}
        _table(found)
        if given.growth:
            for times in (2, 4):
                _write(headlines, _headlines(given.shared, texts, times * given.headlines))
                grown = _run(headlines, folder)
                print(f"{grown['documents']:>10,} headlines: {grown['seconds']:.1f} s, peak {grown['peak_mb']:.0f} MB")
        _verdict(found, given.peer_python, articles, given.peer_articles)


def _verdict(found: dict[str, dict[str, Any]], peer: Path | None, articles: Path, sample: int) -> None:
    lines = found["headlines"]
    whole = 1e6 * lines["seconds"] / lines["documents"]
    print(f"headlines: {lines['documents']:,} in {lines['seconds']:.1f} s (bar {HEADLINES_BAR:.0f}); a million in {whole / 60:.0f} minutes")
    if peer is None or not peer.exists():
        print("peer: skipped, --peer-python names no interpreter with jieba and snownlp")
        return
    done = subprocess.run([peer, "-c", PEER, articles, str(sample)], capture_output=True, text=True, env=_one_thread())
    if done.returncode:
        print(f"peer: skipped, it failed ({done.stderr.strip().splitlines()[-1]})")
        return
    theirs = json.loads(done.stdout.splitlines()[-1])
    rate, peer_rate = (one["documents"] / one["seconds"] for one in (found["articles"], theirs))
    print(f"articles: {rate:.0f} a second, jieba + snownlp {peer_rate:.2f} a second: {rate / peer_rate:.0f} times (bar {BAR:.0f})")


def _table(found: dict[str, dict[str, Any]]) -> None:
    """Print seconds and shares by step, one column a set of texts."""
    stages = sorted({s for one in found.values() for s in one["stages"]}, key=lambda s: -found["articles"]["stages"].get(s, 0.0))
    print(f"{'processor seconds':<20}" + "".join(f"{what:>20}" for what in found))
    for stage in stages:
        row = "".join(
            f"{one['stages'].get(stage, 0.0):>12.2f} {one['stages'].get(stage, 0.0) / one['seconds']:>7.1%}" for one in found.values()
        )
        print(f"{stage:<20}{row}")
    for what, form in (("seconds", ".1f"), ("documents", ",.0f"), ("characters", ",.0f"), ("peak_mb", ",.0f")):
        print(f"{what:<20}" + "".join(f"{format(one[what], form):>20}" for one in found.values()))
    print(f"{'documents a second':<20}" + "".join(f"{one['documents'] / one['seconds']:>20,.0f}" for one in found.values()))


def _run(path: Path, folder: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        done = subprocess.run(
            [sys.executable, __file__, "--one", path, f"{home}/home"], stdout=subprocess.PIPE, text=True, check=True, env=_one_thread()
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _one_thread() -> dict[str, str]:
    return {**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def _measure(path: Path, home: Path) -> dict[str, Any]:
    """Ingest one file and return seconds of processor time, by step and in all, and the peak of memory."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import polars as pl

    from research import annotation, calendar, documents, ingestion, linking, stories
    from research.sources import archives, parts
    from research.store import Store

    took: dict[str, float] = {}
    inner: list[float] = []

    def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.process_time() - began
                took[stage] = took.get(stage, 0.0) + spent - inner.pop()
                if inner:
                    inner[-1] += spent

        return run

    steps: tuple[tuple[Any, str, str], ...] = (
        (archives, "table", "reading files"), (archives, "from_frame", "reading files"), (parts, "read_documents", "reading files"),
        (documents, "dated", "documents"), (stories, "assign", "stories"), (linking.Linker, "spans", "spans"),
        (annotation, "tones", "tones"), (annotation, "mentions", "mentions"), (annotation, "extract_events", "events"), (annotation, "extract_facts", "facts"),
        (calendar, "_calendar", "calendars"), (Store, "append", "store"), (Store, "scan", "store"),
    )  # fmt: skip
    for owner, name, stage in steps:
        setattr(owner, name, timed(stage, getattr(owner, name)))
    began = time.process_time()
    store = Store(home)
    done = ingestion.ingest(store, [path], ingestion.security_master(store))
    seconds = time.process_time() - began
    assert not done.unreadable, done.unreadable
    took["the rest"] = seconds - sum(took.values())
    size = store.scan("documents").select(n=pl.len(), chars=(pl.col("headline").str.len_chars() + pl.col("body").str.len_chars()).sum())
    count, characters = size.collect().row(0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"documents": count, "characters": characters, "seconds": seconds, "peak_mb": peak, "stages": took}


def _synthetic() -> list[dict[str, Any]]:
    from research.sources import synthetic

    stamps = (datetime(2022, 1, 4, tzinfo=UTC) + timedelta(minutes=390 * k) for k in range(10**9))
    return [
        {"headline": a.headline, "body": a.body, "source": a.source, "published_at": at.isoformat()}
        for a, at in zip(synthetic.market().articles, stamps, strict=False)
    ]


def _full(shared: Path, texts: list[dict[str, Any]], n: int) -> Iterable[dict[str, Any]]:
    """Yield full Chinese articles: each differs from every other in names, numbers and the order of its sentences."""
    import polars as pl

    from research.instruments import shipped
    from research.sources.reader import read_documents

    rng = random.Random(5)
    listed = shipped().filter(pl.col("symbol").str.contains(r"\.(SS|SZ)$") & (pl.col("asset_class") == "equity"))
    names = [name for name in listed["name_zh"].drop_nulls().unique().sort().to_list() if len(name) >= 3]
    named = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    corpus = [shared / "corpus" / name for name in CORPUS if (shared / "corpus" / name).exists()]
    whole = [(a.headline, a.body, a.source) for path in corpus for a in read_documents(path).articles if len(a.body) > 300]
    if not whole:
        pieces = [f"{t['headline']}。{t['body']}" for t in texts if re.search(r"[\u4e00-\u9fff]{20}", t["body"])]
        whole = [(pieces[k][:20], "\n".join(pieces[k : k + 20]), "synthetic") for k in range(0, min(len(pieces) - 20, 900), 20)]

    def varied(text: str) -> str:
        chosen: dict[str, str] = {}
        text = named.sub(lambda m: chosen.setdefault(m.group(), rng.choice(names)), text)
        return re.sub(
            r"(?<![\d年月])\d{2,}(?:\.\d+)?(?!\d|年|月|日)", lambda m: re.sub(r"\d", lambda _: rng.choice("123456789"), m.group()), text
        )

    for k in range(n):
        headline, body, source = whole[k % len(whole)]
        sentences = re.split(r"(?<=。)", varied(body))
        cut = rng.randrange(len(sentences))
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=37 * k)
        yield {
            "headline": f"{rng.choice(names)}:{varied(headline)}",
            "body": "".join(sentences[cut:] + sentences[:cut]).strip(),
            "source": source,
            "published_at": at.isoformat(),
        }


def _headlines(shared: Path, texts: list[dict[str, Any]], n: int) -> Iterable[dict[str, Any]]:
    """Yield headlines, about 1,500 a day; rounds after the first carry a number and lie in other months."""
    import polars as pl

    path = shared / "market" / "news" / "headlines_cn.parquet"
    titles = pl.read_parquet(path)["title"].to_list() if path.exists() else [t["headline"] for t in texts]
    for k in range(n):
        round_, place = divmod(k, len(titles))
        at = datetime(2016, 1, 1, tzinfo=UTC) + timedelta(minutes=k)
        yield {"headline": titles[place] + (f"({round_}号)" if round_ else ""), "source": f"portal{k % 7}", "published_at": at.isoformat()}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    main()
