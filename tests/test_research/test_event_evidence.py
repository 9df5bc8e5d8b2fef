"""Evidence for a (group, subject) pair against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from research import event_pairs, events
from research.event_evidence import evidence
from research.event_grams import GROUPS
from research.event_moves import Stated
from research.event_pairs import Pair
from research.event_ties import Tie, likenesses
from research.event_types import Found

MENTIONS = {
    "A": {"in_headline": True, "relevance": 0.9, "n_mentions": 3},
    "B": {"in_headline": False, "relevance": 0.2, "n_mentions": 1},
}


def tie(name, symbol, confidence, at, *, relation="clause", place="body", chosen=True, part=0, gram=0.1, rank=0.5, away=0):
    return Tie(Found(name, symbol, confidence, at, at + 5, 0.0, at), relation, place, confidence, chosen, part, gram, rank, away=away)


def move(symbol, size, at, *, part, basis="close", record=False, place="body"):
    found = Found("price_move.up", symbol, 0.5, at, at + 5, 0.0, at)
    return Tie(found, "move", place, 0.5, False, part, 0.2, 1.0, move=Stated(found, size, False, basis, record))


def evidenced(pairs, mentions, scores, ruled=frozenset(), headline="公司周报", odds=None):
    return evidence(headline, pairs, mentions, scores, ruled, odds or [[0.0] * len(pair.ties) for pair in pairs])


def test_how_a_pair_is_told_and_what_rivals_it():
    ties = [
        tie("earnings.beat", "A", 0.8, 10, place="headline", rank=1.0),
        tie("earnings.growth", "A", 0.5, 40, gram=0.6),
        tie("earnings.growth", "B", 0.4, 60, chosen=False, relation="opener"),
        tie("mna.acquire", "A", 0.5, 70, place="lead"),
    ]
    pairs = event_pairs.gather(ties)
    assert [(pair.group, pair.symbol, len(pair.ties)) for pair in pairs] == [("earnings", "A", 2), ("earnings", "B", 1), ("mna", "A", 1)]
    assert pairs[0].best.found.name == "earnings.beat" and pairs[1].confidence == 0.0
    scores = np.zeros((2, len(GROUPS)))
    scores[:, GROUPS.index("earnings")] = 0.3
    row, rival, deal = evidenced(pairs, MENTIONS, scores, {("earnings", "A")})
    assert row["clause:headline"] == 0.8 and row["clause:body"] == 0.5 and row["chosen"] == 0.8 and row["ruled"] == 1.0
    assert row["gram"] == 0.6 and row["said"] == pytest.approx(math.log(3)) and row["top"] == 1.0
    assert row["text:share"] == pytest.approx(1.0) and row["text"] == pytest.approx(math.log(0.3 / 0.7001) / 4)
    # the foremost place is the headline: 1 + 0.8 + 0.1 + 0.3 against 1 + 0.5 + 0.6
    assert row["first:gram"] == pytest.approx(math.log(0.101) / 4) and row["first:rank"] == 1.0
    assert row["elsewhere"] == 0.5 and deal["elsewhere"] == 0.8 and rival["elsewhere"] == 0.0
    assert row["pairs"] == pytest.approx(math.log(4) / 3)
    assert rival["behind"] == 0.8 and rival["ruled"] == 0.0 and rival["headline"] == 0.0


def test_how_far_off_the_subject_is_named():
    near, far = tie("mna.acquire", "A", 0.4, 20, relation="topic", away=2), tie("mna.acquire", "A", 0.5, 50, relation="topic", away=9)
    deal, named, nobody = evidenced(
        event_pairs.gather([near, far, tie("earnings.beat", "A", 0.8, 10), tie("buyback.plan", None, 0.3, 70, relation="nobody")]),
        MENTIONS, np.full((1, len(GROUPS)), 0.1),
    )  # fmt: skip
    assert deal["away"] == deal["topic:distance"] == pytest.approx(math.log(3) / 2)  # the nearest
    assert deal["first:away"] == pytest.approx(math.log(10) / 2)  # 1 + 0.5 + 0.1 against 1 + 0.4 + 0.1
    assert named["away"] == named["topic:distance"] == nobody["away"] == 0.0


def test_headlines_that_explain():
    pairs, scores = event_pairs.gather([tie("buyback.plan", "A", 0.5, 10)]), np.full((1, len(GROUPS)), 0.1)
    reported = {"股票回购是怎么回事?": 1.0, "一文看懂可转债": 1.0, "甲公司回购股份": 0.0, "甲公司如何烧掉十亿": 0.0}
    assert {headline: evidenced(pairs, MENTIONS, scores, headline=headline)[0]["guide"] for headline in reported} == reported


def test_how_a_move_stands_among_the_moves():
    ties = [
        move("A", 3.0, 80, part=1, record=True),
        move("B", 9.0, 90, part=1, basis="week"),
        move("B", 1.0, 150, part=3, basis="week"),
        move("C", 2.0, 200, part=4, basis=None),
    ]
    first, second, third = evidenced(event_pairs.gather(ties), MENTIONS, np.full((5, len(GROUPS)), 0.1))
    assert (first["move:size"], first["move:rank"], first["move:order"]) == (1.0, 0.5, 1.0)
    assert (second["move:size"], second["move:rank"], second["move:order"]) == (2.0, 1.0, 0.5)
    assert first["move:many"] == pytest.approx(math.log(4))  # three instruments moved
    assert first["move:list"] == pytest.approx(math.log(3)) and second["move:list"] == pytest.approx(math.log(2))
    assert (first["move:first"], second["move:first"]) == (1.0, 1.0)  # B begins its second sentence
    assert (first["move:record"], second["move:record"]) == (1.0, 0.0)
    assert first["move:close"] == 1.0 and second["move:long"] == 1.0 and third["move:none"] == 1.0
    assert (first["depth"], third["depth"]) == (0.25, 1.0)


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
    rows = evidenced(event_pairs.gather(ties), {}, np.full((1, len(GROUPS)), 0.1))
    earnings, pronoun, buyer, target, seller, nobody, buyback = rows
    assert (earnings["topic:away:body"], earnings["topic:near"], pronoun["its:bare"]) == (0.5, 0.3, 0.5)
    assert buyer["clause:many:chosen"] == target["clause:many"] == seller["sentence:clause"] == nobody["nobody:named"] == 0.8
    assert buyback["clause:one:chosen"] == 0.6 and "clause:one" not in buyback


def test_whose_event_the_sentences_tell():
    ties = [
        tie("mna.acquire", "A", 0.5, 10, part=1, gram=0.2),
        tie("mna.acquire", "A", 0.9, 60, part=3, gram=0.8),  # the foremost
        tie("mna.acquire", "B", 0.5, 60, part=3, gram=0.8, relation="sentence", chosen=False),
        tie("earnings.beat", "B", 0.5, 90, part=3),
    ]
    pairs, third = event_pairs.gather(ties), math.log(1 / 2)  # log-odds of one in three
    buyer, seller, alone = evidenced(pairs, {}, np.full((4, len(GROUPS)), 0.1), odds=[[math.log(9), 0.0], [third], [0.0]])
    assert (buyer["owner"], buyer["owner:first"]) == (math.log(9), 0.0)
    assert buyer["owner:told"] == pytest.approx(0.8 * 0.5)  # more than 0.2 * 0.9
    assert (buyer["owner:there"], buyer["owner:lead"], buyer["owner:gram"]) == (0.0, -third, 0.8)
    assert seller["owner:told"] == pytest.approx(0.8 / 3) and seller["owner:lead"] == pytest.approx(third)
    assert alone["owner:lead"] == 6.0  # nobody else could be the owner


def test_likeness_of_a_sentence_and_its_place_among_the_groups():
    scores = np.zeros((2, len(GROUPS)))
    scores[1, GROUPS.index("mna")], scores[1, GROUPS.index("buyback")], scores[1, GROUPS.index("dividend")] = 0.5, 0.7, 0.5
    likeness = likenesses(scores)
    assert likeness(1, "buyback") == (0.7, 1.0) and likeness(1, "mna") == likeness(1, "dividend") == (0.5, 0.5)
    assert likeness(1, "earnings") == (0.0, 0.25)
    assert likenesses(None)(0, "mna") == (0.0, 0.0)


def test_the_likely_pairs_are_listed_and_a_likely_group_with_its_likeliest_subject():
    def pair(group, symbol, at):
        return Pair(group, symbol, [tie(f"{group}.unspecified", symbol, 0.5, at)])

    weighed = [
        (0.60, pair("earnings", "A", 10)),
        (0.20, pair("earnings", "B", 20)),  # its group is listed already
        (0.20, pair("mna", "A", 30)),
        (0.19, pair("mna", "B", 40)),  # 1 - 0.80 * 0.81 = 0.352: somebody's deal is likely
        (0.11, pair("buyback", "A", 50)),
        (0.10, pair("buyback", "B", 60)),  # 1 - 0.89 * 0.90 = 0.199 is not likely enough
    ]
    found = events._listed(weighed)
    assert [(one.name, one.symbol, one.confidence) for one in found] == [("earnings.unspecified", "A", 0.6), ("mna.unspecified", "A", 0.2)]
    many = [(0.9 - 0.01 * at, pair("price_move", f"S{at}", at)) for at in range(9)]
    assert [one.symbol for one in events._listed(many)] == [f"S{at}" for at in range(6)]
