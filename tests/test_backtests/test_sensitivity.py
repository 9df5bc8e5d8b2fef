"""Power, placebo dates, grids of choices and drift before day 0: closed forms, simulation, and fits made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from backtests import study_plots
from backtests.event_study import EventStudy
from backtests.power import events_needed, minimum_detectable_effect, power
from backtests.sensitivity import default_grid
from research.errors import EstimationError, UsageError

DAYS = [date(2021, 1, 4) + timedelta(days=i) for i in range(400)]
STUDY = EventStudy(estimation=(-80, -21), window=(-5, 5), min_obs=40, seed=3)


def study(effect: float = 0.0, drift: float = 0.0, n: int = 40, seed: int = 0, same_day: bool = False, common: float = 0.0):
    rng = np.random.default_rng(seed)
    market, shared = rng.normal(0, 0.01, 400), rng.normal(size=400)
    noise = math.sqrt(common) * shared + math.sqrt(1 - common) * rng.normal(size=(n, 400))
    matrix = rng.uniform(0.5, 1.5, (n, 1)) * market + 0.02 * noise
    zero = np.full(n, 250) if same_day else rng.integers(140, 380, n)
    matrix[np.arange(n), zero] += effect
    for lead in range(1, 16):
        matrix[np.arange(n), zero - lead] += drift / 15
    names = [f"S{i:02d}" for i in range(n)]
    returns = pl.DataFrame({"session": DAYS * n, "symbol": np.repeat(names, 400), "realized_return": matrix.ravel()})
    events = pl.DataFrame({"event_id": names, "symbol": names, "session": [DAYS[z] for z in zero], "kind": ["a", "b"] * (n // 2)})
    return STUDY.fit_returns(events, returns, pl.DataFrame({"session": DAYS, "realized_return": market}), group="kind")


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_power_by_simulation(alternative):
    from scipy import stats

    rng = np.random.default_rng(0)
    n, sigma, length, r, effect = 30, 0.02, 3, 0.02, 0.015
    draws = 4000
    common = rng.normal(size=(draws, 1)) * math.sqrt(r)
    cars = effect + sigma * math.sqrt(length) * (common + math.sqrt(1 - r) * rng.normal(size=(draws, n)))
    # a test that knows r: the deviations are smaller by √(1 − r), the mean moves by √(1 + (N − 1) r)
    t = cars.mean(axis=1) / (cars.std(axis=1, ddof=1) / math.sqrt(n)) * math.sqrt((1 - r) / (1 + (n - 1) * r))
    p = 2 * stats.t.sf(np.abs(t), n - 1) if alternative == "two-sided" else stats.t.sf(t, n - 1)
    expected = power(effect, n, sigma, length=length, correlation=r, alternative=alternative)
    assert (p < 0.05).mean() == pytest.approx(expected, abs=3.5 * math.sqrt(0.25 / draws))


def test_effect_and_number_invert_power():
    for sided in ("two-sided", "greater"):
        effect = minimum_detectable_effect(60, 0.025, target=0.9, length=5, alternative=sided)
        assert power(effect, 60, 0.025, length=5, alternative=sided) == pytest.approx(0.9, abs=1e-8)
        n = events_needed(effect * 0.999, 0.025, target=0.9, length=5, alternative=sided)
        assert n == 61
    assert power(0.0, 20, 0.02) == pytest.approx(0.05)
    assert events_needed(0.001, 0.02, correlation=0.05) is None
    assert events_needed(-0.01, 0.02) == events_needed(0.01, 0.02)
    for arguments in ({"n_events": 1}, {"n_events": 20, "alpha": 0.0}, {"n_events": 20, "correlation": 1.0}, {"n_events": 20, "length": 0}):
        with pytest.raises(UsageError, match="expected at least 2"):
            power(0.01, sigma=0.02, **arguments)
    with pytest.raises(UsageError, match="Alternative came as 'less'"):
        power(0.01, 20, 0.02, alternative="less")
    with pytest.raises(UsageError, match=r"The target power came as 0\.01"):
        minimum_detectable_effect(20, 0.02, target=0.01)
    with pytest.raises(UsageError, match="The effect came as 0"):
        events_needed(0.0, 0.02)


def test_placebo_dates_give_the_size_and_the_power_of_this_sample():
    found = study().placebo([(0, 0), (-1, 1)], effects=(0.0, 0.01), draws=200)
    assert found.rejections.height == 7 * 2 * 2
    of = {(r["test"], r["window_start"], r["effect"]): r["rejection_rate"] for r in found.rejections.iter_rows(named=True)}
    bound = 3.3 * math.sqrt(0.05 * 0.95 / 200)
    for name in ("cross_sectional", "bmp", "kolari_pynnonen", "corrado_rank"):
        assert abs(of[name, 0, 0.0] - 0.05) < bound + 0.02
        # the closed form of independent normal events: σ = 2 %, 40 events
        assert of[name, 0, 0.01] == pytest.approx(power(0.01, 40, 0.0205), abs=0.12)
    drawn = found.means.filter(pl.col("window_start") == 0, pl.col("window_end") == 0)["mean_car"]
    assert drawn.std() == pytest.approx(0.0205 / math.sqrt(40), rel=0.15)
    assert found.windows["p_value"].is_between(0.004, 1.0).all()
    again = study().placebo([(0, 0), (-1, 1)], effects=(0.0, 0.01), draws=200)
    assert again.rejections.equals(found.rejections)
    assert repr(found) == "Placebo(200 draws, independent, 2 windows)"


def test_the_smallest_effect_found_by_simulation_is_near_the_closed_form():
    found = study().placebo([(0, 0)], tests=["bmp"], effects=(0.0, 0.005, 0.0075, 0.01, 0.015), draws=200)
    (effect,) = found.minimum_detectable_effect()["effect"]
    assert effect == pytest.approx(minimum_detectable_effect(40, 0.0205), rel=0.2)
    rates = found.rejections.sort("effect")["rejection_rate"].to_list()
    assert rates == sorted(rates)
    assert found.minimum_detectable_effect(0.999999)["effect"].to_list() == [None]


def test_placebo_dates_keep_away_from_events():
    result = study(effect=0.5, n=20)
    found = result.placebo([(0, 0)], tests=["bmp"], draws=50)
    assert found.means["mean_car"].abs().max() < 0.05
    assert found.mean_events == 20
    # two events of each security, thirty sessions apart: moving one onto the other is no placebo
    again = result.source.events.with_columns(pl.col("event_id") + "x", row=pl.col("row") - 30)
    both = replace(STUDY, estimation=(-80, -36)).again(replace(result.source, events=pl.concat([result.source.events, again])))
    moved = both.placebo([(0, 0)], tests=["bmp"], draws=60, how="shift")
    assert moved.means["mean_car"].abs().max() < 0.05
    assert 15 < moved.mean_events < 40
    assert found.windows["p_value"].item() == pytest.approx(1 / 51)
    assert found.windows["mean_car"].item() == pytest.approx(0.5, abs=0.02)


def test_shifted_dates_keep_clusters():
    """All events on one day, residuals correlated by 0.2: independent placebo dates do not see it, shifted ones do."""
    result = study(n=40, same_day=True, common=0.2)
    rates = {}
    for how in ("independent", "shift"):
        found = result.placebo([(0, 0)], tests=["bmp", "kolari_pynnonen"], draws=120, how=how)
        rates[how] = dict(found.rejections.select("test", "rejection_rate").iter_rows())
    assert rates["independent"]["bmp"] < 0.12
    assert rates["shift"]["bmp"] > 0.3
    assert rates["shift"]["kolari_pynnonen"] < 0.13


def test_placebo_arguments():
    result = study(n=6)
    with pytest.raises(UsageError, match="Tests came as levene"):
        result.placebo([(0, 0)], tests=["levene"])
    with pytest.raises(UsageError, match="how as 'both'"):
        result.placebo([(0, 0)], how="both")
    short = replace(STUDY, estimation=(-135, -6), min_obs=100)
    inputs = replace(result.inputs, events=result.inputs.events.with_columns(row=pl.lit(136, dtype=pl.Int64)))
    grid = inputs.markets[0]
    cut = replace(
        grid, sessions=grid.sessions[:142], market=grid.market[:142], factors=grid.factors[:, :142], risk_free=grid.risk_free[:142]
    )
    few = short.again(replace(inputs, markets=(cut,)))
    with pytest.raises(EstimationError, match="leave no session for a placebo date"):
        few.placebo([(0, 0)], draws=3)


def test_the_grid_is_the_study_fitted_again():
    result = study(effect=0.03)
    found = result.sensitivity(windows=[(0, 0), (-1, 1)])
    assert found.height == 3 * 5 * 2 * 2
    assert found["model"].unique(maintain_order=True).to_list() == ["market", "market_adjusted", "constant"]
    assert default_grid((-80, -21)) == [(-80, -51), (-80, -36), (-80, -21), (-65, -21), (-50, -21)]
    cell = found.filter(
        pl.col("model") == "constant", pl.col("estimation_start") == -50, pl.col("window_start") == -1, pl.col("group") == "b"
    ).row(0, named=True)
    alone = replace(STUDY, model="constant", estimation=(-50, -21), min_obs=20).again(result.inputs)
    assert cell["mean_car"] == pytest.approx(alone.car((-1, 1))[(alone.events["group"] == "b").to_numpy()].mean())
    row = alone.tests([(-1, 1)], ["kolari_pynnonen"]).filter(pl.col("group") == "b").row(0, named=True)
    assert (cell["p_value"], cell["n_events"]) == (row["p_value"], row["n_events"])
    figure = study_plots.sensitivity(found, "a")
    assert len(figure.data[0].y) == 15
    assert list(figure.data[0].x) == ["-1 … 1", "0 … 0"] or list(figure.data[0].x) == ["0 … 0", "-1 … 1"]
    assert "**" in figure.data[0].text[0][0] + figure.data[0].text[0][1]
    # a choice no event bears is an empty cell with the reason
    far = result.sensitivity(estimations=[(-399, -381)], windows=[(0, 0)], models=["market"])
    assert far["mean_car"].to_list() == [None, None]
    assert far["note"].str.contains("None of the 40 events can be used").all()


def test_drift_before_day_0_is_measured():
    found = study(effect=0.03, drift=0.06).leakage(15)
    assert found.table["drift"].to_list() == [pytest.approx(0.06, abs=0.04)] * 2
    assert found.table["share"].to_list() == [pytest.approx(2 / 3, abs=0.25)] * 2
    assert found.path["tau"].min() == -15
    whole = found.path.filter(pl.col("tau") == -1).sort("group")["caar"].to_list()
    assert whole == [pytest.approx(v) for v in found.table["drift"]]
    assert found.table["p_value"].max() < 0.05
    none = study(effect=0.03).leakage(40)
    assert none.table["p_value"].min() > 0.01
    # forty days reach into the estimation window, which moves
    assert none.path["tau"].min() == -40
    assert study_plots.leakage(none.path).data
    assert repr(none) == "Leakage(2 groups, -40 .. 5)"
    with pytest.raises(UsageError, match="Days came as 0"):
        study().leakage(0)
    with pytest.raises(EstimationError, match="None of the 40 events"):
        study().leakage(350)


def test_a_study_put_together_cannot_be_fitted_again():
    result = study(n=6)
    with pytest.raises(UsageError, match="cannot be fitted again"):
        replace(result, inputs=None).sensitivity()


def test_more_figures():
    result = study(effect=0.03)
    histogram, _ = result.plot_distribution().data
    assert len(histogram.x) == 20
    (points,) = result.plot_groups().data
    wide, half, median = result.plot_fan().data[:3]
    cars = np.cumsum(result.arrays.abnormal[(result.events["group"] == "a").to_numpy()], axis=1)
    np.testing.assert_allclose(median.y, np.median(cars, axis=0))
    np.testing.assert_allclose(half.y[:11], np.quantile(cars, 0.75, axis=0))
    np.testing.assert_allclose(wide.y[11:][::-1], np.quantile(cars, 0.05, axis=0))
    assert sorted(points.x) == sorted(result.events.group_by("group").agg(pl.col("car").mean())["car"].to_list())
    found = result.placebo([(0, 0)], tests=["bmp"], draws=20)
    assert len(study_plots.placebo(found.means, 0.03, (0, 0)).data[0].x) == 20
