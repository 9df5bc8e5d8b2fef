"""The middle of the way in one place: from stored tables to a signal's evidence, and from events to a study.

Both functions are what the commands run; a notebook calls the same steps one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from backtests.costs import Costs
from backtests.labels import forward_returns
from backtests.predictive import InformationCoefficient, information_coefficient, quantile_returns
from backtests.rules import rules_of
from backtests.simulation import Backtest, run
from backtests.weights import quantile_weights
from research.calendar import MARKETS, known_span
from research.calendar import sessions as calendar_sessions
from research.errors import EstimationError, UsageError
from signals.pointintime import LEAD, calendar_of
from signals.publish import history

__all__ = ["Evidence", "evidence", "first_reports", "market_calendar"]

#: the longest stretch without a session (a mainland holiday week with its weekends), and some
_GAP = timedelta(days=20)

#: sessions within which a second event of the same type and symbol is the same news again
_ECHO = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a signal did in one market: scores, labels, information coefficient, quantile returns, backtest."""

    signal: str
    market: str
    scores: pl.DataFrame
    labels: pl.DataFrame
    ic: InformationCoefficient
    quantiles: pl.DataFrame
    backtest: Backtest


def market_calendar(market: str, start: date, end: date) -> pl.DataFrame:
    """Return the sessions of a market (``cn``, ``hk``, ``us``) from ``start`` to a few weeks past ``end``, as far as they are known."""
    if market not in MARKETS:
        raise UsageError(f"Market {market!r} is not known; expected one of {', '.join(MARKETS)}.")
    _, latest = known_span(MARKETS[market])
    last = end + _GAP if latest is None else max(end, min(end + _GAP, latest))
    return calendar_sessions(MARKETS[market], start, last)


def evidence(
    events: pl.DataFrame, mentions: pl.DataFrame, bars: pl.DataFrame, *, signal: str, market: str, start: date, end: date, costs: Costs,
    quantiles: int = 5, horizons: Sequence[int] = (1, 2, 3, 5, 10, 20), lead: timedelta = LEAD, cash: float = 10_000_000.0,
    universe: pl.DataFrame | None = None,
) -> Evidence:  # fmt: skip
    """Return what a signal would have done in one market between two dates.

    Each session's score uses only what was available before its cut-off; a target decided in session ``t`` fills at the open of ``t+1``.
    Where the market's rules forbid short selling only the top quantile is held. Scores of symbols without bars in the span are left out,
    and with ``universe`` (an ``instruments`` table) those of anything but equities: an index can be scored, not bought.

    Raises
    ------
    EstimationError
        When no symbol has both news and bars in the span: there is nothing to judge.
    """
    mine = bars.filter((calendar_of(bars["symbol"]) == MARKETS[market]) & pl.col("session").is_between(start, end + _GAP))
    if universe is not None:
        mine = mine.join(universe.filter(pl.col("asset_class") == "equity").select("symbol").unique(), on="symbol", how="semi")
    first_news = mentions.select(pl.col("available_at").min()).item()
    since = start if first_news is None else min(start, first_news.date() - _GAP)
    calendar = market_calendar(market, since, end)
    scores = history(events, mentions, calendar, signal, lead=lead)
    scores = scores.filter(pl.col("session").is_between(start, end)).join(mine.select("symbol").unique(), on="symbol", how="semi")
    if scores.is_empty():
        raise EstimationError(
            f"Signal {signal} has no score in market {market} from {start} to {end} for a symbol with bars: "
            f"{mentions.height} mentions, {mine['symbol'].n_unique()} symbols with bars; "
            "ingest news and load prices of the same symbols and dates."
        )
    labels = forward_returns(mine, calendar, horizons=horizons)
    weights = quantile_weights(scores, quantiles=quantiles, gross=1.0, long_only=not rules_of(market).short_selling)
    result = run(weights, mine, market=market, costs=costs, cash=cash)
    return Evidence(
        signal,
        market,
        scores,
        labels,
        information_coefficient(scores, labels),
        quantile_returns(scores, labels, quantiles=quantiles),
        result,
    )


def first_reports(events: pl.DataFrame, documents: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the events that are news: of each (symbol, type), a report within ten days after an earlier one is its echo and left out.

    The choice looks only backwards, so it can be made on the day. ``documents`` adds a second rule: a document that continues a story
    (``story_id`` is another document) reports nothing first.
    """
    frame = events.filter(pl.col("symbol").is_not_null())
    if documents is not None:
        frame = frame.join(documents.filter(pl.col("story_id") == pl.col("doc_id")).select("doc_id"), on="doc_id", how="semi")
    frame = frame.sort("symbol", "event_type", "available_at", "event_id")
    since = pl.col("available_at").diff().over("symbol", "event_type")
    return frame.filter(since.is_null() | (since > pl.lit(_ECHO))).sort("available_at", "event_id")


def benchmark_of(symbols: Sequence[str]) -> str | Mapping[str, str]:
    """Return one benchmark, or one for each market when several are named."""
    if len(symbols) == 1:
        return symbols[0]
    mics = calendar_of(pl.Series(symbols))
    if mics.is_duplicated().any():
        raise UsageError(f"Benchmarks {', '.join(symbols)} share a market; name one for each market.")
    return dict(zip(mics.to_list(), symbols, strict=True))
