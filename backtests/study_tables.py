"""Tables of an event study from its arrays; NaN becomes null."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.cross_correlation import window_overlap
from backtests.event_windows import Clock, codes
from backtests.normal_returns import AbnormalReturns
from backtests.schemas import EVENT_RETURNS, EVENT_STUDY
from backtests.window_returns import window_bhar, window_car

__all__ = ["average", "cautions", "event_returns", "event_rows", "event_windows", "limit_cautions", "spaced", "unusable"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: share of events on one day 0 that is called a cluster
_CLUSTERED = 0.2

#: other events an event may share its window with (in whole windows) before it is called a cluster: at a residual correlation of 0.02,
#: usual for daily returns, five more inflate the variance of the mean by a tenth
_COMPANIONS = 5.0


def event_rows(
    window: Window,
    log: bool,
    used: pl.DataFrame,
    arrays: AbnormalReturns,
    clock: Clock,
    factors: tuple[str, ...],
    forecast_error: bool = True,
) -> pl.DataFrame:
    """Return one row an event: what was estimated, and what its whole window brought.

    Parameters
    ----------
    window
        First and last tau.
    log
        Whether returns are log returns, which compound by their sum.
    used
        ``event_id, symbol, group`` of the events, in the order of the arrays; ``day0`` where it is not the day the clock has for tau 0.
    arrays, clock
        Their returns and their place in calendar time.
    factors
        Names of the regressors of a factor model, else empty.
    forecast_error
        Whether ``car_std_error`` has the forecast error in it; else it is sigma √L.
    """
    from scipy import special

    car, std_error, n_days = window_car(arrays, 0, window[1] - window[0])
    if not forecast_error:
        std_error = arrays.sigma * np.sqrt(np.where(n_days > 0, n_days, np.nan))
    t = car / std_error
    beta = arrays.betas[:, 0] if arrays.betas.shape[1] and not factors else np.full(len(car), np.nan)
    columns = {
        "alpha": arrays.alpha,
        "beta": beta,
        **{f"beta_{name}": arrays.betas[:, j] for j, name in enumerate(factors)},
        "sigma": arrays.sigma,
        "df": arrays.df,
        "n_obs": arrays.n_obs.astype(np.int32),
        "n_days": n_days.astype(np.int32),
        "car": car,
        "car_std_error": std_error,
        "bhar": window_bhar(arrays, 0, window[1] - window[0], log),
        "t": t,
        "p_value": 2.0 * special.stdtr(arrays.df, -np.abs(t)),
    }
    day0 = used["day0"] if "day0" in used.columns else pl.Series("day0", clock.sessions[clock.days(0, 0)[:, 0]]).cast(pl.Date)
    extra = [name for name in ("weight", "n_locked", "n_carried") if name in used.columns and used[name].null_count() < used.height]
    frame = used.select("event_id", "symbol", "group").with_columns(day0, *(_series(name, values) for name, values in columns.items()))
    return frame.with_columns(used[name] for name in extra)


def event_windows(
    window: Window, log: bool, events: pl.DataFrame, arrays: AbnormalReturns, windows: Sequence[Window], forecast_error: bool = True
) -> pl.DataFrame:
    """Return one row an event and sub-window: n_days, car, car_std_error, t, p_value (Student's t with the event's df), bhar.

    Parameters
    ----------
    window, log, arrays, forecast_error
        As for :func:`event_rows`.
    events
        ``event_id, symbol, group`` in the order of the arrays.
    windows
        Sub-windows inside ``window``.
    """
    from scipy import special

    parts = []
    for start, end in windows:
        first, last = start - window[0], end - window[0]
        car, std_error, n_days = window_car(arrays, first, last)
        if not forecast_error:
            std_error = arrays.sigma * np.sqrt(np.where(n_days > 0, n_days, np.nan))
        t = car / std_error
        columns = {
            "car": car,
            "car_std_error": np.where(np.isnan(car), np.nan, std_error),
            "t": t,
            "p_value": 2.0 * special.stdtr(arrays.df, -np.abs(t)),
            "bhar": window_bhar(arrays, first, last, log),
        }
        parts.append(
            events.select("event_id", "symbol", "group").with_columns(
                window_start=pl.lit(start, dtype=pl.Int32),
                window_end=pl.lit(end, dtype=pl.Int32),
                n_days=pl.Series(n_days.astype(np.int32)),
                **{name: _series(name, values) for name, values in columns.items()},
            )
        )
    return pl.concat(parts).sort("event_id", "symbol", "window_start", "window_end")


def event_returns(window: Window, events: pl.DataFrame, arrays: AbnormalReturns, clock: Clock) -> pl.DataFrame:
    """Return the ``event_returns`` table; a tau after the last session of the bars has no row."""
    n_events, length = arrays.abnormal.shape
    tau = np.arange(window[0], window[1] + 1, dtype=np.int32)
    days = clock.days(*window).ravel()
    frame = events.select("event_id", "symbol")[np.repeat(np.arange(n_events), length)].with_columns(
        pl.Series("tau", np.tile(tau, n_events)),
        pl.Series("session", clock.sessions[days]).cast(pl.Date),
        _series("realized_return", arrays.realized.ravel()),
        _series("expected_return", arrays.expected.ravel()),
        _series("abnormal_return", arrays.abnormal.ravel()),
        _series("forecast_std", arrays.forecast_std.ravel()),
    )
    return frame.filter(pl.Series(days >= 0)).select(*EVENT_RETURNS.schema)


def average(window: Window, events: pl.DataFrame, abnormal: Floats, weights: Floats | None = None) -> pl.DataFrame:
    """Return the ``event_study`` table.

    ``aar`` is over the events with a return on the day; ``caar`` and ``std_error`` are over the events that have had one since the window
    began: a day without a return adds nothing to an event's sum and does not remove the event. It is null on a day without any return.
    With ``weights`` w, (E,), means are Σwx / Σw and the standard error is √(n/(n − 1) Σw²(x − mean)²) / Σw.
    """
    groups = events["group"].unique().sort().to_list()
    parts = []
    for group in groups:
        own = slice(None) if len(groups) == 1 else np.flatnonzero((events["group"] == group).to_numpy())
        parts.append(_average(window, group, abnormal.T[:, own], None if weights is None else weights[own]))
    return EVENT_STUDY.validate(pl.concat(parts))


def _average(window: Window, group: str, days: Floats, weights: Floats | None) -> pl.DataFrame:
    """Return the average of one group, whose abnormal returns come as (L, N)."""
    w = np.ones(days.shape[1]) if weights is None else weights
    cars, entered = np.zeros(days.shape[1]), np.zeros(days.shape[1], dtype=bool)
    rows: list[tuple[int, float | None, float | None, float | None]] = []
    for values in days:
        valid = ~np.isnan(values)
        n = int(np.count_nonzero(valid))
        entered |= valid
        kept = values if n == len(valid) else np.where(valid, values, 0.0)
        cars += kept
        if n == 0:
            rows.append((0, None, None, None))
            continue
        # an event that has not begun has a sum of zero
        begun = w * entered
        n_cars, so_far = int(np.count_nonzero(entered)), float(begun.sum())
        caar = float((w * cars).sum()) / so_far
        squares = float(np.square(begun * (cars - caar)).sum())
        error = math.sqrt(squares * n_cars / (n_cars - 1.0)) / so_far if n_cars > 1 else None
        rows.append((n, float((w * kept).sum()) / float((w * valid).sum()), caar, error))
    columns = {"n_events": pl.Int32, "aar": pl.Float64, "caar": pl.Float64, "std_error": pl.Float64}
    table = pl.DataFrame(rows, schema=columns, orient="row")
    tau = pl.Series("tau", np.arange(window[0], window[1] + 1, dtype=np.int32))
    return table.select(pl.lit(group, dtype=pl.String).alias("group"), tau, *columns)


def cautions(
    window: Window, events: pl.DataFrame, arrays: AbnormalReturns, clock: Clock, used: pl.DataFrame | None = None
) -> tuple[str, ...]:
    """Return sentences on what in the sample breaks independence, each with the tests that bear it.

    Parameters
    ----------
    window, events, arrays, clock
        Of the result.
    used
        ``symbol``, ``market``, ``row`` of the same events, where day 0 stands on the market's own sessions; by the clock without it.
    """
    told = []
    n = events.height
    market, row = (clock.market, clock.row) if used is None else (used["market"].to_numpy().astype(np.int64), used["row"].to_numpy())
    # the securities' calendars one after the other, so far apart that events of two never meet
    security = codes(events["symbol"], events["symbol"].unique().sort()) * (int(market.max()) + 1) + market
    place = np.sort(security * (int(row.max()) + window[1] - window[0] + 2) + row)
    close = np.diff(place) <= window[1] - window[0]
    touching = int((np.append(close, False) | np.append(False, close)).sum())
    if touching:
        told.append(
            f"{touching} of {n} events lie within the event window of another event of their symbol, so that they share returns; "
            "kolari_pynnonen allows for it, the other tests count them as independent."
        )
    day, most = events["day0"].value_counts().sort(["count", "day0"], descending=[True, False]).row(0)
    first, cohort = clock.cohorts()
    companions = (n - 1) * window_overlap(~np.isnan(arrays.abnormal), cohort, clock.days(*window, first))
    if (most > 2 and most / n >= _CLUSTERED) or companions >= _COMPANIONS:
        told.append(
            f"Events cluster in time: {most} of {n} share day 0 {day}, an event its window with {companions:.1f} others on average. "
            "Their abnormal returns are correlated: kolari_pynnonen remains valid, time_series and the rank tests as far as day 0 is "
            "shared; cross_sectional, patell, bmp, grank_z, sign, generalized_sign, wilcoxon, bhar and wild_bootstrap reject too often."
        )
    return tuple(told)


def limit_cautions(events: pl.DataFrame, carried: bool) -> tuple[str, ...]:
    """Return a sentence on the events that met a price limit, if there are any."""
    if "n_locked" not in events.columns:
        return ()
    met = events.filter(pl.col("n_locked") > 0)
    if not met.height:
        return ()
    told = f"{met.height} of {events.height} events have sessions locked at the price limit from day 0 on ({met['n_locked'].sum()}); "
    if not carried:
        return (told + "their abnormal returns stop short of what the news was worth: study them with locked='carry'.",)
    longest = events["n_carried"].max()
    return (told + f"their abnormal returns are carried on to the next free close, and windows end up to {longest!s} sessions later.",)


def spaced(name: Ints, row: Ints, length: int) -> npt.NDArray[np.bool_]:
    """Return which of sorted events to keep so that no two of one name lie less than ``length`` sessions apart, the earliest first.

    Parameters
    ----------
    name, row
        (N,) sorted by name, then row.
    length
        Sessions between day 0 of two kept events, at least.
    """
    kept = np.zeros(len(row), dtype=bool)
    # the next event that may be kept after each; following it from each name's first is a walk over kept events only
    first = np.flatnonzero(np.diff(name, prepend=-1))
    key = name * (int(row.max(initial=0)) + length + 1) + row
    following = np.searchsorted(key, key + length)
    current = first
    while len(current):
        kept[current] = True
        after = following[current]
        inside = after < len(row)
        after, before = after[inside], current[inside]
        current = after[name[after] == name[before]]
    return kept


def unusable(arrays: AbnormalReturns, min_obs: int) -> pl.Series:
    """Return why an event's arrays cannot be used, null where they can."""
    short = (arrays.n_obs < min_obs) | (arrays.df <= 0)
    frame = pl.DataFrame(
        {
            "short": short,
            "flat": ~np.isfinite(arrays.sigma),
            "collinear": ~np.isfinite(arrays.alpha),
            "absent": np.isnan(arrays.abnormal).all(axis=1),
        }
    )
    reason = (
        pl.when("short").then(pl.lit("estimation window too short"))
        .when("collinear").then(pl.lit("regressors that do not vary or are collinear"))
        .when("flat").then(pl.lit("zero variance"))
        .when("absent").then(pl.lit("no return in the event window"))
        .otherwise(pl.lit(None, dtype=pl.String))
    )  # fmt: skip
    return frame.select(reason=reason)["reason"]


def _series(name: str, values: npt.NDArray[np.generic]) -> pl.Series:
    """Return a column in which NaN is null."""
    series = pl.Series(name, values)
    return series.fill_nan(None) if series.dtype.is_float() else series
