"""Commands about portfolios: backtest, sweep, compare; and what they share with the other commands of :mod:`backtests.cli`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from research.cli import Home
from research.console import say
from research.errors import DataError, EstimationError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from backtests.evaluation import Evaluation
    from backtests.evidence import Evidence
    from backtests.trials import Trial
    from research.store import Store

__all__ = [
    "CASH", "HOME", "Report", "aligned", "backtest", "check_call", "check_reports", "compare", "record_and_judge", "sweep",
]  # fmt: skip

HOME = Path("tidings-home")
Report = Annotated[list[Path] | None, typer.Option(help="Report to write: .html, .md or .json; repeat it for more than one.")]

#: starting capital of a backtest that names none, in the market's currency
CASH = 10_000_000.0


def backtest(
    signal: Annotated[str, typer.Option(help="Name of the signal.")],
    start: Annotated[str, typer.Option(help="First session, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="Last session, YYYY-MM-DD.")],
    market: Annotated[str, typer.Option(help="cn, hk, us or crypto.")] = "cn",
    quantiles: Annotated[int, typer.Option(help="Groups the cross-section is cut into.")] = 5,
    cash: Annotated[float, typer.Option(help="Starting capital in the market's currency.")] = CASH,
    benchmark: Annotated[str | None, typer.Option(help="Symbol with bars to compare with; the report then has an event study too.")] = None,
    fill: Annotated[str, typer.Option(help="Price of a fill: `open`, `close` or `vwap` of the session after the decision.")] = "open",
    blocked: Annotated[str, typer.Option(help="An order that cannot be filled whole: `shrink`, `wait` or `die`.")] = "shrink",
    participation: Annotated[float | None, typer.Option(help="Largest share of a name's trailing volume an order may be.")] = None,
    max_weight: Annotated[float | None, typer.Option(help="Largest weight of a name; what is cut stays in cash.")] = None,
    liquidity: Annotated[bool, typer.Option(help="Spreads by liquidity and square-root impact in the costs.")] = False,
    draws: Annotated[int, typer.Option(help="Draws of each comparison with chance in the report.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of those draws.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the result tables as Parquet.")] = None,
    home: Home = HOME,
    report: Report = None,
) -> None:
    """Judge a signal in one market: information coefficient, quantile returns, portfolio under the market's rules and costs."""
    from backtests.execution import Execution
    from backtests.simulation import warm
    from backtests.stored_runs import evidence_of, manifest
    from research.store import Store

    check_call(start, end, report, quantiles)
    if draws < 0 or seed < 0:
        raise UsageError(f"--draws came as {draws} and --seed as {seed}; expected neither below 0 (--draws 0 leaves chance out).")
    if max_weight is not None and not 0 < max_weight <= 1:
        raise UsageError(f"--max-weight came as {max_weight:g}; expected a share of net asset value above 0, at most 1.")
    store = Store(home)
    taken = {"fill": fill, "blocked": blocked, "participation": participation, "max_weight": max_weight, "liquidity": liquidity}
    execution = Execution(fill=cast("Any", fill), blocked=cast("Any", blocked), participation=participation)
    store.scan("bars")  # a home that is not there is refused before the engine is loaded
    say(warm())
    found = evidence_of(
        store, signal, market, start, end, quantiles, cash, benchmark, execution=execution, liquidity=liquidity, max_weight=max_weight
    )
    say([f"scores       {found.scores.height:>8,} rows, {found.scores['symbol'].n_unique():,} symbols", *aligned(found.ic.summary)])
    say(aligned(found.quantiles.filter(found.quantiles["horizon"] == found.scores.head(1)["horizon"][0])))
    say(aligned(found.backtest.metrics.select("metric", "value", "ci_low", "ci_high", "n")))
    asked, bought = found.backtest.orders.height, int((found.backtest.orders["filled"] != 0).sum())
    if asked and not bought:
        say(f"note: none of {asked:,} orders was filled; look at their reasons, or give more than --cash {cash:,.0f}.")
    usual = {"fill": "open", "blocked": "shrink", "participation": None, "max_weight": None, "liquidity": False}
    special: dict[str, object] = {k: v for k, v in taken.items() if v != usual[k]}
    if not report:  # looked at is tried
        _record(store, _tried(found, start, end, quantiles, cash, special))
    if out is not None:
        settings = {"market": market, "signal": signal, "start": start, "end": end, "quantiles": quantiles, "cash": cash}
        # the ledger grows with every run and makes none of them another
        made_of = {name: what for name, what in manifest(store).items() if not name.startswith("table trial")}
        _write_tables(found, out, {**settings, **taken, **made_of})
    if report:
        from backtests.report import write_report
        from backtests.sections import coverage_section
        from backtests.trading_report import trading_report

        judged = record_and_judge(store, found, start, end, quantiles, cash, special)
        documents = store.read("documents")
        made = trading_report(found, documents, judged, study=_study(found, documents, benchmark), draws=draws, seed=seed)
        told = {
            "signal": signal, "market": market, "span": f"{start} … {end}", "quantiles": str(quantiles), "cash": f"{cash:,.0f}",
            "benchmark": benchmark or "none", "fill": fill, "blocked": blocked, "participation": str(participation or "no cap"),
            "largest weight": str(max_weight or "no cap"),
            "liquidity costs": "yes" if liquidity else "no", "seed": str(seed), "draws": str(draws),
            "trials": str(judged.search.n_trials if judged.search else 0),
        }  # fmt: skip
        for path in report:
            write_report(
                path, *made.sections, coverage_section(store), title=f"{signal} in market {market}", verdict=made.verdict, notes=made.notes,
                manifest=manifest(store, **told),
            )  # fmt: skip
            say(f"report       {path}")


def sweep(
    signal: Annotated[str, typer.Option(help="Name of the signal: tone@1 or events@1.")],
    start: Annotated[str, typer.Option(help="First session, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="Last session, YYYY-MM-DD.")],
    market: Annotated[str, typer.Option(help="cn, hk, us or crypto.")] = "cn",
    half_life: Annotated[list[float] | None, typer.Option(help="Half-life of the news, sessions; repeat it: 1 2 3 5 10 else.")] = None,
    quantiles: Annotated[list[int] | None, typer.Option(help="Groups of the cross-section; repeat it: 3 5 10 else.")] = None,
    choose_every: Annotated[int | None, typer.Option(help="Also choose anew every so many sessions, by the returns until then.")] = None,
    choose_after: Annotated[int, typer.Option(help="With --choose-every: sessions before the first choice.")] = 126,
    home: Home = HOME,
    report: Report = None,
) -> None:
    """Try every half-life with every number of groups over one pass of data; each variant goes into the ledger of trials."""
    from backtests import sweep as sweeps
    from backtests.stored_runs import manifest, swept
    from backtests.trials import TRIALS, search_of, trial
    from research.store import Store
    from signals.publish import recipe

    check_call(start, end, report, *(quantiles or []))
    if choose_every is not None and (choose_every < 1 or choose_after < 20):
        raise UsageError(
            f"--choose-every came as {choose_every} and --choose-after as {choose_after}; expected at least 1 session and at least 20."
        )
    store = Store(home)
    axes = sweeps.grid(half_life=half_life or [1.0, 2.0, 3.0, 5.0, 10.0], quantiles=quantiles or [3, 5, 10])
    found, chosen = swept(store, signal, market, start, end, axes, choose_every, choose_after)
    config = {"start": start, "end": end}
    horizon = recipe(signal).horizon
    tried = sweeps.trials_of(found, signal=signal, horizon=horizon, config=config)
    if chosen is not None:
        span = cast("list[date]", chosen.result.portfolio["session"].sort().to_list())
        tried.append(
            trial(
                chosen.result.portfolio.select("session", "net_return"), signal=signal, market=market, start=span[0], end=span[-1],
                horizon=horizon, config={**config, "variants": axes, "choose_every": choose_every, "choose_after": choose_after},
            )
        )  # fmt: skip
    added = sweeps.record_all(store, tried, evaluated_at=datetime.now(UTC))
    # what else the ledger holds was tried as well
    found = sweeps.deflated(found, search_of(store.read(TRIALS).filter(market=market), tried=max(tried, key=_length)))
    shown = found.table.sort("sharpe", descending=True, nulls_last=True).head(10)
    say(aligned(shown.select(*found.parameters, "sharpe", "std_error", "deflated", "annual_return", "annual_turnover")))
    if chosen is not None:
        say(aligned(chosen.choices))
        say(aligned(chosen.result.metrics.head(3).select("metric", "value", "ci_low", "ci_high", "n")))
    say(f"trials       {added:>8,} new in the ledger of {home}, {len(tried):,} in the sweep, {found.search.n_trials:,} distinct in all")
    for path in report or []:
        from backtests.parameter_choice import choice_section
        from backtests.report import write_report
        from backtests.trading_sections import sweep_section
        from backtests.verdict import sweep_headline

        settings = {
            "signal": signal, "market": market, "span": f"{start} … {end}", "variants": str(len(axes)),
            "half-lives, sessions": ", ".join(f"{each:g}" for each in sorted({cast("float", axis["half_life"]) for axis in axes})),
            "quantiles": ", ".join(str(each) for each in sorted({cast("int", axis["quantiles"]) for axis in axes})),
            "chosen anew": "no" if choose_every is None else f"every {choose_every} sessions, after {choose_after}",
            "trials": str(found.search.n_trials),
        }  # fmt: skip
        title = f"{signal} in market {market}: sweep"
        parts = [sweep_section(found), *([] if chosen is None else [choice_section(chosen)])]
        write_report(path, *parts, title=title, verdict=sweep_headline(found, chosen), manifest=manifest(store, **settings))
        say(f"report       {path}")


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders that `tidings backtest --out` wrote; the first is held against the others.")],
    report: Report = None,
) -> None:
    """Compare several runs over the sessions they share."""
    import polars as pl

    from backtests.comparison import compare as compared
    from backtests.comparison import comparison_section

    check_reports(report)
    names = [path.name for path in runs]
    if len(set(names)) < len(names):
        names = [str(path) for path in runs]
    portfolios, markets = {}, {}
    for name, path in zip(names, runs, strict=True):
        if not (path / "portfolio.parquet").is_file() or not (path / "run.json").is_file():
            raise UsageError(f"Folder {path} holds no run; expected one that `tidings backtest --out {path}` wrote.")
        try:
            portfolios[name] = pl.read_parquet(path / "portfolio.parquet")
        except (pl.exceptions.PolarsError, OSError) as error:
            cause = str(error).strip().split("\n", 1)[0]
            raise DataError(f"{path / 'portfolio.parquet'} cannot be read ({cause}); run `tidings backtest --out {path}` again.") from None
        markets[name] = _market_of(path / "run.json")
    if len(set(markets.values())) > 1:
        told = ", ".join(f"{name} in {market}" for name, market in markets.items())
        raise UsageError(f"The runs are of several markets ({told}); expected one: their sessions and currencies differ.")
    settings = {name: json.loads((path / "run.json").read_text("utf-8")) for name, path in zip(names, runs, strict=True)}
    found = compared(portfolios, market=next(iter(markets.values())))
    say(aligned(found.metrics))
    say(aligned(found.differences))
    for path in report or []:
        from backtests.report import write_report
        from backtests.verdict import comparison_headline

        folders = {name: str(folder.resolve()) for name, folder in zip(names, runs, strict=True)}
        write_report(path, comparison_section(found, settings), title="Runs compared", verdict=comparison_headline(found), manifest=folders)
        say(f"report       {path}")


def check_call(start: str, end: str, report: list[Path] | None, *quantiles: int) -> None:
    """Refuse, before anything is computed or written, what a command about portfolios could not do.

    Raises
    ------
    UsageError
        For dates that are none or in the wrong order, fewer than two groups, and what :func:`check_reports` refuses.
    """
    for name, value in (("--start", start), ("--end", end)):
        try:
            date.fromisoformat(value)
        except ValueError:
            raise UsageError(f"{name} came as {value!r}; expected a date as YYYY-MM-DD.") from None
    if date.fromisoformat(end) < date.fromisoformat(start):
        raise UsageError(f"--start came as {start} and --end as {end}; expected --end not to be before --start.")
    if min(quantiles, default=2) < 2:
        raise UsageError(f"--quantiles came as {min(quantiles)}; expected at least 2 groups.")
    check_reports(report)


def check_reports(report: list[Path] | None) -> None:
    """Raise :class:`~research.errors.UsageError` for a report that could not be written: an unknown suffix, a missing folder."""
    for path in report or []:
        if path.suffix.lower() not in (".html", ".htm", ".md", ".json"):
            raise UsageError(f"--report came as {path}; expected a name that ends in .html, .md or .json.")
        if path.is_dir() or not path.parent.is_dir():
            raise UsageError(f"--report came as {path}; expected a file in a folder that exists: create {path.parent}, or choose another.")


def record_and_judge(
    store: Store, found: Evidence, start: str, end: str, quantiles: int, cash: float = CASH, chosen: dict[str, object] | None = None
) -> Evaluation:
    """Put a backtest into the ledger of trials, with what else was ``chosen``, and return its evaluation against that ledger."""
    from backtests import evaluation
    from backtests.trials import TRIAL_RETURNS, TRIALS

    judged = evaluation.evaluate(
        found.scores, found.ahead, market=found.market, quantiles=quantiles, returns=_net(found),
        config=_config(start, end, quantiles, cash, chosen),
    )  # fmt: skip
    _record(store, judged.trial)
    return evaluation.judged_among(judged, store.read(TRIALS), store.read(TRIAL_RETURNS))


def _length(tried: Trial) -> int:
    return cast("int", tried.row["n"])


def _net(found: Evidence) -> pl.DataFrame:
    return found.backtest.portfolio.select("session", "net_return")


def _config(start: str, end: str, quantiles: int, cash: float, chosen: dict[str, object] | None) -> dict[str, object]:
    return {"start": start, "end": end, "quantiles": quantiles, **({} if cash == CASH else {"cash": cash}), **(chosen or {})}


def _tried(found: Evidence, start: str, end: str, quantiles: int, cash: float, chosen: dict[str, object]) -> Trial:
    """Return the trial of a backtest that nobody judges further."""
    from backtests.evaluation import trial_of

    return trial_of(
        found.scores, found.ahead, found.ic, market=found.market, quantiles=quantiles, returns=_net(found),
        config=_config(start, end, quantiles, cash, chosen),
    )[0]  # fmt: skip


def _record(store: Store, tried: Trial) -> None:
    from backtests.trials import record

    recorded = record(store, tried, evaluated_at=datetime.now(UTC))
    say(f"trials       {recorded.n_trials:>8,} in the ledger of {store.home}")
    if recorded.note is not None:
        say(f"note: {recorded.note}")


def aligned(frame: pl.DataFrame) -> list[str]:
    """Return a frame as aligned lines."""
    import polars as pl

    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=80, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True,
        tbl_formatting="NOTHING", float_precision=5,
    ):  # fmt: skip
        return str(frame).splitlines()


def _study(found: Evidence, documents: pl.DataFrame, benchmark: str | None) -> Any:
    """Return the event study of the same market and span; ``None`` without a benchmark, or with a line that says why."""
    if benchmark is None:
        return None
    import polars as pl

    from backtests.event_study import EventStudy
    from backtests.evidence import first_reports

    span = found.backtest.portfolio["session"]
    mine = found.events.filter(pl.col("symbol").is_in(found.bars["symbol"].unique().implode()))
    reports = first_reports(mine, documents).filter(pl.col("available_at").dt.date().is_between(span.min(), span.max()))
    try:
        return EventStudy(model="market", estimation=(-150, -20), window=(-5, 20), min_obs=60).fit(
            reports, found.bars, benchmark=benchmark, group="event_type"
        )
    except (EstimationError, DataError, UsageError) as error:
        say(f"note: the report has no event study. {error}")
        return None


def _write_tables(found: Evidence, out: Path, settings: dict[str, object]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in ("portfolio", "orders", "metrics", "weights"):
        frame: pl.DataFrame = getattr(found.backtest, name)
        frame.write_parquet(out / f"{name}.parquet")
        say(f"{name:<12} {frame.height:>8,} rows   {out / name}.parquet")
    (out / "run.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _market_of(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["market"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"File {path} does not say its market ({error}); write the run again with `tidings backtest --out`.") from error
