"""Fit ``tone_views.npz`` and ``tone_trees_*.npz`` on articles written and labelled for this project.

Run it when the articles, the rules of tone or the evidence of :mod:`research.tone_articles` change::

    python research/data/build_tone_weights.py tests/golden/articles

Steps: (1) read the articles as ``tidings ingest`` does and take each labelled instrument's evidence (:func:`labelled`); (2) fit the two
linear models of the words around a name (:func:`views`); (3) for each article take their log-odds from models that have not seen it
(:func:`unseen`); (4) grow trees over all evidence for each of the two ways (:func:`trees`); (5) write all. The same articles give the same
bytes. With ``--folds`` nothing is written: what trees say of articles they have not seen is compared with the labels.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from research import documents, sentiment, tone_articles
from research.data.build_event_weights import planted, rows_of
from research.event_grams import GROUPS
from research.event_trees import Trees
from research.facts import spans_by_document
from research.instruments import shipped
from research.linking import Linker
from research.sources import Article
from research.tone_articles import NAMES, Told
from research.tone_views import WAYS, Views, bagged

__all__ = ["Labelled", "labelled", "main", "trees", "unseen", "views"]

HERE = Path(__file__).parent
_FOLDS, _PENALTY = 5, 3.0
_SIGN = {"bad": -1, "good": 1}
#: roles of the labels that are only quoted
_QUOTED = frozenset({"attribution", "research_source", "agency", "data_source", "commentator"})
_GROWTH: dict[str, Any] = {
    "learning_rate": 0.05, "max_iter": 150, "max_leaf_nodes": 12, "min_samples_leaf": 40, "l2_regularization": 20.0, "max_features": 0.5,
}  # fmt: skip
#: trees here know no groups
_NO_TRAITS = np.zeros((len(GROUPS), 0))


@dataclass(frozen=True, slots=True)
class Labelled:
    """One instrument of one article, and the sign of its tone."""

    doc_id: str
    told: Told
    sign: int


def labelled(rows: Sequence[Mapping[str, Any]]) -> list[Labelled]:
    """Return what the articles tell of every instrument with a labelled tone."""
    articles = [
        Article("news", "written", row["title"], row["body"], None, datetime.fromisoformat(row["published_at"]).astimezone(UTC))
        for row in rows
    ]
    built = documents.build(articles).documents
    named = spans_by_document(Linker.build(shipped()).spans(built))
    by_title = {document["headline"]: document for document in built.iter_rows(named=True)}
    found = []
    for row in rows:
        document = by_title.get(row["title"].strip())
        spans = named.get(document["doc_id"], []) if document is not None else []
        if document is None or not spans:
            continue
        told = {one.symbol: one for one in sentiment.told_of_article(document, spans)}
        for entity in row["entities"]:
            symbols = [s for s in (entity.get("symbol"), *(entity.get("alt_symbols") or ()), *(entity.get("also") or ())) if s in told]
            if symbols and entity.get("sentiment") is not None and entity.get("role") not in _QUOTED:
                found.append(Labelled(row["doc_id"], told[symbols[0]], int(entity["sentiment"])))
    return found


def views(held: Sequence[Labelled]) -> Views:
    """Fit the linear models of the words around a name."""
    bag = bagged([one.told.views for one in held]).astype(np.float64)
    fitted = []
    for way in WAYS:
        fresh = LogisticRegression(C=_PENALTY, solver="liblinear", dual=True, tol=1e-3, max_iter=1000, random_state=0)
        fitted.append(fresh.fit(bag, [one.sign == _SIGN[way] for one in held]))
    weights = np.column_stack([model.coef_[0] for model in fitted])
    return Views(weights.astype(np.float32), np.array([model.intercept_[0] for model in fitted], dtype=np.float32))


def _folds(held: Sequence[Labelled], seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the fold of each instrument: all of one article are in the same."""
    articles = sorted({one.doc_id for one in held})
    fold = dict(zip(articles, np.random.default_rng(seed).permutation(len(articles)) % _FOLDS, strict=True))
    return np.array([fold[one.doc_id] for one in held], dtype=np.int64)


def unseen(held: Sequence[Labelled], seed: int = 0) -> npt.NDArray[np.float64]:
    """Return the log-odds of each instrument's views by models fitted on the other folds."""
    fold = _folds(held, seed)
    odds = np.zeros((len(held), len(WAYS)))
    for left in range(_FOLDS):
        model = views([one for one, f in zip(held, fold, strict=True) if f != left])
        (there,) = (fold == left).nonzero()
        odds[there] = model.log_odds([held[place].told.views for place in there])
    return odds


def trees(held: Sequence[Labelled], odds: npt.NDArray[np.float64]) -> dict[str, Trees]:
    """Grow the trees over the evidence of every instrument, for each way."""
    table = tone_articles.tabled([one.told for one in held], odds)
    found = {}
    for way in WAYS:
        model = HistGradientBoostingClassifier(**_GROWTH, early_stopping=False, random_state=0)
        with threadpool_limits(1):  # the order of sums, and so the last digit, is that of one thread
            model.fit(table, [one.sign == _SIGN[way] for one in held])
        found[way] = planted(model, NAMES, _NO_TRAITS)
    return found


def _left_out(held: Sequence[Labelled], odds: npt.NDArray[np.float64]) -> None:
    """Print how often the sign of the tone is right, and how often the opposite, on articles the trees have not seen."""
    fold, sign = _folds(held, 1), np.array([one.sign for one in held])
    difference = np.zeros(len(held))
    for left in range(_FOLDS):
        (here,), (there,) = (fold != left).nonzero(), (fold == left).nonzero()
        grown = trees([held[place] for place in here], odds[here])
        table = tone_articles.tabled([held[place].told for place in there], odds[there])
        bad, good = (1 / (1 + np.exp(-grown[way].grown(table))) for way in WAYS)
        difference[there] = good - bad
    rules = np.array([one.told.rules for one in held])
    for name, tone, least in (("rules", rules, 0.1), ("trees", difference, 0.3)):
        said = np.where(tone > least, 1, np.where(tone < -least, -1, 0))
        print(f"{name}: right {np.mean(said == sign):.4f}, opposite {np.mean(said * sign == -1):.4f} of {len(held)}")


def main() -> None:
    """Fit on the folder named on the command line and write all files beside this script."""
    held = labelled(rows_of(Path(sys.argv[1])))
    odds = unseen(held)
    if "--folds" in sys.argv:
        _left_out(held, odds)
        return
    for way, found in trees(held, odds).items():
        found.save(HERE / f"tone_trees_{way}.npz")
    model = views(held)
    scale = np.maximum(np.abs(model.weights).max(axis=0), 1e-6) / 127
    whole = np.round(model.weights / scale).astype(np.int8)  # weights as whole numbers of one byte
    np.savez_compressed(HERE / "tone_views.npz", weights=whole, scale=scale.astype(np.float32), intercepts=model.intercepts)
    print(f"{len({one.doc_id for one in held})} articles, {len(held)} instruments")


if __name__ == "__main__":
    main()
