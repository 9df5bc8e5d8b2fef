"""Figures stated in English sentences: of companies, industries and economies; flows, valuations, insiders' trades, new funds.

1. :func:`find` looks at sentences that hold a digit and a word of :mod:`research.english_words`;
2. figures are read by their wording (``revenue rose 12% to $4.2 billion``, ``sales of $64 billion, up 1.8%``, ``an 89% slump in earnings``,
   ``$7 billion in revenue``), whose they are by :mod:`research.english_owners`;
3. flows, valuations, insiders' trades and new funds have a wording of their own (:mod:`research.english_flows`).

A rise or fall is a fraction with its sign, a size is in base units; a loss or deficit is negative. What is expected, planned or
compared with, a range, and a figure of a company nobody knows are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from research import english_flows
from research.english_owners import Phrase, Reading, Text, phrase_before, reading_of, unreal
from research.english_words import (
    ADVERBS,
    CHANGE_NOUN,
    COMPANY,
    FALL,
    GAP,
    LEVEL,
    LINK,
    LOSS,
    MACRO,
    MOVED,
    RATE,
    RATES,
)
from research.moves import Span
from research.numbers import NUMBER, PERCENT, Measure, english_amount, number, qualifier
from research.sentences import Sentence

__all__ = ["find", "is_english"]

_LETTERS = re.compile(r"[a-z]{2}[\s']|\b[A-Za-z]+ [A-Za-z]")
_HAN = re.compile(r"[一-龥]")


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_FIGURE_WORD = rf"(?<![\w-])(?P<figure>{COMPANY}|{MACRO})(?![\w-])"
_TRIGGER = _compiled(
    rf"\b(?:{COMPANY}|{MACRO})\b|flows?\b|\bnet\b|percentile|\btimes\b|\d\s?x\b|P/[EBS]\b|price-to-|\b(?:funds?|ETFs?|stake)\b|"
    rf"\bshares\b|\bstock\b|\bjobs\b|\bmargin\b|\ba share\b"
)
_FIGURE = _compiled(_FIGURE_WORD)
_PER_SHARE = r"(?P<each>,?\s(?:a|per|an)\s(?:diluted\s|basic\s)?(?:share|ADS|ADR))?"
#: a percentage that is a level: "an unemployment rate of 3.7%"
_SHARE = rf"(?P<share>{NUMBER}){PERCENT}(?!\s*points?\b)"
_GROWN = _compiled(rf"{GAP}\s+{MOVED}(?P<adverb>{ADVERBS})\s+(?:to\s+(?:a\s+)?(?P<reached>)(?P<before>{ADVERBS})\s*)?{RATE}")
_PACED = _compiled(
    rf"{GAP}\s+{MOVED}\s+at\s+an?\s+(?:(?:seasonally\s+adjusted|annual(?:ized)?)\s+)*(?:(?:rate|pace)\s+"
    rf"of)?(?P<adverb>{ADVERBS})\s*{RATE}"
)
_PLUS = _compiled(rf"\s+(?P<sign>[-+−])(?P<digits>{NUMBER})(?P<percent>{PERCENT})(?!\s*points?\b)")
_THEN = _compiled(rf"(?:[^,;:%$€£\d]{{0,40}}?),?\s+(?:to|at)(?P<adverb>{ADVERBS})\s+(?:{_SHARE}|{LEVEL})")
_SIZED = _compiled(rf"{GAP}\s*{LINK}(?P<adverb>{ADVERBS})\s+(?:{_SHARE}|{LEVEL}{_PER_SHARE})")
_BARE = _compiled(rf"\s+{LEVEL}{_PER_SHARE}")
_CHANGED = _compiled(rf"{GAP}\s+{MOVED}(?P<adverb>{ADVERBS})\s+{LEVEL}")
_OR_EACH = _compiled(rf",?\s+or(?P<adverb>{ADVERBS})\s+{LEVEL},?\s(?:a|per)\s(?:diluted\s|basic\s)?(?:share|ADS|ADR)")
_UP = _compiled(rf",?\s*[(]?(?:,\s)?(?:which\s+(?:was|is)\s+|an?\s+)?(?:(?P<verb>up|down|higher|lower)(?P<adverb>{ADVERBS})\s+{RATE})")
_RISE_OF = _compiled(
    rf",?\s+an?\s+(?:(?P<first>{NUMBER})(?:{PERCENT})\s+)?{CHANGE_NOUN}(?:\s+of(?P<adverb>{ADVERBS})\s+"
    rf"(?P<second>{NUMBER})(?:{PERCENT}))?"
)
_IN_FIGURE = _compiled(
    rf"{LEVEL}\s+(?:in|of)\s+(?:(?:its|their|the|total|net)\s+)?(?P<np>(?:(?!(?:and|or|the|of|in|from|for|to|its)\b)[A-Za-z&'’.-]+\s+"
    rf"){{0,3}}?)"
    rf"(?P<figure>{COMPANY})(?![\w-])(?!\s+(?:growth|estimates?|forecasts?|guidance|targets?))"
)
_SLUMP_IN = _compiled(
    rf"\ban?\s+(?P<rate>{NUMBER}){PERCENT}\s+(?:[a-z-]+\s+){{0,2}}?{CHANGE_NOUN}\s+in\s+(?P<np>(?:(?!(?:and|or|of|in|from|for|"
    rf"to)\b)[\w&'’.-]+\s+){{0,4}}?)"
    rf"(?P<figure>{COMPANY}|{MACRO})(?![\w-])(?:\s+to(?P<adverb>{ADVERBS})\s+{LEVEL})?"
)
_GAIN = _compiled(
    rf"\ban?\s+(?P<rate>{NUMBER}){PERCENT}\s+(?P<np>(?:(?!(?:and|or|of|in|from|for|to)\b)[a-z-]+\s+){{0,3}}?)(?P<figure>{COMPANY}|"
    rf"{MACRO})\s+{CHANGE_NOUN}\b"
)
_GROWTH_OF = _compiled(
    rf"\s+(?P<noun>growth|decline|increase|gain|drop|slump)(?:\s+(?:was|of|at|came\s+in\s+at|(?:slowed|accelerated|eased|cooled|"
    rf"quickened)\s+to))(?P<adverb>{ADVERBS})\s+{RATE}"
)
_MADE = _compiled(
    r"\b(?:generated?|reported?|reports|posted?|posts|recorded|booked|earned|made|brought\s+in|had|logged|delivered|delivers|raked\s+"
    r"in|took\s+in|on|with|of)\b"
)
_RANGE = _compiled(rf"\s*(?:to|-|–|—|and)\s*(?:US\$|HK\$|[$€£])?\s?{NUMBER}(?!\s+(?:shares|percent))")
_RATES_TO = _compiled(rf"\s*(?:to|-|–|—|and)\s*{NUMBER}{PERCENT}(?!\s*points?\b)")
#: "was $300 million higher" is a difference
_COMPARED = _compiled(r"\s+(?:higher|lower|more|less|above|below|short|shy|better|worse|bigger|smaller)\b")
#: units of money; a company's figure is larger, but for those of one share
_MONEY = frozenset({"USD", "CNY", "HKD", "EUR", "GBP", "JPY", "KRW", "TWD", "INR", "AUD", "CAD", "CHF", "SGD", "BRL", "NZD"})
_LEAST = 10_000.0
_EACH = _compiled(r"eps|per share|earnings|profit|income|loss")
_EXPECTED = _compiled(r"\b(?:expect\w*|estimates?d?|forecasts?|consensus)\b")
_LABELLED = _compiled(r"(?:eps|earnings per share|revenues?|net sales|net income|net profit|sales|profit)")
_JOBS = _compiled(
    rf"\b(?:employers|the\s+economy|(?:the\s+)?private\s+sector|businesses|companies|payrolls)\s+(?:in\s+the\s+[\w.]+\s+"
    rf")?(?P<way>added|created|hired|shed|lost|cut)(?P<adverb>{ADVERBS})\s+"
    rf"(?:a\s+net\s+)?(?P<digits>{NUMBER})(?P<scale>\s(?:million|thousand))?\s+(?:new\s+|net\s+)?(?:jobs|workers|positions|people)?"
)


def is_english(text: str) -> bool:
    """Tell whether a sentence is English: Latin words, no Chinese character.

    >>> is_english("Sales rose 3%."), is_english("苹果 iPhone 销量 up 3%")
    (True, False)
    """
    return _HAN.search(text) is None and _LETTERS.search(text) is not None


def find(plain: str, spans: Sequence[Span], sentences: Sequence[Sentence]) -> Iterator[Measure]:
    """Yield the measures of the English sentences among ``sentences``; one number may come twice, the surer reading first."""
    text: Text | None = None
    for sentence in sentences:
        said = plain[sentence.start : sentence.end]
        if not (any(c.isdigit() for c in said) and _TRIGGER.search(said) and is_english(said)):
            continue
        text = text or Text(plain, spans, sentences)
        yield from english_flows.find(plain, sentence, text)
        yield from _jobs(plain, sentence)
        yield from _figures(plain, sentence, text)


# ---------------------------------------------------------------- figures of companies, industries and economies


def _figures(plain: str, sentence: Sentence, text: Text) -> Iterator[Measure]:
    for match in _FIGURE.finditer(plain, sentence.start, sentence.end):
        phrase = Phrase(phrase_before(plain, sentence.start, match.start()), match.end())
        yield from _behind(plain, sentence, text, match["figure"], phrase)
    for pattern in (_SLUMP_IN, _GAIN):
        for match in pattern.finditer(plain, sentence.start, sentence.end):
            yield from _before(plain, sentence, text, match)
    for match in _IN_FIGURE.finditer(plain, sentence.start, sentence.end):
        start = plain.rfind(" ", 0, match.start())
        if _MADE.search(plain, max(sentence.start, match.start() - 40), match.start()) and start >= 0:
            yield from _amounted(plain, sentence, text, match)


def _fraction(digits: str, *, points: str | None = None, falls: bool = False) -> float:
    scale = 10_000 if points and points.lower().startswith(("b", "basis")) else 100
    size = float(f"{number(digits.lstrip('+-−')) / scale:.10g}")
    return -size if falls or digits.startswith(("-", "−")) else size


def _behind(plain: str, sentence: Sentence, text: Text, figure: str, phrase: Phrase) -> Iterator[Measure]:
    """Read what stands behind a figure: its growth, its size, both."""
    stop = sentence.end
    rate_like = RATES.search(figure) is not None
    grown = _GROWN.match(plain, phrase.end, stop) or _PACED.match(plain, phrase.end, stop)
    if grown is not None and (rate_like or not _RATES_TO.match(plain, grown.end())):
        reading = reading_of(plain, sentence, text, figure, phrase, phrase.start, grown.end())
        if reading is None:
            return
        reached = grown.re is _GROWN and grown["reached"] is not None
        falls = bool(FALL.fullmatch(grown["verb"]))
        if reached and grown["percent"] is not None:
            if rate_like or figure.lower() in ("growth",):
                yield reading.measure(_fraction(grown["rate"]), "fraction", grown["before"] or "", grown.end(), grown.start("rate"))
            return
        if not reached and not (LOSS.search(figure) and grown["points"] is None):
            more = " change" if grown["points"] is not None else ""
            value = _fraction(grown["rate"], points=grown["points"], falls=falls)
            yield reading.measure(value, "fraction", grown["adverb"], grown.end(), grown.start("rate"), more=more)
        then = _THEN.match(plain, grown.end(), stop)
        if then is not None and not _RANGE.match(plain, then.end()):
            yield from _size(reading, figure, then)
        return
    plus = _PLUS.match(plain, phrase.end, stop)
    if plus is not None:
        reading = reading_of(plain, sentence, text, figure, phrase, phrase.start, plus.end())
        if reading is not None and not LOSS.search(figure):
            yield reading.measure(_fraction(plus["sign"] + plus["digits"]), "fraction", "", plus.end(), plus.start("digits"))
        return
    growth = _GROWTH_OF.match(plain, phrase.end, stop)
    if growth is not None:
        reading = reading_of(plain, sentence, text, figure, phrase, phrase.start, growth.end())
        if reading is not None and not LOSS.search(figure):
            value = _fraction(growth["rate"], points=growth["points"], falls=bool(FALL.fullmatch(growth["noun"])))
            yield reading.measure(value, "fraction", growth["adverb"], growth.end(), growth.start("rate"))
        return
    sized = _SIZED.match(plain, phrase.end, stop)
    if sized is None and _LABELLED.fullmatch(figure):
        sized = _BARE.match(plain, phrase.end, stop)
    changed = _CHANGED.match(plain, phrase.end, stop) if re.search(r"payroll|jobless.claims", figure, re.IGNORECASE) else None
    if changed is not None:
        yield from _change(plain, sentence, text, figure, phrase, changed)
        return
    if sized is None:
        return
    if (
        _listed_estimate(plain, phrase, sized)
        or _RANGE.match(plain, sized.end())
        or _COMPARED.match(plain, sized.end())
        or _moved_by(plain, sized, figure)
    ):
        return
    reading = reading_of(plain, sentence, text, figure, phrase, phrase.start, sized.end())
    if reading is not None:
        yield from _size(reading, figure, sized)
        yield from _tail(plain, sentence, reading, figure, sized.end())


def _listed_estimate(plain: str, phrase: Phrase, sized: re.Match[str]) -> bool:
    """Tell whether a line such as ``Revenue: $16.5 billion`` stands in a list of what is expected, and names no result beside it."""
    if not re.match(r"\s*(?::|(?:US\$|HK\$|[$€£]))", plain[phrase.end :]):
        return False
    return bool(_EXPECTED.search(plain, max(0, phrase.start - 300), phrase.start)) and not _EXPECTED.search(
        plain, sized.end(), sized.end() + 45
    )


def _moved_by(plain: str, sized: re.Match[str], figure: str) -> bool:
    """Tell whether a size is that of a change (``rose $2 million``): what it was before is not said."""
    said = plain[sized.start() : sized.start("digits") if sized["digits"] else sized.end()]
    verb = re.search(
        r"\b(?:rose|fell|grew|climbed|increased|dropped|declined|slipped|narrowed|widened|improved|slowed|accelerated|jumped|dipped|"
        r"eased|edged\s+\w+)\b",
        said,
        re.IGNORECASE,
    )
    return verb is not None and re.search(r"\b(?:to|at)\b", said[verb.end() :], re.IGNORECASE) is None


def _change(plain: str, sentence: Sentence, text: Text, figure: str, phrase: Phrase, match: re.Match[str]) -> Iterator[Measure]:
    reading = reading_of(plain, sentence, text, figure, phrase, phrase.start, match.end())
    if reading is not None and not match["currency"]:
        size = number(match["digits"]) * {"million": 1e6, "thousand": 1e3}.get((match["scale"] or "").lower(), 1.0)
        value = -size if FALL.fullmatch(match["verb"]) else size
        yield reading.measure(value, "persons", match["adverb"], match.end(), match.start("digits"), more=" change")


def _size(reading: Reading, figure: str, match: re.Match[str]) -> Iterator[Measure]:
    """Yield the level a match gives: money or pieces, a percentage of a rate, points of an index."""
    groups = match.groupdict()
    if groups.get("share") is not None:
        if RATES.search(figure):
            yield reading.measure(_fraction(match["share"]), "fraction", match["adverb"], match.end(), match.start("share"))
        return
    if not match["currency"] and not match["scale"] and not match["unit"]:
        if re.search(r"pmi|purchasing|confidence", figure, re.IGNORECASE):
            yield reading.measure(number(match["digits"]), "points", match["adverb"], match.end(), match.start("digits"))
        elif re.search(r"jobless.claims", figure, re.IGNORECASE):
            yield reading.measure(number(match["digits"]), "persons", match["adverb"], match.end(), match.start("digits"))
        return
    found = english_amount(match["currency"], match["digits"], match["scale"], match["unit"])
    if found is None or found[1] in ("times",) or (found[1] == "points" and not re.search(r"pmi|index|confidence", figure, re.IGNORECASE)):
        return
    if found[1] == "USD" and (match["unit"] or "").lower() == "cents" and "." in (reading.symbol or ""):
        return  # whose cents they are the text does not say
    value, unit = found
    each = groups.get("each")
    if value < _LEAST and unit in _MONEY and not each and "." not in match["digits"] and not _EACH.search(figure):
        return  # the price of one thing, not what a company took in
    words = groups.get("adverb") or ""
    yield reading.measure(value, unit, words, match.end(), match.start("digits"), more=" per share" if each else "")


def _tail(plain: str, sentence: Sentence, reading: Reading, figure: str, at: int) -> Iterator[Measure]:
    """Read what follows a size: ``, or $3.03 a share``, ``, up 12%``, ``, an increase of 54%``."""
    each = _OR_EACH.match(plain, at, sentence.end)
    if each is not None:
        found = english_amount(each["currency"], each["digits"], each["scale"], each["unit"])
        if found is not None and found[1] not in ("persons", "times", "pieces"):
            yield reading.measure(found[0], found[1], each["adverb"], each.end(), each.start("digits"), more=" per share")
            at = each.end()
    if LOSS.search(figure):
        return
    up = _UP.match(plain, at, sentence.end)
    if up is not None and not _RATES_TO.match(plain, up.end()):
        points = up["points"]
        value = _fraction(up["rate"], points=points, falls=up["verb"].lower() in ("down", "lower"))
        yield reading.measure(value, "fraction", up["adverb"], up.end(), up.start("rate"), more=" change" if points else "")
        return
    rise = _RISE_OF.match(plain, at, sentence.end)
    if rise is not None and (rise["first"] is None) != (rise["second"] is None):
        name = "first" if rise["first"] is not None else "second"
        value = _fraction(rise[name], falls=bool(FALL.fullmatch(rise["noun"])))
        yield reading.measure(value, "fraction", rise["adverb"] or "", rise.end(), rise.start(name))


def _before(plain: str, sentence: Sentence, text: Text, match: re.Match[str]) -> Iterator[Measure]:
    """Read a change that stands before its figure: ``an 89% slump in third-quarter earnings``, ``a 6.5% sales gain``."""
    head = match.start("figure")
    phrase = Phrase(max(phrase_before(plain, sentence.start, head), match.start("np")), match.end("figure"))
    if match.re is _GAIN:
        phrase = Phrase(match.start("np"), match.end("figure"))
    if LOSS.search(match["figure"]):
        return
    reading = _read_from(plain, sentence, text, match, phrase)
    if reading is None:
        return
    value = _fraction(match["rate"], falls=bool(FALL.fullmatch(match["noun"])))
    yield reading.measure(
        value,
        "fraction",
        plain[max(sentence.start, match.start() - 14) : match.start()],
        match.end("figure") if match.re is _SLUMP_IN else match.end(),
        match.start("rate"),
    )
    if match.re is _SLUMP_IN and match["digits"] and not _RANGE.match(plain, match.end()):
        yield from _size(reading, match["figure"], match)


def _read_from(plain: str, sentence: Sentence, text: Text, match: re.Match[str], phrase: Phrase) -> Reading | None:
    """Whose a figure behind its number is: the name in its own phrase, else the subject before the number."""
    direct = text.beside(sentence, phrase.start)
    ahead = phrase if direct is not None else Phrase(match.start(), phrase.end)
    if direct is None and text.named_otherwise(sentence, phrase.start):
        return None
    if re.fullmatch(MACRO, match["figure"], re.IGNORECASE) and direct is None:
        ahead = phrase
    reading = reading_of(plain, sentence, text, match["figure"], ahead, match.start(), match.end())
    if reading is None:
        return None
    return replace(reading, subject=plain[phrase.start : phrase.end], start=min(reading.start, match.start()))


def _amounted(plain: str, sentence: Sentence, text: Text, match: re.Match[str]) -> Iterator[Measure]:
    """Read ``generated $6.5 billion in revenue``."""
    if _RANGE.match(plain[match.start() :]) or _compiled(r"(?:to|-|–|from|between)\s*$").search(plain[sentence.start : match.start()]):
        return
    reading = _read_from(plain, sentence, text, match, Phrase(match.start("np"), match.end("figure")))
    if reading is None or reading.kind != "company_value":
        return
    found = english_amount(match["currency"], match["digits"], match["scale"], match["unit"])
    if found is not None and found[1] not in ("times", "points"):
        words = plain[max(sentence.start, match.start() - 16) : match.start()]
        yield reading.measure(found[0], found[1], words, match.end(), match.start("digits"))
        yield from _tail(plain, sentence, reading, match["figure"], match.end())


def _jobs(plain: str, sentence: Sentence) -> Iterator[Measure]:
    for match in _JOBS.finditer(plain, sentence.start, sentence.end):
        if unreal(plain, sentence, match.start(), match.end()) or not (match["scale"] or number(match["digits"]) >= 1000):
            continue
        size = number(match["digits"]) * {"million": 1e6, "thousand": 1e3}.get((match["scale"] or "").strip().lower(), 1.0)
        value = -size if match["way"].lower() in ("shed", "lost", "cut") else size
        yield Measure(
            "macro_value", "jobs", None, value, "persons", qualifier(match["adverb"]), match.start(), match.end(), match.start("digits")
        )
