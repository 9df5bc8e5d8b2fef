"""Figures of economy, industry and company in Chinese: levels, growth rates, changes in points.

Each clause is read as (period) subject, measure, change word, value. A clause without a subject of its own
(``同比下降21.0%``) goes on with the
one before, also over a semicolon; a list of names is zipped with a list of numbers. The sign is that of growth:
``降幅扩大至0.8%`` is -0.008,
``增幅收窄15个百分点`` is -0.15, ``同比少增1.6万亿元`` is -1.6e12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from research.announcements import EQUITY, goes_on
from research.chinese_names import before_measure, names, noun, pieces, with_measure
from research.move_grammar import OTHER_NOUN
from research.moves import Span
from research.numbers import Measure, qualifier
from research.patterns import presence
from research.quantities import EACH, Quantity, each, quantities, runs
from research.sentences import Sentence

__all__ = ["TRIGGER", "ValueContext", "find"]

_MACRO = presence(
    r"CPI|PPI|PMI|GDP|PCE|商业投资|零售物价|消费者物价|生产者物价|个人消费支出|预算盈余|预算赤字|不良贷款率|经济增长|生产总值|工业企业|规模以上|规上|失业|社融|净融资|社会融资|M[012](?!\d)|社零|零售总额|社会消费品|进出口|(?<![A-Za-z])出口|进口|顺差|逆差|通胀|固定资产投资|固投|财政|税收"
    r"|工业增加值|非农|消费者信心|营业收入利润率|城镇|再贷款|支持工具|发放[^,;。\d]{0,8}贷款|(?:普惠|小微|绿色|涉农)贷款|薪酬|月薪|薪资|工资|(?:建筑|营建)许可|成屋|工[业厂](?:产出|订单)|基建增速|(?:新订单|从业人员|生产经营活动预期|原材料库存|产成品库存|供应商配送时间)指数|信贷|人民币贷款|居民(?:部门)?(?:中长期)?(?:短期)?贷款|短贷|中长贷|长贷|票据融资|居民部门|企业(?:部门)?(?:中长期)?贷款|存款准备金|存款|LPR|MLF|SLF|PSL|逆回购|公开市场|净投放|净回笼|DR007|R007|SHIBOR|Shibor"
    r"|国债|美债|国开债|收益率|(?<![毛净])利率|利差|汇率|中间价|外汇储备|基建投资|制造业投资|房地产(?:开发)?投资|民间投资|服务业增加值|加薪|赤字率|专项债|以旧换新|剪刀差|用电量|货币供应|政府债券|政府债"
)
_INDUSTRY = presence(
    r"行业|制造业|采矿业|产业|板块|面板|出货|订单|产量|销量|销售|冶炼|设备|TMT|资源品|消费|样本|A股|中报|增长面|造纸|汽车|电子|电力|煤|价格|保费|市场|零售(?!总额)|批发|渗透率|开工率|产能利用率|入住率|上座率|库存|均价|现价|批价|报价"
    r"|现货|期货|运价|价格指数|物价指数|库存指数|库存预警|景气指数|信心指数|采购经理|商务活动|干散货|票房|成交|客运量|货运量|吞吐量|装机|发电|挖掘机|重卡|钢|铜|铝|锂|硅|光伏|电池|猪|糖|油|气价|天然气|水泥|玻璃|纯碱|芯片|半导体|DRAM|NAND|存储|手机|智能|空调|冰箱|洗衣机|家电|白酒|茅台|五粮液|彩票|博彩|毛收入|旅游|游客|航空|航班|快递"
    r"|商品房|新房|二手房|土地|房企|物业|并购|船|BDI|SCFI|CCFI|BCI|乘用车|新能源|化工|化肥|尿素|PTA|MDI|乙烯|甲醇|农产品|鸡|豆粕|玉米|小麦|棉|橡胶|黄金|白银|贵金属|稀土|钨|钴|镍|锡|锌|动力煤|焦|螺纹|热卷|铁矿|游戏|直播|电影|医药|疫苗|集装箱|港口|地铁|铁路|公路|水电|火电|核电|风电|储能|运量|发运量|日耗|粗钢|生铁|高炉|粮|屠宰|养殖|母猪|出游|花费|客流|装车|ROE|(?<!该)企业(?:合计)?(?:营|利|收)|厂商|净资产收益率|境外收入|已披露|披露率|预喜率|入境|低空经济"
)
#: a thing that is counted or priced: what follows it is its value without any further word
_MEASURE = presence(
    r"(?:价|价格|均价|批价|报价|运价|销量|产量|零售量?|批发量?|库存|出货[量额]|订单[量额]?|成交面积|成交额|面积|销售额|销售面积|营业收入|营收|收入|净利润|利润|利润总额|总额|[总产]值|增加值|余额|规模|票房|保费|存款|贷款|装机|装机容量|发电量|用电量|均值|中枢|净融资|融资|新增|资金|薪酬|月薪|薪资|工资|许可|交付量?|运量|货运量|客运量|吞吐量|发运量|日耗|顺差|逆差|人次|客流|业务量|投资额?|专项债|国债|存栏|屠宰量|产能|需求|供给|指数|率|占比|比例|比重|幅度|增速|差|收益率|毛收入|额|量|出口|进口|消费|销售|交易量|花费|存量|家数|盈利|额度|专项债[^,。;]{0,4}发行|数|余)(?:\([^()]{1,24}\))?$"
)
_RATE_NOUN = re.compile(
    r"率|ROE|占比|比例|比重|库容比|占[全总][^,。;]{1,8}的?$|增速|增幅|降幅|幅度|CPI|PPI|PMI|GDP|同比|环比|剪刀差|利差|增长面|通胀|LPR|DR007|R007|SHIBOR|Shibor|M[012](?!\d)|溢价|指数"
)
_CHANGE = re.compile(
    r"累计同比|周同比|周环比|月环比|季环比|年环比|当月同比|同比|环比|年增|月增|年减|(?:较|比|相比)(?:之)?(?:上年|去年|前年|上月|上周|上期|前期|前值|前一周|前一月|前月|前周|上季|同期|年初|年底|节前|20\d\d|\d{1,2}[-—至到]?\d{0,2}月)[^,。;\d%]{0,9}?(?=同期|上|下|增|减|提|回|升|降|高|低|扩|收|放|走|涨|跌|大|小|多|少|持|略|加|为|约|[+\-−\d])(?:同期)?(?:高出|低)?"
    r"|(?:与|同|和)(?:上年|去年|前年|上月|上期|上季|上周)[^,。;\d%]{0,4}?相比"
    r"|超过?(?:上年|去年)同期|(?:高于|低于)(?:上年|去年|前年|上月|上期|上季|上周)[^,。;\d%]{0,6}$"
    r"|(?:较|比)[^,。;%]{1,10}?(?=上升|下降|增加|减少|扩大|收窄|提高|提升|回落|回升|上行|下行|增长|高出|加快|放缓)"
)
_UP = (
    r"同增|增长|上升|提升|上行|增加|提高|扩大|回升|攀升|加快|上涨|上浮|上调|走高|走阔|多增|高出|高于"
    r"|反弹|抬升|爬升|跳升|成长|扩张|净投放|转正|放大|涨|(?<!新)增(?![量值速幅])|升"
)
_DOWN = (
    r"同减|下降|下滑|下行|回落|减少|收窄|降低|下跌|放缓|下调|走低|少增|低于|缩小|缩减|萎缩|收缩|净回笼|转负|亏损|预亏|跌"
    r"|(?<!起)降|减(?![排持税免值碳负灾震])"
)
_WAY = re.compile(rf"(?:{_UP}|{_DOWN})")
_FALL = re.compile(rf"(?:{_DOWN}|低)")
_LAST_WAY = presence(rf"(?:{_UP}|{_DOWN})(?=(?:了|约|近|至|到|为|超过?|逾|\s|\d)*$)")
_APART = re.compile(r"[高低](?=[了出约近]*$)")
_LINK = presence(
    r"(?:累计|合计|维持|新增|持平|(?:大体|大致|基本)(?=持平|稳定)|首次|(?:已|提前)*下达|(?:将|会|仍)有|报收|收于|现报|最新报|暂报|收报|报于|收盘|录得|(?<!下)达到?|实现|升至|降至|升到|降到|回升至|回落至|扩大至|收窄至|涨至|跌至|增至|减至|转正至|稳定|位于|处于|保持|仍|仅|只有|为|报|在|是|至|到|约|(?<!附)近|(?:[回爬跳落攀提砍压拉冲站探滑][升落]?|缩水)(?=[至到])|不?超过?了?|不[多高大]于|逾|将|共|分别|依次|:|测算值|数值|实际值|当周|当月)+(?:\+|\s)*$"
)
_REACHED = re.compile(r"(?:至|到|[^不]为|于|在)(?:了|约|近|超过?|逾|仅|\s)*$")
_TRIGGER_WORDS = (
    r"同比|环比|增速|增幅|降幅|分别|利润|人次|[元值]/|报\d|周[涨跌]|同期|ROE|操作|净回笼|净投放"
    r"|CPI|PPI|PMI|GDP|生产总值|失业|通胀|出货|订单|销量|产量|营收|收入|净利|销售|零售|价"
    r"|库存|率|社融|融资规模|贷款|存款|M[12]|出口|进口|顺差|收于|面积|指数|票房|规模|MLF|逆回购"
    r"|亏损|较上|较前|保费|装机|运量|批发|国债|专项债|成交|资金|薪|工资|许可|(?:制造业|房地产|民间|基建|总)投资|电量|务量|吐量|占[全总]|库容比"
)
#: a sentence without any of these states no figure
TRIGGER = presence(_TRIGGER_WORDS)

_PREVIOUS_WORDS = r"前值|上月为|上期为|[去上]年同期|此前|(?<!通胀)预期|市场一致|[(][^()]{1,8}(?:月|季度)?为$"
_PREVIOUS = presence(_PREVIOUS_WORDS)
#: numbers beside the figure that leave its subject as it was
_ESTIMATED = presence(rf"{_PREVIOUS_WORDS}|预估|共识")
_REFUSED = presence(
    r"年产$|[高低]点$|未(?:接到|收到|签订|签署|取得|发生)|不存在|并未|没有|否认|目标|押注|共识|讨论|考虑|剔除|破(?:了)?$|突破|逼近|站上|失守|预估|发行利率|票面利率|得标|中标|投标|协议|合同|拉动|贡献|估值|(?<![A-Za-z])P[EB](?![A-Za-z])|OPEC|市盈率|市净率|分位|(?<!通胀)预期(?!为负)|若|如果|假设|有望|不低于|每股|每上|每下|概率|关税|补贴|折扣|持股|股权|权重|评级|以上的|负担|按\d|税率|费率|首付|募资|融资额|中标|(?<!逆)回购|增持|减持|净买|净卖|净流|申购|赎回|市值|解禁|派发|派息|分红|股价|总股本|涨幅|跌幅|涨超|跌超|涨停|跌停|收涨|收跌|(?<!环比)大涨|(?<!环比)大跌|盘中|一度|单日|早盘|尾盘"
)
#: what trades at a price of its own: 现货铂金涨2%,现报1510美元/盎司
_TRADED_GOOD = re.compile(r"=F$|^(?:SHFE|LME|DCE|CZCE|INE|GFEX):")
_CONTRACT = re.compile(r"(?:主力|连续)?(?:期货|合约)*(?!\s?T\+D)")
_QUOTED = re.compile(r"[,(\s]*(?:现|最新|暂|收)?报(?:价|收|于|在)?(?:约|近)?\s*")
#: 从2.1%升至2.4%: the level before, and the one that counts
_CAME_FROM = presence(
    r"(?:(?<![服听])从|自|(?<![理缘])由)(?:[去上今前]年|同期|上月|上期|\d{1,2}月|前值|此前|之前|初值|原[先来]?|的|接近|约|近|\s)*$"
)
_NOW_AT = re.compile(
    rf"\s*(?:附近|左右|上下|上方|以上)?(?:大幅|小幅|进一步|略微?)?(?:(?:{_UP}|{_DOWN}|[上下]修|调[升降高低整])?[至到]|(?:调整|[上下]调|调[高低]?|提高|降低|[升降增减])为)(?:了|约|近)?\s*"
)
#: a statistic has a first and a final reading
_READING = re.compile(r"(?:[终初]值|修正值)\s*$")
#: what a house is quoted with: 某证券预计一季度投资…
_SAYS = r"[^,将把对]{0,8}?(?:预计|预测|认为|判断|估计|估算|指出|表示|称|料)"
_POLICY = re.compile(r"操作|投放|回笼|到期")
_OPERATION = re.compile(r"[^,。;\d]{0,3}(?:\d{1,2}(?:年|个月|天)期)?(?P<name>MLF|SLF|PSL|逆回购|买断式逆回购|国库现金定存)")
_MONEY = frozenset({"CNY", "USD", "HKD", "JPY", "EUR", "GBP"})
#: behind a rate, which way it goes: 实现8%左右的增长
_GROWN = re.compile(rf"(?:左右|上下|以上)?的(?:[^,。;\d]{{0,8}}?)(?P<way>增[长速幅]|{_UP}|{_DOWN})")
#: what a bare 亿 is money of
_OF_MONEY = re.compile(
    r"贷款|融资(?!余额占)|额度|专项债|国债|债券|资金|财政|税收|收入|支出|投资|利润|营收|票房|进出口|[进出]口总?[值额]|顺差|逆差|存款|[销成交]售?额|规模"
)
#: what says of the thing before how it splits: 其中国内5837台, 出口6771台
_PART = re.compile(r"国内|海外|内销|外销|出口|进口|内贸|外贸|内需|到期|线上|线下|新能源|纯电动|插混|自主品牌|合资品牌|存量|增量")
_DEPENDENT = re.compile(r"(?:渗透率|市占率|占比|比重|毛利率|净利率|利润率|剪刀差|增速|均价|客单价)")
_ACCOUNT = re.compile(r"(?:净利润?|利润|营收|营业收入|收入|毛利率|净利率|毛利|现金流|研发费用|销量|交付量)$")
_ACCOUNT_ONLY = re.compile(
    r"(?:单季|当季|归母|扣非|营业|合计|累计|销售|出口|进口|成交|新增|期末|社会|库存|净?利润|收入|面积|销量|产量|价格?|均价|总?额|余额|率|增速|占比|系数|份额|降幅|增幅)+"
)
_SURE_INDUSTRY = re.compile(r"运价|集装箱|挖掘机|设备出货|船舶|汽车|家电|手机|指数\([A-Z]")
#: a price of the stock market: what its index, a future on it or a share moved by is a price move, not a figure
_STOCKS = re.compile(r"指数|板块|股(?!东|份)|期指|期货|ETF|A50|大盘|道指|标普|纳指|纳斯达克|日经|沪指|成指|综指|恒指|美元")
_GOODS = re.compile(
    r"运价|干散货|价格|物价|房价|PMI|信心|景气|库存|预警|商务活动|采购经理|BDI|SCFI|CCFI|销量|产量|利润|收入|样本|订单|余额|规模|存量|比重|占"
)
#: a measure of nothing in particular
_GENERIC = re.compile(r"(?:累计|总|市场)?(?:利率|汇率|收益率|价格?|均价|销量|产量|收入|成交量|库存|订单|销售额?|市场|消费|规模)")
_TARGET = re.compile(r"到20[2-9]\d年")


@dataclass(slots=True)
class ValueContext:
    """What the clause before was about, for the clauses that go on with it."""

    subject: str = ""
    kind: str | None = None
    symbol: str | None = None
    listed: list[str] = field(default_factory=list)
    words: str = ""
    read: bool = False  # whether the number before was taken
    announcer: Span | None = None  # the company whose announcement is told


def find(plain: str, sentence: Sentence, inside: Sequence[Span], context: ValueContext) -> Iterator[Measure]:
    """Yield the figures of one sentence; ``context`` is carried on to the next of its paragraph."""
    company = context.announcer if context.announcer and goes_on(plain, sentence, context.announcer) else None
    target = _TARGET.search(plain, sentence.start, sentence.end)
    for start, end in pieces(plain, sentence, target.start() if target else sentence.end):
        found = each(plain, start, quantities(plain, start, end))
        last = start
        for run in runs(plain, found):
            gap = EACH.sub("", plain[last : run[0].start])
            told = list(_of_run(plain, start, gap, run, inside, context, company))
            context.read = bool(told)
            # 标普500上涨5%: a bare number that is no value belongs to a name
            if told or run[-1].unit or run[-1].scaled:
                last = run[-1].end
            # a number that is not understood ends what was said before it: its changes are not another subject's
            if not told and (run[0].unit or run[0].scaled) and not _ESTIMATED.search(gap) and noun(_head(gap)):
                context.subject, context.kind, context.symbol, context.listed = "", None, None, []
            yield from told
        if not found:
            _told(plain, start, end, inside, context)


def _told(plain: str, start: int, end: int, inside: Sequence[Span], context: ValueContext) -> None:
    """Let a clause without numbers that names a subject of its own end what was carried."""
    text = noun(_head(plain[start:end]))
    if _classified(text) and (_CHANGE.search(plain, start, end) or _MEASURE.search(text) or re.search("同期|基数", plain[start:end])):
        context.subject, context.kind, context.symbol, context.listed = text, _classified(text), None, []
    elif any(start <= s.start < end for s in inside):
        context.subject, context.kind, context.symbol, context.listed = "", None, None, []


def _of_run(
    plain: str, start: int, gap: str, run: list[Quantity], inside: Sequence[Span], context: ValueContext, company: Span | None
) -> Iterator[Measure]:
    first = run[0]
    if any(s.start <= first.at < s.end for s in inside) or _REFUSED.search(gap):
        return
    if first.unit == "fraction" and not first.points and re.match(r"\s?[-—~至到]\s?\d", plain[run[-1].end : run[-1].end + 3]):
        return
    quoted = _STOCKS.search(gap) and not _GOODS.search(gap) and not re.search("同比|环比|汇率|人民币", gap)
    if quoted and first.unit in {"fraction", "points", ""} and not first.scaled:
        context.subject, context.kind = "", None
        return
    operation = _OPERATION.match(plain, first.end)
    if operation and first.scaled and first.unit in {"CNY", ""}:
        context.subject, context.kind, context.symbol, context.listed = operation["name"], "macro_value", None, []
        yield Measure("macro_value", operation["name"], None, first.value, "CNY", qualifier(gap[-4:]), start, operation.end(), first.at)
        return
    change = _CHANGE.search(gap)
    ways = list(_WAY.finditer(gap, change.end() if change else 0))
    way = ways[-1] if ways else _APART.search(gap)
    if change and change.group().startswith(("高于", "低于")):  # 高于上月1.3个百分点
        if not first.points:
            return
        way = _WAY.match(gap, change.start())
    grown = _GROWN.match(plain, first.end) if way is None and first.unit == "fraction" and not first.points else None
    rate, before = first.unit == "fraction", _CAME_FROM.search(gap)
    head = _head(gap[: before.start()] if before else gap)
    if first.bound == "limit" and not context.read:
        return
    now = bool(context.read and context.words and _NOW_AT.fullmatch(gap)) or first.bound == "limit"
    house = next((s.surface for s in reversed(inside) if s.role == "source" and start <= s.start < first.start), None)
    if house is not None and (said := re.search(rf"{re.escape(house)}{_SAYS}", head)):
        head = head[said.end() :]
    subject = "" if now else noun(head)
    # 较去年同期增长18%, 由去年同期的2.8万吨: measured from the year before, and not that year's
    carried, previous = not subject, not before and bool(_PREVIOUS.search(gap[: change.start()] + gap[change.end() :] if change else gap))
    if previous:
        carried, subject = True, ""
        if not context.subject or re.search("预[期计料]|以为", gap):
            return
    own = [s for s in inside if start <= s.start < first.start and s.role != "source"]
    price = "/" in first.unit and not first.unit.endswith("/share")
    # what a company announces is of itself; the price of a good is so where it says that it is its own
    if not own and company is not None and not _ELSEWHERE.search(gap) and (not price or _OWN_PRICE.search(gap)):
        told = {s.symbol for s in inside if s.role != "source" and start > s.start and EQUITY.search(s.symbol)}
        alone = told <= {company.symbol} or _CODED.match(plain, company.end)
        own = [company] if alone or "公司" in gap else []
    if not own and first.unit.endswith("/share"):  # the price of a share is of the one company the sentence names
        companies = [s for s in inside if s.role != "source" and s.end <= first.start and EQUITY.search(s.symbol)]
        own = companies[:1] if len({s.symbol for s in companies}) == 1 else []
    kind, symbol = (None, None) if carried else _kind(subject, head, own)
    if price and re.search("补贴|上限|奖励|罚", plain[max(0, start - 80) : first.start]):
        return
    if kind is None and price and not carried:
        kind = "industry_value"
    surface = plain[own[-1].start : own[-1].end] if own else ""
    if kind == "company_value" and subject == surface and "其中" in gap and (account := _ACCOUNT.search(context.subject)):
        subject = f"{subject}{account.group()}"
    if kind == "company_value" and subject == surface and re.search("预?亏损?", gap):
        subject = f"{subject}净利润"
    if subject.endswith("净") and "亏" in gap:
        subject += "利润"
    named: list[str] = []
    plain_subject = subject.removeprefix("累计")
    if context.kind is not None and not own and subject and context.subject != subject:
        if _PART.fullmatch(subject) and (context.kind != "macro_value" or subject not in "出口进口"):
            subject, kind, symbol = f"{context.subject.split(':')[0]}:{subject}", context.kind, context.symbol
        elif context.kind == "company_value" and _ACCOUNT.search(subject):
            kind, symbol = "company_value", context.symbol
        elif _DEPENDENT.fullmatch(plain_subject) or (
            len(plain_subject) <= 4 and context.subject.endswith(plain_subject) and "进出口" not in context.subject
        ):
            root = context.subject.removesuffix(plain_subject)
            subject, kind, symbol = (root if root != context.subject else root + " ") + subject, context.kind, context.symbol
    good = next((s for s in reversed(inside) if s.end <= first.start and s.role != "source" and _TRADED_GOOD.search(s.symbol)), None)
    contract = _CONTRACT.match(plain, good.end) if good is not None and carried and price and _QUOTED.fullmatch(gap) else None
    if good is not None and contract is not None and not OTHER_NOUN.search(plain, contract.end(), first.start):
        subject, kind, symbol, carried = plain[good.start : good.end], "industry_value", good.symbol, False
    if carried:
        subject, kind, symbol, named = context.subject, context.kind, context.symbol, context.listed
    elif kind is None and "其中" in gap and context.subject not in subject and context.kind is not None:
        subject, kind = f"{context.subject} {subject}", context.kind
    elif kind is None and context.kind is not None and _ACCOUNT_ONLY.fullmatch(subject):
        subject, kind, symbol = f"{context.subject} {subject}".strip(), context.kind, context.symbol
    priced = first.unit in _MONEY and re.search(r"[利汇]率$|收益率$", subject)  # 收益率在440亿美元拍卖后走高
    if kind is None or not subject or priced or subject in {"高", "低", "附近", "左右"} or (not symbol and _GENERIC.fullmatch(subject)):
        return
    if now:
        negative = bool(re.search(r"降幅|跌幅|减幅|亏损", context.words))
        if first.unit or first.scaled:
            for one in run:
                value = -abs(one.value) if negative else one.value
                yield Measure(kind, subject, symbol, value, one.unit or "number", one.bound or "exact", start, one.end, one.at)
        return
    tail = plain[first.end : first.end + 6]
    if previous and first.unit != "fraction":
        return
    if not previous and not _accepted(gap, head, subject, change, way or grown, first, carried, tail):
        return
    if len(run) > 1 and not carried:
        named = with_measure(names(before_measure(head), len(run)))
    if not carried:
        context.subject, context.kind, context.symbol, context.listed = subject, kind, symbol, named
    if len(run) > 1 and len(named) != len(run):
        return
    if not previous:
        context.words = gap
    if drained := re.search("净回笼|净投放|到期", gap):
        root = context.subject.split(":")[0] if carried or context.subject != subject else ""
        subject = f"{root} {drained.group()}".strip()
    bare = not first.unit and not first.scaled
    sign = -1 if grown and _FALL.fullmatch(grown["way"]) else _sign(gap, way, first, rate or bare)
    flow = bool(re.search("净回笼|净投放|亏损|预亏", gap))
    changed = bool(way) and first.unit != "times" and not flow and not _REACHED.search(gap) and (first.points or not (rate or bare))
    for position, one in enumerate(run):
        whose = named[position] if len(named) == len(run) else subject
        value, unit = one.value, one.unit or ("CNY" if one.scaled and _OF_MONEY.search(whose) else "number")
        if one.unit == "times" and way is not None:
            unit = "fraction"
        if bare and _percent_meant(gap, change, subject):
            value, unit = float(f"{value / 100:.12g}"), "fraction"
        value = value if one.written.startswith(("-", "−")) else sign * value
        label = whose + (" 变动" if changed else "") + (" 前值" if previous or before else "")
        how = one.bound or qualifier(gap[max(change.end() if change else 0, len(gap) - 4) :], plain[one.end : one.end + 4])
        yield Measure(kind, label, symbol, value, unit, how, start, one.end, one.at)


def _head(gap: str) -> str:
    """Return what stands in front of the words of change and the verb."""
    change = _CHANGE.search(gap)
    head = gap[: change.start()] if change else gap
    if way := _LAST_WAY.search(head):
        head = head[: way.start()]
    head = head.strip("(), 、")
    if link := _LINK.search(head):
        head = head[: link.start()]
    return re.split(r"[;。]", head)[-1].removeprefix("将").removeprefix("较")


def _classified(text: str) -> str | None:
    if _SURE_INDUSTRY.search(text):
        return "industry_value"
    if _MACRO.search(text):
        return "macro_value"
    return "industry_value" if _INDUSTRY.search(text) else None


def _kind(subject: str, head: str, own: Sequence[Span]) -> tuple[str | None, str | None]:
    equity = next((s for s in reversed(own) if EQUITY.search(s.symbol)), None)
    if equity is not None and ("公司" in head or not re.search(r"行业|市场|CPI|PPI|PMI|GDP|散瓶|批价|原箱|飞天", head)):
        return "company_value", equity.symbol
    symbol = next((s.symbol for s in own if _TRADED_GOOD.search(s.symbol) or s.symbol == "BDI"), None)
    kind = _classified(subject)
    if symbol is not None and kind is None:
        kind = "industry_value"
    return kind, symbol


#: 甲(600001.SH):…
_CODED = re.compile(r"\s?[(][A-Z0-9.]{4,}[)]\s?:")
_OWN_PRICE = re.compile(r"公司|销售均价|平均售价|单价")
_ELSEWHERE = re.compile(
    r"(?<!公司)全球|国内(?:市场|需求|消费)|全国|我国|行业|业内|(?:^|[^公司])市场规模|国债|美债|年期(?![货权])|失业|就业|标的公司|目标公司"
)


def _accepted(
    gap: str, head: str, subject: str, change: re.Match[str] | None, way: re.Match[str] | None, one: Quantity, carried: bool, tail: str
) -> bool:
    """Tell whether a number is a value of the subject: it needs a word of change, a measure, or a verb of level in front."""
    if tail.startswith(("以上", "以下", "以内")) and not (change or way):
        return False
    if "/" in one.unit and not one.unit.endswith("/share") and not carried:
        return True
    near = gap[-8:]
    linked = bool(_LINK.search(gap) or _CAME_FROM.search(gap))
    measured = bool(_MEASURE.search(head.rstrip("("))) or bool(_MEASURE.search(subject.split(":")[0]))
    if one.unit == "fraction":
        if (
            change
            or (way and (measured or carried or _RATE_NOUN.search(head)))
            or (_RATE_NOUN.search(subject[-8:]) and (linked or measured))
        ):
            return True
        return bool(way and near and _WAY.search(near)) and bool(re.search(r"利润|收入|营收|销量|产量|额|量|价", subject))
    if not one.unit and not one.scaled:
        growth = change is not None or re.search(r"增速", gap)
        level = re.search(r"PMI|指数(?:\([^)]*\))?$|汇率|中间价|人民币$", subject) and (linked or _READING.search(gap))
        ended = not tail or tail[0] in ",。;、)和与("
        return bool(ended and (level or (growth and not re.search(r"[,;]", gap) and "." in one.written)))
    if one.unit in {"persons", "pieces"} and not one.scaled and one.value < 1000 and not (measured or carried or linked):
        return False
    if one.unit in {"companies", "accounts", "shares", "units", "lots"} and not one.scaled:
        return False
    if one.unit == "points":
        return bool(linked) and "指数" in head
    if one.unit == "times":
        return bool(way) and measured
    counted = one.unit in {"pieces", "persons", "tonnes", "m2", "kWh", "TEU", "MWh", "GWh", "GW", "m3", "barrels"} and (
        one.scaled or one.value >= 1000
    )
    return (
        measured
        or (counted and not carried)
        or (linked and not carried)
        or (carried and (bool(change) or not gap.strip(" ,(")))
        or bool(_POLICY.search(gap))
        or (bool(way) and not carried)
    )


def _percent_meant(gap: str, change: re.Match[str] | None, subject: str) -> bool:
    return bool(change or "增速" in gap) and not re.search(r"指数|PMI", subject)


def _sign(gap: str, way: re.Match[str] | None, one: Quantity, rate: bool) -> int:
    """Return the sign of growth the words in front of a number give it."""
    negative = bool(re.search(r"降幅|跌幅|亏损|净回笼|减幅", gap))
    if re.search(r"降幅|跌幅|减幅|增幅|涨幅|增速", gap) and way is not None:
        narrowed = bool(re.search(r"收窄|缩小|放缓|回落|下降|下滑|减少|降低", way.group()))
        if _REACHED.search(gap):
            return -1 if negative else 1
        return (-1 if negative else 1) * (-1 if narrowed else 1)
    if negative:
        return -1
    if way is None or _REACHED.search(gap[way.end() :]) or (not rate and _REACHED.search(gap)):
        return 1
    return -1 if _FALL.fullmatch(way.group()) else 1
