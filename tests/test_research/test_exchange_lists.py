"""The exchanges' lists through akshare's own code, on loopback; what the rows added to a small master are was worked out by hand."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Answer, Vendors, vendors

from research.errors import UsageError
from research.instruments import asof, in_effect, shipped
from research.linking import Linker
from research.schemas import DOCUMENTS, INSTRUMENTS, TREATMENTS
from research.sources import listings, treatments
from research.sources.exchange_lists import Change, Ended, Listed, Lists
from research.store import Store

RECORDED = Path(__file__).parents[1] / "recorded"
SSE, SZSE, BSE, HK = (json.loads((RECORDED / f"listings_{name}.json").read_text(encoding="utf-8")) for name in ("sse", "szse", "bse", "hk"))
SEEN = datetime(2026, 2, 6, 1, 0, tzinfo=UTC)
TODAY = date(2026, 2, 6)
SHANGHAI, SHENZHEN, BEIJING, EASTMONEY = "query.sse.com.cn", "www.szse.cn", "www.bse.cn", "72.push2.eastmoney.com"
LIST, GONE, REPORT, NEEQ, HONG_KONG = (
    "/sseQuery/commonQuery.do", "/commonQuery.do", "/api/report/ShowReport", "/nqxxController/nqxxCnzq.do", "/api/qt/clist/get"
)  # fmt: skip
KINDS = {"1110": "listed", "1793_ssgs": "delisted", "SSGSGMXX": "renames"}
UTF8 = "application/json;charset=UTF-8"


def row(symbol: str, name_zh: str, since: date, **more: Any) -> dict[str, Any]:
    mic = {"SS": "XSHG", "SZ": "XSHE", "BJ": "BJSE", "HK": "XHKG"}[symbol[-2:]]
    return {"symbol": symbol, "valid_from": since, "name": name_zh, "name_zh": name_zh, "mic": mic, "asset_class": "equity",
            "currency": "CNY", "aliases": [], **more}  # fmt: skip


MASTER = INSTRUMENTS.frame(
    [
        row("600991.SS", "澄湖药业", date(2010, 3, 1)),
        row("600992.SS", "岚桥机械", date(2011, 5, 12), name="Lanqiao", sector="Industrials",
            aliases=[{"text": "岚桥", "language": "zh", "needs_context": False}]),
        row("600993.SS", "鹭岛电", date(1998, 7, 6)),
        row("600994.SS", "溪口能源", date(2003, 10, 8)),
        row("600995.SS", "石门水泥", date(2001, 1, 15)),
        row("000991.SZ", "庐州酒业", date(1997, 9, 15)),
        row("000993.SZ", "青浦A", date(1996, 3, 8)),
        row("300991.SZ", "鲸落传", date(2012, 4, 20)),
        row("830991.BJ", "汾水检测", date(2021, 11, 15), aliases=[{"text": "汾水", "language": "zh", "needs_context": True}]),
        row("430992.BJ", "雁荡精工", date(2023, 3, 17)),
    ]
)  # fmt: skip


def workbook(table: dict[str, list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(table["columns"])
    for line in table["rows"]:
        book.active.append(line)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def beijing(entries: list[dict[str, Any]], fields: int = 48) -> str:
    """Answer as the exchange does: 48 fields, told apart by their place alone, inside a call."""
    places = {0: "listed", 11: "floating", 17: "industry", 22: "report", 29: "region", 35: "broker", 36: "total", 38: "code", 40: "name"}
    content = [{f"f{at:02d}": entry.get(places.get(at, ""), "") for at in range(fields)} for entry in entries]
    return "null(" + json.dumps([{"content": content, "totalPages": 1, "totalElements": len(entries)}], ensure_ascii=False) + ")"


def shanghai(query: dict[str, str]) -> Answer:
    return Answer({"result": SSE["star" if query["STOCK_TYPE"] == "8" else "listed"], "pageHelp": {"total": 3}})


def shenzhen(query: dict[str, str]) -> Answer:
    return Answer(workbook(SZSE[KINDS[query["CATALOGID"]]]), content_type="application/vnd.ms-excel")


def hong_kong(query: dict[str, str]) -> Answer:
    order = [
        "f1",
        "f2",
        "f3",
        "f4",
        "f5",
        "f6",
        "f7",
        "f8",
        "f9",
        "f10",
        "f11",
        "f12",
        "f13",
        "f14",
        "f15",
        "f16",
        "f17",
        "f18",
        "f20",
        "f21",
        "f22",
        "f23",
        "f24",
        "f25",
        "f62",
        "f115",
        "f128",
        "f136",
        "f140",
        "f141",
        "f152",
    ]
    return Answer({"data": {"total": len(HK), "diff": [{name: entry.get(name, 0) for name in order} for entry in HK]}})


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendors]:
    with vendors(monkeypatch, tmp_path) as server:
        server.answers |= {
            (SHANGHAI, LIST): shanghai,
            (SHANGHAI, GONE): Answer({"result": SSE["delisted"]}),
            (SHENZHEN, REPORT): shenzhen,
            (BEIJING, NEEQ): Answer(beijing(BSE), content_type=UTF8),
            (EASTMONEY, HONG_KONG): hong_kong,
        }
        yield server


def refresh(master: pl.DataFrame = MASTER, **options: Any) -> listings.Refreshed:
    return listings.refresh(master, **{"seen_at": SEEN, "wait": 0.0, "attempts": 2, "timeout": 20.0, **options})


def compared(master: pl.DataFrame = MASTER, day: date = TODAY, **lists: Any) -> listings.Refreshed:
    return listings.compare(master, replace(Lists((), (), {}, frozenset(), ()), **lists), day)


def linked(master: pl.DataFrame, text: str, day: date) -> list[str]:
    at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
    document = DOCUMENTS.frame([{"doc_id": "d", "kind": "news", "source": "Test", "language": "zh-Hans", "headline": text, "body": "",
                                 "published_at": at, "published_precision": "day", "published_not_before": at,
                                 "published_not_after": at, "available_at": at, "story_id": "d", "novelty": 1.0}])  # fmt: skip
    return Linker.build(in_effect(master)).spans(document)["symbol"].to_list()


def test_every_kind_of_change(web: Vendors) -> None:
    found = refresh()
    assert found.instruments.select("symbol", "valid_from", "valid_to", "name_zh").rows() == [
        ("000991.SZ", date(2025, 7, 1), None, "庐酒集团"),
        ("000991.SZ", date(2025, 11, 3), None, "庐州控股"),
        ("000992.SZ", date(1998, 5, 12), date(2019, 6, 13), "旧港"),
        ("600992.SS", TODAY, None, "岚桥智造"),
        ("600994.SS", date(2026, 1, 19), date(2026, 1, 19), "溪口能源"),
        ("688992.SS", date(2025, 11, 20), None, "星澜半导-U"),
        ("688993.SS", date(2026, 2, 5), None, "沐光科技"),
        ("830991.BJ", date(2026, 2, 5), date(2026, 2, 5), "汾水检测"),
        ("920991.BJ", TODAY, None, "汾水检测"),
    ]
    assert found.changes.filter(pl.col("change") == "rename").select("symbol", "day", "stated", "before", "after").rows() == [
        ("000991.SZ", date(2025, 7, 1), True, "庐州酒业", "庐酒集团"),
        ("000991.SZ", date(2025, 11, 3), True, "庐酒集团", "庐州控股"),
        ("600992.SS", TODAY, False, "岚桥机械", "岚桥智造"),
    ]
    assert found.failures["subject"].to_list() == ["600995.SS"]
    assert "neither as listed nor as delisted" in found.failures["reason"].item()


def test_what_a_new_row_takes_over(web: Vendors) -> None:
    rows = {r["symbol"]: r for r in refresh().instruments.sort("valid_from").to_dicts()}
    renamed = rows["600992.SS"]
    assert (renamed["name"], renamed["sector"]) == ("Lanqiao", "Industrials")
    assert {a["text"]: a["needs_context"] for a in renamed["aliases"]} == {"岚桥": False, "岚桥机械": True}
    assert [a["text"] for a in rows["688992.SS"]["aliases"]] == ["星澜半导"]
    assert (rows["688992.SS"]["mic"], rows["688992.SS"]["currency"], rows["920991.BJ"]["mic"]) == ("XSHG", "CNY", "BJSE")
    assert [a["text"] for a in rows["920991.BJ"]["aliases"]] == ["汾水"]


def test_nothing_is_overwritten_and_twice_adds_nothing(web: Vendors, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    store.append(INSTRUMENTS, MASTER)
    assert store.append(INSTRUMENTS, refresh(store.read("instruments")).instruments).added == 9
    whole = store.read("instruments")
    assert whole.join(MASTER, on=["symbol", "valid_from"], how="semi").equals(MASTER.sort("symbol", "valid_from"))
    for later in (SEEN, datetime(2026, 2, 9, 1, 0, tzinfo=UTC)):
        again = refresh(whole, seen_at=later)
        assert again.instruments.is_empty() and again.failures["subject"].to_list() == ["600995.SS"]


def test_the_rule_of_reading(web: Vendors) -> None:
    master = pl.concat([MASTER, refresh().instruments])
    whole = in_effect(master)

    def names(day: date) -> dict[str, str]:
        return dict(asof(whole, day).select("symbol", "name_zh").iter_rows())

    assert [names(d)["000991.SZ"] for d in (date(2025, 6, 30), date(2025, 7, 1), date(2025, 11, 3))] == ["庐州酒业", "庐酒集团", "庐州控股"]
    assert "600994.SS" in names(date(2026, 1, 19)) and "600994.SS" not in names(date(2026, 1, 20))
    assert ["830991.BJ" in names(d) for d in (date(2026, 2, 5), TODAY)] == [True, False]
    assert "000992.SZ" in names(date(2019, 6, 13)) and "000992.SZ" not in names(date(2019, 6, 14))
    assert linked(master, "溪口能源发布公告", date(2026, 1, 19)) == ["600994.SS"]
    assert linked(master, "溪口能源发布公告", date(2026, 1, 21)) == []
    assert linked(master, "庐州控股发布公告", date(2025, 11, 3)) == ["000991.SZ"]
    assert linked(master, "庐州控股发布公告", date(2025, 11, 2)) == []
    assert linked(master, "汾水检测发布公告", TODAY) == ["920991.BJ"]
    assert linked(master, "汾水检测发布公告", date(2024, 6, 3)) == ["830991.BJ"]


def test_the_names_tell_the_marks_of_special_treatment(web: Vendors) -> None:
    """Shenzhen states every change; Shanghai's and Beijing's marks are known from the day they were seen."""
    found = treatments.compare(TREATMENTS.empty(), refresh().lists, TODAY, seen_at=SEEN)
    assert found.select("symbol", "valid_from", "mark", "stated").rows() == [
        ("000991.SZ", date(1998, 4, 22), "", True),
        ("000993.SZ", date(1998, 4, 22), "", True),
        ("300991.SZ", date(2012, 4, 20), "", True),
        ("300991.SZ", date(2025, 4, 29), "ST", True),
        ("300991.SZ", date(2025, 9, 29), "*ST", True),
        ("430992.BJ", TODAY, "", False),
        *((symbol, TODAY, mark, False) for symbol, mark in (
            ("600991.SS", ""), ("600992.SS", ""), ("600993.SS", "*ST"), ("688992.SS", ""), ("688993.SS", ""), ("920991.BJ", "")
        )),
    ]  # fmt: skip
    assert treatments.compare(found, refresh().lists, date(2026, 2, 9)).is_empty()


def test_the_command_stores_what_is_new_once(web: Vendors, tmp_path: Path) -> None:
    from typer import Typer
    from typer.testing import CliRunner

    from research.cli import mount

    app = Typer()
    mount(app)
    store = Store(tmp_path / "home")
    store.append(INSTRUMENTS, MASTER)
    said = [CliRunner().invoke(app, ["instruments", "refresh", "--home", str(store.home)]).output for _ in range(2)]
    assert "treatments         12 of 12 rows" in said[0] and "treatments          0 of 0 rows" in said[1]
    marks = store.read("treatments").filter(pl.col("mark") != "")
    assert marks.select("symbol", "mark", "stated").rows() == [
        ("300991.SZ", "ST", True), ("300991.SZ", "*ST", True), ("600993.SS", "*ST", False)
    ]  # fmt: skip


def test_hong_kong(web: Vendors) -> None:
    master = pl.concat([MASTER, INSTRUMENTS.frame([row("0991.HK", "松雪", date(2009, 1, 5), currency="HKD")])])
    found = refresh(master, markets=["hk"])
    assert found.instruments.select("symbol", "valid_from", "name_zh", "currency", "asset_class", "mic").rows() == [
        ("3992.HK", TODAY, "岭南红利ETF", "HKD", "etf", "XHKG"),
        ("9992.HK", TODAY, "云栖机器人", "HKD", "equity", "XHKG"),
    ]
    assert found.failures.is_empty()
    assert {host for host, _, _ in web.seen} == {EASTMONEY}


def test_an_answer_is_not_kept_for_the_life_of_the_process(web: Vendors) -> None:
    refresh()
    web.answers[SHENZHEN, REPORT] = Answer("down", 503, "text/plain")
    assert "list of Shenzhen" in refresh().failures["subject"].to_list()


def renamed_field(old: str, new: str) -> Answer:
    return Answer({"result": [{(new if k == old else k): v for k, v in entry.items()} for entry in SSE["listed"]]})


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(Answer({"result": []}), "akshare failed on the list of Shanghai", id="empty"),
        pytest.param(Answer({"result": None}), "list of Shanghai", id="null"),
        pytest.param(Answer("<!doctype html><p>verify you are human</p>", 200, "text/html"), "is not in the form expected", id="html"),
        pytest.param(Answer("busy", 503, "text/plain"), "is not in the form expected", id="503"),
        pytest.param(Answer({"data": {"rows": []}}), "akshare failed on the list of Shanghai", id="drifted"),
        pytest.param(Answer({"result": [{**e, "A_STOCK_CODE": "SH-1"} for e in SSE["listed"]]}), "no readable code", id="codes"),
        pytest.param(renamed_field("SEC_NAME_CN", "SHORT"), "expected a table: update akshare", id="renamed field"),
    ],
)
def test_a_list_that_fails_is_a_sentence_and_costs_the_others_nothing(web: Vendors, answer: Answer, sentence: str) -> None:
    web.answers[SHANGHAI, LIST] = answer
    found = refresh()
    reasons = dict(found.failures.iter_rows())
    assert set(reasons) == {"list of Shanghai (主板A股)", "list of Shanghai (科创板)"}
    assert all(sentence in reason for reason in reasons.values())
    assert "000991.SZ" in found.instruments["symbol"].to_list()
    # The list of delisted shares still ends what has left; nothing is said of shares that only the failed lists could name.
    assert found.instruments.filter(pl.col("symbol").str.ends_with(".SS"))["symbol"].to_list() == ["600994.SS"]


@pytest.mark.parametrize(
    ("table", "change", "sentence"),
    [
        pytest.param("listed", lambda t: {**t, "rows": []}, "0 rows; expected A股代码", id="empty"),
        pytest.param(
            "listed", lambda t: {**t, "columns": [c.replace("A股简称", "简称") for c in t["columns"]]}, "expected A股代码", id="drifted"
        ),
        pytest.param("delisted", lambda t: {**t, "columns": ["代码", *t["columns"][1:]]}, "update akshare", id="delisted drifted"),
        pytest.param("renames", lambda t: {**t, "columns": [*t["columns"][:4], "现简称"]}, "expected 证券代码", id="renames drifted"),
    ],
)
def test_a_workbook_that_fails(web: Vendors, table: str, change: Any, sentence: str) -> None:
    def respond(query: dict[str, str]) -> Answer:
        kind = KINDS[query["CATALOGID"]]
        return Answer(workbook(change(SZSE[kind]) if kind == table else SZSE[kind]))

    web.answers[SHENZHEN, REPORT] = respond
    failures = dict(refresh().failures.iter_rows())
    (name,) = (subject for subject in failures if "Shenzhen" in subject)
    assert sentence in failures[name]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(beijing(BSE, fields=47), content_type=UTF8), id="a field less"),
        pytest.param(Answer(beijing([]), content_type=UTF8), id="empty"),
        pytest.param(Answer(beijing(BSE), content_type="text/plain"), id="read as Latin-1"),
        pytest.param(Answer("<html>busy</html>", content_type="text/html"), id="html"),
        pytest.param(Answer(beijing([{**e, "code": e["name"], "name": e["code"]} for e in BSE]), content_type=UTF8), id="moved fields"),
    ],
)
def test_beijing_in_another_shape(web: Vendors, answer: Answer) -> None:
    web.answers[BEIJING, NEEQ] = answer
    found = refresh()
    assert "list of Beijing" in found.failures["subject"].to_list()
    assert not found.instruments["symbol"].str.ends_with(".BJ").any()


def test_a_list_that_never_comes_is_given_up(web: Vendors) -> None:
    def slowly(query: dict[str, str]) -> Answer:
        time.sleep(2.5)
        return Answer({"result": SSE["delisted"]})

    web.answers[SHANGHAI, GONE] = slowly
    found = refresh(attempts=1, timeout=2.0)
    assert "no answer within 2 s" in dict(found.failures.iter_rows())["list of delisted shares of Shanghai"]


def test_bad_arguments() -> None:
    with pytest.raises(UsageError, match="no list of the market moon"):
        refresh(markets=["moon"])
    with pytest.raises(UsageError, match="has no zone"):
        refresh(seen_at=datetime(2026, 2, 6))  # noqa: DTZ001


def test_contradictions_are_said_and_change_nothing() -> None:
    ended = Ended("600994.SS", "溪口能源", None, date(2026, 1, 20))
    both = compared(listed=(Listed("600994.SS", "溪口能源", date(2003, 10, 8)),), ended=(ended,))
    assert both.instruments.is_empty() and "listed and delisted" in both.failures["reason"].item()
    early = compared(ended=(replace(ended, day=date(2003, 10, 1)),))
    assert early.instruments.is_empty() and "has a row that begins 2003-10-08" in early.failures["reason"].item()
    gone = pl.concat([MASTER, INSTRUMENTS.frame([row("600996.SS", "远山", date(2000, 1, 4), valid_to=date(2020, 1, 2))])])
    back = compared(gone, listed=(Listed("600996.SS", "远山", date(2000, 1, 4)),))
    assert back.instruments.is_empty() and "the master ends it on 2020-01-02" in back.failures["reason"].item()
    again = compared(gone, listed=(Listed("600996.SS", "远山科技", date(2025, 3, 3)),))
    assert again.instruments.select("valid_from", "name_zh").rows() == [(date(2025, 3, 3), "远山科技")]
    same_day = compared(day=date(2011, 5, 12), listed=(Listed("600992.SS", "岚桥智造", date(2011, 5, 12)),))
    assert same_day.instruments.is_empty() and "no row is ever overwritten" in same_day.failures["reason"].item()


MANY = INSTRUMENTS.frame([row(f"60{n:04d}.SS", f"公司{n:04d}", date(2010, 1, 4)) for n in range(200)])


def test_a_list_cut_short_ends_nobody() -> None:
    some = tuple(Listed(f"60{n:04d}.SS", f"公司{n:04d}", date(2010, 1, 4)) for n in range(100))
    found = compared(MANY, listed=some, complete=frozenset({"SS"}))
    assert found.instruments.is_empty()
    assert found.failures["reason"].to_list() == [
        "list of .SS lacks 100 of the 200 shares known; expected nearly all: it may be cut short."
    ]


def test_a_list_of_other_names_renames_nobody() -> None:
    """A field that came to hold full names would otherwise write wrong rows that insert-only tables keep for ever."""
    full = tuple(Listed(f"60{n:04d}.SS", f"公司{n:04d}股份有限公司", date(2010, 1, 4)) for n in range(200))
    found = compared(MANY, listed=full, complete=frozenset({"SS"}))
    assert found.instruments.is_empty()
    assert found.failures["reason"].to_list() == ["list of .SS names 200 of 200 shares otherwise; expected a few: no name is changed."]


def test_a_change_back_begins_at_the_name_now_known() -> None:
    """A -> B -> A -> C: only the step from the last A is news."""
    steps = [("甲地", "乙地", 3), ("乙地", "甲地", 5), ("甲地", "丙地", 7)]
    changes = {"600997.SS": [Change("600997.SS", date(2025, month, 1), before, after) for before, after, month in steps]}
    master = INSTRUMENTS.frame([row("600997.SS", "甲地", date(2010, 1, 4))])
    found = compared(master, listed=(Listed("600997.SS", "丙地", None),), changes=changes)
    assert found.instruments.select("valid_from", "name_zh").rows() == [(date(2025, 7, 1), "丙地")]


def test_a_mark_alone_is_no_new_name() -> None:
    for name in ("*ST鹭岛电", "ST鹭岛电", "XD鹭岛电", "鹭岛电-U", "鹭岛电退", "退市鹭岛电", "S鹭岛电"):
        assert compared(listed=(Listed("600993.SS", name, None),)).instruments.is_empty(), name


def test_the_shipped_master_reads_the_same_under_the_rule() -> None:
    assert in_effect(shipped()).equals(shipped())


DAYS = st.dates(date(2020, 1, 1), date(2020, 3, 1))


@given(st.lists(st.tuples(st.sampled_from("AB"), DAYS, st.none() | DAYS), max_size=8, unique_by=lambda r: r[:2]), DAYS)
def test_at_most_one_row_a_symbol_is_in_effect(rows: list[tuple[str, date, date | None]], day: date) -> None:
    schema = {"symbol": pl.String, "valid_from": pl.Date, "valid_to": pl.Date}
    read = in_effect(pl.DataFrame(rows, schema=schema, orient="row"))
    true = read.filter(pl.col("valid_from") <= day, pl.col("valid_to").is_null() | (pl.col("valid_to") >= day))
    for symbol in "AB":
        begun = sorted((r for r in rows if r[0] == symbol and r[1] <= day), key=lambda r: r[1])
        expected = [begun[-1][1]] if begun and (begun[-1][2] is None or begun[-1][2] >= day) else []
        assert true.filter(pl.col("symbol") == symbol)["valid_from"].to_list() == expected
