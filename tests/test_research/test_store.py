from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.errors import SchemaError, StoreError, UsageError
from research.schemas import BARS, INSTRUMENTS, QUARANTINE, SESSIONS, Column, Table, content_id
from research.store import Store, as_instant, write_atomically
from research.store_layout import in_key_order

NOTES = Table(
    "notes",
    ("id",),
    (Column("id", pl.String, "id"), Column("available_at", pl.Datetime("us", "UTC"), "clock"), Column("n", pl.Int16, "n")),
    clock="available_at",
)


def notes(*rows):
    return pl.DataFrame([(i, datetime(2024, 1, d, tzinfo=UTC), n) for i, d, n in rows], schema=NOTES.schema, orient="row")


def test_append_is_insert_only_and_idempotent(tmp_path):
    store = Store(tmp_path / "home")
    assert store.append(NOTES, notes(("a", 1, 1), ("b", 2, 2))).added == 2
    again = store.append(NOTES, notes(("a", 1, 99), ("b", 2, 2), ("c", 3, 3)))
    assert (again.added, again.offered) == (1, 3)
    assert store.read(NOTES).rows() == notes(("a", 1, 1), ("b", 2, 2), ("c", 3, 3)).rows()
    before = store.version(NOTES)
    assert store.append(NOTES, notes(("a", 1, 1))).added == 0
    assert store.version(NOTES) == before, "a write without news must not make a version"


def test_read_asof_is_strict_and_time_travel_reads_an_old_version(tmp_path):
    store = Store(tmp_path / "home")
    store.append(NOTES, notes(("a", 1, 1), ("b", 2, 2)))
    store.append(NOTES, notes(("c", 3, 3)))
    assert store.read(NOTES, asof=datetime(2024, 1, 2, tzinfo=UTC))["id"].to_list() == ["a"]
    assert store.read(NOTES, asof="2024-01-02T00:00:00.000001+00:00")["id"].to_list() == ["a", "b"]
    assert store.read(NOTES, version=0)["id"].to_list() == ["a", "b"]


def test_every_declared_table_survives_the_round_trip(tmp_path):
    store = Store(tmp_path / "home")
    row = INSTRUMENTS.frame(
        [
            {
                "symbol": "AAA",
                "valid_from": date(2020, 1, 1),
                "name": "A",
                "mic": "XNYS",
                "asset_class": "equity",
                "currency": "USD",
                "aliases": [{"text": "阿", "language": "zh", "needs_context": True}],
            }
        ]
    )
    store.append(INSTRUMENTS, row)
    assert store.read("instruments").equals(row)
    assert store.append(INSTRUMENTS, row.with_columns(symbol=pl.lit("BBB"))).added == 1
    assert store.read("quarantine").schema == pl.Schema(QUARANTINE.schema)
    assert store.read("sessions").is_empty() and store.read("sessions").columns == list(SESSIONS.schema)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="not a tidings home"):
        Store(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "thesis.txt")
    absent = tmp_path / "absent"
    with pytest.raises(UsageError, match=r"no home folder at .*absent; name another one with --home, or fill this one"):
        Store(absent).read("documents")
    assert Store(absent).versions() == {} and not absent.exists()


def test_bad_frames_write_nothing(tmp_path):
    store = Store(tmp_path / "home")
    with pytest.raises(SchemaError, match=r"table notes, column n: came .*String.*, expected Int16"):
        store.append(NOTES, notes(("a", 1, 1)).with_columns(n=pl.lit("1")))
    with pytest.raises(SchemaError, match="one row a key"):
        store.append(NOTES, notes(("a", 1, 1), ("a", 2, 2)))
    assert not (tmp_path / "home").exists()


def test_instants_need_an_offset():
    with pytest.raises(UsageError, match="no offset"):
        as_instant("2024-01-01T00:00")
    with pytest.raises(UsageError, match="ISO 8601"):
        as_instant("yesterday")


def test_content_ids_do_not_collide_on_concatenation():
    assert content_id("ab", "c") != content_id("a", "bc")
    assert len(content_id("x")) == 32


def test_a_damaged_file_is_one_sentence(tmp_path):
    store = Store(tmp_path / "home")
    store.append(NOTES, notes(("a", 1, 1)))
    for path in (tmp_path / "home" / "notes").glob("*.parquet"):
        path.write_bytes(b"PAR1" + b"\xff" * 60 + b"PAR1")
    with pytest.raises(StoreError, match=r"notes of .* cannot be read .*damaged"):
        store.read(NOTES)


def test_a_damaged_log_is_one_sentence(tmp_path):
    store = Store(tmp_path / "home")
    store.append(NOTES, notes(("a", 1, 1)))
    for path in (tmp_path / "home" / "notes" / "_delta_log").glob("*.json"):
        path.write_text("{ not json")
    with pytest.raises(StoreError, match=r"notes of .*"):
        store.read(NOTES)


def test_a_stored_table_that_is_not_declared_is_read_by_name(tmp_path):
    store = Store(tmp_path / "home")
    store.append(NOTES, notes(("b", 2, 2), ("a", 1, 1)))
    assert store.read("notes").equals(store.read(NOTES))
    assert store.read("notes", asof=datetime(2024, 1, 2, tzinfo=UTC))["id"].to_list() == ["a"]
    for name in ("note", "../home/notes", ""):
        with pytest.raises(UsageError, match="a table stored in"):
            store.read(name)


def bars(days=40, names=30):
    """Bars of random days; each write is sorted by year and symbol, so that the table as a whole is not."""
    rng = np.random.default_rng(1)
    rows = [
        {
            "symbol": f"S{k:03d}", "session": date(2023, 12, 1) + timedelta(days=d), "close": float(rng.uniform(1, 9)), "volume": 1.0,
            "adj_factor": 1.0, "suspended": False, "currency": "USD", "available_at": datetime(2024, 6, 1, tzinfo=UTC), "source": "t",
        }
        for d in range(days)
        for k in range(names)
        if rng.random() < 0.9
    ]  # fmt: skip
    return BARS.frame(rows)


def test_columns_and_rows_that_are_not_wanted_are_left_out(tmp_path):
    store, whole = Store(tmp_path / "home"), bars()
    store.append(BARS, whole.filter(pl.col("session") < date(2023, 12, 20)))
    store.append(BARS, whole.filter(pl.col("session") >= date(2023, 12, 20)))
    ordered = whole.sort("symbol", "session")
    assert store.read("bars").equals(ordered)
    assert store.read("bars", columns=("close", "suspended")).equals(ordered.select("symbol", "session", "close", "suspended"))
    late = pl.col("session") >= date(2024, 1, 2)
    assert store.read("bars", columns=["close"], where=late).equals(ordered.filter(late).select("symbol", "session", "close"))
    assert store.read("bars", where=pl.col("symbol") == "none").is_empty()
    with pytest.raises(UsageError, match="Column 'price' of table bars was asked for; expected some of symbol, session"):
        store.read("bars", columns=["price"])


KEYED = Table("keyed", ("a", "b"), (Column("a", pl.String, "a"), Column("b", pl.Int64, "b", null=True), Column("n", pl.Int64, "n")))


@given(
    st.lists(st.tuples(st.sampled_from(["x", "yy", "", "é", "Z"]), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.none())),
)
def test_rows_come_in_the_order_of_the_key(rows):
    frame = pl.DataFrame([(a, b, k) for k, (a, b) in enumerate(dict.fromkeys(rows))], schema=KEYED.schema, orient="row")
    expected = frame.sort("a", "b")
    assert in_key_order(KEYED, frame.clone()).equals(expected)
    many = pl.concat([frame.with_columns(pl.col("a") + str(k)) for k in range(3)])
    assert in_key_order(KEYED, many.clone()).equals(many.sort("a", "b"))


def test_a_text_written_at_once_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("x")
    write_atomically(tmp_path / "whole", "y")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "whole"]
