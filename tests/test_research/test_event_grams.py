"""Sentences scored by their characters, against a loop; pairs of group and subject by hand; the single sentences the model learns from."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from research import event_pairs
from research.event_grams import GROUPS, SIZE, Grams, bags, shipped
from research.event_ties import Tie
from research.event_types import Found
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
        ("法院已受理债权人对该集团提出的破产清算申请。", "litigation_settlement"),
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


def tie(name, symbol, confidence, at, *, relation="clause", place="body", chosen=True, gram=0.1, size=0.0):
    return Tie(Found(name, symbol, confidence, at, at + 5, 0.0, at), relation, place, confidence, chosen, gram, size)


def test_evidence_of_a_pair_by_hand():
    ties = [
        tie("earnings.beat", "A", 0.8, 10, place="headline"),
        tie("earnings.growth", "A", 0.5, 40, gram=0.6),
        tie("earnings.growth", "B", 0.4, 60, chosen=False, relation="opener"),
        tie("price_move.up", "A", 0.9, 80, relation="move", size=3.0),
        tie("price_move.down", "B", 0.5, 90, relation="move", size=9.0),
    ]
    pairs = event_pairs.gather(ties)
    assert [(pair.group, pair.symbol, len(pair.ties)) for pair in pairs] == [
        ("earnings", "A", 2), ("earnings", "B", 1), ("price_move", "A", 1), ("price_move", "B", 1),
    ]  # fmt: skip
    assert pairs[0].best.found.name == "earnings.beat" and pairs[1].confidence == 0.0
    mentions = {
        "A": {"in_headline": True, "relevance": 0.9, "n_mentions": 3},
        "B": {"in_headline": False, "relevance": 0.2, "n_mentions": 1},
    }
    scores = np.zeros((2, len(GROUPS)))
    scores[:, GROUPS.index("earnings")] = 0.3
    row, rival, move, _ = event_pairs.evidence(pairs, mentions, scores, {("earnings", "A")})
    assert row["clause:headline"] == 0.8 and row["clause:body"] == 0.5 and row["chosen"] == 0.8 and row["ruled"] == 1.0
    assert row["gram"] == 0.6 and row["said"] == pytest.approx(math.log(3)) and row["top"] == 1.0
    assert row["text:share"] == pytest.approx(1.0) and row["text"] == pytest.approx(math.log(0.3 / 0.7001) / 4)
    assert rival["behind"] == 0.8 and rival["ruled"] == 0.0 and rival["headline"] == 0.0
    assert (move["move:size"], move["move:rank"], move["move:order"]) == (1.0, 0.5, 1.0)


def test_what_else_the_words_could_belong_to():
    ties = [
        tie("earnings.growth", "A", 0.5, 10, relation="topic", chosen=True),  # another company was named before this sentence
        tie("earnings.growth", "B", 0.5, 10, relation="its", chosen=False),
        tie("earnings.growth", "A", 0.3, 40, relation="topic", place="lead"),  # nobody else was
        tie("mna.acquire", "A", 0.8, 60),
        tie("mna.acquire", "B", 0.8, 60, chosen=False),  # two names in one clause
        tie("mna.acquire", "C", 0.8, 60, relation="sentence", chosen=False),
        tie("mna.acquire", None, 0.8, 60, relation="nobody", chosen=False),
        tie("buyback.plan", "A", 0.6, 90),
    ]
    scores = np.full((1, len(GROUPS)), 0.1)
    rows = event_pairs.evidence(event_pairs.gather(ties), {}, scores, set())
    earnings, pronoun, buyer, target, seller, nobody, buyback = rows
    assert (earnings["topic:away:body"], earnings["topic:near"], pronoun["its:bare"]) == (0.5, 0.3, 0.5)
    assert buyer["clause:many:chosen"] == target["clause:many"] == seller["sentence:clause"] == nobody["nobody:named"] == 0.8
    assert buyback["clause:one:chosen"] == 0.6 and "clause:one" not in buyback


def test_reading_speaks_for_the_likeliest_subject_of_a_group_only(monkeypatch):
    monkeypatch.setattr(event_pairs, "_weights", lambda: {"bias": -1.0, "headline": 2.0})
    rows = [
        (event_pairs.Pair("earnings", "A"), {"headline": 1.0, "text": 0.5, "unknown": 7.0}),
        (event_pairs.Pair("earnings", "B"), {"headline": 0.0, "text": 0.5}),
        (event_pairs.Pair("mna", "B"), {"headline": 0.0, "text": -1.0}),
    ]
    # log-odds 1, -1, -1 from the weights; a quarter of the sentences' 2 and -4 counts from -2 on; a further subject loses 1
    wanted = [1.0 + 0.25 * (2.0 + 2.0), -1.0 - 1.0, -1.0 + 0.25 * (-4.0 + 2.0)]
    assert event_pairs.likely(rows) == pytest.approx([1 / (1 + math.exp(-one)) for one in wanted])
    assert event_pairs.likely([]) == []
