"""Columns of the CSV files a study's folder holds: read as text, then made into days and numbers, or refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from research.errors import DataError, SchemaError

__all__ = ["canonical", "column_of", "day_of", "days", "read_settings", "read_table", "typed"]

#: what stands for no value
_MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", ".", "-", "inf", "-inf")

#: how a day may be written; a time after it is not read
_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d-%b-%Y", "%d%b%Y", "%d %b %Y", "%b %d, %Y")

#: two ways to read one text: which is meant must show in the column
_EITHER = ("%m/%d/%Y", "%d/%m/%Y")

#: 0,005 and 3,5 have a decimal comma; 1,234 may be a thousand, and is refused
_DECIMAL_COMMA = ("^([-+]?0?),([0-9]+)$", "^([-+]?[0-9]+),([0-9]{1,2}|[0-9]{4,})$")


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV file, every column as text; fields are parted by what the header is: comma, semicolon or tab.

    Raises
    ------
    DataError
        When the file is empty or no table.
    """
    try:
        header = path.read_text(encoding="utf-8-sig", errors="replace").split("\n", 1)[0]
        separator = max(",;\t", key=header.count)
        table = pl.read_csv(path, infer_schema=False, separator=separator, encoding="utf8-lossy", truncate_ragged_lines=False)
    except pl.exceptions.NoDataError:
        raise DataError(f"{path} is empty; expected a header and rows.") from None
    except (pl.exceptions.ComputeError, pl.exceptions.DuplicateError) as error:
        raise DataError(f"{path} is no table: {str(error).splitlines()[0]}; expected a header and as many fields in each row.") from None
    return table.rename({name: name.strip().removeprefix("\ufeff") for name in table.columns})


def read_settings(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; empty where there is no file.

    Raises
    ------
    DataError
        When it holds something else.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON ({error}); expected an object of settings.") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} holds a {type(found).__name__}; expected an object of settings.")
    return found


def column_of(table: pl.DataFrame, names: Sequence[str]) -> str | None:
    """Return the column of one of ``names``, the first that is there, also in other letter case; ``None`` without one."""
    held = {name.lower(): name for name in reversed(table.columns)}
    return next((name if name in table.columns else held[name.lower()] for name in names if name.lower() in held), None)


def canonical(table: pl.DataFrame, names: Mapping[str, Sequence[str]], label: str) -> pl.DataFrame:
    """Rename to each key the column of one of its names.

    Raises
    ------
    SchemaError
        When there is none.
    """
    for wanted, known in names.items():
        found = column_of(table, known)
        if found is None:
            raise SchemaError(label, wanted, f"columns {', '.join(table.columns)}", f"one of {', '.join(known)}")
        if found != wanted:
            table = table.drop(wanted, strict=False).rename({found: wanted})
    return table


def typed(table: pl.DataFrame, numbers: Sequence[str], label: str, dates: Sequence[str] = ()) -> pl.DataFrame:
    """Return ``table`` with columns of numbers as Float64 and of days as Date; NA, NaN, a dot and the like are null.

    Raises
    ------
    SchemaError
        For a column that is not there, or a value that is neither missing nor a number or day.
    """
    for name in (*numbers, *dates):
        if name not in table.columns:
            raise SchemaError(label, name, f"columns {', '.join(table.columns)}", f"a column {name}")
    for name in numbers:
        text = _present(table[name])
        for pattern in _DECIMAL_COMMA:
            text = text.str.replace(pattern, "${1}.${2}")
        values = text.cast(pl.Float64, strict=False)
        _refuse(text, values, label, name, "a number")
        table = table.with_columns(values)
    for name in dates:
        values = days(table[name])
        _refuse(_present(table[name]), values, label, name, "a day such as 2020-01-31, in one format throughout")
        table = table.with_columns(values)
    return table


def days(values: pl.Series) -> pl.Series:
    """Return the days a column of text names, in the format that reads most of it; null where a value is no day.

    1/2/2020 can be two days: month and day are told apart by the other rows, and all are null where those do not tell.
    """
    text = _present(values).str.replace("[T ][0-9]{1,2}:[0-9]{2}.*$", "")
    read = [text.str.to_date(form, strict=False) for form in _FORMATS]
    month_first, day_first = (text.str.to_date(form, strict=False) for form in _EITHER)
    if month_first.null_count() != day_first.null_count() or month_first.equals(day_first):
        read += [month_first, day_first]
    return min(read, key=lambda found: found.null_count()).alias(values.name)


def day_of(text: Any) -> Any:
    """Return the date a text names.

    Raises
    ------
    DataError
        When it names none.
    """
    found = days(pl.Series([str(text)]))[0]
    if found is None:
        raise DataError(f"A day came as {text!r}; expected one such as 2020-01-31.")
    return found


def _present(values: pl.Series) -> pl.Series:
    """Return the text of a column without spaces about it, null where it stands for no value."""
    text = values.cast(pl.String).str.strip_chars()
    return text.to_frame("_t").select(pl.when(~pl.col("_t").str.to_lowercase().is_in(_MISSING)).then("_t").alias(values.name)).to_series()


def _refuse(text: pl.Series, values: pl.Series, label: str, name: str, expected: str) -> None:
    lost = text.is_not_null() & values.is_null()
    if lost.any():
        raise SchemaError(label, name, f"{text.filter(lost)[0]!r} in {int(lost.sum())} of {len(text)} rows", expected)
