"""What a vendor says now about sessions that are stored already.

Stored bars are never overwritten: a strategy saw them as they are. Each difference is a finding beside them, and new bars are chained to
the stored ones (:func:`research.prices.chain`).

============  ========================================================================================================================
revised       an open, high, low or close is another one now
rebased       all prices of a stretch are a multiple of the stored ones: a split or an adjustment after they were stored
distribution  the factor steps on another day, or by another amount
withdrawn     the vendor has no bar of a stored session any more
late          the vendor has a bar of a session between stored ones now; it is added
identity      most returns are other ones: the symbol means another security now; nothing of it is added
currency      the prices are in another currency now; nothing of it is added
============  ========================================================================================================================
"""

from __future__ import annotations

import polars as pl

from research.bar_checks import FLAGS
from research.prices import base

__all__ = ["REFUSED", "revisions"]

#: findings after which no bar of the symbol is added
REFUSED = ("identity", "currency")

_PRICES = ("open", "high", "low", "close")
#: relative; where the base is another one, prices were rounded anew
_SAME, _ROUNDED, _TICK = 1e-4, 1e-3, 0.011
_STEP = 1e-3
#: returns of one security at two vendors lie within this, except for a few
_RETURN, _FEWEST = 0.02, 5


def revisions(stored: pl.DataFrame, fetched: pl.DataFrame) -> pl.DataFrame:
    """Compare fetched bars with stored ones.

    Parameters
    ----------
    stored, fetched
        Two ``bars`` tables; symbols of only one of them are left out.

    Returns
    -------
    DataFrame
        ``symbol, session, rule, reason``, sorted, with the rules of the module's table; ``session`` is null where the whole symbol is
        meant.
    """
    columns = ("symbol", "session", *_PRICES, "adj_factor", "currency", "suspended")
    shared = stored.select(columns).join(fetched.select(columns), on=("symbol", "session"), suffix="_new").sort("symbol", "session")
    value, new = pl.col("close") * pl.col("adj_factor"), pl.col("close_new") * pl.col("adj_factor_new")
    factor = pl.col("adj_factor") / pl.col("adj_factor_new")
    ratio = pl.col("close") / pl.col("close_new")
    shared = shared.with_columns(
        _base=base(ratio, center=True).over("symbol"),
        _step=(factor / factor.shift(1)).over("symbol"),
        _away=(value / value.shift(1) - new / new.shift(1)).over("symbol").abs() > _RETURN,
    )
    found = pl.concat([*_whole(shared), _revised(shared), _distributions(shared), *_coverage(stored, fetched)])
    # Of another security every single price differs: once is enough.
    other = found.filter(pl.col("rule").is_in(REFUSED)).select("symbol").unique()
    found = found.filter(pl.col("rule").is_in(REFUSED) | ~pl.col("symbol").is_in(other["symbol"].implode()))
    return found.sort("symbol", "session", "rule", nulls_last=False)


def _whole(shared: pl.DataFrame) -> list[pl.DataFrame]:
    counted = (
        shared.group_by("symbol")
        .agg(
            session=pl.lit(None, dtype=pl.Date),
            _n=pl.len(),
            _other=pl.col("_away").sum(),
            _first=pl.col("currency").first(),
            _now=pl.col("currency_new").first(),
            _changed=(pl.col("currency") != pl.col("currency_new")).any(),
            _base=pl.col("_base").filter((pl.col("_base") - 1).abs() > _SAME).last(),
            _based=((pl.col("_base") - 1).abs() > _SAME).sum(),
        )
        .sort("symbol")
    )
    alien = counted.filter((pl.col("_n") >= _FEWEST) & (pl.col("_other") * 2 >= pl.col("_n")))
    texts = (
        (alien, "identity", ("{} of {} shared sessions have another return than stored: the symbol means another security now, "
         "and nothing of it was added; give the old one another symbol.", "_other", "_n")),
        (counted.filter("_changed"), "currency", ("The prices are in {} now and stored in {}: nothing of it was added; "
         "name the currency.", "_now", "_first")),
        (counted.filter(pl.col("_base").is_not_null()), "rebased", ("{} of {} shared sessions are stored at {} times the price: "
         "a split or an adjustment since; new bars are chained to the stored ones.", "_based", "_n", pl.col("_base").round(6))),
    )  # fmt: skip
    return [rows.select("symbol", "session", rule=pl.lit(rule), reason=pl.format(*text)) for rows, rule, text in texts]


def _revised(shared: pl.DataFrame) -> pl.DataFrame:
    rebased = (pl.col("_base") - 1).abs() > _SAME
    parts = []
    for name in _PRICES:
        now = pl.col(f"{name}_new") * pl.col("_base")
        tolerance = pl.when(rebased).then(_ROUNDED + _TICK * pl.col("_base").abs().clip(lower_bound=1.0) / pl.col(name)).otherwise(_SAME)
        moved = ((pl.col(name) / now - 1).abs() > tolerance).fill_null(False)
        parts.append(pl.when(moved).then(pl.format(name + " {} -> {}", name, now.round(6))))
    listed = shared.with_columns(_what=pl.concat_str(parts, separator=", ", ignore_nulls=True)).filter(pl.col("_what") != "")
    return listed.select(
        "symbol", "session", rule=pl.lit("revised"), reason=pl.format("The vendor says otherwise now ({}); the stored bar stays.", "_what")
    )


def _distributions(shared: pl.DataFrame) -> pl.DataFrame:
    other = shared.filter((pl.col("_step") - 1).abs() > _STEP)
    text = "Since the session before, the stored factor grew {} times as much as the vendor's does now; the stored one stays."
    return other.select("symbol", "session", rule=pl.lit("distribution"), reason=pl.format(text, pl.col("_step").round(6)))


def _coverage(stored: pl.DataFrame, fetched: pl.DataFrame) -> list[pl.DataFrame]:
    found = [pl.DataFrame(schema=FLAGS)]
    for here, there, rule, reason in (
        (
            stored.filter(~pl.col("suspended")),
            fetched,
            "withdrawn",
            "The vendor has no bar of this session any more; the stored one stays.",
        ),
        (fetched, stored, "late", "The vendor had no bar of this session when its neighbours were stored; it is added."),
    ):
        span = there.group_by("symbol").agg(_first=pl.col("session").min(), _last=pl.col("session").max())
        inside = here.join(span, on="symbol").filter(pl.col("session").is_between("_first", "_last"))
        only = inside.join(there, on=("symbol", "session"), how="anti")
        found.append(only.select("symbol", "session", rule=pl.lit(rule), reason=pl.lit(reason)))
    return found
