"""What a stored signal did in one market: read from a home, no wider than asked for, under that market's costs.

The commands of :mod:`backtests.backtest_cli` and :mod:`backtests.cli` stand on these; nothing here writes or looks at a clock.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from backtests.costs import costs
from backtests.evidence import Evidence, bars_between, evidence, market_rows, tradable
from backtests.parameter_choice import ParameterChoice, choose_forward
from backtests.rules import rules_of
from backtests.sweep import Sweep, sweep
from backtests.weights import quantile_weights
from research.calendar import parse_date
from research.errors import UsageError
from research.schemas import BARS
from signals.features import decayed_sum
from signals.panel import panel
from signals.publish import code_version, recipe
from signals.recipes import signal_of

if TYPE_CHECKING:
    from backtests.execution import Execution
    from research.store import Store

__all__ = ["evidence_of", "manifest", "swept"]


def evidence_of(
    store: Store, signal: str, market: str, start: str, end: str, quantiles: int, cash: float, benchmark: str | None = None,
    *, execution: Execution | None = None, liquidity: bool = False, max_weight: float | None = None,
) -> Evidence:  # fmt: skip
    """Return what a stored signal did in one market under the market's own costs."""
    chosen, first, last = signal_of(store, signal), parse_date(start), parse_date(end)
    used = bars_between(None if "bars" in chosen.needs else first, last)
    # The day's range: for the average price of a fill, and the locked days of a study, which needs a benchmark.
    ranged = benchmark is not None or (execution is not None and execution.fill == "vwap")
    columns = [name for name in BARS.schema if ranged or name not in ("high", "low")]
    # Read as they are passed on: a name for the bars here would keep all of them while the market's are copied.
    return evidence(
        store.read("events"), store.read("mentions"), store.read("bars", columns=columns, where=used), signal=chosen, market=market,
        start=first, end=last, costs=costs(market, liquidity=liquidity),
        quantiles=quantiles, universe=store.read("instruments"), treatments=store.read("treatments"), cash=cash, benchmark=benchmark,
        execution=execution, max_weight=max_weight, documents=store.read("documents") if "documents" in chosen.needs else None,
    )  # fmt: skip


def swept(
    store: Store, signal: str, market: str, start: str, end: str, axes: list[dict[str, object]], every: int | None, after: int
) -> tuple[Sweep, ParameterChoice | None]:
    """Return the sweep, and the parameters chosen walking forward where they were asked for."""
    columns = {"tone@1": "net_tone", "events@1": "event_tone"}
    chosen, fees, long_only = recipe(signal), costs(market), not rules_of(market).short_selling
    if signal not in columns:
        raise UsageError(f"Signal {signal} has no half-life to vary; expected one of {', '.join(columns)}.")
    first, last = parse_date(start), parse_date(end)
    here = market_rows(
        store.read("events"), store.read("mentions"), store.read("bars", where=bars_between(first, last)), market=market,
        currency=fees.currency, start=first, end=last,
        universe=store.read("instruments"), treatments=store.read("treatments"),
    )  # fmt: skip
    frame = panel(here.events, here.mentions, here.sessions)

    @cache
    def scores(half_life: float) -> pl.DataFrame:
        varied = replace(chosen, feature=lambda: decayed_sum(columns[signal], half_life))
        return tradable(varied.scores(frame).filter(pl.col("session").is_between(first, last)), here.bars, here.sessions)

    def make(half_life: float, quantiles: int) -> pl.DataFrame:
        return quantile_weights(scores(half_life), quantiles=quantiles, gross=1.0, long_only=long_only)

    priced = here.bars.filter(pl.col("session") <= last)
    found = sweep(make, axes, priced, market=market, costs=fees)
    if every is None:
        return found, None
    return found, choose_forward(make, axes, priced, market=market, costs=fees, every=every, least=after, found=found)


def manifest(store: Store, **settings: str) -> dict[str, str]:
    """Return what a result was computed from: code, settings, table versions."""
    return {"tidings": code_version(), **settings, **{f"table {name}": f"version {n}" for name, n in store.versions().items()}}
