"""What a run of :mod:`backtests.simulation` asks of its inputs, each refusal in one sentence."""

from __future__ import annotations

import numpy as np
import polars as pl

from backtests.costs import Costs
from backtests.rules import Rules
from research.errors import UnknownSymbolError, UsageError

__all__ = ["require_inputs"]


def require_inputs(
    weights: pl.DataFrame,
    bars: pl.DataFrame,
    rules: Rules,
    costs: Costs,
    cash: float,
    delisting_after: int,
    haircut: float,
    benchmark: str | None,
) -> None:
    """Refuse inputs that no run can be made of; see :func:`backtests.simulation.run` for the arguments.

    Raises
    ------
    UsageError
        An amount, a market, a currency or a gross that does not fit, or no weights.
    UnknownSymbolError
        Weights or a benchmark without bars.
    """
    if not (np.isfinite(cash) and cash > 0):
        raise UsageError(f"cash came as {cash}; expected a positive amount of {costs.currency}.")
    if delisting_after < 1 or not 0 <= haircut <= 1:
        raise UsageError(
            f"delisting_after came as {delisting_after} and haircut as {haircut}; expected at least 1 session and a fraction in [0, 1]."
        )
    if costs.market != rules.market:
        raise UsageError(
            f"Costs of market {costs.market!r} came with the rules of {rules.market!r}; "
            f"expected the same market: pass costs({rules.market!r})."
        )
    if weights.is_empty():
        raise UsageError(
            "The weights frame has no rows; expected at least one session of targets: check that the signal covers the dates asked for."
        )
    known = bars["symbol"].unique()
    unknown = sorted(set(weights["symbol"].unique().to_list()) - set(known.to_list()))
    if unknown:
        shown = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        raise UnknownSymbolError(
            f"Weights name {len(unknown)} symbol{'s' if len(unknown) > 1 else ''} without bars ({shown}); "
            "expected bars for each: run `tidings prices` for them, or drop them from the signal."
        )
    if benchmark is not None and benchmark not in known:
        raise UnknownSymbolError(
            f"The benchmark {benchmark!r} has no bars; expected it among the {len(known)} symbols of the bars: run `tidings prices` for it."
        )
    foreign = bars.filter(pl.col("symbol").is_in(weights["symbol"].unique().implode()) & (pl.col("currency") != costs.currency))
    if foreign.height:
        symbol, currency = foreign.sort("symbol").select("symbol", "currency").row(0)
        raise UsageError(
            f"Bars of {symbol} are in {currency} and the account of market {rules.market!r} is in {costs.currency}; "
            "expected one currency: drop the symbol, or convert its bars."
        )
    gross = weights.group_by("session").agg(pl.col("weight").abs().sum()).sort("session").filter(pl.col("weight") > rules.max_gross + 1e-9)
    if gross.height:
        day, value = gross.row(0)
        raise UsageError(
            f"Weights of session {day} have a gross of {value:.4f}; "
            f"expected at most {rules.max_gross:g} of net asset value in market {rules.market!r}: scale them down."
        )
