"""Every statistic of a study beside a direct formula: an event, a day and a pair at a time, from raw returns, with days missing."""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.api import OLS

from backtests.event_study import EventStudy
from backtests.study_tests import RESAMPLED, TESTS

DAYS = [date(2022, 1, 3) + timedelta(days=i) for i in range(160)]
ZERO = {
    "a": ("S0", 100),
    "b": ("S1", 100),
    "c": ("S2", 102),
    "d": ("S3", 97),
    "e": ("S0", 118),
    "f": ("S4", 103),
    "g": ("S5", 130),
    "h": ("S6", 140),
}
FIRST, LAST = -60, -6
WINDOW = (-2, 3)


@cache
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(21)
    market = rng.normal(0.0005, 0.01, 160)
    returns = 0.9 * market + rng.uniform(0.01, 0.03, (7, 1)) * (rng.standard_t(5, (7, 160)) + 0.5 * rng.normal(size=160)) + 0.0005
    returns[rng.random(returns.shape) < 0.06] = np.nan
    returns[2, 101] = returns[3, 98] = np.nan
    returns[1, 100] = 0.04
    return returns, market


@cache
def study():
    returns, market = data()
    events = pl.DataFrame({"event_id": list(ZERO), "symbol": [s for s, _ in ZERO.values()], "session": [DAYS[d] for _, d in ZERO.values()]})
    long = pl.DataFrame(
        {
            "session": DAYS * 7,
            "symbol": [f"S{i}" for i in range(7) for _ in DAYS],
            "realized_return": pl.Series(returns.ravel()).fill_nan(None),
        }
    )
    index = pl.DataFrame({"session": DAYS, "realized_return": market})
    return EventStudy(estimation=(FIRST, LAST), window=WINDOW, min_obs=30).fit_returns(events, long, index)


def rank(values: list[float], value: float) -> float:
    return sum(v < value for v in values) + (1 + sum(v == value for v in values)) / 2


def t_of(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return mean / math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))


def johnson(values: list[float]) -> float:
    n, mean, s = len(values), np.mean(values), np.std(values, ddof=1)
    skewness = sum((v - mean) ** 3 for v in values) / n / s**3
    return math.sqrt(n) * (mean / s + skewness * (mean / s) ** 2 / 3 + skewness / (6 * n))


def direct(first: int, last: int) -> dict[str, float]:
    """Return every statistic of the window."""
    returns, market = data()
    events = []
    for symbol, zero in ZERO.values():
        y = returns[int(symbol[1])]
        used = [zero + t for t in range(FIRST, LAST + 1) if not np.isnan(y[zero + t])]
        x = np.column_stack([np.ones(len(used)), market[used]])
        fit = OLS(y[used], x).fit()
        sigma, inverse = math.sqrt(fit.scale), np.linalg.inv(x.T @ x)
        ar, std, error = {}, {}, {}
        for t in range(WINDOW[0], WINDOW[1] + 1):
            row = np.array([1.0, market[zero + t]])
            error[t] = float(row @ inverse @ row)
            if not np.isnan(y[zero + t]):
                ar[t], std[t] = y[zero + t] - float(row @ fit.params), sigma * math.sqrt(1 + error[t])
        held = [t for t in range(first, last + 1) if t in ar]
        total = sum((np.array([1.0, market[zero + t]]) for t in held), np.zeros(2))
        event = {
            "zero": zero, "residuals": dict(zip([d - zero for d in used], fit.resid, strict=True)), "sigma": sigma, "df": len(used) - 2, "T": len(used),
            "ar": ar, "std": std, "error": error, "held": held,
        }  # fmt: skip
        if held:
            event["car"] = sum(ar[t] for t in held)
            event["scar"] = event["car"] / (sigma * math.sqrt(len(held) + float(total @ inverse @ total)))
            event["bhar"] = math.prod(1 + y[zero + t] for t in held) - math.prod(1 + y[zero + t] - ar[t] for t in held)
        events.append(event)
    with_car = [e for e in events if e["held"]]
    n = len(with_car)
    cars, scars, bhars = ([e[name] for e in with_car] for name in ("car", "scar", "bhar"))
    tested = range(first, last + 1)
    found = {"cross_sectional": t_of(cars), "bmp": t_of(scars), "wild_bootstrap": t_of(scars), "bhar": t_of(bhars)}
    found |= {"skewness_bootstrap": johnson(cars), "bhar_bootstrap": johnson(bhars)}
    found["patell"] = sum(scars) / math.sqrt(sum(e["df"] / (e["df"] - 2) for e in with_car))
    mean, s = np.mean(cars), np.std(cars, ddof=1)
    g = n * sum((c - mean) ** 3 for c in cars) / ((n - 1) * (n - 2) * s**3)
    found["skewness_adjusted"] = math.sqrt(n) * (mean / s + g * (mean / s) ** 2 / 3 + g**2 * (mean / s) ** 3 / 27 + g / (6 * n))
    # pairs of events on the calendar days both have
    products, shares = [], []
    scaled = [
        {e["zero"] + t: r / math.sqrt(np.mean(np.square(list(e["residuals"].values())))) for t, r in e["residuals"].items()} for e in events
    ]
    for i in range(len(events)):
        for j in range(len(events)):
            if i != j:
                products += [v * scaled[j][d] for d, v in scaled[i].items() if d in scaled[j]]
    for i in with_car:
        for j in with_car:
            if i is not j:
                common = {i["zero"] + t for t in i["held"]} & {j["zero"] + t for t in j["held"]}
                shares.append(len(common) / math.sqrt(len(i["held"]) * len(j["held"])))
    r = float(np.mean(products) * np.mean(shares))
    found["adjusted_patell"] = found["patell"] / math.sqrt(1 + (n - 1) * r)
    found["kolari_pynnonen"] = found["bmp"] * math.sqrt((1 - r) / (1 + (n - 1) * r))
    # averages by day relative to the event
    aars = {t: np.mean([e["ar"][t] for e in events if t in e["ar"]]) for t in tested}
    series = [np.mean([e["residuals"][t] for e in events if t in e["residuals"]]) for t in range(FIRST, LAST + 1)]
    spread = np.std(series, ddof=1)
    found["time_series"] = sum(aars.values()) / math.sqrt(len(aars)) / spread
    days_mean = np.mean([e["T"] for e in events])
    error = {t: 1 + 1 / days_mean + np.mean([e["error"][t] - 1 / e["T"] for e in events if t in e["ar"]]) for t in tested}
    found["lamb"] = sum(aars[t] / math.sqrt(error[t]) for t in tested) / math.sqrt(len(aars)) / spread
    variance = sum(sum(e["sigma"] ** 2 for e in events if t in e["ar"]) / sum(t in e["ar"] for e in events) ** 2 for t in tested)
    found["brown_warner"] = sum(aars.values()) / math.sqrt(variance)
    # signs
    up = sum(c > 0 for c in cars)
    found["sign"] = (up - n / 2) / math.sqrt(n / 4)
    p = np.mean([np.mean([v > 0 for v in e["residuals"].values()]) for e in with_car])
    found["generalized_sign"] = (up - n * p) / math.sqrt(n * p * (1 - p))
    found["wilcoxon"] = sum(rank([abs(c) for c in cars], abs(c)) for c in cars if c > 0)
    # ranks over estimation and event days
    everything = list(range(FIRST, LAST + 1)) + list(range(WINDOW[0], WINDOW[1] + 1))

    def by_day(values: list[dict[int, float]], score) -> dict[int, float]:
        scores = [{t: score(list(own.values()), v) for t, v in own.items()} for own in values]
        return {
            t: sum(u[t] for u in scores if t in u) / math.sqrt(sum(t in u for u in scores))
            for t in everything
            if any(t in u for u in scores)
        }

    def centred(values: list[float], value: float) -> float:
        return rank(values, value) / (len(values) + 1) - 0.5

    raw = [{**e["residuals"], **e["ar"]} for e in events]
    z = by_day(raw, centred)
    root = math.sqrt(np.mean(np.square(list(z.values()))))
    total, length, d = sum(z[t] for t in tested), len(aars), len(z)
    found["corrado_rank"] = total / math.sqrt(length) / root
    w = total / math.sqrt(length * (d - length) / (d - 1)) / root
    found["campbell_wasley"] = w * math.sqrt((d - 2) / (d - 1 - w**2))
    signs = by_day(raw, lambda values, value: float(np.sign(value - np.median(values))))
    found["corrado_zivney_sign"] = sum(signs[t] for t in tested) / math.sqrt(length) / math.sqrt(np.mean(np.square(list(signs.values()))))
    ratio = {t: np.std([e["ar"][t] / e["std"][t] for e in events if t in e["ar"]], ddof=1) for t in range(WINDOW[0], WINDOW[1] + 1)}
    unit = [
        {**{t: v / e["sigma"] for t, v in e["residuals"].items()}, **{t: v / e["std"][t] / ratio[t] for t, v in e["ar"].items()}}
        for e in events
    ]
    zs = by_day(unit, centred)
    found["corrado_zivney_rank"] = sum(zs[t] for t in tested) / math.sqrt(length) / math.sqrt(np.mean(np.square(list(zs.values()))))
    # generalised ranks: the window is one more day
    deviation = np.std(scars, ddof=1)
    u: dict[int | str, list[float]] = {}
    uniform = 0.0
    for e in with_car:
        own = [v / e["sigma"] for v in e["residuals"].values()] + [e["scar"] / deviation]
        for t, v in zip([*e["residuals"], "window"], own, strict=True):
            u.setdefault(t, []).append(rank(own, v) / (len(own) + 1) - 0.5)
        uniform += (len(own) - 1) / (12 * (len(own) + 1))
    means = {t: np.mean(v) for t, v in u.items()}
    root = math.sqrt(sum(len(u[t]) / n * means[t] ** 2 for t in u) / len(u))
    q, d = means["window"] / root, len(u)
    found["grank_t"] = q * math.sqrt((d - 2) / (d - 1 - q**2))
    found["grank_z"] = sum(u["window"]) / math.sqrt(uniform)
    # calendar time
    held: dict[int, list[float]] = {}
    for e in events:
        for t in e["held"]:
            held.setdefault(e["zero"] + t, []).append(e["ar"][t])
    portfolio = {day: np.mean(v) for day, v in sorted(held.items())}
    centre, lags = np.mean(list(portfolio.values())), last - first
    total = 0.0
    for day, v in portfolio.items():
        for other, w in portfolio.items():
            if abs(day - other) <= lags:
                total += (1 - abs(day - other) / (lags + 1)) * (v - centre) * (w - centre)
    found["calendar_time"] = centre / math.sqrt(total / (len(portfolio) * (len(portfolio) - 1)))
    # blocks of calendar time, twice the window long
    blocks: dict[int, list[float]] = {}
    start = min(e["zero"] for e in events)
    for e in with_car:
        blocks.setdefault((e["zero"] - start) // (2 * (last - first + 1)), []).append(e["scar"])
    mean, b = np.mean(scars), len(blocks)
    squares = sum((sum(v) - mean * len(v)) ** 2 for v in blocks.values())
    found["block_bootstrap"] = mean * n / math.sqrt(b / (b - 1) * squares)
    return found


@pytest.mark.parametrize("window", [(0, 0), (-1, 2), (-2, 3), (1, 1)])
def test_every_statistic_by_its_formula(window):
    expected = direct(*window)
    assert set(expected) == {*TESTS, *RESAMPLED}
    found = study().tests([window], [*TESTS, *RESAMPLED])
    one_sided = study().one_sided([window], [*TESTS, *RESAMPLED])
    for row, sides in zip(found.iter_rows(named=True), one_sided.iter_rows(named=True), strict=True):
        assert row["statistic"] == pytest.approx(expected[row["test"]], rel=1e-9), row["test"]
        assert row["n_events"] >= 7
        assert sides["p_greater"] + sides["p_less"] == pytest.approx(1.0)
        if row["test"] in RESAMPLED or row["test"] == "wilcoxon":
            assert row["df"] is None
            continue
        law = stats.norm() if row["df"] is None else stats.t(row["df"])
        assert row["p_value"] == pytest.approx(2 * law.sf(abs(row["statistic"])), rel=1e-9)
        assert (sides["p_greater"], sides["p_less"]) == (pytest.approx(law.sf(row["statistic"])), pytest.approx(law.cdf(row["statistic"])))


def test_degrees_of_freedom():
    found = study().tests([(-1, 2)]).select("test", "df")
    df = dict(found.iter_rows())
    n_days = LAST - FIRST + 1
    assert {name for name, value in df.items() if value is None} == {
        "adjusted_patell", "corrado_rank", "corrado_zivney_rank", "corrado_zivney_sign", "generalized_sign", "grank_z", "patell", "sign",
        "skewness_adjusted", "wilcoxon",
    }  # fmt: skip
    assert [df[name] for name in ("cross_sectional", "bmp", "kolari_pynnonen", "bhar")] == [7.0] * 4
    assert (df["time_series"], df["lamb"], df["grank_t"], df["campbell_wasley"]) == (n_days - 1, n_days - 1, n_days - 1, n_days + 6 - 2)
    assert df["brown_warner"] == pytest.approx(study().events["n_obs"].mean() - 1)
