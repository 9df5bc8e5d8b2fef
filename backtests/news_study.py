"""A protocol run on a file of dated news: every variant on train, validation and test, with its placebos, into a ledger.

1. :func:`backtests.news_tables.tables_of` reads the news and the bars beside it.
2. Market by market: the rows (:mod:`backtests.news_rows`), the windows, what every variant says (:mod:`backtests.candidates`).
3. Every variant is held against validation and test (:mod:`backtests.holdout`) and becomes a trial.
4. The same with the dates made wrong: scores shuffled over dates, returns one session late, and everything once more with the texts
   exchanged between dates.
5. The variant with the best validation is the one to believe in; the test says what it was worth, deflated by all that were tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from backtests.candidates import Windows, candidate_scores, features_wanted, is_wide, windows_of
from backtests.costs import costs as costs_of
from backtests.holdout import Estimate, Outcomes, accuracy, book, moved, order, outcomes_of, shuffled, sided
from backtests.inference import newey_west_mean
from backtests.news_files import read_news
from backtests.news_rows import NewsRows, exchanged, markets_of, news_rows
from backtests.news_tables import Tables, tables_of
from backtests.outcome_labels import label_accuracy
from backtests.protocol import Protocol, Variant
from backtests.scored import hac_lags
from backtests.selection import Selection, selection
from backtests.trials import TRIAL_RETURNS, TRIALS, Trial, record, trial
from research.errors import DataError, EstimationError, UsageError
from research.schemas import content_id
from research.store import Store

__all__ = ["MarketStudy", "NewsStudy", "Progress", "study_news"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
_KEY = ["session", "symbol"]


@dataclass(frozen=True, slots=True)
class MarketStudy:
    """What was found in one market.

    Attributes
    ----------
    market, horizon, delay, wide
        ``cn``, ``hk`` or ``us``; sessions held; sessions between news and decision; whether ranks are taken session by session.
    windows
        The cut.
    n_rows, n_symbols
        Rows with news and a return, and their symbols.
    table
        A row a variant and window (``validation``, ``test``): ``ic, accuracy, accuracy_beyond, net_return …`` with intervals, and the
        ``trial_id`` of the ledger for the test.
    placebos
        A row a variant, of the test: correlation as it is, with shuffled dates (mean and 95 % band), one session late, and early
        (what a look-ahead would be worth), and with exchanged texts.
    chosen
        Name of the variant with the best validation; ``None`` where none has one.
    failed
        Variants without scores, and why.
    judged
        All variants' test returns together, ``None`` where they cannot be compared; ``note`` says why.
    """

    market: str
    horizon: int
    delay: int
    wide: bool
    windows: Windows
    n_rows: int
    n_symbols: int
    table: pl.DataFrame
    placebos: pl.DataFrame
    chosen: str | None
    failed: Mapping[str, str]
    judged: Selection | None
    note: str | None


@dataclass(frozen=True, slots=True)
class NewsStudy:
    """What was found: one :class:`MarketStudy` a market with enough news, why others have none, the file's own labels, notes.

    ``name`` is the file's, ``news_id`` a hash of its documents.
    """

    name: str
    news_id: str
    protocol: Protocol
    markets: tuple[MarketStudy, ...]
    left_out: tuple[str, ...]
    labels: pl.DataFrame | None
    notes: tuple[str, ...]
    n_trials: int


def study_news(
    news: Path, bars: list[Path], protocol: Protocol, store: Store, *, now: datetime,
    progress: Progress = lambda label, total: nullcontext(lambda n: None),
) -> NewsStudy:  # fmt: skip
    """Run a protocol on one file of news and the bars beside it.

    Parameters
    ----------
    news, bars
        The files; a news file that carries prices of the days after each row needs no bars.
    protocol
        What to do.
    store
        Home of the ledger.
    now
        Wall clock, for the ledger only.
    progress
        As in :func:`research.ingestion.ingest`.

    Raises
    ------
    DataError
        When no market has rows enough: the sentence says what each lacked.
    """
    file = read_news(news)
    with progress("reading documents", file.documents.height) as advance:
        tables = tables_of(file, bars, progress=advance)
    # What a trial is of is what the file says, not what it is called or how its rows are ordered.
    news_id = content_id("news", *file.documents["doc_id"].sort())
    found, left_out = [], []
    for market, n_mentions, n_symbols in markets_of(tables, protocol).rows():
        if market is None:
            left_out.append(
                f"{n_mentions:,} mentions of {n_symbols} symbols trade neither on the mainland, nor in Hong Kong, nor in New York"
            )
            continue
        try:
            found.append(_market(tables, market, news_id, protocol, store, now, progress))
        except (DataError, UsageError) as error:
            left_out.append(f"market {market}: {error}")
    if not found:
        raise EstimationError(f"{news.name} gave no market to judge. {left_out[0] if left_out else 'No symbol of it is known.'}")
    labelled = label_accuracy(tables, protocol) if tables.labels.height else None
    return NewsStudy(news.stem, news_id, protocol, tuple(found), tuple(left_out), labelled, tables.notes, store.read(TRIALS).height)


def _market(
    tables: Tables, market: str, news_id: str, protocol: Protocol, store: Store, now: datetime, progress: Progress
) -> MarketStudy:  # fmt: skip
    wanted = features_wanted(protocol)
    data = news_rows(tables, market, protocol, wanted)
    windows = windows_of(data.rows, protocol)
    wide = is_wide(data.rows, windows, protocol)
    with progress(f"variants, {market}", len(protocol.variants)) as advance:
        scores, failed = candidate_scores(data, windows, protocol, progress=advance)
    grid = data.sessions["session"].to_list()
    named = data.labels.filter(pl.col("symbol").is_in(data.rows["symbol"].unique().implode()))
    outcomes = outcomes_of(named, data.horizon, grid)
    ledger_market = f"{market}:{news_id}"
    data_of = {"prices": content_id("prices", data.rows.select(*_KEY, "forward_return").write_csv()), "test": windows.test.isoformat()}
    test_opens: Any = data.rows.filter(pl.col("session") >= windows.test)["asof"].min()
    rows, placebos, trials = [], [], []
    by_name = {variant.name: variant for variant in protocol.variants}
    with progress(f"placebos, {market}", len(scores)) as advance:
        for variant, said in scores.items():
            known = _judged_rows(data, said, windows, wide)
            parts = {
                "validation": known.filter((pl.col("session") < windows.test) & (pl.col("ends_at") < test_opens)),
                "test": known.filter(pl.col("session") >= windows.test),
            }
            for window, part in parts.items():
                figures, returns = _figures(part, data, protocol, wide, grid)
                tried = None
                if window == "test" and returns.height:
                    tried = _trial(by_name[variant], part, returns, figures, data, ledger_market, data_of, protocol)
                    trials.append(tried)
                rows.append({"variant": variant, "window": window, **figures, "trial_id": None if tried is None else tried.trial_id})
            placebos.append({"variant": variant, **_placebo(parts["test"], outcomes, data.horizon, wide, protocol)})
            advance(1)
    written = [record(store, one, evaluated_at=now) for one in trials]
    table = pl.DataFrame(rows, infer_schema_length=None)
    with progress(f"exchanged texts, {market}", len(protocol.variants)) as advance:
        again = _exchanged(tables, market, protocol, wanted, windows, wide, advance) if protocol.exchanged else {}
    wrong = pl.DataFrame(placebos, infer_schema_length=None).with_columns(
        exchanged_ic=pl.col("variant").replace_strict(again, default=None, return_dtype=pl.Float64)
    )
    judged, note = _judged(store, ledger_market, data, windows)
    notes = "; ".join(dict.fromkeys(one.note for one in written if one.note is not None))
    judged_rows = data.rows.drop_nulls("forward_return")
    return MarketStudy(
        market, data.horizon, data.delay, wide, windows, judged_rows.height, int(judged_rows["symbol"].n_unique()), table, wrong,
        _chosen(table, by_name), failed, judged, "; ".join(filter(None, (note, notes))) or None,
    )  # fmt: skip


def _judged_rows(data: NewsRows, said: pl.DataFrame, windows: Windows, wide: bool) -> pl.DataFrame:
    rows = data.rows.select(*_KEY, "forward_return", "ends_at").join(said, on=_KEY, how="inner").sort(_KEY)
    # The side is taken among all names scored, with or without a return: whether there is one is known later.
    return sided(rows, wide).filter((pl.col("session") >= windows.validation) & pl.col("forward_return").is_not_null())


def _figures(part: pl.DataFrame, data: NewsRows, protocol: Protocol, wide: bool, grid: list[Any]) -> tuple[dict[str, Any], pl.DataFrame]:
    chance = {"horizon": data.horizon, "draws": protocol.bootstrap, "seed": protocol.seed}
    ranked = order(part, wide=wide, **chance)
    right, beyond = accuracy(part, **chance), accuracy(part, beyond=protocol.move, **chance)
    costs = costs_of(data.market)
    returns = book(
        part, data.labels, grid, horizon=data.horizon, costs=costs, most_weight=protocol.most_weight,
        long_only=data.market in protocol.long_only,
    )  # fmt: skip
    net = newey_west_mean(returns["net_return"], hac_lags(returns.height, 1))
    up = part.filter(pl.col("forward_return") != 0)["forward_return"]
    found = {
        "n_rows": part.height, "n_sessions": part["session"].n_unique(),
        **_named("ic", ranked), **_named("accuracy", right), **_named("accuracy_beyond", beyond),
        "share_up": float((up > 0).mean()) if up.len() else None,  # type: ignore[arg-type]
        "gross_return": returns["gross_return"].mean(), "net_return": net.mean, "net_return_low": net.ci_low,
        "net_return_high": net.ci_high, "net_return_p": net.p_value, "turnover": returns["turnover"].mean(), "n_days": returns.height,
    }  # fmt: skip
    return found, returns


def _named(name: str, found: Estimate) -> dict[str, float | None]:
    return {name: found.value, f"{name}_low": found.ci_low, f"{name}_high": found.ci_high, f"{name}_p": found.p_value}


def _placebo(part: pl.DataFrame, outcomes: Outcomes, horizon: int, wide: bool, protocol: Protocol) -> dict[str, float | None]:
    drawn = shuffled(part, outcomes, wide=wide, draws=protocol.draws, seed=protocol.seed)
    find = partial(order, wide=wide, horizon=horizon, draws=protocol.bootstrap, seed=protocol.seed)
    late, early = find(moved(part, outcomes, 1)), find(moved(part, outcomes, -horizon))
    band: tuple[float | None, ...] = (None, None, None)
    if len(drawn):
        low, high = np.quantile(drawn, [0.025, 0.975])
        band = (float(drawn.mean()), float(low), float(high))
    return {
        "shuffled_ic": band[0], "shuffled_low": band[1], "shuffled_high": band[2],
        "late_ic": late.value, "late_low": late.ci_low, "late_high": late.ci_high, "early_ic": early.value,
    }  # fmt: skip


def _exchanged(
    tables: Tables, market: str, protocol: Protocol, wanted: list[str], windows: Windows, wide: bool, advance: Callable[[int], object]
) -> dict[str, float | None]:
    swapped, texts = exchanged(tables, protocol.seed)
    data = news_rows(swapped, market, protocol, wanted, texts)
    scores, _ = candidate_scores(data, windows, protocol, progress=advance)
    find = partial(order, wide=wide, horizon=data.horizon, draws=99, seed=protocol.seed)
    judged = {variant: _judged_rows(data, said, windows, wide) for variant, said in scores.items()}
    return {variant: find(rows.filter(pl.col("session") >= windows.test)).value for variant, rows in judged.items()}


def _trial(
    variant: Variant, part: pl.DataFrame, returns: pl.DataFrame, figures: Mapping[str, Any], data: NewsRows, market: str,
    data_of: Mapping[str, str], protocol: Protocol,
) -> Trial:  # fmt: skip
    config = {
        **{key: list(value) if isinstance(value, tuple | list) else value for key, value in variant.settings.items()},
        "kind": variant.kind, "protocol": protocol.protocol_id, "delay": data.delay, **data_of,
    }  # fmt: skip
    return trial(
        returns, signal=variant.name, market=market, start=part["session"].min(), end=part["session"].max(),  # type: ignore[arg-type]
        horizon=data.horizon, config=config, mean_ic=figures["ic"], ic_p_value=figures["ic_p"],
    )  # fmt: skip


def _judged(store: Store, market: str, data: NewsRows, windows: Windows) -> tuple[Selection | None, str | None]:
    """Judge the test returns of all trials of this news and market with a test from the same day on, those of other protocols too."""
    mine = store.read(TRIALS).filter(pl.col("market") == market)
    ledger = mine.filter(pl.col("config").str.json_path_match("$.test") == windows.test.isoformat())
    if ledger.is_empty():
        return None, "no variant traded in the test"
    aside = mine.height - ledger.height
    others = f"{aside} trials of the same news with a test that began on another day are not counted" if aside else None
    returns = store.read(TRIAL_RETURNS).filter(pl.col("trial_id").is_in(ledger["trial_id"].implode()))
    last = returns["session"].max()
    # What is decided in the first session is bought in the next. A session in which a variant held nothing is a return of zero.
    grid = data.sessions.filter((pl.col("session") > windows.test) & (pl.col("session") <= last)).select("session")
    every = ledger.select("trial_id").join(grid, how="cross").join(returns, on=["trial_id", "session"], how="left")
    try:
        return selection(ledger, every.with_columns(pl.col("net_return").fill_null(0.0)).select(*TRIAL_RETURNS.schema)), others
    except EstimationError as error:
        return None, "; ".join(filter(None, (str(error), others)))


def _chosen(table: pl.DataFrame, variants: Mapping[str, Variant]) -> str | None:
    baselines = {name for name, variant in variants.items() if variant.kind == "constant"}
    known = table.filter((pl.col("window") == "validation") & pl.col("ic").is_not_null() & ~pl.col("variant").is_in(list(baselines)))
    return None if known.is_empty() else str(known.sort("ic", "variant", descending=[True, False])["variant"][0])
