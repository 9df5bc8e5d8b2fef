"""What becomes of a result when one thing is made worse, or when chance takes the signal's place.

Made worse: trading a session later, doubled costs, the news an hour later, parts of the span, without the ten best sessions, without the
ten best names. Chance: the same targets begun at another time (the same names, holding periods and turnover), and the same targets given
to other names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.holdings import daily_pnl
from backtests.layout import Layout
from backtests.metrics import PERIODS
from backtests.simulation import Backtest, run
from backtests.targets import Targets, laid_out, outcome_of, targets_of
from research.errors import UsageError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["LEAST", "Robustness", "random_entries", "robustness", "shuffled_signals"]

Floats = npt.NDArray[np.float64]

_SCHEMA = {
    "check": pl.String, "metric": pl.String, "value": pl.Float64, "base": pl.Float64, "n": pl.Int64,
    "low": pl.Float64, "high": pl.Float64, "p_value": pl.Float64, "note": pl.String,
}  # fmt: skip

#: metrics of a draw
_DRAWN = ("annual_return", "sharpe", "gross_sharpe", "annual_turnover")

_RANDOM_ENTRY = "random entry, same turnover"

#: how far the turnover of the same targets begun elsewhere may be from that of the result before a note says so
_TURNOVER = 0.1

#: shortest stretch of returns that is given a Sharpe ratio
LEAST = 20


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """What the checks found.

    Attributes
    ----------
    table
        ``check, metric`` (``annual_return``, ``sharpe``, both net of costs, ``gross_sharpe`` before them, or ``annual_turnover``),
        ``value``, ``base`` (the same of the result), ``n`` (sessions; draws where chance decides). Of draws ``value`` is the median,
        ``low`` and ``high`` hold 95 % of them, and ``p_value`` is the share of draws at least as good as the result, itself counted. A
        check that could not be made has a null value and says in ``note`` what it needs.
    draws
        ``check, draw, annual_return, sharpe, gross_sharpe, annual_turnover``.
    seed
        Of the draws.
    """

    table: pl.DataFrame
    draws: pl.DataFrame
    seed: int

    def plot(self) -> Figure:
        """Return the Sharpe ratio of every check beside that of the result."""
        from backtests.trading_plots import robustness_figure

        return robustness_figure(self.table)


def robustness(
    result: Backtest,
    bars: pl.DataFrame,
    *,
    scores: pl.DataFrame | None = None,
    delayed: Callable[[timedelta], pl.DataFrame] | None = None,
    latency: timedelta = timedelta(hours=1),
    parts: int = 3,
    best: int = 10,
    draws: int = 200,
    seed: int = 0,
) -> Robustness:
    """Run every check on a result.

    Parameters
    ----------
    result, bars
        A run of :func:`backtests.run`, and the bars it ran on.
    scores
        ``session, symbol``: the names that could have been chosen in each session; without it those that trade at the fill.
    delayed
        Returns the ``weights`` that would have been decided with every piece of news a ``timedelta`` later. Without it that check says
        what it needs.
    latency
        How much later.
    parts
        Sub-periods of equal length.
    best
        How many of the best sessions, and of the best names, are left out.
    draws, seed
        Of the two comparisons with chance; 0 leaves them out.

    Raises
    ------
    UsageError
        For counts below their least.
    """
    if parts < 1 or best < 1 or draws < 0:
        raise UsageError(f"parts, best and draws came as {parts}, {best} and {draws}; expected at least 1, 1 and 0.")
    periods = PERIODS[result.market]
    base = _figures(result.portfolio.sort("session")["net_return"].to_numpy(), periods)
    rows = []
    for check in (*_run_again(result, bars, delayed, latency), *_cut(result, bars, parts, best)):
        values: dict[str, float | None] = dict.fromkeys(base) if check.net is None else _figures(check.net, periods)
        short = f"fewer than {LEAST} sessions" if check.net is not None and values["annual_return"] is None else ""
        shared = {
            "check": check.name,
            "n": 0 if check.net is None else len(check.net),
            "note": "; ".join(filter(None, (short, check.note))),
        }
        rows += [{**shared, "metric": name, "value": values[name], "base": base[name]} for name in ("annual_return", "sharpe")]
    table, drawn = pl.DataFrame(rows, schema=_SCHEMA), pl.DataFrame()
    if draws:
        table, drawn = _by_chance(result, bars, scores, draws, seed, periods, table)
    return Robustness(table, drawn, seed)


@dataclass(frozen=True, slots=True)
class _Check:
    """What is left of the net returns when one thing is changed; without returns the note says what the check needs."""

    name: str
    net: Floats | None
    note: str = ""


def _run_again(
    result: Backtest, bars: pl.DataFrame, delayed: Callable[[timedelta], pl.DataFrame] | None, latency: timedelta
) -> Iterator[_Check]:
    """Yield the checks that are runs of their own: a session later, at twice the costs, with later news."""

    def net(weights: pl.DataFrame, factor: float = 1.0) -> Floats:
        costs = [own if factor == 1.0 else own.scaled(factor) for _, own in result.markets]
        other = run(
            weights, bars, market=result.market, costs=costs, cash=result.cash, rules=[rules for rules, _ in result.markets],
            execution=result.execution, base=result.base, terms=result.terms, delisting_after=result.delisting_after,
            haircut=result.haircut,
        )  # fmt: skip
        return other.portfolio["net_return"].to_numpy()

    later = _a_session_later(result.weights, result.portfolio["session"])
    if later.is_empty():
        yield _Check("one session later", None, "needs at least two sessions after the first decision")
    else:
        yield _Check("one session later", net(later))
    yield _Check("doubled costs", net(result.weights, 2.0))
    name = f"news {_words(latency)} later"
    if delayed is None:
        yield _Check(name, None, "needs the news: pass delayed, which decides again with later news")
        return
    weights = delayed(latency)
    yield _Check(name, None, "with later news there was no target left") if weights.is_empty() else _Check(name, net(weights))


def _cut(result: Backtest, bars: pl.DataFrame, parts: int, best: int) -> Iterator[_Check]:
    """Yield the checks that are parts of the result: sub-periods, without its best sessions, without its best names."""
    portfolio = result.portfolio.sort("session")
    days, net = portfolio["session"].to_numpy(), portfolio["net_return"].to_numpy()
    for span, values in zip(np.array_split(days, parts), np.array_split(net, parts), strict=True):
        if len(span):
            yield _Check(f"{span[0]} to {span[-1]}", values)
    yield _Check(f"without the {best} best sessions", net[np.sort(np.argsort(-net, kind="stable")[best:])])
    names, rest = _without_best_names(result, bars, best)
    yield _Check(f"without the {best} best names", rest, ", ".join(names))


def random_entries(targets: Targets, draws: int, rng: np.random.Generator) -> Iterator[Targets]:
    """Yield the targets begun at another session, ``draws`` times: all rows are moved on by one random number, the last ones to the front.

    The same names, holding periods and turnover, but for the seam.
    """
    n = len(targets.decided)
    if n < 2:
        return
    for k in rng.integers(1, n, draws):
        yield _rotated(targets, int(k))


def shuffled_signals(targets: Targets, eligible: npt.NDArray[np.bool_], draws: int, rng: np.random.Generator) -> Iterator[Targets]:
    """Yield the targets given to other names, ``draws`` times: in each row the weights fall on names drawn from those ``eligible``.

    ``eligible`` is (sessions, symbols); names that have a target in a row are always among those drawn from.
    """
    pools = []
    for i in np.flatnonzero(targets.decided):
        own = targets.columns[targets.pointer[i] : targets.pointer[i + 1]]
        pools.append((targets.pointer[i], len(own), np.union1d(np.flatnonzero(eligible[i]), own)))
    for _ in range(draws):
        columns = targets.columns.copy()
        for begin, size, pool in pools:
            columns[begin : begin + size] = rng.permutation(pool)[:size]
        yield replace(targets, columns=columns)


def _by_chance(
    result: Backtest, bars: pl.DataFrame, scores: pl.DataFrame | None, draws: int, seed: int, periods: int, table: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    named = result.weights["symbol"].unique()
    if scores is not None:
        named = pl.concat([named, scores.filter(pl.col("symbol").is_in(bars["symbol"].unique().implode()))["symbol"].unique()]).unique()
    first = result.weights["session"].min()
    layout = laid_out(bars, named.to_list(), first, result.markets, execution=result.execution, base=result.base, terms=result.terms)  # type: ignore[arg-type]
    targets = targets_of(result.weights, layout)
    own = _drawn(layout, targets, result, periods)
    rng = np.random.default_rng(seed)
    eligible = np.isfinite(layout.price) if scores is None else _scored(scores, layout)
    rows, kept = [], []
    for check, made in (
        (_RANDOM_ENTRY, random_entries(targets, draws, rng)),
        ("shuffled signals", shuffled_signals(targets, eligible, draws, rng)),
    ):
        outcomes = [_drawn(layout, each, result, periods) for each in made]
        kept += [{"check": check, "draw": k, **each} for k, each in enumerate(outcomes)]
        rows += _ranges(check, own, outcomes)
    drawn = pl.DataFrame(kept, schema={"check": pl.String, "draw": pl.Int64, **dict.fromkeys(_DRAWN, pl.Float64)})
    return pl.concat([table, pl.DataFrame(rows, schema=_SCHEMA)]), drawn


def _ranges(check: str, own: dict[str, float | None], outcomes: list[dict[str, float | None]]) -> list[dict[str, object]]:
    """Return a row a metric: the median of the draws, the range of 95 % of them, and the share at least as good as the result."""
    rows: list[dict[str, object]] = []
    note = ""
    traded, mine = [each["annual_turnover"] or 0.0 for each in outcomes], own["annual_turnover"] or 0.0
    if check == _RANDOM_ENTRY and traded and abs(float(np.median(traded)) - mine) > _TURNOVER * mine:
        note = "not the same turnover: at some time names could not be traded"
    for metric in _DRAWN:
        base = own[metric]
        values = np.array([each[metric] for each in outcomes if each[metric] is not None], dtype=np.float64)
        row: dict[str, object] = {"check": check, "metric": metric, "base": base, "n": len(values), "note": note}
        if not len(values):
            row["note"] = f"fewer than {LEAST} sessions, or returns that do not vary"
        else:
            low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
            row |= {"value": middle, "low": low, "high": high}
            if base is not None and metric != "annual_turnover":
                row["p_value"] = float((1 + (values >= base).sum()) / (1 + len(values)))
        rows.append(row)
    return rows


def _drawn(layout: Layout, targets: Targets, result: Backtest, periods: int) -> dict[str, float | None]:
    out = outcome_of(
        layout, targets, result.costs, cash=result.cash, execution=result.execution, delisting_after=result.delisting_after,
        haircut=result.haircut,
    )  # fmt: skip
    before = _figures(out.net + out.cost, periods)["sharpe"]
    return {**_figures(out.net, periods), "gross_sharpe": before, "annual_turnover": float(out.turnover.mean() * periods)}


def _figures(net: Floats, periods: int) -> dict[str, float | None]:
    """Return geometric return and Sharpe ratio of a year; ``None`` below twenty returns or without spread."""
    if len(net) < LEAST:
        return {"annual_return": None, "sharpe": None}
    sigma = float(net.std(ddof=1))
    flat = sigma <= 1e-14 * max(1.0, float(np.abs(net).max()))
    return {
        "annual_return": float(np.expm1(np.log1p(net).mean() * periods)),
        "sharpe": None if flat else float(net.mean()) / sigma * periods**0.5,
    }


def _a_session_later(weights: pl.DataFrame, sessions: pl.Series) -> pl.DataFrame:
    """Return the targets as if each had been decided in the session it would have been filled in; the last one is never filled."""
    own = weights["session"].unique().sort()
    axis = sessions.sort()
    at = np.searchsorted(axis.to_numpy(), own.to_numpy(), side="right")
    inside = at < len(axis)
    moved = pl.DataFrame({"session": own.filter(pl.Series(inside)), "_later": axis.gather(at[inside])})
    # of two decisions before one open the later stands, as in a run
    moved = moved.group_by("_later").agg(pl.col("session").max())
    shifted = weights.join(moved, on="session", how="inner").select(session="_later", symbol="symbol", weight="weight")
    return shifted.filter(pl.col("session") < axis.max()).sort("session", "symbol")


def _without_best_names(result: Backtest, bars: pl.DataFrame, best: int) -> tuple[list[str], Floats]:
    """Return the names that earned most, and net returns less what they earned, on the same capital."""
    pnl = daily_pnl(result, bars)
    names = pnl.group_by("symbol").agg(pl.col("pnl").sum()).sort("pnl", "symbol", descending=[True, False]).head(best)["symbol"]
    portfolio = result.portfolio.sort("session")
    before = portfolio["nav"].shift(1, fill_value=1.0) * result.cash
    theirs = pnl.filter(pl.col("symbol").is_in(names.implode())).group_by("session").agg(pl.col("pnl").sum())
    earned = portfolio.select("session").join(theirs, on="session", how="left", maintain_order="left")["pnl"].fill_null(0.0)
    return names.to_list(), (portfolio["net_return"] - earned / before).to_numpy()


def _rotated(targets: Targets, k: int) -> Targets:
    length = np.diff(targets.pointer)
    cut = int(targets.pointer[len(length) - k])
    begin = np.concatenate([[0], np.cumsum(np.roll(length, k))]).astype(np.int64)
    column = np.concatenate([targets.columns[cut:], targets.columns[:cut]])
    weight = np.concatenate([targets.weights[cut:], targets.weights[:cut]])
    return Targets(begin, column, weight, np.roll(targets.decided, k))


def _scored(scores: pl.DataFrame, layout: Layout) -> npt.NDArray[np.bool_]:
    """Return (sessions, symbols): whether a name was scored in the session whose targets fill in the row."""
    inside = scores.filter(pl.col("symbol").is_in(pl.Series(layout.symbols).implode()))
    row = np.searchsorted(layout.day, inside["session"].to_physical().to_numpy().astype(np.int64), side="right")
    col = pl.Series(layout.symbols).search_sorted(inside["symbol"]).to_numpy()
    found = np.zeros(layout.price.shape, dtype=bool)
    here = row < len(layout.day)
    found[row[here], col[here]] = True
    return found


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:g} hour{'' if hours == 1 else 's'}"
