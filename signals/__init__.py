"""Views formed from facts already known.

A panel gathers the news by (session, symbol); features are polars expressions over it; transforms turn a feature into a signal.
"""

from signals.features import abnormal_count, change, decayed_mean, decayed_sum, dispersion, last, rolling_sum, sessions_since
from signals.panel import panel
from signals.pointintime import assign, cutoffs
from signals.publish import RECIPES, generate, history
from signals.schemas import TABLES
from signals.transforms import rank, winsorise, zscore

__all__ = [
    "RECIPES",
    "TABLES",
    "abnormal_count",
    "assign",
    "change",
    "cutoffs",
    "decayed_mean",
    "decayed_sum",
    "dispersion",
    "generate",
    "history",
    "last",
    "panel",
    "rank",
    "rolling_sum",
    "sessions_since",
    "winsorise",
    "zscore",
]
