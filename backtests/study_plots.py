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

__all__ = ["aar", "caar", "car_distribution", "cars", "fan", "groups", "leakage", "placebo", "sensitivity"]

#: half width of a 95 % interval of a normal estimate, in standard errors
_HALF_WIDTH = 1.959963984540054

#: most groups in one panel, panels beside each other, and panels in all
_TOGETHER, _BESIDE, _PANELS = 4, 3, 9

#: colour-blind safe (Okabe & Ito 2008)
_COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (0, 0, 0))


def caar(average: pl.DataFrame) -> Figure:
    """Return the cumulative average abnormal return by day with its band, a line a group.

    Parameters
    ----------
    average
        The ``event_study`` table. Days without a standard error (fewer than two events) have no band. More than four groups are drawn in
        panels of their own, bands that cover each other saying nothing: the nine of most events, each on its own scale.
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
    """Draw the groups of most events in panels of their own, three beside each other: on one scale a wide band flattens the others."""
    from plotly.subplots import make_subplots

    sized = sorted(((max(rows["n_events"].to_list()), name, rows) for name, rows in groups), key=lambda held: (-held[0], held[1]))
    shown = sized[:_PANELS]
    lines = -(-len(shown) // _BESIDE)
    figure = make_subplots(
        rows=lines,
        cols=_BESIDE,
        shared_xaxes=True,
        subplot_titles=[f"{name} ({n})" for n, name, _ in shown],
        vertical_spacing=0.24 / lines,
        horizontal_spacing=0.07,
    )
    for number, (_, group, rows) in enumerate(shown):
        _line(figure, 0, group, rows, row=number // _BESIDE + 1, col=number % _BESIDE + 1)
    told = f", the {len(shown)} groups of most events of {len(groups)}" if len(shown) < len(groups) else ""
    figure.update_layout(
        title=f"Cumulative average abnormal return{told}; each on its own scale",
        template="plotly_white",
        height=90 + 170 * lines,
        showlegend=False,
        hovermode="closest",
    )
    figure.update_yaxes(tickformat=".1%", zeroline=True, nticks=5)
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


def fan(event_returns: pl.DataFrame, events: pl.DataFrame, limit: int = 6) -> Figure:
    """Return the spread of the events' cumulative abnormal returns: median, and the middle half and nine tenths of them, a panel a group.

    Parameters
    ----------
    event_returns, events
        Of the result.
    limit
        At most so many groups, the largest ones.
    """
    from plotly.subplots import make_subplots

    sizes = events["group"].value_counts().sort(["count", "group"], descending=[True, False]).head(limit)
    names = sorted(sizes["group"].to_list())
    paths = (
        event_returns.join(events.select("event_id", "symbol", "group"), on=["event_id", "symbol"])
        .sort("event_id", "symbol", "tau")
        .with_columns(_car=pl.col("abnormal_return").fill_null(0.0).cum_sum().over("event_id", "symbol"))
    )
    quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)
    spread = paths.group_by("group", "tau").agg(pl.col("_car").quantile(q, "linear").alias(f"q{q}") for q in quantiles).sort("tau")
    figure = make_subplots(rows=1, cols=len(names), shared_yaxes=True, subplot_titles=[html.escape(name) for name in names])
    for column, name in enumerate(names, 1):
        rows = spread.filter(pl.col("group") == name)
        tau = rows["tau"].to_list()
        for low, high, opacity in ((0.05, 0.95, 0.12), (0.25, 0.75, 0.25)):
            outline = {"x": tau + tau[::-1], "y": rows[f"q{high}"].to_list() + rows[f"q{low}"].to_list()[::-1]}
            style = {"fill": "toself", "fillcolor": _rgba(0, opacity), "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
            figure.add_scatter(**outline, **style, name=f"{high - low:.0%}", row=1, col=column)
        figure.add_scatter(
            x=tau, y=rows["q0.5"].to_list(), name="median", line={"color": _rgba(0, 1.0)}, showlegend=False, row=1, col=column
        )
    figure.update_layout(title="Spread of cumulative abnormal returns: median, half and nine tenths of the events", template="plotly_white")
    figure.update_yaxes(tickformat=".1%")
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": "grey"})
    return figure


def car_distribution(events: pl.DataFrame) -> Figure:
    """Return the distribution of CARs: a histogram a group, and the mean as a line.

    Parameters
    ----------
    events
        The ``events`` of the result.
    """
    figure = _figure("Distribution of cumulative abnormal returns", "cumulative abnormal return")
    for number, (group, rows) in enumerate(_by_group(events, "event_id")):
        figure.add_histogram(x=rows["car"].drop_nulls().to_list(), name=group, opacity=0.6, marker={"color": _rgba(number, 0.8)})
        mean = rows["car"].mean()
        if mean is not None:
            figure.add_vline(x=mean, line={"dash": "dash", "width": 1, "color": _rgba(number, 1.0)})
    figure.update_layout(barmode="overlay", yaxis_tickformat="d", xaxis_tickformat=".1%", yaxis_title="events")
    return figure


def groups(events: pl.DataFrame) -> Figure:
    """Return the mean CAR of each group with its 95 % interval, from the lowest to the highest.

    Parameters
    ----------
    events
        The ``events`` of the result.
    """
    table = (
        events.group_by("group")
        .agg(_mean=pl.col("car").mean(), _error=pl.col("car").std() / pl.col("car").count().sqrt(), _n=pl.col("car").count())
        .sort("_mean", "group")
    )
    figure = _figure("Mean cumulative abnormal return by group", "")
    names = [f"{html.escape(group)} ({n})" for group, n in table.select("group", "_n").iter_rows()]
    error = {"type": "data", "array": (_HALF_WIDTH * table["_error"]).to_list(), "thickness": 1}
    figure.add_scatter(
        y=names, x=table["_mean"].to_list(), error_x=error, mode="markers", marker={"color": _rgba(0, 1.0)}, showlegend=False
    )
    figure.add_vline(x=0, line={"width": 1, "color": "grey"})
    figure.update_layout(xaxis_tickformat=".1%", yaxis_tickformat="", yaxis_type="category", height=160 + 24 * len(names))
    return figure


def sensitivity(table: pl.DataFrame, group: str) -> Figure:
    """Return a heat map of one group's mean CARs: a row a model and estimation window, a column a sub-window, stars by p-value.

    Parameters
    ----------
    table
        From :func:`backtests.sensitivity.sensitivity`.
    group
        One of its groups.
    """
    from plotly.graph_objects import Heatmap

    own = table.filter(pl.col("group") == group)
    row = pl.format("{} {} … {}", "model", "estimation_start", "estimation_end")
    column = pl.format("{} … {}", "window_start", "window_end")
    stars = pl.when(pl.col("p_value") < 0.01).then(pl.lit(" **")).when(pl.col("p_value") < 0.05).then(pl.lit(" *")).otherwise(pl.lit(""))
    text = (
        pl.when(pl.col("mean_car").is_null())
        .then(pl.lit(""))
        .otherwise((100 * pl.col("mean_car")).round(2).cast(pl.String) + pl.lit(" %") + stars)
    )
    cells = own.select(_row=row, _column=column, _mean="mean_car", _text=text)
    rows, columns = cells["_row"].unique(maintain_order=True).to_list(), cells["_column"].unique(maintain_order=True).to_list()
    held = {(r, c): (mean, told) for r, c, mean, told in cells.iter_rows()}
    z = [[held.get((r, c), (None, ""))[0] for c in columns] for r in rows]
    most = max((abs(value) for line in z for value in line if value is not None), default=0.0)
    figure = _figure(f"Mean cumulative abnormal return by choice: {html.escape(group)} (* p < 5 %, ** p < 1 %)", "sub-window")
    figure.add_trace(
        Heatmap(
            z=z,
            x=columns,
            y=rows,
            text=[[held.get((r, c), (None, ""))[1] for c in columns] for r in rows],
            texttemplate="%{text}",
            colorscale="RdBu",
            zmid=0,
            zmin=-most,
            zmax=most,
            colorbar={"tickformat": ".1%"},
        )
    )
    figure.update_layout(height=140 + 26 * len(rows), yaxis_autorange="reversed", yaxis_tickformat="", xaxis_type="category")
    return figure


def leakage(path: pl.DataFrame) -> Figure:
    """Return the CAAR from well before day 0 on, with its band; what precedes day 0 is shaded.

    Parameters
    ----------
    path
        Of :class:`backtests.sensitivity.Leakage`.
    """
    figure = caar(path)
    first = path["tau"].min()
    figure.update_layout(title="Drift before day 0: cumulative average abnormal return")
    if path["group"].n_unique() <= _TOGETHER:
        figure.add_vrect(x0=first, x1=-0.5, fillcolor="grey", opacity=0.08, line_width=0)
    return figure


def placebo(means: pl.DataFrame, actual: float, window: tuple[int, int]) -> Figure:
    """Return the distribution of the mean CAR over placebo dates, and that of the study as a line.

    Parameters
    ----------
    means
        Of :class:`backtests.placebo.Placebo`.
    actual
        Mean CAR of the study over ``window``.
    window
        One of the windows of ``means``.
    """
    own = means.filter((pl.col("window_start") == window[0]) & (pl.col("window_end") == window[1]))
    figure = _figure(f"Mean CAR over days {window[0]} to {window[1]}: placebo dates, and the events", "mean cumulative abnormal return")
    figure.add_histogram(x=own["mean_car"].drop_nulls().to_list(), name="placebo", marker={"color": _rgba(5, 0.7)})
    figure.add_vline(x=actual, line={"width": 2, "color": _rgba(1, 1.0)})
    figure.update_layout(xaxis_tickformat=".2%", yaxis_tickformat="d", yaxis_title="draws", showlegend=False)
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
