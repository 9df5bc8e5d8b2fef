"""Names of instruments as they are searched: spelling, boundaries, and the words that only look like names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from research.cleaning import plain

__all__ = ["Name", "fits", "fold", "former_tickers", "in_person", "of_row", "quoters", "spelling", "words"]

_PERSON_RIGHT = re.compile(r"(?!的)[一-鿿]{0,3}[·・•][一-鿿]")
_PERSON_LEFT = re.compile(r"[一-鿿][·・•]$")
_PARTICLE = re.compile(r"\b(?:der|den|van|von|de|du|la|di)\s$")


@dataclass(frozen=True, slots=True)
class Name:
    """One name of one row of ``instruments``: true spelling, days it counts on."""

    symbol: str
    text: str
    needs_context: bool
    first: date
    last: date
    official: bool


def of_row(row: Mapping[str, Any], first: date, last: date, spelled: Mapping[str, str]) -> Iterable[Name]:
    """Yield the names of a row, as :func:`spelling` has them; a name that an alias repeats with ``needs_context`` needs context."""
    aliases = {spelled[a["text"]]: a["needs_context"] for a in row["aliases"] or ()}
    official = [spelled[n] for n in (row["name_zh"], row["name"]) if n]
    for text in dict.fromkeys([*official, *aliases]):
        if len(text) > 1 or (text.isascii() and text.isalpha() and row["asset_class"] != "equity"):
            yield Name(row["symbol"], text, aliases.get(text, False), first, last, text in official)


def spelling(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return every name and alias of ``rows`` -> how it is searched: simplified, half width, without space around it."""
    texts = list(dict.fromkeys(t for r in rows for t in (r["name"], r["name_zh"], *(a["text"] for a in r["aliases"] or ())) if t))
    turned = plain("\n".join(texts)).split("\n")
    if len(turned) != len(texts):  # a name with a line break in it
        turned = [plain(t) for t in texts]
    return {t: to.strip() for t, to in zip(texts, turned, strict=True)}


def fold(text: str) -> str:
    """Return ``text`` in lower case with the same length."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if c.isascii() else c for c in text)


def fits(text: str, start: int, end: int, name: str) -> bool:
    """Return whether a match stands on word boundaries and in the case of ``name``.

    A letter at an edge must not touch another letter or digit; a digit must not touch a digit. A name in capitals (NOW, GE)
    is found in capitals; another one with a capital wherever it has one at the head of a word (U.S. Bank, spot gold).
    """
    first, last, latin = name[0], name[-1], name.isascii()
    if first.isascii() and first.isalnum() and start and _touches(first, text[start - 1], latin):
        return False
    if last.isascii() and last.isalnum() and end < len(text) and _touches(last, text[end], latin):
        return False
    came = text[start:end]
    if latin and " " not in name and _PARTICLE.search(text, max(0, start - 5), start):
        return False  # van der Linde
    if came == name:
        return True
    letters, capitals = _case(name)
    if not letters:
        return True
    if capitals:
        return not latin and any(c.isupper() for c in came)
    return all(
        c.isupper() or not c.isalpha() for c, w, before in zip(came, name, " " + name, strict=False) if w.isupper() and before == " "
    )


@lru_cache(maxsize=4096)
def _case(name: str) -> tuple[bool, bool]:
    """Return whether a name has Latin letters, and whether all of them are capitals."""
    letters = [c for c in name if c.isascii() and c.isalpha()]
    return bool(letters), all(c.isupper() for c in letters)


def in_person(text: str, start: int, end: int) -> bool:
    """Return whether a short Chinese name is a piece of a person's in transliteration: 阿里尔·凯尔曼, 哈里森·福特.

    >>> in_person("任命阿里尔·凯尔曼", 2, 4), in_person("阿里巴巴任命", 0, 4), in_person("高盛的彼得·某", 0, 2)
    (True, False, False)
    """
    if end - start > 3 or text[start].isascii():
        return False
    return bool(_PERSON_RIGHT.match(text, end) or _PERSON_LEFT.search(text, max(0, start - 2), start))


def _touches(edge: str, neighbour: str, latin: bool) -> bool:
    """Return whether two characters run on; after a Chinese name with a Latin end a number may follow (黄金ETF13.14亿元)."""
    if not neighbour.isascii():
        return False
    return (neighbour.isdigit() and (latin or edge.isdigit())) or (edge.isalpha() and neighbour.isalpha())


@lru_cache(maxsize=2)
def words(file: str) -> tuple[str, ...]:
    """Return the words of a table: ``names_blocking.csv`` (they only look as if they held a name) or ``names_joins.csv``."""
    return tuple(plain(row["word"]) for row in _rows(file))


@lru_cache(maxsize=1)
def quoters() -> Mapping[str, str]:
    """Return symbol -> ``broker|asset_manager|agency|data|medium`` of who is mostly quoted; ``research/data/names_quoters.csv``."""
    return MappingProxyType({row["symbol"]: row["kind"] for row in _rows("names_quoters.csv")})


@lru_cache(maxsize=1)
def former_tickers() -> Mapping[str, tuple[str, date]]:
    """Return former ticker -> (symbol now, last day it was this one's); ``research/data/names_tickers.csv``. Others may bear it since."""
    return MappingProxyType({row["former"]: (row["symbol"], date.fromisoformat(row["last"])) for row in _rows("names_tickers.csv")})


def _rows(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("research.data").joinpath(file).read_text(encoding="utf-8").splitlines()))
