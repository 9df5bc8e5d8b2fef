"""The trial ledger: every evaluated variant, so that the best of them is judged by how many there were.

A trial is a signal, a market, a window, a horizon and a configuration; :func:`trial_id` is a hash of those. A home keeps one row a trial in
``trials`` and its returns in ``trial_returns``, insert-only: evaluating the same configuration again adds nothing and counts once, and a
result that pleased nobody cannot be taken out. Two trials of one signal and market with the same returns are one, whichever commands
made them: a sweep that passes over a backtest made before adds nothing to the search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.sharpe import sharpe_ratio
from research.errors import EstimationError, UsageError
from research.schemas import INSTANT, Column, Table, content_id
from research.store import Store, as_instant

__all__ = [
    "TRIALS",
    "TRIAL_RETURNS",
    "Recorded",
    "Search",
    "Trial",
    "distinct",
    "effective_trials",
    "record",
    "returns_matrix",
    "search_of",
    "trial",
    "trial_id",
]

Floats = npt.NDArray[np.float64]

#: columns in which two rows of one trial agree; ``returns_id`` is a hash of every session and return
_SAME = ("signal", "market", "period", "returns_id")

Counting = Literal["all", "average_correlation", "clusters"]

TRIALS = Table(
    "trials",
    ("trial_id",),
    (
        Column("trial_id", pl.String, "hash of signal, market, window, horizon and configuration"),
        Column("signal", pl.String, "name@version"),
        Column("market", pl.String, "market, or whatever names the data"),
        Column("start", pl.Date, "first session of the window"),
        Column("end", pl.Date, "last session of the window"),
        Column("horizon", pl.Int16, "sessions the view is about", low=1),
        Column("config", pl.String, "JSON object of everything else that was chosen, keys sorted"),
        Column("evaluated_at", INSTANT, "wall clock of the first evaluation"),
        Column("period", pl.Int16, "sessions one return spans", low=1),
        Column("n", pl.Int64, "returns", low=0),
        Column("mean_return", pl.Float64, "mean return of a period, after the costs of the configuration, fraction", null=True),
        Column("sharpe", pl.Float64, "mean over standard deviation of a period's return", null=True),
        Column("skewness", pl.Float64, "third standardised moment of the returns", null=True),
        Column("kurtosis", pl.Float64, "fourth standardised moment; 3 for a normal distribution", null=True, low=1 - 1e-9),
        Column("mean_ic", pl.Float64, "mean rank information coefficient at the horizon", null=True, low=-1, high=1),
        Column("ic_p_value", pl.Float64, "its two-sided p-value, Newey–West", null=True, low=0, high=1),
        Column("returns_id", pl.String, "hash of the returns: what `trial_returns` holds under this trial_id"),
    ),
    clock="evaluated_at",
)

TRIAL_RETURNS = Table(
    "trial_returns",
    ("trial_id", "session"),
    (
        Column("trial_id", pl.String, "trial"),
        Column("session", pl.Date, "session the period begins in"),
        Column("net_return", pl.Float64, "return of the period, fraction"),
    ),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluated variant: its row of :data:`TRIALS` without ``evaluated_at``, and its rows of :data:`TRIAL_RETURNS`."""

    trial_id: str
    row: Mapping[str, object]
    returns: pl.DataFrame

    def table(self, evaluated_at: datetime | str) -> pl.DataFrame:
        """Return the row as a ``trials`` table."""
        return TRIALS.frame([{**self.row, "evaluated_at": as_instant(evaluated_at)}])


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a trial did: whether its row was new, distinct trials in the ledger, a note when it was known with other returns."""

    trial_id: str
    new: bool
    n_trials: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """How far was searched: distinct trials, what number of independent ones they are worth, spread of their Sharpe ratios of a session.

    ``n_short`` of them are too short to say anything about that spread.
    """

    n_trials: int
    effective: float
    spread: float
    counting: Counting
    n_short: int = 0


def trial_id(signal: str, market: str, start: date, end: date, horizon: int, config: Mapping[str, object]) -> str:
    """Return the hash of a configuration; the order of the keys of ``config`` plays no part."""
    return content_id("trial", signal, market, start.isoformat(), end.isoformat(), horizon, _canonical(config))


def trial(
    returns: pl.DataFrame,
    *,
    signal: str,
    market: str,
    start: date,
    end: date,
    horizon: int,
    config: Mapping[str, object],
    period: int = 1,
    mean_ic: float | None = None,
    ic_p_value: float | None = None,
) -> Trial:
    """Return one evaluated variant, ready for :func:`record`.

    Parameters
    ----------
    returns
        ``session, net_return``: one row a period, after costs.
    signal, market, start, end, horizon, config
        What was tried. ``config`` holds JSON values: everything that was chosen and could have been chosen otherwise.
    period
        Sessions one return spans.
    mean_ic, ic_p_value
        Rank information coefficient at the horizon.

    Raises
    ------
    UsageError
        For a configuration that is not JSON.
    """
    name = trial_id(signal, market, start, end, horizon, config)
    series = returns.select(trial_id=pl.lit(name), session="session", net_return="net_return")
    series = TRIAL_RETURNS.validate(series).sort("session")
    values = series["net_return"].to_numpy()
    ratio = sharpe_ratio(values)
    row = {
        "trial_id": name, "signal": signal, "market": market, "start": start, "end": end, "horizon": horizon,
        "config": _canonical(config), "period": period, "n": len(values),
        "mean_return": float(values.mean()) if len(values) else None,
        "sharpe": ratio.value, "skewness": ratio.skewness, "kurtosis": ratio.kurtosis, "mean_ic": mean_ic, "ic_p_value": ic_p_value,
        "returns_id": content_id(*(f"{day.isoformat()}={value!r}" for day, value in series.select("session", "net_return").rows())),
    }  # fmt: skip
    return Trial(name, row, series)


def record(store: Store, tried: Trial, *, evaluated_at: datetime | str) -> Recorded:
    """Write a trial to the ledger; one that is there already is left as it is.

    Parameters
    ----------
    store
        Home of the ledger.
    tried
        The variant.
    evaluated_at
        Wall clock.
    """
    # the returns first: a run that is killed in between leaves returns without a row, which the next run completes
    known = store.read(TRIALS).filter(pl.col("trial_id") == tried.trial_id) if store.home.exists() else TRIALS.empty()
    if known.is_empty():
        store.append(TRIAL_RETURNS, tried.returns)
    written = store.append(TRIALS, tried.table(evaluated_at))
    ledger = store.read(TRIALS)
    kept = ledger.filter(pl.col("trial_id") == tried.trial_id).row(0, named=True)
    note = None
    if kept["returns_id"] != tried.row["returns_id"]:
        note = (
            f"Trial {tried.trial_id} was evaluated at {kept['evaluated_at']:%Y-%m-%dT%H:%M%z} with other returns: its data or code changed "
            "since, and the ledger keeps the first result; name what changed in the configuration, or in the signal's version."
        )
    return Recorded(tried.trial_id, written.added > 0, distinct(ledger).height, note)


def distinct(trials: pl.DataFrame) -> pl.DataFrame:
    """Return the ``trials`` that count: of those of one signal, market and period with the same returns the first row."""
    return trials.unique(subset=_SAME, keep="first", maintain_order=True)


def search_of(
    trials: pl.DataFrame, returns: pl.DataFrame | None = None, *, tried: Trial | None = None, counting: Counting = "all"
) -> Search:
    """Return how far was searched, for :func:`backtests.sharpe.deflated_sharpe`.

    Parameters
    ----------
    trials
        ``trials`` rows of one search: all variants that were tried for one purpose, whatever became of them. Those with the same returns
        count once (:func:`distinct`).
    returns
        ``trial_returns``; needed unless every trial counts in full.
    tried
        A trial that may not be in the ledger yet; it counts once.
    counting
        ``all``: each trial is one; else as :func:`effective_trials`.

    Notes
    -----
    The spread stands for that of ratios without skill over as many sessions as the trial that is judged has. A ratio of a few sessions is
    wide of any truth, and one of them would set a hurdle that nothing passes: trials of less than half the sessions of ``tried`` (without
    it of the longest) count among the trials, and not in the spread.
    """
    ledger = TRIALS.validate(trials).select("trial_id", "sharpe", "n", *_SAME)
    if tried is not None:
        own = pl.DataFrame([{name: tried.row[name] for name in ledger.columns}], schema=ledger.schema)
        ledger = pl.concat([own, ledger.filter(pl.col("trial_id") != tried.trial_id)])
    length = pl.col("n") * pl.col("period")
    least = length.max() if tried is None else pl.lit(tried.row["n"]) * pl.lit(tried.row["period"])
    ledger = distinct(ledger).with_columns(_long=length >= least / 2)
    long = ledger.filter("_long").drop_nulls("sharpe")
    sharpe = (long["sharpe"] / long["period"].cast(pl.Float64).sqrt()).to_numpy()
    effective = float(max(1, ledger.height))
    if counting != "all" and ledger.height > 1:
        if returns is None:
            raise UsageError(f"counting came as {counting} without returns; expected the trial_returns table beside it.")
        if tried is not None:
            returns = pl.concat([returns.filter(pl.col("trial_id") != tried.trial_id), tried.returns])
        effective = effective_trials(returns_matrix(ledger, returns)[1], counting)
    spread = float(sharpe.std(ddof=1)) if len(sharpe) > 1 else 0.0
    return Search(ledger.height, effective, spread, counting, int((~ledger["_long"]).sum()))


def effective_trials(returns: Floats, counting: Counting = "average_correlation") -> float:
    r"""Return how many independent trials N correlated ones are worth.

    Parameters
    ----------
    returns
        (T, N) returns of every trial over the same periods. One without spread is left out (and is worth nothing); without any it is 1.
    counting
        ``average_correlation``: :math:`\bar\rho + (1 - \bar\rho) N` with the mean correlation of pairs, not below zero (Bailey and López de
        Prado 2014, appendix). ``clusters``: number of clusters of average linkage over the distances :math:`\sqrt{(1 - \rho) / 2}` that has
        the largest mean silhouette. ``all``: N.

    Returns
    -------
    Between 1 and N.
    """
    x = np.asarray(returns, dtype=float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise EstimationError(f"The returns came with shape {x.shape} or holes; expected a finite number for every trial and period.")
    x = x[:, x.std(axis=0) > 1e-14 * np.maximum(1.0, np.abs(x).max(axis=0, initial=0.0))] if x.size else x
    n = x.shape[1]
    if n < 2 or counting == "all":
        return float(max(1, n))
    correlation = np.clip(np.corrcoef(x, rowvar=False), -1.0, 1.0)
    if counting == "average_correlation":
        mean = max(0.0, float((correlation.sum() - np.trace(correlation)) / (n * (n - 1))))
        return float(mean + (1 - mean) * n)
    if counting != "clusters":
        raise UsageError(f"counting came as {counting!r}; expected all, average_correlation or clusters.")
    return float(_clusters(np.sqrt((1 - correlation) / 2)))


def returns_matrix(trials: pl.DataFrame, returns: pl.DataFrame) -> tuple[pl.DataFrame, Floats]:
    """Return the sessions and the (T, N) returns of trials over the span they share, columns in the order of ``trials``.

    A session in which a trial has no return is one in which it held nothing: zero.

    Returns
    -------
    tuple
        A frame with the ``session`` of each row, and the array.

    Raises
    ------
    EstimationError
        When trials have returns of different lengths, no returns, or share no span.
    """
    order = trials["trial_id"].to_list()
    periods = sorted({int(p) for p in trials["period"]})
    if len(periods) > 1:
        raise EstimationError(
            f"The trials have returns over {', '.join(map(str, periods))} sessions; expected one length: compare those of one horizon, or "
            "evaluate each on the daily returns of its backtest."
        )
    series = returns.filter(pl.col("trial_id").is_in(order))
    spans = series.group_by("trial_id").agg(first=pl.col("session").min(), last=pl.col("session").max())
    if spans.height < len(order):
        raise EstimationError(f"{len(order) - spans.height} of {len(order)} trials have no returns in trial_returns; expected every one.")
    first, last = spans["first"].max(), spans["last"].min()
    shared = series.filter(pl.col("session").is_between(pl.lit(first), pl.lit(last)))
    if shared["trial_id"].n_unique() < len(order):
        raise EstimationError(f"The {len(order)} trials share no span of sessions; expected windows that overlap: filter the ledger.")
    wide = shared.pivot(on="trial_id", index="session", values="net_return").sort("session").fill_null(0.0)
    return wide.select("session"), wide.select(order).to_numpy().astype(np.float64)


def _canonical(config: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(config), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise UsageError(f"A trial's configuration is not JSON ({error}); expected text, finite numbers, lists and objects.") from error


def _clusters(distance: Floats) -> int:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    n = len(distance)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    # copies of one trial are one trial; silhouettes need at least two clusters, and not all of them of one member
    if float(tree[:, 2].max()) < math.sqrt(5e-7):
        return 1
    best, found = -1.0, n
    for count in range(2, n):
        labels = fcluster(tree, count, criterion="maxclust")
        if len(np.unique(labels)) != count:
            continue
        quality = _silhouette(distance, labels)
        if quality > best + 1e-12:
            best, found = quality, count
    # where no grouping is better than none, nothing says the trials are fewer than they are
    return found if best > 0 else n


def _silhouette(distance: Floats, labels: npt.NDArray[np.int32]) -> float:
    member = labels[:, None] == np.unique(labels)
    sizes = member.sum(axis=0)
    sums = distance @ member
    own_size = member @ sizes
    inside = (sums * member).sum(axis=1) / np.maximum(own_size - 1, 1)
    outside = np.where(member, np.inf, sums / sizes).min(axis=1)
    largest = np.maximum(inside, outside)
    score = np.divide(outside - inside, largest, out=np.zeros_like(largest), where=(largest > 0) & (own_size > 1))
    return float(score.mean())
