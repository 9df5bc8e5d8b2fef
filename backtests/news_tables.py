"""A file of news as the tables of :mod:`research`, and its bars: what a study of a signal is fed with.

Where the file says what a row is about, that decides the symbols of a document, and the tone is the one the text has towards them (of the
whole text, where it does not name them). Where it does not, :func:`research.annotation.annotate` reads them from the text.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Tables:
    """What a study is fed with.

    Attributes
    ----------
    documents, mentions, events, bars
        Tables of the same symbols.
    labels
        The file's own labels: ``doc_id, symbol, label``.
    own
        Symbols whose bars are fragments out of the news file.
    notes
        What was chosen.
    """

    documents: pl.DataFrame
    mentions: pl.DataFrame
    events: pl.DataFrame
    bars: pl.DataFrame
    labels: pl.DataFrame
    own: pl.Series
    notes: tuple[str, ...]


def tables_of(news: DatedNews, bars: Sequence[Path], *, progress: Callable[[int], object] | None = None) -> Tables:
    """Read the documents, load the bars of the symbols they are about, and keep what has both.

    Raises
    ------
    DataError
        When no symbol has news and bars with an open.
    """
    read = annotate(news.documents, Linker.build(in_effect(shipped())), progress=progress)
    mentions, events = read.mentions, read.events
    if news.about.height:
        mentions = _given(news, mentions)
        events = events.join(mentions.select("doc_id", "symbol"), on=["doc_id", "symbol"], how="semi")
    wanted = mentions.filter(pl.col("role") != "source")["symbol"].unique().sort()
    priced, notes = bars_of(bars, wanted, news)
    symbols = priced["symbol"].unique()
    held = mentions.filter(pl.col("symbol").is_in(symbols.implode()))
    notes = [
        f"{news.documents.height:,} documents of {news.n_rows:,} rows; times without an offset read in {news.zone}; "
        f"{held['doc_id'].n_unique():,} of them name one of {held['symbol'].n_unique():,} symbols with bars ({wanted.len():,} are named)",
        *notes,
    ]
    labels = news.about.drop_nulls("label").filter(pl.col("symbol").is_in(symbols.implode()))
    source = news.prices["source"][0] if news.prices is not None and news.prices.height else None
    own = priced.filter(pl.col("source") == source)["symbol"].unique().sort() if source else pl.Series([], dtype=pl.String)
    return Tables(news.documents, held, events.filter(pl.col("symbol").is_in(symbols.implode())), priced, labels, own, tuple(notes))


def bars_of(paths: Sequence[Path], symbols: pl.Series, news: DatedNews | None = None) -> tuple[pl.DataFrame, list[str]]:
    """Return the bars of ``symbols`` in all files, and of the news file itself for symbols the files lack while there was news of them.

    The second file continues the first through the sessions they share; where they share none, the one with more bars is kept.
    """
    found, notes = BARS.empty(), []
    for path in paths:
        loaded, note = _loaded(path)
        loaded = loaded.filter(pl.col("symbol").is_in(symbols.implode()))
        lost = apart(found, loaded)["symbol"] if found.height else pl.Series([], dtype=pl.String)
        if lost.len():
            sizes = pl.concat([found.with_columns(_f=0), loaded.with_columns(_f=1)]).filter(pl.col("symbol").is_in(lost.implode()))
            best = (
                sizes.group_by("symbol", "_f")
                .len()
                .sort("symbol", "len", "_f", descending=[False, True, False])
                .unique("symbol", keep="first")
            )
            mine = best.filter(pl.col("_f") == 1)["symbol"]
            found = found.filter(~pl.col("symbol").is_in(mine.implode()))
            loaded = loaded.filter(~pl.col("symbol").is_in(lost.implode()) | pl.col("symbol").is_in(mine.implode()))
            note = f"{note}; {lost.len():,} symbols share no session with the files before, the longer series is kept"
        found = pl.concat([found, chain(found, loaded)]) if found.height and loaded.height else found if found.height else loaded
        notes.append(note)
    if news is not None and news.prices is not None:
        covered = _covered(found, news)
        own = news.prices.filter(~pl.col("symbol").is_in(covered.implode()) & pl.col("symbol").is_in(symbols.implode()))
        if own.height:
            kept = found.filter(~pl.col("symbol").is_in(own["symbol"].unique().implode()))
            found = pl.concat([kept, own.select(kept.columns)])
            notes.append(f"opens and closes of the news file itself are used for {own['symbol'].n_unique():,} symbols")
    known = found.filter(pl.col("open").is_not_null())["symbol"].unique()
    if found.is_empty() or not known.len():
        raise DataError(
            f"No symbol of the news ({symbols.len():,}: {', '.join(symbols.head(5).to_list()) or 'none'} …) has bars with an open in "
            f"{', '.join(p.name for p in paths) or 'no file'}; expected bars of the same symbols and dates: name other files with --bars."
        )
    return BARS.validate(found.filter(pl.col("symbol").is_in(known.implode())).sort("symbol", "session")), notes


def _loaded(path: Path) -> tuple[pl.DataFrame, str]:
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
        return news.prices, f"{path.name}: opens and closes beside its news"
    return (
        read.bars,
        f"{path.name}: {read.bars.height:,} bars of {read.bars['symbol'].n_unique():,} symbols, {read.quarantine.height:,} rows set aside",
    )


def _covered(bars: pl.DataFrame, news: DatedNews) -> pl.Series:
    """Return the symbols that have a bar in the two weeks after at least half of their documents."""
    told = news.about.join(news.documents.select("doc_id", "available_at"), on="doc_id").with_columns(day=pl.col("available_at").dt.date())
    days = bars.select("symbol", "session").sort("session")
    after = told.sort("day").join_asof(
        days, left_on="day", right_on="session", by="symbol", strategy="forward", tolerance="14d", check_sortedness=False
    )
    share = after.group_by("symbol").agg(pl.col("session").is_not_null().mean())
    return share.filter(pl.col("session") >= 0.5)["symbol"].sort()


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
