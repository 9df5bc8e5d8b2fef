"""Events of sentences written for these tests, in normal words of both languages, and their denials."""

import re
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from research import events
from research.event_actors import actors, digest
from research.event_subjects import Scene, subject
from research.event_ties import ties
from research.event_types import hits
from research.moves import Span
from research.schemas import DOCUMENTS, EVENT_GROUPS, EVENTS, MENTIONS, content_id
from research.sentences import sentences

AT = datetime(2024, 5, 8, 12, 0, tzinfo=UTC)
NAMES = {"凌云科技": "609001.SS", "远山电子": "609002.SS", "Zephyr": "ZPHR", "Bolt": "BLT", "沪深300": "000300.SS", "中信证券": "600030.SS"}


def document(headline, body="", language="zh-Hans"):
    doc_id = content_id(headline, body)
    return DOCUMENTS.frame(
        [
            {
                "doc_id": doc_id, "kind": "news", "source": "wire", "language": language, "headline": headline, "body": body, "published_at": AT,
                "published_precision": "second", "published_not_before": AT, "published_not_after": AT, "available_at": AT, "story_id": doc_id, "novelty": 0.75,
            }
        ]
    )  # fmt: skip


def extracted(headline, body="", language="zh-Hans", source=()):
    documents = document(headline, body, language)
    text = headline + "\n" + body
    spans, mentions = [], {}
    for match in re.finditer("|".join(NAMES), text):
        symbol = NAMES[match.group()]
        role = "source" if match.group() in source else "subject"
        inside = match.start() < len(headline)
        spans.append((documents["doc_id"][0], symbol, match.group(), match.start(), match.end(), inside, role))
        row = mentions.setdefault(
            symbol,
            {
                "doc_id": documents["doc_id"][0], "symbol": symbol, "surfaces": [match.group()], "in_headline": inside, "first_offset": match.start(),
                "n_mentions": 1, "role": role, "relevance": 0.9 if inside else 0.4, "sentiment": 0.0, "confidence": 0.0, "available_at": AT, "annotator": "test",
            },
        )  # fmt: skip
        row["in_headline"] = row["in_headline"] or inside
    schema = {
        "doc_id": pl.String,
        "symbol": pl.String,
        "surface": pl.String,
        "start": pl.Int32,
        "end": pl.Int32,
        "in_headline": pl.Boolean,
        "role": pl.String,
    }
    return events.extract(documents, pl.DataFrame(spans, schema=schema, orient="row"), MENTIONS.frame(mentions.values()))


def pairs(frame):
    return set(frame.select("event_type", "symbol").rows())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("凌云科技拟以集中竞价方式回购股份,金额不超过5亿元", "buyback.plan"),
        ("凌云科技董事会通过股份回购方案", "buyback.plan"),
        ("凌云科技下调全年业绩指引", "guidance.cut"),
        ("凌云科技将全年营收目标由12%下调至5%", "guidance.cut"),
        ("凌云科技上调全年业绩指引", "guidance.raise"),
        ("凌云科技调高全年盈利预测", "guidance.raise"),
        ("凌云科技股东计划减持不超过2%股份", "shareholder_reduction.plan"),
        ("凌云科技发布新品", "product_launch.launch"),
        ("凌云科技正式推出新一代机器人", "product_launch.launch"),
        ("凌云科技一季度净利润超出市场预期", "earnings.beat"),
        ("凌云科技季报:净利润1.2亿元,高于分析师预测", "earnings.beat"),
        ("凌云科技一季度营收低于预期", "earnings.miss"),
        ("凌云科技业绩逊于市场预期", "earnings.miss"),
        ("凌云科技中标3亿元风电合同", "contract_partnership.win"),
        ("凌云科技签下大单,与客户签订供货合同", "contract_partnership.win"),
        ("凌云科技因涉嫌信息披露违规被立案调查", "regulation_investigation.probe"),
        ("凌云科技遭反垄断调查", "regulation_investigation.probe"),
        ("凌云科技上调分红,每10股派8元", "dividend.increase"),
        ("凌云科技宣布裁员500人", "layoffs_restructuring.layoff"),
        ("凌云科技不得不裁员500人", "layoffs_restructuring.layoff"),
        ("凌云科技收购某公司60%股权", "mna.acquire"),
        ("凌云科技与客户达成和解", "litigation_settlement.settle"),
        ("凌云科技董事长辞任", "insider_management_change.depart"),
        ("凌云科技聘任李某为总经理", "insider_management_change.appoint"),
        ("凌云科技2月4日耗资10.5万元回购3万股股份", "buyback.done"),
        ("凌云科技股东减持0.28%股份", "shareholder_reduction.done"),
        ("某证券:维持凌云科技“买入”评级", "analyst_rating.positive"),
        ("某证券:上调凌云科技目标价至30元", "analyst_rating.upgrade"),
    ],
)
def test_types_in_chinese(text, kind):
    assert (kind, "609001.SS") in pairs(extracted(text))
    assert (kind, "609001.SS") in pairs(extracted("公司快讯", "记者获悉。" + text + "。"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("凌云科技公告,公司控制权发生变更,新的实际控制人为当地国资委", "mna.control"),
        ("凌云科技实控人生变,第一大股东易主", "mna.control"),
        ("凌云科技收购邻省同行的重组方案被并购重组委否决", "mna.terminate"),
        ("凌云科技借壳一事流产", "mna.terminate"),
        ("凌云科技涉嫌信息披露违法", "regulation_investigation.misconduct"),
        ("凌云科技被指虚增收入逾3亿元", "regulation_investigation.misconduct"),
        ("凌云科技主要银行账户被冻结", "litigation_settlement.freeze"),
        ("凌云科技控股股东所持股份遭轮候冻结", "litigation_settlement.freeze"),
        ("凌云科技资金链断裂,工厂停薪", "default_credit.default"),
        ("联合资信下调凌云科技主体信用等级", "default_credit.rating_cut"),
        ("凌云科技一批次产品抽检不合格", "accident_operations.accident"),
        ("凌云科技董事长因涉案被采取强制措施", "regulation_investigation.probe"),
        ("凌云科技实控人失联", "insider_management_change.depart"),
        ("凌云科技上半年净利润下滑近四成", "earnings.decline"),
        ("凌云科技全年净利润增长两倍", "earnings.growth"),
    ],
)
def test_troubles_as_the_chinese_press_words_them(text, kind):
    assert kind in {found for found, _ in pairs(extracted(text))}


def test_what_a_subsidiary_does_is_not_its_parents():
    for text in ("凌云科技财险首年盈利", "业绩反转?凌云科技财险实现首年盈利"):
        assert [symbol for kind, symbol in pairs(extracted(text)) if kind == "earnings.growth"] == [None], text
    assert ("earnings.growth", "609001.SS") in pairs(extracted("凌云科技实现首年盈利"))


@pytest.mark.parametrize(
    "text",
    [
        "凌云科技实际控制人未发生变更",
        "凌云科技获悉控股股东所持股份解除冻结",
        "凌云科技董事长已被解除留置",
        "凌云科技举办防范非法集资宣传月活动",
        "凌云科技获邀解读内幕交易防控新规",
        "凌云科技经检测各项指标均未超标",
        "如果电芯设计有误,凌云科技的车就会起火",
        "凌云科技努力让电池不爆炸",
    ],
)
def test_troubles_that_are_none(text):
    trouble = ("mna", "regulation_investigation.misconduct", "litigation_settlement", "insider", "default_credit", "accident")
    assert not [kind for kind, _ in pairs(extracted(text)) if kind.startswith(trouble)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Zephyr announces share buyback of up to $2 billion", "buyback.plan"),
        ("Zephyr cuts full-year guidance on weak orders", "guidance.cut"),
        ("Zephyr raises guidance after a strong quarter", "guidance.raise"),
        ("Zephyr shareholder plans to reduce stake by 2%", "shareholder_reduction.plan"),
        ("Zephyr beats profit estimates", "earnings.beat"),
        ("Zephyr posts better-than-expected quarterly results", "earnings.beat"),
        ("Zephyr misses revenue estimates", "earnings.miss"),
        ("Zephyr earnings fall short of expectations", "earnings.miss"),
        ("Zephyr wins $300 million wind contract", "contract_partnership.win"),
        ("Zephyr under investigation over disclosures", "regulation_investigation.probe"),
        ("Zephyr raises dividend by 10%", "dividend.increase"),
        ("Zephyr launches new robot", "product_launch.launch"),
        ("Zephyr to lay off staff: it lays off 500", "layoffs_restructuring.layoff"),
        ("Zephyr is rolling out a new robot", "product_launch.launch"),
        ("Zephyr says the debut of its robot has been delayed", "product_launch.delay"),
        ("Zephyr climbs on higher-than-forecast revenue", "earnings.beat"),
        ("Zephyr slumps on disappointing quarterly results", "earnings.miss"),
        ("A Zephyr car crashed into a parked van", "accident_operations.accident"),
        ("Zephyr files for initial public offering", "share_offering_ipo.plan"),
        ("Zephyr won the order", "contract_partnership.win"),
    ],
)
def test_types_in_english(text, kind):
    assert (kind, "ZPHR") in pairs(extracted(text, language="en"))


@pytest.mark.parametrize(
    "text",
    [
        "Zephyr gives its laptop the upgrade it needed",
        "Zephyr gains from an explosion in streaming demand",
        "Zephyr shares settle near a two-month high",
        "Zephyr excludes litigation costs from its ratio",
        "Central bank may lower its inflation forecast, Zephyr says",
        "Watchdog launches investigation, Zephyr silent",
        "Zephyr climbs to its highest price since its initial public offering",
        "Zephyr's talks won't begin until the deal is revised",
        "Fitch downgrades the nation of Zephyr to junk",
        "Zephyr says the debut of its jet is delayed",
        "Zephyr expects revenue to increase 9 percent",
        "Zephyr pulled its goods after the government blacklisted the Chinese supplier",
    ],
)
def test_words_of_other_things_in_english(text):
    found = pairs(extracted(text, language="en"))
    wrong = (
        "analyst_rating",
        "accident",
        "litigation",
        "guidance.cut",
        "product_launch.launch",
        "share_offering",
        "contract",
        "earnings",
        "regulation_investigation.penalty",
    )
    assert not [kind for kind, _ in found if kind.startswith(wrong)]


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("The central bank cut interest rates more than expected", "central_bank.cut", True),
        ("Economists expect the central bank to cut interest rates", "central_bank.cut", False),
        ("The government put the supplier on an export blacklist", "fiscal_trade_policy.tariff", True),
        ("The ECB is under pressure to deliver stimulus", "fiscal_trade_policy.stimulus", False),
        ("The ban comes ahead of a general election", "geopolitics.election", False),
        ("Voters head to the polls in a general election", "geopolitics.election", True),
    ],
)
def test_what_markets_are_told_in_english(text, kind, told):
    assert ((kind, None) in pairs(extracted(text, language="en"))) is told


@pytest.mark.parametrize(
    "text",
    [
        "凌云科技否认股东减持传闻",
        "凌云科技澄清:未被立案调查",
        "凌云科技大股东承诺不减持公司股份",
        "凌云科技未签订传闻中的合同",
        "凌云科技终止回购公司股份",
    ],
)
def test_denials_are_no_events(text):
    planted = {"shareholder_reduction.plan", "regulation_investigation.probe", "contract_partnership.win", "buyback.plan"}
    assert not planted & set(extracted(text)["event_type"])


@pytest.mark.parametrize(
    "text",
    ["央行开展1000亿元逆回购操作", "凌云科技股价走高", "凌云科技获中信证券维持增持评级", "问卷调查显示凌云科技最受欢迎"],
)
def test_words_that_only_look_alike(text):
    groups = {name.split(".")[0] for name in extracted(text)["event_type"]}
    assert not groups & {"buyback", "shareholder_reduction", "regulation_investigation"}


def test_subject_is_the_nearest_instrument_before_the_word():
    frame = extracted("凌云科技中标大额合同,远山电子被立案调查")
    assert {("contract_partnership.win", "609001.SS"), ("regulation_investigation.probe", "609002.SS")} <= pairs(frame)
    assert ("contract_partnership.win", "609002.SS") not in pairs(frame)


def test_a_sentence_without_a_name_is_about_the_headline():
    assert ("buyback.plan", "609001.SS") in pairs(extracted("凌云科技公告", "公司拟以不超过5亿元回购股份。"))


def test_a_company_event_is_not_given_to_an_index_or_a_source():
    frame = extracted("沪深300收跌", "中信证券表示,某公司拟回购股份。", source=("中信证券",))
    assert not {s for k, s in pairs(frame) if k == "buyback.plan"} & {"000300.SS", "600030.SS"}


def test_market_wide_events_have_no_symbol():
    frame = extracted("美国3月CPI同比上升3.5%", "凌云科技表示关注。")
    assert ("macro_data.release", None) in pairs(frame)


def test_conditions_lower_the_confidence():
    sure = extracted("凌云科技被立案调查").filter(pl.col("event_type") == "regulation_investigation.probe")["confidence"][0]
    unsure = extracted("凌云科技可能被立案调查").filter(pl.col("event_type") == "regulation_investigation.probe")["confidence"][0]
    assert unsure < sure


def test_rows_are_complete():
    frame = extracted("凌云科技5月6日被立案调查", "凌云科技被立案调查。凌云科技股价跌9.5%。")
    row = frame.filter(pl.col("event_type") == "regulation_investigation.probe").to_dicts()
    assert len(row) == 1
    row = row[0]
    assert row["evidence"] == "凌云科技5月6日被立案调查"
    assert row["event_date"] == date(2024, 5, 6)
    assert row["event_id"] == content_id(row["doc_id"], row["symbol"], row["event_type"], row["evidence"])
    assert (row["novelty"], row["relevance"], row["available_at"], row["annotator"]) == (0.75, 0.9, AT, events.ANNOTATOR)
    assert row["sentiment"] < 0
    assert ("price_move.down", "609001.SS") in pairs(frame)


def test_taxonomy_covers_every_group():
    kinds = events.taxonomy()
    assert {kind.name.split(".")[0] for kind in kinds} == set(EVENT_GROUPS) - {"price_move"}
    assert all(kind.definition and -1 <= kind.prior <= 1 and 0 < kind.level <= 1 for kind in kinds)
    known, given_way_to = {kind.name for kind in kinds}, {kind.otherwise for kind in kinds if kind.otherwise}
    wordless = {kind.name for kind in kinds if not (kind.words or kind.english or kind.pairs)}
    unspecified = {f"{group}.unspecified" for group in set(EVENT_GROUPS) - {"price_move"}}
    assert unspecified <= wordless <= unspecified | given_way_to
    assert all(kind.otherwise.split(".")[0] == kind.name.split(".")[0] for kind in kinds if kind.otherwise)
    gives_way = {kind.name: kind.otherwise for kind in kinds}
    for name in known:  # a chain that came back to itself would be followed for ever
        chain = [name]
        while (then := gives_way[chain[-1]]) is not None:
            assert then not in chain, chain
            chain.append(then)
    assert all(set(kind.unless) <= known for kind in kinds)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("美联储维持利率不变", "central_bank.hold"),
        ("某国央行降息50个基点", "central_bank.cut"),
        ("某国央行意外加息25个基点", "central_bank.hike"),
        ("美联储12月降息25个基点的概率为39.6%", "central_bank.outlook"),
        ("某银行:预计欧洲央行明年将加息", "central_bank.outlook"),
        ("中国央行:今日开展5000亿元MLF操作,净投放1000亿元", "central_bank.statement"),
        ("某国央行行长加利波洛(Galipolo):通胀压力仍在", "central_bank.statement"),
        ("美联储主席:劳动力市场稳健", "central_bank.statement"),
    ],
)
def test_a_statement_is_no_decision_and_a_name_no_listing(text, kind):
    assert pairs(extracted(text)) == {(kind, None)}


def test_no_documents():
    empty = extracted("空").clear()
    assert empty.equals(EVENTS.empty())


# ------------------------------------------------------------------ what counts as an event of an article
@pytest.mark.parametrize(
    ("headline", "body", "language", "absent"),
    [
        ("Zephyr under investigation by the regulator", "Bolt is not part of the inquiry.", "en", ("regulation_investigation", "BLT")),
        ("Zephyr says it is not under investigation", "", "en", ("regulation_investigation", "ZPHR")),
        ("Founder says he has no plans to sell his Zephyr stake", "", "en", ("shareholder_reduction", "ZPHR")),
        ("Zephyr scraps share buyback", "", "en", ("buyback.plan", "ZPHR")),
        ("凌云科技否认将裁员", "凌云科技裁员的消息周一流传,涉及500人。", "zh-Hans", ("layoffs_restructuring", "609001.SS")),
        ("凌云科技发布年报", "凌云科技去年曾收购两家工厂。", "zh-Hans", ("mna", "609001.SS")),
        ("凌云科技净利润超出市场预期", "远山电子认为,利润率的改善是业绩超预期的主要原因。", "zh-Hans", ("earnings", "609002.SS")),
        ("凌云科技没有收购远山电子的计划", "", "zh-Hans", ("mna", "609001.SS")),
    ],
)
def test_what_is_denied_looked_back_at_or_another_s_comment_is_no_event(headline, body, language, absent):
    kind, symbol = absent
    assert not [k for k, s in pairs(extracted(headline, body, language)) if k.startswith(kind) and s == symbol]


def test_an_end_is_an_event_of_its_own():
    assert ("dividend.cut", "609001.SS") in pairs(extracted("凌云科技将取消今年的股息派发"))
    assert ("mna.terminate", "609001.SS") in pairs(extracted("凌云科技终止收购南溪生物"))


def test_one_event_a_group_and_subject():
    frame = extracted("凌云科技净利润增长30%超出市场预期", "凌云科技一季度净利润同比增长30%,高于分析师预测。")
    assert sum(k.startswith("earnings.") for k, _ in pairs(frame)) == 1


def test_few_events_an_article():
    body = "".join(f"凌云科技第{i}次公告。" for i in range(3)) + (
        "凌云科技回购股份不超过5亿元。凌云科技裁员500人。凌云科技中标3亿元合同。凌云科技被立案调查。凌云科技发布新品手机。"
        "凌云科技收购某公司60%股权。凌云科技董事长辞任。凌云科技发生火灾。凌云科技与客户达成和解。"
    )
    assert extracted("凌云科技一周大事", body).height == 6


def test_an_actor_without_a_symbol_keeps_its_events():
    frame = extracted("Novaro推出新款机器人", "Novaro周一宣布推出新款机器人,售价3万元。Novaro计划明年上市。远山电子也是供应商之一。")
    assert ("product_launch.launch", None) in pairs(frame)
    assert not [s for k, s in pairs(frame) if k.startswith("product_launch") and s]


def test_flows_belong_to_what_is_sold():
    assert ("fund_flow_positioning.outflow", "000300.SS") in pairs(
        extracted("外资本周抛售沪深300", "凌云科技称,外资净卖出沪深300成份股之外的股票。")
    )


def tied(headline, body, *named):
    """Return (group, symbol) -> relations of an article about the instruments ``named``, no sentence reading like a group."""
    text = headline + "\n" + body
    spans = [Span(NAMES[name], name, match.start(), match.end(), "subject") for name in named for match in re.finditer(name, text)]
    rows = {
        NAMES[name]: {
            "symbol": NAMES[name], "surfaces": [name], "in_headline": name in headline, "first_offset": text.index(name), "n_mentions": text.count(name),
            "role": "subject", "relevance": 0.9 if name in headline else 0.4,
        }
        for name in named
    }  # fmt: skip
    parts = sentences(text, len(headline) + 1)
    found = events.pairs_of(
        {"headline": headline, "body": body, "language": "zh-Hans", "published_at": AT},
        sorted(spans, key=lambda span: span.start), rows, np.zeros((len(parts), len(EVENT_GROUPS))),
    )  # fmt: skip
    return {(pair.group, pair.symbol): {one.relation for one in pair.ties} for pair in found}


def test_a_pronoun_means_the_company_named_last_and_the_headline_stays_possible():
    body = "凌云科技周一停牌。远山电子去年关闭了两条产线。其上半年净利润同比下降30%。"
    found = tied("凌云科技召开会议", body, "凌云科技", "远山电子")
    assert found["earnings", "609002.SS"] == {"its"} and found["earnings", "609001.SS"] == {"topic"}
    two = tied("凌云科技与远山电子会面", "会面之后,市场传出远山电子年内将收购某公司60%股权的说法。", "凌云科技", "远山电子")
    assert "clause" in two["mna", "609002.SS"] and two["mna", "609001.SS"] <= {"title", "topic"}
    assert "opener" in tied("凌云科技召开会议", body.replace("其上半年", "上半年"), "凌云科技", "远山电子")["earnings", "609002.SS"]


def test_a_name_of_the_headline_that_is_quoted_as_often_as_not_is_no_mere_source():
    rows = {"A": {"role": "source", "in_headline": True}, "B": {"role": "source", "in_headline": False}}
    spans = [Span("A", "甲", 0, 1, "source"), Span("A", "甲", 9, 10, "subject"), Span("B", "乙", 5, 6, "subject")]
    assert {symbol: row["role"] for symbol, row in events._acting(rows, spans).items()} == {"A": "subject", "B": "source"}
    assert events._acting(rows, spans[:1])["A"]["role"] == "source"


def test_shares_bought_back_for_the_staff_are_no_offering():
    found = pairs(extracted("凌云科技拟回购股份", "上市公司回购的股份将用于员工持股计划。"))
    assert ("buyback.plan", "609001.SS") in found and not any(kind.startswith("share_offering_ipo") for kind, _ in found)
    assert ("share_offering_ipo", "609001.SS") not in tied("凌云科技拟回购股份", "上市公司回购的股份将用于员工持股计划。", "凌云科技")


def test_an_exchange_where_somebody_lists_is_not_what_the_article_is_about():
    headline, body = "奶茶连锁店冲刺港交所", "该公司向港交所递交招股书。一季度净利润同比增长30%,营收12亿元。" * 2
    documents = document(headline, body)
    text = headline + "\n" + body
    places = [(match.start(), match.end()) for match in re.finditer("港交所", text)]
    spans = pl.DataFrame(
        [(documents["doc_id"][0], "0388.HK", "港交所", start, end, end <= len(headline), "subject") for start, end in places],
        schema=["doc_id", "symbol", "surface", "start", "end", "in_headline", "role"], orient="row",
    )  # fmt: skip
    named = {
        "doc_id": documents["doc_id"][0], "symbol": "0388.HK", "surfaces": ["港交所"], "in_headline": True, "first_offset": 7, "n_mentions": 3,
        "role": "subject", "relevance": 0.9, "sentiment": 0.0, "confidence": 0.0, "available_at": AT, "annotator": "test",
    }  # fmt: skip
    frame = events.extract(documents, spans, MENTIONS.frame([named]))
    assert frame.height and not frame["symbol"].drop_nulls().len()


def test_words_inside_a_name_are_no_event():
    documents = document("Summit Basket opens a store", "Summit Basket opens its tenth store.", "en")
    spans = pl.DataFrame(
        [(documents["doc_id"][0], "SMBK", "Summit Basket", 0, 13, True, "subject")],
        schema=["doc_id", "symbol", "surface", "start", "end", "in_headline", "role"], orient="row",
    )  # fmt: skip
    assert not [k for k in events.extract(documents, spans, MENTIONS.empty())["event_type"] if k.startswith("geopolitics")]


def test_confidence_grows_with_place_and_repetition():
    in_headline = extracted("凌云科技中标3亿元合同", "")["confidence"][0]
    filler = "公司所在的园区近日天气晴好。" * 4
    below = extracted("凌云科技公告", filler + "凌云科技中标3亿元合同。")["confidence"][0]
    twice = extracted("凌云科技公告", filler + "凌云科技中标3亿元合同。凌云科技中标3亿元合同的消息已经公布。")["confidence"][0]
    assert in_headline > twice > below


def test_large_moves_are_events_and_small_ones_are_not():
    assert ("price_move.down", "609001.SS") in pairs(extracted("凌云科技跌8%"))
    assert not [k for k in extracted("凌云科技公告", "凌云科技股价上涨0.3%。")["event_type"] if k.startswith("price_move")]


@pytest.mark.parametrize(
    ("text", "word", "group"),
    [
        ("凌云科技总裁与员工座谈", "总裁", "layoffs_restructuring"),
        ("凌云科技上半年合同销售金额约81亿元", "合同", "contract_partnership"),
        ("凌云科技引入的投资集团净资产120亿元", "投资", "capex_investment"),
        ("凌云科技称原奶收购价每公斤涨了两角,股份公司不受影响", "收购价", "mna"),
        ("凌云科技创始人须支付股份回购款及利息9140万元", "回购款", "buyback"),
        ("日本陷入通货紧缩,凌云科技在当地的销量也受影响", "紧缩", "central_bank"),
        ("M23武装推进,凌云科技矿区总额12亿元的项目停工", "M2", "macro_data"),
        ("凌云科技员工的外派补贴每天90欧元,政策不变", "补贴", "fiscal_trade_policy"),
    ],
)
def test_a_word_inside_a_longer_one_is_another_word(text, word, group):
    """The words of the group stand in the text, inside longer words that mean something else."""
    at = text.index(word)
    found = [hit for hit in hits(text, "zh") if hit.kind.name.startswith(group + ".")]
    assert not [hit for hit in found if at <= hit.start < at + len(word)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("某市发布购房补贴新政,每套3万元", "fiscal_trade_policy.stimulus"),
        ("政府将追加13亿英镑电动汽车补贴", "fiscal_trade_policy.stimulus"),
        ("商务部对进口乳制品征收反补贴税", "fiscal_trade_policy.tariff"),
    ],
)
def test_subsidies_of_states(text, kind):
    assert pairs(extracted(text)) == {(kind, None)}


@pytest.mark.parametrize("text", ["凌云科技为骑手提供租房补贴", "凌云科技将收缩全场9.9元补贴", "凌云科技员工的外派补贴不变"])
def test_what_companies_pay_is_no_subsidy(text):
    assert not [kind for kind, _ in pairs(extracted(text)) if kind.startswith("fiscal")]


def test_a_word_beside_a_longer_one_still_counts():
    assert "layoffs_restructuring.layoff" in {hit.kind.name for hit in hits("凌云科技总裁宣布裁员3000人", "zh")}
    assert "macro_data.release" in {hit.kind.name for hit in hits("3月M2总额同比增长8.3%", "zh")}


@pytest.mark.parametrize("text", ["凌云科技不必剥离浏览器业务", "证监会对凌云科技不予立案", "凌云科技无须再收购某公司60%的股权"])
def test_what_need_not_be_done_is_no_event(text):
    assert not [kind for kind, _ in pairs(extracted(text)) if kind.startswith(("mna", "regulation_investigation.probe"))]


def test_a_company_before_its_listing_is_an_actor_and_afterwards_a_share():
    text = "霸王茶姬冲刺纳斯达克\n公司递交了招股书。"
    early, late = (actors(text, [], day) for day in (date(2025, 3, 26), date(2025, 6, 2)))
    assert [(span.symbol, span.surface, span.role) for span in early] == [("", "霸王茶姬", "company")]
    assert not late  # the linker names it then


def test_who_is_not_listed_yet_is_what_the_article_is_about_where_its_headline_begins_with_it():
    body = "公司2024年净利润同比增长213%。"
    first = tied("霸王茶姬冲刺上市,远山电子是它的股东", body, "远山电子")
    assert "actor" in first["earnings", None]
    assert "topic" not in first.get(("earnings", "609002.SS"), ())
    assert "topic" in tied("远山电子看好霸王茶姬", body, "远山电子")["earnings", "609002.SS"]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("该行将凌云科技的评级下调至中性", "609001.SS"),
        ("该行将部分城商行的评级下调至中性", None),
        ("该行维持板块“增持”评级,上调设备行业的评级", None),
        ("该行将目标价由40元下调至32元", "609001.SS"),
        ("该行将年底目标价由40元下调至32元", "609001.SS"),
        ("穆迪下调了印尼的信用评级展望", None),
        ("穆迪下调了凌云科技的信用评级展望", "609001.SS"),
    ],
)
def test_what_a_house_rates_is_named_beside_the_rating(text, symbol):
    found = extracted("凌云科技公告", text + "。").filter(pl.col("event_type").str.contains("rating"))
    assert found["symbol"].to_list() == [symbol]


def test_who_subscribes_does_not_offer_the_shares():
    text = "两家公司签约\n远山电子将以每股23元认购凌云科技价值50亿元的股份。"
    spans = [Span(NAMES[name], name, text.index(name), text.index(name) + 4, "subject") for name in ("远山电子", "凌云科技")]
    hit = next(hit for hit in hits(text, "zh") if hit.kind.name == "share_offering_ipo.plan")
    assert subject(text, hit, Scene.of(text, sentences(text, 7)[1], spans), None) == ("609001.SS", 0.9)


def test_an_unlimited_strike_is_a_strike():
    assert ("accident_operations.halt", "609001.SS") in pairs(extracted("凌云科技工会宣布无限期罢工"))
    assert not [kind for kind, _ in pairs(extracted("凌云科技工会表示未罢工")) if kind.startswith("accident")]


def test_what_a_headline_denies_may_have_happened_to_others():
    body = "凌云科技周三重申没有裁员。" + "公司所在的园区近日天气晴好。" * 3 + "远山电子上月裁员3000人,裁员涉及两座工厂。"
    denied, others = (tied(headline, body, "凌云科技", "远山电子") for headline in ("凌云科技否认裁员", "凌云科技召开会议"))
    assert "clause" in denied["layoffs_restructuring", "609002.SS"] & others["layoffs_restructuring", "609002.SS"]
    assert ("layoffs_restructuring.layoff", "609001.SS") not in pairs(extracted("凌云科技否认裁员", "有传言称公司裁员。"))


def test_what_is_found_is_the_likeliest_reading_of_each_wording():
    body = "该公司上半年净利润同比下降30%,否认裁员。远山电子与凌云科技签署合作协议,远山电子被立案调查。沪深300上涨。公司拟回购股份。" * 2
    text = "凌云科技召回4万辆车\n" + body
    spans = sorted(
        (Span(NAMES[m.group()], m.group(), m.start(), m.end()) for m in re.finditer("|".join(NAMES), text)), key=lambda span: span.start
    )
    given = text, spans, sentences(text, text.index("\n") + 1), "609001.SS", "zh-Hans", AT
    likeliest = [tie.found for tie in ties(*given) if tie.chosen and not tie.loose]
    found = events.find(*given)
    assert len(found) >= 6 and len(set(found)) == len(found) and set(found) == set(likeliest)
    bad = [one for one in found if one.prior < 0]
    assert bad and events.find(*given, lambda kind: kind.prior < 0) == bad


def test_a_second_wording_names_its_own_subject():
    found = extracted("凌云科技召回4万辆车,远山电子召回14万辆车").filter(pl.col("event_type") == "accident_operations.accident")
    assert sorted(found["symbol"].to_list()) == ["609001.SS", "609002.SS"]


def test_margins_are_asked_of_no_company():
    found = extracted("凌云科技:合约的交易保证金比例从60%调整为80%").filter(pl.col("event_type").str.starts_with("regulation"))
    assert found["symbol"].to_list() == [None]


def test_what_flows_into_a_fund_is_not_the_topics():
    found = extracted("凌云科技周评", "全球股票基金净流入514亿美元。").filter(pl.col("event_type").str.starts_with("fund_flow"))
    assert found["symbol"].to_list() == [None]
    assert ("fund_flow_positioning.inflow", "609001.SS") in pairs(extracted("凌云科技周评", "外资净买入5亿元。"))


@pytest.mark.parametrize(
    "text", ["中国版凌云科技某某投资债务违约", "号称“电池界的凌云科技”的某某投资债务违约", "下一个凌云科技?某某投资债务违约"]
)
def test_who_another_is_likened_to_does_nothing(text):
    assert ("default_credit.default", "609001.SS") in pairs(extracted("凌云科技债务违约"))
    assert [symbol for _, symbol in pairs(extracted(text))] == [None]


def test_the_price_of_an_offering_is_no_guidance():
    assert not [kind for kind, _ in pairs(extracted("凌云科技港股定价指引为每股176港元")) if kind.startswith("guidance")]
    assert [kind for kind, _ in pairs(extracted("凌云科技全年收入指引为176亿港元")) if kind.startswith("guidance")]


def test_a_house_that_judges_is_not_judged():
    frame = extracted("中信证券发布策略报告", "其中对出口板块维持超配。")
    assert not [symbol for kind, symbol in pairs(frame) if kind.startswith("analyst_rating") and symbol]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("凌云科技宣布新药的三期临床未达到主要终点,终止试验", "product_launch.trial"),
        ("标普将凌云科技的评级展望由稳定转为负面", "default_credit.rating_cut"),
        ("凌云科技撤回以每股26元收购某公司的提案", "mna.terminate"),
        ("凌云科技向法院递交破产申请", "default_credit.default"),
        ("凌云科技上月以2亿元从市场买回自家股票", "buyback.done"),
        ("凌云科技全年溢利115亿港元,同比微增3%", "earnings.growth"),
        ("凌云科技上半年销售额903亿元,下滑1.4%", "earnings.decline"),
    ],
)
def test_wordings_of_the_press(text, kind):
    assert kind in {found for found, symbol in pairs(extracted(text)) if symbol == "609001.SS"}


def test_an_outlook_that_leaves_the_negative_is_no_cut():
    assert not [kind for kind, _ in pairs(extracted("穆迪将凌云科技的评级展望从负面上调至稳定")) if kind.endswith("rating_cut")]


def test_how_far_off_a_name_stands():
    filler = "公司所在的园区近日天气晴好。"
    text = "凌云科技召开会议\n" + filler * 3 + "上半年净利润同比下降30%。"
    line = text.index("\n")
    spans = [Span("609001.SS", "凌云科技", 0, 4, "subject")]
    found = ties(text, spans, sentences(text, line + 1), "609001.SS", "zh-Hans", AT)
    assert {tie.away for tie in found if tie.found.symbol == "609001.SS"} == {4}
    assert {tie.away for tie in found if tie.found.symbol is None} == {0}


@pytest.mark.parametrize("headline", ["远山早餐|2月12日:凌云科技开会", "凌云科技召开会议;小镇工厂涉嫌造假被立案调查"])
def test_a_list_of_news_is_not_about_its_first_item(headline):
    item = "小镇工厂涉嫌造假被立案调查。"
    body = "凌云科技周一开会。" + "园区近日天气晴好。" * 15 + item + "当地警方证实了消息。"
    found = tied(headline, body, "凌云科技")
    assert "topic" not in found["regulation_investigation", "609001.SS"]
    assert "topic" in tied("凌云科技召开会议", body, "凌云科技")["regulation_investigation", "609001.SS"]


def test_a_newspaper_before_a_colon_tells_one_story():
    one, many = "联合早报:甲公司收购乙公司\n周三公告。", "【财经早报】甲公司收购乙公司\n周三公告。"
    assert not digest(one, one.index("\n")) and digest(many, many.index("\n"))


def test_a_headline_full_of_another_company_is_about_it():
    body = "Novaro宣布推出新款眼镜。" * 6 + "远山电子的产品是它的对手。上半年销量同比增长30%,净利润同比增长20%。"
    found = tied("一手体验Novaro新品,远山电子的软肋", body, "远山电子")
    assert "actor" in found["earnings", None]
    assert "topic" not in found.get(("earnings", "609002.SS"), ())


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("凌云科技称散户在其股票上亏损高达20万元", "earnings"),
        ("凌云科技的可转债持有人不多", "share_offering_ipo"),
        ("凌云科技四年虚增营业收入161亿元", "earnings"),
        ("凌云科技副行长的任职资格获得批准", "regulation_investigation"),
    ],
)
def test_figures_of_others_are_no_events_of_the_company(text, group):
    assert not [kind for kind, _ in pairs(extracted(text)) if kind.startswith(group + ".") and not kind.endswith("misconduct")]


def test_an_officer_whose_qualification_is_approved_is_appointed():
    assert ("insider_management_change.appoint", "609001.SS") in pairs(extracted("凌云科技:张某董事长任职资格获得核准"))


def test_what_may_happen_to_the_reader_is_no_news():
    text = "凌云科技介绍还款流程。如果你逾期,你被起诉之后,法院就可以冻结账户。"
    surest = extracted("凌云科技客服", text)["confidence"].max()
    assert (surest or 0) < extracted("凌云科技客服", "凌云科技被起诉,法院已冻结账户。")["confidence"].max()
