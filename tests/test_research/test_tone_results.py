"""What results say for the tone, against hand-worked readings of sentences written for these tests."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.tone_results import results


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("净利润2.4亿元,同比下降31.5%", [-1]),
        ("归母净利润同比增长8.2%", [1]),
        ("实现归属于上市公司股东的净利润9120万元,较上年同期增长46%", [1]),
        ("预计前三季度盈利1200万元至1500万元,同比减少15%-32%", [-1]),
        ("净亏损1.1亿元,同比扩大", [-1]),
        ("净亏损同比收窄四成", [1]),
        ("税前利润无变化", []),
        # the margin, the growth itself and the gross profit are other things
        ("净利率同比下降2.1个百分点", []),
        ("净利润增速放缓", []),
        ("毛利同比增长12%", []),
        # without 同比 a size must follow
        ("中报净利下滑6.3%", [-1]),
        ("净利预增三成", [1]),
        ("净利润增近两成,营收降5%", [1, -1]),
        ("净利润增长", []),
        ("盈利能力提升5%", []),
        # back to profit, and out of it
        ("一季度净利润640万元,上年同期亏损2100万元", [1]),
        ("净亏损3300万元,而去年同期盈利1800万元", [-1]),
        ("净利润-5200万元,上年同期盈利900万元", [-1]),
        # two of a kind are compared, the higher end of a forecast with what was
        ("净亏损3300万元,上年同期亏损2900万元", [-1]),
        ("净亏损3300万元,上年同期亏损1.1亿元", [1]),
        ("预计净利润4000万元至9000万元,上年同期净利润为1.2亿元", [-1]),
        ("预计净利润4000万元至9000万元,上年同期净利润为8500万元", [1]),
        ("净利润3000万元,上年同期净利润为3000万元", [0]),
        ("净亏损3300万元,上年同期亏损", [0]),
        # revenue beside the profit counts little, and for nothing without one
        ("营业收入18亿元,同比增长6%;净利润1.7亿元,同比下降22%", [1, -1]),
        ("营业收入18亿元,同比增长6%", []),
        ("营收同比增长6%。次年净利润同比下降22%", [-1]),
    ],
)
def test_signs(text: str, signs: list[int]) -> None:
    assert [(one.score > 0) - (one.score < 0) for one in results(text)] == signs


def test_profit_outweighs_revenue_and_size_counts() -> None:
    revenue, profit = results("营业收入18亿元,同比增长6%;净利润1.7亿元,同比下降22%")
    assert (revenue.score, profit.score) == (0.15, pytest.approx(-(0.4 + 2 * 0.22)))
    (small,), (large,), (fold,), (tenths,), (unsaid,) = (results(f"净利润同比增长{size}") for size in ("2%", "40%", "1.2倍", "近两成", ""))
    assert (small.score, tenths.score) == (pytest.approx(0.44), pytest.approx(0.8))
    assert (large.score, fold.score, unsaid.score) == (0.9, 0.9, 0.6)


@given(
    st.sampled_from(["净利润", "归母净利润", "扣非净利润", "盈利"]),
    st.sampled_from([("增长", "下降"), ("增加", "减少"), ("上升", "下滑")]),
    st.decimals(0, 400, places=2),
)
def test_opposite_words_are_opposite_results(what: str, ways: tuple[str, str], size: object) -> None:
    (up,), (down,) = (results(f"公司上半年{what}3.1亿元,同比{way}{size}%。") for way in ways)
    assert up.score == -down.score > 0
    assert (up.start, up.end) == (down.start, down.end)


@given(st.text(alphabet="净利润亏损盈营收入同比增长下降1.2,%亿元上年期至-。;", max_size=60))
def test_any_text_is_read(text: str) -> None:
    found = results(text)
    assert all(-1 <= one.score <= 1 for one in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
