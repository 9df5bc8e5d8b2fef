"""What a sentence that leaves the subject of its move out goes on about: the instrument told of before it, or that of the headline.

Used by :mod:`research.moves` where :func:`research.move_subjects.subject` finds none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from research.move_grammar import OTHER_NOUN, TRADED, WEAK, Expression
from research.move_subjects import BOTH, QUOTED, SHARE, Span, Subject, only_price, unfilled
from research.sentences import Sentence

__all__ = ["Topic", "from_context", "listed_as", "of_twin"]


@dataclass(frozen=True, slots=True)
class Topic:
    """What a sentence that names nothing goes on about: the instrument named last (``near``) and the share of the headline (``lead``).

    ``gap`` is the number of sentences since ``near`` was named; ``apart`` tells whether a paragraph has ended since. ``moved`` is what the
    sentence right before told the move of, in the same paragraph, if of one instrument.
    """

    near: Span | None = None
    lead: Span | None = None
    gap: int = 0
    apart: bool = False
    moved: Span | None = None

    def share(self) -> Span | None:
        """Return the instrument that 该股 or 公司股价 means: the one named last, unless the text has moved on from it."""
        return self.lead if self.lead is not None and self.apart else self.near


#: 两家公司分别跌2%和3%: the two named last, looked for among this many namings
_BOTH_BACK = 4
#: 前者 and 后者 are the two named last in as many characters
_EITHER, _EITHER_BACK = re.compile(r"[前后]者"), 120
#: 大涨7%!甲公司创新高; not 暴跌24%是错杀?
_SHOUTED = re.compile(r"[!,。:; …|]|$")
#: a price of a share: 收盘报131.5港元, 首日收于83.23美元
_SETTLED = re.compile(r"(?:收[盘市于在报]|报收)(?:[报于在价为]|定格在|时)*\s?\d[\d,.]*(?:港元|港币|美元|元|日元|欧元|英镑|韩元)(?!/)")
#: 其港股由涨转跌,收盘跌6.5%
_OWN_LISTING = re.compile(r"其(?P<market>[AH港美]股)")
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "A股": ("SS", "SZ", "BJ"),
    "H股": ("HK",),
    "港股": ("HK",),
    "美股": ("",),
    "ADR": ("",),
}
_LISTED_AS = re.compile(r"ADR|ADS|H股")
#: 甲涨6.9%,港股今日收涨2.3%
_LISTED_IN = re.compile(r",?(?:而|但|其|公司|该股)?(?:在|隔夜|[今昨][日天夜晚])?(?P<market>[AH港美]股|ADR)(?!三大|市场|指数|大盘|主要)")
#: a sentence that begins with a name of its own, though one no instrument is known for: 某某制药是个例外
_OWN_SUBJECT = re.compile(
    r"(?!公司|该|其|他|她|它|我们|这|此|因|受|由于|在|当|随|自|从|消息|财报|业绩|股价|市场|投资者|分析师|管理层|去年|今年|上周|本周|昨|今|但|而|不过|另外)"
    r"[一-龥A-Za-z·]{2,12}?(?<![月日周年度])(?:是|为|有|则|也|称|表示|宣布|预计|计划|拥有)[^,]*,"
)
#: Acme股价31日收于4.42欧元,上涨1.8%: a share no instrument is known for
_OWN_PRICE = re.compile(r"[A-Z][A-Za-z]{3,}\s?(?:集团|公司|控股)?的?股[价票]")
#: a sentence that goes on from the move of the one before: 周二收跌1%, 截至发稿,涨幅收窄至3%, 此后收报69美元,涨14%
_FURTHER = re.compile(
    r"(?:到了?|而|但)?(?:盘中|此后|随后|其后|之后|最终|截至|次日|翌日|收|[上本]?(?:周|星期)[一二三四五六日天]|其中|[今昨当][日天]|(?:\d{1,2}月)?\d{1,2}日)"
)
#: "Acme - The store's shares rose 3%": the news of a name no instrument is known for
_LABELLED = re.compile(r"[A-Z][\w.&'’ ]{1,30}\s[-–—]\s")
_THEY = re.compile(r"\s*(?:but\s|and\s)?(?:they|it)\s(?:had|has|have|was|were)\s", re.IGNORECASE)


def listed_as(symbol: str, market: str) -> bool:
    """Return whether a share is the listing that a word for its market means.

    >>> listed_as("0700.HK", "港股"), listed_as("300750.SZ", "H股"), listed_as("BABA", "ADR")
    (True, False, True)
    """
    return (symbol.rpartition(".")[2] if "." in symbol else "") in _SUFFIXES[market]


def of_twin(plain: str, clause: tuple[int, int], expression: Expression, subject: Subject) -> bool:
    """Return whether the clause says it is another listing that moves than the one named before it: 甲低开2%;H股跌5%."""
    symbol, surface, at = subject[0]
    opening = plain[clause[0] : expression.start]
    market = _LISTED_IN.match(opening)
    if symbol and market and at < clause[0] and SHARE.fullmatch(symbol):
        return not listed_as(symbol, market["market"])
    return bool(symbol and symbol.endswith((".SS", ".SZ")) and surface not in opening and "H股" in opening and "A股" not in opening)


def _goes_on(said: str, expression: Expression, plain: str, sentence: Sentence) -> bool:
    """Return whether a sentence without a name goes on from the move told right before it."""
    if expression.verb in WEAK and not TRADED.search(said) and not QUOTED.search(said):
        return False
    return bool(_THEY.fullmatch(said)) or (not unfilled(said) and bool(_FURTHER.match(plain, sentence.start)))


def from_context(
    plain: str,
    sentence: Sentence,
    clause: tuple[int, int],
    expression: Expression,
    inside: Sequence[Span],
    spans: Sequence[Span],
    topic: Topic,
) -> Subject | None:
    """Return the subject of a move in a sentence that leaves it out."""
    opening = plain[clause[0] : expression.start]
    if sentence.headline and not inside and not unfilled(opening):
        line = plain.find("\n")
        above = [s for s in spans if s.start < (line if line >= 0 else len(plain)) and s.role != "source"]
        if not _SHOUTED.match(plain, expression.end):
            return None
        return [(above[0].symbol, above[0].surface, sentence.start)] if above else None
    said = plain[sentence.start : expression.start]
    if any(s.end <= expression.start for s in inside):
        return None
    either = _EITHER.search(opening)
    if either:
        last = (s for s in reversed(spans) if sentence.start - _EITHER_BACK <= s.start and s.end <= sentence.start)
        two = list({s.symbol: s for s in last}.values())[:2]
        if len(two) == 2:
            one = two[either.group() == "前者"]
            return [(one.symbol, one.surface, clause[0])]
    if topic.moved is not None and _goes_on(said, expression, plain, sentence):
        return [(topic.moved.symbol, topic.moved.surface, clause[0])]
    if len(expression.values) == 2 and BOTH[2].search(said):
        both = [s for s in spans if s.end <= sentence.start and s.role != "source" and SHARE.fullmatch(s.symbol)]
        pair = list({s.symbol: s for s in reversed(both[-_BOTH_BACK:])}.values())[:2][::-1]
        return [(s.symbol, s.surface, clause[0]) for s in pair] if len(pair) == 2 else None
    settled = SHARE.fullmatch(topic.near.symbol) and _SETTLED.search(said) and not OTHER_NOUN.search(said) if topic.near else None
    elided = only_price(opening) or (not unfilled(opening) and (only_price(said) or bool(settled or _LISTED_AS.search(opening))))
    if not elided or _OWN_SUBJECT.match(said) or _OWN_PRICE.search(said) or _LABELLED.match(plain, sentence.start):
        return None
    meant = topic.lead if "我们" in opening else topic.share()
    if meant is None or meant.role == "source":
        return None
    own = _OWN_LISTING.search(said)
    if own and SHARE.fullmatch(meant.symbol) and not listed_as(meant.symbol, own["market"]):
        return None
    return [(meant.symbol, meant.surface, clause[0])]
