"""Moves told without a percentage: each line was read by hand first."""

from __future__ import annotations

import pytest

from research.cleaning import plain
from research.event_levels import told
from research.moves import Span
from research.sentences import sentences

NAMES = {
    "沪指": "000001.SS",
    "道指": "^DJI",
    "比特币": "BTC-USD",
    "晨岭股份": "600000.SS",
    "恒指": "^HSI",
    "伦铜": "LME:CA",
    "十年期美债": "^TNX",
}


def read(text, topic=None):
    body = plain(text)
    spans = sorted(
        (Span(symbol, name, at, at + len(name)) for name, symbol in NAMES.items() for at in [body.find(name)] if at >= 0),
        key=lambda s: s.start,
    )
    return [
        (one.symbol, one.name.split(".")[1])
        for one in told(
            "题\n" + body, [Span(s.symbol, s.surface, s.start + 2, s.end + 2) for s in spans], sentences("题\n" + body, 2), topic
        )
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("晨岭股份午后封板涨停。", [("600000.SS", "up")]),
        ("晨岭股份早盘一字跌停。", [("600000.SS", "down")]),
        ("沪指失守3000点。", [("000001.SS", "down")]),
        ("比特币一度升破7万美元。", [("BTC-USD", "up")]),
        ("伦铜跌穿每吨9000美元。", [("LME:CA", "down")]),
        ("道指收跌逾300点。", [("^DJI", "down")]),
        ("晨岭股份收盘较发行价高出一大截,涨幅为32%。", []),
        ("晨岭股份收盘较发行价上涨32%。", [("600000.SS", "up")]),
        ("十年期美债收益率上行8个基点。", [("^TNX", "up")]),
        ("两年期国债收益率回落至1.35%。", [(None, "down")]),
        # no move: a supposition, a share of a market, a company's doings, a rule of the exchange
        ("比特币能否升破7万美元还不好说。", []),
        ("预计沪指将站上3500点。", []),
        ("晨岭股份门店数量突破1000家。", []),
        ("晨岭股份市占率升至32%。", []),
        ("涨停板制度由来已久。", []),
        ("跌停家数创下新高。", []),
    ],
)
def test_what_is_a_move(text, wanted):
    assert read(text) == wanted


def test_a_limit_without_a_name_is_of_what_the_text_is_about():
    assert read("公司股价随后封死跌停。", topic="600000.SS") == [("600000.SS", "down")]
    assert read("公司股价随后封死跌停。") == []


def test_one_an_instrument_and_sentence():
    assert read("沪指升破3000点,盘中重返3010点上方。") == [("000001.SS", "up")]
