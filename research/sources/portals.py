"""Text of a portal page: titles and bodies by turns, with the page's own words around them.

Nothing marks a title but its shape: a short line that does not end a sentence, followed by a long one that does. Menus, loading marks,
copyright and disclaimers are dropped; a body without a title is rejected; a title without a body is kept as a headline.
"""

from __future__ import annotations

import re

from research.cleaning import is_boilerplate, is_spam_line, plain, strip_inline_spam, tidy
from research.sources import Article, Rejected

__all__ = ["agency", "is_body", "is_headline", "parse"]

_DATELINE = re.compile(
    r"^[((【\[]?(?P<agency>[\u4e00-\u9fffA-Za-z]{2,12})?\s*(?:[\u4e00-\u9fff]{2,6})?\d{1,2}月\d{1,2}日\s*(?:讯|电|消息|报道|获悉)"
)
_ORIGIN = re.compile(r"(?<![图片])(?:来源|转自)\s*[::]\s*(?P<agency>[\u4e00-\u9fffA-Za-z0-9·]{2,16})\s*[)\])]?\s*$")
_SENTENCE_END = re.compile(r"[。!?…;][”’」』\"')\])】]*$")


def is_body(line: str) -> bool:
    """Tell whether a line has the shape of running text: long, or a whole sentence, or opened by a dateline."""
    bare = plain(line).strip()
    han = len(re.findall(r"[\u4e00-\u9fff]", bare))
    if _DATELINE.match(bare):
        return True
    if han >= 0.2 * len(bare):
        return len(bare) > 120 or bare.count("。") >= 2 or (len(bare) >= 15 and bare.endswith(("。", "。”", "。)", "。」")))
    return len(bare) > 220 or len(re.findall(r"[.!?][\"')]?\s+[A-Z]", bare)) >= 2 or (bare.endswith(".") and len(bare.split()) >= 14)


def is_headline(line: str) -> bool:
    """Tell whether a line that stands alone can be a headline: neither a menu word nor running text."""
    bare = plain(line).strip()
    if is_body(line) or is_boilerplate(line) or bare.endswith((":", "...", "…")):
        return False
    return len(re.findall(r"[\u4e00-\u9fff]", bare)) >= 6 or len(re.findall(r"[A-Za-z]{2,}", bare)) >= 4


def agency(body: str) -> str | None:
    """Return who the text says it is from, by its dateline or by the mark that closes it; ``None`` when it does not say.

    >>> agency("样例社4月20日讯(编辑 某人)周五,铜价上涨。"), agency("铜价上涨。 来源:样例新闻"), agency("铜价上涨。")
    ('样例社', '样例新闻', None)
    """
    bare = plain(body)
    opening = _DATELINE.match(bare)
    if opening and opening["agency"] and opening["agency"] not in {"今年", "去年", "当地时间", "北京时间", "截至", "美东时间"}:
        return opening["agency"]
    closing = _ORIGIN.search(bare)
    return closing["agency"] if closing else None


def parse(text: str, source: str | None = None) -> tuple[list[Article], list[Rejected]]:
    """Read the text of a portal page.

    Parameters
    ----------
    text
        The page, one title or one paragraph a line.
    source
        Overrides the agency each article names; ``"portal"`` where it names none.

    Returns
    -------
    articles, rejected
        One article a title, without stamp: the date is in the text or nowhere.
    """
    articles: list[Article] = []
    rejected: list[Rejected] = []
    title: str | None = None
    paragraphs: list[str] = []

    def close() -> None:
        if title is not None and (paragraphs or is_headline(title)):
            body = "\n".join(paragraphs)
            articles.append(Article("news", source or agency(body) or "portal", strip_inline_spam(title), strip_inline_spam(body)))

    for line in tidy(text).split("\n"):
        if not line or is_boilerplate(line) or is_spam_line(line):
            continue
        if not is_body(line):
            close()
            title, paragraphs = line, []
        elif title is None:
            reason = "A paragraph stands before the first title; expected a title line ahead of each body: add its title."
            rejected.append(Rejected(source or "portal", reason, line[:200]))
        else:
            paragraphs.append(line)
    close()
    return articles, rejected
