"""Normal (expected) returns: what a security would have earned without the event, and how wrong that forecast may be.

The steps, batched over events; nothing loops over them:

1. :func:`estimate` fits one model to each event's estimation window (rows with a missing value are masked, not dropped);
2. :func:`forecast` applies it to the event window and gives :class:`AbnormalReturns`;
3. :func:`~backtests.window_returns.window_car` cumulates them over a sub-window with the exact variance of the cumulated forecast error.

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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from backtests.residuals import Residuals
from research.errors import UsageError

__all__ = [
    "MODELS",
    "AbnormalReturns",
    "NormalModel",
    "empty_like",
    "estimate",
    "forecast",
    "over_window",
    "parameters",
    "place",
    "stack",
    "take",
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
    alpha, betas, sigma, df, n_obs, mean_variance
        As in :class:`NormalModel`.
    estimated
        (E, T) estimation-window residuals, read some events at a time.
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
    estimated: Residuals

    @property
    def residuals(self) -> Floats:
        """(E, T) estimation-window residuals, NaN on missing days; made when it is read."""
        return self.estimated[:]

    @property
    def forecast_std(self) -> Floats:
        """(E, L) sigma · √(1 + 1/T + (Rm − mean)²/SSm); NaN where the abnormal return is."""
        found = np.square(self.scores).sum(axis=2)
        found += 1.0 + self.mean_variance[:, None]
        np.sqrt(found, out=found)
        found *= self.sigma[:, None]
        found[np.isnan(self.abnormal)] = np.nan
        return np.asarray(found)


def parameters(model: str, n_regressors: int) -> int:
    """Return k, the number subtracted from T in the divisor of sigma²."""
    if model not in MODELS:
        raise UsageError(f"Model {model!r} is not known; expected one of {', '.join(MODELS)}.")
    return {"constant": 1, "market_adjusted": 1, "matched": 1, "dimson": 4}.get(model, 1 + n_regressors)


def estimate(model: str, realized: Floats, regressors: Sequence[Floats] | Floats) -> NormalModel:
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
    # a missing day shows in the sum; few events have one, and only they need masks
    sums = [values.sum(axis=1) for values in (realized, *regressors)]
    whole = np.isfinite(sum(sums))
    if whole.all():
        return _estimate(model, k, realized, regressors, sums)
    valid = np.isfinite(realized)
    for regressor in regressors:
        valid &= np.isfinite(regressor)
    if not whole.any():
        return _estimate(model, k, realized, regressors, valid)
    complete, broken = np.flatnonzero(whole), np.flatnonzero(~whole)
    parts = (
        _estimate(model, k, realized[complete], [x[complete] for x in regressors], [values[complete] for values in sums]),
        _estimate(model, k, realized[broken], [x[broken] for x in regressors], valid[broken]),
    )
    room = [np.empty((len(realized), *values.shape[1:]), dtype=values.dtype) for values in _values(parts[0])]
    for at, part in zip((complete, broken), parts, strict=True):
        for held, values in zip(room, _values(part), strict=True):
            held[at] = values
    return NormalModel(*room)


def forecast(model: NormalModel, realized: Floats, regressors: Sequence[Floats] | Floats) -> AbnormalReturns:
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
    scores = deviations * model.whitening if len(regressors) == 1 else np.einsum("elk,ekm->elm", deviations, model.whitening)
    if np.isnan(scores.sum()):
        scores = np.nan_to_num(scores, copy=False)
    same = (model.alpha, model.betas, model.sigma, model.df, model.n_obs, model.mean_variance, Residuals.of(model.residuals))
    return AbnormalReturns(realized, expected, realized - expected, scores, *same)


def over_window(model: NormalModel, regressors: Sequence[Floats] | Floats) -> NormalModel:
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


def empty_like(part: AbnormalReturns, n_events: int) -> AbnormalReturns:
    """Return room for ``n_events`` events of the shape of ``part``, for :func:`place`; residuals are not its own.

    One day of all events is contiguous, as sums over windows and events need it.
    """
    return _of(part.estimated, lambda name: np.empty((*_array(part, name).shape[:0:-1], n_events), dtype=_array(part, name).dtype).T)


def place(room: AbnormalReturns, rows: slice | npt.NDArray[np.intp], part: AbnormalReturns) -> None:
    """Write the events of ``part`` into ``rows`` of ``room``, which keeps its own residuals."""
    for name in _ARRAYS:
        _array(room, name)[rows] = _array(part, name)


def take(returns: AbnormalReturns, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> AbnormalReturns:
    """Return the events at ``rows`` (positions or a mask)."""
    at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    return _of(returns.estimated.take(at), lambda name: np.take(_array(returns, name).T, at, axis=-1).T)


def stack(parts: Sequence[AbnormalReturns]) -> AbnormalReturns:
    """Return the events of all ``parts``, in order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    residuals = Residuals.stack([part.estimated for part in parts])
    return _of(residuals, lambda name: np.concatenate([_array(part, name).T for part in parts], axis=-1).T)


def _of(estimated: Residuals, array: Callable[[str], npt.NDArray[Any]]) -> AbnormalReturns:
    return AbnormalReturns(**{name: array(name) for name in _ARRAYS}, estimated=estimated)


def _array(returns: AbnormalReturns, name: str) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = getattr(returns, name)
    return values


#: the fields of AbnormalReturns that are arrays
_ARRAYS = tuple(field.name for field in fields(AbnormalReturns) if field.name != "estimated")


def _values(model: NormalModel) -> list[npt.NDArray[Any]]:
    return [getattr(model, field.name) for field in fields(model)]


def _estimate(
    model: str, k: int, realized: Floats, regressors: Sequence[Floats] | Floats, days: list[Floats] | npt.NDArray[np.bool_]
) -> NormalModel:
    """Fit rows of which all days count (``days`` are then the sums of returns and regressors), or those that ``days`` marks."""
    if isinstance(days, list):
        n_obs = np.full(len(realized), realized.shape[1])
        means = [total / realized.shape[1] for total in days]
        y, *xs = (values - mean[:, None] for values, mean in zip((realized, *regressors), means, strict=True))
    else:
        n_obs = days.sum(axis=1)
        pairs = [_centred(values, days, np.where(n_obs > 0, n_obs, np.nan)) for values in (realized, *regressors)]
        (y, *xs), means = [values for values, _ in pairs], [mean for _, mean in pairs]
    n = np.where(n_obs > 0, n_obs, np.nan).astype(np.float64)
    y_mean, centre = means[0], np.stack(means[1:], axis=1) if xs else np.zeros((len(realized), 0))
    if model in _GIVEN:
        betas, whitening, degenerate = np.ones_like(centre), np.zeros((*centre.shape, 1)), np.zeros(len(y), dtype=bool)
        explained = np.vecdot(y, y)
    else:
        betas, whitening, degenerate, cross = _slopes(y, xs, centre, n)
        explained = (betas * cross).sum(axis=1)
    alpha = y_mean - (betas * centre).sum(axis=1)
    df = n_obs - float(k)
    residuals = y
    for j, x in enumerate(xs):
        x *= betas[:, j, None]
        residuals -= x
    squares = np.vecdot(residuals, residuals)
    total = squares + np.abs(explained) + n * np.square(y_mean)
    flat = ~(squares > _ROUNDING**2 * total) | degenerate | (df <= 0)
    sigma = np.sqrt(np.where(flat, np.nan, squares) / np.where(df > 0, df, np.nan))
    mean_variance = np.zeros(len(y)) if model in _GIVEN else 1.0 / n
    if model in _GIVEN:
        # the model's own abnormal return is R − Rm, not its deviation from the estimation mean
        residuals += alpha[:, None]
        alpha = np.zeros(len(y))
    if not isinstance(days, list):
        residuals[~days] = np.nan
    return NormalModel(alpha, betas, sigma, df, n_obs, mean_variance, centre, whitening, residuals)


def _centred(values: Floats, valid: npt.NDArray[np.bool_], days: Floats) -> tuple[Floats, Floats]:
    """Return ``values`` less their mean over the valid days, 0 on the others, and that mean."""
    kept = np.where(valid, values, 0.0)
    mean = kept.sum(axis=1) / days
    return np.where(valid, kept - mean[:, None], 0.0), mean


def _slopes(y: Floats, xs: list[Floats], centre: Floats, days: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_], Floats]:
    """Return loadings, whitening, where the regressors do not identify them, and the regressors' products with ``y``."""
    n_events, k = centre.shape
    if k == 0:
        return np.zeros((n_events, 0)), np.zeros((n_events, 0, 0)), np.zeros(n_events, dtype=bool), np.zeros((n_events, 0))
    gram = np.empty((n_events, k, k))
    cross = np.empty((n_events, k))
    for i, x in enumerate(xs):
        cross[:, i] = np.vecdot(x, y)
        for j in range(i + 1):
            gram[:, i, j] = gram[:, j, i] = np.vecdot(x, xs[j])
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
    return betas, whitening, degenerate, cross
