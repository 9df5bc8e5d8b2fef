"""Several runs side by side, and the verdict in words."""

import re
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from trading_market import bars, result, weights

from backtests.capacity import Capacity
from backtests.comparison import compare, comparison_section
from backtests.costs import costs
from backtests.holdings import Unpriced
from backtests.metrics import performance
from backtests.robustness import robustness
from backtests.schemas import METRICS
from backtests.sweep import deflated, grid, sweep
from backtests.tables import machine_value
from backtests.trading_sections import backtest_sections, capacity_section, judged_section, sweep_section
from backtests.trials import Search
from backtests.verdict import headline, highlights, one_interval, sweep_headline
from research.errors import UsageError


def test_runs_are_compared_over_the_sessions_they_share():
    first, second = result("us", 1)[0].portfolio, result("us", 2)[0].portfolio
    cut = second.slice(10)
    found = compare({"a": first, "b": cut}, market="us")
    shared = first.filter(pl.col("session").is_in(cut["session"].implode()))
    assert found.metrics["n"].to_list() == [shared.height] * 2
    rebased = shared.with_columns(nav=(1 + pl.col("net_return")).cum_prod())
    alone = dict(performance(rebased, market="us").select("metric", "value").rows())
    assert found.metrics.row(0, named=True)["sharpe"] == pytest.approx(alone["sharpe"])
    assert found.metrics.row(0, named=True)["max_drawdown"] == pytest.approx(alone["max_drawdown"])
    own, other = shared["net_return"].to_numpy(), cut["net_return"].to_numpy()
    row = found.differences.row(0, named=True)
    assert (row["run"], row["against"]) == ("b", "a")
    assert row["annual_difference"] == pytest.approx((other - own).mean() * 252)
    assert row["correlation"] == pytest.approx(np.corrcoef(own, other)[0, 1])
    assert found.nav.filter(pl.col("run") == "b")["nav"][-1] == pytest.approx(np.prod(1 + other))
    section = comparison_section(found)
    assert [trace.name for trace in section.figures[0].data] == ["a", "b"] and len(section.tables) == 2


def test_a_run_beside_itself_does_not_differ():
    portfolio = result()[0].portfolio
    row = compare({"a": portfolio, "b": portfolio}, market="us").differences.row(0, named=True)
    assert row["annual_difference"] == 0 and row["correlation"] == pytest.approx(1)


def test_runs_that_cannot_be_compared_are_refused():
    portfolio = result()[0].portfolio
    with pytest.raises(UsageError, match="at least two"):
        compare({"a": portfolio}, market="us")
    with pytest.raises(UsageError, match="share 0 sessions"):
        compare({"a": portfolio.head(20), "b": portfolio.tail(20)}, market="us")
    with pytest.raises(UsageError, match="mars"):
        compare({"a": portfolio, "b": portfolio}, market="mars")


def test_a_comparison_shows_what_each_run_was_run_with():
    portfolio = result()[0].portfolio
    found = compare({"a": portfolio, "b": portfolio}, market="us")
    told = {
        "a": {"market": "us", "quantiles": 3, "cash": 1e7, "liquidity": True, "run": "x"},
        "b": {"market": "us", "quantiles": 5, "cash": 1e7, "max_weight": 0.1},
    }
    section = comparison_section(found, told)
    caption, table = section.tables[2]
    assert caption == "Settings" and table.columns == ["run", "market", "quantiles", "cash", "liquidity", "max_weight"]
    assert table.rows() == [("a", "us", "3", "10,000,000", "yes", None), ("b", "us", "5", "10,000,000", None, "0.1")]
    assert section.text.endswith("The runs differ in quantiles, liquidity, max weight.")
    same = comparison_section(found, {"a": told["a"], "b": told["a"]})
    assert same.text.endswith("The runs have the same settings.")


def judged(deflated: float | None, sharpe: float = 1.0, hurdle: float = 0.02, half: float = 1.2) -> pl.DataFrame:
    rows = [("sharpe_period", sharpe / 252**0.5, None, None), ("sharpe", sharpe, sharpe - half, sharpe + half)]
    if deflated is not None:
        rows += [("expected_maximum_sharpe", hurdle, None, None), ("deflated_sharpe", deflated, None, None)]
    return METRICS.frame(
        [
            {"metric": m, "value": v, "std_error": None, "ci_low": low, "ci_high": high, "n": 500, "method": "by hand"}
            for m, v, low, high in rows
        ]
    )


@pytest.mark.parametrize(
    ("deflated", "sharpe", "word"),
    [
        (0.97, 1.6, "It holds up: "),  # 1.6 - 1.2 - 0.02 sqrt(252) = 0.08
        (0.97, 1.5, "It may be luck, since the interval of what the search leaves holds zero: "),  # 1.5 - 1.2 - 0.32 = -0.02
        (0.97, 1.2, "It may be luck, since the interval of the ratio holds zero: "),
        (0.97, 1.0, "It may be luck, since the interval of the ratio holds zero: "),
        (0.7, 1.0, "It may be luck: "),
        (0.2, 1.0, "It is what luck alone would give"),
        (0.1, -0.4, "It lost money"),
    ],
)
def test_the_verdict_begins_with_the_deflated_ratio_and_its_interval(deflated, sharpe, word):
    search = Search(12, 12.0, 0.03, "all")
    text = headline(judged(deflated, sharpe), search)
    assert text.startswith(word)
    assert f"deflated Sharpe ratio {deflated:.2f}" in text and "12 trials were made" in text
    left = sharpe - 0.02 * 252**0.5
    minus = lambda value: f"{value:.2f}".replace("-", "−")  # noqa: E731
    assert f"leaves {minus(left)} (95\u00a0%: {minus(left - 1.2)} to {minus(left + 1.2)})" in text
    first, second, third = highlights(judged(deflated, sharpe), search)
    assert (first.value, second.value, third.value) == (f"{deflated:.2f}", minus(left), minus(sharpe))


def test_one_trial_holds_up_by_the_interval_of_the_ratio_alone():
    one = Search(1, 1.0, 0.0, "all")
    assert headline(judged(0.96, 1.3, hurdle=0.0), one).startswith("It holds up: deflated")
    assert headline(judged(0.96, 1.1, hurdle=0.0), one).startswith("It may be luck, since the interval of the ratio holds zero")
    unknown = judged(0.96, 1.3, hurdle=0.0).with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("ci_low", "ci_high"))
    assert headline(unknown, one).startswith("It may be luck, since the ratio has no interval")


def test_draws_are_counted_as_they_are():
    # p = (1 + k) / (1 + n): 1/4, 2/4, 1/201, 1/2001
    cases = [(3, 0.25, "0 of 3 draws do as well, p = 0.25."), (3, 0.5, "1 of 3 draws does as well, p = 0.50.")]
    cases += [(200, 1 / 201, "0 of 200 draws do as well, p = 0.005."), (2000, 1 / 2001, "0 of 2,000 draws do as well, p < 0.001.")]
    cases += [(200, 51 / 201, "50 of 200 draws do as well, p = 0.25."), (1, 1.0, "1 of 1 draw does as well, p = 1.00.")]
    ran, bars = result()
    checked = robustness(ran, bars, draws=0)
    for n, p, said in cases:
        row = {"check": "shuffled signals", "metric": "sharpe", "value": 0.1, "base": 1.0, "n": n, "p_value": p, "note": ""}
        table = pl.concat([checked.table, pl.DataFrame([row], schema_overrides=checked.table.schema)], how="diagonal")
        text = headline(judged(0.9), Search(2, 2.0, 0.1, "all"), replace(checked, table=table))
        assert f"Shuffled signals: {said}" in text


@pytest.mark.parametrize(
    ("cash", "left"),
    [
        (1e3, None), (1e5, "0.60"), (1e4, None), (10**4.5, "0.75"), (1e6, "−0.20"),
        (1e7, None), (1e2, None),  # where impact has eaten all there is no ratio, and below the curve nothing is known
    ],
)  # fmt: skip
def test_what_size_leaves_at_the_capital_tested(cash, left):
    curve = pl.DataFrame({"capital": [1e3, 1e4, 1e5, 1e6, 1e7], "sharpe": [1.0, 0.9, 0.6, -0.2, None]})
    curve = curve.with_columns(annual_return=0.1, annual_cost=0.1, unfilled=0.0)
    found = Capacity(curve, 1.0, 2e5, 6e5, 0.1, 1.0, "USD", "")
    text = headline(judged(0.9), Search(1, 1.0, 0.0, "all"), None, found, cash=cash)
    said = "impact, the participation cap and minimum fees leave a Sharpe ratio of"
    assert (said in text) == (left is not None)
    if left is not None:
        assert f"At the {cash:,.0f} USD tested, {said} {left} of 1.00." in text
        assert f"{said} {left} of 1.00." in capacity_section(found, cash).text
    assert said not in capacity_section(found).text


def test_without_a_ledger_the_verdict_says_so():
    text = headline(judged(None), None)
    assert "No ledger of trials was given" in text and "deflated" not in text
    assert "There is no verdict" in headline(METRICS.empty(), None)
    assert "only trial" in headline(judged(0.9, hurdle=0.0), Search(1, 1.0, 0.0, "all"))
    assert [each.label for each in highlights(judged(None), None)] == ["Sharpe ratio"]


def test_checks_and_capacity_are_said_in_words():
    ran, bars = result()
    checked = robustness(ran, bars, draws=5)
    carried = Capacity(pl.DataFrame(), 1.0, 2e6, 5e6, 0.1, 1.0, "USD", "")
    text = headline(judged(0.9), Search(2, 2.0, 0.1, "all"), checked, carried)
    rows = checked.table.filter((pl.col("metric") == "sharpe") & pl.col("p_value").is_null() & pl.col("value").is_not_null())
    held = rows.filter(pl.col("value") > 0).height
    assert f"stays above zero in {held} of {rows.height} checks" in text
    assert "Not made: news 1 hour later." in text and re.search(r"\b[0-5] of 5 draws (do|does) as well, p = [01]\.\d\d\.", text)
    assert "With 2,000,000 USD half of the Sharpe ratio is gone" in text and "with 5,000,000 all of it" in text


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([0.3, -0.1, 0.2], "At every capital from 1,000 to 100,000 USD impact, the participation cap and minimum fees take more than half"),
        ([0.9, 0.9, 0.8], "Capital from 1,000 to 100,000 USD was tried: the Sharpe ratio does not fall below half"),
        ([None, None, None], "At every capital tried impact"),
    ],
)
def test_a_capacity_without_a_crossing_is_said_too(ratios, said):
    curve = pl.DataFrame({"capital": [1e3, 1e4, 1e5], "sharpe": pl.Series(ratios, dtype=pl.Float64)})
    found = Capacity(curve, 1.0, None, 1.5e4, 0.1, 1.0, "USD", "")
    assert said in headline(judged(0.9), Search(1, 1.0, 0.0, "all"), None, found)
    nothing = Capacity(curve, -0.2, None, None, 0.1, 1.0, "USD", "")
    assert "capital" not in headline(judged(0.9), Search(1, 1.0, 0.0, "all"), None, nothing)


def test_one_ratio_has_one_interval():
    ran, _ = result()
    own = ran.metrics.filter(pl.col("metric") == "sharpe").row(0, named=True)
    came = judged(0.7, own["value"])
    found = one_interval(came, ran.metrics)
    rows = {row["metric"]: row for row in found.iter_rows(named=True)}
    assert rows["sharpe"] == own and rows["deflated_sharpe"]["value"] == 0.7
    assert rows["sharpe_period"]["ci_low"] is None and found.height == came.height
    search = Search(3, 3.0, 0.02, "all")
    low = f"{own['ci_low']:.2f}".replace("-", "−")
    assert f"(95\u00a0%: {low} to" in headline(found, search)
    assert highlights(found, search)[-1].detail == backtest_sections(ran)[0].highlights[1].detail
    table = judged_section(found, search).tables[0][1]
    year = table.filter(pl.col("figure") == "Sharpe ratio of a year").row(0, named=True)
    assert machine_value(year["ci_low"]) == own["ci_low"] and year["how"] == own["method"]
    other = judged(0.7, own["value"] + 0.1)
    assert one_interval(other, ran.metrics).equals(other), "returns of something else keep their own"


def test_one_trial_takes_nothing_off():
    search = Search(1, 1.0, 0.0, "all")
    assert [each.label for each in highlights(judged(0.9, hurdle=0.0), search)] == ["Deflated Sharpe ratio", "Sharpe ratio"]
    assert "1 distinct trial." in judged_section(judged(0.9, hurdle=0.0), search).text
    assert "2 distinct trials." in judged_section(judged(0.9), Search(2, 2.0, 0.1, "all")).text


def test_what_stands_at_an_old_price_is_in_the_verdict():
    search = Search(1, 1.0, 0.0, "all")
    text = headline(judged(0.9), search, stale=Unpriced(date(2026, 2, 12), 38, 0.68))
    assert "On 2026-02-12 68% of net asset value stood in 38 names without a trade" in text
    assert "stood in" not in headline(judged(0.9), search, stale=Unpriced(date(2026, 2, 12), 1, 0.04))


def test_a_sweep_says_how_many_variants_and_how_many_trials():
    found = sweep(lambda seed: weights("us", seed), grid(seed=[1, 2]), bars(), market="us", costs=costs("us"))
    text = sweep_headline(deflated(found, Search(40, 40.0, found.search.spread, "all")))
    assert "The best of 2 variants" in text and "after 40 distinct trials" in text
    best = found.best
    ends = [f"{best['sharpe'] + sign * 1.959964 * best['std_error']:.2f}".replace("-", "−") for sign in (-1, 1)]
    assert f"(95\u00a0%: {ends[0]} to {ends[1]})" in text
    section = sweep_section(found)
    assert [each.value for each in section.highlights][:1] == ["2"] and "2 distinct trials" in section.highlights[0].detail
