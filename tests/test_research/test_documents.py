"""Documents: the clocks by hand, ids that depend on content alone, stories that look back only."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.documents import build, quarantined
from research.errors import UsageError
from research.schemas import DOCUMENTS
from research.sources import Article, Rejected

SHARED = Path(__file__).parents[3] / "shared"
SEEN = datetime(2032, 2, 7, tzinfo=UTC)
BODY = (
    "示范科技周四公布,公司与三家客户签订长期供货合同,合同总额约为45.6亿元,占上一年度营业收入的38.2%。"
    "公司表示,合同自下季度起执行,首批产品将于年底交付,新增产线已通过验收,预计毛利率较上年提高2.35个百分点。"
    "两家券商认为,订单能见度延长至后年,估值仍低于同业均值,不过原材料价格上行是主要风险。"
)
OTHER = (
    "样例银行股东大会通过分红方案,每十股派发现金红利3.15元,股权登记日为下月中旬,派息总额67.8亿元。"
    "董事会秘书回应投资者时说,资本充足率满足监管要求,未来三年分红比例将保持稳定,暂无再融资计划。"
)


def article(headline: str, body: str = "", stamp: object = None, **more: object) -> Article:
    return Article("news", str(more.pop("source", "样例社")), headline, body, None, stamp, **more)  # type: ignore[arg-type]


def at(hours: float) -> datetime:
    return SEEN + timedelta(hours=hours)


def one(a: Article, **kwargs: object) -> dict[str, object]:
    built = build([a], **kwargs)  # type: ignore[arg-type]
    assert built.documents.height == 1, built.quarantine["reason"].to_list()
    return built.documents.row(0, named=True)


# --- clocks


def test_a_second_stamp_with_seen_at() -> None:
    row = one(article("甲", stamp="Fri, 06 Feb 2032 08:38:03 +0800"), seen_at=SEEN, latency=timedelta(minutes=2))
    published = datetime(2032, 2, 6, 0, 38, 3, tzinfo=UTC)
    assert (row["published_at"], row["published_precision"], row["published_not_after"]) == (published, "second", published)
    assert (row["first_seen_at"], row["available_at"]) == (SEEN, published + timedelta(minutes=2))


def test_a_day_ends_in_its_own_zone() -> None:
    row = one(article("甲", stamp="2032-02-05"), seen_at=SEEN)
    assert row["published_precision"] == "day"
    assert row["published_not_before"] == datetime(2032, 2, 4, 16, tzinfo=UTC)
    end = datetime(2032, 2, 5, 16, tzinfo=UTC)
    assert end - timedelta(seconds=1) <= row["available_at"] <= end
    other = one(article("甲", stamp="2032-02-05", zone="America/New_York"), seen_at=SEEN)
    assert datetime(2032, 2, 6, 5, tzinfo=UTC) - timedelta(seconds=1) <= other["available_at"] <= datetime(2032, 2, 6, 5, tzinfo=UTC)


def test_a_day_is_bounded_by_the_collector() -> None:
    row = one(article("甲", stamp="2032-02-07"), seen_at=datetime(2032, 2, 7, 4, tzinfo=UTC))
    assert row["published_not_after"] == row["available_at"] == datetime(2032, 2, 7, 4, tzinfo=UTC)
    assert row["published_precision"] == "day"


def test_nothing_known_but_the_collector() -> None:
    row = one(article("甲", "没有日期的正文。"), seen_at=SEEN, latency=timedelta(hours=1))
    assert (row["published_precision"], row["published_not_after"], row["available_at"]) == ("interval", SEEN, SEEN)


def test_a_claim_after_the_collector_is_false() -> None:
    row = one(article("甲", stamp="2032-02-09T10:00:00+08:00"), seen_at=SEEN)
    assert (row["published_precision"], row["published_at"], row["available_at"]) == ("interval", SEEN, SEEN)


def test_an_articles_own_measurement_is_stronger() -> None:
    own = datetime(2032, 2, 6, 3, tzinfo=UTC)
    stamped = article("甲", stamp="2032-02-06T10:00:00+08:00", first_seen_at=own)
    row = one(stamped, seen_at=SEEN)
    assert (row["published_at"], row["first_seen_at"], row["available_at"]) == (datetime(2032, 2, 6, 2, tzinfo=UTC), own, own)
    row = one(stamped, seen_at=SEEN, latency=timedelta(hours=2))
    assert row["available_at"] == datetime(2032, 2, 6, 4, tzinfo=UTC)
    row = one(article("甲", first_seen_at=own), latency=timedelta(hours=2))
    assert (row["published_precision"], row["first_seen_at"], row["available_at"]) == ("interval", own, own)
    row = one(article("甲", stamp="2032-02-06T12:00:00+08:00", first_seen_at=own))
    assert (row["published_precision"], row["available_at"]) == ("interval", own)


def test_a_back_fill_has_no_first_seen_time() -> None:
    row = one(article("甲", stamp="2032-02-06T10:00:00+08:00"), latency=timedelta(minutes=5))
    assert (row["first_seen_at"], row["available_at"]) == (None, datetime(2032, 2, 6, 2, 5, tzinfo=UTC))


def test_what_cannot_be_dated_or_is_empty_is_quarantined() -> None:
    built = build([article("甲", "没有日期的正文。"), article("", " ")])
    assert built.documents.is_empty() and built.documents.schema == DOCUMENTS.empty().schema
    assert sorted(r.split(" ")[2] + " " + r.split(" ")[3] for r in built.quarantine["reason"]) == ["came with", "has neither"]
    assert build([]).documents.is_empty() and build([]).quarantine.is_empty()


@pytest.mark.parametrize("kwargs", [{"seen_at": datetime(2032, 2, 7)}, {"latency": timedelta(-1)}])  # noqa: DTZ001
def test_impossible_arguments(kwargs: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        build([], **kwargs)  # type: ignore[arg-type]


def test_a_first_seen_time_without_a_zone() -> None:
    with pytest.raises(UsageError, match="without a zone"):
        build([article("甲", first_seen_at=datetime(2032, 2, 7))])  # noqa: DTZ001


# --- ids


def test_the_id_depends_on_content_alone() -> None:
    a = article("示范科技签订合同", BODY, "2032-02-06")
    alone = one(a, seen_at=SEEN)["doc_id"]
    among = build([article("别的", OTHER, "2032-02-06"), a, article("第三", "", "2032-02-06")], seen_at=at(500)).documents
    assert alone in among["doc_id"].to_list()
    assert one(a, seen_at=datetime(2032, 2, 6, 3, tzinfo=UTC))["doc_id"] == alone
    assert one(article("示范科技签订合同", BODY, "2032-02-05"), seen_at=SEEN)["doc_id"] != alone
    assert one(article("示范科技签订合同", BODY, "2032-02-06", source="另一社"), seen_at=SEEN)["doc_id"] != alone


def test_the_same_document_is_kept_once_at_its_earliest() -> None:
    twice = [article("示范科技签订合同", BODY, first_seen_at=at(5)), article("示范科技签订合同", BODY, first_seen_at=at(2))]
    assert build(twice).documents["available_at"].to_list() == [at(2)]


def test_building_twice_adds_nothing() -> None:
    articles = [article("示范科技签订合同", BODY, "2032-02-06"), article("样例银行分红", OTHER, "2032-02-06")]
    first = build(articles, seen_at=SEEN)
    assert build(articles, seen_at=SEEN, known=first.documents).documents.is_empty()


def test_rejected_inputs_become_quarantine_rows() -> None:
    rows = quarantined([Rejected("f", "A reason.", "x" * 900), Rejected("f", "A reason.", "x" * 900)], SEEN)
    assert rows.height == 1 and rows["first_seen_at"][0] == SEEN and len(rows["excerpt"][0]) == 200
    assert quarantined([], None).is_empty()


# --- stories


def pair(a: Article, b: Article, gap: float = 2, **kwargs: object) -> tuple[bool, float]:
    """Return whether the second, ``gap`` hours later, joins the first's story, and its novelty."""
    from dataclasses import replace

    rows = build([replace(a, first_seen_at=SEEN), replace(b, first_seen_at=at(gap))]).documents
    first, second = rows.row(0, named=True), rows.row(1, named=True)
    assert first["story_id"] == first["doc_id"] and first["novelty"] == 1
    return second["story_id"] == first["doc_id"], second["novelty"]


def test_a_copy_is_the_same_story_and_not_new() -> None:
    assert pair(article("示范科技签订合同", BODY), article("示范科技签订合同", BODY, source="另一社")) == (True, 0.0)


def test_the_other_script_is_a_copy() -> None:
    traditional = article(
        "示範科技簽訂合同", BODY.replace("合同", "合同").replace("签订", "簽訂").replace("营业", "營業").replace("预计", "預計")
    )
    same, novelty = pair(article("示范科技签订合同", BODY), traditional)
    assert same and novelty == 0


def test_an_excerpt_has_nothing_new_and_what_it_came_from_has() -> None:
    excerpt = article("示范科技:合同45.6亿元", BODY[: len(BODY) // 2])
    same, novelty = pair(article("示范科技签订合同", BODY), excerpt)
    assert same and novelty < 0.2
    same, novelty = pair(excerpt, article("示范科技签订合同", BODY))
    assert same and 0.3 < novelty < 0.7


def test_a_rewrite_shares_its_figures() -> None:
    rewrite = "客户订单推动示范科技走强:合同金额45.6亿元,相当于去年收入的38.2%,管理层给出的毛利率增幅是2.35个百分点。投资者反应积极。"
    assert pair(article("示范科技签订合同", BODY), article("订单提振示范科技", rewrite))[0]


def test_other_news_is_another_story() -> None:
    assert pair(article("示范科技签订合同", BODY), article("样例银行通过分红方案", OTHER)) == (False, 1.0)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("示范科技:2031年年度报告", "样例银行:2031年年度报告", False),
        ("示范科技公司:2031年年度报告", "示范科技公司:2030年年度报告", False),
        ("现货黄金突破每盎司关键点位", "现货白银突破每盎司关键点位", False),
        ("沪深指数午后震荡走高,成交放大", "沪深指数午后震荡走低,成交放大", False),
        ("示范科技拟收购样例材料全部股权", "示范科技不拟收购样例材料全部股权", False),
        ("样例股指期货日内涨3.00%", "样例股指期货日内涨2.00%", False),
        ("示范科技拟收购样例材料全部股权", "示范科技拟收购样例材料全部股权", True),
        ("示范科技拟收购样例材料全部股权", "【公告】示范科技拟收购样例材料全部股权", True),
        ("示范科技擬收購樣例材料全部股權", "示范科技拟收购样例材料全部股权。", True),
        ("样例央行行长:将在必要时采取行动稳定汇率", "样例央行行长:在必要时将采取行动稳定汇率", True),
        ("Sample Corp to buy Example Ltd for $3.2 billion", "Sample Corp to buy Example Ltd for $3.2 billion - source", True),
        ("Sample Corp beats estimates for the third quarter", "Sample Corp misses estimates for the third quarter", False),
    ],
)  # fmt: skip
def test_headlines_alone(a: str, b: str, same: bool) -> None:
    assert pair(article(a), article(b, source="另一社"))[0] is same


def test_one_form_for_two_companies_is_two_stories() -> None:
    form = "{}发布公告,定于下月十五日召开临时股东大会,审议关于修订公司章程的议案、关于续聘会计师事务所的议案,股权登记日为下月八日,会议采取现场与网络投票相结合的方式。"
    a = article("示范科技:关于召开临时股东大会的通知", form.format("示范科技"))
    b = article("样例银行:关于召开临时股东大会的通知", form.format("样例银行"))
    assert not pair(a, b)[0]


def test_a_story_does_not_outlive_the_window() -> None:
    a, b = article("示范科技签订合同", BODY), article("示范科技签订合同", BODY, source="另一社")
    assert pair(a, b, gap=24 * 8) == (False, 1.0)


def test_ties_share_the_smallest_id_and_none_is_less_new() -> None:
    rows = build([article("示范科技签订合同", BODY, source=s) for s in ("甲社", "乙社", "丙社")], seen_at=SEEN).documents
    assert set(rows["story_id"]) == {min(rows["doc_id"])}
    assert rows["novelty"].to_list() == [1.0] * 3


def test_known_rows_never_change_and_late_ones_join() -> None:
    early = build([article("示范科技签订合同", BODY, first_seen_at=at(5))]).documents
    late = build([article("示范科技签订合同", BODY, source="另一社", first_seen_at=at(6))], known=early).documents
    assert late["story_id"].to_list() == early["doc_id"].to_list() and late["novelty"][0] == 0
    before = build([article("示范科技签订合同", BODY, source="第三社", first_seen_at=at(1))], known=early).documents
    assert before["story_id"].to_list() == before["doc_id"].to_list() and before["novelty"][0] == 1


POOL = [
    (h, b, s)
    for s in ("甲社", "乙社")
    for h, b in [
        ("示范科技签订合同", BODY), ("示范科技:合同45.6亿元", BODY[:70]), ("样例银行通过分红方案", OTHER), ("示范科技拟收购样例材料全部股权", ""),
        ("【公告】示范科技拟收购样例材料全部股权", ""), ("订单提振示范科技", "合同金额45.6亿元,相当于去年收入的38.2%,毛利率增幅2.35个百分点。"),
    ]
]  # fmt: skip
EVENTS = st.lists(st.tuples(st.sampled_from(POOL), st.integers(0, 40)), min_size=1, max_size=14)


def stream(chosen: list[tuple[tuple[str, str, str], int]]) -> list[Article]:
    return [article(h, b, source=s, first_seen_at=at(6 * k)) for (h, b, s), k in chosen]


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(0, 41), st.randoms(use_true_random=False))
def test_truncation_law(chosen: list[tuple[tuple[str, str, str], int]], cut: int, rng: random.Random) -> None:
    """Rows available before a cut are equal whether or not later documents exist, in whatever order they came."""
    articles = stream(chosen)
    whole = build(articles).documents
    cutoff = at(6 * cut)
    rng.shuffle(articles)
    part = build([a for a in articles if a.first_seen_at is not None and a.first_seen_at < cutoff]).documents
    assert whole.filter(pl.col("available_at") < cutoff).equals(part)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.integers(0, 41))
def test_two_batches_in_time_order_equal_one(chosen: list[tuple[tuple[str, str, str], int]], cut: int) -> None:
    articles, cutoff = stream(chosen), at(6 * cut)
    whole = build(articles).documents
    first = build([a for a in articles if a.first_seen_at is not None and a.first_seen_at < cutoff]).documents
    second = build([a for a in articles if a.first_seen_at is not None and a.first_seen_at >= cutoff], known=first).documents
    assert pl.concat([first, second]).sort("available_at", "doc_id").equals(whole)


def test_thousands_of_articles_are_quick() -> None:
    rng = random.Random(7)
    words = [chr(rng.randrange(0x4E00, 0x9FA5)) + chr(rng.randrange(0x4E00, 0x9FA5)) for _ in range(3000)]
    articles = [
        article("".join(rng.choices(words, k=9)), "。".join("".join(rng.choices(words, k=15)) for _ in range(48)), first_seen_at=at(k / 20))
        for k in range(3000)
    ]
    build(articles[:50])
    start = time.perf_counter()
    rows = build(articles).documents
    assert time.perf_counter() - start < 12  # about 3 s on an idle core
    assert (rows["story_id"] == rows["doc_id"]).all() and rows["novelty"].min() > 0.9


def test_the_labelled_page_has_its_three_copies_in_one_story() -> None:
    path = SHARED / "corpus" / "portal_2024-04-20.txt"
    if not path.exists():
        pytest.skip("the real documents are not here")
    from research.sources.reader import read_documents

    rows = build(read_documents(path).articles, seen_at=datetime(2024, 4, 20, 4, tzinfo=UTC)).documents
    sizes = rows.group_by("story_id").len()["len"].sort(descending=True).to_list()
    assert sizes == [3] + [1] * 13
