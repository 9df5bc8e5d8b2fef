from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, time
from pathlib import Path

import polars as pl
import pytest

from research import calendar
from research.errors import CalendarError
from research.schemas import INSTANT, SESSIONS


def local(mic: str, day: date) -> tuple[time, time]:
    row = calendar.sessions(mic, day, day).row(0, named=True)
    zone = calendar.zone_of(mic)
    return row["open_at"].astimezone(zone).time(), row["close_at"].astimezone(zone).time()


@pytest.mark.parametrize(
    ("mic", "day", "hours"),
    [
        ("XSHG", date(2024, 1, 2), (time(9, 30), time(15, 0))),
        ("XSHE", date(2024, 1, 2), (time(9, 30), time(15, 0))),
        ("XHKG", date(2024, 1, 2), (time(9, 30), time(16, 0))),
        ("XHKG", date(2024, 2, 9), (time(9, 30), time(12, 0))),  # eve of the lunar new year: half a day
        ("XNYS", date(2024, 1, 2), (time(9, 30), time(16, 0))),
        ("XNYS", date(2023, 11, 24), (time(9, 30), time(13, 0))),  # the day after Thanksgiving
        ("XTKS", date(2024, 11, 1), (time(9, 0), time(15, 0))),
        ("XTKS", date(2024, 11, 5), (time(9, 0), time(15, 30))),  # Tokyo closes later from this day on
        ("XLON", date(2024, 7, 1), (time(8, 0), time(16, 30))),
    ],
)
def test_hours(mic: str, day: date, hours: tuple[time, time]) -> None:
    assert local(mic, day) == hours


@pytest.mark.parametrize(
    ("mic", "day"),
    [
        ("XSHG", date(2024, 2, 12)),  # spring festival
        ("XSHG", date(2024, 5, 11)),  # a Saturday worked in offices, never on the exchange
        ("XHKG", date(2023, 9, 1)),  # super typhoon Saola
        ("XHKG", date(2023, 9, 8)),  # black rainstorm
        ("XNYS", date(2025, 1, 9)),  # day of mourning
        ("XNYS", date(2001, 9, 12)),
    ],
)
def test_days_without_a_session(mic: str, day: date) -> None:
    assert calendar.sessions(mic, day, day).is_empty()


@pytest.mark.parametrize(
    ("mic", "start", "end"),
    [("XSHE", "2010-01-01", "2026-06-30"), ("XHKG", "2012-03-05", "2026-06-30"), ("XTKS", "2011-11-21", "2026-06-30"), ("XNYS", "2024-01-01", "2024-12-31")],
)  # fmt: skip
def test_lunch_breaks_are_those_of_exchange_calendars(mic: str, start: str, end: str) -> None:
    """Half days in Hong Kong have none; exchange_calendars gives Hong Kong's and Tokyo's hours of today to the years before as well."""
    import exchange_calendars
    import pandas as pd

    found = calendar.with_breaks(calendar.sessions(mic, start, end))
    with warnings.catch_warnings():
        # exchange_calendars reads values of pandas that pandas 3.1 announces to change; the values are right.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = exchange_calendars.get_calendar(calendar.followed(mic), start=start, end=end).schedule
    days = set(found["session"].to_list())
    for ours, theirs in (("break_at", "break_start"), ("resume_at", "break_end")):
        expected = [None if pd.isna(at) else at.to_pydatetime() for day, at in known[theirs].items() if day.date() in days]
        assert found[ours].to_list() == expected


def test_lunch_breaks_of_other_years() -> None:
    """Hong Kong until 2011-03-04 and until 2012-03-02; Tokyo until 2011-11-18."""
    days = [("XHKG", "2011-03-04", "12:30", "14:30"), ("XHKG", "2012-03-02", "12:00", "13:30"), ("XTKS", "2011-11-18", "11:00", "12:30")]
    for mic, day, first, last in days:
        row = calendar.with_breaks(calendar.sessions(mic, day, day)).row(0, named=True)
        assert [row[name].astimezone(calendar.zone_of(mic)).strftime("%H:%M") for name in ("break_at", "resume_at")] == [first, last]
    assert calendar.with_breaks(SESSIONS.empty()).is_empty()


MARKET = Path(__file__).parents[3] / "shared" / "market"


@pytest.mark.parametrize(
    ("name", "mic"),
    [
        ("bars_hk_2020_2025", "XHKG"),  # typhoons and the rainstorm of 2023-09-08 among its days
        ("bars_cn_2022_2024", "XSHE"),  # Saturdays and Sundays worked in offices
        ("bars_cn_2024_2026", "XSHG"),
        ("bars_cn_etf", "XSHG"),
        ("bars_us_2015_2024", "XNYS"),
    ],
)
def test_sessions_are_the_days_with_bars(name: str, mic: str) -> None:
    """A day without a single bar is no session, and the other way round."""
    path = MARKET / f"{name}.parquet"
    if not path.is_file():
        pytest.skip("the shared market data is not beside the repository")
    days = pl.read_parquet(path, columns=["session"])["session"].cast(pl.String).str.slice(0, 10).str.to_date().unique().sort()
    assert calendar.sessions(mic, days[0], days[-1])["session"].to_list() == days.to_list()


def test_a_year_of_shanghai() -> None:
    year = calendar.sessions("XSHG", "2024-01-01", "2024-12-31")
    assert year.height == 242
    assert year.schema == SESSIONS.schema
    assert year["session"].is_sorted()
    assert (year["open_at"] < year["close_at"]).all()


def test_the_same_sessions_whatever_is_asked_for() -> None:
    whole = calendar.sessions("XNYS", "2018-01-01", "2022-12-31")
    part = calendar.sessions("XNYS", "2019-12-30", "2020-01-03")
    assert part.equals(whole.filter(pl.col("session").is_between(date(2019, 12, 30), date(2020, 1, 3))))


def test_followers_keep_their_own_name() -> None:
    shenzhen = calendar.sessions("XSHE", "2024-01-02", "2024-01-05")
    assert shenzhen["mic"].unique().to_list() == ["XSHE"]


@pytest.mark.parametrize(
    ("mic", "start", "end", "sentence"),
    [
        ("XSHG", "2024-01-01", "2099-01-01", "known only to"),
        ("XSHG", "1980-01-01", "2024-01-01", "known only from"),
        ("XSHG", "2024-02-01", "2024-01-01", "not to be after"),
        ("MARS", "2024-01-01", "2024-02-01", "Market 'MARS' is not known"),
        ("XSHG", "yesterday", "2024-02-01", "expected YYYY-MM-DD"),
    ],
)
def test_refusals(mic: str, start: str, end: str, sentence: str) -> None:
    with pytest.raises(CalendarError, match=sentence):
        calendar.sessions(mic, start, end)


def test_within_what_is_known() -> None:
    found = calendar.sessions_within("XSHG", date(1980, 1, 1), date(1990, 12, 31))
    assert found["session"][0] == date(1990, 12, 19)
    assert calendar.sessions_within("XSHG", date(1970, 1, 1), date(1971, 1, 1)).is_empty()


def test_every_market_has_a_calendar() -> None:
    for mic in calendar._ZONES:
        first, last = calendar.known_span(mic)
        assert first is None or first.year < (2022 if mic == "XSAU" else 2000)  # Riyadh's holidays are known from 2021
        assert last is None or last.year > 2025
    assert set(calendar._SUFFIXES.values()) | set(calendar._INDEX_MARKETS.values()) | set(calendar.MARKETS.values()) <= set(calendar._ZONES)


@pytest.mark.parametrize(
    ("symbol", "mic"),
    [
        ("600519.SS", "XSHG"),
        ("300750.SZ", "XSHE"),
        ("920047.BJ", "BJSE"),
        ("0700.HK", "XHKG"),
        ("NVDA", "XNYS"),
        ("BRK-B", "XNYS"),
        ("^VIX", "XNYS"),
        ("^STOXX50E", "XETR"),
        ("005930.KS", "XKRX"),
        ("GC=F", "CMES"),
        ("CNY=X", "24/5"),
        ("ETH-USD", "24/7"),
        ("INE:SC", "XSHG"),
        ("LME:CA", "XLME"),
        ("HKFE:HSI", "XHKG"),
        ("^OMXC25", "XCSE"),
        ("^JKSE", "XIDX"),
        ("^NSEI", "XBOM"),
        ("^BVSP", "BVMF"),
        ("^STOXX", "XETR"),
        ("2222.SR", "XSAU"),
        ("CN10Y", "XSHG"),
        ("TTF=F", "XAMS"),
    ],
)
def test_markets_of_symbols(symbol: str, mic: str) -> None:
    assert calendar.mic_of(symbol) == mic


def test_sessions_after_and_at_an_instant() -> None:
    week = calendar.sessions("XSHG", "2024-01-02", "2024-01-09")
    opening = datetime(2024, 1, 3, 1, 30, tzinfo=UTC)
    instants = pl.Series(
        [opening, datetime(2024, 1, 5, 12, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC), None],
        dtype=INSTANT,
    )
    after = calendar.session_after(week, instants)
    assert after["session"].to_list() == [date(2024, 1, 4), date(2024, 1, 8), date(2024, 1, 2), None, None]
    at = calendar.session_at(week, instants)
    assert at["session"].to_list() == [date(2024, 1, 3), date(2024, 1, 5), None, date(2024, 1, 9), None]


@pytest.mark.parametrize("mic", ["XSHG", "XHKG", "XNYS", "CMES", "24/5", "XNZE"])
@pytest.mark.parametrize("years", [(2000, 2009), (2020, 2029)])
def test_the_sessions_shipped_are_those_of_the_pinned_release(mic: str, years: tuple[int, int]) -> None:
    first, last = max(calendar.known_span(mic)[0] or date.min, date(years[0], 1, 1)), date(years[1], 12, 31)
    shipped = calendar.sessions_within(mic, first, last)
    assert shipped.drop("mic").equals(calendar.built(mic, *years))
    assert shipped.height > 1500


def test_the_span_shipped_is_that_of_the_pinned_release() -> None:
    for mic in ("XSHG", "XHKG", "XKRX", "XSES"):
        bounds = calendar._factory(mic)
        assert calendar.known_span(mic) == (bounds.bound_min().date(), bounds.bound_max().date())


def test_another_release_of_exchange_calendars_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = calendar.sessions("XSHG", "2024-01-01", "2024-12-31")
    asked = []
    real = calendar.built
    caches = (calendar._shipped_table, calendar._shipped, calendar._calendar)
    for cache in caches:
        cache.cache_clear()
    monkeypatch.setattr(calendar, "version", lambda name: "0.0.0")
    monkeypatch.setattr(calendar, "built", lambda *words: asked.append(words) or real(*words))
    try:
        assert calendar.sessions("XSHG", "2024-01-01", "2024-12-31").equals(expected)
    finally:
        for cache in caches:
            cache.cache_clear()
    assert asked == [("XSHG", 2020, 2029)]


def test_years_beyond_those_shipped_are_built() -> None:
    week = calendar.sessions("XPAR", "2031-03-03", "2031-03-07")
    assert week["session"].to_list() == [date(2031, 3, day) for day in range(3, 8)]


def test_a_calendar_that_cannot_be_built_is_one_sentence_and_no_sessions() -> None:
    with pytest.raises(CalendarError, match=r"cannot build the sessions of XTAE .* update exchange_calendars"):
        calendar.sessions("XTAE", "2025-01-05", "2025-01-09")
    assert calendar.sessions_within("XTAE", date(2025, 1, 5), date(2025, 1, 9)).is_empty()
