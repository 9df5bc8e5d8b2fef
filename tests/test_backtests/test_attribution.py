"""Which news earned the money: shares worked by hand, the law that they sum to the total, and the evidence against the feature itself."""

from datetime import timedelta
from types import SimpleNamespace

import polars as pl
import pytest
from trading_market import calendar, documents, names, result

from backtests.attribution import REMAINDER, UNEXPLAINED, attribute, event_evidence, tone_evidence
from backtests.holdings import daily_pnl
from backtests.regimes import exposure_attribution, market_returns, regime_attribution
from backtests.trading_report import _EVIDENCE
from research.errors import SchemaError
from research.schemas import EVENTS, MENTIONS
from signals.features import decayed_sum
from signals.panel import panel
from signals.recipes import recipe


def mention(doc_id: str, symbol: str, at, sentiment: float, role: str = "subject") -> dict:
    return {
        "doc_id": doc_id, "symbol": symbol, "surfaces": [symbol], "in_headline": True, "first_offset": 0, "n_mentions": 1, "role": role,
        "relevance": 0.5, "sentiment": sentiment, "confidence": 0.8, "available_at": at, "annotator": "t@1",
    }  # fmt: skip


def event(doc_id: str, symbol: str | None, at, event_type: str) -> dict:
    return {
        "event_id": f"{doc_id}-{symbol}-{event_type}", "doc_id": doc_id, "symbol": symbol, "event_type": event_type, "role": "subject",
        "event_date": None, "available_at": at, "sentiment": 0.6, "relevance": 0.5, "novelty": 0.9, "confidence": 0.8, "evidence": "q", "annotator": "t@1",
    }  # fmt: skip


def news(n: int = 60) -> tuple[pl.DataFrame, pl.DataFrame]:
    opens = calendar("us")["open_at"].to_list()
    mentions = [
        mention(f"d{k:03d}", names("us")[k * 5 % 8], opens[k % 80] + timedelta(hours=k % 20), ((k * 7) % 11 - 5) / 5, "source" if k % 13 == 0 else "subject")
        for k in range(n)
    ]  # fmt: skip
    events = [
        event(row["doc_id"], row["symbol"], row["available_at"], ("earnings.beat", "guidance.cut")[k % 2]) for k, row in enumerate(mentions)
    ]
    return MENTIONS.frame(mentions), EVENTS.frame(events)


@pytest.mark.parametrize("kind", ["tone", "events"])
def test_the_evidence_sums_to_the_feature(kind):
    mentions, events = news()
    sessions = calendar("us")
    column, found = (
        ("net_tone", tone_evidence(mentions, sessions, half_life=2.0, depth=45))
        if kind == "tone"
        else ("event_tone", event_evidence(events, sessions, half_life=2.0, depth=45))
    )
    features = panel(events, mentions, sessions).with_columns(feature=decayed_sum(column, 2.0))
    summed = found.group_by("session", "symbol").agg(pl.col("contribution").sum())
    both = features.join(summed, on=["session", "symbol"], how="left").with_columns(pl.col("contribution").fill_null(0.0))
    assert both.height > 300
    assert both["contribution"].to_list() == pytest.approx(both["feature"].to_list(), abs=1e-9)
    shallow = tone_evidence(mentions, sessions, half_life=2.0, depth=10)
    assert (
        shallow["session"].n_unique() <= found["session"].n_unique() and shallow.height < tone_evidence(mentions, sessions, depth=45).height
    )


@pytest.mark.parametrize("signal", sorted(_EVIDENCE))
def test_the_evidence_of_a_recipe_sums_to_the_feature_it_scores(signal):
    mentions, events = news()
    sessions = calendar("us")
    rows = mentions.select("doc_id", "available_at").with_columns(novelty=pl.int_range(pl.len()) % 4 / 4 + 0.1)
    told = documents(rows.with_columns(headline=pl.lit("h")).to_dicts())
    made = SimpleNamespace(mentions=mentions, events=events, sessions=sessions)
    found = _EVIDENCE[signal](made, told).group_by("session", "symbol").agg(pl.col("contribution").sum())
    chosen = recipe(signal)
    frame = chosen.frame(events, mentions, sessions, documents=told).with_columns(feature=chosen.feature())
    both = frame.join(found, on=["session", "symbol"], how="left").with_columns(pl.col("contribution").fill_null(0.0))
    assert both["feature"].abs().max() > 0.2
    # what is older than ten half-lives is left out of the evidence
    assert both["contribution"].to_list() == pytest.approx(both["feature"].to_list(), abs=2e-3)


def evidence_for(ran, rows: dict[str, float], symbol: str) -> pl.DataFrame:
    days = ran.weights["session"].unique().sort()
    return pl.concat(
        [pl.DataFrame({"session": days, "symbol": symbol, "doc_id": doc, "contribution": value}) for doc, value in rows.items()]
    )


def test_shares_by_hand():
    ran, bars = result("cn")  # long only
    symbol = ran.weights["symbol"].mode().sort()[0]
    evidence = evidence_for(ran, {"d1": 0.3, "d2": 0.1, "d3": -0.9}, symbol)
    told = documents(
        [
            {"doc_id": "d1", "source": "A", "language": "en"},
            {"doc_id": "d2", "source": "B", "language": "zh-Hans"},
            {"doc_id": "d3", "source": "C"},
        ]
    )
    at = calendar("us")["close_at"][0]
    events = EVENTS.frame(
        [event("d1", symbol, at, "earnings.beat"), event("d1", symbol, at, "buyback.plan"), event("d1", None, at, "other.other")]
    )
    found = attribute(ran, bars, evidence, told, events)
    own = daily_pnl(ran, bars).filter(pl.col("symbol") == symbol)["pnl"].sum()
    total = (ran.portfolio["nav"][-1] - 1) * ran.cash
    assert found.total == pytest.approx(total)
    by = dict(found.by_source.select("by", "pnl").rows())
    assert by == {
        "A": pytest.approx(own * 0.75),
        "B": pytest.approx(own * 0.25),
        UNEXPLAINED: pytest.approx(total - own),
        REMAINDER: pytest.approx(0, abs=1e-6),
    }
    assert dict(found.by_language.select("by", "pnl").rows())["zh-Hans"] == pytest.approx(own * 0.25)
    types = dict(found.by_event_type.select("by", "pnl").rows())
    assert types["earnings.beat"] == types["buyback.plan"] == pytest.approx(own * 0.375)
    assert types["no typed event"] == pytest.approx(own * 0.25)
    assert dict(found.by_instrument.select("by", "pnl").rows())[symbol] == pytest.approx(own)
    assert found.by_source["by"].to_list()[-2:] == [UNEXPLAINED, REMAINDER]
    trip = found.trips.filter(pl.col("symbol") == symbol).row(0, named=True)
    assert trip["doc_ids"] == ["d1", "d2"], "the strongest first, those against left out"


def test_a_short_position_is_made_by_news_that_spoke_against_the_name():
    ran, bars = result("us")
    symbol = ran.weights["symbol"].mode().sort()[0]
    found = attribute(ran, bars, evidence_for(ran, {"up": 0.4, "down": -0.4}, symbol), documents([{"doc_id": "up"}, {"doc_id": "down"}]))
    for trip in found.trips.filter(pl.col("symbol") == symbol).to_dicts():
        assert trip["doc_ids"] == (["up"] if trip["side"] == "long" else ["down"])
    parts = found.parts.filter(pl.col("symbol") == symbol).drop_nulls("doc_id")
    assert set(parts["doc_id"]) == {"up", "down"}


@pytest.mark.parametrize("market", ["us", "cn"])
def test_every_table_sums_to_the_total(market):
    ran, bars = result(market)
    rows = []
    for k, (session, symbol) in enumerate(ran.weights.select("session", "symbol").rows()):
        rows += [(session, symbol, f"d{(k * 3 + j) % 17}", ((k + j) % 5 - 2) / 3) for j in range(k % 4)]
    evidence = pl.DataFrame(rows, schema=["session", "symbol", "doc_id", "contribution"], orient="row")
    evidence = evidence.group_by("session", "symbol", "doc_id").agg(pl.col("contribution").sum()).sort("session", "symbol", "doc_id")
    at = calendar("us")["close_at"][0]
    events = EVENTS.frame([event(f"d{k}", symbol, at, t) for k in range(9) for symbol in names(market) for t in ("a.b", "c.d")[: k % 3]])
    told = documents([{"doc_id": f"d{k}", "source": f"S{k % 3}", "language": ("en", "zh-Hans")[k % 2]} for k in range(17)])
    found = attribute(ran, bars, evidence, told, events)
    assert found.total == pytest.approx((ran.portfolio["nav"][-1] - 1) * ran.cash)
    for table in (found.by_event_type, found.by_source, found.by_language, found.by_instrument):
        assert table["pnl"].sum() == pytest.approx(found.total, rel=1e-9)
        assert table["share"].sum() == pytest.approx(1, rel=1e-9)
    assert found.trips["pnl"].sum() + found.by_source["pnl"][-1] == pytest.approx(found.total)
    again = attribute(ran, bars.sample(fraction=1, shuffle=True, seed=1), evidence.reverse(), told, events.reverse())
    assert again.by_source["by"].to_list() == found.by_source["by"].to_list()
    assert again.by_source["pnl"].to_list() == pytest.approx(found.by_source["pnl"].to_list())


def test_evidence_that_does_not_fit_is_refused():
    ran, bars = result("us")
    with pytest.raises(SchemaError, match="evidence, column contribution"):
        attribute(ran, bars, pl.DataFrame({"session": [], "symbol": [], "doc_id": []}, schema_overrides={"session": pl.Date, "symbol": pl.String, "doc_id": pl.String}), documents([]))  # fmt: skip


@pytest.mark.parametrize("market", ["us", "cn"])
def test_exposure_and_regimes_add_up(market):
    ran, bars = result(market)
    seen = market_returns(bars, ran)
    exposed = exposure_attribution(ran, seen, daily_pnl(ran, bars))
    net = ran.portfolio["net_return"].sum()
    for split in ("market", "side"):
        assert exposed.filter(pl.col("split") == split)["contribution"].sum() == pytest.approx(net, abs=1e-12)
    portfolio, moves = ran.portfolio["net_exposure"].to_list(), seen["market_return"].to_list()
    by_hand = sum(a * (b or 0.0) for a, b in zip([0.0, *portfolio[:-1]], moves, strict=True))
    assert exposed["contribution"][0] == pytest.approx(by_hand)
    short = exposed.filter(pl.col("part") == "short positions")["contribution"].item()
    assert (short == 0) == (market == "cn")
    regimes = regime_attribution(ran, seen)
    for regime in ("direction", "volatility"):
        part = regimes.filter(pl.col("regime") == regime)
        assert part["contribution"].sum() == pytest.approx(net) and part["n"].sum() == ran.portfolio.height
    up = [r for r, m in zip(ran.portfolio["net_return"], moves, strict=True) if m is not None and m > 0]
    row = regimes.filter(pl.col("state") == "market up").row(0, named=True)
    assert (row["n"], row["contribution"]) == (len(up), pytest.approx(sum(up)))


def test_the_market_is_the_benchmark_or_the_mean_of_all_names():
    ran, bars = result("us", benchmark="TTA")
    assert market_returns(bars, ran)["market_return"].to_list() == ran.benchmark["benchmark_return"].to_list()
    plain, bars = result("us")
    session = plain.portfolio["session"][30]
    moves = []
    for part in bars.filter(~pl.col("suspended")).sort("session").partition_by("symbol"):
        level = part.with_columns(level=pl.col("close") * pl.col("adj_factor"))
        here = level.with_columns(before=pl.col("level").shift(1)).filter(pl.col("session") == session)
        moves += [row["level"] / row["before"] - 1 for row in here.to_dicts()]
    assert market_returns(bars, plain).filter(pl.col("session") == session)["market_return"].item() == pytest.approx(
        sum(moves) / len(moves)
    )
