"""A file of news as the tables of :mod:`research`, and its bars: what a study of a signal is fed with.

Where the file says what a row is about, that decides the symbols of a document, and the tone is the one the text has towards them (of the
whole text, where it does not name them). Where it does not, :func:`research.annotation.annotate` reads them from the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from backtests.news_files import DatedNews, read_news
from research.annotation import annotate
from research.errors import DataError, SourceError
from research.instruments import in_effect, shipped
from research.linking import Linker
from research.prices import apart, chain
from research.schemas import BARS, MENTIONS
from research.sentiment import score_lines
from research.sources.files import read_bars

__all__ = ["Tables", "bars_of", "tables_of"]

_ANNOTATOR = "file@1"
_KEY = ["symbol", "session"]
#: what the reasons of set-aside rows of news and of bars have in common, and how such rows are counted
_REASONS = (
    (r"is no JSON object|could not be read as JSON", "could not be read as JSON"),
    (r"^Row \d+ is a ", "could not be read as JSON objects"),
    (r"^Row \d+ has \d+ fields", "with more or fewer fields than the header"),
    (r"neither headline nor body", "without text"),
    (r"set aside: its kind is", "of an unknown kind"),
    (r"set aside: its first-seen time is", "with a first-seen time that cannot be read"),
    (r"came with .* and no seen time", "without a time that can be read"),
    (r" has a (volume|amount) of ", "with a {} that is negative or infinite"),
    (r" has a (\w+) of ", "with a price or factor ({}) that is not positive or is infinite"),
    (r"^The file has a second bar", "that are a second bar of their session"),
    (r" has no (close|symbol|readable date)", "without a {}"),
    (r"^The symbol .* is no code", "with a symbol that is no code"),
)
#: kinds of instrument that cannot be bought as a share can
_UNTRADED = ("index", "rate", "fx")


@dataclass(frozen=True, slots=True)
class Tables:
    """What a study is fed with.

    Attributes
    ----------
    documents, mentions, events
        Of the symbols that have prices.
    bars
        ``bars`` table of every symbol of the files, with or without news: the mean of a market is not that of the names in the news.
    fragments
        ``bars`` table of the few days a news file carries after each of its rows. They are no series: returns are taken from them where the
        bars have none, and no feature.
    labels
        The file's own labels: ``doc_id, symbol, label``.
    notes
        What was chosen, and how many rows were left out for which reason.
    """

    documents: pl.DataFrame
    mentions: pl.DataFrame
    events: pl.DataFrame
    bars: pl.DataFrame
    fragments: pl.DataFrame
    labels: pl.DataFrame
    notes: tuple[str, ...]


def tables_of(news: DatedNews, bars: Sequence[Path], *, progress: Callable[[int], object] | None = None) -> Tables:
    """Read the documents, load the bars, and keep the mentions of what has both.

    Raises
    ------
    DataError
        When no symbol has news and prices with an open.
    """
    instruments = in_effect(shipped())
    read = annotate(news.documents, Linker.build(instruments), progress=progress)
    mentions, events = read.mentions, read.events
    if news.about.height:
        mentions = _given(news, mentions)
        events = events.join(mentions.select("doc_id", "symbol"), on=["doc_id", "symbol"], how="semi")
    untraded = instruments.filter(pl.col("asset_class").is_in(_UNTRADED))["symbol"].unique()
    wanted = mentions.filter(pl.col("role") != "source")["symbol"].unique().sort()
    priced, fragments, notes = bars_of(bars, untraded)
    if news.prices is not None:
        fragments = pl.concat([fragments, news.prices]).unique(_KEY, keep="first", maintain_order=True)
    symbols = pl.concat([priced.filter(pl.col("open").is_not_null())["symbol"], fragments["symbol"]]).unique()
    held = mentions.filter(pl.col("symbol").is_in(symbols.implode()))
    if held.is_empty():
        raise DataError(
            f"No symbol of the news ({wanted.len():,}: {', '.join(wanted.head(5).to_list()) or 'none'} …) has bars with an open in "
            f"{', '.join(p.name for p in bars) or 'no file'}; expected bars of the same symbols and dates: name other files with --bars."
        )
    if fragments.height:
        notes.append(f"opens and closes beside the news, of {fragments['symbol'].n_unique():,} symbols, are used where the bars have none")
    notes = [
        f"{news.documents.height:,} documents of {news.n_rows:,} rows; times without an offset read in {news.zone}; "
        f"{held['doc_id'].n_unique():,} of them name one of {held['symbol'].n_unique():,} symbols with bars ({wanted.len():,} are named)",
        *([f"set aside of the news: {_counted(news.quarantine)}"] if news.quarantine.height else []),
        *notes,
    ]
    labels = news.about.drop_nulls("label").filter(pl.col("symbol").is_in(symbols.implode()))
    events = events.filter(pl.col("symbol").is_in(symbols.implode()))
    return Tables(news.documents, held, events, priced, fragments, labels, tuple(notes))


def bars_of(paths: Sequence[Path], untraded: pl.Series | None = None) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return the bars of all files, the fragments of those that are news with prices beside it, and a note a file.

    A file continues the ones named before it through the sessions they share; of a symbol that shares none the one named first is kept.
    ``untraded`` are symbols that cannot be bought, such as indices; they are left out.
    """
    found, fragments, notes = BARS.empty(), BARS.empty(), []
    for path in paths:
        loaded, own, note = _loaded(path)
        fragments = pl.concat([fragments, own])
        if untraded is not None:
            loaded = loaded.filter(~pl.col("symbol").is_in(untraded.implode()))
        lost = apart(found, loaded)["symbol"] if found.height else pl.Series([], dtype=pl.String)
        if lost.len():
            loaded = loaded.filter(~pl.col("symbol").is_in(lost.implode()))
            note = f"{note}; {lost.len():,} symbols share no session with the files named before it, which are kept"
        found = pl.concat([found, chain(found, loaded)]) if found.height and loaded.height else found if found.height else loaded
        notes.append(note)
    return BARS.validate(found.sort("symbol", "session")), fragments.unique(_KEY, keep="first", maintain_order=True), notes


def _loaded(path: Path) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    try:
        read = read_bars(path)
    except SourceError as refused:
        # A file of news with prices in it may be named as bars too.
        try:
            news = read_news(path)
        except SourceError:
            raise refused from None
        if news.prices is None:
            raise refused from None
        return BARS.empty(), news.prices, f"{path.name}: opens and closes beside its news"
    names, aside = read.bars["symbol"].n_unique(), read.quarantine.height
    note = f"{path.name}: {read.bars.height:,} bars of {names:,} symbols, {aside:,} rows set aside"
    if aside:
        note = f"{note}: {_counted(read.quarantine)}"
    return read.bars.select(*BARS.schema), BARS.empty(), note


def _counted(quarantine: pl.DataFrame) -> str:
    """Return how many rows were set aside for which reason, the most frequent first."""
    counts = Counter(_reason(reason) for reason in quarantine["reason"])
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {'row' if n == 1 else 'rows'} {reason}" for reason, n in ordered)


def _reason(reason: str) -> str:
    for pattern, said in _REASONS:
        if match := re.search(pattern, reason):
            return said.format(*match.groups())
    return "for another reason"


def _given(news: DatedNews, read: pl.DataFrame) -> pl.DataFrame:
    """Return the mentions the file states, with the tone read towards the symbol, else that of the text."""
    documents = news.documents.select("doc_id", "headline", "body", "available_at")
    said = news.about.select("doc_id", "symbol").join(documents, on="doc_id", how="inner").sort("doc_id", "symbol")
    named = read.select("doc_id", "symbol", "surfaces", "in_headline", "first_offset", "n_mentions", "sentiment", "confidence")
    rows = said.join(named, on=["doc_id", "symbol"], how="left", maintain_order="left")
    texts = documents.select("doc_id", text=pl.format("{}\n{}", "headline", "body").str.strip_chars("\n"))
    scored = score_lines([{"id": i, "text": text} for i, text in texts.iter_rows()])
    whole = pl.DataFrame(
        [(s["id"], s["sentiment"], s["confidence"]) for s in scored],
        schema={"doc_id": pl.String, "_tone": pl.Float64, "_sure": pl.Float64}, orient="row",
    )  # fmt: skip
    rows = rows.join(whole, on="doc_id", how="left", maintain_order="left")
    return MENTIONS.validate(
        rows.select(
            "doc_id", "symbol",
            pl.col("surfaces").fill_null(pl.concat_list(pl.lit("", dtype=pl.String)).list.head(0)),
            pl.col("in_headline").fill_null(False), pl.col("first_offset").fill_null(0), pl.col("n_mentions").fill_null(1),
            role=pl.lit("subject"), relevance=1.0 / pl.len().over("doc_id").cast(pl.Float64),
            sentiment=pl.coalesce("sentiment", "_tone"), confidence=pl.coalesce("confidence", "_sure"),
            available_at="available_at", annotator=pl.lit(_ANNOTATOR),
        ).select(*MENTIONS.schema)
    )  # fmt: skip
