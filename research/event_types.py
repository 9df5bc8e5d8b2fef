"""The taxonomy of events and the places in a text where a type may have happened.

:func:`taxonomy` loads ``research/data/events.toml``; :func:`hits` finds its words in one pass and looks at context only around them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from research.errors import DataError
from research.patterns import presence
from research.schemas import EVENT_GROUPS

__all__ = ["EventType", "Found", "Hit", "Pair", "hits", "refined", "taxonomy", "unspecified"]

#: characters on either side of a word in which its context is looked for
_WINDOW = 40
_MARK = "▮"
#: how far the two halves of a pair may stand apart, and what parts clauses
_GAP = 18
#: trust in a pair, where its type says nothing else, and in a sentence that only reads like its group
_PAIR = 0.45
#: factor on the trust in words that tell less, where the text has others that tell more
_LESS = 0.75
_CLAUSE = re.compile(r"[。;!?\n,](?:(?<!,)|(?<!\d,)|(?!\d{3}))")
#: groups without an instrument as their subject
_MARKETS = frozenset({"macro_data", "central_bank", "fiscal_trade_policy", "geopolitics"})
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


@dataclass(frozen=True, slots=True)
class Pair:
    """Words that mean the type when ``near`` stands within ``_GAP`` characters in the same clause, and ``about`` within ``_WINDOW``."""

    words: tuple[str, ...]
    near: re.Pattern[str]
    about: re.Pattern[str] | None
    level: float


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of the taxonomy; see the head of ``events.toml`` for the meaning of each field."""

    name: str
    definition: str
    words: tuple[str, ...]
    needs: re.Pattern[str] | None
    avoid: re.Pattern[str] | None
    english: re.Pattern[str] | None
    english_avoid: re.Pattern[str] | None
    prior: float
    level: float
    market: bool
    plan: bool
    unless: tuple[str, ...] = ()
    at: re.Pattern[str] | None = None
    ends: bool = False
    pairs: tuple[Pair, ...] = ()
    within: re.Pattern[str] | None = None
    otherwise: str | None = None
    less: re.Pattern[str] | None = None


class Hit(NamedTuple):
    """A word or wording of a type at ``start`` to ``end``.

    ``level`` is the trust in it; a ``loose`` one, a pair of words, is evidence in an article and too little in a line of news.
    """

    kind: EventType
    start: int
    end: int
    level: float
    loose: bool = False


class Found(NamedTuple):
    """An event in one text: ``start, end`` bound its evidence, ``at`` is where its word stands, ``prior`` the tone of its type."""

    name: str
    symbol: str | None
    confidence: float
    start: int
    end: int
    prior: float
    at: int
    headline: bool = False

    def weighed(self, factor: float) -> Found:
        """Return it with its confidence multiplied, cut at 1."""
        return self if factor == 1.0 else self._replace(confidence=round(min(1.0, self.confidence * factor), 4))

    def repeated(self, times: int) -> Found:
        """Return it with the confidence of something said in so many sentences: 5 % more for each but the first, three at most."""
        return self.weighed(1 + 0.05 * min(3, times - 1))


def _source() -> dict[str, Any]:
    return tomllib.loads(resources.files("research.data").joinpath("events.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def taxonomy() -> tuple[EventType, ...]:
    """Return every event type, ordered by name; the file is checked against ``EVENT_GROUPS``."""
    source = _source()
    source.pop("compounds")
    found = [_type(f"{group}.{name}", entry) for group, types in source.items() for name, entry in types.items()]
    found += [_unspecified(group) for group in sorted(source)]
    unknown = sorted({kind.name.split(".")[0] for kind in found} - set(EVENT_GROUPS))
    names = {kind.name for kind in found}
    if astray := [kind.name for kind in found if kind.otherwise is not None and kind.otherwise not in names]:
        raise DataError(f"events.toml gives {', '.join(astray)} an `otherwise` that is no type; expected the name of another type.")
    if unknown:
        raise DataError(f"events.toml holds the groups {', '.join(unknown)}; expected groups of EVENT_GROUPS.")
    return tuple(sorted(found, key=lambda kind: kind.name))


def _type(name: str, entry: Mapping[str, Any]) -> EventType:
    def pattern(key: str) -> re.Pattern[str] | None:
        return presence(entry[key], re.IGNORECASE) if entry.get(key) else None

    return EventType(
        name, entry["definition"], tuple(entry.get("words", ())), pattern("needs"), pattern("avoid"),
        re.compile(entry["en"].lower()) if entry.get("en") else None, pattern("en_avoid"),
        float(entry["prior"]), float(entry["level"]), bool(entry.get("market", False)), bool(entry.get("plan", False)),
        tuple(entry.get("unless", ())), pattern("at"), bool(entry.get("ends", False)),
        tuple(_pair(*pair, level=float(entry.get("pair_level", _PAIR))) for pair in entry.get("pairs", ())),
        pattern("within"), entry.get("otherwise"), pattern("less"),
    )  # fmt: skip


def _unspecified(group: str) -> EventType:
    """Return the type of sentences that read like an event of a group though no wording says which."""
    said = "Reads like an event of the group; no wording says which."
    return EventType(f"{group}.unspecified", said, (), None, None, None, None, 0.0, _PAIR, group in _MARKETS, True)


def _pair(words: str, near: str, about: str = "", *, level: float) -> Pair:
    return Pair(tuple(words.split("|")), presence(near), presence(about) if about else None, level)


@lru_cache(maxsize=1)
def unspecified() -> Mapping[str, EventType]:
    """Return the type ``group.unspecified`` of each group."""
    return {kind.name.split(".")[0]: kind for kind in taxonomy() if kind.name.endswith(".unspecified")}


@lru_cache(maxsize=1)
def _refined() -> Mapping[str, tuple[re.Pattern[str], str]]:
    return {kind.name: (kind.within, kind.otherwise) for kind in taxonomy() if kind.within is not None and kind.otherwise is not None}


def refined(name: str, evidence: str) -> str:
    """Return the type that ``evidence`` is of: ``name``, or the one it gives way to, and so on, where its own words are missing.

    >>> refined("buyback.plan", "公司拟回购股份"), refined("buyback.plan", "公司累计回购95万股")
    ('buyback.plan', 'buyback.done')
    """
    while (rule := _refined().get(name)) and not rule[0].search(evidence):
        name = rule[1]
    return name


@lru_cache(maxsize=1)
def _matcher() -> tuple[Any, tuple[tuple[tuple[EventType, Pair | None], ...], ...]]:
    from ahocorasick_rs import AhoCorasick

    owners: dict[str, list[tuple[EventType, Pair | None]]] = {}
    for kind in taxonomy():
        for word in kind.words:
            owners.setdefault(word.lower(), []).append((kind, None))
        for pair in kind.pairs:
            for word in pair.words:
                owners.setdefault(word.lower(), []).append((kind, pair))
    for word in _source()["compounds"]:
        owners.setdefault(word.lower(), [])
    words = sorted(owners)
    return AhoCorasick(words), tuple(tuple(owners[word]) for word in words)


def hits(plain: str, language: str) -> tuple[Hit, ...]:
    """Return the places of ``plain`` that may be events, loose ones last, each in order; ``en`` selects English patterns.

    Words that tell less are trusted less where the text has others of such types: a fall of revenue beside a rise of profit.
    """
    found = _hits_english(plain) if language == "en" else _hits_chinese(plain)
    telling = [place for place, hit in enumerate(found) if hit.kind.less is not None and not hit.loose]
    less = [place for place in telling if found[place].kind.less.match(plain, found[place].start)]  # type: ignore[union-attr]
    if less and len(less) < len(telling):
        for place in less:
            found[place] = found[place]._replace(level=found[place].level * _LESS)
    return tuple(found)


def _hits_chinese(plain: str) -> list[Hit]:
    automaton, owners = _matcher()
    lowered = plain.lower() if len(plain.lower()) == len(plain) else plain
    found: list[Hit] = []
    matches = automaton.find_matches_as_indexes(lowered, overlapping=True)
    compounds = [(start, end) for index, start, end in matches if not owners[index]]
    for index, start, end in matches:
        if (lowered[start] < "\x7f" or lowered[end - 1] < "\x7f") and _inside_word(lowered, start, end):
            continue
        if compounds and any(begin <= start and end <= stop for begin, stop in compounds):
            continue
        first, last = max(0, start - _WINDOW), end + _WINDOW
        for kind, pair in owners[index]:
            if pair is None:
                here = (kind.needs is None or kind.needs.search(plain, first, last)) and (
                    kind.at is None or kind.at.search(plain[first:start] + _MARK + plain[end:last])
                )
            else:
                here = _paired(plain, start, end, pair.near) and (pair.about is None or pair.about.search(plain, first, last))
            if here and not (kind.avoid is not None and kind.avoid.search(plain, first, last)):
                found.append(Hit(kind, start, end, kind.level if pair is None else pair.level, loose=pair is not None))
    return sorted(found, key=lambda hit: (hit.loose, hit.start, -hit.level, hit.kind.name))


def _inside_word(text: str, start: int, end: int) -> bool:
    """Return whether what begins or ends with a Latin letter or a digit is part of a longer word: IPO in Galipolo, M2 in M23 and M2.5."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if text[end - 1].isdigit() and text[end : end + 2].removeprefix(".")[:1].isdigit():
        return True
    return (before.isascii() and before.isalpha() and text[start].isascii() and text[start].isalpha()) or (
        after.isascii() and after.isalpha() and text[end - 1].isascii() and text[end - 1].isalpha()
    )


def _paired(plain: str, start: int, end: int, near: re.Pattern[str]) -> bool:
    """Return whether ``near`` stands before or after a word in its clause."""
    first, last = max(0, start - _GAP), min(len(plain), end + _GAP)
    for mark in _CLAUSE.finditer(plain, first, start):
        first = mark.end()
    mark_after = _CLAUSE.search(plain, end, last)
    last = mark_after.start() if mark_after else last
    return near.search(plain, first, start) is not None or near.search(plain, end, last) is not None


def _hits_english(plain: str) -> list[Hit]:
    automaton, owners = _english_matcher()
    lowered = plain.lower() if len(plain.lower()) == len(plain) else plain
    lowered = _POINT.sub(",", lowered).replace("\n", ".")  # the point of 2.5% ends no sentence, a headline ends one
    found: dict[tuple[int, str], Hit] = {}
    for index, start, _ in automaton.find_matches_as_indexes(lowered, overlapping=True):
        if start and lowered[start - 1].isalnum():
            continue
        for kind in owners[index]:
            match = kind.english.match(lowered, start) if kind.english is not None and (start, kind.name) not in found else None
            if match is None:
                continue
            window = plain[max(0, match.start() - _WINDOW) : match.end() + _WINDOW]
            if not (kind.english_avoid and kind.english_avoid.search(window)):
                found[start, kind.name] = Hit(kind, match.start(), match.end(), kind.level)
    return [found[key] for key in sorted(found)]


@lru_cache(maxsize=1)
def _english_matcher() -> tuple[Any, tuple[tuple[EventType, ...], ...]]:
    """Return an automaton of the beginnings of all English patterns and, for each, the types to try where it stands.

    Trying sixty patterns at every character would read a tenth of a megabyte a second; trying them where they can begin reads many.
    """
    from ahocorasick_rs import AhoCorasick

    owners: dict[str, list[EventType]] = {}
    for kind in taxonomy():
        for beginning in sorted(_beginnings(kind.english.pattern)) if kind.english is not None else ():
            owners.setdefault(beginning, []).append(kind)
    words = sorted(owners)
    return AhoCorasick(words), tuple(tuple(owners[word]) for word in words)


def _beginnings(pattern: str) -> set[str]:
    r"""Return literals one of which stands at the beginning of every match of ``pattern``.

    >>> sorted(_beginnings(r"\b(?:raises?|(?:lift|boost)ed)\b x|guidance (?:cut|up)"))
    ['boost', 'guidance ', 'lift', 'raise']
    """
    found: set[str] = set()
    for branch in _branches(pattern):
        rest = branch.removeprefix(r"\b")
        if rest.startswith("(?:"):
            found |= _beginnings(rest[3 : _closing(rest)])
            continue
        literal = re.match(r"[^\\.\[\]()?*+{}|^$]*", rest)
        text = literal.group() if literal else ""
        text = text[:-1] if rest[len(text) : len(text) + 1] in {"?", "*", "{"} else text
        if len(text) < 2:
            raise DataError(f"The English pattern {branch!r} of events.toml begins with no literal of two letters; reword it.")
        found.add(text)
    return found


def _branches(pattern: str) -> list[str]:
    """Split a pattern at the bars outside all brackets."""
    parts, depth, start = [], 0, 0
    for place, char in enumerate(pattern):
        escaped = place > 0 and pattern[place - 1] == "\\"
        if char in "([" and not escaped:
            depth += 1
        elif char in ")]" and not escaped:
            depth -= 1
        elif char == "|" and depth == 0:
            parts.append(pattern[start:place])
            start = place + 1
    return [*parts, pattern[start:]]


def _closing(pattern: str) -> int:
    depth = 0
    for place, char in enumerate(pattern):
        escaped = place > 0 and pattern[place - 1] == "\\"
        depth += (char == "(" and not escaped) - (char == ")" and not escaped)
        if depth == 0 and char == ")":
            return place
    return len(pattern)
