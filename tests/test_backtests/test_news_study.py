"""A protocol run on synthetic files of news: a planted effect is found and its placebos are not, none is found where there is none."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from backtests.candidates import windows_of
from backtests.news_files import read_news
from backtests.news_report import markdown, verdict, write_study
from backtests.news_rows import exchanged, news_rows
from backtests.news_study import study_news
from backtests.news_tables import tables_of
from backtests.protocol import read_protocol
from backtests.trials import TRIALS
from research.calendar import sessions
from research.errors import DataError, EstimationError, UsageError
from research.store import Store
from tidings import app

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA", "JPM", "XOM")
GOOD, BAD, PLAIN = ("gadget", "ribbon", "willow"), ("mallet", "cobalt", "thimble"), ("said", "store", "people", "street", "office", "team")
PROTOCOL = """
name = "small@1"
seed = 7
[windows]
train = 0.5
validation = 0.2
[decision]
lead_minutes = 30
cross_section = 5
most_delay = 3
[horizon]
cn = 2
hk = 1
us = 1
[portfolio]
most_weight = 0.25
long_only = ["cn"]
[placebo]
draws = 50
exchanged = true
bootstrap = 99
[accuracy]
move = 0.005
[model]
refits = 2
features = ["news_5", "return_5"]
[[variant]]
name = "always_up@1"
kind = "constant"
[[variant]]
name = "reversal@1"
kind = "feature"
feature = "reversal_5"
[[variant]]
name = "momentum@1"
kind = "feature"
feature = "momentum_250_20"
[[variant]]
name = "ridge@1"
kind = "ridge"
alpha = 10.0
[[variant]]
name = "sestm@1"
kind = "sestm"
n_words = 3
penalty = 0.5
"""


def market(folder, effect, seed=0, n_days=80, symbols=SYMBOLS):
    """Write a file of posts about ``symbols``, words and returns tied by ``effect``, and one of bars."""
    rng = np.random.default_rng(seed)
    days = sessions("XNYS", "2023-11-01", "2024-05-31").head(n_days)
    news, bars = [], []
    for symbol in symbols:
        close, tone = 100.0, 0.0
        for session, open_at, close_at in days.select("session", "open_at", "close_at").rows():
            move = effect * tone + 0.01 * float(rng.standard_normal())
            opened = close * (1 + 0.002 * float(rng.standard_normal()))
            close = opened * (1 + move)
            bars.append((symbol, session, opened, close))
            tone = float(rng.choice([-1.0, 1.0]))
            words = [*rng.choice(GOOD if tone > 0 else BAD, 2), *rng.choice(PLAIN, 6)]
            news.append((symbol, open_at + (close_at - open_at) * float(rng.random()), " ".join(rng.permutation(words))))
    paths = folder / "posts.parquet", folder / "bars.parquet"
    pl.DataFrame(news, schema=["symbol", "created_at", "text"], orient="row").write_parquet(paths[0])
    prices = pl.DataFrame(bars, schema=["symbol", "session", "open", "close"], orient="row")
    high, low = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    prices.with_columns(high=high, low=low, volume=pl.lit(1e6)).write_parquet(paths[1])
    return paths


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
    assert {p.name for p in paths} == {"results.parquet", "placebos.parquet", "selection.parquet", "report.md", "report.html"}
    text = markdown(study)
    assert "sestm@1 *" in text and verdict(study.markets[0]) in text
    for path in (tmp_path / "out" / "report.md", tmp_path / "out" / "report.html"):
        content = path.read_text(encoding="utf-8")
        assert not any(f" {word} " in content for word in (*GOOD, *BAD))


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
