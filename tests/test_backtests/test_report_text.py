"""A report as Markdown and as JSON, and the addresses that may become links."""

import json
from datetime import date

import polars as pl
import pytest

from backtests.plots import coverage
from backtests.report import Highlight, Section, write_report
from backtests.tables import INTERVAL, LINK, laid_out, percent, safe_address, written

BAD = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>1</script>",
    "vbscript:x", "file:///etc/passwd", "//evil.example/x", "/etc/passwd", "http:/one.example", "https://", "http://user:pw@evil.example/",
    "https://bank.example@evil.example/", "https://evil.example/\u202egnp.exe", "https://evil.example/a b", "https://evil.example/\"onclick=1",
    "https://evil.example/<b>", "https://ev\u0456l.example/", "https://evil.example:port/", "https://-evil.example/x\\y", "x" * 20,
    "https://evil.example/" + "a" * 3000, "", None,
]  # fmt: skip
GOOD = [
    "https://news.example/2024/05/a-b.html?id=1&x=%E4%B8%AD#top",
    "http://127.0.0.1:8000/x",
    "HTTPS://NEWS.example/",
    "https://a.example",
]


@pytest.mark.parametrize("address", BAD)
def test_an_address_that_could_do_harm_or_mislead_is_no_link(address):
    assert safe_address(address) is None


@pytest.mark.parametrize("address", GOOD)
def test_a_plain_web_address_is_a_link(address):
    assert safe_address(address) == address


def linked() -> pl.DataFrame:
    cells = [
        [{"text": "Good <b>news</b> | [a](b)", "href": GOOD[0]}, {"text": "Bad *news*", "href": "javascript:alert(1)"}],
        [],
        [{"text": "y" * 500, "href": None}],
    ]
    return pl.DataFrame({"k": [1, 2, 3], "headlines": pl.Series(cells, dtype=pl.List(LINK))})


def test_cells_of_links_keep_the_text_and_the_safe_address():
    rows = laid_out("c", linked())["rows"]
    cells = [row[1][0] for row in rows]
    assert cells[0] == [{"text": "Good <b>news</b> | [a](b)", "href": GOOD[0]}, {"text": "Bad *news*", "href": ""}]
    assert cells[1] == [] and len(cells[2][0]["text"]) == 240 and cells[2][0]["text"].endswith("…")


def test_numbers_that_are_none_are_written_too():
    assert written(pl.Series([float("nan"), float("inf"), -float("inf"), None, 2.5])) == ["–", "∞", "−∞", "–", "2.5000"]
    assert written(pl.Series([float("nan")])) == ["–"]


def sections() -> list[Section]:
    frame = pl.DataFrame({"n": [1, 2], "part": [0.25, None], "day": [date(2024, 1, 2)] * 2, "nan": [float("nan"), 1.0]})
    figure = coverage(pl.DataFrame({"session": [date(2024, 1, 1)], "count": [3]})).update_layout(title_text="Counted")
    return [
        Section(
            "First # one", "A <i>word</i>.\n\nAnother.", (figure,), (("Numbers", frame), linked()), (Highlight("Sharpe", "1.2", "95 %"),)
        ),
        Section("Long", tables=(pl.DataFrame({"k": range(100)}),)),
    ]


def write(path):
    return write_report(
        path, *sections(), title="T_1", verdict="It holds.\n\nMore.", notes=("A note.",), manifest={"seed": 7, "v": "x"}, banner="Made up"
    )


def test_markdown_says_the_same_and_escapes_what_it_quotes(tmp_path):
    text = write(tmp_path / "r.md").read_text("utf-8")
    lines = text.splitlines()
    assert lines[0] == "# T\\_1" and "> **Made up**" in lines and "**It holds.**" in lines and "## First \\# one" in lines
    assert "- Sharpe: **1.2** (95 %)" in lines and "A &lt;i&gt;word&lt;/i&gt;." in lines
    assert "| n | part | day | nan |" in lines and "| 1 | 0.2500 | 2024-01-02 | – |" in lines
    assert f"[Good &lt;b&gt;news&lt;/b&gt; \\| \\[a\\]\\(b\\)](<{GOOD[0]}>); Bad \\*news\\*" in text
    assert "javascript" not in text and "40 more rows are not shown." in lines
    assert "- A note." in lines and "- seed: 7" in lines


def test_json_holds_every_row_as_it_was_computed(tmp_path):
    content = json.loads(write(tmp_path / "r.json").read_text("utf-8"))
    first, long = content["sections"]
    assert content["verdict"].startswith("It holds.") and content["manifest"] == {"seed": 7, "v": "x"} and content["banner"] == "Made up"
    numbers, links = first["tables"]
    assert (numbers["caption"], numbers["columns"]) == ("Numbers", ["n", "part", "day", "nan"])
    assert numbers["rows"] == [[1, 0.25, "2024-01-02", None], [2, None, "2024-01-02", 1.0]]
    assert [each["href"] for each in links["rows"][0][1]] == [GOOD[0], None]
    assert len(long["tables"][0]["rows"]) == 100
    assert first["figures"] == [{"title": "Counted", "traces": [{"type": "bar", "name": "count", "x": ["2024-01-01"], "y": [3]}]}]
    assert first["highlights"] == [{"label": "Sharpe", "value": "1.2", "detail": "95 %"}]


def test_a_figure_is_text_for_people_and_its_value_for_machines(tmp_path):
    frame = percent(pl.DataFrame({"k": ["a", "b", "c"], "r": [-0.0123456, None, -1e-9]}), "r")
    ends = pl.Series("ends", [{"low": -1.25, "high": 2.5, "text": "−1.2 … 2.5"}, None, None], dtype=INTERVAL)
    part = Section("Part", tables=[("T", frame.with_columns(ends))])
    shown = laid_out("T", frame)["rows"]
    assert [row[1] for row in shown] == [("−1.23%", "number"), ("–", "number"), ("0.00%", "number")]
    rows = json.loads(write_report(tmp_path / "f.json", part).read_text("utf-8"))["sections"][0]["tables"][0]["rows"]
    assert rows == [["a", -0.0123456, [-1.25, 2.5]], ["b", None, None], ["c", -1e-9, None]]
    assert "| a | −1.23% | −1.2 … 2.5 |" in write_report(tmp_path / "f.md", part).read_text("utf-8")


@pytest.mark.parametrize("suffix", ["md", "json", "html"])
def test_the_same_bytes_twice_and_nothing_left_behind(tmp_path, suffix):
    first, second = write(tmp_path / f"a.{suffix}").read_bytes(), write(tmp_path / f"b.{suffix}").read_bytes()
    assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]
