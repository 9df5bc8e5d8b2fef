"""Hundreds of variants over one pass of data: the parameters of signals and weights, side by side and judged by how many there were.

1. The caller's ``make(**parameters)`` returns the ``weights`` of a variant; what variants share (a panel, a score) it computes once.
2. Bars are laid out as arrays once (:func:`backtests.targets.laid_out`).
3. Every variant is one call of the engine's machine code: the same returns as :func:`backtests.run`, to the last digit.
4. Sharpe ratios are deflated by the whole sweep; :func:`trials_of` and :func:`record_all` put every variant into the trial ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.metrics import PERIODS
from backtests.rules import Rules, rules_of
from backtests.schemas import WEIGHTS
from backtests.sharpe import deflated_sharpe, probabilistic_sharpe, sharpe_ratio
from backtests.simulation_inputs import checked, ordered
from backtests.targets import laid_out, outcome_of, targets_of
from backtests.trials import TRIAL_RETURNS, TRIALS, Counting, Search, Trial, effective_trials, trial
from research.errors import UnknownSymbolError, UsageError
from research.schemas import BARS
from research.store import Store

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Sweep", "grid", "record_all", "sweep", "trials_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Variants over the same sessions.

    Attributes
    ----------
    table
        A row a variant in the order they came: ``variant`` (from 0), a column a parameter, then ``n`` sessions, ``annual_return``
        (geometric), ``annual_volatility``, ``sharpe`` and ``std_error`` (a year), ``max_drawdown``, ``annual_turnover``,
        ``annual_cost``, ``probabilistic`` and ``deflated`` (probabilities of a true Sharpe ratio above zero, the second after the whole
        sweep). Null where returns do not vary.
    returns
        ``variant, session, net_return``.
    parameters
        Names of the parameters, in order.
    market
        ``cn``, ``hk`` or ``us``.
    search
        How far was searched.
    """

    table: pl.DataFrame
    returns: pl.DataFrame
    parameters: tuple[str, ...]
    market: str
    search: Search

    @property
    def best(self) -> dict[str, object]:
        """The row of the highest Sharpe ratio (the first of equals)."""
        return self.table.sort("sharpe", "variant", descending=[True, False], nulls_last=True).row(0, named=True)

    def plot(self, x: str | None = None, y: str | None = None) -> Figure:
        """Return the heat map of the Sharpe ratio over two parameters, the first two by default; see :func:`trading_plots.heat_map`."""
        from backtests.trading_plots import heat_map

        return heat_map(self, x, y)


def grid(**values: Sequence[object]) -> list[dict[str, object]]:
    """Return every combination of the values, the last name varying fastest.

    >>> grid(half_life=[1, 2], quantiles=[5])
    [{'half_life': 1, 'quantiles': 5}, {'half_life': 2, 'quantiles': 5}]
    """
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def sweep(
    make: Callable[..., pl.DataFrame],
    variants: Sequence[Mapping[str, object]],
    bars: pl.DataFrame,
    *,
    market: str,
    costs: Costs,
    rules: Rules | None = None,
    cash: float = 10_000_000.0,
    execution: Execution | None = None,
    counting: Counting = "all",
) -> Sweep:
    """Simulate every variant and judge them together.

    Parameters
    ----------
    make
        Called with the parameters of a variant; returns its ``weights`` table (without rows: nothing is ever held).
    variants
        Parameters by name, the same names in each; :func:`grid` makes them.
    bars
        The ``bars`` table.
    market, costs, rules
        As in :func:`backtests.run`.
    cash, execution
        As in :func:`backtests.run`.
    counting
        How correlated variants count in the deflation (:func:`backtests.trials.effective_trials`).

    Raises
    ------
    UsageError
        Without variants, for parameters that differ in name, a gross above the market's cap, or when no variant has a target.
    """
    names = _names(variants)
    rules = rules_of(market) if rules is None else rules
    bars = BARS.validate(bars)
    quoted = pl.Enum(bars["symbol"].unique().sort())
    weights = [_checked(make(**dict(chosen)), rules, chosen, quoted) for chosen in variants]
    stated = [frame for frame in weights if frame.height]
    if not stated:
        raise UsageError(f"None of the {len(weights)} variants has a target; expected weights: check that the signal covers the dates.")
    symbols = pl.concat([frame["symbol"].unique() for frame in stated]).cast(pl.String).unique().to_list()
    first = min(frame["session"].min() for frame in stated)  # type: ignore[type-var]
    layout = laid_out(bars, symbols, first, ((rules, costs),), execution=execution)  # type: ignore[arg-type]
    found = [outcome_of(layout, targets_of(frame, layout), costs, cash=cash, execution=execution) for frame in weights]
    net = np.stack([each.net for each in found])
    ratios = [sharpe_ratio(row) for row in net]
    known = [ratio.value for ratio in ratios if ratio.value is not None]
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    effective = float(len(ratios)) if counting == "all" else effective_trials(net.T, counting)
    periods = PERIODS[market]
    root = periods**0.5
    level = np.cumprod(1 + net, axis=1)
    peak = np.maximum(np.maximum.accumulate(level, axis=1), 1.0)
    judged = pl.DataFrame(
        {
            "n": [net.shape[1]] * len(net),
            "annual_return": level[:, -1] ** (periods / net.shape[1]) - 1,
            "annual_volatility": net.std(axis=1, ddof=1) * root if net.shape[1] > 1 else np.full(len(net), np.nan),
            "sharpe": [None if ratio.value is None else ratio.value * root for ratio in ratios],
            "std_error": [None if ratio.std_error is None else ratio.std_error * root for ratio in ratios],
            "max_drawdown": np.minimum((level / peak - 1).min(axis=1), 0.0),
            "annual_turnover": [float(each.turnover.mean()) * periods for each in found],
            "annual_cost": [float(each.cost.mean()) * periods for each in found],
            "probabilistic": [probabilistic_sharpe(ratio) for ratio in ratios],
            "deflated": [deflated_sharpe(ratio, effective, spread) for ratio in ratios],
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
    chosen = pl.DataFrame({name: [variant[name] for variant in variants] for name in names}, strict=False)
    numbers = pl.int_range(len(net), dtype=pl.Int32, eager=True).alias("variant")
    returns = pl.DataFrame(
        {
            "variant": np.repeat(numbers.to_numpy(), net.shape[1]),
            "session": pl.Series(layout.sessions, dtype=pl.Date).gather(np.tile(np.arange(net.shape[1]), len(net))),
            "net_return": net.ravel(),
        }
    )
    return Sweep(
        pl.concat([numbers.to_frame(), chosen, judged], how="horizontal"), returns, names, market,
        Search(len(net), effective, spread, counting),
    )  # fmt: skip


def trials_of(found: Sweep, *, signal: str, horizon: int, config: Mapping[str, object] | None = None) -> list[Trial]:
    """Return every variant as a trial of ``signal`` (``name@version``), its parameters in the configuration beside ``config``."""
    span = found.returns["session"]
    start, end = span.min(), span.max()
    rows = found.table.select("variant", *found.parameters).to_dicts()
    parts = found.returns.partition_by("variant", as_dict=True, include_key=False)
    return [
        trial(
            parts[(row["variant"],)], signal=signal, market=found.market, start=start, end=end, horizon=horizon,  # type: ignore[arg-type]
            config={**(config or {}), "returns": "sweep", **{name: row[name] for name in found.parameters}},
        )
        for row in rows
    ]  # fmt: skip


def record_all(store: Store, tried: Sequence[Trial], *, evaluated_at: datetime | str) -> int:
    """Write trials to the ledger in one commit a table; return how many were new. One that is there is left as it is."""
    if not tried:
        return 0
    known = set(store.read(TRIALS)["trial_id"]) if store.home.exists() else set()
    fresh = [each for each in tried if each.trial_id not in known]
    if not fresh:
        return 0
    # the returns first, as in backtests.trials.record: a run killed in between is completed by the next
    store.append(TRIAL_RETURNS, pl.concat([each.returns for each in fresh]))
    return store.append(TRIALS, pl.concat([each.table(evaluated_at) for each in fresh])).added


def _names(variants: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    if not variants:
        raise UsageError("The sweep came without variants; expected at least one, such as grid(quantiles=[5, 10]).")
    names = tuple(variants[0])
    odd = next((dict(each) for each in variants if set(each) != set(names)), None)
    if odd is not None:
        raise UsageError(f"A variant came with the parameters {', '.join(odd)}; expected {', '.join(names)} as in the first one.")
    return names


def _checked(weights: pl.DataFrame, rules: Rules, chosen: Mapping[str, object], quoted: pl.Enum) -> pl.DataFrame:
    """Return the weights of a variant in little memory: all of them are held at once, since the earliest decides where the bars begin."""
    frame = ordered(checked(WEIGHTS, weights))
    largest = frame.group_by("session").agg(pl.col("weight").abs().sum()).select(pl.col("weight").max()).item()
    gross = float(largest or 0.0)
    if gross > rules.max_gross + 1e-9:
        raise UsageError(
            f"The variant {dict(chosen)} has a gross of {gross:.4f}; expected at most {rules.max_gross:g} in market {rules.market!r}."
        )
    unknown = frame.filter(~pl.col("symbol").is_in(quoted.categories.implode()))["symbol"].unique().sort()
    if len(unknown):
        raise UnknownSymbolError(f"{len(unknown)} symbols have no bars ({', '.join(unknown.head(5))}); expected bars for each.")
    return frame.with_columns(pl.col("symbol").cast(quoted))
