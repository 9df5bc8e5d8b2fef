"""Studies whose abnormal returns are given: residual matrices, a matrix of abnormal returns, standardised returns in clusters.

References
----------
Cameron, C., Gelbach, J. & Miller, D. (2011), Robust inference with multiway clustering, Journal of Business & Economic Statistics 29,
    238-249.
Dutta, A., Knif, J., Kolari, J. & Pynnönen, S. (2018), A robust and powerful test of abnormal stock returns in long-horizon event studies,
    Journal of Empirical Finance 47, 1-24.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests import event_tests
from backtests.conventions import CONVENTIONS
from backtests.event_windows import Clock
from backtests.multiple_testing import benjamini_hochberg, benjamini_yekutieli, bonferroni, hochberg, holm, hommel
from backtests.normal_returns import AbnormalReturns
from backtests.outcomes import Outcome, student
from backtests.residuals import Residuals
from backtests.study_columns import read_table, typed
from backtests.study_tests import Sample, default_windows, distribution
from research.errors import DataError

__all__ = ["clustered_mean", "clustered_variance", "given_clusters", "given_matrix", "given_residuals"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: tests that need neither realised returns nor calendar days
_ON_RESIDUALS = (
    "cross_sectional", "skewness_adjusted", "brown_warner", "time_series", "lamb", "patell", "adjusted_patell", "bmp", "kolari_pynnonen",
    "sign", "generalized_sign", "corrado_rank", "corrado_zivney_rank", "corrado_zivney_sign", "campbell_wasley", "grank_t", "grank_z",
    "wilcoxon",
)  # fmt: skip


def clustered_variance(values: Floats, clusters: list[Ints]) -> float:
    """Return the variance of a mean with errors clustered in one or two ways; NaN with one cluster.

    Σ over clusters of (Σ deviations)² / N² · G/(G − 1); in two ways that of each, less that of their intersection (Cameron, Gelbach &
    Miller 2011).

    Parameters
    ----------
    values
        (N,) without NaN.
    clusters
        One or two arrays (N,) of cluster numbers.
    """
    if min(len(np.unique(cluster)) for cluster in clusters) < 2:
        return math.nan
    deviation = values - values.mean()

    def variance(cluster: Ints) -> float:
        _, number = np.unique(cluster, return_inverse=True)
        sums = np.bincount(number, deviation)
        return float(np.square(sums).sum()) / len(values) ** 2 * len(sums) / (len(sums) - 1.0)

    total = sum(variance(cluster) for cluster in clusters)
    if len(clusters) == 2:
        total -= variance(np.unique(np.stack(clusters), axis=1, return_inverse=True)[1].ravel())
    return total


def clustered_mean(values: Floats, clusters: list[Ints]) -> Outcome:
    """Student's t of a mean over the root of :func:`clustered_variance`; df = the smaller number of clusters less one.

    Null with one cluster, or where the two-way variance is not positive. For standardised abnormal returns of many months and firms (Dutta,
    Knif, Kolari & Pynnönen 2018). Not with fewer than about ten clusters.

    Parameters
    ----------
    values, clusters
        As for :func:`clustered_variance`.
    """
    total = clustered_variance(values, clusters)
    if not total > 0:
        return Outcome(None, None, None, len(values))
    size = min(len(np.unique(cluster)) for cluster in clusters)
    return student(float(values.mean()) / math.sqrt(total), size - 1, len(values))


def given_residuals(folder: Path) -> dict[str, Any]:
    """Test residuals that are given: ``AR.csv``, ``EPS.csv``, and the market on the same days (``market_event``, ``market_estimation``).

    Each file has a row an event, first column ``event_id``. The event window is centred on day 0; there is no calendar, so that events are
    paired by their day relative to the event, and no test of calendar time is run.
    """
    abnormal, residuals, during, before = (
        _matrix(folder / f"{name}.csv")[1] for name in ("AR", "EPS", "market_event", "market_estimation")
    )
    n_events, length = abnormal.shape
    half = length // 2
    window, estimation = (-half, length - 1 - half), (-half - residuals.shape[1], -half - 1)
    known = ~np.isnan(residuals)
    n_obs = known.sum(axis=1)
    centre = np.nanmean(before, axis=1)
    spread = np.sqrt(np.nansum(np.square(before - centre[:, None]), axis=1))
    df = n_obs - 2.0
    arrays = AbnormalReturns(
        realized=abnormal,
        expected=np.zeros_like(abnormal),
        abnormal=abnormal,
        scores=((during - centre[:, None]) / spread[:, None])[:, :, None],
        alpha=np.zeros(n_events),
        betas=np.zeros((n_events, 1)),
        sigma=np.sqrt(np.nansum(np.square(residuals), axis=1) / df),
        df=df,
        n_obs=n_obs,
        mean_variance=1.0 / n_obs,
        estimated=Residuals.of(residuals),
    )
    # every event stands on one day, as no days are known
    width = residuals.shape[1] + length
    days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2000-01-01") + width)
    zero = np.full(n_events, residuals.shape[1] + half)
    clock = Clock(days, np.arange(width)[None, :], np.zeros(n_events, dtype=np.int64), zero)
    tests = {}
    for name, rules in CONVENTIONS.items():
        rescaled = arrays.sigma * (np.sqrt(df / (n_obs - 1.0)) if rules.sigma == "T-1" else 1.0)
        own = replace(arrays, sigma=rescaled)
        sample = Sample.of(estimation, window, own, clock, _ON_RESIDUALS, seed=0, log=False, conventions=rules)
        daily = [(tau, tau) for tau in range(window[0], window[1] + 1)]
        asked = sorted({*daily, *default_windows(window)})
        tests[name] = [
            row
            for where in asked
            for row in (_row(test, *where, o) for test, o in zip(_ON_RESIDUALS, sample.run(_ON_RESIDUALS, where), strict=True))
        ]
    ids = _matrix(folder / "AR.csv")[0]
    events = [{"event_id": ids[i], "sigma": arrays.sigma[i], "n_obs": n_obs[i], "car": float(abnormal[i].sum())} for i in range(n_events)]
    return {"estimation": list(estimation), "window": list(window), "models": {"given": {"events": events, "tests": tests}}}


def _matrix(path: Path) -> tuple[list[str], Floats]:
    """Return the ids and the numbers of a file with a row an event; :class:`~research.errors.DataError` where there is none."""
    if not path.exists():
        raise DataError(f"{path} does not exist; expected it beside the other files of {path.parent}.")
    table = read_table(path)
    if "event_id" not in table.columns or not table.height or len(table.columns) < 2:
        raise DataError(f"{path} has {table.height} rows of {', '.join(table.columns[:5])} …; expected event_id and a column a day.")
    numbers = typed(table.drop("event_id"), [name for name in table.columns if name != "event_id"], path.name)
    return table["event_id"].to_list(), numbers.with_columns(pl.all().fill_null(float("nan"))).to_numpy()


def given_matrix(folder: Path) -> dict[str, Any]:
    """Test a matrix of abnormal returns, ``ar_matrix.csv``: ``event_id``, then a column a day.

    Of each day, of the sum of all days (``day`` null) and, in ``cumulated``, of the days up to each: Student's t, the sign test with its
    exact binomial p-value, and the signed-rank test exact, by the normal distribution and with continuity correction; p-values adjusted
    over the days.
    """
    _, matrix = _matrix(folder / "ar_matrix.csv")
    half = matrix.shape[1] // 2
    known = ~np.isnan(matrix)
    sums = np.where(np.maximum.accumulate(known, axis=1), np.where(known, matrix, 0.0).cumsum(axis=1), np.nan)
    days = [{"day": j - half, **_column(matrix[:, j])} for j in range(matrix.shape[1])]
    cumulated = [{"window_start": -half, "window_end": j - half, **_column(sums[:, j])} for j in range(matrix.shape[1])]
    for rows in (days, cumulated):
        _adjust(rows)
    days.append({"day": None, **_column(sums[:, -1])})
    return {"window": [-half, matrix.shape[1] - 1 - half], "days": days, "cumulated": cumulated}


def _column(values: Floats) -> dict[str, Any]:
    """Return the tests of one column."""
    from scipy import stats

    known = values[~np.isnan(values)]
    moved = known[known != 0]
    positive, n = int((moved > 0).sum()), len(moved)
    t, sign, rank = event_tests.cross_sectional(known), event_tests.sign(known), event_tests.wilcoxon(known)
    mean = float(known.mean()) if len(known) else None
    row: dict[str, Any] = {"n_events": len(known), "mean": mean, "n_positive": positive, "n_not_zero": n}
    greater, less = t.one_sided()
    row |= {"t": t.statistic, "t_df": t.df, "t_p_value": t.p_value, "t_p_greater": greater, "t_p_less": less}
    row["std_error"] = mean / t.statistic if mean and t.statistic else None
    row |= {"sign_z": sign.statistic, "sign_p_value": sign.p_value}
    for name, side in _SIDES.items():
        row[f"binomial_{name}"] = float(stats.binomtest(positive, n, 0.5, alternative=side).pvalue) if n else None
    row |= {"wilcoxon": rank.statistic, "wilcoxon_p_value": rank.p_value}
    for method, options in _SIGNED_RANK.items():
        for name, side in _SIDES.items():
            row[f"wilcoxon_{method}_{name}"] = float(stats.wilcoxon(moved, alternative=side, **options).pvalue) if n else None
    if n < len(known) or len(np.unique(np.abs(moved))) < n:
        # ties and zeros have no exact distribution
        row |= {f"wilcoxon_exact_{name}": None for name in ("p_value", "p_greater", "p_less")}
    return row


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Write the p-values adjusted over ``rows`` into them."""
    for name in ("t", "binomial", "sign", "wilcoxon", *(f"wilcoxon_{method}" for method in _SIGNED_RANK)):
        p_values = np.array([np.nan if row[f"{name}_p_value"] is None else row[f"{name}_p_value"] for row in rows])
        for adjust in (bonferroni, holm, hochberg, hommel, benjamini_hochberg, benjamini_yekutieli):
            for row, value in zip(rows, adjust(p_values), strict=True):
                row[f"{name}_p_{adjust.__name__}"] = float(value)


#: the name of each p-value, and the alternative it is against
_SIDES: dict[str, Any] = {"p_value": "two-sided", "p_greater": "greater", "p_less": "less"}

#: the three forms of the signed-rank test
_SIGNED_RANK: dict[str, dict[str, Any]] = {
    "exact": {"method": "exact"},
    "normal": {"method": "approx", "correction": False},
    "corrected": {"method": "approx", "correction": True},
}


def given_clusters(folder: Path) -> dict[str, Any]:
    """Test standardised abnormal returns in ``share_repurchases.csv`` (code, date, ars) by clustered errors.

    ``returns.csv``, where it stands beside (date, the event firm, its control firm), gives the pair's abnormal returns: ``ar`` the
    difference, ``sar`` that over its standard deviation, both also of log returns (``log_ar``, ``log_sar``), and ``asr``, the difference of
    the log returns each over its own standard deviation (Dutta, Knif, Kolari & Pynnönen 2018).
    """
    table = typed(read_table(folder / "share_repurchases.csv"), ["ars"], "share_repurchases.csv").drop_nulls("ars")
    values = table["ars"].to_numpy()
    firm, day = (table[name].rank("dense").to_numpy().astype(np.int64) for name in ("code", "date"))
    tests = [{"clusters": name, **_clustered(values, each)} for name, each in (("firm", [firm]), ("date", [day]), ("two_way", [firm, day]))]
    tests.append({"clusters": "none", **_outcome(event_tests.cross_sectional(values))})
    result: dict[str, Any] = {"mean": float(values.mean()), "n": len(values), "tests": tests}
    if (folder / "returns.csv").exists():
        pair = read_table(folder / "returns.csv")
        event, control = pair.columns[1:3]
        pair = typed(pair, [event, control], "returns.csv").drop_nulls()
        simple = pair.select(event, control).to_numpy()
        logs = np.log1p(simple)
        abnormal, compounded = simple[:, 0] - simple[:, 1], logs[:, 0] - logs[:, 1]
        deviations = logs.std(axis=0, ddof=1)
        result["pair"] = {
            "event": event,
            "control": control,
            "sigma": float(abnormal.std(ddof=1)),
            "log_sigma": float(compounded.std(ddof=1)),
            "date": pair["date"].to_list(),
            "ar": abnormal,
            "sar": abnormal / abnormal.std(ddof=1),
            "log_ar": compounded,
            "log_sar": compounded / compounded.std(ddof=1),
            "asr": logs[:, 0] / deviations[0] - logs[:, 1] / deviations[1],
        }
    return result


def _clustered(values: Floats, clusters: list[Ints]) -> dict[str, Any]:
    """Return the outcome of :func:`clustered_mean`, its variance, and its p-value with as many degrees of freedom as clusters."""
    found = clustered_mean(values, clusters)
    sizes = [len(np.unique(cluster)) for cluster in clusters]
    by_clusters = None if found.statistic is None else student(found.statistic, min(sizes), found.n_events).p_value
    return {**_outcome(found), "variance": clustered_variance(values, clusters), "n_clusters": sizes, "p_value_df_clusters": by_clusters}


def _row(test: str, first: int, last: int, o: Outcome) -> dict[str, Any]:
    where = {"group": "all", "test": test, "window_start": first, "window_end": last}
    return {**where, **_outcome(o), "distribution": distribution(test, o.df, o.n_events)}


def _outcome(o: Outcome) -> dict[str, Any]:
    greater, less = o.one_sided()
    return {"statistic": o.statistic, "p_value": o.p_value, "df": o.df, "n_events": o.n_events, "p_greater": greater, "p_less": less}
