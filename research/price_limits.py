"""Daily price limits of the mainland's exchanges, by board and date.

====================  ===================================================================================================================
main boards           10 % since 1996-12-16, 5 % under special treatment (ST)
ChiNext (300-302)     as the main boards; 20 % since 2020-08-24, special treatment or not
STAR (688, 689)       20 % since it opened on 2019-07-22
Beijing               30 % since it opened on 2021-11-15
====================  ===================================================================================================================

The first sessions of a listing are apart (:func:`first_sessions`). Sources: the exchanges' trading rules and the notices that amend them.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from research.schemas import BARS

__all__ = ["board_limit", "first_sessions", "limits", "since_listing", "under_treatment", "with_limits"]

_STAR, _CHINEXT, _BEIJING = r"^68[89][0-9]{3}\.SS$", r"^30[0-9]{4}\.SZ$", r"^[489][0-9]{5}\.BJ$"
_MAIN = r"^(?:60[0-9]{4}|900[0-9]{3})\.SS$|^(?:00[0-4][0-9]{3}|200[0-9]{3})\.SZ$"
_LIMITED, _STAR_OPENS, _CHINEXT_WIDENS, _BEIJING_OPENS = date(1996, 12, 16), date(2019, 7, 22), date(2020, 8, 24), date(2021, 11, 15)
#: the first listings under registration on the main boards, and under the rule of 44 % before
_MAIN_REGISTERED, _FIRST_DAY_BOUND = date(2023, 4, 10), date(2014, 1, 1)
#: the highest and the lowest price of a first day under that rule, in percent of the issue price
_FIRST_DAY = (144, 64)
_FREE_SESSIONS = 5


def board_limit(symbol: pl.Expr, session: pl.Expr, special_treatment: pl.Expr | None = None) -> pl.Expr:
    """Return the daily price limit of a mainland share in whole percent (Int64), by its code and the day; null where none applies.

    The table is above. Funds follow the index they hold, which a code does not tell, and are null like every other instrument.

    Parameters
    ----------
    symbol, session
        Expressions of the symbol (Yahoo style) and of the day.
    special_treatment
        Boolean expression, true while the share's name carries ST; a code does not tell.
    """
    special = pl.lit(False) if special_treatment is None else special_treatment.fill_null(False)
    main, chinext, star, beijing = (symbol.str.contains(code) for code in (_MAIN, _CHINEXT, _STAR, _BEIJING))
    plain = pl.when(special).then(5).otherwise(10)
    return (
        pl.when(star & (session >= _STAR_OPENS))
        .then(20)
        .when(beijing & (session >= _BEIJING_OPENS))
        .then(30)
        .when(chinext & (session >= _CHINEXT_WIDENS))
        .then(20)
        .when((main | chinext) & (session >= _LIMITED))
        .then(plain)
        .otherwise(None)
        .cast(pl.Int64)
    )


def first_sessions(symbol: pl.Expr, list_date: pl.Expr) -> pl.Expr:
    """Return for how many sessions from its listing on a mainland share trades without the board's limit (Int64); null for others.

    Five under registration: STAR since 2019-07-22, ChiNext since 2020-08-24, main boards since 2023-04-10. One on Beijing, and one
    elsewhere before: from 2014 on that first day is bound to 144 % and 64 % of the issue price (:func:`with_limits`).
    """
    main, chinext, star, beijing = (symbol.str.contains(code) for code in (_MAIN, _CHINEXT, _STAR, _BEIJING))
    free = (
        (star & (list_date >= _STAR_OPENS)) | (chinext & (list_date >= _CHINEXT_WIDENS)) | (main & (list_date >= _MAIN_REGISTERED))
    ).fill_null(False)
    return pl.when(free).then(_FREE_SESSIONS).when(main | chinext | star | beijing).then(1).otherwise(None).cast(pl.Int64)


def limits(symbol: pl.Expr, session: pl.Expr, previous_close: pl.Expr, special_treatment: pl.Expr | None = None) -> tuple[pl.Expr, pl.Expr]:
    r"""Return the expressions (highest price, lowest price) a mainland share may trade at.

    .. math:: L_{\pm} = \mathrm{round}(p\,(1 \pm \ell), 0.01)

    with previous close *p* and the board's limit *l* (:func:`board_limit`), rounded half up to the cent: computed in whole cents, since
    10.05 x 1.1 is not 11.055 in binary. ``previous_close`` is the reference price, i.e. already ex any distribution of the day.
    Null where no limit applies or there is no previous close.
    """
    percent = board_limit(symbol, session, special_treatment)
    return _percent_of(previous_close, 100 + percent), _percent_of(previous_close, 100 - percent)


def _percent_of(price: pl.Expr, percent: pl.Expr | int) -> pl.Expr:
    """Twice the numerator plus the divisor, over twice the divisor: integer rounding half up, to the cent."""
    return ((price * 100).round().cast(pl.Int64) * percent * 2 + 100) // 200 / 100


def with_limits(bars: pl.DataFrame, *, listings: pl.DataFrame | None = None, special: pl.DataFrame | None = None) -> pl.DataFrame:
    """Fill ``limit_up`` and ``limit_down`` of mainland shares where they are absent; what the vendor gave is kept.

    The reference is the previous close, divided by the step of ``adj_factor`` on a day a share goes ex; right for prices as traded,
    not for adjusted ones.

    Parameters
    ----------
    bars
        The ``bars`` table.
    listings
        ``symbol, list_date`` and, where known, ``issue_price``: the first sessions from that day on are free (:func:`first_sessions`),
        or bound to 144 % and 64 % of the issue price. Without it only a symbol's first stored session is left open.
    special
        ``symbol, start, end`` (dates, both included, ``end`` null while it lasts): when the share stood under special treatment.
    """
    rows = under_treatment(bars.sort("symbol", "session"), special)
    step = pl.col("adj_factor") / pl.col("adj_factor").shift(1)
    reference = (pl.col("close").shift(1) / step).over("symbol")
    up, down = limits(pl.col("symbol"), pl.col("session"), reference, pl.col("_special"))
    if listings is not None:
        rows = since_listing(rows, listings)
        bound = (pl.col("_since") == 1) & (pl.col("_free") == 1) & (pl.col("list_date") >= _FIRST_DAY_BOUND)
        bound &= ~pl.col("symbol").str.contains(_BEIJING)
        free = (pl.col("_since") <= pl.col("_free")).fill_null(False)
        first = [pl.when(bound).then(_percent_of(pl.col("issue_price"), percent)) for percent in _FIRST_DAY]
        up, down = (pl.when(~free).then(usual).otherwise(opening) for usual, opening in zip((up, down), first, strict=True))
    filled = rows.with_columns(limit_up=pl.coalesce("limit_up", up), limit_down=pl.coalesce("limit_down", down))
    return BARS.validate(filled.select(*BARS.schema))


def since_listing(rows: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    """Add ``list_date, issue_price, _free`` and ``_since``, the number of the session since the listing; null where that is not stored."""
    price = pl.col("issue_price").cast(pl.Float64) if "issue_price" in listings.columns else pl.lit(None, dtype=pl.Float64)
    known = listings.select("symbol", "list_date", issue_price=price).unique("symbol", keep="last", maintain_order=True)
    rows = rows.join(known, on="symbol", how="left", maintain_order="left")
    number = (pl.col("session") >= pl.col("list_date")).cast(pl.Int32).cum_sum().over("symbol")
    begins = pl.col("session").first().over("symbol") <= pl.col("list_date")
    return rows.with_columns(
        _free=first_sessions(pl.col("symbol"), pl.col("list_date")), _since=pl.when(begins & (number >= 1)).then(number)
    )


def under_treatment(rows: pl.DataFrame, special: pl.DataFrame | None) -> pl.DataFrame:
    """Add ``_special``: whether ``symbol`` stood under special treatment on ``session``; see :func:`with_limits`."""
    if special is None or special.is_empty():
        return rows.with_columns(_special=pl.lit(False))
    spans = special.select("symbol", "start", "end").sort("start")
    days = rows.select("symbol", "session").unique().sort("session")
    found = days.join_asof(spans, left_on="session", right_on="start", by="symbol", check_sortedness=False)
    inside = pl.col("start").is_not_null() & (pl.col("end").is_null() | (pl.col("session") <= pl.col("end")))
    return rows.join(found.select("symbol", "session", _special=inside), on=("symbol", "session"), how="left", maintain_order="left")
