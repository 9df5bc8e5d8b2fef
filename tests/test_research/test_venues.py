"""Which listing a naming means, and which session its move belongs to, against readings by hand of sentences written for these tests."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research import facts, instruments, venues
from research.linking import Linker
from research.schemas import DOCUMENTS, content_id
from research.venues import Neighbour, Place

#: a winter's day: Hong Kong has closed at 08:00, Europe trades from 08:00, New York opens at 14:30
NOON_HK, MORNING, EVENING = (datetime(2026, 1, 28, hour, 0, tzinfo=UTC) for hour in (4, 9, 18))


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker.build(instruments.shipped())


def place(text: str, name: str, at: datetime = EVENING, language: str = "zh-Hans") -> Place:
    start = text.index(name)
    return Place(text, start, start + len(name), max(text.find("\n"), 0), at, language)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        # the word joined to it
        ("美股收高,某某H股涨2%", "hong_kong"),
        ("港股收高,某某ADR涨2%", "new_york"),
        # the price behind it
        ("某某涨2%,报139.2港元", "hong_kong"),
        ("某某涨2%,收于12.5美元", "new_york"),
        # the market named last before it, or first behind it
        ("美股收涨。恒指跌1%,某某跌2%", "hong_kong"),
        ("恒指跌1%。纳指涨1%,某某涨2%", "new_york"),
        ("某某涨2%,跑赢恒指", "hong_kong"),
        # a noon break
        ("某某公布财报。该股低开,午间跌2%", "hong_kong"),
        # the headline
        ("港股收评\n某某发布公告,跌2%", "hong_kong"),
        ("港股美股齐跌\n某某发布公告", "new_york"),
    ],
)
def test_hong_kong_or_new_york(text: str, meant: str) -> None:
    assert venues.chosen(place(text, "某某"), ["hong_kong", "new_york"])[0] == meant


def test_a_word_behind_another_name_is_that_names() -> None:
    text = "某某涨2%,甲公司涨1%,报9港元"
    beside = [Neighbour(text.index("甲公司"), text.index("甲公司") + 3, "new_york")]
    assert venues.chosen(place(text, "某某"), ["hong_kong", "new_york"], beside) == ("new_york", True)


def test_neighbours_with_one_listing_tell() -> None:
    text = "甲公司、某某跌2%"
    beside = [Neighbour(0, 3, "hong_kong")]
    assert venues.chosen(place(text, "某某"), ["hong_kong", "new_york"], beside) == ("hong_kong", True)
    # insurers are listed together whether they have A shares or not
    assert venues.chosen(place(text, "某某"), ["hong_kong", "mainland"], beside) == ("mainland", False)
    # a house that only speaks is no neighbour: its price does not move
    text = "甲公司分析师看好某某"
    assert venues.chosen(place(text, "某某"), ["hong_kong", "new_york"], beside) == ("new_york", False)


def test_asia_is_the_listing_there() -> None:
    text = "日经指数收跌,某某跌2%"
    assert venues.chosen(place(text, "某某"), ["new_york", "taiwan"]) == ("taiwan", True)
    assert venues.chosen(place(text, "某某"), ["asia", "new_york"]) == ("asia", True)
    assert venues.chosen(place(text, "某某"), ["hong_kong", "mainland"]) == ("mainland", False)


@pytest.mark.parametrize(
    ("at", "name", "regions", "meant"),
    [
        (MORNING, "大涨6%", ["europe", "new_york"], "europe"),
        (MORNING, "发布新机", ["europe", "new_york"], "new_york"),
        (EVENING, "大涨6%", ["europe", "new_york"], "new_york"),
        (NOON_HK, "大涨6%", ["hong_kong", "new_york"], "hong_kong"),
        (NOON_HK, "大涨6%", ["hong_kong", "mainland"], "mainland"),
        (datetime(2026, 1, 31, 4, 0, tzinfo=UTC), "大涨6%", ["hong_kong", "new_york"], "new_york"),  # a Saturday
    ],
)
def test_who_trades_while_it_is_written(at: datetime, name: str, regions: list[str], meant: str) -> None:
    assert venues.chosen(place("某某" + name, "某某", at), regions)[0] == meant


@given(st.text(alphabet="某甲乙涨跌港美股指AH,。\n%1", max_size=40), st.sampled_from(["zh-Hans", "en"]))
def test_the_answer_is_one_of_the_listings(around: str, language: str) -> None:
    text = around + "某某" + around
    where = Place(text, len(around), len(around) + 2, max(text.find("\n"), 0), EVENING, language)
    for regions in (["hong_kong", "new_york"], ["europe", "new_york"], ["hong_kong", "mainland"], ["taiwan"]):
        assert venues.chosen(where, regions)[0] in regions


def stated(linker: Linker, body: str, at: datetime, headline: str = "行情") -> list[tuple[str, float, date | None]]:
    doc_id = content_id(headline, body)
    document = DOCUMENTS.frame(
        [
            {
                "doc_id": doc_id, "kind": "news", "source": "wire", "language": "zh-Hans", "headline": headline, "body": body, "published_at": at,
                "published_precision": "second", "published_not_before": at, "published_not_after": at, "available_at": at, "story_id": doc_id,
                "novelty": 1.0,
            }
        ]
    )  # fmt: skip
    found = facts.extract(document, linker.spans(document)).filter(pl.col("kind") == "price_move")
    return [(symbol, value, day) for symbol, value, day in found.select("symbol", "value", "end_date").rows()]


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("港股三大指数高开,京东集团涨2.3%,快手涨1.1%,百度集团跌0.4%。", "2026-01-28T02:00", [("9618.HK", 0.023, "2026-01-28"), ("1024.HK", 0.011, "2026-01-28"), ("9888.HK", -0.004, "2026-01-28")]),
        ("隔夜中概股普涨,阿里巴巴涨3.1%,拼多多涨2.2%,京东涨1.9%。", "2026-01-28T00:30", [("BABA", 0.031, "2026-01-27"), ("PDD", 0.022, "2026-01-27"), ("JD", 0.019, "2026-01-27")]),
        ("科网股午后走低,美团跌3%,阿里巴巴跌2.4%。", "2026-01-28T06:30", [("3690.HK", -0.03, "2026-01-28"), ("9988.HK", -0.024, "2026-01-28")]),
        ("阿里巴巴涨2.7%,报165.3港元。", "2026-01-28T08:30", [("9988.HK", 0.027, "2026-01-28")]),
        ("阿里巴巴收涨2.7%,报172.5美元。", "2026-01-28T22:30", [("BABA", 0.027, "2026-01-28")]),
        ("A股银行股走强,中国银行涨1.2%,工商银行涨0.8%;港股方面,中国银行涨0.5%。", "2026-01-28T07:30", [("601988.SS", 0.012, "2026-01-28"), ("601398.SS", 0.008, "2026-01-28"), ("3988.HK", 0.005, "2026-01-28")]),
        ("欧洲主要股指收盘涨跌不一,阿斯麦跌1.8%,SAP涨0.6%,诺和诺德涨2.5%。", "2026-01-28T17:30", [("ASML.AS", -0.018, "2026-01-28"), ("SAP.DE", 0.006, "2026-01-28"), ("NOVO-B.CO", 0.025, "2026-01-28")]),
        ("芯片股方面,英伟达涨1.4%,台积电ADR涨2.1%,阿斯麦涨1.1%。", "2026-01-28T21:30", [("NVDA", 0.014, "2026-01-28"), ("TSM", 0.021, "2026-01-28"), ("ASML", 0.011, "2026-01-28")]),
        ("亚太股市多数下跌,三星电子跌2.2%,SK海力士跌3.1%,台积电跌1.4%。", "2026-01-28T06:00", [("005930.KS", -0.022, "2026-01-28"), ("000660.KS", -0.031, "2026-01-28"), ("2330.TW", -0.014, "2026-01-28")]),
        ("丰田汽车在东京股市一度跌3.2%,本田跌2.1%。", "2026-01-28T03:00", [("7203.T", -0.032, "2026-01-28"), ("7267.T", -0.021, "2026-01-28")]),
        ("恒生指数收跌1.2%,恒生科技指数跌2%。", "2026-01-28T07:45", [("^HSI", -0.012, "2026-01-28"), ("HSTECH.HK", -0.02, "2026-01-28")]),
        ("上证指数收盘涨0.8%,深成指涨1.1%。", "2026-01-28T06:50", [("000001.SS", 0.008, "2026-01-28"), ("399001.SZ", 0.011, "2026-01-28")]),
        ("昨日沪指收涨0.5%,创业板指涨1.3%。", "2026-01-28T01:00", [("000001.SS", 0.005, "2026-01-27"), ("399006.SZ", 0.013, "2026-01-27")]),
        ("夜盘,沪金主力合约涨1.4%,沪银主力合约涨2.6%。", "2026-01-30T15:00", [("SHFE:AU", 0.014, "2026-02-02"), ("SHFE:AG", 0.026, "2026-02-02")]),
        ("特斯拉上周公布交付数据,股价一度大涨9%。", "2026-01-28T03:00", [("TSLA", 0.09, None)]),
        ("美股盘前,英伟达涨1.2%,AMD跌0.5%。", "2026-01-28T12:00", [("NVDA", 0.012, "2026-01-28"), ("AMD", -0.005, "2026-01-28")]),
        ("美股周二收盘,标普500指数涨0.4%,纳指跌0.2%。", "2026-01-28T00:30", [("^GSPC", 0.004, "2026-01-27"), ("^IXIC", -0.002, "2026-01-27")]),
        ("周二首尔综指收跌1.1%,三星电子跌2.3%。", "2026-01-27T06:10", [("^KS11", -0.011, "2026-01-27"), ("005930.KS", -0.023, "2026-01-27")]),
        ("京东集团-SW盘中跌超4%,阿里巴巴-W跌逾3%。", "2026-01-28T03:00", [("9618.HK", -0.04, "2026-01-28"), ("9988.HK", -0.03, "2026-01-28")]),
        ("小鹏汽车美股盘前涨3.4%,港股收涨2.1%。", "2026-01-28T12:00", [("XPEV", 0.034, "2026-01-28"), ("9868.HK", 0.021, "2026-01-28")]),
        ("比亚迪跌2%,理想汽车跌3.5%,蔚来跌4.1%,恒指收跌0.9%。", "2026-01-28T08:30", [("2015.HK", -0.035, "2026-01-28"), ("9866.HK", -0.041, "2026-01-28"), ("^HSI", -0.009, "2026-01-28")]),
        ("纳斯达克中国金龙指数跌1.7%,百度跌2.2%,网易跌1.1%。", "2026-01-28T22:00", [("^HXC", -0.017, "2026-01-28"), ("BIDU", -0.022, "2026-01-28"), ("NTES", -0.011, "2026-01-28")]),
        ("日经225指数收涨1.4%,东证指数涨0.9%,索尼涨2.8%。", "2026-01-28T07:00", [("^N225", 0.014, "2026-01-28"), ("^TOPX", 0.009, "2026-01-28"), ("6758.T", 0.028, "2026-01-28")]),
        ("港股午间收盘,恒指涨0.6%,腾讯控股涨1.1%,网易涨2.3%。", "2026-01-28T04:10", [("^HSI", 0.006, "2026-01-28"), ("0700.HK", 0.011, "2026-01-28"), ("9999.HK", 0.023, "2026-01-28")]),
        ("截至收盘,紫金矿业涨停,涨幅10%,山东黄金涨6.2%。", "2026-01-28T07:20", [("601899.SS", 0.1, "2026-01-28"), ("600547.SS", 0.062, "2026-01-28")]),
        ("纽约尾盘,现货黄金跌2.1%报5100美元/盎司,COMEX黄金期货跌1.8%。", "2026-01-28T22:00", [("GC=F", -0.021, "2026-01-28"), ("GC=F", -0.018, "2026-01-28")]),
        ("哔哩哔哩港股跌5%,此前其美股隔夜收跌4.3%。", "2026-01-28T03:00", [("9626.HK", -0.05, "2026-01-28"), ("BILI", -0.043, "2026-01-27")]),
    ],
)  # fmt: skip
def test_listing_and_session(linker: Linker, text: str, at: str, expected: list[tuple[str, float, str | None]]) -> None:
    found = stated(linker, text, datetime.fromisoformat(at).replace(tzinfo=UTC))
    missing = [row for row in expected if (row[0], row[1], row[2] and date.fromisoformat(row[2])) not in found]
    assert missing == [], found


def test_namings_that_nothing_settles_follow_the_others(linker: Linker) -> None:
    body = "阿里巴巴公布财报,营收增长。\n港股阿里巴巴跌2%。\n分析师看好阿里巴巴。"
    document = pl.DataFrame(
        {
            "doc_id": ["d"],
            "headline": ["财报"],
            "body": [body],
            "language": ["zh-Hans"],
            "published_at": [datetime(2026, 1, 28, 22, 0, tzinfo=UTC)],
        }
    )
    assert linker.spans(document)["symbol"].unique().to_list() == ["9988.HK"]


def test_a_code_elsewhere_gives_way_to_the_market_beside_the_name(linker: Linker) -> None:
    body = "阿里巴巴(BABA.N)公布财报。分析师看好阿里巴巴。\n恒指收跌,阿里巴巴跌2%。"
    document = pl.DataFrame(
        {
            "doc_id": ["d"],
            "headline": ["财报"],
            "body": [body],
            "language": ["zh-Hans"],
            "published_at": [datetime(2026, 1, 28, 22, 0, tzinfo=UTC)],
        }
    )
    assert linker.spans(document)["symbol"].to_list() == ["BABA", "BABA", "^HSI", "9988.HK"]


@pytest.mark.parametrize(
    ("headline", "body", "symbol", "value"),
    [
        ("午评", "京东集团-SW微涨0.2%。", "9618.HK", 0.002),  # the name in Hong Kong
        ("万科港股跌停", "港股大跌,万科A收跌3.1%。", "000002.SZ", -0.031),
        ("收评", "港股方面,恒指跌1%。腾讯控股昨天盘后公布业绩;京东集团跌6%。", "9618.HK", -0.06),  # 盘后公布 is no market
        (
            "午评",
            "港股早盘,阿里巴巴-W涨2.4%,其隔夜美股涨4.2%;京东集团跌1.5%。",
            "9618.HK",
            -0.015,
        ),  # nor is the other listing of another name
        ("午评", "港股早盘,阿里巴巴-W涨2.4%,其隔夜美股涨4.2%。", "BABA", 0.042),
        ("收评", "今天白银主力合约收跌3%。", "SHFE:AG", -0.03),
        ("收评", "COMEX白银主力合约收跌3%。", "SI=F", -0.03),
    ],
)
def test_the_mark_of_a_listing(linker: Linker, headline: str, body: str, symbol: str, value: float) -> None:
    at = datetime(2026, 1, 28, 9, tzinfo=UTC)
    row = {
        "doc_id": "x", "kind": "news", "source": "own", "language": "zh-Hans", "headline": headline, "body": body, "published_at": at,
        "published_precision": "second", "published_not_before": at, "published_not_after": at, "available_at": at, "story_id": "x",
        "novelty": 1.0,
    }  # fmt: skip
    documents = DOCUMENTS.frame([row])
    found = facts.extract(documents, linker.spans(documents)).filter(kind="price_move")
    assert (symbol, value) in set(found.select("symbol", "value").iter_rows())
