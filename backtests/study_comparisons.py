"""Groups of a study beside each other: p-values over all groups and windows together, and each pair of groups compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from backtests.bootstrap_tests import cluster_flips
from backtests.calendar_time import cohort_totals
from backtests.calendar_time import portfolio as calendar_portfolio
from backtests.group_tests import permutation, welch
from backtests.multiple_testing import romano_wolf as adjust_romano_wolf
from backtests.study_tests import blocks_of

if TYPE_CHECKING:
    from backtests.study_result import EventStudyResult

__all__ = ["differences", "portfolio", "romano_wolf"]

Window = tuple[int, int]


def romano_wolf(result: EventStudyResult, windows: Sequence[Window], draws: int) -> pl.DataFrame:
    """Return the table of :meth:`backtests.study_result.EventStudyResult.romano_wolf`.

    Parameters
    ----------
    result
        The study.
    windows
        Sub-windows inside its event window.
    draws
        Number of sign vectors.
    """
    length = result.study.window[1] - result.study.window[0] + 1
    blocks = blocks_of(result.clock.days(0, 0)[:, 0], length)
    names, group = np.unique(result.events["group"].to_numpy(), return_inverse=True)
    keys = [(str(name), *window) for name in names for window in windows]
    sums, counts = np.zeros((2, len(names), len(windows), int(blocks.max()) + 1))
    for column, (first, last) in enumerate(windows):
        scar = result.scar((first, last))
        valid = ~np.isnan(scar)
        place = (group[valid], np.full(int(valid.sum()), column), blocks[valid])
        np.add.at(sums, place, scar[valid])
        np.add.at(counts, place, 1.0)
    statistics, flipped = cluster_flips(sums.reshape(len(keys), -1), counts.reshape(len(keys), -1), draws, result.study.seed)
    alone = (1.0 + (np.abs(flipped) >= np.abs(statistics) * (1.0 - 1e-12)).sum(axis=0)) / (1.0 + draws)
    columns = {"statistic": statistics, "p_value": np.where(np.isnan(statistics), np.nan, alone)}
    columns["p_adjusted"] = adjust_romano_wolf(statistics, flipped)
    schema = {"group": pl.String, "window_start": pl.Int32, "window_end": pl.Int32}
    frame = pl.DataFrame(keys, schema=schema, orient="row")
    return frame.with_columns(*(pl.Series(name, values).fill_nan(None) for name, values in columns.items()))


def differences(result: EventStudyResult, windows: Sequence[Window], draws: int) -> pl.DataFrame:
    """Return the table of :meth:`backtests.study_result.EventStudyResult.differences`.

    Parameters
    ----------
    result, windows
        As for :func:`romano_wolf`.
    draws
        Number of permutations.
    """
    rows = []
    groups = result.events["group"].unique().sort().to_list()
    for window in windows:
        car = result.car(window)
        of = {name: car[(result.events["group"] == name).to_numpy()] for name in groups}
        of = {name: values[~np.isnan(values)] for name, values in of.items()}
        for a, b in combinations(groups, 2):
            gap = float(of[a].mean() - of[b].mean()) if len(of[a]) and len(of[b]) else None
            found = {"welch": welch(of[a], of[b]), "permutation": permutation(of[a], of[b], draws, result.study.seed)}
            for name, o in found.items():
                rows.append((a, b, name, *window, gap, o.statistic, o.p_value, o.one_sided()[0], o.df, len(of[a]), len(of[b])))
    floats = ("difference", "statistic", "p_value", "p_greater", "df")
    schema = {
        **dict.fromkeys(("group_a", "group_b", "test"), pl.String),
        **dict.fromkeys(("window_start", "window_end"), pl.Int32),
        **dict.fromkeys(floats, pl.Float64),
        **dict.fromkeys(("n_a", "n_b"), pl.Int32),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("group_a", "group_b", "test", "window_start", "window_end")


def portfolio(result: EventStudyResult, window: Window, first: int, last: int) -> pl.DataFrame:
    """Return the table of :meth:`backtests.study_result.EventStudyResult.portfolio`.

    Parameters
    ----------
    result
        The study.
    window
        Sub-window inside its event window.
    first, last
        Its columns.
    """
    parts = []
    for group in result.events["group"].unique().sort():
        chosen = np.flatnonzero((result.events["group"] == group).to_numpy())
        clock = result.clock.take(chosen)
        own, cohort = clock.cohorts()
        totals = cohort_totals(result.arrays.abnormal[chosen, first : last + 1], cohort)
        day, mean, n_events = calendar_portfolio(*totals, clock.days(*window, own))
        columns = {"abnormal_return": pl.Series(mean), "n_events": pl.Series(n_events).cast(pl.Int32)}
        parts.append(pl.DataFrame({"group": [group] * len(day), "session": pl.Series(clock.sessions[day]).cast(pl.Date), **columns}))
    return pl.concat(parts)
