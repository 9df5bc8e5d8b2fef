"""A symbol beside the others of its session: sums and means of the market or of the sector, shares of them, what is left after them.

The cross-section is the set of rows that share ``session`` and ``asof`` (as in :mod:`signals.transforms`), within it those that share
``by`` (for example ``"sector"``, from :func:`signals.panel.with_sectors`). A row whose ``by`` is null has no group: its result is null.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

__all__ = ["by_sessions", "others_mean", "relative", "section_dispersion", "share"]

_SECTION = ("session", "asof")


def others_mean(column: str, by: str | None = None) -> pl.Expr:
    r"""Return :math:`\frac{1}{n_{-i}} \sum_{j \ne i} x_j` over the non-null values of the *other* symbols of the session (and group).

    The symbol's own value is left out, so that a share with all the news of its sector does not look like its sector. Null where no
    other symbol has a value.

    >>> frame = pl.DataFrame({"session": [1, 1, 1], "asof": [1, 1, 1], "x": [1.0, 2.0, None]})
    >>> frame.select(others_mean("x"))["x"].to_list()
    [2.0, 1.0, 1.5]
    """
    value = pl.col(column)
    total, own = _within(value.sum(), by), value.fill_null(0.0)
    others = _within(value.count(), by).cast(pl.Int64) - value.is_not_null().cast(pl.Int64)
    return _grouped(pl.when(others > 0).then((total - own) / others), by).alias(column)


def relative(column: str, by: str | None = None) -> pl.Expr:
    """Return the value minus :func:`others_mean`; null where either is."""
    return pl.col(column) - others_mean(column, by)


def share(column: str, by: str | None = None) -> pl.Expr:
    """Return the value over its sum in the session (and group); null where that is 0 or the value is null."""
    total = _within(pl.col(column).sum(), by)
    return _grouped(pl.when(total != 0).then(pl.col(column) / total), by).alias(column)


def section_dispersion(column: str, by: str | None = None) -> pl.Expr:
    """Return the standard deviation (ddof 1) of the session (and group), the same for all its symbols; null below two values."""
    return _grouped(_within(pl.col(column).std(), by), by)


def by_sessions(frame: pl.DataFrame, expressions: Mapping[str, pl.Expr], *, at_once: int = 500) -> pl.DataFrame:
    """Return ``frame.select(**expressions)`` for expressions of a session, formed ``at_once`` sessions at a time.

    The sums of a block of sessions stay in the processor's cache, which is several times as fast where symbols are many.
    """
    days = frame["session"].unique().sort()
    if len(days) <= at_once:
        return frame.select(**expressions)
    ends = [(days[i], days[min(i + at_once, len(days)) - 1]) for i in range(0, len(days), at_once)]
    rows = frame.lazy().with_row_index("_row")
    found = pl.concat(pl.collect_all([rows.filter(pl.col("session").is_between(*end)).select("_row", **expressions) for end in ends]))
    place = np.empty(found.height, dtype=np.uint32)
    place[found["_row"].to_numpy()] = np.arange(found.height, dtype=np.uint32)
    return found.select(pl.col(list(expressions)).gather(pl.Series(place)))


def _within(aggregate: pl.Expr, by: str | None) -> pl.Expr:
    return aggregate.over(_SECTION if by is None else (*_SECTION, by))


def _grouped(expression: pl.Expr, by: str | None) -> pl.Expr:
    return expression if by is None else pl.when(pl.col(by).is_not_null()).then(expression)
