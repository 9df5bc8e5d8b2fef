"""Accuracy gate: what the annotators read in hand-labelled articles of our own must not fall below stored floors.

The articles (``golden/reading/*.jsonl``: invented companies, both Chinese scripts and English) were labelled by reading, not by running.
``floors.json`` names the hash of the articles it was measured on, so that neither a floor nor an article changes in silence.
"""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from research import annotation, instruments, linking
from research.schemas import DOCUMENTS, INSTRUMENTS

GOLDEN = Path(__file__).parent / "golden" / "reading"
LANGUAGES = ("en", "zh_hans", "zh_hant")
#: of one session, as the labels are
SESSION = ("close", "intraday", "after_hours", None)


def articles():
    return [json.loads(line) for name in LANGUAGES for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def content_hash():
    names = sorted(path.name for path in GOLDEN.glob("*.jsonl"))
    return hashlib.sha256(b"".join((GOLDEN / name).read_bytes() for name in names)).hexdigest()


def master():
    """Invented companies beside the shipped instruments, so that indices and brokers are there and names must be told apart."""
    rows = []
    for line in (GOLDEN / "instruments.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        aliases = [{"text": text, "language": "en", "needs_context": False} for text in row.pop("aliases")]
        rows.append({**row, "aliases": aliases, "asset_class": "equity", "valid_from": date(2015, 1, 5)})
    return pl.concat([instruments.shipped(), INSTRUMENTS.frame(rows)])


def documents(labelled):
    rows = []
    for article in labelled:
        at = datetime.fromisoformat(article["published_at"]).astimezone(UTC)
        rows.append(
            {
                "doc_id": article["id"], "kind": "news", "source": "golden", "language": article["language"], "headline": article["headline"],
                "body": article["body"], "published_at": at, "published_precision": "second", "published_not_before": at, "published_not_after": at,
                "available_at": at, "story_id": article["id"], "novelty": 1.0,
            }
        )  # fmt: skip
    return DOCUMENTS.frame(rows)


def ratios(name, wanted, found):
    hit = len(wanted & found)
    return {f"{name}_precision": hit / max(1, len(found)), f"{name}_recall": hit / max(1, len(wanted))}


def sign(tone):
    return 1 if tone > 0.1 else -1 if tone < -0.1 else 0


def measured(labelled, read):
    """Return every figure of the gate, each in [0, 1]."""
    mentions = {(r["doc_id"], r["symbol"]): r for r in read.mentions.iter_rows(named=True)}
    roles = {(a["id"], symbol): role for a in labelled for symbol, role in a["mentions"]}
    events = {(a["id"], kind, symbol) for a in labelled for kind, symbol in a["events"]}
    found = set(read.events.select("doc_id", "event_type", "symbol").rows())
    moves = {(a["id"], symbol, round(value, 5), qualifier, day) for a in labelled for symbol, value, qualifier, day in a["moves"]}
    stated = read.facts.filter((pl.col("kind") == "price_move") & (pl.col("basis").is_in(SESSION[:3]) | pl.col("basis").is_null()))
    moved = {(r["doc_id"], r["symbol"], round(r["value"], 5), r["qualifier"], str(r["end_date"])) for r in stated.iter_rows(named=True)}
    tones = [(tone, mentions.get((a["id"], symbol))) for a in labelled for symbol, tone in a["tone"].items()]
    both = set(mentions) & set(roles)
    return {
        **ratios("mention", set(roles), set(mentions)),
        "role_right": sum(mentions[key]["role"] == roles[key] for key in both) / max(1, len(both)),
        "source_right": sum((mentions[key]["role"] == "source") == (roles[key] == "source") for key in both) / max(1, len(both)),
        **ratios("event_type", events, found),
        **ratios("event_group", {(d, k.split(".")[0], s) for d, k, s in events}, {(d, k.split(".")[0], s) for d, k, s in found}),
        **ratios("move", moves, moved),
        "tone_right": sum(m is not None and sign(m["sentiment"]) == tone for tone, m in tones) / max(1, len(tones)),
        "tone_not_opposite": 1 - sum(m is not None and sign(m["sentiment"]) * tone == -1 for tone, m in tones) / max(1, len(tones)),
    }


def complaints(figures, stored, articles_hash):
    """Return what keeps the gate shut: nothing when every figure holds and the floors belong to these articles."""
    found = []
    if stored["articles_sha256"] != articles_hash:
        found.append(f"floors.json belongs to other articles; after measuring again, name {articles_hash} there.")
    if set(stored["floors"]) != set(figures):
        found.append(f"floors.json has {sorted(stored['floors'])}, measured were {sorted(figures)}.")
    for name, floor in sorted(stored["floors"].items()):
        if name in figures and figures[name] < floor:
            found.append(f"{name} is {figures[name]:.4f}, its floor {floor}.")
    return found


@pytest.fixture(scope="module")
def figures():
    labelled = articles()
    return measured(labelled, annotation.annotate(documents(labelled), linking.Linker.build(master())))


@pytest.fixture(scope="module")
def stored():
    return json.loads((GOLDEN / "floors.json").read_text(encoding="utf-8"))


def test_reading_holds_its_floors(figures, stored):
    assert complaints(figures, stored, content_hash()) == []


def test_labels_are_whole():
    labelled = articles()
    assert len(labelled) >= 60 and len({a["id"] for a in labelled}) == len(labelled)
    known = set(master()["symbol"])
    for article in labelled:
        named = {symbol for symbol, _ in article["mentions"]}
        used = [s for _, s in article["events"] if s] + [m[0] for m in article["moves"]] + list(article["tone"])
        assert named <= known and set(used) <= named, article["id"]


def test_gate_shuts(figures, stored):
    lowered = {**figures, "event_type_recall": stored["floors"]["event_type_recall"] - 0.001}
    assert any("event_type_recall" in line for line in complaints(lowered, stored, content_hash()))
    assert any("other articles" in line for line in complaints(figures, stored, "0" * 64))
