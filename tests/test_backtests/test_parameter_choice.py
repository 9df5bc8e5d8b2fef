"""Parameters chosen walking forward: no choice knows what came after it, and what was chosen is one plain backtest."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from trading_market import bars, calendar, scores, weights

from backtests.costs import costs
from backtests.metrics import sharpe_error
from backtests.parameter_choice import choice_metrics, choice_section, choose_forward
from backtests.report import write_report
from backtests.schemas import PORTFOLIO, WEIGHTS
from backtests.simulation import run
from backtests.sweep import grid
from backtests.tables import machine_value
from backtests.verdict import sweep_headline
from backtests.weights import quantile_weights
from research.errors import UsageError
from research.schemas import BARS

CALL = {"market": "us", "costs": costs("us")}


def make(seed: int, quantiles: int) -> pl.DataFrame:
    return quantile_weights(scores("us", seed), quantiles=quantiles)


def test_every_choice_is_the_best_of_the_sessions_before() -> None:
    axes = grid(seed=[1, 2, 3], quantiles=[2, 4])
    for window in (None, 25):
        found = choose_forward(make, axes, bars(), every=7, window=window, least=30, **CALL)
        days = found.found.returns["session"].unique().sort().to_list()
        assert found.choices["since"].to_list() == days[30::7] and found.choices["until"][-1] == days[-1]
        for row in found.choices.to_dicts():
            k = days.index(row["since"])
            past = days[max(0, k - (window or k)) : k]
            assert row["n"] == len(past)
            ratios = []
            for variant in range(len(axes)):
                own = found.found.returns.filter((pl.col("variant") == variant) & pl.col("session").is_in(past))["net_return"].to_numpy()
                ratios.append(own.mean() / own.std(ddof=1) * 252**0.5)
            assert row["variant"] == int(np.argmax(ratios)) and row["past_sharpe"] == pytest.approx(max(ratios))
            assert {"seed": row["seed"], "quantiles": row["quantiles"]} == axes[row["variant"]]
    assert found.choices["variant"].n_unique() > 1, "a test of one variant throughout would show nothing"


def test_what_was_chosen_is_a_run_of_those_weights() -> None:
    axes = grid(seed=[1, 2, 3], quantiles=[2, 4])
    found = choose_forward(make, axes, bars(), every=10, least=30, **CALL)
    parts = []
    for row in found.choices.to_dicts():
        own = make(row["seed"], row["quantiles"])
        parts.append(own.filter(pl.col("session").is_between(row["since"], row["until"])))
    alone = run(pl.concat(parts), bars(), **CALL)
    again = choose_forward(make, axes, bars(), every=10, least=30, found=found.found, **CALL)
    assert again.choices.equals(found.choices) and again.result.portfolio.equals(found.result.portfolio)
    with pytest.raises(UsageError, match="6 variants beside 2"):
        choose_forward(make, axes[:2], bars(), least=30, found=found.found, **CALL)
    assert alone.portfolio.equals(found.result.portfolio) and alone.orders.equals(found.result.orders)


def test_no_choice_knows_what_comes_after_it() -> None:
    axes = grid(seed=[1, 2, 3], quantiles=[2, 4])
    whole = choose_forward(make, axes, bars(), every=7, least=30, **CALL)
    cut = whole.choices["until"][3]
    early = choose_forward(
        lambda seed, quantiles: make(seed, quantiles).filter(pl.col("session") <= cut), axes, bars().filter(pl.col("session") <= cut),
        every=7, least=30, **CALL,
    )  # fmt: skip
    kept = ["since", "until", "variant", "past_sharpe", "n"]
    assert early.choices.select(kept).equals(whole.choices.select(kept).head(4))
    assert early.result.portfolio.equals(whole.result.portfolio.filter(pl.col("session") <= cut))


def flat_bars(n: int) -> tuple[pl.DataFrame, list[date]]:
    """Two names without noise worth speaking of: the first rises for half of the time, then the second."""
    days = calendar("us", n)
    rows, level = [], {"AAA": 100.0, "BBB": 100.0}
    for k, (day, at) in enumerate(days.select("session", "close_at").rows()):
        for symbol, sign in (("AAA", 1), ("BBB", -1)):
            rises = sign if k < n // 2 else -sign
            opened = level[symbol]
            level[symbol] = opened * (1 + 0.004 * rises + 0.002 * (-1) ** k)
            rows.append(
                {
                    "symbol": symbol, "session": day, "open": opened, "close": level[symbol], "adj_factor": 1.0, "volume": 1e6,
                    "suspended": False, "currency": "USD", "available_at": at, "source": "test",
                }
            )  # fmt: skip
    return BARS.frame(rows), days["session"].to_list()


def test_a_choice_changes_when_the_past_does_and_old_targets_stand() -> None:
    priced, days = flat_bars(80)

    def once(name: str) -> pl.DataFrame:
        # decided once, at the start: at a later choice that target still stands
        return WEIGHTS.frame([{"session": days[0], "symbol": name, "weight": 0.5}])

    found = choose_forward(once, grid(name=["AAA", "BBB"]), priced, market="us", costs=costs("us").scaled(0), every=10, window=20, least=20)
    assert found.choices["name"].to_list()[:2] == ["AAA", "AAA"] and found.choices["name"].to_list()[-1] == "BBB"
    held = found.result.orders.filter(pl.col("filled") != 0)
    switch = found.choices.filter(pl.col("name") == "BBB")["since"][0]
    sold = held.filter((pl.col("symbol") == "AAA") & (pl.col("filled") < 0))
    assert sold["session"].to_list()[-1] == days[days.index(switch) + 1], "what the variant before held is sold when the next begins"
    assert found.result.portfolio["session"][0] == days[days.index(found.choices["since"][0]) + 1], (
        "nothing is held before the first choice"
    )


def test_a_variant_that_decided_nothing_lets_go_of_what_was_held() -> None:
    priced, days = flat_bars(80)

    def chosen(name: str) -> pl.DataFrame:
        rows = [{"session": days[0], "symbol": "AAA", "weight": 0.5}, {"session": days[30], "symbol": "AAA", "weight": 0.0}]
        return WEIGHTS.frame(rows if name == "first" else [])

    found = choose_forward(
        chosen, grid(name=["none", "first"]), priced, market="us", costs=costs("us").scaled(0), every=30, window=20, least=25
    )
    assert found.choices["name"].to_list() == ["first", "none"], "without any return the first variant is taken"
    assert found.result.portfolio["gross_exposure"][-1] == 0


def test_the_section_shows_choices_and_hindsight(tmp_path) -> None:
    found = choose_forward(make, grid(seed=[1, 2], quantiles=[2]), bars(), every=10, least=30, **CALL)
    section = choice_section(found)
    assert [trace.name for trace in section.figures[0].data] == ["chosen walking forward", "best in hindsight"]
    assert [caption for caption, _ in section.tables] == ["What was earned", "Net return by year", "Choices"]
    assert section.tables[2][1].height == found.choices.height
    assert write_report(tmp_path / "c.html", section).stat().st_size < 6_000_000


def test_what_was_chosen_stands_in_every_report_beside_hindsight(tmp_path) -> None:
    found = choose_forward(make, grid(seed=[1, 2, 3], quantiles=[2, 4]), bars(), every=10, least=30, **CALL)
    own = found.result.portfolio["net_return"].to_numpy()
    days = found.result.portfolio["session"]
    best = found.found.table.sort("sharpe", descending=True)["variant"][0]
    late = found.found.returns.filter((pl.col("variant") == best) & pl.col("session").is_in(days.implode())).sort("session")
    told = choice_metrics(found)
    assert told["run"].to_list() == ["chosen walking forward", "best in hindsight"] and told["n"].to_list() == [len(days)] * 2
    for row, net in zip(told.to_dicts(), (own, late["net_return"].to_numpy()), strict=True):
        error = sharpe_error(net)
        assert error is not None
        ratio = net.mean() / net.std(ddof=1) * 252**0.5
        assert row["sharpe"] == pytest.approx(ratio)
        assert row["sharpe_low"] == pytest.approx(ratio - 1.959964 * error * 252**0.5)
        assert row["sharpe_high"] == pytest.approx(ratio + 1.959964 * error * 252**0.5)
        assert row["annual_return"] == pytest.approx(np.prod(1 + net) ** (252 / len(net)) - 1)
        assert row["annual_volatility"] == pytest.approx(net.std(ddof=1) * 252**0.5)

    shown = [f"{value:.2f}".replace("-", "−") for value in told.select("sharpe", "sharpe_low", "sharpe_high").row(0)]
    hindsight = f"{told['sharpe'][1]:.2f}".replace("-", "−")
    verdict = sweep_headline(found.found, found)
    forward, looked_back = verdict.split("\n\n")
    assert forward == (
        f"Chosen walking forward: Sharpe ratio {shown[0]} a year (95\u00a0%: {shown[1]} to {shown[2]}); "
        f"the best in hindsight has {hindsight} over the same {len(days)} sessions."
    )
    assert looked_back == sweep_headline(found.found)
    section = choice_section(found)
    assert [each.value for each in section.highlights] == [shown[0], hindsight]
    years = section.tables[1][1]
    assert years["year"].to_list() == ["2024"]
    assert machine_value(years["chosen walking forward"][0]) == pytest.approx(np.prod(1 + own) - 1)
    written = write_report(tmp_path / "c.md", section, verdict=verdict).read_text("utf-8")
    assert f"| chosen walking forward | {len(days)} | {shown[0]} | {shown[1]} … {shown[2]} |" in written
    machine = json.loads(write_report(tmp_path / "c.json", section).read_text("utf-8"))["sections"][0]["tables"][0]
    assert machine["columns"] == ["run", "n", "sharpe", "95 % interval", "annual_return", "annual_volatility"]
    row = told.row(0, named=True)
    assert machine["rows"][0] == [
        "chosen walking forward", len(days), row["sharpe"], [row["sharpe_low"], row["sharpe_high"]], row["annual_return"],
        row["annual_volatility"],
    ]  # fmt: skip


def test_years_of_the_two_lines_are_compounded_apart() -> None:
    first, second = date(2023, 12, 29), date(2024, 1, 2)
    net = {first: (0.1, 0.2), second: (-0.5, 0.0), date(2024, 1, 3): (0.5, 0.1)}
    rows = [(day, own, 0.0, own, 0.0, 1.0, 1.0, 1.0) for day, (own, _) in net.items()]
    found = choose_forward(make, grid(seed=[1, 2], quantiles=[2]), bars(), every=10, least=30, **CALL)
    found = replace(
        found,
        result=replace(found.result, portfolio=pl.DataFrame(rows, schema=PORTFOLIO.schema, orient="row")),
        found=replace(
            found.found,
            returns=pl.DataFrame(
                {"variant": found.found.best["variant"], "session": list(net), "net_return": [b for _, b in net.values()]}
            ),
        ),
    )
    years = choice_section(found).tables[1][1]
    assert years["year"].to_list() == ["2023", "2024"]
    assert [machine_value(cell) for cell in years["chosen walking forward"]] == pytest.approx([0.1, 0.5 * 1.5 - 1])
    assert [machine_value(cell) for cell in years["best in hindsight"]] == pytest.approx([0.2, 0.1])


def test_nothing_held_has_no_ratio() -> None:
    priced, days = flat_bars(60)

    def none(name: str) -> pl.DataFrame:
        return WEIGHTS.frame([{"session": days[0], "symbol": name, "weight": 0.0}])

    found = choose_forward(none, grid(name=["AAA", "BBB"]), priced, market="us", costs=costs("us"), every=10, least=20)
    assert choice_metrics(found)["sharpe"].to_list() == [None, None]
    assert [each.value for each in choice_section(found).highlights] == ["–", "–"]
    assert "None of the 2 variants has a Sharpe ratio" in sweep_headline(found.found, found)
    moved = choose_forward(make, grid(seed=[1], quantiles=[2]), bars(), least=30, **CALL)
    assert sweep_headline(moved.found, found).startswith("Chosen walking forward: no Sharpe ratio, the returns do not vary.")


def test_counts_that_make_no_sense_are_refused() -> None:
    axes = grid(seed=[1], quantiles=[2])
    with pytest.raises(UsageError, match="every, window and least came as 0, None and 30"):
        choose_forward(make, axes, bars(), every=0, least=30, **CALL)
    with pytest.raises(UsageError, match="expected at least 1 session, and 20 to choose on"):
        choose_forward(make, axes, bars(), window=5, least=30, **CALL)
    with pytest.raises(UsageError, match="have 84 sessions; expected more than 126"):
        choose_forward(make, axes, bars(), **CALL)
    with pytest.raises(UsageError, match="None of the 1 variants has a target"):
        choose_forward(lambda k: weights().filter(pl.col("session") < bars()["session"].min()), grid(k=[1]), bars(), least=30, **CALL)
