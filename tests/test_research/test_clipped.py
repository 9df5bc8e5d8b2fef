"""Names clipped to one character each; sentences written for these tests."""

import pytest

from research import clipped
from research.cleaning import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("美指创新低,金银齐飞", ["GC=F", "SI=F"]),
        ("假期归来,银铜走高,油价不动", ["SI=F", "HG=F"]),
        ("金、银、油周线均收涨", ["GC=F", "SI=F", "CL=F"]),
        ("夜盘有色偏强,沪盘金银继续上行", ["SHFE:AU", "SHFE:AG"]),
        ("现货金银深“V”", ["GC=F", "SI=F"]),
        ("钢厂压价,双焦走弱", ["DCE:J", "DCE:JM"]),
        ("日韩股市全线走低", ["^N225"]),
        ("美债平静,银跌2%,铂钯走强", ["SI=F", "PL=F", "PA=F"]),
    ],
)
def test_characters_that_trade(text: str, expected: list[str]) -> None:
    found = clipped.find(plain(text))
    assert [symbol for symbol, _, _ in found] == expected
    assert all(end - start == 1 for _, start, end in found)


@pytest.mark.parametrize(
    "text",
    [
        "金银首饰以旧换新",  # no price follows
        "金银股午后涨停",  # the shares of the miners
        "合金银行业走强",  # another word
        "金银河涨停",  # a company
        "铜铝加工费商定",
        "金金上涨",  # one metal, twice
        "日韩领导人会面",
        "油罐车相撞",
        "不锈钢、铜涨价函",
    ],
)
def test_other_words(text: str) -> None:
    assert clipped.find(plain(text)) == []
