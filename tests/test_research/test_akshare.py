from __future__ import annotations

import json
import time
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from loopback import Answer, Vendors, vendors
from vendor_payloads import allotments, bonus, klines, plans

from research import calendar, prices
from research.errors import UsageError
from research.sources import akshare
from research.sources.affine import total_return_factor
from research.sources.vendor import Pace

RECORDED = Path(__file__).parents[1] / "recorded"
RAW = json.loads((RECORDED / "eastmoney_raw.json").read_text())
BACK = json.loads((RECORDED / "eastmoney_hfq.json").read_text())
LINES = [line.split(",") for line in RAW["data"]["klines"]]
FIRST, LAST = date(2024, 1, 2), date(2024, 2, 2)
KLINE = "/api/qt/stock/kline/get"
BONUS = ("datacenter-web.eastmoney.com", "/api/data/v1/get")
MAINLAND, HONG_KONG, AMERICA = "push2his.eastmoney.com", "33.push2his.eastmoney.com", "63.push2his.eastmoney.com"


def both(query: dict[str, str]) -> Answer:
    """Answer by the adjustment and with the fields asked for, as the service does."""
    payload = deepcopy(BACK if query["fqt"] == "2" else RAW)
    fields = len(query["fields2"].split(","))
    payload["data"]["klines"] = [",".join(line.split(",")[:fields]) for line in payload["data"]["klines"]]
    return Answer(payload)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendors]:
    with vendors(monkeypatch, tmp_path) as server:
        yield server


def fetch(*symbols: str, **options: object) -> akshare.Bars:
    pace = Pace(attempts=options.pop("attempts", 3), wait=0.0, timeout=options.pop("timeout", 30.0), workers=2, per_second=0)  # type: ignore[arg-type]
    return akshare.bars(symbols, options.pop("start", FIRST), options.pop("end", LAST), pace=pace, **options)  # type: ignore[arg-type]


def test_a_mainland_share(web: Vendors) -> None:
    web.answers[MAINLAND, KLINE] = both
    found = fetch("600999.SS")
    assert found.failures.is_empty()
    assert found.bars["close"].to_list() == [float(line[2]) for line in LINES]
    assert found.bars["low"].to_list() == [float(line[4]) for line in LINES]
    assert found.bars["volume"].to_list() == [float(line[5]) * 100 for line in LINES]
    assert found.bars["amount"].to_list() == [float(line[6]) for line in LINES]
    assert found.bars["currency"].unique().to_list() == ["CNY"]
    assert found.bars["available_at"][0] == datetime(2024, 1, 2, 7, 0, tzinfo=UTC)
    assert [(query["secid"], query["fqt"]) for _, path, query in web.seen if path == KLINE] == [("1.600999", "0"), ("1.600999", "2")]


def test_distributions_are_steps_of_the_factor(web: Vendors) -> None:
    """0.50 a share on 2024-01-12, ten for ten on 2024-01-24; the payload is the affine map 2P + 3, then 2P + 4, then 4P + 4."""
    web.answers[MAINLAND, KLINE] = both
    bars = fetch("600999.SS").bars
    closes = [float(line[2]) for line in LINES]
    cash = closes[7] / (closes[7] - 0.5)
    expected = [1.0] * 8 + [cash] * 8 + [cash * 2] * 8
    assert bars["adj_factor"].to_list() == pytest.approx(expected, rel=5e-4)
    realized = prices.returns(bars)["realized_return"].to_list()
    by_hand = [closes[i] / (closes[i - 1] - 0.5 if i == 8 else closes[i - 1] / 2 if i == 16 else closes[i - 1]) - 1 for i in range(1, 24)]
    assert realized[1:] == pytest.approx(by_hand, abs=6e-4)


@pytest.mark.parametrize("start", [1.0, 12.0, 160.0])
@pytest.mark.parametrize("multiplied", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_factor_against_a_simulated_history(start: float, multiplied: bool, seed: int) -> None:
    """Five years, four distributions; the truth is the reference price the exchange would publish."""
    rng = np.random.default_rng(seed)
    count, price, slope, offset = 1200, 12.0, start, 0.0
    days = {int(d): (rng.uniform(0.1, 0.6), rng.choice([0.0, 0.3, 1.0])) for d in rng.choice(np.arange(30, count - 5), 4, replace=False)}
    raw, back, truth = np.zeros((count, 4)), np.zeros((count, 4)), np.ones(count)
    for day in range(count):
        if day in days:
            cash, bonus = round(days[day][0] * price / 12, 2), days[day][1]
            reference = (price - cash) / (1 + bonus)
            truth[day:] *= price / reference
            if multiplied:
                slope *= price / reference
            else:
                offset, slope = offset + slope * cash, slope * (1 + bonus)
            price = reference
        first, last = price * np.exp(rng.normal(0, 0.006)), price * np.exp(rng.normal(0, 0.02))
        row = np.round([first, max(first, last) * 1.004, min(first, last) * 0.996, last], 2)
        raw[day], back[day], price = row, np.round(slope * row + offset, 2), row[3]
    found = total_return_factor(raw, back)
    assert found == pytest.approx(truth, rel=6e-3)
    assert set(np.flatnonzero(np.diff(found)) + 1) == set(days)


def test_other_markets_ask_their_own_services(web: Vendors) -> None:
    web.answers[HONG_KONG, KLINE] = both
    web.answers[MAINLAND, KLINE] = both
    found = fetch("0700.HK", "510300.SS", "000300.SS")
    assert found.failures.is_empty()
    assert found.bars["symbol"].unique(maintain_order=True).to_list() == ["000300.SS", "0700.HK", "510300.SS"]
    asked = sorted(query["secid"] for _, path, query in web.seen if path == KLINE)
    assert asked == ["1.000300", "1.510300", "1.510300", "116.00700", "116.00700"]
    volumes = {symbol: found.bars.filter(symbol=symbol)["volume"][0] for symbol in ("000300.SS", "0700.HK", "510300.SS")}
    lots = float(LINES[0][5])
    assert volumes == {"000300.SS": lots * 100, "0700.HK": lots, "510300.SS": lots * 100}


def test_an_american_share_is_looked_for_on_each_exchange(web: Vendors) -> None:
    nothing = Answer({"rc": 0, "data": None})
    web.answers[AMERICA, KLINE] = lambda query: both(query) if query["secid"] == "106.QXMP" else nothing
    found = fetch("QXMP", end=date(2024, 1, 10))
    assert found.failures.is_empty()
    assert found.bars["session"].max() == date(2024, 1, 10)
    assert found.bars["currency"].unique().to_list() == ["USD"]


def test_a_world_index(web: Vendors) -> None:
    payload = deepcopy(RAW)
    payload["data"]["klines"] = [",".join([*line, "0", "0", "0"]) for line in LINES]
    web.answers[MAINLAND, KLINE] = Answer(payload)
    found = fetch("^HSI")
    assert found.bars["close"].to_list() == [float(line[2]) for line in LINES]
    assert found.bars["adj_factor"].unique().to_list() == [1.0]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(Answer({"rc": 0, "data": None}), "gave no prices of 600998.SS", id="empty"),
        pytest.param(Answer({"rc": 0, "data": {"klines": []}}), "gave no prices of 600998.SS", id="no lines"),
        pytest.param(Answer(json.dumps(RAW)[:700]), "is not in the form expected", id="truncated"),
        pytest.param(Answer("<html>busy</html>", 429, "text/html"), "is not in the form expected", id="429"),
        pytest.param(Answer("<!doctype html><p>login</p>", 200, "text/html"), "is not in the form expected", id="html"),
        pytest.param(Answer({"message": "denied"}), "akshare failed on 600998.SS", id="drifted"),
    ],
)
def test_a_failure_is_a_sentence_and_costs_the_others_nothing(web: Vendors, answer: Answer, sentence: str) -> None:
    web.answers[MAINLAND, KLINE] = lambda query: answer if query["secid"] == "1.600998" else both(query)
    found = fetch("600998.SS", "600999.SS", attempts=2)
    assert found.failures["symbol"].to_list() == ["600998.SS"]
    assert sentence in found.failures["reason"][0]
    assert found.bars["symbol"].unique().to_list() == ["600999.SS"]


def test_a_broken_answer_is_asked_for_again(web: Vendors) -> None:
    tries = [Answer("{"), Answer("busy", 503, "text/plain")]
    web.answers[MAINLAND, KLINE] = lambda query: tries.pop(0) if tries else both(query)
    assert fetch("600999.SS", attempts=3).failures.is_empty()


def test_an_answer_that_never_comes_is_given_up(web: Vendors) -> None:
    def slowly(query: dict[str, str]) -> Answer:
        time.sleep(0.6)
        return Answer(RAW)

    web.answers[MAINLAND, KLINE] = slowly
    found = fetch("000300.SS", attempts=1, timeout=0.2)
    assert "no answer within 0.2 s" in found.failures["reason"][0]


@pytest.mark.parametrize("symbol", ["900901.SS", "EURUSD=X", "7203.T", "SHFE:AG"])
def test_symbols_it_has_no_history_for(web: Vendors, symbol: str) -> None:
    found = fetch(symbol)
    assert symbol in found.failures["reason"][0]
    assert "take it from yahoo" in found.failures["reason"][0]
    assert web.seen == []


def test_dates_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(UsageError, match="not to be after"):
        akshare.bars(["600999.SS"], LAST, FIRST)


def test_stated_distributions_make_the_steps_exact(web: Vendors) -> None:
    """Total returns by hand from the raw closes and what was paid, to 1e-12; the estimate alone is within 6e-4."""
    web.answers[MAINLAND, KLINE] = both
    web.answers[BONUS] = bonus([("2024-01-24", None, 10.0), ("2024-01-12", 5.0, None)])
    found = fetch("600999.SS")
    closes = [float(line[2]) for line in LINES]
    by_hand = [closes[i] / (closes[i - 1] - 0.5 if i == 8 else closes[i - 1] / 2 if i == 16 else closes[i - 1]) - 1 for i in range(1, 24)]
    assert prices.returns(found.bars)["realized_return"].to_list()[1:] == pytest.approx(by_hand, abs=1e-12)
    assert found.flags.is_empty()


@pytest.mark.parametrize(
    ("answer", "says", "steps"),
    [
        (Answer("<html>", 500, "text/html"), "The distributions did not come", 1),
        (bonus([("2024-01-12", 9.0, None), ("2024-01-24", None, 10.0)]), "the former was taken", 1),
        (bonus([("2024-01-24", None, 10.0)]), "by 1.00000", 1),
        (bonus([("2024-01-12", 5.0, None), ("2024-01-18", 6.0, None), ("2024-01-24", None, 10.0)]), "step by 1.00000", 1),
        (Answer({"result": None}), "by 1.00000", 2),
    ],
)
def test_a_step_nobody_states_stays_an_estimate_and_is_flagged(web: Vendors, answer: Answer, says: str, steps: int) -> None:
    web.answers[MAINLAND, KLINE] = both
    web.answers[BONUS] = answer
    found = fetch("600999.SS", attempts=1)
    assert found.flags["rule"].to_list() == ["distribution"] * steps
    assert says in found.flags["reason"][0]
    last = found.bars["adj_factor"][-1]
    assert last == pytest.approx(2 * 18.03 / 17.53, rel=2e-3)


def test_a_share_that_goes_ex_while_suspended(web: Vendors) -> None:
    """Suspended on the ex-day: the step is on the first session it trades again."""
    days = [
        day
        for day in calendar.sessions("XSHG", "2024-03-01", "2024-05-31")["session"].to_list()
        if not date(2024, 3, 28) <= day <= date(2024, 4, 10)
    ]
    raw = [20.0 + (n * 7 % 11) / 10 - (2.0 if day > date(2024, 4, 1) else 0.0) for n, day in enumerate(days)]
    back = [3 * price + (6.0 if day > date(2024, 4, 1) else 0.0) for price, day in zip(raw, days, strict=True)]
    web.answers[MAINLAND, KLINE] = lambda query: klines(
        days, back if query["fqt"] == "2" else raw, query, spread=0.15 if query["fqt"] == "2" else 0.05
    )
    web.answers[BONUS] = bonus([("2024-04-03", 20.0, None)])
    found = fetch("600999.SS", start=date(2024, 3, 1), end=date(2024, 5, 31))
    assert found.failures.is_empty(), found.failures["reason"].to_list()
    before = max(n for n, day in enumerate(days) if day < date(2024, 4, 1))
    assert found.bars["adj_factor"].to_list() == pytest.approx(
        [1.0] * (before + 1) + [raw[before] / (raw[before] - 2.0)] * (len(days) - before - 1), rel=1e-12
    )
    assert found.flags["rule"].to_list() == ["gap"] and "8 sessions without a bar" in found.flags["reason"][0]


def affine(
    days: list[date], raw: list[float], maps: list[tuple[date, float, float]], query: dict[str, str], code: str = "600999"
) -> Answer:
    """Raw bars, or the maps aP + b of them from each day on, as the service adjusts backwards."""
    if query["fqt"] != "2":
        return klines(days, raw, query, code=code)
    parts: list[str] = []
    for number, (first, slope, offset) in enumerate(maps):
        last = maps[number + 1][0] if number + 1 < len(maps) else date.max
        mine = [(day, slope * price + offset) for day, price in zip(days, raw, strict=True) if first <= day < last]
        answer = klines([day for day, _ in mine], [price for _, price in mine], query, spread=0.05 * slope, code=code)
        parts += answer.body["data"]["klines"]
    return Answer({"rc": 0, "data": {"code": code, "name": "示例股份", "klines": parts}})


def allotted(query: dict[str, str]) -> Answer:
    """Cash of 2.00 for ten, and three for ten at 4.00: record day 2024-03-29, trading stops until 2024-04-11."""
    if query["reportName"] == "RPT_IPO_ALLOTMENT":
        return allotments([("600999", 3, 4.0, "2024-03-29"), ("000998", 2, 9.0, "2024-03-29")])
    return bonus([("2024-05-10", 2.0, None)])


def test_a_rights_issue_makes_the_step_of_who_takes_part(web: Vendors) -> None:
    """By hand: at a close p the theoretical ex-rights price is (p + 0.3 x 4) / 1.3, and the factor steps by p over it."""
    days = [
        day
        for day in calendar.sessions("XSHG", "2024-03-01", "2024-05-31")["session"].to_list()
        if not date(2024, 3, 30) <= day <= date(2024, 4, 10)
    ]
    first, second = days.index(date(2024, 4, 11)), days.index(date(2024, 5, 10))
    raw = [round(8.0 + (n * 7 % 11) / 20 - (1.0 if n >= first else 0.0), 2) for n in range(len(days))]
    # The map goes on where the reference price lies: 2p = a R + b with a = 2.6, so b = -2.4; then 0.2 of cash a share.
    maps = [(days[0], 2.0, 0.0), (days[first], 2.6, -2.4), (days[second], 2.6, -2.4 + 2.6 * 0.2)]
    web.answers[MAINLAND, KLINE] = lambda query: affine(days, raw, maps, query)
    web.answers[BONUS] = allotted
    found = fetch("600999.SS", start=days[0], end=days[-1])
    assert found.failures.is_empty(), found.failures["reason"].to_list()
    offered = raw[first - 1] / ((raw[first - 1] + 0.3 * 4.0) / 1.3)
    paid = raw[second - 1] / (raw[second - 1] - 0.2)
    by_hand = [1.0] * first + [offered] * (second - first) + [offered * paid] * (len(days) - second)
    assert found.bars["adj_factor"].to_list() == pytest.approx(by_hand, rel=1e-12)
    assert found.flags["rule"].to_list() == ["gap"]
    assert [q["reportName"] for _, path, q in web.seen if path == BONUS[1]].count("RPT_IPO_ALLOTMENT") == 2  # a page count, then the page


def test_rights_that_do_not_come_leave_the_estimate_and_are_named(web: Vendors) -> None:
    web.answers[MAINLAND, KLINE] = both
    web.answers[BONUS] = lambda query: (
        Answer("<html>", 500, "text/html") if query["reportName"] == "RPT_IPO_ALLOTMENT" else bonus([("2024-01-24", None, 10.0)])
    )
    found = fetch("600999.SS", attempts=1)
    assert found.flags["rule"].to_list() == ["distribution"] and "Rights issues did not come" in found.flags["reason"][0]
    assert found.bars["adj_factor"][-1] == pytest.approx(2 * 18.03 / 17.53, rel=2e-3)


def test_a_dividend_of_hong_kong_is_exact_and_one_in_words_stays_an_estimate(web: Vendors) -> None:
    """2.52 dollars a share (stated in yuan with its worth); later shares of another company, which the words do not price."""
    days = calendar.sessions("XHKG", "2024-03-01", "2024-06-28")["session"].to_list()
    first, second = days.index(date(2024, 4, 15)), days.index(date(2024, 6, 3))
    raw = [round(50.0 + (n * 7 % 11) / 5 - (2.5 if n >= first else 0.0) - (3.0 if n >= second else 0.0), 2) for n in range(len(days))]
    maps = [(days[0], 1.5, 4.0), (days[first], 1.5, 4.0 + 1.5 * 2.52), (days[second], 1.5, 4.0 + 1.5 * 5.52)]
    web.answers[HONG_KONG, KLINE] = lambda query: affine(days, raw, maps, query, code="09999")
    words = [("2024-06-03", "每10股分派1股乙公司股份"), ("2024-04-15", "每股派人民币2.276元(相当于港币2.52元)"), (None, "每股派港币9元")]
    web.answers["datacenter.eastmoney.com", "/securities/api/data/v1/get"] = plans(words)
    found = fetch("9999.HK", start=days[0], end=days[-1])
    assert found.failures.is_empty(), found.failures["reason"].to_list()
    step = raw[first - 1] / (raw[first - 1] - 2.52)
    assert found.bars["adj_factor"][second - 1] == pytest.approx(step, rel=1e-12)
    assert found.bars["adj_factor"][-1] == pytest.approx(step * raw[second - 1] / (raw[second - 1] - 3.0), rel=1e-4)
    assert found.flags.select("session", "rule").rows() == [(days[second], "distribution")]


@pytest.mark.parametrize(("stated", "flags"), [(5.0, 0), (5.02, 0), (5.3, 1)])
def test_a_stated_dividend_is_believed_within_a_tick(web: Vendors, stated: float, flags: int) -> None:
    """At 18.03 a payment of 0.53 where the prices say 0.50 is off by 0.03: within a hundredth of the price, and not within rounding."""
    web.answers[MAINLAND, KLINE] = both
    web.answers[BONUS] = lambda query: (
        allotments([]) if query["reportName"] == "RPT_IPO_ALLOTMENT" else bonus([("2024-01-12", stated, None), ("2024-01-24", None, 10.0)])
    )
    assert fetch("600999.SS", attempts=1).flags.height == flags


def test_a_new_column_does_no_harm_and_one_that_is_gone_is_named(web: Vendors) -> None:
    """Eastmoney's line is told apart by place: one field more or fewer and akshare cannot name the columns."""
    longer, shorter = deepcopy(RAW), deepcopy(RAW)
    longer["data"]["klines"] = [line + ",1,2" for line in longer["data"]["klines"]]
    shorter["data"]["klines"] = [",".join(line.split(",")[:5]) for line in shorter["data"]["klines"]]
    extra = deepcopy(RAW)
    extra["data"]["news"] = extra["hint"] = "new"
    answers = {"1.600998": longer, "1.600997": shorter, "1.600996": extra}
    web.answers[MAINLAND, KLINE] = lambda query: Answer(answers[query["secid"]])
    found = fetch("600998.SS", "600997.SS", "600996.SS", attempts=1)
    assert found.failures["symbol"].to_list() == ["600998.SS", "600997.SS"]
    assert all("not in the form expected" in reason for reason in found.failures["reason"])
    assert found.bars["symbol"].unique().to_list() == ["600996.SS"]


def test_days_come_as_dates_or_as_text_and_holidays_are_no_gap(web: Vendors) -> None:
    """US dates are text in akshare; the weeks hold Good Friday and the change of the clocks."""
    days = calendar.sessions("XNYS", "2024-03-01", "2024-04-05")["session"].to_list()
    closes = [100.0 + n for n in range(len(days))]
    web.answers[AMERICA, KLINE] = lambda query: klines(days, closes, query, code="QXMP")
    found = fetch("QXMP", start=date(2024, 3, 1), end=date(2024, 4, 5))
    assert found.bars["session"].to_list() == days and date(2024, 3, 29) not in days
    assert found.flags.is_empty()
    closing = dict(found.bars.select("session", "available_at").rows())
    assert closing[date(2024, 3, 8)].hour == 21 and closing[date(2024, 3, 11)].hour == 20


def test_prices_of_nothing_are_set_aside(web: Vendors) -> None:
    payload = deepcopy(RAW)
    payload["data"]["klines"][3] = "2024-01-05,0.00,0.00,0.00,0.00,0,0.00,0.00,0.00,0.00,0.00"
    web.answers[MAINLAND, KLINE] = lambda query: Answer(payload if query["fqt"] == "0" else BACK)
    found = fetch("510999.SS")
    assert found.quarantine.height == 1 and "2024-01-05" in found.quarantine["reason"][0]
    assert found.bars.height == len(LINES) - 1
