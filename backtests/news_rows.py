"""The rows a study of dated news is about: a symbol in a session it had news in, what was known then, and what followed.

Each market is a study of its own. :func:`news_rows` forms the features (:func:`signals.library.library`), the text of the session, and
the returns that follow. Where prices begin only some sessions after the news (``delay``), the decision is made that much later; the delay
is how a file was made, so it is read off its first sessions, by which prices exist, never by what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from backtests.labels import forward_returns
from backtests.news_tables import Tables
from backtests.protocol import Protocol
from research.calendar import MARKETS, known_span
from research.calendar import sessions as calendar_sessions
from research.errors import EstimationError
from signals.library import library
from signals.pointintime import calendar_of, cutoffs
from signals.texts import CHARACTERS, session_texts

__all__ = ["NewsRows", "exchanged", "markets_of", "news_rows"]

#: calendar days before the first news, so that windows of a year are full, and after the last one, so that labels end
_BEFORE, _AFTER = timedelta(days=420), timedelta(days=40)
#: significant digits of a feature
_DIGITS = 9
#: first sessions of news with a price in reach, from which the delay is read
_FIRST = 20
_KEY = ["session", "symbol"]


@dataclass(frozen=True, slots=True)
class NewsRows:
    """Rows of one market.

    Attributes
    ----------
    market, horizon, delay
        ``cn``, ``hk`` or ``us``; sessions held; sessions between the news and the decision.
    rows
        ``session, symbol, asof``, the features, ``text``, and ``forward_return, ends_at`` where there is one; sorted by session and symbol.
    labels
        ``labels`` table of all symbols, horizons 1 to ``horizon``.
    sessions
        The market's ``sessions``.
    columns
        Features that could be formed.
    """

    market: str
    horizon: int
    delay: int
    rows: pl.DataFrame
    labels: pl.DataFrame
    sessions: pl.DataFrame
    columns: tuple[str, ...]


def markets_of(tables: Tables, protocol: Protocol) -> pl.DataFrame:
    """Return ``market, n_mentions, n_symbols`` of the mentions, the largest first; what trades elsewhere has a null market."""
    names = {MARKETS[market]: market for market in protocol.horizons}
    mics = calendar_of(tables.mentions["symbol"])
    named = tables.mentions.with_columns(market=mics.replace_strict(names, default=None, return_dtype=pl.String))
    counted = named.group_by("market").agg(n_mentions=pl.len(), n_symbols=pl.col("symbol").n_unique())
    return counted.sort("n_mentions", "market", descending=[True, False])


def news_rows(tables: Tables, market: str, protocol: Protocol, wanted: Sequence[str], texts: pl.DataFrame | None = None) -> NewsRows:
    """Return the rows of one market.

    Parameters
    ----------
    tables
        Of :func:`backtests.news_tables.tables_of`.
    market
        ``cn``, ``hk`` or ``us``.
    protocol
        Lead, horizon and the largest delay.
    wanted
        Features; those whose tables are there are formed.
    texts
        ``doc_id, symbol, text``; by default each document's own.

    Raises
    ------
    EstimationError
        When no news of the market is followed by a return.
    """
    mic, horizon = MARKETS[market], protocol.horizons[market]
    mine = tables.mentions.filter(calendar_of(tables.mentions["symbol"]) == mic)
    bars = tables.bars.filter(calendar_of(tables.bars["symbol"]) == mic)
    first: Any = mine["available_at"].min()
    last: Any = mine["available_at"].max()
    begin, end = _span(first, last, mic)
    calendar = calendar_sessions(mic, begin, end)
    held = bars if bars.height else tables.fragments
    spanned: tuple[Any, Any] = (held["session"].min(), held["session"].max())
    bars = bars.filter(pl.col("session").is_between(begin, end))
    own = tables.fragments.filter(calendar_of(tables.fragments["symbol"]) == mic)
    labels = _labels(bars, own, calendar, horizon)
    events = tables.events.filter(calendar_of(tables.events["symbol"]) == mic)
    names = [name for name in dict.fromkeys([*wanted, "news_since"])]
    features = library(events, mine, calendar, documents=tables.documents, bars=bars, names=names, lead=protocol.lead)
    # A sum over a session's names ends in another last digit when names of later days lie between theirs, and what was equal is not.
    features = features.with_columns(pl.col(names).round_sig_figs(_DIGITS))
    ahead = labels.filter(pl.col("horizon") == horizon).select(*_KEY, "forward_return", "ends_at")
    delay = _delay(features, ahead, protocol.most_delay)
    told = pl.col("news_since").shift(delay).over("symbol", order_by="session") == 0
    rows = features.filter(told).join(_texts(tables, mine, calendar, protocol, delay, texts), on=_KEY, how="left")
    rows = rows.join(ahead, on=_KEY, how="left").sort(_KEY)
    if not rows["forward_return"].count():
        raise EstimationError(
            f"None of {mine.height:,} mentions of {mine['symbol'].n_unique():,} symbols from {first:%Y-%m-%d} to {last:%Y-%m-%d} is "
            f"followed by a return; the bars of these symbols run from {spanned[0]!s} to {spanned[1]!s}: expected bars with an open in "
            "the sessions after the news."
        )
    return NewsRows(market, horizon, delay, rows, labels, calendar, tuple(wanted))


def exchanged(tables: Tables, seed: int) -> tuple[Tables, pl.DataFrame]:
    """Return the tables with what each mention says (tone, events, text) given to another mention at random, and ``doc_id, symbol, text``.

    Which symbol has news when stays as it was; what the news says is that of another date and symbol of the same market. Nothing that is
    learned from it can be worth anything, unless the steps in between look ahead.
    """
    rng = np.random.default_rng(seed)
    ordered = tables.mentions.sort("doc_id", "symbol")
    mics = calendar_of(ordered["symbol"]).fill_null("").to_numpy()
    target = np.arange(ordered.height)
    for mic in np.unique(mics):
        at = np.flatnonzero(mics == mic)
        target[at] = at[rng.permutation(len(at))]
    goes = pl.concat(
        [
            ordered.select(_doc="doc_id", _symbol="symbol"),
            ordered[target].select("doc_id", "symbol", "available_at"),
        ],
        how="horizontal",
    )
    own = ordered.rename({"doc_id": "_doc", "symbol": "_symbol"}).drop("available_at")
    mentions = own.join(goes, on=["_doc", "_symbol"], how="inner").select(ordered.columns).sort("doc_id", "symbol")
    moved = (
        tables.events.rename({"doc_id": "_doc", "symbol": "_symbol"}).drop("available_at").join(goes, on=["_doc", "_symbol"], how="inner")
    )
    events = moved.select(tables.events.columns).sort("event_id")
    text = tables.documents.select(_doc="doc_id", text=_text())
    texts = goes.join(text, on="_doc", how="left").select("doc_id", "symbol", "text")
    return replace(tables, mentions=mentions, events=events), texts


def _span(first: datetime, last: datetime, mic: str) -> tuple[date, date]:
    """Return the calendar days of the study."""
    earliest, latest = known_span(mic)
    begin, end = first.date() - _BEFORE, last.date() + _AFTER
    return (begin if earliest is None else max(begin, earliest)), (end if latest is None else min(end, latest))


def _labels(bars: pl.DataFrame, own: pl.DataFrame, calendar: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """Return the labels of the bars, and where they have no price to end with those of the news file's own prices.

    Of the latter, which are fragments, only a label whose last session has a price counts. The two are never mixed in one label.
    """
    labels = forward_returns(bars, calendar, horizons=range(1, horizon + 1))
    if own.is_empty():
        return labels
    grid = calendar.select("session", ends_at="close_at")

    def ended(found: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
        priced = prices.filter(~pl.col("suspended")).join(grid, on="session").select("symbol", "ends_at")
        return found.join(priced, on=["symbol", "ends_at"], how="semi")

    whole = ended(forward_returns(own, calendar, horizons=range(1, horizon + 1)), own)
    whole = whole.join(ended(labels.filter(pl.col("horizon") == horizon), bars), on=_KEY, how="anti")
    return pl.concat([labels.join(whole, on=_KEY, how="anti"), whole]).sort(*_KEY, "horizon")


def _delay(features: pl.DataFrame, ahead: pl.DataFrame, most: int) -> int:
    """Return the fewest sessions after the news at which half of it has a price, else those at which most has one.

    Asked of the first sessions whose news has a price at any of the delays: what comes later in the file plays no part.
    """
    known = features.select(*_KEY, "news_since").join(ahead.select(*_KEY, has=pl.lit(True)), on=_KEY, how="left")
    known = known.sort("symbol", "session")
    told = known.with_columns(
        pl.col("has").shift(-delay).over("symbol").fill_null(False).alias(f"_{delay}") for delay in range(most + 1)
    ).filter(pl.col("news_since") == 0)
    delays = [f"_{delay}" for delay in range(most + 1)]
    reached = told.filter(pl.any_horizontal(delays))
    first = reached["session"].unique().sort().head(_FIRST)
    if first.is_empty():
        return 0
    shares = told.filter(pl.col("session").is_between(first[0], first[-1])).select(pl.col(delays).mean()).row(0)
    return next((delay for delay, share in enumerate(shares) if share >= 0.5), int(np.argmax(shares)))


def _texts(
    tables: Tables, mentions: pl.DataFrame, calendar: pl.DataFrame, protocol: Protocol, delay: int, texts: pl.DataFrame | None
) -> pl.DataFrame:
    """Return ``session, symbol, text``: all that was said of the symbol in the session ``delay`` before, in order."""
    documents = tables.documents if texts is None else texts
    said = session_texts(mentions, documents, cutoffs(calendar, lead=protocol.lead)).drop("asof")
    days = calendar.select("session").with_columns(later=pl.col("session").shift(-delay))
    return said.join(days, on="session", how="inner").drop("session").rename({"later": "session"}).drop_nulls("session")


def _text() -> pl.Expr:
    return pl.format("{}\n{}", "headline", "body").str.slice(0, CHARACTERS)
