"""Reports in a real browser: every figure drawn, nothing said on the console, hostile text harmless, readable on a phone, light and dark."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
from test_report import hostile
from trading_market import bars, calendar, documents, result, weights

from backtests.attribution import attribute
from backtests.capacity import capacity
from backtests.comparison import compare, comparison_section
from backtests.costs import costs
from backtests.holdings import daily_pnl
from backtests.regimes import exposure_attribution, market_returns, regime_attribution
from backtests.report import Section, write_report
from backtests.robustness import robustness
from backtests.sweep import grid, sweep
from backtests.trading_sections import (
    attribution_section,
    backtest_sections,
    capacity_section,
    robustness_section,
    sweep_section,
    trades_section,
)
from research.schemas import EVENTS

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs /usr/bin/chromium")

OWNED = "document.title='owned'"
HEADLINES = {
    "script": (f"</script><script>{OWNED}</script><img src=x onerror=\"{OWNED}\">", f"javascript:{OWNED}"),
    "override": ("Profit \u202egnp.exe rises \u2066hidden\u2069", "https://news.example/a?b=1&c=2"),
    "huge": ("W" * 20_000, "https://bank.example@evil.example/"),
    "quotes": ('" data-label="x" onmouseover="' + OWNED + '" x="', "https://news.example/a?b=1&c=2"),
    "long": ("many words " * 400, "data:text/html,<script>1</script>"),
}  # fmt: skip

#: the report in a frame of a given width, on the same origin, and what a reader would see of it
HARNESS = """<!doctype html><meta charset="utf-8"><body><script>
var frame = document.createElement("iframe");
frame.style = "width:WIDTHpx;height:900px;border:0";
frame.src = "report.html";
frame.onload = function () { setTimeout(function () {
  var page = frame.contentDocument, out = {};
  out.title = page.title;
  out.wide = page.documentElement.scrollWidth;
  out.figures = page.querySelectorAll(".figure").length;
  out.drawn = Array.from(page.querySelectorAll(".figure")).filter(function (each) {
    var box = each.querySelector(".main-svg"); return box && box.getBoundingClientRect().width > 100; }).length;
  out.outside = Array.from(page.querySelectorAll(".figure, p, h1, h2, summary, .highlights > div")).filter(function (each) {
    return !each.closest(".table") && each.getBoundingClientRect().right > WIDTH + 1; }).map(function (each) { return each.outerHTML.slice(0, 200); });
  page.querySelectorAll("details").forEach(function (each) { each.open = true; });
  out.scrolled = Array.from(page.querySelectorAll(".table")).filter(function (each) {
    return each.scrollWidth > each.clientWidth + 1; }).map(function (each) { return each.textContent.trim().slice(0, 60); });
  out.unlabelled = Array.from(page.querySelectorAll("table.cards td:not(:first-child)")).filter(function (each) {
    return !each.getAttribute("data-label"); }).length;
  out.handlers = Array.from(page.querySelectorAll("*")).filter(function (each) {
    return Array.from(each.attributes).some(function (one) { return /^on/.test(one.name); }); }).length;
  out.stacked = frame.contentWindow.getComputedStyle(page.querySelector("table.cards tr:last-child")).display;
  out.links = Array.from(page.querySelectorAll("main td a")).map(function (each) {
    return [each.getAttribute("href"), each.getAttribute("rel"), each.getAttribute("target")]; });
  out.paper = frame.contentWindow.getComputedStyle(page.body).backgroundColor;
  out.ink = frame.contentWindow.getComputedStyle(page.body).color;
  out.images = page.images.length;
  document.body.innerText = "RESULT" + encodeURIComponent(JSON.stringify(out)) + "END";
}, 1500); };
document.body.appendChild(frame);
</script>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A report with every section a backtest can have, and hostile headlines behind its positions."""
    ran, priced = result()
    told = documents([{"doc_id": name, "headline": text, "url": url, "source": text[:300]} for name, (text, url) in HEADLINES.items()])
    rows = [
        {"session": session, "symbol": symbol, "doc_id": name, "contribution": sign * (0.1 + k / 10)}
        for session, symbol in ran.weights.select("session", "symbol").rows()
        for k, name in enumerate(HEADLINES)
        for sign in ((1, -1)[k % 2],)
    ]
    at = calendar("us")["close_at"][0]
    event = {
        "event_date": None, "available_at": at, "sentiment": 0.6, "relevance": 0.5, "novelty": 0.9, "confidence": 0.8, "evidence": "q",
        "annotator": "t@1", "role": "subject",
    }  # fmt: skip
    events = EVENTS.frame(
        [
            {**event, "event_id": f"{s}", "doc_id": "script", "symbol": s, "event_type": "a.<b>"}
            for s in ran.weights["symbol"].unique().sort()
        ]
    )
    split = attribute(ran, priced, pl.DataFrame(rows), told, events)
    seen = market_returns(priced, ran)
    tried = sweep(
        lambda seed, every: weights("us", seed, every=every), grid(seed=[1, 2], every=[1, 5]), bars(), market="us", costs=costs("us")
    )
    parts: list[Section] = [
        *backtest_sections(ran),
        robustness_section(robustness(ran, priced, draws=5)),
        capacity_section(capacity(ran, priced, capitals=[1e5, 1e7, 1e9])),
        attribution_section(split, exposure_attribution(ran, seen, daily_pnl(ran, priced)), regime_attribution(ran, seen), "USD"),
        trades_section(split, told),
        sweep_section(tried),
        comparison_section(compare({HEADLINES["script"][0]: ran.portfolio, "b": result("us", 2)[0].portfolio}, market="us")),
    ]
    made = tmp_path_factory.mktemp("browser")
    write_report(
        made / "report.html", *parts, title=HEADLINES["script"][0], verdict=HEADLINES["huge"][0] + "\n\n" + HEADLINES["override"][0]
    )
    assert (made / "report.html").stat().st_size < 6_000_000
    return made


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def served(folder) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def opened(address: str, profile: Path, *, dark: bool = False) -> tuple[str, list[str]]:
    """Return the page's elements after its scripts have run, and what was said on the console."""
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
        f"--disable-sync --enable-logging=stderr --virtual-time-budget=15000 --blink-settings=preferredColorScheme={0 if dark else 1}"
    )
    words = [str(CHROMIUM), *flags.split(), f"--user-data-dir={profile}", "--dump-dom", address]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=150, check=True)
    return ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


def seen(folder: Path, served: str, width: int, profile: Path, *, dark: bool = False) -> dict:
    (folder / f"frame-{width}.html").write_text(HARNESS.replace("WIDTH", str(width)), encoding="utf-8")
    page, console = opened(f"{served}/frame-{width}.html", profile, dark=dark)
    assert console == []
    found = re.search(r"RESULT(.*?)END", page)
    assert found, page[:500]
    from urllib.parse import unquote

    return json.loads(unquote(unescape(found[1])))


@pytest.mark.parametrize(("width", "dark"), [(375, True), (375, False), (1200, False)], ids=["phone, dark", "phone, light", "desk, light"])
def test_a_whole_report_on_a_phone_and_on_a_desk(folder, served, tmp_path, width, dark):
    page = seen(folder, served, width, tmp_path / "profile", dark=dark)
    assert page["figures"] == page["drawn"] == 8
    assert page["wide"] <= width and page["outside"] == [], "nothing but tables may be wider than the page, and those scroll by themselves"
    assert page["scrolled"] == [] or width > 600, "on a phone no table scrolls: its rows are stacked"
    assert page["stacked"] == ("flex" if width < 600 else "table-row") and page["unlabelled"] == 0 and page["handlers"] == 0
    assert page["title"].startswith("</script>") and page["images"] == 0
    assert {tuple(link) for link in page["links"]} == {("https://news.example/a?b=1&c=2", "noopener noreferrer nofollow", "_blank")}
    light = [int(part) for part in re.findall(r"\d+", page["paper"])[:3]]
    ink = [int(part) for part in re.findall(r"\d+", page["ink"])[:3]]
    assert (max(light) < 64 and min(ink) > 180) if dark else (min(light) > 230 and max(ink) < 64)


def test_a_hostile_report_opens_from_a_file_and_runs_nothing_else(tmp_path):
    page = hostile(tmp_path / "r.html")
    dom, console = opened(page.as_uri(), tmp_path / "profile")
    assert console == []
    ids = set(re.findall(r'class="figure[^"]*" id="(figure-\d+)"', dom))
    assert len(ids) == 5
    for k in ids:
        assert re.search(rf'id="{k}"(?:(?!class="figure).)*main-svg', dom, re.DOTALL), f"{k} is not drawn"
    assert "<title>owned" not in dom
