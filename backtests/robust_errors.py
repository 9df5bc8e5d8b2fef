"""Covariances that allow rows to differ in variance and to depend on each other within clusters, and joint tests on them.

References
----------
Cameron, C., Gelbach, J. & Miller, D. (2011), Robust inference with multiway clustering, Journal of Business & Economic Statistics 29,
    238-249.
Hotelling, H. (1931), The generalization of Student's ratio, Annals of Mathematical Statistics 2, 360-378.
MacKinnon, J. & White, H. (1985), Some heteroskedasticity-consistent covariance matrix estimators with improved finite sample properties,
    Journal of Econometrics 29, 305-325.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Errors", "Wald", "joint_means", "sandwich", "wald_test"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Errors = Literal["ols", "HC1", "HC3", "cluster"]

_ROUNDING = 1e-10


@dataclass(frozen=True, slots=True)
class Wald:
    """A joint test.

    Attributes
    ----------
    statistic
        F; ``None`` where the restrictions cannot be tested together.
    p_value
        Of F with the two degrees of freedom.
    df, df_error
        Restrictions, and what is left of the sample (or of its clusters).
    n
        Rows used.
    """

    statistic: float | None
    p_value: float | None
    df: int
    df_error: float
    n: int


def sandwich(x: Floats, residuals: Floats, bread: Floats, errors: Errors, clusters: Sequence[Ints]) -> tuple[Floats, bool]:
    """Return the covariance of least-squares estimates, and whether negative eigenvalues were cut off.

    Parameters
    ----------
    x, residuals
        (N, K) regressors and (N,) residuals, both times the root of the weights.
    bread
        (K, K) (X'X)⁻¹.
    errors
        As for :func:`regress`.
    clusters
        One or two arrays (N,) of cluster numbers, for ``cluster``.
    """
    n, k = x.shape
    if errors == "ols":
        return bread * float(residuals @ residuals) / (n - k), False
    if errors == "cluster":
        scores = x * residuals[:, None]
        meat = sum((_cluster_meat(scores, cluster) for cluster in clusters), np.zeros((k, k)))
        if len(clusters) == 2:
            meat = meat - _cluster_meat(scores, _both(clusters))
        covariance, clipped = _positive(bread @ meat @ bread * ((n - 1.0) / (n - k)))
        return covariance, clipped
    if errors == "HC3":
        leverage = np.einsum("nk,km,nm->n", x, bread, x)
        # a row that alone determines a coefficient has no residual, whatever its error was
        alone = leverage > 1.0 - _ROUNDING
        scaled = np.where(alone, 0.0, residuals / np.where(alone, 1.0, 1.0 - leverage))
    else:
        scaled = residuals * math.sqrt(n / (n - k))
    half = (x * scaled[:, None]) @ bread
    return half.T @ half, False


def joint_means(values: Floats, group: Ints, clusters: Sequence[Ints], restriction: Literal["zero", "equal"]) -> Wald:
    """Test several means at once: every column's mean of every group zero, or every column's mean equal over the groups.

    F = (G − q)/(q (G − 1)) · m'V⁻¹m with F(q, G − q), G the smallest number of clusters: Hotelling's T² when rows are their own clusters
    and there is one group. The covariance of the means is that of their cluster sums, so that windows which overlap, and groups which
    share days, are no independent evidence.

    Parameters
    ----------
    values
        (N, W) a column a window; NaN is left out.
    group
        (N,) numbers from 0.
    clusters
        One or two arrays (N,) of cluster numbers from 0.
    restriction
        ``zero`` or ``equal``.
    """
    n_groups, width = int(group.max()) + 1, values.shape[1]
    valid = ~np.isnan(values)
    member = group[:, None] == np.arange(n_groups)
    known = (member[:, :, None] & valid[:, None, :]).reshape(len(values), -1)
    counts = known.sum(axis=0)
    kept = np.where(known, np.tile(np.nan_to_num(values), (1, n_groups)), 0.0)
    means = kept.sum(axis=0) / np.where(counts > 0, counts, np.nan)
    some = known.any(axis=1)
    n = int(some.sum())
    q = n_groups * width if restriction == "zero" else (n_groups - 1) * width
    if q == 0 or (counts < 1).any():
        return Wald(None, None, q, 0.0, n)
    scores = np.where(known, kept - means, 0.0) / counts
    sizes = [len(np.unique(cluster[some])) for cluster in clusters]
    covariance = sum((_mean_meat(scores, known, cluster) for cluster in clusters), np.zeros((len(means), len(means))))
    if len(clusters) == 2:
        covariance = covariance - _mean_meat(scores, known, _both(clusters))
        covariance, _ = _positive(covariance)
    contrast = np.eye(len(means))
    if restriction == "equal":
        contrast = np.concatenate([np.eye(width * (n_groups - 1)), -np.tile(np.eye(width), (n_groups - 1, 1))], axis=1)
    left = min(sizes) - q
    if left < 1:
        return Wald(None, None, q, float(max(left, 0)), n)
    return wald_test(contrast @ means, contrast @ covariance @ contrast.T, float(left), n, left / (min(sizes) - 1.0))


def wald_test(gap: Floats, covariance: Floats, df: float, n: int, factor: float = 1.0) -> Wald:
    """Return F = factor · gap'V⁻¹gap/q, F(q, df); null where V is singular.

    Parameters
    ----------
    gap, covariance
        (q,) what is zero under the null, and (q, q) its covariance.
    df, n
        Denominator degrees of freedom, and rows used.
    factor
        Small-sample factor.
    """
    from scipy import special

    q = len(gap)
    deviation = np.sqrt(np.diagonal(covariance))
    if not (deviation > 0).all() or not np.isfinite(gap).all():
        return Wald(None, None, q, df, n)
    scaled = covariance / np.outer(deviation, deviation)
    if np.linalg.cond(scaled) > 1.0 / _ROUNDING:
        return Wald(None, None, q, df, n)
    z = gap / deviation
    statistic = float(z @ np.linalg.solve(scaled, z)) / q * factor
    return Wald(statistic, float(special.fdtrc(q, df, statistic)), q, df, n)


def _cluster_meat(scores: Floats, cluster: Ints) -> Floats:
    """Return G/(G − 1) Σ over clusters of s s' with s the sum of a cluster's scores."""
    sums = _cluster_sums(scores, cluster)
    return sums.T @ sums * (len(sums) / (len(sums) - 1.0) if len(sums) > 1 else np.nan)


def _mean_meat(scores: Floats, known: npt.NDArray[np.bool_], cluster: Ints) -> Floats:
    """Return the same for means over different rows: each column has the factor of the clusters it has a value in."""
    held = (_cluster_sums(known.astype(np.float64), cluster) > 0).sum(axis=0).astype(np.float64)
    factor = np.sqrt(held / np.where(held > 1, held - 1.0, np.nan))
    sums = _cluster_sums(scores, cluster) * factor
    return np.asarray(sums.T @ sums)


def _cluster_sums(values: Floats, cluster: Ints) -> Floats:
    _, number = np.unique(cluster, return_inverse=True)
    sums = np.zeros((int(number.max()) + 1, values.shape[1]))
    np.add.at(sums, number, values)
    return sums


def _both(clusters: Sequence[Ints]) -> Ints:
    """Return the number of each row's pair of clusters."""
    first, second = clusters
    return np.asarray(first * (int(second.max()) + 1) + second)


def _positive(covariance: Floats) -> tuple[Floats, bool]:
    """Set negative eigenvalues to zero (Cameron, Gelbach & Miller 2011)."""
    if not np.isfinite(covariance).all():
        return covariance, False
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
    if values[0] >= -_ROUNDING * abs(values[-1]):
        return covariance, False
    return (vectors * np.maximum(values, 0.0)) @ vectors.T, True
