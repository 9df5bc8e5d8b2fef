"""The parts of a report: evidence of a signal, planted against measured, coverage of the data."""

from __future__ import annotations

import polars as pl

from backtests import plots
from backtests.evidence import Evidence
from backtests.recovery import Recovery
from backtests.report import Section, sections_of
from backtests.tables import percent
from backtests.trading_sections import MARKETS
from research.store import Store

__all__ = ["coverage_section", "evidence_sections", "recovery_section"]


def recovery_section(found: Recovery) -> Section:
    """Return planted beside measured, and what the reader found of what was written."""
    inside, n = int(found.effects["inside"].fill_null(False).sum()), found.effects.height
    text = (
        f"Prices were moved by known amounts on the sessions after each typed event. {inside} of {n} planted effects lie inside the 95 % "
        "interval of the mean cumulative abnormal return measured over the same sessions, from events the reader found in the texts. "
        "A 95 % interval misses one time in twenty even when everything is right."
    )
    return Section(
        "Planted and measured",
        text,
        figures=(plots.planted_vs_measured(found.effects),),
        tables=(
            ("Mean cumulative abnormal return", percent(found.effects, "planted", "measured", "std_error", "ci_low", "ci_high")),
            ("Events written and events read", percent(found.reading, "recall", "precision", digits=1)),
        ),
    )


def evidence_sections(found: Evidence) -> list[Section]:
    """Return what a signal ordered (IC by horizon, quantile returns) and what its portfolio did."""
    where = MARKETS.get(found.market, found.market)
    horizon = int(found.scores["horizon"][0])
    spread = found.quantiles.filter(pl.col("horizon") == min(found.quantiles["horizon"], key=lambda h: abs(h - horizon)))
    returns = ("mean_forward_return", "std_error", "ci_low", "ci_high")
    ordering = Section(
        f"What {found.signal} orders: {where}",
        "The information coefficient is the rank correlation, session by session, of the score with the return from the next open to the "
        "close h sessions on; its interval allows for overlapping returns (Newey-West). The bars are mean returns of score quantiles over "
        f"{horizon} sessions.",
        figures=(plots.ic_decay(found.ic.summary), plots.quantile_spread(spread.filter(pl.col("quantile") != "spread"))),
        tables=(
            ("Information coefficient by horizon", found.ic.summary),
            (f"Return of each score quantile over {spread['horizon'][0]} sessions", percent(spread, *returns)),
        ),
    )
    return [ordering, *sections_of(found.backtest)]


def coverage_section(store: Store) -> Section:
    """Return what the home holds: documents by month, rows by table, quarantine by reason."""
    documents = store.read("documents")
    months = documents.group_by(pl.col("available_at").dt.date().dt.truncate("1mo").alias("month"), "language").len()
    wide = months.pivot(on="language", index="month", values="len").sort("month").fill_null(0)
    wide = wide.select("month", *sorted(name for name in wide.columns if name != "month"))
    names = ("documents", "mentions", "events", "facts", "bars", "quarantine")
    rows = pl.DataFrame({"table": names, "rows": [store.scan(name).select(pl.len()).collect().item() for name in names]})
    reasons = store.read("quarantine").group_by("reason").len("inputs").sort("inputs", "reason", descending=[True, False]).head(20)
    figures = (plots.coverage(wide),) if wide.height else ()
    text = "Documents by month of availability; rows of each stored table; inputs that were set aside, with the reason."
    return Section("Coverage and quarantine", text, figures=figures, tables=(rows, reasons))
