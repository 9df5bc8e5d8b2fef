"""The embedded market, the whole way: what was planted is found again, and the same seed gives the same bytes."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from backtests.demo import BANNER, demo
from backtests.recovery import recovery
from backtests.trials import TRIALS
from research.errors import StoreError
from research.schemas import EVENTS
from research.store import Store
from tidings import app

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder / "home", folder / "demo.html", 7, NOW)


def test_planted_effects_lie_inside_their_intervals(made):
    _, found = made
    assert found.effects.height == 10
    assert found.effects["n"].min() > 80
    assert found.effects["inside"].sum() >= 9, found.effects


def test_the_reader_finds_what_was_written(made):
    _, found = made
    assert found.reading["recall"].min() > 0.9, found.reading
    assert found.reading["precision"].min() > 0.9, found.reading


def test_the_report_stands_alone_and_says_that_the_market_is_synthetic(made):
    folder, _ = made
    page = (folder / "demo.html").read_text(encoding="utf-8")
    assert BANNER in page
    assert len(page.encode()) < 6_000_000
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", page)


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    folder, _ = made
    demo(tmp_path / "home", tmp_path / "demo.html", 7, NOW)
    assert (tmp_path / "demo.html").read_bytes() == (folder / "demo.html").read_bytes()
    for name in ("documents", "mentions", "events", "facts", "bars", "quarantine"):
        assert Store(tmp_path / "home").read(name).equals(Store(folder / "home").read(name)), name


def test_the_notebook_example_of_the_readme_runs(made, tmp_path, monkeypatch):
    folder, _ = made
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    here = {"my-home": str(folder / "home"), "510300.SS": "SYN300.SS", "2018-01-01": "2022-01-04", "2026-06-30": "2025-01-20"}
    for readme, demo_market in here.items():
        assert readme in code
        code = code.replace(readme, demo_market)
    names: dict = {}
    exec(code, names)
    assert names["result"].portfolio.height > 400
    assert (tmp_path / "tone.html").stat().st_size > 1_000_000


def test_every_evaluated_variant_counts_once(made, tmp_path):
    folder, _ = made
    home = tmp_path / "home"
    shutil.copytree(folder / "home", home)
    span = ["--start", "2024-03-01", "--end", "2024-12-31", "--market", "cn", "--home", str(home)]
    for signal, tried in (("tone@1", 1), ("tone@1", 1), ("events@1", 2)):
        ran = CliRunner().invoke(app, ["evaluate", "--signal", signal, *span])
        assert ran.exit_code == 0, ran.output
        assert Store(home).read(TRIALS).height == tried
        assert "deflated_sharpe" in ran.output
    hurdle = float(re.search(r"expected_maximum_sharpe\s+(\S+)", ran.output)[1])
    assert hurdle > 0  # one trial has no search behind it, two have


def test_a_folder_with_other_things_in_it_is_not_cleared(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="something other than a demo"):
        demo(tmp_path, tmp_path / "demo.html", 7, NOW)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_recovery_by_hand():
    at = datetime(2024, 3, 4, 1, tzinfo=UTC)
    event = {
        "doc_id": "d", "role": "subject", "event_date": None, "available_at": at, "sentiment": 0.0, "relevance": 1.0, "novelty": 1.0,
        "confidence": 1.0, "evidence": "q", "annotator": "t@1",
    }  # fmt: skip
    events = EVENTS.frame(
        [event | {"event_id": f"e{i}", "symbol": symbol, "event_type": "buyback.plan"} for i, symbol in enumerate(["A", "B", "X"])]
    )
    returns = pl.DataFrame(
        {
            "event_id": ["e0", "e0", "e0", "e1", "e1", "e1", "e2", "e2"],
            "tau": [-1, 0, 1, -1, 0, 1, 0, 1],
            "abnormal_return": [0.5, 0.01, 0.02, 0.5, 0.02, 0.03, 0.1, None],
        },
        schema_overrides={"tau": pl.Int32},
    )
    truth = pl.DataFrame({"symbol": ["A", "B", "C"], "event_type": ["buyback.plan"] * 3, "day0": [at.date()] * 3})
    effects = pl.DataFrame({"event_type": ["buyback.plan"], "planted": [0.05], "days": [2]}, schema_overrides={"days": pl.Int32})
    found = recovery(events, returns, truth, effects)
    row = found.effects.row(0, named=True)
    # CARs 0.03 and 0.05 (the event with a missing day does not count): mean 0.04, standard error 0.01, t(1) = 12.706
    assert (row["measured"], row["std_error"], row["n"]) == (pytest.approx(0.04), pytest.approx(0.01), 2)
    assert row["ci_low"] == pytest.approx(0.04 - 0.12706, abs=1e-4) and row["inside"]
    reading = found.reading.row(0, named=True)
    assert (reading["planted"], reading["read"], reading["right"]) == (3, 3, 2)
    assert (reading["recall"], reading["precision"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
