"""Returns, adjustment, price limits and checks of the ``bars`` table.

Prices in ``bars`` are as the vendor quotes them; ``close * adj_factor`` chains into a total-return series whatever the vendor's base.
"""

from __future__ import annotations

import polars as pl

from research import calendar
from research.errors import DataError
from research.schemas import BARS

__all__ = ["FLAGS", "adjusted", "apart", "board_limit", "chain", "limits", "returns", "validate", "with_limits"]

#: columns of the frame :func:`validate` returns
FLAGS = {"symbol": pl.String, "session": pl.Date, "rule": pl.String, "reason": pl.String}

#: rounding of vendors' adjusted prices, relative
_ROUNDING = 1e-6

#: sessions after a listing on which no price limit applies, by the rules in force since 2023-04-10 on every board
_FREE_SESSIONS = 5


def returns(bars: pl.DataFrame) -> pl.DataFrame:
    r"""Return the total close-to-close return of every bar.

    .. math:: r_t = \frac{c_t f_t}{c_s f_s} - 1

    with close *c*, factor *f* and *s* the symbol's last traded session before *t*: after a suspension or a gap the return spans it
    (trade to trade).

    Parameters
    ----------
    bars
        The ``bars`` table.

    Returns
    -------
    DataFrame
        ``symbol, session, realized_return`` (a fraction), one row a bar, sorted. Null on a suspended session and on a symbol's
        first traded one.
    """
    rows = bars.select("symbol", "session", "suspended", value=pl.col("close") * pl.col("adj_factor")).sort("symbol", "session")
    traded = pl.when(~pl.col("suspended")).then("value")
    before = traded.forward_fill().shift(1).over("symbol")
    return rows.select("symbol", "session", realized_return=traded / before - 1)


def adjusted(bars: pl.DataFrame) -> pl.DataFrame:
    """Return total-return prices: ``open, high, low, close`` times ``adj_factor``.

    Columns ``symbol, session, open, high, low, close, volume, suspended``, sorted; prices that are null stay null. The level is the
    quoted one at each symbol's first session.
    """
    scaled = [pl.col(name) * pl.col("adj_factor") for name in ("open", "high", "low", "close")]
    return bars.select("symbol", "session", *scaled, "volume", "suspended").sort("symbol", "session")


def chain(stored: pl.DataFrame, fetched: pl.DataFrame) -> pl.DataFrame:
    r"""Return the fetched bars that are not stored yet, their factors on the base of what is stored.

    A factor is never revised, so a later fetch (whose factor starts at 1.0 again, maybe on another base) is scaled such that both
    agree on ``close * adj_factor`` at the latest session they share at or before the bar, or else at the earliest one after it:

    .. math:: f'_t = f_t \cdot \frac{c_o f_o \text{ (stored)}}{c_o f_o \text{ (fetched)}}

    Parameters
    ----------
    stored, fetched
        Two ``bars`` tables. Fetch from the last stored session on, so that they overlap.

    Raises
    ------
    DataError
        When a stored symbol shares no session with the fetched bars: the factor between the two is not known.
    """
    value = (pl.col("close") * pl.col("adj_factor")).alias("_value")
    shared = stored.select("symbol", "session", value).join(
        fetched.select("symbol", "session", value), on=("symbol", "session"), suffix="_new"
    )
    scale = shared.select("symbol", "session", _scale=pl.col("_value") / pl.col("_value_new")).sort("session")
    new = fetched.join(stored, on=("symbol", "session"), how="anti").sort("session")
    after = new.join_asof(scale, on="session", by="symbol", strategy="backward", check_sortedness=False)
    before = after.join_asof(scale, on="session", by="symbol", strategy="forward", suffix="_next", check_sortedness=False)
    rows = before.with_columns(_scale=pl.coalesce("_scale", "_scale_next"))
    lost = apart(stored, fetched)
    if lost.height:
        raise DataError(lost["reason"][0])
    scaled = rows.with_columns(adj_factor=pl.col("adj_factor") * pl.col("_scale").fill_null(1.0))
    return BARS.validate(scaled.select(*BARS.schema).sort("symbol", "session"))


def apart(stored: pl.DataFrame, fetched: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, reason`` of the symbols that are stored but share no session with the fetched bars, so that nothing chains them."""
    span = stored.group_by("symbol").agg(first=pl.col("session").min(), last=pl.col("session").max())
    shared = fetched.join(stored, on=("symbol", "session"), how="semi").select("symbol")
    lost = fetched.group_by("symbol").agg(new=pl.col("session").min()).join(shared, on="symbol", how="anti").join(span, on="symbol")
    reason = pl.format(
        "Bars of {} are stored from {} to {} and the new ones (from {}) share no session with them; expected an overlap: "
        "fetch again from a stored day on.",
        *("symbol", "first", "last", "new"),
    )
    return lost.sort("symbol").select("symbol", reason=reason)


def board_limit(symbol: pl.Expr, session: pl.Expr, special_treatment: pl.Expr | None = None) -> pl.Expr:
    """Return the daily price limit of a mainland share in whole percent (Int64), by its code and the day; null where none applies.

    Main boards 10 since 1996-12-16, and 5 under special treatment (ST); STAR (688, 689) 20 since it opened on 2019-07-22; ChiNext
    (300, 301, 302) 20 since 2020-08-24 and 10 before; Beijing 30 since it opened on 2021-11-15. Funds follow the index they hold, which
    a code does not tell, and are null like every other instrument.

    Parameters
    ----------
    symbol, session
        Expressions of the symbol (Yahoo style) and of the day.
    special_treatment
        Boolean expression, true while the share's name carries ST; a code does not tell.
    """
    special = pl.lit(False) if special_treatment is None else special_treatment.fill_null(False)
    main = symbol.str.contains(r"^(?:60[0-9]{4}|900[0-9]{3})\.SS$|^(?:00[0-4][0-9]{3}|200[0-9]{3})\.SZ$")
    chinext, star, beijing = (symbol.str.contains(code) for code in (r"^30[0-9]{4}\.SZ$", r"^68[89][0-9]{3}\.SS$", r"^[489][0-9]{5}\.BJ$"))
    plain = pl.when(special).then(5).otherwise(10)
    return (
        pl.when(star & (session >= pl.date(2019, 7, 22)))
        .then(20)
        .when(beijing & (session >= pl.date(2021, 11, 15)))
        .then(30)
        .when(chinext & (session >= pl.date(2020, 8, 24)))
        .then(20)
        .when((main | chinext) & (session >= pl.date(1996, 12, 16)))
        .then(plain)
        .otherwise(None)
        .cast(pl.Int64)
    )


def limits(symbol: pl.Expr, session: pl.Expr, previous_close: pl.Expr, special_treatment: pl.Expr | None = None) -> tuple[pl.Expr, pl.Expr]:
    r"""Return the expressions (highest price, lowest price) a mainland share may trade at.

    .. math:: L_{\pm} = \mathrm{round}(p\,(1 \pm \ell), 0.01)

    with previous close *p* and the board's limit *l* (:func:`board_limit`), rounded half up to the cent: computed in whole cents, since
    10.05 x 1.1 is not 11.055 in binary. ``previous_close`` is the reference price, i.e. already ex any distribution of the day.
    Null where no limit applies or there is no previous close.
    """
    percent = board_limit(symbol, session, special_treatment)
    cents = (previous_close * 100).round().cast(pl.Int64)
    # Twice the numerator plus the divisor, over twice the divisor: integer rounding half up.
    up, down = ((cents * (100 + sign * percent) * 2 + 100) // 200 / 100 for sign in (1, -1))
    return up, down


def with_limits(bars: pl.DataFrame, *, listings: pl.DataFrame | None = None, special: pl.DataFrame | None = None) -> pl.DataFrame:
    """Fill ``limit_up`` and ``limit_down`` of mainland shares where they are absent; what the vendor gave is kept.

    The reference is the previous close, divided by the step of ``adj_factor`` on a day a share goes ex; right for prices as traded,
    not for adjusted ones.

    Parameters
    ----------
    bars
        The ``bars`` table.
    listings
        ``symbol, list_date``: the first five sessions from that day on have no limit. Without it only a symbol's first stored
        session is left open.
    special
        ``symbol, start, end`` (dates, both included, ``end`` null while it lasts): when the share stood under special treatment.
    """
    rows = bars.sort("symbol", "session")
    rows = _marked_special(rows, special)
    step = pl.col("adj_factor") / pl.col("adj_factor").shift(1)
    reference = (pl.col("close").shift(1) / step).over("symbol")
    up, down = limits(pl.col("symbol"), pl.col("session"), reference, pl.col("_special"))
    free = pl.lit(False)
    if listings is not None:
        rows = rows.join(listings.select("symbol", "list_date"), on="symbol", how="left", maintain_order="left")
        since = (pl.col("session") >= pl.col("list_date")).cast(pl.Int32).cum_sum().over("symbol")
        begins = pl.col("session").first().over("symbol") <= pl.col("list_date")
        free = (begins & since.is_between(1, _FREE_SESSIONS)).fill_null(False)
    filled = rows.with_columns(
        limit_up=pl.coalesce("limit_up", pl.when(~free).then(up)), limit_down=pl.coalesce("limit_down", pl.when(~free).then(down))
    )
    return BARS.validate(filled.select(*BARS.schema))


def _marked_special(rows: pl.DataFrame, special: pl.DataFrame | None) -> pl.DataFrame:
    if special is None or special.is_empty():
        return rows.with_columns(_special=pl.lit(False))
    spans = special.select("symbol", "start", "end").sort("start")
    found = rows.select("symbol", "session").sort("session").join_asof(spans, left_on="session", right_on="start", by="symbol")
    inside = pl.col("start").is_not_null() & (pl.col("end").is_null() | (pl.col("session") <= pl.col("end")))
    marked = found.select("symbol", "session", _special=inside)
    return rows.join(marked, on=("symbol", "session"), how="left", maintain_order="left")


def validate(bars: pl.DataFrame) -> pl.DataFrame:
    """Return what is odd about the bars, one row a finding; nothing is changed.

    Rules: ``duplicate`` (two bars of a session), ``high`` (below open, low or close), ``low`` (above open or close), ``limit`` (a move
    beyond the board's limit, or a close beyond the bar's own limits), ``jump`` (where no limit is known: more than doubled, or less than
    halved), ``gap`` (sessions of the market's calendar without a bar, reported at the bar after them).

    Returns
    -------
    DataFrame
        ``symbol, session, rule, reason``, sorted.
    """
    rows = bars.sort("symbol", "session", maintain_order=True)
    found = [_duplicates(rows), *_crossed(rows), *_beyond(rows), _gaps(rows)]
    return pl.concat(found).sort("symbol", "session", "rule")


def _finding(rows: pl.DataFrame, rule: str, reason: pl.Expr) -> pl.DataFrame:
    return rows.select("symbol", "session", rule=pl.lit(rule), reason=reason)


def _duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    many = rows.group_by("symbol", "session").len().filter(pl.col("len") > 1)
    return _finding(many, "duplicate", pl.format("{} bars of one session.", "len"))


def _crossed(rows: pl.DataFrame) -> list[pl.DataFrame]:
    highest, lowest = pl.max_horizontal("open", "close", "low"), pl.min_horizontal("open", "close")
    above = rows.filter(pl.col("high") < highest * (1 - _ROUNDING))
    below = rows.filter(pl.col("low") > lowest * (1 + _ROUNDING))
    return [
        _finding(above, "high", pl.format("The high {} is below open {}, low {} or close {}.", "high", "open", "low", "close")),
        _finding(below, "low", pl.format("The low {} is above open {} or close {}.", "low", "open", "close")),
    ]


def _beyond(rows: pl.DataFrame) -> list[pl.DataFrame]:
    value = pl.col("close") * pl.col("adj_factor")
    before = pl.col("close").shift(1).over("symbol")
    moved = rows.with_columns(
        _move=(value / value.shift(1)).over("symbol") - 1,
        # A cent of rounding in the price before and one in this one are no violation, however low the price.
        _slack=0.001 + 0.02 / before,
        _limit=board_limit(pl.col("symbol"), pl.col("session")) / 100,
    )
    jumps = moved.filter(pl.col("_move").abs() > pl.col("_limit") + pl.col("_slack"))
    text = "The close moved by {} % and the board's limit is {} %."
    percent = (pl.col("_move") * 100).round(2), (pl.col("_limit") * 100).cast(pl.Int64)
    leaps = moved.filter(pl.col("_limit").is_null() & ~pl.col("_move").is_between(-0.5, 1.0))
    over = rows.filter((pl.col("close") > pl.col("limit_up") + 0.005) | (pl.col("close") < pl.col("limit_down") - 0.005))
    return [
        _finding(jumps, "limit", pl.format(text, *percent)),
        _finding(leaps, "jump", pl.format("The close moved by {} %: a split or a distribution may be missing.", percent[0])),
        _finding(over, "limit", pl.format("The close {} is outside the limits {} to {}.", "close", "limit_down", "limit_up")),
    ]


def _gaps(rows: pl.DataFrame) -> pl.DataFrame:
    mics = {symbol: calendar.mic_of(symbol) for symbol in rows["symbol"].unique().to_list()}
    rows = rows.select("symbol", "session", _mic=pl.col("symbol").replace_strict(mics, return_dtype=pl.String))
    found = [pl.DataFrame(schema=FLAGS)]
    for (mic,), part in sorted(rows.partition_by("_mic", as_dict=True).items()):
        held = calendar.sessions_within(str(mic), part["session"].min(), part["session"].max())  # type: ignore[arg-type]
        numbered = part.join(held.select("session").with_row_index("_number"), on="session").sort("symbol", "session")
        skipped = numbered.with_columns(
            _missing=(pl.col("_number").cast(pl.Int64).diff().over("symbol") - 1), _after=pl.col("session").shift(1).over("symbol")
        ).filter(pl.col("_missing") > 0)
        found.append(_finding(skipped, "gap", pl.format("{} sessions without a bar after {}.", "_missing", "_after")))
    return pl.concat(found)
