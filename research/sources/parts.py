"""One file of articles, part by part: a large archive is never in memory whole.

Parquet, JSON-lines and CSV archives are cut between rows; every other file is small and read whole by
:func:`research.sources.reader.read_documents`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from research.errors import SourceError
from research.sources import Rejected, archives
from research.sources.reader import Batch, decode, read_documents, recognise

__all__ = ["parts"]

#: bytes of a part; a file up to this size is read whole
_PART = 4_000_000
_HEAD = 65_536
_PLACE = re.compile(r"^(Row|Line) (\d+)")


def parts(
    path: Path, *, format: str = "auto", source: str | None = None, columns: Mapping[str, str] | None = None, zone: str = "Asia/Shanghai"
) -> Iterator[tuple[Batch, float]]:
    """Yield the articles of a file part by part, with the share of the file read so far.

    Parameters
    ----------
    path, format, source, columns, zone
        As :func:`research.sources.reader.read_documents`.

    Raises
    ------
    SourceError
        When the file, or the part that comes next, cannot be read; the parts before stand.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD) if size > _PART else b""
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); expected a readable file: check the path.") from None
    shape = _shape(head, format, columns) if head else ""
    if not shape:
        yield read_documents(path, format=format, source=source, columns=columns, zone=zone), 1.0
        return
    tables = _parquet(path) if shape == "parquet" else _text(path, shape, size, source or "archive")
    names: Sequence[str] = ()
    found = 0
    try:
        for frame, rejected, share in tables:
            # A column that is null in a part of a JSON-lines file is still a column of the file.
            filled = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in names if name not in frame.columns)
            names = names or frame.columns
            numbers = frame["row"].to_list()
            articles, more = archives.from_frame(filled.drop("row"), source=source, columns=columns, zone=zone, numbers=numbers)
            found += len(articles) + len(rejected) + len(more)
            yield Batch(articles, rejected + more), share
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None
    if not found:
        raise SourceError(f"{path}: no article was found in it as archive; expected at least one: name the right format.")


def _shape(head: bytes, format: str, columns: Mapping[str, str] | None) -> str:
    """Return ``parquet``, ``lines`` or ``csv`` for an archive that can be cut, else nothing."""
    if format not in ("auto", "archive"):
        return ""
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head or b"\n" not in head:
        return ""  # two bytes a character: lines cannot be told by bytes
    try:
        whole = head[: head.rindex(b"\n") + 1]
        if format == "auto" and columns is None and recognise(whole) != "archive":
            return ""
        first = decode(whole).lstrip()[:1]
    except SourceError:
        return ""
    return {"{": "lines", "[": ""}.get(first, "csv")


def _parquet(path: Path) -> Iterator[tuple[pl.DataFrame, list[Rejected], float]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            rows = max(1, file.metadata.num_rows)
            size = sum(file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups))
            done = 0
            for batch in file.iter_batches(batch_size=max(100, _PART * rows // max(1, size)), use_threads=False):
                frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch]))).drop("row", strict=False)
                yield (
                    frame.with_columns(row=pl.int_range(done + 1, done + frame.height + 1, dtype=pl.Int64)),
                    [],
                    (done + frame.height) / rows,
                )
                done += frame.height
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(
            f"The Parquet file cannot be read ({str(error).splitlines()[0]}); expected a whole file: copy it again."
        ) from None


def _text(path: Path, shape: str, size: int, source: str) -> Iterator[tuple[pl.DataFrame, list[Rejected], float]]:
    before = 0
    for data, lines, read in _chunks(path, shape == "csv"):
        text = decode(data)
        frame, rejected = archives.table(data, text, source)
        yield frame.with_columns(pl.col("row") + before), [_placed(r, before) for r in rejected], min(1.0, read / size)
        before += lines if shape == "lines" else frame.height + len(rejected)


def _chunks(path: Path, csv: bool) -> Iterator[tuple[bytes, int, int]]:
    """Yield whole rows of about :data:`_PART` bytes, how many lines they are, and the bytes read; a CSV's begin with its header.

    A line feed is never the second byte of a Chinese character, in none of the encodings :func:`~research.sources.reader.decode` knows.
    """
    with path.open("rb") as file:
        header = file.readline() if csv else b""
        gathered: list[bytes] = []
        length, quotes, read = 0, 0, len(header)
        for line in file:
            gathered.append(line)
            length += len(line)
            quotes += line.count(b'"') if csv else 0
            # An odd number of quotes: the row goes on in the next line.
            if length >= _PART and quotes % 2 == 0:
                read += length
                yield header + b"".join(gathered), len(gathered), read
                gathered, length, quotes = [], 0, 0
        if any(line.strip() for line in gathered):
            yield header + b"".join(gathered), len(gathered), read + length


def _placed(rejected: Rejected, before: int) -> Rejected:
    """Return a rejection with the number its row has in the file, not in the part."""
    return replace(rejected, reason=_PLACE.sub(lambda m: f"{m[1]} {int(m[2]) + before}", rejected.reason))
