"""Figures of an event study: tables in, plotly figures out, never shown.

Bands and bars are 95 % intervals, estimate ± 1.96 standard errors across events. Names that come from data are escaped, because
plotly reads a little HTML in them.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["aar", "caar", "cars"]

#: half width of a 95 % interval of a normal estimate, in standard errors
_HALF_WIDTH = 1.959963984540054

#: most groups in one panel, and panels beside each other
_TOGETHER, _BESIDE = 4, 3

#: colour-blind safe (Okabe & Ito 2008)
_COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (0, 0, 0))


def caar(average: pl.DataFrame) -> Figure:
    """Return the cumulative average abnormal return by day with its band, a line a group.

    Parameters
    ----------
    average
        The ``event_study`` table. Days without a standard error (fewer than two events) have no band. More than four groups are drawn in
        panels of their own on one scale: bands that cover each other say nothing.
    """
    groups = _by_group(average)
    if len(groups) > _TOGETHER:
        return _panels(groups)
    figure = _figure("Cumulative average abnormal return", "sessions from day 0")
    for number, (group, rows) in enumerate(groups):
        _line(figure, number, group, rows)
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": "grey"})
    return figure


def _panels(groups: list[tuple[str, pl.DataFrame]]) -> Figure:
    """Draw each group in a panel of its own, three beside each other, all on one scale."""
    from plotly.subplots import make_subplots

    lines = -(-len(groups) // _BESIDE)
    figure = make_subplots(
        rows=lines,
        cols=_BESIDE,
        shared_xaxes=True,
        shared_yaxes="all",
        subplot_titles=[f"{name} ({rows['n_events'].max()!s})" for name, rows in groups],
        vertical_spacing=0.24 / lines,
        horizontal_spacing=0.03,
    )
    for number, (group, rows) in enumerate(groups):
        _line(figure, 0, group, rows, row=number // _BESIDE + 1, col=number % _BESIDE + 1)
    figure.update_layout(
        title="Cumulative average abnormal return", template="plotly_white", height=90 + 170 * lines, showlegend=False, hovermode="closest"
    )
    figure.update_yaxes(tickformat=".0%", zeroline=True)
    figure.update_annotations(font={"size": 12})
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": "grey"})
    return figure


def _line(figure: Figure, number: int, group: str, rows: pl.DataFrame, **place: int) -> None:
    """Add a group's band and line to a figure, or to one of its panels."""
    band = rows.drop_nulls(["caar", "std_error"])
    low, high = (band["caar"] + side * _HALF_WIDTH * band["std_error"] for side in (-1.0, 1.0))
    tau = band["tau"].to_list()
    outline = {"x": tau + tau[::-1], "y": high.to_list() + low.to_list()[::-1]}
    style = {"fill": "toself", "fillcolor": _rgba(number, 0.15), "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(**outline, **style, legendgroup=group, name=f"{group} band", **place)
    line = {"mode": "lines+markers", "line": {"color": _rgba(number, 1.0)}, "customdata": rows["n_events"].to_list()}
    hover = "day %{x}: %{y:.2%}, %{customdata} events"
    figure.add_scatter(
        x=rows["tau"].to_list(), y=rows["caar"].to_list(), **line, name=group, legendgroup=group, hovertemplate=hover, **place
    )


def aar(average: pl.DataFrame, event_returns: pl.DataFrame, events: pl.DataFrame) -> Figure:
    """Return the average abnormal return of each day with its interval, groups side by side.

    Parameters
    ----------
    average
        The ``event_study`` table.
    event_returns
        The ``event_returns`` table, for the spread of each day.
    events
        The ``events`` of the result, for the group of each event.
    """
    spread = (
        event_returns.join(events.select("event_id", "symbol", "group"), on=["event_id", "symbol"])
        .group_by("group", "tau")
        .agg(_error=pl.col("abnormal_return").std() / pl.col("abnormal_return").count().sqrt())
    )
    table = average.join(spread, on=["group", "tau"], how="left")
    figure = _figure("Average abnormal return", "sessions from day 0")
    for number, (group, rows) in enumerate(_by_group(table)):
        error = {"type": "data", "array": (_HALF_WIDTH * rows["_error"]).to_list(), "thickness": 1}
        bars = {"x": rows["tau"].to_list(), "y": rows["aar"].to_list(), "error_y": error, "customdata": rows["n_events"].to_list()}
        figure.add_bar(**bars, name=group, marker={"color": _rgba(number, 0.8)}, hovertemplate="day %{x}: %{y:.2%}, %{customdata} events")
    figure.update_layout(barmode="group")
    return figure


def cars(events: pl.DataFrame, limit: int = 500) -> Figure:
    """Return each event's cumulative abnormal return with its forecast interval, from the lowest to the highest.

    Parameters
    ----------
    events
        The ``events`` of the result.
    limit
        At most so many events are drawn, the most significant ones; the title says how many were left out.
    """
    kept = events.sort(pl.col("t").abs(), "event_id", descending=[True, False], nulls_last=True).head(limit).sort("car", "event_id")
    left_out = events.height - kept.height
    figure = _figure(
        "Cumulative abnormal return by event" + (f" (the {limit} most significant, {left_out} left out)" if left_out else ""), ""
    )
    place = kept.with_row_index("_place", offset=1)
    for number, (group, rows) in enumerate(_by_group(place, "_place")):
        error = {"type": "data", "array": (_HALF_WIDTH * rows["car_std_error"]).to_list(), "thickness": 1, "width": 0}
        labels = [
            html.escape(f"{symbol} {day0} ({event_id})") for symbol, day0, event_id in rows.select("symbol", "day0", "event_id").iter_rows()
        ]
        points = {"x": rows["_place"].to_list(), "y": rows["car"].to_list(), "error_y": error, "text": labels}
        style = {"mode": "markers", "marker": {"color": _rgba(number, 1.0), "size": 5}, "hovertemplate": "%{text}: %{y:.2%}"}
        figure.add_scatter(**points, **style, name=group)
    return figure


def _by_group(table: pl.DataFrame, order: str = "tau") -> list[tuple[str, pl.DataFrame]]:
    groups = table["group"].unique().sort().to_list()
    return [(html.escape(group), table.filter(pl.col("group") == group).sort(order)) for group in groups]


def _rgba(number: int, opacity: float) -> str:
    red, green, blue = _COLOURS[number % len(_COLOURS)]
    return f"rgba({red},{green},{blue},{opacity})"


def _figure(title: str, x_title: str) -> Figure:
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.update_layout(title=title, template="plotly_white", xaxis_title=x_title, yaxis_tickformat=".1%", hovermode="closest")
    figure.add_hline(y=0, line={"width": 1, "color": "grey"})
    return figure
