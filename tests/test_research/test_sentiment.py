"""Tone towards instruments, by sign, for sentences written for these tests."""

import re
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research import sentiment, tone_terms
from research.errors import DataError
from research.schemas import DOCUMENTS, content_id

AT = datetime(2024, 5, 8, 12, 0, tzinfo=UTC)
NAMES = {"凌云科技": "A", "远山电子": "B", "创新控股": "C", "Zephyr": "Z", "Bolt": "Y", "Quill": "X", "Tin": "HG=F"}


def toned(headline, body="", language="zh-Hans", source=(), counterparty=()):
    doc_id = content_id(headline, body)
    row = {
        "doc_id": doc_id, "kind": "news", "source": "wire", "language": language, "headline": headline, "body": body, "published_at": AT,
        "published_precision": "second", "published_not_before": AT, "published_not_after": AT, "available_at": AT, "story_id": doc_id, "novelty": 1.0,
    }  # fmt: skip
    text = headline + "\n" + body
    spans = [
        (
            doc_id,
            NAMES[m.group()],
            m.group(),
            m.start(),
            m.end(),
            m.start() < len(headline),
            "source" if m.group() in source else "counterparty" if m.group() in counterparty else "subject",
        )
        for m in re.finditer("|".join(NAMES), text)
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
    frame = sentiment.tones(DOCUMENTS.frame([row]), pl.DataFrame(spans, schema=schema, orient="row"))
    assert dict(frame.schema) == sentiment.TONES_SCHEMA
    return {r["symbol"]: r for r in frame.to_dicts()}


def sign(row):
    return 1 if row["sentiment"] > 0.1 else -1 if row["sentiment"] < -0.1 else 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("凌云科技拟回购股份", {"A": 1}),
        ("凌云科技股东减持", {"A": -1}),
        ("凌云科技否认违约传闻", {"A": 1}),
        ("凌云科技下调全年业绩指引", {"A": -1}),
        ("凌云科技被立案调查", {"A": -1}),
        ("凌云科技跌10%,远山电子涨3%", {"A": -1, "B": 1}),
        ("凌云科技大涨,而远山电子遭重挫", {"A": 1, "B": -1}),
        ("凌云科技净利润超出预期,但远山电子业绩低于预期", {"A": 1, "B": -1}),
        ("凌云科技将于周五召开股东大会", {"A": 0}),
        ("创新控股召开股东大会", {"C": 0}),
        ("Zephyr beats estimates while Bolt misses expectations", {"Z": 1, "Y": -1}),
        ("Zephyr fell 10%", {"Z": -1}),
        ("Zephyr to hold annual meeting on Friday", {"Z": 0}),
    ],
)
def test_sign(text, expected):
    language = "en" if text.isascii() else "zh-Hans"
    assert {symbol: sign(row) for symbol, row in toned(text, language=language).items()} == expected


def test_a_quoted_source_has_no_tone():
    tones = toned("远山电子:凌云科技业绩大增", source=("远山电子",))
    assert (tones["B"]["sentiment"], tones["B"]["confidence"], tones["B"]["explanation"]) == (0.0, 0.0, "")
    assert tones["A"]["sentiment"] > 0.1


def test_explanation_names_words_and_negation():
    assert "否认·违约+" in toned("凌云科技否认违约传闻")["A"]["explanation"]
    assert "-10.00%" in toned("凌云科技跌10%")["A"]["explanation"]


def test_the_headline_weighs_more():
    headline = toned("凌云科技业绩大增", "凌云科技面临风险。")["A"]["sentiment"]
    body = toned("凌云科技面临风险", "凌云科技业绩大增。")["A"]["sentiment"]
    assert headline > body


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="凌云科技涨跌大超预期不未违约10%,。but fell rose\n", max_size=60))
def test_bounded_whatever_the_text(body):
    for row in toned("凌云科技公告", body).values():
        assert -1 <= row["sentiment"] <= 1
        assert 0 <= row["confidence"] <= 1


def test_lexicon_is_bounded():
    for language in ("zh", "en"):
        words = tone_terms.lexicon(language)
        assert len(words) > 300
        assert all(-1 <= weight <= 1 for weight in words.values())


def test_lines_without_a_target_are_scored_whole():
    rows = [
        {"id": 7, "text": "业绩大增,股价大涨"},
        {"id": 8, "text": "shares tumble as profit slumps"},
        {"id": 9, "text": "召开会议"},
        {"text": ""},
    ]
    scored = sentiment.score_lines(rows)
    assert [(r["id"], r["label"]) for r in scored] == [(7, "positive"), (8, "negative"), (9, "neutral"), (None, "neutral")]
    assert all(set(r) == {"id", "label", "sentiment", "confidence", "explanation"} for r in scored)
    assert (scored[3]["sentiment"], scored[3]["confidence"], scored[3]["explanation"]) == (0.0, 0.0, "")


def test_lines_of_one_text_are_told_apart_by_their_targets():
    text = "Zephyr beats estimates while Bolt misses expectations"
    scored = sentiment.score_lines([{"text": text, "target": name, "lang": "en"} for name in ("Zephyr", "Bolt")])
    assert [r["label"] for r in scored] == ["positive", "negative"]


def test_a_target_the_text_does_not_name_is_scored_by_the_whole():
    whole, other = sentiment.score_lines([{"text": "业绩大增"}, {"text": "业绩大增", "target": "远山电子"}])
    assert whole == other


def test_traditional_script_reads_the_same():
    simple, traditional = sentiment.score_lines([{"text": "业绩下滑,遭重挫"}, {"text": "業績下滑,遭重挫"}])
    assert simple["sentiment"] == traditional["sentiment"] < 0


def test_a_line_without_a_text_is_refused():
    with pytest.raises(DataError, match="expected a string"):
        sentiment.score_lines([{"id": 1, "text": None}])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # what a market does that is no instrument here is said of none of the names before it
        ("凌云科技召开股东大会,港股走低", {"A": 0}),
        ("凌云科技财报前夕,美股集体上涨,欧债收益率上行", {"A": 0}),
        ("凌云科技走强美债下跌", {"A": 1}),
        ("凌云科技发布财报,股价下跌", {"A": -1}),
        ("凌云科技发布财报,该股走低", {"A": -1}),
        ("凌云科技发布财报,毛利率下滑", {"A": -1}),
        # a word that a name begins or ends is no word
        ("安徽创新控股新高", {"C": 1}),
        ("凌云科技创新高,远山电子重回跌势下跌", {"A": 1, "B": -1}),
        # who is bought, not who buys
        ("凌云科技获大股东增持", {"A": 1}),
        # what ends turns round
        ("凌云科技结束五连跌", {"A": 1}),
        ("凌云科技连涨终结", {"A": -1}),
        ("监管豁免凌云科技因迟报而面临的900万元罚款", {"A": 1}),
        ("凌云科技业绩击退“泡沫论”", {"A": 1}),
        ("凌云科技取消监事会", {"A": 0}),
        ("凌云科技止跌,远山电子转跌", {"A": 1, "B": -1}),
        ("凌云科技亏损同比收窄", {"A": 1}),
        ("凌云科技毛利率收窄", {"A": -1}),
        ("凌云科技首破万亿市值", {"A": 1}),
        # a group called after one company, a word inside a longer one
        ("凌云科技概念大跌", {"A": 0}),
        ("凌云科技产业链个股飙升", {"A": 0}),
        ("凌云科技授予限制性股票", {"A": 0}),
        ("凌云科技称原料成本上涨", {"A": -1}),
        # a move that another one causes, a bid, work that is not done
        ("凌云科技随欧债收益率走强而下跌", {"A": -1}),
        ("远山电子拟以40亿元收购凌云科技", {"A": 1, "B": 0}),
        ("远山电子向凌云科技提出收购要约", {"A": 1, "B": 0}),
        ("远山电子放弃收购凌云科技", {"A": 0}),
        ("凌云科技回吐此前涨幅", {"A": -1}),
        ("创新控股与凌云科技未开展业务合作", {"A": 0, "C": 0}),
        ("创新控股与凌云科技开展业务合作", {"A": 1}),
        # a result beside what was expected
        ("凌云科技三季度净利润12.4亿元,市场预期10.9亿元", {"A": 1}),
        ("凌云科技三季度营收9.8亿元,分析师预计为11亿元", {"A": -1}),
        ("凌云科技三季度净利润12.4亿元,市场预期900万元", {"A": 0}),
        ("凌云科技每股收益1,204.5元,市场预期1,190元", {"A": 1}),
        ("凌云科技净利润1.2.3亿元,市场预期0.9亿元", {"A": 0}),
        # what ends or is lifted is the thing itself, not what follows it
        ("凌云科技因亏损结束运营", {"A": -1}),
        ("凌云科技取消订单并面临诉讼", {"A": -1}),
        # names written together share what follows
        ("凌云科技远山电子大涨", {"A": 1, "B": 1}),
        ("南向资金加仓凌云科技、远山电子及创新控股", {"A": 1, "B": 1, "C": 1}),
        ("抛售凌云科技,转投远山电子", {"A": -1, "B": 0}),
        ("凌云科技致函股东 反驳会计丑闻等指控", {"A": 1}),
    ],
)
def test_what_is_said_of_whom(text, expected):
    rows = toned(text)
    assert {s: sign(rows[s]) for s in expected} == expected, {s: r["explanation"] for s, r in rows.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Makers including Zephyr Corp., Bolt Inc. and Quill Ltd. tumbled.", {"X": -1, "Y": -1, "Z": -1}),
        ("Makers including Zephyr Corp., Bolt Inc. and Umbra Co. tumbled.", {"Y": -1, "Z": -1}),
        ("Zephyr, Bolt tumble", {"Y": -1, "Z": -1}),
        ("Zephyr (ZPH), Bolt and Quill rallied.", {"X": 1, "Y": 1, "Z": 1}),
        # no list
        ("After a visit to Zephyr, Bolt tumbled.", {"Y": -1, "Z": 0}),
        ("Zephyr and Bolt rallied, while Quill slumped.", {"X": -1, "Y": 1, "Z": 1}),
        ("Zephyr met investors, and Bolt slumped.", {"Y": -1, "Z": 0}),
    ],
)
def test_an_english_list_shares_what_is_said_of_it(text, expected):
    rows = toned(text, language="en")
    assert {s: sign(rows[s]) for s in expected} == expected, {s: r["explanation"] for s, r in rows.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # goods made cheaper are neither good nor bad for who sells them
        ("Zephyr slashed prices of its lamps.", {"Z": 0}),
        ("Zephyr slashed prices of its lamps as demand slumped.", {"Z": -1}),
        ("The cost plunged thanks to Zephyr.", {"Z": 1}),
        # words inside others
        ("Zephyr won't ship lamps.", {"Z": 0}),
        ("Zephyr won an order.", {"Z": 1}),
        ("Zephyr's partners met as tensions rise.", {"Z": 0}),
        # who takes a share of the market, and from whom
        ("Quill has taken market share from rivals such as Bolt.", {"Y": -1}),
        # a price moves for what is said of others
        ("Tin hits a six-year high as the conflict drags on", {"HG=F": 1}),
        ("Tin fell as a miner won an order", {"HG=F": -1}),
        ("Zephyr fell as losses mounted", {"Z": -1}),
    ],
)
def test_what_is_said_of_whom_in_english(text, expected):
    rows = toned(text, language="en")
    assert {s: sign(rows[s]) for s in expected} == expected, {s: r["explanation"] for s, r in rows.items()}


def test_the_buyer_has_no_tone_of_its_own():
    doc_id, text = "d", "凌云科技获远山电子增持\n"
    row = {
        "doc_id": doc_id, "kind": "news", "source": "wire", "language": "zh-Hans", "headline": text.strip(), "body": "", "published_at": AT,
        "published_precision": "second", "published_not_before": AT, "published_not_after": AT, "available_at": AT, "story_id": doc_id, "novelty": 1.0,
    }  # fmt: skip
    spans = pl.DataFrame(
        {
            "doc_id": [doc_id, doc_id], "symbol": ["A", "B"], "surface": ["凌云科技", "远山电子"], "start": [0, 5], "end": [4, 9],
            "in_headline": [True, True], "role": ["subject", "counterparty"],
        },
        schema_overrides={"start": pl.Int32, "end": pl.Int32},
    )  # fmt: skip
    rows = {r["symbol"]: r for r in sentiment.tones(DOCUMENTS.frame([row]), spans).to_dicts()}
    assert sign(rows["A"]) == 1
    assert "增持" not in rows["B"]["explanation"]


@pytest.mark.parametrize(
    ("text", "surface", "expected"),
    [
        ("美元兑日元跌1.2%", "美元兑日元", 1),
        ("美元/日元延续涨势", "美元/日元", -1),
        ("日元跌1.2%", "日元", -1),
        ("日元兑美元走强", "日元兑美元", 1),
        ("USD/JPY rose", "USD/JPY", -1),
    ],
)
def test_a_currency_rises_when_its_dollar_pair_falls(text, surface, expected):
    row = {
        "doc_id": "d", "kind": "news", "source": "wire", "language": "zh-Hans", "headline": text, "body": "", "published_at": AT,
        "published_precision": "second", "published_not_before": AT, "published_not_after": AT, "available_at": AT, "story_id": "d", "novelty": 1.0,
    }  # fmt: skip
    spans = pl.DataFrame(
        [("d", "JPY=X", surface, 0, len(surface), True, "subject")],
        schema={
            "doc_id": pl.String, "symbol": pl.String, "surface": pl.String, "start": pl.Int32, "end": pl.Int32,
            "in_headline": pl.Boolean, "role": pl.String,
        },
        orient="row",
    )  # fmt: skip
    assert sign(sentiment.tones(DOCUMENTS.frame([row]), spans).to_dicts()[0]) == expected


@pytest.mark.parametrize(
    ("headline", "body", "expected"),
    [
        # a bare sentence is said of the only company of the text, and what the profit did decides
        ("凌云科技发布半年报", "凌云科技发布半年报。公司营业收入18亿元,同比增长6%;净利润1.7亿元,同比下降22%。", {"A": -1}),
        ("凌云科技发布半年报", "凌云科技发布半年报。营业收入18亿元,同比下降6%;净利润1.7亿元,同比增长42%。", {"A": 1}),
        ("凌云科技公告", "凌云科技公告,公司一款注射液通过一致性评价。", {"A": 1}),
        # how a share has run is no news of its own
        ("两连板凌云科技:公司不涉及脑机接口业务", "凌云科技发布风险提示公告。", {"A": -1}),
        ("两连板凌云科技:公司将召开说明会", "", {"A": 0}),
        ("凌云科技两连板", "", {"A": 1}),
        ("凌云科技:新增订单不会对经营业绩产生重大影响", "", {"A": 0}),
        ("凌云科技公告", "凌云科技公告,一季度净利润640万元,上年同期亏损2100万元。", {"A": 1}),
        ("凌云科技公告", "凌云科技公告,公司未收到来自海外客户金额达三亿元的订单。", {"A": 0}),
        ("凌云科技公告", "凌云科技公告,公司在手订单充足,未出现业绩大幅增长。敬请注意投资风险。", {"A": 1}),
        # of two companies none takes a bare sentence, each its own result
        ("凌云科技与远山电子发布半年报", "凌云科技净利润同比增长12%,远山电子净利润同比下降8%。净利润同比下降90%。", {"A": 1, "B": -1}),
        # nor does one that the headline does not name
        ("三城暴雨", "远山电子的厂区设有救助点。公司已遭处罚。", {"B": 0}),
    ],
)
def test_announcements(headline, body, expected):
    assert {symbol: sign(row) for symbol, row in toned(headline, body).items()} == expected


def test_a_headline_that_only_announces_hands_its_weight_on():
    says, announces = (
        toned(headline, "凌云科技公告,公司获批新药。")["A"] for headline in ("凌云科技昨日召开例会,讨论议程", "凌云科技公告")
    )
    assert announces["sentiment"] > says["sentiment"] > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("凌云科技业绩增长", 1),
        ("凌云科技不存在违约风险", 1),
        ("凌云科技未出现业绩增长", 0),
        ("凌云科技不会主动停产", 1),
        ("凌云科技不排除业绩增长", 0),
        ("凌云科技不排除亏损风险", -1),
        ("凌云科技获准撤回破产清算申请", 1),
        ("凌云科技获平仓收益三千万元", 1),
        ("凌云科技称从未见过亏损如此之大", -1),
        ("凌云科技未与远山电子签订合同", 0),
    ],
)
def test_what_has_not_come_to_be(text, expected):
    assert sign(toned(text)["A"]) == expected


def test_what_is_agreed_with_another_is_said_of_who_announces_it():
    tones = toned("凌云科技公告", "凌云科技公告,公司与远山电子签订设备采购合同。", counterparty=("远山电子",))
    assert (sign(tones["A"]), sign(tones["B"])) == (1, 0)


def test_what_is_done_with_another_is_said_of_who_does_it():
    tones = toned("凌云科技:中标远山电子机房工程", counterparty=("远山电子",))
    assert (sign(tones["A"]), sign(tones["B"])) == (1, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("凌云科技:实控人终止减持计划", {"A": 1}),
        ("凌云科技:终止收购", {"A": -1}),
        ("凌云科技:控股股东的平仓风险已消除", {"A": 1}),
        ("凌云科技:控股股东的平仓风险未消除", {"A": -1}),
        ("凌云科技:申请撤销退市风险警示", {"A": 1}),
        ("凌云科技:加征关税对公司影响甚微", {"A": 0}),
        ("凌云科技:加征关税对公司影响较大", {"A": -1}),
        # what is small, untrue or ended must be the thing itself
        ("凌云科技业绩下滑,汇率影响较小", {"A": -1}),
        ("凌云科技订单大增,原料涨价影响有限", {"A": 1}),
        ("凌云科技厂房受损,预计对业绩影响有限", {"A": 0}),
        ("凌云科技亏损,不实施利润分配", {"A": -1}),
        ("凌云科技财务造假,信息披露不实", {"A": -1}),
        ("凌云科技评级被下调的报道不实", {"A": 0}),
        ("凌云科技终止重组引发股东减持", {"A": -1}),
        ("凌云科技取消分红暴露债务风险", {"A": -1}),
        ("凌云科技:股东终止剩余900万股的减持计划", {"A": 1}),
        ("凌云科技:业务重组通过反垄断审查", {"A": 1}),
        ("凌云科技遭反垄断调查", {"A": -1}),
        ("凌云科技半年报减亏三成", {"A": 1}),
        ("凌云科技首发限售股解禁", {"A": -1}),
        ("凌云科技出货量蝉联第一", {"A": 1}),
        ("凌云科技整体出货量减少", {"A": -1}),
        ("凌云科技至今尚未有债务违约", {"A": 1}),
        ("看好以凌云科技对冲政策失误", {"A": 1}),
        # whose shares a holder trades
        ("凌云科技:股东远山电子拟减持", {"A": -1}),
        ("凌云科技股东远山电子减持3%股份", {"A": -1}),
        ("凌云科技减持远山电子", {"A": 0, "B": -1}),
        ("凌云科技:股东减持", {"A": -1}),
        ("凌云科技:大股东增持", {"A": 1}),
        # who sues, and who is sued
        ("凌云科技起诉远山电子侵权", {"A": 0, "B": -1}),
        ("凌云科技遭远山电子起诉", {"A": -1, "B": 0}),
        ("凌云科技被起诉", {"A": -1}),
        ("凌云科技对远山电子提起诉讼", {"A": 0}),
    ],
)
def test_what_is_lifted_void_or_fought(text, expected):
    got = {symbol: sign(row) for symbol, row in toned(text).items()}
    assert {symbol: got[symbol] for symbol in expected} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("维持凌云科技、远山电子“买入”评级", {"A": 0.5, "B": 0.5}),
        ("板块内建议关注凌云科技、远山电子", {"A": 0.1, "B": 0.1}),
        ("监管追缴凌云科技、远山电子欠税", {"A": -0.5, "B": -0.5}),
    ],
)
def test_a_list_shares_what_happens_to_it(text, expected):
    tones = {symbol: row["sentiment"] for symbol, row in toned(text).items()}
    assert tones["A"] == tones["B"]
    assert all(abs(tones[symbol]) >= abs(least) and tones[symbol] * least > 0 for symbol, least in expected.items())


def test_two_sides_of_a_deal_are_no_list():
    tones = toned("凌云科技拟收购远山电子", "凌云科技拟收购远山电子,溢价三成。")
    assert tones["A"]["sentiment"] != tones["B"]["sentiment"]


def test_a_rise_of_the_price_level_is_nobodys_gain():
    assert sign(toned("凌云科技所在国通胀或升至9%")["A"]) == 0


def test_no_competitive_edge_is_no_praise():
    assert sign(toned("凌云科技称产品不具竞争优势")["A"]) <= 0
