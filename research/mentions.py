"""The ``mentions`` table: one row a document and instrument, with its role and how much the document is about it."""

from __future__ import annotations

import polars as pl

from research.schemas import DOCUMENTS, MENTIONS

__all__ = ["ANNOTATOR", "mentions"]

ANNOTATOR = "linker@7"

#: weight of an asset class against a company when neither is in the headline
_CLASS_WEIGHT = {"equity": 1.0, "crypto": 0.9, "commodity": 0.75, "index": 0.75, "fx": 0.6, "rate": 0.6}
#: what follows a company in the headline, or a share in an article on its market, weighs so much of its own
_BEHIND = 0.75
_MARKET = r"[AB港美日韩欧台]股|股市|沪指|两市|大盘|收[盘评]|三大(?:股指|指数)|\b[Ss]tocks\b|\b[Mm]arkets\b|Wall Street"
_ROLE_WEIGHT = {"subject": 1.0, "counterparty": 0.75, "passing": 0.6, "source": 0.2}


def mentions(documents: pl.DataFrame, spans: pl.DataFrame, tones: pl.DataFrame) -> pl.DataFrame:
    """Return the ``mentions`` table: one row a document and instrument.

    Parameters
    ----------
    documents, spans
        Table ``documents`` and what :meth:`research.linking.Linker.spans` found in it.
    tones
        Columns doc_id, symbol, sentiment, confidence; an instrument without a row gets tone 0 with confidence 0.

    Notes
    -----
    Role: ``subject`` or ``counterparty`` where it is that anywhere, but ``source`` when most spans only quote it.
    Relevance in [0, 1] is ``weight(role) · weight(class) · (0.45 h + 0.3 f + 0.25 (1 − p))`` with h = 1 in the headline
    (less by a third towards its end), f = its spans as a share of the most frequent instrument's, p = first offset over
    length. In the headline every class weighs the same, but behind a company that stands there too nothing else outweighs it;
    below the headline a company outweighs an index or a commodity, unless the headline speaks of a whole market (A股, 股市) alone.
    A source is at most three quarters as relevant as the most relevant instrument that is none.
    """
    documents = DOCUMENTS.validate(documents)
    length = pl.col("headline").str.len_chars()
    texts = documents.select(
        "doc_id",
        "available_at",
        headline_length=length,
        length=length + 1 + pl.col("body").str.len_chars(),
        market=pl.col("headline").str.contains(_MARKET),
    )
    by_role = {role: (pl.col("role") == role).sum().alias(f"n_{role}") for role in _ROLE_WEIGHT}
    grouped = (
        spans.sort("doc_id", "start")
        .group_by("doc_id", "symbol", maintain_order=True)
        .agg(
            pl.col("surface").unique(maintain_order=True).alias("surfaces"),
            pl.col("in_headline").any(),
            pl.col("start").min().alias("first_offset"),
            pl.len().cast(pl.Int32).alias("n_mentions"),
            *by_role.values(),
        )
    )
    role = (
        pl.when(pl.col("n_source") * 2 > pl.col("n_mentions"), pl.col("n_source") > pl.col("n_subject"))
        .then(pl.lit("source"))
        .when(pl.col("n_subject") > 0)
        .then(pl.lit("subject"))
        .when(pl.col("n_counterparty") > 0)
        .then(pl.lit("counterparty"))
        .when(pl.col("n_source") * 3 >= pl.col("n_mentions"))
        .then(pl.lit("source"))
        .otherwise(pl.lit("passing"))
    )
    found = grouped.with_columns(role=role).join(texts, on="doc_id", how="inner", maintain_order="left")
    rated = found.with_columns(relevance=_relevance(), annotator=pl.lit(ANNOTATOR)).with_columns(relevance=_quoted_behind())
    toned = rated.join(
        tones.select("doc_id", "symbol", "sentiment", "confidence"), on=["doc_id", "symbol"], how="left", maintain_order="left"
    )
    table = toned.with_columns(pl.col("sentiment", "confidence").fill_null(0.0)).select(*MENTIONS.schema)
    return MENTIONS.validate(table.sort("doc_id", "symbol"))


def _relevance() -> pl.Expr:
    position = (pl.col("first_offset") / pl.col("length")).clip(0, 1)
    inside = 1 - 0.35 * pl.col("first_offset") / pl.col("headline_length").clip(lower_bound=1)
    headline = pl.when(pl.col("in_headline")).then(inside).otherwise(0.0)
    share = pl.col("n_mentions") / pl.col("n_mentions").max().over("doc_id")
    kind = _class()
    weight = kind.replace_strict(_CLASS_WEIGHT, return_dtype=pl.Float64)
    here = pl.col("in_headline")
    led = (here & (kind == "equity") & (pl.col("role") != "source")).any().over("doc_id")
    wrap = pl.col("market") & ~here.any().over("doc_id")
    weight = (
        pl.when(here)
        .then(pl.when(led & (kind != "equity")).then(_BEHIND).otherwise(1.0))
        .when(wrap)
        .then(pl.when(kind == "index").then(1.0).otherwise(weight * _BEHIND))
        .otherwise(weight)
    )
    role = pl.col("role").replace_strict(_ROLE_WEIGHT, return_dtype=pl.Float64)
    return (role * weight * (0.45 * headline + 0.3 * share + 0.25 * (1 - position))).clip(0, 1)


def _quoted_behind() -> pl.Expr:
    quoted = pl.col("role") == "source"
    most = pl.col("relevance").filter(~quoted).max().over("doc_id")
    return pl.when(quoted).then(pl.min_horizontal("relevance", _BEHIND * most)).otherwise("relevance")


def _class() -> pl.Expr:
    """Return the asset class that the way a symbol is written shows."""
    symbol = pl.col("symbol")
    return (
        pl.when(symbol.str.contains(r"^\^(?:TNX|TYX|FVX|IRX)$|^CFFEX:T|^[A-Z]{2}\d+Y$|^2YY=F$"))
        .then(pl.lit("rate"))
        .when(symbol.str.contains(r"^\^|^CFFEX:|^(?:000|93[0-9])[0-9]{3}\.SS$|^(?:399|980)[0-9]{3}\.SZ$|^899[0-9]{3}\.BJ$|\.(?:FGI|WI)$"))
        .then(pl.lit("index"))
        .when(symbol.str.contains(r"=X$|^DX-Y\.NYB$"))
        .then(pl.lit("fx"))
        .when(symbol.str.contains(r"=F$|:"))
        .then(pl.lit("commodity"))
        .when(symbol.str.contains(r"-USD$"))
        .then(pl.lit("crypto"))
        .otherwise(pl.lit("equity"))
    )
