"""From a cross-sectional score to target weights.

A weight of session *t* is a fraction of net asset value, decided with what was known in session *t* and filled at the open
of the next session. On a session that has rows, a symbol without a row has target zero; a session without rows keeps what is held.
"""

from __future__ import annotations

import polars as pl

from backtests.schemas import WEIGHTS
from research.errors import SchemaError, UsageError
from research.table import in_order
from signals.transforms import sessions_at_once

__all__ = ["proportional_weights", "quantile_weights", "rank_weights"]


def quantile_weights(score: pl.DataFrame, quantiles: int = 5, gross: float = 1.0, long_only: bool = False) -> pl.DataFrame:
    """Hold the top quantile, short the bottom one, equally weighted.

    Parameters
    ----------
    score
        Columns ``session, symbol, score`` (further columns are ignored), one signal. A null score is no view and is dropped.
    quantiles
        Number of groups q. Of n names, floor(n / q) are in each group; ties are broken by symbol, so the result is the same
        whatever the order of the rows.
    gross
        Sum of absolute weights of a session: half long and half short, or all long.
    long_only
        Leave the bottom quantile out.

    Returns
    -------
    The ``weights`` table, non-zero rows only. A session with fewer than ``quantiles`` names, or whose scores are all equal,
    states no view: it has no rows, so holdings are kept.

    Raises
    ------
    UsageError
        For several signals in one frame, fewer than two quantiles (one, when long only), or a gross that is not positive.
    SchemaError
        For a missing column, a NaN score, or two rows of one session and symbol.

    Examples
    --------
    >>> from datetime import date
    >>> score = pl.DataFrame({"session": [date(2025, 1, 2)] * 4, "symbol": list("ABCD"), "score": [0.1, 2.0, -1.0, 0.5]})
    >>> quantile_weights(score, quantiles=4).select("symbol", "weight").rows()
    [('B', 0.5), ('C', -0.5)]
    """
    least, sides = (1, "a top") if long_only else (2, "a top and a bottom")
    if quantiles < least:
        raise UsageError(f"quantiles came as {quantiles}; expected at least {least}: {sides} group is held.")
    view = _view(score, gross)
    side = gross if long_only else gross / 2
    return _table(pl.concat([_ends_held(part, quantiles, side, long_only) for part in sessions_at_once(view)]))


def _ends_held(view: pl.DataFrame, quantiles: int, side: float, long_only: bool) -> pl.DataFrame:
    ranked = view.sort(["session", "score", "symbol"], descending=[False, True, False]).with_columns(
        _rank=pl.int_range(pl.len()).over("session"),
        _n=pl.len().over("session"),
        _size=pl.len().over("session") // quantiles,
        _spread=pl.col("score").max().over("session") - pl.col("score").min().over("session"),
    )
    in_top, in_bottom = pl.col("_rank") < pl.col("_size"), pl.col("_rank") >= pl.col("_n") - pl.col("_size")
    share = side / pl.col("_size")
    weight = pl.when(in_top).then(share).otherwise(0.0 if long_only else pl.when(in_bottom).then(-share).otherwise(0.0))
    held = ranked.filter((pl.col("_size") >= 1) & ((pl.col("_spread") > 0) | (pl.lit(quantiles) == 1)))
    return held.select("session", "symbol", weight=weight).filter(pl.col("weight") != 0)


def proportional_weights(score: pl.DataFrame, gross: float = 1.0, long_only: bool = False) -> pl.DataFrame:
    """Hold every name in proportion to its score.

    The weight is ``gross × s / Σ|s|`` with ``s`` the score minus the session's mean (so that longs and shorts offset), or the
    positive part of the score when long only. Input, errors and the meaning of absent rows are those of :func:`quantile_weights`;
    a session in which ``Σ|s|`` is zero has no rows.

    >>> from datetime import date
    >>> score = pl.DataFrame({"session": [date(2025, 1, 2)] * 3, "symbol": list("ABC"), "score": [3.0, 1.0, -1.0]})
    >>> proportional_weights(score).select("symbol", "weight").rows()
    [('A', 0.5), ('C', -0.5)]
    >>> proportional_weights(score, long_only=True).select("symbol", "weight").rows()
    [('A', 0.75), ('B', 0.25)]
    """
    view = _view(score, gross).sort("session", "symbol")
    part = pl.col("score").clip(lower_bound=0.0) if long_only else pl.col("score") - pl.col("score").mean().over("session")
    sized = view.with_columns(_part=part).with_columns(_total=pl.col("_part").abs().sum().over("session"))
    # A sum this far below the scores' own size is rounding noise of equal scores, not a view.
    noise = 1e-12 * pl.col("score").abs().max().over("session")
    return _table(sized.filter(pl.col("_total") > noise).with_columns(weight=gross * pl.col("_part") / pl.col("_total")))


def rank_weights(score: pl.DataFrame, gross: float = 1.0, long_only: bool = False) -> pl.DataFrame:
    """Hold every name in proportion to the rank of its score, so that outliers count no more than their place.

    With ranks 1 (lowest) to n, tied scores sharing the mean of theirs, the weight is ``gross × c / Σ|c|`` with *c* the rank less
    (n + 1) / 2, or the rank itself when long only. Input, errors and the meaning of absent rows are those of :func:`quantile_weights`;
    a session whose scores are all equal has no rows.

    >>> from datetime import date
    >>> score = pl.DataFrame({"session": [date(2025, 1, 2)] * 3, "symbol": list("ABC"), "score": [90.0, 1.0, -1.0]})
    >>> rank_weights(score).select("symbol", "weight").rows()
    [('A', 0.5), ('C', -0.5)]
    >>> rank_weights(score, gross=0.6, long_only=True).select("symbol", pl.col("weight").round(12)).rows()
    [('A', 0.3), ('B', 0.2), ('C', 0.1)]
    """
    view = _view(score, gross).sort("session", "symbol")
    rank = pl.col("score").rank("average").over("session")
    part = rank if long_only else rank - (pl.len().over("session") + 1) / 2
    spread = pl.col("score").max().over("session") - pl.col("score").min().over("session")
    sized = view.with_columns(_part=part, _spread=spread).filter(pl.col("_spread") > 0)
    return _table(sized.with_columns(weight=gross * pl.col("_part") / pl.col("_part").abs().sum().over("session")))


def _view(score: pl.DataFrame, gross: float) -> pl.DataFrame:
    if not gross > 0:
        raise UsageError(f"gross came as {gross}; expected a positive fraction of net asset value, such as 1.0.")
    for name, dtype in (("session", pl.Date), ("symbol", pl.String), ("score", pl.Float64)):
        if name not in score.columns:
            raise SchemaError("signals", name, f"columns {', '.join(score.columns) or '(none)'}", f"a column {name} ({dtype})")
        if score.schema[name] != dtype:
            raise SchemaError("signals", name, str(score.schema[name]), str(dtype))
    if "signal" in score.columns and score.select(pl.col("signal").n_unique()).item() > 1:
        names = ", ".join(sorted(score["signal"].unique().drop_nulls().to_list())[:5])
        raise UsageError(f"The score frame holds several signals ({names}); expected one: filter it by signal, or combine them first.")
    broken = score.filter(
        pl.col("score").is_nan() | pl.col("score").is_infinite() | pl.col("session").is_null() | pl.col("symbol").is_null()
    )
    if broken.height:
        example = broken.select("session", "symbol", "score").row(0, named=True)
        raise SchemaError(
            "signals",
            "score",
            f"a value that is not finite (or a null key) in {broken.height} of {score.height} rows",
            "finite numbers; missing is null, never NaN",
            example,
        )
    view = score.select("session", "symbol", "score").drop_nulls("score")
    if in_order(view, "session", "symbol", strictly=True):
        return view
    doubled = view.select("session", "symbol").is_duplicated() if view.height else pl.Series([], dtype=pl.Boolean)
    if doubled.any():
        raise SchemaError(
            "signals",
            "session+symbol",
            f"{doubled.sum()} rows that share a key",
            "one row a key",
            view.filter(doubled).sort("session", "symbol").row(0, named=True),
        )
    return view


def _table(frame: pl.DataFrame) -> pl.DataFrame:
    return WEIGHTS.validate(frame.filter(pl.col("weight") != 0).select(*WEIGHTS.schema).sort("session", "symbol"))
