"""Several windows and several groups of a study tested at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.robust_errors import joint_means
from research.errors import UsageError

if TYPE_CHECKING:
    from backtests.study_result import EventStudyResult

__all__ = ["apart", "joint_tests"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

_SCHEMA = {
    "hypothesis": pl.String, "group": pl.String, "window_start": pl.Int32, "window_end": pl.Int32, "statistic": pl.Float64,
    "p_value": pl.Float64, "df": pl.Int32, "df_error": pl.Float64, "n_events": pl.Int32,
}  # fmt: skip


def apart(window: Window) -> list[Window]:
    """Return windows that share no day: those before day 0, day 0, the day after, and the days that follow, as far as ``window`` has them.

    >>> apart((-5, 20)), apart((0, 1))
    ([(-5, -1), (0, 0), (1, 1), (2, 20)], [(0, 0), (1, 1)])
    """
    first, last = window
    parts = [(first, min(-1, last)), (0, 0), (1, 1), (max(2, first), last)]
    return [(a, b) for a, b in parts if first <= a <= b <= last]


def joint_tests(result: EventStudyResult, windows: Sequence[Window], clusters: Sequence[str]) -> pl.DataFrame:
    """Return the table of :meth:`backtests.study_result.EventStudyResult.joint`.

    Parameters
    ----------
    result
        The study.
    windows
        Sub-windows inside its event window.
    clusters
        At most one each of ``symbol`` and ``day0``.

    Raises
    ------
    UsageError
        For other clusters.
    """
    unknown = [name for name in clusters if name not in ("symbol", "day0")]
    if unknown or len(clusters) != len(set(clusters)):
        raise UsageError(f"Clusters came as {', '.join(clusters)}; expected at most one each of symbol and day0.")
    events = result.events
    values = np.stack([result.car(window) for window in windows], axis=1)
    names, group = np.unique(events["group"].to_numpy(), return_inverse=True)
    numbers = [events[name].rank("dense").to_numpy().astype(np.int64) - 1 for name in clusters] or [np.arange(len(values))]
    rows: list[tuple[object, ...]] = []

    def add(name: str | None, columns: list[int], cars: Floats, labels: Ints, kind: Literal["zero", "equal"]) -> None:
        o = joint_means(cars[:, columns], labels, numbers, kind)
        where = windows[columns[0]] if len(columns) == 1 else (None, None)
        hypothesis = "windows zero" if name is not None else f"groups {kind}"
        rows.append((hypothesis, name, *where, o.statistic, o.p_value, o.df, o.df_error, o.n))

    everything = list(range(len(windows)))
    for number, name in enumerate(names):
        own = np.where((group == number)[:, None], values, np.nan)
        add(str(name), everything, own, np.zeros_like(group), "zero")
    if len(names) > 1:
        for columns in [[column] for column in everything] + ([everything] if len(windows) > 1 else []):
            add(None, columns, values, group, "zero")
            add(None, columns, values, group, "equal")
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
