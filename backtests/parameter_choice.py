"""Parameters chosen as one could have chosen them: again and again, by what the variants had earned until then.

1. Every variant is simulated once (:func:`backtests.sweep.sweep`).
2. Every so many sessions the variant with the highest Sharpe ratio of the sessions before is chosen. A choice made on returns up to the
   close of one session holds for weights decided from the next session on.
3. The weights of the chosen variants, one after the other, are one backtest: its result needs no deflation for the choice among the
   variants, since no choice saw what came after it. What was tried besides still counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.costs import Costs
from backtests.execution import Execution
from backtests.metrics import PERIODS, performance
from backtests.report import Highlight, Section
from backtests.rules import Rules
from backtests.schemas import PORTFOLIO, WEIGHTS
from backtests.simulation import Backtest, run
from backtests.sweep import Sweep, sweep
from backtests.tables import INTERVAL, figures, percent
from backtests.trading_plots import compared_nav
from research.errors import UsageError

__all__ = ["ParameterChoice", "choice_metrics", "choice_section", "choose_forward"]

Floats = npt.NDArray[np.float64]

#: fewest sessions a choice is made on
_LEAST = 20

#: what a report calls the two lines
_CHOSEN, _HINDSIGHT = "chosen walking forward", "best in hindsight"
_FRACTIONS = ("annual_return", "annual_volatility")


@dataclass(frozen=True, slots=True, eq=False)
class ParameterChoice:
    """Parameters chosen walking forward.

    Attributes
    ----------
    result
        The backtest of the chosen weights; it begins with the first choice.
    choices
        A row a choice: ``since`` (first session whose weights it decides), ``until`` (the last), ``variant`` and its parameters,
        ``past_sharpe`` (a year, of the ``n`` sessions it was chosen on) and ``next_return`` (of the variant's own account over the sessions
        those weights fill in, fraction): what was expected, and what came.
    found
        All variants over all sessions, in hindsight.
    """

    result: Backtest
    choices: pl.DataFrame
    found: Sweep


def choose_forward(
    make: Callable[..., pl.DataFrame],
    variants: Sequence[Mapping[str, object]],
    bars: pl.DataFrame,
    *,
    market: str,
    costs: Costs,
    rules: Rules | None = None,
    cash: float = 10_000_000.0,
    execution: Execution | None = None,
    every: int = 63,
    window: int | None = None,
    least: int = 126,
    found: Sweep | None = None,
) -> ParameterChoice:
    """Choose among ``variants`` every so many sessions, by their Sharpe ratio until then, and simulate what was chosen.

    Parameters
    ----------
    make, variants, bars, market, costs, rules, cash, execution
        As in :func:`backtests.sweep.sweep`. ``make`` is called again for each variant that is chosen.
    every
        Sessions between choices.
    window
        Sessions a choice looks back on; all of them by default.
    least
        Sessions before the first choice; nothing is held until then.
    found
        The sweep of the same variants by the same arguments, where there is one; else it is made.

    Raises
    ------
    UsageError
        For counts below their least, or when the variants have no more than ``least`` sessions; and as :func:`backtests.sweep.sweep`.
    """
    if every < 1 or least < _LEAST or (window is not None and window < _LEAST):
        raise UsageError(
            f"every, window and least came as {every}, {window} and {least}; expected at least 1 session, and {_LEAST} to choose on."
        )
    if found is None:
        found = sweep(make, variants, bars, market=market, costs=costs, rules=rules, cash=cash, execution=execution)
    if found.table.height != len(variants):
        raise UsageError(f"found came with {found.table.height} variants beside {len(variants)}; expected the sweep of the same ones.")
    sessions = found.returns["session"].unique().sort()
    if len(sessions) <= least:
        raise UsageError(f"The variants have {len(sessions)} sessions; expected more than {least}, on which the first choice is made.")
    net = found.returns.sort("variant", "session")["net_return"].to_numpy().reshape(len(variants), len(sessions))
    rows: list[dict[str, object]] = []
    parts: list[pl.DataFrame] = []
    for k in range(least, len(sessions), every):
        past = net[:, max(0, k - (window or k)) : k]
        chosen, ratio = _best(past)
        since, until = sessions[k], sessions[min(k + every, len(sessions)) - 1]
        ahead = float(np.prod(1 + net[chosen, k + 1 : k + 1 + every]) - 1)
        rows.append(
            {
                "since": since, "until": until, "variant": chosen, **{name: variants[chosen][name] for name in found.parameters},
                "past_sharpe": None if ratio is None else ratio * PERIODS[market] ** 0.5, "n": past.shape[1], "next_return": ahead,
            }
        )  # fmt: skip
        parts.append(_standing(make(**dict(variants[chosen])), since, until, parts[-1] if parts else None))
    weights = pl.concat(parts)
    if weights.is_empty():
        raise UsageError("No chosen variant has a target after the first choice; expected weights: check that the signal covers the dates.")
    result = run(weights, bars, market=market, costs=costs, rules=rules, cash=cash, execution=execution or Execution())
    return ParameterChoice(result, pl.DataFrame(rows, infer_schema_length=None), found)


def choice_metrics(chosen: ParameterChoice) -> pl.DataFrame:
    """Return what was earned: a row for the choices, and one for the variant that is best in hindsight, over the same sessions.

    Returns
    -------
    ``run``, ``n`` sessions, ``sharpe`` (a year) with the ends of its 95 % interval ``sharpe_low, sharpe_high``, ``annual_return`` and
    ``annual_volatility`` (fractions); null where returns do not vary.
    """
    rows = []
    for name, metrics in (
        (_CHOSEN, chosen.result.metrics),
        (_HINDSIGHT, performance(_hindsight(chosen), market=chosen.found.market)),
    ):
        found = {row["metric"]: row for row in metrics.iter_rows(named=True)}
        ratio = found["sharpe"]
        rows.append(
            (name, ratio["n"], ratio["value"], ratio["ci_low"], ratio["ci_high"], *(found[m]["value"] for m in _FRACTIONS)),
        )
    schema = {"run": pl.String, "n": pl.Int64, **dict.fromkeys(("sharpe", "sharpe_low", "sharpe_high", *_FRACTIONS), pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def choice_section(chosen: ParameterChoice) -> Section:
    """Return the choices as a table, and the result beside the variant that was best in hindsight: its Sharpe ratio, years and line."""
    lines = ((_CHOSEN, chosen.result.portfolio), (_HINDSIGHT, _hindsight(chosen)))
    net = pl.concat([frame.sort("session").select(pl.lit(name).alias("run"), "session", "net_return") for name, frame in lines])
    nav = net.select("run", "session", nav=(1 + pl.col("net_return")).cum_prod().over("run"))
    years = (
        net.group_by(pl.col("session").dt.year().cast(pl.String).alias("year"), "run", maintain_order=True)
        .agg(net_return=(1 + pl.col("net_return")).product() - 1)
        .pivot("run", index="year", values="net_return")
        .sort("year")
    )  # fmt: skip
    told = choice_metrics(chosen)
    low, ratio, high = (figures(told[name], lambda value: f"{value:.2f}") for name in ("sharpe_low", "sharpe", "sharpe_high"))
    ends = [
        None if a["value"] is None else {"low": a["value"], "high": b["value"], "text": f"{a['text']} … {b['text']}"}
        for a, b in zip(low, high, strict=True)
    ]
    earned = told.select("run", "n", ratio, pl.Series("95 % interval", ends, dtype=INTERVAL), *_FRACTIONS)
    highlights = [
        Highlight(f"Sharpe ratio, {name}", cell["text"] or "–", "" if end is None else f"95\u00a0%: {end['text']}")
        for name, cell, end in zip(told["run"], ratio, ends, strict=True)
    ]
    text = (
        "At each date the variant with the highest Sharpe ratio of the sessions before was chosen and held until the next. The other line "
        "is the variant that turned out best over all sessions: nobody could have known it, and the distance is what choosing costs. Both "
        "are over the sessions from the first choice on."
    )
    tables = (
        ("What was earned", percent(earned, *_FRACTIONS)),
        ("Net return by year", percent(years, _CHOSEN, _HINDSIGHT, digits=1)),
        ("Choices", percent(chosen.choices, "next_return", digits=1)),
    )
    return Section("Parameters chosen walking forward", text, figures=(compared_nav(nav),), tables=tables, highlights=highlights)


def _hindsight(chosen: ParameterChoice) -> pl.DataFrame:
    """Return the net returns of the variant with the highest Sharpe ratio of all sessions, over those of the choices, as a ``portfolio``.

    A sweep keeps net returns alone: costs, turnover and exposure are set to zero and mean nothing.
    """
    own = chosen.found.returns.filter(pl.col("variant") == chosen.found.best["variant"])
    cut = own.join(chosen.result.portfolio.select("session"), on="session", how="semi").sort("session")
    zero = (pl.lit(0.0).alias(name) for name in ("cost", "turnover", "gross_exposure", "net_exposure"))
    whole = cut.with_columns(*zero, gross_return="net_return", nav=(1 + pl.col("net_return")).cum_prod())
    return whole.select(list(PORTFOLIO.schema))


def _best(past: Floats) -> tuple[int, float | None]:
    """Return the variant with the highest Sharpe ratio (the first of equals), and the ratio; the first variant when none has one."""
    spread = past.std(axis=1, ddof=1)
    known = spread > 1e-14
    ratio = np.where(known, past.mean(axis=1) / np.where(known, spread, 1.0), -np.inf)
    chosen = int(ratio.argmax())
    return chosen, float(ratio[chosen]) if known[chosen] else None


def _standing(weights: pl.DataFrame, since: date, until: date, before: pl.DataFrame | None) -> pl.DataFrame:
    """Return the targets of a variant from ``since`` to ``until``; what it had decided before stands at ``since``.

    A variant that has decided nothing yet lets go of what the one ``before`` it holds.
    """
    frame = WEIGHTS.validate(weights.drop("asof", strict=False)).sort("session", "symbol")
    last = frame.filter(pl.col("session") <= since)["session"].max()
    if last is not None:
        standing = frame.filter(pl.col("session") == last).with_columns(session=pl.lit(since))
    else:
        held = frame.clear() if before is None else before
        standing = held.select(pl.lit(since).alias("session"), pl.col("symbol").unique().sort(), pl.lit(0.0).alias("weight"))
    return pl.concat([standing, frame.filter((pl.col("session") > since) & (pl.col("session") <= until))])
