"""Rules, costs and terms as arrays: the rates of each session, the lot, dates and permissions of each name, the ticks in force."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import SCHEDULES, Costs
from backtests.rules import Rules

__all__ = ["fees_by_session", "terms_of_names", "tick_tables"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bands = tuple[tuple[float, float], ...]


def fees_by_session(sessions: list[date], markets: tuple[tuple[Rules, Costs], ...]) -> Floats:
    """Return the rates of every session, market and schedule."""
    fees = np.empty((len(sessions), len(markets), len(SCHEDULES)))
    for k, (_, costs) in enumerate(markets):
        # A schedule changes a few times in a run: the rate is looked up on those days.
        changes = {step.since for name in SCHEDULES for step in getattr(costs, name)}
        starts = sorted({0} | {row for since in changes if (row := bisect_left(sessions, since)) < len(sessions)})
        for start, end in zip(starts, [*starts[1:], len(sessions)], strict=True):
            fees[start:end, k] = [costs.rate(name, sessions[start]) for name in SCHEDULES]
    return fees


def terms_of_names(
    symbols: list[str],
    home: Ints,
    currency: list[int],
    markets: tuple[tuple[Rules, Costs], ...],
    sessions: list[date],
    terms: Mapping[str, dict[str, Any]],
) -> tuple[Floats, Ints, list[list[Bands | None]]]:
    """Return amounts (lot, step, borrow fee) and codes of each name, and the tick bands of each kind of name by row."""
    n = len(sessions)
    amounts, codes = np.empty((len(symbols), 3)), np.zeros((len(symbols), 7), dtype=np.int64)
    kinds: dict[object, int] = {}
    known: dict[str, tuple[Any, ...]] = {}
    tables: list[list[Bands | None]] = []

    def row_from(day: date | None) -> int:
        return n if day is None else bisect_left(sessions, day)

    for k, symbol in enumerate(_alike(symbols, home, markets)):
        (rules, costs), own = markets[home[k]], terms.get(symbols[k], {})
        if symbol not in known:
            changes = tuple(row for row in rules.ticks_of(symbol) if row.since <= sessions[-1])
            if changes not in kinds:
                kinds[changes] = len(tables)
                bands: list[Bands | None] = [None] * n
                for row in changes:
                    start = row_from(row.since)
                    bands[start:] = [row.bands] * (n - start)
                tables.append(bands)
            free = 0 if not rules.t_plus_1 else row_from(rules.same_day_since(symbol))
            known[symbol] = (*rules.lot(symbol), free, costs.is_exempt(symbol), row_from(costs.duty_free_since(symbol)), kinds[changes])
        least, step, free, exempt, duty_free, table = known[symbol]
        lot = own.get("lot")
        if lot is not None:
            least = step = lot
        borrow = own.get("borrow_rate")
        amounts[k] = least, step, costs.borrow_rate if borrow is None else borrow
        same_day, shortable = own.get("same_day"), own.get("shortable")
        if same_day is not None:
            free = 0 if same_day else n
        shorts = rules.short_selling if shortable is None else rules.short_selling and shortable
        codes[k] = home[k], currency[k], free, shorts, exempt, duty_free, table
    return amounts, codes, tables


def _alike(symbols: list[str], home: Ints, markets: tuple[tuple[Rules, Costs], ...]) -> list[str]:
    """Return for each symbol the first one that every pattern of its market treats the same."""
    names = pl.Series(symbols, dtype=pl.String)
    patterns: set[str] = set()
    for rules, costs in markets:
        patterns |= {costs.exempt} | {row.pattern for row in rules.lots} | {row.pattern for row in costs.waivers}
        patterns |= {row.pattern for row in rules.ticks} | {row.pattern for row in rules.same_day}
    matches = zip(home.tolist(), *(names.str.contains(pattern).to_list() for pattern in sorted(patterns - {""})), strict=True)
    first: dict[tuple[object, ...], str] = {}
    return [first.setdefault(match, symbol) for symbol, match in zip(symbols, matches, strict=True)]


def tick_tables(tables: list[list[Bands | None]]) -> tuple[Ints, Floats, Floats]:
    """Return the tick table in force by row and kind of name (-1 for none), and the tables' bands: prices up to, and ticks."""
    known = list(dict.fromkeys(bands for table in tables for bands in table if bands is not None))
    width = max((len(bands) for bands in known), default=1)
    uppers, sizes = np.full((max(1, len(known)), width), np.inf), np.ones((max(1, len(known)), width))
    for k, bands in enumerate(known):
        uppers[k, : len(bands)], sizes[k, : len(bands)] = zip(*bands, strict=True)
        sizes[k, len(bands) :] = bands[-1][1]
    place = {bands: k for k, bands in enumerate(known)}
    columns = [[-1 if bands is None else place[bands] for bands in table] for table in tables]
    return np.ascontiguousarray(np.array(columns, dtype=np.int64).T), uppers, sizes
