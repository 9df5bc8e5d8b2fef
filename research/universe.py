"""Which securities could be chosen on a day, and how many of them are gone by a later one.

A backtest over the names that exist today has left out the ones that failed. :func:`universe` takes a day and uses what was known then:
the members of an index where they are known, else what was listed and traded enough in the sessions before. :func:`survivorship` then
says how many of these names are dead by a later day, so that a file of survivors shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from research.calendar import followed, mic_of
from research.errors import DataError, SchemaError, UsageError
from research.instruments import in_effect
from research.schemas import INSTANT
from research.store import as_instant

__all__ = ["LOOKBACK", "UNIVERSE", "Survivorship", "survivorship", "universe"]

#: sessions of the market over which trading is measured
LOOKBACK = 60

#: columns of the frame :func:`universe` returns
UNIVERSE: dict[str, Any] = {
    "session": pl.Date,
    "symbol": pl.String,
    "name": pl.String,
    "mic": pl.String,
    "currency": pl.String,
    "issuer": pl.String,
    "amount": pl.Float64,
    "traded": pl.Float64,
    "rank": pl.Int32,
    "basis": pl.String,
}

#: a share class at the end of a name: "Alphabet class C", "Fox Corp. (Class B)", "万科B"
_CLASS, _CLASS_ZH = r"(?i)[\s,(-]*\b(?:class|series|cl\.?)\s*[a-z]\b\)?\s*$", r"(\p{Han})[A-CＡ-Ｃ]$"


@dataclass(frozen=True, slots=True)
class Survivorship:
    """What became of a universe by a later day.

    ``names``: ``symbol, status, last_session, delisted_on``, one row a name; status ``listed``, ``delisted`` (the master's rows ended),
    ``silent`` (listed or unknown to the master, and without a trade in the last 60 sessions stored of its market before that day).
    """

    session: date
    later: date
    n: int
    delisted: int
    silent: int
    names: pl.DataFrame

    @property
    def dead(self) -> int:
        """Names that are delisted or silent."""
        return self.delisted + self.silent

    def __str__(self) -> str:
        """One sentence."""
        share = f"{self.dead / self.n:.1%}" if self.n else "none"
        return (
            f"Of {self.n:,} names of {self.session:%Y-%m-%d}, {self.dead:,} ({share}) are dead by {self.later:%Y-%m-%d}: "
            f"{self.delisted:,} delisted, {self.silent:,} without a trade."
        )


def universe(
    bars: pl.DataFrame,
    instruments: pl.DataFrame,
    session: date,
    *,
    asof: datetime | str | None = None,
    members: pl.DataFrame | None = None,
    mics: Sequence[str] = (),
    asset_class: str = "equity",
    lookback: int = LOOKBACK,
    min_traded: float = 0.5,
    min_amount: float = 0.0,
    top: int | None = None,
    one_per_issuer: bool = False,
) -> pl.DataFrame:
    r"""Return the securities that could be chosen for ``session``.

    With *L* the last ``lookback`` sessions of a symbol's market among the bars that are known, and :math:`a_s` the amount traded
    (close × volume where no amount is reported, 0 on a day without a bar or suspended):

    .. math:: \text{amount} = \operatorname{median}_{s \in L} a_s, \qquad \text{traded} = \frac{|\{s \in L: \text{not suspended}\}|}{|L|}

    Parameters
    ----------
    bars
        The ``bars`` table. Of it only sessions before ``session`` are read, or with ``asof`` rows with ``available_at < asof``.
    instruments
        The ``instruments`` table: its rows that are true on ``session`` say what was listed. A symbol with bars that the master does
        not know at all stays, with null ``name``; one it knows, but not on that day, goes.
    session
        The day.
    asof
        Decision instant; with it the bar of ``session`` itself may be used where it was available.
    members
        ``symbol, start, end`` of an index: first and last day of membership, ``end`` null while it lasts. The universe is then its
        members on that day, liquid or not: ``min_traded``, ``min_amount`` and ``top`` are not applied.
    mics
        Markets whose calendar the symbols follow (``XSHG`` for Shanghai, Shenzhen and Beijing); every market by default.
    asset_class
        Kind of instrument.
    min_traded, min_amount, top
        Least share of sessions traded, least amount in currency units a day, and how many of each currency with the largest amounts.
    one_per_issuer
        Of A/H twins and share classes keep the one that ranks higher within its currency.

    Returns
    -------
    DataFrame
        Columns as in ``UNIVERSE``, sorted by symbol: ``amount`` in currency units a day (null without bars), ``traded`` in [0, 1],
        ``rank`` of the amount within the currency (1 is the largest), ``issuer`` the same for twins and share classes, ``basis``
        ``member`` or ``liquid``.

    Raises
    ------
    DataError
        When no index has a member that day.
    """
    if lookback < 1 or not 0 <= min_traded <= 1 or (top is not None and top < 1):
        raise UsageError(
            f"lookback {lookback}, min_traded {min_traded} and top {top} came; expected lookback and top of 1 or more, a share from 0 to 1."
        )
    rows = in_effect(instruments)
    listed = rows.filter(pl.col("valid_from") <= session, pl.col("valid_to").is_null() | (pl.col("valid_to") >= session))
    liquid = _liquidity(_known(bars, session, asof), lookback)
    if members is None:
        found = liquid.join(listed, on="symbol", how="left", suffix="_master")
        unknown = ~pl.col("symbol").is_in(rows["symbol"].unique().sort().to_list())
        found = found.filter(unknown | (pl.col("asset_class") == asset_class)).with_columns(basis=pl.lit("liquid"))
    else:
        inside = _members(members, session)
        found = inside.join(liquid, on="symbol", how="left").join(listed, on="symbol", how="left", suffix="_master")
        found = found.with_columns(basis=pl.lit("member"))
    found = found.with_columns(
        pl.lit(session).alias("session"),
        _market(found["symbol"]),
        mic=pl.coalesce("mic", pl.col("symbol").map_elements(mic_of, return_dtype=pl.String)),
        currency=pl.coalesce("currency", "currency_master"),
        issuer=_issuer(found),
    )
    if mics:
        found = found.filter(pl.col("market").is_in(sorted({followed(mic) for mic in mics})))
    if members is None:
        found = found.filter(pl.col("traded") >= min_traded, pl.col("amount") >= min_amount)
    found = found.with_columns(rank=pl.col("amount").rank("ordinal", descending=True).over("currency", order_by="symbol").cast(pl.Int32))
    if one_per_issuer:
        place = pl.col("rank") / pl.col("rank").max().over("currency")
        found = found.sort(place, "symbol", nulls_last=True).unique("issuer", keep="first", maintain_order=True)
    if members is None and top is not None:
        found = found.sort("currency", "rank").group_by("currency", maintain_order=True).head(top)
    return found.select(pl.col(name).cast(dtype) for name, dtype in UNIVERSE.items()).sort("symbol")


def survivorship(chosen: pl.DataFrame, bars: pl.DataFrame, instruments: pl.DataFrame, later: date) -> Survivorship:
    """Say how many names of a universe are dead by a later day.

    Parameters
    ----------
    chosen
        What :func:`universe` returned (``session, symbol``).
    bars, instruments
        The tables; bars after ``later`` are not read.
    later
        The day.

    Raises
    ------
    UsageError
        When ``later`` lies before the universe's session.
    """
    if chosen.is_empty():
        raise UsageError("An empty universe came; expected the names of one session.")
    session = chosen["session"].max()
    if not isinstance(session, date) or later < session:
        raise UsageError(f"The later day came as {later}; expected one after the universe's session, {session!s}.")
    past = bars.filter(pl.col("session") <= later).select("symbol", "session", "suspended")
    past = past.with_columns(_market(past["symbol"]))
    days = past.select("market", "session").unique().sort("market", "session", descending=[False, True])
    since = days.group_by("market", maintain_order=True).agg(since=pl.col("session").head(LOOKBACK).last())
    last = past.filter(~pl.col("suspended")).group_by("symbol").agg(last_session=pl.col("session").max())
    ends = in_effect(instruments).group_by("symbol", maintain_order=True).agg(delisted_on=pl.col("valid_to").last())
    names = chosen.select("symbol").with_columns(_market(chosen["symbol"]))
    names = names.join(ends, on="symbol", how="left").join(last, on="symbol", how="left").join(since, on="market", how="left")
    gone = pl.col("delisted_on") < later
    mute = pl.col("last_session").is_null() | (pl.col("last_session") < pl.col("since"))
    status = pl.when(gone).then(pl.lit("delisted")).when(mute).then(pl.lit("silent")).otherwise(pl.lit("listed"))
    names = names.select("symbol", status=status, last_session="last_session", delisted_on=pl.when(gone).then("delisted_on")).sort("symbol")
    counts = dict(names.group_by("status").len().rows())
    return Survivorship(session, later, names.height, counts.get("delisted", 0), counts.get("silent", 0), names)


def _known(bars: pl.DataFrame, session: date, asof: datetime | str | None) -> pl.DataFrame:
    if asof is None:
        return bars.filter(pl.col("session") < session)
    return bars.filter(pl.col("session") <= session, pl.col("available_at") < pl.lit(as_instant(asof), dtype=INSTANT))


def _liquidity(bars: pl.DataFrame, lookback: int) -> pl.DataFrame:
    """Return ``symbol, currency, amount, traded`` over the last sessions of each symbol's market."""
    live = ~pl.col("suspended")
    rows = bars.select(
        "symbol", "session", "currency", live=live, value=pl.when(live).then(pl.coalesce("amount", pl.col("close") * pl.col("volume")))
    )
    rows = rows.with_columns(_market(rows["symbol"]))
    days = rows.select("market", "session").unique().sort("market", "session", descending=[False, True])
    window = days.group_by("market", maintain_order=True).head(lookback)
    inside = rows.join(window, on=("market", "session"), how="semi").join(window.group_by("market").len("n"), on="market")
    # A session without a trade counts as an amount of zero: the median is of all n, so the zeros come first.
    ordered = inside.sort("symbol", "value", nulls_last=False).with_columns(pl.col("value").fill_null(0.0))
    n, held = pl.col("n").first(), pl.len()

    def ranked(place: pl.Expr) -> pl.Expr:
        missing = n - held
        return pl.when(place < missing).then(0.0).otherwise(pl.col("value").sort().get((place - missing).clip(0).cast(pl.Int64)))

    middle = (ranked((n.cast(pl.Int64) - 1) // 2) + ranked(n.cast(pl.Int64) // 2)) / 2
    return ordered.group_by("symbol", maintain_order=True).agg(
        currency=pl.col("currency").sort_by("session").last(), amount=middle, traded=pl.col("live").sum() / n
    )


def _members(members: pl.DataFrame, session: date) -> pl.DataFrame:
    for column in ("symbol", "start", "end"):
        if column not in members.columns:
            raise SchemaError("members", column, f"columns {', '.join(members.columns)}", "symbol, start and end of membership")
    inside = members.filter(pl.col("start") <= session, pl.col("end").is_null() | (pl.col("end") >= session))
    if inside.is_empty():
        first = members.select(pl.col("start").cast(pl.String).min()).item()
        raise DataError(f"No symbol is a member on {session}; memberships begin on {first}: choose a later day, or leave members out.")
    return inside.select("symbol").unique().sort("symbol")


def _issuer(found: pl.DataFrame) -> pl.Series:
    """Return a symbol that stands for the issuer: the smallest among a twin pair, or among names that differ in the share class only."""
    base = pl.coalesce("name", "symbol").str.replace(_CLASS, "").str.replace(_CLASS_ZH, "$1").str.strip_chars().str.to_lowercase()
    pair = pl.min_horizontal("symbol", "twin")
    ids = found.with_columns(_pair=pair, _base=base).with_columns(_issuer=pl.col("_pair").min().over("_base"))
    return ids.with_columns(pl.col("_issuer").min().over("_pair"))["_issuer"]


def _market(symbols: pl.Series) -> pl.Series:
    distinct = symbols.unique().sort().to_list()
    mics = [followed(mic_of(symbol)) for symbol in distinct]
    return symbols.replace_strict(distinct, mics, default=None, return_dtype=pl.String).alias("market")
