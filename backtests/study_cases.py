"""Run an event study as a folder describes it, and return everything as plain values that JSON can hold.

:func:`run_case` recognises four kinds of folder: returns or prices with events (:mod:`backtests.study_inputs`), given residuals, a given
matrix of abnormal returns, and given standardised returns in clusters. Layouts and keys are described in ``docs/event_study.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from backtests.normal_returns import AbnormalReturns, parameters
from backtests.study_arrays import given_clusters, given_matrix, given_residuals
from backtests.study_columns import canonical, day_of, read_settings, read_table, typed
from backtests.study_inputs import Case, read_case
from backtests.study_result import EventStudyResult
from backtests.study_rows import fit_own_rows, gapped, over_longer
from backtests.study_tests import TESTS, conventional, default_windows, distribution
from backtests.window_returns import window_bhar, window_car, window_scar
from research.errors import DataError, EstimationError

__all__ = ["run_case"]

Floats = npt.NDArray[np.float64]
Window = tuple[int, int]

#: regressors of the factor models, as far as the factor table has them
_FACTORS = {
    "capm": ("market_excess",),
    "ff3": ("market_excess", "smb", "hml"),
    "ff5": ("market_excess", "smb", "hml", "rmw", "cma"),
    "carhart": ("market_excess", "smb", "hml", "mom"),
}

#: estimation days of the shorter of the two market models
_RECENT = 60

#: what parts the symbol from the event's number, where each event has a series of its own
_EVENT_MARK = "#"

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
        case = read_case(place)
        case = replace(case, factors=_panel_factors(place)) if case.factors is None else case
        found = _study(case, _stated_windows(place, case), (place / "firm_prices.csv").exists())
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


@dataclass(frozen=True, slots=True)
class _Run:
    """One model to run on a case: its name in the result, the study's model, its inputs, and whether symbols carry the event's number."""

    name: str
    model: str
    events: pl.DataFrame
    returns: pl.DataFrame
    market: pl.DataFrame
    estimation: Window
    factors: pl.DataFrame | None = None
    suffixed: bool = False


def _study(case: Case, stated: Sequence[Window], priced: bool) -> dict[str, Any]:
    models: dict[str, Any] = {}
    # a program that reads prices counts a security's own rows
    own_rows = priced and gapped(case.events, case.returns, case.market)
    for run in _runs(case):
        try:
            models[run.name] = _model(case, run, stated, own_rows)
        except EstimationError as error:
            models[run.name] = {"error": str(error)}
    if all("error" in found for found in models.values()):
        raise EstimationError(next(str(found["error"]) for found in models.values()))
    return {
        "estimation": list(case.estimation),
        "window": list(case.window),
        "returns": "log" if case.log else "simple",
        "conventions": {name: _fields(rules) for name, rules in CONVENTIONS.items()},
        "models": models,
    }


def _runs(case: Case) -> Iterator[_Run]:
    """Yield the studies to run: those the folder names, or all its data are enough for."""
    plain = _Run("market", "market", case.events, case.returns, case.market, case.estimation)
    if case.models:
        yield from (replace(plain, name=name, model=name) for name in case.models)
        return
    yield from (replace(plain, name=name, model=name) for name in ("market", "market_adjusted", "constant"))
    start, end = case.estimation
    if end - start + 1 > _RECENT:
        yield replace(plain, name=f"market_last_{_RECENT}", estimation=(end - _RECENT + 1, end))
    if case.factors is not None:
        extra = ["risk_free"] if "risk_free" in case.factors.columns else []
        for name, columns in _FACTORS.items():
            if set(columns) <= set(case.factors.columns):
                yield replace(plain, name=name, model="factors", factors=case.factors.select("session", *columns, *extra))
    if find_spec("arch") is not None and case.events.height <= _GARCH_EVENTS:
        yield replace(plain, name="garch", model="garch")
    if case.volume is not None:
        yield replace(plain, name="volume", model="constant", returns=case.volume)
        yield _volatility(plain, case)


def _volatility(plain: _Run, case: Case) -> _Run:
    """Return the study of squared returns over the variance of each event's estimation window, whose expectation is one."""
    days = pl.DataFrame({"session": case.market["session"]}).with_row_index("_day")
    events = case.events.with_row_index("_event").join(days, on="session", how="left").rename({"_day": "_zero"}).drop_nulls("_zero")
    events = events.with_columns(pl.col("_zero").cast(pl.Int64))
    rows = events.select("_event", "symbol", "_zero").join(case.returns.join(days, on="session"), on="symbol")
    rows = rows.with_columns(_tau=pl.col("_day").cast(pl.Int64) - pl.col("_zero")).filter(pl.col("_tau") >= case.estimation[0])
    before = pl.col("realized_return").filter(pl.col("_tau").is_between(*case.estimation))
    rows = rows.with_columns(_variance=before.var().over("_event"))
    # a ratio of its own for each event, also of one symbol
    name = pl.format("{}" + _EVENT_MARK + "{}", "symbol", "_event")
    ratio = pl.col("realized_return").pow(2) / pl.col("_variance")
    return replace(
        plain,
        name="volatility",
        model="market_adjusted",
        events=case.events.with_row_index("_event").with_columns(symbol=name).drop("_event"),
        returns=rows.filter(pl.col("_variance") > 0).select("session", symbol=name, realized_return=ratio),
        market=case.market.with_columns(realized_return=pl.lit(1.0)),
        suffixed=True,
    )


def _panel_factors(folder: Path) -> pl.DataFrame | None:
    """Return the factors that stand in a panel beside the returns; raw returns are regressed on them, so no risk-free rate is taken off."""
    if not (folder / "panel.csv").exists():
        return None
    panel = canonical(read_table(folder / "panel.csv"), {"date": ("date", "session", "day")}, "panel.csv")
    names = {"mktrf_h15": "market_excess", "mktrf": "market_excess", "smb": "smb", "hml": "hml", "rmw": "rmw", "cma": "cma", "mom": "mom"}
    held = [name for name in panel.columns if name in names]
    panel = typed(panel, held, "panel.csv", ["date"]).drop_nulls("date")
    columns = {names[name]: pl.col(name).first() for name in held}
    return panel.group_by("date").agg(**columns).rename({"date": "session"}).sort("session") if columns else None


def _stated_windows(folder: Path, case: Case) -> list[Window]:
    """Return the further windows that the folder's settings name, as far as the event window holds them."""
    settings = read_settings(folder / "config.json") or read_settings(folder / "expected.json")
    found: list[Window] = []
    listed = settings.get("windows", {}).get("event", []) if isinstance(settings.get("windows"), dict) else []
    if listed and isinstance(listed[0], list):
        found += [(int(first), int(last)) for first, last in listed]
    if {"car_start", "car_end", "event_start"} <= set(settings):
        sessions = case.market["session"]
        zero, start = (sessions.search_sorted(day_of(settings[name])) for name in ("event_start", "car_start"))
        found.append((int(start - zero), int(sessions.search_sorted(day_of(settings["car_end"]), side="right") - 1 - zero)))
    return [(first, last) for first, last in found if case.window[0] <= first <= last <= case.window[1]]


def _model(case: Case, run: _Run, stated: Sequence[Window], own_rows: bool) -> dict[str, Any]:
    length = run.estimation[1] - run.estimation[0] + 1
    n_regressors = 0 if run.factors is None else len(run.factors.columns) - 1 - ("risk_free" in run.factors.columns)
    least = max(min(_MIN_OBS, length), parameters(run.model, n_regressors) + 1)
    study = EventStudy(
        model=run.model, estimation=run.estimation, window=case.window, min_obs=least, returns="log" if case.log else "simple"
    )
    groups = run.events["group"].n_unique() > 1
    given = (run.events, run.returns, run.market, "group" if groups else None, run.factors)
    fitted = {
        name: fit_own_rows(way, *given) if own_rows and name == "sipemu" else way.fit_returns(*given)
        for name, way in ((name, replace(study, conventions=name)) for name in (CONVENTIONS if run.model != "garch" else ("textbook",)))
    }
    if run.estimation != case.estimation and "sipemu" in fitted:
        longer = replace(study, estimation=case.estimation, conventions="sipemu")
        fitted["sipemu"] = over_longer(fitted["sipemu"], fit_own_rows(longer, *given) if own_rows else longer.fit_returns(*given))
    if run.suffixed:
        name_of = pl.col("symbol").str.replace(f"{_EVENT_MARK}[0-9]+$", "")
        fitted = {k: replace(f, events=f.events.with_columns(name_of), dropped=f.dropped.with_columns(name_of)) for k, f in fitted.items()}
    result = fitted["textbook"]
    tests = {name: _tests(found, stated) for name, found in fitted.items()}
    if "estudy2" in fitted and CONVENTIONS["estudy2"].ranks == "raw":
        uniform = replace(CONVENTIONS["estudy2"], name="estudy2, uniform ranks", ranks="uniform", rank_windows="centred")
        tests["estudy2"] += _tests(
            replace(fitted["estudy2"], study=replace(study, conventions=uniform)), stated, {"corrado_rank": "modified_rank"}
        )
    return {
        "model": run.model,
        "own_rows": ["sipemu"] if own_rows and run.model != "garch" else [],
        "estimation": list(run.estimation),
        **({"garch": _garch(result, run.market)} if run.model == "garch" else {}),
        "events": _events(result),
        "average": _average(result),
        "tests": tests,
        "events_by_convention": {name: _events_by(found) for name, found in fitted.items() if name != "textbook"},
        "differences": result.differences().to_dicts() if groups else [],
        "dropped": [*result.dropped.to_dicts(), *case.unread.to_dicts()],
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
        percent = {
            "const": 100 * fitted.alpha,
            "beta": fitted.beta,
            "omega": 1e4 * fitted.omega,
            "arch": fitted.arch,
            "garch": fitted.garch,
        }
        rows.append({"event_id": event["event_id"], "symbol": event["symbol"], **_fields(fitted), "in_percent": percent})
    return rows


def _events(result: EventStudyResult) -> list[dict[str, Any]]:
    """Return the events with their days: lists by tau, cumulated figures from the start of the window."""
    rows: list[dict[str, Any]] = result.events.to_dicts()
    first, last = result.study.window
    arrays = result.arrays
    paths: dict[str, list[Floats]] = {"car_path": [], "car_path_std_error": [], "scar_path": [], "bhar_path": []}
    for column in range(last - first + 1):
        car, std_error, _ = window_car(arrays, 0, column)
        paths["car_path"].append(car)
        paths["car_path_std_error"].append(std_error)
        paths["scar_path"].append(car / std_error)
        paths["bhar_path"].append(window_bhar(arrays, 0, column, result.study.returns == "log"))
    days = result.clock.days(first, last)
    forecast_std = arrays.forecast_std
    fit = _fit(arrays)
    for number, row in enumerate(rows):
        row |= {
            "scar": row["t"],
            **{name: float(values[number]) for name, values in fit.items()},
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


def _fit(arrays: AbnormalReturns) -> dict[str, Floats]:
    """Return (E,) sum of squared residuals about their mean and first-order autocorrelation of the residuals."""
    known = ~np.isnan(arrays.residuals)
    centred = np.where(known, arrays.residuals - np.nanmean(arrays.residuals, axis=1, keepdims=True), 0.0)
    squares = np.square(centred).sum(axis=1)
    return {
        "residual_sum_of_squares": np.nansum(np.square(arrays.residuals), axis=1),
        "residual_autocorrelation": (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / np.where(squares > 0, squares, np.nan),
    }


def _events_by(result: EventStudyResult) -> list[dict[str, Any]]:
    """Return what the conventions change of the events: standard deviations, and t of each day and of the days up to it."""
    rules = result.conventions
    arrays = conventional(result.arrays, rules)
    length = arrays.abnormal.shape[1]
    forecast_std = arrays.forecast_std
    divisor = forecast_std if rules.event_forecast_error else np.where(np.isnan(forecast_std), np.nan, arrays.sigma[:, None])
    days = result.clock.days(*result.study.window)
    car_t = []
    for last in range(length):
        car, std_error, n_days = window_car(arrays, 0, last)
        if not rules.event_forecast_error:
            car_t.append(car / (arrays.sigma * np.sqrt(np.where(n_days > 0, n_days, np.nan))))
        else:
            car_t.append(car / std_error if rules.covariance else window_scar(arrays, 0, last, True))
    names = [name for name in result.events.columns if name.startswith("beta")]
    rows = result.events.select(
        "event_id", "symbol", "alpha", *names, "sigma", "df", "n_obs", "car", "car_std_error", "t", "p_value"
    ).to_dicts()
    for number, row in enumerate(rows):
        row |= {
            "session": [str(result.clock.sessions[day]) if day >= 0 else None for day in days[number]],
            "ar": arrays.abnormal[number].tolist(),
            "forecast_std": forecast_std[number].tolist(),
            "ar_t": (arrays.abnormal[number] / divisor[number]).tolist(),
            "car_t": [float(values[number]) for values in car_t],
        }
    return rows


def _average(result: EventStudyResult) -> list[dict[str, Any]]:
    """Return the average with the sum of the AARs from the first day on, which is not the CAAR where events miss days."""
    summed = pl.col("aar").fill_null(0.0).cum_sum().over("group", order_by="tau")
    return result.average.with_columns(sum_of_aar=summed).to_dicts()


def _tests(result: EventStudyResult, stated: Sequence[Window], names: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return tests of each day, of the days from the first to each, and of the usual and the stated windows.

    P-values are adjusted over the days, and (``_path``) over the windows from the first day on.

    ``names`` chooses tests and renames them; all by default.
    """
    chosen = names or dict(zip(TESTS, TESTS, strict=True))
    first, last = result.study.window
    daily = [(tau, tau) for tau in range(first, last + 1)]
    windows = sorted({*daily, *((first, tau) for _, tau in daily), *default_windows(result.study.window), *stated})
    rows = result.tests(windows, list(chosen)).sort("group", "test", "window_start", "window_end").to_dicts()
    exact = iter(
        result.one_sided(windows, ["wilcoxon"]).sort("group", "window_start", "window_end").to_dicts() if "wilcoxon" in chosen else []
    )
    families: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        p_value, single = row["p_value"], row["window_start"] == row["window_end"]
        one_sided = next(exact) if row["test"] == "wilcoxon" else None
        upper = row["statistic"] is not None and row["statistic"] > 0
        if one_sided is not None:
            row |= {name: one_sided[name] for name in ("p_greater", "p_less")}
        elif p_value is None:
            row |= {"p_greater": None, "p_less": None}
        else:
            row |= {"p_greater": p_value / 2 if upper else 1 - p_value / 2, "p_less": 1 - p_value / 2 if upper else p_value / 2}
        row |= dict.fromkeys(("p_holm", "p_benjamini_hochberg", "p_holm_path", "p_benjamini_hochberg_path"))
        row["distribution"] = distribution(row["test"], row["df"], row["n_events"])
        for suffix, member in (("", single), ("_path", row["window_start"] == first)):
            if member:
                families.setdefault((row["group"], row["test"], suffix), []).append(row)
    for (_, _, suffix), family in families.items():
        p_values = np.array([np.nan if row["p_value"] is None else row["p_value"] for row in family])
        for name, adjust in (("p_holm", holm), ("p_benjamini_hochberg", benjamini_hochberg)):
            for row, value in zip(family, adjust(p_values), strict=True):
                row[f"{name}{suffix}"] = float(value)
    return [{**row, "test": chosen[row["test"]]} for row in rows]


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
