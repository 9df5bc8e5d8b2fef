"""Facts, and when they were known.

>>> import research
>>> research.sessions("XSHG", "2024-02-08", "2024-02-20")["session"].dt.to_string("%m-%d").to_list()
['02-08', '02-19', '02-20']
"""

from research.annotation import Annotation, annotate
from research.calendar import session_after, session_at, sessions
from research.errors import DataError, TidingsError, UsageError
from research.instruments import shipped as shipped_instruments
from research.linking import Linker
from research.prices import returns
from research.reconcile import reconcile
from research.schemas import TABLES, Column, Table
from research.store import Store

__all__ = [
    "TABLES",
    "Annotation",
    "Column",
    "DataError",
    "Linker",
    "Store",
    "Table",
    "TidingsError",
    "UsageError",
    "annotate",
    "reconcile",
    "returns",
    "session_after",
    "session_at",
    "sessions",
    "shipped_instruments",
]
