"""Stated price moves against the bars: what a text says a share did on a day, and what it did.

1. ``_stated`` picks the one-day moves of a symbol from the ``facts`` table;
2. ``_measured`` computes of each bar the return, the price return, the extremes of the day, the board's limit and longer returns;
3. ``_joined`` puts each fact beside its session, the session before and after, and the same session of the issuer's other listing;
4. ``_agrees`` judges a number by its qualifier, once for the session itself (``verdict``) and once for each other reading (``cause``);
5. :func:`agreement` counts, moves at the close and within the day apart.
"""

from __future__ import annotations

import polars as pl

from research import prices

__all__ = ["CAUSES", "RECONCILED", "ROUNDED", "TOLERANCE", "agreement", "reconcile", "summary"]

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

#: what a move that is not as stated may be instead, in the order they are tried
CAUSES = {
    "price return": "agrees before the distribution of the day: adjusted against raw",
    "previous session": "the move of the session before: the text's day was resolved one too late",
    "next session": "the move of the session after: the text's day was resolved one too early",
    "other listing": "the move of the issuer's other listing that day",
    "intraday against close": "the day's range reached it, the close fell short of it",
    "wrong sign": "the move with the opposite sign",
    "earlier session": "the move of a session up to 15 days before: the text looks back",
    "horizon": "the move since the last close of the week, month or year before, or over five sessions",
    "truncated": "a whole percentage that was cut off, not rounded: 7 % said of 7.9 %",
    "vendor's close": "within half a point: a preliminary print, another venue's close, or one rounded after an adjustment",
}

_STARTS = {name: pl.col("session").dt.truncate(width) for name, width in (("week", "1w"), ("month", "1mo"), ("year", "1y"))}
_HORIZONS = ("week", "month", "year", "five")
_MEASURES = ("traded", "change", "plain", "top", "bottom", "plain_top", "plain_bottom", "ranged", "board", *_HORIZONS)
#: the neighbouring session is searched this far: over the longest holiday closure
_NEIGHBOUR = "15d"
#: a move smaller than this is found in too many sessions to tell which one was meant
_TELLING = 0.02


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
        - ``not_comparable``: the fact names no day, is of after hours, or is intraday and of the day only a close is known that does
          not reach it.

        ``cause`` is the first of ``CAUSES`` under which the number is right, else null. It explains; only ``price return`` changes the
        verdict. The last four are looked for where the number is exact or about, not a bound.
    """
    stated = _stated(facts)
    if stated.is_empty():
        return pl.DataFrame(schema=RECONCILED)
    twins = _twins(instruments)
    named = pl.concat([stated.select("symbol"), twins.join(stated, on="symbol", how="semi").select(pl.col("twin").alias("symbol"))])
    measured = _measured(bars.join(named, on="symbol", how="semi"))
    rows = _joined(stated, measured, twins)
    intraday = (pl.col("basis") == "intraday").fill_null(False)
    extreme = pl.when(pl.col("stated") >= 0).then("top").otherwise("bottom")
    total, plain = _agrees(pl.col("change"), pl.col("board")), _agrees(pl.col("plain"), pl.col("board"))
    comparable = pl.col("session").is_not_null() & (pl.col("basis").is_null() | (pl.col("basis") != "after_hours"))
    reached = _reaches("top", "bottom") | _reaches("plain_top", "plain_bottom")
    agrees = pl.when(intraday).then(reached).otherwise(total | plain).fill_null(False)
    verdict = (
        pl.when(~comparable)
        .then(pl.lit("not_comparable"))
        .when(~pl.col("traded").fill_null(False) | pl.col("change").is_null())
        .then(pl.lit("no_bar"))
        .when(agrees)
        .then(pl.lit("agree"))
        .when(intraday & ~pl.col("ranged"))
        .then(pl.lit("not_comparable"))
        .otherwise(pl.lit("disagree"))
    )
    held = pl.col("verdict").is_in(("agree", "disagree"))
    ex_day = ~intraday & plain & ~total
    realized = pl.when(held).then(pl.when(intraday).then(extreme).when(ex_day).then("plain").otherwise("change"))
    rows = rows.with_columns(verdict=verdict).with_columns(
        realized=realized,
        cause=pl.when(pl.col("verdict") == "agree")
        .then(pl.when(ex_day).then(pl.lit("price return")))
        .when(pl.col("verdict") != "not_comparable")
        .then(_cause(intraday)),
    )
    rows = rows.with_columns(difference=pl.col("realized") - pl.col("stated"))
    rows = _explained(rows, measured)
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


def agreement(reconciled: pl.DataFrame) -> pl.DataFrame:
    """Return the share of moves with a bar that agree, at the close and within the day apart.

    Returns
    -------
    DataFrame
        ``basis`` (``close``, ``intraday``, ``all``), ``stated`` (rows), ``with_bar`` (agree or disagree), ``agree``, ``share`` of
        those with a bar, and ``agree_strict``, ``share_strict``: the same with a whole percentage (qualifier ``about``) held to the
        tolerance of an exact number. The shares are null where nothing has a bar.
    """
    strict = (pl.col("qualifier") != "about") | (pl.col("difference").abs() <= TOLERANCE)
    basis = pl.when(pl.col("basis") == "intraday").then(pl.lit("intraday")).otherwise(pl.lit("close"))
    agree = pl.col("verdict") == "agree"
    flags = reconciled.select(basis=basis, held=pl.col("verdict").is_in(("agree", "disagree")), agree=agree, strict=agree & strict)
    counts = (pl.len().alias("stated"), pl.col("held").sum().alias("with_bar"), pl.col("agree").sum(), pl.col("strict").sum())
    parts = [
        flags.filter((pl.col("basis") == name) if name != "all" else pl.lit(True)).select(pl.lit(name).alias("basis"), *counts)
        for name in ("close", "intraday", "all")
    ]
    held = pl.when(pl.col("with_bar") > 0).then(pl.col("with_bar"))
    return pl.concat(parts).select(
        "basis", "stated", "with_bar", "agree", (pl.col("agree") / held).alias("share"),
        pl.col("strict").alias("agree_strict"), (pl.col("strict") / held).alias("share_strict"),
    )  # fmt: skip


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
        # Where the day's range is not known its close stands in: what it reached was reached.
        top=live.then(pl.coalesce("high", "close")) * factor / pl.col("_base") - 1,
        bottom=live.then(pl.coalesce("low", "close")) * factor / pl.col("_base") - 1,
        plain_top=live.then(pl.coalesce("high", "close")) / pl.col("_quoted") - 1,
        plain_bottom=live.then(pl.coalesce("low", "close")) / pl.col("_quoted") - 1,
        ranged=pl.col("high").is_not_null() & pl.col("low").is_not_null(),
        # A limit rounds to the cent and the price before it is a cent's multiple: the move at the limit misses it by up to this much.
        board=board - 0.005 / pl.col("_quoted"),
        five=live.then("_value") / live.then("_value").forward_fill().shift(5).over("symbol") - 1,
        **{name: live.then("_value") / pl.col("_base").first().over("symbol", start) - 1 for name, start in _STARTS.items()},
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


def _reaches(top: str, bottom: str) -> pl.Expr:
    """Judge an intraday number by whether the range of the day came that far."""
    stated, size = pl.col("stated"), pl.col("stated").abs()
    reach = pl.when(stated >= 0).then(top).otherwise(-pl.col(bottom))
    # Of a day whose range is not known one end is the close: the other end is not asked for.
    within = pl.when(stated >= 0).then(pl.col(bottom) <= stated + TOLERANCE).otherwise(pl.col(top) >= stated - TOLERANCE)
    inside = (reach >= size - TOLERANCE) & (within | ~pl.col("ranged"))
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
    short = pl.col("change") * pl.col("stated").sign() < pl.col("stated").abs()
    readings = (
        ("previous session", _agrees(pl.col("before_change"), pl.col("before_board"))),
        ("next session", _agrees(pl.col("after_change"), pl.col("after_board"))),
        ("other listing", _agrees(pl.col("twin_change"), pl.col("twin_board"))),
        ("intraday against close", pl.when(~intraday & pl.col("ranged") & short).then(_reaches("top", "bottom")).otherwise(other)),
        ("wrong sign", _agrees(pl.col("change"), pl.col("board"), -1)),
    )
    return pl.coalesce(pl.when(right.fill_null(False)).then(pl.lit(name)) for name, right in readings)


def _explained(rows: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """Look for what no neighbour explains further back, over longer spans, and in the vendor's close."""
    number = pl.col("qualifier").is_in(("exact", "about")) & (pl.col("stated").abs() >= _TELLING)
    open_ = (pl.col("verdict") == "disagree") & pl.col("cause").is_null()
    back = (
        rows.filter(open_ & number)
        .select("fact_id", "symbol", "stated", "qualifier", pl.col("session").alias("_day"))
        .join(measured.filter(pl.col("traded")).select("symbol", "session", "change", "board"), on="symbol")
        .filter(
            (pl.col("session") < pl.col("_day")) & (pl.col("session") >= pl.col("_day").dt.offset_by(f"-{_NEIGHBOUR}")),
            _agrees(pl.col("change"), pl.col("board")),
        )
    )
    spans = pl.any_horizontal(_agrees(pl.col(name), pl.col("board")) for name in _HORIZONS).fill_null(False)
    beyond = pl.col("difference") * pl.col("stated").sign()
    cut = (pl.col("qualifier") == "about") & beyond.is_between(0, 2 * ROUNDED, closed="left")
    near = (pl.col("qualifier") == "exact") & (pl.col("difference").abs() <= ROUNDED)
    found = (
        pl.when(pl.col("fact_id").is_in(back["fact_id"].unique().sort().to_list()))
        .then(pl.lit("earlier session"))
        .when(number & spans)
        .then(pl.lit("horizon"))
        .when(cut)
        .then(pl.lit("truncated"))
        .when(near)
        .then(pl.lit("vendor's close"))
    )
    return rows.with_columns(cause=pl.when(open_).then(found).otherwise("cause"))
