"""Forward returns: what happened after a decision, kept out of reach of :mod:`signals`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from backtests.schemas import LABELS
from research.errors import UsageError
from research.schemas import BARS, SESSIONS
from signals.pointintime import calendar_of

__all__ = ["forward_returns"]


def forward_returns(bars: pl.DataFrame, sessions: pl.DataFrame, *, horizons: Sequence[int] = (1, 5, 20)) -> pl.DataFrame:
    r"""Return the ``labels`` table: :math:`C_{t+h} f_{t+h} / (O_{t+1} f_{t+1}) - 1`.

    A decision in session ``t`` fills at the open of ``t+1`` and is held to the close of ``t+h``; ``f`` is ``adj_factor``, so dividends
    and splits count as return.

    Parameters
    ----------
    bars
        ``bars`` table.
    sessions
        ``sessions`` of every market the bars trade on; ``t`` counts these, so a symbol's missing day is not skipped over.
    horizons
        Sessions held, each at least 1.

    Returns
    -------
    DataFrame
        Only labels that exist: none where ``t+1`` has no open or is suspended (nothing could be bought), or where ``t+h`` lies past
        the last bar of the symbol's market. A name without a bar on ``t+h`` (suspended, or delisted meanwhile) is valued at its last
        close before: leaving it out would judge by the survivors only.
    """
    if not horizons or min(horizons) < 1:
        raise UsageError(f"horizons came as {list(horizons)}; expected whole numbers of sessions from 1 up.")
    grid = SESSIONS.validate(sessions).sort("mic", "session")
    grid = grid.with_columns(_n=pl.int_range(pl.len(), dtype=pl.Int64).over("mic", order_by="session"))
    frame = BARS.validate(bars)
    held = (
        frame.select("symbol", "session", "open", "close", "adj_factor", "suspended")
        .with_columns(mic=calendar_of(frame["symbol"]))
        .join(grid.select("mic", "session", "_n", "close_at"), on=["mic", "session"], how="inner")
    )
    entry = held.filter(~pl.col("suspended") & pl.col("open").is_not_null()).select(
        "symbol", "mic", (pl.col("_n") - 1).alias("_n"), (pl.col("open") * pl.col("adj_factor")).alias("_entry")
    )
    decided = entry.join(grid.select("mic", "_n", "session"), on=["mic", "_n"], how="inner")
    exits = held.select(
        "symbol", "_n", (pl.col("close") * pl.col("adj_factor")).alias("_exit"), pl.col("_n").max().over("mic").alias("_covered")
    ).sort("_n")
    ends = grid.select("mic", pl.col("_n").alias("_end"), pl.col("close_at").alias("ends_at"))
    labels = [
        decided.with_columns(_end=pl.col("_n") + h)
        .sort("_end")
        .join_asof(exits, left_on="_end", right_on="_n", by="symbol", strategy="backward", check_sortedness=False)
        .filter(pl.col("_end") <= pl.col("_covered"))
        .join(ends, on=["mic", "_end"], how="inner")
        .select(
            "session",
            "symbol",
            horizon=pl.lit(h, dtype=pl.Int16),
            forward_return=pl.col("_exit") / pl.col("_entry") - 1,
            ends_at="ends_at",
        )
        for h in dict.fromkeys(horizons)
    ]
    return LABELS.validate(pl.concat(labels).sort("session", "symbol", "horizon"))
