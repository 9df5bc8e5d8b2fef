"""A report as one file: verdict first, then sections of text, figures and tables; HTML, Markdown or JSON by its suffix.

The HTML is :mod:`backtests.report_page`, the others are :mod:`backtests.report_text`. The same input gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from backtests.report_page import page
from backtests.report_text import as_json, as_markdown
from backtests.simulation import Backtest
from backtests.tables import figures
from research.errors import StoreError, UsageError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from backtests.event_study import EventStudyResult

__all__ = ["FORMATS", "Highlight", "Section", "sections_of", "write_report"]

#: how a report is written, by the suffix of its file
FORMATS = {".html": page, ".htm": page, ".md": as_markdown, ".json": as_json}

#: tests of the short table: a plain one, two that are right under event-induced variance and clustering, and two of ranks
_SHOWN_TESTS = ("cross_sectional", "bmp", "kolari_pynnonen", "grank_t", "corrado_rank", "generalized_sign")


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
        Frames, or pairs of caption and frame. Of a long frame the first 200 rows are shown and the others counted. A column of type
        :data:`backtests.tables.LINK` (or lists of it) is shown as links where the address is safe, else as text; one of type
        :data:`backtests.tables.FIGURE` is shown by its text, and is its value in JSON.
    highlights
        Figures shown large above the rest.
    """

    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[pl.DataFrame | tuple[str, pl.DataFrame]] = ()
    highlights: Sequence[Highlight] = ()


def sections_of(part: Section | Backtest | EventStudyResult) -> list[Section]:
    """Return the sections that show ``part``: a backtest, an event study, or a section itself.

    Raises
    ------
    UsageError
        For anything else.
    """
    if isinstance(part, Section):
        return [part]
    if isinstance(part, Backtest):
        from backtests.trading_sections import backtest_sections

        return backtest_sections(part)
    if all(hasattr(part, name) for name in ("average", "tests", "plot", "dropped")):
        return [_event_study(part)]
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
    """Write ``parts`` as one file and return its path.

    Parameters
    ----------
    path
        File to write, replaced as a whole or not at all; its folder must exist. ``.md`` makes Markdown and ``.json`` JSON (every row of
        every table, fractions as they were computed); anything else makes HTML.
    parts
        What :func:`sections_of` takes, in order of reading.
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
    shown = [section for part in parts for section in sections_of(part)]
    render = FORMATS.get(target.suffix.lower(), page)
    content = render(shown, title, verdict, notes, manifest or {}, banner).encode("utf-8", "replace")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"The report {target} cannot be written ({error.strerror}); free the space or choose another folder.") from None
    return target


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
    wide = chosen.select("group", "test", "p_value").pivot(on="test", index="group", values="p_value").sort("group")
    shown = wide.with_columns(figures(wide[name], lambda p: "< 0.001" if p < 0.001 else f"{p:.3f}") for name in wide.columns[1:])
    return [(f"Two-sided p-values of the cumulative abnormal return from day 0 to day {end!s}", shown)]
