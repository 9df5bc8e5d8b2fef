"""Exchange rates out of bars: what one unit of a currency is worth in another at a session's open and close.

A pair is a bar of Yahoo's symbols: ``USDCNY=X`` (also ``CNY=X``, whose left side is the dollar) is the price of one dollar in yuan. A
rate comes from the pair itself, from its inverse, or through the dollar.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from research.errors import UsageError

__all__ = ["rates"]

Floats = npt.NDArray[np.float64]


def rates(bars: pl.DataFrame, currencies: list[str], base: str, sessions: list[date]) -> tuple[Floats, Floats, Floats]:
    """Return (at the open, at the close, before the first session) of each currency in ``base``.

    Parameters
    ----------
    bars
        The ``bars`` table, exchange rates among it.
    currencies
        What to convert, ISO codes; ``base`` itself is 1 throughout.
    base
        Currency of the account.
    sessions
        The rows, ascending.

    Returns
    -------
    Two arrays of shape (sessions, currencies) and one of shape (currencies,). A session without a rate (a holiday of the currency
    market) has the last close before it, at its open and at its close.

    Raises
    ------
    UsageError
        When no pair leads to the base, or its bars begin after the first session.
    """
    n = len(sessions)
    opens, closes, before = np.ones((n, len(currencies))), np.ones((n, len(currencies))), np.ones(len(currencies))
    for k, currency in enumerate(currencies):
        if currency != base:
            path = _path(bars, currency, base)
            for symbol, inverse in path:
                o, c, b = _levels(bars, symbol, sessions)
                for out, level in ((opens[:, k], o), (closes[:, k], c)):
                    out *= 1 / level if inverse else level
                before[k] *= 1 / b if inverse else b
    return opens, closes, before


def _path(bars: pl.DataFrame, currency: str, base: str) -> list[tuple[str, bool]]:
    """Return the pairs that lead from ``currency`` to ``base``, each with whether it is to be inverted."""
    known = set(bars.filter(pl.col("symbol").str.ends_with("=X"))["symbol"].unique().to_list())

    def direct(left: str, right: str) -> tuple[str, bool] | None:
        pairs = [(f"{left}{right}=X", False), (f"{right}{left}=X", True)]
        pairs += [(f"{right}=X", False)] if left == "USD" else [(f"{left}=X", True)] if right == "USD" else []
        return next((pair for pair in pairs if pair[0] in known), None)

    straight = direct(currency, base)
    if straight is not None:
        return [straight]
    legs = [] if "USD" in (currency, base) else [direct(currency, "USD"), direct("USD", base)]
    if not legs or None in legs:
        raise UsageError(
            f"The portfolio holds names in {currency}, its base is {base}, and no bars convert the two; expected bars of "
            f"{currency}{base}=X (or {base}{currency}=X, or both against USD): run `tidings prices yahoo {currency}{base}=X`."
        )
    return [leg for leg in legs if leg is not None]


def _levels(bars: pl.DataFrame, symbol: str, sessions: list[date]) -> tuple[Floats, Floats, float]:
    pair = bars.filter(pl.col("symbol") == symbol).sort("session").select("session", "open", "close")
    axis = pl.DataFrame({"session": sessions}, schema={"session": pl.Date})
    earlier = pair.filter(pl.col("session") < sessions[0])
    joined = axis.join(pair, on="session", how="left", maintain_order="left")
    if earlier.is_empty() and joined["close"][0] is None:
        raise UsageError(
            f"Exchange rates of {symbol} begin on {pair['session'].min()!s}, after the first session {sessions[0]}; "
            "expected one at or before it: load earlier bars of the pair."
        )
    last = earlier["close"][-1] if earlier.height else (joined["open"][0] or joined["close"][0])
    close = joined["close"].fill_null(strategy="forward").fill_null(last)
    opened = pl.select(pl.coalesce(joined["open"], close.shift(1, fill_value=last))).to_series()
    return opened.to_numpy().astype(np.float64), close.to_numpy().astype(np.float64), float(last)
