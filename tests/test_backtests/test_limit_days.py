"""Price limits: what is locked, and abnormal returns carried on to the next free close, by hand and by slow loops."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_event_study import DAYS, STUDY, bars_of, close_of, events_of, panel

from backtests.event_study import EventStudy
from backtests.limit_days import event_sessions, locked_days, unfree
from research.errors import CalendarError, UsageError
from research.schemas import BARS


def bar(
    symbol: str, day: int, prices: tuple[float, float, float, float], limits: tuple[float | None, float | None], **more: object
) -> dict:
    names = ("open", "high", "low", "close")
    start = date(2024, 1, 2)
    row = {
        "symbol": symbol,
        "session": start + timedelta(days=day),
        "volume": 1e6,
        "adj_factor": 1.0,
        "suspended": False,
        "currency": "CNY",
    }
    row |= {"available_at": close_of(start + timedelta(days=day)), "source": "test", "limit_up": limits[0], "limit_down": limits[1]}
    return row | dict(zip(names, prices, strict=True)) | more


def test_what_is_locked():
    bars = BARS.frame(
        [
            bar("600001.SS", 0, (10, 10, 10, 10), (None, None)),
            bar("600001.SS", 1, (10.5, 11, 10.4, 11), (11.0, 9.0)),  # reached and closed at the limit
            bar("600001.SS", 2, (12, 12.1, 11.5, 11.9), (12.1, 9.9)),  # reached, and left again
            bar("600001.SS", 3, (10.71, 10.71, 10.71, 10.71), (13.09, 10.71)),
            bar("600001.SS", 4, (9.64, 9.64, 9.64, 9.64), (11.78, 9.64), suspended=True, volume=0.0),
            bar("600001.SS", 5, (11.78, 11.78, 11.78, 11.78), (None, None)),  # one price, no limit named, + 10 %
            bar("600001.SS", 6, (11.78, 11.78, 11.78, 11.78), (None, None)),  # one price, no move
            bar("0700.HK", 0, (300, 300, 300, 300), (None, None)),
            bar("0700.HK", 1, (330, 330, 330, 330), (None, None)),  # no board limit there
        ]
    )
    start = date(2024, 1, 2)
    assert locked_days(bars).rows() == [
        ("600001.SS", start + timedelta(days=1), "limit_up"),
        ("600001.SS", start + timedelta(days=3), "limit_down"),
        ("600001.SS", start + timedelta(days=5), "one_price"),
    ]
    assert locked_days(bars.filter(pl.col("symbol") == "0700.HK")).height == 0


def test_a_suspension_inside_a_run_belongs_to_it():
    locked = np.array([[0, 1, 0, 0, 1, 0]], dtype=bool)
    realized = np.array([[0.0, 0.1, np.nan, 0.1, 0.1, 0.0]])
    assert unfree(locked, realized).tolist() == [[False, True, True, False, True, False]]
    assert unfree(locked[:, ::-1], np.full((1, 6), np.nan)).tolist() == [[False, True, True, True, True, True]]


def test_event_time_counts_free_sessions_from_day_0():
    closed = np.array([[0, 1, 1, 1, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 1, 1]], dtype=bool)
    found = event_sessions(closed, 2, 5)
    assert found.tolist() == [[0, 1, 4, 5, 6], [0, 1, 2, 3, 4], [0, 1, -1, -1, -1]]


def limited(runs: dict[int, list[int]], seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return a panel whose first events meet limits on the days after day 0 that ``runs`` names."""
    events, returns, index, *_ = panel(seed)
    rows = []
    for number, taus in runs.items():
        event = events.row(number, named=True)
        rows += [(event["symbol"], event["session"] + timedelta(days=tau)) for tau in taus]
    locked = pl.DataFrame(rows, schema={"symbol": pl.String, "session": pl.Date}, orient="row")
    return events, returns, index, locked


@pytest.mark.parametrize("returns_kind", ["simple", "log"])
@pytest.mark.parametrize("model", ["market", "constant", "market_adjusted"])
def test_carried_returns_by_a_loop(model, returns_kind):
    runs = {0: [0, 1], 1: [1], 2: [0, 2], 3: [-1, 0]}
    events, returns, index, locked = limited(runs)
    study = replace(STUDY, model=model, returns=returns_kind)
    plain = study.fit_returns(events, returns, index)
    found = replace(study, locked="carry").fit_returns(events, returns, index, locked=locked)
    own = dict(((row["symbol"], row["session"]), row["realized_return"]) for row in returns.iter_rows(named=True))
    market = dict(index.iter_rows())
    log = returns_kind == "log"
    for number, event in enumerate(found.events.iter_rows(named=True)):
        day0 = event["day0"]
        locked_taus = {tau for tau in runs.get(number, []) if tau >= 0}
        assert event["n_locked"] == len(locked_taus)
        # walk the calendar from day 0 on: an event day ends with the first session that traded free
        ends, spans, tau, run, in_run = [], [], 0, [], False
        while len(ends) < 5 and day0 + timedelta(days=tau) in market:
            day = day0 + timedelta(days=tau)
            value = own.get((event["symbol"], day))
            in_run = tau in locked_taus if value is not None or tau in locked_taus else in_run
            run.append(day)
            if not in_run:
                ends.append(day)
                spans.append(run)
                run = []
            tau += 1
        rows = found.event_returns.filter(pl.col("event_id") == event["event_id"]).sort("tau")
        before = plain.event_returns.filter(pl.col("event_id") == event["event_id"], pl.col("tau") < 0)
        assert_frame_equal(rows.filter(pl.col("tau") < 0), before, rel_tol=1e-13)
        after = rows.filter(pl.col("tau") >= 0).to_dicts()
        assert [row["session"] for row in after] == ends
        base = {d: (own.get((event["symbol"], d)), market[d]) for d in market}
        estimation = [base[day0 + timedelta(days=t)] for t in range(-45, -5)]
        x = np.array([m for r, m in estimation if r is not None])
        for row, span in zip(after, spans, strict=True):
            known = [base[d] for d in span if base[d][0] is not None]
            if not known:
                assert row["abnormal_return"] is None
                continue
            normal = [event["alpha"] + (event["beta"] or 0.0) * m for _, m in known]
            total = (lambda v: sum(v)) if log else (lambda v: np.prod(1 + np.array(v)) - 1)
            assert row["realized_return"] == pytest.approx(total([r for r, _ in known]), abs=1e-14)
            assert row["abnormal_return"] == pytest.approx(total([r for r, _ in known]) - total(normal), abs=1e-14)
            m, n = len(known), event["n_obs"]
            variance = m + (m**2 / n if model != "market_adjusted" else 0.0)
            if model == "market":
                variance += sum(value - x.mean() for _, value in known) ** 2 / ((x - x.mean()) ** 2).sum()
            assert row["forecast_std"] == pytest.approx(event["sigma"] * np.sqrt(variance), rel=1e-10)
        # the CAR of the window: L is the number of returns it holds
        whole = [base[d] for t in range(-3, 0) for d in [day0 + timedelta(days=t)] if base[d][0] is not None]
        whole += [base[d] for span in spans for d in span if base[d][0] is not None]
        variance = len(whole) + (len(whole) ** 2 / event["n_obs"] if model != "market_adjusted" else 0.0)
        if model == "market":
            variance += sum(value - x.mean() for _, value in whole) ** 2 / ((x - x.mean()) ** 2).sum()
        assert event["car_std_error"] == pytest.approx(event["sigma"] * np.sqrt(variance), rel=1e-10)
        assert event["car"] == pytest.approx(rows["abnormal_return"].sum())
    assert found.tests(windows=[(0, 1)])["p_value"].null_count() <= 1
    (told,) = [line for line in found.warnings if "price limit" in line]
    assert told.startswith("4 of 8 events have sessions locked at the price limit from day 0 on (6)")
    kept = study.fit_returns(events, returns, index, locked=locked)
    assert kept.tests().equals(plain.tests())
    assert any("study them with locked='carry'" in line for line in kept.warnings)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_without_locked_days_nothing_changes(seed):
    events, returns, index, locked = limited({}, seed)
    plain = STUDY.fit_returns(events, returns, index)
    carried = replace(STUDY, locked="carry").fit_returns(events, returns, index, locked=locked)
    assert carried.tests().equals(plain.tests())
    assert carried.events.select(plain.events.columns).equals(plain.events)
    assert carried.warnings == plain.warnings


def test_a_planted_effect_behind_limits_is_found_whole():
    """Three limit days of 10 % each: the plain day 0 holds a third of it, the carried one all of it."""
    rng = np.random.default_rng(1)
    days = DAYS
    market = rng.normal(0, 0.01, len(days))
    own = market + rng.normal(0, 0.01, len(days))
    own[60:63] = 0.1
    returns = pl.DataFrame({"session": days, "symbol": ["600001.SS"] * len(days), "realized_return": own})
    index = pl.DataFrame({"session": days, "realized_return": market})
    events = pl.DataFrame({"event_id": ["e"], "symbol": ["600001.SS"], "session": [days[60]]})
    locked = pl.DataFrame({"symbol": ["600001.SS"] * 2, "session": days[60:62]})
    found = replace(STUDY, locked="carry").fit_returns(events, returns, index, locked=locked)
    assert found.car((0, 0))[0] == pytest.approx(1.1**3 - 1, abs=0.05)
    assert found.events["n_carried"].to_list() == [2]
    assert found.event_returns.filter(pl.col("tau") == 0)["session"].to_list() == [days[62]]
    assert STUDY.fit_returns(events, returns, index).car((0, 0))[0] == pytest.approx(0.1, abs=0.03)


def test_a_run_that_never_ends_leaves_the_days_empty():
    events, returns, index, _ = limited({})
    event = events.row(0, named=True)
    rest = [d for d in DAYS if d >= event["session"]]
    locked = pl.DataFrame({"symbol": [event["symbol"]] * len(rest), "session": rest})
    found = replace(STUDY, locked="carry").fit_returns(events, returns, index, locked=locked)
    rows = found.event_returns.filter(pl.col("event_id") == event["event_id"])
    assert rows["tau"].to_list() == [-3, -2, -1]
    # and an event with nothing else in its window is dropped
    narrow = EventStudy(estimation=(-45, -6), window=(0, 2), min_obs=20, locked="carry")
    dropped = narrow.fit_returns(events, returns, index, locked=locked).dropped
    assert dropped.rows() == [(event["event_id"], event["symbol"], "no return in the event window")]


def test_limits_of_bars_are_seen_by_fit():
    benchmark, own = bars_of("000300.SS", DAYS, 0), bars_of("600001.SS", DAYS, 1)
    # the third session after day 0 is at its limit
    own = own.with_columns(limit_up=pl.when(pl.col("session") == DAYS[62]).then("close"))
    bars = pl.concat([benchmark, own])
    events = events_of(("a", "600001.SS", close_of(DAYS[59])))
    kept = STUDY.fit(events, bars, benchmark="000300.SS")
    assert kept.events["n_locked"].to_list() == [1]
    carried = replace(STUDY, locked="carry").fit(events, bars, benchmark="000300.SS")
    sessions = carried.event_returns["session"].to_list()
    assert sessions == [*DAYS[57:62], *DAYS[63:66]]
    with pytest.raises(UsageError, match="came without price limits"):
        replace(STUDY, locked="carry").fit_returns(*panel()[:3])


def test_switches_are_checked():
    for name in ("alignment", "overlap", "locked"):
        with pytest.raises(UsageError, match=f"{name.capitalize()} came as 'both'"):
            EventStudy(**{name: "both"})


def test_day_0_by_the_open():
    """News of the trading day counts to the next session, news before the open to this one."""
    days = [d for d in (date(2023, 1, 3) + timedelta(days=i) for i in range(150)) if d.weekday() < 5]
    from research.calendar import sessions

    known = sessions("XHKG", days[0], days[-1])
    days = known["session"].to_list()
    parts = []
    for symbol, seed in (("^HSI", 0), ("0700.HK", 1)):
        own = bars_of(symbol, days, seed).drop("available_at").join(known.select("session", available_at="close_at"), on="session")
        parts.append(own.select(list(BARS.schema)))
    bars = pl.concat(parts)
    opens, closes = dict(known.select("session", "open_at").iter_rows()), dict(known.select("session", "close_at").iter_rows())
    day, following = days[70], days[71]
    events = events_of(
        ("before", "0700.HK", opens[day] - timedelta(minutes=1)),
        ("during", "0700.HK", opens[day] + timedelta(hours=1)),
        ("after", "0700.HK", closes[day] + timedelta(minutes=10)),
    ).with_columns(kind=pl.col("event_id"))
    study = EventStudy(estimation=(-40, -4), window=(-2, 2), min_obs=20)
    by_close = study.fit(events, bars, benchmark="^HSI", group="kind").events
    by_open = replace(study, alignment="open").fit(events, bars, benchmark="^HSI", group="kind").events
    assert dict(by_close.select("event_id", "day0").iter_rows()) == {"before": day, "during": day, "after": following}
    assert dict(by_open.select("event_id", "day0").iter_rows()) == {"before": day, "during": following, "after": following}
    with pytest.raises(CalendarError, match="are none of XHKG"):
        replace(study, alignment="open").fit(
            events, pl.concat([bars, bars_of("^HSI", [date(2023, 1, 1)], 3)]), benchmark="^HSI", group="kind"
        )


def test_after_hours_begin_when_the_exchange_closes():
    """The day after Thanksgiving New York closes at 13:00: news at 14:00 belongs to Monday, as news at 16:30 does on other days."""
    from research.calendar import sessions

    known = sessions("XNYS", "2023-07-03", "2023-12-15")
    days = known["session"].to_list()
    parts = []
    for symbol, seed in (("^GSPC", 0), ("NVDA", 1)):
        own = bars_of(symbol, days, seed).drop("available_at").join(known.select("session", available_at="close_at"), on="session")
        parts.append(own.select(list(BARS.schema)))
    half = date(2023, 11, 24)
    events = events_of(
        ("morning", "NVDA", datetime(2023, 11, 24, 15, 0, tzinfo=UTC)),
        ("afternoon", "NVDA", datetime(2023, 11, 24, 19, 0, tzinfo=UTC)),
        ("full day", "NVDA", datetime(2023, 11, 22, 19, 0, tzinfo=UTC)),
        ("evening", "NVDA", datetime(2023, 11, 21, 21, 30, tzinfo=UTC)),
    ).with_columns(kind=pl.col("event_id"))
    study = EventStudy(estimation=(-60, -4), window=(-2, 2), min_obs=20)
    found = study.fit(events, pl.concat(parts), benchmark="^GSPC", group="kind").events
    expected = {"morning": half, "afternoon": date(2023, 11, 27), "full day": date(2023, 11, 22), "evening": date(2023, 11, 22)}
    assert dict(found.select("event_id", "day0").iter_rows()) == expected


def test_overlapping_events_of_one_symbol_can_be_left_out():
    events, returns, index, *_ = panel()
    first = events.row(0, named=True)
    again = [(f"again{gap}", first["symbol"], first["session"] + timedelta(days=gap), first["kind"]) for gap in (3, 7, 9)]
    more = pl.concat([events, pl.DataFrame(again, schema=events.schema, orient="row")])
    study = replace(STUDY, overlap="first")
    found = study.fit_returns(more, returns, index)
    # the window has eight sessions: three and seven later meet it, nine later does not
    assert found.dropped.rows() == [(f"again{gap}", first["symbol"], "overlaps an earlier event") for gap in (3, 7)]
    assert "again9" in found.events["event_id"].to_list()
    assert not any("lie within the event window" in line for line in found.warnings)


def test_weights_weigh_the_average():
    events, returns, index, *_ = panel()
    weights = [1.0, 2.0, 0.5, 3.0, 1.0, 1.0, 0.0, 4.0]
    found = STUDY.fit_returns(events.with_columns(size=pl.Series(weights)), returns, index, weights="size")
    assert found.dropped.rows() == [("e6", "S06", "weight not positive")]
    by_event = dict(zip(events["event_id"], weights, strict=True))
    assert found.events["weight"].to_list() == [by_event[name] for name in found.events["event_id"]]
    w = found.events["weight"].to_numpy()
    for column, row in enumerate(found.average.iter_rows(named=True)):
        today = found.arrays.abnormal[:, column]
        known = ~np.isnan(today)
        assert row["aar"] == pytest.approx((w * today)[known].sum() / w[known].sum())
        car = np.array([np.nansum(own[: column + 1]) if (~np.isnan(own[: column + 1])).any() else np.nan for own in found.arrays.abnormal])
        entered = ~np.isnan(car)
        mean = (w * car)[entered].sum() / w[entered].sum()
        n = entered.sum()
        error = np.sqrt(n / (n - 1) * ((w * (car - mean))[entered] ** 2).sum()) / w[entered].sum()
        assert (row["caar"], row["std_error"]) == (pytest.approx(mean), pytest.approx(error))
    # the mean and its error are those of the weighted regression on a constant
    fitted = found.regression([], weights="weight").coefficients.row(0, named=True)
    last = found.average.row(-1, named=True)
    assert (fitted["estimate"], fitted["std_error"]) == (pytest.approx(last["caar"]), pytest.approx(last["std_error"]))
    equal = STUDY.fit_returns(events.with_columns(size=pl.lit(7)), returns, index, weights="size")
    assert_frame_equal(equal.average, STUDY.fit_returns(events, returns, index).average, rel_tol=1e-12)
    with pytest.raises(UsageError, match="Weights came as 'kind'"):
        STUDY.fit_returns(events, returns, index, weights="kind")


def test_market_wide_events_are_measured_on_the_benchmark():
    bars = pl.concat([bars_of("000300.SS", DAYS, 0), bars_of("^HSI", DAYS, 6), bars_of("600001.SS", DAYS, 1)])
    events = events_of(("rates", None, close_of(DAYS[59])), ("firm", "600001.SS", close_of(DAYS[59])))
    constant = replace(STUDY, model="constant")
    found = constant.fit(events, bars, benchmark="000300.SS")
    assert found.events.select("event_id", "symbol").rows() == [("firm", "600001.SS"), ("rates", "000300.SS")]
    both = constant.fit(events, bars, benchmark={"XSHG": "000300.SS", "XHKG": "^HSI"})
    assert both.events.select("event_id", "symbol").rows() == [("firm", "600001.SS"), ("rates", "000300.SS"), ("rates", "^HSI")]
    assert STUDY.fit(events, bars, benchmark="000300.SS").dropped.rows() == [("rates", None, "no symbol")]
