from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from loopback import Answer, Vendors, vendors

from research import prices
from research.errors import UsageError
from research.schemas import BARS
from research.sources import yahoo

RECORDED = Path(__file__).parents[1] / "recorded"
CHART = json.loads((RECORDED / "yahoo_chart.json").read_text())
FIRST, LAST = date(2024, 1, 2), date(2024, 1, 9)
HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com")


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendors]:
    from yfinance import cache
    from yfinance.data import SingletonMeta, YfData

    # yfinance keeps one session, one crumb and answers for the life of the process, and zones and cookies in files.
    monkeypatch.setattr(SingletonMeta, "_instances", {})
    monkeypatch.setattr(cache._TzCacheManager, "_tz_cache", None)
    monkeypatch.setattr(cache._CookieCacheManager, "_Cookie_cache", None)
    YfData.cache_get.cache_clear()
    usual = cache._TzDBManager.get_location()
    cache.set_cache_location(str(tmp_path / "yfinance"))
    with vendors(monkeypatch, tmp_path) as server:
        server.answers["fc.yahoo.com", "/"] = Answer(
            "<html>", 404, "text/html", {"Set-Cookie": "A3=d=x; Domain=.yahoo.com; Path=/; Max-Age=31536000; Secure"}
        )
        for host in HOSTS:
            server.answers[host, "/v1/test/getcrumb"] = Answer("aCrumb.1", 200, "text/plain")
        yield server
    YfData.cache_get.cache_clear()
    cache.set_cache_location(usual)


def serve(web: Vendors, symbol: str, answer: Answer) -> None:
    for host in HOSTS:
        web.answers[host, f"/v8/finance/chart/{symbol}"] = answer


def fetch(*symbols: str, **options: object) -> yahoo.Bars:
    return yahoo.bars(symbols, options.pop("start", FIRST), options.pop("end", LAST), wait=0.0, **options)  # type: ignore[arg-type]


def test_prices_are_those_of_the_day_and_the_factor_steps(web: Vendors) -> None:
    serve(web, "QXMP", Answer(CHART))
    found = fetch("QXMP")
    assert found.failures.is_empty()
    assert found.bars.columns == list(BARS.schema)
    assert found.bars["session"].to_list() == [date(2024, 1, d) for d in (2, 3, 4, 5, 8, 9)]
    # Yahoo's 100, 102, 101, 103 are halves of what was paid before the 2:1 split on the 8th.
    assert found.bars["close"].to_list() == [200.0, 204.0, 202.0, 206.0, 104.0, 105.0]
    assert found.bars["volume"].to_list() == [1000.0, 1100.0, 1200.0, 1300.0, 3000.0, 3200.0]
    dividend = 1 / (1 - 1 / 102)
    assert found.bars["adj_factor"].to_list() == pytest.approx([1, 1, dividend, dividend, 2 * dividend, 2 * dividend], rel=1e-6)
    # Total returns worked out by hand: the dividend is 1.00 on a close of 102, the split pays two shares for one.
    by_hand = [None, 102 / 100 - 1, 101 / (102 - 1) - 1, 103 / 101 - 1, 104 / 103 - 1, 105 / 104 - 1]
    realized = prices.returns(found.bars)["realized_return"].to_list()
    assert realized[0] is None
    assert realized[1:] == pytest.approx(by_hand[1:], abs=1e-6)
    assert found.bars["available_at"][0] == datetime(2024, 1, 2, 21, 0, tzinfo=UTC)


def test_the_end_is_included_and_the_rest_cut(web: Vendors) -> None:
    serve(web, "QXMP", Answer(CHART))
    found = fetch("QXMP", start=date(2024, 1, 3), end=date(2024, 1, 5))
    assert found.bars["session"].to_list() == [date(2024, 1, d) for d in (3, 4, 5)]
    assert found.bars["adj_factor"][0] == 1.0


def test_an_unfinished_session_is_set_aside(web: Vendors) -> None:
    serve(web, "QXMP", Answer(CHART))
    found = fetch("QXMP", seen_at=datetime(2024, 1, 9, 18, tzinfo=UTC))
    assert found.bars["session"].max() == date(2024, 1, 8)
    assert "had not closed" in found.quarantine["reason"][0]


UNKNOWN = Answer({"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}, 404)
EMPTY = Answer(
    {
        "chart": {
            "result": [{**CHART["chart"]["result"][0], "timestamp": [], "events": {}, "indicators": {"quote": [{}], "adjclose": [{}]}}],
            "error": None,
        }
    }
)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(UNKNOWN, "has no prices of GONE", id="unknown"),
        pytest.param(EMPTY, "no prices of GONE", id="empty"),
        pytest.param(Answer("Too Many Requests", 429, "text/plain"), "too many requests (429)", id="429"),
        pytest.param(Answer(json.dumps(CHART)[:900]), "is not the JSON expected", id="truncated"),
        pytest.param(Answer("<!doctype html><p>Consent</p>", 200, "text/html"), "is not the JSON expected", id="html"),
        pytest.param(Answer({"chart": {"result": [{"meta": {}}], "error": None}}), "GONE", id="drifted"),
    ],
)
def test_a_failure_is_a_sentence_and_costs_the_others_nothing(web: Vendors, answer: Answer, sentence: str) -> None:
    serve(web, "GONE", answer)
    serve(web, "QXMP", Answer(CHART))
    found = fetch("GONE", "QXMP", attempts=2)
    assert found.failures["symbol"].to_list() == ["GONE"]
    assert sentence in found.failures["reason"][0]
    assert found.bars["symbol"].unique().to_list() == ["QXMP"]
    assert found.bars.height == 6


def test_a_broken_answer_is_asked_for_again(web: Vendors) -> None:
    tries: list[Answer] = [Answer("{", 200), Answer("busy", 429, "text/plain"), Answer("busy", 429, "text/plain")]
    web.answers[HOSTS[1], "/v8/finance/chart/QXMP"] = lambda query: tries.pop(0) if tries else Answer(CHART)
    found = fetch("QXMP", attempts=4)
    assert found.failures.is_empty()
    assert found.bars.height == 6


def test_yfinance_is_left_as_it_was(web: Vendors) -> None:
    import yfinance

    serve(web, "GONE", UNKNOWN)
    fetch("GONE", attempts=1)
    assert yfinance.config.debug.hide_exceptions is True


def test_symbols_yahoo_cannot_have_are_not_asked_for(web: Vendors) -> None:
    found = fetch("SHFE:AG")
    assert found.failures["reason"].to_list() == ["Yahoo has no symbol like SHFE:AG; expected one such as NVDA or 600519.SS."]
    assert web.seen == []
    assert found.bars.is_empty()


def test_pence_become_pounds(web: Vendors) -> None:
    chart = json.loads(json.dumps(CHART))
    chart["chart"]["result"][0]["meta"].update(currency="GBp", exchangeTimezoneName="Europe/London")
    serve(web, "QXMP.L", Answer(chart))
    found = fetch("QXMP.L")
    assert found.bars["currency"].unique().to_list() == ["GBP"]
    assert found.bars["close"][0] == pytest.approx(2.0)


def test_dates_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(UsageError, match="not to be after"):
        yahoo.bars(["QXMP"], LAST, FIRST)


def test_later_fetches_chain(web: Vendors) -> None:
    serve(web, "QXMP", Answer(CHART))
    whole = fetch("QXMP").bars
    early = fetch("QXMP", end=date(2024, 1, 4)).bars
    late = fetch("QXMP", start=date(2024, 1, 4)).bars
    joined = pl.concat([early, prices.chain(early, late)])
    assert prices.returns(joined)["realized_return"].to_list()[1:] == pytest.approx(prices.returns(whole)["realized_return"].to_list()[1:])
