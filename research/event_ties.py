"""Wordings of events tied to the subjects they may belong to.

:func:`ties` judges each wording: whether the text says it happened (:mod:`research.modality`), whose event it is
(:mod:`research.event_subjects`), where it stands. Trust in one tie is a product, cut at 1:

- trust in the wording: ``level`` of the type in ``events.toml``;
- modality: denied 0, look back 0.4, conditional 0.6, somebody's opinion 0.65, planned 0.7;
- place: headline 1.25, lead 1.1, body 0.9, body of a long text 0.85;
- subject: named beside it 1, after it or taken over from the headline 0.9, by a pronoun 0.85, unknown in passing 0.65.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from research import event_actors, event_subjects, modality
from research.event_grams import GROUPS
from research.event_moves import Stated
from research.event_subjects import Scene
from research.event_types import EventType, Found, Hit, hits, unspecified
from research.moves import Span
from research.sentences import BATCH, Sentence, index_at, within

__all__ = ["MARKETS", "Scores", "Tie", "lead_end", "likenesses", "place_of", "ties", "told"]

#: probability of each group (columns) for each sentence (rows)
Scores = npt.NDArray[np.float64]
#: factor for a symbol, a group, and whether the headline says so
Salience = Callable[[str | None, str, bool], float]
_COLUMN = {group: column for column, group in enumerate(GROUPS)}
#: groups of markets and states
MARKETS = frozenset({"macro_data", "central_bank", "fiscal_trade_policy", "geopolitics", "commodity_supply_demand"})
#: groups that befall states, authorities and persons as well
_OF_ANYBODY = frozenset({"regulation_investigation", "litigation_settlement", "accident_operations", "default_credit"})
#: groups and types that report on a period by their nature
_PERIOD = frozenset({"earnings", "dividend", "macro_data", "other.business_update", "other.operating_figure"})
_LONG = 1_200
#: what is left of a kind that the headline denies: the body may tell it of somebody else
_DENIED = 0.4
_HEADLINE, _LEAD, _BODY, _LONG_BODY = 1.25, 1.1, 0.9, 0.85
#: somebody the master does not know: who the headline or lead is about (or a market), in passing
_UNNAMED, _NOBODY = 0.9, 0.65
#: from this probability on a sentence without a wording of a group is tied to it
_READS = 0.03


class Tie(NamedTuple):
    """A wording tied to a possible subject.

    ``strength`` is the trust in the wording times what its modality leaves of it; ``chosen`` marks the likeliest subject; ``part`` is the
    index of its sentence, ``gram`` how much that sentence reads like the group, ``rank`` one over the place of the group among all groups
    it reads like; ``away`` is how many sentences off its subject is named; ``move`` is the move of prices it tells.
    """

    found: Found
    relation: str
    place: str
    strength: float
    chosen: bool
    part: int = 0
    gram: float = 0.0
    rank: float = 0.0
    loose: bool = False
    away: int = 0
    move: Stated | None = None


class _Said(NamedTuple):
    """A wording, the index of its sentence, and what its modality leaves of it: 0 where the text denies it."""

    hit: Hit
    part: int
    left: float


@dataclass(slots=True)
class _Reading:
    """A wording that the text does not deny: where it stands, what its modality leaves of it, and its likeliest subject.

    ``where`` is the weight of its place, ``sure`` how sure the subject is; ``passing``: a company the master does not know, in passing.
    """

    hit: Hit
    group: str
    index: int
    scene: Scene
    said: float
    where: float
    symbol: str | None
    sure: float
    passing: bool

    def found(self, symbol: str | None, sure: float, salience: float = 1.0) -> Found:
        """Return the event it would be of ``symbol``."""
        kind, sentence = self.hit.kind, self.scene.sentence
        confidence = round(min(1.0, self.hit.level * self.said * self.where * sure), 4)
        if salience != 1.0:
            confidence = round(min(1.0, confidence * salience), 4)
        return Found(kind.name, symbol, confidence, sentence.start, sentence.end, kind.prior, self.hit.start, sentence.headline)


def told(
    plain: str, spans: Sequence[Span], parts: Sequence[Sentence], topic: str | None, language: str, published_at: datetime,
    wanted: Callable[[EventType], bool] = lambda kind: True,
) -> list[Found]:  # fmt: skip
    """Return every wording of an event with its likeliest subject, denials left out, in order of appearance.

    The arguments are those of :func:`ties`; ``wanted`` tells which types count. One sentence says a thing of somebody once.
    """
    said_of = [one for one in _said(plain, tuple(parts), language, published_at.year) if not one.hit.loose and wanted(one.hit.kind)]
    if not said_of:
        return []
    subjects, topic = _cast(plain, spans, topic, language, published_at)
    found: dict[tuple[str, str | None, int], Found] = {}
    for reading in _readings(plain, spans, parts, subjects, topic, said_of):
        key = reading.hit.kind.name, reading.symbol, reading.scene.sentence.start
        if not reading.passing and key not in found:
            found[key] = reading.found(reading.symbol, reading.sure)
    return sorted(found.values(), key=lambda one: one.at)


def ties(
    plain: str,
    spans: Sequence[Span],
    parts: Sequence[Sentence],
    topic: str | None,
    language: str,
    published_at: datetime,
    scores: Scores | None = None,
    salience: Salience = lambda symbol, group, headline: 1.0,
) -> list[Tie]:
    """Return every wording of an event tied to each subject it may belong to, denials left out, in order of appearance.

    Parameters
    ----------
    plain, spans, parts
        Text as :func:`research.cleaning.plain` gives it, the instruments named in it, its sentences.
    topic
        Instrument that is the subject of sentences that name none.
    language
        ``en`` selects the English patterns, anything else the Chinese words.
    published_at
        Years before it mark a look back.
    scores
        How much each sentence reads like an event of each group; sentences that do without a wording are then tied as well.
    salience
        How much the text is about a subject, by symbol, group and whether the headline says so: a factor on the confidence.
    """
    said_of: Sequence[_Said] = _said(plain, tuple(parts), language, published_at.year)
    if scores is not None:
        read = _read(said_of, scores, parts, spans)
        said_of = [*said_of, *(_judged(plain, parts, hit, language, published_at.year) for hit in read)]
    if not said_of:
        return []
    line = plain.find("\n")
    subjects, topic = _cast(plain, spans, topic, language, published_at)
    likeness, lead = likenesses(scores), lead_end(parts)
    away = _distances(subjects, parts)
    titled = list(dict.fromkeys(span.symbol for span in subjects if span.symbol and span.start < line))
    found: list[Tie] = []
    settled: dict[tuple[str, str | None, int], int] = {}
    for reading in _readings(plain, spans, parts, subjects, topic, said_of):
        hit, index, sentence = reading.hit, reading.index, reading.scene.sentence
        part = place_of(sentence, lead)
        gram, rank = likeness(index, reading.group)
        for option, relation in event_subjects.options(plain, hit, reading.scene, topic, reading.symbol, titled).items():
            chosen = option == reading.symbol and not reading.passing
            key = hit.kind.name, option, sentence.start
            before = settled.get(key)
            if before is not None and (found[before].chosen or not chosen):
                continue  # one sentence says a thing of somebody once, where it says it of him rather than of others
            one = reading.found(option, reading.sure if chosen else 1.0, salience(option, reading.group, sentence.headline))
            strength = round(hit.level * reading.said, 4)
            tie = Tie(one, relation, part, strength, chosen, index, gram, rank, loose=hit.loose, away=away(option, index))
            if before is None:
                settled[key] = len(found)
                found.append(tie)
            else:
                found[before] = tie
    return sorted(found, key=lambda tie: tie.found.at)


def _cast(plain: str, spans: Sequence[Span], topic: str | None, language: str, published_at: datetime) -> tuple[list[Span], str | None]:
    """Return who may be a subject, by start, and what the text is about."""
    if language == "en":
        return event_actors.heard(plain, spans, topic), topic
    return event_actors.cast(plain, spans, topic, published_at.date())


@lru_cache(maxsize=BATCH)  # tone and events ask for the same
def _said(plain: str, parts: tuple[Sentence, ...], language: str, year: int) -> tuple[_Said, ...]:
    """Return every wording of an event, denied or not, in the order of :func:`research.event_types.hits`."""
    return tuple(_judged(plain, parts, hit, language, year) for hit in hits(plain, language))


def _judged(plain: str, parts: Sequence[Sentence], hit: Hit, language: str, year: int) -> _Said:
    kind, index = hit.kind, index_at(parts, hit.start)
    period = kind.name in _PERIOD or kind.name.split(".")[0] in _PERIOD
    place = modality.Place(hit.start, hit.end, kind.plan, period, kind.market, kind.ends)
    return _Said(hit, index, modality.judge(plain, parts[index], place, year, english=language == "en"))


def _readings(
    plain: str, spans: Sequence[Span], parts: Sequence[Sentence], subjects: Sequence[Span], topic: str | None, said_of: Sequence[_Said]
) -> Iterator[_Reading]:
    """Yield the wordings that the text does not deny, in their order."""
    lead = lead_end(parts)
    scenes: dict[int, Scene] = {}
    denied: set[str] = set()
    for hit, index, said in said_of:
        if _named(spans, hit):
            continue
        kind, group, sentence = hit.kind, hit.kind.name.split(".")[0], parts[index]
        if not said:
            if sentence.headline:
                denied.add(kind.name)
            continue
        if kind.name in denied:
            said *= _DENIED
        where = _HEADLINE if sentence.headline else _LEAD if sentence.end <= lead else _LONG_BODY if len(plain) > _LONG else _BODY
        if index not in scenes:
            scenes[index] = Scene.of(plain, sentence, subjects)
        symbol, sure, passing = None, 1.0, False
        if not kind.market:
            symbol, sure = event_subjects.subject(plain, hit, scenes[index], topic)
            if symbol is None:
                unknown = where < _LEAD and group in event_subjects.COMPANY and topic != event_actors.UNLISTED
                passing = unknown and group not in _OF_ANYBODY
                sure *= _NOBODY if unknown else _UNNAMED
        yield _Reading(hit, group, index, scenes[index], said, where, symbol, sure, passing)


def _distances(subjects: Sequence[Span], parts: Sequence[Sentence]) -> Callable[[str | None, int], int]:
    """Return what tells how many sentences off a symbol is named, 0 for one that is not named."""
    named_in: dict[str, list[int]] = {}
    for span in subjects:
        named_in.setdefault(span.symbol, []).append(index_at(parts, span.start))

    def away(symbol: str | None, index: int) -> int:
        places = named_in.get(symbol or "")
        if not places:
            return 0
        after = bisect_left(places, index)
        return min(abs(index - place) for place in places[max(0, after - 1) : after + 1])

    return away


def likenesses(scores: Scores | None) -> Callable[[int, str], tuple[float, float]]:
    """Return what tells how much a sentence reads like a group, and one over the group's place among all; without scores 0."""
    if scores is None:
        return lambda part, group: (0.0, 0.0)

    @cache
    def of_sentence(part: int) -> tuple[list[float], list[float]]:
        values: list[float] = scores[part].tolist()
        return values, sorted(values, reverse=True)

    def likeness(part: int, group: str) -> tuple[float, float]:
        values, falling = of_sentence(part)
        value = values[_COLUMN[group]]
        return value, 1.0 / (1 + falling.index(value))

    return likeness


def _read(said_of: Sequence[_Said], scores: Scores, parts: Sequence[Sentence], spans: Sequence[Span]) -> Iterator[Hit]:
    """Yield the sentences that read like an event of a group none of whose wordings they hold."""
    held = {(one.part, one.hit.kind.name.split(".")[0]) for one in said_of}
    kinds = unspecified()
    for row, column in zip(*(scores >= _READS).nonzero(), strict=True):
        group, part = GROUPS[column], parts[row]
        if group == "price_move" or (row, group) in held:
            continue
        names = within(spans, part.start, part.end)
        at = names[0].end if names else part.start
        yield Hit(kinds[group], at, at, kinds[group].level, loose=True)


def _named(spans: Sequence[Span], hit: Hit) -> bool:
    """Return whether the words are part of a name: Summit Basket holds no summit."""
    name = spans[index_at(spans, hit.start)] if spans else None
    return name is not None and name.start <= hit.start and name.end >= hit.end


def lead_end(parts: Sequence[Sentence]) -> int:
    """Return where the lead ends: the first two sentences below the headline."""
    body = [part for part in parts if not part.headline]
    return body[min(1, len(body) - 1)].end if body else 0


def place_of(sentence: Sentence, lead: int) -> str:
    """Return ``headline``, ``lead`` or ``body`` for a sentence, the lead ending at ``lead``."""
    return "headline" if sentence.headline else "lead" if sentence.end <= lead else "body"
