"""Moves headlines tell without a percentage, and names that share one: each line was read by hand first."""

import re

import pytest

from research.cleaning import plain
from research.event_lines import told
from research.moves import Span
from research.sentences import sentences

NAMES = {
    "黄金": "GC=F", "白银": "SI=F", "伦铜": "LME:CA", "原油": "CL=F", "比特币": "BTC-USD", "标普": "^GSPC", "纳指": "^IXIC", "道指": "^DJI", "韩股": "^KS11",
    "沪指": "000001.SS", "恒指": "^HSI", "科指": "HSTECH.HK", "日元": "JPY=X", "人民币": "CNY=X", "欧元": "EURUSD=X", "沪镍": "SHFE:NI",
    "晨岭股份": "600000.SS", "远山电子": "600001.SS", "凌云科技": "600002.SS", "道琼斯": "^DJI", "KBW地区银行指数": "^KRX",
}  # fmt: skip


def read(text):
    line = plain(text) + "\n"
    named = re.finditer("|".join(sorted(NAMES, key=len, reverse=True)), line)
    spans = [Span(NAMES[m.group()], m.group(), m.start(), m.end()) for m in named]
    return {(one.symbol, one.name.split(".")[1]) for one in told(line, spans, sentences(line, len(line) - 1), {})}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # levels
        ("避险升温，黄金一度失守3900美元，白银重返50美元", {("GC=F", "down"), ("SI=F", "up")}),
        ("沪指收复3300点", {("000001.SS", "up")}),
        ("道指首破3万点，比特币跌穿6万关口", {("^DJI", "up"), ("BTC-USD", "down")}),
        ("白银破百，机构忙着改目标", {("SI=F", "up")}),
        # records
        ("伦铜盘中再创新高，原油三个月新低", {("LME:CA", "up"), ("CL=F", "down")}),
        ("纳指录得去年11月以来最大单日跌幅", {("^IXIC", "down")}),
        ("晨岭股份股价创2021年以来新低", {("600000.SS", "down")}),
        ("远山电子创下新高；凌云科技尾盘再创历史新高", {("600001.SS", "up"), ("600002.SS", "up")}),
        # runs of days and limits
        ("标普六连涨，原油四连跌，恒指连跌三日", {("^GSPC", "up"), ("CL=F", "down"), ("^HSI", "down")}),
        ("晨岭股份一字涨停，远山电子午后跌停", {("600000.SS", "up"), ("600001.SS", "down")}),
        ("沪镍等多个期货合约跌停", {("SHFE:NI", "down")}),
        # words, and names that share them
        ("黄金、白银集体大跌", {("GC=F", "down"), ("SI=F", "down")}),
        ("隔夜白银和伦铜双双再创新高", {("SI=F", "up"), ("LME:CA", "up")}),
        ("恒指、科指跌超2%", {("^HSI", "down"), ("HSTECH.HK", "down")}),
        ("标普纳指涨逾1%", {("^GSPC", "up"), ("^IXIC", "up")}),
        # words alone, and what comes back
        ("原油走低，黄金盘初走高", {("CL=F", "down"), ("GC=F", "up")}),
        ("恒指、科指回吐早前涨幅", {("^HSI", "down"), ("HSTECH.HK", "down")}),
        ("伦铜今年的涨幅悉数回吐", {("LME:CA", "down")}),
        ("欧元短线拉升约30点", {("EURUSD=X", "up")}),
        ("晨岭股份股价走弱", {("600000.SS", "down")}),
        # why it moves
        ("白银随收益率走高而回落", {("SI=F", "down")}),
        ("黄金随原油走低而走强", {("CL=F", "down"), ("GC=F", "up")}),
        # indices told together
        ("美股三大指数小幅收跌，软件股分化", {(None, "down")}),
        ("三大股指期货集体走高", {(None, "up")}),
        # a currency counted to the dollar falls when it grows dearer
        ("人民币创两年新高，欧元创十周新高", {("CNY=X", "down"), ("EURUSD=X", "up")}),
        # not there, not yet, no longer
        ("标普逼近历史新高", set()),
        ("比特币能否重回9万美元", set()),
        ("黄金有望突破4500美元", set()),
        ("研究称原油明年将大跌", set()),
        ("白银冲上60后回落", set()),
        ("央行出手阻止日元跌破160", set()),
        ("三大指数涨跌不一", set()),
        ("三大指数高开低走", set()),
        ("三大指数跌幅收窄", set()),
        ("三大指数有望走高", set()),
        ("黄金走强趋势未改", set()),
        ("日元走弱推高进口成本", set()),
        ("某央行行长:由于欧元走强、油价平稳，通胀放缓", set()),
        ("随着欧元回落，出口商松了口气", set()),
        ("原油冲高回落", set()),
        ("原油走高0.1%", set()),
        ("白银冲高后回落", set()),
        # something else
        ("原油需求回落", set()),
        ("晨岭股份毛利率走低", set()),
        ("晨岭股份季度销量创新高", set()),
        ("远山电子门店突破900家", set()),
        ("原油库存创五年新低", set()),
        ("黄金股集体大涨", set()),
        ("黄金ETF规模创新高", set()),
        ("凌云科技与晨岭股份迈上合作新高度", set()),
        ("涨停潮再现，晨岭股份被指炒作", set()),
        # two names that are one, and a percentage that is read elsewhere
        ("韩股晨岭股份大涨5%", {("600000.SS", "up")}),
        ("道琼斯KBW银行指数午后反弹2%", set()),
        ("恒指跌2%", set()),
    ],
)
def test_what_a_line_tells(text, wanted):
    assert read(text) == wanted
