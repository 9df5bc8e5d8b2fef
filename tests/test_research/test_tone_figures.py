"""Comparisons of two stated figures, each read by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.tone_figures import comparisons


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profit rose to eur 13.1 mn from eur 8.7 mn in 2009", ["up"]),
        ("profit was eur 8.7 mn , compared to eur 13.1 mn a year earlier", ["down"]),
        ("sales of usd 5.0 million versus usd 5.0 million", ["level"]),
        ("sales went from 4 bn to 5 bn", ["up"]),
        ("cut its growth forecast from 10 pct to 6 pct", ["down"]),
        ("cut its growth forecast to 6 pct from 10 pct", ["down"]),
        ("a loss of eur 0.4 mn compared to a loss of eur 1.9 mn", ["up"]),
        ("its net loss widened to eur 3.2 mn from eur 0.9 mn", ["down"]),
        ("swung to a net loss of eur 400,000 versus a net profit of eur 200,000", ["down"]),
        ("posted a 1.2 million profit against a 1.7 million loss", ["up"]),
        ("cash flow was a negative eur 3.1 mn , compared to eur 23.3 mn", ["down"]),
        ("operating profit was eur -0.1 mn , down from eur 1.3 mn", ["down"]),
        ("profit jumped to eur 2.1 m from eur 995 ,000", ["up"]),
        ("profit of 12.7 compared to 17.7 million", ["down"]),
        ("profit rose to 3.2 mln euro $ 4.2 mln from 2.9 mln euro $ 3.9 mln", ["up"]),
        ("profit rose to eur131m ( usd 170m ) from eur76m ( usd 99m )", ["up"]),
        ("sales of eur 37,7 mn , up from eur 37.2 mn", ["up"]),
        ("operating costs fell to usd 4 mn from usd 6 mn", ["down less is better"]),
        ("margin of 13.6 % , compared to 14.3 % , on sales of eur 5 mn versus eur 4 mn", ["down", "up"]),
    ],
)
def test_by_hand(text, said):
    assert comparisons(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "profit rose",
        "from 2005 to 2009 the company grew",
        "an offer of 30 million shares to raise more than usd 500 million",
        "it sold 24.7 % to upm and 3 % to m-real",
        "sales grew respectively from eur 20.8 m and eur 177.7 m",
        "sales were 5 mn. the plant cost 3 mn compared with plans",
        "profit was 5 mn compared with a margin of 4 %",
    ],
)
def test_no_comparison(text):
    assert comparisons(text) == []


@given(st.integers(1, 9_999), st.integers(1, 9_999))
def test_turning_the_figures_round_turns_the_answer_round(first, second):
    way = {1: "up", -1: "down", 0: "level"}
    sign = (first > second) - (first < second)
    assert comparisons(f"profit was eur {first} mn compared to eur {second} mn") == [way[sign]]
    assert comparisons(f"profit went from eur {first} mn to eur {second} mn") == [way[-sign]]
    assert comparisons(f"a loss of eur {first} mn compared to a loss of eur {second} mn") == [way[-sign]]


@given(st.text(alphabet="0123456789.,-%$ mnfromtothan()", max_size=60))
def test_any_line_is_read(text):
    assert set(comparisons(text)) <= {"up", "down", "level"}
