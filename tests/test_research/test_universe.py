"""The universe of a day against hand-worked tables: what was listed and traded then, and who is gone later."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from research import calendar
from research.errors import DataError, SchemaError, UsageError
from research.schemas import BARS, INSTRUMENTS
from research.store import Store
from research.universe import UNIVERSE, survivorship, universe

# Ten sessions of Shanghai in 2024.
DAYS = [date(2024, 3, d) for d in (4, 5, 6, 7, 8, 11, 12, 13, 14, 15)]


def bars_of(symbol: str, amounts: list[float | None], currency: str = "CNY", **more: Any) -> list[dict[str, Any]]:
    """One bar a session; an amount of ``None`` is no bar, 0 a suspended one."""
    return [
        {
            "symbol": symbol, "session": day, "close": 10.0, "volume": amount / 10, "amount": amount, "adj_factor": 1.0,
            "suspended": amount == 0, "currency": currency, "source": "t",
            "available_at": datetime(day.year, day.month, day.day, 7, tzinfo=UTC),
        } | more
        for day, amount in zip(DAYS, amounts, strict=True)
        if amount is not None
    ]  # fmt: skip


def listing(symbol: str, name: str, start: date = date(2010, 1, 4), end: date | None = None, **more: Any) -> dict[str, Any]:
    row = {"symbol": symbol, "valid_from": start, "name": name, "mic": "XSHG", "asset_class": "equity", "currency": "CNY", "aliases": []}
    return row | {"valid_to": end} | more


BARS_TABLE = BARS.frame(
    [
        *bars_of("600001.SS", [100.0] * 10),
        *bars_of("600002.SS", [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 1e6]),
        *bars_of("600003.SS", [None, None, None, None, 500.0, 500.0, 500.0, 500.0, 500.0, 500.0]),
        *bars_of("600004.SS", [5.0, 5.0, 0, 0, 0, 0, 0, 0, 0, 0]),
        *bars_of("600005.SS", [300.0, 300.0, 300.0, 300.0, None, None, None, None, None, None]),
        *bars_of("510300.SS", [900.0] * 10),
        *bars_of("600099.SS", [7.0] * 10),
        *bars_of("0005.HK", [1000.0] * 10, "HKD"),
    ]
)
MASTER = INSTRUMENTS.frame(
    [
        listing("600001.SS", "Alpha", twin="0005.HK"),
        listing("0005.HK", "Alpha H", mic="XHKG", currency="HKD", twin="600001.SS"),
        listing("600002.SS", "Beta Class A"),
        listing("600003.SS", "Beta Class B", date(2024, 3, 8)),
        listing("600004.SS", "Delta"),
        listing("600005.SS", "Epsilon old", date(2010, 1, 4), date(2023, 12, 31)),
        listing("600005.SS", "Epsilon", date(2024, 1, 1), date(2024, 3, 7)),
        listing("510300.SS", "Fund", asset_class="etf"),
        listing("600006.SS", "Never traded"),
    ]
)


def chosen(session: date = DAYS[8], **more: Any) -> pl.DataFrame:
    return universe(BARS_TABLE, MASTER, session, lookback=6, **{"min_traded": 0.0} | more)


def test_amount_and_trading_are_of_the_sessions_before() -> None:
    found = chosen()
    assert found.schema == UNIVERSE
    # The six sessions before the 14th: 6, 7, 8, 11, 12, 13 March.
    assert found.select("symbol", "amount", "traded", "rank").rows() == [
        ("0005.HK", 1000.0, 1.0, 1),
        ("600001.SS", 100.0, 1.0, 2),
        ("600002.SS", 55.0, 1.0, 3),  # 30 to 80: the million of the 15th is not known yet
        ("600003.SS", 500.0, pytest.approx(4 / 6), 1),  # 0, 0 and four of 500
        ("600004.SS", 0.0, 0.0, 5),
        ("600099.SS", 7.0, 1.0, 4),
    ]
    assert found["basis"].unique().to_list() == ["liquid"]
    assert found.filter(pl.col("symbol") == "600099.SS")["name"].to_list() == [None], "not in the master: kept, and seen to be unknown"


def test_listing_is_as_of_the_day() -> None:
    early = chosen(date(2024, 3, 7))["symbol"].to_list()
    assert "600005.SS" in early
    assert "600003.SS" not in early, "listed the day after, and without bars yet"
    assert "600005.SS" not in chosen()["symbol"].to_list(), "delisted"
    assert "510300.SS" not in chosen()["symbol"].to_list(), "a fund is no equity"
    assert chosen(asset_class="etf")["symbol"].to_list() == ["510300.SS", "600099.SS"]


def test_filters() -> None:
    assert chosen(min_traded=0.7)["symbol"].to_list() == ["0005.HK", "600001.SS", "600002.SS", "600099.SS"]
    assert chosen(min_amount=60.0)["symbol"].to_list() == ["0005.HK", "600001.SS", "600003.SS"]
    assert chosen(top=1)["symbol"].to_list() == ["0005.HK", "600003.SS"], "of each currency the first"
    assert chosen(mics=["XHKG"])["symbol"].to_list() == ["0005.HK"]
    assert "600001.SS" in chosen(mics=["XSHE"])["symbol"].to_list(), "Shenzhen follows Shanghai's calendar"


def test_twins_and_share_classes_are_one_issuer() -> None:
    issuers = dict(chosen().select("symbol", "issuer").rows())
    assert issuers["600001.SS"] == issuers["0005.HK"] == "0005.HK"
    assert issuers["600002.SS"] == issuers["600003.SS"] == "600002.SS"
    assert issuers["600004.SS"] == "600004.SS"
    # Rank 1 of 5 in CNY beats 3 of 5; 1 of 1 in HKD loses to 2 of 5.
    assert chosen(one_per_issuer=True)["symbol"].to_list() == ["600001.SS", "600003.SS", "600004.SS", "600099.SS"]


def test_a_later_bar_and_a_later_listing_change_nothing() -> None:
    base = chosen()
    later = pl.concat([BARS_TABLE, BARS.frame(bars_of("600077.SS", [None] * 8 + [9e9, 9e9]))])
    assert universe(later, MASTER, DAYS[8], lookback=6, min_traded=0.0).equals(base)
    cut = BARS_TABLE.filter(pl.col("session") < DAYS[8])
    assert universe(cut, MASTER, DAYS[8], lookback=6, min_traded=0.0).equals(base)


def test_asof_reads_what_was_available() -> None:
    def amount(hour: int) -> float:
        asof = datetime(2024, 3, 15, hour, tzinfo=UTC)
        found = chosen(DAYS[9], asof=asof).filter(pl.col("symbol") == "600002.SS")["amount"].item()
        assert isinstance(found, float)
        return found

    assert amount(7) == 65.0, "the bar that becomes available at seven is not available before, strictly"
    assert amount(8) == 75.0  # 50, 60, 70, 80, 90 and a million


def test_members_of_an_index() -> None:
    members = pl.DataFrame(
        {
            "symbol": ["600004.SS", "600006.SS", "600001.SS", "600002.SS"],
            "start": [date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1), date(2024, 3, 15)],
            "end": [None, None, date(2024, 3, 13), None],
        }
    )
    found = chosen(members=members, min_traded=0.9)
    assert found.select("symbol", "name", "amount", "basis").rows() == [
        ("600004.SS", "Delta", 0.0, "member"),
        ("600006.SS", "Never traded", None, "member"),
    ]
    assert found["currency"].to_list() == ["CNY", "CNY"]
    with pytest.raises(DataError, match="No symbol is a member on 2019-01-02; memberships begin on 2020-01-01"):
        chosen(date(2019, 1, 2), members=members)
    with pytest.raises(SchemaError, match="symbol, start and end"):
        chosen(members=members.drop("end"))


def test_bad_numbers_are_refused() -> None:
    for wrong in ({"min_traded": 2.0}, {"top": 0}):
        with pytest.raises(UsageError, match="expected lookback"):
            chosen(**wrong)


def test_survivorship_counts_the_dead() -> None:
    names = chosen(date(2024, 3, 7))
    assert names["symbol"].to_list() == ["0005.HK", "600001.SS", "600002.SS", "600004.SS", "600005.SS", "600099.SS"]
    # Sixty sessions later 600001 and 600099 still trade, and a symbol that was not there then.
    calendar = [date(2024, 3, 18) + timedelta(days=k) for k in range(90)]
    more = [
        row | {"symbol": symbol, "session": day, "available_at": datetime(day.year, day.month, day.day, 7, tzinfo=UTC)}
        for symbol in ("600001.SS", "600099.SS", "600088.SS")
        for day in calendar
        for row in bars_of("x", [1.0] + [None] * 9)
    ]
    bars = pl.concat([BARS_TABLE, BARS.frame(more)])
    found = survivorship(names, bars, MASTER, calendar[-1])
    assert dict(found.names.select("symbol", "status").rows()) == {
        "0005.HK": "listed",  # Hong Kong's bars end on the 15th: nothing says it stopped before its market
        "600001.SS": "listed",
        "600002.SS": "silent",
        "600004.SS": "silent",
        "600005.SS": "delisted",
        "600099.SS": "listed",
    }
    assert (found.n, found.delisted, found.silent, found.dead) == (6, 1, 2, 3)
    assert found.names.filter(pl.col("symbol") == "600005.SS").row(0) == ("600005.SS", "delisted", date(2024, 3, 7), date(2024, 3, 7))
    assert str(found) == "Of 6 names of 2024-03-07, 3 (50.0%) are dead by 2024-06-15: 1 delisted, 2 without a trade."
    # On the day itself nobody is dead yet, whatever is known later.
    same = survivorship(names, bars, MASTER, date(2024, 3, 7))
    assert (same.delisted, same.silent) == (0, 0)
    with pytest.raises(UsageError, match="expected one after"):
        survivorship(names, bars, MASTER, date(2024, 3, 6))
    with pytest.raises(UsageError, match="empty universe"):
        survivorship(names.clear(), bars, MASTER, calendar[-1])


def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One call on a stored home: two names trade, one of them until the autumn."""
    days = calendar.sessions("XSHG", "2024-03-01", "2025-06-02")["session"].to_list()
    rows = [
        {"symbol": symbol, "session": day, "close": 10.0, "volume": 100.0, "adj_factor": 1.0, "suspended": False, "currency": "CNY",
         "available_at": datetime(day.year, day.month, day.day, 7, tzinfo=UTC), "source": "t"}
        for symbol, last in (("600991.SS", days[-1]), ("600992.SS", date(2024, 9, 30))) for day in days if day <= last
    ]  # fmt: skip
    store = Store(tmp_path / "my-home")
    store.append(BARS, BARS.frame(rows))
    store.append(INSTRUMENTS, INSTRUMENTS.frame([listing(symbol, name) for symbol, name in (("600991.SS", "A"), ("600992.SS", "B"))]))
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "prices.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "docs/prices.md", "exec"), {})
    assert capsys.readouterr().out == ("Of 2 names of 2024-06-03, 1 (50.0%) are dead by 2025-06-02: 0 delisted, 1 without a trade.\n")
