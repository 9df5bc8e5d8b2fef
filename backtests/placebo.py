"""Placebo dates: the study's own securities on dates without its events, to see what chance does and what an effect would have shown.

1. Dates are drawn (:func:`placebo`): each event gets sessions of its own security away from all of its events (``independent``), or all
   events move by one number of sessions (``shift``), which keeps how they stand to each other in time.
2. The study is fitted on them once; a draw takes one placebo date of each event.
3. Every draw is tested, without an effect and with effects added to day 0: rejection rates are the tests' size and power here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.normal_returns import take
from backtests.study_tests import RESAMPLED, TESTS, Sample
from research.errors import EstimationError, UsageError

if TYPE_CHECKING:
    from backtests.event_study import EventStudyResult

__all__ = ["PLACEBO_TESTS", "Placebo", "placebo"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: tests whose rejections are counted when none is named
PLACEBO_TESTS = ("cross_sectional", "patell", "bmp", "kolari_pynnonen", "generalized_sign", "corrado_rank", "grank_t")

#: placebo events fitted at most; by GARCH, which takes milliseconds an event
_POOL, _SLOW_POOL = 30_000, 1_000


@dataclass(frozen=True, slots=True, repr=False)
class Placebo:
    """What placebo dates show.

    Attributes
    ----------
    means
        draw, window_start, window_end, mean_car: without an effect.
    windows
        window_start, window_end, mean_car (of the study), placebo_mean, placebo_std, p_value: the share, by rank, of draws whose mean CAR
        is as far from the placebo mean.
    rejections
        test, window_start, window_end, effect, rejection_rate, std_error (binomial), n_draws: two-sided at ``alpha``.
    alpha, n_draws, how
        Level, draws, and how dates were drawn.
    mean_events
        Events of a draw, on average: an event whose date falls outside the returns, or on an event of its security, is not in the draw.
    dropped
        reason, n: placebo events that could not be used.
    """

    means: pl.DataFrame
    windows: pl.DataFrame
    rejections: pl.DataFrame
    alpha: float
    n_draws: int
    how: str
    mean_events: float
    dropped: pl.DataFrame

    def __repr__(self) -> str:
        """Say what was drawn, in a line."""
        return f"Placebo({self.n_draws} draws, {self.how}, {self.windows.height} windows)"

    def minimum_detectable_effect(self, target: float = 0.8) -> pl.DataFrame:
        """Return the smallest positive effect each test finds with probability ``target``: test, window_start, window_end, effect.

        By straight lines between the rejection rates of the effects that were added; null where they do not reach ``target`` (add larger
        ones) or begin above it (add smaller ones).
        """
        rows = []
        kept = self.rejections.filter(pl.col("effect") >= 0).sort("effect")
        for (test, first, last), part in kept.group_by("test", "window_start", "window_end", maintain_order=True):
            effects, rates = part["effect"].to_numpy(), np.maximum.accumulate(part["rejection_rate"].to_numpy())
            place = int(np.searchsorted(rates, target))
            found = None
            if 0 < place < len(rates):
                step = (target - rates[place - 1]) / (rates[place] - rates[place - 1])
                found = float(effects[place - 1] + step * (effects[place] - effects[place - 1]))
            rows.append((test, first, last, found))
        schema = {"test": pl.String, "window_start": pl.Int32, "window_end": pl.Int32, "effect": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("test", "window_start", "window_end")


def placebo(
    result: EventStudyResult,
    windows: Sequence[Window],
    *,
    tests: Sequence[str] = PLACEBO_TESTS,
    effects: Sequence[float] = (0.0,),
    draws: int = 200,
    how: Literal["independent", "shift"] = "independent",
    alpha: float = 0.05,
    seed: int = 0,
) -> Placebo:
    """Draw placebo dates for the events of a study and test each draw.

    All groups are taken together. ``independent`` dates break the clustering of the events: tests that are wrong because of clusters look
    right. ``shift`` keeps it; neighbouring moves share days, so that its rates are rougher than their standard errors say.

    Parameters
    ----------
    result
        The study.
    windows
        Sub-windows inside its event window.
    tests
        Names of tests; resampling tests are slow here.
    effects
        Returns added to day 0 (fractions); 0 gives the size.
    draws
        Number of draws.
    how
        ``independent`` or ``shift``.
    alpha
        Level.
    seed
        Of the draws.

    Raises
    ------
    UsageError
        When the arguments do not fit.
    EstimationError
        When the returns leave no room for placebo dates.
    """
    unknown = [name for name in tests if name not in (*TESTS, *RESAMPLED)]
    if unknown or how not in ("independent", "shift") or draws < 1 or not 0 < alpha < 1:
        raise UsageError(
            f"Tests came as {', '.join(tests)}, how as {how!r}, draws as {draws}, alpha as {alpha}; expected names of tests, independent "
            "or shift, at least 1, and between 0 and 1."
        )
    rng = np.random.default_rng(seed)
    study = replace(result.study, overlap="keep")
    used = result.events.select("event_id", "symbol").join(result.source.events, on=["event_id", "symbol"], maintain_order="left")
    most = _SLOW_POOL if study.model == "garch" else _POOL
    each = max(1, min(draws, most // max(1, used.height)))
    rows = _shifted(result, used, each, rng) if how == "shift" else _independent(result, used, each, rng)
    # there are no more different draws than moves
    each = rows.shape[1]
    draws = min(draws, each) if how == "shift" else draws
    number, copy = np.nonzero(rows >= 0)
    if not len(number):
        raise EstimationError("The returns leave no session for a placebo date: load a longer span of prices.")
    events = used[number].with_columns(
        event_id=pl.Series([f"{event}|{k}" for event, k in zip(number, copy, strict=True)]),
        row=pl.Series(rows[number, copy]),
        group=pl.Series([f"{k}" for k in copy]) if how == "shift" else pl.lit("all"),
    )
    fitted = study.again(replace(result.source, events=events))
    keys = fitted.events["event_id"].str.split_exact("|", 1).struct.unnest().cast(pl.Int64).to_numpy()
    pool = _pool(keys[:, 0], keys[:, 1], used.height, each)
    by_copy = how == "shift"
    held = (pool >= 0).sum(axis=1)
    if not by_copy:
        # dates that could be used come first, so that every event with one is in every draw
        pool = np.take_along_axis(pool, np.argsort(pool < 0, axis=1, kind="stable"), axis=1)
    effects = tuple(dict.fromkeys(float(effect) for effect in effects))
    hits = np.zeros((len(effects), len(windows), len(tests)))
    means = np.full((draws, len(windows)), np.nan)
    zero, n_events = -study.window[0], 0
    for draw in range(draws):
        columns = np.full(used.height, draw % each) if by_copy else (rng.random(used.height) * held).astype(np.int64)
        chosen = pool[np.arange(used.height), columns]
        chosen = chosen[chosen >= 0]
        n_events += len(chosen)
        arrays, clock = take(fitted.arrays, chosen), fitted.clock.take(chosen)
        for e, effect in enumerate(effects):
            if effect and 0 <= zero < arrays.abnormal.shape[1]:
                moved = {name: getattr(arrays, name).copy() for name in ("realized", "abnormal")}
                for values in moved.values():
                    values[:, zero] += effect
                tested = replace(arrays, **moved)
            else:
                tested = arrays
            sample = Sample.of(
                study.estimation, study.window, tested, clock, tests, seed=seed, log=study.returns == "log", conventions=result.conventions
            )
            for w, window in enumerate(windows):
                found = sample.run(tests, window)
                hits[e, w] += [o.p_value is not None and o.p_value < alpha for o in found]
                if e == 0:
                    first, last = window[0] + zero, window[1] + zero
                    cars = np.where(np.isnan(arrays.abnormal), 0.0, arrays.abnormal)[:, first : last + 1].sum(axis=1)
                    known = ~np.isnan(arrays.abnormal[:, first : last + 1]).all(axis=1)
                    means[draw, w] = cars[known].mean() if known.any() else np.nan
    return Placebo(
        means=_means(means, windows),
        windows=_judged(result, means, windows),
        rejections=_rejections(hits, draws, tests, windows, effects),
        alpha=alpha,
        n_draws=draws,
        how=how,
        mean_events=n_events / draws,
        dropped=fitted.dropped.group_by("reason").len("n").sort("reason"),
    )


def _room(result: EventStudyResult, market: int) -> Window:
    """Return the first and last session of a grid on which both windows lie inside the returns."""
    return max(0, -result.study.estimation[0]), len(result.source.markets[market].sessions) - 1 - max(0, result.study.window[1])


def _independent(result: EventStudyResult, used: pl.DataFrame, each: int, rng: np.random.Generator) -> Ints:
    """Return (E, each) sessions drawn for each event, -1 where one falls near an event of its security or outside the bars."""
    market = used["market"].to_numpy()
    rows = np.full((used.height, each), -1, dtype=np.int64)
    for number in np.unique(market):
        low, high = _room(result, int(number))
        own = np.flatnonzero(market == number)
        if high >= low and len(own):
            rows[own] = rng.integers(low, high + 1, (len(own), each))
    return np.where(_near(result, used, rows), -1, rows)


def _near(result: EventStudyResult, used: pl.DataFrame, rows: Ints) -> npt.NDArray[np.bool_]:
    """Return (E, each) whether a window at ``rows`` meets that of any event of the security, in the study or dropped from it."""
    market = used["market"].to_numpy()
    length = result.study.window[1] - result.study.window[0] + 1
    known = result.source.events.filter(pl.col("row").is_not_null()).select("symbol", "market", "row")
    symbols = pl.concat([used["symbol"], known["symbol"]]).rank("dense").to_numpy().astype(np.int64)
    width = max(len(grid.sessions) for grid in result.source.markets) + 4 * length
    key = (
        (symbols[used.height :] * (len(result.source.markets) + 1) + known["market"].to_numpy()) * width + known["row"].to_numpy() + length
    )
    key = np.sort(key)
    asked = (symbols[: used.height] * (len(result.source.markets) + 1) + market)[:, None] * width + rows + length
    after = np.searchsorted(key, asked)
    near = np.zeros(rows.shape, dtype=bool)
    for neighbour in (after - 1, after):
        inside = (neighbour >= 0) & (neighbour < len(key))
        near |= inside & (np.abs(key[np.clip(neighbour, 0, len(key) - 1)] - asked) < length)
    return near


def _shifted(result: EventStudyResult, used: pl.DataFrame, each: int, rng: np.random.Generator) -> Ints:
    """Return (E, at most each) the events' sessions moved by one number of sessions a draw, all different; -1 outside the bars."""
    market, actual = used["market"].to_numpy(), used["row"].to_numpy()
    room = np.array([_room(result, number) for number in range(len(result.source.markets))])
    low, high = room[market].T
    length = result.study.window[1] - result.study.window[0] + 1
    # moves by which at least half of the events stay inside, and none overlaps its own window
    moves = np.arange(int((low - actual).min()), int((high - actual).max()) + 1)
    moves = moves[np.abs(moves) >= length]
    if len(moves):
        inside = ((actual + moves[:, None] >= low) & (actual + moves[:, None] <= high)).mean(axis=1)
        moves = moves[inside >= 0.5]
    if not len(moves):
        return np.full((used.height, 1), -1, dtype=np.int64)
    rows = actual[:, None] + rng.permutation(moves)[None, :each]
    kept = (rows >= low[:, None]) & (rows <= high[:, None])
    return np.where(kept & ~_near(result, used, np.where(kept, rows, -length)), rows, -1)


def _pool(event: Ints, copy: Ints, n_events: int, each: int) -> Ints:
    """Return (E, each) the fitted row of each copy of each event, -1 where there is none."""
    pool = np.full((n_events, each), -1, dtype=np.int64)
    pool[event, copy] = np.arange(len(event))
    return pool


def _means(means: Floats, windows: Sequence[Window]) -> pl.DataFrame:
    draws = len(means)
    parts = [
        pl.DataFrame({"draw": np.arange(draws, dtype=np.int32), "mean_car": pl.Series(means[:, w]).fill_nan(None)}).select(
            "draw", window_start=pl.lit(first, dtype=pl.Int32), window_end=pl.lit(last, dtype=pl.Int32), mean_car="mean_car"
        )
        for w, (first, last) in enumerate(windows)
    ]
    return pl.concat(parts)


def _judged(result: EventStudyResult, means: Floats, windows: Sequence[Window]) -> pl.DataFrame:
    rows: list[tuple[object, ...]] = []
    for w, window in enumerate(windows):
        car = result.car(window)
        actual = float(np.nanmean(car)) if np.isfinite(car).any() else None
        drawn = means[:, w][np.isfinite(means[:, w])]
        if actual is None or len(drawn) < 2:
            rows.append((*window, actual, None, None, None))
            continue
        centre = float(drawn.mean())
        further = int((np.abs(drawn - centre) >= abs(actual - centre) * (1.0 - 1e-12)).sum())
        rows.append((*window, actual, centre, float(drawn.std(ddof=1)), (1.0 + further) / (1.0 + len(drawn))))
    floats = dict.fromkeys(("mean_car", "placebo_mean", "placebo_std", "p_value"), pl.Float64)
    return pl.DataFrame(rows, schema={"window_start": pl.Int32, "window_end": pl.Int32, **floats}, orient="row")


def _rejections(hits: Floats, draws: int, tests: Sequence[str], windows: Sequence[Window], effects: Sequence[float]) -> pl.DataFrame:
    rows = []
    for t, name in enumerate(tests):
        for w, window in enumerate(windows):
            for e, effect in enumerate(effects):
                rate = float(hits[e, w, t]) / draws
                rows.append((name, *window, effect, rate, math.sqrt(rate * (1.0 - rate) / draws), draws))
    schema = {
        "test": pl.String, "window_start": pl.Int32, "window_end": pl.Int32, "effect": pl.Float64, "rejection_rate": pl.Float64,
        "std_error": pl.Float64, "n_draws": pl.Int32,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
