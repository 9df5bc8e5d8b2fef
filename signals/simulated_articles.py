"""Articles and returns drawn from the model of Ke, Kelly and Xiu: what :mod:`signals.sestm` recovers is compared with what was planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SimulatedArticles", "simulated_articles"]


@dataclass(frozen=True, slots=True)
class SimulatedArticles:
    """Simulated text (synthetic).

    Attributes
    ----------
    counts
        Word counts, shape (articles, words): first the charged words, then the neutral ones.
    returns
        Return of each article.
    tone
        The planted ``p`` of each article, uniform on [0, 1].
    topics
        The planted distributions over the charged words, shape (2, charged): positive, negative.
    """

    counts: NDArray[np.int64]
    returns: NDArray[np.float64]
    tone: NDArray[np.float64]
    topics: NDArray[np.float64]


def simulated_articles(
    n_articles: int,
    *,
    n_charged: int = 60,
    n_neutral: int = 240,
    words_charged: float = 12.0,
    words_neutral: float = 80.0,
    contrast: float = 0.8,
    noise: float = 1.0,
    seed: int,
    topics_seed: int = 0,
) -> SimulatedArticles:
    r"""Return articles whose charged words are multinomial with ``p O+ + (1 - p) O-`` and whose return is ``2 p - 1`` plus noise.

    Parameters
    ----------
    n_articles
        Articles.
    n_charged, n_neutral
        Words that carry tone (half positive, half negative) and words that do not.
    words_charged, words_neutral
        Mean number of each in an article (Poisson).
    contrast
        How far the topics lie apart: :math:`O_{\pm} = F (1 \pm contrast)` over positive words, the other sign over negative ones; at 1
        they are disjoint.
    noise
        Standard deviation of the return's noise (the signal's is :math:`1/\sqrt 3`).
    seed
        Of the articles.
    topics_seed
        Of the words' frequencies: the same number gives the same language.
    """
    language = np.random.default_rng(topics_seed)
    half = n_charged // 2
    frequency = language.dirichlet(np.full(half, 3.0)) / 2
    frequency = np.concatenate([frequency, language.dirichlet(np.full(n_charged - half, 3.0)) / 2])
    sign = np.where(np.arange(n_charged) < half, 1.0, -1.0)
    topics = np.stack([frequency * (1 + contrast * sign), frequency * (1 - contrast * sign)])
    neutral = language.dirichlet(np.full(n_neutral, 1.0))
    rng = np.random.default_rng(seed)
    tone = rng.random(n_articles)
    mixture = tone[:, None] * topics[0] + (1 - tone[:, None]) * topics[1]
    charged_counts = rng.multinomial(rng.poisson(words_charged, n_articles), mixture)
    neutral_counts = rng.multinomial(rng.poisson(words_neutral, n_articles), neutral)
    returns = 2 * tone - 1 + rng.normal(0.0, noise, n_articles)
    return SimulatedArticles(np.hstack([charged_counts, neutral_counts]), returns, tone, topics)
