"""Reports on a host site: the report stays whole, the site goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from research.cleaning import squash
from research.errors import SourceError
from research.sources.reports import broker, parse

SHARED = Path(__file__).parents[3] / "shared"
REPORT = [
    "政策持續加碼,市場情緒回暖,建議關注內需方向。",
    "核心觀點",
    "【策略·論市】本周市場怎麼看?資金面轉鬆,成交額回升至9000億元。",
    "01",
    "策略·論市——政策的邊際變化",
    "本周主要指數全部上漲,小盤成長領漲。",
    "(1)?設備更新——某部門發布措施(☆☆)",
    "風險提示:經濟數據不及預期。",
    "02",
    "資金·眾寡——北向資金淨流入",
    "北向資金淨流入12.5億元,兩融餘額持平。",
]
PAGE = "\n".join(
    [
        "招商策略:本周A股怎麼看", "- 公司宣傳", "- 2031-07-29", "- 9", "【新澳门今晚开奖结果】 |", "【2O31管家婆一肖一码】 |", "來源:市場資訊",
        *REPORT[:5],
        REPORT[5] + "【澳门六合彩资料大全】",
        *REPORT[6:],
        "本文由某乙于2031-07-30發表在某某機電公司,如有疑問,請聯系我們。", "本文鏈接://example.org/post/1.html", "發表評論", "相關文章", "別的文章標題",
    ]
)  # fmt: skip


def test_the_report_stays_and_the_site_goes() -> None:
    [article], rejected = parse(PAGE)
    assert rejected == []
    assert (article.kind, article.source, article.headline, article.stamp) == ("report", "招商证券", "招商策略:本周A股怎麼看", "2031-07-29")
    assert article.body.split("\n") == REPORT


def test_another_site_has_another_header_and_footer() -> None:
    page = [
        "某某策略:本周回顧",
        "首頁 > 新聞 > 行業",
        "發布時間:2031-07-28 08:41",
        "作者:管理員 瀏覽:286次",
        "【某某棋牌游戏大厅下载】",
        *REPORT,
    ]
    page += ["本文發布于2031-07-29,來自某某閥門有限公司官網,轉載請注明出處。", "上一條:某閥維護要點", "服務熱線:0000-00000000 在線留言"]
    page += ["版權所有 某某閥門有限公司"]
    [article], _ = parse("\n".join(page))
    assert article.stamp == "2031-07-28 08:41"
    assert article.body.split("\n") == REPORT


def test_spam_ahead_of_the_title_is_not_the_title() -> None:
    [article], _ = parse("【新澳门今晚开奖结果】 |\n" + PAGE)
    assert article.headline == "招商策略:本周A股怎麼看"


def test_the_footer_dates_a_report_without_a_header() -> None:
    lines = [line for line in PAGE.split("\n") if line != "- 2031-07-29"]
    assert parse("\n".join(lines))[0][0].stamp == "2031-07-30"


def test_no_date_is_invented_and_the_source_falls_back() -> None:
    [article], _ = parse("某周報\n來源:市場資訊\n本周指數上漲。")
    assert (article.stamp, article.source, article.body) == (None, "市场资讯", "本周指數上漲。")
    assert parse("某周報\n本周指數上漲。")[0][0].source == "report"


def test_a_time_of_day_is_kept() -> None:
    assert parse("某周報\n發布時間:2031年7月5日 10:20\n本周指數上漲。")[0][0].stamp == "2031-07-05 10:20"


@pytest.mark.parametrize(
    ("title", "name"),
    [("中信建投策略:展望", "中信建投证券"), ("中金宏觀周報", "中金公司"), ("東吳證券晨會", "东吴证券"), ("廣發銀行年報", None)],
)
def test_broker(title: str, name: str | None) -> None:
    assert broker(title, "") == name


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(SourceError, match="without a single line"):
        parse("【新澳门今晚开奖结果】 |\n")


def test_labelled_report() -> None:
    path = SHARED / "gold" / "report_gold.json"
    if not path.exists():
        pytest.skip("the labelled report is not here")
    gold = json.loads(path.read_text(encoding="utf-8"))
    text = (SHARED / "corpus" / "report_2024-07-29.txt").read_text(encoding="utf-8")
    [article], _ = parse(text)
    body = squash(article.body)
    doc = gold["doc"]
    assert [s for s in doc["spam_lines"] + doc["spam_inline"] + doc["footer_lines"] if squash(s) in body] == []
    assert [f["quote"] for f in gold["facts"] if squash(f["quote"]) not in body] == []
    assert article.source == "招商证券" and article.stamp == "2024-07-29"
    gone = {line.strip() for line in text.split("\n")} - set(article.body.split("\n")) - {"", article.headline}
    assert gone == {line.strip() for line in doc["spam_lines"] + doc["footer_lines"] + doc["cms_lines"]}
