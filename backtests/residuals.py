"""Estimation-window residuals, made when they are read: kept whole they would be nine tenths of what a study of many events holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "Beside", "Line", "Panel", "Residuals", "Rows", "each_block"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Index = slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]
Window = tuple[int, int]
Found = TypeVar("Found")

#: events worked on at once: their arrays stay in the processor's cache
BLOCK = 1024

#: blocks worked on at once
_THREADS = 2


class Rows(Protocol):
    """A matrix that is read some rows at a time: an array, or :class:`Residuals`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, index: Index, /) -> Floats:
        """Return some rows."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Returns of the securities of one market with their regressors, and where each event stands among them.

    Attributes
    ----------
    realized
        (S, W) returns on the padded sessions, NaN where missing.
    common
        (K, W) regressors that all securities share.
    own
        (S, W) the one regressor of each security, in the place of ``common``; ``None`` without.
    row, match, zero
        (E,) row of ``realized`` and of ``own``, and column of day 0, of each event.
    """

    realized: Floats
    common: Floats
    own: Floats | None
    row: Ints
    match: Ints
    zero: Ints

    def windows(self, events: Index, first: int, last: int) -> tuple[Floats, list[Floats]]:
        """Return (n, last − first + 1) returns of ``events`` from tau ``first`` to ``last``, and K regressors of that shape; all new."""
        length, starts = last - first + 1, self.zero[events] + first
        slices = np.lib.stride_tricks.sliding_window_view
        realized = np.asarray(slices(self.realized, length, axis=1)[self.row[events], starts])
        if self.own is not None:
            return realized, [np.asarray(slices(self.own, length, axis=1)[self.match[events], starts])]
        return realized, [np.asarray(slices(series, length)[starts]) for series in self.common]


@dataclass(frozen=True, slots=True)
class Line:
    """Residuals about a line: return − alpha − Σ beta · regressor, in the estimation window.

    Attributes
    ----------
    panel
        Where returns and regressors are.
    window
        First and last tau.
    alpha, betas
        (E,), (E, K); a regressor that only says which days count has a beta of zero.
    """

    panel: Panel
    window: Window
    alpha: Floats
    betas: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """(E, T)."""
        return len(self.alpha), self.window[1] - self.window[0] + 1

    def __len__(self) -> int:
        return len(self.alpha)

    def __getitem__(self, events: Index, /) -> Floats:
        """Return the residuals of some events."""
        residuals, regressors = self.panel.windows(events, *self.window)
        residuals -= self.alpha[events, None]
        betas = self.betas[events]
        for j, regressor in enumerate(regressors):
            regressor *= betas[:, j, None]
            residuals -= regressor
        return residuals


@dataclass(frozen=True, slots=True)
class Residuals:
    """Residuals of E events over T estimation days, from one or several sources; NaN on missing days.

    Attributes
    ----------
    sources
        Arrays, or :class:`Line`, of T columns.
    source, row
        (E,) which source an event is in, and its row there.
    """

    sources: tuple[Rows, ...]
    source: Ints
    row: Ints

    @classmethod
    def of(cls, rows: Rows) -> Residuals:
        """Return the residuals in one source, in its order."""
        return cls((rows,), np.zeros(len(rows), dtype=np.int64), np.arange(len(rows)))

    @classmethod
    def stack(cls, parts: Sequence[Residuals]) -> Residuals:
        """Return the events of all parts, in order."""
        offsets = np.cumsum([0, *(len(part.sources) for part in parts)])
        sources = tuple(source for part in parts for source in part.sources)
        places = [part.source + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
        return cls(sources, np.concatenate(places), np.concatenate([part.row for part in parts]))

    @property
    def shape(self) -> tuple[int, ...]:
        """(E, T)."""
        return len(self.row), self.sources[0].shape[1]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, events: Index, /) -> Floats:
        """Return the residuals of some events, (n, T)."""
        row = self.row[events]
        if len(self.sources) == 1:
            return np.asarray(self.sources[0][row])
        source = self.source[events]
        found = np.empty((len(row), self.shape[1]))
        for number in np.unique(source):
            chosen = source == number
            found[chosen] = self.sources[number][row[chosen]]
        return found

    def take(self, events: Index) -> Residuals:
        """Return the residuals of some events, still unread."""
        return Residuals(self.sources, self.source[events], self.row[events])


@dataclass(frozen=True, slots=True)
class Beside:
    """The columns of two matrices side by side, read some rows at a time.

    Attributes
    ----------
    left, right
        Of as many rows each.
    scale
        (N,) what the left is divided by; ``None``: nothing.
    """

    left: Rows
    right: Floats
    scale: Floats | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and columns of both."""
        return len(self.right), self.left.shape[1] + self.right.shape[1]

    def __len__(self) -> int:
        return len(self.right)

    def __getitem__(self, index: Index, /) -> Floats:
        """Return some rows."""
        left = self.left[index]
        return np.concatenate([left if self.scale is None else left / self.scale[index, None], self.right[index]], axis=1)


def each_block(n_rows: int, work: Callable[[slice], Found], size: int | None = None) -> Iterator[Found]:
    """Yield what ``work`` returns of each block of rows, in order; two blocks are worked on at once.

    Parameters
    ----------
    n_rows
        Rows in all.
    work
        From a slice of rows to what is wanted of them; numpy lets go of the interpreter inside its loops.
    size
        Rows of a block; :data:`BLOCK` by default.
    """
    step = BLOCK if size is None else size
    blocks = [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
    if len(blocks) <= 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(work, blocks)
