"""Figures: functions from tables to plotly figures, one style, never shown.

Colours are from Okabe and Ito's palette, which stays apart under every common colour vision deficiency. Backgrounds are
transparent and greys are mid-toned, so that a figure reads on white and on black alike. Names that come from data are escaped:
plotly reads a little HTML in them.
"""

from __future__ import annotations

from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from research.errors import SchemaError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "COLOURS",
    "coverage",
    "ic_decay",
    "nav_and_drawdown",
    "planted_vs_measured",
    "quantile_spread",
    "styled",
    "turnover_and_exposure",
]

COLOURS = MappingProxyType(
    {"blue": "#2b8cbe", "orange": "#e08214", "green": "#1b9e77", "red": "#d95f4c", "purple": "#9a6fb0", "grey": "#8a8f98"}
)

_CYCLE = ("blue", "orange", "green", "purple", "red", "grey")
_GRID = "rgba(138,143,152,0.22)"
_ZERO = "rgba(138,143,152,0.65)"


def styled(figure: Figure, *, height: int = 380, percent_y: bool = False) -> Figure:
    """Apply the common style to ``figure`` and return it; ``percent_y`` writes the y axis in percent."""
    figure.update_layout(
        template="none",
        height=height,
        colorway=[COLOURS[name] for name in _CYCLE],
        font={
            "family": "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Noto Sans CJK SC', sans-serif",
            "size": 13,
            "color": COLOURS["grey"],
        },
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 58, "r": 16, "t": 36, "b": 44},
        hovermode="x unified",
        hoverlabel={"bgcolor": "#22262c", "font": {"color": "#f2f3f5"}, "bordercolor": "#22262c"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    figure.update_xaxes(gridcolor=_GRID, zerolinecolor=_ZERO, linecolor=_ZERO, ticks="", automargin=True)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_ZERO, linecolor="rgba(0,0,0,0)", automargin=True)
    if percent_y:
        figure.update_yaxes(tickformat=".1%")
    return figure


def nav_and_drawdown(portfolio: pl.DataFrame, benchmark: pl.DataFrame | None = None) -> Figure:
    """Plot net asset value (net and before costs) above drawdown.

    ``portfolio`` is the ``portfolio`` table; ``benchmark`` has columns ``session, benchmark_return`` (null: no return that day).
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    _need(portfolio, "portfolio", "session", "net_return", "gross_return", "nav")
    frame = portfolio.sort("session").with_columns(
        _gross=(1 + pl.col("gross_return")).cum_prod(),
        _drawdown=pl.col("nav") / pl.max_horizontal(pl.col("nav").cum_max(), pl.lit(1.0)) - 1,
    )
    lines = [("before costs", frame["session"], frame["_gross"], {"color": COLOURS["grey"], "width": 1.3, "dash": "dot"})]
    if benchmark is not None:
        other = benchmark.sort("session")
        level = (1 + other["benchmark_return"].fill_null(0.0)).cum_prod()
        lines.append(("benchmark", other["session"], level, {"color": COLOURS["orange"], "width": 1.3}))
    lines.append(("net asset value", frame["session"], frame["nav"], {"color": COLOURS["blue"], "width": 2}))
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    for name, days, values, line in lines:
        figure.add_trace(go.Scatter(x=days.to_list(), y=values.to_list(), name=name, line=line, hovertemplate="%{y:.4f}"), 1, 1)
    figure.add_trace(
        go.Scatter(
            x=frame["session"].to_list(), y=frame["_drawdown"].to_list(), name="drawdown", showlegend=False, fill="tozeroy",
            fillcolor="rgba(217,95,76,0.25)", line={"color": COLOURS["red"], "width": 1}, hovertemplate="%{y:.2%}",
        ),
        2, 1,
    )  # fmt: skip
    styled(figure, height=460)
    figure.update_yaxes(title_text="net asset value", row=1, col=1)
    figure.update_yaxes(title_text="drawdown", tickformat=".0%", row=2, col=1)
    return figure


def turnover_and_exposure(portfolio: pl.DataFrame) -> Figure:
    """Plot gross and net exposure above the turnover of each session; ``portfolio`` is the ``portfolio`` table."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    _need(portfolio, "portfolio", "session", "turnover", "gross_exposure", "net_exposure")
    frame = portfolio.sort("session")
    days = frame["session"].to_list()
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.55, 0.45], vertical_spacing=0.08)
    for column, name, colour in (("gross_exposure", "gross exposure", "blue"), ("net_exposure", "net exposure", "orange")):
        figure.add_trace(
            go.Scatter(
                x=days, y=frame[column].to_list(), name=name, line={"color": COLOURS[colour], "width": 1.6}, hovertemplate="%{y:.1%}"
            ),
            1,
            1,
        )
    figure.add_trace(
        go.Bar(
            x=days,
            y=frame["turnover"].to_list(),
            name="turnover",
            showlegend=False,
            marker={"color": COLOURS["green"], "line": {"width": 0}},
            hovertemplate="%{y:.1%}",
        ),
        2,
        1,
    )
    styled(figure, height=380)
    figure.update_yaxes(tickformat=".0%")
    figure.update_yaxes(title_text="exposure", row=1, col=1)
    figure.update_yaxes(title_text="turnover", row=2, col=1)
    return figure


def ic_decay(frame: pl.DataFrame) -> Figure:
    """Plot the mean information coefficient by horizon.

    Columns ``horizon`` (sessions) and ``ic`` (or ``mean_ic``, ``mean``), optionally ``ci_low, ci_high`` or ``std_error`` (the interval is
    then ±1.96 standard errors) and ``signal`` (one line each).
    """
    import plotly.graph_objects as go

    value = next((name for name in ("ic", "mean_ic", "mean") if name in frame.columns), "ic")
    _need(frame, "ic_decay", "horizon", value)
    if "ci_low" not in frame.columns and "std_error" in frame.columns:
        frame = frame.with_columns(ci_low=pl.col(value) - 1.96 * pl.col("std_error"), ci_high=pl.col(value) + 1.96 * pl.col("std_error"))
    figure = go.Figure()
    groups = frame["signal"].unique().sort().to_list() if "signal" in frame.columns else [None]
    for k, name in enumerate(groups):
        part = (frame if name is None else frame.filter(pl.col("signal") == name)).sort("horizon")
        figure.add_trace(
            go.Scatter(
                x=part["horizon"].to_list(),
                y=part[value].to_list(),
                name="information coefficient" if name is None else escape(name),
                mode="lines+markers",
                error_y=_interval(part, value),
                line={"color": COLOURS[_CYCLE[k % len(_CYCLE)]], "width": 2},
                marker={"size": 8},
                hovertemplate="%{y:.4f}",
            )
        )
    figure.add_hline(y=0, line={"color": _ZERO, "width": 1})
    styled(figure)
    figure.update_xaxes(title_text="horizon, sessions")
    figure.update_yaxes(title_text="information coefficient")
    figure.update_layout(showlegend=groups != [None])
    return figure


def quantile_spread(frame: pl.DataFrame) -> Figure:
    """Plot mean forward returns by quantile of the score.

    Columns ``quantile, mean_forward_return`` (fraction) and optionally ``ci_low, ci_high``.
    """
    import plotly.graph_objects as go

    _need(frame, "quantile_spread", "quantile", "mean_forward_return")
    part = frame.sort("quantile")
    figure = go.Figure(
        go.Bar(
            x=[escape(str(q)) for q in part["quantile"].to_list()],
            y=part["mean_forward_return"].to_list(),
            error_y=_interval(part, "mean_forward_return"),
            marker={
                "color": [COLOURS["blue"] if (v or 0) >= 0 else COLOURS["red"] for v in part["mean_forward_return"].to_list()],
                "line": {"width": 0},
            },
            hovertemplate="%{y:.3%}<extra></extra>",
        )
    )
    styled(figure, percent_y=True)
    figure.update_xaxes(title_text="quantile of the score, low to high", type="category")
    figure.update_yaxes(title_text="mean forward return", tickformat=".2%")
    return figure


def coverage(frame: pl.DataFrame) -> Figure:
    """Plot counts over time, or by category.

    The first ``Date`` column is the x axis (without one, the first ``String`` column); every numeric column is a series of counts.
    """
    import plotly.graph_objects as go

    dates = [name for name, dtype in frame.schema.items() if dtype == pl.Date]
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    axis = next(iter(dates + texts), None)
    series = [name for name, dtype in frame.schema.items() if dtype.is_numeric()]
    if axis is None or not series:
        raise SchemaError(
            "coverage", "session", f"columns {', '.join(frame.columns) or '(none)'}", "a Date or String column and at least one count"
        )
    part = frame.sort(axis)
    figure = go.Figure()
    for k, name in enumerate(series):
        colour = COLOURS[_CYCLE[k % len(_CYCLE)]]
        figure.add_trace(
            go.Bar(
                x=[escape(x) if isinstance(x, str) else x for x in part[axis].to_list()],
                y=part[name].to_list(),
                name=escape(name.replace("_", " ")),
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{y:,}",
            )
        )
    styled(figure, height=300)
    figure.update_layout(barmode="stack", showlegend=len(series) > 1, bargap=0.15)
    figure.update_yaxes(title_text="count", tickformat=",d")
    return figure


def planted_vs_measured(frame: pl.DataFrame) -> Figure:
    """Plot effects that were planted in a synthetic market against what was measured.

    Columns ``event_type, planted, measured, ci_low, ci_high`` (fractions) and ``n``; null where nothing could be measured.
    """
    import plotly.graph_objects as go

    _need(frame, "planted_vs_measured", "event_type", "planted", "measured", "ci_low", "ci_high", "n")
    part = frame.sort(["planted", "event_type"])
    labels = [f"{escape(name)} (n={n:,})" for name, n in zip(part["event_type"].to_list(), part["n"].to_list(), strict=True)]
    error = _interval(part, "measured")
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=part["measured"].to_list(),
            y=labels,
            mode="markers",
            name="measured, 95 % interval",
            error_x=error,
            marker={"color": COLOURS["blue"], "size": 9},
            hovertemplate="%{x:.2%}",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=part["planted"].to_list(),
            y=labels,
            mode="markers",
            name="planted",
            marker={"color": COLOURS["orange"], "size": 13, "symbol": "line-ns-open", "line": {"width": 3}},
            hovertemplate="%{x:.2%}",
        )
    )
    figure.add_vline(x=0, line={"color": _ZERO, "width": 1})
    styled(figure, height=140 + 34 * max(part.height, 1))
    figure.update_layout(hovermode="y unified")
    figure.update_xaxes(title_text="abnormal return", tickformat=".1%")
    figure.update_yaxes(type="category")
    return figure


def _interval(frame: pl.DataFrame, value: str) -> dict[str, Any] | None:
    """Return plotly's error bars from ``ci_low`` and ``ci_high``; none without them."""
    if not {"ci_low", "ci_high"} <= set(frame.columns):
        return None
    above, below = (frame["ci_high"] - frame[value]).to_list(), (frame[value] - frame["ci_low"]).to_list()
    return {"type": "data", "array": above, "arrayminus": below, "symmetric": False, "thickness": 1.4, "width": 4, "color": COLOURS["grey"]}


def _need(frame: pl.DataFrame, what: str, *columns: str) -> None:
    for name in columns:
        if name not in frame.columns:
            raise SchemaError(what, name, f"columns {', '.join(frame.columns) or '(none)'}", f"columns {', '.join(columns)}")
