"""Cleaning: lengths kept, scripts folded, boilerplate and spam gone, sentences kept."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.cleaning import (
    is_boilerplate,
    is_spam_line,
    language,
    plain,
    squash,
    strip_boilerplate,
    strip_inline_spam,
    strip_spam_lines,
    tidy,
)

SHARED = Path(__file__).parents[3] / "shared"


@given(st.text())
def test_plain_keeps_every_offset(text: str) -> None:
    folded = plain(text)
    assert len(folded) == len(text)
    assert plain(folded) == folded


@given(st.text(alphabet=st.characters(min_codepoint=0xFF01, max_codepoint=0xFF5E)))
def test_plain_narrows_full_width_ascii_as_nfkc_does(text: str) -> None:
    assert plain(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("滬深300指數漲1.2%,創業板指跌0.5%", "沪深300指数涨1.2%,创业板指跌0.5%"),
        ("A\u00a0B\u3000C\u2009D", "A B C D"),
        ("漲幅:3.5%(年化)", "涨幅:3.5%(年化)"),
        ("保留“引号”与、句号。", "保留“引号”与、句号。"),
    ],
)
def test_plain_by_hand(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_plain_is_fast() -> None:
    text = "滬深兩市成交額突破一萬億元,漲幅居前的是電力設備。" * 40_000
    plain(text)
    start = time.perf_counter()
    plain(text)
    assert len(text.encode()) / (time.perf_counter() - start) > 50e6


@given(st.text())
def test_squash_is_the_letters_and_digits_of_plain(text: str) -> None:
    assert squash(text) == "".join(c.lower()[0] for c in plain(text) if c.isalnum())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("样例银行公布年度业绩", "zh-Hans"),
        ("樣例銀行公佈年度業績", "zh-Hant"),
        ("Sample Bank reports results", "en"),
        ("Sample Bank (樣例) reports yearly results in Hong Kong", "en"),
        ("Sample AI 发布新模型", "zh-Hans"),
        ("", "en"),
        ("3.5%", "en"),
    ],
)
def test_language(text: str, expected: str) -> None:
    assert language(text) == expected


def test_tidy_leaves_no_blank_lines_and_no_invisible_characters() -> None:
    assert tidy(" 甲\r\n\r\n\u200b乙 \x00丙\n\n") == "甲\n乙 丙"


@pytest.mark.parametrize(
    "line",
    ["加载中...", "行业分类:", "版权所有 (C) 样例科技有限公司 京ICP备00000000号", "免责声明:内容由用户上传。", "本文来自样例财经,欢迎下载APP查看更多",
     "本文由编辑于2031-01-05发表在样例水务公司,如有疑问,请联系我们。", "本文鏈接://example.org/post/1.html", "發表評論", "上一篇:某文", "Read more »", "点击查看更多"],
)  # fmt: skip
def test_boilerplate_lines(line: str) -> None:
    assert is_boilerplate(line)


@pytest.mark.parametrize(
    "line",
    ["样例科技公告称,公司拥有软件著作权所有的专利。", "该行下载量居前的手机应用更新了首页。", "更多资金流入债券基金。", "来源显示,公司已加载新系统。", "免责条款引发争议,法院周一开庭。", "风险提示:经济数据不及预期。", ""],
)  # fmt: skip
def test_sentences_are_no_boilerplate(line: str) -> None:
    assert not is_boilerplate(line)


def test_links_to_other_articles_are_no_part_of_one() -> None:
    links = "Lab Top Deals:\nSony headphones at half price\nTrending Now:\nApple fails"
    text = f"A lab built a boat.\nDon't miss: The best deal on an Apple laptop\nIt floats.\n{links}"
    assert strip_boilerplate(text) == "A lab built a boat.\nIt floats."
    kept = "More:\nThe boat is built of wood.\nIt floats."  # a heading of the article's own
    assert strip_boilerplate("A lab built a boat.\n" + kept) == "A lab built a boat.\n" + kept
    assert is_boilerplate("To contact the reporter on this story: Jo Doe in Paris at jdoe@example.net")
    assert not is_boilerplate("Read more of them than he did: Jo Doe.")


def test_strip_boilerplate_keeps_the_article() -> None:
    assert strip_boilerplate("第一段。\n本文来自样例社,欢迎下载APP查看更多\n第二段。") == "第一段。\n第二段。"


@pytest.mark.parametrize(
    "line",
    ["【新澳门今晚开奖结果】 |", "【2O31管家婆一肖一码】", "【澳门六合彩资料大全】|【一肖一码100准】|", "新澳門資料免費大全", "[友情链接甲] | [友情链接乙] |", "2031年一码一肖必中一肖"],
)  # fmt: skip
def test_spam_lines_in_either_script(line: str) -> None:
    assert is_spam_line(line)


@pytest.mark.parametrize(
    "line",
    ["【核心观点】", "【策略·论市】本周市场回顾:指数普涨。", "澳门博彩毛收入同比增长12%,彩票销售回暖。", "南京六合区新建产业园。", "管家婆软件的供应商涨停。", "特马会晤成焦点", "扫码报名人数上升", "某行:澳门高端赌客背景多元且有助支持博彩需求", "日经225指数报52885.25点,首尔综指报4949.59点", ""],
)  # fmt: skip
def test_honest_lines_are_no_spam(line: str) -> None:
    assert not is_spam_line(line)
    assert strip_inline_spam(line) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("政策持续出台,【新澳门一肖一码】市场回暖。", "政策持续出台,市场回暖。"),
        ("资金净流入20亿元,2031新澳门今晚开奖结果查询,行业轮动加快。", "资金净流入20亿元,行业轮动加快。"),
        ("家電補貼管家婆一肖一码100准免费资料大全繼續加碼。", "家電補貼繼續加碼。"),
        ("没有广告的一句话。", "没有广告的一句话。"),
        ("指數反彈,權重股率先企穩。【黄大仙精选八码】從成交來看,換手集中在消費。", "指數反彈,權重股率先企穩。從成交來看,換手集中在消費。"),
        ("漲幅居前的主題為乳業。想看更多推荐号码请收藏www.hj00aa.cc", "漲幅居前的主題為乳業。"),
    ],
)
def test_inline_spam_goes_and_the_sentence_stays(text: str, expected: str) -> None:
    assert strip_inline_spam(text) == expected


@given(st.text(alphabet="市场上涨指数回落资金公司,。 0123456789%"))
def test_text_without_gambling_words_is_untouched(text: str) -> None:
    assert strip_inline_spam(text) == text


@pytest.mark.parametrize(
    "line",
    ["【某某真人娱乐场开户送彩金】", "◆某發k8娛樂官網登錄◆", "〖某某体育app官方下载〗", "【快三大小单双计划】", "〓 某天堂918網址 〓"],
)  # fmt: skip
def test_spam_in_ornamental_brackets(line: str) -> None:
    assert is_spam_line(line, "zh-Hant")


@pytest.mark.parametrize(
    "line",
    ["【核心觀點】", "【投资要点】", "【體育產業:政策加碼】", "【風險提示】", "【復盤·內觀】", "(單位:%)", "【澳門博彩:毛收入回升】", "◆一、市場回顧"],
)  # fmt: skip
def test_section_marks_are_no_spam_in_a_traditional_text(line: str) -> None:
    assert not is_spam_line(line, "zh-Hant")


def test_a_block_of_advertisements_goes_whole_and_headings_beside_it_stay() -> None:
    block = ["样例厅真人视讯开户送彩金", "某果厅骰宝打法", "新手必看的几个技巧", "澳门六合彩资料大全", "幸运飞艇人工计划"]
    lines = ["样例周报:风格切换走到哪一步了", *block, "核心觀點", "彩票銷售回暖", "指數漲跌互現。"]
    assert strip_spam_lines(lines, "zh-Hant") == [lines[0], *lines[-3:]]
    # The same lines without an advertisement among them are titles.
    alone = ["某果厅骰宝打法", "新手必看的几个技巧", "幸运飞艇人工计划"]
    assert strip_spam_lines(alone, "zh-Hans") == alone


def test_the_other_script_inside_a_sentence_gives_spam_away() -> None:
    text = "截至3月14日【某神争霸注册邀请码】融資余額為1.5萬億元。(想中大奖就来某发快三官方网)機構預計回升。澳門博彩毛收入同比增長12%。"
    left = "截至3月14日融資余額為1.5萬億元。機構預計回升。澳門博彩毛收入同比增長12%。"
    assert strip_inline_spam(text, "zh-Hant") == left


@pytest.mark.parametrize(
    "line",
    ["【打印此頁】【返回頂部】【關閉窗口】", "TAG標簽:某機 某城", "上一條:某新聞 下一條:某新聞", "文章來自網絡,如有侵權請聯系本站刪除", "服務熱線:0000-00000000"],
)  # fmt: skip
def test_page_tools_are_boilerplate(line: str) -> None:
    assert is_boilerplate(line)


def test_every_labelled_advertisement_is_recognised() -> None:
    path = SHARED / "gold" / "report_gold.json"
    if not path.exists():
        pytest.skip("the labelled report is not here")
    doc = json.loads(path.read_text(encoding="utf-8"))["doc"]
    assert [line for line in doc["spam_lines"] if not is_spam_line(line)] == []
    assert [line for line in doc["footer_lines"] if not is_boilerplate(line)] == []
    # The same words without brackets, in the middle of a sentence.
    inside = [strip_inline_spam(f"政策加码,{re.sub('[【】|]', '', line).strip()},市场回暖。") for line in doc["spam_lines"]]
    assert set(inside) == {"政策加码,市场回暖。"}
