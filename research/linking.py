"""Text to instruments: where a document names one, in what role, and how much the document is about it.

:class:`Linker` finds names in these steps:

1. every name, alias and blocking word is one pattern of an Aho-Corasick automaton over the folded text (:meth:`Linker.build`);
2. a match must stand on word boundaries, in the right case, and be valid on the day of publication (:func:`_fits`);
3. a match inside a longer blocking word is dropped (道指 in 报道指出), and so is one whose edge falls inside a common word
   (长和 in 增长和); of the others the leftmost longest stay (:meth:`Linker._chosen`);
4. codes such as ``600519.SH``, ``(00700.HK)``, ``NASDAQ: NVDA`` or ``$AAPL`` are read on their own and settle the name beside them;
5. a name that several listings share goes to the listing the text means (:meth:`Linker._resolve`): the code beside it, else Hong Kong
   where the words say so, else the mainland (English text: New York) listing;
6. a name that is also an ordinary word counts only with a surer one of the same instrument in the document, in an enumeration with a
   sure one, or beside words about a price or a company;
7. each span gets its role from the words around it (:mod:`research.roles`).

:func:`mentions` sums the spans of a document to one row an instrument.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

import ahocorasick_rs
import polars as pl

from research import roles
from research.cleaning import plain
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
_CLASS_WEIGHT = {"equity": 1.0, "etf": 0.8, "crypto": 0.9, "commodity": 0.75, "index": 0.7, "fx": 0.6, "rate": 0.6}
_ROLE_WEIGHT = {"subject": 1.0, "counterparty": 0.75, "passing": 0.6, "source": 0.2}

_MAINLAND, _NEW_YORK = ("XSHG", "XSHE", "BJSE"), ("XNYS", "XNAS")
_HONG_KONG_CUE = re.compile(r"港股|[Hh]股|港元|港交所|恒指|恒生|恒科|南向|\.HK|Hong Kong")
_SEPARATOR = re.compile(r"[、,和与及以暨/\s]{1,2}(?:以及)?")
_PARTICLE = re.compile(r"\b(?:der|den|van|von|de|du|la|di)\s$")
_ST_MARK = re.compile(r"(?:\*ST|S\*ST|ST|XD|XR|DR)$")
_AMOUNT = re.compile(r"[\d万亿千百几多余数]\s?$")  # 美元 as the unit of an amount
_SHARE_RIGHT = re.compile(r"^(?:股价|股份有限公司|(?:今日|午后|早盘|尾盘|盘中)?(?:涨停|跌停|涨超|跌超)|\d?连板)")
_ARM = re.compile(r"^(?:期货|基金|信托|理财)")
_LEGAL_FORM = re.compile(r"^(?:股份有限公司|有限责任公司|有限公司|集团股份有限公司)")

_CODE = re.compile(
    r"(?<![\w.])(?P<cn>\d{6})\.(?P<ex>SH|SS|SZ|BJ)\b"
    r"|(?<![A-Za-z])(?P<ex2>SH|SZ|BJ)\.?(?P<cn2>\d{6})(?!\d)"
    r"|(?<![\w.])0{0,2}(?P<hk>\d{1,5})\.HK\b"
    r"|(?:NASDAQ|Nasdaq|NYSE|AMEX|纳斯达克|纽交所|纽约证券交易所|美股代码|美股)\s?:\s?(?P<us>[A-Z]{1,5}(?:[.-][A-Z])?)(?![A-Za-z])"
    r"|(?:HKEX|SEHK|HKG|港交所|港股代码|港股)\s?:\s?(?P<hk2>\d{4,5})(?!\d)"
    r"|\$(?P<cash>[A-Z]{1,5}(?:[.-][A-Z])?)(?![A-Za-z])"
    r"|(?<![\w.])(?P<us2>[A-Z]{1,5})\.(?:US|OQ|N|O)(?![A-Za-z])"
    r"|\((?P<bare>\d{6})\)"
    r"|\((?P<tick>[A-Z]{1,5}(?:[.-][A-Z])?)\)"
)
_CODE_START = re.compile(r"\d\.(?:S[HSZ]|BJ|HK)|[A-Z]\.[UON]|(?:SH|SZ|BJ)\.?\d|:\s?[A-Z\d]|\$[A-Z]|\([A-Z\d]")


@dataclass(frozen=True, slots=True)
class _Name:
    """One name of one row of ``instruments``: folded pattern, true spelling, days it counts on."""

    symbol: str
    text: str
    needs_context: bool
    first: date
    last: date
    official: bool


@dataclass(frozen=True, slots=True)
class _Instrument:
    mic: str
    asset_class: str
    quoter: bool


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    names: tuple[_Name, ...]  # the instruments it may mean; never empty
    code: str | None = None  # symbol a code says it is


@dataclass(frozen=True, slots=True)
class Linker:
    """Names of a security master, ready to be found. Make one with :meth:`build`."""

    _automaton: Any
    _patterns: tuple[tuple[_Name, ...], ...]
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
        quoters = _quoters()
        known = {r["symbol"]: _Instrument(r["mic"], r["asset_class"], r["symbol"] in quoters) for r in rows}
        by_pattern: dict[str, dict[tuple[str, date, str], _Name]] = defaultdict(dict)
        seen: set[str] = set()
        for row in rows:
            first = row["valid_from"] if row["symbol"] in seen else _earlier(row["valid_from"], BEFORE_LISTING)
            seen.add(row["symbol"])
            for name in _names(row, first, row["valid_to"] or date.max):
                by_pattern[_fold(name.text)].setdefault((name.symbol, name.first, name.text), name)
        joins = _words("names_joins.csv")
        for word in (*_words("names_blocking.csv"), *joins):
            by_pattern.setdefault(_fold(word), {})
        index = {pattern: i for i, pattern in enumerate(by_pattern)}
        automaton = ahocorasick_rs.AhoCorasick(list(by_pattern), matchkind=ahocorasick_rs.MATCHKIND_STANDARD)
        patterns = tuple(tuple(names.values()) for names in by_pattern.values())
        return cls(automaton, patterns, frozenset(index[_fold(word)] for word in joins), known)

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
        for doc_id, headline, body, language, published_at in documents.select("doc_id", "headline", "body", "language", "published_at").iter_rows():
            text = f"{headline}\n{body}"
            for symbol, start, end, role in self._link(plain(text), len(headline), published_at.date(), language):
                rows.append((doc_id, symbol, text[start:end], start, end, start < len(headline), role))
        return pl.DataFrame(rows, schema=dict(SPANS), orient="row").sort("doc_id", "start")

    def _link(self, text: str, headline: int, day: date, language: str) -> list[tuple[str, int, int, str]]:
        found = _with_codes(self._chosen(text, day), self._codes(text, day), text)
        hong_kong = bool(_HONG_KONG_CUE.search(text, 0, headline))
        resolved = [(self._resolve(s, text, hong_kong, language), s) for s in found]
        kept = self._sure(resolved, text)
        return self._roles(kept, text, headline)

    def _chosen(self, text: str, day: date) -> list[_Span]:
        """Return the leftmost longest names that fit, without those inside a longer blocking word."""
        candidates: list[_Span] = []
        blocked: list[tuple[int, int]] = []
        broken: set[int] = set()  # positions inside a common word, where no name may begin or end
        for index, start, end in self._automaton.find_matches_as_indexes(_fold(text), overlapping=True):
            names = self._patterns[index]
            if index in self._joins:
                broken.update(range(start + 1, end))
                continue
            if not names:
                blocked.append((start, end))
                continue
            fitting = tuple(n for n in names if n.first <= day <= n.last and _fits(text, start, end, n.text))
            if fitting:
                candidates.append(_Span(start, end, fitting))
        candidates.sort(key=lambda s: (s.start, -s.end))
        blocked.sort()
        chosen: list[_Span] = []
        reach, position = 0, 0
        for span in candidates:
            if span.start < reach or span.start in broken or span.end in broken:
                continue
            while position < len(blocked) and blocked[position][1] <= span.start:
                position += 1
            if _inside(span, blocked, position):
                continue
            chosen.append(span)
            reach = span.end
        return chosen

    def _codes(self, text: str, day: date) -> list[tuple[int, int, str, bool]]:
        """Return (start, end, symbol, surely a code) of every code in ``text``; a bare ticker in parentheses is not sure."""
        if not _CODE_START.search(text):
            return []
        out = []
        for match in _CODE.finditer(text):
            symbol = _symbol_of(match)
            if symbol in self._instruments:
                out.append((match.start(), match.end(), symbol, match["tick"] is None))
        return out

    def _resolve(self, span: _Span, text: str, hong_kong: bool, language: str) -> str:
        if span.code is not None:
            return span.code
        symbols = {n.symbol for n in span.names}
        if len(symbols) == 1:
            return span.names[0].symbol
        near = text[max(0, span.start - 6) : span.start] + "\n" + text[span.end : span.end + 12]
        order = _listing_order(hong_kong or bool(_HONG_KONG_CUE.search(near)), language)
        official = {n.symbol for n in span.names if n.official}
        return min(symbols, key=lambda s: (order.get(self._instruments[s].mic, 9), s not in official, s))

    def _sure(self, resolved: Sequence[tuple[str, _Span]], text: str) -> list[tuple[str, int, int]]:
        """Return the spans that count: sure ones, and names that need context where they have it."""
        doubtful = [s.code is None and all(n.needs_context for n in s.names if n.symbol == symbol) for symbol, s in resolved]
        sure = {symbol for (symbol, _), doubt in zip(resolved, doubtful, strict=True) if not doubt}
        company = sum(self._instruments[s].asset_class == "equity" and self._instruments[s].mic in _NEW_YORK for s in sure)
        counts = [not doubt or symbol in sure or self._in_context(symbol, span, text, company) for (symbol, span), doubt in zip(resolved, doubtful, strict=True)]
        for here, there in (*zip(range(len(resolved)), range(1, len(resolved)), strict=False), *((i, i - 1) for i in range(len(resolved) - 1, 0, -1))):
            if counts[here] and not counts[there] and self._enumerated(resolved[here], resolved[there], text):
                counts[there] = True
        out = []
        for (symbol, span), count in zip(resolved, counts, strict=True):
            if count and not self._another(symbol, text[span.end : span.end + 20]):
                mark = _ST_MARK.search(text, max(0, span.start - 4), span.start) if symbol.endswith((".SS", ".SZ")) else None
                out.append((symbol, mark.start() if mark else span.start, span.end))
        return out

    def _another(self, symbol: str, right: str) -> bool:
        """Return whether what follows makes it another name: a fund of the mainland, or an unlisted arm of a broker."""
        what = self._instruments[symbol]
        if what.asset_class != "equity":
            return False
        return (what.mic in (*_MAINLAND, "XHKG") and roles.fund_product(right)) or (what.quoter and bool(_ARM.match(right)))

    def _in_context(self, symbol: str, span: _Span, text: str, company: int) -> bool:
        """Return whether the words around a doubtful name settle it; ``company``: sure New York companies in the document."""
        what = self._instruments[symbol]
        left, right = text[max(0, span.start - 12) : span.start], text[span.end : span.end + 24]
        if what.quoter and roles.role_at(text, span.start, span.end, in_headline=False, quoter=True) == "source":
            return True
        if what.asset_class == "fx":
            return not _AMOUNT.search(left) and (roles.move_cue(left, right) or roles.currency_cue(right))
        if what.asset_class != "equity":
            return roles.move_cue(left, right)
        if what.mic in _MAINLAND:
            return bool(_SHARE_RIGHT.match(right))
        chinese = not text[span.start : span.end].isascii()
        return roles.corporate_cue(right) or (chinese and what.mic in _NEW_YORK and (company >= 3 or roles.move_cue("", right)))

    def _enumerated(self, a: tuple[str, _Span], b: tuple[str, _Span], text: str) -> bool:
        """Return whether two neighbours of one kind stand in an enumeration: 拓斯达、机器人."""
        if self._instruments[a[0]].asset_class != self._instruments[b[0]].asset_class:
            return False
        first, second = sorted((a[1], b[1]), key=lambda s: s.start)
        between = text[first.end : second.start]
        return bool(_SEPARATOR.fullmatch(between)) and not between.isspace()

    def _roles(self, kept: Sequence[tuple[str, int, int]], text: str, headline: int) -> list[tuple[str, int, int, str]]:
        out: list[tuple[str, int, int, str]] = []
        for symbol, start, end in reversed(kept):
            what = self._instruments[symbol]
            role = roles.role_at(text, start, end, in_headline=start < headline, quoter=what.quoter)
            if what.asset_class == "equity" and roles.subsidiary(text[end : end + 6]) and role == "subject":
                role = "passing"
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
    toned = rated.join(tones.select("doc_id", "symbol", "sentiment", "confidence"), on=["doc_id", "symbol"], how="left", maintain_order="left")
    table = toned.with_columns(pl.col("sentiment", "confidence").fill_null(0.0)).select(*MENTIONS.schema)
    return MENTIONS.validate(table.sort("doc_id", "symbol"))


def _relevance() -> pl.Expr:
    position = (pl.col("first_offset") / pl.col("length")).clip(0, 1)
    inside = 1 - 0.2 * pl.col("first_offset") / pl.col("headline_length").clip(lower_bound=1)
    headline = pl.when(pl.col("in_headline")).then(inside).otherwise(0.0)
    share = pl.col("n_mentions") / pl.col("n_mentions").max().over("doc_id")
    kind = pl.when(pl.col("in_headline")).then(1.0).otherwise(pl.col("symbol").map_elements(_class_weight, return_dtype=pl.Float64))
    role = pl.col("role").replace_strict(_ROLE_WEIGHT, return_dtype=pl.Float64)
    return (role * kind * (0.45 * headline + 0.3 * share + 0.25 * (1 - position))).clip(0, 1)


def _class_weight(symbol: str) -> float:
    """Return the weight of the asset class that the way a symbol is written shows."""
    if symbol.startswith("^"):
        return _CLASS_WEIGHT["rate" if symbol in ("^TNX", "^TYX", "^FVX", "^IRX") else "index"]
    if symbol.endswith("=X") or symbol == "DX-Y.NYB":
        return _CLASS_WEIGHT["fx"]
    if symbol.endswith("=F") or ":" in symbol:
        return _CLASS_WEIGHT["commodity"]
    return _CLASS_WEIGHT["crypto" if symbol.endswith("-USD") else "equity"]


def _names(row: Mapping[str, Any], first: date, last: date) -> Iterable[_Name]:
    """Yield the names of a row; a name that an alias repeats with ``needs_context`` needs context."""
    aliases = {plain(a["text"]).strip(): a["needs_context"] for a in row["aliases"] or ()}
    official = [plain(n).strip() for n in (row["name_zh"], row["name"]) if n]
    for text in dict.fromkeys([*official, *aliases]):
        if len(text) > 1 or (text.isascii() and text.isalpha() and row["asset_class"] != "equity"):
            yield _Name(row["symbol"], text, aliases.get(text, False), first, last, text in official)


def _fold(text: str) -> str:
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if c.isascii() else c for c in text)


def _fits(text: str, start: int, end: int, name: str) -> bool:
    """Return whether a match stands on word boundaries and in the case of ``name``.

    A letter at an edge must not touch another letter or digit; a digit must not touch a digit. A name in capitals (NOW, GE)
    is found in capitals; another one as written, in capitals, or with its first letter capital, never all in lower case
    unless it is written so.
    """
    first, last, latin = name[0], name[-1], name.isascii()
    if first.isascii() and first.isalnum() and start and _touches(first, text[start - 1], latin):
        return False
    if last.isascii() and last.isalnum() and end < len(text) and _touches(last, text[end], latin):
        return False
    came = text[start:end]
    if latin and " " not in name and _PARTICLE.search(text, max(0, start - 5), start):
        return False  # van der Linde
    if came == name:
        return True
    letters = [c for c in name if c.isascii() and c.isalpha()]
    if not letters or all(c.isupper() for c in letters):
        return not letters or not name.isascii() and any(c.isupper() for c in came)
    return came.upper() == came if len(letters) > 3 else False if came.islower() else came[0] == name[0]


def _touches(edge: str, neighbour: str, latin: bool) -> bool:
    """Return whether two characters run on; after a Chinese name with a Latin end a number may follow (黄金ETF13.14亿元)."""
    if not neighbour.isascii():
        return False
    return (neighbour.isdigit() and (latin or edge.isdigit())) or (edge.isalpha() and neighbour.isalpha())


def _inside(span: _Span, blocked: Sequence[tuple[int, int]], position: int) -> bool:
    for start, end in blocked[position:]:
        if start > span.start:
            return False
        if end >= span.end and end - start > span.end - span.start:
            return True
    return False


def _with_codes(found: list[_Span], codes: Sequence[tuple[int, int, str, bool]], text: str) -> list[_Span]:
    """Let a code settle the name right before it, and count as a span of its own where it stands alone."""
    if not codes:
        return found
    out = list(found)
    ends = {s.end: i for i, s in enumerate(out)}
    for start, end, symbol, sure in codes:
        before = text[max(0, start - 12) : start].rstrip(" (")
        form = _LEGAL_FORM.search(before[-12:]) if before else None
        gap = start - (max(0, start - 12) + len(before)) + (len(form.group()) if form else 0)
        index = ends.get(start - gap)
        if index is not None and (symbol in {n.symbol for n in out[index].names}):
            out[index] = _Span(out[index].start, out[index].end, out[index].names, symbol)
        elif sure and not any(s.start < end and start < s.end for s in out):
            name = _Name(symbol, symbol, False, date.min, date.max, True)
            out.append(_Span(start + text[start:end].startswith("("), end - text[start:end].endswith(")"), (name,), symbol))
    return sorted(out, key=lambda s: s.start)


def _symbol_of(match: re.Match[str]) -> str:
    """Return the symbol, as Yahoo writes it, of a match of :data:`_CODE`."""
    code = match["cn"] or match["cn2"] or match["bare"]
    if code:
        exchange = match["ex"] or match["ex2"]
        exchange = "SS" if exchange == "SH" else exchange or {"6": "SS", "5": "SS", "0": "SZ", "3": "SZ", "1": "SZ"}.get(code[0], "BJ")
        return f"{code}.{exchange}"
    if match["hk"] or match["hk2"]:
        return f"{int(match['hk'] or match['hk2']):04d}.HK"
    return (match["us"] or match["us2"] or match["cash"] or match["tick"]).replace(".", "-")


def _listing_order(hong_kong: bool, language: str) -> dict[str, int]:
    markets = [_MAINLAND, _NEW_YORK, ("XHKG",)] if language != "en" else [_NEW_YORK, ("XHKG",), _MAINLAND]
    ordered = [("XHKG",), *[m for m in markets if m != ("XHKG",)]] if hong_kong else markets
    return {mic: rank for rank, group in enumerate(ordered) for mic in group}


def _earlier(day: date, span: timedelta) -> date:
    return day - span if day - date.min > span else date.min


@lru_cache(maxsize=2)
def _words(file: str) -> tuple[str, ...]:
    """Return the words of a table: ``names_blocking.csv`` (they only look as if they held a name) or ``names_joins.csv``."""
    return tuple(plain(row["word"]) for row in _rows(file))


@lru_cache(maxsize=1)
def _quoters() -> frozenset[str]:
    """Return the symbols of brokers, agencies, data vendors and media; ``research/data/names_quoters.csv``."""
    return frozenset(row["symbol"] for row in _rows("names_quoters.csv"))


def _rows(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("research.data").joinpath(file).read_text(encoding="utf-8").splitlines()))
