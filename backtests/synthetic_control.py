"""Synthetic control: one event, compared with the mix of other securities that moved as it did before.

1. Weights w ≥ 0, Σw = 1 minimise the squared distance between the treated security's path and its donors' over the estimation window
   (:func:`simplex_weights`).
2. Abnormal returns are the treated security's less the mix's over the event window.
3. Each donor is treated in its place, with the other donors as its own (placebo in space): the p-value is the rank of the treated
   security's ratio of root mean squared gaps, after over before, among theirs.

References
----------
Abadie, A. & Gardeazabal, J. (2003), The economic costs of conflict, American Economic Review 93, 113-132.
Abadie, A., Diamond, A. & Hainmueller, J. (2010), Synthetic control methods for comparative case studies, Journal of the American
    Statistical Association 105, 493-505.
Lawson, C. & Hanson, R. (1974), Solving Least Squares Problems, chapter 23.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.event_windows import codes, require, return_matrix
from research.errors import EstimationError, UnknownSymbolError, UsageError

__all__ = ["SyntheticControl", "simplex_weights", "synthetic_control"]

Floats = npt.NDArray[np.float64]
Window = tuple[int, int]

#: a weight below this is rounding error
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, repr=False)
class SyntheticControl:
    """What the synthetic control of one event found.

    Attributes
    ----------
    symbol, day0
        The treated security, and the session of tau 0.
    weights
        symbol, weight of the donors with a weight, the heaviest first.
    path
        tau, session, realized_return, synthetic_return, abnormal_return, car (from the event window on), over both windows; car is
        null before the event window.
    car
        Over the event window.
    before, after, ratio
        Root mean squared gap of the fitted path over the estimation and the event window, and the latter over the former; ``None``
        when the fit is exact.
    p_value
        (1 + placebos with as large a ratio) / (1 + placebos).
    p_car
        The same of the absolute CAR, which needs donors as well fitted as the treated security.
    placebos
        symbol, before, after, ratio, car of each donor treated in its place.
    dropped
        symbol, reason: the donors that were not used.
    notes
        Sentences on what limits the inference.
    """

    symbol: str
    day0: date
    weights: pl.DataFrame
    path: pl.DataFrame
    car: float
    before: float
    after: float
    ratio: float | None
    p_value: float | None
    p_car: float | None
    placebos: pl.DataFrame
    dropped: pl.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Say what was found, in a line."""
        return f"SyntheticControl({self.symbol} {self.day0}, CAR {self.car:.2%}, {self.weights.height} donors, p {self.p_value})"


def simplex_weights(target: Floats, donors: Floats) -> Floats:
    """Return (J,) w ≥ 0, Σw = 1 that minimise ‖target − donors w‖.

    With Z = donors − target 1', min ‖Zw‖ over the simplex is the non-negative least squares of [Z; 1'] u on [0; 1] with w = u / Σu: of
    any Σu the best direction is that of the smallest ‖Zw‖, so that it is exact (Lawson & Hanson 1974).

    Parameters
    ----------
    target
        (T,) without NaN.
    donors
        (T, J) without NaN, J at least one.
    """
    from scipy.optimize import nnls

    gap = donors - target[:, None]
    # a common scale keeps the row of ones as heavy as the rest
    scale = float(np.sqrt(np.square(gap).sum(axis=0).mean()))
    if not scale > 0:
        return np.full(donors.shape[1], 1.0 / donors.shape[1])
    stacked = np.concatenate([gap / scale, np.ones((1, donors.shape[1]))])
    found, _ = nnls(stacked, np.r_[np.zeros(len(target)), 1.0], maxiter=30 * donors.shape[1] + 100)
    found = np.where(found > _ROUNDING * found.max(), found, 0.0)
    return np.asarray(found / found.sum())


def synthetic_control(
    returns: pl.DataFrame,
    symbol: str,
    day0: date,
    *,
    estimation: Window = (-250, -30),
    window: Window = (-5, 20),
    donors: Sequence[str] | None = None,
    fit: Literal["returns", "cumulative"] = "returns",
    poor_fit: float = float("inf"),
) -> SyntheticControl:
    """Compare one security with its synthetic control.

    Donors should be untouched by the event: leave out competitors and suppliers. With few donors the p-value has few values: with 19 the
    smallest is 0.05. With more donors than estimation days the fit is exact and says nothing.

    Parameters
    ----------
    returns
        ``session, symbol, realized_return`` (simple returns), of the treated security and of the donors. Its sessions are the grid.
    symbol, day0
        The treated security and the session of its event.
    estimation, window
        First and last tau, both included; the former ends before the latter begins.
    donors
        Symbols; all others by default. A donor with a missing return in either window is dropped with the reason.
    fit
        Whether daily ``returns`` are matched or ``cumulative`` returns from the start of the estimation window (the price path).
    poor_fit
        Leave placebos out whose gap before the event is so many times that of the treated security.

    Raises
    ------
    UsageError
        When the arguments do not fit.
    UnknownSymbolError
        When the treated security has no returns.
    EstimationError
        When day 0 is no session, the windows leave the data, or no donor is left.
    """
    if fit not in ("returns", "cumulative") or estimation[1] >= window[0] or estimation[0] >= estimation[1] or window[1] < window[0]:
        raise UsageError(
            f"The windows came as {estimation} and {window}, fit as {fit!r}; expected an estimation window of at least two days that ends "
            "before the event window, and returns or cumulative."
        )
    require(returns, "returns", {"session": pl.Date, "symbol": pl.String, "realized_return": pl.Float64}, nulls=("realized_return",))
    if not (returns["symbol"] == symbol).any():
        raise UnknownSymbolError(f"Security {symbol!r} has no returns: load its prices, or name another.")
    sessions = returns["session"].unique().sort().to_numpy().astype("datetime64[D]")
    zero = int(np.searchsorted(sessions, np.datetime64(day0)))
    if zero >= len(sessions) or sessions[zero] != np.datetime64(day0):
        raise EstimationError(f"Day 0 came as {day0}, which is not a session of the returns: name the first session after it.")
    first, last = zero + estimation[0], zero + window[1]
    if first < 0 or last >= len(sessions):
        raise EstimationError(
            f"The windows run from session {first} to {last} of {len(sessions)}: load more returns, or choose shorter windows."
        )
    asked = pl.Series(
        [name for name in (returns["symbol"].unique().to_list() if donors is None else dict.fromkeys(donors)) if name != symbol]
    )
    names = pl.concat([pl.Series([symbol]), asked.cast(pl.String)]).unique().sort()
    matrix = return_matrix(returns.filter(pl.col("symbol").is_in(names.implode())), names, sessions, 0, 0)
    columns = np.r_[np.arange(zero + estimation[0], zero + estimation[1] + 1), np.arange(zero + window[0], zero + window[1] + 1)]
    n_before = estimation[1] - estimation[0] + 1
    own = matrix[:, columns]
    treated = int(codes(pl.Series([symbol]), names)[0])
    if np.isnan(own[treated]).any():
        raise EstimationError(
            f"Security {symbol!r} has no return on {int(np.isnan(own[treated]).sum())} days of its windows: shorten them."
        )
    missing = np.isnan(own).sum(axis=1)
    flat = np.nanstd(own[:, :n_before], axis=1, where=~np.isnan(own[:, :n_before])) if len(own) else np.zeros(0)
    reasons = [
        (name, f"no return on {missing[row]} days" if missing[row] else "zero variance")
        for row, name in enumerate(names)
        if row != treated and (missing[row] or not flat[row] > 0)
    ]
    usable = np.array([row for row in range(len(names)) if row != treated and not missing[row] and flat[row] > 0], dtype=np.int64)
    if not len(usable):
        raise EstimationError(f"None of the {len(names) - 1} donors has returns on all days of the windows: name others, or shorten them.")
    # what is matched: returns, or the path they add up to; the gap of the latter goes on through the event window
    levels = own if fit == "returns" else np.cumsum(np.log1p(own), axis=1)

    def judged(target: int, pool: npt.NDArray[np.int64]) -> tuple[Floats, Floats, float, float]:
        weights = simplex_weights(levels[target, :n_before], levels[pool, :n_before].T)
        gap = levels[target] - weights @ levels[pool]
        before, after = (float(np.sqrt(np.square(part).mean())) for part in (gap[:n_before], gap[n_before:]))
        return weights, own[target] - weights @ own[pool], before, after

    weights, abnormal, before, after = judged(treated, usable)
    exact = not before > _ROUNDING * float(np.abs(levels[treated, :n_before]).max())
    placebos = []
    if len(usable) > 1:
        for row in usable:
            _, placebo, pre, post = judged(int(row), usable[usable != row])
            placebos.append((names[int(row)], pre, post, post / pre if pre > 0 else None, float(placebo[n_before:].sum())))
    schema = {"symbol": pl.String, **dict.fromkeys(("before", "after", "ratio", "car"), pl.Float64)}
    table = pl.DataFrame(placebos, schema=schema, orient="row").sort("symbol")
    judges = table.filter((pl.col("before") <= poor_fit * before) & pl.col("ratio").is_not_null())
    car, ratio = float(abnormal[n_before:].sum()), None if exact else after / before
    tau = np.r_[np.arange(estimation[0], estimation[1] + 1), np.arange(window[0], window[1] + 1)]
    during = np.r_[np.full(n_before, np.nan), np.cumsum(abnormal[n_before:])]
    notes = []
    if len(usable) >= n_before:
        notes.append(f"{len(usable)} donors for {n_before} estimation days: the fit is as close as the data allow and says little.")
    if judges.height < 19:
        notes.append(f"{judges.height} placebos: the p-value cannot be below {1 / (1 + judges.height):.3f}.")
    return SyntheticControl(
        symbol=symbol,
        day0=day0,
        weights=pl.DataFrame({"symbol": names.gather(usable), "weight": weights})
        .filter(pl.col("weight") > 0)
        .sort(["weight", "symbol"], descending=[True, False]),
        path=pl.DataFrame(
            {
                "tau": pl.Series(tau).cast(pl.Int32),
                "session": pl.Series(sessions[zero + tau]).cast(pl.Date),
                "realized_return": own[treated],
                "synthetic_return": own[treated] - abnormal,
                "abnormal_return": abnormal,
                "car": pl.Series(during).fill_nan(None),
            }
        ),
        car=car,
        before=before,
        after=after,
        ratio=ratio,
        p_value=_rank(ratio, judges["ratio"]),
        p_car=_rank(abs(car), judges["car"].abs()),
        placebos=table,
        dropped=pl.DataFrame(reasons, schema={"symbol": pl.String, "reason": pl.String}, orient="row"),
        notes=tuple(notes),
    )


def _rank(value: float | None, others: pl.Series) -> float | None:
    if value is None or not len(others):
        return None
    return (1.0 + int((others >= value * (1.0 - 1e-12)).sum())) / (1.0 + len(others))
