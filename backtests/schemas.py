"""Tables of :mod:`backtests`; conventions as in :mod:`research.schemas`."""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from research.schemas import INSTANT, Column, Table

__all__ = ["EVENT_RETURNS", "EVENT_STUDY", "EVENT_TESTS", "LABELS", "METRICS", "ORDERS", "PORTFOLIO", "REASONS", "TABLES", "WEIGHTS"]

LABELS = Table(
    "labels",
    ("session", "symbol", "horizon"),
    (
        Column("session", pl.Date, "decision session t"),
        Column("symbol", pl.String, "instrument"),
        Column("horizon", pl.Int16, "h, in sessions", low=1),
        Column("forward_return", pl.Float64, "total return from the open of t+1 to the close of t+h, fraction", low=-1),
        Column("ends_at", INSTANT, "close of t+h: before it the label is not known"),
    ),
    clock="ends_at",
)

EVENT_RETURNS = Table(
    "event_returns",
    ("event_id", "symbol", "tau"),
    (
        Column("event_id", pl.String, "event"),
        Column("symbol", pl.String, "instrument"),
        Column("tau", pl.Int32, "sessions from day 0"),
        Column("session", pl.Date, "trading date"),
        Column("realized_return", pl.Float64, "total return, fraction", null=True),
        Column("expected_return", pl.Float64, "normal return of the model, fraction", null=True),
        Column("abnormal_return", pl.Float64, "realized - expected, fraction", null=True),
        Column("forecast_std", pl.Float64, "standard deviation of the forecast error, fraction", null=True, low=0),
    ),
)

EVENT_STUDY = Table(
    "event_study",
    ("group", "tau"),
    (
        Column("group", pl.String, "group of events"),
        Column("tau", pl.Int32, "sessions from day 0"),
        Column("n_events", pl.Int32, "events with a valid abnormal return on the day", low=0),
        Column("aar", pl.Float64, "average abnormal return, fraction", null=True),
        Column("caar", pl.Float64, "mean over events of the abnormal return cumulated from the start of the window, fraction", null=True),
        Column("std_error", pl.Float64, "cross-sectional standard error of caar", null=True, low=0),
    ),
)

EVENT_TESTS = Table(
    "event_tests",
    ("group", "test", "window_start", "window_end"),
    (
        Column("group", pl.String, "group of events"),
        Column("test", pl.String, "name of the test"),
        Column("window_start", pl.Int32, "first tau"),
        Column("window_end", pl.Int32, "last tau"),
        Column("statistic", pl.Float64, "test statistic", null=True),
        Column("p_value", pl.Float64, "two-sided p-value", null=True, low=0, high=1),
        Column("df", pl.Float64, "degrees of freedom; null for the normal distribution", null=True),
        Column("n_events", pl.Int32, "events used", low=0),
    ),
)

WEIGHTS = Table(
    "weights",
    ("session", "symbol"),
    (
        Column("session", pl.Date, "session t the weight is decided in; filled at the open of t+1"),
        Column("symbol", pl.String, "instrument"),
        Column("weight", pl.Float64, "target, fraction of NAV"),
    ),
)

REASONS = ("limit_up", "limit_down", "suspended", "t_plus_1", "lot", "cash", "adv_cap", "no_short")

ORDERS = Table(
    "orders",
    ("session", "symbol"),
    (
        Column("session", pl.Date, "session the order is worked in"),
        Column("symbol", pl.String, "instrument"),
        Column("decided_session", pl.Date, "session the target was decided in"),
        Column("requested", pl.Float64, "shares asked for; negative sells"),
        Column("filled", pl.Float64, "shares filled; negative sells"),
        Column("fill_price", pl.Float64, "price before fees, currency units", null=True),
        Column("commission", pl.Float64, "currency units", low=0),
        Column("stamp_duty", pl.Float64, "currency units", low=0),
        Column("transfer_fee", pl.Float64, "currency units", low=0),
        Column("slippage", pl.Float64, "currency units", low=0),
        Column("status", pl.String, "what became of it", choices=("filled", "partial", "rejected")),
        Column("reason", pl.String, "why it was cut or rejected", null=True, choices=REASONS),
    ),
)  # fmt: skip

PORTFOLIO = Table(
    "portfolio",
    ("session",),
    (
        Column("session", pl.Date, "trading date"),
        Column("gross_return", pl.Float64, "before costs, fraction of the previous NAV"),
        Column("cost", pl.Float64, "all costs, fraction of the previous NAV", low=0),
        Column("net_return", pl.Float64, "after costs, fraction"),
        Column("turnover", pl.Float64, "traded value / previous NAV (both sides)", low=0),
        Column("gross_exposure", pl.Float64, "sum of absolute position values / NAV", low=0),
        Column("net_exposure", pl.Float64, "sum of position values / NAV"),
        Column("nav", pl.Float64, "net asset value at the close, 1.0 at the start", above=0),
    ),
)

METRICS = Table(
    "metrics",
    ("metric",),
    (
        Column("metric", pl.String, "name"),
        Column("value", pl.Float64, "value", null=True),
        Column("std_error", pl.Float64, "standard error", null=True, low=0),
        Column("ci_low", pl.Float64, "lower end of the 95 % interval", null=True),
        Column("ci_high", pl.Float64, "upper end of the 95 % interval", null=True),
        Column("n", pl.Int64, "observations", low=0),
        Column("method", pl.String, "how value and interval were computed"),
    ),
)

TABLES = MappingProxyType({t.name: t for t in (LABELS, EVENT_RETURNS, EVENT_STUDY, EVENT_TESTS, WEIGHTS, ORDERS, PORTFOLIO, METRICS)})
