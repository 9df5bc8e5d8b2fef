"""Price limits of the mainland's exchange-traded funds: 10 %, and 20 % for funds of the STAR and ChiNext markets since 2020-08-24.

A fund's code tells STAR funds (588, 589) from others in Shanghai; of Shenzhen's (159) it does not tell which follow ChiNext, so
those have to be named. Shares: :func:`research.prices.with_limits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from research.schemas import BARS

__all__ = ["WIDE_SINCE", "with_fund_limits"]

#: from then on funds of the STAR and ChiNext markets trade within 20 %
WIDE_SINCE = date(2020, 8, 24)

_FUND, _STAR = r"^5[0-9]{5}\.SS$|^1[568][0-9]{4}\.SZ$", r"^58[89][0-9]{3}\.SS$"


def with_fund_limits(bars: pl.DataFrame, wide: Sequence[str] = ()) -> pl.DataFrame:
    r"""Fill ``limit_up`` and ``limit_down`` of mainland funds where they are absent; what the vendor gave is kept.

    .. math:: L_{\pm} = \mathrm{round}(p\,(1 \pm \ell), 0.001)

    with the previous close *p*, divided by the step of ``adj_factor`` on a day the fund goes ex, and rounded half up; right for prices as
    traded. A symbol's first stored session is left open.

    Parameters
    ----------
    bars
        The ``bars`` table.
    wide
        Symbols of funds that follow ChiNext (``159915.SZ`` …).
    """
    rows = bars.sort("symbol", "session")
    step = pl.col("adj_factor") / pl.col("adj_factor").shift(1)
    reference = (pl.col("close").shift(1) / step).over("symbol")
    broad = (pl.col("symbol").str.contains(_STAR) | pl.col("symbol").is_in(list(wide))) & (pl.col("session") >= WIDE_SINCE)
    percent = pl.when(~pl.col("symbol").str.contains(_FUND)).then(None).when(broad).then(20).otherwise(10).cast(pl.Int64)
    mills = (reference * 1000).round().cast(pl.Int64)
    up, down = ((mills * (100 + sign * percent) * 2 + 100) // 200 / 1000 for sign in (1, -1))
    return BARS.validate(rows.with_columns(limit_up=pl.coalesce("limit_up", up), limit_down=pl.coalesce("limit_down", down)))
