"""What the words beside a name make of it. Every sentence here was written for these tests; expected symbols are worked out by reading."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from research import contexts, instruments, linking, listings
from research.schemas import DOCUMENTS

NO_TONES = pl.DataFrame(schema={"doc_id": pl.String, "symbol": pl.String, "sentiment": pl.Float64, "confidence": pl.Float64})


@pytest.fixture(scope="module")
def linker() -> linking.Linker:
    return linking.Linker.build(instruments.shipped())


def frame(headline: str, body: str = "", day: date = date(2025, 11, 4)) -> pl.DataFrame:
    at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    row = {
        "doc_id": "d1", "kind": "news", "source": "test", "language": "zh-Hans", "headline": headline, "body": body, "published_at": at,
        "published_precision": "second", "published_not_before": at, "published_not_after": at, "available_at": at, "story_id": "d1", "novelty": 1.0,
    }  # fmt: skip
    return DOCUMENTS.frame([row])


def symbols(linker: linking.Linker, text: str) -> list[str]:
    return linker.spans(frame(text))["symbol"].to_list()


def mentioned(linker: linking.Linker, headline: str, body: str) -> pl.DataFrame:
    documents = frame(headline, body)
    return linking.mentions(documents, linker.spans(documents), NO_TONES).sort("relevance", descending=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("零售股走弱,RH跌4%,盖璞跌2%,威廉姆斯-索诺玛跌3%", ["RH", "GAP", "WSM"]),
        ("社交股重挫,Snap盘后暴跌两成", ["SNAP"]),
        ("Snap公布季度业绩", ["SNAP"]),
        ("网约车平台Grab跌2%", ["GRAB"]),
        ("地区银行受压,西部联盟跌超一成", ["WAL"]),
        ("法航-荷航低开", ["AF.PA"]),
        # a brand is of the listing that the text is about
        ("小鹏旗舰轿车涨价,小鹏汽车港股走高", ["9868.HK", "9868.HK"]),
        ("航天科技集团全年安排四十次发射", []),
        ("波罗的海整体干散货运价指数走高2%", ["BDI"]),
        ("稳定币公司Circle当日收跌5%", ["CRCL"]),
        ("新能源股里恩菲斯能源跌9%,阿帕奇石油涨1%", ["ENPH", "APA"]),
        ("私募巨头凯雷、EQT与CVC均在报价名单上", ["CG", "EQT.ST", "CVC.AS"]),
        ("信贷基金BIZD跌2%,同业OBDC跌3%", ["BIZD", "OBDC"]),
        ("日本药企武田跌1%,千叶银行涨2%,圆谷Fields平收", ["4502.T", "8331.T", "2767.T"]),
        ("韩国设备商Techwing跌5%,斗山机器人涨停", ["089030.KQ", "454910.KS"]),
        ("印度太阳制药跌1%,Nifty医药指数跌2%", ["SUNPHARMA.NS", "^CNXPHARMA"]),
        ("澳洲Liontown涨12%,富邑葡萄酒跌4%", ["LTR.AX", "TWE.AX"]),
        ("控股股东保时捷SE涨1%,丹麦灵北跌2%", ["PAH3.DE", "HLUN-B.CO"]),
        ("新加坡上市的金光农业资源跌4%,土耳其担保银行涨5%", ["E5H.SI", "GARAN.IS"]),
        ("康耐特光学涨6%,大行科工跌3%", ["2276.HK", "2543.HK"]),
        # what a portal does or when, not a place where somebody writes
        ("腾讯上周累计下跌2%", ["0700.HK"]),
        ("腾讯上季度收入增长", ["0700.HK"]),
        ("快手上线新工具,脸书上季收入增长", ["1024.HK", "META"]),
        ("露露乐檬跌3%,戴蒙德能源涨1%,劳斯莱斯跌2%", ["LULU", "FANG", "RR.L"]),
        ("卢比守住88关口,韩元在境外市场升破1430关口", ["INR=X", "KRW=X"]),
        # the second listing of a list of two
        ("中远海控A股跌1.2%、H股跌2.6%", ["601919.SS", "1919.HK"]),
        ("该基金被穆迪和标普降级", ["MCO", "SPGI"]),
        ("恒生医疗保健指数跌1%,标普500能源板块跌3%,泛欧斯托克600银行指数跌2%", ["^HSHCI", "^SP500-10", "^SX7P"]),
        ("中证半导体材料设备指数涨4%", ["931743.SS"]),
        ("生物科技ETF平收,光伏ETF涨1%", ["515790.SS"]),
    ],
)
def test_names_as_chinese_media_write_them(linker: linking.Linker, text: str, expected: list[str]) -> None:
    assert symbols(linker, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "他在领英上写道,团队很好",
        "总裁在微博晒出体检报告",
        "他在微博上写道,快手上有人不信",
        "视频来自YouTube博主",
        "发言人在Truth Social上发文",
        "伯恩斯坦认为,订单会回来",
        "杰贝阿里港的起重机停了一天",
        "该油田日产30万桶,明年翻番",
        "中国银行体系的敞口不大",
        "便利店品牌Circle K换了老板",
        "易方达MSCI美国50ETF溢价",
        "现年五十岁的管培生项目负责人",
        "纽约布鲁克林的一家书店",
        "欧股收盘走低,欧洲股市连跌三日",
        "台湾一家公司的台股股价",
        "公司当日在纳斯达克收报12美元",
        "理由是原油冲击会拖累增长",
        "我们维持对MSCI中国指数的高配",
        "补充营养援助计划(SNAP)的受益人",
        "出售资产作价3亿丹麦克朗",
        "DRAM涨价,PLUS会员增加",
        "港股通科技ETF份额增加",
    ],
)
def test_words_beside_a_name_make_it_another_thing(linker: linking.Linker, text: str) -> None:
    assert [s for s in symbols(linker, text) if s != "^TWII"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("长白山跌逾6%", ["603099.SS"]),
        ("白云机场跌6.9%,深圳机场跌1.4%", ["600004.SS", "000089.SZ"]),
        ("机器人涨超一成", ["300024.SZ"]),  # a limit of ten per cent: said of the share and of the sector alike, kept as it was
        ("机器人跌2%", []),
        ("平安H股跌逾2%", ["2318.HK"]),
        ("天齐、赣锋双双涨停", ["002466.SZ", "002460.SZ"]),
    ],
)
def test_what_only_a_share_does(linker: linking.Linker, text: str, expected: list[str]) -> None:
    assert symbols(linker, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("标普把三家公司的展望下调至负面", "SPGI"),
        ("标普则认为违约还会增加", "SPGI"),
        ("标普10月8日将其列入负面观察名单", "SPGI"),
        ("标普跌1%,评级股走弱", "^GSPC"),
        ("标普500指数的评级构成", "^GSPC"),
    ],
)
def test_the_agency_and_the_index_of_one_name(linker: linking.Linker, text: str, expected: str) -> None:
    assert symbols(linker, text)[0] == expected


def test_agency_needs_the_bare_name() -> None:
    assert contexts.agency("标普将该国评级上调", 0, 2)
    assert not contexts.agency("标普500将创新高", 0, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("智利占进口七成,该国比索升值1%", ["CLP=X"]),
        ("墨西哥央行按兵不动,比索跌1%", ["MXN=X"]),
        ("瑞典通胀回落,克朗走弱", ["SEK=X"]),
        ("卢比逼近98关口", ["INR=X"]),
        ("里拉盘中猛拉7%", ["TRY=X"]),
        ("里拉兑美元大涨", ["TRY=X"]),
        ("日元从161.9一路走到141.7", ["JPY=X"]),
        ("成本目标从25亿瑞郎抬到30亿瑞郎", []),
    ],
)
def test_currencies_of_one_name_and_units(linker: linking.Linker, text: str, expected: list[str]) -> None:
    assert symbols(linker, text) == expected


def test_a_sure_currency_is_a_unit_only_behind_digits() -> None:
    dollar = contexts.Instrument("XNYS", "fx", None)
    assert contexts.unit(dollar, "售价400丹麦克朗", 5, 9, sure=True)
    assert not contexts.unit(dollar, "做多美元指数", 2, 6, sure=True)
    assert not contexts.unit(dollar, "指数98.2点,美元指数", 8, 12, sure=True)
    assert contexts.unit(dollar, "报83.14美元", 6, 8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("两年期美债收益率上行9个基点,十年期仅上行3个基点", ["2YY=F", "^TNX"]),
        ("10年期美债收益率跌5个基点,30年期跌2个基点", ["^TNX", "^TYX"]),
        ("日债收益率走高,10年期涨至2.5%", []),
        ("美债走强,日债下跌,10年期跌3个基点", []),
    ],
)
def test_a_yield_by_its_term(linker: linking.Linker, text: str, expected: list[str]) -> None:
    assert symbols(linker, text) == expected


def test_the_other_listing_by_one_word(linker: linking.Linker) -> None:
    assert symbols(linker, "中国中冶A股跌停,港股重挫15%") == ["601618.SS", "1618.HK"]
    assert symbols(linker, "中国中冶A股跌停,港股市场平静") == ["601618.SS"]
    assert symbols(linker, "贵州茅台A股跌停,港股重挫") == ["600519.SS"]  # it has no other listing
    assert symbols(linker, "台积电台股收涨1%") == ["2330.TW"]
    assert listings.relisted("H股涨2%,H股又跌") is None
    assert symbols(linker, "恒瑞医药A股低开高走,报62.18元;H股涨24.6%") == ["600276.SS", "1276.HK"]
    assert symbols(linker, "贵州茅台低开2%;H股跌5%") == ["600519.SS"]
    assert symbols(linker, "恒瑞医药涨2%。A股收涨,H股指数收跌") == ["600276.SS", "^HSCE"]
    assert symbols(linker, "小鹏汽车美股盘前涨3.4%,港股收涨2.1%") == ["XPEV", "9868.HK"]
    assert symbols(linker, "哔哩哔哩港股跌5%,此前其美股隔夜收跌4.3%") == ["9626.HK", "BILI"]


@pytest.mark.parametrize(
    ("text", "symbol", "role"),
    [
        ("瑞银一位策略师对客户说,行情未完", "UBS", "source"),
        ("高盛的模型显示,亏损还会扩大", "GS", "source"),
        ("摩根士丹利从4.2%提到4.8%", "MS", "source"),
        ("某某科技登陆港交所,首日平收", "0388.HK", "passing"),
        ("港交所涨2%,成交放大", "0388.HK", "subject"),
        ("瑞银财富管理当晚把首降时点由6月改为9月", "UBS", "source"),
        ("国泰君安策略首席林某把新规的含义概括为三点", "601211.SS", "source"),
        ("花旗则劝客户等一等", "C", "source"),
        ("据高盛估算,一季度烧掉百亿", "GS", "source"),
        ("在野村看来,再融资还会更多", "8604.T", "source"),
        ("贝克休斯统计的活跃钻机数下降", "BKR", "source"),
        ("Santander的首席美国经济学家认为会降息", "SAN", "source"),
        ("现代汽车证券的分析师认为需求过剩", "001500.KS", "source"),
        ("东方财富、同花顺、寒武纪悉数封板", "300033.SZ", "subject"),
        ("目前辅导机构中信证券已提交材料", "600030.SS", "passing"),
    ],
)
def test_roles(linker: linking.Linker, text: str, symbol: str, role: str) -> None:
    documents = frame("综述", f"今天有消息。{text}。")
    table = linking.mentions(documents, linker.spans(documents), NO_TONES)
    found = {s.replace("UBSG.SW", "UBS").replace("SAN.MC", "SAN"): r for s, r in table.select("symbol", "role").iter_rows()}
    assert found[symbol] in ({role, "passing"} if role == "subject" else {role})


def test_a_company_leads_the_coin_and_the_metal_of_its_headline(linker: linking.Linker) -> None:
    body = "英伟达给出了指引。比特币当天平收。"
    assert mentioned(linker, "比特币之外,英伟达才是主角", body)["symbol"][0] == "NVDA"
    body = "宁德时代停产一座矿。碳酸锂期货涨停,碳酸锂期货成交放大。"
    assert mentioned(linker, "宁德时代停产,碳酸锂期货涨停", body)["symbol"][0] == "300750.SZ"


def test_the_first_company_of_a_headline_leads(linker: linking.Linker) -> None:
    body = "特斯拉一度想买下它。优步上市后翻倍。"
    assert mentioned(linker, "优步翻倍:特斯拉没买成的公司", body)["symbol"][0] == "UBER"


def test_an_index_leads_where_the_headline_speaks_of_the_market(linker: linking.Linker) -> None:
    body = "贵州茅台跌1%,贵州茅台成交放大。沪指跌2%,沪指失守3000点。"
    assert mentioned(linker, "A股全天走低,两市缩量", body)["symbol"][0] == "000001.SS"
    assert mentioned(linker, "这家公司怎么了", body)["symbol"][0] == "600519.SS"


def test_one_credit_does_not_make_a_source(linker: linking.Linker) -> None:
    body = "它与中远海控往来多年。后来又有中远海控参股。再后来是中远海控的诉讼。图/中远海控供图。"
    assert mentioned(linker, "一家港口的往事", body).row(0, named=True)["role"] != "source"


def test_joined() -> None:
    assert contexts.joined("、") and contexts.joined("和") and contexts.joined("、以及")
    assert not contexts.joined(" ") and not contexts.joined("收购")
