"""Tone and events read by a language model behind an OpenAI-compatible server: optional, cached, and never trusted.

Nothing in the project needs a model; this one replaces the rules' reading of the documents it answers for (:func:`preferred`).

1. :func:`annotate` refuses texts the model may have been trained on (``trained_until``): it could know what happened next;
2. each document is put to the model with the instruments the linker found in it and the taxonomy of events, as a JSON schema;
3. the answer is taken from the cache, or asked for: at temperature 0, with a seed, again after 429 and 5xx;
4. an answer that does not fit the schema is asked for once more, then the document is quarantined and the rules' reading stands;
5. a row whose symbol was not offered or whose quote is not in the text, letter by letter, is dropped and counted.

The text is data. What it can make a model say is bounded by the schema: a tone for instruments it names, and typed events in its own words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from research import dates
from research.annotation import Annotation
from research.answers import PROMPT_VERSION, Malformed, Tally, checked, content, prompt, schema
from research.cleaning import plain
from research.endpoint import Completion, Endpoint, NoAnswer, poster
from research.errors import LookAheadError, SourceError, StoreError, UsageError
from research.linking import mentions as gathered
from research.schemas import DOCUMENTS, EVENTS, MENTIONS, QUARANTINE, content_id
from research.store import write_atomically

__all__ = ["PROMPT_VERSION", "Endpoint", "Reader", "Reading", "Tally", "annotate", "over_rules", "preferred"]

#: a longer quote is no evidence, it is the text
_LONGEST_QUOTE = 300
#: documents with the server at a time, for each that it may work on at once: if none of them is answered, the run ends
_BLOCK = 4


@dataclass(frozen=True, slots=True)
class Reader:
    """A model as an annotator of a whole ingest.

    Parameters
    ----------
    endpoint, cache
        As :func:`annotate`.
    trained_until
        Last day of the model's training data (UTC). May only be left out with ``allow_seen``.
    allow_seen
        Show the model texts from before that day as well; the annotator then ends in ``+seen``.

    Raises
    ------
    UsageError
        When neither says which texts the model may read.
    """

    endpoint: Endpoint
    cache: Path
    trained_until: date | None = None
    allow_seen: bool = False

    def __post_init__(self) -> None:
        if self.trained_until is None and not self.allow_seen:
            raise UsageError(
                "A language model came without the last day of its training data; expected that day, as its makers state it: "
                "it may know what happened after the texts it was trained on."
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model read: tables ``mentions``, ``events`` and ``quarantine``, ``answered`` (``doc_id`` of the documents read)."""

    mentions: pl.DataFrame
    events: pl.DataFrame
    quarantine: pl.DataFrame
    answered: pl.DataFrame
    tally: Tally


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One document put to the model: its checked answer, or the reason why there is none."""

    answer: Mapping[str, Any] | None = None
    reason: str = ""
    served: bool = True
    cached: bool = False
    requests: int = 0
    malformed: int = 0


def annotate(
    documents: pl.DataFrame,
    spans: pl.DataFrame,
    endpoint: Endpoint,
    *,
    cache: Path,
    trained_until: date,
    allow_seen: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Reading:
    """Have a language model read tone and events of ``documents``.

    Parameters
    ----------
    documents
        ``documents`` table.
    spans
        What :meth:`research.linking.Linker.spans` found in them: the only instruments the model may speak of.
    endpoint
        Where the model answers.
    cache
        Folder of the answers, one JSON file each, named by a hash of model, prompt, seed and text. A document whose answer is there makes
        no request. The folder may be shared by several processes.
    trained_until
        Last day of the model's training data (UTC), as its makers state it.
    allow_seen
        Read texts from before that day as well; then every annotator ends in ``+seen``, and no figure made of the rows is out of sample.
    progress
        Called with the number of documents read since the last call.

    Returns
    -------
    Reading
        Rows have the annotator ``llm:<model>@<prompt version>`` and their document's ``available_at``. Role and relevance are the
        linker's. ``event_date`` is kept only where :func:`research.dates.find` reads the same day in the text.

    Raises
    ------
    LookAheadError
        When a text may have been published while the model's training data were gathered, and ``allow_seen`` is not set.
    SourceError
        When the server refuses the key or the address, or answers none of a block of documents. Answers so far are in the cache.
    """
    documents = DOCUMENTS.validate(documents).sort("doc_id")
    if not allow_seen:
        _refuse_seen(documents, trained_until)
    named = {doc: part for (doc,), part in spans.sort("doc_id", "start").partition_by("doc_id", as_dict=True).items()}
    outcomes: list[tuple[dict[str, Any], _Outcome]] = []
    with poster(endpoint) as post, ThreadPoolExecutor(endpoint.max_concurrency, thread_name_prefix="llm") as pool:
        read = partial(_read, endpoint=endpoint, cache=Path(cache), post=post)
        rows = documents.iter_rows(named=True)
        while block := list(islice(rows, _BLOCK * endpoint.max_concurrency)):
            found = list(pool.map(read, block, [_candidates(named.get(d["doc_id"])) for d in block]))
            if not any(o.served for o in found):
                raise SourceError(
                    f"{endpoint.address} answered none of {len(found)} documents ({found[0].reason}); expected an OpenAI-compatible "
                    f"server: check it and run again, the answers so far are kept in {cache}."
                )
            outcomes += zip(block, found, strict=True)
            if progress is not None:
                progress(len(block))
    annotator = f"llm:{endpoint.model}@{PROMPT_VERSION}" + ("+seen" if allow_seen else "")
    return _tables(documents, spans, outcomes, annotator)


def over_rules(
    rules: Annotation, documents: pl.DataFrame, spans: pl.DataFrame, reader: Reader, *, progress: Callable[[int], object] | None = None
) -> tuple[Annotation, Reading]:
    """Return ``rules`` with the model's reading of every document it may and did answer for, and that reading.

    Documents the model may have been trained on are not shown to it: the rules' reading of them stands, and ``tally.left_out`` counts
    them. Parameters and errors as :func:`annotate` and :func:`preferred`.
    """
    shown = documents if reader.allow_seen else documents.filter(pl.col("published_not_before") >= _first_unseen(reader.trained_until))
    reading = annotate(
        shown,
        spans,
        reader.endpoint,
        cache=reader.cache,
        trained_until=reader.trained_until or date.min,
        allow_seen=reader.allow_seen,
        progress=progress,
    )
    tally = replace(reading.tally, left_out=documents.height - shown.height)
    return preferred(rules, reading), replace(reading, tally=tally)


def preferred(rules: Annotation, reading: Reading) -> Annotation:
    """Return ``rules`` with the mentions and events of every document the model answered for replaced by the model's; facts stay.

    One annotator a document: an event that both saw is not counted twice.
    """
    kept = [frame.join(reading.answered, on="doc_id", how="anti", maintain_order="left") for frame in (rules.mentions, rules.events)]
    return Annotation(
        pl.concat([kept[0], reading.mentions]).sort("doc_id", "symbol"),
        pl.concat([kept[1], reading.events]).sort("doc_id", maintain_order=True),
        rules.facts,
    )


def _refuse_seen(documents: pl.DataFrame, trained_until: date) -> None:
    seen = documents.filter(pl.col("published_not_before") < _first_unseen(trained_until)).sort("published_not_before", "doc_id")
    if seen.height:
        example = seen.row(0, named=True)
        raise LookAheadError(
            f"{seen.height} of {documents.height} documents may be from before the end of the model's training data ({trained_until}), "
            f"for example {example['doc_id']} of {example['published_not_before']:%Y-%m-%d}; expected later ones only, for the model may "
            "know what happened next: leave them to the rules, or allow seen texts and have every row marked +seen."
        )


def _first_unseen(trained_until: date | None) -> datetime:
    return datetime.combine((trained_until or date.min) + timedelta(days=1), time(0), tzinfo=UTC)


def _candidates(spans: pl.DataFrame | None) -> dict[str, list[str]]:
    """Return symbol -> the names the text uses for it, in order of appearance."""
    names: dict[str, list[str]] = {}
    if spans is not None:
        for symbol, surface in spans.select("symbol", "surface").iter_rows():
            listed = names.setdefault(symbol, [])
            if surface not in listed:
                listed.append(surface)
    return names


def _read(
    document: Mapping[str, Any],
    names: Mapping[str, list[str]],
    endpoint: Endpoint,
    cache: Path,
    post: Callable[[Mapping[str, Any]], Completion],
) -> _Outcome:
    """Return the outcome of one document: from the cache, or from the server."""
    text = f"{document['headline']}\n{document['body']}"
    if len(text) > endpoint.max_characters:
        return _Outcome(reason=f"a text of {len(text):,} characters, of which the endpoint takes {endpoint.max_characters:,}")
    listed = [{"symbol": symbol, "names": found} for symbol, found in names.items()]
    published = f"{document['published_at']:%Y-%m-%d}"
    asked = json.dumps({"published": published, "instruments": listed, "text": text}, ensure_ascii=False)
    key = content_id(endpoint.model, PROMPT_VERSION, prompt(), endpoint.seed, asked)
    stored = _cached(cache, key, list(names))
    if stored is not None:
        return _Outcome(stored, cached=True)
    body = {
        "model": endpoint.model,
        "temperature": 0,
        "messages": [{"role": "system", "content": prompt()}, {"role": "user", "content": asked}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "reading", "strict": True, "schema": schema(list(names))}},
    }
    requests, malformed, reason = 0, 0, ""
    for seed in (endpoint.seed, endpoint.seed + 1):
        try:
            completion = post({**body, "seed": seed})
        except NoAnswer as error:
            return _Outcome(reason=str(error), served=bool(malformed), requests=requests + error.requests, malformed=malformed)
        requests += completion.requests
        try:
            answer = checked(content(completion.body), list(names))
        except Malformed as error:
            malformed += 1
            reason = f"{error}; expected an answer that fits the schema"
            continue
        _keep(cache, key, endpoint.model, answer)
        return _Outcome(answer, requests=requests, malformed=malformed)
    return _Outcome(reason=reason, requests=requests, malformed=malformed)


def _path(cache: Path, key: str) -> Path:
    """Return the file of an answer; a link that leads out of the folder is refused."""
    path = cache / key[:2] / f"{key}.json"
    if not path.resolve().is_relative_to(cache.resolve()):
        raise StoreError(f"{path} leads out of the cache {cache}; expected plain folders: remove the link.")
    return path


def _cached(cache: Path, key: str, symbols: Sequence[str]) -> dict[str, Any] | None:
    """Return a stored answer that fits; anything else under its name counts as not there, and is replaced."""
    path = _path(cache, key)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return checked(stored["answer"], symbols) if stored["key"] == key else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _keep(cache: Path, key: str, model: str, answer: Mapping[str, Any]) -> None:
    path = _path(cache, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"key": key, "model": model, "answer": answer}, sort_keys=True) + "\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}); name a cache folder you may write to.") from error


def _tables(documents: pl.DataFrame, spans: pl.DataFrame, outcomes: Sequence[tuple[dict[str, Any], _Outcome]], annotator: str) -> Reading:
    answered = [(document, outcome.answer) for document, outcome in outcomes if outcome.answer is not None]
    ids = pl.DataFrame({"doc_id": [document["doc_id"] for document, _ in answered]}, schema={"doc_id": pl.String})
    read = documents.join(ids, on="doc_id", how="semi", maintain_order="left")
    tones = [{"doc_id": document["doc_id"], **entry} for document, answer in answered for entry in answer["instruments"]]
    frame = pl.DataFrame(tones, schema={name: MENTIONS.schema[name] for name in ("doc_id", "symbol", "sentiment", "confidence")})
    # A tone for a symbol that was not offered meets no span and falls away here.
    named = gathered(read, spans.join(ids, on="doc_id", how="semi", maintain_order="left"), frame).with_columns(annotator=pl.lit(annotator))
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for row in named.iter_rows(named=True):
        known.setdefault(row["doc_id"], {})[row["symbol"]] = row
    lost = {"quotes": 0, "symbols": len(tones) - named.height, "dates": 0}
    rows = [row for document, answer in answered for row in _events(document, answer, known.get(document["doc_id"], {}), annotator, lost)]
    events = EVENTS.validate(pl.DataFrame(rows, schema=EVENTS.schema))
    set_aside = [(document, outcome.reason) for document, outcome in outcomes if outcome.answer is None]
    tally = Tally(
        documents=documents.height,
        cached=sum(o.cached for _, o in outcomes),
        requests=sum(o.requests for _, o in outcomes),
        malformed=sum(o.malformed for _, o in outcomes),
        quarantined=len(set_aside),
        invented_quotes=lost["quotes"],
        invented_symbols=lost["symbols"],
        invented_dates=lost["dates"],
    )
    return Reading(named, events, QUARANTINE.frame(_set_aside(document, why, annotator) for document, why in set_aside), ids, tally)


def _events(
    document: Mapping[str, Any], answer: Mapping[str, Any], mentions: Mapping[str, Mapping[str, Any]], annotator: str, lost: dict[str, int]
) -> list[dict[str, Any]]:
    """Return the rows of ``events`` the answer stands for; what is dropped is counted in ``lost``."""
    text = f"{document['headline']}\n{document['body']}"
    rows: dict[str, dict[str, Any]] = {}
    for entry in answer["events"]:
        symbol, evidence = entry["symbol"], entry["evidence"]
        if symbol is not None and symbol not in mentions:
            lost["symbols"] += 1
            continue
        if not evidence.strip() or len(evidence) > _LONGEST_QUOTE or evidence not in text:
            lost["quotes"] += 1
            continue
        day = date.fromisoformat(entry["event_date"]) if entry["event_date"] else None
        if day is not None and not _named(day, text, document["published_at"]):
            lost["dates"] += 1
            day = None
        event_id = content_id(document["doc_id"], symbol, entry["event_type"], evidence)
        mention = mentions.get(symbol) if symbol is not None else None
        row = {
            "event_id": event_id,
            "doc_id": document["doc_id"],
            "symbol": symbol,
            "event_type": entry["event_type"],
            "role": mention["role"] if mention else "subject",
            "event_date": day,
            "available_at": document["available_at"],
            "sentiment": entry["sentiment"],
            "relevance": mention["relevance"] if mention else 0.5,
            "novelty": document["novelty"],
            "confidence": entry["confidence"],
            "evidence": evidence,
            "annotator": annotator,
        }
        rows.setdefault(event_id, row)
    return list(rows.values())


def _named(day: date, text: str, published_at: datetime) -> bool:
    return any(found.first == day == found.last for found in dates.find(plain(text), published_at))


def _set_aside(document: Mapping[str, Any], reason: str, annotator: str) -> dict[str, Any]:
    said = f"{annotator} gave no reading of document {document['doc_id']} ({reason}): the rules' reading stands, or run it again."
    return {
        "input_id": content_id(annotator, document["doc_id"]),
        "source": annotator,
        "reason": said,
        "excerpt": document["headline"][:200],
        "first_seen_at": document["first_seen_at"],
    }
