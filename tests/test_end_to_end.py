"""The real pipeline under the truncation law: what came later changes nothing that was known before."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from research import documents
from research.annotation import annotate
from research.calendar import sessions
from research.linking import Linker
from research.schemas import INSTRUMENTS
from research.sources import Article
from signals.features import decayed_mean, decayed_sum
from signals.panel import panel
from signals.publish import RECIPES
from signals.transforms import zscore

MASTER = INSTRUMENTS.frame(
    {
        "symbol": symbol, "valid_from": date(2010, 1, 1), "name": name, "name_zh": zh, "mic": "XSHG", "asset_class": "equity", "currency": "CNY",
        "aliases": [{"text": name, "language": "en", "needs_context": False}, {"text": zh, "language": "zh", "needs_context": False}],
    }
    for symbol, name, zh in [("600901.SS", "Qinghe Optics", "清禾光学"), ("600902.SS", "Wanlu Bearings", "万鹿轴承"), ("600903.SS", "Tenglan Foods", "腾岚食品")]
)  # fmt: skip
LINKER = Linker.build(MASTER)
CALENDAR = sessions("XSHG", "2024-02-26", "2024-03-29")

# Written for this test; the companies are invented.
TEXTS = [
    ("清禾光学:拟以集中竞价方式回购股份", "清禾光学公告,公司拟回购股份,金额不超过3亿元。清禾光学股价今日涨4.2%。"),
    ("清禾光学公告拟回购股份 金额不超过3亿元", "清禾光学今日公告,公司拟以集中竞价方式回购股份,金额不超过3亿元。清禾光学股价今日涨4.2%。"),
    ("万鹿轴承下调全年业绩指引", "万鹿轴承表示,受需求疲软影响,下调全年业绩指引。万鹿轴承收跌6.5%。"),
    ("腾岚食品被立案调查", "腾岚食品公告,公司因涉嫌信息披露违规被立案调查。"),
    ("腾岚食品中标学校供餐合同", "腾岚食品公告,公司中标一项供餐合同,金额约2亿元。"),
    ("Wanlu Bearings announces share buyback", "Wanlu Bearings said it will buy back shares. Wanlu Bearings rose 3.1%."),
    ("Qinghe Optics cuts full-year guidance", "Qinghe Optics cut its full-year guidance on weak demand. Shares of Qinghe Optics fell 8%."),
    ("轴承行业周报", "本周轴承行业需求平稳,万鹿轴承与清禾光学均未发布公告。"),
]


@dataclass(frozen=True)
class Known:
    documents: pl.DataFrame
    mentions: pl.DataFrame
    events: pl.DataFrame
    facts: pl.DataFrame
    signals: pl.DataFrame

    def before(self, cut: datetime) -> "Known":
        known = pl.col("available_at") < cut
        tables = (self.documents, self.mentions, self.events, self.facts)
        return Known(*(table.filter(known) for table in tables), self.signals.filter(pl.col("asof") <= cut))


def pipeline(articles, *, clock="available_at", scale=None) -> Known:
    """Run the way from articles to signals; ``clock`` and ``scale`` let a test plant a leak."""
    found = documents.build(articles, seen_at=None).documents
    read = annotate(found, LINKER)
    mentions, events = read.mentions, read.events
    if clock != "available_at":
        # The leak: news is used when it was published, not when it could be held.
        published = found.select("doc_id", "published_at")
        mentions = mentions.join(published, on="doc_id").with_columns(available_at="published_at").drop("published_at")
        events = events.join(published, on="doc_id").with_columns(available_at="published_at").drop("published_at")
    frame = panel(events, mentions, CALENDAR)
    if scale is not None:
        frame = frame.with_columns(net_tone=scale)
    features = frame.with_columns(mean=decayed_mean("tone", 5), total=decayed_sum("net_tone", 2))
    scores = [recipe.scores(frame) for recipe in RECIPES.values()]
    scores += [zscore(features, name, name=f"{name}@1", horizon=5) for name in ("mean", "total")]
    return Known(found, read.mentions, read.events, read.facts, pl.concat(scores).sort("signal", "session", "symbol"))


def obeys_truncation(run, articles, cut) -> bool:
    """Whether everything known before ``cut`` is the same with and without the articles that were available at it or later."""
    whole = run(articles)
    late = set(whole.documents.filter(pl.col("available_at") >= cut)["doc_id"])
    early = [a for a in articles if not documents.build([a], seen_at=None).documents["doc_id"].is_in(list(late)).any()]
    then, now = run(early).before(cut), whole.before(cut)
    return all(getattr(then, name).equals(getattr(now, name)) for name in Known.__dataclass_fields__)


minutes = st.integers(0, 27 * 24 * 60)
written = st.builds(
    lambda text, at, delay, source: Article(
        "news", source, *TEXTS[text],
        stamp=datetime(2024, 2, 27, tzinfo=UTC) + timedelta(minutes=at),
        first_seen_at=None if delay is None else datetime(2024, 2, 27, tzinfo=UTC) + timedelta(minutes=at + delay),
    ),
    st.integers(0, len(TEXTS) - 1), minutes, st.one_of(st.none(), st.integers(0, 5 * 24 * 60)), st.sampled_from(["A", "B"]),
)  # fmt: skip
archives = st.lists(written, min_size=1, max_size=12)
cuts = minutes.map(lambda m: datetime(2024, 2, 27, tzinfo=UTC) + timedelta(minutes=m))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(archives, cuts)
def test_the_truncation_law(articles, cut):
    assert obeys_truncation(pipeline, articles, cut)


def planted_archive():
    """A late copy (seen two days after it was published); of the others three come before the cut, one for each symbol, and two after."""
    start = datetime(2024, 3, 4, 2, tzinfo=UTC)
    late = Article("news", "A", *TEXTS[2], stamp=start, first_seen_at=start + timedelta(days=2))
    hours = {0: 0, 3: 7, 5: 14, 4: 35, 6: 42}
    others = [Article("news", "A", *TEXTS[i], stamp=start + timedelta(hours=h)) for i, h in hours.items()]
    return [late, *others]


@pytest.mark.parametrize(
    "leak",
    [
        {"clock": "published_at"},
        {"scale": pl.col("net_tone") - pl.col("net_tone").mean().over("symbol")},
        {"scale": pl.col("net_tone").shift(-1).over("symbol", order_by="session").fill_null(0.0)},
    ],
    ids=["joined on publication", "full-sample mean", "tomorrow's tone"],
)
def test_a_planted_leak_is_caught(leak):
    cut = datetime(2024, 3, 5, 1, tzinfo=UTC)
    assert obeys_truncation(pipeline, planted_archive(), cut)
    assert not obeys_truncation(lambda articles: pipeline(articles, **leak), planted_archive(), cut)
