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


BODIES = ["The maker of arms said it will ship them by May.", "", "Shops were shut, and no figures were due before Friday."]


@pytest.mark.parametrize("name", ["desc", "lead paragraph", "导语"])
def test_beside_a_headline_the_longest_other_text_is_the_body(tmp_path, name):
    others = {
        "byline": ["Ann Lee, Bob Ray and Cy Day of the desk"] * 3, "last_update": ["2024-03-07 14:00:00 and counting"] * 3,
        "picture": ["https://example.com/a very long address of a picture.png"] * 3, "tags": ['["arms and robots", "orders and factories"]'] * 3,
        "id": ["0123456789abcdef0123456789abcdef"] * 3, "section": ["arms", "rivals", "quiet days"], "n": [1, 2, 3],
    }  # fmt: skip
    table = frame(ticker=["AAPL", "MSFT", "AAPL"], **others, **{name: BODIES})
    assert columns_of(table)["body"] == name
    found = read_news(written(tmp_path, table))
    assert dict(found.documents.select("headline", "body").rows()) == dict(zip(TITLES, BODIES, strict=True))
    assert "body" not in columns_of(table.drop(name))
    # A body under a known name is the body, however long another text is.
    assert columns_of(table.with_columns(summary=pl.Series(TITLES).str.to_uppercase()))["body"] == "summary"


def test_a_row_without_a_headline_is_read_by_its_body(tmp_path):
    table = frame(ticker=["AAPL", "MSFT", "AAPL"], desc=BODIES).with_columns(title=pl.Series([None, TITLES[1], "  "]))
    found = read_news(written(tmp_path, table))
    assert sorted(found.documents.select("headline", "body").rows()) == sorted([("", BODIES[0]), (TITLES[1], ""), ("", BODIES[2])])
    assert found.about.height == 3 and found.quarantine.is_empty()


def test_a_body_that_only_rows_without_a_headline_have_is_found_in_a_long_file():
    n = 5_000
    titles = pl.Series([f"Acme Robotics opens its store number {i}" for i in range(n)])
    bare = pl.int_range(pl.len()) == 4_321
    table = pl.DataFrame({"published_at": ["2024-03-05 14:00:00"] * n, "title": titles}).with_columns(
        title=pl.when(~bare).then("title"), desc=pl.when(bare).then(pl.lit(BODIES[0]))
    )
    assert columns_of(table)["body"] == "desc"


def test_rows_without_text_are_set_aside_one_by_one_with_their_numbers(tmp_path):
    table = pl.concat([frame(ticker=["AAPL"] * 3), frame(ticker=["AAPL"] * 3).with_columns(title=pl.lit(""))])
    table = table.with_columns(published_at=pl.lit("2024-03-05 14:00:00"))
    found = read_news(written(tmp_path, table))
    assert found.n_rows == 6 and found.documents.height == 3
    assert sorted(found.quarantine["reason"].str.extract(r"^(Row \d+) was set aside: it has neither")) == ["Row 4", "Row 5", "Row 6"]


JUNK = bytes(range(256)) * 20
LINES = b"this is no table\nnor is this\n"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("n.parquet", JUNK, r"n\.parquet cannot be read as Parquet \("),
        ("n.parquet", b"one line of text", r"n\.parquet cannot be read as Parquet \(it does not begin as a Parquet file does"),
        ("n.parquet", LINES, r"n\.parquet cannot be read as Parquet \(it does not begin as a Parquet file does"),
        ("n.parquet", b"PAR1" + JUNK, r"n\.parquet cannot be read as Parquet \("),
        ("n.pq", b"", r"n\.pq cannot be read as Parquet \(The file is empty"),
        ("n.xlsx", b"PK\x03\x04" + JUNK, r"n\.xlsx cannot be read as news \(The file is "),
        ("n.csv", JUNK, r"n\.csv cannot be read as CSV \("),
        ("n.jsonl", LINES, r"n\.jsonl cannot be read as JSON \(it does not begin with an object or an array"),
        ("n.jsonl", b"{broken\n{too\n", r"n\.jsonl cannot be read as JSON \(Line 1 is no JSON object"),
        ("n.json", b"[1, 2]", r"n\.json cannot be read as JSON \(Row 1 is a int"),
        ("n.json", b"[{", r"n\.json cannot be read as JSON \("),
        ("n.json", b"[" * 100_000, r"n\.json cannot be read as JSON \("),
    ],
)
def test_a_file_that_is_no_table_ends_in_a_sentence(tmp_path, name, data, says):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=says + r".*\); expected Parquet, CSV or JSON lines\.$") as raised:
        read_news(tmp_path / name)
    assert "\n" not in str(raised.value) and str(raised.value).count("; expected") == 1


def test_a_table_under_another_name_is_still_a_table(tmp_path):
    table = frame(ticker=["AAPL", "MSFT", "AAPL"])
    table.write_csv(tmp_path / "n.parquet")
    assert read_news(tmp_path / "n.parquet").documents.height == 3
