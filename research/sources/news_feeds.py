"""News wires that keep no history, through ``akshare``: archived with the time each item was first seen.

The wires give their last 10 to 200 items and nothing older, most without an id. :func:`fetch` asks for them, :func:`archive` appends what
is new to JSON lines under a folder, one file a wire and day, and ``tidings ingest FOLDER`` reads them: ``first_seen_at`` of a line is the
instant its item counts as known.

============  ========================================  ==================================================================
wire          akshare's function                        clock of its items
============  ========================================  ==================================================================
cls           ``stock_info_global_cls``                 Shanghai, second
eastmoney     ``stock_info_global_em``                  Shanghai, second
sina          ``stock_info_global_sina``                Shanghai, second
futu, ths     ``stock_info_global_futu``, ``…_ths``     the second, which akshare writes in this machine's zone: undone here
stock         ``stock_news_em``, one request a symbol   Shanghai, second
============  ========================================  ==================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from research.errors import SourceError, StoreError, UsageError
from research.schemas import INSTANT, content_id
from research.sources.bars import FAILURES, canonical_symbol
from research.sources.vendor import Caller, Pace, brief, each

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ITEMS", "PACE", "WIRES", "Archived", "Fetched", "archive", "fetch"]

PACE = Pace(attempts=3, timeout=30.0, workers=2, per_second=2.0)

#: columns of ``Fetched.items``; ``published_at`` is null where the wire's time cannot be read
ITEMS: dict[str, Any] = {
    "wire": pl.String,
    "source": pl.String,
    "headline": pl.String,
    "body": pl.String,
    "url": pl.String,
    "published_at": INSTANT,
    "first_seen_at": INSTANT,
}

_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class _Wire:
    """A wire: akshare's function, the name its items go by, their columns, and whether times are in this machine's zone."""

    function: str
    source: str
    headline: str | None
    body: str
    time: tuple[str, ...]
    url: str | None = None
    local: bool = False


WIRES: Mapping[str, _Wire] = MappingProxyType(
    {
        "cls": _Wire("stock_info_global_cls", "财联社", "标题", "内容", ("发布日期", "发布时间")),
        "eastmoney": _Wire("stock_info_global_em", "东方财富", "标题", "摘要", ("发布时间",), "链接"),
        "sina": _Wire("stock_info_global_sina", "新浪财经", None, "内容", ("时间",)),
        "futu": _Wire("stock_info_global_futu", "富途牛牛", "标题", "内容", ("发布时间",), "链接", local=True),
        "ths": _Wire("stock_info_global_ths", "同花顺", "标题", "内容", ("发布时间",), "链接", local=True),
    }
)
_STOCK = _Wire("stock_news_em", "东方财富", "新闻标题", "新闻内容", ("发布时间",), "新闻链接")
#: a wire's item often carries its title in brackets at the beginning of the text
_BRACKETED = re.compile(r"^【([^】]{4,80})】\s*")
#: items seen in this time are not written again
_MEMORY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the wires hold now: ``items`` (:data:`ITEMS`), and ``failures`` with a wire or a symbol and the reason."""

    items: pl.DataFrame
    failures: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Archived:
    """What was appended: items added of items offered, and the files written."""

    added: int
    offered: int
    files: tuple[Path, ...]

    def __str__(self) -> str:
        """One line."""
        where = ", ".join(map(str, self.files[:3])) + (" …" if len(self.files) > 3 else "")
        return f"archive      {self.added:>8,} of {self.offered:,} items   {where or 'nothing new'}"


def fetch(
    wires: Iterable[str] = tuple(WIRES),
    symbols: Iterable[str] = (),
    *,
    now: Callable[[], datetime],
    pace: Pace = PACE,
    advance: Callable[[int], object] = lambda n: None,
) -> Fetched:
    """Ask for what the wires hold now, and for the last ten items about each mainland share.

    Parameters
    ----------
    wires
        Keys of :data:`WIRES`.
    symbols
        As Yahoo writes them.
    now
        The clock, aware: it is read after each answer, so that no item was seen later than its ``first_seen_at`` says.
    pace, advance
        As :func:`research.sources.yahoo.bars`.

    Raises
    ------
    UsageError
        For a wire that is not known.
    """
    import akshare as ak

    jobs: list[tuple[str, _Wire, Callable[[], pd.DataFrame]]] = []
    for name in dict.fromkeys(wires):
        if name not in WIRES:
            raise UsageError(f"The wire came as {name!r}; expected one of {', '.join(WIRES)}.")
        jobs.append((name, WIRES[name], getattr(ak, WIRES[name].function)))
    for symbol in dict.fromkeys(canonical_symbol(name) for name in symbols):
        jobs.append((symbol, _STOCK, partial(ak.stock_news_em, symbol.partition(".")[0])))
    caller = Caller(pace, passing=lambda error: isinstance(error, ValueError | OSError))

    def one(job: tuple[str, _Wire, Callable[[], pd.DataFrame]]) -> pl.DataFrame:
        name, wire, request = job
        frame = caller.ask(request, bounded=True)
        return _items("stock" if wire is _STOCK else name, wire, frame, now())

    done, failed = each(jobs, one, workers=pace.workers, reason=lambda job, error: _reason(job[0], error), advance=advance)
    failures = pl.DataFrame([{"symbol": job[0], "reason": reason} for job, reason in failed], schema=FAILURES)
    return Fetched(pl.concat([pl.DataFrame(schema=ITEMS), *done]), failures)


def archive(items: pl.DataFrame, folder: Path) -> Archived:
    """Append the items that are not archived yet to ``folder/WIRE-YYYY-MM-DD.jsonl``, by the day (UTC) they were first seen.

    An item is the same when wire, headline, body and stated time are: an edited one is another, with its own first-seen time. The lines
    of the last 30 days are compared, so a line once written keeps its first-seen time. A line that was cut off by a crash is ended, and
    stays as the reader's to set aside.

    Raises
    ------
    StoreError
        When the folder cannot be written.
    """
    written: list[Path] = []
    added = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for (wire,), part in sorted(items.partition_by("wire", as_dict=True).items()):
            held = _held(folder, str(wire), min(part["first_seen_at"].to_list()) - _MEMORY)
            lines: dict[Path, list[str]] = {}
            for row in part.sort("first_seen_at", "published_at", "headline", maintain_order=True).rows(named=True):
                line = _line(row)
                identity = _identity(line)
                if identity in held:
                    continue
                held.add(identity)
                path = folder / f"{wire}-{row['first_seen_at']:%Y-%m-%d}.jsonl"
                lines.setdefault(path, []).append(json.dumps(line, ensure_ascii=False))
            for path, new in lines.items():
                _append(path, new)
                written.append(path)
                added += len(new)
    except OSError as error:
        raise StoreError(f"The archive {folder} cannot be written ({error}); name a folder you may write.") from None
    return Archived(added, items.height, tuple(written))


def _items(name: str, wire: _Wire, frame: pd.DataFrame | None, seen_at: datetime) -> pl.DataFrame:
    if frame is None or frame.empty:
        raise SourceError(f"{name} came without any item; expected the last ones: run it again later.")
    needed = [column for column in (wire.headline, wire.body, *wire.time) if column is not None]
    lacking = [column for column in needed if column not in frame.columns]
    if lacking:
        came = ", ".join(map(str, frame.columns))
        raise SourceError(f"{name} came with columns {came} and no {', '.join(lacking)}: update akshare.")
    rows = []
    for record in frame.to_dict("records"):
        headline, body = _text(record.get(wire.headline)), _text(record[wire.body])
        if not headline and (found := _BRACKETED.match(body)):
            headline = found[1]
        if not headline and not body:
            continue
        source = _text(record.get("文章来源")) or wire.source
        stamp = _instant(" ".join(_text(record[column]) for column in wire.time), wire.local)
        url = _text(record.get(wire.url)) or None
        rows.append({"wire": name, "source": source, "headline": headline, "body": body, "url": url, "published_at": stamp,
                     "first_seen_at": seen_at.astimezone(UTC)})  # fmt: skip
    return pl.DataFrame(rows, schema=ITEMS)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip()


def _instant(text: str, local: bool) -> datetime | None:
    """Return the instant of a wall clock in Shanghai, or in the zone of the machine akshare ran on."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        return None
    if wall.tzinfo is None:
        wall = wall.astimezone() if local else wall.replace(tzinfo=_SHANGHAI)
    return wall.astimezone(UTC)


def _line(row: Mapping[str, Any]) -> dict[str, str]:
    line = {name: row[name] for name in ("headline", "body", "source", "url") if row[name]}
    if row["published_at"] is not None:
        line["published_at"] = row["published_at"].astimezone(_SHANGHAI).isoformat()
    return {"kind": "news", **line, "first_seen_at": row["first_seen_at"].isoformat()}


def _identity(line: Mapping[str, Any]) -> str:
    return content_id("wire item", *(str(line.get(name, "")) for name in ("source", "headline", "body", "published_at")))


def _held(folder: Path, wire: str, since: datetime) -> set[str]:
    held = set()
    for path in sorted(folder.glob(f"{wire}-????-??-??.jsonl")):
        if path.name < f"{wire}-{since:%Y-%m-%d}.jsonl":
            continue
        for text in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                held.add(_identity(json.loads(text)))
            except (ValueError, AttributeError):
                continue  # cut off, or not ours: the reader sets it aside
    return held


def _append(path: Path, lines: list[str]) -> None:
    whole = not path.exists() or path.stat().st_size == 0 or path.read_bytes().endswith(b"\n")
    with path.open("ab") as file:
        file.write((("" if whole else "\n") + "\n".join(lines) + "\n").encode(errors="replace"))


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, SourceError):
        return str(error)
    # A body that is no JSON is a ValueError and an OSError at once.
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return f"{name} could not be reached ({brief(error)}): check the connection and run it again."
    return f"{name} is not in the form expected ({brief(error)}): run it again later, or update akshare."
