"""What an event study found: its tables, its tests, its comparisons of groups and its plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests import study_comparisons
from backtests.car_regression import Regression, regress, with_features
from backtests.conventions import Conventions, conventions_of
from backtests.event_windows import Clock, codes
from backtests.joint_tests import apart, joint_tests
from backtests.multiple_testing import benjamini_hochberg, holm
from backtests.normal_returns import AbnormalReturns, take
from backtests.outcomes import Outcome
from backtests.robust_errors import Errors
from backtests.schemas import EVENT_TESTS
from backtests.study_estimation import Inputs
from backtests.study_tables import event_returns, event_windows
from backtests.study_tests import DRAWS, RESAMPLED, TESTS, Sample, default_windows
from backtests.window_returns import window_bhar, window_car
from research.errors import UsageError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from backtests.event_study import EventStudy
    from backtests.placebo import Placebo
    from backtests.sensitivity import Leakage

__all__ = ["EventStudyResult"]

Floats = npt.NDArray[np.float64]
Window = tuple[int, int]

_KEY: MappingProxyType[str, Any] = MappingProxyType(
    {"group": pl.String, "test": pl.String, "window_start": pl.Int32, "window_end": pl.Int32}
)

_ADJUSTMENTS = MappingProxyType({"holm": holm, "benjamini_hochberg": benjamini_hochberg})


@dataclass(frozen=True, slots=True, repr=False)
class EventStudyResult:
    """What an event study found.

    Attributes
    ----------
    study
        How it was done.
    events
        One row an event, by ``event_id``: symbol, group, day0 (session), alpha, beta (and ``beta_<factor>``), sigma (divisor T − k), df,
        n_obs (valid estimation days), n_days (valid event days), car and its exact forecast standard deviation ``car_std_error``, bhar
        (buy-and-hold: compounded return less compounded normal return), t = car / car_std_error, p_value (two-sided, Student's t with df).
        Other conventions than ``textbook`` have other divisors.
    average
        The ``event_study`` table.
    dropped
        event_id, symbol, reason: the events that are in no other table.
    warnings
        Sentences about what this sample does to the tests.
    arrays, clock
        The same as arrays, a row for each row of ``events``.
    inputs
        What the study was fitted on, for :meth:`backtests.event_study.EventStudy.again`; ``None`` where it cannot be fitted again.
    """

    study: EventStudy
    events: pl.DataFrame
    average: pl.DataFrame
    dropped: pl.DataFrame
    warnings: tuple[str, ...]
    arrays: AbnormalReturns
    clock: Clock
    inputs: Inputs | None = None

    def __repr__(self) -> str:
        """Say what was studied, in a line."""
        groups = ", ".join(self.events["group"].unique().sort().to_list())
        return f"EventStudyResult({self.study.model}, {self.events.height} events, {self.dropped.height} dropped, groups: {groups})"

    @property
    def event_returns(self) -> pl.DataFrame:
        """The ``event_returns`` table; sessions after the end of the bars are left out. Made of ``arrays`` when it is read."""
        return event_returns(self.study.window, self.events, self.arrays, self.clock)

    @property
    def conventions(self) -> Conventions:
        """The conventions the study was done by."""
        return conventions_of(self.study.conventions)

    @property
    def source(self) -> Inputs:
        """What the study was fitted on; :class:`~research.errors.UsageError` where that is not held."""
        if self.inputs is None or self.inputs.events.height < self.events.height:
            raise UsageError(
                "This study was put together from several and cannot be fitted again: call fit or fit_returns with other settings."
            )
        return self.inputs

    def tests(self, windows: Sequence[Window] | None = None, tests: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the ``event_tests`` table: every test of every sub-window and group.

        Parameters
        ----------
        windows
            First and last tau of each sub-window, inside the event window. Default: (0, 0), (0, 1), (−1, 1), the days before, the days
            from 0 on, and the whole, as far as the event window holds them.
        tests
            Names from :data:`backtests.study_tests.TESTS` and :data:`~backtests.study_tests.RESAMPLED`. Default: the former.

        Raises
        ------
        UsageError
            For an unknown test, or a window outside the event window.
        """
        rows = [(*key, o.statistic, o.p_value, o.df, o.n_events) for key, o in self._outcomes(windows, tests)]
        return EVENT_TESTS.validate(pl.DataFrame(rows, schema=EVENT_TESTS.schema, orient="row"))

    def one_sided(self, windows: Sequence[Window] | None = None, tests: Sequence[str] | None = None) -> pl.DataFrame:
        """Return one-sided p-values: group, test, window_start, window_end, statistic, p_greater, p_less, n_events.

        ``p_greater`` is small when the effect is positive. Parameters and errors as for :meth:`tests`.
        """
        rows = [(*key, o.statistic, *o.one_sided(), o.n_events) for key, o in self._outcomes(windows, tests)]
        columns = {**dict.fromkeys(("statistic", "p_greater", "p_less"), pl.Float64), "n_events": pl.Int32}
        return pl.DataFrame(rows, schema={**_KEY, **columns}, orient="row")

    def adjusted(
        self,
        method: Literal["holm", "benjamini_hochberg"] = "holm",
        windows: Sequence[Window] | None = None,
        tests: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return p-values adjusted for the number of groups: the groups of one test and window are a family.

        Columns group, test, window_start, window_end, p_value, p_adjusted. Parameters and errors as for :meth:`tests`.
        """
        if method not in _ADJUSTMENTS:
            raise UsageError(f"Method {method!r} is not known; expected one of {', '.join(_ADJUSTMENTS)}.")
        found = self.tests(windows, tests).select(*_KEY, "p_value").with_row_index("_row")
        parts = []
        for _, family in found.group_by("test", "window_start", "window_end", maintain_order=True):
            values = _ADJUSTMENTS[method](family["p_value"].fill_null(float("nan")).to_numpy())
            parts.append(family.with_columns(pl.Series("p_adjusted", values).fill_nan(None)))
        return pl.concat(parts).sort("_row").drop("_row")

    def romano_wolf(self, windows: Sequence[Window] | None = None, draws: int = DRAWS) -> pl.DataFrame:
        """Return step-down p-values over groups and windows together (Romano & Wolf 2005): the family is the whole table.

        The statistic is the cluster-robust t of the mean SCAR, blocks of calendar time being the clusters; the joint null distribution
        comes from random signs of the blocks, drawn once for all groups and windows. Columns group, window_start, window_end, statistic,
        p_value (of the hypothesis alone), p_adjusted.

        Parameters
        ----------
        windows
            As for :meth:`tests`.
        draws
            Number of sign vectors; the seed is the study's.
        """
        return study_comparisons.romano_wolf(self, self._windows(windows), draws)

    def differences(self, windows: Sequence[Window] | None = None, draws: int = DRAWS) -> pl.DataFrame:
        """Compare the mean CAR of each pair of groups, by Welch's t and by permutation.

        Columns group_a, group_b, test, window_start, window_end, difference (mean CAR of a less that of b, fraction), statistic, p_value
        (two-sided), p_greater, df, n_a, n_b.

        Parameters
        ----------
        windows
            As for :meth:`tests`.
        draws
            Number of permutations; the seed is the study's.
        """
        return study_comparisons.differences(self, self._windows(windows), draws)

    def by_group(self) -> list[tuple[str, AbnormalReturns]]:
        """Return each group's name and arrays, in order."""
        groups = self.events["group"]
        names = groups.unique().sort().to_list()
        return [(name, self.arrays if len(names) == 1 else take(self.arrays, (groups == name).to_numpy())) for name in names]

    def volatility(self, windows: Sequence[Window] | None = None, tests: Sequence[str] | None = None) -> pl.DataFrame:
        """Test whether the variance changed (:func:`backtests.activity.abnormal_volatility`); windows as for :meth:`tests`."""
        from backtests.activity import abnormal_volatility

        return abnormal_volatility(self, self._windows(windows), None if tests is None else list(tests))

    def car(self, window: Window) -> Floats:
        """Return (E,) the CAR of each row of ``events`` over a sub-window; NaN where it has no return."""
        return window_car(self.arrays, *self._columns(window))[0]

    def by_event(self, windows: Sequence[Window] | None = None) -> pl.DataFrame:
        """Return each event's CAR and BHAR over each sub-window; null where it has no return.

        Columns event_id, symbol, group, window_start, window_end, n_days, car, car_std_error, t, p_value, bhar. Windows as for
        :meth:`tests`.
        """
        settings = self.study.window, self.study.returns == "log", self.events, self.arrays
        return event_windows(*settings, self._windows(windows), self.conventions.event_forecast_error)

    def scar(self, window: Window) -> Floats:
        """Return (E,) the CAR over its exact forecast standard deviation."""
        car, std_error, _ = window_car(self.arrays, *self._columns(window))
        return np.asarray(car / std_error)

    def regression(
        self,
        columns: Sequence[str],
        features: pl.DataFrame | None = None,
        window: Window | None = None,
        *,
        response: Literal["car", "scar", "bhar"] = "car",
        errors: Errors = "HC1",
        clusters: Sequence[str] = (),
        weights: str | None = None,
        intercept: bool = True,
    ) -> Regression:
        """Regress the CARs of ``window`` on features of the events.

        Parameters
        ----------
        columns
            Names of features: columns of ``features`` or of ``events``.
        features
            ``event_id``, optionally ``symbol``, and a column a feature, one row a key; an event without a row has nulls, and is dropped
            with the reason.
        window
            Sub-window; the whole event window by default.
        response
            ``car``, ``scar`` (CAR over its forecast standard deviation) or ``bhar``.
        errors, weights, intercept
            As for :func:`backtests.car_regression.regress`.
        clusters
            One or two of ``symbol``, ``day0``, ``group`` and the columns of ``features``.

        Raises
        ------
        UsageError, EstimationError
            As for :func:`backtests.car_regression.regress`; for a window outside the event window, or features without a key.
        """
        first, last = window or self.study.window
        self._windows([(first, last)])
        data = with_features(self.events, features)
        match response:
            case "car":
                values = self.car((first, last))
            case "scar":
                values = self.scar((first, last))
            case "bhar":
                values = window_bhar(self.arrays, *self._columns((first, last)), self.study.returns == "log")
            case _:
                raise UsageError(f"Response came as {response!r}; expected car, scar or bhar.")
        data = data.with_columns(pl.Series(response, values))
        return regress(data, response, columns, errors=errors, clusters=clusters, weights=weights, intercept=intercept)

    def joint(self, windows: Sequence[Window] | None = None, clusters: Sequence[str] = ()) -> pl.DataFrame:
        """Test several windows, and several groups, at once (Hotelling's T², with clusters its robust form).

        Columns hypothesis, group (null: over all), window_start, window_end (null: over all windows), statistic (F), p_value, df,
        df_error, n_events. Hypotheses: ``windows zero``, that a group's mean CAR is zero in every window; ``groups zero``, that every
        group's is in one window; ``groups equal``, that the groups' are equal in one window; and the latter two over all windows together.

        Parameters
        ----------
        windows
            First and last tau of each; by default windows that share no day. Windows whose CARs add up to each other's cannot be tested
            together and are null.
        clusters
            One or two of ``symbol`` and ``day0``; events are independent by default.
        """
        return joint_tests(self, self._windows(apart(self.study.window) if windows is None else windows), clusters)

    def portfolio(self, window: Window) -> pl.DataFrame:
        """Return the calendar-time portfolio of each group: group, session, abnormal_return (equally weighted, fraction), n_events."""
        return study_comparisons.portfolio(self, window, *self._columns(window))

    def _columns(self, window: Window) -> Window:
        return window[0] - self.study.window[0], window[1] - self.study.window[0]

    def _windows(self, windows: Sequence[Window] | None) -> list[Window]:
        asked = default_windows(self.study.window) if windows is None else sorted({(int(first), int(last)) for first, last in windows})
        for first, last in asked:
            if not self.study.window[0] <= first <= last <= self.study.window[1]:
                raise UsageError(
                    f"Window {first} .. {last} came; expected one inside the event window {self.study.window[0]} .. {self.study.window[1]}."
                )
        return asked

    def _outcomes(self, windows: Sequence[Window] | None, tests: Sequence[str] | None) -> list[tuple[tuple[str, str, int, int], Outcome]]:
        """Run the tests; keys (group, test, first, last) in the order of the table."""
        names = tuple(TESTS if tests is None else dict.fromkeys(tests))
        unknown = [name for name in names if name not in (*TESTS, *RESAMPLED)]
        if unknown:
            raise UsageError(f"Test {unknown[0]!r} is not known; expected one of {', '.join((*TESTS, *RESAMPLED))}.")
        asked = self._windows(windows)
        rows = []
        groups, symbols = self.events["group"], self.events["symbol"]
        security = codes(symbols, symbols.unique().sort())
        for group in groups.unique().sort().to_list():
            chosen = np.flatnonzero((groups == group).to_numpy())
            whole = len(chosen) == len(groups)
            sample = Sample.of(
                self.study.estimation,
                self.study.window,
                self.arrays if whole else take(self.arrays, chosen),
                self.clock if whole else self.clock.take(chosen),
                names,
                seed=self.study.seed,
                log=self.study.returns == "log",
                conventions=self.conventions,
                security=security[chosen],
            )
            found = {window: sample.run(names, window) for window in asked}
            rows += [((group, name, *window), found[window][number]) for number, name in enumerate(names) for window in asked]
        return rows

    def sensitivity(
        self,
        estimations: Sequence[Window] | None = None,
        windows: Sequence[Window] | None = None,
        models: Sequence[str] | None = None,
        test: str = "kolari_pynnonen",
    ) -> pl.DataFrame:
        """Fit the study again over a grid of models and estimation windows: :func:`backtests.sensitivity.sensitivity`."""
        from backtests.sensitivity import sensitivity

        return sensitivity(
            self, estimations=estimations, windows=None if windows is None else self._windows(windows), models=models, test=test
        )

    def leakage(self, days: int = 30, test: str = "kolari_pynnonen") -> Leakage:
        """Measure the drift before day 0: :func:`backtests.sensitivity.leakage`."""
        from backtests.sensitivity import leakage

        return leakage(self, days, test)

    def placebo(
        self,
        windows: Sequence[Window] | None = None,
        tests: Sequence[str] | None = None,
        effects: Sequence[float] = (0.0,),
        draws: int = 200,
        how: Literal["independent", "shift"] = "independent",
    ) -> Placebo:
        """Test the same securities on dates without events: :func:`backtests.placebo.placebo`; the seed is the study's."""
        from backtests.placebo import PLACEBO_TESTS, placebo

        names = PLACEBO_TESTS if tests is None else tests
        return placebo(self, self._windows(windows), tests=names, effects=effects, draws=draws, how=how, seed=self.study.seed)

    def plot(self) -> Figure:
        """Return the cumulative average abnormal return with its 95 % band, a line a group."""
        from backtests import study_plots

        return study_plots.caar(self.average)

    def plot_aar(self) -> Figure:
        """Return the average abnormal return of each day with its 95 % interval, groups side by side."""
        from backtests import study_plots

        return study_plots.aar(self.average, self.event_returns, self.events)

    def plot_events(self) -> Figure:
        """Return each event's cumulative abnormal return with its 95 % interval, sorted."""
        from backtests import study_plots

        return study_plots.cars(self.events)

    def plot_fan(self) -> Figure:
        """Return how the events' cumulative abnormal returns spread from day to day, a panel a group."""
        from backtests import study_plots

        return study_plots.fan(self.event_returns, self.events)

    def plot_distribution(self) -> Figure:
        """Return the distribution of CARs, a histogram a group."""
        from backtests import study_plots

        return study_plots.car_distribution(self.events)

    def plot_groups(self) -> Figure:
        """Return each group's mean CAR with its 95 % interval."""
        from backtests import study_plots

        return study_plots.groups(self.events)
