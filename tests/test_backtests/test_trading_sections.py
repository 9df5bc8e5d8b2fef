"""The tables a report on a backtest shows, against sums by hand."""

from datetime import date, timedelta

import polars as pl
import pytest
from trading_market import calendar, documents, result

from backtests.attribution import attribute
from backtests.schemas import PORTFOLIO
from backtests.tables import LINK, cells_of, laid_out, machine_value
from backtests.trading_plots import compared_nav, contributions, rolling_sharpe
from backtests.trading_sections import backtest_sections, cost_breakdown, monthly_returns_table, trades_section
from research.errors import SchemaError


def portfolio(rows: list[tuple[date, float]]) -> pl.DataFrame:
    nav, made = 1.0, []
    for day, net in rows:
        nav *= 1 + net
        made.append((day, net, 0.0, net, 0.0, 1.0, 1.0, nav))
    return pl.DataFrame(made, schema=PORTFOLIO.schema, orient="row")


def test_months_are_compounded_and_absent_ones_empty():
    table = monthly_returns_table(
        portfolio([(date(2023, 12, 28), 0.1), (date(2023, 12, 29), 0.1), (date(2024, 2, 1), -0.05), (date(2024, 3, 1), 0.0)])
    )
    assert table["year"].to_list() == ["2023", "2024"]
    shown = {name: cells_of(table[name]) for name in table.columns}
    assert [shown[name][0] for name in ("Nov", "Dec", "all")] == ["–", "21.0%", "21.0%"]
    assert [shown[name][1] for name in ("Jan", "Feb", "Mar", "all")] == ["–", "−5.0%", "0.0%", "−5.0%"]
    assert machine_value(table["all"][0]) == pytest.approx(1.1 * 1.1 - 1), "a machine gets the fraction"


@pytest.mark.parametrize("market", ["us", "cn"])
def test_costs_by_kind_are_those_of_the_orders_and_add_up(market):
    ran, _ = result(market)
    table = cost_breakdown(ran)
    amounts = dict(table.select("cost", "amount").rows())
    for name in ("commission", "stamp_duty", "transfer_fee", "slippage"):
        assert amounts.get(name.replace("_", " "), 0.0) == pytest.approx(ran.orders[name].sum())
    assert amounts.pop("all") == pytest.approx(sum(amounts.values()))
    before = [1.0, *ran.portfolio["nav"].to_list()[:-1]]
    charged = sum(cost * nav for cost, nav in zip(ran.portfolio["cost"], before, strict=True)) * ran.cash
    assert sum(amounts.values()) == pytest.approx(charged)
    assert table["share"][:-1].sum() == pytest.approx(1)
    if market == "us":
        slippage = table.filter(pl.col("cost") == "slippage").row(0, named=True)
        assert slippage["basis_points"] == pytest.approx(2, rel=0.01), "the half spread"


def test_the_sections_of_a_backtest_hold_what_was_asked_for():
    ran, _ = result("us", benchmark="TTB")
    earned, traded = backtest_sections(ran)
    assert [caption for caption, _ in earned.tables] == ["Net return by month", "Performance"]
    assert [trace.name for trace in earned.figures[0].data] == ["before costs", "benchmark", "net asset value", "drawdown"]
    counts = [part.height for (_,), part in result("us")[0].weights.filter(pl.col("weight") != 0).group_by("session")]
    assert f"{min(counts)} at least and {max(counts)} at most; the largest single weight is" in traded.text
    fates = dict(traded.tables)["What became of the orders"]
    assert fates["orders"].sum() == ran.orders.height and {"status", "reason", "share"} < set(fates.columns)


def test_rolling_sharpe_by_hand():
    net = [0.01 * ((k * 7) % 5 - 1.8) for k in range(6)]
    days = calendar("us")["session"].to_list()
    found = rolling_sharpe(portfolio(list(zip(days, net, strict=False))), "us", window=4).data[0].y
    mean = sum(net[2:]) / 4
    sigma = (sum((value - mean) ** 2 for value in net[2:]) / 3) ** 0.5
    assert found[:3] == (None, None, None) and found[5] == pytest.approx(mean / sigma * 252**0.5)


@pytest.mark.parametrize(("n", "window"), [(30, 20), (60, 30), (126, 63), (500, 63)])
def test_the_window_of_a_rolling_ratio_fits_the_result(n, window):
    days = [date(2020, 1, 1) + timedelta(days=k) for k in range(n)]
    figure = rolling_sharpe(portfolio([(day, 0.001 * ((k * 7) % 5 - 2)) for k, day in enumerate(days)]), "us")
    assert figure.layout.title.text == f"Sharpe ratio of the last {window} sessions"
    values = figure.data[0].y
    assert values[window - 2] is None and values[window - 1] is not None


def test_how_a_table_is_set():
    shape = lambda *columns: laid_out("", pl.DataFrame(dict(columns)))["shape"]  # noqa: E731
    assert shape(("a", ["x"]), ("b", [1.0])) == "narrow"
    assert shape(("a", ["x"]), ("b", ["word " * 20])) == "cards"
    assert shape(*[(f"c{k}", [k]) for k in range(6)]) == "cards"
    assert shape(*[(f"c{k}", [k]) for k in range(12)]) == "cards wide"


def test_positions_come_with_the_headlines_behind_them():
    ran, bars = result("us")
    rows = [(session, symbol, "d1", 0.5) for session, symbol in ran.weights.select("session", "symbol").rows()]
    evidence = pl.DataFrame(rows, schema=["session", "symbol", "doc_id", "contribution"], orient="row")
    told = documents([{"doc_id": "d1", "headline": "Up it goes", "url": "https://news.example/1"}])
    found = attribute(ran, bars, evidence, told)
    best, worst = (table for _, table in trades_section(found, told, most=5).tables)
    assert best.schema["headlines"] == pl.List(LINK) and laid_out("", best)["shape"] == "cards"
    assert best["symbol"].to_list() == found.trips["symbol"].to_list()[:5]
    assert [machine_value(cell) for cell in worst["pnl"]] == sorted(found.trips["pnl"])[:5]
    link = [{"text": "Up it goes", "href": "https://news.example/1"}]
    for row in best.to_dicts() + worst.to_dicts():
        assert row["headlines"] == (link if row["side"] == "long" else [])


def test_figures_say_what_they_cannot_draw_and_cut_long_names():
    with pytest.raises(SchemaError, match="columns by and pnl"):
        contributions(pl.DataFrame({"x": [1]}), "t", "USD")
    table = pl.DataFrame({"by": [f"{k}" * 60 for k in range(1, 10)], "pnl": [float(k - 5.5) for k in range(1, 10)]})
    bars = contributions(table, "t", "USD", most=3).data[0]
    assert list(bars.x) == [-4.5, -3.5, 3.5]
    assert max(map(len, bars.y)) == 40
    nav = pl.DataFrame({"run": ["a<b>"] * 2, "session": [date(2024, 1, 2), date(2024, 1, 3)], "nav": [1.0, 1.1]})
    assert compared_nav(nav).data[0].name == "a&lt;b&gt;"
