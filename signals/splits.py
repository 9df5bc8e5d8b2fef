"""Splits of labelled rows by time: walk-forward, and combinatorial purged cross-validation.

A row is decided at ``asof`` and its label is known at ``ends_at``: it holds information about the stretch from one to the other. A row
whose stretch meets the stretch of the test rows may not be trained on (purging). After a test stretch the next sessions are left out as
well (embargo), since what happens in them is correlated with what happened in it (López de Prado, 2018, "Advances in Financial Machine
Learning", chapters 7 and 12).

A split holds positions of rows, so ``[(s.train, s.test) for s in walk_forward(rows, ...)]`` is a ``cv`` of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import EstimationError, LookAheadError, SchemaError, UsageError
from research.schemas import INSTANT

__all__ = ["CombinatorialSplits", "Split", "combinatorial", "walk_forward"]


@dataclass(frozen=True, slots=True)
class Split:
    """Positions (ascending) of the rows to train on and of those to test on."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CombinatorialSplits:
    """All ways to test on ``k`` of ``n`` groups of sessions, and the paths they make.

    Attributes
    ----------
    splits
        ``comb(n, k)`` splits.
    tested
        Of each split, the groups it tests.
    groups
        Of each group, the positions of its rows; together they hold every row once.
    paths
        Integers, shape (``comb(n - 1, k - 1)``, n): the split whose prediction fills each group of each path.
    """

    splits: tuple[Split, ...]
    tested: tuple[tuple[int, ...], ...]
    groups: tuple[NDArray[np.int64], ...]
    paths: NDArray[np.int64]

    def assemble(self, predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return one prediction of every row per path, shape (paths, rows).

        ``predictions`` holds one array per split, in the order of its ``test`` rows.
        """
        if [len(p) for p in predictions] != [s.test.size for s in self.splits]:
            raise UsageError("The predictions do not fit the splits; expected one array per split, one value per test row.")
        out = np.full((len(self.paths), sum(g.size for g in self.groups)), np.nan)
        for path, chosen in zip(out, self.paths, strict=True):
            for rows, split in zip(self.groups, chosen, strict=True):
                path[rows] = np.asarray(predictions[split])[np.searchsorted(self.splits[split].test, rows)]
        return out


@dataclass(frozen=True, slots=True)
class _Times:
    """Per row: its session's number, begin and end of its stretch in microseconds, whether it has a label; per session: first begin."""

    session: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    opens: NDArray[np.int64]


def walk_forward(
    rows: pl.DataFrame, *, test_sessions: int, min_sessions: int, window: int | None = None, embargo: int = 0
) -> tuple[Split, ...]:
    """Return splits that train on the past and test on the next ``test_sessions`` sessions, block after block to the last session.

    Parameters
    ----------
    rows
        ``session``, ``asof`` and ``ends_at`` of each labelled row, any order; a null ``ends_at`` is a label that is not known, which is
        tested and never trained on.
    test_sessions
        Sessions of each test block (the last may be shorter). The sessions counted are those that occur in ``rows``.
    min_sessions
        Sessions before the first test block.
    window
        Train on this many sessions before the test block and its embargo (rolling); on all of them without it (expanding).
    embargo
        Sessions left out between the training rows and the test block.

    Returns
    -------
    tuple of Split
        Training rows have ``ends_at`` strictly before the first ``asof`` of their test block. Every row from session number
        ``min_sessions`` on is in exactly one test.

    Raises
    ------
    EstimationError
        There are not more than ``min_sessions`` sessions, or a block has no training row left.
    """
    _at_least("test_sessions", test_sessions, 1)
    _at_least("min_sessions", min_sessions, 1)
    _at_least("embargo", embargo, 0)
    if window is not None:
        _at_least("window", window, 1)
    times = _times(rows)
    n = times.opens.size
    if n <= min_sessions:
        raise EstimationError(f"The rows hold {n} sessions; expected more than min_sessions = {min_sessions}.")
    splits = []
    for first in range(min_sessions, n, test_sessions):
        test = (times.session >= first) & (times.session < first + test_sessions)
        last = first - embargo
        begin = 0 if window is None else last - window
        earlier = (times.session >= begin) & (times.session < last)
        train = times.labelled & earlier & (times.ends < times.opens[first : first + test_sessions].min())
        splits.append(_split(train, test, f"session number {first}"))
    return tuple(splits)


def combinatorial(rows: pl.DataFrame, *, n_groups: int = 6, n_tested: int = 2, embargo: int = 0) -> CombinatorialSplits:
    """Return the splits of sessions, cut into ``n_groups`` stretches of equal length, that test ``n_tested`` of them at a time.

    Parameters
    ----------
    rows
        As for :func:`walk_forward`.
    n_groups, n_tested
        There are ``comb(n_groups, n_tested)`` splits and ``comb(n_groups - 1, n_tested - 1)`` paths.
    embargo
        Sessions left out of the training rows after the last label of a tested group has ended.

    Notes
    -----
    For every tested group, training rows whose ``[asof, ends_at]`` meets ``[first asof, last ends_at]`` of the group are purged: one that
    ends before the group begins stays, one decided after the group's labels have ended stays.
    """
    _at_least("n_tested", n_tested, 1)
    _at_least("n_groups", n_groups, n_tested + 1)
    _at_least("embargo", embargo, 0)
    times = _times(rows)
    if times.opens.size < n_groups:
        raise EstimationError(f"The rows hold {times.opens.size} sessions; expected at least n_groups = {n_groups}.")
    edges = np.linspace(0, times.opens.size, n_groups + 1).round().astype(np.int64)
    group = np.searchsorted(edges, times.session, side="right") - 1
    barred = [_barred(times, group == g, embargo) for g in range(n_groups)]
    tested = tuple(combinations(range(n_groups), n_tested))
    splits = []
    for chosen in tested:
        test = np.isin(group, chosen)
        train = times.labelled & ~test & ~np.logical_or.reduce([barred[g] for g in chosen])
        splits.append(_split(train, test, f"groups {chosen}"))
    paths = np.array([[i for i, chosen in enumerate(tested) if g in chosen] for g in range(n_groups)], dtype=np.int64).T
    return CombinatorialSplits(tuple(splits), tested, tuple(np.flatnonzero(group == g) for g in range(n_groups)), paths)


def _barred(times: _Times, test: NDArray[np.bool_], embargo: int) -> NDArray[np.bool_]:
    """Rows that may not be trained on when ``test`` is tested."""
    begin = times.begins[test].min()
    end = max(times.begins[test].max(), times.ends[test & times.labelled].max(initial=begin))
    meets = (times.begins <= end) & (times.ends >= begin)
    after = np.flatnonzero(times.opens > end)[:embargo]
    return np.asarray(meets | np.isin(times.session, after))


def _times(rows: pl.DataFrame) -> _Times:
    for column in ("session", "asof", "ends_at"):
        if column not in rows.columns:
            raise SchemaError("rows", column, f"columns {', '.join(rows.columns)}", "session, asof and ends_at")
    for column in ("asof", "ends_at"):
        if rows.schema[column] != INSTANT:
            raise SchemaError("rows", column, str(rows.schema[column]), str(INSTANT))
    if rows.is_empty() or rows["session"].null_count() or rows["asof"].null_count():
        raise SchemaError("rows", "session", "no rows, or a null session or asof", "at least one row, each with both")
    early = rows.filter(pl.col("ends_at") <= pl.col("asof"))
    if early.height:
        raise LookAheadError(f"A label ends at {early['ends_at'][0]}; expected after its decision at {early['asof'][0]}.")
    session = rows["session"].rank("dense").to_numpy().astype(np.int64) - 1
    begins = rows["asof"].dt.timestamp("us").to_numpy()
    labelled = rows["ends_at"].is_not_null().to_numpy()
    ends = rows["ends_at"].fill_null(rows["asof"]).dt.timestamp("us").to_numpy()
    opens = np.full(session.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(opens, session, begins)
    return _Times(session, begins, ends, labelled, opens)


def _split(train: NDArray[np.bool_], test: NDArray[np.bool_], where: str) -> Split:
    if not train.any():
        raise EstimationError(f"No training row is left for {where}; expected more sessions, a smaller embargo or shorter labels.")
    return Split(np.flatnonzero(train), np.flatnonzero(test))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UsageError(f"{name} came as {value}; expected at least {least}.")
