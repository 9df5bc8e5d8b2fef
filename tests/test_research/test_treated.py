from __future__ import annotations

from datetime import date
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.names import Name
from research.treated import Treated

DAY = date(2025, 6, 3)
#: real short names: two begin with 东方, one ends as another does, one is older
SHARES = {
    "300379.SZ": ["东方通"],
    "600776.SS": ["东方通信"],
    "600399.SS": ["抚顺特钢"],
    "000410.SZ": ["沈阳机床"],
    "600519.SS": ["贵州茅台"],
    "600610.SS": ["中毅达"],
    "000004.SZ": ["国华网安", "ST国华"],
    "600765.SS": ["国华新材"],  # an invented second one that begins with 国华
}


def name(symbol: str, text: str, last: date = date.max) -> Name:
    return Name(symbol, text, False, date.min, last, True)


NAMES = [name(symbol, text) for symbol, texts in SHARES.items() for text in texts]


def found(text: str, names: list[Name] = NAMES) -> list[tuple[str, str]]:
    return [(text[start:end], n.symbol) for start, end, n in Treated.of(names).find(text, DAY)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*ST抚钢公告", [("*ST抚钢", "600399.SS")]),
        ("ST沈机复牌", [("ST沈机", "000410.SZ")]),
        ("*ST毅达股东减持", [("*ST毅达", "600610.SS")]),
        ("XD贵州茅跌0.3%", [("XD贵州茅", "600519.SS")]),
        ("*ST国华收警示函", [("*ST国华", "000004.SZ")]),  # known by that name: the other that begins so does not count
        ("ST东方反弹", []),  # two shares
        ("ST不明复牌", []),
        ("BEST抚钢", []),
        ("抚钢公告", []),
    ],
)
def test_what_a_mark_leaves_of_a_name(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_the_word_behind_is_not_taken_for_a_third_character() -> None:
    names = [name("300029.SZ", "天龙光电"), name("603266.SS", "天龙股份")]
    assert found("*ST天龙股价创新低", names) == []  # the two share the head, and 股 is not of the name
    assert found("*ST天龙光涨停", names) == [("*ST天龙光", "300029.SZ")]


def test_a_name_counts_while_it_is_true() -> None:
    names = [name("600519.SS", "贵州茅台", last=date(2025, 6, 2)), name("000001.SZ", "贵州银行")]
    assert found("XD贵州跌", names) == [("XD贵州", "000001.SZ")]


@given(st.sampled_from(NAMES), st.data())
def test_a_selection_is_found_where_no_other_share_can_be_meant(share: Name, data: st.DataObject) -> None:
    full = share.text.removeprefix("ST")
    cut = "".join(data.draw(st.sampled_from(list(combinations(full, 2)))))

    def selects(text: str) -> bool:
        rest = iter(text.removeprefix("ST"))
        return all(character in rest for character in cut)

    meant = {n.symbol for n in NAMES if selects(n.text)}
    got = found(f"*ST{cut}:重整计划获批")
    if meant == {share.symbol}:
        assert got == [(f"*ST{cut}", share.symbol)]
    else:
        assert {symbol for _, symbol in got} <= meant
