"""Conventions of other event-study programs: the switches by which their figures differ from the papers'.

A study is done by the papers (``textbook``) unless it says otherwise. ``common_day`` is the same with the one difference that events are
paired as if they all shared one day 0, which Kolari & Pynnönen (2010) assume. The other two exist to compare: they reproduce what the R
packages estudy2 0.10 and EventStudy 0.50 (sipemu) print, also where they count in two ways at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from research.errors import UsageError

__all__ = ["CONVENTIONS", "Conventions", "conventions_of"]


@dataclass(frozen=True, slots=True)
class Conventions:
    """How sigma, standardised returns and counts are formed.

    Attributes
    ----------
    name
        Key in :data:`CONVENTIONS`, or a name of your own.
    sigma
        Divisor of the residual sum of squares: T − k, T − 1 or T.
    event_forecast_error
        Whether ``car_std_error`` and ``t`` of an event have the forecast error in them; else they are sigma √L and CAR / (sigma √L).
    patell_forecast_error, bmp_forecast_error
        Whether returns are divided by their forecast standard deviation (else by sigma) in Patell's tests, and in those of
        Boehmer, Musumeci & Poulsen and Kolari & Pynnönen, the wild and the block bootstrap and GRANK.
    covariance
        Whether the days of a CAR share their estimation error: SCAR is then CAR over its exact forecast standard deviation, else the sum
        of the days' standardised returns over √L, which is too large by about L / (2T).
    patell_counts
        ``valid``: events without a return on the tested day are left out of the denominator; ``all``: they stay in it.
    regressor_moments
        Mean and sum of squares of the market in the forecast error: over the days the event has (``own``), or over all days of the
        estimation ``window`` also where the event has no return.
    patell_df
        Degrees of freedom in Patell's df / (df − 2): T − k of the ``model``, or T − 2 whatever the model.
    event_sums
        Sums over events where some have no return: over the ``valid`` ones and against their number; or ``scaled``, their mean times the
        number of all events against the number of the valid ones, in Patell's, the sign and the rank tests (the spread of ranks then
        divides by an event's mean number of days, the degrees of freedom of the time-series test are those of the mean T).
    positive_share
        p of the generalised sign test: the mean share of the ``tested`` events, the mean over securities of the share of all days of their
        events (``securities``), or the share of all estimation ``days`` together.
    cars
        CARs of a window in which an event lacks a day: of ``any`` event with a return; or of the ``complete`` ones only, where the mean
        CAR is the sum of the days' means and Kolari & Pynnönen's N is that of the first day.
    day_share
        Share of the events that must have a return on a day for it to count in a window of several days, in the tests on means of days and
        of ranks; more than this.
    given_mean_error
        Whether the forecast error has 1/T in it also for a model that estimates no mean.
    pairs
        Days on which two events' residuals are paired: the same ``calendar`` day, or the same day ``relative`` to the event, where r is
        the mean of the pairs' own correlations.
    ranks
        ``uniform``: rank / (M + 1); ``raw``: ranks themselves, as in Corrado (1989), for which all events need the same M.
    rank_windows
        Whether ranks tested over several days are ``centred`` for each event, or about one mean of all events (``common``), which differs
        where some have more days than others.
    """

    name: str
    sigma: Literal["T-k", "T-1", "T"] = "T-k"
    event_forecast_error: bool = True
    patell_forecast_error: bool = True
    bmp_forecast_error: bool = True
    covariance: bool = True
    patell_counts: Literal["valid", "all"] = "valid"
    patell_df: Literal["model", "T-2"] = "model"
    event_sums: Literal["valid", "scaled"] = "valid"
    positive_share: Literal["tested", "securities", "days"] = "tested"
    cars: Literal["any", "complete"] = "any"
    day_share: float = 0.0
    given_mean_error: bool = False
    regressor_moments: Literal["own", "window"] = "own"
    pairs: Literal["calendar", "relative"] = "calendar"
    ranks: Literal["uniform", "raw"] = "uniform"
    rank_windows: Literal["centred", "common"] = "centred"


#: the presets, by name
CONVENTIONS = MappingProxyType(
    {
        "textbook": Conventions("textbook"),
        "common_day": Conventions("common_day", pairs="relative"),
        "estudy2": Conventions(
            "estudy2",
            sigma="T-1",
            covariance=False,
            patell_df="T-2",
            event_sums="scaled",
            positive_share="days",
            day_share=0.9,
            regressor_moments="window",
            pairs="relative",
            ranks="raw",
            rank_windows="common",
        ),
        "sipemu": Conventions(
            "sipemu",
            event_forecast_error=False,
            bmp_forecast_error=False,
            covariance=False,
            patell_counts="all",
            positive_share="securities",
            cars="complete",
            given_mean_error=True,
            pairs="relative",
        ),
    }
)


def conventions_of(conventions: str | Conventions) -> Conventions:
    """Return the preset of that name; conventions themselves are returned as they are.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    if isinstance(conventions, Conventions):
        return conventions
    if conventions not in CONVENTIONS:
        raise UsageError(f"Conventions came as {conventions!r}; expected one of {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[conventions]
