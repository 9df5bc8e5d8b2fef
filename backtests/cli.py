"""Commands of :mod:`backtests`: demo, study, evaluate, those of :mod:`backtests.backtest_cli`, and export and check."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from backtests.backtest_cli import (
    CASH,
    HOME,
    Report,
    aligned,
    backtest,
    check_call,
    check_reports,
    compare,
    record_and_judge,
    sweep,
)
from research.cli import Home
from research.console import say
from research.errors import DataError, TidingsError, UsageError

if TYPE_CHECKING:
    import polars as pl


__all__ = ["mount"]


def mount(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    commands: dict[str, Callable[..., None]] = {
        "demo": demo, "study": study, "backtest": backtest, "sweep": sweep, "compare": compare, "evaluate": evaluate,
        "export": export, "check": check,
    }  # fmt: skip
    for name, command in commands.items():
        app.command(name)(command)


def demo(
    home: Home = Path("demo-home"),
    report: Annotated[Path, typer.Option(help="HTML report to write.")] = Path("demo.html"),
    seed: Annotated[int, typer.Option(help="Seed of the synthetic market.")] = 7,
) -> None:
    """Go the whole way on an embedded synthetic market with planted effects; no network."""
    from backtests import demo as steps

    if not report.resolve().parent.is_dir():
        raise UsageError(f"Folder {report.resolve().parent} does not exist; make it first.")
    steps.demo(home, report, seed, datetime.now(UTC))


def study(
    benchmark: Annotated[list[str] | None, typer.Option(help="Benchmark symbol; repeat it to name one for each market.")] = None,
    event_type: Annotated[str | None, typer.Option(help="`group.type`, or a whole group; every type by default.")] = None,
    symbols: Annotated[list[str] | None, typer.Option(help="Only these symbols; repeat for more.")] = None,
    window: Annotated[tuple[int, int], typer.Option(help="First and last session of the event window.")] = (-5, 20),
    estimation: Annotated[tuple[int, int], typer.Option(help="First and last session of the estimation window.")] = (-250, -30),
    model: Annotated[str, typer.Option(help="market, market_adjusted or constant.")] = "market",
    min_obs: Annotated[int, typer.Option(help="Fewest returns in the estimation window.")] = 100,
    alignment: Annotated[str, typer.Option(help="Day 0: the first session that `close`s, or that `open`s, after the event.")] = "close",
    overlap: Annotated[str, typer.Option(help="`keep` all events, or the `first` of those of a symbol that overlap.")] = "keep",
    locked: Annotated[str, typer.Option(help="Days at a price limit: `keep`, or `carry` returns on to the next free close.")] = "keep",
    draws: Annotated[int, typer.Option(help="Placebo draws of the report; 0 leaves sensitivity, placebo and drift out.")] = 200,
    home: Home = HOME,
    report: Report = None,
    case: Annotated[Path | None, typer.Option(help="Run a folder of returns and events instead (docs/event_study.md).")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the results of --case.")] = None,
) -> None:
    """Run an event study over the first reports of the stored events, by event type; or over a folder with --case."""
    if case is not None:
        _case(case, out)
        return
    if not benchmark:
        raise UsageError("No benchmark was named; expected --benchmark SYMBOL, such as 510300.SS, or --case FOLDER.")
    check_reports(report)
    import polars as pl

    from backtests.event_study import EventStudy
    from backtests.evidence import benchmark_of, first_reports
    from backtests.report import write_report
    from backtests.stored_runs import manifest
    from backtests.study_report import robustness_sections, study_sections
    from research.store import Store

    store = Store(home)
    events = first_reports(store.read("events"), store.read("documents"))
    if event_type is not None:
        events = events.filter((pl.col("event_type") == event_type) | pl.col("event_type").str.starts_with(f"{event_type}."))
    if symbols:
        events = events.filter(pl.col("symbol").is_in(symbols))
    if events.is_empty():
        raise DataError(f"Home {home} holds no first report of {event_type or 'any type'}; ingest documents, or ask for another type.")
    settings = EventStudy(
        model=model, estimation=estimation, window=window, min_obs=min_obs,
        alignment=cast(Any, alignment), overlap=cast(Any, overlap), locked=cast(Any, locked),
    )  # fmt: skip
    result = settings.fit(events, store.read("bars"), benchmark=benchmark_of(benchmark), group="event_type")
    say(
        [
            f"events       {result.events.height:>8,} used, {result.dropped.height:,} dropped",
            *aligned(result.dropped.group_by("reason").len().sort("reason")),
        ]
    )
    say(aligned(_findings(result)))
    say(f"note: {line}" for line in result.warnings)
    if report:
        name = event_type or "all event types"
        parts = [*study_sections(result), *(robustness_sections(result, draws=draws) if draws else [])]
        told = manifest(store, study=str(settings), benchmark=", ".join(benchmark))
        for path in report:
            write_report(path, *parts, title=f"Event study: {name}", manifest=told)
            say(f"report       {path}")


def evaluate(
    files: Annotated[list[Path] | None, typer.Argument(help="With --news: more files of bars.")] = None,
    signal: Annotated[str | None, typer.Option(help="Name of a stored home's signal.")] = None,
    start: Annotated[str | None, typer.Option(help="With --signal: first session, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option(help="With --signal: last session, YYYY-MM-DD.")] = None,
    market: Annotated[str, typer.Option(help="With --signal: cn, hk or us.")] = "cn",
    quantiles: Annotated[int, typer.Option(help="With --signal: groups the cross-section is cut into.")] = 5,
    news: Annotated[Path | None, typer.Option(help="File of dated news: runs a whole protocol on it instead (docs/real_data.md).")] = None,
    bars: Annotated[list[Path] | None, typer.Option(help="With --news: file of bars; further ones may follow it.")] = None,
    protocol: Annotated[Path, typer.Option(help="With --news: what is tried, and how it is judged.")] = Path("docs/protocol.toml"),
    out: Annotated[Path | None, typer.Option(help="With --news: folder of the results and of the ledger of trials.")] = None,
    home: Home = HOME,
    report: Report = None,
) -> None:
    """Judge a signal, or every variant of a protocol on a file of dated news, against the search that found it.

    Every evaluated variant is put into a ledger, and the Sharpe ratios are deflated by how many there are.
    """
    if news is not None:
        if report or signal is not None or start is not None or end is not None:
            raise UsageError(
                "--news came with --report, --signal, --start or --end; expected --out DIR, which gets the reports of a protocol."
            )
        _evaluate_news(news, [*(bars or []), *(files or [])], protocol, out)
        return
    if signal is None or start is None or end is None or files:
        raise UsageError("Nothing to evaluate was named; expected --signal NAME --start D --end D, or --news FILE --bars FILE --out DIR.")
    from backtests.stored_runs import evidence_of, manifest
    from research.store import Store

    check_call(start, end, report, quantiles)
    store = Store(home)
    found = evidence_of(store, signal, market, start, end, quantiles, CASH)
    judged = record_and_judge(store, found, start, end, quantiles)
    say(aligned(judged.ic.summary))
    say(aligned(judged.performance.select("metric", "value", "ci_low", "ci_high", "n")))
    for path in report or []:
        from backtests.evaluation_report import evaluation_sections
        from backtests.report import write_report

        title = f"{signal} in market {market}: evaluation"
        write_report(path, *evaluation_sections(judged), title=title, manifest=manifest(store, signal=signal))
        say(f"report       {path}")


def _evaluate_news(news: Path, bars: list[Path], protocol: Path, out: Path | None) -> None:
    from backtests.news_report import verdict, write_study
    from backtests.news_study import study_news
    from backtests.protocol import read_protocol
    from research.console import progress
    from research.store import Store

    if out is None:
        raise UsageError("--news came without --out; name the folder for the results and the ledger.")
    for path in (news, *bars):
        if not path.is_file():
            raise UsageError(f"There is no file {path}; check the path.")
    found = study_news(news, bars, read_protocol(protocol), Store(out / "ledger"), now=datetime.now(UTC), progress=progress)
    say([f"note: {line}" for line in (*found.notes, *found.left_out)])
    say([verdict(market) for market in found.markets])
    say(f"trials       {found.n_trials:>8,} in the ledger of {out / 'ledger'}")
    say([f"{path.stem:<12} {path}" for path in write_study(found, out)])


def export(
    table: Annotated[str, typer.Argument(help="Name of a table.")],
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    asof: Annotated[str | None, typer.Option(help="Only rows available before this instant (ISO 8601 with offset).")] = None,
    home: Home = HOME,
) -> None:
    """Write one table to a Parquet file."""
    from research.store import Store

    declared = _stored_tables()
    if table not in declared:
        raise UsageError(f"Table {table!r} is not known; expected one of {', '.join(declared)}.")
    if not file.parent.is_dir():
        raise UsageError(f"Folder {file.parent} does not exist; make it first.")
    frame = Store(home).read(declared[table], asof=asof)
    frame.write_parquet(file)
    say(f"{table:<12} {frame.height:>8,} rows   {file}")


def check(
    home: Home = HOME,
    out: Annotated[Path | None, typer.Option(help="Parquet file for the reconciliation, one row a stated move.")] = None,
) -> None:
    """Validate every stored table, and reconcile the one-day moves the news states with the bars.

    Exact moves agree within 0.15 percentage points, bounds as bounds, whole percentages within 0.5; `strict` holds those to 0.15 as well.
    """
    from research.bar_report import lines
    from research.reconcile import agreement, reconcile, summary
    from research.store import Store

    store = Store(home)
    bad = []
    for name, table in _stored_tables().items():
        frame = store.read(table)
        try:
            table.validate(frame)
            say(f"{name:<12} {frame.height:>8,} rows   valid")
        except TidingsError as error:
            bad.append(str(error))
            say(f"{name:<12} {frame.height:>8,} rows   NOT VALID: {error}")
        for difference in store.differences(table):
            say(f"{name:<12} {difference}")
    bars, instruments = store.read("bars"), store.read("instruments")
    judged = reconcile(store.read("facts"), bars, instruments=instruments)
    say(lines(bars, instruments, store.read("treatments")))
    say(aligned(summary(judged)))
    say(aligned(agreement(judged)))
    if out is not None:
        judged.write_parquet(out)
        say(f"moves        {judged.height:>8,} rows   {out}")
    if bad:
        raise DataError(f"{len(bad)} tables of {home} are not valid; the first: {bad[0]}")


def _case(folder: Path, out: Path | None) -> None:
    from backtests.study_cases import run_case
    from research.store import write_atomically

    text = json.dumps(run_case(folder), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"
    if out is None:
        say(text)
        return
    if not out.resolve().parent.is_dir():
        raise UsageError(f"Folder {out.resolve().parent} does not exist; make it first.")
    write_atomically(out, text)
    say(f"study        {out}")


def _findings(result: Any) -> pl.DataFrame:
    """Return one line a group: events, mean cumulative abnormal return over the window, p-values of three tests."""
    import polars as pl

    first, last = result.study.window
    tests = result.tests(windows=[(first, last)], tests=["cross_sectional", "bmp", "kolari_pynnonen", "corrado_rank"])
    p_values = tests.pivot(on="test", index="group", values="p_value", maintain_order=True)
    ends = result.average.filter(pl.col("tau") == last).select("group", "n_events", "caar")
    found: pl.DataFrame = ends.join(p_values, on="group", how="left", maintain_order="left")
    return found


def _stored_tables() -> dict[str, Any]:
    from backtests.trials import TRIAL_RETURNS, TRIALS
    from research import schemas as facts
    from signals import schemas as views

    return {**facts.TABLES, **{table.name: table for table in (views.SIGNALS, views.RUNS, TRIALS, TRIAL_RETURNS)}}
