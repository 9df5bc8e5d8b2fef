"""Features as polars expressions over a :func:`signals.panel.panel`: each uses a symbol's own rows up to and including its session.

The panel has one row for every session of a symbol, so a window of *n* rows is a window of *n* sessions.
"""

from __future__ import annotations

import polars as pl

from research.errors import UsageError

__all__ = [
    "abnormal_count",
    "agreement",
    "attention_trend",
    "bullishness",
    "change",
    "crossover",
    "decayed_mean",
    "decayed_ratio",
    "decayed_sum",
    "disagreement",
    "dispersion",
    "highest",
    "last",
    "lowest",
    "ratio",
    "rolling_sum",
    "sessions_since",
    "surprise",
]

# After 40 half-lives a weight is 1e-12 of itself: what is left is rounding error, not a view.
_FADED = 1e-12


def decayed_sum(column: str | pl.Expr, half_life: float) -> pl.Expr:
    r"""Return :math:`s_t = \sum_{k \ge 0} 2^{-k/H} x_{t-k}` with ``H = half_life`` sessions; a null counts as 0.

    ``column`` is a name or an expression of a row, such as ``pl.col("net_tone") - pl.col("novel_tone")``.

    >>> frame = pl.DataFrame({"symbol": ["A"] * 3, "session": [1, 2, 3], "x": [1.0, 0.0, 4.0]})
    >>> frame.select(decayed_sum("x", half_life=1))["x"].to_list()
    [1.0, 0.5, 4.25]
    """
    decay = _decay(half_life)
    # ewm_mean divides by the sum of the weights, which is a geometric series in the number of rows so far.
    rows = pl.int_range(1, pl.len() + 1)
    mass = (1 - pl.lit(decay).pow(rows)) / (1 - decay)
    return _over(_mean(_value(column).fill_null(0.0), decay) * mass)


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


def decayed_ratio(top: str, bottom: str, half_life: float) -> pl.Expr:
    r"""Return :math:`\sum_k 2^{-k/H} a_{t-k} / \sum_k 2^{-k/H} b_{t-k}`, ``a = top`` and ``b = bottom >= 0``; a null counts as 0.

    Null until ``bottom`` is first above 0, and again when all of it is more than 40 half-lives old. With ``net_tone`` over
    ``tone_weight`` every document weighs what it weighs, however many share its session.

    >>> frame = pl.DataFrame({"symbol": ["A"] * 3, "session": [1, 2, 3], "a": [0.0, 1.0, 3.0], "b": [0.0, 2.0, 3.0]})
    >>> frame.select(decayed_ratio("a", "b", half_life=1))["a"].to_list()
    [None, 0.5, 0.875]
    """
    decay = _decay(half_life)
    above, below = (_mean(pl.col(name).fill_null(0.0), decay) for name in (top, bottom))
    return _over(pl.when(below > _FADED).then(above / below).alias(top))


def crossover(top: str, bottom: str, fast: float, slow: float) -> pl.Expr:
    """Return :func:`decayed_ratio` of a short half-life minus that of a long one: is the recent tone above the usual? Nulls as there."""
    return decayed_ratio(top, bottom, fast) - decayed_ratio(top, bottom, slow)


def last(column: str, within: int | None = None) -> pl.Expr:
    """Return the latest known value: a reading that stays true until the next one, such as the last tone.

    Null before the first value and, with ``within``, when the latest is that many sessions old or older.
    """
    if within is not None:
        _window(within)
    return _over(pl.col(column).forward_fill(None if within is None else within - 1))


def change(column: str, window: int) -> pl.Expr:
    """Return the value minus the value ``window`` sessions before; null while there is none."""
    _window(window)
    return _over(pl.col(column) - pl.col(column).shift(window))


def rolling_sum(column: str | pl.Expr, window: int) -> pl.Expr:
    """Return the sum over the last ``window`` sessions, fewer at the start; a null counts as 0."""
    _window(window)
    return _over(_sum(_value(column), window))


def ratio(top: str, bottom: str, window: int) -> pl.Expr:
    """Return the sum of ``top`` over that of ``bottom`` in the last ``window`` sessions: a mean by document or a share of documents.

    Fewer sessions at the start; a null counts as 0; null where ``bottom`` sums to 0.
    """
    _window(window)
    above, below = (_sum(pl.col(name), window) for name in (top, bottom))
    return _over(pl.when(below > _FADED).then(above / below).alias(top))


def dispersion(column: str, window: int) -> pl.Expr:
    """Return the standard deviation (ddof 1) of the non-null values of the last ``window`` sessions; null below two values."""
    _window(window)
    return _over(pl.col(column).rolling_std(window, min_samples=2))


def highest(column: str, window: int) -> pl.Expr:
    """Return the highest non-null value of the last ``window`` sessions; null without one."""
    _window(window)
    return _over(pl.col(column).rolling_max(window, min_samples=1))


def lowest(column: str, window: int) -> pl.Expr:
    """Return the lowest non-null value of the last ``window`` sessions; null without one."""
    _window(window)
    return _over(pl.col(column).rolling_min(window, min_samples=1))


def surprise(column: str, window: int, min_samples: int = 3) -> pl.Expr:
    """Return the value minus the mean of the non-null values of the ``window`` sessions *before* it.

    Null where the value is null or fewer than ``min_samples`` came before.
    """
    _window(window)
    usual = pl.col(column).shift(1).rolling_mean(window, min_samples=min_samples)
    return _over(pl.col(column) - usual)


def disagreement(window: int) -> pl.Expr:
    r"""Return :math:`\sqrt{\sum w s^2 / \sum w - (\sum w s / \sum w)^2}` over the documents of the last ``window`` sessions.

    The weighted standard deviation of their tone, from the panel's ``tone_square, net_tone, tone_weight``; null without a document.
    """
    _window(window)
    weight = _sum(pl.col("tone_weight"), window)
    mean, square = _sum(pl.col("net_tone"), window) / weight, _sum(pl.col("tone_square"), window) / weight
    # Of equal tones rounding leaves a variance near 1e-15 on either side of 0, whose root would be seen.
    variance = square - mean**2
    spread = pl.when(variance > _FADED).then(variance).otherwise(0.0).sqrt()
    return _over(pl.when(weight > _FADED).then(spread).alias("disagreement"))


def agreement(window: int) -> pl.Expr:
    r"""Return :math:`1 - \sqrt{1 - ((P - N) / (P + N))^2}` with the positive and negative documents of the last ``window`` sessions.

    1 = all on one side, 0 = as many on each (Antweiler & Frank 2004, "Is All That Talk Just Noise?"). Null without either.
    """
    _window(window)
    positive, negative = (_sum(pl.col(name), window) for name in ("n_positive", "n_negative"))
    balance = (positive - negative) / (positive + negative)
    return _over(pl.when(positive + negative > 0).then(1 - (1 - balance**2).sqrt()).alias("agreement"))


def bullishness(window: int) -> pl.Expr:
    r"""Return :math:`\ln \frac{1 + P}{1 + N}` with the positive and negative documents of the last ``window`` sessions; never null.

    Antweiler & Frank (2004): a balance of opinion that grows with the number of opinions.
    """
    _window(window)
    positive, negative = (_sum(pl.col(name), window) for name in ("n_positive", "n_negative"))
    return _over(((1 + positive) / (1 + negative)).log().alias("bullishness"))


def attention_trend(column: str, short: int, long: int) -> pl.Expr:
    r"""Return :math:`\ln \frac{1 + \bar x_{short}}{1 + \bar x_{long}}` with means of the last sessions.

    Fewer sessions at the start; a null counts as 0.
    """
    _window(short)
    if long <= short:
        raise UsageError(f"long came as {long} with short {short}; expected a longer window.")
    recent, usual = (pl.col(column).fill_null(0.0).rolling_mean(n, min_samples=1) for n in (short, long))
    return _over(((1 + recent) / (1 + usual)).log())


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


def _sum(value: pl.Expr, window: int) -> pl.Expr:
    return value.fill_null(0.0).rolling_sum(window, min_samples=1)


def _value(column: str | pl.Expr) -> pl.Expr:
    return pl.col(column) if isinstance(column, str) else column


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
