"""What a result offers beside its tables: one-sided, adjusted and joint p-values, groups compared, portfolios, conventions."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from backtests import bootstrap_tests as bt
from backtests import event_tests as et
from backtests import multiple_testing as mt
from backtests.conventions import CONVENTIONS, Conventions, conventions_of
from backtests.event_study import EventStudy
from backtests.study_tests import DRAWS, RESAMPLED, TESTS, blocks_of
from backtests.window_returns import window_bhar, window_scar
from research.errors import UsageError

DAYS = [date(2022, 1, 3) + timedelta(days=i) for i in range(160)]
STUDY = EventStudy(estimation=(-60, -6), window=(-2, 3), min_obs=30, seed=5)


def result(conventions: str | Conventions = "textbook", seed: int = 0):
    rng = np.random.default_rng(seed)
    n = 24
    market = rng.normal(0, 0.01, 160)
    matrix = rng.uniform(0.5, 1.5, (n, 1)) * market + rng.normal(0, 0.02, (n, 160))
    matrix[rng.random(matrix.shape) < 0.03] = np.nan
    names = [f"S{i:02d}" for i in range(n)]
    zero = rng.integers(65, 150, n)
    matrix[np.arange(0, n, 2), zero[::2]] += 0.06
    events = pl.DataFrame(
        {
            "event_id": [f"e{i:02d}" for i in range(n)],
            "symbol": names,
            "session": [DAYS[z] for z in zero],
            "kind": ["up", "flat"] * (n // 2),
        }
    )
    returns = pl.DataFrame({"session": DAYS * n, "symbol": np.repeat(names, 160), "realized_return": matrix.ravel()}).with_columns(
        pl.col("realized_return").fill_nan(None)
    )
    index = pl.DataFrame({"session": DAYS, "realized_return": market})
    return replace(STUDY, conventions=conventions).fit_returns(events, returns, index, group="kind")


def of(found: pl.DataFrame, **keys: object) -> dict:
    return found.filter(*(pl.col(name) == value for name, value in keys.items())).row(0, named=True)


def test_every_named_test_runs_and_resampling_is_seeded():
    found = result().tests(windows=[(0, 1)], tests=[*TESTS, *RESAMPLED])
    assert found["test"].unique().sort().to_list() == sorted((*TESTS, *RESAMPLED))
    assert found["statistic"].null_count() == found["p_value"].null_count() == 0
    assert found.equals(result().tests(windows=[(0, 1)], tests=[*TESTS, *RESAMPLED]))


def test_each_test_takes_its_own_array():
    r = result()
    chosen = (r.events["group"] == "up").to_numpy()
    found = r.tests(windows=[(-1, 1)], tests=[*TESTS, *RESAMPLED])
    scar, car, bhar = r.scar((-1, 1))[chosen], r.car((-1, 1))[chosen], window_bhar(r.arrays, 1, 3, False)[chosen]
    blocks = blocks_of(r.clock.days(0, 0)[:, 0][chosen], 3)
    expected = {
        "skewness_adjusted": et.skewness_adjusted(car),
        "bmp": et.bmp(scar),
        "bhar": et.cross_sectional(bhar),
        "bhar_bootstrap": bt.skewness_bootstrap(bhar, DRAWS, 5),
        "block_bootstrap": bt.block_bootstrap(scar, blocks, DRAWS, 5),
        "wild_bootstrap": bt.wild_bootstrap(scar, DRAWS, 5),
    }
    for name, outcome in expected.items():
        row = of(found, group="up", test=name)
        assert (row["statistic"], row["p_value"], row["n_events"]) == (outcome.statistic, outcome.p_value, outcome.n_events)


def test_adjusted_patell_is_patell_over_the_root_of_its_inflation():
    scar, df = np.array([1.0, 0.5, -0.2, 1.4]), np.full(4, 60.0)
    plain = et.patell(scar, df).statistic
    assert et.adjusted_patell(scar, df, 0.05).statistic == pytest.approx(plain / math.sqrt(1.15), rel=1e-12)
    assert et.adjusted_patell(scar, df, -1 / 3).statistic is None
    assert et.adjusted_patell(scar, df, math.nan).statistic is None


def test_buy_and_hold_by_loops():
    r = result()
    for log in (False, True):
        found = window_bhar(r.arrays, 1, 4, log)
        for event in range(len(found)):
            held = normal = 1.0
            for day in range(1, 5):
                a, e = r.arrays.realized[event, day], r.arrays.expected[event, day]
                if a == a:
                    held, normal = (held * math.exp(a), normal * math.exp(e)) if log else (held * (1 + a), normal * (1 + e))
            assert found[event] == pytest.approx(held - normal, abs=1e-14)


def test_one_sided_p_values_belong_to_the_two_sided():
    r = result()
    both = r.tests(windows=[(0, 0)]).join(r.one_sided(windows=[(0, 0)]), on=["group", "test", "window_start", "window_end"])
    assert both.height == 2 * len(TESTS)
    twice = 2 * pl.min_horizontal("p_greater", "p_less").clip(upper_bound=0.5)
    gap = both.filter(pl.col("test") != "wilcoxon").select((twice - pl.col("p_value")).abs().max()).item()
    assert gap < 1e-12
    up = of(both, group="up", test="bmp")
    assert up["p_greater"] == pytest.approx(stats.t.sf(up["statistic"], up["df"]))


def test_adjusted_over_groups():
    r = result()
    for method, adjust in (("holm", mt.holm), ("benjamini_hochberg", mt.benjamini_hochberg)):
        found = r.adjusted(method, windows=[(0, 0), (0, 1)], tests=["bmp", "sign"])
        assert found.height == 8
        for window in ((0, 0), (0, 1)):
            family = found.filter(pl.col("test") == "bmp", pl.col("window_start") == window[0], pl.col("window_end") == window[1])
            np.testing.assert_allclose(family["p_adjusted"], adjust(family["p_value"].to_numpy()))
    with pytest.raises(UsageError, match="Method 'tukey' is not known"):
        r.adjusted("tukey")


def test_romano_wolf_over_groups_and_windows():
    r = result()
    found = r.romano_wolf(windows=[(0, 0), (-2, -1)], draws=1999)
    assert found.columns == ["group", "window_start", "window_end", "statistic", "p_value", "p_adjusted"]
    assert found.height == 4
    assert (found["p_adjusted"] >= found["p_value"]).all()
    assert of(found, group="up", window_start=0)["p_adjusted"] < 0.1
    assert of(found, group="flat", window_start=-2)["p_adjusted"] > 0.05
    chosen = (r.events["group"] == "up").to_numpy()
    blocks = blocks_of(r.clock.days(0, 0)[:, 0], 6)[chosen]
    alone = bt.block_bootstrap(r.scar((0, 0))[chosen], blocks, 9, 0).statistic
    assert of(found, group="up", window_start=0)["statistic"] == pytest.approx(alone, rel=1e-10)


def test_differences_between_groups():
    r = result()
    found = r.differences(windows=[(0, 0)], draws=999)
    cars = {name: r.car((0, 0))[(r.events["group"] == name).to_numpy()] for name in ("flat", "up")}
    cars = {name: values[~np.isnan(values)] for name, values in cars.items()}
    welch = of(found, test="welch")
    expected = stats.ttest_ind(cars["flat"], cars["up"], equal_var=False)
    assert (welch["statistic"], welch["p_value"]) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert welch["difference"] == pytest.approx(cars["flat"].mean() - cars["up"].mean())
    assert welch["p_greater"] > 0.99
    assert of(found, test="permutation")["p_value"] == pytest.approx(welch["p_value"], abs=0.02)
    assert (welch["n_a"], welch["n_b"]) == tuple(len(values) for values in cars.values())


def test_portfolio_of_calendar_days():
    r = result()
    found = r.portfolio((0, 1))
    rows = (
        r.event_returns.filter(pl.col("tau").is_in([0, 1]))
        .drop_nulls("abnormal_return")
        .join(r.events.select("event_id", "group"), on="event_id")
    )
    expected = (
        rows.group_by("group", "session").agg(pl.col("abnormal_return").mean(), n_events=pl.len().cast(pl.Int32)).sort("group", "session")
    )
    assert found.sort("group", "session").select("group", "session", "n_events").equals(expected.select("group", "session", "n_events"))
    np.testing.assert_allclose(found.sort("group", "session")["abnormal_return"], expected["abnormal_return"])


def test_conventions_change_what_they_say():
    textbook, plain = result(), result("sipemu")
    assert plain.conventions == CONVENTIONS["sipemu"]
    n_days = plain.events["n_days"].to_numpy()
    np.testing.assert_allclose(plain.events["car_std_error"], textbook.events["sigma"].to_numpy() * np.sqrt(n_days))
    np.testing.assert_allclose(plain.events["car"], textbook.events["car"])
    divided = result("estudy2").events
    n = divided["n_obs"].to_numpy()
    np.testing.assert_allclose(divided["sigma"], textbook.events["sigma"].to_numpy() * np.sqrt((n - 2) / (n - 1)))
    daily = result(Conventions("mine", covariance=False))
    scar = window_scar(textbook.arrays, 2, 4, forecast_error=True)[(textbook.events["group"] == "up").to_numpy()]
    assert of(daily.tests(windows=[(0, 2)]), group="up", test="bmp")["statistic"] == pytest.approx(et.bmp(scar).statistic)
    with pytest.raises(UsageError, match="Conventions came as 'stata'"):
        EventStudy(conventions="stata")
    assert conventions_of("textbook") == Conventions("textbook")


def test_estimation_error_is_common_to_the_days_of_a_car():
    """Without it a CAR over L of T days looks wider spread by √(1 + L/T), less what the market's own deviations take."""
    r = result()
    exact, loose = r.scar((-2, 3)), window_scar(r.arrays, 0, 5, forecast_error=True)
    kept = ~np.isnan(exact)
    ratio = np.abs(loose[kept]).mean() / np.abs(exact[kept]).mean()
    assert 1.0 < ratio < 1.15


def test_each_event_over_each_window():
    r = result()
    found = r.by_event([(0, 0), (-2, 3)])
    whole = found.filter(pl.col("window_start") == -2).drop("window_start", "window_end")
    assert whole.equals(r.events.select(whole.columns))
    day = found.filter(pl.col("window_start") == 0)
    returns = r.event_returns.filter(pl.col("tau") == 0)
    both = day.join(returns, on=["event_id", "symbol"]).drop_nulls("car")
    np.testing.assert_allclose(both["car"], both["abnormal_return"])
    np.testing.assert_allclose(both["car_std_error"], both["forecast_std"])
    np.testing.assert_allclose(both["bhar"], both["realized_return"] - both["expected_return"], atol=1e-15)
    missing = day.filter(pl.col("n_days") == 0)
    assert missing.select("car", "car_std_error", "t", "p_value", "bhar").null_count().sum_horizontal().item() == 5 * missing.height
    assert day.height == r.events.height
    assert result("sipemu").by_event([(-2, 3)])["car_std_error"].to_list() == result("sipemu").events["car_std_error"].to_list()
