"""English moves, against readings made by hand of sentences written for these tests; linked with the shipped names."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from research import facts, instruments
from research.linking import Linker
from research.move_english import own_price
from research.schemas import DOCUMENTS, content_id

#: Tuesday after the close in New York; Wednesday two hours before the open
TUESDAY, WEDNESDAY_MORNING = datetime(2026, 1, 27, 22, 30, tzinfo=UTC), datetime(2026, 1, 28, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker.build(instruments.shipped())


def stated(linker: Linker, body: str, at: datetime = TUESDAY) -> pl.DataFrame:
    doc_id = content_id("Markets", body)
    document = DOCUMENTS.frame(
        [
            {
                "doc_id": doc_id, "kind": "news", "source": "wire", "language": "en", "headline": "Markets", "body": body, "published_at": at,
                "published_precision": "second", "published_not_before": at, "published_not_after": at, "available_at": at, "story_id": doc_id,
                "novelty": 1.0,
            }
        ]
    )  # fmt: skip
    found = facts.extract(document, linker.spans(document))
    return found.filter(pl.col("kind").is_in(["price_move", "index_move"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apple rose 2.1% on Tuesday.", [("AAPL", 0.021)]),
        ("Shares of Tesla fell 4.3% to $210.50.", [("TSLA", -0.043)]),
        ("Nvidia shed 3.2% and AMD lost 2.8%.", [("NVDA", -0.032), ("AMD", -0.028)]),
        ("The Dow added 1.2%, while the Nasdaq lost .4%.", [("^DJI", 0.012), ("^IXIC", -0.004)]),
        ("Microsoft closed down 1.5% at $410.20.", [("MSFT", -0.015)]),
        ("Amazon was up 3.2% at $185.40 in afternoon trading.", [("AMZN", 0.032)]),
        ("Meta slid as much as 12% in early trading.", [("META", -0.12)]),
        ("Intel tumbled 26%, its biggest one-day drop since 1974.", [("INTC", -0.26)]),
        ("The S&P 500 ended 0.3% lower.", [("^GSPC", -0.003)]),
        ("The Nasdaq Composite finished 1.1% higher, and the S&P 500 gained 0.8%.", [("^IXIC", 0.011), ("^GSPC", 0.008)]),
        ("Boeing stock jumped nearly 5% after the company won an order.", [("BA", 0.05)]),
        ("Netflix shares surged more than 10% in after-hours trading.", [("NFLX", 0.1)]),
        ("Ford dropped 6% premarket.", [("F", -0.06)]),
        ("Alphabet's stock climbed 1.7%, and Apple's dipped 0.4%.", [("GOOGL", 0.017), ("AAPL", -0.004)]),
        ("Shares in Barclays were 2.4% higher.", [("BARC.L", 0.024)]),
        ("Walmart's shares, which have risen 30% this year, fell 1.2% on Friday.", [("WMT", 0.3), ("WMT", -0.012)]),
        ("Pfizer shares were little changed.", []),
        ("Coca-Cola's revenue rose 5% and its shares gained 1.1%.", [("KO", 0.011)]),
        ("Brent crude futures fell 1.9% to $72.40 a barrel.", [("BZ=F", -0.019)]),
        ("Gold rose 0.6% to $2,345 an ounce.", [("GC=F", 0.006)]),
        ("Bitcoin plunged 8% to below $60,000.", [("BTC-USD", -0.08)]),
        ("The Dow Jones Industrial Average dropped 400 points, or 1.1%.", [("^DJI", -0.011)]),
        ("The Russell 2000 index gained 2%.", [("^RUT", 0.02)]),
        ("Oracle stock is down 15% for the week.", [("ORCL", -0.15)]),
        ("Tesla shares have fallen 40% this year.", [("TSLA", -0.4)]),
        ("Qualcomm gained 4.4%, Broadcom 3.1% and Micron 2.2%.", [("QCOM", 0.044), ("AVGO", 0.031), ("MU", 0.022)]),
        ("Exxon Mobil and Chevron rose 1.3% and 0.9%, respectively.", [("XOM", 0.013), ("CVX", 0.009)]),
        ("JPMorgan, Citigroup and Wells Fargo each fell about 2%.", [("JPM", -0.02), ("C", -0.02), ("WFC", -0.02)]),
        ("The yield on the 10-year Treasury rose to 4.3%.", []),
        ("Apple expects sales to rise 5% next quarter.", []),
        ("Analysts see Nvidia rising 20% over the next year.", []),
        ("If tariffs rise 10%, Apple could fall 5%.", []),
        ("Starbucks said same-store sales fell 3%.", []),
        ("Nike cut its forecast, sending its shares down 7%.", [("NKE", -0.07)]),
        ("Disney's shares sank 9.5% after the results, their worst day in a year.", [("DIS", -0.095)]),
        ("Shares of Salesforce traded 2.5% lower after the bell.", [("CRM", -0.025)]),
        ("Caterpillar opened 3% lower.", [("CAT", -0.03)]),
        ("Hong Kong's Hang Seng Index slipped 0.7%.", [("^HSI", -0.007)]),
        ("Japan's Nikkei 225 advanced 1.4%.", [("^N225", 0.014)]),
        ("The pan-European Stoxx 600 closed 0.5% lower.", [("^STOXX", -0.005)]),
        ("Alibaba's Hong Kong-listed shares rose 3.3%.", [("9988.HK", 0.033)]),
        ("Alibaba's U.S.-listed shares lost 2.2%.", [("BABA", -0.022)]),
        ("Tencent shares in Hong Kong fell 1.8%.", [("0700.HK", -0.018)]),
        ("Crude oil gained 2.3 percent.", [("CL=F", 0.023)]),
        ("Eli Lilly popped 5.1% on the trial data.", [("LLY", 0.051)]),
        ("Adobe shares were off 3.4%.", [("ADBE", -0.034)]),
        ("Goldman Sachs added 0.9 per cent.", [("GS", 0.009)]),
        ("GameStop skyrocketed 60% on Monday.", [("GME", 0.6)]),
        ("Moderna cratered 11%.", [("MRNA", -0.11)]),
        ("Merck edged up 0.2%.", [("MRK", 0.002)]),
        ("Visa edged 0.3% lower.", [("V", -0.003)]),
        ("Ford's stock rallied for a third day, up 2.6%.", [("F", 0.026)]),
        ("UnitedHealth lost 5.5%, dragging the Dow down 0.6%.", [("UNH", -0.055), ("^DJI", -0.006)]),
        ("The tech-heavy Nasdaq tumbled 3.1% last week.", [("^IXIC", -0.031)]),
        ("Uber's shares, up 1.2% earlier, reversed to trade down 0.8%.", [("UBER", 0.012), ("UBER", -0.008)]),
        ("Silver jumped 3.5% while copper slipped 0.4%.", [("SI=F", 0.035), ("HG=F", -0.004)]),
        ("Snowflake forecast revenue growth of 25%, and its stock soared 20% in extended trading.", [("SNOW", 0.2)]),
        ("Nvidia (NVDA) shares fell 2.3%, and Advanced Micro Devices (AMD) slid 4%.", [("NVDA", -0.023), ("AMD", -0.04)]),
        ("A 5% drop in Apple shares weighed on the Dow.", [("AAPL", -0.05)]),
        ("Delta Air Lines gained 4% and United Airlines jumped 6%, lifted by strong demand.", [("DAL", 0.04), ("UAL", 0.06)]),
        ("IBM shares rose 1% in Frankfurt.", [("IBM", 0.01)]),
        # lists with the size in brackets
        (
            "Notable gainers included drugstore chain CVS Health (2.3 percent) and payroll firm Paychex Inc. (1.4 percent).",
            [("CVS", 0.023), ("PAYX", 0.014)],
        ),
        (
            "The biggest decliners were Intel (2.3%), Nike (NKE, 1.8%) and Boeing (off 0.9%).",
            [("INTC", -0.023), ("NKE", -0.018), ("BA", -0.009)],
        ),
        ("Its shareholders include BlackRock (5.2%) and State Street (4.1%).", []),
        # a place among others
        ("Chipmaker Micron had the biggest decline, falling 3.2 percent.", [("MU", -0.032)]),
        (
            "Qualcomm was the biggest decliner in the Nasdaq 100, down 6.4%, while peer Broadcom fell 2.1%.",
            [("QCOM", -0.064), ("AVGO", -0.021)],
        ),
        ("Nike had the biggest sales decline among peers, falling 5.5 percent.", []),
        ("Sales at Nike had the biggest decline, falling 5.5 percent.", []),
        # nouns behind the name
        ("Stryker had a smart gain of 2.1 percent.", [("SYK", 0.021)]),
        (
            "Caterpillar Inc. led the index with a 2.7 percent gain, while Boeing's 3.1 percent loss was the biggest drop.",
            [("CAT", 0.027), ("BA", -0.031)],
        ),
        ("MGM Resorts wavered at first, ending the day with a decline of 1.5 percent.", [("MGM", -0.015)]),
        ("Costco had a 4.2% gain in same-store sales.", []),
        ("Nike's 5.5% decline in revenue disappointed investors.", []),
        ("Ford's 5.5% price cut helped.", []),
        # lists of names
        ("The Dow and the Nasdaq were up 0.6 percent and 1.2 percent respectively.", [("^DJI", 0.006), ("^IXIC", 0.012)]),
        ("The S&P 500 and Nasdaq Composite indexes were down 0.6% and 1.2% respectively.", [("^GSPC", -0.006), ("^IXIC", -0.012)]),
        ("Foobar Retail and Home Depot were up 1.1% and 0.4% respectively.", []),
        # asides that name others
        ("Micron, which competes with Samsung Electronics, fell 3.3%.", [("MU", -0.033)]),
        ("Micron, a supplier that counts Apple as its biggest customer, lost 3.3%.", [("MU", -0.033)]),
        ("Broadcom Inc. and Micron Technology Inc., whose chips go into phones, fell 7.1 percent.", [("MU", -0.071), ("AVGO", -0.071)]),
        # what went before
        ("Oil rose 0.3% to $71.20 a barrel after falling 1.8%.", [("CL=F", 0.003), ("CL=F", -0.018)]),
        ("The pound was steady at $1.2482 after rising 0.5%.", [("GBPUSD=X", 0.005)]),
        ("After rising more than 8.2 percent yesterday, Oracle was up another 1.5 percent.", [("ORCL", 0.082), ("ORCL", 0.015)]),
        ("After falling 8.2 percent in March, Oracle's revenue recovered.", []),
        ("The Dow was down more than 500 points before clawing it back to close up 210 points or 0.64 percent.", [("^DJI", 0.0064)]),
        ("Gap plans to close down 5.5% of its stores.", []),
        # contracts and their index
        ("Dow futures dipped 0.2% after the index climbed 0.7%.", [("YM=F", -0.002)]),
        ("Futures on the Nikkei 225 rose 0.4% in Singapore.", [("NIY=F", 0.004)]),
        ("Futures on the FTSE 100 added 0.4%, and DAX futures lost 0.1%.", []),
        ("Futures on the S&P 500 added 0.4% in Asia.The Nasdaq Composite had closed 0.2% lower.", [("ES=F", 0.004), ("^IXIC", -0.002)]),
        # goods and currencies; verbs that of a company tell of a figure
        ("West Texas Intermediate crude increased 2.4% to $77.11 a barrel.", [("CL=F", 0.024)]),
        ("The yen rose 0.2% to 141.2 per dollar, and the offshore yuan slid 0.3%.", [("JPY=X", -0.002), ("CNH=X", 0.003)]),
        ("Platinum climbed 1.2% and palladium inched down 0.3%.", [("PL=F", 0.012), ("PA=F", -0.003)]),
        ("Apple increased 5.5% of its prices.", []),
        ("Siemens shares rose just under 3 percent.", [("SIE.DE", 0.03)]),
        ("Oil workers won a rise of 5.5%.", []),
    ],
)
def test_moves(linker: Linker, text: str, expected: list[tuple[str, float]]) -> None:
    assert stated(linker, text).select("symbol", "value").rows() == expected


@pytest.mark.parametrize(
    ("text", "basis"),
    [
        ("Oracle stock is down 15% for the week.", "week"),
        ("Tesla shares have fallen 40% this year.", "ytd"),
        ("Netflix is up about 10% thus far in 2025.", "ytd"),
        ("Nvidia rose 9.4% in the past month.", "other"),
        ("Boeing shares have tanked 66% in just over a week.", "other"),
        ("Uber shares plunged 18% below its IPO price.", "other"),
        ("Disney shares sank 9.5%, their worst day in a year.", None),
        ("Intel tumbled 26%, its biggest drop since 1974.", None),
        ("Netflix shares surged 11.5% in after-hours trading.", "after_hours"),
        ("Qualcomm shares rose 5.2% in extended trading after closing at $84.63 in New York.", "after_hours"),
        ("Shares of Apple rose as much as 2.1% on Tuesday, having closed Monday at a low.", "intraday"),
        ("Ford dropped 6.1% premarket.", "after_hours"),
        ("Gold futures advanced 6.2 percent in the final quarter of 2022.", "other"),
        ("Netflix shares have dropped about 35 percent from a record $690 on Nov. 17.", "other"),
        ("Apple bought nothing in the fourth quarter, when the company's stock tumbled 12 percent.", "other"),
        ("Broadcom, whose chips go into phones, has fallen more than 7 percent since Monday's close.", "other"),
        ("Intel shares dropped 20 percent last year.", "other"),
        ("Boeing lost 22.5% in dollar terms in the five days through Friday.", "other"),
        ("Boeing lost 2.5% for the fifth day.", None),
        ("MGM Resorts was down sharply this morning, ending the day with a decline of 1.5 percent.", "close"),
        ("Disney fell 2.2% after saying it added subscribers last year.", None),
    ],
)
def test_the_span_of_time(linker: Linker, text: str, basis: str | None) -> None:
    (found,) = stated(linker, text)["basis"].to_list()
    assert found == basis


@pytest.mark.parametrize(
    ("text", "at", "session"),
    [
        ("Uber shares fell 3.9% on Jan. 20.", TUESDAY, date(2026, 1, 20)),
        ("Apple rose 2.1% to $250.10 Monday.", TUESDAY, date(2026, 1, 26)),
        ("Qualcomm, which reported results late Monday, rose 7.9%.", TUESDAY, date(2026, 1, 27)),
        ("Tesla, which does not report until Friday, rose 3.9%.", TUESDAY, date(2026, 1, 27)),
        ("Alphabet (which reports on Monday) was up 2.6%.", TUESDAY, date(2026, 1, 27)),
        ("Merck lost 1.2%.", WEDNESDAY_MORNING, date(2026, 1, 27)),
        ("Caterpillar gained 1.5%, following a 2.7 percent drop on Monday.", TUESDAY, date(2026, 1, 26)),
        ("Caterpillar rose 1.5% after a 2.7 percent drop.", TUESDAY, None),
        ("Caterpillar was flat after falling as much as 2.7% earlier.", TUESDAY, date(2026, 1, 27)),
        ("S&P 500 e-minis were up 6 points. Merck lost 1.2%.", WEDNESDAY_MORNING, date(2026, 1, 28)),
        ("S&P 500 e-minis were up 6 points. Merck closed down 1.2%.", WEDNESDAY_MORNING, date(2026, 1, 27)),
        ("S&P 500 e-minis were up 6 points. On Monday Merck lost 1.2%.", WEDNESDAY_MORNING, date(2026, 1, 26)),
    ],
)
def test_the_session(linker: Linker, text: str, at: datetime, session: date | None) -> None:
    found = stated(linker, text, at).filter(~pl.col("symbol").is_in(["^GSPC", "ES=F"]))
    assert found["end_date"].to_list()[-1:] == [session]


def test_what_is_held_is_no_price(linker: Linker) -> None:
    assert stated(linker, "Its stake in JPMorgan climbed 19% to 59 million shares.").is_empty()


def test_where_the_own_price_is_named() -> None:
    assert own_price(" cut its forecast, sending its shares ") == 37
    assert own_price(" shares ") is None
