"""The error tree, drawn once.

::

    TidingsError                    everything this project raises on purpose
    ├── UsageError                  the call is wrong: exit code 2
    └── DataError                   the data is wrong: exit code 1
        ├── SchemaError             a frame does not fit its table
        ├── SourceError             a file or a payload cannot be read as what it claims to be
        ├── StoreError              a home folder or a stored table is not usable
        ├── CalendarError           a date or a market the calendars do not cover
        ├── UnknownSymbolError      a symbol with no instrument or no bars
        ├── LookAheadError          a row would be used before it was available
        └── EstimationError         too little data to estimate what was asked

Each message is one sentence: what came, what was expected, what to do next.
"""

from __future__ import annotations

__all__ = [
    "CalendarError",
    "DataError",
    "EstimationError",
    "LookAheadError",
    "SchemaError",
    "SourceError",
    "StoreError",
    "TidingsError",
    "UnknownSymbolError",
    "UsageError",
]


class TidingsError(Exception):
    """Root of every error raised on purpose; ``exit_code`` is what a command ends with."""

    exit_code = 1


class UsageError(TidingsError):
    """The arguments do not fit together."""

    exit_code = 2


class DataError(TidingsError):
    """The data does not fit what was asked of it."""


class SchemaError(DataError):
    """A frame does not fit its table.

    Parameters
    ----------
    table, column
        Where the mismatch is.
    came, expected
        What the frame holds and what the table declares.
    example
        One offending row or value, where there is one.
    """

    def __init__(self, table: str, column: str, came: str, expected: str, example: object = None) -> None:
        self.table, self.column, self.came, self.expected, self.example = table, column, came, expected, example
        row = "" if example is None else f"; for example {example}"
        super().__init__(f"table {table}, column {column}: came {came}, expected {expected}{row}.")


class SourceError(DataError):
    """A file or a payload cannot be read as what it claims to be."""


class StoreError(DataError):
    """A home folder or a stored table is not usable."""


class CalendarError(DataError):
    """A date or a market lies outside the trading calendars."""


class UnknownSymbolError(DataError):
    """A symbol has no instrument row, or no bars."""


class LookAheadError(DataError):
    """A row would be used before it was available."""


class EstimationError(DataError):
    """There is too little data to estimate what was asked."""
