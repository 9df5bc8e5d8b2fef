"""Bad input gives one clear sentence, exit 1 or 2, and loses nothing of the rest."""

import json
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from research.schemas import INSTRUMENTS
from research.store import Store

ROOT = Path(__file__).parent.parent
TIDINGS = Path(sys.executable).with_name("tidings")
SEEN = "2024-04-20T12:00:00+08:00"
FEED = (
    "示例快讯 https://example.com zh-hans <![CDATA[ 清禾光学发布新品 ]]> https://example.com/1 清禾光学今日发布新一代镜头。\n\n公司称将于下半年量产。\n\n]]>\n"
    "示例快讯 Fri, 19 Apr 2024 16:38:03 +0800<![CDATA[ 万鹿轴承下调全年业绩指引 ]]> https://example.com/2 万鹿轴承表示需求疲软,下调全年业绩指引。\n\n]]>\n"
    "示例快讯 Fri, 19 Apr 2024 15:02:11 +0800"
)


MASTER = INSTRUMENTS.frame(
    {
        "symbol": symbol, "valid_from": date(2010, 1, 1), "name": zh, "name_zh": zh, "mic": "XSHG", "asset_class": "equity", "currency": "CNY",
        "aliases": [{"text": zh, "language": "zh", "needs_context": False}],
    }
    for symbol, zh in [("609901.SS", "清禾光学"), ("609902.SS", "万鹿轴承"), ("609903.SS", "腾岚食品")]
)  # fmt: skip


def tidings(*words, cwd):
    return subprocess.run([TIDINGS, *map(str, words)], capture_output=True, text=True, cwd=cwd, timeout=120)


COMMANDS = (
    "demo", "ingest", "archive", "prices", "signal", "schedule", "study", "backtest", "sweep", "compare", "evaluate", "sentiment", "export", "check", "store",
)  # fmt: skip


def one_sentence(done, code):
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("tidings:")]
    assert len(said) == 1, done.stderr
    return said[0]


def test_help_answers_in_under_a_second_when_warm(tmp_path):
    tidings("--help", cwd=tmp_path)
    started = time.monotonic()
    done = tidings("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^\s+{command}\b", done.stdout, re.M), command
    assert time.monotonic() - started < 5, "a loaded machine is slow, a heavy import is slower"


def test_twice_adds_nothing_and_bad_files_do_not_spoil_the_batch(tmp_path):
    news = tmp_path / "news"
    news.mkdir()
    (news / "good.txt").write_text(FEED, encoding="utf-8")
    done = tidings("ingest", news, "--seen-at", SEEN, "--home", "h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = {name: Store(tmp_path / "h").read(name) for name in ("documents", "mentions", "events", "facts", "quarantine")}
    assert first["documents"].height == 2
    assert tidings("ingest", news, "--seen-at", SEEN, "--home", "h", cwd=tmp_path).returncode == 0
    assert all(Store(tmp_path / "h").read(name).equals(frame) for name, frame in first.items())

    (news / "empty.txt").write_bytes(b"")
    (news / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    (news / "z_more.txt").write_text(
        FEED.replace("清禾光学发布新品", "腾岚食品发布新品").replace("清禾光学今日", "腾岚食品今日"), encoding="utf-8"
    )
    done = tidings("ingest", news, "--seen-at", SEEN, "--home", "h", cwd=tmp_path)
    assert "2 of 4 files" in one_sentence(done, 1)
    assert "empty.txt" in done.stderr and "photo.txt" in done.stderr
    assert Store(tmp_path / "h").read("documents").height == 3
    assert Store(tmp_path / "h").read("quarantine").height == 2


def test_a_truncated_feed_keeps_its_whole_items(tmp_path):
    (tmp_path / "cut.txt").write_text(FEED[: FEED.index("需求疲软")], encoding="utf-8")
    tidings("ingest", "cut.txt", "--seen-at", SEEN, "--home", "h", cwd=tmp_path)
    store = Store(tmp_path / "h")
    assert store.read("documents")["headline"].to_list() == ["清禾光学发布新品"]
    assert store.read("quarantine").height == 1


def test_a_gbk_page_reads_as_its_utf8_twin(tmp_path):
    for name, encoding in (("utf8", "utf-8"), ("gbk", "gb18030")):
        (tmp_path / f"{name}.txt").write_bytes(FEED.encode(encoding))
        assert tidings("ingest", f"{name}.txt", "--seen-at", SEEN, "--home", name, cwd=tmp_path).returncode == 0
    utf8, gbk = (Store(tmp_path / name).read("documents") for name in ("utf8", "gbk"))
    assert utf8["doc_id"].to_list() == gbk["doc_id"].to_list()


def test_an_article_without_a_resolvable_date_is_quarantined(tmp_path):
    rows = [
        {"headline": "清禾光学发布新品", "body": "清禾光学发布新一代镜头。", "published_at": None},
        {"headline": "万鹿轴承公告", "body": "万鹿轴承发布公告。", "published_at": "2024-04-19T10:00:00+08:00"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    tidings("ingest", "a.jsonl", "--home", "h", cwd=tmp_path)
    store = Store(tmp_path / "h")
    assert store.read("documents")["headline"].to_list() == ["万鹿轴承公告"]
    aside = store.read("quarantine")
    assert aside.height == 1 and "清禾光学" in aside["excerpt"][0]


def test_a_negative_price_is_set_aside_and_the_rest_kept(tmp_path):
    (tmp_path / "bars.csv").write_text("symbol,date,open,high,low,close,volume\nAAA,2024-04-18,1,2,1,2,10\nAAA,2024-04-19,1,2,1,-2,10\n")
    said = one_sentence(tidings("prices", "files", "bars.csv", "--home", "h", cwd=tmp_path), 1)
    assert "-2" in said
    assert Store(tmp_path / "h").read("bars")["close"].to_list() == [2.0]
    assert Store(tmp_path / "h").read("quarantine").height == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["ingest", "absent.txt"], 2, "no file or folder"),
        (["ingest", "feed.txt", "--seen-at", "2024-04-20"], 2, "no offset"),
        (["ingest", "feed.txt", "--home", "."], 1, "not a tidings home"),
        (["signal", "--asof", "2024-04-20T09:00+08:00", "--home", "nowhere"], 2, "no home folder"),
        (["signal", "--asof", "tomorrow", "--home", "nowhere"], 2, "ISO 8601"),
        (["backtest", "--signal", "tone@1", "--start", "2024-01-01", "--end", "2024-02-01", "--market", "mars", "--home", "h"], 2, "mars"),
        (["backtest", "--signal", "nose@1", "--start", "2024-01-01", "--end", "2024-02-01", "--home", "h"], 2, "nose@1"),
        (["study", "--benchmark", "NOPE", "--home", "h"], 1, "NOPE"),
        (["export", "secrets", "x.parquet", "--home", "h"], 2, "secrets"),
        (["export", "documents", "no/where/x.parquet", "--home", "h"], 2, "does not exist"),
    ],
)
def test_wrong_calls(tmp_path, words, code, says):
    (tmp_path / "feed.txt").write_text(FEED, encoding="utf-8")
    MASTER.write_parquet(tmp_path / "master.parquet")
    if "h" in words:
        done = tidings("ingest", "feed.txt", "--seen-at", SEEN, "--instruments", "master.parquet", "--home", "h", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert says in one_sentence(tidings(*words, cwd=tmp_path), code)


def test_an_unknown_option_is_bad_usage(tmp_path):
    done = tidings("ingest", "--frobnicate", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_each_command_stands_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"`tidings {command}`" in text


def test_export_writes_what_was_available(tmp_path):
    (tmp_path / "feed.txt").write_text(FEED, encoding="utf-8")
    tidings("ingest", "feed.txt", "--seen-at", SEEN, "--home", "h", cwd=tmp_path)
    for asof, n in (("2024-04-19T15:02:11+08:00", 0), ("2024-04-19T15:02:12+08:00", 1), ("2024-04-21T00:00+08:00", 2)):
        tidings("export", "documents", "out.parquet", "--asof", asof, "--home", "h", cwd=tmp_path)
        assert pl.read_parquet(tmp_path / "out.parquet").height == n


def test_a_tone_model_of_few_texts_says_so(tmp_path):
    """Two lines make a model, and a warning that its probabilities mean nothing."""
    lines = [{"id": "a", "text": "profit jumps", "label": "up"}, {"id": "b", "text": "profit falls", "label": "down"}]
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = tidings("sentiment", "train", "few.jsonl", "--out", "few.model", cwd=tmp_path)
    assert done.returncode == 0
    assert "2 lines, 2 labels" in done.stdout
    assert "2 texts are fewer than 50" in done.stdout
    many = [{"id": str(i), "text": f"profit {'jumps' if i % 2 else 'falls'} {i}", "label": "up" if i % 2 else "down"} for i in range(60)]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(line) + "\n" for line in many))
    assert "fewer" not in tidings("sentiment", "train", "many.jsonl", "--out", "many.model", cwd=tmp_path).stdout
