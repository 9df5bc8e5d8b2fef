"""Tables of :mod:`research`, declared once: column, dtype, null rule, domain, meaning, unit.

``Table.validate`` is the gate at every public boundary. Conventions shared by all tables:

- instants are ``Datetime('us', 'UTC')`` and named ``*_at`` (or ``asof``); trading dates are exchange-local and named ``session``;
- returns, weights, moves are fractions (0.01 is 1 %);
- symbols are written as Yahoo writes them; ids are content hashes.
"""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from research.table import INSTANT, Column, Table, content_id

__all__ = [
    "BARS",
    "DOCUMENTS",
    "EVENTS",
    "EVENT_GROUPS",
    "FACTS",
    "FACT_KINDS",
    "INSTANT",
    "INSTRUMENTS",
    "MENTIONS",
    "QUARANTINE",
    "SESSIONS",
    "TABLES",
    "Column",
    "Table",
    "content_id",
]

EVENT_GROUPS = (
    "earnings", "guidance", "analyst_rating", "mna", "buyback", "dividend", "share_offering_ipo", "shareholder_reduction",
    "insider_management_change", "capex_investment", "product_launch", "contract_partnership", "layoffs_restructuring",
    "regulation_investigation", "litigation_settlement", "default_credit", "accident_operations", "price_move",
    "fund_flow_positioning", "macro_data", "central_bank", "fiscal_trade_policy", "geopolitics",
    "commodity_supply_demand", "tech_industry_trend", "other",
)  # fmt: skip

FACT_KINDS = (
    "price_move", "northbound_flow", "southbound_flow", "margin_flow", "etf_flow", "sector_flow", "new_fund_issuance",
    "insider_trade", "index_move", "sector_move", "valuation_level", "valuation_percentile", "macro_value",
    "industry_value", "company_value",
)  # fmt: skip

ASSET_CLASSES = ("equity", "index", "etf", "commodity", "crypto", "fx", "rate")
ROLES = ("subject", "counterparty", "source", "passing")


def _available() -> Column:
    return Column("available_at", INSTANT, "earliest instant at which a strategy may use the row; the only join clock")


ALIAS = pl.Struct({"text": pl.String, "language": pl.String, "needs_context": pl.Boolean})

DOCUMENTS = Table(
    "documents",
    ("doc_id",),
    (
        Column("doc_id", pl.String, "hash of kind, source, headline, body and stated publication instant"),
        Column("kind", pl.String, "what sort of text", choices=("news", "report", "announcement", "social")),
        Column("source", pl.String, "who published it"),
        Column("url", pl.String, "address of the original, as text", null=True),
        Column("language", pl.String, "language and script", choices=("zh-Hans", "zh-Hant", "en")),
        Column("headline", pl.String, "title"),
        Column("body", pl.String, "text without boilerplate; may be empty"),
        Column("published_at", INSTANT, "publication as claimed; the upper end of the interval when only an interval is known"),
        Column("published_precision", pl.String, "how exact the claim is", choices=("second", "minute", "day", "interval")),
        Column("published_not_before", INSTANT, "lower bound of publication"),
        Column("published_not_after", INSTANT, "upper bound of publication"),
        Column("first_seen_at", INSTANT, "when a collector held it; null for a back-fill", null=True),
        _available(),
        Column("story_id", pl.String, "doc_id of the earliest near-duplicate already available; its own id when there is none"),
        Column("novelty", pl.Float64, "1 = nothing like it was available before, 0 = a copy", low=0, high=1),
    ),
    clock="available_at",
)

MENTIONS = Table(
    "mentions",
    ("doc_id", "symbol"),
    (
        Column("doc_id", pl.String, "document"),
        Column("symbol", pl.String, "instrument mentioned"),
        Column("surfaces", pl.List(pl.String), "the names the text uses, in order of first appearance"),
        Column("in_headline", pl.Boolean, "named in the headline"),
        Column("first_offset", pl.Int32, "first character of the first mention in headline + newline + body", low=0),
        Column("n_mentions", pl.Int32, "how often it is named", low=1),
        Column("role", pl.String, "what the text does with it; `source` is only quoted", choices=ROLES),
        Column("relevance", pl.Float64, "how much the text is about it", low=0, high=1),
        Column("sentiment", pl.Float64, "tone towards this instrument's price", low=-1, high=1),
        Column("confidence", pl.Float64, "trust in the sentiment", low=0, high=1),
        _available(),
        Column("annotator", pl.String, "name@version of what produced the row"),
    ),
    clock="available_at",
)

EVENTS = Table(
    "events",
    ("event_id",),
    (
        Column("event_id", pl.String, "hash of doc_id, symbol, event_type and evidence"),
        Column("doc_id", pl.String, "document that reports it"),
        Column("symbol", pl.String, "instrument it happens to; null when market-wide", null=True),
        Column("event_type", pl.String, "`group.type` of the taxonomy"),
        Column("role", pl.String, "the instrument's part in it", choices=ROLES),
        Column("event_date", pl.Date, "the day it happened, where the text says", null=True),
        _available(),
        Column("sentiment", pl.Float64, "tone towards the instrument's price", low=-1, high=1),
        Column("relevance", pl.Float64, "how much the text is about the instrument", low=0, high=1),
        Column("novelty", pl.Float64, "novelty of the document", low=0, high=1),
        Column("confidence", pl.Float64, "trust in the extraction", low=0, high=1),
        Column("evidence", pl.String, "verbatim quote"),
        Column("annotator", pl.String, "name@version of what produced the row"),
    ),
    clock="available_at",
)

FACTS = Table(
    "facts",
    ("fact_id",),
    (
        Column("fact_id", pl.String, "hash of doc_id, kind, subject, value and quote"),
        Column("doc_id", pl.String, "document that states it"),
        Column("kind", pl.String, "what sort of number", choices=FACT_KINDS),
        Column("subject", pl.String, "what the number is of, as the text names it"),
        Column("symbol", pl.String, "instrument, where the subject is one", null=True),
        Column("start_date", pl.Date, "first day of the period", null=True),
        Column("end_date", pl.Date, "last day of the period; the session of a one-day move", null=True),
        Column("value", pl.Float64, "the number in base units: fraction, currency units, shares, times"),
        Column("unit", pl.String, "base unit of the value: fraction, CNY, USD, shares, times, points …"),
        Column("qualifier", pl.String, "how the number bounds the truth", choices=("exact", "over", "near", "about", "limit")),
        Column(
            "basis",
            pl.String,
            "what a move spans",
            null=True,
            choices=("close", "intraday", "after_hours", "week", "month", "ytd", "other"),
        ),
        Column("quote", pl.String, "verbatim quote"),
        _available(),
    ),
    clock="available_at",
)

INSTRUMENTS = Table(
    "instruments",
    ("symbol", "valid_from"),
    (
        Column("symbol", pl.String, "one symbol per issuer and listing, as Yahoo writes it"),
        Column("valid_from", pl.Date, "first day this row is true"),
        Column("name", pl.String, "name in English, or as listed"),
        Column("name_zh", pl.String, "short name in simplified Chinese", null=True),
        Column("mic", pl.String, "market identifier (ISO 10383) whose calendar it trades on"),
        Column("asset_class", pl.String, "kind of instrument", choices=ASSET_CLASSES),
        Column("currency", pl.String, "ISO 4217 code prices are in"),
        Column("sector", pl.String, "sector", null=True),
        Column("aliases", pl.List(ALIAS), "other names; `needs_context` ones count only beside a surer one"),
        Column("twin", pl.String, "the same issuer's other listing (A/H, or New York and Hong Kong)", null=True),
        Column("valid_to", pl.Date, "last day this row is true; null when still valid", null=True),
    ),
)

SESSIONS = Table(
    "sessions",
    ("mic", "session"),
    (
        Column("mic", pl.String, "market identifier"),
        Column("session", pl.Date, "exchange-local trading date"),
        Column("open_at", INSTANT, "regular open"),
        Column("close_at", INSTANT, "regular close"),
    ),
)

BARS = Table(
    "bars",
    ("symbol", "session"),
    (
        Column("symbol", pl.String, "instrument"),
        Column("session", pl.Date, "exchange-local trading date"),
        Column("open", pl.Float64, "first price, currency units", null=True, above=0),
        Column("high", pl.Float64, "highest price", null=True, above=0),
        Column("low", pl.Float64, "lowest price", null=True, above=0),
        Column("close", pl.Float64, "last price; the previous close on a suspended day", above=0),
        Column("volume", pl.Float64, "shares or contracts traded; null where the vendor gives none", null=True, low=0),
        Column("amount", pl.Float64, "currency units traded", null=True, low=0),
        Column(
            "adj_factor",
            pl.Float64,
            "cumulative total-return factor, 1.0 at the first stored session, never revised; close × adj_factor chains",
            above=0,
        ),
        Column("suspended", pl.Boolean, "no trading that session"),
        Column("limit_up", pl.Float64, "highest price the exchange allows", null=True, above=0),
        Column("limit_down", pl.Float64, "lowest price the exchange allows", null=True, above=0),
        Column("currency", pl.String, "ISO 4217 code"),
        _available(),
        Column("source", pl.String, "vendor or file the bar came from"),
    ),
    clock="available_at",
)

QUARANTINE = Table(
    "quarantine",
    ("input_id",),
    (
        Column("input_id", pl.String, "hash of the input that was set aside"),
        Column("source", pl.String, "file or feed it came from"),
        Column("reason", pl.String, "one sentence: what came, what was expected, the next step"),
        Column("excerpt", pl.String, "the beginning of the input"),
        Column("first_seen_at", INSTANT, "when a collector held it; null for a back-fill", null=True),
    ),
)

BAR_FLAGS = Table(
    "bar_flags",
    ("flag_id",),
    (
        Column("flag_id", pl.String, "hash of source, symbol, session, rule and reason"),
        Column("symbol", pl.String, "instrument"),
        Column("session", pl.Date, "session of the bar; null where the whole symbol is meant", null=True),
        Column("rule", pl.String, "what was checked; see research.bar_checks, research.sources.bars and research.sources.revisions"),
        Column("reason", pl.String, "one sentence: what is odd"),
        Column("source", pl.String, "vendor or file the bar came from"),
        Column("first_seen_at", INSTANT, "when the bar was fetched; null for a file", null=True),
    ),
)

TREATMENTS = Table(
    "treatments",
    ("symbol", "valid_from"),
    (
        Column("symbol", pl.String, "mainland share"),
        Column("valid_from", pl.Date, "first day this row is true; it ends the day before the symbol's next row"),
        Column("mark", pl.String, "the mark in the short name, empty for none; null where it is not known", null=True,
               choices=("", "S", "ST", "*ST", "PT", "退")),
        Column("name", pl.String, "short name with its mark, as the source writes it", null=True),
        Column("stated", pl.Boolean, "the source states the day; otherwise it is the day the mark was seen"),
        Column("source", pl.String, "list or file the row came from"),
        Column("first_seen_at", INSTANT, "when the list was fetched; null for a file", null=True),
    ),
)  # fmt: skip

FETCHES = Table(
    "fetches",
    ("fetch_id",),
    (
        Column("fetch_id", pl.String, "hash of the other columns"),
        Column("symbol", pl.String, "instrument"),
        Column("source", pl.String, "vendor that was asked"),
        Column("start_date", pl.Date, "first day asked for"),
        Column("end_date", pl.Date, "last day asked for that was over when the vendor answered"),
        Column("fetched_at", INSTANT, "when it was asked"),
    ),
)

TABLES = MappingProxyType(
    {t.name: t for t in (DOCUMENTS, MENTIONS, EVENTS, FACTS, INSTRUMENTS, SESSIONS, BARS, BAR_FLAGS, TREATMENTS, FETCHES, QUARANTINE)}
)
