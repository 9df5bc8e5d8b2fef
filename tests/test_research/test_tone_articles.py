"""Tone of articles: views against a loop, the table against hand-worked figures, the fit against planted signs, and plain articles."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from research import documents, linking, sentiment, tone_articles
from research.data import build_tone_weights as build
from research.event_grams import SIZE
from research.instruments import shipped
from research.moves import Span
from research.sentences import sentences
from research.sources import Article
from research.tone_articles import NAMES, Told
from research.tone_evidence import Evidence
from research.tone_views import Views, bagged, drawn

BEFORE, OWN, AFTER = 1, 0, 2
#: what an article says beside its news, so that it is long enough to be one
FILLER = "该行业的统计每季度公布一次,口径由主管部门确定,样本覆盖东部、中部和西部的企业。" * 12


def bag(pieces):
    """Hash, with Python's integers, the grams of (side, characters) pieces."""
    codes = [ord(char) + (side << 21) for side, piece in pieces for char in piece]
    counts: dict[int, int] = {}
    for n in range(1, 4):
        for at in range(len(codes) - n + 1):
            value = 0
            for step, code in enumerate(codes[at : at + n]):
                value = ((value * 0x9E3779B97F4A7C15) ^ ((code + step + 1) * 0xC2B2AE3D27D4EB4F)) % 2**64
            place = ((((value ^ (value >> 29)) * 0x165667B19E3779F9) % 2**64) >> 32) % SIZE
            counts[place] = counts.get(place, 0) + 1
    return counts


def test_views_are_those_of_a_loop():
    text = "标题\n甲公司收购乙公司1,200万股。此后甲公司大涨。"
    spans = [Span("A", "甲公司", 3, 6), Span("B", "乙公司", 8, 11), Span("A", "甲公司", 21, 24)]
    views = drawn(text, spans, sentences(text, 3))
    assert {symbol: len(seen) for symbol, seen in views.items()} == {"A": 2, "B": 1}
    first = bag([(OWN, "▮"), (AFTER, "收购▯0,0万股。")])
    second = bag([(BEFORE, "此后"), (OWN, "▮"), (AFTER, "大涨。")])
    table = bagged([views["A"], views["B"]]).toarray()
    expected = np.zeros(SIZE)
    for counts in (first, second):
        for place, times in counts.items():
            expected[place] += times / math.sqrt(sum(counts.values()) * 2)
    assert table[0] == pytest.approx(expected, abs=1e-6)
    assert table[1].sum() == pytest.approx(math.sqrt(sum(bag([(BEFORE, "▯收购"), (OWN, "▮"), (AFTER, "0,0万股。")]).values())), rel=1e-6)


def test_a_name_is_seen_in_its_sentence_and_eight_times():
    text = "标题\n" + "甲" * 30 + "公司涨。" + "公司跌。" * 12
    at = [i for i in range(len(text)) if text.startswith("公司", i)]
    (seen,) = drawn(text, [Span("A", "公司", i, i + 2) for i in at], sentences(text, 3)).values()
    assert len(seen) == 8
    assert len(seen[0]) == 20 + 1 + len("涨。")  # twenty characters in front of it, and no more than its sentence


def test_log_odds_are_sums_of_weights():
    weights = np.random.default_rng(5).normal(size=(SIZE, 2)).astype(np.float32)
    text = "标题\n甲公司大涨。"
    views = drawn(text, [Span("A", "甲公司", 3, 6)], sentences(text, 3))["A"]
    counts = bag([(OWN, "▮"), (AFTER, "大涨。")])
    expected = sum(times * weights[place] for place, times in counts.items()) / math.sqrt(sum(counts.values())) + np.array([1.0, -1.0])
    found = Views(weights, np.array([1.0, -1.0], dtype=np.float32)).log_odds([views, []])
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert found[1].tolist() == [1.0, -1.0]  # nothing is seen of it


def evidence() -> Evidence:
    found = Evidence()
    found.add(0.5, 2.0, "涨", "word")
    found.add(-0.8, 1.0, "-4.00%", "move")
    found.add(0.6, 1.0, "+2.00%", "move")
    found.add(-0.3, 1.0, "guidance.cut", "event")
    return found


def test_the_table_by_hand():
    told = Told("^GSPC", evidence(), 0.2, [], {"subject": 3, "passing": 1}, True, 0.25, 0.5, 6, 1000)
    (row,) = tone_articles.tabled([told], np.array([[-1.5, 0.5]]))
    found = dict(zip(NAMES, row.tolist(), strict=True))
    assert found == pytest.approx(
        {
            "tone": 0.2, "rules": 1.1 * 0.5 / math.sqrt(5), "score": 0.5, "weight": 5.0, "absolute": 2.7, "agreement": 0.5 / 2.7,
            "reasons": 4, "headline:score": 1.0, "word:good": 1.0, "word:bad": 0.0, "word:times": 1, "move:good": 0.6, "move:bad": 0.8,
            "move:times": 2, "result:good": 0, "result:bad": 0, "result:times": 0, "event:good": 0, "event:bad": 0.3, "event:times": 1,
            "deal:good": 0, "deal:bad": 0, "deal:times": 0, "move:first": -0.8, "move:last": 0.6, "headline": 1, "first": 0.25,
            "times": math.log(5), "share": 0.5, "instruments": math.log(7), "length": math.log(1000), "index": 1, "priced": 0,
            "role:subject": 0.75, "role:counterparty": 0, "role:passing": 0.25, "role:source": 0, "views:bad": -1.5, "views:good": 0.5,
        }
    )  # fmt: skip


def test_reasons_are_the_strongest():
    found = evidence()
    assert found.explanation() == "涨+1.0; -4.00%-0.8; +2.00%+0.6; guidance.cut-0.3"
    assert found.explanation(-0.9).startswith("涨+1.0; words around-0.9")
    assert found.explanation(0.1) == found.explanation()  # hardly anything is not told


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, 0.0), (0.2, 0.0), (0.3, 0.1), (-0.3, -0.1), (1.0, 1.0), (-1.0, -1.0), (0.65, 0.55)]
)
def test_what_is_hardly_likelier_one_way_is_no_tone(difference: float, expected: float):
    assert tone_articles._sentiment(difference) == pytest.approx(expected)


def held(sign: int, place: int) -> build.Labelled:
    """Return an instrument whose views and moves tell its sign."""
    text = f"标题\n甲公司{'大涨' if sign > 0 else '大跌' if sign < 0 else '开会'}。"
    found = Evidence()
    if sign:
        found.add(0.7 * sign, 1.0, "x", "move")
    views = drawn(text, [Span("A", "甲公司", 3, 6)], sentences(text, 3))["A"]
    return build.Labelled(f"d{place}", Told("A", found, 0.3 * sign, views, {"subject": 1}, True, 0.0, 1.0, 1, 500), sign)


def test_the_fit_finds_planted_signs_and_is_the_same_twice(tmp_path):
    rows = [held(sign, place) for place, sign in enumerate([-1, 0, 1] * 80)]
    odds = build.unseen(rows)
    signs = np.array([row.sign for row in rows])
    assert (np.sign(odds[:, 1]) == np.where(signs > 0, 1, -1)).all() and (np.sign(odds[:, 0]) == np.where(signs < 0, 1, -1)).all()
    for name in ("one", "two"):
        for way, found in build.trees(rows, odds).items():
            found.save(tmp_path / f"{name}_{way}")
    assert (tmp_path / "one_good.npz").read_bytes() == (tmp_path / "two_good.npz").read_bytes()
    good = build.trees(rows, odds)["good"].grown(tone_articles.tabled([row.told for row in rows], odds))
    assert ((good > 0) == (signs > 0)).all()


def test_articles_of_one_fold_are_not_split():
    rows = [held(1, place // 3) for place in range(30)]
    fold = build._folds(rows)
    assert all(len({fold[i] for i in range(k, k + 3)}) == 1 for k in range(0, 30, 3)) and len(set(fold)) == 5


@pytest.fixture(scope="module")
def linker() -> linking.Linker:
    return linking.Linker.build(shipped())


def tones(linker: linking.Linker, *bodies: str) -> list[dict[str, tuple[float, float]]]:
    built = documents.build(
        [Article("news", "test", f"行业简报{n}", body, None, datetime(2026, 3, 10, tzinfo=UTC)) for n, body in enumerate(bodies)]
    ).documents
    rows = sentiment.tones(built, linker.spans(built)).join(built.select("doc_id", "headline"), on="doc_id")
    return [
        {row["symbol"]: (row["sentiment"], row["confidence"]) for row in rows.filter(headline=f"行业简报{n}").iter_rows(named=True)}
        for n in range(len(bodies))
    ]


def test_plain_articles(linker: linking.Linker):
    good = FILLER + "宁德时代收涨6.2%,创下历史新高,机构纷纷上调目标价。比亚迪收跌5.1%,因销量大幅低于预期。"
    passing = FILLER + "协会的成员包括宁德时代、比亚迪。"
    up, idle = tones(linker, good, passing)
    assert up["300750.SZ"][0] > 0.4 and up["002594.SZ"][0] < -0.4
    assert {abs(tone) < 0.1 for tone, _ in idle.values()} == {True} and len(idle) == 2
    assert up["300750.SZ"][1] > idle["300750.SZ"][1]  # confidence is the probability of a tone


def test_who_is_only_quoted_has_a_row_and_no_tone(linker: linking.Linker):
    (found,) = tones(linker, FILLER + "中信证券分析师认为,宁德时代业绩大幅增长,维持买入评级。")
    assert found["600030.SS"] == (0.0, 0.0) and found["300750.SZ"][0] > 0.1


def test_other_articles_of_the_batch_change_nothing(linker: linking.Linker):
    one = FILLER + "宁德时代收涨6.2%,创下历史新高。"
    other = FILLER + "比亚迪收跌5.1%,遭遇抛售。"
    assert tones(linker, one)[0] == tones(linker, one, other)[0]
    assert all(-1 <= tone <= 1 and 0 <= sure <= 1 for found in tones(linker, one, other) for tone, sure in found.values())


def test_short_texts_and_english_ones_are_read_by_the_rules(linker: linking.Linker):
    short = documents.build([Article("news", "test", "快讯", "宁德时代收涨6.2%。", None, datetime(2026, 3, 10, tzinfo=UTC))]).documents
    (row,) = sentiment.tones(short, linker.spans(short)).iter_rows(named=True)
    assert row["explanation"] == "+6.20%+0.8"
