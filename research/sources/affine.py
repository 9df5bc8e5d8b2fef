"""Factors out of prices that were adjusted by adding cash, as Eastmoney adjusts them.

Its back-adjusted (``hfq``) prices are not prices times a factor but an affine map of the raw ones,

.. math:: H_t = a_t P_t + b_t

where *a* grows with bonus shares and *b* with cash, so that the ratio *H/P* moves on ordinary days too and returns computed from it are
damped. :func:`total_return_factor` recovers the map of each stretch between two distributions and from it the reference price after a
distribution, which is what the factor needs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["total_return_factor"]

#: a session this many standard deviations off the line of its stretch begins a new one
_DEVIATIONS = 4.5

#: how far the slope may lie from the guess, relative: bonus issues change it by tens of percent
_SLOPE_SPREAD = 0.5


def total_return_factor(raw: NDArray[np.float64], back_adjusted: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return the cumulative total-return factor, 1.0 at the first session, from raw and affinely back-adjusted prices.

    1. Sessions are gone through in order; a session joins the stretch before it when its prices lie on the stretch's line
       :math:`H = aP + b` up to the rounding of both (a stretch too flat to tell its slope borrows the one before);
    2. where they do not, a new stretch begins: a distribution went ex. Its line, inverted at the last adjusted close, is the reference
       price :math:`R = (H_{t-1} - b_t)/a_t`, and the factor grows by :math:`P_{t-1}/R`.

    Prices adjusted by a factor alone are the case *b* = 0. A distribution smaller than the rounding of the prices is not seen.

    Parameters
    ----------
    raw, back_adjusted
        Prices of one symbol, shape (sessions, 4), same order in both, the close in the last column; no NaN.

    Returns
    -------
    ndarray
        Shape (sessions,).

    Examples
    --------
    A cash dividend of 1 at a close of 10, adjusted by adding it: the reference is 9, the factor 10/9.

    >>> raw = np.array([[10.0, 10.2, 9.8, 10.1], [10.1, 10.1, 9.7, 10.0], [9.0, 9.3, 8.9, 9.2]])
    >>> total_return_factor(raw, raw + np.array([[0.0], [0.0], [1.0]])).round(4).tolist()
    [1.0, 1.0, 1.1111]
    """
    count = len(raw)
    factor = np.ones(count)
    if count == 0:
        return factor
    # Variance of a rounded number: its tick squared over 12. The slope is near the ratio, which stands in until it is known.
    tick, step = _tick(raw), _tick(back_adjusted)
    # (Back-adjusted prices that are not positive are the vendor's slip, and do occur.)
    ratio = float(np.median(back_adjusted / raw))
    ratio = ratio if ratio > 0 else 1.0
    noise = (ratio**2 * tick**2 + step**2) / 12
    lines = [_Line(ratio, noise)]
    begins = [0]
    for now in range(count):
        if now and lines[-1].misfit(raw[now], back_adjusted[now]) > _DEVIATIONS:
            lines.append(_Line(lines[-1].slope, noise))
            begins.append(now)
        lines[-1].add(raw[now], back_adjusted[now])
    for now, line in zip(begins[1:], lines[1:], strict=True):
        reference = line.inverse(back_adjusted[now - 1, 3])
        close = raw[now - 1, 3]
        # Less than a tick is rounding, not a distribution.
        if reference > 0 and abs(reference - close) > 0.75 * tick:
            factor[now:] *= close / reference
    return factor


class _Line:
    """Least squares of adjusted on raw prices, updated row by row, with a slope expected near ``guess`` until the data tell it."""

    def __init__(self, guess: float, noise: float) -> None:
        self.guess, self.noise, self.weight = guess, noise, noise / (_SLOPE_SPREAD * guess) ** 2
        self.count, self.x, self.y, self.xx, self.xy = 0, 0.0, 0.0, 0.0, 0.0

    def add(self, prices: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Update the means and the centred sums (Welford)."""
        for price, value in zip(prices.tolist(), values.tolist(), strict=True):
            self.count += 1
            away = price - self.x
            self.x += away / self.count
            self.y += (value - self.y) / self.count
            self.xx += away * (price - self.x)
            self.xy += away * (value - self.y)

    @property
    def slope(self) -> float:
        """The slope, between the guess and the data by the evidence there is."""
        return (self.xy + self.weight * self.guess) / (self.xx + self.weight)

    def inverse(self, value: float) -> float:
        """Return the raw price that maps to ``value``."""
        return float(self.x + (value - self.y) / self.slope)

    def misfit(self, prices: NDArray[np.float64], values: NDArray[np.float64]) -> float:
        """Return how many standard deviations of the prediction the row's mean lies off the line."""
        away = float(prices.mean()) - self.x
        miss = abs(float(values.mean()) - self.y - self.slope * away)
        # Equal prices are rounded alike: only different ones average out.
        variance = self.noise * (1 / len(set(prices.tolist())) + 1 / self.count + away**2 / (self.xx + self.weight))
        return miss / math.sqrt(variance)


def _tick(prices: NDArray[np.float64]) -> float:
    return 0.01 if bool(np.all(np.abs(prices * 100 - np.round(prices * 100)) < 1e-6)) else 0.001
