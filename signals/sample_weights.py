r"""Sample weights for labels that overlap.

Two labels of one symbol whose stretches meet share returns: they are not two observations. With :math:`c_t` the number of labels of the
symbol alive in bar :math:`t`, the average uniqueness of label :math:`i`, alive in the bars :math:`T_i`, is

.. math:: u_i = \frac{1}{|T_i|} \sum_{t \in T_i} \frac{1}{c_t}

(López de Prado, 2018, "Advances in Financial Machine Learning", section 4.4). It is 1 for a label that overlaps no other, and the
:math:`u_i |T_i|` of a symbol add up to the number of bars in which any of its labels is alive.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import SchemaError

__all__ = ["average_uniqueness"]


def average_uniqueness(rows: pl.DataFrame, clock: pl.Series | None = None) -> NDArray[np.float64]:
    """Return the average uniqueness of each row's label, in (0, 1], in the order of ``rows``.

    Parameters
    ----------
    rows
        ``symbol``, ``asof`` and ``ends_at`` of each label, no nulls.
    clock
        Instants that begin a bar; by default the distinct ``asof`` of ``rows``. A bar lasts to the next instant, the last one for ever. A
        label is alive from the bar of its ``asof`` to the last bar that begins before its ``ends_at``.
    """
    for column in ("symbol", "asof", "ends_at"):
        if column not in rows.columns:
            raise SchemaError("rows", column, f"columns {', '.join(rows.columns)}", "symbol, asof and ends_at")
        if rows[column].null_count():
            raise SchemaError("rows", column, f"{rows[column].null_count()} nulls", "labels that have ended")
    if rows.is_empty():
        return np.empty(0)
    instants = (rows["asof"] if clock is None else pl.concat([clock, rows["asof"]])).unique().sort().to_numpy()
    first = np.searchsorted(instants, rows["asof"].to_numpy(), side="left")
    last = np.maximum(np.searchsorted(instants, rows["ends_at"].to_numpy(), side="left") - 1, first)
    symbol = rows["symbol"].rank("dense").to_numpy().astype(np.int64) - 1
    shape = (int(symbol.max()) + 1, instants.size + 1)
    steps = np.zeros(shape)
    np.add.at(steps, (symbol, first), 1.0)
    np.add.at(steps, (symbol, last + 1), -1.0)
    alive = steps.cumsum(axis=1)
    shares = np.zeros((shape[0], shape[1] + 1))
    np.divide(1.0, alive, out=shares[:, 1:], where=alive > 0)
    total = shares.cumsum(axis=1)
    return np.asarray((total[symbol, last + 1] - total[symbol, first]) / (last - first + 1), dtype=np.float64)
