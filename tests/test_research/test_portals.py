"""Portal pages: titles and bodies by shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from research.cleaning import squash
from research.sources.portals import agency, parse

SHARED = Path(__file__).parents[3] / "shared"
BODY = (
    "样例社4月20日讯(编辑 某甲)周五,示范科技公布年度业绩,营业收入同比增长12%。"
    + "公司管理层表示,新产品的订单好于预期,全年资本开支不变。" * 4
)
LONG = "近日,某地工厂恢复生产。" + "分析人士认为,供应偏紧的局面将延续到下个季度,价格可能继续上行。" * 5 + " 来源:样例新闻"
PAGE = f"行业分类:\n加载中...\n头条分类:\n加载中...\n示范科技业绩增长:订单好于预期\n{BODY}\n铜价“起飞” 供应还会偏紧吗?\n{LONG}\n\n版权所有 (C) 样例科技 京ICP备00000000号\n\n免责声明:本站内容来自网络,如有侵权请联系删除。\n"


def test_pairs_without_the_page_around_them() -> None:
    articles, rejected = parse(PAGE)
    assert rejected == []
    assert [(a.headline, a.body, a.stamp, a.source) for a in articles] == [
        ("示范科技业绩增长:订单好于预期", BODY, None, "样例社"),
        ("铜价“起飞” 供应还会偏紧吗?", LONG, None, "样例新闻"),
    ]


def test_a_title_without_a_body_is_a_headline_and_a_menu_word_is_not() -> None:
    articles, _ = parse(f"首页\n股票\n示范银行拟发行一百亿元债券\n铜价“起飞” 供应还会偏紧吗?\n\n\n{LONG}\n更多\n热榜\n")
    assert [(a.headline, bool(a.body)) for a in articles] == [("示范银行拟发行一百亿元债券", False), ("铜价“起飞” 供应还会偏紧吗?", True)]


def test_several_paragraphs_belong_to_one_title() -> None:
    [article], _ = parse(f"铜价“起飞” 供应还会偏紧吗?\n{LONG}\n最后一段也很重要,市场正在等待数据公布。\n")
    assert article.body == f"{LONG}\n最后一段也很重要,市场正在等待数据公布。"


def test_a_body_without_a_title_is_rejected_not_lost() -> None:
    articles, rejected = parse(f"{LONG}\n示范科技业绩增长:订单好于预期\n{BODY}")
    assert [a.headline for a in articles] == ["示范科技业绩增长:订单好于预期"]
    assert len(rejected) == 1 and rejected[0].excerpt == LONG[:200] and "before the first title" in rejected[0].reason


def test_english_page() -> None:
    body = "Sample Corp raised its outlook on Friday. The maker of widgets said orders were strong. Shares rose 4% in New York."
    [article], _ = parse(f"Sample Corp lifts full-year outlook\n{body}\n")
    assert (article.headline, article.body) == ("Sample Corp lifts full-year outlook", body)


@pytest.mark.parametrize(
    ("body", "name"), [(BODY, "样例社"), (LONG, "样例新闻"), ("今年4月20日讯息传来。", None), ("正文。 题图来源:某图库", None)]
)
def test_agency(body: str, name: str | None) -> None:
    assert agency(body) == name


def test_labelled_page() -> None:
    gold = SHARED / "gold" / "portal_gold.jsonl"
    if not gold.exists():
        pytest.skip("the labelled page is not here")
    want = [json.loads(line) for line in gold.read_text(encoding="utf-8").splitlines()]
    articles, rejected = parse((SHARED / "corpus" / "portal_2024-04-20.txt").read_text(encoding="utf-8"))
    assert rejected == []
    assert [squash(a.headline) for a in articles] == [squash(g["title"]) for g in want]
    assert all(0.78 < len(squash(a.body)) / g["n_chars_body"] < 0.96 for a, g in zip(articles, want, strict=True))
