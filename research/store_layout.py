"""How rows lie in a stored table: their order in the files, which files a write has to look at, and tables written by an older schema.

A table is not cut into Hive partitions. Each write is sorted by year and key (or by clock and key where the key holds no date) and
cut into row groups of 16,384 rows, so that the smallest and largest value Parquet and Delta Lake record of each file and row group
let a reader skip what a range of dates or a symbol does not need. ``benchmarks/store.py`` compares this with partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from research.errors import StoreError
from research.schemas import INSTANT, Column, Table

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = [
    "ROW_GROUP", "clustered", "conform", "dates", "described", "differences", "in_key_order", "overlap", "refuse_misfit", "unseen",
]  # fmt: skip

#: rows of a row group: about 65 symbols of one year, the least a read of one symbol decodes. Half of it costs a range of dates a fifth more
ROW_GROUP = 16_384


def clustered(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` in storage order: year and key; without a date in the key clock and key; without a clock the key."""
    if found := dates(table):
        return frame.sort(pl.col(found[0]).dt.year(), *table.key)
    return frame.sort(*([] if table.clock is None else [table.clock]), *table.key)


def in_key_order(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` sorted by the key of its table; it empties ``frame``, so that no more than one column is there twice.

    Where few values make up the first part of the key (the symbols of bars), the key is packed into one whole number, which sorts in a
    tenth of the time that texts take.
    """
    packed = _packed(frame.select(table.key))
    if packed is None:
        return frame.sort(table.key)
    if packed.is_sorted():
        return frame
    order = packed.arg_sort()
    del packed
    return pl.DataFrame([frame.drop_in_place(name).rechunk().gather(order) for name in frame.columns])


def _packed(key: pl.DataFrame) -> pl.Series | None:
    """Return a whole number a row that sorts as the rows of ``key`` do; ``None`` where it does not fit, or would not pay."""
    packed, room = pl.repeat(0, key.height, dtype=pl.Int64, eager=True), 2**62
    for column in key.get_columns():
        if column.null_count() or column.is_empty():
            return None
        if column.dtype == pl.String:
            values = column.unique().sort()
            if 4 * len(values) > len(column):
                return None
            part, size = column.cast(pl.Enum(values)).to_physical().cast(pl.Int64), len(values)
        elif column.dtype.is_temporal() or column.dtype.is_integer():
            whole = column.to_physical().cast(pl.Int64)
            low, high = (int(end) for end in whole.to_frame("n").select(low=pl.col("n").min(), high=pl.col("n").max()).row(0))
            part, size = whole - low, high - low + 1
        else:
            return None
        room //= size
        if not room:
            return None
        packed = packed * size + part
    return packed


def overlap(table: Table, frame: pl.DataFrame) -> pl.Expr:
    """Return what a stored row must fulfil to share a key with a row of ``frame``: each part of the key inside its range.

    A key of one text column is a hash, whose range says nothing: every row may share it.
    """
    if frame.is_empty() or len(table.key) == 1:
        return pl.lit(True)
    ranges = frame.select(pl.col(table.key).min().name.suffix("<"), pl.col(table.key).max().name.suffix(">")).row(0, named=True)
    bounds = [
        pl.col(name).is_between(pl.lit(ranges[f"{name}<"], dtype=table.schema[name]), pl.lit(ranges[f"{name}>"], dtype=table.schema[name]))
        for name in table.key
    ]
    return pl.all_horizontal(bounds)


def unseen(stored: DeltaTable, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ``frame`` whose key is not in the version of the table that is open."""
    key = list(table.key)
    near = pl.scan_delta(stored).filter(overlap(table, frame)).select(key)
    taken = near.join(frame.lazy().select(key), on=key, how="semi").collect(engine="streaming")
    # Keys are unique on both sides, so the counts tell the two common cases: all is new, or nothing is.
    if taken.height in (0, frame.height):
        return frame if taken.is_empty() else frame.clear()
    return frame.join(taken, on=key, how="anti", maintain_order="left")


def conform(lazy: pl.LazyFrame, table: Table, where: str) -> pl.LazyFrame:
    """Return a stored table with the declared columns, whatever schema it was written with.

    A declared column the files do not have is null; a stored column that is not declared stays in the files and is not returned.

    Raises
    ------
    StoreError
        Where a column that may not be null is missing, or holds another kind of value.
    """
    came = lazy.collect_schema()
    refuse_misfit(table, came, where)
    extra = [name for name, dtype in came.items() if name not in table.schema and dtype == table.extra]
    declared = [
        (pl.lit(None, dtype=dtype).alias(name) if name not in came else pl.col(name) if came[name] == dtype else pl.col(name).cast(dtype))
        for name, dtype in table.schema.items()
    ]
    # A column that needs no cast stays a plain column: filters on it still reach the files.
    return lazy.select(*declared, *extra)


def described(name: str, stored: DeltaTable) -> Table:
    """Return the declaration of a table that this package does not declare (signals, runs), as far as its order in the files needs it.

    Of key and clock, and of no other column, the log holds the smallest and largest value: those that are instants are the clock.
    """
    columns = pl.scan_delta(stored).collect_schema()
    actions = pl.DataFrame(stored.get_add_actions(flatten=True))
    logged = {column for column in actions.columns if actions[column].null_count() < actions.height}
    kept = [column for column in columns if f"min.{column}" in logged or f"max.{column}" in logged]
    clocks = [column for column in kept if columns[column] == INSTANT]
    key = [column for column in kept if column not in clocks] or columns.names()[:1]
    declared = tuple(Column(column, dtype, "as stored", null=True) for column, dtype in columns.items())
    return Table(name, tuple(key), declared, clock=clocks[0] if clocks else None)


def refuse_misfit(table: Table, came: pl.Schema, where: str) -> None:
    """Raise :class:`StoreError` when a stored table lacks a column that may not be null, or a column holds another kind of value."""
    if missing := [column.name for column in table.columns if column.name not in came and not column.null]:
        raise StoreError(
            f"Table {table.name} of {where} was written by another version of tidings: it has no column {', '.join(missing)}, which may "
            "not be null; read it with the version that wrote it, or fill a new home."
        )
    for name, dtype in table.schema.items():
        if name in came and not _convertible(came[name], dtype):
            raise StoreError(
                f"Table {table.name} of {where} was written by another version of tidings: column {name} holds {came[name]}, expected "
                f"{dtype}; read it with the version that wrote it, or fill a new home."
            )


def differences(table: Table, came: pl.Schema) -> list[str]:
    """Return one sentence for each column in which a stored table and its declaration differ."""
    found = [
        f"table {table.name} has no column {name}: it was written by an older version and reads as null"
        for name in table.schema
        if name not in came
    ]
    found += [
        f"table {table.name} has a column {name} ({dtype}) this version does not know: it stays in the files and is not read"
        for name, dtype in came.items()
        if name not in table.schema and dtype != table.extra
    ]
    found += [
        f"table {table.name}, column {name} holds {came[name]} and is read as {dtype}"
        for name, dtype in table.schema.items()
        if name in came and came[name] != dtype
    ]
    return found


def dates(table: Table) -> list[str]:
    """Return the dates of a table's key."""
    return [name for name in table.key if table.schema[name] == pl.Date]


def _convertible(came: pl.DataType, declared: pl.DataType | type[pl.DataType]) -> bool:
    if came == declared or came == pl.Null:
        return True
    wanted = declared if isinstance(declared, pl.DataType) else declared()
    return (came.is_numeric() and wanted.is_numeric()) or (came.is_temporal() and isinstance(came, type(wanted)))
