"""Everything that is asked of one signal, in one frozen value: :func:`evaluate`.

1. Does it order returns: information coefficient by horizon, hit rate, quantile returns; with errors that know labels overlap.
2. For whom: the same inside groups of rows (sector, regime, language, event type, novelty …).
3. How fast must one trade: rank autocorrelation, turnover of the quantiles.
4. What would it have earned, and how sure is that after the search that found it: returns, probabilistic and deflated Sharpe ratio.

Nothing is written: :func:`backtests.trials.record` puts :attr:`Evaluation.trial` into the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import polars as pl

from backtests.labels import Labels
from backtests.metrics import PERIODS, SHARPE_METHOD, sharpe_error
from backtests.persistence import rank_autocorrelation
from backtests.predictive import InformationCoefficient, coefficient_errors, grouped_coefficient, hit_rate, information_coefficient
from backtests.quantiles import quantile_returns, quantile_turnover, spread_returns
from backtests.schemas import METRICS
from backtests.scored import by_horizon, horizons_of, scores_of
from backtests.sharpe import deflated_sharpe, expected_maximum_sharpe, minimum_track_record, probabilistic_sharpe, sharpe_ratio
from backtests.trials import Counting, Search, Trial, search_of, trial
from research.errors import EstimationError, UsageError

__all__ = ["Evaluation", "evaluate", "judged_among"]

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What is known of one signal in one market.

    Attributes
    ----------
    signal, market, horizon
        What was evaluated; ``horizon`` in sessions, of the returns and of the ledger.
    ic
        Rank information coefficient (Spearman), Newey–West.
    coefficients
        Both correlations with three kinds of error: ``horizon, correlation, errors, mean_ic, std_error, t, p_value, ci_low, ci_high, n``.
    hit_rate
        :func:`backtests.predictive.hit_rate`.
    quantiles
        :func:`backtests.quantiles.quantile_returns`.
    turnover
        ``quantile, turnover`` mean share of new symbols from session to session, ``n`` sessions.
    autocorrelation
        :func:`backtests.persistence.rank_autocorrelation`.
    groups
        :func:`backtests.predictive.grouped_coefficient` of every grouping, one below the other.
    returns
        ``session, net_return`` of a portfolio: the given one, or the spread of :func:`backtests.quantiles.spread_returns` (with
        ``gross_return, turnover, cost``).
    performance
        ``metrics`` table: Sharpe ratio of a period, its moments, probabilistic and deflated Sharpe ratio, minimum track record.
    search
        The trials the deflation knew of, this one among them; ``None`` without a ledger: then nothing is deflated.
    trial
        What :func:`backtests.trials.record` writes.
    """

    signal: str
    market: str
    horizon: int
    ic: InformationCoefficient
    coefficients: pl.DataFrame
    hit_rate: pl.DataFrame
    quantiles: pl.DataFrame
    turnover: pl.DataFrame
    autocorrelation: pl.DataFrame
    groups: pl.DataFrame
    returns: pl.DataFrame
    performance: pl.DataFrame
    search: Search | None
    trial: Trial


def evaluate(
    scores: pl.DataFrame,
    labels: Labels,
    *,
    market: str,
    horizon: int | None = None,
    quantiles: int = 5,
    cost: float = 0.0,
    returns: pl.DataFrame | None = None,
    groups: Mapping[str, pl.DataFrame] | None = None,
    config: Mapping[str, object] | None = None,
    trials: pl.DataFrame | None = None,
    trial_returns: pl.DataFrame | None = None,
    counting: Counting = "all",
    lags: Sequence[int] = (1, 5, 20),
    draws: int = 999,
    seed: int = 0,
) -> Evaluation:
    """Evaluate one signal.

    Parameters
    ----------
    scores
        ``signals`` table of one signal, of the window that is evaluated.
    labels
        ``labels`` table, or :func:`backtests.labels.returns_ahead`, which takes less memory.
    market
        Name of the market or the data, for the ledger; one of :data:`backtests.metrics.PERIODS` adds the Sharpe ratio of a year.
    horizon
        Horizon of returns and ledger; by default the scores' own when the labels have it, else the labels' next shorter or their shortest.
    quantiles, cost
        Of the portfolio (:func:`backtests.quantiles.spread_returns`).
    returns
        ``session, net_return`` of a portfolio of this signal, one row a session (a backtest's ``portfolio``), in place of the spread.
    groups
        By column name, the frames of :func:`backtests.predictive.grouped_coefficient`.
    config
        JSON values: everything else that was chosen, such as half-lives or a model's penalty. Quantiles, cost and the kind of returns
        are added.
    trials, trial_returns
        The ledger of the search this signal belongs to (``store.read(TRIALS)``); this trial is added when it is not in it.
    counting
        How correlated trials count (:func:`backtests.trials.effective_trials`).
    lags
        Of the rank autocorrelation, in sessions of the score.
    draws, seed
        Of the bootstraps.

    Raises
    ------
    EstimationError
        When no score has a label.
    UsageError
        For several signals, an unknown horizon, or a configuration that is not JSON.
    """
    ic = information_coefficient(scores, labels)
    tried, series = trial_of(
        scores, labels, ic, market=market, horizon=horizon, quantiles=quantiles, cost=cost, returns=returns, config=config
    )  # fmt: skip
    chosen, period = cast("int", tried.row["horizon"]), cast("int", tried.row["period"])
    alone = Evaluation(
        signal=cast("str", tried.row["signal"]),
        market=market,
        horizon=chosen,
        ic=ic,
        coefficients=coefficient_errors(scores, labels, draws=draws, seed=seed),
        hit_rate=hit_rate(scores, labels),
        quantiles=quantile_returns(scores, labels, quantiles=quantiles),
        turnover=_turnover(scores, quantiles),
        autocorrelation=rank_autocorrelation(scores, lags=lags),
        groups=pl.concat([_no_groups(), *(grouped_coefficient(scores, labels, frame, by) for by, frame in (groups or {}).items())]),
        returns=series,
        performance=_performance(series["net_return"], period, None, PERIODS.get(market)),
        search=None,
        trial=tried,
    )
    return alone if trials is None else judged_among(alone, trials, trial_returns, counting=counting)


def trial_of(
    scores: pl.DataFrame, labels: Labels, ic: InformationCoefficient, *, market: str, horizon: int | None = None, quantiles: int = 5,
    cost: float = 0.0, returns: pl.DataFrame | None = None, config: Mapping[str, object] | None = None,
) -> tuple[Trial, pl.DataFrame]:  # fmt: skip
    """Return what goes into the ledger for a signal, and its returns; arguments and errors as of :func:`evaluate`.

    ``ic`` is the :func:`backtests.predictive.information_coefficient` of both.
    """
    plain = scores_of(scores)
    ends = [part["session"].slice(k, 1) for part in by_horizon(plain, labels) for k in (0, -1)]
    labelled = pl.concat([pl.Series("session", [], dtype=pl.Date), *ends])
    signal = str(scores.head(1)["signal"][0]) if scores.height else ""
    if labelled.is_empty():
        raise EstimationError(
            f"None of the {scores.height} scores of {signal or 'the signal'} has one of the {labels.height} labels; expected scores and "
            "labels of the same sessions and symbols."
        )
    chosen = _horizon(scores, labels, horizon)
    series = spread_returns(scores, labels, horizon=chosen, quantiles=quantiles, cost=cost) if returns is None else returns.sort("session")
    period = chosen if returns is None else 1
    here = ic.summary.filter(pl.col("horizon") == chosen)
    tried = trial(
        series,
        signal=signal,
        market=market,
        start=labelled.min(),  # type: ignore[arg-type]
        end=labelled.max(),  # type: ignore[arg-type]
        horizon=chosen,
        config={**(config or {}), "quantiles": quantiles, "cost": cost, "returns": "spread" if returns is None else "given"},
        period=period,
        mean_ic=here["mean_ic"][0],
        ic_p_value=here["p_value"][0],
    )
    return tried, series


def judged_among(
    found: Evaluation, trials: pl.DataFrame, trial_returns: pl.DataFrame | None = None, *, counting: Counting = "all"
) -> Evaluation:
    """Return an evaluation against a ledger of trials: the Sharpe ratio is deflated by the search; arguments as of :func:`evaluate`.

    Trials of other markets are another search.
    """
    search = search_of(trials.filter(pl.col("market") == found.market), trial_returns, tried=found.trial, counting=counting)
    period = cast("int", found.trial.row["period"])
    return replace(found, search=search, performance=_performance(found.returns["net_return"], period, search, PERIODS.get(found.market)))


def _horizon(scores: pl.DataFrame, labels: Labels, asked: int | None) -> int:
    known = horizons_of(labels)
    if asked is not None:
        if asked not in known:
            raise UsageError(f"horizon came as {asked}; the labels have {', '.join(map(str, known))}.")
        return asked
    own = int(scores.head(1)["horizon"][0])
    return max((h for h in known if h <= own), default=known[0])


def _turnover(scores: pl.DataFrame, quantiles: int) -> pl.DataFrame:
    changed = quantile_turnover(scores, quantiles=quantiles)
    return changed.group_by("quantile").agg(pl.col("turnover").mean(), n=pl.len().cast(pl.Int64)).sort("quantile")


def _no_groups() -> pl.DataFrame:
    floats = ("mean_ic", "std_error", "t", "p_value", "ci_low", "ci_high")
    schema = {"grouping": pl.String, "group": pl.String, "horizon": pl.Int16, **dict.fromkeys(floats, pl.Float64)}
    return pl.DataFrame(schema={**schema, "n": pl.Int64, "n_rows": pl.Int64, "p_adjusted": pl.Float64})


def _performance(returns: pl.Series, period: int, search: Search | None, sessions: int | None) -> pl.DataFrame:
    ratio = sharpe_ratio(returns)
    value, n = ratio.value, ratio.n
    error = None if value is None else sharpe_error(returns.to_numpy())
    span = "a session" if period == 1 else f"{period} sessions"

    def row(metric: str, value: float | None, method: str, error: float | None = None) -> dict[str, object]:
        low, high = (None, None) if value is None or error is None else (value - _Z * error, value + _Z * error)
        return {"metric": metric, "value": value, "std_error": error, "ci_low": low, "ci_high": high, "n": n, "method": method}

    rows = [row("sharpe_period", value, f"mean / standard deviation of net returns of {span}; {SHARPE_METHOD}", error)]
    formula = f"Bailey & López de Prado, returns of {span} taken as independent"
    if sessions is not None:
        root = (sessions / period) ** 0.5
        scaled = (None if v is None else v * root for v in (value, error))
        year, year_error = scaled
        rows.append(row("sharpe", year, f"the same × √({sessions}/{period}), a year", year_error))
    rows += [
        row("skewness", ratio.skewness, f"third standardised moment of net returns of {span}"),
        row("kurtosis", ratio.kurtosis, "fourth standardised moment; 3 for a normal distribution"),
        row("probabilistic_sharpe", probabilistic_sharpe(ratio), f"probability that the true Sharpe ratio is above zero; {formula}"),
        row("minimum_track_record", minimum_track_record(ratio), f"periods of {span} until that probability is 95 %"),
    ]
    if search is not None:
        spread = search.spread * period**0.5
        hurdle = expected_maximum_sharpe(search.effective, spread)
        known = "1 distinct trial" if search.n_trials == 1 else f"{search.n_trials} distinct trials"
        tried = f"{known} in the ledger, counted as {search.effective:.1f} ({search.counting})"
        if search.n_short:
            tried += f"; {search.n_short} of less than half the sessions left out of the spread"
        rows += [
            row("expected_maximum_sharpe", hurdle, f"Sharpe ratio of {span} the best has without skill; {tried}"),
            row("deflated_sharpe", deflated_sharpe(ratio, search.effective, spread), f"probability of a true ratio above zero; {tried}"),
        ]
    return METRICS.frame(rows)
