"""Forward returns: what happened after a decision, kept out of reach of :mod:`signals`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.bar_grid import Grid, bar_grid
from backtests.schemas import LABELS
from backtests.simulation_inputs import checked
from research.errors import UsageError
from research.schemas import BARS, SESSIONS
from signals.pointintime import calendar_of

__all__ = ["ForwardReturns", "Labels", "forward_returns", "returns_ahead"]

Floats = npt.NDArray[np.float64]


def forward_returns(bars: pl.DataFrame, sessions: pl.DataFrame, *, horizons: Sequence[int] = (1, 5, 20)) -> pl.DataFrame:
    r"""Return the ``labels`` table: :math:`C_{t+h} f_{t+h} / (O_{t+1} f_{t+1}) - 1`.

    A decision in session ``t`` fills at the open of ``t+1`` and is held to the close of ``t+h``; ``f`` is ``adj_factor``, so dividends
    and splits count as return.

    Parameters
    ----------
    bars
        ``bars`` table.
    sessions
        ``sessions`` of every market the bars trade on; ``t`` counts these, so a symbol's missing day is not skipped over.
    horizons
        Sessions held, each at least 1.

    Returns
    -------
    DataFrame
        Only labels that exist: none where ``t+1`` has no open or is suspended (nothing could be bought), or where ``t+h`` lies past
        the last bar of the symbol's market. A name without a bar on ``t+h`` (suspended, or delisted meanwhile) is valued at its last
        close before: leaving it out would judge by the survivors only.
    """
    return returns_ahead(bars, sessions, horizons=horizons).table()


def returns_ahead(bars: pl.DataFrame, sessions: pl.DataFrame, *, horizons: Sequence[int] = (1, 5, 20)) -> ForwardReturns:
    """Return :func:`forward_returns` as matrices: two numbers a session and symbol, however many horizons."""
    if not horizons or min(horizons) < 1:
        raise UsageError(f"horizons came as {list(horizons)}; expected whole numbers of sessions from 1 up.")
    calendar, frame = SESSIONS.validate(sessions).sort("mic", "session"), checked(BARS, bars)
    names = frame.select(pl.col("symbol").unique().sort()).to_series()
    mics = calendar_of(names)
    markets = []
    for mic in calendar["mic"].unique().sort():
        mine = names.filter((mics == mic).fill_null(False))
        held = frame if len(mine) == len(names) else frame.filter(pl.col("symbol").is_in(mine.implode()))
        markets.append(_market(held, calendar.filter(pl.col("mic") == mic)))
    return ForwardReturns(tuple(markets), tuple(dict.fromkeys(horizons)))


@dataclass(frozen=True, slots=True, eq=False)
class ForwardReturns:
    """The labels of several horizons, as the prices they are made of.

    Attributes
    ----------
    markets
        One of each calendar.
    asked
        The horizons asked for.
    """

    markets: tuple[_Market, ...]
    asked: tuple[int, ...]

    @property
    def horizons(self) -> list[int]:
        """The horizons that have a label, ascending."""
        return [h for h in sorted(self.asked) if any(market.sessions(h).len() for market in self.markets)]

    @property
    def height(self) -> int:
        """Number of labels."""
        return sum(int(np.isfinite(market.returns(h)).sum()) for h in self.asked for market in self.markets)

    def sessions(self, horizon: int) -> pl.Series:
        """Return the sessions that have a label, ascending."""
        return pl.concat([pl.Series("session", [], dtype=pl.Date), *(m.sessions(horizon) for m in self.markets)]).unique().sort()

    def beside(self, session: pl.Series, symbol: pl.Series) -> Iterator[tuple[int, Floats]]:
        """Yield each horizon with the label of every pair; NaN where there is none."""
        cells = [market.grid.cells(session, symbol) for market in self.markets]
        for horizon in self.horizons:
            out = np.full(len(session), np.nan)
            for market, cell in zip(self.markets, cells, strict=True):
                if market.entry.size:
                    np.copyto(out, market.returns(horizon).ravel()[cell], where=cell >= 0)
            yield horizon, out

    def table(self) -> pl.DataFrame:
        """Return the ``labels`` table."""
        parts = [LABELS.empty(), *(market.table(h) for h in self.asked for market in self.markets)]
        return checked(LABELS, pl.concat(parts).sort("session", "symbol", "horizon"))


Labels = pl.DataFrame | ForwardReturns


@dataclass(frozen=True, slots=True, eq=False)
class _Market:
    """The prices of one calendar: ``entry`` of a decision's fill, ``level`` of the close or the last one before, times ``adj_factor``.

    ``calendar`` has a row for each of the grid's; ``covered`` is the last one with a bar.
    """

    calendar: pl.DataFrame
    grid: Grid
    entry: Floats
    level: Floats
    covered: int

    def returns(self, horizon: int) -> Floats:
        """Return the labels as a matrix."""
        out = np.full(self.grid.shape, np.nan)
        n = self.covered + 1 - horizon
        if n > 0:
            np.divide(self.level[horizon : horizon + n], self.entry[:n], out=out[:n])
            out[:n] -= 1
        return out

    def sessions(self, horizon: int) -> pl.Series:
        """Return the sessions that have a label."""
        known = np.asarray(np.isfinite(self.entry).any(axis=1))
        known[max(0, self.covered + 1 - horizon) :] = False
        return self.calendar["session"].filter(pl.Series(known, dtype=pl.Boolean))

    def table(self, horizon: int) -> pl.DataFrame:
        """Return the labels as rows."""
        found = self.returns(horizon)
        row, column = np.nonzero(np.isfinite(found))
        return pl.DataFrame(
            {
                "session": self.calendar["session"].gather(row),
                "symbol": pl.Series(self.grid.symbols, dtype=pl.String).gather(column),
                "horizon": pl.repeat(horizon, len(row), dtype=pl.Int16, eager=True),
                "forward_return": found[row, column],
                "ends_at": self.calendar["close_at"].gather(row + horizon),
            },
            schema=LABELS.schema,
        )


def _market(bars: pl.DataFrame, calendar: pl.DataFrame) -> _Market:
    grid, cells = bar_grid(bars, calendar["session"])
    fills = (~bars["suspended"] & bars["open"].is_not_null()).to_numpy()
    entry = grid.laid(cells, bars.select(pl.col("open") * pl.col("adj_factor")).to_series().to_numpy(), np.nan, fills)
    # A decision fills in the session after it.
    entry[:-1], entry[-1:] = entry[1:], np.nan
    level = grid.laid(cells, bars.select(pl.col("close") * pl.col("adj_factor")).to_series().to_numpy(), np.nan)
    traded = np.flatnonzero(np.isfinite(level).any(axis=1))
    for i in range(1, len(level)):
        np.copyto(level[i], level[i - 1], where=np.isnan(level[i]))
    return _Market(calendar, grid, entry, level, int(traded[-1]) if traded.size else -1)
