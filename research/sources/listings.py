"""The security master brought up to date from the exchanges' own lists, through ``akshare``.

``instruments`` is insert-only, so a change is a row that is added, never one that is altered. One rule of reading makes that enough:

    A row is true until the day before the symbol's next row begins, or until its own ``valid_to``, whichever is earlier.

:func:`in_effect` applies it. Under it

- a listing is a row from the listing day on;
- a new name is a row from the day the exchange states, or from the day it was seen where none is stated;
- a delisting is one more row for the last day alone (``valid_from = valid_to``): it ends the row before it, and then itself;
- a new code is the old symbol's last day and the new symbol's first.

:func:`refresh` works in these steps: (1) every list is fetched on its own, and one that fails costs the others nothing; (2) symbols that no
row knows are listings, or, of shares that have left, whole rows (else only survivors were known); (3) names are compared without the
marks the exchange puts on them (ST, N, XD, 退, -U); (4) symbols on a list of delisted ones end; (5) absence from a list proves nothing
and is only reported.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from research.calendar import mic_of
from research.errors import UsageError
from research.instruments import in_effect
from research.names import words
from research.schemas import INSTRUMENTS
from research.sources.exchange_lists import Change, Ended, Listed, Lists, fetch

__all__ = ["CHANGES", "FAILURES", "Refreshed", "base", "compare", "day_of", "refresh", "short"]

#: columns of ``Refreshed.changes``; ``stated`` tells days the source states from days a change was seen on
CHANGES = {"symbol": pl.String, "change": pl.String, "day": pl.Date, "stated": pl.Boolean, "before": pl.String, "after": pl.String}
#: columns of ``Refreshed.failures``: a list or a symbol, and why nothing came of it
FAILURES = {"subject": pl.String, "reason": pl.String}

_DAY = timedelta(days=1)
#: a share's name carries N or C in its first sessions
_YOUNG = timedelta(days=15)
#: a list that lacks more than this share of the symbols known is cut short, not news of so many delistings
_CUT_SHORT, _FEW = 0.1, 10
#: a list that names more than this share of the shares otherwise does not hold short names any more
_TOO_MANY = 0.25
_CURRENCIES = {"SS": "CNY", "SZ": "CNY", "BJ": "CNY", "HK": "HKD"}
_MARK = re.compile(r"^(?:XD|XR|DR)?(?:\*ST|S\*ST|SST|ST|S(?=[一-鿿])|PT|退市)?(?=[一-鿿A-Z])")
_MARKED = re.compile(r"XD|XR|DR|\*|S|PT|退市")
_TAIL = re.compile(r"(?:-[A-Z]+|(?<=[一-鿿])A|(?<=[一-鿿]{2})退)$")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the lists say that the master does not.

    ``instruments`` holds the new rows only, sorted by key; ``changes`` what they mean (:data:`CHANGES`), ``failures`` what could not be
    fetched, read or decided (:data:`FAILURES`); ``lists`` is what the exchanges gave, names with their marks
    (:func:`research.sources.treatments.compare` reads those).
    """

    instruments: pl.DataFrame
    changes: pl.DataFrame
    failures: pl.DataFrame
    lists: Lists


@dataclass(slots=True)
class _Found:
    """Rows and remarks as they come together; ``keys`` are those taken, stored ones among them."""

    keys: set[tuple[str, date]]
    rows: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)

    def add(self, row: Mapping[str, Any], change: str, day: date, *, stated: bool, before: str | None, after: str | None) -> None:
        key = (row["symbol"], row["valid_from"])
        if key in self.keys:
            self.fail(
                row["symbol"],
                f"has a row of {row['valid_from']} already: its {change} cannot be added, for no row is ever overwritten.",
            )
            return
        self.keys.add(key)
        self.rows.append(dict(row))
        self.changes.append({"symbol": row["symbol"], "change": change, "day": day, "stated": stated, "before": before, "after": after})

    def fail(self, subject: str, sentence: str) -> None:
        self.failures.append({"subject": subject, "reason": f"{subject} {sentence}"})


def refresh(
    instruments: pl.DataFrame,
    *,
    seen_at: datetime,
    markets: Sequence[str] = ("cn",),
    attempts: int = 3,
    wait: float = 1.0,
    timeout: float = 60.0,
) -> Refreshed:
    """Compare the exchanges' lists with ``instruments`` and return the rows to add.

    Parameters
    ----------
    instruments
        The ``instruments`` table.
    seen_at
        When this is run, aware: changes without a date of their own begin on that day in Shanghai.
    markets
        ``cn``: Shanghai, Shenzhen and Beijing (lists, delistings, Shenzhen's changes of name; seven requests). ``hk``: Eastmoney's list of
        Hong Kong, which states no listing days, so that every share new to the master begins on the day seen; about a minute.
    attempts, wait, timeout
        How often a list is asked for, the first pause in seconds (it doubles, with jitter), and the seconds after which one that hangs is
        given up.

    Returns
    -------
    Refreshed
        Appending ``instruments`` to the stored table is all there is to do. Run again on the result it finds nothing.

    Raises
    ------
    UsageError
        For a market that has no list, or a ``seen_at`` without a zone.
    """
    known = INSTRUMENTS.validate(instruments)
    if unknown := sorted(set(markets) - {"cn", "hk"}):
        raise UsageError(f"There is no list of the market {', '.join(unknown)}; expected cn or hk.")
    if seen_at.tzinfo is None:
        raise UsageError(f"The lists were seen at {seen_at.isoformat()}, which has no zone; expected an aware instant.")
    return compare(known, fetch(markets, attempts=attempts, wait=wait, timeout=timeout), day_of(seen_at))


def day_of(instant: datetime) -> date:
    """Return the day an instant falls on in Shanghai."""
    return instant.astimezone(ZoneInfo("Asia/Shanghai")).date()


def compare(instruments: pl.DataFrame, lists: Lists, day: date) -> Refreshed:
    """Do what :func:`refresh` does with lists that are already there."""
    rows = in_effect(instruments).to_dicts()
    history: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        history.setdefault(row["symbol"], []).append(row)
    # A row that begins after today counts as the present one: a share that lists next week is no news.
    present = {symbol: own[-1] for symbol, own in history.items() if own[-1]["valid_to"] is None or own[-1]["valid_to"] >= day}
    found = _Found({(row["symbol"], row["valid_from"]) for row in rows})
    found.failures += [{"subject": name, "reason": reason} for name, reason in lists.failures]
    listed = {entry.symbol: entry for entry in lists.listed}
    missing = _missing(present, listed.keys() | {end.symbol for end in lists.ended}, lists.complete, found)
    renumbered = _renumbered(missing, history, listed, day, found)
    renamed = _differing(present, listed, day, found)
    ordinary = frozenset(words("names_ordinary.csv"))
    for symbol, entry in sorted(listed.items()):
        if symbol in renamed:
            _renamed(present[symbol], entry, lists.changes, day, ordinary, found)
        elif symbol in present:
            continue
        elif symbol in history:
            _back(history[symbol][-1], entry, ordinary, day, found)
        elif symbol not in renumbered:
            first = entry.listed or day
            found.add(_new(entry, first, day, ordinary), "listing", first, stated=entry.listed is not None, before=None, after=entry.name)
    gone = set(renumbered.values())
    for end in sorted(lists.ended, key=lambda e: (e.symbol, e.day)):
        gone.add(end.symbol)
        _ended(end, history.get(end.symbol, []), listed.get(end.symbol), ordinary, found)
    for symbol in sorted(missing - gone):
        found.fail(symbol, "is in no list of its exchange, neither as listed nor as delisted; expected one: it is left as it is.")
    return _refreshed(found, lists)


def _refreshed(found: _Found, lists: Lists) -> Refreshed:
    return Refreshed(
        INSTRUMENTS.frame(found.rows).sort("symbol", "valid_from"),
        pl.DataFrame(found.changes, schema=CHANGES).sort("symbol", "day"),
        pl.DataFrame(found.failures, schema=FAILURES).sort("subject", "reason"),
        lists,
    )


def _missing(present: Mapping[str, Mapping[str, Any]], named: Set[str], complete: Iterable[str], found: _Found) -> set[str]:
    """Return the shares on no list of an exchange whose lists all came; a list cut short is said to be so, and proves nothing."""
    missing: set[str] = set()
    for suffix in sorted(complete):
        own = {symbol for symbol, row in present.items() if symbol.endswith(f".{suffix}") and row["asset_class"] == "equity"}
        away = own - named
        if len(away) > max(_FEW, _CUT_SHORT * len(own)) and suffix != "BJ":
            found.fail(f"list of .{suffix}", f"lacks {len(away)} of the {len(own)} shares known; expected nearly all: it may be cut short.")
        else:
            missing |= away
    return missing


def _renumbered(
    missing: set[str], history: Mapping[str, Sequence[Mapping[str, Any]]], listed: Mapping[str, Listed], day: date, found: _Found
) -> dict[str, str]:
    """Add what ends old codes of Beijing and begins new ones of the same name; return new symbol -> old symbol."""
    by_name: dict[str, list[str]] = {}
    for symbol, entry in listed.items():
        if symbol.endswith(".BJ") and symbol not in history:
            by_name.setdefault(base(entry.name), []).append(symbol)
    renumbered: dict[str, str] = {}
    for old in sorted(symbol for symbol in missing if symbol.endswith(".BJ")):
        row = history[old][-1]
        same = by_name.get(base(row["name_zh"] or row["name"]), [])
        if len(same) == 1 and row["valid_from"] < day - _DAY:
            (new,) = same
            renumbered[new] = old
            closing = {**row, "valid_from": day - _DAY, "valid_to": day - _DAY}
            found.add(closing, "renumbering", day - _DAY, stated=False, before=old, after=new)
            opening = {**row, "symbol": new, "valid_from": day, "valid_to": None}
            found.add(opening, "renumbering", day, stated=False, before=old, after=new)
    return renumbered


def _differing(present: Mapping[str, Mapping[str, Any]], listed: Mapping[str, Listed], day: date, found: _Found) -> set[str]:
    """Return the shares a list names otherwise than the master does; a list that renames very many at once is another list, not news.

    Hong Kong is left out: the master writes its names in its own way, and another spelling is no new name.
    """
    differing: set[str] = set()
    for suffix in ("SS", "SZ", "BJ"):
        both = [symbol for symbol in listed if symbol in present and symbol.endswith(f".{suffix}")]
        other = {s for s in both if base(present[s]["name_zh"] or present[s]["name"]) != base(_young(listed[s], day))}
        if len(other) > max(_FEW, _TOO_MANY * len(both)):
            found.fail(f"list of .{suffix}", f"names {len(other)} of {len(both)} shares otherwise; expected a few: no name is changed.")
        else:
            differing |= other
    return differing


def _renamed(
    row: Mapping[str, Any], entry: Listed, changes: Mapping[str, Sequence[Change]], day: date, ordinary: frozenset[str], found: _Found
) -> None:
    """Add a row for each name since the present row's, on the days the exchange states, else on the day seen."""
    stored = row["name_zh"] or row["name"]
    steps: list[tuple[date, str, bool]] = []
    since = [c for c in sorted(changes.get(entry.symbol, ()), key=lambda c: c.day) if row["valid_from"] < c.day <= day]
    starts = [i for i, change in enumerate(since) if base(change.before) == base(stored)]
    for change in since[starts[-1] :] if starts else since[-1:]:
        if base(change.before) != base(change.after):
            steps.append((change.day, change.after, True))
    if not steps or base(steps[-1][1]) != base(entry.name):
        steps.append((day, entry.name, False))
    last = dict(row)
    for first, name, stated in steps:
        new = _named(last, short(name), first, ordinary)
        found.add(new, "rename", first, stated=stated, before=last["name_zh"] or last["name"], after=new["name_zh"])
        last = new


def _named(row: Mapping[str, Any], name: str, first: date, ordinary: frozenset[str]) -> dict[str, Any]:
    """Return ``row`` under a new name; the former one is an alias that needs context, for another company may take it up."""
    former = row["name_zh"] or row["name"]
    aliases = {a["text"]: a for a in _aliases(name, ordinary)} | {a["text"]: a for a in row["aliases"] if a["text"] != name}
    aliases[former] = _alias(former, True)
    english = row["name"] if row["name"] != row["name_zh"] and row["name"].isascii() else name
    return {**row, "valid_from": first, "valid_to": None, "name": english, "name_zh": name, "aliases": list(aliases.values())}


def _back(row: Mapping[str, Any], entry: Listed, ordinary: frozenset[str], day: date, found: _Found) -> None:
    """Add a share that is listed again; a list that still holds a share the master knows to have gone is not believed."""
    if entry.listed is not None and entry.listed > row["valid_to"]:
        found.add(_new(entry, entry.listed, day, ordinary), "listing", entry.listed, stated=True, before=row["name_zh"], after=entry.name)
    else:
        found.fail(entry.symbol, f"is listed, but the master ends it on {row['valid_to']}; expected a later listing day: correct one.")


def _ended(end: Ended, history: Sequence[Mapping[str, Any]], listed: Listed | None, ordinary: frozenset[str], found: _Found) -> None:
    last = end.day - _DAY
    if not history:
        if end.listed is not None and end.listed <= last:
            entry = Listed(end.symbol, end.name, end.listed)
            row = {**_new(entry, end.listed, end.day, ordinary), "valid_to": last}
            found.add(row, "delisting", last, stated=True, before=row["name_zh"], after=None)
        return
    latest = history[-1]
    if latest["valid_to"] is not None and latest["valid_to"] <= end.day:
        return  # ended already, up to the day's difference between a last session and a last day
    if listed is not None:
        found.fail(end.symbol, f"is listed and delisted (from {end.day}) at once; expected one of the two: run again when the lists agree.")
    elif latest["valid_from"] > last:
        found.fail(end.symbol, f"was delisted from {end.day}, but has a row that begins {latest['valid_from']}; expected an earlier one.")
    else:
        closing = {**latest, "valid_from": last, "valid_to": last}
        found.add(closing, "delisting", last, stated=True, before=latest["name_zh"] or latest["name"], after=None)


def _new(entry: Listed, first: date, day: date, ordinary: frozenset[str]) -> dict[str, Any]:
    name = short(_young(entry, day))
    return {
        "symbol": entry.symbol,
        "valid_from": first,
        "name": name,
        "name_zh": name,
        "mic": mic_of(entry.symbol),
        "asset_class": "etf" if entry.symbol.endswith(".HK") and re.search("ETF|基金", name) else "equity",
        "currency": _CURRENCIES[entry.symbol.rpartition(".")[2]],
        "sector": None,
        "aliases": _aliases(name, ordinary),
        "twin": None,
        "valid_to": None,
    }


def _aliases(name: str, ordinary: frozenset[str]) -> list[dict[str, Any]]:
    """Return what a short name implies: 万科A is 万科 too; a name that is a word of the language needs context."""
    bare = _TAIL.sub("", name)
    implied = [bare] if bare != name and len(bare) > 1 and not bare.isascii() else []
    return [_alias(text, text in ordinary) for text in [*implied, *([name] if name in ordinary else [])]]


def _alias(text: str, needs_context: bool) -> dict[str, Any]:
    return {"text": text, "language": "en" if text.isascii() else "zh", "needs_context": needs_context}


def _young(entry: Listed, day: date) -> str:
    if entry.listed is not None and day - entry.listed <= _YOUNG:
        return re.sub(r"^[NC](?=[一-鿿])", "", unicodedata.normalize("NFKC", entry.name))
    return entry.name


def short(name: str) -> str:
    """Return a short name without padding and without the exchange's marks, which are dated and not ours to date.

    A name of two characters keeps an ST: without it, it is mostly a word of the language.

    >>> [short(name) for name in ("万 科Ａ", "*ST 澄湖", "*ST澄湖药", "XD澄湖药", "退市澄湖", "澄湖药业", "S澄湖药", "澄湖药退")]
    ['万科A', 'ST澄湖', '澄湖药', '澄湖药', '澄湖', '澄湖药业', '澄湖药', '澄湖药']
    """
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", name))
    bare = re.sub(r"(?<=[一-鿿]{2})退$", "", _MARK.sub("", text) if _MARKED.match(text) else text)
    return f"ST{bare}" if "ST" in text and len(bare) < 3 and not bare.isascii() else bare


def base(name: str) -> str:
    """Return what two spellings of one name share.

    >>> base("*ST澄湖") == base("ST 澄湖") == base("澄湖") and base("万科A") == base("万 科Ａ") and base("影石-U") == base("影石")
    True
    """
    return _TAIL.sub("", short(name).removeprefix("ST")).upper()
