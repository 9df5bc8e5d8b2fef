"""Compaction, vacuum, time travel, and tables of an older or newer schema."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from store_writer import NOTES, NOW, notes
from typer.testing import CliRunner

from research.errors import StoreError, UsageError
from research.maintenance import compact, declaration, history, referred, replay, stored_tables, vacuum
from research.schemas import BARS, Column, Table
from research.store import Store
from research.store_files import n_pieces, pieces

HOUR = timedelta(hours=1)
RUNS = Table("runs", ("run_id",), (Column("run_id", pl.String, "id"), Column("table_versions", pl.String, "JSON")))


@pytest.fixture
def store(tmp_path):
    """Six writes of ten rows: versions 0 to 5."""
    store = Store(tmp_path / "home")
    for k in range(6):
        store.append(NOTES, notes(10 * k, 10 * k + 10))
    return store


def run(store, run_id, **versions):
    store.append(RUNS, RUNS.frame([{"run_id": run_id, "table_versions": json.dumps(versions)}]))


def files(store):
    return sorted(path.name for path in (store.home / "notes").glob("*.parquet"))


def test_compaction_changes_no_row_and_no_older_version(store):
    before = files(store)
    done = compact(store, NOTES, now=NOW)
    assert (done.rows, done.files_before, done.files_after, done.version) == (60, 6, 1, 6)
    assert store.read(NOTES).equals(notes(0, 60))
    assert all(store.read(NOTES, version=v).equals(notes(0, 10 * v + 10)) for v in range(6))
    assert set(before) < set(files(store)), "the replaced files stay"
    again = compact(store, NOTES, now=NOW)
    assert (again.files_after, again.version) == (1, 6), "nothing to do makes no version"
    assert store.append(NOTES, notes(55, 65)).added == 5
    assert history(store, "notes").select("version", "operation", "rows_added").rows() == [
        *((v, "append", 10) for v in range(6)),
        (6, "compact", 0),
        (7, "append", 5),
    ]


def test_vacuum_keeps_what_is_young_what_is_current_and_what_a_run_read(store):
    run(store, "r", notes=2, bars=7)
    compact(store, NOTES, now=datetime.now(UTC) - 24 * HOUR)
    assert referred(store) == {"bars": (7,), "notes": (2,)}
    assert vacuum(store, "notes", retention=48 * HOUR).files == 0, "replaced a day ago, kept for two"
    trial = vacuum(store, "notes", retention=HOUR, trial=True)
    assert (trial.files, trial.kept, len(files(store))) == (3, (2,), 7)
    done = vacuum(store, "notes", retention=HOUR)
    assert (done.files, done.size) == (trial.files, trial.size)
    assert len(files(store)) == 4
    assert store.read(NOTES).equals(notes(0, 60))
    assert store.read(NOTES, version=2).equals(notes(0, 30))
    assert replay(store, "r").read(NOTES).equals(notes(0, 30))
    with pytest.raises(StoreError, match="vacuumed away"):
        store.read(NOTES, version=4)
    assert vacuum(store, "notes", retention=HOUR, keep={}).files == 3
    with pytest.raises(StoreError, match="vacuumed away"):
        replay(store, "r").read(NOTES)
    assert store.read(NOTES).equals(notes(0, 60))
    with pytest.raises(UsageError, match="zero or more"):
        vacuum(store, "notes", retention=-HOUR)


def test_vacuum_takes_the_files_of_writers_that_never_committed(store):
    import os

    orphan = store.home / "notes" / "part-left-by-a-kill.parquet"
    notes(0, 5).write_parquet(orphan)
    assert vacuum(store, "notes").files == 0, "it may be of a write under way"
    old = datetime.now(UTC).timestamp() - 8 * 86_400
    os.utime(orphan, (old, old))
    assert vacuum(store, "notes").files == 1
    assert not orphan.exists()
    assert store.read(NOTES).equals(notes(0, 60))


def test_a_view_reads_what_a_run_read_whatever_is_written_later(store):
    view = store.at()
    run(store, "r", **view.versions())
    store.append(NOTES, notes(60, 99))
    compact(store, NOTES, now=NOW)
    assert view.versions() == replay(store, "r").versions()
    assert view.version(NOTES) is None, "a table that is not of this package is not among the default versions"
    view = store.at({"notes": 5})
    store.append(BARS, bars(3, 2))
    assert view.read(NOTES).equals(notes(0, 60))
    assert view.read(NOTES, asof=NOW + timedelta(seconds=7)).equals(notes(0, 7))
    assert view.read("bars").is_empty(), "a table written since reads as empty"
    assert view.read(NOTES, version=0).equals(notes(0, 10))
    assert (view.version(NOTES), view.version("bars"), view.versions()) == (5, None, {"notes": 5})
    with pytest.raises(UsageError, match="for reading"):
        view.append(NOTES, notes(0, 1))
    with pytest.raises(UsageError, match="'x' is not stored"):
        replay(store, "x")
    with pytest.raises(StoreError, match=r"has no version 50 .*newest is 7"):
        store.read(NOTES, version=50)


def test_a_home_without_runs_refers_to_nothing(store):
    assert referred(store) == {}
    assert stored_tables(store) == ["notes"]
    with pytest.raises(UsageError, match="'bars' is not stored"):
        history(store, "bars")
    run(store, "r", notes=1)
    store.append(RUNS, RUNS.frame([{"run_id": "s", "table_versions": "[1]"}]))
    with pytest.raises(StoreError, match="not a JSON object of versions"):
        referred(store)


# A table of an older or newer schema.

MORE = Table("notes", ("id",), (*NOTES.columns, Column("weight", pl.Float64, "w", null=True)), clock="available_at")
MUST = Table("notes", ("id",), (*NOTES.columns, Column("weight", pl.Float64, "w")), clock="available_at")
TEXT = Table("notes", ("id",), (*NOTES.columns[:2], Column("n", pl.String, "n")), clock="available_at")
SMALL = Table("notes", ("id",), (*NOTES.columns[:2], Column("n", pl.Int16, "n")), clock="available_at")


def test_a_column_more_is_null_in_older_rows_and_stays_in_the_files_for_older_versions(store):
    assert store.read(MORE).equals(notes(0, 60).with_columns(weight=pl.lit(None, dtype=pl.Float64)))
    assert store.differences(NOTES) == []
    (sentence,) = store.differences(MORE)
    assert "has no column weight" in sentence
    weighed = notes(50, 70).with_columns(weight=pl.lit(0.5))
    assert store.append(MORE, weighed).added == 10
    expected = pl.concat([notes(0, 60).with_columns(weight=pl.lit(None, dtype=pl.Float64)), weighed.tail(10)])
    assert store.read(MORE).equals(expected)
    # The older program goes on with the table: it does not see the column and does not lose it.
    assert store.read(NOTES).equals(notes(0, 70))
    (sentence,) = store.differences(NOTES)
    assert "stays in the files and is not read" in sentence
    assert store.append(NOTES, notes(65, 80)).added == 10
    compact(store, MORE, now=NOW)
    compact(store, NOTES, now=NOW)
    assert store.read(MORE)["weight"].to_list() == [None] * 60 + [0.5] * 10 + [None] * 10
    assert store.read(MORE, version=2).equals(notes(0, 30).with_columns(weight=pl.lit(None, dtype=pl.Float64)))


def test_compaction_by_an_older_program_keeps_the_newer_column(store):
    store.append(MORE, notes(60, 70).with_columns(weight=pl.lit(0.5)))
    assert compact(store, NOTES, now=NOW).files_after == 1
    assert store.read(MORE)["weight"].to_list() == [None] * 60 + [0.5] * 10


@pytest.mark.parametrize(
    ("table", "said"), [(MUST, "has no column weight, which may not be null"), (TEXT, "column n holds Int64, expected String")]
)
def test_what_cannot_be_filled_or_converted_is_one_sentence_and_nothing_is_written(store, table, said):
    new = notes(0, 99).with_columns(pl.col("n").cast(table.schema["n"]), *([pl.lit(0.5).alias("weight")] if table is MUST else []))
    for call in (lambda: store.read(table), lambda: store.append(table, new)):
        with pytest.raises(StoreError, match=said):
            call()
    assert store.version(NOTES) == 5
    assert store.read(NOTES).equals(notes(0, 60))


def test_a_narrower_number_is_converted_where_it_fits(store):
    assert store.read(SMALL)["n"].dtype == pl.Int16
    assert "is read as Int16" in store.differences(SMALL)[0]


def test_a_table_that_other_software_wrote_is_read(tmp_path):
    store = Store(tmp_path / "home")
    store.append(NOTES, notes(0, 10))
    write_deltalake(str(store.home / "notes"), notes(10, 20).select("n", "id", "available_at"), mode="append")
    assert store.read(NOTES).equals(notes(0, 20))
    assert store.append(NOTES, notes(15, 25)).added == 5


# Layout.


def bars(symbols, days):
    frame = pl.DataFrame({"symbol": [f"S{i:03d}" for i in range(symbols)]}).join(
        pl.DataFrame({"session": pl.date_range(date(2020, 1, 1), date(2020, 1, 1) + timedelta(days - 1), eager=True)}), how="cross"
    )
    return frame.select(
        "symbol", "session", open=None, high=None, low=None, close=1.0 + pl.int_range(pl.len()), volume=1.0, amount=None, adj_factor=1.0,
        suspended=False, limit_up=None, limit_down=None, currency=pl.lit("CNY"),
        available_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + timedelta(hours=8), source=pl.lit("synthetic"),
    ).pipe(BARS.validate)  # fmt: skip


def test_a_large_write_is_one_file_a_year_and_each_says_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("research.store_files.FILE_BYTES", 1_000)
    store, frame = Store(tmp_path / "home"), bars(20, 800)
    assert store.append(BARS, frame).added == 16_000
    assert store.read("bars").equals(frame)
    log = pl.DataFrame(DeltaTable(str(store.home / "bars")).get_add_actions(flatten=True)).sort("min.session")
    assert log.select("min.session", "max.session", "num_records", "min.symbol", "max.symbol").rows() == [
        (date(2020, 1, 1), date(2020, 12, 31), 20 * 366, "S000", "S019"),
        (date(2021, 1, 1), date(2021, 12, 31), 20 * 365, "S000", "S019"),
        (date(2022, 1, 1), date(2022, 3, 10), 20 * 69, "S000", "S019"),
    ]
    assert log["max.available_at"][0] == datetime(2020, 12, 31, 8, tzinfo=UTC)
    many = list(pieces(NOTES, notes(0, 100)))
    assert len(many) == n_pieces(NOTES, notes(0, 100)) > 1
    assert n_pieces(BARS, frame) == 3
    assert pl.concat(many).equals(notes(0, 100)), "without a date it is cut by size"


def test_a_range_opens_only_the_files_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr("research.store_files.FILE_BYTES", 1_000)
    store, frame = Store(tmp_path / "home"), bars(20, 800)
    store.append(BARS, frame)
    log = pl.DataFrame(DeltaTable(str(store.home / "bars")).get_add_actions(flatten=True)).sort("min.session")
    for path in log["path"][1:]:
        (store.home / "bars" / path).write_bytes(b"not parquet: opening it fails")
    inside = pl.col("session").is_between(date(2020, 3, 1), date(2020, 3, 31))
    found = store.scan("bars").filter(inside).select("symbol", "session", "close").collect().sort("symbol", "session")
    assert found.equals(frame.filter(inside).select("symbol", "session", "close"))
    assert store.read("bars", asof="2020-02-01T00:00+00:00").height == 20 * 31
    assert store.append(BARS, frame.filter(inside)).added == 0, "nor does a write that adds nothing"
    with pytest.raises(StoreError, match="damaged"):
        store.read("bars")


def test_the_log_is_never_cleaned(tmp_path, monkeypatch):
    import os

    monkeypatch.setattr("research.store._CHECKPOINT", 3)
    store = Store(tmp_path / "home")
    for k in range(8):
        store.append(NOTES, notes(10 * k, 10 * k + 10))
        for path in (store.home / "notes" / "_delta_log").iterdir():
            os.utime(path, (1.0e9, 1.0e9))
    assert store.read(NOTES, version=0).equals(notes(0, 10))
    assert history(store, "notes").height == 8


def test_commands(store):
    from typer import Typer

    from research.cli import mount

    app = Typer()
    mount(app)
    home = ["--home", str(store.home)]

    def say(*arguments):
        done = CliRunner().invoke(app, ["store", *arguments, *home])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    frame = bars(3, 4)
    store.append(BARS, frame.filter(pl.col("session") < date(2020, 1, 3)))
    store.append(BARS, frame)
    assert "version     5" in say("history", "notes")
    assert "bars               12 rows   2 -> 1 files" in say("compact", "bars")
    assert "bars                2 files" in say("vacuum", "bars", "--older-than", "0", "--trial")
    assert "bars                2 files" in say("vacuum", "bars", "--older-than", "0")
    assert store.read("bars").equals(frame)
    with pytest.raises(UsageError, match="days from 0"):
        say("vacuum", "--older-than", "-1")
    assert "notes              60 rows   6 -> 1 files" in say("compact", "notes")
    assert store.read(NOTES).equals(notes(0, 60))
    with pytest.raises(UsageError, match="'nothing' is not stored"):
        say("compact", "nothing")


# Tables that another package declares.


def test_signals_and_runs_are_compacted_and_a_run_replays_as_it_was(tmp_path):
    """Twelve runs, each with the versions it read; after compaction and vacuum every one of them reads the same rows."""
    from signals.schemas import RUNS as RUNS_OF_SIGNALS
    from signals.schemas import SIGNALS

    store = Store(tmp_path / "home")
    read = {}
    for k in range(12):
        store.append(NOTES, notes(10 * k, 10 * k + 10))
        at = NOW + timedelta(days=k)
        score = {"signal": "tone@1", "session": at.date(), "symbol": "NVDA", "asof": at, "horizon": 5, "score": k / 7, "run_id": f"r{k}"}
        store.append(SIGNALS, SIGNALS.frame([score, score | {"symbol": "AAPL", "score": -k / 7}]))
        versions = {"notes": store.version(NOTES), "signals": store.version(SIGNALS)}
        read[f"r{k}"] = {"notes": store.read(NOTES), "signals": store.read(SIGNALS)}
        run_row = {"run_id": f"r{k}", "command": "signal", "asof": at, "started_at": at, "finished_at": at, "status": "done",
                   "config_hash": "c", "code_version": "0", "table_versions": json.dumps(versions), "rows_written": 2, "error": None}  # fmt: skip
        store.append(RUNS_OF_SIGNALS, RUNS_OF_SIGNALS.frame([run_row]))
    whole = {table.name: store.read(table) for table in (SIGNALS, RUNS_OF_SIGNALS)}
    assert (declaration(store, "signals").key, declaration(store, "signals").clock) == (SIGNALS.key, "asof")
    assert declaration(store, "runs").key == ("run_id",)
    for name in stored_tables(store):
        done = compact(store, declaration(store, name), now=datetime.now(UTC) - 24 * HOUR)
        assert (done.files_before, done.files_after) == (12, 1)

    def same(runs):
        assert store.read(SIGNALS).equals(whole["signals"]) and store.read(RUNS_OF_SIGNALS).equals(whole["runs"])
        for run_id in runs:
            view = replay(store, run_id)
            assert view.read(NOTES).equals(read[run_id]["notes"]) and view.read(SIGNALS).equals(read[run_id]["signals"])

    same(read)
    # Inside the retention nothing goes, whoever refers to it or not; beyond it what a run read stays.
    assert sum(vacuum(store, name, retention=48 * HOUR, keep={}).files for name in stored_tables(store)) == 0
    same(read)
    assert [vacuum(store, name, retention=HOUR).files for name in stored_tables(store)] == [0, 12, 0]  # of runs nobody reads an old version
    same(read)
    assert store.append(SIGNALS, whole["signals"]).added == 0
    assert vacuum(store, "signals", retention=HOUR, keep={}).files == 12
    assert store.read(SIGNALS).equals(whole["signals"])
    with pytest.raises(StoreError, match="vacuumed away"):
        replay(store, "r3").read(SIGNALS)
