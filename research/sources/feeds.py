"""RSS and Atom feeds: the XML itself, and the text that is left of a feed whose tags were stripped.

A stripped dump reads::

    channel url language <![CDATA[ title ]]> address body … ]]>
    author Fri, 06 Feb 2026 08:38:03 +0800
    <![CDATA[ next title ]]> …

One ``<![CDATA[`` opens an item but two ``]]>`` stand in it; a further ``]]>`` may occur inside a body, and the date follows the body.
An item therefore ends at the last terminator that a date follows before the next title.
"""

from __future__ import annotations

import io
import re
from email.utils import parsedate_to_datetime
from typing import Any

from research.cleaning import plain, strip_boilerplate, tidy
from research.errors import SourceError
from research.sources import Article, Rejected
from research.sources.html import fragment_text

__all__ = ["parse_dump", "parse_xml"]

_ITEM = re.compile(r"<!\[CDATA\[[ \t]*(?P<title>[^\n]{1,400}?)[ \t]*\]\]>\s*(?P<url>https?://[^\s<>\"']+)")
_DATE = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d{1,2} [A-Z][a-z]{2,8} \d{4} \d{2}:\d{2}(?::\d{2})? (?:[+-]\d{2}:?\d{2}|GMT|UTC|Z|[ECMP][SD]T)"
_ISO = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[ ]?[+-]\d{2}:?\d{2})"
_END = re.compile(rf"\]\]>\s*(?P<author>[^\n<>]{{0,120}}?)\s*(?P<date>{_DATE}|{_ISO})(?![\d:])")
_CHANNEL = re.compile(r"(?P<name>\S[^\n<>]{0,120}?)\s+(?P<url>https?://\S+)(?:\s+(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z]{2,8})?))?\s*$")
#: exactly midnight at an offset, in RFC 822 or ISO 8601
_MIDNIGHT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2}|(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4})[T ]00:00(?::00(?:\.0+)?)?\s*"
    r"(?:Z|GMT|UTC|(?P<sign>[+-])(?P<hours>\d{2}):?00)"
)
#: a numeric character reference
_REFERENCE = re.compile(rb"&#([xX][0-9a-fA-F]{1,16}|[0-9]{1,20});")


def parse_dump(text: str, source: str | None = None) -> tuple[list[Article], list[Rejected]]:
    """Read a stripped feed.

    Parameters
    ----------
    text
        The dump; several channels may follow each other.
    source
        Overrides the channel's name.

    Returns
    -------
    articles, rejected
        Articles in the order of the text, their stamps as literal RFC 822 or ISO strings. An item without its terminator or without
        a date at the end of the text was cut: it is rejected with a reason. An item inside the text whose date is missing is kept
        without a stamp.

    Raises
    ------
    SourceError
        When the text holds no item at all.
    """
    starts = list(_ITEM.finditer(text))
    if not starts and "<![CDATA[" in text:
        reason = "The feed ends inside its first item, before title and address were whole; fetch the feed again."
        return [], [Rejected(source or "feed", reason, text.strip()[:200])]
    if not starts:
        raise SourceError(
            "A feed dump came without any item; expected '<![CDATA[ title ]]> address body ]]> author date': check the format."
        )
    articles: list[Article] = []
    rejected: list[Rejected] = []
    channel = _channel(text[: starts[0].start()]) or source or "feed"
    for i, start in enumerate(starts):
        last = i + 1 == len(starts)
        chunk = text[start.end() : len(text) if last else starts[i + 1].start()]
        ends = list(_END.finditer(chunk))
        name = source or channel
        if ends:
            end = ends[-1]
            articles.append(_article(start, chunk[: end.start()], name, end["date"]))
            rest = chunk[end.end() :].strip()
            channel = _channel(rest) or channel
            if last and rest:
                rejected.append(
                    Rejected(name, "The feed ends inside an item: its title, text or date is cut off; fetch the feed again.", rest[:200])
                )
        elif last or "]]>" not in chunk:
            reason = f"The item {start['title']!r} ends without ']]> author date': it was cut off; fetch the feed again."
            rejected.append(Rejected(name, reason, (start["title"] + "\n" + chunk.strip())[:200]))
        else:
            body, _, _ = chunk.rpartition("]]>")
            articles.append(_article(start, body, name, None))
    return articles, rejected


def parse_xml(data: bytes, source: str | None = None) -> tuple[list[Article], list[Rejected]]:
    """Read RSS 0.9–2.0, RDF or Atom.

    Entities, external ones above all, are refused before anything is parsed for content. A feed that was cut off yields its whole
    items; what remains is rejected with a reason. Markup inside an item becomes text.

    Raises
    ------
    SourceError
        For a document that declares entities, or that is no feed.
    """
    import feedparser

    data = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    data, cut = _whole_items(_REFERENCE.sub(_possible, data))
    # A stream, because feedparser takes a bare string for an address or a file name first.
    try:
        parsed: Any = feedparser.parse(io.BytesIO(data), sanitize_html=True, resolve_relative_uris=False)
    except (ValueError, OverflowError, AssertionError) as error:  # its lenient parser raises on markup it cannot make sense of
        raise SourceError(f"The feed cannot be read ({str(error)[:80]}); expected RSS or Atom: fetch it again.") from None
    if not parsed.get("version") and not parsed.entries:
        raise SourceError("An XML document came that is neither RSS nor Atom; expected <rss>, <rdf:RDF> or <feed>: check the address.")
    name = source or tidy(fragment_text(parsed.feed.get("title", ""))) or "feed"
    articles: list[Article] = []
    rejected: list[Rejected] = [Rejected(name, cut[0], cut[1])] if cut else []
    for entry in parsed.entries:
        headline = tidy(fragment_text(entry.get("title", ""))).replace("\n", " ")
        body = strip_boilerplate(tidy(fragment_text(_content(entry))))
        if not headline and not body:
            rejected.append(
                Rejected(name, "A feed item came without title and text; expected at least one of them.", str(dict(entry))[:200])
            )
            continue
        stamp, zone = _claimed(str(entry.get("published") or entry.get("updated") or entry.get("created") or ""))
        articles.append(Article("news", name, headline, "" if body == headline else body, entry.get("link") or None, stamp, zone))
    return articles, rejected


def _claimed(stamp: str) -> tuple[str | None, str]:
    """Return the time an item claims and its zone; midnight is how a feed writes a day, which counts from its end and not its beginning."""
    text = stamp.strip()
    midnight = _MIDNIGHT.fullmatch(text)
    if midnight is None:
        return text or None, "Asia/Shanghai"
    sign, hours = midnight["sign"], int(midnight["hours"] or 0)
    # The names of the fixed zones have the sign the other way round; past twelve hours they are not all there.
    zone = "UTC" if hours == 0 or hours > 12 else f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"
    try:
        day = text[:10] if text[:4].isdigit() else parsedate_to_datetime(text).date().isoformat()
    except ValueError:  # a day no calendar has
        return text, "Asia/Shanghai"
    return day, zone


def _possible(reference: re.Match[bytes]) -> bytes:
    """Return a character reference as it stands, or that of the replacement character for one no character has."""
    digits = reference[1]
    code = int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)
    return reference[0] if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else b"&#xFFFD;"


def _article(start: re.Match[str], body: str, source: str, stamp: str | None) -> Article:
    return Article("news", source, tidy(start["title"]), _without_footer(tidy(body), source), start["url"], stamp)


def _without_footer(body: str, channel: str) -> str:
    lines = strip_boilerplate(body).split("\n")
    # The channel's own name alone on the last line is a signature, not text.
    while lines and plain(lines[-1]).strip("()[]【】—- ") == plain(channel):
        lines.pop()
    return "\n".join(lines).strip()


def _channel(text: str) -> str | None:
    found = _CHANNEL.search(text.strip())
    return found["name"].strip() if found else None


def _whole_items(data: bytes) -> tuple[bytes, tuple[str, str] | None]:
    """Return well-formed XML, and what was cut from its end with the reason; refuse entities."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        ElementTree.fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise SourceError(
            f"The feed declares entities ({type(error).__name__}), which can expand without bound; "
            "expected plain RSS or Atom: it was not read."
        ) from None
    except (ParseError, ValueError, LookupError):
        pass
    else:
        return data, None
    closed = list(re.finditer(rb"</(?:\w+:)?(item|entry)\s*>", data))
    opened = list(re.finditer(rb"<(?:\w+:)?(?:item|entry)[\s>]", data))
    after = closed[-1].end() if closed else 0
    if not opened:
        raise SourceError(
            "An XML document came that is not well-formed and holds no <item> or <entry>; expected RSS or Atom: fetch it again."
        )
    tail = data[after:]
    rest = next((m.start() for m in opened if m.start() >= after), None)
    if rest is None and re.search(rb"</(?:rss|feed|rdf:RDF)\s*>", tail, re.IGNORECASE):
        return data, None  # malformed inside, but whole: feedparser is lenient
    excerpt = (data[rest:] if rest is not None else tail).decode("utf-8", "replace").strip()[:200]
    reason = "The feed ends inside an item: the whole items before it were kept; fetch the feed again."
    if not closed:
        return b"<rss version='2.0'><channel></channel></rss>", (reason, excerpt)
    kept = data[:after] + _closing(data[:after])
    return kept, (reason, excerpt) if rest is not None else None


def _closing(head: bytes) -> bytes:
    root = re.search(rb"<((?:\w+:)?(?:rss|feed|RDF))[\s>]", head, re.IGNORECASE)
    if root is None:
        return b""
    channel = b"</channel>" if re.search(rb"<channel[\s>]", head) and not re.search(rb"</channel\s*>", head) else b""
    return channel + b"</" + root[1] + b">"


def _content(entry: Any) -> str:
    parts = [str(part.get("value", "")) for part in entry.get("content", [])]
    return max([*parts, str(entry.get("summary", ""))], key=len)
