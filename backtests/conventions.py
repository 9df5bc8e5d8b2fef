"""Conventions of other event-study programs: the switches by which their figures differ from the papers'.

A study is done by the papers (``textbook``) unless it says otherwise. ``common_day`` is the same with the one difference that events are
paired as if they all shared one day 0, which Kolari & Pynnönen (2010) assume. The other two exist to compare: they reproduce what the R
packages estudy2 0.10 and EventStudy 0.50 (sipemu) print, as far as that is sound.
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
        ``valid``: events without a return in the window are left out of the denominator; ``all``: they stay in it.
    regressor_moments
        Mean and sum of squares of the market in the forecast error: over the days the event has (``own``), or over all days of the
        estimation ``window`` also where the event has no return.
    patell_df
        Degrees of freedom in Patell's df / (df − 2): T − k of the ``model``, or T − 2 whatever the model.
    pairs
        Days on which two events' residuals are paired: the same ``calendar`` day, or the same day ``relative`` to the event.
    ranks
        ``uniform``: rank / (M + 1); ``raw``: ranks themselves, as in Corrado (1989), for which all events need the same M.
    """

    name: str
    sigma: Literal["T-k", "T-1", "T"] = "T-k"
    event_forecast_error: bool = True
    patell_forecast_error: bool = True
    bmp_forecast_error: bool = True
    covariance: bool = True
    patell_counts: Literal["valid", "all"] = "valid"
    patell_df: Literal["model", "T-2"] = "model"
    regressor_moments: Literal["own", "window"] = "own"
    pairs: Literal["calendar", "relative"] = "calendar"
    ranks: Literal["uniform", "raw"] = "uniform"


#: the presets, by name
CONVENTIONS = MappingProxyType(
    {
        "textbook": Conventions("textbook"),
        "common_day": Conventions("common_day", pairs="relative"),
        "estudy2": Conventions(
            "estudy2", sigma="T-1", covariance=False, patell_df="T-2", regressor_moments="window", pairs="relative", ranks="raw"
        ),
        "sipemu": Conventions(
            "sipemu", event_forecast_error=False, bmp_forecast_error=False, covariance=False, patell_counts="all", pairs="relative"
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
