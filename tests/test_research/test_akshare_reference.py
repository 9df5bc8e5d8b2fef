"""Trading days and distributions through akshare's own code, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from loopback import Answer, Vendors, vendors
from vendor_payloads import allotments, bonus, plans, trade_dates

from research import calendar
from research.errors import SourceError
from research.sources import akshare_reference as reference
from research.sources.vendor import Caller, Pace

SINA, EASTMONEY = ("finance.sina.com.cn", "/realstock/company/klc_td_sh.txt"), ("datacenter-web.eastmoney.com", "/api/data/v1/get")
FAST = Pace(attempts=2, wait=0.0, timeout=10.0, workers=2, per_second=0)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendors]:
    with vendors(monkeypatch, tmp_path) as server:
        yield server


def test_trading_days_are_decoded_and_compared_with_the_calendar(web: Vendors) -> None:
    sessions = calendar.sessions("XSHG", "2023-09-25", "2024-05-10")
    days = sessions["session"].to_list()
    web.answers[SINA] = Answer(trade_dates(days), 200, "text/plain")
    found = reference.trading_days(pace=FAST)
    # akshare adds a day of 1992 that Sina's list lacks.
    assert found == [date(1992, 5, 4), *days]
    assert reference.calendar_differences(found[1:], sessions).is_empty()
    off = [day for day in days if day != date(2024, 2, 19)] + [date(2024, 5, 1)]
    told = reference.calendar_differences(off, sessions)
    assert told.rows() == [(date(2024, 2, 19), "calendar"), (date(2024, 5, 1), "list")]
    assert reference.calendar_differences([], sessions).is_empty()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer("<html>busy</html>", 429, "text/html"), "is not in the form expected"),
        (Answer("", 200, "text/plain"), "is not in the form expected"),
        (Answer('var datelist="AAAA";', 200, "text/plain"), "is not in the form expected"),
    ],
)
def test_a_list_of_days_that_does_not_come(web: Vendors, answer: Answer, says: str) -> None:
    web.answers[SINA] = answer
    with pytest.raises(SourceError, match=says):
        reference.trading_days(pace=FAST)


def test_distributions(web: Vendors) -> None:
    """Stated for ten shares; plans without a day, and rows without cash or shares, are none."""
    answers = {
        "600999": bonus([("2024-07-11", 5.0, None), ("2023-07-12", 2.0, 3.0), (None, 1.0, None), ("2022-07-12", None, None)]),
        "000998": Answer({"result": None}),
    }
    web.answers[EASTMONEY] = lambda query: next((a for code, a in answers.items() if code in query["filter"]), Answer("{", 200))
    table, failures = reference.distributions(["600999.SS", "000998.SZ", "NVDA", "600997.SS"], pace=FAST)
    assert table.select("symbol", "ex_date", "cash", "shares").rows() == [
        ("600999.SS", date(2023, 7, 12), 0.2, 0.3),
        ("600999.SS", date(2024, 7, 11), 0.5, 0.0),
    ]
    assert table["announced"].to_list() == [date(2024, 1, 5)] * 2
    assert failures["symbol"].to_list() == ["NVDA", "600997.SS"]
    assert "expected a mainland or Hong Kong share" in failures["reason"][0] and "not in the form expected" in failures["reason"][1]


def test_distributions_of_hong_kong(web: Vendors) -> None:
    """In Hong Kong dollars for one share; a plan in another currency or in kind is left out, and so is one without a day."""
    web.answers["datacenter.eastmoney.com", "/securities/api/data/v1/get"] = plans(
        [
            ("2024-05-17", "每股派港币3.4元"),
            ("2023-05-19", "每股派人民币2.276元(相当于港币2.52元)"),
            ("2022-05-20", "每股派美元0.1元"),
            ("2022-01-20", "每21股分派1股乙公司股份"),
            ("2021-05-24", "每股派港币0.5元,每10股送1股"),
            (None, "每股派港币1元"),
        ]
    )
    table, failures = reference.distributions(["9999.HK"], pace=FAST)
    assert failures.is_empty()
    assert table.select("ex_date", "cash", "shares").rows() == [
        (date(2021, 5, 24), 0.5, 0.1), (date(2023, 5, 19), 2.52, 0.0), (date(2024, 5, 17), 3.4, 0.0)
    ]  # fmt: skip
    web.answers["datacenter.eastmoney.com", "/securities/api/data/v1/get"] = plans([])
    assert all(frame.is_empty() for frame in reference.distributions(["9998.HK"], pace=FAST))


def test_board_lots_of_hong_kong(web: Vendors) -> None:
    fields = "SECUCODE SECURITY_CODE SECURITY_NAME_ABBR SECURITY_TYPE LISTING_DATE ISIN_CODE BOARD TRADE_UNIT TRADE_MARKET"
    fields += " GANGGUTONGBIAODISHEN GANGGUTONGBIAODIHU PAR_VALUE ISSUE_PRICE ISSUE_NUM YEAR_SETTLE_DAY"
    units = {"09999.HK": 500, "09998.HK": None}

    def profile(query: dict[str, str]) -> Answer:
        code = query["filter"].split('"')[1]
        data = [dict.fromkeys(fields.split(), "-") | {"SECUCODE": code, "TRADE_UNIT": units[code]}] if code in units else None
        return Answer({"result": {"data": data}})

    web.answers["datacenter.eastmoney.com", "/securities/api/data/v1/get"] = profile
    table, failures = reference.board_lots(["9999.HK", "9998.HK", "NVDA"], pace=FAST)
    assert table.rows() == [("9999.HK", 500.0)]
    assert failures["symbol"].to_list() == ["9998.HK", "NVDA"] and "has no board lot" in failures["reason"][0]


def test_rights_issues(web: Vendors) -> None:
    """Three for ten at 4.00; the day after the record day, and what is no code or has no price is left out."""
    web.answers[EASTMONEY] = allotments(
        [("600999", 3.0, 4.0, "2024-03-29"), ("000998", 2.5, 9.0, "2021-07-02"), ("A99999", 3.0, 4.0, "2021-07-02"), ("600998", 3.0, 0.0, "2021-07-02")]
    )  # fmt: skip
    found = reference.rights_issues(Caller(FAST, passing=lambda error: False))
    assert found.rows() == [("000998.SZ", date(2021, 7, 3), 0.25, 9.0), ("600999.SS", date(2024, 3, 30), 0.3, 4.0)]


def test_distributions_with_a_column_gone(web: Vendors) -> None:
    web.answers[EASTMONEY] = Answer({"result": {"pages": 1, "data": [{"F01": 1}]}})
    table, failures = reference.distributions(["600999.SS"], pace=FAST)
    assert table.is_empty() and "update akshare" in failures["reason"][0]


def test_the_list_is_sorted_and_whole_weeks_of_holidays_survive(web: Vendors) -> None:
    days = [day for n in range(900) if (day := date(2019, 1, 2) + timedelta(n)).weekday() < 5 and not (day.month == 10 and day.day < 9)]
    web.answers[SINA] = Answer(trade_dates(days), 200, "text/plain")
    assert reference.trading_days(pace=FAST)[1:] == days
    assert pl.Series(days).is_sorted()
