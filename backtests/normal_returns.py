"""Normal (expected) returns: what a security would have earned without the event, and how wrong that forecast may be.

The steps, batched over events; nothing loops over them:

1. :func:`estimate` fits one model to each event's estimation window (rows with a missing value are masked, not dropped);
2. :func:`forecast` applies it to the event window and gives :class:`AbnormalReturns`;
3. :func:`window_car` cumulates them over a sub-window with the exact variance of the cumulated forecast error.

Models, with R the security's return and F the K regressors of a session:

=================  =====================================  =========  ==============================
model              expected return                        k          regressors
=================  =====================================  =========  ==============================
constant           mean of R                              1          none
market_adjusted    the market's return                    1          the market, coefficients 0 and 1
market             alpha + beta · market                  2          the market
factors            alpha + Σ beta_j · F_j                 K + 1      the columns of a factor table
matched            the matched portfolio's return         1          the symbol an event is matched to
scholes_williams   alpha + beta · market                  2          the market, its lead and its lag
dimson             alpha + beta · market                  4          the market, its lead and its lag
garch              alpha + beta · market                  2          the market
=================  =====================================  =========  ==============================

``constant`` is also called mean-adjusted returns, or comparison-period mean. The last three are in :mod:`backtests.thin_trading` and
:mod:`backtests.garch`.

``sigma`` divides by T − k. The market-adjusted model estimates no mean, but its sigma is taken about the mean of the
estimation window, hence k = 1 (Brown & Warner 1985).

References
----------
Brown, S. & Warner, J. (1985), Using daily stock returns, Journal of Financial Economics 14, 3-31.
Campbell, J., Lo, A. & MacKinlay, A. (1997), The Econometrics of Financial Markets, chapter 4.
Patell, J. (1976), Corporate forecasts of earnings per share and stock price behavior, Journal of Accounting Research 14, 246-276.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from research.errors import UsageError

__all__ = [
    "MODELS",
    "AbnormalReturns",
    "NormalModel",
    "estimate",
    "forecast",
    "parameters",
    "stack",
    "take",
    "window_bhar",
    "window_car",
    "window_scar",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MODELS = ("constant", "market_adjusted", "market", "factors", "matched", "scholes_williams", "dimson", "garch")

#: models whose expected return is given, not estimated
_GIVEN = ("market_adjusted", "matched")

#: relative size below which a sum of squares is rounding error, not variance
_ROUNDING = 1e-10


@dataclass(frozen=True, slots=True)
class NormalModel:
    """Estimates of one model for E events over T estimation days with K regressors.

    Attributes
    ----------
    alpha
        (E,) intercept, a return.
    betas
        (E, K) loadings.
    sigma
        (E,) residual standard deviation, divisor T − k; NaN where it cannot be estimated (too few days, no variance, collinear regressors).
    df, n_obs
        (E,) residual degrees of freedom, and valid estimation days.
    mean_variance
        (E,) variance of the estimated mean in units of sigma²: 1/T, or 0 for a model without an estimated mean.
    centre
        (E, K) mean of the regressors over the valid estimation days.
    whitening
        (E, K, K) W with W W' = (X'X)⁻¹ of the centred regressors; zero where the loadings are not estimated.
    residuals
        (E, T) estimation-window residuals, NaN on missing days.
    """

    alpha: Floats
    betas: Floats
    sigma: Floats
    df: Floats
    n_obs: Ints
    mean_variance: Floats
    centre: Floats
    whitening: Floats
    residuals: Floats


@dataclass(frozen=True, slots=True)
class AbnormalReturns:
    """Realised, expected and abnormal returns of E events over L event days, with what their forecast variance needs.

    Attributes
    ----------
    realized, expected, abnormal
        (E, L) returns; NaN where the security or a regressor is missing.
    scores
        (E, L, K) whitened deviations of the day's regressors from their estimation mean: their squared sum is
        (Rm − mean)² / SSm for the market model.
    alpha, betas, sigma, df, n_obs, mean_variance, residuals
        As in :class:`NormalModel`.
    """

    realized: Floats
    expected: Floats
    abnormal: Floats
    scores: Floats
    alpha: Floats
    betas: Floats
    sigma: Floats
    df: Floats
    n_obs: Ints
    mean_variance: Floats
    residuals: Floats

    @property
    def forecast_std(self) -> Floats:
        """(E, L) sigma · √(1 + 1/T + (Rm − mean)²/SSm); NaN where the abnormal return is."""
        variance = 1.0 + self.mean_variance[:, None] + np.square(self.scores).sum(axis=2)
        return np.where(np.isnan(self.abnormal), np.nan, self.sigma[:, None] * np.sqrt(variance))


def parameters(model: str, n_regressors: int) -> int:
    """Return k, the number subtracted from T in the divisor of sigma²."""
    if model not in MODELS:
        raise UsageError(f"Model {model!r} is not known; expected one of {', '.join(MODELS)}.")
    return {"constant": 1, "market_adjusted": 1, "matched": 1, "dimson": 4}.get(model, 1 + n_regressors)


def estimate(model: str, realized: Floats, regressors: Floats) -> NormalModel:
    """Fit ``model`` to each row by least squares over its valid days.

    Parameters
    ----------
    model
        ``constant``, ``market_adjusted``, ``market``, ``factors`` or ``matched``; the others of :data:`MODELS` have modules of their own.
    realized
        (E, T) returns of the securities in their estimation windows, NaN where missing.
    regressors
        (K, E, T) regressors on the same days: K = 0 for ``constant``, 1 for the market models.

    Returns
    -------
    NormalModel
        Rows that cannot be estimated hold NaN; no error is raised for them.

    Raises
    ------
    UsageError
        For an unknown model.
    """
    k = parameters(model, len(regressors))
    valid = np.isfinite(realized)
    for regressor in regressors:
        valid &= np.isfinite(regressor)
    n_obs = valid.sum(axis=1)
    days = np.where(n_obs > 0, n_obs, np.nan).astype(np.float64)
    y, y_mean = _centred(realized, valid, days)
    pairs = [_centred(regressor, valid, days) for regressor in regressors]
    xs = [x for x, _ in pairs]
    centre = np.stack([mean for _, mean in pairs], axis=1) if pairs else np.zeros((len(realized), 0))
    if model in _GIVEN:
        betas, whitening, degenerate = np.ones_like(centre), np.zeros((*centre.shape, 1)), np.zeros(len(y), dtype=bool)
    else:
        betas, whitening, degenerate = _slopes(y, xs, centre, days)
    residuals = y.copy()
    for j, x in enumerate(xs):
        residuals -= betas[:, j, None] * x
    alpha = y_mean - (betas * centre).sum(axis=1)
    df = n_obs - float(k)
    squares = np.einsum("et,et->e", residuals, residuals)
    total = np.einsum("et,et->e", y, y) + days * np.square(y_mean)
    flat = ~(squares > _ROUNDING**2 * total) | degenerate | (df <= 0)
    sigma = np.sqrt(np.where(flat, np.nan, squares) / np.where(df > 0, df, np.nan))
    mean_variance = np.zeros(len(y)) if model in _GIVEN else 1.0 / days
    if model in _GIVEN:
        # the model's own abnormal return is R − Rm, not its deviation from the estimation mean
        residuals, alpha = residuals + alpha[:, None], np.zeros(len(y))
    if not valid.all():
        residuals = np.where(valid, residuals, np.nan)
    return NormalModel(alpha, betas, sigma, df, n_obs, mean_variance, centre, whitening, residuals)


def forecast(model: NormalModel, realized: Floats, regressors: Floats) -> AbnormalReturns:
    """Apply an estimated model to the event windows.

    Parameters
    ----------
    model
        Estimates of E events.
    realized
        (E, L) returns in the event windows, NaN where missing.
    regressors
        (K, E, L) regressors on the same days.
    """
    expected = np.repeat(model.alpha[:, None], realized.shape[1], axis=1)
    deviations = np.empty((*realized.shape, len(regressors)))
    for j, regressor in enumerate(regressors):
        expected += model.betas[:, j, None] * regressor
        deviations[:, :, j] = regressor - model.centre[:, j, None]
    abnormal = realized - expected
    scores = np.nan_to_num(np.einsum("elk,ekm->elm", deviations, model.whitening))
    same = (model.alpha, model.betas, model.sigma, model.df, model.n_obs, model.mean_variance, model.residuals)
    return AbnormalReturns(realized, expected, abnormal, scores, *same)


def over_window(model: NormalModel, regressors: Floats) -> NormalModel:
    """Return ``model`` with the regressors' mean and sum of squares over all their days, also those without a return of the security.

    A convention of other programs; by the papers the forecast error knows only the days of the regression. For one regressor or none.

    Parameters
    ----------
    model
        Estimates of E events.
    regressors
        (K, E, T) of :func:`estimate`.
    """
    if model.centre.shape[1] != 1 or not model.whitening.any():
        return model
    (market,) = regressors
    centre = np.nanmean(market, axis=1)
    squares = np.nansum(np.square(market - centre[:, None]), axis=1)
    return replace(model, centre=centre[:, None], whitening=(1.0 / np.sqrt(squares))[:, None, None])


def window_car(returns: AbnormalReturns, first: int, last: int) -> tuple[Floats, Floats, Ints]:
    """Cumulate abnormal returns over columns ``first`` .. ``last`` (both included) of the event window.

    Returns
    -------
    car
        (E,) sum over the valid days; NaN when there is none.
    std_error
        (E,) its exact forecast standard deviation, sigma · √(L + L²/T + (Σ(Rm − mean))²/SSm) over the L valid days,
        the square root of sigma² (L + ι'X*(X'X)⁻¹X*'ι) (Campbell, Lo & MacKinlay 1997, eq. 4.4.9).
    n_days
        (E,) L.
    """
    abnormal = returns.abnormal[:, first : last + 1]
    valid = ~np.isnan(abnormal)
    n_days = valid.sum(axis=1)
    length = np.where(n_days > 0, n_days, np.nan).astype(np.float64)
    car = np.where(n_days > 0, np.where(valid, abnormal, 0.0).sum(axis=1), np.nan)
    score = np.where(valid[:, :, None], returns.scores[:, first : last + 1], 0.0).sum(axis=1)
    variance = length + np.square(length) * returns.mean_variance + np.square(score).sum(axis=1)
    return car, returns.sigma * np.sqrt(variance), n_days


def window_scar(returns: AbnormalReturns, first: int, last: int, forecast_error: bool) -> Floats:
    """Return (E,) the sum of the days' standardised abnormal returns over √L; NaN where there is none.

    The days' estimation error is common to them, which this leaves out: CAR over the ``std_error`` of :func:`window_car` is exact.

    Parameters
    ----------
    returns
        Of E events.
    first, last
        Columns of the event window, both included.
    forecast_error
        Whether a day is divided by its forecast standard deviation; else by sigma.
    """
    abnormal = returns.abnormal[:, first : last + 1]
    scaled = abnormal / (returns.forecast_std[:, first : last + 1] if forecast_error else returns.sigma[:, None])
    valid = ~np.isnan(scaled)
    n_days = valid.sum(axis=1)
    return np.asarray(np.where(valid, scaled, 0.0).sum(axis=1) / np.sqrt(np.where(n_days > 0, n_days, np.nan)))


def window_bhar(returns: AbnormalReturns, first: int, last: int, log: bool) -> Floats:
    """Return (E,) buy-and-hold abnormal returns: Π(1 + R) − Π(1 + E[R]) over the valid days; NaN where there is none.

    Parameters
    ----------
    returns
        Of E events.
    first, last
        Columns of the event window, both included.
    log
        Whether returns are log returns, which compound by their sum.
    """
    known = ~np.isnan(returns.abnormal[:, first : last + 1])
    held, normal = (np.where(known, values[:, first : last + 1], 0.0) for values in (returns.realized, returns.expected))
    compounded = np.exp(held.sum(axis=1)) - np.exp(normal.sum(axis=1)) if log else (1.0 + held).prod(axis=1) - (1.0 + normal).prod(axis=1)
    return np.where(known.any(axis=1), compounded, np.nan)


def empty_like(part: AbnormalReturns, n_events: int) -> AbnormalReturns:
    """Return room for ``n_events`` events of the shape of ``part``, to be filled by :func:`place`."""
    values = (getattr(part, field.name) for field in fields(part))
    return AbnormalReturns(*(np.empty((n_events, *value.shape[1:]), dtype=value.dtype) for value in values))


def place(room: AbnormalReturns, start: int, part: AbnormalReturns) -> None:
    """Write the events of ``part`` into ``room`` from row ``start`` on."""
    for field in fields(room):
        values = getattr(part, field.name)
        getattr(room, field.name)[start : start + len(values)] = values


def take(returns: AbnormalReturns, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> AbnormalReturns:
    """Return the events at ``rows`` (positions or a mask)."""
    return AbnormalReturns(*(getattr(returns, field.name)[rows] for field in fields(returns)))


def stack(parts: Sequence[AbnormalReturns]) -> AbnormalReturns:
    """Return the events of all ``parts``, in order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    return AbnormalReturns(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(parts[0])))


def _centred(values: Floats, valid: npt.NDArray[np.bool_], days: Floats) -> tuple[Floats, Floats]:
    """Return ``values`` less their mean over the valid days (0 on the others), and that mean."""
    if valid.all():
        mean = values.mean(axis=1)
        return values - mean[:, None], mean
    kept = np.where(valid, values, 0.0)
    mean = kept.sum(axis=1) / days
    return np.where(valid, kept - mean[:, None], 0.0), mean


def _slopes(y: Floats, xs: list[Floats], centre: Floats, days: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return loadings, whitening and where the regressors do not identify them."""
    n_events, k = centre.shape
    if k == 0:
        return np.zeros((n_events, 0)), np.zeros((n_events, 0, 0)), np.zeros(n_events, dtype=bool)
    gram = np.empty((n_events, k, k))
    cross = np.empty((n_events, k))
    for i, x in enumerate(xs):
        cross[:, i] = np.einsum("et,et->e", x, y)
        for j in range(i + 1):
            gram[:, i, j] = gram[:, j, i] = np.einsum("et,et->e", x, xs[j])
    squares = np.diagonal(gram, axis1=1, axis2=2)
    flat = ~(squares > _ROUNDING**2 * days[:, None] * np.square(centre)) | (squares == 0)
    scale = np.where(flat, np.nan, np.sqrt(np.where(flat, 1.0, squares)))
    if k == 1:
        whitening = (1.0 / scale)[:, :, None]
        degenerate = flat[:, 0]
    else:
        # correlations, not covariances: the threshold for collinearity must not depend on the factors' units
        correlation = gram / (scale[:, :, None] * scale[:, None, :])
        degenerate = ~np.isfinite(correlation).all(axis=(1, 2))
        correlation[degenerate] = np.eye(k)
        roots, vectors = np.linalg.eigh(correlation)
        degenerate |= roots[:, 0] <= _ROUNDING
        roots = np.where(degenerate[:, None], np.nan, roots)
        whitening = vectors / np.sqrt(roots)[:, None, :] / scale[:, :, None]
    betas = np.einsum("ekm,elm,el->ek", whitening, whitening, cross)
    return betas, whitening, degenerate
