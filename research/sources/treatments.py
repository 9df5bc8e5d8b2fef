"""Marks of special treatment from the exchanges' lists and from files, as rows of ``treatments``.

1. Shenzhen publishes its changes of short names with their days: the whole history of a share's marks is stated;
2. Shanghai and Beijing publish the names of today alone: a mark is known from the day it was first seen, and nothing is known before;
3. a file tells the rest: names with the days they were borne (as tushare's ``namechange`` has them), or periods of special treatment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import polars as pl

from research.errors import SourceError
from research.price_limits import FIRST_TREATED
from research.schemas import TREATMENTS
from research.sources.bars import canonical_symbol
from research.sources.exchange_lists import Change, Lists
from research.treatments import mark_of, on_days, row, table

__all__ = ["compare", "read_treatments"]

_MAINLAND = (".SS", ".SZ", ".BJ")
_DAY = timedelta(days=1)

#: our column -> names it goes by in files, lower case, without spaces and underscores
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "symbol": ("symbol", "tscode", "code", "ticker", "证券代码", "股票代码", "代码"),
        "start": ("start", "startdate", "validfrom", "from", "变更日期", "开始日期", "实施日期"),
        "end": ("end", "enddate", "validto", "to", "结束日期", "撤销日期"),
        "name": ("name", "mark", "证券简称", "股票简称", "股票名称", "名称", "变更后简称"),
    }
)


def compare(treatments: pl.DataFrame, lists: Lists, day: date, *, seen_at: datetime | None = None) -> pl.DataFrame:
    """Return the rows the exchanges' lists add to the ``treatments`` table.

    Parameters
    ----------
    treatments
        The stored table.
    lists
        What :func:`research.sources.exchange_lists.fetch` gave.
    day
        The day the lists were seen, in Shanghai.
    seen_at
        The instant.

    Returns
    -------
    DataFrame
        New rows only; appending them is all there is to do, and run again on the result nothing is new. Where the changes of Shenzhen do
        not follow from each other (a name was changed that no row tells), the mark is null from the change before on.
    """
    listed = {entry.symbol: entry for entry in lists.listed if entry.symbol.endswith(_MAINLAND)}
    since_days = {entry.symbol: entry.listed for entry in lists.ended} | {symbol: entry.listed for symbol, entry in listed.items()}
    now = _marks({symbol: entry.name for symbol, entry in listed.items()})
    rows: list[dict[str, object]] = []
    for symbol in sorted(listed.keys() | lists.changes.keys()):
        steps = sorted((c for c in lists.changes.get(symbol, ()) if c.day <= day), key=lambda c: c.day)
        since = since_days.get(symbol)
        mine = _stated(symbol, steps, since)
        # No change on a list that came: the name of today is the first one.
        if not steps and symbol.endswith(".SZ") and lists.changes and since is not None and not now[symbol]:
            mine = [row(symbol, since, "", listed[symbol].name, stated=True, source="exchange")]
        rows += mine
    key = ("symbol", "valid_from")
    stated = table(rows, seen_at).join(treatments, on=key, how="anti")
    known = _known(pl.concat([treatments, stated]), sorted(listed), day)
    seen = [
        row(symbol, day, now[symbol], entry.name, stated=False, source="exchange")
        for symbol, entry in sorted(listed.items())
        if known[symbol] != now[symbol]
    ]
    return TREATMENTS.validate(pl.concat([stated, table(seen, seen_at).join(treatments, on=key, how="anti")]).sort(key))


def _stated(symbol: str, steps: Sequence[Change], since: date | None) -> list[dict[str, object]]:
    """Return a row for the first name and one for each change; a change that leads to no next one leaves the mark unknown."""
    if not steps:
        return []
    marks = _marks({i: name for i, c in enumerate(steps) for i, name in ((2 * i, c.before), (2 * i + 1, c.after))})
    rows = []
    if since is not None and since < steps[0].day:
        rows.append(row(symbol, since, marks[0], steps[0].before, stated=True, source="exchange"))
    for number, change in enumerate(steps):
        after = marks[2 * number + 1]
        follows = number + 1 == len(steps) or marks[2 * number + 2] == after
        rows.append(row(symbol, change.day, after if follows else None, change.after, stated=True, source="exchange"))
    return rows


def _known(treatments: pl.DataFrame, symbols: Sequence[str], day: date) -> dict[str, str | None]:
    asked = pl.DataFrame({"symbol": symbols, "session": [day] * len(symbols)}, schema={"symbol": pl.String, "session": pl.Date})
    return dict(on_days(asked, treatments).select("symbol", "mark").rows())


def _marks(names: Mapping[object, str]) -> dict[object, str | None]:
    keys = list(names)
    found = pl.DataFrame({"name": [names[key] for key in keys]}, schema={"name": pl.String}).select(mark=mark_of(pl.col("name")))
    return dict(zip(keys, found["mark"].to_list(), strict=True))


def read_treatments(path: Path, *, complete_from: date | None = None, symbols: Iterable[str] = ()) -> pl.DataFrame:
    """Read marks of special treatment from a CSV or Parquet file.

    Parameters
    ----------
    path
        Columns ``symbol``, ``start`` and, where known, ``end`` (the last day; empty while it lasts) and ``name`` (the short name with its
        mark, or the mark alone). Tushare's and Chinese names of the columns are known. Without a ``name`` each row is a period under ST.
        Where a period ends and no row follows, no mark is known from the next day on, unless ``complete_from`` says otherwise.
    complete_from
        The file holds every period under a mark from this day on: on other days a share bears none.
    symbols
        With ``complete_from``: shares the file does not name, which bore no mark then.

    Raises
    ------
    SourceError
        When the file cannot be read, or lacks a column.
    """
    frame = _frame(path)
    lacking = [name for name in ("symbol", "start") if name not in frame.columns]
    if lacking or frame.is_empty():
        came = f"{frame.height} rows of {', '.join(frame.columns) or '(no column known)'}"
        raise SourceError(f"{path} has {came}; expected symbol and start (end and name where known): rename the columns.")
    marks = pl.lit("ST") if "name" not in frame.columns else mark_of(pl.col("name"))
    ends = pl.lit(None, dtype=pl.Date) if "end" not in frame.columns else _day("end")
    names = pl.lit(None, dtype=pl.String) if "name" not in frame.columns else pl.col("name")
    spans = frame.select("symbol", name=names, mark=marks, start=_day("start"), end=ends)
    wrong = spans.filter(pl.col("symbol").is_null() | pl.col("start").is_null() | (pl.col("end") < pl.col("start")))
    if wrong.height:
        raise SourceError(
            f"{path}: {wrong.height} of {spans.height} rows have no symbol, no readable start, or an end before it; the first: "
            f"{wrong.row(0)}; expected days as YYYY-MM-DD: correct them."
        )
    source = path.stem
    rest = "" if complete_from is not None else None
    rows: list[dict[str, object]] = []
    held: set[str] = set()
    spans = spans.with_columns(symbol=pl.Series([canonical_symbol(s) for s in spans["symbol"]], dtype=pl.String)).sort("symbol", "start")
    for (symbol,), part in spans.partition_by("symbol", as_dict=True, maintain_order=True).items():
        name = str(symbol)
        held.add(name)
        if complete_from is not None and complete_from < part["start"][0]:
            rows.append(row(name, complete_from, "", None, stated=True, source=source))
        starts = [*part["start"].to_list()[1:], None]
        for (text, mark, first, last), follower in zip(part.select("name", "mark", "start", "end").rows(), starts, strict=True):
            rows.append(row(name, first, mark, text, stated=True, source=source))
            if last is not None and (follower is None or follower > last + _DAY) and last >= FIRST_TREATED:
                rows.append(row(name, last + _DAY, rest, None, stated=True, source=source))
    if complete_from is not None:
        others = sorted(set(symbols) - held)
        rows += [row(symbol, complete_from, "", None, stated=True, source=source) for symbol in others if symbol.endswith(_MAINLAND)]
    return table(rows)


def _frame(path: Path) -> pl.DataFrame:
    try:
        raw = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise SourceError(f"{path} cannot be read ({reason}); expected a CSV (UTF-8) or Parquet file of marks: check it.") from None
    found = {}
    for column in raw.columns:
        plain = column.strip().lstrip("\ufeff").lower().replace(" ", "").replace("_", "")
        ours = next((name for name, spellings in _NAMES.items() if plain in spellings), None)
        if ours is not None and ours not in found:
            found[ours] = raw[column].cast(pl.String).str.strip_chars()
    return pl.DataFrame(found).with_columns(pl.when(pl.all() != "").then(pl.all()))


def _day(name: str) -> pl.Expr:
    text = pl.col(name).str.slice(0, 10)
    return pl.coalesce(text.str.to_date(form, strict=False) for form in ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d"))
