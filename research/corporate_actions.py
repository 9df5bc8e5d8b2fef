r"""Cash dividends, bonus shares, splits and rights issues, and the factor they make.

A share that goes ex trades from its reference price *R* on. With the last traded close *p*, cash *d*, new shares without payment *b*,
shares offered *r* at a price of *s*, all for one share held,

.. math:: R = \frac{p - d + r s}{1 + b + r}, \qquad \frac{f_t}{f_{t-1}} = \frac{p}{R}

is the theoretical ex-rights price of a holder who takes part, and the step of ``adj_factor``: cash is reinvested at *R*, rights are taken
up. The mainland's exchanges compute it the same way (their trading rules, chapter on ex-rights and ex-dividend).

An ``actions`` frame has ``symbol, ex_date, cash, shares`` and, where there are rights issues, ``rights, subscription`` (:data:`ACTIONS`).
"""

from __future__ import annotations

import polars as pl

from research.errors import SchemaError
from research.schemas import BARS

__all__ = ["ACTIONS", "step", "steps", "with_factor"]

#: currency units, new shares, shares offered and the price of one of those, for one share held
ACTIONS = {
    "symbol": pl.String,
    "ex_date": pl.Date,
    "cash": pl.Float64,
    "shares": pl.Float64,
    "rights": pl.Float64,
    "subscription": pl.Float64,
}


def step(close: pl.Expr, cash: pl.Expr, shares: pl.Expr, rights: pl.Expr, paid: pl.Expr) -> pl.Expr:
    """Return the step of the factor; ``paid`` is what the shares offered cost, for one share held. The formula is the module's.

    Ten for ten, and three for ten at 4.00, at a close of 10.00: the reference is (10 + 0.3 x 4) / 2.3.

    >>> row = pl.DataFrame({"close": [10.0]})
    >>> zero = pl.lit(0.0)
    >>> row.select(step(pl.col("close"), zero, pl.lit(1.0), pl.lit(0.3), pl.lit(1.2)).round(6)).item()
    2.053571
    """
    return close * (1 + shares + rights) / (close - cash + paid)


def steps(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Return the steps the actions imply, on the sessions they show in the price.

    Parameters
    ----------
    bars
        The ``bars`` table, prices as traded.
    actions
        See the module; several of one day add up. A share that is suspended on its ex-day goes ex on the first session it trades again.

    Returns
    -------
    DataFrame
        ``symbol, session, before, cash, shares, rights, paid, stated``, one row a session with an action and a traded bar before it,
        sorted. An action before the first bar, or after the last, has no session.
    """
    for name in ("symbol", "ex_date", "cash", "shares"):
        if name not in actions.columns:
            raise SchemaError("actions", name, f"columns {', '.join(actions.columns)}", "symbol, ex_date, cash and shares")
    zero = [pl.lit(0.0).alias(name) for name in ("rights", "subscription") if name not in actions.columns]
    amounts = actions.with_columns(*zero).select(
        "symbol",
        pl.col("ex_date").alias("session"),
        *(pl.col(name).fill_null(0.0) for name in ("cash", "shares", "rights")),
        paid=(pl.col("rights") * pl.col("subscription")).fill_null(0.0),
    )
    live = bars.filter(~pl.col("suspended")).sort("symbol", "session")
    live = live.select("symbol", "session", before=pl.col("close").shift(1).over("symbol")).sort("session")
    at = amounts.sort("session").join_asof(
        live.select("symbol", "session", _at="session"), on="session", by="symbol", strategy="forward", check_sortedness=False
    )
    summed = at.filter(pl.col("_at").is_not_null()).group_by("symbol", session="_at").agg(pl.col("cash", "shares", "rights", "paid").sum())
    found = summed.join(live, on=("symbol", "session")).filter(pl.col("before").is_not_null())
    implied = step(*(pl.col(name) for name in ("before", "cash", "shares", "rights", "paid")))
    columns = ("symbol", "session", "before", "cash", "shares", "rights", "paid")
    return found.select(*columns, stated=implied).sort("symbol", "session")


def with_factor(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Return the bars with ``adj_factor`` made of the actions alone: 1.0 at each symbol's first session, growing with every action.

    For prices as traded whose vendor gives no factor, or one that is wrong.

    >>> from datetime import date, datetime, timezone
    >>> day = [date(2024, 1, 2), date(2024, 1, 3)]
    >>> same = {"symbol": "A", "volume": 1.0, "adj_factor": 1.0, "suspended": False, "currency": "CNY", "source": "t"}
    >>> same["available_at"] = datetime(2024, 1, 3, tzinfo=timezone.utc)
    >>> bars = BARS.frame([same | {"session": d, "close": c} for d, c in zip(day, [10.0, 9.5])])
    >>> paid = pl.DataFrame({"symbol": ["A"], "ex_date": [day[1]], "cash": [0.5], "shares": [0.0]})
    >>> with_factor(bars, paid)["adj_factor"].round(6).to_list()
    [1.0, 1.052632]
    """
    found = steps(bars, actions).select("symbol", "session", "stated")
    rows = bars.sort("symbol", "session").join(found, on=("symbol", "session"), how="left", maintain_order="left")
    factor = pl.col("stated").fill_null(1.0).cum_prod().over("symbol")
    return BARS.validate(rows.with_columns(adj_factor=factor).select(*BARS.schema))
