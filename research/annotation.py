"""Documents read: one pass from texts to mentions, events and facts.

1. :meth:`research.linking.Linker.spans` finds the instruments a text names;
2. :func:`research.sentiment.tones` reads the tone towards each;
3. :func:`research.linking.mentions` gathers spans and tones by document and instrument;
4. :func:`research.events.extract` types what happened, :func:`research.facts.extract` reads the numbers stated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from research.events import extract as extract_events
from research.facts import extract as extract_facts
from research.linking import Linker, mentions
from research.schemas import DOCUMENTS, EVENTS, FACTS, MENTIONS
from research.sentences import BATCH
from research.sentiment import tones

__all__ = ["Annotation", "annotate"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """What was read: the tables ``mentions``, ``events``, ``facts``."""

    mentions: pl.DataFrame
    events: pl.DataFrame
    facts: pl.DataFrame


def annotate(documents: pl.DataFrame, linker: Linker, *, progress: Callable[[int], object] | None = None) -> Annotation:
    """Read every document.

    Parameters
    ----------
    documents
        ``documents`` table.
    linker
        Built from the security master.
    progress
        Called with the number of documents read since the last call.
    """
    read = [Annotation(MENTIONS.empty(), EVENTS.empty(), FACTS.empty())]
    for batch in DOCUMENTS.validate(documents).sort("doc_id").iter_slices(BATCH):
        spans = linker.spans(batch)
        named = mentions(batch, spans, tones(batch, spans))
        read.append(Annotation(named, extract_events(batch, spans, named), extract_facts(batch, spans)))
        if progress is not None:
            progress(batch.height)
    return Annotation(*(pl.concat([getattr(part, name) for part in read]) for name in ("mentions", "events", "facts")))
