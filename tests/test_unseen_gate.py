"""Accuracy gate on articles nobody fitted a rule or a weight on: figures must not fall below stored floors.

The articles (``golden/unseen``) are long ones in Chinese, labelled as an expert lists them: 27 in full, 48 with their events alone.
``floors.json`` names their hashes. Fit nothing on them: a gate that has been learnt says nothing.
"""

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from research import annotation, documents, instruments, linking
from research.sources import Article

FOLDER = Path(__file__).parent / "golden" / "unseen"
LINKABLE = {"equity", "index", "etf", "commodity", "crypto", "fx", "rate"}
QUOTED = {"attribution", "research_source", "agency", "data_source", "commentator"}
DAY = ("close", "intraday", "after_hours", None)


def labelled(name="articles"):
    lines = gzip.decompress((FOLDER / f"{name}.jsonl.gz").read_bytes()).decode("utf-8").splitlines()
    return {row["title"]: row for row in map(json.loads, lines)}


def listings(entity):
    """Return every symbol that counts as the entity: its own and its other listings."""
    return {s for s in (entity.get("symbol"), *(entity.get("alt_symbols") or ()), *(entity.get("also") or ())) if s}


def sign(tone):
    return 1 if tone > 0.1 else -1 if tone < -0.1 else 0


class Count:
    """Hits, inventions and misses."""

    def __init__(self):
        self.hit = self.invented = self.missed = 0

    def add(self, hit):
        self.hit += hit
        self.missed += not hit

    @property
    def precision(self):
        return self.hit / max(1, self.hit + self.invented)

    @property
    def recall(self):
        return self.hit / max(1, self.hit + self.missed)

    @property
    def f1(self):
        return 2 * self.hit / max(1, 2 * self.hit + self.invented + self.missed)


def measured(articles, read, titles):
    """Return the figures of the gate, each in [0, 1]."""
    tables = {name: {} for name in ("mentions", "events", "facts")}
    for name, rows in tables.items():
        for row in getattr(read, name).iter_rows(named=True):
            rows.setdefault(titles[row["doc_id"]], []).append(row)
    link, event, group, move, dated = Count(), Count(), Count(), Count(), Count()
    roles, tones, opposite, top = Count(), Count(), Count(), Count()
    for title, article in articles.items():
        found = {row["symbol"]: row for row in tables["mentions"].get(title, [])}
        entities = [e for e in article["entities"] if e.get("asset_class") in LINKABLE and listings(e)]
        link.invented += len(set(found) - set().union(*map(listings, entities)))
        primary = set().union(*(listings(e) for e in entities if e["relevance"] == "primary"))
        if primary:
            first = max(found.values(), key=lambda row: (row["relevance"], -row["first_offset"]), default={"symbol": None})
            top.add(first["symbol"] in primary)
        for entity in entities:
            row = next((found[s] for s in sorted(listings(entity)) if s in found), None)
            link.add(row is not None)
            quoted = entity.get("role") in QUOTED
            if row is not None and entity.get("role"):
                roles.add((row["role"] == "source") == quoted)
            if row is not None and not quoted:
                tones.add(sign(row["sentiment"]) == entity["sentiment"])
                opposite.add(sign(row["sentiment"]) * entity["sentiment"] >= 0)
        names = {s: listings(e) for e in article["entities"] for s in listings(e)}
        got = {(row["event_type"].split(".")[0], row["symbol"]) for row in tables["events"].get(title, [])}
        used = set()
        for kind, subject in {(e["type"], e["subject"]): None for e in article["events"]}:
            hit = next((pair for pair in sorted(got, key=str) if pair[0] == kind and pair[1] in names.get(subject, {None})), None)
            event.add(hit is not None)
            used.add(hit)
            group.add(any(pair[0] == kind for pair in got))
        event.invented += len({pair for pair in got - used if pair[0] != "other"})
        stated = [row for row in tables["facts"].get(title, []) if row["kind"] == "price_move"]
        matched = set()
        for wanted in article.get("stated_moves", ()):
            if wanted.get("horizon", "1d") not in {"1d", "intraday"} or not wanted.get("symbol") or wanted.get("pct") is None:
                continue
            symbols = names.get(wanted["symbol"], {wanted["symbol"]})
            hits = [row for row in stated if row["symbol"] in symbols and abs(row["value"] - wanted["pct"] / 100) < 0.0005]
            matched |= {row["fact_id"] for row in hits}
            move.add(bool(hits))
            dated.add(any(str(row["end_date"]) == wanted.get("date") for row in hits))
        move.invented += sum(row["basis"] in DAY and row["fact_id"] not in matched for row in stated)
    return {
        "link_precision": link.precision, "link_recall": link.recall, "source_role_right": roles.recall, "top_is_primary": top.recall,
        "tone_right": tones.recall, "tone_not_opposite": opposite.recall, "event_f1": event.f1, "event_group_recall": group.recall,
        "move_f1": move.f1, "move_dated_right": dated.recall,
    }  # fmt: skip


def figures(articles):
    """Return the figures of the shipped reader on labelled articles."""
    built = documents.build(
        Article("news", "written", title, row["body"], None, datetime.fromisoformat(row["published_at"]).astimezone(UTC))
        for title, row in articles.items()
    ).documents
    titles = dict(built.select("doc_id", "headline").rows())
    assert set(titles.values()) == set(articles)
    return measured(articles, annotation.annotate(built, linking.Linker.build(instruments.shipped())), titles)


@pytest.mark.parametrize(("name", "floors", "of"), [("articles", "floors", 10), ("events", "events_floors", 2)])
def test_figures_hold_their_floors(name, floors, of):
    stored = json.loads((FOLDER / "floors.json").read_text(encoding="utf-8"))
    assert stored[f"{name}_sha256"] == hashlib.sha256((FOLDER / f"{name}.jsonl.gz").read_bytes()).hexdigest()
    got = figures(labelled(name))
    assert len(stored[floors]) == of and set(stored[floors]) <= set(got)
    assert {key: (round(got[key], 4), floor) for key, floor in stored[floors].items() if got[key] < floor} == {}


def test_nothing_is_fitted_on_them():
    folder = FOLDER.parent / "articles"
    fitted = {
        json.loads(line)["title"]
        for path in folder.glob("*.jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    }
    assert len(fitted) > 100 and not fitted & {*labelled(), *labelled("events")}


def test_a_reader_that_reads_nothing_fails_the_gate():
    articles = labelled()
    empty = annotation.Annotation(
        *(pl.DataFrame(schema=table.schema) for table in (annotation.MENTIONS, annotation.EVENTS, annotation.FACTS))
    )
    stored = json.loads((FOLDER / "floors.json").read_text(encoding="utf-8"))["floors"]
    got = measured(articles, empty, {})
    assert all(got[name] < stored[name] for name in ("link_recall", "event_f1", "event_group_recall", "move_f1", "move_dated_right"))
