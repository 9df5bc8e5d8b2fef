"""Tables written for people: rounded, aligned, cut where they are too long; and the only place where an address becomes a link."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import polars as pl

__all__ = ["FIGURE", "INTERVAL", "LINK", "ROWS", "cells_of", "figures", "laid_out", "machine_value", "percent", "safe_address", "written"]

#: a text with an address: a column of this type, or of lists of it, is shown as links where the address is safe
LINK = pl.Struct({"text": pl.String, "href": pl.String})

#: a figure written in a way of its own: people read the text, machines the value
FIGURE = pl.Struct({"value": pl.Float64, "text": pl.String})

#: the same for the two ends of an interval
INTERVAL = pl.Struct({"low": pl.Float64, "high": pl.Float64, "text": pl.String})

#: rows of a table that are shown; the rest is counted
ROWS = 200

#: tables longer than this are folded
_FOLD = 24

#: characters of a cell
_LONGEST = 240


def laid_out(caption: str, frame: pl.DataFrame) -> dict[str, object]:
    """Return what the report's template needs of a table: caption, header, rows of (text, kind), and what was cut or folded."""
    part = frame.head(ROWS)
    columns = [cells_of(part[name]) for name in part.columns]
    kinds = [_kind(dtype, cells) for dtype, cells in zip(frame.dtypes, columns, strict=True)]
    return {
        "caption": caption,
        "header": [(name.replace("_", " "), kind) for name, kind in zip(frame.columns, kinds, strict=True)],
        "rows": [list(zip(row, kinds, strict=True)) for row in zip(*columns, strict=True)],
        "rest": f"{frame.height - ROWS:,} more rows are not shown." if frame.height > ROWS else "",
        "shape": _shape(kinds),
        "folded": f"{caption or 'Table'}: {frame.height:,} rows" if frame.height > _FOLD else "",
    }


def cells_of(column: pl.Series) -> list[str] | list[list[dict[str, str]]]:
    """Return the cells of a column: text, or of :data:`LINK` columns lists of ``{"text", "href"}`` with ``href`` empty where unsafe."""
    if column.dtype in (FIGURE, INTERVAL):
        return [_cell(value["text"] if value else None) for value in column.to_list()]
    if column.dtype not in (LINK, pl.List(LINK)):
        return written(column)
    lists = [value if isinstance(value, list) else [value] for value in column.to_list()]
    return [[{"text": _cell(each["text"]), "href": safe_address(each["href"]) or ""} for each in items if each] for items in lists]


def safe_address(address: str | None) -> str | None:
    """Return an address that may become a link, or ``None``: http or https with a plain host, nothing that could mislead a reader.

    >>> safe_address("https://example.com/a?b=1"), safe_address("javascript:alert(1)"), safe_address("https://bank.com@evil.com/")
    ('https://example.com/a?b=1', None, None)
    """
    if not address or len(address) > 2000 or not re.fullmatch(r"[!#-;=?-\[\]_a-z~]+", address):
        return None  # only printable ASCII without space, quotes, <, >, backslash, ^, ` and braces
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        return None
    plain_host = re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host) is not None
    return address if parts.scheme in ("http", "https") and plain_host and "@" not in parts.netloc else None


def figures(column: pl.Series, write: Callable[[float], str]) -> pl.Series:
    """Return numbers as :data:`FIGURE`: each value beside its text, which has a true minus sign and none before zero."""

    def text(value: float | None) -> str | None:
        if value is None or not math.isfinite(value):
            return None
        said = write(value)
        return said.replace("-", "\u2212" if re.search("[1-9]", said) else "")

    cells = [{"value": value, "text": text(value)} for value in column.cast(pl.Float64).to_list()]
    return pl.Series(column.name, cells, dtype=FIGURE)


def percent(frame: pl.DataFrame, *columns: str, digits: int = 2) -> pl.DataFrame:
    """Write fractions as percent for people; as :data:`FIGURE` they stay fractions for machines."""
    return frame.with_columns(figures(frame[column], lambda value: f"{value:.{digits}%}") for column in columns)


def machine_value(cell: object) -> object:
    """Return what a machine is given of a cell: of a :data:`FIGURE` its value, of an :data:`INTERVAL` both ends, else the cell itself."""
    if isinstance(cell, dict) and set(cell) == {"value", "text"}:
        return cell["value"]
    if isinstance(cell, dict) and set(cell) == {"low", "high", "text"}:
        return None if cell["low"] is None else [cell["low"], cell["high"]]
    return cell


def _shape(kinds: Sequence[str]) -> str:
    """Return how a table is set: with few short columns no wider than they need, with many closer.

    On a phone ``cards`` become a block a row, each cell below the name of its column.
    """
    if len(kinds) <= 4 and not {"link", "long"} & set(kinds):
        return "narrow"
    return "cards wide" if len(kinds) > 8 else "cards"


def _kind(dtype: pl.DataType, cells: Sequence[object]) -> str:
    """Return how a column is set: numbers to the right, short words unbroken, text with room."""
    if dtype in (LINK, pl.List(LINK)):
        return "link"
    texts = [cell for cell in cells if isinstance(cell, str)]
    if dtype.is_numeric() or (texts and all(re.fullmatch(r"[−+\d.,%… –<]+", cell) for cell in texts)):
        return "number"
    return "short" if max(map(len, texts), default=0) <= 32 else "long"


def written(column: pl.Series) -> list[str]:
    """Write a column for people: one number of decimals throughout, null and NaN as a dash, a true minus sign."""
    values = column.to_list()
    if not column.dtype.is_float():
        return [_cell(value) for value in values]
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    if all(value == int(value) for value in known) or largest >= 1000:
        digits = 0
    else:
        digits = 1 if largest >= 100 else 2 if largest >= 10 else 3 if column.name == "p_value" else 4

    def number(value: float) -> str:
        if column.name == "p_value" and value < 0.001:
            return "< 0.001"
        return f"{value:.2e}" if 0 < largest < 1e-3 else f"{value:,.{digits}f}"

    def cell(value: float | None) -> str:
        if value is None or math.isnan(value):
            return "–"
        return (number(value) if math.isfinite(value) else f"{value:g}".replace("inf", "∞")).replace("-", "−")

    return [cell(value) for value in values]


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
