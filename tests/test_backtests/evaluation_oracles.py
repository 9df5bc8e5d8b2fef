"""What other packages compute from the data of :mod:`evaluation_data`: the figures the tests of the evaluation hold.

Run it in an environment of its own, which needs none of this repository's packages (about ten minutes, most of them arch's draws):

    pip install alphalens-reloaded==0.5.1 skfolio==1.12.2 arch==8.0.0 polars
    python tests/test_backtests/evaluation_oracles.py
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from evaluation_data import autoregression, gains, panel

#: variances that arch computes for its SPA and does not use
VARIANCES = (1.9739385207166613, 2.6321176606248495, 2.3090711270995143, 2.9201378136949043, 1.8832023048183675)
RETURNS = (0.012, -0.004, 0.007, -0.011, 0.019, 0.003, -0.002, 0.008, -0.015, 0.006, 0.010, -0.001)
TRIED = (0.05, 0.2, -0.1, 0.22, 0.0)


def alphalens_figures() -> dict[str, Any]:
    """Return what ``test_quantiles.py`` holds."""
    import alphalens
    import pandas as pd

    x, y = panel()
    days = pd.date_range("2024-01-01", periods=len(x), freq="D", tz="UTC")
    names = [f"S{j:02d}" for j in range(x.shape[1])]
    index = pd.MultiIndex.from_product([days, names], names=["date", "asset"])
    frame = pd.DataFrame(
        {"1D": y.ravel(), "factor": x.ravel(), "group": ["a" if j % 2 else "b" for j in range(len(names))] * len(x)}, index
    )
    frame["factor_quantile"] = alphalens.utils.quantize_factor(frame, quantiles=5)
    judged, quantile = alphalens.performance, frame["factor_quantile"]
    daily = judged.factor_information_coefficient(frame)["1D"]
    returns = judged.mean_return_by_quantile(frame, by_date=True, demeaned=False)[0]["1D"]
    return {
        "coefficient": [float(value) for value in (daily.mean(), daily.std(), daily.iloc[0], daily.iloc[17])],
        "by group": judged.factor_information_coefficient(frame, by_group=True)["1D"].groupby("group").mean().to_dict(),
        "quantile returns": returns.groupby("factor_quantile").mean().tolist(),
        "members": quantile.value_counts().sort_index().tolist(),
        "turnover": {(q, lag): float(judged.quantile_turnover(quantile, q, lag).mean()) for q in (1, 5) for lag in (1, 3)},
        "autocorrelation": {lag: float(judged.factor_rank_autocorrelation(frame, lag).mean()) for lag in (1, 3)},
    }


def skfolio_figures() -> dict[str, Any]:
    """Return what ``test_sharpe.py`` holds."""
    from skfolio.measures import _measures as theirs

    returns = np.array(RETURNS)
    return {
        "probabilistic": [float(theirs.probabilistic_sharpe_ratio(returns, *hurdle)) for hurdle in ((), (0.1,))],
        "deflated": float(theirs.deflated_sharpe_ratio(returns, np.array(TRIED))),
        "expected maximum": [float(theirs.expected_max_sharpe_ratio(n, s)) for n, s in ((10, 0.05), (100, 0.05), (2.5, 0.2))],
    }


def arch_figures(draws: int = 100_000) -> dict[str, Any]:
    """Return what ``test_inference.py`` and ``test_superior.py`` hold."""
    from arch.bootstrap import SPA, StationaryBootstrap, optimal_block_length

    def superior(values: np.ndarray, kind: Any) -> Any:
        found = SPA(np.zeros(len(values)), -values, block_size=4, reps=draws, bootstrap=kind, seed=1)
        found.compute()
        return found

    cases = ((0, 200, 0.0), (1, 200, 0.5), (2, 500, 0.8), (3, 60, -0.4), (4, 30, 0.9))
    found: dict[str, Any] = {f"blocks {case}": optimal_block_length(autoregression(*case)).to_numpy().tolist() for case in cases}
    for kind in ("stationary", "circular"):
        found[f"SPA {kind}"] = superior(gains(), kind).pvalues.tolist()
    found["variances"] = superior(gains(), "stationary")._loss_diff_var.tolist()
    moved = (gains() + np.array([0.0, 0.35, 0.0, 0.35, 0.0])) / np.sqrt(VARIANCES)
    left, steps = list(range(moved.shape[1])), []
    while left:  # the upper p-value of the best of those that are left
        steps.append((max(left, key=lambda j: moved[:, j].mean()), float(superior(moved[:, left], "stationary").pvalues["upper"])))
        left.remove(steps[-1][0])
    found["steps, best first"] = steps
    drawn = StationaryBootstrap(6, autoregression(1, 200, 0.5), seed=3)
    found["error of a mean, blocks of 6"] = float(np.sqrt(drawn.cov(np.mean, reps=draws)).item())
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, figures in (("alphalens", alphalens_figures), ("skfolio", skfolio_figures), ("arch", arch_figures)):
        for what, value in figures().items():
            print(f"{name}: {what}: {value}", flush=True)
