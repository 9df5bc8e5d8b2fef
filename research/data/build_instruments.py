"""Build ``instruments.parquet`` from our own tables of names and the data files of two wheels.

Run it when a table of names changes::

    python -m pip download --no-deps --dest /tmp/wheels adata pytickersymbols
    python research/data/build_instruments.py /tmp/wheels

Steps: (1) A-shares with codes, short names and listing dates from ``adata`` (:func:`mainland`), B shares and those that left the
exchange (:func:`left`), Beijing's new codes (:func:`renumbered`); (2) our own tables of companies and markets (:func:`own`);
(3) members of large indices from ``pytickersymbols`` that our tables do not hold (:func:`members`); (4) A/H twins share their names and
point at each other (:func:`twinned`); (5) validate and write.
Neither wheel is needed to use the package.
"""

from __future__ import annotations

import csv
import io
import re
import runpy
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from research.calendar import mic_of
from research.schemas import INSTRUMENTS

__all__ = ["build", "main"]

HERE = Path(__file__).parent
#: rows whose first day is not known are true from here on
ALWAYS = date(1990, 1, 1)
#: the day of the newest listing in the data file of ``adata``
READ_ON = date(2023, 10, 19)
#: the days on which Beijing's codes changed, and the shares that went first
BEIJING_DAY, PILOT_DAY = date(2025, 10, 9), date(2025, 5, 6)
BEIJING_PILOTS = frozenset({"833819", "830799", "831445", "430489", "839167", "834682"})
SECTORS = {
    "IT": "Information Technology",
    "COM": "Communication Services",
    "CD": "Consumer Discretionary",
    "CST": "Consumer Staples",
    "HC": "Health Care",
    "FIN": "Financials",
    "IND": "Industrials",
    "ENE": "Energy",
    "MAT": "Materials",
    "RE": "Real Estate",
    "UTL": "Utilities",
}
CURRENCIES = {
    "SS": "CNY",
    "SZ": "CNY",
    "BJ": "CNY",
    "HK": "HKD",
    "T": "JPY",
    "KS": "KRW",
    "TW": "TWD",
    "L": "GBP",
    "SW": "CHF",
    "AX": "AUD",
    "OL": "NOK",
    "ST": "SEK",
    "NS": "INR",
    "SI": "SGD",
    "SR": "SAR",
    "PA": "EUR",
    "DE": "EUR",
    "AS": "EUR",
    "MI": "EUR",
    "MC": "EUR",
    "BR": "EUR",
    "HE": "EUR",
    "IR": "EUR",
    "CO": "DKK",
    "TWO": "TWD",
    "KQ": "KRW",
    "TO": "CAD",
    "VI": "EUR",
    "LS": "EUR",
    "WA": "PLN",
    "BK": "THB",
    "KL": "MYR",
    "JK": "IDR",
    "JO": "ZAR",
    "IS": "TRY",
    "SA": "BRL",
    "PS": "PHP",
    "VN": "VND",
}
#: index -> suffix of the home listing
MEMBERS = {
    "S&P 500": "",
    "NASDAQ 100": "",
    "S&P 600": "",
    "DOW JONES": "",
    "NIKKEI 225": ".T",
    "DAX": ".DE",
    "MDAX": ".DE",
    "FTSE 100": ".L",
    "CAC_40": ".PA",
    "AEX": ".AS",
    "IBEX 35": ".MC",
    "OMX Stockholm 30": ".ST",
    "Switzerland 20": ".SW",
}
_HAN = re.compile(r"[一-鿿]")
_LEGAL = re.compile(
    r"[,\s]+(?:Inc\.?|Corp\.?|Corporation|Company|Co\.?|Companies|plc|Plc|PLC|Ltd\.?|Limited|LLC|LP|L\.P\.|SE|AG|KGaA|N\.?V\.?|S\.?A\.?|S\.?p\.?A\.?|AB|ASA|Oyj|"
    r"Group|Holdings?|Holding|The|\(The\)|\(Class [ABC]\)|Class [ABC])$"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of ``instruments`` in the making; ``aliases`` maps a text to whether it needs context."""

    symbol: str
    name: str
    name_zh: str | None
    mic: str
    asset_class: str
    currency: str
    sector: str | None = None
    aliases: dict[str, bool] = field(default_factory=dict)  # text -> needs context
    twin: str | None = None
    valid_from: date = ALWAYS
    valid_to: date | None = None


def build(wheels: Path) -> pl.DataFrame:
    """Return the validated ``instruments`` table, sorted by symbol and day."""
    ordinary = {r["word"] for r in _table("ordinary")}
    rows = [*renumbered(mainland(wheels)), *left(wheels), *own()]
    found, sectors, nasdaq = members(wheels, rows)
    rows = [_completed(r, sectors, nasdaq) for r in rows] + found
    rows = [_guarded(_with_ticker(r, ordinary), ordinary) for r in _in_english(twinned(rows))]
    frame = INSTRUMENTS.frame(
        {
            **{k: getattr(r, k) for k in INSTRUMENTS.schema if k != "aliases"},
            "aliases": [{"text": t, "language": "en" if t.isascii() else "zh", "needs_context": c} for t, c in r.aliases.items()],
        }
        for r in rows
    )
    return frame.sort("symbol", "valid_from")


def mainland(wheels: Path) -> list[Row]:
    """Return the A-shares: ``adata`` for code, short name and listing day, ``names_ashare.csv`` for everything else.

    ``names_renamed.csv`` has what they were called before and since, where the day is not known.
    """
    listed: dict[str, tuple[str, date]] = {}
    marked = set()
    for r in _wheel_codes(wheels):
        if r["list_date2"] and r["stock_code"][:2] not in ("20", "90"):
            symbol = _mainland_symbol(r["stock_code"])
            listed[symbol] = (_short(r["short_name"]), date.fromisoformat(r["list_date2"]))
            if "ST" in unicodedata.normalize("NFKC", r["short_name"]):
                marked.add(symbol)
    renamed = {r["symbol"]: r for r in _table("renamed")}
    rows, seen = [], set()
    for r in _table("ashare"):
        symbol = r["symbol"]
        short, since = listed.get(symbol, ("", ALWAYS))
        own_name = _short(r["name_zh"]) if r["name_zh"] else short
        if not own_name:
            raise SystemExit(f"names_ashare.csv: {symbol} is not in adata's list and has no name_zh of its own.")
        seen.add(symbol)
        row = _equity(symbol, r["name"] or own_name, own_name, r["sector"], r["aliases"])
        row = replace(row, aliases=_mainland_aliases(own_name, row.aliases), valid_from=_day(r["valid_from"]) or since)
        row = replace(row, valid_to=_day(r["valid_to"]))
        rows.append(row if row.valid_to else _renamed(row, renamed.get(symbol)))
    for symbol, (short, since) in sorted(listed.items()):
        if symbol not in seen:
            # without its mark a name of two characters is a word of the language: 全新, 熊猫, 中期
            name = f"ST{short}" if symbol in marked and len(short) < 3 else short
            row = replace(_equity(symbol, name, name, "", ""), aliases=_mainland_aliases(name, {}), valid_from=since)
            rows.append(_renamed(row, renamed.get(symbol)))
    unknown = sorted(renamed.keys() - {r.symbol for r in rows})
    if unknown:
        raise SystemExit(f"names_renamed.csv: no row for {', '.join(unknown)}.")
    return rows


def renumbered(rows: list[Row]) -> list[Row]:
    """Return ``rows`` with the new codes of Beijing: 920 and the last three digits of the old one, on the day the exchange changed over.

    Where several shares share the three digits, all but one got another number, which no table here has: they keep the old code.
    """
    out, known = [], {r.symbol for r in rows}
    old = [r for r in rows if r.symbol.endswith(".BJ") and not r.symbol.startswith("92") and r.valid_to is None]
    taken = [f"920{r.symbol[3:]}" for r in old]
    for row in rows:
        new, pilot = f"920{row.symbol[3:]}", row.symbol[:6] in BEIJING_PILOTS
        if row in old and new not in known and (pilot or taken.count(new) == 1):
            day = PILOT_DAY if pilot else BEIJING_DAY
            out += [replace(row, valid_to=day - timedelta(days=1)), replace(row, symbol=new, valid_from=day)]
        else:
            out.append(row)
    return out


def left(wheels: Path) -> list[Row]:
    """Return the shares of ``names_left.csv``, which had left the exchange when ``adata`` was made, and the B shares of ``adata``.

    A last day that is not known is that of the file, which is the latest it can have been; their first days are not known.
    """
    rows = []
    for r in _table("left"):
        row = _equity(r["symbol"], r["name_zh"], r["name_zh"], "", r["aliases"])
        rows.append(replace(row, currency=_b_currency(r["symbol"]), valid_to=_day(r["valid_to"]) or READ_ON))
    gone = {r.symbol for r in rows}
    for r in _wheel_codes(wheels):
        symbol = _mainland_symbol(r["stock_code"])
        if r["stock_code"][:2] in ("20", "90") and symbol not in gone:
            name = _short(r["short_name"])
            rows.append(replace(_equity(symbol, name, name, "", ""), currency=_b_currency(symbol)))
    # 万科B股 is 万科B
    return [replace(r, aliases={f"{r.name.removesuffix('股')}股": False, **r.aliases}) if r.symbol[:2] in ("20", "90") else r for r in rows]


def _b_currency(symbol: str) -> str:
    return {"20": "HKD", "90": "USD"}.get(symbol[:2], "CNY")


def _wheel_codes(wheels: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_member(wheels, "adata-*.whl", "adata/stock/cache/code.csv"))))


def _mainland_symbol(code: str) -> str:
    return f"{code}.{'SS' if code[0] in '69' and code[:2] != '92' else 'SZ' if code[0] in '023' else 'BJ'}"


def _renamed(row: Row, other: dict[str, str] | None) -> Row:
    """Return a row under its newest name, with the others a company has had as aliases: texts go on using them."""
    if other is None:
        return row
    name = other["now"] or row.name_zh or row.name
    texts = [row.name_zh or row.name, *other["also"].split("|")]
    aliases = {t: False for t in texts if t and t != name}
    english = name if row.name == row.name_zh else row.name
    return replace(row, name=english, name_zh=name, aliases={**_mainland_aliases(name, {}), **aliases, **row.aliases})


def own() -> list[Row]:
    """Return the rows of ``names_global.csv``, ``names_hongkong.csv`` and ``names_markets.csv``."""
    rows = []
    for r in (*_table("global"), *_table("hongkong")):
        # 比亚迪H and 百济神州(港) only tell the two rows apart in our table
        name_zh = re.sub(r"(?<=[一-鿿])H$|\(港\)$", "", r["name_zh"])
        row = _equity(r["symbol"], r["name"], name_zh or None, r["sector"], r["aliases"], r.get("mic") or "XHKG")
        implied = re.sub(r"-[A-Z]+$", "", name_zh)
        row = replace(row, aliases={**({implied: False} if implied != name_zh else {}), **row.aliases})
        rows.append(replace(row, valid_from=_day(r["valid_from"]) or ALWAYS, valid_to=_day(r["valid_to"])))
    for r in _table("markets"):
        since = _day(r["valid_from"]) or ALWAYS
        rows.append(
            Row(
                r["symbol"],
                r["name"],
                r["name_zh"] or None,
                r["mic"],
                r["asset_class"],
                r["currency"],
                None,
                _aliases(r["aliases"]),
                None,
                since,
            )
        )
    return rows


def members(wheels: Path, known: Iterable[Row]) -> tuple[list[Row], dict[str, str], set[str]]:
    """Return index members that ``known`` does not hold, at their home listing; and of all members, sectors and who is Nasdaq's."""
    symbols = {r.symbol for r in known}
    names = {_key(n) for r in known if r.asset_class == "equity" for n in (r.name, *r.aliases)}
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "indices_data.py"
        module.write_text(_member(wheels, "pytickersymbols-*.whl", "pytickersymbols/indices_data.py"), encoding="utf-8")
        indices = runpy.run_path(str(module))["INDICES"]
    rows: list[Row] = []
    sectors: dict[str, str] = {}
    nasdaq: set[str] = set()
    for index, suffix in MEMBERS.items():
        for company in indices[index]["companies"]:
            name, symbol = _plain(company["name"]), _home(company, suffix)
            sector = next((i for i in company.get("industries", []) if i in SECTORS.values()), None)
            if symbol is not None and sector is not None:
                sectors.setdefault(symbol, sector)
            if symbol is not None and not suffix and any(s.get("google", "").startswith("NASDAQ:") for s in company.get("symbols", [])):
                nasdaq.add(symbol)
            if symbol is None or symbol in symbols or _key(name) in names or len(name) < 3:
                continue
            symbols.add(symbol)
            names.add(_key(name))
            row = _equity(symbol, name, None, "", "", "XNAS" if symbol in nasdaq else "XNYS")
            # an acronym of up to three letters is too often another one
            rows.append(replace(row, sector=sector, aliases={name: True} if len(name) <= 3 else {}))
    return rows, sectors, nasdaq


def _completed(row: Row, sectors: dict[str, str], nasdaq: set[str]) -> Row:
    """Fill in what our own tables leave open about a company."""
    if row.asset_class != "equity":
        return row
    return replace(row, sector=row.sector or sectors.get(row.symbol), mic="XNAS" if row.symbol in nasdaq else row.mic)


def twinned(rows: list[Row]) -> list[Row]:
    """Point A and H rows at each other and give the H row the A row's Chinese names (the text decides which is meant)."""
    pairs = [(r["a"], r["h"]) for r in _table("twins")]
    by_symbol: dict[str, list[Row]] = {}
    for r in rows:
        by_symbol.setdefault(r.symbol, []).append(r)
    for a, h in pairs:
        if a not in by_symbol or h not in by_symbol:
            raise SystemExit(f"names_twins.csv: {a if a not in by_symbol else h} has no row of its own.")
    forward, back = dict(pairs), {h: a for a, h in pairs}
    out = []
    for r in rows:
        if r.symbol in back:
            shared: dict[str, bool] = {}
            for mainland_row in by_symbol[back[r.symbol]]:
                if mainland_row.valid_to is None:
                    shared |= {mainland_row.name_zh or mainland_row.name: False, **mainland_row.aliases}
            out.append(replace(r, twin=back[r.symbol], aliases={**shared, **r.aliases}))
        else:
            out.append(replace(r, twin=forward.get(r.symbol)))
    return out


def _in_english(rows: list[Row]) -> list[Row]:
    """Give a Hong Kong row the English name of the company's New York listing, as "Alibaba HK" is Alibaba, and its Chinese names.

    The two point at each other; the text decides which is meant.
    """
    chinese: dict[str, set[str]] = {}
    symbols: dict[str, str] = {}
    for r in rows:
        if r.mic != "XHKG" and r.asset_class == "equity":
            chinese.setdefault(r.name, set()).update({r.name_zh or r.name, *r.aliases})
            if r.twin is None and r.mic in ("XNYS", "XNAS"):
                symbols[r.name] = r.symbol
    out = []
    other: dict[str, str] = {}
    for r in rows:
        base = re.sub(r" (?:HK|H)$", "", r.name)
        shared = r.mic == "XHKG" and base != r.name and base not in r.aliases and not chinese.get(base, set()).isdisjoint(r.aliases)
        if shared and r.twin is None and base in symbols:
            other |= {symbols[base]: r.symbol, r.symbol: symbols[base]}
        out.append(replace(r, aliases={**r.aliases, base: False}) if shared else r)
    chinese_of = {r.symbol: {a: doubt for a, doubt in r.aliases.items() if _HAN.search(a)} for r in out if r.valid_to is None}
    named = {hk: chinese_of.get(new_york, {}) for new_york, hk in other.items() if hk.endswith(".HK")}
    return [replace(r, twin=r.twin or other.get(r.symbol), aliases={**named.get(r.symbol, {}), **r.aliases}) for r in out]


def _with_ticker(row: Row, ordinary: set[str]) -> Row:
    """Add the ticker of a share or fund in New York where it is long enough to be no common acronym, and no word; it needs context."""
    fits = row.asset_class in ("equity", "etf") and re.fullmatch(r"[A-Z]{4,5}", row.symbol)
    if not fits or row.symbol in ordinary or row.symbol in {row.name, *row.aliases}:
        return row
    return replace(row, aliases={**row.aliases, row.symbol: True})


def _guarded(row: Row, ordinary: set[str]) -> Row:
    aliases = {t: c or t in ordinary for t, c in row.aliases.items()}
    for name in (row.name, row.name_zh):
        if name in ordinary:
            aliases[name] = True
    return replace(row, aliases=aliases)


def _equity(symbol: str, name: str, name_zh: str | None, sector: str, aliases: str, mic: str = "XNYS") -> Row:
    suffix = symbol.rpartition(".")[2] if "." in symbol else ""
    market = mic if mic == "XNAS" else mic_of(symbol)
    return Row(symbol, name, name_zh, market, "equity", CURRENCIES.get(suffix, "USD"), SECTORS.get(sector), _aliases(aliases))


def _aliases(text: str) -> dict[str, bool]:
    return {a.removesuffix("?"): a.endswith("?") for a in text.split("|") if a}


def _mainland_aliases(short: str, own_aliases: dict[str, bool]) -> dict[str, bool]:
    """Return the aliases with what the short name itself implies: 万科A is 万科, 影石-U is 影石."""
    base = re.sub(r"(?:-[A-Z]+|A)$", "", short)
    implied = {base: False} if base != short and len(base) >= 2 and not base.isascii() else {}
    return {**implied, **own_aliases}


def _short(name: str) -> str:
    """Return a short name without padding and without the exchange's marks (ST, XD, …), which are dated and not ours to date."""
    name = unicodedata.normalize("NFKC", name).replace(" ", "")
    return (
        re.sub(r"^(?:XD|XR|DR)?(?:\*ST|S\*ST|SST|ST|S(?=[一-鿿])|PT)?(?=[一-鿿A-Z])", "", name)
        if re.match(r"XD|XR|DR|\*|S", name)
        else name
    )


def _plain(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    while (shorter := _LEGAL.sub("", name)) != name and shorter:
        name = shorter
    return name


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", _plain(name)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "", plain) or name


def _home(company: dict, suffix: str) -> str | None:  # type: ignore[type-arg]
    yahoo = [s["yahoo"] for s in company.get("symbols", []) if s.get("yahoo")]
    if suffix:
        return next((y for y in yahoo if y.endswith(suffix) and (suffix == ".T" or not re.match(r"0[A-Z0-9]{3}\.L", y))), None)
    return next((y for y in yahoo if "." not in y and re.fullmatch(r"[A-Z]{1,5}(?:-[A-Z])?", y)), None)


def _table(name: str) -> list[dict[str, str]]:
    with (HERE / f"names_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _member(wheels: Path, pattern: str, path: str) -> str:
    found = sorted(wheels.glob(pattern))
    if not found:
        raise SystemExit(f"No {pattern} in {wheels}; download the wheel there first (see the head of this script).")
    with zipfile.ZipFile(found[-1]) as archive:
        return archive.read(path).decode("utf-8")


def _day(text: str) -> date | None:
    return max(date.fromisoformat(text), ALWAYS) if text else None


def main() -> None:
    """Write ``instruments.parquet`` beside this script."""
    if len(sys.argv) != 2:
        raise SystemExit("Usage: build_instruments.py FOLDER_WITH_WHEELS")
    frame = build(Path(sys.argv[1]))
    target = HERE / "instruments.parquet"
    frame.write_parquet(target, compression="zstd", compression_level=19)
    print(f"instruments: {frame.height} rows, {frame['symbol'].n_unique()} symbols, {target.stat().st_size / 1e6:.2f} MB, {target}")


if __name__ == "__main__":
    main()
