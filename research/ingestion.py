"""Files into tables: what ``tidings ingest`` does, in memory that does not grow with the archive.

1. Files are read part by part (:func:`_parts`), dated, and spilled to a folder of Parquet parts (:class:`_Spill`); what cannot be read or
   dated goes to ``quarantine``.
2. The spill is cut into batches in the order of ``available_at``; documents of one instant stay together (:func:`_cuts`).
3. Each batch, without what is stored already, is given its stories (:func:`research.stories.assign`) with the stored documents of the
   window before it, read by :func:`research.annotation.annotate`, and appended.

Batches are in order whatever order the files are in, so a story does not depend on where a batch ends. Within a batch the documents are
committed last: what a killed run had begun is done again in full by the next, and insert-only appends on content hashes keep what it had
written from doubling.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from research import documents, llm, schemas, stories
from research.annotation import annotate
from research.errors import SourceError, UsageError
from research.instruments import in_effect, shipped
from research.linking import Linker
from research.schemas import DOCUMENTS, INSTANT
from research.sources import Article, Rejected
from research.sources.parts import parts
from research.store import Store, Written

__all__ = ["Ingested", "Progress", "ingest", "security_master"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]

#: characters dated at a time
_PART_CHARACTERS = 2_000_000
#: documents and characters of one batch, whichever is reached first; a batch is compared with the stored documents of the window before
#: it, so a small one repeats that work and a large one holds more memory
_BATCH_DOCUMENTS, _BATCH_CHARACTERS = 10_000, 8_000_000
_ROW_GROUP = 1_000
_TABLES = (schemas.INSTRUMENTS, schemas.QUARANTINE, schemas.MENTIONS, schemas.EVENTS, schemas.FACTS, schemas.DOCUMENTS)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a run did: one :class:`~research.store.Written` a table, why files could not be read, what a language model read."""

    written: tuple[Written, ...]
    unreadable: tuple[str, ...]
    tally: llm.Tally | None = None


def ingest(
    store: Store,
    files: Sequence[Path],
    master: pl.DataFrame,
    *,
    format: str = "auto",
    source: str | None = None,
    seen_at: datetime | None = None,
    columns: Mapping[str, str] | None = None,
    zone: str = "Asia/Shanghai",
    latency: timedelta = timedelta(0),
    reader: llm.Reader | None = None,
    progress: Progress = lambda label, total: nullcontext(lambda n: None),
) -> Ingested:
    """Read files of documents into ``documents``, ``mentions``, ``events``, ``facts``; doing it twice adds nothing.

    Parameters
    ----------
    store
        Home of the tables.
    files
        In any order: the tables do not depend on it.
    master
        ``instruments`` table; see :func:`security_master`.
    format, source, columns, zone
        As :func:`research.sources.reader.read_documents`.
    seen_at, latency
        As :func:`research.documents.build`.
    reader
        A language model whose mentions and events replace the rules' for every new document it answers for; a document it gives no valid
        answer for keeps the rules' reading and has a row in ``quarantine``. Stored documents are not read again.
    progress
        Called with a label and a total; gives a context whose value is called with the work done since the last call.

    Returns
    -------
    Ingested
        A file that cannot be read is set aside with its reason; the others are read.

    Notes
    -----
    Memory holds one batch, the stored documents of :data:`research.stories.WINDOW` before it, and 16 bytes a document of the run. The
    spill is in the system's folder of temporary files and is about as large as the texts compressed.

    Documents that arrive in a later run but were available earlier than stored ones get their story from what was available before them;
    stored rows never change. An archive in several files that overlap in time should therefore be ingested by one run.

    Raises
    ------
    StoreError
        When the home cannot be written; before anything is read.
    SourceError
        When the model's server answers nothing at all. What is stored is whole, the answers so far are in its cache: run it again.
    """
    written = _Sum(store)
    written.append(schemas.INSTRUMENTS, master)
    unreadable: list[str] = []
    with tempfile.TemporaryDirectory(prefix="tidings-") as folder:
        spill = _Spill(Path(folder))

        def date(articles: list[Article], rejected: list[Rejected]) -> None:
            dated, undated = documents.dated(articles, seen_at=seen_at, latency=latency)
            spill.add(dated)
            aside = pl.concat([undated, documents.quarantined(rejected, seen_at)])
            if aside.height:
                written.append(schemas.QUARANTINE, aside.unique("input_id", keep="first", maintain_order=True))

        with progress("reading files, kB", sum(path.stat().st_size for path in files) // 1000) as advance:
            reading = _read(files, unreadable, advance, format=format, source=source, columns=columns, zone=zone)
            for articles, rejected in _gathered(reading):
                date(articles, rejected)
        linker = Linker.build(in_effect(master))
        with progress("reading documents", spill.height) as advance:
            for first, last in spill.cuts():
                _batch(written, spill.between(first, last), linker, reader, advance)
    return Ingested(written.tables(), tuple(unreadable), written.tally if reader else None)


def security_master(store: Store, instruments: Path | None = None) -> pl.DataFrame:
    """Return the home's security master: the stored one, else the file given, else the shipped one.

    A stored master may hold more rows than the file it was made from: a refresh adds some.

    Raises
    ------
    UsageError
        If a file is given for a home that already has another master: documents read before were linked with that one.
    """
    stored = store.read("instruments") if store.home.exists() else schemas.INSTRUMENTS.empty()
    if instruments is None:
        return shipped() if stored.is_empty() else stored
    try:
        given = schemas.INSTRUMENTS.validate(pl.read_parquet(instruments))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{instruments} cannot be read as Parquet ({error}); expected an instruments table.") from error
    key = schemas.INSTRUMENTS.key
    if stored.height and not stored.join(given, on=key, how="semi").sort(key).equals(given.sort(key)):
        raise UsageError(f"Home {store.home} already has a security master; leave --instruments out, or start a new home.")
    return given if stored.is_empty() else stored


def _read(
    files: Sequence[Path], unreadable: list[str], advance: Callable[[int], object], **options: Any
) -> Iterator[tuple[list[Article], list[Rejected]]]:
    for path in files:
        told = 0
        size = path.stat().st_size // 1000
        try:
            for batch, share in parts(path, **options):
                yield batch.articles, batch.rejected
                advance(int(share * size) - told)
                told = int(share * size)
        except SourceError as error:
            unreadable.append(str(error))
            yield [], [Rejected(str(path), str(error), "")]
        advance(size - told)


def _gathered(reading: Iterable[tuple[list[Article], list[Rejected]]]) -> Iterator[tuple[list[Article], list[Rejected]]]:
    """Gather small parts, such as those of a folder of pages, and cut large ones."""
    articles: list[Article] = []
    rejected: list[Rejected] = []
    characters = 0
    for some, faulty in reading:
        rejected += faulty
        for article in some:
            articles.append(article)
            characters += 200 + len(article.headline) + len(article.body)
            if characters >= _PART_CHARACTERS:
                yield articles, rejected
                articles, rejected, characters = [], [], 0
    yield articles, rejected


def _batch(written: _Sum, batch: pl.DataFrame, linker: Linker, reader: llm.Reader | None, advance: Callable[[int], object]) -> None:
    """Give the documents of one batch their stories, read them, and append what was found, the documents last."""
    store = written.store
    fresh = batch
    if store.version(DOCUMENTS) is not None:
        stored = store.scan(DOCUMENTS).select("doc_id").join(batch.lazy().select("doc_id"), on="doc_id", how="semi")
        fresh = batch.join(stored.collect(engine="streaming"), on="doc_id", how="anti", maintain_order="left")
    advance(batch.height - fresh.height)
    if fresh.is_empty():
        return
    near = pl.col("available_at").is_between(pl.lit(fresh["available_at"].min()) - stories.WINDOW, pl.lit(fresh["available_at"].max()))
    known = store.scan(DOCUMENTS).filter(near).select("doc_id", "available_at", "headline", "body", "story_id").collect()
    told = fresh.join(stories.assign(fresh, known), on="doc_id", how="left", maintain_order="left").select(*DOCUMENTS.schema)
    del known
    found = annotate(told, linker, progress=None if reader else advance)
    if reader is not None:
        found, reading = llm.over_rules(found, told, linker.spans(told), reader, progress=advance)
        advance(reading.tally.left_out)
        written.tally += reading.tally
        written.append(schemas.QUARANTINE, reading.quarantine)
    written.append(schemas.MENTIONS, found.mentions)
    written.append(schemas.EVENTS, found.events)
    written.append(schemas.FACTS, found.facts)
    written.append(DOCUMENTS, told)


@dataclass(slots=True)
class _Spill:
    """Dated documents on disk: Parquet parts sorted by availability, and per part its span, instants and sizes."""

    folder: Path
    spans: list[tuple[int, int]] = field(default_factory=list)
    instants: list[npt.NDArray[np.int64]] = field(default_factory=list)
    sizes: list[npt.NDArray[np.int64]] = field(default_factory=list)

    @property
    def height(self) -> int:
        """How many documents there are, copies in different parts included."""
        return sum(len(part) for part in self.instants)

    def add(self, frame: pl.DataFrame) -> None:
        """Write one part; ``frame`` is sorted by ``available_at``."""
        if frame.is_empty():
            return
        at = frame["available_at"].dt.epoch("us").to_numpy()
        frame.write_parquet(self._path(len(self.spans)), compression="zstd", compression_level=1, row_group_size=_ROW_GROUP)
        self.spans.append((int(at[0]), int(at[-1])))
        self.instants.append(at)
        self.sizes.append(frame.select(pl.col("headline").str.len_chars() + pl.col("body").str.len_chars()).to_series().to_numpy())

    def cuts(self) -> list[tuple[int, int]]:
        """Return the first and last instant of every batch, in order."""
        if not self.instants:
            return []
        at, size = np.concatenate(self.instants), np.concatenate(self.sizes)
        order = np.argsort(at, kind="stable")
        return _cuts(at[order], size[order])

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the documents available from ``first`` to ``last``, each once, at its earliest availability."""
        chosen = [self._path(k) for k, (low, high) in enumerate(self.spans) if low <= last and high >= first]
        inside = pl.col("available_at").is_between(_instant(first), _instant(last))
        frame = pl.scan_parquet(chosen).filter(inside).collect().sort("doc_id", "available_at", "first_seen_at", "url", nulls_last=True)
        return frame.unique("doc_id", keep="first", maintain_order=True).sort("available_at", "doc_id")

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.parquet"


def _cuts(at: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut sorted instants into batches; all documents of an instant are in one, for they may share a story."""
    ends = np.append(np.flatnonzero(np.diff(at)), len(at) - 1)
    characters = np.cumsum(size)
    found: list[tuple[int, int]] = []
    begin, counted = 0, 0
    for end in ends.tolist():
        if end + 1 - begin >= _BATCH_DOCUMENTS or characters[end] - counted >= _BATCH_CHARACTERS or end == len(at) - 1:
            found.append((int(at[begin]), int(at[end])))
            begin, counted = end + 1, int(characters[end])
    return found


def _instant(microseconds: int) -> pl.Expr:
    return pl.lit(microseconds, dtype=pl.Int64).cast(INSTANT)


@dataclass(slots=True)
class _Sum:
    """Appends, summed by table, and what a language model read."""

    store: Store
    done: dict[str, Written] = field(default_factory=dict)
    tally: llm.Tally = field(default_factory=llm.Tally)

    def append(self, table: schemas.Table, frame: pl.DataFrame) -> None:
        """Append to the store."""
        new = self.store.append(table, frame)
        old = self.done.get(table.name)
        self.done[table.name] = new if old is None else old + new

    def tables(self) -> tuple[Written, ...]:
        """Return what was written to every table; one nothing was written to is made."""
        for table in _TABLES:
            if table.name not in self.done:
                self.append(table, table.empty())
        return tuple(self.done[table.name] for table in _TABLES)
