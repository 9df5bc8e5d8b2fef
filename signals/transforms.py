"""Cross-sectional transforms: what a feature says about one symbol against the others decided at the same instant.

The cross-section is the set of rows that share ``session`` and ``asof``. Markets with other clocks are thereby kept apart; Shanghai and
Hong Kong share theirs, so form a panel for each of them.
"""

from __future__ import annotations

import polars as pl

from research.errors import SchemaError, UsageError
from signals.schemas import SIGNALS

__all__ = ["rank", "winsorise", "zscore"]

_SECTION = ("session", "asof")


def winsorise(column: str, share: float = 0.01) -> pl.Expr:
    """Return the column with its lowest and highest ``share`` of each cross-section pulled in to the quantile there; null stays null."""
    if not 0 <= share < 0.5:
        raise UsageError(f"share came as {share}; expected a fraction from 0 up to 0.5.")
    value = pl.col(column)
    return value.clip(value.quantile(share, "linear"), value.quantile(1 - share, "linear")).over(_SECTION)


def rank(column: str) -> pl.Expr:
    """Return the rank in the cross-section scaled to [-1, 1]; ties share their mean rank; null stays null, a lone value is 0."""
    value = pl.col(column)
    n = value.count()
    scaled = pl.when(n > 1).then(2 * (value.rank("average") - 1) / (n - 1) - 1).when(value.is_not_null()).then(0.0)
    return scaled.over(_SECTION)


def zscore(features: pl.DataFrame, column: str, *, name: str, horizon: int, share: float = 0.01, run_id: str = "") -> pl.DataFrame:
    """Return a ``signals`` table: the winsorised feature, centred and scaled (ddof 1) within each cross-section.

    Parameters
    ----------
    features
        A ``features`` table with ``column``.
    column
        The feature.
    name
        ``name@version`` of the signal.
    horizon
        Sessions the view is about.
    share
        Share winsorised at each end before scaling.
    run_id
        Run the rows belong to; empty for a notebook.

    Notes
    -----
    Rows where the feature is null, and cross-sections with fewer than two symbols or no spread, have no score and are left out.
    """
    if column not in features.columns:
        raise SchemaError("features", column, f"columns {', '.join(features.columns)}", f"a column {column}")
    if "@" not in name:
        raise UsageError(f"A signal came named {name!r}; expected name@version, such as tone@1.")
    value = pl.col("_value")
    scored = (
        features.with_columns(_value=winsorise(column, share))
        .with_columns(_mean=value.mean().over(_SECTION), _std=value.std().over(_SECTION))
        .filter(value.is_not_null() & (pl.col("_std") > 1e-12))
        .with_columns(
            score=(value - pl.col("_mean")) / pl.col("_std"),
            signal=pl.lit(name),
            horizon=pl.lit(horizon, dtype=pl.Int16),
            run_id=pl.lit(run_id),
        )
    )
    return SIGNALS.validate(scored.select(*SIGNALS.schema).sort("session", "symbol"))
