"""A small server on loopback answers as OpenAI's chat completions do, and does everything such servers do wrong."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from research import ingestion, llm
from research.annotation import annotate as by_rules
from research.errors import LookAheadError, SourceError, StoreError, UsageError
from research.event_types import taxonomy
from research.linking import Linker
from research.schemas import DOCUMENTS, INSTRUMENTS, QUARANTINE, content_id
from research.store import Store

UNTIL = date(2024, 12, 31)
SECRET = "sk-not-a-real-key"
QUOTE = "澄湖药业公告,拟回购不超过5亿元股份。"
TEXTS = {
    "a": ("澄湖药业拟回购股份", QUOTE + "公司2月6日下午披露了方案。"),
    "b": ("Quellmark wins order", "Quellmark won a large order from Ostrava Rail on Friday."),
    "c": ("沪深两市成交缩量", "两市成交额较前一日减少。"),
}
MASTER = INSTRUMENTS.frame(
    [
        {"symbol": "688991.SS", "valid_from": date(2020, 1, 2), "name": "Chenghu Pharma", "name_zh": "澄湖药业", "mic": "XSHG",
         "asset_class": "equity", "currency": "CNY", "aliases": []},
        {"symbol": "QLMK", "valid_from": date(2020, 1, 2), "name": "Quellmark", "name_zh": None, "mic": "XNYS",
         "asset_class": "equity", "currency": "USD", "aliases": []},
    ]
)  # fmt: skip


def tables(*names: str, published: datetime = datetime(2026, 2, 6, 8, 0, tzinfo=UTC)) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [
        {
            "doc_id": content_id(name), "kind": "news", "source": "Test", "language": "en" if name == "b" else "zh-Hans",
            "headline": TEXTS[name][0], "body": TEXTS[name][1], "published_at": published, "published_precision": "second",
            "published_not_before": published, "published_not_after": published, "available_at": published, "story_id": content_id(name),
            "novelty": 1.0,
        }
        for name in names
    ]  # fmt: skip
    documents = DOCUMENTS.frame(rows)
    return documents, Linker.build(MASTER).spans(documents)


def answer(tone: float = 0.6, symbol: str = "688991.SS", **event: Any) -> dict[str, Any]:
    one = {"symbol": symbol, "event_type": "buyback.plan", "sentiment": 0.7, "confidence": 0.9, "event_date": None, "evidence": QUOTE}
    return {"instruments": [{"symbol": symbol, "sentiment": tone, "confidence": 0.8}], "events": [{**one, **event}]}


NOTHING: dict[str, Any] = {"instruments": [], "events": []}


@dataclass
class Reply:
    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wait: float = 0.0
    finish: str = "stop"
    trickle: float = 0.0

    def payload(self) -> bytes:
        if self.body is not None:
            return self.body
        text = self.content if isinstance(self.content, str) else json.dumps(self.content)
        return json.dumps(
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": self.finish}]}
        ).encode()


class Model(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.script: list[Reply] = []
        self.respond: Callable[[dict[str, Any]], Reply] | None = None
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append(asked)
            self.server.heads.append(dict(self.headers))
            self.server.paths.append(self.path)
            self.server.times.append(time.monotonic())
            reply = self.server.respond(asked) if self.server.respond else self.server.script.pop(0)
        time.sleep(reply.wait)
        body = reply.payload()
        self.send_response_only(reply.status)  # without a Date of its own
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for at in range(0, len(body), 20) if reply.trickle else ():
            self.wfile.write(body[at : at + 20])
            time.sleep(reply.trickle)
        if not reply.trickle:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output to the test."""


@pytest.fixture
def model() -> Iterator[Model]:
    server = Model()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def read(
    server: Model, folder: Path, *names: str, allow_seen: bool = False, published: datetime | None = None, **options: Any
) -> llm.Reading:
    documents, spans = tables(*(names or ("a",)), **({"published": published} if published else {}))
    endpoint = llm.Endpoint(**{"url": server.url, "model": "small", "wait": 0.0, "timeout": 5.0, "max_concurrency": 1, **options})
    return llm.annotate(documents, spans, endpoint, cache=folder / "cache", trained_until=UNTIL, allow_seen=allow_seen)


def test_a_good_answer(model: Model, tmp_path: Path) -> None:
    model.script = [Reply(answer(event_date="2026-02-06"))]
    found = read(model, tmp_path)
    assert found.mentions.select("symbol", "sentiment", "confidence", "role", "annotator").rows() == [
        ("688991.SS", 0.6, 0.8, "subject", "llm:small@1")
    ]
    assert found.mentions["surfaces"].to_list() == [["澄湖药业"]]
    event = found.events.row(0, named=True)
    assert event["event_id"] == content_id(content_id("a"), "688991.SS", "buyback.plan", QUOTE)
    assert (event["evidence"], event["event_date"], event["available_at"]) == (QUOTE, date(2026, 2, 6), datetime(2026, 2, 6, 8, tzinfo=UTC))
    assert found.tally == llm.Tally(documents=1, requests=1)
    assert found.quarantine.is_empty()


def test_the_request(model: Model, tmp_path: Path) -> None:
    model.script = [Reply(answer())]
    read(model, tmp_path, seed=7)
    asked, user = model.seen[0], json.loads(model.seen[0]["messages"][1]["content"])
    assert (asked["temperature"], asked["seed"], asked["model"]) == (0, 7, "small")
    assert user["instruments"] == [{"symbol": "688991.SS", "names": ["澄湖药业"]}]
    assert user["text"] == "\n".join(TEXTS["a"])
    form = asked["response_format"]["json_schema"]["schema"]
    assert form["properties"]["instruments"]["items"]["properties"]["symbol"]["enum"] == ["688991.SS"]
    assert "Authorization" not in model.heads[0]
    assert model.paths == ["/v1/chat/completions"]


def test_the_schema_sent_accepts_what_is_accepted_and_nothing_else(model: Model, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    model.script = [Reply(answer()), Reply(NOTHING)]
    read(model, tmp_path, "a", "c")
    by_text = {
        json.loads(asked["messages"][1]["content"])["text"]: asked["response_format"]["json_schema"]["schema"] for asked in model.seen
    }
    first, none = (by_text["\n".join(TEXTS[name])] for name in ("a", "c"))
    jsonschema.validate(answer(), first)
    jsonschema.validate(NOTHING, none)
    for wrong in (answer(symbol="QLMK"), answer(tone=2), answer(event_type="party"), {"events": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, first)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer(), none)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply("not json at all"), id="no json"),
        pytest.param(Reply("[" * 100_000), id="nested"),
        pytest.param(Reply(answer(tone=1.5)), id="out of range"),
        pytest.param(Reply(json.dumps(answer()).replace("0.6", "NaN")), id="nan"),
        pytest.param(Reply(answer(tone=True)), id="a bool"),
        pytest.param(Reply(answer(event_type="party.held")), id="unknown type"),
        pytest.param(Reply(answer(event_date="last Friday")), id="no date"),
        pytest.param(Reply({"instruments": [], "events": []}), id="no tone"),
        pytest.param(Reply({**answer(), "comment": "hi"}), id="a field too many"),
        pytest.param(Reply({"instruments": answer()["instruments"] * 2, "events": []}), id="twice"),
        pytest.param(Reply({"instruments": {}, "events": []}), id="no list"),
        pytest.param(Reply({"instruments": ["688991.SS"], "events": []}), id="no object"),
        pytest.param(Reply(answer(), finish="length"), id="cut off"),
        pytest.param(Reply(body=b"<html>busy</html>"), id="html"),
        pytest.param(Reply(body=b'{"choices": []}'), id="no choice"),
        pytest.param(Reply(body=b'{"choices": [{"message": {"content": null}}]}'), id="no content"),
    ],
)
def test_a_malformed_answer_is_asked_for_once_more_and_then_set_aside(model: Model, tmp_path: Path, reply: Reply) -> None:
    model.script = [reply, Reply(answer())]
    assert read(model, tmp_path).tally == llm.Tally(documents=1, requests=2, malformed=1)
    assert [asked["seed"] for asked in model.seen] == [0, 1]
    model.script = [reply, reply]
    found = read(model, tmp_path / "other")
    assert found.tally == llm.Tally(documents=1, requests=2, malformed=2, quarantined=1)
    assert found.mentions.is_empty() and found.events.is_empty() and found.answered.is_empty()
    reason = QUARANTINE.validate(found.quarantine)["reason"].item()
    assert reason.startswith("llm:small@1 gave no reading of document") and "expected an answer that fits the schema" in reason
    assert not list((tmp_path / "other").rglob("*.json"))


@pytest.mark.parametrize("quote", ["澄湖药业公告，拟回购不超过5亿元股份。", "澄湖药业宣布破产", "", "  ", "药业" * 200])
def test_an_invented_quote_drops_the_row(model: Model, tmp_path: Path, quote: str) -> None:
    model.script = [Reply(answer(evidence=quote))]
    found = read(model, tmp_path)
    assert found.events.is_empty()
    assert found.mentions.height == 1
    assert found.tally.invented_quotes == 1


def test_an_invented_symbol_drops_the_row(model: Model, tmp_path: Path) -> None:
    good, other = answer(), answer(symbol="QLMK")
    model.script = [Reply({"instruments": good["instruments"] + other["instruments"], "events": good["events"] + other["events"]})]
    found = read(model, tmp_path)
    assert found.mentions["symbol"].to_list() == found.events["symbol"].to_list() == ["688991.SS"]
    assert found.tally.invented_symbols == 2


def test_an_invented_date_is_taken_off(model: Model, tmp_path: Path) -> None:
    model.script = [Reply(answer(event_date="2026-03-01"))]
    found = read(model, tmp_path)
    assert found.events["event_date"].to_list() == [None]
    assert found.tally.invented_dates == 1


def test_a_market_wide_event_has_no_symbol(model: Model, tmp_path: Path) -> None:
    kind = next(k.name for k in taxonomy() if k.market)
    model.script = [Reply({**NOTHING, "events": [answer(symbol=None, event_type=kind, evidence="成交额")["events"][0]]})]  # type: ignore[arg-type]
    found = read(model, tmp_path, "c")
    assert found.events.select("symbol", "role", "relevance").rows() == [(None, "subject", 0.5)]
    assert found.mentions.is_empty() and found.answered.height == 1


def test_busy_then_good(model: Model, tmp_path: Path) -> None:
    model.script = [Reply(status=429, body=b"busy"), Reply(status=503, body=b""), Reply(answer())]
    assert read(model, tmp_path).tally == llm.Tally(documents=1, requests=3)


def test_retry_after_is_waited_for(model: Model, tmp_path: Path) -> None:
    dated = {"Date": "Fri, 06 Feb 2026 08:00:00 GMT", "Retry-After": "Fri, 06 Feb 2026 08:00:01 GMT"}
    model.script = [Reply(status=429, body=b"", headers={"Retry-After": "1"}), Reply(status=503, body=b"", headers=dated), Reply(answer())]
    assert read(model, tmp_path).answered.height == 1
    assert all(later - earlier >= 1 for earlier, later in zip(model.times, model.times[1:], strict=False))


def test_a_pause_that_is_too_long_is_not_waited_for(model: Model, tmp_path: Path) -> None:
    model.script = [Reply(status=429, body=b"", headers={"Retry-After": "3600"})]
    with pytest.raises(SourceError, match="status 429"):
        read(model, tmp_path, longest_wait=5.0)
    assert len(model.seen) == 1


def test_a_server_that_fails_on_one_document_costs_the_others_nothing(model: Model, tmp_path: Path) -> None:
    def respond(asked: dict[str, Any]) -> Reply:
        text = asked["messages"][1]["content"]
        if "Quellmark" in text:
            return Reply(status=500, body=b'{"error": "out of memory"}')
        return Reply(answer() if "澄湖" in text else NOTHING)

    model.respond = respond
    found = read(model, tmp_path, "a", "b", "c", attempts=2, max_concurrency=2)
    assert found.tally == llm.Tally(documents=3, requests=4, quarantined=1)
    assert "status 500" in found.quarantine["reason"].item() and "out of memory" in found.quarantine["reason"].item()


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        pytest.param(Reply(status=500, body=b""), "answered none of 1 documents .status 500", id="500"),
        pytest.param(Reply(answer(), wait=0.5), "no answer within 0.2 s", id="silent"),
        pytest.param(Reply(answer(), trickle=0.05), "no answer within 0.2 s", id="trickling"),
        pytest.param(Reply(status=401, body=f"bad key {SECRET}".encode()), "check address, model and key", id="401"),
        pytest.param(Reply(status=404, body=b"no such model"), "no such model", id="404"),
        pytest.param(Reply(status=307, body=b"", headers={"Location": "https://elsewhere.invalid/"}), "status 307", id="redirect"),
        pytest.param(Reply(body=b" " * 5_000_000), "more than 4,000,000 bytes", id="too large"),
    ],
)
def test_a_server_that_fails_ends_the_run_with_one_sentence(model: Model, tmp_path: Path, reply: Reply, sentence: str) -> None:
    model.respond = lambda _: reply
    with pytest.raises(SourceError, match=sentence) as raised:
        read(model, tmp_path, attempts=2, timeout=0.2 if reply.wait or reply.trickle else 5.0, api_key=SECRET)
    assert SECRET not in str(raised.value) and "\n" not in str(raised.value)


def test_nobody_listens(tmp_path: Path, model: Model) -> None:
    with pytest.raises(SourceError, match="no connection"):
        read(model, tmp_path, url="http://127.0.0.1:9", attempts=1)


def test_the_key_goes_into_the_header_and_nowhere_else(model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    model.script = [Reply(answer())]
    read(model, tmp_path, api_key=SECRET)
    assert model.heads[0]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(llm.Endpoint(model.url, "small", SECRET))
    assert SECRET not in json.dumps(model.seen) + caplog.text
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert files and all(SECRET not in path.read_text() for path in files)


def test_the_cache_makes_a_second_run_silent_and_equal(model: Model, tmp_path: Path) -> None:
    model.respond = lambda asked: Reply(answer() if "澄湖" in asked["messages"][1]["content"] else NOTHING)
    first = read(model, tmp_path, "a", "c")
    requests = len(model.seen)
    again = read(model, tmp_path, "c", "a")
    assert len(model.seen) == requests == 2
    assert again.tally == llm.Tally(documents=2, cached=2)
    assert again.mentions.equals(first.mentions) and again.events.equals(first.events)
    for changed in ({"model": "large"}, {"seed": 1}):
        read(model, tmp_path, "a", **changed)
    assert len(model.seen) == requests + 2


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"key": "x", "answer": {}}', '{"key": "KEY", "answer": {"instruments": [], "events": []}}']
)
def test_a_damaged_cache_entry_is_asked_for_again(model: Model, tmp_path: Path, damage: str) -> None:
    model.respond = lambda _: Reply(answer())
    read(model, tmp_path)
    (entry,) = (tmp_path / "cache").rglob("*.json")
    whole = entry.read_text()
    entry.write_text(damage.replace("KEY", entry.stem))
    assert read(model, tmp_path).tally.requests == 1
    assert entry.read_text() == whole


def test_the_cache_stays_in_its_folder(model: Model, tmp_path: Path) -> None:
    model.respond = lambda _: Reply(answer())
    read(model, tmp_path, model="../../escape")
    (entry,) = (tmp_path / "cache").rglob("*.json")
    assert entry.parent.parent == tmp_path / "cache"
    outside = tmp_path / "outside"
    outside.mkdir()
    entry.unlink()
    entry.parent.rmdir()
    entry.parent.symlink_to(outside)
    with pytest.raises(StoreError, match="leads out of the cache"):
        read(model, tmp_path, model="../../escape")
    assert not list(outside.iterdir())


def test_texts_the_model_may_have_seen_are_refused(model: Model, tmp_path: Path) -> None:
    last = datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(LookAheadError, match="1 of 1 documents may be from before the end of the model's training data"):
        read(model, tmp_path, published=last)
    assert model.seen == []
    model.respond = lambda _: Reply(answer())
    seen = read(model, tmp_path, published=last, allow_seen=True)
    assert set(seen.mentions["annotator"]) | set(seen.events["annotator"]) == {"llm:small@1+seen"}
    assert read(model, tmp_path, published=datetime(2025, 1, 1, tzinfo=UTC)).mentions["annotator"].to_list() == ["llm:small@1"]


def test_an_interval_that_may_begin_before_the_cutoff_is_refused(model: Model, tmp_path: Path) -> None:
    documents, spans = tables("a")
    documents = documents.with_columns(published_not_before=pl.lit(datetime(2024, 12, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))
    with pytest.raises(LookAheadError):
        llm.annotate(documents, spans, llm.Endpoint(model.url, "small"), cache=tmp_path, trained_until=UNTIL)


def test_a_text_too_long_is_set_aside_unsent(model: Model, tmp_path: Path) -> None:
    found = read(model, tmp_path, max_characters=10)
    assert model.seen == [] and "of which the endpoint takes 10" in found.quarantine["reason"].item()


def test_a_text_cannot_widen_what_may_be_said(model: Model, tmp_path: Path) -> None:
    """A model that does what an injected text tells it, still speaks only of what the linker found, in the text's words."""
    model.script = [Reply({"instruments": [*answer()["instruments"], {"symbol": "NVDA", "sentiment": 1, "confidence": 1}],
                           "events": [answer(symbol="NVDA", evidence="Buy NVDA now")["events"][0]]})]  # fmt: skip
    found = read(model, tmp_path)
    assert found.mentions["symbol"].to_list() == ["688991.SS"] and found.events.is_empty()


def test_the_model_replaces_the_rules_where_it_answered(model: Model, tmp_path: Path) -> None:
    documents, _ = tables("a", "b")
    rules = by_rules(documents, Linker.build(MASTER))
    model.respond = lambda asked: Reply(answer(tone=-0.25)) if "澄湖" in asked["messages"][1]["content"] else Reply("no")
    both = llm.preferred(rules, read(model, tmp_path, "a", "b"))
    said = {doc: (annotator, tone) for doc, annotator, tone in both.mentions.select("doc_id", "annotator", "sentiment").iter_rows()}
    assert said[content_id("a")] == ("llm:small@1", -0.25)
    assert said[content_id("b")][0] == "linker@7"
    assert set(both.events.filter(doc_id=content_id("a"))["annotator"]) == {"llm:small@1"}
    assert set(both.events.filter(doc_id=content_id("b"))["annotator"]) == set(rules.events.filter(doc_id=content_id("b"))["annotator"])
    assert both.facts.equals(rules.facts)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"url": "file:///etc/passwd"}, "not of the form"),
        ({"url": "ftp://host/v1"}, "not of the form"),
        ({"url": "127.0.0.1:8000"}, "not of the form"),
        ({"url": f"http://user:{SECRET}@127.0.0.1/v1"}, "not of the form"),
        ({"url": "http://models.example/v1", "api_key": SECRET}, "clear text"),
        ({"url": "https://models.example/v1", "api_key": "two\nlines"}, "no header may hold"),
        ({"url": "http://127.0.0.1", "timeout": 0}, "more than 0"),
        ({"url": "http://127.0.0.1", "model": ""}, "expected the name"),
    ],
)
def test_an_endpoint_that_cannot_be_meant(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as raised:
        llm.Endpoint(**{"model": "small", **given})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [("", "/v1/chat/completions"), ("/v1/", "/v1/chat/completions"), ("/api/v1/chat/completions", "/api/v1/chat/completions")],
)
def test_addresses(url: str, path: str) -> None:
    assert llm.Endpoint(f"https://models.example{url}", "small", SECRET).address == f"https://models.example{path}"


def test_nothing_asked_nothing_made(model: Model, tmp_path: Path) -> None:
    documents, spans = tables("a")
    found = llm.annotate(documents.clear(), spans.clear(), llm.Endpoint(model.url, "small"), cache=tmp_path / "none", trained_until=UNTIL)
    assert found.tally == llm.Tally() and found.mentions.is_empty() and not (tmp_path / "none").exists()


ARTICLES = (
    ("澄湖药业拟回购股份", QUOTE + "公司2月6日下午披露了方案。", "2026-02-06T16:00:00+08:00"),
    ("Quellmark wins order", "Quellmark won a large order from Ostrava Rail on Friday.", "2026-02-06T08:00:00+00:00"),
    ("澄湖药业中标", "澄湖药业中标3亿元合同。", "2024-11-04T16:00:00+08:00"),  # the model may have read it in training
)


def news(folder: Path) -> Path:
    path = folder / "news.jsonl"
    rows = [{"headline": h, "body": b, "published_at": at, "source": "Test"} for h, b, at in ARTICLES]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def by_text(asked: dict[str, Any]) -> Reply:
    """Reads the company's articles, never fits the schema for the others."""
    text = json.loads(asked["messages"][1]["content"])["text"]
    if "Quellmark" in text:
        return Reply("I would rather not.")
    return Reply(answer(tone=-0.25) if QUOTE in text else {**answer(tone=-0.25), "events": []})


def reader(server: Model, cache: Path, **options: Any) -> llm.Reader:
    return llm.Reader(llm.Endpoint(server.url, "small", wait=0.0, timeout=5.0), cache, **{"trained_until": UNTIL, **options})


def test_ingest_reads_with_the_model_and_keeps_the_rules_elsewhere(model: Model, tmp_path: Path) -> None:
    model.respond = by_text
    rules, store = Store(tmp_path / "rules"), Store(tmp_path / "home")
    ingestion.ingest(rules, [news(tmp_path)], MASTER)
    done = ingestion.ingest(store, [news(tmp_path)], MASTER, reader=reader(model, tmp_path / "cache"))
    assert done.tally == llm.Tally(documents=2, requests=3, malformed=2, quarantined=1, left_out=1)
    headline = dict(store.read("documents").select("doc_id", "headline").rows())
    said = {headline[d]: (a, s) for d, a, s in store.read("mentions").select("doc_id", "annotator", "sentiment").rows()}
    assert said["澄湖药业拟回购股份"] == ("llm:small@1", -0.25)
    assert said["Quellmark wins order"][0] == said["澄湖药业中标"][0] == "linker@7"
    events = store.read("events")
    ours = pl.col("doc_id") == next(d for d, h in headline.items() if h == "澄湖药业拟回购股份")
    assert events.filter(ours).select("event_type", "annotator").rows() == [("buyback.plan", "llm:small@1")]
    assert events.filter(~ours).equals(rules.read("events").filter(~ours))
    for table in ("documents", "facts"):
        assert store.read(table).equals(rules.read(table))
    reason = store.read("quarantine")["reason"].item()
    assert reason.startswith("llm:small@1 gave no reading of document") and "the rules' reading stands" in reason
    assert not any("中标" in asked["messages"][1]["content"] for asked in model.seen)


def test_ingesting_again_asks_nothing_and_adds_nothing(model: Model, tmp_path: Path) -> None:
    model.respond = by_text
    store = Store(tmp_path / "home")
    options = {"reader": reader(model, tmp_path / "cache")}
    ingestion.ingest(store, [news(tmp_path)], MASTER, **options)
    tables_before = {name: store.read(name) for name in ("documents", "mentions", "events", "facts", "quarantine")}
    requests = len(model.seen)
    again = ingestion.ingest(store, [news(tmp_path)], MASTER, **options)
    assert again.tally == llm.Tally() and len(model.seen) == requests
    assert all(written.added == 0 for written in again.written)
    assert all(store.read(name).equals(frame) for name, frame in tables_before.items())


def test_a_dead_server_stores_no_document_and_the_next_run_completes(model: Model, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    dead = llm.Reader(llm.Endpoint("http://127.0.0.1:9", "small", attempts=1), tmp_path / "cache", UNTIL)
    with pytest.raises(SourceError, match="run again"):
        ingestion.ingest(store, [news(tmp_path)], MASTER, reader=dead)
    assert store.version("documents") is None
    model.respond = by_text
    ingestion.ingest(store, [news(tmp_path)], MASTER, reader=reader(model, tmp_path / "cache"))
    assert store.read("documents").height == 3


def test_lookahead_is_marked_and_never_the_default(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="last day of its training data"):
        reader(model, tmp_path, trained_until=None)
    model.respond = by_text
    store = Store(tmp_path / "home")
    done = ingestion.ingest(store, [news(tmp_path)], MASTER, reader=reader(model, tmp_path, trained_until=None, allow_seen=True))
    assert done.tally is not None and (done.tally.documents, done.tally.left_out) == (3, 0)
    assert set(store.read("mentions")["annotator"]) == {"llm:small@1+seen", "linker@7"}


def tidings(monkeypatch: pytest.MonkeyPatch, *words: object) -> int | None:
    """Run the command in this process: the server's thread is here, and its exit code is what a shell would see."""
    monkeypatch.setattr(sys, "argv", ["tidings", *map(str, words)])
    try:
        import tidings as command

        command.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def test_the_command(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model.respond = by_text
    MASTER.write_parquet(tmp_path / "master.parquet")
    monkeypatch.setenv("SOME_KEY", SECRET)
    home = tmp_path / "home"
    words = ["ingest", news(tmp_path), "--instruments", tmp_path / "master.parquet", "--home", home, "--llm", model.url]
    assert tidings(monkeypatch, *words, "--llm-model", "small", "--llm-trained-until", "2024-12-31", "--llm-key-env", "SOME_KEY") == 0
    said = capsys.readouterr()
    assert "llm                 1 of 3 documents read (0 from the cache), 1 left to the rules, 1 quarantined" in said.out
    assert SECRET not in said.out + said.err
    assert {head["Authorization"] for head in model.heads} == {f"Bearer {SECRET}"}
    assert "llm:small@1" in set(Store(home).read("mentions")["annotator"])
    assert all(SECRET.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert list((home / "llm-cache").rglob("*.json"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--llm-model", "small"], "without --llm"),
        (["--llm", "http://127.0.0.1:9"], "without --llm-model"),
        (["--llm", "http://127.0.0.1:9", "--llm-model", "small"], "last day of its training data"),
        (["--llm", "http://127.0.0.1:9", "--llm-model", "small", "--llm-key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY"),
        (["--llm", "ftp://host", "--llm-model", "small", "--llm-trained-until", "2024-12-31"], "not of the form"),
    ],
)
def test_wrong_options_end_before_anything_is_read(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tidings(monkeypatch, "ingest", news(tmp_path), "--home", tmp_path / "home", *words) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("tidings:") == 1
    assert not (tmp_path / "home").exists()
