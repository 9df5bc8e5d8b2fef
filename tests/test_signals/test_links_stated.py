"""Links between symbols, stated facts, closed bars: cases worked out by hand."""

from datetime import date

import polars as pl
import pytest
from small_market import BOTH, CN, bar, fact, instrument, mention, utc

from research.errors import SchemaError, UsageError
from research.schemas import BARS, FACTS, INSTRUMENTS, MENTIONS
from signals.closed_bars import closed_bars, momentum
from signals.features import attention_trend, surprise
from signals.links import co_mentions, spillover, twins
from signals.panel import with_sectors
from signals.pointintime import assign_everywhere, cutoffs
from signals.stated import market_fact, sector_fact, symbol_fact

CLOCK = cutoffs(CN)
A, B, C = "600901.SS", "600902.SS", "000903.SZ"


def named(*documents):
    return MENTIONS.frame([mention(i, utc(at), symbol, role=role) for i, (at, *who) in enumerate(documents) for symbol, role in who])


def test_co_mentions_count_documents_of_the_months_before():
    subject = (A, "subject"), (B, "counterparty")
    rows = named(
        ("2024-01-05T00:00:00", *subject),
        ("2024-01-09T00:00:00", (A, "subject"), (B, "passing"), (C, "source")),
        ("2024-01-31T12:00:00", *subject),  # the last day of January counts from March on
        ("2024-02-10T00:00:00", (A, "subject")),
    )
    links = co_mentions(rows, months=2).filter(pl.col("symbol") == A)
    assert links.select("peer", "valid_from", "valid_to", "weight").rows() == [
        (B, date(2024, 2, 1), date(2024, 2, 29), 2.0),
        (B, date(2024, 3, 1), date(2024, 3, 31), 3.0),
        (B, date(2024, 4, 1), date(2024, 4, 30), 1.0),
    ]
    partners = co_mentions(rows, months=1, roles=("subject", "counterparty"))
    assert partners.select("symbol", "peer", "weight").rows() == [(A, B, 1.0), (A, B, 1.0), (B, A, 1.0), (B, A, 1.0)]


def test_round_ups_link_nobody_and_the_strongest_peers_are_kept():
    pair, three = ((A, "subject"), (B, "subject")), ((A, "subject"), (B, "subject"), (C, "subject"))
    rows = named(("2024-01-05T00:00:00", *pair), ("2024-01-06T00:00:00", *three))
    assert set(co_mentions(rows, months=1, at_most=2).select("symbol", "peer").rows()) == {(A, B), (B, A)}
    strongest = co_mentions(rows, months=1, peers=1)
    # C has A and B once each: the tie goes by symbol.
    assert strongest.select("symbol", "peer", "weight").rows() == [(C, A, 1.0), (A, B, 2.0), (B, A, 2.0)]


def test_a_twin_s_evening_news_reaches_the_next_cut_off_only():
    master = INSTRUMENTS.frame([instrument(A, twin="0901.HK"), instrument("0901.HK")])
    links = twins(master)
    assert links.select("symbol", "peer").rows() == [("0901.HK", A), (A, "0901.HK")]
    told = MENTIONS.frame(
        [
            mention(1, utc("2024-01-09T00:59:59"), "0901.HK", 0.5),
            mention(2, utc("2024-01-09T01:00:00"), "0901.HK", -0.5, relevance=0.5),
            mention(3, utc("2024-01-09T02:00:00"), "0901.HK", -1.0, role="source"),
            mention(4, utc("2024-01-09T02:00:00"), B, 1.0),
        ]
    )
    found = spillover(told, links, CLOCK, name="twin")
    assert found.rows() == [(A, date(2024, 1, 8), 0.5, 1.0), (A, date(2024, 1, 9), -0.25, 0.5)]
    with pytest.raises(SchemaError, match="weight"):
        spillover(told, links.drop("weight"), CLOCK, name="twin")


def test_a_link_ends():
    links = twins(INSTRUMENTS.frame([instrument(A, twin="0901.HK", valid_to=date(2024, 1, 8)), instrument("0901.HK")]))
    told = MENTIONS.frame([mention(i, utc(f"2024-01-{day:02}T04:00:00"), "0901.HK") for i, day in enumerate((8, 9))])
    assert spillover(told, links, CLOCK, name="twin")["session"].to_list() == [date(2024, 1, 8)]


def test_rows_without_a_symbol_belong_to_each_market_s_own_session():
    rows = pl.DataFrame({"x": [1, 2], "available_at": [utc("2024-02-09T03:00:00"), utc("2030-01-01T00:00:00")]}).cast(
        {"available_at": pl.Datetime("us", "UTC")}
    )
    found = assign_everywhere(rows, cutoffs(pl.concat(BOTH)))
    # 9 February 2024 was a session in Hong Kong and the first day of the holiday in Shanghai.
    assert sorted(found.select("mic", "session", "x").rows()) == [("XHKG", date(2024, 2, 9), 1), ("XSHG", date(2024, 2, 8), 1)]


def test_a_sector_s_number_holds_until_a_newer_one_or_its_age():
    rows = FACTS.frame(
        [
            fact(1, utc("2024-01-08T04:00:00"), "sector_flow", 1e9, "CNY", "银行"),
            fact(2, utc("2024-01-08T05:00:00"), "sector_flow", 3e9, "CNY", "非银金融"),
            fact(3, utc("2024-01-10T04:00:00"), "sector_flow", -1e9, "CNY", "银行"),
            fact(4, utc("2024-01-08T04:00:00"), "sector_flow", 7.0, "shares", "银行"),
            fact(5, utc("2024-01-08T04:00:00"), "sector_flow", 5e8, "CNY", "机器人"),
        ]
    )
    found = sector_fact(rows, CLOCK, "sector_flow", keep=3)
    money = found.filter(pl.col("sector") == "Financials").select(pl.col("session").dt.day(), "value").rows()
    assert money == [(8, 2e9), (9, 2e9), (10, -1e9), (11, -1e9), (12, -1e9)]
    assert found.filter(pl.col("sector") == "机器人")["value"].to_list() == [5e8] * 3
    assert market_fact(rows, CLOCK, "sector_flow", keep=1)["value"].to_list() == [1.5e9, -1e9]
    with pytest.raises(UsageError, match="nose_flow"):
        sector_fact(rows, CLOCK, "nose_flow")
    with pytest.raises(UsageError, match="keep came as 0"):
        market_fact(rows, CLOCK, "sector_flow", keep=0)


def test_stated_moves_of_a_symbol_are_averaged_and_weekly_ones_left_out():
    at = utc("2024-01-08T04:00:00")
    moves = [(0.02, "close"), (0.04, None), (0.3, "week")]
    rows = FACTS.frame([fact(i, at, "price_move", value, symbol=A, basis=basis) for i, (value, basis) in enumerate(moves)])
    assert symbol_fact(rows, CLOCK, "price_move", bases=("close",)).rows() == [(A, date(2024, 1, 8), pytest.approx(0.03))]
    assert symbol_fact(rows, CLOCK, "price_move")["value"].to_list() == [pytest.approx(0.12)]


def test_a_sector_is_the_one_of_the_session():
    master = INSTRUMENTS.frame(
        [instrument(A, "Energy", valid_to=date(2024, 1, 9)), instrument(B), instrument(A, "Materials", valid_from=date(2024, 1, 11))]
    )
    rows = pl.DataFrame({"session": [date(2024, 1, d) for d in (11, 9, 10, 9)] + [date(2019, 1, 1)], "symbol": [A, A, A, B, A]})
    found = with_sectors(rows, master)
    assert found["sector"].to_list() == ["Materials", "Energy", None, None, None]
    assert found.drop("sector").equals(rows)
    assert with_sectors(found, master).equals(found)


def test_a_bar_that_came_late_is_used_by_no_session_and_the_return_spans_it():
    closes = dict(CN.select("session", "close_at").rows())
    days = [date(2024, 1, d) for d in (8, 9, 10, 11)]
    cut = dict(CLOCK.select("session", "asof").rows())
    rows = [bar(A, day, closes[day], close) for day, close in zip(days, (10.0, 11.0, 12.0, 15.0), strict=True)]
    rows[1]["available_at"] = cut[days[1]]  # at the cut-off itself
    rows[2] |= {"adj_factor": 2.0, "amount": 500.0}
    found = closed_bars(BARS.frame(rows), CLOCK)
    assert found["session"][0] == days[0] and found["session"][-1] == CLOCK["session"].max()
    first = found.head(4)
    assert first["realized_return"].to_list() == [None, None, pytest.approx(1.4), pytest.approx(-0.375)]
    assert first["level"].to_list() == [10.0, None, 24.0, 15.0]
    assert first["turnover"].to_list() == [1000.0, None, 500.0, 1500.0]


def test_the_market_is_the_benchmark_where_one_is_named():
    closes = dict(CN.select("session", "close_at").rows())
    days = [date(2024, 1, d) for d in (8, 9)]
    rows = BARS.frame(
        [bar(s, day, closes[day], close) for s, two in ((A, (10.0, 11.0)), (B, (10.0, 13.0))) for day, close in zip(days, two, strict=True)]
    )
    nine = pl.col("session") == days[1]
    assert closed_bars(rows, CLOCK).filter(nine)["market_return"].to_list() == [pytest.approx(0.2)] * 2
    assert closed_bars(rows, CLOCK, benchmark=B).filter(nine)["market_return"].to_list() == [pytest.approx(0.3)] * 2
    with pytest.raises(UsageError, match=r"Benchmark 000903\.SZ has no bar"):
        closed_bars(rows, CLOCK, benchmark=C)


def test_bad_windows_are_refused():
    with pytest.raises(UsageError, match="skip came as 5 with window 5"):
        momentum(5, 5)
    with pytest.raises(UsageError, match="long came as 5 with short 20"):
        attention_trend("n_mentions", 20, 5)
    with pytest.raises(UsageError, match="at least 1"):
        surprise("tone", 0)


def test_links_that_do_not_fit_into_whole_numbers_are_refused():
    rows = named(("2024-01-05T00:00:00", (A, "subject"), (B, "subject")))
    with pytest.raises(UsageError, match=r"Links among 2 symbols over [0-9,]+ months .* expected fewer"):
        co_mentions(rows, months=2**61)
