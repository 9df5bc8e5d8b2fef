"""Figures of a backtest and of what was asked of it, in the style of :mod:`backtests.plots`."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import polars as pl

from backtests.metrics import PERIODS
from backtests.plots import COLOURS, styled
from research.errors import SchemaError, UsageError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from backtests.capacity import Capacity
    from backtests.sweep import Sweep

__all__ = ["capacity_figure", "compared_nav", "contributions", "heat_map", "robustness_figure", "rolling_sharpe"]

#: sessions of a rolling Sharpe ratio, of a long result and at least
_WINDOW, _SHORTEST = 63, 20

_CYCLE = ("blue", "orange", "green", "purple", "red", "grey")

#: low to high, apart under colour vision deficiency, the middle seen on white and on black
_SCALE = ((0.0, "#c0523f"), (0.5, "#9aa0a8"), (1.0, "#2b8cbe"))


def rolling_sharpe(portfolio: pl.DataFrame, market: str, window: int | None = None) -> Figure:
    """Plot the Sharpe ratio of the last ``window`` sessions, a year; nothing before there are as many.

    By default 63 sessions; of a result of fewer than 126 sessions half its length, but at least 20.
    """
    import plotly.graph_objects as go

    window = window or max(_SHORTEST, min(_WINDOW, portfolio.height // 2))
    frame = portfolio.sort("session")
    mean, sigma = (getattr(pl.col("net_return"), name)(window) for name in ("rolling_mean", "rolling_std"))
    ratio = pl.when(sigma > 1e-12).then(mean / sigma * PERIODS[market] ** 0.5)
    values = frame.select(ratio).to_series().to_list()
    figure = go.Figure(
        go.Scatter(
            x=frame["session"].to_list(), y=values, name="Sharpe ratio", line={"color": COLOURS["blue"], "width": 1.8},
            hovertemplate="%{y:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": COLOURS["grey"], "width": 1})
    styled(figure, height=280)
    figure.update_layout(title_text=f"Sharpe ratio of the last {window} sessions")
    figure.update_yaxes(title_text="a year")
    return figure


def contributions(table: pl.DataFrame, title: str, currency: str, most: int = 14) -> Figure:
    """Plot what each ``by`` of an attribution table earned (``pnl``), best first; of a long table those that moved most."""
    import plotly.graph_objects as go

    if not {"by", "pnl"} <= set(table.columns):
        raise SchemaError("attribution", "by", f"columns {', '.join(table.columns)}", "columns by and pnl")
    shown = table.filter(pl.col("pnl").abs() > 0).sort(pl.col("pnl").abs(), descending=True).head(most).sort("pnl")
    figure = go.Figure(
        go.Bar(
            x=shown["pnl"].to_list(), y=[escape(_short(name)) for name in shown["by"].to_list()], orientation="h",
            marker={"color": [COLOURS["blue"] if v >= 0 else COLOURS["red"] for v in shown["pnl"].to_list()], "line": {"width": 0}},
            hovertemplate="%{x:,.0f}<extra></extra>",
        )
    )  # fmt: skip
    styled(figure, height=120 + 26 * max(shown.height, 1))
    figure.update_layout(title_text=title, hovermode="closest")
    figure.update_xaxes(title_text=currency, tickformat="~s")
    figure.update_yaxes(type="category")
    return figure


def robustness_figure(table: pl.DataFrame) -> Figure:
    """Plot the Sharpe ratio of every check of :mod:`backtests.robustness`, the result's own as a line; draws with their 95 % range."""
    import plotly.graph_objects as go

    rows = table.filter((pl.col("metric") == "sharpe") & pl.col("value").is_not_null()).reverse()
    names = [escape(_short(name, 34)) for name in rows["check"].to_list()]
    values = rows["value"].to_list()
    reach = {
        "type": "data", "symmetric": False, "array": (rows["high"] - rows["value"]).fill_null(0.0).to_list(),
        "arrayminus": (rows["value"] - rows["low"]).fill_null(0.0).to_list(), "color": COLOURS["grey"], "thickness": 1.4, "width": 4,
    }  # fmt: skip
    figure = go.Figure(
        go.Scatter(
            x=values, y=names, mode="markers", error_x=reach, marker={"color": COLOURS["blue"], "size": 10}, name="Sharpe ratio",
            showlegend=False, hovertemplate="%{x:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=0, line={"color": COLOURS["grey"], "width": 1})
    if rows.height and rows["base"][-1] is not None:
        figure.add_vline(
            x=rows["base"][-1], line={"color": COLOURS["orange"], "width": 2}, annotation_text="result", annotation_position="top"
        )
    styled(figure, height=130 + 30 * max(rows.height, 1))
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title_text="Sharpe ratio, a year")
    figure.update_yaxes(type="category")
    return figure


def capacity_figure(found: Capacity) -> Figure:
    """Plot net return and Sharpe ratio against capital, with the capitals at which half and all of the Sharpe ratio is gone."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    # where half of what is asked for is not traded, it is another strategy
    curve = found.curve.drop_nulls("sharpe").filter(pl.col("unfilled") <= 0.5)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1)
    for row, (column, name, colour, form) in enumerate(
        (("sharpe", "Sharpe ratio", "blue", "%{y:.2f}"), ("annual_return", "net return a year", "green", "%{y:.1%}")), 1
    ):
        figure.add_trace(
            go.Scatter(
                x=curve["capital"].to_list(), y=curve[column].to_list(), name=name, mode="lines+markers", hovertemplate=form,
                line={"color": COLOURS[colour], "width": 2}, marker={"size": 4}, showlegend=False,
            ),
            row, 1,
        )  # fmt: skip
        figure.add_hline(y=0, line={"color": COLOURS["grey"], "width": 1}, row=row, col=1)
    for value, name in ((found.half, "half"), (None if found.half is None else found.zero, "none")):
        if value is not None:
            figure.add_vline(x=value, line={"color": COLOURS["orange"], "width": 1.4, "dash": "dot"})
            figure.add_annotation(x=_log10(value), y=1.06, xref="x", yref="paper", text=name, showarrow=False)
    styled(figure, height=420)
    figure.update_xaxes(type="log", tickformat="~s", dtick="D2")
    figure.update_xaxes(title_text=f"capital, {found.currency}", row=2, col=1)
    figure.update_yaxes(title_text="Sharpe, a year", row=1, col=1)
    figure.update_yaxes(title_text="net return", tickformat=".0%", row=2, col=1)
    return figure


def heat_map(found: Sweep, x: str | None = None, y: str | None = None) -> Figure:
    """Plot the Sharpe ratio over two parameters: colour and the first line of a cell; its second line is the deflated Sharpe ratio.

    Where a sweep has further parameters a cell shows the mean of its variants: the best of them would flatter it.

    Raises
    ------
    UsageError
        For a name that is no parameter, or the same twice.
    """
    import plotly.graph_objects as go

    names = found.parameters
    x = names[0] if x is None else x
    y = next((name for name in names if name != x), None) if y is None else y
    if x not in names or (y is not None and y not in names) or x == y:
        raise UsageError(f"The axes came as {x} and {y}; expected two of the parameters {', '.join(names)}.")
    across = found.table[x].unique(maintain_order=True).to_list()
    down = [None] if y is None else found.table[y].unique(maintain_order=True).to_list()
    keys = [x] if y is None else [x, y]
    cells = found.table.group_by(keys, maintain_order=True).agg(pl.col("sharpe", "deflated").mean(), n=pl.len())
    value = {tuple(row[:-3]): row[-3:] for row in cells.rows()}
    pick = [[value.get((a,) if y is None else (a, b), (None, None, 0)) for a in across] for b in down]
    figure = go.Figure(
        go.Heatmap(
            x=[escape(str(a)) for a in across], y=[escape("" if b is None else str(b)) for b in down],
            z=[[cell[0] for cell in line] for line in pick],
            text=[["" if c[0] is None else f"{c[0]:.2f}<br>{'–' if c[1] is None else f'{c[1]:.0%}'}" for c in line] for line in pick],
            texttemplate="%{text}", zmid=0, colorscale=[list(step) for step in _SCALE], textfont={"color": "#ffffff", "size": 11},
            hovertemplate=f"{escape(x)} %{{x}}<br>{escape(y or '')} %{{y}}<br>Sharpe %{{z:.3f}}<extra></extra>", xgap=2, ygap=2,
            colorbar={"thickness": 10, "outlinewidth": 0},
        )
    )  # fmt: skip
    styled(figure, height=140 + max(46 * len(down), 90))
    figure.update_layout(hovermode="closest", title_text=f"Sharpe ratio of {found.table.height} variants, deflated below it")
    figure.update_xaxes(title_text=escape(x.replace("_", " ")), type="category", showgrid=False)
    figure.update_yaxes(title_text=escape((y or "").replace("_", " ")), type="category", showgrid=False)
    return figure


def compared_nav(runs: pl.DataFrame) -> Figure:
    """Plot the net asset value of several runs; columns ``run, session, nav``."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for k, name in enumerate(runs["run"].unique(maintain_order=True).to_list()):
        part = runs.filter(pl.col("run") == name).sort("session")
        figure.add_trace(
            go.Scatter(
                x=part["session"].to_list(), y=part["nav"].to_list(), name=escape(_short(name)), hovertemplate="%{y:.4f}",
                line={"color": COLOURS[_CYCLE[k % len(_CYCLE)]], "width": 1.8, "dash": "solid" if k < len(_CYCLE) else "dot"},
            )
        )  # fmt: skip
    styled(figure, height=400)
    figure.update_yaxes(title_text="net asset value")
    return figure


def _short(name: str, most: int = 40) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _log10(value: float) -> float:
    from math import log10

    return log10(value)
