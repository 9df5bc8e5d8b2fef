from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.calendar import sessions
from research.errors import UsageError
from research.schemas import EVENTS, MENTIONS
from signals.panel import panel
from signals.pointintime import assign, cutoffs

CN = sessions("XSHG", "2024-02-01", "2024-03-08")


def mention(i, at, symbol="600000.SS", sentiment=0.5, role="subject", relevance=1.0):
    return {
        "doc_id": f"d{i}", "symbol": symbol, "surfaces": ["x"], "in_headline": True, "first_offset": 0, "n_mentions": 1, "role": role,
        "relevance": relevance, "sentiment": sentiment, "confidence": 1.0, "available_at": at, "annotator": "t@1",
    }  # fmt: skip


def event(i, at, symbol="600000.SS", kind="guidance.cut", sentiment=-0.5):
    return {
        "event_id": f"e{i}", "doc_id": f"d{i}", "symbol": symbol, "event_type": kind, "role": "subject", "event_date": None, "available_at": at,
        "sentiment": sentiment, "relevance": 1.0, "novelty": 1.0, "confidence": 1.0, "evidence": "q", "annotator": "t@1",
    }  # fmt: skip


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_cutoffs_are_half_an_hour_before_the_next_open_and_skip_the_holiday():
    clock = cutoffs(CN)
    # 2024-02-08 is the last session before the Spring Festival; the next open is 2024-02-19 09:30 in Shanghai.
    row = clock.row(by_predicate=pl.col("session") == date(2024, 2, 8), named=True)
    assert row["asof"] == utc("2024-02-19T01:00:00")
    assert row["since"] == utc("2024-02-08T01:00:00")
    assert clock["session"].max() == date(2024, 3, 7), "the last session has no next open"


def test_assignment_is_strict_at_the_cutoff_and_keeps_every_row():
    rows = pl.DataFrame(
        {
            "symbol": ["600000.SS", "000001.SZ", "600000.SS", "NVDA", "600000.SS"],
            "available_at": [
                utc("2024-02-05T00:59:59"),
                utc("2024-02-05T01:00:00"),
                utc("2024-02-10T12:00:00"),
                utc("2024-02-05T12:00:00"),
                utc("2023-01-01T00:00:00"),
            ],
        },
        schema_overrides={"available_at": pl.Datetime("us", "UTC")},
    )
    out = assign(rows, cutoffs(CN))
    assert out["session"].to_list() == [date(2024, 2, 2), date(2024, 2, 5), date(2024, 2, 8), None, None]
    assert out.select("symbol", "available_at").equals(rows)


def test_panel_by_hand():
    mentions = MENTIONS.frame(
        [
            mention(1, utc("2024-02-05T03:00:00"), sentiment=0.8, relevance=1.0),
            mention(2, utc("2024-02-05T04:00:00"), sentiment=-0.4, relevance=0.5),
            mention(3, utc("2024-02-06T04:00:00"), sentiment=-1.0, role="source"),
            mention(4, utc("2024-02-07T04:00:00"), sentiment=0.2),
        ]
    )
    events = EVENTS.frame([event(1, utc("2024-02-05T03:00:00"))])
    out = panel(events, mentions, CN, event_types=["guidance", "guidance.cut", "buyback"]).head(3)
    assert out["session"].to_list() == [date(2024, 2, 5), date(2024, 2, 6), date(2024, 2, 7)]
    assert out["n_mentions"].to_list() == [2.0, 0.0, 1.0]
    assert out["tone"][0] == pytest.approx(0.6 / 1.5) and out["tone"][1] is None and out["tone"][2] == pytest.approx(0.2)
    assert out["net_tone"].to_list() == pytest.approx([0.6, 0.0, 0.2])
    assert out["event_tone"].to_list() == [-0.5, 0.0, 0.0]
    assert out["event_guidance"].to_list() == out["event_guidance_cut"].to_list() == [1.0, 0.0, 0.0]
    assert out["event_buyback"].to_list() == [0.0, 0.0, 0.0]


stamps = st.integers(0, 35 * 24 * 60).map(lambda m: datetime(2024, 2, 1, tzinfo=UTC) + timedelta(minutes=m))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(stamps, st.sampled_from(["600000.SS", "000001.SZ"]), st.sampled_from([-1.0, 0.25, 1.0])), min_size=1, max_size=25),
    st.integers(3, 18),
)
def test_the_panel_up_to_a_session_does_not_know_what_came_after_its_cutoff(rows, n):
    mentions = MENTIONS.frame([mention(i, at, symbol, tone) for i, (at, symbol, tone) in enumerate(rows)])
    events = EVENTS.frame([event(i, at, symbol) for i, (at, symbol, _) in enumerate(rows[::2])])
    cut = cutoffs(CN)["asof"][n]
    whole = panel(events, mentions, CN).filter(pl.col("asof") <= cut)
    known = pl.col("available_at") < cut
    assert whole.equals(panel(events.filter(known), mentions.filter(known), CN).filter(pl.col("asof") <= cut))


def test_deciding_now_equals_the_same_session_in_history():
    rows = [mention(i, utc("2024-02-05T03:00:00") + timedelta(hours=7 * i)) for i in range(30)]
    mentions, events = MENTIONS.frame(rows), EVENTS.empty()
    cut = utc("2024-02-08T01:00:00")
    then = panel(events, mentions, CN).filter(pl.col("asof") == cut)
    now = panel(events, mentions, CN, asof=cut)
    assert now["session"].max() == date(2024, 2, 7)
    assert now.filter(pl.col("session") == date(2024, 2, 7)).equals(then)


def test_columns_that_are_not_wanted_are_left_out():
    mentions = MENTIONS.frame([mention(i, utc(f"2024-02-{5 + i:02}T04:00:00"), sentiment=0.1 * i) for i in range(4)])
    events = EVENTS.frame([event(9, utc("2024-02-06T04:00:00"))])
    whole = panel(events, mentions, CN, event_types=["guidance"])
    for columns in (["net_tone"], ["tone"], ["n_events", "n_mentions", "event_guidance"], ["tone_max"]):
        wanted = [name for name in whole.columns if name in ("session", "symbol", "asof", *columns)]
        assert panel(events, mentions, CN, event_types=["guidance"], columns=columns).equals(whole.select(wanted))
    with pytest.raises(UsageError, match="Column 'novelty' of the panel was asked for; with the tables given there are n_mentions"):
        panel(events, mentions, CN, columns=["novelty"])
