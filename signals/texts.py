"""What was said of a symbol in a session, as one text: the input of :func:`signals.model.text_tone` and of a stored text model."""

from __future__ import annotations

import polars as pl

from signals.pointintime import assign

__all__ = ["CHARACTERS", "session_texts"]

#: characters of one document that are read
CHARACTERS = 3_000


def session_texts(mentions: pl.DataFrame, documents: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return ``session, symbol, asof, text`` of the symbols that have news in a session, sorted by session and symbol.

    Parameters
    ----------
    mentions
        ``mentions`` table; role ``source`` does not count.
    documents
        ``documents`` table, or any frame with ``doc_id`` and ``text``, or with ``doc_id, symbol, text``. Of a document headline and body
        are read up to :data:`CHARACTERS`.
    cutoffs
        See :func:`signals.pointintime.cutoffs`.

    Returns
    -------
    DataFrame
        The texts of a session follow each other in the order they became available, a line each.
    """
    told = mentions.filter(pl.col("role") != "source").select("doc_id", "symbol", "available_at")
    dated = assign(told, cutoffs).drop_nulls("session")
    texts = documents
    if "text" not in documents.columns:
        texts = documents.select("doc_id", text=pl.format("{}\n{}", "headline", "body").str.slice(0, CHARACTERS))
    joined = dated.join(texts, on=[name for name in ("doc_id", "symbol") if name in texts.columns], how="inner")
    ordered = joined.sort("session", "symbol", "available_at", "doc_id").group_by("session", "symbol", maintain_order=True)
    return ordered.agg(pl.col("asof").first(), pl.col("text").str.join("\n"))
