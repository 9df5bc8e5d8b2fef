"""Returns, adjustment, price limits and checks of the ``bars`` table.

Prices in ``bars`` are as the vendor quotes them; ``close * adj_factor`` chains into a total-return series whatever the vendor's base.
"""

from __future__ import annotations

import polars as pl

from research.bar_checks import FLAGS, validate
from research.errors import DataError
from research.price_limits import board_limit, limits, with_limits
from research.schemas import BARS

__all__ = ["FLAGS", "adjusted", "apart", "base", "board_limit", "chain", "limits", "returns", "validate", "with_limits"]

#: shared sessions whose median tells the base of the prices
_NEAR = 5


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

    A factor is never revised, so a later fetch (whose factor starts at 1.0 again, maybe with prices on another base) is scaled at the
    latest session *o* both share at or before the bar, or else at the earliest one after it:

    .. math:: f'_t = f_t \cdot \frac{f_o \text{ (stored)}}{f_o \text{ (fetched)}} \cdot k, \qquad
        k = \operatorname{median} \frac{c \text{ (stored)}}{c \text{ (fetched)}}

    over the five shared sessions up to *o* (from *o* on, for bars before it). The median is 1 where the vendor corrected one close: the
    stored error stays where it is and spoils no later level. It is the vendor's new base where all prices were rescaled.

    Parameters
    ----------
    stored, fetched
        Two ``bars`` tables. Fetch from some sessions before the last stored one on, so that they overlap.

    Raises
    ------
    DataError
        When a stored symbol shares no session with the fetched bars: the factor between the two is not known.
    """
    lost = apart(stored, fetched)
    if lost.height:
        raise DataError(lost["reason"][0])
    shared = stored.select("symbol", "session", "close", "adj_factor").join(
        fetched.select("symbol", "session", "close", "adj_factor"), on=("symbol", "session"), suffix="_new"
    )
    ratio, factor = pl.col("close") / pl.col("close_new"), pl.col("adj_factor") / pl.col("adj_factor_new")
    before, after = base(ratio), base(ratio.reverse())
    scales = (
        shared.sort("symbol", "session")
        .with_columns(_scale=(before * factor).over("symbol"), _scale_next=(after.reverse() * factor).over("symbol"))
        .select("symbol", "session", "_scale", "_scale_next")
        .sort("session")
    )
    rows = fetched.join(stored, on=("symbol", "session"), how="anti").sort("session")
    past, coming = scales.drop("_scale_next"), scales.drop("_scale")
    rows = rows.join_asof(past, on="session", by="symbol", strategy="backward", check_sortedness=False)
    rows = rows.join_asof(coming, on="session", by="symbol", strategy="forward", check_sortedness=False)
    scale = pl.coalesce("_scale", "_scale_next").fill_null(1.0)
    return BARS.validate(rows.with_columns(adj_factor=pl.col("adj_factor") * scale).select(*BARS.schema).sort("symbol", "session"))


def base(ratio: pl.Expr, *, center: bool = False) -> pl.Expr:
    """Return the median of the last five ratios of two series of prices, or of the five around each; of two medians the nearer to 1."""
    low, high = (
        ratio.rolling_quantile(0.5, interpolation=side, window_size=_NEAR, min_samples=1, center=center) for side in ("lower", "higher")
    )
    return pl.when(low.log().abs() <= high.log().abs()).then(low).otherwise(high)


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
