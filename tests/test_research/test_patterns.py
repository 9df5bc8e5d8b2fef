"""Patterns looked for by their first characters against ``re`` itself, on patterns and texts drawn from a small grammar."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from research.patterns import Finder, presence

LETTERS = "abkKſisµé涨跌不 1,"
atoms = st.one_of(
    st.sampled_from(LETTERS),
    st.sampled_from([r"[涨跌]", r"[a-c]", r"[À-ö]", r"[一-龥]", r"[^a]", r"\d", r"\s", r"\w", r"\S", "."]),
)
edges = st.sampled_from(["", "", "", r"\b", "^", "$", "(?<!不)", "(?<=a)", "(?!涨)", "(?=[a跌])"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("(?:{})".format, inner)
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("{}{}{}".format, edges, inner, edges),
        st.builds("{}{}".format, group, st.sampled_from(["?", "*", "+", "{2}", "+?", "{0,2}"])),
        st.builds("({})".format, inner),
        st.builds("(?i:{})".format, inner),
    )


patterns = st.recursive(atoms, _grown, max_leaves=8)
texts = st.text(alphabet=LETTERS + "ABSμÉ\n。", max_size=24)
flags = st.sampled_from([re.NOFLAG, re.IGNORECASE, re.MULTILINE, re.DOTALL])


@given(patterns, flags, texts, st.integers(0, 24), st.integers(0, 24))
@example("K", re.IGNORECASE, "k", 0, 1)
@example("s", re.IGNORECASE, "ſ", 0, 1)
@example("µ", re.IGNORECASE, "μ", 0, 1)
@example("[À-ö]", re.IGNORECASE, "ø".upper(), 0, 1)
@example("[À-ö]", re.IGNORECASE, "É", 0, 1)
@example("(?<!不)涨|跌?a", re.NOFLAG, "不涨跌a", 0, 4)
def test_a_pattern_is_present_where_it_matches(pattern: str, flag: re.RegexFlag, text: str, start: int, end: int) -> None:
    whole, whether = re.compile(pattern, flag).search(text, start, end), presence(pattern, flag).search(text, start, end)
    assert (whole is None) == (whether is None)
    assert whole is None or whether is None or whole.start() == whether.start()


@given(patterns.filter(lambda pattern: re.compile(pattern).match("") is None), flags, texts)
def test_a_finder_finds_the_matches_of_its_pattern(pattern: str, flag: re.RegexFlag, text: str) -> None:
    expected = [match.span() for match in re.finditer(pattern, text, flag)]
    assume(all(match.group() for match in re.finditer(pattern, text, flag)))  # a finder is for patterns of one character or more
    finder = Finder.of(pattern, flag)
    assert [match.span() for match in finder.finditer(text)] == expected
    first = finder.search(text)
    assert (first and first.span()) == (expected[0] if expected else None)


def test_a_finder_keeps_the_groups() -> None:
    finder = Finder.of(r"(?<!\d)(?P<year>(?:19|20)\d\d)年|(?P<week>[上本]周)")
    assert [match.lastgroup for match in finder.finditer("12019年,2020年,上周")] == ["year", "week"]
    assert finder.match("上周", 1) is None


@pytest.mark.parametrize("pattern", ["a*", "", "(a)?b?", r"(a)\1", r"[^a]b"])
def test_what_may_begin_with_anything_is_left_as_it_stands(pattern: str) -> None:
    assert presence(pattern).pattern == pattern


def test_the_first_characters_are_named() -> None:
    assert presence("(?:拟|计?划)减持|(?<!不)增").pattern.startswith("[拟计划增]")
