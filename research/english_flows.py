"""Money on the move and what is paid for it, in English sentences: flows, insiders' trades, new funds, valuations.

The sign of a flow or trade is that of money going in. Used by :mod:`research.english_measures`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from research.english_owners import Phrase, Text, unreal
from research.english_words import ADVERBS, FALL, LEVEL, MOVED
from research.moves import Span
from research.numbers import NUMBER, PERCENT, Measure, english_amount, english_amount_pattern, number, qualifier
from research.sentences import Sentence, clauses, within

__all__ = ["find"]


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# ---------------------------------------------------------------- flows
_NOUN = (
    r"(?:net\s+(?P<net>inflows?|outflows?|buying|selling|purchases|sales|redemptions|subscriptions|creations)|(?P<gross>inflows?|"
    r"outflows?))"
)
_WAS = r"(?:\s+(?:of|at|was|were|totall?ed|reached|hit|amounted\s+to|came\s+(?:in\s+at|to)|stood\s+at|rose\s+to|fell\s+to|worth))"
_FLOWS = (
    _compiled(
        rf"{_NOUN}(?:\s+(?:into|from|to|out\s+of|through|via|for|in|on)\s+[^,;:%$€£\d]{{1,50}}?)?{_WAS}(?P<adverb>{ADVERBS})\s+{LEVEL}"
    ),
    _compiled(rf"(?P<adverb>{ADVERBS})\s{LEVEL}\s+(?:of|in)\s+{_NOUN}"),
    _compiled(rf"\b(?P<bought>bought|sold|purchased)(?P<adverb>{ADVERBS})\s+net\s+(?:of\s+)?{LEVEL}"),
    _compiled(
        rf"\b(?P<moved>poured|plowed|ploughed|pulled|withdrew|yanked|put)(?P<adverb>{ADVERBS})\s+{LEVEL}\s+(?:in)?(?P<where>to|from|"
        rf"out\s+of)\s"
    ),
    _compiled(rf"\b(?P<drew>attracted|drew|took\s+in|pulled\s+in|lured|raked\s+in)(?P<adverb>{ADVERBS})\s+{LEVEL}"),
)
_OUT = _compiled(r"outflows?|selling|sales|redemptions|sold|pulled|withdrew|yanked")
_FUND_NAME = r"(?:(?:(?!(?:and|the|of|into|from|to|in|out|by|with|for)\s)[\w&.'’-]+)\s){0,4}"
_OWNERS = (
    ("northbound_flow", _compiled(r"north-?bound(?:\s\w+)?")),
    ("southbound_flow", _compiled(r"south-?bound(?:\s\w+)?")),
    ("margin_flow", _compiled(r"margin\s+(?:financing|trading|lending|loans?|debt|traders)")),
    ("etf_flow", _compiled(rf"(?<![\w-]){_FUND_NAME}(?:ETFs?|exchange[- ]traded\s+funds?)\b")),
)  # fmt: skip
_MARGIN = _compiled(
    rf"(?P<subject>margin\s+(?:debt|financing|loans?|balances?|lending)(?:\s+balances?)?)(?:\s+[^,;:%$€£\d]{{1,40}}?)?\s+"
    rf"{MOVED}(?P<adverb>{ADVERBS})\s+{LEVEL}"
)

# ---------------------------------------------------------------- insiders
_WHO = (
    r"(?P<who>chief\s+executive|ceo|cfo|coo|chief\s+\w+\s+officer|chair(?:man|woman)?|co-?founder|founder|directors?|president|"
    r"insiders?|executives?|"
    r"(?:largest|controlling|major|biggest)\s+shareholders?|shareholders?|board\s+members?)"
)
_ACTED = (
    r"(?P<plan>(?:plans?|planned|intends?|proposed)\s+to\s+)?"
    r"(?P<way>sold|sells?|bought|buys?|purchased?|acquired|disposed\s+of|unloaded|offloaded)"
)
_COUNTED = (
    rf"(?P<count>{NUMBER})(?P<of>\s(?:million|thousand|billion))?\s+(?:[a-z-]+\s+){{0,2}}shares"
    rf"(?P<worth>[^.;]{{0,50}}?\s(?:worth|for|valued\s+at)(?P<about>{ADVERBS})\s+{LEVEL})?"
)
_PRICED = rf"{english_amount_pattern('2')}\s+(?:worth\s+)?(?:of|in)\s+(?:[\w'’.&-]+\s+){{0,4}}?(?:shares|stock)\b"
_STAKE = (
    rf"{NUMBER}{PERCENT}\s+(?:stake|holding)\b[^.;,$€£\d]{{0,40}}?\s(?:for|worth|valued\s+at)(?P<round>{ADVERBS})\s+"
    rf"{english_amount_pattern('3')}"
)
_INSIDER = _compiled(rf"\b{_WHO}\b(?P<gap>[^;%$€£\d]{{0,60}}?)\s{_ACTED}(?P<adverb>{ADVERBS})\s+(?:{_COUNTED}|{_PRICED}|{_STAKE})")
_SOMEBODY_ELSE = _compiled(r"\b(?:said|says|that|company|it|they|which|whose|if|not|never)\b")
_DONE = _compiled(r"sold|sells|bought|buys|purchased|acquired|disposed\s+of|unloaded|offloaded")
#: suffix of the groups of an amount, group of the words before it
_PAID = (("", "about"), ("2", "adverb"), ("3", "round"))
_THOUSANDS = MappingProxyType({"": 1.0, "thousand": 1e3, "million": 1e6, "billion": 1e9})
_SELLS = _compiled(r"sold|sells?|disposed\s+of|unloaded|offloaded")

# ---------------------------------------------------------------- new funds
_FUND = _compiled(
    rf"\b(?P<subject>(?:new(?:ly[\s-](?:launched|established|formed|issued|raised))?)\s+(?:(?!(?:and|of|in|the)\s)[a-z-]+\s+"
    rf"){{0,4}}?funds?(?:\s+(?:issuance|launches|offerings|sales))?|"
    rf"(?:mutual\s+|equity\s+|stock\s+)?fund\s+(?:issuance|launches|offerings))(?:\s+(?:in|during|for|from)\s+[^,;:%$€£\d]{{1,30}}?)?"
    rf"\s+(?:(?:have|has|had)\s+)?(?:raised|totall?ed|raising|of|was|were|reached|hit|came\s+to|amounted\s+to|stood\s+at|rose\s+to|"
    rf"fell\s+to|dropped\s+to|worth)(?P<adverb>{ADVERBS})\s+{LEVEL}"
)

# ---------------------------------------------------------------- valuations
_BASE = r"(?:earnings|profits?|sales|revenues?|book(?:\s+value)?|ebitda|cash\s+flow)"
_TIMES = _compiled(
    rf"\b(?:at|of)(?P<adverb>{ADVERBS})\s+(?P<digits>{NUMBER})\s?(?:times|x)\s+(?P<base>(?:(?!(?:the|its|their)?\s*(?:levels?|as|more|"
    rf"that)\b)[\w'’-]+\s+){{0,5}}?{_BASE})\b"
)
_RATIO = _compiled(
    rf"\b(?P<base>(?:(?:forward|trailing|average)\s+)?(?:price[- ](?:to[- ])?(?:earnings|book|sales)|P/E|P/B|P/S|EV/EBITDA|earnings\s+"
    rf"multiple)(?:\s+(?:ratio|multiple))?)"
    rf"(?:\s+(?:of|is|was|at|stands\s+at|stood\s+at|(?:fell|rose|dropped|climbed|slipped)\s+to|near)|"
    rf":)(?P<adverb>{ADVERBS})\s*(?P<digits>{NUMBER})(?![\d%])(?!\s*(?:%|per\s?cent|percent))"
)
_PERCENTILE = _compiled(rf"\b(?P<digits>{NUMBER})(?:st|nd|rd|th)\s+percentile\b")
_VALUED = _compiled(r"valuation|price-to|P/E|P/B|multiple|earnings")
_ITSELF = _compiled(r"\b(?:it|its|the\s+(?:stock|shares|company|index)|shares)\b")


def find(plain: str, sentence: Sentence, text: Text) -> Iterator[Measure]:
    """Yield the flows, insiders' trades, new funds and valuations of one English sentence."""
    yield from _flows(plain, sentence, text)
    yield from _insiders(plain, sentence, text)
    yield from _funds(plain, sentence)
    yield from _valuations(plain, sentence, text)


def _money(match: re.Match[str], suffix: str = "") -> tuple[float, str] | None:
    """Return an amount of money or of fund units; ``None`` for a number of anything else."""
    if match[f"digits{suffix}"] is None:
        return None
    found = english_amount(match[f"currency{suffix}"], match[f"digits{suffix}"], match[f"scale{suffix}"], match[f"unit{suffix}"])
    if found is None or found[1].isupper():
        return found
    return (found[0], "units") if found[1] == "pieces" and match[f"unit{suffix}"].lower() == "units" else None


def _flows(plain: str, sentence: Sentence, text: Text) -> Iterator[Measure]:
    for pattern in _FLOWS:
        for match in pattern.finditer(plain, sentence.start, sentence.end):
            found = _money(match)
            kind, subject, start = _flow_owner(plain, sentence, match)
            groups = match.groupdict()
            if (
                found is None
                or kind is None
                or unreal(plain, sentence, match.start(), match.end())
                or (groups.get("drew") and kind != "etf_flow")
            ):
                continue
            words = next(groups[name] for name in ("net", "gross", "bought", "moved", "drew") if groups.get(name))
            outward = (groups.get("where") or "to").lower() != "to" if groups.get("moved") else bool(_OUT.fullmatch(words))
            if groups.get("moved") and outward != bool(_OUT.fullmatch(words)):
                continue
            begin, end = min(start, match.start()), max(match.end(), start + len(subject))
            symbol = _fund_named(plain, text, sentence, start, subject) if kind == "etf_flow" else None
            before = groups["adverb"] if groups["adverb"].strip() else ""
            yield Measure(
                kind,
                subject,
                symbol,
                -found[0] if outward else found[0],
                found[1],
                qualifier(before),
                begin,
                end,
                match.start("digits"),
            )
    for match in _MARGIN.finditer(plain, sentence.start, sentence.end):
        found = _money(match)
        if found is not None and not unreal(plain, sentence, match.start(), match.end()):
            value = -found[0] if FALL.fullmatch(match["verb"]) else found[0]
            yield Measure(
                "margin_flow",
                match["subject"],
                None,
                value,
                found[1],
                qualifier(match["adverb"]),
                match.start(),
                match.end(),
                match.start("digits"),
            )


def _flow_owner(plain: str, sentence: Sentence, match: re.Match[str]) -> tuple[str | None, str, int]:
    """Return (kind, subject, where the subject stands): who is named last before the flow, else first inside or behind it."""
    named = [
        (one.start(), kind, one.group()) for kind, pattern in _OWNERS for one in pattern.finditer(plain, sentence.start, match.start())
    ]
    if not named:
        stop = next((b for a, b in clauses(plain, sentence.start, sentence.end) if b >= match.end()), sentence.end)
        behind = [
            (one.start(), kind, one.group())
            for kind, pattern in _OWNERS
            for one in pattern.finditer(plain, match.start(), min(stop, match.end() + 70))
        ]
        named = sorted(behind)[:1]
    if not named:
        return None, "", match.start()
    start, kind, subject = max(named)
    return kind, subject.strip(), start


def _fund_named(plain: str, text: Text, sentence: Sentence, start: int, subject: str) -> str | None:
    """Return the symbol of the one fund the subject names."""
    named = {s.symbol for s in within(text.shares, start, start + 1)}
    return named.pop() if len(named) == 1 and not subject.lower().endswith("s") else None


def _insiders(plain: str, sentence: Sentence, text: Text) -> Iterator[Measure]:
    for match in _INSIDER.finditer(plain, sentence.start, sentence.end):
        done = _DONE.fullmatch(match["way"]) and not unreal(plain, sentence, match.start(), match.end())
        span = _company(plain, sentence, text, match)
        if _SOMEBODY_ELSE.search(match["gap"]) or span is None or not (done or match["plan"]):
            continue
        sign = -1.0 if _SELLS.fullmatch(match["way"]) else 1.0
        subject = ("plans to " if match["plan"] else "") + match["way"]
        start = min(span.start, match.start()) if sentence.start <= span.start else match.start()
        said = [(*paid, match[words] or "", match.start(f"digits{name}")) for name, words in _PAID if (paid := _money(match, name))]
        if match["count"]:
            said.insert(
                0,
                (number(match["count"]) * _THOUSANDS[(match["of"] or "").strip().lower()], "shares", match["adverb"], match.start("count")),
            )
        for value, unit, words, at in said:
            yield Measure("insider_trade", subject, span.symbol, sign * value, unit, qualifier(words), start, match.end(), at)


def _company(plain: str, sentence: Sentence, text: Text, match: re.Match[str]) -> Span | None:
    """Return the company an insider is one of: the only one the sentence names, else what the text is about."""
    named = within(text.shares, sentence.start, sentence.end)
    if named:
        return named[0] if len({s.symbol for s in named}) == 1 else text.beside(sentence, match.start())
    return text.owner(sentence, Phrase(match.start(), match.end("who")), match.end("who"))


def _funds(plain: str, sentence: Sentence) -> Iterator[Measure]:
    for match in _FUND.finditer(plain, sentence.start, sentence.end):
        found = _money(match)
        if found is not None and not unreal(plain, sentence, match.start(), match.end()):
            yield Measure(
                "new_fund_issuance",
                match["subject"],
                None,
                found[0],
                found[1],
                qualifier(match["adverb"]),
                match.start(),
                match.end(),
                match.start("digits"),
            )


def _valuations(plain: str, sentence: Sentence, text: Text) -> Iterator[Measure]:
    for pattern in (_TIMES, _RATIO):
        for match in pattern.finditer(plain, sentence.start, sentence.end):
            span = _valued(plain, sentence, text, match)
            # What earnings are projected to be may be part of the ratio; the price paid for them is a fact.
            if span is None or unreal(plain, sentence, match.start(), match.start("digits")):
                continue
            start = span.start if sentence.start <= span.start <= match.start() else match.start()
            subject = f"{span.surface} {'price to ' if pattern is _TIMES else ''}{match['base']}"
            yield Measure(
                "valuation_level",
                subject,
                span.symbol,
                number(match["digits"]),
                "times",
                qualifier(match["adverb"]),
                start,
                match.end(),
                match.start("digits"),
            )
    if not _VALUED.search(plain, sentence.start, sentence.end):
        return
    for match in _PERCENTILE.finditer(plain, sentence.start, sentence.end):
        span = _valued(plain, sentence, text, match)
        if span is not None:
            start = span.start if sentence.start <= span.start <= match.start() else match.start()
            value = float(f"{number(match['digits']) / 100:.10g}")
            yield Measure(
                "valuation_percentile", span.surface, span.symbol, value, "fraction", "exact", start, match.end(), match.start("digits")
            )


def _valued(plain: str, sentence: Sentence, text: Text, match: re.Match[str]) -> Span | None:
    """Return what a multiple is paid for: the one instrument named before it in its sentence, else the text's topic."""
    before = within(text.named, sentence.start, match.start())
    if before:
        pieces = [a for a, _ in clauses(plain, sentence.start, sentence.end) if a <= match.start()]
        near = [s for s in before if pieces and s.start >= pieces[-1]] or before[:1]
        return near[0] if len({s.symbol for s in near}) == 1 and not text.strange(near[-1].end, match.start()) else None
    return text.topic(sentence) if _ITSELF.search(plain, sentence.start, match.start()) else None
