"""Ranks, quantiles and correlations inside cross-sections that lie one behind the other in flat arrays.

``counts`` says how many values each cross-section has; all are sorted in blocks of rows, which numpy does several times as fast as a
group-by does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["correlations", "mean_ranks", "quantile_groups"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: cells sorted at once
_CELLS = 1 << 20


def mean_ranks(values: Floats, counts: Ints) -> Floats:
    """Return the rank of each value in its cross-section, from 1; equal values share their mean rank.

    Parameters
    ----------
    values
        (N,) finite.
    counts
        (G,) sizes of the cross-sections, each at least 1, N in sum.
    """
    ranks = np.empty(len(values))
    for rows, grid, inside in _grids(values, counts):
        order = np.argsort(grid, axis=1)
        ordered = np.take_along_axis(grid, order, axis=1)
        position = np.arange(grid.shape[1])
        begins = np.ones(grid.shape, dtype=bool)
        begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        if begins[inside].all():
            place = np.broadcast_to(position + 1.0, grid.shape)
        else:
            first = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
            ends = np.ones(grid.shape, dtype=bool)
            ends[:, :-1] = begins[:, 1:]
            last = np.minimum.accumulate(np.where(ends, position, grid.shape[1])[:, ::-1], axis=1)[:, ::-1]
            place = (first + last) / 2 + 1
        placed = np.empty(grid.shape)
        np.put_along_axis(placed, order, place, axis=1)
        ranks[rows] = placed[inside]
    return ranks


def quantile_groups(values: Floats, counts: Ints, quantiles: int) -> npt.NDArray[np.int32]:
    """Return the quantile (1 is lowest) of each value in its cross-section; 0 where it has fewer values than quantiles, or equal ones only.

    A quantile ends at the value interpolated at k (n − 1) / q, which belongs to it, so that equal values share one.
    """
    groups = np.zeros(len(values), dtype=np.int32)
    sizes = counts
    done = 0
    for rows, grid, inside in _grids(values, counts):
        size = sizes[done : done + len(grid)]
        done += len(grid)
        ordered, row = np.sort(grid, axis=1), np.arange(len(grid))
        group = np.ones(grid.shape, dtype=np.int32)
        for k in range(1, quantiles):
            # whole numbers, so that an edge that is a score is exactly that score
            place, part = np.divmod(k * (size - 1), quantiles)
            low, high = ordered[row, place], ordered[row, np.minimum(place + 1, size - 1)]
            group += grid > (low + (high - low) * (part / quantiles))[:, None]
        group[(size < quantiles) | (ordered[row, size - 1] == ordered[:, 0])] = 0
        groups[rows] = group[inside]
    return groups


def correlations(x: Floats, y: Floats, counts: Ints) -> Floats:
    """Return the correlation of x and y in each cross-section; NaN where either has no spread."""
    if not len(counts):
        return np.empty(0)
    first = np.cumsum(counts) - counts

    def centred(values: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        flat = np.maximum.reduceat(values, first) == np.minimum.reduceat(values, first)
        return values - np.repeat(np.add.reduceat(values, first) / counts, counts), flat

    (u, flat_x), (v, flat_y) = centred(x), centred(y)
    scale = np.sqrt(np.add.reduceat(u * u, first) * np.add.reduceat(v * v, first))
    known = ~flat_x & ~flat_y & (scale > 0)
    product = np.add.reduceat(u * v, first)
    found = np.divide(product, scale, out=np.full(len(counts), np.nan), where=known)
    return np.asarray(np.clip(found, -1.0, 1.0))


def _grids(values: Floats, counts: Ints) -> Iterator[tuple[slice, Floats, npt.NDArray[np.bool_]]]:
    """Yield, for a block of cross-sections, their rows in ``values``, a grid of them padded with infinity, and which cells are values."""
    stop = np.concatenate([[0], np.cumsum(counts)])
    start = 0
    while start < len(counts):
        step = max(1, _CELLS // int(counts[start : start + max(1, _CELLS // int(counts[start]))].max()))
        size = counts[start : start + step]
        rows = slice(int(stop[start]), int(stop[start + len(size)]))
        inside = np.arange(int(size.max())) < size[:, None]
        grid = np.full(inside.shape, np.inf)
        grid[inside] = values[rows]
        yield rows, grid, inside
        start += len(size)
