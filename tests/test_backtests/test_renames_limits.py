"""One series for an issuer that changed its symbol; price limits of funds."""

from __future__ import annotations

from datetime import date

import pytest
from ledger import bar, weekdays, weight, weights

from backtests.costs import costs
from backtests.fund_limits import with_fund_limits
from backtests.renames import RENAMES, renamed
from backtests.simulation import run
from research.errors import UsageError
from research.schemas import BARS


def test_a_position_lives_through_a_change_of_symbol() -> None:
    """FB becomes META at 2 for 1, with a factor that starts again at one; another issuer had META before."""
    d = weekdays(6)
    rows = [bar("FB", day, 10.0, 10.0, adj_factor=1.5) for day in d[:3]] + [bar("META", day, 5.5, 5.5) for day in d[3:]]
    rows += [bar("META", day, 77.0, 77.0) for day in d[:2]]
    change = RENAMES.frame([{"symbol": "FB", "successor": "META", "session": d[3], "ratio": 2.0}])
    bars = renamed(BARS.frame(rows), change)
    assert bars["symbol"].unique().to_list() == ["META"] and bars.height == 6
    assert bars["adj_factor"].to_list() == pytest.approx([1.5] * 3 + [3.0] * 3)
    target = renamed(weights([weight(d[0], "FB", 0.5)]), change, weights=True)
    result = run(target, bars, market="us", costs=costs("us").scaled(0), cash=1000.0)
    assert result.orders.select("symbol", "filled").rows() == [("META", 50.0)]
    assert result.portfolio["nav"].to_list() == pytest.approx([1, 1, 1.05, 1.05, 1.05])
    back = RENAMES.frame([
        {"symbol": "FB", "successor": "META", "session": d[2]}, {"symbol": "META", "successor": "FB", "session": d[3]},
    ])  # fmt: skip
    with pytest.raises(UsageError, match="do not come back"):
        renamed(BARS.frame(rows), back)


def test_fund_limits_by_code_and_day() -> None:
    days = [date(2020, 8, 21), date(2020, 8, 24)]
    rows = [bar(s, day, 1.235, 1.235) for s in ("510300.SS", "588000.SS", "159915.SZ", "600001.SS") for day in (date(2020, 8, 20), *days)]
    came = with_fund_limits(BARS.frame(rows), wide=["159915.SZ"])
    found = {(s, d): (u, low) for s, d, u, low in came.select("symbol", "session", "limit_up", "limit_down").rows()}
    # 1.235 x 1.1 = 1.3585 rounds up to 1.359; x 0.9 = 1.1115 to 1.112; x 1.2 = 1.482; x 0.8 = 0.988
    for symbol in ("510300.SS", "588000.SS", "159915.SZ"):
        assert found[symbol, days[0]] == (1.359, 1.112)
    assert found["510300.SS", days[1]] == (1.359, 1.112)
    assert found["588000.SS", days[1]] == found["159915.SZ", days[1]] == (1.482, 0.988)
    assert found["600001.SS", days[1]] == (None, None) and found["510300.SS", date(2020, 8, 20)] == (None, None)
    ex = with_fund_limits(BARS.frame([bar("510300.SS", days[0], 4.0, 4.0), bar("510300.SS", days[1], 2.0, 2.0, adj_factor=2.0)]))
    assert ex["limit_up"].to_list() == [None, 2.2]
    kept = with_fund_limits(BARS.frame([bar("510300.SS", day, 4.0, 4.0, limit_up=9.0) for day in days]))
    assert kept["limit_up"].to_list() == [9.0, 9.0]
