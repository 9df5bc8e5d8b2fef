"""Commands of :mod:`backtests`: demo, study, backtest, evaluate, and export and check, which know every table."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from research.cli import Home
from research.console import say
from research.errors import DataError, TidingsError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from backtests.evidence import Evidence
    from research.store import Store

__all__ = ["mount"]

_HOME = Path("tidings-home")
_Report = Annotated[Path | None, typer.Option(help="HTML report to write.")]


def mount(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    commands: dict[str, Callable[..., None]] = {
        "demo": demo, "study": study, "backtest": backtest, "evaluate": evaluate, "export": export, "check": check,
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
    home: Home = _HOME,
    report: _Report = None,
    case: Annotated[Path | None, typer.Option(help="Run a folder of returns and events instead (docs/event_study.md).")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the results of --case.")] = None,
) -> None:
    """Run an event study over the first reports of the stored events, by event type; or over a folder with --case."""
    if case is not None:
        _case(case, out)
        return
    if not benchmark:
        raise UsageError("No benchmark was named; expected --benchmark SYMBOL, such as 510300.SS, or --case FOLDER.")
    import polars as pl

    from backtests.event_study import EventStudy
    from backtests.evidence import benchmark_of, first_reports
    from backtests.report import write_report
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
            *_table(result.dropped.group_by("reason").len().sort("reason")),
        ]
    )
    say(_table(_findings(result)))
    say(f"note: {line}" for line in result.warnings)
    if report is not None:
        name = event_type or "all event types"
        parts = [*study_sections(result), *(robustness_sections(result, draws=draws) if draws else [])]
        write_report(
            report,
            *parts,
            title=f"Event study: {name}",
            manifest=_manifest(store, study=str(settings), benchmark=", ".join(benchmark)),
        )
        say(f"report       {report}")


def backtest(
    signal: Annotated[str, typer.Option(help="Name of the signal.")],
    start: Annotated[str, typer.Option(help="First session, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="Last session, YYYY-MM-DD.")],
    market: Annotated[str, typer.Option(help="cn, hk or us.")] = "cn",
    quantiles: Annotated[int, typer.Option(help="Groups the cross-section is cut into.")] = 5,
    cash: Annotated[float, typer.Option(help="Starting capital in the market's currency.")] = 10_000_000.0,
    out: Annotated[Path | None, typer.Option(help="Folder for the result tables as Parquet.")] = None,
    home: Home = _HOME,
    report: _Report = None,
) -> None:
    """Judge a signal in one market: information coefficient, quantile returns, portfolio under the market's rules and costs."""
    from research.store import Store

    store = Store(home)
    found = _evidence(store, signal, market, start, end, quantiles, cash)
    say([f"scores       {found.scores.height:>8,} rows, {found.scores['symbol'].n_unique():,} symbols", *_table(found.ic.summary)])
    say(_table(found.quantiles.filter(found.quantiles["horizon"] == found.scores["horizon"][0])))
    say(_table(found.backtest.metrics.select("metric", "value", "ci_low", "ci_high", "n")))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("portfolio", "orders", "metrics", "weights"):
            frame: pl.DataFrame = getattr(found.backtest, name)
            frame.write_parquet(out / f"{name}.parquet")
            say(f"{name:<12} {frame.height:>8,} rows   {out / name}.parquet")
    if report is not None:
        from backtests.report import write_report
        from backtests.sections import coverage_section, evidence_sections

        parts = [*evidence_sections(found), coverage_section(store)]
        write_report(
            report, *parts, title=f"{signal} in market {market}", manifest=_manifest(store, signal=signal, span=f"{start} … {end}")
        )
        say(f"report       {report}")


def evaluate(
    signal: Annotated[str, typer.Option(help="Name of the signal.")],
    start: Annotated[str, typer.Option(help="First session, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="Last session, YYYY-MM-DD.")],
    market: Annotated[str, typer.Option(help="cn, hk or us.")] = "cn",
    quantiles: Annotated[int, typer.Option(help="Groups the cross-section is cut into.")] = 5,
    home: Home = _HOME,
    report: _Report = None,
) -> None:
    """Judge a signal against the search that found it: every evaluated variant is put into the ledger and deflates the Sharpe ratio."""
    from backtests import evaluation
    from backtests.trials import TRIAL_RETURNS, TRIALS, record
    from research.store import Store

    store = Store(home)
    found = _evidence(store, signal, market, start, end, quantiles)
    returns = found.backtest.portfolio.select("session", "net_return")
    config = {"start": start, "end": end, "quantiles": quantiles}
    judge = partial(evaluation.evaluate, found.scores, found.labels, market=market, quantiles=quantiles, returns=returns, config=config)
    recorded = record(store, judge().trial, evaluated_at=datetime.now(UTC))
    judged = judge(trials=store.read(TRIALS), trial_returns=store.read(TRIAL_RETURNS))
    say(_table(judged.ic.summary))
    say(_table(judged.performance.select("metric", "value", "ci_low", "ci_high", "n")))
    say(f"trials       {recorded.n_trials:>8,} in the ledger of {home}")
    if recorded.note is not None:
        say(f"note: {recorded.note}")
    if report is not None:
        from backtests.evaluation_report import evaluation_sections
        from backtests.report import write_report

        write_report(
            report, *evaluation_sections(judged), title=f"{signal} in market {market}: evaluation", manifest=_manifest(store, signal=signal)
        )
        say(f"report       {report}")


def _evidence(store: Store, signal: str, market: str, start: str, end: str, quantiles: int, cash: float = 10_000_000.0) -> Evidence:
    """Return what a stored signal did in one market under the market's own costs."""
    from backtests.costs import costs
    from backtests.evidence import evidence
    from research.calendar import parse_date

    return evidence(
        store.read("events"), store.read("mentions"), store.read("bars"),
        signal=signal, market=market, start=parse_date(start), end=parse_date(end), costs=costs(market), quantiles=quantiles,
        universe=store.read("instruments"), cash=cash,
    )  # fmt: skip


def export(
    table: Annotated[str, typer.Argument(help="Name of a table.")],
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    asof: Annotated[str | None, typer.Option(help="Only rows available before this instant (ISO 8601 with offset).")] = None,
    home: Home = _HOME,
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
    home: Home = _HOME,
    out: Annotated[Path | None, typer.Option(help="Parquet file for the reconciliation, one row a stated move.")] = None,
) -> None:
    """Validate every stored table, and reconcile the one-day moves the news states with the bars.

    Exact moves agree within 0.15 percentage points, bounds as bounds, whole percentages within 0.5; `strict` holds those to 0.15 as well.
    """
    from research.prices import validate
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
    found = validate(bars)
    say(f"bars         {n:>8,} flagged: {rule}" for rule, n in found.group_by("rule").len().sort("rule").rows())
    say(_table(summary(judged)))
    say(_table(agreement(judged)))
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


def _manifest(store: Any, **settings: str) -> dict[str, str]:
    from signals.publish import code_version

    return {"tidings": code_version(), **settings, **{f"table {name}": f"version {n}" for name, n in store.versions().items()}}


def _table(frame: pl.DataFrame) -> list[str]:
    """Return a frame as aligned lines."""
    import polars as pl

    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=80, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True,
        tbl_formatting="NOTHING", float_precision=5,
    ):  # fmt: skip
        return str(frame).splitlines()
