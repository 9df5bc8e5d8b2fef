"""Lines of text: what is read, what is refused and with which sentence."""

import gzip
import json
from pathlib import Path

import pytest

from research.errors import DataError, SourceError, UsageError
from research.tone_lines import check, label_of, read, target_of

ROWS = [
    {"id": 2, "text": "业绩大增", "label": "up", "source": "made here", "score": 0.5},
    {"id": 2, "text": "a line\u2028separator and \x85 stay inside", "target": None},
    {"text": ""},
    {"id": {"deep": [1]}, "text": "长" * 300_000},
]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\n\n"])
def test_every_line_comes_back_as_it_was(tmp_path: Path, pack, ends):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(pack(ends.join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()))
    assert read(path) == ROWS


def test_a_byte_order_mark_is_passed_over(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}')
    assert read(path) == [{"text": "a"}]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b'{"text": "a"}\n{"text": \n', "line 2 is no JSON"),
        (b"[" * 100_000, "line 1 is no JSON"),
        (b'["a"]', "line 1 holds"),
        (b'{"id": 7}', r"line 1 \(id 7\) has the text None"),
        (b'{"text": "a"}\n{"id": "x", "text": 5}', r"line 2 \(id 'x'\) has the text 5"),
        ("涨".encode("gbk"), "is not UTF-8"),
        (gzip.compress(b'{"text": "a"}', mtime=0)[:-6], "cannot be read"),
        (b"\x1f\x8b rubbish", "cannot be read"),
    ],
)
def test_what_is_no_line_is_named(tmp_path: Path, raw, sentence):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(raw)
    with pytest.raises(SourceError, match=sentence) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_bad_usage(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(UsageError, match="no file"):
            read(path)


@pytest.mark.parametrize(
    ("row", "target"),
    [
        ({"target": "Bolt"}, "Bolt"),
        ({"subject": "凌云科技"}, "凌云科技"),
        ({"target": "Bolt", "subject": "Acme"}, "Bolt"),
        ({"target": None, "subject": "Acme"}, "Acme"),
        ({"target": 600519}, "600519"),
        ({"target": "NaN"}, ""),
        ({"subject": float("nan")}, ""),
        ({"target": " "}, ""),
        ({}, ""),
    ],
)
def test_target(row, target):
    assert target_of(row) == target


@pytest.mark.parametrize(("label", "said"), [("up", "up"), (1, "1"), (0, "0"), (True, "True"), ("", "")])
def test_labels_are_words_whole_numbers_or_truth_values(label, said):
    assert label_of({"label": label}, 0) == said


@pytest.mark.parametrize("label", [0.5, ["a", "b"], {"a": 1}])
def test_other_labels_are_refused(label):
    with pytest.raises(DataError, match=r"Row 3 \(id 'q'\) has the label"):
        label_of({"id": "q", "label": label}, 3)


@pytest.mark.parametrize("row", [{"text": None}, {}, {"text": "a", "target": ["A", "B"]}, {"text": "a", "subject": {"name": "A"}}])
def test_check_names_the_row(row):
    with pytest.raises(DataError, match="Row 1 "):
        check([{"text": ""}, row])
