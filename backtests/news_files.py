"""A file of dated news, whatever its columns are called: documents, what each is said to be about, and prices the file carries.

The columns are recognised by what they hold (:func:`columns_of`): an instant, a text, a symbol, pairs of opens and closes of following
days; the file's name and the order of its columns and rows play no part. :func:`read_news` returns the rows as :class:`DatedNews`. A
first-seen time, where there is one, is the availability of its row; a last-seen time, a label and every price of a later day are kept away
from what may be known.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from research import documents, stories
from research.errors import SourceError, TidingsError
from research.schemas import DOCUMENTS
from research.sources import Rejected, archives
from research.sources.bars import Bars, canonical_symbol, collect
from research.sources.reader import decode

__all__ = ["DatedNews", "columns_of", "own_prices", "read_news"]

#: names of a column that says what a row is about, and of one that holds an outcome somebody computed from later prices
_SYMBOLS = ("symbol", "symbols", "ticker", "tickers", "code", "stock_code", "ts_code", "secid", "stocks", "股票代码", "证券代码", "代码")
_LABELS = ("label", "target", "y", "class")
_NO_LABEL = ("", "nan", "none", "null", "na", "n/a")
_CHINESE = r"[\u{3400}-\u{9fff}]"
_CODE = r"^\^?[A-Z0-9][A-Z0-9.\-=]{0,11}$"
#: the number of a row in its file, as :func:`research.sources.archives.table` calls it: a column of the file that is called so is not read
_ROW = "row"
_PRICE = re.compile(r"^(day|date|open|close)_?(\d{1,2})$")
#: rows looked at to recognise a column, and the share of them that has to fit
_LOOKED_AT, _SHARE = 500, 0.8
#: mean length of a column that is a body, a Chinese character counted twice: names and places are shorter
_BODY = 20
_KIND = re.compile(r"\.(?:(parquet|pq)|(jsonl?|ndjson)|(csv|tsv))(?:\.gz)?$", re.IGNORECASE)
#: documents compared for their stories at a time; bytes unpacked at most
_BATCH, _LARGEST = 10_000, 4 * 2**30


@dataclass(frozen=True, slots=True)
class DatedNews:
    """What a file of news holds.

    Attributes
    ----------
    documents
        ``documents`` table.
    about
        ``doc_id, symbol, label``: what the file says a document is about, with its own outcome label (String, null without one). Empty
        where the file names no symbols: they are then read from the text.
    prices
        ``bars`` table of the days after each row, where the file carries them; else ``None``.
    chosen
        What was taken for what: field -> column.
    zone
        IANA zone that times without an offset were read in.
    n_rows, quarantine
        Rows of the file, and the ``quarantine`` table of those that could not be used, with the prices beside the news that are none.
    """

    documents: pl.DataFrame
    about: pl.DataFrame
    prices: pl.DataFrame | None
    chosen: Mapping[str, str]
    zone: str
    n_rows: int
    quarantine: pl.DataFrame


def read_news(path: Path, *, zone: str | None = None, name: str = "news") -> DatedNews:
    """Read one file of dated news (Parquet, CSV, JSON lines; gzip-compressed or not).

    Parameters
    ----------
    path
        The file.
    zone
        IANA zone of times without an offset; by default Shanghai for Chinese text and UTC for any other.
    name
        Source of rows that name none.

    Raises
    ------
    SourceError
        When the file cannot be read, or has no column of instants or of texts.
    """
    frame, rejected, chosen = _table(path)
    written = pl.any_horizontal(pl.col(chosen[f]).cast(pl.String).str.contains(_CHINESE) for f in ("headline", "body") if f in chosen)
    chinese = frame.select(written.fill_null(False).mean()).item()
    zone = zone or ("Asia/Shanghai" if chinese > 0.5 else "UTC")
    rows = _rows(frame, chosen)
    frame = frame.drop(_ROW)
    fields: dict[str, str] = {
        f: f for f in ("headline", "body", "url", "source", "kind", "published_at", "first_seen_at") if f in rows.columns
    }
    articles, more = archives.from_frame(
        rows, source=None if "source" in chosen else name, columns=fields, zone=zone, numbers=rows[_ROW].to_list()
    )
    dated, undated = documents.dated(articles)
    told = _with_stories(dated)
    links = rows.select("url", "_url", "_about", "_label").join(told.select("url", "doc_id"), on="url", how="inner")
    about = (
        links.select("doc_id", symbol="_about", label="_label").explode("symbol").drop_nulls("symbol")
        .sort("doc_id", "symbol", "label", nulls_last=True).unique(["doc_id", "symbol"], keep="first", maintain_order=True)
    )  # fmt: skip
    told = told.join(links.select("doc_id", "_url").unique("doc_id"), on="doc_id", how="left", maintain_order="left")
    told = DOCUMENTS.validate(told.with_columns(url="_url").select(*DOCUMENTS.schema).sort("available_at", "doc_id"))
    aside = pl.concat([undated, documents.quarantined([*rejected, *more])]).unique("input_id", keep="first", maintain_order=True)
    if told.is_empty():
        why = aside["reason"][0] if aside.height else "it has no rows"
        raise SourceError(f"{path} gave no dated document of {frame.height} rows ({why}); expected dated texts.")
    beside = _beside(frame, chosen, name)
    aside = aside if beside is None else pl.concat([aside, beside.quarantine])
    return DatedNews(told, about, None if beside is None else beside.bars, chosen, zone, frame.height + len(rejected), aside)


def columns_of(frame: pl.DataFrame, path: Path | str = "The file") -> dict[str, str]:
    """Return field -> column: ``headline``, ``body``, ``published_at``, ``first_seen_at``, ``symbols``, ``label``, ``source``, ``url``.

    Known names come first; an instant, a text and a symbol without a known name are found by what the values look like. Beside a headline
    the longest other column of text is the body.

    Raises
    ------
    SourceError
        Without an instant or a text.
    """
    plain = {name.strip().lower(): name for name in reversed(frame.columns) if not _PRICE.match(name.strip().lower())}
    chosen: dict[str, str] = {}
    for field, aliases in {**archives.FIELDS, "symbols": _SYMBOLS, "label": _LABELS}.items():
        found = next((plain[a] for a in aliases if a in plain and plain[a] not in chosen.values()), None)
        if found is not None:
            chosen[field] = found
    head = frame.gather_every(max(1, frame.height // _LOOKED_AT))
    left = [name for name in plain.values() if name not in chosen.values()]
    if not {"published_at", "first_seen_at"} & set(chosen):
        instants = [name for name in left if _share(head, name, _is_instant(head, name)) >= _SHARE and "last" not in name.lower()]
        # Of several the latest: none of the others may be known before it.
        instants.sort(key=lambda name: (_days(head[name]), name), reverse=True)
        if not instants:
            raise SourceError(
                f"{path} has columns {', '.join(frame.columns)}; expected one of instants, such as published_at or first_seen."
            )
        chosen["first_seen_at" if "seen" in instants[0].lower() else "published_at"] = instants[0]
    if "symbols" not in chosen:
        codes = [name for name in left if name not in chosen.values() and _share(head, name, _is_code(head, name)) >= _SHARE]
        if codes:  # an exchange or a currency looks like a code too, and is the same in most rows
            chosen["symbols"] = min(codes, key=lambda name: (-_firsts(head[name]).n_unique(), name))
    if not {"headline", "body"} & set(chosen):
        lengths = {
            name: float(head[name].str.len_chars().mean() or 0)  # type: ignore[arg-type]
            for name in left if name not in chosen.values() and head.schema[name] == pl.String
        }  # fmt: skip
        if not lengths or max(lengths.values()) < 10:
            raise SourceError(f"{path} has columns {', '.join(frame.columns)}; expected one of texts, such as title or body.")
        chosen["body"] = max(sorted(lengths), key=lambda name: lengths[name])
    if "headline" in chosen and "body" not in chosen:
        # A body may be where the headline is not, and nowhere in the rows looked at.
        bare = frame.filter(pl.col(chosen["headline"]).cast(pl.String, strict=False).fill_null("").str.strip_chars() == "")
        head = pl.concat([head, bare.head(_LOOKED_AT)])
        found = _longest(head, chosen["headline"], [name for name in left if name not in chosen.values()])
        if found is not None:
            chosen["body"] = found
    return chosen


def own_prices(frame: pl.DataFrame, chosen: Mapping[str, str], source: str) -> pl.DataFrame | None:
    """Return the ``bars`` of columns such as ``day1, open1, close1`` and a symbol; ``None`` where the file has none."""
    beside = _beside(frame, chosen, source)
    return None if beside is None else beside.bars


def _beside(frame: pl.DataFrame, chosen: Mapping[str, str], source: str) -> Bars | None:
    sides = {match.groups(): name for name in frame.columns if (match := _PRICE.match(name.strip().lower()))}
    days = sorted({int(k) for side, k in sides if side in ("day", "date") and ("open", k) in sides and ("close", k) in sides})
    if not days or "symbols" not in chosen:
        return None
    # Where rows disagree about a price, the earliest row's is kept.
    clock = chosen.get("first_seen_at", chosen.get("published_at"))
    frame = frame.sort(clock, nulls_last=True, maintain_order=True) if clock else frame
    parts = []
    for k in map(str, days):
        day = sides.get(("day", k)) or sides[("date", k)]
        parts.append(
            frame.select(
                symbol=pl.Series(_canonical(frame[chosen["symbols"]])).list.first(),
                session=pl.col(day).cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
                open=pl.col(sides[("open", k)]).cast(pl.Float64, strict=False),
                close=pl.col(sides[("close", k)]).cast(pl.Float64, strict=False),
            )
        )
    rows = pl.concat(parts).drop_nulls().unique(["symbol", "session"], keep="first", maintain_order=True).sort("symbol", "session")
    return collect(rows.with_columns(source=pl.lit(source)), source=source) if rows.height else None


def _table(path: Path) -> tuple[pl.DataFrame, list[Rejected], dict[str, str]]:
    """Return the rows with their numbers in the file (``_ROW``), those that cannot be read, and :func:`columns_of`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error}); expected a file of dated news: check the path.") from None
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data, path)
    try:
        text = None if data[:4] == b"PAR1" else decode(data)
        frame, rejected = archives.table(data, text, path.stem)
    except (SourceError, RecursionError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, str(error)) from None
    other = _other_kind(path, text)
    if frame.is_empty():
        if other or rejected:
            raise _unreadable(path, other or rejected[0].reason)
        raise SourceError(f"{path} has no rows; expected dated news: name another file.")
    try:
        return frame, list(rejected), columns_of(frame.drop(_ROW), path)
    except SourceError:
        if other:
            raise _unreadable(path, other) from None
        raise


def _other_kind(path: Path, text: str | None) -> str:
    """Return how a file differs from what its name says it is; empty where it does not."""
    named = _KIND.search(path.name)
    if named and named[1] and text is not None:
        return "it does not begin as a Parquet file does"
    if named and named[2] and text is not None and text.lstrip()[:1] not in ("{", "["):
        return "it does not begin with an object or an array"
    return ""


def _unreadable(path: Path, cause: str) -> SourceError:
    """Return the sentence for a file that is no table, with the first line of the cause without what that expected."""
    named = _KIND.search(path.name)
    kind = next((k for k, came in zip(("Parquet", "JSON", "CSV"), named.groups(), strict=True) if came), "news") if named else "news"
    what = next(iter(cause.splitlines()), "").split("; expected")[0].rstrip(".")
    what = re.sub(r"^The .* cannot be read \((.*)\)$", r"\1", what)
    return SourceError(f"{path} cannot be read as {kind} ({what}); expected Parquet, CSV or JSON lines.")


def _unpacked(data: bytes, path: Path) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            found = packed.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} begins like gzip and cannot be unpacked ({error}); expected a whole file: copy it again.") from None
    if len(found) > _LARGEST:
        raise SourceError(f"{path} holds more than {_LARGEST:,} bytes unpacked; expected less: cut it into several files.")
    return found


def _rows(frame: pl.DataFrame, chosen: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a text and time, with all symbols its rows name; ``url`` is the number of the row, ``_url`` its own."""
    fields = [f for f in chosen if f in archives.FIELDS]
    symbols = pl.Series("_about", _canonical(frame[chosen["symbols"]]) if "symbols" in chosen else [[]] * frame.height, pl.List(pl.String))
    label = pl.col(chosen["label"]).cast(pl.String, strict=False) if "label" in chosen else pl.lit(None, dtype=pl.String)
    label = pl.when(~label.str.strip_chars().str.to_lowercase().is_in(_NO_LABEL)).then(label)
    own = pl.col(chosen["url"]).cast(pl.String, strict=False) if "url" in chosen else pl.lit(None, dtype=pl.String)
    texts = [pl.col(chosen[f]).cast(pl.String, strict=False).fill_null("").str.strip_chars() for f in ("headline", "body") if f in fields]
    # Rows without a text say nothing alike: each is set aside by itself, so that all are counted.
    alone = pl.when(pl.all_horizontal(text == "" for text in texts)).then(pl.col(_ROW))
    rows = frame.select(*(pl.col(chosen[f]).alias(f) for f in fields if f != "url"), symbols, _ROW, _label=label, _url=own, _alone=alone)
    by = [*(f for f in fields if f not in ("url", "kind")), "_alone"]
    rows = rows.group_by(by, maintain_order=True).agg(
        *(pl.col(f).first() for f in fields if f == "kind"),
        pl.col("_about").list.explode(keep_nulls=False, empty_as_null=False).unique(maintain_order=True),
        pl.col("_label").first(), pl.col("_url").first(), pl.col(_ROW).first(),
    ).drop("_alone")  # fmt: skip
    if "headline" in fields and "body" in fields:
        same = pl.col("body").cast(pl.String).str.strip_chars() == pl.col("headline").cast(pl.String).str.strip_chars()
        rows = rows.with_columns(body=pl.when(same).then(pl.lit("")).otherwise(pl.col("body").cast(pl.String)))
    if "kind" not in fields and "headline" not in fields:
        rows = rows.with_columns(kind=pl.lit("social"))
    return rows.with_columns(url=pl.format("{}", pl.int_range(pl.len())))


def _canonical(values: pl.Series) -> list[list[str]]:
    """Return the symbols of each row as this package writes them; what is no symbol is left out."""
    lists: list[list[str] | None]
    if isinstance(values.dtype, pl.List):
        lists = values.cast(pl.List(pl.String)).to_list()
    else:
        texts = values.cast(pl.String, strict=False)
        if values.dtype.is_integer():
            texts = texts.str.zfill(6)
        lists = texts.str.strip_chars("[] ").str.split(",").to_list()
    written = {}
    for code in sorted({code for row in lists for code in row or [] if code}):
        try:
            written[code] = canonical_symbol(code.strip(" '\"$"))
        except TidingsError:
            continue
    return [[written[code] for code in row or [] if code in written] for row in lists]


def _with_stories(dated: pl.DataFrame) -> pl.DataFrame:
    """Give documents, in the order of their availability, the story and novelty they had when they came."""
    known = DOCUMENTS.empty().select("doc_id", "available_at", "headline", "body", "story_id")
    parts = []
    ordered = dated.sort("available_at", "doc_id")
    for batch in ordered.iter_slices(_BATCH):
        near = known.filter(pl.col("available_at") >= pl.lit(batch["available_at"].min()) - stories.WINDOW)
        told = batch.join(stories.assign(batch, near), on="doc_id", how="left", maintain_order="left")
        parts.append(told)
        known = pl.concat([near, told.select(known.columns)])
    return pl.concat(parts) if parts else ordered.with_columns(story_id=pl.lit(""), novelty=pl.lit(0.0))


def _longest(head: pl.DataFrame, headline: str, names: Sequence[str]) -> str | None:
    """Return the column of running text with the longest values: no instants, lists, links or codes, and as varied as the headlines."""
    titles, lengths = head[headline].cast(pl.String, strict=False), {}
    for name in sorted(names):
        if head.schema[name] != pl.String or _share(head, name, _is_instant(head, name)) >= _SHARE:
            continue
        values = head[name].str.strip_chars()
        told = (values != "").fill_null(False)
        known = values.filter(told)
        running: pl.Series = known.str.contains(rf"\s|{_CHINESE}") & ~known.str.contains(r"^(?:[\[{]|\w+://)")
        if not known.len() or int(running.sum()) < _SHARE * known.len() or 2 * known.n_unique() < titles.filter(told).n_unique():
            continue
        length = (known.str.len_chars() + known.str.count_matches(_CHINESE)).mean()
        if isinstance(length, float) and length >= _BODY:
            lengths[name] = length
    return max(lengths, key=lambda name: lengths[name]) if lengths else None


def _is_instant(head: pl.DataFrame, name: str) -> pl.Series:
    if isinstance(head.schema[name], pl.Datetime | pl.Date):
        return head[name].is_not_null()
    return head[name].cast(pl.String, strict=False).str.contains(r"^\s*\d{4}[-/年]\d{1,2}[-/月]\d{1,2}").fill_null(False)


def _days(values: pl.Series) -> str:
    """Return the middle of a column of instants as text that sorts by time."""
    texts = values.cast(pl.String, strict=False).str.strip_chars().str.replace_all(r"[/年月]", "-").drop_nulls().sort()
    return str(texts[texts.len() // 2]) if texts.len() else ""


def _firsts(values: pl.Series) -> pl.Series:
    return values.cast(pl.List(pl.String)).list.first() if isinstance(values.dtype, pl.List) else values


def _is_code(head: pl.DataFrame, name: str) -> pl.Series:
    values = _firsts(head[name])
    if values.dtype != pl.String:
        return pl.Series([False] * head.height)
    return (values.str.contains(_CODE) & ~values.str.contains(r"^\d{1,5}$")).fill_null(False)


def _share(head: pl.DataFrame, name: str, fits: pl.Series) -> float:
    known = head[name].is_not_null()
    return float((fits & known).sum()) / max(1, int(known.sum()))
