"""Files of dated news whatever their columns are called."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from backtests.news_files import columns_of, read_news
from research.errors import SourceError

TITLES = ["Acme Robotics wins an order for two hundred arms", "Its rival says the order was never offered", "Nothing else happened today"]


def written(tmp_path, frame, name="news.parquet"):
    path = tmp_path / name
    frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
    return path


def frame(**columns):
    return pl.DataFrame({"published_at": ["2024-03-05 14:00:00", "2024-03-05 00:00:00", "2024-03-06 09:30:00"], "title": TITLES, **columns})


def test_a_first_seen_time_is_the_availability_and_a_last_seen_time_is_nothing(tmp_path):
    table = pl.DataFrame(
        {
            "platform": ["a", "a", "b"], "title": ["星海机器人获两百台订单", "对手称从未收到询价", "今日别无大事"],
            "last_seen": ["2026-02-03 12:00"] * 3, "first_seen": ["2026-02-02 09:31", "2026-02-02 10:01", "2026-02-02 11:00"],
        }
    )  # fmt: skip
    found = read_news(written(tmp_path, table))
    assert found.zone == "Asia/Shanghai" and found.about.is_empty() and found.prices is None
    assert found.documents["available_at"].to_list() == [datetime(2026, 2, 2, h, m, tzinfo=UTC) for h, m in ((1, 31), (2, 1), (3, 0))]
    assert sorted(found.documents["source"].unique()) == ["a", "b"]


def test_an_unknown_time_of_day_counts_from_the_end_of_the_day(tmp_path):
    found = read_news(written(tmp_path, frame(symbols=[["AAPL"], ["AAPL", "MSFT"], ["BRK.B"]])))
    assert found.zone == "UTC"
    known = dict(found.documents.select("headline", "available_at").rows())
    assert known[TITLES[0]] == datetime(2024, 3, 5, 14, tzinfo=UTC) and known[TITLES[1]] == datetime(
        2024, 3, 5, 23, 59, 59, 999999, tzinfo=UTC
    )
    said = found.about.join(found.documents, on="doc_id").select("headline", "symbol").sort("headline", "symbol").rows()
    assert said == sorted([(TITLES[0], "AAPL"), (TITLES[1], "AAPL"), (TITLES[1], "MSFT"), (TITLES[2], "BRK-B")])


def test_one_text_about_two_symbols_in_two_rows_is_one_document(tmp_path):
    at = datetime(2024, 3, 5, 14, 0, 7, tzinfo=UTC)
    table = pl.DataFrame(
        {
            "symbol": ["AAPL", "MSFT", "AAPL"],
            "created_at": [at, at, at.replace(hour=15)],
            "text": ["$ aapl up $ msft up"] * 3,
            "user": ["1"] * 3,
        }
    )
    found = read_news(written(tmp_path, table))
    assert found.documents.height == 2 and found.about.height == 3 and set(found.documents["kind"]) == {"social"}
    assert found.documents["novelty"].to_list() == [1.0, 0.0]  # the second is a copy, an hour later


def test_prices_of_following_days_become_bars_and_nothing_that_is_known(tmp_path):
    table = pl.DataFrame(
        {
            "CODE": ["600519", "300750"], "DATE": ["2019-07-01 16:24:00", "2019-07-02 18:00:00"], "label": ["0", "2"],
            "TITLE": ["酒厂称新窖池投产", "电池厂称新线投产"], "day1": ["2019-07-03", "2019-07-04"], "open1": ["10.0", "20"],
            "close1": ["10.5", "21"], "day2": ["2019-07-04", "2019-07-05"], "open2": ["10.6", "22"], "close2": ["11", "23"],
        }
    )  # fmt: skip
    found = read_news(written(tmp_path, table))
    assert found.chosen["published_at"] == "DATE" and found.chosen["symbols"] == "CODE" and found.chosen["label"] == "label"
    assert found.documents["available_at"].to_list() == [datetime(2019, 7, 1, 8, 24, tzinfo=UTC), datetime(2019, 7, 2, 10, tzinfo=UTC)]
    bars = found.prices.select("symbol", "session", "open", "close").rows()
    assert bars[0] == ("300750.SZ", date(2019, 7, 4), 20.0, 21.0) and len(bars) == 4
    assert not found.documents["body"].str.contains("10.5").any()
    assert found.about.select("symbol", "label").sort("symbol").rows() == [("300750.SZ", "2"), ("600519.SS", "0")]


def test_columns_without_known_names_are_found_by_what_they_hold():
    table = pl.DataFrame({"when": ["2024-03-05 14:00:00"] * 3, "who": ["AAPL", "MSFT", "BRK.B"], "words": TITLES, "n": [1, 2, 3]})
    assert columns_of(table) == {"published_at": "when", "symbols": "who", "body": "words"}
    assert columns_of(table.rename({"when": "collected_and_seen"}))["first_seen_at"] == "collected_and_seen"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pl.DataFrame({"title": TITLES}), "expected one of instants"),
        (pl.DataFrame({"title": TITLES, "last_seen": ["2024-03-05 14:00"] * 3}), "expected one of instants"),
        (pl.DataFrame({"published_at": ["2024-03-05 14:00"] * 3, "symbol": ["AAPL"] * 3}), "expected one of texts"),
        (pl.DataFrame({"published_at": [], "title": []}, schema={"published_at": pl.String, "title": pl.String}), "has no rows"),
        (pl.DataFrame({"published_at": ["soon"] * 3, "title": TITLES}), "gave no dated document of 3 rows"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, table, says):
    with pytest.raises(SourceError, match=says):
        read_news(written(tmp_path, table))


def test_an_absent_file_is_named():
    with pytest.raises(SourceError, match="check the path"):
        read_news(Path("/nonexistent/news.parquet"))


def test_a_csv_is_read_as_well(tmp_path):
    found = read_news(written(tmp_path, frame(ticker=["AAPL", "MSFT", "AAPL"]), "news.csv"))
    assert found.documents.height == 3 and sorted(found.about["symbol"]) == ["AAPL", "AAPL", "MSFT"]
