"""Cross-sectional regression of abnormal returns on features of the events, with robust and clustered errors, and joint tests of means.

1. :func:`design` turns features into columns: numbers as they are, booleans as 0 and 1, text as one column a level but the first;
2. :func:`regress` fits by (weighted) least squares and takes the covariance from :func:`backtests.robust_errors.sandwich`;
3. :meth:`Regression.wald` tests several coefficients at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.robust_errors import Errors, Wald, sandwich, wald_test
from research.errors import EstimationError, UsageError

__all__ = ["Regression", "design", "regress", "with_features"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ERRORS = ("ols", "HC1", "HC3", "cluster")

#: fewer clusters than this are told about
_FEW = 30

_ROUNDING = 1e-10


@dataclass(frozen=True, slots=True, repr=False)
class Regression:
    """A fitted cross-sectional regression.

    Attributes
    ----------
    coefficients
        name, estimate, std_error, statistic, p_value (two-sided, Student's t with ``df``), ci_low, ci_high (95 %).
    covariance
        (K, K) of the estimates, in the order of ``coefficients``.
    n, df
        Rows used; n − K, or the smallest number of clusters less one.
    r_squared
        Share of the (weighted) variance about the mean that is explained; ``None`` without an intercept.
    errors, clusters, n_clusters
        Kind of errors, what they are clustered by, and how many clusters each has.
    dropped
        event_id, symbol (as far as the data have them) and reason: the rows that were not used.
    notes
        Sentences on what limits the inference.
    """

    coefficients: pl.DataFrame
    covariance: Floats
    n: int
    df: float
    r_squared: float | None
    errors: str
    clusters: tuple[str, ...]
    n_clusters: tuple[int, ...]
    dropped: pl.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Say what was fitted, in a line."""
        names = ", ".join(self.coefficients["name"])
        by = f" by {' and '.join(self.clusters)}" if self.clusters else ""
        return f"Regression({names}; {self.n} rows, {self.errors} errors{by})"

    def wald(self, names: Sequence[str] | None = None, values: Sequence[float] | None = None) -> Wald:
        """Test that coefficients have given values together: F = (b − v)'V⁻¹(b − v)/q, F(q, df).

        Parameters
        ----------
        names
            Coefficients; a text feature's name stands for all its levels. Default: all but the intercept.
        values
            Their values under the null; zero by default.

        Raises
        ------
        UsageError
            For an unknown name, or another number of values than of coefficients.
        """
        held = self.coefficients["name"].to_list()
        asked = [name for name in held if name != "intercept"] if names is None else list(names)
        rows: list[int] = []
        for name in asked:
            found = [i for i, each in enumerate(held) if each == name or each.startswith(f"{name}[")]
            if not found:
                raise UsageError(f"Coefficient {name!r} is not in the regression; expected one of {', '.join(held)}.")
            rows += found
        if not rows:
            raise UsageError("No coefficient was named to test; expected at least one besides the intercept.")
        given = np.zeros(len(rows)) if values is None else np.asarray(values, dtype=np.float64)
        if len(given) != len(rows):
            raise UsageError(f"{len(given)} values came for {len(rows)} coefficients; expected one each.")
        gap = self.coefficients["estimate"].to_numpy()[rows] - given
        return wald_test(gap, self.covariance[np.ix_(rows, rows)], self.df, self.n)


def design(data: pl.DataFrame, features: Sequence[str], intercept: bool = True) -> tuple[Floats, list[str]]:
    """Return (N, K) the regressors of complete rows, and their names.

    Parameters
    ----------
    data
        Without nulls in ``features``.
    features
        Numeric, Boolean or String columns. A String column gives one regressor a level, ``feature[level]``, but for the first in order.
    intercept
        Whether a column of ones comes first.

    Raises
    ------
    UsageError
        For a column that is missing or of another type.
    """
    columns, names = ([np.ones(data.height)], ["intercept"]) if intercept else ([], [])
    for feature in features:
        if feature not in data.columns:
            raise UsageError(f"Feature {feature!r} is not there; expected one of {', '.join(data.columns)}.")
        series = data[feature]
        if series.dtype in (pl.String, pl.Categorical, pl.Enum):
            text = series.cast(pl.String)
            for level in text.unique().sort().to_list()[1:]:
                columns.append((text == level).cast(pl.Float64).to_numpy())
                names.append(f"{feature}[{level}]")
        elif series.dtype.is_numeric() or series.dtype == pl.Boolean:
            columns.append(series.cast(pl.Float64).to_numpy())
            names.append(feature)
        else:
            raise UsageError(f"Feature {feature!r} came as {series.dtype}; expected numbers, booleans or text.")
    return (np.stack(columns, axis=1) if columns else np.zeros((data.height, 0))), names


def with_features(events: pl.DataFrame, features: pl.DataFrame | None) -> pl.DataFrame:
    """Join features to the ``events`` of a study by ``event_id`` and, where they have it, ``symbol``; a feature replaces its namesake.

    Raises
    ------
    UsageError
        When the features have no ``event_id``, or several rows of one key.
    """
    if features is None:
        return events
    if "event_id" not in features.columns:
        raise UsageError(f"Features came with {', '.join(features.columns)}; expected a column event_id, and a column a feature.")
    keys = ["event_id", *(["symbol"] if "symbol" in features.columns else [])]
    doubled = features.filter(pl.struct(keys).is_duplicated())
    if doubled.height:
        raise UsageError(f"Features have {doubled.height} rows that share a key, such as {doubled.row(0, named=True)}; expected one each.")
    again = [name for name in features.columns if name in events.columns and name not in keys]
    return events.drop(again).join(features, on=keys, how="left", maintain_order="left")


def regress(
    data: pl.DataFrame,
    response: str,
    features: Sequence[str],
    *,
    errors: Errors = "HC1",
    clusters: Sequence[str] = (),
    weights: str | None = None,
    intercept: bool = True,
) -> Regression:
    """Regress ``response`` on ``features`` over the rows of ``data``.

    Abnormal returns differ in variance, so plain errors are wrong: HC1 in large samples, HC3 below about 250 rows. Events of one firm, or
    of one day, are correlated: cluster by them. Two ways of clustering are those of Cameron, Gelbach & Miller (2011), V(firm) + V(day) −
    V(firm and day). Below about thirty clusters in the smaller way the tests reject too often; below ten do not use them.

    Parameters
    ----------
    data
        One row an event. A row with a null or NaN in a column used is dropped with the reason.
    response
        Name of a Float64 column.
    features
        As for :func:`design`.
    errors
        ``ols``, ``HC1`` (White with n/(n − K)), ``HC3`` (MacKinnon & White 1985), or ``cluster`` (needs ``clusters``; taken when they are
        named).
    clusters
        One or two columns. Each way has the factor G/(G − 1) · (N − 1)/(N − K).
    weights
        Column of positive weights, inverse to the variance of the row (such as 1/car_std_error²).
    intercept
        Whether a constant is estimated.

    Raises
    ------
    UsageError
        When the arguments do not fit, or regressors are collinear.
    EstimationError
        When there are no more rows than coefficients, or one cluster.
    """
    if clusters:
        errors = "cluster"
    if errors not in _ERRORS:
        raise UsageError(f"Errors came as {errors!r}; expected one of {', '.join(_ERRORS)}.")
    if (errors == "cluster") != bool(clusters) or len(clusters) > 2:
        raise UsageError(f"{len(clusters)} clusters came with errors {errors!r}; expected one or two columns with 'cluster', else none.")
    used = [response, *features, *clusters, *([weights] if weights else [])]
    missing = [name for name in used if name not in data.columns]
    if missing:
        raise UsageError(f"Column {missing[0]!r} is not there; expected one of {', '.join(data.columns)}.")
    rows, dropped = _complete(data, list(dict.fromkeys(used)), weights)
    x, names = design(rows, features, intercept)
    n, k = x.shape
    if k == 0:
        raise UsageError("No regressor came; expected an intercept or at least one feature.")
    if n <= k:
        raise EstimationError(f"{n} complete rows came for {k} coefficients; expected more rows: leave features out, or add events.")
    scale = np.ones(n) if weights is None else np.sqrt(rows[weights].cast(pl.Float64).to_numpy())
    y = rows[response].cast(pl.Float64).to_numpy()
    _check_rank(x, names)
    xs, ys = x * scale[:, None], y * scale
    # regressors of unit length, so that units of measurement do not spoil the inverse
    length = np.sqrt(np.square(xs).sum(axis=0))
    bread = np.linalg.inv((xs / length).T @ (xs / length)) / np.outer(length, length)
    estimate = bread @ (xs.T @ ys)
    residuals = ys - xs @ estimate
    numbers = [rows[name].rank("dense").to_numpy().astype(np.int64) - 1 for name in clusters]
    covariance, clipped = sandwich(xs, residuals, bread, errors, numbers)
    # clusters that a coefficient has to itself leave sums of zero: its variance is rounding error, and not known
    ordinary = np.diagonal(bread) * max(float(residuals @ residuals) / (n - k), _ROUNDING**2 * float(ys @ ys) / n)
    unknown = ~(np.diagonal(covariance) > _ROUNDING**1.5 * ordinary) | (float(residuals @ residuals) <= _ROUNDING**2 * float(ys @ ys))
    covariance[unknown] = np.nan
    covariance[:, unknown] = np.nan
    n_clusters = tuple(int(number.max()) + 1 for number in numbers)
    df = float(min(n_clusters) - 1) if n_clusters else float(n - k)
    if df < 1:
        raise EstimationError(f"All rows are one cluster by {clusters[int(np.argmin(n_clusters))]}; expected several: cluster by another.")
    centre = np.average(y, weights=np.square(scale))
    total = float(np.square((y - centre) * scale).sum())
    notes = []
    if clipped:
        notes.append("The two-way covariance was not positive; its negative eigenvalues were set to zero.")
    if unknown.any():
        told = ", ".join(name for name, bad in zip(names, unknown, strict=True) if bad)
        notes.append(f"The errors of {told} cannot be estimated: nothing varies within or between the clusters that would tell.")
    notes += [
        f"{size} clusters by {name}: with fewer than {_FEW} the tests reject too often."
        for name, size in zip(clusters, n_clusters, strict=True)
        if size < _FEW
    ]
    return Regression(
        coefficients=_coefficients(names, estimate, covariance, df),
        covariance=covariance,
        n=n,
        df=df,
        r_squared=1.0 - float(residuals @ residuals) / total if intercept and total > 0 else None,
        errors=errors,
        clusters=tuple(clusters),
        n_clusters=n_clusters,
        dropped=dropped,
        notes=tuple(notes),
    )


def _complete(data: pl.DataFrame, used: Sequence[str], weights: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    for name in reversed(used):
        bad = pl.col(name).is_null()
        if data.schema[name].is_float():
            bad |= ~pl.col(name).is_finite()
        reason = pl.when(bad).then(pl.lit(f"no {name}")).otherwise(reason)
        if name == weights:
            reason = pl.when(pl.col(name) <= 0).then(pl.lit("weight not positive")).otherwise(reason)
    marked = data.with_columns(reason=reason)
    keys = [name for name in ("event_id", "symbol") if name in data.columns]
    dropped = marked.filter(pl.col("reason").is_not_null()).select(*keys, "reason")
    return marked.filter(pl.col("reason").is_null()).drop("reason"), dropped.sort(dropped.columns)


def _check_rank(x: Floats, names: Sequence[str]) -> None:
    length = np.sqrt(np.square(x).sum(axis=0))
    for k, name in enumerate(names):
        if not length[k] > 0:
            raise UsageError(f"Feature {name!r} is zero in every row; expected it to vary: leave it out.")
        if k:
            others = x[:, :k] / length[:k]
            rest = x[:, k] / length[k] - others @ np.linalg.lstsq(others, x[:, k] / length[k], rcond=None)[0]
            if float(np.square(rest).sum()) < _ROUNDING:
                raise UsageError(
                    f"Feature {name!r} is a combination of {', '.join(names[:k])}; expected features that differ: leave it out."
                )


def _coefficients(names: Sequence[str], estimate: Floats, covariance: Floats, df: float) -> pl.DataFrame:
    from scipy import special

    variance = np.diagonal(covariance)
    std_error = np.sqrt(np.where(variance > 0, variance, np.nan))
    statistic = estimate / std_error
    half = float(special.stdtrit(df, 0.975)) * std_error
    columns = {
        "estimate": estimate,
        "std_error": std_error,
        "statistic": statistic,
        "p_value": 2.0 * special.stdtr(df, -np.abs(statistic)),
        "ci_low": estimate - half,
        "ci_high": estimate + half,
    }
    return pl.DataFrame({"name": list(names)}).with_columns(*(pl.Series(name, values).fill_nan(None) for name, values in columns.items()))
