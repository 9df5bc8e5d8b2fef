"""News wires through akshare's own code, into an archive and through `ingest`: when an item counts as known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from loopback import Answer, Vendors, vendors

from research import ingestion
from research.errors import StoreError, UsageError
from research.sources import news_feeds
from research.sources.vendor import Pace
from research.store import Store

SEEN = datetime(2024, 1, 2, 2, 5, tzinfo=UTC)
AT = int(datetime(2024, 1, 2, 2, 0, tzinfo=UTC).timestamp())
FAST = Pace(attempts=1, wait=0.0, timeout=5.0, workers=3, per_second=0)
CLS, EASTMONEY, SINA, FUTU, THS, STOCK = (
    ("www.cls.cn", "/v1/roll/get_roll_list"),
    ("np-weblist.eastmoney.com", "/comm/web/getFastNewsList"),
    ("zhibo.sina.com.cn", "/api/zhibo/feed"),
    ("news.futunn.com", "/news-site-api/main/get-flash-list"),
    ("news.10jqka.com.cn", "/tapp/news/push/stock"),
    ("search-api-web.eastmoney.com", "/search/jsonp"),
)


def wire_of_cls(*items: tuple[str, str, int]) -> Answer:
    rows = [{"id": n, "title": title, "content": text, "ctime": at, "level": "C"} for n, (title, text, at) in enumerate(items)]
    return Answer({"error": 0, "data": {"roll_data": rows}})


def search(query: dict[str, str]) -> Answer:
    code = json.loads(query["param"])["keyword"]
    item = {"date": "2024-01-02 09:58:00", "image": "", "code": f"20240102{code}", "title": f"<em>清禾光学</em>({code})签下大单",
            "content": "正文\u3000第一句。", "mediaName": "示例证券报", "url": "http://x"}  # fmt: skip
    return Answer(
        f"{query['cb']}({json.dumps({'code': 0, 'result': {'cmsArticleWebOld': [item]}}, ensure_ascii=False)})", 200, "text/javascript"
    )


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendors]:
    with vendors(monkeypatch, tmp_path) as server:
        server.answers |= {
            CLS: wire_of_cls(("", "【清禾光学签下大单】财联社1月2日电，清禾光学宣布签下一份合同。", AT), ("央行开展逆回购", "规模为一千亿元。", AT - 60)),
            EASTMONEY: Answer({"code": "1", "data": {"fastNewsList": [{"title": "沪指高开", "summary": "三大指数集体高开。", "showTime": "2024-01-02 10:00:00", "code": "202401020001"}]}}),
            SINA: Answer({"result": {"data": {"feed": {"list": [{"create_time": "2024-01-02 10:00:00", "rich_text": "两市成交额突破五千亿元。"}]}}}}),
            FUTU: Answer({"data": {"data": {"news": [{"title": "恒指低开", "content": "恒指低开0.2%。", "time": str(AT), "detailUrl": "https://x/1"}]}}}),
            THS: Answer({"data": {"list": [{"title": "北向资金流入", "digest": "净流入十亿元。", "rtime": str(AT), "url": "https://x/2"}]}}),
            STOCK: search,
        }  # fmt: skip
        yield server


def fetch(*wires: str, symbols: tuple[str, ...] = (), at: datetime = SEEN) -> news_feeds.Fetched:
    return news_feeds.fetch(wires, symbols, now=lambda: at, pace=FAST)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_every_wire_says_when_and_what_wherever_the_machine_stands(web: Vendors, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """akshare writes the times of two wires in the machine's zone."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = fetch(*news_feeds.WIRES, symbols=("600999",))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found.failures.is_empty()
    at = datetime(2024, 1, 2, 2, 0, tzinfo=UTC)
    assert found.items.select("wire", "source", "headline", "published_at").rows() == [
        ("cls", "财联社", "央行开展逆回购", at - timedelta(minutes=1)),
        ("cls", "财联社", "清禾光学签下大单", at),
        ("eastmoney", "东方财富", "沪指高开", at),
        ("sina", "新浪财经", "", at),
        ("futu", "富途牛牛", "恒指低开", at),
        ("ths", "同花顺", "北向资金流入", at),
        ("stock", "示例证券报", "清禾光学(600999)签下大单", at - timedelta(minutes=2)),
    ]
    assert found.items["first_seen_at"].unique().to_list() == [SEEN]


def test_an_archive_keeps_the_first_time_an_item_was_seen(web: Vendors, tmp_path: Path) -> None:
    folder = tmp_path / "wires"
    assert news_feeds.archive(fetch("cls").items, folder).added == 2
    again = fetch("cls", at=SEEN + timedelta(minutes=10)).items
    assert news_feeds.archive(again, folder).added == 0
    web.answers[CLS] = wire_of_cls(("央行开展逆回购", "规模为两千亿元。", AT - 60), ("央行开展逆回购", "规模为一千亿元。", AT - 60))
    edited = news_feeds.archive(fetch("cls", at=SEEN + timedelta(days=1)).items, folder)
    assert (edited.added, edited.offered, [path.name for path in edited.files]) == (1, 2, ["cls-2024-01-03.jsonl"])
    lines = [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["first_seen_at"][:16] for line in lines] == ["2024-01-02T02:05", "2024-01-02T02:05", "2024-01-03T02:05"]
    assert lines[0] == {
        "kind": "news", "headline": "央行开展逆回购", "body": "规模为一千亿元。", "source": "财联社", "published_at": "2024-01-02T09:59:00+08:00",
        "first_seen_at": "2024-01-02T02:05:00+00:00",
    }  # fmt: skip


def test_a_line_cut_off_by_a_crash_costs_no_other(web: Vendors, tmp_path: Path) -> None:
    items = fetch("cls").items
    news_feeds.archive(items.head(1), tmp_path / "wires")
    path = tmp_path / "wires" / "cls-2024-01-02.jsonl"
    path.write_bytes(path.read_bytes() + '{"kind": "news", "headline": "半'.encode()[:-1])
    assert news_feeds.archive(items, tmp_path / "wires").added == 1
    lines = path.read_bytes().split(b"\n")
    assert len(lines) == 4 and json.loads(lines[2])["headline"] == "清禾光学签下大单"


def test_ingest_takes_the_first_seen_time_for_availability(web: Vendors, tmp_path: Path) -> None:
    news_feeds.archive(fetch("cls", "sina", symbols=("600999.SS",)).items, tmp_path / "wires")
    store = Store(tmp_path / "home")
    files = sorted((tmp_path / "wires").iterdir())
    for _ in range(2):
        done = ingestion.ingest(store, files, ingestion.security_master(store))
        assert not done.unreadable
    documents = store.read("documents").sort("published_at")
    assert documents["available_at"].unique().to_list() == [SEEN] and documents["first_seen_at"].unique().to_list() == [SEEN]
    assert documents.select("source", "headline", "published_at").rows()[0] == (
        "示例证券报",
        "清禾光学(600999)签下大单",
        datetime(2024, 1, 2, 1, 58, tzinfo=UTC),
    )
    assert documents.height == 4 and documents["published_precision"].unique().to_list() == ["second"]
    assert store.read("quarantine").is_empty()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer("<html>busy</html>", 200, "text/html"), "not in the form expected"),
        (Answer({"data": {"fastNewsList": []}}), "eastmoney"),
        (Answer({"data": {"fastNewsList": [{"headline": "x"}]}}), "not in the form expected"),
        (Answer({"data": None}), "not in the form expected"),
        (Answer("Too Many Requests", 429, "text/plain"), "not in the form expected"),
    ],
)
def test_a_wire_that_fails_costs_the_others_nothing(web: Vendors, answer: Answer, says: str) -> None:
    web.answers[EASTMONEY] = answer
    found = fetch("eastmoney", "cls")
    assert found.failures["symbol"].to_list() == ["eastmoney"] and says in found.failures["reason"][0]
    assert found.items["wire"].unique().to_list() == ["cls"]


def test_a_time_that_cannot_be_read_is_left_to_the_first_seen_one(web: Vendors, tmp_path: Path) -> None:
    web.answers[SINA] = Answer(
        {"result": {"data": {"feed": {"list": [{"create_time": "刚刚", "rich_text": "两市高开。"}, {"create_time": "", "rich_text": ""}]}}}}
    )
    items = fetch("sina").items
    assert items.select("body", "published_at").rows() == [("两市高开。", None)]
    news_feeds.archive(items, tmp_path)
    assert "published_at" not in json.loads((tmp_path / "sina-2024-01-02.jsonl").read_text(encoding="utf-8"))


def test_unknown_wires_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one of cls, eastmoney"):
        news_feeds.fetch(["reuters"], now=lambda: SEEN)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be written"):
        news_feeds.archive(pl.DataFrame(schema=news_feeds.ITEMS), tmp_path / "file")


def test_the_command(web: Vendors, tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "tidings", "archive", str(tmp_path / "wires"), *words], env=dict(os.environ), capture_output=True, text=True, timeout=100)  # fmt: skip

    done = command("--wire", "cls", "--wire", "ths")
    assert done.returncode == 0 and "3 of 3 items" in done.stdout, done.stderr
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "wires").iterdir()) == ["cls", "ths"]
