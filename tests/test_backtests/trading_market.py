"""A small invented market for the tests of sweeps, robustness, capacity and attribution: bars, a score, weights, and news behind it."""

from datetime import timedelta

import numpy as np
import polars as pl

from backtests.costs import costs
from backtests.simulation import Backtest, run
from backtests.weights import quantile_weights
from research.calendar import sessions
from research.schemas import BARS, DOCUMENTS

MICS = {"cn": "XSHG", "us": "XNYS"}


def names(market: str, n: int = 8) -> list[str]:
    return [f"60{k:04d}.SS" for k in range(n)] if market == "cn" else [f"TT{chr(65 + k)}" for k in range(n)]


def calendar(market: str, n: int = 90) -> pl.DataFrame:
    return sessions(MICS[market], "2024-01-02", "2024-12-31").head(n)


def bars(market: str = "us", seed: int = 0, n: int = 90, volume: float = 1e6) -> pl.DataFrame:
    """Prices of a random walk, with missing days, suspensions, splits and, in the mainland, opens at the limit."""
    rng = np.random.default_rng(seed)
    days = calendar(market, n)
    rows = []
    for k, symbol in enumerate(names(market)):
        close, factor = 20.0 + 10 * k, 1.0
        for day, at in days.select("session", "close_at").rows():
            if rng.random() < 0.02:
                continue
            halted = rng.random() < 0.03
            if not halted and rng.random() < 0.01:
                factor, close = factor * 2, close / 2
            jump = 1.1 if market == "cn" and rng.random() < 0.03 else 1 + rng.normal(0, 0.01)
            up, down = round(close * 1.1, 2), round(close * 0.9, 2)
            opened = min(round(close * jump, 2), up)
            new = close if halted else min(max(round(opened * (1 + rng.normal(0.001, 0.015)), 2), down), up)
            limits = {"limit_up": up, "limit_down": down} if market == "cn" else {}
            rows.append(
                {
                    "symbol": symbol, "session": day, "open": None if halted else opened, "close": new, "adj_factor": factor,
                    "volume": 0.0 if halted else volume * float(rng.uniform(0.5, 2)), "suspended": halted,
                    "currency": "CNY" if market == "cn" else "USD", "available_at": at, "source": "test", **limits,
                }
            )  # fmt: skip
            close = new
    return BARS.frame(rows)


def scores(market: str = "us", seed: int = 1, n: int = 90) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    days = calendar(market, n)["session"].to_list()[5:]
    return pl.DataFrame(
        {
            "session": [day for day in days for _ in names(market)],
            "symbol": names(market) * len(days),
            "score": rng.normal(size=len(days) * len(names(market))),
        }
    )


def weights(market: str = "us", seed: int = 1, n: int = 90, every: int = 3) -> pl.DataFrame:
    frame = scores(market, seed, n)
    days = frame["session"].unique().sort()[::every]
    return quantile_weights(frame.filter(pl.col("session").is_in(days.implode())), quantiles=3, gross=1.0, long_only=market == "cn")


def result(market: str = "us", seed: int = 1, **changes: object) -> tuple[Backtest, pl.DataFrame]:
    priced = bars(market, seed)
    return run(weights(market, seed), priced, market=market, costs=costs(market), **changes), priced  # type: ignore[arg-type]


def documents(rows: list[dict[str, object]]) -> pl.DataFrame:
    at = calendar("us")["close_at"][0]
    plain = {
        "kind": "news", "source": "Wire", "url": None, "language": "en", "headline": "Headline", "body": "Body", "published_at": at,
        "published_precision": "second", "published_not_before": at, "published_not_after": at, "first_seen_at": None,
        "available_at": at + timedelta(minutes=1), "novelty": 1.0,
    }  # fmt: skip
    return DOCUMENTS.frame([{**plain, "story_id": row["doc_id"], **row} for row in rows])
