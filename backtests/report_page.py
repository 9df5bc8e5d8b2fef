"""The HTML of a report: one file that needs no network and runs nothing but its own two scripts.

plotly.js stands in the file once, and a content security policy names the scripts by their hashes. Every string from data is escaped,
direction overrides are made visible, figures travel as JSON that cannot close its element. A link is made from data in one place only:
a cell of :data:`backtests.tables.LINK`, whose address has passed :func:`backtests.tables.safe_address`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from backtests.tables import laid_out

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from backtests.report import Section

__all__ = ["page", "paragraphs", "plain", "stated"]


def page(sections: Sequence[Section], title: str, verdict: str, notes: Sequence[str], manifest: Mapping[str, object], banner: str) -> str:
    """Return the file's text; arguments as of :func:`backtests.report.write_report`."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    folder = files("backtests") / "templates"
    style, script = (folder.joinpath(name).read_text("utf-8") for name in ("report.css", "report.js"))
    library = get_plotlyjs()
    # Every value passes through plain on its way into the page; autoescape then escapes it.
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=plain, trim_blocks=True, lstrip_blocks=True)
    shown, number = [], 0
    for k, section in enumerate(sections, 1):
        figures = []
        for figure in section.figures:
            number += 1
            caption, text = _figure_json(figure)
            figures.append({"id": f"figure-{number}", "height": figure.layout.height or 380, "caption": caption, "json": Markup(text)})
        shown.append(
            {
                "id": f"section-{k}",
                "title": section.title,
                "paragraphs": paragraphs(section.text),
                "figures": figures,
                "tables": [laid_out(*(table if isinstance(table, tuple) else ("", table))) for table in section.tables],
                "highlights": section.highlights,
            }
        )
    return environment.from_string(folder.joinpath("report.html").read_text("utf-8")).render(
        title=title,
        verdict=paragraphs(verdict),
        banner=banner,
        notes=notes,
        manifest=[(name, stated(value)) for name, value in manifest.items()],
        sections=shown,
        style=Markup(style),
        script=Markup(script),
        library=Markup(library) if number else "",
        hashes=[_hash(text) for text in ([library, script] if number else [script])],
    )


def stated(value: object) -> str:
    """Return a value of the manifest as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text: blank lines part them."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def plain(value: object) -> object:
    """Make direction overrides and control characters visible as U+FFFD; markup of this package passes."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return re.sub(
        r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", value
    )


def _hash(script: str) -> str:
    # A parser reads every line end as a newline before it hashes.
    text = script.replace("\r\n", "\n").replace("\r", "\n")
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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
        return plain(re.sub(r"(?i)(javascript|vbscript|data)\s*:", r"\1 ", bare))
    if isinstance(value, dict):
        return {key: _harmless(item) for key, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value
