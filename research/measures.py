"""Stated numbers that are no price moves: flows of money, valuations, figures of economy, industry and company.

Chinese sentences are read by :mod:`research.chinese_measures`, English ones by :mod:`research.english_measures`; values, units and
qualifiers mean the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence

from research import chinese_measures, english_measures
from research.moves import Span
from research.numbers import Measure
from research.sentences import Sentence

__all__ = ["Measure", "find"]


def find(plain: str, spans: Sequence[Span], sentences: Sequence[Sentence], claimed: set[int]) -> list[Measure]:
    """Return the measures of ``plain`` in order of appearance; numbers whose digits start in ``claimed`` are left alone."""
    chinese: list[Sentence] = []
    english: list[Sentence] = []
    for sentence in sentences:
        (english if english_measures.is_english(plain[sentence.start : sentence.end]) else chinese).append(sentence)
    taken = set(claimed)
    found: list[Measure] = []
    for reader, own in ((chinese_measures, chinese), (english_measures, english)):
        for measure in reader.find(plain, spans, own):
            if measure.at not in taken:
                taken.add(measure.at)
                found.append(measure)
    return sorted(found, key=lambda m: m.at)
