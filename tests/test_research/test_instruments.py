from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from research import calendar, instruments
from research.cleaning import plain
from research.errors import UnknownSymbolError
from research.schemas import INSTRUMENTS

# facts anyone can look up: symbol -> (Chinese name, English name, asset class)
KNOWN = {
    "600519.SS": ("贵州茅台", "Kweichow Moutai", "equity"),
    "300750.SZ": ("宁德时代", "CATL", "equity"),
    "0700.HK": ("腾讯控股", "Tencent", "equity"),
    "NVDA": ("英伟达", "NVIDIA", "equity"),
    "005930.KS": ("三星电子", "Samsung Electronics", "equity"),
    "9984.T": ("软银集团", "SoftBank Group", "equity"),
    "^GSPC": ("标普500指数", "S&P 500", "index"),
    "000001.SS": ("上证指数", "SSE Composite", "index"),
    "000001.SZ": ("平安银行", "Ping An Bank", "equity"),
    "510300.SS": ("华泰柏瑞沪深300ETF", "Huatai-PineBridge CSI 300 ETF", "etf"),
    "GC=F": ("黄金", "Gold", "commodity"),
    "SHFE:AG": ("沪银", "SHFE Silver", "commodity"),
    "BTC-USD": ("比特币", "Bitcoin", "crypto"),
    "DX-Y.NYB": ("美元指数", "US Dollar Index", "fx"),
    "^TNX": ("10年期美债收益率", "US 10-year Treasury yield", "rate"),
}


@pytest.mark.parametrize("symbol", KNOWN)
def test_known_instruments(symbol: str) -> None:
    row = instruments.lookup(instruments.shipped(), symbol).row(-1, named=True)
    assert (row["name_zh"], row["name"], row["asset_class"]) == KNOWN[symbol]


def test_the_master_fits_its_table_and_its_size() -> None:
    frame = instruments.shipped()
    assert INSTRUMENTS.validate(frame).equals(frame)
    assert frame.rows() == frame.sort("symbol", "valid_from").rows()
    counts = dict(frame.group_by("asset_class").agg(pl.col("symbol").n_unique()).iter_rows())
    assert set(counts) == {"equity", "index", "etf", "commodity", "crypto", "fx", "rate"}
    assert counts["equity"] > 7000
    assert (Path(instruments.__file__).parent / "data" / "instruments.parquet").stat().st_size < 1_500_000


def test_coverage_by_market() -> None:
    symbols = instruments.shipped()["symbol"].unique().to_list()
    assert sum(s.endswith((".SS", ".SZ", ".BJ")) for s in symbols) > 5300
    assert sum(s.endswith(".HK") for s in symbols) >= 120
    assert sum(bool(re.fullmatch(r"[A-Z]{1,5}(-[A-Z])?", s)) for s in symbols) >= 1000


def test_rows_of_a_symbol_follow_each_other() -> None:
    frame = instruments.shipped().with_columns(following=pl.col("valid_from").shift(-1).over("symbol"))
    assert frame.filter(pl.col("valid_to") < pl.col("valid_from")).is_empty()
    assert frame.filter(
        pl.col("following").is_not_null() & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("following")))
    ).is_empty()


def test_twins_point_at_each_other() -> None:
    frame = instruments.shipped()
    twins = dict(frame.filter(pl.col("twin").is_not_null()).select("symbol", "twin").iter_rows())
    assert len(twins) >= 120
    assert all(twins[b] == a for a, b in twins.items())
    mainland = {a: b for a, b in twins.items() if a.endswith((".SS", ".SZ"))}
    assert all(b.endswith(".HK") for b in mainland.values())
    assert all("." not in a or "." not in b for a, b in twins.items() if not {a, b} & {*mainland, *mainland.values()})  # New York and home
    assert twins["601318.SS"] == "2318.HK"
    assert twins["NVO"] == "NOVO-B.CO"


def test_every_symbol_has_a_market_whose_sessions_are_known() -> None:
    frame = instruments.shipped()
    markets = {symbol: calendar.mic_of(symbol) for symbol in frame["symbol"].unique().to_list()}
    apart = [
        (s, m, markets[s]) for s, m in frame.select("symbol", "mic").iter_rows() if calendar.followed(m) != calendar.followed(markets[s])
    ]
    assert apart == []
    for mic in sorted({*markets.values(), *frame["mic"].to_list()}):
        assert calendar.sessions(mic, "2026-01-05", "2026-01-09").height >= 3
    assert frame.filter(pl.col("symbol").str.ends_with("=X"))["mic"].unique().to_list() == ["24/5"]


def test_a_twin_shares_the_names() -> None:
    row = instruments.lookup(instruments.shipped(), "1211.HK").row(0, named=True)
    assert "比亚迪" in {a["text"] for a in row["aliases"]}


def test_asof_knows_renames_and_delistings() -> None:
    def name(symbol: str, day: date) -> str | None:
        rows = instruments.asof(instruments.shipped(), day).filter(pl.col("symbol") == symbol)
        return rows["name"].item() if rows.height else None

    assert name("META", date(2021, 10, 27)) == "Facebook"
    assert name("META", date(2021, 10, 28)) == "Meta Platforms"
    assert name("601211.SS", date(2025, 4, 10)) == "Guotai Junan Securities"
    assert name("601211.SS", date(2025, 4, 11)) == "Guotai Haitong Securities"
    assert name("TWTR", date(2022, 10, 27)) == "Twitter"
    assert name("TWTR", date(2022, 10, 28)) is None
    assert name("ARM", date(2023, 9, 13)) is None


def test_asof_gives_one_row_a_symbol() -> None:
    valid = instruments.asof(instruments.shipped(), date(2024, 7, 1))
    assert valid["symbol"].is_unique().all()


@pytest.mark.parametrize(
    ("came", "near"),
    [
        ("600519.SH", "600519.SS"),
        ("SH600519", "600519.SS"),
        ("00700.HK", "0700.HK"),
        ("700", "0700.HK"),
        ("NASDAQ:NVDA", "NVDA"),
        ("英伟达", "NVDA"),
        ("apple", "AAPL"),
    ],
)
def test_an_unknown_symbol_is_named_with_near_misses(came: str, near: str) -> None:
    with pytest.raises(UnknownSymbolError, match="did you mean") as caught:
        instruments.lookup(instruments.shipped(), came)
    assert near in str(caught.value)
    assert came in str(caught.value)


def test_an_unknown_symbol_without_near_misses() -> None:
    with pytest.raises(UnknownSymbolError, match="as Yahoo writes them"):
        instruments.lookup(instruments.shipped(), "没有这个")


def test_no_marks_or_padding_in_names() -> None:
    names = instruments.shipped().filter(pl.col("symbol").str.contains(r"\.(SS|SZ|BJ)$"), pl.col("asset_class") == "equity")["name_zh"]
    assert not names.str.contains(r"\s|\*|^XD|^DR|退$").any()
    assert names.str.len_chars().min() >= 2


def test_b_shares_and_those_that_left() -> None:
    frame = instruments.shipped()
    b_share = instruments.lookup(frame, "900948.SS").row(-1, named=True)
    assert (b_share["name_zh"], b_share["currency"], b_share["mic"], b_share["valid_to"]) == ("伊泰B股", "USD", "XSHG", None)
    assert instruments.lookup(frame, "200596.SZ")["currency"].to_list() == ["HKD"]
    last = {s: instruments.lookup(frame, s)["valid_to"].to_list()[-1] for s in ("600005.SS", "601299.SS", "000024.SZ", "601989.SS")}
    assert last == {
        "600005.SS": date(2017, 2, 13),
        "601299.SS": date(2015, 5, 19),
        "000024.SZ": date(2015, 12, 29),
        "601989.SS": date(2025, 9, 4),
    }
    undated = instruments.lookup(frame, "002450.SZ")  # dated by hand in the table of A-shares
    assert undated["valid_to"].to_list() == [date(2021, 5, 30)]


def test_a_share_is_found_by_every_short_name_it_has_had() -> None:
    for symbol, texts in (
        ("000983.SZ", {"山西焦煤", "西山煤电"}),
        ("000023.SZ", {"深天地A", "ST深天"}),
        ("601777.SS", {"千里科技", "力帆科技", "力帆股份"}),
    ):
        row = instruments.lookup(instruments.shipped(), symbol).row(-1, named=True)
        assert texts <= {row["name_zh"], *(a["text"] for a in row["aliases"])}, symbol


def test_the_codes_of_beijing_change_on_the_day_the_exchange_changed_them() -> None:
    frame = instruments.shipped()
    for old, new, day in (("430047.BJ", "920047.BJ", date(2025, 10, 9)), ("833819.BJ", "920819.BJ", date(2025, 5, 6))):
        before, after = (instruments.lookup(frame, symbol).row(-1, named=True) for symbol in (old, new))
        assert (before["name_zh"], before["valid_to"]) == (after["name_zh"], day - timedelta(days=1))
        assert (after["valid_from"], after["valid_to"]) == (day, None)
    # 831396 and 871396 share their last three digits: one of them got another number, which is not guessed
    assert instruments.lookup(frame, "831396.BJ")["valid_to"].to_list() == [None]
    assert "920396.BJ" not in frame["symbol"]


def test_no_name_of_two_living_issuers_by_accident() -> None:
    """A Chinese short name of one A-share is not the official name of another on the same day."""
    frame = instruments.asof(instruments.shipped(), date(2026, 1, 5)).filter(
        pl.col("symbol").str.contains(r"\.(SS|SZ)$"), pl.col("asset_class") == "equity"
    )
    assert frame.filter(pl.col("name_zh").is_duplicated()).select("symbol", "name_zh").rows() == []


def test_ordinary_words_need_context() -> None:
    frame = instruments.shipped()
    for symbol, text in (("300024.SZ", "机器人"), ("AAPL", "苹果"), ("TGT", "Target"), ("DX-Y.NYB", "美元")):
        aliases = {a["text"]: a["needs_context"] for a in instruments.lookup(frame, symbol).row(-1, named=True)["aliases"]}
        assert aliases[text], text


def test_listed_names_survive_plain_text() -> None:
    # a name whose simplified form differs must still be unique enough to be found: nothing may become empty
    assert all(plain(n).strip() for n in instruments.shipped()["name_zh"].drop_nulls())


#: Yahoo's suffix -> the currency its shares are quoted in
CURRENCIES = {
    "AS": "EUR", "AX": "AUD", "BJ": "CNY", "BK": "THB", "BR": "EUR", "CO": "DKK", "DE": "EUR", "HE": "EUR", "HK": "HKD", "IR": "EUR", "IS": "TRY",
    "JK": "IDR", "JO": "ZAR", "KL": "MYR", "KQ": "KRW", "KS": "KRW", "L": "GBP", "LS": "EUR", "MC": "EUR", "MI": "EUR", "NS": "INR", "OL": "NOK",
    "PA": "EUR", "PS": "PHP", "SA": "BRL", "SI": "SGD", "SR": "SAR", "ST": "SEK", "SW": "CHF", "T": "JPY", "TO": "CAD", "TW": "TWD", "TWO": "TWD",
    "VI": "EUR", "VN": "VND", "WA": "PLN",
}  # fmt: skip


def test_a_share_is_quoted_in_the_currency_of_its_exchange() -> None:
    """Shanghai's B shares (900xxx) trade in dollars, Shenzhen's (20xxxx) in Hong Kong dollars."""
    shares = instruments.shipped().filter(pl.col("asset_class").is_in(["equity", "etf"]))
    foreign = shares.with_columns(suffix=pl.col("symbol").str.extract(r"\.([A-Z]+)$")).filter(pl.col("suffix").is_not_null())
    b_share = pl.col("symbol").str.contains(r"^(900\d|20\d{2})\d{2}\.S[SZ]$")
    mainland = (
        pl.when(b_share).then(pl.when(pl.col("suffix") == "SS").then(pl.lit("USD")).otherwise(pl.lit("HKD"))).otherwise(pl.lit("CNY"))
    )
    expected = (
        pl.when(pl.col("suffix").is_in(["SS", "SZ"])).then(mainland).otherwise(pl.col("suffix").replace_strict(CURRENCIES, default=None))
    )
    wrong = foreign.filter(expected.is_null() | (pl.col("currency") != expected))
    assert wrong.select("symbol", "currency").rows() == []


def test_the_two_listings_of_an_issuer_point_at_each_other() -> None:
    twins = instruments.shipped().filter(pl.col("twin").is_not_null()).select("symbol", "twin").unique()
    back = dict(twins.rows())
    assert [(a, b) for a, b in twins.rows() if back.get(b) != a] == []
    assert (back["9988.HK"], back["LI"], back["601318.SS"]) == ("BABA", "2015.HK", "2318.HK")


def test_a_hong_kong_share_is_called_as_the_company_is() -> None:
    aliases = {a["text"] for a in instruments.lookup(instruments.shipped(), "9618.HK").row(-1, named=True)["aliases"]}
    assert {"JD.com", "京东"} <= aliases
    nissin = instruments.lookup(instruments.shipped(), "1475.HK").row(-1, named=True)
    assert "Nissin Foods" not in {a["text"] for a in nissin["aliases"]}  # a company of its own


def test_indices_are_written_as_yahoo_writes_them() -> None:
    names = dict(instruments.shipped().filter(pl.col("asset_class") == "index").select("symbol", "name_zh").rows())
    assert names["HSTECH.HK"] == "恒生科技指数" and "^HSTECH" not in names
    assert {names[f"39937{n}.SZ"] for n in range(8)} >= {"大盘成长指数", "小盘价值指数", "国证成长指数"}
