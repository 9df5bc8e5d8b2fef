"""Feeds: stripped dumps and real XML, whole, malformed, malicious and cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research import documents
from research.cleaning import squash
from research.errors import SourceError
from research.sources.feeds import parse_dump, parse_xml

SHARED = Path(__file__).parents[3] / "shared"

ITEMS = [
    ("“样例”科技上调指引,股价涨7%", "https://news.example/a/1", "样例财经2月6日获悉,样例科技上调全年指引。\n\n公司称订单充足。", "Fri, 06 Feb 2032 08:38:03 +0800"),
    ("示范银行公布年报", "https://news.example/a/2", "正文里出现 ]]> 这样的符号,也不是结尾。\n\n净利润增长3%。", "Fri, 06 Feb 2032 07:00:00 +0800"),
    ("第三条消息", "https://news.example/a/3", "只有一段。", "Thu, 05 Feb 2032 23:59:59 +0800"),
]  # fmt: skip


def dump(items: list[tuple[str, str, str, str]] = ITEMS, gap: str = " ") -> str:
    rows = [
        f"<![CDATA[ {title} ]]> {url}{gap}{body}\n\n本文来自样例财经,欢迎下载APP查看更多\n\n]]>\n样例财经 {stamp}"
        for title, url, body, stamp in items
    ]
    return "样例财经 https://news.example zh-hans " + "\n".join(rows)


@pytest.mark.parametrize("gap", [" ", "\n\n"])
def test_dump_is_read_whole(gap: str) -> None:
    articles, rejected = parse_dump(dump(gap=gap))
    assert rejected == []
    assert [(a.headline, a.url, a.stamp, a.source) for a in articles] == [(t, u, s, "样例财经") for t, u, _, s in ITEMS]
    assert [a.body for a in articles] == [b.replace("\n\n", "\n") for _, _, b, _ in ITEMS]


def test_a_channel_name_inside_a_body_stays_and_a_signature_goes() -> None:
    text = dump([("标题一则", "https://news.example/1", "样例财经记者获悉。\n\n样例财经", "Fri, 06 Feb 2032 08:38:03 +0800")])
    [article], _ = parse_dump(text)
    assert article.body == "样例财经记者获悉。"


def test_two_channels_in_one_dump() -> None:
    articles, rejected = parse_dump(dump(ITEMS[:1]) + "\n另一频道 https://other.example zh-hans" + dump(ITEMS[1:2]).split("zh-hans", 1)[1])
    assert [a.source for a in articles] == ["样例财经", "另一频道"]
    assert rejected == []


def test_source_overrides_the_channel() -> None:
    assert {a.source for a in parse_dump(dump(), "我的源")[0]} == {"我的源"}


@given(st.integers(1, len(dump()) - 1))
def test_a_cut_dump_keeps_whole_items_and_rejects_the_cut_one(at: int) -> None:
    text = dump()
    if "<![CDATA[" not in text[:at]:
        return
    whole = [s for *_, s in ITEMS if s in text[:at]]
    articles, rejected = parse_dump(text[:at])
    assert [a.stamp for a in articles] == whole
    if not text[:at].strip().endswith(tuple(whole) or ("\0",)):
        assert len(rejected) == 1
        assert "cut" in rejected[0].reason or "ends inside" in rejected[0].reason
    assert parse_dump(text)[0][: len(articles)] == articles


def test_no_item_is_an_error() -> None:
    with pytest.raises(SourceError, match="without any item"):
        parse_dump("一篇普通文章。")


RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>样例频道</title><link>https://x.example/</link>
<item><title>甲 &amp; 乙</title><link>https://x.example/1</link><pubDate>Fri, 06 Feb 2032 08:38:03 +0800</pubDate>
<description>短摘要</description><content:encoded><![CDATA[<p>第一段,涨3%。</p><script>alert(1)</script><p>第二段 &lt;b&gt;。</p>]]></content:encoded></item>
<item><title>丙</title><link>https://x.example/2</link><pubDate>Fri, 06 Feb 2032 09:00:00 GMT</pubDate><description>一句话。</description></item>
</channel></rss>"""


def test_rss_keeps_stamps_and_drops_markup() -> None:
    articles, rejected = parse_xml(RSS.encode())
    assert rejected == []
    assert [(a.source, a.headline, a.body, a.stamp, a.url) for a in articles] == [
        ("样例频道", "甲 & 乙", "第一段,涨3%。\n第二段 <b>。", "Fri, 06 Feb 2032 08:38:03 +0800", "https://x.example/1"),
        ("样例频道", "丙", "一句话。", "Fri, 06 Feb 2032 09:00:00 GMT", "https://x.example/2"),
    ]


def test_atom() -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><title>One</title><link href="https://x.example/1"/>'
        '<updated>2032-02-06T08:00:00Z</updated><content type="html">&lt;p&gt;Body.&lt;/p&gt;</content></entry></feed>'
    )
    [article], _ = parse_xml(text.encode())
    assert (article.source, article.headline, article.body, article.stamp) == ("T", "One", "Body.", "2032-02-06T08:00:00Z")


def test_other_encodings_are_declared_by_the_feed() -> None:
    [first, _], _ = parse_xml(RSS.replace("utf-8", "gb2312", 1).encode("gb2312"))
    assert first.headline == "甲 & 乙"


def test_a_cut_feed_keeps_whole_items() -> None:
    data = RSS.encode()
    articles, rejected = parse_xml(data[: data.index(b"<description>\xe4\xb8\x80")])
    assert [a.headline for a in articles] == ["甲 & 乙"]
    assert len(rejected) == 1 and "ends inside an item" in rejected[0].reason and "丙" in rejected[0].excerpt


def test_a_feed_cut_in_its_first_item() -> None:
    articles, rejected = parse_xml(RSS.encode()[:330])
    assert articles == [] and len(rejected) == 1


BOMB = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rss version="2.0"><channel><title>&b;</title></channel></rss>'
FILE = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel><title>&a;</title></channel></rss>'


@pytest.mark.parametrize("text", [BOMB, FILE])
def test_entities_are_refused(text: str) -> None:
    with pytest.raises(SourceError, match="declares entities"):
        parse_xml(text.encode())


def test_other_xml_is_refused() -> None:
    with pytest.raises(SourceError, match="neither RSS nor Atom"):
        parse_xml(b"<?xml version='1.0'?><invoice><total>3</total></invoice>")


def test_labelled_feed() -> None:
    gold = SHARED / "gold" / "feed_gold.jsonl"
    if not gold.exists():
        pytest.skip("the labelled feed is not here")
    want = [json.loads(line) for line in gold.read_text(encoding="utf-8").splitlines()]
    articles, rejected = parse_dump((SHARED / "corpus" / "feed_2026-02-07.txt").read_text(encoding="utf-8"))
    assert rejected == []
    assert [squash(a.headline) for a in articles] == [squash(g["title"]) for g in want]
    assert all(0.78 < len(squash(a.body)) / g["n_chars_body"] < 0.96 for a, g in zip(articles, want, strict=True))


@pytest.mark.parametrize("reference", ["&#x110000;", "&#55555555555;", "&#xD800;", "&#0;"])
def test_a_character_that_does_not_exist_costs_no_item(reference: str) -> None:
    item = f"<item><title>清禾光学{reference}发布新品</title><description>A &amp; B</description></item>"
    articles, _ = parse_xml(
        f"<rss version='2.0'><channel><title>甲</title>{item}<item><title>腾岚食品中标</title></item></channel>".encode()
    )
    assert [a.headline.replace("\ufffd", "") for a in articles] == ["清禾光学发布新品", "腾岚食品中标"]


@pytest.mark.parametrize(
    ("stamp", "ends"),
    [
        ("Fri, 05 Jan 2024 00:00:00 +0800", "2024-01-05T15:59:59.999999+00:00"),
        ("Fri, 05 Jan 2024 00:00:00 GMT", "2024-01-05T23:59:59.999999+00:00"),
        ("Fri, 05 Jan 2024 00:00:00 -0500", "2024-01-06T04:59:59.999999+00:00"),
        ("Fri, 05 Jan 2024 00:00:01 +0800", "2024-01-04T16:00:01+00:00"),
    ],
)
def test_an_item_stamped_midnight_counts_from_the_end_of_that_day(stamp: str, ends: str) -> None:
    item = f"<item><title>清禾光学发布新品</title><pubDate>{stamp}</pubDate></item>"
    articles, _ = parse_xml(f"<rss version='2.0'><channel><title>甲</title>{item}</channel></rss>".encode())
    assert documents.build(articles).documents["available_at"][0].isoformat() == ends


def test_a_midnight_of_a_day_that_does_not_exist_is_no_time() -> None:
    item = "<item><title>清禾光学发布新品</title><pubDate>Sat, 31 Feb 2024 00:00:00 GMT</pubDate></item>"
    articles, _ = parse_xml(f"<rss version='2.0'><channel><title>甲</title>{item}</channel></rss>".encode())
    assert documents.build(articles).quarantine.height == 1
