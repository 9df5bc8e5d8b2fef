"""From articles to the ``documents`` table: clocks, ids, languages and stories.

1. Resolve when each article was published (:func:`research.dates.publication`) within what its collector's clock allows.
2. Derive ``available_at``, the only clock a join may use (:func:`_clocks`).
3. Hash the content to an id; the same document is kept once, at its earliest availability.
4. Find the story and the novelty, looking back only (:func:`research.stories.assign`).

What cannot be dated or holds no text goes to ``quarantine`` with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from research import dates, stories
from research.cleaning import language
from research.errors import UsageError
from research.schemas import DOCUMENTS, QUARANTINE, content_id
from research.sources import Article, Rejected

__all__ = ["Built", "build", "dated", "quarantined"]

_EXACT = ("second", "minute", "day")
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Built:
    """What articles became: rows of ``documents`` that were not known yet, and rows of ``quarantine``."""

    documents: pl.DataFrame
    quarantine: pl.DataFrame


def build(
    articles: Iterable[Article],
    *,
    seen_at: datetime | None = None,
    latency: timedelta = timedelta(0),
    known: pl.DataFrame | None = None,
) -> Built:
    """Build documents.

    Parameters
    ----------
    articles
        In any order; the result does not depend on it.
    seen_at
        When a collector held all of them (aware): bounds publication from above and is the first-seen time of every article without one
        of its own. ``None`` for a back-fill: an article whose publication cannot be resolved is then quarantined.
    latency
        How long after publication the source delivers.
    known
        Rows of ``documents`` already stored. New rows are compared with them; rows with a known id are left out; known rows never change.

    Returns
    -------
    Built
        ``documents`` sorted by ``available_at, doc_id``; ``quarantine`` sorted by ``input_id``.

    Notes
    -----
    ============================================  ===========================================  ===========================
    the article                                   available_at                                 first_seen_at
    ============================================  ===========================================  ===========================
    with its own first-seen time, dated           max(not_after + latency, first seen)         its own
    with its own first-seen time, not dated       first seen                                   its own
    with ``seen_at``, dated                       not_after + latency                          ``seen_at``
    with ``seen_at``, not dated                   ``seen_at``                                  ``seen_at``
    of a back-fill, dated                         not_after + latency                          null
    ============================================  ===========================================  ===========================

    *Dated* is a precision of second, minute or day. A claim after the first-seen time is false: the article then counts as not dated.

    Raises
    ------
    UsageError
        When ``seen_at`` or an article's first-seen time has no zone, or ``latency`` is negative.
    """
    frame, quarantine = dated(articles, seen_at=seen_at, latency=latency)
    if known is not None and known.height:
        frame = frame.join(known.select("doc_id"), on="doc_id", how="anti")
    frame = frame.join(stories.assign(frame, known), on="doc_id", how="left", maintain_order="left")
    return Built(DOCUMENTS.validate(frame.sort("available_at", "doc_id")), quarantine)


def dated(
    articles: Iterable[Article], *, seen_at: datetime | None = None, latency: timedelta = timedelta(0)
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return documents without ``story_id`` and ``novelty``, each id once, and ``quarantine``: the first half of :func:`build`."""
    if seen_at is not None and seen_at.tzinfo is None:
        raise UsageError(f"seen_at came as {seen_at} without a zone; expected an aware time such as 2024-04-20T12:00:00+08:00.")
    if latency < timedelta(0):
        raise UsageError(f"latency came as {latency}; expected zero or more.")
    rows: list[dict[str, Any]] = []
    aside: list[dict[str, Any]] = []
    for article in articles:
        row = _row(article, seen_at, latency)
        if isinstance(row, str):
            aside.append(_quarantined(article, row, seen_at))
        else:
            rows.append(row)
    schema = {name: dtype for name, dtype in DOCUMENTS.schema.items() if name not in ("story_id", "novelty")}
    frame = pl.DataFrame(rows, schema=schema).sort("doc_id", "available_at", "first_seen_at", "url", nulls_last=True)
    frame = frame.unique("doc_id", keep="first", maintain_order=True)
    quarantine = pl.DataFrame(aside, schema=QUARANTINE.schema).unique("input_id", keep="first", maintain_order=True)
    return frame.sort("available_at", "doc_id"), QUARANTINE.validate(quarantine.sort("input_id"))


def quarantined(rejected: Iterable[Rejected], seen_at: datetime | None = None) -> pl.DataFrame:
    """Return the ``quarantine`` rows of inputs a parser rejected; the same input gives the same id."""
    rows = [
        {
            "input_id": content_id("rejected", r.source, r.reason, r.excerpt),
            "source": r.source,
            "reason": r.reason,
            "excerpt": r.excerpt[:_EXCERPT],
            "first_seen_at": None if seen_at is None else seen_at.astimezone(UTC),
        }
        for r in rejected
    ]
    frame = pl.DataFrame(rows, schema=QUARANTINE.schema).unique("input_id", keep="first", maintain_order=True)
    return QUARANTINE.validate(frame.sort("input_id"))


def _row(article: Article, seen_at: datetime | None, latency: timedelta) -> dict[str, Any] | str:
    """Return the document of one article without its story, or why there is none."""
    if not article.headline.strip() and not article.body.strip():
        return "The article has neither headline nor body; expected at least one of them: check the source."
    own = article.first_seen_at
    if own is not None and own.tzinfo is None:
        raise UsageError(f"The article {article.headline[:60]!r} was first seen at {own} without a zone; expected an aware time.")
    bounds = [clock for clock in (own, seen_at) if clock is not None]
    found = dates.publication(article.headline, article.body, article.stamp, article.zone, min(bounds) if bounds else None)
    if found is None:
        stamp = "no time" if article.stamp is None else f"the time {article.stamp!r}"
        return f"The article came with {stamp} and no seen time; expected a time, or a full date in its text: name when it was seen."
    first_seen, available_at = _clocks(found, own, seen_at, latency)
    exact = found.precision in _EXACT
    # The day's beginning names the day whatever the collector's clock cut off its end.
    claim = found.not_before if found.precision == "day" else found.published_at
    stated = claim.astimezone(UTC).isoformat() if exact else ""
    return {
        "doc_id": content_id(article.kind, article.source, article.headline, article.body, stated),
        "kind": article.kind,
        "source": article.source,
        "url": article.url,
        "language": language(f"{article.headline}\n{article.body}"),
        "headline": article.headline,
        "body": article.body,
        "published_at": found.published_at,
        "published_precision": found.precision,
        "published_not_before": found.not_before,
        "published_not_after": found.not_after,
        "first_seen_at": None if first_seen is None else first_seen.astimezone(UTC),
        "available_at": available_at.astimezone(UTC),
    }


def _clocks(
    found: dates.Publication, own: datetime | None, seen_at: datetime | None, latency: timedelta
) -> tuple[datetime | None, datetime]:
    """Return (first_seen_at, available_at); see the table in :func:`build`."""
    delivered = found.not_after + latency
    exact = found.precision in _EXACT
    if own is not None:
        return own, max(delivered, own) if exact else own
    if seen_at is not None:
        return seen_at, delivered if exact else seen_at
    return None, delivered


def _quarantined(article: Article, reason: str, seen_at: datetime | None) -> dict[str, Any]:
    seen = article.first_seen_at or seen_at
    return {
        "input_id": content_id("article", article.kind, article.source, article.headline, article.body, article.url, article.stamp),
        "source": article.source,
        "reason": reason,
        "excerpt": f"{article.headline}\n{article.body}".strip()[:_EXCERPT],
        "first_seen_at": None if seen is None else seen.astimezone(UTC),
    }
