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
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests import event_tests
from backtests.conventions import CONVENTIONS
from backtests.event_windows import Clock
from backtests.multiple_testing import benjamini_hochberg, holm
from backtests.normal_returns import AbnormalReturns
from backtests.outcomes import Outcome, student
from backtests.study_inputs import read_table
from backtests.study_tests import Sample, default_windows

__all__ = ["clustered_mean", "given_clusters", "given_matrix", "given_residuals"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: tests that need neither realised returns nor calendar days
_ON_RESIDUALS = (
    "cross_sectional", "skewness_adjusted", "time_series", "patell", "adjusted_patell", "bmp", "kolari_pynnonen", "sign",
    "generalized_sign", "corrado_rank", "corrado_zivney_rank", "corrado_zivney_sign", "campbell_wasley", "grank_t", "grank_z", "wilcoxon",
)  # fmt: skip


def clustered_mean(values: Floats, clusters: list[Ints]) -> Outcome:
    """Student's t of a mean with errors clustered in one or two ways; df = the smaller number of clusters less one.

    The variance is Σ over clusters of (Σ deviations)² / N² · G/(G − 1); in two ways that of each, less that of their intersection
    (Cameron, Gelbach & Miller 2011). Null with one cluster, or where the two-way variance is not positive.

    For standardised abnormal returns of many months and firms (Dutta, Knif, Kolari & Pynnönen 2018). Not with fewer than about ten
    clusters.

    Parameters
    ----------
    values
        (N,) without NaN.
    clusters
        One or two arrays (N,) of cluster numbers.
    """
    n = len(values)
    sizes = [len(np.unique(cluster)) for cluster in clusters]
    if n < 2 or min(sizes) < 2:
        return Outcome(None, None, None, n)
    deviation = values - values.mean()

    def variance(cluster: Ints) -> float:
        _, number = np.unique(cluster, return_inverse=True)
        sums = np.bincount(number, deviation)
        return float(np.square(sums).sum()) / n**2 * len(sums) / (len(sums) - 1.0)

    total = sum(variance(cluster) for cluster in clusters)
    if len(clusters) == 2:
        first, second = clusters
        total -= variance(np.unique(np.stack([first, second]), axis=1, return_inverse=True)[1].ravel())
    if not total > 0:
        return Outcome(None, None, None, n)
    return student(float(values.mean()) / math.sqrt(total), min(sizes) - 1, n)


def given_residuals(folder: Path) -> dict[str, Any]:
    """Test residuals that are given: ``AR.csv``, ``EPS.csv``, and the market on the same days (``market_event``, ``market_estimation``).

    Each file has a row an event, first column ``event_id``. The event window is centred on day 0; there is no calendar, so that events are
    paired by their day relative to the event, and no test of calendar time is run.
    """
    abnormal, residuals, during, before = (
        read_table(folder / f"{name}.csv").drop("event_id").cast(pl.Float64).to_numpy()
        for name in ("AR", "EPS", "market_event", "market_estimation")
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
        residuals=residuals,
    )
    # every event stands on one day, as no days are known
    width = residuals.shape[1] + length
    days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2000-01-01") + width)
    zero = np.full(n_events, residuals.shape[1] + half)
    clock = Clock(days, np.arange(width)[None, :], np.zeros(n_events, dtype=np.int64), zero)
    tests = {}
    for name, rules in CONVENTIONS.items():
        rescaled = arrays.sigma * (np.sqrt(df / (n_obs - 1.0)) if rules.sigma == "T-1" else 1.0)
        own = AbnormalReturns(*(rescaled if slot == "sigma" else getattr(arrays, slot) for slot in AbnormalReturns.__slots__))
        sample = Sample.of(estimation, window, own, clock, _ON_RESIDUALS, seed=0, log=False, conventions=rules)
        daily = [(tau, tau) for tau in range(window[0], window[1] + 1)]
        asked = sorted({*daily, *default_windows(window)})
        tests[name] = [
            row
            for where in asked
            for row in (_row(test, *where, o) for test, o in zip(_ON_RESIDUALS, sample.run(_ON_RESIDUALS, where), strict=True))
        ]
    ids = read_table(folder / "AR.csv")["event_id"].cast(pl.String).to_list()
    events = [{"event_id": ids[i], "sigma": arrays.sigma[i], "n_obs": n_obs[i], "car": float(abnormal[i].sum())} for i in range(n_events)]
    return {"estimation": list(estimation), "window": list(window), "models": {"given": {"events": events, "tests": tests}}}


def given_matrix(folder: Path) -> dict[str, Any]:
    """Test a matrix of abnormal returns, ``ar_matrix.csv``: ``event_id``, then a column a day.

    Of each day and of the sum of all days (``day`` null): Student's t, the sign test with its exact binomial p-value, and the signed-rank
    test exact, by the normal distribution and with continuity correction; p-values adjusted over the days.
    """
    from scipy import stats

    table = read_table(folder / "ar_matrix.csv").drop("event_id").cast(pl.Float64)
    matrix = table.to_numpy()
    half = matrix.shape[1] // 2
    rows: list[dict[str, Any]] = []
    for day, values in [(j - half, matrix[:, j]) for j in range(matrix.shape[1])] + [(None, np.nansum(matrix, axis=1))]:
        known = values[~np.isnan(values)]
        moved = known[known != 0]
        positive = int((moved > 0).sum())
        rank = event_tests.wilcoxon(known)
        row: dict[str, Any] = {"day": day, "n_events": len(known), "mean": float(known.mean()), "n_positive": positive}
        t = event_tests.cross_sectional(known)
        row |= {"t": t.statistic, "t_df": t.df, "t_p_value": t.p_value, "t_p_greater": t.one_sided()[0], "t_p_less": t.one_sided()[1]}
        row |= {"sign_z": event_tests.sign(known).statistic, "sign_p_value": event_tests.sign(known).p_value}
        row["binomial_p_value"] = float(stats.binomtest(positive, len(moved), 0.5).pvalue) if len(moved) else None
        row |= {"wilcoxon": rank.statistic, "wilcoxon_p_value": rank.p_value}
        if len(moved):
            for name, correction in (("normal", False), ("corrected", True)):
                row[f"wilcoxon_{name}_p_value"] = float(stats.wilcoxon(moved, method="approx", correction=correction).pvalue)
        rows.append(row)
    for name in ("t", "binomial", "wilcoxon", "sign"):
        p_values = np.array([np.nan if row[f"{name}_p_value"] is None else row[f"{name}_p_value"] for row in rows[:-1]])
        raw = {"bonferroni": np.minimum(1.0, p_values * len(p_values)), "holm": holm(p_values)}
        for method, adjusted in {**raw, "benjamini_hochberg": benjamini_hochberg(p_values)}.items():
            for row, value in zip(rows[:-1], adjusted, strict=True):
                row[f"{name}_p_{method}"] = float(value)
    return {"window": [-half, matrix.shape[1] - 1 - half], "days": rows}


def given_clusters(folder: Path) -> dict[str, Any]:
    """Test standardised abnormal returns in ``share_repurchases.csv`` (code, date, ars) by clustered errors.

    ``returns.csv``, where it stands beside (date, the event firm, its control firm), gives the pair's abnormal and standardised returns.
    """
    table = read_table(folder / "share_repurchases.csv").drop_nulls("ars").cast({"ars": pl.Float64})
    values = table["ars"].to_numpy()
    firm, day = (table[name].cast(pl.String).rank("dense").to_numpy().astype(np.int64) for name in ("code", "date"))
    found = {"firm": clustered_mean(values, [firm]), "date": clustered_mean(values, [day]), "two_way": clustered_mean(values, [firm, day])}
    tests = [{"clusters": name, **_outcome(o)} for name, o in found.items()]
    tests.append({"clusters": "none", **_outcome(event_tests.cross_sectional(values))})
    result: dict[str, Any] = {"mean": float(values.mean()), "n": len(values), "tests": tests}
    if (folder / "returns.csv").exists():
        pair = read_table(folder / "returns.csv").drop_nulls()
        event, control = pair.columns[1:3]
        abnormal = pair[event].to_numpy() - pair[control].to_numpy()
        deviation = float(abnormal.std(ddof=1))
        columns = {"date": pair["date"].cast(pl.String).to_list(), "ar": abnormal, "sar": abnormal / deviation}
        result["pair"] = {"event": event, "control": control, "sigma": deviation, **columns}
    return result


def _row(test: str, first: int, last: int, o: Outcome) -> dict[str, Any]:
    return {"group": "all", "test": test, "window_start": first, "window_end": last, **_outcome(o)}


def _outcome(o: Outcome) -> dict[str, Any]:
    greater, less = o.one_sided()
    return {"statistic": o.statistic, "p_value": o.p_value, "df": o.df, "n_events": o.n_events, "p_greater": greater, "p_less": less}
