"""Event study of 100,000 events × (250 + 21) days, against bare numpy batched regressions in the same run.

Run: python benchmarks/event_study.py [--events N] [--symbols N] [--sessions N] [--repeat N]
     python benchmarks/event_study.py --scale N      time and memory of N/10 and of N events, in processes of their own
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from backtests.event_study import EventStudy
from backtests.study_tests import RESAMPLED

PARAMETRIC = (
    "cross_sectional", "skewness_adjusted", "brown_warner", "time_series", "lamb", "patell", "adjusted_patell", "bmp", "kolari_pynnonen", "calendar_time", "bhar",
)  # fmt: skip
RANKED = (
    "sign", "generalized_sign", "corrado_rank", "corrado_zivney_rank", "corrado_zivney_sign", "campbell_wasley", "grank_t", "grank_z", "wilcoxon",
)  # fmt: skip

ESTIMATION, WINDOW = (-260, -11), (-10, 10)


def panel(n_symbols: int, n_sessions: int, seed: int) -> tuple[np.ndarray, np.ndarray, pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0003, 0.01, n_sessions)
    returns = rng.uniform(0.5, 1.5, n_symbols)[:, None] * market + rng.normal(0.0, 0.02, (n_symbols, n_sessions))
    days = pl.date_range(date(2000, 1, 3), date(2000, 1, 3) + timedelta(n_sessions - 1), eager=True)
    names = pl.Series([f"S{i:05d}" for i in range(n_symbols)])
    long = pl.DataFrame(
        {
            "session": pl.concat([days] * n_symbols),
            "symbol": names.gather(np.repeat(np.arange(n_symbols), n_sessions)),
            "realized_return": returns.ravel(),
        }
    )
    return market, returns, long, pl.DataFrame({"session": days, "realized_return": market})


def draw(n_events: int, n_symbols: int, long: pl.DataFrame, n_sessions: int, seed: int) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    place = rng.choice(n_symbols * (n_sessions - 300), n_events, replace=False)
    symbol, day = place // (n_sessions - 300), place % (n_sessions - 300) + 270
    names, days = long["symbol"].gather(symbol * n_sessions), long["session"].gather(day)
    ids = pl.select(pl.format("e{}", pl.int_range(n_events).cast(pl.String).str.zfill(7))).to_series()
    return pl.DataFrame({"event_id": ids, "symbol": names, "session": days}), symbol, day


def bare(market: np.ndarray, returns: np.ndarray, symbol: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Batched closed-form regressions without masks, tables or tests: the floor."""
    length, width = ESTIMATION[1] - ESTIMATION[0] + 1, WINDOW[1] - WINDOW[0] + 1
    y_all, x_all = (
        np.lib.stride_tricks.sliding_window_view(returns, length, axis=1),
        np.lib.stride_tricks.sliding_window_view(market, length),
    )
    cars = []
    for start in range(0, len(symbol), 2048):
        s, d = symbol[start : start + 2048], day[start : start + 2048]
        y, x = y_all[s, d + ESTIMATION[0]], x_all[d + ESTIMATION[0]]
        x_mean, y_mean = x.mean(axis=1), y.mean(axis=1)
        x = x - x_mean[:, None]
        beta = np.einsum("et,et->e", x, y) / np.einsum("et,et->e", x, x)
        alpha = y_mean - beta * x_mean
        tau = d[:, None] + np.arange(WINDOW[0], WINDOW[0] + width)
        cars.append((returns[s[:, None], tau] - alpha[:, None] - beta[:, None] * market[tau]).sum(axis=1))
    return np.concatenate(cars)


def seconds(repeat: int, call: Callable[[], Any]) -> tuple[float, Any]:
    best, found = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        found = call()
        best = min(best, time.perf_counter() - start)
    return best, found


def others(returns: np.ndarray, market: np.ndarray, symbol: np.ndarray, day: np.ndarray, days: pl.Series) -> list[tuple[str, float]]:
    """Return events a second of the other packages that are installed, on a few of the same events; each refits an event at a time."""
    found = []
    if find_spec("eventstudy"):
        import eventstudy

        chosen = np.unique(symbol[:50])
        frame = pl.DataFrame({"date": days.dt.to_string("%Y-%m-%d"), "M": market, **{f"S{s:05d}": returns[s] for s in chosen}})
        with TemporaryDirectory() as folder:
            path = str(Path(folder) / "returns.csv")
            frame.write_csv(path)
            eventstudy.Single.import_returns(path)
        start = time.perf_counter()
        for s, d in zip(symbol[:50], day[:50], strict=True):
            eventstudy.Single.market_model(
                f"S{s:05d}", "M", np.datetime64(days[int(d)]), event_window=(-10, 10), estimation_size=250, buffer_size=1
            )
        found.append(("eventstudy, abnormal returns only", 50 / (time.perf_counter() - start)))
    if find_spec("event_study_toolkit"):
        found.append(("event-study-toolkit, t, sign, Patell", toolkit_speed(returns, market, symbol, day)))
    return found


def toolkit_speed(returns: np.ndarray, market: np.ndarray, symbol: np.ndarray, day: np.ndarray) -> float:
    """Return events a second of event-study-toolkit; it takes one event a security, on days of the New York calendar."""
    import pandas as pd
    from event_study_toolkit.eventstudy import eventstudy as toolkit
    from pandas_market_calendars import get_calendar

    days = get_calendar("NYSE").schedule("2005-01-01", "2023-06-30").index[: returns.shape[1]].to_numpy()
    _, first = np.unique(symbol, return_index=True)
    chosen = np.sort(first)[:50]
    width = returns.shape[1]
    panel = pd.DataFrame(
        {
            "permno": np.repeat(symbol[chosen], width),
            "date": np.tile(days, len(chosen)),
            "ret_dlst_adj": returns[symbol[chosen]].ravel(),
            "vwretd": np.tile(market, len(chosen)),
        }
    )
    events = pd.DataFrame({"permno": symbol[chosen], "EVT_DATE": days[day[chosen]], "all": 1})
    length = ESTIMATION[1] - ESTIMATION[0] + 1
    start = time.perf_counter()
    toolkit(length, WINDOW[0] - ESTIMATION[1] - 1, *WINDOW, panel, events, groups=["all"]).getFullSampleTestStatistic("market")
    return len(chosen) / (time.perf_counter() - start)


def used() -> tuple[float, float]:
    """Return seconds of processor time so far, and peak memory in GB."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def scale(n_events: int, n_symbols: int, n_sessions: int) -> None:
    """Print what fit and parametric tests of so many events take."""
    _, _, long, index = panel(n_symbols, n_sessions, seed=1)
    events, _, _ = draw(n_events, n_symbols, long, n_sessions, seed=2)
    steps = [(time.perf_counter(), *used())]
    result = EventStudy(estimation=ESTIMATION, window=WINDOW).fit_returns(events, long, index)
    steps.append((time.perf_counter(), *used()))
    result.tests(tests=PARAMETRIC)
    steps.append((time.perf_counter(), *used()))
    for name, before, after in zip(("fit, all tables", "parametric tests"), steps[:-1], steps[1:], strict=True):
        wall, processor = after[0] - before[0], after[1] - before[1]
        print(f"{n_events:9,d} events  {name:18s} {wall:7.2f} s  {processor:7.2f} s of processors, peak {after[2]:5.2f} GB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--symbols", type=int, default=1_000)
    parser.add_argument("--sessions", type=int, default=2_500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", type=int, help="measure this many events and a tenth of them")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.scale and args.alone:
        return scale(args.scale, args.symbols, args.sessions)
    if args.scale:
        for count in (args.scale // 10, args.scale):
            own = ["--scale", str(count), "--alone", "--symbols", str(args.symbols), "--sessions", str(args.sessions)]
            subprocess.run([sys.executable, __file__, *own], check=True)
        return None
    market, returns, long, index = panel(args.symbols, args.sessions, seed=1)
    events, symbol, day = draw(args.events, args.symbols, long, args.sessions, seed=2)
    study = EventStudy(estimation=ESTIMATION, window=WINDOW)
    floor, car = seconds(args.repeat, lambda: bare(market, returns, symbol, day))
    fitted, result = seconds(args.repeat, lambda: study.fit_returns(events, long, index))
    tested, _ = seconds(args.repeat, lambda: result.tests(tests=PARAMETRIC))
    ranked, _ = seconds(1, lambda: result.tests(tests=RANKED))
    np.testing.assert_allclose(result.events["car"].to_numpy(), car, rtol=0, atol=1e-10)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    few = study.fit_returns(events.head(10_000), long, index)
    slow, _ = seconds(1, lambda: few.tests(tests=[*RANKED, *RESAMPLED]))
    print(f"{args.events} events, {args.symbols} symbols x {args.sessions} sessions")
    for name, took in (
        ("bare numpy regressions", floor),
        ("fit, all tables", fitted),
        (f"{len(PARAMETRIC)} parametric tests, 6 windows", tested),
        ("fit and parametric tests", fitted + tested),
        (f"{len(RANKED)} rank tests, 6 windows", ranked),
    ):
        print(f"{name:36s} {took:7.3f} s   {took / floor:6.1f} x bare numpy")
    print(f"{'rank tests, bootstraps, 10,000 events':36s} {slow:7.3f} s")
    print(f"{'peak memory':36s} {memory:7.2f} GB")
    rate = args.events / (fitted + tested)
    for name, speed in others(returns, market, symbol, day, index["session"]):
        print(f"{name:36s} {speed:7.0f} events/s; this one, with every parametric test, {rate:,.0f}: {rate / speed:,.0f} x")
    return None


if __name__ == "__main__":
    main()
