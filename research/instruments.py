"""The security master: which instruments exist, what they are called, and since when.

:func:`shipped` is the ``instruments`` table that comes with the package (how it was made: ``research/data/SOURCES.md``).
Any other frame of the same table serves as well: nothing in the project asks for this one.

A row is true from ``valid_from`` to ``valid_to``, both included. A company that changes its name has a row for each name;
one that leaves the exchange has a last day. A name that repeats among the aliases with ``needs_context`` is an ordinary
word too (机器人, Apple) and counts only beside a surer one.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from importlib.resources import as_file, files

import polars as pl
from rapidfuzz import fuzz, process

from research.errors import UnknownSymbolError
from research.schemas import INSTRUMENTS

__all__ = ["asof", "in_effect", "lookup", "shipped"]


@lru_cache(maxsize=1)
def shipped() -> pl.DataFrame:
    """Return the security master of the package, validated, sorted by symbol and ``valid_from``.

    About 11,200 symbols: A-shares listed by late 2023 and many later ones, those that left, B shares, Hong Kong, United States, Japan,
    Korea, Europe, India, indices, ETFs, commodities, coins, currencies, rates. Frames are immutable in effect, so one copy is shared.
    """
    with as_file(files("research.data") / "instruments.parquet") as path:
        return INSTRUMENTS.validate(pl.read_parquet(path)).sort("symbol", "valid_from")


def asof(instruments: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the rows of ``instruments`` that are true on ``day`` (a null ``valid_to`` has no end), at most one a symbol.

    >>> from datetime import date
    >>> asof(shipped(), date(2021, 6, 1)).filter(pl.col("symbol") == "META")["name"].to_list()
    ['Facebook']
    """
    valid = in_effect(instruments).filter(pl.col("valid_from") <= day, pl.col("valid_to").is_null() | (pl.col("valid_to") >= day))
    return valid.sort("symbol", "valid_from").unique("symbol", keep="last", maintain_order=True)


def in_effect(instruments: pl.DataFrame) -> pl.DataFrame:
    """Return ``instruments`` with each ``valid_to`` no later than the day before the symbol's next row begins, sorted by key.

    >>> from datetime import date
    >>> rows = pl.DataFrame({"symbol": ["A"] * 2, "valid_from": [date(2020, 1, 1), date(2024, 5, 6)], "valid_to": [None, date(2024, 5, 6)]})
    >>> in_effect(rows)["valid_to"].to_list()
    [datetime.date(2024, 5, 5), datetime.date(2024, 5, 6)]
    """
    following = pl.col("valid_from").shift(-1).over("symbol") - pl.duration(days=1)
    return instruments.sort("symbol", "valid_from").with_columns(valid_to=pl.min_horizontal("valid_to", following))


def lookup(instruments: pl.DataFrame, symbol: str) -> pl.DataFrame:
    """Return every row of ``symbol``, oldest first.

    Raises
    ------
    UnknownSymbolError
        When there is none; the message names the symbols and names closest to what came.

    >>> lookup(shipped(), "MSTR").select("valid_from", "name").rows()
    [(datetime.date(1998, 6, 11), 'MicroStrategy'), (datetime.date(2025, 2, 5), 'Strategy')]
    """
    rows = instruments.filter(pl.col("symbol") == symbol).sort("valid_from")
    if rows.is_empty():
        near = _near(instruments, symbol)
        advice = (
            f"did you mean {', '.join(near)}?"
            if near
            else "symbols are written as Yahoo writes them, for example 600519.SS, 0700.HK or NVDA."
        )
        raise UnknownSymbolError(f"Symbol {symbol!r} is not among the {instruments['symbol'].n_unique()} instruments; {advice}")
    return rows


def _near(instruments: pl.DataFrame, symbol: str) -> list[str]:
    """Return up to three symbols like ``symbol``: the same code elsewhere, a name, then similar spelling."""
    wanted = symbol.strip().upper()
    code = re.sub(r"^(?:SH|SZ|BJ|HK)[.:]?(?=\d)|^(?:NASDAQ|NYSE)[.:\s]+|\.[A-Z]{1,4}$", "", wanted).lstrip("0") or wanted
    by_name = instruments.filter((pl.col("name").str.to_uppercase() == wanted) | (pl.col("name_zh") == symbol.strip()))["symbol"].to_list()
    every = sorted(set(instruments["symbol"].to_list()))
    same_code = [s for s in every if s.rpartition(".")[0].lstrip("0") == code or s == code]
    alike = [match for match, _, _ in process.extract(wanted, every, scorer=fuzz.ratio, limit=3, score_cutoff=75)]
    return list(dict.fromkeys([*same_code, *by_name, *alike]))[:3]
