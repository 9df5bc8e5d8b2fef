"""Reading files: encodings, recognition by content, one sentence for what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from research.errors import SourceError, UsageError
from research.sources.reader import decode, read_documents, recognise

SHARED = Path(__file__).parents[3] / "shared"
SIMPLIFIED = "示范科技公布年度业绩,营业收入同比增长12%,公司表示新产品的订单好于预期。" * 5
TRADITIONAL = "示範科技公佈年度業績,營業收入同比增長12%,公司表示新產品的訂單好於預期。" * 5
LONG = "近日,某地工厂恢复生产。" + "分析人士认为,供应偏紧的局面将延续到下个季度,价格可能继续上行。" * 5
FEED = "样例 https://x.example zh-hans <![CDATA[ 标题 ]]> https://x.example/1 正文。\n\n]]>\n样例 Fri, 06 Feb 2032 08:38:03 +0800"
RSS = '<?xml version="1.0"?><rss version="2.0"><channel><title>T</title><item><title>A</title><pubDate>Fri, 06 Feb 2032 08:38:03 GMT</pubDate></item></channel></rss>'
PORTAL = f"行业分类:\n加载中...\n示范科技业绩增长:订单好于预期\n{LONG}\n铜价起飞 供应还会偏紧吗?\n{LONG}更多。\n版权所有 (C) 样例科技 京ICP备00000000号\n"
REPORT = "招商策略:本周A股怎么看\n- 公司宣传\n- 2031-07-29\n- 9\n【新澳门今晚开奖结果】 |\n【管家婆一肖一码】 |\n核心观点\n" + "\n".join(
    [LONG] * 4
)
HTML = (
    "<!DOCTYPE html><html><head><title>示范科技业绩增长</title><meta property='article:published_time' content='2032-02-06T08:00:00+08:00'></head><body><nav><a>首页</a></nav>"
    f"<article><h1>示范科技业绩增长</h1><p>{LONG}</p><p>{SIMPLIFIED}</p></article><footer>版权所有</footer></body></html>"
)
SHAPES = {
    "feed": FEED,
    "xml": RSS,
    "portal": PORTAL,
    "report": REPORT,
    "html": HTML,
    "archive": '{"title": "A", "url": "b"}\n{"title": "C", "url": "d"}\n',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_simplified_in_any_encoding(encoding: str) -> None:
    assert decode(SIMPLIFIED.encode(encoding)) == SIMPLIFIED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "big5"])
def test_traditional_in_any_encoding(encoding: str) -> None:
    assert decode(TRADITIONAL.encode(encoding)) == TRADITIONAL


def test_a_character_cut_at_the_end_does_not_change_the_encoding() -> None:
    assert decode(SIMPLIFIED.encode()[:-1]) == SIMPLIFIED[:-1]


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf"])
def test_empty(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    with pytest.raises(SourceError, match=r"x\.txt: The file is empty"):
        read_documents(tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\x80\x04\x95\x10\x00", "pickle"),
        (bytes(range(1, 256)) * 20, "binary"),
    ],
)
def test_binary_files_are_named(data: bytes, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        recognise(data)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_recognised_by_content(tmp_path: Path, shape: str) -> None:
    file = tmp_path / "no.name"
    file.write_text(SHAPES[shape], encoding="utf-8")
    assert recognise(file.read_bytes()) == shape
    batch = read_documents(file)
    assert batch.articles and not batch.rejected
    assert batch == read_documents(file, format=shape)


def test_feed_takes_xml_too(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text(RSS, encoding="utf-8")
    assert read_documents(file, format="feed").articles[0].stamp == "Fri, 06 Feb 2032 08:38:03 GMT"


def test_csv_and_parquet_are_archives(tmp_path: Path) -> None:
    frame = pl.DataFrame({"title": ["A", "C"], "url": ["b", "d"]})
    frame.write_csv(tmp_path / "a")
    frame.write_parquet(tmp_path / "b")
    assert recognise((tmp_path / "a").read_bytes()) == recognise((tmp_path / "b").read_bytes()) == "archive"
    assert read_documents(tmp_path / "a") == read_documents(tmp_path / "b")


def test_a_mapping_means_an_archive(tmp_path: Path) -> None:
    pl.DataFrame({"t": ["A"], "u": ["b"]}).write_csv(tmp_path / "a")
    assert read_documents(tmp_path / "a", columns={"headline": "t"}).articles[0].headline == "A"


def test_html_stamp_and_text(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(HTML, encoding="utf-8")
    [article] = read_documents(tmp_path / "p", source="样例网").articles
    assert (article.headline, article.stamp, article.source) == ("示范科技业绩增长", "2032-02-06T08:00:00+08:00", "样例网")
    assert article.body == f"{LONG}\n{SIMPLIFIED}"


def test_json_ld_dates_a_page(tmp_path: Path) -> None:
    text = HTML.replace(
        "<meta property='article:published_time' content='2032-02-06T08:00:00+08:00'>",
        f"<script type='application/ld+json'>{json.dumps({'@graph': [{'datePublished': '2032-02-05'}]})}</script>",
    )
    (tmp_path / "p").write_text(text, encoding="utf-8")
    assert read_documents(tmp_path / "p").articles[0].stamp == "2032-02-05"


def test_missing_folder_and_format(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_documents(tmp_path / "none")
    with pytest.raises(SourceError, match="is a folder"):
        read_documents(tmp_path)
    with pytest.raises(UsageError, match="expected one of auto"):
        read_documents(tmp_path, format="pickle")


def test_no_article_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("首页\n更多\n", encoding="utf-8")
    with pytest.raises(SourceError, match="no article"):
        read_documents(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "shape", "n"),
    [("feed_2026-02-07.txt", "feed", 28), ("portal_2024-04-20.txt", "portal", 16), ("report_2024-07-29.txt", "report", 1)],
)
def test_real_files(name: str, shape: str, n: int) -> None:
    path = SHARED / "corpus" / name
    if not path.exists():
        pytest.skip("the real documents are not here")
    assert recognise(path.read_bytes()) == shape
    assert len(read_documents(path).articles) == n


def test_a_marked_file_cut_inside_a_character_is_read_to_there() -> None:
    whole = "\ufeff清禾光学发布新一代镜头。".encode()
    assert decode(whole[:-1]) == "清禾光学发布新一代镜头"
