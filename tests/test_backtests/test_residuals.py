from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from backtests import residuals as rs
from backtests.event_study import EventStudy
from backtests.event_windows import Clock, return_matrix, spans
from backtests.study_tests import RESAMPLED, TESTS

S, D, N = 12, 260, 60


def market_of(seed=0, missing=0.03):
    rng = np.random.default_rng(seed)
    index = rng.normal(0, 0.01, D)
    returns = rng.uniform(0.5, 1.5, (S, 1)) * index + rng.standard_t(4, (S, D)) * 0.01
    returns[rng.random(returns.shape) < missing] = np.nan
    return index, returns


def tables(seed=0, missing=0.03):
    index, returns = market_of(seed, missing)
    days = pl.date_range(date(2021, 1, 1), date(2021, 1, 1) + timedelta(D - 1), eager=True)
    long = pl.DataFrame(
        {
            "session": pl.concat([days] * S),
            "symbol": np.repeat([f"S{i:02d}" for i in range(S)], D),
            "realized_return": pl.Series(returns.ravel()).fill_nan(None),
        }
    )
    rng = np.random.default_rng(seed + 1)
    place = rng.choice(S * (D - 110), N, replace=False)
    events = pl.DataFrame(
        {
            "event_id": [f"e{i:02d}" for i in range(N)],
            "symbol": [f"S{k:02d}" for k in place // (D - 110)],
            "session": days.gather(place % (D - 110) + 105),
            "kind": rng.choice(["a", "b"], N),
            "match": [f"S{k:02d}" for k in rng.integers(0, S, N)],
        }
    )
    factors = pl.DataFrame({"session": days, "market": index, "other": rng.normal(0, 0.01, D), "risk_free": np.full(D, 1e-4)})
    return events, long, pl.DataFrame({"session": days, "realized_return": index}), factors


def line(common, own=None, seed=0):
    rng = np.random.default_rng(seed)
    index, returns = market_of()
    regressors = np.stack([index, index**2])[:common]
    row, zero, match = rng.integers(0, S, N), rng.integers(50, D - 5, N), rng.integers(0, S, N)
    panel = rs.Panel(returns, regressors, own, row, match, zero)
    k = 1 if own is not None else common
    return rs.Line(panel, (-40, -3), rng.normal(0, 0.001, N), rng.normal(1, 0.2, (N, k)))


@pytest.mark.parametrize(("common", "matched"), [(0, False), (1, False), (2, False), (0, True)])
def test_a_line_is_the_return_less_its_expectation(common, matched):
    own = market_of(5)[1] if matched else None
    found = line(common, own)
    p = found.panel
    for event in range(N):
        for column, tau in enumerate(range(-40, -2)):
            day = p.zero[event] + tau
            xs = [own[p.match[event], day]] if matched else [series[day] for series in p.common]
            expected = p.realized[p.row[event], day] - found.alpha[event] - sum(b * x for b, x in zip(found.betas[event], xs, strict=True))
            np.testing.assert_allclose(found[event : event + 1][0, column], expected, rtol=1e-12, atol=1e-17)
    # reading does not write
    np.testing.assert_array_equal(found[:], found[np.arange(N)])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2 * N - 1), min_size=1, max_size=40), st.integers(1, 9))
def test_taking_and_stacking_commute_with_reading(rows, size):
    dense = np.random.default_rng(3).normal(size=(N, 38))
    parts = [rs.Residuals.of(line(1)), rs.Residuals.of(dense)]
    whole = rs.Residuals.stack(parts)
    expected = np.concatenate([part[:] for part in parts])
    np.testing.assert_array_equal(whole[:], expected)
    taken = whole.take(np.array(rows))
    assert taken.shape == (len(rows), 38)
    np.testing.assert_array_equal(taken[:], expected[rows])
    np.testing.assert_array_equal(taken[np.arange(len(rows)) % 2 == 0], expected[rows][::2])
    beside = rs.Beside(taken, expected[rows][:, :2], np.full(len(rows), 2.0))
    read = np.concatenate(list(rs.each_block(len(rows), lambda block: beside[block], size)))
    np.testing.assert_array_equal(read, np.c_[expected[rows] / 2.0, expected[rows][:, :2]])


MODELS = ["market", "market_adjusted", "constant", "factors", "matched", "scholes_williams", "dimson"]


@pytest.mark.parametrize("model", MODELS)
def test_batches_change_nothing(model, monkeypatch):
    events, returns, market, factors = tables()
    study = EventStudy(model=model, estimation=(-100, -6), window=(-3, 4), min_obs=50)

    def everything():
        r = study.fit_returns(events, returns, market, "kind", factors if model == "factors" else None)
        tested = r.tests(None, (*TESTS, *RESAMPLED) if model == "market" else TESTS)
        return r.events, r.event_returns, r.average, tested, r.arrays.residuals

    *whole, residuals = everything()
    monkeypatch.setattr(rs, "BLOCK", 7)
    *few, read = everything()
    for one, other in zip(whole, few, strict=True):
        assert_frame_equal(one, other, rel_tol=1e-12, abs_tol=1e-15)
    np.testing.assert_allclose(residuals, read, rtol=1e-12, atol=1e-17)


def test_threads_change_no_bit(monkeypatch):
    events, returns, market, _ = tables(2)
    monkeypatch.setattr(rs, "BLOCK", 5)
    study = EventStudy(estimation=(-100, -6), window=(-3, 4), min_obs=50)
    first, second = (study.fit_returns(events, returns, market).tests() for _ in range(2))
    assert_frame_equal(first, second, rel_tol=0, abs_tol=0)
    monkeypatch.setattr(rs, "_THREADS", 1)
    assert_frame_equal(first, study.fit_returns(events, returns, market).tests(), rel_tol=0, abs_tol=0)


@pytest.mark.parametrize("order", [["symbol", "session"], ["session", "symbol"], ["realized_return"]])
def test_order_of_returns_is_of_no_account(order):
    _, returns, market, _ = tables(3)
    shuffled = returns.sort(order)
    symbols, sessions = pl.Series(["S01", "S03", "S11"]), market["session"][20:200].to_numpy().astype("datetime64[D]")
    found = return_matrix(shuffled, symbols, sessions, 2, 3)
    held = dict(((s, d), v) for d, s, v in returns.iter_rows())
    for i, symbol in enumerate(symbols):
        for j, day in enumerate(sessions):
            value = held[symbol, day.item()]
            assert np.isnan(found[i, j + 2]) if value is None else found[i, j + 2] == value
    assert np.isnan(found[:, :2]).all() and np.isnan(found[:, -3:]).all()
    expected = returns.group_by("symbol").agg(_first=pl.col("session").min(), _last=pl.col("session").max())
    assert_frame_equal(spans(shuffled), expected, check_row_order=False)
    assert spans(returns.clear()).is_empty()


def test_lagged_models_take_the_moments_of_other_conventions():
    events, returns, market, _ = tables(4)
    for model in ("scholes_williams", "dimson"):
        study = EventStudy(model=model, estimation=(-100, -6), window=(-3, 4), min_obs=50, conventions="estudy2")
        assert study.fit_returns(events, returns, market).tests()["statistic"].null_count() == 0


@pytest.mark.parametrize("far", [0, 2**23])
def test_cohorts_are_the_distinct_days(far):
    rng = np.random.default_rng(9)
    market, row = rng.integers(0, 3, 200), rng.integers(0, 20, 200)
    # so wide a calendar that a table of the days would be larger than a sort
    numbers = np.broadcast_to(np.int64(0), (3, 20 + far))
    clock = Clock(np.arange(3).astype("datetime64[D]"), numbers, market, row)
    first, cohort = clock.cohorts()
    keys = list(zip(market.tolist(), row.tolist(), strict=True))
    distinct = sorted(set(keys))
    assert [distinct[c] for c in cohort] == keys
    assert first.tolist() == [keys.index(key) for key in distinct]
