"""Sentences of documents, and which one holds a character."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from research.sentences import Sentence, index_at, read, sentences, within

TEXT = st.text(alphabet="甲乙漲跌,。;!?:\n 1.%A(", max_size=60)


@given(TEXT.map(lambda text: text.replace("\n", " ")), TEXT)
def test_a_document_is_its_headline_and_its_body(headline, body):
    plain, parts = read(headline, body)
    assert plain == f"{headline}\n{body}".replace("漲", "涨")
    assert list(parts) == sentences(plain, len(headline) + 1)
    assert [part.headline for part in parts] == [part.start <= len(headline) for part in parts]
    assert all(one.end <= other.start for one, other in pairwise(parts))
    covered = {place for part in parts for place in range(part.start, part.end)}
    assert {place for place, char in enumerate(plain) if not char.isspace()} <= covered


@given(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=8).map(sorted), st.integers(0, 45), st.integers(0, 45))
def test_places_by_slow_search(starts, at, end):
    parts = [Sentence(start, start + 1) for start in starts]
    before = [place for place, part in enumerate(parts) if part.start <= at]
    assert index_at(parts, at) == (before[-1] if before else 0)
    assert within(parts, at, max(at, end)) == [part for part in parts if at <= part.start < max(at, end)]
