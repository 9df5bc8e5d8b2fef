"""Symbols of a long table as numbers: hashing a million texts costs more than a run's orders, and most tables repeat them in an order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["coded", "run_starts"]

Ints = npt.NDArray[np.int64]

#: rows of a block at most
_LONGEST = 65_536


def coded(column: pl.Series) -> tuple[list[str], Ints]:
    """Return the distinct texts of a column without nulls, sorted, and the place of each row's among them.

    Rows that repeat one block (the same symbols in every session) or stand in runs (sorted by symbol) are compared with the row a block
    or one before, and only the block or the runs' first rows are hashed.

    >>> values, codes = coded(pl.Series(["B", "A", "B", "A", "B"]))
    >>> values, codes.tolist()
    (['A', 'B'], [1, 0, 1, 0, 1])
    """
    n = len(column)
    if n and not column.null_count():
        # Where the first text comes again; 1 when it does not: a block that is none differs somewhere.
        block = ((column.slice(1, _LONGEST) == column[0]).arg_max() or 0) + 1
        if 2 * block <= n and (column.slice(block) == column.slice(0, n - block)).all():
            values, codes = _hashed(column.head(block))
            return values, np.tile(codes, -(-n // block))[:n]
        starts = np.flatnonzero(np.append(True, (column.slice(1) != column.slice(0, n - 1)).to_numpy()))
        if 4 * len(starts) <= n:
            values, codes = _hashed(column.gather(starts))
            return values, np.repeat(codes, np.diff(starts, append=n))
    return _hashed(column)


def run_starts(values: npt.NDArray[np.int32]) -> Ints:
    """Return where a value differs from the one before, the first row among them.

    >>> run_starts(np.array([7, 7, 8, 7], dtype=np.int32)).tolist()
    [0, 2, 3]
    """
    return np.flatnonzero(np.append(True, values[1:] != values[:-1])) if len(values) else np.empty(0, np.int64)


def _hashed(column: pl.Series) -> tuple[list[str], Ints]:
    values = column.unique().sort()
    codes = column.cast(pl.Enum(values)).to_physical().to_numpy().astype(np.int64)
    return values.to_list(), codes
