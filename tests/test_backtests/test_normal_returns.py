"""Normal returns against statsmodels, against the matrix formula of the forecast variance, and by laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.normal_returns import estimate, forecast, parameters, stack, take
from backtests.window_returns import window_car
from research.errors import UsageError

E, T, L = 7, 60, 6
K = {"constant": 0, "market_adjusted": 1, "market": 1, "factors": 3}


def sample(model: str, seed: int = 0, missing: float = 0.1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    k = K[model]
    x, x_event = rng.normal(0.001, 0.01, (k, E, T)), rng.normal(0.001, 0.01, (k, E, L))
    y, y_event = rng.normal(0.0005, 0.02, (E, T)), rng.normal(0.0005, 0.02, (E, L))
    y, y_event = y + 0.8 * x.sum(axis=0), y_event + 0.8 * x_event.sum(axis=0)
    y[rng.random(y.shape) < missing] = np.nan
    if k:
        x[0, 1, 3] = np.nan
        x_event[0, 1, 2] = np.nan
    y_event[2, 4] = np.nan
    return y, x, y_event, x_event


def fitted(model: str, seed: int = 0):
    y, x, y_event, x_event = sample(model, seed)
    found = estimate(model, y, x)
    return found, forecast(found, y_event, x_event)


def design(x: np.ndarray, days: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(days.sum()), *(series[days] for series in x)])


@pytest.mark.parametrize("model", ["constant", "market", "factors"])
def test_least_squares_agree_with_statsmodels(model):
    from statsmodels.api import OLS

    y, x, y_event, x_event = sample(model)
    found, returns = fitted(model)
    for e in range(E):
        days = np.isfinite(y[e]) & np.isfinite(x[:, e]).all(axis=0)
        expected = OLS(y[e, days], design(x[:, e], days)).fit()
        np.testing.assert_allclose(found.alpha[e], expected.params[0], rtol=1e-9)
        np.testing.assert_allclose(found.betas[e], expected.params[1:], rtol=1e-9)
        np.testing.assert_allclose(found.sigma[e], np.sqrt(expected.scale), rtol=1e-12)
        np.testing.assert_allclose(found.residuals[e, days], expected.resid, atol=1e-15)
        assert np.isnan(found.residuals[e, ~days]).all()
        assert (found.n_obs[e], found.df[e]) == (days.sum(), expected.df_resid)
        after = np.isfinite(y_event[e]) & np.isfinite(x_event[:, e]).all(axis=0)
        forecasts = expected.get_prediction(design(x_event[:, e], after))
        np.testing.assert_allclose(returns.abnormal[e, after], y_event[e, after] - forecasts.predicted_mean, atol=1e-15)
        np.testing.assert_allclose(returns.forecast_std[e, after], forecasts.se_obs, rtol=1e-10)
        assert np.isnan(returns.abnormal[e, ~after]).all()
        assert np.isnan(returns.forecast_std[e, ~after]).all()


def test_market_adjusted_has_no_estimated_mean():
    y, x, y_event, x_event = sample("market_adjusted")
    found, returns = fitted("market_adjusted")
    for e in range(E):
        days = np.isfinite(y[e]) & np.isfinite(x[0, e])
        abnormal = y[e, days] - x[0, e, days]
        np.testing.assert_allclose(found.residuals[e, days], abnormal, atol=1e-17)
        np.testing.assert_allclose(found.sigma[e], abnormal.std(ddof=1), rtol=1e-12)
    np.testing.assert_allclose(returns.abnormal, y_event - x_event[0])
    valid = ~np.isnan(returns.abnormal)
    np.testing.assert_allclose(returns.forecast_std[valid], np.repeat(found.sigma[:, None], L, axis=1)[valid])
    assert (found.alpha == 0).all()
    assert (found.betas == 1).all()


@pytest.mark.parametrize(("first", "last"), [(0, L - 1), (2, 4), (3, 3)])
@pytest.mark.parametrize("model", ["constant", "market", "factors"])
def test_car_variance_is_the_matrix_formula(model, first, last):
    y, x, y_event, x_event = sample(model)
    found, returns = fitted(model)
    car, std_error, n_days = window_car(returns, first, last)
    for e in range(E):
        days = np.isfinite(y[e]) & np.isfinite(x[:, e]).all(axis=0)
        inside = np.zeros(L, dtype=bool)
        inside[first : last + 1] = True
        after = inside & np.isfinite(y_event[e]) & np.isfinite(x_event[:, e]).all(axis=0)
        if not after.any():
            assert np.isnan(car[e])
            assert np.isnan(std_error[e])
            continue
        before, during = design(x[:, e], days), design(x_event[:, e], after)
        covariance = found.sigma[e] ** 2 * (np.eye(after.sum()) + during @ np.linalg.inv(before.T @ before) @ during.T)
        np.testing.assert_allclose(std_error[e], np.sqrt(covariance.sum()), rtol=1e-10)
        np.testing.assert_allclose(car[e], returns.abnormal[e, after].sum(), rtol=1e-12)
        assert n_days[e] == after.sum()


@settings(max_examples=25, deadline=None)
@given(
    model=st.sampled_from(("constant", "market_adjusted", "market", "factors")),
    seed=st.integers(0, 10**6),
    shift=st.floats(-0.01, 0.01),
    scale=st.floats(0.1, 50),
)
def test_laws(model, seed, shift, scale):
    y, x, y_event, x_event = sample(model, seed)
    returns = forecast(estimate(model, y, x), y_event, x_event)
    # measured in other units, everything is; a constant is no news to a model that estimates the mean
    scaled = forecast(estimate(model, scale * y, scale * x), scale * y_event, scale * x_event)
    np.testing.assert_allclose(scaled.abnormal, scale * returns.abnormal, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(scaled.forecast_std, scale * returns.forecast_std, rtol=1e-8)
    if model != "market_adjusted":
        moved = forecast(estimate(model, y + shift, x), y_event + shift, x_event)
        np.testing.assert_allclose(moved.abnormal, returns.abnormal, atol=1e-14)
    order = np.random.default_rng(seed).permutation(E)
    shuffled = forecast(estimate(model, y[order], x[:, order]), y_event[order], x_event[:, order])
    np.testing.assert_array_equal(shuffled.abnormal, returns.abnormal[order])
    np.testing.assert_array_equal(take(returns, order).sigma, shuffled.sigma)


def test_what_cannot_be_estimated_is_nan_and_says_nothing():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.01, (1, 6, T))
    y = rng.normal(0, 0.01, (6, T))
    y[0] = np.nan
    y[1, 2:] = np.nan
    y[2] = 0.0
    y[3] = 0.5 + 2.0 * x[0, 3]
    x[0, 4] = 0.02
    assert np.isnan(estimate("market", y, x).sigma).tolist() == [True] * 5 + [False]
    doubled = np.concatenate([x, 3.0 * x])
    assert np.isnan(estimate("factors", y, doubled).sigma).all()


def test_stack_undoes_take():
    _, returns = fitted("factors")
    parts = [take(returns, np.arange(3)), take(returns, np.arange(3, E))]
    np.testing.assert_array_equal(stack(parts).scores, returns.scores)
    assert stack(parts[:1]) is parts[0]


def test_unknown_model():
    with pytest.raises(UsageError, match="Model 'capm' is not known; expected one of constant"):
        parameters("capm", 1)
