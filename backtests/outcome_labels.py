"""How well the texts tell the outcome label a file carries, beside the accuracy its authors published.

The label (for example down, flat, up) was made by somebody from later prices. It trains on the first sessions' texts and is asked about
the last ones', never the other way round.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from backtests.news_tables import Tables
from backtests.protocol import Protocol
from signals.word_counts import tokens

__all__ = ["label_accuracy"]

Texts = npt.NDArray[np.object_]

#: what a label looks at is over after so many days: documents this close before the test train nothing
_OVER = timedelta(days=15)
_CLASSES = 5
#: fewest documents to learn from
_FEWEST = 30


def label_accuracy(tables: Tables, protocol: Protocol, *, draws: int = 999) -> pl.DataFrame | None:
    """Return ``method, accuracy, ci_low, ci_high, macro_f1, n_train, n_test``, one row a method.

    ``None`` where the labels are no classes, or too few documents came before the test to learn them from.
    Methods: the most frequent class of the training texts, the sign of the tone read by the rules (for three classes in order), and a
    logistic regression on word counts. Intervals resample documents.
    """
    told = tables.labels.join(tables.documents.select("doc_id", "available_at", "headline", "body"), on="doc_id")
    told = told.join(tables.mentions.select("doc_id", "symbol", "sentiment"), on=["doc_id", "symbol"], how="left")
    told = told.unique("doc_id", keep="first", maintain_order=True).sort("available_at", "doc_id")
    if not 2 <= told["label"].n_unique() <= _CLASSES or told.height < 50:
        return None
    place = round(told.height * (protocol.train + protocol.validation))
    if protocol.begins is not None:
        place = int((told["available_at"].dt.date() < protocol.begins[1]).sum())
    test = told.tail(told.height - place)
    if test.is_empty():
        return None
    train = told.filter(pl.col("available_at") < test["available_at"].min() - pl.lit(_OVER))
    if train["label"].n_unique() < 2 or train.height < _FEWEST:
        return None
    truth = test["label"].to_numpy()
    said = {"most frequent": np.full(len(truth), train["label"].mode().sort()[0])}
    classes = sorted(told["label"].unique().to_list())
    if len(classes) == 3:
        tone = test["sentiment"].fill_null(0.0).to_numpy()
        low, high = train["sentiment"].fill_null(0.0).quantile(1 / 3, "linear"), train["sentiment"].fill_null(0.0).quantile(2 / 3, "linear")
        said["tone"] = np.where(tone <= low, classes[0], np.where(tone >= high, classes[2], classes[1]))
    said["words"] = _words(train, test, protocol.seed)
    rng = np.random.default_rng(protocol.seed)
    drawn = rng.integers(0, len(truth), (draws, len(truth)))
    rows = []
    for method, guess in said.items():
        right = guess == truth
        low, high = np.quantile(right[drawn].mean(axis=1), [0.025, 0.975])
        rows.append((method, float(right.mean()), float(low), float(high), _macro_f1(truth, guess, classes), train.height, test.height))
    schema = {
        "method": pl.String, **dict.fromkeys(("accuracy", "ci_low", "ci_high", "macro_f1"), pl.Float64), "n_train": pl.Int64,
        "n_test": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _words(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> Texts:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(analyzer=tokens, min_df=3, sublinear_tf=True), LogisticRegression(C=1.0, max_iter=2000, random_state=seed)
    )
    texts = [(frame["headline"] + "\n" + frame["body"]).to_list() for frame in (train, test)]
    model.fit(texts[0], train["label"].to_list())
    return np.asarray(model.predict(texts[1]))


def _macro_f1(truth: Texts, guess: Texts, classes: list[str]) -> float:
    scores = []
    for name in classes:
        both = float(((truth == name) & (guess == name)).sum())
        scores.append(2 * both / max(1.0, float((truth == name).sum() + (guess == name).sum())))
    return float(np.mean(scores))
