"""Several runs side by side: the same figures for each, over the sessions they share, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from backtests.inference import newey_west_mean
from backtests.metrics import PERIODS, performance
from backtests.report import Section
from backtests.schemas import PORTFOLIO
from backtests.scored import hac_lags
from backtests.tables import percent
from backtests.trading_plots import compared_nav
from research.errors import UsageError

__all__ = ["Comparison", "compare", "comparison_section"]

_METRICS = ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "annual_turnover", "annual_cost")
_FRACTIONS = ("annual_return", "annual_volatility", "max_drawdown", "annual_cost")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Runs over the sessions they share.

    Attributes
    ----------
    metrics
        A row a run: ``run``, ``n`` sessions, then the metrics; ``sharpe_low, sharpe_high`` are its 95 % interval.
    differences
        Each run against the first: ``run``, ``against``, ``annual_difference`` (mean of net return less net return, a year), its
        ``std_error`` and two-sided ``p_value`` (Newey–West), ``correlation`` of the returns.
    nav
        ``run, session, nav``, rebased to 1 before the first shared session.
    """

    metrics: pl.DataFrame
    differences: pl.DataFrame
    nav: pl.DataFrame


def compare(runs: Mapping[str, pl.DataFrame], *, market: str) -> Comparison:
    """Compare runs by their ``portfolio`` tables (``result.portfolio``), in the order given; the first is what the others are held against.

    Raises
    ------
    UsageError
        With fewer than two runs, or when they share fewer than two sessions.
    """
    if len(runs) < 2:
        raise UsageError(f"{len(runs)} run came to be compared; expected at least two, by name.")
    if market not in PERIODS:
        raise UsageError(f"market came as {market!r}; expected one of {', '.join(PERIODS)}.")
    frames = {name: PORTFOLIO.validate(frame).sort("session") for name, frame in runs.items()}
    shared = frames[next(iter(frames))].select("session")
    for frame in frames.values():
        shared = shared.join(frame.select("session"), on="session", how="semi", maintain_order="left")
    if shared.height < 2:
        raise UsageError(f"The runs {', '.join(runs)} share {shared.height} sessions; expected spans that overlap.")
    cut = {name: frame.join(shared, on="session", how="semi", maintain_order="left") for name, frame in frames.items()}
    rows, navs, differences = [], [], []
    base_name, base = next(iter((name, frame["net_return"].to_numpy()) for name, frame in cut.items()))
    for name, frame in cut.items():
        rebased = frame.with_columns(nav=(1 + pl.col("net_return")).cum_prod())
        found = {row["metric"]: row for row in performance(rebased, market=market).iter_rows(named=True)}
        values = {metric: found[metric]["value"] for metric in _METRICS}
        sharpe = found["sharpe"]
        rows.append({"run": name, "n": frame.height, **values, "sharpe_low": sharpe["ci_low"], "sharpe_high": sharpe["ci_high"]})
        navs.append(rebased.select(pl.lit(name).alias("run"), "session", "nav"))
        if name == base_name:
            continue
        net = frame["net_return"].to_numpy()
        estimate = newey_west_mean(net - base, hac_lags(len(net), 1))
        year = PERIODS[market]
        vary = net.std() > 0 and base.std() > 0
        differences.append(
            {
                "run": name,
                "against": base_name,
                "annual_difference": None if estimate.mean is None else estimate.mean * year,
                "std_error": None if estimate.std_error is None else estimate.std_error * year,
                "p_value": estimate.p_value,
                "correlation": float(np.corrcoef(net, base)[0, 1]) if vary else None,
            }
        )
    floats = ("annual_difference", "std_error", "p_value", "correlation")
    return Comparison(
        pl.DataFrame(rows, infer_schema_length=None),
        pl.DataFrame(differences, schema={"run": pl.String, "against": pl.String, **dict.fromkeys(floats, pl.Float64)}),
        pl.concat(navs),
    )


def comparison_section(found: Comparison, settings: Mapping[str, Mapping[str, object]] | None = None) -> Section:
    """Return a comparison as one section.

    Parameters
    ----------
    found
        The comparison.
    settings
        Run to what it was run with (the content of its ``run.json``): becomes a table, and the text names what differs.
    """
    first = found.differences["against"][0]
    text = (
        f"{found.metrics['n'][0]:,} sessions that all runs share, net of costs. Differences are each run's mean return less that of "
        f"{first}, a year; their errors allow for returns that follow each other (Newey-West)."
    )
    tables = [
        ("Runs", percent(found.metrics, *_FRACTIONS)),
        ("Differences", percent(found.differences, "annual_difference", "std_error")),
    ]
    if settings:
        rows = {run: {key: _said(value) for key, value in settings.get(run, {}).items()} for run in found.metrics["run"]}
        keys = [key for key in dict.fromkeys(key for row in rows.values() for key in row) if key != "run"]
        differ = [key.replace("_", " ") for key in keys if len({row.get(key) for row in rows.values()}) > 1]
        text += f"\n\nThe runs differ in {', '.join(differ)}." if differ else "\n\nThe runs have the same settings."
        columns = {key: [row.get(key) for row in rows.values()] for key in keys}
        tables.append(("Settings", pl.DataFrame({"run": list(rows), **columns}, schema=dict.fromkeys(("run", *keys), pl.String))))
    return Section("Side by side", text, figures=(compared_nav(found.nav),), tables=tables)


def _said(value: object) -> str | None:
    """Write a setting: yes and no, whole numbers with separators."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return f"{value:,.0f}" if whole else str(value)
