"""Stated moves of one day, against readings made by hand of sentences written for these tests."""

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest

from research import dates, facts, moves
from research.schemas import DOCUMENTS, content_id
from research.sentences import sentences

NAMES = {
    "英伟达": "NVDA", "苹果": "AAPL", "微软": "MSFT", "阿斯麦": "ASML.AS", "台积电": "2330.TW", "台股": "^TWII", "恒大": "3333.HK", "道指": "^DJI",
    "道琼斯工业平均指数": "^DJI", "罗素2000": "^RUT", "恒生指数": "^HSI", "创业板指": "399006.SZ", "日经指数": "^N225", "布伦特": "BZ=F",
    "原油期货": "CL=F", "COMEX黄金": "GC=F", "现货黄金": "GC=F", "沪铜": "SHFE:CU", "比特币": "BTC-USD", "日元": "JPY=X", "美元兑日元": "JPY=X",
    "美元指数": "DX-Y.NYB", "贵州茅台": "600519.SS", "宁德时代": "300750.SZ", "腾讯": "0700.HK", "CME": "CME", "瑞银": "UBS",
    "纳斯达克综合指数": "^IXIC", "标普500指数": "^GSPC", "恐慌指数": "^VIX", "波音": "BA", "吉利汽车": "0175.HK", "必和必拓": "BHP", "油价": "CL=F",
}  # fmt: skip
FOUND = re.compile("|".join(sorted(NAMES, key=len, reverse=True)))
MORNING = datetime(2026, 3, 11, 2, 30, tzinfo=UTC)  # Wednesday 10:30 in Beijing, Tuesday evening in New York


def role(name):
    return "source" if name in ("瑞银", "CME") else "subject"


def stated(text):
    """(symbol, value, qualifier, basis) of every move in one text; its first line is the headline."""
    spans = [moves.Span(NAMES[m.group()], m.group(), m.start(), m.end(), role(m.group())) for m in FOUND.finditer(text)]
    headline = text.index("\n") + 1 if "\n" in text else 0
    return [(m.symbol, m.value, m.qualifier, m.basis) for m in moves.find(text, spans, sentences(text, headline))]


def dated(body, at=MORNING, headline="行情综述"):
    """(symbol, session) of every move of an article whose time is known to the second."""
    return told(body, at, headline).select("symbol", "end_date").rows()


def told(body, at, headline="行情综述"):
    """The moves of an article whose time is known to the second."""
    text = f"{headline}\n{body}"
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
    rows = [
        (doc_id, NAMES[m.group()], m.group(), m.start(), m.end(), m.start() < len(headline), role(m.group())) for m in FOUND.finditer(text)
    ]
    schema = {
        "doc_id": pl.String,
        "symbol": pl.String,
        "surface": pl.String,
        "start": pl.Int32,
        "end": pl.Int32,
        "in_headline": pl.Boolean,
        "role": pl.String,
    }
    found = facts.extract(document, pl.DataFrame(rows, schema=schema, orient="row"))
    return found.filter(pl.col("kind") == "price_move")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("宁德时代20%涨停。", [("300750.SZ", 0.20, "limit", None)]),
        ("宁德时代午后20cm涨停。", [("300750.SZ", 0.20, "limit", "intraday")]),
        ("英伟达闪崩19%。", [("NVDA", -0.19, "about", None)]),
        ("布伦特原油期货跳涨1.8%。", [("BZ=F", 0.018, "exact", None)]),
        ("英伟达直线跳水,跌3.5%,苹果狂飙4.2%。", [("NVDA", -0.035, "exact", None), ("AAPL", 0.042, "exact", None)]),
        ("微软跌2.5%,苹果跌幅最小,仅0.3%。", [("MSFT", -0.025, "exact", None), ("AAPL", -0.003, "exact", None)]),
        ("苹果涨幅不足1%。", [("AAPL", 0.01, "near", None)]),
        # tenths, and limits with their number
        ("腾讯早盘一度跌逾三成。", [("0700.HK", -0.3, "over", "intraday")]),
        ("腾讯跌去近四成半。", [("0700.HK", -0.45, "near", None)]),
        ("腾讯销量下降两成。", []),
        ("宁德时代跌停(20%)。", [("300750.SZ", -0.2, "limit", None)]),
        ("宁德时代的涨停幅度为20%。", [("300750.SZ", 0.2, "limit", None)]),
        ("宁德时代10%封板。", [("300750.SZ", 0.1, "limit", None)]),
        # the way of one move
        ("恒生指数一度下挫2.6%后转涨0.4%。", [("^HSI", -0.026, "exact", "intraday"), ("^HSI", 0.004, "exact", None)]),
        ("瑞银起初跌逾14%。", [("UBS", -0.14, "over", "intraday")]),
        ("原油期货涨8.1%,布伦特开盘涨幅也接近7.5%。", [("CL=F", 0.081, "exact", None), ("BZ=F", 0.075, "near", "intraday")]),
        ("苹果同日逆势涨1.6%。", [("AAPL", 0.016, "exact", None)]),
        ("台积电台股收涨0.5%。", [("2330.TW", 0.005, "exact", "close")]),
        ("腾讯午前收跌4.2%。", [("0700.HK", -0.042, "exact", "intraday")]),
        ("苹果因业务指引逊色大跌8.2%。", [("AAPL", -0.082, "exact", None)]),
        ("苹果当季上涨23.5%。", [("AAPL", 0.235, "exact", "other")]),
        ("今年6月以来微软已经跌去四成。", [("MSFT", -0.4, "about", "other")]),
        ("该行的不良率从0.83%抬升至0.90%,腾讯持股。", []),
        ("宁德时代低开2.6%。午间跌3.1%,报28.7元;H股跌4.8%。", [("300750.SZ", -0.026, "exact", "intraday")]),
        ("日经指数8月5日12.4%的单日暴跌让人难忘。", [("^N225", -0.124, "exact", None)]),
        ("原油期货从58.4美元上扬至59.2美元,跌幅收窄至0.3%。", [("CL=F", -0.003, "exact", None)]),
        ("创业板指高开低走跌超3%。", [("399006.SZ", -0.03, "over", None)]),
        ("腾讯创下新高,现涨2.7%。", [("0700.HK", 0.027, "exact", None)]),
        ("恒大涨5.5%。", [("3333.HK", 0.055, "exact", None)]),
        # the deepest point of a move; 大跌 is no part of 最大跌幅
        ("现货黄金盘中最大跌幅11.5%。", [("GC=F", -0.115, "exact", "intraday")]),
        ("比特币日内最大涨幅达8.5%。", [("BTC-USD", 0.085, "exact", "intraday")]),
        # two words of motion between a name and its number
        ("日经指数领跌亚太跌超3%。", [("^N225", -0.03, "over", None)]),
        ("台股领涨亚洲股市大涨4.5%。", [("^TWII", 0.045, "exact", None)]),
        ("台股领涨亚太,日经指数涨2.5%。", [("^N225", 0.025, "exact", None)]),
        # tenths to the hundredth, plain words for a fall, and 掉 that only ends what was done
        ("苹果跌三成三,微软跌去两成四。", [("AAPL", -0.33, "about", None), ("MSFT", -0.24, "about", None)]),
        ("纳斯达克综合指数泻4.1%,波音掉了8.2%。", [("^IXIC", -0.041, "exact", None), ("BA", -0.082, "exact", None)]),
        ("波音因减值把净利润砍掉三成。", []),
        ("波音卖掉5%的股份。", []),
        # a level given up or won back, or a high, stands between the name and its move
        ("标普500指数已抹平跌幅转涨0.3%。", [("^GSPC", 0.003, "exact", None)]),
        ("英伟达从高点回落约14%。", [("NVDA", -0.14, "about", "other")]),
        ("苹果7月20日盘中一度涨超8%。", [("AAPL", 0.08, "over", "intraday")]),
        ("吉利汽车的港股收跌1.1%。", [("0175.HK", -0.011, "exact", "close")]),
        ("必和必拓澳股收跌1.5%。", [("BHP", -0.015, "exact", "close")]),
        ("恐慌指数由17升到37,一天上升116%。", [("^VIX", 1.16, "about", None)]),
        # the price a share settled at, in a sentence that does not name it again
        ("腾讯挂牌。首日收盘290港元,涨43.5%。", [("0700.HK", 0.435, "exact", "close")]),
        ("腾讯公布销量。钢价收于290元/吨,涨43.5%。", []),
        ("腾讯股价连涨两天,累计升了34.5%。", [("0700.HK", 0.345, "exact", "other")]),
        # which listing moved is said though the name is not
        ("宁德时代拟发债。其A股当日微涨1.2%。", [("300750.SZ", 0.012, "exact", None)]),
        ("宁德时代拟发债。其港股低开7.1%,收盘跌4.9%。", []),
    ],
)  # fmt: skip
def test_wordings_of_a_move(text, expected):
    assert stated(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("英伟达微软齐涨逾3%", [("NVDA", 0.03), ("MSFT", 0.03)]),
        ("道指罗素2000跌1.2%,恒生指数创业板指分别涨2%、3%", [("^DJI", -0.012), ("^RUT", -0.012), ("^HSI", 0.02), ("399006.SZ", 0.03)]),
        ("比特币大跌7%,COMEX黄金原油期货跌超2%", [("BTC-USD", -0.07), ("GC=F", -0.02), ("CL=F", -0.02)]),
        # a market and its share, a house that speaks, two namings of one thing
        ("台股台积电涨3.5%", [("2330.TW", 0.035)]),
        ("瑞银苹果跌3.5%", [("AAPL", -0.035)]),
        ("道琼斯工业平均指数道指跌0.6%", [("^DJI", -0.006)]),
        ("罗素2000小盘股指数涨1.5%,大盘股指数跌2.5%", [("^RUT", 0.015), (None, -0.025)]),
        ("日元比特币跌2.5%", [("BTC-USD", -0.025)]),
    ],
)
def test_names_side_by_side_share_a_move_where_they_are_of_one_kind(text, expected):
    assert [(symbol, value) for symbol, value, _, _ in stated(text)] == expected


def test_the_noun_of_a_move_has_no_tag_before_it():
    text = "【快讯】某某公用事业指数上涨2.4%;<br/>某某金交所白银T+D收盘下跌6.2%报25100元/千克"
    assert [(m.subject, m.value) for m in moves.find(text, [], sentences(text))] == [
        ("某某公用事业指数", 0.024),
        ("某某金交所白银T+D", -0.062),
    ]


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("苹果本周累计下跌1.5%;微软累跌2.5%,报401美元;腾讯累涨3.5%", ["week", "week", "week"]),
        ("苹果本周累计下跌1.5%;微软三天累跌2.5%;腾讯收涨3.5%", ["week", "other", "close"]),
        ("苹果本周累计下跌1.5%。微软累跌2.5%", ["week", "other"]),
        ("苹果收跌1.5%;微软累跌2.5%", ["close", "other"]),
    ],
)
def test_a_list_goes_on_over_its_period_behind_a_semicolon(text, bases):
    assert [basis for *_, basis in stated(text)] == bases


def test_a_verb_does_not_take_the_end_of_a_name():
    # 恒|大涨 would leave a name that is no instrument
    assert stated("恒大大涨5.5%,腾讯跌1.5%。") == [("3333.HK", 0.055, "exact", None), ("0700.HK", -0.015, "exact", None)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("与减持无关的苹果反而涨6.2%。", [("AAPL", 0.062)]),
        ("恒生指数同步涨2.4%,苹果今天收涨不过0.3%。", [("^HSI", 0.024), ("AAPL", 0.003)]),
        ("恒生指数盘中刷新纪录后收涨0.2%,微软却跟着大盘跌0.6%。", [("^HSI", 0.002), ("MSFT", -0.006)]),
        ("苹果上调全年销售指引,大涨5.1%;微软财报超预期仍跌1.4%。", [("AAPL", 0.051), ("MSFT", -0.014)]),
        ("苹果净利润12亿元,大跌40%。", []),
        ("罗素2000小盘股指数收跌2.2%。", [("^RUT", -0.022)]),
        ("道琼斯工业平均指数跌0.61%。", [("^DJI", -0.0061)]),
        ("现货黄金由涨转跌,纽约尾盘跌1.3%。", [("GC=F", -0.013)]),
        ("微软因拿下苹果新机的定点涨4.9%。", [("MSFT", 0.049)]),
        ("苹果成了避风港,在公布超预期的服务收入之后涨0.69%。", [("AAPL", 0.0069)]),
        ("布伦特5月原油期货收涨0.74%。", [("BZ=F", 0.0074)]),
        ("台积电台股收涨0.5%。", [("2330.TW", 0.005)]),
        ("苹果的合作方阿斯麦7月扩产,该公司股价涨超4%。", [("ASML.AS", 0.04)]),
        ("微软宣布收购英伟达旗下业务,后者大涨17.9%。", [("NVDA", 0.179)]),
        ("那么腾讯呢?它自己收涨0.96%。", [("0700.HK", 0.0096)]),
        ("腾讯周一新高;17日,公司股价先抑后扬,收涨4.69%。", [("0700.HK", 0.0469)]),
        ("阿斯麦收跌15.64%;美股ADR截至发稿跌16.5%。", [("ASML.AS", -0.1564), ("ASML.AS", -0.165)]),
        ("苹果被下调评级。该股微跌0.4%,微软跌1.8%。", [("AAPL", -0.004), ("MSFT", -0.018)]),
        ("道指跌1%,连“抗跌”多日的罗素2000也把涨幅吐回,周五单日跌3.52%。", [("^DJI", -0.01), ("^RUT", -0.0352)]),
        ("瑞银提示风险,其中腾讯以折让配售,次日股价跌9.4%。", [("0700.HK", -0.094)]),
        ("台积电财报超预期\n微软同样扩产。\n公司维持全年指引。\n常规交易时段该股跌2.1%。", [("2330.TW", -0.021)]),
    ],
)
def test_whose_move_it_is(text, expected):
    assert [(symbol, value) for symbol, value, _, _ in stated(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "贵州茅台、宁德时代等多股盘中涨停或涨超10%。",
        "杠杆基金的需求约为道指每上涨1%买入110亿美元。",
        "苹果发布会如期举行。某某制药是个例外,该公司有新药,股价跌3.8%。",
        "苹果发布会如期举行。Mueller工业股价涨11.6%。",
        "微软的服务收入下跌5.5%。",
        "宁德时代升值5%。",
        "暴跌24%是错杀?微软新品受关注\n正文",
        "苹果5.5%的上涨空间依旧。",
        # what a company's goods cost is not its share, nor what a customer is asked for them
        "宁德时代电芯价格下跌15.5%。",
        "一位苹果用户贴出了维修报价,比上周贵了300元,涨幅达31.5%。",
    ],
)
def test_what_is_no_statement_of_a_move(text):
    assert stated(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("道琼斯工业平均指数跌0.61%", None),  # an average by name, not over time
        ("从年初算起,腾讯涨幅已经达到60%", "ytd"),
        ("日元两天升值3%", "other"),
        ("比特币24小时内暴跌约15%", None),
        ("苹果盘后一度涨超3%", "after_hours"),
        ("苹果开盘后跌2%", "intraday"),
        ("苹果涨14.75%,收于288.53美元", "close"),
        ("恒生指数午间收报25870点,跌0.4%", "intraday"),
        ("受电芯价格下滑影响,宁德时代收跌2.5%", "close"),
        ("宁德时代股票价格下跌2.5%", None),
        ("宁德时代上调产品价格,今日收涨2.5%", "close"),
    ],
)
def test_the_span_of_time(text, expected):
    assert [basis for *_, basis in stated(text)] == [expected]


@pytest.mark.parametrize(
    ("body", "at", "expected"),
    [
        # a day named behind a comparison does not date what follows
        ("道指较1月7日的高点已回落;微软涨1.5%。", MORNING, [("MSFT", date(2026, 3, 10))]),
        # pieces of one sentence share its day, also by 同一交易日
        ("苹果周一涨1.5%;微软涨2.5%。同一交易日,英伟达跌3.5%。", MORNING, [("AAPL", date(2026, 3, 9)), ("MSFT", date(2026, 3, 9)), ("NVDA", date(2026, 3, 9))]),
        ("苹果前一交易日收跌1.3%。", datetime(2026, 3, 11, 12, 0, tzinfo=UTC), [("AAPL", date(2026, 3, 10))]),
        ("3月5日消息公布,苹果盘后涨3.5%,次日正式交易时段却收跌0.54%。", MORNING, [("AAPL", date(2026, 3, 5)), ("AAPL", date(2026, 3, 6))]),
        # what happened on some day of a month is not known to have been today
        ("2025年6月,一篇评论引发担忧。腾讯当天跌5.4%。", MORNING, [("0700.HK", None)]),
        ("2024年7月底加息后,引发了日经指数8月5日12.4%的单日暴跌。", MORNING, [("^N225", date(2024, 8, 5))]),
        # before New York opens; the trading of its night leads to the session of the same day
        ("美股盘前,苹果涨1.1%,微软涨0.3%。", datetime(2026, 3, 11, 9, 0, tzinfo=UTC), [("AAPL", date(2026, 3, 11)), ("MSFT", date(2026, 3, 11))]),
        ("苹果在美股夜盘涨1.1%,微软涨0.6%。", datetime(2026, 3, 11, 6, 0, tzinfo=UTC), [("AAPL", date(2026, 3, 11)), ("MSFT", date(2026, 3, 11))]),
        # contracts of New York are settled in the afternoon, though they trade on
        ("COMEX黄金跌2.99%,报2667.7美元。", datetime(2026, 3, 10, 23, 5, tzinfo=UTC), [("GC=F", date(2026, 3, 10))]),
        ("COMEX黄金早盘跌2.99%。", datetime(2026, 3, 11, 3, 5, tzinfo=UTC), [("GC=F", date(2026, 3, 11))]),
        ("美元指数跌0.2%。", datetime(2026, 3, 11, 13, 10, tzinfo=UTC), [("DX-Y.NYB", date(2026, 3, 11))]),
        # the night session belongs to the next day, the morning of a day to itself
        ("沪铜夜盘收跌0.9%,周三早盘跌幅扩大到1.2%。", MORNING, [("SHFE:CU", date(2026, 3, 11)), ("SHFE:CU", date(2026, 3, 11))]),
        # told after the night, before the next session of New York's contracts has said anything
        ("夜盘时段,沪铜跌0.9%。", datetime(2026, 3, 13, 23, 10, tzinfo=UTC), [("SHFE:CU", date(2026, 3, 16))]),
        ("COMEX黄金盘中最高涨7.5%,收盘涨3%。", datetime(2026, 3, 10, 22, 40, tzinfo=UTC), [("GC=F", date(2026, 3, 10)), ("GC=F", date(2026, 3, 10))]),
        # days counted from another sentence, and weeks that are over
        ("3月9日晚间,腾讯发布公告。公司解释了原因。次日,腾讯跌5.2%。", MORNING, [("0700.HK", date(2026, 3, 10))]),
        ("微软上周公布财报,股价一度上涨10.5%。", MORNING, [("MSFT", None)]),
        ("上周有三家公司募资,其中腾讯折价配售,次日股价跌9.4%。", MORNING, [("0700.HK", None)]),
        ("沪铜夜盘跌0.9%。", datetime(2026, 3, 11, 14, 10, tzinfo=UTC), [("SHFE:CU", date(2026, 3, 12))]),
        ("截至15时收盘,沪铜跌0.9%。", datetime(2026, 3, 11, 14, 10, tzinfo=UTC), [("SHFE:CU", date(2026, 3, 11))]),
        ("恒生指数盘中一度涨超2.5%后回落。", datetime(2026, 3, 11, 7, 40, tzinfo=UTC), [("^HSI", date(2026, 3, 11))]),
    ],
)  # fmt: skip
def test_the_session_of_a_move(body, at, expected):
    assert dated(body, at) == expected


def test_a_rising_yen_makes_the_dollar_in_yen_fall():
    body = "日元单日升值3.5%。美元兑日元跌0.4%。"
    text = f"行情综述\n{body}"
    assert [value for _, value, _, _ in stated(text)] == [0.035, -0.004]  # as said, of what is named
    found = {(m.subject, moves.quoted(m)) for m in _moves(text)}
    assert found == {("日元", -0.035), ("美元兑日元", -0.004)}


def _moves(text):
    spans = [moves.Span(NAMES[m.group()], m.group(), m.start(), m.end()) for m in FOUND.finditer(text)]
    return moves.find(text, spans, sentences(text, text.index("\n") + 1))


def test_a_day_goes_on_from_the_year_its_sentence_named():
    text = "2024年7月底加息,8月5日大跌;2025年12月31日余额增加,3月2日回落。3月9日反弹。"
    found = {s.text: s.first for s in dates.find(text, MORNING)}
    assert found["8月5日"] == date(2024, 8, 5)
    assert found["3月2日"] == date(2026, 3, 2)
    assert found["3月9日"] == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the place a share trades in stands between it and its move
        ("阿斯麦周五在阿姆斯特丹收跌3.5%。", [("ASML.AS", -0.035)]),
        ("阿斯麦在巴黎升1.5%。", [("ASML.AS", 0.015)]),
        # weak verbs count beside a word for trading, though the clause names nothing
        ("苹果由跌转涨,截至发稿升2.5%,报139.2美元。", [("AAPL", 0.025)]),
        ("苹果收跌1.5%,盘后又滑落0.6%。", [("AAPL", -0.015), ("AAPL", -0.006)]),
        ("微软股价先涨后平,尾盘仅余0.4%的涨幅。", [("MSFT", 0.004)]),
        ("苹果发布新品,下滑2.5%。", []),
        # wordings
        ("腾讯弹升7.5%,恒大跟跌1.5%。", [("0700.HK", 0.075), ("3333.HK", -0.015)]),
        ("英伟达刚刚创下收盘新高后转跌4.6%。", [("NVDA", -0.046)]),
        ("苹果、微软全天分别走低1.7%、2.1%。", [("AAPL", -0.017), ("MSFT", -0.021)]),
        ("恒生指数的跌幅为4.8%。", [("^HSI", -0.048)]),
        # a narrowed move goes the way of the one before it
        ("英伟达盘中跌超5%,随后收窄至0.9%。", [("NVDA", -0.05), ("NVDA", -0.009)]),
        ("英伟达的亏损率收窄至0.9%。", []),
        # a reason with a forbidden word in it is no obstacle, the thing that moved is
        ("英伟达因上调全年收入目标涨超7.5%。", [("NVDA", 0.075)]),
        ("现货黄金在追缴保证金的抛售下收跌1.3%。", [("GC=F", -0.013)]),
        ("英伟达收入目标下跌7.5%。", []),
        # what happened before does not forbid, and its other party is not meant
        ("苹果早前已与微软就租金达成一致,该股今天下跌2.9%。", [("AAPL", -0.029)]),
        ("苹果、微软股价不同程度上扬,前者收涨2.3%。", [("AAPL", 0.023)]),
        ("苹果报139.5美元,升2.5%。", [("AAPL", 0.025)]),
        ("苹果员工增至139人,升2.5%。", []),
        ("布伦特结算价跌1.5%,恒生指数全日低收0.5%。", [("BZ=F", -0.015), ("^HSI", -0.005)]),
        # a range is no number
        ("苹果、微软股价上周五已下挫5%至7%。", []),
    ],
)
def test_wordings_of_trading(text, expected):
    assert [(symbol, value) for symbol, value, *_ in stated(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("苹果年内跌11.5%,而同期恒生指数涨了9.5%。", ["ytd", "other"]),
        ("1月31日至2月5日,恒生指数跌去约22%。", ["other"]),
        ("比特币去年上涨约60.5%,苹果2025年跌3.5%。", ["other", "other"]),
        ("比特币去年12月有波动,今日上涨1.5%。", [None]),
        ("3月2日至6日这一周,恒生指数跌去约12%。", ["other"]),
        ("英伟达涨7.5%(盘后又涨1.5%),苹果涨5.6%。", [None, "after_hours", None]),
        # what a month, a half-year or some sessions brought is no move of one session
        ("苹果9月跌去17%,油价在7月上涨约14%。", ["month", "month"]),
        ("原油期货9月下跌1.5%。", [None]),
        ("苹果那一周跌3.5%。", ["week"]),
        ("恒生指数上半年涨逾14%,苹果三年里跌去七成,微软三个交易日合计跌2.5%。", ["other", "other", "other"]),
        ("苹果在一天内跌去5.5%。", [None]),
        ("上周涨势如虹的券商股领跌,苹果跌33%。", [None]),
        ("恒生指数收市报25086点,单日泻去1105点,跌幅4.22%。", ["close"]),
    ],
)
def test_more_spans_of_time(text, expected):
    assert [basis for *_, basis in stated(text)] == expected


def test_which_day_the_same_day_is():
    friday = datetime(2026, 3, 6, 11, 0, tzinfo=UTC)
    # a day that only measures is not the one the text goes on with
    assert dated("3月4日,恒生指数收跌1.5%;而2月6日时它还高得多。当天腾讯收涨2.3%。", friday)[1] == ("0700.HK", date(2026, 3, 4))
    # a second day in a row is no day later
    assert dated("3月5日,腾讯连续第二天下跌,收跌2.3%,恒生指数跌1.5%。", friday) == [
        ("0700.HK", date(2026, 3, 5)),
        ("^HSI", date(2026, 3, 5)),
    ]
    # the day something was published is that the story began with
    story = "3月4日提请审议的报告给出了目标。\n机构的看法不一。\n报告公布当日,恒生指数涨1.5%。"
    assert dated(story, friday) == [("^HSI", date(2026, 3, 4))]
    assert dated(story.replace("当日", "次日"), friday) == [("^HSI", date(2026, 3, 5))]
    # what one share did the day before says nothing of the next one's day
    assert dated("苹果跌停,前一日刚创下新高;腾讯跌2.3%。", friday) == [("0700.HK", date(2026, 3, 6))]


def test_a_headline_has_the_day_its_article_begins_with():
    morning = datetime(2026, 3, 4, 1, 5, tzinfo=UTC)  # Wednesday, 9:05 in Beijing
    body = "周二,金市的多头遭遇了十二年来最坏的一天。\n抛售从欧洲开始。"
    assert dated(body, morning, "现货黄金暴跌6%,拥挤的交易到头了")[0][1] == date(2026, 3, 3)


def test_a_close_in_new_york_is_not_asias_morning():
    morning = datetime(2026, 3, 5, 23, 20, tzinfo=UTC)  # Friday, 7:20 in Beijing
    body = "标普500指数收跌1.2%。现货黄金在亚洲早盘见了新高,随后回落,纽约尾盘跌0.6%;COMEX白银期货跌2.9%。"
    assert {day for _, day in dated(body, morning)} == {date(2026, 3, 5)}


def test_a_week_or_month_gone_by_is_dated_as_it_is_named():
    monday = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)

    def spans(text, at=monday):
        return told(text, at).select("start_date", "end_date").rows()

    assert spans("腾讯上周累计下跌4.9%。") == [(date(2026, 3, 2), date(2026, 3, 6))]
    assert spans("腾讯2月累计下跌4.9%。") == [(date(2026, 2, 1), date(2026, 2, 27))]
    assert spans("腾讯本周累计下跌4.9%。") == [(date(2026, 3, 9), date(2026, 3, 9))]
    # the one named last counts, whatever else the sentence names, and none that only measures
    assert spans("腾讯2月累计下跌4.9%,本月累计上涨2.1%。") == [(date(2026, 2, 1), date(2026, 2, 27)), (date(2026, 3, 1), date(2026, 3, 9))]
    assert spans("上周公布财报的腾讯本周累计上涨2.3%。") == [(date(2026, 3, 9), date(2026, 3, 9))]
    assert spans("腾讯本月较2月累计下跌2.2%。") == [(date(2026, 3, 1), date(2026, 3, 9))]
    # told on a Sunday, the last week is the one that has just ended
    assert spans("腾讯上周累计下跌4.9%。", datetime(2026, 3, 8, 4, 0, tzinfo=UTC)) == [(date(2026, 3, 2), date(2026, 3, 6))]


def test_a_headline_that_says_next_day_tells_the_news_of_its_day():
    evening = datetime(2026, 3, 11, 9, 48, tzinfo=UTC)
    assert dated("公司没有回应。", evening, "腾讯筹资425亿,股价次日跌超6%") == [("0700.HK", date(2026, 3, 11))]
    assert dated("预案公布的次日,腾讯股价跌去了4.5%。", evening) == [("0700.HK", None)]


def test_the_end_of_a_year_is_no_day_to_count_from():
    assert dated("公司在去年末的一次交流里表态。腾讯当日跌0.6%。", datetime(2026, 3, 11, 13, 0, tzinfo=UTC)) == [
        ("0700.HK", date(2026, 3, 11))
    ]


def test_a_day_long_past_holds_for_the_next_sentence():
    evening = datetime(2026, 3, 11, 10, 0, tzinfo=UTC)
    past, today = date(2024, 8, 5), date(2026, 3, 11)
    told = "2024年8月5日,日经指数暴跌12.4%。恒生指数跌1.5%。"
    assert dated(told, evening) == [("^N225", past), ("^HSI", past)]
    assert dated(told + "\n腾讯涨2.5%。", evening)[-1] == ("0700.HK", today)  # a new paragraph
    assert dated("苹果周二收跌1.5%。恒生指数涨0.5%。", evening) == [("AAPL", date(2026, 3, 10)), ("^HSI", today)]
    assert dated("2024年8月5日,日经指数暴跌12.4%。截至发稿,恒生指数跌1.5%。", evening)[-1] == ("^HSI", today)
