"""Ingestion in batches equals one pass over everything, and a killed run is completed by the next."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research import documents, ingestion, schemas
from research.annotation import annotate
from research.errors import SourceError, StoreError, UsageError
from research.linking import Linker
from research.schemas import INSTRUMENTS
from research.sources import parts as parts_module
from research.sources.parts import parts
from research.sources.reader import read_documents
from research.store import Store, Written

TABLES = ("documents", "mentions", "events", "facts", "quarantine")
COMPANIES = (("609901.SS", "清禾光学"), ("609902.SS", "万鹿轴承"), ("609903.SS", "腾岚食品"), ("609904.SS", "栎川化工"))
NEWS = (
    "{name}发布新一代产品,董事会称订单充足,编号{k}",
    "{name}下调全年业绩指引,预计净利润减少{k}万元",
    "{name}拟回购不超过{k}万股股份用于员工持股计划",
    "{name}中标{k}亿元合同,工期三年",
    "{name}股东计划减持不超过{k}万股",
)
MASTER = INSTRUMENTS.frame(
    [
        {
            "symbol": symbol,
            "valid_from": date(1990, 1, 1),
            "name": name,
            "name_zh": name,
            "mic": "XSHG",
            "asset_class": "equity",
            "currency": "CNY",
            "aliases": [],
        }
        for symbol, name in COMPANIES
    ]
)


def articles(n: int, seed: int) -> list[dict]:
    """News of two months: every fifth repeats an earlier one within days, every seventh has a body, times come in bunches."""
    rng = np.random.default_rng(seed)
    start = datetime(2024, 3, 1, tzinfo=UTC)
    made: list[dict] = []
    for k in range(n):
        at = start + timedelta(hours=int(rng.integers(0, 60 * 24) // 3 * 3))
        name = COMPANIES[int(rng.integers(len(COMPANIES)))][1]
        headline = NEWS[int(rng.integers(len(NEWS)))].format(name=name, k=int(rng.integers(10, 9999)))
        body = f"{name}公告称,{headline}。公司表示,市场需求平稳,经营一切正常。" * int(rng.integers(1, 4)) if k % 7 == 0 else ""
        if k % 5 == 4:
            copied = made[int(rng.integers(len(made)))]
            headline, body = copied["headline"], copied["body"]
            at = datetime.fromisoformat(copied["published_at"]) + timedelta(hours=int(rng.integers(0, 9 * 24)))
        made.append({"headline": headline, "body": body, "source": f"s{k % 3}", "published_at": at.isoformat()})
    made.append({"headline": "没有日期的消息", "body": "", "source": "s0", "published_at": None})
    return made


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def tables(store: Store) -> dict[str, pl.DataFrame]:
    return {name: store.read(name) for name in TABLES}


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return all(one[name].equals(other[name]) for name in TABLES)


@pytest.fixture(scope="module")
def news() -> list[dict]:
    return articles(240, seed=3)


@pytest.fixture(scope="module")
def expected(news, tmp_path_factory) -> dict[str, pl.DataFrame]:
    """The tables by the plain composition: every article at once, no batches, no store."""
    path = lines(tmp_path_factory.mktemp("plain") / "all.jsonl", news)
    built = documents.build(read_documents(path).articles)
    found = annotate(built.documents, Linker.build(MASTER))
    made = {"documents": built.documents, "mentions": found.mentions, "events": found.events, "facts": found.facts}
    made["quarantine"] = built.quarantine
    return {name: frame.sort(schemas.TABLES[name].key) for name, frame in made.items()}


def small_batches(monkeypatch, size: int) -> None:
    monkeypatch.setattr(ingestion, "_BATCH_DOCUMENTS", size)
    monkeypatch.setattr(ingestion, "_PART_CHARACTERS", 3000)
    monkeypatch.setattr(ingestion, "_ROW_GROUP", 4)
    monkeypatch.setattr(parts_module, "_PART", 2000)


def test_the_news_has_stories_that_cross_batches(expected):
    stories = expected["documents"].filter(pl.col("doc_id") != pl.col("story_id"))
    assert stories.height > 15
    assert expected["events"].height > 50 and expected["mentions"].height > 200
    assert expected["quarantine"].height == 1


@pytest.mark.parametrize("size", [12, 40, 100_000])
def test_batches_equal_one_pass(news, expected, tmp_path, monkeypatch, size):
    small_batches(monkeypatch, size)
    store = Store(tmp_path / "home")
    done = ingestion.ingest(store, [lines(tmp_path / "all.jsonl", news)], MASTER)
    assert same(tables(store), expected)
    assert [w.table for w in done.written] == ["instruments", "quarantine", "mentions", "events", "facts", "documents"]
    added = {w.table: w.added for w in done.written}
    assert all(added[name] == expected[name].height for name in TABLES)
    versions = store.versions()
    again = ingestion.ingest(store, [lines(tmp_path / "all.jsonl", news)], MASTER)
    assert not any(w.added for w in again.written)
    assert store.versions() == versions, "a run that adds nothing commits nothing"


def test_files_in_any_order_and_overlapping_in_time_equal_one_file(news, expected, tmp_path, monkeypatch):
    small_batches(monkeypatch, 25)
    files = [lines(tmp_path / f"{k}.jsonl", news[k::3] + news[k : k + 5]) for k in range(3)]
    store = Store(tmp_path / "home")
    ingestion.ingest(store, files[::-1], MASTER)
    assert same(tables(store), expected)


def test_runs_in_the_order_of_time_equal_one_run(news, expected, tmp_path):
    dated = sorted((row for row in news if row["published_at"]), key=lambda row: row["published_at"])
    cut = next(k for k in range(100, 200) if dated[k - 1]["published_at"] < dated[k]["published_at"])
    store = Store(tmp_path / "home")
    for k, rows in enumerate((dated[:cut], dated[cut:] + news[-1:])):
        ingestion.ingest(store, [lines(tmp_path / f"{k}.jsonl", rows)], MASTER)
    assert same(tables(store), expected)


RUN = """
import sys
from pathlib import Path
import polars as pl
from research import ingestion
from research.store import Store
ingestion._BATCH_DOCUMENTS = 20
ingestion.ingest(Store(sys.argv[1]), [Path(sys.argv[2])], pl.read_parquet(sys.argv[3]))
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_run_is_completed_by_the_next(news, expected, tmp_path, seed, monkeypatch):
    rng = np.random.default_rng(seed)
    path, home = lines(tmp_path / "all.jsonl", news), tmp_path / "home"
    MASTER.write_parquet(tmp_path / "master.parquet")
    process = subprocess.Popen([sys.executable, "-c", RUN, home, path, tmp_path / "master.parquet"], cwd=Path(__file__).parents[2])
    # Each batch is four commits: stop somewhere among them, and at some moment of writing the next.
    wanted, deadline = int(rng.integers(3, 30)), time.monotonic() + 60
    while process.poll() is None and len(list(home.glob("*/_delta_log/*.json"))) < wanted and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(float(rng.uniform(0, 0.03)))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {name: Store(home).read(name).height for name in TABLES}
    monkeypatch.setattr(ingestion, "_BATCH_DOCUMENTS", 33)
    ingestion.ingest(Store(home), [path], MASTER)
    assert same(tables(Store(home)), expected), before


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), min_size=1, max_size=60), st.integers(1, 10), st.integers(1, 200))
def test_cuts_cover_every_instant_once_in_order(rows, most, characters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingestion, "_BATCH_DOCUMENTS", most)
        patch.setattr(ingestion, "_BATCH_CHARACTERS", characters)
        at = np.array(sorted(a for a, _ in rows), dtype=np.int64)
        size = np.array([s for _, s in rows], dtype=np.int64)
        cuts = ingestion._cuts(at, size)
    assert cuts[0][0] == at[0] and cuts[-1][1] == at[-1]
    assert all(first <= last for first, last in cuts) and all(a[1] < b[0] for a, b in pairwise(cuts))
    for first, last in cuts:
        inside = (at >= first) & (at <= last)
        all_but_last = (at >= first) & (at < at[inside][-1])
        assert all_but_last.sum() < most and (size[all_but_last].sum() < characters or not all_but_last.any())
    assert sum(int(((at >= a) & (at <= b)).sum()) for a, b in cuts) == len(at)


def whole_and_parts(path, monkeypatch, **options):
    whole = read_documents(path, **options)
    monkeypatch.setattr(parts_module, "_PART", 1500)
    cut = [batch for batch, _ in parts(path, **options)]
    shares = [share for _, share in parts(path, **options)]
    assert len(cut) > 2 and shares == sorted(shares) and shares[-1] == pytest.approx(1.0, abs=0.2)
    assert [a for batch in cut for a in batch.articles] == whole.articles
    assert {(r.reason, r.excerpt) for batch in cut for r in batch.rejected} == {(r.reason, r.excerpt) for r in whole.rejected}
    return whole


def test_json_lines_in_parts_equal_the_whole(news, tmp_path, monkeypatch):
    path = lines(tmp_path / "all.jsonl", news[:100])
    text = path.read_text(encoding="utf-8").split("\n")
    text[50] = text[50][:40]
    text[70] = "\n" + text[70] + "\n[1, 2]"
    path.write_text("\n".join(text), encoding="utf-8")
    assert len(whole_and_parts(path, monkeypatch).rejected) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_parts_equals_the_whole(news, tmp_path, monkeypatch, encoding):
    frame = pl.DataFrame(news[:100], infer_schema_length=None).with_columns(body=pl.col("body") + '第二段"引文"\n第三段,完')
    (tmp_path / "all.csv").write_bytes(frame.write_csv().encode(encoding))
    whole_and_parts(tmp_path / "all.csv", monkeypatch)


def test_parquet_in_parts_equals_the_whole(news, tmp_path, monkeypatch):
    frame = pl.DataFrame(news, infer_schema_length=None).rename({"headline": "t"})
    frame.write_parquet(tmp_path / "all.parquet")
    monkeypatch.setattr(parts_module, "_HEAD", 500)
    whole_and_parts(tmp_path / "all.parquet", monkeypatch, columns={"headline": "t"}, source="agency")


def test_a_file_that_breaks_off_keeps_what_was_whole(news, tmp_path, monkeypatch):
    small_batches(monkeypatch, 50)
    frame = pl.DataFrame(news, infer_schema_length=None)
    frame.write_parquet(tmp_path / "cut.parquet")
    data = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.txt").write_bytes(b"")
    store = Store(tmp_path / "home")
    done = ingestion.ingest(store, [tmp_path / "cut.parquet", lines(tmp_path / "good.jsonl", news[:10]), tmp_path / "empty.txt"], MASTER)
    assert len(done.unreadable) == 2 and "cut.parquet" in done.unreadable[0] and "empty.txt" in done.unreadable[1]
    assert store.read("documents").height == documents.build(read_documents(tmp_path / "good.jsonl").articles).documents.height
    assert store.read("quarantine").height == 2


def test_a_wrong_column_is_said_for_a_large_file_too(news, tmp_path, monkeypatch):
    monkeypatch.setattr(parts_module, "_PART", 1500)
    with pytest.raises(SourceError, match=r"all\.jsonl.*maps headline to 'titel'"):
        list(parts(lines(tmp_path / "all.jsonl", news), columns={"headline": "titel"}))


def test_a_home_that_cannot_be_written_is_said_before_anything_is_read(news, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(ingestion, "parts", lambda *a, **k: pytest.fail("read before the home was claimed"))
    with pytest.raises(StoreError):
        ingestion.ingest(Store(tmp_path / "file" / "home"), [lines(tmp_path / "all.jsonl", news)], MASTER)


def test_the_security_master_of_a_home_stays(tmp_path):
    store = Store(tmp_path / "home")
    store.append(INSTRUMENTS, MASTER)
    MASTER.write_parquet(tmp_path / "same.parquet")
    MASTER.with_columns(name=pl.lit("another")).write_parquet(tmp_path / "other.parquet")
    assert ingestion.security_master(store, tmp_path / "same.parquet").equals(MASTER)
    assert ingestion.security_master(store).equals(MASTER.sort(INSTRUMENTS.key))
    with pytest.raises(UsageError, match="already has a security master"):
        ingestion.security_master(store, tmp_path / "other.parquet")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        ingestion.security_master(store, lines(tmp_path / "x.parquet", [{"a": 1}]))


def test_appends_sum(tmp_path):
    nothing, one, two = (
        Written("t", added, 5, first, last, tmp_path, version)
        for added, first, last, version in ((0, None, None, 1), (2, 3, 4, 2), (1, 1, 2, 3))
    )
    total = nothing + one + two
    assert (total.added, total.offered, total.first, total.last, total.version) == (3, 15, 1, 4, 3)
    assert (nothing + nothing).first is None
