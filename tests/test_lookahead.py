"""The truncation law for a backtest: orders and value up to a session are the same whether or not later bars and news exist."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from backtests import evidence as steps
from backtests.costs import costs
from backtests.evidence import Evidence, evidence, tradable
from backtests.labels import forward_returns
from research.calendar import sessions
from research.prices import with_limits
from research.schemas import BARS, EVENTS, INSTANT, MENTIONS
from signals.schemas import SIGNALS

START, END = date(2024, 3, 4), date(2024, 5, 31)
MICS = {"cn": "XSHG", "us": "XNYS"}


def names(market: str) -> list[str]:
    return [f"60{k:04d}.SS" for k in range(9)] if market == "cn" else [f"AA{chr(65 + k)}" for k in range(9)]


def random_bars(market: str, seed: int) -> pl.DataFrame:
    """Bars in which names are listed late, delisted for good, suspended, missing, split, and locked at their limit."""
    rng = np.random.default_rng(seed)
    calendar = sessions(MICS[market], "2024-02-01", "2024-07-10")
    days, closes = calendar["session"].to_list(), calendar["close_at"].to_list()
    rows = []
    for k, symbol in enumerate(names(market)):
        close, factor = 20.0 + 10 * k, 1.0
        first = {1: 30, 2: 55}.get(k, 0)
        last = {3: 40, 4: 62}.get(k, len(days))
        for i in range(first, last):
            if rng.random() < 0.03:
                continue
            halted = rng.random() < 0.05
            if not halted and rng.random() < 0.03:
                factor, close = factor * 2, close / 2
            locked = 1.1 if rng.random() < 0.04 else 1.0
            opened = round(close * (1 + rng.normal(0, 0.01)) * locked, 2)
            new = close if halted else round(opened * (1 + rng.normal(0, 0.015)), 2)
            rows.append(
                {
                    "symbol": symbol, "session": days[i], "open": None if halted else opened, "close": new, "adj_factor": factor,
                    "volume": 0.0 if halted else 1e6, "suspended": halted, "currency": "CNY" if market == "cn" else "USD",
                    "available_at": closes[i], "source": "test",
                }
            )  # fmt: skip
            close = new
    return BARS.frame(rows)


def random_mentions(market: str, seed: int, n: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    begin, symbols = datetime(2024, 2, 20, tzinfo=UTC), names(market)
    return MENTIONS.frame(
        {
            "doc_id": f"d{i}", "symbol": symbols[rng.integers(len(symbols))], "surfaces": ["x"], "in_headline": True, "first_offset": 0,
            "n_mentions": 1, "role": "subject", "relevance": float(rng.random()), "sentiment": float(rng.uniform(-1, 1)), "confidence": 1.0,
            "available_at": begin + timedelta(minutes=int(rng.integers(0, 140 * 24 * 60))), "annotator": "t@1",
        }
        for i in range(n)
    )  # fmt: skip


def judged(market: str, bars: pl.DataFrame, mentions: pl.DataFrame) -> Evidence:
    return evidence(
        EVENTS.empty(), mentions, bars, signal="tone@1", market=market, start=START, end=END, costs=costs(market), quantiles=3,
        horizons=(1, 5),
    )  # fmt: skip


def obeys_truncation(run, market: str, seed: int, cut: datetime) -> bool:
    """Whether what was decided, ordered and owned before ``cut`` is the same with and without what became available at it or later."""
    bars, mentions = random_bars(market, seed), random_mentions(market, seed)
    whole = run(market, bars, mentions)
    part = run(market, *(frame.filter(pl.col("available_at") < cut) for frame in (bars, mentions)))
    closed = sessions(MICS[market], START, END).filter(pl.col("close_at") < cut)["session"].max()
    decided = [found.scores.filter(pl.col("asof") <= cut) for found in (whole, part)]
    booked = [(f.backtest.portfolio, f.backtest.orders) for f in (whole, part)]
    then, now = ([frame.filter(pl.col("session") <= closed) for frame in frames] for frames in booked)
    assert then[0].height > 10 and then[1].height > 20, "the cut leaves nothing to compare"
    return decided[0].equals(decided[1]) and all(a.equals(b) for a, b in zip(then, now, strict=True))


@pytest.mark.parametrize("market", ["cn", "us"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("day", [date(2024, 4, 3), date(2024, 5, 8), date(2024, 5, 20)])
def test_a_backtest_up_to_a_session_depends_on_nothing_later(market, seed, day):
    cut = datetime(day.year, day.month, day.day, 22, 30, tzinfo=UTC)
    assert obeys_truncation(judged, market, seed, cut)


def chosen_by_the_whole_span(scores: pl.DataFrame, bars: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    return scores.join(bars.select("symbol").unique(), on="symbol", how="semi")


def news_scaled_by_the_whole_sample(market: str, bars: pl.DataFrame, mentions: pl.DataFrame) -> Evidence:
    scaled = (pl.col("sentiment") - pl.col("sentiment").mean().over("symbol")) / 2
    return judged(market, bars, mentions.with_columns(sentiment=scaled))


def names_that_survive(market: str, bars: pl.DataFrame, mentions: pl.DataFrame) -> Evidence:
    alive = bars.filter(pl.col("session") == bars["session"].max()).select("symbol")
    return judged(market, bars.join(alive, on="symbol", how="semi"), mentions)


def missing_opens_filled_from_later(market: str, bars: pl.DataFrame, mentions: pl.DataFrame) -> Evidence:
    filled = pl.col("open").fill_null(strategy="backward").over("symbol", order_by="session")
    return judged(market, bars.with_columns(open=filled, suspended=pl.lit(False)), mentions)


CUT = datetime(2024, 4, 12, 22, 30, tzinfo=UTC)


def test_a_universe_chosen_by_the_whole_span_is_caught(monkeypatch):
    assert obeys_truncation(judged, "us", 1, CUT)
    monkeypatch.setattr(steps, "tradable", chosen_by_the_whole_span)
    assert not obeys_truncation(judged, "us", 1, CUT)


@pytest.mark.parametrize("leak", [news_scaled_by_the_whole_sample, names_that_survive])
def test_a_planted_leak_is_caught(leak):
    assert not obeys_truncation(leak, "us", 1, CUT)


def test_opens_filled_from_later_bars_are_caught():
    """A halt that begins before the cut and ends after it: the leak gives a price that was not made."""
    found = [
        not obeys_truncation(missing_opens_filled_from_later, "us", seed, datetime(2024, 4, day, 22, 30, tzinfo=UTC))
        for seed in (1, 2)
        for day in (9, 10, 11, 16, 17, 18)
    ]
    assert any(found)


def test_only_what_traded_before_the_cut_off_is_chosen():
    calendar = sessions("XSHG", "2024-04-01", "2024-04-12")  # 2, 3, 8, 9 … April: the 4th and 5th are holidays
    close_at = dict(calendar.select("session", "close_at").rows())
    day, before = date(2024, 4, 3), date(2024, 4, 2)

    def bar(symbol: str, session: date, **more: object) -> dict[str, object]:
        return {
            "symbol": symbol, "session": session, "open": 1.0, "close": 1.0, "adj_factor": 1.0, "volume": 1.0, "suspended": False,
            "currency": "CNY", "available_at": close_at[session], "source": "test",
        } | more  # fmt: skip

    bars = BARS.frame(
        [
            bar("600001.SS", day),
            bar("600002.SS", day, suspended=True),
            bar("600003.SS", before),  # nothing on the day: halted, gone, or not there yet
            bar("600004.SS", date(2024, 4, 8)),  # listed after the holidays
            bar("600005.SS", day, available_at=datetime(2024, 4, 8, 1, tzinfo=UTC)),  # delivered at the cut-off: too late
        ]
    )
    asof = datetime(2024, 4, 8, 1, tzinfo=UTC)
    score = {"signal": "x@1", "session": day, "asof": asof, "horizon": 1, "score": 0.0, "run_id": ""}
    scores = SIGNALS.frame({**score, "symbol": f"60000{k}.SS"} for k in range(1, 7))
    assert tradable(scores, bars, calendar)["symbol"].to_list() == ["600001.SS"]


def test_a_purchase_at_an_open_at_the_limit_is_rejected_although_the_bars_carry_no_limits():
    bars, mentions = random_bars("cn", 1), random_mentions("cn", 1)
    first = judged("cn", bars, mentions).backtest.orders.filter(pl.col("filled") > 0)
    symbol, session = first.sort("session", "symbol").select("symbol", "session").row(0)
    day = (pl.col("symbol") == symbol) & (pl.col("session") == session)
    up = with_limits(bars).filter(day)["limit_up"][0]
    assert up > 1.09 * first.filter(day)["fill_price"][0] / 1.1
    locked = bars.with_columns(pl.when(day).then(pl.lit(up)).otherwise(name).alias(name) for name in ("open", "close"))
    order = judged("cn", locked, mentions).backtest.orders.filter(day)
    assert order.select("filled", "status", "reason").rows() == [(0.0, "rejected", "limit_up")]


def test_the_portfolio_ends_where_it_was_asked_to_and_labels_look_past_it():
    found = judged("us", random_bars("us", 2), random_mentions("us", 2))
    assert found.backtest.portfolio["session"].max() == END
    last = found.labels.filter(pl.col("session") == END)
    assert sorted(last["horizon"].unique()) == [1, 5]


def test_news_older_than_the_calendar_stops_nothing():
    bars, mentions = random_bars("cn", 2), random_mentions("cn", 2)
    zero = mentions.head(1).with_columns(doc_id=pl.lit("zero"), available_at=pl.lit(datetime(1970, 1, 1, tzinfo=UTC), dtype=INSTANT))
    plain, poisoned = judged("cn", bars, mentions), judged("cn", bars, pl.concat([mentions, zero]))
    assert poisoned.backtest.portfolio.equals(plain.backtest.portfolio)


def test_labels_alone_look_forward():
    """A label ends when its horizon does, after every cut-off that could have used it."""
    bars, calendar = random_bars("us", 3), sessions("XNYS", "2024-02-01", "2024-07-10")
    labels = forward_returns(bars, calendar, horizons=(1, 5))
    opens = dict(calendar.select("session", "open_at").rows())
    days = calendar["session"].to_list()
    place = {day: k for k, day in enumerate(days)}
    for day, horizon, ends_at in labels.select("session", "horizon", "ends_at").sample(50, seed=1).rows():
        assert opens[days[place[day] + horizon]] < ends_at
        assert ends_at > opens[days[place[day] + 1]]
