"""Synthetic control: weights against a general optimiser, a planted effect, placebo ranks, donors that cannot be used."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from backtests.synthetic_control import simplex_weights, synthetic_control
from research.errors import EstimationError, UnknownSymbolError, UsageError

DAYS = [date(2023, 1, 2) + timedelta(days=i) for i in range(160)]
WINDOWS = {"estimation": (-100, -6), "window": (-2, 5)}


def frame(seed: int = 0, effect: float = 0.0, n: int = 24) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    factors = rng.normal(0, 0.01, (2, 160))
    matrix = rng.uniform(0, 1, (n, 2)) @ factors + rng.normal(0, 0.006, (n, 160))
    treated = 0.6 * matrix[0] + 0.4 * matrix[1] + rng.normal(0, 0.001, 160)
    treated[120] += effect
    names = ["T", *(f"D{i:02d}" for i in range(n))]
    return pl.DataFrame({"session": DAYS * (n + 1), "symbol": np.repeat(names, 160), "realized_return": np.r_[treated, matrix.ravel()]})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n_donors=st.integers(1, 8))
def test_weights_are_the_minimum_over_the_simplex(seed, n_donors):
    rng = np.random.default_rng(seed)
    donors = rng.normal(size=(30, n_donors)) * rng.uniform(0.01, 3)
    target = donors @ rng.dirichlet(np.ones(n_donors)) + rng.normal(0, 0.5, 30)
    found = simplex_weights(target, donors)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1.0)
    loss = lambda w: float(np.square(target - donors @ w).sum())  # noqa: E731
    theirs = minimize(
        loss,
        np.full(n_donors, 1 / n_donors),
        bounds=[(0, 1)] * n_donors,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
    )
    assert loss(found) <= theirs.fun * (1 + 1e-6) + 1e-12
    # the first-order conditions: no donor would lower the distance more than those that are held
    slope = -2 * donors.T @ (target - donors @ found)
    held = found > 1e-8
    assert np.ptp(slope[held]) < 1e-6 * max(1.0, np.abs(slope).max())
    assert slope.min() >= slope[held].min() - 1e-6 * max(1.0, np.abs(slope).max())


def test_a_planted_effect_and_the_mix_are_found():
    found = synthetic_control(frame(effect=0.05), "T", DAYS[120], **WINDOWS)
    weights = dict(found.weights.iter_rows())
    assert weights["D00"] == pytest.approx(0.6, abs=0.05)
    assert weights["D01"] == pytest.approx(0.4, abs=0.05)
    day = found.path.filter(pl.col("tau") == 0).row(0, named=True)
    assert day["abnormal_return"] == pytest.approx(0.05, abs=0.005)
    assert (day["session"], found.day0) == (DAYS[120], DAYS[120])
    assert found.p_value == pytest.approx(1 / 25)
    assert found.placebos.height == 24
    assert found.car == pytest.approx(found.path.drop_nulls("car")["car"][-1])
    assert found.path["tau"].to_list() == [*range(-100, -5), *range(-2, 6)]
    # by hand
    own = frame(effect=0.05).pivot(on="symbol", index="session", values="realized_return").sort("session")
    mix = sum(w * own[name].to_numpy() for name, w in weights.items())
    gap = own["T"].to_numpy() - mix
    assert found.before == pytest.approx(np.sqrt(np.square(gap[20:115]).mean()), rel=1e-6)
    assert found.after == pytest.approx(np.sqrt(np.square(gap[118:126]).mean()), rel=1e-6)
    assert "T 2023-05-02" in repr(found)


def test_p_values_are_ranks_under_the_null():
    p = [synthetic_control(frame(seed, n=9), "D03", DAYS[120], **WINDOWS).p_value for seed in range(60)]
    assert set(np.round(np.array(p) * 10).astype(int)) <= set(range(1, 11))
    assert 0.4 < np.mean(p) < 0.7


def test_price_paths_can_be_matched():
    found = synthetic_control(frame(effect=0.05), "T", DAYS[120], fit="cumulative", **WINDOWS)
    assert found.p_value <= 2 / 25
    assert found.path.filter(pl.col("tau") == 0)["abnormal_return"].item() == pytest.approx(0.05, abs=0.02)
    few = synthetic_control(frame(effect=0.05), "T", DAYS[120], poor_fit=0.5, **WINDOWS)
    assert few.p_value is None
    assert "0 placebos" in few.notes[0]


def test_donors_that_cannot_be_used_are_told():
    returns = frame(effect=0.05)
    broken = returns.with_columns(
        realized_return=pl.when((pl.col("symbol") == "D05") & (pl.col("session") == DAYS[60]))
        .then(None)
        .when(pl.col("symbol") == "D06")
        .then(0.0)
        .otherwise("realized_return")
    )
    found = synthetic_control(broken, "T", DAYS[120], **WINDOWS)
    assert found.dropped.rows() == [("D05", "no return on 1 days"), ("D06", "zero variance")]
    one = synthetic_control(returns, "T", DAYS[120], donors=["D00"], **WINDOWS)
    assert (one.p_value, one.placebos.height, one.weights.rows()) == (None, 0, [("D00", 1.0)])
    for arguments, error, message in (
        (("X", DAYS[120]), UnknownSymbolError, "Security 'X' has no returns"),
        (("T", date(2030, 1, 1)), EstimationError, "is not a session"),
        (("T", DAYS[50]), EstimationError, "The windows run from session -50"),
        (("D05", DAYS[120]), EstimationError, "has no return on 1 days of its windows"),
    ):
        with pytest.raises(error, match=message):
            synthetic_control(broken, *arguments, **WINDOWS)
    with pytest.raises(EstimationError, match="None of the 1 donors"):
        synthetic_control(broken, "T", DAYS[120], donors=["D05"], **WINDOWS)
    with pytest.raises(UsageError, match="ends before the event window"):
        synthetic_control(returns, "T", DAYS[120], estimation=(-9, -1), window=(-2, 2))
    same = pl.concat([returns, returns.filter(pl.col("symbol") == "T").with_columns(symbol=pl.lit("TWIN"))])
    exact = synthetic_control(same, "T", DAYS[120], **WINDOWS)
    assert (exact.ratio, exact.p_value) == (None, None)
