"""Text as counts of words.

:func:`tokens` is an ``analyzer`` of scikit-learn's ``CountVectorizer``. In a pipeline the vocabulary is fitted with the estimator, so that
:func:`signals.model.through_time` learns it, at each refit, from the training rows alone: no word enters because of a later text.
"""

from __future__ import annotations

import re

__all__ = ["tokens"]

# Latin words of two letters or more (an apostrophe or hyphen inside belongs to the word), or runs of Chinese characters.
_RUN = re.compile(r"[^\W\d_\u3400-\u9fff\uf900-\ufaff](?:['’\-]?[^\W\d_\u3400-\u9fff\uf900-\ufaff])+|[\u3400-\u9fff\uf900-\ufaff]+")


def tokens(text: str) -> list[str]:
    """Return lower-case words of Latin script and overlapping pairs of Chinese characters, in the order of the text.

    Numbers, single letters and punctuation are left out, and no pair reaches over them. A lone Chinese character is a token of its own.
    Bring traditional characters to simplified ones before (:mod:`research.cleaning`) where both occur.

    >>> tokens("Profit of 3.2bn beat the CEO's plan")
    ['profit', 'of', 'bn', 'beat', 'the', "ceo's", 'plan']
    >>> tokens("净利润大增,涨!")
    ['净利', '利润', '润大', '大增', '涨']
    """
    found: list[str] = []
    for run in _RUN.findall(text):
        if len(run) > 1 and _chinese(run[0]):
            found += [run[i : i + 2] for i in range(len(run) - 1)]
        else:
            found.append(run.lower())
    return found


def _chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"
