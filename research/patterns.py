"""Patterns of many alternatives, looked for only where one of their first characters stands.

``re`` looks for a pattern quickly where it can tell the characters a match begins with, and gives up on that as soon as one of its
alternatives begins with anything but a letter: an optional word, a look behind, a word boundary. :func:`presence` names these characters
for it; :class:`Finder` does so where the match itself is wanted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Finder", "presence"]

_CATEGORIES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w"}
#: what matches regardless of case beside the two forms of a letter of ASCII
_ALIKE = ("iI\u0130\u0131", "sS\u017f", "kK\u212a")
#: letters that have two forms and these, and characters that have one; others may have more
_ASCII, _CASELESS = range(0x80), range(0x2E80, 0xA000)
_FLAGS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))


def presence(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Return a pattern that is found where ``pattern`` is and begins where it does, but ends one character further on.

    For questions of whether and where; what is matched is not told, and ``fullmatch`` is of no use. A pattern that may match nothing,
    whose first character may be almost any, or that refers back to a group, is compiled as it stands.

    >>> whether = presence("(?<!不)曾|(?:今|去)年")
    >>> [match.start() for match in whether.finditer("不曾在去年,曾经")]
    [3, 6]
    """
    firsts = _firsts(pattern, flags)
    if firsts is None:
        return re.compile(pattern, flags)
    scoped = "".join(letter for flag, letter in _FLAGS if flags & flag)
    try:
        # the set is passed over at full speed; behind one of its characters, a look back takes the match from there
        return re.compile(f"[{firsts}](?<=(?={f'(?{scoped}:{pattern})' if scoped else pattern})(?s:.))")
    except re.error:  # no look back may hold a reference to a group
        return re.compile(pattern, flags)


@dataclass(frozen=True, slots=True)
class Finder:
    """A pattern with the methods of ``re.Pattern`` that look for it; its matches are those of ``whole``, of one character or more."""

    whole: re.Pattern[str]
    begins: re.Pattern[str]

    @classmethod
    def of(cls, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> Finder:
        """Return the finder of ``pattern``."""
        return cls(re.compile(pattern, flags), presence(pattern, flags))

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        """Return the first match in ``text[start:end]``, or None."""
        begun = self.begins.search(text, start, end)
        return self.whole.match(text, begun.start(), end) if begun else None

    def match(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        """Return the match that begins at ``start``, or None."""
        return self.whole.match(text, start, end)

    def finditer(self, text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[str]]:
        """Yield the matches in ``text[start:end]``, none overlapping."""
        while (match := self.search(text, start, end)) is not None:
            yield match
            start = match.end()


def _firsts(pattern: str, flags: re.RegexFlag) -> str | None:
    """Return, as the inside of a set, the characters a match begins with; None where they cannot be told."""
    try:
        from re import _parser  # type: ignore[attr-defined]  # what the library itself reads patterns with; without it nothing is faster
    except ImportError:
        return None
    found, empty = _of_sequence(_parser.parse(pattern, flags), int(flags))
    return None if empty or not found else "".join(dict.fromkeys(found))


def _of_sequence(items: Iterable[tuple[Any, Any]], flags: int) -> tuple[list[str], bool]:
    """Return the characters that may come first, and whether nothing may; ``([], True)`` where they cannot be told."""
    found: list[str] = []
    for operation, value in items:
        name = str(operation)
        if name in {"AT", "ASSERT", "ASSERT_NOT"}:
            continue
        here, empty = _of_item(name, value, flags)
        if not here:
            return [], True
        found += here
        if not empty:
            return found, False
    return found, True


def _of_item(name: str, value: Any, flags: int) -> tuple[list[str], bool]:
    if name == "LITERAL":
        return _cased(value, flags), False
    if name == "IN":
        return _of_set(value, flags), False
    if name == "SUBPATTERN":
        _, added, removed, inner = value
        return _of_sequence(inner, (flags | added) & ~removed)
    if name == "BRANCH":
        ways = [_of_sequence(way, flags) for way in value[1]]
        told = all(found for found, _ in ways)
        return [one for found, _ in ways for one in found] if told else [], any(empty for _, empty in ways)
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        least, _, inner = value
        found, empty = _of_sequence(inner, flags)
        return found, empty or not least
    return [], True


def _of_set(items: Iterable[tuple[Any, Any]], flags: int) -> list[str]:
    found: list[str] = []
    for operation, value in items:
        name = str(operation)
        if name == "LITERAL":
            if not (here := _cased(value, flags)):
                return []
            found += here
        elif name == "RANGE":
            first, last = value
            found.append(f"{re.escape(chr(first))}-{re.escape(chr(last))}")
            if flags & re.IGNORECASE and not (first in _CASELESS and last in _CASELESS):
                if last not in _ASCII:
                    return []
                found += [one for code in range(first, last + 1) for one in _cased(code, flags)]
        elif name == "CATEGORY" and str(value) in _CATEGORIES:
            found.append(_CATEGORIES[str(value)])
        else:
            return []
    return found


def _cased(code: int, flags: int) -> list[str]:
    """Return the characters that ``code`` matches; none where they cannot be told, as of a letter with accents regardless of case."""
    letter = chr(code)
    if not flags & re.IGNORECASE or (code not in _ASCII and letter.lower() == letter.upper()):
        return [re.escape(letter)]
    if code not in _ASCII:
        return []
    every = {letter.lower(), letter.upper(), *next((alike for alike in _ALIKE if letter in alike), "")}
    return [re.escape(one) for one in sorted(every)]
