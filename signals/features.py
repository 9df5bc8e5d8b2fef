"""Features as polars expressions over a :func:`signals.panel.panel`: each uses a symbol's own rows up to and including its session.

The panel has one row for every session of a symbol, so a window of *n* rows is a window of *n* sessions.
"""

from __future__ import annotations

import polars as pl

from research.errors import UsageError

__all__ = ["abnormal_count", "change", "decayed_mean", "decayed_sum", "dispersion", "last", "rolling_sum", "sessions_since"]

# After 40 half-lives a weight is 1e-12 of itself: what is left is rounding error, not a view.
_FADED = 1e-12


def decayed_sum(column: str, half_life: float) -> pl.Expr:
    r"""Return :math:`s_t = \sum_{k \ge 0} 2^{-k/H} x_{t-k}` with ``H = half_life`` sessions; a null counts as 0.

    >>> frame = pl.DataFrame({"symbol": ["A"] * 3, "session": [1, 2, 3], "x": [1.0, 0.0, 4.0]})
    >>> frame.select(decayed_sum("x", half_life=1))["x"].to_list()
    [1.0, 0.5, 4.25]
    """
    decay = _decay(half_life)
    # ewm_mean divides by the sum of the weights, which is a geometric series in the number of rows so far.
    rows = pl.int_range(1, pl.len() + 1)
    mass = (1 - pl.lit(decay).pow(rows)) / (1 - decay)
    return _over((_mean(pl.col(column).fill_null(0.0), decay) * mass).alias(column))


def decayed_mean(column: str, half_life: float, weight: str | None = None) -> pl.Expr:
    r"""Return :math:`\sum_k 2^{-k/H} w_{t-k} x_{t-k} / \sum_k 2^{-k/H} w_{t-k}` over the rows where ``column`` is not null.

    Null until the first value, and again when every value is more than 40 half-lives old. ``weight`` names a column; equal weights
    without it.

    >>> frame = pl.DataFrame({"symbol": ["A"] * 4, "session": [1, 2, 3, 4], "x": [None, 1.0, None, 4.0]})
    >>> frame.select(decayed_mean("x", half_life=1))["x"].to_list()
    [None, 1.0, 1.0, 3.4]
    """
    decay = _decay(half_life)
    value = pl.col(column)
    mass = pl.when(value.is_not_null()).then(pl.lit(1.0) if weight is None else pl.col(weight)).otherwise(0.0)
    top, bottom = _mean((value.fill_null(0.0) * mass), decay), _mean(mass, decay)
    return _over(pl.when(bottom > _FADED).then(top / bottom).alias(column))


def last(column: str) -> pl.Expr:
    """Return the latest known value (null before the first): a reading that stays true until the next one, such as the last tone."""
    return _over(pl.col(column).forward_fill())


def change(column: str, window: int) -> pl.Expr:
    """Return the value minus the value ``window`` sessions before; null while there is none."""
    _window(window)
    return _over(pl.col(column) - pl.col(column).shift(window))


def rolling_sum(column: str, window: int) -> pl.Expr:
    """Return the sum over the last ``window`` sessions, fewer at the start; a null counts as 0."""
    _window(window)
    return _over(pl.col(column).fill_null(0.0).rolling_sum(window, min_samples=1))


def dispersion(column: str, window: int) -> pl.Expr:
    """Return the standard deviation (ddof 1) of the non-null values of the last ``window`` sessions; null below two values."""
    _window(window)
    return _over(pl.col(column).rolling_std(window, min_samples=2))


def abnormal_count(column: str, window: int) -> pl.Expr:
    """Return ``(x_t - mean) / sqrt(mean + 1)`` where the mean is over the ``window`` sessions *before* ``t``; null without history.

    Under a Poisson count the denominator is its standard deviation; the 1 keeps a symbol that is never in the news from exploding.
    """
    _window(window)
    usual = pl.col(column).shift(1).rolling_mean(window, min_samples=max(1, window // 2))
    return _over((pl.col(column) - usual) / (usual + 1).sqrt())


def sessions_since(column: str) -> pl.Expr:
    """Return how many sessions ago ``column`` was last above 0 (0 = in this session); null when it never was."""
    row = pl.int_range(pl.len()).cast(pl.Float64)
    latest = pl.when(pl.col(column) > 0).then(row).forward_fill()
    return _over((row - latest).alias(column))


def _mean(value: pl.Expr, decay: float) -> pl.Expr:
    return value.ewm_mean(alpha=1 - decay, adjust=True, ignore_nulls=False)


def _over(expression: pl.Expr) -> pl.Expr:
    return expression.over("symbol", order_by="session")


def _decay(half_life: float) -> float:
    if not half_life > 0:
        raise UsageError(f"half_life came as {half_life}; expected a positive number of sessions.")
    return float(0.5 ** (1 / half_life))


def _window(window: int) -> None:
    if window < 1:
        raise UsageError(f"window came as {window}; expected at least 1 session.")
