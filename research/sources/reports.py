"""A broker's report as a host site shows it: one long text with the site's header, footer and injected advertisements.

The site's own lines go, the report's section headings and every sentence stay. The stamp is the date of the header, else of the footer;
it is the site's, so it can be a day or two after the report was written.
"""

from __future__ import annotations

import re

from research.cleaning import is_boilerplate, is_spam_line, plain, strip_inline_spam, tidy
from research.errors import SourceError
from research.sources import Article, Rejected

__all__ = ["broker", "parse"]

_DAY = re.compile(
    r"(?<!\d)(?P<year>20\d{2})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})(?!\d)\s*日?(?:\s*(?P<clock>\d{1,2}:\d{2}(?::\d{2})?))?"
)
_HEADER = re.compile(
    r"^(?:[-–—·•*|>]\s*\S.{0,24}|(?!0\d$)\d{1,7}|(?:来源|文章来源|作者|编辑|发布时间|发布日期|发表时间|时间|日期|阅读|浏览|浏览量|点击|人气|字号|栏目|分类|标签|当前位置)\s*[::].{0,60}"
    r"|20\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?|\d+\s*(?:次|人)?(?:阅读|浏览|点击|评论))$"
)
_FOOTER = re.compile(
    r"^本文由.{1,40}(?:发表|发布|转载|整理)(?:在|于|自)|^(?:本文|文章|原文)(?:链接|地址|网址)\s*[::]|^(?:发表评论|相关文章|相关阅读|猜你喜欢)\s*[::]?$"
)
_ORIGIN = re.compile(r"^(?:来源|文章来源)\s*[::]\s*(?P<name>.{2,30})$")

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
    lines = [line for line in tidy(text).split("\n") if line and not is_spam_line(line)]
    if not lines:
        raise SourceError("A report came without a single line of its own; expected a title and paragraphs: check the file.")
    headline, rest = strip_inline_spam(lines[0]), lines[1:]
    footer = _footer_at(rest)
    rest, tail = rest[:footer], rest[footer:]
    head = _header_until(rest)
    stamp = _stamp(rest[:head]) or _stamp(tail)
    origin = next((m["name"].strip() for m in map(_ORIGIN.match, map(plain, rest[:head])) if m), None)
    paragraphs = [clean for line in rest[head:] if not is_boilerplate(line) and (clean := strip_inline_spam(line))]
    body = "\n".join(paragraphs)
    name = source or broker(headline, body) or origin or "report"
    return [Article("report", name, headline, body, None, stamp)], []


def _header_until(lines: list[str]) -> int:
    """Return how many of the first lines are the site's header: metadata lines, before any sentence."""
    until = 0
    for i, line in enumerate(lines[:12]):
        bare = plain(line)
        if not (_HEADER.match(bare) or is_boilerplate(line)):
            break
        until = i + 1
    return until


def _footer_at(lines: list[str]) -> int:
    """Return where the site's footer begins: its first mark in the second half of the lines."""
    return next((i for i in range(len(lines) // 2, len(lines)) if _FOOTER.search(plain(lines[i]))), len(lines))


def _stamp(lines: list[str]) -> str | None:
    for line in lines:
        found = _DAY.search(plain(line))
        if found and 1 <= int(found["month"]) <= 12 and 1 <= int(found["day"]) <= 31:
            day = f"{found['year']}-{int(found['month']):02d}-{int(found['day']):02d}"
            return f"{day} {found['clock']}" if found["clock"] else day
    return None
