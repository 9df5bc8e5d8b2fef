"""One variant's scores held against what followed, over one window: order, direction, money, and the same with wrong dates.

*Order.* The rank correlation of score and return inside sessions, averaged, where the median session has several names; else over all rows
of the window, with errors that resample sessions. *Direction.* The share of rows whose score, less its middle, has the sign of the return.
The middle is the session's median where it has several names, else zero: nothing of the sample.

*Money.* Each decision buys the names above the middle and sells short those below at the next open, equal weights, at most ``most_weight``
in a name, and is closed ``h`` sessions later; ``1 / h`` of the capital follows each decision. It is marked to market every session and pays
the market's costs on the day of each trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.cross_sections import correlations, mean_ranks
from backtests.inference import block_length, bootstrap_shares, newey_west_mean
from backtests.scored import hac_lags, run_lengths
from research.errors import UsageError

__all__ = ["Estimate", "Outcomes", "accuracy", "book", "moved", "order", "outcomes_of", "shuffled", "sided"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_KEY = ["session", "symbol"]
#: least share of the rows that has to meet a return of a wrong date
_KNOWN = 0.3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its 95 % interval, its two-sided p-value against none, and the rows and sessions it rests on."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    n_rows: int
    n_sessions: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Returns of every symbol in every session of a market, also those without news: (sessions, symbols), NaN where there is none."""

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    values: Floats


def outcomes_of(labels: pl.DataFrame, horizon: int, sessions: Sequence[date]) -> Outcomes:
    """Lay the labels of one horizon out as a grid over the given sessions."""
    rows = labels.filter(pl.col("horizon") == horizon)
    symbols = rows["symbol"].unique().sort().to_list()
    grid = np.full((len(sessions), len(symbols)), np.nan)
    day = {session: i for i, session in enumerate(sessions)}
    name = {symbol: i for i, symbol in enumerate(symbols)}
    inside = rows.filter(pl.col("session").is_in(list(sessions)))
    at = [day[s] for s in inside["session"]]
    grid[at, [name[s] for s in inside["symbol"]]] = inside["forward_return"].to_numpy()
    return Outcomes(tuple(sessions), tuple(symbols), grid)


def sided(scores: pl.DataFrame, wide: bool) -> pl.DataFrame:
    """Return the scores with ``side`` in {-1, 0, 1}: above or below the session's median where ``wide``, else above or below zero.

    Scores of one session that are all equal say the same of every name: their side is that of the score itself.
    """
    value = pl.col("score")
    if not wide:
        return scores.with_columns(side=value.sign())
    flat = value.max().over("session") == value.min().over("session")
    return scores.with_columns(side=pl.when(flat).then(value.sign()).otherwise((value - value.median().over("session")).sign()))


def order(rows: pl.DataFrame, *, wide: bool, horizon: int, draws: int, seed: int) -> Estimate:
    """Return the rank correlation of ``score`` and ``forward_return``: the mean over sessions where ``wide``, else of all rows."""
    ordered = rows.sort(_KEY)
    days = int(ordered["session"].n_unique())
    if ordered.height < 3 or ordered["score"].n_unique() < 2:
        return Estimate(None, None, None, None, ordered.height, days)
    x, y = ordered["score"].to_numpy(), ordered["forward_return"].to_numpy()
    counts = run_lengths(ordered, "session")
    if wide:
        daily = _daily(x, y, counts)
        found = newey_west_mean(daily, hac_lags(len(daily), horizon))
        # Of few sessions the interval may reach over what a correlation can be.
        low, high = (None if end is None else min(1.0, max(-1.0, end)) for end in (found.ci_low, found.ci_high))
        return Estimate(found.mean, low, high, found.p_value, ordered.height, found.n)
    everything = np.array([len(x)], dtype=np.int64)
    u, v = (ranks - ranks.mean() for ranks in (mean_ranks(x, everything), mean_ranks(y, everything)))
    starts = np.cumsum(counts) - counts
    sums = np.stack([np.add.reduceat(part, starts) for part in (u * v, u * u, v * v)], axis=1)
    value = _ratio(sums.sum(axis=0))
    drawn = np.array([_ratio(row) for row in _resampled(sums, horizon, draws, seed)])
    return _bootstrapped(float(value), drawn, 0.0, ordered.height, len(counts))


def accuracy(rows: pl.DataFrame, *, horizon: int, draws: int, seed: int, beyond: float = 0.0) -> Estimate:
    """Return the share of rows whose ``side`` is the sign of the return, among those with both and a return beyond ``beyond``.

    The p-value is against one half; the interval resamples sessions.
    """
    kept = rows.filter((pl.col("side") != 0) & (pl.col("forward_return").abs() > beyond)).sort(_KEY)
    if kept["session"].n_unique() < 3:
        return Estimate(None, None, None, None, kept.height, int(kept["session"].n_unique()))
    right = (kept["side"].to_numpy() * kept["forward_return"].to_numpy() > 0).astype(float)
    counts = run_lengths(kept, "session")
    sums = np.stack([np.add.reduceat(right, np.cumsum(counts) - counts), counts.astype(float)], axis=1)
    drawn = _resampled(sums, horizon, draws, seed)
    return _bootstrapped(float(right.mean()), drawn[:, 0] / drawn[:, 1], 0.5, kept.height, len(counts))


def book(
    rows: pl.DataFrame, labels: pl.DataFrame, sessions: Sequence[date], *, horizon: int, costs: Costs, most_weight: float, long_only: bool
) -> pl.DataFrame:
    """Return ``session, gross_return, turnover, cost, net_return`` of the portfolio, a row a session from the first trade to the last.

    Parameters
    ----------
    rows
        ``session, symbol, side`` of decisions.
    labels
        ``labels`` with every horizon from 1 to ``horizon``.
    sessions
        The market's sessions in order.
    horizon, costs, most_weight, long_only
        See the module.
    """
    if not 0 < most_weight <= 1:
        raise UsageError(f"most_weight came as {most_weight}; expected a share above 0, 1 at most.")
    held = rows.filter(pl.col("side") > 0 if long_only else pl.col("side") != 0).select(*_KEY, "side")
    paths = labels.select(*_KEY, "horizon", "forward_return").sort(*_KEY, "horizon")
    paths = paths.join(held, on=_KEY, how="inner").sort(*_KEY, "horizon")
    whole = pl.len().over(_KEY) == horizon
    paths = paths.filter(whole).with_columns(earned=pl.col("forward_return").diff().over(_KEY).fill_null(pl.col("forward_return")))
    names = pl.col("symbol").n_unique().over("session")
    paths = paths.with_columns(weight=pl.col("side") * pl.min_horizontal(1.0 / names, pl.lit(most_weight)) / horizon)
    place = {session: i for i, session in enumerate(sessions)}
    n = len(sessions)
    gross, traded, cost = np.zeros(n), np.zeros(n), np.zeros(n)
    if paths.is_empty():
        return pl.DataFrame(schema={"session": pl.Date, **dict.fromkeys(("gross_return", "turnover", "cost", "net_return"), pl.Float64)})
    at = np.array([place[s] for s in paths["session"]]) + paths["horizon"].to_numpy().astype(np.int64)
    weight = paths["weight"].to_numpy()
    np.add.at(gross, at, weight * paths["earned"].to_numpy())
    short = weight < 0
    first, last = paths["horizon"].to_numpy() == 1, paths["horizon"].to_numpy() == horizon
    worth = 1 + paths["forward_return"].to_numpy()
    buy, sell = _rates(costs, sessions, int(at.min()), int(at.max()))
    for when, value, buys in ((first, np.abs(weight), ~short), (last, np.abs(weight) * worth, short)):
        rate = np.where(buys, buy[at], sell[at])
        np.add.at(traded, at[when], value[when])
        np.add.at(cost, at[when], (value * rate)[when])
    # borrowed for as many calendar days as the position is held
    begins = np.array([sessions[i].toordinal() for i in at])
    kept = begins - np.array([sessions[i - 1].toordinal() for i in at])
    np.add.at(cost, at, np.where(short, np.abs(weight) * costs.borrow_rate * kept / 365, 0.0))
    span = slice(int(at.min()), int(at.max()) + 1)
    frame = pl.DataFrame({"session": list(sessions)[span], "gross_return": gross[span], "turnover": traded[span], "cost": cost[span]})
    return frame.with_columns(net_return=pl.col("gross_return") - pl.col("cost"))


def shuffled(rows: pl.DataFrame, outcomes: Outcomes, *, wide: bool, draws: int, seed: int) -> Floats:
    """Return the rank correlations of the scores with returns of wrong dates, one a draw.

    The sessions of the window are permuted and each score meets the same symbol's return of another session. Where the returns are those of
    the rows only (a file that carries a few days after each of its news), the returns of the rows are permuted instead.
    """
    ordered = rows.sort(_KEY)
    x, y = ordered["score"].to_numpy(), ordered["forward_return"].to_numpy()
    if ordered.height < 3 or ordered["score"].n_unique() < 2:
        return np.empty(0)
    day, name, days = _places(ordered, outcomes)
    rng = np.random.default_rng(seed)
    place = np.searchsorted(days, day)
    sparse = np.isfinite(outcomes.values[days]).mean() < 0.5
    found = []
    for _ in range(draws):
        other = y[rng.permutation(len(y))] if sparse else outcomes.values[days[rng.permutation(len(days))][place], name]
        found.append(_plain_order(x, other, day, wide))
    return np.array([value for value in found if value is not None])


def moved(rows: pl.DataFrame, outcomes: Outcomes, step: int) -> pl.DataFrame:
    """Return the rows with the symbol's return of ``step`` sessions later (earlier below zero); none where too few have one.

    One session later is a placebo; ``horizon`` sessions earlier is a return that was known at the decision: its correlation says what a
    look-ahead of that size would be worth.
    """
    ordered = rows.sort(_KEY)
    if ordered.is_empty():
        return ordered
    day, name, _ = _places(ordered, outcomes)
    place, n = day + step, len(outcomes.sessions)
    found = np.where((place >= 0) & (place < n), outcomes.values[np.clip(place, 0, n - 1), name], np.nan)
    kept = ordered.with_columns(forward_return=pl.Series(found)).filter(pl.col("forward_return").is_finite())
    return kept if kept.height >= _KNOWN * ordered.height else kept.clear()


def _places(ordered: pl.DataFrame, outcomes: Outcomes) -> tuple[Ints, Ints, Ints]:
    days = {session: i for i, session in enumerate(outcomes.sessions)}
    names = {symbol: i for i, symbol in enumerate(outcomes.symbols)}
    day = np.array([days[s] for s in ordered["session"]], dtype=np.int64)
    return day, np.array([names[s] for s in ordered["symbol"]], dtype=np.int64), np.unique(day)


def _plain_order(x: Floats, y: Floats, day: Ints, wide: bool) -> float | None:
    """Return the rank correlation of the rows (sorted by session) that have a return; ``None`` where too few do."""
    known = np.isfinite(y)
    if known.sum() < max(3, _KNOWN * len(y)):
        return None
    x, y, day = x[known], y[known], day[known]
    if wide:
        daily = _daily(x, y, np.unique(day, return_counts=True)[1])
        return float(daily.mean()) if len(daily) else None
    everything = np.array([len(x)], dtype=np.int64)
    value = float(correlations(mean_ranks(x, everything), mean_ranks(y, everything), everything)[0])
    return value if np.isfinite(value) else None


def _daily(x: Floats, y: Floats, counts: Ints) -> Floats:
    found = correlations(mean_ranks(x, counts), mean_ranks(y, counts), counts)
    return found[np.isfinite(found) & (counts >= 3)]


def _ratio(sums: Floats) -> float:
    scale = float(np.sqrt(sums[1] * sums[2]))
    return float(sums[0]) / scale if scale > 0 else 0.0


def _resampled(sums: Floats, horizon: int, draws: int, seed: int) -> Floats:
    """Return (draws, columns): sums over sessions resampled in blocks of at least the horizon."""
    n = len(sums)
    block = min(float(n), max(float(horizon), block_length(sums[:, 0])))
    return np.asarray(bootstrap_shares(n, block, draws, "stationary", seed) @ sums * n)


def _bootstrapped(value: float, drawn: Floats, null: float, n_rows: int, n_sessions: int) -> Estimate:
    drawn = drawn[np.isfinite(drawn)]
    low, high = (float(q) for q in np.quantile(drawn, [0.025, 0.975]))
    far = (1 + int((np.abs(drawn - value) >= abs(value - null)).sum())) / (1 + len(drawn))
    return Estimate(value, low, high, float(far), n_rows, n_sessions)


def _rates(costs: Costs, sessions: Sequence[date], first: int, last: int) -> tuple[Floats, Floats]:
    """Return what a purchase and a sale of one unit of money cost in the sessions from ``first`` to ``last``, without fees by share."""
    flat = costs.commission + costs.half_spread / 1e4
    sides = np.full((2, len(sessions)), np.nan)
    for i in range(first, last + 1):
        for k, side in enumerate(("buy", "sell")):
            sides[k, i] = flat + costs.rate(f"stamp_duty_{side}", sessions[i]) + costs.rate(f"levy_{side}", sessions[i])
    return sides[0], sides[1]
