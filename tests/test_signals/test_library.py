"""The truncation law for every feature, and the table of the documentation."""

import re
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_market import BOTH, CN, INSTRUMENT_TABLE, tables

from research.errors import UsageError
from research.schemas import EVENTS, FACTS, MENTIONS
from signals import features
from signals.library import EVENT_TYPES, library, library_parts
from signals.panel import event_column
from signals.pointintime import cutoffs

module = import_module("signals.library")  # the package exports the function of that name

CALENDAR = pl.concat(BOTH)
CLOCK = cutoffs(CALENDAR)


def built(market, **more):
    rest = {name: market[name] for name in ("documents", "facts", "bars")}
    return library(market["events"], market["mentions"], CALENDAR, instruments=INSTRUMENT_TABLE, **rest, **more)


def broken(market, cut, **more):
    """Names of the features whose rows decided at or before ``cut`` differ without what became available at it or later."""
    known = {name: frame.filter(pl.col("available_at") < cut) for name, frame in market.items()}
    whole, part = (built(rows, **more).filter(pl.col("asof") <= cut) for rows in (market, known))
    assert whole.height > 20, "the cut leaves nothing to compare"
    assert whole.select("session", "symbol", "asof").equals(part.select("session", "symbol", "asof"))
    return [name for name in whole.columns if not whole[name].equals(part[name])]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(15, 75))
def test_no_feature_knows_what_came_after_its_cut_off(seed, n):
    assert broken(tables(seed), CLOCK.filter(pl.col("mic") == "XSHG")["asof"][n]) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_the_law_holds_between_cut_offs_and_at_the_instant_of_a_document(seed):
    market = tables(seed)
    for row in (30, 60, 90):
        assert broken(market, market["documents"]["available_at"][row]) == []


def test_every_feature_of_the_market_has_values_and_the_small_ones_vary():
    found = built(tables(3))
    flat = [name for name in found.columns[3:] if found[name].drop_nulls().n_unique() < 2]
    # 250 sessions need more than this market has.
    assert set(flat) <= {"momentum_250_20", "high_proximity_250", "beta_250"}


def planted(expression):
    return lambda: {"leak": expression}


LEAKS = {
    "the next session": pl.col("tone_mean_5").shift(-1).over("symbol", order_by="session"),
    "a mean of the whole sample": pl.col("n_mentions") - pl.col("n_mentions").mean().over("symbol"),
    "filled from later": pl.col("tone").fill_null(strategy="backward").over("symbol", order_by="session"),
    "a rank over all sessions": pl.col("tone_mean_5").rank(),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_caught(monkeypatch, leak):
    monkeypatch.setattr(module, "_momentum_of_tone", planted(LEAKS[leak]))
    assert broken(tables(4), CLOCK["asof"][40]) == ["leak"]


def test_prices_joined_by_session_alone_are_caught(monkeypatch):
    """Bars that arrive days late are in the file, but were not there."""
    original = module.closed_bars.closed_bars

    def careless(bars, clock, **more):
        return original(bars.with_columns(available_at=pl.lit(CALENDAR["open_at"].min())), clock, **more)

    monkeypatch.setattr(module.closed_bars, "closed_bars", careless)
    found = [broken(tables(seed), CLOCK["asof"][n]) for seed in (5, 6) for n in (40, 50, 60)]
    assert any("return_5" in names for names in found)


def test_features_do_not_depend_on_the_order_of_the_rows():
    market = tables(7)
    mixed = {name: frame.sample(fraction=1.0, shuffle=True, seed=1) for name, frame in market.items()}
    assert built(market).equals(built(mixed))


def test_fewer_tables_give_fewer_features_and_the_same_values():
    market = tables(8)
    whole, some = built(market), library(market["events"], market["mentions"], CALENDAR)
    assert set(some.columns) < set(whole.columns)
    assert some.equals(whole.select(some.columns))
    assert built(market, names=["tone_range_20", "beta_250"]).equals(whole.select("session", "symbol", "asof", "tone_range_20", "beta_250"))
    with pytest.raises(UsageError, match=r"'nose_5' was asked for; with the tables given there are tone_last, "):
        built(market, names=["nose_5"])


def test_no_news_and_one_symbol():
    empty = library(EVENTS.empty(), MENTIONS.empty(), CN, facts=FACTS.empty(), bars=tables(9)["bars"], instruments=INSTRUMENT_TABLE)
    assert empty.is_empty() and "tone_mean_5" in empty.columns
    market = {name: f.filter(pl.col("symbol") == "600901.SS") if "symbol" in f.columns else f for name, f in tables(9).items()}
    alone = built(market)
    assert alone["market_tone_5"].null_count() == alone["tone_beyond_sector_5"].null_count() == alone.height
    assert alone["news_share_5"].drop_nulls().unique().to_list() == [1.0]


DOCS = Path(__file__).parents[2] / "docs" / "features.md"


def documented():
    rows = [line.split("|")[1].strip() for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]
    groups = [event_column(kind).removeprefix("event_") for kind in EVENT_TYPES]
    return [name.replace("<group>", group) for name in named for group in (groups if "<group>" in name else [""])]


def test_the_table_names_every_feature_once():
    names, columns = documented(), built(tables(3)).columns[3:]
    assert len(columns) >= 40
    assert sorted(names) == sorted(columns)


def test_every_function_of_features_is_used_by_the_library_or_named_in_the_docs():
    text = DOCS.read_text(encoding="utf-8") + Path(module.__file__).read_text(encoding="utf-8")
    assert [name for name in features.__all__ if name not in text] == []


@pytest.mark.parametrize("at_once", [1, 2, 100])
@pytest.mark.parametrize("names", [(), ("tone_beyond_market_5", "tone_times_return_5", "peer_tone_5")])
def test_parts_are_the_library_whatever_their_size(at_once, names):
    market = tables(5)
    arguments = {**{k: market[k] for k in ("documents", "facts", "bars")}, "instruments": INSTRUMENT_TABLE, "names": names}
    whole = library(market["events"], market["mentions"], CALENDAR, **arguments)
    parts = list(library_parts(market["events"], market["mentions"], CALENDAR, at_once=at_once, **arguments))
    assert len(parts) == -(-whole["symbol"].n_unique() // at_once)
    joined = pl.concat(parts)
    assert joined.select("session", "symbol", "asof").equals(whole.select("session", "symbol", "asof"))
    for name in whole.columns[3:]:
        assert joined[name].is_null().equals(whole[name].is_null()), name
        assert joined[name].fill_null(0).to_list() == pytest.approx(whole[name].fill_null(0).to_list(), rel=1e-9, abs=1e-12), name


def test_parts_of_no_symbol_are_refused():
    with pytest.raises(UsageError, match="at_once came as 0"):
        next(library_parts(EVENTS.empty(), MENTIONS.empty(), CN, at_once=0))
