from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from evaluation_data import frames, noise
from scipy.stats import binom, spearmanr

from backtests.inference import bootstrap_mean, newey_west_mean
from backtests.predictive import bucketed, coefficient_errors, grouped_coefficient, hit_rate, information_coefficient
from backtests.scored import hac_lags
from research.errors import UsageError

NAN = float("nan")


def data(seed: int = 1, shape: tuple[int, int] = (30, 12)) -> tuple[np.ndarray, np.ndarray]:
    x = noise(seed, *shape)
    return x, 0.02 * (0.3 * x + noise(seed + 1, *shape))


def test_every_error_is_its_own_function_s():
    scores, labels = frames(*data(), horizons=(1, 5))
    table = coefficient_errors(scores, labels, draws=99, seed=4)
    assert table.select("horizon", "correlation", "errors").rows() == [
        (h, c, e) for h in (1, 5) for c in ("spearman", "pearson") for e in ("hac", "stationary", "circular")
    ]
    for h, correlation, errors, mean, error in table.select("horizon", "correlation", "errors", "mean_ic", "std_error").rows():
        daily = information_coefficient(scores, labels, method=correlation).daily.filter(pl.col("horizon") == h)["ic"]
        if errors == "hac":
            expected = newey_west_mean(daily, hac_lags(30, h))
        else:
            expected = bootstrap_mean(daily, method=errors, least=h, draws=99, seed=4)
        assert (mean, error) == (expected.mean, expected.std_error)


def test_hit_rate_by_hand():
    # four rows of session 0 and two of session 1; zeros say nothing
    x = np.array([[1.0, 1.0, -1.0, -1.0, 0.0], [1.0, -1.0, NAN, NAN, 1.0]])
    y = np.array([[0.1, -0.1, -0.1, -0.1, 0.1], [0.1, 0.1, 0.1, 0.1, 0.0]])
    row = hit_rate(*frames(x, y)).row(0, named=True)
    assert (row["hit_rate"], row["n"], row["n_rows"]) == (pytest.approx((3 / 4 + 1 / 2) / 2), 2, 6)
    s, up = (1 / 2 + 1 / 2) / 2, (1 / 4 + 1) / 2
    assert row["expected"] == pytest.approx(s * up + (1 - s) * (1 - up))
    assert row["excess"] == pytest.approx(row["hit_rate"] - row["expected"])


def test_a_rising_market_gives_a_bullish_score_no_excess():
    rng = np.random.default_rng(0)
    x, y = rng.normal(1.0, 1.0, (200, 20)), rng.normal(0.02, 0.02, (200, 20))
    row = hit_rate(*frames(x, y)).row(0, named=True)
    assert row["hit_rate"] > 0.7 and abs(row["excess"]) < 0.02 and row["p_value"] > 0.01
    always = hit_rate(*frames(np.abs(x), y)).row(0, named=True)
    assert always["excess"] == pytest.approx(0.0, abs=1e-12) and always["p_value"] is None
    informed = hit_rate(*frames(y - 0.02, y)).row(0, named=True)
    assert informed["excess"] > 0.1 and informed["p_value"] < 1e-6


def test_the_excess_has_the_size_it_states():
    rng, rejected = np.random.default_rng(7), 0
    for _ in range(200):
        s, y = rng.random(size=(60, 5)) < 0.6, rng.random(size=(60, 5)) < 0.55
        rejected += hit_rate(*frames(2.0 * s - 1, 0.02 * y - 0.01)).row(0, named=True)["p_value"] < 0.05
    assert binom.ppf(0.001, 200, 0.05) <= rejected <= binom.ppf(0.999, 200, 0.07)


def test_groups_equal_a_filter():
    x, y = data(3)
    scores, labels = frames(x, y, horizons=(1, 2))
    symbols = [f"S{j:02d}" for j in range(12)]
    sectors = pl.DataFrame({"symbol": symbols[:11], "sector": ["banks", "steel"] * 5 + [None]})
    table = grouped_coefficient(scores, labels, sectors, "sector")
    assert table.select("group", "horizon").rows() == [(g, h) for g in ("(none)", "banks", "steel") for h in (1, 2)]
    here = {g: [s for s, name in sectors.rows() if name == g] for g in ("banks", "steel")}
    for group, names in here.items():
        kept = scores.filter(pl.col("symbol").is_in(names))
        expected = information_coefficient(kept, labels).summary
        found = table.filter(pl.col("group") == group)
        assert found.select(expected.columns).equals(expected)
        assert found["n_rows"].to_list() == [150, 150]
    # a null sector and no sector: two symbols, too few for a correlation
    assert table.filter(pl.col("group") == "(none)").select("mean_ic", "n", "n_rows", "p_adjusted").rows() == [(None, 0, 60, None)] * 2
    known = table["p_value"].drop_nulls().to_numpy()
    from scipy.stats import false_discovery_control

    assert table["p_adjusted"].drop_nulls().to_numpy() == pytest.approx(false_discovery_control(known))


def test_a_row_may_be_in_several_groups_and_a_regime_is_of_sessions():
    x, y = data(4, (20, 8))
    scores, labels = frames(x, y)
    days = scores["session"].unique().sort()
    events = pl.concat(
        [scores.select("session", "symbol", type=pl.lit("earnings")), scores.select("session", "symbol", type=pl.lit("guidance"))]
    )
    both = grouped_coefficient(scores, labels, events, "type")
    whole = information_coefficient(scores, labels).summary
    assert both["mean_ic"].to_list() == pytest.approx([whole["mean_ic"][0]] * 2)
    regime = pl.DataFrame({"session": days, "regime": ["calm"] * 12 + ["wild"] * 8})
    calm = grouped_coefficient(scores, labels, regime, "regime").filter(pl.col("group") == "calm")
    assert calm["mean_ic"][0] == pytest.approx(np.mean([spearmanr(x[t], y[t]).statistic for t in range(12)]))


def test_numbers_are_cut_at_given_edges():
    frame = pl.DataFrame({"novelty": [0.0, 0.3, 0.30001, 0.7, 0.9, None, NAN]})
    cut = bucketed(frame, "novelty", (0.3, 0.7), name="bucket")
    assert cut["bucket"].to_list() == ["up to 0.3", "up to 0.3", "0.3 to 0.7", "0.3 to 0.7", "above 0.7", None, None]
    assert cut["novelty"].equals(frame["novelty"], null_equal=True)
    for edges in ((), (0.5, 0.5), (0.7, 0.3)):
        with pytest.raises(UsageError, match="rising numbers"):
            bucketed(frame, "novelty", edges)


def test_bad_input_says_what_is_wrong():
    scores, labels = frames(*data())
    with pytest.raises(UsageError, match="see bucketed"):
        grouped_coefficient(scores, labels, scores.select("session", "symbol", novelty="score"), "novelty")
    with pytest.raises(UsageError, match="expected session, symbol or both"):
        grouped_coefficient(scores, labels, pl.DataFrame({"sector": ["a"]}), "sector")
    with pytest.raises(UsageError, match="spearman or pearson"):
        information_coefficient(scores, labels, method="kendall")
    with pytest.raises(UsageError, match="hac, stationary or circular"):
        information_coefficient(scores, labels, errors="iid")


def test_scores_far_from_zero_keep_their_correlation():
    x, y = data(5)
    scores, labels = frames(x, y)
    moved = scores.with_columns(pl.col("score") + 1e8)
    near, far = (information_coefficient(s, labels, method="pearson").daily["ic"] for s in (scores, moved))
    assert far.to_list() == pytest.approx(near.to_list(), abs=1e-6)
