"""Which zone a date phrase is meant in: a zone word beside it, else the nearest market word of its sentence."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from research import phrase_words as lexis
from research.phrase_grammar import Phrase

__all__ = ["Zones"]

_ZONE_BEFORE_GAP = re.compile(r"[\s:(]{0,2}(?:on\s|于)?")
_ZONE_AFTER_GAP = re.compile(
    r"(?:[\s,(]|at|凌晨|上午|下午|晚间?|早间?|[ap]\.?m\.?|\d{1,2}[:点时]\d\d(?::\d\d)?分?|\d{1,2}点?)*", re.IGNORECASE
)
#: characters a market word may stand from a date
_NEAR = 30
#: a market word before a date (its subject) is worth this many characters more than one after it
_AFTER = 6


class Zones:
    """Which zone a phrase is meant in, and where its sentence begins."""

    def __init__(self, plain: str, words: list[tuple[int, int, str]], base: str) -> None:
        self._plain, self._base = plain, base
        self._zones = [w for w in words if w[2] == "zone"]
        self._places = [w for w in words if w[2] == "place"]
        self._ends = [m.end() for m in lexis.SENTENCE_END.finditer(plain)]

    def sentence(self, offset: int) -> int:
        """Return where the sentence of an offset begins."""
        index = bisect_right(self._ends, offset)
        return self._ends[index - 1] if index else 0

    def of(self, phrase: Phrase) -> tuple[str, int, int, bool]:
        """Return (zone, start, end, explicit): the offsets with the zone word and the part of the day."""
        start, end = phrase.start, phrase.end
        while (part := lexis.PART_OF_DAY.match(self._plain, end)) and phrase.unit in ("day", "weekday", "relative"):
            end = part.end()
        found = None
        first = bisect_left(self._zones, (start,))
        for left, right, _ in self._zones[max(0, first - 1) : first + 2]:
            if left > end + _NEAR:
                break
            if right <= start and _ZONE_BEFORE_GAP.fullmatch(self._plain, right, start):
                found, start = (left, right), left
            elif left >= end and _ZONE_AFTER_GAP.fullmatch(self._plain, end, left):
                closed = self._plain[right : right + 1] == ")" and "(" in self._plain[end:left]
                found, end = (left, right), right + closed
                break
        if found is not None and phrase.unit in ("day", "weekday", "relative"):
            named = lexis.zone_named(self._plain[found[0] : found[1]]) or self._place(start, end, _NEAR * 2)
            return named or self._base, start, end, True
        if phrase.unit in ("day", "weekday"):
            return self._place(start, end, _NEAR) or self._base, start, end, False
        return self._base, start, end, False

    def _place(self, start: int, end: int, near: int) -> str | None:
        """Return the zone of the market word nearest to the phrase inside its sentence, those before it preferred."""
        low = max(self.sentence(start), start - near)
        index = bisect_right(self._ends, end - 1)
        high = min(self._ends[index] if index < len(self._ends) else len(self._plain), end + near)
        best: tuple[int, int, str] | None = None
        for left, right, _ in self._places[bisect_left(self._places, (low,)) : bisect_left(self._places, (high,))]:
            gap = start - right if right <= start else left - end + _AFTER if left >= end else -1
            if gap >= 0 and right <= high and (best is None or gap < best[0]):
                best = (gap, left, self._plain[left:right])
        return None if best is None else lexis.zone_named(best[2])
