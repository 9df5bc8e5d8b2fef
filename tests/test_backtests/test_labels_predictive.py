from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from backtests.inference import newey_west_mean
from backtests.labels import forward_returns
from backtests.predictive import information_coefficient
from backtests.schemas import LABELS
from backtests.scored import hac_lags
from research.calendar import sessions
from research.errors import UsageError
from research.schemas import BARS
from signals.schemas import SIGNALS

CN = sessions("XSHG", "2024-01-02", "2024-01-12")  # nine sessions
DAYS = CN["session"].to_list()


def bar(symbol, i, open_, close, factor=1.0, suspended=False):
    return {
        "symbol": symbol, "session": DAYS[i], "open": open_, "close": close, "volume": 0.0 if suspended else 1.0, "adj_factor": factor,
        "suspended": suspended, "currency": "CNY", "available_at": CN["close_at"][i], "source": "hand",
    }  # fmt: skip


def test_forward_returns_by_hand():
    bars = BARS.frame(
        [
            bar("600000.SS", 0, 10.0, 10.0),
            bar("600000.SS", 1, 10.0, 11.0),
            bar("600000.SS", 2, 11.0, 12.0),
            bar("600000.SS", 3, 6.0, 6.6, factor=2.0),  # two for one before the open
            bar("600000.SS", 4, 6.6, 6.6, factor=2.0, suspended=True),
        ]
    )
    out = forward_returns(bars, CN, horizons=(1, 2))
    table = {(d, h): r for d, h, r in out.select("session", "horizon", "forward_return").rows()}
    assert table == pytest.approx(
        {
            (DAYS[0], 1): 0.1,  # open 10 -> close 11
            (DAYS[0], 2): 0.2,  # open 10 -> close 12
            (DAYS[1], 1): 12 / 11 - 1,
            (DAYS[1], 2): 13.2 / 11 - 1,  # 6.6 after the split is 13.2 before it
            (DAYS[2], 1): 0.1,  # 6 -> 6.6
            (DAYS[2], 2): 0.1,  # suspended on t+2: valued at its last close
        }
    )
    assert out.filter(pl.col("horizon") == 2)["ends_at"].to_list() == CN["close_at"].to_list()[2:5]


def test_nothing_can_be_bought_in_a_suspension_or_a_gap():
    bars = BARS.frame([bar("600000.SS", 0, 10.0, 10.0), bar("600000.SS", 1, None, 10.0, suspended=True), bar("600000.SS", 3, 10.0, 11.0)])
    out = forward_returns(bars, CN, horizons=(1, 2))
    # t=2 enters at session 3; a label over two sessions ends in session 4, which has no bar
    assert out.select("session", "horizon").rows() == [(DAYS[2], 1)]
    with pytest.raises(UsageError, match="horizons"):
        forward_returns(bars, CN, horizons=(0,))


def random_scores(seed, n_days=8, n_symbols=9):
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for d in DAYS[:n_days]:
        for j in range(n_symbols):
            score, forward = rng.normal(), rng.normal() * 0.02
            at = datetime(d.year, d.month, d.day, 9, tzinfo=UTC)
            rows.append({"signal": "x@1", "session": d, "symbol": f"S{j}", "asof": at, "horizon": 1, "score": score, "run_id": ""})
            labels.append({"session": d, "symbol": f"S{j}", "horizon": 1, "forward_return": max(forward, -0.9), "ends_at": at})
    return SIGNALS.frame(rows), LABELS.frame(labels)


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_information_coefficient_equals_scipy(method):
    from scipy import stats

    score, labels = random_scores(1)
    ic = information_coefficient(score, labels, method=method)
    reference = {"spearman": stats.spearmanr, "pearson": stats.pearsonr}[method]
    for d, value in ic.daily.select("session", "ic").rows():
        x = score.filter(pl.col("session") == d).sort("symbol")["score"]
        y = labels.filter(pl.col("session") == d).sort("symbol")["forward_return"]
        assert value == pytest.approx(float(reference(x, y).statistic), abs=1e-12)
    assert ic.summary["mean_ic"][0] == pytest.approx(float(ic.daily["ic"].to_numpy().mean()))


def test_newey_west_equals_statsmodels():
    import statsmodels.api as sm

    x = np.cumsum(np.random.default_rng(3).normal(size=200)) * 0.1 + np.random.default_rng(4).normal(size=200)
    for lags in (0, 1, 5, 19):
        fit = sm.OLS(x, np.ones_like(x)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
        ours = newey_west_mean(x, lags)
        assert (ours.mean, ours.std_error) == pytest.approx((float(fit.params[0]), float(fit.bse[0])), rel=1e-10)
    assert newey_west_mean([0.1, 0.1, 0.1, 0.1], 1).t is None
    assert newey_west_mean([], 1).n == 0


@pytest.mark.parametrize(("n", "horizon"), [(60, 5), (120, 1), (120, 10), (250, 20), (500, 5)])
def test_a_true_null_over_overlapping_horizons_is_rejected_about_as_often_as_stated(n, horizon):
    rng = np.random.default_rng(11)
    lags = hac_lags(n, horizon)
    rejected = 0
    for _ in range(600):
        noise = rng.normal(size=n + horizon - 1)
        estimate = newey_west_mean(np.convolve(noise, np.ones(horizon), "valid"), lags)
        assert (estimate.p_value < 0.05) == (estimate.ci_low > 0 or estimate.ci_high < 0)
        rejected += estimate.p_value < 0.05
    assert 0.02 < rejected / 600 < 0.095


def test_an_error_needs_more_observations_than_lags():
    assert newey_west_mean([0.1, 0.3, -0.2, 0.4], 4).std_error is None
    assert newey_west_mean([0.1, 0.3, -0.2, 0.4], 3).std_error is not None


def test_a_delisted_name_keeps_its_label_and_a_market_that_ends_has_none():
    gone = [bar("600001.SS", i, 10.0, 10.0 - i) for i in range(4)]  # 10, 9, 8, 7, then never again
    alive = [bar("600000.SS", i, 10.0, 10.0) for i in range(7)]
    out = forward_returns(BARS.frame(gone + alive), CN, horizons=(3,))
    found = dict(out.filter(pl.col("symbol") == "600001.SS").select("session", "forward_return").rows())
    # t=2 enters at session 3 and is held to session 5: worth the last close, 7. t=3 cannot enter.
    assert found == pytest.approx({DAYS[0]: 7 / 10 - 1, DAYS[1]: 7 / 10 - 1, DAYS[2]: 7 / 10 - 1})
    assert out["session"].max() == DAYS[3] and out["ends_at"].max() == CN["close_at"][6]


def test_two_signals_at_once_are_refused():
    score, labels = random_scores(5)
    both = pl.concat([score, score.with_columns(signal=pl.lit("y@1"))])
    with pytest.raises(UsageError, match="2 signals"):
        information_coefficient(both, labels)


def test_a_constant_score_has_no_information_coefficient():
    score, labels = random_scores(6)
    flat = information_coefficient(score.with_columns(score=pl.lit(1.0)), labels)
    assert flat.daily.is_empty() and flat.summary["mean_ic"].to_list() == [None]
