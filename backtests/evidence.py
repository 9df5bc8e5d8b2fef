"""The middle of the way in one place: from stored tables to a signal's evidence, and from events to a study.

Both functions are what the commands run; a notebook calls the same steps one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from backtests.bar_grid import bar_grid
from backtests.constraints import cap_names
from backtests.costs import Costs
from backtests.execution import Execution
from backtests.fund_limits import with_fund_limits
from backtests.labels import ForwardReturns, returns_ahead
from backtests.predictive import InformationCoefficient, information_coefficient
from backtests.quantiles import quantile_returns
from backtests.rules import rules_of
from backtests.simulation import Backtest, run
from backtests.simulation_inputs import checked
from backtests.weights import quantile_weights
from research.bar_report import listing_days
from research.calendar import MARKETS, known_span
from research.calendar import sessions as calendar_sessions
from research.errors import EstimationError, UsageError
from research.prices import with_limits
from research.schemas import BARS, INSTANT
from research.table import in_order
from research.treatments import spans
from signals.pointintime import LEAD, calendar_of
from signals.publish import history, of_equities
from signals.recipes import Recipe, StoredSignal

__all__ = [
    "HORIZONS", "Evidence", "MarketRows", "bars_between", "benchmark_of", "evidence", "first_reports", "market_calendar", "market_rows",
    "tradable",
]  # fmt: skip

#: sessions that a signal's labels look ahead
HORIZONS = (1, 2, 3, 5, 10, 20)

#: what windows of 250 sessions reach back, and some
_HISTORY = timedelta(days=420)

#: the longest stretch without a session (a mainland holiday week with its weekends), and some
_GAP = timedelta(days=20)

#: bars whose price limits are worked out at once
_AT_ONCE = 1 << 19
_LIMITS = ["limit_up", "limit_down"]

#: microseconds since 1970 of a bar that never came
_NEVER = 2**63 - 1

#: how long after it another event of the same type and symbol is the same news again
_ECHO = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a signal did in one market: scores, labels, information coefficient, quantile returns, backtest; and what it was made from.

    ``bars`` and ``sessions`` are those of the market (columns that were not read are null), ``events`` and ``mentions`` those that could be
    scored. ``ahead`` are the labels as every function that judges a score takes them.
    """

    signal: str
    market: str
    scores: pl.DataFrame
    ahead: ForwardReturns
    ic: InformationCoefficient
    quantiles: pl.DataFrame
    backtest: Backtest
    bars: pl.DataFrame
    sessions: pl.DataFrame
    events: pl.DataFrame
    mentions: pl.DataFrame
    delayed: Callable[[timedelta], pl.DataFrame]

    @property
    def labels(self) -> pl.DataFrame:
        """The ``labels`` table, made when asked for: of thousands of names it is several times as large as their bars."""
        return self.ahead.table()


@dataclass(frozen=True, slots=True)
class MarketRows:
    """The stored tables cut to one market: ``events, mentions, bars, sessions``."""

    events: pl.DataFrame
    mentions: pl.DataFrame
    bars: pl.DataFrame
    sessions: pl.DataFrame


def bars_between(start: date | None, end: date) -> pl.Expr:
    """Return which rows of ``bars`` :func:`evidence` can use from ``start`` to ``end``, so that a store need not read the others.

    They begin a year and some weeks before, for windows of 250 sessions and what a price is compared with, and end where the labels do.
    With ``None`` they begin with the first: features of prices are running sums, whose last digits depend on where they begin. A name
    without a bar in all that time before has no earlier close: its first session is one of a new listing.
    """
    last = end + timedelta(days=2 * max(HORIZONS)) + _GAP
    return pl.col("session") <= last if start is None else pl.col("session").is_between(start - _HISTORY, last)


def market_calendar(market: str, start: date, end: date) -> pl.DataFrame:
    """Return the sessions of a market from ``start`` to a few weeks past ``end``, as far as they are known."""
    if market not in MARKETS:
        raise UsageError(f"Market {market!r} is not known; expected one of {', '.join(MARKETS)}.")
    earliest, latest = known_span(MARKETS[market])
    # One document dated 1970 (a vendor's zero) must not stop everything: what is older than the calendar is used nowhere.
    first = start if earliest is None else max(start, earliest)
    last = end + _GAP if latest is None else max(end, min(end + _GAP, latest))
    return calendar_sessions(MARKETS[market], first, last)


def market_rows(
    events: pl.DataFrame, mentions: pl.DataFrame, bars: pl.DataFrame, *, market: str, currency: str, start: date, end: date,
    universe: pl.DataFrame | None = None, treatments: pl.DataFrame | None = None,
) -> MarketRows:  # fmt: skip
    """Return the rows of one market: bars in its currency, news, sessions up to ``end``.

    With ``universe`` only equities stay (in ``crypto`` only coins) and what is written about them.
    Price limits the bars do not carry are computed from the close before: the first sessions of a share whose listing ``universe`` dates
    are free, days under special treatment (``treatments``) have that one's limits.
    """
    # Asked once a symbol: a market's name beside every bar would be as long as the bars.
    names = bars.select(pl.col("symbol").unique().sort()).to_series()
    names = names.filter((calendar_of(names) == MARKETS.get(market)).fill_null(False))
    if universe is not None and universe.height:  # where the master is empty everything stays
        kind = "crypto" if market == "crypto" else "equity"
        traded = universe.filter(pl.col("asset_class") == kind).select("symbol").unique()
        names = names.filter(names.is_in(traded["symbol"].implode()))
        if kind == "equity":
            mentions, events = of_equities(mentions, universe), of_equities(events, universe)
        else:
            mentions, events = (frame.join(traded, on="symbol", how="semi") for frame in (mentions, events))
    mine = bars.filter(pl.col("symbol").is_in(names.implode()) & (pl.col("currency") == currency))
    del bars
    mine = _thinned(mine)
    if rules_of(market).price_limits:
        listings = None if universe is None else listing_days(universe)
        mine = _limited(mine, listings, None if treatments is None else spans(treatments))
    first_news = mentions.select(pl.col("available_at").min()).item()
    since = start if first_news is None else min(start, first_news.date() - _GAP)
    return MarketRows(events, mentions, mine, market_calendar(market, since, end))


def _thinned(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the bars with every column of their table: one that may be null and was not read is, and takes no memory.

    Neither does a text that is the same in every row (the currency; most often the source): it becomes a constant.
    """
    absent = [pl.lit(None, dtype=column.dtype).alias(column.name) for column in BARS.columns if column.null and column.name not in bars]
    same = [name for name in ("currency", "source") if bars.height and bars.select((pl.col(name) == pl.col(name).first()).all()).item()]
    constant = [pl.lit(bars.head(1)[name][0]).alias(name) for name in same]
    bars = bars.with_columns(*absent, *constant)
    return checked(BARS, bars.select(name for name in BARS.schema if name in bars.columns))


def _limited(bars: pl.DataFrame, listings: pl.DataFrame | None, special: pl.DataFrame | None) -> pl.DataFrame:
    """Return the bars sorted by symbol and session, the price limits they lack filled in.

    Some symbols at a time: what a limit is worked out from takes several times the memory of a bar.
    """
    rows = bars if in_order(bars, "symbol", "session") else bars.sort("symbol", "session")
    ends = rows["symbol"].rle().struct.field("len").cum_sum()
    parts, start = [rows.head(0).select(_LIMITS)], 0
    while start < rows.height:
        stop = int(ends[min(int(ends.search_sorted(start + _AT_ONCE)), len(ends) - 1)])
        part = rows.slice(start, stop - start)
        if part.select(pl.any_horizontal(pl.col(_LIMITS).has_nulls())).item():
            part = with_fund_limits(with_limits(part, listings=listings, special=special))
        parts.append(part.select(_LIMITS))
        start = stop
    return rows.with_columns(pl.concat(parts))


def evidence(
    events: pl.DataFrame, mentions: pl.DataFrame, bars: pl.DataFrame, *, signal: str | Recipe | StoredSignal, market: str, start: date,
    end: date, costs: Costs, quantiles: int = 5, horizons: Sequence[int] = HORIZONS, lead: timedelta = LEAD,
    cash: float = 10_000_000.0, universe: pl.DataFrame | None = None, treatments: pl.DataFrame | None = None, benchmark: str | None = None,
    execution: Execution | None = None, terms: pl.DataFrame | None = None, documents: pl.DataFrame | None = None,
    max_weight: float | None = None,
) -> Evidence:  # fmt: skip
    """Return what a signal would have done in one market between two dates.

    Each session's score uses only what was available before its cut-off; a target decided in session ``t`` fills at the open of ``t+1``.
    The choice of symbols is made on the day too (:func:`tradable`): whether a name has bars later on plays no part. Where the market's
    rules forbid short selling only the top quantile is held. With ``universe`` (an ``instruments`` table) anything but equities is left
    out: an index can be scored, not bought; and so is what is not quoted in the currency of the costs. Price limits the bars do not
    carry are computed from the close before, under the ST marks of ``treatments``. ``execution`` and ``terms`` as in
    :func:`backtests.simulation.run`; ``documents`` for signals that need them; ``max_weight`` bounds every name,
    what is cut stays in cash. The portfolio ends with session ``end``; labels look past
    it. ``benchmark`` is a symbol of ``bars`` to compare with; it is not bought. ``delayed`` of the result decides again with all news a
    span later.

    Raises
    ------
    EstimationError
        When no symbol has both news and bars in the span, or no session has enough of them for ``quantiles``: there is nothing to judge.
    """
    named = signal if isinstance(signal, str) else signal.name
    look_ahead = timedelta(days=2 * max(horizons, default=0))
    here = market_rows(
        events, mentions, bars, market=market, currency=costs.currency, start=start, end=end + look_ahead, universe=universe,
        treatments=treatments,
    )  # fmt: skip
    compared = None if benchmark is None else bars.filter((pl.col("symbol") == benchmark) & (pl.col("session") <= end))
    events, mentions, calendar = here.events, here.mentions, here.sessions
    # What lies past the end is read once, for the labels: from here on there is one copy of the bars.
    ahead = returns_ahead(here.bars, calendar, horizons=horizons)
    mine = here.bars.filter(pl.col("session") <= end)
    del bars, here
    long_only = not rules_of(market).short_selling

    def decided(later: timedelta = timedelta(0)) -> pl.DataFrame:
        moved = [frame.with_columns(pl.col("available_at") + pl.lit(later)) if later else frame for frame in (events, mentions)]
        texts = documents if documents is None or not later else documents.with_columns(pl.col("available_at") + pl.lit(later))
        scored = history(moved[0], moved[1], calendar, signal, lead=lead, documents=texts, bars=mine)
        scored = scored.filter(pl.col("session").is_between(start, end))
        return tradable(scored, mine, calendar)

    def weighted(scored: pl.DataFrame) -> pl.DataFrame:
        targets = quantile_weights(scored, quantiles=quantiles, gross=1.0, long_only=long_only)
        return targets if max_weight is None else cap_names(targets, max_weight)

    scores = decided()
    if scores.is_empty():
        raise EstimationError(
            f"Signal {named} has no score in market {market} from {start} to {end} for a symbol with bars in {costs.currency}: "
            f"{mentions.height} mentions, {mine['symbol'].n_unique()} symbols with bars; "
            "ingest news and load prices of the same symbols and dates."
        )
    targets = weighted(scores)
    if targets.is_empty():
        most = max(scores.group_by("session").len()["len"].to_list())
        raise EstimationError(
            f"Signal {named} orders at most {most} symbols in a session of market {market} from {start} to {end}; expected at least "
            f"{quantiles} with scores that differ, one for each quantile: ask for fewer quantiles, or bring news of more symbols."
        )
    priced = mine if compared is None else pl.concat([mine.filter(pl.col("symbol") != benchmark), compared], how="diagonal")
    result = run(
        targets, priced, market=market, costs=costs, cash=cash, benchmark=benchmark, execution=execution or Execution(),
        terms=terms,
    )  # fmt: skip
    return Evidence(
        named,
        market,
        scores,
        ahead,
        information_coefficient(scores, ahead),
        quantile_returns(scores, ahead, quantiles=quantiles),
        result,
        priced,
        calendar,
        events,
        mentions,
        lambda later: weighted(decided(later)),
    )


def tradable(scores: pl.DataFrame, bars: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the scores of the symbols that traded in the last session closed before the cut-off, as far as it was known by then.

    A name that is not listed yet, is suspended or has been delisted cannot be bought, and would take another's place in a quantile. That
    is judged on the day: a bar counts when its ``available_at`` is before the score's ``asof``.

    Parameters
    ----------
    scores, bars, sessions
        The ``signals``, ``bars`` and ``sessions`` tables of one market.
    """
    closed = sessions.select("close_at", _last="session").sort("close_at")
    asked = scores.select(pl.col("asof").unique().sort())
    last = asked.join_asof(closed, left_on="asof", right_on="close_at", strategy="backward", allow_exact_matches=False)
    day = scores.select("asof").join(last, on="asof", how="left", maintain_order="left")["_last"].fill_null(date.min)
    grid, cells = bar_grid(bars, sessions["session"])
    arrived = bars["available_at"].cast(INSTANT).to_physical().fill_null(_NEVER).to_numpy()
    known = grid.laid(cells, arrived, _NEVER, (~bars["suspended"]).to_numpy()).ravel()
    cell = grid.cells(day, scores["symbol"])
    held = scores.filter(pl.Series((cell >= 0) & (np.append(known, _NEVER)[cell] < scores["asof"].to_physical().to_numpy())))
    return held if in_order(held, "session", "symbol") else held.sort("session", "symbol")


def first_reports(events: pl.DataFrame, documents: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the events that are news: of each (symbol, type), a report within ten days after an earlier one is its echo and left out.

    The choice looks only backwards, so it can be made on the day. ``documents`` adds a second rule: a document that continues a story
    (``story_id`` is another document) reports nothing first.
    """
    frame = events.filter(pl.col("symbol").is_not_null())
    if documents is not None:
        frame = frame.join(documents.filter(pl.col("story_id") == pl.col("doc_id")).select("doc_id"), on="doc_id", how="semi")
    frame = frame.sort("symbol", "event_type", "available_at", "event_id")
    since = pl.col("available_at").diff().over("symbol", "event_type")
    return frame.filter(since.is_null() | (since > pl.lit(_ECHO))).sort("available_at", "event_id")


def benchmark_of(symbols: Sequence[str]) -> str | Mapping[str, str]:
    """Return one benchmark, or one for each market when several are named.

    Raises
    ------
    UsageError
        When two of them belong to one market.
    """
    if len(symbols) == 1:
        return symbols[0]
    mics = calendar_of(pl.Series(symbols))
    if mics.is_duplicated().any():
        raise UsageError(f"Benchmarks {', '.join(symbols)} share a market; name one for each market.")
    return dict(zip(mics.to_list(), symbols, strict=True))
