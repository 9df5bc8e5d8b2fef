from __future__ import annotations

from pathlib import Path

from backtests.costs import SCHEDULES, costs
from backtests.market_tables import MARKETS, costs_table, rewritten, rules_table
from backtests.rules import rules_of

DOCS = Path(__file__).parents[2] / "docs" / "backtests.md"


def test_the_docs_hold_the_tables_as_they_are() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert rewritten(text) == text, "run python -m backtests.market_tables docs/backtests.md"


def test_every_row_of_the_data_is_in_a_table_with_its_day_and_source() -> None:
    for market in MARKETS:
        rules, charged = rules_of(market), costs(market)
        rows = {(since, source) for _, _, since, _, source in rules_table(market).rows()}
        for row in (*rules.limits, *rules.ticks, *rules.same_day, *rules.provisions):
            assert (row.since, row.source) in rows
        steps = {(what, since, source) for what, _, since, _, source in costs_table(market).rows()}
        for name in SCHEDULES:
            for step in getattr(charged, name):
                assert (name.replace("_", " "), step.since, step.source) in steps
