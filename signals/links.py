"""Spill-over: the news of linked symbols, seen from the symbol they are linked to.

A link says that news of ``peer`` may matter for ``symbol``, with a weight: the same issuer's other listing (:func:`twins`) or a company
named in the same documents (:func:`co_mentions`). :func:`spillover` gathers the peers' news at the symbol's own cut-offs, so that a
Hong Kong listing's evening news reaches the A-share's next open and not its last one.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from research.errors import SchemaError, UsageError
from research.instruments import in_effect
from research.schemas import INSTRUMENTS, MENTIONS
from signals.pointintime import assign_everywhere, calendar_of

__all__ = ["co_mentions", "seen_by", "spillover", "told_of", "twins"]

_FIRST_OF_MONTH = "1mo"
#: more days than a date has since 1970
_DAYS = 1 << 24


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

    Raises
    ------
    UsageError
        When symbols² × months × documents of a pair reach 2⁶³.
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
    counted = pairs.group_by("symbol", "peer", "_month").agg(_count=pl.len())
    return _strongest(counted, symbols.categories, months, peers)


def _strongest(counted: pl.DataFrame, names: pl.Series, months: int, peers: int) -> pl.DataFrame:
    """Sum the counts of the months before each month and keep its strongest links.

    Symbol, peer, month and weight are digits of one integer that sorts as they do: the rows are many, and integers sort fastest.
    """
    n = max(len(names), 1)
    one, other = (counted[name].to_physical().cast(pl.Int64).to_numpy() for name in ("symbol", "peer"))
    date = counted["_month"].dt
    month = (date.year().cast(pl.Int64) * 12 + date.month().cast(pl.Int64) - 1).to_numpy()
    first = int(month.min()) if len(month) else 0
    span = int(np.ptp(month)) + months + 1 if len(month) else 1
    count = counted["_count"].cast(pl.Int64).to_numpy()
    most = int(count.max(initial=0)) + 1
    _require_room(n, span, most)
    ahead = ((one * n + other) * span + month - first)[:, None] + np.arange(1, months + 1)
    link, count = np.divmod(np.sort((ahead * most + count[:, None]).ravel()), most)
    begins = np.flatnonzero(np.diff(link, prepend=-1))
    weight, link = np.add.reduceat(count, begins) if len(begins) else count, link[begins]
    pair, month = np.divmod(link, span)
    one, other = np.divmod(pair, n)
    most = int(weight.max(initial=0)) + 1
    _require_room(n, span, most)
    ranked = np.sort(((one * span + month) * most + most - 1 - weight) * n + other)
    begins = np.flatnonzero(np.diff(ranked // (most * n), prepend=-1))
    ranked = ranked[np.arange(len(ranked)) - np.repeat(begins, np.diff(begins, append=len(ranked))) < peers]
    rest, other = np.divmod(ranked, n)
    rest, lack = np.divmod(rest, most)
    one, month = np.divmod(rest, span)
    link, weight = np.divmod(np.sort(((one * n + other) * span + month) * most + most - 1 - lack), most)
    pair, month = np.divmod(link, span)
    one, other = np.divmod(pair, n)
    found = pl.DataFrame({"symbol": names.gather(one), "peer": names.gather(other), "_month": month + first, "weight": weight})
    valid_from = pl.date(pl.col("_month") // 12, pl.col("_month") % 12 + 1, 1)
    return found.select(
        "symbol", "peer", valid_from=valid_from, valid_to=valid_from.dt.month_end(), weight=pl.col("weight").cast(pl.Float64)
    )


def _require_room(symbols: int, months: int, documents: int) -> None:
    """Refuse what does not fit into one whole number: two symbols, a month and a count of documents."""
    if symbols * symbols * months * documents >= 2**63:
        raise UsageError(
            f"Links among {symbols:,} symbols over {months:,} months with up to {documents - 1:,} shared documents do not fit into whole "
            "numbers of 64 bits; expected fewer: pass the mentions of one market or of a shorter span, or fewer months."
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
    told = MENTIONS.validate(mentions).join(_checked(links), left_on="symbol", right_on="peer", how="semi")
    return seen_by(told_of(told, cutoffs), links, name=name)


def told_of(mentions: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return ``mic, session, peer, net_tone, tone_weight``: each symbol's news by the sessions of every market, for :func:`seen_by`."""
    rows = mentions.filter(pl.col("role") != "source").sort("symbol", "available_at", "doc_id")
    weight = pl.col("relevance") * pl.col("confidence")
    values = rows.select("symbol", "available_at", net_tone=weight * pl.col("sentiment"), tone_weight=weight)
    summed = assign_everywhere(values, cutoffs).group_by("mic", "session", "symbol", maintain_order=True)
    return summed.agg(pl.col("net_tone", "tone_weight").sum()).rename({"symbol": "peer"})


def seen_by(told: pl.DataFrame, links: pl.DataFrame, *, name: str) -> pl.DataFrame:
    """Return :func:`spillover` from the news of :func:`told_of`: that is formed once, however many links look at it."""
    linked = _checked(links).with_columns(mic=calendar_of(links["symbol"])).filter(pl.col("weight") > 0)
    told = told.join(linked, on="peer", how="semi", maintain_order="left")
    symbols, days = linked["symbol"].unique().sort(), told["session"].unique().sort()
    seen = _in_force(
        told.with_columns(_day=pl.col("session").rank("dense") - 1), linked.with_columns(pl.col("symbol").cast(pl.Enum(symbols)))
    )
    # In the order of the peers' news, so that floats are added in one order.
    at = seen["symbol"].to_physical().cast(pl.Int64).to_numpy() * len(days) + seen["_day"].to_numpy()
    known = np.flatnonzero(np.bincount(at))
    sums = (np.bincount(at, weights=(seen["weight"] * seen[of]).to_numpy()).astype(np.float64)[known] for of in ("net_tone", "tone_weight"))
    place, day = np.divmod(known, max(len(days), 1))
    return pl.DataFrame(
        {"symbol": symbols.gather(place), "session": days.gather(day), **dict(zip((f"{name}_tone", f"{name}_weight"), sums, strict=True))}
    )


def _checked(links: pl.DataFrame) -> pl.DataFrame:
    for column in ("symbol", "peer", "weight", "valid_from", "valid_to"):
        if column not in links.columns:
            raise SchemaError("links", column, f"columns {', '.join(links.columns)}", "the columns of twins() or co_mentions()")
    return links


def _in_force(told: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Join the peers' news with the links that are true on its session; those of one calendar month by their month, which is quicker."""
    peers, mics = (pl.Enum(pl.concat([told[name].unique(), links[name].unique()]).unique().sort()) for name in ("peer", "mic"))
    # Market, peer and month as one number: a join of one integer.
    who = pl.col("mic").cast(mics).to_physical().cast(pl.Int64) * len(peers.categories) + pl.col("peer").cast(peers).to_physical()
    of_month = (pl.col("valid_from").dt.day() == 1) & (pl.col("valid_to") == pl.col("valid_from").dt.month_end())
    of_month = of_month.fill_null(False)
    month = (pl.col("session").dt.truncate(_FIRST_OF_MONTH).to_physical(), pl.col("valid_from").to_physical())
    news, linked = told.with_columns(_who=who), links.with_columns(_who=who)
    monthly = [
        frame.with_columns(_key=pl.col("_who") * _DAYS + day) for frame, day in zip((news, linked.filter(of_month)), month, strict=True)
    ]
    ends = pl.col("valid_to").is_null() | (pl.col("session") <= pl.col("valid_to"))
    wanted = ["symbol", "_day", "weight", "net_tone", "tone_weight"]
    by_month = (
        monthly[0]
        .select("_key", *wanted[3:], "_day")
        .join(monthly[1].select("_key", "symbol", "weight"), on="_key", maintain_order="left_right")
    )
    by_span = news.join(linked.filter(~of_month), on="_who", maintain_order="left_right")
    return pl.concat([by_month.select(wanted), by_span.filter((pl.col("session") >= pl.col("valid_from")) & ends).select(wanted)])
