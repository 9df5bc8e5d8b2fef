"""Long horizons, to 36 months and more: buy-and-hold abnormal returns on monthly data, and calendar-time portfolios.

1. :func:`monthly_returns` compounds daily returns by calendar month.
2. :func:`buy_and_hold` holds each event firm and its reference from the month after the event; :meth:`LongHorizon.tests` tests the mean.
3. :func:`calendar_alpha` holds all firms with an event in the last H months and regresses the portfolio on factors, HAC errors.

A BHAR is skewed to the right, and the BHARs of firms whose holding periods overlap move together: both make Student's t reject too often
(Barber & Lyon 1997; Mitchell & Stafford 2000). The first is met by the bootstrapped skewness-adjusted t, the second by
:meth:`LongHorizon.tests` ``dependence_adjusted`` and, best, by :func:`calendar_alpha`.

References
----------
Barber, B. & Lyon, J. (1997), Detecting long-run abnormal stock returns, Journal of Financial Economics 43, 341-372.
Fama, E. (1998), Market efficiency, long-term returns, and behavioral finance, Journal of Financial Economics 49, 283-306.
Lyon, J., Barber, B. & Tsai, C. (1999), Improved methods for tests of long-run abnormal stock returns, Journal of Finance 54, 165-201.
Mitchell, M. & Stafford, E. (2000), Managerial decisions and long-term stock price performance, Journal of Business 73, 287-329.
Newey, W. & West, K. (1987), A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix,
    Econometrica 55, 703-708.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.bootstrap_tests import skewness_bootstrap
from backtests.event_tests import skewness_adjusted
from backtests.event_windows import require
from backtests.outcomes import Outcome, mean_test, normal
from research.errors import EstimationError, SchemaError, UsageError

__all__ = ["CalendarAlpha", "LongHorizon", "buy_and_hold", "calendar_alpha", "monthly_returns"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DRAWS = 1999


@dataclass(frozen=True, slots=True, repr=False)
class LongHorizon:
    """Buy-and-hold abnormal returns of events.

    Attributes
    ----------
    events
        event_id, symbol, group, month (the event's; the first of it), months_held (with a return of its own), and for each horizon h:
        held_h, reference_h (compounded returns, fraction) and bhar_h, their difference; null where the data end before the horizon.
    horizons
        Months.
    seed
        Of the bootstrap.
    dropped
        event_id, symbol, reason.
    """

    events: pl.DataFrame
    horizons: tuple[int, ...]
    seed: int
    dropped: pl.DataFrame

    def __repr__(self) -> str:
        """Say what was held, in a line."""
        return f"LongHorizon({self.events.height} events, {self.dropped.height} dropped, {', '.join(map(str, self.horizons))} months)"

    def tests(self, draws: int = _DRAWS) -> pl.DataFrame:
        """Test the mean BHAR of each group and horizon.

        ``t``: mean / (s/√N), t(N − 1). ``skewness_adjusted``: Hall's. ``skewness_bootstrap``: Johnson's t with bootstrapped tails (Lyon,
        Barber & Tsai 1999). ``dependence_adjusted``: t over √(1 + 2 Σ over pairs ρ/N), a pair whose holding periods share m of h months
        correlating by ρ m/h (Mitchell & Stafford 2000); ρ is the correlation of BHARs of one month, at least zero; null with fewer than
        thirty pairs of one month. The first three count events as independent.

        Returns
        -------
        DataFrame
            group, months, test, mean_bhar, median_bhar, wealth_relative (mean of 1 + held over mean of 1 + reference), statistic, p_value,
            p_greater, df, n_events.
        """
        rows = []
        for group in self.events["group"].unique().sort():
            own = self.events.filter(pl.col("group") == group)
            for h in self.horizons:
                known = own.drop_nulls(f"bhar_{h}")
                bhar = known[f"bhar_{h}"].to_numpy()
                month = known["month"].dt.year().to_numpy().astype(np.int64) * 12 + known["month"].dt.month().to_numpy()
                found = {
                    "t": mean_test(bhar),
                    "skewness_adjusted": skewness_adjusted(bhar),
                    "skewness_bootstrap": skewness_bootstrap(bhar, draws, self.seed),
                    "dependence_adjusted": _dependence_adjusted(bhar, month, h),
                }
                mean, median = (float(f(bhar)) if len(bhar) else None for f in (np.mean, np.median))
                wealth = (
                    (1.0 + known[f"held_{h}"].to_numpy()).mean() / (1.0 + known[f"reference_{h}"].to_numpy()).mean() if len(bhar) else None
                )
                for name, o in found.items():
                    rows.append((group, h, name, mean, median, wealth, o.statistic, o.p_value, o.one_sided()[0], o.df, o.n_events))
        floats = ("mean_bhar", "median_bhar", "wealth_relative", "statistic", "p_value", "p_greater", "df")
        schema = {"group": pl.String, "months": pl.Int32, "test": pl.String, **dict.fromkeys(floats, pl.Float64), "n_events": pl.Int32}
        return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(frozen=True, slots=True)
class CalendarAlpha:
    """Alpha of a calendar-time portfolio.

    Attributes
    ----------
    alpha, std_error, statistic, p_value
        Monthly return, its Newey-West standard error, t, and the two-sided p-value, Student's t with ``df``.
    loadings
        factor, loading, std_error, statistic, p_value.
    df, n_months, n_firms, lags
        Months less coefficients; months and firms used; lags of the errors.
    portfolio
        month, portfolio_return, n_firms: every month with at least one firm, used or not.
    """

    alpha: float
    std_error: float
    statistic: float
    p_value: float
    loadings: pl.DataFrame
    df: float
    n_months: int
    n_firms: int
    lags: int
    portfolio: pl.DataFrame


def monthly_returns(returns: pl.DataFrame, log: bool = False) -> pl.DataFrame:
    """Compound daily returns by symbol and calendar month: ``symbol, month`` (the first of it), ``realized_return`` (simple), ``n_days``.

    Parameters
    ----------
    returns
        ``symbol, session, realized_return``; nulls are days without a return. A month without any has no row.
    log
        Whether they are log returns.
    """
    growth = pl.col("realized_return").sum().exp() if log else (1.0 + pl.col("realized_return")).product()
    return (
        returns.filter(pl.col("realized_return").is_not_null())
        .group_by("symbol", month=pl.col("session").dt.truncate("1mo"))
        .agg(realized_return=growth - 1.0, n_days=pl.len().cast(pl.Int32))
        .sort("symbol", "month")
    )


def buy_and_hold(
    events: pl.DataFrame,
    monthly: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    horizons: Sequence[int] = (12, 24, 36),
    group: str | None = None,
    after_delisting: Literal["reference", "stop"] = "reference",
    seed: int = 0,
) -> LongHorizon:
    """Return BHAR(h) = Π(1 + R) − Π(1 + R of the reference) over the h months after the month of each event.

    Parameters
    ----------
    events
        ``event_id, symbol, session`` (day of the event), optionally ``reference``, the portfolio (by size and book-to-market, industry, or
        a control firm) an event is compared with, and the column of ``group``.
    monthly
        ``symbol, month, realized_return`` of the event firms, simple returns (:func:`monthly_returns`).
    reference
        ``month, realized_return``, and ``reference`` where events name one.
    horizons
        Months held, from the month after the event on.
    after_delisting
        A firm whose returns end before the horizon: its proceeds are held in the ``reference``, or both are held until then (``stop``).
        A month without a return in between earns the reference's.
    seed
        Of the bootstrap.

    Raises
    ------
    UsageError, SchemaError
        When the arguments or tables do not fit.
    EstimationError
        When no event can be used.
    """
    horizons = tuple(sorted({int(h) for h in horizons}))
    if not horizons or horizons[0] < 1 or after_delisting not in ("reference", "stop"):
        raise UsageError(f"Horizons came as {horizons}, after_delisting as {after_delisting!r}; expected months, and reference or stop.")
    require(events, "events", {"event_id": pl.String, "symbol": pl.String, "session": pl.Date}, nulls=("symbol",))
    require(monthly, "monthly", {"symbol": pl.String, "month": pl.Date, "realized_return": pl.Float64})
    named = "reference" in events.columns
    require(reference, "reference", {"month": pl.Date, "realized_return": pl.Float64, **({"reference": pl.String} if named else {})})
    label = pl.lit("all") if group is None else pl.col(group).cast(pl.String)
    portfolio = pl.col("reference").cast(pl.String) if named else pl.lit("")
    frame = events.select("event_id", "symbol", "session", group=label, reference=portfolio).sort("event_id", "symbol")
    passive = reference if named else reference.with_columns(reference=pl.lit(""))
    for table, keys in ((monthly, ("symbol", "month")), (passive, ("reference", "month"))):
        if table.select(pl.struct(keys).is_duplicated().any()).item():
            raise SchemaError("monthly", "+".join(keys), "rows that share a key", "one row a key")
    months = np.sort(passive["month"].unique().to_numpy().astype("datetime64[M]"))
    if not len(months):
        raise EstimationError("The reference has no month; expected its returns over the holding periods.")
    origin, width, longest = months[0], int((months[-1] - months[0]).astype(int)) + 1, horizons[-1]
    own, own_of = _matrix(monthly, "symbol", origin, width + longest + 1)
    passive_of_month, portfolio_of = _matrix(passive, "reference", origin, width + longest + 1)
    start = (frame["session"].dt.truncate("1mo").to_numpy().astype("datetime64[M]") - origin).astype(np.int64) + 1
    rows = np.array([own_of.get(symbol, -1) for symbol in frame["symbol"]])
    refs = np.array([portfolio_of.get(name, -1) for name in frame["reference"]])
    inside = (start >= 0) & (start < width)
    place = np.where(inside, start, 0)[:, None] + np.arange(longest)
    held, normal_return = own[rows[:, None], place], passive_of_month[refs[:, None], place]
    reason = np.full(len(rows), None, dtype=object)
    for bad, text in (
        (frame["symbol"].is_null().to_numpy(), "no symbol"),
        (frame["group"].is_null().to_numpy(), "no group"),
        (rows < 0, "no returns"),
        (refs < 0, "no reference"),
        (~inside, "no month after the event"),
        (~np.isfinite(held[:, 0]), "no return in the month after the event"),
        (
            frame.select(~pl.struct("symbol", "group", pl.col("session").dt.truncate("1mo")).is_first_distinct()).to_series().to_numpy(),
            "duplicate event",
        ),
    ):
        reason[(reason == None) & bad] = text  # noqa: E711
    frame = frame.with_columns(reason=pl.Series(reason.tolist(), dtype=pl.String), month=pl.col("session").dt.truncate("1mo"))
    dropped = frame.filter(pl.col("reason").is_not_null()).select("event_id", "symbol", "reason")
    good = np.array([text is None for text in reason])
    if not good.any():
        raise EstimationError(f"None of the {frame.height} events can be used ({dropped['reason'].unique().sort().to_list()}).")
    used = frame.filter(pl.col("reason").is_null()).select("event_id", "symbol", "group", "month")
    return LongHorizon(used.with_columns(*_held(held[good], normal_return[good], horizons, after_delisting)), horizons, seed, dropped)


def _held(held: Floats, passive: Floats, horizons: tuple[int, ...], after_delisting: str) -> list[pl.Series]:
    """Return the columns of :class:`LongHorizon` from (E, H) monthly returns of the firms and of their references."""
    known = np.isfinite(held)
    width = held.shape[1]
    last = np.where(known.any(axis=1), width - 1 - np.argmax(known[:, ::-1], axis=1), -1)
    alive = np.arange(width) <= last[:, None]
    filled = np.where(known, held, passive)
    if after_delisting == "stop":
        filled, passive = np.where(alive, filled, 0.0), np.where(alive, passive, 0.0)
    wealth, normal_wealth = np.cumprod(1.0 + filled, axis=1), np.cumprod(1.0 + passive, axis=1)
    columns = [pl.Series("months_held", known.sum(axis=1)).cast(pl.Int32)]
    for h in horizons:
        # where the reference ends before the horizon nothing is known: the product is NaN
        own, other = wealth[:, h - 1] - 1.0, normal_wealth[:, h - 1] - 1.0
        for name, values in ((f"held_{h}", own), (f"reference_{h}", other), (f"bhar_{h}", own - other)):
            columns.append(pl.Series(name, np.where(np.isnan(own + other), np.nan, values)).fill_nan(None))
    return columns


def calendar_alpha(
    events: pl.DataFrame,
    monthly: pl.DataFrame,
    factors: pl.DataFrame,
    *,
    months: int = 36,
    least: int = 5,
    lags: int | None = None,
    weighting: Literal["ols", "wls"] = "ols",
) -> CalendarAlpha:
    """Regress the portfolio of all firms with an event in the last ``months`` months on factors: R − Rf = alpha + Σ b F + e.

    Equal weights, each firm once. Correlation between events of a month is in the portfolio's variance, which makes this the test that
    stays right where events cluster (Fama 1998; Mitchell & Stafford 2000); it has little power against abnormal returns in months of much
    activity, which count as one observation. Errors are Newey-West with the factor n/(n − k).

    Parameters
    ----------
    events
        ``symbol, session``.
    monthly
        As for :func:`buy_and_hold`.
    factors
        ``month``, Float64 columns, optionally ``risk_free``.
    months
        Holding period, from the month after the event on.
    least
        Firms a month needs to be used.
    lags
        Lags of the errors; by default floor(4 (n/100)^(2/9)), Newey & West's rule. 0 is White's.
    weighting
        ``wls`` weighs a month by its number of firms.

    Raises
    ------
    UsageError, SchemaError
        When arguments or tables do not fit.
    EstimationError
        When there are no more months than coefficients.
    """
    if months < 1 or least < 1 or weighting not in ("ols", "wls"):
        raise UsageError(f"Months came as {months}, least as {least}, weighting as {weighting!r}; expected at least 1, and ols or wls.")
    require(events, "events", {"symbol": pl.String, "session": pl.Date}, nulls=("symbol",))
    require(monthly, "monthly", {"symbol": pl.String, "month": pl.Date, "realized_return": pl.Float64})
    names = [name for name in factors.columns if name not in ("month", "risk_free")]
    rate = ["risk_free"] if "risk_free" in factors.columns else []
    require(factors, "factors", {"month": pl.Date, **dict.fromkeys((*names, *rate), pl.Float64)}, nulls=(*names, *rate))
    began = events.drop_nulls("symbol").select("symbol", began=pl.col("session").dt.truncate("1mo"))
    offsets = pl.DataFrame({"offset": np.arange(1, months + 1)})
    stood = began.join(offsets, how="cross").select("symbol", month=pl.col("began").dt.offset_by(pl.format("{}mo", "offset")))
    stood = stood.unique(maintain_order=True).join(monthly, on=["symbol", "month"], maintain_order="left")
    portfolio = (
        stood.group_by("month").agg(portfolio_return=pl.col("realized_return").mean(), n_firms=pl.len().cast(pl.Int32)).sort("month")
    )
    data = portfolio.filter(pl.col("n_firms") >= least).join(factors, on="month").drop_nulls().sort("month")
    n, k = data.height, len(names) + 1
    if n <= k:
        raise EstimationError(f"{n} months came with {least} firms and all factors, for {k} coefficients: expected more; lower `least`.")
    y = data["portfolio_return"].to_numpy() - (data["risk_free"].to_numpy() if rate else 0.0)
    x = np.column_stack([np.ones(n), *(data[name].to_numpy() for name in names)])
    weight = np.sqrt(data["n_firms"].to_numpy()) if weighting == "wls" else np.ones(n)
    chosen = math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    month = (data["month"].dt.year().cast(pl.Int64) * 12 + data["month"].dt.month()).to_numpy()
    estimate, covariance = _newey_west(x * weight[:, None], y * weight, month, chosen)
    std_error = np.sqrt(np.diagonal(covariance))
    statistic, df = estimate / std_error, float(n - k)
    from scipy import special

    p_value = 2.0 * special.stdtr(df, -np.abs(statistic))
    table = {"factor": names, "loading": estimate[1:], "std_error": std_error[1:], "statistic": statistic[1:], "p_value": p_value[1:]}
    alpha, error, t, p = (float(values[0]) for values in (estimate, std_error, statistic, p_value))
    used = int(stood.filter(pl.col("month").is_in(data["month"].implode()))["symbol"].n_unique())
    return CalendarAlpha(alpha, error, t, p, pl.DataFrame(table), df, n, used, chosen, portfolio)


def _newey_west(x: Floats, y: Floats, month: Ints, lags: int) -> tuple[Floats, Floats]:
    """Return least squares and its HAC covariance, Bartlett weights over months of the calendar, times n/(n − k)."""
    n, k = x.shape
    bread = np.linalg.inv(x.T @ x)
    estimate = bread @ (x.T @ y)
    scores = np.zeros((int(month[-1] - month[0]) + 1, k))
    scores[month - month[0]] = x * (y - x @ estimate)[:, None]
    meat = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        shifted = scores[lag:].T @ scores[:-lag]
        meat += (1.0 - lag / (lags + 1.0)) * (shifted + shifted.T)
    return estimate, bread @ meat @ bread * (n / (n - k))


def _matrix(table: pl.DataFrame, key: str, origin: np.datetime64, width: int) -> tuple[Floats, dict[str, int]]:
    """Return (names, width) monthly returns from ``origin`` on, and the row of each name."""
    names = table[key].unique().sort().to_list()
    number = {name: row for row, name in enumerate(names)}
    column = (table["month"].to_numpy().astype("datetime64[M]") - origin).astype(np.int64)
    row = table[key].replace_strict(number, return_dtype=pl.Int64).to_numpy() if names else np.zeros(0, dtype=np.int64)
    inside = (column >= 0) & (column < width)
    filled = np.full((max(1, len(names)), width), np.nan)
    filled[row[inside], column[inside]] = table["realized_return"].to_numpy()[inside]
    return filled, number


def _dependence_adjusted(bhar: Floats, month: Ints, horizon: int) -> Outcome:
    """Student's t of the mean BHAR with the correlation of overlapping holding periods in its variance; normal."""
    plain = mean_test(bhar)
    n = len(bhar)
    if plain.statistic is None:
        return plain
    counts = np.bincount(month - month.min()).astype(np.float64)
    sums = np.bincount(month - month.min(), bhar - bhar.mean())
    pairs = float((counts * (counts - 1.0)).sum()) / 2.0
    if pairs < 30:
        return Outcome(None, None, None, n)
    cross = (float(np.square(sums).sum()) - float(np.square(bhar - bhar.mean()).sum())) / 2.0
    correlation = max(0.0, cross / pairs / float(bhar.var(ddof=1)))
    overlapping = pairs
    for gap in range(1, min(horizon, len(counts))):
        overlapping += (1.0 - gap / horizon) * float(counts[gap:] @ counts[:-gap])
    return normal(plain.statistic / math.sqrt(1.0 + 2.0 * correlation * overlapping / n), n)
