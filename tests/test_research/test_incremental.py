"""What is asked of a vendor a second time, what becomes of a changed past, and the whole way through the command and yfinance's own code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from loopback import Answer, Vendors, vendors
from vendor_payloads import chart

from research import calendar, prices
from research.schemas import BARS, QUARANTINE
from research.sources import incremental
from research.sources.bars import FAILURES, Bars, collect
from research.store import Store

DAYS = calendar.sessions("XNYS", "2024-01-02", "2024-06-28")["session"].to_list()
NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)


class Shelf:
    """A vendor: closes by symbol and day, and what it was asked for."""

    def __init__(self, closes: Mapping[str, Mapping[date, float]]) -> None:
        self.closes = {name: dict(days) for name, days in closes.items()}
        self.asked: list[tuple[str, date, date]] = []

    def __call__(
        self,
        symbols: Iterable[str],
        start: date,
        end: date,
        *,
        spans: Mapping[str, tuple[date, date]],
        advance: Callable[[int], object],
    ) -> Bars:
        rows, failures = [], []
        for symbol in symbols:
            low, high = spans[symbol]
            self.asked.append((symbol, low, high))
            found = [(symbol, day, close) for day, close in self.closes.get(symbol, {}).items() if low <= day <= high]
            rows += found
            if not found:
                failures.append({"symbol": symbol, "reason": f"no {symbol}"})
            advance(1)
        frame = pl.DataFrame(rows, schema={"symbol": pl.String, "session": pl.Date, "close": pl.Float64}, orient="row")
        made = collect(frame.with_columns(open="close", high="close", low="close", volume=pl.lit(5.0)), source="shelf", seen_at=NOW)
        return Bars(made.bars, made.quarantine, made.flags, pl.DataFrame(failures, schema=FAILURES))


def history(count: int = len(DAYS), base: float = 50.0) -> dict[date, float]:
    return {day: base + number % 7 for number, day in enumerate(DAYS[:count])}


def fetch(home: Path, vendor: Shelf, symbols: list[str], start: date, end: date, **options: object) -> incremental.Added:
    return incremental.fetch(Store(home), vendor, symbols, start, end, source="shelf", seen_at=NOW, overlap=5, **options)  # type: ignore[arg-type]


def stored(*spans: tuple[str, int, int]) -> pl.DataFrame:
    rows = [(name, day) for name, first, last in spans for day in DAYS[first:last]]
    return pl.DataFrame(rows, schema={"symbol": pl.String, "session": pl.Date}, orient="row")


def asked(*spans: tuple[str, date, date]) -> pl.DataFrame:
    return pl.DataFrame(spans, schema={"symbol": pl.String, "start_date": pl.Date, "end_date": pl.Date}, orient="row")


START, END = DAYS[0], DAYS[59]


@pytest.mark.parametrize(
    ("held", "before", "expected"),
    [
        pytest.param((), (), [(START, END, True)], id="nothing stored"),
        pytest.param((0, 40), (), [(DAYS[35], END, True)], id="later days missing"),
        pytest.param((0, 60), (), [(DAYS[55], END, False)], id="nothing missing"),
        pytest.param((20, 60), (), [(DAYS[55], END, False), (START, DAYS[24], True)], id="earlier days missing"),
        pytest.param((20, 40), (), [(DAYS[35], END, True), (START, DAYS[24], True)], id="both"),
        pytest.param((20, 40), (START, END), [(DAYS[35], END, False)], id="asked for before, in vain"),
        pytest.param((80, 100), (), [(START, DAYS[84], True)], id="only later days stored"),
        pytest.param((0, 3), (), [(START, END, True)], id="fewer stored than the overlap"),
        pytest.param((0, 100), (), [(DAYS[55], END, False)], id="more stored than wanted"),
    ],
)
def test_windows(held: tuple[int, int] | tuple[()], before: tuple[date, date] | tuple[()], expected: list[tuple[date, date, bool]]) -> None:
    plan = incremental.windows(
        stored(("AAA", *held)) if held else stored(), asked(("AAA", *before)) if before else asked(), ["AAA", "AAA"], START, END, overlap=5
    )
    assert plan.select("start", "end", "missing").rows() == expected


def test_a_second_fetch_asks_for_what_is_missing_and_an_overlap(tmp_path: Path) -> None:
    shelf = Shelf({"AAA": history(40), "BBB": history(60)})
    first = fetch(tmp_path / "h", shelf, ["AAA", "BBB"], START, DAYS[39])
    assert shelf.asked == [("AAA", START, DAYS[39]), ("BBB", START, DAYS[39])]
    assert first.written[0].added == 80 and first.revised.is_empty() and first.left_out.is_empty()
    shelf.asked.clear()
    shelf.closes["AAA"] = history(60)
    second = fetch(tmp_path / "h", shelf, ["AAA", "BBB"], START, END)
    assert shelf.asked == [("AAA", DAYS[35], END), ("BBB", DAYS[35], END)]
    assert second.written[0].added == 40 and second.revised.is_empty()
    kept = Store(tmp_path / "h").read("bars")
    assert kept["session"].to_list() == DAYS[:60] * 2
    assert kept["close"].to_list() == list(history(60).values()) * 2
    assert kept["adj_factor"].unique().to_list() == [1.0]


def test_what_the_vendor_does_not_have_is_asked_for_once(tmp_path: Path) -> None:
    """A share listed in March is asked for from January once; a day that was not over is asked for again."""
    listed = {day: close for day, close in history().items() if day >= DAYS[45]}
    shelf = Shelf({"AAA": listed})
    fetch(tmp_path / "h", shelf, ["AAA"], START, END)
    shelf.asked.clear()
    fetch(tmp_path / "h", shelf, ["AAA"], START, END)
    assert shelf.asked == [("AAA", DAYS[55], END)]
    today = datetime(2024, 7, 1, 12, tzinfo=UTC).date()
    fetch(tmp_path / "h", shelf, ["AAA"], START, today)
    rows = Store(tmp_path / "h").read(incremental.FETCHES)
    assert rows["end_date"].max() == date(2024, 6, 30) and rows["start_date"].min() == START


def test_a_changed_past_is_said_in_one_sentence_and_nothing_is_overwritten(tmp_path: Path) -> None:
    shelf = Shelf({"AAA": history(40)})
    fetch(tmp_path / "h", shelf, ["AAA"], START, END)
    before = Store(tmp_path / "h").read("bars")
    shelf.closes["AAA"] = history(60) | {DAYS[37]: 60.0}
    done = fetch(tmp_path / "h", shelf, ["AAA"], START, END)
    after = Store(tmp_path / "h").read("bars")
    assert after.head(40).equals(before)
    assert after["close"].to_list()[40:] == list(history(60).values())[40:]
    assert after["adj_factor"].unique().to_list() == [1.0]
    (sentence,) = [line for line in done.lines() if line.startswith("revised")]
    assert "changed the past of 1 symbols (revised 1)" in sentence and f"AAA on {DAYS[37]}" in sentence and "bar_flags" in sentence
    flags = Store(tmp_path / "h").read(incremental.BAR_FLAGS).filter(pl.col("rule") == "revised")
    assert flags.select("symbol", "session", "source", "first_seen_at").rows() == [("AAA", DAYS[37], "shelf", NOW)]
    # The third time it is known already.
    fetch(tmp_path / "h", shelf, ["AAA"], START, END)
    assert Store(tmp_path / "h").read(incremental.BAR_FLAGS).filter(pl.col("rule") == "revised").height == 1


def test_a_history_divided_by_a_split_chains(tmp_path: Path) -> None:
    shelf = Shelf({"AAA": history(40)})
    fetch(tmp_path / "h", shelf, ["AAA"], START, END)
    shelf.closes["AAA"] = {day: close / 4 for day, close in history(60).items()}
    assert fetch(tmp_path / "h", shelf, ["AAA"], START, END).revised["rule"].to_list() == ["rebased"]
    bars = Store(tmp_path / "h").read("bars")
    whole = list(history(60).values())
    expected = [later / earlier - 1 for earlier, later in pairwise(whole)]
    assert prices.returns(bars)["realized_return"].to_list()[1:] == pytest.approx(expected)
    assert bars["adj_factor"].to_list() == pytest.approx([1.0] * 40 + [4.0] * 20)


def test_another_security_is_left_out_with_the_reason(tmp_path: Path) -> None:
    shelf = Shelf({"AAA": history(40), "BBB": history(40)})
    fetch(tmp_path / "h", shelf, ["AAA", "BBB"], START, END)
    shelf.closes["AAA"] = {day: 3.0 + (number * 5) % 7 for number, day in enumerate(DAYS[:60])}
    shelf.closes["BBB"] = history(60)
    done = fetch(tmp_path / "h", shelf, ["AAA", "BBB"], START, END)
    assert done.left_out["symbol"].to_list() == ["AAA"] and "another security" in done.left_out["reason"][0]
    bars = Store(tmp_path / "h").read("bars")
    assert dict(bars.group_by("symbol").len().rows()) == {"AAA": 40, "BBB": 60}


def test_an_interrupted_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    names = [f"AA{letter}" for letter in "ABCDEFG"]
    shelf = Shelf({name: history(60) for name in names})

    class Cut(Shelf):
        def __call__(self, symbols: Iterable[str], *args: object, **options: object) -> Bars:
            if "AAE" in (chosen := list(symbols)):
                raise KeyboardInterrupt
            return super().__call__(chosen, *args, **options)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path / "h", Cut(shelf.closes), names, START, END, batch=2)
    assert Store(tmp_path / "h").read("bars")["symbol"].unique().sort().to_list() == names[:4]
    fetch(tmp_path / "h", shelf, names, START, END, batch=2)
    # The missing ones first, whole; the others for their overlap alone.
    assert [name for name, *_ in shelf.asked] == [*names[4:], *names[:4]]
    assert {low for name, low, _ in shelf.asked if name in names[:4]} == {DAYS[55]}
    assert Store(tmp_path / "h").read("bars").height == 7 * 60


def test_failures_are_listed_and_cost_the_others_nothing(tmp_path: Path) -> None:
    counted: list[int] = []
    done = fetch(tmp_path / "h", Shelf({"AAA": history(60)}), ["GONE", "AAA", "NONE"], START, END, advance=counted.append)
    assert done.left_out.rows() == [("GONE", "no GONE"), ("NONE", "no NONE")]
    assert done.written[0].added == 60 and sum(counted) == 3


def test_files_are_stored_together_and_a_second_source_is_chained(tmp_path: Path) -> None:
    shelf = Shelf({name: history(40) for name in ("AAA", "BBB")})
    paths = []
    for name, factor in (("AAA", 1.0), ("BBB", 1.0), ("AAA", 0.5)):
        days = history(60 if factor < 1 else 40)
        frame = pl.DataFrame({"symbol": name, "session": list(days), "close": [close * factor for close in days.values()], "volume": 5.0})
        paths.append(tmp_path / f"{name}{factor}.parquet")
        frame.write_parquet(paths[-1])

    def read(path: Path) -> Bars:
        return collect(pl.read_parquet(path).with_columns(open="close", high="close", low="close"), source=path.stem)

    done = incremental.load(Store(tmp_path / "h"), paths, read, START, END)
    assert done.written[0].added == 100 and done.revised["rule"].to_list() == ["rebased"]
    fetch(tmp_path / "h", shelf, ["AAA", "BBB"], START, END)
    # One commit for two files, one for the third, none for bars that are there.
    assert Store(tmp_path / "h").version("bars") == 1
    assert Store(tmp_path / "h").read("bars").filter(symbol="AAA")["adj_factor"].to_list()[-1] == pytest.approx(2.0)


def test_nothing_asked_is_nothing_done(tmp_path: Path) -> None:
    done = fetch(tmp_path / "h", Shelf({}), [], START, END)
    assert done.left_out.is_empty() and done.written[0].added == 0
    empty = incremental.add(Store(tmp_path / "h"), Bars(BARS.empty(), QUARANTINE.empty(), done.flags))
    assert empty.lines()[0].startswith("bars")


def test_the_whole_way_through_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`tidings prices yahoo` twice: yfinance's own code, a dividend between the two, and a close the vendor corrects."""
    closes = [round(100 + 3 * ((n * 37) % 11 - 5) / 5, 2) for n in range(60)]
    ex_day = 45
    adjusted = [close * (1 - 2.0 / closes[ex_day - 1] if n < ex_day else 1.0) for n, close in enumerate(closes)]
    known = [40]

    def answer(query: dict[str, str]) -> Answer:
        count, other = known[0], [1.05 if n == 30 and known[0] > 40 else 1.0 for n in range(60)]
        shown, level = ([c * o for c, o in zip(row, other, strict=True)] for row in (closes, closes if count < ex_day else adjusted))
        return chart(DAYS[:count], shown[:count], query, adjusted=level[:count], dividends={DAYS[ex_day]: 2.0}, opens=time(9, 30))

    def command(web: Vendors, *words: str) -> tuple[str, list[dict[str, str]]]:
        web.seen.clear()
        environ = dict(os.environ, XDG_CACHE_HOME=str(tmp_path / "cache"), POLARS_MAX_THREADS="1")
        ran = subprocess.run([sys.executable, "-m", "tidings", "prices", "yahoo", *words, "--home", str(tmp_path / "h")], env=environ, capture_output=True, text=True, timeout=100)  # fmt: skip
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran.stdout + ran.stderr, [query for _, path, query in web.seen if path.endswith("QXMP")]

    with vendors(monkeypatch, tmp_path) as web:
        for host in ("query1.finance.yahoo.com", "query2.finance.yahoo.com"):
            web.answers[host, "/v1/test/getcrumb"] = Answer("aCrumb.1", 200, "text/plain")
            web.answers[host, "/v8/finance/chart/QXMP"] = answer
            web.answers[host, "/v8/finance/chart/GONE"] = Answer(
                {"chart": {"result": None, "error": {"code": "Not Found", "description": "gone"}}}, 404
            )
        said, sent = command(web, "QXMP", "GONE", "--start", str(START), "--end", str(DAYS[39]))
        assert "40 of 40" in said and "failed       GONE: Yahoo has no prices of GONE" in said and len(sent) == 1
        known[0] = 60
        said, sent = command(web, "QXMP", "--start", str(START), "--end", str(END))
        began = datetime.fromtimestamp(int(sent[0]["period1"]), UTC).date()
        assert len(sent) == 1 and began == date.fromordinal(DAYS[20].toordinal() - 1)
        assert "20 of 20" in said and f"QXMP on {DAYS[30]}" in said and said.count("changed the past of 1 symbols") == 1
    bars = Store(tmp_path / "h").read("bars")
    assert bars["close"].to_list() == closes
    realized = prices.returns(bars)["realized_return"].to_list()[1:]
    assert realized == pytest.approx([later / earlier - 1 for earlier, later in pairwise(adjusted)], abs=1e-9)
    assert Store(tmp_path / "h").read(incremental.BAR_FLAGS)["rule"].to_list() == ["revised"]
