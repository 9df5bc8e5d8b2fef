"""Sentences scored by their characters, against a loop; the single sentences the model learns from."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from research.event_grams import GROUPS, SIZE, Grams, bags, shipped
from research.moves import Span
from research.sentences import sentences

TEXT = "甲公司裁员1,200人\n甲公司宣布关闭两座工厂。乙公司没有评论!"
NAMES = [Span("A", "甲公司", 0, 3), Span("A", "甲公司", 12, 15)]


def slow(plain, names, parts):
    """One dictionary of grams a sentence: mask, shorten, cut, hash with Python's integers."""
    masked = list(plain)
    for name in names:
        masked[name.start : name.end] = "▮" * (name.end - name.start)
    found = []
    for part in parts:
        kept: list[str] = []
        for at in range(part.start, part.end):
            char = "0" if masked[at].isascii() and masked[at].isdigit() else masked[at]
            before = "0" if at and masked[at - 1].isascii() and masked[at - 1].isdigit() else masked[at - 1] if at else ""
            if not (char == before and char in "0▮"):
                kept.append(char)
        counts: dict[int, int] = {}
        for n in range(1, 5):
            for at in range(len(kept) - n + 1):
                value = 0
                for step, char in enumerate(kept[at : at + n]):
                    value = ((value * 0x9E3779B97F4A7C15) ^ ((ord(char) + step + 1) * 0xC2B2AE3D27D4EB4F)) % 2**64
                mixed = ((value ^ (value >> 29)) * 0x165667B19E3779F9) % 2**64
                place = (mixed >> 32) % SIZE
                counts[place] = counts.get(place, 0) + 1
        found.append(counts)
    return found


def test_bags_are_those_of_a_loop():
    parts = sentences(TEXT, TEXT.index("\n") + 1)
    places, owners, sizes = bags(TEXT, NAMES, parts)
    for index, counts in enumerate(slow(TEXT, NAMES, parts)):
        own = places[owners == index]
        assert {int(place): int(n) for place, n in zip(*np.unique(own, return_counts=True), strict=True)} == counts
        assert sizes[index] == sum(counts.values())


def test_scores_are_logistic_sums():
    rng = np.random.default_rng(3)
    model = Grams(rng.normal(size=(SIZE, len(GROUPS))).astype(np.float32), rng.normal(size=len(GROUPS)).astype(np.float32))
    parts = sentences(TEXT, TEXT.index("\n") + 1)
    got = model.scores(TEXT, NAMES, parts)
    for row, counts in enumerate(slow(TEXT, NAMES, parts)):
        size = sum(counts.values())
        logits = sum(model.weights[place].astype(float) * n for place, n in counts.items()) / math.sqrt(size) + model.intercepts
        assert got[row] == pytest.approx(1 / (1 + np.exp(-np.clip(logits, -30, 30))), rel=1e-4)


def test_nothing_to_score():
    assert shipped().scores("", [], []).shape == (0, len(GROUPS))


def test_sentences_to_learn_from_are_labelled_once_each_and_cover_every_group():
    path = Path(__file__).parents[1] / "golden" / "articles" / "sentences.tsv"
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(len(row) == 2 and len(row[1]) >= 5 for row in rows)
    assert len({row[1] for row in rows}) == len(rows)
    counts = Counter(row[0] for row in rows)
    assert set(counts) == {*GROUPS, "none"} and min(counts.values()) >= 20


@pytest.mark.parametrize(
    ("sentence", "group"),
    [
        ("法院已受理债权人对该集团提出的破产清算申请。", "default_credit"),  # as the taxonomy has it
        ("首席执行官将在月底离任,董事会正在物色继任者。", "insider_management_change"),
        ("央行意外把政策利率下调50个基点。", "central_bank"),
        ("厂区发生火灾,两条生产线被迫停产。", "accident_operations"),
    ],
)
def test_shipped_weights_read_sentences_of_their_own(sentence, group):
    text = "标题\n" + sentence
    assert GROUPS[int(shipped().scores(text, [], sentences(text, 3))[1].argmax())] == group


def test_names_do_not_count():
    other = TEXT.replace("甲公司", "戊己庚")
    parts = sentences(TEXT, TEXT.index("\n") + 1)
    assert np.array_equal(bags(TEXT, NAMES, parts)[0], bags(other, NAMES, parts)[0])


def test_shipped_weights_know_a_lay_off_from_a_rating():
    text = "标题\n该公司将裁掉约一成员工,涉及两千个岗位。分析师把目标价上调至88元,维持“买入”评级。"
    scores = shipped().scores(text, [], sentences(text, 3))
    assert GROUPS[int(scores[1].argmax())] == "layoffs_restructuring"
    assert GROUPS[int(scores[2].argmax())] == "analyst_rating"
