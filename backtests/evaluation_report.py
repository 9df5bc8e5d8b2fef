"""Sections of a report on one evaluated signal, and on the search it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from backtests import plots
from backtests.evaluation import Evaluation
from backtests.report import Highlight, Section
from backtests.selection import Selection
from backtests.tables import percent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from plotly.graph_objects import Figure

__all__ = ["evaluation_sections", "selection_section"]

_RETURNS = ("mean_forward_return", "std_error", "ci_low", "ci_high")


def evaluation_sections(found: Evaluation) -> list[Section]:
    """Return ordering, groups (when there are any), trading and returns of one signal."""
    return [_ordering(found), *([_groups(found)] if found.groups.height else []), _persistence(found), _returns(found)]


def selection_section(found: Selection) -> Section:
    """Return the variants of a search judged together."""
    highlights = [
        Highlight("Trials", f"{found.search.n_trials}", f"worth {found.search.effective:.1f} independent ones ({found.search.counting})"),
    ]
    figures, tables = [], []
    if found.superior is not None:
        spa = found.superior
        highlights.append(Highlight("SPA p-value", f"{spa.p_consistent:.3f}", "that none of them beats the benchmark"))
        tests = {
            "test": ["SPA, lower", "SPA, consistent", "SPA, upper", "reality check"],
            "p-value": [spa.p_lower, spa.p_consistent, spa.p_upper, found.reality_check],
        }
        tables.append(("Does the best beat the benchmark", pl.DataFrame(tests)))
    if found.overfitting is not None:
        split = f"{len(found.overfitting.logits):,} ways to split {found.n_periods:,} periods"
        highlights.append(Highlight("Probability of overfitting", f"{found.overfitting.probability:.0%}", split))
        figures.append(_logits(found.overfitting.logits))
    text = (
        "The best of many tries looks good by chance. Reality check (White) and SPA (Hansen) ask whether the best beats the benchmark at "
        "all; the step-down p-values (Romano & Wolf) say which do, and the probability that any of them is there by chance stays below "
        "the level; p_hochberg, p_yekutieli and q_storey bound the share of false ones among those chosen. The probability of "
        "overfitting is how often the best in one half of the sessions was no better than the median in the other half: near 50 % "
        "when variants differ by chance only. The deflated Sharpe ratio is the probability of a true ratio above zero after all trials."
    )
    captions = f"Variants over the {found.n_periods:,} periods they share; Sharpe ratio of one period"
    tables.append((captions, found.table))
    return Section("What was tried", "\n\n".join([text, *found.notes]), figures=figures, tables=tables, highlights=highlights)


def _ordering(found: Evaluation) -> Section:
    here = found.ic.summary.filter(pl.col("horizon") == found.horizon).row(0, named=True)
    shown = found.quantiles.filter((pl.col("horizon") == found.horizon) & (pl.col("quantile") != "spread"))
    text = (
        "The information coefficient is the rank correlation, session by session, of the score with the return from the next open to the "
        "close h sessions on. Its errors allow for returns that overlap: Newey-West (hac), stationary and circular block bootstrap. The "
        "hit rate is how often score and return have the same sign; expected is what their frequencies alone give, excess the rest. A "
        "quantile holds equal scores together."
    )
    interval = "no interval" if here["ci_low"] is None else f"{here['ci_low']:.4f} … {here['ci_high']:.4f}, {here['n']:,} sessions"
    mean = "–" if here["mean_ic"] is None else f"{here['mean_ic']:.4f}"
    return Section(
        f"What {found.signal} orders: {found.market}",
        text,
        figures=(plots.ic_decay(found.ic.summary), plots.quantile_spread(shown)),
        tables=(
            ("Information coefficient by horizon", found.coefficients),
            ("Hit rate", percent(found.hit_rate, "hit_rate", "expected", "excess", "std_error", "ci_low", "ci_high")),
            ("Return of each score quantile", percent(found.quantiles, *_RETURNS)),
        ),
        highlights=(Highlight(f"Rank IC, {found.horizon} sessions", mean, interval),),
    )


def _groups(found: Evaluation) -> Section:
    names = found.groups["grouping"].unique(maintain_order=True).to_list()
    tables = [(f"By {name}", found.groups.filter(pl.col("grouping") == name).drop("grouping")) for name in names]
    text = (
        "The information coefficient inside groups. With many groups some are significant by chance: p_adjusted keeps the expected share "
        "of false ones among those called significant (Benjamini & Hochberg), over the groups and horizons of a table."
    )
    return Section("For whom", text, tables=tables)


def _persistence(found: Evaluation) -> Section:
    text = (
        "A score that changes fast must be traded fast. Rank autocorrelation is over the sessions of the score; turnover is the share of a "
        "quantile's symbols that were not in it the session before."
    )
    tables = (("Rank autocorrelation", found.autocorrelation), ("Turnover of quantiles", percent(found.turnover, "turnover", digits=1)))
    return Section("How fast it changes", text, tables=tables)


def _returns(found: Evaluation) -> Section:
    text = (
        "Probability that the true Sharpe ratio is above zero: probabilistic, for the length of the record and the shape of the returns; "
        "deflated, for the number of variants tried besides."
    )
    if found.search is None:
        text += " No ledger of trials was given, so that nothing is deflated here."
    return Section(f"What {found.signal} would have earned: {found.market}", text, tables=(("Sharpe ratio", found.performance),))


def _logits(values: npt.NDArray[np.float64]) -> Figure:
    import numpy as np
    import plotly.graph_objects as go

    counts, edges = np.histogram(values, bins=30)
    figure = go.Figure(go.Bar(x=((edges[:-1] + edges[1:]) / 2).tolist(), y=counts.tolist(), marker={"color": plots.COLOURS["blue"]}))
    plots.styled(figure)
    figure.update_xaxes(title_text="logit of the test rank of the best in training; 0 is the median")
    figure.update_yaxes(title_text="splits")
    return figure
