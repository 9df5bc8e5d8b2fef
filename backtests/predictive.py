"""Does a score order what happens next: information coefficient, its decay over horizons, hit rate, and both by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from backtests.cross_sections import correlations, mean_ranks
from backtests.inference import MeanEstimate, bootstrap_mean, newey_west_mean
from backtests.labels import Labels
from backtests.multiple_testing import benjamini_hochberg
from backtests.quantiles import quantile_returns
from backtests.scored import ESTIMATE, by_horizon, estimate_row, hac_lags, horizons_of, run_lengths, scores_of
from research.errors import UsageError

__all__ = [
    "InformationCoefficient",
    "bucketed",
    "coefficient_errors",
    "grouped_coefficient",
    "hit_rate",
    "information_coefficient",
    "quantile_returns",
]

Method = Literal["spearman", "pearson"]
Errors = Literal["hac", "stationary", "circular"]


@dataclass(frozen=True, slots=True)
class InformationCoefficient:
    """Cross-sectional correlation of score and forward return.

    Attributes
    ----------
    daily
        ``session, horizon, ic, n_symbols``; sessions with fewer than three symbols or no spread have none.
    summary
        ``horizon, mean_ic, std_error, t, p_value, ci_low, ci_high, n`` with errors that know the labels overlap.
    """

    daily: pl.DataFrame
    summary: pl.DataFrame


def information_coefficient(
    score: pl.DataFrame,
    labels: Labels,
    *,
    method: Method = "spearman",
    min_symbols: int = 3,
    errors: Errors = "hac",
    draws: int = 999,
    seed: int = 0,
) -> InformationCoefficient:
    """Return the information coefficient of one signal at every horizon of the labels.

    Parameters
    ----------
    score
        ``signals`` table of one signal.
    labels
        ``labels`` table, or :func:`backtests.labels.returns_ahead`, which takes less memory.
    method
        ``spearman`` correlates mean ranks, ``pearson`` the values.
    min_symbols
        Smallest cross-section that counts.
    errors
        ``hac``: Newey–West over at least ``3 (horizon - 1)`` lags; ``stationary`` or ``circular``: block bootstrap with blocks of at least
        the horizon (:func:`backtests.inference.bootstrap_mean`).
    draws, seed
        Of the bootstrap.
    """
    scores = scores_of(score)
    daily = pl.concat([_NO_DAYS, *(_daily(part, method, min_symbols) for part in by_horizon(scores, labels))])
    return InformationCoefficient(daily, _summary(daily, horizons_of(labels), errors, draws, seed))


def coefficient_errors(score: pl.DataFrame, labels: Labels, *, draws: int = 999, seed: int = 0) -> pl.DataFrame:
    """Return both correlations with all three kinds of error (:func:`information_coefficient`), one below the other.

    Returns
    -------
    DataFrame
        ``horizon, correlation, errors, mean_ic, std_error, t, p_value, ci_low, ci_high, n``.
    """
    correlations: tuple[Method, ...] = ("spearman", "pearson")
    kinds: tuple[Errors, ...] = ("hac", "stationary", "circular")
    horizons, daily = horizons_of(labels), {correlation: [_NO_DAYS] for correlation in correlations}
    for part in by_horizon(scores_of(score), labels):
        for correlation in correlations:
            daily[correlation].append(_daily(part, correlation, 3))
    parts = []
    for correlation in correlations:
        every = pl.concat(daily[correlation])
        for errors in kinds:
            found = _summary(every, horizons, errors, draws, seed)
            parts.append(
                found.select("horizon", pl.lit(correlation).alias("correlation"), pl.lit(errors).alias("errors"), pl.exclude("horizon"))
            )
    return pl.concat(parts).sort("horizon", maintain_order=True)


def hit_rate(score: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    r"""Return how often score and forward return have the same sign, and how much more often than their frequencies alone would give.

    Scores and returns of exactly zero say nothing and are left out. Shares are of a session's symbols, averaged over sessions. With
    :math:`s` and :math:`y` indicators of a positive score and return, ``expected`` is :math:`\bar s \bar y + (1 - \bar s)(1 - \bar y)`,
    the rate of a score that is independent of the return: a rising market makes a bullish score right without skill. ``excess`` is the
    rest, :math:`2\,\mathrm{mean}(s - \bar s)(y - \bar y)`; the error is its own (Newey–West), as in Pesaran and Timmermann's test.

    Returns
    -------
    DataFrame
        ``horizon, hit_rate, expected, excess, std_error, t, p_value, ci_low, ci_high, n`` sessions, ``n_rows``.

    References
    ----------
    Pesaran, M. H. and Timmermann, A. (1992). A simple nonparametric test of predictive performance. Journal of Business and Economic
    Statistics 10, 461-465.
    """
    signs = [_signs(part) for part in by_horizon(scores_of(score), labels)]
    return _hit_rate(dict(zip(horizons_of(labels), signs, strict=True)))


def grouped_coefficient(
    score: pl.DataFrame, labels: Labels, groups: pl.DataFrame, by: str, *, method: Method = "spearman", min_symbols: int = 3
) -> pl.DataFrame:
    """Return the information coefficient inside each group of rows.

    Parameters
    ----------
    score, labels, method, min_symbols
        As in :func:`information_coefficient`. Ranks are formed inside the group.
    groups
        Column ``by`` beside any of ``session, symbol`` (both: event type, language, novelty; ``symbol``: sector; ``session``: regime).
        A row may be in several groups; one that is in none, or in a null one, is in the group ``(none)``. A table by symbol alone must have
        been true all the time: a sector of today is a look into the future.
    by
        A column of text; cut numbers with :func:`bucketed` first.

    Returns
    -------
    DataFrame
        ``grouping, group, horizon, mean_ic, std_error, t, p_value, ci_low, ci_high, n`` sessions, ``n_rows`` and ``p_adjusted``:
        Benjamini & Hochberg's, over the groups and horizons of this table.

    Raises
    ------
    UsageError
        When ``groups`` has neither key nor a text column ``by``.
    """
    keys = [name for name in ("session", "symbol") if name in groups.columns]
    if not keys or by not in groups.columns or groups.schema[by] not in (pl.String, pl.Categorical, pl.Enum):
        came = ", ".join(f"{name} ({dtype})" for name, dtype in groups.schema.items())
        raise UsageError(f"The groups came with {came}; expected session, symbol or both, and {by} as text (see bucketed for numbers).")
    named = groups.select(*keys, group=pl.col(by).cast(pl.String)).unique()
    parts = [_in_groups(part, named, keys, method, min_symbols) for part in by_horizon(scores_of(score), labels)]
    none = _NO_DAYS.clear().with_columns(group=pl.lit("")).select("session", "group", pl.exclude("session", "group"))
    sizes = pl.concat([pl.DataFrame(schema={"group": pl.String, "horizon": pl.Int16, "n_rows": pl.Int64}), *(part[1] for part in parts)])
    return _grouped(pl.concat([none, *(part[0] for part in parts)]), sizes, by, horizons_of(labels))


def bucketed(frame: pl.DataFrame, column: str, edges: Sequence[float], *, name: str | None = None) -> pl.DataFrame:
    """Return ``frame`` with a column of numbers as text: the interval each is in, closed above, open below.

    Edges are given, not estimated: quantiles of the whole sample would put a row in a group by what came later.

    >>> bucketed(pl.DataFrame({"novelty": [0.1, 0.5, 0.9, None]}), "novelty", (0.5,))["novelty"].to_list()
    ['up to 0.5', 'up to 0.5', 'above 0.5', None]
    """
    if not edges or list(edges) != sorted(set(edges)):
        raise UsageError(f"edges came as {list(edges)}; expected one or more rising numbers.")
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names = [f"up to {edges[0]:g}", *between, f"above {edges[-1]:g}"]
    value = pl.col(column).cast(pl.Float64).fill_nan(None)
    place = pl.sum_horizontal([(value > edge).cast(pl.Int64) for edge in edges])
    text = pl.when(value.is_not_null()).then(place.replace_strict(list(range(len(names))), names, return_dtype=pl.String))
    return frame.with_columns(text.alias(name or column))


_NO_DAYS = pl.DataFrame(schema={"session": pl.Date, "horizon": pl.Int16, "ic": pl.Float64, "n_symbols": pl.Int64})


def _daily(joined: pl.DataFrame, method: Method, min_symbols: int, *by: str) -> pl.DataFrame:
    """Return the coefficient of each cross-section of rows that are sorted by ``by``, horizon and session."""
    section = [*by, "horizon", "session"]
    if method not in ("spearman", "pearson"):
        raise UsageError(f"method came as {method!r}; expected spearman or pearson.")
    counts = run_lengths(joined, *section)
    x, y = (joined[name].to_numpy() for name in ("score", "forward_return"))
    if method == "spearman":
        x, y = mean_ranks(x, counts), mean_ranks(y, counts)
    sections = joined.select("session", *by, "horizon")[np.cumsum(counts) - counts]
    daily = sections.with_columns(ic=pl.Series(correlations(x, y, counts), dtype=pl.Float64), n_symbols=pl.Series(counts, dtype=pl.Int64))
    return daily.filter((pl.col("n_symbols") >= min_symbols) & pl.col("ic").is_finite())


def _summary(daily: pl.DataFrame, horizons: Sequence[int], errors: Errors, draws: int, seed: int) -> pl.DataFrame:
    rows = []
    for horizon in horizons:
        series = daily.filter(pl.col("horizon") == horizon)["ic"]
        rows.append({"horizon": horizon, **estimate_row(_estimate(series, horizon, errors, draws, seed), "mean_ic")})
    return pl.DataFrame(rows, schema={"horizon": pl.Int16, "mean_ic": pl.Float64, **ESTIMATE})


def _estimate(series: pl.Series, horizon: int, errors: Errors, draws: int, seed: int) -> MeanEstimate:
    if errors == "hac":
        return newey_west_mean(series, hac_lags(series.len(), horizon))
    if errors not in ("stationary", "circular"):
        raise UsageError(f"errors came as {errors!r}; expected hac, stationary or circular.")
    return bootstrap_mean(series, method=errors, least=float(horizon), draws=draws, seed=seed)


def _signs(part: pl.DataFrame) -> pl.DataFrame:
    """Return the share of positive scores, of positive returns and of both in each session, and the rows it has."""
    return (
        part.filter((pl.col("score") != 0) & (pl.col("forward_return") != 0))
        .with_columns(_s=(pl.col("score") > 0).cast(pl.Float64), _y=(pl.col("forward_return") > 0).cast(pl.Float64))
        .group_by("session")
        .agg(s=pl.col("_s").mean(), y=pl.col("_y").mean(), both=(pl.col("_s") * pl.col("_y")).mean(), rows=pl.len())
        .sort("session")
    )


def _hit_rate(signs: Mapping[int, pl.DataFrame]) -> pl.DataFrame:
    rows = []
    for horizon, part in signs.items():
        s, y, both = (part[name].to_numpy() for name in ("s", "y", "both"))
        centre = (float(s.mean()), float(y.mean())) if len(s) else (0.0, 0.0)
        # the session's mean of 2 (s - s̄)(y - ȳ), from its means of s, y and s y
        excess = 2 * (both - centre[0] * y - centre[1] * s + centre[0] * centre[1])
        # a constant sign has no skill to measure: what is left of it is rounding
        estimate = newey_west_mean(np.where(np.abs(excess) < 1e-15, 0.0, excess), hac_lags(len(s), horizon))
        rows.append(
            {
                "horizon": horizon,
                "hit_rate": float((1 - s - y + 2 * both).mean()) if len(s) else None,
                "expected": centre[0] * centre[1] + (1 - centre[0]) * (1 - centre[1]) if len(s) else None,
                **estimate_row(estimate, "excess"),
                "n_rows": int(part["rows"].sum()),
            }
        )
    schema = {"horizon": pl.Int16, "hit_rate": pl.Float64, "expected": pl.Float64, "excess": pl.Float64, **ESTIMATE, "n_rows": pl.Int64}
    return pl.DataFrame(rows, schema=schema)


def _in_groups(
    part: pl.DataFrame, named: pl.DataFrame, keys: Sequence[str], method: Method, min_symbols: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the daily coefficients of each group, and how many rows it has."""
    rows = part.join(named, on=keys, how="left").with_columns(pl.col("group").fill_null("(none)"))
    rows = rows.sort("group", "session", "symbol")
    sizes = rows.group_by("group", "horizon").agg(n_rows=pl.len().cast(pl.Int64))
    return _daily(rows, method, min_symbols, "group"), sizes


def _grouped(daily: pl.DataFrame, sizes: pl.DataFrame, by: str, horizons: Sequence[int]) -> pl.DataFrame:
    parts = []
    for group in sizes["group"].unique().sort():
        part = _summary(daily.filter(pl.col("group") == group), horizons, "hac", 0, 0)
        parts.append(part.with_columns(grouping=pl.lit(by), group=pl.lit(group)))
    empty = pl.DataFrame(schema={"horizon": pl.Int16, "mean_ic": pl.Float64, **ESTIMATE, "grouping": pl.String, "group": pl.String})
    table = pl.concat(parts) if parts else empty
    table = table.join(sizes, on=["group", "horizon"], how="left").with_columns(pl.col("n_rows").fill_null(0))
    adjusted = benjamini_hochberg(table["p_value"].cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return (
        table.with_columns(p_adjusted=pl.Series(adjusted, dtype=pl.Float64).fill_nan(None))
        .select("grouping", "group", "horizon", "mean_ic", *ESTIMATE, "n_rows", "p_adjusted")
        .sort("group", "horizon")
    )
