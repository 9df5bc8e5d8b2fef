"""Hundreds of variants over one pass of data: the parameters of signals and weights, side by side and judged by how many there were.

1. The caller's ``make(**parameters)`` returns the ``weights`` of a variant; what variants share (a panel, a score) it computes once.
2. Bars are laid out as arrays once (:func:`backtests.targets.laid_out`).
3. Every variant is one call of the engine's machine code: the same returns as :func:`backtests.run`, to the last digit.
4. Sharpe ratios are deflated by the whole sweep; :func:`trials_of` and :func:`record_all` put every variant into the trial ledger, and
   :func:`deflated` counts what else the ledger holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.metrics import PERIODS, sharpe_error
from backtests.rules import Rules, rules_of
from backtests.schemas import WEIGHTS
from backtests.sharpe import SharpeRatio, deflated_sharpe, probabilistic_sharpe, sharpe_ratio
from backtests.simulation_inputs import checked, ordered, require_timely
from backtests.targets import Outcome, laid_out, outcome_of, targets_of
from backtests.trials import TRIAL_RETURNS, TRIALS, Counting, Search, Trial, distinct, effective_trials, trial
from research.errors import UnknownSymbolError, UsageError
from research.schemas import BARS
from research.store import Store

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Sweep", "deflated", "grid", "record_all", "sweep", "trials_of"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Variants over the same sessions.

    Attributes
    ----------
    table
        A row a variant in the order they came: ``variant`` (from 0), a column a parameter, then ``n`` sessions, ``annual_return``
        (geometric), ``annual_volatility``, ``sharpe`` and ``std_error`` (a year, the error of
        :func:`backtests.metrics.sharpe_error`), ``max_drawdown``, ``annual_turnover``,
        ``annual_cost``, ``probabilistic`` and ``deflated`` (probabilities of a true Sharpe ratio above zero, the second after the whole
        sweep). Null where returns do not vary.
    returns
        ``variant, session, net_return``.
    parameters
        Names of the parameters, in order.
    market
        ``cn``, ``hk`` or ``us``.
    search
        How far was searched: variants with the same returns count once.
    begins
        Of each variant the session its first targets fill in, ``None`` when it has none: before it the variant holds nothing.
    """

    table: pl.DataFrame
    returns: pl.DataFrame
    parameters: tuple[str, ...]
    market: str
    search: Search
    begins: tuple[date | None, ...]

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
        Called with the parameters of a variant; returns its ``weights`` table (without rows: nothing is ever held). A further column
        ``asof`` is held against the open of the fill, as in :func:`backtests.run`.
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
    SchemaError, UnknownSymbolError
        For weights or bars that do not fit, and weighted symbols without bars.
    UsageError
        Without variants, for parameters that differ in name, a gross above the market's cap, costs of another market, cash that is not
        positive, a weight of a day that is no session or decided after its open, or when no variant has a target.
    """
    names = _names(variants)
    rules = rules_of(market) if rules is None else rules
    _require(rules, costs, market, cash)
    bars = BARS.validate(bars)
    made = [_made(make, chosen, rules, pl.Enum(bars["symbol"].unique().sort())) for chosen in variants]
    weights = [frame for frame, _ in made]
    if not any(frame.height for frame in weights):
        raise UsageError(f"None of the {len(weights)} variants has a target; expected weights: check that the signal covers the dates.")
    stated = [frame for frame in weights if frame.height]
    symbols = pl.concat([frame["symbol"].unique() for frame in stated]).cast(pl.String).unique().to_list()
    first = min(frame["session"].min() for frame in stated)  # type: ignore[type-var]
    layout = laid_out(bars, symbols, first, ((rules, costs),), execution=execution)  # type: ignore[arg-type]
    for _, asof in made:
        if asof is not None:
            require_timely(asof, layout.sessions, execution or Execution())
    targets = [targets_of(frame, layout) for frame in weights]
    found = [outcome_of(layout, each, costs, cash=cash, execution=execution) for each in targets]
    net = np.stack([each.net for each in found])
    ratios = [sharpe_ratio(row) for row in net]
    search = _search(net, ratios, counting)
    numbers = pl.int_range(len(net), dtype=pl.Int32, eager=True).alias("variant")
    chosen = pl.DataFrame({name: [variant[name] for variant in variants] for name in names}, strict=False)
    returns = pl.DataFrame(
        {
            "variant": np.repeat(numbers.to_numpy(), net.shape[1]),
            "session": pl.Series(layout.sessions, dtype=pl.Date).gather(np.tile(np.arange(net.shape[1]), len(net))),
            "net_return": net.ravel(),
        }
    )
    table = pl.concat([numbers.to_frame(), chosen, _judged(found, net, ratios, search, PERIODS[market])], how="horizontal")
    begins = tuple(layout.sessions[int(each.decided.argmax())] if each.decided.any() else None for each in targets)
    return Sweep(table, returns, names, market, search, begins)


def deflated(found: Sweep, search: Search) -> Sweep:
    """Return a sweep whose Sharpe ratios are deflated by a longer search, such as that of a whole ledger, in place of its own."""
    parts = found.returns.partition_by("variant", maintain_order=True)
    values = [deflated_sharpe(sharpe_ratio(part["net_return"]), search.effective, search.spread) for part in parts]
    return replace(found, table=found.table.with_columns(deflated=pl.Series(values, dtype=pl.Float64)), search=search)


def trials_of(found: Sweep, *, signal: str, horizon: int, config: Mapping[str, object] | None = None) -> list[Trial]:
    """Return every variant as a trial of ``signal`` (``name@version``), its parameters in the configuration beside ``config``."""
    span = found.returns["session"]
    start, end = span.min(), span.max()
    rows = found.table.select("variant", *found.parameters).to_dicts()
    parts = found.returns.partition_by("variant", as_dict=True, include_key=False)
    tried = []
    for row, begin in zip(rows, found.begins, strict=True):
        mine = parts[(row["variant"],)]
        tried.append(
            trial(
                mine if begin is None else mine.filter(pl.col("session") >= begin),
                signal=signal, market=found.market, start=start, end=end, horizon=horizon,  # type: ignore[arg-type]
                config={**(config or {}), "returns": "sweep", **{name: row[name] for name in found.parameters}},
            )
        )  # fmt: skip
    return tried


def record_all(store: Store, tried: Sequence[Trial], *, evaluated_at: datetime | str) -> int:
    """Write trials to the ledger in one commit a table; return how many were new.

    One that is there is left as it is, and one whose returns are there is not written again: a backtest had made the same portfolio.
    """
    if not tried:
        return 0
    made = pl.concat([each.table(evaluated_at) for each in tried])
    ledger = store.read(TRIALS) if store.home.exists() else made.clear()
    known = set(ledger["trial_id"])
    wanted = set(distinct(pl.concat([ledger, made.filter(~pl.col("trial_id").is_in(known))]))["trial_id"]) - known
    fresh = [each for each in tried if each.trial_id in wanted]
    if not fresh:
        return 0
    # the returns first, as in backtests.trials.record: a run killed in between is completed by the next
    store.append(TRIAL_RETURNS, pl.concat([each.returns for each in fresh]))
    return store.append(TRIALS, made.filter(pl.col("trial_id").is_in(wanted))).added


def _search(net: Floats, ratios: Sequence[SharpeRatio], counting: Counting) -> Search:
    """Return how far the sweep searched; variants with the same returns are one."""
    own = np.sort(np.unique(net, axis=0, return_index=True)[1])
    known = [ratios[k].value for k in own if ratios[k].value is not None]
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    return Search(len(own), float(len(own)) if counting == "all" else effective_trials(net[own].T, counting), spread, counting)


def _judged(found: Sequence[Outcome], net: Floats, ratios: Sequence[SharpeRatio], search: Search, periods: int) -> pl.DataFrame:
    """Return the figures of :attr:`Sweep.table`, a row a variant."""
    root, n = periods**0.5, net.shape[1]
    level = np.cumprod(1 + net, axis=1)
    peak = np.maximum(np.maximum.accumulate(level, axis=1), 1.0)
    errors = [None if ratio.value is None else sharpe_error(row) for ratio, row in zip(ratios, net, strict=True)]
    return pl.DataFrame(
        {
            "n": [n] * len(net),
            "annual_return": level[:, -1] ** (periods / n) - 1,
            "annual_volatility": net.std(axis=1, ddof=1) * root if n > 1 else np.full(len(net), np.nan),
            "sharpe": [None if ratio.value is None else ratio.value * root for ratio in ratios],
            "std_error": [None if error is None else error * root for error in errors],
            "max_drawdown": np.minimum((level / peak - 1).min(axis=1), 0.0),
            "annual_turnover": [float(each.turnover.mean()) * periods for each in found],
            "annual_cost": [float(each.cost.mean()) * periods for each in found],
            "probabilistic": [probabilistic_sharpe(ratio) for ratio in ratios],
            "deflated": [deflated_sharpe(ratio, search.effective, search.spread) for ratio in ratios],
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def _names(variants: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    if not variants:
        raise UsageError("The sweep came without variants; expected at least one, such as grid(quantiles=[5, 10]).")
    names = tuple(variants[0])
    odd = next((dict(each) for each in variants if set(each) != set(names)), None)
    if odd is not None:
        raise UsageError(f"A variant came with the parameters {', '.join(odd)}; expected {', '.join(names)} as in the first one.")
    return names


def _require(rules: Rules, costs: Costs, market: str, cash: float) -> None:
    other = next((each for each in (rules.market, costs.market) if each != market), None)
    if other is not None:
        raise UsageError(
            f"Costs or rules of market {other!r} came with market {market!r}; expected the same market: pass costs({market!r})."
        )
    if not (np.isfinite(cash) and cash > 0):
        raise UsageError(f"cash came as {cash}; expected a positive amount of {costs.currency}.")


def _made(
    make: Callable[..., pl.DataFrame], chosen: Mapping[str, object], rules: Rules, quoted: pl.Enum
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Return the weights of a variant, and when each was decided where they say so.

    In little memory: those of all variants are held at once, since the earliest decides where the bars begin.
    """
    weights = make(**dict(chosen))
    if not isinstance(weights, pl.DataFrame):
        raise UsageError(f"The variant {dict(chosen)} came as {type(weights).__name__}; expected the weights, a polars frame.")
    asof = weights.select("session", "symbol", "asof") if "asof" in weights.columns else None
    frame = ordered(checked(WEIGHTS, weights.drop("asof", strict=False)))
    largest = frame.group_by("session").agg(pl.col("weight").abs().sum()).select(pl.col("weight").max()).item()
    gross = float(largest or 0.0)
    if gross > rules.max_gross + 1e-9:
        raise UsageError(
            f"The variant {dict(chosen)} has a gross of {gross:.4f}; expected at most {rules.max_gross:g} in market {rules.market!r}: "
            "scale it down."
        )
    unknown = frame.filter(~pl.col("symbol").is_in(quoted.categories.implode()))["symbol"].unique().sort()
    if len(unknown):
        raise UnknownSymbolError(
            f"The variant {dict(chosen)} names {len(unknown)} symbol{'s' if len(unknown) > 1 else ''} without bars "
            f"({', '.join(unknown.head(5))}); expected bars for each: run `tidings prices` for them, or drop them from the signal."
        )
    return frame.with_columns(pl.col("symbol").cast(quoted)), asof
