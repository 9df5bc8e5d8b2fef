"""Several runs side by side, and the verdict in words."""

import numpy as np
import polars as pl
import pytest
from trading_market import result

from backtests.capacity import Capacity
from backtests.comparison import compare, comparison_section
from backtests.metrics import performance
from backtests.robustness import robustness
from backtests.schemas import METRICS
from backtests.trials import Search
from backtests.verdict import headline, highlights
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


def judged(deflated: float | None, sharpe: float = 1.0, hurdle: float = 0.02) -> pl.DataFrame:
    rows = [("sharpe_period", sharpe / 252**0.5, None, None), ("sharpe", sharpe, sharpe - 1.2, sharpe + 1.2)]
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
        (0.97, 1.0, "It holds up"),
        (0.7, 1.0, "It may be luck"),
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
    assert "Not made: news 1 hour later." in text and "of 5 draws do as well" in text
    assert "With 2,000,000 USD half of the Sharpe ratio is gone" in text and "with 5,000,000 all of it" in text
