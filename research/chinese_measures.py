"""Figures stated in Chinese sentences: flows of money, valuations, moves of industries, figures of economy, industry and company.

A reader for each noun (:mod:`research.chinese_flows`, :mod:`research.chinese_valuations`, :mod:`research.sector_moves`,
:mod:`research.chinese_values`) goes over one sentence after another and keeps what a paragraph carries on: whose flow, which
ratio, which subject.
The sign of a flow is that of money going in; of a growth rate, that of growth: ``降幅扩大至0.8%`` is -0.008,
``净流出额缩小79.1亿元`` is +7.91e9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from research import announcements, chinese_flows, chinese_valuations, chinese_values, sector_moves
from research.chinese_flows import FlowContext
from research.chinese_valuations import ValuationContext
from research.chinese_values import ValueContext
from research.moves import Span
from research.numbers import Measure
from research.sector_moves import MoveContext
from research.sentences import Sentence, by_part

__all__ = ["find"]

_DIGIT = re.compile(r"\d")


def find(plain: str, spans: Sequence[Span], sentences: Sequence[Sentence]) -> Iterator[Measure]:
    """Yield the measures of ``sentences``; one number may come twice, the surer reading first."""
    flows, valuations, values, moves = FlowContext(), ValuationContext(), ValueContext(), MoveContext()
    before = 0
    for sentence, inside in zip(sentences, by_part(spans, sentences), strict=True):
        if "\n" in plain[before : sentence.start]:
            flows, valuations, values, moves = FlowContext(), ValuationContext(), ValueContext(), MoveContext()
        before = sentence.start
        text = plain[sentence.start : sentence.end]
        valued = chinese_valuations.TRIGGER.search(text)
        told = valued or _DIGIT.search(text)
        flowing = told and chinese_flows.TRIGGER.search(text)
        if not flowing and chinese_flows.OWNER.search(text) and not chinese_flows.TRIGGER.search(text):
            flows = FlowContext(*chinese_flows.owner(text, flows))
        if inside:
            values.announcer = announcements.announcer(plain, sentence, inside, values.announcer)
        if not told:
            continue
        if flowing:
            yield from chinese_flows.find(plain, sentence, inside, flows)
        if valuations.ratio or valued:
            yield from chinese_valuations.find(plain, sentence, inside, valuations)
        if "%" in text and sector_moves.TRIGGER.search(text):
            for measure, basis in sector_moves.find(plain, sentence, moves):
                yield replace(measure, basis=basis)
        if chinese_values.TRIGGER.search(text):
            yield from chinese_values.find(plain, sentence, inside, values)
