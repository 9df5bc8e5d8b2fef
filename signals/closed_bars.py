"""Features of prices: only bars that had closed, and had arrived, before the decision.

:func:`closed_bars` lays the bars out by (symbol, session); the other functions are expressions over that frame. A bar that arrived at
its own session's cut-off or later is used by no session, since none of the rows of its day could have known it. Windows count sessions of
the market, with or without trading, and need half of them to hold a return.
"""

from __future__ import annotations

import polars as pl

from research.errors import UsageError
from research.schemas import BARS
from signals.grid import by_symbol, grid, laid
from signals.pointintime import calendar_of

__all__ = [
    "abnormal_volume",
    "beta",
    "closed_bars",
    "high_proximity",
    "illiquidity",
    "largest_return",
    "market_returns",
    "momentum",
    "size",
    "volatility",
]

_KEY = ("symbol", "session")


def closed_bars(
    bars: pl.DataFrame, cutoffs: pl.DataFrame, *, benchmark: str | None = None, market: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return one row per (symbol, session) from the symbol's first known bar on.

    Parameters
    ----------
    bars
        The ``bars`` table.
    cutoffs
        See :func:`signals.pointintime.cutoffs`; begin it as many sessions before the first decision as the longest window has.
    benchmark
        Symbol whose return is the market's; without it, the equal-weighted mean of the bars of the session.
    market
        ``mic, session, market_return`` (:func:`market_returns`) to use in place of both, where ``bars`` are of some symbols only.

    Returns
    -------
    DataFrame
        Sorted by symbol and session, with ``asof`` and Float64 columns that are null on a session without a known, traded bar:
        ``realized_return`` (trade to trade, a fraction), ``market_return``, ``level`` (close × adj_factor), ``turnover`` (currency units:
        ``amount``, or close × volume where the vendor gives none).

    Raises
    ------
    UsageError
        When ``benchmark`` has no bar.
    """
    rows = _known(BARS.validate(bars), cutoffs)
    if market is None:
        market = _market(rows, benchmark)
    rows = rows.join(market, on=["mic", "session"], how="left", maintain_order="left")
    return rows.select(*_KEY, "asof", "realized_return", "market_return", "level", "turnover")


def market_returns(bars: pl.DataFrame, cutoffs: pl.DataFrame, *, benchmark: str | None = None) -> pl.DataFrame:
    """Return ``mic, session, market_return``: of the benchmark, or the mean of the known bars; arguments as in :func:`closed_bars`."""
    return _market(_known(bars, cutoffs), benchmark)


def _known(bars: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Return the grid of the bars that had arrived, with ``mic, level, turnover, realized_return`` (:func:`research.prices.returns`)."""
    mics = bars.select(pl.col("symbol").unique().sort())
    mics = mics.with_columns(mic=calendar_of(mics["symbol"]))
    dated = bars.select(*_KEY, "available_at", "suspended", "close", "adj_factor", "amount", "volume").join(mics, on="symbol", how="left")
    dated = dated.join(cutoffs.select("mic", "session", "asof"), on=["mic", "session"], how="inner")
    known = dated.filter(pl.col("available_at") < pl.col("asof"))
    traded = ~pl.col("suspended")
    values = known.select(
        *_KEY,
        level=pl.when(traded).then(pl.col("close") * pl.col("adj_factor")),
        turnover=pl.when(traded).then(pl.coalesce("amount", pl.col("close") * pl.col("volume"))),
    )
    rows = laid(grid(known.select(*_KEY), cutoffs), values, cutoffs)
    before = pl.col("level").forward_fill().shift(1).over("symbol")
    return (
        by_symbol(rows)
        .with_columns(realized_return=pl.col("level") / before - 1)
        .with_columns(rows["symbol"])
        .join(mics, on="symbol", how="left", maintain_order="left")
    )


def _market(known: pl.DataFrame, benchmark: str | None) -> pl.DataFrame:
    if benchmark is None:
        return (
            known.group_by("mic", "session", maintain_order=True).agg(market_return=pl.col("realized_return").mean()).sort("mic", "session")
        )
    market = known.filter(pl.col("symbol") == benchmark).select("mic", "session", market_return="realized_return")
    if market.is_empty():
        raise UsageError(f"Benchmark {benchmark} has no bar among the sessions asked for; expected a symbol of the bars table.")
    return market


def momentum(window: int, skip: int = 0) -> pl.Expr:
    r"""Return :math:`\sum_{k=skip}^{window-1} \ln(1 + r_{t-k})`: the log return of ``window`` sessions without the last ``skip``.

    Null below half of ``window - skip`` returns. Jegadeesh & Titman (1993) skip the last month; minus the return of a few sessions is
    short-term reversal.
    """
    if not 0 <= skip < window:
        raise UsageError(f"skip came as {skip} with window {window}; expected 0 <= skip < window.")
    logs = pl.col("realized_return").log1p().shift(skip)
    return _over(logs.rolling_sum(window - skip, min_samples=_half(window - skip)))


def volatility(window: int) -> pl.Expr:
    """Return the standard deviation (ddof 1) of the returns of ``window`` sessions, per session; null below half of them."""
    return _over(pl.col("realized_return").rolling_std(window, min_samples=max(2, _half(window))))


def abnormal_volume(window: int) -> pl.Expr:
    """Return the log of turnover over its mean in the ``window`` sessions *before*.

    Null without turnover, or below half of the window before it.
    """
    usual = pl.col("turnover").shift(1).rolling_mean(window, min_samples=_half(window))
    today = pl.col("turnover")
    return _over(pl.when((today > 0) & (usual > 0)).then((today / usual).log()).alias("abnormal_volume"))


def high_proximity(window: int) -> pl.Expr:
    """Return the level over its highest close of ``window`` sessions, minus 1 (0 = at the high; George & Hwang 2004).

    Null without trading, or below half of the window.
    """
    return _over(pl.col("level") / pl.col("level").rolling_max(window, min_samples=_half(window)) - 1)


def largest_return(window: int) -> pl.Expr:
    """Return the highest return of ``window`` sessions (MAX of Bali, Cakici & Whitelaw 2011); null below half of them."""
    return _over(pl.col("realized_return").rolling_max(window, min_samples=_half(window)))


def illiquidity(window: int) -> pl.Expr:
    r"""Return :math:`\ln \overline{|r| / turnover}` over ``window`` sessions (Amihud 2002, in logs); null below half of them, or when 0."""
    impact = pl.when(pl.col("turnover") > 0).then(pl.col("realized_return").abs() / pl.col("turnover"))
    mean = impact.rolling_mean(window, min_samples=_half(window))
    return _over(pl.when(mean > 0).then(mean.log()).alias("illiquidity"))


def size(window: int) -> pl.Expr:
    """Return the log of mean turnover over ``window`` sessions; null below half of them.

    The tables hold no shares outstanding: traded value stands for size.
    """
    mean = pl.col("turnover").rolling_mean(window, min_samples=_half(window))
    return _over(pl.when(mean > 0).then(mean.log()).alias("size"))


def beta(window: int) -> pl.Expr:
    r"""Return :math:`\operatorname{cov}(r, m) / \operatorname{var}(m)` over the sessions of ``window`` with both returns.

    Null below half of them, or where the market did not move.
    """
    both = pl.col("realized_return").is_not_null() & pl.col("market_return").is_not_null()
    own, market = (pl.when(both).then(name) for name in ("realized_return", "market_return"))

    def mean(value: pl.Expr) -> pl.Expr:
        return value.rolling_mean(window, min_samples=max(2, _half(window)))

    covariance = mean(own * market) - mean(own) * mean(market)
    variance = mean(market**2) - mean(market) ** 2
    return _over(pl.when(variance > 1e-14).then(covariance / variance).alias("beta"))


def _over(expression: pl.Expr) -> pl.Expr:
    return expression.over("symbol", order_by="session")


def _half(window: int) -> int:
    if window < 1:
        raise UsageError(f"window came as {window}; expected at least 1 session.")
    return max(1, (window + 1) // 2)
