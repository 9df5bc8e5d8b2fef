"""How much a finding depends on choices: estimation windows, models, sub-windows; and whether prices moved before day 0.

Every cell is the study fitted again on the same events and returns. Cells are not independent evidence: the grid shows whether a finding
needs one choice, not how significant it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from backtests.study_tests import default_windows
from research.errors import EstimationError, UsageError

if TYPE_CHECKING:
    from backtests.event_study import EventStudyResult

__all__ = ["Leakage", "default_grid", "leakage", "sensitivity"]

Window = tuple[int, int]

#: models whose fit needs nothing but the market
_MODELS = ("market", "market_adjusted", "constant")


@dataclass(frozen=True, slots=True, repr=False)
class Leakage:
    """What happened before day 0.

    Attributes
    ----------
    path
        group, tau, n_events, aar, caar (from ``start`` on), std_error.
    table
        group, n_events, drift (mean CAR over ``start`` .. −1), drift_std_error, p_value (of ``test``), reaction (mean CAR from day 0 to
        the end), share (drift over drift + reaction; null where they differ in sign or their sum is no further from zero than its
        standard error).
    start, end
        First and last tau.
    test
        Test of the drift.
    """

    path: pl.DataFrame
    table: pl.DataFrame
    start: int
    end: int
    test: str

    def __repr__(self) -> str:
        """Say what was looked at, in a line."""
        return f"Leakage({self.table.height} groups, {self.start} .. {self.end})"


def default_grid(estimation: Window) -> list[Window]:
    """Return estimation windows to compare with ``estimation``: half and three quarters of it, near and far, and it itself.

    >>> default_grid((-250, -31))
    [(-250, -141), (-250, -86), (-250, -31), (-195, -31), (-140, -31)]
    """
    first, last = estimation
    length = last - first + 1
    half, most = max(1, length // 2), max(1, length * 3 // 4)
    return sorted({(first, last), (first, first + half - 1), (first, first + most - 1), (last - half + 1, last), (last - most + 1, last)})


def sensitivity(
    result: EventStudyResult,
    *,
    estimations: Sequence[Window] | None = None,
    windows: Sequence[Window] | None = None,
    models: Sequence[str] | None = None,
    test: str = "kolari_pynnonen",
) -> pl.DataFrame:
    """Fit the study again over a grid of models and estimation windows, and test every sub-window of each.

    Parameters
    ----------
    result
        The study.
    estimations
        Estimation windows; :func:`default_grid` by default (of ``garch`` the study's own). ``min_obs`` is lowered to the same share of a
        shorter window.
    windows
        Sub-windows inside the event window; by default the usual ones.
    models
        By default the study's own, and ``market``, ``market_adjusted`` and ``constant``.
    test
        Name of the test whose p-value is given.

    Returns
    -------
    DataFrame
        model, estimation_start, estimation_end, group, window_start, window_end, n_events, mean_car, statistic, p_value, note (why a cell
        is empty). Sorted as asked for.

    Raises
    ------
    UsageError
        For an unknown model, a window outside the event window, or an estimation window that meets it.
    """
    study = result.study
    own = [study.model, *(name for name in _MODELS if name != study.model)]
    asked = default_windows(study.window) if windows is None else list(windows)
    share = study.min_obs / (study.estimation[1] - study.estimation[0] + 1)
    parts = []
    for model in own if models is None else models:
        inputs = result.source if model == "factors" else replace(result.source, factors=None)
        gaps = study.gaps if model in ("market", "market_adjusted") else "one_day"
        # GARCH takes seconds a hundred events: only where it was asked for
        usual = [study.estimation] if model == "garch" else default_grid(study.estimation)
        for first, last in usual if estimations is None else estimations:
            least = max(5, round(share * (last - first + 1)))
            again = replace(study, model=model, estimation=(first, last), min_obs=min(least, last - first + 1), gaps=gaps)
            where = {"model": pl.lit(model), "estimation_start": pl.lit(first, pl.Int32), "estimation_end": pl.lit(last, pl.Int32)}
            try:
                found = again.again(inputs)
            except EstimationError as error:
                parts.append(_empty(result, asked).with_columns(**where, note=pl.lit(str(error))))
                continue
            cells = found.tests(asked, [test]).drop("test", "df")
            cars = [
                (group, *window, _mean(found.car(window)[(found.events["group"] == group).to_numpy()]))
                for group in found.events["group"].unique().sort()
                for window in asked
            ]
            schema = {"group": pl.String, "window_start": pl.Int32, "window_end": pl.Int32, "mean_car": pl.Float64}
            means = pl.DataFrame(cars, schema=schema, orient="row")
            joined = cells.join(means, on=["group", "window_start", "window_end"], maintain_order="left")
            parts.append(joined.with_columns(**where, note=pl.lit(None, pl.String)))
    order = ["model", "estimation_start", "estimation_end", "group", "window_start", "window_end"]
    return pl.concat([part.select(*order, "n_events", "mean_car", "statistic", "p_value", "note") for part in parts])


def leakage(result: EventStudyResult, days: int = 30, test: str = "kolari_pynnonen") -> Leakage:
    """Measure the drift before day 0, from ``days`` sessions before it.

    The estimation window is moved to end before them, as long as it was, if it has to be. A drift is no proof of a leak: companies report
    after good runs, and news that repeats older news is dated late.

    Parameters
    ----------
    result
        The study.
    days
        Sessions before day 0.
    test
        Test of the mean CAR over them.

    Raises
    ------
    UsageError
        When ``days`` is not positive.
    EstimationError
        When the returns do not reach back so far.
    """
    study = result.study
    if days < 1:
        raise UsageError(f"Days came as {days}; expected at least 1.")
    end = max(0, study.window[1])
    first, last = study.estimation
    back = max(0, last + days + 1)
    longer = replace(study, window=(-days, end), estimation=(first - back, last - back)).again(result.source)
    tests = longer.tests([(-days, -1)], [test])
    before, after, whole = longer.car((-days, -1)), longer.car((0, end)), longer.car((-days, end))
    rows = []
    for row in tests.iter_rows(named=True):
        own = (longer.events["group"] == row["group"]).to_numpy()
        drift, reaction, total = (_mean(values[own]) for values in (before, after, whole))
        error, total_error = _error(before[own]), _error(whole[own])
        clear = total is not None and total_error is not None and abs(total) > total_error
        same = drift is not None and reaction is not None and drift * reaction > 0
        share = drift / (drift + reaction) if clear and same and drift is not None and reaction is not None else None
        rows.append((row["group"], row["n_events"], drift, error, row["p_value"], reaction, share))
    floats = ("drift", "drift_std_error", "p_value", "reaction", "share")
    table = pl.DataFrame(rows, schema={"group": pl.String, "n_events": pl.Int32, **dict.fromkeys(floats, pl.Float64)}, orient="row")
    return Leakage(longer.average, table, -days, end, test)


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _error(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None


def _empty(result: EventStudyResult, windows: Sequence[Window]) -> pl.DataFrame:
    """Return cells without figures, for a choice that no event bears."""
    keys = [(group, *window, 0, None, None, None) for group in result.events["group"].unique().sort() for window in windows]
    floats = dict.fromkeys(("mean_car", "statistic", "p_value"), pl.Float64)
    schema = {"group": pl.String, "window_start": pl.Int32, "window_end": pl.Int32, "n_events": pl.Int32, **floats}
    return pl.DataFrame(keys, schema=schema, orient="row")
