"""From dated events to target weights: an entry on each, held for some sessions, its weight decaying."""

from __future__ import annotations

import numpy as np
import polars as pl

from backtests.schemas import WEIGHTS
from research.errors import SchemaError, UsageError

__all__ = ["event_weights"]


def event_weights(
    entries: pl.DataFrame,
    sessions: pl.Series,
    *,
    holding: int,
    half_life: float | None = None,
    gross: float = 1.0,
    size: float | None = None,
    long_only: bool = False,
) -> pl.DataFrame:
    r"""Hold each event's name for ``holding`` sessions from the one its entry is decided in.

    A name's view on session *t* is

    .. math:: v_t = \sum_{e:\ 0 \le t - t_e < H} s_e\, 2^{-(t - t_e) / \lambda}

    over its entries *e* with score *s*, in sessions; overlapping entries add up.

    Parameters
    ----------
    entries
        Columns ``session, symbol, score``: the session an entry is decided in, and its signed strength. Two entries of one session and
        symbol add up; a null score is no view.
    sessions
        The sessions of the market, ascending, as :func:`research.sessions` lists them.
    holding
        H, in sessions.
    half_life
        λ, in sessions; None for no decay.
    gross
        Sum of absolute weights while anything is held; its bound when ``size`` is given.
    size
        Weight of a unit of view; views that add up to more than ``gross`` are scaled down to it. None scales them to it always.
    long_only
        Leave negative entries out.

    Returns
    -------
    The ``weights`` table, rows on every session from the first entry on: a name that is let go has a row of zero on the session after its
    last one.

    Raises
    ------
    UsageError
        For a holding below one session, a half-life, gross or size that is not positive, or an entry of a day that is no session.
    SchemaError
        For a missing column or a score that is not finite.

    Examples
    --------
    >>> from datetime import date
    >>> days = pl.Series([date(2025, 1, day) for day in (2, 3, 6, 7)])
    >>> entries = pl.DataFrame({"session": days[:1], "symbol": ["A"], "score": [2.0]})
    >>> event_weights(entries, days, holding=2, size=0.05)["weight"].to_list()
    [0.1, 0.1, 0.0]
    """
    for name, value, least in (("holding", holding, 1), ("gross", gross, 0), ("half_life", half_life, 0), ("size", size, 0)):
        if value is not None and not (value >= least and value > 0):
            raise UsageError(f"{name} came as {value}; expected {'at least 1 session' if least else 'a positive number'}.")
    for name in ("session", "symbol", "score"):
        if name not in entries.columns:
            raise SchemaError("entries", name, f"columns {', '.join(entries.columns) or '(none)'}", f"a column {name}")
    entries = entries.select("session", "symbol", pl.col("score").cast(pl.Float64)).drop_nulls("score")
    if not entries["score"].is_finite().all():
        example = entries.filter(~pl.col("score").is_finite()).row(0, named=True)
        raise SchemaError("entries", "score", "a value that is not finite", "finite numbers; missing is null, never NaN", example)
    if long_only:
        entries = entries.filter(pl.col("score") > 0)
    days = sessions.unique().sort()
    odd = entries.filter(~pl.col("session").is_in(days.implode()))
    if odd.height:
        raise UsageError(
            f"{odd.height} entries are of days that are no session ({odd['session'][0]}); "
            "expected the session an entry is decided in: the first whose close is after the event became available."
        )
    if entries.is_empty():
        return WEIGHTS.empty()
    symbols = entries["symbol"].unique().sort()
    row = np.searchsorted(days.to_physical().to_numpy(), entries["session"].to_physical().to_numpy())
    col = entries["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy().astype(np.int64)
    score = entries["score"].to_numpy()
    view, live = np.zeros((len(days), len(symbols))), np.zeros((len(days), len(symbols)), dtype=bool)
    for k in range(holding):
        inside = row + k < len(days)
        at = row[inside] + k, col[inside]
        np.add.at(view, at, score[inside] * (1.0 if half_life is None else 2.0 ** (-k / half_life)))
        live[at] = True
    total = np.abs(view).sum(axis=1, keepdims=True)
    scale = np.divide(gross, total, out=np.zeros_like(total), where=total > 0)
    weight = view * (scale if size is None else np.minimum(size, scale))
    stated = live.copy()
    stated[1:] |= live[:-1]
    r, c = np.nonzero(stated)
    frame = pl.DataFrame({"session": days.gather(r), "symbol": symbols.gather(c), "weight": weight[r, c]})
    return WEIGHTS.validate(frame.sort("session", "symbol"))
