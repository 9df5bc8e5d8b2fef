"""What is odd about bars: rules that flag a row and say why, and never change it.

============  ========================================================================================================================
duplicate     two bars of one session
high, low     the high is below open, low or close; the low is above open or close
limit         a move beyond the limit of the board and the day, or a close beyond the bar's own limits
listing       such a move among the first stored sessions, where a new listing would have no limit; not where the listing day is known
split         the factor steps by a half or more, and the price did not fall by it or fell twice by it
jump          where no limit is known: the value more than doubled or less than halved
identity      after 60 sessions or more without a bar the value is three times or a third: the symbol may mean another security now
currency      the currency changes, or is not the one the symbol's market trades in
gap           sessions of the market's calendar without a bar, reported at the bar after them
============  ========================================================================================================================

*Value* is ``close * adj_factor``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from research import calendar
from research.corporate_actions import steps
from research.price_limits import board_limit, first_sessions, since_listing, under_treatment

__all__ = ["FLAGS", "against_distributions", "validate"]

#: columns of the frames of findings
FLAGS = {"symbol": pl.String, "session": pl.Date, "rule": pl.String, "reason": pl.String}

#: rounding of vendors' adjusted prices, relative
_ROUNDING = 1e-6
#: a step of the factor from here on is a split; the move of a day must be under this part of it, in logarithms
_SPLIT, _SPLIT_PART = 1.5, 0.7
_LONG_GAP, _OTHER_LEVEL = 60, 3.0


def validate(
    bars: pl.DataFrame,
    *,
    currencies: Mapping[str, str] | None = None,
    listings: pl.DataFrame | None = None,
    special: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return what is odd about the bars, one row a finding; nothing is changed. The rules are in the module's table.

    Parameters
    ----------
    bars
        The ``bars`` table.
    currencies
        Symbol to the currency it is usually quoted in; without it only changes are found.
    listings
        ``symbol, list_date``: no limit is checked in the sessions a listing trades without one.
    special
        ``symbol, start, end`` and, where known, ``mark`` of special treatment, as :func:`research.price_limits.with_limits` takes it.

    Returns
    -------
    DataFrame
        ``symbol, session, rule, reason``, sorted; ``session`` is null where the whole symbol is meant.
    """
    rows = bars.sort("symbol", "session", maintain_order=True)
    found = [_duplicates(rows), *_crossed(rows), *_moves(rows, listings, special), *_currencies(rows, currencies or {}), _gaps(rows)]
    return pl.concat(found).sort("symbol", "session", "rule", nulls_last=False)


def against_distributions(bars: pl.DataFrame, distributions: pl.DataFrame, *, tolerance: float = 1e-4) -> pl.DataFrame:
    """Return where the steps of ``adj_factor`` differ from what the stated distributions imply (:mod:`research.corporate_actions`).

    Parameters
    ----------
    bars
        The ``bars`` table, prices as traded.
    distributions
        ``symbol, ex_date, cash, shares`` and, where known, ``rights, subscription``: currency units, new shares, shares offered and their
        price for one share held (a 2:1 split is 1 new share). Several of one day add up.
    tolerance
        Relative.

    Returns
    -------
    DataFrame
        ``symbol, session, rule, reason`` with the rule ``distribution``, sorted. A distribution before the symbol's first bar, or after
        its last, has no step to compare with.
    """
    live = bars.filter(~pl.col("suspended")).sort("symbol", "session")
    moved = live.select("symbol", "session", _step=(pl.col("adj_factor") / pl.col("adj_factor").shift(1)).over("symbol"))
    joined = moved.filter(pl.col("_step").is_not_null()).join(steps(bars, distributions), on=("symbol", "session"), how="left")
    off = joined.filter((pl.col("_step") / pl.col("stated").fill_null(1.0) - 1).abs() > tolerance)
    numbers = [pl.col(name).round(6) for name in ("_step", "stated")]
    paid = pl.col("paid").round(6)
    offered = pl.when(pl.col("rights") > 0).then(pl.format(", rights to {} for {}", "rights", paid)).otherwise(pl.lit(""))
    told = pl.format(
        "The factor steps by {} and the stated distribution (cash {}, new shares {}{}) by {}.",
        numbers[0],
        "cash",
        "shares",
        offered,
        numbers[1],
    )
    untold = pl.format("The factor steps by {} and no distribution is stated.", numbers[0])
    reason = pl.when(pl.col("cash").is_null()).then(untold).otherwise(told)
    return _finding(off, "distribution", reason).sort("symbol", "session")


def _finding(rows: pl.DataFrame, rule: str, reason: pl.Expr) -> pl.DataFrame:
    return rows.select("symbol", "session", rule=pl.lit(rule), reason=reason)


def _duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    many = rows.group_by("symbol", "session").len().filter(pl.col("len") > 1)
    return _finding(many, "duplicate", pl.format("{} bars of one session.", "len"))


def _crossed(rows: pl.DataFrame) -> list[pl.DataFrame]:
    highest, lowest = pl.max_horizontal("open", "close", "low"), pl.min_horizontal("open", "close")
    above = rows.filter(pl.col("high") < highest * (1 - _ROUNDING))
    below = rows.filter(pl.col("low") > lowest * (1 + _ROUNDING))
    return [
        _finding(above, "high", pl.format("The high {} is below open {}, low {} or close {}.", "high", "open", "low", "close")),
        _finding(below, "low", pl.format("The low {} is above open {} or close {}.", "low", "open", "close")),
    ]


def _moves(rows: pl.DataFrame, listings: pl.DataFrame | None, special: pl.DataFrame | None) -> list[pl.DataFrame]:
    value = pl.col("close") * pl.col("adj_factor")
    before = pl.col("close").shift(1).over("symbol")
    rows = under_treatment(rows, special)
    free, unlisted = pl.col("_opening"), pl.lit(True)
    if listings is not None:
        rows = since_listing(rows, listings)
        free |= (pl.col("_since") <= pl.col("_free")).fill_null(False)
        unlisted = pl.col("list_date").is_null()
    moved = _numbered(rows).with_columns(
        _move=(value / value.shift(1)).over("symbol") - 1,
        _step=(pl.col("adj_factor") / pl.col("adj_factor").shift(1)).over("symbol"),
        # A cent of rounding in the price before and one in this one are no violation, however low the price.
        _slack=0.001 + 0.02 / before,
        _number=pl.int_range(1, pl.len() + 1).over("symbol"),
        _resumed=(pl.col("_missing") > 0).fill_null(False),
        _fresh=first_sessions(pl.col("symbol"), pl.col("session").first().over("symbol")),
        _limit=pl.when(~free).then(board_limit(pl.col("symbol"), pl.col("session"), pl.col("_special")) / 100),
    )
    percent = (pl.col("_move") * 100).round(2), (pl.col("_limit") * 100).round().cast(pl.Int64)
    size = pl.col("_step").log().abs()
    split = (size >= math.log(_SPLIT)) & ((pl.col("_move") + 1).log().abs() > _SPLIT_PART * size)
    other = (pl.col("_missing") >= _LONG_GAP) & ((pl.col("_move") + 1).log().abs() > math.log(_OTHER_LEVEL))
    leap = pl.col("_limit").is_null() & ~pl.col("_move").is_between(-0.5, 1.0)
    beyond = moved.filter(pl.col("_move").abs() > pl.col("_limit") + pl.col("_slack"))
    fresh = unlisted & (pl.col("_number") <= pl.col("_fresh")).fill_null(False)
    over = rows.filter((pl.col("close") > pl.col("limit_up") + 0.005) | (pl.col("close") < pl.col("limit_down") - 0.005))
    return [
        _finding(
            beyond.filter(~fresh & ~pl.col("_resumed")), "limit", pl.format("The close moved by {} % and the limit is {} %.", *percent)
        ),
        _finding(
            beyond.filter(~fresh & pl.col("_resumed")),
            "limit",
            pl.format(
                "After {} sessions without a bar the close moved by {} % and the limit is {} %: shares issued in a reorganisation that the "
                "factor lacks, or the first session of a delisting period, would explain it.",
                "_missing",
                *percent,
            ),
        ),
        _finding(
            beyond.filter(fresh),
            "listing",
            pl.format("The close moved by {} %: beyond the board's limit of {} % unless the share was just listed.", *percent),
        ),
        _finding(
            moved.filter(split),
            "split",
            pl.format(
                "The factor steps by {} and the value moved by {} %: a split is applied twice, or not in the price.",
                pl.col("_step").round(4),
                percent[0],
            ),
        ),
        _finding(
            moved.filter(other),
            "identity",
            pl.format(
                "After {} sessions without a bar the value moved by {} %: the symbol may mean another security now.", "_missing", percent[0]
            ),
        ),
        _finding(
            moved.filter(leap & ~split.fill_null(False) & ~other.fill_null(False)),
            "jump",
            pl.format("The close moved by {} %: a split or a distribution may be missing.", percent[0]),
        ),
        _finding(over, "limit", pl.format("The close {} is outside the limits {} to {}.", "close", "limit_down", "limit_up")),
    ]


def _currencies(rows: pl.DataFrame, usual: Mapping[str, str]) -> list[pl.DataFrame]:
    changed = rows.with_columns(_was=pl.col("currency").shift(1).over("symbol")).filter(pl.col("_was") != pl.col("currency"))
    own = pl.col("symbol").replace_strict(dict(usual), default=None, return_dtype=pl.String)
    odd = rows.with_columns(_usual=own).filter(pl.col("currency") != pl.col("_usual"))
    counted = odd.group_by("symbol", "currency", "_usual").len().with_columns(session=pl.lit(None, dtype=pl.Date))
    return [
        _finding(changed, "currency", pl.format("The currency changes from {} to {}.", "_was", "currency")),
        _finding(counted, "currency", pl.format("{} bars are in {}; the symbol's market trades in {}.", "len", "currency", "_usual")),
    ]


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``_missing``: how many sessions of the market's calendar lie between a bar and the one before; null where one is no session."""
    mics = {symbol: calendar.mic_of(symbol) for symbol in rows["symbol"].unique().to_list()}
    rows = rows.with_columns(_mic=pl.col("symbol").replace_strict(mics, default=None, return_dtype=pl.String))
    found = []
    for (mic,), part in sorted(rows.partition_by("_mic", as_dict=True).items()):
        held = calendar.sessions_within(str(mic), part["session"].min(), part["session"].max())  # type: ignore[arg-type]
        numbers = held.select("session").with_row_index("_number").with_columns(pl.col("_number").cast(pl.Int64))
        found.append(part.join(numbers, on="session", how="left", maintain_order="left"))
    if not found:
        return rows.with_columns(_number=pl.lit(None, dtype=pl.Int64), _missing=pl.lit(None, dtype=pl.Int64))
    last = pl.col("_number").forward_fill().shift(1).over("symbol")
    return pl.concat(found).sort("symbol", "session", maintain_order=True).with_columns(_missing=pl.col("_number") - last - 1)


def _gaps(rows: pl.DataFrame) -> pl.DataFrame:
    held = pl.when(pl.col("_number").is_not_null()).then("session")
    skipped = _numbered(rows).with_columns(_after=held.forward_fill().shift(1).over("symbol")).filter(pl.col("_missing") > 0)
    return _finding(skipped, "gap", pl.format("{} sessions without a bar after {}.", "_missing", "_after"))
