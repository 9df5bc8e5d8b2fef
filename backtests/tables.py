"""Tables written for people: rounded, aligned, cut where they are too long."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

__all__ = ["laid_out", "written"]

#: rows of a table that are shown; the rest is counted
_ROWS = 200

#: tables longer than this are folded
_FOLD = 24


def laid_out(caption: str, frame: pl.DataFrame) -> dict[str, object]:
    """Return what the report's template needs of a table: caption, header, rows of (text, kind), and what was cut or folded."""
    part = frame.head(_ROWS)
    columns = [written(part[name]) for name in part.columns]
    kinds = [_kind(dtype, cells) for dtype, cells in zip(frame.dtypes, columns, strict=True)]
    return {
        "caption": caption,
        "header": [(name.replace("_", " "), kind) for name, kind in zip(frame.columns, kinds, strict=True)],
        "rows": [list(zip(row, kinds, strict=True)) for row in zip(*columns, strict=True)],
        "rest": f"{frame.height - _ROWS:,} more rows are not shown." if frame.height > _ROWS else "",
        "shape": "narrow" if len(kinds) <= 4 and "long" not in kinds else "wide" if len(kinds) > 8 else "",
        "folded": f"{caption or 'Table'}: {frame.height:,} rows" if frame.height > _FOLD else "",
    }


def _kind(dtype: pl.DataType, cells: Sequence[str]) -> str:
    """Return how a column is set: numbers to the right, short words unbroken, text with room."""
    if dtype.is_numeric() or (cells and all(re.fullmatch(r"[−+\d.,%… –<]+", cell) for cell in cells)):
        return "number"
    return "short" if max(map(len, cells), default=0) <= 32 else "long"


def written(column: pl.Series) -> list[str]:
    """Write a column for people: one number of decimals throughout, null as a dash, a true minus sign."""
    values = column.to_list()
    if not column.dtype.is_float():
        return [_cell(value) for value in values]
    known = [abs(value) for value in values if value is not None]
    largest = max(known, default=0.0)
    if all(value == int(value) for value in known) or largest >= 1000:
        digits = 0
    else:
        digits = 1 if largest >= 100 else 2 if largest >= 10 else 3 if column.name == "p_value" else 4

    def number(value: float) -> str:
        if column.name == "p_value" and value < 0.001:
            return "< 0.001"
        return f"{value:.2e}" if 0 < largest < 1e-3 else f"{value:,.{digits}f}"

    return ["–" if value is None else number(value).replace("-", "−") for value in values]


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
