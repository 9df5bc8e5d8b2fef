import json
import re
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.calendar import mic_of, sessions
from research.errors import UsageError
from research.prices import limits, returns, validate
from research.schemas import BARS, INSTRUMENTS, SESSIONS
from research.sources.synthetic import SyntheticMarket, market, write
from research.sources.synthetic_bars import traded
from research.sources.synthetic_news import article_id

DAY = date(2022, 1, 4)


@pytest.fixture(scope="module")
def noisy() -> SyntheticMarket:
    return market()


@pytest.fixture(scope="module")
def exact() -> SyntheticMarket:
    return market(noise=0.0)


def total_returns(bars: pl.DataFrame) -> pl.DataFrame:
    price = pl.col("close") * pl.col("adj_factor")
    return bars.sort("symbol", "session").with_columns(r=(price / price.shift(1) - 1).over("symbol"))


def benchmark_of(symbol: str, built: SyntheticMarket) -> str:
    return built.benchmarks[mic_of(symbol)]


def abnormal(built: SyntheticMarket) -> dict[str, pl.DataFrame]:
    """Market-model abnormal returns by hand: beta is least squares over the first 250 sessions, no intercept."""
    every = total_returns(built.bars)
    series = {str(key[0]): frame for key, frame in every.group_by("symbol")}
    result = {}
    for symbol in built.truth["symbol"].unique().sort():
        own = series[symbol].join(series[benchmark_of(symbol, built)].select("session", m="r"), on="session").sort("session")
        # A session after a suspension carries several sessions of returns at once: leave both out.
        touched = own["suspended"].to_numpy() | own["suspended"].shift(1, fill_value=False).to_numpy()
        r, m = own["r"].to_numpy(), own["m"].to_numpy()
        usable = ~touched & (np.arange(len(r)) > 0) & (np.arange(len(r)) < 250)
        beta = float(r[usable] @ m[usable] / (m[usable] @ m[usable]))
        result[symbol] = own.with_columns(abnormal=pl.Series(r - beta * m), beta=pl.lit(beta))
    return result


def test_tables_fit_their_schemas(noisy: SyntheticMarket) -> None:
    for table, frame in ((BARS, noisy.bars), (INSTRUMENTS, noisy.instruments), (SESSIONS, noisy.sessions)):
        table.validate(frame)
    assert noisy.truth.columns == ["event_id", "symbol", "mic", "event_type", "published_at", "available_at", "day0", "planted", "days"]
    assert noisy.truth.schema["planted"] == pl.Float64
    assert noisy.truth.schema["days"] == pl.Int32
    assert noisy.truth["event_id"].n_unique() == noisy.truth.height


def test_planted_returns_are_recovered_exactly_without_noise(exact: SyntheticMarket) -> None:
    found = abnormal(exact)
    for symbol, day0, planted, days in exact.truth.select("symbol", "day0", "planted", "days").rows():
        own = found[symbol]
        at = int(own["session"].search_sorted(day0))
        assert own["session"][at] == day0
        assert own["abnormal"][at : at + days].sum() == pytest.approx(planted, abs=1e-9)
        assert own["abnormal"][at : at + days].to_list() == pytest.approx([planted / days] * days, abs=1e-9)
        assert own["abnormal"][at - 5 : at].abs().max() == pytest.approx(0, abs=1e-9)


def test_planted_returns_show_through_the_noise(noisy: SyntheticMarket) -> None:
    found = abnormal(noisy)
    rows = []
    for symbol, kind, day0, planted, days in noisy.truth.select("symbol", "event_type", "day0", "planted", "days").rows():
        own = found[symbol]
        at = int(own["session"].search_sorted(day0))
        rows.append((kind, planted, own["abnormal"][at : at + days].sum()))
    frame = pl.DataFrame(rows, schema=["event_type", "planted", "found"], orient="row")
    means = frame.group_by("event_type").agg(
        pl.col("planted").first(), pl.col("found").mean(), error=pl.col("found").std() / pl.len().sqrt()
    )
    assert (((means["found"] - means["planted"]) / means["error"]).abs() < 4).all()


def test_an_open_does_not_know_the_news_of_the_day(exact: SyntheticMarket) -> None:
    found = abnormal(exact)
    opens = {(mic, session): open_at for mic, session, open_at in exact.sessions.select("mic", "session", "open_at").rows()}
    during = before = 0
    for symbol, available, day0, planted in exact.truth.select("symbol", "available_at", "day0", "planted").rows():
        own = found[symbol]
        at = int(own["session"].search_sorted(day0))
        row, previous = own.row(at, named=True), own.row(at - 1, named=True)
        reference = previous["close"] * previous["adj_factor"] / row["adj_factor"]
        quiet = 0.3 * np.log1p(row["beta"] * row["m"])
        gap = np.log(row["open"] / reference) - quiet
        mic = "XSHG" if row["currency"] == "CNY" else mic_of(symbol)
        if available >= opens[mic, day0]:
            during += 1
            assert gap == pytest.approx(0, abs=1e-9)
        elif planted:
            before += 1
            assert np.sign(gap) == np.sign(planted)
    assert during > 200
    assert before > 200


def test_day0_is_the_first_session_that_closes_after_the_news(noisy: SyntheticMarket) -> None:
    calendars = {mic: sessions(mic, date(2022, 1, 4), date(2024, 12, 31)) for mic in ("XSHG", "XSHE", "XHKG", "XNYS")}
    for mic, available, day0 in noisy.truth.select("mic", "available_at", "day0").rows():
        assert next(day for day, close in calendars[mic].select("session", "close_at").rows() if close > available) == day0


def test_no_event_overlaps_another_and_the_estimation_period_is_free(noisy: SyntheticMarket) -> None:
    for mic in ("XSHG", "XSHE", "XHKG", "XNYS"):
        days = sessions(mic, date(2022, 1, 4), date(2024, 12, 31))["session"].to_list()
        place = {day: i for i, day in enumerate(days)}
        for _, frame in noisy.truth.filter(pl.col("mic") == mic).group_by("symbol"):
            at = sorted(place[day] for day in frame["day0"])
            assert at[0] >= 260
            assert at[-1] + 20 < len(days)
            assert min(np.diff(at)) > 12


def test_availability_is_that_of_the_earliest_article(noisy: SyntheticMarket) -> None:
    def available(article: object) -> datetime | None:
        stamp, seen = article.stamp, article.first_seen_at  # type: ignore[attr-defined]
        return None if stamp is None else max(stamp, seen or stamp).astimezone(UTC)

    clocks = {article_id(article): available(article) for article in noisy.articles}
    told = noisy.labels.filter(pl.col("event_type").is_not_null()).with_columns(
        at=pl.col("id").replace_strict(clocks, return_dtype=pl.Datetime("us", "UTC"))
    )
    truth = noisy.truth.select("symbol", "event_type", "available_at").sort("available_at")
    # Every telling belongs to the last event of that kind that was already available.
    matched = (
        told.drop_nulls("at")
        .sort("at")
        .join_asof(truth, left_on="at", right_on="available_at", by=["symbol", "event_type"], coalesce=False)
    )
    assert matched["available_at"].null_count() == 0
    assert (matched["at"] - matched["available_at"] <= pl.duration(days=5).pipe(lambda e: pl.select(e).item())).all()
    first = matched.group_by("symbol", "event_type", "available_at").agg(pl.col("at").min())
    assert first.height == truth.height
    assert (first["at"] == first["available_at"]).all()


def test_late_and_back_filled_articles_exist(noisy: SyntheticMarket) -> None:
    truth = noisy.truth
    assert (truth["available_at"] - truth["published_at"] > pl.select(pl.duration(hours=2)).item()).sum() > 100
    assert sum(article.first_seen_at is None for article in noisy.articles) > 300
    assert all(article.first_seen_at is None or article.first_seen_at >= article.stamp for article in noisy.articles)


def test_counts(noisy: SyntheticMarket) -> None:
    equities = noisy.instruments.filter(pl.col("asset_class") == "equity")
    assert equities["symbol"].n_unique() == 60
    assert equities.group_by("mic").agg(pl.col("symbol").n_unique()).sort("mic").rows() == [
        ("XHKG", 16),
        ("XNYS", 20),
        ("XSHE", 12),
        ("XSHG", 12),
    ]
    assert 1100 <= noisy.truth.height <= 1400
    assert noisy.truth["event_type"].n_unique() == 10
    assert noisy.truth["event_type"].value_counts()["count"].min() >= 80
    assert 2800 <= len(noisy.articles) <= 3300
    chinese = sum(bool(re.search("[\u4e00-\u9fff]", article.body)) for article in noisy.articles) / len(noisy.articles)
    assert 0.55 < chinese < 0.65
    assert set(noisy.labels["id"]) == {article_id(article) for article in noisy.articles}
    assert {"original", "rephrased", "late", "backfilled", "denied", "plain", "ambiguous"} == set(noisy.labels["origin"])
    assert noisy.labels.filter(pl.col("origin").is_in(["denied", "plain", "ambiguous"]))["event_type"].null_count() > 800


def test_effects_say_what_truth_plants(noisy: SyntheticMarket) -> None:
    joined = noisy.truth.join(noisy.effects, on="event_type")
    assert (joined["planted"] == joined["planted_right"]).all()
    assert (joined["days"] == joined["days_right"]).all()
    assert noisy.effects.rows_by_key("event_type", unique=True)["guidance.cut"] == (-0.03, 2)


def test_bars_stand_on_sessions_and_enclose_their_prices(noisy: SyntheticMarket) -> None:
    bars = noisy.bars
    for mic in ("XSHG", "XHKG", "XNYS"):
        currency = {"XSHG": "CNY", "XHKG": "HKD", "XNYS": "USD"}[mic]
        days = noisy.sessions.filter(pl.col("mic") == mic)
        own = bars.filter(pl.col("currency") == currency).join(days, on="session", how="left")
        assert own["close_at"].null_count() == 0
        assert (own["close_at"] == own["available_at"]).all()
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    assert bars.filter((pl.col("high") < top) | (pl.col("low") > bottom)).is_empty()
    outside = (pl.col("high") > pl.col("limit_up")) | (pl.col("low") < pl.col("limit_down"))
    assert bars.filter(outside).is_empty()
    assert bars.filter(pl.col("limit_up").is_not_null())["currency"].unique().to_list() == ["CNY"]
    full = bars.group_by("symbol").len().filter(pl.col("symbol") == "004001.SZ")["len"].item()
    assert full == noisy.sessions.filter(pl.col("mic") == "XSHG").height


def test_prices_find_nothing_odd_and_the_same_returns(noisy: SyntheticMarket) -> None:
    assert validate(noisy.bars).is_empty()
    joined = returns(noisy.bars).join(total_returns(noisy.bars), on=["symbol", "session"]).filter(~pl.col("suspended")).drop_nulls("r")
    assert joined.height > 45_000
    assert (joined["realized_return"] - joined["r"]).abs().max() < 1e-12


def test_suspended_sessions_are_flat(noisy: SyntheticMarket) -> None:
    frame = noisy.bars.with_columns(before=pl.col("close").shift(1).over("symbol"))
    still = frame.filter("suspended")
    assert still["symbol"].n_unique() >= 5
    for column in ("open", "high", "low", "close"):
        assert (still[column] == still["before"]).all()
    assert (still["volume"] == 0).all()
    assert (still["amount"] == 0).all()
    assert (frame.filter(~pl.col("suspended"))["volume"] > 0).all()


def test_price_limits_bind_and_are_a_tenth_of_the_reference(noisy: SyntheticMarket) -> None:
    frame = noisy.bars.sort("symbol", "session").with_columns(
        reference=(pl.col("close") * pl.col("adj_factor")).shift(1).over("symbol") / pl.col("adj_factor")
    )
    limited = frame.filter(pl.col("limit_up").is_not_null())
    up, down = limits(pl.col("symbol"), pl.col("session"), pl.col("reference"))
    # A last bit apart: polars divides by a constant through its reciprocal.
    assert limited.filter(((pl.col("limit_up") - up).abs() > 1e-9) | ((pl.col("limit_down") - down).abs() > 1e-9)).is_empty()
    assert ((limited["limit_up"] - limited["reference"] * 1.1).abs() < 0.0106).all()
    at_limit = limited.filter((pl.col("close") == pl.col("limit_up")) | (pl.col("close") == pl.col("limit_down")))
    locked = at_limit.filter((pl.col("open") == pl.col("close")) & (pl.col("high") == pl.col("low")))
    assert at_limit.height >= 10
    assert locked.height >= 5


def test_traded_by_hand() -> None:
    # 10 -> 13 is 30 %: two limit days of 10 % and the rest on the third; then down 25 % in a day, and two sessions without trading.
    desired = np.array([[10.0], [13.0], [13.0], [13.0], [9.75], [9.75], [9.75], [9.75]])
    still = np.zeros((8, 1), dtype=bool)
    still[5:7] = True
    close, up, down = traded(desired, np.ones((8, 1)), still, 10)
    assert close.ravel().tolist() == [10.0, 11.0, 12.1, 13.0, 11.7, 11.7, 11.7, 10.53]
    assert up.ravel()[1:5].tolist() == [11.0, 12.1, 13.31, 14.3]
    assert down.ravel()[1:5].tolist() == [9.0, 9.9, 10.89, 11.7]
    assert np.isnan(up.ravel()[[0, 5, 6]]).all()
    free, _, _ = traded(desired, np.ones((8, 1)), np.zeros((8, 1), dtype=bool), None)
    assert (free == desired).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.5, 0.9), min_size=1, max_size=12))
def test_a_limit_only_delays(returns: list[float]) -> None:
    quiet = [0.0] * 120  # time enough for any of these moves to be paid in steps of a tenth
    desired = 50 * np.cumprod(1 + np.array([0.0, *returns, *quiet]))[:, None]
    # below a few units a limit of a hundredth is no longer a tenth
    desired = np.maximum(desired, 5.0)
    close, up, down = traded(desired, np.ones_like(desired), np.zeros(desired.shape, dtype=bool), 10)
    assert close[-1] == pytest.approx(desired[-1])
    assert (close[1:] <= up[1:]).all()
    assert (close[1:] >= down[1:]).all()


def test_a_dividend_lowers_the_price_and_not_the_total_return(exact: SyntheticMarket) -> None:
    found = abnormal(exact)
    planted = {(symbol, day0) for symbol, day0 in exact.truth.select("symbol", "day0").rows()}
    checked = 0
    for symbol, own in found.items():
        step = (own["adj_factor"] / own["adj_factor"].shift(1)).fill_null(1.0).to_numpy()
        assert own["adj_factor"][0] == 1.0
        for at in np.flatnonzero(step > 1 + 1e-12):
            raw = own["close"][int(at)] / own["close"][int(at) - 1] - 1
            total = own["r"][int(at)]
            assert (1 + raw) * step[at] == pytest.approx(1 + total, abs=1e-12)
            near = any((symbol, own["session"][int(at) - back]) in planted for back in range(3))
            if not near and not own["suspended"][int(at) - 1]:
                checked += 1
                assert total == pytest.approx(own["beta"][0] * own["m"][int(at)], abs=1e-9)
                assert raw < total - 0.007
    assert checked > 20


def test_same_seed_same_bytes(noisy: SyntheticMarket, tmp_path_factory: pytest.TempPathFactory) -> None:
    one, two = (write(built, tmp_path_factory.mktemp("synthetic")) for built in (noisy, market()))
    for name in ("archive", "feed", "portal", "bars", "instruments", "truth"):
        assert getattr(one, name).read_bytes() == getattr(two, name).read_bytes(), name
    other = market(seed=8)
    assert not other.truth.equals(noisy.truth)
    assert not other.bars.equals(noisy.bars)


def test_noise_leaves_the_news_alone(noisy: SyntheticMarket, exact: SyntheticMarket) -> None:
    assert noisy.articles == exact.articles
    assert noisy.truth.equals(exact.truth)


def test_files_hold_every_article_once(noisy: SyntheticMarket, tmp_path_factory: pytest.TempPathFactory) -> None:
    paths = write(noisy, tmp_path_factory.mktemp("synthetic"))
    lines = [json.loads(line) for line in paths.archive.read_text(encoding="utf-8").splitlines()]
    assert list(lines[0]) == ["id", "source", "kind", "headline", "body", "url", "published_at", "first_seen_at"]
    assert all(datetime.fromisoformat(line["published_at"]).tzinfo is not None for line in lines)
    assert any(line["first_seen_at"] is None for line in lines)
    assert len({line["id"] for line in lines}) == len(lines)
    feed = paths.feed.read_text(encoding="utf-8")
    in_feed = feed.count("<![CDATA[ ")
    assert len(re.findall(r"\n\n\]\]>\n合成财经网 \w{3}, \d\d \w{3} 2024 \d\d:\d\d:\d\d \+0800\n", feed)) == in_feed
    page = paths.portal.read_text(encoding="utf-8").split("\n")[4:-3]
    assert len(page) % 2 == 0
    assert 10 <= len(page) // 2 <= 20
    assert sum(re.match(r"合成社\d{4}年\d+月\d+日电 ", body) is None for body in page[1::2]) == 1  # one has no date to go by
    assert 20 <= in_feed <= 60
    assert len(lines) + in_feed + len(page) // 2 == len(noisy.articles)


def test_event_headlines_name_the_instrument(noisy: SyntheticMarket) -> None:
    opencc = pytest.importorskip("opencc")
    simplified = opencc.OpenCC("hk2s")
    names: dict[str, set[str]] = {}
    for symbol, name, zh, aliases in noisy.instruments.select("symbol", "name", "name_zh", "aliases").rows():
        names.setdefault(symbol, set()).update({name, zh}, {alias["text"] for alias in aliases if not alias["needs_context"]})
    headlines = {article_id(article): article.headline for article in noisy.articles}
    for identity, symbol in noisy.labels.filter(pl.col("event_type").is_not_null()).select("id", "symbol").rows():
        headline = simplified.convert(headlines[identity])
        assert any(name.lower() in headline.lower() for name in names[symbol]), headline


def test_sentences_are_filled(noisy: SyntheticMarket) -> None:
    for article in noisy.articles:
        assert not re.search(r"[{}]", article.headline + article.body)
        assert len(article.body) > 20
    assert sum("減持" in article.headline for article in noisy.articles) > 10  # traditional script is there


def test_rename_twin_and_delisting(noisy: SyntheticMarket) -> None:
    old, new = noisy.instruments.filter(pl.col("symbol") == "609007.SS").sort("valid_from").to_dicts()
    assert (new["valid_from"] - old["valid_to"]).days == 1
    identities = set(noisy.labels.filter(pl.col("symbol") == "609007.SS")["id"])
    about = [article for article in noisy.articles if article_id(article) in identities and article.stamp is not None]
    # A copy keeps the words of its original, which may be from before the change.
    late = [article for article in about if (article.stamp.date() - new["valid_from"]).days > 5]
    early = [article for article in about if article.stamp.date() < old["valid_to"]]
    assert late
    assert early
    assert not any(old["name_zh"] in article.headline or old["name"] in article.headline for article in late)
    assert not any(new["name_zh"] in article.headline or new["name"] in article.headline for article in early)
    gone = noisy.instruments.filter(pl.col("valid_to").is_not_null() & (pl.col("symbol") != "609007.SS")).row(0, named=True)
    assert noisy.bars.filter(pl.col("symbol") == gone["symbol"])["session"].max() == gone["valid_to"]
    twins = dict(noisy.instruments.drop_nulls("twin").select("symbol", "twin").rows())
    assert all(twins[twin] == symbol for symbol, twin in twins.items())


def test_a_short_span_is_refused() -> None:
    with pytest.raises(UsageError, match="sessions"):
        market(start=DAY, end=date(2022, 12, 30))
