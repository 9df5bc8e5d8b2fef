"""Fit ``event_grams.npz`` and ``event_trees_*.npz`` on articles written and labelled for this project.

Run it when the articles, the taxonomy or the evidence of :mod:`research.event_evidence` change::

    python research/data/build_event_weights.py tests/golden/articles

Steps: (1) read the labelled articles (:func:`labelled`) and the single sentences beside them (:func:`single`); (2) fit one linear model
of characters a group on the sentences of both (:func:`grams`); (3) for each article take the characters' scores from models that have
not seen it (:func:`unseen`); (4) grow trees over the evidence (:func:`trees`); (5) write both. The same articles and seed give the same
bytes.

Two readers labelled most articles, the second without sight of the first (``second``). What both list is an event, what one lists is half
of one: the trees are grown on these shares, which say more than either reader alone. Articles without ``second`` have one reading.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from research import cleaning, documents, events
from research.event_grams import GROUPS, SIZE, Grams, bags
from research.event_pairs import KINDS, weighed_as
from research.event_trees import Trees, tabled
from research.facts import spans_by_document
from research.instruments import shipped
from research.linking import Linker
from research.mentions import mentions
from research.moves import Span
from research.sentences import Sentence, sentences
from research.sentiment import tones
from research.sources import Article

__all__ = ["Labelled", "Single", "grams", "grown", "labelled", "main", "planted", "read", "single", "trees", "unseen"]

HERE = Path(__file__).parent
_FOLDS, _GRAM_PENALTY = 5, 30.0
#: how the trees are grown
_GROWTH: dict[str, Any] = {
    "learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 16, "min_samples_leaf": 30, "l2_regularization": 20.0, "max_features": 0.3,
}  # fmt: skip
#: least sentences a group needs for a model of its own
_FEWEST = 4
#: sentences from which on a gram is frequent
_FREQUENT = 5
#: what one reader lists: groups, and the listings of their subjects
Reading = Sequence[tuple[str, frozenset[str | None]]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One article as the reader sees it, and what its labels say."""

    document: Mapping[str, Any]
    spans: Sequence[Any]
    mentions: Mapping[str, Mapping[str, Any]]
    bag: sparse.csr_matrix
    listed: npt.NDArray[np.bool_]
    readings: Sequence[Reading]

    def share(self, group: str, symbol: str | None) -> float:
        """Return the share of the readers who list an event of this group and subject."""
        return sum(any(group == g and symbol in symbols for g, symbols in reading) for reading in self.readings) / len(self.readings)


@dataclass(frozen=True, slots=True)
class Single:
    """Sentences without an article, a row each, and the groups they report."""

    bag: sparse.csr_matrix
    listed: npt.NDArray[np.bool_]


def single(path: Path) -> Single:
    """Read lines of ``group<TAB>sentence``; ``▮`` stands for the name of an instrument, ``none`` for no event, ``#`` begins a comment."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    table, listed = [], np.zeros((len(lines), len(GROUPS)), dtype=bool)
    for row, (group, sentence) in enumerate(lines):
        plain = cleaning.plain(sentence)
        names = [Span("", "▮", place, place + 1) for place, char in enumerate(plain) if char == "▮"]
        table.append(_table(plain, names, [Sentence(0, len(plain))]))
        if group != "none":
            listed[row, GROUPS.index(group)] = True
    return Single(sparse.csr_matrix(sparse.vstack(table)), listed)


def _table(plain: str, names: Sequence[Span], parts: Sequence[Sentence]) -> sparse.csr_matrix:
    """Return how often each gram stands in each sentence, divided by the root of the sentence's grams."""
    places, owners, sizes = bags(plain, names, parts)
    counts = sparse.csr_matrix((np.ones(len(places), dtype=np.float32), (owners, places)), shape=(len(parts), SIZE))
    return sparse.csr_matrix(sparse.diags(1.0 / np.sqrt(sizes)) @ counts)


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the labelled articles of a folder: every line of its ``*.jsonl.gz``, ordered by id."""
    lines = [line for path in sorted(folder.glob("*.jsonl.gz")) for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()]
    return sorted((json.loads(line) for line in lines if line.strip()), key=lambda row: row["doc_id"])


def labelled(rows: Sequence[Mapping[str, Any]]) -> list[Labelled]:
    """Read the articles as ``tidings ingest`` does and tie the labels to their sentences and subjects."""
    linker = Linker.build(shipped())
    articles = [
        Article("news", "written", row["title"], row["body"], None, datetime.fromisoformat(row["published_at"]).astimezone(UTC))
        for row in rows
    ]
    built = documents.build(articles).documents
    spans = linker.spans(built)
    named = spans_by_document(spans)
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for mention in mentions(built, spans, tones(built, spans)).iter_rows(named=True):
        known.setdefault(mention["doc_id"], {})[mention["symbol"]] = mention
    by_title = {row["headline"]: row for row in built.iter_rows(named=True)}
    found = []
    for row in rows:
        document = by_title.get(row["title"].strip())
        if document is None:
            continue
        bag, listed = _sentences(document, named.get(document["doc_id"], []), row)
        found.append(Labelled(document, named.get(document["doc_id"], []), known.get(document["doc_id"], {}), bag, listed, _readings(row)))
    return found


def _sentences(
    document: Mapping[str, Any], names: Sequence[Any], row: Mapping[str, Any]
) -> tuple[sparse.csr_matrix, npt.NDArray[np.bool_]]:
    text = document["headline"] + "\n" + document["body"]
    plain = cleaning.plain(text)
    parts = sentences(plain, len(document["headline"]) + 1)
    listed = np.zeros((len(parts), len(GROUPS)), dtype=bool)
    for event in [*row["events"], *row.get("second", ())]:
        at = text.find(event["evidence"])
        for index, part in enumerate(parts):
            listed[index, GROUPS.index(event["type"])] |= at >= 0 and part.start <= at < part.end
    return _table(plain, names, parts), listed


def _readings(row: Mapping[str, Any]) -> list[Reading]:
    listings: dict[str, frozenset[str | None]] = {}
    for entity in row["entities"]:
        symbols = frozenset(s for s in (entity.get("symbol"), *(entity.get("alt_symbols") or ()), *(entity.get("also") or ())) if s)
        listings.update(dict.fromkeys(symbols, symbols))
    unlisted: frozenset[str | None] = frozenset({None})
    readings: list[Reading] = []
    for events_ in (row["events"], row.get("second")):
        if events_ is not None:
            keys = dict.fromkeys((event["type"], event["subject"]) for event in events_)
            readings.append([(group, listings.get(subject, unlisted)) for group, subject in keys])
    return readings


def grams(articles: Iterable[Labelled], more: Single) -> Grams:
    """Fit one linear model of characters for each group on the sentences of ``articles`` and ``more``."""
    held = list(articles)
    rarity = _rarity([one.bag for one in held])
    bag = sparse.csr_matrix(sparse.vstack([*(one.bag for one in held), more.bag]) @ sparse.diags(rarity), dtype=np.float64)
    listed = np.vstack([*(one.listed for one in held), more.listed])
    weight = np.zeros((SIZE, len(GROUPS)), dtype=np.float32)
    intercept = np.full(len(GROUPS), -8.0, dtype=np.float32)
    for column in range(len(GROUPS)):
        if listed[:, column].sum() >= _FEWEST:
            fresh = LogisticRegression(C=_GRAM_PENALTY, solver="liblinear", dual=True, tol=1e-3, max_iter=1000, random_state=0)
            model = fresh.fit(bag, listed[:, column])
            weight[:, column], intercept[column] = model.coef_[0] * rarity, model.intercept_[0]
    return Grams(weight, intercept)


def _rarity(bags_: Sequence[sparse.csr_matrix]) -> npt.NDArray[np.float64]:
    """Return the root of each gram's inverse sentence frequency, of mean 1 over the frequent ones: rare grams may weigh more."""
    table = sparse.vstack(bags_)
    times = np.asarray((table > 0).sum(axis=0)).ravel()
    inverse = np.log((table.shape[0] + 1) / (times + 1)) + 1
    return np.asarray(np.sqrt(inverse / inverse[times > _FREQUENT].mean()), dtype=np.float64)


def scored(model: Grams, one: Labelled) -> npt.NDArray[np.float64]:
    """Return the probability of each group for each sentence of an article."""
    logits = one.bag @ model.weights + model.intercepts
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30))), dtype=np.float64)


def unseen(articles: Sequence[Labelled], more: Single, seed: int = 0) -> list[npt.NDArray[np.float64]]:
    """Return each article's scores by a model fitted on the other folds."""
    fold = np.random.default_rng(seed).permutation(len(articles)) % _FOLDS
    models = [grams((one for one, f in zip(articles, fold, strict=True) if f != left), more) for left in range(_FOLDS)]
    return [scored(models[f], one) for one, f in zip(articles, fold, strict=True)]


def trees(articles: Sequence[Labelled], scores: Sequence[npt.NDArray[np.float64]]) -> dict[str, Trees]:
    """Grow the trees over the evidence of every pair, for moves of prices and for all else."""
    rows: dict[str, list[tuple[str, dict[str, float]]]] = {kind: [] for kind in KINDS}
    shares: dict[str, list[float]] = {kind: [] for kind in KINDS}
    lists = []
    for one, score in zip(articles, scores, strict=True):
        pairs = events.pairs_of(one.document, one.spans, one.mentions, score)
        for pair, row in events.evidence_of(one.document, pairs, one.mentions, score):
            kind, share = weighed_as(pair.group), one.share(pair.group, pair.symbol)
            rows[kind].append((pair.group, row))
            shares[kind].append(share)
            lists.append((GROUPS.index(pair.group), pair.symbol is None, share))
    traits = _traits(lists)
    return {kind: grown(rows[kind], np.array(shares[kind]), traits) for kind in KINDS}


def _traits(lists: Sequence[tuple[int, bool, float]]) -> npt.NDArray[np.float64]:
    """Return for each group the share of its pairs that are listed, and of those the share that are nobody's with a symbol."""
    group, nobody, share = (np.array(column) for column in zip(*lists, strict=True))
    listed = np.bincount(group, share, len(GROUPS))
    of_all = (listed + 1) / (np.bincount(group, minlength=len(GROUPS)) + 4)  # few pairs say little
    return np.column_stack([of_all, (np.bincount(group, share * nobody, len(GROUPS)) + 1) / (listed + 4)])


def grown(rows: Sequence[tuple[str, Mapping[str, float]]], shares: npt.NDArray[np.float64], traits: npt.NDArray[np.float64]) -> Trees:
    """Grow trees that tell the shares from the evidence: a share is that much of an event and the rest of none."""
    names = sorted({name for _, row in rows for name in row})
    table = tabled(rows, names, traits)
    model = HistGradientBoostingClassifier(**_GROWTH, early_stopping=False, random_state=0)
    with threadpool_limits(1):  # the order of sums, and so the last digit, is that of one thread
        model.fit(np.vstack([table, table]), np.repeat([1, 0], len(shares)), np.concatenate([shares, 1 - shares]))
    return planted(model, names, traits)


def planted(model: HistGradientBoostingClassifier, names: Sequence[str], traits: npt.NDArray[np.float64]) -> Trees:
    """Return the trees of a fitted model in flat arrays."""
    nodes = [tree.nodes for (tree,) in model._predictors]
    roots = np.cumsum([0, *map(len, nodes)])[:-1]
    flat = np.concatenate(nodes)
    leaf, itself = flat["is_leaf"].astype(bool), np.arange(len(flat))
    first = np.repeat(roots, [len(one) for one in nodes])
    follows = first[:, None] + np.column_stack([flat["right"], flat["left"]]).astype(np.int64)
    return Trees(
        np.array(names), traits, roots, np.where(leaf, 0, flat["feature_idx"]), np.where(leaf, 0.0, flat["num_threshold"]),
        np.where(leaf[:, None], itself[:, None], follows), np.where(leaf, flat["value"], 0.0),
        np.array(model._baseline_prediction.item()), np.array(flat["depth"].max(), dtype=np.int64),
    )  # fmt: skip


def main() -> None:
    """Fit on the folder named on the command line and write both files beside this script."""
    folder = Path(sys.argv[1])
    articles, more = labelled(read(folder)), single(folder / "sentences.tsv")
    for kind, found in trees(articles, unseen(articles, more)).items():
        found.save(HERE / f"event_trees_{kind}.npz")
    model = grams(articles, more)
    scale = np.maximum(np.abs(model.weights).max(axis=0), 1e-6) / 127
    np.savez_compressed(
        HERE / "event_grams.npz",
        weights=np.round(model.weights / scale).astype(np.int8), scale=scale.astype(np.float32), intercepts=model.intercepts,
    )  # fmt: skip
    print(f"{len(articles)} articles, {sum(len(one.readings[0]) for one in articles)} events, {more.bag.shape[0]} sentences")


if __name__ == "__main__":
    main()
