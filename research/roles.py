"""What a text does with an instrument at one place: judged from the words beside the name.

Four roles, tried in this order by :func:`role_at`:

1. ``source``: a broker, agency or data vendor that is only quoted (高盛表示, 来源:Wind, analysts at UBS);
2. ``counterparty``: the other side of a deal (与华为签署, 收购SVB);
3. ``subject``: the name carries a move or an event, stands in the headline, or opens a sentence;
4. ``passing``: anything else.

Texts are expected to have gone through :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re

from research.patterns import presence

__all__ = ["agent", "corporate_cue", "currency_cue", "fund_product", "move_cue", "notice", "role_at", "run_before", "subsidiary"]

#: how many characters before and after a name are looked at
BEFORE, AFTER = 24, 60

_ASIDE = r"(?:\([^()]{0,40}\))?"
_UNIT = r"(?:集团|公司|银行|证券|国际|资管|研究院|研究所)?"
_QUALIFIER = (
    r"(?:的|旗下|首席|高级|资深|前|全球|美国|美洲|亚洲|亚太|中国|大中华区?|欧洲|日本|韩国|大宗商品"
    r"|商品|股票|外汇|宏观|利率|信贷|固收|固定收益|市场|策略|研究|经济|投资|量化|私人|财富|财富管理"
    r"|"
    r"周[一二三四五六日天]|今日|昨日|近日|日前|此前|当天|\d+日|\d+月|也|还|则|曾|又|随后|交易"
    r"|资产管理|资产|多资产|新兴市场|软件|科技|互联网|半导体|能源|医药|医疗|消费|汽车|银行|非银"
    r"|地产|电子|衍生品|金属|石油|原油|贵金属|期权|ETF|部门?|组|高管|联席|执行董事)*"
)
_SPEAKS = (
    r"(?:分析师|分析|策略师|策略家|策略主管|经济学家|研究|研报|报告|交易员|交易台|团队|主管|负责人"
    r"|基金经理|投资组合经理|总监|首席投资官|董事总经理(?=[A-Z一-鿿])|[一-鿿]{0,6}?(?:认为|指出"
    r"|预计)|认为|表示|指出|称|预计|预测|预期|预估|估计|估算|料|"
    r"数据|统计|编制|警告|提醒|建议|强调|提到|写道|维持|上调|下调|重申|给予|予以|观点|看[好多空涨跌]"
    r"|说|直言|测算|显示|补充|坦言|解释|援引|发布(?:最新)?(?:的)?(?:研究|报告|研报)|"
    r"发布[^,。:]{0,14}(?:点评|前瞻|综述|研报|策略报告|展望)|"
    r"最新(?:研报|报告|观点)|在.{0,16}(?:报告|研报|纪要|简报)|近日在|将[^,。]{0,18}(?:目标价"
    r"|评级|列入|预测|预期)|的?[^,。]{0,10}(?:分析师|策略师|经济学家|研报|交易员|预测|报告)|坚定"
    r"|力挺|唱[多空衰]|喊|(?:基金经理)?调查(?=:|显示|发现)|(?!C[EFOT]O)[A-Z][A-Za-z.'’-]+(?: [A-Z][A-Za-z.'’-]+)?:|:|：|\)?[“\"]|,“)"
)
#: one of its people speaks: 华泰的一位营业部经理, 晨星的乔恩·米尔斯说
_PERSON = (
    r"的(?:一[位名]|某位|几位)[^,。]{0,10}(?:分析师|策略师|经济学家|研究员|交易员|基金经理|老总|经理|人士|顾问)"
    r"|的[一-鿿]{1,6}·[一-鿿]{1,8}[^,。]{0,6}[,:说认指称给写预]"
)
#: its head speaks of the world: 某行CEO某某:经济将放缓; of its own affairs he speaks for it
_HEAD_SPEAKS = (
    r"(?:集团)?(?:CEO|CFO|COO|首席执行官|首席财务官|董事长|主席|总裁|行长)[一-鿿·A-Za-z\s]{0,14}:"
    r"(?![^。]{0,24}(?:我们|公司|本行|业务|营收|利润|季度|裁员|股价|部门|收购|分红|回购))"
)
_SOURCE_RIGHT = re.compile(rf"^\)?{_ASIDE}{_UNIT}{_ASIDE}{_QUALIFIER}{_SPEAKS}|^(?:{_PERSON})|^{_ASIDE}{_HEAD_SPEAKS}")
#: what is called after a company studies the world, not it: 甲金融研究院表示
_INSTITUTE_RIGHT = re.compile(
    r"^[一-龥]{0,4}(?:研究院|研究所|研究中心)[^,。;]{0,30}?(?:表示|认为|指出|称|预计|预测|数据|显示|报告|分析|建议|观点)"
)
_SOURCE_LEFT = re.compile(
    r"(?:据|根据|援引|引述|引用|参考|来自|来源[:/]?|出自|按照?|依据|截至|采访|券商|投行|(?<!辅导)(?<!保荐)(?<!承销)机构|数据商)\s*(?:《|“)?$"
    r"|(?:according to|analysts? (?:at|from)|strategists? (?:at|from)|economists? (?:at|from)"
    r"|research (?:at|from)|data from|data by|compiled by|note from|report by|cited by|told"
    r"|according to an?|(?:specialists?|managers?|traders?|director|officer|desk) at)\s+$",
    re.IGNORECASE,
)
_LEGAL = r"(?:\s(?:&\sCo|Inc|Corp|Co|Group|Plc|plc|PLC|AG|SA|NV|LLC|Ltd)\b\.?)*"
_DESK = (
    r"(?:(?:senior|chief|equity|research|market|global|U\.?S\.?|credit|rates|currency|quant|quantitative|macro|technical|commodit(?:y|ies)|investment|"
    r"fund|money|portfolio|policy|energy|oil|tech|technology|derivatives|economics|fixed-income|emerging-markets?|foreign-exchange)\s+)*"
)
_SOURCE_RIGHT_EN = re.compile(
    rf"^{_LEGAL}(?:\s(?:Securities|Research|Capital\sMarkets|Asset\sManagement|Global\sResearch))?(?:['’]s?)?\s+{_DESK}(?:analysts?"
    r"|strategists?|economists?|gurus?|traders|managers?|said|says|wrote|writes|expects?|estimates?|forecasts?|predict(?:s|ed)|recommend(?:s|ed)|"
    r"warn(?:s|ed)\sthat|see(?:s|ing)?\s|raised its|cut its|raises|cuts|upgraded|downgraded|upgrades|downgrades|reiterated|reiterates"
    r"|maintained|maintains|data|research|note|report|survey)\b"
    # one of its people: Citi's Jane Doe said, JPMorgan's Doe sees
    rf"|^{_LEGAL}['’]s?\s(?-i:[A-Z][a-z]+(?:\s[A-Z][\w'’-]+)?)\s(?:said|says|saw|sees|wrote|writes|told|expects?|argues|recommends|predicts?)\b",
    re.IGNORECASE,
)
#: what a house does itself: Goldman to use a test for hiring, Citigroup cuts jobs
_OWN_AFFAIRS_EN = re.compile(
    rf"^{_LEGAL}\s(?:(?:plans|agreed|agrees|is\sset|will|is)\s)?(?:to\s)?(?:use|using|hire|hires|hiring|hired|lay\soff|lays\soff|fire|fires|acquire[sd]?|buys?|sells?|"
    r"launch(?:es|ed)?|settle[sd]?|appoint(?:s|ed)?|promote[sd]?|(?:cuts?|eliminates?)\s(?:[\d,]+\s)?(?:jobs|staff|bonuses|pay|costs)|plead(?:s|ed)?|pays?\s(?:a\s)?[$€£\d])\b"
    rf"|^{_LEGAL}['’]?s?\s(?:profit|earnings|revenue|results|shares|stock|dividend|bonuses|layoffs|trading revenue|quarterly)\b"
)
#: figures of a firm's research arm: data from Adobe Analytics
_DATA_LEFT = re.compile(r"\b(?:data|figures|report|survey) (?:from|by)\s+$", re.IGNORECASE)
_ANALYTICS_RIGHT = re.compile(r"^\s(?:Analytics|Insights|Research)\b")
#: a house that gives a view somewhere in the sentence, or whose man speaks: 花旗更谨慎,将目标下调, 瑞穗的Dan Dolev不同意
_VIEW_RIGHT = re.compile(
    r"^[^。!?\n]{0,45}?(?:评级|目标|“(?:买入|增持|中性|卖出|减持|推荐|持有|优于大市|跑赢|跑输|与大市)|预[测期计]|认为|报告|研报|[短快点]评|调研|估算|看法"
    r"|[偏看][多空好]|谨慎|乐观|悲观|审慎|立场|[低高超]配|测算|观点|提示|提醒|概率|警告|写道|指出|直言|分析师|策略师|经济学家|交易员|该行|统计|均价|口径|态度|看来|研判|倾向于|[降升]级|持保留|点评|显示|给出|判断|喊|则?在[^,。]{0,8}表示|砍[到至])"
    r"|^[一-鿿]{0,8}的(?:[A-Z][\w'’.-]+ [A-Z]|首席|[一-鿿]{1,6}(?:分析师|策略师|经济学家|主管))"
    r"|^[一-鿿]{0,6}(?:研究部|研究团队|零售团队|团队)"
    # 高盛从4.2%提到4.8%, 瑞银把首降时点由6月改为9月, 策略首席某某把…概括为
    r"|^(?:从[\d.]+%|(?:则|也|都|均|更|索性)*(?:劝|推荐|偏好|(?:看|给)[到至]了?\s?\d|只留)|坚持[^,。]{0,10}\d)"
    r"|^[^,。;!?\n]{0,20}(?:[把将][^,。;]{2,30}|(?:时点|时间|增速)[^,。;]{0,10})(?:推迟|提前|改[为成]|上[调修]|下[调修]|调[高低升降])"
    r"|^[一-鿿]{0,6}首席[一-鿿]{2,4}(?=[把在将称说看对认指的])"
)
_OWN_AFFAIRS = re.compile(
    r"^[^,。;]{0,14}(?:裁员|任命|聘|CEO|高管|股价|业绩|营收|净利|利润|罚|诉讼|被|投行业务|交易业务|承销|保荐|辅导|托管|财报|分红|持股|持有|推出|旗下|发行|上市|牵头|担任|融资)"
    r"|^(?:集团|公司)?(?:宣布|计划|收购|出售|投资|关闭|拟|完成)"
)
#: words that make any firm, not only a known quoter, the one that speaks: 某行分析师:, analysts at X, X upgrades Y
_ANALYST_LEFT = presence(r"\b(?:analysts?|strategists?|economists?) (?:at|from|with)\s+$", re.IGNORECASE)
_ANALYST_RIGHT = re.compile(
    r"^的?(?:一[位名](?:首席|高级|资深)?|首席|高级|资深)[一-鿿]{0,10}(?:分析师|策略师|经济学家|交易员)|^(?:公司)?统计的|^报[^,。]{0,14}均价"
    r"|^(?:证券|银行|国际|资本|研究)?(?:首席)?(?:分析师(?![日大会])|策略师|经济学家)|^的(?:分析师|策略师|经济学家)(?=在|称|表示|认为|指出|写道|:)|^(?:['’]s)?\s+(?:analysts?(?!\s+days?)|strategists?|economists?)\b"
    r"|^\s+(?:upgrade[sd]?|downgrade[sd]?|initiate[sd]?|reiterate[sd]?)\s+[A-Z]"
    r"|^\s+(?:raise|cut|lift|lower|boost|trim)(?:s|d|ed)?\s+(?:its|the)\s+(?:rating|price target|target price|recommendation)\b"
)
#: picture credits and bylines make anyone a source
_CREDIT_LEFT = re.compile(r"(?:图源|图片来源|来源|供图|图片|摄影|视频来源|数据来源|资料来源|截图自|图自|图|封面来源)\s*[:/|]\s*$")
_CREDIT_RIGHT = re.compile(
    r"^(?:供图|官网截图|截图|供稿)"
    # the newsroom of a portal: 腾讯财经讯, 据网易新闻报道, 腾讯新闻《一线》从…获悉
    r"|^(?:新闻|财经|科技|证券|汽车|娱乐|体育|产业|网)(?:客户端)?(?:《[^》]{1,8}》|“[^”]{1,8}”)?"
    r"(?:(?:\d{1,2}月)?\d{1,2}日讯|讯|获悉|记者|独家|消息(?!人士)|[^,。;]{0,4}报道|从[^,。;]{2,24}(?:了解到|获悉|处))"
)

#: where an announcement is made: 在港交所公告, 于腾讯网站披露
_PLACE_LEFT, _PLACE_RIGHT = re.compile(r"[在于]$"), re.compile(r"^(?:官?网站?)?(?:上)?(?:发布|刊发|刊登)?(?:公告|披露|公布|网站)")

#: 某公司港交所公告: an exchange right behind a name is where it announces
#: where somebody lists: 登陆港交所, 三闯港交所
_VENUE = re.compile(r"[港联上深北]交所|联合交易所|香港交易所|(?:上海|深圳|北京)证券交易所|纽交所|纳斯达克")
_LISTS_LEFT = re.compile(r"(?:登[陆录]|叩[门响开]|敲开|冲[刺击]|闯关?|递表|转战|转板至?|挂牌|赴|亮相|[在于向])$")
_EXCHANGE, _NAME_LEFT = re.compile(r"[港联上深北]交所|联合交易所"), re.compile(r"[一-龥A-Za-z)](?<![的与和及])$")

_MOVE = (
    r"(?:涨|跌|猛[涨跌拉]|上涨|下跌|大涨|大跌|暴涨|暴跌|飙|重挫|急挫|下挫|走[强弱高低软]|反弹|回落|回升"
    r"|回调|收[涨跌报于低高升平]|高开|低开|涨停|跌停|跳水|新高|新低|创.{0,8}新[高低]|续[涨跌]|领[涨跌]"
    r"|微[涨跌]|转[涨跌]|止[涨跌]|抛售|[惨骤急齐普劲狂][涨跌升贬挫飙崩]|拉升|大跳水|冲[高上破]|[深“\"]{0,2}V[”\"]?[形型字]|创[^,。]{0,12}最[大佳差高低][^,。]{0,6}(?:[涨跌升]幅|表现|纪录)|腰斩|承压|企稳|首破|重[回返上夺]"
    r"|[\d一二三四五六七八九十两]?连[涨跌升降阳阴贬]|逆市|"
    r"翻红|翻绿|升至|跌至|涨至|跌破|升破|突破|站上|失守|逼近|升值|贬值|升[\d逾近约超]|[挫泻][\d逾近约超]|降\d|上行|下行|攀升|走势|[升跌涨]势|累[涨跌]|扩大[涨跌]幅|[涨跌]幅扩大"
    r"|波动|持稳|盘整|震荡|[+\-]\d+(?:\.\d+)?%|\d+(?:\.\d+)?%)"
)
_LEAD = (
    r"(?:股价|股份|个股|盘[中前后初]|夜盘|早盘|午盘|尾盘|今日|昨日|昨夜|隔夜|周[一二三四五]|本周"
    r"|当日|当天|当周|A股|H股|港股|美股|期货|期价|现货|主力|合约|指数|价格|收盘|开盘|日内|一度"
    r"|大幅|小幅|集体|持续|继续|再度|双双|剧烈|强势|快速|急速|短线|直线|显著|全线|全面|逐步|纷纷|依然|有望|或|将|于?年[底中末]前?|延续|保持|单边|[短近中长]期|同步|应声而?|随即|随之|[日周月]线"
    r"|[\d一二三四五六七八九十两]+个?[日天周月年]|"
    r"也|又|则|跟|均|分别|再|连续|近|已|先|随后|逆势|跟随|最[高低深新]|累计|年内|,|、|\d+月|\d+日|的|市值|股票|ADR|汇率)*"
)
_MOVE_RIGHT = re.compile(
    r"^\([^()]{0,10}[+\-]\d|^从[^,。]{0,10}\d[^,。]{0,12}?(?:走|升|跌|贬|涨|回|滑)|"
    rf"^{_ASIDE}{_LEAD}{_MOVE}|^\s?(?:shares?|stock|futures|prices?|index|composite)?\s?(?:rose|fell|jump|surg|leap|rebound|recover|crash|eased|dipp|popp|plummet"
    rf"|slump|plung|gain(?:ed|s|\s\d)|drop|slid|climb|tumbl|advanc|declin|soar|sank|rall|slip|lost\s\.?\d|added\s\.?\d|shed\s\.?\d|edged|ended|closed|finished|"
    rf"(?:was|were|is)\s(?:up|down|steady|flat|little\schanged|unchanged)\b|inched|ticked|nudged|crept|steadied|weaken|strengthen|increased\s\d|"
    rf"(?:fall|ris|dropp|gain|slid|slump|climb|jump|surg|plung|tumbl|soar|slipp)ing\s(?:[a-z]+\s){{0,2}}\d|traded\s(?:at|near|around|above|below)\s|"
    rf"bought\s[$€£¥\d]|hovered|held\s(?:steady|near|above|below))",
    re.IGNORECASE,
)
_MOVE_LEFT = re.compile(
    r"(?:做[多空]|干预|抛售|买入|卖出|增持|减持|推[高升动]|打压|提振|支撑|拖累|利[好空]|弱|强势|疲软的?|看[多空好]|唱[多空]|的)$"
)
_EVENT_RIGHT = re.compile(
    rf"^{_ASIDE}{_UNIT}(?:今日|昨日|周[一二三四五]|近日|日前|晚间|\d+月\d+日|\d+日|正式|首次|同时|随后|还|也|再次|已|正|目前|此前)*"
    r"(?:宣布|发布|公布|披露|公告|发行|计划|拟|将|获|推出|净利|营收|营业|业绩|财报|[一二三四]季度"
    r"|第[一二三四]季|上半年|下半年|全年|年报|年度|中报|季报|实现|遭|被|因|由于|计提|裁员|回购"
    r"|分红|派息|收购|出售|起诉|召回|停牌|复牌|"
    r"上市|退市|更名|违约|中标|签署|签订|与|以|在|凭借|面临|陷入|旗下|增资|定增|投资|建设|投产|停产|扩产|交付|销量|出货)"
    r"|^\s?(?:['’]s )?(?:announc|report|launch|plans?|will|agree|acquir|buys?|cut|rais|beat|miss"
    r"|unveil|sued|su(?:es|ing)|earnings|revenue|profit|sales)",
    re.IGNORECASE,
)
#: a deal, an issue or a suspension of its own
_OWN_DEAL_RIGHT = re.compile(
    r"^:?(?:拟|将|计划|已|完成|正式)*(?:换股|吸收合并|收购|并购|配股|定增|停牌|复牌|增发|裁员|申请(?:开展|上市)|公告|支付|缴纳|认罚)"
    r"|^(?:警告)?拖累|^(?:接|收到)[^,。]{0,12}(?:立案|告知书|罚单|[警监问][示管询]函)"
)
_TARGET_LEFT = re.compile(r"(?:查处|处罚|罚款|立案调查|起诉|约谈|突袭|责令)$")
#: punished, alone or with others: 甲证券、乙集团被处以罚款
_PUNISHED_RIGHT = re.compile(r"^(?:[、和及][一-鿿]{2,10}){0,4}(?:等)?(?:均|双双)?被(?:处以?|罚|立案|责令|证监会|顶格|采取)")
#: what a house writes of others' reports
_NOT_REVIEWED = r"(?!点评|前瞻|综述|总结|分析|研究|解读|展望|策略|预[测览期])"
_EARNINGS_RIGHT = re.compile(
    rf"^(?:(?!估算|测算|预计|认为)[^:,]){{0,6}}?(?:(?:财报|业绩|年报|季报){_NOT_REVIEWED}|"
    r"成交[额量]|换手|封板|涨停|净利|营收|营业收入|[一二三四]季度|裁员|分红|派息|回购|股价|市值|违约|罚|被(?:起诉|调查|处罚)|CEO离职|宕机|停机|故障|[重开]启交易|交易(?:中断|恢复|暂停)|(?:暂停|恢复)(?:[一-鿿]{0,4})?交易|[上下]?[调加提][^,。:]{0,12}保证金)"
    # its own report, and not what it writes about others'
    r"|^(?:今日|昨日|晚间|日前|\d{1,2}月\d{1,2}日)?(?:发布|披露|公布|公告)(?:20\d\d年)?[^,。:;]{0,10}?"
    rf"(?:财务数据|财务简报|经营数据|[年季中]报|年度报告|季度报告|业绩快报|业绩预告|营收|净利润){_NOT_REVIEWED}"
    # behind a colon only results of its own: 高盛:四季度金价 is its view
    r"|^:\s?(?:现已|已|拟|公司|累计|完成|计划|20\d\d年|前三季度|上半年|全年|第?[一二三四]季度|Q[1-4]|归母|合并|年?度){0,3}(?:净利|净亏|营收|营业收入|裁员|派息|回购)"
    r"|^:\s?(?:20\d\d年)?(?:年报|中报|半年报|[一三]季报|\d{1,2}月)(?:净利|净亏|营收|营业)"
    r"|^:\s?(?:第[一二三]大股东|控股股东|大股东|[^,。:]{0,8}?持股|[^,。:]{0,8}?(?:计划|拟|累计)?[增减]持(?:\d|不超)|因违[反规]|因被|收到|[母子]公司[^,。:]{0,12}(?:亏|净利|营收|中标|签|获|收到|拟|被)|高管[^,。:]{0,4}[增减]持|股票(?:存在|停牌|复牌|交易|将)|公司股[票东]|控股(?:股东|子公司)|涉及[^,。:]{0,14}案|被(?:责令|暂停|罚|处|判|起诉|立案))"
    r"|^:\s?(?:前[一二三]季度?|上半年|下半年|全年)(?:净利|净亏|营收)"
    r"|^:\s?预计(?:20\d\d年?|上半年|全年|前三季度|第?[一二三四]季度|年?度)+(?:归母)?(?:净利|净亏|营收)"
    r"|^:\s?(?:目前|暂时?|公司|截至目前)*(?:[暂并]?无|没有|不存在|未)[^,。:]{0,12}(?:安排|计划|情形|事项|应披露|影响)"
)
#: a house that comes with its share's code, or is the object of another's view, is itself the news
_OWN_NEWS_RIGHT = re.compile(
    r"^\((?:\d{6}\.(?:SH|SS|SZ)|0?\d{4}\.HK|[A-Z]{1,5}\.[NO])\)(?!.{0,4}(?:分析师|研报|预计(?!20\d\d年(?:年?度)?(?:归母)?净[利亏])|认为|上调|下调|将|CEO|首席|董事长|主席))|^:(?:.{2,8}将(?:该|我)?公司)"
)
_COUNTERPARTY_LEFT = presence(
    r"(?:(?<![产参给赋相])与|(?<![总呼温缓平柔])和|携手|联手|联合|收购|并购|入股|牵手|起诉|状告"
    r"|诉讼对手|控股|供货(?:给|商)?|供应(?:给|商)?|客户|合作伙伴|合作方|竞争对手|中标|预中标|向|由|被)$"
    r"|(?:acquir(?:e|es|ed|ing)|buys?|bought|with|against|sued?|sues|from|supplier to|customer)\s+$",
    re.IGNORECASE,
)
_DEAL_RIGHT = re.compile(
    r"^.{0,12}(?:达成|签署|签订|签约|合作|联合|供货|供应|采购|订单|合同|项目|工程|标段|诉讼|和解|合资|收购|并购|谈判|竞争|提供|出售|转让|起诉)|^\s"
)
#: who bought or sold the share that was just named: 甲获乙增持
_AGENT_LEFT, _HOLDS_RIGHT = re.compile(r"[获遭被由](?:得|到)?$"), re.compile(r"^[^,。;:]{0,24}?(?:[增减]持|举牌|扫货|买入|沽出|入股)")
_OPENING = frozenset('\n。!?;；！？"“「『')
_SUBSIDIARY = re.compile(
    r"^(?:财险|人寿|寿险|产险|保险|信托|租赁|理财|期货|基金|资管|创投|物业|物流|保理|小贷|消费金融"
    r"|金租|慈善|大学|大厦|总部大楼|中心|路|小区|城|店)"
)
_FUND = re.compile(r"^[一-鿿A-Za-z0-9]{0,14}?(?:ETF|REIT|LOF|QDII|FOF|联接|混合[A-C型]|债券[A-C型]|股票型|定期开放|持有期)")
_CURRENCY_RIGHT = re.compile(
    r"^(?:的)?(?:套[息利]|汇[率价市]|贬值|升值|空头|多头|头寸|霸权|疲软|强势|指数|流动性|信用"
    r"|需求|走势|政策|避险|敞口|除外|坚挺|报\s?(?:1美元兑)?\d|持平|横盘|徘徊|(?:基本|几[乎无])?(?:变动不大|没有变动|无变动|变动)|的?看[多空涨跌]|带来[^,。;]{0,4}压力|/|[^,。;:]{0,12}(?:的走势|的表现|贬值|升值)|持稳|承压|疲弱|[^,。;:\d]{0,8}(?:口头|联手|出手)?干预|一(?:天|周|夜|度|口气)[^,。;:\d]{0,6}[涨跌升贬冲]"
    r"|\d[\d.]*(?:关口|大关|一线)|在?[^,。;:\d]{0,8}(?:[升跌]破|失守|守住|逼近|重返|重回)\d)|^\s(?:weaken|strengthen|index|rall|slid|fell|rose)"
)
_COMPANY_RIGHT = re.compile(
    r"^(?:公司|股价|目标价|股份|股票|市值|财报|业绩|CEO|CFO|首席|高管|总裁|创始人|营收|净利|发布会|手机"
    r"|供应链|概念股|产业链|官网|旗下|员工|用户|门店|宣布|推出|发布|公布|披露|裁员|计划|官方|方面|集团|新品"
    r"|产品|应用|系统|芯片|\(|AI|智能|大模型|生态|股东|等\d*家?(?:公司|企业|厂商|车企|药企|品牌|巨头|同行))"
    r"|^(?:今日|昨日|近日|日前|去年|今年|随后|稍早|\d{1,2}月(?:\d{1,2}日)?|周[一二三四五六日])(?:底|初|中旬|末)?[也又曾已还则才]{0,2}"
    r"(?:宣布|公布|披露|通知|推出|发布|表示|承认|确认|警告|提价|涨价|裁员|召回|起诉|收购|关闭|停产|下调|上调|任命)"
    r"|^(?:['’]s)?\s(?:Inc\b|Corp\b|Co\b|shares\b|stock\b|CEO|CFO|Chief |chief executive|said\b|reported\b"
    r"|earnings\b|executives?\b|employees\b)"
)
#: an announcement of a listed company: 红太阳公告, 大智慧持股5%以上股东, and at the head of a sentence 金融街:全资子公司…
_WHEN = r"(?:今日|昨日|近日|日前|晚间|午间|盘后|盘前|早间|\d{1,2}月\d{1,2}日|\(?s[hz]\d{6}\)?)*"
_NOTICE_RIGHT = re.compile(
    rf"^{_WHEN}(?:公告|(?:发布|披露|发出|刊登).{{0,14}}(?:公告|预案|[年季]报|年度报告|快报|预告|报告书|数据)|披露|持股\d|控股股东|实控人|实际控制人|大股东"
    r"|(?:20\d\d年?)?(?:半?年报|[一三]季报|中报|业绩(?:快报|预告))|停牌|复牌"
    r"|(?:20\d\d年|前三季度|上半年|[一二三四]季度|半年度|年度)[^,。]{0,10}(?:净利|营收|营业|实现|预[盈亏增减计])"
    r"|向[上下]修正|[上下]修.{0,4}(?:业绩|预期)|收(?:到)?(?:[^,。;:]{0,8}(?:关注|问询|监管|警示)函|[^,。;:]{0,10}补[贴助]))"
)
_COLON_RIGHT = re.compile(
    rf"^{_WHEN}:[^。\n]{{0,40}}?(?:公司|净利|股东|拟|中标|回购|[增减]持|子公司|签[订署约]|业绩|定增|募资|股份|停牌|复牌|亿元|万元|立案|辞[职任]"
    r"|可转债|非公开发行|发明专利|批件|预[增减]|股价异动|实控人|销售额|吞吐量|备案|收购|补[贴助]|(?:关注|问询|监管|警示)函)"
)
#: 三连板某公司公告
_RAN_LEFT = presence(r"(?:[\d一二两三四五六七八九十]连板|[\d一二两三四五六七八九十]天[\d一二两三四五六七八九十]{1,2}板|涨停|跌停)的?$")
_HEAD = frozenset("\n。!?;；！？【[]】 ︱丨|")


def role_at(text: str, start: int, end: int, *, in_headline: bool, quoter: bool, views: bool = True) -> str:
    """Return the role of ``text[start:end]``.

    Parameters
    ----------
    text
        Headline, newline, body, as :func:`research.cleaning.plain` returns it.
    start, end
        The name; end exclusive.
    in_headline
        The name stands in the headline.
    quoter
        The instrument is a broker, agency, data vendor or medium: quoted more often than reported on, so that only an
        explicit move or event makes it a subject.
    views
        It is one whose view counts wherever its sentence gives one; a medium (腾讯, 百度) is quoted only beside its name.
    """
    left, right = text[max(0, start - BEFORE) : start], text[end : end + AFTER]
    if _CREDIT_LEFT.search(left) or _CREDIT_RIGHT.match(right) or _ANALYST_LEFT.search(left) or _ANALYST_RIGHT.match(right):
        return "source"
    if (_PLACE_LEFT.search(left) and _PLACE_RIGHT.match(right)) or (_ANALYTICS_RIGHT.match(right) and _DATA_LEFT.search(left)):
        return "source"
    if _EXCHANGE.fullmatch(text, start, end) and _NAME_LEFT.search(left) and _PLACE_RIGHT.match(right):
        return "source"
    if _INSTITUTE_RIGHT.match(right):
        return "source"
    if _VENUE.fullmatch(text, start, end) and _LISTS_LEFT.search(left) and not _MOVE_RIGHT.match(right):
        return "passing"
    if quoter:
        own = _MOVE_RIGHT.match(right) or _EARNINGS_RIGHT.match(right) or _OWN_NEWS_RIGHT.match(right) or _OWN_DEAL_RIGHT.match(right)
        if own or _TARGET_LEFT.search(left) or _PUNISHED_RIGHT.match(right) or _OWN_AFFAIRS_EN.match(right):
            return "subject"
        quoted = _SOURCE_RIGHT.match(right) or _SOURCE_RIGHT_EN.match(right) or _SOURCE_LEFT.search(left)
        if quoted or (views and _VIEW_RIGHT.match(right) and not _OWN_AFFAIRS.match(right)):
            return "source"
        return "counterparty" if _other_side(left, right) else "passing"
    if _other_side(left, right):
        return "counterparty"
    if in_headline or _MOVE_RIGHT.match(right) or _EVENT_RIGHT.match(right) or not left or left[-1] in _OPENING:
        return "subject"
    return "passing"


def _other_side(left: str, right: str) -> bool:
    deals = _COUNTERPARTY_LEFT.search(left) and _DEAL_RIGHT.match(right)
    return bool(deals or (agent(left) and _HOLDS_RIGHT.match(right)))


def agent(left: str) -> bool:
    """Return whether what stands before a name makes it who does something to the one named before: 甲获[乙]增持."""
    return _AGENT_LEFT.search(left) is not None


def move_cue(left: str, right: str) -> bool:
    """Return whether the words beside a name speak of its price: 美元走强, 做空日元."""
    return bool(_MOVE_RIGHT.match(right) or (_MOVE_LEFT.search(left) and not left.endswith("的")))


def currency_cue(right: str) -> bool:
    """Return whether what follows speaks of a currency rather than of an amount: 日元套息交易, 美元汇率."""
    return bool(_CURRENCY_RIGHT.match(right))


def corporate_cue(right: str) -> bool:
    """Return whether what follows speaks of a company: 苹果公司, 苹果股价, 苹果CEO."""
    return bool(_COMPANY_RIGHT.match(right))


def notice(text: str, start: int, end: int) -> bool:
    """Return whether ``text[start:end]`` is the listed company an announcement is by, and not the word it looks like.

    >>> notice("红太阳公告,拟减持", 0, 3), notice("新世界:公司拟回购股份", 0, 3), notice("新世界:未来已来", 0, 3)
    (True, True, False)
    >>> notice("三连板大智慧公告,股东减持", 3, 6), notice("谈大智慧公告", 1, 4)
    (True, False)
    """
    right = text[end : end + AFTER]
    if _NOTICE_RIGHT.match(right):
        return start == 0 or not ("一" <= text[start - 1] <= "鿿") or run_before(text, start) < start
    return (start == 0 or text[start - 1] in _HEAD) and bool(_COLON_RIGHT.match(right))


def run_before(text: str, start: int) -> int:
    """Return where the run of limit days begins that a name at ``start`` is introduced by, else ``start``: 三连板某公司."""
    ran = _RAN_LEFT.search(text, max(0, start - 6), start)
    return ran.start() if ran else start


def subsidiary(right: str) -> bool:
    """Return whether what follows makes the name another firm of the group, or a place: 比亚迪财险, 万科小区."""
    return bool(_SUBSIDIARY.match(right))


def fund_product(right: str) -> bool:
    """Return whether what follows makes the name part of a fund's: 中国铁建REIT, 平安中债ETF."""
    return bool(_FUND.match(right))
