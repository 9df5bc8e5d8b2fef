"""Codes in texts: what is found by looking round their signs is what reading every character finds."""

from hypothesis import example, given
from hypothesis import strategies as st

from research import codes

PIECES = (
    "600519.SH", "SH600519", "sz.000001", "00700.HK", "700.HK", "NASDAQ: NVDA", "纽约证券交易所 : BRK.A", "美股代码:BABA", "港股:0700", "$AAPL", "TSLA.O", "BF-B.N",
    "(300750)", "(2330.TW)", "(AI)", "(BRK.B)", "10:30", "A", "甲", "公司", ".", " ", ",", "(", ")", "0", "SH", "12.3", "US", "\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example(":A.US")
@example("A:B.O(600000.SH)")
def test_found_round_their_signs(text):
    everywhere = [(match.start(), match.end()) for match in codes._CODE.finditer(text)]
    assert [(code.start, code.end) for code in codes.find(text)] == everywhere


def test_by_hand():
    found = codes.find("贵州茅台(600519.SH)周一10:30报1480元,联通(00762.HK)未动,人工智能(AI)")
    assert [(code.symbol, code.sure) for code in found] == [("600519.SS", True), ("0762.HK", True), ("AI", False)]
