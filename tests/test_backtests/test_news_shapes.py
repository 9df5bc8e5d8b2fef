"""A study does not depend on what is accidental about its files: their names, packing, order of rows and columns, names of columns."""

import gzip
import io
from datetime import UTC, datetime

import polars as pl
import pytest
from news_market import PROTOCOL, SYMBOLS, one_linker, posts

from backtests.news_files import read_news
from backtests.news_rows import news_rows
from backtests.news_study import study_news
from backtests.news_tables import tables_of
from backtests.protocol import read_protocol
from research.errors import DataError, SourceError
from research.store import Store

NOW = datetime(2024, 6, 1, tzinfo=UTC)
KEY = ["session", "symbol"]


def packed(frame, path):
    """Write as CSV, gzip-compressed where the name says so, times as text with an offset."""
    text = io.BytesIO()
    frame.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")).write_csv(text)
    path.write_bytes(gzip.compress(text.getvalue()) if path.suffix == ".gz" else text.getvalue())
    return path


def parquet(frame, path):
    frame.write_parquet(path)
    return path


def ndjson(frame, path):
    frame.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")).write_ndjson(path)
    return path


SHAPES = {
    "shuffled": lambda f, d: parquet(f.sample(fraction=1.0, shuffle=True, seed=3).select(*reversed(f.columns)), d / "other.parquet"),
    "csv": lambda f, d: packed(f, d / "a b.2024.csv"),
    "gzip": lambda f, d: packed(f, d / "posts.csv.gz"),
    "lines": lambda f, d: ndjson(f, d / "posts.jsonl"),
    "renamed": lambda f, d: parquet(
        f.rename({"created_at": "when", "text": "words", "symbol": "who"}).with_columns(
            desk=pl.lit("NYSE"), last_update=pl.col("when").dt.offset_by("90d"), n=pl.lit(1)
        ),
        d / "posts.pq",
    ),
    "twice": lambda f, d: parquet(pl.concat([f, f]), d / "posts.parquet"),
}


@pytest.fixture(autouse=True, scope="module")
def linker():
    with one_linker():
        yield


@pytest.fixture(scope="module")
def told():
    return posts(0.0, n_days=6)


@pytest.fixture(scope="module")
def plain(told, tmp_path_factory):
    return read_news(parquet(told[0], tmp_path_factory.mktemp("plain") / "posts.parquet"))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_news_in_another_shape_is_the_same_news(told, plain, tmp_path, shape):
    found = read_news(SHAPES[shape](told[0], tmp_path))
    assert found.documents.drop("url").equals(plain.documents.drop("url"))
    assert found.about.equals(plain.about) and found.zone == plain.zone


def test_bars_in_any_order_packed_or_not_are_the_same_bars(told, plain, tmp_path):
    bars = told[1]
    usual = tables_of(plain, [parquet(bars, tmp_path / "bars.parquet")]).bars
    mixed = bars.sample(fraction=1.0, shuffle=True, seed=1).select(*reversed(bars.columns))
    assert tables_of(plain, [packed(mixed, tmp_path / "x.csv.gz")]).bars.drop("source").equals(usual.drop("source"))
    halves = [
        packed(bars.filter(pl.col("symbol").is_in(names)), tmp_path / f"{i}.csv") for i, names in enumerate((SYMBOLS[4:], SYMBOLS[:4]))
    ]
    assert tables_of(plain, halves).bars.drop("source").equals(usual.drop("source"))


def test_of_files_that_share_no_session_the_one_named_first_is_kept(told, plain, tmp_path):
    bars = told[1]
    day = bars["session"].unique().sort()[3]
    early, late = (
        parquet(bars.filter(pl.col("session") < day), tmp_path / "a.parquet"),
        parquet(bars.filter(pl.col("session") >= day), tmp_path / "b.parquet"),
    )
    for files in ((early, late), (late, early)):
        found = tables_of(plain, files)
        kept = pl.read_parquet(files[0])
        assert found.bars.select("symbol", "session").equals(kept.select("symbol", "session").sort("symbol", "session"))
        assert any("8 symbols share no session with the files named before it" in note for note in found.notes)


def test_a_broken_gzip_file_is_named(tmp_path):
    path = tmp_path / "posts.csv.gz"
    path.write_bytes(gzip.compress(b"published_at,title\n" * 50)[:40])
    with pytest.raises(SourceError, match=r"posts\.csv\.gz begins like gzip and cannot be unpacked"):
        read_news(path)


def test_prices_beside_the_news_are_used_only_where_the_bars_have_none(tmp_path):
    protocol = tmp_path / "p.toml"
    protocol.write_text(PROTOCOL.replace("us = 1", "us = 2"), encoding="utf-8")
    news, bars = posts(0.0, n_days=24)
    days = bars["session"].unique().sort().to_list()
    after = dict(zip(days[:-4], zip(days[1:-3], days[2:-2], days[3:-1], strict=True), strict=True))
    known = bars.with_columns(pl.col("open", "close") * 2.0).rows_by_key(["symbol", "session"], named=True, unique=True)
    rows = []
    for symbol, at, text in news.filter(pl.col("created_at").dt.date().is_in(list(after))).rows():
        row = {"symbol": symbol, "created_at": at, "text": text}
        for k, day in enumerate(after[at.date()], 1):
            row |= {f"day{k}": str(day), f"open{k}": known[symbol, day]["open"], f"close{k}": known[symbol, day]["close"]}
        rows.append(row)
    path = parquet(pl.DataFrame(rows), tmp_path / "posts.parquet")
    # The file of bars lacks one name, and another one's second half.
    part = bars.filter((pl.col("symbol") != SYMBOLS[0]) & ((pl.col("symbol") != SYMBOLS[1]) | (pl.col("session") < days[12])))

    def labels(*files):
        return news_rows(tables_of(read_news(path), files), "us", read_protocol(protocol), ["return_5"])

    whole, mixed = labels(parquet(bars, tmp_path / "all.parquet")), labels(parquet(part, tmp_path / "part.parquet"))
    # Twice the price is the same return: a return from either source, never from both, is the one of the whole file.
    both = mixed.rows.join(whole.rows, on=KEY, suffix="_whole").filter(pl.col("session") < days[-6])
    assert both.height == 8 * 18 and both["forward_return"].null_count() == 0
    assert (both["forward_return"] - both["forward_return_whole"]).abs().max() < 1e-12
    # Fragments are no series: no feature is formed from them.
    named = mixed.rows.filter(pl.col("symbol") == SYMBOLS[0])
    assert named["return_5"].null_count() == named.height


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n, b: (n.head(0), b), "has no rows"),
        (lambda n, b: (n.with_columns(text=pl.lit("")), b), "dated"),
        (lambda n, b: (n.with_columns(created_at=pl.lit(None, dtype=pl.Datetime("us", "UTC"))), b), "dated|instants"),
        (lambda n, b: (n, b.with_columns(session=pl.col("session").dt.offset_by("-10y"))), "is followed by a return"),
        (lambda n, b: (n.filter(pl.col("created_at").dt.date() == n["created_at"].dt.date().min()), b), "sessions have news and a return"),
        (lambda n, b: (n, b.with_columns(open=pl.lit(None, dtype=pl.Float64))), "bars with an open"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_said_in_a_sentence(tmp_path, change, says):
    path = tmp_path / "p.toml"
    path.write_text(PROTOCOL, encoding="utf-8")
    news, bars = change(*posts(0.0, n_days=12, symbols=SYMBOLS[:3]))
    with pytest.raises(DataError, match=says):
        study_news(
            parquet(news, tmp_path / "n.parquet"),
            [parquet(bars, tmp_path / "b.parquet")],
            read_protocol(path),
            Store(tmp_path / "l"),
            now=NOW,
        )
