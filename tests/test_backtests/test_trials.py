from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from evaluation_data import noise
from sklearn.metrics import silhouette_score

from backtests.sharpe import sharpe_ratio
from backtests.trials import (
    TRIAL_RETURNS,
    TRIALS,
    _silhouette,
    effective_trials,
    record,
    returns_matrix,
    search_of,
    trial,
    trial_id,
)
from research.errors import EstimationError, UsageError
from research.store import Store

START, END = date(2024, 1, 1), date(2024, 3, 1)
NOW = datetime(2025, 1, 1, tzinfo=UTC)


def series(values: np.ndarray, start: date = START) -> pl.DataFrame:
    return pl.DataFrame({"session": [start + timedelta(days=k) for k in range(len(values))], "net_return": values})


def tried(seed: int, n: int = 40, *, half_life: float = 1.0, start: date = START, horizon: int = 1, period: int = 1, **more):
    return trial(
        series(0.01 * noise(seed, n), start), signal="tone@1", market="cn", start=start, end=END, horizon=horizon,
        config={"half_life": half_life, **more}, period=period, mean_ic=0.02, ic_p_value=0.3,
    )  # fmt: skip


def ledger(*trials) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.concat([one.table(NOW) for one in trials]), pl.concat([one.returns for one in trials])


def test_the_id_is_of_what_was_tried():
    one = trial_id("tone@1", "cn", START, END, 5, {"a": 1, "b": [1, 2]})
    assert one == trial_id("tone@1", "cn", START, END, 5, {"b": [1, 2], "a": 1})
    others = {
        trial_id("tone@2", "cn", START, END, 5, {"a": 1, "b": [1, 2]}),
        trial_id("tone@1", "us", START, END, 5, {"a": 1, "b": [1, 2]}),
        trial_id("tone@1", "cn", START, END + timedelta(days=1), 5, {"a": 1, "b": [1, 2]}),
        trial_id("tone@1", "cn", START, END, 1, {"a": 1, "b": [1, 2]}),
        trial_id("tone@1", "cn", START, END, 5, {"a": 1, "b": [2, 1]}),
    }
    assert len(others | {one}) == 6
    for config in ({"a": START}, {"a": float("nan")}):
        with pytest.raises(UsageError, match="not JSON"):
            trial_id("tone@1", "cn", START, END, 5, config)


def test_the_row_holds_the_statistics_of_the_returns():
    one = tried(3)
    row = one.table(NOW).row(0, named=True)
    values = one.returns["net_return"].to_numpy()
    assert (row["n"], row["mean_return"], row["sharpe"]) == (40, pytest.approx(values.mean()), sharpe_ratio(values).value)
    assert row["config"] == '{"half_life":1.0}' and row["evaluated_at"] == NOW
    assert TRIAL_RETURNS.validate(one.returns)["trial_id"].unique().to_list() == [row["trial_id"]]
    idle = trial(series(np.zeros(0)), signal="x@1", market="cn", start=START, end=END, horizon=1, config={})
    assert idle.table(NOW).select("n", "sharpe", "kurtosis").row(0) == (0, None, None)


def test_the_same_configuration_counts_once(tmp_path):
    store = Store(tmp_path / "home")
    first = record(store, tried(1), evaluated_at=NOW)
    again = record(store, tried(1), evaluated_at=NOW + timedelta(days=1))
    other = record(store, tried(2, half_life=2.0), evaluated_at="2025-01-03T00:00Z")
    assert (first.new, again.new, other.new) == (True, False, True)
    assert (first.n_trials, again.n_trials, other.n_trials) == (1, 1, 2)
    assert again.trial_id == first.trial_id and first.note is None and again.note is None
    stored = store.read(TRIALS)
    assert stored.filter(pl.col("trial_id") == first.trial_id)["evaluated_at"].to_list() == [NOW]
    assert store.read(TRIALS, asof="2025-01-02T00:00Z").height == 1
    assert store.read(TRIAL_RETURNS).height == 80


def test_a_result_cannot_be_replaced(tmp_path):
    store = Store(tmp_path / "home")
    record(store, tried(1), evaluated_at=NOW)
    other = record(store, tried(9), evaluated_at=NOW)
    assert not other.new and other.n_trials == 1 and "other returns" in other.note
    kept = store.read(TRIAL_RETURNS)["net_return"]
    assert kept.equals(tried(1).returns["net_return"]) and store.read(TRIALS)["returns_id"][0] == tried(1).row["returns_id"]


def test_a_job_killed_between_its_two_writes_is_finished_by_the_next(tmp_path):
    store = Store(tmp_path / "home")
    store.append(TRIAL_RETURNS, tried(1).returns)
    assert record(store, tried(1), evaluated_at=NOW).new
    assert store.read(TRIALS).height == 1 and store.read(TRIAL_RETURNS).height == 40


def test_the_search_counts_this_trial_once():
    trials, returns = ledger(*(tried(k, half_life=float(k)) for k in range(1, 5)))
    sharpe = trials["sharpe"].to_numpy()
    found = search_of(trials)
    assert (found.n_trials, found.effective) == (4, 4.0) and found.spread == pytest.approx(sharpe.std(ddof=1))
    assert search_of(trials, tried=tried(2, half_life=2.0)) == found
    assert search_of(trials, tried=tried(7, half_life=7.0)).n_trials == 5
    assert search_of(TRIALS.empty(), tried=tried(7)).n_trials == 1
    assert search_of(TRIALS.empty()).effective == 1.0
    more = search_of(trials, returns, tried=tried(7, half_life=7.0), counting="average_correlation")
    assert 1 < more.effective <= 5
    with pytest.raises(UsageError, match="without returns"):
        search_of(trials, counting="clusters")


def test_a_short_trial_counts_and_does_not_set_the_hurdle():
    """Four sessions of gains have a Sharpe ratio that no skill has over years: one such trial must not deflate all others for good."""
    trials, _ = ledger(*(tried(k, half_life=float(k)) for k in range(1, 5)))
    days = tried(1).returns["session"].head(4)
    short = trial(
        pl.DataFrame({"session": days, "net_return": [0.010, 0.011, 0.009, 0.010]}),
        signal="tone@1", market="cn", start=days[0], end=days[-1], horizon=1, config={"short": True},
    )  # fmt: skip
    both = pl.concat([trials, short.table(NOW)])
    found = search_of(both, tried=tried(1, half_life=1.0))
    assert (found.n_trials, found.n_short) == (5, 1)
    assert found.spread == pytest.approx(trials["sharpe"].to_numpy().std(ddof=1))
    # judged itself, the short one is compared with all
    assert search_of(both, tried=short).n_short == 0


def test_sharpe_ratios_of_long_periods_are_those_of_a_session():
    trials, _ = ledger(tried(1, 160), tried(2, horizon=4, period=4))
    expected = [trials["sharpe"][0], trials["sharpe"][1] / 2]
    assert search_of(trials).spread == pytest.approx(np.std(expected, ddof=1))


def test_the_average_correlation_by_hand():
    x = noise(3, 200, 4) + noise(4, 200, 1)
    correlation = np.corrcoef(x, rowvar=False)
    mean = correlation[np.triu_indices(4, 1)].mean()
    assert effective_trials(x) == pytest.approx(mean + (1 - mean) * 4)
    assert effective_trials(np.repeat(x[:, :1], 6, axis=1)) == pytest.approx(1.0), "copies are one trial"
    assert effective_trials(np.stack([x[:, 0], -x[:, 0]], axis=1)) == 2.0, "not more than there are"
    assert effective_trials(x, "all") == 4.0


@pytest.mark.parametrize("sizes", [(5, 5, 5, 5), (1, 6, 3), (10, 2), (7,), (1, 1)])
def test_clusters_are_found(sizes):
    centres = noise(5, 300, len(sizes))
    x = np.concatenate([centres[:, [k]] + 0.2 * noise(6 + k, 300, n) * (n > 1) for k, n in enumerate(sizes)], axis=1)
    found = effective_trials(x, "clusters")
    assert found == (len(sizes) if sizes != (7,) else pytest.approx(found))
    assert 1 <= found <= sum(sizes)
    assert effective_trials(np.repeat(x[:, :1], 5, axis=1), "clusters") == 1.0


def test_the_silhouette_is_scikit_learn_s():
    x = noise(7, 60, 9)
    distance = np.sqrt((1 - np.corrcoef(x, rowvar=False)) / 2)
    np.fill_diagonal(distance, 0.0)
    for labels in ([1, 1, 1, 2, 2, 2, 3, 3, 3], [1, 2, 2, 2, 2, 2, 2, 2, 2], [1, 2, 3, 4, 4, 5, 5, 1, 2]):
        expected = silhouette_score(distance, labels, metric="precomputed")
        assert _silhouette(distance, np.array(labels, dtype=np.int32)) == pytest.approx(expected)


def test_trials_are_compared_over_the_sessions_they_share():
    later = tried(2, 40, half_life=2.0, start=START + timedelta(days=10))
    holed = tried(3, 40, half_life=3.0)
    holed_returns = holed.returns.filter(pl.col("session") != START + timedelta(days=15))
    trials = pl.concat([one.table(NOW) for one in (tried(1), later, holed)])
    returns = pl.concat([tried(1).returns, later.returns, holed_returns])
    sessions, x = returns_matrix(trials, returns)
    assert sessions["session"].to_list() == [START + timedelta(days=k) for k in range(10, 40)]
    assert x[:, 0] == pytest.approx(tried(1).returns["net_return"].to_numpy()[10:])
    assert x[:, 1] == pytest.approx(later.returns["net_return"].to_numpy()[:30])
    assert x[5, 2] == 0.0, "it held nothing"


def test_trials_that_cannot_be_compared_say_why():
    one, two = tried(1), tried(2, horizon=5, period=5)
    with pytest.raises(EstimationError, match="over 1, 5 sessions"):
        returns_matrix(*ledger(one, two))
    far = tried(2, 10, half_life=2.0, start=START + timedelta(days=100))
    with pytest.raises(EstimationError, match="share no span"):
        returns_matrix(*ledger(one, far))
    trials, returns = ledger(one, tried(2, half_life=2.0))
    with pytest.raises(EstimationError, match="1 of 2 trials have no returns"):
        returns_matrix(trials, returns.filter(pl.col("trial_id") == one.trial_id))
    with pytest.raises(UsageError, match="counting came as"):
        effective_trials(noise(1, 20, 3), "votes")
