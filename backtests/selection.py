"""What choosing the best of the tried variants is worth: every test that looks at the whole ledger of a search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.false_discovery import storey
from backtests.inference import newey_west_mean
from backtests.multiple_testing import benjamini_hochberg, benjamini_yekutieli
from backtests.overfitting import Overfitting, overfitting
from backtests.scored import hac_lags
from backtests.sharpe import deflated_sharpe, probabilistic_sharpe, sharpe_ratio
from backtests.superior import SuperiorAbility, reality_check, stepdown, superior_ability
from backtests.trials import TRIALS, Counting, Search, effective_trials, returns_matrix
from research.errors import EstimationError

__all__ = ["Selection", "selection"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The variants of a search, judged together over the sessions they share.

    Attributes
    ----------
    table
        A row a trial, best Sharpe ratio first: ``trial_id, signal, horizon, config, n, sharpe`` (of one period), ``p_value`` (one-sided,
        mean return above the benchmark's, Newey–West), ``p_hochberg, p_yekutieli, q_storey`` (false discovery), ``p_stepdown`` (Romano
        & Wolf, any false discovery), ``probabilistic, deflated``.
    superior
        Hansen's test that none beats the benchmark; ``None`` with a sentence in ``notes`` below 10 periods, or where no return varies.
    reality_check
        p-value of White's; ``None`` as above, and so is ``p_stepdown``.
    overfitting
        Cross-validation of the choice; ``None`` with a sentence in ``notes`` where there is too little.
    search
        How far was searched.
    n_periods
        Periods all variants share.
    notes
        What could not be computed, and why.
    """

    table: pl.DataFrame
    superior: SuperiorAbility | None
    reality_check: float | None
    overfitting: Overfitting | None
    search: Search
    n_periods: int
    notes: tuple[str, ...]


def selection(
    trials: pl.DataFrame,
    returns: pl.DataFrame,
    *,
    benchmark: pl.DataFrame | None = None,
    blocks: int = 16,
    counting: Counting = "all",
    draws: int = 999,
    seed: int = 0,
) -> Selection:
    """Judge the variants of one search together.

    Parameters
    ----------
    trials, returns
        ``trials`` and ``trial_returns`` of one search, one length of period (:func:`backtests.trials.returns_matrix`).
    benchmark
        ``session, benchmark_return`` for every shared session; cash (zero) by default. Sharpe ratios and the cross-validation are of
        the returns less it.
    blocks
        Of the cross-validation.
    counting
        How correlated trials count in the deflation (:func:`backtests.trials.effective_trials`).
    draws, seed
        Of the bootstraps.

    Raises
    ------
    EstimationError
        When there is no trial, the trials cannot be compared or share no period, or the benchmark lacks one of them.
    """
    ledger = TRIALS.validate(trials).sort("trial_id")
    if ledger.is_empty():
        raise EstimationError("The ledger holds no trial; evaluate a variant first.")
    sessions, x = returns_matrix(ledger, returns)
    if benchmark is not None:
        paired = sessions.join(benchmark.select("session", "benchmark_return"), on="session", how="left").sort("session")
        if paired.height != sessions.height or paired["benchmark_return"].null_count():
            raise EstimationError(
                f"The benchmark does not have one return in each of the {sessions.height} shared sessions; fill it first."
            )
        x = x - paired["benchmark_return"].to_numpy()[:, None]
    notes: list[str] = []
    superior: SuperiorAbility | None = None
    white: float | None = None
    steps = np.full(x.shape[1], np.nan)
    try:
        superior = superior_ability(x, draws=draws, seed=seed)
        white, steps = reality_check(x, draws=draws, seed=seed), stepdown(x, draws=draws, seed=seed)
    except EstimationError as error:
        notes.append(f"Whether the best beats the benchmark was not tested. {error}")
    found: Overfitting | None = None
    try:
        found = overfitting(x, blocks=blocks)
    except EstimationError as error:
        notes.append(f"The probability of overfitting was not computed. {error}")
    ratios = [sharpe_ratio(column) for column in x.T]
    values = [ratio.value for ratio in ratios if ratio.value is not None]
    if len(values) < len(ratios):
        notes.append(
            f"{len(ratios) - len(values)} of {len(ratios)} trials have no Sharpe ratio: no return of theirs differs; they count as tried."
        )
    # of these sessions and less the benchmark, so not the ledger's own figures
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    effective = float(len(ratios)) if counting == "all" else effective_trials(x, counting)
    search = Search(len(ratios), effective, spread / float(ledger["period"][0]) ** 0.5, counting)
    p_value = np.array([_above(column) for column in x.T])
    judged = pl.DataFrame(
        {
            "n": [len(x)] * x.shape[1],
            "sharpe": [ratio.value for ratio in ratios],
            "probabilistic": [probabilistic_sharpe(ratio) for ratio in ratios],
            "deflated": [deflated_sharpe(ratio, effective, spread) for ratio in ratios],
            "p_value": p_value,
            "p_hochberg": benjamini_hochberg(p_value),
            "p_yekutieli": benjamini_yekutieli(p_value),
            "q_storey": storey(p_value),
            "p_stepdown": steps,
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
    order = ("n", "sharpe", "p_value", "p_hochberg", "p_yekutieli", "q_storey", "p_stepdown", "probabilistic", "deflated")
    table = pl.concat([ledger.select("trial_id", "signal", "horizon", "config"), judged.select(order)], how="horizontal")
    return Selection(
        table.sort("sharpe", "trial_id", descending=[True, False], nulls_last=True),
        superior,
        white,
        found,
        search,
        len(x),
        tuple(notes),
    )


def _above(values: Floats) -> float:
    """Return the one-sided p-value of a mean above zero; NaN without one."""
    estimate = newey_west_mean(values, hac_lags(len(values), 1))
    if estimate.p_value is None or estimate.t is None:
        return float("nan")
    return estimate.p_value / 2 if estimate.t > 0 else 1 - estimate.p_value / 2
