"""Combinations against loops over sessions, under the truncation law, and on planted members."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import spearmanr
from test_model import market

from research.errors import EstimationError, SchemaError, UsageError
from signals.combine import equal_weighted, ic_weighted, ridge_stacked, smoothed, turnover_smoothed

DAY = timedelta(days=1)
BEGIN = datetime(2024, 1, 1, 1, tzinfo=UTC)


def zscores(values):
    """Z-scores of a list with gaps, as the module defines them."""
    known = np.array([v for v in values if v is not None], dtype=float)
    if known.size < 2 or known.std(ddof=1) < 1e-12:
        return [None] * len(values)
    return [None if v is None else (v - known.mean()) / known.std(ddof=1) for v in values]


def by_session(features, labels):
    """Per session: its asof, symbols, z-scores of a and b, returns (None where there is no label), end of its labels."""
    rows = features.join(labels, on=["session", "symbol"], how="left").sort("session", "symbol")
    out = []
    for (session,), part in rows.group_by("session", maintain_order=True):
        z = {name: zscores(part[name].to_list()) for name in ("a", "b")}
        out.append((session, part["asof"].min(), part["symbol"].to_list(), z, part["forward_return"].to_list(), part["ends_at"].max()))
    return out


def slow_ic_weighted(features, labels, window, min_sessions, floor):
    sessions = by_session(features, labels)
    ics = {"a": [], "b": []}
    for _, _, _, z, returns, ends in sessions:
        for name in ics:
            pairs = [(x, y) for x, y in zip(z[name], returns, strict=True) if x is not None and y is not None]
            if len(pairs) >= 3:
                ics[name].append((ends, spearmanr(*zip(*pairs, strict=True)).statistic))
    scores = []
    for _, asof, symbols, z, _, _ in sessions:
        weights = {}
        for name, series in ics.items():
            known = [ic for ends, ic in series if ends < asof][-window:]
            mean = float(np.mean(known)) if len(known) >= min_sessions else None
            weights[name] = mean if mean is None or floor is None else (mean if mean >= floor else 0.0)
        for i in range(len(symbols)):
            terms = [(w, z[name][i]) for name, w in weights.items() if w is not None and z[name][i] is not None]
            mass = sum(abs(w) for w, _ in terms)
            scores.append(sum(w * x for w, x in terms) / mass if mass > 0 else None)
    return scores


@pytest.mark.parametrize(("seed", "floor"), [(0, None), (1, 0.0), (2, 0.05)])
def test_ic_weights_equal_a_loop(seed, floor):
    features, labels = market(n_sessions=50, n_symbols=6, seed=seed, missing=0.2)
    labels = labels.filter(pl.int_range(pl.len()) % 11 > 0)
    got = ic_weighted(features, labels, ["a", "b"], window=15, min_sessions=8, floor=floor)
    expected = slow_ic_weighted(features, labels, 15, 8, floor)
    assert got.scores["score"].is_null().to_list() == [x is None for x in expected]
    np.testing.assert_allclose(got.scores["score"].to_numpy(), np.array(expected, dtype=float), atol=1e-12)
    assert got.weights["b"].null_count() == 10  # eight labels of three sessions have ended at session number 10
    assert got.scores.select("session", "symbol", "asof").equals(features.sort("session", "symbol").select("session", "symbol", "asof"))


def test_equal_weights_by_hand():
    at = BEGIN
    features = pl.DataFrame(
        {
            "session": [date(2024, 1, 1)] * 3,
            "symbol": ["A", "B", "C"],
            "asof": [at] * 3,
            "a": [1.0, 2.0, 3.0],
            "b": [4.0, None, 0.0],
            "c": [5.0] * 3,
        }
    )
    root = np.sqrt(0.5)
    got = equal_weighted(features, ["a", "b", "c"])
    np.testing.assert_allclose(got.scores["score"], [(-1 + root) / 2, 0.0, (1 - root) / 2])
    assert got.weights.row(0) == (date(2024, 1, 1), 1 / 3, 1 / 3, 1 / 3)
    assert equal_weighted(features, ["c"]).scores["score"].to_list() == [None] * 3


def slow_net(features, labels, half_life, horizon, cost):
    """Per session, the end of its labels and what a candidate earned after costs: loops over symbols."""
    history, before, out = {}, {}, []
    rows = features.join(labels, on=["session", "symbol"], how="left").sort("session", "symbol")
    for _, part in rows.group_by("session", maintain_order=True):
        values = []
        for symbol, x in zip(part["symbol"], part["a"], strict=True):
            history.setdefault(symbol, []).append(x)
            past = history[symbol]
            if half_life == 0:
                values.append(x)
            else:
                mass = [(0.5 ** ((len(past) - 1 - k) / half_life), v) for k, v in enumerate(past) if v is not None]
                values.append(sum(w * v for w, v in mass) / sum(w for w, _ in mass) if mass else None)
        z = [0.0 if v is None else v for v in zscores(values)]
        gross = sum(map(abs, z)) or 1.0
        now = {s: v / gross for s, v in zip(part["symbol"], z, strict=True)}
        earned = sum(now[s] * (r or 0.0) for s, r in zip(part["symbol"], part["forward_return"], strict=True)) / horizon
        traded = sum(abs(now.get(s, 0.0) - before.get(s, 0.0)) for s in {*now, *before})
        out.append((part["ends_at"].max(), earned - cost * traded, dict(zip(part["symbol"], zscores(values), strict=True))))
        before = now
    return out


@pytest.mark.parametrize("cost", [0.0, 0.002])
def test_the_chosen_half_life_equals_a_loop(cost):
    features, labels = market(n_sessions=45, n_symbols=5, seed=4, missing=0.15)
    features = features.filter(pl.int_range(pl.len()) % 13 > 0)  # rows missing altogether: a symbol comes and goes
    lives = (1.0, 4.0)
    got = turnover_smoothed(features, labels, "a", horizon=3, cost=cost, half_lives=lives, refit=5, window=12, min_sessions=6)
    candidates = {life: slow_net(features, labels, life, 3, cost) for life in (0.0, *lives)}
    opens = features.group_by("session").agg(pl.col("asof").min()).sort("session")["asof"].to_list()
    chosen, expected = [], []
    for n, asof in enumerate(opens):
        value = {}
        for life, days in candidates.items():
            known = [net for ends, net, _ in days if ends is not None and ends < asof][-12:]
            if len(known) >= 6:
                value[life] = np.mean(known)
        if not value:
            chosen.append(None)
        elif (n - chosen.count(None)) % 5 == 0:
            chosen.append(max(value, key=lambda life: (value[life], life)))
        else:
            chosen.append(chosen[-1])
        symbols = features.filter(pl.col("asof") == asof).sort("symbol")["symbol"]
        expected += [None if chosen[-1] is None else candidates[chosen[-1]][n][2][s] for s in symbols]
    assert got.weights["half_life"].to_list() == chosen
    assert len(set(chosen)) > 1
    np.testing.assert_allclose(got.scores["score"].to_numpy(), np.array(expected, dtype=float), atol=1e-12)


def test_costs_choose_a_longer_half_life():
    """A slow signal under noise: smoothing earns more and trades less; a fast one is left alone while trading is free."""
    rng = np.random.default_rng(0)
    n, k = 250, 20
    days = [date(2024, 1, 1) + t * DAY for t in range(n)]
    slow = np.zeros((n, k))
    for t in range(1, n):
        slow[t] = 0.95 * slow[t - 1] + rng.normal(size=k)
    fast = rng.normal(size=(n, k))

    def chosen(true, seen, cost):
        frame = pl.DataFrame(
            {
                "session": [d for d in days for _ in range(k)], "symbol": [f"S{i:02d}" for _ in days for i in range(k)],
                "asof": [BEGIN + (t + 1) * DAY for t in range(n) for _ in range(k)], "x": seen.ravel(),
                "forward_return": 0.01 * true.ravel(), "ends_at": [BEGIN + (t + 2) * DAY - timedelta(hours=18) for t in range(n) for _ in range(k)],
            },
            schema_overrides={"asof": pl.Datetime("us", "UTC"), "ends_at": pl.Datetime("us", "UTC")},
        )  # fmt: skip
        result = turnover_smoothed(frame.select("session", "symbol", "asof", "x"), frame, "x", horizon=1, cost=cost)
        return result.weights["half_life"].to_list()[-1]

    assert chosen(slow, slow + 3 * rng.normal(size=(n, k)), 0.0) >= 2
    assert chosen(fast, fast, 0.0) == 0
    assert chosen(fast, fast, 0.1) == 20


def test_smoothing_is_the_decayed_mean():
    frame = pl.DataFrame({"symbol": ["A"] * 3, "session": [1, 2, 3], "x": [1.0, None, 4.0]})
    np.testing.assert_allclose(frame.select(smoothed("x", 1))["x"], [1.0, 1.0, (4 + 0.25) / 1.25])


def test_stacking_weighs_the_members_by_what_they_are_worth():
    features, labels = market(n_sessions=120, slope=1.0)
    got = ridge_stacked(features.with_columns(noise=pl.col("a").shuffle(seed=1)), labels, ["a", "b", "noise"], min_sessions=60)
    assert (got.weights["a"] > 4 * got.weights["b"].abs()).all()
    assert (got.weights["b"] < 0).all()
    assert (got.weights["noise"].abs() < got.weights["b"].abs()).all()
    assert got.scores.height == features.height
    assert got.scores["score"].null_count() == 12 * 62
    joined = got.scores.join(labels, on=["session", "symbol"])
    assert joined.select(pl.corr("score", "forward_return", method="spearman")).item() > 0.6


def test_ic_weights_turn_a_wrong_member_around_unless_floored():
    features, labels = market(n_sessions=120, slope=-1.0)
    turned, floored = (ic_weighted(features, labels, ["a"], min_sessions=40, floor=floor).scores for floor in (None, 0.0))
    joined = turned.join(labels, on=["session", "symbol"])
    assert joined.select(pl.corr("score", "forward_return", method="spearman")).item() > 0.5
    assert floored["score"].null_count() == floored.height


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.integers(25, 49))
def test_the_truncation_law(seed, cut):
    features, labels = market(n_sessions=50, n_symbols=5, horizon=4, seed=seed, missing=0.1)
    at = BEGIN + (cut + 1) * DAY

    def combinations(f, y):
        return [
            equal_weighted(f, ["a", "b"]).scores,
            ic_weighted(f, y, ["a", "b"], window=12, min_sessions=8).scores,
            ridge_stacked(f, y, ["a", "b"], min_sessions=15, refit=9).scores,
            turnover_smoothed(f, y, "a", horizon=4, cost=0.001, window=12, min_sessions=8, refit=6).scores,
        ]

    whole = combinations(features, labels)
    part = combinations(features.filter(pl.col("asof") <= at), labels.filter(pl.col("ends_at") < at))
    for one, other in zip(whole, part, strict=True):
        assert_frame_equal(one.filter(pl.col("asof") <= at), other, rel_tol=0, abs_tol=0)


def test_bad_input_is_one_sentence():
    features, labels = market(n_sessions=40)
    with pytest.raises(UsageError, match="each once"):
        equal_weighted(features, ["a", "a"])
    with pytest.raises(SchemaError, match="table features, column c"):
        ic_weighted(features, labels, ["c"])
    with pytest.raises(UsageError, match="window came as 0"):
        ic_weighted(features, labels, ["a"], window=0)
    with pytest.raises(UsageError, match="positive half-lives"):
        turnover_smoothed(features, labels, "a", horizon=1, cost=0.0, half_lives=(0.0,))
    with pytest.raises(SchemaError, match="table features, column c"):
        turnover_smoothed(features, labels, "c", horizon=1, cost=0.0)
    with pytest.raises(SchemaError, match="2 instants in one session, expected one: run each market by itself"):
        two = pl.when(pl.col("symbol") == "S00").then(pl.col("ends_at") + timedelta(hours=1)).otherwise("ends_at")
        ic_weighted(features, labels.with_columns(ends_at=two), ["a"])
    with pytest.raises(EstimationError, match="expected 60 sessions"):
        ridge_stacked(features, labels, ["a"])
    early = ic_weighted(features, labels, ["a"])  # fewer sessions than asked for: no view, no error
    assert early.scores["score"].null_count() == features.height
    none = turnover_smoothed(features, labels, "a", horizon=3, cost=0.0)
    assert none.scores["score"].null_count() == features.height


def test_a_label_that_ends_at_the_decision_has_not_ended():
    features, labels = market(n_sessions=40)
    at = labels.with_columns(ends_at=features.join(labels, on=["session", "symbol"], how="semi")["asof"] + 3 * DAY)
    for ends, first in ((at, 8 + 3), (at.with_columns(pl.col("ends_at") - timedelta(microseconds=1)), 8 + 2)):
        assert ic_weighted(features, ends, ["b"], min_sessions=8).weights["b"].null_count() == first
        chosen = turnover_smoothed(features, ends, "b", horizon=3, cost=0.0, min_sessions=8, refit=1)
        assert chosen.weights["half_life"].null_count() == first
