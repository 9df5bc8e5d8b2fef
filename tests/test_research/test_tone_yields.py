"""Tone of yields: what a rise of a yield does to its bond, against a hand-made table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from research import documents, linking, sentiment
from research.instruments import shipped
from research.sources import Article


@pytest.fixture(scope="module")
def linker() -> linking.Linker:
    return linking.Linker.build(shipped())


def signs(linker: linking.Linker, text: str) -> dict[str, int]:
    """Return the sign of each instrument's tone, 0 within 0.1 of nothing."""
    headline = "Markets at the close" if text.isascii() else "市场收盘综述"
    built = documents.build([Article("news", "test", headline, text, None, datetime(2026, 3, 10, 1, 0, tzinfo=UTC))]).documents
    rows = sentiment.tones(built, linker.spans(built)).select("symbol", "sentiment").rows()
    return {symbol: (tone > 0.1) - (tone < -0.1) for symbol, tone in rows}


@pytest.mark.parametrize(
    ("text", "symbol", "expected"),
    [
        ("10年期美债收益率上行5个基点,报4.21%。", "^TNX", -1),
        ("10年期美债收益率下行5个基点,报4.11%。", "^TNX", 1),
        ("30年期美债收益率一度升破5%。", "^TYX", -1),
        ("十年期美债收益率跌破4%关口,为去年10月以来首次。", "^TNX", 1),
        ("10年期美债收益率盘初升3个基点,随后转为下跌4个基点。", "^TNX", 1),
        ("10年期美债收益率基本持平。", "^TNX", 0),
        ("10年期美债收益率上行0.2个基点。", "^TNX", 0),
        # a term alone is a yield beside yields; the bond itself is not turned
        ("10年期美债收益率升2个基点,30年期升得更多。", "^TYX", -1),
        ("30年期美债遭抛售。", "^TYX", -1),
        ("The 10-year Treasury yield rose 5 basis points to 4.25%.", "^TNX", -1),
        ("The yield on the 10-year Treasury fell to 4.12%.", "^TNX", 1),
        ("10-year Treasuries rallied, pushing yields lower.", "^TNX", 1),
        # other instruments of the sentence keep their own direction
        ("10年期美债收益率上行5个基点,标普500指数跌1.2%,美元指数涨0.4%。", "^GSPC", -1),
        ("10年期美债收益率上行5个基点,标普500指数跌1.2%,美元指数涨0.4%。", "DX-Y.NYB", 1),
    ],
)
def test_a_bond_falls_when_its_yield_rises(linker: linking.Linker, text: str, symbol: str, expected: int) -> None:
    assert signs(linker, text)[symbol] == expected


def test_larger_moves_say_more(linker: linking.Linker) -> None:
    built = documents.build(
        [
            Article("news", "test", f"债市{n}", f"10年期美债收益率上行{n}个基点。", None, datetime(2026, 3, 10, tzinfo=UTC))
            for n in (1, 5, 20)
        ]
    ).documents
    tones = sentiment.tones(built, linker.spans(built)).join(built.select("doc_id", "headline"), on="doc_id").sort("headline")
    by_size = dict(zip(tones["headline"], tones["sentiment"], strict=True))
    assert 0 > by_size["债市1"] > by_size["债市5"] > by_size["债市20"] >= -1
