"""Event studies in minutes: bars placed by hand, nights and lunch breaks, a planted reaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from backtests.event_study import EventStudy
from backtests.intraday import intraday_study
from research.errors import SchemaError, UnknownSymbolError, UsageError
from research.schemas import INSTANT

STUDY = EventStudy(min_obs=30, window=(0, 1), estimation=(-60, -5))


def grid(n_days: int = 6) -> list[datetime]:
    """Ends of five-minute bars of Shanghai, 09:30-11:30 and 13:00-15:00 local, i.e. 01:30-03:30 and 05:00-07:00 UTC."""
    ends = []
    for day in range(n_days):
        start = datetime(2024, 3, 4, tzinfo=UTC) + timedelta(days=day)
        for hour, minute in ((1, 30), (5, 0)):
            ends += [start + timedelta(hours=hour, minutes=minute + 5 * i) for i in range(1, 25)]
    return ends


def market(seed: int = 0, n: int = 6, bump: float = 0.0, at: int = 150) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ends = grid()
    index = rng.normal(0, 0.001, len(ends))
    frames = [pl.DataFrame({"symbol": ["000300.SS"] * len(ends), "at": ends, "close": 3000 * np.cumprod(1 + index)})]
    for i in range(n):
        own = index + rng.normal(0, 0.002, len(ends))
        own[at] += bump
        frames.append(pl.DataFrame({"symbol": [f"60000{i}.SS"] * len(ends), "at": ends, "close": 10 * np.cumprod(1 + own)}))
    return pl.concat(frames).cast({"at": INSTANT})


def events(at: datetime, n: int = 6) -> pl.DataFrame:
    rows = [(f"e{i}", f"60000{i}.SS", at) for i in range(n)]
    return pl.DataFrame(rows, schema={"event_id": pl.String, "symbol": pl.String, "available_at": INSTANT}, orient="row")


def fit(frame: pl.DataFrame, at: datetime, **more: object):
    arguments = {"minutes": 5, "window": (-10, 20), "estimation": (-500, -15)} | more
    return intraday_study(STUDY, events(at), frame, "000300.SS", **arguments)


def test_bar_0_is_the_bar_the_event_fell_into():
    ends = grid()
    for at, expected in (
        (ends[150] - timedelta(minutes=2), ends[150]),
        (ends[150], ends[151]),
        (ends[143], ends[144]),  # the close of a session: the first bar of the next one
        (ends[143] + timedelta(hours=9), ends[144]),
        (ends[167] + timedelta(minutes=30), ends[168]),  # lunch
    ):
        found = fit(market(), at)
        assert found.events["at0"].unique().to_list() == [expected]
        start = ends.index(expected)
        rows = found.event_returns.filter(pl.col("event_id") == "e0")
        assert rows["at"].to_list() == ends[start - 2 : start + 4]
        assert rows["minute"].to_list() == [-10, -5, 0, 5, 10, 15]
        assert found.average["minute"].to_list() == [-10, -5, 0, 5, 10, 15]


def test_abnormal_returns_are_those_of_a_regression_over_bars():
    frame, ends = market(), grid()
    found = fit(frame, ends[150] - timedelta(minutes=1))
    wide = frame.pivot(on="symbol", index="at", values="close").sort("at")
    x, y = (np.diff(wide[name].to_numpy()) / wide[name].to_numpy()[:-1] for name in ("000300.SS", "600003.SS"))
    # returns begin at the second bar; 500 to 15 minutes before bar 150 are bars 50 to 146
    beta, alpha = np.polyfit(x[49:146], y[49:146], 1)
    own = found.event_returns.filter(pl.col("event_id") == "e3")["abnormal_return"].to_numpy()
    np.testing.assert_allclose(own, y[147:153] - alpha - beta * x[147:153], rtol=1e-7, atol=1e-12)
    assert found.events.filter(pl.col("event_id") == "e3")["n_obs"].item() == 97


def test_a_reaction_is_found_in_its_minutes():
    found = fit(market(bump=0.02), grid()[150] - timedelta(minutes=3))
    tests = found.tests([(0, 5), (5, 20), (-10, 0)], ["bmp", "grank_t"])
    p = {(row["test"], row["window_start"], row["window_end"]): row["p_value"] for row in tests.iter_rows(named=True)}
    assert p["bmp", 0, 5] < 0.001
    assert min(p["bmp", 5, 20], p["bmp", -10, 0]) > 0.01
    assert found.average.filter(pl.col("minute") == 0)["aar"].item() == pytest.approx(0.02, abs=0.004)
    assert found.tests(tests=["bmp"]).select("window_start", "window_end").rows() == [(-10, 20), (0, 20)]
    assert repr(found) == "IntradayResult(6 events, 0 dropped, bars of 5 minutes)"


def test_the_return_over_night_can_be_dropped():
    ends = grid()
    frame = market(bump=0.03, at=144)
    night = ends[143] + timedelta(hours=3)
    kept, dropped = fit(frame, night), fit(frame, night, overnight="drop")
    assert kept.average.filter(pl.col("minute") == 0)["aar"].item() == pytest.approx(0.03, abs=0.005)
    assert dropped.average.filter(pl.col("minute") == 0)["n_events"].item() == 0
    assert dropped.average.filter(pl.col("minute") == 5)["n_events"].item() == 6


def test_bad_input_is_told():
    at = grid()[150]
    with pytest.raises(UsageError, match=r"-7 .. 20 minutes; expected multiples of 5"):
        fit(market(), at, window=(-7, 20))
    with pytest.raises(UsageError, match="Minutes came as 0"):
        fit(market(), at, minutes=0)
    with pytest.raises(UnknownSymbolError, match="has no bars"):
        intraday_study(STUDY, events(at), market(), "^HSI", minutes=5, window=(0, 5), estimation=(-500, -15))
    with pytest.raises(SchemaError, match="share a key"):
        fit(pl.concat([market(), market().head(1)]), at)
    late = events(grid()[-1] + timedelta(hours=1)).head(1).with_columns(event_id=pl.lit("late"))
    both = pl.concat([events(at), late])
    found = intraday_study(STUDY, both, market(), "000300.SS", minutes=5, window=(-10, 20), estimation=(-500, -15))
    assert found.dropped.rows() == [("late", "600000.SS", "after the last bar")]
