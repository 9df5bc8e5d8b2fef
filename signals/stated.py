"""What the texts state in numbers, by session: of symbols, of sectors, of the whole market.

A broker's weekly says how much money went into which industry and where its valuation stands in its history. Such a number has no symbol:
it is a fact of a sector, known from its cut-off on until a newer one is stated or it is too old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import polars as pl

from research.errors import UsageError
from research.schemas import FACT_KINDS, FACTS
from signals.pointintime import assign, assign_everywhere

__all__ = ["INDUSTRIES", "market_fact", "sector_fact", "symbol_fact"]

#: first-level industries of Shenwan (2021) and the GICS sector each mostly belongs to, as the shipped master writes it
INDUSTRIES: Mapping[str, str] = MappingProxyType(
    {
        "电子": "Information Technology", "计算机": "Information Technology",
        "通信": "Communication Services", "传媒": "Communication Services",
        "医药生物": "Health Care", "医药": "Health Care", "美容护理": "Consumer Staples",
        "食品饮料": "Consumer Staples", "农林牧渔": "Consumer Staples",
        "家用电器": "Consumer Discretionary", "汽车": "Consumer Discretionary", "商贸零售": "Consumer Discretionary",
        "社会服务": "Consumer Discretionary", "纺织服饰": "Consumer Discretionary", "轻工制造": "Consumer Discretionary",
        "银行": "Financials", "非银金融": "Financials", "房地产": "Real Estate",
        "电力设备": "Industrials", "机械设备": "Industrials", "国防军工": "Industrials", "建筑装饰": "Industrials",
        "交通运输": "Industrials", "环保": "Industrials",
        "基础化工": "Materials", "钢铁": "Materials", "有色金属": "Materials", "建筑材料": "Materials",
        "煤炭": "Energy", "石油石化": "Energy", "公用事业": "Utilities",
    }
)  # fmt: skip


def symbol_fact(
    facts: pl.DataFrame, cutoffs: pl.DataFrame, kind: str, *, unit: str = "fraction", bases: Sequence[str] = ()
) -> pl.DataFrame:
    """Return ``symbol, session, value``: the mean of the session's facts of ``kind`` and ``unit`` about the symbol.

    ``bases`` keeps the moves that span one of these (a move without a basis stays); without it all are kept. A session without such a
    fact has no row.
    """
    rows = _of_kind(facts, kind, unit).filter(pl.col("symbol").is_not_null())
    if bases:
        rows = rows.filter(pl.col("basis").is_null() | pl.col("basis").is_in(list(bases)))
    dated = assign(rows, cutoffs).drop_nulls("session").sort("symbol", "session", "fact_id")
    return dated.group_by("symbol", "session", maintain_order=True).agg(pl.col("value").mean())


def sector_fact(
    facts: pl.DataFrame, cutoffs: pl.DataFrame, kind: str, *, unit: str = "CNY", keep: int = 20, sectors: Mapping[str, str] = INDUSTRIES
) -> pl.DataFrame:
    """Return ``mic, session, asof, sector, value``: the latest stated number of each sector, at most ``keep`` sessions old.

    Parameters
    ----------
    facts
        The ``facts`` table.
    cutoffs
        See :func:`signals.pointintime.cutoffs`; every market sees the number from its own cut-off on.
    kind, unit
        Which numbers: ``sector_flow`` in ``CNY``, ``sector_move`` or ``valuation_percentile`` in ``fraction``,
        ``valuation_level`` in ``times``.
    keep
        Sessions a number holds, the one it is known in included.
    sectors
        Sector of each subject as the texts name it; a subject that is not named here is a sector of its own name.

    Notes
    -----
    Several numbers of a sector in one session are averaged.
    """
    rows = _of_kind(facts, kind, unit).with_columns(sector=pl.col("subject").replace(dict(sectors)))
    return _kept(rows, cutoffs, ["sector"], keep)


def market_fact(facts: pl.DataFrame, cutoffs: pl.DataFrame, kind: str, *, unit: str = "CNY", keep: int = 5) -> pl.DataFrame:
    """Return ``mic, session, asof, value``: the latest stated number of ``kind``, such as ``northbound_flow``.

    Whatever its subject; averaged and kept as in :func:`sector_fact`.
    """
    return _kept(_of_kind(facts, kind, unit), cutoffs, [], keep)


def _of_kind(facts: pl.DataFrame, kind: str, unit: str) -> pl.DataFrame:
    if kind not in FACT_KINDS:
        raise UsageError(f"Facts of kind {kind!r} were asked for; expected one of {', '.join(FACT_KINDS)}.")
    return FACTS.validate(facts).filter(pl.col("kind") == kind, pl.col("unit") == unit)


def _kept(rows: pl.DataFrame, cutoffs: pl.DataFrame, by: list[str], keep: int) -> pl.DataFrame:
    if keep < 1:
        raise UsageError(f"keep came as {keep}; expected at least 1 session.")
    told = (
        assign_everywhere(rows, cutoffs)
        .sort("mic", *by, "session", "fact_id")
        .group_by("mic", *by, "session", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    grid = cutoffs.select("mic", "session", "asof").join(told.select("mic", *by).unique(), on="mic", how="inner")
    filled = grid.join(told, on=["mic", *by, "session"], how="left").sort("mic", *by, "session")
    filled = filled.with_columns(pl.col("value").forward_fill(keep - 1).over("mic", *by, order_by="session"))
    return filled.drop_nulls("value").select("mic", "session", "asof", *by, "value")
