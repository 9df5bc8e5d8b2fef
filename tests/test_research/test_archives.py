"""Archives: tables of articles in Parquet, CSV and JSON."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from research import documents
from research.errors import SourceError
from research.sources.archives import from_frame, parse
from research.sources.reader import read_documents

SHARED = Path(__file__).parents[3] / "shared"


def test_usual_names_need_no_mapping() -> None:
    frame = pl.DataFrame(
        {
            "platform": ["甲站"],
            "Title": ["示范科技\n上调指引"],
            "first_seen": ["2031-11-18 23:55"],
            "last_seen": ["2031-11-19 01:00"],
            "url": ["https://x.example/1"],
        }
    )
    [article], rejected = from_frame(frame)
    assert rejected == []
    assert (article.source, article.headline, article.body, article.stamp, article.url) == (
        "甲站",
        "示范科技 上调指引",
        "",
        None,
        "https://x.example/1",
    )
    assert article.first_seen_at == datetime(2031, 11, 18, 15, 55, tzinfo=UTC)


def test_a_mapping_names_other_columns() -> None:
    frame = pl.DataFrame({"TITEL": ["A"], "DATUM": ["2031-07-01 02:24:00"], "NOTE": ["b"]})
    [article], _ = from_frame(frame, columns={"headline": "TITEL", "published_at": "DATUM", "body": "NOTE"}, zone="UTC", source="S")
    assert (article.headline, article.body, article.stamp, article.zone, article.source) == ("A", "b", "2031-07-01 02:24:00", "UTC", "S")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2031-01-05 08:00", datetime(2031, 1, 5, 0, 0, tzinfo=UTC)),
        ("2031-01-05T08:00:09", datetime(2031, 1, 5, 0, 0, 9, tzinfo=UTC)),
        ("2031/01/05 08:00:09", datetime(2031, 1, 5, 0, 0, 9, tzinfo=UTC)),
        ("2031-01-05T08:00:09Z", datetime(2031, 1, 5, 8, 0, 9, tzinfo=UTC)),
        ("2031-01-05T08:00:09.250000+09:00", datetime(2031, 1, 4, 23, 0, 9, 250000, tzinfo=UTC)),
        (datetime(2031, 1, 5, 8, tzinfo=UTC), datetime(2031, 1, 5, 8, tzinfo=UTC)),
        (1925337600, datetime(2031, 1, 5, 0, 0, tzinfo=UTC)),
        (1925337600000, datetime(2031, 1, 5, 0, 0, tzinfo=UTC)),
        (date(2031, 1, 5), datetime(2031, 1, 5, 16, 0, tzinfo=UTC)),
    ],
)
def test_first_seen_times(value: object, expected: datetime) -> None:
    [article], _ = from_frame(pl.DataFrame({"title": ["A"], "first_seen_at": [value]}))
    assert article.first_seen_at == expected


@pytest.mark.parametrize(
    ("value", "stamp"),
    [
        ("2031-01-05 08:00:00", "2031-01-05 08:00:00"),
        ("2031-01-05 00:00:00", "2031-01-05"),
        ("2031-01-05T00:00:00Z", "2031-01-05"),
        ("Sun, 05 Jan 2031 08:00:00 +0800", "Sun, 05 Jan 2031 08:00:00 +0800"),
        (date(2031, 1, 5), "2031-01-05"),
        (datetime(2031, 1, 5), "2031-01-05"),  # noqa: DTZ001
        (datetime(2031, 1, 5, 8, 30, tzinfo=UTC), "2031-01-05T08:30:00+00:00"),
        ("", None),
        (None, None),
    ],
)
def test_midnight_is_a_date_without_a_time(value: object, stamp: str | None) -> None:
    [article], _ = from_frame(pl.DataFrame({"title": ["A"], "date": [value]}))
    assert article.stamp == stamp


def test_bad_rows_are_rejected_with_their_number() -> None:
    frame = pl.DataFrame(
        {
            "title": ["A", None, "C", "D"],
            "first_seen": ["2031-01-05 08:00", "2031-01-05 08:00", "gestern", None],
            "kind": ["news", "news", "news", "poem"],
        }
    )
    articles, rejected = from_frame(frame)
    assert [a.headline for a in articles] == ["A"]
    assert ["Row 2 " in r.reason or "Row 3 " in r.reason or "Row 4 " in r.reason for r in rejected] == [True] * 3
    assert "'gestern'" in rejected[1].reason and "'poem'" in rejected[2].reason


def test_markup_becomes_text_and_an_image_is_no_headline() -> None:
    frame = pl.DataFrame(
        {"title": ['<a href="https://x.example"><img src="x.png"/></a>', "甲&nbsp;乙"], "body": [None, "<p>一。</p><p>二。</p>"]}
    )
    [article], rejected = from_frame(frame)
    assert (article.headline, article.body) == ("甲\u00a0乙", "一。\n二。")
    assert len(rejected) == 1


ROWS = [{"title": "甲, 乙", "content": "正文\n两行", "url": "https://x.example/1"}, {"title": "丙", "content": "丁", "url": ""}]


def test_csv_jsonl_json_and_parquet_agree() -> None:
    frame = pl.DataFrame(ROWS)
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    texts = [
        frame.write_csv(),
        frame.write_csv(separator="\t"),
        "\n".join(json.dumps(r, ensure_ascii=False) for r in ROWS),
        json.dumps(ROWS),
    ]
    results = [parse(t.encode(), t) for t in texts] + [parse(parquet.getvalue(), None)]
    assert all(r == results[0] for r in results)
    assert [a.body for a in results[0][0]] == ["正文\n两行", "丁"]


def test_a_ragged_csv_row_and_a_broken_line_are_rejected_alone() -> None:
    articles, rejected = parse(b"", "title,url\nA,https://x.example/1\nB,https://x.example/2,more\nC,https://x.example/3\n")
    assert [a.headline for a in articles] == ["A", "C"] and "Row 2" in rejected[0].reason
    articles, rejected = parse(b"", '{"title": "A"}\n{"title": \n[1]\n{"title": "C"}\n')
    assert [a.headline for a in articles] == ["A", "C"] and [r.reason.split(" is")[0] for r in rejected] == ["Line 2", "Row 3"]


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"headline": "nope"}, "its columns are title"),
        ({"heading": "title"}, "expected one of headline"),
        (None, "expected a headline or a body"),
    ],
)
def test_impossible_mappings(columns: dict[str, str] | None, match: str) -> None:
    frame = pl.DataFrame({"title": ["A"]}) if columns else pl.DataFrame({"price": ["1"]})
    with pytest.raises(SourceError, match=match):
        from_frame(frame, columns=columns)


def test_a_broken_parquet_is_an_error() -> None:
    with pytest.raises(SourceError, match="Parquet file cannot be read"):
        parse(b"PAR1 and nothing else", None)


def test_unknown_zone() -> None:
    with pytest.raises(SourceError, match="IANA"):
        from_frame(pl.DataFrame({"title": ["A"]}), zone="Mars/Base")


def test_fifty_thousand_rows_are_quick() -> None:
    n = 50_000
    frame = pl.DataFrame({"title": [f"标题 {i}" for i in range(n)], "platform": ["甲"] * n, "first_seen": ["2031-01-05 08:00"] * n})
    start = time.perf_counter()
    articles, rejected = from_frame(frame)
    assert time.perf_counter() - start < 3
    assert len(articles) == n and not rejected


def test_a_real_archive_reads_without_a_mapping() -> None:
    path = SHARED / "market" / "news" / "headlines_cn.parquet"
    if not path.exists():
        pytest.skip("the archive of headlines is not here")
    articles, rejected = parse(path.read_bytes(), None)
    height = pl.read_parquet(path, columns=["title"]).height
    assert len(articles) + len(rejected) == height and len(rejected) < 10
    assert all(a.first_seen_at for a in articles)


@pytest.mark.parametrize(
    ("stamp", "ends"),
    [
        ("2024-01-05T00:00:00+08:00", "2024-01-05T15:59:59.999999"),  # as pandas writes a localised date
        ("2024-01-05 00:00:00-05:00", "2024-01-06T04:59:59.999999"),
        ("2024-01-05T00:00:00Z", "2024-01-05T15:59:59.999999"),  # UTC stands for no zone: the caller's is Shanghai
        ("2024-01-05T00:00:01+08:00", "2024-01-04T16:00:01"),
    ],
)
def test_midnight_with_an_offset_is_a_day_and_counts_from_its_end(stamp: str, ends: str) -> None:
    rows = json.dumps({"title": "清禾光学发布新品", "content": "清禾光学发布新一代镜头。", "date": stamp}, ensure_ascii=False)
    articles, _ = parse(rows.encode(), rows)
    assert documents.build(articles).documents["available_at"][0].replace(tzinfo=None).isoformat() == ends


def test_midnight_of_a_zoned_column_ends_in_the_zone_of_the_column() -> None:
    stamps = pl.Series("date", [date(2024, 1, 5)]).cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York")
    frame = pl.DataFrame({"title": ["清禾光学发布新品"], "date": stamps})
    articles, _ = from_frame(frame)
    assert documents.build(articles).documents["available_at"][0] == datetime(2024, 1, 6, 4, 59, 59, 999999, tzinfo=UTC)


def test_a_table_whose_rows_are_all_ragged_says_so_of_each_row() -> None:
    text = "title,content\n清禾光学发布新品,一,二,三\n"
    articles, rejected = parse(text.encode(), text)
    assert not articles and [r.reason for r in rejected] == ["Row 1 has 4 fields; expected 2, as the header has: correct the row."]


def test_rows_wrapped_in_an_object_are_found(tmp_path: Path) -> None:
    text = json.dumps({"status": "ok", "data": [{"title": "清禾光学发布新品", "date": "2024-01-05 10:00"}]}, ensure_ascii=False, indent=1)
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert [a.headline for a in read_documents(tmp_path / "a.json").articles] == ["清禾光学发布新品"]
    (tmp_path / "b.jsonl").write_text('{"title": \n{"title": "清禾光学发布新品", "date": "2024-01-05 10:00"}\n', encoding="utf-8")
    batch = read_documents(tmp_path / "b.jsonl")
    assert (len(batch.articles), len(batch.rejected)) == (1, 1)
