"""What is known of a name's liquidity before a session (volume, amount, volatility), and the cap, spread and impact it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.rules import Rules

__all__ = ["WINDOW", "Liquidity", "known_before", "trailing_mean"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: sessions a trailing figure looks back
WINDOW = 20
#: fewest returns a volatility is computed from
_LEAST = 10


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Half spread (fraction), impact of a share's square root (fraction), volume cap (shares); rows by names, or one row for all.

    ``unknown`` is the share of tradable cells whose volume was asked for and is not known.
    """

    half: Floats
    impact: Floats
    cap: Floats
    unknown: float


def known_before(
    matrix: Callable[..., Floats],
    trades: Bools,
    close: Floats,
    factor: Floats,
    home: Ints,
    markets: tuple[tuple[Rules, Costs], ...],
    execution: Execution,
    lead: int,
) -> Liquidity:
    """Return what the costs and the execution need to know of each name's liquidity.

    Parameters
    ----------
    matrix
        Returns a column of the bars as a matrix with ``lead`` rows before the first one; its second argument picks bars.
    trades
        Which of those bars traded.
    close, factor
        Closes and factors, likewise with ``lead`` rows more.
    home, markets, execution
        See :func:`backtests.layout.layout_of`.
    lead
        Rows before the first fill.
    """
    m = close.shape[1]
    costs = [markets[k][1] for k in home]
    half = np.array([[c.half_spread * 1e-4 for c in costs]])
    impact, cap = np.zeros((1, m)), np.full((1, m), np.inf)
    tiered, impacted = any(c.spread_tiers for c in costs), any(c.impact > 0 for c in costs)
    if not (tiered or impacted or execution.participation is not None):
        return Liquidity(half, impact, cap, 0.0)
    volume = matrix("volume", trades)
    # Counted in units, so that a split changes nothing.
    daily = trailing_mean(volume / factor, lead) * factor[lead:]
    if tiered:
        paid = matrix("amount", trades)
        amount = trailing_mean(np.where(np.isnan(paid), volume * close, paid), lead)
        half = np.repeat(half, len(amount), axis=0)
        for col, c in enumerate(costs):
            for least, points in reversed(c.spread_tiers):
                half[amount[:, col] >= least, col] = points * 1e-4
    if impacted:
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = _volatility(close * factor, lead) / np.sqrt(daily)
        impact = np.where(np.isfinite(scale), scale, 0.0) * np.array([c.impact for c in costs])
    if execution.participation is not None:
        cap = execution.participation * (daily if execution.volume == "trailing" else volume[lead:])
    tradable = np.isfinite(close[lead:])
    unknown = float(np.mean(~np.isfinite(daily)[tradable])) if tradable.any() else 0.0
    return Liquidity(half, impact, cap, unknown)


def trailing_mean(values: Floats, lead: int) -> Floats:
    """Return, for each row from ``lead`` on, the mean of the finite values of the 20 rows before it; NaN where there is none."""
    total, count = _sums(np.nan_to_num(values), lead), _sums(np.isfinite(values).astype(np.float64), lead)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)


def _sums(values: Floats, lead: int) -> Floats:
    """Return the sums of the 20 rows before each row from ``lead`` on; summed from the top, so that later rows change nothing."""
    sums = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    rows = np.arange(lead, len(values))
    out: Floats = sums[rows] - sums[np.maximum(rows - WINDOW, 0)]
    return out


def _volatility(level: Floats, lead: int) -> Floats:
    """Return the standard deviation (n - 1) of the returns, trade to trade, of the 20 rows before each row; NaN below ten of them."""
    rows = np.where(np.isfinite(level), np.arange(len(level))[:, None], -1)
    last = np.vstack([np.full((1, level.shape[1]), -1), np.maximum.accumulate(rows, axis=0)[:-1]])
    before = np.where(last >= 0, np.take_along_axis(level, np.maximum(last, 0), axis=0), np.nan)
    change = level / before - 1
    known = np.isfinite(change)
    change = np.where(known, change, 0.0)
    count, total, square = _sums(known.astype(np.float64), lead), _sums(change, lead), _sums(change**2, lead)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (square - total**2 / count) / (count - 1)
    return np.where(count >= _LEAST, np.sqrt(np.maximum(variance, 0.0)), np.nan)
