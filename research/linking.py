"""Text to instruments: where a document names one, in what role, and how much the document is about it.

:class:`Linker` finds names in these steps:

1. every name, alias and blocking word is one pattern of an Aho-Corasick automaton over the folded text (:meth:`Linker.build`);
2. a match must stand on word boundaries, in the right case (:func:`research.names.fits`), be valid on the day of publication and be no
   piece of a person's name (阿里尔·凯尔曼); names cut by a mark (*ST东通, XD贵州茅) are read on their own (:mod:`research.treated`);
3. a match inside a longer blocking word is dropped (道指 in 报道指出), and so is one whose edge falls inside a common word
   (长和 in 增长和); of the others the leftmost longest stay (:meth:`Linker._chosen`);
4. codes such as ``600519.SH``, ``(00700.HK)``, ``NASDAQ: NVDA`` or ``$AAPL`` are read on their own (:mod:`research.codes`); one settles
   the name beside it, there and wherever the text says that name again, and counts by itself where no name is known; a ticker is its
   issuer's of that day ($FB of 2019 is META);
5. a name that several listings share goes to the listing the text means (:meth:`Linker._resolved`): the code beside it, else the one
   the words around it speak of (:func:`research.venues.chosen`), else the one most of its other namings mean, else the mainland
   (English text: New York) listing;
6. a name that is also an ordinary word counts only with a surer one of the same instrument in the document, in an enumeration with a
   sure one, or beside words about a price or a company; a currency that is the unit of an amount or one side of a pair, never
   (:func:`research.contexts.settled`);
7. what is beside it may make a name another's: a bond, a fund (黄金ETF), a sector's index (:func:`research.contexts.another`);
8. one word may stand for an instrument named just before, its other listing, a yield by its term, and one character for a metal where
   several are joined (:meth:`Linker._implied`, :mod:`research.clipped`);
9. each span gets its role from the words around it (:mod:`research.roles`).

:func:`research.mentions.mentions` sums the spans of a document to one row an instrument.
"""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ahocorasick_rs
import polars as pl

from research import clipped, codes, contexts, listings, roles, venues
from research.calendar import mic_of
from research.contexts import Instrument
from research.mentions import ANNOTATOR, mentions
from research.names import Name, fits, fold, in_person, of_row, quoters, spelling, words
from research.namings import Naming, renamed, with_codes
from research.schemas import INSTRUMENTS
from research.sentences import read
from research.treated import Treated
from research.venues import Neighbour, Place

__all__ = ["ANNOTATOR", "SPANS", "Linker", "mentions"]

#: columns of a spans frame; offsets count characters of headline + newline + body, ``end`` excluded
SPANS: Mapping[str, Any] = {
    "doc_id": pl.String,
    "symbol": pl.String,
    "surface": pl.String,
    "start": pl.Int32,
    "end": pl.Int32,
    "in_headline": pl.Boolean,
    "role": pl.String,
}

#: a share is offered and priced before it is listed: the first row of a symbol counts this long before its ``valid_from``.
#: A later row (a new name) counts from its day on, not before.
BEFORE_LISTING = timedelta(days=14)

_CHINA_FUTURES = ("SHFE:", "INE:", "DCE:", "CZCE:", "GFEX:")
#: of these a bare name means the mainland's contract unless the text speaks of Chicago
_GRAINS = frozenset({"ZM=F", "ZL=F", "ZC=F", "ZS=F", "ZW=F"})
#: how far back a country tells whose yield 10年期国债收益率 is
_FAR = 120
_MAINLAND, _NEW_YORK = listings.MAINLAND, listings.NEW_YORK
_AGENCY = "SPGI"
#: "H股" alone is the listing of a share named this near before
_NEAR = 80
_LATIN_LEFT = re.compile(r"[A-Za-z][a-z.] $")
_LATIN_RIGHT = re.compile(r" [A-Z][a-z]")
_WEEKDAYS = tuple("一二三四五六日")
_ST_MARK = re.compile(r"(?:\*ST|S\*ST|ST|XD|XR|DR)$")


@dataclass(frozen=True, slots=True)
class Linker:
    """Names of a security master, ready to be found. Make one with :meth:`build`."""

    _automaton: Any
    _patterns: tuple[tuple[Name, ...], ...]
    _joins: frozenset[int]
    _instruments: Mapping[str, Instrument]
    _twins: Mapping[str, str]
    _treated: Treated

    @classmethod
    def build(cls, instruments: pl.DataFrame) -> Linker:
        """Return a linker for the names of ``instruments`` (any frame of that table).

        Names of one character are not searched: a character is never a name by itself in Chinese.

        Raises
        ------
        SchemaError
            When ``instruments`` does not fit its table.
        """
        rows = INSTRUMENTS.validate(instruments).sort("symbol", "valid_from").to_dicts()
        kinds = quoters()
        known = {r["symbol"]: Instrument(r["mic"], r["asset_class"], kinds.get(r["symbol"])) for r in rows}
        by_pattern: dict[str, dict[tuple[str, date, str], Name]] = defaultdict(dict)
        twins = {r["symbol"]: r["twin"] for r in rows if r["twin"] in known}
        begins = {r["symbol"]: r["valid_from"] for r in reversed(rows)}
        mainland: list[Name] = []
        spelled = spelling(rows)
        for row in rows:
            second = begins.get(row["twin"], date.max) < row["valid_from"]  # of a second listing nothing is in the news before
            early = row["valid_from"] == begins[row["symbol"]] and not second
            first = _earlier(row["valid_from"], BEFORE_LISTING) if early else row["valid_from"]
            for name in of_row(row, first, row["valid_to"] or date.max, spelled):
                by_pattern[fold(name.text)].setdefault((name.symbol, name.first, name.text), name)
                if row["mic"] in _MAINLAND and row["asset_class"] == "equity":
                    mainland.append(name)
        joins = words("names_joins.csv")
        for word in (*words("names_blocking.csv"), *joins):
            by_pattern.setdefault(fold(word), {})
        index = {pattern: i for i, pattern in enumerate(by_pattern)}
        automaton = ahocorasick_rs.AhoCorasick(list(by_pattern), matchkind=ahocorasick_rs.MATCHKIND_STANDARD)
        patterns = tuple(tuple(names.values()) for names in by_pattern.values())
        return cls(automaton, patterns, frozenset(index[fold(word)] for word in joins), known, twins, Treated.of(mainland))

    def spans(self, documents: pl.DataFrame) -> pl.DataFrame:
        """Return every place where a document names an instrument.

        Parameters
        ----------
        documents
            Table ``documents``; only ``doc_id``, ``headline``, ``body``, ``language`` and ``published_at`` are read.

        Returns
        -------
        DataFrame
            Columns of :data:`SPANS`; ``surface`` is cut from the original text; sorted by ``doc_id``, ``start``.
        """
        rows: list[tuple[str, str, str, int, int, bool, str]] = []
        texts = documents.select("doc_id", "headline", "body", "language", "published_at")
        for doc_id, headline, body, language, published_at in texts.iter_rows():
            text, (plain, _) = f"{headline}\n{body}", read(headline, body)
            for symbol, start, end, role in self._link(plain, len(headline), published_at, language):
                rows.append((doc_id, symbol, text[start:end], start, end, start < len(headline), role))
        return pl.DataFrame(rows, schema=dict(SPANS), orient="row").sort("doc_id", "start")

    def _link(self, text: str, headline: int, published_at: datetime, language: str) -> list[tuple[str, int, int, str]]:
        chosen = self._chosen(text, published_at.date())
        if language != "en":
            chosen = [s for s in chosen if not self._part_of_latin_name(s, text)]
        coded = codes.find(text)
        if coded:
            named = {n.symbol for s in chosen for n in s.names}
            coded = [renamed(c, published_at.date(), named) for c in coded]
        found = with_codes(chosen, [c for c in coded if c.known or c.symbol in self._instruments], text)
        resolved = self._resolved(found, text, headline, language, published_at)
        kept = self._sure(resolved, text)
        return self._roles(self._implied(kept, text), text, headline)

    def _what(self, symbol: str) -> Instrument:
        """Return what is known of a symbol; of one only its code names, what the code shows."""
        return self._instruments.get(symbol) or Instrument(mic_of(symbol), "etf" if codes.is_fund(symbol) else "equity", None)

    def _chosen(self, text: str, day: date) -> list[Naming]:
        """Return the leftmost longest names that fit, without those inside a longer blocking word."""
        candidates: list[Naming] = []
        blocked: list[tuple[int, int]] = []
        persons = "·" in text or "・" in text or "•" in text
        broken: set[int] = set()  # positions inside a common word, where no short name may begin or end
        for index, start, end in self._automaton.find_matches_as_indexes(fold(text), overlapping=True):
            names = self._patterns[index]
            if index in self._joins:
                broken.update(range(start + 1, end))
                continue
            if not names:
                if not (text[end - 1] == "周" and text[end : end + 1] in _WEEKDAYS):  # 黄金周五 is no holiday
                    blocked.append((start, end))
                continue
            fitting = tuple(n for n in names if n.first <= day <= n.last and fits(text, start, end, n.text))
            if fitting and not (persons and in_person(text, start, end)):
                candidates.append(Naming(start, end, fitting))
        if "ST" in text or "XD" in text or "XR" in text or "DR" in text:
            candidates += [Naming(start, end, (name,)) for start, end, name in self._treated.find(text, day)]
        candidates.sort(key=lambda s: (s.start, -s.end))
        blocked.sort()
        places = {(span.start, span.end) for span in candidates}
        chosen: list[Naming] = []
        reach, position = 0, 0
        for span in candidates:
            if span.start < reach or self._broken(span, broken, places):
                continue
            while position < len(blocked) and blocked[position][1] <= span.start:
                position += 1
            if _inside(span, blocked, position):
                continue
            chosen.append(span)
            reach = span.end
        return chosen

    def _broken(self, span: Naming, broken: Set[int], places: Set[tuple[int, int]]) -> bool:
        """Return whether an edge of a short name falls inside a common word.

        特斯拉美股 speaks of no 拉美: a company is read first, unless another one is in its place without its end (京东方面 is 京东's).
        """
        company = span.end - span.start == 3 and self._instruments[span.names[0].symbol].asset_class == "equity"
        whole = company and (span.start, span.end - 1) not in places
        return span.end - span.start <= 3 and (span.start in broken or (not whole and span.end in broken))

    def _part_of_latin_name(self, span: Naming, text: str) -> bool:
        """Return whether a Latin word in Chinese text belongs to a longer Latin name: Bill Pulte, Uranium Energy."""
        came = text[span.start : span.end]
        if not came.isascii() or " " in came:
            return False
        company = self._instruments[span.names[0].symbol].asset_class in ("equity", "etf")
        return bool(_LATIN_LEFT.search(text, max(0, span.start - 3), span.start) or (not company and _LATIN_RIGHT.match(text, span.end)))

    def _resolved(
        self, found: Sequence[Naming], text: str, headline: int, language: str, published_at: datetime
    ) -> list[tuple[str, Naming]]:
        """Return each span with the symbol it means; shares whose listing is plain help to place those named beside them."""
        plain_ones = [(s, self._what(s.code or s.names[0].symbol)) for s in found if s.code or len({n.symbol for n in s.names}) == 1]
        beside = [
            Neighbour(s.start, s.end, where)
            for s, what in plain_ones
            if what.asset_class == "equity" and what.quoter is None and (where := venues.region(what.mic))
        ]
        out: list[tuple[str, Naming, bool]] = []
        meant: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for span in found:
            place = Place(text, span.start, span.end, headline, published_at, language)
            symbol, told = self._resolve(span, place, beside)
            where = venues.region(self._what(symbol).mic)
            if told and where:
                insort(beside, Neighbour(span.start, span.end, where), key=lambda n: n.start)
                meant[_listings(span)].append(symbol)
            own = None if told else self._of_hong_kong(span)
            out.append((own or symbol, span, told or own is not None))
        # a naming that nothing beside it settles means what most of the others do
        usual = {names: Counter(symbols).most_common(1)[0][0] for names, symbols in meant.items()}
        return [(symbol if told or span.code else usual.get(_listings(span), symbol), span) for symbol, span, told in out]

    def _resolve(self, span: Naming, place: Place, beside: Sequence[Neighbour]) -> tuple[str, bool]:
        """Return the symbol a span means, and whether the text told which of several listings."""
        text = place.text
        if span.code is not None:
            return span.code, False
        if contexts.agency(text, span.start, span.end):
            return _AGENCY, False
        symbols = {n.symbol for n in span.names}
        if span.usual is not None and (len(symbols) == 1 or span.usual not in symbols):
            return span.usual, False
        if len(symbols) == 1:
            return span.names[0].symbol, False
        currency = listings.currency(text[span.start : span.end], text, span.start)
        if currency in symbols:
            return currency, False
        if symbols == contexts.RATES.keys():
            country = listings.country_of(text[max(0, span.start - _FAR) : span.start])
            known = next((s for s, name in contexts.RATES.items() if name[0] == country), None)
            if known is not None:
                return known, False
        onshore = sorted(s for s in symbols if s.startswith(_CHINA_FUTURES))
        if onshore and len(onshore) < len(symbols):
            grain = symbols - {*onshore} <= _GRAINS and not listings.chicago(text, span.start, span.end)
            if grain or listings.domestic(text, span.start, span.end):
                return onshore[0], False
            symbols -= {*onshore}
        official = {n.symbol for n in span.names if n.official}
        indices = sorted(s for s in symbols if self._what(s).asset_class == "index")
        if indices and len(indices) < len(symbols):  # Nasdaq fell 2%; Nasdaq lists the options
            moves = roles.move_cue(text[max(0, span.start - 12) : span.start], text[span.end : span.end + 24])
            return (indices if moves else sorted(symbols - {*indices}))[0], False
        if all(self._what(s).asset_class == "etf" for s in symbols):  # a fund's market may be named behind a whole list of them
            abroad = place.language == "en" or listings.abroad(text, span.start, min(len(text), span.end + 80))
            order = listings.rank(listings.in_hong_kong(text, place.headline, span.start, span.end), abroad)
            return min(symbols, key=lambda s: (order.get(self._what(s).mic, 9), s not in official, s)), False
        regions = {s: venues.region(self._what(s).mic) or "" for s in symbols}
        usual = regions.get(span.usual or "")
        meant, told = venues.chosen(place, sorted(set(regions.values())), beside, usual=usual)
        return min(symbols, key=lambda s: (regions[s] != meant, s != span.usual, s not in official, s)), told

    def _of_hong_kong(self, span: Naming) -> str | None:
        """Return the share in Hong Kong that a name official there alone means: 万科企业, 中国石油股份."""
        symbols = {n.symbol for n in span.names}
        official = {n.symbol for n in span.names if n.official}
        mics = {self._what(s).mic for s in symbols}
        own = next(iter(official)) if len(official) == 1 and len(symbols) > 1 and mics & {*_MAINLAND} else None
        return own if own is not None and self._what(own).mic == "XHKG" else None

    def _sure(self, resolved: Sequence[tuple[str, Naming]], text: str) -> list[tuple[str, int, int]]:
        """Return the spans that count: sure ones, and names that need context where they have it."""
        doubtful = [
            s.code is None and symbol != _AGENCY and all(n.needs_context for n in s.names if n.symbol == symbol) for symbol, s in resolved
        ]
        sure = {symbol for (symbol, _), doubt in zip(resolved, doubtful, strict=True) if not doubt}
        company = sum(self._what(s).asset_class == "equity" and self._what(s).mic in _NEW_YORK for s in sure)
        counts = [
            not doubt
            or (symbol in sure and not contexts.unit(self._what(symbol), text, span.start, span.end))
            or self._settled(symbol, span, text, company)
            for (symbol, span), doubt in zip(resolved, doubtful, strict=True)
        ]
        rightwards = [(i, i + 1) for i in range(len(resolved) - 1)]
        for here, there in (*rightwards, *((b, a) for a, b in reversed(rightwards))):
            if counts[here] and not counts[there] and self._enumerated(resolved[here], resolved[there], text):
                counts[there] = True
        out = []
        ends = {span.end for symbol, span in resolved if self._what(symbol).asset_class == "equity"}
        for (symbol, span), count in zip(resolved, counts, strict=True):
            what = self._what(symbol)
            behind_name = span.start in ends
            if contexts.unit(what, text, span.start, span.end, sure=True):
                continue
            if not count or (span.code is None and contexts.another(what, symbol, text, span.start, span.end, behind_name=behind_name)):
                continue
            mark = _ST_MARK.search(text, max(0, span.start - 4), span.start) if symbol.endswith((".SS", ".SZ")) else None
            out.append((symbol, mark.start() if mark else span.start, span.end))
        return out

    def _settled(self, symbol: str, span: Naming, text: str, company: int) -> bool:
        official = any(n.official for n in span.names if n.symbol == symbol)
        ticker = text[span.start : span.end] == symbol
        what = self._what(symbol)
        return contexts.settled(what, text, span.start, span.end, official=official, ticker=ticker, company=company)

    def _enumerated(self, a: tuple[str, Naming], b: tuple[str, Naming], text: str) -> bool:
        """Return whether two neighbours of one kind stand in an enumeration: 拓斯达、机器人, or without a mark before a move."""
        what = self._what(b[0])
        if self._what(a[0]).asset_class != what.asset_class:
            return False
        if contexts.unit(what, text, b[1].start, b[1].end) or contexts.tail(what, text, b[1].start):
            return False
        first, second = sorted((a[1], b[1]), key=lambda s: s.start)
        run_on = first.end == second.start and roles.move_cue("", text[second.end : second.end + 24])  # 甲乙挫5%
        return run_on or contexts.joined(text[first.end : second.start])

    def _implied(self, kept: list[tuple[str, int, int]], text: str) -> list[tuple[str, int, int]]:
        """Add what is named by one word of it: the other listing (中冶A股跌停,港股重挫), a yield by its term (十年期上行), 金银."""
        out = list(kept)
        taken = {position for _, start, end in kept for position in range(start, end)}
        for symbol, _, end in kept:
            second = listings.relisted(text[end : end + 60]) if symbol in self._twins else None
            if second and self._what(self._twins[symbol]).mic in second[0] and end + second[1] not in taken:
                out.append((self._twins[symbol], end + second[1], end + second[2]))
                taken.add(end + second[1])
        for mics, start, end in listings.bare(text):
            meant = next((s for s, at, until in reversed(kept) if until <= start and start - at <= _NEAR), None)
            own = meant if meant is None or self._what(meant).mic in mics else self._twins.get(meant)
            if own is not None and self._what(own).mic in mics and start not in taken:
                out.append((own, start, end))
        joined = [found for found in clipped.find(text) if found[0] in self._instruments]
        out += [found for found in (*listings.yields(text), *joined) if taken.isdisjoint(range(found[1], found[2]))]
        return sorted(out, key=lambda s: (s[1], s[2])) if len(out) > len(kept) else kept

    def _roles(self, kept: Sequence[tuple[str, int, int]], text: str, headline: int) -> list[tuple[str, int, int, str]]:
        out: list[tuple[str, int, int, str]] = []
        for symbol, start, end in reversed(kept):
            what = self._what(symbol)
            quoter = what.quoter is not None or (what.mic not in _MAINLAND and text[start:end].endswith("证券"))
            views = what.quoter != "medium"
            role = roles.role_at(text, start, end, in_headline=start < headline, quoter=quoter, views=views)
            if role == "passing" and what.quoter == "medium":  # more often the news than its bearer, but for where somebody posts on it
                role = roles.role_at(text, start, end, in_headline=start == 0, quoter=False)
            if what.asset_class == "equity" and roles.subsidiary(text[end : end + 6]) and role == "subject":
                role = "passing"
            beside = bool(out) and contexts.joined(text[end : out[-1][1]])
            if role == "passing" and what.quoter in ("agency", "data") and not beside:
                role = "source"  # 穆迪下调评级: what they do is said of others
            if what.quoter and role == "passing" and beside and out[-1][3] == "source":
                role = "source"  # 高盛、摩根大通分析师认为: all of an enumeration speak
            out.append((symbol, start, end, role))
        return out[::-1]


def _listings(span: Naming) -> tuple[str, ...]:
    return tuple(sorted({n.symbol for n in span.names}))


def _inside(span: Naming, blocked: Sequence[tuple[int, int]], position: int) -> bool:
    for start, end in blocked[position:]:
        if start > span.start:
            return False
        if end >= span.end and end - start > span.end - span.start:
            return True
    return False


def _earlier(day: date, span: timedelta) -> date:
    return day - span if day - date.min > span else date.min
