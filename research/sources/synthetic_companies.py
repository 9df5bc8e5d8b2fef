"""The invented companies of the embedded market, read from ``research/data/synthetic_market.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import polars as pl

from research.calendar import mic_of
from research.schemas import INSTRUMENTS
from research.sources.synthetic_text import Company

__all__ = ["MARKETS", "Lifetimes", "companies", "configuration", "effects", "instruments", "lifetimes", "market_of"]

#: market -> (calendar, currency)
MARKETS = MappingProxyType({"cn": ("XSHG", "CNY"), "hk": ("XHKG", "HKD"), "us": ("XNYS", "USD")})
_FIRST_DAY = date(2010, 1, 4)

#: symbol -> its dated names: (first day, last day or None, name, Chinese name)
Lifetimes = Mapping[str, list[tuple[date, date | None, str, str]]]


@lru_cache(maxsize=1)
def configuration() -> Mapping[str, Any]:
    """Return the file as read: ``effects``, ``benchmarks``, ``index`` and ``instrument``."""
    text = (files("research.data") / "synthetic_market.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def market_of(symbol: str) -> str:
    """Return ``cn``, ``hk`` or ``us``."""
    return {"XSHG": "cn", "XSHE": "cn", "XHKG": "hk"}.get(mic_of(symbol), "us")


def instruments(open_days: Mapping[str, Sequence[date]]) -> pl.DataFrame:
    """Return the ``instruments`` table; ``open_days`` (sessions of each market) date the rename and the delisting."""
    rows: list[dict[str, Any]] = []
    for entry in [*configuration()["index"], *configuration()["instrument"]]:
        symbol = entry["symbol"]
        market = market_of(symbol)
        days = open_days[market]
        row = {
            "symbol": symbol,
            "valid_from": _FIRST_DAY,
            "name": entry["name"],
            "name_zh": entry["zh"],
            "mic": mic_of(symbol),
            "asset_class": "equity" if "sector" in entry else "index",
            "currency": MARKETS[market][1],
            "sector": entry.get("sector"),
            "aliases": _aliases(entry),
            "twin": entry.get("twin"),
            "valid_to": days[int(len(days) * entry["delisted"])] if "delisted" in entry else None,
        }
        if "former" in entry:
            former, changed = entry["former"], int(len(days) * entry["former"]["until"])
            # The day before the change, not the session before: no day may be without a name.
            last = date.fromordinal(days[changed].toordinal() - 1)
            rows.append(row | {"name": former["name"], "name_zh": former["zh"], "valid_to": last})
            row["valid_from"] = days[changed]
        rows.append(row)
    return INSTRUMENTS.frame(rows).sort("symbol", "valid_from")


def companies() -> dict[str, Company]:
    """Return the companies under their last names, by symbol."""
    return {
        entry["symbol"]: Company(
            symbol=entry["symbol"],
            name=entry["name"],
            zh=entry["zh"],
            sector=entry["sector"],
            market=market_of(entry["symbol"]),
            price=float(entry["price"]),
            aliases=tuple((text, language, context) for text, language, context in entry.get("alias", [])),
            nickname=entry.get("nickname"),
        )
        for entry in configuration()["instrument"]
    }


def lifetimes(instruments: pl.DataFrame) -> Lifetimes:
    """Return the dated names of every company, from the ``instruments`` table."""
    equities = instruments.filter(pl.col("asset_class") == "equity").sort("symbol", "valid_from")
    names: dict[str, list[tuple[date, date | None, str, str]]] = {}
    for symbol, first, last, name, zh in equities.select("symbol", "valid_from", "valid_to", "name", "name_zh").rows():
        names.setdefault(symbol, []).append((first, last, name, zh))
    return names


def effects() -> pl.DataFrame:
    """Return ``event_type, planted, days``: the abnormal return planted for each type, in total over its sessions."""
    rows = [(name, float(effect["total"]), int(effect["days"])) for name, effect in sorted(configuration()["effects"].items())]
    return pl.DataFrame(rows, schema={"event_type": pl.String, "planted": pl.Float64, "days": pl.Int32}, orient="row")


def _aliases(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [{"text": text, "language": language, "needs_context": context} for text, language, context in entry.get("alias", [])]
    if nickname := entry.get("nickname"):
        rows.append({"text": nickname, "language": "en" if nickname.isascii() else "zh", "needs_context": False})
    return rows
