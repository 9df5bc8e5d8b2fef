"""Views formed from facts already known.

A panel gathers the news by (session, symbol); features are polars expressions over it; transforms turn a feature into a signal.
"""

from typing import TYPE_CHECKING, Any

from signals.aggregates import others_mean, relative, section_dispersion, share
from signals.combine import equal_weighted, ic_weighted, ridge_stacked, smoothed, turnover_smoothed
from signals.features import (
    abnormal_count,
    agreement,
    attention_trend,
    bullishness,
    change,
    crossover,
    decayed_mean,
    decayed_ratio,
    decayed_sum,
    disagreement,
    dispersion,
    highest,
    last,
    lowest,
    ratio,
    rolling_sum,
    sessions_since,
    surprise,
)  # fmt: skip
from signals.library import library, library_parts
from signals.links import co_mentions, spillover, twins
from signals.model import gradient_boosting, logistic, ridge, text_tone, through_time
from signals.panel import panel, with_sectors
from signals.pointintime import assign, assign_everywhere, cutoffs
from signals.publish import RECIPES, generate, history, replay
from signals.recipes import FEATURE_RECIPES, signal_of, store_model
from signals.sample_weights import average_uniqueness
from signals.schemas import TABLES
from signals.splits import combinatorial, walk_forward
from signals.transforms import neutralise, rank, standardise, winsorise, zscore

if TYPE_CHECKING:
    from signals.sestm import SESTM

__all__ = [
    "FEATURE_RECIPES",
    "RECIPES",
    "SESTM",
    "TABLES",
    "abnormal_count",
    "agreement",
    "assign",
    "assign_everywhere",
    "attention_trend",
    "average_uniqueness",
    "bullishness",
    "change",
    "co_mentions",
    "combinatorial",
    "crossover",
    "cutoffs",
    "decayed_mean",
    "decayed_ratio",
    "decayed_sum",
    "disagreement",
    "dispersion",
    "equal_weighted",
    "generate",
    "gradient_boosting",
    "highest",
    "history",
    "ic_weighted",
    "last",
    "library",
    "library_parts",
    "logistic",
    "lowest",
    "neutralise",
    "others_mean",
    "panel",
    "rank",
    "ratio",
    "relative",
    "replay",
    "ridge",
    "ridge_stacked",
    "rolling_sum",
    "section_dispersion",
    "sessions_since",
    "share",
    "signal_of",
    "smoothed",
    "spillover",
    "standardise",
    "store_model",
    "surprise",
    "text_tone",
    "through_time",
    "turnover_smoothed",
    "twins",
    "walk_forward",
    "winsorise",
    "with_sectors",
    "zscore",
]


def __getattr__(name: str) -> Any:
    if name != "SESTM":  # the only name that loads scikit-learn
        raise AttributeError(f"module 'signals' has no attribute {name!r}")
    from signals.sestm import SESTM

    return SESTM
