"""Stated price moves against the bars: what a text says a share did on a day, and what it did.

1. ``_stated`` picks the one-day moves of a symbol from the ``facts`` table;
2. ``_measured`` computes of each bar the return, the price return, the extremes of the day and the board's limit;
3. ``_joined`` puts each fact beside its session, the session before and after, and the same session of the issuer's other listing;
4. ``_agrees`` judges a number by its qualifier, once for the session itself (``verdict``) and once for each other reading (``cause``).
"""

from __future__ import annotations

import polars as pl

from research import prices

__all__ = ["RECONCILED", "ROUNDED", "TOLERANCE", "reconcile", "summary"]

#: how far an exact number may lie from the bars: rounding of the text to 0.1 % and of the prices
TOLERANCE = 0.0015

#: half a percentage point: what a number rounded to whole percent, or said to be "about" right, may be off by
ROUNDED = 0.005

#: columns of the frame :func:`reconcile` returns
RECONCILED = {
    "fact_id": pl.String,
    "doc_id": pl.String,
    "symbol": pl.String,
    "session": pl.Date,
    "stated": pl.Float64,
    "qualifier": pl.String,
    "basis": pl.String,
    "realized": pl.Float64,
    "difference": pl.Float64,
    "verdict": pl.String,
    "cause": pl.String,
}

_MEASURES = ("traded", "change", "plain", "top", "bottom", "board")
#: the neighbouring session is searched this far: over the longest holiday closure
_NEIGHBOUR = "15d"


def reconcile(facts: pl.DataFrame, bars: pl.DataFrame, *, instruments: pl.DataFrame | None = None) -> pl.DataFrame:
    """Compare every stated one-day move of a symbol with the bars.

    Parameters
    ----------
    facts
        The ``facts`` table. Judged are rows of kind ``price_move`` with a symbol that speak of one day: basis ``close``, ``intraday``,
        ``after_hours`` or null, and no earlier ``start_date``.
    bars
        The ``bars`` table.
    instruments
        The ``instruments`` table, for ``twin``; without it no other listing is tried.

    Returns
    -------
    DataFrame
        Columns as in ``RECONCILED``, one row a fact, sorted by ``doc_id, fact_id``. ``realized`` is the total return of the session;
        for an intraday move the extreme of the day in the stated direction, against the close before. ``difference`` is realized minus
        stated. ``verdict``:

        - ``agree``: *exact* within 0.0015; *over* at least that far in that direction; *near* short of it by at most the larger of 0.01
          and a tenth; *about* within 0.005; *limit* closed at the board's limit. An intraday move agrees when
          the day's range reaches it.
        - ``disagree``: the bar says otherwise.
        - ``no_bar``: no bar, a suspended one, or none before it.
        - ``not_comparable``: the fact names no day, is of after hours, or is intraday and the bar has no high and low.

        ``cause`` is the first reading under which the number is right, else null: ``price return`` (agrees before the distribution of the
        day), ``previous session``, ``next session``, ``other listing``, ``wrong sign``, ``intraday against close``. It explains; only the
        first of them changes the verdict.
    """
    stated = _stated(facts)
    if stated.is_empty():
        return pl.DataFrame(schema=RECONCILED)
    rows = _joined(stated, _measured(bars), _twins(instruments))
    intraday = (pl.col("basis") == "intraday").fill_null(False)
    extreme = pl.when(pl.col("stated") >= 0).then("top").otherwise("bottom")
    total, plain = _agrees(pl.col("change"), pl.col("board")), _agrees(pl.col("plain"), pl.col("board"))
    comparable = pl.col("session").is_not_null() & (pl.col("basis").is_null() | (pl.col("basis") != "after_hours"))
    agrees = pl.when(intraday).then(_reaches()).otherwise(total | plain).fill_null(False)
    verdict = (
        pl.when(~comparable)
        .then(pl.lit("not_comparable"))
        .when(~pl.col("traded").fill_null(False) | pl.col("change").is_null())
        .then(pl.lit("no_bar"))
        .when(intraday & extreme.is_null())
        .then(pl.lit("not_comparable"))
        .when(agrees)
        .then(pl.lit("agree"))
        .otherwise(pl.lit("disagree"))
    )
    held = pl.col("verdict").is_in(("agree", "disagree"))
    ex_day = ~intraday & plain & ~total
    realized = pl.when(held).then(pl.when(intraday).then(extreme).when(ex_day).then("plain").otherwise("change"))
    rows = rows.with_columns(verdict=verdict).with_columns(
        realized=realized,
        cause=pl.when(pl.col("verdict") == "agree")
        .then(pl.when(ex_day).then(pl.lit("price return")))
        .when(comparable)
        .then(_cause(intraday)),
    )
    rows = rows.with_columns(difference=pl.col("realized") - pl.col("stated"))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in RECONCILED.items()).sort("doc_id", "fact_id")


def summary(reconciled: pl.DataFrame) -> pl.DataFrame:
    """Return how often each verdict and cause occur: ``verdict, cause, n, share, median_difference``, the most frequent first.

    ``share`` is of all rows; the difference is absolute and null where nothing was compared.
    """
    counted = reconciled.group_by("verdict", "cause").agg(n=pl.len(), median_difference=pl.col("difference").abs().median())
    with_share = counted.with_columns(share=pl.col("n") / pl.col("n").sum())
    return with_share.select("verdict", "cause", "n", "share", "median_difference").sort(
        "n", "verdict", "cause", descending=[True, False, False], nulls_last=True
    )


def _stated(facts: pl.DataFrame) -> pl.DataFrame:
    one_day = pl.col("basis").is_null() | pl.col("basis").is_in(("close", "intraday", "after_hours"))
    single = pl.col("start_date").is_null() | (pl.col("start_date") == pl.col("end_date"))
    return facts.filter((pl.col("kind") == "price_move") & pl.col("symbol").is_not_null() & one_day & single.fill_null(True)).select(
        "fact_id", "doc_id", "symbol", pl.col("end_date").alias("session"), pl.col("value").alias("stated"), "qualifier", "basis"
    )


def _measured(bars: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, session`` and the measures of each bar; the base of all is the last traded close before it."""
    rows = bars.sort("symbol", "session").with_columns(_value=pl.col("close") * pl.col("adj_factor"))
    live = pl.when(~pl.col("suspended"))
    base = live.then("_value").forward_fill().shift(1).over("symbol")
    quoted = live.then("close").forward_fill().shift(1).over("symbol")
    factor = pl.col("adj_factor")
    board = prices.board_limit(pl.col("symbol"), pl.col("session")) / 100
    measures = rows.with_columns(_base=base, _quoted=quoted, traded=~pl.col("suspended")).with_columns(
        change=live.then("_value") / pl.col("_base") - 1,
        plain=live.then("close") / pl.col("_quoted") - 1,
        top=live.then("high") * factor / pl.col("_base") - 1,
        bottom=live.then("low") * factor / pl.col("_base") - 1,
        # A limit rounds to the cent and the price before it is a cent's multiple: the move at the limit misses it by up to this much.
        board=board - 0.005 / pl.col("_quoted"),
    )
    return measures.select("symbol", "session", *_MEASURES)


def _twins(instruments: pl.DataFrame | None) -> pl.DataFrame:
    if instruments is None:
        return pl.DataFrame(schema={"symbol": pl.String, "twin": pl.String})
    pairs = instruments.filter(pl.col("twin").is_not_null()).sort("symbol", "valid_from")
    return pairs.select("symbol", "twin").unique("symbol", keep="last", maintain_order=True)


def _joined(stated: pl.DataFrame, measured: pl.DataFrame, twins: pl.DataFrame) -> pl.DataFrame:
    rows = stated.join(measured, on=("symbol", "session"), how="left").join(twins, on="symbol", how="left")
    other = measured.select(pl.col("symbol").alias("twin"), "session", twin_change="change", twin_board="board")
    rows = rows.join(other, on=("twin", "session"), how="left")
    near = measured.filter(pl.col("traded")).sort("session")
    dated, undated = rows.filter(pl.col("session").is_not_null()).sort("session"), rows.filter(pl.col("session").is_null())
    for name, strategy in (("before", "backward"), ("after", "forward")):
        side = near.select("symbol", "session", pl.col("change").alias(f"{name}_change"), pl.col("board").alias(f"{name}_board"))
        dated = dated.join_asof(
            side,
            on="session",
            by="symbol",
            strategy=strategy,  # type: ignore[arg-type]
            tolerance=_NEIGHBOUR,
            allow_exact_matches=False,
            check_sortedness=False,
        )
    return pl.concat([dated, undated], how="diagonal_relaxed")


def _agrees(value: pl.Expr, board: pl.Expr, sign: int = 1) -> pl.Expr:
    """Judge ``value`` by the stated number and its qualifier; ``sign`` -1 asks whether the opposite of the stated number is right."""
    stated = pl.col("stated") * sign
    size, along = stated.abs(), value * stated.sign()
    short = pl.max_horizontal(pl.lit(0.01), size * 0.1)
    # A share under special treatment stops at 5 %, which its code does not tell: the smaller of stated and board limit counts.
    bound = pl.min_horizontal(pl.when(size > 0).then(size), board)
    qualifier = pl.col("qualifier")
    return (
        pl.when(qualifier == "over")
        .then(along >= size - TOLERANCE)
        .when(qualifier == "near")
        .then(along.is_between(size - short, size + TOLERANCE))
        .when(qualifier == "about")
        .then((value - stated).abs() <= ROUNDED)
        .when(qualifier == "limit")
        .then(along >= bound - TOLERANCE)
        .otherwise((value - stated).abs() <= TOLERANCE)
    )


def _reaches() -> pl.Expr:
    """Judge an intraday number by whether the range of the day came that far."""
    stated, size = pl.col("stated"), pl.col("stated").abs()
    reach = pl.when(stated >= 0).then("top").otherwise(-pl.col("bottom"))
    inside = stated.is_between(pl.col("bottom") - TOLERANCE, pl.col("top") + TOLERANCE)
    short = (
        pl.when(pl.col("qualifier") == "near")
        .then(pl.max_horizontal(pl.lit(0.01), size * 0.1))
        .when(pl.col("qualifier") == "about")
        .then(pl.max_horizontal(pl.lit(0.005), size * 0.1))
        .otherwise(TOLERANCE)
    )
    bound = pl.when(pl.col("qualifier") == "limit").then(pl.min_horizontal(size, "board")).otherwise(size)
    return pl.when(pl.col("qualifier") == "exact").then(inside).otherwise(reach >= bound - short)


def _cause(intraday: pl.Expr) -> pl.Expr:
    other = pl.lit(None, dtype=pl.Boolean)
    readings = (
        ("previous session", _agrees(pl.col("before_change"), pl.col("before_board"))),
        ("next session", _agrees(pl.col("after_change"), pl.col("after_board"))),
        ("other listing", _agrees(pl.col("twin_change"), pl.col("twin_board"))),
        ("wrong sign", _agrees(pl.col("change"), pl.col("board"), -1)),
        ("intraday against close", pl.when(~intraday).then(_reaches()).otherwise(other)),
    )
    return pl.coalesce(pl.when(right.fill_null(False)).then(pl.lit(name)) for name, right in readings)
