"""Long horizons: compounding by hand, holding by loops, alphas by statsmodels, sizes where holding periods overlap."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import stats

from backtests.bootstrap_tests import skewness_bootstrap
from backtests.long_horizon import buy_and_hold, calendar_alpha, monthly_returns
from research.errors import EstimationError, SchemaError, UsageError

MONTHS = [date(2010 + i // 12, i % 12 + 1, 1) for i in range(96)]


def panel(seed: int = 0, n: int = 40, common: float = 0.0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    market, shared = rng.normal(0.008, 0.04, 96), rng.normal(0, 1, 96)
    matrix = market + 0.08 * (math.sqrt(common) * shared + math.sqrt(1 - common) * rng.normal(0, 1, (n, 96)))
    names = [f"S{i:02d}" for i in range(n)]
    monthly = pl.DataFrame({"symbol": np.repeat(names, 96), "month": MONTHS * n, "realized_return": matrix.ravel()})
    days = [MONTHS[int(m)] + timedelta(days=int(d)) for m, d in zip(rng.integers(0, 55, n), rng.integers(0, 27, n), strict=True)]
    events = pl.DataFrame({"event_id": [f"e{i:02d}" for i in range(n)], "symbol": names, "session": days})
    return events, monthly, pl.DataFrame({"month": MONTHS, "realized_return": market})


def test_months_compound_their_days():
    rows = [("A", date(2024, 1, 30), 0.1), ("A", date(2024, 1, 31), 0.1), ("A", date(2024, 2, 1), None), ("A", date(2024, 3, 1), -0.5)]
    daily = pl.DataFrame(rows, schema={"symbol": pl.String, "session": pl.Date, "realized_return": pl.Float64}, orient="row")
    found = monthly_returns(daily)
    assert found["month"].to_list() == [date(2024, 1, 1), date(2024, 3, 1)]
    assert found["realized_return"].to_list() == [pytest.approx(0.21), pytest.approx(-0.5)]
    assert found["n_days"].to_list() == [2, 1]
    logs = monthly_returns(daily.with_columns(pl.col("realized_return").log1p()), log=True)
    assert logs["realized_return"].to_list() == [pytest.approx(0.21), pytest.approx(-0.5)]


@pytest.mark.parametrize("after", ["reference", "stop"])
def test_holding_by_a_loop(after):
    events, monthly, reference = panel()
    # one firm is delisted, one has a hole, one lists too late
    gone, hole, young = events["symbol"].to_list()[:3]
    started = dict(events.select("symbol", pl.col("session").dt.truncate("1mo")).iter_rows())
    offset = pl.col("month").dt.year() * 12 + pl.col("month").dt.month()

    def since(symbol: str) -> pl.Expr:
        return (pl.col("symbol") == symbol), offset - (started[symbol].year * 12 + started[symbol].month)

    for symbol, bad in ((gone, lambda m: m > 5), (hole, lambda m: m.is_between(3, 4)), (young, lambda m: m < 2)):
        own, month = since(symbol)
        monthly = monthly.filter(~(own & bad(month)))
    found = buy_and_hold(events, monthly, reference, horizons=(6, 24), after_delisting=after)
    assert found.dropped.rows() == [("e02", young, "no return in the month after the event")]
    have = {(s, m): r for s, m, r in monthly.iter_rows()}
    passive = dict(reference.iter_rows())
    for event in found.events.iter_rows(named=True):
        first = MONTHS.index(event["month"]) + 1
        last = max(i for i in range(first, len(MONTHS)) if (event["symbol"], MONTHS[i]) in have)
        for h in (6, 24):
            held = normal = 1.0
            for i in range(first, first + h):
                if i > last and after == "stop":
                    break
                month = MONTHS[i]
                held *= 1 + have.get((event["symbol"], month), passive[month])
                normal *= 1 + passive[month]
            assert event[f"bhar_{h}"] == pytest.approx(held - normal, abs=1e-12)
    assert found.events.filter(pl.col("symbol") == gone)["months_held"].item() == 5


def test_tests_of_the_mean():
    events, monthly, reference = panel(3)
    found = buy_and_hold(events, monthly, reference, horizons=(12, 36), seed=4)
    table = found.tests(draws=199)
    assert table.height == 2 * 4
    bhar = found.events["bhar_12"].to_numpy()
    of = {row["test"]: row for row in table.filter(pl.col("months") == 12).iter_rows(named=True)}
    theirs = stats.ttest_1samp(bhar, 0)
    assert (of["t"]["statistic"], of["t"]["p_value"]) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))
    assert of["skewness_bootstrap"]["p_value"] == skewness_bootstrap(bhar, 199, 4).p_value
    held, passive = found.events["held_12"] + 1, found.events["reference_12"] + 1
    assert of["t"]["wealth_relative"] == pytest.approx(held.mean() / passive.mean())
    assert repr(found) == "LongHorizon(40 events, 0 dropped, 12, 36 months)"
    # by the loop over pairs: the correlation of one month's BHARs, spread over overlapping periods
    month = [m.year * 12 + m.month for m in found.events["month"]]
    d = bhar - bhar.mean()
    same = [d[i] * d[j] for i in range(40) for j in range(i) if month[i] == month[j]]
    if len(same) < 30:
        assert of["dependence_adjusted"]["statistic"] is None
    many, monthly_many, reference_many = panel(5, n=200, common=0.3)
    found = buy_and_hold(many, monthly_many, reference_many, horizons=(12,))
    bhar = found.events["bhar_12"].to_numpy()
    d, month = bhar - bhar.mean(), [m.year * 12 + m.month for m in found.events["month"]]
    same = [d[i] * d[j] for i in range(200) for j in range(i) if month[i] == month[j]]
    rho = max(0.0, np.mean(same) / bhar.var(ddof=1))
    overlap = sum(max(0.0, 1 - abs(month[i] - month[j]) / 12) for i in range(200) for j in range(i))
    expected = stats.ttest_1samp(bhar, 0).statistic / math.sqrt(1 + 2 * rho * overlap / 200)
    row = found.tests(draws=9).filter(pl.col("test") == "dependence_adjusted")
    assert row["statistic"].item() == pytest.approx(expected)


def test_matched_references_and_groups():
    events, monthly, reference = panel(1, n=6)
    both = pl.concat(
        [reference.with_columns(reference=pl.lit("small")), reference.with_columns(pl.col("realized_return") * 2, reference=pl.lit("big"))]
    )
    named = events.with_columns(reference=pl.Series(["small", "big", "none"] * 2), kind=pl.Series(["a", "b"] * 3))
    found = buy_and_hold(named, monthly, both, horizons=(3,), group="kind")
    assert found.dropped["reason"].to_list() == ["no reference"] * 2
    first = found.events.row(0, named=True)
    start = MONTHS.index(first["month"]) + 1
    growth = np.prod(1 + reference["realized_return"].to_numpy()[start : start + 3]) - 1
    assert first["reference_3"] == pytest.approx(growth)
    assert found.tests(draws=9)["group"].unique().sort().to_list() == ["a", "b"]


@pytest.mark.parametrize("weighting", ["ols", "wls"])
@pytest.mark.parametrize("lags", [0, 3])
def test_alpha_and_its_errors_are_those_of_statsmodels(weighting, lags):
    events, monthly, reference = panel(2, n=60)
    rng = np.random.default_rng(0)
    factors = reference.rename({"realized_return": "market"}).with_columns(
        market=pl.col("market") - 0.001, smb=pl.Series(rng.normal(0, 0.02, 96)), risk_free=pl.lit(0.001)
    )
    found = calendar_alpha(events, monthly, factors, months=12, least=3, lags=lags, weighting=weighting)
    began = dict(events.select("symbol", pl.col("session").dt.truncate("1mo")).iter_rows())
    y, n, used = [], [], []
    wide = {(s, m): r for s, m, r in monthly.iter_rows()}
    for i, month in enumerate(MONTHS):
        held = [wide[s, month] for s, m in began.items() if 1 <= i - MONTHS.index(m) <= 12]
        if len(held) >= 3:
            y.append(np.mean(held) - 0.001)
            n.append(len(held))
            used.append(i)
    assert used == list(range(used[0], used[-1] + 1))
    x = sm.add_constant(factors.select("market", "smb").to_numpy()[used])
    w = np.array(n) if weighting == "wls" else np.ones(len(n))
    theirs = sm.WLS(np.array(y), x, weights=w).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    np.testing.assert_allclose([found.alpha, *found.loadings["loading"]], theirs.params, rtol=1e-9)
    np.testing.assert_allclose([found.std_error, *found.loadings["std_error"]], theirs.bse, rtol=1e-9)
    assert found.p_value == pytest.approx(theirs.pvalues[0])
    assert (found.n_months, found.df, found.lags) == (len(y), len(y) - 3.0, lags)
    assert calendar_alpha(events, monthly, factors, months=12, least=3).lags == math.floor(4 * (len(y) / 100) ** (2 / 9))


def test_size_where_holding_periods_overlap():
    """Firms share a factor and half their months: t rejects far too often, the calendar-time alpha does not."""
    n_draws, hits = 60, {"t": 0, "alpha": 0}
    for seed in range(n_draws):
        events, monthly, reference = panel(seed + 100, n=80, common=0.15)
        events = events.with_columns(session=pl.lit(MONTHS[20]))
        bhar = buy_and_hold(events, monthly, reference, horizons=(24,)).tests(draws=2)
        hits["t"] += bhar.filter(pl.col("test") == "t")["p_value"].item() < 0.05
        factors = reference.rename({"realized_return": "market"})
        hits["alpha"] += calendar_alpha(events, monthly, factors, months=24).p_value < 0.05
    assert hits["t"] / n_draws > 0.3
    assert hits["alpha"] / n_draws < 0.08 + 3.3 * math.sqrt(0.08 * 0.92 / n_draws)


def test_bad_input_is_told():
    events, monthly, reference = panel(0, n=5)
    with pytest.raises(UsageError, match="Horizons came as"):
        buy_and_hold(events, monthly, reference, horizons=(0,))
    with pytest.raises(SchemaError, match="share a key"):
        buy_and_hold(events, pl.concat([monthly, monthly]), reference)
    with pytest.raises(EstimationError, match="None of the 5 events can be used"):
        buy_and_hold(events.with_columns(symbol=pl.lit("X")), monthly, reference)
    with pytest.raises(EstimationError, match="0 months came with 9 firms"):
        calendar_alpha(events, monthly, reference.rename({"realized_return": "market"}), least=9)
    with pytest.raises(UsageError, match="Months came as 0"):
        calendar_alpha(events, monthly, reference.rename({"realized_return": "market"}), months=0)
    late = events.with_columns(session=pl.lit(date(2030, 1, 5)))
    with pytest.raises(EstimationError, match="no month after the event"):
        buy_and_hold(late, monthly, reference)
    twice = pl.concat([events, events.head(1).with_columns(event_id=pl.lit("z"))])
    assert buy_and_hold(twice, monthly, reference, horizons=(3,)).dropped.rows() == [("z", "S00", "duplicate event")]
