"""Tables read back out of a simulated account: ``orders``, ``portfolio``, charges by kind, benchmark returns, and what to note.

The arrays of an :class:`Account` are those :mod:`backtests.engine` wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.layout import Layout
from backtests.rules import Rules
from backtests.schemas import ORDERS, PORTFOLIO
from backtests.simulation_inputs import checked
from research.errors import DataError

__all__ = ["CHARGES", "Account", "benchmark_returns", "charges_table", "notes_on", "orders_table", "portfolio_table"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

#: what the engine's ledger says of an order, in order
FILLS = ("requested", "filled", "fill_price", "commission", "stamp_duty", "transfer_fee", "slippage")

#: kinds of charges, in the order of the engine
CHARGES = ("commission", "stamp_duty", "transfer_fee", "slippage", "borrow", "financing")

#: reason codes of the engine, in the words of the ``orders`` table
_REASONS = (None, "limit_up", "limit_down", "suspended", "t_plus_1", "lot", "cash", "no_short", "adv_cap")


@dataclass(frozen=True, slots=True)
class Account:
    """What the engine left behind.

    Parameters
    ----------
    numbers
        One row a name of :data:`FILLS`, one column an order, by session and symbol; real shares and prices, the name's currency.
    row, col, reason, turn
        Of each order: where it stands, its reason code, and its turn in the session.
    cash, nav, gross, net, traded
        After each row: cash less charges still owed; net asset value; absolute and signed value of positions; value traded in it.
        Base currency, as are the
    charges
        of each row, one column a kind of :data:`CHARGES`.
    units
        Positions at the end, in units.
    """

    numbers: Floats
    row: Ints
    col: Ints
    reason: Ints
    turn: Ints
    cash: Floats
    nav: Floats
    gross: Floats
    net: Floats
    traded: Floats
    charges: Floats
    units: Floats


def orders_table(layout: Layout, account: Account) -> pl.DataFrame:
    """Return the ``orders`` table: one row for every order, those that were rejected included."""
    last: list[date | None] = []
    for day in layout.decided:
        last.append(day if day is not None else (last[-1] if last else None))
    status = ((account.numbers[1] != 0) * (2 - (account.reason != 0).view(np.uint8))).astype(np.uint32)
    places = {"row": account.row, "col": account.col, "reason": account.reason}
    # The engine's numbers become columns as they stand; the words are looked up side by side.
    frame = pl.DataFrame(
        {name: codes.view(np.uint32) for name, codes in places.items()}
        | {"status": status}
        | dict(zip(FILLS, account.numbers, strict=True))
    )
    words = {
        "reason": (pl.Series(_REASONS, dtype=pl.String), "reason"),
        "symbol": (pl.Series(layout.symbols, dtype=pl.String), "col"),
        "status": (pl.Series(("rejected", "partial", "filled"), dtype=pl.String), "status"),
        "session": (pl.Series(layout.sessions, dtype=pl.Date), "row"),
        "decided_session": (pl.Series(last, dtype=pl.Date), "row"),
    }
    found = (pl.lit(values).gather(pl.col(place)).alias(name) for name, (values, place) in words.items())
    return frame.select(*found, *FILLS[:2], pl.col("fill_price").fill_nan(None), *FILLS[3:]).select(*ORDERS.schema)


def portfolio_table(layout: Layout, account: Account, cash: float) -> pl.DataFrame:
    """Return the ``portfolio`` table of an account that began with ``cash``.

    Raises
    ------
    DataError
        When the net asset value falls to zero or below.
    """
    nav = account.nav
    broke = np.flatnonzero(nav <= 0)
    if broke.size:
        raise DataError(
            f"Net asset value fell to {nav[broke[0]]:.2f} on {layout.sessions[broke[0]]}; expected it to stay positive: "
            "lower the gross of the weights."
        )
    before = np.concatenate([[cash], nav[:-1]])
    net, cost = nav / before - 1, account.charges.sum(axis=1) / before
    frame = pl.DataFrame(
        {
            "session": layout.sessions,
            "gross_return": net + cost,
            "cost": cost,
            "net_return": net,
            "turnover": account.traded / before,
            "gross_exposure": account.gross / nav,
            "net_exposure": account.net / nav,
            "nav": nav / cash,
        },
        schema=PORTFOLIO.schema,
    )
    return checked(PORTFOLIO, frame)


def charges_table(layout: Layout, account: Account) -> pl.DataFrame:
    """Return ``session`` and one column a kind of :data:`CHARGES`: what each session paid, base currency."""
    return pl.DataFrame({"session": layout.sessions, **dict(zip(CHARGES, account.charges.T.copy(), strict=True))})


def benchmark_returns(bars: pl.DataFrame, symbol: str, sessions: pl.Series) -> pl.DataFrame:
    """Return ``session, benchmark_return``: total returns of ``symbol`` between consecutive ``sessions``.

    Null before its first bar; where a bar is missing the last price stands.
    """
    level = (
        bars.filter((pl.col("symbol") == symbol) & ~pl.col("suspended"))
        .sort("session")
        .select("session", _level=pl.col("close") * pl.col("adj_factor"))
    )
    before = level.filter(pl.col("session") < sessions.min()).tail(1)["_level"]
    wanted = sessions.to_frame("session").join_asof(level, on="session", strategy="backward")
    previous = pl.col("_level").shift(1, fill_value=before[0] if len(before) else None)
    return wanted.select("session", benchmark_return=pl.col("_level") / previous - 1)


def notes_on(
    layout: Layout,
    account: Account,
    markets: tuple[tuple[Rules, Costs], ...],
    execution: Execution,
    base: str,
    delisting_after: int,
    haircut: float,
    named: set[str],
) -> tuple[str, ...]:
    """Return what a reader of the result should know; ``named`` are the symbols whose board lot the caller gave."""
    where = {"open": "open", "close": "close", "vwap": "average price (amount over volume)"}[execution.fill]
    size = {"previous_close": "prices and net asset value of the close before", "fill": "prices of the fill itself, not known before it"}
    notes = [
        f"Targets of a session fill at the next session's {where}, sized by {size[execution.sizing]}; "
        "dividends are reinvested in the name that paid them.",
        *(f"Costs ({c.market}): {c.assumptions}." if c.assumptions else f"Costs ({c.market}) are the caller's." for _, c in markets),
        f"A name without bars for {delisting_after} sessions is settled at its last close" + (f" less {haircut:.0%}." if haircut else "."),
    ]
    if execution.blocked != "shrink":
        notes.append(
            {"wait": "Blocked orders wait for the next sessions.", "die": "An order is filled whole or not at all."}[execution.blocked]
        )
    if execution.participation is not None:
        of = "the trailing 20 sessions' mean volume" if execution.volume == "trailing" else "the day's volume, not known before the open"
        notes.append(f"An order takes at most {execution.participation:g} of {of}.")
    foreign = sorted({c.currency for _, c in markets} - {base})
    if foreign:
        notes.append(
            f"Cash is {base}: trades in {', '.join(foreign)} convert at the session's opening rate, positions at its closing rate, "
            "without a charge for it."
        )
    if layout.unknown_volume > 0:
        notes.append(f"{layout.unknown_volume:.1%} of the bars had no trailing volume: no cap and no impact there.")
    assumed = [s for s, code in zip(layout.symbols, layout.codes, strict=True) if markets[code[0]][0].lots_assumed and s not in named]
    if assumed:
        shown = ", ".join(assumed[:5]) + (" …" if len(assumed) > 5 else "")
        notes.append(f"The board lot of {len(assumed)} names is assumed to be 100 shares ({shown}); pass terms with their lots.")
    if layout.stray:
        notes.append(f"{layout.stray} sessions of the bars are not in the exchange's calendar; they were traded as they came.")
    back = _came_back(layout, account)
    if back:
        notes.append(
            f"{len(back)} of the names settled so traded again later ({', '.join(back[:5])}{' …' if len(back) > 5 else ''}): "
            "they were suspended, not gone, and the move over the suspension is missing; raise delisting_after to hold through it."
        )
    if layout.unlimited > 0:
        notes.append(f"{layout.unlimited:.1%} of the traded bars carry no limit prices: on those no price limit was applied.")
    return tuple(notes)


def _came_back(layout: Layout, account: Account) -> list[str]:
    """Return the symbols that were settled as delisted and have a price later on: known in hindsight only, so said and not acted on."""
    if np.isfinite(layout.factor).all():
        return []  # no bar is missing, so nothing was settled
    done = np.flatnonzero((account.numbers[1] != 0) & ~np.isfinite(layout.factor[account.row, account.col]))
    pairs = zip(account.row[done].tolist(), account.col[done].tolist(), strict=True)
    return sorted({layout.symbols[k] for i, k in pairs if np.isfinite(layout.price[i:, k]).any()})
