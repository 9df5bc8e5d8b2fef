from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from backtests.costs import costs
from backtests.metrics import performance
from backtests.plots import coverage, planted_vs_measured
from backtests.report import Highlight, Section, sections_of, write_report
from backtests.rules import rules_of
from backtests.schemas import ORDERS, PORTFOLIO, WEIGHTS
from backtests.simulation import Backtest
from research.errors import UsageError

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">{{ 7 * 7 }} \u202eevil <a href=\"javascript:document.title='owned'\">x</a>"


def backtest() -> Backtest:
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(60)]
    net = [0.01 * ((k * 7) % 5 - 2) for k in range(60)]
    nav = [1.0]
    for r in net:
        nav.append(nav[-1] * (1 + r))
    portfolio = pl.DataFrame(
        {"session": days, "gross_return": [r + 0.001 for r in net], "cost": [0.001] * 60, "net_return": net, "turnover": [0.1] * 60, "gross_exposure": [1.0] * 60, "net_exposure": [0.0] * 60, "nav": nav[1:]},
        schema=PORTFOLIO.schema,
    )  # fmt: skip
    order = {
        "session": days[1],
        "symbol": EVIL,
        "decided_session": days[0],
        "requested": 100.0,
        "filled": 0.0,
        "commission": 0.0,
        "stamp_duty": 0.0,
        "transfer_fee": 0.0,
        "slippage": 0.0,
        "status": "rejected",
        "reason": "limit_up",
    }
    return Backtest(
        portfolio,
        ORDERS.frame([order]),
        performance(portfolio, market="cn"),
        WEIGHTS.empty(),
        "cn",
        1e7,
        rules_of("cn"),
        costs("cn"),
        notes=("A note.",),
    )


def hostile_parts() -> list[Section | Backtest]:
    planted = pl.DataFrame(
        {
            "event_type": [EVIL, "b.c"],
            "planted": [0.02, -0.01],
            "measured": [0.019, None],
            "ci_low": [0.01, None],
            "ci_high": [0.03, None],
            "n": [40, 0],
        }
    )
    counts = pl.DataFrame({"session": [date(2024, 1, 1)], EVIL: [3]})
    frame = pl.DataFrame(
        {
            "headline": [EVIL],
            "p_value": [0.0004],
            "count": [12345],
            "part": [-0.25],
            "none": pl.Series([None], dtype=pl.Float64),
            EVIL: [True],
        }
    )
    return [
        Section(
            EVIL,
            EVIL + "\n\nSecond paragraph.",
            (planted_vs_measured(planted), coverage(counts)),
            ((EVIL, frame), frame),
            (Highlight(EVIL, EVIL, EVIL),),
        ),
        backtest(),
        Section("Last"),
    ]


def hostile(path: Path) -> Path:
    return write_report(
        path, *hostile_parts(), title=EVIL, verdict=EVIL, notes=(EVIL,), manifest={EVIL: EVIL, "tables": {"bars": 3}}, banner=EVIL
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def parse(path: Path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text("utf-8"))
    return tags


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = hostile(tmp_path / "r.html")
    tags = parse(page)
    assert [name for name, _ in tags.tags].count("img") == 0
    figures = [attributes for name, attributes in tags.tags if name == "script" and attributes.get("type") == "application/json"]
    assert len(figures) == 5, "two of the section, three of the backtest"
    assert [name for name, _ in tags.tags].count("script") == 5 + 2, "and plotly.js and the page's own"
    assert {attributes["href"] for name, attributes in tags.tags if name == "a"} == {"#section-1", "#section-2", "#section-3", "#section-4"}
    assert not [a for _, attributes in tags.tags for a in attributes if a.startswith("on")]
    source = page.read_text("utf-8")
    assert "\u202e" not in source and "\ufffdevil" in source
    assert "49" not in re.findall(r"<h1>.*?</h1>", source)[0], "data is not a template"


def test_figures_are_json_and_carry_no_address(tmp_path: Path) -> None:
    tags = parse(hostile(tmp_path / "r.html"))
    for text in [s for s in tags.scripts if s.startswith("{")]:
        assert not set("<>&") & set(text)
        assert "javascript:" not in json.dumps(json.loads(text)).lower()
        assert "href" not in text.lower() or "<a" not in json.dumps(json.loads(text))


def test_the_file_is_one_small_and_asks_for_nothing(tmp_path: Path) -> None:
    page = hostile(tmp_path / "r.html")
    assert page.stat().st_size < 6_000_000
    tags = parse(page)
    addresses = [
        value for _, attributes in tags.tags for name, value in attributes.items() if name in ("src", "href") and value is not None
    ]
    assert all(value.startswith(("#", "data:,")) for value in addresses)
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"], "no temporary file is left"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert hostile(tmp_path / "a.html").read_bytes() == hostile(tmp_path / "b.html").read_bytes()


def test_numbers_are_written_for_people(tmp_path: Path) -> None:
    text = parse(hostile(tmp_path / "r.html")).text
    for shown in (
        "< 0.001",
        "12,345",
        "−0.2500",
        "–",
        "yes",
        "1 orders, of which 1 were rejected",
        "10,000,000 CNY",
        "Sharpe ratio",
        "limit_up",
        "A note.",
    ):
        assert shown in text, shown


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    text = parse(write_report(tmp_path / "r.html", Section("Long", tables=(pl.DataFrame({"k": range(1234)}),)), title="t")).text
    assert "Table: 1,234 rows" in text, "folded"
    assert "1,034 more rows are not shown." in text
    assert (tmp_path / "r.html").stat().st_size < 100_000, "no figure, no plotly.js"


def test_sections_of_what_researchers_have() -> None:
    made, traded = sections_of(backtest())
    assert made.title == "Backtest: mainland China" and len(made.figures) == 2 and len(made.highlights) == 5
    assert traded.title == "How it traded" and len(traded.figures) == 1

    class Study:
        average = pl.DataFrame({"group": ["g"], "tau": [0], "n_events": [3], "aar": [0.0], "caar": [0.0], "std_error": [0.1]})
        dropped = pl.DataFrame({"event_id": ["a", "b"], "reason": ["no bars", "no bars"]})
        warnings = ("Few events.",)

        def tests(self) -> pl.DataFrame:
            return pl.DataFrame(
                {"group": ["g", "g"], "test": ["bmp"] * 2, "window_start": [0, 0], "window_end": [20, 1], "p_value": [0.2, 0.0001]}
            )

        def plot(self) -> object:
            return coverage(pl.DataFrame({"session": [date(2024, 1, 1)], "n": [1]}))

    (study,) = sections_of(Study())  # type: ignore[arg-type]
    assert "2 events were left out" in study.text and "Few events." in study.text and "g (3)" in study.text
    (caption, wide), *_ = study.tables
    assert "from day 0 to day 1" in caption and wide.rows() == [("g", {"value": 0.0001, "text": "< 0.001"})]
    with pytest.raises(UsageError, match="expected a Section, a Backtest or an EventStudyResult"):
        sections_of("text")  # type: ignore[arg-type]


def test_a_report_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        write_report(tmp_path / "missing" / "r.html", title="t")
    with pytest.raises(UsageError, match="is a folder"):
        write_report(tmp_path, title="t")
    kept = tmp_path / "kept.html"
    kept.write_text("before")
    with pytest.raises(UsageError):
        write_report(kept, "not a part", title="t")  # type: ignore[arg-type]
    assert kept.read_text() == "before"
