"""Fitted models as JSON: numbers and words, nothing that runs when it is read.

:func:`frozen` takes the numbers out of a fitted :func:`~signals.model.ridge`, :func:`~signals.model.logistic` or
:func:`~signals.model.text_tone`; what it returns scores rows as the estimator does, goes to JSON with :func:`dumps` and back with
:func:`loads`, bit for bit. Trees are not stored: fit them again from the stored tables.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import SchemaError, SourceError, UsageError

__all__ = ["LinearModel", "TextModel", "dumps", "frozen", "loads"]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """``intercept + sum(coefficients * columns)`` of raw features, through the logistic function where ``probability``."""

    columns: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    probability: bool
    fitted_through: str

    def score(self, features: pl.DataFrame) -> pl.Series:
        """Return the score of each row; null where a feature is null or NaN."""
        from scipy.special import expit

        lacking = [name for name in self.columns if name not in features.columns]
        if lacking:
            raise SchemaError("features", lacking[0], f"columns {', '.join(features.columns)}", ", ".join(self.columns))
        linear = features.select(self.columns).cast(pl.Float64).fill_null(float("nan")).to_numpy() @ np.array(self.coefficients)
        linear = linear + self.intercept
        said = expit(linear) if self.probability else linear
        return pl.Series("score", said, dtype=pl.Float64).fill_nan(None)


@dataclass(frozen=True, slots=True)
class TextModel:
    """SESTM's charged words and topics."""

    words: tuple[str, ...]
    positive: tuple[float, ...]
    negative: tuple[float, ...]
    penalty: float
    fitted_through: str

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the tone of each text, in (0, 1)."""
        from scipy import sparse

        from signals.sestm import score_articles
        from signals.word_counts import tokens

        place = {word: i for i, word in enumerate(self.words)}
        found = [Counter(place[t] for t in tokens(text) if t in place) for text in texts]
        starts = np.cumsum([0, *map(len, found)])
        # Columns ascending, as the count of the training text: sums are then the same to the last bit.
        pairs = [pair for counter in found for pair in sorted(counter.items())]
        columns, values = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        counts = sparse.csr_array((values.astype(np.float64), columns, starts), shape=(len(found), len(place)))
        return score_articles(counts, np.array([self.positive, self.negative]), penalty=self.penalty)

    def tones(self) -> pl.DataFrame:
        """Return ``word, tone, frequency`` with tone ``(O+ - O-) / 2`` and frequency ``(O+ + O-) / 2``, the most positive word first."""
        positive, negative = np.array(self.positive), np.array(self.negative)
        table = {"word": self.words, "tone": (positive - negative) / 2, "frequency": (positive + negative) / 2}
        return pl.DataFrame(table).sort("tone", "word", descending=[True, False])


_KINDS: dict[str, type[LinearModel] | type[TextModel]] = {"linear@1": LinearModel, "text@1": TextModel}


def frozen(model: Any, columns: Sequence[str], fitted_through: datetime) -> LinearModel | TextModel:
    """Return the numbers of a fitted pipeline.

    Parameters
    ----------
    model
        One of ``ThroughTime.models``, of :func:`~signals.model.ridge`, :func:`~signals.model.logistic` or :func:`~signals.model.text_tone`.
    columns
        The features it was fitted on, in their order.
    fitted_through
        The latest ``ends_at`` it was fitted on: it may score what is decided after.
    """
    steps = [type(step).__name__ for _, step in getattr(model, "steps", [])]
    through = fitted_through.isoformat()
    if steps == ["CountVectorizer", "SESTM"]:
        words = model[0].get_feature_names_out()[model[1].screen_.charged]
        positive, negative = model[1].topics_.tolist()
        return TextModel(tuple(map(str, words)), tuple(positive), tuple(negative), float(model[1].penalty), through)
    if steps not in (["StandardScaler", "Ridge"], ["StandardScaler", "LogisticRegression"]):
        raise UsageError(f"A model of {', '.join(steps) or type(model).__name__} is not stored; expected ridge, logistic or text_tone.")
    scaler, last = model[0], model[1]
    coefficients = np.ravel(last.coef_) / scaler.scale_
    intercept = np.ravel(last.intercept_)[0] - coefficients @ scaler.mean_
    if len(columns) != coefficients.size:
        raise UsageError(f"{len(columns)} columns came for {coefficients.size} coefficients; expected one each.")
    probability = hasattr(last, "predict_proba")
    return LinearModel(tuple(columns), tuple(coefficients.tolist()), float(intercept), probability, through)


def dumps(model: LinearModel | TextModel) -> str:
    """Return the model as one JSON object with sorted keys."""
    kind = next(name for name, made in _KINDS.items() if isinstance(model, made))
    return json.dumps({"kind": kind, **asdict(model)}, ensure_ascii=False, sort_keys=True)


def loads(text: str) -> LinearModel | TextModel:
    """Return the model of a JSON object written by :func:`dumps`.

    Raises
    ------
    SourceError
        The text is not such an object.
    """
    try:
        fields = json.loads(text)
        made: Any = _KINDS[fields.pop("kind")]
        model: LinearModel | TextModel = made(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        )
        _checked(model)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"A stored model cannot be read ({error}); expected JSON written by signals.stored_models.dumps.") from error
    return model


def _checked(model: LinearModel | TextModel) -> None:
    arrays: tuple[tuple[float, ...], ...]
    if isinstance(model, LinearModel):
        names, arrays, lone = model.columns, (model.coefficients,), model.intercept
    else:
        names, arrays, lone = model.words, (model.positive, model.negative), model.penalty
    numbers = [lone, *(x for array in arrays for x in array)]
    if any(len(array) != len(names) for array in arrays) or not all(isinstance(x, float) and math.isfinite(x) for x in numbers):
        raise ValueError("its numbers do not fit its names, or are not finite")
    datetime.fromisoformat(model.fitted_through)
