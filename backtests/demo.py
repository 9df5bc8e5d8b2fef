"""The whole way on the embedded synthetic market: the same functions the commands run, on files a user could have."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from backtests.costs import costs
from backtests.evaluation import evaluate
from backtests.event_study import EventStudy
from backtests.evidence import evidence, first_reports
from backtests.recovery import Recovery, recovery
from backtests.report import write_report
from backtests.sections import coverage_section, evidence_sections, recovery_section
from backtests.trading_report import trading_report
from backtests.trials import TRIALS
from research.console import progress, say
from research.errors import StoreError
from research.ingestion import ingest
from research.schemas import BARS, INSTRUMENTS
from research.sources import synthetic
from research.store import Store
from signals.publish import code_version, generate

__all__ = ["BANNER", "demo"]

BANNER = "Synthetic market: companies, articles and prices are invented; the effects were planted."

_NOTES = (
    "Events are first reports: a repetition of the same type for the same company within ten days is left out.",
    "Orders are decided half an hour before the open and filled at the open, under each market's lots, limits, taxes and fees.",
)


def demo(home: Path, report: Path, seed: int, now: datetime) -> Recovery:
    """Make the market, read its news, form the signal, judge it, and write the report.

    Parameters
    ----------
    home
        Folder of the tables; a finished demo in it is made anew, anything else is left alone.
    report
        HTML file.
    seed
        Of the market.
    now
        Wall clock, for the run record only.
    """
    clock = _Clock()
    store = _fresh(home)
    market = synthetic.market(seed=seed)
    store.append(INSTRUMENTS, market.instruments)
    raw = synthetic.write(market, home / "raw")
    clock.lap(f"market of {market.instruments['symbol'].n_unique()} instruments, {len(market.articles):,} articles")

    say(ingest(store, [raw.archive, raw.feed, raw.portal], market.instruments, progress=progress).written)
    clock.lap("ingest")
    say([store.append(BARS, market.bars)])
    clock.lap("prices")

    events, mentions, bars = store.read("events"), store.read("mentions"), store.read("bars")
    first, last = _span(bars)
    run = generate(store, "tone@1", datetime(last.year, last.month, last.day, 0, 30, tzinfo=UTC), now=now)
    say(run.written)
    clock.lap("signal")

    reports = first_reports(events).filter(pl.col("event_type").is_in(market.effects["event_type"].implode()))
    study = EventStudy(model="market", estimation=(-250, -30), window=(-5, 20)).fit(
        reports, bars, benchmark=dict(market.benchmarks), group="event_type"
    )
    found = recovery(reports, study.event_returns, market.truth, market.effects)
    clock.lap("study")

    traded = bars.filter(~pl.col("symbol").is_in(list(market.benchmarks.values())))
    start = first + timedelta(days=370)
    judged = [
        evidence(events, mentions, traded, signal="tone@1", market=name, start=start, end=last, costs=costs(name)) for name in ("us", "cn")
    ]
    clock.lap("backtest")

    first_market = judged[0]
    tested = evaluate(
        first_market.scores, first_market.labels, market=first_market.market, trials=TRIALS.empty(), draws=199,
        returns=first_market.backtest.portfolio.select("session", "net_return"), config={"seed": seed},
    )  # fmt: skip
    made = trading_report(first_market, store.read("documents"), tested, draws=100)
    clock.lap("robustness, capacity, attribution")

    inside = int(found.effects["inside"].fill_null(False).sum())
    write_report(
        report,
        recovery_section(found),
        study,
        *made.sections,
        *evidence_sections(judged[1]),
        coverage_section(store),
        title="tidings demo",
        banner=BANNER,
        verdict=_verdict(found, judged[0].backtest.metrics),
        notes=(*_NOTES, *made.notes),
        manifest={"tidings": code_version(), "seed": str(seed), "span": f"{first} … {last}", "signal": "tone@1", **_versions(store)},
    )
    clock.lap("report")
    say(_lines(found))
    say(f"planted effects inside their 95 % interval: {inside} of {found.effects.height}")
    say(f"report       {report}   ({report.stat().st_size / 1e6:.1f} MB, {clock.total():.0f} s in all)")
    return found


class _Clock:
    """Says what each step took, on standard output."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()

    def lap(self, what: str) -> None:
        now = time.monotonic()
        say(f"-- {what}: {now - self._last:.1f} s")
        self._last = now

    def total(self) -> float:
        return time.monotonic() - self._start


def _fresh(home: Path) -> Store:
    """Return an empty home; only a folder that an earlier demo made is cleared."""
    if home.exists() and any(home.iterdir()):
        if not (home / "raw" / "truth.parquet").exists():
            raise StoreError(f"Folder {home} holds something other than a demo; name another folder with --home.")
        Store(home)
        shutil.rmtree(home)
    return Store(home)


def _span(bars: pl.DataFrame) -> tuple[date, date]:
    span = bars.select(first=pl.col("session").min(), last=pl.col("session").max()).row(0)
    return span[0], span[1]


def _versions(store: Store) -> dict[str, str]:
    return {f"table {name}": f"version {version}" for name, version in store.versions().items()}


def _verdict(found: Recovery, metrics: pl.DataFrame) -> str:
    inside = int(found.effects["inside"].fill_null(False).sum())
    sharpe = metrics.filter(pl.col("metric") == "sharpe").to_dicts()
    text = f"{inside} of {found.effects.height} planted effects lie inside the 95 % interval measured from the text up."
    if sharpe and sharpe[0]["value"] is not None and sharpe[0]["ci_low"] is not None:
        row = sharpe[0]
        interval = f"{row['ci_low']:.2f} to {row['ci_high']:.2f}"
        text += f" In the synthetic US market tone@1 earned a net Sharpe ratio of {row['value']:.2f} ({interval})."
    return text


def _lines(found: Recovery) -> list[str]:
    lines = [f"{'event type':<32} {'planted':>8} {'measured':>9}   {'95 % interval':<18} {'n':>4}"]
    for row in found.effects.to_dicts():
        if row["measured"] is None or row["ci_low"] is None:
            lines.append(f"{row['event_type']:<32} {row['planted']:>8.2%} {'–':>9}   {'not measured':<18} {row['n']:>4}")
            continue
        interval = f"{row['ci_low']:+.2%} … {row['ci_high']:+.2%}"
        numbers = f"{row['planted']:>+8.2%} {row['measured']:>+9.2%}   {interval:<18} {row['n']:>4}"
        lines.append(f"{row['event_type']:<32} {numbers}{'' if row['inside'] else '  outside'}")
    return lines
