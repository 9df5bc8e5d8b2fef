"""Every feature against a slow direct loop over the tables, on a small market."""

import feature_reference as reference
import polars as pl
import pytest
from small_market import BOTH, INSTRUMENT_TABLE, tables

from signals import closed_bars
from signals.library import EVENT_TYPES, library
from signals.pointintime import cutoffs

CALENDAR = pl.concat(BOTH)
#: windows the short market can fill; the library's own are longer
SHORT = {"momentum": (40, 10), "high": 40, "beta": 40}


@pytest.fixture(scope="module", params=[11, 12])
def both(request):
    market = tables(request.param, 90)
    rest = {name: market[name] for name in ("documents", "facts", "bars")}
    found = library(market["events"], market["mentions"], CALENDAR, instruments=INSTRUMENT_TABLE, source_weights={"a": 3.0}, **rest)
    shown = closed_bars.closed_bars(market["bars"], cutoffs(CALENDAR)).select(
        "symbol",
        "session",
        momentum=closed_bars.momentum(*SHORT["momentum"]),
        high_proximity=closed_bars.high_proximity(SHORT["high"]),
        beta=closed_bars.beta(SHORT["beta"]),
    )
    return found.join(shown, on=["symbol", "session"], how="left", maintain_order="left"), reference.Market(
        market, CALENDAR, INSTRUMENT_TABLE
    )


def differences(found, market, formulas):
    rows = found.filter(pl.int_range(pl.len()) % 3 == 0)
    wrong, compared = [], {}
    for row in rows.iter_rows(named=True):
        symbol, t = row["symbol"], market.days[reference.mic(row["symbol"])].index(row["session"])
        for name, expected in formulas(market, symbol, t).items():
            same = row[name] == pytest.approx(expected, abs=1e-8, rel=1e-8) if None not in (row[name], expected) else row[name] is expected
            compared[name] = compared.get(name, 0) + (expected is not None)
            if not same:
                wrong.append((name, symbol, row["session"], row[name], expected))
    assert rows.height > 100 and all(compared.values()), compared
    return wrong


def test_features_of_tone_attention_and_opinion(both):
    assert differences(*both, reference.news_features) == []


def test_features_of_documents(both):
    assert differences(*both, reference.document_features) == []


def test_features_of_events(both):
    assert differences(*both, lambda k, s, t: reference.event_features(k, s, t, EVENT_TYPES)) == []


def test_features_of_market_and_sector(both):
    assert differences(*both, reference.section_features) == []


def test_features_of_linked_symbols(both):
    cache = {}
    assert differences(*both, lambda k, s, t: reference.linked_features(k, s, t, cache)) == []


def test_features_of_facts(both):
    assert differences(*both, reference.fact_features) == []


def test_features_of_prices(both):
    assert differences(*both, lambda k, s, t: reference.price_features(k, s, t, SHORT)) == []


def test_nothing_of_the_library_is_left_without_a_loop(both):
    found, market = both
    symbol, t = "600901.SS", 40
    formulas = (reference.news_features, reference.document_features, reference.section_features, reference.fact_features)
    named = {name for formula in formulas for name in formula(market, symbol, t)}
    named |= set(reference.event_features(market, symbol, t, EVENT_TYPES)) | set(reference.linked_features(market, symbol, t, {}))
    named |= set(reference.price_features(market, symbol, t, SHORT))
    assert set(found.columns[3:]) - named == {"momentum_250_20", "high_proximity_250", "beta_250"}
