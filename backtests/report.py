"""One self-contained HTML file: verdict first, then sections of text, figures and tables.

The file needs no network: plotly.js stands in it once. It runs only its own two scripts: a content security policy names them by
their hashes. Every string from data is escaped, direction overrides are made visible, figures travel as JSON that cannot close
its element, and no link is ever made from data. The same input gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from backtests.simulation import Backtest
from backtests.tables import laid_out, written
from research.errors import StoreError, UsageError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from backtests.event_study import EventStudyResult

__all__ = ["Highlight", "Section", "section_of", "write_report"]

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
#: tests of the short table: a plain one, two that are right under event-induced variance and clustering, and two of ranks
_SHOWN_TESTS = ("cross_sectional", "bmp", "kolari_pynnonen", "grank_t", "corrado_rank", "generalized_sign")
_PERCENT = {"annual_return", "annual_volatility", "hit_rate", "max_drawdown", "annual_cost", "annual_alpha", "tracking_error"}
_MARKETS = {"cn": "mainland China", "hk": "Hong Kong", "us": "United States"}
_SHOWN_FIRST = ("annual_return", "sharpe", "max_drawdown", "annual_turnover", "annual_cost")


@dataclass(frozen=True, slots=True)
class Highlight:
    """A figure to be seen from afar: its name, its value, and a line about its uncertainty."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report.

    Parameters
    ----------
    title
        Heading.
    text
        Plain text; a blank line starts a new paragraph.
    figures
        Plotly figures, full width, one below the other.
    tables
        Frames, or pairs of caption and frame. Of a long frame the first 200 rows are shown and the others counted.
    highlights
        Figures shown large above the rest.
    """

    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[pl.DataFrame | tuple[str, pl.DataFrame]] = ()
    highlights: Sequence[Highlight] = ()


def section_of(part: Section | Backtest | EventStudyResult) -> Section:
    """Return the section that shows ``part``: a backtest, an event study, or a section itself.

    Raises
    ------
    UsageError
        For anything else.
    """
    if isinstance(part, Section):
        return part
    if isinstance(part, Backtest):
        return _backtest(part)
    if all(hasattr(part, name) for name in ("average", "tests", "plot", "dropped")):
        return _event_study(part)
    raise UsageError(f"A part of the report came as {type(part).__name__}; expected a Section, a Backtest or an EventStudyResult.")


def write_report(
    path: str | Path,
    *parts: Section | Backtest | EventStudyResult,
    title: str = "Evidence",
    verdict: str = "",
    notes: Sequence[str] = (),
    manifest: Mapping[str, object] | None = None,
    banner: str = "",
) -> Path:
    """Write ``parts`` as one HTML file and return its path.

    Parameters
    ----------
    path
        File to write, replaced as a whole or not at all; its folder must exist.
    parts
        What :func:`section_of` takes, in order of reading.
    title, verdict
        Heading, and the answer in a sentence or two; a blank line in the verdict starts a new paragraph.
    notes
        What the reader must know, listed after the sections.
    manifest
        What the result was computed from (versions, dates, settings), shown at the end.
    banner
        Warning across the top, such as "Synthetic market".

    Raises
    ------
    UsageError
        When the folder is missing, the path is a folder, or a part is not one of those above.
    StoreError
        When the file cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"The report path {target} is a folder; expected a file such as {target / 'report.html'}.")
    if not target.parent.is_dir():
        raise UsageError(f"The folder {target.parent} of the report does not exist; create it, or write the report elsewhere.")
    page = _page([section_of(part) for part in parts], title, verdict, notes, manifest or {}, banner).encode("utf-8", "replace")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(page)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"The report {target} cannot be written ({error.strerror}); free the space or choose another folder.") from None
    return target


def _page(sections: Sequence[Section], title: str, verdict: str, notes: Sequence[str], manifest: Mapping[str, object], banner: str) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    folder = files("backtests") / "templates"
    style, script = (folder.joinpath(name).read_text("utf-8") for name in ("report.css", "report.js"))
    library = get_plotlyjs()
    # Every value passes through _plain on its way into the page; autoescape then escapes it.
    page = Environment(autoescape=True, undefined=StrictUndefined, finalize=_plain, trim_blocks=True, lstrip_blocks=True)
    shown, number = [], 0
    for k, section in enumerate(sections, 1):
        figures = []
        for figure in section.figures:
            number += 1
            caption, text = _figure_json(figure)
            figures.append({"id": f"figure-{number}", "height": figure.layout.height or 380, "caption": caption, "json": Markup(text)})
        tables = [laid_out(*(table if isinstance(table, tuple) else ("", table))) for table in section.tables]
        shown.append(
            {
                "id": f"section-{k}",
                "title": section.title,
                "paragraphs": _paragraphs(section.text),
                "figures": figures,
                "tables": tables,
                "highlights": section.highlights,
            }
        )
    return page.from_string(folder.joinpath("report.html").read_text("utf-8")).render(
        title=title,
        verdict=_paragraphs(verdict),
        banner=banner,
        notes=notes,
        manifest=[
            (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
            for name, value in manifest.items()
        ],
        sections=shown,
        style=Markup(style),
        script=Markup(script),
        library=Markup(library) if number else "",
        hashes=[_hash(text) for text in ([library, script] if number else [script])],
    )


def _hash(script: str) -> str:
    # A parser reads every line end as a newline before it hashes.
    text = script.replace("\r\n", "\n").replace("\r", "\n")
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _plain(value: object) -> object:
    """Make direction overrides and control characters visible as U+FFFD; markup of this module passes."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return re.sub(
        r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", value
    )


def _figure_json(figure: Figure) -> tuple[str, str]:
    """Return the figure's title, and the rest of it as JSON that cannot end its script element, in the report's style."""
    content = json.loads(figure.to_json(validate=False))
    layout = content.setdefault("layout", {})
    title = layout.pop("title", None)
    caption = title.get("text", "") if isinstance(title, dict) else title or ""
    layout["template"] = {}
    layout["paper_bgcolor"] = layout["plot_bgcolor"] = "rgba(0,0,0,0)"
    layout["font"] = (
        {"family": "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Noto Sans CJK SC', sans-serif", "size": 13}
        | layout.get("font", {})
        | {"color": "#8a8f98"}
    )
    layout["autosize"] = True
    layout.pop("width", None)
    layout.setdefault("margin", {"l": 58, "r": 16, "t": 36, "b": 44})
    layout.setdefault("legend", {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"})
    titled = {"font": {"size": 13}}
    for axis in [name for name in layout if re.fullmatch(r"[xy]axis\d*", name)] or ["xaxis", "yaxis"]:
        if isinstance(layout.get(axis, {}).get("title"), dict):
            layout[axis]["title"] = titled | layout[axis]["title"]
        layout[axis] = {"gridcolor": "rgba(138,143,152,0.22)", "zerolinecolor": "rgba(138,143,152,0.65)", "automargin": True} | layout.get(
            axis, {}
        )
    text = json.dumps(_harmless(content), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return caption, text


def _harmless(value: Any) -> Any:
    """Return ``value`` without anchors, script addresses and direction overrides in its strings."""
    if isinstance(value, str):
        bare = re.sub(r"(?i)<\s*/?\s*a\b[^>]*>?", "", value)
        return _plain(re.sub(r"(?i)(javascript|vbscript|data)\s*:", r"\1 ", bare))
    if isinstance(value, dict):
        return {key: _harmless(item) for key, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value


def _backtest(result: Backtest) -> Section:
    from backtests.plots import turnover_and_exposure

    metrics = {row["metric"]: row for row in result.metrics.iter_rows(named=True)}
    highlights = [_highlight(metrics[name]) for name in _SHOWN_FIRST if name in metrics]
    figures = [
        {
            "metric": _LABELS.get(name, name.replace("_", " ")),
            "value": _number(name, row["value"]),
            "standard error": _number(name, row["std_error"]),
            "95 % interval": _between(row),
            "n": row["n"],
            "method": row["method"],
        }
        for name, row in metrics.items()
    ]
    fates = (
        result.orders.group_by("status", "reason")
        .agg(pl.len().alias("orders"))
        .sort(["status", "orders", "reason"], descending=[False, True, False], nulls_last=True)
    )
    sessions = result.portfolio["session"]
    text = (
        f"{sessions[0]} to {sessions[-1]}, {len(sessions):,} sessions, starting with {result.cash:,.0f} {result.costs.currency}. "
        f"{result.orders.height:,} orders, of which {result.orders.filter(pl.col('status') == 'rejected').height:,} were rejected. "
        "All returns are net of costs unless said otherwise.\n\n" + " ".join(result.notes)
    )
    rules = pl.DataFrame(
        {
            "since": [str(p.since) for p in result.rules.provisions],
            "rule": [p.text for p in result.rules.provisions],
            "source": [p.source for p in result.rules.provisions],
        }
    )
    return Section(
        f"Backtest: {_MARKETS[result.market]}",
        text,
        figures=(result.plot(), turnover_and_exposure(result.portfolio)),
        tables=(("Performance", pl.DataFrame(figures)), ("What became of the orders", fates), ("Trading rules applied", rules)),
        highlights=highlights,
    )


def _number(metric: str, value: float | None, digits: int = 2) -> str:
    if value is None:
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
        "" if row["ci_low"] is None else f"95 %: {short[1].rstrip('%')} … {short[2]}",
    )


def _event_study(result: Any) -> Section:
    average: pl.DataFrame = result.average
    tests: pl.DataFrame = result.tests()
    dropped: pl.DataFrame = result.dropped
    used = average.group_by("group").agg(pl.col("n_events").max()).sort("group")
    groups = ", ".join(f"{name} ({n:,})" for name, n in used.rows()[:12]) + (" …" if used.height > 12 else "")
    text = (
        "Abnormal returns around day 0, the first session whose close is after the event was available. "
        f"Events by group: {groups or 'none'}."
    )
    tables: list[tuple[str, pl.DataFrame]] = [*_p_values(tests), ("Every test and window", tests)]
    if dropped.height and "reason" in dropped.columns:
        tables.append(
            (
                "Events left out",
                dropped.group_by("reason").agg(pl.len().alias("events")).sort(["events", "reason"], descending=[True, False]),
            )
        )
        text += f" {dropped.height:,} events were left out."
    cautions = getattr(result, "warnings", ())
    if cautions:
        text += "\n\n" + " ".join(cautions)
    return Section("Event study", text, figures=(result.plot(),), tables=tables)


def _p_values(tests: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return the p-values of the shortest window that begins on day 0 and is longer than it, a row a group and a column a test."""
    if not {"group", "test", "window_start", "window_end", "p_value"} <= set(tests.columns):
        return []
    from_event = tests.filter((pl.col("window_start") == 0) & (pl.col("window_end") > 0))
    if from_event.is_empty():
        return []
    end = from_event["window_end"].min()
    chosen = from_event.filter((pl.col("window_end") == end) & pl.col("test").is_in(_SHOWN_TESTS))
    text = pl.Series("p", written(chosen["p_value"]), dtype=pl.String)
    wide = chosen.select("group", "test", text).pivot(on="test", index="group", values="p")
    return [(f"Two-sided p-values of the cumulative abnormal return from day 0 to day {end!s}", wide.sort("group"))]
