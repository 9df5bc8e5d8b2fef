"""Run an event study as a folder describes it, and return everything as plain values that JSON can hold.

:func:`run_case` recognises four kinds of folder: returns or prices with events (:mod:`backtests.study_inputs`), given residuals, a given
matrix of abnormal returns, and given standardised returns in clusters. Layouts and keys are described in ``docs/event_study.md``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.conventions import CONVENTIONS
from backtests.event_study import EventStudy
from backtests.garch import garch_fit
from backtests.multiple_testing import benjamini_hochberg, holm
from backtests.normal_returns import parameters, window_bhar, window_car
from backtests.study_arrays import given_clusters, given_matrix, given_residuals
from backtests.study_inputs import Case, read_case
from backtests.study_result import EventStudyResult
from backtests.study_tests import TESTS, default_windows
from research.errors import DataError, EstimationError

__all__ = ["run_case"]

Floats = npt.NDArray[np.float64]
Window = tuple[int, int]

#: regressors of the factor models, as far as the factor table has them
_FACTORS = {
    "ff3": ("market_excess", "smb", "hml"),
    "ff5": ("market_excess", "smb", "hml", "rmw", "cma"),
    "carhart": ("market_excess", "smb", "hml", "mom"),
}

#: events up to which GARCH is fitted, where its package is installed: it takes an optimiser a tenth of a second each
_GARCH_EVENTS = 50

#: estimation days an event needs, where the window is long enough
_MIN_OBS = 30


def run_case(folder: str | Path) -> dict[str, Any]:
    """Run the study a folder describes.

    Parameters
    ----------
    folder
        Holds ``events.csv`` with returns or prices, or given arrays; see ``docs/event_study.md``.

    Returns
    -------
    dict
        Strings, numbers, ``None``, lists and dictionaries only.

    Raises
    ------
    DataError
        When the folder does not exist or fits no layout.
    EstimationError
        When no event can be used by any model.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"{place} is not a folder: name one that holds events.csv and returns.csv or firm_prices.csv.")
    if (place / "events.csv").exists():
        found = _study(read_case(place))
    elif (place / "AR.csv").exists():
        found = given_residuals(place)
    elif (place / "ar_matrix.csv").exists():
        found = given_matrix(place)
    elif (place / "share_repurchases.csv").exists():
        found = given_clusters(place)
    else:
        held = ", ".join(sorted(path.name for path in place.iterdir())) or "nothing"
        raise DataError(f"{place} holds {held}; expected events.csv, AR.csv, ar_matrix.csv or share_repurchases.csv.")
    plain: dict[str, Any] = _plain({"case": place.name, **found})
    return plain


def _study(case: Case) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for name, model, returns, factors in _models(case):
        try:
            models[name] = _model(case, model, returns, factors)
        except EstimationError as error:
            models[name] = {"error": str(error)}
    if all("error" in found for found in models.values()):
        raise EstimationError(next(str(found["error"]) for found in models.values()))
    return {
        "estimation": list(case.estimation),
        "window": list(case.window),
        "returns": "log" if case.log else "simple",
        "conventions": {name: _fields(rules) for name, rules in CONVENTIONS.items()},
        "models": models,
    }


def _models(case: Case) -> list[tuple[str, str, pl.DataFrame, pl.DataFrame | None]]:
    """Return name, model, returns and factors of the studies to run."""
    if case.models:
        return [(name, name, case.returns, None) for name in case.models]
    found: list[tuple[str, str, pl.DataFrame, pl.DataFrame | None]] = [
        (name, name, case.returns, None) for name in ("market", "market_adjusted", "constant")
    ]
    if case.factors is not None:
        extra = ["risk_free"] if "risk_free" in case.factors.columns else []
        for name, columns in _FACTORS.items():
            if set(columns) <= set(case.factors.columns):
                found.append((name, "factors", case.returns, case.factors.select("session", *columns, *extra)))
    if find_spec("arch") is not None and case.events.height <= _GARCH_EVENTS:
        found.append(("garch", "garch", case.returns, None))
    if case.volume is not None:
        found.append(("volume", "constant", case.volume, None))
    return found


def _model(case: Case, model: str, returns: pl.DataFrame, factors: pl.DataFrame | None) -> dict[str, Any]:
    length = case.estimation[1] - case.estimation[0] + 1
    n_regressors = 0 if factors is None else len(factors.columns) - 1 - ("risk_free" in factors.columns)
    least = max(min(_MIN_OBS, length), parameters(model, n_regressors) + 1)
    study = EventStudy(model=model, estimation=case.estimation, window=case.window, min_obs=least, returns="log" if case.log else "simple")
    groups = case.events["group"].n_unique() > 1
    fitted = {
        name: replace(study, conventions=name).fit_returns(case.events, returns, case.market, "group" if groups else None, factors)
        for name in (CONVENTIONS if model != "garch" else ("textbook",))
    }
    result = fitted["textbook"]
    return {
        **({"garch": _garch(result, case.market)} if model == "garch" else {}),
        "events": _events(result),
        "average": result.average.to_dicts(),
        "tests": {name: _tests(found) for name, found in fitted.items()},
        "events_by_convention": {
            name: found.events.select("event_id", "symbol", "sigma", "car_std_error", "t", "p_value").to_dicts()
            for name, found in fitted.items()
            if name != "textbook"
        },
        "differences": result.differences().to_dicts() if groups else [],
        "dropped": result.dropped.to_dicts(),
        "warnings": list(result.warnings),
    }


def _garch(result: EventStudyResult, market: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the variance parameters of each event, from the residuals and the line they were drawn from."""
    grid = dict(market.iter_rows())
    days = result.clock.days(*result.study.estimation)
    rows = []
    for number, event in enumerate(result.events.iter_rows(named=True)):
        index = np.array([grid.get(result.clock.sessions[day].item()) if day >= 0 else None for day in days[number]], dtype=np.float64)
        fitted = garch_fit(result.arrays.residuals[number] + event["alpha"] + event["beta"] * index, index)
        rows.append({"event_id": event["event_id"], **_fields(fitted)})
    return rows


def _events(result: EventStudyResult) -> list[dict[str, Any]]:
    """Return the events with their days: lists by tau, cumulated figures from the start of the window."""
    rows: list[dict[str, Any]] = result.events.to_dicts()
    first, last = result.study.window
    arrays = result.arrays
    paths: dict[str, list[Floats]] = {"car_path": [], "car_path_std_error": [], "bhar_path": []}
    for column in range(last - first + 1):
        car, std_error, _ = window_car(arrays, 0, column)
        paths["car_path"].append(car)
        paths["car_path_std_error"].append(std_error)
        paths["bhar_path"].append(window_bhar(arrays, 0, column, result.study.returns == "log"))
    days = result.clock.days(first, last)
    forecast_std = arrays.forecast_std
    for number, row in enumerate(rows):
        row |= {
            "tau": list(range(first, last + 1)),
            "session": [str(result.clock.sessions[day]) if day >= 0 else None for day in days[number]],
            "realized_return": arrays.realized[number].tolist(),
            "expected_return": arrays.expected[number].tolist(),
            "ar": arrays.abnormal[number].tolist(),
            "forecast_std": forecast_std[number].tolist(),
            "ar_t": (arrays.abnormal[number] / forecast_std[number]).tolist(),
            **{name: [float(values[number]) for values in path] for name, path in paths.items()},
        }
    return rows


def _tests(result: EventStudyResult) -> list[dict[str, Any]]:
    """Return every test of each day, of the days from the first to each, and of the usual windows, with p-values adjusted over days."""
    first, last = result.study.window
    daily = [(tau, tau) for tau in range(first, last + 1)]
    windows = sorted({*daily, *((first, tau) for _, tau in daily), *default_windows(result.study.window)})
    found = result.tests(windows, TESTS).join(
        result.one_sided(windows, TESTS).select("group", "test", "window_start", "window_end", "p_greater", "p_less"),
        on=["group", "test", "window_start", "window_end"],
        maintain_order="left",
    )
    one_day = pl.col("window_start") == pl.col("window_end")
    parts = [found.filter(~one_day).with_columns(p_holm=pl.lit(None, pl.Float64), p_benjamini_hochberg=pl.lit(None, pl.Float64))]
    for _, family in found.filter(one_day).group_by("group", "test", maintain_order=True):
        values = family["p_value"].fill_null(float("nan")).to_numpy()
        parts.append(
            family.with_columns(
                pl.Series("p_holm", holm(values)).fill_nan(None),
                pl.Series("p_benjamini_hochberg", benjamini_hochberg(values)).fill_nan(None),
            )
        )
    return pl.concat(parts).sort("group", "test", "window_start", "window_end").to_dicts()


def _fields(rules: Any) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in rules.__slots__}


def _plain(value: Any) -> Any:
    """Return ``value`` with NaN as ``None``, dates as text and numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
