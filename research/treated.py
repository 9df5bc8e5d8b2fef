"""A-shares with a mark before their name: what stands behind it is cut (*ST东通 is 东方通, ST抚钢 is 抚顺特钢, XD贵州茅 is 贵州茅台).

The exchange allows eight bytes, so that with a mark two or three characters of the name remain: its head on a day without dividend
(XD), under special treatment (ST) most often its head, sometimes its tail or a selection. :meth:`Treated.find` takes the share that is
known by that cut name, else the one the remaining characters can mean, in that order, and none where several can.
Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from research.names import Name
from research.patterns import Finder

__all__ = ["Treated"]

_MARKED = Finder.of(
    r"(?<![A-Za-z])(?:S?\*?ST)(?P<rest>[一-鿿]{2}(?:(?!股价|股[东票]|公[告司]|晚间|披露|涨[停超]|跌[停超])[一-鿿])?)"
    r"|(?<![A-Za-z])(?:XD|XR|DR)(?P<head>[一-鿿]{2,3})"
)
_FULL = re.compile(r"[一-鿿]{3,5}|ST[一-鿿]{2,3}")
#: the tail of a line, a selection of its characters
_TAIL, _SELECTION = r"\n[^\n]+{cut}(?=\n)", r"\n[^\n]*{apart}[^\n]*"


@dataclass(frozen=True, slots=True)
class Treated:
    """Full names of A-shares, ready to be told from what a mark leaves of them. Make one with :meth:`of`."""

    _names: tuple[Name, ...]
    _text: str  # every name on a line of its own, in the order of ``_names``
    _starts: tuple[int, ...]  # where in it each line begins
    _heads: Mapping[str, Sequence[Name]]  # by the first two and three characters, the mark of a cut name not counted

    @classmethod
    def of(cls, names: Iterable[Name]) -> Treated:
        """Return the finder for the ``names`` of A-shares: of three to five Chinese characters, or cut with a mark (ST国华)."""
        full = tuple(n for n in names if _FULL.fullmatch(n.text.removesuffix("A")))
        heads: dict[str, list[Name]] = defaultdict(list)
        for name in full:
            for length in (4, 5) if name.text.startswith("ST") else (2, 3):
                heads[name.text[:length]].append(name)
        starts = accumulate((len(n.text) + 1 for n in full), initial=0)
        return cls(full, "".join(f"\n{n.text}" for n in full) + "\n", tuple(starts), dict(heads))

    def find(self, text: str, day: date) -> list[tuple[int, int, Name]]:
        """Return start, end and meaning of every cut name in ``text``; the mark belongs to the span.

        >>> shares = {"300379.SZ": "东方通", "600399.SS": "抚顺特钢"}
        >>> names = [Name(symbol, name, False, date.min, date.max, True) for symbol, name in shares.items()]
        >>> [(s, e, n.symbol) for s, e, n in Treated.of(names).find("*ST东通公告,ST抚钢涨停", date(2025, 6, 3))]
        [(0, 5, '300379.SZ'), (8, 12, '600399.SS')]
        """
        found = []
        for match in _MARKED.finditer(text):
            rest = match["rest"]
            name, cut = self._selected(rest, day) if rest else self._headed(match["head"], day)
            if name is not None:
                found.append((match.start(), match.start("rest" if rest else "head") + len(cut), name))
        return found

    def _headed(self, rest: str, day: date) -> tuple[Name | None, str]:
        """Return the share whose name begins with the longest head of ``rest`` that means one, and that head."""
        for length in range(len(rest), 1, -1):
            name = _only(self._heads.get(rest[:length], ()), day)
            if name is not None:
                return name, rest[:length]
        return None, ""

    def _selected(self, rest: str, day: date) -> tuple[Name | None, str]:
        cuts = tuple(dict.fromkeys((rest, rest[:2])))
        for prefix in ("ST", ""):
            for cut in cuts:
                name = _only(self._heads.get(prefix + cut, ()), day)
                if name is not None:
                    return name, cut
        for pattern in (_TAIL, _SELECTION):
            for cut in cuts:
                lines = re.finditer(pattern.format(cut=cut, apart=r"[^\n]*".join(cut)), self._text)
                name = _only([self._names[bisect_left(self._starts, m.start())] for m in lines], day)
                if name is not None:
                    return name, cut
        return None, ""


def _only(names: Sequence[Name], day: date) -> Name | None:
    """Return the name, where those true on ``day`` are of one share."""
    valid = [n for n in names if n.first <= day <= n.last]
    return valid[0] if len({n.symbol for n in valid}) == 1 else None
