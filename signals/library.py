"""The feature library: every feature of ``docs/features.md`` under its name, in one frame.

Each function below is a part of that table: names and expressions, one line a feature. :func:`library` gathers their inputs (a panel, what
links, facts and closed bars add to it) and evaluates those whose inputs were given.

1. :func:`signals.panel.panel` gathers mentions, events and documents by (session, symbol).
2. :mod:`signals.links`, :mod:`signals.stated` and :mod:`signals.closed_bars` add columns to it, each through the same cut-offs.
3. Expressions over a symbol's own past (:mod:`signals.features`).
4. Expressions over those features: by session (:mod:`signals.aggregates`), changes and products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import ParamSpec

import polars as pl

from research.errors import UsageError
from signals import aggregates, closed_bars, features
from signals.aggregates import by_sessions
from signals.grid import by_symbol, laid
from signals.links import co_mentions, seen_by, told_of, twins
from signals.panel import event_column, panel, with_sectors
from signals.pointintime import LEAD, calendar_of, cutoffs
from signals.schemas import FEATURES
from signals.stated import market_fact, sector_fact, symbol_fact

__all__ = ["EVENT_TYPES", "library", "library_parts"]

_Options = ParamSpec("_Options")

#: event groups with an indicator and a clock of their own
EVENT_TYPES = (
    "earnings", "guidance", "analyst_rating", "mna", "buyback", "shareholder_reduction", "regulation_investigation",
    "contract_partnership",
)  # fmt: skip

_KEY = ("symbol", "session")
#: features that others of the session are compared by
_SECTION_INPUTS = ("tone_mean_5", "news_5")
#: market whose industries the brokers' weeklies speak of
_WEEKLIES = "XSHG"


def library_parts(
    events: pl.DataFrame,
    mentions: pl.DataFrame,
    sessions: pl.DataFrame,
    *,
    documents: pl.DataFrame | None = None,
    facts: pl.DataFrame | None = None,
    bars: pl.DataFrame | None = None,
    instruments: pl.DataFrame | None = None,
    benchmark: str | None = None,
    source_weights: Mapping[str, float] | None = None,
    event_types: Sequence[str] = EVENT_TYPES,
    names: Sequence[str] = (),
    lead: timedelta = LEAD,
    asof: datetime | str | None = None,
    at_once: int = 500,
) -> Iterator[pl.DataFrame]:
    """Yield the rows of :func:`library` in the same order, ``at_once`` symbols at a time: the memory is that of one part.

    What compares a symbol with the others of its session is formed first, from two narrow columns of all symbols.

    Parameters
    ----------
    events, mentions, sessions, documents, source_weights, event_types, lead, asof
        See :func:`signals.panel.panel`. Begin ``sessions`` some 250 sessions before the first row you need, so that long windows are full.
    facts, bars, instruments
        Tables of :mod:`research`. Features that need a table that is not given are left out; the sector features of ``facts`` need
        ``instruments`` too.
    benchmark
        See :func:`signals.closed_bars.closed_bars`.
    names
        The features wanted; without it all. Fewer take less time and memory.
    at_once
        Symbols of a part, at least 1; the values are the same whatever it is.

    Raises
    ------
    UsageError
        When one of ``names`` is no feature of the tables given, or ``at_once`` is below 1.
    """
    if at_once < 1:
        raise UsageError(f"at_once came as {at_once}; expected at least 1 symbol.")
    clock = cutoffs(sessions, lead=lead, asof=asof)
    plan = _plan(documents, facts, bars, instruments, event_types, names)
    known = mentions.filter(pl.col("role") != "source")["symbol"]
    symbols = pl.concat([known, events["symbol"].drop_nulls()]).unique().sort()
    chunks = [symbols[i : i + at_once] for i in range(0, symbols.len(), at_once)] or [symbols]

    def of(frame: pl.DataFrame, chunk: pl.Series) -> pl.DataFrame:
        return frame.filter(pl.col("symbol").is_in(chunk.implode()))

    def section_inputs(chunk: pl.Series) -> pl.DataFrame:
        frame = panel(of(events, chunk), of(mentions, chunk), sessions, lead=lead, asof=asof)
        own = {name: expression for name, expression in {**_tone(), **_attention()}.items() if name in _SECTION_INPUTS}
        return frame.select(*_KEY, "asof", **own)

    beside: pl.DataFrame | None = None
    if plan.section:
        narrow = pl.concat([section_inputs(chunk) for chunk in chunks])
        if instruments is not None:
            narrow = with_sectors(narrow, instruments)
        beside = by_sessions(narrow, plan.section)
    links = _linked_symbols(mentions, instruments) if plan.linked else {}
    told = told_of(mentions, clock) if plan.linked else mentions
    market = None if bars is None else closed_bars.market_returns(bars, clock, benchmark=benchmark)
    done = 0
    for chunk in chunks:
        named = of(mentions, chunk)
        texts = None if documents is None else documents.join(named.select("doc_id").unique(), on="doc_id", how="semi")
        frame = panel(
            of(events, chunk), named, sessions, documents=texts, source_weights=source_weights, event_types=event_types, lead=lead,
            asof=asof,
        )  # fmt: skip
        frame = _gathered(
            frame, told, clock, {name: of(found, chunk) for name, found in links.items()}, facts=facts,
            bars=None if bars is None else of(bars, chunk), instruments=instruments, benchmark=benchmark, market=market,
        )  # fmt: skip
        rows = by_symbol(frame).with_columns(**plan.own)
        if beside is not None:
            rows, done = rows.hstack(beside.slice(done, rows.height)), done + rows.height
        rows = rows.with_columns(**plan.after).with_columns(frame["symbol"])
        yield FEATURES.validate(rows.select("session", "symbol", "asof", *plan.wanted))


def _whole(parts: Callable[_Options, Iterator[pl.DataFrame]]) -> Callable[_Options, pl.DataFrame]:
    """Return :func:`library`: it takes what ``parts`` takes, and no list of it stands twice."""

    def library(*tables: _Options.args, **options: _Options.kwargs) -> pl.DataFrame:
        """Return the ``features`` table: one row per (session, symbol) from the symbol's first news on, sorted by symbol and session.

        Arguments and errors are those of :func:`library_parts`, which yields the same rows in parts.

        Notes
        -----
        Every value of a row uses only rows with ``available_at < asof`` of that row. Formulas, windows and null rules:
        ``docs/features.md``.
        """
        return pl.concat(parts(*tables, **options))

    return update_wrapper(library, parts, assigned=())


library = _whole(library_parts)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Expressions needed, in the order they are evaluated: of a symbol's past, of its session's others, of both."""

    wanted: list[str]
    own: dict[str, pl.Expr]
    section: dict[str, pl.Expr]
    after: dict[str, pl.Expr]
    linked: bool


def _plan(
    documents: pl.DataFrame | None, facts: pl.DataFrame | None, bars: pl.DataFrame | None, instruments: pl.DataFrame | None,
    event_types: Sequence[str], names: Sequence[str],
) -> _Plan:  # fmt: skip
    own = _tone() | _attention() | _opinion() | _events(event_types)
    after, section = _momentum_of_tone(), _market()
    prices: dict[str, pl.Expr] = {}
    if documents is not None:
        own |= _documents()
    if instruments is not None:
        section |= _sector()
    links = _links() | (_twins() if instruments is not None else {})
    own |= links
    if facts is not None:
        own |= _facts() | (_sector_facts() if instruments is not None else {})
    if bars is not None:
        prices = _prices()
        own |= _reaction()
        after |= _tone_and_price()
    every = [*own, *prices, *_momentum_of_tone(), *section, *(_tone_and_price() if bars is not None else {})]
    wanted = list(names) or every
    unknown = [name for name in wanted if name not in every]
    if unknown:
        raise UsageError(f"Feature {unknown[0]!r} was asked for; with the tables given there are {', '.join(every)}.")
    after, section = ({name: part[name] for name in wanted if name in part} for part in (after, section))
    needed = {*wanted, *(root for expression in [*after.values(), *section.values()] for root in expression.meta.root_names())}
    own = {name: own[name] for name in own if name in needed}
    return _Plan(wanted, own, section, after, linked=not names or bool(links.keys() & needed))


def _gathered(
    frame: pl.DataFrame, told: pl.DataFrame, clock: pl.DataFrame, links: Mapping[str, pl.DataFrame], *,
    facts: pl.DataFrame | None, bars: pl.DataFrame | None, instruments: pl.DataFrame | None, benchmark: str | None,
    market: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Return the panel with the sector, and what links, facts and closed bars add to it."""
    if instruments is not None:
        frame = with_sectors(frame, instruments)
    for name, found in links.items():
        frame = laid(frame, seen_by(told, found, name=name), clock)
    if facts is not None:
        frame = _stated(frame, facts, clock)
    return frame if bars is None else _priced(frame, bars, clock, benchmark, market)


def _tone() -> dict[str, pl.Expr]:
    return {
        "tone_last": features.last("tone", within=60),
        "tone_mean_5": features.decayed_ratio("net_tone", "tone_weight", 5),
        "tone_mean_20": features.decayed_ratio("net_tone", "tone_weight", 20),
        "tone_sum_2": features.decayed_sum("net_tone", 2),
        "tone_sum_10": features.decayed_sum("net_tone", 10),
        "tone_dispersion_20": features.dispersion("tone", 20),
        "tone_high_20": features.highest("tone_max", 20),
        "tone_low_20": features.lowest("tone_min", 20),
        "tone_surprise_60": features.surprise("tone", 60),
        "tone_crossover_2_20": features.crossover("net_tone", "tone_weight", 2, 20),
        "relevant_tone_5": features.decayed_sum("relevant_tone", 5),
        "confident_tone_5": features.decayed_ratio("confident_tone", "confidence", 5),
    }


def _attention() -> dict[str, pl.Expr]:
    return {
        "news_5": features.rolling_sum("n_mentions", 5),
        "news_20": features.rolling_sum("n_mentions", 20),
        "news_abnormal_60": features.abnormal_count("n_mentions", 60),
        "news_trend_5_60": features.attention_trend("n_mentions", 5, 60),
        "news_since": features.sessions_since("n_mentions"),
        "relevance_5": features.decayed_sum("relevance", 5),
        "relevance_mean_20": features.ratio("relevance", "n_mentions", 20),
        "headline_share_20": features.ratio("n_headline", "n_mentions", 20),
        "subject_share_20": features.ratio("n_subject", "n_mentions", 20),
    }


def _opinion() -> dict[str, pl.Expr]:
    return {
        "disagreement_20": features.disagreement(20),
        "agreement_20": features.agreement(20),
        "bullishness_5": features.bullishness(5),
        "confidence_mean_20": features.ratio("confidence", "n_mentions", 20),
    }


def _documents() -> dict[str, pl.Expr]:
    stale = pl.col("net_tone") - pl.col("novel_tone")
    return {
        "novel_tone_5": features.decayed_sum("novel_tone", 5),
        "novel_tone_mean_5": features.decayed_ratio("novel_tone", "novel_weight", 5),
        "stale_tone_5": features.decayed_sum(stale, 5),
        "novelty_mean_20": features.ratio("novelty", "n_mentions", 20),
        "new_story_share_20": features.ratio("n_new", "n_mentions", 20),
        "story_run_20": features.highest("story_run", 20),
        "sources_5": features.rolling_sum("n_sources", 5),
        "source_tone_5": features.decayed_sum("source_tone", 5),
        "announcement_share_20": features.ratio("n_announced", "n_mentions", 20),
    }


def _events(event_types: Sequence[str]) -> dict[str, pl.Expr]:
    columns = [event_column(kind) for kind in event_types]
    return {
        "event_tone_5": features.decayed_sum("event_tone", 5),
        "events_20": features.rolling_sum("n_events", 20),
        **{f"{column}_20": features.rolling_sum(column, 20).clip(upper_bound=1.0) for column in columns},
        **{f"{column}_since": features.sessions_since(column) for column in columns},
    }


def _links() -> dict[str, pl.Expr]:
    return {
        "peer_tone_5": features.decayed_ratio("peer_tone", "peer_weight", 5),
        "partner_tone_20": features.decayed_ratio("partner_tone", "partner_weight", 20),
    }


def _twins() -> dict[str, pl.Expr]:
    return {"twin_tone_5": features.decayed_ratio("twin_tone", "twin_weight", 5)}


def _facts() -> dict[str, pl.Expr]:
    return {
        "stated_move_20": features.last("stated_move", within=20),
        "insider_trade_60": features.rolling_sum("insider_trade", 60),
        "northbound_flow_5": pl.col("northbound_flow"),
    }


def _sector_facts() -> dict[str, pl.Expr]:
    return {
        "sector_flow_20": pl.col("sector_flow"),
        "sector_move_20": pl.col("sector_move"),
        "sector_valuation_20": pl.col("sector_valuation"),
    }


def _prices() -> dict[str, pl.Expr]:
    return {
        "return_5": closed_bars.momentum(5),
        "momentum_250_20": closed_bars.momentum(250, skip=20),
        "volatility_20": closed_bars.volatility(20),
        "abnormal_volume_20": closed_bars.abnormal_volume(20),
        "high_proximity_250": closed_bars.high_proximity(250),
        "largest_return_20": closed_bars.largest_return(20),
        "illiquidity_60": closed_bars.illiquidity(60),
        "size_60": closed_bars.size(60),
        "beta_250": closed_bars.beta(250),
    }


def _reaction() -> dict[str, pl.Expr]:
    logs, told = pl.col("realized_return").log1p(), pl.col("n_mentions") > 0
    return {
        "news_return_20": features.rolling_sum(pl.when(told).then(logs), 20),
        "quiet_return_20": features.rolling_sum(pl.when(~told).then(logs), 20),
    }


def _momentum_of_tone() -> dict[str, pl.Expr]:
    return {"tone_change_5": features.change("tone_mean_5", 5), "tone_range_20": pl.col("tone_high_20") - pl.col("tone_low_20")}


def _market() -> dict[str, pl.Expr]:
    return {
        "market_tone_5": aggregates.others_mean("tone_mean_5"),
        "tone_beyond_market_5": aggregates.relative("tone_mean_5"),
        "market_dispersion_5": aggregates.section_dispersion("tone_mean_5"),
        "news_share_5": aggregates.share("news_5"),
    }


def _sector() -> dict[str, pl.Expr]:
    return {
        "sector_tone_5": aggregates.others_mean("tone_mean_5", "sector"),
        "tone_beyond_sector_5": aggregates.relative("tone_mean_5", "sector"),
        "sector_news_share_5": aggregates.share("news_5", "sector"),
    }


def _tone_and_price() -> dict[str, pl.Expr]:
    return {
        "reversal_5": -pl.col("return_5"),
        "tone_times_return_5": pl.col("tone_mean_5") * pl.col("return_5"),
        "tone_per_volatility_20": pl.when(pl.col("volatility_20") > 0).then(pl.col("tone_mean_5") / pl.col("volatility_20")),
    }


def _linked_symbols(mentions: pl.DataFrame, instruments: pl.DataFrame | None) -> dict[str, pl.DataFrame]:
    """Return the links of each kind, by the name of its columns."""
    links = {"peer": co_mentions(mentions), "partner": co_mentions(mentions, roles=("subject", "counterparty"))}
    return links if instruments is None else {**links, "twin": twins(instruments)}


def _stated(frame: pl.DataFrame, facts: pl.DataFrame, clock: pl.DataFrame) -> pl.DataFrame:
    moves = symbol_fact(facts, clock, "price_move", bases=("close", "intraday"))
    trades = symbol_fact(facts, clock, "insider_trade", unit="CNY")
    frame = frame.with_columns(mic=calendar_of(frame["symbol"]))
    for name, rows in (("stated_move", moves), ("insider_trade", trades)):
        frame = laid(frame, rows.rename({"value": name}), clock)
    mainland = clock.filter(pl.col("mic") == _WEEKLIES)
    market = market_fact(facts, mainland, "northbound_flow").rename({"value": "northbound_flow"}).drop("asof")
    frame = frame.join(market, on=["mic", "session"], how="left", maintain_order="left")
    if "sector" in frame.columns:
        for name, kind, unit in (
            ("sector_flow", "sector_flow", "CNY"),
            ("sector_move", "sector_move", "fraction"),
            ("sector_valuation", "valuation_percentile", "fraction"),
        ):
            rows = sector_fact(facts, mainland, kind, unit=unit).rename({"value": name}).drop("asof")
            frame = frame.join(rows, on=["mic", "session", "sector"], how="left", maintain_order="left")
    return frame


def _priced(
    frame: pl.DataFrame, bars: pl.DataFrame, clock: pl.DataFrame, benchmark: str | None, market: pl.DataFrame | None
) -> pl.DataFrame:
    """Price features are formed on the bars' own grid, so that a window reaches back before a symbol's first news."""
    closed = closed_bars.closed_bars(bars, clock, benchmark=benchmark, market=market)
    prices = by_symbol(closed).select("session", "realized_return", **_prices()).with_columns(closed["symbol"])
    return laid(frame, prices, clock)
