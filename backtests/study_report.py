"""The sections of a report on an event study, in the order a referee asks for them.

Method, sample, effect, tests, validity, sensitivity, placebo dates, drift before day 0, power. :func:`study_sections` returns those that
need no further fit; :func:`robustness_sections` fits the study again, and takes seconds for thousands of events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from backtests import study_plots
from backtests.power import minimum_detectable_effect
from backtests.report import Section
from backtests.tables import INTERVAL, percent
from research.errors import EstimationError

if TYPE_CHECKING:
    from backtests.study_result import EventStudyResult

__all__ = ["method_statement", "robustness_sections", "study_sections"]

Window = tuple[int, int]

_MODELS = {
    "market": "the market model R = alpha + beta Rm, by ordinary least squares",
    "market_adjusted": "the market's return",
    "constant": "the mean of the estimation window",
    "factors": "a factor model, by ordinary least squares",
    "matched": "the return of the security or portfolio an event is matched to",
    "scholes_williams": "the market model with Scholes-Williams betas",
    "dimson": "the market model with Dimson betas (one lag, one lead)",
    "garch": "the market model with GARCH(1,1) errors, by quasi maximum likelihood",
}

#: tests of the short table: plain, allowing for event-induced variance, and for clustering besides; ranks; signs
_SHOWN = ("cross_sectional", "bmp", "kolari_pynnonen", "corrado_rank", "grank_t", "generalized_sign")

#: groups drawn or tabulated one by one
_MOST = 12


def method_statement(result: EventStudyResult) -> str:
    """Return what was done, in sentences a paper could print."""
    study = result.study
    (first, last), (start, end) = study.estimation, study.window
    kind = "log" if study.returns == "log" else "simple"
    sentences = [
        f"Abnormal returns are {kind} returns less their expectation, {_MODELS.get(study.model, study.model)}, estimated over trading days "
        f"{first} to {last} relative to day 0, with at least {study.min_obs} valid days. The event window is days {start} to {end}.",
        "Day 0 is the first session of the benchmark that "
        + ("closes" if study.alignment == "close" else "opens")
        + " strictly after the event was available, or the session that was given.",
        "A day on which a security did not trade is missing and enters neither sums nor counts; the return after it "
        + ("is compared with the market compounded over the gap." if study.gaps == "compounded" else "is compared with that day's market."),
        "The variance of a cumulative abnormal return is that of its forecast error: the days' own, and the estimation error they share.",
        f"Conventions: {result.conventions.name}. p-values are two-sided unless said otherwise; resampling is seeded with {study.seed}.",
    ]
    if study.overlap == "first":
        sentences.append("Events whose window meets that of an earlier event of their security are left out.")
    if study.locked == "carry":
        sentences.append("A day locked at a price limit is carried on: event time from day 0 counts sessions that end free of the limit.")
    return " ".join(sentences)


def study_sections(result: EventStudyResult, windows: list[Window] | None = None) -> list[Section]:
    """Return method, sample, effect, tests and validity.

    Parameters
    ----------
    result
        The study.
    windows
        Sub-windows shown; by default the usual ones.
    """
    return [_method(result), _effect(result, windows), _tests(result, windows), _validity(result, windows)]


def robustness_sections(
    result: EventStudyResult, *, draws: int = 200, days: int = 30, windows: list[Window] | None = None
) -> list[Section]:
    """Return sensitivity, placebo dates, drift before day 0 and power; a part the data do not bear says so.

    Parameters
    ----------
    result
        The study.
    draws
        Placebo draws.
    days
        Sessions before day 0 that are looked at.
    windows
        Sub-windows of the grid and the placebo; by default day 0, the day after too, and the whole window, as far as they are inside.
    """
    first, last = result.study.window
    asked = windows or [(a, b) for a, b in dict.fromkeys([(0, 0), (0, 1), (first, last)]) if first <= a <= b <= last]
    return [_sensitivity(result, asked), _placebo(result, asked, draws), _leakage(result, days), _power(result)]


def _method(result: EventStudyResult) -> Section:
    used, left_out = result.events.height, result.dropped.height
    days = result.events["day0"]
    groups = result.events["group"].value_counts().sort(["count", "group"], descending=[True, False])
    text = (
        f"{method_statement(result)}\n\n{used:,} of {used + left_out:,} events are used, with day 0 from {days.min()!s} to "
        f"{days.max()!s}, on {result.events['symbol'].n_unique():,} securities; {left_out:,} are left out for the reasons below."
    )
    tables = [("Events used, by group", groups.rename({"count": "events"}))]
    if left_out:
        reasons = result.dropped.group_by("reason").agg(events=pl.len()).sort(["events", "reason"], descending=[True, False])
        tables.append(("Events left out, by reason", reasons))
    described = result.events.select("n_obs", "beta", "sigma").describe(percentiles=(0.05, 0.5, 0.95))
    estimation = described.filter(~pl.col("statistic").is_in(("count", "null_count"))).rename({"statistic": "over events"})
    tables.append(("Estimation: valid days, beta, residual standard deviation", estimation))
    return Section("Method and sample", text, tables=tables)


def _effect(result: EventStudyResult, windows: list[Window] | None) -> Section:
    asked = result.tests(windows, ["cross_sectional"]).select("group", "window_start", "window_end").rows()
    rows = []
    for group, first, last in asked:
        car = result.car((first, last))[(result.events["group"] == group).to_numpy()]
        car = car[np.isfinite(car)]
        mean = float(car.mean()) if len(car) else None
        half = 1.96 * float(car.std(ddof=1)) / len(car) ** 0.5 if len(car) > 1 else None
        known = mean is not None and half is not None
        low, high = (mean - half, mean + half) if known else (None, None)  # type: ignore[operator]
        interval = {"low": low, "high": high, "text": f"{_percent(low)} … {_percent(high)}" if known else None}
        positive = float((car > 0).mean()) if len(car) else None
        rows.append(
            (
                group,
                f"{first} … {last}",
                len(car),
                mean,
                interval,
                float(np.median(car)) if len(car) else None,
                positive,
            )
        )
    names = ("group", "days", "events", "mean CAR", "95 % interval", "median CAR", "positive")
    kinds = (pl.String, pl.String, pl.Int64, pl.Float64, INTERVAL, pl.Float64, pl.Float64)
    table = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    table = percent(percent(table, "mean CAR", "median CAR"), "positive", digits=0)
    figures = [
        result.plot(),
        result.plot_aar() if result.events["group"].n_unique() <= 4 else result.plot_groups(),
        result.plot_distribution(),
    ]
    text = "Bands and intervals are 95 %, from the spread across events; where events cluster in time they are too narrow (see Validity)."
    return Section("Effect", text, figures=figures, tables=(("Cumulative abnormal returns", table),))


def _tests(result: EventStudyResult, windows: list[Window] | None) -> Section:
    found = result.tests(windows)
    short = found.filter(pl.col("test").is_in(_SHOWN)).with_columns(days=pl.format("{} … {}", "window_start", "window_end"))
    wide = short.pivot(on="test", index=["group", "days"], values="p_value", maintain_order=True)
    text = (
        "p-values of six tests first: cross_sectional is the plain t of the mean; bmp allows for a variance the event raised, "
        "kolari_pynnonen for correlation between events besides; corrado_rank, grank_t and generalized_sign are not moved by outliers."
    )
    return Section("Tests", text, tables=(("p-values, two-sided", wide), ("Every test and window", found)))


def _validity(result: EventStudyResult, windows: list[Window] | None) -> Section:
    notes = list(result.warnings) or ["No two events of one security share returns, and events do not cluster in time."]
    smallest = min(result.events["group"].value_counts()["count"].to_list())
    if smallest < 30:
        notes.append(
            f"The smallest group has {smallest} events: tests for large samples are approximate; wilcoxon and the sign test are not."
        )
    tables: list[tuple[str, pl.DataFrame]] = []
    n_groups = result.events["group"].n_unique()
    if n_groups > 1:
        notes.append(
            f"{n_groups} groups were tried: with none of them having an effect, {n_groups * 0.05:.1f} would be significant at 5 % by "
            "chance. The adjusted p-values below control for that over all groups and windows together (Romano & Wolf 2005)."
        )
        tables.append(("Step-down p-values over groups and windows", result.romano_wolf(windows)))
    tables.append(("Joint tests of windows and groups", result.joint()))
    first, last = result.study.window
    spread = result.volatility([(0, 0)] if first <= 0 <= last else [(first, last)])
    wide = spread.pivot(on="test", index=["group", "n_events", "variance_ratio"], values="p_greater", maintain_order=True)
    tables.append(("Variance on day 0 over that of the estimation window, and p-values of tests of a rise", wide))
    return Section("Validity", "\n\n".join(notes), tables=tables)


def _sensitivity(result: EventStudyResult, windows: list[Window]) -> Section:
    table = result.sensitivity(windows=windows)
    groups = result.events["group"].value_counts().sort(["count", "group"], descending=[True, False])["group"].to_list()[:_MOST]
    signs = (
        table.filter(pl.col("mean_car").is_not_null())
        .group_by("group", "window_start", "window_end", maintain_order=True)
        .agg(
            cells=pl.len(),
            lowest=pl.col("mean_car").min(),
            highest=pl.col("mean_car").max(),
            significant=(pl.col("p_value") < 0.05).mean(),
        )
    )
    written = percent(percent(signs, "lowest", "highest"), "significant", digits=0)
    text = (
        "The study fitted again with other normal-return models and estimation windows. The cells use the same events: they are no "
        "independent evidence, and show whether the finding needs one choice. p-values by kolari_pynnonen."
    )
    figures = [study_plots.sensitivity(table, group) for group in groups[:3]]
    return Section("Sensitivity", text, figures=figures, tables=(("Mean CAR over all choices; share significant at 5 %", written),))


def _placebo(result: EventStudyResult, windows: list[Window], draws: int) -> Section:
    clustered = any(line.startswith("Events cluster") for line in result.warnings)
    how: Literal["shift", "independent"] = "shift" if clustered else "independent"
    try:
        found = result.placebo(windows, draws=draws, how=how)
    except EstimationError as error:
        return Section("Placebo dates", f"No placebo dates could be drawn. {error}")
    text = (
        f"{found.n_draws} times the same securities were studied on dates without their events, "
        + ("all moved by one number of sessions, since the events cluster in time. " if clustered else "drawn independently. ")
        + f"All groups together, {found.mean_events:,.0f} events a draw. p is the share of draws as far from the placebo mean as the "
        "study; a sound test rejects 5 % of the draws."
    )
    first = found.windows.row(0, named=True)
    figures = () if first["mean_car"] is None else (study_plots.placebo(found.means, first["mean_car"], windows[0]),)
    rates = found.rejections.with_columns(days=pl.format("{} … {}", "window_start", "window_end")).pivot(
        on="days", index="test", values="rejection_rate", maintain_order=True
    )
    shown = percent(found.windows, "mean_car", "placebo_mean", "placebo_std")
    return Section("Placebo dates", text, figures=figures, tables=(("Mean CAR", shown), ("Share of draws rejected at 5 %", rates)))


def _leakage(result: EventStudyResult, days: int) -> Section:
    try:
        found = result.leakage(days)
    except EstimationError as error:
        return Section("Before day 0", f"The drift before day 0 could not be measured. {error}")
    table = percent(percent(found.table, "drift", "drift_std_error", "reaction"), "share", digits=0)
    text = (
        f"Mean cumulative abnormal return from day {found.start} on, in an estimation window that ends before it. A drift is no proof of "
        "a leak: events follow runs, and news that repeats older news is dated late."
    )
    return Section("Before day 0", text, figures=(study_plots.leakage(found.path),), tables=(("Drift and reaction", table),))


def _power(result: EventStudyResult) -> Section:
    rows: list[tuple[object, ...]] = []
    start, end = result.study.window
    for group, arrays in result.by_group():
        sigma, n = float(np.sqrt(np.nanmean(np.square(arrays.sigma)))), len(arrays.sigma)
        if n < 2 or not sigma > 0:
            rows.append((group, n, sigma, None, None))
            continue
        effects = [minimum_detectable_effect(n, sigma, length=length) for length in (1, end - start + 1)]
        rows.append((group, n, sigma, *effects))
    names = ["group", "events", "daily sigma", "one day", f"days {start} … {end}"]
    kinds = (pl.String, pl.Int64, pl.Float64, pl.Float64, pl.Float64)
    table = percent(pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row"), *names[2:])
    text = (
        "The smallest mean abnormal return a 5 % t-test finds with a probability of 80 %, for independent events whose variance the event "
        "leaves as it was. An effect below it can be there and go unseen; an insignificant result says no more than that."
    )
    return Section("Power", text, tables=(("Minimum detectable effect", table),))


def _percent(value: float | None, digits: int = 2) -> str:
    """Write a fraction as percent, for reading only."""
    return "–" if value is None or value != value else f"{value:.{digits}%}".replace("-", "−")
