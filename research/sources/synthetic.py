"""An embedded market whose truth is known: invented companies, real trading calendars, dated news with planted effects.

1. ``_schedule`` gives every issuer a sequence of events, more than twelve sessions apart and none in the first 260 sessions.
2. Day 0 of an event is the first session whose close is after the event's news was available.
3. :mod:`research.sources.synthetic_bars` adds the planted return, spread evenly over ``days`` sessions from day 0, to the simple return.
4. :mod:`research.sources.synthetic_news` writes the articles: originals, rephrasings, late and back-filled copies, denials, colour.

Nothing here is data about the world; see ``research/data/synthetic_market.toml`` for why no symbol is a real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.calendar import mic_of, sessions
from research.errors import UsageError
from research.schemas import BARS, INSTANT, SESSIONS, content_id
from research.sources import Article
from research.sources.synthetic_bars import Listings, factors, simulate
from research.sources.synthetic_companies import MARKETS, companies, configuration, effects, instruments, lifetimes, market_of
from research.sources.synthetic_news import Story, newsroom, write_news

__all__ = ["Paths", "SyntheticMarket", "market", "write"]

ESTIMATION = 260  # sessions before the first event
APART = 12  # sessions two events of one symbol are at least more than apart
TAIL = 25  # sessions after the last event: its window must be complete

Instants = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SyntheticMarket:
    """The embedded market.

    Attributes
    ----------
    instruments, bars, sessions
        As the tables of those names; bars hold one benchmark index a market, sessions are those of XSHG, XHKG and XNYS.
    articles
        Every text, by availability. ``stamp`` is ``None`` for a portal's, whose only date is in the text.
    labels
        ``id, symbol?, event_type?, origin``: what each article is. ``origin`` is
        ``original|rephrased|late|backfilled|denied|plain|ambiguous``; an event article has one row a symbol, ``event_type`` is
        null where a reader should find no event.
    truth
        ``event_id, symbol, mic, event_type, published_at, available_at, day0, planted, days``: ``planted`` is the sum over sessions
        day 0 … day 0 + ``days`` - 1 of the abnormal simple return. ``available_at`` is that of the earliest article.
    effects
        ``event_type, planted, days``.
    benchmarks
        Market identifier -> symbol of its index.
    """

    instruments: pl.DataFrame
    bars: pl.DataFrame
    sessions: pl.DataFrame
    articles: tuple[Article, ...]
    labels: pl.DataFrame
    truth: pl.DataFrame
    effects: pl.DataFrame
    benchmarks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where :func:`write` put the files."""

    archive: Path
    feed: Path
    portal: Path
    bars: Path
    instruments: Path
    truth: Path


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Sessions of one market as arrays: dates, and opens and closes in microseconds."""

    frame: pl.DataFrame
    opens: Instants
    closes: Instants

    def day0(self, available: int) -> int:
        """Return the index of the first session whose close is after ``available``."""
        return int(np.searchsorted(self.closes, available, side="right"))


def market(*, seed: int = 7, start: date = date(2022, 1, 4), end: date = date(2024, 12, 31), noise: float = 1.0) -> SyntheticMarket:
    """Build the embedded market; the same arguments give the same market.

    Parameters
    ----------
    seed
        Of everything random.
    start, end
        First and last calendar day.
    noise
        Multiplies the idiosyncratic part of returns. At 0 a return is beta times the benchmark's plus what was planted.

    Raises
    ------
    UsageError
        When the span is too short to hold an estimation period and events.
    """
    calendars = {name: _calendar(mic, start, end) for name, (mic, _) in MARKETS.items()}
    shortest = min(len(calendar.closes) for calendar in calendars.values())
    if shortest < ESTIMATION + 3 * TAIL:
        least = ESTIMATION + 3 * TAIL
        raise UsageError(f"The embedded market was asked for {shortest} sessions ({start} to {end}); expected {least}: take a longer span.")
    timing, texts, prices = (np.random.default_rng(sequence) for sequence in np.random.SeedSequence(seed).spawn(3))
    config = configuration()
    open_days = {name: calendar.frame["session"].to_list() for name, calendar in calendars.items()}
    listed = instruments(open_days)
    span = (int(calendars["cn"].opens[0]), int(calendars["cn"].closes[-1]))
    drawn = _schedule(config, calendars, timing)
    articles, labels, stories = newsroom(drawn, companies(), lifetimes(listed), span, open_days, texts)
    truth = _truth(config, stories, calendars)
    return SyntheticMarket(
        instruments=listed,
        bars=_bars(config, calendars, truth, prices, noise),
        sessions=SESSIONS.validate(pl.concat([calendar.frame for calendar in calendars.values()]).sort("mic", "session")),
        articles=articles,
        labels=labels,
        truth=truth.drop("_row", "_during"),
        effects=effects(),
        benchmarks=MappingProxyType(dict(config["benchmarks"])),
    )


def write(market: SyntheticMarket, folder: Path) -> Paths:
    """Write the files a user would have: an archive, a feed and a portal page of news, bars, instruments and the truth.

    The archive is JSONL with ``id, source, kind, headline, body, url, published_at, first_seen_at`` (null for a back-fill).
    Every article is in exactly one of the three.
    """
    folder = Path(folder)
    (folder / "news").mkdir(parents=True, exist_ok=True)
    archive, feed, portal = write_news(market.articles, folder / "news")
    paths = Paths(archive, feed, portal, folder / "bars.parquet", folder / "instruments.parquet", folder / "truth.parquet")
    market.bars.write_parquet(paths.bars)
    market.instruments.write_parquet(paths.instruments)
    market.truth.write_parquet(paths.truth)
    return paths


def _calendar(mic: str, start: date, end: date) -> _Calendar:
    frame = sessions(mic, start, end)
    return _Calendar(frame, frame["open_at"].dt.epoch("us").to_numpy(), frame["close_at"].dt.epoch("us").to_numpy())


def _schedule(config: Mapping[str, Any], calendars: Mapping[str, _Calendar], rng: np.random.Generator) -> list[Story]:
    """Draw the events of every issuer; a pair of twin listings shares its events and counts under the mainland symbol."""
    types = sorted(config["effects"])
    stories = []
    for entry in config["instrument"]:
        symbol, twin = entry["symbol"], entry.get("twin")
        name = market_of(symbol)
        if twin and name == "hk":
            continue
        calendar = calendars[name]
        end = int(len(calendar.closes) * entry["delisted"]) if "delisted" in entry else len(calendar.closes)
        margin = 8 if twin else 0  # the two calendars count the same days differently
        at = ESTIMATION + margin + int(rng.integers(0, 20))
        queue: list[str] = []
        while at < end - TAIL - margin:
            queue = queue or [types[i] for i in rng.permutation(len(types))]
            published, first_seen, available = _clock(calendar, at, rng)
            stories.append(Story((symbol, twin) if twin else (symbol,), queue.pop(), published, first_seen, available))
            at += APART + 1 + margin + int(rng.integers(0, 20))
    return stories


def _clock(calendar: _Calendar, at: int, rng: np.random.Generator) -> tuple[int, int | None, int]:
    """Draw (published, first seen or None, available) in microseconds so that day 0 is session ``at``."""
    minute = 60
    before, opens, closes = (int(instant) // 1_000_000 for instant in (calendar.closes[at - 1], calendar.opens[at], calendar.closes[at]))
    slot = rng.random()
    if opens - before > 40 * 60 * minute and slot < 0.35:  # a weekend or a holiday
        available = int(rng.integers(before + 12 * 60 * minute, opens - 10 * 60 * minute))
    elif slot < 0.55:
        available = int(rng.integers(opens + 5 * minute, closes - 15 * minute))
    elif slot < 0.78:
        available = before + int(rng.integers(10 * minute, 300 * minute))
    else:
        available = opens - int(rng.integers(10 * minute, 150 * minute))
    how = rng.random()
    if how < 0.2:  # back-filled: the publication time is exact, nobody measured when it was seen
        return available * 1_000_000, None, available * 1_000_000
    delay = int(rng.integers(3 * 60 * minute, 60 * 60 * minute)) if how < 0.35 else int(rng.integers(20, 180))
    return (available - delay) * 1_000_000, available * 1_000_000, available * 1_000_000


def _truth(config: Mapping[str, Any], stories: list[Story], calendars: Mapping[str, _Calendar]) -> pl.DataFrame:
    rows = []
    for story in stories:
        effect = config["effects"][story.event_type]
        for symbol in story.symbols:
            calendar = calendars[market_of(symbol)]
            row = calendar.day0(story.available)
            during = bool(story.available >= calendar.opens[row])
            identity = content_id("synthetic", symbol, story.event_type, story.available)
            rows.append(
                (
                    identity,
                    symbol,
                    mic_of(symbol),
                    story.event_type,
                    story.published,
                    story.available,
                    calendar.frame["session"][row],
                    effect["total"],
                    effect["days"],
                    row,
                    during,
                )
            )
    names = ("event_id", "symbol", "mic", "event_type", "published_at", "available_at", "day0", "planted", "days", "_row", "_during")
    kinds = (pl.String, pl.String, pl.String, pl.String, pl.Int64, pl.Int64, pl.Date, pl.Float64, pl.Int32, pl.Int64, pl.Boolean)
    frame = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    return frame.with_columns(pl.from_epoch(pl.col("published_at", "available_at"), time_unit="us").cast(INSTANT)).sort("day0", "symbol")


def _bars(
    config: Mapping[str, Any], calendars: Mapping[str, _Calendar], truth: pl.DataFrame, rng: np.random.Generator, noise: float
) -> pl.DataFrame:
    every_day = sorted({day for calendar in calendars.values() for day in calendar.frame["session"]})
    place = {day: i for i, day in enumerate(every_day)}
    drawn = factors(len(every_day), rng)
    parts = []
    for column, (name, (_, currency)) in enumerate(MARKETS.items()):
        calendar = calendars[name]
        moves = drawn[[place[day] for day in calendar.frame["session"]], column]
        entries = [entry for entry in config["instrument"] if market_of(entry["symbol"]) == name]
        shares = _listings(entries, name, currency, calendar, truth, rng)
        index = [entry for entry in config["index"] if market_of(entry["symbol"]) == name]
        empty = np.zeros((len(moves), len(index)))
        benchmark = Listings(
            symbols=tuple(entry["symbol"] for entry in index),
            currency=currency,
            first_price=np.array([float(entry["price"]) for entry in index]),
            beta=np.ones(len(index)),
            sigma=np.zeros(len(index)),
            planted=empty,
            open_share=empty,
            suspended=empty > 0,
            payout=empty,
            last=np.full(len(index), len(moves) - 1),
            limited=False,
        )
        parts += [simulate(calendar.frame, moves, listings, noise=noise, rng=rng) for listings in (benchmark, shares)]
    return BARS.validate(pl.concat(parts).sort("symbol", "session"))


def _listings(
    entries: list[dict[str, Any]], name: str, currency: str, calendar: _Calendar, truth: pl.DataFrame, rng: np.random.Generator
) -> Listings:
    symbols = tuple(entry["symbol"] for entry in entries)
    shape = (len(calendar.closes), len(symbols))
    planted, open_share, payout = (np.zeros(shape) for _ in range(3))
    events: list[list[int]] = [[] for _ in symbols]
    for symbol, total, days, row, during in (
        truth.filter(pl.col("symbol").is_in(symbols)).select("symbol", "planted", "days", "_row", "_during").rows()
    ):
        at = symbols.index(symbol)
        events[at].append(row)
        planted[row : row + days, at] = total / days
        # An open cannot know what is published later that day; the rest of the drift falls partly overnight.
        open_share[row : row + days, at] = 0.4
        open_share[row, at] = 0.0 if during else 0.4
    suspended = _suspensions(shape, events, rng) if name != "us" else np.zeros(shape, dtype=np.bool_)
    for at in rng.permutation(len(symbols))[: len(symbols) // 2]:
        for row in range(int(rng.integers(60, 180)), shape[0], 243):
            if not suspended[row, at]:
                payout[row, at] = round(float(rng.uniform(0.008, 0.035)), 4)
    last = np.array([int(len(calendar.closes) * entry["delisted"]) if "delisted" in entry else shape[0] - 1 for entry in entries])
    prices, beta, sigma = (
        np.array([float(entry["price"]) for entry in entries]),
        rng.uniform(0.75, 1.25, shape[1]),
        rng.uniform(0.014, 0.022, shape[1]),
    )
    return Listings(symbols, currency, prices, beta, sigma, planted, open_share, suspended, payout, last, limited=name == "cn")


def _suspensions(shape: tuple[int, int], events: list[list[int]], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw a few suspensions of three to eight sessions that touch no event: half in the first year, half wherever there is room."""
    suspended = np.zeros(shape, dtype=np.bool_)
    for number, at in enumerate(rng.permutation(shape[1])[:8]):
        for _ in range(40):
            row, length = int(rng.integers(30, 250) if number % 2 else rng.integers(250, shape[0] - 15)), int(rng.integers(3, 9))
            if all(day < row - 8 or day > row + length + 5 for day in events[at]):
                suspended[row : row + length, at] = True
                break
    return suspended
