"""The words stated moves are made of: expressions of a move, what may stand beside it, what forbids it, which time it spans.

Used by :mod:`research.moves`, which decides whose move an expression is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from research.numbers import NUMBER, PERCENT, QUALIFIERS, number, qualifier
from research.patterns import Finder, presence
from research.sentences import Sentence

__all__ = [
    "CUE",
    "EN_FILLER",
    "EN_OF_FIGURES",
    "EN_REFUSED",
    "FILLER",
    "FRAME",
    "HYPOTHETICAL",
    "JOINER",
    "OF_CURRENCY",
    "OTHER_NOUN",
    "PERCENT_SIGN",
    "PREPOSITION",
    "PRICE_NOUN",
    "PRICE_ONLY",
    "REFUSED",
    "TRADED",
    "WEAK",
    "YEAR_ON_YEAR",
    "Expression",
    "expressions",
]


def _any(words: str) -> str:
    """Return an alternation of blank-separated words or fragments, in the order given."""
    return "|".join(words.split())


# ---------------------------------------------------------------- words of motion
_UP = _any(
    "上涨 收涨 (?<!最)大涨 暴涨 狂涨 飙涨 微涨 累涨 领涨 跳涨 急涨 猛涨 疯涨 劲涨 开涨 续涨 反涨 回涨 普涨 齐涨 涨幅 升幅 涨势 涨 "
    "抽高 抽升 高收 暴拉 猛拉 (?<!狂)飙(?![升涨高]) "
    "攀高 走扬 弹升 微升 小升 齐升 跟升 领升 续升 倒升 跟涨 补涨 冲涨 齐扬 上攻 上冲 飙升 飚升 急升 劲升 跃升 蹿升 窜升 跳升 反升 "
    "收升 收高 高开 "
    "反弹 走高 走强 拉升 冲高 狂飙 上扬 攀升 回升 上升 上行 升值 升 "
)
_DOWN = _any(
    "下跌 收跌 (?<!最)大跌 暴跌 狂跌 急跌 微跌 累跌 领跌 崩跌 猛跌 闪跌 开跌 续跌 反跌 普跌 齐跌 阴跌 跌幅 降幅 跌势 跌 "
    "跟跌 补跌 倒跌 低收 回吐 (?<!低)走跌 滑跌 下泻 重挫 下挫 收挫 急挫 暴挫 大挫 挫 "
    "跳水 闪崩 崩盘 崩(?![跌盘溃塌]) 砸[掉下]去? 贬(?!值) 插水 俯冲 狂泻 暴泻 急泻 泻 "
    "收低 低开 回撤 回调 "
    "走低 走弱 走软 回落 下滑 滑落 下行 下探 贬值 掉"
)
#: words that move numbers of any kind; they count only right behind an instrument or the word for its price
WEAK = frozenset(_any("攀升 回升 上升 上行 升 升幅 降幅 回落 下滑 下行 回撤 走高 走低 走强 走弱 走软 滑落 掉").split("|"))
#: words that speak of trading, so that the number beside them is that of a price though its clause names none
TRADED = re.compile(
    r"收[涨跌高低挫升]|收盘|收市|盘[前后中]|[尾早午夜]盘|午后|开盘|截至发稿|一度|该股|股价|单日|一天|(?:今[天日]|昨[天日]|周[一二三四五])(?:在\S{2,6})?[涨跌升]"
)
#: words that move a currency only
OF_CURRENCY = frozenset(["升值", "贬值", "贬"])
#: English words that move figures of any kind; of a share they tell of a figure without its name
EN_OF_FIGURES = frozenset(["increased", "decreased", "strengthened", "strengthening", "weakened", "weakening"])

_EN_UP = _any(
    "rose rises rise rising risen gained gains gain gaining jumped jumps jump jumping surged surges surge surging climbed climbs climb "
    "climbing soared soars soar soaring rallied rallies rally rallying advanced advances advance added adds leapt leaps spiked spikes "
    "popped pops skyrocketed skyrockets rocketed rebounded rebounds rebounding bounced roared galloped vaulted leaped recovered recouped "
    "strengthened strengthening increased up higher"
)
_EN_DOWN = _any(
    "fell falls fall falling fallen dropped drops drop dropping slid slides slide sliding slipped slips slip slipping sank sinks sink "
    "sinking plunged plunges plunge plunging tumbled tumbles tumble tumbling declined declines decline declining lost loses lose losing "
    "shed sheds shedding slumped slumps slump slumping dipped dips dip eased eases crashed crashes plummeted plummets retreated retreats "
    "cratered craters tanked nosedived skidded sagged swooned weakened weakening decreased "
    "(?<=was\\s)off (?<=were\\s)off (?<=is\\s)off (?<=are\\s)off (?<=[(])off down lower"
)
_EN_RISES = re.compile(rf"(?:{_EN_UP})$", re.IGNORECASE)
CUE = presence(
    rf"{_UP}|{_DOWN}|[涨跌]停|封板|[-+−]\d|\b(?:{_EN_UP}|{_EN_DOWN}|gainers|risers|winners|advancers|decliners|losers|fallers|laggards|loss(?:es)?|"
    r"rebound|bounce|dip|retreat|rout|sell-?off)\b",
    re.IGNORECASE,
)
PERCENT_SIGN = re.compile(  # the first character is one of a set, which is passed over fast
    r"[%个0pP一二两三四五六七八九](?:(?<=%)|(?<=个)点|(?<=0)[cC][mM]|(?<=[pP])[eE][rR]\s?[cC][eE][nN][tT]|(?<=[一二两三四五六七八九])成)"
)

# ---------------------------------------------------------------- expressions
_MONEY = "美元|港元|人民币|元|美分|便士|日元|欧元"
_POINTS = rf"(?:{NUMBER}(?:个?点|{_MONEY})(?:/[盎司桶吨克股]+)?[,或、\s(]*(?:涨幅|跌幅|升幅|幅度)?)?"
_REACH = _any(
    "了 去 掉 出 幅 度 已 均 都 也 亦 则 同样 已经 分别 依次 各 仅 只有 只剩 只 不过 不足 不到 为 在 达到 达 触及 触达 "
    "定格在 定格于 收在 扩大至 扩大到 收窄至 收窄到 回落至 回落到 缩小至 缩小到 缩窄至 缩至 缩到 仍有 仍达 仍 至 一度"
)
#: "跌幅最小,仅0.3%"
_RANK = r"(?:(?<=幅)(?:最[大小高深]|居[前首]|垫底),)?"
_ADVERB = rf"(?:{_REACH}|{QUALIFIERS}|\s)*"
_LIST = rf"(?:(?:、|,|和|与|及|以及)\s*(?:和|及)?\s*{QUALIFIERS}?[-+]?{NUMBER}{PERCENT})*"
_ZH = Finder.of(
    rf"(?P<verb>{_UP}|{_DOWN})(?P<adverb>{_RANK}{_ADVERB}{_POINTS}{_ADVERB})"
    rf"(?P<values>[-+−]?{NUMBER}{PERCENT}{_LIST})(?P<after>以上|左右|上下|多)?"
)
#: "12.4%的单日暴跌", "录得近3%的涨幅"
_NOUN = Finder.of(
    rf"(?P<adverb>(?:{QUALIFIERS})?)(?P<values>{NUMBER}{PERCENT})(?P<after>以上|左右|上下)?的(?:单日|日内|当日|盘中|盘后|盘前|收盘|最大|巨大|惊人)*"
    r"(?P<verb>[暴大下急崩]跌|[暴大上急]涨|[涨跌]幅|闪崩|跳水|回调|反弹)(?!的?(?:空间|风险|概率|可能|目标|预期|潜力|门槛|限制|上限|股票|个股))"
)
_LIMIT = Finder.of(
    rf"(?:(?P<values>{NUMBER}{PERCENT})|(?<!\d)(?P<board>[123]0)[cC][mM])\s?(?:的?幅度|的)?(?P<verb>[涨跌]停|封板|封死?[涨跌]停)(?!板?[的价幅限制线])"
)
#: 跌幅一路扩大,收盘定格在28.51%
_SETTLED = Finder.of(
    rf"(?P<verb>[涨跌]幅)(?P<adverb>[^,。;%\d]{{0,8}},(?:最终|终盘|收盘|尾盘)*(?:定格[在于为]|停在))(?P<values>{NUMBER}{PERCENT})"
)
#: 涨停幅度为20%, 跌停(20%)
_LIMIT_OF = re.compile(rf"(?P<verb>[涨跌]停)(?:板)?(?:,?\s?(?:涨停|跌停)?幅度?(?:为|达)?|\()\s?(?P<values>{NUMBER}{PERCENT})")
#: 跌逾三成, 大跌近四成半
_TENTHS = Finder.of(
    rf"(?P<verb>{_UP}|{_DOWN})(?P<adverb>{_ADVERB})(?P<tenths>[一二两三四五六七八九])成(?:(?P<half>半)|(?P<tenth>[一二三四五六七八九]))?(?P<after>以上|左右|上下|多)?(?=$|[,。;:!?、\s)”\n])"
)
_BRACKET = re.compile(rf"[(](?P<inner>[^()%]{{0,24}}?)(?P<sign>[-+−]|涨|跌)(?P<word>超|近|约|逾)?(?P<digits>{NUMBER}){PERCENT}[)]")
#: 一度跌超5%,随后收窄至0.9%: the way of the move before
_NARROWED = Finder.of(
    rf"(?P<verb>(?<!幅)(?<!幅已)(?:收窄|扩大)[至到]|收盘却?[只仅]剩)(?P<adverb>(?:{QUALIFIERS})?)(?P<values>{NUMBER}{PERCENT})"
)
_NEAR_BEFORE = 30
_SHORT_OF = re.compile(r"不足|不到")
_SIZE = re.compile(r"([涨跌升降])幅")
_FALLS = re.compile(r"跌|崩|跳水|回调")
_ONE = re.compile(rf"[-+−]?({NUMBER}|\.\d+){PERCENT}")
_EN_NUMBER = rf"(?:{NUMBER}|\.\d+)"
_EN = re.compile(
    rf"\b(?P<verb>{_EN_UP}|{_EN_DOWN})"
    rf"(?P<adverb>(?:\s+(?:sharply|further|modestly|slightly|early|{QUALIFIERS}|\$?\d[\d,.]*(?:\s(?:points?|cents|pence))?,?(?:\sor)?))*)"
    rf"\s+(?P<values>{_EN_NUMBER}{PERCENT}(?:(?:,| and|, and) {_EN_NUMBER}{PERCENT})*)",
    re.IGNORECASE,
)
_EN_NOUNS = (
    "gain|rise|jump|rally|surge|advance|climb|rebound|bounce|"
    "drop|fall|decline|slide|plunge|slump|tumble|selloff|sell-off|loss|dip|retreat|rout"
)
#: behind "a 5% drop": nothing that says what of
_EN_ALONE = (
    r"(?=[,.;:)\"”]|\s?$|\s(?:on|this|last|so\sfar|since|yesterday|today|(?:Mon|Tues|Wednes|Thurs|Fri)day|while|and|but|was|were|to\sclose|"
    r"after|as|amid|(?:in|during|for)\s(?:the\s(?:day|session|week|month|quarter|year|past|last|previous)|\w+\strading|London|Tokyo|New\sYork))\b)"
)
#: a 5% drop in (Apple shares); (Apple's) 5% drop on Friday; a gain of 5%
_EN_NOUN = re.compile(
    rf"(?P<adverb>(?:{QUALIFIERS}\s)?)(?P<values>{_EN_NUMBER}{PERCENT})\s(?:intraday\s|one-day\s|daily\s)?"
    rf"(?P<verb>{_EN_NOUNS})(?:(?P<into>\s(?:in|for)(?:\sthe)?\s(?!(?:day|session|week|month|quarter|year|past|last|previous)\b))|{_EN_ALONE})",
    re.IGNORECASE,
)
_EN_NOUN_OF = re.compile(
    rf"\b(?P<verb>{_EN_NOUNS})\sof\s(?P<adverb>(?:{QUALIFIERS}\s)?)(?P<values>{_EN_NUMBER}{PERCENT}){_EN_ALONE}", re.IGNORECASE
)
#: the gainers included A (2.2 percent), B (1.9 percent)
_EN_HEAD = re.compile(
    r"\b(?:(?P<up>gainers?|risers?|winners?|advancers?|gains)|(?:decliners?|losers?|fallers?|laggards?|losses))\b[^.;()]*?"
    r"(?:\b(?:includ(?:ed|es?|ing)|were|are|was|is|like|such\sas)\b|:)",
    re.IGNORECASE,
)
_EN_LISTED = re.compile(rf"[(](?:[A-Z.:\s]{{1,14}}[,;]\s)?(?P<values>{_EN_NUMBER}{PERCENT})[)]", re.IGNORECASE)
_EN_GAIN = re.compile(r"gain|rise|jump|rally|surge|advance|climb|rebound|bounce", re.IGNORECASE)
_EN_AFTER = re.compile(
    rf"\b(?:clos(?:ed?|es|ing)|settl(?:ed|ing)|end(?:ed|s)?|finish(?:ed|es)?|trad(?:ed?|ing|es)|was|were|is|are|opened|edged|inched|ticked|crept|moved)(?P<adverb>(?:\s+{QUALIFIERS})*)"
    rf"\s+(?P<values>{_EN_NUMBER}{PERCENT})\s+(?P<verb>higher|lower|up|down)\b",
    re.IGNORECASE,
)

# ---------------------------------------------------------------- what may stand between an instrument and its move
_PLACE = r"(?:个?点|美元|港元|人民币|元|欧元|英镑|日元|美分|便士)"
FILLER = re.compile(
    _any(
        "(?:刚刚?)?(?:创下?)?(?:收盘|盘中|历史|年内|阶段)*新[高低]后 开盘后 盘[前后] 全[天日] 一天(?:之?内)? 一开盘 结算价 反倒 倒 微 余 "
        "本身 亦 在[美港AH]股(?=$|[收一盘大早尾上下涨跌]) 在(?=\\d{1,2}日) 最低 "
        "放榜后 的(?=[常正][规式常]交易时段) 夜里 (?:触及|封住|收获|以)(?=$|\\d) [美欧亚]盘(?:时段)? 可是 前一[晚夜天日] 终盘 "
        "[早尾]段 分(?=[涨跌升挫]) 逆着?大[市盘] 同步 勉强 "
        "那[天日] 同一时段 今(?=收) 高(?=收) 续(?=[涨跌]) 期指 (?:北京|纽约|当地)时间(?:\\d{1,2}[时点:]\\d{0,2})? "
        "(?:盘中)?(?:刷新|创下?|改写)(?:历史)?(?:纪录|记录|新高|新低)后 "
        "[摸触][到及][涨跌]停板?后(?:打开|开板)? [跟伴]?[着随](?:大盘|大市|板块|美股|市场) "
        "只剩 仅剩 录得 即(?=$|[涨跌遭高低大暴]) 还(?=$|[涨跌大小收微暴]) 记者 半日 财报次日 闻讯 "
        "(?:盘后)?交易结束 此后 其后 有所 [涨跌]幅(?=有所|进一步|[收扩]) "
        "(?:收盘)?拉升 回升 反弹 回落 跳水 翻[红绿] 的(?=$|最|单日|盘中|日内|当日|累计|[AH港美澳]股(?![民市东])) "
        "在?(?:纽约|纳斯达克|纽交所|伦敦|东京|首尔|台北|香港|巴黎|法兰克福|苏黎世|阿姆斯特丹|米兰|马德里|"
        "斯德哥尔摩|哥本哈根|多伦多|悉尼|孟买|欧洲|美国)(?:市场|股市|证交所|交易所|上市)?(?=$|"
        "[收涨跌升挫高低大暴一盘早尾午开报劲急微小下上首周又反逆也仍]) "
        "(?:在?(?:夜盘|盘前|盘后|早盘|午盘)的?交易时?段?[里中]) [从自较距][^,。;%]{0,10}(?:高点|低点|高位|低位|峰值) "
        "(?:已|先后)?(?:抹平|抹去|回吐|收复)了?(?:此前|日内|盘中|早盘|稍早|全部|大部分|部分|近半|所有)*的?(?:[涨跌升降]幅|失地)后? "
        "探底回升 触底反弹 冲高回落 高开高走 低开低走 高开低走 低开高走 延续[涨跌]势 窄幅 迅速 快速 盘初 "
        "(?:公布|发布)?财报后 绩后 前[天日](?!高|低) 最新 目前 当前 现(?!货) "
        "反而 同样 更是 甚至 倒是 依[然旧] 自[身己家] 它们? 其中? 代币 优先股 普通股 [小大中]盘股 次一?日 翌日 首日 当晚 凌晨 晚间 "
        "录得 创下 (?:常规|正式|正常)?交易时段 常规时段 24小时内? "
        "(?:纽约|伦敦|东京|亚[洲市太]|欧[洲市]|美[市国])(?:[尾早午夜]盘|时段|盘中|盘初) 仅 只 才 便 就 先 后 曾 竟 更 股价 股份 股票 "
        "[A-D]类(?:普通股|股票?)? 同日 同期 早前 早些时候 当季 单季 此前(?=常规|正常|正式|收|盘|[亚欧美][洲盘市]|纽约|伦敦|一度) "
        "起初 午前 逆势 整体 总体 初步 至多 放量 缩量 调整 重新 转[为而] 最后 维持 夜期 暗盘 IPO 挂牌(?=$|首日|当[天日]) "
        "价格 币价 期价 指数 期货 期铜 现货 主力 合约 连续 主连 综合 [AG]DRs? ADS [HAB]股 [美港台欧韩日英德澳]股 "
        "夜盘 日盘(?![前后中初]) 亚盘 盘中 盘前 盘后 尾盘 "
        "早盘 午盘 午后 白天 亚[盘市] 到了 进一步 一路(?:[涨跌]到)? 全[月年] 今晨 圣诞[日节] 上市(?=$|首日|当[天日]) "
        "开盘 收盘 收市后? 当即 截至 截止 发稿 一度 仍然? 继续 再度 再次 再 又 也 则 却 均 都 已经? 双双 齐齐? 集体 全线 合计 "
        "(?:下午|午后)?复牌后 截稿时? 在(?=周[一二三四五六日]) [一两三四五六七八九十]+(?:年|个月|周)[里内间来] 那一?周 "
        "周内 月内 当月 单月 [上下]半年 [一二三四]季度? 电子盘 的?存托凭证 "
        "领[涨跌](?:亚[太洲]|欧洲|全球|[A港美]股|大盘|市场|板块)(?:股市|市场)?(?=$|[收上下大暴]?[涨跌]) "
        "普遍 多数 分别 依次 各 纷纷 日内 当日 当天 当周 今日 今天 昨日 昨天 昨夜 昨晚 今早 隔夜 一夜 一日 近日 "
        "(?:本周|上周|周|星期)[一二三四五六日天] 本周 上周 一周 全周 累计 年内 今年以来 今年 去年 年初至今 以来 迄今 本月 日 最多 最大 "
        "最高 最深 单日 大幅 小幅 微幅 震荡 应声 随后 随即 短线 直线 强势 走势 走高 走强 走低 走弱 冲高 高开高走 低开低走 由涨转跌 "
        "由跌转涨 转涨 转跌 转 率先 小 大 劲 狂 暴 猛 崩 收报?于? 报收?于? 报价 每[吨桶盎司克股] (?:较|比)?(?:前|上)一?个?交易日 较 "
        "集团 控股 公司 有限 最终 至少 [两三四五六七八九十](?:[日天]|个交易日) 午间 半日市? 中午 涨停 跌停 封板 幅度? 扩大 收窄 逆[市势] "
        "[较比](?:其|首次公开募股|IPO)?的?(?:发行价|招股价|发售价|IPO价|定价)(?:格|区间)?"
    )
    + rf"|(?:上涨|下跌|涨|跌){NUMBER}(?:个?点|美元|港元|元|美分)|{NUMBER}\s?{_PLACE}?(?:/(?:盎司|桶|吨|克|股))?"
    + r"|(?:A/S|Oyj|ASA|(?i:inc|plc|corp|co|ltd))\b|-[A-Z]{1,2}(?![A-Za-z])"
    + r"|[(][^()]*[)]?|[月年点时分许号]|[\s,.:、\"“”'‘’《》/)+\-•·]"
)
EN_FILLER = re.compile(
    r"\b(?:"
    + _any(
        r"shares? stocks? stock\s+price share\s+price prices? index indexes indices averages benchmarks gauges futures adrs? ads "
        r"inc corp ltd plc co group holdings on in the an? "
        r"early late premarket pre-market after-hours afterhours after hours trading trade session today monday tuesday wednesday thursday "
        r"friday yesterday overnight morning afternoon which that had has have were was is are also both all each respectively closed "
        r"crude oil bullion "
        r"closing settled little\s+changed steady flat unchanged "
        r"last recently of\s(?:smaller|small|large|big)[a-z\s-]{0,14}(?:stocks|companies|shares) "
        r"ended finished traded opened composite average at\s+one\s+point briefly meanwhile initially sharply to as its listed "
        r"hong\s+kong us u\.s\. new\s+york this week month year tech-heavy blue-chip broader small-cap pan-european listed edged inched "
        r"ticked nudged crept earlier later then now before reversed paring erasing intraday midday third second straight day running"
    )
    + r")\b|\([A-Z][A-Z.:\s]{0,13}\)|'s?|[\s,.()\d%:;\"“”+-]",
    re.IGNORECASE,
)
PREPOSITION = re.compile(
    r"(?:的?股价)?(?:已经?|则|却|也|均|都|便|更|仍|又|反而)?(?:在|因|受|于|自|从|随|将|由|较|比|经|"
    r"以(?![太色及来下上外内])|继|遭|创|被|凭|借|伴|跟随|距)"
)
PRICE_NOUN = re.compile(r"(?:股价(?!指数)|该股|股份|股票|币价|金价|银价|铜价|油价|期价|价格|收盘价)[^,]{0,12}$")
PRICE_ONLY = re.compile(
    r"(?<![一-龥])股份(?=[\d今昨于早午尾收]|[停复]牌)|该[股行]|该(?:指数|合约|币)|其[AH港美]股|公司[AH]股|该公司|股价(?!指数)|股票|币价|它"
    r"|[前后]者|the stock|its shares|the shares|shares",
    re.IGNORECASE,
)
OTHER_NOUN = re.compile(
    r"(?P<noun>[^\s,.:、()【】<>\"“”。;•]{1,24}?(?:指数|板块|概念股?|行业|ETF|股市|大盘|股指|全A|个股|类股|期货|合约|T\+D))"
    r"(?=$|[^一-龥]|[收盘午早尾一日本当周今昨隔累全由集普]|[涨跌下上大暴])"
)
FRAME = re.compile(r"(?:方面|来看|之下|其中|此外|与此同时|消息面上)$")
JOINER = re.compile(
    r"(?:股份|集团|控股|股价|指数|公司|[(][^()]*[)]|[A-Z]股|(?:Inc|Corp|Co|Ltd|Plc|plc|PLC|AG|SA|SE|NV|Holdings?|Group)\b\.?|[\s\"”“》《])*"
    r"(?:、(?:[^、,。;%\d]{1,14}、)*|[和与及]|以及|/|\s*(?:,\s*and|and|,|&)\s*)(?:[和与及]|\s)*(?:the\s)?"
)

# ---------------------------------------------------------------- what forbids reading a number as a move of a price
REFUSED = re.compile(
    _any(
        "同比 环比 年率 营收 营业 收入 净利 利润 盈利 亏损 销量 销售 出货 产量 产能 订单 用户 客户 客流 票房 CPI PPI GDP PMI 通胀 "
        "物价 房价 租金 电价 运价 收益率 利率 利差 汇率中间价 毛利 费用 成本 保费 费率 赔付 指引 目标价 占比 比例 份额 渗透率 "
        "增速 增长 总市值 估值 市盈率 溢价 折价 保证金 限制 库存 关税 税率 薪 工资 就业 失业 人数 预算 支出 投资 敞口 仓位 "
        r"成交[额量] 换手 偏离值 目标 产值 贸易 出口 进口 需求 供应 供给 不良 息差 拨备 覆盖率 负债率 充足率 利用率 开工率 持仓 PE\b PB\b"
    ),
    re.IGNORECASE,
)
EN_REFUSED = re.compile(
    r"\b(?:"
    + _any(
        r"revenues? sales profits? income earnings margins? yields? eps guidance inflation cpi gdp pmi year[-\s]over[-\s]year "
        r"from\s+a\s+year year\s+on\s+year deliveries shipments output production costs? spending capex orders volumes? users "
        r"subscribers dividend market\s+share stake tariffs? rates? price\s+target target workforce staff jobs unemployment exports? "
        r"imports? demand forecast bookings cash debt"
    )
    + r")\b",
    re.IGNORECASE,
)
YEAR_ON_YEAR = re.compile(
    r"\s*(?:year[- ](?:over|on)[- ]year|yoy|y/y|from a year|from the (?:same|previous|prior)|compared with|a year\b|"
    r"(?:over|in|by) the (?:next|coming|end)\b|"
    r"next (?:year|quarter|month|week)\b)",
    re.IGNORECASE,
)
HYPOTHETICAL = re.compile(
    r"若|如果|假如|倘若|一旦|假设|料(?!理)|预计|预期将|预测|料将|或将|有望|可能|恐将|恐|需|目标价?|(?<!展)望|"
    r"\b(?:if|would|could|may|might|will|should|expects?|expected|forecasts?|predicts?|potential|sees?(?=\s[^,.]{1,30}\s(?:ris|fall|climb|gain|drop)ing))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Expression:
    """One wording of a move: ``values`` are (signed fraction, offset of its digits); ``bracket`` is the form ``(+6.23%)``."""

    start: int
    end: int
    values: tuple[tuple[float, int], ...]
    qualifier: str
    verb: str
    english: bool
    bracket: bool = False


def expressions(plain: str, sentence: Sentence) -> list[Expression]:
    """Return the expressions of a sentence in order, not overlapping."""
    found: list[Expression] = []
    for match in _ZH.finditer(plain, sentence.start, sentence.end):
        # 上扬至59.20美元,跌幅收窄至0.3%: the last word says which way the number goes
        size = _SIZE.findall(match["adverb"])
        sign = -1.0 if (size[-1] in "跌降" if size else re.fullmatch(_DOWN, match["verb"])) else 1.0
        words = "over" if plain[match.start() - 2 : match.start()] == "至少" else qualifier(match["adverb"], match["after"] or "")
        words = "near" if _SHORT_OF.search(match["adverb"]) else words
        found.append(Expression(match.start(), match.end(), _values(match, sign), words, match["verb"], False))
    for match in _SETTLED.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if match["verb"] == "跌幅" else 1.0
        found.append(Expression(match.start(), match.end(), _values(match, sign), "exact", match["verb"], False))
    for match in _NOUN.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if _FALLS.search(match["verb"]) else 1.0
        words = qualifier(match["adverb"], match["after"] or "")
        found.append(Expression(match.start(), match.end(), _values(match, sign), words, match["verb"], False))
    for match in _LIMIT.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if "跌停" in match["verb"] else 1.0
        digits = "values" if match["values"] else "board"
        value = ((_fraction(match[digits].rstrip("% "), sign), match.start(digits)),)
        found.append(Expression(match.start(), match.end(), value, "limit", match["verb"], False))
    for match in _LIMIT_OF.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if match["verb"] == "跌停" else 1.0
        value = ((_fraction(match["values"].rstrip("% "), sign), match.start("values")),)
        found.append(Expression(match.start(), match.end(), value, "limit", match["verb"], False))
    for match in _TENTHS.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if re.fullmatch(_DOWN, match["verb"]) else 1.0
        digits, unit = "零一二三四五六七八九", match["tenths"].replace("两", "二")
        tenths = digits.find(unit) * 10 + (5 if match["half"] else digits.find(match["tenth"] or "零"))
        words = qualifier(match["adverb"], match["after"] or "")
        value = ((sign * tenths / 100, match.start("tenths")),)
        found.append(Expression(match.start(), match.end(), value, "about" if words == "exact" else words, match["verb"], False))
    for match in _NARROWED.finditer(plain, sentence.start, sentence.end):
        before = max((e for e in found if e.end <= match.start()), key=lambda e: e.end, default=None)
        if before is None or match.start() - before.end > _NEAR_BEFORE:
            continue
        sign = 1.0 if before.values[-1][0] > 0 else -1.0
        found.append(Expression(match.start(), match.end(), _values(match, sign), qualifier(match["adverb"]), match["verb"], False))
    for match in _BRACKET.finditer(plain, sentence.start, sentence.end):
        sign = -1.0 if match["sign"] in {"-", "−", "跌"} else 1.0
        value = ((_fraction(match["digits"], sign), match.start("digits")),)
        found.append(Expression(match.start(), match.end(), value, qualifier(match["word"] or ""), match["sign"], False, True))
    if not plain.isascii() and not re.search(r"[a-z]{3} ", plain[sentence.start : sentence.end]):
        return _apart(found)
    for pattern in (_EN, _EN_AFTER):
        for match in pattern.finditer(plain, sentence.start, sentence.end):
            sign = 1.0 if _EN_RISES.fullmatch(match["verb"]) else -1.0
            words = qualifier(match["adverb"])
            found.append(Expression(match.start(), match.end(), _values(match, sign), words, match["verb"].lower(), True))
    for pattern in (_EN_NOUN, _EN_NOUN_OF):
        for match in pattern.finditer(plain, sentence.start, sentence.end):
            sign = 1.0 if _EN_GAIN.fullmatch(match["verb"]) else -1.0
            kind = "in" if match.groupdict().get("into") else "of"
            found.append(Expression(match.start(), match.end(), _values(match, sign), qualifier(match["adverb"]), kind, True))
    head = _EN_HEAD.search(plain, sentence.start, sentence.end) if "(" in plain[sentence.start : sentence.end] else None
    if head:
        for match in _EN_LISTED.finditer(plain, head.end(), sentence.end):
            found.append(Expression(match.start(), match.end(), _values(match, 1.0 if head["up"] else -1.0), "exact", "listed", True))
    return _apart(found)


def _apart(found: list[Expression]) -> list[Expression]:
    found.sort(key=lambda e: (e.start, -e.end))
    kept: list[Expression] = []
    for expression in found:
        if kept and expression.start < kept[-1].end:
            if expression.bracket and not kept[-1].bracket:
                kept[-1] = expression
            continue
        kept.append(expression)
    return kept


def _values(match: re.Match[str], sign: float) -> tuple[tuple[float, int], ...]:
    base = match.start("values")
    return tuple((_fraction(one[1], sign), base + one.start(1)) for one in _ONE.finditer(match["values"]))


def _fraction(digits: str, sign: float) -> float:
    # Rounding undoes the binary noise of the division: 2.51 % is 0.0251 and nothing else.
    return sign * float(f"{number(digits) / 100:.10g}")
