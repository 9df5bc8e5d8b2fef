from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from research import prices
from research.errors import SourceError
from research.instruments import shipped
from research.schemas import BARS, QUARANTINE
from research.sources.bars import canonical_symbol, collect, currency_of
from research.sources.files import read_bars

MARKET = Path(__file__).parents[2].parent / "shared" / "market"
needs_market = pytest.mark.skipif(not MARKET.is_dir(), reason="real market files are not part of the repository")

DAYS = [date(2024, 1, d) for d in (2, 3, 4, 5)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("given", "symbol"),
    [
        ("600519", "600519.SS"),
        ("sh600519", "600519.SS"),
        ("600519.SH", "600519.SS"),
        ("SH600519", "600519.SS"),
        ("sh.600519", "600519.SS"),
        ("000001.XSHE", "000001.SZ"),
        ("600519.XSHG", "600519.SS"),
        ("000001", "000001.SZ"),
        ("000001.SH", "000001.SS"),
        ("000300.SS", "000300.SS"),
        ("510300", "510300.SS"),
        ("159915", "159915.SZ"),
        ("113050", "113050.SS"),
        ("830799", "830799.BJ"),
        ("920047", "920047.BJ"),
        ("900901", "900901.SS"),
        ("430047.BJ", "430047.BJ"),
        ("00700", "0700.HK"),
        ("700.HK", "0700.HK"),
        ("00700.HK", "0700.HK"),
        ("hk00700", "0700.HK"),
        ("80700.HK", "80700.HK"),
        ("aapl", "AAPL"),
        ("AAPL.US", "AAPL"),
        ("106.BABA", "BABA"),
        ("BRK.B", "BRK-B"),
        ("BF-B", "BF-B"),
        ("7203.T", "7203.T"),
        ("005930.KS", "005930.KS"),
        ("^GSPC", "^GSPC"),
        ("GC=F", "GC=F"),
        ("SHFE:AG", "SHFE:AG"),
    ],
)
def test_symbols(given: str, symbol: str) -> None:
    assert canonical_symbol(given) == symbol
    assert canonical_symbol(symbol) == symbol


def test_a_plain_csv(tmp_path: Path) -> None:
    path = write(
        tmp_path / "vendor.csv",
        "date,code,open,high,low,close,volume\n2024-01-02,600519,10,11,9,10.5,300\n2024-01-03,600519,10.5,12,10,11,400\n",
    )
    found = read_bars(path, lot=100)
    assert found.bars.to_dicts()[0] == {
        "symbol": "600519.SS", "session": date(2024, 1, 2), "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 30000.0,
        "amount": None, "adj_factor": 1.0, "suspended": False, "limit_up": None, "limit_down": None, "currency": "CNY",
        "available_at": datetime(2024, 1, 2, 7, tzinfo=UTC), "source": "vendor",
    }  # fmt: skip
    assert found.flags.is_empty()
    assert found.quarantine.is_empty()
    assert found.failures.is_empty()


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open,High,Low,Close,Adj Close,Volume,Ticker",
        "trade_date,open,high,low,close,adj_close,vol,ts_code",
        "日期,开盘,最高,最低,收盘,后复权收盘价,成交量,股票代码",
        "\ufeffDATE,OPEN,HIGH,LOW,CLOSE,ADJCLOSE,VOLUME,SYMBOL",
    ],
)
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00+08:00"])
def test_headers_and_dates_of_vendors(tmp_path: Path, header: str, form: str) -> None:
    rows = [f"{day.strftime(form)},10,11,9,10,10,500,000001.SZ" for day in DAYS]
    found = read_bars(write(tmp_path / "any.csv", "\n".join([header, *rows])))
    assert found.bars["session"].to_list() == DAYS
    assert found.bars["symbol"].unique().to_list() == ["000001.SZ"]
    assert found.bars.select("open", "high", "low", "close", "volume").row(0) == (10, 11, 9, 10, 500)


def test_one_file_a_symbol(tmp_path: Path) -> None:
    for name, close in (("sh600519", 10), ("000001.SZ", 20)):
        write(tmp_path / f"{name}.csv", f"date,close\n2024-01-02,{close}\n")
    pl.DataFrame({"date": [DAYS[0]], "close": [30.0]}).write_parquet(tmp_path / "AAPL.parquet")
    found = read_bars(tmp_path)
    assert dict(found.bars.select("symbol", "close").iter_rows()) == {"600519.SS": 10.0, "000001.SZ": 20.0, "AAPL": 30.0}
    assert found.bars["open"].to_list() == [None] * 3
    assert found.flags["reason"].unique().to_list() == ["Bars came without a volume: it stays null, and no suspension is seen."]
    assert not found.bars["suspended"].any()


def test_a_mapping_wins_over_recognition(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "when,px_last,close\n2024-01-02,5,6\n")
    assert read_bars(path, columns={"session": "when", "close": "px_last"}, symbol="NVDA").bars["close"].to_list() == [5.0]


def test_the_factor_of_an_adjusted_close(tmp_path: Path) -> None:
    """A dividend of 1 on a close of 50: everything before is scaled by 49/50."""
    path = write(
        tmp_path / "NVDA.csv",
        "Date,Close,Adj Close\n2024-01-02,48,47.04\n2024-01-03,50,49\n2024-01-04,49,49\n2024-01-05,51,51\n",
    )
    bars = read_bars(path).bars
    assert bars["adj_factor"].to_list() == pytest.approx([1, 1, 50 / 49, 50 / 49])
    assert prices.returns(bars)["realized_return"].to_list()[1:] == pytest.approx([50 / 48 - 1, 0, 51 / 49 - 1])


def test_an_adjusted_close_alone_is_the_price(tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path / "NVDA.csv", "Date,Adj Close\n2024-01-02,47.04\n2024-01-03,49\n")).bars
    assert bars["close"].to_list() == [47.04, 49.0]
    assert bars["adj_factor"].to_list() == [1.0, 1.0]


def test_prices_declared_adjusted_are_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "NVDA.csv", "Date,Close,Adj Close\n2024-01-02,48,47.04\n2024-01-03,50,50\n")
    assert read_bars(path, adjusted=True).bars["adj_factor"].to_list() == [1.0, 1.0]


def test_a_vendors_factor_starts_at_one(tmp_path: Path) -> None:
    path = write(tmp_path / "600519.csv", "date,close,adj_factor\n2024-01-02,10,4.0\n2024-01-03,10,5.0\n")
    assert read_bars(path).bars["adj_factor"].to_list() == [1.0, 1.25]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("2024-01-03,10,11,9,-1,100,NVDA", "NVDA on 2024-01-03 has a close of -1.0; expected a positive number: correct it at the vendor."),
        ("2024-01-03,10,11,0,10,100,NVDA", "NVDA on 2024-01-03 has a low of 0.0; expected a positive number: correct it at the vendor."),
        ("2024-01-03,10,11,9,,100,NVDA", "NVDA on 2024-01-03 has no close; expected a positive price: drop the row or fill it."),
        ("2024-01-03,10,11,9,n/a,100,NVDA", "NVDA on 2024-01-03 has no close; expected a positive price: drop the row or fill it."),
        ("2024-01-03,10,11,9,inf,100,NVDA", "NVDA on 2024-01-03 has a close of inf; expected a positive number: correct it at the vendor."),
        ("2024-01-03,10,11,9,10,-5,NVDA", "NVDA on 2024-01-03 has a volume of -5.0; expected 0 or more: correct it at the vendor."),
        ("yesterday,10,11,9,10,100,NVDA", "A row of NVDA has no readable date; expected YYYY-MM-DD: correct it."),
        ("2024-01-03,10,11,9,10,100,", "A row of 2024-01-03 has no symbol; expected one: name it."),
        (
            "2024-01-02,10,11,9,10.2,100,NVDA",
            "The file has a second bar of NVDA on 2024-01-02; expected one a session: keep the right one.",
        ),
    ],
)
def test_a_bad_row_is_set_aside_and_the_rest_kept(tmp_path: Path, row: str, sentence: str) -> None:
    path = write(
        tmp_path / "f.csv",
        f"date,open,high,low,close,volume,symbol\n2024-01-02,10,11,9,10,100,NVDA\n{row}\n2024-01-04,10,11,9,10,100,NVDA\n",
    )
    found = read_bars(path)
    assert found.bars["session"].to_list() == [date(2024, 1, 2), date(2024, 1, 4)]
    assert found.bars["close"].to_list() == [10.0, 10.0]
    assert found.quarantine["reason"].to_list() == [sentence]
    assert found.quarantine.schema == QUARANTINE.schema
    assert read_bars(path).quarantine.equals(found.quarantine)


def test_suspended_sessions(tmp_path: Path) -> None:
    """Day 2 carries the price, day 3 has zeros for the prices not made, day 4 moved without a volume: that one traded."""
    path = write(
        tmp_path / "600519.csv",
        "date,open,high,low,close,volume\n2024-01-02,10,11,9,10,100\n2024-01-03,10,10,10,10,0\n2024-01-04,0,0,0,10,0\n2024-01-05,9,9,9,9,0\n",
    )
    found = read_bars(path)
    assert found.bars["suspended"].to_list() == [False, True, True, False]
    assert found.bars["open"].to_list() == [10.0, 10.0, None, 9.0]
    assert found.flags.select("session", "rule").rows() == [(date(2024, 1, 5), "volume")]


def test_a_day_without_a_session_is_flagged_and_known_at_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "600519.csv", "date,close,volume\n2024-01-05,10,5\n2024-01-06,10,5\n2024-01-08,11,5\n")
    found = read_bars(path)
    assert found.bars["available_at"].to_list() == [datetime(2024, 1, day, hour, tzinfo=UTC) for day, hour in ((5, 7), (6, 16), (8, 7))]
    assert found.flags.select("session", "rule").rows() == [(date(2024, 1, 6), "calendar")]


def test_half_days_and_other_zones(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "date,symbol,close\n2023-11-24,NVDA,1\n2024-02-09,0700.HK,1\n2024-01-06,BTC-USD,1\n")
    known = dict(read_bars(path).bars.select("symbol", "available_at").iter_rows())
    assert known == {
        "NVDA": datetime(2023, 11, 24, 18, tzinfo=UTC),
        "0700.HK": datetime(2024, 2, 9, 4, tzinfo=UTC),
        "BTC-USD": datetime(2024, 1, 7, tzinfo=UTC),
    }


def test_bars_after_the_calendar_are_flagged_not_lost(tmp_path: Path) -> None:
    found = read_bars(write(tmp_path / "600519.csv", "date,close\n2099-01-05,10\n"))
    assert found.bars["available_at"].to_list() == [datetime(2099, 1, 5, 16, tzinfo=UTC)]
    assert "calendar" in found.flags["rule"].to_list()


def test_codes_kept_as_numbers(tmp_path: Path) -> None:
    pl.DataFrame({"date": DAYS[:2], "code": [1, 600519], "close": [10.0, 20.0]}).write_parquet(tmp_path / "a.parquet")
    assert sorted(read_bars(tmp_path / "a.parquet").bars["symbol"]) == ["000001.SZ", "600519.SS"]
    pl.DataFrame({"date": DAYS[:2], "code": [1, 700], "close": [10.0, 20.0]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(SourceError, match="keep the zeros"):
        read_bars(tmp_path / "b.parquet")


def test_files_that_are_no_prices(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(SourceError, match=r"expected a date and a close"):
        read_bars(write(tmp_path / "a.csv", "name,price\nx,1\n"))
    with pytest.raises(SourceError, match="cannot be read"):
        read_bars(write(tmp_path / "a.parquet", "not parquet"))
    with pytest.raises(SourceError, match="cannot be read"):
        read_bars(write(tmp_path / "b.csv", ""))
    with pytest.raises(SourceError, match="The mapping names nothing"):
        read_bars(write(tmp_path / "c.csv", "date,close\n2024-01-02,1\n"), columns={"close": "nothing"})
    with pytest.raises(SourceError, match="holds no"):
        (tmp_path / "empty").mkdir()
        read_bars(tmp_path / "empty")
    with pytest.raises(SourceError, match="at least one"):
        read_bars([])


def test_no_rows_give_empty_tables(tmp_path: Path) -> None:
    found = read_bars(write(tmp_path / "NVDA.csv", "date,close\n"))
    assert found.bars.schema == BARS.schema
    assert found.bars.is_empty() and found.quarantine.is_empty() and found.flags.is_empty()


def test_a_bar_fetched_before_its_close_is_unfinished() -> None:
    rows = pl.DataFrame({"symbol": ["NVDA"] * 2, "session": DAYS[:2], "close": [1.0, 2.0]})
    found = collect(rows, source="v", seen_at=datetime(2024, 1, 3, 20, 59, tzinfo=UTC))
    assert found.bars["session"].to_list() == DAYS[:1]
    assert found.quarantine.height == 1


@needs_market
@pytest.mark.parametrize(
    "name",
    ["adjclose_us_2024_2026", "bars_cn_csi300_2025_2026", "bars_cn_etf", "bars_us_hk_crypto_2021_2026", "bars_us_stocknet_2012_2017"],
)
def test_real_files_load_without_a_mapping(name: str) -> None:
    path = MARKET / f"{name}.parquet"
    found = read_bars(path)
    assert found.bars.height + found.quarantine.height == pl.scan_parquet(path).select(pl.len()).collect().item()
    assert found.quarantine.height <= 3
    assert (found.bars["available_at"].dt.date() >= found.bars["session"]).all()
    spread = prices.returns(found.bars)["realized_return"].quantile(0.999)
    assert spread is not None and spread < 0.4


def sessions_of(path: Path) -> list[tuple[str, date]]:
    return read_bars(path).bars.select("symbol", "session").rows()


def test_an_instant_is_the_day_it_falls_on_where_the_symbol_trades(tmp_path: Path) -> None:
    """Midnight in Shanghai, written in UTC, is a day earlier there: taken for that day, a bar would be known a session too early."""
    stamps = pl.Series("date", [datetime(2024, 1, 4, 16, tzinfo=UTC)])
    pl.DataFrame({"date": stamps, "symbol": ["600519.SS"], "close": [10.0]}).write_parquet(tmp_path / "utc.parquet")
    local = pl.Series("date", [date(2024, 1, 4)]).cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York")
    pl.DataFrame({"date": local, "symbol": ["AAPL"], "close": [10.0]}).write_parquet(tmp_path / "local.parquet")
    label = pl.Series("date", [date(2024, 1, 4)]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    pl.DataFrame({"date": label, "symbol": ["AAPL"], "close": [10.0]}).write_parquet(tmp_path / "label.parquet")
    (tmp_path / "text.csv").write_text(
        "date,symbol,close\n2024-01-04T16:00:00Z,600519.SS,10\n2024-01-08T00:00:00+08:00,600519.SS,10\n2024-01-09 15:00:00,600519.SS,10\n"
        "2024-01-04 21:00:00+00:00,AAPL,10\n2024-01-05T00:00:00Z,AAPL,10\n"
    )
    assert sessions_of(tmp_path / "utc.parquet") == [("600519.SS", date(2024, 1, 5))]
    assert sessions_of(tmp_path / "local.parquet") == [("AAPL", date(2024, 1, 4))]
    assert sessions_of(tmp_path / "label.parquet") == [("AAPL", date(2024, 1, 4))]
    assert sessions_of(tmp_path / "text.csv") == [
        ("600519.SS", date(2024, 1, 5)), ("600519.SS", date(2024, 1, 8)), ("600519.SS", date(2024, 1, 9)),
        ("AAPL", date(2024, 1, 4)), ("AAPL", date(2024, 1, 5)),
    ]  # fmt: skip


@pytest.mark.parametrize(("separator", "encoding"), [(",", "gb18030"), (";", "utf-8-sig"), ("\t", "utf-16"), ("|", "utf-8")])
def test_separators_and_encodings_of_real_exports(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "日期,代码,开盘,收盘,成交量\n2024/1/5,000001,9.1,9.2,100\n".replace(",", separator)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert read_bars(tmp_path / "a.csv").bars.select("symbol", "open", "close").rows() == [("000001.SZ", 9.1, 9.2)]


def test_a_decimal_comma_is_never_read_as_a_thousands_comma(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("date;symbol;close\n2024-01-05;AAPL;1,55\n2024-01-08;AAPL;1,550.5\n2024-01-09;AAPL;1,234,567\n")
    found = read_bars(tmp_path / "a.csv")
    assert found.bars["close"].to_list() == [1550.5, 1234567.0]
    assert found.quarantine.height == 1 and "2024-01-05" in found.quarantine["reason"][0]


def test_a_row_with_too_many_fields_is_set_aside_and_not_shifted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("date,symbol,open,close\n2024-01-05,AAPL,1,000,2\n2024-01-08,AAPL,1,2\n")
    found = read_bars(tmp_path / "a.csv")
    assert found.bars.select("session", "close").rows() == [(date(2024, 1, 8), 2.0)]
    assert found.quarantine.height == 1


def test_a_row_that_is_there_twice_counts_once_and_a_name_is_no_symbol(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("date,symbol,close\n2024-01-05,AAPL,2\n2024-01-05,AAPL,2\n2024-01-05,清禾 光学,2\n")
    found = read_bars(tmp_path / "a.csv")
    assert found.bars.height == 1
    assert [reason.split(";")[0] for reason in found.quarantine["reason"]] == ["The symbol 清禾 光学 of 2024-01-05 is no code"]


def test_a_file_that_lies_within_a_suspension_is_suspended(tmp_path):
    rows = [f"600519.SS,2024-01-{day:02d},10,10,10,10,0" for day in (3, 4, 5)]
    (tmp_path / "halted.csv").write_text("symbol,date,open,high,low,close,volume\n" + "\n".join(rows) + "\n", encoding="utf-8")
    halted = read_bars([tmp_path / "halted.csv"]).bars
    assert halted["suspended"].to_list()[1:] == [True, True]


def test_a_zip_of_one_file_a_symbol(tmp_path: Path) -> None:
    pl.DataFrame({"date": [DAYS[0]], "close": [30.0]}).write_parquet(tmp_path / "AAPL.parquet")
    with zipfile.ZipFile(tmp_path / "bars.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cn/600519.csv", "日期,收盘\n2024-01-02,10\n".encode("gb18030"))
        archive.writestr("us/MSFT.CSV", "date,close\n2024-01-02,20\n")
        archive.write(tmp_path / "AAPL.parquet", "AAPL.parquet")
        archive.writestr("__MACOSX/us/._MSFT.csv", "rubbish")
        archive.writestr("readme.txt", "no prices")
    (tmp_path / "AAPL.parquet").unlink()
    for path in (tmp_path / "bars.zip", tmp_path):
        found = read_bars(path)
        assert dict(found.bars.select("symbol", "close").iter_rows()) == {"600519.SS": 10.0, "MSFT": 20.0, "AAPL": 30.0}


def test_a_zip_that_is_none_or_holds_no_prices(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK rubbish")
    with pytest.raises(SourceError, match="cannot be read"):
        read_bars(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("readme.txt", "no prices")
    with pytest.raises(SourceError, match="holds no"):
        read_bars(tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "date,close\n2024-01-02,10\n" * 100)
    data = bytearray((tmp_path / "c.zip").read_bytes())
    data[40] ^= 0xFF
    (tmp_path / "c.zip").write_bytes(bytes(data))
    with pytest.raises(SourceError, match=r"c\.zip cannot be read"):
        read_bars(tmp_path / "c.zip")


def test_a_volume_that_is_not_given_stays_null(tmp_path: Path) -> None:
    rows = "date,close,volume\n2024-01-02,10,\n2024-01-03,10,\n2024-01-04,11,7\n"
    found = read_bars(write(tmp_path / "600519.csv", rows)).bars
    assert found["volume"].to_list() == [None, None, 7.0]
    assert not found["suspended"].any()


def test_currencies_are_those_the_security_master_states() -> None:
    master = (
        shipped().filter(pl.col("asset_class").is_in(["index", "commodity", "fx", "rate", "crypto", "etf"])).unique("symbol", keep="last")
    )
    odd = [(symbol, currency) for symbol, currency in master.select("symbol", "currency").rows() if currency_of(symbol) != currency]
    assert odd == []
    assert {currency_of(f"LME:{metal}") for metal in ("CA", "AH", "ZS", "NI", "PB", "SN", "CO")} == {"USD"}


def test_prices_in_another_currency_than_the_markets_are_flagged(tmp_path: Path) -> None:
    path = write(tmp_path / "0700.HK.csv", "date,close,volume,currency\n2024-01-02,300,5,USD\n2024-01-03,300,5,HKD\n")
    found = read_bars(path)
    assert found.flags.select("session", "rule").rows() == [(None, "currency"), (DAYS[1], "currency")]
    assert read_bars(path, currency="HKD").bars["currency"].to_list() == ["USD", "HKD"]
