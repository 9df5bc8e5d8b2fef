"""Sentences and clauses of plain text, as offsets.

Chinese financial text uses the comma both between clauses and inside numbers (``278,249``), and the full stop of English
also inside numbers and tickers (``00700.HK``): both are separators only where no digit follows at once.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, Protocol, TypeVar

from research import cleaning

__all__ = ["BATCH", "START", "Named", "Sentence", "by_part", "clauses", "index_at", "is_article", "read", "sentences", "within"]

#: texts read at a time: memory stays flat however long the archive is; what several readers ask for is kept for as many
BATCH = 512
#: characters of body from which on a text in Chinese is read as an article
_ARTICLE = 400
#: a full stop before a capital ends an English sentence, but not behind these abbreviations
_ABBREVIATED = "".join(rf"(?<!\b{word}\.)" for word in (r"U\.S", r"U\.K", "Inc", "Corp", "Co", "Ltd", "Mr", "Ms", "Dr", "vs"))
#: every way begins with a mark, so that the text between marks is passed over at once
_END = re.compile(
    r"""[。!?;\n.](?:(?<!\.)[。!?;\n]*["'”’」』)]*|(?<=[A-Za-z0-9%)"'”]\.)""" + _ABBREVIATED + r"""["”']?(?=\s+["“(]?[A-Z])"""
    # two sentences of a list whose blank got lost: "rose 0.3% in Singapore.The index fell"
    r"|(?:(?<=[a-z]{3}\.)|(?<=\d%\.))(?=(?!Com\b)[A-Z][a-z]+[\s'’])|(?<=\.)\s*$)"
)
#: text that goes on for longer than this without a stop (a list, a table) is read in parts, so that no text takes more than linear time
_LONGEST = 1_000
_PART = re.compile(r"(?s:.*)(?:[、\s]|,(?!\d))")
#: key by which names and sentences are in order
START = attrgetter("start")
_CLAUSE = re.compile(r"[,:—\s](?:(?<=,)(?:(?<!\d,)|(?!\d{3}(?!\d)))|(?<=:)(?:(?<!\d:)|(?!\d))|(?<=—)—*|(?<=\s)[-–]\s)")


class Sentence(NamedTuple):
    """Half-open range of a sentence in its text; ``headline`` is true before the first line break of a document."""

    start: int
    end: int
    headline: bool = False


class Named(Protocol):
    """Anything with a half-open range of characters."""

    @property
    def start(self) -> int:
        """First character."""
        ...

    @property
    def end(self) -> int:
        """One past the last character."""
        ...


NamedT = TypeVar("NamedT", bound=Named)


@lru_cache(maxsize=BATCH)  # names, tone, events and facts ask for the same
def read(headline: str, body: str) -> tuple[str, tuple[Sentence, ...]]:
    r"""Return a document as plain text, its headline first, and its sentences.

    >>> plain, parts = read("甲公司漲停", "乙公司停牌。")
    >>> plain, [part.headline for part in parts]
    ('甲公司涨停\n乙公司停牌。', [True, False])
    """
    plain = cleaning.plain(f"{headline}\n{body}")
    return plain, tuple(sentences(plain, len(headline) + 1))


def is_article(language: str, body: str) -> bool:
    """Return whether a text is read as an article, of whose background not all is news; English ones and short ones are not.

    >>> is_article("zh", "甲公司停牌。"), is_article("zh", "甲公司停牌。" * 100), is_article("en", "Acme was halted. " * 100)
    (False, True, False)
    """
    return language != "en" and len(body) >= _ARTICLE


def sentences(plain: str, headline_end: int = 0) -> list[Sentence]:
    """Split ``plain`` (see :func:`research.cleaning.plain`) into sentences without surrounding blanks, of 1,000 characters at most.

    >>> [("甲涨1.5%。乙跌2%;丙平"[s.start : s.end]) for s in sentences("甲涨1.5%。乙跌2%;丙平")]
    ['甲涨1.5%。', '乙跌2%;', '丙平']
    """
    found: list[Sentence] = []
    start = 0
    for match in _END.finditer(plain):
        start = _append(found, plain, start, match.end(), headline_end)
    _append(found, plain, start, len(plain), headline_end)
    return found


def _append(found: list[Sentence], plain: str, start: int, end: int, headline_end: int) -> int:
    while end - start > _LONGEST:
        part = _PART.match(plain, start, start + _LONGEST)
        start = _append(found, plain, start, part.end() if part else start + _LONGEST, headline_end)
    piece = plain[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        found.append(Sentence(first, first + len(stripped), first < headline_end))
    return end


def clauses(plain: str, start: int, end: int) -> list[tuple[int, int]]:
    """Split one sentence at commas, colons and dashes that are not inside a number.

    >>> text = "报1,234点,涨3%"
    >>> [text[a:b] for a, b in clauses(text, 0, len(text))]
    ['报1,234点', '涨3%']
    """
    pieces, first = [], start
    for match in _CLAUSE.finditer(plain, start, end):
        if match.start() > first:
            pieces.append((first, match.start()))
        first = match.end()
    if end > first:
        pieces.append((first, end))
    return pieces


def index_at(parts: Sequence[NamedT], at: int) -> int:
    """Return which of ``parts`` (sorted by start) holds the character ``at``: the last that begins there or before, else the first."""
    return max(0, bisect_right(parts, at, key=START) - 1)


def by_part(ordered: Iterable[NamedT], parts: Sequence[Named]) -> list[list[NamedT]]:
    """Return for each of ``parts``, which do not overlap, the items of ``ordered`` that begin in it; both are sorted by start."""
    found: list[list[NamedT]] = [[] for _ in parts]
    at, last = 0, len(parts)
    for item in ordered:
        start = item.start
        while at < last and parts[at].end <= start:
            at += 1
        if at == last:
            break
        if parts[at].start <= start:
            found[at].append(item)
    return found


def within(ordered: Sequence[NamedT], start: int, end: int) -> list[NamedT]:
    """Return the items of ``ordered`` (sorted by start) that begin in ``[start, end)``."""
    low = bisect_left(ordered, start, key=START)
    return list(ordered[low : bisect_left(ordered, end, low, key=START)])
