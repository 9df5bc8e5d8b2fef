"""Commands of :mod:`research`: ingest, prices, sentiment."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from research.console import progress, say
from research.errors import DataError, SourceError, StoreError, UsageError
from research.store_cli import store_app

if TYPE_CHECKING:
    from research.llm import Reader

__all__ = ["Home", "mount"]

Home = Annotated[Path, typer.Option("--home", help="Folder of the tables.")]
_HOME = Path("tidings-home")
_Start = Annotated[str | None, typer.Option(help="First session, YYYY-MM-DD.")]
_End = Annotated[str | None, typer.Option(help="Last session, YYYY-MM-DD (default: today).")]

prices_app = typer.Typer(help="Fetch or load daily bars.", no_args_is_help=True, rich_markup_mode=None)
sentiment_app = typer.Typer(
    help="Train or apply a tone model on JSONL lines {id, text, target? (or subject), lang?, label?}.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

instruments_app = typer.Typer(help="The security master of a home.", no_args_is_help=True, rich_markup_mode=None)


def mount(app: typer.Typer) -> None:
    """Add these commands to the console script."""
    app.command("ingest")(ingest_command)
    app.command("archive")(archive_command)
    app.add_typer(prices_app, name="prices")
    app.add_typer(sentiment_app, name="sentiment")
    app.add_typer(instruments_app, name="instruments")
    app.add_typer(store_app, name="store")


def ingest_command(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of documents.")],
    format: Annotated[str, typer.Option(help="auto, feed, xml, portal, report, archive or html.")] = "auto",
    source: Annotated[str | None, typer.Option(help="Who published them, where the file does not say.")] = None,
    seen_at: Annotated[
        str | None, typer.Option(help="When the collector held the files (ISO 8601 with offset); without it they are a back-fill.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Archive column as OURS=THEIRS, such as headline=title; repeat for more.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "Asia/Shanghai",
    latency: Annotated[float, typer.Option(help="Seconds from publication to availability, where nobody measured it.")] = 0.0,
    instruments: Annotated[
        Path | None, typer.Option(help="Parquet file of the security master for a new home (default: the shipped one).")
    ] = None,
    llm: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible server: its model reads tone and events of new documents.")
    ] = None,
    llm_model: Annotated[str | None, typer.Option(help="Name of the model there.")] = None,
    llm_trained_until: Annotated[
        str | None, typer.Option(help="Last day of the model's training data, YYYY-MM-DD: texts up to then are left to the rules.")
    ] = None,
    llm_allow_lookahead: Annotated[
        bool, typer.Option("--llm-allow-lookahead", help="Show the model older texts too; rows are marked +seen, unfit for a backtest.")
    ] = False,
    llm_key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the server's key.")] = None,
    llm_cache: Annotated[Path | None, typer.Option(help="Folder of the answers (default: llm-cache in the home).")] = None,
    home: Home = _HOME,
) -> None:
    """Read documents into documents, mentions, events and facts; running it twice adds nothing."""
    from research import ingestion
    from research.store import Store, as_instant

    files = expand(paths)
    reader = _reader(llm, llm_model, llm_trained_until, llm_allow_lookahead, llm_key_env, llm_cache or home / "llm-cache")
    store = Store(home)
    done = ingestion.ingest(
        store,
        files,
        ingestion.security_master(store, instruments),
        format=format,
        source=source,
        seen_at=None if seen_at is None else as_instant(seen_at),
        columns=mapping(column or []),
        zone=zone,
        latency=timedelta(seconds=latency),
        reader=reader,
        progress=progress,
    )
    say([*done.written, *([done.tally] if done.tally else [])])
    if done.unreadable:
        for reason in done.unreadable:
            print(f"unreadable   {reason}", file=sys.stderr)
        n = len(done.unreadable)
        raise SourceError(f"{n} of {len(files)} files could not be read and stand in the quarantine table; the first: {done.unreadable[0]}")


def archive_command(
    folder: Annotated[Path, typer.Argument(help="Folder of the archive; `tidings ingest` reads it.")],
    wire: Annotated[list[str] | None, typer.Option(help="cls, eastmoney, sina, futu or ths; repeat for more (default: all).")] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="A mainland share whose last items are wanted; repeat for more.")] = None,
) -> None:
    """Append what news wires without a history hold now, with the time it was first seen; run it every few minutes."""
    from research.sources import news_feeds

    wires = list(wire if wire is not None else ([] if symbol else news_feeds.WIRES))
    with progress("asking wires", len(wires) + len(symbol or [])) as advance:
        found = news_feeds.fetch(wires, symbol or [], now=lambda: datetime.now(UTC), advance=advance)
    for name, reason in found.failures.rows():
        print(f"failed       {name}: {reason}", file=sys.stderr)
    if found.items.is_empty():
        raise SourceError("None of the wires gave an item; see the reasons above.")
    say(str(news_feeds.archive(found.items, folder)))


@instruments_app.command("refresh")
def instruments_refresh(
    market: Annotated[list[str] | None, typer.Option(help="cn or hk; repeat for both (default: cn).")] = None, home: Home = _HOME
) -> None:
    """Add listings, renames, delistings and marks of special treatment (ST) from the exchanges' lists; rows that are there never change."""
    from research import schemas
    from research.ingestion import security_master
    from research.sources import listings, treatments
    from research.store import Store

    store, now = Store(home), datetime.now(UTC)
    master = security_master(store)
    found = listings.refresh(master, seen_at=now, markets=tuple(market or ["cn"]))
    for subject, reason in found.failures.select("subject", "reason").rows():
        print(f"failed       {subject}: {reason}", file=sys.stderr)
    say([store.append(schemas.INSTRUMENTS, master), store.append(schemas.INSTRUMENTS, found.instruments)])
    marks = treatments.compare(store.read(schemas.TREATMENTS), found.lists, listings.day_of(now), seen_at=now)
    say([store.append(schemas.TREATMENTS, marks)])
    say(f"{change:<12} {n:>8,}" for change, n in found.changes.group_by("change").len().sort("change").rows())
    if found.failures.height and found.changes.is_empty() and found.instruments.is_empty():
        raise SourceError("No list gave anything; see the reasons above.")


@instruments_app.command("treatment")
def instruments_treatment(
    path: Annotated[Path, typer.Argument(help="CSV or Parquet: symbol, start, and where known end and name.")],
    complete_from: Annotated[
        str | None, typer.Option(help="The file holds every period of special treatment from this day on, YYYY-MM-DD.")
    ] = None,
    home: Home = _HOME,
) -> None:
    """Add marks of special treatment (ST) of your own; what is stored already stays."""
    from research import schemas
    from research.calendar import parse_date
    from research.sources.treatments import read_treatments
    from research.store import Store

    store = Store(home)
    held = store.scan("bars").select("symbol").unique().collect()["symbol"].to_list() if home.exists() else []
    since = None if complete_from is None else parse_date(complete_from)
    say([store.append(schemas.TREATMENTS, read_treatments(path, complete_from=since, symbols=held))])


@prices_app.command("files")
def prices_files(
    paths: Annotated[list[Path], typer.Argument(help="CSV or Parquet files, or folders of them.")],
    column: Annotated[list[str] | None, typer.Option(help="Column as OURS=THEIRS, such as close=adj_close; repeat for more.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol, where neither a column nor the file name says it.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency, where the symbol does not tell.")] = None,
    lot: Annotated[float, typer.Option(help="Shares one unit of the volume column stands for.")] = 1.0,
    source: Annotated[str | None, typer.Option(help="Name stored as the bars' source.")] = None,
    start: _Start = None,
    end: _End = None,
    home: Home = _HOME,
) -> None:
    """Load bars from files of your own."""
    from research.calendar import parse_date
    from research.sources import files, incremental
    from research.store import Store

    names = mapping(column or [])
    chosen = expand(paths)
    with progress("loading bars", len(chosen)) as advance:
        done = incremental.load(
            Store(home),
            chosen,
            lambda path: files.read_bars([path], columns=names, symbol=symbol, currency=currency, lot=lot, source=source),
            parse_date(start or "1900-01-01"),
            parse_date(end or "2999-12-31"),
            advance=advance,
        )
    say(done.lines())
    if done.left_out.height:
        first = done.left_out["reason"][0]
        raise DataError(f"{done.left_out.height} files or symbols were left out, the rest was kept; the first: {first}")
    if done.set_aside:
        n = len(done.set_aside)
        raise DataError(f"{n} rows were set aside in the quarantine table, the rest was kept; the first: {done.set_aside[0]}")


@prices_app.command("yahoo")
def prices_yahoo(
    symbols: Annotated[list[str], typer.Argument(help="Symbols as Yahoo writes them.")],
    start: _Start = None,
    end: _End = None,
    home: Home = _HOME,
) -> None:
    """Fetch bars with yfinance: what is missing, and an overlap that shows whether the past was changed."""
    from research.sources import yahoo

    _fetch(yahoo.bars, "yahoo", symbols, start, end, home, splits_until=datetime.now(UTC).date())


@prices_app.command("akshare")
def prices_akshare(
    symbols: Annotated[list[str], typer.Argument(help="Symbols as Yahoo writes them.")],
    start: _Start = None,
    end: _End = None,
    home: Home = _HOME,
) -> None:
    """Fetch bars with akshare: what is missing, and an overlap that shows whether the past was changed."""
    from research.sources import akshare

    _fetch(akshare.bars, "akshare", symbols, start, end, home)


@sentiment_app.command("train")
def sentiment_train(
    data: Annotated[Path, typer.Argument(help="JSONL with a label in every line.")],
    out: Annotated[Path, typer.Option("--out", help="File of the model.")],
    seed: Annotated[int, typer.Option(help="Seed of the fit.")] = 0,
) -> None:
    """Train a tone model; the file holds numbers and words only, never code."""
    from research.tone_lines import read
    from research.tone_training import CALIBRATED_FROM, train

    rows = read(data)
    trained = train(rows, seed=seed)
    trained.save(out)
    say(f"model        {len(rows):>8,} lines, {len(trained.labels)} labels   {out}")
    texts = len({row["text"] for row in rows})
    if texts < CALIBRATED_FROM:
        say(f"             {texts} texts are fewer than {CALIBRATED_FROM}: its probabilities are not calibrated.")


@sentiment_app.command("score")
def sentiment_score(
    data: Annotated[Path, typer.Argument(help="JSONL to score.")],
    out: Annotated[Path, typer.Argument(help="JSONL written: id, label, probabilities (with a model) or sentiment and explanation.")],
    model: Annotated[Path | None, typer.Option(help="A trained model; without it the rules score.")] = None,
) -> None:
    """Score lines of text."""
    from research import sentiment, tone_model
    from research.tone_lines import read

    rows = read(data)
    scored: list[dict[str, Any]] = sentiment.score_lines(rows) if model is None else tone_model.load(model).score(rows)
    text = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in scored)
    _write_text(out, text)
    say(f"scores       {len(scored):>8,} lines   {out}")


def _reader(url: str | None, model: str | None, until: str | None, lookahead: bool, key_env: str | None, cache: Path) -> Reader | None:
    """Return the language model the options of ``ingest`` describe, ``None`` without one."""
    if url is None:
        if model or until or lookahead or key_env:
            raise UsageError("Options of a language model came without --llm; name its server's address there.")
        return None
    if not model:
        raise UsageError("--llm came without --llm-model; name the model as its server does.")
    key = None if key_env is None else os.environ.get(key_env)
    if key_env is not None and not key:
        raise UsageError(f"The environment variable {key_env} of --llm-key-env is empty; put the server's key there.")
    from research.calendar import parse_date
    from research.llm import Endpoint, Reader

    return Reader(Endpoint(url, model, key), cache, None if until is None else parse_date(until), lookahead)


def expand(paths: list[Path]) -> list[Path]:
    """Return the files among ``paths`` and below folders of them, sorted within each folder; hidden files are passed over."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                p for p in path.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.relative_to(path).parts)
            )
            if not inside:
                raise UsageError(f"Folder {path} holds no files; name a folder with documents or bars in it.")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise UsageError(f"There is no file or folder {path}; check the path.")
    return list(dict.fromkeys(found))


def mapping(pairs: list[str]) -> dict[str, str] | None:
    """Return ``OURS=THEIRS`` pairs as a mapping, ``None`` when there are none."""
    if not pairs:
        return None
    split = [pair.partition("=") for pair in pairs]
    wrong = [pair for pair, (ours, _, theirs) in zip(pairs, split, strict=True) if not ours or not theirs]
    if wrong:
        raise UsageError(f"--column came as {wrong[0]!r}; expected OURS=THEIRS, such as headline=title.")
    return {ours: theirs for ours, _, theirs in split}


def _fetch(vendor: Any, source: str, symbols: list[str], start: str | None, end: str | None, home: Path, **options: Any) -> None:
    from functools import partial

    from research.calendar import parse_date
    from research.sources import incremental
    from research.store import Store

    now = datetime.now(UTC)
    last = parse_date(end) if end else now.date()
    first = parse_date(start) if start else last.replace(year=last.year - 3, day=min(last.day, 28))
    if last < first:
        raise UsageError(f"Bars were asked from {first} to {last}; expected the start not to be after the end.")
    with progress("fetching bars", len(symbols)) as advance:
        done = incremental.fetch(
            Store(home), partial(vendor, seen_at=now, **options), symbols, first, last, source=source, seen_at=now, advance=advance
        )
    say(done.lines())
    for symbol, reason in done.left_out.rows():
        print(f"failed       {symbol}: {reason}", file=sys.stderr)
    if done.left_out["symbol"].n_unique() >= len(set(symbols)):
        raise SourceError(f"None of the {len(symbols)} symbols gave bars; see the reasons above.")


def _write_text(path: Path, text: str) -> None:
    from research.store import write_atomically

    if not path.parent.exists():
        raise UsageError(f"Folder {path.parent} does not exist; make it first.")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error}); choose a folder you may write.") from error
