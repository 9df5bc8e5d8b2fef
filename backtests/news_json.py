"""A study of dated news for machines: every figure as it was computed, with its interval, its n, how it was computed, and its trial."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from backtests.news_study import MarketStudy, NewsStudy
from backtests.protocol import Protocol

__all__ = ["as_json", "methods"]

#: kinds of variant that read no news, with the features they may use
_NO_NEWS = ("return_", "momentum_", "reversal_", "volatility_", "abnormal_volume_", "largest_return_")


def as_json(study: NewsStudy, verdicts: Mapping[str, str]) -> str:
    """Return the study as JSON.

    Parameters
    ----------
    study
        What was found.
    verdicts
        The sentences of each market, by market.

    Returns
    -------
    str
        An object with ``name, news_id, protocol, notes, left_out, n_trials, markets, labels``. A market holds ``results`` (a row a variant
        and window, the test ones with the ``trial_id`` of the ledger), ``placebos``, ``selection`` and ``methods``. Returns are fractions,
        days ISO text, what is missing null.
    """
    protocol = study.protocol
    content = {
        "name": study.name,
        "news_id": study.news_id,
        "protocol": {"name": protocol.name, "protocol_id": protocol.protocol_id, "seed": protocol.seed},
        "notes": list(study.notes),
        "left_out": list(study.left_out),
        "n_trials": study.n_trials,
        "markets": [_market(market, protocol, verdicts[market.market]) for market in study.markets],
        "labels": None if study.labels is None else study.labels.to_dicts(),
    }
    return json.dumps(_plain(content), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def methods(market: MarketStudy, protocol: Protocol) -> dict[str, str]:
    """Return how each figure of a market was computed, by the name it has in ``results``, ``placebos`` or ``selection``."""
    sessions = "sessions resampled in blocks (stationary bootstrap of Politis and Romano, length by Politis and White)"
    ordered = (
        "mean over sessions of Spearman's correlation of score and forward return; Newey-West error, Student's t"
        if market.wide
        else f"Spearman's correlation over all rows of the window; {sessions}, {protocol.bootstrap} draws"
    )
    side = "above the session's median" if market.wide else "above zero"
    short = "" if market.market in protocol.long_only else ", those on the other side sold short"
    return {
        "ic": ordered,
        "accuracy": f"share of rows whose side (score {side}) is the sign of the return; p against one half; {sessions}",
        "accuracy_beyond": f"the same, of returns beyond {protocol.move:g} either way",
        "net_return": f"mean return of capital a session, names {side} bought at the next open{short}, held {market.horizon} sessions, "
        f"at most {protocol.most_weight:g} in a name, less costs; Newey-West error, Student's t; n is n_days",
        "shuffled_ic": f"ic with the sessions of the returns permuted: mean and 95 % band of {protocol.draws} draws",
        "late_ic": "ic with the return that begins one session later",
        "early_ic": "ic with the return that was over at the decision: what a look-ahead is worth, no placebo",
        "exchanged_ic": "ic after all was run again, fits included, with what each mention says given to another mention at random",
        "deflated": "probability of a true Sharpe ratio above zero after all trials of the ledger (Bailey and López de Prado)",
        "p_consistent": "Hansen's test that no variant beats cash",
        "reality_check": "White's",
        "overfitting": "share of splits in which the best in one half is no better than the median in the other (CSCV)",
    }


def _market(market: MarketStudy, protocol: Protocol, verdict: str) -> dict[str, Any]:
    windows = market.windows
    selection = None
    if market.judged is not None:
        found, spa = market.judged, market.judged.superior
        selection = {
            "n_trials": found.search.n_trials, "effective_trials": found.search.effective, "counting": found.search.counting,
            "n_periods": found.n_periods,
            **{name: None if spa is None else getattr(spa, name) for name in ("p_lower", "p_consistent", "p_upper")},
            "reality_check": found.reality_check,
            "overfitting": None if found.overfitting is None else found.overfitting.probability, "notes": list(found.notes),
            "trials": found.table.to_dicts(),
        }  # fmt: skip
    baseline = {v.name: v.kind == "constant" or str(v.settings.get("feature", "")).startswith(_NO_NEWS) for v in protocol.variants}
    results = [{**row, "baseline": baseline[row["variant"]]} for row in market.table.iter_rows(named=True)]
    return {
        "market": market.market, "verdict": verdict, "horizon": market.horizon, "delay": market.delay, "wide": market.wide,
        "windows": {name: getattr(windows, name) for name in ("validation", "test", "n_train", "n_validation", "n_test")},
        "n_rows": market.n_rows, "n_symbols": market.n_symbols, "chosen": market.chosen, "results": results,
        "placebos": market.placebos.to_dicts(), "selection": selection, "failed": dict(market.failed), "note": market.note,
        "methods": methods(market, protocol),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Return what JSON can hold: days as text, NaN and infinities as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
