"""Which documents tell the same story, and how much of each was new: looking back only.

For documents in the order of (available_at, doc_id):

1. shingle headlines and bodies (:func:`_shingles`), on script- and width-folded letters; long bodies keep every fourth shingle by hash;
2. find pairs within the window that share shingles or stated numbers (:func:`_shared`), by sparse products of blocks;
3. decide each pair (:func:`_links`): a copy or an excerpt shares its shingles; a rewrite shares its figures; two headlines are the same
   when they differ neither in a number nor in their subject nor in direction; weak evidence counts only within hours;
4. give each document the story of the earliest document it links to (:func:`_assign`), as long as that story began within the window;
   documents of one instant that link to each other share the smallest id among them.

No statistic is taken over the whole collection, so what a document gets depends on nothing that became available after it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from research.cleaning import plain, squash_codes

__all__ = ["WINDOW", "assign"]

#: how far back a document is compared
WINDOW = timedelta(days=7)
#: how close in time two documents must be when only their wording and their headlines resemble each other
_SOON = timedelta(hours=12)
_SAMPLE = 4
_LONG = 400
_BLOCK = 512

_NUMBER = re.compile(r"(\d(?<![\d.A-Za-z]\d)[\d,]*(?:\.\d+)?)(%|个百分点|[万千百]?亿|万| ?(?:million|billion|trillion|percent))?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_FIGURES = re.compile(r"\d+(?:\.\d+)?")
_OPPOSITES = (
    ("涨", "跌"), ("升", "降"), ("升", "跌"), ("涨", "降"), ("增", "减"), ("买", "卖"), ("高", "低"), ("上", "下"),
    ("多", "空"), ("盈", "亏"), ("进", "出"), ("松", "紧"), ("是", "否"), ("正", "负"), ("扩", "缩"), ("开始", "结束"), ("恢复", "暂停"),
    ("重启", "暂停"), ("收盘", "盘中"),
    ("up", "down"), ("rise", "fall"), ("gain", "drop"), ("beat", "miss"), ("higher", "lower"), ("above", "below"), ("buy", "sell"),
    ("raise", "cut"), ("approve", "reject"),
)  # fmt: skip
_DENIALS = re.compile(r"不|未|否认|终止|取消|辟谣|撤回|没有|非")
_UINT = npt.NDArray[np.uint64]
_INT = npt.NDArray[np.int64]
_FLOAT = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Documents in order: microseconds of availability, folded and plain headlines, bodies and figures."""

    at: _INT
    headlines: list[str]
    letters: list[str]
    folded: list[npt.NDArray[np.uint32]]
    bodies: list[npt.NDArray[np.uint32]]
    figures: list[frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Links:
    """Pairs (later, earlier or of the same instant): similarity seen from the later one, and whether they tell one story."""

    later: _INT
    earlier: _INT
    similarity: _FLOAT
    same: npt.NDArray[np.bool_]


def assign(new: pl.DataFrame, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return ``doc_id, story_id, novelty`` for the rows of ``new``.

    Parameters
    ----------
    new
        Columns ``doc_id, available_at, headline, body``; ids unique.
    known
        Earlier rows of the ``documents`` table (with ``story_id``). They are compared with, never changed.

    Returns
    -------
    DataFrame
        Sorted by ``doc_id``. ``story_id`` is the story of the earliest near-duplicate available by then, its own id when there is none;
        ``novelty`` is 1 − the largest similarity to a document available strictly earlier, within :data:`WINDOW`. The similarity is the
        share of the later text that the earlier one already had.
    """
    schema = {"doc_id": pl.String, "story_id": pl.String, "novelty": pl.Float64}
    if new.is_empty():
        return pl.DataFrame(schema=schema)
    columns = ["doc_id", "available_at", "headline", "body"]
    parts = [new.select(columns).with_columns(story_id=pl.lit(None, dtype=pl.String))]
    if known is not None and known.height:
        first, last = new["available_at"].min(), new["available_at"].max()
        near = known.filter(pl.col("available_at").is_between(pl.lit(first) - WINDOW, pl.lit(last)))
        parts.append(near.select(*columns, "story_id").join(new.select("doc_id"), on="doc_id", how="anti"))
    rows = pl.concat(parts).sort("available_at", "doc_id")
    texts = _texts(rows)
    stories, novelty = _assign(rows["doc_id"].to_list(), texts.at, rows["story_id"].to_list(), _links(texts))
    result = pl.DataFrame({"doc_id": rows["doc_id"], "story_id": stories, "novelty": novelty}, schema=schema)
    return result.filter(rows["story_id"].is_null()).sort("doc_id")


def _texts(rows: pl.DataFrame) -> _Texts:
    headlines, bodies = rows["headline"].to_list(), rows["body"].to_list()
    folded = [squash_codes(h) for h in headlines]
    return _Texts(
        rows["available_at"].dt.epoch("us").to_numpy().astype(np.int64),
        [plain(h).lower() for h in headlines],
        [t.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass") for t in folded],
        folded,
        [squash_codes(b) for b in bodies],
        [_figures(f"{h}\n{b}") if b else frozenset() for h, b in zip(headlines, bodies, strict=True)],
    )


def _figures(text: str) -> frozenset[str]:
    """Return the numbers that can tell one event from another: two significant digits and more, no years, no small counts."""
    found = set()
    for digits, unit in _NUMBER.findall(plain(text)):
        value = digits.replace(",", "")
        value = value.rstrip("0").rstrip(".") if "." in value else value
        significant = len(value.replace(".", "").strip("0"))
        if (significant >= 3 and (unit or not _YEAR.fullmatch(value))) or (significant == 2 and (unit or "." in value)):
            found.add(value + unit.strip())
    return frozenset(found)


def _shingles(texts: Sequence[npt.NDArray[np.uint32]], sample: bool) -> tuple[Any, _FLOAT, _FLOAT]:
    """Return a binary matrix (text × shingle), how many shingles each row holds, and how many of those the sample would keep.

    A shingle is 4 characters of a text that is mostly Han, 9 of another. With ``sample`` a text of more than 400 characters keeps only
    the shingles whose hash is a multiple of 4: a shingle both texts hold is kept by both or by neither, so shares stay unbiased.
    """
    from scipy import sparse

    lengths = np.array([len(t) for t in texts], dtype=np.int64)
    codes = np.concatenate(texts).astype(np.uint64) if len(texts) else np.empty(0, dtype=np.uint64)
    owner = np.repeat(np.arange(len(texts)), lengths)
    offset = np.concatenate([[0], np.cumsum(lengths)])
    room = offset[1:][owner] - np.arange(len(codes))
    han = np.bincount(owner, weights=(codes >= 0x2E80), minlength=len(texts)) >= 0.3 * np.maximum(lengths, 1)
    hashes, owners = [], []
    with np.errstate(over="ignore"):
        for n, chosen in ((4, han), (9, ~han)):
            size = np.minimum(n, np.maximum(lengths, 1))  # a text shorter than a shingle is one shingle
            start = np.flatnonzero(chosen[owner] & (room >= size[owner]))
            value = np.full(len(start), n, dtype=np.uint64)
            for k in range(n):
                letter = np.where(k < size[owner[start]], codes[np.minimum(start + k, len(codes) - 1)], np.uint64(0))
                value = value * np.uint64(0x9E3779B97F4A7C15) + letter
            hashes.append(_mixed(value))
            owners.append(owner[start])
    hashed, owned = np.concatenate(hashes), np.concatenate(owners)
    if sample:
        keep = (hashed % np.uint64(_SAMPLE) == 0) | (lengths[owned] <= _LONG)
        hashed, owned = hashed[keep], owned[keep]
    known, column = np.unique(hashed, return_inverse=True)
    ones = np.ones(len(column), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, (owned, column)), shape=(len(texts), max(1, len(known))))
    matrix.data[:] = 1.0  # a shingle that occurs twice counts once
    size = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    in_sample = (known % np.uint64(_SAMPLE) == 0).astype(np.float32) if len(known) else np.zeros(1, dtype=np.float32)
    return matrix, size, np.asarray(matrix @ in_sample, dtype=np.float64)


def _mixed(value: _UINT) -> _UINT:
    value = (value ^ (value >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed: _UINT = value ^ (value >> np.uint64(29))
    return mixed


def _shared(matrix: Any, at: _INT, least: _FLOAT, share: float) -> tuple[_INT, _INT, _FLOAT]:
    """Return pairs (later, earlier, shared columns) within the window that share ``share`` of the smaller one's ``least`` columns."""
    laters, earliers, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    first = np.searchsorted(at, at - int(WINDOW.total_seconds() * 1e6))
    for begin in range(0, len(at), _BLOCK):
        end = min(begin + _BLOCK, len(at))
        low = int(first[begin])
        product = (matrix[begin:end] @ matrix[low:end].T).tocoo()
        later, earlier = product.row.astype(np.int64) + begin, product.col.astype(np.int64) + low
        enough = product.data >= share * np.minimum(least[later], least[earlier])
        keep = enough & (earlier < later) & (earlier >= first[later])
        laters.append(later[keep])
        earliers.append(earlier[keep])
        counts.append(product.data[keep].astype(np.float64))
    return np.concatenate(laters), np.concatenate(earliers), np.concatenate(counts)


def _links(texts: _Texts) -> _Links:
    """Decide every candidate pair once for headlines, once for bodies, once for figures."""
    parts = [_headline_links(texts), _body_links(texts), _figure_links(texts)]
    return _Links(
        np.concatenate([p.later for p in parts]),
        np.concatenate([p.earlier for p in parts]),
        np.concatenate([p.similarity for p in parts]),
        np.concatenate([p.same for p in parts]),
    )


def _headline_links(texts: _Texts) -> _Links:
    """Return pairs of which at least one is a headline only; :func:`_same_headline` decides."""
    from rapidfuzz import fuzz

    matrix, size, _ = _shingles(texts.folded, sample=False)
    later, earlier, shared = _shared(matrix, texts.at, size, 0.3)
    bare = np.array([len(b) == 0 for b in texts.bodies], dtype=bool)
    jaccard = shared / np.maximum(size[later] + size[earlier] - shared, 1)
    contained = shared / np.maximum(np.minimum(size[later], size[earlier]), 1)
    keep = (bare[later] | bare[earlier]) & ((jaccard >= 0.35) | (contained >= 0.8))
    later, earlier = later[keep], earlier[keep]
    figures = [_FIGURES.findall(h.replace(",", "")) for h in texts.headlines]
    similarity, same = np.zeros(len(later)), np.zeros(len(later), dtype=bool)
    for k, (i, j) in enumerate(zip(later.tolist(), earlier.tolist(), strict=True)):
        a, b = texts.letters[i], texts.letters[j]
        if a == b:
            # A standing title ("morning briefing") says the same every day without being the same.
            same[k], similarity[k] = len(a) >= 8, float(len(a) >= 8)
            continue
        if _same_headline(a, b, figures[i], figures[j]):
            same[k], similarity[k] = True, fuzz.partial_ratio(a, b) / 100 if len(a) <= len(b) else fuzz.ratio(a, b) / 100
    return _Links(later[same], earlier[same], similarity[same], same[same])


def _same_headline(a: str, b: str, figures_a: list[str], figures_b: list[str]) -> bool:
    """Tell whether two folded headlines say the same: alike, no other number, no other subject, no opposite direction, no denial."""
    from rapidfuzz.distance import Indel, Levenshtein

    short, long = (a, b) if len(a) <= len(b) else (b, a)
    numbers_a, numbers_b = Counter(figures_a), Counter(figures_b)
    if len(short) < 8 or not (numbers_a == numbers_b or (numbers_a and numbers_b and (numbers_a <= numbers_b or numbers_b <= numbers_a))):
        return False
    excerpt = len(short) >= 12 and short in long
    if not excerpt and Indel.normalized_similarity(a, b) < 0.75:
        return False
    opposite = [(x, y) for x, y in _OPPOSITES if (x in a and y in b) or (y in a and x in b)]
    edits = _edits(Levenshtein.opcodes(a, b))
    for a_start, a_end, b_start, b_end in edits:
        old, new = a[a_start:a_end], b[b_start:b_end]
        if _DENIALS.search(old + new):
            return False
        if any((x in old and y in new) or (y in old and x in new) for x, y in opposite):
            return False
        # The subject stands in front: another opening is another company with the same kind of news.
        if old and new and min(a_start, b_start) < 4:
            return False
        # One slot of a form filled with another word: gold for silver, this exchange for that one.
        if len(edits) == 1 and min(len(old), len(new)) >= 2 and not set(old) & set(new):
            return False
    return True


def _edits(opcodes: Any) -> list[tuple[int, int, int, int]]:
    """Return the stretches (of a, of b) that differ; neighbouring edits are one stretch."""
    found: list[tuple[int, int, int, int]] = []
    for code in opcodes:
        if code.tag == "equal":
            continue
        if found and found[-1][1] == code.src_start and found[-1][3] == code.dest_start:
            found[-1] = (found[-1][0], code.src_end, found[-1][2], code.dest_end)
        else:
            found.append((code.src_start, code.src_end, code.dest_start, code.dest_end))
    return found


def _body_links(texts: _Texts) -> _Links:
    """Return pairs of texts: copies and excerpts share shingles; rewrites share some, and words of their headlines, within hours."""
    written = np.flatnonzero([len(b) > 0 for b in texts.bodies])
    at = texts.at[written]
    whole = [np.concatenate([texts.folded[i], texts.bodies[i]]) for i in written.tolist()]
    matrix, size, sample_size = _shingles(whole, sample=True)
    long = np.array([len(t) > _LONG for t in whole], dtype=bool)
    later, earlier, shared = _shared(matrix, at, sample_size, 0.05)
    # Where either text is sampled, the shared shingles lie in the sample, and so must the ones they are measured against.
    sampled = long[later] | long[earlier]
    of_later = np.where(sampled, sample_size[later], size[later])
    of_earlier = np.where(sampled, sample_size[earlier], size[earlier])
    least = np.minimum(of_later, of_earlier)
    in_later = np.minimum(1.0, shared / np.maximum(of_later, 1))
    in_smaller = np.minimum(1.0, shared / np.maximum(least, 1))
    jaccard = shared / np.maximum(of_later + of_earlier - shared, 1)
    enough = least >= np.where(sampled, 8, 12)
    soon = at[later] - at[earlier] <= int(_SOON.total_seconds() * 1e6)
    same = jaccard >= 0.9
    for k in np.flatnonzero(~same & enough & ((in_smaller >= 0.5) | (soon & (in_smaller >= 0.06)))).tolist():
        i, j = int(written[later[k]]), int(written[earlier[k]])
        if in_smaller[k] >= 0.5:
            same[k] = not _same_form(texts, i, j)
        else:
            same[k] = _headline_overlap(texts.headlines[i], texts.headlines[j]) >= 0.2
    return _Links(written[later], written[earlier], in_later, same)


def _same_form(texts: _Texts, i: int, j: int) -> bool:
    """Tell whether two alike texts are one form filled in twice: other figures, or a headline that differs in its subject."""
    a, b = texts.figures[i], texts.figures[j]
    if min(len(a), len(b)) >= 3 and len(a & b) < 0.3 * min(len(a), len(b)):
        return True
    from rapidfuzz.distance import Indel, Levenshtein

    one, other = texts.letters[i], texts.letters[j]
    if one == other or Indel.normalized_similarity(one, other) < 0.6:
        return False
    stated, stated_before = (Counter(_FIGURES.findall(texts.headlines[n].replace(",", ""))) for n in (i, j))
    if stated and stated_before and not (stated <= stated_before or stated_before <= stated):
        return True
    first = _edits(Levenshtein.opcodes(one, other))[0]
    return min(first[0], first[2]) < 4 and first[1] > first[0] and first[3] > first[2]


def _figure_links(texts: _Texts) -> _Links:
    """Return rewrites, which state the same figures: three shared ones or more, of eight digits together, a quarter of what both state."""
    from scipy import sparse

    stating = np.flatnonzero([len(f) >= 3 for f in texts.figures])
    columns = {figure: n for n, figure in enumerate(sorted({f for i in stating.tolist() for f in texts.figures[i]}))}
    entries = [(n, columns[figure]) for n, i in enumerate(stating.tolist()) for figure in texts.figures[i]]
    cells = np.array(entries, dtype=np.int64).reshape(-1, 2)
    row, column = cells[:, 0], cells[:, 1]
    matrix = sparse.csr_matrix((np.ones(len(row), dtype=np.float32), (row, column)), shape=(len(stating), max(1, len(columns))))
    size = np.array([len(texts.figures[i]) for i in stating.tolist()], dtype=np.float64)
    later, earlier, shared = _shared(matrix, texts.at[stating], size, 0.25)
    keep = (shared >= 3) & (shared >= 0.25 * np.sqrt(size[later] * size[earlier]))
    later, earlier, shared = later[keep], earlier[keep], shared[keep]
    same = np.zeros(len(later), dtype=bool)
    for k, (i, j) in enumerate(zip(stating[later].tolist(), stating[earlier].tolist(), strict=True)):
        same[k] = sum(len(re.sub(r"\D", "", f).strip("0")) for f in texts.figures[i] & texts.figures[j]) >= 8
    return _Links(stating[later][same], stating[earlier][same], (shared / size[later])[same], same[same])


def _headline_overlap(a: str, b: str) -> float:
    """Return the share of the shorter headline's words (pairs of Han characters, Latin words) that the other has; 0 below three.

    Two headlines that open with the same words, mostly a company's name, must share something beyond them too.
    """
    words_a, words_b = _headline_words(a), _headline_words(b)
    shared = len(words_a & words_b)
    opening = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    beyond = _headline_words(a[opening:]) & _headline_words(b[opening:])
    return shared / min(len(words_a), len(words_b)) if shared >= 3 and beyond else 0.0


def _headline_words(headline: str) -> set[str]:
    runs = re.findall(r"[\u4e00-\u9fff]+", headline)
    return {run[k : k + 2] for run in runs for k in range(len(run) - 1)} | set(re.findall(r"[a-z]{3,}|\d+(?:\.\d+)?%?", headline))


def _assign(ids: list[str], at: _INT, known: list[str | None], links: _Links) -> tuple[list[str], _FLOAT]:
    """Walk the documents in order of availability and return story ids and novelty; see the module's step 4."""
    before = at[links.earlier] < at[links.later]
    closest = np.zeros(len(ids))
    np.maximum.at(closest, links.later[before], links.similarity[before])
    linked: list[list[int]] = [[] for _ in ids]
    for i, j in zip(links.later[links.same].tolist(), links.earlier[links.same].tolist(), strict=True):
        linked[i].append(j)
    stories = [story or "" for story in known]
    position = {doc: k for k, doc in enumerate(ids)}
    span = int(WINDOW.total_seconds() * 1e6)
    edges = np.flatnonzero(np.diff(at)) + 1
    for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(at)], strict=True):
        group = {i: i for i in range(begin, end)}

        def root(i: int, group: dict[int, int] = group) -> int:
            while group[i] != i:
                i = group[i]
            return i

        fixed: list[tuple[int, int]] = []
        for i in range(begin, end):
            for j in linked[i]:
                if j < begin or known[j] is not None:
                    fixed.append((i, j))
                elif known[i] is not None:
                    fixed.append((j, i))
                else:
                    low, high = sorted((root(i), root(j)))
                    group[high] = low
        anchors: dict[int, str] = {}
        for j, i in sorted((j, i) for i, j in fixed):
            # A story does not outlive the window: a column that repeats its closing words every week is not one story.
            began = position.get(stories[j])
            if began is not None and at[i] - at[began] <= span:
                anchors.setdefault(root(i), stories[j])
        for i in range(begin, end):
            if known[i] is None:
                stories[i] = anchors.get(root(i), ids[root(i)])
    return stories, np.clip(1.0 - closest, 0.0, 1.0)
