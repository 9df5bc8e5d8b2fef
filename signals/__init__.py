"""Views formed from facts already known.

A panel gathers the news by (session, symbol); features are polars expressions over it; transforms turn a feature into a signal.
"""

from signals.aggregates import others_mean, relative, section_dispersion, share
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
from signals.library import library
from signals.links import co_mentions, spillover, twins
from signals.panel import panel, with_sectors
from signals.pointintime import assign, assign_everywhere, cutoffs
from signals.publish import RECIPES, generate, history
from signals.schemas import TABLES
from signals.transforms import neutralise, rank, standardise, winsorise, zscore

__all__ = [
    "RECIPES",
    "TABLES",
    "abnormal_count",
    "agreement",
    "assign",
    "assign_everywhere",
    "attention_trend",
    "bullishness",
    "change",
    "co_mentions",
    "crossover",
    "cutoffs",
    "decayed_mean",
    "decayed_ratio",
    "decayed_sum",
    "disagreement",
    "dispersion",
    "generate",
    "highest",
    "history",
    "last",
    "library",
    "lowest",
    "neutralise",
    "others_mean",
    "panel",
    "rank",
    "ratio",
    "relative",
    "rolling_sum",
    "section_dispersion",
    "sessions_since",
    "share",
    "spillover",
    "standardise",
    "surprise",
    "twins",
    "winsorise",
    "with_sectors",
    "zscore",
]
