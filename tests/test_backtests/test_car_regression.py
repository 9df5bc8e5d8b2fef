"""Cross-sectional regressions against statsmodels and slow sandwiches, joint tests against Hotelling's formula."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats import sandwich_covariance as sw
from test_study_result import result

from backtests.car_regression import regress
from backtests.robust_errors import joint_means
from research.errors import EstimationError, UsageError


def data(seed: int = 0, n: int = 90) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    firm, day = rng.integers(0, 12, n), rng.integers(0, 9, n)
    size = rng.normal(5, 2, n)
    car = 0.01 * size + rng.normal(0, 0.02, 12)[firm] + rng.normal(0, 0.02, 9)[day] + rng.normal(0, 0.01 * np.abs(size))
    return pl.DataFrame(
        {
            "event_id": [f"e{i:03d}" for i in range(n)],
            "car": car,
            "size": size,
            "surprise": rng.normal(size=n),
            "loss": rng.random(n) < 0.3,
            "kind": np.array(["beat", "cut", "raise"])[rng.integers(0, 3, n)],
            "firm": [f"f{i}" for i in firm],
            "day": day,
            "precision": rng.uniform(0.5, 2, n),
        }
    )


def regressors(frame: pl.DataFrame) -> np.ndarray:
    columns = [frame["size"], frame["surprise"], frame["loss"].cast(float), frame["kind"] == "cut", frame["kind"] == "raise"]
    return sm.add_constant(np.stack([c.cast(pl.Float64).to_numpy() for c in columns], axis=1))


FEATURES = ("size", "surprise", "loss", "kind")


@pytest.mark.parametrize("errors", ["ols", "HC1", "HC3"])
def test_coefficients_and_errors_are_those_of_statsmodels(errors):
    frame = data()
    found = regress(frame, "car", FEATURES, errors=errors)
    kind = {"ols": "nonrobust"}.get(errors, errors)
    theirs = sm.OLS(frame["car"].to_numpy(), regressors(frame)).fit(cov_type=kind, use_t=True)
    assert found.coefficients["name"].to_list() == ["intercept", "size", "surprise", "loss", "kind[cut]", "kind[raise]"]
    np.testing.assert_allclose(found.coefficients["estimate"], theirs.params, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found.coefficients["std_error"], theirs.bse, rtol=1e-9)
    np.testing.assert_allclose(found.coefficients["p_value"], theirs.pvalues, rtol=1e-8)
    np.testing.assert_allclose(found.coefficients.select("ci_low", "ci_high").to_numpy(), theirs.conf_int(), rtol=1e-8, atol=1e-12)
    assert found.r_squared == pytest.approx(theirs.rsquared)
    joint = theirs.f_test(np.eye(6)[4:])
    wald = found.wald(["kind"])
    assert (wald.statistic, wald.p_value) == (pytest.approx(float(joint.fvalue)), pytest.approx(float(joint.pvalue)))
    assert (wald.df, wald.df_error) == (2, 84)


def test_weighted_least_squares():
    frame = data(1)
    found = regress(frame, "car", ["size"], weights="precision", errors="HC1")
    x = sm.add_constant(frame["size"].to_numpy())
    theirs = sm.WLS(frame["car"].to_numpy(), x, weights=frame["precision"].to_numpy()).fit(cov_type="HC1", use_t=True)
    np.testing.assert_allclose(found.coefficients["estimate"], theirs.params, rtol=1e-10)
    np.testing.assert_allclose(found.coefficients["std_error"], theirs.bse, rtol=1e-10)
    assert found.r_squared == pytest.approx(theirs.rsquared)


def test_clusters_in_one_and_two_ways():
    frame = data(2)
    fitted = sm.OLS(frame["car"].to_numpy(), regressors(frame)).fit()
    firm, day = frame["firm"].rank("dense").to_numpy(), frame["day"].to_numpy()
    one = regress(frame, "car", FEATURES, clusters=["firm"])
    np.testing.assert_allclose(one.covariance, sw.cov_cluster(fitted, firm), rtol=1e-9, atol=1e-18)
    assert (one.df, one.n_clusters, one.errors) == (11, (12,), "cluster")
    assert "12 clusters by firm" in one.notes[0]
    theirs = sm.OLS(frame["car"].to_numpy(), regressors(frame)).fit(cov_type="cluster", cov_kwds={"groups": firm}, use_t=True)
    np.testing.assert_allclose(one.coefficients["p_value"], theirs.pvalues, rtol=1e-8)
    joint = theirs.f_test(np.eye(6)[4:])
    assert one.wald(["kind"]).p_value == pytest.approx(float(joint.pvalue), rel=1e-7)
    # two ways: by the loop over all pairs of rows that share a firm or a day
    two = regress(frame, "car", ["size"], clusters=["firm", "day"])
    x = sm.add_constant(frame["size"].to_numpy())
    residuals = sm.OLS(frame["car"].to_numpy(), x).fit().resid
    pairs = (firm[:, None] == firm[None, :], day[:, None] == day[None, :])
    bread, n = np.linalg.inv(x.T @ x), len(x)
    total = np.zeros((2, 2))
    for sign, same in ((1, pairs[0]), (1, pairs[1]), (-1, pairs[0] & pairs[1])):
        n_clusters = len(np.unique(same.argmax(axis=1)))
        meat = (x * residuals[:, None]).T @ same @ (x * residuals[:, None])
        total += sign * bread @ meat @ bread * n_clusters / (n_clusters - 1) * (n - 1) / (n - 2)
    np.testing.assert_allclose(two.covariance, total, rtol=1e-9)
    assert two.df == 8
    theirs_two, *_ = sw.cov_cluster_2groups(sm.OLS(frame["car"].to_numpy(), x).fit(), firm, day)
    np.testing.assert_allclose(two.covariance, theirs_two, rtol=1e-9)


def test_rows_that_cannot_be_used_are_told():
    frame = data(3, 40).with_columns(
        size=pl.when(pl.col("event_id") == "e001").then(None).when(pl.col("event_id") == "e002").then(float("nan")).otherwise("size"),
        precision=pl.when(pl.col("event_id") == "e003").then(0.0).otherwise("precision"),
    )
    found = regress(frame, "car", ["size", "surprise"], weights="precision")
    assert found.dropped.rows() == [("e001", "no size"), ("e002", "no size"), ("e003", "weight not positive")]
    assert found.n == 37
    assert repr(found) == "Regression(intercept, size, surprise; 37 rows, HC1 errors)"
    for arguments, message in (
        ({"features": ["profit"]}, "Column 'profit' is not there"),
        ({"features": ["size"], "errors": "HAC"}, "Errors came as 'HAC'"),
        ({"features": ["size"], "clusters": ["firm", "day", "kind"]}, "3 clusters came"),
        ({"features": ["size"], "errors": "cluster"}, "0 clusters came"),
        ({"features": [], "intercept": False}, "No regressor came"),
    ):
        with pytest.raises(UsageError, match=message):
            regress(frame, "car", **arguments)
    with pytest.raises(UsageError, match="Feature 'twice' is a combination of intercept, size"):
        regress(frame.with_columns(twice=pl.col("size") * 2 + 1), "car", ["size", "twice"])
    with pytest.raises(UsageError, match="Feature 'nil' is zero in every row"):
        regress(frame.with_columns(nil=0.0), "car", ["nil"])
    with pytest.raises(EstimationError, match="2 complete rows came for 3 coefficients"):
        regress(frame.head(4), "car", ["size", "surprise"])
    with pytest.raises(EstimationError, match="All rows are one cluster by one"):
        regress(frame.with_columns(one=pl.lit("x")), "car", ["size"], clusters=["one"])
    with pytest.raises(UsageError, match="Coefficient 'loss' is not in the regression"):
        found.wald(["loss"])
    with pytest.raises(UsageError, match="1 values came for 2 coefficients"):
        found.wald(values=[0.0])


def test_a_row_that_alone_decides_a_coefficient_stays_finite():
    frame = data(4, 30).with_columns(only=(pl.col("event_id") == "e000").cast(pl.Float64))
    found = regress(frame, "car", ["only"], errors="HC3")
    assert found.coefficients["std_error"].is_finite().all()


def test_errors_that_nothing_tells_are_null():
    frame = data(8, 60)
    found = regress(frame, "car", ["kind"], clusters=["kind"])
    assert found.coefficients["std_error"].to_list() == [None] * 3
    assert found.coefficients["p_value"].to_list() == [None] * 3
    assert "cannot be estimated" in found.notes[0]
    assert found.wald(["kind"]).statistic is None
    exact = regress(frame.with_columns(car=2 * pl.col("size") + 1), "car", ["size"])
    assert exact.coefficients["estimate"].to_list() == [pytest.approx(1.0), pytest.approx(2.0)]
    assert exact.coefficients["std_error"].to_list() == [None, None]


def test_a_constant_alone_is_the_mean_and_its_t():
    car = data()["car"].to_numpy()
    found = regress(data(), "car", [], errors="ols").coefficients.row(0, named=True)
    theirs = stats.ttest_1samp(car, 0.0)
    assert (found["statistic"], found["p_value"]) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))


def test_joint_zero_is_hotelling():
    rng = np.random.default_rng(5)
    values = rng.normal(0.1, 1, (25, 3)) @ rng.normal(size=(3, 3))
    found = joint_means(values, np.zeros(25, dtype=np.int64), [np.arange(25)], "zero")
    mean, covariance = values.mean(axis=0), np.cov(values.T)
    t2 = 25 * mean @ np.linalg.inv(covariance) @ mean
    f = (25 - 3) / (3 * 24) * t2
    assert (found.statistic, found.p_value) == (pytest.approx(f), pytest.approx(stats.f.sf(f, 3, 22)))
    assert (found.df, found.df_error, found.n) == (3, 22.0, 25)
    # windows that add up cannot be tested together
    dependent = np.c_[values, values.sum(axis=1)]
    assert joint_means(dependent, np.zeros(25, dtype=np.int64), [np.arange(25)], "zero").statistic is None


def test_joint_equality_of_two_groups_is_welch_squared():
    rng = np.random.default_rng(6)
    a, b = rng.normal(0, 1, 20), rng.normal(0.3, 2, 30)
    found = joint_means(np.r_[a, b][:, None], np.repeat([0, 1], [20, 30]), [np.arange(50)], "equal")
    assert found.statistic == pytest.approx(stats.ttest_ind(a, b, equal_var=False).statistic ** 2)


def test_joint_tests_keep_their_size_when_firms_recur():
    rng = np.random.default_rng(7)
    firm, group = np.repeat(np.arange(40), 3), np.tile([0, 1, 0], 40)
    rejected = {"cluster": 0, "event": 0}
    for _ in range(300):
        values = rng.normal(size=(40, 2))[firm] + 0.5 * rng.normal(size=(120, 2))
        for name, clusters in (("cluster", [firm]), ("event", [np.arange(120)])):
            rejected[name] += joint_means(values, group, clusters, "zero").p_value < 0.05
    assert rejected["cluster"] / 300 < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 300)
    assert rejected["event"] / 300 > 0.12


def test_regression_of_a_result():
    study = result()
    features = study.events.select("event_id", planted=(pl.col("group") == "up").cast(pl.Float64)).head(20)
    found = study.regression(["planted", "sigma"], features, (0, 1), clusters=["symbol"])
    assert found.n == 20
    assert found.dropped["reason"].to_list() == ["no planted"] * 4
    car = study.car((0, 1))[:20]
    x = sm.add_constant(np.c_[features["planted"].to_numpy(), study.events["sigma"].to_numpy()[:20]])
    np.testing.assert_allclose(found.coefficients["estimate"], sm.OLS(car, x).fit().params, rtol=1e-8)
    assert found.coefficients.filter(pl.col("name") == "planted")["p_value"].item() < 0.01
    for response in ("scar", "bhar"):
        assert study.regression(["group"], window=(0, 0), response=response).coefficients["name"].to_list() == ["intercept", "group[up]"]
    with pytest.raises(UsageError, match="Response came as 'return'"):
        study.regression(["group"], response="return")
    with pytest.raises(UsageError, match="expected a column event_id"):
        study.regression(["x"], pl.DataFrame({"x": [1.0]}))
    with pytest.raises(UsageError, match="share a key"):
        study.regression(["planted"], pl.concat([features, features]))


def test_joint_tests_of_a_result():
    study = result()
    found = study.joint([(-2, -1), (0, 0)])
    assert found.select("hypothesis", "group", "window_start").rows() == [
        ("windows zero", "flat", None), ("windows zero", "up", None), ("groups zero", None, -2), ("groups equal", None, -2),
        ("groups zero", None, 0), ("groups equal", None, 0), ("groups zero", None, None), ("groups equal", None, None),
    ]  # fmt: skip
    p = dict(zip(["flat", "up", "zero-2", "equal-2", "zero0", "equal0", "zero", "equal"], found["p_value"], strict=True))
    assert max(p["up"], p["zero0"], p["equal0"], p["zero"]) < 0.05
    assert min(p["zero-2"], p["equal-2"]) > 0.05
    welch = study.differences([(0, 0)], draws=9).filter(pl.col("test") == "welch")["statistic"].item()
    assert found.filter(pl.col("hypothesis") == "groups equal", pl.col("window_start") == 0)["statistic"].item() == pytest.approx(welch**2)
    assert study.joint([(0, 0)], clusters=["symbol", "day0"]).height == 4
    with pytest.raises(UsageError, match="expected at most one each of symbol and day0"):
        study.joint([(0, 0)], clusters=["sector"])
