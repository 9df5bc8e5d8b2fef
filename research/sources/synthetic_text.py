"""Sentences of the embedded market: templates from ``research/data/synthetic_{zh,en}.toml``, filled with plausible numbers.

A story's numbers are drawn once (``numbers``) and worded as often as needed (``compose``): an original, a rephrasing by
another paper and a translation then state the same amounts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

__all__ = ["Company", "Numbers", "compose", "numbers", "to_traditional"]

PAIRED = ("denied", "plain", "ambiguous")  # the n-th lead belongs to the n-th headline


@dataclass(frozen=True, slots=True)
class Company:
    """What a sentence needs to know of an instrument.

    ``market`` is ``cn``, ``hk`` or ``us``; ``aliases`` are (text, language, needs_context).
    """

    symbol: str
    name: str
    zh: str
    sector: str
    market: str
    price: float
    aliases: tuple[tuple[str, str, bool], ...] = ()
    nickname: str | None = None

    def named(self, language: str) -> str:
        """Return the listed name in ``language`` (``zh`` or ``en``)."""
        return self.zh if language == "zh" else self.name


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers and bystanders of one story; amounts in units of 100 million, ``picks`` choose from the word lists."""

    high: int
    low: int
    cash: int
    pct: int
    pct2: float
    pct3: int
    shares: int
    unit: int
    unit2: float
    price: float
    picks: tuple[int, ...]


def numbers(company: Company, rng: np.random.Generator) -> Numbers:
    """Draw the numbers of one story about ``company``."""
    low = int(rng.integers(2, 9))
    return Numbers(
        high=low + int(rng.integers(1, 10)),
        low=low,
        cash=int(rng.integers(3, 60)),
        pct=int(rng.integers(11, 46)),
        pct2=int(rng.integers(10, 50)) / 10,
        pct3=int(rng.integers(5, 13)) * 5,
        shares=int(rng.integers(3, 60)) * 100,
        unit=int(rng.integers(12, 90)) * 10 + 9,
        unit2=int(rng.integers(8, 60)) / 10,
        price=round(company.price * float(rng.uniform(0.8, 1.25)), 2),
        picks=tuple(int(pick) for pick in rng.integers(0, 1 << 16, 8)),
    )


def compose(
    section: str,
    language: str,
    company: Company,
    peer: Company,
    story: Numbers,
    when: datetime,
    rng: np.random.Generator,
) -> tuple[str, str]:
    """Return (headline, body) for an event type, or for ``denied``, ``plain``, ``ambiguous``.

    Parameters
    ----------
    section
        Event type or kind of text; selects the templates.
    language
        ``zh`` (simplified) or ``en``.
    company, peer
        Subject, and a company that may be named in passing.
    when
        Publication in the reader's own zone: the day words of the text follow from it.
    """
    templates = _templates(language)
    chosen = templates["event"].get(section) or templates[section]
    words = _words(language, company, peer, story, when, rng)
    # A well-known nickname may stand in a headline; the lead then gives the listed name.
    nickname = company.nickname if company.nickname and (company.nickname.isascii() == (language == "en")) else None
    front = words | {"name": nickname} if nickname and rng.random() < 0.2 else words
    at = int(rng.integers(len(chosen["headlines"])))
    headline = _fill(chosen["headlines"][at], front)
    lead = chosen["leads"][at if section in PAIRED else int(rng.integers(len(chosen["leads"])))]
    n_details = int(rng.integers(1, min(5, len(chosen["details"])) + 1))
    order = rng.permutation(len(chosen["details"]))[:n_details]
    sentences = [_fill(lead, words), *(_fill(chosen["details"][i], words) for i in order)]
    return _capital(headline), ("" if language == "zh" else " ").join(_capital(sentence) for sentence in sentences)


def to_traditional(text: str) -> str:
    """Return ``text`` in the traditional script of Hong Kong."""
    return str(_converter().convert(text))


@lru_cache(maxsize=1)
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("s2hk")


@lru_cache(maxsize=2)
def _templates(language: str) -> dict[str, Any]:
    return tomllib.loads((files("research.data") / f"synthetic_{language}.toml").read_text(encoding="utf-8"))


def _fill(template: str, words: Mapping[str, str]) -> str:
    return template.format_map(words)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _words(language: str, company: Company, peer: Company, story: Numbers, when: datetime, rng: np.random.Generator) -> dict[str, str]:
    lists = _templates(language)["words"]

    def pick(slot: int, options: list[str]) -> str:
        return options[story.picks[slot] % len(options)]

    brokers = [broker for broker in lists["brokers"] if broker != company.named(language)]
    name = company.named(language)
    sure = [name] + [text for text, lang, context in company.aliases if lang == language and not context]
    unsure = [text for text, lang, context in company.aliases if lang == language and context]
    short = unsure[0] if unsure and rng.random() < 0.25 else sure[int(rng.integers(len(sure)))]
    shared = {
        "name": name,
        "short": short,
        "code": _code(company, language) if rng.random() < 0.3 else "",
        "peer": peer.named(language),
        "broker": pick(0, brokers),
        "person": pick(1, lists["persons"]),
        "holder": pick(2, lists["holders"]),
        "city": pick(3, lists["cities"]),
        "client": pick(4, lists["clients"]),
        "regulator": pick(5, lists["regulators"][company.market]),
        "product": pick(6, lists["products"][company.sector]),
        "contract": pick(7, lists["contracts"][company.sector]),
        "sector": lists["sectors"][company.sector],
        "year": str(when.year),
        "pct": str(story.pct),
        "pct2": f"{story.pct2:.1f}",
        "pct3": str(story.pct3),
        "count": str(story.unit),
    }
    return shared | (_chinese(company, story, when) if language == "zh" else _english(company, story, when, shared))


def _chinese(company: Company, story: Numbers, when: datetime) -> dict[str, str]:
    hour = when.hour
    return {
        "high": str(story.high),
        "low": str(story.low),
        "cash": str(story.cash),
        "shares": str(story.shares),
        "unit": str(story.unit),
        "unit2": f"{story.unit2:.1f}",
        "price": f"{story.price:.2f}",
        "cur": {"cn": "元", "hk": "港元", "us": "美元"}[company.market],
        "day": f"{when.month}月{when.day}日",
        "when": "凌晨" if hour < 6 else "早间" if hour < 11 else "午间" if hour < 13 else "下午" if hour < 17 else "晚间",
        "period": _period(when, ("一季度", "二季度", "三季度", "四季度"), "{year}年{quarter}"),
    }


def _english(company: Company, story: Numbers, when: datetime, shared: Mapping[str, str]) -> dict[str, str]:
    sign = {"cn": "RMB ", "hk": "HK$", "us": "$"}[company.market]

    def money(hundred_millions: int) -> str:
        return f"{sign}{hundred_millions / 10:g} billion" if hundred_millions >= 10 else f"{sign}{hundred_millions * 100} million"

    period = _period(when, ("first-quarter", "second-quarter", "third-quarter", "fourth-quarter"), "{quarter}")
    regulator = shared["regulator"]
    return {
        "high": money(story.high),
        "low": money(story.low),
        "cash": money(story.cash),
        "shares": f"{story.shares / 100:g}",
        "unit": f"{sign}{story.unit}",
        "price": f"{sign}{story.price:.2f}",
        "dps": f"{sign}{story.unit2 / 10:.2f}",
        "day": f"{when:%B} {when.day}",
        "weekday": f"{when:%A}",
        "period": period,
        "period_cap": _capital(period),
        "regulator": regulator.removeprefix("the "),
        "regulator_the": regulator,
        "regulator_cap": _capital(regulator),
        "client_cap": _capital(shared["client"]),
        "sector_cap": _capital(shared["sector"]),
    }


def _period(when: datetime, quarters: tuple[str, str, str, str], pattern: str) -> str:
    """Return the quarter that ended last before ``when``."""
    quarter = (when.month - 1) // 3 - 1
    return pattern.format(year=when.year if quarter >= 0 else when.year - 1, quarter=quarters[quarter % 4])


def _code(company: Company, language: str) -> str:
    number, _, suffix = company.symbol.partition(".")
    if company.market == "us":
        return f"（NYSE: {number}）" if language == "zh" else f" (NYSE: {number})"
    code = f"{number}.SH" if suffix == "SS" else f"0{number}.HK" if suffix == "HK" else company.symbol
    return f"（{code}）" if language == "zh" else f" ({code})"
