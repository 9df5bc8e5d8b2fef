"""From tables to the evidence of a signal: which rows belong to a market, which names could be bought, the limits that are worked out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from backtests import evidence as module
from backtests.costs import costs
from backtests.evidence import bars_between, evidence, market_rows, tradable
from backtests.fund_limits import with_fund_limits
from backtests.labels import forward_returns
from research.calendar import sessions
from research.prices import with_limits
from research.schemas import BARS, EVENTS, INSTRUMENTS, MENTIONS
from signals.schemas import SIGNALS

CN = sessions("XSHG", "2024-01-02", "2024-03-29")
NAMES = [f"{600001 + k}.SS" for k in range(9)] + ["510300.SS", "000300.SS"]


def bars(seed=0, days=CN):
    """Mainland bars, some with limits and most without; suspended days, days left out, bars that came late; one in dollars; one of New York."""
    rng, rows = np.random.default_rng(seed), []
    for name in [*NAMES, "900001.SS", "AAA"]:
        for day in days["session"]:
            at, given = datetime(day.year, day.month, day.day, 8, tzinfo=UTC), bool(rng.random() < 0.2)
            if rng.random() < 0.9:
                price = float(np.round(rng.uniform(9, 11), 2))
                rows.append(
                    {
                        "symbol": name, "session": day, "open": price, "close": float(np.round(price * 1.01, 2)), "volume": 1e6,
                        "adj_factor": 1.0, "suspended": bool(rng.random() < 0.1), "source": "made",
                        "limit_up": 11.0 if given else None, "limit_down": 9.0 if given else None,
                        "currency": "USD" if name in ("900001.SS", "AAA") else "CNY",
                        "available_at": at + timedelta(days=3 if rng.random() < 0.1 else 0),
                    }
                )  # fmt: skip
    return BARS.frame(rows).sample(fraction=1.0, shuffle=True, seed=seed)


def told(n=300, seed=0, days=CN):
    rng, opens = np.random.default_rng(seed), days["open_at"].to_list()
    return MENTIONS.frame(
        [
            {
                "doc_id": f"d{k:04d}", "symbol": NAMES[k % len(NAMES)], "surfaces": ["x"], "in_headline": True, "first_offset": 0, "n_mentions": 1,
                "role": "subject", "relevance": 1.0, "sentiment": float(rng.uniform(-1, 1)), "confidence": 1.0, "annotator": "t@1",
                "available_at": opens[int(rng.integers(0, len(opens) - 5))] + timedelta(hours=2),
            }
            for k in range(n)
        ]
    )  # fmt: skip


def cut(frame, **more):
    span = {"start": CN["session"][5], "end": CN["session"][45]}
    return market_rows(EVENTS.empty(), told(), frame, market="cn", currency="CNY", **span, **more)


@pytest.mark.parametrize("at_once", [1, 100, 10**6])
def test_limits_worked_out_some_symbols_at_a_time_are_those_of_all(monkeypatch, at_once):
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    mine = bars().filter(pl.col("symbol").is_in(NAMES))
    found = cut(bars()).bars
    assert found.equals(with_fund_limits(with_limits(mine)))
    assert found["limit_up"].null_count() < mine["limit_up"].null_count()


def test_where_no_limit_is_absent_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(module, "with_limits", None)
    whole = bars().with_columns(limit_up=pl.lit(11.0), limit_down=pl.lit(9.0))
    assert cut(whole).bars.equals(whole.filter(pl.col("symbol").is_in(NAMES)).sort("symbol", "session"))


def test_only_the_market_s_equities_stay_where_a_master_names_them():
    row = {"name": "n", "mic": "XSHG", "currency": "CNY", "aliases": [], "valid_from": CN["session"][0]}
    kinds = {name: "index" if name == "000300.SS" else "etf" if name == "510300.SS" else "equity" for name in NAMES}
    master = INSTRUMENTS.frame([{**row, "symbol": name, "asset_class": kind} for name, kind in kinds.items()])
    found = cut(bars(), universe=master)
    assert found.bars["symbol"].unique().sort().to_list() == NAMES[:9]
    assert set(found.mentions["symbol"]) == set(NAMES[:9])


def test_a_name_is_tradable_where_its_last_closed_bar_traded_and_had_arrived():
    frame, rng = bars(), np.random.default_rng(3)
    asof = [at + timedelta(hours=int(rng.integers(-12, 12))) for at in CN["open_at"]]
    rows = [
        {"signal": "x@1", "session": day, "symbol": name, "asof": at, "horizon": 5, "score": 0.5, "run_id": ""}
        for day, at in zip(CN["session"], asof, strict=True)
        for name in [*NAMES, "none.SS"]
    ]
    scores = SIGNALS.frame(rows)
    bar = {(r["symbol"], r["session"]): r for r in frame.iter_rows(named=True)}
    closes = list(zip(CN["close_at"], CN["session"], strict=True))
    expected = []
    for row in rows:
        closed = [day for at, day in closes if at < row["asof"]]
        last = bar.get((row["symbol"], closed[-1])) if closed else None
        if last is not None and not last["suspended"] and last["available_at"] < row["asof"]:
            expected.append((row["session"], row["symbol"]))
    found = tradable(scores.sample(fraction=1.0, shuffle=True, seed=1), frame, CN)
    assert found.select("session", "symbol").rows() == sorted(expected) and 0 < len(expected) < len(rows)
    assert found.columns == scores.columns


def test_the_labels_of_the_evidence_are_those_of_the_market_s_bars():
    frame = bars()
    span = {"start": CN["session"][5], "end": CN["session"][35]}
    found = evidence(EVENTS.empty(), told(), frame, signal="tone@1", market="cn", costs=costs("cn"), quantiles=3, **span)
    mine = frame.filter(pl.col("symbol").is_in(NAMES))
    assert found.labels.equals(forward_returns(mine, found.sessions, horizons=(1, 2, 3, 5, 10, 20)))
    assert found.bars["session"].max() == CN["session"][35] < found.labels["session"].max()


@pytest.mark.parametrize("signal", ["tone@1", "attention_reversal@1"])
def test_bars_outside_of_what_a_span_needs_change_nothing(signal):
    days = sessions("XSHG", "2021-06-01", "2024-06-28")
    frame, start, end = bars(1, days), days["session"][600], days["session"][640]
    found = {}
    for name, given in (("all", frame), ("cut", frame.filter(bars_between(start if signal == "tone@1" else None, end)))):
        found[name] = evidence(
            EVENTS.empty(), told(4000, 1, days), given, signal=signal, market="cn", start=start, end=end, costs=costs("cn"), quantiles=3,
        )  # fmt: skip
    whole, cut = found["all"], found["cut"]
    assert signal != "tone@1" or cut.bars.height < whole.bars.height / 1.5
    assert cut.scores.equals(whole.scores) and cut.scores.height > 100
    assert cut.backtest.orders.equals(whole.backtest.orders) and cut.backtest.portfolio.equals(whole.backtest.portfolio)
    asked = pl.col("session").is_between(start, end)
    assert cut.labels.filter(asked).equals(whole.labels.filter(asked))
    assert cut.ic.summary.equals(whole.ic.summary) and cut.quantiles.equals(whole.quantiles)
