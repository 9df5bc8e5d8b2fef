"""Answers in the vendors' formats, made from small tables: invented prices, cut to what the query asks for as the services do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from loopback import Answer

_EPOCH = date(1990, 12, 19)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def chart(
    days: Sequence[date],
    closes: Sequence[float],
    query: Mapping[str, str],
    *,
    adjusted: Sequence[float] | None = None,
    dividends: Mapping[date, float] | None = None,
    splits: Mapping[date, tuple[int, int]] | None = None,
    zone: str = "America/New_York",
    currency: str = "USD",
    opens: time = time(9, 30),
) -> Answer:
    """Yahoo's chart of the days between ``period1`` and ``period2``: bars are stamped with the open in the exchange's zone."""
    first, last = int(query["period1"]), int(query["period2"])
    stamp = {day: int(datetime.combine(day, opens, ZoneInfo(zone)).timestamp()) for day in days}
    kept = [number for number, day in enumerate(days) if first <= stamp[day] < last]
    quote = {name: [closes[n] * by for n in kept] for name, by in (("open", 0.995), ("high", 1.01), ("low", 0.99), ("close", 1.0))}
    inside = {days[n] for n in kept}
    events: dict[str, Any] = {}
    if found := {str(stamp[day]): {"amount": cash, "date": stamp[day]} for day, cash in (dividends or {}).items() if day in inside}:
        events["dividends"] = found
    if found := {
        str(stamp[day]): {"date": stamp[day], "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}
        for day, (new, old) in (splits or {}).items()
        if day in inside
    }:
        events["splits"] = found
    period = {"timezone": "EST", "start": 0, "end": 0, "gmtoffset": -18000}
    meta = {
        "currency": currency, "symbol": "QXMP", "exchangeName": "NMS", "instrumentType": "EQUITY", "firstTradeDate": 345479400, "regularMarketTime": 0,
        "gmtoffset": -18000, "timezone": "EST", "exchangeTimezoneName": zone, "priceHint": 2, "dataGranularity": "1d", "range": "",
        "currentTradingPeriod": {name: period for name in ("pre", "regular", "post")}, "validRanges": ["1d", "max"],
    }  # fmt: skip
    result = {
        "meta": meta,
        "timestamp": [stamp[days[n]] for n in kept],
        "events": events,
        "indicators": {
            "quote": [{**quote, "volume": [1000] * len(kept)}],
            "adjclose": [{"adjclose": [(adjusted or closes)[n] for n in kept]}],
        },
    }
    return Answer({"chart": {"result": [result], "error": None}})


def klines(
    days: Sequence[date], closes: Sequence[float], query: Mapping[str, str], *, spread: float = 0.05, code: str = "600999"
) -> Answer:
    """Eastmoney's daily bars between ``beg`` and ``end``, with as many of the eleven fields as are asked for."""
    fields = len(query["fields2"].split(","))
    begin, end = query.get("beg", "0"), query.get("end", "99999999")
    lines = []
    for day, close in zip(days, closes, strict=True):
        if begin <= day.strftime("%Y%m%d") <= end:
            prices = f"{close - spread / 2:.2f},{close:.2f},{close + spread:.2f},{close - spread:.2f}"
            lines.append(",".join(f"{day},{prices},1000,2000000.00,1.00,0.50,0.10,0.50".split(",")[:fields]))
    return Answer({"rc": 0, "data": {"code": code, "name": "示例股份", "klines": lines}})


def bonus(rows: Sequence[tuple[str | None, float | None, float | None]]) -> Answer:
    """Eastmoney's distributions of a share: ex-date, cash and new shares for ten held; thirty fields told apart by their place."""
    data = []
    for ex_day, cash, shares in rows:
        fields: dict[str, Any] = {f"F{number:02d}": None for number in range(30)}
        fields |= {
            "F05": shares,
            "F08": cash,
            "F09": "2024-04-20 00:00:00",
            "F11": ex_day and f"{ex_day} 00:00:00",
            "F12": "2023-12-31 00:00:00",
        }
        data.append(fields | {"F13": "实施分配", "F15": "2024-01-05 00:00:00"})
    return Answer({"result": {"pages": 1, "data": data}, "success": True})


def plans(rows: Sequence[tuple[str | None, str]]) -> Answer:
    """Eastmoney's dividends of a Hong Kong share: ex-date and the plan in words."""
    data = [
        {"SECURITY_CODE": "09999", "UPDATE_DATE": "2024-03-20 00:00:00", "REPORT_TYPE": "年度分配", "EX_DIVIDEND_DATE": ex_day,
         "DIVIDEND_DATE": "2024/05/31", "TRANSFER_END_DATE": "2024/05/21-2024/05/22", "YEAR": "2023", "PLAN_EXPLAIN": words, "IS_BFP": "0"}
        for ex_day, words in rows
    ]  # fmt: skip
    return Answer({"result": {"pages": 1, "data": data} if data else None, "success": True})


def allotments(rows: Sequence[tuple[str, float, float, str]]) -> Answer:
    """Eastmoney's rights issues: code, shares offered for ten held, price, record day; twenty-three fields told apart by their place."""
    data = []
    for code, offered, price, record in rows:
        fields: dict[str, Any] = {f"F{number:02d}": None for number in range(23)}
        data.append(fields | {"F02": code, "F04": "示例股份", "F07": offered, "F08": price, "F12": f"{record} 00:00:00"})
    return Answer({"result": {"pages": 1, "data": data}, "success": True})


def trade_dates(days: Sequence[date]) -> str:
    """Sina's list of trading days: runs of weekdays that are sessions, each run parted from the next by one weekday that is none.

    Six bits a letter, the lowest first: kind (12 bits), version (6), first and last day since 1990-12-19 (18 each); then for every run one
    bit, whether the width of its length changes (it does at the first, to 15 bits), and the length less what the day before it took.
    """
    held = set(days)
    runs, number = [0], (days[0] - _EPOCH).days
    for day in (date.fromordinal(n) for n in range(days[0].toordinal(), days[-1].toordinal() + 1)):
        if day.weekday() < 5:
            if day in held:
                runs[-1] += 1
            else:
                runs.append(0)
    stream, width = 0, 0
    change = [(1, 1), (1, 1), (0b1111, 4), (0, 1)]
    fields = [(139, 12), (63, 6), (number, 18), ((days[-1] - _EPOCH).days, 18), *change, (runs[0], 15)]
    for run in runs[1:]:
        fields += [(0, 1), (run, 15)]
    for value, bits in fields:
        stream |= value << width
        width += bits
    text = "".join(_LETTERS[stream >> at & 63] for at in range(0, width, 6))
    return f'var datelist="{text}";'
