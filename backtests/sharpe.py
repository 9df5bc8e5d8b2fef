"""How sure a Sharpe ratio is, and what is left of it after the search that found it.

Every ratio here is of one period (not a year): mean over standard deviation (n − 1) of the returns, the risk-free rate taken as zero.
Returns are taken to be independent; of correlated ones see the error of :func:`backtests.metrics.performance`.

References
----------
Bailey, D. H. and López de Prado, M. (2012). The Sharpe ratio efficient frontier. Journal of Risk 15(2), 3-44.
Bailey, D. H. and López de Prado, M. (2014). The deflated Sharpe ratio: correcting for selection bias, backtest overfitting, and
    non-normality. Journal of Portfolio Management 40(5), 94-107.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from research.errors import UsageError

__all__ = ["SharpeRatio", "deflated_sharpe", "expected_maximum_sharpe", "minimum_track_record", "probabilistic_sharpe", "sharpe_ratio"]


@dataclass(frozen=True, slots=True)
class SharpeRatio:
    r"""A Sharpe ratio of one period and what its distribution depends on.

    Attributes
    ----------
    value
        Mean over standard deviation; ``None`` for fewer than three returns or without spread.
    n
        Returns.
    skewness, kurtosis
        Third and fourth standardised moments (the fourth of a normal distribution is 3).
    std_error
        :math:`\sqrt{(1 - \gamma_3 SR + \frac{\gamma_4 - 1}{4} SR^2) / (n - 1)}`; ``None`` where that is not positive.
    """

    value: float | None
    n: int
    skewness: float | None
    kurtosis: float | None
    std_error: float | None


def sharpe_ratio(returns: ArrayLike) -> SharpeRatio:
    """Return the Sharpe ratio of one period of ``returns`` (fractions; NaN ones are left out).

    >>> ratio = sharpe_ratio([0.01, -0.01, 0.02, 0.00])
    >>> round(ratio.value, 4), ratio.n
    (0.3873, 4)
    """
    x = np.asarray(returns, dtype=float)
    x = x[np.isfinite(x)]
    n = int(x.size)
    if n < 3:
        return SharpeRatio(None, n, None, None, None)
    deviation = x - x.mean()
    variance = float(deviation @ deviation) / n
    if variance <= (1e-14 * max(1.0, float(np.abs(x).max()))) ** 2:
        return SharpeRatio(None, n, None, None, None)
    ratio = float(x.mean()) / math.sqrt(variance * n / (n - 1))
    standard = deviation / math.sqrt(variance)
    skewness, kurtosis = float((standard**3).mean()), float((standard**4).mean())
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    return SharpeRatio(ratio, n, skewness, kurtosis, math.sqrt(spread / (n - 1)) if spread > 0 else None)


def probabilistic_sharpe(ratio: SharpeRatio, benchmark: float = 0.0) -> float | None:
    r"""Return the probability that the true Sharpe ratio exceeds ``benchmark`` (of one period): :math:`\Phi((SR - SR^*) / se)`.

    ``None`` where the ratio has no error.
    """
    from scipy.special import ndtr

    if ratio.value is None or ratio.std_error is None:
        return None
    return float(ndtr((ratio.value - benchmark) / ratio.std_error))


def minimum_track_record(ratio: SharpeRatio, benchmark: float = 0.0, confidence: float = 0.95) -> float | None:
    r"""Return the number of periods after which the same ratio would exceed ``benchmark`` with ``confidence``.

    :math:`1 + (1 - \gamma_3 SR + \frac{\gamma_4 - 1}{4} SR^2) (z / (SR - SR^*))^2`; ``None`` where the ratio is not above the benchmark:
    no track record is long enough.
    """
    from scipy.special import ndtri

    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence came as {confidence:g}; expected at least 0.5 and below 1.")
    if ratio.value is None or ratio.std_error is None or ratio.value <= benchmark:
        return None
    return float(1 + ratio.std_error**2 * (ratio.n - 1) * (ndtri(confidence) / (ratio.value - benchmark)) ** 2)


def expected_maximum_sharpe(n_trials: float, spread: float) -> float:
    r"""Return the Sharpe ratio the best of ``n_trials`` is expected to have when none of them has any skill.

    :math:`\sigma \big((1 - \gamma) \Phi^{-1}(1 - \tfrac{1}{N}) + \gamma \Phi^{-1}(1 - \tfrac{1}{N e})\big)` with Euler's γ.

    Parameters
    ----------
    n_trials
        Independent trials, at least 1; may be fractional (:func:`backtests.trials.effective_trials`). Of one trial it is zero.
    spread
        Standard deviation of the Sharpe ratios over the trials, of one period.
    """
    from scipy.special import ndtri

    if not (math.isfinite(n_trials) and n_trials >= 1 and math.isfinite(spread) and spread >= 0):
        raise UsageError(f"n_trials came as {n_trials:g} and spread as {spread:g}; expected at least 1 trial and a spread of 0 or more.")
    if n_trials == 1:
        return 0.0
    # below about 1.05 trials the approximation is negative; the best of several is never expected below one of them
    quantiles = (1 - np.euler_gamma) * ndtri(1 - 1 / n_trials) + np.euler_gamma * ndtri(1 - 1 / (n_trials * math.e))
    return max(0.0, spread * float(quantiles))


def deflated_sharpe(ratio: SharpeRatio, n_trials: float, spread: float) -> float | None:
    """Return the probability that the true Sharpe ratio is above zero, given that it is the best of ``n_trials``.

    :func:`probabilistic_sharpe` against :func:`expected_maximum_sharpe`; of one trial it is the probabilistic Sharpe ratio itself.
    """
    return probabilistic_sharpe(ratio, expected_maximum_sharpe(n_trials, spread))
