"""What a table is: columns with dtype, null rule, domain, meaning and unit; the gate that checks a frame; ids from contents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl

from research.errors import SchemaError, UsageError

__all__ = ["INSTANT", "Column", "Table", "content_id", "in_order"]

INSTANT = pl.Datetime("us", "UTC")


def content_id(*parts: object) -> str:
    """Return a 32-digit hexadecimal id that depends only on ``parts``.

    >>> content_id("a", 1) == content_id("a", 1)
    True
    >>> content_id("ab", "c") == content_id("a", "bc")
    False
    """
    encoded = [str(part).encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in encoded), digest_size=16).hexdigest()


def in_order(frame: pl.DataFrame, *columns: str, strictly: bool = False) -> bool:
    """Return whether rows rise by the columns, the first deciding first; ``strictly``: no two rows are equal in all of them.

    A null is in no order. One pass of comparisons with the row before, where a sort, or a search for doubled keys, copies the rows.

    >>> frame = pl.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"]})
    >>> in_order(frame, "a", "b", strictly=True), in_order(frame, "a"), in_order(frame, "b", "a")
    (True, True, False)
    """
    if frame.height < 2:
        return not any(frame.select(columns).null_count().row(0))
    rises = pl.lit(not strictly)
    for name in reversed(columns):
        now, before = pl.col(name).slice(1), pl.col(name).slice(0, pl.len() - 1)
        rises = (now > before) | ((now == before) & rises)
    return bool(frame.select(rises.all(ignore_nulls=False)).item())


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its dtype, whether it may be null, its domain, what it means and in which unit.

    ``low`` and ``high`` bound the values, both ends included; ``above`` is an excluded lower bound.
    ``choices`` lists the only values allowed. NaN never fits a float column: missing is null.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    null: bool = False
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()

    def faults(self) -> Iterable[tuple[str, pl.Expr]]:
        """Yield (expectation, expression that is true on a bad row)."""
        value = pl.col(self.name)
        if not self.null:
            yield "no nulls", value.is_null()
        if self.dtype == pl.Float64:
            yield "finite numbers (missing is null, never NaN)", value.is_nan() | value.is_infinite()
        if self.low is not None:
            yield f"at least {self.low:g}", value < self.low
        if self.high is not None:
            yield f"at most {self.high:g}", value > self.high
        if self.above is not None:
            yield f"more than {self.above:g}", value <= self.above
        if self.choices:
            yield "one of " + ", ".join(self.choices), ~value.is_in(self.choices)


@dataclass(frozen=True, slots=True)
class Table:
    """A named set of columns with a key.

    Parameters
    ----------
    name
        Name of the table, also of its folder in a store.
    key
        Columns that together identify a row.
    columns
        Every column, in order.
    clock
        The column that says when a row may be used; ``read(asof=c)`` keeps rows with ``clock < c``, strictly.
    extra
        dtype of further columns a frame may carry (features); ``None`` forbids them.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    clock: str | None = None
    extra: pl.DataType | type[pl.DataType] | None = None
    _schema: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_schema", MappingProxyType({c.name: c.dtype for c in self.columns}))

    @property
    def schema(self) -> dict[str, Any]:
        """Mapping of column name to dtype, in order."""
        return dict(self._schema)

    def empty(self) -> pl.DataFrame:
        """Return a frame with this table's columns and no rows."""
        return pl.DataFrame(schema=self.schema)

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
        """Build a validated frame from ``rows``; an absent nullable column is null."""
        return self.validate(pl.DataFrame(list(rows), schema=self.schema))

    def require_polars(self, frame: object) -> None:
        """Raise :class:`~research.errors.UsageError` for what is no polars frame, as one of pandas."""
        if not isinstance(frame, pl.DataFrame):
            came = f"{type(frame).__module__.split('.')[0]} {type(frame).__name__}"
            raise UsageError(f"Table {self.name} came as a {came}; expected a polars DataFrame: polars.from_pandas makes one of pandas'.")

    def validate(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ``frame`` with this table's columns in order, or raise :class:`~research.errors.SchemaError`.

        Missing nullable columns are added as null; columns the table does not know are refused unless ``extra`` allows them.
        """
        self.require_polars(frame)
        frame = self._shaped(frame)
        for column in self.columns:
            for expected, bad in column.faults():
                rows = frame.filter(bad)
                if rows.height:
                    example = rows.select(list(dict.fromkeys((*self.key, column.name)))).row(0, named=True)
                    came = "a null" if example[column.name] is None else repr(example[column.name])
                    raise SchemaError(self.name, column.name, f"{came} in {rows.height} of {frame.height} rows", expected, example)
        if in_order(frame, *self.key, strictly=True):  # most frames come so, and the search for doubled keys copies them
            return frame
        doubled = frame.select(self.key).is_duplicated() if frame.height else pl.Series([], dtype=pl.Boolean)
        if doubled.any():
            example = frame.select(self.key).filter(doubled).row(0, named=True)
            raise SchemaError(self.name, "+".join(self.key), f"{doubled.sum()} rows that share a key", "one row a key", example)
        return frame

    def _shaped(self, frame: pl.DataFrame) -> pl.DataFrame:
        added = []
        for column in self.columns:
            if column.name in frame.columns:
                continue
            if not column.null:
                raise SchemaError(
                    self.name, column.name, f"columns {', '.join(frame.columns) or '(none)'}", f"a column {column.name} ({column.dtype})"
                )
            added.append(pl.lit(None, dtype=column.dtype).alias(column.name))
        frame = frame.with_columns(added)
        others = [name for name in frame.columns if name not in self._schema]
        for name in others:
            if self.extra is None or frame.schema[name] != self.extra:
                raise SchemaError(
                    self.name,
                    name,
                    f"an unknown column of {frame.schema[name]}",
                    f"only {', '.join(self._schema)}" + ("" if self.extra is None else f" and columns of {self.extra}"),
                )
        for name, dtype in self._schema.items():
            came = frame.schema[name]
            if came != dtype:
                if came == pl.Null:
                    frame = frame.with_columns(pl.col(name).cast(dtype))
                    continue
                raise SchemaError(self.name, name, str(came), str(dtype))
        return frame.select(*self._schema, *others)
