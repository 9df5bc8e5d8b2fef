from __future__ import annotations

import json
import time as clock
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from loopback import Answer, Vendors, vendors
from vendor_payloads import chart

from research import calendar, prices
from research.errors import UsageError
from research.schemas import BARS
from research.sources import yahoo
from research.sources.vendor import Pace

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
    pace = Pace(attempts=options.pop("attempts", 3), wait=0.0, timeout=options.pop("timeout", 15.0), workers=2, per_second=0)  # type: ignore[arg-type]
    return yahoo.bars(symbols, options.pop("start", FIRST), options.pop("end", LAST), pace=pace, **options)  # type: ignore[arg-type]


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


def test_the_crumb_is_asked_for_once_and_sent_with_every_chart(web: Vendors) -> None:
    for symbol in ("QXMP", "QXNP", "QXOP"):
        serve(web, symbol, Answer(CHART))
    assert fetch("QXMP", "QXNP", "QXOP").failures.is_empty()
    assert web.paths().count("/v1/test/getcrumb") == 1
    charts = [query for _, path, query in web.seen if path.startswith("/v8/finance/chart/")]
    assert len(charts) == 3 and {query["crumb"] for query in charts} == {"aCrumb.1"}
    assert {query["events"] for query in charts} == {"div,splits,capitalGains"}


def test_without_a_cookie_the_consent_form_is_filled_in(web: Vendors) -> None:
    """No crumb by the usual way: yfinance reads the consent page, posts its tokens, and asks again."""
    web.answers["fc.yahoo.com", "/"] = Answer("<html>", 404, "text/html")
    web.answers[HOSTS[0], "/v1/test/getcrumb"] = Answer("<html>no cookie</html>", 401, "text/html")
    form = '<form><input name="csrfToken" value="tOken"><input name="sessionId" value="3_cc-session"></form>'
    web.answers["guce.yahoo.com", "/consent"] = Answer(form, 200, "text/html")
    web.answers["consent.yahoo.com", "/v2/collectConsent"] = Answer("ok", 200, "text/html")
    web.answers["guce.yahoo.com", "/copyConsent"] = Answer(
        "ok", 200, "text/html", {"Set-Cookie": "A3=d=y; Domain=.yahoo.com; Path=/; Max-Age=31536000; Secure"}
    )
    serve(web, "QXMP", Answer(CHART))
    assert fetch("QXMP").failures.is_empty()
    posted = [query for host, path, query in web.seen if path == "/v2/collectConsent"]
    assert [query["sessionId"] for query in posted] == ["3_cc-session"]
    assert [query["crumb"] for _, path, query in web.seen if path.endswith("QXMP")] == ["aCrumb.1"]


def test_a_refused_crumb_does_not_cost_the_prices(web: Vendors) -> None:
    for host in HOSTS:
        web.answers[host, "/v1/test/getcrumb"] = Answer("Too Many Requests", 429, "text/plain")
    serve(web, "QXMP", Answer(CHART))
    assert fetch("QXMP").bars.height == 6


def test_a_rate_limit_for_some_is_waited_out(web: Vendors) -> None:
    """Each symbol is refused twice (yfinance asks again once by itself), then served."""
    refusals = {name: 2 for name in ("QXMP", "QXNP", "QXOP", "QXPP")}

    def answer(name: str) -> Answer:
        if refusals[name]:
            refusals[name] -= 1
            return Answer("Too Many Requests", 429, "text/plain")
        return Answer(CHART)

    for name in refusals:
        serve(web, name, lambda query, name=name: answer(name))  # type: ignore[arg-type, misc]
    found = fetch(*refusals)
    assert found.failures.is_empty() and found.bars.height == 24


def test_an_answer_that_never_comes_is_given_up(web: Vendors) -> None:
    def slowly(query: dict[str, str]) -> Answer:
        clock.sleep(5)
        return Answer(CHART)

    serve(web, "GONE", slowly)  # type: ignore[arg-type]
    serve(web, "QXMP", Answer(CHART))
    found = fetch("GONE", "QXMP", attempts=1, timeout=1.5)
    assert "could not be reached for GONE" in found.failures["reason"][0]
    assert found.bars["symbol"].unique().to_list() == ["QXMP"]


def test_a_field_that_is_gone_and_one_that_is_new(web: Vendors) -> None:
    """Without adjusted closes yfinance takes the close, and the dividend is missed: that is flagged; new fields do no harm."""
    gone, new = json.loads(json.dumps(CHART)), json.loads(json.dumps(CHART))
    del gone["chart"]["result"][0]["indicators"]["adjclose"]
    new["chart"]["result"][0]["indicators"]["quote"][0]["vwap"] = [1.0] * 6
    new["chart"]["result"][0]["meta"]["mood"] = "new"
    quoteless = json.loads(json.dumps(CHART))
    del quoteless["chart"]["result"][0]["indicators"]["quote"][0]["close"]
    for name, payload in (("QXMP", new), ("QXNP", gone), ("QXOP", quoteless)):
        serve(web, name, Answer(payload))
    found = fetch("QXMP", "QXNP", "QXOP", attempts=1)
    assert found.failures["symbol"].to_list() == ["QXOP"]
    assert found.bars.filter(symbol="QXMP").drop("symbol").equals(fetch("QXMP").bars.drop("symbol"))
    flagged = found.flags.filter(pl.col("rule") == "distribution")
    assert flagged["symbol"].unique().to_list() == ["QXNP"] and flagged["session"].to_list() == [date(2024, 1, 4)]


def test_splits_and_dividends_reproduce_the_adjusted_series(web: Vendors) -> None:
    """Two splits (one a consolidation), three dividends, one of them on a split's day; the truth is the vendor's adjusted series."""
    days = calendar.sessions("XNYS", "2024-01-02", "2024-12-31")["session"].to_list()
    traded, factor, splits, dividends = (
        [100.0],
        [1.0],
        {days[60]: (4, 1), days[150]: (1, 2)},
        {days[30]: 0.8, days[60]: 0.25, days[200]: 1.1},
    )
    for n, day in enumerate(days[1:], 1):
        new, old = splits.get(day, (1, 1))
        reference = traded[-1] * old / new - dividends.get(day, 0.0)
        factor.append(factor[-1] * traded[-1] / reference)
        traded.append(reference * (1 + ((n * 13) % 9 - 4) / 200))
    after = [1.0] * len(days)
    for n in range(len(days) - 2, -1, -1):
        new, old = splits.get(days[n + 1], (1, 1))
        after[n] = after[n + 1] * new / old
    quoted = [price / by for price, by in zip(traded, after, strict=True)]
    level = [price * by / factor[-1] for price, by in zip(traded, factor, strict=True)]
    stated = {day: cash / after[days.index(day)] for day, cash in dividends.items()}
    serve(web, "QXMP", lambda query: chart(days, quoted, query, adjusted=level, dividends=stated, splits=splits))  # type: ignore[arg-type]
    found = fetch("QXMP", start=days[0], end=days[-1])
    assert found.bars["close"].to_list() == pytest.approx(traded)
    assert found.bars["volume"].to_list() == pytest.approx([1000 / by for by in after])
    assert found.flags.is_empty()
    realized = prices.returns(found.bars)["realized_return"].to_list()[1:]
    assert realized == pytest.approx([later / earlier - 1 for earlier, later in pairwise(level)], abs=1e-4)
    # Fetched later than the window ends, the prices are still those of the day, for the splits after it are looked for.
    early = fetch("QXMP", start=days[0], end=days[100], splits_until=days[-1])
    assert early.bars["close"].to_list() == pytest.approx(traded[:101])


def test_dividends_and_a_rights_issue_of_hong_kong(web: Vendors) -> None:
    """Yahoo tells a rights issue as a split: one for ten at a tenth below half the price is 1.0455 new for one old, cash 0.40 before it."""
    days = calendar.sessions("XHKG", "2024-03-01", "2024-05-31")["session"].to_list()
    close, reference = 22.0, (22.0 + 0.1 * 9.9) / 1.1
    ratio = close / reference
    traded = [20.4] * 10 + [20.0] * 19 + [close] + [reference * (1 + (n % 5 - 2) / 100) for n in range(len(days) - 30)]
    quoted = [price / ratio if n < 30 else price for n, price in enumerate(traded)]
    factor = [1.0] * 10 + [20.4 / 20.0] * 20 + [20.4 / 20.0 * ratio] * (len(days) - 30)
    level = [price * by / factor[-1] for price, by in zip(traded, factor, strict=True)]
    serve(
        web,
        "9999.HK",
        lambda query: chart(  # type: ignore[arg-type]
            days, quoted, query, adjusted=level, dividends={days[10]: 0.4 / ratio}, splits={days[30]: (ratio, 1)},  # type: ignore[dict-item]
            zone="Asia/Hong_Kong", currency="HKD",
        ),
    )  # fmt: skip
    found = fetch("9999.HK", start=days[0], end=days[-1])
    assert found.bars["close"].to_list() == pytest.approx(traded) and found.flags.is_empty()
    assert found.bars["adj_factor"].to_list() == pytest.approx(factor)


def test_an_adjusted_series_that_forgot_a_dividend_is_reported(web: Vendors) -> None:
    days = calendar.sessions("XNYS", "2024-01-02", "2024-01-31")["session"].to_list()
    closes = [50.0 + n % 3 for n in range(len(days))]
    serve(web, "QXMP", lambda query: chart(days, closes, query, dividends={days[5]: 1.0}))  # type: ignore[arg-type]
    found = fetch("QXMP", start=days[0], end=days[-1])
    assert found.flags.select("session", "rule").rows() == [(days[5], "distribution")]
    assert "steps by 1.0 " in found.flags["reason"][0] and "cash 1.0" in found.flags["reason"][0]


def test_a_split_the_vendor_did_not_carry_back_is_flagged(web: Vendors) -> None:
    """Closes before the split still undivided, as Yahoo's are for a day now and then: the price of the day would be doubled twice."""
    days = calendar.sessions("XNYS", "2024-01-02", "2024-01-31")["session"].to_list()
    closes = [80.0 + n % 3 for n in range(10)] + [40.0 + n % 2 for n in range(10, len(days))]
    serve(web, "QXMP", lambda query: chart(days, closes, query, splits={days[10]: (2, 1)}))  # type: ignore[arg-type]
    found = fetch("QXMP", start=days[0], end=days[-1])
    assert found.flags.select("session", "rule").rows() == [(days[10], "split")]


@pytest.mark.parametrize(
    ("symbol", "zone", "opens", "mic"),
    [
        ("QXMP", "America/New_York", time(9, 30), "XNYS"),
        ("QXMP.AX", "Australia/Sydney", time(10, 0), "XASX"),
        ("9999.HK", "Asia/Hong_Kong", time(9, 30), "XHKG"),
        ("QXMP.NZ", "Pacific/Auckland", time(10, 0), "XNZE"),
    ],
)
def test_sessions_are_days_of_the_exchange_across_clock_changes_and_holidays(
    web: Vendors, symbol: str, zone: str, opens: time, mic: str
) -> None:
    """March and April 2024: both hemispheres change their clocks, Easter is a holiday; the end is included although Yahoo excludes it."""
    days = calendar.sessions(mic, "2024-03-01", "2024-04-19")["session"].to_list()
    closes = [10.0 + n / 10 for n in range(len(days))]
    currency = {"XNYS": "USD", "XASX": "AUD", "XHKG": "HKD", "XNZE": "NZD"}[mic]
    serve(web, symbol, lambda query: chart(days, closes, query, zone=zone, opens=opens, currency=currency))  # type: ignore[arg-type]
    found = fetch(symbol, start=days[0], end=days[-1])
    assert found.bars["session"].to_list() == days
    assert found.flags.is_empty() and date(2024, 3, 29) not in days
    inner = fetch(symbol, start=days[3], end=days[-3])
    assert inner.bars["session"].to_list() == days[3:-2]


def test_a_currency_the_market_does_not_trade_in_is_flagged(web: Vendors) -> None:
    serve(web, "QXMP", Answer(json.loads(json.dumps(CHART).replace('"USD"', '"EUR"'))))
    found = fetch("QXMP")
    assert found.flags.select("symbol", "session", "rule").rows() == [("QXMP", None, "currency")]
