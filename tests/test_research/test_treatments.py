"""Marks of special treatment as dated rows; the tables were worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from research import bar_report, calendar, price_limits, prices, treatments
from research.errors import SourceError
from research.schemas import BARS, INSTRUMENTS, TREATMENTS
from research.sources.exchange_lists import Change, Listed, Lists
from research.sources.treatments import compare, read_treatments
from research.store import Store

DAY = date(2026, 2, 6)
SEEN = datetime(2026, 2, 6, 1, tzinfo=UTC)


def lists(*listed: Listed, changes: dict[str, list[Change]] | None = None) -> Lists:
    return Lists(listed, (), changes or {}, frozenset({"SS", "SZ", "BJ"}), ())


def told(table: pl.DataFrame) -> list[tuple[object, ...]]:
    return table.select("symbol", "valid_from", "mark", "stated").rows()


def bars(symbol: str, days: list[date], closes: list[float]) -> pl.DataFrame:
    rows = [
        {"symbol": symbol, "session": day, "open": close, "high": close, "low": close, "close": close, "volume": 100.0, "adj_factor": 1.0,
         "suspended": False, "currency": "CNY", "available_at": datetime(2024, 1, 2, 7, tzinfo=UTC), "source": "t"}
        for day, close in zip(days, closes, strict=True)
    ]  # fmt: skip
    return BARS.frame(rows)


def sessions(start: str, end: str) -> list[date]:
    return calendar.sessions("XSHG", start, end)["session"].to_list()


HISTORY = {
    "000991.SZ": [
        Change("000991.SZ", date(2021, 4, 30), "溪口能源", "*ST溪口"),
        Change("000991.SZ", date(2023, 6, 12), "*ST溪口", "ST溪口"),
        Change("000991.SZ", date(2025, 5, 20), "ST溪口", "溪口能源"),
    ]
}


def test_shenzhen_states_the_whole_history() -> None:
    found = compare(TREATMENTS.empty(), lists(Listed("000991.SZ", "溪口能源", date(1997, 9, 15)), changes=HISTORY), DAY, seen_at=SEEN)
    assert told(found) == [
        ("000991.SZ", date(1998, 4, 22), "", True),  # there was no mark before
        ("000991.SZ", date(2021, 4, 30), "*ST", True),
        ("000991.SZ", date(2023, 6, 12), "ST", True),
        ("000991.SZ", date(2025, 5, 20), "", True),
    ]
    assert treatments.spans(found).rows() == [
        ("000991.SZ", date(2021, 4, 30), date(2023, 6, 11), "*ST"),
        ("000991.SZ", date(2023, 6, 12), date(2025, 5, 19), "ST"),
    ]


def test_a_share_without_a_change_on_a_list_that_came_never_bore_another_mark() -> None:
    changes = {"000992.SZ": [Change("000992.SZ", date(2020, 1, 6), "旧港", "新港股份")]}
    two = (Listed("000991.SZ", "溪口能源", date(2010, 3, 1)), Listed("000993.SZ", "ST青浦", date(2010, 3, 1)))
    found = compare(TREATMENTS.empty(), lists(*two, changes=changes), DAY)
    # The second bears a mark that no change tells of: it is known from today on.
    assert told(found.filter(pl.col("symbol") != "000992.SZ")) == [
        ("000991.SZ", date(2010, 3, 1), "", True), ("000993.SZ", DAY, "ST", False)
    ]  # fmt: skip
    assert told(compare(TREATMENTS.empty(), lists(*two), DAY)) == [("000991.SZ", DAY, "", False), ("000993.SZ", DAY, "ST", False)]


def test_a_chain_of_changes_with_a_link_missing_is_unknown_in_between() -> None:
    broken = {"000991.SZ": [HISTORY["000991.SZ"][0], HISTORY["000991.SZ"][2]]}
    found = compare(TREATMENTS.empty(), lists(Listed("000991.SZ", "溪口能源", None), changes=broken), DAY)
    assert told(found) == [("000991.SZ", date(2021, 4, 30), None, True), ("000991.SZ", date(2025, 5, 20), "", True)]


def test_a_history_that_lags_behind_the_name_adds_one_row() -> None:
    """The list of names bears the mark before the list of changes tells of it; later the change is stated with its day."""
    lagging = lists(Listed("000991.SZ", "*ST溪口", date(2010, 1, 4)), changes=HISTORY)
    first = compare(TREATMENTS.empty(), lagging, DAY)
    assert told(first)[-1] == ("000991.SZ", DAY, "*ST", False)
    assert compare(first, lagging, date(2026, 2, 9)).is_empty()
    whole = {"000991.SZ": [*HISTORY["000991.SZ"], Change("000991.SZ", date(2026, 2, 5), "溪口能源", "*ST溪口")]}
    after = compare(first, lists(Listed("000991.SZ", "*ST溪口", date(2010, 1, 4)), changes=whole), date(2026, 2, 10))
    assert told(after) == [("000991.SZ", date(2026, 2, 5), "*ST", True)]
    gone = compare(first, lists(Listed("000991.SZ", "溪口能源", date(2010, 1, 4)), changes=HISTORY), date(2026, 3, 2))
    assert told(gone) == [("000991.SZ", date(2026, 3, 2), "", False)]


def test_shanghai_is_known_from_the_day_it_was_seen_and_changes_are_added() -> None:
    first = compare(TREATMENTS.empty(), lists(Listed("600991.SS", "澄湖药业", date(2010, 3, 1))), DAY, seen_at=SEEN)
    assert told(first) == [("600991.SS", DAY, "", False)]
    assert compare(first, lists(Listed("600991.SS", "澄湖药业", date(2010, 3, 1))), date(2026, 3, 2)).is_empty()
    later = compare(first, lists(Listed("600991.SS", "*ST澄湖", date(2010, 3, 1))), date(2026, 5, 6))
    assert told(later) == [("600991.SS", date(2026, 5, 6), "*ST", False)]
    whole = pl.concat([first, later])
    days = bars("600991.SS", [date(2026, 2, 5), DAY, date(2026, 5, 5), date(2026, 5, 6)], [10.0] * 4)
    assert treatments.on_days(days, whole)["mark"].to_list() == [None, "", "", "*ST"]


def test_the_limit_of_a_day_is_that_of_its_mark() -> None:
    """5 % while the name carries ST, 10 % before and after, and 10 % whatever the name from 2026-07-06 on."""
    table = compare(TREATMENTS.empty(), lists(Listed("000991.SZ", "溪口能源", date(2010, 1, 4)), changes=HISTORY), DAY)
    for first, last, down in (("2021-04-28", "2021-05-06", [None, 9.0, 9.5, 9.5]), ("2025-05-16", "2025-05-21", [None, 9.5, 9.0, 9.0])):
        days = sessions(first, last)
        found = prices.with_limits(bars("000991.SZ", days, [10.0] * len(days)), special=treatments.spans(table))
        assert found["limit_down"].to_list() == down
    lasting = treatments.table([treatments.row("600991.SS", date(2020, 1, 6), "*ST", "*ST澄湖", stated=True, source="t")])
    days = sessions("2026-07-01", "2026-07-07")
    found = prices.with_limits(bars("600991.SS", days, [10.0] * len(days)), special=treatments.spans(lasting))
    assert found.select("session", "limit_up").rows()[1:] == [
        (date(2026, 7, 2), 10.5), (date(2026, 7, 3), 10.5), (date(2026, 7, 6), 11.0), (date(2026, 7, 7), 11.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("symbol", "day", "hangs"),
    [
        ("600991.SS", date(2024, 1, 3), True),
        ("000991.SZ", date(1998, 4, 21), False),  # no mark existed
        ("600991.SS", date(2026, 7, 3), True),
        ("600991.SS", date(2026, 7, 6), False),
        ("300991.SZ", date(2020, 8, 21), True),
        ("300991.SZ", date(2020, 8, 24), False),
        ("688991.SS", date(2024, 1, 3), False),
        ("920991.BJ", date(2024, 1, 3), False),
        ("0700.HK", date(2024, 1, 3), False),
    ],
)
def test_on_which_days_the_mark_makes_the_limit(symbol: str, day: date, hangs: bool) -> None:
    row = pl.DataFrame({"symbol": [symbol], "session": [day]})
    assert row.select(price_limits.limited_by_treatment(pl.col("symbol"), pl.col("session"))).item() is hangs


def test_what_is_not_known_is_counted_and_said() -> None:
    days = sessions("2026-02-03", "2026-02-10")
    both = pl.concat([bars(symbol, days, [10.0] * len(days)) for symbol in ("600991.SS", "688991.SS")])
    seen = compare(TREATMENTS.empty(), lists(Listed("600991.SS", "澄湖药业", date(2010, 3, 1))), DAY)
    assert treatments.unknown(both, TREATMENTS.empty()).rows() == [("600991.SS", 6, days[0], days[-1])]
    assert treatments.unknown(both, seen).rows() == [("600991.SS", 3, date(2026, 2, 3), date(2026, 2, 5))]
    said = bar_report.lines(both, INSTRUMENTS.empty(), seen)
    assert len(said) == 1 and "3 bars of 1 main-board shares (2026-02-03 … 2026-02-05) have no known ST mark" in said[0]
    known = treatments.table([treatments.row("600991.SS", date(2020, 1, 6), "", None, stated=True, source="t")])
    assert bar_report.lines(both, INSTRUMENTS.empty(), known) == []


def test_a_delisting_period_has_the_boards_limit_and_a_first_session_without() -> None:
    days = sessions("2025-12-01", "2025-12-15")
    kept = [*days[:2], *days[5:]]  # suspended before the period
    table = bars("600991.SS", kept, [1.0, 0.95, 0.5, *[0.55] * (len(kept) - 3)])
    marks = [
        treatments.row("600991.SS", date(2025, 1, 6), "*ST", "*ST澄湖", stated=True, source="t"),
        treatments.row("600991.SS", days[5], "退", "退市澄湖", stated=True, source="t"),
    ]
    special = treatments.spans(treatments.table(marks))
    assert prices.with_limits(table, special=special)["limit_up"].to_list()[:4] == [None, 1.05, None, 0.55]
    assert prices.validate(table, special=special)["rule"].to_list() == ["gap"]
    old = pl.DataFrame({"symbol": ["600991.SS"], "list_date": [date(2010, 1, 4)]})
    alone = prices.validate(table, special=special.filter(pl.col("mark") != "退"), listings=old)
    assert alone.filter(pl.col("rule") == "limit")["reason"].str.contains("After 3 sessions without a bar").to_list() == [True]


def test_a_file_of_names(tmp_path: Path) -> None:
    """As tushare's namechange writes them: days without dashes, one row a name."""
    path = tmp_path / "namechange.csv"
    path.write_text(
        "ts_code,name,start_date,end_date,change_reason\n600991.SH,澄湖药业,20100301,20210505,x\n"
        "600991.SH,*ST澄湖,20210506,20220620,x\n600991.SH,澄湖药业,20220621,,x\n600992.SH,ST岚桥,20240506,20250506,x\n",
        encoding="utf-8",
    )
    assert told(read_treatments(path)) == [
        ("600991.SS", date(2010, 3, 1), "", True),
        ("600991.SS", date(2021, 5, 6), "*ST", True),
        ("600991.SS", date(2022, 6, 21), "", True),
        ("600992.SS", date(2024, 5, 6), "ST", True),
        ("600992.SS", date(2025, 5, 7), None, True),
    ]


def test_a_file_of_periods_that_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "st.parquet"
    pl.DataFrame({"symbol": ["600991", "sz000991"], "start": ["2021-05-06", "2024-05-06"], "end": ["2022-06-20", None]}).write_parquet(path)
    found = read_treatments(path, complete_from=date(2015, 1, 1), symbols=["600992.SS", "600991.SS", "NVDA"])
    assert told(found) == [
        ("000991.SZ", date(2015, 1, 1), "", True),
        ("000991.SZ", date(2024, 5, 6), "ST", True),
        ("600991.SS", date(2015, 1, 1), "", True),
        ("600991.SS", date(2021, 5, 6), "ST", True),
        ("600991.SS", date(2022, 6, 21), "", True),
        ("600992.SS", date(2015, 1, 1), "", True),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "expected symbol and start"),
        ("symbol,start\n600991,soon\n", "no readable start"),
        ("symbol,start,end\n600991,2024-05-06,2023-05-06\n", "an end before it"),
        ("symbol,start\n", "0 rows of symbol, start"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "st.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=says):
        read_treatments(path)


def test_the_command_adds_a_file_and_check_says_what_is_left(tmp_path: Path) -> None:
    home, days = tmp_path / "home", sessions("2026-02-03", "2026-02-10")
    store = Store(home)
    store.append(BARS, pl.concat([bars(symbol, days, [10.0] * len(days)) for symbol in ("600991.SS", "600992.SS")]))
    path = tmp_path / "st.csv"
    path.write_text("symbol,start,end\n600991,2021-05-06,2022-06-20\n", encoding="utf-8")

    def said(*words: str) -> str:
        command = [sys.executable, "-m", "tidings", *words, "--home", str(home)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    assert "12 bars of 2 main-board shares (2026-02-03 … 2026-02-10) have no known ST mark" in said("check")
    assert "4 of 4" in said("instruments", "treatment", str(path), "--complete-from", "2015-01-01")
    assert "ST mark" not in said("check")


def test_findings_take_the_listing_day_from_the_master() -> None:
    """A share that moves by half in its first stored sessions: just listed, listed long ago, and not known."""
    days = sessions("2024-03-04", "2024-03-11")
    wild = pl.concat([bars(f"60099{n}.SS", days, [10.0, 15.0, 16.0, 16.0, 16.0, 16.0]) for n in (1, 2, 3)])
    known = {"mic": "XSHG", "asset_class": "equity", "currency": "CNY", "aliases": []}
    firsts = [("600991.SS", days[0]), ("600992.SS", date(2001, 8, 27)), ("600993.SS", date(1990, 1, 1))]
    master = INSTRUMENTS.frame([{"symbol": symbol, "valid_from": first, "name": "x", **known} for symbol, first in firsts])
    found = bar_report.findings(wild, master, TREATMENTS.empty())
    assert found.select("symbol", "session", "rule").rows() == [("600992.SS", days[1], "limit"), ("600993.SS", days[1], "listing")]
