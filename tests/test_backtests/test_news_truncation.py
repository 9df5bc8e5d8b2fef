"""The truncation law over the whole study: what a row was scored does not depend on what the files hold of later days."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from news_market import BAD, GOOD, PLAIN, PROTOCOL, SYMBOLS, one_linker, posts

from backtests.candidates import candidate_scores, features_wanted, is_wide, windows_of
from backtests.news_files import read_news
from backtests.news_rows import news_rows
from backtests.news_study import study_news
from backtests.news_tables import tables_of
from backtests.protocol import read_protocol
from research.calendar import sessions
from research.store import Store

NOW = datetime(2024, 6, 1, tzinfo=UTC)
LATER = ("ORCL", "IBM", "KO", "PFE", "WMT", "CVX", "BA", "MCD")
MORE = """
[[variant]]
name = "boosting@1"
kind = "boosting"
leaves = 7
rounds = 20
leaf_share = 0.1
[[variant]]
name = "combined@1"
kind = "equal"
features = ["news_5", "return_5", "market_tone_5", "beta_250"]
[[variant]]
name = "mean@1"
kind = "mean"
of = ["ridge@1", "boosting@1"]
"""


@pytest.fixture(autouse=True, scope="module")
def linker():
    with one_linker():
        yield


@pytest.fixture(scope="module")
def protocol(tmp_path_factory):
    path = tmp_path_factory.mktemp("protocol") / "p.toml"
    text = PROTOCOL.replace("train = 0.5\nvalidation = 0.2", "validation_from = 2023-12-20\ntest_from = 2024-01-17")
    text = text.replace("exchanged = true", "exchanged = false").replace('"return_5"]', '"return_5", "beta_250"]')
    path.write_text(text.replace("refit = 12", "refit = 7") + MORE, encoding="utf-8")
    return read_protocol(path)


def files(folder, told, bars):
    folder.mkdir()
    told.write_parquet(folder / "posts.parquet")
    bars.write_parquet(folder / "bars.parquet")
    return folder / "posts.parquet", [folder / "bars.parquet"]


def scored(tables, protocol):
    data = news_rows(tables, "us", protocol, features_wanted(protocol))
    windows = windows_of(data.rows, protocol)
    scores, failed = candidate_scores(data, windows, protocol)
    return data, windows, is_wide(data.rows, windows, protocol), scores, failed


def later(told, bars, cut):
    """Return the posts and bars before ``cut``, and those with a wild later stretch: other names, other words, many posts at once."""
    rng = np.random.default_rng(3)
    before = told.filter(pl.col("created_at") < cut), bars.filter(pl.col("session") < cut.date())
    days = sessions("XNYS", "2023-11-01", "2024-05-31").filter(pl.col("session") >= cut.date()).head(16)
    more = [
        (symbol, open_at + (close_at - open_at) * float(rng.random()), " ".join(rng.choice([*GOOD, *BAD, *PLAIN, "never", "seen"], 30)))
        for symbol in (*SYMBOLS, *LATER)
        for open_at, close_at in days.select("open_at", "close_at").rows()
        for _ in range(2)
    ]
    wild = pl.DataFrame(more, schema=told.schema, orient="row")
    moved = bars.filter(pl.col("session") >= cut.date()).with_columns(pl.col("open", "close", "high", "low") * 3.0)
    return before, (pl.concat([before[0], wild]), pl.concat([before[1], moved]))


def _twin(bars, symbol, name):
    prices = pl.col("open", "close", "high", "low")
    return bars.filter(pl.col("symbol") == symbol).with_columns(prices * (1 + 0.1 * prices.cum_count().cos()), symbol=pl.lit(name))


@pytest.fixture(scope="module")
def both(tmp_path_factory, protocol):
    folder = tmp_path_factory.mktemp("law")
    told, bars = posts(0.004, n_days=270, start="2023-02-01")
    told = told.filter(pl.col("created_at") > datetime(2023, 11, 1, tzinfo=UTC))
    # A name that has news from its 30th session on only, and the names of few sessions: half of the posts of the first days are dropped.
    told = told.filter((pl.col("symbol") != SYMBOLS[-1]) | (pl.col("created_at") > datetime(2023, 12, 14, tzinfo=UTC)))
    # The other names have prices from the start, and news later on only: the market they are part of is the same.
    bars = pl.concat([bars, *(_twin(bars, symbol, name) for symbol, name in zip(SYMBOLS, LATER, strict=False))])
    cut = datetime(2024, 2, 6, tzinfo=UTC)
    short, long = later(told, bars, cut)
    paths = files(folder / "short", *short), files(folder / "long", *long)
    tables = [tables_of(read_news(news), prices) for news, prices in paths]
    return cut, list(zip(paths, tables, strict=True)), [scored(held, protocol) for held in tables]


def test_no_row_and_no_score_changes_when_later_days_are_appended(both):
    cut, _, ((short, windows, wide, scores, failed), (long, windows_long, wide_long, scores_long, failed_long)) = both
    assert (windows.validation, windows.test) == (windows_long.validation, windows_long.test) == (date(2023, 12, 20), date(2024, 1, 17))
    assert (short.delay, wide, set(failed)) == (long.delay, wide_long, set(failed_long)) and not failed
    ended = short.rows.filter(pl.col("ends_at") < cut)
    key = ["session", "symbol"]
    assert ended.height > 300
    same = ended.join(long.rows, on=key, how="left", suffix="_long").select(ended.columns)
    assert same.equals(long.rows.join(ended.select(key), on=key, how="semi").select(ended.columns).sort(key))
    assert set(scores) == set(scores_long) and len(scores) == 8
    for name, said in scores.items():
        mine = said.join(ended.select(key), on=key, how="semi").sort(key)
        theirs = scores_long[name].join(ended.select(key), on=key, how="semi").sort(key)
        assert mine.height > 100 and mine.equals(theirs), name


def test_what_was_chosen_does_not_change_either(both, protocol, tmp_path, monkeypatch):
    found = []
    for number, ((news, bars), tables) in enumerate(both[1]):
        monkeypatch.setattr("backtests.news_study.tables_of", lambda *_, held=tables, **__: held)
        found += study_news(news, bars, protocol, Store(tmp_path / str(number)), now=NOW).markets
    validation = [market.table.filter(pl.col("window") == "validation") for market in found]
    assert found[0].chosen == found[1].chosen and validation[0].equals(validation[1])
    assert found[1].windows.n_test > found[0].windows.n_test + 10


def test_the_law_catches_a_choice_that_looks_at_the_whole_file(both, protocol, monkeypatch):
    """A planted leak: the gaps of a feature are filled, and its level taken, with the mean of all rows."""
    cut, _, ((short, windows, *_), (long, windows_long, *_)) = both
    monkeypatch.setattr("backtests.candidates._complete", _leaking)
    ended = short.rows.filter(pl.col("ends_at") < cut).select("session", "symbol")
    leaked = [candidate_scores(data, cuts, protocol)[0]["ridge@1"] for data, cuts in ((short, windows), (long, windows_long))]
    mine, theirs = (scores.join(ended, on=["session", "symbol"], how="semi").sort("session", "symbol") for scores in leaked)
    assert not mine.equals(theirs)


def _leaking(rows, columns, until):
    return rows.with_columns(pl.col(columns) - pl.col(columns).mean()).with_columns(pl.col(columns).fill_null(0.0)), list(columns)


def test_sessions_are_wide_by_what_training_had(protocol):
    days = [date(2023, 11, 1) + timedelta(days=i) for i in range(90)]
    rows = pl.DataFrame({"session": [d for i, d in enumerate(days) for _ in range(3 if d < date(2023, 12, 20) else 9)]})
    rows = rows.with_columns(forward_return=pl.lit(0.01))
    windows = windows_of(rows, protocol)
    assert windows.n_train == 49 and not is_wide(rows, windows, protocol)
    # Without training there is nothing before the test to decide it by.
    short = rows.filter(pl.col("session") >= date(2024, 1, 20))
    assert windows_of(short, protocol).n_train == 0 and is_wide(short, windows_of(short, protocol), protocol)


def test_the_delay_is_read_off_the_first_sessions(tmp_path, protocol):
    told, bars = posts(0.0, n_days=140)
    days = bars["session"].unique().sort().to_list()
    early, ever = days[:105:5], days[110:]
    # In the first 21 sessions of news prices begin in the second session after it; of the more that comes later in the next one.
    gone = {*early, *(days[i + 1] for i in range(0, 105, 5))}
    told = told.filter(pl.col("created_at").dt.date().is_in([*early, *ever]))
    tables = tables_of(read_news(files(tmp_path / "a", told, bars)[0]), [tmp_path / "a" / "bars.parquet"])
    assert news_rows(tables, "us", protocol, ["news_5"]).delay == 0
    kept = bars.filter(~pl.col("session").is_in(list(gone)))
    tables = tables_of(read_news(files(tmp_path / "b", told, kept)[0]), [tmp_path / "b" / "bars.parquet"])
    assert news_rows(tables, "us", protocol, ["news_5"]).delay == 1
