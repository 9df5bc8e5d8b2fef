r"""Tone learned from returns: SESTM, "supervised sentiment extraction via screening and topic modelling".

Ke, Kelly and Xiu (2019), "Predicting Returns with Text Data", NBER working paper 26186. An article has a tone :math:`p_i \in [0, 1]`.
The larger it is, the likelier a positive return; its charged words are drawn from a mixture of two topics,
:math:`p_i O_+ + (1 - p_i) O_-`. Other words say nothing. The algorithm:

1. Screening (:func:`screen_words`). For each word, over the :math:`k_j` articles that hold it, :math:`f_j` is the share with a positive
   return. :math:`\hat\pi` is that share over all articles. The charged words are

   .. math:: \hat S = \{j: f_j \ge \hat\pi + \alpha_+ \text{ or } f_j \le \hat\pi - \alpha_-\} \cap \{j: k_j \ge \kappa\}.

2. Topics (:func:`estimate_topics`). The return's rank stands for the tone: :math:`\hat p_i = \mathrm{rank}(y_i) / n`. With
   :math:`\tilde d_i = d_{i,\hat S} / s_i`, an article's counts of charged words over their sum, regress :math:`\tilde D` on
   :math:`\hat W = [\hat p;\, 1 - \hat p]`: :math:`\hat O = \tilde D \hat W' (\hat W \hat W')^{-1}`. Set negative entries to zero and make
   each column sum to one.

3. Scoring (:func:`score_articles`). For an article, maximise over :math:`p \in [0, 1]`

   .. math:: \frac{1}{s} \sum_{j \in \hat S} d_j \log\bigl(p \hat O_{+,j} + (1 - p) \hat O_{-,j}\bigr) + \lambda \log\bigl(p (1 - p)\bigr).

   The penalty pulls towards 1/2; an article without a charged word scores 1/2.

:class:`SESTM` is the three steps as a scikit-learn estimator. What :math:`\hat O` estimates (the paper's theorem on the topics) is
:math:`F \pm \rho T` with :math:`F = (O_+ + O_-)/2`, :math:`T = (O_+ - O_-)/2` and
:math:`\rho = \frac{12}{n} \sum_i (p_i - \frac12)(\hat p_i - \frac12)`: as returns are noisy, :math:`\rho < 1` and the scores are
spread more than the tones are, in the same order.

Returns of zero count as not positive. Ties share their mean rank. An article without charged words does not enter the regression of step 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.stats import rankdata, spearmanr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from research.errors import EstimationError, SchemaError, UsageError

__all__ = ["SESTM", "Screen", "estimate_topics", "score_articles", "screen_words"]

#: the scores are exact to this, and the search ends after so many steps at the latest (each at least halves the interval)
_TOLERANCE, _STEPS = 1e-12, 100


@dataclass(frozen=True, slots=True)
class Screen:
    """Step 1, one value per word: articles with the word, their share with a positive return (NaN for none), whether it is charged."""

    articles: NDArray[np.int64]
    positive_share: NDArray[np.float64]
    charged: NDArray[np.bool_]


class SESTM(BaseEstimator):  # type: ignore[misc]
    r"""The paper's estimator: ``fit`` on word counts and returns, ``predict`` a tone in (0, 1).

    Parameters
    ----------
    alpha_plus, alpha_minus
        How far a charged word's share of positive returns lies above or below that of all articles.
    n_words
        Instead of the alphas: the number of words on either side (words that tie with the last one are in), as the paper tunes it.
    min_articles
        :math:`\kappa`: articles a word must occur in.
    penalty
        :math:`\lambda > 0`.

    Attributes
    ----------
    screen_
        :class:`Screen` of the training articles.
    topics_
        :math:`\hat O`, shape (2, charged words): positive, negative.
    """

    def __init__(
        self,
        *,
        alpha_plus: float = 0.05,
        alpha_minus: float = 0.05,
        n_words: int | None = None,
        min_articles: int = 10,
        penalty: float = 1.0,
    ) -> None:
        self.alpha_plus = alpha_plus
        self.alpha_minus = alpha_minus
        self.n_words = n_words
        self.min_articles = min_articles
        self.penalty = penalty

    def fit(self, X: Any, y: ArrayLike | None) -> Self:
        """Learn the charged words and their topics.

        Parameters
        ----------
        X
            Counts, shape (articles, words), dense or sparse; not negative.
        y
            Returns of the articles, finite.

        Raises
        ------
        EstimationError
            A return is missing, returns do not vary, or no word passes the screen.
        """
        if y is None:
            raise UsageError("No returns came (requires y); expected one for each article.")
        returns = np.asarray(y)
        if returns.dtype.kind == "f" and not np.isfinite(returns).all():
            raise EstimationError(f"{int((~np.isfinite(returns)).sum())} returns are missing or infinite; leave those articles out.")
        X, returns = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64, y_numeric=True)
        counts = _counts(X)
        if not self.penalty > 0:
            raise UsageError(f"penalty came as {self.penalty}; expected a positive number.")
        self.screen_ = screen_words(
            counts, returns, alpha_plus=self.alpha_plus, alpha_minus=self.alpha_minus, n_words=self.n_words, min_articles=self.min_articles
        )
        self.topics_ = estimate_topics(counts[:, self.screen_.charged], returns)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the tone of each article, in (0, 1); 1/2 for one without charged words."""
        check_is_fitted(self)
        counts = _counts(validate_data(self, X, reset=False, accept_sparse="csr", dtype=np.float64))
        return score_articles(counts[:, self.screen_.charged], self.topics_, penalty=self.penalty)

    def score(self, X: Any, y: ArrayLike) -> float:
        """Return the rank correlation of tone and return: the tone is no return, so an R² would say nothing."""
        return float(spearmanr(self.predict(X), np.asarray(y, dtype=np.float64)).statistic)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.positive_only = tags.target_tags.required = True
        return tags


def screen_words(
    counts: sparse.csr_array,
    returns: NDArray[np.float64],
    *,
    alpha_plus: float = 0.05,
    alpha_minus: float = 0.05,
    n_words: int | None = None,
    min_articles: int = 10,
) -> Screen:
    """Return step 1 of the algorithm; parameters as for :class:`SESTM`."""
    if min(alpha_plus, alpha_minus) < 0 or (n_words is not None and n_words < 1) or min_articles < 1:
        raise UsageError(
            f"alpha_plus, alpha_minus, n_words and min_articles came as {alpha_plus}, {alpha_minus}, {n_words} and {min_articles}; "
            "expected alphas from 0 up, whole numbers from 1 up."
        )
    positive = (returns > 0).astype(np.float64)
    width = counts.shape[1]
    articles = np.bincount(counts.indices, minlength=width).astype(np.float64)
    rises = np.bincount(counts.indices, np.repeat(positive, np.diff(counts.indptr)), minlength=width)
    share = np.full(width, np.nan)
    np.divide(rises, articles, out=share, where=articles > 0)
    tilt = share - positive.mean()
    eligible = articles >= min_articles
    if n_words is None:
        charged = eligible & ((tilt >= alpha_plus) | (tilt <= -alpha_minus)) & (tilt != 0)
    else:
        charged = eligible & (_largest(tilt, eligible, n_words) | _largest(-tilt, eligible, n_words))
    if not charged.any():
        raise EstimationError(
            f"None of {int(eligible.sum())} words in at least {min_articles} articles is charged; expected a lower alpha or more articles."
        )
    return Screen(articles.astype(np.int64), share, charged)


def estimate_topics(counts: sparse.csr_array, returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return step 2: the topics over the columns of ``counts`` (charged words only), shape (2, words), each row adding up to 1."""
    total = np.asarray(counts.sum(axis=1)).ravel()
    used = total > 0
    tone = (rankdata(returns) / returns.size)[used]
    weights = np.stack([tone, 1 - tone])
    if tone.size < 2 or np.ptp(tone) == 0:
        raise EstimationError(
            f"The returns of the {tone.size} articles with charged words do not vary; expected at least two different ones."
        )
    shares = sparse.diags_array(1 / total[used]) @ counts[used]
    topics = np.linalg.solve(weights @ weights.T, np.asarray((shares.T @ weights.T).T))
    topics = np.clip(topics, 0.0, None)
    return np.asarray(topics / topics.sum(axis=1, keepdims=True), dtype=np.float64)


def score_articles(counts: sparse.csr_array, topics: NDArray[np.float64], *, penalty: float) -> NDArray[np.float64]:
    """Return step 3 for each row of ``counts`` (charged words only).

    The objective is concave: its derivative is brought to zero by Newton steps for all articles at once, by halving where a step would
    leave the interval known to hold the solution.
    """
    counts = sparse.csr_array(counts)
    n = counts.shape[0]
    row = np.repeat(np.arange(n), np.diff(counts.indptr))
    total = np.bincount(row, counts.data, minlength=n)
    base, slope = topics[1][counts.indices], (topics[0] - topics[1])[counts.indices]
    # A word that both topics gave weight zero says nothing about p, and log 0 is no number.
    known = (base > 0) | (slope > 0)
    share = np.where(known, counts.data / total[row], 0.0)
    base = np.where(known, base, 1.0)
    p, low, high, done = np.full(n, 0.5), np.zeros(n), np.ones(n), np.zeros(n, dtype=np.bool_)
    for _ in range(_STEPS):
        ratio = slope / (base + p[row] * slope)
        first = np.bincount(row, share * ratio, minlength=n) + penalty * (1 / p - 1 / (1 - p))
        second = -np.bincount(row, share * ratio**2, minlength=n) - penalty * (1 / p**2 + 1 / (1 - p) ** 2)
        low, high = np.where(first > 0, p, low), np.where(first < 0, p, high)
        step = p - first / second
        inside = (step > low) & (step < high)
        new = np.where(done | (first == 0), p, np.where(inside, step, (low + high) / 2))
        # Each article stops by itself: its score does not depend, to the last bit, on what it is scored with.
        done |= np.abs(new - p) < _TOLERANCE
        p = new
        if done.all():
            break
    return np.asarray(p, dtype=np.float64)


def _largest(value: NDArray[np.float64], eligible: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Return the ``n`` largest positive values among the eligible, and what ties with the last of them."""
    chosen = np.sort(value[eligible & (value > 0)])[::-1][:n]
    return (value >= chosen[-1]) & (value > 0) if chosen.size else np.zeros(value.size, dtype=np.bool_)


def _counts(X: Any) -> sparse.csr_array:
    counts = sparse.csr_array(X)
    if counts.nnz and counts.data.min() < 0:
        raise SchemaError("counts", "X", f"a count of {counts.data.min()}", "counts from 0 up")
    counts.eliminate_zeros()
    return counts
