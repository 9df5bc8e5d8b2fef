"""The answer in words: what was earned, and how much of it is left after the search that found it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from backtests.capacity import Capacity
from backtests.comparison import Comparison
from backtests.report import Highlight
from backtests.robustness import Robustness
from backtests.sweep import Sweep
from backtests.trials import Search

__all__ = ["comparison_headline", "headline", "highlights", "sweep_headline"]

#: probabilities from which a result is called likely, and open
_LIKELY, _OPEN = 0.95, 0.5


def headline(
    performance: pl.DataFrame, search: Search | None, robustness: Robustness | None = None, capacity: Capacity | None = None
) -> str:
    """Return the verdict on a result, the deflated Sharpe ratio and its interval first.

    Parameters
    ----------
    performance
        ``performance`` of :func:`backtests.evaluation.evaluate`, on the daily net returns of the backtest.
    search
        The trials it knew of; ``None`` when there was no ledger.
    robustness, capacity
        What else was asked; each adds a paragraph.
    """
    rows = {row["metric"]: row for row in performance.iter_rows(named=True)}
    paragraphs = [_judged(rows, search)]
    if robustness is not None:
        paragraphs.append(_survived(robustness))
    if capacity is not None and capacity.half is not None:
        text = f"With {capacity.half:,.0f} {capacity.currency} half of the Sharpe ratio is gone to impact and the participation cap"
        paragraphs.append(text + (f", with {capacity.zero:,.0f} all of it." if capacity.zero is not None else "."))
    return "\n\n".join(paragraphs)


def sweep_headline(found: Sweep) -> str:
    """Return the verdict on a sweep: its best variant, deflated by all of them, and how many of the others agree."""
    best, n = found.best, found.search.n_trials
    if best["sharpe"] is None:
        return f"None of the {n:,} variants has a Sharpe ratio: their returns do not vary."
    chosen = ", ".join(f"{name.replace('_', ' ')} {best[name]}" for name in found.parameters)
    positive = int((found.table["sharpe"].fill_null(0.0) > 0).sum())
    return (
        f"The best of {n:,} variants ({chosen}) has a deflated Sharpe ratio of {_text(best['deflated'])}, the probability that its true "
        f"ratio is above zero after so many tries; the ratio itself is {_text(best['sharpe'])} a year. {positive:,} of the {n:,} variants "
        f"have a ratio above zero, their median is {_text(found.table['sharpe'].median())}."
    )


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
    """Return the deflated Sharpe ratio, what is left after deflation with its interval, and the Sharpe ratio itself."""
    rows = {row["metric"]: row for row in performance.iter_rows(named=True)}
    found = []
    deflated = _value(rows, "deflated_sharpe")
    if deflated is not None and search is not None:
        trials = f"{search.n_trials:,} trial{'' if search.n_trials == 1 else 's'}"
        found.append(Highlight("Deflated Sharpe ratio", f"{deflated:.2f}", f"probability of a true ratio above 0, {trials}"))
        left = _left(rows)
        if left is not None:
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
    word = (
        "It lost money after costs" if float(str(value)) <= 0
        else "It holds up" if deflated >= _LIKELY
        else "It may be luck" if deflated >= _OPEN
        else "It is what luck alone would give"
    )  # fmt: skip
    trials = "this is the only trial" if search.n_trials == 1 else f"{search.n_trials:,} trials were made"
    left = _left(rows)
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
        text += f" {row['check'].capitalize()}: {row['p_value']:.0%} of {row['n']:,} draws do as well."
    open_ = found.table.filter((pl.col("metric") == "sharpe") & pl.col("value").is_null())["check"].to_list()
    return text + (f" Not made: {', '.join(open_)}." if open_ else "")


def _value(rows: Mapping[str, Mapping[str, object]], name: str) -> float | None:
    value = rows[name]["value"] if name in rows else None
    return None if value is None else float(str(value))


def _text(value: object) -> str:
    text = f"{float(str(value)):.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")
