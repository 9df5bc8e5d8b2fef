"""Whose event a sentence tells: views against a loop, log-odds against sums, and what the shipped weights make of plain cases."""

import math

import numpy as np
import pytest
from scipy import sparse

from research import event_owners
from research.data import build_event_weights as build
from research.event_grams import GROUPS, SIZE
from research.event_owners import HEADS, Owners, views
from research.event_pairs import Pair
from research.event_ties import Tie
from research.event_types import Found
from research.moves import Span
from research.sentences import sentences

TEXT = "标题\n此前有报道,甲公司收购乙公司1,200万股,市场很关注。涨价已是定局!"
LINE = TEXT.index("\n") + 1
BEFORE, FRONT, BEHIND, PAST, NOBODYS, CARRIED = range(1, 7)


def names_in(text, **symbols):
    found = [
        Span(symbol, surface, at, at + len(surface)) for surface, symbol in symbols.items()
        for at in range(len(text)) if text.startswith(surface, at)
    ]  # fmt: skip
    return sorted(found, key=lambda name: name.start)


def tie(symbol, part, *, group="mna", relation="clause", chosen=True):
    return Tie(Found(f"{group}.unspecified", symbol, 0.5, 0, 5, 0.0, 0), relation, "body", 0.5, chosen, part)


def pair(symbol, *parts, group="mna", **more):
    return Pair(group, symbol, [tie(symbol, part, group=group, **more) for part in parts])


def bag(*pieces):
    """Hash, with Python's integers, the grams of (zone, characters) pieces."""
    codes = [ord(char) + (zone << 21) for zone, piece in pieces for char in piece]
    counts = {}
    for n in range(1, 4):
        for at in range(len(codes) - n + 1):
            value = 0
            for step, code in enumerate(codes[at : at + n]):
                value = ((value * 0x9E3779B97F4A7C15) ^ ((code + step + 1) * 0xC2B2AE3D27D4EB4F)) % 2**64
            place = ((((value ^ (value >> 29)) * 0x165667B19E3779F9) % 2**64) >> 32) % SIZE
            counts[place] = counts.get(place, 0) + 1
    return counts


def read(text, names, pairs):
    parts = sentences(text, text.index("\n") + 1)
    seen = views(text, names, parts, pairs)
    bags = [
        {int(place): int(n) for place, n in zip(*np.unique(of_view, return_counts=True), strict=True)}
        for of_view in np.split(seen.places, seen.sizes.cumsum()[:-1])
    ]
    return seen, bags


def test_views_are_those_of_a_loop():
    names = names_in(TEXT, 甲公司="A", 乙公司="B")
    pairs = [pair("A", 1, 2), pair("B", 1), pair(None, 1), pair("B", 1, group="buyback")]
    seen, bags = read(TEXT, names, pairs)
    expected = {
        (0, 0): [(BEFORE, "此前有报道,"), (0, "▮"), (BEHIND, "收购▯0,0万股"), (PAST, ",市场很关注。")],
        (0, 1): [(CARRIED, "涨价已是定局!")],
        (1, 0): [(BEFORE, "此前有报道,"), (FRONT, "▯收购"), (0, "▮"), (BEHIND, "0,0万股"), (PAST, ",市场很关注。")],
        (2, 0): [(NOBODYS, "此前有报道,▯收购▯0,0万股,市场很关注。")],
    }
    for (row, column), pieces in expected.items():
        view = seen.of_ties[row][column]
        assert bags[view] == bag(*pieces) and seen.sizes[view] == sum(bags[view].values())
    assert seen.of_ties[3] == seen.of_ties[1] and len(seen.sizes) == 4  # one view serves all groups


def test_a_subject_is_named_by_any_of_its_names_in_the_text():
    names = names_in(TEXT, 甲公司="A", 乙公司="B")
    twin = [*names, Span("A.HK", "甲公司", len(TEXT) - 6, len(TEXT) - 3)]  # the other listing is named elsewhere by the same name
    assert read(TEXT, twin, [pair("A.HK", 1)])[1][0] == read(TEXT, names, [pair("A", 1)])[1][0]


def test_characters_far_off_do_not_count():
    near, beside = "近" * 20, "旁" * 30
    text = f"标题\n{beside},{near}甲公司{near},{beside}。"
    names = names_in(text, 甲公司="A")
    _, (seen,) = read(text, names, [pair("A", 1)])
    assert seen == bag((BEFORE, beside[:23] + ","), (FRONT, near[:16]), (0, "▮"), (BEHIND, near[:16]), (PAST, "," + beside[:23]))


def test_log_odds_are_sums():
    rng = np.random.default_rng(5)
    model = Owners(*(rng.normal(size=shape).astype(np.float32) for shape in ((len(GROUPS), SIZE), (len(GROUPS), HEADS), (len(GROUPS),))))
    names = names_in(TEXT, 甲公司="A", 乙公司="B")
    pairs = [pair("A", 1, 2, chosen=False), pair(None, 2, group="buyback", relation="nobody")]
    seen, bags = read(TEXT, names, pairs)
    got = model.log_odds(TEXT, names, sentences(TEXT, LINE), pairs)
    for row, one in enumerate(pairs):
        group = GROUPS.index(one.group)
        for column, told in enumerate(one.ties):
            counts = bags[seen.of_ties[row][column]]
            size = math.sqrt(sum(counts.values()))
            expected = sum(float(model.weights[group, place]) * n for place, n in counts.items()) / size
            head = 2 * event_owners.RELATIONS.index(told.relation) + told.chosen
            assert got[row][column] == pytest.approx(expected + model.heads[group, head] + model.intercepts[group], rel=1e-4, abs=1e-4)


def test_nothing_to_weigh():
    assert event_owners.shipped().log_odds("", [], [], []) == []


def test_names_do_not_count():
    names, other = names_in(TEXT, 甲公司="A", 乙公司="B"), TEXT.replace("甲公司", "戊己庚")
    pairs = [pair("A", 1), pair("B", 1), pair(None, 1)]
    assert read(TEXT, names, pairs)[1] == read(other, names_in(other, 戊己庚="A", 乙公司="B"), pairs)[1]


@pytest.mark.parametrize(
    ("sentence", "group", "likelier", "other"),
    [
        ("据甲公司统计,乙公司去年净利润同比增长二成。", "earnings", "B", "A"),
        ("受此影响,甲公司股价下跌5%,其客户乙公司没有回应。", "price_move", "A", "B"),
        ("甲公司宣布以30亿元收购一家工厂,乙公司担任财务顾问。", "mna", "A", "B"),
    ],
)
def test_shipped_weights_know_whose_event_it_is(sentence, group, likelier, other):
    text = "标题\n" + sentence
    pairs = [pair(symbol, 1, group=group, chosen=False) for symbol in (likelier, other)]
    odds = event_owners.shipped().log_odds(text, names_in(text, 甲公司="A", 乙公司="B"), sentences(text, 3), pairs)
    assert odds[0][0] > odds[1][0]


def test_what_evidence_teaches_is_learnt():
    texts = [f"标题\n{a}公司起诉了{b}公司{'。' * n}" for n in (1, 2, 3) for a in "甲丙戊" for b in "乙丁己"]
    lessons = []
    for text in texts:
        names = names_in(text, **{text[3:6]: "A", text[9:12]: "B"})
        pairs = [pair("A", 1, group="litigation_settlement"), pair("B", 1, group="litigation_settlement"), pair("A", 1)]
        one = build.Labelled(
            {}, names, {}, sparse.csr_matrix((0, 1)), np.zeros((0, 1), dtype=bool), [], {(1, "litigation_settlement"): {"B"}}
        )
        seen = views(text, names, sentences(text, 3), pairs)
        lessons.append(build.owned(one, pairs, seen))
    assert [lesson.own.tolist() for lesson in lessons] == [[False, True]] * len(texts)  # nothing is known of the deal
    assert lessons[0].grams.multiply(lessons[0].grams).sum() == pytest.approx(2.0, rel=0.2)
    model = build.owners(lessons)
    new = "标题\n庚公司起诉了辛公司。"
    pairs = [pair("A", 1, group="litigation_settlement"), pair("B", 1, group="litigation_settlement")]
    (sues,), (sued,) = model.log_odds(new, names_in(new, 庚公司="A", 辛公司="B"), sentences(new, 3), pairs)
    assert sues < 0 < sued
