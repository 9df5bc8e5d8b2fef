"""What a study cannot use: it says so in a sentence, or gives a null that is documented, and judges the rest."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from news_market import PROTOCOL, SYMBOLS, one_linker, posts
from typer.testing import CliRunner

from backtests.news_files import read_news
from backtests.news_report import verdict, write_study
from backtests.news_study import study_news
from backtests.outcome_labels import label_accuracy
from backtests.protocol import read_protocol
from research.store import Store
from tidings import app

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SMALL = PROTOCOL.replace("exchanged = true", "exchanged = false").replace("draws = 50", "draws = 5")
CONSTANT = """
[[variant]]
name = "constant_feature@1"
kind = "feature"
feature = "event_guidance_20"
[[variant]]
name = "ridge@2"
kind = "ridge"
alpha = 1.0
[[variant]]
name = "logistic@1"
kind = "logistic"
c = 1.0
"""


@pytest.fixture(autouse=True, scope="module")
def linker():
    with one_linker():
        yield


def study(folder, told, bars, text=SMALL):
    (folder / "p.toml").write_text(text, encoding="utf-8")
    told.write_parquet(folder / "n.parquet")
    bars.write_parquet(folder / "b.parquet")
    protocol = read_protocol(folder / "p.toml")
    return study_news(folder / "n.parquet", [folder / "b.parquet"], protocol, Store(folder / "ledger"), now=NOW)


def row(market, variant, window="test"):
    return market.table.filter((pl.col("variant") == variant) & (pl.col("window") == window)).row(0, named=True)


def test_a_constant_feature_orders_nothing_and_has_no_weight(tmp_path):
    text = SMALL.replace('features = ["news_5", "return_5"]', 'features = ["return_5", "event_guidance_20"]') + CONSTANT
    (market,) = study(tmp_path, *posts(0.0, n_days=32), text).markets
    found = row(market, "constant_feature@1")
    # No event of the kind occurs: the score is the same in all rows, so that it neither orders nor buys anything.
    assert found["ic"] is None and found["accuracy"] is None and found["n_rows"] > 50 and found["n_days"] == 0
    assert found["trial_id"] is None and found["net_return"] is None
    # Nine sessions of returns are too few to ask whether any beats cash, which the verdict says; the deflation needs no more of them.
    assert market.windows.n_test == 9 and market.judged.superior is None and market.judged.reality_check is None
    assert "too few sessions to ask whether any variant beats cash" in verdict(market)
    assert market.judged.table.filter(pl.col("signal") == "ridge@1")["deflated"][0] is not None
    with_it, without = row(market, "ridge@1"), study(tmp_path, *posts(0.0, n_days=32), SMALL.replace('"news_5", ', "")).markets[0]
    assert with_it["ic"] == pytest.approx(row(without, "ridge@1")["ic"], abs=1e-12)


def test_a_session_without_news_has_no_row_and_a_return_of_zero(tmp_path):
    told, bars = posts(0.004, n_days=60)
    days = told["created_at"].dt.date().unique().sort().to_list()
    silent = days[50:53]
    (market,) = study(tmp_path, told.filter(~pl.col("created_at").dt.date().is_in(silent)), bars).markets
    (full,) = study(tmp_path / "x" if (tmp_path / "x").mkdir() is None else tmp_path, told, bars).markets
    assert market.windows.n_train + market.windows.n_validation + market.windows.n_test == 56 == 59 - len(silent)
    assert full.n_rows - market.n_rows == len(silent) * len(SYMBOLS)
    found = row(market, "always_up@1")
    # The book is over all sessions from the first trade to the last, those without a position among them.
    assert found["n_days"] == found["n_sessions"] + len(silent)


def test_a_label_that_reaches_into_the_test_is_in_neither_window(tmp_path):
    text = SMALL.replace("us = 1", "us = 3")
    (market,) = study(tmp_path, *posts(0.0, n_days=60), text).markets
    w = market.windows
    assert row(market, "always_up@1")["n_rows"] == w.n_test * len(SYMBOLS)
    # A decision of session t is over at the close of t + 3, and the test is decided from the morning after its first session on: of the
    # validation the last three sessions are open then, but for the one whose label ends on the test's first day.
    assert row(market, "always_up@1", "validation")["n_rows"] == (w.n_validation - 2) * len(SYMBOLS)


def test_an_estimator_that_does_not_converge_is_named_and_the_others_are_judged(tmp_path, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr("backtests.candidates.logistic", lambda c: LogisticRegression(C=1e9, max_iter=1, tol=1e-12))
    found = study(tmp_path, *posts(0.0, n_days=40), SMALL + CONSTANT)
    (market,) = found.markets
    assert "did not converge" in market.failed["logistic@1"] and "fit of session" in market.failed["logistic@1"]
    assert row(market, "ridge@1")["ic"] is not None
    write_study(found, tmp_path)
    said = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["markets"][0]["failed"]
    assert said == dict(market.failed) and said["logistic@1"] in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_prices_that_are_no_numbers_give_no_label_and_are_set_aside(tmp_path):
    told, bars = posts(0.0, n_days=40)
    day = bars["session"].unique().sort()[30]
    broken = pl.when((pl.col("session") == day) & (pl.col("symbol") == SYMBOLS[0])).then(float("nan")).otherwise(pl.col("open"))
    found = study(tmp_path, told, bars.with_columns(open=broken))
    (plain,) = study(tmp_path / "x" if (tmp_path / "x").mkdir() is None else tmp_path, told, bars).markets
    assert plain.n_rows - found.markets[0].n_rows == 1
    tested = [market.table.filter(pl.col("window") == "test")["n_rows"].max() for market in (plain, *found.markets)]
    assert tested[0] - tested[1] == 1


def test_labels_that_are_missing_are_no_class(tmp_path):
    told, _ = posts(0.0, n_days=12)
    told = told.with_columns(label=pl.when(pl.int_range(pl.len()) % 3 == 0).then(float("nan")).otherwise(pl.int_range(pl.len()) % 2))
    told.write_parquet(tmp_path / "n.parquet")
    about = read_news(tmp_path / "n.parquet").about
    assert about["label"].null_count() == 32 and set(about["label"].drop_nulls()) == {"0.0", "1.0"}


def test_labels_of_one_class_are_not_judged(tmp_path, monkeypatch):
    from backtests.news_tables import tables_of

    told, bars = posts(0.0, n_days=12)
    told.with_columns(label=pl.lit("1")).write_parquet(tmp_path / "n.parquet")
    bars.write_parquet(tmp_path / "b.parquet")
    (tmp_path / "p.toml").write_text(SMALL, encoding="utf-8")
    tables = tables_of(read_news(tmp_path / "n.parquet"), [tmp_path / "b.parquet"])
    assert tables.labels.height == 96 and label_accuracy(tables, read_protocol(tmp_path / "p.toml")) is None


def test_few_sessions_of_one_name_are_judged_without_fits_through_the_command(tmp_path):
    told, bars = posts(0.0, n_days=8, symbols=SYMBOLS[:1])
    told.write_csv(tmp_path / "n.csv")
    bars.write_csv(tmp_path / "b.csv")
    (tmp_path / "p.toml").write_text(SMALL, encoding="utf-8")
    command = ["evaluate", "--news", str(tmp_path / "n.csv"), "--bars", str(tmp_path / "b.csv"), "--protocol", str(tmp_path / "p.toml")]
    ran = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0, ran.output
    assert "Too few sessions to fit and to choose" in ran.output
    said = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["markets"][0]
    assert said["chosen"] is None and said["windows"]["n_train"] == 0 and "too few to fit" in said["failed"]["ridge@1"]
    assert [r["variant"] for r in said["results"] if r["window"] == "test"] == ["always_up@1", "reversal@1"]


def test_a_study_of_nothing_but_ties_says_so(tmp_path):
    """All closes equal: no return differs, so that nothing can be ordered and no variant has a Sharpe ratio."""
    told, bars = posts(0.0, n_days=40)
    flat = bars.with_columns(pl.lit(10.0).alias(name) for name in ("open", "high", "low", "close"))
    (market,) = study(tmp_path, told, flat).markets
    found = row(market, "always_up@1")
    assert found["ic"] is None and found["net_return"] < 0 and found["gross_return"] == 0
    assert verdict(market).startswith("Market us: ")


def test_what_was_set_aside_is_counted_by_reason_in_the_report(tmp_path):
    told, bars = posts(0.0, n_days=32)
    lines = [json.dumps({"symbol": s, "created_at": at.isoformat(), "text": text}) for s, at, text in told.rows()]
    blank = json.dumps({"symbol": "AAPL", "created_at": "2023-12-01T15:00:00+00:00", "text": " "})
    undated = json.dumps({"symbol": "AAPL", "created_at": "soon", "text": "said the people of the office team"})
    (tmp_path / "n.jsonl").write_text("\n".join([*lines, *[blank] * 8, '{"symbol": ', "{no", "7", undated]), encoding="utf-8")
    day = bars["session"].unique().sort()[3]
    marred = pl.when((pl.col("session") == day) & pl.col("symbol").is_in(SYMBOLS[:2]))
    bars = bars.with_columns(volume=marred.then(-1.0).otherwise("volume"))
    other = (pl.col("session") == day) & (pl.col("symbol") == SYMBOLS[2])
    bars.with_columns(close=pl.when(other).then(0.0).otherwise("close")).write_parquet(tmp_path / "b.parquet")
    (tmp_path / "p.toml").write_text(SMALL, encoding="utf-8")
    found = study_news(tmp_path / "n.jsonl", [tmp_path / "b.parquet"], read_protocol(tmp_path / "p.toml"), Store(tmp_path / "l"), now=NOW)
    write_study(found, tmp_path)
    notes = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["notes"]
    n = 32 * len(SYMBOLS)
    assert notes[0].startswith(f"{n} documents of {n + 12} rows; ")
    said = "set aside of the news: 8 rows without text, 2 rows could not be read as JSON, 1 row could not be read as JSON objects, "
    assert notes[1] == said + "1 row without a time that can be read"
    aside = "3 rows set aside: 2 rows with a volume that is negative or infinite, 1 row with a price or factor (close) that is not positive or is infinite"
    assert notes[2] == f"b.parquet: {n - 3} bars of {len(SYMBOLS)} symbols, {aside}"
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert all(f"- {note}\n" in text for note in notes[1:3])


def test_prices_beside_the_news_that_are_none_are_counted(tmp_path):
    from backtests.news_tables import tables_of

    told, bars = posts(0.0, n_days=12)
    told = told.with_columns(
        day1=(pl.col("created_at").dt.date() + pl.duration(days=1)).cast(pl.String), open1=pl.lit(10.0), close1=pl.lit(11.0)
    )
    told.with_columns(open1=pl.when(pl.int_range(pl.len()) < 2).then(-1.0).otherwise("open1")).write_parquet(tmp_path / "n.parquet")
    bars.write_parquet(tmp_path / "b.parquet")
    notes = tables_of(read_news(tmp_path / "n.parquet"), [tmp_path / "b.parquet"]).notes
    assert "set aside of the news: 2 rows with a price or factor (open) that is not positive or is infinite" in notes
