"""Publication instants against tables worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.dates import Publication, publication
from research.errors import DataError

BEIJING, NEW_YORK = "Asia/Shanghai", "America/New_York"
SEEN = datetime(2024, 4, 20, 12, tzinfo=ZoneInfo(BEIJING))


def read(
    stamp: str | datetime | None, zone: str = BEIJING, *, headline: str = "标题", body: str = "", seen: datetime | None = None
) -> Publication | None:
    return publication(headline, body, stamp, zone, seen)


def iso(instant: datetime, zone: str = BEIJING) -> str:
    return instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    ("stamp", "zone", "precision", "published"),
    [
        ("Sat, 20 Apr 2024 06:08:07 +0800", BEIJING, "second", "2024-04-20T06:08:07"),
        ("Fri, 19 Apr 2024 22:08:07 GMT", BEIJING, "second", "2024-04-20T06:08:07"),
        ("Fri, 19 Apr 2024 22:08 GMT", BEIJING, "minute", "2024-04-20T06:08:00"),
        ("Fri, 19 Apr 2024 18:08:07 EDT", BEIJING, "second", "2024-04-20T06:08:07"),
        ("20 Apr 2024 06:08:07", BEIJING, "second", "2024-04-20T06:08:07"),
        ("2024-04-20T06:08:07+08:00", BEIJING, "second", "2024-04-20T06:08:07"),
        ("2024-04-19T22:08:07Z", BEIJING, "second", "2024-04-20T06:08:07"),
        ("2024-04-19T22:08:07.250Z", BEIJING, "second", "2024-04-20T06:08:07"),
        ("2024-04-20T00:00:00Z", BEIJING, "second", "2024-04-20T08:00:00"),
        ("2024-04-20T00:00:00", BEIJING, "second", "2024-04-20T00:00:00"),
        ("2024-04-20T06:08", BEIJING, "minute", "2024-04-20T06:08:00"),
        ("2024-04-20 06:08:07", BEIJING, "second", "2024-04-20T06:08:07"),
        ("2024-04-20 06:08:07", NEW_YORK, "second", "2024-04-20T18:08:07"),
        ("2024-01-20 06:08:07", NEW_YORK, "second", "2024-01-20T19:08:07"),
        ("2024/4/20 15:30", BEIJING, "minute", "2024-04-20T15:30:00"),
        ("2024.04.20 15:30", BEIJING, "minute", "2024-04-20T15:30:00"),
        ("20240420 06:08", BEIJING, "minute", "2024-04-20T06:08:00"),
        ("2024年4月20日 15:30", BEIJING, "minute", "2024-04-20T15:30:00"),
        ("2024年04月20日15时30分", BEIJING, "minute", "2024-04-20T15:30:00"),
        ("  2024-04-20 15:30  ", BEIJING, "minute", "2024-04-20T15:30:00"),
        ("2024-04-20", BEIJING, "day", "2024-04-20T23:59:59"),
        ("2024/4/20", BEIJING, "day", "2024-04-20T23:59:59"),
        ("20240420", BEIJING, "day", "2024-04-20T23:59:59"),
        ("2024年4月20日", BEIJING, "day", "2024-04-20T23:59:59"),
        ("2024-04-20", NEW_YORK, "day", "2024-04-21T11:59:59"),
        ("2024-02-29", BEIJING, "day", "2024-02-29T23:59:59"),
        ("Apr 20, 2024", BEIJING, "day", "2024-04-20T23:59:59"),
        ("April 20, 2024 3:30 PM", BEIJING, "minute", "2024-04-20T15:30:00"),
        ("April 20, 2024 3:30 PM ET", BEIJING, "minute", "2024-04-21T03:30:00"),
        ("12:05 AM ET, April 20, 2024", BEIJING, "minute", "2024-04-20T12:05:00"),
        ("1713564487", BEIJING, "second", "2024-04-20T06:08:07"),
        ("1713564487000", BEIJING, "second", "2024-04-20T06:08:07"),
        (datetime(2024, 4, 19, 22, 8, 7, tzinfo=UTC), BEIJING, "second", "2024-04-20T06:08:07"),
    ],
)  # fmt: skip
def test_stamps(stamp: str | datetime, zone: str, precision: str, published: str) -> None:
    found = read(stamp, zone)
    assert found is not None
    assert (found.precision, iso(found.published_at)) == (precision, published)
    assert found.rule == f"stamp:{precision}"
    width = {"second": timedelta(0), "minute": timedelta(minutes=1), "day": timedelta(days=1)}[precision]
    assert found.not_after - found.not_before == max(width - timedelta(microseconds=1), timedelta(0))
    assert found.not_before <= found.published_at <= found.not_after


@pytest.mark.parametrize(("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25), ("2024-04-20", 24)])
def test_a_day_is_as_long_as_its_zone_says(day: str, hours: int) -> None:
    found = read(day, NEW_YORK)
    assert found is not None
    assert found.not_after - found.not_before == timedelta(hours=hours) - timedelta(microseconds=1)


@pytest.mark.parametrize("stamp", ["yesterday", "", "n/a", "2024-13-40", "4月20日", "12:30", "2024-02-30"])
def test_an_unreadable_stamp_is_passed_over(stamp: str) -> None:
    assert read(stamp) is None
    found = read(stamp, body="甲社4月19日讯 公司公告。", seen=SEEN)
    assert found is not None
    assert (found.rule, iso(found.published_at)) == ("dateline", "2024-04-19T23:59:59")


@pytest.mark.parametrize(
    ("body", "day", "rule"),
    [
        ("甲社4月20日讯(编辑 某某)公司今日公告。", "2024-04-20", "dateline"),
        ("甲社4月19日讯,公司公告。", "2024-04-19", "dateline"),
        ("甲社4月19日电 公司公告。", "2024-04-19", "dateline"),
        ("甲科技4月19日消息,公司新品上市,", "2024-04-19", "dateline"),
        ("甲网4月19日早间消息,", "2024-04-19", "dateline"),
        ("甲社4月19日(周五)讯,", "2024-04-19", "dateline+weekday"),
        ("甲社北京4月19日电(记者 某某)", "2024-04-19", "dateline"),
        ("甲社４月１９日電 ", "2024-04-19", "dateline"),
        ("甲社四月十九日讯 ", "2024-04-19", "dateline"),
        ("甲社12月31日讯 ", "2023-12-31", "dateline"),
        ("甲社2024年4月18日讯 ", "2024-04-18", "dateline"),
        ("甲社4月19日讯 自2024年4月9日起,", "2024-04-19", "dateline+full-date"),
        ("甲社4月19日讯 公司成立于2003年4月2日。", "2024-04-19", "dateline"),
        ("甲社4月19日讯 上周三(2023年4月12日),公司", "2023-04-19", "dateline+full-date"),
        ("甲社4月19日讯 周二(4月18日),公司公告", "2023-04-19", "dateline+weekday"),
        ("作者 某某 编辑 某某 甲社4月19日讯 公司", "2024-04-19", "dateline"),
        ("BEIJING, April 19 (Agency) - Shares rose", "2024-04-19", "dateline"),
        ("NEW YORK, Apr. 19, 2024 /Newswire/ -- The company", "2024-04-19", "dateline"),
        ("LONDON, April 19 -- The bank", "2024-04-19", "dateline"),
        ("发布时间:2024-04-18 来源:某网 正文", "2024-04-18", "header"),
        ("2024-04-18\n正文开始", "2024-04-18", "header"),
        ("- 2024-04-18\n- 9\n正文", "2024-04-18", "header"),
        ("本文由某某于2024年4月18日发布", None, ""),
        ("Published on April 18, 2024 by the editor", "2024-04-18", "header:day"),
    ],
)  # fmt: skip
def test_datelines(body: str, day: str | None, rule: str) -> None:
    found = read(None, body=body, seen=SEEN)
    assert found is not None
    if day is None:
        assert found.precision == "interval"
        return
    assert (found.precision, iso(found.not_before)[:10], found.rule, found.conflict) == ("day", day, rule, False)
    assert found.published_at == found.not_after == min(found.not_before + timedelta(days=1) - timedelta(microseconds=1), SEEN)


@pytest.mark.parametrize(
    ("body", "published"),
    [
        ("2024-04-18 15:30 来源:某网", "2024-04-18T15:30:00"),
        ("发布时间:2024年04月18日 15:30", "2024-04-18T15:30:00"),
        ("發表於2024-04-18 15:30:05", "2024-04-18T15:30:05"),
    ],
)
def test_a_published_line_with_a_time_is_exact(body: str, published: str) -> None:
    found = read(None, body=body)
    assert found is not None
    assert iso(found.published_at) == published
    assert found.rule.startswith("header:")


@pytest.mark.parametrize(
    ("body", "not_before"),
    [
        ("4月11日,公司发布年报。截至4月19日,股价为20元。", "2024-04-19"),
        ("4月8日收盘,合约涨3%。自2024年4月9日起,保证金上调。", "2024-04-08"),
        ("累计归还须在2024年12月20日前完成,公司成立于2021年4月29日。", "2021-04-29"),
        ("公司2023年收入增长。将于4月30日公布季报。", "2023-01-01"),
        ("据甲社4月17日消息,公司拟增资。", "2024-04-17"),
        ("昨日,公司公告。周五股价上涨。", "1970-01-01"),
        ("没有日期的评论。", "1970-01-01"),
        ("此事发生于2022年11月至2023年3月。", "2022-11-01"),
    ],
)
def test_mentions_bound_an_undated_text(body: str, not_before: str) -> None:
    found = read(None, body=body, seen=SEEN)
    assert found is not None
    assert (found.precision, found.published_at, found.not_after) == ("interval", SEEN, SEEN)
    assert found.not_before.astimezone(ZoneInfo("UTC" if not_before < "1971" else BEIJING)).date().isoformat() == not_before


@pytest.mark.parametrize(
    ("stamp", "body"),
    [
        ("2024-04-21", ""), ("2024-04-20 12:01", ""), ("2025-01-01T00:00:00Z", ""), (None, "甲社4月21日讯 公司公告"), (None, "甲社2024年5月3日讯 公司公告"),
        ("2024-04-22T08:00:00+08:00", "截至4月19日收盘"),
    ],
)  # fmt: skip
def test_nothing_is_published_after_it_was_seen(stamp: str | None, body: str) -> None:
    found = read(stamp, body=body, seen=SEEN)
    assert found is not None
    assert (found.published_at, found.precision, found.conflict) == (SEEN, "interval", True)
    assert "after-seen" in found.rule


@pytest.mark.parametrize(
    ("body", "day"),
    [
        ("甲社2024年4月20日讯", "2024-04-20"), ("甲社4月20日讯", None), ("甲社4月20日讯,自2024年4月9日起", None), ("2024年4月20日,公司公告", None), ("", None),
        ("NEW YORK, April 19, 2024 (Agency) - Shares", "2024-04-19"), ("April 19 (Agency) - Shares", None), ("甲社2023年2月29日讯", None),
    ],
)  # fmt: skip
def test_without_a_collector_only_a_full_dateline_will_do(body: str, day: str | None) -> None:
    found = read(None, body=body)
    assert (None if found is None else iso(found.not_before)[:10]) == day


def test_a_dateline_that_no_year_fits_is_a_conflict() -> None:
    found = read(None, body="甲社4月19日讯 周一(4月15日)涨,周一(4月16日)又涨", seen=SEEN)
    assert found is not None
    assert found.conflict
    assert iso(found.not_before)[:10] == "2024-04-19"


def test_a_cited_date_is_not_a_dateline() -> None:
    found = read(None, body="据乙社4月12日报道,当地时间4月12日消息称,公司", seen=SEEN)
    assert found is not None
    assert found.precision == "interval"


def test_seen_at_needs_a_zone() -> None:
    with pytest.raises(DataError, match="without a zone"):
        publication("", "", None, BEIJING, datetime(2024, 4, 20))  # noqa: DTZ001


HEADS = [
    "甲社4月19日讯 ",
    "甲社2月29日电",
    "2024-04-18 ",
    "April 19 (Agency) ",
    "周五(4月19日),",
    "12月31日",
    "将于5月1日",
    "公司公告。",
    "甲社2031年1月1日讯",
]
STAMPS = [None, "2024-04-20", "2024-04-20 12:30", "Sat, 20 Apr 2024 06:08:07 +0800", "x"]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(HEADS), max_size=4),
    st.sampled_from(STAMPS),
    st.one_of(st.none(), st.integers(1_262_304_000, 2_051_222_400)),  # 2010-01-01 to 2035-01-01
)
def test_laws(heads: list[str], stamp: str | None, seconds: int | None) -> None:
    seen = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    found = publication("标题", "".join(heads), stamp, BEIJING, seen)
    if found is None:
        assert seen is None
        return
    assert found.not_before <= found.published_at <= found.not_after
    assert found.published_at.tzinfo is UTC
    if seen is not None:
        assert found.not_after <= seen
    assert found == publication("标题", "".join(heads), stamp, BEIJING, seen)


def test_a_date_that_reads_two_ways_is_no_date():
    assert publication("h", "b", "01/05/2024", "Europe/London", None) is None
    day = publication("h", "b", "Fri, 05 Jan 2024", "Asia/Shanghai", None)
    assert day is not None and day.precision == "day" and day.not_before == datetime(2024, 1, 4, 16, tzinfo=UTC)
