"""Figures in Chinese reports, against readings made by hand of sentences written for these tests."""

import re

import pytest

from research import measures, moves
from research.cleaning import plain
from research.quantities import quantities
from research.sentences import sentences

NAMES = {
    "某某证券": "601688.SS",
    "长江电力": "600900.SS",
    "顺丰控股": "002352.SZ",
    "现货黄金": "GC=F",
    "512760": "512760.SS",
    "159928": "159928.SZ",
    "沪深300": "000300.SS",
    "中证500": "000905.SS",
    "创业板指": "399006.SZ",
    "宁德时代": "300750.SZ",
    "贵州茅台": "600519.SS",
    "比亚迪": "002594.SZ",
}
FOUND = re.compile("|".join(sorted(NAMES, key=len, reverse=True)))


def read(text: str) -> list[tuple[str, str, str | None, float]]:
    said = plain(text)
    spans = [moves.Span(NAMES[m.group()], m.group(), m.start(), m.end(), "subject") for m in FOUND.finditer(said)]
    return [(m.kind, m.subject, m.symbol, m.value) for m in measures.find(said, spans, sentences(said), set())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # one action for a list of names, each with its amount
        ("北上資金淨買入電子6.2億元、汽車4.9億元,淨賣出煤炭1.4億元", [("sector_flow", "电子", None, 6.2e8), ("sector_flow", "汽车", None, 4.9e8), ("sector_flow", "煤炭", None, -1.4e8)]),
        ("融资资金净流入居前的行业为国防军工(31.2亿元)、有色金属(12.5亿元),净流出居前的为银行(-10.1亿元)", [("sector_flow", "国防军工", None, 3.12e9), ("sector_flow", "有色金属", None, 1.25e9), ("sector_flow", "银行", None, -1.01e9)]),
        ("宁德时代、贵州茅台获北上资金净买入12.5亿元、9.3亿元", [("northbound_flow", "宁德时代", "300750.SZ", 1.25e9), ("northbound_flow", "贵州茅台", "600519.SS", 9.3e8)]),
        ("电子行业获融资净买入22.7亿元", [("sector_flow", "电子", None, 2.27e9)]),
        ("股票型ETF净流出26.4亿元,份额减少14.3亿份", [("etf_flow", "股票型ETF", None, -2.64e9), ("etf_flow", "股票型ETF", None, -1.43e9)]),
        ("南向资金净买入87.3亿港元,较上周减少40亿港元", [("southbound_flow", "南向", None, 8.73e9), ("southbound_flow", "南向 变动", None, -4e9)]),
        ("芯片ETF(512760)昨日净流入1.7亿元,消费ETF(159928)净流出0.8亿元,煤炭ETF净流入0.2亿元", [("etf_flow", "芯片ETF", "512760.SS", 1.7e8), ("etf_flow", "消费ETF", "159928.SZ", -8e7), ("etf_flow", "煤炭ETF", None, 2e7)]),
        # the action behind the amount; one thing without a symbol is not the whole channel
        ("波动最大的电子行业全年获北上资金逾41亿元的净买入", [("sector_flow", "电子", None, 4.1e9)]),
        ("北上资金逾41亿元净卖出,宁德时代当日获深股通净买入3.1亿元", [("northbound_flow", "北上", None, -4.1e9), ("northbound_flow", "宁德时代", "300750.SZ", 3.1e8)]),
        ("某某新材获北上资金净买入2.3亿元", []),
        ("主力资金5.1亿元净流出", []),
        ("融资余额为1.5万亿元", [("margin_flow", "融资余额", None, 1.5e12)]),
        # what seats of a house buy is nobody's channel; an announcement is about the company it is by, not one its holder is named like
        ("深股通净买入2.4亿元,二机构净卖出1.4亿元", [("northbound_flow", "深股通", None, 2.4e8)]),
        ("比亚迪(002594.SZ):控股股东宁德时代拟增持5000万元", [("insider_trade", "股东 增持", "002594.SZ", 5e7)]),
        # ratios carried over a list, brackets, both ends of a change
        ("汽车PE抬升1.3至25.4倍(历史分位58.3%),煤炭回落0.4至10.7倍", [("valuation_level", "汽车 PE 变动", None, 1.3), ("valuation_level", "汽车 PE", None, 25.4), ("valuation_percentile", "汽车 PE", None, 0.583), ("valuation_level", "煤炭 PE 变动", None, -0.4), ("valuation_level", "煤炭 PE", None, 10.7)]),
        ("沪深300、中证500的PE分位数分别为50.1%、56.2%", [("valuation_percentile", "沪深300 PE", "000300.SS", 0.501), ("valuation_percentile", "中证500 PE", "000905.SS", 0.562)]),
        ("创业板指PE(TTM)自31.2倍降至30.8倍,历史分位由20.4%降至18.8%", [("valuation_level", "创业板指 PE(TTM)", "399006.SZ", 31.2), ("valuation_level", "创业板指 PE(TTM)", "399006.SZ", 30.8), ("valuation_percentile", "创业板指 PE(TTM)", "399006.SZ", 0.204), ("valuation_percentile", "创业板指 PE(TTM)", "399006.SZ", 0.188)]),
        ("按估值高低排序,前两名为计算机、电子", [("valuation_level", "计算机 估值排名", None, 1.0), ("valuation_level", "电子 估值排名", None, 2.0)]),
        # moves of industries
        ("本周涨幅居前的为有色金属、汽车,分别上涨3.1%、2.4%", [("sector_move", "有色金属", None, 0.031), ("sector_move", "汽车", None, 0.024)]),
        ("行业周涨幅(%):交通运输1.21、银行-0.33", [("sector_move", "交通运输", None, 0.0121), ("sector_move", "银行", None, -0.0033)]),
        ("美容护理(3.08%)、汽车(2.40%)领涨,计算机(1.26%)领跌", [("sector_move", "美容护理", None, 0.0308), ("sector_move", "汽车", None, 0.024), ("sector_move", "计算机", None, -0.0126)]),
        # figures carried from clause to clause, without per cent signs, in points
        ("4月末M2同比增速8.3,M1同比增速1.4", [("macro_value", "M2", None, 0.083), ("macro_value", "M1", None, 0.014)]),
        ("10年期国债收益率上行4.4bp至1.68%", [("macro_value", "10年期国债收益率 变动", None, 0.00044), ("macro_value", "10年期国债收益率", None, 0.0168)]),
        ("4月新增人民币贷款2800亿元,同比少增4500亿元", [("macro_value", "新增人民币贷款", None, 2.8e11), ("macro_value", "新增人民币贷款 变动", None, -4.5e11)]),
        ("4月挖掘机销量2.2万台,同比增长17.6%,其中内销1.2万台", [("industry_value", "挖掘机销量", None, 22000.0), ("industry_value", "挖掘机销量", None, 0.176), ("industry_value", "挖掘机销量:内销", None, 12000.0)]),
        ("工业硅报8900元/吨,周跌2.2%", [("industry_value", "工业硅", None, 8900.0), ("industry_value", "工业硅", None, -0.022)]),
        ("煤炭行业利润降幅收窄7.0个百分点", [("industry_value", "煤炭行业利润降幅 变动", None, 0.07)]),
        ("比亚迪4月销量38.0万辆,同比增长21.3%", [("company_value", "比亚迪4月销量", "002594.SZ", 380000.0), ("company_value", "比亚迪4月销量", "002594.SZ", 0.213)]),
        # what a company announces is of itself, not of the world it speaks of
        ("宁德时代(300750.SZ):前三季度营收同比增长9.3%", [("company_value", "前三季度营收", "300750.SZ", 0.093)]),
        ("宁德时代(300750.SZ):欧洲市场占公司收入的比例为31.2%", [("company_value", "欧洲市场占公司收入的比例", "300750.SZ", 0.312)]),
        ("比亚迪(002594.SZ):预计2025年净亏损1.3亿元—1.6亿元", [("company_value", "预计2025年净利润", "002594.SZ", -1.3e8), ("company_value", "预计2025年净利润", "002594.SZ", -1.6e8)]),
        ("宁德时代(300750.SZ):预计2026年全球动力电池装机1500GWh", [("industry_value", "预计2026年全球动力电池装机", None, 1500.0)]),
        ("宁德时代(300750.SZ):11月CPI同比上涨0.7%", [("macro_value", "CPI", None, 0.007)]),
        ("宁德时代(300750.SZ):拟以3.1亿元收购某某股权", []),
        ("宁德时代第三季度净利润为131亿元,同比增长26%,市场预估120亿元。第三季度营收923亿元", [("company_value", "宁德时代第三季度净利润", "300750.SZ", 1.31e10), ("company_value", "宁德时代第三季度净利润", "300750.SZ", 0.26), ("company_value", "营收", "300750.SZ", 9.23e10)]),
        # first and final readings of a statistic; a beat is no figure of its own
        ("意大利11月服务业PMI终值 53.9,前值53.7。", [("macro_value", "意大利11月服务业PMI终值", None, 53.9)]),
        ("荷兰三季度商业投资季环比初值 -1.2%,预期 0.4%。", [("macro_value", "荷兰三季度商业投资", None, -0.012)]),
        ("荷兰11月零售物价指数同比 2.9%。", [("macro_value", "荷兰11月零售物价指数", None, 0.029)]),
        ("比亚迪利润指引高出共识22%。", []),
        # a quotation is of what the clause before tells of, and of nothing where that has no name
        ("现货黄金跌1.4%,现报2310.5美元/盎司", [("industry_value", "现货黄金", "GC=F", 2310.5)]),
        ("3月CPI同比增长1.2%。现货黄金日内涨2.1%,最新报2402美元/盎司", [("macro_value", "CPI", None, 0.012), ("industry_value", "现货黄金", "GC=F", 2402.0)]),
        ("现货黄金走高,某某锡期货主力合约跌2.1%,现报21万元/吨", []),
        ("某某白银T+D跌2.1%,现货黄金主力合约跌1.3%,现报2310.5美元/盎司", [("industry_value", "现货黄金", "GC=F", 2310.5)]),
        ("比亚迪(002594.SZ):料2026年归母净利润为4.1亿元至5.3亿元,同比下降61.2%到 66.4%", [("company_value", "料2026年归母净利润", "002594.SZ", 4.1e8), ("company_value", "料2026年归母净利润", "002594.SZ", 5.3e8)]),
        ("10年期国债收益率在320亿美元国债拍卖后走低", []),
        ("某国央行:委员会讨论了将利率维持在3.5%", []),
        ("2020年至2023年芯片产值年均增速达6.4%", [("industry_value", "芯片产值年均增速", None, 0.064)]),
        ("某某铑涨2.1%,现报4600美元/盎司", []),
        ("【数据】(周四)某某黄金午盘价为711.5元/克,高1.2元/克", [("industry_value", "某某黄金午盘价", None, 711.5)]),
        ("现货黄金涨1%逼近2400美元,单日大增30美元", []),
        # the level before is not the one that counts
        ("挪威11月失业率从3.4%降至3.1%", [("macro_value", "挪威11月失业率 前值", None, 0.034), ("macro_value", "挪威11月失业率", None, 0.031)]),
        ("某机构:将阿根廷大豆产量预测由4800万吨上修至4950万吨", [("industry_value", "阿根廷大豆产量预测 前值", None, 4.8e7), ("industry_value", "阿根廷大豆产量预测", None, 4.95e7)]),
        ("CPI自去年3月的2.6%回落到1.9%", [("macro_value", "CPI 前值", None, 0.026), ("macro_value", "CPI", None, 0.019)]),
        ("通胀预期从3.0%升至3.2%", [("macro_value", "通胀预期 前值", None, 0.03), ("macro_value", "通胀预期", None, 0.032)]),
        ("挪威11月失业率为3.1%", [("macro_value", "挪威11月失业率", None, 0.031)]),
        # a comparison with the year before is growth, not that year's figure
        ("5月某港吞吐量310万吨,较去年同期增长6.3%", [("industry_value", "某港吞吐量", None, 3.1e6), ("industry_value", "某港吞吐量", None, 0.063)]),
        ("前5个月某省进出口总值1.2万亿元,与去年同期相比下降2.4%", [("macro_value", "某省进出口总值", None, 1.2e12), ("macro_value", "某省进出口总值", None, -0.024)]),
        ("玉米现货价格由去年同期的每吨2600元跌到2300元", [("industry_value", "玉米现货价格 前值", None, 2600.0), ("industry_value", "玉米现货价格", None, 2300.0)]),
        ("某港4月吞吐量300万吨,超过上年同期4.1%", [("industry_value", "某港4月吞吐量", None, 3e6), ("industry_value", "某港4月吞吐量", None, 0.041)]),
        ("5月挖掘机销量1.8万台,去年同期增长3.1%", [("industry_value", "挖掘机销量", None, 18000.0), ("industry_value", "挖掘机销量 前值", None, 0.031)]),
        ("钢铁行业PMI为48.2%,低于上月1.4个百分点", [("macro_value", "钢铁行业PMI", None, 0.482), ("macro_value", "钢铁行业PMI 变动", None, -0.014)]),
        # a measure shared by a list; the index of which the first says what it is of
        ("化工业、纺织业和食品业PMI分别为52.0%、50.3%和49.1%", [("macro_value", "化工业PMI", None, 0.52), ("macro_value", "纺织业PMI", None, 0.503), ("macro_value", "食品业PMI", None, 0.491)]),
        ("纺织业新订单指数和从业人员指数分别为53.1%和49.6%", [("macro_value", "纺织业新订单指数", None, 0.531), ("macro_value", "纺织业从业人员指数", None, 0.496)]),
        # growth named behind the number; the house that is quoted is no part of what it speaks of
        ("二季度制造业投资将实现6%左右的增长", [("macro_value", "制造业投资", None, 0.06)]),
        ("二季度煤炭行业利润将有6%左右的降幅", [("industry_value", "煤炭行业利润", None, -0.06)]),
        ("预计全年基建增速将有4.5%", [("macro_value", "预计全年基建增速", None, 0.045)]),
        # the verb of a level is no part of what has it
        ("10年期某债收益率滑到1.61%,失业率从接近4%爬升到4.4%", [("macro_value", "10年期某债收益率", None, 0.0161), ("macro_value", "失业率 前值", None, 0.04), ("macro_value", "失业率", None, 0.044)]),
        ("玉米均价从2600元附近跌至2300元附近", [("industry_value", "玉米均价 前值", None, 2600.0), ("industry_value", "玉米均价", None, 2300.0)]),
        # what a clause without a number is about; a change that is none
        ("30年期某债收益率涨2.1个基点,五年期某债收益率大致持平,报0.31%", [("macro_value", "30年期某债收益率 变动", None, 0.00021), ("macro_value", "五年期某债收益率", None, 0.0031)]),
        ("某机场起降18.2万架次", []),
        ("起租里程运价由2.1元/公里调整为2.4元/公里", [("industry_value", "起租里程运价 前值", None, 2.1), ("industry_value", "起租里程运价", None, 2.4)]),
        ("锌锭价格降至每吨2.1万元", [("industry_value", "锌锭价格", None, 21000.0)]),
        ("专项债额度提前下达1.2万亿,全国35城平均薪酬达9120元/月", [("macro_value", "专项债额度", None, 1.2e12), ("macro_value", "全国35城平均薪酬", None, 9120.0)]),
        ("4月新发专项债规模合计3100亿元,新发偏股基金规模210亿元", [("macro_value", "新发专项债规模", None, 3.1e11), ("new_fund_issuance", "偏股", None, 2.1e10)]),
        # a part of trade is no trade balance of both ways, and the same months before no subject
        ("前5个月某省进出口总值1.2万亿元;出口总值0.7万亿元,增长3.1%", [("macro_value", "某省进出口总值", None, 1.2e12), ("macro_value", "出口总值", None, 7e11), ("macro_value", "出口总值", None, 0.031)]),
        ("5月粗钢产量8800万吨,上年同期为8500万吨", [("industry_value", "粗钢产量", None, 8.8e7)]),
        # what a company announces is of itself, also in the sentences that go on; a good's price and another company's figures are not
        ("长江电力晚间公告,公司5月发电量121亿千瓦时,同比增长8.1%;营业收入41亿元。1-5月,公司累计发电量520亿千瓦时", [("company_value", "公司5月发电量", "600900.SS", 1.21e10), ("company_value", "公司5月发电量", "600900.SS", 0.081), ("company_value", "营业收入", "600900.SS", 4.1e9), ("company_value", "公司累计发电量", "600900.SS", 5.2e10)]),
        ("顺丰控股公告,公司未接到总额3.1亿元的订单", []),
        ("顺丰控股:5月快递业务量11.2亿单", [("company_value", "快递业务量", "002352.SZ", 1.12e9)]),
        ("顺丰控股发布研究报告,5月快递业务量152亿单", [("industry_value", "快递业务量", None, 1.52e10)]),
        ("顺丰控股公告,5月全国快递业务量152亿单,柴油价格涨至7100元/吨", [("industry_value", "全国快递业务量", None, 1.52e10), ("industry_value", "柴油价格", None, 7100.0)]),
        ("长江电力公告,公司营业收入41亿元。顺丰控股快递收入62亿元", [("company_value", "公司营业收入", "600900.SS", 4.1e9), ("company_value", "顺丰控股快递收入", "002352.SZ", 6.2e9)]),
        ("长江电力公告,营业收入41亿元。水位回升。截至5月末,不良贷款率为1.1%", [("company_value", "营业收入", "600900.SS", 4.1e9), ("company_value", "不良贷款率", "600900.SS", 0.011)]),
        ("分歧仍在。长江电力公告,营业收入41亿元。5月粗钢产量8800万吨,其中出口910万吨", [("company_value", "营业收入", "600900.SS", 4.1e9), ("industry_value", "粗钢产量", None, 8.8e7), ("industry_value", "粗钢产量:出口", None, 9.1e6)]),
        ("上市公司长江电力发布公告,公司未与顺丰控股签约;公司5月发电量121亿千瓦时", [("company_value", "公司5月发电量", "600900.SS", 1.21e10)]),
        ("长江电力在顺丰控股公告栏刊登,5月柴油产量12万吨", [("industry_value", "柴油产量", None, 1.2e5)]),
        ("长江电力控股股东减持,成交均价21.3元/股", [("company_value", "成交均价", "600900.SS", 21.3)]),
        ("2月澳门博彩毛收入184.8亿澳门元,同比增长79.1%", [("industry_value", "澳门博彩毛收入", None, 1.848e10), ("industry_value", "澳门博彩毛收入", None, 0.791)]),
    ],
)  # fmt: skip
def test_readings(text: str, expected: list[tuple[str, str, str | None, float]]) -> None:
    assert sorted(read(text), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    "text",
    [
        "到2027年设备投资规模较2023年增长25%以上。",
        "剔除亏损在50亿以上的个股。",
        "每股收益同比增长12%。",
        "东证指数涨0.2%。",
        "铜价突破9000美元/吨。",
        "消费品行业利润增长10.1%-20.1%。",
        "盈新发展:拟以5.2亿元收购半导体公司",
        "四季度每股收益(EPS)为0.13美元",
        "将XPEV目标价从29.60美元下调至28.60美元",
    ],
)
def test_what_states_no_figure(text: str) -> None:
    assert [m for m in read(text) if m[0] != "index_move"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # both ends, each as a bound: neither is the figure
        ("预计2025年大豆进口量为920-950万吨", [(9.2e6, "over"), (9.5e6, "limit")]),
        ("比亚迪预计一季度净利润为85亿至100亿元", [(8.5e9, "over"), (1e10, "limit")]),
        ("10月社会融资规模1.2万亿元—1.5万亿元", [(1.2e12, "over"), (1.5e12, "limit")]),
        ("比亚迪(002594.SZ):大股东拟增持6000万元-1.2亿元,高管拟增持500万元-900万元", [(6e7, "over"), (1.2e8, "limit"), (5e6, "over"), (9e6, "limit")]),
        ("螺纹钢均价3400~3450元/吨", [(3400.0, "over"), (3450.0, "limit")]),
        ("宁德时代(300750.SZ):海外业务占营业收入比例不超过1.5%", [(0.015, "limit")]),
        ("比亚迪(002594.SZ):预计净亏损不多于4200万元", [(-4.2e7, "limit")]),
        ("宁德时代(300750.SZ):海外业务占营业收入比例超过1.5%", [(0.015, "over")]),
        ("煤炭库存在1800万吨上方,生铁产量在70万吨左右,焦煤库存在900万吨以下", [(1.8e7, "over"), (7e5, "about")]),
        ("失业率降至5%以下", [(0.05, "limit")]),
        ("比亚迪近日股东增持20万股,近期股东增持近30万股", [(2e5, "exact"), (3e5, "near")]),
        # by how much and to what, from what to what, years, two figures
        ("10月出口增加3亿元至41亿元", [(3e8, "exact"), (4.1e9, "exact")]),
        ("玉米库存由55万吨降至51万吨", [(5.5e5, "exact"), (5.1e5, "exact")]),
        ("玉米库存由51万吨增至55万吨", [(5.1e5, "exact"), (5.5e5, "exact")]),
        ("1-5月挖掘机销量9.8万台", [(98000.0, "exact")]),
        ("预计2025年手机销量增长20-25%", []),
    ],
)  # fmt: skip
def test_ranges(text: str, expected: list[tuple[float, str]]) -> None:
    said = plain(text)
    spans = [moves.Span(NAMES[m.group()], m.group(), m.start(), m.end(), "subject") for m in FOUND.finditer(said)]
    assert [(m.value, m.qualifier) for m in measures.find(said, spans, sentences(said), set())] == expected


def test_a_number_not_understood_ends_what_was_said_before() -> None:
    assert [m for m in read("螺纹钢现货价格3560元/吨;某某合作金额7.5亿元,同比增长9%") if m[3] == 0.09] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30个大中城市成交163.4万平方米", [(1634000.0, "m2")]),
        ("1-5月为3.4%", [(0.034, "fraction")]),
        ("每10股派50.28元", [(50.28, "CNY")]),
        ("7.00万元/吨、0.39元/瓦", [(70000.0, "CNY/tonne"), (0.39, "CNY/W")]),
        ("GLP-1药物、EH216-S", []),
        ("全年营收48.0亿-48.1亿美元", [(4.8e9, "USD"), (4.81e9, "USD")]),
        ("净流入-4.5亿元", [(-4.5e8, "CNY")]),
    ],
)
def test_quantities(text: str, expected: list[tuple[float, str]]) -> None:
    assert [(q.value, q.unit) for q in quantities(text, 0, len(text))] == expected
