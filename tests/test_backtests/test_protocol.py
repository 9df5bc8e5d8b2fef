"""The protocol file: the shipped one, and one mistake each."""

from datetime import date
from pathlib import Path

import pytest

from backtests.protocol import KINDS, read_protocol
from research.errors import UsageError

SHIPPED = Path(__file__).parent.parent.parent / "docs" / "protocol.toml"

SHARES = "\n".join(line for line in SHIPPED.read_text(encoding="utf-8").splitlines() if line.startswith(("train = ", "validation = ")))
DAYS = "validation_from = 2024-01-01\ntest_from = 2024-07-01"


def changed(tmp_path, old, new):
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "p.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_shipped_protocol_is_read():
    found = read_protocol(SHIPPED)
    assert found.train + found.validation < 1 and found.horizons["cn"] == 2
    assert {"constant", "feature", "ridge", "logistic", "boosting", "sestm"} <= {variant.kind for variant in found.variants} <= set(KINDS)
    assert len({variant.name for variant in found.variants}) == len(found.variants)


def test_every_change_is_another_protocol(tmp_path):
    assert read_protocol(changed(tmp_path, "alpha = 10.0", "alpha = 11.0")).protocol_id != read_protocol(SHIPPED).protocol_id
    assert read_protocol(changed(tmp_path, "# Baselines", "# baselines")).protocol_id == read_protocol(SHIPPED).protocol_id


def test_windows_may_begin_at_days(tmp_path):
    found = read_protocol(changed(tmp_path, SHARES, DAYS))
    assert found.begins == (date(2024, 1, 1), date(2024, 7, 1)) and found.train == found.validation == 0
    assert found.protocol_id != read_protocol(SHIPPED).protocol_id and read_protocol(SHIPPED).begins is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[windows]", "[windows", "cannot be read as TOML"),
        ("train = 0.5", "train = 0.9", "sum below 1"),
        ("train = 0.5", "train = -0.1", "above 0"),
        ("train = 0.5", "", r"\[windows\] has no 'train'"),
        ("cn = 2", 'cn = "two"', r"\[horizon\] has cn = 'two'"),
        ("cn = 2", "cn = 0", "horizon of cn = 0; expected at least 1"),
        ("cn = 2", "cn = 1", "horizon of cn = 1; expected at least 2, as mainland shares cannot be sold on the day they are bought"),
        ("lead_minutes = 30", "lead_minutes = -30", "lead_minutes = -30; expected minutes before the open, from 0 to 1440"),
        ("lead_minutes = 30", "lead_minutes = -0.5", "lead_minutes = -0.5; expected minutes before the open"),
        ("lead_minutes = 30", "lead_minutes = 1441", "lead_minutes = 1441; expected"),
        ("lead_minutes = 30", "lead_minutes = nan", "lead_minutes = nan; expected"),
        ("lead_minutes = 30", "lead_minutes = inf", "lead_minutes = inf; expected"),
        ('long_only = ["cn"]', 'long_only = ["CN"]', "long_only with 'CN'; expected markets of .horizon.: cn, hk, us"),
        ('long_only = ["cn"]', 'long_only = ["cn", "jp"]', "long_only with 'jp'"),
        ('long_only = ["cn"]', 'long_only = [["cn"]]', "long_only with .*'cn'"),
        ("seed = 20260101", "seed = -1", "seed = -1; expected at least 0"),
        ("train = 0.5", "train = nan", "train = nan and validation = 0.2; expected shares above 0"),
        ("validation = 0.2", "validation = nan", "validation = nan; expected shares above 0"),
        ("train = 0.5", "train = inf", "sum below 1"),
        ("train = 0.5", "train = -inf", "above 0"),
        ("move = 0.005", "move = nan", "move = nan; expected a return of 0 or more"),
        ("move = 0.005", "move = inf", "move = inf; expected a return"),
        ("move = 0.005", "move = -0.005", "move = -0.005; expected a return"),
        ("leaf_share = 0.02", "leaf_share = 1.5", "leaf_share = 1.5; expected a share above 0, 1 at most, such as 0.02"),
        ("article_share = 0.005", "article_share = 5", "article_share = 5; expected a share above 0, 1 at most"),
        ("article_share = 0.005", "article_share = nan", "article_share = nan; expected a number above 0"),
        ("alpha = 10.0", "alpha = inf", "alpha = inf; expected a number above 0"),
        ("leaves = 7", "leaves = 7.5", "leaves = 7.5; expected a whole number above 0, such as 15"),
        ("leaves = 7", "leaves = 1", "leaves = 1; expected at least 2"),
        ('of = ["ridge@1"', 'of = [["ridge@1"]', "expected a list of names"),
        ('"tone_last", "tone_mean_5"', '1, "tone_mean_5"', "features = .1, .*expected a list of names"),
        ("cn = 2", "cn = 2\ntw = 1", r"\[horizon\] has 'tw', which is not known"),
        ("most_weight = 0.1", "most_weight = 1.5", "most_weight = 1.5"),
        ("draws = 200", "draws = 0", "draws = 0; expected at least 1"),
        ('kind = "constant"', 'kind = "magic"', "kind = 'magic'; expected one of constant"),
        ('name = "ridge@1"', 'name = "ridge"', "name@version"),
        ('name = "ridge@2"', 'name = "ridge@1"', "1 of them with a name that was used"),
        ("alpha = 10.0", "alfa = 10.0", "has alfa; expected alpha"),
        ('feature = "momentum_250_20"', "", "no feature; expected feature"),
        ('of = ["ridge@1"', 'of = ["rigde@1"', "is a mean of rigde@1"),
        ("leaf_share = 0.02", "leaf_share = 0.0", "leaf_share = 0.0; expected a number above 0, such as 0.02"),
        ("alpha = 10.0", 'alpha = "ten"', "alpha = 'ten'; expected a number above 0"),
        ('feature = "momentum_250_20"', 'feature = ["momentum_250_20"]', "expected a name"),
        ('of = ["ridge@1", "logistic@1", "boosting@1", "sestm@1"]', 'of = "ridge@1"', "expected a list of names"),
        ("refit = 20 ", "refit = 0 ", "refit = 0; expected at least 1"),
        ("train = 0.5", "test_from = 2024-01-01", r"\[windows\] has 'validation', which is not known; expected validation_from, test_from"),
        (SHARES, DAYS.replace("2024-07-01", "2024-01-01"), "expected the test to begin later"),
        (SHARES, DAYS.replace("2024-07-01", '"July"'), "has test_from = 'July'; expected date"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, says):
    with pytest.raises(UsageError, match=says):
        read_protocol(changed(tmp_path, old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lead_minutes = 30", "lead_minutes = 0"),
        ("lead_minutes = 30", "lead_minutes = 1440"),
        ('long_only = ["cn"]', "long_only = []"),
        ('long_only = ["cn"]', 'long_only = ["hk", "us"]'),
        ("leaf_share = 0.02", "leaf_share = 1.0"),
        ("move = 0.005", "move = 0.0"),
        ("seed = 20260101", "seed = 0"),
        ("alpha = 10.0", "alpha = 10"),
    ],
)
def test_the_ends_of_the_ranges_are_allowed(tmp_path, old, new):
    assert read_protocol(changed(tmp_path, old, new)).protocol_id != read_protocol(SHIPPED).protocol_id


def test_an_absent_protocol_is_named(tmp_path):
    with pytest.raises(UsageError, match="expected a protocol such as"):
        read_protocol(tmp_path / "none.toml")
