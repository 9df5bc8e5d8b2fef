"""The same report as Markdown, for a repository or a message, and as JSON, for a machine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from backtests.report_page import paragraphs, plain, stated
from backtests.tables import ROWS, cells_of, machine_value, safe_address

if TYPE_CHECKING:
    from backtests.report import Section

__all__ = ["as_json", "as_markdown"]

#: rows of a table in Markdown; the rest is counted
_ROWS = 60


def as_markdown(
    sections: Sequence[Section], title: str, verdict: str, notes: Sequence[str], manifest: Mapping[str, object], banner: str
) -> str:
    """Return the report as Markdown: text from data is escaped, figures are named and left to the HTML file."""
    lines = [f"# {_escaped(title)}", ""]
    if banner:
        lines += [f"> **{_escaped(banner)}**", ""]
    for part in paragraphs(verdict):
        lines += [f"**{_escaped(part)}**", ""]
    for section in sections:
        lines += [f"## {_escaped(section.title)}", ""]
        for each in section.highlights:
            detail = f" ({_escaped(each.detail)})" if each.detail else ""
            lines.append(f"- {_escaped(each.label)}: **{_escaped(each.value)}**{detail}")
        lines += [""] if section.highlights else []
        for part in paragraphs(section.text):
            lines += [_escaped(part), ""]
        for table in section.tables:
            caption, frame = table if isinstance(table, tuple) else ("", table)
            lines += _table(caption, frame)
    if notes:
        lines += ["## Notes", "", *[f"- {_escaped(note)}" for note in notes], ""]
    if manifest:
        lines += ["## What this was computed from", "", *[f"- {_escaped(name)}: {_escaped(stated(v))}" for name, v in manifest.items()], ""]
    return "\n".join(lines)


def as_json(
    sections: Sequence[Section], title: str, verdict: str, notes: Sequence[str], manifest: Mapping[str, object], banner: str
) -> str:
    """Return the report as JSON: every row of every table as it was computed (fractions, dates as ISO text, null for missing)."""
    content = {
        "title": title,
        "banner": banner,
        "verdict": verdict,
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "highlights": [{"label": h.label, "value": h.value, "detail": h.detail} for h in section.highlights],
                "tables": [_json_table(table) for table in section.tables],
                "figures": [_json_figure(figure) for figure in section.figures],
            }
            for section in sections
        ],
        "notes": list(notes),
        "manifest": dict(manifest),
    }
    return json.dumps(_finite(content), ensure_ascii=False, indent=1, allow_nan=False, default=str) + "\n"


def _table(caption: str, frame: pl.DataFrame) -> list[str]:
    if not frame.width:
        return []
    lines = [f"**{_escaped(caption)}**", ""] if caption else []
    lines += ["| " + " | ".join(_escaped(name.replace("_", " ")) for name in frame.columns) + " |", "|" + " --- |" * frame.width]
    # as many decimals as in HTML, which shows more rows
    columns = [cells_of(frame[name].head(ROWS))[:_ROWS] for name in frame.columns]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in zip(*columns, strict=True)]
    if frame.height > _ROWS:
        lines += ["", f"{frame.height - _ROWS:,} more rows are not shown."]
    return [*lines, ""]


def _cell(cell: str | list[dict[str, str]]) -> str:
    if isinstance(cell, str):
        return _escaped(cell)
    # an address with a bracket or a space would end the link: it passed safe_address, so it holds neither
    return "; ".join(f"[{_escaped(each['text'])}](<{each['href']}>)" if each["href"] else _escaped(each["text"]) for each in cell)


def _escaped(text: object) -> str:
    """Escape what Markdown and HTML would read; line breaks become spaces."""
    bare = re.sub(r"\s+", " ", str(plain(str(text))))
    bare = bare.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#|!~])", r"\\\1", bare) if re.search(r"[\\`*_{}\[\]#|!~]|\]\(", bare) else bare


def _json_table(table: pl.DataFrame | tuple[str, pl.DataFrame]) -> dict[str, Any]:
    caption, frame = table if isinstance(table, tuple) else ("", table)
    return {"caption": caption, "columns": frame.columns, "rows": [_safe_links(row) for row in frame.iter_rows()]}


def _safe_links(row: tuple[Any, ...]) -> list[Any]:
    """Keep an address only where it is safe: whoever reads the JSON may make links of them."""

    def kept(value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"text", "href"}:
            return value | {"href": safe_address(value["href"])}
        return [kept(each) for each in value] if isinstance(value, list) else machine_value(value)

    return [kept(value) for value in row]


def _json_figure(figure: Any) -> dict[str, Any]:
    content = json.loads(figure.to_json(validate=False))
    title = content.get("layout", {}).get("title")
    kept = ("type", "name", "x", "y", "z", "text")
    traces = [{name: trace[name] for name in kept if name in trace} for trace in content.get("data", [])]
    return {"title": title.get("text", "") if isinstance(title, dict) else title or "", "traces": traces}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
