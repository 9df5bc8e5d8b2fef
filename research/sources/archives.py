"""Archives of news: tables in Parquet, CSV or JSON lines, with one row an article.

Columns are found by their usual names or named by the caller. A row that cannot be used is rejected with its number, the rest goes on.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from research.cleaning import strip_boilerplate, tidy
from research.errors import SourceError
from research.schemas import INSTANT
from research.sources import Article, Rejected
from research.sources.html import fragment_text

__all__ = ["FIELDS", "delimiter", "from_frame", "parse", "table"]

#: article field -> column names it is recognised by, best first; compared without case
FIELDS: Mapping[str, tuple[str, ...]] = {
    "headline": ("headline", "title", "标题"),
    "body": ("body", "content", "text", "article", "正文", "内容", "description", "summary"),
    "url": ("url", "link", "href", "链接"),
    "source": ("source", "platform", "media", "publisher", "来源"),
    "published_at": (
        "published_at", "pubdate", "published", "publish_time", "pub_time", "datetime", "created_at", "date", "time", "发布时间", "时间",
    ),
    "first_seen_at": ("first_seen_at", "first_seen", "seen_at", "crawled_at", "fetched_at"),
    "kind": ("kind",),
}  # fmt: skip
_KINDS = ("news", "report", "announcement", "social")
_NAIVE_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
    "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M",
)  # fmt: skip
_AWARE_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
    "%a, %d %b %Y %H:%M:%S %z",
)
_MIDNIGHT = r"^\s*(\d{4}[-/]\d{1,2}[-/]\d{1,2})[T ]00:00(?::00(?:\.0+)?)?\s*(Z|[+-]\d\d:?\d\d)?\s*$"
_MARKUP = re.compile(r"</(?:p|div|span|a|b|strong|em|li|ul|h\d)>|<br\s*/?>|&(?:nbsp|amp|lt|gt|quot);", re.IGNORECASE)


def parse(
    data: bytes, text: str | None, source: str | None = None, columns: Mapping[str, str] | None = None, zone: str = "Asia/Shanghai"
) -> tuple[list[Article], list[Rejected]]:
    """Read an archive from its bytes.

    Parameters
    ----------
    data, text
        The file, and its text when it is not Parquet.
    source
        Name of the source where no column gives one; ``"archive"`` without it.
    columns
        Article field -> column name, for the fields of :data:`FIELDS`; what it leaves out is found by name.
    zone
        IANA zone of times without one.

    Raises
    ------
    SourceError
        For a file that is no table, a mapping that names no column, or a table without headline and body.
    """
    frame, rejected = table(data, text, source or "archive")
    articles, more = from_frame(frame.drop("row"), source=source, columns=columns, zone=zone, numbers=frame["row"].to_list())
    return articles, rejected + more


def table(data: bytes, text: str | None, source: str = "archive") -> tuple[pl.DataFrame, list[Rejected]]:
    """Return the rows of a Parquet, JSON-lines, JSON or CSV file with their numbers, and the rows that cannot be read.

    The numbers are in the column ``row``, from 1; a header line does not count.
    """
    if data[:4] == b"PAR1":
        try:
            frame = pl.read_parquet(io.BytesIO(data))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"The Parquet file cannot be read ({str(error).splitlines()[0]}); expected a whole file: copy it again."
            ) from None
        return _numbered(frame), []
    if text is None:
        raise SourceError("The archive is neither Parquet nor text; expected Parquet, CSV or JSON lines.")
    head = text.lstrip()
    if head[:1] == "{":
        rows = _wrapped(text)
        return _json_lines(text, source) if rows is None else _from_rows(list(enumerate(rows, 1)), source)
    if head[:1] == "[":
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise SourceError(
                f"The JSON array cannot be read ({error}); expected a whole array of objects: fetch the file again."
            ) from None
        return _from_rows([(i, row) for i, row in enumerate(rows, 1)], source)
    return _csv(text, source)


def delimiter(header: str) -> str:
    """Return the character that separates the columns of a CSV header: the most frequent of comma, tab, semicolon and bar."""
    return max(",\t;|", key=header.count)


def from_frame(
    frame: pl.DataFrame,
    *,
    source: str | None = None,
    columns: Mapping[str, str] | None = None,
    zone: str = "Asia/Shanghai",
    numbers: list[int] | None = None,
) -> tuple[list[Article], list[Rejected]]:
    """Turn a table into articles; see :func:`parse`.

    A time of exactly midnight is taken for a date without a time, as tables store one: the article then counts from the end of that day,
    in the zone the time names, else in ``zone``. (UTC is what tables write for no zone.)
    A row without headline and body, with an unknown kind, or with a first-seen time that is none, is rejected.
    """
    fields = _fields(frame.columns, columns or {})
    if not {"headline", "body"} & set(fields):
        raise SourceError(
            f"The archive has columns {', '.join(frame.columns)}; expected a headline or a body: name them with columns={{'headline': …}}."
        )
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SourceError(f"The zone came as {zone!r}; expected an IANA name such as Asia/Shanghai.") from None
    n = frame.height
    rows = numbers or list(range(1, n + 1))
    blank: list[Any] = [None] * n
    texts = {
        f: frame[fields[f]].cast(pl.String, strict=False).to_list() if f in fields else blank
        for f in ("headline", "body", "url", "source", "kind")
    }
    stamps, zones = _stamps(frame[fields["published_at"]], zone) if "published_at" in fields else (blank, [zone] * n)
    claimed = frame[fields["first_seen_at"]] if "first_seen_at" in fields else None
    seen = _instants(claimed, zone).to_list() if claimed is not None else blank
    raw = claimed.cast(pl.String, strict=False).to_list() if claimed is not None else blank
    articles: list[Article] = []
    rejected: list[Rejected] = []
    name = source or "archive"
    for i, row in enumerate(rows):
        headline, body = _clean(texts["headline"][i]).replace("\n", " "), strip_boilerplate(_clean(texts["body"][i]))
        kind = texts["kind"][i] or "news"
        fault = None
        if not headline and not body:
            fault = "it has neither headline nor body; expected at least one of them"
        elif kind not in _KINDS:
            fault = f"its kind is {kind!r}; expected one of {', '.join(_KINDS)}"
        elif raw[i] and seen[i] is None:
            fault = f"its first-seen time is {raw[i]!r}; expected YYYY-MM-DD HH:MM[:SS], with or without an offset"
        if fault:
            rejected.append(
                Rejected(
                    texts["source"][i] or name,
                    f"Row {row} was set aside: {fault}; correct the row.",
                    (headline or body or str(raw[i]))[:200],
                )
            )
            continue
        body = "" if body == headline else body
        articles.append(
            Article(kind, source or texts["source"][i] or name, headline, body, texts["url"][i] or None, stamps[i], zones[i], seen[i])
        )
    return articles, rejected


def _clean(text: str | None) -> str:
    if not text:
        return ""
    return tidy(fragment_text(text) if _MARKUP.search(text) else text)


def _fields(names: list[str], given: Mapping[str, str]) -> dict[str, str]:
    for field, name in given.items():
        if field not in FIELDS:
            raise SourceError(f"columns names the field {field!r}; expected one of {', '.join(FIELDS)}.")
        if name not in names:
            raise SourceError(f"columns maps {field} to {name!r}, which the archive does not have; its columns are {', '.join(names)}.")
    known = {name.strip().lower(): name for name in reversed(names)}
    taken = set(given.values())
    found = dict(given)
    for field, aliases in FIELDS.items():
        match = next((known[a] for a in aliases if a in known and known[a] not in taken), None)
        if field not in found and match is not None:
            found[field] = match
            taken.add(match)
    return found


def _stamps(values: pl.Series, zone: str) -> tuple[list[datetime | str | None], list[str]]:
    """Return the times as text, midnights as days, and the zone each day is one of."""
    dtype = values.dtype
    if dtype.is_integer() or dtype.is_float():
        values = _from_epoch(values)
    if isinstance(values.dtype, pl.Datetime):
        midnight = values.dt.time() == pl.Series([datetime.min.time()])
        shown = pl.select(
            pl.when(midnight)
            .then(values.dt.strftime("%Y-%m-%d"))
            .otherwise(values.dt.strftime("%Y-%m-%dT%H:%M:%S%.f%:z" if values.dtype.time_zone else "%Y-%m-%d %H:%M:%S"))
        )
        own = values.dtype.time_zone
        return shown.to_series().to_list(), [zone if own in (None, "UTC", "Etc/UTC", "GMT") else str(own)] * values.len()
    texts = values.cast(pl.String, strict=False).str.strip_chars()
    offsets = texts.str.extract(_MIDNIGHT, 2).to_list()
    return texts.str.replace(_MIDNIGHT, "$1").replace("", None).to_list(), [_zone_of(offset, zone) for offset in offsets]


def _zone_of(offset: str | None, zone: str) -> str:
    """Return the zone of a day at a fixed offset; ``zone`` without one, for UTC, and for an offset that is not of whole hours."""
    hours, minutes = (int(offset[:3]), offset[-2:]) if offset and offset != "Z" else (0, "00")
    # The names of the fixed zones have the sign the other way round.
    return zone if hours == 0 or minutes != "00" or abs(hours) > 12 else f"Etc/GMT{-hours:+d}"


def _instants(values: pl.Series, zone: str) -> pl.Series:
    """Return UTC instants; naive times are in ``zone``; null where a value is no time."""
    dtype = values.dtype
    if dtype.is_integer() or dtype.is_float():
        values = _from_epoch(values)
    if isinstance(values.dtype, pl.Datetime):
        aware = values if values.dtype.time_zone else values.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        return aware.dt.convert_time_zone("UTC").cast(INSTANT)
    if values.dtype == pl.Date:
        # A day alone was seen at its end at the latest.
        ends = values.cast(pl.Datetime("us")) + pl.duration(days=1) if values.len() else values.cast(pl.Datetime("us"))
        naive = pl.select(ends).to_series() if not isinstance(ends, pl.Series) else ends
        return naive.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
    texts = values.cast(pl.String, strict=False).str.strip_chars()
    column = pl.lit(texts)
    utc = [column.str.replace("Z$", "+00:00").str.to_datetime(f, time_unit="us", time_zone="UTC", strict=False) for f in _AWARE_FORMATS]
    local = [
        column.str.to_datetime(f, time_unit="us", strict=False)
        .dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        .dt.convert_time_zone("UTC")
        for f in _NAIVE_FORMATS
    ]
    return pl.select(pl.coalesce(*local, *utc)).to_series().cast(INSTANT)


def _from_epoch(values: pl.Series) -> pl.Series:
    numbers = values.cast(pl.Float64)
    # Seconds until the year 5138, milliseconds beyond.
    micro = pl.select(pl.when(numbers < 1e11).then(numbers * 1e6).otherwise(numbers * 1e3).cast(pl.Int64)).to_series()
    return micro.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("row", strict=False).with_columns(row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))


def _wrapped(text: str) -> list[Any] | None:
    """Return the rows of one JSON object over the whole file: the only list of objects in it, or itself; ``None`` for JSON lines."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return None
    lists = [value for value in whole.values() if isinstance(value, list) and value and all(isinstance(row, dict) for row in value)]
    return lists[0] if len(lists) == 1 else [whole]


def _json_lines(text: str, source: str) -> tuple[pl.DataFrame, list[Rejected]]:
    rows: list[tuple[int, Any]] = []
    rejected: list[Rejected] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append((number, json.loads(line)))
        except json.JSONDecodeError as error:
            rejected.append(
                Rejected(source, f"Line {number} is no JSON object ({error.msg}); expected one object a line: correct it.", line[:200])
            )
    frame, more = _from_rows(rows, source)
    return frame, rejected + more


def _from_rows(rows: list[tuple[int, Any]], source: str) -> tuple[pl.DataFrame, list[Rejected]]:
    kept = [(number, row) for number, row in rows if isinstance(row, dict)]
    rejected = [
        Rejected(source, f"Row {number} is a {type(row).__name__}; expected an object with columns: correct it.", str(row)[:200])
        for number, row in rows
        if not isinstance(row, dict)
    ]
    names = list(dict.fromkeys(str(name) for _, row in kept for name in row if name != "row"))
    columns = {name: pl.Series(name, [_scalar(row.get(name)) for _, row in kept], dtype=pl.String) for name in names}
    return pl.DataFrame({**columns, "row": pl.Series("row", [number for number, _ in kept], dtype=pl.Int64)}), rejected


def _scalar(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _csv(text: str, source: str) -> tuple[pl.DataFrame, list[Rejected]]:
    separator = delimiter(text.split("\n", 1)[0])
    try:
        return _numbered(pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema=False)), []
    except pl.exceptions.PolarsError:
        pass  # ragged rows: read one by one, so that only they are lost
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise SourceError(f"The CSV cannot be read ({error}); expected one header line and one row an article.") from None
    header = lines[0] if lines else []
    kept = [(i, row) for i, row in enumerate(lines[1:], 1) if len(row) == len(header)]
    rejected = [
        Rejected(
            source, f"Row {i} has {len(row)} fields; expected {len(header)}, as the header has: correct the row.", separator.join(row)[:200]
        )
        for i, row in enumerate(lines[1:], 1)
        if len(row) != len(header) and row
    ]
    frame = _from_rows([(i, dict(zip(header, row, strict=True))) for i, row in kept], source)[0]
    # Where every row is lost the columns still say what the file is.
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in header if name not in frame.columns and name != "row"]
    return frame.with_columns(absent), rejected
