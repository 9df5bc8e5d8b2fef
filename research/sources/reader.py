"""Files of any of the known shapes: bytes to text, recognition by content, the right parser.

Nothing is recognised by a file's name, and nothing that was loaded is ever executed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from research.cleaning import is_boilerplate, is_spam_line, plain, tidy
from research.errors import SourceError, UsageError
from research.sources import Article, Rejected, archives, feeds, html, portals, reports

__all__ = ["FORMATS", "Batch", "decode", "read_documents", "recognise"]

#: what ``format`` may be; ``feed`` takes a stripped dump and real XML
FORMATS = ("auto", "feed", "portal", "report", "archive", "html", "xml")

_MAGIC = (
    (b"%PDF", "a PDF"), (b"PK\x03\x04", "a ZIP container (XLSX, DOCX …)"), (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"), (b"\x1f\x8b", "gzip-compressed data"), (b"BZh", "bzip2-compressed data"), (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"), (b"\xd0\xcf\x11\xe0", "an old Office file"), (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"), (b"MZ\x90", "a program"), (b"Rar!", "a RAR archive"), (b"\x80\x04\x95", "a pickle, which is never loaded"),
)  # fmt: skip
_FREQUENT = frozenset(
    "的一是在不了有和人这中大为上个国我以要时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
    "這為個國時來們於對會發動過說產種後學經月日股市年報告公司元"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file held: articles in its order, and what was set aside."""

    articles: list[Article]
    rejected: list[Rejected]


def read_documents(
    path: str | Path, format: str = "auto", source: str | None = None, columns: Mapping[str, str] | None = None, zone: str = "Asia/Shanghai"
) -> Batch:
    """Read one file of articles.

    Parameters
    ----------
    path
        The file. Folders are the caller's to expand.
    format
        One of :data:`FORMATS`; ``auto`` recognises the shape by content.
    source
        Overrides the source the content names.
    columns
        For an archive: article field -> column name.
    zone
        IANA zone of times that carry none.

    Raises
    ------
    UsageError
        For an unknown format.
    SourceError
        For a file that is missing, empty, binary, or not of the shape asked for; the message names the file.
    """
    file = Path(path)
    if format not in FORMATS:
        raise UsageError(f"The format came as {format!r}; expected one of {', '.join(FORMATS)}.")
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        raise SourceError(f"{file} is a folder; expected a file: name the files inside it.") from None
    except OSError as error:
        raise SourceError(f"{file} cannot be read ({error.strerror}); expected a readable file: check the path.") from None
    try:
        shape = recognise(data) if format == "auto" and columns is None else "archive" if format == "auto" else format
        articles, rejected = _parse(data, shape, source, columns, zone)
    except SourceError as error:
        raise SourceError(f"{file}: {error}") from None
    if not articles and not rejected:
        raise SourceError(f"{file}: no article was found in it as {shape}; expected at least one: name the right format.")
    return Batch(articles, rejected)


def recognise(data: bytes) -> str:
    """Return the shape of a file by its content: ``feed``, ``xml``, ``portal``, ``report``, ``archive`` or ``html``.

    Raises
    ------
    SourceError
        When it is empty or binary.
    """
    if data[:4] == b"PAR1":
        return "archive"
    text = decode(data)
    head = text.lstrip()[:3000]
    lower = head.lower()
    if re.match(r"<\?xml|<rss|<feed|<rdf", lower) and not re.search(r"<html[\s>]", lower):
        return "xml"
    if re.match(r"<!doctype html|<html[\s>]", lower) or len(re.findall(r"</(?:p|div|head|body|span|a)>", lower)) >= 3:
        return "html"
    if "<![CDATA[" in text and "]]>" in text:
        return "feed"
    if _is_table(text):
        return "archive"
    return _report_or_portal(text)


def decode(data: bytes) -> str:
    """Return the text of ``data``: UTF-8, UTF-16, GB18030 or Big5, with or without a byte-order mark.

    The Chinese encodings decode each other's bytes without complaint, so both are tried and the one with more frequent characters wins.

    Raises
    ------
    SourceError
        When ``data`` is empty or not text; the message says what it is.
    """
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise SourceError("The file is empty; expected text or a table of articles: fetch it again.")
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise SourceError(
                f"The file is {what}; expected text (feed, page, report) or a Parquet, CSV or JSON-lines table: export it first."
            )
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decoded(data, "utf-16")
    if data[:2000].count(0) > 0.2 * len(data[:2000]):
        even, odd = data[:2000:2].count(0), data[1:2000:2].count(0)
        return _decoded(data, "utf-16-le" if odd > even else "utf-16-be")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        # A multi-byte character cut at the end is a cut file, not another encoding.
        cut = error.start > 0 and error.start >= len(data) - 4
        text = data[: error.start].decode() if cut else _chinese(data)
    if sum(c < " " and c not in "\t\n\r\f" for c in text[:4000]) > 0.02 * len(text[:4000]):
        raise SourceError("The file is binary data; expected text (feed, page, report) or a Parquet, CSV or JSON-lines table.")
    return text


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise SourceError(f"The file looks like {encoding.upper()} but is broken; expected whole text: fetch it again.") from None


def _chinese(data: bytes) -> str:
    scored = []
    # Chinese UTF-16 without a mark has few zero bytes, so it competes here too.
    for encoding in ("gb18030", "big5hkscs", *(("utf-16-le", "utf-16-be") if len(data) % 2 == 0 else ())):
        text = data.decode(encoding, "replace")
        han = sum("\u4e00" <= c <= "\u9fff" for c in text)
        frequent = sum(c in _FREQUENT for c in text)
        broken = text.count("\ufffd") + sum("\ue000" <= c <= "\uf8ff" for c in text)
        scored.append(((frequent - 5 * broken) / max(han, 0.2 * len(text), 1), text, broken))
    score, text, broken = max(scored, key=lambda entry: entry[0])
    if broken > 0.01 * len(text) or score < 0.02:
        raise SourceError(
            "The file is binary data or of an unknown encoding; expected UTF-8, UTF-16, GB18030 or Big5 text: convert it first."
        )
    return text


def _is_table(text: str) -> bool:
    lines = [line for line in text.lstrip().split("\n", 5)[:5] if line.strip()]
    # JSON lines, one object over many lines, or an array: broken ones too, so that what is wrong with them is said.
    if re.match(r'\{\s*["}]|\[\s*\{', text.lstrip()):
        return True
    separator = archives.delimiter(lines[0])
    names = {name.strip(' "\r').lower() for name in lines[0].split(separator)}
    known = {alias for aliases in archives.FIELDS.values() for alias in aliases}
    return len(names) >= 2 and len(lines) >= 2 and len(names & known) >= min(2, len(names)) and len(lines[0]) < 2000


def _report_or_portal(text: str) -> str:
    lines = tidy(text).split("\n")
    own = [line for line in lines if not is_spam_line(line) and not is_boilerplate(line)]
    bare = [plain(line) for line in lines]
    report = 2 * (len(lines) - sum(not is_spam_line(line) for line in lines) >= 2)
    report += 2 * any(
        re.fullmatch(r"[-–—·•*]?\s*(?:发布时间|日期|时间)?\s*[::]?\s*20\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s+[\d:]+)?", b)
        for b in bare[1:8]
    )
    report += 2 * any(re.match(r"本文由.{1,40}(?:发表|发布)(?:在|于)", b) for b in bare[-12:])
    report += sum(any(b.startswith(mark) for b in bare) for mark in ("核心观点", "投资要点", "风险提示", "【"))
    report += 2 * (bool(own) and reports.broker(own[0], "") is not None)
    shapes = [portals.is_body(line) for line in own]
    bodies = sum(shapes)
    pairs = sum(b and not a for a, b in itertools.pairwise(shapes))
    portal = (
        3 * (pairs >= 2 and pairs >= 0.8 * bodies)
        + 2 * any(re.match(r"加载中|.{0,4}分类:", b) for b in bare)
        + any("ICP备" in b for b in bare)
    )
    return "report" if report > portal else "portal"


def _parse(
    data: bytes, shape: str, source: str | None, columns: Mapping[str, str] | None, zone: str
) -> tuple[list[Article], list[Rejected]]:
    if shape == "archive":
        return archives.parse(data, None if data[:4] == b"PAR1" else decode(data), source, columns, zone)
    text = decode(data)
    if shape == "xml" or (shape == "feed" and re.match(r"\s*<(?:\?xml|rss|feed|rdf)", text, re.IGNORECASE)):
        return feeds.parse_xml(data, source)
    if shape == "feed":
        return feeds.parse_dump(text, source)
    if shape == "html":
        return html.parse(text, source, zone)
    return portals.parse(text, source) if shape == "portal" else reports.parse(text, source)
