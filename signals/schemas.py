"""Tables of :mod:`signals`; conventions as in :mod:`research.schemas`."""

from __future__ import annotations

from types import MappingProxyType

import polars as pl

from research.schemas import INSTANT, Column, Table

__all__ = ["FEATURES", "RUNS", "SIGNALS", "TABLES"]

FEATURES = Table(
    "features",
    ("session", "symbol"),
    (
        Column("session", pl.Date, "session the row is decided in; orders fill at the next open"),
        Column("symbol", pl.String, "instrument"),
        Column("asof", INSTANT, "cut-off: only rows with available_at < asof were used"),
    ),
    clock="asof",
    extra=pl.Float64,
)

SIGNALS = Table(
    "signals",
    ("signal", "session", "symbol"),
    (
        Column("signal", pl.String, "name@version"),
        Column("session", pl.Date, "session the view is formed in; orders fill at the next open"),
        Column("symbol", pl.String, "instrument"),
        Column("asof", INSTANT, "cut-off: only rows with available_at < asof were used"),
        Column("horizon", pl.Int16, "sessions the view is about", low=1),
        Column("score", pl.Float64, "cross-sectional z-score; positive is long"),
        Column("run_id", pl.String, "run that wrote the row"),
    ),
    clock="asof",
)

RUNS = Table(
    "runs",
    ("run_id",),
    (
        Column("run_id", pl.String, "hash of command, asof and configuration"),
        Column("command", pl.String, "what ran"),
        Column("asof", INSTANT, "cut-off of the run"),
        Column("started_at", INSTANT, "wall clock at the start"),
        Column("finished_at", INSTANT, "wall clock at the end", null=True),
        Column("status", pl.String, "how it ended", choices=("done", "failed")),
        Column("config_hash", pl.String, "hash of the configuration"),
        Column("code_version", pl.String, "version of the package"),
        Column("table_versions", pl.String, "JSON object: version of every table read"),
        Column("rows_written", pl.Int64, "rows added to the signals table", low=0),
        Column("error", pl.String, "the sentence it failed with", null=True),
    ),
)

TABLES = MappingProxyType({t.name: t for t in (FEATURES, SIGNALS, RUNS)})
