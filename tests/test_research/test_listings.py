from __future__ import annotations

import pytest

from research import listings


@pytest.mark.parametrize(
    ("left", "right", "is_bond"),
    [
        ("21", "02跌20%", True),
        ("", "06复牌", True),
        ("", "转债跌超9%", True),
        ("", "15 Ultra发布", False),
        ("", "涨6%", False),
        ("12", "月销量", False),
    ],
)
def test_bonds_carry_digits(left: str, right: str, is_bond: bool) -> None:
    assert listings.bond(left, right) is is_bond


def test_rank_follows_the_words() -> None:
    order = listings.rank(hong_kong=False, new_york=False)
    assert order["XSHG"] < order["XNYS"] < order["XHKG"]
    order = listings.rank(hong_kong=False, new_york=True)
    assert order["XNAS"] < order["XHKG"] < order["XSHE"]
    order = listings.rank(hong_kong=True, new_york=False)
    assert order["XHKG"] < order["XSHG"]


def test_domestic_futures_and_those_abroad() -> None:
    text = "商品期货收盘,原油跌7%;外盘方面,原油跌2%"
    assert listings.domestic(text, text.index("原油"), text.index("原油") + 2)
    assert not listings.domestic(text, text.rindex("原油"), text.rindex("原油") + 2)


def test_an_index_of_a_sector_is_another_index() -> None:
    assert listings.other_index("标普500", "能源板块跌1%")
    assert not listings.other_index("标普500", "跌1%,能源板块跌2%")
    assert not listings.other_index("标普", "涨1%")


def test_a_headline_of_both_markets_leaves_it_to_the_last_cue() -> None:
    text = "A股收跌,港股收涨\nA股方面,中国平安跌1%。港股方面,中国人寿涨2%"
    headline = text.index("\n")
    places = {n: (text.index(n), text.index(n) + len(n)) for n in ("中国平安", "中国人寿")}
    assert {n: listings.in_hong_kong(text, headline, *at) for n, at in places.items()} == {"中国平安": False, "中国人寿": True}


def test_a_country_makes_a_yield_another_one() -> None:
    assert listings.other_rate("意大利") and listings.other_rate("UK ")
    assert not listings.other_rate("美国") and not listings.other_rate("")
