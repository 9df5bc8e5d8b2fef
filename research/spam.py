"""Is a piece of text an injected advertisement? Several weak signals, added up.

A word alone proves little: 博彩, 彩票 and 体育 occur in honest reports of an industry. What gives an advertisement away is
that such words come
together with promises (注册, 下载, 官网), in ornamental brackets, on a line of their own or dropped into a sentence, in the
other script than the
text around, and without a word of the text's own trade. :func:`score` adds these signals; from :data:`SPAM` on the piece is
an advertisement.

Every text here is in the form of :func:`research.cleaning.plain`.
"""

from __future__ import annotations

import re

__all__ = ["HINT", "MEDIUM_WORDS", "PROMISE_WORDS", "SPAM", "STRONG_WORDS", "is_advert", "is_honest", "score"]

#: least :func:`score` of an advertisement
SPAM = 4


def _words(words: str) -> str:
    return "|".join(sorted((re.escape(w) for w in words.split()), key=len, reverse=True))


_NUMERAL = "[一二三四五六七八九十]"
#: phrases that occur in nothing but lottery and betting advertisements
STRONG_WORDS = (
    rf"{_NUMERAL}{{1,2}}[肖码](?:[-—]*{_NUMERAL}{{1,2}}[肖码])+|{_NUMERAL}肖(?:中特|必中|必选|期期准)|必中{_NUMERAL}?[肖码]|{_NUMERAL}[肖码]中特"
    rf"|{_NUMERAL}中{_NUMERAL}特|{_NUMERAL}码{_NUMERAL}中{_NUMERAL}|六开彩|(?:澳门|香港){_NUMERAL}[肖码](?!头)|一肖|平特一?肖|精选{_NUMERAL}{{1,2}}[码肖]"
    r"|(?:想|要|了解|查看|看|获取|更多|每[日天]|今[日天]|最新|精准|推荐)*(?:(?<!客服)(?<!热线)(?<!电话)号码|心水|资料|图库|高手|论坛)[^,。;]{0,12}?(?:www\.)?[A-Za-z0-9-]{3,}\.(?:cc|com|net|vip|top|xyz|club)(?![A-Za-z])"
    r"|新(?:澳门?|奥)(?=\s*(?:资料|今晚|今天|开[奖彩码]|内部|精准|免费|彩|天天|最[快新准]|六|正版|管家婆|特|历史))"
    r"|(?<![\d.])(?:4949){1,2}\d{0,2}(?=\s*(?:澳|图|资料|开奖|正版))|(?<![\d.])7{3,6}8{3,6}(?![\d.])|"
    + _words(
        "六合彩 澳彩 天天好彩 开好彩 曾道人 跑狗图 期期准 四不像图 49图库 王中王资料 一波中特 开什么生肖 今晚开什么 博彩平台 博彩网 "
        "彩票平台 彩票网 投注平台 足球外围 开云体育 皇冠体育 AG真人 澳门资料 管家婆资料 正版资料 资料大全 送彩金 真人视讯 真人娱乐 首存优惠"
    )
)
#: words that such advertisements share with honest texts on gaming and lotteries
MEDIUM_WORDS = _words(
    "特马 特码 管家婆 开奖 博彩 彩票 六合 生肖 必中 好彩 王中王 特肖 投注 百家乐 棋牌 赌场 下注 赔率 香港马会 彩民 料大全 开码 "
    "白小姐 铁算盘 老虎机 娱乐城 真人娱乐 天天彩 跑狗 赌侠 心水论坛"
)
PROMISE_WORDS = _words(
    "资料 免费 精准 大全 正版 内部 公开 结果 查询 网站 传真 今晚 今天 晚上 今期 天天 最新 最快 最准 百分百 100% 准确 直播 注册 平台 下载 "
    "官网 开户 公式 玄机 图库 历史记录 记录 预测 推荐 澳门 香港 手机版 入口 登录 安装 长期 期期 100准 必中"
)
#: a text without any of these needs no closer look at its unbracketed clauses
HINT = re.compile(rf"{STRONG_WORDS}|{MEDIUM_WORDS}|资料|大全|号码")

_STRONG = re.compile(STRONG_WORDS)
_MEDIUM = re.compile(MEDIUM_WORDS)
_PROMISE = re.compile(PROMISE_WORDS)

#: the trade: games and bets, pornography, loans to anyone, forged papers, search engine tricks
_TRADE = re.compile(
    MEDIUM_WORDS
    + "|"
    + _words(
        "黄大仙 刘伯温 六合彩 宝典 图库 彩金 视讯 真人 捕鱼 斗地主 牛牛 炸金花 扎金花 德州扑克 麻将 时时彩 分分彩 快三 快3 PK10 pk10 赛车"
        " 北京赛车 幸运飞艇 "
        "大乐透 双色球 3D 福彩 足彩 竞彩 胆拖 杀号 滚球 盘口 外围 串关 让球 比分 大小单双 上下分 提现 返水 首存 充值 彩神 赌 赢钱 必赢 "
        "中大奖 天生赢家 娱乐场 娱乐厅 游戏厅 游戏大厅 旗舰厅 贵宾厅 皇宫 葡京 新葡京 永利 威尼斯人 金沙 太阳城 凯发 博天堂 亚博 万博 乐鱼 "
        "米乐 开云 华体会 爱游戏 九游 星空 半岛 银河娱乐 大发 彩乐 皇冠 必发 立博 威廉希尔 bet365 365bet maxbet betway 世界杯"
        " 电竞 体育投注 "
        "成人 色情 无码 有码 约炮 裸聊 援交 自拍 楼凤 情色 黄片 黄色 伦理片 一夜情 激情 少妇 "
        "无抵押 秒批 网贷 黑户 套现 包下款 下款 借钱 私服 外挂 办证 代开 发票 刷单 代写 代孕 迷药 枪支 外链 快排 站群 黑帽 灰产"
    ),
    re.IGNORECASE,
)
#: what it promises, and where
_CALL = re.compile(
    PROMISE_WORDS
    + "|"
    + _words(
        "官方网 官方 网址 网页版 APP 二维码 线路 检测中心 在线 全站 邀请码 优惠 秒到账 专家 必选 一触即发 娱乐 体育 游戏 视频 国产 秒到 "
        "客户端 导航 备用 最准 绝密 看图 链接 代理 加盟 客服 微信 QQ 送 包赔 稳赚 高清 无需 真钱 现金"
    ),
    re.IGNORECASE,
)
#: the words of a text on markets, the economy and companies, and of a page's own headings
_HONEST = re.compile(
    r"市场|行业|板块|指数|资金|估值|政策|收入|销售|销量|同比|环比|业绩|景气|产业|公司|股|债|基金|报告|经济|监管|投资|策略|复盘|配置|风险"
    r"|需求|财务|评级|大行|预期|业务|集团|年报|季报|机构|数据|主题|观点|要点|提要|摘要|利润|亿|央行|上市|涨|跌|研究|证券|银行|财经|新闻|公告|评论|增长|下降|万[辆台吨]"
)
_BRAND = re.compile(r"[A-Za-z]{1,8}\d|\d{2,}(?![\d.年月日%])|(?<![A-Za-z])(?:AG|KY|BET|VIP|CC|NET|TOP)(?![A-Za-z])", re.IGNORECASE)


def is_advert(run: str) -> bool:
    """Tell whether a run of words is an advertisement for a lottery or for bets, by its words alone.

    >>> is_advert("澳门一肖一码100准"), is_advert("澳门博彩毛收入")
    (True, False)
    """
    if _STRONG.search(run):
        return True
    words, promises = len(set(_MEDIUM.findall(run))), len(set(_PROMISE.findall(run)))
    return (words >= 1 and promises >= 2) or (promises >= 3 and bool(re.search("[澳肖码彩]", run)))


def is_honest(text: str) -> bool:
    """Tell whether a piece has a word of a text on markets or companies, or of a page's own headings.

    >>> is_honest("核心观点"), is_honest("某地厅百家乐打法")
    (True, False)
    """
    return bool(_HONEST.search(text))


def score(text: str, *, foreign: bool = False, alone: bool = False, bracketed: bool = False, dropped: bool = False) -> int:
    """Return how much speaks for an advertisement; :data:`SPAM` and more is one.

    Parameters
    ----------
    text
        What stands between the brackets, or the whole line.
    foreign
        It is in the other script (simplified, traditional) than the document.
    alone
        It is a line of its own.
    bracketed
        It stands in ornamental brackets.
    dropped
        It interrupts a sentence.

    >>> score("双色球专家杀号", bracketed=True, alone=True) >= SPAM, score("核心观点", bracketed=True, alone=True) >= SPAM
    (True, False)
    """
    trade, calls = len(set(_TRADE.findall(text))), len(set(_CALL.findall(text)))
    words = 3 * bool(_STRONG.search(text)) + 2 * min(trade, 2) + min(calls, 2)
    if not words and not (foreign and bracketed and (alone or dropped)):
        return 0
    signals = bool(_BRAND.search(text)) + alone + bracketed + dropped + 2 * foreign
    return words + signals - 3 * min(2, len(set(_HONEST.findall(text))))
