"""Does a score order what happens next: information coefficient, its decay, quantile returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from backtests.inference import MeanEstimate, newey_west_mean
from backtests.schemas import LABELS
from research.errors import UsageError
from signals.schemas import SIGNALS

__all__ = ["InformationCoefficient", "information_coefficient", "quantile_returns"]

_ESTIMATE = {"std_error": pl.Float64, "t": pl.Float64, "p_value": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64, "n": pl.Int64}


@dataclass(frozen=True, slots=True)
class InformationCoefficient:
    """Cross-sectional correlation of score and forward return.

    Attributes
    ----------
    daily
        ``session, horizon, ic, n_symbols``; sessions with fewer than three symbols or no spread have none.
    summary
        ``horizon, mean_ic, std_error, t, p_value, ci_low, ci_high, n`` with Newey–West errors over at least ``3 (horizon - 1)`` lags.
    """

    daily: pl.DataFrame
    summary: pl.DataFrame


def information_coefficient(
    score: pl.DataFrame, labels: pl.DataFrame, *, method: Literal["spearman", "pearson"] = "spearman", min_symbols: int = 3
) -> InformationCoefficient:
    """Return the information coefficient of one signal at every horizon of the labels.

    Parameters
    ----------
    score
        ``signals`` table of one signal.
    labels
        ``labels`` table.
    method
        ``spearman`` correlates mean ranks, ``pearson`` the values.
    min_symbols
        Smallest cross-section that counts.
    """
    joined = _joined(score, labels)
    if method == "spearman":
        section = ["session", "horizon"]
        joined = joined.with_columns(
            pl.col("score").rank("average").over(section),
            pl.col("forward_return").rank("average").over(section),
        )
    daily = (
        joined.group_by("session", "horizon")
        .agg(ic=pl.corr("score", "forward_return"), n_symbols=pl.len().cast(pl.Int64))
        .filter((pl.col("n_symbols") >= min_symbols) & pl.col("ic").is_finite())
        .sort("horizon", "session")
    )
    rows = []
    for horizon in labels["horizon"].unique().sort():
        series = daily.filter(pl.col("horizon") == horizon)["ic"]
        rows.append({"horizon": horizon, **_row(newey_west_mean(series, _lags(series.len(), horizon)), "mean_ic")})
    return InformationCoefficient(daily, pl.DataFrame(rows, schema={"horizon": pl.Int16, "mean_ic": pl.Float64, **_ESTIMATE}))


def quantile_returns(score: pl.DataFrame, labels: pl.DataFrame, *, quantiles: int = 5) -> pl.DataFrame:
    """Return the mean forward return of each score quantile, and of the top minus the bottom one.

    Each session's symbols are cut into ``quantiles`` groups by score (1 is lowest; ties ordered by symbol); group means are averaged over
    sessions with Newey–West errors. Sessions with fewer symbols than quantiles are left out.

    Returns
    -------
    DataFrame
        ``horizon, quantile`` (String: ``1`` … and ``spread``), ``mean_forward_return, std_error, t, p_value, ci_low, ci_high, n`` sessions.
    """
    if quantiles < 2:
        raise UsageError(f"quantiles came as {quantiles}; expected at least 2.")
    section = ["session", "horizon"]
    place = pl.struct("score", "symbol").rank("ordinal").over(section)
    grouped = (
        _joined(score, labels)
        .sort("session", "horizon", "score", "symbol")
        .with_columns(_n=pl.len().over(section))
        .filter(pl.col("_n") >= quantiles)
        .with_columns(quantile=((place - 1) * quantiles // pl.col("_n") + 1).cast(pl.Int64))
        .group_by("session", "horizon", "quantile")
        .agg(pl.col("forward_return").mean())
        .sort("horizon", "quantile", "session")
    )
    rows = []
    for horizon in labels["horizon"].unique().sort():
        here = grouped.filter(pl.col("horizon") == horizon)
        by = {q: here.filter(pl.col("quantile") == q) for q in range(1, quantiles + 1)}
        series = {str(q): frame["forward_return"] for q, frame in by.items()}
        ends = by[quantiles].join(by[1], on="session", suffix="_low").sort("session")
        series["spread"] = ends["forward_return"] - ends["forward_return_low"]
        for name, values in series.items():
            estimate = newey_west_mean(values, _lags(values.len(), horizon))
            rows.append({"horizon": horizon, "quantile": name, **_row(estimate, "mean_forward_return")})
    return pl.DataFrame(rows, schema={"horizon": pl.Int16, "quantile": pl.String, "mean_forward_return": pl.Float64, **_ESTIMATE})


def _joined(score: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    signals = SIGNALS.validate(score)
    names = signals["signal"].unique().to_list()
    if len(names) > 1:
        raise UsageError(f"The scores hold {len(names)} signals ({', '.join(sorted(names))}); filter to one.")
    return (
        signals.select("session", "symbol", "score")
        .join(LABELS.validate(labels), on=["session", "symbol"], how="inner")
        .sort("session", "horizon", "symbol")
    )


def _lags(n: int, horizon: int) -> int:
    """Newey and West's 4 (n/100)^(2/9), but never less than three times the overlap of the labels (see :func:`newey_west_mean`)."""
    return max(3 * (horizon - 1), int(4 * (n / 100) ** (2 / 9)))


def _row(estimate: MeanEstimate, name: str) -> dict[str, float | int | None]:
    return {
        name: estimate.mean, "std_error": estimate.std_error, "t": estimate.t, "p_value": estimate.p_value,
        "ci_low": estimate.ci_low, "ci_high": estimate.ci_high, "n": estimate.n,
    }  # fmt: skip
