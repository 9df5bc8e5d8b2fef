"""Daily prices from CSV and Parquet files, whatever their columns are called."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from research.calendar import mic_of, zone_of
from research.errors import SourceError
from research.sources.archives import delimiter
from research.sources.bars import Bars, canonical_symbol, collect

__all__ = ["Bars", "read_bars"]

#: our column -> names vendors give it, lower case, without spaces, dashes and underscores
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "session": ("session", "date", "tradedate", "tradingdate", "day", "datetime", "timestamp", "日期", "交易日期", "交易日", "时间"),
        "symbol": ("symbol", "ticker", "code", "tscode", "secid", "instrument", "股票代码", "证券代码", "代码"),
        "open": ("open", "openprice", "开盘", "开盘价", "今开"),
        "high": ("high", "highprice", "最高", "最高价"),
        "low": ("low", "lowprice", "最低", "最低价"),
        "close": ("close", "closeprice", "收盘", "收盘价"),
        "adj_close": ("adjclose", "adjustedclose", "closeadj", "复权收盘价", "后复权收盘价"),
        "volume": ("volume", "vol", "成交量"),
        "amount": ("amount", "turnover", "money", "成交额", "成交金额"),
        "adj_factor": ("adjfactor", "factor", "hfqfactor", "复权因子"),
        "limit_up": ("limitup", "uplimit", "highlimit", "涨停价"),
        "limit_down": ("limitdown", "downlimit", "lowlimit", "跌停价"),
        "currency": ("currency", "货币"),
        "source": ("source", "来源"),
    }
)
_TEXTS = ("symbol", "currency", "source")
#: what a price file is called, and the most a ZIP of them may unpack to
_KINDS, _LARGEST = (".csv", ".csv.gz", ".parquet"), 4 * 2**30
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y年%m月%d日")


def read_bars(
    paths: str | Path | Iterable[str | Path],
    *,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    currency: str | None = None,
    adjusted: bool | None = None,
    lot: float = 1.0,
    source: str | None = None,
) -> Bars:
    """Read daily prices from files.

    Columns are recognised by name (English, tushare's, Chinese), upper or lower case. Without a symbol column the name of the file is
    the symbol, so one file a symbol works. Dates are days of the exchange; a time of day is dropped, and an instant with a zone is the day
    it falls on where the symbol trades, unless it is midnight in its own zone and so a date already. CSV is UTF-8, UTF-16 or GB18030,
    separated by commas, tabs, semicolons or bars.

    Parameters
    ----------
    paths
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file, a ``.zip`` with such files in it, a folder of them, or several of any.
    columns
        Our column to the file's, for names that are not recognised (``{"close": "px_last"}``); it wins over recognition.
    symbol
        The symbol of every row, for a single series.
    currency
        ISO code of the prices; by default each market's own.
    adjusted
        ``True`` when the prices are total-return already: ``adj_factor`` is then 1.0. A file with ``adj_close`` alone is read that way
        too. ``None`` or ``False`` with ``close`` and ``adj_close``: the factor is ``adj_close / close``, 1.0 at the first session. A
        file of adjusted prices under the name ``close`` looks like any other and gets 1.0 as well: its returns are right, its levels
        (and so its price limits) are the vendor's.
    lot
        Shares in a unit of volume; 100 for mainland files that count lots.
    source
        Name for rows that carry none; by default the file's stem.

    Returns
    -------
    Bars
        See :func:`research.sources.bars.collect` for what is set aside, what is flagged, and when a bar counts as known.

    Raises
    ------
    SourceError
        When a file is absent, empty, of another kind, or has no recognisable date or price column.
    """
    found = [file for path in ([paths] if isinstance(paths, str | Path) else paths) for file in _expand(Path(path))]
    if not found:
        raise SourceError("No price file was given; expected at least one .csv or .parquet file.")
    parts = [part for file in found for part in _parts(file)]
    tables = [_read(path, data, columns or {}, symbol, source) for path, data in parts]
    names = _stem(found[0]) if source is None and len(found) == 1 else source or "files"
    return collect(pl.concat(tables, how="diagonal_relaxed"), source=names, currency=currency, adjusted=adjusted, lot=lot)


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.lower().endswith((*_KINDS, ".zip")))
        if not files:
            raise SourceError(f"Folder {path} holds no .csv, .parquet or .zip file; expected price files: name another folder.")
        return files
    if not path.is_file():
        raise SourceError(f"{path} does not exist; expected a .csv or .parquet file: check the path.")
    return [path]


def _parts(path: Path) -> list[tuple[Path, bytes]]:
    """Return the tables a file holds with the names they go by: itself, or the files inside a ZIP."""
    try:
        if path.suffix.lower() != ".zip":
            return [(path, path.read_bytes())]
        with zipfile.ZipFile(path) as archive:
            inside = sorted(
                (entry for entry in archive.infolist() if entry.filename.lower().endswith(_KINDS) and "__MACOSX" not in entry.filename),
                key=lambda entry: entry.filename,
            )
            if sum(entry.file_size for entry in inside) > _LARGEST:
                raise SourceError(f"{path} unpacks to more than {_LARGEST // 2**30} GiB; expected price files: unpack it and name some.")
            parts = [(path / entry.filename, archive.read(entry)) for entry in inside]
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read ({error}); expected a price file, or a ZIP of some without a password.") from None
    if not parts:
        raise SourceError(f"{path} holds no .csv or .parquet file; expected price files: name another one.")
    return parts


def _stem(path: Path) -> str:
    return re.split(r"\.(?:csv|parquet|zip)", path.name, maxsplit=1, flags=re.IGNORECASE)[0]


def _read(path: Path, data: bytes, columns: Mapping[str, str], symbol: str | None, source: str | None) -> pl.DataFrame:
    frame = _load(path, data)
    chosen = _recognise(path, frame, columns)
    frame = frame.select(pl.col(given).alias(name) for name, given in chosen.items())
    stem = _stem(path)
    if symbol is not None:
        frame = frame.with_columns(symbol=pl.lit(symbol))
    elif "symbol" not in frame.columns:
        frame = frame.with_columns(symbol=pl.lit(stem))
    if source is not None or "source" not in frame.columns:
        frame = frame.with_columns(source=pl.lit(source or stem))
    numbers = [_number(pl.col(name), frame.schema[name]).alias(name) for name in frame.columns if name not in (*_TEXTS, "session")]
    frame = frame.with_columns(_code(path, frame), pl.col("source").cast(pl.String), *numbers)
    return frame.with_columns(_day(frame))


def _load(path: Path, data: bytes) -> pl.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(io.BytesIO(data))
        return _csv(_text(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data))
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeError, csv.Error) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"{path} cannot be read ({what}); expected a CSV (UTF-8, UTF-16 or GB18030) or Parquet table: check the file."
        ) from None


def _text(data: bytes) -> str:
    """Return the text of a CSV: mainland programs write GB18030, Excel a byte-order mark."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def _csv(text: str) -> pl.DataFrame:
    """Return the columns as text: a code such as 000001 must keep its zeros."""
    separator = delimiter(text.split("\n", 1)[0])
    try:
        return pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise
    except pl.exceptions.PolarsError:
        pass  # a row with too many fields: which of them is too many is not known
    header, *lines = csv.reader(io.StringIO(text), delimiter=separator)
    n = len(header)
    rows = [[*line, *[""] * (n - len(line))] if len(line) <= n else [*line[:2], *[""] * (n - 2)] for line in lines if line]
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row").with_columns(pl.all().replace("", None))


def _recognise(path: Path, frame: pl.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    unknown = [name for name in columns if name not in _NAMES]
    absent = [given for given in columns.values() if given not in frame.columns]
    if unknown or absent:
        raise SourceError(
            f"The mapping names {', '.join(unknown or absent)}; expected keys among {', '.join(_NAMES)} "
            f"and columns of {path.name} ({', '.join(frame.columns)})."
        )
    plain = {_plain(name): name for name in reversed(frame.columns)}
    chosen = dict(columns)
    for name, spellings in _NAMES.items():
        if name not in chosen and (given := next((plain[s] for s in spellings if s in plain), None)) is not None:
            chosen[name] = given
    if "session" not in chosen or not {"close", "adj_close"} & set(chosen):
        raise SourceError(
            f"{path.name} has columns {', '.join(frame.columns)}; expected a date and a close: "
            "map them, for example columns={'session': 'day', 'close': 'last'}."
        )
    return chosen


def _plain(name: str) -> str:
    return "".join(character for character in name.strip("\ufeff ").lower() if character not in " _-.*")


def _number(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a Float64; commas between thousands are dropped, and text that is no number (or has a decimal comma) is missing."""
    if dtype == pl.String:
        text = value.str.strip_chars()
        grouped = text.str.contains(r"^[-+]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?$")
        return pl.when(grouped).then(text.str.replace_all(",", "")).otherwise(text).cast(pl.Float64, strict=False)
    return value.cast(pl.Float64, strict=False)


def _day(frame: pl.DataFrame) -> pl.Expr:
    dtype, value = frame.schema["session"], pl.col("session")
    if dtype.is_integer():
        value, dtype = value.cast(pl.String), pl.String()
    if dtype == pl.String:
        text = value.str.strip_chars()
        first = text.str.extract(r"^([0-9]{4}[0-9./年月日\-]+)")
        day = pl.coalesce(first.str.to_date(form, strict=False) for form in _DAYS)
        instant = (
            text.str.replace(" ", "T").str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False)
        )
        # The wall clock of the text itself, to tell a date written as an instant.
        midnight = text.str.contains(r"[T ]00:00(?::00(?:\.0+)?)?\s*(?:Z|[+-]\d\d:?\d\d)$")
        return pl.when(instant.is_null() | midnight).then(day).otherwise(_local_day(frame, instant)).alias("session")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        midnight = value.dt.time() == pl.time(0, 0)
        return pl.when(midnight).then(value.dt.date()).otherwise(_local_day(frame, value)).alias("session")
    return value.cast(pl.Date, strict=False).alias("session")


def _local_day(frame: pl.DataFrame, instant: pl.Expr) -> pl.Expr:
    """Return the day of an instant where the row's symbol trades: 16:00 UTC is the next day in Shanghai."""
    zones = {name: zone_of(mic_of(canonical_symbol(name))).key for name in frame["symbol"].drop_nulls().unique().to_list()}
    at = pl.col("symbol").replace_strict(zones, default=None, return_dtype=pl.String)
    return pl.coalesce(
        pl.lit(None, dtype=pl.Date),
        *(pl.when(at == zone).then(instant.dt.convert_time_zone(zone).dt.date()) for zone in sorted(set(zones.values()))),
    )


def _code(path: Path, frame: pl.DataFrame) -> pl.Expr:
    dtype, value = frame.schema["symbol"], pl.col("symbol")
    if not dtype.is_integer():
        return value.cast(pl.String).alias("symbol")
    # Numbers have lost their leading zeros: six digits somewhere mean mainland codes, else they could be anything.
    largest = frame.select(pl.col("symbol").cast(pl.Int64).max().fill_null(0)).item()
    if largest < 100_000:
        raise SourceError(f"{path.name} holds its codes as numbers up to {largest}; expected text such as 000001: keep the zeros.")
    return value.cast(pl.String).str.zfill(6).alias("symbol")
