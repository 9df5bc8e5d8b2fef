"""Splits: laws for any calendar and any label lengths, and splits worked by hand."""

from datetime import UTC, date, datetime, timedelta
from math import comb

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from research.errors import EstimationError, LookAheadError, SchemaError, UsageError
from research.schemas import INSTANT
from signals.splits import combinatorial, walk_forward

DAY = timedelta(days=1)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def rows(sessions, hours, shuffle=0):
    """Rows of session numbers; each label ends so many hours after its decision (None: not known)."""
    frame = pl.DataFrame(
        {
            "session": [date(2024, 1, 1) + s * DAY for s in sessions],
            "asof": [EPOCH + s * DAY for s in sessions],
            "ends_at": [None if h is None else EPOCH + s * DAY + h * timedelta(hours=1) for s, h in zip(sessions, hours, strict=True)],
        },
        schema={"session": pl.Date, "asof": INSTANT, "ends_at": INSTANT},
    )
    return frame.sample(fraction=1, shuffle=True, seed=shuffle)


@st.composite
def panels(draw):
    n = draw(st.integers(12, 40))
    sessions = [s for s in range(n) for _ in range(draw(st.integers(1, 3)))]
    hours = draw(st.lists(st.one_of(st.none(), st.integers(1, 100)), min_size=len(sessions), max_size=len(sessions)))
    return rows(sessions, hours, draw(st.integers(0, 9)))


def numbers(frame):
    return frame["session"].rank("dense").to_numpy().astype(int) - 1


@settings(deadline=None, max_examples=60)
@given(panels(), st.integers(1, 5), st.integers(6, 9), st.one_of(st.none(), st.integers(3, 8)), st.integers(0, 2))
def test_walk_forward_obeys_its_laws(frame, test_sessions, min_sessions, window, embargo):
    try:
        splits = walk_forward(frame, test_sessions=test_sessions, min_sessions=min_sessions, window=window, embargo=embargo)
    except EstimationError:
        reject()
    n, asof, ends = numbers(frame), frame["asof"].to_list(), frame["ends_at"].to_list()
    tested = np.concatenate([s.test for s in splits])
    assert sorted(tested) == sorted(np.flatnonzero(n >= min_sessions)), "each row once"
    for split in splits:
        begins = min(asof[i] for i in split.test)
        first = n[split.test].min()
        assert n[split.test].max() - first < test_sessions
        expected = [
            i
            for i in range(len(n))
            if ends[i] is not None and ends[i] < begins and n[i] < first - embargo and (window is None or n[i] >= first - embargo - window)
        ]
        assert split.train.tolist() == expected


@settings(deadline=None, max_examples=60)
@given(panels(), st.integers(3, 6), st.integers(1, 2), st.integers(0, 3))
def test_combinatorial_splits_obey_their_laws(frame, n_groups, n_tested, embargo):
    try:
        result = combinatorial(frame, n_groups=n_groups, n_tested=n_tested, embargo=embargo)
    except EstimationError:
        reject()
    n, asof, ends = numbers(frame), frame["asof"].to_list(), frame["ends_at"].to_list()
    assert len(result.splits) == comb(n_groups, n_tested)
    assert result.paths.shape == (comb(n_groups - 1, n_tested - 1), n_groups)
    assert sorted(np.concatenate(result.groups)) == list(range(len(n)))
    used = [(s, g) for path in result.paths for g, s in enumerate(path)]
    assert sorted(used) == sorted((s, g) for s, groups in enumerate(result.tested) for g in groups), "each tested group is in one path"
    for split, groups in zip(result.splits, result.tested, strict=True):
        assert split.test.tolist() == sorted(np.concatenate([result.groups[g] for g in groups]))
        expected = set(range(len(n))) - set(split.test.tolist()) - {i for i in range(len(n)) if ends[i] is None}
        for g in groups:
            begin = min(asof[i] for i in result.groups[g])
            end = max(max(asof[i], ends[i] or asof[i]) for i in result.groups[g])
            expected -= {i for i in expected if asof[i] <= end and ends[i] >= begin}
            after = sorted({n[i] for i in range(len(n)) if asof[i] > end})[:embargo]
            expected -= {i for i in expected if n[i] in after}
        assert split.train.tolist() == sorted(expected)


def test_walk_forward_by_hand():
    # Ten sessions, one row each; labels last 30 hours: the label of session 4 ends on day 5 at 6 o'clock, after session 5 is decided.
    frame = rows(range(10), [30] * 10).sort("session")
    expanding = walk_forward(frame, test_sessions=3, min_sessions=5)
    assert [(s.train.tolist(), s.test.tolist()) for s in expanding] == [
        ([0, 1, 2, 3], [5, 6, 7]),
        ([0, 1, 2, 3, 4, 5, 6], [8, 9]),
    ]
    rolling = walk_forward(frame, test_sessions=3, min_sessions=5, window=3, embargo=2)
    assert [s.train.tolist() for s in rolling] == [[0, 1, 2], [3, 4, 5]]


def test_a_label_that_ends_when_the_test_begins_is_purged():
    frame = rows(range(6), [24, 24, 24, 23, 24, 24]).sort("session")
    assert walk_forward(frame, test_sessions=2, min_sessions=4)[0].train.tolist() == [0, 1, 2, 3]
    frame = rows(range(6), [24] * 6).sort("session")
    assert walk_forward(frame, test_sessions=2, min_sessions=4)[0].train.tolist() == [0, 1, 2]


def test_combinatorial_by_hand_and_its_paths():
    # Six sessions in three groups of two, labels of 30 hours; testing the middle group {2, 3}, whose labels end on day 4 at 6 o'clock:
    # 1 ends in it, 4 is decided before its end; with one session of embargo 5 goes too.
    frame = rows(range(6), [30] * 6).sort("session")
    middle = combinatorial(frame, n_groups=3, n_tested=1).splits[1]
    assert (middle.train.tolist(), middle.test.tolist()) == ([0, 5], [2, 3])
    assert combinatorial(frame, n_groups=3, n_tested=1, embargo=1).splits[1].train.tolist() == [0]
    long = combinatorial(rows(range(30), [5] * 30).sort("session"), n_groups=4, n_tested=2)
    assert long.tested == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    # Figure 12.1 of López de Prado, for four groups.
    assert long.paths.tolist() == [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]
    said = long.assemble([np.full(s.test.size, float(i)) for i, s in enumerate(long.splits)])
    assert [[path[g[0]] for g in long.groups] for path in said] == long.paths.tolist()
    assert np.isfinite(said).all()
    with pytest.raises(UsageError, match="do not fit the splits"):
        long.assemble([np.zeros(1)])


def test_the_splits_are_a_cv_of_scikit_learn():
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_score

    frame = rows([s for s in range(40) for _ in range(5)], [5] * 200)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    splits = walk_forward(frame, test_sessions=10, min_sessions=20)
    scores = cross_val_score(Ridge(), x, x @ [1.0, 2.0], cv=[(s.train, s.test) for s in splits])
    assert scores.min() > 0.99


def test_bad_input_is_one_sentence():
    frame = rows(range(10), [30] * 10)
    with pytest.raises(SchemaError, match="column ends_at"):
        walk_forward(frame.drop("ends_at"), test_sessions=1, min_sessions=2)
    with pytest.raises(SchemaError, match="column asof: came Date"):
        walk_forward(frame.with_columns(asof="session"), test_sessions=1, min_sessions=2)
    with pytest.raises(SchemaError, match="no rows"):
        combinatorial(frame.clear())
    with pytest.raises(LookAheadError, match="A label ends at"):
        walk_forward(frame.with_columns(ends_at="asof"), test_sessions=1, min_sessions=2)
    with pytest.raises(EstimationError, match="10 sessions; expected more than min_sessions = 10"):
        walk_forward(frame, test_sessions=1, min_sessions=10)
    with pytest.raises(EstimationError, match="No training row is left for session number 3"):
        walk_forward(frame, test_sessions=1, min_sessions=3, embargo=3)
    with pytest.raises(EstimationError, match="expected at least n_groups = 12"):
        combinatorial(frame, n_groups=12)
    with pytest.raises(UsageError, match="n_groups came as 2; expected at least 3"):
        combinatorial(frame, n_groups=2, n_tested=2)
    with pytest.raises(UsageError, match="embargo came as -1"):
        combinatorial(frame, embargo=-1)
