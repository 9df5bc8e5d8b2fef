from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from evaluation_data import frames, noise

from backtests.evaluation import evaluate
from backtests.evaluation_report import evaluation_sections, selection_section
from backtests.false_discovery import storey
from backtests.inference import newey_west_mean
from backtests.overfitting import overfitting
from backtests.persistence import rank_autocorrelation
from backtests.predictive import grouped_coefficient, hit_rate, information_coefficient
from backtests.quantiles import quantile_returns, quantile_turnover, spread_returns
from backtests.report import write_report
from backtests.scored import hac_lags
from backtests.selection import selection
from backtests.sharpe import deflated_sharpe, minimum_track_record, probabilistic_sharpe, sharpe_ratio
from backtests.superior import reality_check, stepdown, superior_ability
from backtests.trials import TRIALS, effective_trials, record, trial
from research.errors import EstimationError, SchemaError, UsageError
from research.store import Store

NOW = datetime(2025, 1, 1, tzinfo=UTC)
NAN = float("nan")


def data(strength: float = 0.3, shape: tuple[int, int] = (60, 15)) -> tuple[pl.DataFrame, pl.DataFrame]:
    x = noise(1, *shape)
    return frames(x, 0.02 * (strength * x + noise(2, *shape)), horizons=(1, 5))


def values(found) -> dict[str, float | None]:
    return dict(found.performance.select("metric", "value").rows())


def test_it_is_the_sum_of_its_parts():
    scores, labels = data()
    sector = pl.DataFrame({"symbol": [f"S{j:02d}" for j in range(15)], "sector": ["a", "b", "c"] * 5})
    days = scores["session"].unique().sort()
    regime = pl.DataFrame({"session": days, "regime": ["calm", "wild"] * 30})
    found = evaluate(scores, labels, market="cn", horizon=1, cost=0.001, groups={"sector": sector, "regime": regime}, draws=49)
    assert found.ic.summary.equals(information_coefficient(scores, labels).summary)
    assert found.hit_rate.equals(hit_rate(scores, labels)) and found.quantiles.equals(quantile_returns(scores, labels))
    assert found.autocorrelation.equals(rank_autocorrelation(scores))
    assert found.returns.equals(spread_returns(scores, labels, horizon=1, cost=0.001))
    turnover = quantile_turnover(scores)
    assert found.turnover["turnover"].to_list() == pytest.approx(
        [turnover.filter(pl.col("quantile") == q)["turnover"].mean() for q in range(1, 6)]
    )
    by = [grouped_coefficient(scores, labels, sector, "sector"), grouped_coefficient(scores, labels, regime, "regime")]
    assert found.groups.equals(pl.concat(by))
    ratio = sharpe_ratio(found.returns["net_return"])
    assert values(found) == pytest.approx(
        {
            "sharpe_period": ratio.value, "sharpe": ratio.value * 243**0.5, "skewness": ratio.skewness, "kurtosis": ratio.kurtosis,
            "probabilistic_sharpe": probabilistic_sharpe(ratio), "minimum_track_record": minimum_track_record(ratio),
        }
    )  # fmt: skip
    assert found.search is None and found.trial.row["mean_ic"] == found.ic.summary["mean_ic"][0]


def test_the_horizon_is_the_scores_own_or_a_shorter_one():
    scores, labels = data()
    assert evaluate(scores, labels, market="x", draws=9).horizon == 1
    of_three = scores.with_columns(horizon=pl.lit(3, dtype=pl.Int16))
    assert evaluate(of_three, labels, market="x", draws=9).horizon == 1
    assert evaluate(of_three, labels.filter(pl.col("horizon") == 5), market="x", draws=9).horizon == 5
    weekly = evaluate(scores, labels, market="us", horizon=5, draws=9)
    assert weekly.trial.row["period"] == 5 and weekly.returns.height == 12
    assert values(weekly)["sharpe"] == pytest.approx(values(weekly)["sharpe_period"] * (252 / 5) ** 0.5)
    with pytest.raises(UsageError, match="the labels have 1, 5"):
        evaluate(scores, labels, market="x", horizon=2)


def test_given_returns_are_those_that_are_judged():
    scores, labels = data()
    days = scores["session"].unique().sort()
    own = pl.DataFrame({"session": days, "net_return": 0.001 + 0.01 * noise(5, 60), "nav": 1.0})
    found = evaluate(scores, labels, market="x", horizon=5, returns=own.reverse(), draws=9)
    assert values(found)["sharpe_period"] == sharpe_ratio(own["net_return"]).value and found.trial.row["period"] == 1
    spread = evaluate(scores, labels, market="x", horizon=5, draws=9)
    assert found.trial.trial_id != spread.trial.trial_id and "sharpe" not in values(found)


def test_the_deflation_grows_with_the_ledger(tmp_path):
    scores, labels = data()
    store = Store(tmp_path / "home")
    deflated = []
    for half_life in range(1, 7):
        shape = (60, 15)
        variant, _ = frames(noise(1, *shape) + 2.0 * noise(20 + half_life, *shape), np.full(shape, 0.01))
        tried = evaluate(variant, labels, market="x", config={"half_life": half_life}, draws=9)
        assert record(store, tried.trial, evaluated_at=NOW).new
        found = evaluate(scores, labels, market="x", config={"half_life": 0}, trials=store.read(TRIALS), draws=9)
        assert found.search.n_trials == half_life + 1
        ratio = sharpe_ratio(found.returns["net_return"])
        assert values(found)["deflated_sharpe"] == deflated_sharpe(ratio, half_life + 1, found.search.spread)
        deflated.append(values(found)["deflated_sharpe"])
    assert all(value < values(found)["probabilistic_sharpe"] for value in deflated)
    record(store, found.trial, evaluated_at=NOW)
    assert not record(store, evaluate(scores, labels, market="x", config={"half_life": 0}, draws=9).trial, evaluated_at=NOW).new
    again = evaluate(scores, labels, market="x", config={"half_life": 0}, trials=store.read(TRIALS), draws=9)
    assert again.performance.equals(found.performance) and again.search == found.search
    once = evaluate(scores, labels, market="x", config={"half_life": 0}, trials=TRIALS.empty(), draws=9)
    assert values(once)["deflated_sharpe"] == values(once)["probabilistic_sharpe"]


def test_a_planted_effect_is_found_and_none_where_there_is_none():
    found = evaluate(*data(), market="x", draws=199)
    assert found.coefficients.filter(pl.col("horizon") == 1)["p_value"].max() < 0.01 and values(found)["probabilistic_sharpe"] > 0.99
    empty = evaluate(*data(strength=0.0), market="x", draws=199)
    assert empty.ic.summary["p_value"][0] > 0.01


def test_what_cannot_be_judged():
    scores, labels = data()
    with pytest.raises(EstimationError, match="None of the 900 scores of x@1"):
        evaluate(scores, labels.with_columns(pl.col("session") + timedelta(days=900)), market="x")
    with pytest.raises(EstimationError, match="None of the 0 scores"):
        evaluate(scores.clear(), labels, market="x")
    with pytest.raises(SchemaError, match="forward_return"):
        evaluate(scores, labels.with_columns(forward_return=pl.lit(NAN)), market="x")
    constant = evaluate(scores.with_columns(score=pl.lit(0.0)), labels, market="x", draws=9)
    assert constant.ic.summary["mean_ic"].to_list() == [None, None] and constant.returns.is_empty()
    assert constant.hit_rate["hit_rate"].to_list() == [None, None] and values(constant)["probabilistic_sharpe"] is None
    one = evaluate(scores.filter(pl.col("symbol") == "S01"), labels, market="x", draws=9)
    assert one.ic.daily.is_empty() and one.returns.is_empty() and one.hit_rate["n"].to_list() == [60, 60]
    assert len(evaluation_sections(constant)) == len(evaluation_sections(one)) == 3


def returns_of(x: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    start = date(2024, 1, 1)
    rows = [
        trial(
            pl.DataFrame({"session": [start + timedelta(days=k) for k in range(len(x))], "net_return": column}),
            signal="x@1", market="x", start=start, end=start + timedelta(days=len(x)), horizon=1, config={"variant": j},
        )
        for j, column in enumerate(x.T)
    ]  # fmt: skip
    return pl.concat([one.table(NOW) for one in rows]), pl.concat([one.returns for one in rows])


def test_the_selection_is_the_sum_of_its_parts():
    x = 0.01 * noise(3, 80, 6) + 0.001
    trials, returns = returns_of(x)
    found = selection(trials, returns, blocks=8, counting="average_correlation", draws=99, seed=2)
    order = trials.sort("trial_id")["config"].str.json_path_match("$.variant").cast(pl.Int64).to_numpy()
    x = x[:, order]
    ratios = [sharpe_ratio(column) for column in x.T]
    spread = np.std([ratio.value for ratio in ratios], ddof=1)
    effective = effective_trials(x)
    assert found.superior == superior_ability(x, draws=99, seed=2) and found.reality_check == reality_check(x, draws=99, seed=2)
    assert found.overfitting.logits == pytest.approx(overfitting(x, blocks=8).logits)
    assert (found.search.n_trials, found.search.effective, found.search.spread) == (6, effective, pytest.approx(spread))
    p = []
    for column in x.T:
        estimate = newey_west_mean(column, hac_lags(80, 1))
        p.append(estimate.p_value / 2 if estimate.mean > 0 else 1 - estimate.p_value / 2)
    expected = pl.DataFrame(
        {
            "trial_id": trials.sort("trial_id")["trial_id"],
            "sharpe": [ratio.value for ratio in ratios],
            "p_value": p,
            "q_storey": storey(np.array(p)),
            "p_stepdown": stepdown(x, draws=99, seed=2),
            "deflated": [deflated_sharpe(ratio, effective, float(spread)) for ratio in ratios],
        }
    ).sort("sharpe", descending=True)
    for name in expected.columns:
        assert found.table[name].to_list() == (pytest.approx(expected[name].to_list()) if name != "trial_id" else expected[name].to_list())
    assert found.notes == () and found.n_periods == 80


def test_the_best_of_many_noises_looks_good_alone_and_not_together():
    alone = together = 0
    for k in range(10):
        trials, returns = returns_of(np.random.default_rng(k).normal(0, 0.01, (120, 40)))
        found = selection(trials, returns, blocks=4, draws=99)
        best = found.table.row(0, named=True)
        alone += best["probabilistic"] > 0.95
        together += best["deflated"] > 0.95 or found.superior.p_consistent < 0.05 or best["p_stepdown"] < 0.05
    assert alone >= 8 and together <= 3


def test_a_benchmark_is_taken_off():
    x = 0.01 * noise(3, 40, 3)
    trials, returns = returns_of(x + 0.02)
    days = returns["session"].unique().sort()
    benchmark = pl.DataFrame({"session": days, "benchmark_return": 0.02})
    found, plain = selection(trials, returns, benchmark=benchmark, blocks=4, draws=99), selection(*returns_of(x), blocks=4, draws=99)
    assert sorted(found.table["sharpe"]) == pytest.approx(sorted(plain.table["sharpe"]))
    with pytest.raises(EstimationError, match="one return in each of the 40"):
        selection(trials, returns, benchmark=benchmark.head(39))


def test_too_short_a_search_says_what_is_missing():
    trials, returns = returns_of(0.01 * noise(3, 20, 3) * np.array([1.0, 1.0, 0.0]))
    found = selection(trials, returns, draws=9)
    assert found.overfitting is None and len(found.notes) == 2 and "at least 32 periods" in found.notes[0]
    assert found.table.row(-1, named=True)["p_stepdown"] is None and found.search.n_trials == 3
    with pytest.raises(EstimationError, match="no trial"):
        selection(TRIALS.empty(), returns)
    alone = selection(*returns_of(0.01 * noise(3, 40, 1)), draws=9)
    assert alone.overfitting is None and alone.table["deflated"][0] == alone.table["probabilistic"][0]


def test_the_report_shows_both(tmp_path):
    scores, labels = data()
    sector = pl.DataFrame({"symbol": [f"S{j:02d}" for j in range(15)], "sector": ["<b>a</b>", "b", "c"] * 5})
    found = evaluate(scores, labels, market="cn", groups={"sector": sector}, trials=TRIALS.empty(), draws=9)
    sections = [*evaluation_sections(found), selection_section(selection(*returns_of(0.01 * noise(3, 64, 5)), draws=9))]
    assert len(sections) == 5
    file = tmp_path / "report.html"
    write_report(file, *sections, title="x@1")
    page = file.read_text(encoding="utf-8")
    for text in (
        "Probability of overfitting",
        "deflated_sharpe",
        "Does the best beat the benchmark",
        "By sector",
        "Hit rate",
        "Rank autocorrelation",
    ):
        assert text in page
    assert "<b>a</b>" not in page
    write_report(tmp_path / "again.html", *sections, title="x@1")
    assert (tmp_path / "again.html").read_bytes() == file.read_bytes()
