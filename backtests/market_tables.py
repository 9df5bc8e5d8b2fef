"""The rules and costs of every market as tables, for reports and for ``docs/backtests.md``.

``python -m backtests.market_tables docs/backtests.md`` writes them between the marks of that file.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import polars as pl

from backtests.costs import SCHEDULES, costs
from backtests.rules import rules_of

__all__ = ["MARKETS", "costs_table", "markdown", "rewritten", "rules_table"]

MARKETS = ("cn", "hk", "us", "crypto")

_BEGIN, _END = "<!-- tables: written by backtests.market_tables -->", "<!-- end of tables -->"
_SCHEMA = {"what": pl.String, "applies_to": pl.String, "since": pl.Date, "value": pl.String, "source": pl.String}


def rules_table(market: str) -> pl.DataFrame:
    """Return ``what, applies_to, since, value, source``: lots, price limits, ticks and exceptions from T+1 of a market, and its provisions.

    ``applies_to`` is a regular expression of symbols; ``since`` is null where no day is stored.
    """
    rules = rules_of(market)
    rows: list[tuple[str, str, date | None, str, str]] = []
    for lot in rules.lots:
        rows.append(("lot", lot.pattern, None, f"at least {lot.minimum:g}, then by {lot.step:g}", "see the provisions"))
    for limit in rules.limits:
        special = "" if limit.special == limit.percent else f", {limit.special} % under special treatment"
        rows.append(("price limit", limit.pattern, limit.since, f"{limit.percent} %{special}", limit.source))
    for ticks in rules.ticks:
        bands = ", ".join(f"{tick:g}" + _bound(upper) for upper, tick in ticks.bands)
        rows.append(("tick", ticks.pattern, ticks.since, bands, ticks.source))
    for same in rules.same_day:
        rows.append(("same-day sale", same.pattern, same.since, "allowed", same.source))
    for provision in rules.provisions:
        rows.append(("provision", "", provision.since, provision.text, provision.source))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _bound(upper: float) -> str:
    """Return how far a band reaches; Hong Kong's hold their upper end, which the rules store as a bound a hair above it."""
    return "" if upper == float("inf") else f" {'below' if upper == round(upper, 6) else 'to'} {upper:g}"


def costs_table(market: str) -> pl.DataFrame:
    """Return ``what, applies_to, since, value, source``: every step of every schedule of a market's costs, waivers, and assumptions."""
    charged = costs(market)
    rows: list[tuple[str, str, date | None, str, str]] = []
    for name in SCHEDULES:
        amount = name in ("share_fee_sell", "share_fee_cap", "settlement_minimum", "settlement_cap")
        for step in getattr(charged, name):
            value = "none" if step.value >= 1e12 else f"{step.value:g} {charged.currency}" if amount else f"{step.value * 100:.6g} %"
            rows.append((name.replace("_", " "), "", step.since, value, step.source))
    for waiver in charged.waivers:
        rows.append(("no stamp duty", waiver.pattern, waiver.since, "0 %", waiver.source))
    if charged.exempt:
        rows.append(("no stamp duty, no levies", charged.exempt, None, "0 %", "funds"))
    for name in ("commission", "minimum_commission", "duty_rounding", "half_spread", "spread_floor", "borrow_rate", "financing_rate"):
        value = getattr(charged, name)
        if value:
            unit = {"minimum_commission": charged.currency, "duty_rounding": charged.currency, "half_spread": "bp", "spread_floor": "ticks"}
            shown = f"{value:g} {unit[name]}" if name in unit else f"{value * 100:g} %" + (" a year" if name.endswith("rate") else "")
            source = "Stamp Duty Ordinance: up to the next dollar" if name == "duty_rounding" else "assumption"
            rows.append((name.replace("_", " "), "", None, shown, source))
    liquid = costs(market, liquidity=True)
    tiers = ", ".join(f"{half:g} bp from {least:,.0f}" for least, half in liquid.spread_tiers)
    rows.append(("half spread by daily amount", "", None, tiers, "assumption; with liquidity=True"))
    rows.append(("impact coefficient", "", None, f"{liquid.impact:g}", "assumption; with liquidity=True"))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def markdown() -> str:
    """Return the tables of every market as Markdown."""
    parts = []
    for market in MARKETS:
        for title, table in (("rules", rules_table(market)), ("costs", costs_table(market))):
            parts += [f"### {market}: {title}", "", "| what | symbols | since | value | source |", "|---|---|---|---|---|"]
            for what, pattern, since, value, source in table.rows():
                code = f"`{pattern.replace('|', chr(92) + '|')}`" if pattern else ""
                parts.append(f"| {what} | {code} | {since or ''} | {value} | {source} |")
            parts.append("")
    return "\n".join(parts)


def rewritten(text: str) -> str:
    """Return ``text`` with what stands between the marks replaced by :func:`markdown`."""
    head, rest = text.split(_BEGIN)
    return f"{head}{_BEGIN}\n\n{markdown()}\n{_END}{rest.split(_END)[1]}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
