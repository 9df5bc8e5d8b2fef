"""A broker's report as a host site shows it: one long text with the site's header, footer and injected advertisements.

The site's own lines go, the report's section headings and every sentence stay. The stamp is the date of the header, else of the footer;
it is the site's, so it can be a day or two after the report was written.
"""

from __future__ import annotations

import re

from research.cleaning import is_boilerplate, language, plain, strip_inline_spam, strip_spam_lines, tidy
from research.errors import SourceError
from research.sources import Article, Rejected

__all__ = ["broker", "parse"]

_DAY = re.compile(
    r"(?<!\d)(?P<year>20\d{2})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})(?!\d)\s*日?(?:\s*(?P<clock>\d{1,2}:\d{2}(?::\d{2})?))?"
)
_LABEL = (
    "来源|文章来源|信息来源|稿源|作者|责任编辑|文章编辑|编辑|录入|发布人|发布者|发布时间|发布日期|发表时间|更新时间|更新日期|添加时间|时间|日期"
    "|阅读量?|阅读次数|浏览量?|浏览次数|点击量?|点击数|点击次数|人气|访问量?|字号|字体|栏目|所属栏目|分类|标签|当前位置|您的位置|您现在的位置|位置"
)
_COUNT = r"\d+\s*(?:次|人|条)?\s*(?:阅读|浏览|点击|评论|访问)(?:量|次数)?"
_CLOCKED = r"20\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?"
_HEADER = re.compile(
    rf"^(?:[-–—·•*|>]\s*\S.{{0,24}}|(?!0\d$)\d{{1,7}}|(?:{_LABEL})\s*[::].{{0,80}}|{_CLOCKED}|{_COUNT}"
    rf"|(?:{_CLOCKED}|{_COUNT}|\S{{1,12}})(?:\s*[|·/]?\s*(?:{_CLOCKED}|{_COUNT}|(?:{_LABEL})\s*[::]?\s*\S{{1,20}}))+"
    r"|(?:首页|主页|home)\s*(?:[>»/\\-]+\s*\S{1,20}\s*)+)$",
    re.IGNORECASE,
)
_FOOTER = re.compile(
    r"^本文由.{1,40}(?:发表|发布|转载|整理)(?:在|于|自)|^(?:本文|文章|原文)(?:链接|地址|网址)\s*[::]|^(?:发表评论|相关文章|相关阅读|猜你喜欢)\s*[::]?$"
)
#: what only the page's own last lines say
_PAGE = re.compile(
    r"本文(?:由|发布于|发表于|来自|来源|地址|链接|网址)|原文(?:地址|链接)|文章(?:来自|来源|编辑|链接|地址)|责任编辑|转载|出处|侵权|版权|免责|https?:|www\.|//\S+\.\S+"
    r"|(?<!\w)\S+\.(?:com|cn|net|org|html?)\b|icp备|icp证|公网安备|热线|联系电话|电话\s*[::]|传真\s*[::]|邮箱\s*[::]|地址\s*[::]|上一[篇条则]|下一[篇条则]"
    r"|打印|返回(?:顶部|首页|列表)|关闭窗口|tags?\s*[::标]|标签\s*[::]|在线留言|友情链接|技术支持|copyright|©|all rights"
    r"|网站地图|扫一扫|公众号|官网|有限公司|相关(?:文章|阅读|推荐|新闻|产品)"
    r"|热门(?:文章|推荐|新闻|产品)|推荐(?:阅读|文章|新闻|产品)|猜你喜欢|发表评论|最新评论|分享到|点赞|收藏",
    re.IGNORECASE,
)
_ORIGIN = re.compile(r"^(?:来源|文章来源|信息来源|稿源)\s*[::]\s*(?P<name>.{2,30})$")

_STOP = re.compile(r"[。!?;]\s*$")

#: short name in front of a team's name -> the house that publishes
_SECURITIES = """
招商 中信 海通 国泰君安 国泰海通 华泰 广发 中信建投 兴业 光大 国信 东方 申万宏源 安信 国投 东吴 天风 浙商 华西 国金
民生 国盛 开源 长江 西部 财通 东北 东兴 中泰 方正 平安 银河 中国银河 德邦 信达 太平洋 国海 华创 山西 西南 渤海
长城 国元 华安 东莞 中原 首创 华福 万联 财信 华鑫 中邮 粤开 国联 国联民生 华金 江海 湘财 诚通 甬兴 上海
"""
_HOUSES = {**{name: f"{name}证券" for name in _SECURITIES.split()}, "中金": "中金公司", "中国国际金融": "中金公司"}
_TEAMS = (
    "策略|宏观|固收|固定收益|债券|研究|研报|金工|电子|医药|证券|晨会|晨报|周报|首席|非银|传媒|计算机|汽车|食品饮料|有色|化工|军工"
    "|地产|家电|机械"
)
_HOUSE = re.compile("(?P<house>" + "|".join(sorted(_HOUSES, key=len, reverse=True)) + f")(?:{_TEAMS})")


def broker(headline: str, body: str) -> str | None:
    """Return the house that wrote a report, in simplified script, when its title or its first lines name one.

    >>> broker("招商策略:本周A股回顾", ""), broker("某周报", "正文。")
    ('招商证券', None)
    """
    for text in (plain(headline), plain(body[:400])):
        found = _HOUSE.search(text)
        if found:
            return _HOUSES[found["house"]]
    return None


def parse(text: str, source: str | None = None) -> tuple[list[Article], list[Rejected]]:
    """Read one report.

    Parameters
    ----------
    text
        The page's text: title first, then the site's header, the report, the site's footer.
    source
        Overrides the house the report names; without one it is the site's 来源 line (in simplified script), else ``"report"``.

    Returns
    -------
    articles, rejected
        One article of kind ``report``; its stamp is a day (``2024-07-29``) or a day with a time, ``None`` without any in header and footer.

    Raises
    ------
    SourceError
        When no title and no sentence is left.
    """
    script = language(text)
    lines = strip_spam_lines([line for line in tidy(text).split("\n") if line], script)
    if not lines:
        raise SourceError("A report came without a single line of its own; expected a title and paragraphs: check the file.")
    headline, rest = strip_inline_spam(lines[0], script), lines[1:]
    footer = _footer_at(rest)
    rest, tail = rest[:footer], rest[footer:]
    head = _header(rest)
    stamp = _stamp([rest[i] for i in head]) or _stamp(tail)
    origin = next((m["name"].strip() for m in (_ORIGIN.match(plain(rest[i])) for i in head) if m), None)
    own = [line for i, line in enumerate(rest) if i not in head and not is_boilerplate(line)]
    body = "\n".join(clean for line in own if (clean := strip_inline_spam(line, script)))
    name = source or broker(headline, body) or origin or "report"
    return [Article("report", name, headline, body, None, stamp)], []


def _header(lines: list[str]) -> list[int]:
    """Return which of the first lines are the site's header: metadata lines, before any sentence."""
    found: list[int] = []
    for i, line in enumerate(lines[:14]):
        bare = plain(line)
        if _HEADER.match(bare) or is_boilerplate(line):
            found.append(i)
        elif len(bare) > 30 or _STOP.search(bare):
            break
    return found


def _footer_at(lines: list[str]) -> int:
    """Return where the footer begins: its first mark in the second half of the lines, or the lines only a page ends with."""
    marked = next((i for i in range(len(lines) // 2, len(lines)) if _FOOTER.search(plain(lines[i]))), len(lines))
    at = marked
    for i in range(marked - 1, len(lines) // 2, -1):
        bare = plain(lines[i])
        if is_boilerplate(lines[i]) or (len(bare) <= 120 and _PAGE.search(bare)):
            at = i
        elif len(bare) > 24 or _STOP.search(bare) or marked - i > 12:
            break
    return at


def _stamp(lines: list[str]) -> str | None:
    for line in lines:
        found = _DAY.search(plain(line))
        if found and 1 <= int(found["month"]) <= 12 and 1 <= int(found["day"]) <= 31:
            day = f"{found['year']}-{int(found['month']):02d}-{int(found['day']):02d}"
            return f"{day} {found['clock']}" if found["clock"] else day
    return None
