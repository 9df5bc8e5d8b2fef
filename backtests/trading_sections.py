"""The sections of a report on a backtest: what it earned, how it traded, what becomes of it under strain, which news earned it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from backtests import trading_plots
from backtests.attribution import Attribution
from backtests.capacity import Capacity
from backtests.plots import turnover_and_exposure
from backtests.report import Highlight, Section
from backtests.robustness import Robustness
from backtests.simulation import Backtest
from backtests.sweep import Sweep
from backtests.tables import FIGURE, INTERVAL, LINK, figures, percent
from backtests.trials import Search
from backtests.verdict import capacity_words, counted, highlights, sweep_interval

__all__ = [
    "MARKETS",
    "attribution_section",
    "backtest_sections",
    "capacity_section",
    "cost_breakdown",
    "judged_section",
    "monthly_returns_table",
    "named_metrics",
    "robustness_section",
    "sweep_section",
    "trades_section",
]

MARKETS = {"cn": "mainland China", "hk": "Hong Kong", "us": "United States", "crypto": "crypto assets"}

_LABELS = {
    "annual_return": "Annual return",
    "annual_volatility": "Annual volatility",
    "sharpe": "Sharpe ratio",
    "hit_rate": "Hit rate",
    "skewness": "Skewness",
    "excess_kurtosis": "Excess kurtosis",
    "sortino": "Sortino ratio",
    "max_drawdown": "Maximum drawdown",
    "calmar": "Calmar ratio",
    "annual_turnover": "Annual turnover",
    "annual_cost": "Annual cost",
    "beta": "Beta",
    "annual_alpha": "Annual alpha",
    "tracking_error": "Tracking error",
    "information_ratio": "Information ratio",
}
_PERCENT = {"annual_return", "annual_volatility", "hit_rate", "max_drawdown", "annual_cost", "annual_alpha", "tracking_error"}

#: of a judged Sharpe ratio: name, and how it is computed (empty: as its own row says)
_JUDGED = {
    "deflated_sharpe": ("Deflated Sharpe ratio", "probability that the true ratio is above zero, given how many were tried"),
    "probabilistic_sharpe": ("Probabilistic Sharpe ratio", "the same probability for a single try"),
    "sharpe": ("Sharpe ratio of a year", ""),
    "sharpe_period": ("Sharpe ratio of a session", "the same ratio before it is scaled to a year"),
    "expected_maximum_sharpe": ("Best ratio without skill", "of a session: what the best of so many tries is expected to show"),
    "minimum_track_record": ("Minimum track record", "sessions until the probability for a single try is 95 %"),
}
_JUDGED_COLUMNS = {
    "figure": pl.String, **dict.fromkeys(("value", "ci_low", "ci_high"), pl.Float64), "n": pl.Int64, "how": pl.String,
}  # fmt: skip
_SHOWN_FIRST = ("annual_return", "sharpe", "max_drawdown", "annual_turnover", "annual_cost")
_FEES = ("commission", "stamp_duty", "transfer_fee", "slippage")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def backtest_sections(result: Backtest) -> list[Section]:
    """Return what a backtest earned (net asset value, rolling Sharpe ratio, months, metrics), and how it traded."""
    sessions = result.portfolio["session"]
    metrics = {row["metric"]: row for row in result.metrics.iter_rows(named=True)}
    money = f"{result.cash:,.0f} {result.base or result.costs.currency}"
    text = (
        f"{sessions[0]} to {sessions[-1]}, {len(sessions):,} sessions, starting with {money}. "
        "All returns are net of costs unless said otherwise.\n\n" + " ".join(result.notes)
    )
    earned = Section(
        f"Backtest: {MARKETS.get(result.market, result.market)}",
        text,
        figures=(result.plot(), trading_plots.rolling_sharpe(result.portfolio, result.market)),
        tables=(("Net return by month", monthly_returns_table(result.portfolio)), ("Performance", named_metrics(result.metrics))),
        highlights=[_highlight(metrics[name]) for name in _SHOWN_FIRST if name in metrics],
    )
    return [earned, _trading(result)]


def monthly_returns_table(portfolio: pl.DataFrame) -> pl.DataFrame:
    """Return net returns by month, a row a year, compounded; the last column is the year."""
    frame = portfolio.sort("session").select(
        year=pl.col("session").dt.year(), month=pl.col("session").dt.month(), growth=1 + pl.col("net_return")
    )
    months = frame.group_by("year", "month").agg(pl.col("growth").product()).sort("year", "month")
    years = frame.group_by("year").agg(pl.col("growth").product()).sort("year")
    by = {(year, month): growth - 1 for year, month, growth in months.rows()}
    rows = [(str(year), *[by.get((year, k)) for k in range(1, 13)], growth - 1) for year, growth in years.rows()]
    schema = {"year": pl.String, **dict.fromkeys((*_MONTHS, "all"), pl.Float64)}
    return percent(pl.DataFrame(rows, schema=schema, orient="row"), *_MONTHS, "all", digits=1)


def named_metrics(metrics: pl.DataFrame) -> pl.DataFrame:
    """Return a ``metrics`` table for reading: names in words, percent where a figure is a fraction."""
    rows = [
        {
            "metric": _LABELS.get(row["metric"], row["metric"].replace("_", " ")),
            "value": {"value": row["value"], "text": _number(row["metric"], row["value"])},
            "standard error": {"value": row["std_error"], "text": _number(row["metric"], row["std_error"])},
            "95 % interval": {"low": row["ci_low"], "high": row["ci_high"], "text": _between(row)},
            "n": row["n"],
            "method": row["method"],
        }
        for row in metrics.iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema_overrides={"value": FIGURE, "standard error": FIGURE, "95 % interval": INTERVAL})


def cost_breakdown(result: Backtest) -> pl.DataFrame:
    """Return ``cost, amount`` (currency units), ``share`` of all costs and ``basis_points`` of the value traded; ``all`` comes last."""
    portfolio = result.portfolio.sort("session")
    traded = float((portfolio["turnover"] * portfolio["nav"].shift(1, fill_value=1.0)).sum()) * result.cash
    # an account made elsewhere may have orders only
    paid = result.orders.select(_FEES) if result.charges is None else result.charges.drop("session")
    amounts = [(name.replace("_", " "), float(paid[name].sum())) for name in paid.columns]
    total = sum(amount for _, amount in amounts)
    shown = [(name, amount) for name, amount in amounts if amount != 0]
    rows = [(n, a, a / total if total else None, a / traded * 1e4 if traded else None) for n, a in [*shown, ("all", total)]]
    return pl.DataFrame(rows, schema={"cost": pl.String, **dict.fromkeys(("amount", "share", "basis_points"), pl.Float64)}, orient="row")


def judged_section(performance: pl.DataFrame, search: Search | None) -> Section:
    """Return how sure a Sharpe ratio is; arguments as of :func:`backtests.verdict.headline`."""
    text = (
        "The Sharpe ratio of the net returns, and what is left of it after the number of variants that were tried: the measured ratio less "
        "what the best of so many would show without skill. Its interval is the one given wherever the ratio stands in this report. The "
        "probabilities follow Bailey and López de Prado (2012, 2014), who take returns as independent of each other."
    )
    if search is not None:
        text += f" The ledger holds {counted(search.n_trials, 'distinct trial')}"
        text += (
            "." if search.counting == "all" else f", worth {search.effective:.1f} independent ones ({search.counting.replace('_', ' ')})."
        )
    rows = {row["metric"]: row for row in performance.iter_rows(named=True)}
    told = [
        {"figure": label, **{end: rows[name][end] for end in ("value", "ci_low", "ci_high", "n")}, "how": how or rows[name]["method"]}
        for name, (label, how) in _JUDGED.items()
        if name in rows
    ]
    shown = pl.DataFrame(told, schema=_JUDGED_COLUMNS)
    shown = shown.with_columns(_decimals(shown[name]) for name in ("value", "ci_low", "ci_high"))
    return Section("How sure it is", text, tables=(("Sharpe ratio", shown),), highlights=highlights(performance, search))


def robustness_section(found: Robustness) -> Section:
    """Return the checks as a table, with the Sharpe ratios drawn."""
    shown = found.table.filter(pl.col("metric") != "annual_return").with_columns(
        pl.col("metric").replace({"sharpe": "Sharpe ratio", "gross_sharpe": "Sharpe before costs", "annual_turnover": "turnover a year"}),
        note=pl.when(pl.col("note") == "").then(None).otherwise("note"),
    )
    columns = {"value": "value", "base": "result", "n": "n", "low": "low", "high": "high", "p_value": "p_value", "note": "note"}
    frame = shown.select("check", "metric", *[pl.col(old).alias(new) for old, new in columns.items()])
    frame = frame.with_columns(_decimals(frame[name]) for name in ("value", "result", "low", "high"))
    returns = found.table.filter(pl.col("metric") == "annual_return").select("check", "value", pl.col("base").alias("result"), "n")
    text = (
        "Each line changes one thing. Of chance there are many draws: the median, the range that holds 95 % of them, and the p value: "
        "the share at least as good as the result, which counts as one of them. Random entry begins the same targets at another session; "
        "shuffled signals give each session's targets to other names, which trades more: compare it before costs. "
        f"Seed {found.seed}."
    )
    tables = (("What becomes of the Sharpe ratio", frame), ("What becomes of the net return a year", percent(returns, "value", "result")))
    return Section("What it survives", text, figures=(found.plot(),), tables=tables)


def capacity_section(found: Capacity, cash: float | None = None) -> Section:
    """Return the capacity curve in words, figure and table; ``cash`` as of :func:`backtests.verdict.headline`."""
    rows = found.curve.select("capital", "annual_return", "sharpe", "annual_cost", "unfilled")
    points = (("Sharpe ratio halves at", found.half), ("Sharpe ratio is gone at", found.zero))
    # where half is never left, the capital at which a jagged curve crosses zero says nothing
    shown = [] if found.half is None else points
    highlights = [Highlight(label, _amount(value), found.currency) for label, value in shown if value is not None]
    text = f"The same targets with more money behind them: {found.note}."
    if found.sharpe is not None and found.sharpe > 0:
        text += f" {capacity_words(found, cash)}"
    table = percent(rows.with_columns(_whole(rows["capital"])), "annual_return", "annual_cost", "unfilled", digits=1)
    return Section(
        "How much money it carries", text, figures=(found.plot(),), tables=(("Capital and net result", table),), highlights=highlights
    )


def attribution_section(
    found: Attribution, exposure: pl.DataFrame, regimes: pl.DataFrame, currency: str, *, additive: bool = True
) -> Section:
    """Return which news, names and states of the market the result came from; ``additive``: the score is a sum over documents."""
    size = "what they added to its score" if additive else "the decayed tone they carry (the score itself is no sum over documents)"
    text = (
        f"The result of every position is split over the documents behind the decision that held it, in proportion to {size}; documents "
        "that spoke against the position have no part. A position no document pointed to is unexplained: it was held for its rank among "
        f"others. Every table adds up to {found.total:,.0f} {currency}"
        f"{'; a share is of this loss, so that what gained has a negative one' if found.total < 0 else ''}."
    )
    tables = [
        (caption, percent(table.with_columns(_whole(table["pnl"])), "share", digits=1))
        for caption, table in (
            ("By event type", found.by_event_type), ("By source", found.by_source), ("By language", found.by_language),
            ("By instrument", found.by_instrument),
        )
    ]  # fmt: skip
    tables.append(("Exposure: sums of daily returns", percent(exposure, "contribution", "annual")))
    # a mean over the sessions of one state, times the sessions of a year: beyond -100 % where a state is rare
    states = regimes.rename({"annual_return": "mean, a year"})
    tables.append(("State of the market", percent(states, "contribution", "mean, a year")))
    figure = trading_plots.contributions(found.by_event_type, "What each type of news earned", currency)
    return Section("Which news earned the money", text, figures=(figure,), tables=tables)


def trades_section(found: Attribution, documents: pl.DataFrame, most: int = 8) -> Section:
    """Return the best and the worst positions with the headlines behind their opening decision."""
    told = {row["doc_id"]: {"text": row["headline"], "href": row["url"]} for row in _told(found, documents, most).to_dicts()}
    tables = []
    for caption, part in (("Best", found.trips.head(most)), ("Worst", found.trips.sort("pnl", "symbol", "opened").head(most))):
        kept = part.filter(pl.col("pnl") > 0) if caption == "Best" else part.filter(pl.col("pnl") < 0)
        headlines = [[told[doc] for doc in docs or [] if doc in told] for docs in kept["doc_ids"].to_list()]
        frame = kept.select("symbol", "side", "opened", "closed", "pnl", pl.col("trade_return").alias("return"))
        frame = frame.with_columns(_whole(frame["pnl"]), pl.Series("headlines", headlines, dtype=pl.List(LINK)))
        tables.append((f"{caption} positions", percent(frame, "return", digits=1)))
    n, won = found.trips.height, int((found.trips["pnl"] > 0).sum())
    text = (
        f"{n:,} positions from first fill to exit, {won:,} of them with a gain. The return is on the largest value held. Headlines are "
        "those that spoke for the position when it was decided, the strongest first; they are quoted as they came."
    )
    return Section("Best and worst positions", text, tables=tables)


def sweep_section(found: Sweep, top: int = 20) -> Section:
    """Return a sweep as a heat map and the table of its best variants."""
    best = found.best
    chosen = ", ".join(f"{name} {best[name]}" for name in found.parameters)
    deflated = best["deflated"]
    ends = None if best["std_error"] is None else [_number("sharpe", end) for end in sweep_interval(best)]
    span = "" if ends is None else f"95\u00a0%: {ends[0]} … {ends[1]}; "
    highlights = [
        Highlight("Variants", f"{found.table.height:,}", f"deflated by {counted(found.search.n_trials, 'distinct trial')}"),
        Highlight("Best Sharpe ratio", _number("sharpe", best["sharpe"]), f"{span}{chosen}"),  # type: ignore[arg-type]
        Highlight("Deflated", "–" if deflated is None else f"{deflated:.2f}", "probability of a true ratio above zero"),
    ]
    text = (
        "Every combination of the parameters over the same sessions. In each cell the Sharpe ratio of a year, and below it the deflated "
        "Sharpe ratio: the probability that the true ratio is above zero, given that so many were tried. Variants with the same returns "
        "count once. A result to be trusted has neighbours that look like it. Standard errors are after Lo (2002), Newey–West."
    )
    names = ("sharpe", "std_error", "deflated", "annual_return", "max_drawdown", "annual_turnover")
    table = found.table.sort("sharpe", "variant", descending=[True, False], nulls_last=True).head(top).select(*found.parameters, *names)
    shown = percent(table, "deflated", "annual_return", "max_drawdown", digits=1)
    return Section("What was tried", text, figures=(found.plot(),), tables=((f"The best {table.height}", shown),), highlights=highlights)


def _trading(result: Backtest) -> Section:
    fates = (
        result.orders.group_by("status", "reason")
        .agg(pl.len().alias("orders"))
        .with_columns(share=pl.col("orders") / max(1, result.orders.height))
        .sort(["status", "orders", "reason"], descending=[False, True, False], nulls_last=True)
    )
    rules = pl.DataFrame(
        {
            "since": [str(p.since) for p in result.rules.provisions],
            "rule": [p.text for p in result.rules.provisions],
            "source": [p.source for p in result.rules.provisions],
        }
    )
    rejected = result.orders.filter(pl.col("status") == "rejected").height
    costs = cost_breakdown(result)
    costs = costs.with_columns(_whole(costs["amount"]), figures(costs["basis_points"], lambda value: f"{value:,.2f}"))
    return Section(
        "How it traded",
        f"{result.orders.height:,} orders, of which {rejected:,} were rejected. {_breadth(result.weights)}",
        figures=(turnover_and_exposure(result.portfolio),),
        tables=(
            (f"What was paid, {result.base or result.costs.currency}", percent(costs, "share", digits=1)),
            ("What became of the orders", percent(fates, "share", digits=1)),
            ("Trading rules applied", rules),
        ),
    )


def _breadth(weights: pl.DataFrame) -> str:
    """Say how many names the targets hold and how much the largest weighs: with few of them a result is that of single names."""
    held = weights.filter(pl.col("weight") != 0)
    if held.is_empty():
        return "Nothing was ever to be held."
    counts = held.group_by("session").len()["len"].sort().to_list()
    median, largest = counts[len(counts) // 2], max(held["weight"].abs().to_list())
    return (
        f"The targets of a session hold {median:,} name{'' if median == 1 else 's'} in the median, {counts[0]:,} at least and "
        f"{counts[-1]:,} at most; the largest single weight is {largest:.0%} of net asset value."
    )


def _told(found: Attribution, documents: pl.DataFrame, most: int) -> pl.DataFrame:
    shown = pl.concat([found.trips.head(most), found.trips.sort("pnl", "symbol", "opened").head(most)])
    wanted = shown["doc_ids"].explode().drop_nulls().unique()
    return documents.filter(pl.col("doc_id").is_in(wanted.implode())).select("doc_id", "headline", "url")


def _amount(value: float) -> str:
    for size, name in ((1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.0f}"


def _whole(column: pl.Series) -> pl.Series:
    """Write amounts of money without decimals."""
    return figures(column, lambda value: f"{value:,.0f}")


def _decimals(column: pl.Series) -> pl.Series:
    """Write each figure of a column of unlike ones with two or three decimals, whatever stands beside it."""
    return figures(column, lambda v: f"{v:,.1f}" if abs(v) >= 100 else f"{v:.2f}" if abs(v) >= 1 else f"{v:.3f}")


def _number(metric: str, value: float | None, digits: int = 2) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    return (f"{value:.{digits}%}" if metric in _PERCENT else f"{value:,.{digits}f}").replace("-", "−")


def _between(row: Mapping[str, Any]) -> str:
    return "–" if row["ci_low"] is None else f"{_number(row['metric'], row['ci_low'])} … {_number(row['metric'], row['ci_high'])}"


def _highlight(row: Mapping[str, Any]) -> Highlight:
    name, times = row["metric"], "×" if row["metric"] == "annual_turnover" else ""
    short = [_number(name, row[end], 1 if name in _PERCENT else 2) for end in ("value", "ci_low", "ci_high")]
    return Highlight(
        _LABELS[name],
        short[0] + (times if row["value"] is not None else ""),
        "" if row["ci_low"] is None else f"95\u00a0%: {short[1].rstrip('%')} … {short[2]}",
    )
