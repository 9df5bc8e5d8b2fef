"""The commands about portfolios on a small stored home."""

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from trading_market import bars, calendar, documents, names
from typer.testing import CliRunner

from backtests.trials import TRIALS
from research.errors import DataError, UsageError
from research.schemas import BARS, DOCUMENTS, EVENTS, INSTRUMENTS, MENTIONS
from research.store import Store
from tidings import app

SPAN = ["--start", "2024-02-01", "--end", "2024-05-01", "--market", "us"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "h"
    store = Store(folder)
    opens = calendar("us")["open_at"].to_list()
    rows = []
    for k in range(400):
        at = opens[k // 5] + timedelta(hours=k % 20)
        rows.append((f"d{k:04d}", names("us")[k * 5 % 8], at, ((k * 7) % 11 - 5) / 5))
    shared = {"relevance": 0.5, "confidence": 0.8, "annotator": "t@1", "role": "subject"}
    store.append(DOCUMENTS, documents([{"doc_id": d, "headline": f"{s} moves", "available_at": at} for d, s, at, _ in rows]))
    mention = {"in_headline": True, "first_offset": 0, "n_mentions": 1, **shared}
    store.append(
        MENTIONS,
        MENTIONS.frame(
            [{**mention, "doc_id": d, "symbol": s, "surfaces": [s], "sentiment": v, "available_at": at} for d, s, at, v in rows]
        ),
    )
    event = {"event_date": None, "novelty": 0.9, "evidence": "q", **shared}
    store.append(
        EVENTS,
        EVENTS.frame(
            [
                {**event, "event_id": f"e{d}", "doc_id": d, "symbol": s, "event_type": "earnings.beat", "sentiment": v, "available_at": at}
                for d, s, at, v in rows[::3]
            ]
        ),
    )
    instrument = {
        "mic": "XNYS", "asset_class": "equity", "currency": "USD", "sector": None, "name_zh": None, "twin": None, "valid_to": None,
        "valid_from": calendar("us")["session"][0], "aliases": [],
    }  # fmt: skip
    store.append(INSTRUMENTS, INSTRUMENTS.frame([{**instrument, "symbol": s, "name": s} for s in names("us")]))
    store.append(BARS, bars("us"))
    return folder


def ran(*words: object):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_a_backtest_writes_its_tables_and_a_report_in_three_formats(home, tmp_path):
    out = ran(
        "backtest", "--signal", "tone@1", *SPAN, "--quantiles", 3, "--home", home, "--draws", 5, "--benchmark", "TTA", "--out", tmp_path / "run",
        *(word for suffix in ("html", "md", "json") for word in ("--report", tmp_path / f"r.{suffix}")),
    )  # fmt: skip
    assert out.count("\nreport ") == 3 and "trials              1 in the ledger" in out
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["market"] == "us" and run["tidings"] and run["table bars"].startswith("version") and "table trials" not in run
    assert pl.read_parquet(tmp_path / "run" / "portfolio.parquet").height > 40
    content = json.loads((tmp_path / "r.json").read_text("utf-8"))
    titles = [section["title"] for section in content["sections"]]
    wanted = [
        "How sure it is", "Backtest: United States", "How it traded", "What it survives", "How much money it carries",
        "Which news earned the money", "Best and worst positions", "What tone@1 orders: United States", "Coverage and quarantine",
    ]  # fmt: skip
    assert [title for title in titles if title in wanted] == wanted
    assert "deflated Sharpe ratio" in content["verdict"].partition("\n")[0]
    assert {"seed", "trials", "tidings", "span", "table bars", "benchmark"} <= set(content["manifest"])
    checks = content["sections"][titles.index("What it survives")]["tables"][0]["rows"]
    later = next(row for row in checks if row[0] == "news 1 hour later")
    assert later[2] is not None, "the home has the news, so it is decided again"
    assert "## What it survives" in (tmp_path / "r.md").read_text("utf-8")
    assert (tmp_path / "r.html").stat().st_size < 6_000_000


def test_too_little_cash_is_said(home):
    out = ran("backtest", "--signal", "tone@1", *SPAN, "--quantiles", 3, "--home", home, "--cash", 0.01)
    assert "orders was filled; look at their reasons, or give more than --cash 0" in out


def test_no_name_is_larger_than_asked(home, tmp_path):
    words = ["backtest", "--signal", "tone@1", *SPAN, "--quantiles", 3, "--home", home]
    for name, more in (("free", ()), ("bound", ("--max-weight", 0.1))):
        ran(*words, *more, "--out", tmp_path / name)
    free, bound = (pl.read_parquet(tmp_path / name / "weights.parquet") for name in ("free", "bound"))
    assert free["weight"].abs().max() > 0.1
    assert bound.rows() == [(*row[:2], max(-0.1, min(0.1, row[2]))) for row in free.rows()]


def test_a_sweep_puts_every_variant_into_the_ledger_once(home, tmp_path):
    before = Store(home).read(TRIALS).height
    words = ["sweep", "--signal", "events@1", *SPAN, "--half-life", 1, "--half-life", 4, "--quantiles", 2, "--quantiles", 3, "--home", home]
    out = ran(*words, "--report", tmp_path / "s.md")
    assert "4 new in the ledger" in out and Store(home).read(TRIALS).height == before + 4
    assert "0 new in the ledger" in ran(*words)
    text = (tmp_path / "s.md").read_text("utf-8")
    assert "The best of 4 variants" in text and "| half life | quantiles | sharpe |" in text


def test_runs_are_compared(home, tmp_path):
    for quantiles in (2, 4):
        ran("backtest", "--signal", "tone@1", *SPAN, "--quantiles", quantiles, "--home", home, "--out", tmp_path / f"q{quantiles}")
    out = ran("compare", tmp_path / "q2", tmp_path / "q4", "--report", tmp_path / "c.json")
    assert "q2" in out and "annual_difference" in out
    content = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert "has the highest Sharpe ratio" in content["verdict"]
    assert [row[0] for row in content["sections"][0]["tables"][0]["rows"]] == ["q2", "q4"]
    (tmp_path / "q4" / "portfolio.parquet").write_bytes(b"PAR1 and then nothing")
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "q2"), str(tmp_path / "q4")])
    assert isinstance(done.exception, DataError) and "cannot be read" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["compare", "nowhere", "elsewhere"], "holds no run"),
        (["sweep", "--signal", "nose@1", *SPAN], "nose@1"),
        (["sweep", "--signal", "tone@1", "--start", "2024-02-01", "--end", "2024-05-01", "--market", "mars"], "mars"),
        (["backtest", "--signal", "tone@1", *SPAN, "--benchmark", "NONE"], "NONE"),
        (["backtest", "--signal", "tone@1", *SPAN, "--quantiles", "90"], "orders at most 8 symbols"),
    ],
)
def test_wrong_calls_are_one_sentence(home, words, says):
    extra = [] if words[0] == "compare" else ["--home", str(home)]
    done = CliRunner().invoke(app, [*words, *extra])
    assert done.exit_code != 0 and says in str(done.exception)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["backtest", *SPAN, "--report", "r.pdf"], "ends in .html, .md or .json"),
        (["backtest", *SPAN, "--report", "no-such-folder/r.html"], "a folder that exists"),
        (["backtest", *SPAN, "--seed", "-1"], "--seed as -1"),
        (["backtest", *SPAN, "--draws", "-1"], "--draws came as -1"),
        (["backtest", *SPAN, "--quantiles", "1"], "at least 2 groups"),
        (["backtest", *SPAN, "--max-weight", "-1"], "--max-weight came as -1"),
        (["backtest", *SPAN, "--max-weight", "0"], "--max-weight came as 0"),
        (["sweep", *SPAN, "--choose-every", "0"], "--choose-every came as 0"),
        (["sweep", *SPAN, "--choose-every", "5", "--choose-after", "3"], "--choose-after as 3"),
        (["backtest", "--start", "2024-05-01", "--end", "2024-02-01", "--market", "us"], "not to be before --start"),
        (["backtest", "--start", "2024-13-01", "--end", "2024-02-01", "--market", "us"], "--start came as '2024-13-01'"),
        (["sweep", *SPAN, "--quantiles", "1"], "at least 2 groups"),
        (["sweep", *SPAN, "--report", "r.txt"], "ends in .html, .md or .json"),
        (["evaluate", *SPAN, "--report", "r.txt"], "ends in .html, .md or .json"),
    ],
)
def test_what_could_not_be_done_is_refused_before_anything_is_written(tmp_path, words, says):
    done = CliRunner().invoke(app, [*words, "--signal", "tone@1", "--home", str(tmp_path / "h")])
    assert isinstance(done.exception, UsageError) and says in str(done.exception)
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize("command", ["backtest", "evaluate", "sweep"])
def test_a_home_that_does_not_exist_is_bad_usage_and_is_not_made(tmp_path, command):
    nowhere = tmp_path / "nowhere"
    done = CliRunner().invoke(app, [command, "--signal", "tone@1", *SPAN, "--home", str(nowhere)])
    assert isinstance(done.exception, UsageError) and "no home folder" in str(done.exception)
    assert not nowhere.exists()
