"""The tests of an event study, run on the arrays of one group: which array each test of :mod:`backtests.event_tests` takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests import event_tests
from backtests.event_tests import Outcome
from backtests.event_windows import Clock
from backtests.normal_returns import AbnormalReturns, window_car

__all__ = ["Sample", "default_windows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[int, int]

#: sign vectors of the wild bootstrap
_DRAWS = 1999


def default_windows(window: Window) -> list[Window]:
    """Return (0, 0), (0, 1), (−1, 1), the days before, the days from 0 on and the whole, as far as ``window`` holds them."""
    first, last = window
    wanted = [(0, 0), (0, 1), (-1, 1), (first, -1), (0, last), (first, last)]
    return sorted({(a, b) for a, b in wanted if first <= a <= b <= last})


@dataclass(frozen=True, slots=True)
class Sample:
    """One group's arrays, with what its tests need of the estimation window computed once.

    Attributes
    ----------
    window, seed
        The event window, and the seed of ``wild_bootstrap``.
    arrays, clock
        The group's events.
    first, cohort
        From :meth:`backtests.event_windows.Clock.cohorts`.
    series, share, correlation, ranks
        From :func:`~backtests.event_tests.daily_average`, :func:`~backtests.event_tests.positive_share`,
        :func:`~backtests.event_tests.residual_correlation` and :func:`~backtests.event_tests.rank_sums`; empty or NaN when no named test
        needs them.
    """

    window: Window
    seed: int
    arrays: AbnormalReturns
    clock: Clock
    first: Ints
    cohort: Ints
    series: Floats
    share: Floats
    correlation: float
    ranks: Floats

    @classmethod
    def of(cls, estimation: Window, window: Window, seed: int, arrays: AbnormalReturns, clock: Clock, names: Sequence[str]) -> Sample:
        """Prepare the events of one group for the tests ``names``."""
        residuals, nothing = arrays.residuals, np.empty((0, 0))
        first, cohort = clock.cohorts()
        aligned = "kolari_pynnonen" in names
        ranked = np.concatenate([residuals, arrays.abnormal], axis=1) if "corrado_rank" in names else nothing
        return cls(
            window=window,
            seed=seed,
            arrays=arrays,
            clock=clock,
            first=first,
            cohort=cohort,
            series=event_tests.daily_average(residuals if "time_series" in names else nothing),
            share=event_tests.positive_share(residuals if "generalized_sign" in names else nothing),
            correlation=event_tests.residual_correlation(residuals, cohort, clock.days(*estimation, first)) if aligned else np.nan,
            ranks=event_tests.rank_sums(ranked),
        )

    def run(self, names: Sequence[str], window: Window) -> list[Outcome]:
        """Run tests of one sub-window, in the order of ``names``."""
        first, last = window[0] - self.window[0], window[1] - self.window[0]
        abnormal = self.arrays.abnormal[:, first : last + 1]
        car, std_error, _ = window_car(self.arrays, first, last)
        return [self._one(name, window, abnormal, car, car / std_error) for name in names]

    def _one(self, name: str, window: Window, abnormal: Floats, car: Floats, scar: Floats) -> Outcome:
        match name:
            case "cross_sectional":
                return event_tests.cross_sectional(car)
            case "time_series":
                return event_tests.time_series(abnormal, self.series)
            case "patell":
                return event_tests.patell(scar, self.arrays.df)
            case "bmp":
                return event_tests.bmp(scar)
            case "kolari_pynnonen":
                shared = event_tests.window_overlap(~np.isnan(abnormal), self.cohort, self.clock.days(*window, self.first))
                # windows that never meet are independent, whatever the residuals did
                return event_tests.kolari_pynnonen(scar, self.correlation * shared if shared > 0 else 0.0)
            case "sign":
                return event_tests.sign(car)
            case "generalized_sign":
                return event_tests.generalized_sign(car, self.share)
            case "corrado_rank":
                start = self.arrays.residuals.shape[1] - self.window[0]
                return event_tests.corrado_rank(self.ranks, slice(start + window[0], start + window[1] + 1), int((~np.isnan(car)).sum()))
            case "wilcoxon":
                return event_tests.wilcoxon(car)
            case _:
                return event_tests.wild_bootstrap(scar, _DRAWS, self.seed)
