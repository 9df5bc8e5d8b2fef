"""Named signals over the library, stored models, and replaying a run."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from small_market import CN, SYMBOLS, bar, document, event, mention, utc

from research.errors import DataError, SourceError, UsageError
from research.schemas import BARS, DOCUMENTS, EVENTS, MENTIONS
from research.store import Store
from signals.publish import generate, history, replay
from signals.recipes import FEATURE_RECIPES, store_model
from signals.schemas import SIGNALS
from signals.stored_models import LinearModel, TextModel
from signals.texts import session_texts

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ASOF = datetime(2024, 4, 19, 1, tzinfo=UTC)  # half an hour before Shanghai opens
HOMES = SYMBOLS[:5]


def days():
    return CN["session"].to_list()


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(3)
    documents, mentions, events, bars = [], [], [], []
    for i in range(600):
        at = utc("2024-01-03T02:00") + timedelta(hours=int(rng.integers(0, 24 * 110)))
        symbol = HOMES[int(rng.integers(5))]
        documents.append(
            {**document(i, at, novelty=float(rng.random())), "headline": " ".join(rng.choice(["gain", "beat", "loss", "cut", "plan"], 6))}
        )
        mentions.append(mention(i, at, symbol, float(rng.uniform(-1, 1))))
        if i % 2:
            events.append(event(i, at, symbol, sentiment=float(rng.uniform(-1, 1))))
    for symbol in HOMES:
        close = 10.0
        for day in days():
            close *= 1 + 0.02 * float(rng.standard_normal())
            bars.append(bar(symbol, day, datetime(day.year, day.month, day.day, 7, tzinfo=UTC), close, open=close, amount=1e6))
    return {
        "documents": DOCUMENTS.frame(documents), "mentions": MENTIONS.frame(mentions), "events": EVENTS.frame(events),
        "bars": BARS.frame(bars),
    }  # fmt: skip


@pytest.fixture
def store(tmp_path, tables):
    store = Store(tmp_path / "home")
    for table in (DOCUMENTS, MENTIONS, EVENTS, BARS):
        store.append(table, tables[table.name])
    return store


def wide():
    from research.calendar import sessions

    return sessions("XSHG", "2022-11-09", "2024-04-30")


@pytest.mark.parametrize("name", sorted(FEATURE_RECIPES))
def test_a_scheduled_run_of_a_feature_equals_its_history_and_its_replay(store, tables, name):
    run = generate(store, name, ASOF, now=NOW, mics=("XSHG",))
    past = history(tables["events"], tables["mentions"], wide(), name, documents=tables["documents"], bars=tables["bars"])
    mine = past.filter(pl.col("asof") == ASOF)
    assert mine.height >= 3 and run.scores["session"].unique().to_list() == [date(2024, 4, 18)]
    assert run.scores.select("symbol").equals(mine.select("symbol"))
    assert run.scores["score"].to_list() == pytest.approx(mine["score"].to_list(), abs=1e-12)
    late = tables["mentions"].head(9).with_columns(doc_id=pl.col("doc_id") + "late", sentiment=pl.lit(1.0))
    store.append(MENTIONS, late)
    assert replay(store, name, ASOF, mics=("XSHG",)).equals(run.scores.sort(SIGNALS.key))


def test_attention_reversal_by_hand(tables):
    got = history(tables["events"], tables["mentions"], CN, "attention_reversal@1", documents=tables["documents"], bars=tables["bars"])
    asof, session = ASOF, date(2024, 4, 18)
    calendar = days()
    at = {d: i for i, d in enumerate(calendar)}
    opens = dict(CN.select("session", "open_at").rows())
    counts = {symbol: [0] * len(calendar) for symbol in HOMES}
    for symbol, available in tables["mentions"].select("symbol", "available_at").rows():
        # The first session whose next open less half an hour is after the document.
        place = next(i for i in range(len(calendar) - 1) if opens[calendar[i + 1]] - timedelta(minutes=30) > available)
        counts[symbol][place] += 1
    value = {}
    t = at[session]
    closes = {s: dict(tables["bars"].filter(pl.col("symbol") == s).select("session", "close").rows()) for s in HOMES}
    for symbol in HOMES:
        first = next(i for i, n in enumerate(counts[symbol]) if n)
        usual = counts[symbol][max(first, t - 60) : t]
        if not sum(counts[symbol][t - 4 : t + 1]) or len(usual) < 30:
            continue
        abnormal = (counts[symbol][t] - np.mean(usual)) / np.sqrt(np.mean(usual) + 1)
        value[symbol] = -abnormal * np.log(closes[symbol][session] / closes[symbol][calendar[t - 5]])
    edges = np.quantile(list(value.values()), [0.01, 0.99])
    clipped = {s: float(np.clip(v, *edges)) for s, v in value.items()}
    mean, spread = np.mean(list(clipped.values())), np.std(list(clipped.values()), ddof=1)
    here = dict(got.filter(pl.col("asof") == asof).select("symbol", "score").rows())
    assert here == pytest.approx({s: (v - mean) / spread for s, v in clipped.items()}, abs=1e-9)


def test_a_recipe_says_which_table_it_misses(tables):
    with pytest.raises(UsageError, match=r"novel_tone@1 needs the table documents"):
        history(tables["events"], tables["mentions"], CN, "novel_tone@1")
    with pytest.raises(UsageError, match=r"attention_reversal@1 needs the table bars"):
        history(tables["events"], tables["mentions"], CN, "attention_reversal@1", documents=tables["documents"])


LINEAR = LinearModel(("tone_sum_2", "return_5"), (1.5, -2.0), 0.25, False, "2024-03-01T00:00:00+00:00")
TEXT = TextModel(("beat", "cut", "gain", "loss"), (0.4, 0.1, 0.4, 0.1), (0.1, 0.4, 0.1, 0.4), 0.5, "2024-03-01T00:00:00+00:00")


@pytest.mark.parametrize("model", [LINEAR, TEXT])
def test_a_stored_model_is_published_replayed_and_never_scores_its_own_past(store, model):
    path = store_model(store, "mine@1", model, horizon=5)
    assert store_model(store, "mine@1", model, horizon=5) == path  # the same again is a no-op
    run = generate(store, "mine@1", ASOF, now=NOW, mics=("XSHG",))
    assert run.scores.height >= 2 and set(run.scores["signal"]) == {"mine@1"}
    assert replay(store, "mine@1", ASOF, mics=("XSHG",)).equals(run.scores.sort(SIGNALS.key))
    early = generate(store, "mine@1", datetime(2024, 2, 29, 1, tzinfo=UTC), now=NOW, mics=("XSHG",))
    assert early.scores.is_empty()


def test_the_scores_of_a_stored_linear_model_by_hand(store, tables):
    store_model(store, "mine@1", LINEAR, horizon=5)
    scores = generate(store, "mine@1", ASOF, now=NOW, mics=("XSHG",)).scores
    from signals.library import library

    frame = library(
        tables["events"],
        tables["mentions"],
        CN,
        documents=tables["documents"],
        bars=tables["bars"],
        names=["tone_sum_2", "return_5", "news_20"],
    )
    rows = frame.filter((pl.col("asof") == ASOF) & (pl.col("news_20") > 0)).drop_nulls()
    raw = 0.25 + 1.5 * rows["tone_sum_2"] - 2.0 * rows["return_5"]
    raw = raw.clip(raw.quantile(0.01, "linear"), raw.quantile(0.99, "linear"))
    want = ((raw - raw.mean()) / raw.std()).to_list()
    assert scores["symbol"].to_list() == rows["symbol"].to_list()
    assert scores["score"].to_list() == pytest.approx(want, abs=1e-9)


def test_a_model_name_stays_what_it_is(store, tmp_path):
    store_model(store, "mine@1", LINEAR, horizon=5)
    with pytest.raises(UsageError, match="another model named mine@1"):
        store_model(store, "mine@1", LINEAR, horizon=10)
    for name, said in (("mine", "name@version"), ("../x@1", "name@version"), ("tone@1", "recipe of the package")):
        with pytest.raises(UsageError, match=said):
            store_model(store, name, LINEAR, horizon=5)
    with pytest.raises(UsageError, match="memory of 5 or 20"):
        store_model(store, "mine@2", LINEAR, horizon=5, memory=7)
    with pytest.raises(UsageError, match="There is no home"):
        store_model(Store(tmp_path / "nowhere"), "mine@1", LINEAR, horizon=5)


def test_a_damaged_model_is_refused(store):
    store_model(store, "mine@1", LINEAR, horizon=5).write_text('{"horizon": 5}', encoding="utf-8")
    with pytest.raises(SourceError, match="cannot be read as a model"):
        generate(store, "mine@1", ASOF, now=NOW)


def test_a_changed_model_and_an_unknown_run_are_not_replayed(store):
    path = store_model(store, "mine@1", LINEAR, horizon=5)
    generate(store, "mine@1", ASOF, now=NOW, mics=("XSHG",))
    path.write_text(path.read_text(encoding="utf-8").replace("0.25", "0.5"), encoding="utf-8")
    with pytest.raises(DataError, match="the model changed"):
        replay(store, "mine@1", ASOF, mics=("XSHG",))
    with pytest.raises(UsageError, match="No run of tone@1"):
        replay(store, "tone@1", ASOF)


def test_a_session_that_was_decided_is_replayed_as_it_was_written(store):
    noon = datetime(2024, 4, 18, 4, tzinfo=UTC)
    first = generate(store, "tone@1", noon, now=NOW, mics=("XSHG",))
    second = generate(store, "tone@1", ASOF, now=NOW, mics=("XSHG",))
    assert second.note is not None
    assert replay(store, "tone@1", noon, mics=("XSHG",)).equals(first.scores.sort(SIGNALS.key))
    assert replay(store, "tone@1", ASOF, mics=("XSHG",)).is_empty()


def test_texts_of_a_session_follow_each_other(tables):
    from signals.pointintime import cutoffs

    at = utc("2024-03-05T02:00")
    later = at + timedelta(hours=1)
    documents = pl.DataFrame({"doc_id": ["d0001", "d0002", "d0003"], "text": ["one", "two", "three"]})
    rows = MENTIONS.frame([mention(1, later), mention(2, at), mention(3, at, role="source")])
    got = session_texts(rows, documents, cutoffs(CN))
    assert got.select("session", "symbol", "text").rows() == [(date(2024, 3, 5), SYMBOLS[0], "two\none")]


def test_the_command_replays_a_run(store):
    from typer.testing import CliRunner

    from tidings import app

    generate(store, "combined@1", ASOF, now=NOW, mics=("XSHG",))
    command = ["signal", "--asof", ASOF.isoformat(), "--signal", "combined@1", "--home", str(store.home)]
    ran = CliRunner().invoke(app, [*command, "--replay", "--market", "XSHG"])
    assert ran.exit_code == 0 and "equal bit for bit" in ran.output
    assert isinstance(CliRunner().invoke(app, [*command, "--replay"]).exception, UsageError)  # that run named its market
    assert isinstance(CliRunner().invoke(app, [*command, "--market", "XSHG"]).exception, UsageError)
