"""Mentions and events gathered by (session, symbol): the frame every feature is an expression over.

:func:`panel` gives the sums; ratios of them are what :mod:`signals.features` forms, so that a window of sessions weighs every document
and not every session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from research.errors import UsageError
from research.instruments import in_effect
from research.schemas import DOCUMENTS, EVENTS, INSTRUMENTS, MENTIONS
from signals.grid import grid, laid
from signals.pointintime import LEAD, assign, cutoffs

__all__ = ["event_column", "panel", "with_sectors"]

_KEY = ("symbol", "session")
_WEIGHT = pl.col("relevance") * pl.col("confidence")
_TONE = pl.col("sentiment")


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
    documents: pl.DataFrame | None = None,
    source_weights: Mapping[str, float] | None = None,
    event_types: Sequence[str] = (),
    columns: Sequence[str] = (),
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
    documents
        The documents of the mentions. With them come the columns of the second block below; a mention whose document is not among
        them adds nothing to those.
    source_weights
        Weight of each source in ``source_tone``; a source that is not named weighs 1.
    event_types
        Types (or whole groups) that get a count column of their own, named by :func:`event_column`.
    columns
        Which of the columns below are wanted; without it all. Fewer take less memory.
    lead, asof
        See :func:`signals.pointintime.cutoffs`.

    Returns
    -------
    DataFrame
        Sorted by symbol and session, with ``asof`` and these Float64 columns, sums over the documents (mentions) of the session; *w* is
        relevance × confidence, *s* the sentiment. Sums and counts are 0 on a session without news.

        ============== ==========================================================================================
        n_mentions     documents that name the symbol
        tone           Σ w s / Σ w; null without news
        tone_weight    Σ w
        net_tone       Σ w s
        tone_square    Σ w s²
        tone_max       highest s; null without news
        tone_min       lowest s; null without news
        n_positive     documents with s > 0
        n_negative     documents with s < 0
        n_headline     documents that name it in the headline
        n_subject      documents whose subject it is
        relevance      Σ relevance
        relevant_tone  Σ relevance × s
        confidence     Σ confidence
        confident_tone Σ confidence × s
        n_events       typed events about the symbol
        event_tone     Σ over events of relevance × novelty × confidence × sentiment
        event_<type>   events of the type, for each of ``event_types``
        ============== ==========================================================================================

        and with ``documents``

        ============== ==========================================================================================
        novelty        Σ novelty
        novel_tone     Σ w × novelty × s
        novel_weight   Σ w × novelty
        source_tone    Σ w × weight of the source × s
        n_new          documents that began a story (they are their own ``story_id``)
        n_sources      distinct sources
        n_announced    documents of kind ``announcement``
        story_run      sessions with news of a story up to this one, the largest over this session's stories; null without news
        ============== ==========================================================================================
    """
    clock = cutoffs(sessions, lead=lead, asof=asof)
    # Sorted, so that floats are added in one order whatever else the tables hold.
    known = assign(MENTIONS.validate(mentions).filter(pl.col("role") != "source"), clock).drop_nulls("session").sort(*_KEY, "doc_id")
    happened = assign(EVENTS.validate(events).filter(pl.col("symbol").is_not_null()), clock).drop_nulls("session")
    parts = [_mentioned(known), _happened(happened.sort(*_KEY, "event_id"), event_types)]
    if documents is not None:
        parts.append(_documented(known, DOCUMENTS.validate(documents), source_weights or {}))
    every = ["session", "symbol", "asof", *(name for part in parts for name in part.columns if name not in _KEY), "tone"]
    if unknown := [name for name in columns if name not in every]:
        raise UsageError(f"Column {unknown[0]!r} of the panel was asked for; with the tables given there are {', '.join(every[3:])}.")
    wanted = {*every[:3], *columns} if columns else set(every)
    needed = wanted | ({"net_tone", "tone_weight"} if "tone" in wanted else set())
    frame = grid(pl.concat([known.select(*_KEY), happened.select(*_KEY)]), clock)
    for part in parts:
        frame = laid(frame, part.select(name for name in part.columns if name in needed or name in _KEY), clock)
    absent = ("session", "symbol", "asof", "tone_max", "tone_min", "story_run")
    frame = frame.with_columns(pl.all().exclude(absent).fill_null(0.0))
    if "tone" in wanted:
        frame = frame.with_columns(tone=pl.when(pl.col("tone_weight") > 0).then(pl.col("net_tone") / pl.col("tone_weight")))
    return frame.select(name for name in every if name in wanted)


def with_sectors(frame: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` with the ``sector`` (String) its symbol had on the session; null where the master has none.

    Rows of ``instruments`` are used from ``valid_from`` to ``valid_to``. The classification is the master's own: a master that knows only
    today's sectors gives those for the past too.
    """
    rows = in_effect(INSTRUMENTS.validate(instruments)).select("symbol", "valid_from", "sector", "valid_to").sort("valid_from")
    left = frame.select("symbol", "session").with_row_index("_row").sort("session")
    joined = left.join_asof(rows, left_on="session", right_on="valid_from", by="symbol", strategy="backward", check_sortedness=False)
    in_force = pl.col("valid_to").is_null() | (pl.col("session") <= pl.col("valid_to"))
    return frame.with_columns(joined.select("_row", sector=pl.when(in_force).then("sector")).sort("_row")["sector"])


def _mentioned(known: pl.DataFrame) -> pl.DataFrame:
    return known.group_by(_KEY, maintain_order=True).agg(
        n_mentions=pl.len().cast(pl.Float64),
        tone_weight=_WEIGHT.sum(),
        net_tone=(_WEIGHT * _TONE).sum(),
        tone_square=(_WEIGHT * _TONE**2).sum(),
        tone_max=_TONE.max(),
        tone_min=_TONE.min(),
        n_positive=_count(_TONE > 0),
        n_negative=_count(_TONE < 0),
        n_headline=_count(pl.col("in_headline")),
        n_subject=_count(pl.col("role") == "subject"),
        relevance=pl.col("relevance").sum(),
        relevant_tone=(pl.col("relevance") * _TONE).sum(),
        confidence=pl.col("confidence").sum(),
        confident_tone=(pl.col("confidence") * _TONE).sum(),
    )


def _happened(happened: pl.DataFrame, event_types: Sequence[str]) -> pl.DataFrame:
    counts = [_count(_matches(kind)).alias(event_column(kind)) for kind in event_types]
    return happened.group_by(_KEY, maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("n_events"),
        (_WEIGHT * pl.col("novelty") * _TONE).sum().alias("event_tone"),
        *counts,
    )


def _documented(known: pl.DataFrame, documents: pl.DataFrame, source_weights: Mapping[str, float]) -> pl.DataFrame:
    columns = documents.select("doc_id", "source", "story_id", "kind", "novelty")
    rows = known.join(columns, on="doc_id", how="inner").sort(*_KEY, "doc_id")
    trust = pl.col("source").replace_strict(dict(source_weights), default=1.0, return_dtype=pl.Float64) if source_weights else pl.lit(1.0)
    told = rows.select(*_KEY, "story_id").unique().sort("session")
    runs = told.with_columns(story_run=pl.int_range(1, pl.len() + 1).cast(pl.Float64).over("symbol", "story_id", order_by="session"))
    return (
        rows.group_by(_KEY, maintain_order=True)
        .agg(
            pl.col("novelty").sum(),
            novel_tone=(_WEIGHT * pl.col("novelty") * _TONE).sum(),
            novel_weight=(_WEIGHT * pl.col("novelty")).sum(),
            source_tone=(_WEIGHT * trust * _TONE).sum(),
            n_new=_count(pl.col("story_id") == pl.col("doc_id")),
            n_sources=pl.col("source").n_unique().cast(pl.Float64),
            n_announced=_count(pl.col("kind") == "announcement"),
        )
        .join(runs.group_by(_KEY).agg(pl.col("story_run").max()), on=_KEY, how="left")
    )


def _count(where: pl.Expr) -> pl.Expr:
    return where.sum().cast(pl.Float64)


def _matches(kind: str) -> pl.Expr:
    if not kind:
        raise UsageError("An event type came empty; expected `group` or `group.type`.")
    return (pl.col("event_type") == kind) | pl.col("event_type").str.starts_with(kind + ".")
