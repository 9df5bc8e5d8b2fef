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

from research import prices
from research.errors import UsageError
from research.sources import akshare

RECORDED = Path(__file__).parents[1] / "recorded"
RAW = json.loads((RECORDED / "eastmoney_raw.json").read_text())
BACK = json.loads((RECORDED / "eastmoney_hfq.json").read_text())
LINES = [line.split(",") for line in RAW["data"]["klines"]]
FIRST, LAST = date(2024, 1, 2), date(2024, 2, 2)
KLINE = "/api/qt/stock/kline/get"
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
    return akshare.bars(symbols, options.pop("start", FIRST), options.pop("end", LAST), wait=0.0, **options)  # type: ignore[arg-type]


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
    assert [query["secid"] for _, _, query in web.seen] == ["1.600999", "1.600999"]


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
    found = akshare.total_return_factor(raw, back)
    assert found == pytest.approx(truth, rel=6e-3)
    assert set(np.flatnonzero(np.diff(found)) + 1) == set(days)


def test_other_markets_ask_their_own_services(web: Vendors) -> None:
    web.answers[HONG_KONG, KLINE] = both
    web.answers[MAINLAND, KLINE] = both
    found = fetch("0700.HK", "510300.SS", "000300.SS")
    assert found.failures.is_empty()
    assert found.bars["symbol"].unique(maintain_order=True).to_list() == ["000300.SS", "0700.HK", "510300.SS"]
    asked = [query["secid"] for _, _, query in web.seen]
    assert asked == ["116.00700", "116.00700", "1.510300", "1.510300", "1.000300"]
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
