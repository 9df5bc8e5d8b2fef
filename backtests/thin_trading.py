"""Betas of securities that trade thinly, whose prices lag the market or are quoted late.

References
----------
Dimson, E. (1979), Risk measurement when shares are subject to infrequent trading, Journal of Financial Economics 7, 197-226.
Maynes, E. & Rumsey, J. (1993), Conducting event studies with thinly traded stocks, Journal of Banking and Finance 17, 145-157.
Scholes, M. & Williams, J. (1977), Estimating betas from nonsynchronous data, Journal of Financial Economics 5, 309-327.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backtests.normal_returns import NormalModel, estimate

__all__ = ["across_gaps", "dimson", "leads_and_lags", "scholes_williams"]

Floats = npt.NDArray[np.float64]


def leads_and_lags(market: Floats) -> Floats:
    """Return (3, S): the market's return of the session before, of the session and of the session after; NaN at the ends."""
    return np.stack([np.r_[np.nan, market[:-1]], market, np.r_[market[1:], np.nan]])


def scholes_williams(realized: Floats, regressors: Floats) -> NormalModel:
    """Market model with the beta of Scholes & Williams (1977): (β₋₁ + β₀ + β₊₁) / (1 + 2ρ).

    β of a lead or lag is the slope of a regression on that return alone, ρ the market's first-order autocorrelation, and alpha is
    ȳ − β x̄, all over the event's valid days. sigma is that of R − alpha − β Rm, with divisor T − 2. Consistent when trading is
    non-synchronous by less than a session; noisier than least squares where it is not needed.

    Parameters
    ----------
    realized
        (E, T) returns, NaN where missing.
    regressors
        (3, E, T) from :func:`leads_and_lags`.
    """
    valid = np.isfinite(realized) & np.isfinite(regressors).all(axis=0)
    kept = np.where(valid, realized, np.nan)
    slopes = [estimate("market", kept, regressor[None]).betas[:, 0] for regressor in regressors]
    plain = estimate("market", kept, regressors[1:2])
    lag, same = (_deviations(regressor, valid) for regressor in regressors[:2])
    rho = (lag * same).sum(axis=1) / np.sqrt(np.square(lag).sum(axis=1) * np.square(same).sum(axis=1))
    return _with_beta(plain, kept, regressors[1], sum(slopes) / (1.0 + 2.0 * rho), 2)


def dimson(realized: Floats, regressors: Floats) -> NormalModel:
    """Market model with the beta of Dimson (1979): the sum of the slopes on lag, same day and lead in one regression.

    alpha is ȳ − β x̄; sigma is that of R − alpha − β Rm, with divisor T − 4. For thin trading; the sum's sampling error is about √3 times
    that of least squares.

    Parameters
    ----------
    realized, regressors
        As for :func:`scholes_williams`.
    """
    joint = estimate("factors", realized, regressors)
    valid = np.isfinite(realized) & np.isfinite(regressors).all(axis=0)
    kept = np.where(valid, realized, np.nan)
    return _with_beta(estimate("market", kept, regressors[1:2]), kept, regressors[1], joint.betas.sum(axis=1), 4)


def across_gaps(realized: Floats, market: Floats, log: bool) -> Floats:
    """Return the market's return over the sessions each return of a security spans, (symbols, S): trade to trade (Maynes & Rumsey 1993).

    A security that did not trade since session p has on session t the return of p to t, and the market its own compounded over p + 1 to t
    (summed, for log returns). The first return of a security spans one session. NaN where the security or any spanned session has none.

    Parameters
    ----------
    realized
        (symbols, S) returns, NaN where a security did not trade.
    market
        (S,) the market's return.
    log
        Whether returns are log returns.
    """
    known = np.isfinite(realized)
    place = np.where(known, np.arange(realized.shape[1]), -1)
    before = np.maximum.accumulate(np.c_[np.full(len(realized), -1), place[:, :-1]], axis=1)
    before = np.where(before < 0, np.arange(realized.shape[1]) - 1, before)
    growth = market if log else np.log1p(market)
    missing = np.r_[0, np.cumsum(~np.isfinite(growth))]
    total = np.r_[0.0, np.cumsum(np.nan_to_num(growth))]
    ends = np.arange(1, realized.shape[1] + 1)
    spanned = total[ends] - total[before + 1]
    spanned = np.where(missing[ends] == missing[before + 1], spanned, np.nan)
    return np.where(known, spanned if log else np.expm1(spanned), np.nan)


def _deviations(values: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
    kept = np.where(valid, values, 0.0)
    mean = kept.sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
    return np.where(valid, kept - mean[:, None], 0.0)


def _with_beta(plain: NormalModel, realized: Floats, market: Floats, beta: Floats, k: int) -> NormalModel:
    """Return the market model with another beta, the line drawn through the means."""
    alpha = plain.alpha + (plain.betas[:, 0] - beta) * plain.centre[:, 0]
    residuals = realized - alpha[:, None] - beta[:, None] * market
    df = np.asarray(plain.n_obs - float(k), dtype=np.float64)
    squares = np.nansum(np.square(residuals), axis=1)
    sigma = np.where(np.isfinite(plain.sigma) & (df > 0), np.sqrt(squares / np.where(df > 0, df, np.nan)), np.nan)
    same = (plain.n_obs, plain.mean_variance, plain.centre, plain.whitening)
    return NormalModel(alpha, beta[:, None], sigma, df, *same, residuals)
