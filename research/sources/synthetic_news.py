"""The newsroom of the embedded market: which article appears when, in which language, and what a reader should find in it.

Each story is told first by an original. Rephrasings follow minutes to days later; late copies carry the original's publication
time but were seen hours or days after it; back-filled copies have no measurement of when they were seen. None of these is
available before the original.
Denials, colour and texts that merely use a company's name as a word report no event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from research.schemas import content_id
from research.sources import Article
from research.sources.synthetic_companies import Lifetimes
from research.sources.synthetic_text import Company, Numbers, compose, numbers, to_traditional

__all__ = ["FEED", "PORTAL", "Story", "article_id", "newsroom", "write_news"]

FEED = "合成财经网"
PORTAL = "合成社"
_SOURCES = {
    "zh-Hans": ("南岸日报", "长堤财经", "汇川快讯"),
    "zh-Hant": ("維港財訊", "半山日報"),
    "en": ("Meridian Wire", "The Harbor Ledger", "Northlight News"),
}
_FEED_DAYS = (95, 71)  # the feed holds these days, counted back from the end of the sample
_N_PORTAL = 14
_MIX = {"cn": (0.92, 0.0), "hk": (0.15, 0.5), "us": (0.16, 0.0)}  # simplified, traditional; the rest is English
_SECOND = 1_000_000
_DAY = 24 * 3600 * _SECOND

Span = tuple[int, int]
OpenDays = Mapping[str, Sequence[date]]


@dataclass(frozen=True, slots=True)
class Story:
    """An event to be told: its symbols, type and clocks in microseconds (``first_seen`` is ``None`` for a back-fill)."""

    symbols: tuple[str, ...]
    event_type: str
    published: int
    first_seen: int | None
    available: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """An article before it is an :class:`~research.sources.Article`."""

    section: str
    origin: str
    symbols: tuple[str, ...]
    language: str
    headline: str
    body: str
    published: int
    first_seen: int | None

    @property
    def available(self) -> int:
        return self.published if self.first_seen is None else max(self.published, self.first_seen)


def article_id(article: Article) -> str:
    """Return the id an archive gives the article: a hash of source, headline, body and time stamp."""
    return content_id("article", article.source, article.headline, article.body, "" if article.stamp is None else _iso(article.stamp))


def newsroom(
    stories: Sequence[Story],
    companies: Mapping[str, Company],
    lifetimes: Lifetimes,
    span: Span,
    open_days: OpenDays,
    rng: np.random.Generator,
) -> tuple[tuple[Article, ...], pl.DataFrame, list[Story]]:
    """Return (articles by availability, labels, the stories with their clocks as printed).

    ``span`` is the first and last instant of the sample in microseconds, ``open_days`` the sessions of each market. A story that
    falls into the feed's weeks is told by the feed, whose publication times are exact; its clocks are returned accordingly.
    """
    feed = (span[1] - _FEED_DAYS[0] * _DAY, span[1] - _FEED_DAYS[1] * _DAY)
    desk = _Desk(companies, lifetimes, feed, open_days, rng)
    pieces: list[_Piece] = []
    told: list[Story] = []
    for story in stories:
        piece, facts = desk.original(story)
        told.append(replace(story, published=piece.published, first_seen=piece.first_seen))
        pieces += [piece, *desk.copies(piece, facts)]
    n_all = round(2.58 * len(stories))
    n_denied, n_ambiguous = round(0.13 * len(stories)), round(0.1 * len(stories))
    n_plain = max(n_all - len(pieces) - n_denied - n_ambiguous, 0)
    for section, count in (("denied", n_denied), ("ambiguous", n_ambiguous), ("plain", n_plain)):
        pieces += [desk.filler(section, span) for _ in range(count)]
    return (*_printed(pieces, feed, rng), told)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Writes pieces; holds what all of them share."""

    companies: Mapping[str, Company]
    lifetimes: Lifetimes
    feed: Span
    open_days: OpenDays
    rng: np.random.Generator

    @property
    def symbols(self) -> list[str]:
        return sorted(self.companies)

    def company(self, symbol: str, instant: int) -> Company | None:
        """Return the company under the name it has on that day; ``None`` after it was delisted."""
        day = _utc(instant).date()
        for first, last, name, zh in self.lifetimes[symbol]:
            if first <= day and (last is None or day <= last):
                return replace(self.companies[symbol], name=name, zh=zh)
        return None

    def language(self, market: str) -> str:
        simplified, traditional = _MIX[market]
        draw = self.rng.random()
        return "zh-Hans" if draw < simplified else "zh-Hant" if draw < simplified + traditional else "en"

    def peer(self, company: Company, instant: int) -> Company:
        """Return another company that still trades: of the same sector and market if there is one, else of the same market."""
        listed = (self.company(symbol, instant) for symbol in self.symbols)
        others = [other for other in listed if other is not None and other.market == company.market and other.name != company.name]
        alike = [other for other in others if other.sector == company.sector] or others
        return alike[int(self.rng.integers(len(alike)))]

    def text(
        self, section: str, language: str, company: Company, facts: Numbers, instant: int, avoid: str | None = None
    ) -> tuple[str, str]:
        peer = self.peer(company, instant)
        when = _utc(instant).astimezone(ZoneInfo(_zone(company.market, language)))
        for _ in range(8):
            headline, body = compose(section, language[:2], company, peer, facts, when, self.rng)
            if language == "zh-Hant":
                headline, body = to_traditional(headline), to_traditional(body)
            if headline != avoid:
                break
        return headline, body

    def original(self, story: Story) -> tuple[_Piece, Numbers]:
        company = self.company(story.symbols[0], story.available) or self.companies[story.symbols[0]]
        language = self.language(company.market)
        published, first_seen = story.published, story.first_seen
        if language == "zh-Hans" and self.feed[0] <= story.available < self.feed[1]:
            published, first_seen = story.available, None
        facts = numbers(company, self.rng)
        headline, body = self.text(story.event_type, language, company, facts, published)
        return _Piece(story.event_type, "original", story.symbols, language, headline, body, published, first_seen), facts

    def copies(self, first: _Piece, facts: Numbers) -> Iterable[_Piece]:
        rng = self.rng
        if rng.random() < 0.28:
            for _ in range(int(rng.integers(1, 3))):
                published = first.available + int(rng.integers(5 * 60, 72 * 3600)) * _SECOND
                symbol = first.symbols[-1] if rng.random() < 0.5 else first.symbols[0]
                company = self.company(symbol, published) or self.companies[symbol]
                language = self.language(company.market) if rng.random() < 0.25 else first.language
                # Days are named as of the first report, so that every version of a story tells the same date.
                headline, body = self.text(first.section, language, company, facts, first.published, avoid=first.headline)
                yield _Piece(
                    first.section,
                    "rephrased",
                    first.symbols,
                    language,
                    headline,
                    body,
                    published,
                    published + int(rng.integers(20, 180)) * _SECOND,
                )
        if rng.random() < 0.13:
            yield replace(first, origin="late", first_seen=first.available + int(rng.integers(2 * 3600, 96 * 3600)) * _SECOND)
        if rng.random() < 0.11:
            yield replace(
                first, origin="backfilled", published=first.available + int(rng.integers(60, 48 * 3600)) * _SECOND, first_seen=None
            )

    def filler(self, section: str, span: tuple[int, int]) -> _Piece:
        rng = self.rng
        company = None
        while company is None:
            symbol = self.symbols[int(rng.integers(len(self.symbols)))]
            market = self.companies[symbol].market
            language = self.language(market)
            # Colour talks of the day's trading, so it appears in the evening of a session; the rest at any time.
            sessions = self.open_days[market]
            drawn = _utc(int(rng.integers(*span))).date()
            day, first_hour = (sessions[int(rng.integers(len(sessions)))], 16.5) if section == "plain" else (drawn, 6)
            midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(_zone(market, language)))
            instant = int((midnight + timedelta(seconds=int(rng.integers(int(first_hour * 3600), 23 * 3600)))).timestamp()) * _SECOND
            company = self.company(symbol, instant)
        headline, body = self.text(section, language, company, numbers(company, rng), instant)
        named = () if section == "ambiguous" else (symbol,)
        how = rng.random()
        delay = int(rng.integers(20, 180)) if how < 0.75 else int(rng.integers(2 * 3600, 96 * 3600))
        return _Piece(section, section, named, language, headline, body, instant, instant + delay * _SECOND if how < 0.85 else None)


def _printed(pieces: Sequence[_Piece], feed: Span, rng: np.random.Generator) -> tuple[tuple[Article, ...], pl.DataFrame]:
    rows: dict[str, tuple[int, Article, _Piece]] = {}
    portal = _portal(pieces, feed)
    undated = min((number for number in portal if pieces[number].origin == "plain"), default=None)
    for number, piece in enumerate(pieces):
        article, available = _article(piece, feed, int(rng.integers(0, 3)))
        if number in portal:
            article, available = _on_portal(article, dated=number != undated), piece.available
        rows.setdefault(article_id(article), (available, article, piece))
    ordered = sorted(rows.items(), key=lambda item: (item[1][0], item[0]))
    labels = [
        (identity, symbol, piece.section if "." in piece.section else None, piece.origin)
        for identity, (_, _, piece) in ordered
        for symbol in (piece.symbols or (None,))
    ]
    schema = {"id": pl.String, "symbol": pl.String, "event_type": pl.String, "origin": pl.String}
    return tuple(article for _, (_, article, _) in ordered), pl.DataFrame(labels, schema=schema, orient="row")


def _portal(pieces: Sequence[_Piece], feed: Span) -> set[int]:
    """Choose the articles of the portal page: colour and some repeats, in simplified Chinese, none of them first with a story."""
    suited = [
        i
        for i, piece in enumerate(pieces)
        if piece.language == "zh-Hans"
        and piece.origin in ("plain", "denied", "rephrased")
        and feed[0] - 60 * _DAY < piece.published < feed[0]
    ]
    return set(suited[:: max(len(suited) // _N_PORTAL, 1)][:_N_PORTAL])


def _article(piece: _Piece, feed: Span, house: int) -> tuple[Article, int]:
    market = _market(piece)
    zone = _zone(market, piece.language)
    names = _SOURCES[piece.language]
    # A copy is another house's: the same text, time and source would be the same document.
    source = f"{names[0]} (mirror)" if piece.origin == "late" else names[house % len(names)]
    published, first_seen = piece.published, piece.first_seen
    if piece.language == "zh-Hans" and feed[0] <= piece.available < feed[1] and piece.origin != "late":
        source, published, first_seen = FEED, piece.available, None
    stamp = _utc(published).astimezone(ZoneInfo(zone))
    kind = (
        "announcement"
        if "公告" in piece.headline
        else "report"
        if piece.origin == "plain" and any(words in piece.headline for words in ("：关注", "：關注", ": three questions"))
        else "news"
    )
    url = f"https://news.example/{content_id(source, piece.headline, published)[:12]}"
    article = Article(kind, source, piece.headline, piece.body, url, stamp, zone, None if first_seen is None else _utc(first_seen))
    return article, published if first_seen is None else max(published, first_seen)


def _on_portal(article: Article, *, dated: bool) -> Article:
    """Return the article as a portal prints it: the day stands in the text, or nowhere."""
    stamp = article.stamp
    assert isinstance(stamp, datetime)
    dateline = f"{PORTAL}{stamp.year}年{stamp.month}月{stamp.day}日电 " if dated else ""
    return replace(article, source=PORTAL, kind="news", body=dateline + article.body, url=None, stamp=None, first_seen_at=None)


def _market(piece: _Piece) -> str:
    symbol = piece.symbols[0] if piece.symbols else ""
    if not symbol:
        return "us" if piece.language == "en" else "cn"
    return "cn" if symbol.endswith((".SS", ".SZ")) else "hk" if symbol.endswith(".HK") else "us"


def _zone(market: str, language: str) -> str:
    """Return the zone a paper of that language dates its news about that market in."""
    if market == "us":
        return "America/New_York" if language == "en" else "Asia/Shanghai"
    return "Asia/Hong_Kong" if market == "hk" else "Asia/Shanghai"


def _utc(instant: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(instant))


def _iso(stamp: datetime | str) -> str:
    return stamp if isinstance(stamp, str) else stamp.isoformat()


def write_news(articles: Sequence[Article], folder: Path) -> tuple[Path, Path, Path]:
    """Write ``archive.jsonl``, ``feed.txt`` and ``portal.txt`` into ``folder`` and return their paths."""
    archive, feed, portal = folder / "archive.jsonl", folder / "feed.txt", folder / "portal.txt"
    lines = [
        json.dumps(
            {
                "id": article_id(article),
                "source": article.source,
                "kind": article.kind,
                "headline": article.headline,
                "body": article.body,
                "url": article.url,
                "published_at": _iso(article.stamp),
                "first_seen_at": None if article.first_seen_at is None else article.first_seen_at.isoformat(),
            },
            ensure_ascii=False,
        )
        for article in articles
        if article.stamp is not None and article.source != FEED
    ]
    archive.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    feed.write_text(_feed([article for article in articles if article.source == FEED]), encoding="utf-8")
    portal.write_text(_page([article for article in articles if article.source == PORTAL]), encoding="utf-8")
    return archive, feed, portal


def _feed(articles: Sequence[Article]) -> str:
    """Return a feed with its tags stripped: newest first, the channel once, the time after each body."""
    items = []
    for article in reversed(articles):
        stamp = article.stamp
        assert isinstance(stamp, datetime)
        items.append(f"<![CDATA[ {article.headline} ]]> {article.url} {article.body}\n\n]]>\n{FEED} {format_datetime(stamp)}")
    return f"{FEED} https://news.example zh-hans " + "\n".join(items) + "\n"


def _page(articles: Sequence[Article]) -> str:
    """Return a portal page as text: a line of title, a line of body, and the page's own words around them."""
    body = "".join(f"{article.headline}\n{article.body}\n" for article in articles)
    return f"行业分类:\n加载中...\n头条分类:\n加载中...\n{body}\n版权所有 (C) {PORTAL}\n"
