"""Rows per second of the tone rules and of a trained tone model on sentences made here, against snownlp and VADER where they are installed.

Run: python benchmarks/tone.py [--rows N] [--repeat N] [--seed N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from research import sentiment, tone_training

NAMES = {"zh": ["凌云科技", "远山电子", "青禾股份", "北岸控股"], "en": ["Zephyr", "Bolt", "Acme Holdings", "Cern Group"]}
SAID = {
    "zh": {
        "positive": ["业绩大增{}%", "中标{}亿元大单", "拟回购{}亿元股份"],
        "negative": ["净利下滑{}%", "股东减持{}万股", "被立案调查,跌{}%"],
    },
    "en": {
        "positive": ["profit jumps {}%", "wins a ${} million order", "raises its outlook by {}%"],
        "negative": ["profit slumps {}%", "loses a ${} million order", "cuts its outlook by {}%"],
    },
}
JOINS = {"zh": ",", "en": " while "}


def made(language: str, n: int, clauses: int, seed: int) -> list[dict[str, Any]]:
    """Rows of ``clauses`` clauses, each of one company; the target is one of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        kinds = rng.choice(["positive", "negative"], clauses)
        names = rng.choice(NAMES[language], clauses)
        parts = []
        for name, kind in zip(names, kinds, strict=True):
            said = str(rng.choice(SAID[language][kind])).format(rng.integers(2, 99))
            parts.append(f"{name}{'' if language == 'zh' else ' '}{said}")
        text = JOINS[language].join(parts)
        rows.append({"id": i, "text": text, "target": str(names[0]), "lang": language, "label": str(kinds[0])})
    return rows


def peers() -> Iterator[tuple[str, str, Callable[[str], object]]]:
    """Yield (language, name, function) of what is installed; say what is not."""
    if find_spec("snownlp"):
        snow = import_module("snownlp").SnowNLP
        yield "zh", "snownlp", lambda text: snow(text).sentiments
    else:
        print("snownlp is not installed (it is no dependency): nothing to compare Chinese with.")
    if find_spec("vaderSentiment"):
        vader = import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
        yield "en", "VADER", vader.polarity_scores
    else:
        print("vaderSentiment is not installed (it is no dependency): nothing to compare English with.")


def rate(repeat: int, rows: Sequence[Mapping[str, Any]], call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return len(rows) / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    others = list(peers())
    for language in ("zh", "en"):
        for clauses in (2, 24):
            rows = made(language, options.rows, clauses, options.seed)
            start = time.perf_counter()
            model = tone_training.train(rows, options.seed)
            took = time.perf_counter() - start
            length = sum(len(row["text"]) for row in rows) // len(rows)
            found = {
                "rules": rate(options.repeat, rows, lambda rows=rows: sentiment.score_lines(rows)),
                "model": rate(options.repeat, rows, lambda rows=rows, model=model: model.score(rows)),
            }
            for spoken, name, call in others:
                if spoken == language:
                    few = rows[:200]
                    found[name] = rate(1, few, lambda few=few, call=call: [call(row["text"]) for row in few])
            print(
                f"{language}, {length} characters a row: trained in {took:.1f} s; rows/s "
                + ", ".join(f"{k} {v:,.0f}" for k, v in found.items())
            )


if __name__ == "__main__":
    main()
