"""Bounds on target weights: by name, group and turnover; neutral to exposures; at a target volatility.

Each function takes and returns a ``weights`` table; they are applied one after another, and a later one may break an earlier one's bound
(a cap by name after neutrality leaves a remainder), so the bound that must hold comes last.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.schemas import WEIGHTS
from research.errors import SchemaError, UsageError

__all__ = ["cap_groups", "cap_names", "cap_turnover", "long_only", "neutral", "target_volatility"]

Floats = npt.NDArray[np.float64]


def long_only(weights: pl.DataFrame) -> pl.DataFrame:
    """Return the weights with negative ones set to zero (their rows stay, so that what is held of them is sold)."""
    return WEIGHTS.validate(weights).with_columns(pl.col("weight").clip(lower_bound=0.0)).sort("session", "symbol")


def cap_names(weights: pl.DataFrame, cap: float, *, redistribute: bool = False) -> pl.DataFrame:
    """Bound the absolute weight of every name by ``cap``.

    Parameters
    ----------
    weights
        The ``weights`` table.
    cap
        Largest absolute weight, a fraction of net asset value.
    redistribute
        Give what was cut to the names of the same side that are below the cap, in proportion to their weights, until all of it is placed
        or every name of the side is at the cap. Otherwise it stays in cash.

    Raises
    ------
    UsageError
        For a cap that is not positive.
    """
    _positive("cap", cap)
    frame = WEIGHTS.validate(weights).sort("session", "symbol")
    if not redistribute:
        return frame.with_columns(pl.col("weight").clip(-cap, cap))
    sessions, symbols, matrix, stated = _dense(frame)
    for sign in (1.0, -1.0):
        side = np.maximum(sign * matrix, 0.0)
        total = side.sum(axis=1, keepdims=True)
        held = np.minimum(side, cap)
        # Each pass fills at least one more name of a session up to the cap.
        for _ in range(len(symbols)):
            free = np.where((held < cap) & (side > 0), held, 0.0)
            room, left = free.sum(axis=1, keepdims=True), total - held.sum(axis=1, keepdims=True)
            if not ((left > 1e-15) & (room > 0)).any():
                break
            grown = free * np.divide(left, room, out=np.zeros_like(left), where=room > 0)
            held = np.minimum(held + grown, cap)
        matrix = np.where(side > 0, sign * held, matrix)
    return _table(sessions, symbols, matrix, stated)


def cap_groups(weights: pl.DataFrame, groups: pl.DataFrame, cap: float) -> pl.DataFrame:
    """Scale the names of a group down where their absolute weights add up to more than ``cap``.

    Parameters
    ----------
    weights
        The ``weights`` table.
    groups
        Columns ``symbol, group`` (a sector, a country), one row a symbol. A name without a group is left as it is.
    cap
        Largest sum of absolute weights of a group in a session.

    Raises
    ------
    UsageError
        For a cap that is not positive, or a symbol of two groups.
    """
    _positive("cap", cap)
    known = groups.select("symbol", _group="group").unique()
    if known["symbol"].is_duplicated().any():
        twice = known.filter(known["symbol"].is_duplicated())["symbol"][0]
        raise UsageError(f"{twice} stands in two groups; expected one row a symbol.")
    frame = WEIGHTS.validate(weights).join(known, on="symbol", how="left").sort("session", "symbol")
    total = pl.col("weight").abs().sum().over("session", "_group")
    scale = pl.when(pl.col("_group").is_not_null() & (total > cap)).then(cap / total).otherwise(1.0)
    return frame.with_columns(weight=pl.col("weight") * scale).drop("_group")


def cap_turnover(weights: pl.DataFrame, cap: float) -> pl.DataFrame:
    r"""Move from one session's weights to the next one's targets only as far as ``cap`` allows.

    .. math:: w_t = w_{t-1} + \min\Bigl(1, \frac{c}{\sum |g_t - w_{t-1}|}\Bigr) (g_t - w_{t-1})

    with the targets *g* of each session that has any, and :math:`w = 0` before the first. Both sides count; drift between the two is not
    seen.

    Raises
    ------
    UsageError
        For a cap that is not positive.
    """
    _positive("cap", cap)
    sessions, symbols, matrix, stated = _dense(WEIGHTS.validate(weights).sort("session", "symbol"))
    held = np.zeros(len(symbols))
    for t in range(len(sessions)):
        move = matrix[t] - held
        total = np.abs(move).sum()
        # A name that is still being sold has a row, although its target has none.
        stated[t] |= held != 0
        held = matrix[t].copy() if total <= cap else held + move * (cap / total)
        matrix[t] = held
    return _table(sessions, symbols, matrix, stated)


def neutral(weights: pl.DataFrame, exposures: pl.DataFrame | None = None, *, dollar: bool = True) -> pl.DataFrame:
    """Take out what the weights have in common with exposures, session by session, and scale back to the gross they had.

    The weights become the residual of a least-squares regression on the exposures, so their product with each exposure sums to zero.

    Parameters
    ----------
    weights
        The ``weights`` table.
    exposures
        ``symbol`` or ``session, symbol``, and one column an exposure: a number (a beta), or a string (a sector), which stands for one
        indicator a value. A name without an exposure gets weight zero, since what it would bring is not known.
    dollar
        Also make the weights of a session sum to zero.

    Raises
    ------
    UsageError
        When there is nothing to be neutral to.
    SchemaError
        For exposures without ``symbol``, or an exposure that is neither number nor text.
    """
    frame = WEIGHTS.validate(weights).sort("session", "symbol")
    names = [] if exposures is None else [name for name in exposures.columns if name not in ("session", "symbol")]
    if not names and not dollar:
        raise UsageError("neutral() came without exposures and with dollar=False; expected something to be neutral to.")
    if exposures is not None:
        if "symbol" not in exposures.columns:
            raise SchemaError("exposures", "symbol", f"columns {', '.join(exposures.columns)}", "a column symbol")
        keys = ["session", "symbol"] if "session" in exposures.columns else ["symbol"]
        frame = frame.join(exposures, on=keys, how="left", maintain_order="left")
    columns = []
    for name in names:
        if frame.schema[name] == pl.String:
            columns += [(pl.col(name) == value).cast(pl.Float64) for value in frame[name].unique().drop_nulls().sort().to_list()]
        elif frame.schema[name].is_numeric():
            columns.append(pl.col(name).cast(pl.Float64))
        else:
            raise SchemaError("exposures", name, str(frame.schema[name]), "numbers, or text for groups")
    known = pl.all_horizontal(pl.col("weight").is_not_null(), *[pl.col(name).is_not_null() for name in names])
    design = frame.select(
        *[c.fill_null(0.0).alias(str(k)) for k, c in enumerate(columns)], *([(pl.col("weight") * 0 + 1).alias("one")] if dollar else [])
    )
    usable = frame.select(known.alias("known"))["known"].to_numpy()
    x, w = design.to_numpy(), frame["weight"].to_numpy()
    out = np.zeros(len(w))
    starts = frame.with_row_index("_row").group_by("session").agg(pl.col("_row").min(), n=pl.len()).sort("session")
    for start, n in zip(starts["_row"], starts["n"], strict=True):
        rows = np.arange(start, start + n)[usable[start : start + n]]
        rest = w[rows] - x[rows] @ np.linalg.lstsq(x[rows], w[rows], rcond=None)[0] if len(rows) else w[rows]
        gross, left = np.abs(w[start : start + n]).sum(), np.abs(rest).sum()
        # What is left of a book that was all exposure is rounding noise, not a position.
        out[rows] = rest * (gross / left) if left > 1e-9 * gross else 0.0
    return frame.select("session", "symbol", weight=pl.Series(out))


def target_volatility(
    weights: pl.DataFrame, returns: pl.DataFrame, target: float, *, periods: int = 252, window: int = 60, max_gross: float = 1.0
) -> pl.DataFrame:
    r"""Scale each session's weights to a volatility forecast of ``target`` a year.

    .. math:: \hat\sigma_t^2 = \frac{P}{W - 1} \sum_{k=0}^{W-1} \Bigl(\sum_i w_{it} r_{i,t-k} - \overline{w_t' r}\Bigr)^2

    the sample variance of what the weights would have returned in the last W sessions, that of the decision included.

    Parameters
    ----------
    weights
        The ``weights`` table.
    returns
        ``session, symbol, realized_return``, as :func:`research.prices.returns` gives; a missing one counts as zero.
    target
        Volatility a year, a fraction.
    periods, window
        Sessions a year, P, and sessions looked back, W.
    max_gross
        Bound of the gross; where fewer than W sessions are known, or the forecast is zero, the weights are scaled to no more than it.

    Raises
    ------
    UsageError
        For a target, window or bound that is not positive.
    """
    _positive("target", target)
    _positive("max_gross", max_gross)
    if window < 2:
        raise UsageError(f"window came as {window}; expected at least 2 sessions.")
    frame = WEIGHTS.validate(weights).sort("session", "symbol")
    sessions, symbols, matrix, stated = _dense(frame)
    days = returns["session"].unique().sort()
    wide = np.zeros((len(days), len(symbols)))
    known = returns.filter(pl.col("symbol").is_in(symbols)).drop_nulls("realized_return")
    row = np.searchsorted(days.to_physical().to_numpy(), known["session"].to_physical().to_numpy())
    wide[row, known["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy().astype(np.int64)] = known["realized_return"].to_numpy()
    numbers = days.to_list()
    for t, session in enumerate(sessions):
        end = int(np.searchsorted(np.array(numbers, "datetime64[D]"), np.datetime64(session, "D"), side="right"))
        gross = np.abs(matrix[t]).sum()
        bound = max_gross / gross if gross > 0 else 0.0
        sigma = float((wide[end - window : end] @ matrix[t]).std(ddof=1)) * np.sqrt(periods) if end >= window else 0.0
        matrix[t] *= min(target / sigma, bound) if sigma > 1e-12 else min(1.0, bound)
    return _table(sessions, symbols, matrix, stated)


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise UsageError(f"{name} came as {value}; expected a positive fraction of net asset value.")


def _dense(frame: pl.DataFrame) -> tuple[list[date], list[str], Floats, npt.NDArray[np.bool_]]:
    """Return sessions, symbols, the weights as a matrix, and which cells have a row."""
    sessions, symbols = frame["session"].unique().sort(), frame["symbol"].unique().sort().to_list()
    row = np.searchsorted(sessions.to_physical().to_numpy(), frame["session"].to_physical().to_numpy())
    col = frame["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy().astype(np.int64)
    matrix, stated = np.zeros((len(sessions), len(symbols))), np.zeros((len(sessions), len(symbols)), dtype=bool)
    matrix[row, col], stated[row, col] = frame["weight"].to_numpy(), True
    return sessions.to_list(), symbols, matrix, stated


def _table(sessions: list[date], symbols: list[str], matrix: Floats, stated: npt.NDArray[np.bool_]) -> pl.DataFrame:
    row, col = np.nonzero(stated)
    frame = {
        "session": pl.Series(sessions, dtype=pl.Date).gather(row),
        "symbol": pl.Series(symbols, dtype=pl.String).gather(col),
        "weight": matrix[row, col],
    }
    return WEIGHTS.validate(pl.DataFrame(frame))
