"""The trained tone: its features, its two machines, its file; on sets small enough to check by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research import tone_model, tone_training
from research.errors import DataError, SourceError
from research.tone_features import BLOCKS, features, name_units
from research.tone_model import Vocabulary

GOOD = ["profit jumps", "wins big order", "shares rally", "raises outlook", "beats estimates"]
BAD = ["profit slumps", "loses big order", "shares tumble", "cuts outlook", "misses estimates"]


def small_set():
    rows = []
    for i, (up, down) in enumerate(zip(GOOD, BAD, strict=True)):
        for j, (a, b) in enumerate((("Acme", "Bolt"), ("Cern", "Dune"))):
            text = f"{a} {up}, {b} {down}"
            rows.append({"id": f"{i}{j}a", "text": text, "target": a, "lang": "en", "label": "positive"})
            rows.append({"id": f"{i}{j}b", "text": text, "target": b, "lang": "en", "label": "negative"})
    return rows


def test_training_tells_two_targets_of_one_text_apart():
    rows = small_set()
    scored = tone_training.train(rows, seed=1).score(rows)
    assert [r["label"] for r in scored] == [r["label"] for r in rows]
    assert all(abs(sum(r["probabilities"].values()) - 1) < 1e-5 for r in scored)


def test_unseen_names_are_read_by_their_clause():
    model = tone_training.train(small_set(), seed=1)
    new = [{"id": 1, "text": "Ever profit jumps, Fox profit slumps", "target": t} for t in ("Ever", "Fox")]
    assert [r["label"] for r in model.score(new)] == ["positive", "negative"]


def test_three_labels_and_chinese():
    words = {
        "利好": ["业绩大增", "中标大单", "回购股份"],
        "利空": ["业绩下滑", "股东减持", "被立案"],
        "中性": ["召开会议", "变更地址", "更换秘书"],
    }
    rows = [
        {"id": f"{label}{i}{n}", "text": f"{n}{word}", "target": n, "label": label}
        for label, ws in words.items()
        for i, word in enumerate(ws)
        for n in ("甲公司", "乙公司")
    ]
    model = tone_training.train(rows, seed=0)
    assert model.labels == tuple(sorted(words))
    assert [r["label"] for r in model.score([{"text": "丙公司股东减持", "target": "丙公司"}])] == ["利空"]


def test_features_equal_those_of_another_implementation():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["股价大涨大涨", "股价大跌", "公司股价创新高", "公司大跌", "业绩平平", "会议"]
    rows = [{"text": text, "lang": "zh"} for text in texts]
    words, ours = {}, None
    for part, read in features(rows):
        assert part == slice(0, len(rows))
        hashes, seen = np.unique(
            np.unique(np.stack([read.rows["whole"].astype(np.uint64), read.hashes["whole"]]), axis=1)[1], return_counts=True
        )
        words = Vocabulary.of(hashes, (np.log((1 + len(rows)) / (1 + seen)) + 1).astype(np.float32))
        ours = words.matrix(read.rows["whole"], words.find(read.hashes["whole"]), len(rows), "whole")
    theirs = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True).fit_transform(texts)
    assert ours.shape == theirs.shape
    # The order of the columns is ours alone: compare what does not depend on it.
    assert np.allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-5)


def test_features_do_not_depend_on_the_batch():
    rows = [*small_set(), {"text": "甲公司大涨,乙公司大跌", "target": "甲公司"}, {"text": "", "target": "甲"}, {"text": "None of it"}]
    (_, whole), *none = features(rows)
    assert not none
    for place, (part, alone) in enumerate(features(rows, batch=1)):
        assert part == slice(place, place + 1)
        for block in BLOCKS:
            mine = np.sort(whole.hashes[block][whole.rows[block] == place])
            assert mine.tolist() == np.sort(alone.hashes[block]).tolist()


def test_a_name_inside_a_longer_name_is_not_the_target():
    rows = [{"text": "小云钱包被查", "target": name, "lang": "zh"} for name in ("小云", "小云钱包")]
    ((_, read),) = features(rows)
    # Behind the longer name stand "#被查", "被查" and so on: 3 single characters with the mask, 2 pairs; behind the shorter one more.
    assert [int(np.count_nonzero(read.rows["after"] == place)) for place in (0, 1)] == [5 + 4, 3 + 2]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=200, unique=True), st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_find_is_a_dictionary(known, asked):
    known = sorted(known)
    words = Vocabulary.of(np.array(known, dtype=np.uint64), np.ones(len(known), np.float32))
    place = {value: i for i, value in enumerate(known)}
    asked = asked + known[::3]
    assert words.find(np.array(asked, dtype=np.uint64)).tolist() == [place.get(value, -1) for value in asked]


def test_logits_are_the_mean_of_two_machines():
    from sklearn.svm import LinearSVC

    rows = small_set()
    model = tone_training.train(rows, seed=1)
    truth = np.array([row["label"] == "positive" for row in rows])
    dense = np.zeros((len(rows), sum(len(model.vocabulary[block].hashes) for block in BLOCKS)))
    left = 0
    ((_, read),) = features(rows)
    for block in BLOCKS:
        words = model.vocabulary[block]
        for i in range(len(rows)):
            mine = read.hashes[block][read.rows[block] == i].tolist()
            scale = 0.5 if block == "outline" else 1.0
            values = {
                h: ((1 + np.log(mine.count(h))) * words.idf[words.hashes.tolist().index(h)] if block != "name" else 1.0) for h in set(mine)
            }
            length = np.sqrt(sum(v * v for v in values.values()))
            for h, value in values.items():
                dense[i, left + words.hashes.tolist().index(h)] = scale * value / length
        left += len(words.hashes)
    p, q = dense[truth].sum(axis=0) + 1, dense[~truth].sum(axis=0) + 1
    ratio = np.log(p / p.sum()) - np.log(q / q.sum())
    plain = LinearSVC(C=1.0, class_weight="balanced").fit(dense, truth).decision_function(dense)
    scaled = LinearSVC(C=1.0, class_weight="balanced").fit(dense * ratio, truth).decision_function(dense * ratio)
    # Fewer than 50 texts: neither offsets nor temperature.
    assert np.allclose(model.logits(rows), np.stack([np.zeros(len(rows)), (plain + scaled) / 2], axis=1), atol=2e-3)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path):
    rows = [{**row, "text": f"{row['text']} on day {n}"} for n in range(8) for row in small_set()]
    for name in ("first", "again"):
        tone_training.train(rows, seed=3).save(tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()


def test_a_rare_label_is_found():
    common = [{"text": f"股东减持{n}万股", "label": "减持"} for n in "一二三四五六七八九十百千万亿"] * 4
    rare = [{"text": f"公司{n}地失联跑路", "label": "失联"} for n in "甲乙丙丁"]
    rows = [{**row, "text": f"{place % 7}日{row['text']}", "lang": "zh"} for place, row in enumerate([*common, *rare])]
    scored = tone_training.train(rows, seed=0).score([{"text": "老板失联跑路", "lang": "zh"}, {"text": "大股东减持股份", "lang": "zh"}])
    assert [r["label"] for r in scored] == ["失联", "减持"]


@pytest.mark.parametrize(
    ("label", "text", "none"), [("失联跑路", "老板跑路失联", "股东大会"), ("Buy-back plan", "a plan to buy back", "it was sold")]
)
def test_the_units_of_a_label_are_those_of_a_text(label, text, none):
    for said, whole in ((text, True), (none, False)):
        ((_, read),) = features([{"text": said}])
        words = [unit for unit in name_units(label).tolist() if unit in set(read.hashes["whole"].tolist())]
        assert (len(words) >= 3) is whole
        assert bool(words) is whole


def test_a_label_is_also_known_by_its_name():
    rows = [{"text": f"{n}号股东减持股份", "label": "减持"} for n in range(40)] + [
        {"text": f"{n}号公司歇业", "label": "停业"} for n in range(20)
    ]
    # Numbers are all one to the features, so every text carries a character of its own.
    marks = [chr(place) for place in range(0x4E00, 0x4E00 + len(rows))]
    model = tone_training.train([{**row, "text": mark + row["text"]} for mark, row in zip(marks, rows, strict=True)], seed=0)
    words = model.vocabulary["label"]
    found = {char: int(words.find(name_units(char))[0]) for char in "减持停业"}
    weights = model.weights["label"]
    # No row holds 停: its name is known all the same.
    assert weights[found["停"], 0] > 0
    assert words.idf[found["停"]] == pytest.approx(np.log(61) + 1)
    assert [weights[found[char]].tolist() for char in "减持"] == [[0.0, weights[found["减"], 1]]] * 2
    assert weights[found["减"], 1] == pytest.approx(weights[found["业"], 0])
    assert weights[found["减"], 1] > 0
    # 0.1 · (idf - 1) each: 减 and 持 are in 40 rows of 60.
    values = words.matrix(np.zeros(2, np.int64), np.array([found["减"], found["持"]]), 1, "label").toarray()[0]
    assert values[found["减"]] == pytest.approx(0.1 * np.log(61 / 41), rel=1e-5)


def marked(rows):
    """Give every text a character of its own: numbers are all one to the features."""
    return [{**row, "text": chr(0x4E00 + place) + row["text"]} for place, row in enumerate(rows)]


def test_a_rare_label_is_known_by_words_of_its_kind():
    # What the two rare labels have in common with their rows is nothing but the kind of event.
    rows = [{"text": "股东减持股份", "label": "减持"}] * 60 + [
        {"text": f"老板{word}", "label": "失联跑路"} for word in ("潜逃", "失踪", "外逃", "卷款")
    ]
    rows += [{"text": f"老板{word}", "label": "歇业停业"} for word in ("关门", "停工", "清盘", "注销")]
    model = tone_training.train(marked(rows), seed=0)
    assert [r["label"] for r in model.score([{"text": "老板人去楼空"}, {"text": "老板倒闭"}])] == ["失联跑路", "歇业停业"]


def test_a_label_of_one_row_is_not_said():
    rows = marked(
        [{"text": "股东减持股份", "label": "a"}] * 40 + [{"text": "公司回购股份", "label": "b"}] * 40 + [{"text": "停牌", "label": "c"}]
    )
    (said,) = tone_training.train(rows, seed=0).score([rows[-1]])
    assert said["label"] != "c"
    assert said["probabilities"]["c"] == 0.0


@pytest.mark.parametrize("outside", [{"positive": 1, "negative": -1}, {"positive": True, "negative": False}])
def test_labels_come_back_as_what_they_were(tmp_path: Path, outside):
    rows = [{**row, "label": outside[row["label"]]} for row in small_set()]
    tone_training.train(rows, seed=1).save(tmp_path / "m")
    scored = tone_model.load(tmp_path / "m").score(rows)
    assert [(type(r["label"]), r["label"]) for r in scored] == [(type(row["label"]), row["label"]) for row in rows]


def test_labels_of_several_kinds_come_back_as_words():
    rows = [{"text": text, "label": label} for text, label in zip((*GOOD, *BAD), [1] * 5 + ["bad"] * 5, strict=True)]
    assert {r["label"] for r in tone_training.train(rows, seed=1).score(rows)} == {"1", "bad"}


def test_lines_without_targets_are_scored_by_the_twin_that_saw_none(tmp_path: Path):
    rows = small_set() + [
        {"text": f"Acme {said}", "label": label} for said, label in [(g, "positive") for g in GOOD] + [(b, "negative") for b in BAD]
    ]
    bare = [{"text": row["text"], "label": row["label"]} for row in rows]
    tone_training.train(rows, seed=1).save(tmp_path / "m")
    model, alone = tone_model.load(tmp_path / "m"), tone_training.train(bare, seed=1)
    assert alone.blind is None
    assert model.score(bare) == alone.score(bare)
    # One target among the lines, and every line is read by the machine that knows targets.
    mixed = [{"text": "Bolt raises outlook", "target": "Bolt"}, bare[-1]]
    assert model.score(mixed)[1]["probabilities"] != alone.score(mixed)[1]["probabilities"]


def test_a_subject_is_a_target():
    rows = small_set()
    renamed = [{"subject" if field == "target" else field: value for field, value in row.items()} for row in rows]
    one, other = tone_training.train(rows, seed=1), tone_training.train(renamed, seed=1)
    assert one.score(rows) == other.score(renamed)


def test_scored_lines_keep_their_order_and_ids():
    model = tone_training.train(small_set(), seed=1)
    ids = [3, 3, None, "x", "", 1.5]
    scored = model.score([{"id": i, "text": text, "other": 1} for i, text in zip(ids, [*GOOD, ""], strict=True)])
    assert [row["id"] for row in scored] == ids
    assert model.score([]) == []


def test_without_a_target_the_tone_of_the_rules_counts_once_for_each_step():
    from research import sentiment

    rows = [{"text": "业绩大增,股价大涨"}, {"text": "遭重挫"}, {"text": "召开会议"}, {"text": "凌云科技遭重挫", "target": "凌云科技"}]
    tones = [row["sentiment"] for row in sentiment.score_lines(rows)]
    ((_, read),) = features(rows)
    counts = np.bincount(read.rows["tone"], minlength=4).tolist()
    assert counts == [sum(abs(tone) > step for step in (0.0, 0.2, 0.4, 0.6, 0.8)) for tone in tones[:3]] + [0]
    assert counts[:2] > [0, 0]
    assert not set(read.hashes["tone"][read.rows["tone"] == 0].tolist()) & set(read.hashes["tone"][read.rows["tone"] == 1].tolist())


def test_a_model_loads_without_scikit_learn(tmp_path: Path):
    tone_training.train(small_set(), seed=1).save(tmp_path / "m")
    code = f"import sys; from research import tone_model; tone_model.load({str(tmp_path / 'm')!r}).score([{{'text': 'a'}}]); assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_round_trip(tmp_path: Path):
    model = tone_training.train(small_set(), seed=1)
    first, second = tmp_path / "tone.model", tmp_path / "again.model"
    model.save(first)
    read = tone_model.load(first)
    read.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert read.score(small_set()) == model.score(small_set())


def test_what_is_no_model_is_refused(tmp_path: Path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"not a model")
    with pytest.raises(SourceError, match=r"tidings sentiment train"):
        tone_model.load(path)
    np.savez(path, format=np.array("something else"))
    with pytest.raises(SourceError, match="something else"):
        tone_model.load(path)
    np.savez(path, format=np.array("tidings tone model 4"), lexicon=np.array("other words"))
    with pytest.raises(SourceError, match="other lexicons"):
        tone_model.load(path)
    np.savez(path, format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SourceError):
        tone_model.load(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "No rows"),
        ([{"id": 1, "text": "a", "label": "x"}], "at least two"),
        ([{"id": 1, "text": "a"}], "no label"),
        ([{"id": 1, "text": None, "label": "x"}], "expected a string"),
    ],
)
def test_bad_rows(rows, message):
    with pytest.raises(DataError, match=message):
        tone_training.train(rows, seed=0)


def test_floor_on_real_headlines():
    path = Path(__file__).parents[3] / "shared" / "nlp" / "en_sentfin.train.jsonl.gz"
    if not path.exists():
        pytest.skip("labelled headlines are not part of a public clone")
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:2000]
    texts = sorted({row["text"] for row in rows})
    held = set(texts[::6])
    model = tone_training.train([row for row in rows if row["text"] not in held], seed=0)
    test = [row for row in rows if row["text"] in held]
    right = np.mean([a["label"] == b["label"] for a, b in zip(model.score(test), test, strict=True)])
    assert right > 0.72
