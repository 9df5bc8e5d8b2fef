"""Bars laid out by session and symbol: where the bar of a name and a day stands is computed, not searched for.

A long table of bars repeats every symbol as text in every row. Joins on it hash millions of texts and hold their tables beside the rows;
a matrix of one number a cell is a tenth of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.symbol_codes import coded, run_starts
from research.schemas import BARS

__all__ = ["Grid", "bar_grid", "rows_of"]

Numbers = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A matrix of bars: one row a day of ``days`` (ascending, days since 1970), one column a symbol of ``symbols`` (alphabetical).

    A cell is a place in the matrix, read row by row; -1 is none.
    """

    days: Ints
    symbols: list[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Days and symbols."""
        return len(self.days), len(self.symbols)

    def cells(self, session: pl.Series, symbol: pl.Series) -> Ints:
        """Return the cell of each pair."""
        column = symbol.cast(pl.Enum(self.symbols), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        row = rows_of(session, self.days)
        off = (row < 0) | (column < 0)
        row *= len(self.symbols)
        row += column
        row[off] = -1
        return row

    def laid(self, cells: Ints, values: Numbers, empty: float, where: Bools | None = None) -> Numbers:
        """Return values as a matrix of their own type; ``empty`` where none is laid or picked by ``where``."""
        picked = cells >= 0 if where is None else (cells >= 0) & where
        out = np.full(len(self.days) * len(self.symbols), empty, dtype=values.dtype)
        if picked.all():
            out[cells] = values
        else:
            out[cells[picked]] = values[picked]
        return out.reshape(self.shape)


def bar_grid(bars: pl.DataFrame, sessions: pl.Series) -> tuple[Grid, Ints]:
    """Return the grid of ``bars`` (no nulls in ``symbol`` and ``session``) on the days of ``sessions``, and the cell of each bar.

    Raises
    ------
    SchemaError
        When two bars are of one symbol and session.
    """
    symbols, column = coded(bars["symbol"])
    grid = Grid(sessions.unique().sort().to_physical().to_numpy().astype(np.int64), symbols)
    cells = rows_of(bars["session"], grid.days)
    off = cells < 0
    cells *= len(symbols)
    cells += column
    del column
    cells[off] = -1
    met = np.zeros(len(grid.days) * len(symbols) + 1, dtype=bool)
    met[cells] = True
    if np.count_nonzero(met[:-1]) < len(cells) - np.count_nonzero(off):
        BARS.validate(bars)  # says which
    return grid, cells


def rows_of(sessions: pl.Series, days: Ints) -> Ints:
    """Return the row of each session among ``days`` (ascending, days since 1970); -1 where it is none of them."""
    if not len(days) or not len(sessions):
        return np.full(len(sessions), -1, dtype=np.int64)
    when = sessions.to_physical().to_numpy()
    starts = run_starts(when)
    runs = 4 * len(starts) <= len(when)  # sorted by session: looked up once a run
    numbers = (when[starts] if runs else when).astype(np.int64)
    numbers -= days[0]
    table = np.full(int(days[-1] - days[0]) + 2, -1, dtype=np.int64)
    table[days - days[0]] = np.arange(len(days))
    numbers[(numbers < 0) | (numbers >= len(table) - 1)] = len(table) - 1
    rows = table[numbers]
    return np.repeat(rows, np.diff(starts, append=len(when))) if runs else rows
