"""Text as it should have come: one script, one width, no boilerplate, no injected spam.

Two kinds of function live here and must not be mixed:

- :func:`plain` keeps the length, so that offsets found in its result hold in the original; everything that searches a text searches this;
- :func:`strip_boilerplate`, :func:`strip_spam_lines`, :func:`strip_inline_spam` and :func:`tidy` shorten a text before it becomes a
  document.

Spam is recognised by features (see :mod:`research.spam`), in either script, never by a particular site.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from research import spam
from research.patterns import presence

__all__ = [
    "is_boilerplate",
    "is_spam_line",
    "language",
    "plain",
    "squash",
    "squash_codes",
    "strip_boilerplate",
    "strip_inline_spam",
    "strip_spam_lines",
    "tidy",
]

_SPACES = (0x00A0, 0x1680, *range(0x2000, 0x200C), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)
#: characters that conversions put for another one: the wrong 陜 of 陕西
_MISTAKEN = {"陜": "陕"}
_CJK = ((0x3400, 0xA000), (0xF900, 0xFB00), (0x20000, 0x2FA20))


def plain(text: str) -> str:
    r"""Return ``text`` in simplified script and half width, character by character.

    Traditional characters become simplified ones, full-width ASCII becomes half-width, no-break, ideographic and zero-width
    spaces become a space. The result has exactly as many characters as ``text``, and ``plain(plain(t)) == plain(t)``.

    Characters are mapped one at a time (OpenCC ``t2s`` without its phrases), so a name such as 乾照光电 also changes:
    compare names after applying :func:`plain` to both sides.

    >>> plain("招商策略:A股漲1.5%\u3000")
    '招商策略:A股涨1.5% '
    """
    if text.isascii():
        return text
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    turned: bytes = _plain_table()[codes].tobytes()
    return turned.decode("utf-32-le", "surrogatepass")


def squash(text: str) -> str:
    """Return only the letters and digits of ``plain(text)``, in lower case: what two copies of a text share.

    >>> squash("“道指” 漲 0.56%!")
    '道指涨056'
    """
    return squash_codes(text).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def squash_codes(text: str) -> npt.NDArray[np.uint32]:
    """Return the code points of :func:`squash`, for whoever hashes them."""
    codes = _squash_table()[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")]
    kept: npt.NDArray[np.uint32] = codes[codes != 0]
    return kept


def language(text: str) -> str:
    """Return ``zh-Hans``, ``zh-Hant`` or ``en``.

    Chinese when there are at least as many Han characters as Latin words; traditional when characters that only the traditional
    script has outnumber those that only the simplified script has.

    >>> [language(t) for t in ("Llama 3发布,亮点在于小模型", "本週北向資金淨流出", "Tencent (腾讯) rose 3 % in Hong Kong")]
    ['zh-Hans', 'zh-Hant', 'en']
    """
    if text.isascii():
        return "en"
    codes = np.frombuffer(text[:20_000].encode("utf-32-le", "surrogatepass"), dtype="<u4")
    script = _script_table()[codes]
    han = int(np.count_nonzero(script))
    if han == 0 or han < len(re.findall(r"[A-Za-z]{2,}", text[:20_000])):
        return "en"
    return "zh-Hant" if np.count_nonzero(script == 2) > np.count_nonzero(script == 3) else "zh-Hans"


def tidy(text: str) -> str:
    r"""Return ``text`` with one kind of line end, no zero-width or control characters, no blank lines and no spaces around lines.

    >>> tidy("a \r\n\r\n  b\u200bc")
    'a\nbc'
    """
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line for line in (part.strip() for part in text.split("\n")) if line)


def is_boilerplate(line: str) -> bool:
    """Tell whether a whole line belongs to the page and not to an article.

    Menus, loading marks, copyright, disclaimers, invitations to download an app, links to the previous and the next article.
    A sentence that merely mentions such a word is not boilerplate.
    """
    return _of_page(plain(line).strip())


def _of_page(bare: str) -> bool:
    return bool(_OF_PAGE.match(bare) or _PAGE_ENDS.search(bare))


def strip_boilerplate(text: str) -> str:
    r"""Return ``text`` (one line a paragraph) without the lines that :func:`is_boilerplate` recognises and the list of links at its end.

    >>> strip_boilerplate("A robot was shown.\nMore from our desk:\nApple unveils a watch\nWhy Snap fell")
    'A robot was shown.'
    """
    simplified, at, kept = plain(text), 0, []
    for line in text.split("\n"):
        if not _of_page(simplified[at : at + len(line)].strip()):
            kept.append(line)
        at += len(line) + 1
    heads = [i for i, line in enumerate(kept) if i and _TEASERS.match(line)]
    end = next((i for i in heads if not any(_STOP.search(line) for line in kept[i + 1 :])), len(kept))
    return "\n".join(kept[:end]).strip()


def is_spam_line(line: str, script: str | None = None) -> bool:
    """Tell whether a whole line is an injected link or advertisement.

    A line is spam when it is nothing but bracketed links closed by a bar, or when :func:`research.spam.score` says so of its bracketed
    pieces or of the whole line, or when gambling phrases make up most of it. Section marks such as 【核心观点】 and sentences about gaming
    companies are not. ``script`` is the :func:`language` of the document, where the caller knows it.
    """
    bare = _spam_form(line).strip()
    if not bare:
        return False
    if _LINK_LINE.fullmatch(bare):
        return True
    if _BRACKETED_LINE.fullmatch(bare):
        pieces = _PIECE.findall(bare)
        scores = [spam.score(piece, foreign=_foreign(line, script), alone=True, bracketed=True) for piece in pieces]
        return spam.is_advert(bare) or max(scores, default=0) >= spam.SPAM
    if len(bare) <= 40 and not _SENTENCE.search(bare) and spam.score(bare, foreign=_foreign(line, script), alone=True) >= spam.SPAM + 3:
        return True
    runs = [m for m in _RUN.finditer(bare) if spam.is_advert(m.group())]
    covered = sum(len(re.sub(r"\W", "", m.group())) for m in runs)
    return bool(runs) and covered >= 0.7 * len(re.sub(r"\W", "", bare))


def strip_spam_lines(lines: list[str], script: str | None = None) -> list[str]:
    """Return ``lines`` without the advertisements: those of :func:`is_spam_line`, and the doubtful ones that stand among them.

    Advertisements are injected in blocks. Short lines without a sentence that stand between two of them, or beside one with a word
    of the trade, are more of the kind, unless they have a word of the text's own trade.

    >>> strip_spam_lines(["六合彩心水特码网", "某地厅百家乐打法", "北京赛车PK10计划群", "核心观点"])
    ['核心观点']
    """
    told = [is_spam_line(line, script) for line in lines]
    if not any(told):
        return lines
    forms = [_spam_form(line) for line in lines]
    titles = [
        i for i, form in enumerate(forms) if not told[i] and len(form) <= 40 and not _SENTENCE.search(form) and not spam.is_honest(form)
    ]
    beside = {i for i in titles if spam.score(forms[i], foreign=_foreign(lines[i], script), alone=True) >= spam.SPAM - 1}
    for step, order in ((1, titles), (-1, titles[::-1])):
        for i in order:
            told[i] = told[i] or (i in beside and 0 <= i - step < len(lines) and told[i - step])
    known, short = [i for i, one in enumerate(told) if one], set(titles)
    for low, high in pairwise(known):
        if short.issuperset(range(low + 1, high)):
            told[low:high] = [True] * (high - low)
    return [line for line, is_one in zip(lines, told, strict=True) if not is_one]


def strip_inline_spam(text: str, script: str | None = None) -> str:
    """Return ``text`` without advertisements inside its lines; every other character stays.

    Bracketed advertisements go whole, runs of gambling phrases go with the clause they fill; a clause that says something else as well
    loses only the run. ``script`` is the :func:`language` of the document, where the caller knows it.
    """
    if not _SUSPECT.search(text) and not spam.HINT.search(_spam_form(text)):
        return text
    return "\n".join(_without_spam(line, script) for line in text.split("\n"))


def _without_spam(line: str, script: str | None) -> str:
    form = _spam_form(line)
    cut = []
    for match in _BRACKETED.finditer(form):
        # A bracketed section mark ahead of a whole paragraph is short; a bracket that swallows a paragraph is not an advertisement.
        if match.end() - match.start() > 60:
            continue
        inner = match.group().strip("【】[]〖〗「」『』《》()|〓◆★■●◇ ")
        ornament = match.group()[0] in "【〖〓◆★■◇[" and match.group().rstrip("| ")[-1] in "】〗〓◆★■◇]"
        foreign = _foreign(line[match.start() : match.end()], script)
        dropped = match.start() > 0 and form[match.start() - 1] not in "。!?"
        quoting = match.group()[0] in "《「『"
        if spam.is_advert(match.group()) or (
            not quoting and spam.score(inner, foreign=foreign, bracketed=ornament, dropped=dropped) >= spam.SPAM
        ):
            cut.append(match.span())
    for clause in _CLAUSE.finditer(form) if spam.HINT.search(form) else ():
        if any(a <= clause.start() and clause.end() <= b for a, b in cut):
            continue
        runs = [m.span() for m in _RUN.finditer(form, clause.start(), clause.end()) if spam.is_advert(m.group())]
        if not runs:
            continue
        left = len(re.sub(r"\W", "", clause.group())) - sum(len(re.sub(r"\W", "", form[a:b])) for a, b in runs)
        cut += [clause.span()] if left <= 3 else runs
    if not cut:
        return line
    pieces, at = [], 0
    for start, end in sorted(cut):
        pieces.append(line[at : max(at, start)])
        at = max(at, end)
    pieces.append(line[at:])
    return re.sub(r"\s*\|\s*(?=\||$)", "", "".join(pieces)).strip()


def _foreign(piece: str, script: str | None) -> bool:
    """Tell whether a piece is written in the other script than its document."""
    if script not in {"zh-Hans", "zh-Hant"}:
        return False
    codes = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    kinds = _script_table()[codes]
    traditional, simplified = int(np.count_nonzero(kinds == 2)), int(np.count_nonzero(kinds == 3))
    return simplified > traditional if script == "zh-Hant" else traditional > simplified


def _spam_form(text: str) -> str:
    # Look-alikes are part of the trade: 2O24 with a letter for the zero.
    return re.sub(r"(?<=\d)[Oo](?=\d)", "0", plain(text))


_NUMERAL = "[一二三四五六七八九十]"
_RUN = re.compile(
    rf"(?:{spam.STRONG_WORDS}|{spam.MEDIUM_WORDS}|{spam.PROMISE_WORDS}|新澳|新奥|开什么|{_NUMERAL}[肖码特]|{_NUMERAL}中(?=[-—\s\d]|$)|(?<=\d)准|[肖码](?=[-—\s\d]|$)|[-—_|·\s]|\d+[年期版码]?|的(?=资料|网站))+"
)

_SUSPECT = re.compile(r"[【\[〖(（［〓◆★■◇]")
_BRACKETED = re.compile(
    r"[【\[〖「『(《][^【】\[\]〖〗「」『』()《》\n]{2,60}[】\]〗」』)》](?:\s*\|)?|([〓◆★■◇])\s?[^〓◆★■◇。,;\n]{2,40}\1"
)
_PIECE = re.compile(r"[^【】\[\]〖〗「」『』〓◆★■●◇|]{2,60}")
_BRACKETED_LINE = re.compile(
    r"(?:[【\[〖「『][^【】\[\]〖〗「」『』\n]{2,60}[】\]〗」』]\s*\|?\s*)+|[〓◆★■●◇]+[^〓◆★■●◇\n]{2,60}[〓◆★■●◇]+"
)
_LINK_LINE = re.compile(r"(?:[【\[〖][^【】\[\]〖〗\n]{2,60}[】\]〗]\s*\|\s*)+(?:[【\[〖][^【】\[\]〖〗\n]{2,60}[】\]〗])?")
_SENTENCE = re.compile(r"[。;?!,]")
_CLAUSE = re.compile(r"[^,。;!?\n,;!?]+[,。;!?,;!?]?")

_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2028\u2029\u2060\ufeff]")

#: whole lines, after :func:`plain`, that belong to the page, by how they begin
_OF_PAGE = re.compile(
    "|".join(
        (
            r"(?:行业|头条|新闻|文章|栏目|全部|热门|资讯|内容|频道)?分类\s*[::]?$",
            r"(?:正在)?(?:加载|载入|loading)(?:中|更多)?\s*[.…。]*$",
            r"(?:点击)?(?:查看|加载|阅读|展开)(?:更多|全文|全部|原文)\s*[.…>»]*$",
            r"(?:首页|上一页|下一页|末页|返回(?:首页|顶部|列表)?|登录|注册|搜索|更多|分享(?:到.{0,10})?|打印|收藏|关闭|点赞|评论|举报|广告|推广|导航|目录)$",
            r"(?:相关(?:文章|阅读|推荐|新闻|资讯)|热门(?:文章|推荐|评论|搜索)|推荐阅读|猜你喜欢|发表评论|网友评论|最新评论|评论列表|友情链接|联系我们|关于我们|标签)\s*[::]?$",
            r"(?:上一[篇条则]|下一[篇条则]|前一篇|后一篇)\s*[::]",
            r"(?:[【\[<(〖]?(?:打印(?:此页|本页|文章)?|返回(?:顶部|首页|列表|上页|上一页)|关闭(?:窗口|本页)?|加入收藏|收藏(?:此页|本文)?|推荐给好友|分享(?:到[^】\]]{0,10})?|字号[^】\]]{0,8}|大|中|小)[】\]>)〗]?[\s|·/]*)+$",
            r"(?:tags?|tag标签|标签|关键[词字])\s*(?:标签)?\s*[::]",
            r"(?:本文|文章|内容|图文|信息)?(?:来自|来源于?|转自|摘自|整理自)(?:于)?(?:互联)?网络?[,。;]?[^。]{0,30}(?:侵权|版权|联系|删除)",
            r"(?:服务热线|咨询热线|客服热线|联系电话|电话|传真|邮箱|地址|邮编|qq|微信)\s*[::].{0,60}$",
            r"(?:版权所有|copyright|©|\(c\)\s*\d{4}|all rights reserved)",
            r"[【\[(]?(?:免责声明|免责条款|版权声明|法律声明|特别声明|风险提示及免责条款|郑重声明|disclaimer)[】\])]?\s*(?:[::]|$)",
            r"市场有风险,投资需谨慎。本文不构成",
            r"(?:以上)?(?:本文|内容|文章)(?:来自|来源于|源自|转自|转载自|首发于|由)[^。]{1,40}(?:下载|app|查看更多|关注)[^。]{0,20}。?$",
            r"(?:更多[^。]{0,20})?(?:欢迎|立即|请|点击|扫码|长按)(?:识别|扫描)?[^。]{0,20}(?:下载|关注|订阅|打开)[^。]{0,30}(?:app|公众号|客户端|二维码|查看更多|微信|小程序)[^。]{0,20}[。!]?$",
            r"本文由[^。]{1,40}(?:发表|发布|转载|整理)(?:在|于|自)",
            r"(?:本文|文章|原文|转载请注明)?(?:链接|地址|网址|出处)\s*[::]\s*\S*(?:/|\.)\S*$",
            r"read more\s*[.…»]*$",
            r"(?:read (?:more|next)|also read|see also|related|don['’]t miss|more)\s?:\s\S.{5,160}[^.。\s]$",
            r"(?:to contact the (?:reporters?|editors?|authors?) |--\s?with assistance (?:from|by) |for more articles like this)",
            r"\((?:(?:reporting|writing) by|updates?) ",
            r"[a-z.]{1,6} quotes? by tradingview$",
            r"(?:the post .{1,200} appeared first on .{1,80}|sign up (?:for|to) .{0,60}newsletter.{0,40}|continue reading)\s*[.…»]*$",
        )
    ),
    re.IGNORECASE,
)
#: what ends a line of the page, whatever stands before it
_PAGE_ENDS = presence(
    r"(?:如有侵权|若有侵权|侵权)[^。]{0,12}(?:联系|删除|告知)[^。]{0,60}[。!]?\s*\S{0,60}$"
    r"|(?:icp备|icp证|公网安备)[^。]{0,60}$",
    re.IGNORECASE,
)


#: what heads a list of links to other articles; a line of such a list is no sentence
_TEASERS = re.compile(
    r"(?:more(?: from [^.:]{1,40}| stories| news| coverage)?:|read (?:more|next|also)|see also|"
    r"related(?: (?:stories|articles|coverage|reading))?|(?:[\w ]{1,20} )?top (?:deals|stories)|trending(?: right)?(?: now)?|"
    r"recommended(?: for you)?|you (?:may|might) also like|most (?:read|popular)):?$",
    re.IGNORECASE,
)
_STOP = re.compile(r"[.。!][\"”’)]*$")


@lru_cache(maxsize=1)
def _plain_table() -> npt.NDArray[np.uint32]:
    """Return the character table of :func:`plain`: code point in, code point out."""
    table = np.arange(0x110000, dtype=np.uint32)
    for code, other in zip(*_converted("t2s"), strict=True):
        table[code] = other
    for code in (*range(0xFE50, 0xFE70), *range(0xFF01, 0xFF5F), *range(0xFFE0, 0xFFE7)):
        narrow = unicodedata.normalize("NFKC", chr(code))
        if len(narrow) == 1:
            table[code] = ord(narrow)
    for wrong, right in _MISTAKEN.items():
        table[ord(wrong)] = ord(right)
    table[list(_SPACES)] = 0x20
    # Once more through the table, so that applying it twice changes nothing.
    return table[table]


@lru_cache(maxsize=1)
def _squash_table() -> npt.NDArray[np.uint32]:
    """Return the character table of :func:`squash`: 0 for what it drops."""
    folded = np.array([ord(c.lower()[0]) if (c := chr(code)).isalnum() else 0 for code in range(0x110000)], dtype=np.uint32)
    return folded[_plain_table()]


@lru_cache(maxsize=1)
def _script_table() -> npt.NDArray[np.uint8]:
    """Return 0 for what is not Han, 1 for Han of both scripts, 2 for traditional only, 3 for simplified only."""
    table = np.zeros(0x110000, dtype=np.uint8)
    for low, high in _CJK:
        table[low:high] = 1
    traditional, _ = _converted("t2s")
    simplified, _ = _converted("s2t")
    table[simplified] = 3
    table[traditional] = 2
    return table


def _converted(direction: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    import opencc

    codes = np.concatenate([np.arange(low, high, dtype=np.uint32) for low, high in _CJK])
    converter: Any = opencc.OpenCC(direction)
    # One character a line: the phrase dictionaries, which change lengths, never apply.
    turned = converter.convert("\n".join(map(chr, codes.tolist()))).split("\n")
    others = np.array([ord(c) if len(c) == 1 else code for c, code in zip(turned, codes.tolist(), strict=True)], dtype=np.uint32)
    changed = others != codes
    return codes[changed], others[changed]
