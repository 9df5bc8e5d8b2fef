"""Whose an English figure is: the company that owns the noun phrase, its sentence's subject, or what the text is about.

1. A name right before the figure or behind a preposition owns it: ``Acme's revenue``, ``sales at Acme``;
2. else the one company named before it in the clause, then in the sentence;
3. else, where the sentence opens without a name, what the sentences before spoke of, if that is what the text is about.

A capitalised word that is no known instrument may be another company: the figure is then nobody's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from research.english_words import GOODS, HYPOTHETICAL, INDUSTRY, INDUSTRYWIDE, LOSS, MACRO, OUTDONE, PLACES, SCOPE, TIMES_OF_YEAR
from research.moves import Span
from research.numbers import Measure, qualifier
from research.sentences import Sentence, clauses, within

__all__ = ["Phrase", "Reading", "Text", "phrase_before", "reading_of", "unreal"]

#: how often, and as which part of all namings, a company is named that a text without one name in its first sentence is about
_OFTEN, _SHARE_OF_NAMES = 3, 0.5
_SHARE = re.compile(r"[A-Z]+(?:-[A-Z])?|[A-Z0-9-]+\.[A-Z]{1,3}")
_TAIL = r"(?:,?\s(?:Inc|Corp|Co|Ltd|Plc|PLC|AG|SA|SE|NV|Group|Holdings|Motors?)\b\.?)*(?:\s?[(][^()]{1,20}[)])?"
_POSSESSIVE = re.compile(rf"{_TAIL}['’]s?\s+")
_BESIDE = re.compile(rf"{_TAIL}\s+")
#: lower-case words a noun phrase does not go back over
_STOP = re.compile(
    r"(?:an?|the|and|or|but|as|that|which|its|their|his|her|our|of|in|on|at|to|for|from|by|with|while|when|after|before|than|if|is|are|"
    r"was|were|"
    r"be|been|has|have|had|said|says|say|reported|reports?|posted|posts?|saw|sees|recorded|booked|generated|showed|shows|announced|also|"
    r"because|since|where|whose|indicates?|implies|suggests?|most|had|although|though|but|this|last|these|those|it|they|we|he|she|into|"
    r"about|over|more|less|other|another|any|some|no)",
    re.IGNORECASE,
)
_QUARTER = re.compile(
    r"(?:first|second|third|fourth|full|half|fiscal|q[1-4]|h[12]|\d+(?:st|nd|rd|th)|four|three|two|six|nine)-?\w*", re.IGNORECASE
)
#: words that may open a sentence in capitals and name nobody
_OPENERS = re.compile(
    r"(?:the|its|their|in|on|for|but|and|while|meanwhile|however|still|total|net|gross|operating|quarterly|annual|overall|comparable|"
    r"adjusted|"
    r"same|organic|underlying|excluding|revenues?|sales|profits?|earnings|income|deliveries|shipments|output|production|orders|"
    r"bookings|core|"
    r"consumer|producer|retail|industrial|factory|first|second|third|fourth|fiscal|full|half|last|this|that|those|as|at|after|with|by|"
    r"it|during|over|from|"
    r"online|web|weekly|initial|continuing|manufacturing|digital|cloud|advertising|service|services|domestic|international|group|new|"
    r"home|house|average|hourly|nonfarm|payrolls|unemployment|"
    r"inflation|wages|exports|imports|both|also|additionally|separately|moreover|gaap|non|eps|ebitda|ebit|capex|cpi|ppi|gdp|pmi|i|"
    r"pretax|free|cash|backlog|"
    r"active|users|subscribers|daily|monthly|market|spending|diluted|basic|reported|because|since|when|although|though|despite|global|"
    r"worldwide|"
    r"nationwide|industry|industrywide|personal|car|auto|vehicle|smartphone|tablet|iphone|e)(?:-[a-z]+)*",
    re.IGNORECASE,
)  # fmt: skip
#: lower-case owners that are not the company the text is about ("the chipmaker's revenue" is its own)
_OTHERS = re.compile(
    r"(?:rival|competitor|peer|parent|owner|supplier|partner|subsidiary|affiliate|customer|investor|analyst|country|nation|world|"
    r"industry|sector|market|region|"
    r"state|city|government|economy|people|women|men|everyone|nobody|one|client|seller|merchant|user|developer|family|man|founder)s?",
    re.IGNORECASE,
)
_OF_A_POLL = re.compile(
    r"\s*(?:estimated|expected|forecast)|[^;]{0,60}\baccording to (?:the |an? )?(?:median|average|consensus|mean|poll|forecasts?|"
    r"projections?|estimates?)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z][\w.&’'-]*")
_BREAK = re.compile(r";|,\s(?:while|whereas|but|and)\s|\s(?:while|whereas|but)\s|\s[-–—]+\s|—")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase: where it begins, and where the figure it ends in does."""

    start: int
    end: int


def phrase_before(plain: str, floor: int, at: int) -> int:
    """Return where the noun phrase begins whose head stands at ``at``: at most five words before it, none of them a name's possessive."""
    start = at
    for _ in range(5):
        match = re.search(r"(\S+)\s+$", plain[floor:start])
        if match is None:
            break
        word = match[1]
        bare = word.strip('"“”(')
        if word[-1:] in ",;:.)" and bare not in ("U.S.", "U.K."):
            break
        if _STOP.fullmatch(bare) or re.search(r"['’]s?$", bare) or (re.search(r"\d", bare) and not _QUARTER.fullmatch(bare)):
            break
        if bare[:1].isupper() and not (_harmless(bare) or _QUARTER.fullmatch(bare) or _OPENERS.fullmatch(bare)):
            break
        start = floor + match.start()
    return start


def _harmless(word: str) -> bool:
    bare = re.sub(r"['’]s?$", "", word).rstrip(".")
    return bare in PLACES or bare in TIMES_OF_YEAR or bare.split("-")[0] in PLACES


class Text:
    """The companies of one text and where it names them."""

    def __init__(self, plain: str, spans: Sequence[Span], sentences: Sequence[Sentence]) -> None:
        self.plain = plain
        self.named = [s for s in spans if s.role != "source"]
        self.shares = [s for s in spans if _SHARE.fullmatch(s.symbol) and s.role != "source"]
        self._all = [s for s in spans if _SHARE.fullmatch(s.symbol)]
        self._covered = spans
        self._sentences = sentences
        headed = {s.symbol for s in self._all if sentences and sentences[0].start <= s.start < sentences[0].end}
        counted = Counter(s.symbol for s in self._all)
        most = {symbol for symbol, n in counted.items() if n >= _OFTEN and n >= _SHARE_OF_NAMES * counted.total()}
        self._about = headed if len(headed) == 1 else most

    def owner(self, sentence: Sentence, phrase: Phrase, end: int) -> Span | None:
        """Return the naming of the company a figure belongs to; ``None`` when it is nobody's or anybody's."""
        plain, at = self.plain, phrase.start
        direct = self.beside(sentence, at)
        if direct is not None:
            return direct
        inside = {s.symbol: s for s in within(self._all, at, phrase.end)}
        if inside:
            return next(iter(inside.values())) if len(inside) == 1 else None
        inner = [
            s for s in within(self._all, phrase.end, end) if re.search(r"\b(?:at|by|of|for)\s(?:the\s)?$", plain[phrase.end : s.start])
        ]
        if inner:
            return inner[0]
        if self.strange(phrase.end, end) or self.named_otherwise(sentence, at):
            return None
        before = within(self.shares, sentence.start, at)
        if before:
            cut = max((m.end() for m in _BREAK.finditer(plain, sentence.start, at)), default=sentence.start)
            near = [s for s in before if s.start >= cut] or before
            if len({s.symbol for s in near}) > 1 or self.strange(near[-1].end, at):
                return None
            # A name nobody knows may have opened the clause the figure is in: "while rival Borealis said sales fell".
            return None if near is before and self.strange(cut, at) else near[-1]
        if self.strange(sentence.start, at):
            return None
        after = [s for s in within(self.shares, end, sentence.end)]
        if after:
            says = re.match(rf"{_TAIL}\s(?:said|says|reported|announced)\b", plain[after[0].end : sentence.end])
            return after[0] if says and len({s.symbol for s in after}) == 1 else None
        return None if self._strange_speaker(end, sentence.end) else self.topic(sentence)

    def beside(self, sentence: Sentence, at: int) -> Span | None:
        """Return the name right before a noun phrase (``Acme's …``, ``Acme …``)."""
        for span in reversed(within(self._all, sentence.start, at)):
            if span.end > at:
                continue
            gap = self.plain[span.end : at]
            if _POSSESSIVE.fullmatch(gap) or _BESIDE.fullmatch(gap):
                return span
            return None
        return None

    def named_otherwise(self, sentence: Sentence, at: int) -> bool:
        """Tell whether a name that is no known instrument owns the noun phrase at ``at``."""
        match = re.search(r"(\S+)\s+$", self.plain[sentence.start : at])
        if match is None:
            return False
        word = match[1].strip('"“”(,')
        if re.search(r"['’]s?$", word):
            # "the security company's" need not be the one the text is about; "the company's" is.
            another = re.search(r"(?<!the)(?<!this)\scompany['’]s\s+$", self.plain[sentence.start : at], re.IGNORECASE)
            pronoun = word[:1].islower() and not _OTHERS.fullmatch(word[:-2]) and not another
            return not (pronoun or _harmless(word))
        return word[:1].isupper() and not _known_word(word) and not (match.start(1) == 0 and self._ordinary(word))

    def strange(self, start: int, end: int) -> bool:
        """Tell whether ``[start, end)`` holds a capitalised word that is neither part of a name known nor harmless."""
        spans = within(self._covered, max(0, start - 60), end)
        for match in _WORD.finditer(self.plain, start, end):
            word = match.group()
            if not word[:1].isupper() or any(s.start <= match.start() < s.end for s in spans) or _known_word(word):
                continue
            first = match.start() == start
            if not (first and self._ordinary(word)) and not re.fullmatch(_TAIL, " " + word.rstrip(".’'s")):
                return True
        return False

    def _ordinary(self, word: str) -> bool:
        """Tell whether the text has a word in lower case too: at the head of a sentence it names nobody."""
        return f" {word.lower()} " in self.plain

    def _strange_speaker(self, start: int, end: int) -> bool:
        said = re.search(r"\b(?:according to|said|says|reported)\b", self.plain[start:end])
        speaker = re.search(r"([A-Z][\w&.-]+)\s(?:said|says|reported)\b", self.plain[start:end])
        return bool(said and speaker and not _harmless(speaker[1]))

    def topic(self, sentence: Sentence) -> Span | None:
        """Return what the sentences before spoke of, if that is the company the text is about."""
        earlier = [s for s in self.shares if s.start < sentence.start]
        if not earlier:
            return None
        latest = next(p for p in reversed(self._sentences) if p.start <= earlier[-1].start)
        return next((s for s in reversed(earlier) if s.start >= latest.start and s.symbol in self._about), None)


def _known_word(word: str) -> bool:
    bare = re.sub(r"['’]s?$", "", word).rstrip(".,")
    return (
        _harmless(bare)
        or bare.endswith("-based")
        or bool(_QUARTER.fullmatch(bare))
        or bool(_OPENERS.fullmatch(bare))
        or (bare.isupper() and len(bare) == 1)
    )


def unreal(plain: str, sentence: Sentence, start: int, end: int) -> bool:
    """Tell whether the statement in ``[start, end)`` is of what somebody expects, plans, supposes or compares with."""
    pieces = [piece for piece in clauses(plain, sentence.start, sentence.end) if piece[0] <= start]
    begin = pieces[-1][0] if pieces else sentence.start
    if len(pieces) > 1 and re.match(r"\s*(?:on|and|with|or|plus)\b", plain[begin:start], re.IGNORECASE):
        begin = pieces[-2][0]
    said = OUTDONE.sub(" ", plain[begin:end])
    return bool(HYPOTHETICAL.search(said) or _OF_A_POLL.match(plain, end, sentence.end))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a figure turned out to be: kind, subject and owner, where its quote begins, and the words it is named by."""

    kind: str
    subject: str
    symbol: str | None
    start: int
    figure: str

    def measure(self, value: float, unit: str, words: str, end: int, at: int, *, more: str = "") -> Measure:
        """Return one stated number of the figure; ``words`` qualify it, ``more`` is added to the subject. Losses are negative."""
        loss = unit != "fraction" and LOSS.search(self.figure) and value > 0
        return Measure(self.kind, self.subject + more, self.symbol, -value if loss else value, unit, qualifier(words), self.start, end, at)


def reading_of(plain: str, sentence: Sentence, text: Text, figure: str, phrase: Phrase, start: int, end: int) -> Reading | None:
    """Return whose figure it is, or ``None`` where that is unclear or the statement is not one of fact."""
    if unreal(plain, sentence, start, end):
        return None
    subject = plain[phrase.start : phrase.end]
    macro = re.fullmatch(MACRO, figure, re.IGNORECASE) is not None
    direct = text.beside(sentence, phrase.start)
    if macro and direct is None:
        if text.named_otherwise(sentence, phrase.start):
            return None
        begin = _with_place(plain, sentence, phrase.start)
        return Reading("macro_value", plain[begin : phrase.end], None, begin, figure)
    if direct is None and INDUSTRY.search(subject):
        begin = _with_place(plain, sentence, phrase.start)
        if _of_industry(plain[begin : phrase.end]) and not text.named_otherwise(sentence, begin):
            return Reading("industry_value", plain[begin : phrase.end], None, begin, figure)
    owner = text.owner(sentence, phrase, end)
    if owner is not None:
        begin = owner.start if sentence.start <= owner.start < phrase.start and phrase.start - owner.start <= 120 else phrase.start
        return Reading("company_value", subject, owner.symbol, begin, figure)
    return None


def _of_industry(said: str) -> bool:
    """Tell whether a noun phrase is of a whole industry: ``industrywide sales``, ``China's car sales``, ``global smartphone shipments``."""
    places = any(re.sub(r"['’]s?$", "", word).rstrip(".") in PLACES for word in said.split())
    return bool(INDUSTRYWIDE.search(said) or ((places or SCOPE.search(said)) and GOODS.search(said)))


def _with_place(plain: str, sentence: Sentence, at: int) -> int:
    match = re.search(r"((?:[A-Z][\w.]*\s)?[A-Z][\w.]*)['’]s?\s+$", plain[sentence.start : at])
    return sentence.start + match.start() if match and match[1].split()[-1] in PLACES else at
