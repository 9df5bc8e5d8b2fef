"""A synthetic file of posts, the bars beside it, and a small protocol: words and returns tied by a planted effect."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from research.calendar import sessions
from research.instruments import in_effect, shipped
from research.linking import Linker

SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA", "JPM", "XOM")
GOOD, BAD, PLAIN = ("gadget", "ribbon", "willow"), ("mallet", "cobalt", "thimble"), ("said", "store", "people", "street", "office", "team")
PROTOCOL = """
name = "small@1"
seed = 7
[windows]
train = 0.5
validation = 0.2
[decision]
lead_minutes = 30
cross_section = 5
most_delay = 3
[horizon]
cn = 2
hk = 1
us = 1
[portfolio]
most_weight = 0.25
long_only = ["cn"]
[placebo]
draws = 50
exchanged = true
bootstrap = 99
[accuracy]
move = 0.005
[model]
refit = 12
features = ["news_5", "return_5"]
[[variant]]
name = "always_up@1"
kind = "constant"
[[variant]]
name = "reversal@1"
kind = "feature"
feature = "reversal_5"
[[variant]]
name = "momentum@1"
kind = "feature"
feature = "momentum_250_20"
[[variant]]
name = "ridge@1"
kind = "ridge"
alpha = 10.0
[[variant]]
name = "sestm@1"
kind = "sestm"
n_words = 3
penalty = 0.5
"""


def posts(
    effect: float, seed: int = 0, n_days: int = 80, symbols: tuple[str, ...] = SYMBOLS, start: str = "2023-11-01"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a post a symbol and session, and bars: a post's words set the next session's open-to-close return by ``effect``."""
    rng = np.random.default_rng(seed)
    days = sessions("XNYS", start, "2024-05-31").head(n_days)
    news, bars = [], []
    for symbol in symbols:
        close, tone = 100.0, 0.0
        for session, open_at, close_at in days.select("session", "open_at", "close_at").rows():
            move = effect * tone + 0.01 * float(rng.standard_normal())
            opened = close * (1 + 0.002 * float(rng.standard_normal()))
            close = opened * (1 + move)
            bars.append((symbol, session, opened, close))
            tone = float(rng.choice([-1.0, 1.0]))
            words = [*rng.choice(GOOD if tone > 0 else BAD, 2), *rng.choice(PLAIN, 6)]
            news.append((symbol, open_at + (close_at - open_at) * float(rng.random()), " ".join(rng.permutation(words))))
    prices = pl.DataFrame(bars, schema=["symbol", "session", "open", "close"], orient="row")
    high, low = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    told = pl.DataFrame(news, schema=["symbol", "created_at", "text"], orient="row")
    return told, prices.with_columns(high=high, low=low, volume=pl.lit(1e6))


def market(
    folder: Path, effect: float, seed: int = 0, n_days: int = 80, symbols: tuple[str, ...] = SYMBOLS
) -> tuple[Path, Path]:  # fmt: skip
    """Write :func:`posts` as two files into ``folder``."""
    paths = folder / "posts.parquet", folder / "bars.parquet"
    for path, table in zip(paths, posts(effect, seed, n_days, symbols), strict=True):
        table.write_parquet(path)
    return paths


@cache
def _linker() -> Linker:
    return Linker.build(in_effect(shipped()))


@contextmanager
def one_linker() -> Iterator[None]:
    """Build the linker of the shipped instruments once: it is the same for every file, and takes seconds."""
    built = _linker()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backtests.news_tables.Linker.build", lambda _: built)
        yield
