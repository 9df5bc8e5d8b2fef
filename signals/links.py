"""Spill-over: the news of linked symbols, seen from the symbol they are linked to.

A link says that news of ``peer`` may matter for ``symbol``, with a weight: the same issuer's other listing (:func:`twins`) or a company
named in the same documents (:func:`co_mentions`). :func:`spillover` gathers the peers' news at the symbol's own cut-offs, so that a
Hong Kong listing's evening news reaches the A-share's next open and not its last one.
"""

from __future__ import annotations

import polars as pl

from research.errors import SchemaError
from research.instruments import in_effect
from research.schemas import INSTRUMENTS, MENTIONS
from signals.pointintime import assign_everywhere, calendar_of

__all__ = ["co_mentions", "spillover", "twins"]

_FIRST_OF_MONTH = "1mo"


def twins(instruments: pl.DataFrame) -> pl.DataFrame:
    """Return links ``symbol, peer, weight, valid_from, valid_to`` of issuers with two listings, weight 1, both ways.

    True for sessions from ``valid_from`` to ``valid_to`` (null: no end), as the master's row that names the twin; the other way round it
    is true as long.
    """
    rows = in_effect(INSTRUMENTS.validate(instruments)).filter(pl.col("twin").is_not_null())
    there = rows.select("symbol", pl.col("twin").alias("peer"), "valid_from", "valid_to")
    back = there.select(pl.col("peer").alias("symbol"), pl.col("symbol").alias("peer"), "valid_from", "valid_to")
    known = there.select("symbol", "peer").unique()
    back = back.join(known, on=["symbol", "peer"], how="anti")
    return pl.concat([there, back]).with_columns(weight=pl.lit(1.0)).sort("symbol", "peer", "valid_from")


def co_mentions(
    mentions: pl.DataFrame, *, months: int = 12, at_most: int = 10, peers: int = 20, roles: tuple[str, str] | None = None
) -> pl.DataFrame:
    """Return links ``symbol, peer, weight, valid_from, valid_to`` between symbols that the same documents name, month by month.

    Parameters
    ----------
    mentions
        The ``mentions`` table; role ``source`` does not count.
    months
        The links of a month rest on documents available in the ``months`` months before it, up to a day before it begins.
    at_most
        A document that names more symbols than this is a round-up and links nobody.
    peers
        The strongest links a symbol keeps in a month (ties by symbol).
    roles
        ``(role of the symbol, role of the peer)``, either way round: ``("subject", "counterparty")`` keeps business partners that a
        text states. Without it every two symbols of a document are linked.

    Returns
    -------
    DataFrame
        ``weight`` is the number of documents that name both; a link is true for the sessions of one month.
    """
    rows = MENTIONS.validate(mentions).filter(pl.col("role") != "source")
    # A document of the last day waits a month: no market opens its first session before that day is over in UTC.
    month = (pl.col("available_at") + pl.duration(days=1)).dt.date().dt.truncate(_FIRST_OF_MONTH)
    # Integers that sort as the symbols do: pairs are many.
    symbols = pl.Enum(rows["symbol"].unique().sort())
    few = rows.filter(pl.len().over("doc_id").is_between(2, at_most)).select("doc_id", pl.col("symbol").cast(symbols), "role", _month=month)
    pairs = few.join(few.select("doc_id", peer="symbol", peer_role="role"), on="doc_id").filter(pl.col("symbol") != pl.col("peer"))
    if roles is not None:
        one, other = roles
        pairs = pairs.filter(
            ((pl.col("role") == one) & (pl.col("peer_role") == other)) | ((pl.col("role") == other) & (pl.col("peer_role") == one))
        )
    counted = pairs.group_by("symbol", "peer", "_month").agg(weight=pl.len().cast(pl.Float64))
    every = (
        counted["_month"].unique().sort().to_frame().join(pl.DataFrame({"_ahead": pl.int_range(1, months + 1, eager=True)}), how="cross")
    )
    later = every.with_columns(valid_from=pl.col("_month").dt.offset_by(pl.format("{}mo", "_ahead"))).drop("_ahead")
    links = counted.join(later, on="_month").group_by("symbol", "peer", "valid_from").agg(pl.col("weight").sum())
    links = links.sort(["symbol", "valid_from", "weight", "peer"], descending=[False, False, True, False])
    links = links.filter(pl.int_range(pl.len()).over("symbol", "valid_from") < peers)
    text = (pl.col(name).cast(pl.String) for name in ("symbol", "peer"))
    return links.sort("symbol", "peer", "valid_from").select(
        *text, "valid_from", pl.col("valid_from").dt.month_end().alias("valid_to"), "weight"
    )


def spillover(mentions: pl.DataFrame, links: pl.DataFrame, cutoffs: pl.DataFrame, *, name: str) -> pl.DataFrame:
    r"""Return ``symbol, session`` with what the linked symbols' news of the session says, where they have news.

    Parameters
    ----------
    mentions
        The ``mentions`` table; role ``source`` does not count.
    links
        ``symbol, peer, weight, valid_from, valid_to``, from :func:`twins` or :func:`co_mentions`.
    cutoffs
        See :func:`signals.pointintime.cutoffs`.
    name
        Prefix of the columns.

    Returns
    -------
    DataFrame
        Sorted by symbol and session, with Float64 columns: ``<name>_tone`` = :math:`\sum_j c_j \sum w s` over peers *j* and their
        documents, ``<name>_weight`` = :math:`\sum_j c_j \sum w`, where *c* is the link's weight and *w* is relevance × confidence.
    """
    for column in ("symbol", "peer", "weight", "valid_from", "valid_to"):
        if column not in links.columns:
            raise SchemaError("links", column, f"columns {', '.join(links.columns)}", "the columns of twins() or co_mentions()")
    linked = links.with_columns(mic=calendar_of(links["symbol"])).filter(pl.col("weight") > 0)
    rows = MENTIONS.validate(mentions).filter(pl.col("role") != "source").join(linked, left_on="symbol", right_on="peer", how="semi")
    weight = pl.col("relevance") * pl.col("confidence")
    told = (
        assign_everywhere(rows.sort("symbol", "available_at", "doc_id"), cutoffs)
        .group_by("mic", "session", "symbol", maintain_order=True)
        .agg(net_tone=(weight * pl.col("sentiment")).sum(), tone_weight=weight.sum())
        .rename({"symbol": "peer"})
    )
    symbols = pl.Enum(pl.concat([linked["symbol"], linked["peer"]]).unique().sort())
    coded = [frame.with_columns(pl.col("^symbol|peer$").cast(symbols)) for frame in (told, linked)]
    # In the order of the peers' news, so that floats are added in one order.
    seen = _in_force(*coded).group_by("symbol", "session", maintain_order=True)
    share = pl.col("weight")
    summed = seen.agg(
        (share * pl.col("net_tone")).sum().alias(f"{name}_tone"),
        (share * pl.col("tone_weight")).sum().alias(f"{name}_weight"),
    )
    return summed.sort("symbol", "session").with_columns(pl.col("symbol").cast(pl.String))


def _in_force(told: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Join the peers' news with the links that are true on its session; those of one calendar month by their month, which is quicker."""
    keys = ["mic", "peer"]
    of_month = (pl.col("valid_from").dt.day() == 1) & (pl.col("valid_to") == pl.col("valid_from").dt.month_end())
    of_month = of_month.fill_null(False)
    news = told.with_columns(valid_from=pl.col("session").dt.truncate(_FIRST_OF_MONTH))
    by_month = news.join(links.filter(of_month), on=[*keys, "valid_from"], maintain_order="left_right")
    ends = pl.col("valid_to").is_null() | (pl.col("session") <= pl.col("valid_to"))
    by_span = told.join(links.filter(~of_month), on=keys, maintain_order="left_right")
    wanted = ["symbol", "session", "weight", "net_tone", "tone_weight"]
    return pl.concat([by_month.select(wanted), by_span.filter((pl.col("session") >= pl.col("valid_from")) & ends).select(wanted)])
