"""What other event-study programs compute, by slow direct formulas: an event and a day at a time, from the files of a folder.

Written from the programs' formulas, not from their code; where their answers are at hand these reproduce every figure (test_study_cases.py).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

#: name of a figure: test, first and last tau; a day's test has both alike, one cumulated from the first day ends at its day
Key = tuple[str, int, int]


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)


def number(values: pl.Series) -> np.ndarray:
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()


def deviation(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.std(known, ddof=1))


def line(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Least squares by the normal equations of scaled columns."""
    scale = np.abs(x).max(axis=0)
    return np.linalg.lstsq(x / scale, y, rcond=None)[0] / scale


# ------------------------------------------------------------------------------------------------------------- estudy2


def estudy2(folder: Path) -> tuple[list[dict[str, Any]], dict[Key, float]]:
    """Return securities and statistics as estudy2 0.10 prints them; its Patell, Boehmer and Lamb tests only for the market model.

    On a day on which a firm is missing a sum is the mean of the valid firms times the number of all, and is set against the number of the
    valid ones.
    """
    settings = json.loads((folder / "config.json").read_text())
    returns, market = read(folder / "returns.csv"), read(folder / "market.csv")
    table = returns.join(market, on="date", how="left").sort("date")
    days = table["date"].cast(pl.String).to_list()
    before = [i for i, day in enumerate(days) if settings["estimation_start"] <= day <= settings["estimation_end"]]
    during = [i for i, day in enumerate(days) if settings["event_start"] <= day <= settings["event_end"]]
    x = number(table[market.columns[1]])
    names = [name for name in returns.columns if name != "date"]
    n = len(names)
    spread = float(np.nansum((x[before] - np.nanmean(x[before])) ** 2))
    error = (x[during] - np.nanmean(x[before])) ** 2 / spread
    securities, residuals, abnormal, standardised = [], [], [], []
    for name in names:
        y = number(table[name])
        used = [i for i in before if not np.isnan(y[i]) and (settings["model"] == "mean_adj" or not np.isnan(x[i]))]
        if settings["model"] == "sim":
            beta = float(((x[used] - x[used].mean()) * y[used]).sum() / ((x[used] - x[used].mean()) ** 2).sum())
            alpha = float(y[used].mean() - beta * x[used].mean())
        else:
            alpha, beta = (0.0, 1.0) if settings["model"] == "mrkt_adj" else (float(y[used].mean()), 0.0)
        expected = alpha + beta * np.nan_to_num(x) if settings["model"] == "mean_adj" else alpha + beta * x
        ar, sd = (y - expected)[during], deviation((y - expected)[before])
        securities.append({"alpha": alpha, "beta": beta, "sd": sd, "length": len(used), "expected": expected[during], "abnormal": ar})
        residuals.append((y - expected)[before])
        abnormal.append(ar)
        standardised.append(ar / sd / np.sqrt(1 + 1 / len(used) + error))
    e, a, z = np.array(residuals), np.array(abnormal), np.array(standardised)
    everything = np.concatenate([e, a], axis=1)
    lengths = np.array([security["length"] for security in securities])
    mean_days = float((~np.isnan(everything)).sum(axis=1).mean())
    positive = float((e > 0).sum() / (~np.isnan(e)).sum())
    crude = deviation(np.array([np.nanmean(e[:, t]) for t in range(e.shape[1]) if not np.isnan(e[:, t]).all()]))
    independent = math.sqrt(sum(deviation(row) ** 2 for row in e)) / n

    def total(day: np.ndarray) -> float:
        return float(np.nanmean(day)) * n

    def of_all_days(scores: np.ndarray, weight: float) -> list[float]:
        """Return each event day's sum over count**weight, over the root of their squares."""
        daily = [total(s) / (~np.isnan(s)).sum() ** weight if not np.isnan(s).all() else math.nan for s in scores.T]
        root = math.sqrt(np.nansum(np.square(daily)) / mean_days)
        return [value / root for value in daily[len(before) :]]

    ranks = np.array([stats.rankdata(row, nan_policy="omit") for row in everything])
    medians = np.array([np.nanmedian(row) for row in everything])
    ranked = {
        "corrado_rank": of_all_days(ranks - np.nanmean(ranks, axis=1)[:, None], 1.0),
        "modified_rank": of_all_days(ranks / (1 + (~np.isnan(everything)).sum(axis=1))[:, None] - 0.5, 0.5),
        "corrado_zivney_sign": of_all_days(np.sign(everything - medians[:, None]), 0.5),
    }
    found: dict[Key, float] = {}
    for t in range(len(during)):
        ar, count = a[:, t], int((~np.isnan(a[:, t])).sum())
        if count == 0:
            continue
        aar, up = float(np.nanmean(ar)), total(np.where(np.isnan(ar), np.nan, ar > 0))
        size = stats.rankdata(np.abs(ar), nan_policy="omit")
        values = {
            "brown_warner": aar / independent,
            "time_series": aar / crude,
            "cross_sectional": aar / deviation(ar) * math.sqrt(count) if count > 1 else math.nan,
            "sign": (up - count / 2) / math.sqrt(count / 4),
            "generalized_sign": (up - count * positive) / math.sqrt(count * positive * (1 - positive)),
            "wilcoxon": total(np.where(ar < 0, 0.0, size)),
            **{name: daily[t] for name, daily in ranked.items()},
        }
        if settings["model"] == "sim":
            values |= {
                "lamb": aar / crude / math.sqrt(1 + 1 / lengths.mean() + error[t]),
                "patell": total(z[:, t]) / math.sqrt(((lengths - 2) / (lengths - 4)).sum()),
                "bmp": float(np.nanmean(z[:, t])) / deviation(z[:, t]) * math.sqrt(count) if count > 1 else math.nan,
            }
        found |= {(name, t, t): value for name, value in values.items()}
    last = len(during) - 1
    for name in ("time_series", "lamb"):
        # a day counts when more than nine tenths of the firms have a return
        daily = [found[(name, t, t)] for t in range(last + 1) if (name, t, t) in found and (~np.isnan(a[:, t])).mean() > 0.9]
        if daily:
            found[(name, 0, last)] = sum(daily) / math.sqrt(len(daily))
    # their ranks are not centred security by security here
    centre = float(np.nanmean(ranks, axis=1).mean())
    root = math.sqrt(np.nansum([(np.nanmean(r) - centre) ** 2 for r in ranks.T if not np.isnan(r).all()]) / mean_days)
    full = [len(before) + t for t in range(last + 1) if (~np.isnan(a[:, t])).mean() > 0.9]
    found[("corrado_rank", 0, last)] = math.sqrt(len(full)) * (float(np.nanmean(ranks[:, full])) - centre) / root
    return securities, found


# -------------------------------------------------------------------------------------------------------------- sipemu

FACTORS = {
    "capm": ["market_excess"],
    "ff3": ["market_excess", "smb", "hml"],
    "ff5": ["market_excess", "smb", "hml", "rmw", "cma"],
    "carhart": ["market_excess", "smb", "hml", "mom"],
}


def sipemu(folder: Path, model: str) -> tuple[list[dict[str, Any]], dict[Key, float]]:
    """Return events and statistics as EventStudy 0.50 (R) prints them, except its rank and calendar-time tests, which are broken.

    Windows count the security's own rows; events without a row on a day are absent there, and from the sums that cross it.
    """
    prices, index, events = (read(folder / f"{name}.csv") for name in ("firm_prices", "market_prices", "events"))
    factors = read(folder / "factors.csv") if model in FACTORS else None
    found = []
    for event in events.iter_rows(named=True):
        own = prices.filter(pl.col("symbol") == event["firm_symbol"]).sort("date")
        own = own.join(index.filter(pl.col("symbol") == event["index_symbol"]).select("date", index="adjusted"), on="date", how="left")
        if factors is not None:
            own = own.join(factors, on="date", how="left", maintain_order="left")
        y, x = ((number(own[name])[1:] / number(own[name])[:-1] - 1) for name in ("adjusted", "index"))
        y, x = np.r_[np.nan, y], np.r_[np.nan, x]
        zero = own["date"].to_list().index(event["event_date"])
        tau = np.arange(own.height) - zero
        end = event["shift_estimation_window"]
        before = (tau > end - event["estimation_window_length"]) & (tau <= end)
        during = (tau >= event["event_window_start"]) & (tau <= event["event_window_end"])
        used = before & (tau > end - 60) if model == "market_last_60" else before
        k, line_of = 1, np.zeros(1)
        if model in ("market", "market_last_60") or model in FACTORS:
            columns = np.stack([number(own[name]) for name in FACTORS[model]], axis=1) if model in FACTORS else x[:, None]
            design = np.c_[np.ones(len(y)), columns]
            if model in FACTORS:
                y = y - number(own["risk_free_rate"])
            used = used & np.isfinite(y) & np.isfinite(design).all(axis=1)
            line_of, k = line(y[used], design[used]), design.shape[1]
            ar = y - design @ line_of
            inverse = np.linalg.inv(design[used].T @ design[used])
            error = np.einsum("ti,ij,tj->t", design, inverse, design)
        else:
            match model:
                case "market_adjusted":
                    ar = y - x
                case "constant":
                    ar = y - np.nanmean(y[before])
                case "volume":
                    volume = np.log(number(own["firm_volume"]) + 1)
                    ar = volume - np.nanmean(volume[before])
                case _:
                    ar = y**2 / deviation(y[before]) ** 2 - 1
            used = used & np.isfinite(ar)
            error = np.full(len(y), 1 / used.sum())
        length = int(used.sum())
        squares = ar[used] - (ar[used].mean() if k == 1 else 0.0)
        sigma = math.sqrt(float((squares**2).sum()) / (length - k))
        steps = np.arange(1, during.sum() + 1)
        found.append(
            {
                "event_id": str(event["event_id"]), "security": event["firm_symbol"], "tau": tau[during], "alpha": line_of[0], "betas": line_of[1:],
                "sigma": sigma, "df": length - k, "length": length,
                "whole_df": int(np.isfinite(ar[before]).sum()) - k, "forecast_std": sigma * np.sqrt(1 + error[during]), "ar": ar[during],
                "ar_t": ar[during] / sigma, "car": np.cumsum(ar[during]), "car_t": np.cumsum(ar[during]) / sigma / np.sqrt(steps),
                "before": dict(zip(tau[before].tolist(), ar[before].tolist(), strict=True)),
            }
        )  # fmt: skip
    return found, _sipemu_tests(found)


def _sipemu_tests(events: list[dict[str, Any]]) -> dict[Key, float]:
    first, last = min(int(e["tau"][0]) for e in events), max(int(e["tau"][-1]) for e in events)
    shape = (len(events), last - first + 1)
    ar, forecast, plain = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for i, event in enumerate(events):
        where = event["tau"] - first
        ar[i, where], forecast[i, where], plain[i, where] = event["ar"], event["ar"] / event["forecast_std"], event["ar_t"]
    # of sixty days fitted it counts all the days of the window
    df = np.array([event["whole_df"] for event in events], dtype=float)
    variance = df / (df - 2)
    correlations = []
    for i, one in enumerate(events):
        for other in events[:i]:
            both = [t for t in one["before"] if t in other["before"] and np.isfinite([one["before"][t], other["before"][t]]).all()]
            correlations.append(np.corrcoef([one["before"][t] for t in both], [other["before"][t] for t in both])[0, 1])
    r = float(np.mean(correlations))
    n_first = int((~np.isnan(ar[:, 0])).sum())
    adjustment = math.sqrt((1 - r) / (1 + (n_first - 1) * r))
    shares: dict[str, list[float]] = {}
    for event in events:
        shares.setdefault(event["security"], []).extend(v for v in event["before"].values() if np.isfinite(v))
    # by security, not by event: where one has several events this is not Cowan's test
    p = float(np.mean([np.mean(np.array(values) > 0) for values in shares.values()]))
    found: dict[Key, float] = {}
    aars = [float(np.nanmean(column)) for column in ar.T]
    for t in range(shape[1]):
        tau, n = first + t, int((~np.isnan(ar[:, t])).sum())
        cars, scars, plains = (
            np.where(np.isnan(v[:, : t + 1]).any(axis=1), np.nan, v[:, : t + 1].sum(axis=1)) for v in (ar, forecast, plain)
        )
        up, up_car = float((ar[:, t] > 0).sum()), float((cars > 0).sum())
        found[("patell", tau, tau)] = float(np.nansum(forecast[:, t])) / math.sqrt(variance.sum())
        for name, day, path in (("cross_sectional", aars[t], sum(aars[: t + 1])), ("bmp", np.nanmean(plain[:, t]), np.nanmean(plains))):
            for key, value, values in (((name, tau, tau), day, (ar if name == "cross_sectional" else plain)[:, t]),
                                       ((name, first, tau), path, cars if name == "cross_sectional" else plains)):  # fmt: skip
                found.setdefault(key, math.sqrt(n) * float(value) / deviation(values))
        for key in ((tau, tau), (first, tau)):
            found[("kolari_pynnonen", *key)] = found[("bmp", *key)] * adjustment
        for key, ups in (((tau, tau), up), ((first, tau), up_car)):
            found.setdefault(("sign", *key), (ups - n / 2) / math.sqrt(n / 4))
            found.setdefault(("generalized_sign", *key), (ups - n * p) / math.sqrt(n * p * (1 - p)))
        if t:
            found[("patell", first, tau)] = float(np.nansum(scars / np.sqrt((t + 1) * variance))) / math.sqrt(n)
    return found
