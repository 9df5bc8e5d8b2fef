"""Whole passages, labelled by reading: which moves they state, and the session each belongs to.

``golden/moves/*.toml`` have the manner of portal pages and feed wraps: a close told the next morning, holidays and half days, night sessions,
lists, two listings, several sessions in one text, days long past as background; those of ``long.toml`` are whole articles of several kinds.
"missed" is what is not found yet, "wrong" what is found in its place.
"""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from research import facts, instruments
from research.linking import Linker
from research.schemas import DOCUMENTS

GOLDEN = Path(__file__).parents[1] / "golden" / "moves"
PASSAGES = [
    {**passage, "language": language}
    for name, language in (("chinese", "zh-Hans"), ("long", "zh-Hans"), ("english", "en"))
    for passage in tomllib.loads((GOLDEN / f"{name}.toml").read_text(encoding="utf-8"))["passage"]
]
SESSION = ("close", "intraday", "after_hours", None)


@pytest.fixture(scope="module")
def told():
    rows = []
    for passage in PASSAGES:
        at = datetime.fromisoformat(passage["at"]).astimezone(UTC)
        rows.append(
            {
                "doc_id": passage["id"], "kind": "news", "source": "golden", "language": passage["language"], "headline": passage["headline"],
                "body": passage["body"], "published_at": at, "published_precision": "second", "published_not_before": at,
                "published_not_after": at, "available_at": at, "story_id": passage["id"], "novelty": 1.0,
            }
        )  # fmt: skip
    documents = DOCUMENTS.frame(rows)
    found = facts.extract(documents, Linker.build(instruments.shipped()).spans(documents))
    return found.filter(kind="price_move").filter(pl.col("basis").is_in(SESSION[:3]) | pl.col("basis").is_null())


@pytest.mark.parametrize("passage", PASSAGES, ids=lambda passage: passage["id"])
def test_a_passage(told, passage):
    rows = told.filter(doc_id=passage["id"]).select("symbol", "value", "end_date").iter_rows()
    found = {(symbol, round(100 * value, 2), session) for symbol, value, session in rows}
    listed = (*passage["moves"], *passage.get("wrong", []))
    assert found == {(symbol, percent, date.fromisoformat(session) if session else None) for symbol, percent, session in listed}


def test_what_is_missed_is_still_missed(told):
    """A miss that is found belongs among the moves."""
    found = {(r["doc_id"], r["symbol"], round(100 * r["value"], 2), r["end_date"]) for r in told.iter_rows(named=True)}
    missed = {(p["id"], symbol, percent, date.fromisoformat(day)) for p in PASSAGES for symbol, percent, day in p.get("missed", [])}
    assert len(missed) == 28 and not missed & found
