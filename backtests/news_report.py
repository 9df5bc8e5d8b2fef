"""A study of dated news as files: tables, a page of text, a page of HTML, JSON; figures only, nothing of the news itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from backtests.news_json import as_json
from backtests.news_study import MarketStudy, NewsStudy
from backtests.report import Section, write_report
from research.store import write_atomically

__all__ = ["lines_of", "markdown", "verdict", "write_study"]

#: what a placebo did
_WRONG = {"shuffled_ic": "shuffled dates", "late_ic": "returns one session late", "exchanged_ic": "exchanged texts"}
#: p-values below which a placebo, or a result, is looked at
_LEVEL = 0.05


def write_study(study: NewsStudy, out: Path) -> list[Path]:
    """Write tables (``results``, ``placebos``, ``selection``) and the report (JSON, Markdown, HTML) into ``out``; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        "results": [m.table.with_columns(market=pl.lit(m.market)) for m in study.markets],
        "placebos": [m.placebos.with_columns(market=pl.lit(m.market)) for m in study.markets],
        "selection": [m.judged.table.with_columns(market=pl.lit(m.market)) for m in study.markets if m.judged is not None],
    }
    written = []
    for name, parts in tables.items():
        if parts:
            path = out / f"{name}.parquet"
            pl.concat(parts, how="diagonal_relaxed").write_parquet(path)
            written.append(path)
    page, data = out / "report.md", out / "report.json"
    write_atomically(data, as_json(study, {market.market: verdict(market) for market in study.markets}))
    write_atomically(page, markdown(study))
    html = out / "report.html"
    sections = [section for market in study.markets for section in _sections(market)]
    if study.labels is not None:
        sections.append(Section("The file's own labels", _LABELS, tables=[study.labels]))
    write_report(
        html, *sections, title=f"{study.name}: {study.protocol.name}", verdict="\n\n".join(verdict(m) for m in study.markets),
        notes=[*study.notes, *study.left_out],
        manifest={"protocol": study.protocol.protocol_id, "trials in the ledger": study.n_trials, "seed": study.protocol.seed},
    )  # fmt: skip
    return [*written, data, page, html]


_LABELS = (
    "Accuracy on the last documents of what was learned from the first. The label was made by the file's authors from later prices; it is "
    "not a return that could have been earned."
)


def verdict(market: MarketStudy) -> str:
    """Return what was found in one market, in sentences."""
    test = {row["variant"]: row for row in market.table.filter(pl.col("window") == "test").iter_rows(named=True)}
    w = market.windows
    began = f"Market {market.market}: {market.n_rows:,} rows of {market.n_symbols:,} symbols; test of {w.n_test} sessions from {w.test}."
    if market.chosen is None or market.chosen not in test:
        why = "Too few sessions to fit and to choose: only what needs neither is judged" if not w.n_train else "No variant has a validation"
        return f"{began} {why}. {_second_look(market)}"
    row = test[market.chosen]
    ic = _figure(row, "ic", 3)
    parts = [
        began,
        f"The best in validation, {market.chosen}, has a rank correlation of {ic} in the test and earns {_bp(row)} a session after costs.",
    ]
    if market.judged is not None:
        deflated = _deflated(market).get(row["trial_id"])
        probability = "not known" if deflated is None else f"{deflated:.2f}"
        spa, tried = market.judged.superior, market.judged.search.n_trials
        asked = "too few sessions to ask whether any variant beats cash"
        if spa is not None:
            asked = f"p = {spa.p_consistent:.2f} that no variant beats cash"
        parts.append(f"After {tried} trials the probability of a true Sharpe ratio above zero is {probability}; {asked}.")
    else:
        parts.append(f"Nothing is deflated: {market.note}" if market.note else "Nothing is deflated.")
    return " ".join([*parts, _second_look(market)])


def markdown(study: NewsStudy) -> str:
    """Return the study as Markdown."""
    lines = [f"# {study.name}: {study.protocol.name}", "", *(f"- {note}" for note in [*study.notes, *study.left_out]), ""]
    for market in study.markets:
        lines += lines_of(market)
    if study.labels is not None:
        lines += ["## The file's own labels", "", _LABELS, "", *_table(study.labels, 3), ""]
    lines.append(f"Protocol {study.protocol.protocol_id}, seed {study.protocol.seed}; {study.n_trials} trials in the ledger.")
    return "\n".join(lines) + "\n"


def lines_of(market: MarketStudy) -> list[str]:
    """Return one market as lines of Markdown."""
    w = market.windows
    ranks = "inside sessions" if market.wide else "over all rows of the window"
    lines = [
        f"## Market {market.market}", "", verdict(market), "",
        f"Sessions held: {market.horizon}; sessions between news and decision: {market.delay}; ranks {ranks}; {w.n_train} to train, "
        f"{w.n_validation} to validate (from {w.validation}), {w.n_test} to test (from {w.test}).", "",
        "Test; net return in basis points of capital a session.", "",
        *_table(_shown(market), 3), "",
        "Placebos of the test (rank correlation); `early` is what a look-ahead would be worth.", "",
        *_table(_wrong(market), 3), "",
    ]  # fmt: skip
    if market.failed:
        lines += ["Not judged: " + "; ".join(f"{name}: {why}" for name, why in sorted(market.failed.items())), ""]
    if market.judged is not None:
        found = market.judged
        overfit = "" if found.overfitting is None else f", probability of overfitting {found.overfitting.probability:.2f}"
        if found.superior is None:
            lines += [*found.notes[:1], ""]
        else:
            lines += [f"SPA p = {found.superior.p_consistent:.3f}, reality check p = {found.reality_check:.3f}{overfit}.", ""]
    return [*lines, *([market.note, ""] if market.note else [])]


def _shown(market: MarketStudy) -> pl.DataFrame:
    """Return the test as text columns: a figure and its interval."""
    deflated = _deflated(market)
    validation = dict(market.table.filter(pl.col("window") == "validation").select("variant", "ic").rows())
    rows = []
    for row in market.table.filter(pl.col("window") == "test").iter_rows(named=True):
        before = validation.get(row["variant"])
        rows.append(
            {
                "variant": row["variant"] + (" *" if row["variant"] == market.chosen else ""), "rows": str(row["n_rows"]),
                "validation IC": "–" if before is None else f"{before:.3f}",
                "test IC": _figure(row, "ic", 3), "right": _figure(row, "accuracy", 3), "right beyond": _figure(row, "accuracy_beyond", 3),
                "net return": _bp(row), "turnover": "–" if row["turnover"] is None else f"{row['turnover']:.2f}",
                "deflated": "–" if deflated.get(row["trial_id"]) is None else f"{deflated[row['trial_id']]:.2f}",
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


def _deflated(market: MarketStudy) -> dict[str, float | None]:
    """Return the deflated probability of each trial; a ledger may hold a variant of the same name from another protocol."""
    return {} if market.judged is None else dict(market.judged.table.select("trial_id", "deflated").iter_rows())


def _wrong(market: MarketStudy) -> pl.DataFrame:
    """Return the placebos as text columns."""
    rows = []
    for row in market.placebos.iter_rows(named=True):
        late = {"ic": row["late_ic"], "ic_low": row["late_low"], "ic_high": row["late_high"]}
        band = {"ic": row["shuffled_ic"], "ic_low": row["shuffled_low"], "ic_high": row["shuffled_high"]}
        rows.append(
            {
                "variant": row["variant"], "shuffled dates": _figure(band, "ic", 3), "one session late": _figure(late, "ic", 3),
                "exchanged texts": row["exchanged_ic"], "early": row["early_ic"],
            }
        )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _second_look(market: MarketStudy) -> str:
    doubts = _doubts(market)
    return f"Look closer: {'; '.join(doubts)}." if doubts else "No placebo stands out."


def _doubts(market: MarketStudy) -> list[str]:
    """Say which placebos are not near zero, and which results are better than news is known to be."""
    found = []
    test = {row["variant"]: row for row in market.table.filter(pl.col("window") == "test").iter_rows(named=True)}
    for row in market.placebos.iter_rows(named=True):
        name, own = row["variant"], test[row["variant"]]
        width = None if own["ic_low"] is None or own["ic_high"] is None else (own["ic_high"] - own["ic_low"]) / 2
        for kind in ("shuffled_ic", "late_ic", "exchanged_ic"):
            if row[kind] is not None and width is not None and abs(row[kind]) > 1.5 * max(width, 0.01):
                found.append(f"{name} has {row[kind]:.3f} with {_WRONG[kind]}")
        if own["ic"] is not None and own["ic_p"] is not None and abs(own["ic"]) > 0.1 and own["ic_p"] < _LEVEL / max(1, len(test)):
            found.append(f"{name} has a test correlation of {own['ic']:.3f}")
    return found


def _sections(market: MarketStudy) -> list[Section]:
    from backtests.evaluation_report import selection_section

    shown = Section(
        f"Market {market.market}", verdict(market),
        tables=[("Test", _shown(market)), ("Placebos of the test", market.placebos.with_columns(pl.selectors.float().round(4)))],
    )  # fmt: skip
    return [shown, *([selection_section(market.judged)] if market.judged is not None else [])]


def _figure(row: dict[str, object], name: str, digits: int) -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return "–"
    return f"{value:.{digits}f}" + ("" if low is None else f" ({low:.{digits}f} … {high:.{digits}f})")


def _bp(row: dict[str, object]) -> str:
    figures = [row[name] for name in ("net_return", "net_return_low", "net_return_high")]
    if figures[0] is None:
        return "–"
    shown = [None if f is None else f"{1e4 * f:.1f}" for f in figures]  # type: ignore[operator]
    return f"{shown[0]} bp" + ("" if shown[1] is None else f" ({shown[1]} … {shown[2]})")


def _table(frame: pl.DataFrame, digits: int) -> Sequence[str]:
    def cell(value: object) -> str:
        if value is None:
            return "–"
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)

    head = "| " + " | ".join(frame.columns) + " |"
    return [head, "|" + "---|" * frame.width, *("| " + " | ".join(map(cell, row)) + " |" for row in frame.rows())]
