"""Files as people write them: days in many formats, numbers with gaps, columns under other names; and what is refused."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from backtests.study_cases import run_case
from backtests.study_columns import canonical, column_of, day_of, days, read_settings, read_table, typed
from research.errors import DataError, SchemaError, TidingsError

LAST, SECOND = date(2020, 1, 31), date(2020, 2, 1)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["2020-01-31", None], [LAST, None]),
        (["2020/01/31", "2020/02/01"], [LAST, SECOND]),
        (["20200131"], [LAST]),
        (["31.01.2020"], [LAST]),
        (["01/31/2020", "02/01/2020"], [LAST, SECOND]),
        (["31/01/2020", "01/02/2020"], [LAST, SECOND]),
        (["02/02/2020"], [date(2020, 2, 2)]),
        (["01/02/2020"], [None]),
        (["2020-01-31 16:00:00", "2020-01-31T09:30:00Z"], [LAST, LAST]),
        (["31-Jan-2020"], [LAST]),
        (["31JAN2020"], [LAST]),
        (["Jan 31, 2020"], [LAST]),
        ([" 2020-01-31 ", "NA", "soon", ""], [LAST, None, None, None]),
    ],
)
def test_days_in_the_formats_people_write(written, read):
    assert days(pl.Series("d", written, dtype=pl.String)).to_list() == read


def test_numbers_and_what_stands_for_none():
    table = pl.DataFrame({"r": ["0.5", " -1e-3", "NA", "NaN", ".", "", None, "0,005", "3,5"], "d": ["2020-01-31"] * 9})
    found = typed(table, ["r"], "x.csv", ["d"])
    assert found["r"].to_list() == [0.5, -0.001, None, None, None, None, None, 0.005, 3.5]
    assert found["d"].to_list() == [LAST] * 9
    for lost in ("1,234", "n.m.", "12 %"):
        with pytest.raises(SchemaError, match=r"x\.csv"):
            typed(pl.DataFrame({"r": ["1", lost]}), ["r"], "x.csv")
    with pytest.raises(SchemaError, match="2020-01-31"):
        typed(pl.DataFrame({"d": ["2020-01-31", "soon"]}), [], "x.csv", ["d"])
    with pytest.raises(SchemaError, match="column volume"):
        typed(table, ["volume"], "x.csv")


def test_columns_in_other_letter_case():
    table = pl.DataFrame({"DATE": ["a"], "Ticker": ["b"], "symbol": ["c"]})
    assert column_of(table, ("symbol", "ticker")) == "symbol"
    assert column_of(table, ("ticker",)) == "Ticker"
    assert column_of(table, ("isin",)) is None
    assert canonical(table, {"date": ("date",), "symbol": ("symbol",)}, "x").columns == ["date", "Ticker", "symbol"]
    with pytest.raises(SchemaError, match="isin"):
        canonical(table, {"isin": ("isin",)}, "x")


def test_files_that_are_none(tmp_path):
    path = tmp_path / "x.csv"
    for text, columns in (("\ufeffa;b\r\n1;2\r\n", ["a", "b"]), ("a\tb\n1\t2\n", ["a", "b"]), (" a ,b\n1,2\n", ["a", "b"])):
        path.write_bytes(text.encode())
        table = read_table(path)
        assert (table.columns, [value.strip() for value in table.row(0)]) == (columns, ["1", "2"])
    path.write_text("")
    with pytest.raises(DataError, match="is empty"):
        read_table(path)
    path.write_text("a,b\n1,2,3\n")
    with pytest.raises(DataError, match="is no table"):
        read_table(path)
    assert read_settings(tmp_path / "none.json") == {}
    for text in ("{not", "[1]"):
        path.write_text(text)
        with pytest.raises(DataError, match="object of settings"):
            read_settings(path)
    assert day_of("31.01.2020") == LAST
    with pytest.raises(DataError, match="soon"):
        day_of("soon")


DAYS = [str(day) for day in pl.date_range(date(2020, 1, 1), date(2020, 6, 28), eager=True)]


def folder_of(place: Path) -> Path:
    """Three securities, a market, four events, windows in the settings."""
    rng = np.random.default_rng(11)
    index = rng.normal(0, 0.01, len(DAYS))
    names = ["AA", "BB", "CC"]
    wide = {"date": DAYS, **{name: [f"{r:.10f}" for r in index + rng.normal(0, 0.01, len(DAYS))] for name in names}}
    pl.DataFrame(wide).write_csv(place / "returns.csv")
    pl.DataFrame({"date": DAYS, "M": [f"{r:.10f}" for r in index]}).write_csv(place / "market.csv")
    zero = [120, 125, 130, 150]
    events = {"event_id": ["1", "2", "3", "4"], "security": [*names, "AA"], "event_date": [DAYS[k] for k in zero]}
    pl.DataFrame(events).write_csv(place / "events.csv")
    (place / "config.json").write_text(json.dumps({"model": "market", "windows": {"estimation": [-90, -6], "event": [-2, 2]}}))
    return place


def changed(place: Path, name: str, change) -> None:
    change(read_table(place / name)).write_csv(place / name)


def first(name: str, value: str | None):
    """Return a change of the first row."""
    return lambda t: t.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(name).alias(name))


#: what is done to a folder, and the reasons of the events it loses
KEPT = [
    ("events.csv", lambda t: t.select(t.columns[::-1]).with_columns(note=pl.lit("x")), []),
    ("returns.csv", lambda t: t.sample(fraction=1.0, shuffle=True, seed=1), []),
    ("returns.csv", lambda t: pl.concat([t, t.head(3)]), []),
    ("returns.csv", lambda t: t.rename({"date": "Date"}), []),
    ("returns.csv", lambda t: t.with_columns(pl.col("date").str.replace_all("-", "")), []),
    ("market.csv", lambda t: t.with_columns(pl.col("date") + " 00:00:00"), []),
    ("events.csv", lambda t: t.with_columns(pl.col("event_date").str.replace_all("-", "/")), []),
    ("events.csv", lambda t: t.rename({"security": "SYMBOL"}), []),
    ("events.csv", lambda t: t.drop("event_id"), []),
    ("events.csv", lambda t: pl.concat([t, t.head(1)]), ["duplicate event"]),
    ("events.csv", first("event_date", "1999-12-24"), ["day 0 is not a session"]),
    ("events.csv", first("event_date", "soon"), ["day 0 cannot be read"]),
    ("events.csv", first("event_date", None), ["day 0 cannot be read"]),
    ("events.csv", first("security", "ZZ"), ["no bars"]),
    ("events.csv", first("security", None), ["no symbol"]),
]


@pytest.mark.parametrize(("name", "change", "lost"), KEPT)
def test_a_strange_folder_gives_the_same_study_or_says_what_is_lost(tmp_path, name, change, lost):
    plain = run_case(folder_of(tmp_path))["models"]["market"]
    changed(tmp_path, name, change)
    found = run_case(tmp_path)["models"]["market"]
    assert [row["reason"] for row in found["dropped"]] == lost
    cars = {(row["symbol"], row["day0"]): row["car"] for row in found["events"]}
    expected = {(row["symbol"], row["day0"]): row["car"] for row in plain["events"]}
    assert len(cars) == (4 if lost in ([], ["duplicate event"]) else 3)
    assert cars == {key: pytest.approx(expected[key], rel=1e-12) for key in cars}


def test_gaps_are_missing_days(tmp_path):
    folder_of(tmp_path)
    changed(tmp_path, "returns.csv", lambda t: t.with_columns(AA=pl.when(pl.int_range(pl.len()) == 121).then(pl.lit("NA")).otherwise("AA")))
    rows = {row["event_id"]: row for row in run_case(tmp_path)["models"]["market"]["events"]}
    assert (rows["1"]["ar"][3], rows["1"]["n_days"], rows["2"]["n_days"]) == (None, 4, 5)


REFUSED = [
    (lambda p: changed(p, "returns.csv", lambda t: pl.concat([t, t.tail(1).with_columns(AA=pl.lit("0.5"))])), "share a key"),
    (lambda p: changed(p, "returns.csv", first("AA", "n.m.")), "n.m."),
    (lambda p: (p / "returns.csv").write_text(""), "is empty"),
    (lambda p: (p / "returns.csv").unlink(), "expected returns.csv"),
    (lambda p: (p / "market.csv").unlink(), "holds no market"),
    (lambda p: changed(p, "events.csv", lambda t: t.drop("security")), "expected one of security"),
    (lambda p: changed(p, "events.csv", lambda t: t.drop("event_date")), "expected one of event_date"),
    (lambda p: changed(p, "events.csv", lambda t: t.clear()), "No events"),
    (lambda p: changed(p, "events.csv", lambda t: t.with_columns(event_date=pl.lit("soon"))), "can be read"),
    (lambda p: (p / "config.json").write_text("{not"), "is not JSON"),
    (lambda p: (p / "config.json").write_text("[1]"), "holds a list"),
    (lambda p: (p / "config.json").write_text('{"estimation_start": "2020-01-01"}'), "lack 'event_start'"),
    (lambda p: (p / "config.json").write_text('{"windows": {"event": [-2, 2]}}'), "lack 'estimation'"),
    (lambda p: (p / "config.json").write_text('{"windows": {"estimation": ["a", 3], "event": [-2, 2]}}'), "cannot be read"),
    (lambda p: (p / "config.json").write_text('{"model": "magic"}'), "magic"),
]


@pytest.mark.parametrize(("break_it", "told"), REFUSED)
def test_a_folder_that_cannot_be_studied_is_refused_in_a_sentence(tmp_path, break_it, told):
    break_it(folder_of(tmp_path))
    with pytest.raises(TidingsError, match=re.escape(told)):
        run_case(tmp_path)
