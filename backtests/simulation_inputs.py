"""What a run of :mod:`backtests.simulation` asks of its inputs, each refusal in one sentence."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.layout import market_of
from backtests.rules import Rules
from backtests.symbol_codes import coded, run_starts
from research.calendar import mic_of, sessions_within
from research.errors import SchemaError, UnknownSymbolError, UsageError
from research.schemas import INSTANT, Table

__all__ = ["checked", "ordered", "placed", "require_inputs", "require_timely"]


def checked(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` as ``table.validate`` would, without its search for doubled keys: the layout and :func:`ordered` meet those.

    One pass of sums and extremes; only a frame with something wrong is gone through in full, for the sentence.
    """
    table.require_polars(frame)
    if list(frame.schema.items()) != list(table.schema.items()):
        return table.validate(frame)
    faults = []
    for column in table.columns:
        value = pl.col(column.name)
        if not column.null:
            faults.append(value.null_count() > 0)
        if column.dtype == pl.Float64:
            faults.append(~value.is_finite().all())
        if column.low is not None:
            faults.append(value.min() < column.low)
        if column.above is not None:
            faults.append(value.min() <= column.above)
        if column.high is not None:
            faults.append(value.max() > column.high)
        if column.choices:
            faults.append(~value.is_in(column.choices).all())
    if any(frame.select(fault.alias(str(k)) for k, fault in enumerate(faults)).row(0)):
        return table.validate(frame)
    return frame


def placed(weights: pl.DataFrame) -> tuple[pl.DataFrame, list[str], npt.NDArray[np.int64]]:
    """Return ``weights`` sorted by session and symbol, its symbols, and the place of each row's among them; refuse two rows of one key."""
    symbols, codes = coded(weights["symbol"])
    keys = np.multiply(weights["session"].to_physical().to_numpy(), max(1, len(symbols)), dtype=np.int64)
    keys += codes
    if (keys[1:] > keys[:-1]).all():
        return weights, symbols, codes
    weights = weights.sort("session", "symbol")
    doubled = weights.filter(weights.select("session", "symbol").is_duplicated())
    if doubled.height:
        came = f"{doubled.height} rows that share a key"
        raise SchemaError("weights", "session+symbol", came, "one row a key", doubled.select("session", "symbol").row(0, named=True))
    return weights, *coded(weights["symbol"])


def ordered(weights: pl.DataFrame) -> pl.DataFrame:
    """Return ``weights`` sorted by session and symbol; refuse two rows of one key."""
    return placed(weights)[0]


def require_inputs(
    weights: pl.DataFrame,
    wanted: list[str],
    bars: pl.DataFrame,
    known: list[str],
    markets: tuple[tuple[Rules, Costs], ...],
    cash: float,
    delisting_after: int,
    haircut: float,
    benchmark: str | None,
) -> None:
    """Refuse inputs that no run can be made of; ``wanted`` and ``known`` are the symbols of weights and bars.

    For the other arguments see :func:`backtests.simulation.run`.

    Raises
    ------
    UsageError
        An amount, a currency or a gross that does not fit, or no weights.
    UnknownSymbolError
        Weights or a benchmark without bars.
    """
    rules, costs = markets[0]
    if not (np.isfinite(cash) and cash > 0):
        raise UsageError(f"cash came as {cash}; expected a positive amount of {costs.currency}.")
    if delisting_after < 1 or not 0 <= haircut <= 1:
        raise UsageError(
            f"delisting_after came as {delisting_after} and haircut as {haircut}; expected at least 1 session and a fraction in [0, 1]."
        )
    if weights.is_empty():
        raise UsageError(
            "The weights frame has no rows; expected at least one session of targets: check that the signal covers the dates asked for."
        )
    unknown = sorted(set(wanted) - set(known))
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
    own = {c.market: c.currency for _, c in markets}
    other = bars if len(own) > 1 else bars.filter(pl.col("currency") != costs.currency)
    quoted = other.filter(pl.col("symbol").is_in(wanted)).select("symbol", "currency").unique().sort("symbol", "currency")
    for symbol, currency in quoted.rows():
        expected = costs.currency if len(own) == 1 else own.get(market_of(symbol) or "", costs.currency)
        if currency != expected:
            raise UsageError(
                f"Bars of {symbol} are in {currency} and the account of market {rules.market!r} is in {expected}; expected one currency: "
                "drop the symbol, or pass the costs of its market as well, and bars of the exchange rate."
            )
    starts = run_starts(weights["session"].to_physical().to_numpy())
    gross = np.add.reduceat(np.abs(weights["weight"].to_numpy()), starts)
    above = np.flatnonzero(gross > rules.max_gross + 1e-9)
    if above.size:
        day, value = weights["session"][int(starts[above[0]])], gross[above[0]]
        raise UsageError(
            f"Weights of session {day} have a gross of {value:.4f}; "
            f"expected at most {rules.max_gross:g} of net asset value in market {rules.market!r}: scale them down."
        )


def require_timely(asof: pl.DataFrame, sessions: list[date], execution: Execution) -> None:
    """Refuse weights that were decided after the open (or close) they fill at.

    Parameters
    ----------
    asof
        Columns ``session, symbol, asof``: when each weight was decided, UTC.
    sessions
        The sessions of the run; a weight fills in the first after its own. Sessions that no calendar knows are not checked.
    execution
        Whose ``fill`` says which instant counts.

    Raises
    ------
    SchemaError
        When ``asof`` is null or no UTC instant.
    UsageError
        When a weight came too late.
    """
    if asof.schema["asof"] != INSTANT or asof["asof"].null_count():
        raise SchemaError("weights", "asof", str(asof.schema["asof"]), f"{INSTANT}, no nulls")
    fills = pl.DataFrame({"_fill": sessions}, schema={"_fill": pl.Date})
    dated = asof.sort("session").join_asof(
        fills, left_on="session", right_on="_fill", strategy="forward", allow_exact_matches=False, check_sortedness=False
    )
    mics = {symbol: mic_of(symbol) for symbol in asof["symbol"].unique().to_list()}
    dated = dated.with_columns(_mic=pl.col("symbol").replace_strict(mics, return_dtype=pl.String))
    known = pl.concat([sessions_within(mic, sessions[0], sessions[-1]).with_columns(mic=pl.lit(mic)) for mic in sorted(set(mics.values()))])
    word = "close" if execution.fill == "close" else "open"
    known = known.select(_mic="mic", _fill="session", _at=f"{word}_at")
    late = dated.join(known, on=["_mic", "_fill"], how="inner").filter(pl.col("asof") >= pl.col("_at")).sort("session", "symbol")
    if late.height:
        row = late.row(0, named=True)
        raise UsageError(
            f"The weight of {row['symbol']} for session {row['session']} was decided at {row['asof']:%Y-%m-%d %H:%M} UTC, not before the "
            f"{word} it fills at ({row['_at']:%Y-%m-%d %H:%M} UTC), {late.height} such rows; "
            "expected it earlier: move it to the session after."
        )
