"""Where documents and bars come from: one module a shape or a vendor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Article", "Rejected"]


@dataclass(frozen=True, slots=True)
class Article:
    """A text as a source gave it, before dates are resolved and stories are matched.

    ``stamp`` is the publication time the format itself carries: an aware ``datetime``, or the literal string
    (RFC 822, ISO 8601, ``2024-07-29``); ``None`` when the only evidence is in the text. ``zone`` is the IANA zone
    a time without one is meant in. ``first_seen_at`` is a measurement of this one article, where an archive kept it.
    """

    kind: str
    source: str
    headline: str
    body: str
    url: str | None = None
    stamp: datetime | str | None = None
    zone: str = "Asia/Shanghai"
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that could not be read: set aside with a reason, never dropped."""

    source: str
    reason: str
    excerpt: str
