"""Lines of text to score or to learn from: how they are read and what their fields mean.

A line is a JSON object with ``text``; ``target`` (also called ``subject``) is the name in the text the tone is meant towards; ``id``,
``lang`` and ``label`` where known. Other fields are passed over.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from research.errors import DataError, SourceError, UsageError

__all__ = ["check", "label_of", "read", "target_of"]

#: what stands for "no target" in exported tables
_NOBODY = frozenset(["", "nan", "none", "null"])


def read(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSONL file (UTF-8, plain or gzip), in order; blank lines are passed over.

    Raises
    ------
    UsageError
        When there is no such file.
    SourceError
        When the file is empty, or a line is not a JSON object with a text; the sentence names the line.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}; check the path.")
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read ({error}); check the file.") from error
    rows = []
    # Not splitlines(): a text may hold U+2028 and the like.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        expected = 'expected {"id", "text", …}'
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{path} line {number} is no JSON ({error}); {expected}.") from None
        if not isinstance(row, dict):
            raise SourceError(f"{path} line {number} holds {line.strip()[:60]}; {expected}.")
        if not isinstance(row.get("text"), str):
            raise SourceError(f"{path} line {number} (id {row.get('id')!r}) has the text {row.get('text')!r}; expected a string.")
        rows.append(row)
    if not rows:
        raise SourceError(f"{path} is empty; expected JSON lines with a text.")
    return rows


def check(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise :class:`DataError` when a text is no string, or a target is neither a name nor missing."""
    for place, row in enumerate(rows):
        if not isinstance(row.get("text"), str):
            raise DataError(f"Row {place} (id {row.get('id')!r}) has the text {row.get('text')!r}; expected a string.")
        for field in ("target", "subject"):
            if isinstance(row.get(field), (dict, list)):
                raise DataError(f"Row {place} (id {row.get('id')!r}) has the {field} {row[field]!r}; expected one name, a line each.")


def target_of(row: Mapping[str, Any]) -> str:
    """Return the target of a line, empty where there is none (missing, ``null``, ``NaN``)."""
    for field in ("target", "subject"):
        name = row.get(field)
        if name is not None and str(name).strip().lower() not in _NOBODY:
            return str(name)
    return ""


def label_of(row: Mapping[str, Any], place: int) -> str:
    """Return the label of a line as a string.

    Raises
    ------
    DataError
        When there is none, or it is neither a string nor a whole number nor a truth value.
    """
    label = row.get("label")
    if label is None:
        raise DataError(f"Row {place} (id {row.get('id')!r}) has no label; expected one in every line to train on.")
    if not isinstance(label, (str, int)):
        raise DataError(f"Row {place} (id {row.get('id')!r}) has the label {label!r}; expected one word, whole number or truth value.")
    return str(label)
