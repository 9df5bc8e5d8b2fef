"""A protocol run on synthetic files of news: a planted effect is found and its placebos are not, none is found where there is none."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from news_market import BAD, GOOD, PROTOCOL, SYMBOLS, market, one_linker
from typer.testing import CliRunner

from backtests.candidates import windows_of
from backtests.news_files import read_news
from backtests.news_report import markdown, verdict, write_study
from backtests.news_rows import exchanged, news_rows
from backtests.news_study import study_news
from backtests.news_tables import tables_of
from backtests.protocol import read_protocol
from backtests.trials import TRIALS
from research.errors import DataError, EstimationError, UsageError
from research.store import Store
from tidings import app

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def linker():
    with one_linker():
        yield


@pytest.fixture(scope="module")
def protocol(tmp_path_factory):
    path = tmp_path_factory.mktemp("protocol") / "p.toml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return read_protocol(path)


@pytest.fixture(scope="module")
def found(tmp_path_factory, protocol):
    folder = tmp_path_factory.mktemp("planted")
    news, bars = market(folder, 0.006)
    return study_news(news, [bars], protocol, Store(folder / "ledger"), now=NOW), folder


def figures(study, variant, window="test"):
    return study.table.filter((pl.col("variant") == variant) & (pl.col("window") == window)).row(0, named=True)


def test_a_planted_effect_is_chosen_and_found_out_of_sample(found):
    (study,) = found[0].markets
    assert (study.market, study.horizon, study.delay, study.wide) == ("us", 1, 0, True)
    assert study.chosen == "sestm@1"
    row = figures(study, "sestm@1")
    assert row["ic_low"] > 0.2 and row["accuracy_low"] > 0.5 and row["net_return_low"] > 0
    deflated = dict(study.judged.table.select("signal", "deflated").rows())
    assert deflated["sestm@1"] > 0.9 and study.judged.superior.p_consistent < 0.05


def test_its_placebos_are_near_zero_and_the_baselines_find_nothing(found):
    (study,) = found[0].markets
    wrong = study.placebos.filter(pl.col("variant") == "sestm@1").row(0, named=True)
    assert abs(wrong["shuffled_ic"]) < 0.05 and wrong["shuffled_high"] < figures(study, "sestm@1")["ic"]
    assert abs(wrong["exchanged_ic"]) < 0.2 and wrong["late_low"] < 0 < wrong["late_high"]
    row = figures(study, "reversal@1")
    assert row["ic_low"] < 0.05 and abs(row["ic"]) < 0.2
    assert figures(study, "always_up@1")["ic"] is None
    # 250 sessions of bars there are not
    assert "momentum@1" in study.failed and "0 of" in study.failed["momentum@1"]


def test_every_variant_is_a_trial_once(found, protocol):
    study, folder = found
    ledger = Store(folder / "ledger").read(TRIALS)
    assert sorted(ledger["signal"]) == ["always_up@1", "reversal@1", "ridge@1", "sestm@1"] and study.n_trials == 4
    again = study_news(folder / "posts.parquet", [folder / "bars.parquet"], protocol, Store(folder / "ledger"), now=NOW)
    assert again.n_trials == 4
    assert again.markets[0].table.equals(study.markets[0].table) and again.markets[0].placebos.equals(study.markets[0].placebos)


def test_the_report_holds_figures_and_no_word_of_the_news(found, tmp_path):
    study, _ = found
    paths = write_study(study, tmp_path / "out")
    assert {p.name for p in paths} == {
        "results.parquet",
        "placebos.parquet",
        "selection.parquet",
        "report.json",
        "report.md",
        "report.html",
    }
    text = markdown(study)
    assert "sestm@1 *" in text and verdict(study.markets[0]) in text
    for path in (tmp_path / "out" / "report.md", tmp_path / "out" / "report.html"):
        content = path.read_text(encoding="utf-8")
        assert not any(f" {word} " in content for word in (*GOOD, *BAD))


def test_machines_get_the_same_figures_as_they_were_computed(found, tmp_path):
    study, folder = found
    write_study(study, tmp_path)
    said = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    (market,), (told,) = study.markets, said["markets"]
    assert said["news_id"] == study.news_id and said["n_trials"] == 4 and told["verdict"] == verdict(market)
    assert [{k: v for k, v in row.items() if k != "baseline"} for row in told["results"]] == market.table.to_dicts()
    assert told["placebos"] == market.placebos.to_dicts() and told["failed"] == dict(market.failed)
    assert {row["variant"] for row in told["results"] if row["baseline"]} == {"always_up@1", "reversal@1"}
    ledger = Store(folder / "ledger").read(TRIALS)
    of_test = {row["variant"]: row["trial_id"] for row in told["results"] if row["window"] == "test"}
    assert of_test == dict(ledger.select("signal", "trial_id").rows())
    trials = {row["trial_id"]: row for row in told["selection"]["trials"]}
    assert trials[of_test["sestm@1"]]["deflated"] == market.judged.table.filter(pl.col("signal") == "sestm@1")["deflated"][0]
    assert told["selection"]["p_consistent"] == market.judged.superior.p_consistent and told["windows"]["test"] == str(market.windows.test)
    assert {"ic", "net_return", "accuracy", "shuffled_ic", "late_ic", "exchanged_ic", "deflated"} <= set(told["methods"])
    row = next(r for r in told["results"] if (r["variant"], r["window"]) == ("sestm@1", "test"))
    shown = f"{row['ic']:.3f} ({row['ic_low']:.3f} … {row['ic_high']:.3f})"
    assert shown in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_trial_is_of_the_news_and_not_of_its_file(found, protocol, tmp_path):
    study, folder = found
    quick = replace(protocol, exchanged=False, variants=protocol.variants[:2], protocol_id="another")
    shuffled, fewer = tmp_path / "renamed.parquet", tmp_path / "fewer.parquet"
    pl.read_parquet(folder / "posts.parquet").sample(fraction=1.0, shuffle=True, seed=1).write_parquet(shuffled)
    bars = pl.read_parquet(folder / "bars.parquet")
    bars.filter(pl.col("symbol") != SYMBOLS[0]).write_parquet(fewer)
    shutil.copytree(folder / "ledger", tmp_path / "ledger")
    ledger = Store(tmp_path / "ledger")
    again = study_news(shuffled, [folder / "bars.parquet"], protocol, ledger, now=NOW)
    assert again.n_trials == 4 and again.news_id == study.news_id
    # Another protocol, and other bars, are further trials of the same search; a variant keeps the deflation of its own.
    other = study_news(shuffled, [folder / "bars.parquet"], quick, ledger, now=NOW)
    assert other.n_trials == 6 and other.markets[0].judged.search.n_trials == 6
    own = set(other.markets[0].table["trial_id"].drop_nulls())
    assert own.isdisjoint(study.markets[0].table["trial_id"].drop_nulls()) and own <= set(other.markets[0].judged.table["trial_id"])
    assert study_news(shuffled, [fewer], quick, ledger, now=NOW).n_trials == 8


def test_nothing_is_found_where_there_is_nothing(tmp_path, protocol):
    news, bars = market(tmp_path, 0.0, seed=4)
    (study,) = study_news(news, [bars], protocol, Store(tmp_path / "ledger"), now=NOW).markets
    row = figures(study, "sestm@1")
    assert row["ic_low"] < 0 < row["ic_high"]
    assert max(study.judged.table["deflated"]) < 0.9


def test_a_price_file_that_begins_after_the_news_delays_the_decision(tmp_path, protocol):
    news, bars = market(tmp_path, 0.0, n_days=40)
    held = pl.read_parquet(bars)
    days = held["session"].unique().sort().to_list()
    # News on every fifth session only, and prices only from the second session after it on.
    told = set(days[::5])
    fragments = set(days) - {days[i + 1] for i in range(0, len(days) - 1, 5)} - told
    pl.read_parquet(news).filter(pl.col("created_at").dt.date().is_in(list(told))).write_parquet(news)
    held.filter(pl.col("session").is_in(list(fragments))).write_parquet(bars)
    tables = tables_of(read_news(news), [bars])
    assert news_rows(tables, "us", protocol, ["news_5"]).delay == 1


def test_a_short_file_is_judged_without_fits_and_a_shorter_one_refused(tmp_path, protocol):
    rows = pl.DataFrame({"session": [date(2024, 1, 8) + timedelta(days=i) for i in range(12)], "forward_return": [0.0] * 12})
    short = windows_of(rows, protocol)
    assert (short.n_train, short.n_validation, short.n_test, short.test) == (0, 0, 12, date(2024, 1, 8))
    with pytest.raises(EstimationError, match="2 sessions have news and a return"):
        windows_of(rows.head(2), protocol)


def test_exchanged_texts_keep_who_has_news_when(tmp_path):
    news, bars = market(tmp_path, 0.0, n_days=20)
    tables = tables_of(read_news(news), [bars])
    swapped, texts = exchanged(tables, 1)
    key = ["doc_id", "symbol", "available_at"]
    assert swapped.mentions.select(key).sort(key).equals(tables.mentions.select(key).sort(key))
    assert sorted(swapped.mentions["sentiment"]) == sorted(tables.mentions["sentiment"])
    moved = texts.join(tables.documents.select("doc_id", "body"), on="doc_id").filter(pl.col("text").str.strip_chars() != pl.col("body"))
    assert moved.height > 0.9 * texts.height


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n, b: (n.with_columns(symbol=pl.lit("ZZZZ")), b), "No symbol of the news"),
        (lambda n, b: (n, b.with_columns(pl.col("session") + pl.duration(days=2000))), "is followed by a return"),
        (lambda n, b: (n, b.drop("open", "high", "low")), "bars with an open"),
        (lambda n, b: (n.sort("created_at").head(8), b), "sessions have news and a return"),
    ],
)
def test_files_that_do_not_meet_get_a_sentence(tmp_path, protocol, change, says):
    news, bars = market(tmp_path, 0.0, n_days=30)
    for path, table in zip((news, bars), change(pl.read_parquet(news), pl.read_parquet(bars)), strict=True):
        table.write_parquet(path)
    with pytest.raises(DataError, match=says):
        study_news(news, [bars], protocol, Store(tmp_path / "ledger"), now=NOW)


def test_one_symbol_is_judged_over_all_rows(tmp_path, protocol):
    news, bars = market(tmp_path, 0.006, symbols=SYMBOLS[:1])
    (study,) = study_news(news, [bars], protocol, Store(tmp_path / "ledger"), now=NOW).markets
    assert not study.wide and figures(study, "sestm@1")["n_rows"] > 20


def test_the_command_takes_several_files_of_bars_and_says_what_is_missing(tmp_path):
    news, bars = market(tmp_path, 0.0, n_days=30, symbols=SYMBOLS[:2])
    (tmp_path / "p.toml").write_text(PROTOCOL, encoding="utf-8")
    both = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    held = pl.read_parquet(bars)
    for path, symbol in zip(both, SYMBOLS[:2], strict=True):
        held.filter(pl.col("symbol") == symbol).write_parquet(path)
    command = ["evaluate", "--news", str(news), "--bars", *map(str, both)]
    ran = CliRunner().invoke(app, [*command, "--protocol", str(tmp_path / "p.toml"), "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0, ran.output
    assert "2 symbols with bars" in ran.output and (tmp_path / "out" / "report.md").is_file()
    ran = CliRunner().invoke(app, command)
    assert isinstance(ran.exception, UsageError) and "--out" in str(ran.exception)
