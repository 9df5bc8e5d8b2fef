"""Fit ``event_grams.npz``, ``event_owners.npz`` and ``event_trees_*.npz`` on articles written and labelled for this project.

Run it when the articles, the taxonomy or the evidence of :mod:`research.event_evidence` change::

    python research/data/build_event_weights.py tests/golden/articles

Steps: (1) read the labelled articles (:func:`labelled`) and the single sentences beside them (:func:`single`); (2) fit one linear model
of characters a group on the sentences of both (:func:`grams`); (3) for each article take the characters' scores from models that have
not seen it (:func:`unseen`), and with them its pairs; (4) fit the model of whose event a sentence tells (:func:`owners`), again with
log-odds of models that have not seen the article; (5) grow trees over the evidence (:func:`trees`); (6) write all. The same articles and
seed give the same bytes.

Two readers labelled most articles, the second without sight of the first (``second``). What both list is an event, what one lists is half
of one: the trees are grown on these shares, which say more than either reader alone. Articles without ``second`` have one reading.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
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

from research import cleaning, documents, event_owners, events
from research.event_grams import GROUPS, SIZE, Grams, bags
from research.event_owners import HEADS, Owners, Views
from research.event_pairs import KINDS, Pair, weighed_as
from research.event_trees import Trees, tabled
from research.facts import spans_by_document
from research.instruments import shipped
from research.linking import Linker
from research.mentions import mentions
from research.moves import Span
from research.sentences import Sentence, read
from research.sentiment import tones
from research.sources import Article

__all__ = [
    "Labelled", "Owned", "Single", "grams", "grown", "labelled", "main", "owned", "owners", "planted", "rows_of", "single", "trees",
    "unseen",
]  # fmt: skip

HERE = Path(__file__).parent
_FOLDS, _GRAM_PENALTY, _OWNER_PENALTY = 5, 30.0, 4.0
#: weight of how a subject is tied, and of the group, beside the grams of a view, which share a length of 1
_TIED = 0.3
#: how the trees are grown
_GROWTH: dict[str, Any] = {
    "learning_rate": 0.05, "max_iter": 400, "max_leaf_nodes": 16, "min_samples_leaf": 30, "l2_regularization": 20.0, "max_features": 0.3,
}  # fmt: skip
#: least sentences a group needs for a model of its own
_FEWEST = 4
#: sentences from which on a gram is frequent
_FREQUENT = 5
#: what one reader lists: groups, and the listings of their subjects
Reading = Sequence[tuple[str, frozenset[str | None]]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One article as the reader sees it, and what its labels say; ``told`` are the subjects by sentence and group of their evidence."""

    document: Mapping[str, Any]
    spans: Sequence[Any]
    mentions: Mapping[str, Mapping[str, Any]]
    bag: sparse.csr_matrix
    listed: npt.NDArray[np.bool_]
    readings: Sequence[Reading]
    told: Mapping[tuple[int, str], Set[str | None]]

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


def rows_of(folder: Path) -> list[dict[str, Any]]:
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
        names = named.get(document["doc_id"], [])
        plain, parts = read(document["headline"], document["body"])
        told = _told(document, parts, row)
        listed = np.zeros((len(parts), len(GROUPS)), dtype=bool)
        for index, group in told:
            listed[index, GROUPS.index(group)] = True
        bag = _table(plain, names, parts)
        found.append(Labelled(document, names, known.get(document["doc_id"], {}), bag, listed, _readings(row), told))
    return found


def _told(document: Mapping[str, Any], parts: Sequence[Sentence], row: Mapping[str, Any]) -> dict[tuple[int, str], set[str | None]]:
    text, listings = document["headline"] + "\n" + document["body"], _listings(row)
    told: dict[tuple[int, str], set[str | None]] = {}
    for event in [*row["events"], *(row.get("second") or ())]:
        at = text.find(event["evidence"])
        for index, part in enumerate(parts):
            if at >= 0 and part.start <= at < part.end:
                told.setdefault((index, event["type"]), set()).update(listings.get(event["subject"], {None}))
    return told


def _listings(row: Mapping[str, Any]) -> Mapping[str, frozenset[str | None]]:
    """Return all listings of each symbol of the entities."""
    listings: dict[str, frozenset[str | None]] = {}
    for entity in row["entities"]:
        symbols = frozenset(s for s in (entity.get("symbol"), *(entity.get("alt_symbols") or ()), *(entity.get("also") or ())) if s)
        listings.update(dict.fromkeys(symbols, symbols))
    return listings


def _readings(row: Mapping[str, Any]) -> list[Reading]:
    listings, unlisted = _listings(row), frozenset[str | None]({None})
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


def _folds(articles: int, seed: int = 0) -> npt.NDArray[np.int64]:
    return np.asarray(np.random.default_rng(seed).permutation(articles) % _FOLDS)


def unseen(articles: Sequence[Labelled], more: Single) -> list[npt.NDArray[np.float64]]:
    """Return each article's scores by a model fitted on the other folds."""
    fold = _folds(len(articles))
    models = [grams((one for one, f in zip(articles, fold, strict=True) if f != left), more) for left in range(_FOLDS)]
    return [scored(models[f], one) for one, f in zip(articles, fold, strict=True)]


@dataclass(frozen=True, slots=True)
class Owned:
    """The ties of an article's evidence, a row each: grams of the view, how it is tied, group, and whether it is its subject's."""

    grams: sparse.csr_matrix
    heads: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    own: npt.NDArray[np.bool_]


def owned(one: Labelled, pairs: Sequence[Pair], seen: Views) -> Owned:
    """Return what an article teaches of whose event a sentence tells: its ties in sentences that readers gave as evidence of the group."""
    rows: dict[tuple[str, str | None, int, str], tuple[int, int, int, bool]] = {}
    for pair, of_ties in zip(pairs, seen.of_ties, strict=True):
        for tie, view in zip(pair.ties, of_ties, strict=True):
            subjects = one.told.get((tie.part, pair.group))
            if subjects is not None:
                row = (view, event_owners.head(tie), GROUPS.index(pair.group), pair.symbol in subjects)
                rows.setdefault((pair.group, pair.symbol, tie.part, tie.relation), row)
    table = np.array(list(rows.values()), dtype=np.int64).reshape(-1, 4)
    views = np.repeat(np.arange(len(seen.sizes)), seen.sizes)
    counts = sparse.csr_matrix((np.ones(len(views)), (views, seen.places)), shape=(len(seen.sizes), SIZE))
    bags_ = sparse.csr_matrix(sparse.diags(1.0 / np.sqrt(np.maximum(1, seen.sizes))) @ counts)
    return Owned(sparse.csr_matrix(bags_[table[:, 0]]), table[:, 1], table[:, 2], table[:, 3].astype(bool))


def owners(articles: Iterable[Owned]) -> Owners:
    """Fit one linear model of what all groups share, and of what each has of its own, on the ties of evidence."""
    held = list(articles)
    heads, groups = np.concatenate([one.heads for one in held]), np.concatenate([one.groups for one in held])
    rows = np.arange(len(heads))
    tied = sparse.csr_matrix((np.full(len(rows), _TIED), (rows, heads)), shape=(len(rows), HEADS))
    shared = sparse.coo_matrix(sparse.hstack([sparse.vstack([one.grams for one in held]), tied]))
    width = SIZE + HEADS
    apart = sparse.coo_matrix((shared.data, (shared.row, shared.col + width * groups[shared.row])), shape=(len(rows), width * len(GROUPS)))
    of_group = sparse.coo_matrix((np.full(len(rows), _TIED), (rows, groups)), shape=(len(rows), len(GROUPS)))
    fresh = LogisticRegression(C=_OWNER_PENALTY, solver="liblinear", dual=True, tol=1e-3, max_iter=1000, random_state=0)
    model = fresh.fit(sparse.csr_matrix(sparse.hstack([shared, apart, of_group])), np.concatenate([one.own for one in held]))
    fitted = model.coef_[0]
    table = (fitted[:width] + fitted[width : width * (1 + len(GROUPS))].reshape(len(GROUPS), width)).astype(np.float32)
    intercepts = (model.intercept_[0] + _TIED * fitted[-len(GROUPS) :]).astype(np.float32)
    return Owners(np.ascontiguousarray(table[:, :SIZE]), _TIED * table[:, SIZE:], intercepts)


def trees(
    articles: Sequence[Labelled],
    scores: Sequence[npt.NDArray[np.float64]],
    pairs: Sequence[Sequence[Pair]],
    odds: Sequence[Sequence[Sequence[float]]],
) -> dict[str, Trees]:
    """Grow the trees over the evidence of every pair, for moves of prices and for all else."""
    rows: dict[str, list[tuple[str, dict[str, float]]]] = {kind: [] for kind in KINDS}
    shares: dict[str, list[float]] = {kind: [] for kind in KINDS}
    lists = []
    for one, score, told, own in zip(articles, scores, pairs, odds, strict=True):
        for pair, row in events.evidence_of(one.document, told, one.mentions, score, own):
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


def _whole(weights: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return weights as whole numbers of one byte, and the scale of each column."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-6) / 127
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float32)


def main() -> None:
    """Fit on the folder named on the command line and write all files beside this script."""
    folder = Path(sys.argv[1])
    articles, more = labelled(rows_of(folder)), single(folder / "sentences.tsv")
    scores = unseen(articles, more)
    pairs = [events.pairs_of(one.document, one.spans, one.mentions, score) for one, score in zip(articles, scores, strict=True)]
    seen = [
        event_owners.views(plain, one.spans, parts, told)
        for one, told in zip(articles, pairs, strict=True)
        for plain, parts in [read(one.document["headline"], one.document["body"])]
    ]
    lessons = [owned(*of_article) for of_article in zip(articles, pairs, seen, strict=True)]
    fold = _folds(len(articles))
    models = [owners(one for one, f in zip(lessons, fold, strict=True) if f != left) for left in range(_FOLDS)]
    odds = [models[f].of_views(views, told) for views, told, f in zip(seen, pairs, fold, strict=True)]
    for kind, found in trees(articles, scores, pairs, odds).items():
        found.save(HERE / f"event_trees_{kind}.npz")
    whose, model = owners(lessons), grams(articles, more)
    weights, scale = _whole(whose.weights.T)
    np.savez_compressed(HERE / "event_owners.npz", weights=weights, scale=scale, heads=whose.heads.T, intercepts=whose.intercepts)
    weights, scale = _whole(model.weights)
    np.savez_compressed(HERE / "event_grams.npz", weights=weights, scale=scale, intercepts=model.intercepts)
    print(f"{len(articles)} articles, {sum(len(one.readings[0]) for one in articles)} events, {more.bag.shape[0]} sentences")


if __name__ == "__main__":
    main()
