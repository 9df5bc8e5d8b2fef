"""The tests of an event study, run on the arrays of one group: which array each test takes, and what is computed once for all windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backtests import bootstrap_tests, calendar_time, event_tests, rank_tests
from backtests.conventions import Conventions
from backtests.cross_correlation import residual_correlation, window_overlap
from backtests.event_windows import Clock
from backtests.normal_returns import AbnormalReturns, window_bhar, window_car, window_scar
from backtests.outcomes import Outcome
from backtests.rank_tests import GeneralizedRanks

__all__ = ["DRAWS", "RESAMPLED", "TESTS", "Sample", "blocks_of", "default_windows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: the tests that are run when none is named
TESTS = (
    "cross_sectional",
    "skewness_adjusted",
    "time_series",
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
        residuals = arrays.residuals
        first, cohort = clock.cohorts()
        wanted = set(names)
        correlation = np.nan
        if wanted & {"kolari_pynnonen", "adjusted_patell"}:
            if conventions.pairs == "calendar":
                correlation = residual_correlation(residuals, cohort, clock.days(*estimation, first))
            else:
                correlation = residual_correlation(residuals, np.zeros_like(cohort), np.arange(residuals.shape[1])[None, :])
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
            series=event_tests.daily_average(residuals if "time_series" in wanted else nothing),
            share=event_tests.positive_share(residuals if "generalized_sign" in wanted else nothing),
            correlation=correlation,
            ranks=rank_tests.rank_sums(ranked, raw=conventions.ranks == "raw"),
            scaled_ranks=rank_tests.rank_sums(
                rank_tests.restandardised(residuals, arrays.sigma, arrays.abnormal, std) if scaled else nothing
            ),
            signs=rank_tests.median_signs(both if "corrado_zivney_sign" in wanted else nothing),
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
        patell = np.nan_to_num(scars[0]) if chosen.patell_counts == "all" else scars[0]
        paired = bool({"adjusted_patell", "kolari_pynnonen"} & set(names))
        correlation = self._correlation(window, (first, last)) if paired else np.nan
        ranked = rank_tests.granks(self.generalized, scars[1]) if self.generalized is not None else (None, None)
        given = dict(zip(("grank_t", "grank_z"), ranked, strict=True))
        return [given.get(name) or self._one(name, window, (first, last), car, patell, scars[1], correlation) for name in names]

    def _one(self, name: str, window: Window, columns: Window, car: Floats, patell: Floats, scar: Floats, correlation: float) -> Outcome:
        first, last = columns
        match name:
            case "cross_sectional":
                return event_tests.cross_sectional(car)
            case "skewness_adjusted":
                return event_tests.skewness_adjusted(car)
            case "time_series":
                return event_tests.time_series(self.arrays.abnormal[:, first : last + 1], self.series)
            case "patell":
                return event_tests.patell(patell, self._patell_df())
            case "adjusted_patell":
                return event_tests.adjusted_patell(patell, self._patell_df(), correlation)
            case "bmp":
                return event_tests.bmp(scar)
            case "kolari_pynnonen":
                return event_tests.kolari_pynnonen(scar, correlation)
            case "sign":
                return event_tests.sign(car)
            case "generalized_sign":
                return event_tests.generalized_sign(car, self.share)
            case "corrado_rank":
                return rank_tests.corrado_rank(self.ranks, self._tested(columns), _known(car))
            case "corrado_zivney_rank":
                return rank_tests.corrado_rank(self.scaled_ranks, self._tested(columns), _known(car))
            case "corrado_zivney_sign":
                return rank_tests.corrado_rank(self.signs, self._tested(columns), _known(car))
            case "campbell_wasley":
                return rank_tests.campbell_wasley(self.ranks, self._tested(columns), _known(car))
            case "wilcoxon":
                return event_tests.wilcoxon(car)
            case "calendar_time":
                return calendar_time.calendar_time(self.arrays.abnormal[:, first : last + 1], self.clock.days(*window))
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

    def _patell_df(self) -> Floats:
        return self.arrays.df if self.conventions.patell_df == "model" else np.asarray(self.arrays.n_obs - 2.0, dtype=np.float64)

    def _tested(self, columns: Window) -> slice:
        start = self.arrays.residuals.shape[1]
        return slice(start + columns[0], start + columns[1] + 1)

    def _correlation(self, window: Window, columns: Window) -> float:
        """Return the mean correlation of two events' CARs in ``window``."""
        if self.conventions.pairs == "relative":
            return self.correlation
        valid = ~np.isnan(self.arrays.abnormal[:, columns[0] : columns[1] + 1])
        shared = window_overlap(valid, self.cohort, self.clock.days(*window, self.first))
        # windows that never meet are independent, whatever the residuals did
        return self.correlation * shared if shared > 0 else 0.0


#: the tests that need estimation and event days side by side
_ON_ALL_DAYS = {"corrado_rank", "campbell_wasley", "corrado_zivney_sign"}


def _known(car: Floats) -> int:
    return int((~np.isnan(car)).sum())
