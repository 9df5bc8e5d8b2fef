"""The tests of an event study, run on the arrays of one group: which array each test takes, and what is computed once for all windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from backtests import bootstrap_tests, calendar_time, event_tests, rank_tests
from backtests.conventions import Conventions
from backtests.cross_correlation import pairwise_correlation, residual_moments, window_overlap
from backtests.event_windows import Clock
from backtests.generalized_ranks import GeneralizedRanks, generalized_ranks, granks
from backtests.normal_returns import AbnormalReturns
from backtests.outcomes import Outcome
from backtests.rank_tests import RankMeans
from backtests.residuals import Beside, Rows, each_block
from backtests.window_returns import window_bhar, window_car, window_scar

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
    """One group's arrays, with what its tests need of all days computed once.

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
    valid
        (N, L) whether an event has a return on the day.
    aar, counts, variance, forecast_error
        (L,) of each day: average abnormal return, events with one, its variance if events were independent, and the forecast variance of
        the average over that of its residual.
    totals
        Of the cohorts, from :func:`backtests.calendar_time.cohort_totals`.
    series, share, correlation, ranks, rank_means, scaled_ranks, signs, generalized
        Of the estimation window, as far as the named tests need them.
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
    valid: npt.NDArray[np.bool_]
    aar: Floats
    counts: Ints
    variance: Floats
    forecast_error: Floats
    totals: tuple[Floats, Ints] | None = None
    series: Floats = field(default_factory=lambda: np.zeros(0))
    share: Floats = field(default_factory=lambda: np.zeros(0))
    correlation: float = np.nan
    ranks: Floats = field(default_factory=lambda: np.zeros(0))
    rank_means: RankMeans | None = None
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
        security: Ints | None = None,
    ) -> Sample:
        """Prepare the events of one group for the tests ``names``; ``security`` numbers the events' securities, by default each its own."""
        arrays = conventional(arrays, conventions)
        residuals, abnormal = arrays.estimated, arrays.abnormal
        first, cohort = clock.cohorts()
        wanted = set(names)
        scaled_sums = conventions.event_sums == "scaled"
        series, correlation = np.zeros(0), np.nan
        if wanted & _PAIRED and conventions.pairs == "calendar":
            series, correlation = residual_moments(residuals, cohort, clock.days(*estimation, first))
        elif wanted & {"time_series", "lamb"}:
            series = daily_average(residuals)
        if wanted & _PAIRED and conventions.pairs == "relative":
            correlation = pairwise_correlation(arrays.residuals)
        valid = ~np.isnan(abnormal)
        both = Beside(residuals, abnormal)
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
            valid,
            aar=event_tests.daily_average(abnormal),
            counts=np.array([np.count_nonzero(column) for column in valid.T]),
            variance=event_tests.daily_variance(arrays.sigma, valid, scaled_sums) if "brown_warner" in wanted else np.zeros(0),
            forecast_error=_forecast_error(arrays, valid) if "lamb" in wanted else np.zeros(0),
            totals=calendar_time.cohort_totals(abnormal, cohort) if "calendar_time" in wanted else None,
            series=series,
            share=_shares(arrays, conventions, security) if "generalized_sign" in wanted else np.zeros(0),
            correlation=correlation,
            ranks=rank_tests.rank_sums(both, conventions.ranks == "raw", scaled_sums)
            if wanted & {"corrado_rank", "campbell_wasley"}
            else np.zeros(0),
            rank_means=RankMeans.of(both) if "corrado_rank" in wanted and conventions.rank_windows == "common" else None,
            scaled_ranks=rank_tests.rank_sums(rank_tests.restandardised(residuals, arrays.sigma, abnormal, arrays.forecast_std))
            if "corrado_zivney_rank" in wanted
            else np.zeros(0),
            signs=rank_tests.median_signs(both, scaled_sums) if "corrado_zivney_sign" in wanted else np.zeros(0),
            generalized=generalized_ranks(residuals, arrays.sigma) if wanted & {"grank_t", "grank_z"} else None,
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
            broken = ~self.valid[:, first : last + 1].all(axis=1)
            car, *scars = (np.where(broken, np.nan, values) for values in (car, *scars))
        correlation = self._correlation(window, (first, last)) if _PAIRED & set(names) else np.nan
        ranked = granks(self.generalized, scars[1]) if self.generalized is not None else (None, None)
        given = dict(zip(("grank_t", "grank_z"), ranked, strict=True))
        return [given.get(name) or self._one(name, window, (first, last), car, scars[0], scars[1], correlation) for name in names]

    def _one(self, name: str, window: Window, columns: Window, car: Floats, patell: Floats, scar: Floats, correlation: float) -> Outcome:
        first, last = columns
        chosen = self.conventions
        scaled = chosen.event_sums == "scaled"
        # what a sum over the valid events is multiplied by, and the degrees of freedom of a mean over days
        scale = len(car) / max(_known(car), 1) if scaled else 1.0
        days_df = float(self.arrays.n_obs.mean()) - 1.0 if scaled else None
        match name:
            case "cross_sectional":
                summed = chosen.cars == "complete" and last > first
                return event_tests.cross_sectional(car, float(np.nansum(self.aar[first : last + 1])) if summed else None)
            case "skewness_adjusted":
                return event_tests.skewness_adjusted(car)
            case "time_series":
                kept = self._full_days(columns)
                return event_tests.time_series(self.aar[kept], self.series, self._used(kept), days_df)
            case "brown_warner":
                kept = self._full_days(columns)
                used = self.valid[:, kept].any(axis=1)
                df = float(self.arrays.n_obs[used].mean()) - 1.0 if used.any() else 0.0
                return event_tests.brown_warner(self.aar[kept], self.variance[kept], df, int(used.sum()))
            case "lamb":
                kept = self._full_days(columns)
                return event_tests.lamb(self.aar[kept], self.series, self.forecast_error[kept], self._used(kept), days_df)
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
            case "corrado_rank" if self.rank_means is not None and last > first:
                return rank_tests.common_rank(self.rank_means, self._tested(columns), _known(car), self._mean_days())
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
                assert self.totals is not None
                totals, counts = self.totals
                inside = slice(first, last + 1)
                days, held = self.clock.days(*window, self.first), self._used(np.arange(first, last + 1))
                return calendar_time.calendar_time(totals[:, inside], counts[:, inside], days, held)
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

    def _first_day(self) -> int:
        return int(self.counts[0])

    def _rank_days(self) -> float | None:
        """Return what the squares of a day's ranks are summed over, where it is not the number of days."""
        return None if self.conventions.event_sums == "valid" else self._mean_days()

    def _mean_days(self) -> float:
        """Return the mean number of estimation and event days of an event."""
        return float(self.arrays.n_obs.mean() + self.valid.sum(axis=1).mean())

    def _full_days(self, columns: Window) -> Ints:
        """Return the tested days without those on which too few events have a return, where the conventions leave them out."""
        days = np.arange(columns[0], columns[1] + 1)
        share = self.conventions.day_share
        return days if share == 0.0 or len(days) == 1 else days[self.counts[days] / len(self.valid) > share]

    def _used(self, days: Ints) -> int:
        """Return how many events have a return on one of ``days``."""
        if len(days) and int(self.counts[days].max()) == len(self.valid):
            return len(self.valid)
        return int(self.valid[:, days].any(axis=1).sum())

    def _tested(self, columns: Window) -> Ints:
        """Return the positions of the tested days among estimation and event days."""
        return self.arrays.estimated.shape[1] + self._full_days(columns)

    def _correlation(self, window: Window, columns: Window) -> float:
        """Return the mean correlation of two events' CARs in ``window``."""
        if self.conventions.pairs == "relative":
            return self.correlation
        valid = self.valid[:, columns[0] : columns[1] + 1]
        shared = window_overlap(valid, self.cohort, self.clock.days(*window, self.first))
        # windows that never meet are independent, whatever the residuals did
        return self.correlation * shared if shared > 0 else 0.0


def conventional(arrays: AbnormalReturns, conventions: Conventions) -> AbnormalReturns:
    """Return the arrays with the forecast error the conventions give to a model that estimates no mean."""
    if not conventions.given_mean_error:
        return arrays
    return replace(arrays, mean_variance=np.where(arrays.mean_variance > 0, arrays.mean_variance, 1.0 / arrays.n_obs))


def daily_average(residuals: Rows) -> Floats:
    """Return (T,) the mean of each day over its valid events, NaN where there is none, reading some events at a time."""

    def sums(rows: slice) -> tuple[Floats, Ints]:
        block = residuals[rows]
        valid = ~np.isnan(block)
        return np.where(valid, block, 0.0).sum(axis=0), valid.sum(axis=0)

    total, counts = np.zeros(residuals.shape[1]), np.zeros(residuals.shape[1])
    for part, known in each_block(len(residuals), sums):
        total += part
        counts += known
    return np.asarray(total / np.where(counts > 0, counts, np.nan))


def _forecast_error(arrays: AbnormalReturns, valid: npt.NDArray[np.bool_]) -> Floats:
    """Return (L,) the forecast variance of the average over events of a day, in units of the variance of its residual."""
    moved = []
    for day, known in enumerate(valid.T):
        squares = np.square(arrays.scores[:, day]).sum(axis=1)
        moved.append(float(np.mean(squares, where=known)) if known.any() else 0.0)
    estimated = bool((arrays.mean_variance > 0).any())
    return np.asarray(1.0 + estimated / float(arrays.n_obs.mean()) + np.array(moved))


def _shares(arrays: AbnormalReturns, conventions: Conventions, security: Ints | None) -> Floats:
    """Return (N,) the share of positive residuals that the generalised sign test expects of each event."""
    shares = event_tests.positive_share(arrays.estimated)
    if conventions.positive_share == "tested" or not len(shares):
        return shares
    # all days together, of everyone or of a security
    of = np.zeros(len(shares), dtype=np.int64) if conventions.positive_share == "days" else security
    of = np.arange(len(shares)) if of is None else of
    positive, days = (np.bincount(of, values) for values in (np.nan_to_num(shares * arrays.n_obs), arrays.n_obs))
    return np.full(len(shares), float((positive[days > 0] / days[days > 0]).mean()) if (days > 0).any() else np.nan)


#: the tests that need the mean correlation of two events
_PAIRED = {"adjusted_patell", "kolari_pynnonen"}


def _known(car: Floats) -> int:
    return int((~np.isnan(car)).sum())
