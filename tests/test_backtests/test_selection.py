"""A search too short, or too flat, for some of the tests that look at all of it."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from evaluation_data import noise

from backtests.evaluation_report import selection_section
from backtests.report import write_report
from backtests.selection import selection
from backtests.sharpe import deflated_sharpe, sharpe_ratio
from backtests.trials import trial


def ledger(gains: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(len(gains))]
    made = [
        trial(
            pl.DataFrame({"session": days, "net_return": column}), signal=f"v{j}@1", market="x", start=days[0], end=days[-1], horizon=1, config={}
        )
        for j, column in enumerate(gains.T)
    ]  # fmt: skip
    return pl.concat([one.table(datetime(2024, 6, 1, tzinfo=UTC)) for one in made]), pl.concat([one.returns for one in made])


def test_nine_periods_are_deflated_and_not_bootstrapped(tmp_path):
    gains = 0.01 * noise(5, 9, 4)
    found = selection(*ledger(gains), draws=9)
    assert found.superior is None and found.reality_check is None and found.overfitting is None
    assert "expected at least 10 periods" in found.notes[0] and "at least 32 periods" in found.notes[1]
    assert found.table["p_stepdown"].null_count() == 4
    ratios = [sharpe_ratio(column) for column in gains.T]
    spread = float(np.std([ratio.value for ratio in ratios], ddof=1))
    expected = {f"v{j}@1": deflated_sharpe(ratio, 4, spread) for j, ratio in enumerate(ratios)}
    assert dict(found.table.select("signal", "deflated").rows()) == pytest.approx(expected)
    page = write_report(tmp_path / "r.md", selection_section(found)).read_text(encoding="utf-8")
    assert "Does the best beat the benchmark" not in page and "expected at least 10 periods" in page


def test_variants_that_never_move_have_no_figures_and_count_as_tried():
    found = selection(*ledger(np.zeros((40, 3))), draws=9)
    assert found.superior is None and found.search.n_trials == 3
    assert found.table["sharpe"].null_count() == found.table["deflated"].null_count() == 3
    assert any("None of the 3 variants has a return that varies" in note for note in found.notes)
