"""A study's protocol: what is tried, on which share of the sessions, at which costs, decided before a result is seen.

:func:`read_protocol` reads ``docs/protocol.toml`` (or another file of that shape) into frozen values. Windows are shares of the sessions
that have news and a return, so that one protocol serves any file; or they begin at days that are given, so that more rows change nothing.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from research.errors import UsageError
from research.schemas import content_id

__all__ = ["KINDS", "Protocol", "Variant", "read_protocol"]

#: kind of variant -> its settings and what each is when the file does not say; ``None`` has to be said
KINDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "constant": {},
        "feature": {"feature": None},
        "product": {"features": None},
        "equal": {"features": None},
        "ridge": {"alpha": 1.0},
        "logistic": {"c": 1.0},
        "boosting": {"leaves": 15, "rounds": 200, "rate": 0.05, "leaf_share": 0.02},
        "sestm": {"n_words": 100, "penalty": 1.0, "article_share": 0.005},
        "mean": {"of": None},
    }
)

_MARKETS = ("cn", "hk", "us")
#: settings that are shares of the training rows or texts
_SHARES = ("leaf_share", "article_share")
_SHAPE: Mapping[str, Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "decision": {"lead_minutes": (int, float), "cross_section": (int,), "most_delay": (int,)},
        "horizon": dict.fromkeys(_MARKETS, (int,)),
        "portfolio": {"most_weight": (float, int), "long_only": (list,)},
        "placebo": {"draws": (int,), "exchanged": (bool,), "bootstrap": (int,)},
        "accuracy": {"move": (float,)},
        "model": {"refit": (int,), "features": (list,)},
    }
)
#: windows by shares, or by first days
_WINDOWS: tuple[Mapping[str, tuple[type, ...]], ...] = (
    MappingProxyType({"train": (float,), "validation": (float,)}),
    MappingProxyType({"validation_from": (date,), "test_from": (date,)}),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that is tried: ``name@version``, a kind of :data:`KINDS`, its settings."""

    name: str
    kind: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything a study could have chosen otherwise.

    Attributes
    ----------
    name, protocol_id
        Of the file, and a hash of all it says.
    train, validation
        Shares of the sessions; the rest is the test.
    begins
        First days of validation and test, where the file gives days in place of shares (which are then zero).
    lead
        How long before the next open the decision is made.
    cross_section
        Names the median session of training has to have for ranks within sessions.
    most_delay
        Sessions prices may begin after the news.
    horizons
        Sessions held, by market.
    most_weight, long_only
        Largest weight of a name; markets in which nothing is sold short.
    draws, bootstrap, exchanged
        Shuffled dates; resamples; whether everything is run once more with exchanged texts.
    move
        The share of right directions is also given for returns beyond this.
    refit, features
        Sessions between two fits of a model; the features it is given.
    variants
        What is tried.
    seed
        Of everything random.
    """

    name: str
    protocol_id: str
    train: float
    validation: float
    begins: tuple[date, date] | None
    lead: timedelta
    cross_section: int
    most_delay: int
    horizons: Mapping[str, int]
    most_weight: float
    long_only: tuple[str, ...]
    draws: int
    bootstrap: int
    exchanged: bool
    move: float
    refit: int
    features: tuple[str, ...]
    variants: tuple[Variant, ...]
    seed: int


def read_protocol(path: Path) -> Protocol:
    """Read a protocol.

    Raises
    ------
    UsageError
        For a file that is no TOML, or a value that is missing, unknown, or out of range; the sentence names it.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML ({error}); expected a protocol such as docs/protocol.toml.") from None
    known = {"name": (str,), "seed": (int,), "windows": (dict,), "variant": (list,), **dict.fromkeys(_SHAPE, (dict,))}
    _shaped(path, "it", said, known)
    for table, shape in _SHAPE.items():
        _shaped(path, f"[{table}]", said[table], shape)
    (train, validation), begins = _windows(path, said["windows"])
    horizons = said["horizon"]
    for name, value, least in (
        *((f"horizon of {market}", h, 1) for market, h in horizons.items()),
        ("seed", said["seed"], 0),
        ("cross_section", said["decision"]["cross_section"], 3),
        ("most_delay", said["decision"]["most_delay"], 0),
        ("draws", said["placebo"]["draws"], 1),
        ("bootstrap", said["placebo"]["bootstrap"], 99),
        ("refit", said["model"]["refit"], 1),
    ):
        if value < least:
            raise UsageError(f"{path} has {name} = {value}; expected at least {least}.")
    if horizons["cn"] < 2:
        raise UsageError(
            f"{path} has horizon of cn = {horizons['cn']}; expected at least 2, "
            "as mainland shares cannot be sold on the day they are bought."
        )
    # A decision after the open it trades at could not have been made; a day is longer than any night.
    if not 0 <= said["decision"]["lead_minutes"] <= 24 * 60:
        raise UsageError(f"{path} has lead_minutes = {said['decision']['lead_minutes']}; expected minutes before the open, from 0 to 1440.")
    unknown = [market for market in said["portfolio"]["long_only"] if market not in list(horizons)]
    if unknown:
        raise UsageError(f"{path} has long_only with {unknown[0]!r}; expected markets of [horizon]: {', '.join(horizons)}.")
    if not 0 <= said["accuracy"]["move"] < math.inf:
        raise UsageError(f"{path} has move = {said['accuracy']['move']}; expected a return of 0 or more, such as 0.005.")
    if not all(isinstance(name, str) for name in said["model"]["features"]):
        raise UsageError(f"{path} has features = {said['model']['features']!r}; expected a list of names.")
    if not 0 < said["portfolio"]["most_weight"] <= 1:
        raise UsageError(f"{path} has most_weight = {said['portfolio']['most_weight']}; expected a share above 0, 1 at most.")
    variants = tuple(_variant(path, number, table) for number, table in enumerate(said["variant"], 1))
    names = [variant.name for variant in variants]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"{path} has {len(names)} variants, {len(names) - len(set(names))} of them with a name that was used; expected names."
        )
    for variant in variants:
        absent = sorted(set(variant.settings.get("of", ())) - set(names))
        if absent:
            raise UsageError(f"{path}, variant {variant.name}, is a mean of {absent[0]}, which is no variant of the file.")
    return Protocol(
        name=said["name"],
        protocol_id=content_id("protocol", _plain(said)),
        train=train,
        validation=validation,
        begins=begins,
        lead=timedelta(minutes=float(said["decision"]["lead_minutes"])),
        cross_section=said["decision"]["cross_section"],
        most_delay=said["decision"]["most_delay"],
        horizons=MappingProxyType(dict(horizons)),
        most_weight=float(said["portfolio"]["most_weight"]),
        long_only=tuple(said["portfolio"]["long_only"]),
        draws=said["placebo"]["draws"],
        bootstrap=said["placebo"]["bootstrap"],
        exchanged=said["placebo"]["exchanged"],
        move=said["accuracy"]["move"],
        refit=said["model"]["refit"],
        features=tuple(said["model"]["features"]),
        variants=variants,
        seed=said["seed"],
    )


def _windows(path: Path, came: Mapping[str, Any]) -> tuple[tuple[float, float], tuple[date, date] | None]:
    """Return the shares of train and validation (zeros for windows by days), and the first days of validation and test."""
    by_days = set(came) & set(_WINDOWS[1])
    _shaped(path, "[windows]", came, _WINDOWS[bool(by_days)])
    if by_days:
        days = tuple(day.date() if isinstance(day, datetime) else day for day in (came["validation_from"], came["test_from"]))
        if days[0] >= days[1]:
            raise UsageError(f"{path} has validation_from = {days[0]} and test_from = {days[1]}; expected the test to begin later.")
        return (0.0, 0.0), (days[0], days[1])
    # Written so that NaN, which compares as false, is refused too.
    if not (all(share > 0 for share in came.values()) and sum(came.values()) < 1):
        raise UsageError(
            f"{path} has train = {came['train']} and validation = {came['validation']}; expected shares above 0 with a sum below 1."
        )
    return (float(came["train"]), float(came["validation"])), None


def _shaped(path: Path, where: str, came: Mapping[str, Any], expected: Mapping[str, Sequence[type]]) -> None:
    unknown, absent = sorted(set(came) - set(expected)), [name for name in expected if name not in came]
    if unknown or absent:
        what = f"{unknown[0]!r}, which is not known" if unknown else f"no {absent[0]!r}"
        raise UsageError(f"In {path} {where} has {what}; expected {', '.join(expected)}.")
    for name, kinds in expected.items():
        if not isinstance(came[name], tuple(kinds)) or (isinstance(came[name], bool) and bool not in kinds):
            raise UsageError(f"In {path} {where} has {name} = {came[name]!r}; expected {' or '.join(kind.__name__ for kind in kinds)}.")


def _variant(path: Path, number: int, table: Any) -> Variant:
    where = f"{path}, variant {number},"
    if not isinstance(table, dict) or not isinstance(table.get("name"), str) or "@" not in table["name"]:
        raise UsageError(f"{where} has no name of the shape name@version.")
    kind = str(table.get("kind"))
    if kind not in KINDS:
        raise UsageError(f"{where} has kind = {kind!r}; expected one of {', '.join(KINDS)}.")
    unknown = sorted(set(table) - {"name", "kind", *KINDS[kind]})
    settings = {name: table.get(name, default) for name, default in KINDS[kind].items()}
    absent = [name for name, value in settings.items() if value is None]
    if unknown or absent:
        raise UsageError(
            f"{where} has {unknown[0] if unknown else 'no ' + absent[0]}; expected {', '.join(KINDS[kind]) or 'no settings'} for {kind}."
        )
    for name, value in settings.items():
        default = KINDS[kind][name]
        if default is not None:
            _number(where, name, value, default)
        elif not _names(value, one=name == "feature"):
            raise UsageError(f"{where} has {name} = {value!r}; expected {'a name' if name == 'feature' else 'a list of names'}.")
    return Variant(table["name"], kind, MappingProxyType(settings))


def _number(where: str, name: str, value: Any, default: float) -> None:
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not 0 < value < math.inf:
        raise UsageError(f"{where} has {name} = {value!r}; expected a {'whole ' if whole else ''}number above 0, such as {default}.")
    if name in _SHARES and value > 1:
        raise UsageError(f"{where} has {name} = {value!r}; expected a share above 0, 1 at most, such as {default}.")
    if name == "leaves" and value < 2:
        raise UsageError(f"{where} has leaves = {value!r}; expected at least 2.")


def _names(value: Any, *, one: bool) -> bool:
    """Return whether the value is a name, or a list of some."""
    if one:
        return isinstance(value, str) and value != ""
    return isinstance(value, list) and value != [] and all(isinstance(name, str) and name for name in value)


def _plain(value: Any) -> str:
    import json

    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
