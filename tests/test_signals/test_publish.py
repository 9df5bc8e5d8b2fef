from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from research.calendar import sessions
from research.errors import DataError, UsageError
from research.schemas import EVENTS, INSTRUMENTS, MENTIONS
from research.store import Store
from signals.publish import generate, history
from signals.schedule import due, next_due, read_jobs
from signals.schemas import RUNS, SIGNALS

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SYMBOLS = ("600901.SS", "600902.SS", "000903.SZ", "0901.HK", "0902.HK")


def mentions():
    start = datetime(2024, 3, 4, tzinfo=UTC)
    return MENTIONS.frame(
        {
            "doc_id": f"d{i}", "symbol": SYMBOLS[i % 5], "surfaces": ["x"], "in_headline": True, "first_offset": 0, "n_mentions": 1, "role": "subject",
            "relevance": 0.5 + (i % 3) / 4, "sentiment": ((i * 7) % 11 - 5) / 5, "confidence": 1.0, "available_at": start + timedelta(hours=5 * i), "annotator": "t@1",
        }
        for i in range(60)
    )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "home")
    store.append(MENTIONS, mentions())
    store.append(EVENTS, EVENTS.empty())
    return store


def test_a_scheduled_run_equals_the_same_session_of_the_history(store):
    asof = datetime(2024, 3, 13, 1, tzinfo=UTC)  # half an hour before Shanghai opens
    run = generate(store, "tone@1", asof, now=NOW, mics=("XSHG",))
    past = history(EVENTS.empty(), mentions(), sessions("XSHG", "2024-02-20", "2024-03-29"), "tone@1").filter(pl.col("asof") == asof)
    assert run.scores["session"].unique().to_list() == [date(2024, 3, 12)]
    assert run.scores.drop("run_id").equals(past.drop("run_id"))


def test_shanghai_and_hong_kong_are_scored_apart_although_they_open_together(store):
    asof = datetime(2024, 3, 13, 1, tzinfo=UTC)
    together = generate(store, "tone@1", asof, now=NOW).scores
    for mic, suffixes in (("XSHG", "S[SZ]"), ("XHKG", "HK")):
        alone = history(EVENTS.empty(), mentions(), sessions(mic, "2024-02-20", "2024-03-29"), "tone@1").filter(pl.col("asof") == asof)
        mine = together.filter(pl.col("symbol").str.contains(rf"\.{suffixes}$"))
        assert mine.height > 1 and mine.drop("run_id").equals(alone.drop("run_id"))


def test_a_document_dated_before_the_calendar_stops_nothing(store):
    asof = datetime(2024, 3, 13, 1, tzinfo=UTC)
    zero = (
        mentions()
        .head(1)
        .with_columns(doc_id=pl.lit("zero"), available_at=pl.lit(datetime(1970, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))
    )
    store.append(MENTIONS, zero)
    assert generate(store, "tone@1", asof, now=NOW).scores.height == 5


def test_a_session_decided_before_keeps_its_rows_and_the_run_says_so(store):
    intraday, scheduled = datetime(2024, 3, 12, 5, tzinfo=UTC), datetime(2024, 3, 13, 1, tzinfo=UTC)
    first = generate(store, "tone@1", intraday, now=NOW, mics=("XSHG",))
    assert first.note is None
    second = generate(store, "tone@1", scheduled, now=NOW, mics=("XSHG",))
    assert "already decided as of 2024-03-12T05:00" in second.note
    assert store.read(SIGNALS).select("asof").unique().rows() == [(intraday,)]
    runs = dict(store.read(RUNS).select("asof", "error").rows())
    assert runs == {intraday: None, scheduled: second.note}


def test_the_same_instant_twice_is_a_no_op_and_late_news_does_not_change_it(store):
    asof = datetime(2024, 3, 13, 1, tzinfo=UTC)
    first = generate(store, "tone@1", asof, now=NOW)
    before = store.read(SIGNALS), store.read(RUNS), store.version(SIGNALS)
    late = mentions().head(3).with_columns(doc_id=pl.col("doc_id") + "late", sentiment=pl.lit(1.0))
    store.append(MENTIONS, late)
    again = generate(store, "tone@1", asof, now=NOW + timedelta(days=1))
    assert again.written == () and again.run_id == first.run_id
    assert again.scores.equals(first.scores)
    assert (store.read(SIGNALS).equals(before[0]), store.read(RUNS).equals(before[1]), store.version(SIGNALS)) == (True, True, before[2])


def test_every_market_decides_its_own_session(store):
    # 2024-03-29 and 2024-04-01 are holidays in Hong Kong, not in Shanghai.
    extra = mentions().with_columns(doc_id=pl.col("doc_id") + "x", available_at=pl.col("available_at") + pl.duration(days=21))
    store.append(MENTIONS, extra)
    run = generate(store, "tone@1", datetime(2024, 4, 1, 12, tzinfo=UTC), now=NOW)
    by_market = {s[-2:]: d for s, d in run.scores.select("symbol", "session").rows()}
    assert by_market == {"SS": date(2024, 4, 1), "SZ": date(2024, 4, 1), "HK": date(2024, 3, 28)}


def test_an_empty_home_gives_no_scores_but_a_record(tmp_path):
    store = Store(tmp_path / "home")
    store.append(MENTIONS, MENTIONS.empty())
    run = generate(store, "tone@1", NOW, now=NOW)
    assert run.scores.is_empty() and store.read(RUNS)["rows_written"].to_list() == [0]
    with pytest.raises(UsageError, match="tone@1"):
        generate(store, "nose@1", NOW, now=NOW)


def config(tmp_path, text):
    path = tmp_path / "tidings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_schedule_catches_up_in_order_and_then_rests(store, tmp_path):
    jobs = read_jobs(config(tmp_path, '[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = 2024-03-07\n'))
    now = datetime(2024, 3, 13, 2, tzinfo=UTC)
    decisions = due(jobs, now, store)
    # decided on the mornings of 8, 11, 12 and 13 March
    assert [d.session for d in decisions] == [date(2024, 3, 7), date(2024, 3, 8), date(2024, 3, 11), date(2024, 3, 12)]
    for decision in decisions:
        generate(store, decision.signal, decision.asof, now=now, mics=(decision.mic,))
    assert due(jobs, now, store) == []
    assert next_due(jobs, now) == datetime(2024, 3, 14, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no .*job.* table"),
        ("[[job", "TOML"),
        ('[[job]]\nsignal = "tone@1"\nmarket = "cn"', "no since"),
        ('[[job]]\nsignal = "tone@1"\nmarket = "xx"\nsince = 2024-01-01', "market 'xx'"),
        ('[[job]]\nsignal = "nose@1"\nmarket = "cn"\nsince = 2024-01-01', "nose@1"),
        ('[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = "soon"', "since = 'soon'"),
        ('[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = 2024-01-01T09:00:00', "since = datetime"),
        ('[[job]]\nsignal = "tone@1"\nmarket = ["cn"]\nsince = 2024-01-01', "market \\['cn'\\]"),
        ('[[job]]\nsignal = 7\nmarket = "cn"\nsince = 2024-01-01', "signal = 7"),
        ('[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = 2024-01-01\nlead_minutes = "soon"', "lead_minutes = 'soon'"),
        (
            '[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = 2024-01-01\nlead_minutes = -90',
            "lead_minutes = -90; expected minutes before the",
        ),
        ('[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = 2024-01-01\nlead_minutes = nan', "lead_minutes = nan"),
        ("job = [1]", "job 1 came as 1"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        read_jobs(config(tmp_path, text))


def test_a_home_without_news_decides_nothing_and_records_nothing(tmp_path):
    """A recorded run is final: one of an empty home would be "nothing is due" when the news is there."""
    store = Store(tmp_path / "home")
    store.append(INSTRUMENTS, INSTRUMENTS.empty())
    with pytest.raises(DataError, match="holds no news"):
        generate(store, "tone@1", NOW, now=NOW)
    assert store.read(RUNS).is_empty()


def test_an_instant_that_has_not_come_is_said(store):
    assert "had not come" in (generate(store, "tone@1", NOW, now=NOW - timedelta(hours=1)).note or "")
    assert generate(store, "tone@1", NOW - timedelta(days=1), now=NOW).note is None


def test_a_key_of_a_job_that_is_none_is_refused(tmp_path):
    text = '[[job]]\nsignal = "tone@1"\nmarket = "cn"\nsince = 2024-01-01\nlead_minute = 60\n'
    with pytest.raises(UsageError, match="has lead_minute;"):
        read_jobs(config(tmp_path, text))
