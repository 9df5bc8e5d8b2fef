"""Special treatment of mainland shares (ST), as dated rows: which share bore which mark on which day, and where nobody knows.

The exchange writes the mark into the short name: ``*ST`` and ``ST`` (since 1998-04-22), ``PT`` (1999 to 2002), ``S`` for a share whose
structure was never reformed, ``退`` in the delisting period. The ``treatments`` table holds one row for each change. A row is true until
the day before the symbol's next row; before the first row the mark is not known, and neither is it where a row's ``mark`` is null.

On the main boards the mark makes the price limit (:mod:`research.price_limits`), so :func:`unknown` counts the bars whose limit hangs on a
mark that is not known.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from research.price_limits import FIRST_TREATED, limited_by_treatment
from research.schemas import INSTANT, TREATMENTS

__all__ = ["UNKNOWN", "changes", "mark_of", "on_days", "row", "spans", "table", "unknown"]

#: columns of the frame :func:`unknown` returns
UNKNOWN = {"symbol": pl.String, "sessions": pl.UInt32, "first": pl.Date, "last": pl.Date}


def mark_of(name: pl.Expr) -> pl.Expr:
    """Return the mark in a short name as the exchange writes it; null for a name that is null or empty.

    Letters that tell of a listing or a distribution (N, C, XD, XR, DR) are passed over.

    >>> names = ["*ST 澄湖", "ST澄湖", "S*ST澄湖", "SST澄湖", "XD*ST澄", "S澄湖", "PT 澄湖", "退市澄湖", "澄湖退", "澄湖", "*ＳＴ澄湖", ""]
    >>> pl.DataFrame({"name": names}).select(mark=mark_of(pl.col("name")))["mark"].to_list()
    ['*ST', 'ST', '*ST', 'ST', '*ST', 'S', 'PT', '退', '退', '', '*ST', None]
    """
    text = name.str.normalize("NFKC").str.replace_all(r"\s", "").str.to_uppercase().str.replace(r"^(?:XD|XR|DR)", "")
    return (
        pl.when(text.is_null() | (text == ""))
        .then(None)
        .when(text.str.contains(r"^退市|\p{Han}退$"))
        .then(pl.lit("退"))
        .when(text.str.contains(r"^S?\*ST"))
        .then(pl.lit("*ST"))
        .when(text.str.contains(r"^S?ST"))
        .then(pl.lit("ST"))
        .when(text.str.contains(r"^PT\p{Han}"))
        .then(pl.lit("PT"))
        .when(text.str.contains(r"^S\p{Han}"))
        .then(pl.lit("S"))
        .otherwise(pl.lit(""))
    )


def changes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``treatments`` rows without those that say what the row before says already; sorted by key.

    A row whose day is stated stays where the one before was only seen: it says since when.
    """
    ordered = rows.sort("symbol", "valid_from")
    same = (pl.col("mark").eq_missing(pl.col("mark").shift(1)) & (~pl.col("stated") | pl.col("stated").shift(1))).over("symbol")
    first = pl.col("symbol") != pl.col("symbol").shift(1)
    return TREATMENTS.validate(ordered.filter(first.fill_null(True) | ~same))


def spans(treatments: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, start, end, mark`` of every stretch under a mark, both days included; ``end`` is null while it lasts.

    :func:`research.price_limits.with_limits` and :func:`research.bar_checks.validate` take it as ``special``.
    """
    rows = treatments.sort("symbol", "valid_from").with_columns(end=(pl.col("valid_from").shift(-1) - pl.duration(days=1)).over("symbol"))
    marked = rows.filter(pl.col("mark").fill_null("") != "")
    return marked.select("symbol", "end", "mark", start="valid_from").select("symbol", "start", "end", "mark")


def on_days(rows: pl.DataFrame, treatments: pl.DataFrame) -> pl.DataFrame:
    """Add ``mark`` of each ``symbol`` on each ``session``; null where it is not known."""
    held = treatments.select("symbol", "mark", _since="valid_from").sort("_since")
    days = rows.select("symbol", "session").unique().sort("session")
    found = days.join_asof(held, left_on="session", right_on="_since", by="symbol", check_sortedness=False)
    return rows.join(found.select("symbol", "session", "mark"), on=("symbol", "session"), how="left", maintain_order="left")


def unknown(bars: pl.DataFrame, treatments: pl.DataFrame) -> pl.DataFrame:
    """Return for which bars the price limit hangs on a mark that is not known: one row a symbol.

    Parameters
    ----------
    bars
        ``symbol, session``.
    treatments
        The ``treatments`` table.

    Returns
    -------
    DataFrame
        ``symbol, sessions, first, last``, sorted: how many sessions, the first and the last of them. Only shares and days whose limit a
        mark would change count (:func:`research.price_limits.limited_by_treatment`).
    """
    hanging = bars.select("symbol", "session").filter(limited_by_treatment(pl.col("symbol"), pl.col("session")))
    blind = on_days(hanging, treatments).filter(pl.col("mark").is_null())
    counted = blind.group_by("symbol").agg(sessions=pl.len(), first=pl.col("session").min(), last=pl.col("session").max())
    return counted.cast(UNKNOWN).sort("symbol")  # type: ignore[arg-type]


def row(symbol: str, day: date, mark: str | None, name: str | None, *, stated: bool, source: str) -> dict[str, object]:
    """Return one row of ``treatments``; its day is at the earliest that of the first mark ever."""
    return {"symbol": symbol, "valid_from": max(day, FIRST_TREATED), "mark": mark, "name": name, "stated": stated, "source": source}


def table(rows: list[dict[str, object]], seen_at: object = None) -> pl.DataFrame:
    """Return rows made by :func:`row` as the ``treatments`` table; of one symbol and day the last counts, none repeats the one before."""
    names = ("symbol", "valid_from", "mark", "name", "stated", "source")
    frame = pl.DataFrame(rows, schema={name: TREATMENTS.schema[name] for name in names})
    frame = frame.unique(("symbol", "valid_from"), keep="last", maintain_order=True)
    return changes(frame.with_columns(first_seen_at=pl.lit(seen_at, dtype=INSTANT)))
