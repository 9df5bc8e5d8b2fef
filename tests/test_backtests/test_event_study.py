"""Event studies on small markets worked by hand, on bars with gaps, and against the answers of other implementations."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests import event_tests as et
from backtests.event_study import EventStudy
from backtests.schemas import EVENT_RETURNS, EVENT_STUDY, EVENT_TESTS
from backtests.study_tests import TESTS
from research.errors import CalendarError, DataError, EstimationError, SchemaError, UnknownSymbolError, UsageError
from research.schemas import BARS, INSTANT

ANCHORS = Path(__file__).parents[3] / "shared" / "eventstudy"
anchored = pytest.mark.skipif(not ANCHORS.exists(), reason="answers of other implementations are not published with the code")

START, N_DAYS = date(2023, 1, 2), 90
DAYS = [START + timedelta(days=i) for i in range(N_DAYS)]
STUDY = EventStudy(estimation=(-45, -6), window=(-3, 4), min_obs=20)


def close_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 7, tzinfo=UTC)


def bars_of(symbol: str, days: list[date], seed: int, suspended: tuple[int, ...] = ()) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    closes = 10.0 * np.cumprod(1 + rng.normal(0, 0.02, len(days)))
    rows = []
    for i, day in enumerate(days):
        stopped = i in suspended
        if stopped:
            closes[i] = closes[i - 1]
        rows.append(
            {
                "symbol": symbol, "session": day, "close": float(closes[i]), "volume": 0.0 if stopped else 1e6, "adj_factor": 1.0 + (i >= 60) * 0.01,
                "suspended": stopped, "currency": "CNY", "available_at": close_of(day), "source": "test",
            }
        )  # fmt: skip
    return BARS.frame(rows)


def market_bars() -> pl.DataFrame:
    return pl.concat(
        [
            bars_of("000300.SS", DAYS, 0),
            bars_of("600001.SS", DAYS, 1),
            bars_of("600002.SS", DAYS, 2, suspended=(30, 61, 62)),
            bars_of("000003.SZ", DAYS[:10] + DAYS[12:], 3),
            bars_of("600004.SS", DAYS[55:], 4),
            bars_of("600005.SS", DAYS[:50], 5),
            bars_of("^HSI", DAYS[::2], 6),
            bars_of("0700.HK", DAYS[::2], 7),
        ]
    )


def events_of(*rows: tuple[str, str | None, datetime]) -> pl.DataFrame:
    schema = {"event_id": pl.String, "symbol": pl.String, "available_at": INSTANT}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def long_returns(matrix: np.ndarray, days: list[date]) -> pl.DataFrame:
    n, length = matrix.shape
    return pl.DataFrame(
        {"session": days * n, "symbol": np.repeat([f"S{i:02d}" for i in range(n)], length), "realized_return": matrix.ravel()}
    ).with_columns(pl.col("realized_return").fill_nan(None))


def panel(seed: int = 0, n: int = 8) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.01, N_DAYS)
    matrix = rng.uniform(0.5, 1.5, (n, 1)) * market + rng.normal(0, 0.02, (n, N_DAYS))
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    events = pl.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "symbol": [f"S{i:02d}" for i in range(n)],
            "session": [DAYS[int(r)] for r in rng.integers(50, 80, n)],
            "kind": ["beat" if i % 2 else "miss" for i in range(n)],
        }
    )
    index = pl.DataFrame({"session": DAYS, "realized_return": market})
    return events, long_returns(matrix, DAYS), index, matrix, market


def test_day_0_is_the_first_close_strictly_after_the_event():
    bars = market_bars()
    close = close_of(DAYS[60])
    events = events_of(
        ("before", "600001.SS", close - timedelta(microseconds=1)),
        ("at", "600001.SS", close),
        ("weekend", "0700.HK", close_of(DAYS[61])),
    )
    found = STUDY.fit(events.head(2), bars, benchmark="000300.SS").events
    assert dict(found.select("event_id", "day0").iter_rows()) == {"before": DAYS[60], "at": DAYS[61]}
    sparse = EventStudy(estimation=(-25, -3), window=(-1, 2), min_obs=20).fit(events.tail(1), bars, benchmark="^HSI")
    assert sparse.events["day0"].to_list() == [DAYS[62]]
    assert sparse.event_returns["session"].to_list() == [DAYS[60], DAYS[62], DAYS[64], DAYS[66]]


def test_fit_agrees_with_a_loop_over_events_and_days():
    bars = market_bars()
    events = events_of(
        ("a", "600001.SS", close_of(DAYS[59])), ("b", "600002.SS", close_of(DAYS[59])), ("c", "000003.SZ", close_of(DAYS[59]))
    )
    result = STUDY.fit(events, bars, benchmark={"XSHG": "000300.SS"})
    total: dict[tuple[str, date], float] = {}
    for (symbol,), rows in bars.filter(~pl.col("suspended")).sort("session").group_by("symbol"):
        value = (rows["close"] * rows["adj_factor"]).to_list()
        total |= {(str(symbol), day): value[i] / value[i - 1] - 1 for i, day in enumerate(rows["session"]) if i}
    for event in result.events.iter_rows(named=True):
        own = [(total.get((event["symbol"], d)), total.get(("000300.SS", d))) for d in DAYS[60 - 45 : 60 - 5]]
        y, x = np.array([pair for pair in own if None not in pair]).T
        assert event["n_obs"] == len(y)
        beta, alpha = np.polyfit(x, y, 1)
        sigma = np.sqrt(((y - alpha - beta * x) ** 2).sum() / (len(y) - 2))
        np.testing.assert_allclose([event["alpha"], event["beta"], event["sigma"]], [alpha, beta, sigma], rtol=1e-9)
        abnormal, held, normal = [], 1.0, 1.0
        rows = result.event_returns.filter(pl.col("event_id") == event["event_id"])
        assert rows["tau"].to_list() == list(range(-3, 5))
        for row in rows.iter_rows(named=True):
            day = DAYS[60 + row["tau"]]
            assert row["session"] == day
            realized, market = total.get((event["symbol"], day)), total[("000300.SS", day)]
            if realized is None:
                assert (row["realized_return"], row["abnormal_return"], row["forecast_std"]) == (None, None, None)
                continue
            expected = alpha + beta * market
            abnormal.append(realized - expected)
            held, normal = held * (1 + realized), normal * (1 + expected)
            std = sigma * np.sqrt(1 + 1 / len(y) + (market - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
            np.testing.assert_allclose([row["abnormal_return"], row["forecast_std"]], [abnormal[-1], std], rtol=1e-9)
        assert event["n_days"] == len(abnormal)
        np.testing.assert_allclose([event["car"], event["bhar"]], [sum(abnormal), held - normal], rtol=1e-9)
        assert event["t"] == pytest.approx(event["car"] / event["car_std_error"])
    # suspended on days 61 and 62: two taus are null, and the return of day 63 spans the gap
    assert result.event_returns.filter(pl.col("event_id") == "b", pl.col("abnormal_return").is_null())["tau"].to_list() == [1, 2]
    assert result.average.filter(pl.col("tau").is_in([0, 1, 2, 3]))["n_events"].to_list() == [3, 2, 2, 3]


def test_each_market_has_its_own_benchmark():
    bars = market_bars()
    study = EventStudy(estimation=(-25, -3), window=(-1, 2), min_obs=20)
    cn, hk = ("cn", "000003.SZ", close_of(DAYS[60])), ("hk", "0700.HK", close_of(DAYS[60]))
    both = study.fit(events_of(cn, hk), bars, benchmark={"XSHG": "000300.SS", "XHKG": "^HSI"})
    for event, benchmark in ((cn, "000300.SS"), (hk, "^HSI")):
        alone = study.fit(events_of(event), bars, benchmark=benchmark)
        assert alone.events.equals(both.events.filter(pl.col("event_id") == event[0]))
    assert both.tests(windows=[(0, 1)], tests=["bmp", "kolari_pynnonen"])["statistic"].null_count() == 0
    without = study.fit(events_of(cn, hk), bars, benchmark={"XSHG": "000300.SS"})
    assert without.dropped.rows() == [("hk", "0700.HK", "no benchmark")]


def test_dropped_events_say_why():
    bars = pl.concat([market_bars(), bars_of("600006.SS", DAYS, 6).with_columns(close=pl.lit(5.0), adj_factor=pl.lit(1.0))])
    t = close_of(DAYS[59])
    events = events_of(
        ("ok", "600001.SS", t),
        ("ok", "600001.SS", t + timedelta(days=1)),
        ("again", "600001.SS", t + timedelta(hours=1)),
        ("none", "688999.SS", t),
        ("market-wide", None, t),
        ("young", "600004.SS", close_of(DAYS[70])),
        ("unborn", "600004.SS", close_of(DAYS[40])),
        ("early", "600001.SS", close_of(DAYS[10])),
        ("flat", "600006.SS", t),
        ("gone", "600005.SS", t),
        ("late", "600001.SS", close_of(DAYS[-1])),
    )
    result = STUDY.fit(events, bars, benchmark="000300.SS")
    assert result.events["event_id"].to_list() == ["ok"]
    assert dict(result.dropped.select("event_id", "reason").iter_rows()) == {
        "ok": "duplicate event", "again": "duplicate event", "none": "no bars", "market-wide": "no symbol", "young": "estimation window too short",
        "unborn": "event before listing", "early": "estimation window too short", "flat": "zero variance", "gone": "after the last bar",
        "late": "after the last bar",
    }  # fmt: skip
    with pytest.raises(EstimationError, match=r"None of the 2 events can be used \(1 no bars, 1 no symbol\)"):
        STUDY.fit(events.filter(pl.col("event_id").is_in(["none", "market-wide"])), bars, benchmark="000300.SS")


def test_a_window_that_outlasts_the_bars_is_kept_as_far_as_it_goes():
    result = STUDY.fit(events_of(("e", "600001.SS", close_of(DAYS[-3]))), market_bars(), benchmark="000300.SS")
    assert result.event_returns["tau"].to_list() == [-3, -2, -1, 0, 1]
    assert result.events["n_days"].to_list() == [5]
    assert result.average["n_events"].to_list() == [1] * 5 + [0] * 3
    assert result.average["aar"].null_count() == result.average["caar"].null_count() == 3


def test_one_event_has_null_cross_sectional_tests():
    result = STUDY.fit(events_of(("e", "600001.SS", close_of(DAYS[60]))), market_bars(), benchmark="000300.SS")
    found = {row["test"]: row for row in result.tests(windows=[(0, 0)]).iter_rows(named=True)}
    for name in ("cross_sectional", "bmp", "kolari_pynnonen"):
        assert (found[name]["statistic"], found[name]["p_value"], found[name]["n_events"]) == (None, None, 1)
    assert result.average["std_error"].null_count() == result.average.height
    assert result.plot().data
    assert result.plot_aar().data
    assert result.plot_events().data


@pytest.mark.parametrize("model", ["constant", "market_adjusted", "market", "factors"])
def test_tables_fit_their_schemas_and_tests_their_arrays(model):
    events, returns, index, *_ = panel()
    factors = index.rename({"realized_return": "market"}).with_columns(size=pl.col("market").shift(1)) if model == "factors" else None
    study = EventStudy(model=model, estimation=(-45, -6), window=(-3, 4), min_obs=20)
    result = study.fit_returns(events, returns, index, group="kind", factors=factors)
    EVENT_RETURNS.validate(result.event_returns)
    EVENT_STUDY.validate(result.average)
    found = result.tests()
    EVENT_TESTS.validate(found)
    assert found.height == 2 * len(TESTS) * 6
    assert result.events["group"].value_counts().sort("group")["count"].to_list() == [4, 4]
    betas = {"constant": [None], "market_adjusted": [1.0]}.get(model)
    assert betas is None or result.events["beta"].unique().to_list() == betas
    assert ("beta_size" in result.events.columns) == (model == "factors")
    for kind in ("beat", "miss"):
        alone = study.fit_returns(events.filter(pl.col("kind") == kind), returns, index, group="kind", factors=factors)
        assert alone.tests().equals(found.filter(pl.col("group") == kind))
        assert alone.average.equals(result.average.filter(pl.col("group") == kind))
        scar = alone.events["car"] / alone.events["car_std_error"]
        row = found.filter(pl.col("group") == kind, pl.col("test") == "bmp", pl.col("window_start") == -3, pl.col("window_end") == 4).row(
            0, named=True
        )
        assert row["statistic"] == pytest.approx(et.bmp(scar.to_numpy()).statistic)


def test_average_by_hand():
    events, returns, index, *_ = panel()
    result = STUDY.fit_returns(events, returns, index)
    wide = {}
    for row in result.event_returns.iter_rows(named=True):
        wide.setdefault(row["event_id"], {})[row["tau"]] = row["abnormal_return"]
    for row in result.average.iter_rows(named=True):
        today = [ars[row["tau"]] for ars in wide.values() if ars[row["tau"]] is not None]
        so_far = [[ars[t] for t in range(-3, row["tau"] + 1) if ars[t] is not None] for ars in wide.values()]
        cars = [sum(ars) for ars in so_far if ars]
        assert row["n_events"] == len(today)
        np.testing.assert_allclose(
            [row["aar"], row["caar"], row["std_error"]],
            [np.mean(today), np.mean(cars), np.std(cars, ddof=1) / np.sqrt(len(cars))],
            rtol=1e-10,
        )


def test_log_returns_compound_by_their_sum():
    bars = market_bars()
    events = events_of(("a", "600001.SS", close_of(DAYS[59])))
    simple = STUDY.fit(events, bars, benchmark="000300.SS")
    log = EventStudy(estimation=(-45, -6), window=(-3, 4), min_obs=20, returns="log").fit(events, bars, benchmark="000300.SS")
    np.testing.assert_allclose(log.event_returns["realized_return"], np.log1p(simple.event_returns["realized_return"]), rtol=1e-9)
    compounded = [np.exp(log.event_returns[name].sum()) for name in ("realized_return", "expected_return")]
    assert log.events["bhar"][0] == pytest.approx(compounded[0] - compounded[1])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.2, 5))
def test_laws(seed, scale):
    events, returns, index, *_ = panel(seed)
    result = STUDY.fit_returns(events, returns, index)
    tests = result.tests()
    # the order of rows is no information
    shuffled = STUDY.fit_returns(
        events.sample(fraction=1.0, shuffle=True, seed=seed), returns.sample(fraction=1.0, shuffle=True, seed=seed), index
    )
    assert shuffled.events.equals(result.events)
    assert shuffled.tests().equals(tests)

    # nor is the unit, for any statistic of sums: compounded returns have no free unit
    def times(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("realized_return") * scale)

    scaled = STUDY.fit_returns(events, times(returns), times(index)).tests()
    sums = pl.Series("test", [name for name in TESTS if name != "bhar"])
    for found in (scaled, tests):
        assert found["test"].unique().sort().to_list() == sorted(TESTS)
    summed = [frame.filter(pl.col("test").is_in(sums.implode()))["p_value"].to_numpy() for frame in (scaled, tests)]
    np.testing.assert_allclose(*summed, rtol=1e-6)
    # what happens after the window, or to others, changes nothing
    last = events["session"].max() + timedelta(days=4)
    cut = STUDY.fit_returns(events, returns.filter(pl.col("session") <= last), index)
    assert cut.tests().equals(tests)


def test_clusters_are_warned_about():
    events, returns, index, *_ = panel()
    assert STUDY.fit_returns(events, returns, index).warnings == ()
    same = events.with_columns(session=pl.lit(DAYS[60]))
    (told,) = STUDY.fit_returns(same, returns, index).warnings
    assert "8 of 8 share day 0 2023-03-03" in told
    assert "kolari_pynnonen remains valid" in told
    twice = pl.concat([events.head(1), events.head(1).with_columns(event_id=pl.lit("next"), session=pl.col("session") + timedelta(days=3))])
    assert any(
        "2 of 2 events lie within the event window of another event of their symbol" in w
        for w in STUDY.fit_returns(twice, returns, index).warnings
    )


def test_kolari_pynnonen_keeps_its_size_when_windows_overlap_in_part():
    rng = np.random.default_rng(5)
    n, draws, correlation = 60, 120, 0.05
    study = EventStudy(estimation=(-60, -6), window=(-2, 8), min_obs=50)
    days = [START + timedelta(days=i) for i in range(110)]
    rejected = {"bmp": 0, "kolari_pynnonen": 0}
    for _ in range(draws):
        market, common = rng.normal(0, 0.01, len(days)), rng.normal(size=len(days))
        noise = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.normal(size=(n, len(days)))
        names = [f"S{i:02d}" for i in range(n)]
        sessions = [days[int(i)] for i in rng.integers(70, 90, n)]
        events = pl.DataFrame({"event_id": names, "symbol": names, "session": sessions})
        index = pl.DataFrame({"session": days, "realized_return": market})
        result = study.fit_returns(events, long_returns(market + 0.02 * noise, days), index)
        for name, p_value in result.tests(windows=[(-2, 8)], tests=list(rejected)).select("test", "p_value").iter_rows():
            rejected[name] += p_value < 0.05
    assert rejected["bmp"] / draws > 0.11
    assert rejected["kolari_pynnonen"] / draws < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / draws)


def test_planted_effect_is_found_and_day_0_carries_it():
    rng = np.random.default_rng(3)
    events, returns, index, *_ = panel(3, n=40)
    marked = events.select("symbol", session="session", bump=pl.lit(0.05))
    planted = returns.join(marked, on=["symbol", "session"], how="left").with_columns(
        pl.col("realized_return") + pl.col("bump").fill_null(0.0)
    )
    result = STUDY.fit_returns(events, planted.sample(fraction=1.0, shuffle=True, seed=int(rng.integers(9))), index)
    on_day = result.tests(windows=[(0, 0)])
    assert on_day["p_value"].max() < 0.01
    assert result.average.filter(pl.col("tau") == 0)["aar"][0] == pytest.approx(0.05, abs=0.015)
    before = result.tests(windows=[(-3, -1)])
    assert before["p_value"].min() > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "capm"}, "Model 'capm' is not known"),
        ({"returns": "percent"}, "expected simple or log"),
        ({"window": (3, -3)}, "event window came as 3 .. -3"),
        ({"estimation": (-50, -3)}, "ends at -3 and the event window begins at -5"),
        ({"estimation": (-60, -11)}, "min_obs came as 100; expected 3 to 50"),
        ({"min_obs": 2}, "min_obs came as 2; expected 3 to 221"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], message):
    with pytest.raises(UsageError, match=message):
        EventStudy(**arguments)


def test_bad_input_is_told_in_a_sentence():
    bars, events = market_bars(), events_of(("a", "600001.SS", close_of(DAYS[59])))
    with pytest.raises(UnknownSymbolError, match=r"Benchmark '000905.SS' has no bars"):
        STUDY.fit(events, bars, benchmark="000905.SS")
    with pytest.raises(CalendarError, match="Market 'cn' is not known"):
        STUDY.fit(events, bars, benchmark={"cn": "000300.SS"})
    with pytest.raises(EstimationError, match="No events came"):
        STUDY.fit(events.head(0), bars, benchmark="000300.SS")
    with pytest.raises(SchemaError, match="available_at"):
        STUDY.fit(events.drop("available_at"), bars, benchmark="000300.SS")
    with pytest.raises(SchemaError, match="available_at"):
        STUDY.fit(events.with_columns(pl.col("available_at").dt.replace_time_zone(None)), bars, benchmark="000300.SS")
    with pytest.raises(UsageError, match="without the column 'event_type'"):
        STUDY.fit(events, bars, benchmark="000300.SS", group="event_type")
    with pytest.raises(UsageError, match="came with factors"):
        STUDY.fit(events, bars, benchmark="000300.SS", factors=pl.DataFrame({"session": DAYS}))
    with pytest.raises(DataError, match="do not become available session by session"):
        STUDY.fit(events, bars.with_columns(available_at=pl.lit(close_of(DAYS[-1]), dtype=INSTANT)), benchmark="000300.SS")
    result = STUDY.fit(events, bars, benchmark="000300.SS")
    with pytest.raises(UsageError, match="Test 'levene' is not known"):
        result.tests(tests=["levene"])
    with pytest.raises(UsageError, match=r"Window 0 .. 9 came; expected one inside"):
        result.tests(windows=[(0, 9)])


def test_bad_returns_are_told_in_a_sentence():
    events, returns, index, *_ = panel()
    with pytest.raises(SchemaError, match="share a key"):
        STUDY.fit_returns(events, pl.concat([returns, returns.head(1)]), index)
    with pytest.raises(SchemaError, match="one row a session"):
        STUDY.fit_returns(events, returns, pl.concat([index, index.head(1)]))
    off = events.with_columns(session=pl.when(pl.col("event_id") == "e0").then(DAYS[60]).otherwise("session"))
    dropped = STUDY.fit_returns(off, returns, index.filter(pl.col("session") != DAYS[60])).dropped
    assert ("e0", "S00", "day 0 is not a session") in dropped.rows()
    study = EventStudy(model="factors", estimation=(-45, -6), window=(-3, 4), min_obs=20)
    with pytest.raises(UsageError, match="came without factors"):
        study.fit_returns(events, returns, index)
    with pytest.raises(SchemaError, match="at least one Float64 column"):
        study.fit_returns(events, returns, index, factors=pl.DataFrame({"session": DAYS}))


# ---------------------------------------------------------------------------------------------- answers of others


def answers(case: str) -> tuple[Path, dict[str, Any]]:
    folder = ANCHORS / case
    return folder, json.loads((folder / "expected.json").read_text())


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)


def priced(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    change = (pl.col("adjusted") / pl.col("adjusted").shift(1).over("symbol") - 1).cast(pl.Float64)
    firms = read(folder / "firm_prices.csv").sort("symbol", "date").with_columns(realized_return=change).rename({"date": "session"})
    market = read(folder / "market_prices.csv").sort("symbol", "date").with_columns(realized_return=change).rename({"date": "session"})
    events = read(folder / "events.csv").select(
        pl.col("event_id").cast(pl.String), symbol="firm_symbol", session="event_date", group="group"
    )
    return events, firms.select("session", "symbol", "realized_return"), market.select("session", "realized_return"), firms


def statistics(result: Any, window: tuple[int, int]) -> dict[str, float]:
    return dict(result.tests(windows=[window]).select("test", "statistic").iter_rows())


@anchored
def test_additions_to_an_index():
    folder, expected = answers("G04b_sipemu_sp500_est115")
    model = expected["results"]["MarketModel"]
    events, firms, market, _ = priced(folder)
    result = EventStudy(estimation=(-120, -6), window=(-5, 5)).fit_returns(events, firms, market, group="group")
    assert result.events.height == 16
    for answer in model["per_event"]:
        event = result.events.filter(pl.col("event_id") == answer["event_id"]).row(0, named=True)
        for name in ("alpha", "beta", "sigma", "df"):
            assert event[name] == pytest.approx(answer[name], rel=1e-9)
        rows = result.event_returns.filter(pl.col("event_id") == answer["event_id"], pl.col("abnormal_return").is_not_null())
        np.testing.assert_allclose(rows["abnormal_return"], answer["ar"], rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(rows["forecast_std"], answer["forecast_error_corrected_sigma"], rtol=1e-9)
        np.testing.assert_allclose(rows["abnormal_return"].cum_sum(), answer["car"], rtol=1e-9, atol=1e-15)
    # on the last day one firm is missing, which there is not taken out of every denominator
    complete = model["multi"][0]
    for column, tau in enumerate(range(-5, 5)):
        day, sofar = statistics(result, (tau, tau)), statistics(result, (-5, tau))
        for name, table, one, many in (
            ("cross_sectional", "CSectT", "aar_t", "caar_t"),
            ("sign", "SignT", "sign_z", "csign_z"),
            ("generalized_sign", "GSignT", "gsign_z", "cgsign_z"),
        ):
            assert day[name] == pytest.approx(complete[table][column][one], rel=1e-8, abs=1e-12)
            assert sofar[name] == pytest.approx(complete[table][column][many], rel=1e-8, abs=1e-12)
        assert day["patell"] == pytest.approx(complete["PatellZ"][column]["aar_z"], rel=1e-8)
        row = result.average.filter(pl.col("tau") == tau).row(0, named=True)
        np.testing.assert_allclose([row["aar"], row["caar"]], [complete["CSectT"][column][name] for name in ("aar", "caar")], rtol=1e-9)


@anchored
def test_recurring_firms_a_shorter_estimation_window_and_trading_volume():
    folder, expected = answers("G05b_sipemu_volume_volatility")
    events, firms, market, raw = priced(folder)
    rolling = EventStudy(estimation=(-70, -11), window=(-10, 10), min_obs=50).fit_returns(events, firms, market, group="group")
    # a mean-adjusted study of log volume: the model does not care what the numbers are
    volume = raw.select("session", "symbol", realized_return=pl.col("firm_volume").cast(pl.Float64).log1p())
    trading = EventStudy(model="constant", estimation=(-260, -11), window=(-10, 10)).fit_returns(events, volume, market, group="group")
    for result, model in ((rolling, "RollingWindow"), (trading, "Volume")):
        answer = expected["results"][model]
        assert result.events.height == 37
        for own in answer["per_event"]:
            rows = result.event_returns.filter(pl.col("event_id") == own["event_id"])
            np.testing.assert_allclose(rows["abnormal_return"], own["ar"], rtol=1e-8, atol=1e-14)
            np.testing.assert_allclose(rows["forecast_std"], own["forecast_error_corrected_sigma"], rtol=1e-8)
        for column, tau in enumerate(range(-10, 11)):
            day, sofar = statistics(result, (tau, tau)), statistics(result, (-10, tau))
            table = answer["multi"][0]
            assert day["cross_sectional"] == pytest.approx(table["CSectT"][column]["aar_t"], rel=1e-8)
            assert sofar["cross_sectional"] == pytest.approx(table["CSectT"][column]["caar_t"], rel=1e-8)
            if model == "Volume":  # the degrees of freedom of the rolling model are, there, those of the whole estimation window
                assert day["patell"] == pytest.approx(table["PatellZ"][column]["aar_z"], rel=1e-8)
            assert day["sign"] == pytest.approx(table["SignT"][column]["sign_z"], rel=1e-8, abs=1e-12)


@anchored
def test_one_calendar_date_for_all_firms_and_late_listings():
    folder, expected = answers("G01_estudy2_sim_covid_na")
    returns = (
        read(folder / "returns.csv")
        .rename({"date": "session"})
        .unpivot(index="session", variable_name="symbol", value_name="realized_return")
    )
    returns = returns.with_columns(pl.col("realized_return").cast(pl.Float64))
    market = read(folder / "market.csv").rename({"date": "session", "^GSPC": "realized_return"})
    events = read(folder / "events.csv").select(pl.col("event_id").cast(pl.String), symbol="security", session="event_date")
    result = EventStudy(estimation=(-240, -1), window=(0, 4), returns="log").fit_returns(events, returns, market)
    for answer in expected["per_security"]:
        event = result.events.filter(pl.col("symbol") == answer["security"]).row(0, named=True)
        n = answer["estimation_length"]
        sigma = answer["sd_estimation_residual_ddof1"] * np.sqrt((n - 1) / (n - 2))
        np.testing.assert_allclose(
            [event[name] for name in ("n_obs", "alpha", "beta", "sigma")], [n, answer["alpha"], answer["beta"], sigma], rtol=1e-9
        )
        rows = result.event_returns.filter(pl.col("symbol") == answer["security"])
        np.testing.assert_allclose(rows["abnormal_return"], answer["abnormal"], rtol=1e-9)
        assert event["car"] == pytest.approx(answer["car_cumulative"][-1], rel=1e-9)
    for day in range(5):
        found = statistics(result, (day, day))
        daily = {name: rows[day] for name, rows in expected["daily"].items()}
        assert found["cross_sectional"] == pytest.approx(daily["t_test"]["t_test_stat"], rel=1e-9)
        assert found["time_series"] == pytest.approx(daily["brown_warner_1985"]["bw_1985_stat"], rel=1e-9)
        assert found["sign"] == pytest.approx(daily["sign_test"]["sign_stat"], rel=1e-9)
        assert found["wilcoxon"] == daily["wilcoxon_test"]["wlcx_stat"]
    (whole,) = expected["car"]["car_brown_warner_1985"]
    assert statistics(result, (0, 4))["time_series"] == pytest.approx(whole["statistic"], rel=1e-9)


@anchored
def test_standardised_cross_sectional_test_on_given_residuals():
    folder, expected = answers("G06_eventstudystatistics_adjbmp_grank")
    names = ("AR", "EPS", "market_estimation", "market_event")
    abnormal, residuals, before, during = (read(folder / f"{name}.csv").drop("event_id").to_numpy().astype(float) for name in names)
    deviation = np.square(during - before.mean(axis=1, keepdims=True))
    # theirs takes the market's sum of squares over the event window
    correction = np.sqrt(1 + 1 / residuals.shape[1] + deviation / deviation.sum(axis=1, keepdims=True))
    standardised = abnormal / residuals.std(axis=1, ddof=1, keepdims=True) / correction
    for column, tau in enumerate(range(-5, 6)):
        assert et.bmp(standardised[:, column]).statistic == pytest.approx(expected["results"][f"BMP_day{tau}"]["statistic"], rel=1e-9)


@anchored
@pytest.mark.parametrize(("model", "key"), [("market", "market_model"), ("constant", "constant_mean"), ("factors", "FamaFrench_3factor")])
def test_abnormal_returns_of_three_models(model, key):
    folder, expected = answers("G08_lemaire_gafam_10K")
    wide = read(folder / "returns.csv").rename({"date": "session"})
    market = wide.select("session", realized_return="SPY")
    returns = (
        wide.drop("SPY")
        .unpivot(index="session", variable_name="symbol", value_name="realized_return")
        .cast({"realized_return": pl.Float64})
    )
    events = read(folder / "events.csv").select(pl.col("event_id").cast(pl.String), symbol="security_ticker", session="event_date")
    factors = None
    if model == "factors":
        table = pl.read_csv(folder / "factors_percent.csv")
        day = pl.col("date").cast(pl.String).str.to_date("%Y%m%d")
        factors = table.select(
            session=day, market=pl.col("Mkt-RF") / 100, smb=pl.col("SMB") / 100, hml=pl.col("HML") / 100, risk_free=pl.col("RF") / 100
        )
    result = EventStudy(model=model, estimation=(-290, -41), window=(-10, 10)).fit_returns(events, returns, market, factors=factors)
    answered = [answer for answer in expected[key]["per_event"] if "AR" in answer]
    assert {str(answer["event_id"]) for answer in answered} == set(result.events["event_id"])
    for answer in answered:
        rows = result.event_returns.filter(pl.col("event_id") == str(answer["event_id"]))
        np.testing.assert_allclose(rows["abnormal_return"], answer["AR"], rtol=1e-8, atol=1e-14)
        np.testing.assert_allclose(rows["abnormal_return"].cum_sum(), answer["CAR"], rtol=1e-8, atol=1e-14)


@anchored
def test_a_hundred_subjects_on_one_day():
    folder, expected = answers("G09_toolkit_panel")
    table = read(folder / "panel.csv").rename({"date": "session"}).with_columns(symbol=pl.col("subject_id").cast(pl.String))
    market = table.group_by("session").agg(realized_return=pl.col("vwretd").first())
    subject = pl.col("subject_id").cast(pl.String)
    events = read(folder / "events.csv").select(event_id=subject, symbol=subject, session="EVT_DATE")
    returns = table.select("session", "symbol", realized_return="ret_dlst_adj")
    result = EventStudy(estimation=(-159, -52), window=(-1, 1)).fit_returns(events, returns, market)
    answer = pl.DataFrame(expected["market"]["ar"]).select(
        event_id=subject, session=pl.col("date").str.slice(0, 10).str.to_date(), theirs="abret"
    )
    joined = result.event_returns.join(answer, on=["event_id", "session"])
    assert joined.height == 300
    np.testing.assert_allclose(joined["abnormal_return"], joined["theirs"], rtol=1e-8, atol=1e-14)
    cars = pl.DataFrame(expected["market"]["cars"]).select(event_id=subject, theirs="car")
    matched = result.events.join(cars, on="event_id")
    np.testing.assert_allclose(matched["car"], matched["theirs"], rtol=1e-8)
