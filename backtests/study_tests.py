"""The tests of an event study, run on the arrays of one group: which array each test takes, and what is computed once for all windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from backtests import bootstrap_tests, calendar_time, event_tests, rank_tests
from backtests.conventions import Conventions
from backtests.cross_correlation import pairwise_correlation, residual_correlation, window_overlap
from backtests.event_windows import Clock
from backtests.normal_returns import AbnormalReturns, window_bhar, window_car, window_scar
from backtests.outcomes import Outcome
from backtests.rank_tests import GeneralizedRanks

__all__ = ["DRAWS", "RESAMPLED", "TESTS", "Sample", "blocks_of", "conventional", "default_windows", "distribution"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: the tests that are run when none is named
TESTS = (
    "cross_sectional",
    "skewness_adjusted",
    "brown_warner",
    "time_series",
    "lamb",
    "patell",
    "adjusted_patell",
    "bmp",
    "kolari_pynnonen",
    "sign",
    "generalized_sign",
    "corrado_rank",
    "corrado_zivney_rank",
    "corrado_zivney_sign",
    "campbell_wasley",
    "grank_t",
    "grank_z",
    "wilcoxon",
    "calendar_time",
    "bhar",
)

#: the tests that draw from the sample, run when they are named
RESAMPLED = ("wild_bootstrap", "block_bootstrap", "skewness_bootstrap", "bhar_bootstrap")

#: draws of the resampling tests
DRAWS = 1999


def default_windows(window: Window) -> list[Window]:
    """Return (0, 0), (0, 1), (−1, 1), the days before, the days from 0 on and the whole, as far as ``window`` holds them."""
    first, last = window
    wanted = [(0, 0), (0, 1), (-1, 1), (first, -1), (0, last), (first, last)]
    return sorted({(a, b) for a, b in wanted if first <= a <= b <= last})


def distribution(test: str, df: float | None, n_events: int) -> str:
    """Return the reference distribution of a test: student_t, normal, signed_rank (Wilcoxon's, exact) or resampled."""
    if test in RESAMPLED:
        return "resampled"
    if test == "wilcoxon" and n_events < event_tests.EXACT:
        return "signed_rank"
    return "normal" if df is None else "student_t"


def blocks_of(day0: Ints, length: int) -> Ints:
    """Return the block of each event: calendar time from the earliest day 0, cut into pieces of twice the window's length."""
    return (day0 - day0.min()) // (2 * length) if len(day0) else day0


@dataclass(frozen=True, slots=True)
class Sample:
    """One group's arrays, with what its tests need of the estimation window computed once.

    Attributes
    ----------
    estimation, window, seed, log
        The two windows, the seed of the resampling tests, and whether returns are log returns.
    conventions
        How returns are standardised and counted.
    arrays, clock
        The group's events.
    first, cohort
        From :meth:`backtests.event_windows.Clock.cohorts`.
    prepared
        What :meth:`of` computed for the named tests, by name.
    """

    estimation: Window
    window: Window
    seed: int
    log: bool
    conventions: Conventions
    arrays: AbnormalReturns
    clock: Clock
    first: Ints
    cohort: Ints
    series: Floats = field(default_factory=lambda: np.zeros(0))
    share: Floats = field(default_factory=lambda: np.zeros(0))
    correlation: float = np.nan
    ranks: Floats = field(default_factory=lambda: np.zeros(0))
    scaled_ranks: Floats = field(default_factory=lambda: np.zeros(0))
    signs: Floats = field(default_factory=lambda: np.zeros(0))
    generalized: GeneralizedRanks | None = None

    @classmethod
    def of(
        cls,
        estimation: Window,
        window: Window,
        arrays: AbnormalReturns,
        clock: Clock,
        names: Sequence[str],
        *,
        seed: int,
        log: bool,
        conventions: Conventions,
    ) -> Sample:
        """Prepare the events of one group for the tests ``names``."""
        arrays = conventional(arrays, conventions)
        residuals = arrays.residuals
        first, cohort = clock.cohorts()
        wanted = set(names)
        scaled_sums = conventions.event_sums == "scaled"
        correlation = np.nan
        if wanted & {"kolari_pynnonen", "adjusted_patell"}:
            if conventions.pairs == "calendar":
                correlation = residual_correlation(residuals, cohort, clock.days(*estimation, first))
            else:
                correlation = pairwise_correlation(residuals)
        nothing = np.empty((0, 0))
        both = np.concatenate([residuals, arrays.abnormal], axis=1) if wanted & _ON_ALL_DAYS else nothing
        ranked = both if wanted & {"corrado_rank", "campbell_wasley"} else nothing
        scaled = "corrado_zivney_rank" in wanted
        std = arrays.forecast_std if scaled else nothing
        return cls(
            estimation,
            window,
            seed,
            log,
            conventions,
            arrays,
            clock,
            first,
            cohort,
            series=event_tests.daily_average(residuals if wanted & {"time_series", "lamb"} else nothing),
            share=_shares(residuals if "generalized_sign" in wanted else nothing, conventions),
            correlation=correlation,
            ranks=rank_tests.rank_sums(ranked, conventions.ranks == "raw", scaled_sums),
            scaled_ranks=rank_tests.rank_sums(
                rank_tests.restandardised(residuals, arrays.sigma, arrays.abnormal, std) if scaled else nothing
            ),
            signs=rank_tests.median_signs(both if "corrado_zivney_sign" in wanted else nothing, scaled_sums),
            generalized=rank_tests.generalized_ranks(residuals, arrays.sigma) if wanted & {"grank_t", "grank_z"} else None,
        )

    def run(self, names: Sequence[str], window: Window) -> list[Outcome]:
        """Run tests of one sub-window, in the order of ``names``."""
        first, last = window[0] - self.window[0], window[1] - self.window[0]
        chosen = self.conventions
        car, std_error, _ = window_car(self.arrays, first, last)
        exact = car / std_error if chosen.covariance else None
        scars = []
        for forecast_error in (chosen.patell_forecast_error, chosen.bmp_forecast_error):
            plain = window_scar(self.arrays, first, last, forecast_error) if exact is None or not forecast_error else exact
            scars.append(plain)
        if chosen.cars == "complete" and last > first:
            broken = np.isnan(self.arrays.abnormal[:, first : last + 1]).any(axis=1)
            car, *scars = (np.where(broken, np.nan, values) for values in (car, *scars))
        paired = bool({"adjusted_patell", "kolari_pynnonen"} & set(names))
        correlation = self._correlation(window, (first, last)) if paired else np.nan
        ranked = rank_tests.granks(self.generalized, scars[1]) if self.generalized is not None else (None, None)
        given = dict(zip(("grank_t", "grank_z"), ranked, strict=True))
        return [given.get(name) or self._one(name, window, (first, last), car, scars[0], scars[1], correlation) for name in names]

    def _one(self, name: str, window: Window, columns: Window, car: Floats, patell: Floats, scar: Floats, correlation: float) -> Outcome:
        first, last = columns
        abnormal = self.arrays.abnormal[:, first : last + 1]
        chosen = self.conventions
        scaled = chosen.event_sums == "scaled"
        # what a sum over the valid events is multiplied by, and the degrees of freedom of a mean over days
        scale = len(car) / max(_known(car), 1) if scaled else 1.0
        days_df = float(self.arrays.n_obs.mean()) - 1.0 if scaled else None
        match name:
            case "cross_sectional":
                summed = chosen.cars == "complete" and last > first
                return event_tests.cross_sectional(car, float(np.nansum(event_tests.daily_average(abnormal))) if summed else None)
            case "skewness_adjusted":
                return event_tests.skewness_adjusted(car)
            case "time_series":
                return event_tests.time_series(self._of_full_days(abnormal), self.series, days_df)
            case "brown_warner":
                return event_tests.brown_warner(self._of_full_days(abnormal), self.arrays.sigma, self.arrays.n_obs, everyone=scaled)
            case "lamb":
                return event_tests.lamb(self._of_full_days(abnormal), self.series, self._forecast_error(columns), days_df)
            case "patell":
                return event_tests.patell(*self._patell(patell, columns))
            case "adjusted_patell":
                return event_tests.adjusted_patell(*self._patell(patell, columns), correlation)
            case "bmp":
                return event_tests.bmp(scar)
            case "kolari_pynnonen":
                return event_tests.kolari_pynnonen(scar, correlation, self._first_day() if chosen.cars == "complete" else None)
            case "sign":
                return event_tests.sign(car, scale)
            case "generalized_sign":
                return event_tests.generalized_sign(car, self.share, scale)
            case "corrado_rank":
                return rank_tests.corrado_rank(self.ranks, self._tested(columns), _known(car), self._rank_days())
            case "corrado_zivney_rank":
                return rank_tests.corrado_rank(self.scaled_ranks, self._tested(columns), _known(car))
            case "corrado_zivney_sign":
                return rank_tests.corrado_rank(self.signs, self._tested(columns), _known(car), self._rank_days())
            case "campbell_wasley":
                return rank_tests.campbell_wasley(self.ranks, self._tested(columns), _known(car))
            case "wilcoxon":
                found = event_tests.wilcoxon(car)
                return found if found.statistic is None or scale == 1.0 else replace(found, statistic=scale * found.statistic)
            case "calendar_time":
                return calendar_time.calendar_time(abnormal, self.clock.days(*window))
            case "bhar":
                return event_tests.cross_sectional(window_bhar(self.arrays, first, last, self.log))
            case "bhar_bootstrap":
                return bootstrap_tests.skewness_bootstrap(window_bhar(self.arrays, first, last, self.log), DRAWS, self.seed)
            case "skewness_bootstrap":
                return bootstrap_tests.skewness_bootstrap(car, DRAWS, self.seed)
            case "block_bootstrap":
                return bootstrap_tests.block_bootstrap(scar, self.blocks(last - first + 1), DRAWS, self.seed)
            case _:
                return bootstrap_tests.wild_bootstrap(scar, DRAWS, self.seed)

    def blocks(self, length: int) -> Ints:
        """Return the block of each event for a window of ``length`` days."""
        return blocks_of(self.clock.days(0, 0)[:, 0], length)

    def _patell(self, scar: Floats, columns: Window) -> tuple[Floats, Floats]:
        """Return standardised returns and degrees of freedom as the conventions count them."""
        chosen = self.conventions
        df = self.arrays.df if chosen.patell_df == "model" else np.asarray(self.arrays.n_obs - 2.0, dtype=np.float64)
        known = ~np.isnan(scar)
        if chosen.event_sums == "scaled" and known.any():
            return np.where(known, scar, scar[known].mean()), df
        if chosen.cars == "complete" and columns[1] > columns[0]:
            # each event is divided by the standard deviation of its own t, not the sum by theirs
            return scar * np.sqrt(np.maximum(1.0 - 2.0 / df, 0.0)), np.full(len(df), np.inf)
        return np.nan_to_num(scar) if chosen.patell_counts == "all" else scar, df

    def _forecast_error(self, columns: Window) -> Floats:
        """Return (L,) the forecast variance of the average over events of a day, in units of the variance of its residual."""
        abnormal = self.arrays.abnormal[:, columns[0] : columns[1] + 1]
        squares = np.square(self.arrays.scores[:, columns[0] : columns[1] + 1]).sum(axis=2)
        moved = np.nan_to_num(event_tests.daily_average(np.where(np.isnan(abnormal), np.nan, squares)))
        estimated = bool((self.arrays.mean_variance > 0).any())
        return np.asarray(1.0 + estimated / float(self.arrays.n_obs.mean()) + moved)

    def _first_day(self) -> int:
        return _known(self.arrays.abnormal[:, 0])

    def _rank_days(self) -> float | None:
        """Return what the squares of a day's ranks are summed over, where it is not the number of days."""
        if self.conventions.event_sums == "valid":
            return None
        return float(self.arrays.n_obs.mean() + (~np.isnan(self.arrays.abnormal)).sum(axis=1).mean())

    def _of_full_days(self, abnormal: Floats) -> Floats:
        """Return the tested days without those on which too few events have a return, where the conventions leave them out."""
        share = self.conventions.day_share
        if share == 0.0 or abnormal.shape[1] == 1:
            return abnormal
        return np.where((~np.isnan(abnormal)).mean(axis=0) > share, abnormal, np.nan)

    def _tested(self, columns: Window) -> Ints:
        """Return the positions of the tested days among estimation and event days."""
        days = np.arange(columns[0], columns[1] + 1)
        kept = ~np.isnan(self._of_full_days(self.arrays.abnormal[:, columns[0] : columns[1] + 1])).all(axis=0)
        share = self.conventions.day_share
        return np.asarray(self.arrays.residuals.shape[1] + (days if share == 0.0 else days[kept]))

    def _correlation(self, window: Window, columns: Window) -> float:
        """Return the mean correlation of two events' CARs in ``window``."""
        if self.conventions.pairs == "relative":
            return self.correlation
        valid = ~np.isnan(self.arrays.abnormal[:, columns[0] : columns[1] + 1])
        shared = window_overlap(valid, self.cohort, self.clock.days(*window, self.first))
        # windows that never meet are independent, whatever the residuals did
        return self.correlation * shared if shared > 0 else 0.0


def conventional(arrays: AbnormalReturns, conventions: Conventions) -> AbnormalReturns:
    """Return the arrays with the forecast error the conventions give to a model that estimates no mean."""
    if not conventions.given_mean_error:
        return arrays
    return replace(arrays, mean_variance=1.0 / arrays.n_obs)


def _shares(residuals: Floats, conventions: Conventions) -> Floats:
    """Return (N,) the share of positive residuals that the generalised sign test expects of each event."""
    shares = event_tests.positive_share(residuals)
    if conventions.positive_share == "tested" or not residuals.size:
        return shares
    of_days = (residuals > 0).sum() / max(int((~np.isnan(residuals)).sum()), 1)
    return np.full(len(residuals), of_days if conventions.positive_share == "days" else np.nanmean(shares))


#: the tests that need estimation and event days side by side
_ON_ALL_DAYS = {"corrado_rank", "campbell_wasley", "corrado_zivney_sign"}


def _known(car: Floats) -> int:
    return int((~np.isnan(car)).sum())
