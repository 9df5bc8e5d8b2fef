"""Date phrases and trading sessions against tables worked out by hand on a calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.dates import DateSpan, Publication, find, publication, session_of
from research.errors import CalendarError, DataError
from research.phrase_grammar import SCAN, read
from research.phrase_words import TRADITIONAL, number

BEIJING, NEW_YORK, HONG_KONG, SEOUL, TOKYO, LONDON, BERLIN = (
    "Asia/Shanghai", "America/New_York", "Asia/Hong_Kong", "Asia/Seoul", "Asia/Tokyo", "Europe/London", "Europe/Berlin",
)  # fmt: skip


def at(stamp: str, zone: str = BEIJING) -> datetime:
    return datetime.fromisoformat(stamp).replace(tzinfo=ZoneInfo(zone))


def days(text: str, reference: str, zone: str = BEIJING) -> list[str]:
    """Each span as ``text first`` or ``text first..last``."""
    spans = find(text, at(reference, zone), zone)
    return [f"{s.text} {s.first}" + (f"..{s.last}" if s.last != s.first else "") for s in spans]


# Saturday 20 April 2024, noon in Beijing; the Friday night of New York.
SATURDAY = "2024-04-20T12:00"
CHINESE = """
甲公司4月20日讯 | 4月20日 2024-04-20
04月05日公告 | 04月05日 2024-04-05
4月20号晚间 | 4月20号晚间 2024-04-20
4月21日公告 | 4月21日 2023-04-21
公司股票4月22日起停牌核查 | 4月22日 2024-04-22
4月25日(周四)复牌 | 4月25日(周四) 2024-04-25
4月18日起停牌 | 4月18日 2024-04-18
5月20日起停牌 | 5月20日 2023-05-20
12月31日 | 12月31日 2023-12-31
2月29日 | 2月29日 2024-02-29
2月30日 |
13月1日 |
四月十九日 | 四月十九日 2024-04-19
十二月二十六日 | 十二月二十六日 2023-12-26
二〇二四年三月一日 | 二〇二四年三月一日 2024-03-01
2024年4月1日 | 2024年4月1日 2024-04-01
2024年 4月 1日 | 2024年 4月 1日 2024-04-01
2024-04-01 | 2024-04-01 2024-04-01
2024/4/1 | 2024/4/1 2024-04-01
2024.04.01 | 2024.04.01 2024-04-01
2024-04/01 |
去年12月5日 | 去年12月5日 2023-12-05
2008年4月24日与9月19日 | 2008年4月24日 2008-04-24; 9月19日 2008-09-19
2008年4月24日涨9%、9月19日涨8% | 2008年4月24日 2008-04-24; 9月19日 2008-09-19
2021年12月30日、1月5日 | 2021年12月30日 2021-12-30; 1月5日 2022-01-05
今年1月5日 | 今年1月5日 2024-01-05
前年6月6日 | 前年6月6日 2022-06-06
明年1月5日 | 明年1月5日 2025-01-05
19日微涨 | 19日 2024-04-19
25日公布 | 25日 2024-03-25
31日公布 | 31日 2024-03-31
4月15日、16日和17日 | 4月15日 2024-04-15; 16日 2024-04-16; 17日 2024-04-17
3月28日、29日 | 3月28日 2024-03-28; 29日 2024-03-29
周五 | 周五 2024-04-19
周六 | 周六 2024-04-20
周日 | 周日 2024-04-14
星期四 | 星期四 2024-04-18
礼拜天 | 礼拜天 2024-04-14
周四晚间 | 周四晚间 2024-04-18
本周五 | 本周五 2024-04-19
这周一 | 这周一 2024-04-15
上周五 | 上周五 2024-04-12
上周日 | 上周日 2024-04-14
上个周一 | 上个周一 2024-04-08
上上周三 | 上上周三 2024-04-03
下周三 | 下周三 2024-04-24
下周一至周三 | 下周一至周三 2024-04-22..2024-04-24
周一至周三 | 周一至周三 2024-04-15..2024-04-17
上周末 | 上周末 2024-04-13..2024-04-14
本周 | 本周 2024-04-15..2024-04-20
上周 | 上周 2024-04-08..2024-04-14
下周 | 下周 2024-04-22..2024-04-28
今日 | 今日 2024-04-20
今天 | 今天 2024-04-20
今晨 | 今晨 2024-04-20
昨日 | 昨日 2024-04-19
昨夜 | 昨夜 2024-04-19
前天 | 前天 2024-04-18
隔夜 | 隔夜 2024-04-19
明日 | 明日 2024-04-21
后天 | 后天 2024-04-22
日前 | 日前 2024-04-13..2024-04-20
近日 | 近日 2024-04-13..2024-04-20
3月 | 3月 2024-03-01..2024-03-31
3月份 | 3月份 2024-03-01..2024-03-31
4月 | 4月 2024-04-01..2024-04-20
5月 | 5月 2023-05-01..2023-05-31
十二月 | 十二月 2023-12-01..2023-12-31
2024年2月 | 2024年2月 2024-02-01..2024-02-29
2023年2月 | 2023年2月 2023-02-01..2023-02-28
去年8月 | 去年8月 2023-08-01..2023-08-31
1-3月 | 1-3月 2024-01-01..2024-03-31
1-6月 | 1-6月 2023-01-01..2023-06-30
1至6月份 | 1至6月份 2023-01-01..2023-06-30
2023年1-6月 | 2023年1-6月 2023-01-01..2023-06-30
7月至9月 | 7月至9月 2023-07-01..2023-09-30
2022年11月至2023年3月 | 2022年11月至2023年3月 2022-11-01..2023-03-31
11月至次年 | 11月 2023-11-01..2023-11-30
10月以来 | 10月以来 2023-10-01..2024-04-20
3月以来 | 3月以来 2024-03-01..2024-04-20
6月末 | 6月末 2023-06-30
3月底 | 3月底 2024-03-31
3月初 | 3月初 2024-03-01..2024-03-10
3月上旬 | 3月上旬 2024-03-01..2024-03-10
3月中旬 | 3月中旬 2024-03-11..2024-03-20
3月下旬 | 3月下旬 2024-03-21..2024-03-31
本月 | 本月 2024-04-01..2024-04-20
上月 | 上月 2024-03-01..2024-03-31
上个月 | 上个月 2024-03-01..2024-03-31
上月底 | 上月底 2024-03-31
本月15日 | 本月15日 2024-04-15
上月25日 | 上月25日 2024-03-25
上月31日 | 上月31日 2024-03-31
下个月 | 下个月 2024-05-01..2024-05-31
今年前2个月 | 今年前2个月 2024-01-01..2024-02-29
去年前三季度 | 去年前三季度 2023-01-01..2023-09-30
前三季度 | 前三季度 2023-01-01..2023-09-30
一季度 | 一季度 2024-01-01..2024-03-31
第三季度 | 第三季度 2023-07-01..2023-09-30
2023年第四季度 | 2023年第四季度 2023-10-01..2023-12-31
今年首季 | 今年首季 2024-01-01..2024-03-31
上季度 | 上季度 2024-01-01..2024-03-31
2023年上半年 | 2023年上半年 2023-01-01..2023-06-30
去年下半年 | 去年下半年 2023-07-01..2023-12-31
下半年 | 下半年 2023-07-01..2023-12-31
去年 | 去年 2023-01-01..2023-12-31
前年 | 前年 2022-01-01..2022-12-31
今年 | 今年 2024-01-01..2024-04-20
明年 | 明年 2025-01-01..2025-12-31
2021年 | 2021年 2021-01-01..2021-12-31
2021-2023年 | 2021-2023年 2021-01-01..2023-12-31
2021年至2023年 | 2021年至2023年 2021-01-01..2023-12-31
2023年末 | 2023年末 2023-12-31
去年底 | 去年底 2023-12-31
今年以来 | 今年以来 2024-01-01..2024-04-20
年初至今 | 年初至今 2024-01-01..2024-04-20
2022年以来 | 2022年以来 2022-01-01..2024-04-20
4月2日至4月17日 | 4月2日至4月17日 2024-04-02..2024-04-17
4月15日-19日 | 4月15日-19日 2024-04-15..2024-04-19
4月15-19日 | 4月15-19日 2024-04-15..2024-04-19
4月15日至19日 | 4月15日至19日 2024-04-15..2024-04-19
12月29日至1月5日 | 12月29日至1月5日 2023-12-29..2024-01-05
2023年12月29日至1月5日 | 2023年12月29日至1月5日 2023-12-29..2024-01-05
2023年7月22日-8月3日 | 2023年7月22日-8月3日 2023-07-22..2023-08-03
本周(4月15日-4月19日) | 本周(4月15日-4月19日) 2024-04-15..2024-04-19
本周(4月15日-19日) | 本周(4月15日-19日) 2024-04-15..2024-04-19
上周(4.8-4.12) | 上周(4.8-4.12) 2024-04-08..2024-04-12
周五(4月19日) | 周五(4月19日) 2024-04-19
4月19日(周五) | 4月19日(周五) 2024-04-19
4月19日周五 | 4月19日周五 2024-04-19
星期五(19日) | 星期五(19日) 2024-04-19
截至4月12日收盘 | 4月12日收盘 2024-04-12
截至4月13日当周 | 4月13日当周 2024-04-08..2024-04-13
4月13日当周 | 4月13日当周 2024-04-08..2024-04-13
截至4月13日的一周 | 4月13日 2024-04-08..2024-04-13
当周 | 当周 2024-04-15..2024-04-20
此前4月 | 4月 2024-04-01..2024-04-20
前4月 | 前4月 2024-01-01..2024-04-20
本周(4月8日-4月12日)下跌,本周成交 | 本周(4月8日-4月12日) 2024-04-08..2024-04-12; 本周 2024-04-08..2024-04-12
将于4月30日公布 | 4月30日 2024-04-30
预计在5月交付 | 5月 2024-05-01..2024-05-31
最迟12月20日 | 12月20日 2024-12-20
12月20日前归还 | 12月20日 2024-12-20
2025年6月20日前 | 2025年6月20日 2025-06-20
4月22日将召开 | 4月22日 2024-04-22
4月19日将股份质押 | 4月19日 2024-04-19
定于周三召开 | 周三 2024-04-24
將於4月30日公佈 | 4月30日 2024-04-30
上週五收盤 | 上週五收盤 2024-04-12
週四晚間 | 週四晚間 2024-04-18
禮拜一 | 禮拜一 2024-04-15
上個月 | 上個月 2024-03-01..2024-03-31
４月１９日 | ４月１９日 2024-04-19
"""

ENGLISH = """
Friday | Friday 2024-04-19
on Friday's close | Friday 2024-04-19
last Friday | last Friday 2024-04-12
this Thursday | this Thursday 2024-04-18
next Tuesday | next Tuesday 2024-04-23
on April 19 | April 19 2024-04-19
Oct 31 , 2008 | Oct 31 , 2008 2008-10-31
Apr. 19, 2024 | Apr. 19, 2024 2024-04-19
April 19th | April 19th 2024-04-19
19 April 2024 | 19 April 2024 2024-04-19
the 5th of March | 5th of March 2024-03-05
Dec 31 | Dec 31 2023-12-31
Feb. 29 | Feb. 29 2024-02-29
04/19/2024 | 04/19/2024 2024-04-19
19/04/2024 | 19/04/2024 2024-04-19
2024-04-19 | 2024-04-19 2024-04-19
Friday, April 19 | Friday, April 19 2024-04-19
Fri, Apr. 19 | Fri, Apr. 19 2024-04-19
Friday (April 19) | Friday (April 19) 2024-04-19
April 15-19 | April 15-19 2024-04-15..2024-04-19
April 15 to April 19 | April 15 to April 19 2024-04-15..2024-04-19
Dec. 29 to Jan. 5 | Dec. 29 to Jan. 5 2023-12-29..2024-01-05
Monday through Wednesday | Monday through Wednesday 2024-04-15..2024-04-17
yesterday | yesterday 2024-04-19
Today it fell | Today 2024-04-20
tomorrow | tomorrow 2024-04-21
fell overnight | overnight 2024-04-19
last night | last night 2024-04-19
last week | last week 2024-04-08..2024-04-14
this week | this week 2024-04-15..2024-04-20
last month | last month 2024-03-01..2024-03-31
last quarter | last quarter 2024-01-01..2024-03-31
last year | last year 2023-01-01..2023-12-31
next year | next year 2025-01-01..2025-12-31
year-to-date | year-to-date 2024-01-01..2024-04-20
in March | March 2024-03-01..2024-03-31
in December | December 2023-12-01..2023-12-31
since October | October 2023-10-01..2024-04-20
March 2023 | March 2023 2023-03-01..2023-03-31
in the first half of 2023 | first half of 2023 2023-01-01..2023-06-30
first half of last year | first half of last year 2023-01-01..2023-06-30
in the first quarter | first quarter 2024-01-01..2024-03-31
fourth-quarter profit | fourth-quarter 2023-10-01..2023-12-31
Q4 sales | Q4 2023-10-01..2023-12-31
Q3 2022 | Q3 2022 2022-07-01..2022-09-30
3Q23 | 3Q23 2023-07-01..2023-09-30
H1 2023 | H1 2023 2023-01-01..2023-06-30
in 2022 | 2022 2022-01-01..2022-12-31
the week ended April 12 | April 12 2024-04-08..2024-04-12
the week ending on Friday | Friday 2024-04-15..2024-04-19
will report on May 6 | May 6 2024-05-06
is due on Tuesday | Tuesday 2024-04-23
must be paid by June 30 | June 30 2024-06-30
"""

NOTHING = """
5月期合约|5月交割的锡|5月合约|3月原油期货|每个星期二|9月线|3个月|六个月|近3月|前6个月|20日均线|5日线|3日内|30日以上|7日年化收益率|14日逆回购|近20日|连续5日|前10日|第3日|过去30日|60日新高|
24小时|618大促|双11|3.1版本|v2024.4|2024.5元|1.20日元|每周五|每周|一周|两周一次|三周五次|数周|周期|周六福珠宝|周日均成交额|本周期|目前|3个交易日前|数日前|今日头条|
隔夜利率|隔夜拆借|隔夜Shibor|隔夜逆回购|明天系|过去一季度|每季度|10年期国债|30年|2000元|4月|日元|日本|月球|年报|周转|1.5-2.5|4-5成|股价2024.05|5000年前|
Black Friday|Good Friday|Cyber Monday|It may rise|He may march on|Mondays|overnight rates|USA Today said|the Sun sets|3.1.20|page 12|24/7|v1.2|H100|S&P 500|1,234|MARCH|Q5
"""


def _rows(table: str) -> list[tuple[str, list[str]]]:
    rows = [line.split(" | ") if " | " in line else [line.rstrip(" |"), ""] for line in table.strip().splitlines()]
    return [(text, [w for w in wanted.strip().split("; ") if w]) for text, wanted in rows]


@pytest.mark.parametrize(("text", "wanted"), _rows(CHINESE) + _rows(ENGLISH))
def test_phrases_on_a_saturday(text: str, wanted: list[str]) -> None:
    assert days(text, SATURDAY) == wanted


@pytest.mark.parametrize("text", [t for t in NOTHING.replace("\n", "").split("|") if t not in ("", "4月")])
def test_false_friends(text: str) -> None:
    assert days(text, SATURDAY) == []


@pytest.mark.parametrize(
    ("text", "reference", "zone", "wanted"),
    [
        # year ends, leap days, weeks across New Year
        ("12月31日", "2024-01-01T08:00", BEIJING, "2023-12-31"),
        ("1月1日", "2024-01-01T00:00", BEIJING, "2024-01-01"),
        ("2月29日", "2023-03-01T08:00", BEIJING, "2020-02-29"),
        ("2月29日", "2024-02-28T08:00", BEIJING, "2020-02-29"),
        ("将于2月29日", "2024-02-01T08:00", BEIJING, "2024-02-29"),
        ("将于1月5日", "2023-12-28T08:00", BEIJING, "2024-01-05"),
        ("31日", "2024-03-01T08:00", BEIJING, "2024-01-31"),
        ("30日", "2024-03-01T08:00", BEIJING, "2024-01-30"),
        ("周日", "2024-01-01T08:00", BEIJING, "2023-12-31"),
        ("上周五", "2024-01-01T08:00", BEIJING, "2023-12-29"),
        ("上周", "2024-01-03T08:00", BEIJING, "2023-12-25..2023-12-31"),
        ("本周", "2025-01-01T08:00", BEIJING, "2024-12-30..2025-01-01"),
        ("去年12月", "2024-01-01T08:00", BEIJING, "2023-12-01..2023-12-31"),
        ("上月", "2024-01-15T08:00", BEIJING, "2023-12-01..2023-12-31"),
        ("四季度", "2024-01-15T08:00", BEIJING, "2023-10-01..2023-12-31"),
        ("上季度", "2024-01-15T08:00", BEIJING, "2023-10-01..2023-12-31"),
        ("昨日", "2024-03-01T08:00", BEIJING, "2024-02-29"),
        ("昨日", "2023-03-01T08:00", BEIJING, "2023-02-28"),
        # a Monday: this week's Friday is not yet, the last one is meant
        ("本周五", "2024-04-22T08:00", BEIJING, "2024-04-19"),
        ("将于本周五", "2024-04-22T08:00", BEIJING, "2024-04-26"),
        ("last Friday", "2024-04-22T08:00", NEW_YORK, "2024-04-19"),
        ("last Friday", "2024-04-21T08:00", NEW_YORK, "2024-04-19"),
        ("周五", "2024-04-19T21:00", BEIJING, "2024-04-19"),
        # zones: New York is still on the day before
        ("美东时间周五", "2024-04-19T08:00", BEIJING, "2024-04-12"),
        ("美东时间周四", "2024-04-19T08:00", BEIJING, "2024-04-18"),
        ("美东时间6日周五", "2026-02-07T06:08", BEIJING, "2026-02-06"),
        ("北京时间20日凌晨", "2024-04-20T12:00", BEIJING, "2024-04-20"),
        ("4月20日,美股收盘", "2024-04-20T06:00", BEIJING, "2024-04-20"),
        ("周六,美股休市", "2024-04-20T06:00", BEIJING, "2024-04-20"),
        ("yesterday", "2024-03-10T23:30", NEW_YORK, "2024-03-09"),
        ("yesterday", "2024-11-03T23:30", NEW_YORK, "2024-11-02"),
        ("Friday at 4 p.m. ET", "2024-04-20T02:00", NEW_YORK, "2024-04-19"),
    ],
)  # fmt: skip
def test_edges(text: str, reference: str, zone: str, wanted: str) -> None:
    assert [d.rpartition(" ")[2] for d in days(text, reference, zone)] == [wanted]


@pytest.mark.parametrize(
    ("text", "span", "zone"),
    [
        ("当地时间周五(4月19日),白宫表示", "当地时间周五(4月19日)", NEW_YORK),
        ("当地时间4月15日,美股收跌", "当地时间4月15日", NEW_YORK),
        ("当地时间4月15日,两家公司宣布合并", "当地时间4月15日", BEIJING),
        ("美东时间19日收盘", "美东时间19日收盘", NEW_YORK),
        ("美国东部时间4月19日", "美国东部时间4月19日", NEW_YORK),
        ("纽约时间周五", "纽约时间周五", NEW_YORK),
        ("伦敦时间周五", "伦敦时间周五", LONDON),
        ("北京时间20日凌晨,道琼斯指数收盘", "北京时间20日凌晨", BEIJING),
        ("4月19日(北京时间)", "4月19日(北京时间)", BEIJING),
        ("周五美股尾盘", "周五", NEW_YORK),
        ("周五欧洲股市收涨", "周五", BERLIN),
        ("周五,恒生指数收跌", "周五", HONG_KONG),
        ("日经指数周五下跌", "周五", TOKYO),
        ("韩国股市周五随美国市场走低", "周五", SEOUL),
        ("周五,公司发布公告。美股收涨", "周五", BEIJING),
        ("A股周五收跌,美股周四收涨", "周五", BEIJING),
        ("昨日美股收涨", "昨日", BEIJING),
        ("as of the close on Feb 6 ET", "Feb 6 ET", NEW_YORK),
        ("on April 19 (GMT)", "April 19 (GMT)", "UTC"),
        ("on Wall Street on Friday", "Friday", NEW_YORK),
        ("當地時間週五,紐約股市收跌", "當地時間週五", NEW_YORK),
    ],
)
def test_zones(text: str, span: str, zone: str) -> None:
    first = find(text, at(SATURDAY))[0]
    assert (first.text, first.zone) == (span, zone)


@pytest.mark.parametrize(
    ("text", "conflict"),
    [
        ("周五(4月19日)", False), ("周四(4月19日)", True), ("4月19日(周六)", True), ("6日周五", True), ("19日周五", False), ("周五(2023年4月19日)", True),
        ("Thursday, April 19", True), ("Friday, April 19", False), ("April 19, 2023 (Wednesday)", False),
    ],
)  # fmt: skip
def test_a_weekday_that_disagrees_keeps_the_date(text: str, conflict: bool) -> None:
    (span,) = find(text, at(SATURDAY))
    assert span.conflict is conflict
    assert span.text == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("周五(4月19日)", "weekday+month-day"), ("截至4月12日收盘", "as-of+month-day"), ("将于4月30日", "month-day+future"), ("2024年4月1日", "full-date"),
        ("本周(4月15日-4月19日)", "week+range"), ("隔夜", "overnight"), ("上周五", "relative-weekday"), ("一季度", "quarter"), ("1-6月", "month-range"),
    ],
)  # fmt: skip
def test_rules_name_the_evidence(text: str, rule: str) -> None:
    assert [s.rule for s in find(text, at(SATURDAY))] == [rule]


def test_a_reference_needs_a_zone() -> None:
    with pytest.raises(DataError, match="without a zone"):
        find("周五", datetime(2024, 4, 20))  # noqa: DTZ001


PIECES = [w for text, _ in _rows(CHINESE) + _rows(ENGLISH) for w in (text, "公司公告称,", ". The bank said ", "。", " ")]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.integers(946_684_800, 2_208_988_800),
    st.sampled_from([BEIJING, NEW_YORK]),
)
def test_laws(pieces: list[str], seconds: int, zone: str) -> None:
    text = "".join(pieces)
    instant = datetime.fromtimestamp(seconds, ZoneInfo(zone))
    spans = find(text, instant, zone)
    for span, following in pairwise(spans):
        assert span.end <= following.start
    latest = max(instant.astimezone(ZoneInfo(z)).date() for z in (BEIJING, NEW_YORK, SEOUL, TOKYO))
    for span in spans:
        assert span.text == text[span.start : span.end]
        assert span.first <= span.last
        assert "future" in span.rule or "未" in text or span.first <= latest


@given(st.dates(date(2001, 1, 1), date(2039, 12, 31)), st.integers(0, 300))
def test_a_month_day_is_its_last_occurrence(day: date, later: int) -> None:
    reference = datetime.combine(day + timedelta(days=later), datetime.min.time(), ZoneInfo(BEIJING))
    (span,) = find(f"{day.month}月{day.day}日", reference)
    assert span.first == span.last == day


@given(st.dates(date(2001, 1, 1), date(2039, 12, 31)), st.integers(0, 6))
def test_a_weekday_is_its_last_occurrence(today: date, weekday: int) -> None:
    (span,) = find("周" + "一二三四五六日"[weekday], datetime.combine(today, datetime.min.time(), ZoneInfo(BEIJING)))
    assert span.first.weekday() == weekday
    assert timedelta(0) <= today - span.first < timedelta(days=7)


@given(st.integers(1, 99))
def test_chinese_numerals(value: int) -> None:
    tens, ones = divmod(value, 10)
    digits = "零一二三四五六七八九"
    word = ("" if tens == 0 else "十" if tens == 1 else digits[tens] + "十") + (digits[ones] if ones or not tens else "")
    assert number(word) == value


def test_the_search_for_candidates_misses_nothing() -> None:
    text = "。".join(t for t, _ in _rows(CHINESE) + _rows(ENGLISH)).translate(TRADITIONAL)
    phrases, words = read(text)
    assert {p.start for p in phrases} | {w[0] for w in words} == {m.start() for m in SCAN.finditer(text)}


# --- sessions


def _span(day: str, text: str = "", zone: str = BEIJING) -> DateSpan:
    return DateSpan(0, len(text), text, date.fromisoformat(day), date.fromisoformat(day), zone, "month-day")


NVDA, ICBC, TENCENT, DAX, CRUDE, COIN, EURO = "NVDA", "601398.SS", "0700.HK", "^GDAXI", "INE:SC2603", "BTC-USD", "EURUSD=X"


@pytest.mark.parametrize(
    ("day", "phrase", "symbol", "published", "session"),
    [
        # the text gives no day: 22:30 Beijing is the New York open in winter
        (None, "周线之外", NVDA, "2026-02-06T20:00", "2026-02-05"),
        (None, "下跌5%", NVDA, "2026-02-06T22:29", "2026-02-05"),
        (None, "盘中下跌5%", NVDA, "2026-02-06T22:31", "2026-02-06"),
        (None, "大涨7%", NVDA, "2026-02-07T03:37", "2026-02-06"),
        (None, "收涨7%", NVDA, "2026-02-07T03:37", "2026-02-06"),
        (None, "收涨7%", NVDA, "2026-02-07T00:37", "2026-02-05"),
        (None, "收涨7%", NVDA, "2026-02-07T05:01", "2026-02-06"),
        (None, "收涨7%", NVDA, "2024-04-20T04:01", "2024-04-19"),
        (None, "收涨7%", NVDA, "2024-04-20T03:59", "2024-04-19"),
        (None, "盘前涨3%", NVDA, "2026-02-06T20:00", "2026-02-06"),
        (None, "盘前涨3%", NVDA, "2026-02-07T12:00", "2026-02-06"),
        (None, "隔夜大涨", NVDA, "2026-02-06T23:30", "2026-02-05"),
        (None, "收盘上涨", ICBC, "2024-04-19T15:00", "2024-04-19"),
        # a close told in the last hour carries the time of its first version; before that it is the last one's
        (None, "收盘上涨", ICBC, "2024-04-19T14:59", "2024-04-19"),
        (None, "收盘上涨", ICBC, "2024-04-19T13:30", "2024-04-18"),
        (None, "隔夜收涨", NVDA, "2024-04-20T03:30", "2024-04-18"),
        ("2024-04-19", "周五收跌", ICBC, "2024-04-19T13:30", "2024-04-19"),
        (None, "高开2%", ICBC, "2024-04-19T09:05", "2024-04-19"),
        (None, "下跌2%", ICBC, "2024-04-19T09:05", "2024-04-18"),
        (None, "涨停", ICBC, "2024-04-22T08:00", "2024-04-19"),
        (None, "一度涨停", ICBC, "2024-04-19T10:00", "2024-04-19"),
        (None, "收涨", ICBC, "2024-05-05T10:00", "2024-04-30"),
        (None, "收涨", TENCENT, "2024-04-19T16:30", "2024-04-19"),
        (None, "收涨0.94%", DAX, "2026-02-07T03:37", "2026-02-06"),
        (None, "反弹11%", COIN, "2026-02-07T03:37", "2026-02-06"),
        (None, "下跌", EURO, "2026-02-07T12:00", "2026-02-06"),
        # a day of the market
        ("2024-04-19", "周五收跌10%", NVDA, "2024-04-20T08:00", "2024-04-19"),
        ("2024-04-20", "周六", NVDA, "2024-04-22T08:00", "2024-04-19"),
        ("2024-07-04", "跌", NVDA, "2024-07-06T08:00", "2024-07-03"),
        ("2024-05-01", "跌", ICBC, "2024-05-06T08:00", "2024-04-30"),
        ("2026-02-06", "周五一度下跌", NVDA, "2026-02-07T01:00", "2026-02-06"),
        ("2026-02-06", "周五盘前下跌", NVDA, "2026-02-06T20:00", "2026-02-06"),
        ("2026-02-05", "周四盘后下跌11%", "AMZN", "2026-02-06T13:58", "2026-02-05"),
        ("2026-02-07", "周六", COIN, "2026-02-08T09:00", "2026-02-07"),
        ("2026-02-07", "周六", EURO, "2026-02-08T09:00", "2026-02-06"),
        ("2024-04-30", "将", NVDA, "2024-04-20T08:00", None),
        # a Beijing day for New York
        ("2024-04-20", "北京时间20日凌晨,道指收涨", "^DJI", "2024-04-20T12:00", "2024-04-19"),
        ("2024-04-23", "北京时间4月23日,美股收盘", NVDA, "2024-04-24T12:00", "2024-04-22"),
        ("2024-04-23", "北京时间4月23日晚间,美股开盘", NVDA, "2024-04-24T12:00", "2024-04-23"),
        ("2024-04-22", "北京时间22日凌晨", NVDA, "2024-04-22T12:00", "2024-04-19"),
        ("2024-04-23", "4月23日,美股收盘涨跌不一", NVDA, "2024-04-23T08:00", "2024-04-22"),
        ("2024-04-23", "今日,美股收盘", NVDA, "2024-04-23T08:00", "2024-04-22"),
        ("2024-04-22", "昨日美股收跌", NVDA, "2024-04-23T08:00", "2024-04-22"),
        # night sessions of Chinese futures
        (None, "夜盘收涨1.52%", CRUDE, "2026-02-07T03:37", "2026-02-09"),
        (None, "夜盘收涨1.52%", CRUDE, "2026-02-06T02:40", "2026-02-06"),
        (None, "夜盘低开", CRUDE, "2026-02-05T21:05", "2026-02-06"),
        ("2026-02-06", "周五夜盘", CRUDE, "2026-02-08T10:00", "2026-02-09"),
        (None, "截至23:00收盘,跌超1%", CRUDE, "2026-02-05T23:10", "2026-02-06"),
        (None, "跌超1%", CRUDE, "2026-02-05T09:05", "2026-02-05"),  # futures open half an hour before the shares
        (None, "跌超1%", CRUDE, "2026-02-05T08:55", "2026-02-04"),
        (None, "跌超1%", "000001.SS", "2026-02-05T09:05", "2026-02-04"),
        ("2026-02-07", "7日凌晨夜盘收盘", CRUDE, "2026-02-08T10:00", "2026-02-09"),
        ("2026-02-06", "日盘收涨", CRUDE, "2026-02-06T16:00", "2026-02-06"),
    ],
)  # fmt: skip
def test_sessions(day: str | None, phrase: str, symbol: str, published: str, session: str | None) -> None:
    found = session_of(None if day is None else date.fromisoformat(day), phrase, symbol, at(published))
    assert (None if found is None else found.isoformat()) == session


@pytest.mark.parametrize(
    ("day", "phrase", "symbol", "session"),
    [
        (None, "收涨", NVDA, "2024-04-22"), (None, "盘中一度涨5%", NVDA, "2024-04-22"), (None, "涨5%", NVDA, "2024-04-22"), (None, "收涨", ICBC, "2024-04-23"),
        ("2024-04-23", "涨5%", NVDA, "2024-04-22"), ("2024-04-22", "涨5%", NVDA, "2024-04-22"), ("2024-04-23", "涨5%", ICBC, "2024-04-23"), (None, "收涨", DAX, "2024-04-22"),
    ],
)  # fmt: skip
def test_sessions_of_a_text_known_by_its_day(day: str | None, phrase: str, symbol: str, session: str) -> None:
    span = None if day is None else _span(day, "4月23日")
    found = session_of(span, phrase, symbol, at("2024-04-23T23:59"), not_before=at("2024-04-23T00:00"))
    assert found == date.fromisoformat(session)


def test_sessions_use_the_zone_of_the_span() -> None:
    assert session_of(_span("2024-04-20", "20日凌晨"), "收跌", NVDA, at("2024-04-20T08:00")) == date(2024, 4, 19)
    assert session_of(_span("2024-04-19", "隔夜"), "隔夜美股大跌", NVDA, at("2024-04-20T08:00")) == date(2024, 4, 19)
    assert session_of(_span("2024-04-21", "隔夜"), "隔夜美股大跌", NVDA, at("2024-04-22T08:00")) == date(2024, 4, 19)


def test_sessions_are_not_invented() -> None:
    assert session_of(None, "涨5%", NVDA, at("2024-04-20T12:00"), not_before=at("2024-04-01T00:00")) is None
    assert session_of(date(1980, 1, 1), "涨5%", ICBC, at("2024-04-20T12:00")) is None
    with pytest.raises(CalendarError, match="without a zone"):
        session_of(None, "", NVDA, datetime(2024, 4, 20))  # noqa: DTZ001


@settings(deadline=None)  # the first example builds calendars
@given(
    st.integers(1_420_070_400, 1_764_547_200),  # 2015-01-01 to 2025-12-01
    st.sampled_from([NVDA, ICBC, TENCENT, COIN, EURO]),
    st.sampled_from(["收涨", "一度涨", "涨", "隔夜涨"]),
)
def test_no_session_begins_after_publication(seconds: int, symbol: str, phrase: str) -> None:
    instant = datetime.fromtimestamp(seconds, UTC)
    found = session_of(None, phrase, symbol, instant)
    assert found is not None
    assert found <= instant.astimezone(ZoneInfo(HONG_KONG)).date()


def test_names_are_exported() -> None:
    assert publication("", "", "2024-04-20", BEIJING, None).__class__ is Publication


def test_speed() -> None:
    text = (
        "财务数据显示,公司的营业收入与净利润均实现增长,毛利率为35.2%,较年初提升1.3个百分点,管理层对前景保持信心。" * 400
        + "截至4月19日收盘,股价上涨。"
    )
    began = perf_counter()
    assert len(find(text, at(SATURDAY))) == 1
    assert len(text.encode()) / (perf_counter() - began) > 1e6  # measured 6e6; the floor leaves room for a busy machine


def test_a_real_page_when_present() -> None:
    page = Path(__file__).parents[3] / "shared" / "corpus" / "portal_2024-04-20.txt"
    if not page.exists():
        pytest.skip("the shared corpus is not beside the repository")
    spans = find(page.read_text(encoding="utf-8"), at(SATURDAY))
    assert sum(s.conflict for s in spans) == 0
    assert len(spans) > 150
