"""Mentions and events gathered by (session, symbol): the frame every feature is an expression over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from research.errors import UsageError
from research.schemas import EVENTS, MENTIONS
from signals.pointintime import LEAD, assign, calendar_of, cutoffs
from signals.schemas import FEATURES

__all__ = ["event_column", "panel"]


def event_column(event_type: str) -> str:
    """Return the panel column that counts an event type.

    >>> event_column("guidance.cut")
    'event_guidance_cut'
    """
    return "event_" + event_type.replace(".", "_")


def panel(
    events: pl.DataFrame,
    mentions: pl.DataFrame,
    sessions: pl.DataFrame,
    *,
    event_types: Sequence[str] = (),
    lead: timedelta = LEAD,
    asof: datetime | str | None = None,
) -> pl.DataFrame:
    """Return one row per (session, symbol) from the symbol's first news on.

    Parameters
    ----------
    events, mentions
        Tables of :mod:`research`. Mentions whose role is ``source`` (a broker or an agency that is only quoted) do not count.
    sessions
        Sessions of the markets wanted; symbols of other markets are left out.
    event_types
        Types (or whole groups) that get a count column of their own, named by :func:`event_column`.
    lead, asof
        See :func:`signals.pointintime.cutoffs`.

    Returns
    -------
    DataFrame
        Sorted by symbol and session, with ``asof`` and these Float64 columns:

        ============= ===========================================================================================
        n_mentions    documents that name the symbol (0 on a day without news)
        tone          mean sentiment of those documents weighted by relevance × confidence; null without news
        tone_weight   the sum of those weights
        net_tone      the sum of weight × sentiment (0 without news)
        n_events      typed events about the symbol
        event_tone    sum over events of relevance × novelty × confidence × sentiment
        event_<type>  number of events of the type, for each of ``event_types``
        ============= ===========================================================================================
    """
    clock = cutoffs(sessions, lead=lead, asof=asof)
    known = assign(MENTIONS.validate(mentions).filter(pl.col("role") != "source"), clock).drop_nulls("session")
    weight = pl.col("relevance") * pl.col("confidence")
    news = known.group_by("session", "symbol").agg(
        n_mentions=pl.len().cast(pl.Float64),
        tone_weight=weight.sum(),
        net_tone=(weight * pl.col("sentiment")).sum(),
    )
    happened = assign(EVENTS.validate(events).filter(pl.col("symbol").is_not_null()), clock).drop_nulls("session")
    counts = [_matches(kind).sum().cast(pl.Float64).alias(event_column(kind)) for kind in event_types]
    typed = happened.group_by("session", "symbol").agg(
        pl.len().cast(pl.Float64).alias("n_events"),
        (pl.col("relevance") * pl.col("novelty") * pl.col("confidence") * pl.col("sentiment")).sum().alias("event_tone"),
        *counts,
    )
    zero = ["n_mentions", "tone_weight", "net_tone", "n_events", "event_tone", *map(event_column, event_types)]
    frame = (
        _grid(pl.concat([known.select("symbol", "session"), happened.select("symbol", "session")]), clock)
        .join(news, on=["session", "symbol"], how="left")
        .join(typed, on=["session", "symbol"], how="left")
        .with_columns(pl.col(zero).fill_null(0.0))
        .with_columns(tone=pl.when(pl.col("tone_weight") > 0).then(pl.col("net_tone") / pl.col("tone_weight")))
        .sort("symbol", "session")
    )
    return FEATURES.validate(frame)


def _matches(kind: str) -> pl.Expr:
    if not kind:
        raise UsageError("An event type came empty; expected `group` or `group.type`.")
    return (pl.col("event_type") == kind) | pl.col("event_type").str.starts_with(kind + ".")


def _grid(seen: pl.DataFrame, clock: pl.DataFrame) -> pl.DataFrame:
    """Every session of a symbol's market from its first news on: before it nothing was known, so there is no row."""
    first = seen.group_by("symbol").agg(first=pl.col("session").min()).sort("symbol")
    first = first.with_columns(mic=calendar_of(first["symbol"]))
    return first.join(clock, on="mic", how="inner").filter(pl.col("session") >= pl.col("first")).select("session", "symbol", "asof")
