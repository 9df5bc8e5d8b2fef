"""Market model whose residuals follow a GARCH(1,1), by quasi maximum likelihood; needs the package ``arch``.

References
----------
Bollerslev, T. (1986), Generalized autoregressive conditional heteroskedasticity, Journal of Econometrics 31, 307-327.
Corhay, A. & Tourani Rad, A. (1996), Conditional heteroskedasticity adjusted market model and an event study, Quarterly Review of Economics
    and Finance 36, 529-538.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
import numpy.typing as npt

from backtests.normal_returns import NormalModel, estimate
from research.errors import UsageError

__all__ = ["GarchFit", "garch_fit", "garch_market"]

Floats = npt.NDArray[np.float64]

#: returns are fitted in percent, where the optimiser's tolerances fit them
_SCALE = 100.0


@dataclass(frozen=True, slots=True)
class GarchFit:
    """R = alpha + beta Rm + ε with ε² expected to be h(t) = omega + arch · ε²(t−1) + garch · h(t−1), of one event.

    Attributes
    ----------
    alpha, beta
        Of returns as fractions.
    omega
        In squared fractions.
    arch, garch
        Weights of the last squared shock and of the last variance.
    converged
        Whether the optimiser came to an end; where not, :func:`garch_market` keeps the line of least squares.
    inside
        Whether the variance is inside its boundary: arch and garch above 1e-6, their sum below one.
    log_likelihood
        Of returns in percent.
    last_std
        Conditional standard deviation of the last estimation day, a fraction.
    n_obs
        Days fitted.
    """

    alpha: float
    beta: float
    omega: float
    arch: float
    garch: float
    converged: bool
    inside: bool
    log_likelihood: float
    last_std: float
    n_obs: int


def garch_fit(realized: Floats, market: Floats) -> GarchFit:
    """Fit one series of returns to the market, days with a missing value left out.

    Parameters
    ----------
    realized, market
        (T,) returns.

    Raises
    ------
    UsageError
        When ``arch`` is not installed.
    """
    try:
        arch_model = import_module("arch").arch_model
    except ImportError as error:
        raise UsageError(
            "Model 'garch' came, and the package arch is not installed: pip install arch, or choose model='market'."
        ) from error
    import warnings

    kept = np.isfinite(realized) & np.isfinite(market)
    with warnings.catch_warnings():
        # a fit that does not converge is reported in the result
        warnings.simplefilter("ignore")
        fitted = arch_model(_SCALE * realized[kept], x=_SCALE * market[kept][:, None], mean="LS", vol="GARCH", p=1, q=1, rescale=False).fit(
            disp="off", show_warning=False
        )
    const, beta, omega, arch, garch = (float(value) for value in np.asarray(fitted.params))
    inside = omega > 0 and min(arch, garch) > 1e-6 and arch + garch < 1.0 - 1e-6
    last = float(np.asarray(fitted.conditional_volatility)[-1]) / _SCALE
    told = (fitted.convergence_flag == 0, inside, float(fitted.loglikelihood), last, int(kept.sum()))
    return GarchFit(const / _SCALE, beta, omega / _SCALE**2, arch, garch, *told)


def garch_market(realized: Floats, regressors: Floats) -> NormalModel:
    """Return the market model with alpha and beta by GARCH(1,1) quasi maximum likelihood, an event at a time.

    sigma is the unconditional standard deviation of the residuals, divisor T − 2: the tests judge an event against its usual
    volatility. An event whose fit does not converge keeps the least-squares line. About ten events a second.

    Parameters
    ----------
    realized
        (E, T) returns, NaN where missing.
    regressors
        (1, E, T) the market.
    """
    plain = estimate("market", realized, regressors)
    alpha, beta = plain.alpha.copy(), plain.betas.copy()
    for event in np.flatnonzero(np.isfinite(plain.sigma)):
        fitted = garch_fit(realized[event], regressors[0, event])
        if fitted.converged:
            alpha[event], beta[event, 0] = fitted.alpha, fitted.beta
    residuals = np.where(np.isnan(plain.residuals), np.nan, realized - alpha[:, None] - beta * regressors[0])
    squares = np.nansum(np.square(residuals), axis=1)
    sigma = np.where(np.isfinite(plain.sigma), np.sqrt(squares / np.where(plain.df > 0, plain.df, np.nan)), np.nan)
    return replace(plain, alpha=alpha, betas=beta, sigma=sigma, residuals=residuals)
