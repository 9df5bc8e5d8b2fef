"""Daily price limits of the mainland's exchanges, by board and date.

====================  ===================================================================================================================
main boards           10 % since 1996-12-16; under special treatment (ST) 5 % from 1998-04-22 to 2026-07-05, 10 % since
ChiNext (300-302)     as the main boards; 20 % since 2020-08-24, special treatment or not
STAR (688, 689)       20 % since it opened on 2019-07-22, special treatment or not
Beijing               30 % since it opened on 2021-11-15, special treatment or not
====================  ===================================================================================================================

The first sessions of a listing are apart (:func:`first_sessions`), and the first one of a delisting period has had no limit since
2020-12-31. Who stood under special treatment when is told by the ``treatments`` table (:mod:`research.treatments`).

Sources: the exchanges' trading rules and the notices that amend them; for 2026-07-06 the amended trading rules of Shanghai (SSE notice 41
of 2026) and Shenzhen (SZSE notice 551 of 2026), both of 2026-04-24; for the delisting period the listing rules of 2020-12-31.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from research.schemas import BARS

__all__ = [
    "FIRST_TREATED",
    "NARROWED",
    "board_limit",
    "first_sessions",
    "limited_by_treatment",
    "limits",
    "since_listing",
    "under_treatment",
    "with_limits",
]

#: the first mark of special treatment, and the first day it narrows no limit any more
FIRST_TREATED, _TREATED_ALIKE = date(1998, 4, 22), date(2026, 7, 6)
#: the marks whose bearers had the narrower limit; a share in its delisting period (退) has the board's
NARROWED = ("S", "ST", "*ST", "PT")

_STAR, _CHINEXT, _BEIJING = r"^68[89][0-9]{3}\.SS$", r"^30[0-9]{4}\.SZ$", r"^[489][0-9]{5}\.BJ$"
_MAIN = r"^(?:60[0-9]{4}|900[0-9]{3})\.SS$|^(?:00[0-4][0-9]{3}|200[0-9]{3})\.SZ$"
_LIMITED, _STAR_OPENS, _CHINEXT_WIDENS, _BEIJING_OPENS = date(1996, 12, 16), date(2019, 7, 22), date(2020, 8, 24), date(2021, 11, 15)
#: the first listings under registration on the main boards, and under the rule of 44 % before
_MAIN_REGISTERED, _FIRST_DAY_BOUND = date(2023, 4, 10), date(2014, 1, 1)
#: since then the first session of a delisting period has no limit
_DELISTING_OPENS = date(2020, 12, 31)
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
        Boolean expression, true while the share's name carries ST; a code does not tell. Where it is null or left out the board's usual
        limit is returned: :func:`research.treatments.unknown` says for which bars that is a guess.
    """
    special = pl.lit(False) if special_treatment is None else special_treatment.fill_null(False)
    special &= session.is_between(FIRST_TREATED, _TREATED_ALIKE, closed="left")
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


def limited_by_treatment(symbol: pl.Expr, session: pl.Expr) -> pl.Expr:
    """Return whether the limit of a share on a day depends on whether it stood under special treatment."""
    treated, plain = (board_limit(symbol, session, pl.lit(special)) for special in (True, False))
    return (treated != plain).fill_null(False)


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
        ``symbol, start, end`` (dates, both included, ``end`` null while it lasts): when the share stood under special treatment; with a
        ``mark``, as :func:`research.treatments.spans` gives it, a delisting period (退) has the board's limit and a first session without.
    """
    rows = under_treatment(bars.sort("symbol", "session"), special)
    step = pl.col("adj_factor") / pl.col("adj_factor").shift(1)
    reference = (pl.col("close").shift(1) / step).over("symbol")
    up, down = limits(pl.col("symbol"), pl.col("session"), reference, pl.col("_special"))
    up, down = (pl.when(~pl.col("_opening")).then(usual) for usual in (up, down))
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
    """Add ``_special``: whether ``symbol`` stood under special treatment on ``session``; ``_opening``: whether its delisting period began.

    See :func:`with_limits`; ``rows`` are sorted by symbol and session.
    """
    if special is None or special.is_empty():
        return rows.with_columns(_special=pl.lit(False), _opening=pl.lit(False))
    mark = pl.col("mark") if "mark" in special.columns else pl.lit("ST")
    spans = special.select("symbol", "start", "end", _mark=mark).sort("start")
    days = rows.select("symbol", "session").unique().sort("session")
    found = days.join_asof(spans, left_on="session", right_on="start", by="symbol", check_sortedness=False)
    inside = pl.col("start").is_not_null() & (pl.col("end").is_null() | (pl.col("session") <= pl.col("end")))
    leaving = inside & (pl.col("_mark") == "退") & (pl.col("session") >= _DELISTING_OPENS)
    # The first session of the period, not the first one stored.
    begins = (pl.col("start") == pl.col("session")) | (pl.col("session").shift(1).over("symbol") < pl.col("start"))
    found = found.sort("symbol", "session").select(
        "symbol", "session", _special=inside & pl.col("_mark").is_in(NARROWED), _opening=(leaving & begins).fill_null(False)
    )
    return rows.join(found, on=("symbol", "session"), how="left", maintain_order="left")
