"""Tone towards instruments, by sign, for sentences written for these tests; the trained model on a set small enough to check by hand."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research import sentiment, tone_model
from research.errors import DataError, SourceError
from research.schemas import DOCUMENTS, content_id

AT = datetime(2024, 5, 8, 12, 0, tzinfo=UTC)
NAMES = {"凌云科技": "A", "远山电子": "B", "创新控股": "C", "Zephyr": "Z", "Bolt": "Y"}


def toned(headline, body="", language="zh-Hans", source=()):
    doc_id = content_id(headline, body)
    row = {
        "doc_id": doc_id, "kind": "news", "source": "wire", "language": language, "headline": headline, "body": body, "published_at": AT,
        "published_precision": "second", "published_not_before": AT, "published_not_after": AT, "available_at": AT, "story_id": doc_id, "novelty": 1.0,
    }  # fmt: skip
    text = headline + "\n" + body
    spans = [
        (doc_id, NAMES[m.group()], m.group(), m.start(), m.end(), m.start() < len(headline), "source" if m.group() in source else "subject")
        for m in re.finditer("|".join(NAMES), text)
    ]
    schema = {
        "doc_id": pl.String,
        "symbol": pl.String,
        "surface": pl.String,
        "start": pl.Int32,
        "end": pl.Int32,
        "in_headline": pl.Boolean,
        "role": pl.String,
    }
    frame = sentiment.tones(DOCUMENTS.frame([row]), pl.DataFrame(spans, schema=schema, orient="row"))
    assert dict(frame.schema) == sentiment.TONES_SCHEMA
    return {r["symbol"]: r for r in frame.to_dicts()}


def sign(row):
    return 1 if row["sentiment"] > 0.1 else -1 if row["sentiment"] < -0.1 else 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("凌云科技拟回购股份", {"A": 1}),
        ("凌云科技股东减持", {"A": -1}),
        ("凌云科技否认违约传闻", {"A": 1}),
        ("凌云科技下调全年业绩指引", {"A": -1}),
        ("凌云科技被立案调查", {"A": -1}),
        ("凌云科技跌10%,远山电子涨3%", {"A": -1, "B": 1}),
        ("凌云科技大涨,而远山电子遭重挫", {"A": 1, "B": -1}),
        ("凌云科技净利润超出预期,但远山电子业绩低于预期", {"A": 1, "B": -1}),
        ("凌云科技将于周五召开股东大会", {"A": 0}),
        ("创新控股召开股东大会", {"C": 0}),
        ("Zephyr beats estimates while Bolt misses expectations", {"Z": 1, "Y": -1}),
        ("Zephyr fell 10%", {"Z": -1}),
        ("Zephyr to hold annual meeting on Friday", {"Z": 0}),
    ],
)
def test_sign(text, expected):
    language = "en" if text.isascii() else "zh-Hans"
    assert {symbol: sign(row) for symbol, row in toned(text, language=language).items()} == expected


def test_a_quoted_source_has_no_tone():
    tones = toned("远山电子:凌云科技业绩大增", source=("远山电子",))
    assert (tones["B"]["sentiment"], tones["B"]["confidence"], tones["B"]["explanation"]) == (0.0, 0.0, "")
    assert tones["A"]["sentiment"] > 0.1


def test_explanation_names_words_and_negation():
    assert "否认·违约+" in toned("凌云科技否认违约传闻")["A"]["explanation"]
    assert "-10.00%" in toned("凌云科技跌10%")["A"]["explanation"]


def test_the_headline_weighs_more():
    headline = toned("凌云科技业绩大增", "凌云科技面临风险。")["A"]["sentiment"]
    body = toned("凌云科技面临风险", "凌云科技业绩大增。")["A"]["sentiment"]
    assert headline > body


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="凌云科技涨跌大超预期不未违约10%,。but fell rose\n", max_size=60))
def test_bounded_whatever_the_text(body):
    for row in toned("凌云科技公告", body).values():
        assert -1 <= row["sentiment"] <= 1
        assert 0 <= row["confidence"] <= 1


def test_lexicon_is_bounded():
    for language in ("zh", "en"):
        words = sentiment.lexicon(language)
        assert len(words) > 300
        assert all(-1 <= weight <= 1 for weight in words.values())


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
    scored = tone_model.train(rows, seed=1).score(rows)
    assert [r["label"] for r in scored] == [r["label"] for r in rows]
    assert all(abs(sum(r["probabilities"].values()) - 1) < 1e-5 for r in scored)


def test_unseen_names_are_read_by_their_clause():
    model = tone_model.train(small_set(), seed=1)
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
    model = tone_model.train(rows, seed=0)
    assert model.labels == tuple(sorted(words))
    assert [r["label"] for r in model.score([{"text": "丙公司股东减持", "target": "丙公司"}])] == ["利空"]


def test_prediction_equals_sklearn_on_the_same_features():
    from sklearn.linear_model import LogisticRegression

    rows = small_set()
    model = tone_model.train(rows, seed=1)
    dense = np.zeros((len(rows), len(model.vocabulary)))
    for i, row in enumerate(rows):
        counts = tone_model.tokens(row["text"], row["target"], row["lang"])
        for near in (True, False):
            values = {
                t: (1 + np.log(n)) * model.idf[model.vocabulary[t]]
                for t, n in counts.items()
                if t.startswith("@") is near and t in model.vocabulary
            }
            length = np.sqrt(sum(v * v for v in values.values()))
            for token, value in values.items():
                dense[i, model.vocabulary[token]] = value / length
    other = LogisticRegression(C=8.0, max_iter=400, tol=1e-4).fit(dense, [r["label"] for r in rows])
    # Fewer than 50 texts: no calibration, so the probabilities are those of the plain regression.
    assert np.allclose(model.probabilities(rows), other.predict_proba(dense), atol=1e-4)


def test_round_trip(tmp_path: Path):
    model = tone_model.train(small_set(), seed=1)
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
        tone_model.train(rows, seed=0)


def test_floor_on_real_headlines():
    path = Path(__file__).parents[3] / "shared" / "nlp" / "en_sentfin.train.jsonl.gz"
    if not path.exists():
        pytest.skip("labelled headlines are not part of a public clone")
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:3600]
    texts = sorted({row["text"] for row in rows})
    held = set(texts[::6])
    model = tone_model.train([row for row in rows if row["text"] not in held], seed=0)
    test = [row for row in rows if row["text"] in held]
    right = np.mean([a["label"] == b["label"] for a, b in zip(model.score(test), test, strict=True)])
    assert right > 0.66
