"""A small synthetic market for the tests of features: tables with every column that matters drawn at random from a seed."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from research.calendar import sessions
from research.schemas import BARS, DOCUMENTS, EVENTS, FACTS, INSTRUMENTS, MENTIONS

CN = sessions("XSHG", "2024-01-02", "2024-04-30")
BOTH = (CN, sessions("XHKG", "2024-01-02", "2024-04-30"))
SYMBOLS = ("600901.SS", "600902.SS", "000903.SZ", "000904.SZ", "600905.SS", "0901.HK")
KINDS = (
    "earnings.beat", "earnings.miss", "guidance.cut", "mna.offer", "buyback.plan", "analyst_rating.upgrade", "shareholder_reduction.plan",
    "regulation_investigation.probe", "contract_partnership.won",
)  # fmt: skip
SUBJECTS = ("银行", "电子", "煤炭", "Energy")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def document(i, at, source="a", story=None, novelty=1.0, kind="news"):
    return {
        "doc_id": f"d{i:04d}", "kind": kind, "source": source, "language": "en", "headline": "h", "body": "", "published_at": at,
        "published_precision": "minute", "published_not_before": at, "published_not_after": at, "available_at": at,
        "story_id": f"d{i if story is None else story:04d}", "novelty": novelty,
    }  # fmt: skip


def mention(i, at, symbol=SYMBOLS[0], sentiment=0.5, role="subject", relevance=1.0, confidence=1.0, in_headline=True):
    return {
        "doc_id": f"d{i:04d}", "symbol": symbol, "surfaces": ["x"], "in_headline": in_headline, "first_offset": 0, "n_mentions": 1, "role": role,
        "relevance": relevance, "sentiment": sentiment, "confidence": confidence, "available_at": at, "annotator": "t@1",
    }  # fmt: skip


def event(i, at, symbol=SYMBOLS[0], kind="guidance.cut", sentiment=-0.5, novelty=1.0):
    return {
        "event_id": f"e{i}", "doc_id": f"d{i:04d}", "symbol": symbol, "event_type": kind, "role": "subject", "available_at": at,
        "sentiment": sentiment, "relevance": 1.0, "novelty": novelty, "confidence": 1.0, "evidence": "q", "annotator": "t@1",
    }  # fmt: skip


def fact(i, at, kind, value, unit="fraction", subject="x", symbol=None, basis=None):
    return {
        "fact_id": f"f{i}", "doc_id": f"d{i:04d}", "kind": kind, "subject": subject, "symbol": symbol, "value": value, "unit": unit,
        "qualifier": "exact", "basis": basis, "quote": "q", "available_at": at,
    }  # fmt: skip


def bar(symbol, session, at, close, **more):
    return {
        "symbol": symbol, "session": session, "close": close, "volume": 100.0, "adj_factor": 1.0, "suspended": False, "currency": "CNY",
        "available_at": at, "source": "t",
    } | more  # fmt: skip


def instrument(symbol, sector=None, twin=None, valid_from=date(2020, 1, 1), valid_to=None):
    return {
        "symbol": symbol, "valid_from": valid_from, "name": symbol, "mic": "XHKG" if symbol.endswith(".HK") else "XSHG", "asset_class": "equity",
        "currency": "CNY", "sector": sector, "aliases": [], "twin": twin, "valid_to": valid_to,
    }  # fmt: skip


INSTRUMENT_TABLE = INSTRUMENTS.frame(
    [
        instrument(SYMBOLS[0], "Financials", "0901.HK"),
        instrument(SYMBOLS[1], "Financials"),
        instrument(SYMBOLS[2], "Energy", valid_to=date(2024, 3, 1)),
        instrument(SYMBOLS[2], "Information Technology", valid_from=date(2024, 3, 4)),
        instrument(SYMBOLS[3], "Energy"),
        instrument(SYMBOLS[4]),
        instrument("0901.HK", "Financials", SYMBOLS[0]),
    ]
)


def tables(seed, n=120):
    """Return documents, mentions, events, facts, bars: news at any minute, bars that are late, missing or suspended."""
    rng = np.random.default_rng(seed)
    at = [datetime(2024, 1, 2, tzinfo=UTC) + timedelta(minutes=int(m)) for m in np.sort(rng.integers(0, 115 * 24 * 60, n))]
    docs, said, happened, stated, prices = [], [], [], [], []
    for i, when in enumerate(at):
        story = int(rng.integers(0, i)) if i and rng.random() < 0.4 else i
        kind = str(rng.choice(["news", "announcement"]))
        docs.append(document(i, when, str(rng.choice(["a", "b", "c"])), story, float(rng.random()), kind))
        for symbol in rng.choice(SYMBOLS, int(rng.integers(1, 4)), replace=False):
            role = str(rng.choice(["subject", "counterparty", "source", "passing"], p=[0.5, 0.2, 0.1, 0.2]))
            tone, relevance, confidence, headline = (
                float(rng.uniform(-1, 1)),
                float(rng.random()),
                float(rng.random()),
                bool(rng.random() < 0.5),
            )
            said.append(mention(i, when, str(symbol), tone if rng.random() < 0.9 else 0.0, role, relevance, confidence, headline))
        if i % 2:
            happened.append(
                event(i, when, str(rng.choice(SYMBOLS)), str(rng.choice(KINDS)), float(rng.uniform(-1, 1)), float(rng.random()))
            )
        stated.append(fact(6 * i, when, "sector_flow", float(rng.normal()) * 1e9, "CNY", str(rng.choice(SUBJECTS))))
        stated.append(fact(6 * i + 1, when, "valuation_percentile", float(rng.random()), subject=str(rng.choice(SUBJECTS))))
        stated.append(
            fact(
                6 * i + 2,
                when,
                "price_move",
                float(rng.normal() / 50),
                symbol=str(rng.choice(SYMBOLS)),
                basis=str(rng.choice(["close", "week"])),
            )
        )
        stated.append(fact(6 * i + 4, when, "insider_trade", float(rng.normal()) * 1e6, "CNY", symbol=str(rng.choice(SYMBOLS))))
        stated.append(fact(6 * i + 5, when, "sector_move", float(rng.normal() / 50), subject=str(rng.choice(SUBJECTS))))
        if i % 3 == 0:
            stated.append(fact(6 * i + 3, when, "northbound_flow", float(rng.normal()) * 1e9, "CNY"))
    for calendar in BOTH:
        names = [s for s in SYMBOLS if s.endswith(".HK") == (calendar["mic"][0] == "XHKG")]
        for k, symbol in enumerate(names):
            close = 10.0 + k
            for session, closed in calendar.select("session", "close_at").rows()[3 * k :]:
                if rng.random() < 0.04:
                    continue
                halted = rng.random() < 0.05
                close = close if halted else round(close * float(np.exp(rng.normal(0, 0.02))), 2)
                late = timedelta(days=int(rng.integers(1, 9))) if rng.random() < 0.05 else timedelta(0)
                prices.append(
                    bar(symbol, session, closed + late, close, volume=0.0 if halted else float(rng.integers(1, 900)), suspended=halted)
                )
    built = (DOCUMENTS.frame(docs), MENTIONS.frame(said), EVENTS.frame(happened), FACTS.frame(stated), BARS.frame(prices))
    return dict(zip(("documents", "mentions", "events", "facts", "bars"), built, strict=True))
