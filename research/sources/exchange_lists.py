"""Lists the exchanges publish, through ``akshare``: what is listed, what has left, which names have changed.

Each list is fetched on its own, for a bounded time, again after a broken answer; each failure is a sentence. The functions used:
``stock_info_sh_name_code``, ``stock_info_sz_name_code``, ``stock_info_bj_name_code``, ``stock_info_sh_delist``, ``stock_info_sz_delist``,
``stock_info_sz_change_name`` and ``stock_hk_spot_em``. B shares are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from research.errors import SourceError
from research.sources.vendor import Caller, Pace, brief, quiet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Change", "Ended", "Listed", "Lists", "fetch"]

#: codes of A shares; in Hong Kong those of shares, without warrants and the counters in renminbi (8xxxx)
_CODES = {
    "SS": re.compile(r"6\d{5}"),
    "SZ": re.compile(r"[03]\d{5}"),
    "BJ": re.compile(r"(?:[48]\d|92)\d{4}"),
    "HK": re.compile(r"0\d{4}"),
}


#: letters of Western Europe and control characters: UTF-8 read as Latin-1 is full of them
_MISREAD = re.compile("[\\x00-\\x1f\\x7f-\\xff\\ufffd]")


@dataclass(frozen=True, slots=True)
class Listed:
    """A share on a list; ``listed`` is its listing day, where stated."""

    symbol: str
    name: str
    listed: date | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A share that has left its exchange; ``day`` is the first one it was no longer listed on."""

    symbol: str
    name: str
    listed: date | None
    day: date


@dataclass(frozen=True, slots=True)
class Change:
    """A change of short name, and the day it took effect."""

    symbol: str
    day: date
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Lists:
    """What came of all lists; ``complete`` holds the suffixes of exchanges whose lists of listed shares all came."""

    listed: tuple[Listed, ...]
    ended: tuple[Ended, ...]
    changes: Mapping[str, Sequence[Change]]
    complete: frozenset[str]
    failures: tuple[tuple[str, str], ...]


def fetch(markets: Iterable[str], *, attempts: int, wait: float, timeout: float) -> Lists:
    """Fetch the lists of ``markets`` (``cn``, ``hk``); a list that fails is a line of ``failures``."""
    import akshare as ak

    failures: list[tuple[str, str]] = []
    # A broken answer fails to parse (ValueError, BadZipFile of a workbook); errors of transport are OSErrors.
    # Seven requests one after the other, to four hosts: no bound is needed.
    pace = Pace(attempts, wait, timeout, workers=1, per_second=0)
    caller = Caller(pace, passing=lambda error: isinstance(error, ValueError | OSError | BadZipFile))

    def rows(name: str, request: Callable[..., pd.DataFrame], *columns: str) -> list[tuple[Any, ...]]:
        try:
            with quiet():
                return _rows(name, _asked(name, request, caller), columns)
        except SourceError as error:
            failures.append((name, str(error)))
            return []

    listed: list[Listed] = []
    ended: list[Ended] = []
    changes: dict[str, list[Change]] = {}
    failed: set[str] = set()

    def take(suffix: str, name: str, request: Callable[..., pd.DataFrame], *columns: str) -> None:
        found = [e for row in rows(name, request, *columns) if (e := _listed(suffix, *row)) is not None]
        if not found:
            failed.add(suffix)
            if not failures or failures[-1][0] != name:
                failures.append((name, f"The {name} holds no readable code and name; expected codes of six digits: update akshare."))
        listed.extend(found)

    asked: list[str] = []
    if "cn" in markets:
        asked += ["SS", "SZ", "BJ"]
        # akshare keeps some answers for the life of the process: a list of yesterday is no list.
        shanghai, shenzhen, beijing = (
            getattr(function, "__wrapped__", function)
            for function in (ak.stock_info_sh_name_code, ak.stock_info_sz_name_code, ak.stock_info_bj_name_code)
        )
        for board in ("主板A股", "科创板"):
            take("SS", f"list of Shanghai ({board})", partial(shanghai, board), "证券代码", "证券简称", "上市日期")
        take("SZ", "list of Shenzhen", partial(shenzhen, "A股列表"), "A股代码", "A股简称", "A股上市日期")
        take("BJ", "list of Beijing", beijing, "证券代码", "证券简称", "上市日期")
        # akshare calls the day a share was delisted from Shanghai 暂停上市日期; the exchange's field is DELIST_DATE.
        for row in rows("list of delisted shares of Shanghai", ak.stock_info_sh_delist, "公司代码", "公司简称", "上市日期", "暂停上市日期"):
            ended += _ended("SS", *row)
        for row in rows("list of delisted shares of Shenzhen", ak.stock_info_sz_delist, "证券代码", "证券简称", "上市日期", "终止上市日期"):
            ended += _ended("SZ", *row)
        renames = partial(ak.stock_info_sz_change_name, "简称变更")
        for row in rows("list of new names of Shenzhen", renames, "证券代码", "变更日期", "变更前简称", "变更后简称"):
            code, day, before, after = _code("SZ", row[0]), _day(row[1]), _name(row[2]), _name(row[3])
            if code is not None and day is not None and before is not None and after is not None:
                changes.setdefault(code, []).append(Change(code, day, before, after))
    if "hk" in markets:
        asked.append("HK")
        take("HK", "list of Hong Kong", ak.stock_hk_spot_em, "代码", "名称")
    unique = {entry.symbol: entry for entry in listed}
    return Lists(tuple(unique.values()), tuple(ended), changes, frozenset(asked) - failed - {"HK"}, tuple(failures))


def _listed(suffix: str, code: object, name: object, day: object = None) -> Listed | None:
    symbol, text = _code(suffix, code), _name(name)
    return None if symbol is None or text is None else Listed(symbol, text, _day(day))


def _ended(suffix: str, code: object, name: object, listed: object, day: object) -> list[Ended]:
    symbol, text, left = _code(suffix, code), _name(name), _day(day)
    return [] if symbol is None or text is None or left is None else [Ended(symbol, text, _day(listed), left)]


def _code(suffix: str, code: object) -> str | None:
    """Return the symbol of an A share (or of a share of Hong Kong), ``None`` for any other code."""
    text = str(code).strip().zfill(5 if suffix == "HK" else 6)
    if not _CODES[suffix].fullmatch(text) or not text.isascii():
        return None
    return f"{int(text):04d}.HK" if suffix == "HK" else f"{text}.{suffix}"


def _name(value: object) -> str | None:
    """Return a short name, ``None`` for what cannot be one: no text, or Chinese read in the wrong encoding."""
    text = str(value).strip() if isinstance(value, str) else ""
    return text if text and not _MISREAD.search(text) else None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _rows(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    lacking = [column for column in columns if column not in frame.columns]
    if frame.empty or lacking:
        came = f"columns {', '.join(map(str, frame.columns[:12]))}" if len(frame.columns) else "nothing"
        raise SourceError(f"The {name} came with {came} and {len(frame)} rows; expected {', '.join(columns)}: update akshare.")
    return list(zip(*(frame[column].tolist() for column in columns), strict=True))


def _asked(name: str, request: Callable[[], pd.DataFrame], caller: Caller) -> pd.DataFrame:
    """Call akshare; every failure becomes a sentence."""
    try:
        return caller.ask(request, bounded=True)
    except (ValueError, BadZipFile) as error:
        raise SourceError(f"The {name} is not in the form expected ({brief(error)}): run it again later.") from None
    except OSError as error:
        raise SourceError(f"The {name} could not be reached ({brief(error)}): check the connection.") from None
    except Exception as error:
        raise SourceError(f"akshare failed on the {name} ({brief(error)}); expected a table: update akshare or run it again.") from None
