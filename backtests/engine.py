"""The order logic of :mod:`backtests.simulation` as machine code, compiled once and kept in numba's cache on disk.

Importing this module loads numba, so :mod:`backtests.simulation` does it inside a function. For each row:

1. borrow fees and financing of the days since the last row are charged;
2. targets of the row become goals in units, with a net asset value and prices known before the fill (:func:`_goals`);
3. every name that has somewhere to go is worked, sales first, then purchases (smallest first): :func:`_work`;
4. the book is valued at the close.

Arrays are those of :class:`backtests.layout.Layout`. Prices and shares are real ones in the currency of the name; a unit is ``adj_factor``
shares; cash and values are in the base currency.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["REASONS", "simulate"]

#: reason codes, in the words of the ``orders`` table
REASONS = (None, "limit_up", "limit_down", "suspended", "t_plus_1", "lot", "cash", "no_short", "adv_cap")

_LIMIT_UP, _LIMIT_DOWN, _SUSPENDED, _T_PLUS_1, _LOT, _CASH, _NO_SHORT, _ADV_CAP = range(1, 9)
_VOID = -1

#: rows of the ledger's numbers and codes
_REQUESTED, _FILLED, _PRICE, _COMMISSION, _STAMP, _LEVY, _SLIPPAGE = range(7)
_ROW, _COL, _REASON, _TURN = range(4)

#: columns of ``fees``, of ``rates`` (by market), of ``amounts`` and ``codes`` (by name), of ``options``
_STAMP_BUY, _STAMP_SELL, _LEVY_BUY, _LEVY_SELL, _SHARE_FEE, _SHARE_CAP, _SETTLE, _SETTLE_MIN, _SETTLE_CAP = range(9)
_RATE, _MINIMUM, _ROUNDING, _FLOOR = range(4)
_LOT_MIN, _LOT_STEP, _BORROW = range(3)
_MARKET, _CURRENCY, _FREE_FROM, _SHORTS, _EXEMPT, _DUTY_FREE, _TABLE = range(7)
_POLICY, _AT_FILL, _ON_TICK, _AFTER, _HAIRCUT, _FINANCING, _START = range(7)
_WAIT, _DIE = 1, 2

#: columns of the charges of a row; the first four are those of the ledger
_BORROWED, _FINANCED = 4, 5

_njit: Any = numba.njit(cache=True, error_model="numpy")
# A call would pass and count references to ten arrays for every order: a quarter of the run.
_inlined: Any = numba.njit(cache=True, error_model="numpy", inline="always")


@_njit
def _lots(shares, amounts):  # type: ignore[no-untyped-def]
    steps = shares / amounts[_LOT_STEP]
    return np.floor(steps + max(1e-9, 1e-12 * steps))


@_njit
def _whole(shares, amounts):  # type: ignore[no-untyped-def]
    """Round down to what may be ordered; the margin keeps 3.0 - 1e-16 lots three lots."""
    rounded = _lots(shares, amounts) * amounts[_LOT_STEP]
    return rounded if rounded >= amounts[_LOT_MIN] - 1e-12 else 0.0


@_njit
def _tick(price, version, uppers, sizes):  # type: ignore[no-untyped-def]
    """Return the tick at ``price``, 0 where there is none or the price is not a multiple of it (adjusted prices)."""
    if version < 0:
        return 0.0
    k = 0
    while k < uppers.shape[1] - 1 and price >= uppers[version, k]:
        k += 1
    steps = price / sizes[version, k]
    return sizes[version, k] if abs(steps - np.round(steps)) < 1e-6 else 0.0


@_njit
def _fill_price(shares, price, sale, half, impact, bound, tick, floor, on_tick):  # type: ignore[no-untyped-def]
    """Return what ``shares`` fill at: half spread and impact away from ``price``, on a tick when asked for, never beyond the limit."""
    away = max(half * price, floor * tick)
    if impact > 0:
        away += impact * price * np.sqrt(shares)
    if sale:
        at = max(price - away, 0.0)
        if on_tick and tick > 0:
            at = np.floor(at / tick + 1e-6) * tick
        return bound if at < bound else at
    at = price + away
    if on_tick and tick > 0:
        at = np.ceil(at / tick - 1e-6) * tick
    return bound if at > bound else at


@_njit
def _charge(shares, price, sale, row, fees, rates, codes, out):  # type: ignore[no-untyped-def]
    """Write commission, stamp duty and levies of an order into ``out``; return their sum, in the name's currency."""
    value = shares * price
    out[0] = max(rates[_MINIMUM], rates[_RATE] * value)
    out[1], out[2] = 0.0, 0.0
    if not codes[_EXEMPT]:
        if row < codes[_DUTY_FREE]:
            out[1] = value * fees[_STAMP_SELL if sale else _STAMP_BUY]
            if rates[_ROUNDING] > 0:
                out[1] = np.ceil(out[1] / rates[_ROUNDING] - 1e-9) * rates[_ROUNDING]
        out[2] = value * fees[_LEVY_SELL if sale else _LEVY_BUY]
        if fees[_SETTLE] > 0:
            out[2] += min(fees[_SETTLE_CAP], max(fees[_SETTLE_MIN], fees[_SETTLE] * value))
    if sale:
        out[2] += min(fees[_SHARE_CAP], fees[_SHARE_FEE] * shares)
    return out[0] + out[1] + out[2]


@_njit
def _goals(targets, nav, units, reference, goal):  # type: ignore[no-untyped-def]
    """Turn target weights into units at the reference prices; what has no price yet has no goal (NaN)."""
    for col in range(len(goal)):
        goal[col] = 0.0 if targets[col] == 0 else targets[col] * nav / reference[col]


@_inlined
def _work(  # type: ignore[no-untyped-def]
    row, wish, goal, units, unit, bought, cash, price, buy_at, sell_at, up, down, half, impact, cap, rate, fees, rates, amounts, codes,
    version, uppers, sizes, options, paid, numbers, slot,
):  # fmt: skip
    """Work one order of ``wish`` shares: cut it to what rules, volume and cash allow, and write it into ``slot`` of the ledger.

    Returns (reason, change in units, change in cash).
    """
    held, leaving = units * unit, goal == 0
    banned = goal < 0 and not codes[_SHORTS]
    shares = abs(wish) if leaving or banned else _whole(abs(wish), amounts)
    numbers[_REQUESTED, slot] = wish
    if shares == 0:
        return _LOT, 0.0, 0.0
    tick = 0.0
    if rates[_FLOOR] > 0 or options[_ON_TICK] > 0:
        tick = _tick(price, version, uppers, sizes)
    on_tick, floor = options[_ON_TICK] > 0, rates[_FLOOR]
    reason, asked, sale = 0, shares, wish < 0
    numbers[_REQUESTED, slot] = -asked if sale else asked
    everything = leaving

    if sale:
        if banned:
            shares, reason, everything = max(held, 0.0), _NO_SHORT, True
        if shares > 0 and sell_at <= down + 1e-9:
            shares, reason = 0.0, _LIMIT_DOWN
        if shares > 0 and row < codes[_FREE_FROM]:
            free = max(0.0, held - bought * unit)
            if shares > free:
                shares, reason, everything = free, _T_PLUS_1, False
        if shares > cap:
            shares, reason, everything = _whole(cap, amounts), _ADV_CAP, False
        if shares <= 0 or (reason != 0 and options[_POLICY] == _DIE):
            return reason, 0.0, 0.0
        bound = down if down > 0 else 0.0
        at = _fill_price(shares, price, True, half, impact, bound, tick, floor, on_tick)
        total = _charge(shares, at, True, row, fees, rates, codes, paid)
        if total > shares * at:
            return _CASH, 0.0, 0.0  # the proceeds would not cover the fees
        change, flow = (-units if everything else -shares / unit), (shares * at - total) * rate
    else:
        if buy_at >= up - 1e-9:
            return _LIMIT_UP, 0.0, 0.0
        if shares > cap:
            shares, reason = _whole(cap, amounts), _ADV_CAP
        bound = up if up > 0 else np.inf
        at = _fill_price(shares, price, False, half, impact, bound, tick, floor, on_tick)
        total = _charge(shares, at, False, row, fees, rates, codes, paid)
        if (shares * at + total) * rate > cash:
            reason = _CASH
            low, high = 0.0, _lots(shares, amounts) + 1.0
            while high - low > 1.0:  # the largest number of lots that cash pays for, fees included
                middle = np.floor((low + high) / 2)
                q = middle * amounts[_LOT_STEP]
                p = _fill_price(q, price, False, half, impact, bound, tick, floor, on_tick)
                if (q * p + _charge(q, p, False, row, fees, rates, codes, paid)) * rate <= cash:
                    low = middle
                else:
                    high = middle
            shares = _whole(low * amounts[_LOT_STEP], amounts)
            at = _fill_price(shares, price, False, half, impact, bound, tick, floor, on_tick)
            total = _charge(shares, at, False, row, fees, rates, codes, paid)
        if shares <= 0 or (reason != 0 and options[_POLICY] == _DIE):
            return reason, 0.0, 0.0
        # A full exit hands over the units themselves, so that nothing is left by rounding.
        change, flow = (-units if everything and reason == 0 else shares / unit), -(shares * at + total) * rate

    numbers[_FILLED, slot], numbers[_PRICE, slot] = (-shares if sale else shares), at
    numbers[_COMMISSION, slot], numbers[_STAMP, slot], numbers[_LEVY, slot] = paid[0], paid[1], paid[2]
    numbers[_SLIPPAGE, slot] = shares * (price - at if sale else at - price)
    return reason, change, flow


@_njit
def _sequence(keys):  # type: ignore[no-untyped-def]
    """Return sales (negative keys) as they stand, no sale depending on another, then purchases from the smallest; ties as they stand."""
    count = len(keys)
    turn, bought = np.empty(count, np.int64), np.empty(count, np.int64)
    sales, purchases = 0, 0
    for k in range(count):
        if keys[k] < 0:
            turn[sales] = k
            sales += 1
        else:
            bought[purchases] = k
            purchases += 1
    order = np.argsort(keys[bought[:purchases]])
    for k in range(purchases):
        place, now = sales + k, bought[order[k]]
        while place > sales and keys[turn[place - 1]] == keys[now] and turn[place - 1] > now:
            turn[place] = turn[place - 1]
            place -= 1
        turn[place] = now
    return turn


@_njit
def simulate(  # type: ignore[no-untyped-def]
    day, gap, opens, price, buy_at, sell_at, close, factor, up, down, half, impact, cap, fx_open, fx_close, fx_before, decided, pointer,
    columns, weights, fees, rates, amounts, codes, versions, uppers, sizes, close_before, factor_before, options, numbers, entries,
):  # fmt: skip
    """Run all rows; return (orders written, cash, nav, gross, net, charges, traded, units at the end)."""
    n, m = price.shape
    cash, owed, nav = options[_START], 0.0, options[_START]
    units, bought, goal, targets = np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(m)
    pending, absent = np.zeros(m, np.bool_), np.zeros(m, np.int64)
    last, unit, reference = close_before.copy(), factor_before.copy(), np.empty(m)
    keys, active, paid = np.empty(m), np.empty(m, np.int64), np.zeros(3)
    cash_path, nav_path, gross_path, net_path, traded = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    charges = np.zeros((n, 6))
    written = 0
    for i in range(n):
        if i == 0 or day[i] != day[i - 1]:
            bought[:] = 0.0
        before = fx_close[i - 1] if i > 0 else fx_before
        # 1. What the days since the last row cost.
        long = 0.0
        for col in range(m):
            if units[col] < 0:
                worth = -units[col] * last[col] * before[codes[col, _CURRENCY]]
                charges[i, _BORROWED] += worth * amounts[col, _BORROW] * gap[i] / 365.0
            elif units[col] > 0:
                long += units[col] * last[col] * before[codes[col, _CURRENCY]]
        charges[i, _FINANCED] = max(0.0, long - nav) * options[_FINANCING] * gap[i] / 365.0
        # A fee that cash cannot pay is owed until a later row: there is no overdraft.
        owed += charges[i, _BORROWED] + charges[i, _FINANCED]
        now = min(owed, cash)
        owed, cash = owed - now, cash - now

        # 2. Goals.
        for col in range(m):
            if not np.isnan(factor[i, col]):
                unit[col], absent[col] = factor[i, col], 0
            elif opens[i, codes[col, _MARKET]]:
                absent[col] += 1
            reference[col] = last[col] * before[codes[col, _CURRENCY]]
        if decided[i]:
            value = nav
            if options[_AT_FILL] > 0:
                value = cash - owed
                for col in range(m):
                    mark = last[col] if np.isnan(price[i, col]) else price[i, col] * unit[col]
                    reference[col] = mark * fx_open[i, codes[col, _CURRENCY]]
                    if units[col] != 0:
                        value += units[col] * reference[col]
            targets[:] = 0.0
            for k in range(pointer[i], pointer[i + 1]):
                targets[columns[k]] = weights[k]
            _goals(targets, value, units, reference, goal)
        count = 0
        for col in range(m):
            gone = units[col] != 0 and absent[col] >= options[_AFTER]
            if gone:
                keys[count] = -np.inf
            elif (decided[i] and (targets[col] != 0 or units[col] != 0)) or (not decided[i] and pending[col]):
                if not opens[i, codes[col, _MARKET]]:
                    pending[col] = True  # its exchange is closed: the order waits for it, whatever the policy
                    continue
                move = (goal[col] - units[col]) * reference[col]
                keys[count] = np.inf if np.isnan(move) else move
            else:
                pending[col] = False
                continue
            pending[col] = False
            active[count] = col
            count += 1

        # 3. Orders; the ledger keeps them by column.
        turn = _sequence(keys[:count])
        for k in range(count):
            col = active[turn[k]]
            slot = written + turn[k]
            for kind in range(7):
                numbers[kind, slot] = 0.0
            numbers[_PRICE, slot] = np.nan
            entries[_ROW, slot], entries[_COL, slot], entries[_TURN, slot] = i, col, k
            rate, reason, change, flow = fx_open[i, codes[col, _CURRENCY]], 0, 0.0, 0.0
            held = units[col] * unit[col]
            if keys[turn[k]] == -np.inf:
                at = last[col] * (1.0 - options[_HAIRCUT] if units[col] > 0 else 1.0)
                numbers[_REQUESTED, slot], numbers[_FILLED, slot], numbers[_PRICE, slot] = -held, -held, at / unit[col]
                cash += units[col] * at * rate
                units[col] = 0.0
                entries[_REASON, slot] = 0
                traded[i] += abs(held) * at / unit[col] * rate
                continue
            wish = goal[col] * unit[col] - held
            if np.isnan(wish):
                reason = _SUSPENDED
            elif abs(wish) <= 1e-9 * max(1.0, abs(held)):
                reason = _VOID
            elif np.isnan(price[i, col]):
                numbers[_REQUESTED, slot] = wish
                reason = _SUSPENDED
            else:
                market = codes[col, _MARKET]
                reason, change, flow = _work(
                    i, wish, goal[col], units[col], unit[col], bought[col], cash, price[i, col], buy_at[i, col], sell_at[i, col],
                    up[i % up.shape[0], col], down[i % down.shape[0], col], half[i % half.shape[0], col],
                    impact[i % impact.shape[0], col], cap[i % cap.shape[0], col],
                    rate, fees[i, market], rates[market], amounts[col], codes[col], versions[i, codes[col, _TABLE]], uppers, sizes,
                    options, paid, numbers, slot,
                )  # fmt: skip
            entries[_REASON, slot] = reason
            blocked = reason in (_LIMIT_UP, _LIMIT_DOWN, _SUSPENDED, _T_PLUS_1, _ADV_CAP)
            pending[col] = options[_POLICY] == _WAIT and blocked and not np.isnan(wish)
            if change != 0:
                units[col] = 0.0 if change == -units[col] else units[col] + change
                bought[col] += max(change, 0.0)
                cash += flow
                for kind in range(4):
                    charges[i, kind] += numbers[_COMMISSION + kind, slot] * rate
                # Slippage is a cost, so what was traded is counted at the price before it.
                traded[i] += abs(numbers[_FILLED, slot]) * price[i, col] * rate
        kept = written
        for slot in range(written, written + count):
            if entries[_REASON, slot] == _VOID:
                continue
            if kept != slot:
                numbers[:, kept] = numbers[:, slot]
                entries[:, kept] = entries[:, slot]
            kept += 1
        written = kept

        # 4. The book at the close, summed from left to right so that names without a position change nothing.
        gross, net = 0.0, 0.0
        for col in range(m):
            if not np.isnan(close[i, col]):
                last[col] = close[i, col] * unit[col]
            if units[col] != 0:
                worth = units[col] * last[col] * fx_close[i, codes[col, _CURRENCY]]
                net += worth
                gross += abs(worth)
        nav = cash - owed + net
        cash_path[i], nav_path[i], gross_path[i], net_path[i] = cash - owed, nav, gross, net
    return written, cash_path, nav_path, gross_path, net_path, charges, traded, units
