"""Text to instruments: where a document names one, in what role, and how much the document is about it.

:class:`Linker` finds names in these steps:

1. every name, alias and blocking word is one pattern of an Aho-Corasick automaton over the folded text (:meth:`Linker.build`);
2. a match must stand on word boundaries, in the right case (:func:`research.names.fits`), and be valid on the day of publication;
3. a match inside a longer blocking word is dropped (道指 in 报道指出), and so is one whose edge falls inside a common word
   (长和 in 增长和); of the others the leftmost longest stay (:meth:`Linker._chosen`);
4. codes such as ``600519.SH``, ``(00700.HK)``, ``NASDAQ: NVDA`` or ``$AAPL`` are read on their own (:mod:`research.codes`); one settles
   the name beside it, there and wherever the text says that name again, and counts by itself where no name is known;
5. a name that several listings share goes to the listing the text means (:meth:`Linker._resolve`): the code beside it, else the market
   the words beside it speak of (:mod:`research.listings`), else the mainland (English text: New York) listing;
6. a name that is also an ordinary word counts only with a surer one of the same instrument in the document, in an enumeration with a
   sure one, or beside words about a price or a company; a currency that is the unit of an amount or one side of a pair, never;
7. each span gets its role from the words around it (:mod:`research.roles`).

:func:`mentions` sums the spans of a document to one row an instrument.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ahocorasick_rs
import polars as pl

from research import codes, listings, roles
from research.calendar import mic_of
from research.cleaning import plain
from research.names import Name, fits, fold, of_row, quoters, words
from research.schemas import DOCUMENTS, INSTRUMENTS, MENTIONS

__all__ = ["ANNOTATOR", "SPANS", "Linker", "mentions"]

ANNOTATOR = "linker@1"

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

#: a company is in the news before it is listed: the first row of a symbol counts this long before its ``valid_from``.
#: A later row (a new name) counts from its day on, not before.
BEFORE_LISTING = timedelta(days=400)

#: weight of an asset class against a company when neither is in the headline
_CLASS_WEIGHT = {"equity": 1.0, "crypto": 0.9, "commodity": 0.75, "index": 0.7, "fx": 0.6, "rate": 0.6}
_ROLE_WEIGHT = {"subject": 1.0, "counterparty": 0.75, "passing": 0.6, "source": 0.2}

_CHINA_FUTURES = ("SHFE:", "INE:", "DCE:", "CZCE:", "GFEX:")
_MAINLAND, _NEW_YORK = listings.MAINLAND, listings.NEW_YORK
_SEPARATOR = re.compile(r"[、,和与及以暨/\s]{1,2}(?:以及)?")
_LATIN_LEFT = re.compile(r"[A-Za-z][a-z.] $")
_LATIN_RIGHT = re.compile(r" [A-Z][a-z]")
_ST_MARK = re.compile(r"(?:\*ST|S\*ST|ST|XD|XR|DR)$")
_AMOUNT = re.compile(r"[\d万亿千百几多余数]\s?$|[A-Za-z一-鿿][/兑对]$|以$|[每为]$")  # the unit of an amount, one side of a pair
_UNIT_RIGHT = re.compile(r"^(?:/|计价|计值|结算|每|[兑对][A-Za-z一-鿿]{2,4}(?:汇率)?[^A-Za-z一-鿿]*$)")
_SHARE_RIGHT = re.compile(r"^(?:股价|股份有限公司|(?:今日|午后|早盘|尾盘|盘中)?(?:涨停|跌停|涨超|跌超)|\d?连板)")
_CHINESE = re.compile(r"[一-鿿]")
_ARM = re.compile(r"^(?:期货|基金|信托|理财)")
_OPENING = re.compile(r"\s?\(?$")
_LEGAL_FORM = re.compile(r"(?:集团)?(?:股份有限公司|有限责任公司|有限公司|公司)?\s?\(?$")  # between a name and its code


@dataclass(frozen=True, slots=True)
class _Instrument:
    mic: str
    asset_class: str
    quoter: str | None  # what kind of quoted house it is, where it is one


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    names: tuple[Name, ...]  # the instruments it may mean; never empty
    code: str | None = None  # symbol a code says it is


@dataclass(frozen=True, slots=True)
class Linker:
    """Names of a security master, ready to be found. Make one with :meth:`build`."""

    _automaton: Any
    _patterns: tuple[tuple[Name, ...], ...]
    _joins: frozenset[int]
    _instruments: Mapping[str, _Instrument]

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
        known = {r["symbol"]: _Instrument(r["mic"], r["asset_class"], kinds.get(r["symbol"])) for r in rows}
        by_pattern: dict[str, dict[tuple[str, date, str], Name]] = defaultdict(dict)
        seen: set[str] = set()
        for row in rows:
            first = row["valid_from"] if row["symbol"] in seen else _earlier(row["valid_from"], BEFORE_LISTING)
            seen.add(row["symbol"])
            for name in of_row(row, first, row["valid_to"] or date.max):
                by_pattern[fold(name.text)].setdefault((name.symbol, name.first, name.text), name)
        joins = words("names_joins.csv")
        for word in (*words("names_blocking.csv"), *joins):
            by_pattern.setdefault(fold(word), {})
        index = {pattern: i for i, pattern in enumerate(by_pattern)}
        automaton = ahocorasick_rs.AhoCorasick(list(by_pattern), matchkind=ahocorasick_rs.MATCHKIND_STANDARD)
        patterns = tuple(tuple(names.values()) for names in by_pattern.values())
        return cls(automaton, patterns, frozenset(index[fold(word)] for word in joins), known)

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
        read = documents.select("doc_id", "headline", "body", "language", "published_at")
        for doc_id, headline, body, language, published_at in read.iter_rows():
            text = f"{headline}\n{body}"
            for symbol, start, end, role in self._link(plain(text), len(headline), published_at, language):
                rows.append((doc_id, symbol, text[start:end], start, end, start < len(headline), role))
        return pl.DataFrame(rows, schema=dict(SPANS), orient="row").sort("doc_id", "start")

    def _link(self, text: str, headline: int, published_at: datetime, language: str) -> list[tuple[str, int, int, str]]:
        chosen = self._chosen(text, published_at.date())
        if language != "en":
            chosen = [s for s in chosen if not self._part_of_latin_name(s, text)]
        found = _with_codes(chosen, [c for c in codes.find(text) if c.known or c.symbol in self._instruments], text)
        hong_kong = listings.hong_kong(text, 0, headline)
        resolved = [(self._resolve(s, text, hong_kong, language, published_at), s) for s in found]
        kept = self._sure(resolved, text)
        return self._roles(kept, text, headline)

    def _what(self, symbol: str) -> _Instrument:
        """Return what is known of a symbol; of one only its code names, what the code shows."""
        return self._instruments.get(symbol) or _Instrument(mic_of(symbol), "etf" if codes.is_fund(symbol) else "equity", None)

    def _chosen(self, text: str, day: date) -> list[_Span]:
        """Return the leftmost longest names that fit, without those inside a longer blocking word."""
        candidates: list[_Span] = []
        blocked: list[tuple[int, int]] = []
        broken: set[int] = set()  # positions inside a common word, where no short name may begin or end
        for index, start, end in self._automaton.find_matches_as_indexes(fold(text), overlapping=True):
            names = self._patterns[index]
            if index in self._joins:
                broken.update(range(start + 1, end))
                continue
            if not names:
                blocked.append((start, end))
                continue
            fitting = tuple(n for n in names if n.first <= day <= n.last and fits(text, start, end, n.text))
            if fitting:
                candidates.append(_Span(start, end, fitting))
        candidates.sort(key=lambda s: (s.start, -s.end))
        blocked.sort()
        chosen: list[_Span] = []
        reach, position = 0, 0
        for span in candidates:
            if span.start < reach or (span.end - span.start <= 3 and (span.start in broken or span.end in broken)):
                continue
            while position < len(blocked) and blocked[position][1] <= span.start:
                position += 1
            if _inside(span, blocked, position):
                continue
            chosen.append(span)
            reach = span.end
        return chosen

    def _part_of_latin_name(self, span: _Span, text: str) -> bool:
        """Return whether a Latin word in Chinese text belongs to a longer Latin name: Bill Pulte, Uranium Energy."""
        came = text[span.start : span.end]
        if not came.isascii() or " " in came:
            return False
        company = self._instruments[span.names[0].symbol].asset_class in ("equity", "etf")
        return bool(_LATIN_LEFT.search(text, max(0, span.start - 3), span.start) or (not company and _LATIN_RIGHT.match(text, span.end)))

    def _resolve(self, span: _Span, text: str, hong_kong: bool, language: str, published_at: datetime) -> str:
        if span.code is not None:
            return span.code
        symbols = {n.symbol for n in span.names}
        if len(symbols) == 1:
            return span.names[0].symbol
        onshore = sorted(s for s in symbols if s.startswith(_CHINA_FUTURES))
        if onshore and len(onshore) < len(symbols):
            if listings.domestic(text, span.start):
                return onshore[0]
            symbols -= {*onshore}
        homes = sorted(s for s in symbols if self._what(s).mic in listings.HOMES)
        if homes and listings.at_home(text, span.start, span.end, self._what(homes[0]).mic, published_at):
            return homes[0]
        near = text[max(0, span.start - 6) : span.start] + "\n" + text[span.end : span.end + 12]
        order = listings.rank(hong_kong or listings.hong_kong(near), language == "en" or self._abroad(symbols, text, span))
        official = {n.symbol for n in span.names if n.official}
        return min(symbols, key=lambda s: (order.get(self._what(s).mic, 9), s not in official, s))

    def _abroad(self, symbols: set[str], text: str, span: _Span) -> bool:
        """Return whether the words mean New York; a fund's market may be named behind a whole list of them."""
        funds = all(self._what(s).asset_class == "etf" for s in symbols)
        return listings.abroad(text, span.start, min(len(text), span.end + 80) if funds else span.start)

    def _sure(self, resolved: Sequence[tuple[str, _Span]], text: str) -> list[tuple[str, int, int]]:
        """Return the spans that count: sure ones, and names that need context where they have it."""
        doubtful = [s.code is None and all(n.needs_context for n in s.names if n.symbol == symbol) for symbol, s in resolved]
        sure = {symbol for (symbol, _), doubt in zip(resolved, doubtful, strict=True) if not doubt}
        company = sum(self._what(s).asset_class == "equity" and self._what(s).mic in _NEW_YORK for s in sure)
        counts = [
            not doubt or (symbol in sure and not self._is_unit(symbol, span, text)) or self._in_context(symbol, span, text, company)
            for (symbol, span), doubt in zip(resolved, doubtful, strict=True)
        ]
        rightwards = [(i, i + 1) for i in range(len(resolved) - 1)]
        for here, there in (*rightwards, *((b, a) for a, b in reversed(rightwards))):
            unit = self._is_unit(*resolved[there], text)
            if counts[here] and not counts[there] and not unit and self._enumerated(resolved[here], resolved[there], text):
                counts[there] = True
        out = []
        for (symbol, span), count in zip(resolved, counts, strict=True):
            if count and (span.code or not self._another(symbol, span, text)):
                mark = _ST_MARK.search(text, max(0, span.start - 4), span.start) if symbol.endswith((".SS", ".SZ")) else None
                out.append((symbol, mark.start() if mark else span.start, span.end))
        return out

    def _is_unit(self, symbol: str, span: _Span, text: str) -> bool:
        """Return whether a currency is the unit of an amount (83.14美元) or one side of a pair (瑞典克朗/美元)."""
        if self._what(symbol).asset_class != "fx":
            return False
        return bool(_AMOUNT.search(text, max(0, span.start - 3), span.start) or _UNIT_RIGHT.match(text[span.end : span.end + 8]))

    def _another(self, symbol: str, span: _Span, text: str) -> bool:
        """Return whether what is beside it makes it another name: a bond, a fund of the mainland, an unlisted arm of a broker."""
        what = self._what(symbol)
        left, right = text[max(0, span.start - 3) : span.start], text[span.end : span.end + 20]
        if what.asset_class == "index":
            return listings.other_index(text[span.start : span.end], right)
        if what.asset_class != "equity":
            return False
        if what.mic in (*_MAINLAND, "XHKG") and (listings.bond(left, right) or roles.fund_product(right)):
            return True
        return what.quoter is not None and bool(_ARM.match(right))

    def _in_context(self, symbol: str, span: _Span, text: str, company: int) -> bool:
        """Return whether the words around a doubtful name settle it; ``company``: sure New York companies in the document."""
        what = self._what(symbol)
        left, right = text[max(0, span.start - 12) : span.start], text[span.end : span.end + 24]
        if what.quoter and roles.role_at(text, span.start, span.end, in_headline=False, quoter=True) == "source":
            return True
        if what.asset_class == "fx":
            return not self._is_unit(symbol, span, text) and (roles.move_cue(left, right) or roles.currency_cue(right))
        if what.asset_class != "equity":
            return roles.move_cue(left, right)
        if what.mic in _MAINLAND:
            return bool(_SHARE_RIGHT.match(right))
        came = text[span.start : span.end]
        # a company's own name in Latin letters amid Chinese is no ordinary word
        own = len(came) > 4 and came[0].isupper() and any(n.official for n in span.names if n.symbol == symbol)
        if own and what.mic in _NEW_YORK and came.isascii() and _CHINESE.search(left[-2:] + right[:2]):
            return True
        return roles.corporate_cue(right) or (not came.isascii() and what.mic in _NEW_YORK and (company >= 3 or roles.move_cue("", right)))

    def _enumerated(self, a: tuple[str, _Span], b: tuple[str, _Span], text: str) -> bool:
        """Return whether two neighbours of one kind stand in an enumeration: 拓斯达、机器人."""
        if self._what(a[0]).asset_class != self._what(b[0]).asset_class:
            return False
        first, second = sorted((a[1], b[1]), key=lambda s: s.start)
        between = text[first.end : second.start]
        return bool(_SEPARATOR.fullmatch(between)) and not between.isspace()

    def _roles(self, kept: Sequence[tuple[str, int, int]], text: str, headline: int) -> list[tuple[str, int, int, str]]:
        out: list[tuple[str, int, int, str]] = []
        for symbol, start, end in reversed(kept):
            what = self._what(symbol)
            role = roles.role_at(text, start, end, in_headline=start < headline, quoter=what.quoter is not None)
            if what.asset_class == "equity" and roles.subsidiary(text[end : end + 6]) and role == "subject":
                role = "passing"
            if role == "passing" and what.quoter in ("agency", "data"):
                role = "source"  # 穆迪下调评级: what they do is said of others
            if what.quoter and role == "passing" and out and out[-1][3] == "source" and _SEPARATOR.fullmatch(text[end : out[-1][1]]):
                role = "source"  # 高盛、摩根大通分析师认为: all of an enumeration speak
            out.append((symbol, start, end, role))
        return out[::-1]


def mentions(documents: pl.DataFrame, spans: pl.DataFrame, tones: pl.DataFrame) -> pl.DataFrame:
    """Return the ``mentions`` table: one row a document and instrument.

    Parameters
    ----------
    documents, spans
        Table ``documents`` and what :meth:`Linker.spans` found in it.
    tones
        Columns doc_id, symbol, sentiment, confidence; an instrument without a row gets tone 0 with confidence 0.

    Notes
    -----
    Role: ``subject`` or ``counterparty`` where it is that anywhere, but ``source`` when most spans only quote it.

    Relevance in [0, 1] is ``weight(role) · weight(class) · (0.45 h + 0.3 f + 0.25 (1 − p))`` with h = 1 in the headline
    (less by a fifth towards its end), f = its spans as a share of the most frequent instrument's, p = first offset over
    length. In the headline every class weighs the same; below it a company outweighs an index or a commodity.
    """
    documents = DOCUMENTS.validate(documents)
    length = pl.col("headline").str.len_chars()
    texts = documents.select("doc_id", "available_at", headline_length=length, length=length + 1 + pl.col("body").str.len_chars())
    by_role = {role: (pl.col("role") == role).sum().alias(f"n_{role}") for role in _ROLE_WEIGHT}
    grouped = (
        spans.sort("doc_id", "start")
        .group_by("doc_id", "symbol", maintain_order=True)
        .agg(
            pl.col("surface").unique(maintain_order=True).alias("surfaces"),
            pl.col("in_headline").any(),
            pl.col("start").min().alias("first_offset"),
            pl.len().cast(pl.Int32).alias("n_mentions"),
            *by_role.values(),
        )
    )
    role = (
        pl.when(pl.col("n_source") * 2 > pl.col("n_mentions"), pl.col("n_source") > pl.col("n_subject"))
        .then(pl.lit("source"))
        .when(pl.col("n_subject") > 0)
        .then(pl.lit("subject"))
        .when(pl.col("n_counterparty") > 0)
        .then(pl.lit("counterparty"))
        .when(pl.col("n_source") > 0)
        .then(pl.lit("source"))
        .otherwise(pl.lit("passing"))
    )
    found = grouped.with_columns(role=role).join(texts, on="doc_id", how="inner", maintain_order="left")
    rated = found.with_columns(relevance=_relevance(), annotator=pl.lit(ANNOTATOR))
    toned = rated.join(
        tones.select("doc_id", "symbol", "sentiment", "confidence"), on=["doc_id", "symbol"], how="left", maintain_order="left"
    )
    table = toned.with_columns(pl.col("sentiment", "confidence").fill_null(0.0)).select(*MENTIONS.schema)
    return MENTIONS.validate(table.sort("doc_id", "symbol"))


def _relevance() -> pl.Expr:
    position = (pl.col("first_offset") / pl.col("length")).clip(0, 1)
    inside = 1 - 0.2 * pl.col("first_offset") / pl.col("headline_length").clip(lower_bound=1)
    headline = pl.when(pl.col("in_headline")).then(inside).otherwise(0.0)
    share = pl.col("n_mentions") / pl.col("n_mentions").max().over("doc_id")
    kind = pl.when(pl.col("in_headline")).then(1.0).otherwise(_class_weight())
    role = pl.col("role").replace_strict(_ROLE_WEIGHT, return_dtype=pl.Float64)
    return (role * kind * (0.45 * headline + 0.3 * share + 0.25 * (1 - position))).clip(0, 1)


def _class_weight() -> pl.Expr:
    """Return the weight of the asset class that the way a symbol is written shows."""
    symbol = pl.col("symbol")
    return (
        pl.when(symbol.str.contains(r"^\^(?:TNX|TYX|FVX|IRX)$|^CFFEX:T"))
        .then(_CLASS_WEIGHT["rate"])
        .when(symbol.str.contains(r"^\^|^CFFEX:|^000[0-9]{3}\.SS$|^399[0-9]{3}\.SZ$|^899[0-9]{3}\.BJ$"))
        .then(_CLASS_WEIGHT["index"])
        .when(symbol.str.contains(r"=X$|^DX-Y\.NYB$"))
        .then(_CLASS_WEIGHT["fx"])
        .when(symbol.str.contains(r"=F$|:"))
        .then(_CLASS_WEIGHT["commodity"])
        .when(symbol.str.contains(r"-USD$"))
        .then(_CLASS_WEIGHT["crypto"])
        .otherwise(_CLASS_WEIGHT["equity"])
    )


def _inside(span: _Span, blocked: Sequence[tuple[int, int]], position: int) -> bool:
    for start, end in blocked[position:]:
        if start > span.start:
            return False
        if end >= span.end and end - start > span.end - span.start:
            return True
    return False


def _with_codes(found: list[_Span], found_codes: Sequence[codes.Code], text: str) -> list[_Span]:
    """Let a code settle the name right before it and its like elsewhere, and count as a span of its own where it stands alone."""
    if not found_codes:
        return found
    out = list(found)
    ends = {s.end: i for i, s in enumerate(out)}
    beside: list[tuple[int, int]] = []
    settled: dict[tuple[Name, ...], str | None] = {}
    taken = {position for s in out for position in range(s.start, s.end)}
    for code in found_codes:
        index = ends.get(_OPENING.search(text, max(0, code.start - 2), code.start).start())  # type: ignore[union-attr]
        if index is None:
            index = ends.get(_LEGAL_FORM.search(text, max(0, code.start - 12), code.start).start())  # type: ignore[union-attr]
        if index is not None and (code.sure or code.symbol in {n.symbol for n in out[index].names}):
            names = out[index].names
            out[index] = _Span(out[index].start, out[index].end, names, code.symbol)
            settled[names] = code.symbol if settled.get(names, code.symbol) == code.symbol else None
            beside.append((code.start, code.end))
        elif code.sure and taken.isdisjoint(range(code.start, code.end)):
            name = Name(code.symbol, code.symbol, False, date.min, date.max, True)
            bare = text[code.start] == "("
            out.append(_Span(code.start + bare, code.end - (bare and text[code.end - 1] == ")"), (name,), code.symbol))
    # the ticker in 阿里巴巴(BABA) is the code of that name, not another naming
    free = [s for s in out if not any(start <= s.start and s.end <= end for start, end in beside)]
    free = [_Span(s.start, s.end, s.names, s.code or settled.get(s.names)) for s in free]
    return sorted(free, key=lambda s: s.start)


def _earlier(day: date, span: timedelta) -> date:
    return day - span if day - date.min > span else date.min
