"""The answer in words: what was earned, and how much of it is left after the search that found it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from backtests.capacity import Capacity
from backtests.comparison import Comparison
from backtests.holdings import Unpriced
from backtests.parameter_choice import ParameterChoice, choice_metrics
from backtests.report import Highlight
from backtests.robustness import Robustness
from backtests.sweep import Sweep
from backtests.trials import Search

__all__ = ["capacity_words", "comparison_headline", "counted", "headline", "highlights", "one_interval", "sweep_headline", "sweep_interval"]

#: probabilities from which a result is called likely, and open
_LIKELY, _OPEN = 0.95, 0.5

#: share of net asset value without a recent price from which a verdict says so
_STALE = 0.05

#: share of the Sharpe ratio that has to be left at the capital tested for nothing to be said
_KEPT = 0.8

_Z = 1.959963984540054


def headline(
    performance: pl.DataFrame, search: Search | None, robustness: Robustness | None = None, capacity: Capacity | None = None,
    stale: Unpriced | None = None, cash: float | None = None,
) -> str:  # fmt: skip
    """Return the verdict on a result, the deflated Sharpe ratio and its interval first.

    Parameters
    ----------
    performance
        ``performance`` of :func:`backtests.evaluation.evaluate`, on the daily net returns of the backtest.
    search
        The trials it knew of; ``None`` when there was no ledger.
    robustness, capacity
        What else was asked; each adds a paragraph.
    stale
        What is held at the end without a recent price; from a twentieth of net asset value on it adds a paragraph.
    cash
        Capital the result started with, in the currency of ``capacity``: where its size costs a fifth of the Sharpe ratio, that is said.
    """
    rows = {row["metric"]: row for row in performance.iter_rows(named=True)}
    paragraphs = [_judged(rows, search)]
    if robustness is not None:
        paragraphs.append(_survived(robustness))
    if capacity is not None and capacity.sharpe is not None and capacity.sharpe > 0:
        paragraphs.append(capacity_words(capacity, cash))
    if stale is not None and stale.share >= _STALE:
        paragraphs.append(
            f"On {stale.session} {stale.share:.0%} of net asset value stood in {counted(stale.names, 'name')} without a trade in the last "
            "sessions, at the last close: load later bars, or end the run where the bars end."
        )
    return "\n\n".join(paragraphs)


def capacity_words(found: Capacity, cash: float | None = None) -> str:
    """Return how much capital a result with a Sharpe ratio above zero carries, and what is left of the ratio at ``cash`` if much is not."""
    return " ".join(filter(None, (_carried(found), "" if cash is None else _at_capital(found, cash))))


def _carried(found: Capacity) -> str:
    if found.half is not None:
        text = f"With {found.half:,.0f} {found.currency} half of the Sharpe ratio is gone to impact and the participation cap"
        return text + (f", with {found.zero:,.0f} all of it." if found.zero is not None else ".")
    known = found.curve.drop_nulls("sharpe")
    sizes, ratios = known["capital"].to_list(), known["sharpe"].to_list()
    span = f"from {min(sizes):,.0f} to {max(sizes):,.0f} {found.currency}" if sizes else "tried"
    if max(ratios, default=0.0) < (found.sharpe or 0.0) / 2:
        return f"At every capital {span} impact, the participation cap and minimum fees take more than half of the Sharpe ratio."
    return f"Capital {span} was tried: the Sharpe ratio does not fall below half of what it is without impact and cap."


def _at_capital(found: Capacity, cash: float) -> str:
    """Say what size leaves of the Sharpe ratio at ``cash``, linear in the capital's logarithm between two points of the curve.

    Empty where nearly all is left, and where the curve does not reach ``cash``.
    """
    known = found.curve.drop_nulls("sharpe")
    sizes, base = known["capital"].to_numpy(), found.sharpe or 0.0
    if not len(sizes) or not sizes[0] <= cash <= sizes[-1]:
        return ""
    left = float(np.interp(np.log(cash), np.log(sizes), known["sharpe"].to_numpy()))
    if left >= _KEPT * base:
        return ""
    return (
        f"At the {cash:,.0f} {found.currency} tested, impact, the participation cap and minimum fees leave a Sharpe ratio of "
        f"{_text(left)} of {_text(base)}."
    )


def one_interval(performance: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Return ``performance`` with the Sharpe ratio of a year as ``metrics`` has it, so that one report gives it one error and one interval.

    The ratio of a session keeps its value only: it is the same figure in another unit. Where the two are not of the same returns (their
    ratios differ) ``performance`` is returned as it came.

    Parameters
    ----------
    performance
        ``performance`` of :func:`backtests.evaluation.evaluate`.
    metrics
        The ``metrics`` table of the backtest it was made from.
    """
    mine, theirs = (frame.filter(pl.col("metric") == "sharpe") for frame in (performance, metrics))
    if mine.is_empty() or theirs.is_empty() or mine["value"][0] is None or theirs["value"][0] is None:
        return performance
    if abs(mine["value"][0] - theirs["value"][0]) > 1e-9 * max(1.0, abs(theirs["value"][0])):
        return performance
    unknown = pl.when(pl.col("metric") != "sharpe_period")
    rest = performance.with_columns(unknown.then(name).alias(name) for name in ("std_error", "ci_low", "ci_high"))
    return pl.concat([theirs, rest.filter(pl.col("metric") != "sharpe")])


def sweep_headline(found: Sweep, chosen: ParameterChoice | None = None) -> str:
    """Return the verdict on a sweep: its best variant, deflated by every trial known, and how many of the others agree.

    Parameters
    ----------
    found
        The sweep.
    chosen
        The same variants chosen walking forward: what that earned is then said first, for no choice looked back.
    """
    best, n = found.best, found.table.height
    if best["sharpe"] is None:
        return f"None of the {n:,} variants has a Sharpe ratio: their returns do not vary."
    which = ", ".join(f"{name.replace('_', ' ')} {best[name]}" for name in found.parameters)
    positive = int((found.table["sharpe"].fill_null(0.0) > 0).sum())
    span = "" if best["std_error"] is None else f" (95\u00a0%: {' to '.join(map(_text, sweep_interval(best)))})"
    first = "" if chosen is None else f"{_forward(chosen)}\n\n"
    return first + (
        f"The best of {counted(n, 'variant')} ({which}) has a deflated Sharpe ratio of {_text(best['deflated'])}, the probability that "
        f"its true ratio is above zero after {counted(found.search.n_trials, 'distinct trial')}; the ratio itself is "
        f"{_text(best['sharpe'])} a year{span}. {positive:,} of the {n:,} have a ratio above zero, their median is "
        f"{_text(found.table['sharpe'].median())}."
    )


def _forward(chosen: ParameterChoice) -> str:
    own, best = choice_metrics(chosen).rows(named=True)
    if own["sharpe"] is None:
        return "Chosen walking forward: no Sharpe ratio, the returns do not vary."
    span = "" if own["sharpe_low"] is None else f" (95\u00a0%: {_text(own['sharpe_low'])} to {_text(own['sharpe_high'])})"
    beside = "" if best["sharpe"] is None else f"; the best in hindsight has {_text(best['sharpe'])} over the same {best['n']:,} sessions"
    return f"Chosen walking forward: Sharpe ratio {_text(own['sharpe'])} a year{span}{beside}."


def sweep_interval(row: Mapping[str, object]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the Sharpe ratio of a row of a sweep."""
    value, error = float(str(row["sharpe"])), float(str(row["std_error"]))
    return value - _Z * error, value + _Z * error


def counted(n: int, noun: str) -> str:
    """Return a number and its noun: ``1 trial``, ``2 trials``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def comparison_headline(found: Comparison) -> str:
    """Return the verdict on a comparison: which run has the highest Sharpe ratio, and which differ from the first."""
    ordered = found.metrics.sort("sharpe", descending=True, nulls_last=True).row(0, named=True)
    apart = found.differences.filter(pl.col("p_value") < 0.05)["run"].to_list()
    first = found.metrics["run"][0]
    said = (
        f"{', '.join(apart)} earned a different mean return than {first}" if apart else f"no other mean return differs from that of {first}"
    )
    ratio = "" if ordered["sharpe"] is None else f" ({_text(ordered['sharpe'])} a year)"
    return (
        f"{ordered['run']} has the highest Sharpe ratio{ratio}; at the 5\u00a0% level {said}. "
        "The search behind the runs is not counted here."
    )


def highlights(performance: pl.DataFrame, search: Search | None) -> list[Highlight]:
    """Return the deflated Sharpe ratio, what is left after deflation with its interval (of several trials), and the ratio itself."""
    rows = {row["metric"]: row for row in performance.iter_rows(named=True)}
    found = []
    deflated = _value(rows, "deflated_sharpe")
    if deflated is not None and search is not None:
        trials = counted(search.n_trials, "trial")
        found.append(Highlight("Deflated Sharpe ratio", f"{deflated:.2f}", f"probability of a true ratio above 0, {trials}"))
        left = _left(rows)
        # of one trial nothing is taken off
        if left is not None and search.n_trials > 1:
            found.append(Highlight("Sharpe after deflation", _text(left[0]), f"95\u00a0%: {_text(left[1])} … {_text(left[2])}"))
    here = rows.get("sharpe") or rows.get("sharpe_period")
    if here is not None and here["value"] is not None:
        span = "" if here["ci_low"] is None else f"95\u00a0%: {_text(here['ci_low'])} … {_text(here['ci_high'])}"
        found.append(Highlight("Sharpe ratio", _text(here["value"]), span))
    return found


def _judged(rows: Mapping[str, Mapping[str, object]], search: Search | None) -> str:
    ratio = rows.get("sharpe") or rows.get("sharpe_period")
    if ratio is None or ratio["value"] is None:
        return "There is no verdict: the returns do not vary, or there are fewer than three."
    value, low, high = (ratio[name] for name in ("value", "ci_low", "ci_high"))
    interval = "no interval" if low is None else f"95\u00a0%: {_text(low)} to {_text(high)}"
    plain = f"The Sharpe ratio after costs is {_text(value)} a year ({interval})"
    deflated = _value(rows, "deflated_sharpe")
    if search is None or deflated is None:
        return f"{plain}. No ledger of trials was given, so the search behind it is not taken into account."
    left = _left(rows)
    doubt = (
        "the ratio has no interval" if low is None
        else "the interval of the ratio holds zero" if float(str(low)) <= 0
        else "the interval of what the search leaves holds zero" if search.n_trials > 1 and left is not None and left[1] <= 0
        else ""
    )  # fmt: skip
    word = (
        "It lost money after costs" if float(str(value)) <= 0
        else "It holds up" if deflated >= _LIKELY and not doubt
        else f"It may be luck, since {doubt}" if deflated >= _LIKELY
        else "It may be luck" if deflated >= _OPEN
        else "It is what luck alone would give"
    )  # fmt: skip
    trials = "this is the only trial" if search.n_trials == 1 else f"{search.n_trials:,} trials were made"
    rest = "" if left is None else f", which leaves {_text(left[0])} (95\u00a0%: {_text(left[1])} to {_text(left[2])})"
    hurdle = "" if left is None or search.n_trials == 1 else f"; the best of them would show {_text(left[3])} without any skill{rest}"
    return f"{word}: deflated Sharpe ratio {deflated:.2f}, the probability that the true ratio is above zero ({trials}). {plain}{hurdle}."


def _left(rows: Mapping[str, Mapping[str, object]]) -> tuple[float, float, float, float] | None:
    """Return the yearly Sharpe ratio less the best expected without skill, the ends of its 95 % interval, and that best."""
    year, period, best = rows.get("sharpe"), rows.get("sharpe_period"), _value(rows, "expected_maximum_sharpe")
    if year is None or period is None or best is None or not period["value"] or year["ci_low"] is None:
        return None
    value, low, high = (float(str(year[name])) for name in ("value", "ci_low", "ci_high"))
    hurdle = best * value / float(str(period["value"]))
    return value - hurdle, low - hurdle, high - hurdle, hurdle


def _survived(found: Robustness) -> str:
    rows = found.table.filter((pl.col("metric") == "sharpe") & pl.col("value").is_not_null())
    made = rows.filter(pl.col("p_value").is_null())
    fell = made.filter(pl.col("value") <= 0)["check"].to_list()
    if rows.is_empty():
        return "None of the checks of what it survives could be made; the table says what each needs."
    text = f"Its Sharpe ratio stays above zero in {made.height - len(fell)} of {made.height} checks"
    text += f"; it does not: {', '.join(fell)}." if fell else "."
    for row in rows.filter(pl.col("p_value").is_not_null()).iter_rows(named=True):
        text += f" {row['check'].capitalize()}: {_as_well(row['p_value'], row['n'])}."
    open_ = found.table.filter((pl.col("metric") == "sharpe") & pl.col("value").is_null())["check"].to_list()
    return text + (f" Not made: {', '.join(open_)}." if open_ else "")


def _as_well(p_value: float, draws: int) -> str:
    """Return how many draws do as well as the result, which the p-value (1 + k) / (1 + n) counts as one of them."""
    k = round(p_value * (1 + draws)) - 1
    p = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2f}" if p_value >= 0.1 else f"p = {p_value:.3f}"
    return f"{k:,} of {counted(draws, 'draw')} {'does' if k == 1 else 'do'} as well, {p}"


def _value(rows: Mapping[str, Mapping[str, object]], name: str) -> float | None:
    value = rows[name]["value"] if name in rows else None
    return None if value is None else float(str(value))


def _text(value: object) -> str:
    text = f"{float(str(value)):.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")
