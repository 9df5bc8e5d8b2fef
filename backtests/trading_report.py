"""Everything a report says about one signal in one market: what it earned, under strain, with how much money, from which news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from backtests.attribution import attribute, event_evidence, tone_evidence
from backtests.capacity import capacity
from backtests.evaluation import Evaluation
from backtests.evidence import Evidence
from backtests.holdings import daily_pnl, unpriced
from backtests.regimes import exposure_attribution, market_returns, regime_attribution
from backtests.report import Section
from backtests.robustness import LEAST, robustness
from backtests.sections import evidence_sections
from backtests.trading_sections import attribution_section, capacity_section, judged_section, robustness_section, trades_section
from backtests.verdict import headline, one_interval

if TYPE_CHECKING:
    from backtests.event_study import EventStudyResult

__all__ = ["TradingReport", "trading_report"]

#: how each recipe's score is a sum over documents: from the evidence, and the ``documents`` table
_EVIDENCE: MappingProxyType[str, Callable[[Evidence, pl.DataFrame], pl.DataFrame]] = MappingProxyType(
    {
        "tone@1": lambda found, _: tone_evidence(found.mentions, found.sessions),
        "events@1": lambda found, _: event_evidence(found.events, found.sessions),
        "novel_tone@1": lambda found, documents: tone_evidence(_novel(found.mentions, documents), found.sessions, half_life=5),
        "event_drift@1": lambda found, _: event_evidence(found.events, found.sessions, half_life=5),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class TradingReport:
    """What :func:`backtests.report.write_report` takes: the verdict, the sections in order of reading, what the reader must know."""

    verdict: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def trading_report(
    found: Evidence,
    documents: pl.DataFrame,
    judged: Evaluation | None = None,
    *,
    study: EventStudyResult | None = None,
    draws: int = 200,
    seed: int = 0,
) -> TradingReport:
    """Return the report on ``found``.

    Parameters
    ----------
    found
        :func:`backtests.evidence.evidence`.
    documents
        ``documents`` table: headlines, addresses, sources, languages.
    judged
        :func:`backtests.evaluation.evaluate` on the daily net returns of the backtest, with the ledger of trials; without it nothing is
        deflated and the verdict says so.
    study
        An event study of the same market, shown as it is.
    draws, seed
        Of the comparisons with chance (:func:`backtests.robustness.robustness`).
    """
    result = found.backtest
    # sub-periods that are too short for a Sharpe ratio would say nothing
    parts = max(1, min(3, result.portfolio.height // LEAST))
    checked = robustness(result, found.bars, scores=found.scores, delayed=found.delayed, parts=parts, draws=draws, seed=seed)
    carried = capacity(result, found.bars)
    notes = []
    additive = found.signal in _EVIDENCE
    if not additive:
        notes.append(f"The score of {found.signal} is not a sum over documents: its result is split by the decayed tone of the news.")
    added = _EVIDENCE[found.signal if additive else "tone@1"]
    split = attribute(result, found.bars, added(found, documents), documents, found.events)
    market = market_returns(found.bars, result)
    pnl = daily_pnl(result, found.bars)
    exposure = exposure_attribution(result, market, pnl)
    stale = unpriced(result, pnl, found.bars)
    ordering, *traded = evidence_sections(found)
    opening = []
    verdict = "There is no verdict: no ledger of trials was given."
    if judged is not None:
        performance = one_interval(judged.performance, result.metrics)
        verdict = headline(performance, judged.search, checked, carried, stale, cash=result.cash)
        opening.append(judged_section(performance, judged.search))
    sections = [
        *opening,
        *traded,
        robustness_section(checked),
        capacity_section(carried, result.cash),
        attribution_section(split, exposure, regime_attribution(result, market), result.base or result.costs.currency, additive=additive),
        trades_section(split, documents),
        ordering,
    ]
    if study is not None:
        from backtests.report import sections_of

        sections += sections_of(study)
    return TradingReport(verdict, tuple(sections), tuple(notes))


def _novel(mentions: pl.DataFrame, documents: pl.DataFrame) -> pl.DataFrame:
    """Return the mentions with the novelty of their document in their relevance, as the panel's ``novel_tone`` weighs them."""
    joined = mentions.join(documents.select("doc_id", _novelty="novelty"), on="doc_id", how="inner", maintain_order="left")
    return joined.with_columns(pl.col("relevance") * pl.col("_novelty")).drop("_novelty")
