"""An estimator through time: the leak that must fail, the truncation law, what a loop by hand gives, and stored models."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from research.errors import EstimationError, LookAheadError, SchemaError, SourceError, UsageError
from research.schemas import INSTANT
from signals.model import gradient_boosting, labelled, logistic, ridge, text_tone, through_time
from signals.sample_weights import average_uniqueness
from signals.stored_models import dumps, frozen, loads

DAY = timedelta(days=1)


def market(n_sessions=80, n_symbols=12, horizon=3, seed=0, slope=0.5, missing=0.0):
    """Features and labels of one market: a session is decided at 01:00 of the next day and its label ends at 07:00, ``horizon`` days on."""
    rng = np.random.default_rng(seed)
    first = date(2024, 1, 1)
    midnight = datetime(2024, 1, 1, tzinfo=UTC)
    rows = []
    for t in range(n_sessions):
        for k in range(n_symbols):
            a, b = rng.normal(size=2)
            rows.append(
                {
                    "session": first + t * DAY, "symbol": f"S{k:02d}", "asof": midnight + (t + 1) * DAY + timedelta(hours=1),
                    "a": None if rng.random() < missing else a, "b": b,
                    "forward_return": 0.02 * (slope * a - 0.2 * b + rng.normal()),
                    "ends_at": midnight + (t + horizon) * DAY + timedelta(hours=7),
                }
            )  # fmt: skip
    frame = pl.DataFrame(rows, schema_overrides={"asof": INSTANT, "ends_at": INSTANT})
    features = frame.select("session", "symbol", "asof", "a", "b")
    return features, frame.filter(pl.col("session") < first + (n_sessions - horizon) * DAY).select(
        "session", "symbol", "forward_return", "ends_at"
    )


def test_it_equals_a_loop_by_hand():
    features, labels = market(horizon=3)
    result = through_time(Ridge(alpha=2.0), features, labels, ["a", "b"], refit=7, min_sessions=20, window=30, embargo=2)
    rows = features.join(labels, on=["session", "symbol"], how="left").sort("session", "symbol")
    sessions = rows["session"].unique().sort().to_list()
    expected = []
    # A label of three sessions ends before the third session after it is decided: 20 have ended at number 22.
    for n in range(22, 80, 7):
        cutoff = rows.filter(pl.col("session") == sessions[n])["asof"].min()
        past = [s for s in sessions[: n - 2] if rows.filter(pl.col("session") == s)["ends_at"].max() < cutoff][-30:]
        train = rows.filter(pl.col("session").is_in(past))
        model = Ridge(alpha=2.0).fit(train.select("a", "b").to_numpy(), train["forward_return"].to_numpy())
        test = rows.filter(pl.col("session").is_in(sessions[n : n + 7]))
        said = model.predict(test.select("a", "b").to_numpy())
        expected.append(
            test.select("session", "symbol", "asof", score=pl.Series(said), fitted_through=pl.lit(train["ends_at"].max(), dtype=INSTANT))
        )
    assert_frame_equal(result.scores, pl.concat(expected))
    assert result.fits["session"].to_list() == sessions[22::7]
    assert result.fits["n_sessions"].to_list() == [20, 27, *[30] * 7]
    assert len(result.models) == result.fits.height


class Memory(BaseEstimator):
    """A planted leak: remembers each training row's label by its feature, says 0 of what it has not seen."""

    def fit(self, X, y):
        self.seen_ = dict(zip(X[:, 0], y, strict=True))
        return self

    def predict(self, X):
        return np.array([self.seen_.get(x, 0.0) for x in X[:, 0]])


def test_a_planted_leak_is_never_rewarded():
    features, labels = market(horizon=5)
    honest = through_time(Memory(), features, labels, ["a"], refit=1, min_sessions=10)
    assert honest.scores["score"].unique().to_list() == [0.0], "no open label was trained on"
    early = labels.with_columns(pl.col("ends_at") - 3 * DAY)  # labels said to be known three days before they are
    with pytest.raises(LookAheadError, match="ends at"):
        through_time(Memory(), features, early.with_columns(pl.col("ends_at") - 3 * DAY), ["a"], min_sessions=10)
    # The feature is the label: whoever trains on what is open finds it, here it is found only from what had ended.
    leak = features.drop("a").join(labels.select("session", "symbol", a="forward_return"), on=["session", "symbol"], how="left")
    result = through_time(Memory(), leak, labels, ["a"], refit=1, min_sessions=10)
    assert result.scores.filter(pl.col("score") != 0).is_empty()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.integers(30, 59), st.sampled_from(["return", "rank"]), st.integers(2, 9), st.booleans())
def test_the_truncation_law(seed, cut, target, refit, rolling):
    features, labels = market(n_sessions=60, horizon=4, seed=seed, n_symbols=5, missing=0.1)
    at = datetime(2024, 1, 1, 1, tzinfo=UTC) + (cut + 1) * DAY
    options = {"target": target, "refit": refit, "min_sessions": 15, "window": 20 if rolling else None, "weighting": "uniqueness"}
    whole = through_time(ridge(), features, labels, ["a", "b"], **options)
    part = through_time(ridge(), features.filter(pl.col("asof") <= at), labels.filter(pl.col("ends_at") < at), ["a", "b"], **options)
    assert_frame_equal(whole.scores.filter(pl.col("asof") <= at), part.scores, rel_tol=0, abs_tol=0)
    assert (whole.scores["fitted_through"] < whole.scores["asof"]).all()


def test_a_planted_slope_is_found():
    features, labels = market(n_sessions=150, slope=1.0)
    for model, options in (
        (ridge(), {}),
        (ridge(), {"target": "rank"}),
        (logistic(), {"target": "sign"}),
        (gradient_boosting(min_leaf=20, rounds=30), {"missing": "keep"}),
    ):
        scores = through_time(model, features, labels, ["a", "b"], refit=30, min_sessions=50, **options).scores
        joined = scores.join(labels, on=["session", "symbol"])
        assert joined.select(pl.corr("score", "forward_return", method="spearman")).item() > 0.5
        if options.get("target") == "sign":
            assert scores["score"].is_between(0, 1).all()


def test_missing_features_and_labels():
    features, labels = market(missing=0.2)
    labels = labels.with_columns(
        pl.when(pl.int_range(pl.len()) % 7 == 0).then(float("nan")).otherwise("forward_return").alias("forward_return")
    )
    result = through_time(ridge(), features, labels, ["a", "b"], min_sessions=20, refit=100)
    joined = features.join(result.scores, on=["session", "symbol"])
    assert (joined["a"].is_null() == joined["score"].is_null()).all()
    assert joined["a"].null_count() > 50
    usable = features.join(labels, on=["session", "symbol"]).filter(
        pl.col("a").is_not_null() & pl.col("forward_return").is_not_nan() & (pl.col("ends_at") < result.fits["cutoff"][0])
    )
    assert result.fits["n_rows"].to_list() == [usable.height]
    kept = through_time(gradient_boosting(rounds=5), features, labels, ["a", "b"], min_sessions=20, missing="keep")
    assert kept.scores["score"].null_count() == 0


def test_order_of_rows_and_seed():
    features, labels = market()
    first = through_time(gradient_boosting(rounds=5), features, labels, ["a", "b"], min_sessions=20, seed=3)
    mixed = [f.sample(fraction=1, shuffle=True, seed=1) for f in (features, labels)]
    again = through_time(gradient_boosting(rounds=5), *mixed, ["a", "b"], min_sessions=20, seed=3)
    assert_frame_equal(first.scores, again.scores, rel_tol=0, abs_tol=0)
    assert {m.random_state for m in first.models} == {3}


def test_the_targets_and_weights_an_estimator_gets():
    features, labels = market(n_sessions=40, n_symbols=4)

    class Listening(BaseEstimator):
        def fit(self, X, y, sample_weight=None):
            self.X_, self.y_, self.weight_ = X, y, sample_weight
            return self

        def predict(self, X):
            return np.zeros(len(X))

    def heard(**options):
        return through_time(Listening(), features, labels, ["a"], min_sessions=30, **options)

    train = features.join(labels, on=["session", "symbol"]).sort("session", "symbol")
    train = train.filter(pl.col("ends_at") < heard().fits["cutoff"][0])
    first = heard().models[0]
    assert first.y_.tolist() == train["forward_return"].to_list()
    assert first.weight_ is None
    assert heard(target="sign").models[0].y_.tolist() == (train["forward_return"] > 0).cast(int).to_list()
    ranks = heard(target="rank").models[0].y_.reshape(-1, 4)
    assert np.allclose(np.sort(ranks, axis=1), [-1, -1 / 3, 1 / 3, 1])
    assert (np.argsort(ranks, axis=1) == np.argsort(first.y_.reshape(-1, 4), axis=1)).all()
    weights = heard(weighting="uniqueness").models[0].weight_
    clock = features.filter(pl.col("asof") <= heard().fits["cutoff"][0])["asof"]
    assert weights.tolist() == average_uniqueness(train, clock).tolist()
    # Labels of three sessions, one a day: inside the sample each bar is shared by three.
    assert np.isclose(np.median(weights), 1 / 3)


def test_labels_that_never_vary_and_constant_features_are_no_error():
    features, labels = market(n_sessions=40)
    result = through_time(ridge(), features.with_columns(a=1.0), labels.with_columns(forward_return=0.01), ["a", "b"], min_sessions=20)
    assert np.allclose(result.scores["score"], 0.01)
    alone, own = features.filter(pl.col("symbol") == "S00"), labels.filter(pl.col("symbol") == "S00")
    assert through_time(ridge(), alone, own, ["a"], target="rank", min_sessions=20).scores["score"].unique().to_list() == [0.0]


def test_bad_input_is_one_sentence():
    features, labels = market(n_sessions=40)

    def run(model=None, f=features, y=labels, columns=("a", "b"), **options):
        return through_time(ridge() if model is None else model, f, y, list(columns), **{"min_sessions": 20, **options})

    with pytest.raises(EstimationError, match="Labels of 37 of 40 sessions came; expected 200"):
        run(min_sessions=200)
    with pytest.raises(EstimationError, match="Labels of 0 of 40 sessions"):
        run(y=labels.clear())
    with pytest.raises(EstimationError, match="did not converge"):
        run(LogisticRegression(max_iter=1, C=1e6, tol=1e-12), target="sign")
    with pytest.raises(EstimationError, match=r"The fit of session 2024-01-23 has \d+ rows whose returns are all above zero"):
        run(logistic(), y=labels.with_columns(forward_return=0.01), target="sign")
    with pytest.raises(UsageError, match="is a classifier"):
        run(logistic())
    with pytest.raises(UsageError, match="A str came as the estimator"):
        run("ridge")
    with pytest.raises(UsageError, match="refit came as 0"):
        run(refit=0)
    with pytest.raises(UsageError, match="window came as 0"):
        run(window=0)
    with pytest.raises(UsageError, match="target came as 'returns'; expected one of return, rank, sign"):
        run(target="returns")
    with pytest.raises(UsageError, match="Memory takes no sample weights"):
        run(Memory(), weighting="uniqueness")
    with pytest.raises(SchemaError, match="filter labels to one horizon"):
        run(y=pl.concat([labels, labels]))
    with pytest.raises(SchemaError, match="table features, column c"):
        run(columns=["c"])
    with pytest.raises(SchemaError, match="infinite value"):
        run(f=features.with_columns(a=float("inf")))
    with pytest.raises(UsageError, match="holds text"):
        run(f=features.with_columns(text=pl.lit("x")), columns=["text", "a"])
    with pytest.raises(UsageError, match="expected names of features"):
        run(columns=["forward_return"])
    with pytest.raises(LookAheadError, match="run each market by itself"):
        late = pl.when(pl.col("symbol") == "S00").then(pl.col("asof") - 30 * DAY).otherwise("asof")
        run(Memory(), f=features.with_columns(asof=pl.when(pl.col("session") > date(2024, 1, 28)).then(late).otherwise("asof")), refit=30)
    assert labelled(features, labels, ["a"]).height == features.height


GOOD, BAD = ["profit", "surge", "利润大增", "上调评级"], ["loss", "slump", "亏损扩大", "下调评级"]


def news(seed, n_sessions=60, per_session=10):
    """Synthetic headlines: one good or bad phrase, a neutral one; the return follows the phrase."""
    features, labels = market(n_sessions=n_sessions, n_symbols=per_session, seed=seed)
    rng = np.random.default_rng(seed)
    good = rng.random(features.height) < 0.5
    phrase = [(GOOD if g else BAD)[rng.integers(4)] for g in good]
    features = features.select("session", "symbol", "asof", text=pl.Series([f"the firm 公司 {p} today" for p in phrase]))
    signs = features.select("session", "symbol", up=pl.Series(np.where(good, 0.02, -0.02)))
    labels = (
        labels.join(signs, on=["session", "symbol"]).with_columns(forward_return=pl.col("up") + pl.col("forward_return") / 4).drop("up")
    )
    return features, labels


def test_tone_is_learned_from_returns_with_a_vocabulary_of_the_past():
    features, labels = news(1)
    novel = features.with_columns(
        pl.when(pl.col("session") > date(2024, 2, 14)).then(pl.col("text") + " zebra").otherwise("text").alias("text")
    )
    result = through_time(text_tone(min_articles=20, alpha_plus=0.2, alpha_minus=0.2), novel, labels, "text", min_sessions=30, refit=10)
    joined = result.scores.join(labels, on=["session", "symbol"])
    assert joined.select(pl.corr("score", "forward_return", method="spearman")).item() > 0.6
    vocabularies = [set(model[0].vocabulary_) for model in result.models]
    # The last session with the old text is number 44; the first fit that saw an ended label of a newer one is made ten sessions later.
    assert [("zebra" in words) for words in vocabularies] == [fit > date(2024, 2, 17) for fit in result.fits["session"]]
    assert {"利润", "大增", "亏损", "profit", "slump"} <= vocabularies[0]
    tones = frozen(result.models[0], ["text"], result.fits["fitted_through"][0]).tones()
    side = dict(zip(tones["word"], tones["tone"] > 0, strict=True))
    assert side["profit"] and side["润大"] and side["上调"]
    assert not side["slump"] and not side["亏损"] and not side["下调"]
    assert "公司" not in side and "the" not in side


def test_stored_models_score_as_the_fitted_ones():
    features, labels = market(missing=0.1)
    for model, target in ((ridge(), "return"), (logistic(), "sign")):
        result = through_time(model, features, labels, ["a", "b"], target=target, min_sessions=20, refit=100)
        stored = frozen(result.models[0], ["a", "b"], result.fits["fitted_through"][0])
        read = loads(dumps(stored))
        assert read == stored
        rows = features.sort("session", "symbol").join(result.scores, on=["session", "symbol"], how="semi").sort("session", "symbol")
        np.testing.assert_allclose(read.score(rows).to_numpy(), result.scores["score"].to_numpy(), atol=1e-12)
        assert read.score(rows).null_count() == rows["a"].null_count() > 0
    texts, returns = news(2)
    result = through_time(text_tone(min_articles=20), texts, returns, "text", min_sessions=30, refit=100)
    read = loads(dumps(frozen(result.models[0], ["text"], result.fits["fitted_through"][0])))
    rows = texts.join(result.scores, on=["session", "symbol"], how="semi").sort("session", "symbol")
    assert read.score(rows["text"].to_list()).tolist() == result.scores["score"].to_list()
    assert read.score(["", "nothing known"]).tolist() == [0.5, 0.5]


def test_a_damaged_stored_model_is_one_sentence():
    features, labels = market(n_sessions=40)
    result = through_time(ridge(), features, labels, ["a", "b"], min_sessions=20)
    through = result.fits["fitted_through"][0]
    text = dumps(frozen(result.models[0], ["a", "b"], through))
    fields = json.loads(text)
    for damaged in (
        "", "[]", "{}", text[:-5], json.dumps({**fields, "kind": "tree@1"}), json.dumps({**fields, "coefficients": [1.0]}),
        json.dumps({**fields, "intercept": float("nan")}), json.dumps({**fields, "more": 1}), json.dumps({**fields, "fitted_through": "soon"}),
        json.dumps({**fields, "coefficients": ["1", "2"]}), json.dumps({**fields, "columns": 3}),
    ):  # fmt: skip
        with pytest.raises(SourceError, match="A stored model cannot be read"):
            loads(damaged)
    with pytest.raises(UsageError, match="1 columns came for 2 coefficients"):
        frozen(result.models[0], ["a"], through)
    with pytest.raises(UsageError, match="A model of Ridge is not stored"):
        frozen(Ridge(), ["a"], through)
    with pytest.raises(SchemaError, match="table features, column a"):
        loads(text).score(features.drop("a"))


def test_a_label_that_ends_at_the_cutoff_has_not_ended():
    features, labels = market(n_sessions=40)
    at = labels.with_columns(ends_at=features.join(labels, on=["session", "symbol"], how="semi")["asof"] + 3 * DAY)
    fits = through_time(ridge(), features, at, ["a"], min_sessions=20, refit=100).fits
    assert fits["session"].to_list() == [date(2024, 1, 1) + 23 * DAY]
    assert fits["n_sessions"].to_list() == [20]
    just = at.with_columns(pl.col("ends_at") - timedelta(microseconds=1))
    assert through_time(ridge(), features, just, ["a"], min_sessions=20, refit=100).fits["session"].to_list() == [
        date(2024, 1, 1) + 22 * DAY
    ]
