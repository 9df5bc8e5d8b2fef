"""Facts, and when they were known.

>>> import research
>>> research.sessions("XSHG", "2024-02-08", "2024-02-20")["session"].dt.to_string("%m-%d").to_list()
['02-08', '02-19', '02-20']
"""

from typing import TYPE_CHECKING, Any

from research.calendar import session_after, session_at, sessions
from research.errors import DataError, TidingsError, UsageError
from research.prices import returns
from research.reconcile import agreement, reconcile
from research.schemas import TABLES, Column, Table
from research.store import Store
from research.universe import survivorship, universe

if TYPE_CHECKING:
    from research.annotation import Annotation, annotate
    from research.instruments import shipped
    from research.linking import Linker

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
    "agreement",
    "annotate",
    "reconcile",
    "returns",
    "session_after",
    "session_at",
    "sessions",
    "shipped",
    "survivorship",
    "universe",
]

#: the reader compiles its grammars when it is imported: that waits until somebody reads
_READER = {"Annotation": "annotation", "annotate": "annotation", "Linker": "linking", "shipped": "instruments"}


def __getattr__(name: str) -> Any:
    if name not in _READER:
        raise AttributeError(f"module 'research' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"research.{_READER[name]}"), name)
