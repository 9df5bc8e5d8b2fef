"""Cross-sectional transforms: what a feature says about one symbol against the others decided at the same instant.

The cross-section is the set of rows that share ``session`` and ``asof``. Markets with other clocks are thereby kept apart; Shanghai and
Hong Kong share theirs, so form a panel for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import SchemaError, UsageError
from signals.schemas import SIGNALS

__all__ = ["neutralise", "rank", "sessions_at_once", "standardise", "winsorise", "zscore"]

_SECTION = ("session", "asof")

# Rows scored at once: the memory is theirs, not that of all sessions.
_AT_ONCE = 1 << 20

# Below this a spread is rounding error of equal values.
_FLAT = 1e-12


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


def standardise(column: str) -> pl.Expr:
    """Return the value minus the mean over the standard deviation (ddof 1) of its cross-section.

    Null stays null; null for a cross-section of fewer than two values or without spread.
    """
    value = pl.col(column)
    spread = value.std()
    return pl.when(spread > _FLAT).then((value - value.mean()) / spread).over(_SECTION).alias(column)


def neutralise(frame: pl.DataFrame, column: str, exposures: Sequence[str] = (), *, by: str | None = None) -> pl.Series:
    r"""Return the residual of the feature after its exposures, by least squares in each cross-section.

    .. math:: x_i = \alpha_{g(i)} + \sum_k \beta_k z_{ik} + \varepsilon_i

    with a constant of its own for every group ``by`` (one constant without it) and the same slopes for all groups. The groups are taken
    out by their means (Frisch & Waugh), the slopes of all cross-sections by one batch of small solves. Where exposures are collinear the
    solution of least norm is taken: the residual is the same for all of them.

    Parameters
    ----------
    frame
        A frame with ``session``, ``asof`` and the columns named.
    column
        The feature.
    exposures
        Numeric columns, such as size, beta, momentum.
    by
        Column of groups, such as ``sector``.

    Returns
    -------
    Series
        Float64, named ``column``, row by row as ``frame``: ``frame.with_columns(neutralise(frame, "tone_last", ["size"], by="sector"))``.
        Null where the feature, an exposure or the group is null (the row is not fitted either), and in a cross-section with no more rows
        than parameters.

    Raises
    ------
    SchemaError
        When a column is missing.
    """
    for name in [column, *exposures] + ([] if by is None else [by]):
        if name not in frame.columns:
            raise SchemaError("features", name, f"columns {', '.join(frame.columns)}", f"a column {name}")
    names = ["_y", *(f"_x{k}" for k in range(len(exposures)))]
    numbers = [pl.col(old).cast(pl.Float64).fill_nan(None).alias(new) for new, old in zip(names, [column, *exposures], strict=True)]
    group = pl.lit(0) if by is None else pl.col(by)
    rows = frame.with_row_index("_row").select("_row", *_SECTION, *numbers, _group=group).drop_nulls().sort(*_SECTION, "_row")
    rows = rows.with_columns(_place=pl.struct(_SECTION).rle_id())
    groups = rows.select("_place", "_group").unique().group_by("_place").len().sort("_place")["len"].to_numpy()
    centred = rows.select((pl.col(names) - pl.col(names).mean()).over("_place", "_group"))
    sizes = rows.select(pl.col(names).abs().max().over("_place"))
    residual = _residual(centred.to_numpy(), sizes.to_numpy(), rows["_place"].to_numpy(), groups)
    found = rows.select("_row").with_columns(pl.Series(column, residual, dtype=pl.Float64).fill_nan(None))
    every = pl.DataFrame({"_row": pl.int_range(frame.height, dtype=pl.get_index_type(), eager=True)})
    return every.join(found, on="_row", how="left", maintain_order="left")[column]


def _residual(
    centred: NDArray[np.float64], sizes: NDArray[np.float64], place: NDArray[np.uint32], groups: NDArray[np.uint32]
) -> NDArray[np.float64]:
    """Return the residual of column 0 after the others in each place (rows sorted by it); NaN where no degree of freedom is left.

    An exposure whose spread is rounding error beside its size (``sizes``, the largest absolute value of the place) is constant.
    """
    y, x = centred[:, 0], np.where(np.abs(centred[:, 1:]) > _FLAT * sizes[:, 1:], centred[:, 1:], 0.0)
    if not len(y):
        return y
    starts = np.flatnonzero(np.diff(place, prepend=place[0] + 1))
    norms = np.sqrt(np.add.reduceat(x**2, starts))
    x = x / np.where(norms > 0, norms, 1.0)[place]
    gram = np.add.reduceat(x[:, :, None] * x[:, None, :], starts)
    slopes = np.linalg.pinv(gram, rcond=_FLAT, hermitian=True) @ np.add.reduceat(x * y[:, None], starts)[:, :, None]
    rank = np.linalg.matrix_rank(gram, tol=_FLAT, hermitian=True) if x.shape[1] else 0
    free = np.diff(starts, append=len(y)) - groups.astype(np.int64) - rank
    fitted = np.einsum("ij,ij->i", x, slopes[place, :, 0])
    return np.where(free[place] > 0, y - fitted, np.nan)


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
    # Constants of a whole frame take no memory.
    named = [pl.lit(name).alias("signal"), pl.lit(horizon, dtype=pl.Int16).alias("horizon"), pl.lit(run_id).alias("run_id")]
    rows = features.select("session", "symbol", "asof", column)
    parts = [_scored(part, column, share, named).select("session", "symbol", "asof", "score") for part in sessions_at_once(rows)]
    return pl.concat(parts).with_columns(*named).select(*SIGNALS.schema)


def sessions_at_once(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield all rows, those of some sessions after those of others, in their own order: about a million at a time."""
    days = rows["session"].unique().sort()
    if rows.height <= _AT_ONCE or days.null_count():
        yield rows
        return
    step = max(1, _AT_ONCE * len(days) // rows.height)
    for i in range(0, len(days), step):
        yield rows.filter(pl.col("session").is_between(days[i], days[min(i + step, len(days)) - 1]))


def _scored(rows: pl.DataFrame, column: str, share: float, named: list[pl.Expr]) -> pl.DataFrame:
    value = pl.col("_value")
    scored = (
        rows.with_columns(_value=winsorise(column, share))
        .with_columns(_mean=value.mean().over(_SECTION), _std=value.std().over(_SECTION))
        .filter(value.is_not_null() & (pl.col("_std") > _FLAT))
        .with_columns(*named, score=(value - pl.col("_mean")) / pl.col("_std"))
    )
    return SIGNALS.validate(scored.select(*SIGNALS.schema).sort("session", "symbol"))
