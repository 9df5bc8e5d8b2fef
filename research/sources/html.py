"""An ordinary article page: the main text without menus, and the time the page itself declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from research.cleaning import strip_boilerplate, tidy
from research.errors import SourceError
from research.sources import Article, Rejected

__all__ = ["fragment_text", "parse"]

_TIMES = (
    'meta[property="article:published_time"]', 'meta[itemprop="datePublished"]', 'meta[name="pubdate"]', 'meta[name="publishdate"]',
    'meta[name="PubDate"]', 'meta[name="publish-date"]', 'meta[name="date"]', 'meta[property="og:release_date"]',
    'time[itemprop="datePublished"]', "article time[datetime]",
)  # fmt: skip


def fragment_text(markup: str) -> str:
    """Return the text of an HTML fragment, one line a block; scripts and styles go.

    >>> fragment_text("<p>a &amp; b</p><script>x()</script><p>c</p>").split()
    ['a', '&', 'b', 'c']
    """
    if "<" not in markup and "&" not in markup:
        return markup
    from selectolax.lexbor import LexborHTMLParser

    block = r"(?i)<br\s*/?>|</(?:p|div|li|h[1-6]|tr|blockquote|section|article)\s*>"
    tree = LexborHTMLParser(re.sub(block, lambda found: found.group() + "\n", markup))
    tree.strip_tags(["script", "style", "noscript", "iframe"])
    return tree.body.text(separator="") if tree.body is not None else ""


def parse(text: str, source: str | None = None, zone: str = "Asia/Shanghai") -> tuple[list[Article], list[Rejected]]:
    """Read one article page.

    The stamp is what the page declares in its metadata (``article:published_time``, JSON-LD ``datePublished``, ``<time>``); no date is
    guessed from the address or the layout. Source: the argument, else the site's own name, else ``"html"``.

    Raises
    ------
    SourceError
        When the page holds no main text.
    """
    import trafilatura
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    found: Any = trafilatura.bare_extraction(text, include_comments=False, include_tables=False, favor_precision=True, with_metadata=True)
    body = strip_boilerplate(tidy(found.text or "")) if found is not None else ""
    headline = _headline(tree, (found.title or "") if found is not None else "")
    if not body:
        raise SourceError(
            "An HTML page came without a main text; expected an article page: check the address, or save the page after it has loaded."
        )
    lines = body.split("\n")
    if lines[0].strip() == headline:
        body = "\n".join(lines[1:])
    name = source or (found.sitename or found.hostname if found is not None else None) or "html"
    return [Article("news", name, headline, body, _address(tree), _stamp(tree), zone)], []


def _headline(tree: Any, fallback: str) -> str:
    for selector in ('meta[property="og:title"]', "h1"):
        node = tree.css_first(selector)
        value = (node.attributes.get("content") or node.text()) if node is not None else ""
        if value and tidy(value):
            return tidy(value).replace("\n", " ")
    return tidy(fallback).replace("\n", " ")


def _address(tree: Any) -> str | None:
    for selector, name in (('link[rel="canonical"]', "href"), ('meta[property="og:url"]', "content")):
        node = tree.css_first(selector)
        if node is not None and node.attributes.get(name):
            return str(node.attributes[name])
    return None


def _stamp(tree: Any) -> str | None:
    for selector in _TIMES:
        node = tree.css_first(selector)
        if node is not None:
            value = node.attributes.get("content") or node.attributes.get("datetime")
            if value:
                return str(value).strip()
    for node in tree.css('script[type="application/ld+json"]'):
        try:
            data = json.loads(node.text())
        except json.JSONDecodeError:
            continue
        stamp = next(_declared(data), None)
        if stamp:
            return stamp
    return None


def _declared(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if isinstance(data.get("datePublished"), str):
            yield data["datePublished"].strip()
        for value in data.values():
            yield from _declared(value)
    elif isinstance(data, list):
        for value in data:
            yield from _declared(value)
