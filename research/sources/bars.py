"""Daily prices of any vendor, brought into the ``bars`` table: symbols, currencies, factors, suspensions, availability.

1. ``canonical_symbol`` writes a code as Yahoo does;
2. ``collect`` takes the rows a file or a vendor gave, sets bad ones aside (``_faults``), computes the total-return factor
   (``_with_factor``), marks suspended sessions (``_with_suspension``) and stamps each row with the close of its session
   (``_with_availability``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from research import calendar
from research.bar_checks import validate
from research.errors import SourceError
from research.schemas import BARS, INSTANT, QUARANTINE, content_id

__all__ = ["FAILURES", "Bars", "canonical_symbol", "collect", "currency_of"]

#: columns of ``Bars.failures``
FAILURES = {"symbol": pl.String, "reason": pl.String}

_NUMBERS = ("open", "high", "low", "close", "adj_close", "volume", "amount", "adj_factor", "limit_up", "limit_down")
_PRICES = ("open", "high", "low", "close", "adj_close")

#: what a symbol may look like once it is written as Yahoo does
_SYMBOL = r"^\^?[A-Z0-9][A-Z0-9.:=&\-]*$"
#: indices and currencies, which report no volume or one that means nothing
_WITHOUT_VOLUME = r"^\^|=X$|^000\d{3}\.SS$|^399\d{3}\.SZ$"

_SUFFIX = {"SH": "SS", "SS": "SS", "XSHG": "SS", "SSE": "SS", "SZ": "SZ", "XSHE": "SZ", "SZSE": "SZ", "BJ": "BJ", "BSE": "BJ", "BJSE": "BJ"}
_CURRENCIES = {
    "XSHG": "CNY", "XSHE": "CNY", "BJSE": "CNY", "XHKG": "HKD", "XNYS": "USD", "XNAS": "USD", "CMES": "USD", "24/7": "USD", "XTKS": "JPY",
    "XKRX": "KRW", "XLON": "GBP", "XSWX": "CHF", "XTAI": "TWD", "XASX": "AUD", "XTSE": "CAD", "XSES": "SGD", "XBOM": "INR", "XSTO": "SEK",
    "XCSE": "DKK", "XOSL": "NOK", "XNZE": "NZD", "BVMF": "BRL", "XMEX": "MXN", "XLME": "USD", "XBKK": "THB", "XIDX": "IDR",
    "XKLS": "MYR", "XPHS": "PHP", "XSTC": "VND", "XSAU": "SAR", "XIST": "TRY", "XWAR": "PLN", "XTAE": "ILS", "XJSE": "ZAR", "24/5": "USD",
}  # fmt: skip
#: symbols in another currency than their market's
_ODD_CURRENCIES = {"BDI": "USD", "NIY=F": "JPY", "RS=F": "CAD", "^MERV": "ARS"}


@dataclass(frozen=True, slots=True)
class Bars:
    """What came out of reading prices.

    Parameters
    ----------
    bars
        The ``bars`` table, sorted by symbol and session.
    quarantine
        The ``quarantine`` table: rows that cannot be bars, each with a reason.
    flags
        Columns ``symbol, session, rule, reason``: rows that were kept although something about them is odd
        (see :mod:`research.bar_checks` for the rules); ``session`` is null where the whole symbol is meant.
    failures
        Columns ``symbol, reason``: symbols a vendor gave nothing for.
    """

    bars: pl.DataFrame
    quarantine: pl.DataFrame
    flags: pl.DataFrame
    failures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAILURES))


def canonical_symbol(text: str) -> str:
    """Return ``text`` as Yahoo writes the symbol.

    Six bare digits are read as a listed security, by the exchanges' own ranges (``000001`` is Ping An Bank in Shenzhen): an index
    needs its suffix, which is kept. Up to five bare digits are a Hong Kong code.

    >>> [canonical_symbol(s) for s in ("600519", "sh600519", "600519.SH", "SH600519", "000001.XSHE", "sz.300750", "920047", "000001.SH")]
    ['600519.SS', '600519.SS', '600519.SS', '600519.SS', '000001.SZ', '300750.SZ', '920047.BJ', '000001.SS']
    >>> [canonical_symbol(s) for s in ("00700", "HK00700", "700.HK", "AAPL.US", "105.AAPL", "BRK.B", "^gspc", "7203.T")]
    ['0700.HK', '0700.HK', '0700.HK', 'AAPL', 'AAPL', 'BRK-B', '^GSPC', '7203.T']
    """
    code = text.strip().upper()
    if re.fullmatch(r"\d{6}", code):
        return f"{code}.{_exchange_of(code)}"
    if match := re.fullmatch(r"(SH|SZ|BJ)[.\-_ ]?(\d{6})", code):
        return f"{match[2]}.{_SUFFIX[match[1]]}"
    if (match := re.fullmatch(r"(\d{6})[.\-_ ]?([A-Z]{2,4})", code)) and match[2] in _SUFFIX:
        return f"{match[1]}.{_SUFFIX[match[2]]}"
    if match := re.fullmatch(r"(?:HK[.\-_ ]?)?(\d{1,5})(?:\.(?:HK|XHKG))?", code):
        return f"{int(match[1]):04d}.HK"
    if match := re.fullmatch(r"(?:US\.|10[567]\.)([A-Z][A-Z.\-]*)|([A-Z][A-Z.\-]*)\.US", code):
        code = match[1] or match[2]
    # Yahoo writes classes of US shares with a dash; no exchange has the suffixes A to C.
    return re.sub(r"^([A-Z]{1,5})\.([ABC])$", r"\1-\2", code)


def _exchange_of(code: str) -> str:
    if code.startswith("92") or code[0] in "48":
        return "BJ"
    return "SS" if code[0] in "569" or code.startswith("11") else "SZ"


def currency_of(symbol: str) -> str:
    """Return the currency a symbol is usually quoted in.

    >>> [currency_of(s) for s in ("600519.SS", "900901.SS", "200002.SZ", "0700.HK", "80700.HK", "NVDA", "LME:CA", "JPY=X", "BTC-EUR")]
    ['CNY', 'USD', 'HKD', 'HKD', 'CNY', 'USD', 'USD', 'JPY', 'EUR']
    """
    if symbol in _ODD_CURRENCIES:
        return _ODD_CURRENCIES[symbol]
    if symbol.endswith("=X"):
        return symbol[-5:-2]
    if match := re.fullmatch(r"[A-Z0-9]+-(USD|EUR|GBP|JPY)[TC]?", symbol):
        return match[1]
    if re.fullmatch(r"900\d{3}\.SS", symbol):
        return "USD"
    if re.fullmatch(r"20\d{4}\.SZ", symbol):
        return "HKD"
    # Hong Kong's counters in renminbi.
    if re.fullmatch(r"8\d{4}\.HK", symbol):
        return "CNY"
    return _CURRENCIES.get(calendar.mic_of(symbol), "EUR")


def collect(
    rows: pl.DataFrame,
    *,
    source: str,
    currency: str | None = None,
    adjusted: bool | None = None,
    lot: float = 1.0,
    seen_at: datetime | None = None,
) -> Bars:
    """Bring a vendor's rows into the ``bars`` table.

    Parameters
    ----------
    rows
        ``symbol`` (any spelling) and ``session`` (Date); ``open, high, low, close, adj_close, volume, amount, adj_factor, limit_up,
        limit_down, currency, source`` where the vendor has them. Null and NaN mean missing.
    source
        Name of the vendor, for rows without a ``source`` of their own.
    currency
        ISO code of the prices; by default each symbol's usual one.
    adjusted
        ``True``: prices are total-return already, so the factor is 1.0 and ``adj_close`` is not used. ``None`` or ``False``: the
        factor is ``adj_factor``, or ``adj_close / close``, scaled to 1.0 at the first session; with neither it is 1.0. With
        ``adj_close`` and no ``close`` the adjusted prices are the prices, and the factor is 1.0.
    lot
        Shares in one unit of ``volume`` (100 for mainland files that count lots).
    seen_at
        When the rows were fetched: a bar whose session had not closed by then is unfinished and goes to quarantine.

    Returns
    -------
    Bars
        Rows with a price that is not positive, without a close, without a date or with a second price for a session are in
        ``quarantine``, the rest in ``bars``. A volume that is not given stays null and is flagged once a symbol; a session
        with a volume of 0 and without any move is ``suspended``.
    """
    rows = _shaped(rows, source, lot)
    if adjusted:
        rows = rows.with_columns(close=pl.coalesce("close", "adj_close"), adj_close=None, adj_factor=None)
    elif rows["close"].null_count() == rows.height:
        rows = rows.with_columns(close="adj_close", adj_close=None)
    rows = rows.with_columns(_fault=_faults()).sort("symbol", "session", maintain_order=True)
    clashing = pl.col("_fault").is_null() & (pl.int_range(pl.len()).over("symbol", "session", "_fault") > 0)
    rows = rows.with_columns(
        _fault=pl.when(clashing)
        .then(pl.format("The file has a second bar of {} on {}; expected one a session: keep the right one.", "symbol", "session"))
        .otherwise("_fault")
    )
    rejected = rows.filter(pl.col("_fault").is_not_null())
    kept = _with_suspension(_with_factor(rows.filter(pl.col("_fault").is_null())))
    kept = _with_availability(kept)
    if seen_at is not None:
        late = pl.col("available_at") > pl.lit(seen_at, dtype=INSTANT)
        reason = "The session of {} on {} had not closed when the bar was fetched; expected a finished bar: fetch it again after the close."
        early = kept.filter(late).with_columns(_fault=pl.format(reason, "symbol", "session"))
        rejected = pl.concat([rejected, early.select(rejected.columns)])
        kept = kept.filter(~late)
    usual = {symbol: currency_of(symbol) for symbol in kept["symbol"].unique().to_list()}
    own = pl.lit(currency) if currency else pl.col("symbol").replace_strict(usual, default=None, return_dtype=pl.String)
    bars = BARS.validate(kept.with_columns(currency=pl.coalesce("currency", own)).select(*BARS.schema))
    return Bars(bars, _quarantine(rejected, seen_at), _flags(kept, bars, {} if currency else usual))


def _shaped(rows: pl.DataFrame, source: str, lot: float) -> pl.DataFrame:
    for name in ("symbol", "session"):
        if name not in rows.columns:
            raise SourceError(f"Prices of {source} have columns {', '.join(rows.columns) or '(none)'}; expected one for {name}: map it.")
    missing = [pl.lit(None, dtype=pl.Float64).alias(name) for name in _NUMBERS if name not in rows.columns]
    texts = [pl.lit(None, dtype=pl.String).alias(name) for name in ("currency", "source") if name not in rows.columns]
    rows = rows.with_columns(*missing, *texts).select("symbol", "session", "currency", "source", *_NUMBERS)
    names = {name: canonical_symbol(name) for name in rows["symbol"].unique().drop_nulls().to_list()}
    # A row that is there twice, word for word, says nothing new.
    return (
        rows.unique(maintain_order=True)
        .with_columns(
            pl.col("symbol").replace_strict(names, default=None, return_dtype=pl.String),
            pl.col("source").fill_null(source),
            *(pl.col(name).cast(pl.Float64).fill_nan(None) for name in _NUMBERS),
        )
        .with_columns(
            _idle(pl.col("open"), "open"), _idle(pl.col("high"), "high"), _idle(pl.col("low"), "low"), volume=pl.col("volume") * lot
        )
    )


def _idle(value: pl.Expr, name: str) -> pl.Expr:
    """Vendors that keep suspended days write 0 for the prices that were not made."""
    empty = (pl.col("volume") == 0) & (pl.col("open") == 0) & (pl.col("high") == 0) & (pl.col("low") == 0)
    return pl.when(empty).then(None).otherwise(value).alias(name)


def _faults() -> pl.Expr:
    """Return the sentence that says why a row cannot be a bar; null for a good row."""
    where = ("symbol", "session")
    found = [
        _fault(pl.col("symbol").is_null() | (pl.col("symbol") == ""), "A row of {} has no symbol; expected one: name it.", "session"),
        _fault(~pl.col("symbol").str.contains(_SYMBOL), "The symbol {} of {} is no code; expected one such as 600519.SS: name it.", *where),
        _fault(pl.col("session").is_null(), "A row of {} has no readable date; expected YYYY-MM-DD: correct it.", "symbol"),
        _fault(pl.col("close").is_null(), "{} on {} has no close; expected a positive price: drop the row or fill it.", *where),
    ]
    for name in (*_PRICES, "adj_factor", "limit_up", "limit_down"):
        text = f"{{}} on {{}} has a {name} of {{}}; expected a positive number: correct it at the vendor."
        found.append(_fault((pl.col(name) <= 0) | pl.col(name).is_infinite(), text, *where, name))
    for name in ("volume", "amount"):
        text = f"{{}} on {{}} has a {name} of {{}}; expected 0 or more: correct it at the vendor."
        found.append(_fault((pl.col(name) < 0) | pl.col(name).is_infinite(), text, *where, name))
    return pl.coalesce(found)


def _fault(bad: pl.Expr, text: str, *names: str) -> pl.Expr:
    values = [pl.col(name).cast(pl.String).fill_null("?") for name in names]
    return pl.when(bad.fill_null(False)).then(pl.format(text, *values))


def _with_factor(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``adj_factor``: 1.0 at each symbol's first session, growing with every distribution; a gap keeps the factor before it."""
    ratio = pl.coalesce("adj_factor", pl.col("adj_close") / pl.col("close")).forward_fill().over("symbol")
    ratio = ratio.backward_fill().over("symbol").fill_null(1.0)
    return rows.with_columns(adj_factor=ratio).with_columns(adj_factor=pl.col("adj_factor") / pl.col("adj_factor").first().over("symbol"))


def _with_suspension(rows: pl.DataFrame) -> pl.DataFrame:
    before = pl.col("close").shift(1).over("symbol")
    flat = pl.all_horizontal(_same(pl.col(name), pl.col("close")) for name in ("open", "high", "low"))
    still = _same(pl.col("close"), before)
    # An index, a rate or a currency reports no volume: its still day is no suspension. Judged by what the symbol is, never by whether a
    # volume comes later in the file: a fetch that lies within a suspension must read as the whole history does.
    reported = ~pl.col("symbol").str.contains(_WITHOUT_VOLUME)
    return rows.with_columns(suspended=((pl.col("volume") == 0) & reported & flat & still).fill_null(False))


def _same(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Equal up to the rounding of adjusted prices; a missing value differs from nothing."""
    return ((left - right).abs() <= 1e-4 * right).fill_null(True)


def _with_availability(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``available_at``: the close of the session, or the end of the day (24:00 local) where the calendar knows no such session."""
    mics = {symbol: calendar.mic_of(symbol) for symbol in rows["symbol"].unique().to_list()}
    rows = rows.with_columns(_mic=pl.col("symbol").replace_strict(mics, return_dtype=pl.String))
    parts = [_stamped(part, str(mic)) for (mic,), part in sorted(rows.partition_by("_mic", as_dict=True).items())]
    if not parts:
        return rows.with_columns(available_at=pl.lit(None, dtype=INSTANT), _is_session=pl.lit(None, dtype=pl.Boolean))
    return pl.concat(parts).sort("symbol", "session")


def _stamped(rows: pl.DataFrame, mic: str) -> pl.DataFrame:
    held = calendar.sessions_within(mic, rows["session"].min(), rows["session"].max())  # type: ignore[arg-type]
    midnight = (pl.col("session") + pl.duration(days=1)).cast(pl.Datetime("us")).dt.replace_time_zone(calendar.zone_of(mic).key)
    joined = rows.join(held.select("session", "close_at"), on="session", how="left", maintain_order="left")
    return joined.with_columns(
        available_at=pl.coalesce("close_at", midnight.dt.convert_time_zone("UTC")), _is_session=pl.col("close_at").is_not_null()
    ).drop("close_at")


def _quarantine(rejected: pl.DataFrame, seen_at: datetime | None) -> pl.DataFrame:
    shown = ("symbol", "session", "open", "high", "low", "close", "volume")
    excerpts = rejected.select(pl.concat_str(pl.col(shown).cast(pl.String).fill_null("-"), separator=", ")).to_series().to_list()
    reasons = zip(rejected["source"], rejected["_fault"], excerpts, strict=True)
    rows = [
        {"input_id": content_id("bar", source, reason, excerpt), "source": source, "reason": reason, "excerpt": excerpt}
        for source, reason, excerpt in reasons
    ]
    frame = pl.DataFrame(rows, schema={name: QUARANTINE.schema[name] for name in ("input_id", "source", "reason", "excerpt")})
    frame = frame.unique("input_id", keep="first", maintain_order=True)
    return QUARANTINE.validate(frame.with_columns(first_seen_at=pl.lit(seen_at, dtype=INSTANT)))


def _flags(kept: pl.DataFrame, bars: pl.DataFrame, currencies: Mapping[str, str]) -> pl.DataFrame:
    unheld = kept.filter(~pl.col("_is_session")).select(
        "symbol",
        "session",
        rule=pl.lit("calendar"),
        reason=pl.format("{} is not a session of {}: the bar counts as known at the end of that day.", "session", "_mic"),
    )
    traded = (pl.col("volume").max().over("symbol") > 0) & ~pl.col("symbol").str.contains(_WITHOUT_VOLUME)
    idle = kept.filter((pl.col("volume") == 0) & ~pl.col("suspended") & traded).select(
        "symbol", "session", rule=pl.lit("volume"), reason=pl.lit("The price moved although no volume is recorded.")
    )
    unknown = kept.filter(pl.col("volume").is_null()).group_by("symbol").len().select(
        "symbol",
        session=pl.lit(None, dtype=pl.Date),
        rule=pl.lit("volume"),
        reason=pl.lit("Bars came without a volume: it stays null, and no suspension is seen."),
    )  # fmt: skip
    return pl.concat([unheld, idle, unknown, validate(bars, currencies=currencies)]).sort("symbol", "session", "rule", nulls_last=False)
