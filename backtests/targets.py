"""Many sets of targets over one layout of the bars: what sweeps, draws and capacity curves run, each a call of the engine's machine code.

The bars are laid out once (:func:`laid_out`); a variant replaces the targets only, so every rule, fee and clock is that of
:func:`backtests.run`, and a run of a few hundred names takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.accounts import Account
from backtests.costs import Costs
from backtests.execution import Execution
from backtests.layout import Layout, layout_of
from backtests.rules import Rules
from backtests.simulation import account_of
from research.errors import DataError, UnknownSymbolError

__all__ = ["Outcome", "Targets", "laid_out", "outcome_of", "targets_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Targets:
    """Target weights as sparse rows: of row i ``columns`` and ``weights`` from ``pointer[i]`` to ``pointer[i + 1]``.

    ``decided[i]`` says whether row i rebalances at all: a row without it keeps what is held.
    """

    pointer: Ints
    columns: Ints
    weights: Floats
    decided: Bools


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a set of targets came to: fractions of the net asset value before, one a row of the layout; and the account itself."""

    net: Floats
    cost: Floats
    turnover: Floats
    account: Account


def laid_out(
    bars: pl.DataFrame,
    symbols: Sequence[str],
    first: date,
    markets: tuple[tuple[Rules, Costs], ...],
    *,
    execution: Execution | None = None,
    base: str | None = None,
    terms: pl.DataFrame | None = None,
) -> Layout:
    """Lay ``bars`` out for every set of targets of ``symbols`` decided from ``first`` on.

    Raises
    ------
    UnknownSymbolError
        When a symbol has no bars.
    UsageError
        As :func:`backtests.layout.layout_of`.
    """
    names = sorted(set(symbols))
    missing = sorted(set(names) - set(bars["symbol"].unique().to_list()))
    if missing:
        raise UnknownSymbolError(f"{len(missing)} symbols have no bars ({', '.join(missing[:5])}); expected bars for each.")
    nothing = pl.DataFrame({"session": [first] * len(names), "symbol": names, "weight": [0.0] * len(names)})
    return layout_of(nothing, bars, markets, execution or Execution(), base or markets[0][1].currency, terms)


def targets_of(weights: pl.DataFrame, layout: Layout) -> Targets:
    """Return the targets of a ``weights`` table; of two decisions before the same fill the later one stands."""
    n = len(layout.sessions)
    column = weights["symbol"].cast(pl.String).cast(pl.Enum(layout.symbols), strict=False).to_physical()
    if column.null_count():
        name = weights["symbol"].filter(column.is_null())[0]
        raise UnknownSymbolError(
            f"Weights name {name}, which the bars were not laid out for; expected one of {len(layout.symbols)} symbols."
        )
    days = weights["session"].to_physical().to_numpy().astype(np.int64)
    row = np.searchsorted(layout.day, days, side="right")
    latest = np.full(n + 1, -1, dtype=np.int64)
    np.maximum.at(latest, row, days)
    kept = np.flatnonzero((row < n) & (days == latest[row]))
    columns = column.to_numpy().astype(np.int64)
    kept = kept[np.lexsort((columns[kept], row[kept]))]
    rows = row[kept]
    decided = np.zeros(n, dtype=bool)
    decided[rows] = True
    pointer = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
    return Targets(pointer, columns[kept], weights["weight"].to_numpy().astype(np.float64)[kept], decided)


def outcome_of(
    layout: Layout, targets: Targets, costs: Costs, *, cash: float = 10_000_000.0, execution: Execution | None = None,
    delisting_after: int = 60, haircut: float = 0.0,
) -> Outcome:  # fmt: skip
    """Return what ``targets`` come to on ``cash``; ``costs`` and ``execution`` are those of the layout, the rest as in ``run``.

    Raises
    ------
    DataError
        When the net asset value falls to zero or below.
    """
    chosen = replace(
        layout, rebalance=targets.decided, pointer=targets.pointer, columns=targets.columns, weights=targets.weights,
    )  # fmt: skip
    account = account_of(chosen, costs, execution or Execution(), cash, delisting_after, haircut)
    broke = np.flatnonzero(account.nav <= 0)
    if broke.size:
        raise DataError(
            f"Net asset value fell to zero or below on {layout.sessions[broke[0]]}; expected it to stay positive: "
            "lower the gross of the weights."
        )
    before = np.concatenate([[cash], account.nav[:-1]])
    return Outcome(account.nav / before - 1, account.charges.sum(axis=1) / before, account.traded / before, account)
