"""Words that speak for a label's name."""

from hypothesis import given
from hypothesis import strategies as st

from research.tone_synonyms import found, synonyms, words


def test_a_label_has_the_words_of_the_groups_its_name_belongs_to():
    assert "人去楼空" in synonyms("失联跑路")
    assert set(synonyms("停产检修与倒闭")) >= {"清盘", "关店", "倒闭"}
    # Two groups, by two heads.
    assert {"召回", "索赔"} <= set(synonyms("产品投诉"))
    assert synonyms("其他") == synonyms("positive") == synonyms("") == ()


def test_every_word_belongs_to_a_group_some_name_reaches():
    assert {word for name in words() for word in synonyms(name)} == set(words())


@given(st.lists(st.sampled_from([*words(), "甲公司", "的", ",", "10%"]), max_size=12).map("".join))
def test_found_is_what_stands_in_the_text(text):
    assert found(text) == [word for word in words() if word in text]
