"""Daily bars of the embedded market: a factor model with planted returns, traded under the rules of an exchange.

1. ``factors`` draws one return a calendar date for each market, correlated across markets.
2. ``simulate`` adds beta, idiosyncratic and planted parts into the return each instrument *would* have,
   ``r = beta * market + noise * idiosyncratic + planted`` (simple returns, so abnormal returns add up to what was planted).
3. ``traded`` turns the desired prices into closes: within the day's price limit, and flat while suspended. What a limit or a suspension
   held back is paid on the following days, because each close again aims at the desired price.
4. Opens split the day into an overnight and an intraday part; highs and lows enclose both.

Prices are not rounded to ticks: rounding would blur the planted returns. Price limits are, as the exchanges publish them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.schemas import BARS

__all__ = ["Listings", "factors", "simulate", "traded"]

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

#: standard deviation of the daily market return, and its correlation across markets, in the order mainland, Hong Kong, New York
_MARKET_STD = np.array([0.011, 0.012, 0.010])
_MARKET_CORRELATION = np.array([[1.0, 0.6, 0.2], [0.6, 1.0, 0.35], [0.2, 0.35, 1.0]])
_MARKET_DRIFT = 0.0003
_OVERNIGHT = 0.3  # share of a day's variance that falls between close and open
_LIMIT = 10  # main-board limit of the mainland exchanges in both directions, per cent


@dataclass(frozen=True, slots=True)
class Listings:
    """The instruments of one market, column by column, over its ``T`` sessions.

    ``beta`` and ``sigma`` are (N,): loading on the market return and daily standard deviation of the idiosyncratic part (0 for an index).
    ``planted`` is (T, N): abnormal simple return added on a session. ``open_share`` is (T, N): which part of it is already in the open
    (0 where the news came during the session). ``suspended`` is (T, N). ``payout`` is (T, N): dividend going ex, as a fraction of the
    previous close. ``last`` is (N,): index of the last session with a bar. ``limited`` says whether price limits apply.
    """

    symbols: tuple[str, ...]
    currency: str
    first_price: Floats
    beta: Floats
    sigma: Floats
    planted: Floats
    open_share: Floats
    suspended: Flags
    payout: Floats
    last: NDArray[np.int64]
    limited: bool


def factors(n_dates: int, rng: np.random.Generator) -> Floats:
    """Return market returns, shape (n_dates, 3): mainland, Hong Kong, New York."""
    root = np.linalg.cholesky(_MARKET_CORRELATION)
    return np.asarray(_MARKET_DRIFT + (rng.standard_normal((n_dates, 3)) @ root.T) * _MARKET_STD, dtype=np.float64)


def traded(desired: Floats, factor: Floats, suspended: Flags, limit: int | None) -> tuple[Floats, Floats, Floats]:
    """Return closes and both limits when each session may only move within ``limit`` of its reference price.

    Parameters
    ----------
    desired
        (T, N) raw prices an exchange without limits and suspensions would show.
    factor
        (T, N) cumulative adjustment factor; the reference price of a session is ``close[t-1] * factor[t-1] / factor[t]``.
    suspended
        (T, N); a suspended session repeats the previous close.
    limit
        Whole per cent, or ``None`` for none. Limits are computed from the reference price in hundredths and rounded half up to 0.01.

    Returns
    -------
    close, limit_up, limit_down
        (T, N); limits are NaN on the first session, while suspended, and where there are none.
    """
    close = desired.copy()
    up = np.full_like(desired, np.nan)
    down = np.full_like(desired, np.nan)
    for t in range(1, len(desired)):
        reference = close[t - 1] * factor[t - 1] / factor[t]
        if limit is not None:
            # In whole hundredths: 10.05 x 1.1 is not 11.055 in binary.
            cents = np.rint(reference * 100).astype(np.int64)
            up[t], down[t] = (np.where(suspended[t], np.nan, (cents * (100 + way * limit) * 2 + 100) // 200 / 100) for way in (1, -1))
            close[t] = np.fmin(np.fmax(desired[t], down[t]), up[t])
        close[t] = np.where(suspended[t], close[t - 1], close[t])
    return close, up, down


def simulate(sessions: pl.DataFrame, market_return: Floats, listings: Listings, *, noise: float, rng: np.random.Generator) -> pl.DataFrame:
    """Return the ``bars`` table of one market.

    Parameters
    ----------
    sessions
        ``sessions`` table of the market, T rows in order.
    market_return
        (T,) return of the benchmark; the first is not used.
    listings
        Instruments; a benchmark index is one with ``beta`` 1 and ``sigma`` 0, simulated in a call of its own.
    noise
        Multiplies everything idiosyncratic; 0 leaves beta and planted returns only.
    """
    shape = listings.planted.shape
    sigma = listings.sigma
    width = np.where(sigma > 0, sigma, 0.006)  # of the day's range
    # Student t with 4 degrees of freedom has variance 2; the clip keeps a simple return above -1.
    idiosyncratic = np.clip(sigma * rng.standard_t(4, shape) / np.sqrt(2.0), -0.3, 0.3) + (
        _jumps(listings, rng) if listings.limited else 0.0
    )
    base = listings.beta * market_return[:, None] + noise * idiosyncratic
    base[0] = 0.0
    factor = np.cumprod(1.0 / (1.0 - listings.payout), axis=0)
    desired = listings.first_price * np.cumprod(1.0 + base + listings.planted, axis=0) / factor
    close, up, down = traded(desired, factor, listings.suspended, _LIMIT if listings.limited else None)

    reference = np.vstack([close[:1], close[:-1] * factor[:-1] / factor[1:]])
    whole = np.log(close / reference)
    planted = np.log1p(listings.planted / (1.0 + base))
    # Given the day's return, the overnight part of a random walk is normal around its share (a Brownian bridge).
    bridge = noise * sigma * np.sqrt(_OVERNIGHT * (1 - _OVERNIGHT)) * rng.standard_normal(shape)
    opening = reference * np.exp(_OVERNIGHT * (whole - planted) + bridge + listings.open_share * planted)
    opening = np.fmin(np.fmax(opening, down), up)
    high = np.fmin(np.maximum(opening, close) * np.exp(0.4 * width * np.abs(rng.standard_normal(shape))), up)
    low = np.fmax(np.minimum(opening, close) * np.exp(-0.4 * width * np.abs(rng.standard_normal(shape))), down)
    # Demand far beyond the limit: no trade anywhere but at the limit, and little of it.
    locked = (desired > up * 1.02) | (desired < down * 0.98)
    flat = locked | listings.suspended
    opening, high, low = (np.where(flat, close, price) for price in (opening, high, low))
    busy = np.exp(0.35 * rng.standard_normal(shape)) * (1 + 12 * np.abs(whole)) * np.where(locked, 0.1, 1.0)
    volume = np.where(listings.suspended, 0.0, np.round(3e8 / listings.first_price * busy / 100) * 100)

    frame = _long(
        sessions,
        listings.symbols,
        {
            "open": opening,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "adj_factor": factor,
            "limit_up": up,
            "limit_down": down,
        },
    )
    index = np.arange(len(market_return))[:, None]
    frame = frame.with_columns(
        amount=pl.col("volume") * (pl.col("high") + pl.col("low") + pl.col("close")) / 3,
        suspended=pl.Series(listings.suspended.T.ravel()),
        currency=pl.lit(listings.currency),
        source=pl.lit("synthetic"),
        _kept=pl.Series((index <= listings.last[None, :]).T.ravel()),
    )
    return BARS.validate(frame.filter("_kept").drop("_kept").select(*BARS.schema))


def _jumps(listings: Listings, rng: np.random.Generator) -> Floats:
    """Return a few jumps far beyond the price limit, before the first event: no planted return is held back by them."""
    n_sessions, n_names = listings.planted.shape
    jumps = np.zeros((n_sessions, n_names))
    for column in rng.permutation(n_names)[:6]:
        row = int(rng.integers(20, 240))
        if row < n_sessions and not listings.suspended[max(row - 3, 0) : row + 6, column].any():
            jumps[row, column] = rng.choice([-0.22, 0.25])
    return jumps


def _long(sessions: pl.DataFrame, symbols: tuple[str, ...], matrices: dict[str, Floats]) -> pl.DataFrame:
    days, closes = sessions["session"], sessions["close_at"]
    frame = pl.DataFrame(
        {
            "symbol": np.repeat(np.array(symbols), len(days)),
            "session": pl.concat([days] * len(symbols)),
            "available_at": pl.concat([closes] * len(symbols)),
            **{name: matrix.T.ravel() for name, matrix in matrices.items()},
        }
    )
    return frame.with_columns(pl.col(matrices).fill_nan(None))
