"""Stated numbers, against readings made by hand of sentences written for these tests."""

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest

from research import dates, facts, measures, moves
from research.cleaning import plain
from research.errors import SchemaError
from research.schemas import DOCUMENTS, FACTS, content_id
from research.sentences import clauses, sentences

NAMES = {
    "英伟达": "NVDA", "苹果": "AAPL", "微软": "MSFT", "特斯拉": "TSLA", "道指": "^DJI", "标普500指数": "^GSPC", "纳指": "^IXIC", "比特币": "BTC-USD",
    "美国运通": "AXP", "贵州茅台": "600519.SS", "宁德时代": "300750.SZ", "沪深300": "000300.SS", "期铜": "HG=F", "纳指期货": "NQ=F", "道指期货": "YM=F", "腾讯": "0700.HK", "騰訊": "0700.HK",
    "Nvidia": "NVDA", "Apple": "AAPL", "Microsoft": "MSFT", "Tesla": "TSLA", "Acme": "ACME",
}  # fmt: skip
FOUND = re.compile("|".join(sorted(NAMES, key=len, reverse=True)))
FRIDAY_EVENING_NEW_YORK = datetime(2024, 4, 19, 22, 0, tzinfo=UTC)


def document(headline, body="", *, at=FRIDAY_EVENING_NEW_YORK, kind="news", language="zh-Hans"):
    doc_id = content_id(headline, body)
    row = {
        "doc_id": doc_id, "kind": kind, "source": "wire", "language": language, "headline": headline, "body": body, "published_at": at,
        "published_precision": "second", "published_not_before": at, "published_not_after": at, "available_at": at, "story_id": doc_id, "novelty": 1.0,
    }  # fmt: skip
    return DOCUMENTS.frame([row])


def spans_of(documents):
    rows = []
    for row in documents.iter_rows(named=True):
        text = row["headline"] + "\n" + row["body"]
        for match in FOUND.finditer(text):
            rows.append(
                (
                    row["doc_id"],
                    NAMES[match.group()],
                    match.group(),
                    match.start(),
                    match.end(),
                    match.start() < len(row["headline"]),
                    "subject",
                )
            )
    schema = {
        "doc_id": pl.String,
        "symbol": pl.String,
        "surface": pl.String,
        "start": pl.Int32,
        "end": pl.Int32,
        "in_headline": pl.Boolean,
        "role": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def stated(text):
    """(symbol, value, qualifier, basis) of every move in one text."""
    spans = [moves.Span(NAMES[m.group()], m.group(), m.start(), m.end()) for m in FOUND.finditer(text)]
    return [(m.symbol, m.value, m.qualifier, m.basis) for m in moves.find(text, spans, sentences(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("英伟达跌10%,特斯拉跌1.92%。", [("NVDA", -0.10, "about", None), ("TSLA", -0.0192, "exact", None)]),
        ("截至收盘,道指涨0.56%报37986.4点。", [("^DJI", 0.0056, "exact", "close")]),
        ("英伟达、苹果和微软均涨超2%", [("NVDA", 0.02, "over", None), ("AAPL", 0.02, "over", None), ("MSFT", 0.02, "over", None)]),
        ("英伟达、苹果分别涨1%、2.5%", [("NVDA", 0.01, "about", None), ("AAPL", 0.025, "exact", None)]),
        ("英伟达、某某公司、苹果分别涨1%、2%和3%", [("NVDA", 0.01, "about", None), ("AAPL", 0.03, "about", None)]),
        ("领涨的是美国运通(+5.41%)等蓝筹", [("AXP", 0.0541, "exact", None)]),
        ("领涨的是涨3.7%的微软", [("MSFT", 0.037, "exact", None)]),
        ("苹果收跌0.88%", [("AAPL", -0.0088, "exact", "close")]),
        ("期铜收于每吨9,104美元,涨幅为2.37%,本周累涨3.18%", [("HG=F", 0.0237, "exact", "close"), ("HG=F", 0.0318, "exact", "week")]),
        ("苹果盘后大涨近7%", [("AAPL", 0.07, "near", "after_hours")]),
        ("苹果盘中一度跌约3%", [("AAPL", -0.03, "about", "intraday")]),
        ("苹果下跌1.5个点", [("AAPL", -0.015, "exact", None)]),
        ("本周,道指涨0.01%,纳指跌5.52%", [("^DJI", 0.0001, "exact", "week"), ("^IXIC", -0.0552, "exact", "week")]),
        ("道指涨0.56%,本周累涨0.01%,纳指跌2%", [("^DJI", 0.0056, "exact", None), ("^DJI", 0.0001, "exact", "week"), ("^IXIC", -0.02, "about", None)]),
        ("今年以来,苹果累计上涨15%", [("AAPL", 0.15, "about", "ytd")]),
        ("比特币从去年的高点下跌50%后反弹11%", [("BTC-USD", -0.5, "about", "other"), ("BTC-USD", 0.11, "about", None)]),
        ("苹果发布了新品,股价应声上涨2%", [("AAPL", 0.02, "about", None)]),
        ("苹果公布了财报。其股价随后跌5%。", [("AAPL", -0.05, "about", None)]),
        ("纳指上涨125.3点,涨幅0.8%", [("^IXIC", 0.008, "exact", None)]),
    ],
)  # fmt: skip
def test_moves_in_chinese(text, expected):
    assert stated(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nvidia fell 10%.", [("NVDA", -0.10, "about", None)]),
        ("Shares of Apple rose as much as 5% on Friday.", [("AAPL", 0.05, "about", "intraday")]),
        ("Tesla gained more than 3% after hours.", [("TSLA", 0.03, "over", "after_hours")]),
        ("Apple and Microsoft dropped nearly 2%.", [("AAPL", -0.02, "near", None), ("MSFT", -0.02, "near", None)]),
        ("Apple and Tesla rose 2% and 3%, respectively.", [("AAPL", 0.02, "about", None), ("TSLA", 0.03, "about", None)]),
        ("Nvidia, the chipmaker, closed 2.5% lower.", [("NVDA", -0.025, "exact", "close")]),
        ("Tesla shares slid about 4 percent this week.", [("TSLA", -0.04, "about", "week")]),
        ("Nvidia lost 3% while Apple added 1%.", [("NVDA", -0.03, "about", None), ("AAPL", 0.01, "about", None)]),
    ],
)
def test_moves_in_english(text, expected):
    assert stated(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "苹果营收同比下降10%",
        "苹果净利润上升20%",
        "苹果的毛利率升至45%",
        "若苹果下跌10%,基金将被迫平仓",
        "分析师预计苹果有望上涨20%",
        "苹果目标价上涨15%",
        "苹果供应商某某科技跌8%",
        "标普500指数成分股中某某公司跌8%",
        "微软持有的股份比例上升5%",
        "Apple's revenue rose 10%.",
        "Apple shares could fall 5%.",
        "Tesla deliveries fell 8%.",
        "Apple raised prices and Acme's rival fell 3%.",
        "Nvidia sales rose 5% year over year.",
    ],
)
def test_what_is_no_move(text):
    assert stated(text) == []


def test_a_currency_behind_a_number_is_its_unit():
    text = "期铜价格上涨41美分,收于每磅4.14美元,涨幅为0.50%"
    spans = [moves.Span("HG=F", "期铜", 0, 2), moves.Span("DX-Y.NYB", "美元", text.index("美元"), text.index("美元") + 2)]
    assert [(m.symbol, m.value) for m in moves.find(text, spans, sentences(text))] == [("HG=F", 0.005)]


def test_a_headline_names_its_subject_afterwards():
    documents = document("大涨7%!英伟达创新高")
    assert facts.extract(documents, spans_of(documents)).select("symbol", "value").rows() == [("NVDA", 0.07)]


def test_a_name_without_an_instrument_keeps_its_number():
    assert stated("甲乙丙科技指数跌3.13%,英伟达跌10%") == [(None, -0.0313, "exact", None), ("NVDA", -0.10, "about", None)]


def test_facts_carry_session_quote_and_id():
    documents = document("英伟达跌10%", "4月19日,贵州茅台收涨1.2%。")
    frame = facts.extract(documents, spans_of(documents))
    rows = {row["symbol"]: row for row in frame.to_dicts()}
    assert rows["NVDA"]["end_date"] == date(2024, 4, 19)
    assert rows["NVDA"]["quote"] == "英伟达跌10%"
    assert rows["600519.SS"]["end_date"] == date(2024, 4, 19)
    assert rows["600519.SS"]["basis"] == "close"
    row = rows["NVDA"]
    assert row["fact_id"] == content_id(row["doc_id"], row["kind"], row["subject"], row["value"], row["quote"])
    assert frame["kind"].to_list() == ["price_move", "price_move"]


def test_traditional_text_is_quoted_as_it_stands():
    documents = document("騰訊漲2.5%", language="zh-Hant", at=datetime(2024, 4, 19, 9, 0, tzinfo=UTC))
    row = facts.extract(documents, spans_of(documents)).to_dicts()[0]
    assert (row["symbol"], row["value"], row["quote"], row["end_date"]) == ("0700.HK", 0.025, "騰訊漲2.5%", date(2024, 4, 19))


def test_a_week_of_an_index_is_no_session():
    documents = document("沪深300本周跌3.67%", at=datetime(2024, 7, 26, 10, 0, tzinfo=UTC))
    row = facts.extract(documents, spans_of(documents)).to_dicts()[0]
    assert (row["kind"], row["symbol"], row["value"], row["basis"]) == ("index_move", "000300.SS", -0.0367, "week")
    assert (row["start_date"], row["end_date"]) == (date(2024, 7, 22), date(2024, 7, 26))


def test_a_fall_no_session_allows_is_cumulative():
    documents = document("宁德时代跌近75%", at=datetime(2024, 7, 26, 10, 0, tzinfo=UTC))
    row = facts.extract(documents, spans_of(documents)).to_dicts()[0]
    assert (row["value"], row["qualifier"], row["basis"]) == (-0.75, "near", "other")


def measured(text):
    text = plain(text)
    spans = [moves.Span(NAMES[m.group()], m.group(), m.start(), m.end()) for m in FOUND.finditer(text)]
    return [(m.kind, m.value, m.unit) for m in measures.find(text, spans, sentences(text), set())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北上资金本周净流出114.2亿元", [("northbound_flow", -1.142e10, "CNY")]),
        ("北向资金净流出114.2亿元,净流出额缩小79.1亿元", [("northbound_flow", -1.142e10, "CNY"), ("northbound_flow", 7.91e9, "CNY")]),
        ("南向资金净买入35亿港元", [("southbound_flow", 3.5e9, "HKD")]),
        ("融资资金净流出16.5亿元", [("margin_flow", -1.65e9, "CNY")]),
        ("消费ETF净赎回1.5亿份", [("etf_flow", -1.5e8, "units")]),
        ("甲ETF、乙ETF和丙ETF分别净申购106.1亿份、净赎回1.4亿份、净申购3亿份", [("etf_flow", 1.061e10, "units"), ("etf_flow", -1.4e8, "units"), ("etf_flow", 3e8, "units")]),
        ("新成立偏股类基金24.8亿份,较前期上升8.2亿份", [("new_fund_issuance", 2.48e9, "units"), ("new_fund_issuance", 8.2e8, "units")]),
        ("重要股东增持7.2亿元,减持19.0亿元", [("insider_trade", 7.2e8, "CNY"), ("insider_trade", -1.9e9, "CNY")]),
        ("全部A股PE(TTM)为13.4,较上周下行0.4,处于历史估值水平的24.5%分位数", [("valuation_level", 13.4, "times"), ("valuation_level", -0.4, "times"), ("valuation_percentile", 0.245, "fraction")]),
        ("造船板塊估值上漲0.60至31.0,處于6.2%歷史分位", [("valuation_level", 0.6, "times"), ("valuation_level", 31.0, "times"), ("valuation_percentile", 0.062, "fraction")]),
        ("美国3月份CPI同比上升3.5%", [("macro_value", 0.035, "fraction")]),
        ("采矿业利润同比下降10.8%", [("industry_value", -0.108, "fraction")]),
        ("新接船舶订单量累计同比增幅收窄15.09个百分点至43.93%", [("industry_value", 0.4393, "fraction"), ("industry_value", -0.1509, "fraction")]),
        ("电子、汽车行业利润分别增长24.0%、10.7%", [("industry_value", 0.24, "fraction"), ("industry_value", 0.107, "fraction")]),
        ("贵州茅台净利润同比增长12.5%", [("company_value", 0.125, "fraction")]),
        # what weeklies and wires measure
        ("融资余额单周回落612.5亿元。", [("margin_flow", -61250000000.0, "CNY")]),
        ("某型PERC电池片均价为0.31元/瓦。", [("industry_value", 0.31, "CNY/W")]),
        ("水泥库容比为61.5%。", [("industry_value", 0.615, "fraction")]),
        ("一季度新增专项债累计发行8702亿元。", [("macro_value", 870200000000.0, "CNY")]),
        ("已披露公司一季度归母净利润同比增长17.5%。", [("industry_value", 0.175, "fraction")]),
        ("我国对某国出口占全部出口的12.5%。", [("macro_value", 0.125, "fraction")]),
    ],
)  # fmt: skip
def test_measures(text, expected):
    assert sorted(measured(text)) == sorted(expected)


def test_sentences_keep_numbers_whole():
    text = "报1,234.5点,涨3%。Acme fell 2.5%. It closed at 3."
    assert [text[s.start : s.end] for s in sentences(text)] == ["报1,234.5点,涨3%。", "Acme fell 2.5%.", "It closed at 3."]
    assert [text[a:b] for a, b in clauses(text, 0, 13)] == ["报1,234.5点", "涨3%"]


def test_empty_and_wrong_input():
    documents = document("空", "")
    assert facts.extract(documents, spans_of(documents)).equals(FACTS.empty())
    with pytest.raises(SchemaError, match="documents"):
        facts.extract(documents.drop("headline"), spans_of(documents))


def headline_seen(text, at, *, body=""):
    """A line a collector first saw at ``at``; when it was published is not known."""
    row = document(text, body, at=at).with_columns(
        published_precision=pl.lit("interval"),
        published_not_before=pl.lit(datetime(1970, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")),
        first_seen_at=pl.lit(at).cast(pl.Datetime("us", "UTC")),
    )
    return DOCUMENTS.validate(row)


def read_headline(text, at, symbols, **more):
    """{symbol: (basis, session)} of the moves of one headline; ``symbols`` maps names to symbols."""
    documents = headline_seen(text, at, **more)
    doc_id = documents["doc_id"][0]
    rows = [
        (doc_id, symbol, name, m.start(), m.end(), True, "subject")
        for name, symbol in symbols.items()
        for m in re.finditer(re.escape(name), text)
    ]
    schema = {**facts_spans_schema(), "role": pl.String}
    frame = facts.extract(documents, pl.DataFrame(rows, schema=schema, orient="row"))
    return {row["symbol"]: (row["basis"], row["end_date"]) for row in frame.filter(pl.col("kind") == "price_move").to_dicts()}


def facts_spans_schema():
    return {"doc_id": pl.String, "symbol": pl.String, "surface": pl.String, "start": pl.Int32, "end": pl.Int32, "in_headline": pl.Boolean}


#: Wednesday 28 January 2026, Beijing
NOON, AFTERNOON, NIGHT = (datetime(2026, 1, 28, hour, 0, tzinfo=UTC) for hour in (4, 8, 15))
#: Thursday 29 January, 05:30 in Beijing: New York closed half an hour before
DAYBREAK = datetime(2026, 1, 28, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at", "symbols", "expected"),
    [
        ("沪指收跌1.2%", AFTERNOON, {"沪指": "000001.SS"}, ("close", date(2026, 1, 28))),
        ("沪指午间收盘跌1.2%", NOON, {"沪指": "000001.SS"}, ("intraday", date(2026, 1, 28))),
        ("宁德时代涨3.1%", NOON, {"宁德时代": "300750.SZ"}, ("intraday", date(2026, 1, 28))),
        ("宁德时代涨3.1%", AFTERNOON, {"宁德时代": "300750.SZ"}, (None, date(2026, 1, 28))),
        ("英伟达收涨1.6%", DAYBREAK, {"英伟达": "NVDA"}, ("close", date(2026, 1, 28))),
        ("美股收高。英伟达涨1.6%", DAYBREAK, {"英伟达": "NVDA"}, ("close", date(2026, 1, 28))),
        ("英伟达收涨1.6%", NOON, {"英伟达": "NVDA"}, ("close", date(2026, 1, 27))),
        ("英伟达盘前涨1.6%", AFTERNOON, {"英伟达": "NVDA"}, ("after_hours", date(2026, 1, 28))),
        ("英伟达夜盘涨1.6%", NOON, {"英伟达": "NVDA"}, ("after_hours", date(2026, 1, 28))),
        ("英伟达涨1.6%", NIGHT, {"英伟达": "NVDA"}, ("intraday", date(2026, 1, 28))),
        ("沪银主力涨1.6%", NIGHT, {"沪银主力": "SHFE:AG"}, (None, date(2026, 1, 29))),
        ("WTI原油期货收涨1.6%", DAYBREAK, {"WTI原油期货": "CL=F"}, ("close", date(2026, 1, 28))),
        ("现货黄金创1月20日以来新低,日内跌1.6%", NIGHT, {"现货黄金": "GC=F"}, ("intraday", date(2026, 1, 28))),
    ],
)
def test_a_bare_headline_is_dated_by_when_it_was_first_seen(text, at, symbols, expected):
    assert read_headline(text, at, symbols) == {next(iter(symbols.values())): expected}


def test_an_article_with_a_body_is_not_dated_by_its_collector():
    assert read_headline("英伟达收涨1.6%", NOON, {"英伟达": "NVDA"}, body="文中没有日期。") == {"NVDA": ("close", None)}


@pytest.mark.parametrize("text", ["英伟达真会跌15%?", "英伟达料涨20.5%"])
def test_questions_and_expectations_state_no_move(text):
    assert stated(text) == []


def test_the_level_of_a_yield_is_no_move():
    text = "日本10年期国债收益率升至1.712%"
    name = text.partition("升")[0]
    assert moves.find(text, [moves.Span("JP10Y", name, 0, len(name))], sentences(text)) == []


def test_the_price_of_goods_is_not_the_share_of_the_exchange():
    text = "洲际交易所阿拉比卡咖啡价格下跌2.5%"
    assert moves.find(text, [moves.Span("ICE", "洲际交易所", 0, 5)], sentences(text)) == []


def test_at_least_is_over_and_whole_percentages_are_round():
    assert stated("英伟达、苹果至少跌约2%")[0][2] == "over"
    assert stated("英伟达跌2%")[0][2] == "about"
    assert stated("英伟达跌2.0%")[0][2] == "exact"
    assert stated("苹果两日大涨6.5%")[0][3] == "other"


@pytest.mark.parametrize(
    "story",
    [
        "4月17日,英伟达涨1%;{}苹果跌2%。".format("微软涨3%,特斯拉跌4%;" * 400),
        "4月17日,{}苹果跌2%。".format("微软涨3%、" * 400),
        "4月12日,英伟达涨1%。{}苹果跌2%。".format("微软涨3%,特斯拉跌4%。" * 400),
    ],
    ids=["semicolons", "one sentence", "sentences long past"],
)
def test_a_list_of_any_length_keeps_the_day_it_began_with(story):
    documents = document("美股回顾", story)
    found = facts.extract(documents, spans_of(documents)).filter(pl.col("kind") == "price_move")
    first, last = (found.filter(symbol=symbol)["end_date"].to_list() for symbol in ("NVDA" if "英伟达" in story else "MSFT", "AAPL"))
    assert last == first == [date(2024, 4, 12 if "12日" in story else 17)]


def test_days_that_count_from_days_that_count_are_read_in_linear_time():
    # each of these looks at the three sentences before it: without memory 3 ** 60 looks
    documents = document("美股回顾", "次日英伟达涨1%。" * 60 + "苹果跌2%。")
    found = facts.extract(documents, spans_of(documents)).filter(pl.col("kind") == "price_move")
    assert found.filter(symbol="NVDA")["end_date"].null_count() == 1


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("标普500指数初步收涨1.5%", ("^GSPC", 0.015)),  # a wire's first reading of a close
        ("英伟达至多跌1.2%", ("NVDA", -0.012)),
        ("苹果转为上涨0.1%", ("AAPL", 0.001)),
        ("腾讯首日上市收涨88%", ("0700.HK", 0.88)),
        ("Acme Inc.涨12%", ("ACME", 0.12)),
        ("腾讯-W涨超21%", ("0700.HK", 0.21)),
        ("英伟达欧股上涨6.5%", ("NVDA", 0.065)),
        ("沪深300放量跌超4%", ("000300.SS", -0.04)),
    ],
)
def test_words_between_a_name_and_its_move(line, moved):
    documents = document(line)
    found = facts.extract(documents, spans_of(documents)).filter(pl.col("kind") == "price_move")
    assert found.select("symbol", "value").rows() == [moved]


@pytest.mark.parametrize(
    ("line", "at", "symbol", "session"),
    [
        # a line that calls the open lists moves at the open, also before the exchange's clock says so
        ("A股开盘,沪深300涨0.1%。贵州茅台跌0.2%", datetime(2024, 4, 19, 1, 26, tzinfo=UTC), "600519.SS", date(2024, 4, 19)),
        ("昨日开盘后走低,收盘沪深300涨0.1%。贵州茅台跌0.2%", datetime(2024, 4, 19, 1, 26, tzinfo=UTC), "600519.SS", date(2024, 4, 18)),
        ("夜盘开盘,沪深300涨0.1%。贵州茅台跌0.2%", datetime(2024, 4, 19, 1, 26, tzinfo=UTC), "600519.SS", date(2024, 4, 18)),
    ],
)
def test_a_line_that_calls_the_open(line, at, symbol, session):
    documents = document(line, at=at)
    found = facts.extract(documents, spans_of(documents)).filter(pl.col("kind") == "price_move", pl.col("symbol") == symbol)
    assert found["end_date"].to_list() == [session]


def test_the_day_of_a_contract_is_no_rough_number():
    assert [(d.text, d.first) for d in dates.find("主力合约25日涨2.3%", datetime(2025, 12, 26, 1, tzinfo=UTC))] == [
        ("25日", date(2025, 12, 25))
    ]
    assert dates.find("大约25日涨2.3%", datetime(2025, 12, 26, 1, tzinfo=UTC)) == []


def test_an_index_called_share_price_index_moves():
    documents = document("台湾加权股价指数收跌3.6%,报26,434.94点")
    names = pl.DataFrame(
        [(documents["doc_id"][0], "^TWII", "台湾加权股价指数", 0, 8, True, "subject")], schema=spans_of(documents).schema, orient="row"
    )
    assert facts.extract(documents, names).filter(pl.col("kind") == "price_move").select("symbol", "value").rows() == [("^TWII", -0.036)]


def test_a_text_without_a_stop_is_read_in_parts_that_cut_no_number():
    text = "微软涨3%," + "成交额1,234.5亿元," * 300
    parts = sentences(plain(text))
    assert all(part.end - part.start <= 1_000 for part in parts)
    assert [text[part.start : part.end] for part in parts] and "".join(text[part.start : part.end] for part in parts) == text
    assert all(text[part.end - 1] == "," and text[part.start] in "微成" for part in parts)


def test_the_value_before_is_not_of_the_period_named():
    documents = document("法国3月CPI同比 0.8%,预期 1%,前值 0.7%。", at=datetime(2024, 4, 19, 8, tzinfo=UTC))
    found = facts.extract(documents, spans_of(documents)).sort("subject").select("subject", "value", "start_date", "end_date").rows()
    assert found == [("法国3月CPI", 0.008, date(2024, 3, 1), date(2024, 3, 31)), ("法国3月CPI 前值", 0.007, None, None)]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        # the price that goes with a move has its session; one that stands alone has no day
        ("期铜日内跌1.9%,现报9350美元/吨", ("期铜", 9350.0, date(2024, 4, 19))),
        ("期铜累涨2.5%,报9350美元/吨", ("期铜", 9350.0, None)),
        ("期铜报9350美元/吨", ("期铜", 9350.0, None)),
    ],
)
def test_a_quotation_has_the_session_of_its_move(line, level):
    documents = document(line, at=datetime(2024, 4, 19, 15, tzinfo=UTC))
    found = facts.extract(documents, spans_of(documents)).filter(pl.col("kind") == "industry_value")
    assert found.select("subject", "value", "end_date").rows() == [level]


def test_a_wrap_that_says_it_is_of_before_the_open_tells_of_it_throughout():
    body = "①纳指期货涨0.2%。②英伟达跌3.5%;苹果跌0.9%。③特斯拉今年累计跌2.1%。④微软周三涨1.1%。⑤比特币跌4.2%。"
    at = datetime(2024, 4, 18, 4, tzinfo=UTC)  # not in New York's morning
    for headline, basis in (("美股盘前要闻:科技股走低", "after_hours"), ("科技股走低", None)):
        documents = document(headline, body, at=at)
        found = facts.extract(documents, spans_of(documents))
        told = dict(found.select("symbol", "basis").rows())
        assert [told[s] for s in ("NVDA", "AAPL", "TSLA", "MSFT")] == [basis, basis, "ytd", None]
        assert told["BTC-USD"] != "after_hours"


def test_a_year_gone_by_is_not_the_one_under_way():
    body = "比特币去年上涨约60%。2023年,期铜震荡走低,全年下跌6.3%。贵州茅台今年全年涨2%。"
    documents = document("行情", body, at=datetime(2024, 1, 18, 4, tzinfo=UTC))
    found = facts.extract(documents, spans_of(documents))
    assert found.select("symbol", "basis", "start_date", "end_date").rows() == [
        ("BTC-USD", "other", *year(2023)),
        ("HG=F", "other", *year(2023)),
        ("600519.SS", "ytd", date(2024, 1, 1), date(2024, 1, 18)),
    ]


EVENING_NEW_YORK = datetime(2024, 4, 18, 23, 30, tzinfo=UTC)  # Thursday 19:30 in New York: futures trade for Friday
MORNING_NEW_YORK = datetime(2024, 4, 18, 12, 45, tzinfo=UTC)  # 08:45, before the open


def lined(line, at):
    """(symbol or subject, session, basis) of every move of a line without a body."""
    documents = document(line, at=at)
    found = facts.extract(documents, spans_of(documents)).filter(pl.col("kind").is_in(["price_move", "index_move"]))
    return [
        (symbol or subject, session, basis)
        for symbol, subject, session, basis in found.select("symbol", "subject", "end_date", "basis").rows()
    ]


@pytest.mark.parametrize(
    ("line", "at", "expected"),
    [
        # a line of the evening sums up one session, also of what has begun the next
        ("纳指跌1.2%,期铜大跌4.5%", EVENING_NEW_YORK, [("^IXIC", 18, None), ("HG=F", 18, None)]),
        ("美股三大股指跌1.2%,期铜大跌4.5%", EVENING_NEW_YORK, [("美股三大股指", 18, None), ("HG=F", 18, None)]),
        ("纳指跌1.2%,期铜现跌4.5%", EVENING_NEW_YORK, [("^IXIC", 18, None), ("HG=F", 19, "intraday")]),
        ("期铜大跌4.5%", EVENING_NEW_YORK, [("HG=F", 19, "intraday")]),
        ("某某指数跌1.2%,期铜大跌4.5%", EVENING_NEW_YORK, [("某某指数", None, None), ("HG=F", 19, "intraday")]),
        # beside the futures of the morning what has not opened moves before the open
        ("纳指期货跌0.6%,英伟达跌3.5%", MORNING_NEW_YORK, [("NQ=F", 18, "intraday"), ("NVDA", 18, None)]),
        ("英伟达跌3.5%", MORNING_NEW_YORK, [("NVDA", 17, None)]),
        # the futures of an index trade before its shares; an index without a symbol has the sessions of its market
        ("道指期货跌0.6%", datetime(2024, 4, 18, 12, 45, tzinfo=UTC), [("YM=F", 18, "intraday")]),
        ("德国MDAX指数涨0.9%", datetime(2024, 4, 18, 12, 45, tzinfo=UTC), [("德国MDAX指数", 18, None)]),
        ("美容护理指数涨0.9%", datetime(2024, 4, 18, 12, 45, tzinfo=UTC), [("美容护理指数", None, None)]),
        # 盘前 is said of the share, not of a contract or a coin named after it
        ("特斯拉盘前涨4.5%,期铜跌2.5%,比特币跌3.5%,苹果跌1.5%", MORNING_NEW_YORK, [("TSLA", 18, "after_hours"), ("HG=F", 18, "intraday"), ("BTC-USD", 18, "intraday"), ("AAPL", 18, "after_hours")]),
        ("英伟达盘前涨幅缩小至1.5%,此前一度涨逾5.5%", MORNING_NEW_YORK, [("NVDA", 18, "after_hours"), ("NVDA", 18, "after_hours")]),
        ("英伟达收涨1.5%,此前一度涨逾5.5%", EVENING_NEW_YORK, [("NVDA", 18, "close"), ("NVDA", 18, "intraday")]),
        # the last price of the day in New York
        ("【快讯】周三(4月17日)纽约尾盘,纳指期货最终跌1.3%,道指期货涨0.2%。期铜涨1.1%", EVENING_NEW_YORK, [("NQ=F", 17, "close"), ("YM=F", 17, "close"), ("HG=F", 17, "close")]),
        ("期铜结算价报4.41美元/磅,上涨5美分,涨幅1.15%", EVENING_NEW_YORK, [("HG=F", 18, "close")]),
        ("苹果开盘报168.2美元,较上一交易日收盘跌0.75%", datetime(2024, 4, 18, 13, 32, tzinfo=UTC), [("AAPL", 18, "intraday")]),
    ],
)  # fmt: skip
def test_the_moves_of_a_line_agree_on_their_session(line, at, expected):
    assert lined(line, at) == [(name, None if day is None else date(2024, 4, day), basis) for name, day, basis in expected]


def year(number):
    return date(number, 1, 1), date(number, 12, 31)


@pytest.mark.parametrize(
    ("line", "periods"),
    [
        # a figure in brackets or behind a comma has the period named there, a comparison has none
        ("越南3月稻米出口同比增长8.4%(2月为下降1.3%)", [(date(2024, 3, 1), date(2024, 3, 31)), (date(2024, 2, 1), date(2024, 2, 29))]),
        ("挪威3月CPI同比上涨3.9%,2月为上涨4.5%。", [(date(2024, 3, 1), date(2024, 3, 31)), (date(2024, 2, 1), date(2024, 2, 29))]),
        (
            "匈牙利2月贸易顺差为12亿欧元,2023年同期为顺差9亿欧元",
            [(date(2024, 2, 1), date(2024, 2, 29)), (date(2023, 2, 1), date(2023, 2, 28))],
        ),
        ("2023年大豆产量为2084万吨,较2022年增长2.8%", [year(2023), year(2023)]),
        ("挪威3月CPI同比上涨3.9%,创2021年8月以来新低,核心CPI同比上涨4.5%。", [(date(2024, 3, 1), date(2024, 3, 31))] * 2),
        ("挪威3月失业率从2月的4.0%升至4.2%", [(date(2024, 2, 1), date(2024, 2, 29)), (date(2024, 3, 1), date(2024, 3, 31))]),
        ("挪威3月失业率从4.0%升至4.2%", [(None, None), (date(2024, 3, 1), date(2024, 3, 31))]),
        ("失业率从2月的4.0%升至4.2%", [(date(2024, 2, 1), date(2024, 2, 29)), (None, None)]),
        ("宁德时代(300750.SZ):3月合约销售额为82亿元", [(date(2024, 3, 1), date(2024, 3, 31))]),
        ("失业率为4.1%,4月再公布", [(None, None)]),
        # a month is one before sales, rooms or freight too; the day something was said is not that of which it was said
        ("2023年12月销售彩电20.1万台", [(date(2023, 12, 1), date(2023, 12, 31))]),
        ("统计局4月16日公布的数据显示,3月CPI同比上涨0.8%", [(date(2024, 3, 1), date(2024, 3, 31))]),
        ("某协会秘书长17日在年会上指出,2023年前11个月,会员企业利润总额310亿元", [(date(2023, 1, 1), date(2023, 11, 30))]),
        ("某协会17日指出,会员企业利润总额310亿元", [(None, None)]),
        ("4月17日锌锭报价2.1万元/吨", [(date(2024, 4, 17), date(2024, 4, 17))]),
        # a day that opens its clause is that of the flow told there
        (
            "北上资金本周净买入95亿元,周二净卖出60亿元",
            [(date(2024, 4, 15), date(2024, 4, 19)), (date(2024, 4, 16), date(2024, 4, 16))],
        ),
        # the year of 全年 is the one named before it, else that of a forecast
        ("2023年12月彩电销量20.1万台;全年累计销量210万台,同比增长3.1%", [(date(2023, 12, 1), date(2023, 12, 31)), year(2023), year(2023)]),
        ("预计一季度发电量2.2万亿千瓦时,全年用电量9.8万亿千瓦时", [(date(2024, 1, 1), date(2024, 3, 31)), year(2024)]),
        ("全年用电量9.2万亿千瓦时", [(None, None)]),
        # a part behind a semicolon goes on with the period before it, unless it speaks of another time
        ("3月彩电销量20.1万台;彩电库存31万台", [(date(2024, 3, 1), date(2024, 3, 31))] * 2),
        ("2023年彩电销量210万台;彩电产量240万台,较上年同期增长3.1%", [year(2023)] * 3),
        ("3月彩电销量20.1万台;节后彩电库存31万台", [(date(2024, 3, 1), date(2024, 3, 31)), (None, None)]),
        ("2024-2025年碳酸锂均价11万元/吨", [(date(2024, 1, 1), date(2025, 12, 31))]),
        # a forecast is for the whole of its period, a figure for what is over of it
        ("预计2024年玉米产量将达2.9亿吨,2023年为2.88亿吨", [year(2024), year(2023)]),
        ("某国计划4月原油出口量增加12%", [(date(2024, 4, 1), date(2024, 4, 30))]),
        ("预计二季度GDP增长5.1%", [(date(2024, 4, 1), date(2024, 6, 30))]),
        ("2024年玉米进口量为820万吨", [(date(2024, 1, 1), date(2024, 4, 19))]),
        # forecasts are made until the figure is out: of a month just over, of one to come
        ("某机构预计3月失业率为4.3%", [(date(2024, 3, 1), date(2024, 3, 31))]),
        ("某机构预计5月失业率为4.3%", [(date(2024, 5, 1), date(2024, 5, 31))]),
        ("某机构预计一季度GDP增长5.1%", [(date(2024, 1, 1), date(2024, 3, 31))]),
    ],
)
def test_the_period_a_figure_is_of(line, periods):
    documents = document(line, at=datetime(2024, 4, 19, 8, tzinfo=UTC))
    found = facts.extract(documents, spans_of(documents))
    assert found.select("start_date", "end_date").rows() == periods
