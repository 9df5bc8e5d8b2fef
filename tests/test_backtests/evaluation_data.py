"""Synthetic data of the evaluation's tests, from whole-number arithmetic: the same on every machine and for every program that read it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl


def noise(seed: int, *shape: int) -> np.ndarray:
    """Return about normal numbers: sums of twelve uniforms of a linear congruential generator, less six."""
    state, out = seed * 2654435761 % 2**32, []
    for _ in range(12 * int(np.prod(shape))):
        state = (1664525 * state + 1013904223) % 2**32
        out.append(state / 2**32)
    return np.array(out).reshape(*shape, 12).sum(axis=-1) - 6


def panel() -> tuple[np.ndarray, np.ndarray]:
    """Return scores and returns of 23 symbols in 40 sessions; every fourth session has ties."""
    shocks, residuals = noise(8, 40, 23), noise(9, 40, 23)
    z, scores, returns = np.zeros(23), [], []
    for t in range(40):
        z = 0.7 * z + shocks[t]
        scores.append(np.round(z, 1) if t % 4 == 0 else z.copy())
        returns.append(0.002 * z + 0.02 * residuals[t])
    return np.array(scores), np.array(returns)


def gains() -> np.ndarray:
    """Return gains of five variants over 100 periods: correlated with each other and over time, means from -1 to 0.3."""
    x = noise(12, 100, 5) + 0.7 * noise(13, 100, 1)
    for t in range(1, 100):
        x[t] += 0.3 * x[t - 1]
    return x + np.array([0.0, 0.2, -0.35, 0.3, -1.0])


def autoregression(seed: int, n: int, phi: float) -> np.ndarray:
    x = noise(seed, n)
    for t in range(1, n):
        x[t] += phi * x[t - 1]
    return x


def frames(scores: np.ndarray, returns: np.ndarray, horizons: tuple[int, ...] = (1,)) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the ``signals`` and ``labels`` tables of (T, N) arrays; NaN is an absent row, and every horizon has the same returns."""
    # Inside, so that evaluation_oracles.py reads the arrays where this package is not installed.
    from backtests.schemas import LABELS
    from signals.schemas import SIGNALS

    rows, labels = [], []
    for t in range(scores.shape[0]):
        day = date(2024, 1, 1) + timedelta(days=t)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for j in range(scores.shape[1]):
            key = {"session": day, "symbol": f"S{j:02d}"}
            if np.isfinite(scores[t, j]):
                rows.append({**key, "signal": "x@1", "asof": at, "horizon": 1, "score": float(scores[t, j]), "run_id": ""})
            if np.isfinite(returns[t, j]):
                labels += [{**key, "horizon": h, "forward_return": float(returns[t, j]), "ends_at": at} for h in horizons]
    return SIGNALS.frame(rows), LABELS.frame(labels)
