"""Boosted trees that turn the evidence for a (group, subject) pair into log-odds.

What decides differs by kind of event: a name in the headline means much for a takeover and little for a flow of funds. Trees find such
conditions themselves. They know a group by two numbers, how often its pairs are listed and how often nobody with a symbol is the
subject. All trees lie in flat arrays, a leaf leads to itself, and all pairs of an article go down all trees at once. They are grown
with scikit-learn (``build_event_weights.py``), which is not needed to read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from research.event_grams import GROUPS

__all__ = ["Trees", "tabled"]

#: levels all pairs go down together before those that have come to a leaf are left behind
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees over the evidence ``names`` and, behind it, the ``traits`` of the group (a row for each of ``GROUPS``).

    A node asks whether column ``feature`` is at most ``threshold`` and leads to one of ``children`` (nodes, 2): no to the first, yes to
    the second. A leaf has itself for both and adds ``value``. ``roots`` begin the trees, ``depth`` is that of the deepest, ``bias`` the
    log-odds before any tree.
    """

    names: npt.NDArray[np.str_]
    traits: npt.NDArray[np.float64]
    roots: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    children: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    depth: npt.NDArray[np.int64]

    def log_odds(self, rows: Sequence[tuple[str, Mapping[str, float]]]) -> npt.NDArray[np.float64]:
        """Return the log-odds of each (group, evidence by name): evidence no tree knows is left out, absent evidence is 0."""
        return self.grown(tabled(rows, self.names.tolist(), self.traits))

    def grown(self, table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the log-odds of each row of a table of columns ``names`` and traits."""
        leaf = np.tile(self.roots, len(table))
        going, at, first = np.arange(len(leaf)), leaf, np.repeat(np.arange(len(table)) * table.shape[1], len(self.roots))
        for level in range(int(self.depth)):
            yes = table.take(first + self.feature.take(at)) <= self.threshold.take(at)
            at, before = self.children.take(2 * at + yes), at
            if level % _LEVELS == _LEVELS - 1:  # who has arrived waits for the others
                leaf[going] = at
                (moved,) = (at != before).nonzero()
                going, at, first = going[moved], at[moved], first[moved]
        leaf[going] = at
        return np.asarray(self.bias + self.value.take(leaf).reshape(len(table), len(self.roots)).sum(axis=1))

    def save(self, path: Path) -> None:
        """Write the trees as arrays; the same trees give the same bytes."""
        np.savez_compressed(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, file: IO[bytes]) -> Trees:
        """Read what :meth:`save` wrote; nothing in it is executed."""
        held = np.load(file, allow_pickle=False)
        return cls(**{field.name: held[field.name] for field in fields(cls)})


def tabled(
    rows: Sequence[tuple[str, Mapping[str, float]]], names: Sequence[str], traits: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return a row for each (group, evidence by name): the evidence ``names``, 0 where absent, then the traits of the group."""
    column = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(rows), len(names) + traits.shape[1]))
    for row, (group, evidence) in zip(table, rows, strict=True):
        row[len(names) :] = traits[GROUPS.index(group)]
        for name, value in evidence.items():
            if (place := column.get(name)) is not None:
                row[place] = value
    return table
