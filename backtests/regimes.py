"""When and where the return came from: exposure to the market against the choice of names, sides, and the weather of the market."""

from __future__ import annotations

import numpy as np
import polars as pl

from backtests.holdings import session_remainder
from backtests.metrics import PERIODS
from backtests.simulation import Backtest

__all__ = ["exposure_attribution", "market_returns", "regime_attribution"]

_VOLATILITY = 20


def market_returns(bars: pl.DataFrame, result: Backtest) -> pl.DataFrame:
    """Return ``session, market_return``: the benchmark of the result, or the equally weighted mean of all names that traded.

    Close to close, dividends reinvested; null on a session without any.
    """
    sessions = result.portfolio.select("session").sort("session")
    if result.benchmark is not None:
        return sessions.join(
            result.benchmark.rename({"benchmark_return": "market_return"}), on="session", how="left", maintain_order="left"
        )
    traded = bars.filter(~pl.col("suspended")).sort("symbol", "session").with_columns(_level=pl.col("close") * pl.col("adj_factor"))
    moves = traded.with_columns(_move=pl.col("_level") / pl.col("_level").shift(1).over("symbol") - 1).sort("session", "symbol")
    mean = moves.group_by("session", maintain_order=True).agg(market_return=pl.col("_move").mean())
    return sessions.join(mean, on="session", how="left", maintain_order="left")


def exposure_attribution(result: Backtest, market: pl.DataFrame, pnl: pl.DataFrame) -> pl.DataFrame:
    """Return where the sum of net returns came from, two ways that each add up to it.

    Parameters
    ----------
    result
        A run of :func:`backtests.run`.
    market
        :func:`market_returns`.
    pnl
        :func:`backtests.holdings.daily_pnl`.

    Returns
    -------
    DataFrame
        ``split, part, contribution`` (sum of daily returns, fractions), ``annual`` (a year), ``n`` sessions. Split ``market``: net
        exposure at the close before × market return; selection and timing, the rest before costs; costs. Split ``side``: long
        positions, short positions (both after their own costs), borrow fees and rounding.
    """
    portfolio = result.portfolio.sort("session")
    n, periods = portfolio.height, PERIODS[result.market]
    joined = portfolio.join(market, on="session", how="left", maintain_order="left").with_columns(pl.col("market_return").fill_null(0.0))
    carried = joined["net_exposure"].shift(1, fill_value=0.0) * joined["market_return"]
    exposed = float(carried.sum())
    gross, cost = float(portfolio["gross_return"].sum()), float(portfolio["cost"].sum())
    before = portfolio.select("session", _nav=pl.col("nav").shift(1, fill_value=1.0) * result.cash)
    was = pl.col("value").shift(1, fill_value=0.0).over("symbol", order_by="session")
    sided = pnl.with_columns(_was=was).join(before, on="session", how="left")
    # what was held overnight is on the side it was on; the rest of a session is on the side of its close, or of what was left
    now = pl.when(pl.col("value") != 0).then(pl.col("value")).otherwise(pl.col("_was"))

    def of(sign: float) -> float:
        night = pl.when(pl.col("_was").sign() == sign).then(pl.col("overnight")).otherwise(0.0)
        day = pl.when((now.sign() == sign) | ((now == 0) & (sign > 0))).then(pl.col("intraday")).otherwise(0.0)
        return float(sided.select(((night + day) / pl.col("_nav")).sum()).item())

    rest = session_remainder(result, pnl).join(before, on="session", how="left")
    parts = [
        ("market", "market exposure", exposed), ("market", "selection and timing", gross - exposed), ("market", "costs", -cost),
        ("side", "long positions", of(1.0)), ("side", "short positions", of(-1.0)),
        ("side", "borrow fees and rounding", float((rest["remainder"] / rest["_nav"]).sum())),
    ]  # fmt: skip
    rows = [{"split": s, "part": p, "contribution": v, "annual": v / n * periods if n else None, "n": n} for s, p, v in parts]
    schema = {"split": pl.String, "part": pl.String, "contribution": pl.Float64, "annual": pl.Float64, "n": pl.Int64}
    return pl.DataFrame(rows, schema=schema)


def regime_attribution(result: Backtest, market: pl.DataFrame) -> pl.DataFrame:
    """Return what was earned in each state of the market.

    Returns
    -------
    DataFrame
        ``regime, state, n`` sessions, ``contribution`` (sum of net returns), ``annual_return`` (mean × sessions a year), ``sharpe`` (a
        year; null below 20 sessions). Regimes: ``direction`` (the market rose, or did not, on the day), ``volatility`` (its standard
        deviation over the 20 sessions before is above its median, or not; ``unknown`` at the start). The contributions of a regime add up
        to the sum of net returns.
    """
    periods = PERIODS[result.market]
    joined = result.portfolio.sort("session").join(market, on="session", how="left", maintain_order="left")
    calm = pl.col("market_return").fill_null(0.0).rolling_std(_VOLATILITY).shift(1)
    known = joined.with_columns(_sigma=calm)
    states = known.select(
        "net_return",
        direction=pl.when(pl.col("market_return") > 0).then(pl.lit("market up")).otherwise(pl.lit("market down or flat")),
        volatility=pl.when(pl.col("_sigma").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("_sigma") > pl.col("_sigma").median())
        .then(pl.lit("high volatility"))
        .otherwise(pl.lit("low volatility")),
    )
    rows = []
    for regime in ("direction", "volatility"):
        for state in states[regime].unique().sort():
            net = states.filter(pl.col(regime) == state)["net_return"].to_numpy()
            sigma = float(net.std(ddof=1)) if len(net) >= _VOLATILITY else 0.0
            rows.append(
                {
                    "regime": regime, "state": state, "n": len(net), "contribution": float(net.sum()),
                    "annual_return": float(net.mean()) * periods,
                    "sharpe": float(net.mean()) / sigma * float(np.sqrt(periods)) if sigma > 1e-14 else None,
                }
            )  # fmt: skip
    schema = {
        "regime": pl.String,
        "state": pl.String,
        "n": pl.Int64,
        **dict.fromkeys(("contribution", "annual_return", "sharpe"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema)
