r"""How much capital a strategy carries: net return and Sharpe ratio against the money behind it.

An order of q shares in a name that trades V a session on average (20 sessions, known the day before) is cut to a share of V, and moves its
own price by :math:`y \sigma \sqrt{q / V}`, with σ the name's daily volatility: the square-root law (Almgren et al. 2005, "Direct
estimation of equity market impact"; Tóth et al. 2011, "Anomalous price impact and the critical nature of liquidity in financial markets",
where y is near one). What is cut is tried again at the next rebalancing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from backtests.metrics import PERIODS
from backtests.simulation import Backtest
from backtests.targets import Outcome, laid_out, outcome_of, targets_of
from research.errors import DataError, UsageError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Capacity", "capacity"]

#: capitals of the default curve: five to a tenfold
_CAPITALS = tuple(float(f"{10 ** (k / 5):.3g}") for k in range(25, 56))


@dataclass(frozen=True, slots=True, eq=False)
class Capacity:
    """Net result against capital.

    Attributes
    ----------
    curve
        ``capital`` (currency units), ``annual_return, sharpe, annual_cost, annual_turnover``, ``unfilled`` (share of what was
        asked for that could not be traded, by value).
    sharpe
        Sharpe ratio of the result's own capital without a cap and without impact.
    half, zero
        Capital at which the Sharpe ratio is half of that, and zero; ``None`` when it is not within the curve.
    participation, impact, currency
        What was assumed.
    note
        What the reader must know.
    """

    curve: pl.DataFrame
    sharpe: float | None
    half: float | None
    zero: float | None
    participation: float
    impact: float
    currency: str
    note: str

    def plot(self) -> Figure:
        """Return net return and Sharpe ratio against capital."""
        from backtests.trading_plots import capacity_figure

        return capacity_figure(self)


def capacity(
    result: Backtest,
    bars: pl.DataFrame,
    *,
    capitals: Sequence[float] = _CAPITALS,
    participation: float = 0.1,
    impact: float = 1.0,
) -> Capacity:
    """Return what the weights of ``result`` would have earned on each capital.

    Parameters
    ----------
    result, bars
        A run of :func:`backtests.run`, and the bars it ran on, with volumes.
    capitals
        Currency units, rising.
    participation
        Largest share of a name's average volume one order may be.
    impact
        y of the square-root law.

    Raises
    ------
    UsageError
        For capitals that do not rise, or a participation or impact that is not positive.
    """
    sizes = [float(each) for each in capitals]
    if not sizes or sizes[0] <= 0 or any(b <= a for a, b in pairwise(sizes)):
        raise UsageError(f"The capitals came as {sizes[:5]}; expected positive amounts in rising order.")
    if not (participation > 0 and impact >= 0):
        raise UsageError(f"participation and impact came as {participation} and {impact}; expected above 0, and at least 0.")
    first = result.weights["session"].min()
    symbols = result.weights["symbol"].unique().to_list()
    execution = replace(result.execution, participation=participation)
    markets = tuple((rules, replace(costs, impact=impact)) for rules, costs in result.markets)
    layout = laid_out(bars, symbols, first, markets, execution=execution, base=result.base, terms=result.terms)  # type: ignore[arg-type]
    targets = targets_of(result.weights, layout)
    periods = PERIODS[result.market]
    free = laid_out(
        bars, symbols, first, tuple((rules, replace(costs, impact=0.0)) for rules, costs in result.markets),  # type: ignore[arg-type]
        execution=replace(result.execution, participation=None), base=result.base, terms=result.terms,
    )  # fmt: skip
    settled = partial(outcome_of, delisting_after=result.delisting_after, haircut=result.haircut)
    small = _sharpe(settled(free, targets, result.costs, cash=result.cash, execution=result.execution).net, periods)
    rows: list[dict[str, float | None]] = []
    for capital in sizes:
        try:
            out = settled(layout, targets, markets[0][1], cash=capital, execution=execution)
        except DataError:
            rows.append({"capital": capital})  # impact has eaten it
            continue
        rows.append(
            {
                "capital": capital,
                "annual_return": math.expm1(float(np.log1p(out.net).mean()) * periods),
                "sharpe": _sharpe(out.net, periods),
                "annual_cost": float(out.cost.mean()) * periods,
                "annual_turnover": float(out.turnover.mean()) * periods,
                "unfilled": _unfilled(out, layout.price),
            }
        )
    names = ("capital", "annual_return", "sharpe", "annual_cost", "annual_turnover", "unfilled")
    curve = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64))
    positive = small is not None and small > 0
    half = _crossing(curve, small / 2) if positive and small is not None else None
    zero = _crossing(curve, 0.0) if positive else None
    note = f"orders of at most {participation:.0%} of the mean volume of 20 sessions; impact {impact:g} σ √(order / mean volume)"
    if layout.unknown_volume >= 0.0005:
        note += f"; {layout.unknown_volume:.1%} of the bars have no known volume: no cap and no impact there"
    if not positive:
        note += "; without costs of size the Sharpe ratio is not above zero, so there is no capacity to speak of"
    return Capacity(curve, small, half, zero, participation, impact, result.base or result.costs.currency, note)


def _unfilled(out: Outcome, price: np.ndarray) -> float:
    """Return the share of what was asked for that could not be traded, by value; orders in names without a price left out."""
    requested, filled = (np.abs(out.account.numbers[k]) for k in (0, 1))
    at = price[out.account.row, out.account.col]
    known = np.isfinite(at)
    asked = float((requested[known] * at[known]).sum())
    return 1 - float((filled[known] * at[known]).sum()) / asked if asked > 0 else 0.0


def _sharpe(net: np.ndarray, periods: int) -> float | None:
    sigma = float(net.std(ddof=1)) if len(net) > 1 else 0.0
    return None if sigma <= 1e-14 else float(net.mean()) / sigma * periods**0.5


def _crossing(curve: pl.DataFrame, level: float) -> float | None:
    """Return the first capital at which the Sharpe ratio falls to ``level``, between two points linear in the capital's logarithm."""
    points = curve.drop_nulls("sharpe").select("capital", "sharpe").rows()
    for (low, above), (high, below) in pairwise(points):
        if above > level >= below:
            share = (above - level) / (above - below)
            return float(math.exp(math.log(low) + share * (math.log(high) - math.log(low))))
    return None
