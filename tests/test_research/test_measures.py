"""Figures in English sentences, against readings made by hand of sentences written for these tests."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research import measures, moves
from research.cleaning import plain
from research.numbers import english_amount, english_amount_pattern
from research.sentences import sentences

NAMES = {
    "Quorvane": "QRVN", "Belmarsh Foods": "BLMT", "Kestrowe": "KSTW", "Norrick Steel": "NRS.L", "Haiyuan Power": "0938.HK",
    "S&P 500": "^GSPC", "Umber Gold Trust": "UMBR", "Harrow Securities": "HRRW",
}  # fmt: skip
FOUND = re.compile("|".join(re.escape(name) for name in sorted(NAMES, key=len, reverse=True)))


def read(text: str, quoted: tuple[str, ...] = ()) -> list[measures.Measure]:
    """Every measure of one text; the names in ``quoted`` are only sources."""
    said = plain(text)
    spans = [
        moves.Span(NAMES[m.group()], m.group(), m.start(), m.end(), "source" if m.group() in quoted else "subject")
        for m in FOUND.finditer(said)
    ]
    return measures.find(said, spans, sentences(said), set())


def told(text: str) -> list[tuple[str, str | None, float, str, str]]:
    return sorted((m.kind, m.symbol, m.value, m.unit, m.qualifier) for m in read(text))


def company(symbol: str, *found: tuple[float, str] | tuple[float, str, str]) -> list[tuple[str, str | None, float, str, str]]:
    return sorted(("company_value", symbol, one[0], one[1], one[2] if len(one) > 2 else "exact") for one in found)


def one(
    kind: str, value: float, unit: str, qualifier: str = "exact", symbol: str | None = None
) -> list[tuple[str, str | None, float, str, str]]:
    return [(kind, symbol, value, unit, qualifier)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Quorvane's revenue rose 12% to $4.2 billion.", company("QRVN", (0.12, "fraction"), (4.2e9, "USD"))),
        ("Quorvane posted a net loss of 31 million yuan.", company("QRVN", (-3.1e7, "CNY"))),
        ("Quorvane's net loss narrowed to $12 million from $30 million.", company("QRVN", (-1.2e7, "USD"))),
        ("Kestrowe reported EPS of $1.45 vs $1.32 expected.", company("KSTW", (1.45, "USD"))),
        ("Kestrowe earned a profit of 45 cents a share.", company("KSTW", (0.45, "USD"))),
        ("Haiyuan Power said revenue fell 3 per cent to HK$1.3bn.", company("0938.HK", (-0.03, "fraction"), (1.3e9, "HKD"))),
        ("Norrick Steel's pretax profit was £1.09bn.", company("NRS.L", (1.09e9, "GBP"))),
        ("Norrick Steel's output fell to 1.2 million tonnes.", company("NRS.L", (1.2e6, "tonnes"))),
        ("Belmarsh Foods' sales climbed more than 7%.", company("BLMT", (0.07, "fraction", "over"))),
        ("Belmarsh Foods' sales climbed at least 7%.", company("BLMT", (0.07, "fraction", "over"))),
        ("Belmarsh Foods' sales climbed nearly 7%.", company("BLMT", (0.07, "fraction", "near"))),
        ("Belmarsh Foods' sales climbed about 7%.", company("BLMT", (0.07, "fraction", "about"))),
        ("Belmarsh Foods' sales climbed as much as 7%.", company("BLMT", (0.07, "fraction"))),
        ("Quorvane's gross margin widened by 120 basis points to 45.2%.", company("QRVN", (0.012, "fraction"), (0.452, "fraction"))),
        ("Quorvane's operating margin fell 0.5 percentage points.", company("QRVN", (-0.005, "fraction"))),
        ("Quorvane's sales were €310 million, down 4%.", company("QRVN", (3.1e8, "EUR"), (-0.04, "fraction"))),
        ("Quorvane generated $6.5 billion in cloud revenue, an increase of 54%.", company("QRVN", (6.5e9, "USD"), (0.54, "fraction"))),
        ("Kestrowe last month reported an 89% slump in third-quarter earnings.", company("KSTW", (-0.89, "fraction"))),
        ("Kestrowe said net income was $137 million, or $3.03 a share, versus $141 million, or $2.91 a share, a year ago.",
         company("KSTW", (1.37e8, "USD"), (3.03, "USD"))),
        ("Kestrowe Q2 revenue up 12% at $3.1 bln", company("KSTW", (0.12, "fraction"), (3.1e9, "USD"))),
        ("Revenue at Kestrowe climbed 5%.", company("KSTW", (0.05, "fraction"))),
        ("Quorvane's operating cash flow totaled 2.1 trillion won.", company("QRVN", (2.1e12, "KRW"))),
    ],
)  # fmt: skip
def test_figures_of_a_company(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CPI rose 3.1% from a year earlier.", one("macro_value", 0.031, "fraction")),
        ("Nonfarm payrolls increased by 206,000 in June.", one("macro_value", 206_000.0, "persons")),
        ("Employers shed 12,000 jobs in June.", one("macro_value", -12_000.0, "persons")),
        ("China's retail sales grew 5.1% in May.", one("macro_value", 0.051, "fraction")),
        ("China May exports -7.6% y/y", one("macro_value", -0.076, "fraction")),
        ("The unemployment rate fell to 3.7% from 3.9%.", one("macro_value", 0.037, "fraction")),
        ("The economy grew at an annual rate of 2.1% in the third quarter.", one("macro_value", 0.021, "fraction")),
        ("Inflation slowed to 2.4%.", one("macro_value", 0.024, "fraction")),
        ("The manufacturing PMI slipped to 49.1 from 50.8.", one("macro_value", 49.1, "points")),
        ("The trade deficit was $68.3 billion.", one("macro_value", -6.83e10, "USD")),
        ("Industrywide sales rose 14% last month.", one("industry_value", 0.14, "fraction")),
        ("Chinese smartphone shipments dropped 5%.", one("industry_value", -0.05, "fraction")),
        ("Northbound net inflows of 3.2 billion yuan were recorded on Monday.", one("northbound_flow", 3.2e9, "CNY")),
        ("Northbound investors sold a net 3.2 billion yuan of shares.", one("northbound_flow", -3.2e9, "CNY")),
        ("Southbound net purchases reached HK$5.6 billion.", one("southbound_flow", 5.6e9, "HKD")),
        ("Margin debt fell by 16.5 billion yuan.", one("margin_flow", -1.65e10, "CNY")),
        ("ETF inflows of $1.1bn lifted bullion.", one("etf_flow", 1.1e9, "USD")),
        ("Investors pulled almost $2.3 billion from the Umber Gold Trust ETF.", one("etf_flow", -2.3e9, "USD", "near", "UMBR")),
        ("Bond exchange-traded funds had outflows of $700 million.", one("etf_flow", -7e8, "USD")),
        ("Kestrowe trades at 14.2 times forward earnings.", one("valuation_level", 14.2, "times", symbol="KSTW")),
        ("Kestrowe trades at 14.2x projected earnings.", one("valuation_level", 14.2, "times", symbol="KSTW")),
        ("The S&P 500 has a price-to-earnings ratio of about 21.3.", one("valuation_level", 21.3, "times", "about", "^GSPC")),
        ("Kestrowe's P/E is in the 24th percentile of its range.", one("valuation_percentile", 0.24, "fraction", symbol="KSTW")),
        ("Kestrowe founder Edgar Norr sold a 3% stake for about $210 million.", one("insider_trade", -2.1e8, "USD", "about", "KSTW")),
        ("A Kestrowe director bought 25,000 shares.", one("insider_trade", 25_000.0, "shares", symbol="KSTW")),
        ("Kestrowe's chairman plans to sell up to 3 million shares.", one("insider_trade", -3e6, "shares", symbol="KSTW")),
        ("Newly launched equity funds raised 24.8 billion yuan last week.", one("new_fund_issuance", 2.48e10, "CNY")),
    ],
)  # fmt: skip
def test_economy_flows_valuations_and_insiders(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Quorvane expects revenue of $3 billion.",
        "Quorvane's revenue could rise 12% to $4.2 billion.",
        "Analysts were looking for Quorvane to report a profit of $2.84 a share.",
        "Analysts on average had predicted Quorvane sales of $4.7 billion.",
        "Quorvane cut its revenue forecast to $3 billion from $4 billion.",
        "Quorvane's revenue was between $3 billion and $4 billion.",
        "Quorvane's sales rose 3% to 5%.",
        "Quorvane's revenue was $300 million higher than a year before.",
        "Quorvane shares fell 3% after revenue missed estimates.",
        "Quorvane's rival Borealis said sales rose 4%.",
        "Quorvane and Kestrowe said sales rose 4%.",
        "Borealis' revenue rose 4%.",
        "Quorvane bought a rival. Borealis posted revenue of $4 billion.",
        "Revenue rose 4%.",
        "Kestrowe's chief executive said the company bought 2 million shares.",
        "Kestrowe is worth more than peers such as Borealis, which trades at 65 times earnings.",
        "Nonfarm payrolls rose by 184,000 in June, according to the median of 60 forecasts.",
        "Quorvane's net income was ¥300 million.",
        "Quorvane opened 5 stores; orders of $40 ship free.",
        "The fund drew $350 million.",
        "Kestrowe earned 45 cents on every sale.",
        "Quorvane bought a maker of locks in 2019. In the first half, the security company's revenue grew 11%.",
        "Quorvane reports on Tuesday. Analysts are expecting:\nRevenue: $16.5 billion versus $13.2 billion a year ago",
    ],
)
def test_what_states_no_fact(text):
    assert told(text) == []


def test_what_the_text_is_about_owns_a_figure_without_an_owner():
    lead = "Quorvane beats estimates\nQuorvane reported its results on Tuesday. "
    assert told(lead + "Third-quarter revenue came in at 28.08 billion yuan ($4 billion).") == company("QRVN", (2.808e10, "CNY"))
    assert told(lead + "In Europe, revenue slipped 2% to $11.1 billion.") == company("QRVN", (-0.02, "fraction"), (1.11e10, "USD"))
    assert told(lead + "Kestrowe fell in sympathy. Third-quarter revenue came in at 28.08 billion yuan.") == []
    assert told(lead + "Sales at Borealis rose 3%.") == []
    assert told(lead + "The company's revenue rose 4%.") == company("QRVN", (0.04, "fraction"))
    assert told(lead + "These numbers compare with expectations:\nRevenue: $561 million versus $563 million expected") == company(
        "QRVN", (5.61e8, "USD")
    )


def test_a_source_owns_nothing_but_what_is_said_to_be_its_own():
    assert read("Harrow Securities said revenue rose 4%.", quoted=("Harrow Securities",)) == []
    assert [m.symbol for m in read("Harrow Securities' revenue rose 4%.", quoted=("Harrow Securities",))] == ["HRRW"]


def test_cents_of_another_exchange_are_not_dollars():
    assert told("Norrick Steel reported earnings of 61 cents a share.") == []
    assert told("Norrick Steel reported earnings of 61 pence a share.") == company("NRS.L", (0.61, "GBP"))


def test_quotes_are_verbatim_and_hold_the_number():
    text = "Quorvane reported fourth-quarter sales of $64 billion, up 1.8% from a year earlier, and “net income” of $3 billion."
    found = read(text)
    assert [(m.value, text[m.start : m.end]) for m in found[:2]] == [
        (6.4e10, "Quorvane reported fourth-quarter sales of $64 billion"),
        (0.018, "Quorvane reported fourth-quarter sales of $64 billion, up 1.8%"),
    ]
    assert all(m.start <= m.at < m.end and text[m.at].isdigit() for m in found)
    assert [m.subject for m in found[:2]] == ["fourth-quarter sales"] * 2


def test_a_claimed_number_is_left_alone():
    text = "Quorvane's revenue rose 12%."
    spans = [moves.Span("QRVN", "Quorvane", 0, 8)]
    assert measures.find(text, spans, sentences(text), {text.index("12")}) == []


def test_both_languages_in_one_text():
    assert told("美国3月份CPI同比上升3.5%。US core CPI rose 3.8%.") == [
        ("macro_value", None, 0.035, "fraction", "exact"),
        ("macro_value", None, 0.038, "fraction", "exact"),
    ]


def test_an_english_fall_is_no_rise_for_the_chinese_reader():
    assert told("CPI fell 0.3% in May.") == one("macro_value", -0.003, "fraction")


SCALES = {
    "": 1.0,
    " thousand": 1e3,
    " million": 1e6,
    "m": 1e6,
    "mn": 1e6,
    " billion": 1e9,
    "bn": 1e9,
    "B": 1e9,
    " trillion": 1e12,
    "tn": 1e12,
}
SIGNS = {"$": "USD", "US$": "USD", "HK$": "HKD", "€": "EUR", "£": "GBP", "RMB": "CNY", "RMB ": "CNY", "USD ": "USD"}
WORDS = {" yuan": "CNY", " dollars": "USD", " euros": "EUR", " yen": "JPY", " Hong Kong dollars": "HKD", " rupees": "INR"}


@given(
    digits=st.integers(1, 999_999).map(lambda n: (n, f"{n:,}")) | st.integers(1, 99_999).map(lambda n: (n / 100, f"{n / 100:.2f}")),
    scale=st.sampled_from(sorted(SCALES)),
    sign=st.sampled_from(sorted(SIGNS)),
)
def test_an_amount_is_its_number_times_its_scale(digits, scale, sign):
    match = re.search(english_amount_pattern(), f"worth {sign}{digits[1]}{scale}, it said", re.IGNORECASE)
    value, unit = english_amount(match["currency"], match["digits"], match["scale"], match["unit"])
    assert value == pytest.approx(digits[0] * SCALES[scale], rel=1e-11)
    assert unit == SIGNS[sign]


@given(
    number=st.integers(1, 999_999),
    scale=st.sampled_from([" thousand", " million", " billion", " trillion", "bn"]),
    word=st.sampled_from(sorted(WORDS)),
)
def test_a_currency_may_stand_behind(number, scale, word):
    match = re.search(english_amount_pattern(), f"worth {number:,}{scale}{word}, it said", re.IGNORECASE)
    found = english_amount(match["currency"], match["digits"], match["scale"], match["unit"])
    assert found == (pytest.approx(number * SCALES[scale], rel=1e-11), WORDS[word])


@pytest.mark.parametrize("text", ["5m", "12", "3.5 billion", "5,900 pounds", "2.5m shares", "7 kg"])
def test_a_number_without_a_unit_is_no_amount(text):
    match = re.search(english_amount_pattern(), text, re.IGNORECASE)
    assert match and english_amount(match["currency"], match["digits"], match["scale"], match["unit"]) is None
